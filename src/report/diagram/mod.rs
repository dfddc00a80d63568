//! The architecture of a condition as a diagram: populations, projections with what they hold, targets and objective.
//!
//! [`Diagram::of`] takes from a model what can be drawn; `layout` gives it places, `svg` draws it, `text` writes it for
//! other programs to draw.

mod layout;
mod svg;
mod text;

pub use svg::{escape, inline, standalone};
pub use text::{dot, mermaid};

use crate::ir::axis::{Axis, shape_text};
use crate::model::Model;
use crate::model::graph::{Leaf, NodeId, NodeKind};
use crate::model::network::{Inside, Network, PopId, WeightId};
use std::collections::BTreeSet;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagram {
    /// `experiment credit`
    pub title: String,
    /// The conditions that have this architecture; empty where all have it.
    pub conditions: Vec<String>,
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
    /// Adjustable numbers.
    pub parameters: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// `first.inner`
    pub name: String,
    /// `[32]`, `Label[10]`, the objective's text
    pub detail: String,
    pub role: Role,
}

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Input,
    Population,
    /// A population whose rates are drawn.
    Sampled,
    Output,
    /// A field of the task that the objective reads.
    Target,
    Objective,
}

impl Role {
    pub fn word(self) -> &'static str {
        match self {
            Role::Input => "input",
            Role::Population => "population",
            Role::Sampled => "sampled population",
            Role::Output => "output",
            Role::Target => "target",
            Role::Objective => "objective",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    /// `dense`, `w1: dense`; empty for a plain edge.
    pub label: String,
    /// Adjustable numbers; None where there are none.
    pub parameters: Option<u64>,
    pub kind: Tie,
}

/// What a line stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    Projection,
    /// Its weights stay as they were drawn.
    Frozen,
    /// Rates taken over without weights.
    Plain,
    /// What the objective reads.
    Read,
}

impl Tie {
    pub fn word(self) -> &'static str {
        match self {
            Tie::Projection | Tie::Frozen => "projection",
            Tie::Plain => "no weights",
            Tie::Read => "read",
        }
    }
}

