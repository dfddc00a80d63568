//! From a right-hand side down to what it reads, nearest first.
//!
//! A state of the walk is a node of the graph together with how it is read: by which end of which synapse, at which
//! unit, pooled or not, as the weights of a reverse delivery or as a value. Deliveries count as one step and arithmetic
//! as none, so that the first arrival at a quantity is the shortest path in the reader's terms.

use super::axes::{Lost, through};
use super::facts::{Facts, Side};
use super::{Property, Row, Step, target_text};
use crate::model::graph::{Leaf, Mark, NodeId, NodeKind};
use crate::model::network::{EdgeId, PopId, WeightId};
use crate::model::rule::Target;
use crate::ops::{Binary, Reduction, Unary};
use crate::source::Span;
use std::collections::{HashSet, VecDeque};

/// What an axis of a value is to the synapse that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    /// Of the unit at this end, or of one whose value was delivered there; the population where it is known.
    Unit(Side, Option<PopId>),
    /// All units of a population as one number.
    Pooled,
    /// Units other than the one that reads.
    Mixed,
}

/// How a value is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Way {
    /// One for each axis.
    pub tags: Vec<Tag>,
    /// The end of the synapse and the unit at which the value stands.
    pub here: (Side, Option<PopId>),
    /// The projection of the synapse that reads; of a feedback weight or state once its equation names one.
    pub home: Option<EdgeId>,
    /// Read as the weights with which this edge carries backwards.
    pub back: Option<EdgeId>,
    /// Only its sign, or a comparison, is read.
    pub sign: bool,
    /// The right-hand side is linear in it.
    pub linear: bool,
    /// It moved a memory in an earlier update.
    pub past: bool,
    /// Read as the weights that the rule's own equation carries something with.
    pub carrier: bool,
    /// The delivery whose own arithmetic is followed; its sources are followed by themselves.
    pub within: Option<NodeId>,
}

impl Way {
    /// At all axes the unit of this population, seen from one end of the synapse.
    pub fn at(&self, side: Side, pop: Option<PopId>, rank: usize) -> Way {
        let base = Way { sign: false, back: None, within: None, carrier: false, ..self.clone() };
        Way { tags: vec![Tag::Unit(side, pop); rank], here: (side, pop), ..base }
    }

    pub fn side(&self) -> Side {
        let named = self.tags.iter().find_map(|t| match t {
            Tag::Unit(s, _) if *s != Side::Own => Some(*s),
            _ => None,
        });
        if self.here.0 == Side::Own { named.unwrap_or(Side::Own) } else { self.here.0 }
    }
}

struct State {
    node: NodeId,
    way: Way,
    from: Option<usize>,
    /// What its parent does with it.
    step: Option<Step>,
}

pub struct Walk<'w, 'f> {
    pub f: &'w Facts<'f>,
    row: &'w mut Row,
    /// What is done with the value, the end of every path.
    end: String,
    /// The projection whose weight moves.
    pub root: Option<EdgeId>,
    /// The population whose units are moved in a phase.
    unit: Option<PopId>,
    span: Span,
    states: Vec<State>,
    queue: VecDeque<usize>,
}

/// Adds to `row` what one right-hand side reads.
pub fn follow(f: &Facts, target: Target, node: NodeId, span: Span, averaged: bool, row: &mut Row) {
    let (root, tags) = match target {
        Target::Weight(w) => {
            let edge = f.net.weight(w).edge;
            let (post, pre) = (f.net.edge(edge).post, f.net.edge(edge).pre);
            let tag = |s: Side| match s {
                Side::Post => Tag::Unit(s, Some(post)),
                Side::Pre => Tag::Unit(s, Some(pre)),
                Side::Own => Tag::Unit(s, None),
            };
            (Some(edge), f.sides(w).into_iter().map(tag).collect())
        }
        Target::Slot(_) => (None, vec![Tag::Unit(Side::Own, None); f.g.shape(node).len()]),
    };
    let way = Way {
        tags,
        here: (Side::Own, None),
        home: root,
        back: None,
        sign: false,
        linear: averaged,
        past: false,
        carrier: false,
        within: None,
    };
    let end = target_text(f.net, target);
    let mut walk = Walk { f, row, end, root, unit: None, span, states: Vec::new(), queue: VecDeque::new() };
    walk.enter(None, node, way, None);
    walk.run();
}

