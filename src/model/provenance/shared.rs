//! One weight of several synapses: of two projections that are tied, or at several places of one; and several weights of
//! one projection, of which one carries back to another.

use super::{Property, Row, target_text};
use crate::ir::axis::Axis;
use crate::model::graph::{Graph, Leaf, NodeId, NodeKind};
use crate::model::network::{EdgeId, Inside, Network, WeightId};
use crate::model::rule::{Target, Update};
use std::collections::{HashMap, HashSet};

pub fn shared_weight(g: &Graph, net: &Network, u: &Update, row: &mut Row) {
    let Target::Weight(w) = u.target else { return };
    let weight = net.weight(w);
    // What a population that settles borrows is told of its dynamics.
    let own = |e: &EdgeId| net.edge(*e).inside != Some(Inside::Borrowed) && net.edge(*e).weights.contains(&w);
    let users: Vec<EdgeId> = net.edge_ids().filter(own).collect();
    let (at, text) = match users.as_slice() {
        [first, other, ..] => {
            let (a, b) = (net.edge_text(*first), net.edge_text(*other));
            (net.edge(*other).span, format!("{} is one weight of {a} and of {b}", weight.name))
        }
        [e] if repeated(g, net, *e, w) => {
            let text = format!("{} is one weight at many places of {}", weight.name, net.edge_text(*e));
            (net.edge(*e).span, text)
        }
        _ => return,
    };
    row.add(Property::Shared, vec![(at, text), (u.span, target_text(net, u.target))]);
}

/// Whether an element of the weight connects more than one pair of units.
fn repeated(g: &Graph, net: &Network, e: EdgeId, w: WeightId) -> bool {
    places(g, net, e, w).iter().any(|n| n.known() != Some(1))
}

/// At how many places of a projection a weight is used, as a product: the other side of a contraction has axes of the
/// result that the weight lacks, or the weight is repeated as it is.
pub fn places(g: &Graph, net: &Network, e: EdgeId, w: WeightId) -> Vec<Axis> {
    let edge = net.edge(e);
    let (pre, leaf) = (net.pop(edge.pre).rate_leaf, net.weight(w).leaf);
    let value = g.node(edge.contribution).args[0];
    let (mut moving, mut own) = (HashSet::from([pre]), HashSet::from([leaf]));
    for id in g.reachable(&[value]) {
        let node = g.node(id);
        let moves = node.args.iter().any(|a| moving.contains(a));
        let of_weight = node.args.iter().any(|a| own.contains(a));
        let found: Vec<Axis> = match &node.kind {
            NodeKind::Contract(c) if moves && of_weight => {
                let (me, other, at) = match own.contains(&node.args[0]) {
                    true => (&c.a, &c.b, node.args[1]),
                    false => (&c.b, &c.a, node.args[0]),
                };
                let more = other.iter().enumerate().filter(|(_, l)| c.out.contains(l) && !me.contains(l));
                more.map(|(i, _)| g.shape(at)[i].clone()).collect()
            }
            NodeKind::Expand(axes) if of_weight => axes.iter().map(|i| g.shape(id)[*i].clone()).collect(),
            // A number beside a tensor.
            NodeKind::Binary(_) if node.args.iter().any(|a| own.contains(a) && g.shape(*a).is_empty()) => {
                g.shape(id).to_vec()
            }
            _ => vec![],
        };
        if !found.is_empty() {
            return found;
        }
        // What depends on both is a signal on its way.
        if moves {
            moving.insert(id);
        } else if of_weight {
            own.insert(id);
        }
    }
    vec![]
}

/// The weights through which what arrives at the post side of a projection is carried back to another of its weights:
/// those that multiply what is carried, in an `outer`.
pub fn carried_within(g: &Graph, mark: NodeId) -> Vec<WeightId> {
    let (value, bar, a) = (g.node(mark).args[0], g.node(mark).args[1], g.node(mark).args[2]);
    let (mut open, mut stack) = (HashSet::new(), vec![value]);
    while let Some(id) = stack.pop() {
        if id != bar && id != a && open.insert(id) {
            stack.extend(&g.node(id).args);
        }
    }
    let mut order: Vec<NodeId> = open.into_iter().collect();
    order.sort();
    let mut carried = HashSet::from([bar]);
    let mut own: HashMap<NodeId, Vec<WeightId>> = HashMap::new();
    let mut found = Vec::new();
    for id in order {
        let node = g.node(id);
        if let NodeKind::Leaf(Leaf::Weight(w)) = node.kind {
            own.insert(id, vec![w]);
        } else if node.args.iter().any(|x| carried.contains(x)) {
            if matches!(node.kind, NodeKind::Contract(_)) {
                found.extend(node.args.iter().filter_map(|x| own.get(x)).flatten().copied());
            }
            carried.insert(id);
        } else if !node.args.contains(&a) {
            let below: Vec<WeightId> = node.args.iter().filter_map(|x| own.get(x)).flatten().copied().collect();
            if !below.is_empty() {
                own.insert(id, below);
            }
        }
    }
    found
}
