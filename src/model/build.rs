//! Building typed nodes: shapes, units and kinds of every operation, constants folded, zeros and ones removed.

use super::graph::{Built, Fault, Graph, Kind, Mark, NodeId, NodeKind, Ty};
use crate::ir::Unit;
use crate::ir::axis::Axis;
use crate::ops::{Binary, Contraction, Reduction, Unary, scalar};
use std::collections::HashMap;

impl Graph {
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
        if op == Floor && self.scalar_axis(x).is_some() {
            return Ok(x);
        }
        // A quotient of sizes has a whole part that is a size.
        if op == Floor
            && let NodeKind::Binary(Binary::Divide) = self.node(x).kind
            && let (Some(a), Some(b)) = (self.scalar_axis(self.node(x).args[0]), self.scalar_axis(self.node(x).args[1]))
            && let Ok(whole) = a.floor_div(&b)
        {
            return Ok(self.size(&whole));
        }
        if let Some(v) = self.const_value(x) {
            let v = scalar::unary(op, v);
            let kind = if op == Floor && v >= 0.0 && unit == Unit::ONE { Kind::Nat } else { kind };
            let c = self.constant(v, unit, kind);
            return Ok(self.fill(c, &ty.shape));
        }
        let node = self.node(x).clone();
        // Both are exact: -(-a) = a, -(a - b) = b - a.
        match (op, &node.kind) {
            (Negate, NodeKind::Unary(Negate)) => return Ok(node.args[0]),
            (Negate, NodeKind::Binary(Binary::Subtract)) => return self.sub(node.args[1], node.args[0]),
            _ => {}
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
        // A label may be compared with a whole number, but with nothing that is measured.
        if label(&ta) != label(&tb) {
            let (own, other) = if label(&ta) { (&ta, &tb) } else { (&tb, &ta) };
            if !matches!(other.kind, Kind::Nat | Kind::Int) {
                return Err(Fault::Kind { wanted: own.text(), got: other.text() });
            }
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

    pub(crate) fn power_unit(&self, ta: &Ty, tb: &Ty, b: NodeId) -> Result<Unit, Fault> {
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
    pub(crate) fn simplify(&mut self, op: Binary, a: NodeId, b: NodeId, ty: &Ty) -> Option<NodeId> {
        use Binary::*;
        let (ca, cb) = (self.const_value(a), self.const_value(b));
        if let (Some(x), Some(y)) = (ca, cb) {
            let v = scalar::binary(op, x, y);
            let natural = ty.kind == Kind::Int && ty.unit == Unit::ONE && v >= 0.0;
            let c = self.constant(v, ty.unit, if natural { Kind::Nat } else { ty.kind.clone() });
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
        // a + (-b) = a - b, exactly.
        if op == Add {
            for (x, y) in [(a, b), (b, a)] {
                if self.node(y).kind == NodeKind::Unary(Unary::Negate) && ty.kind == Kind::Real {
                    let inner = self.node(y).args[0];
                    return self.sub(x, inner).ok();
                }
            }
        }
        match (op, ca, cb) {
            (Add, Some(0.0), _) => same(self, b),
            (Add | Subtract, _, Some(0.0)) => same(self, a),
            (Subtract, _, _) if a == b => Some(self.zeros(ty)),
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

    pub(crate) fn scalar_axis(&self, id: NodeId) -> Option<Axis> {
        let node = self.node(id);
        let whole = matches!(node.ty.kind, Kind::Nat | Kind::Int) && node.ty.unit == Unit::ONE;
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
        let spec = spec.canonical();
        let ty = Ty { shape, unit: ta.unit.times(tb.unit), kind: Kind::Real };
        if self.is_zero(a) || self.is_zero(b) {
            return Ok(self.zeros(&ty));
        }
        // A product with a single number is elementwise.
        if spec.a.is_empty() && spec.out == spec.b || spec.b.is_empty() && spec.out == spec.a {
            return self.mul(a, b);
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

    /// Vectors one after the other.
    pub fn concat(&mut self, x: &[NodeId]) -> Built {
        let (a, b) = (self.ty(x[0]).clone(), self.ty(x[1]).clone());
        if a.unit != b.unit {
            return Err(Fault::Units { left: a.unit, right: b.unit });
        }
        let ([m], [n]) = (a.shape.as_slice(), b.shape.as_slice()) else {
            return Err(Fault::Shapes { left: a.shape, right: b.shape });
        };
        let shape = vec![m.add(n)?];
        Ok(self.make(NodeKind::Concat(0), x.to_vec(), Ty { shape, kind: Kind::Real, unit: a.unit }))
    }

    /// 1 on and below the diagonal of a square matrix, 0 above.
    pub fn triangle(&mut self, size: NodeId) -> Built {
        let Some(n) = self.as_axis(size) else {
            return Err(Fault::Kind { wanted: "a known size".into(), got: self.ty(size).text() });
        };
        let iota = self.make(NodeKind::Size(n.clone()), vec![], Ty::real(vec![n.clone()]));
        let square = vec![n.clone(), n];
        let (row, column) = (self.expand(vec![1], square.clone(), iota), self.expand(vec![0], square, iota));
        let below = self.binary(Binary::LessEqual, column, row)?;
        let (one, zero) = (self.number(1.0), self.number(0.0));
        self.select(below, one, zero)
    }

    pub fn batch_mean(&mut self, x: NodeId) -> NodeId {
        let ty = self.ty(x).clone();
        self.make(NodeKind::BatchMean, vec![x], ty)
    }

    /// All examples along a first axis of unknown length, `batch`.
    pub fn all_examples(&mut self, x: NodeId) -> NodeId {
        let ty = self.ty(x).clone();
        let shape = std::iter::once(Axis::symbol(BATCH_AXIS)).chain(ty.shape.iter().cloned()).collect();
        self.make(NodeKind::AllExamples, vec![x], Ty { shape, ..ty })
    }

    pub fn each_example(&mut self, x: NodeId) -> NodeId {
        let ty = self.ty(x).clone();
        let shape = ty.shape[1..].to_vec();
        self.make(NodeKind::EachExample, vec![x], Ty { shape, ..ty })
    }

    pub fn mark(&mut self, mark: Mark, value: NodeId, sources: impl IntoIterator<Item = NodeId>) -> NodeId {
        let ty = self.ty(value).clone();
        let args = std::iter::once(value).chain(sources).collect();
        self.make(NodeKind::Mark(mark), args, ty)
    }
}

/// The axis of examples that are computed together, in types.
pub const BATCH_AXIS: &str = "batch";

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