/// Adds to `row` what moves the units of a population in a phase.
pub fn follow_unit(f: &Facts, p: PopId, node: NodeId, span: Span, end: String, row: &mut Row) {
    let here = (Side::Own, Some(p));
    let tags = vec![Tag::Unit(Side::Own, Some(p)); f.g.shape(node).len()];
    let way = Way {
        tags,
        here,
        home: None,
        back: None,
        sign: false,
        linear: true,
        past: false,
        carrier: false,
        within: None,
    };
    let mut walk = Walk { f, row, end, root: None, unit: Some(p), span, states: Vec::new(), queue: VecDeque::new() };
    walk.enter(None, node, way, None);
    walk.run();
}

impl Walk<'_, '_> {
    /// Goes on to a node; a step of the path costs one, arithmetic nothing.
    pub fn enter(&mut self, from: Option<usize>, node: NodeId, way: Way, step: Option<Step>) {
        let far = step.is_some();
        let rank = self.f.g.shape(node).len();
        let mut way = way;
        if way.tags.len() != rank {
            // A number that stands for a tensor, or the reverse: which unit it belongs to is not known.
            way.tags.resize(rank, Tag::Mixed);
        }
        self.states.push(State { node, way, from, step });
        let at = self.states.len() - 1;
        if far { self.queue.push_back(at) } else { self.queue.push_front(at) }
    }

    fn run(&mut self) {
        let mut seen: HashSet<(NodeId, Way)> = HashSet::new();
        while let Some(at) = self.queue.pop_front() {
            let (node, way) = (self.states[at].node, self.states[at].way.clone());
            let source = way.within.is_some_and(|m| m != node && self.f.g.node(m).args[1..].contains(&node));
            if !source && seen.insert((node, way.clone())) {
                self.visit(at, node, way);
            }
        }
    }

    /// Notes a property that holds because of a state.
    pub fn note(&mut self, at: usize, property: Property, text: String) {
        let mut path = vec![(self.place(at), text)];
        let mut next = Some(at);
        while let Some(i) = next {
            // A step at the same place, or at a larger one around it, would say the same thing again.
            let around = |outer: Span, inner: Span| {
                outer.file == inner.file && outer.start <= inner.start && inner.end <= outer.end
            };
            if let Some(step) = &self.states[i].step
                && path.last().is_none_or(|(span, _)| !around(step.0, *span))
            {
                path.push(step.clone());
            }
            next = self.states[i].from;
        }
        path.push((self.span, self.end.clone()));
        self.row.add(property, path);
    }

    /// Where the rule's text reads this: the nearest expression of its file.
    fn place(&self, at: usize) -> Span {
        let mut next = Some(at);
        while let Some(i) = next {
            let node = self.f.g.node(self.states[i].node);
            if !matches!(node.kind, NodeKind::Leaf(_))
                && node.span.file == self.span.file
                && node.span != Span::default()
            {
                return node.span;
            }
            next = self.states[i].from;
        }
        self.span
    }

    fn visit(&mut self, at: usize, id: NodeId, way: Way) {
        let f = self.f;
        match &f.g.node(id).kind {
            NodeKind::Const(_) | NodeKind::Size(_) | NodeKind::Leaf(Leaf::Symbol(_) | Leaf::Pending(_)) => {}
            NodeKind::Leaf(Leaf::Rate(p)) => self.value_of(at, *p, &way, "rate"),
            NodeKind::Leaf(Leaf::Drive(p)) => self.value_of(at, *p, &way, "drive"),
            NodeKind::Leaf(Leaf::Weight(w)) => self.weight(at, *w, &way),
            NodeKind::Leaf(Leaf::Slot(s)) => self.slot(at, *s, way),
            NodeKind::Leaf(Leaf::In(i)) => self.phase_value(at, *i, &way),
            NodeKind::Leaf(Leaf::Free(i)) => {
                let free = &f.net.frees[*i as usize];
                self.read(at, free.pop, &way, &free.name);
            }
            NodeKind::Leaf(Leaf::Noise(i)) => self.noise(at, *i),
            NodeKind::Leaf(Leaf::Field(_) | Leaf::Column(_)) => self.label(at, "reads the task itself"),
            NodeKind::Random(..) => self.note(at, Property::Stochastic, "draws a random number".into()),
            NodeKind::Mark(mark) => self.delivery(at, id, mark, way),
            NodeKind::Contract(_) => self.contract(at, id, &way),
            _ => self.arithmetic(at, id, way),
        }
    }

