//! Rules that move nothing where they are used: no weight is reached, or what is added to each is a structural zero. They
//! would train without a word and leave every weight as it was drawn.

use super::elaborate::Elab;
use super::graph::{NodeId, NodeKind};
use super::rule::Target;
use super::value::Made;
use crate::diag::{Code, Diagnostic};
use crate::ir::{ItemKind, Rule};
use crate::ops::{Binary, Reduction, Unary};
use crate::source::Span;
use crate::syntax::ast::{ExprKind, Update};
use std::collections::HashMap;
use std::rc::Rc;

impl Elab<'_> {
    /// Tells of each rule that moves no weight here. Answers whether one of them reaches none.
    pub(crate) fn idle(&mut self, rules: &[(Rc<Made>, usize, Span)]) -> bool {
        // Where every weight is fixed, nothing is meant to move.
        if self.diags.has_errors() || self.net.edges.iter().all(|e| e.frozen || e.weights.is_empty()) {
            return false;
        }
        let mut unreached = false;
        for (number, (made, _, at)) in rules.iter().enumerate() {
            // Where parts have objectives of their own, a rule is written out for each.
            if number > 0 && Rc::ptr_eq(made, &rules[number - 1].0) {
                continue;
            }
            if !matches!(&made.item.kind, ItemKind::Rule(r) if moves_weights(r)) {
                continue;
            }
            let same = |owner: usize| rules.get(owner).is_some_and(|r| Rc::ptr_eq(made, &r.0));
            let own = |u: &&super::rule::Update| same(u.owner) && matches!(u.target, Target::Weight(_));
            let reached: Vec<_> = self.task.updates.iter().filter(own).map(|u| u.along).collect();
            let mut known = HashMap::new();
            if reached.iter().any(|n| !self.nothing(*n, &mut known)) {
                continue;
            }
            unreached |= reached.is_empty();
            let name = &made.item.name;
            let (why, label, help) = if self.task.unsampled.contains(name) {
                let help = "draw units, `population h: [n] = sample bernoulli(p)`, or take a rule that needs no draw";
                ("nothing here is sampled", "reads what was drawn", help)
            } else if reached.is_empty() {
                let help = "weaken the `where` of its updates, or take a rule that fits this architecture";
                ("its updates reach no weight", "holds nowhere", help)
            } else {
                let help = "see what its updates read: each of them is 0 for every example; or take another rule";
                ("what it adds to every weight is 0", "adds 0", help)
            };
            let m = format!("{why}, so `{name}` moves no weight by itself");
            self.report(Diagnostic::new(Code::T0415, *at, m, label).help(help));
        }
        unreached
    }

    /// Whether a value is zero whatever it reads: a structural zero that arithmetic did not take away.
    fn nothing(&self, n: NodeId, known: &mut HashMap<NodeId, bool>) -> bool {
        if let Some(found) = known.get(&n) {
            return *found;
        }
        let node = self.g.node(n);
        let mut zero = |i: usize| self.nothing(node.args[i], known);
        let found = self.g.is_zero(n)
            || match &node.kind {
                NodeKind::Unary(op) => matches!(op, Unary::Negate | Unary::Square | Unary::Abs) && zero(0),
                NodeKind::Binary(Binary::Add | Binary::Subtract) => zero(0) && zero(1),
                NodeKind::Binary(Binary::Multiply) | NodeKind::Contract(_) => zero(0) || zero(1),
                NodeKind::Binary(Binary::Divide) => zero(0),
                NodeKind::Select => zero(1) && zero(2),
                NodeKind::Reduce(Reduction::Sum | Reduction::Mean, _) => zero(0),
                NodeKind::Mark(_) | NodeKind::BatchMean | NodeKind::Reshape | NodeKind::Expand(_) => zero(0),
                NodeKind::Permute(_) | NodeKind::Slice { .. } | NodeKind::Embed { .. } => zero(0),
                NodeKind::Unfold(_) | NodeKind::Fold(_) => zero(0),
                NodeKind::Concat(_) => (0..node.args.len()).all(zero),
                _ => false,
            };
        known.insert(n, found);
        found
    }
}

/// Whether a rule is written to move weights by what it adds, and not states and feedback alone, nor by a `then`.
fn moves_weights(rule: &Rule) -> bool {
    let letter = |e: &ExprKind| matches!(e, ExprKind::Name(l) if matches!(l.as_str(), "p" | "q"));
    let weights = |u: &Update| match &u.target.kind {
        ExprKind::Field(base, _) => letter(&base.kind),
        target => letter(target),
    };
    rule.updates.iter().any(|(u, _)| weights(u)) && rule.updates.iter().all(|(u, _)| u.then.is_empty())
}
