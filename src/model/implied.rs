//! What is measured of every condition without being asked for: how far what its rule does points along the gradient.
//!
//! A rule may learn well because it is gradient descent by another way. So whoever compares rules is told.

use super::elaborate::Elab;
use super::experiment::{Measure, Model};
use super::graph::{Leaf, NodeId, NodeKind};
use super::network::{PopId, WeightId};
use super::rule::Target;
use super::value::Val;
use crate::diag::Severity;
use crate::ir::{Item, ItemKind, Program, Unit};
use crate::ops::{Binary, Reduction, Unary};
use crate::plan::{Every, Length};
use crate::source::Span;
use std::collections::BTreeSet;

/// Its name, which a measure of the spec takes precedence over. With a dot and the name of a population behind it, the same
/// over the weights into that population alone.
pub const ALONG_GRADIENT: &str = "cosine_to_gradient";

/// Steps of settling beneath an answer through which its gradient is taken. Beyond, looking would cost more than training.
const STEPS: u64 = 200;

/// What is measured unasked, or why it is not.
#[derive(Default)]
pub(crate) struct Implied {
    pub measures: Vec<Measure>,
    pub note: Option<String>,
}

/// Inner products over some weights: of what is proposed with the gradient, and of each with itself.
type Sums = [Option<NodeId>; 3];

/// Weights by the population that they lead to.
type Groups = Vec<(PopId, Vec<WeightId>)>;

