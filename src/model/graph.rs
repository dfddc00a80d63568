//! The graph of primitive operations on one example.
//!
//! Nodes are hash-consed: the same operation on the same arguments is one node, so what two arms of a spec share is
//! shared. A node knows its shape (possibly symbolic), unit and kind; building one that does not type is a
//! [`Fault`], which the elaborator turns into a message at the user's expression.

use super::network::{EdgeId, PopId, WeightId};
use crate::ir::Unit;
use crate::ir::axis::{Axis, AxisFault};
use crate::ops::{Binary, Contraction, Distribution, Reduction, Unary};
use crate::source::Span;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// By node, of which there are many.
pub type NodeMap<T> = HashMap<NodeId, T, FixedState>;
pub type NodeSet = HashSet<NodeId, FixedState>;

/// What one element of a value is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Real,
    Int,
    Nat,
    Bool,
    /// One of `0..k`
    Label(Axis),
}

/// Shape, unit and kind of a value of one example.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ty {
    pub shape: Vec<Axis>,
    pub unit: Unit,
    pub kind: Kind,
}

impl Ty {
    pub fn real(shape: Vec<Axis>) -> Ty {
        Ty { shape, unit: Unit::ONE, kind: Kind::Real }
    }

    pub fn text(&self) -> String {
        let dims = crate::ir::axis::shape_text(&self.shape);
        let base = match &self.kind {
            Kind::Label(k) => format!("Label[{k}]"),
            Kind::Bool => "Bool".into(),
            _ if self.unit != Unit::ONE => self.unit.written(),
            _ if self.shape.is_empty() => "a number".into(),
            _ => return dims,
        };
        if self.shape.is_empty() { base } else { format!("{dims} of {base}") }
    }
}

/// A quantity whose value comes from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    Rate(PopId),
    Drive(PopId),
    Weight(WeightId),
    /// State of a rule or optimizer, or a feedback weight.
    Slot(u32),
    /// A field of the task.
    Field(u32),
    /// A column of the task's source.
    Column(u32),
    /// A setting without a value, in a declaration that is checked on its own; or a bound variable.
    Symbol(Rc<str>),
    /// The drive of a population under construction.
    Pending(u32),
    /// A noise of a rule: the same draw in every phase.
    Noise(u32),
    /// A free variable, before a phase settles it.
    Free(u32),
    /// The value of a quantity in one phase.
    In(u32),
    /// Updates made so far.
    Step,
    /// Whether this is an update, and not a measure.
    Training,
}

/// Which delivery of the architecture a value is: kept for the analysis of provenance, nothing at run time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// `p.apply(a)`: value, a, weights
    Apply(EdgeId),
    /// `n.respond(u)`, `n.rate(a)`: value, the drive that it responds to
    Respond(PopId),
    /// `p.adjoint(e)`: value, e, the weights that it reads
    Adjoint(EdgeId),
    /// `p.outer(e, a)` at one weight: value, e, a
    Outer(EdgeId),
    /// `n.pull(e)`, or what `d` makes of a response: value, e, drive
    Pull(PopId),
    /// What came back through the whole course of a population that settles, at a weight inside it: value, e
    Course(PopId),
    /// -d(loss, rate) at an output that the objective scores: value
    OutputError(PopId),
    /// The objective's loss of the example: value
    Loss,
    /// The loss where other values stand for the rates of these populations: value, the values
    LossAt(Rc<[PopId]>),
    /// A target of the objective: value
    Target(PopId),
    /// `n.score`, `n.probability`: value
    Drawn(PopId),
    /// The rates of a sampled population: value
    Draw(PopId),
    /// A decaying memory of an example, by its name: value
    Trace(Rc<str>),
    /// What is no number outside of a range, which the text says: value, what it is within
    Within(Rc<str>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeKind {
    Const(u64),
    /// A symbolic size as a number.
    Size(Axis),
    Leaf(Leaf),
    Unary(Unary),
    Binary(Binary),
    Select,
    Contract(Contraction),
    Reduce(Reduction, Vec<usize>),
    Reshape,
    Permute(Vec<usize>),
    Expand(Vec<usize>),
    Slice {
        axis: usize,
        start: usize,
        length: usize,
    },
    Embed {
        axis: usize,
        start: usize,
        length: usize,
    },
    Concat(usize),
    /// The windows of an axis, with zeros outside: it counts them, and a new last axis their elements.
    Unfold(Window),
    /// The adjoint of `Unfold`: elements of windows added where they came from.
    Fold(Window),
    Softmax,
    LogSoftmax,
    LogSumExp,
    ArgMax,
    Rank,
    OneHot(Axis),
    Random(Distribution, Rc<str>),
    BatchMean,
    /// The values of all examples that are computed together, along a new first axis.
    AllExamples,
    /// From such a tensor the part of each example: the reverse.
    EachExample,
    Mark(Mark),
}

/// How windows lie along an axis; sizes are in the shapes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    pub axis: usize,
    pub stride: Axis,
    pub dilation: Axis,
    /// Zeros before the first element.
    pub padding: Axis,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub kind: NodeKind,
    pub args: Vec<NodeId>,
    pub ty: Ty,
    pub span: Span,
}