impl Edge {
    /// `w1: dense 4,160`
    pub fn text(&self) -> String {
        let number = self.parameters.map(thousands);
        let frozen = (self.kind == Tie::Frozen).then(|| "frozen".to_string());
        let label = Some(self.label.clone()).filter(|l| !l.is_empty());
        [label, number, frozen].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl Diagram {
    /// The diagram of one condition; `objective` is the text of what it learns for, if there is any.
    pub fn of(model: &Model, objective: Option<&str>) -> Diagram {
        let net = &model.net;
        let mut diagram = Diagram {
            title: format!("experiment {}", model.experiment),
            parameters: net.parameters(),
            ..Diagram::default()
        };
        for p in &net.populations {
            let role = match (p.input, p.output, p.sampled.is_some()) {
                (true, ..) => Role::Input,
                (_, true, _) => Role::Output,
                (_, _, true) => Role::Sampled,
                _ => Role::Population,
            };
            diagram.nodes.push(Node { name: p.name.clone(), detail: shape_text(&p.shape), role });
        }
        for (to, p) in net.populations.iter().enumerate() {
            if let Some(from) = p.sampled.as_ref().and_then(|s| s.deviation) {
                let (from, label) = (from.0 as usize, String::new());
                diagram.edges.push(Edge { from, to, label, parameters: None, kind: Tie::Plain });
            }
        }
        for id in net.edge_ids() {
            let edge = net.edge(id);
            if !stands_in_equations(model, edge) {
                continue;
            }
            // Weights are counted where they were declared.
            let own = edge.weights.iter().filter(|w| net.weight(**w).edge == id);
            let sizes = own.clone().map(|w| Axis::product(&net.weight(*w).shape).ok()?.known());
            let parameters = sizes.sum::<Option<u64>>().filter(|_| own.clone().next().is_some());
            let kind = match (edge.weights.is_empty(), edge.frozen) {
                (true, _) => Tie::Plain,
                (_, true) => Tie::Frozen,
                _ => Tie::Projection,
            };
            let label = match &edge.name {
                Some(name) if edge.projection.is_empty() => name.clone(),
                Some(name) => format!("{name}: {}", edge.projection),
                None => edge.projection.clone(),
            };
            let home = edge.weights.first().map(|w| net.edge(net.weight(*w).edge));
            let label = match home.and_then(|h| h.name.as_ref()) {
                Some(name) if own.clone().next().is_none() && !edge.weights.is_empty() => format!("{name}, shared"),
                _ => label,
            };
            let (from, to) = (edge.pre.0 as usize, edge.post.0 as usize);
            diagram.edges.push(Edge { from, to, label, parameters, kind });
        }
        if let Some(text) = objective {
            diagram.objective(model, text);
        }
        diagram
    }

    /// The objective, with lines from the populations and fields that it reads.
    fn objective(&mut self, model: &Model, text: &str) {
        let roots: Vec<NodeId> = model.terms.loss.into_iter().chain(model.terms.targets.iter().map(|t| t.1)).collect();
        let (rates, fields) = read(model, &roots);
        let rates: BTreeSet<usize> =
            rates.into_iter().chain(model.terms.targets.iter().map(|t| t.0.0 as usize)).collect();
        if rates.is_empty() && fields.is_empty() {
            return;
        }
        let plain = |from, to| Edge { from, to, label: String::new(), parameters: None, kind: Tie::Read };
        let fields: Vec<usize> = fields
            .into_iter()
            .map(|f| {
                let field = &model.fields[f as usize];
                self.nodes.push(Node { name: field.name.clone(), detail: field.ty.text(), role: Role::Target });
                self.nodes.len() - 1
            })
            .collect();
        let to = self.nodes.len();
        self.nodes.push(Node { name: "objective".into(), detail: text.into(), role: Role::Objective });
        self.edges.extend(rates.into_iter().chain(fields).map(|from| plain(from, to)));
    }

    /// Whether two diagrams show the same, whatever their conditions are called.
    pub fn same(&self, other: &Diagram) -> bool {
        self.nodes == other.nodes && self.edges == other.edges
    }

    /// `experiment credit, 4,810 parameters (small, large)`
    pub fn caption(&self) -> String {
        let mut text = self.title.clone();
        if let Some(n) = self.parameters {
            text += &format!(", {} parameter{}", thousands(n), if n == 1 { "" } else { "s" });
        }
        if !self.conditions.is_empty() {
            text += &format!(" ({})", self.conditions.join("; "));
        }
        text
    }
}

/// What settles reads from all that its whole course reads; drawn is what its own equations name, and weights once, at the
/// projection that they are of.
fn stands_in_equations(model: &Model, edge: &crate::model::network::Edge) -> bool {
    let net = &model.net;
    let Some(course) = &net.pop(edge.post).course else { return true };
    let joint = &net.joints[course.joint];
    match edge.inside {
        Some(Inside::Own) => true,
        Some(Inside::Borrowed) => {
            let home = |w: &WeightId| net.edge(net.weight(*w).edge).post;
            let here = |p: PopId| joint.members.contains(&p) || joint.between.contains(&p);
            !edge.weights.iter().any(|w| here(home(w)) && home(w) != edge.post)
        }
        None => {
            let own = |e: &crate::model::network::Edge| {
                e.pre == edge.pre && e.post == edge.post && e.inside == Some(Inside::Own)
            };
            let leaf = net.pop(edge.pre).rate_leaf;
            !net.edges.iter().any(own) && model.g.reachable(&course.flows).contains(&leaf)
        }
    }
}

/// The populations and fields of the task that nodes read.
fn read(model: &Model, roots: &[NodeId]) -> (BTreeSet<usize>, BTreeSet<u32>) {
    let (mut rates, mut fields) = (BTreeSet::new(), BTreeSet::new());
    for node in model.g.reachable(roots) {
        let NodeKind::Leaf(leaf) = &model.g.node(node).kind else { continue };
        match resolved(&model.net, leaf) {
            Leaf::Rate(p) | Leaf::Drive(p) => {
                rates.insert(p.0 as usize);
            }
            Leaf::Field(f) => {
                fields.insert(*f);
            }
            _ => {}
        }
    }
    // An input is drawn already, as a population.
    let inputs: BTreeSet<u32> = model
        .net
        .populations
        .iter()
        .filter(|p| p.input)
        .flat_map(|p| {
            model.g.reachable(&[p.rate]).into_iter().filter_map(|n| match &model.g.node(n).kind {
                NodeKind::Leaf(Leaf::Field(f)) => Some(*f),
                _ => None,
            })
        })
        .collect();
    fields.retain(|f| !inputs.contains(f));
    (rates, fields)
}

/// A value of a phase stands for what it is the value of.
fn resolved<'a>(net: &'a Network, leaf: &'a Leaf) -> &'a Leaf {
    match leaf {
        Leaf::In(k) => net.values.get(*k as usize).map_or(leaf, |v| &v.of),
        other => other,
    }
}

/// `4,810`
pub fn thousands(n: u64) -> String {
    let figures = n.to_string();
    let mut text = String::new();
    for (i, digit) in figures.chars().enumerate() {
        if i > 0 && (figures.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