impl Elab<'_> {
    /// The cosine between what the rule hands to its optimizers, averaged over examples, and the descent of the objective:
    /// over all weights into hidden populations taken as one vector, or over all weights where nothing is hidden; and
    /// of several hidden populations over the weights into each. Taken at the beginning and at the end.
    pub(crate) fn along_the_gradient(&mut self, others: &[Measure], length: Length, span: Span) -> Implied {
        if self.terms.loss.is_none() || others.iter().any(|m| m.name == ALONG_GRADIENT) || self.diags.has_errors() {
            return Implied::default();
        }
        // What cannot be compared is no fault of the spec.
        let told = std::mem::take(&mut self.diags);
        let found = self.cosines(span);
        let faults = std::mem::replace(&mut self.diags, told);
        let every = match length {
            Length::Epochs(n) => Every::Epochs(n.max(1)),
            Length::Steps(n) => Every::Steps(n.max(1)),
        };
        let split = self.judging_split();
        let measure = |(name, node)| {
            let (unit, range) = (Unit::ONE, Some((-1.0, 1.0)));
            Measure { name, node, split, every, unit, range, span }
        };
        match found {
            Ok(found) => Implied { measures: found.into_iter().map(measure).collect(), note: None },
            Err(why) => {
                let fault = faults.iter().find(|d| d.code.severity() == Severity::Error).map(|d| d.message.clone());
                let note = fault.or(why).map(|m| format!("`{ALONG_GRADIENT}` is left out: {m}"));
                Implied { measures: vec![], note }
            }
        }
    }

    /// What a stage moves: weights by the population that they lead to; into hidden ones, if it moves any of these.
    fn moved_in(&self, stage: Option<usize>) -> Groups {
        let post = |w: WeightId| self.net.edge(self.net.weight(w).edge).post;
        let mut groups = Groups::new();
        for u in self.acting(stage) {
            let Target::Weight(w) = u.target else { continue };
            match groups.iter_mut().find(|g| g.0 == post(w)) {
                Some((_, own)) if own.contains(&w) => {}
                Some((_, own)) => own.push(w),
                None => groups.push((post(w), vec![w])),
            }
        }
        let hidden = |g: &(PopId, Vec<WeightId>)| !self.net.pop(g.0).output;
        if groups.iter().any(hidden) {
            groups.retain(hidden);
        }
        groups
    }

    /// The cosine over all that the stage at hand moves, and where several populations are led to, over the weights into
    /// each. An error may say why there is none.
    fn cosines(&mut self, span: Span) -> Result<Vec<(String, NodeId)>, Option<String>> {
        let stages: Vec<Option<usize>> = match self.task.stages.len() {
            0 => vec![None],
            n => (0..n).map(Some).collect(),
        };
        let mut led: Vec<PopId> = Vec::new();
        for (p, _) in stages.iter().flat_map(|s| self.moved_in(*s)) {
            if !led.contains(&p) {
                led.push(p);
            }
        }
        match led.len() {
            0 => return Err(None),
            1 => led.clear(),
            _ => {}
        }
        let (last, mut found) = ((self.terms.clone(), self.local.clone()), Vec::new());
        for stage in &stages {
            if let Some(own) = stage.and_then(|i| self.task.aims.get(i).cloned()) {
                (self.terms, self.local) = own;
            }
            found.push(self.cosines_in(*stage, &led, span));
        }
        (self.terms, self.local) = last;
        let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
        if self.diags.has_errors() {
            return Err(None);
        }
        let of = |p: &PopId| format!("{ALONG_GRADIENT}.{}", self.net.pop(*p).name);
        let names: Vec<String> = std::iter::once(ALONG_GRADIENT.to_string()).chain(led.iter().map(of)).collect();
        let at_hand = |(i, name)| {
            let node = self.at_hand(|_, stage| Some(found[stage.unwrap_or(0)][i]));
            Ok((name, node.ok_or(None)?))
        };
        names.into_iter().enumerate().map(at_hand).collect()
    }

    /// The same of one stage: over all, and over the weights into each of these populations.
    fn cosines_in(&mut self, stage: Option<usize>, led: &[PopId], span: Span) -> Result<Vec<NodeId>, Option<String>> {
        // What does not move has no direction.
        let none = self.g.number(0.0);
        let mut found = vec![none; led.len() + 1];
        let mut all = Sums::default();
        for (p, weights) in self.moved_in(stage) {
            let mut own = Sums::default();
            for w in weights {
                let u = self.proposed_in(Target::Weight(w), stage);
                let (u, v) = (self.of_plain_pass(u), self.descent_by(w, span)?);
                self.add_products(&mut own, u, v).ok_or(None)?;
            }
            for (sum, x) in all.iter_mut().zip(own) {
                *sum = self.sum_of(*sum, x.ok_or(None)?);
            }
            if let Some(i) = led.iter().position(|q| *q == p) {
                found[i + 1] = self.cosine_of(own).ok_or(None)?;
            }
        }
        if all[0].is_some() {
            found[0] = self.cosine_of(all).ok_or(None)?;
        }
        Ok(found)
    }

    /// The gradient of the objective by a weight; of a rule that answers by a phase, that of the loss of its answer, through
    /// all that leads to it: what is reported is that loss, and not the one of the pass from inputs to outputs.
    fn descent_by(&mut self, w: WeightId, span: Span) -> Result<NodeId, Option<String>> {
        let leaf = self.net.weight(w).leaf;
        let Some(loss) = self.terms_of(leaf).loss else { return Err(None) };
        let answer = self.as_answered(loss);
        let steps = self.steps_beneath(answer);
        if steps > STEPS {
            let m = format!("the answer settles for {steps} steps, and its gradient is taken through {STEPS} at most");
            return Err(Some(m));
        }
        match self.gradient_of(answer, leaf, span) {
            Val::Node(n) => Ok(n),
            _ => Err(None),
        }
    }

    /// How many steps of settling a value is made by.
    fn steps_beneath(&self, n: NodeId) -> u64 {
        let (mut phases, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut open = vec![n];
        while let Some(n) = open.pop() {
            for x in self.g.reachable(&[n]) {
                if let NodeKind::Leaf(Leaf::In(i)) = self.g.node(x).kind
                    && seen.insert(i)
                {
                    let value = &self.net.values[i as usize];
                    phases.insert(value.phase);
                    open.push(value.node);
                }
            }
        }
        phases.iter().filter_map(|p| self.net.phases.get(*p as usize)).map(|p| p.steps).sum()
    }

    /// Adds the products of what is proposed for a weight and of its gradient, both averaged over examples.
    fn add_products(&mut self, sums: &mut Sums, u: NodeId, v: NodeId) -> Option<()> {
        let (u, v) = (self.g.batch_mean(u), self.g.batch_mean(v));
        for (sum, (a, b)) in sums.iter_mut().zip([(u, v), (u, u), (v, v)]) {
            let x = self.g.mul(a, b).ok()?;
            let x = self.g.reduce_all(Reduction::Sum, x).ok()?;
            *sum = self.sum_of(*sum, x);
        }
        Some(())
    }

    fn sum_of(&mut self, sum: Option<NodeId>, x: NodeId) -> Option<NodeId> {
        match sum {
            None => Some(x),
            Some(s) => self.g.add(s, x).ok(),
        }
    }

    fn cosine_of(&mut self, [product, own, theirs]: Sums) -> Option<NodeId> {
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

/// What is not measured of some conditions, and why; those are named where it is not all.
pub fn left_out(models: &[&Model]) -> Vec<String> {
    let mut found: Vec<(&String, Vec<String>)> = Vec::new();
    for m in models {
        let Some(note) = &m.note else { continue };
        match found.iter_mut().find(|f| f.0 == note) {
            Some(f) => f.1.push(m.condition.name()),
            None => found.push((note, vec![m.condition.name()])),
        }
    }
    let text = |(note, of): (&String, Vec<String>)| match of.len() == models.len() {
        true => note.clone(),
        false => format!("{note} ({})", of.join("; ")),
    };
    found.into_iter().map(text).collect()
}

/// What to add to a comparison of rules that move hidden weights, if none of its conditions trains the output alone: what
/// such a rule gains over that one is what its credit is worth.
pub fn shallow_baseline(program: &Program, models: &[&Model]) -> Option<String> {
    let compared = models.iter().any(|m| m.rules != models[0].rules);
    if !compared || models.iter().any(|m| !moves_hidden(m)) {
        return None;
    }
    let offered =
        program.items.iter().find(|e| e.word == "rule" && e.of_library(program) && trains_the_output_alone(e.item()));
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
