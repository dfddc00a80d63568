//! The architecture of one condition as a graph of populations and projections.

use super::graph::{Leaf, NodeId, Ty};
use crate::ir::axis::Axis;
use crate::source::Span;
use std::collections::HashMap;

macro_rules! index {
    ($($name:ident)*) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
    )*};
}

index! { PopId EdgeId WeightId }

/// A named array of units. Its drive is the sum of its edges, its rate a function of the drive alone.
#[derive(Clone, Debug)]
pub struct Population {
    pub name: String,
    pub shape: Vec<Axis>,
    pub input: bool,
    pub output: bool,
    /// In terms of other populations' rates and of weights; `None` for an input.
    pub drive: Option<NodeId>,
    /// In terms of this population's drive; of fields of the task for an input.
    pub rate: NodeId,
    /// Leaves that stand for the two.
    pub drive_leaf: NodeId,
    pub rate_leaf: NodeId,
    pub incoming: Vec<EdgeId>,
    pub outgoing: Vec<EdgeId>,
    /// Of units that are drawn.
    pub sampled: Option<Sampled>,
    /// Of a population that settles by itself.
    pub course: Option<Course>,
    pub span: Span,
}

/// How the rate of a sampled population is drawn, in terms of its drive (and, for the second, of its rate).
#[derive(Clone, Debug)]
pub struct Sampled {
    pub how: crate::ops::table::Sampler,
    /// Probability of each unit; the mean of normal units.
    pub probability: NodeId,
    /// Logarithm of the probability (density) of all rates together.
    pub log_probability: NodeId,
    /// The population that says how wide it is drawn, if another does.
    pub deviation: Option<PopId>,
}

/// How a population settles.
#[derive(Clone, Debug)]
pub struct Course {
    pub steps: u64,
    /// Its rate in the end, in terms of other populations and weights.
    pub end: NodeId,
    /// Its equations, in terms of its rate, its other variables, other populations and weights.
    pub flows: Vec<NodeId>,
    /// How far from rest it ends.
    pub residual: NodeId,
    /// Those that settle together: its place among the network's.
    pub joint: usize,
    pub span: Span,
}

/// Populations that settle on each other, a step of all at once.
#[derive(Clone, Debug)]
pub struct Joint {
    pub members: Vec<PopId>,
    /// Ordinary populations that stand between them, and follow at every step.
    pub between: Vec<PopId>,
    pub variables: Vec<Variable>,
    pub steps: u64,
}

/// One quantity of a population that settles.
#[derive(Clone, Debug)]
pub struct Variable {
    pub pop: PopId,
    pub leaf: NodeId,
    pub how: How,
    /// Its equation.
    pub node: NodeId,
    /// Where it begins, and how large its steps are.
    pub start: NodeId,
    pub speed: NodeId,
    pub span: Span,
}

/// How a variable changes from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// `u' = e`
    Moves,
    /// `rate = e`, where e reads the rate: of the step before.
    Next,
    /// `rate = e` of others: at once.
    Is,
}

/// An edge within the equations of a population that settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    Own,
    /// Its weights are those of a projection that stands elsewhere.
    Borrowed,
}

/// One bundle of synapses, or a plain edge without parameters.
#[derive(Clone, Debug)]
pub struct Edge {
    /// From `as NAME`.
    pub name: Option<String>,
    /// The name of its declaration; empty for a plain edge.
    pub projection: String,
    pub pre: PopId,
    pub post: PopId,
    pub weights: Vec<WeightId>,
    /// What it adds to the drive of `post`, a `Mark::Apply` node of `pre`'s rate and the weights.
    pub contribution: NodeId,
    pub frozen: bool,
    /// Within the equations of `post`, which settles: no way into it.
    pub inside: Option<Inside>,
    pub span: Span,
}

/// A parameter of the architecture.
#[derive(Clone, Debug)]
pub struct Weight {
    pub name: String,
    pub edge: EdgeId,
    pub leaf: NodeId,
    pub shape: Vec<Axis>,
    pub init: NodeId,
    /// Kept by every update: lower and upper bound.
    pub bound: Option<(Option<NodeId>, Option<NodeId>)>,
    /// 1 where there is a synapse, kept by every update.
    pub mask: Option<NodeId>,
    /// A square matrix whose two directions are one.
    pub symmetric: bool,
    pub span: Span,
}

/// State of a rule or optimizer, or a feedback weight.
#[derive(Clone, Debug)]
pub struct Slot {
    pub name: String,
    pub leaf: NodeId,
    pub ty: Ty,
    pub init: NodeId,
    pub span: Span,
    pub feedback: bool,
}

/// Random numbers of a rule: one draw an update, or one for each example.
#[derive(Clone, Debug)]
pub struct Noise {
    pub name: String,
    pub leaf: NodeId,
    pub node: NodeId,
    pub of_example: bool,
    pub span: Span,
}