    fn arithmetic(&mut self, at: usize, id: NodeId, way: Way) {
        let f = self.f;
        let node = f.g.node(id);
        let all = matches!(node.kind, NodeKind::AllExamples | NodeKind::EachExample);
        if all || node.kind == NodeKind::BatchMean && !way.linear {
            self.note(at, Property::Batch, "depends on other examples of the batch".into());
        }
        let lost = |l: Lost| if l == Lost::Pooled { Tag::Pooled } else { Tag::Mixed };
        let tags = through(f.g, id, &way.tags, &lost);
        let error = f.is_error(id);
        for (i, (arg, tags)) in node.args.iter().zip(tags).enumerate() {
            // The target beside what the output does is its error, and is read as that.
            if error && f.target_of(*arg).is_some() {
                continue;
            }
            let other = || node.args.iter().enumerate().any(|(j, a)| j != i && f.varies(*a));
            let linear = way.linear
                && match &node.kind {
                    NodeKind::Unary(op) => *op == Unary::Negate,
                    NodeKind::Binary(Binary::Add | Binary::Subtract) => true,
                    NodeKind::Binary(Binary::Multiply) => !other(),
                    NodeKind::Binary(Binary::Divide) => i == 0 && !other(),
                    NodeKind::Binary(_) => false,
                    NodeKind::Select => i > 0 && !f.varies(node.args[0]),
                    NodeKind::Reduce(how, _) => matches!(how, Reduction::Sum | Reduction::Mean),
                    NodeKind::Softmax | NodeKind::LogSoftmax | NodeKind::LogSumExp => false,
                    NodeKind::ArgMax | NodeKind::Rank | NodeKind::OneHot(_) => false,
                    _ => true,
                };
            let sign = match &node.kind {
                NodeKind::Unary(Unary::Sign) => true,
                NodeKind::Binary(Binary::Equal | Binary::NotEqual | Binary::Less | Binary::LessEqual) => true,
                NodeKind::Unary(_) | NodeKind::Binary(_) | NodeKind::Select => way.sign,
                NodeKind::Permute(_) | NodeKind::Reshape | NodeKind::Expand(_) => way.sign,
                _ => false,
            };
            self.enter(Some(at), *arg, Way { tags, linear, sign, ..way.clone() }, None);
        }
    }

    /// A product with a matrix of weights is a delivery that the text spells out; any other mixes units.
    fn contract(&mut self, at: usize, id: NodeId, way: &Way) {
        let f = self.f;
        let node = f.g.node(id);
        let NodeKind::Contract(c) = &node.kind else { return };
        let lost = |l: Lost| if l == Lost::Pooled { Tag::Pooled } else { Tag::Mixed };
        let tags = through(f.g, id, &way.tags, &lost);
        for (i, mut tags) in tags.into_iter().enumerate() {
            let (arg, other) = (node.args[i], node.args[1 - i]);
            if f.feedback(arg) && !f.pathway(other) {
                // Feedback weights that carry a vector: each synapse of them by itself.
                let rank = f.g.shape(arg).len();
                let next = Way { carrier: true, linear: false, ..way.at(way.side(), None, rank) };
                let step = (node.span, "carries through feedback weights".to_string());
                self.enter(Some(at), arg, next, Some(step));
                continue;
            }
            let (me, matrix) = if i == 0 { (&c.a, &c.b) } else { (&c.b, &c.a) };
            let mut next = Way { linear: way.linear && !f.varies(other), sign: false, ..way.clone() };
            let carried = |l: &u8| !c.out.contains(l) && matrix.contains(l);
            let mut step = None;
            if f.pathway(other) && me.iter().zip(&tags).any(|(l, t)| carried(l) && *t == Tag::Mixed) {
                let ends = c.out.iter().zip(&way.tags).filter(|(l, _)| matrix.contains(l) && !me.contains(l));
                let side = ends.filter_map(|(_, t)| if let Tag::Unit(s, _) = t { Some(*s) } else { None }).next();
                let side = side.unwrap_or(way.side());
                for (l, t) in me.iter().zip(&mut tags) {
                    if carried(l) && *t == Tag::Mixed {
                        *t = Tag::Unit(side, None);
                    }
                }
                next.here = (side, None);
                step = Some((node.span, "arrives through a matrix of weights".to_string()));
            }
            self.enter(Some(at), arg, Way { tags, ..next }, step);
        }
    }

