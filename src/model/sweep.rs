//! The derivatives of one value by many leaves: what they have in common is derived once.

use super::derive::{Definitions, adjoint, children};
use super::edges::{guarded, where_asked};
use super::graph::{Fault, Graph, NodeId, NodeMap, NodeSet};
use std::collections::HashSet;

/// The cotangents beneath one value, made as they are asked for. They are those of [`vjp`](super::derive::vjp), in the
/// order in which a call for each leaf would make them.
#[derive(Debug)]
pub struct Sweep {
    /// Everything under the value, arguments first, and the place of each in this order.
    order: Vec<NodeId>,
    places: NodeMap<usize>,
    users: NodeMap<Vec<NodeId>>,
    /// What has a derivative only where it is asked for.
    guarded: HashSet<NodeId>,
    /// `None` where nothing comes back.
    cotangents: NodeMap<Option<NodeId>>,
}

impl Sweep {
    /// Of the product of `seed` with the Jacobian of `y`.
    pub fn new(g: &Graph, y: NodeId, seed: NodeId, through: Definitions) -> Sweep {
        let (mut order, mut places, mut open) = (Vec::new(), NodeMap::default(), NodeSet::default());
        let mut users: NodeMap<Vec<NodeId>> = NodeMap::default();
        let mut stack = vec![(y, false)];
        while let Some((id, ready)) = stack.pop() {
            if places.contains_key(&id) {
                continue;
            }
            if ready {
                places.insert(id, order.len());
                order.push(id);
            } else if open.insert(id) {
                let read = children(g, id, through);
                for c in &read {
                    let of = users.entry(*c).or_default();
                    if of.last() != Some(&id) {
                        of.push(id);
                    }
                }
                stack.push((id, true));
                stack.extend(read.into_iter().map(|c| (c, false)));
            }
        }
        let guarded = guarded(g, &order);
        Sweep { order, places, users, guarded, cotangents: NodeMap::from_iter([(y, Some(seed))]) }
    }

    /// The derivative by a leaf that stands for nothing else; `None` where there is none.
    pub fn by(&mut self, g: &mut Graph, leaf: NodeId, through: Definitions) -> Result<Option<NodeId>, Fault> {
        if !self.places.contains_key(&leaf) {
            return Ok(None);
        }
        // From the leaf up to what is known.
        let (mut new, mut stack, mut todo) = (NodeSet::default(), vec![leaf], Vec::new());
        while let Some(id) = stack.pop() {
            todo.push(self.places[&id]);
            if !self.cotangents.contains_key(&id) && new.insert(id) {
                stack.extend(self.users.get(&id).into_iter().flatten());
            }
        }
        todo.sort_unstable_by(|a, b| b.cmp(a));
        todo.dedup();
        let mut made: NodeMap<NodeId> = NodeMap::default();
        for place in todo {
            let id = self.order[place];
            let bar = made.get(&id).copied().or_else(|| self.cotangents.get(&id).copied().flatten());
            let Some(bar) = bar.filter(|b| id != leaf && !g.is_zero(*b)) else { continue };
            for (arg, part) in adjoint(g, id, bar, &new, through)? {
                if !new.contains(&arg) {
                    continue;
                }
                let part = if self.guarded.contains(&id) { where_asked(g, bar, part)? } else { part };
                if g.is_zero(part) {
                    continue;
                }
                let sum = match made.get(&arg) {
                    Some(&old) => g.add(old, part)?,
                    None => part,
                };
                made.insert(arg, sum);
            }
        }
        self.cotangents.extend(new.into_iter().map(|id| (id, made.get(&id).copied())));
        Ok(self.cotangents.get(&leaf).copied().flatten())
    }
}