/// Why an operation does not type.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Two shapes that must be equal are not.
    Shapes {
        left: Vec<Axis>,
        right: Vec<Axis>,
    },
    /// They would agree if one were repeated.
    Broadcast {
        left: Vec<Axis>,
        right: Vec<Axis>,
    },
    Units {
        left: Unit,
        right: Unit,
    },
    /// A function of plain numbers got a unit.
    HasUnit {
        what: String,
        unit: Unit,
    },
    Kind {
        wanted: String,
        got: String,
    },
    Rank {
        what: String,
        wanted: String,
        got: Vec<Axis>,
    },
    Axis(AxisFault),
    NoDerivative {
        what: &'static str,
        span: Span,
    },
}

impl From<AxisFault> for Fault {
    fn from(f: AxisFault) -> Fault {
        Fault::Axis(f)
    }
}

pub type Built = Result<NodeId, Fault>;

#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    /// Nodes by what they are.
    known: HashTable<NodeId>,
    /// Of each node the first and last of the weights and states beneath it, so that searches for one pass by.
    reads: Vec<(NodeId, NodeId)>,
    walked: RefCell<Walked>,
    /// Given to nodes as they are made.
    pub span: Span,
}

/// Nodes that the walk at hand has come by, so that a walk costs what it sees and not what there is.
#[derive(Clone, Debug, Default)]
struct Walked {
    turn: u32,
    seen: Vec<u32>,
    /// What stands in the place of each node that has been come by, where expressions are made anew.
    new: Vec<NodeId>,
}

/// Nodes in the place of others, with all that has been made anew for it: what hangs on them is made anew once.
#[derive(Clone, Debug)]
pub struct Replaced(Walked);

impl Default for Replaced {
    fn default() -> Replaced {
        Replaced(Walked { turn: 1, ..Walked::default() })
    }
}

impl Walked {
    fn begin(&mut self, nodes: usize) {
        self.turn = self.turn.wrapping_add(1);
        self.seen.resize(nodes, 0);
        if self.turn == 0 {
            self.seen.fill(0);
            self.turn = 1;
        }
    }

    /// Puts a node into the place of another, which counts as come by: nothing beneath it is looked at.
    fn place(&mut self, old: NodeId, new: NodeId) {
        self.enters(old);
        self.new[old.0 as usize] = new;
    }

    fn reach(&mut self, nodes: usize) {
        self.seen.resize(nodes, 0);
        self.new.resize(nodes, NodeId(0));
    }

    /// All from these down that have not been come by, in their order.
    fn beneath(&mut self, roots: &[NodeId], nodes: &[Node]) -> Vec<NodeId> {
        let mut found = Vec::new();
        let mut stack = roots.to_vec();
        while let Some(id) = stack.pop() {
            if self.enters(id) {
                found.push(id);
                stack.extend(&nodes[id.0 as usize].args);
            }
        }
        // Arguments are made before the nodes that use them.
        found.sort_unstable();
        found
    }

    /// Whether this is the first time.
    fn enters(&mut self, id: NodeId) -> bool {
        std::mem::replace(&mut self.seen[id.0 as usize], self.turn) != self.turn
    }
}