    /// The rate or drive of a population, read as a value.
    fn value_of(&mut self, at: usize, p: PopId, way: &Way, what: &str) {
        let name = &self.f.net.pop(p).name;
        self.read(at, p, way, &format!("the {what} of {name}"));
        self.wait(at, p, way, &format!("the {what} of {name}"));
        if what == "rate" && self.f.net.pop(p).sampled.is_some() {
            self.note(at, Property::Stochastic, format!("reads {name}, which is drawn"));
        }
    }

    /// The rate, drive or free variable of a population in one phase.
    fn phase_value(&mut self, at: usize, i: u32, way: &Way) {
        let f = self.f;
        let value = &f.net.values[i as usize];
        let Some(phase) = f.net.phases.get(value.phase as usize) else { return };
        let (p, what) = match &value.of {
            Leaf::Rate(p) => (*p, format!("the rate of {} in `{}`", f.net.pop(*p).name, phase.name)),
            Leaf::Drive(p) => (*p, format!("the drive of {} in `{}`", f.net.pop(*p).name, phase.name)),
            Leaf::Free(x) => {
                let free = &f.net.frees[*x as usize];
                let text = format!("waits until `{}` has settled {}", phase.name, free.name);
                self.note(at, Property::UpdateLocking, text);
                (free.pop, format!("{} in `{}`", free.name, phase.name))
            }
            _ => return,
        };
        self.read(at, p, way, &what);
        self.wait(at, p, way, &what);
        self.wait_within(at, i, way, &what);
        // A rate that is nothing but noise is read as noise is.
        if let NodeKind::Leaf(Leaf::Noise(n)) = f.g.node(value.node).kind {
            self.noise(at, n);
        }
    }

    /// Noise that a phase injected is a tag of the unit; any other is chance.
    fn noise(&mut self, at: usize, i: u32) {
        let name = &self.f.net.noises[i as usize].name;
        match self.f.injected.contains(&i) {
            true => self.note(at, Property::NoiseTag, format!("reads {name}, which was injected")),
            false => self.note(at, Property::Stochastic, format!("draws {name}")),
        }
    }

    /// Judges the relation between a unit's value and the synapse that reads it.
    pub fn read(&mut self, at: usize, p: PopId, way: &Way, what: &str) {
        if way.back.is_some() {
            return;
        }
        if way.tags.contains(&Tag::Mixed) {
            return self.note(at, Property::OtherSynapses, format!("reads {what} at other units"));
        }
        if way.tags.contains(&Tag::Pooled) {
            let edge = way.home.map(|e| self.f.net.edge(e));
            let own = way.here.1 == Some(p) || edge.is_none_or(|e| e.pre == p || e.post == p);
            let all = way.tags.iter().all(|t| *t == Tag::Pooled);
            let (property, text) = match own || !all {
                true => (Property::LayerSignal, format!("pools {what} over its units")),
                false => (Property::GlobalSignal, format!("reads {what} as one number for all")),
            };
            return self.note(at, property, text);
        }
        let foreign = |t: &Tag| matches!(t, Tag::Unit(_, Some(own)) if *own != p);
        if way.tags.iter().any(foreign) {
            return self.note(at, Property::OtherSynapses, format!("reads {what}, which the synapse does not touch"));
        }
        if way.tags.is_empty() && way.here.1.is_some_and(|own| own != p) {
            self.note(at, Property::GlobalSignal, format!("reads {what} as one number for all"));
        }
    }

    /// Whether the update must wait until a population downstream has been computed.
    pub fn wait(&mut self, at: usize, p: PopId, way: &Way, what: &str) {
        let Some(edge) = self.root.or(way.home).filter(|_| !way.past) else { return };
        if self.f.strictly_below(self.f.net.edge(edge).post, p) {
            let text = format!("waits for {what}, downstream of {}", self.f.net.edge_text(edge));
            self.note(at, Property::UpdateLocking, text);
        }
    }

