//! What is measured of every condition without being asked for: how far what its rule does points along the gradient.
//!
//! A rule may learn well because it is gradient descent by another way. So whoever compares rules is told.

use super::elaborate::Elab;
use super::experiment::{Measure, Model};
use super::graph::NodeId;
use super::rule::Target;
use super::value::Val;
use crate::ir::{Item, ItemKind, Program, Unit};
use crate::ops::{Binary, Reduction, Unary};
use crate::plan::{Every, Length};
use crate::source::Span;

/// Its name, which a measure of the spec takes precedence over.
pub const ALONG_GRADIENT: &str = "cosine_to_gradient";

impl Elab<'_> {
    /// The cosine between what the rule hands to its optimizers, averaged over examples, and the descent of the objective:
    /// over all weights into hidden populations taken as one vector, or over all weights where nothing is hidden. Taken
    /// at the beginning and at the end. None where there is no such derivative, or no weight that the rule moves.
    pub(crate) fn along_the_gradient(&mut self, others: &[Measure], length: Length, span: Span) -> Option<Measure> {
        if self.terms.loss.is_none() || others.iter().any(|m| m.name == ALONG_GRADIENT) || self.diags.has_errors() {
            return None;
        }
        let mut moved: Vec<Target> = Vec::new();
        for u in self.last_updates() {
            if matches!(u.target, Target::Weight(_)) && !moved.contains(&u.target) {
                moved.push(u.target);
            }
        }
        let hidden = |e: &Self, t: &Target| match t {
            Target::Weight(w) => !e.net.pop(e.net.edge(e.net.weight(*w).edge).post).output,
            Target::Slot(_) => false,
        };
        if moved.iter().any(|t| hidden(self, t)) {
            moved.retain(|t| hidden(self, t));
        }
        // What cannot be compared is not told of: nobody has asked.
        let told = std::mem::take(&mut self.diags);
        let cosine = self.cosine_of(&moved, span);
        self.diags = told;
        let every = match length {
            Length::Epochs(n) => Every::Epochs(n.max(1)),
            Length::Steps(n) => Every::Steps(n.max(1)),
        };
        Some(Measure {
            name: ALONG_GRADIENT.into(),
            node: cosine?,
            split: self.judging_split(),
            every,
            unit: Unit::ONE,
            range: Some((-1.0, 1.0)),
            span,
        })
    }

    fn cosine_of(&mut self, moved: &[Target], span: Span) -> Option<NodeId> {
        let (mut product, mut own, mut theirs) = (None, None, None);
        for t in moved {
            let Target::Weight(w) = t else { continue };
            let leaf = self.net.weight(*w).leaf;
            let (Val::Node(u), Val::Node(v)) = (self.proposed_target(*t, span), self.gradient_by(leaf, span)) else {
                return None;
            };
            let (u, v) = (self.g.batch_mean(u), self.g.batch_mean(v));
            for (sum, a, b) in [(&mut product, u, v), (&mut own, u, u), (&mut theirs, v, v)] {
                let x = self.g.mul(a, b).ok()?;
                let x = self.g.reduce_all(Reduction::Sum, x).ok()?;
                *sum = match *sum {
                    None => Some(x),
                    Some(s) => Some(self.g.add(s, x).ok()?),
                };
            }
        }
        if self.diags.has_errors() {
            return None;
        }
        let own = self.g.unary(Unary::Sqrt, own?).ok()?;
        let theirs = self.g.unary(Unary::Sqrt, theirs?).ok()?;
        let length = self.g.mul(own, theirs).ok()?;
        // What is zero has no direction: then the cosine is 0, and not what 0 / 0 is.
        let least = self.g.number(1e-30);
        let length = self.g.binary(Binary::Max, length, least).ok()?;
        let descent = self.g.neg(product?).ok()?;
        self.g.div(descent, length).ok()
    }

    /// The split that is looked at where a measure names none.
    pub(crate) fn judging_split(&self) -> usize {
        self.task.splits.iter().position(|s| s.0 == "test").unwrap_or(0)
    }
}

/// What to add to a comparison of rules that move hidden weights, if none of its conditions trains the output alone: what
/// such a rule gains over that one is what its credit is worth.
pub fn shallow_baseline(program: &Program, models: &[&Model]) -> Option<String> {
    let compared = models.iter().any(|m| m.rules != models[0].rules);
    if !compared || models.iter().any(|m| !moves_hidden(m)) {
        return None;
    }
    let offered = program.items.iter().find(|i| program.in_library(i.span) && trains_the_output_alone(i));
    let how = offered.map_or("a rule that updates `p where p.post.output`".to_string(), |i| format!("`{}()`", i.name));
    Some(format!(
        "no condition trains the output alone: {how} as another `rule` shows what credit to hidden units is worth"
    ))
}

fn moves_hidden(m: &Model) -> bool {
    m.updates.iter().any(|u| match u.target {
        Target::Weight(w) => !m.net.pop(m.net.edge(m.net.weight(w).edge).post).output,
        Target::Slot(_) => false,
    })
}

/// Whether each of a rule's updates is guarded by its edge leading to an output.
fn trains_the_output_alone(item: &Item) -> bool {
    let ItemKind::Rule(rule) = &item.kind else { return false };
    let guarded = |u: &crate::syntax::ast::Update| {
        u.guard.as_ref().is_some_and(|g| crate::syntax::print::expr_text(g) == "p.post.output")
    };
    !rule.updates.is_empty() && rule.updates.iter().all(|(u, _)| guarded(u))
}
