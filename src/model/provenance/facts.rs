//! Structural questions that the analysis asks of graph and network.

use super::axes::{Lost, through};
use super::{Property, Row, target_text};
use crate::model::graph::{Graph, Leaf, Mark, NodeId, NodeKind};
use crate::model::network::{EdgeId, Network, PopId, WeightId};
use crate::model::rule::{Target, Then, Update};
use crate::ops::{Binary, Reduction, Unary};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// Which end of a projection an axis of its weight counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    Post,
    Pre,
    /// Both, neither, or of a state that belongs to no projection.
    Own,
}

/// The graph with what was asked of it before.
pub struct Facts<'a> {
    pub g: &'a Graph,
    pub net: &'a Network,
    /// Right-hand sides that move each state or feedback weight.
    movers: HashMap<u32, Vec<NodeId>>,
    /// Noises that a phase injects somewhere.
    pub injected: HashSet<u32>,
    /// States that keep part of their value.
    decaying: HashSet<u32>,
    varying: RefCell<HashMap<NodeId, bool>>,
    sides: RefCell<HashMap<WeightId, Vec<Side>>>,
    responses: RefCell<HashMap<PopId, Shape>>,
    below: RefCell<HashMap<PopId, HashSet<PopId>>>,
}

/// What kind of function a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub linear: bool,
    /// Each unit's own argument only.
    pub own: bool,
}