    /// Whether a value of a phase is known only after populations downstream are, because the phase was given what they do.
    fn wait_within(&mut self, at: usize, i: u32, way: &Way, what: &str) {
        let Some(edge) = self.root.or(way.home).filter(|_| !way.past) else { return };
        let f = self.f;
        let post = f.net.edge(edge).post;
        let (mut seen, mut open) = (HashSet::from([i]), vec![i]);
        while let Some(value) = open.pop() {
            for n in f.g.reachable(&[f.net.values[value as usize].node]) {
                let late = match &f.g.node(n).kind {
                    NodeKind::Leaf(Leaf::In(k)) => {
                        if seen.insert(*k) {
                            open.push(*k);
                        }
                        continue;
                    }
                    NodeKind::Leaf(Leaf::Rate(q) | Leaf::Drive(q)) if f.strictly_below(post, *q) => {
                        f.net.pop(*q).name.clone()
                    }
                    NodeKind::Mark(Mark::Loss | Mark::LossAt(_)) => "the loss".into(),
                    _ => continue,
                };
                let text = format!("waits for {what}, which was given what {late} says");
                return self.note(at, Property::UpdateLocking, text);
            }
        }
    }

    /// The target itself, in an update or a phase of a population that nothing scores.
    pub fn label(&mut self, at: usize, text: &str) {
        let home = self.root.or(self.states[at].way.home).map(|e| self.f.net.edge(e).post);
        if self.unit.or(home).is_some_and(|p| !self.f.net.pop(p).output) {
            self.note(at, Property::LabelInside, text.to_string());
        }
    }

    fn weight(&mut self, at: usize, w: WeightId, way: &Way) {
        let weight = self.f.net.weight(w);
        let name = format!("{} of {}", weight.name, self.f.net.edge_text(weight.edge));
        let read = if way.sign { format!("the sign of {name}") } else { name };
        let other = (Property::OtherSynapses, format!("reads {read}, the weights of other synapses"));
        let reverse = match way.sign {
            true => (Property::SignTransport, format!("reads {read} in reverse")),
            false => (Property::WeightTransport, format!("reads {read} in reverse")),
        };
        if way.back.is_some() {
            // Into the pre side of the updated synapse itself nothing is carried for credit.
            let (property, text) = if way.side() == Side::Pre { other } else { reverse };
            return self.note(at, property, text);
        }
        let sides = self.f.sides(w);
        let pairs = || sides.iter().zip(&way.tags);
        let own = way.home.is_none_or(|e| e == weight.edge);
        let fits = |(side, tag): (&Side, &Tag)| match tag {
            Tag::Unit(s, _) => s == side || *s == Side::Own || *side == Side::Own,
            _ => false,
        };
        if own && pairs().all(fits) {
            return;
        }
        let arrives = pairs().any(|(s, t)| *s == Side::Pre && matches!(t, Tag::Unit(Side::Post | Side::Own, _)));
        let leaves = pairs().any(|(s, t)| *s == Side::Post && !matches!(t, Tag::Unit(..)));
        let (property, text) = if arrives && leaves { reverse } else { other };
        self.note(at, property, text);
    }

    /// A state or feedback weight: what moves it is read as well, so that nothing is laundered through a memory.
    fn slot(&mut self, at: usize, s: u32, way: Way) {
        let f = self.f;
        let slot = &f.net.slots[s as usize];
        let carries = way.carrier || way.back.is_some() || way.tags.iter().any(|t| !matches!(t, Tag::Unit(..)));
        if slot.feedback && carries {
            self.note(at, Property::SeparateFeedback, format!("is carried by {}", slot.name));
        }
        if f.fades(s) {
            self.note(at, Property::Trace, format!("reads {}, a memory that fades", slot.name));
        }
        let place = self.place(at);
        for mover in f.movers(s) {
            let step = (place, format!("is kept in {}", slot.name));
            self.enter(Some(at), *mover, Way { linear: true, past: true, ..way.clone() }, Some(step));
        }
    }
}
