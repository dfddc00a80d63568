//! `proposed(x)` in a measure: what rules ask for in the stage of training at hand.

use super::elaborate::Elab;
use super::graph::{Leaf, NodeId, NodeKind, Ty};
use super::network::{EdgeId, PopId};
use super::rule::{Target, Update};
use super::value::{Place, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ops::Binary;
use crate::source::Span;
use crate::syntax::ast::Expr;

impl Elab<'_> {
    /// `proposed(h)`: the bias update that the rule would make for each example; `proposed(w.W)`: its direction.
    pub(crate) fn proposed(&mut self, scope: &Scope, span: Span, x: &Expr) -> Val {
        if scope.place != Place::Measure {
            let d = Diagnostic::new(Code::T0210, span, "`proposed` belongs in a measure", "");
            return self.report(d.help("a rule says what it proposes by `update ... along ...`"));
        }
        let v = self.eval(scope, x, None);
        let node = match &v {
            Val::Error => return Val::Error,
            Val::Pop(p) => return self.proposed_drive(*p),
            v => self.tensor(v, x.span),
        };
        let Some(node) = node else { return Val::Error };
        match self.g.node(node).kind.clone() {
            NodeKind::Leaf(Leaf::Drive(p) | Leaf::Rate(p)) => self.proposed_drive(p),
            NodeKind::Leaf(Leaf::Weight(w)) => self.proposed_target(Target::Weight(w), span),
            NodeKind::Leaf(Leaf::Slot(s)) => self.proposed_target(Target::Slot(s), span),
            _ => {
                let d =
                    Diagnostic::new(Code::T0409, x.span, "`proposed` is of a population or a weight", "an expression");
                self.report(d.help("give a name: `proposed(h)`, or `proposed(w.W)` of a projection that `as w` names"))
            }
        }
    }

    /// A value that every stage has its own of: that of the stage in which the next update lies, and after the last update
    /// that of the last. Where there are no stages there is one, without a number.
    pub(crate) fn at_hand(&mut self, mut of: impl FnMut(&mut Self, Option<usize>) -> Option<NodeId>) -> Option<NodeId> {
        let ends: Vec<u64> = self.task.stages.iter().map(|s| s.last).collect();
        let Some(last) = ends.len().checked_sub(1) else { return of(self, None) };
        let mut found = of(self, Some(last))?;
        for i in (0..last).rev() {
            let here = of(self, Some(i))?;
            if here != found {
                let (step, end) = (self.g.leaf(Leaf::Step, Ty::real(vec![])), self.g.number(ends[i] as f64));
                let before = self.g.binary(Binary::Less, step, end).ok()?;
                found = self.g.select(before, here, found).ok()?;
            }
        }
        Some(found)
    }

    /// The statements that act in a stage, on what it does not freeze.
    pub(crate) fn acting(&self, stage: Option<usize>) -> Vec<Update> {
        self.acting_on(stage, &|_| true)
    }

    /// Those of them that write such targets.
    fn acting_on(&self, stage: Option<usize>, target: &dyn Fn(Target) -> bool) -> Vec<Update> {
        let acts = |u: &&Update| {
            let stage = stage.map(|i| (i, &self.task.stages[i]));
            target(u.target) && stage.is_none_or(|(i, s)| u.when.holds(i, s) && !self.frozen_in(s, u.target))
        };
        self.task.updates.iter().filter(acts).cloned().collect()
    }

    fn proposed_drive(&mut self, p: PopId) -> Val {
        let shape = self.net.pop(p).shape.clone();
        let found = self.at_hand(|me, stage| {
            let acts = |when: &super::stages::When| stage.is_none_or(|i| when.holds(i, &me.task.stages[i]));
            let plain = me.task.proposals.iter().find(|(q, _, when)| *q == p && acts(when)).map(|(_, n, _)| *n);
            let n = me.proposed_into(p, stage).or(plain);
            // A rule that leaves a population alone proposes no change.
            let n = n.unwrap_or_else(|| me.g.zeros(&Ty::real(shape.clone())));
            Some(me.g.fill(n, &shape))
        });
        found.map_or(Val::Error, |n| Val::Node(self.of_plain_pass(n)))
    }

    /// What the statements that write the first learning projection into a population hand to its bias, added.
    fn proposed_into(&mut self, p: PopId, stage: Option<usize>) -> Option<NodeId> {
        let updates = self.acting(stage);
        let edge_of = |t: Target| match t {
            Target::Weight(w) => Some(self.net.weight(w).edge),
            Target::Slot(_) => None,
        };
        let into = |e: &EdgeId| self.net.edge(*e).post == p;
        let edge = updates.iter().filter(|u| u.drive.is_some()).filter_map(|u| edge_of(u.target)).find(into)?;
        let mut statements: Vec<(usize, Span)> = Vec::new();
        let mut parts = Vec::new();
        for u in updates.iter().filter(|u| edge_of(u.target) == Some(edge)) {
            // Each weight of the projection carries the same drive.
            if !statements.contains(&(u.owner, u.span)) {
                statements.push((u.owner, u.span));
                parts.extend(u.drive);
            }
        }
        parts.into_iter().reduce(|a, b| self.g.add(a, b).unwrap_or(a))
    }

    pub(crate) fn proposed_target(&mut self, t: Target, span: Span) -> Val {
        if self.task.updates.iter().all(|u| u.target != t) {
            // Where a rule is at fault, that is why it writes nothing.
            if self.diags.has_errors() {
                return Val::Error;
            }
            let (_, name) = self.target_value(t);
            return self.report(
                Diagnostic::new(Code::T0405, span, format!("no rule writes {name}"), "")
                    .help("measure a weight that a rule moves, or let the rule reach this one"),
            );
        }
        match self.at_hand(|me, stage| Some(me.proposed_in(t, stage))) {
            Some(n) => Val::Node(self.of_plain_pass(n)),
            None => Val::Error,
        }
    }

    /// The direction of a weight or state in a stage. Where some of it is handed to an optimizer and some is added as it is,
    /// these have no common measure but what they add: so that is it.
    pub(crate) fn proposed_in(&mut self, t: Target, stage: Option<usize>) -> NodeId {
        let own = self.acting_on(stage, &|x| x == t);
        let mixed = own.iter().any(|u| u.by) && own.iter().any(|u| !u.by);
        let directions = own.iter().map(|u| if mixed { u.acts } else { u.handed });
        let sum = directions.reduce(|a, b| self.g.add(a, b).unwrap_or(a));
        sum.unwrap_or_else(|| {
            let (leaf, _) = self.target_value(t);
            let ty = self.g.ty(leaf).clone();
            self.g.zeros(&ty)
        })
    }
}