/// Nothing: no node lies between.
const NO_READS: (NodeId, NodeId) = (NodeId(u32::MAX), NodeId(0));

fn hash_of(kind: &NodeKind, args: &[NodeId], ty: &Ty) -> u64 {
    FixedState::default().hash_one((kind, args, ty))
}

impl Graph {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub fn ty(&self, id: NodeId) -> &Ty {
        &self.node(id).ty
    }

    pub fn shape(&self, id: NodeId) -> &[Axis] {
        &self.node(id).ty.shape
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The graph as it stands, without what only helps to make more of it.
    pub(crate) fn finished(&mut self) -> Graph {
        self.walked.take();
        std::mem::take(self)
    }

    /// The node of this operation, made if it is new. Types are the caller's care.
    pub fn make(&mut self, kind: NodeKind, args: Vec<NodeId>, ty: Ty) -> NodeId {
        let hash = hash_of(&kind, &args, &ty);
        let nodes = &self.nodes;
        let same = |id: &NodeId| {
            let node = &nodes[id.0 as usize];
            node.args == args && node.kind == kind && node.ty == ty
        };
        if let Some(id) = self.known.find(hash, same) {
            return *id;
        }
        let id = NodeId(self.nodes.len() as u32);
        self.reads.push(match kind {
            NodeKind::Leaf(Leaf::Weight(_) | Leaf::Slot(_)) => (id, id),
            _ => args.iter().map(|a| self.reads[a.0 as usize]).fold(NO_READS, |a, b| (a.0.min(b.0), a.1.max(b.1))),
        });
        self.nodes.push(Node { kind, args, ty, span: self.span });
        let nodes = &self.nodes;
        self.known.insert_unique(hash, id, |id| {
            let node = &nodes[id.0 as usize];
            hash_of(&node.kind, &node.args, &node.ty)
        });
        id
    }

    pub fn leaf(&mut self, leaf: Leaf, ty: Ty) -> NodeId {
        self.make(NodeKind::Leaf(leaf), vec![], ty)
    }

    pub fn number(&mut self, value: f64) -> NodeId {
        self.constant(value, Unit::ONE, Kind::Real)
    }

    pub fn constant(&mut self, value: f64, unit: Unit, kind: Kind) -> NodeId {
        self.make(NodeKind::Const(value.to_bits()), vec![], Ty { shape: vec![], unit, kind })
    }

    /// A size as a number.
    pub fn size(&mut self, axis: &Axis) -> NodeId {
        match axis {
            Axis::Known(n) => self.constant(*n as f64, Unit::ONE, Kind::Nat),
            other => {
                let ty = Ty { shape: vec![], unit: Unit::ONE, kind: Kind::Nat };
                self.make(NodeKind::Size(other.clone()), vec![], ty)
            }
        }
    }

    pub fn const_value(&self, id: NodeId) -> Option<f64> {
        let node = self.node(id);
        match node.kind {
            NodeKind::Const(bits) => Some(f64::from_bits(bits)),
            NodeKind::Expand(_) => self.const_value(node.args[0]),
            _ => None,
        }
    }

    /// The value of a scalar constant or symbolic size, as a size.
    pub fn as_axis(&self, id: NodeId) -> Option<Axis> {
        let node = self.node(id);
        match &node.kind {
            NodeKind::Const(bits) => {
                let v = f64::from_bits(*bits);
                (v >= 0.0 && v.fract() == 0.0 && v < 9e15).then_some(Axis::Known(v as u64))
            }
            NodeKind::Size(a) => Some(a.clone()),
            _ => None,
        }
    }

    pub fn is_zero(&self, id: NodeId) -> bool {
        self.const_value(id) == Some(0.0)
    }

    pub fn zeros(&mut self, ty: &Ty) -> NodeId {
        let zero = self.constant(0.0, ty.unit, Kind::Real);
        self.fill(zero, &ty.shape)
    }

    /// A scalar repeated to a shape.
    pub fn fill(&mut self, scalar: NodeId, shape: &[Axis]) -> NodeId {
        if shape.is_empty() || !self.shape(scalar).is_empty() {
            return scalar;
        }
        let ty = Ty { shape: shape.to_vec(), ..self.ty(scalar).clone() };
        self.make(NodeKind::Expand((0..shape.len()).collect()), vec![scalar], ty)
    }

    /// Every node that `roots` read, arguments first.
    pub fn reachable(&self, roots: &[NodeId]) -> Vec<NodeId> {
        let mut walked = self.walked.borrow_mut();
        walked.begin(self.nodes.len());
        walked.beneath(roots, &self.nodes)
    }

    /// Those of `leaves`, weights and states, that `value` reads.
    pub fn reads_of(&self, value: NodeId, leaves: &[NodeId]) -> Vec<NodeId> {
        leaves.iter().copied().filter(|l| self.reads_leaf(value, *l)).collect()
    }

    fn reads_leaf(&self, value: NodeId, leaf: NodeId) -> bool {
        let mut walked = self.walked.borrow_mut();
        walked.begin(self.nodes.len());
        let mut stack = vec![value];
        while let Some(id) = stack.pop() {
            let (first, last) = self.reads[id.0 as usize];
            if id == leaf {
                return true;
            }
            if (first..=last).contains(&leaf) && walked.enters(id) {
                stack.extend(&self.node(id).args);
            }
        }
        false
    }

    /// The same expression with some nodes replaced.
    pub fn substitute(&mut self, root: NodeId, with: &HashMap<NodeId, NodeId>) -> Built {
        Ok(self.substitute_all(&[root], with)?[0])
    }

    /// The same for several expressions at once.
    pub fn substitute_all(&mut self, roots: &[NodeId], with: &HashMap<NodeId, NodeId>) -> Result<Vec<NodeId>, Fault> {
        let mut walked = self.walked.take();
        walked.begin(self.nodes.len());
        walked.reach(self.nodes.len());
        with.iter().for_each(|(old, new)| walked.place(*old, *new));
        let made = self.made_anew(roots, &mut walked);
        self.walked.replace(walked);
        made
    }

    /// From here on the one stands in the place of the other, which nothing that has been made anew hangs on.
    pub(crate) fn replace(&self, replaced: &mut Replaced, old: NodeId, new: NodeId) {
        replaced.0.reach(self.nodes.len());
        replaced.0.place(old, new);
    }

    /// The same expression with all that has been replaced.
    pub(crate) fn substitute_again(&mut self, root: NodeId, replaced: &mut Replaced) -> Built {
        replaced.0.reach(self.nodes.len());
        let made = self.made_anew(&[root], &mut replaced.0);
        if made.is_err() {
            *replaced = Replaced::default();
        }
        Ok(made?[0])
    }

    fn made_anew(&mut self, roots: &[NodeId], walked: &mut Walked) -> Result<Vec<NodeId>, Fault> {
        let outer = self.span;
        for id in walked.beneath(roots, &self.nodes) {
            let new = |a: &NodeId| walked.new[a.0 as usize];
            let node = self.node(id);
            let changed = node.args.iter().any(|a| new(a) != *a);
            let made = if changed {
                let (node, args) = (node.clone(), node.args.iter().map(new).collect());
                // What is made anew still stands where it stood.
                self.span = node.span;
                let made = self.rebuild(&node, args);
                self.span = outer;
                made?
            } else {
                id
            };
            walked.new[id.0 as usize] = made;
        }
        Ok(roots.iter().map(|r| walked.new[r.0 as usize]).collect())
    }

    /// The operation of `node` on other arguments, typed anew where that can simplify.
    pub fn rebuild(&mut self, node: &Node, args: Vec<NodeId>) -> Built {
        match &node.kind {
            NodeKind::Unary(op) => self.unary(*op, args[0]),
            NodeKind::Binary(op) => self.binary(*op, args[0], args[1]),
            NodeKind::Contract(c) => self.contract(c.clone(), args[0], args[1]),
            NodeKind::Reduce(how, axes) => self.reduce(*how, axes.clone(), args[0]),
            NodeKind::Reshape => self.reshape(node.ty.shape.clone(), args[0]),
            kind => Ok(self.make(kind.clone(), args, node.ty.clone())),
        }
    }
}