impl<'a> Facts<'a> {
    pub fn new(g: &'a Graph, net: &'a Network, updates: &[Update], thens: &[Then]) -> Facts<'a> {
        let mut movers: HashMap<u32, Vec<NodeId>> = HashMap::new();
        let mut decaying = HashSet::new();
        let moves = updates.iter().map(|u| (u.target, u.along)).chain(thens.iter().map(|t| (t.target, t.value)));
        for (target, node) in moves {
            let Target::Slot(s) = target else { continue };
            movers.entry(s).or_default().push(node);
            if g.reachable(&[node]).contains(&net.slots[s as usize].leaf) {
                decaying.insert(s);
            }
        }
        Facts {
            g,
            net,
            movers,
            injected: injected(g, net),
            decaying,
            varying: RefCell::default(),
            sides: RefCell::default(),
            responses: RefCell::default(),
            below: RefCell::default(),
        }
    }

    pub fn movers(&self, slot: u32) -> &[NodeId] {
        self.movers.get(&slot).map_or(&[], Vec::as_slice)
    }

    /// A memory that fades; feedback weights are parameters, whose decay is none.
    pub fn fades(&self, slot: u32) -> bool {
        self.decaying.contains(&slot) && !self.net.slots[slot as usize].feedback
    }

    /// Whether a value differs between the examples of a batch.
    pub fn varies(&self, id: NodeId) -> bool {
        if let Some(known) = self.varying.borrow().get(&id) {
            return *known;
        }
        let node = self.g.node(id);
        let v = match &node.kind {
            NodeKind::Leaf(Leaf::Noise(i)) => self.net.noises[*i as usize].of_example,
            NodeKind::Leaf(l) => {
                let of_unit = matches!(l, Leaf::Rate(_) | Leaf::Drive(_) | Leaf::In(_) | Leaf::Free(_));
                of_unit || matches!(l, Leaf::Field(_) | Leaf::Column(_))
            }
            NodeKind::BatchMean | NodeKind::AllExamples => false,
            NodeKind::EachExample => true,
            _ => node.args.iter().any(|a| self.varies(*a)),
        };
        self.varying.borrow_mut().insert(id, v);
        v
    }

    /// Populations that `from` reaches, itself not among them.
    pub fn strictly_below(&self, from: PopId, to: PopId) -> bool {
        let mut known = self.below.borrow_mut();
        let below = known.entry(from).or_insert_with(|| self.net.downstream(from).into_iter().collect());
        from != to && below.contains(&to)
    }

    /// A population's response to its drive.
    pub fn response(&self, p: PopId) -> Shape {
        if let Some(known) = self.responses.borrow().get(&p) {
            return *known;
        }
        let pop = self.net.pop(p);
        let shape = self.function(pop.rate, pop.drive_leaf);
        self.responses.borrow_mut().insert(p, shape);
        shape
    }

    /// Whether a value is the drive of a population, in the plain pass or in a phase.
    pub fn is_drive(&self, id: NodeId) -> bool {
        match &self.g.node(id).kind {
            NodeKind::Leaf(Leaf::Drive(_)) => true,
            NodeKind::Leaf(Leaf::In(i)) => matches!(self.net.values[*i as usize].of, Leaf::Drive(_)),
            _ => false,
        }
    }

    /// The output whose target a value is.
    pub fn target_of(&self, id: NodeId) -> Option<PopId> {
        if let NodeKind::Mark(Mark::Target(o)) = self.g.node(id).kind { Some(o) } else { None }
    }

    /// Whether a value is the difference between the target of an output and what that output does: its error.
    pub fn is_error(&self, id: NodeId) -> bool {
        let node = self.g.node(id);
        let NodeKind::Binary(Binary::Subtract) = node.kind else { return false };
        let does = |n: NodeId, o: PopId| match &self.g.node(n).kind {
            NodeKind::Leaf(Leaf::Rate(p)) | NodeKind::Mark(Mark::Respond(p)) => *p == o,
            NodeKind::Leaf(Leaf::Free(i)) => self.net.frees[*i as usize].pop == o,
            NodeKind::Leaf(Leaf::In(i)) => match &self.net.values[*i as usize].of {
                Leaf::Rate(p) => *p == o,
                Leaf::Free(x) => self.net.frees[*x as usize].pop == o,
                _ => false,
            },
            _ => false,
        };
        [(0, 1), (1, 0)].iter().any(|(a, b)| self.target_of(node.args[*a]).is_some_and(|o| does(node.args[*b], o)))
    }

    /// What kind of function of `of` a value is.
    pub fn function(&self, value: NodeId, of: NodeId) -> Shape {
        let mut depends: HashSet<NodeId> = HashSet::from([of]);
        let mut shape = Shape { linear: true, own: true };
        for id in self.g.reachable(&[value]) {
            let node = self.g.node(id);
            let on: Vec<bool> = node.args.iter().map(|a| depends.contains(a)).collect();
            if id == of || !on.contains(&true) {
                continue;
            }
            depends.insert(id);
            let both = on.iter().filter(|x| **x).count() > 1;
            shape.linear &= match &node.kind {
                NodeKind::Unary(op) => *op == Unary::Negate,
                NodeKind::Binary(Binary::Add | Binary::Subtract) => true,
                NodeKind::Binary(Binary::Multiply) => !both,
                NodeKind::Binary(Binary::Divide) => !on[1],
                NodeKind::Binary(_) => false,
                NodeKind::Select => !on[0],
                NodeKind::Contract(_) => !both,
                NodeKind::Reduce(how, _) => matches!(how, Reduction::Sum | Reduction::Mean),
                NodeKind::Softmax | NodeKind::LogSoftmax | NodeKind::LogSumExp => false,
                NodeKind::ArgMax | NodeKind::Rank | NodeKind::OneHot(_) => false,
                _ => true,
            };
            shape.own &= !matches!(
                &node.kind,
                NodeKind::Contract(_)
                    | NodeKind::Reduce(..)
                    | NodeKind::Permute(_)
                    | NodeKind::Slice { .. }
                    | NodeKind::Embed { .. }
                    | NodeKind::Concat(_)
                    | NodeKind::Unfold(_)
                    | NodeKind::Fold(_)
                    | NodeKind::Softmax
                    | NodeKind::LogSoftmax
                    | NodeKind::LogSumExp
                    | NodeKind::ArgMax
                    | NodeKind::Rank
            );
        }
        shape
    }

    /// Which units each axis of a weight counts: found by following the projection's equation from the units of the
    /// post side; an axis that is summed against the presynaptic rate counts its units.
    pub fn sides(&self, w: WeightId) -> Vec<Side> {
        if let Some(known) = self.sides.borrow().get(&w) {
            return known.clone();
        }
        let weight = self.net.weight(w);
        let (of_weight, of_pre) = self.labels(weight.edge, weight.leaf);
        let rank = weight.shape.len();
        let side = |i: usize| {
            let labels: Vec<u64> = of_weight.iter().filter_map(|l| l.get(i).copied()).collect();
            let post = labels.contains(&0);
            let pre = labels.iter().any(|l| of_pre.contains(l));
            match (post, pre) {
                (true, false) => Side::Post,
                (false, true) => Side::Pre,
                _ => Side::Own,
            }
        };
        let found: Vec<Side> = (0..rank).map(side).collect();
        self.sides.borrow_mut().insert(w, found.clone());
        found
    }

    /// Labels of the axes at every use of a weight, and all labels of the presynaptic rate; the post side is 0.
    fn labels(&self, edge: EdgeId, weight: NodeId) -> (Vec<Vec<u64>>, HashSet<u64>) {
        let e = self.net.edge(edge);
        let pre = self.net.pop(e.pre).rate_leaf;
        let value = self.g.node(e.contribution).args[0];
        let (mut of_weight, mut of_pre) = (Vec::new(), HashSet::new());
        let mut seen = HashSet::new();
        let mut stack = vec![(value, vec![0u64; self.g.shape(value).len()])];
        while let Some((id, labels)) = stack.pop() {
            if !seen.insert((id, labels.clone())) {
                continue;
            }
            if id == weight {
                of_weight.push(labels);
                continue;
            }
            if id == pre {
                of_pre.extend(labels);
                continue;
            }
            let fresh = |l: Lost| match l {
                Lost::Contracted { letter, .. } => (u64::from(id.0) + 1) << 9 | u64::from(letter),
                Lost::Pooled => (u64::from(id.0) + 1) << 9 | 256,
                Lost::Moved => (u64::from(id.0) + 1) << 9 | 257,
            };
            let args = &self.g.node(id).args;
            // A product with a single vector has no axis of its own on that side: its letters are shared all the same.
            let given = match &self.g.node(id).kind {
                NodeKind::Contract(c) => {
                    let letter = |l: &u8| match c.out.iter().position(|o| o == l) {
                        Some(at) => labels.get(at).copied().unwrap_or(0),
                        None => fresh(Lost::Contracted { argument: 0, letter: *l }),
                    };
                    vec![c.a.iter().map(letter).collect(), c.b.iter().map(letter).collect()]
                }
                NodeKind::Mark(_) => vec![labels.clone()],
                _ => through(self.g, id, &labels, &fresh),
            };
            stack.extend(args.iter().copied().zip(given));
        }
        (of_weight, of_pre)
    }

    /// Whether a matrix is a pathway: made of synaptic or feedback weights, and not itself a delivery.
    pub fn pathway(&self, id: NodeId) -> bool {
        let node = self.g.node(id);
        match &node.kind {
            NodeKind::Leaf(Leaf::Weight(_)) => true,
            NodeKind::Leaf(Leaf::Slot(s)) => self.net.slots[*s as usize].feedback,
            NodeKind::Mark(_) | NodeKind::Contract(_) => false,
            _ => node.args.iter().any(|a| self.pathway(*a)),
        }
    }

    /// Whether a matrix is made of feedback weights alone.
    pub fn feedback(&self, id: NodeId) -> bool {
        let leaves = self.g.reachable(&[id]).into_iter().filter(|n| matches!(self.g.node(*n).kind, NodeKind::Leaf(_)));
        let mut any = false;
        for n in leaves {
            match self.g.node(n).kind {
                NodeKind::Leaf(Leaf::Slot(s)) if self.net.slots[s as usize].feedback => any = true,
                _ => return false,
            }
        }
        any
    }

    /// Of the sources of a delivery those that its own arithmetic reads, not through another source; and whether that
    /// arithmetic reads rates as well.
    pub fn direct(&self, mark: NodeId) -> (HashSet<NodeId>, bool) {
        let node = self.g.node(mark);
        let sources: HashSet<NodeId> = node.args[1..].iter().copied().collect();
        let (mut found, mut seen, mut rates) = (HashSet::new(), HashSet::new(), false);
        let mut stack = vec![node.args[0]];
        while let Some(id) = stack.pop() {
            if sources.contains(&id) {
                found.insert(id);
            } else if seen.insert(id) {
                let kind = &self.g.node(id).kind;
                rates |= matches!(kind, NodeKind::Leaf(Leaf::Rate(_) | Leaf::Drive(_) | Leaf::In(_) | Leaf::Free(_)));
                stack.extend(&self.g.node(id).args);
            }
        }
        (found, rates)
    }

    /// Steps of an optimizer that depend on a number pooled over weights, such as the length of the whole direction.
    pub fn pooled_steps(&self, u: &Update, updates: &[Update], row: &mut Row) {
        let own = self.net_leaf(u.target);
        let summed = |id: NodeId| matches!(self.g.node(id).kind, NodeKind::Reduce(..) | NodeKind::Contract(_));
        let pooled: Vec<NodeId> =
            self.step(u.moved).into_iter().filter(|id| summed(*id) && self.g.shape(*id).is_empty()).collect();
        let mut found: Option<(Property, NodeId)> = None;
        for id in pooled {
            for x in self.step(id) {
                let node = self.g.node(x);
                let foreign = match &node.kind {
                    NodeKind::BatchMean => {
                        let along = node.args[0];
                        along != u.along && updates.iter().any(|o| o.target != u.target && o.along == along)
                    }
                    NodeKind::Leaf(Leaf::Weight(_)) => x != own,
                    _ => continue,
                };
                if foreign {
                    found = Some((Property::GlobalSignal, id));
                } else if found.is_none() {
                    found = Some((Property::LayerSignal, id));
                }
            }
        }
        let Some((property, id)) = found else { return };
        let text = match property {
            Property::GlobalSignal => "pools over all weights of the statement",
            _ => "pools over all synapses of the projection",
        };
        row.add(property, vec![(self.g.node(id).span, text.into()), (u.span, target_text(self.net, u.target))]);
    }

    /// What an optimizer's step is made of, down to the directions of the rule.
    fn step(&self, id: NodeId) -> Vec<NodeId> {
        let (mut seen, mut out, mut stack) = (HashSet::new(), Vec::new(), vec![id]);
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                out.push(id);
                if self.g.node(id).kind != NodeKind::BatchMean {
                    stack.extend(&self.g.node(id).args);
                }
            }
        }
        out
    }

    fn net_leaf(&self, t: Target) -> NodeId {
        match t {
            Target::Weight(w) => self.net.weight(w).leaf,
            Target::Slot(s) => self.net.slots[s as usize].leaf,
        }
    }

    /// Rates that the value of an output's error reads.
    pub fn error_reads(&self, mark: NodeId) -> Vec<PopId> {
        let value = self.g.node(mark).args[0];
        let own = match self.g.node(mark).kind {
            NodeKind::Mark(Mark::OutputError(o)) => Some(o),
            _ => None,
        };
        let rates = self.g.reachable(&[value]).into_iter().filter_map(|n| match self.g.node(n).kind {
            NodeKind::Leaf(Leaf::Rate(p)) => Some(p),
            _ => None,
        });
        own.into_iter().chain(rates).collect()
    }
}

/// Noises under the changes of a phase.
fn injected(g: &Graph, net: &Network) -> HashSet<u32> {
    let weights = |p: &crate::model::network::Phase| {
        let of_weight = |n: &NodeId| matches!(g.node(*n).kind, NodeKind::Leaf(Leaf::Weight(_)));
        p.map.iter().filter(|(leaf, _)| of_weight(leaf)).map(|(_, n)| *n).collect::<Vec<_>>()
    };
    let changed = net.phases.iter().flat_map(|p| p.changes.iter().map(|c| c.1).chain(weights(p)));
    let under = g.reachable(&changed.collect::<Vec<_>>());
    let noise = |n: NodeId| if let NodeKind::Leaf(Leaf::Noise(i)) = g.node(n).kind { Some(i) } else { None };
    under.into_iter().filter_map(noise).collect()
}
