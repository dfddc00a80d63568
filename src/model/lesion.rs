//! Measures under changed conditions, `accuracy with h.rate[1..32] = 0`: the network once more, and where a rule's answer is
//! a phase, that phase and those it goes on from once more.

use super::elaborate::Elab;
use super::graph::{Leaf, Mark, NodeId, NodeKind};
use super::network::{Phase, PopId};
use super::phase::Change;
use super::value::Scope;
use crate::diag::{Code, Diagnostic};
use crate::ir::Measure;
use std::collections::HashMap;

/// What units of a population do whatever reaches them: the value, and which units if not all.
type Fixed = HashMap<PopId, (NodeId, Option<NodeId>)>;

impl Elab<'_> {
    /// A measure where something is other than it is.
    pub(crate) fn changed(&mut self, scope: &Scope, m: &Measure, n: NodeId) -> Option<NodeId> {
        let mut map = HashMap::new();
        let changes = self.changes(&m.with, scope, &[], &mut map)?;
        let fixed = self.fixed(m, &changes.pops)?;
        let id = self.net.phases.len() as u32;
        let (name, span, none) = (m.name.name.clone(), m.span, HashMap::new());
        self.net.phases.push(Phase {
            name,
            span,
            changes: vec![],
            flows: vec![],
            steps: 0,
            from: None,
            residual: None,
            map: none,
        });
        let known = self.net.values.len();
        self.run_again(id, &changes, &mut map)?;
        if self.answers.is_empty() {
            return self.g.substitute(n, &map).ok();
        }
        // What is fixed answers what it is fixed to.
        let answers = self.answers.clone();
        for (p, (value, units)) in &fixed {
            let leaf = self.net.pop(*p).rate_leaf;
            let now = answers.get(&leaf).copied().unwrap_or(leaf);
            let now = units.map_or(Some(*value), |u| self.g.select(u, *value, now).ok())?;
            self.answers.insert(leaf, now);
        }
        let n = self.as_answered(n);
        self.answers = answers;
        self.settled_again(n, &map, &fixed, known)
    }

    /// The rates that are set. Beneath an answer nothing else of a population can be changed, as what settles there reads
    /// its function and not its drive.
    fn fixed(&mut self, m: &Measure, changes: &[Change]) -> Option<Fixed> {
        let mut fixed = Fixed::new();
        if self.answers.is_empty() {
            return Some(fixed);
        }
        for c in changes.iter().filter(|c| !self.net.pop(c.pop).input) {
            if !(c.rate && c.op == crate::syntax::ast::AssignOp::Set) {
                let what = "the rule answers by a phase: beneath it a measure sets rates, and adds nothing to them";
                let d = Diagnostic::new(Code::T0208, m.span, what, "");
                self.report(d.help("set units, `with h.rate[1..8] = 0`, or change the input or weights"));
                return None;
            }
            fixed.insert(c.pop, (c.value, c.units));
        }
        Some(fixed)
    }

    /// A value of phases with all their steps taken again: leaves of the plain pass as `map` has them, and units that are
    /// fixed responding with what they are fixed to, whatever drives them. `known` phase values are gone through.
    fn settled_again(
        &mut self,
        root: NodeId,
        map: &HashMap<NodeId, NodeId>,
        fixed: &Fixed,
        known: usize,
    ) -> Option<NodeId> {
        let mut done: HashMap<NodeId, NodeId> = map.clone();
        let mut stack = vec![(root, false)];
        while let Some((id, ready)) = stack.pop() {
            if done.contains_key(&id) {
                continue;
            }
            let node = self.g.node(id).clone();
            let within = match node.kind {
                NodeKind::Leaf(Leaf::In(k)) if (k as usize) < known => Some(self.net.values[k as usize].node),
                _ => None,
            };
            if !ready {
                stack.push((id, true));
                let reads = within.into_iter().chain(node.args.iter().copied());
                stack.extend(reads.filter(|a| !done.contains_key(a)).map(|a| (a, false)));
                continue;
            }
            let new = match within {
                Some(value) => done[&value],
                None => {
                    let args: Vec<NodeId> = node.args.iter().map(|a| done[a]).collect();
                    let new = if args == node.args { id } else { self.g.rebuild(&node, args).ok()? };
                    self.responds_as_fixed(&node.kind, new, fixed)?
                }
            };
            done.insert(id, new);
        }
        Some(done[&root])
    }

    fn responds_as_fixed(&mut self, kind: &NodeKind, n: NodeId, fixed: &Fixed) -> Option<NodeId> {
        let (p, still) = match kind {
            NodeKind::Mark(Mark::Respond(p)) => (p, false),
            NodeKind::Mark(Mark::Pull(p)) => (p, true),
            _ => return Some(n),
        };
        let Some((value, units)) = fixed.get(p) else { return Some(n) };
        let ty = self.g.ty(n).clone();
        let value = if still { self.g.zeros(&ty) } else { *value };
        match units {
            Some(u) => self.g.select(*u, value, n).ok(),
            None => Some(value),
        }
    }
}