/// A variable that the phases of a rule settle.
#[derive(Clone, Debug)]
pub struct Free {
    pub name: String,
    pub pop: PopId,
    pub leaf: NodeId,
    /// Where it starts, in terms of the values of the phase.
    pub start: NodeId,
    pub span: Span,
}

/// A quantity as one phase leaves it.
#[derive(Clone, Debug)]
pub struct PhaseValue {
    pub phase: u32,
    /// Rate, drive or free variable.
    pub of: Leaf,
    pub node: NodeId,
}

/// One run of the architecture under changed conditions.
#[derive(Clone, Debug)]
pub struct Phase {
    pub name: String,
    /// What leaves of the plain pass, free variables among them, are in this phase.
    pub map: HashMap<NodeId, NodeId>,
    /// Changed conditions, each at the population where it is applied.
    pub changes: Vec<(PopId, NodeId)>,
    /// Descent or equation of each free variable, in terms of free variables and plain values.
    pub flows: Vec<(u32, NodeId)>,
    pub steps: u64,
    /// The phase whose end it starts from.
    pub from: Option<u32>,
    /// How far from rest it ends: the length of all flows together.
    pub residual: Option<NodeId>,
    pub span: Span,
}

impl Phase {
    /// Whether a population is other than in the plain pass.
    pub fn moves(&self, pop: &Population) -> bool {
        self.map.contains_key(&pop.rate_leaf) || self.map.contains_key(&pop.drive_leaf)
    }
}

#[derive(Clone, Debug, Default)]
pub struct Network {
    pub populations: Vec<Population>,
    pub edges: Vec<Edge>,
    pub weights: Vec<Weight>,
    pub slots: Vec<Slot>,
    pub noises: Vec<Noise>,
    pub frees: Vec<Free>,
    pub values: Vec<PhaseValue>,
    pub phases: Vec<Phase>,
    pub joints: Vec<Joint>,
}

impl Network {
    pub fn pop(&self, id: PopId) -> &Population {
        &self.populations[id.0 as usize]
    }

    pub fn edge(&self, id: EdgeId) -> &Edge {
        &self.edges[id.0 as usize]
    }

    pub fn weight(&self, id: WeightId) -> &Weight {
        &self.weights[id.0 as usize]
    }

    pub fn pops(&self) -> impl Iterator<Item = PopId> + use<> {
        (0..self.populations.len() as u32).map(PopId)
    }

    pub fn edge_ids(&self) -> impl Iterator<Item = EdgeId> + use<> {
        (0..self.edges.len() as u32).map(EdgeId)
    }

    /// Populations, each after those that it reads.
    pub fn in_order(&self) -> Vec<PopId> {
        let mut order = Vec::new();
        let mut seen = vec![false; self.populations.len()];
        for first in self.pops() {
            let mut stack = vec![(first, false)];
            while let Some((p, ready)) = stack.pop() {
                if ready {
                    order.push(p);
                } else if !std::mem::replace(&mut seen[p.0 as usize], true) {
                    stack.push((p, true));
                    stack.extend(self.pop(p).incoming.iter().rev().map(|e| (self.edge(*e).pre, false)));
                    stack.extend(self.pop(p).sampled.iter().filter_map(|s| s.deviation).map(|d| (d, false)));
                }
            }
        }
        order
    }

    /// Whether a population is read while others settle.
    pub fn read_in_course(&self, p: PopId) -> bool {
        self.edges.iter().any(|e| e.pre == p && e.post != p && e.inside.is_some())
            || self.joints.iter().any(|j| j.between.contains(&p) || (j.members.len() > 1 && j.members.contains(&p)))
    }

    /// The weight of an edge by name.
    pub fn weight_named(&self, edge: EdgeId, name: &str) -> Option<WeightId> {
        self.edge(edge).weights.iter().copied().find(|w| self.weight(*w).name == name)
    }

    /// `h -> z`, with the given name if there is one.
    pub fn edge_text(&self, id: EdgeId) -> String {
        let e = self.edge(id);
        let ends = format!("{} -> {}", self.pop(e.pre).name, self.pop(e.post).name);
        let ends = if e.inside == Some(Inside::Borrowed) { format!("within {}", self.pop(e.post).name) } else { ends };
        match &e.name {
            Some(n) => format!("{n} ({ends})"),
            None => ends,
        }
    }

    /// Populations that `from` reaches through edges, itself among them.
    pub fn downstream(&self, from: PopId) -> Vec<PopId> {
        let mut known = vec![false; self.populations.len()];
        known[from.0 as usize] = true;
        let mut seen = vec![from];
        let mut next = 0;
        while next < seen.len() {
            for e in &self.pop(seen[next]).outgoing {
                let post = self.edge(*e).post;
                if !std::mem::replace(&mut known[post.0 as usize], true) {
                    seen.push(post);
                }
            }
            next += 1;
        }
        seen
    }

    /// The number of adjustable numbers.
    pub fn parameters(&self) -> Option<u64> {
        self.weights.iter().map(|w| Axis::product(&w.shape).ok()?.known()).sum()
    }
}
