//! What a rule keeps from stage to stage of training: its feedback weights and states, and those of its optimizers.
//!
//! A rule is written out anew for every stage that has a rule or an objective of its own. What it remembers is not: a stage
//! that does not name a rule goes on with that of the experiment, and finds it as the stage before has left it.

use super::elaborate::Elab;
use super::graph::{NodeId, Ty};
use super::network::EdgeId;
use super::rule::{Key, Written};
use crate::source::Span;
use std::cmp::Reverse;

/// A state or feedback weight of a rule.
pub struct Kept {
    rule: (usize, usize),
    /// Its name within the rule.
    name: String,
    slot: u32,
    /// Where the rule reached in the stage that had it last.
    edges: Vec<EdgeId>,
    stage: Option<usize>,
}

impl Elab<'_> {
    /// Which rule of the experiment is written out: the `share`th time of that at `rule` of its setting.
    pub(crate) fn written(&mut self, number: usize, rule: (usize, usize), share: usize) -> Written {
        let label = *self.task.labels.entry((rule, share)).or_insert(number);
        Written { number, label, rule }
    }

    /// A name for a slot that tells it from every other: `B(h -> z)`.
    pub(crate) fn slot_name(&self, name: &str, keys: &[Key]) -> String {
        labelled(self.frames.last().map_or(0, |f| f.place.label), &self.name_within(name, keys))
    }

    fn name_within(&self, name: &str, keys: &[Key]) -> String {
        let at = keys.iter().map(|k| match k {
            Key::Pop(p) => self.net.pop(*p).name.clone(),
            Key::Edge(e) => {
                let edge = self.net.edge(*e);
                let twins: Vec<EdgeId> = self
                    .net
                    .edge_ids()
                    .filter(|x| (self.net.edge(*x).pre, self.net.edge(*x).post) == (edge.pre, edge.post))
                    .collect();
                let text = format!("{} -> {}", self.net.pop(edge.pre).name, self.net.pop(edge.post).name);
                match twins.iter().position(|x| x == e) {
                    Some(0) | None => text,
                    Some(i) => format!("{text} ({})", i + 1),
                }
            }
            Key::Node(n) => self.g.const_value(*n).map_or_else(|| n.0.to_string(), |v| v.to_string()),
        });
        let at: Vec<String> = at.collect();
        if at.is_empty() { name.to_string() } else { format!("{name}({})", at.join(", ")) }
    }

    /// The feedback weight or state of the rule at hand that goes by this name: as a stage before has left it, or a new one,
    /// which begins with what `init` says. `weight` is the one that it belongs to, where there is one for each.
    pub(crate) fn kept(
        &mut self,
        (name, keys, weight): (&str, &[Key], Option<&str>),
        (feedback, span): (bool, Span),
        init: impl FnOnce(&mut Self, &str) -> Option<(Ty, NodeId)>,
    ) -> Option<u32> {
        let (place, stage, edges) = self.frames.last().map(|f| (f.place, f.stage, f.edges.clone()))?;
        let within = self.name_within(name, keys);
        let within = weight.map_or(within.clone(), |w| format!("{within}: {w}"));
        if let Some(slot) = self.left_by_a_stage_before(&within, keys) {
            return Some(slot);
        }
        let taken = |name: &String| self.net.slots.iter().any(|s| s.name == *name);
        let name = Some(labelled(place.label, &within)).filter(|n| !taken(n));
        let name = name.unwrap_or_else(|| labelled(place.number, &within));
        let (ty, init) = init(self, &name)?;
        let slot = self.new_slot(name, ty, init, feedback, span);
        self.task.kept.push(Kept { rule: place.rule, name: within, slot, edges, stage });
        Some(slot)
    }

    /// Where the parts that have objectives of their own are others than before, the one that had most of what is here.
    fn left_by_a_stage_before(&mut self, name: &str, keys: &[Key]) -> Option<u32> {
        let frame = self.frames.last()?;
        let (stage, here, rule) = (frame.stage, &frame.edges, frame.place.rule);
        let own = |edges: &[EdgeId]| match keys.first() {
            Some(Key::Edge(e)) => edges.contains(e),
            _ => true,
        };
        let common = |k: &Kept| k.edges.iter().filter(|e| here.contains(e)).count();
        let fits = |k: &&mut Kept| k.rule == rule && k.name == name && k.stage != stage && common(k) > 0;
        let rank = |k: &&mut Kept| (own(&k.edges) != own(here), Reverse(common(k)));
        let found = self.task.kept.iter_mut().filter(fits).min_by_key(rank)?;
        (found.stage, found.edges) = (stage, here.clone());
        Some(found.slot)
    }

    /// The number of an optimizer's states at a target: what a statement of a rule moves has one in all stages.
    pub(crate) fn optimizer_number(&mut self, statement: Span, target: &str, next: usize) -> usize {
        let Some(place) = self.frames.last().map(|f| f.place) else { return next };
        *self.task.moved_by.entry((place.rule, statement, target.to_string())).or_insert(next)
    }
}

/// Of the first rule nothing stands before the name.
fn labelled(label: usize, name: &str) -> String {
    if label == 0 { name.to_string() } else { format!("{label}:{name}") }
}
