//! What a rule reads, derived from its equations on one architecture (docs/language.md, "Provenance").
//!
//! The analysis starts at every right-hand side of an `update` and follows the graph down to the quantities that it is
//! made of. Deliveries of the architecture (`adjoint`, `outer`, `apply`, `pull`) are judged by what they were given,
//! not by the arithmetic that computes them; every property found keeps its shortest path of places in the text.

mod axes;
mod deliver;
mod facts;
mod phases;
mod shared;
pub use shared::places;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_phases;
mod walk;

use super::graph::Graph;
use super::network::Network;
use super::rule::{Target, Then, Update};
use crate::source::{FileId, Span};
use facts::Facts;
pub use phases::{course_row, dynamics_row};
use std::fmt;

/// A place in the text and what happens there.
pub type Step = (Span, String);

/// What a rule needs. The order is that of a printed row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Property {
    Derivative,
    WeightTransport,
    SymmetricWeights,
    SignTransport,
    OtherSynapses,
    LayerSignal,
    GlobalSignal,
    SeparateFeedback,
    LabelInside,
    Phases(u32),
    Settling(u32),
    Future,
    Trace,
    NoiseTag,
    Stochastic,
    Shared,
    Batch,
    UpdateLocking,
}

/// Every property; a count stands as 0.
pub const PROPERTIES: [Property; 18] = [
    Property::Derivative,
    Property::WeightTransport,
    Property::SymmetricWeights,
    Property::SignTransport,
    Property::OtherSynapses,
    Property::LayerSignal,
    Property::GlobalSignal,
    Property::SeparateFeedback,
    Property::LabelInside,
    Property::Phases(0),
    Property::Settling(0),
    Property::Future,
    Property::Trace,
    Property::NoiseTag,
    Property::Stochastic,
    Property::Shared,
    Property::Batch,
    Property::UpdateLocking,
];

/// The property that holds where none holds that forbids it.
pub const LOCAL: &str = "local";

impl Property {
    pub fn name(self) -> &'static str {
        match self {
            Property::Derivative => "derivative",
            Property::WeightTransport => "weight_transport",
            Property::SymmetricWeights => "symmetric_weights",
            Property::SignTransport => "sign_transport",
            Property::OtherSynapses => "other_synapses",
            Property::LayerSignal => "layer_signal",
            Property::GlobalSignal => "global_signal",
            Property::SeparateFeedback => "separate_feedback",
            Property::LabelInside => "label_inside",
            Property::Phases(_) => "phases",
            Property::Settling(_) => "settling",
            Property::Future => "future",
            Property::Trace => "trace",
            Property::NoiseTag => "noise_tag",
            Property::Stochastic => "stochastic",
            Property::Shared => "shared",
            Property::Batch => "batch",
            Property::UpdateLocking => "update_locking",
        }
    }

    /// `weight_transport`, `phases`, `phases(2)`; `local` is derived from the others and is not one of them.
    pub fn parse(text: &str) -> Option<Property> {
        let (name, count) = match text.strip_suffix(')').and_then(|t| t.split_once('(')) {
            Some((name, count)) => (name, Some(count.trim().parse::<u32>().ok()?)),
            None => (text, None),
        };
        let found = PROPERTIES.into_iter().find(|p| p.name() == name.trim())?;
        match (found, count) {
            (Property::Phases(_), Some(k)) => Some(Property::Phases(k)),
            (Property::Settling(_), Some(k)) => Some(Property::Settling(k)),
            (_, Some(_)) => None,
            (p, None) => Some(p),
        }
    }

    /// Whether a rule with this property is not local.
    pub fn forbids_local(self) -> bool {
        matches!(
            self,
            Property::WeightTransport
                | Property::SymmetricWeights
                | Property::SignTransport
                | Property::OtherSynapses
                | Property::LayerSignal
                | Property::Future
                | Property::Shared
                | Property::Batch
        )
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Property::Phases(k) | Property::Settling(k) => write!(f, "{}({k})", self.name()),
            p => f.write_str(p.name()),
        }
    }
}

/// One property, and why it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub property: Property,
    /// The shortest path from what is read to the update.
    pub path: Vec<Step>,
}

/// All properties of a rule on one architecture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    pub entries: Vec<Entry>,
}

impl Row {
    /// Whether a property holds, `local` among them. `phases` asks for any number of them, `phases(2)` for two.
    pub fn holds(&self, name: &str) -> bool {
        name == LOCAL && self.is_local() || self.entry(name).is_some()
    }

    pub fn is_local(&self) -> bool {
        self.against_local().is_none()
    }

    /// The first entry because of which the rule is not local.
    pub fn against_local(&self) -> Option<&Entry> {
        self.entries.iter().find(|e| e.property.forbids_local())
    }

    pub fn entry(&self, name: &str) -> Option<&Entry> {
        let wanted = Property::parse(name)?;
        let any = matches!(wanted, Property::Phases(0) | Property::Settling(0));
        self.entries.iter().find(|e| e.property == wanted || any && e.property.name() == wanted.name())
    }

    /// The properties as a user writes them, `local` first.
    pub fn texts(&self) -> Vec<String> {
        let local = self.is_local().then(|| LOCAL.to_string());
        local.into_iter().chain(self.entries.iter().map(|e| e.property.to_string())).collect()
    }

    /// Notes a property; of two paths the shorter stays. Places in networks that rules are tried on are none.
    fn add(&mut self, property: Property, mut path: Vec<Step>) {
        path.retain(|step| step.0.file != FileId::NOWHERE);
        match self.entries.binary_search_by_key(&property, |e| e.property) {
            Ok(at) if self.entries[at].path.len() > path.len() => self.entries[at].path = path,
            Ok(_) => {}
            Err(at) => self.entries.insert(at, Entry { property, path }),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.texts().join(", "))
    }
}

/// The update row of a rule: all that its updates of weights, feedback weights and states read.
pub fn update_row(g: &Graph, net: &Network, updates: &[Update], thens: &[Then]) -> Row {
    let facts = Facts::new(g, net, updates, thens);
    let mut row = Row::default();
    for u in updates {
        walk::follow(&facts, u.target, u.along, u.span, true, &mut row);
        facts.pooled_steps(u, updates, &mut row);
        shared::shared_weight(g, net, u, &mut row);
    }
    for t in thens {
        let span = updates.iter().find(|u| u.target == t.target).map_or(g.node(t.value).span, |u| u.span);
        walk::follow(&facts, t.target, t.value, span, false, &mut row);
    }
    phases::count(g, net, updates, &mut row);
    // There is one chain: nothing < sign < weight. Whoever reads weights has their signs.
    if row.entry("weight_transport").is_some() {
        row.entries.retain(|e| e.property != Property::SignTransport);
    }
    row
}

/// What an update does, in the words of a path.
fn target_text(net: &Network, target: Target) -> String {
    match target {
        Target::Weight(w) => {
            let weight = net.weight(w);
            format!("moves {} of {}", weight.name, net.edge_text(weight.edge))
        }
        Target::Slot(s) => format!("moves {}", net.slots[s as usize].name),
    }
}
