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
use std::collections::HashMap;
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

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
            _ if self.unit != Unit::ONE => self.unit.to_string(),
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
}

/// Which delivery of the architecture a value is: kept for the analysis of provenance, nothing at run time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// `p.apply(a)`: value, a, weights
    Apply(EdgeId),
    /// `p.adjoint(e)`: value, e, the weights that it reads
    Adjoint(EdgeId),
    /// `p.outer(e, a)` at one weight: value, e, a
    Outer(EdgeId),
    /// `n.pull(e)`: value, e, drive
    Pull(PopId),
    /// -d(loss, rate) at an output that the objective scores: value
    OutputError(PopId),
    /// The objective's loss of the example: value
    Loss,
    /// A target of the objective: value
    Target(PopId),
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
    Softmax,
    LogSoftmax,
    LogSumExp,
    ArgMax,
    Rank,
    OneHot(Axis),
    Random(Distribution, Rc<str>),
    BatchMean,
    Mark(Mark),
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
    nodes: Vec<Node>,
    known: HashMap<(NodeKind, Vec<NodeId>, Ty), NodeId>,
    /// Given to nodes as they are made.
    pub span: Span,
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

    /// The node of this operation, made if it is new. Types are the caller's care.
    pub fn make(&mut self, kind: NodeKind, args: Vec<NodeId>, ty: Ty) -> NodeId {
        let key = (kind, args, ty);
        if let Some(id) = self.known.get(&key) {
            return *id;
        }
        let id = NodeId(self.nodes.len() as u32);
        let (kind, args, ty) = key.clone();
        self.nodes.push(Node { kind, args, ty, span: self.span });
        self.known.insert(key, id);
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

    pub fn unary(&mut self, op: Unary, x: NodeId) -> Built {
        use Unary::*;
        let ty = self.ty(x).clone();
        let plain = |name: &str| match ty.unit {
            Unit::ONE => Ok(Unit::ONE),
            unit => Err(Fault::HasUnit { what: name.into(), unit }),
        };
        if matches!(ty.kind, Kind::Label(_)) {
            return Err(Fault::Kind { wanted: "a number".into(), got: ty.text() });
        }
        let kind = match op {
            Not => {
                if ty.kind != Kind::Bool {
                    return Err(Fault::Kind { wanted: "a truth value".into(), got: ty.text() });
                }
                Kind::Bool
            }
            IsFinite => Kind::Bool,
            Negate | Square | Abs | Sign if ty.kind == Kind::Nat || ty.kind == Kind::Int => Kind::Int,
            _ => Kind::Real,
        };
        let unit = match op {
            Negate | Abs | Relu => ty.unit,
            Square => ty.unit.times(ty.unit),
            Reciprocal => Unit::ONE.over(ty.unit),
            Sqrt => ty.unit.power(0.5).ok_or(Fault::HasUnit { what: "sqrt".into(), unit: ty.unit })?,
            Sign | IsFinite | Not => Unit::ONE,
            Sin | Cos if ty.unit == Unit::ANGLE => Unit::ONE,
            other => plain(&format!("{other:?}").to_lowercase())?,
        };
        if let Some(v) = self.const_value(x).filter(|_| op != Not) {
            let c = self.constant(fold_unary(op, v), unit, kind);
            return Ok(self.fill(c, &ty.shape));
        }
        let node = self.node(x);
        if op == Negate && node.kind == NodeKind::Unary(Negate) {
            return Ok(node.args[0]);
        }
        Ok(self.make(NodeKind::Unary(op), vec![x], Ty { shape: ty.shape, unit, kind }))
    }

    pub fn binary(&mut self, op: Binary, a: NodeId, b: NodeId) -> Built {
        use Binary::*;
        let (ta, tb) = (self.ty(a).clone(), self.ty(b).clone());
        let shape = joined_shape(&ta.shape, &tb.shape)?;
        let label = |t: &Ty| matches!(t.kind, Kind::Label(_));
        let comparison = matches!(op, Equal | NotEqual | Less | LessEqual);
        if (label(&ta) || label(&tb)) && !comparison {
            return Err(Fault::Kind { wanted: "a number".into(), got: if label(&ta) { ta.text() } else { tb.text() } });
        }
        if let (Kind::Label(i), Kind::Label(j)) = (&ta.kind, &tb.kind)
            && i != j
        {
            return Err(Fault::Kind { wanted: ta.text(), got: tb.text() });
        }
        if matches!(op, And | Or) {
            for t in [&ta, &tb] {
                if t.kind != Kind::Bool {
                    return Err(Fault::Kind { wanted: "a truth value".into(), got: t.text() });
                }
            }
        }
        // Nothing and infinity have every unit: a structural zero meets volts.
        let free = |v: NodeId| self.is_zero(v);
        let same_unit = match (free(a), free(b)) {
            (true, _) => Ok(tb.unit),
            (_, true) => Ok(ta.unit),
            _ if ta.unit == tb.unit => Ok(ta.unit),
            _ => Err(Fault::Units { left: ta.unit, right: tb.unit }),
        };
        let unit = match op {
            Add | Subtract | Min | Max => same_unit?,
            Multiply => ta.unit.times(tb.unit),
            Divide => ta.unit.over(tb.unit),
            Equal | NotEqual | Less | LessEqual => same_unit.map(|_| Unit::ONE)?,
            Atan2 => same_unit.map(|_| Unit::ANGLE)?,
            And | Or => Unit::ONE,
            Power => self.power_unit(&ta, &tb, b)?,
        };
        let whole = |t: &Ty| matches!(t.kind, Kind::Nat | Kind::Int | Kind::Bool);
        let kind = match op {
            Equal | NotEqual | Less | LessEqual | And | Or => Kind::Bool,
            Add | Multiply | Min | Max if ta.kind == Kind::Nat && tb.kind == Kind::Nat => Kind::Nat,
            Add | Subtract | Multiply | Min | Max if whole(&ta) && whole(&tb) => Kind::Int,
            _ => Kind::Real,
        };
        let ty = Ty { shape, unit, kind };
        if let Some(done) = self.simplify(op, a, b, &ty) {
            return Ok(done);
        }
        let args = match op {
            // One order for what commutes, so that equal values are one node.
            Add | Multiply | Min | Max | Equal | NotEqual | And | Or if a > b => vec![b, a],
            _ => vec![a, b],
        };
        Ok(self.make(NodeKind::Binary(op), args, ty))
    }

    fn power_unit(&self, ta: &Ty, tb: &Ty, b: NodeId) -> Result<Unit, Fault> {
        if tb.unit != Unit::ONE {
            return Err(Fault::HasUnit { what: "an exponent".into(), unit: tb.unit });
        }
        if ta.unit == Unit::ONE {
            return Ok(Unit::ONE);
        }
        let known = self.const_value(b).and_then(|e| ta.unit.power(e));
        known.ok_or(Fault::HasUnit { what: "a power whose exponent is not known".into(), unit: ta.unit })
    }

    /// Constants and structural zeros and ones.
    fn simplify(&mut self, op: Binary, a: NodeId, b: NodeId, ty: &Ty) -> Option<NodeId> {
        use Binary::*;
        let (ca, cb) = (self.const_value(a), self.const_value(b));
        if let (Some(x), Some(y)) = (ca, cb) {
            let c = self.constant(fold_binary(op, x, y), ty.unit, ty.kind.clone());
            return Some(self.fill(c, &ty.shape));
        }
        if let (Some(x), Some(y)) = (self.scalar_axis(a), self.scalar_axis(b))
            && ty.kind != Kind::Bool
        {
            let r = match op {
                Add => x.add(&y).ok(),
                Subtract => x.sub(&y).ok(),
                Multiply => x.mul(&y).ok(),
                _ => None,
            };
            if let Some(r) = r {
                return Some(self.size(&r));
            }
        }
        let same = |g: &Graph, v: NodeId| (g.shape(v) == ty.shape.as_slice() && g.ty(v).unit == ty.unit).then_some(v);
        match (op, ca, cb) {
            (Add, Some(0.0), _) => same(self, b),
            (Add | Subtract, _, Some(0.0)) => same(self, a),
            (Subtract, Some(0.0), _) => same(self, b).and_then(|b| self.unary(Unary::Negate, b).ok()),
            (Multiply, Some(0.0), _) | (Multiply, _, Some(0.0)) | (Divide, Some(0.0), _) => Some(self.zeros(ty)),
            (Multiply, Some(1.0), _) => same(self, b),
            (Multiply | Divide, _, Some(1.0)) => same(self, a),
            (Multiply, Some(-1.0), _) if self.shape(a).is_empty() => {
                same(self, b).and_then(|b| self.unary(Unary::Negate, b).ok())
            }
            (Power, _, Some(2.0)) => self.unary(Unary::Square, a).ok(),
            (Power, _, Some(1.0)) => same(self, a),
            _ => None,
        }
    }

    fn scalar_axis(&self, id: NodeId) -> Option<Axis> {
        let node = self.node(id);
        let whole = node.ty.kind == Kind::Nat && node.ty.unit == Unit::ONE;
        if whole { self.as_axis(id) } else { None }
    }

    pub fn add(&mut self, a: NodeId, b: NodeId) -> Built {
        self.binary(Binary::Add, a, b)
    }

    pub fn sub(&mut self, a: NodeId, b: NodeId) -> Built {
        self.binary(Binary::Subtract, a, b)
    }

    pub fn mul(&mut self, a: NodeId, b: NodeId) -> Built {
        self.binary(Binary::Multiply, a, b)
    }

    pub fn div(&mut self, a: NodeId, b: NodeId) -> Built {
        self.binary(Binary::Divide, a, b)
    }

    pub fn neg(&mut self, a: NodeId) -> Built {
        self.unary(Unary::Negate, a)
    }

    pub fn select(&mut self, c: NodeId, a: NodeId, b: NodeId) -> Built {
        if self.ty(c).kind != Kind::Bool {
            return Err(Fault::Kind { wanted: "a truth value".into(), got: self.ty(c).text() });
        }
        if let Some(v) = self.const_value(c).filter(|_| self.shape(c).is_empty()) {
            return Ok(if v != 0.0 { a } else { b });
        }
        let (ta, tb) = (self.ty(a).clone(), self.ty(b).clone());
        let shape = joined_shape(&joined_shape(&ta.shape, &tb.shape)?, self.shape(c))?;
        if ta.unit != tb.unit && !self.is_zero(a) && !self.is_zero(b) {
            return Err(Fault::Units { left: ta.unit, right: tb.unit });
        }
        let unit = if self.is_zero(a) { tb.unit } else { ta.unit };
        let kind = if ta.kind == tb.kind { ta.kind } else { Kind::Real };
        Ok(self.make(NodeKind::Select, vec![c, a, b], Ty { shape, unit, kind }))
    }

    /// A contraction by letters; sizes of one letter must agree.
    pub fn contract(&mut self, spec: Contraction, a: NodeId, b: NodeId) -> Built {
        let (ta, tb) = (self.ty(a).clone(), self.ty(b).clone());
        let mut size: HashMap<u8, Axis> = HashMap::new();
        for (letters, ty) in [(&spec.a, &ta), (&spec.b, &tb)] {
            if letters.len() != ty.shape.len() {
                return Err(Fault::Shapes { left: ta.shape.clone(), right: tb.shape.clone() });
            }
            for (l, s) in letters.iter().zip(&ty.shape) {
                if size.insert(*l, s.clone()).is_some_and(|old| old != *s) {
                    return Err(Fault::Shapes { left: ta.shape.clone(), right: tb.shape.clone() });
                }
            }
        }
        let shape = spec.out.iter().map(|l| size[l].clone()).collect();
        let ty = Ty { shape, unit: ta.unit.times(tb.unit), kind: Kind::Real };
        if self.is_zero(a) || self.is_zero(b) {
            return Ok(self.zeros(&ty));
        }
        Ok(self.make(NodeKind::Contract(spec), vec![a, b], ty))
    }

    /// `a @ b`: the last axis of a with the last but one of b (or its only one).
    pub fn matmul(&mut self, a: NodeId, b: NodeId) -> Built {
        let (ra, rb) = (self.shape(a).len(), self.shape(b).len());
        if ra == 0 || rb == 0 {
            let got = if ra == 0 { self.shape(a) } else { self.shape(b) }.to_vec();
            return Err(Fault::Rank { what: "`@`".into(), wanted: "at least one axis on both sides".into(), got });
        }
        let (inner_a, inner_b) = (self.shape(a)[ra - 1].clone(), self.shape(b)[rb.saturating_sub(2)].clone());
        if inner_a != inner_b {
            let (left, right) = (self.shape(a).to_vec(), self.shape(b).to_vec());
            return Err(Fault::Shapes { left, right });
        }
        let shared = 255u8;
        let la: Vec<u8> = (0..ra - 1).map(|i| i as u8).chain([shared]).collect();
        let mut lb: Vec<u8> = (0..rb).map(|i| (100 + i) as u8).collect();
        lb[rb.saturating_sub(2)] = shared;
        let out = la.iter().chain(&lb).copied().filter(|l| *l != shared).collect();
        self.contract(Contraction { a: la, b: lb, out }, a, b)
    }

    /// All products of an element of a with one of b: shape of a, then shape of b.
    pub fn outer(&mut self, a: NodeId, b: NodeId) -> Built {
        let la: Vec<u8> = (0..self.shape(a).len()).map(|i| i as u8).collect();
        let lb: Vec<u8> = (0..self.shape(b).len()).map(|i| (100 + i) as u8).collect();
        let out = [la.clone(), lb.clone()].concat();
        self.contract(Contraction { a: la, b: lb, out }, a, b)
    }

    /// The sum of the products of all elements; shapes are equal.
    pub fn dot(&mut self, a: NodeId, b: NodeId) -> Built {
        if self.shape(a) != self.shape(b) {
            let (left, right) = (self.shape(a).to_vec(), self.shape(b).to_vec());
            return Err(Fault::Shapes { left, right });
        }
        let l: Vec<u8> = (0..self.shape(a).len()).map(|i| i as u8).collect();
        self.contract(Contraction { a: l.clone(), b: l, out: vec![] }, a, b)
    }

    pub fn reduce(&mut self, how: Reduction, axes: Vec<usize>, x: NodeId) -> Built {
        if axes.is_empty() {
            return Ok(x);
        }
        let ty = self.ty(x).clone();
        if matches!(ty.kind, Kind::Label(_)) {
            return Err(Fault::Kind { wanted: "numbers".into(), got: ty.text() });
        }
        let kept = |i: &usize| !axes.contains(i);
        let shape: Vec<Axis> = (0..ty.shape.len()).filter(kept).map(|i| ty.shape[i].clone()).collect();
        let out = Ty { shape, unit: ty.unit, kind: Kind::Real };
        if self.is_zero(x) {
            return Ok(self.zeros(&out));
        }
        // The sum of a repeated scalar is the scalar times the number of its copies.
        let node = self.node(x);
        if let (NodeKind::Expand(new), Reduction::Sum) = (&node.kind, how)
            && new.len() == ty.shape.len()
            && axes.len() == ty.shape.len()
        {
            let inner = node.args[0];
            let count = Axis::product(&ty.shape)?;
            let count = self.size(&count);
            return self.mul(inner, count);
        }
        Ok(self.make(NodeKind::Reduce(how, axes), vec![x], out))
    }

    /// Over all axes, to a scalar.
    pub fn reduce_all(&mut self, how: Reduction, x: NodeId) -> Built {
        let axes = (0..self.shape(x).len()).collect();
        self.reduce(how, axes, x)
    }

    pub fn permute(&mut self, order: Vec<usize>, x: NodeId) -> NodeId {
        if order.iter().enumerate().all(|(i, o)| i == *o) {
            return x;
        }
        let ty = self.ty(x).clone();
        let shape = order.iter().map(|&i| ty.shape[i].clone()).collect();
        self.make(NodeKind::Permute(order), vec![x], Ty { shape, ..ty })
    }

    pub fn reshape(&mut self, shape: Vec<Axis>, x: NodeId) -> Built {
        let ty = self.ty(x).clone();
        if ty.shape == shape {
            return Ok(x);
        }
        if Axis::product(&ty.shape)? != Axis::product(&shape)? {
            return Err(Fault::Shapes { left: ty.shape, right: shape });
        }
        let inner = match &self.node(x).kind {
            NodeKind::Reshape => self.node(x).args[0],
            _ => x,
        };
        if self.shape(inner) == shape.as_slice() {
            return Ok(inner);
        }
        Ok(self.make(NodeKind::Reshape, vec![inner], Ty { shape, ..ty }))
    }

    pub fn expand(&mut self, axes: Vec<usize>, shape: Vec<Axis>, x: NodeId) -> NodeId {
        if axes.is_empty() {
            return x;
        }
        let ty = Ty { shape, ..self.ty(x).clone() };
        self.make(NodeKind::Expand(axes), vec![x], ty)
    }

    /// A row function of the last axis.
    pub fn row(&mut self, kind: NodeKind, x: NodeId) -> Built {
        let ty = self.ty(x).clone();
        let Some((last, rest)) = ty.shape.split_last() else {
            let what = format!("`{}`", format!("{kind:?}").to_lowercase());
            return Err(Fault::Rank { what, wanted: "at least one axis".into(), got: vec![] });
        };
        if ty.unit != Unit::ONE && !matches!(kind, NodeKind::ArgMax | NodeKind::Rank) {
            return Err(Fault::HasUnit { what: format!("{kind:?}").to_lowercase(), unit: ty.unit });
        }
        let out = match kind {
            NodeKind::ArgMax => Ty { shape: rest.to_vec(), unit: Unit::ONE, kind: Kind::Label(last.clone()) },
            NodeKind::LogSumExp => Ty::real(rest.to_vec()),
            _ => Ty::real(ty.shape.clone()),
        };
        Ok(self.make(kind, vec![x], out))
    }

    pub fn one_hot(&mut self, x: NodeId) -> Built {
        let ty = self.ty(x).clone();
        let Kind::Label(k) = ty.kind else {
            return Err(Fault::Kind { wanted: "a label".into(), got: ty.text() });
        };
        let shape = ty.shape.into_iter().chain([k.clone()]).collect();
        Ok(self.make(NodeKind::OneHot(k), vec![x], Ty::real(shape)))
    }

    pub fn batch_mean(&mut self, x: NodeId) -> NodeId {
        let ty = self.ty(x).clone();
        self.make(NodeKind::BatchMean, vec![x], ty)
    }

    pub fn mark(&mut self, mark: Mark, value: NodeId, sources: impl IntoIterator<Item = NodeId>) -> NodeId {
        let ty = self.ty(value).clone();
        let args = std::iter::once(value).chain(sources).collect();
        self.make(NodeKind::Mark(mark), args, ty)
    }

    /// Every node that `roots` read, arguments first.
    pub fn reachable(&self, roots: &[NodeId]) -> Vec<NodeId> {
        let mut seen = vec![false; self.nodes.len()];
        let mut stack: Vec<NodeId> = roots.to_vec();
        while let Some(id) = stack.pop() {
            if !std::mem::replace(&mut seen[id.0 as usize], true) {
                stack.extend(&self.node(id).args);
            }
        }
        // Arguments are made before the nodes that use them.
        (0..self.nodes.len()).filter(|i| seen[*i]).map(|i| NodeId(i as u32)).collect()
    }

    /// The same expression with some nodes replaced.
    pub fn substitute(&mut self, root: NodeId, with: &HashMap<NodeId, NodeId>) -> Built {
        let mut done: HashMap<NodeId, NodeId> = with.clone();
        for id in self.reachable(&[root]) {
            if done.contains_key(&id) {
                continue;
            }
            let node = self.node(id).clone();
            let args: Vec<NodeId> = node.args.iter().map(|a| done[a]).collect();
            let new = if args == node.args { id } else { self.rebuild(&node, args)? };
            done.insert(id, new);
        }
        Ok(done[&root])
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

/// Equal shapes, or a scalar with anything.
pub fn joined_shape(a: &[Axis], b: &[Axis]) -> Result<Vec<Axis>, Fault> {
    if a == b || b.is_empty() {
        return Ok(a.to_vec());
    }
    if a.is_empty() {
        return Ok(b.to_vec());
    }
    let (left, right) = (a.to_vec(), b.to_vec());
    let ones = |s: &[Axis]| s.contains(&Axis::Known(1));
    if a.len() != b.len() || ones(a) || ones(b) {
        return Err(Fault::Broadcast { left, right });
    }
    Err(Fault::Shapes { left, right })
}

fn fold_unary(op: Unary, v: f64) -> f64 {
    match op {
        Unary::Negate => -v,
        Unary::Not => f64::from(v == 0.0),
        Unary::Exp => v.exp(),
        Unary::Expm1 => v.exp_m1(),
        Unary::Log => v.ln(),
        Unary::Log1p => v.ln_1p(),
        Unary::Sqrt => v.sqrt(),
        Unary::Square => v * v,
        Unary::Reciprocal => 1.0 / v,
        Unary::Abs => v.abs(),
        Unary::Sign => f64::from(v > 0.0) - f64::from(v < 0.0),
        Unary::Sin => v.sin(),
        Unary::Cos => v.cos(),
        Unary::Tanh => v.tanh(),
        Unary::Sigmoid => 1.0 / (1.0 + (-v).exp()),
        Unary::Softplus => v.max(0.0) + (-v.abs()).exp().ln_1p(),
        Unary::Relu => v.max(0.0),
        Unary::Erf => statrs::function::erf::erf(v),
        Unary::Floor => v.floor(),
        Unary::IsFinite => f64::from(v.is_finite()),
    }
}

fn fold_binary(op: Binary, a: f64, b: f64) -> f64 {
    match op {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::Power => a.powf(b),
        Binary::Min => a.min(b),
        Binary::Max => a.max(b),
        Binary::Atan2 => a.atan2(b),
        Binary::Equal => f64::from(a == b),
        Binary::NotEqual => f64::from(a != b),
        Binary::Less => f64::from(a < b),
        Binary::LessEqual => f64::from(a <= b),
        Binary::And => f64::from(a != 0.0 && b != 0.0),
        Binary::Or => f64::from(a != 0.0 || b != 0.0),
    }
}
