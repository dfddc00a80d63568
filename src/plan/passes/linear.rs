//! Signs, scales and sums are moved to where they meet another, and cancel or merge.
//!
//! Exact but for the sign of a zero and, where two scales become one, the last bit.

use super::fuse::{Product, Scaling};
use super::{Rewrite, Rewriter};
use crate::ops::{Binary, Contraction, Op, Reduction, Unary};
use crate::plan::{Dim, Instr, PlanOp, ValueId};

pub(super) fn rule(rw: &mut Rewriter, instr: &Instr) -> Rewrite {
    let found = match &instr.op {
        PlanOp::Op(Op::Binary(op)) => merged_scales(rw, instr)
            .or_else(|| sum_of_reductions(rw, *op, instr))
            .or_else(|| signs_outward(rw, *op, instr)),
        PlanOp::AddScaled { scale } => added(rw, instr, f64::from_bits(*scale)),
        PlanOp::Op(Op::Contract(_)) | PlanOp::ScaledContract { .. } => by_a_number(rw, instr),
        PlanOp::Op(Op::Reduce { how: Reduction::Sum | Reduction::Mean, .. }) => dot(rw, instr),
        _ => None,
    };
    found.unwrap_or(Rewrite::Keep)
}

fn negated(rw: &Rewriter, id: ValueId) -> Option<ValueId> {
    rw.def(id).filter(|i| i.is_negation()).map(|i| i.args[0])
}

/// A value without its sign and known scale, if nothing else reads it with them; a sign costs nothing to leave.
fn unscaled(rw: &Rewriter, id: ValueId) -> Option<(ValueId, f64)> {
    if let Some(x) = negated(rw, id) {
        return Some((x, -1.0));
    }
    let instr = rw.def(id).filter(|_| rw.single(id))?;
    let scaling = Scaling::of(rw, instr)?;
    Some((scaling.x, scaling.known(rw)?))
}

/// `c * (k * x)` is `(c * k) * x`.
fn merged_scales(rw: &mut Rewriter, instr: &Instr) -> Option<Rewrite> {
    let scaling = Scaling::of(rw, instr)?;
    let outer = scaling.known(rw)?;
    let (x, inner) = unscaled(rw, scaling.x)?;
    let factor = outer * inner;
    if !factor.is_finite() || factor == 0.0 {
        return None;
    }
    let scalar = rw.emit(PlanOp::Op(Op::constant(factor)), vec![], vec![]);
    Some(Rewrite::Become(PlanOp::Op(Op::Binary(Binary::Multiply)), vec![x, scalar]))
}

/// `mean(x) + mean(y)` is the mean of `x + y` where that sum is there already.
fn sum_of_reductions(rw: &Rewriter, op: Binary, instr: &Instr) -> Option<Rewrite> {
    if !matches!(op, Binary::Add | Binary::Subtract) || rw.shape(instr.args[0]) != rw.shape(instr.args[1]) {
        return None;
    }
    let reduction = |id: ValueId| rw.def(id).filter(|i| rw.single(id) && is_linear_reduction(i));
    let (a, b) = (reduction(instr.args[0])?, reduction(instr.args[1])?);
    let (x, y) = (a.args[0], b.args[0]);
    if a.op != b.op || rw.shape(x) != rw.shape(y) {
        return None;
    }
    let sum = rw.program.instrs.iter().find(|i| {
        let same = i.args == [x, y] || (op == Binary::Add && i.args == [y, x]);
        same && i.op == instr.op && rw.shape(i.out) == rw.shape(x) && rw.uses[i.out.0 as usize] > 0
    })?;
    Some(Rewrite::Become(a.op.clone(), vec![sum.out]))
}

fn is_linear_reduction(instr: &Instr) -> bool {
    matches!(instr.op, PlanOp::Op(Op::Reduce { how: Reduction::Sum | Reduction::Mean, .. }))
}

/// A sign inside a product or around both terms of a sum goes outward, where it may meet another.
fn signs_outward(rw: &mut Rewriter, op: Binary, instr: &Instr) -> Option<Rewrite> {
    let (a, b) = (instr.args[0], instr.args[1]);
    // Not where the result is larger than what is negated now.
    let own = |id: ValueId| negated(rw, id).filter(|_| rw.single(id) && rw.shape(id) == rw.shape(instr.out));
    let args = match (op, own(a), own(b)) {
        (Binary::Multiply | Binary::Divide, Some(x), Some(y)) => {
            return Some(Rewrite::Become(instr.op.clone(), vec![x, y]));
        }
        (Binary::Multiply | Binary::Divide, Some(x), None) => vec![x, b],
        (Binary::Multiply | Binary::Divide, None, Some(y)) => vec![a, y],
        (Binary::Add, Some(x), Some(y)) => vec![x, y],
        // -x - b
        (Binary::Subtract, Some(x), None) => {
            let shape = rw.shape(instr.out).clone();
            let sum = rw.emit(PlanOp::Op(Op::Binary(Binary::Add)), vec![x, b], shape);
            return Some(Rewrite::Become(PlanOp::Op(Op::Unary(Unary::Negate)), vec![sum]));
        }
        _ => return None,
    };
    let shape = rw.shape(instr.out).clone();
    let positive = rw.emit(instr.op.clone(), args, shape);
    Some(Rewrite::Become(PlanOp::Op(Op::Unary(Unary::Negate)), vec![positive]))
}

/// `c + s * x`, where x has a scale of its own, or is a product plus something scaled.
fn added(rw: &mut Rewriter, instr: &Instr, scale: f64) -> Option<Rewrite> {
    let (c, x) = (instr.args[0], instr.args[1]);
    if let Some((inner, factor)) = unscaled(rw, x) {
        let scale = scale * factor;
        let fits = scale.is_finite() && scale != 0.0;
        return fits.then(|| Rewrite::Become(PlanOp::AddScaled { scale: scale.to_bits() }, vec![c, inner]));
    }
    // c + s * (product + k * y) is (c + s * k * y) + s * product: an update with a decay in two calls.
    let inner = rw.def(x).filter(|_| rw.single(x))?.clone();
    let (product, y, factor) = match inner.op {
        PlanOp::AddScaled { scale } => (Product::taken(rw, inner.args[0])?, inner.args[1], f64::from_bits(scale)),
        PlanOp::AccumulateContract { contraction, scale, over_batch } => {
            let (y, factor) = unscaled(rw, inner.args[2])?;
            let args = inner.args[..2].to_vec();
            (Product { contraction, scale: f64::from_bits(scale), over_batch, args }, y, factor)
        }
        _ => return None,
    };
    let product = product.scaled(scale)?;
    let factor = scale * factor;
    if !factor.is_finite() || factor == 0.0 {
        return None;
    }
    let shape = rw.shape(instr.out).clone();
    let decayed = rw.emit(PlanOp::AddScaled { scale: factor.to_bits() }, vec![c, y], shape);
    Some(product.added_to(decayed))
}

/// A contraction with a scalar is a multiplication, after a sum perhaps.
fn by_a_number(rw: &mut Rewriter, instr: &Instr) -> Option<Rewrite> {
    let product = Product::of(instr)?;
    let c = &product.contraction;
    let (scalar, x, letters) = match (c.a.is_empty(), c.b.is_empty()) {
        (true, _) => (instr.args[0], instr.args[1], c.b.clone()),
        (_, true) => (instr.args[1], instr.args[0], c.a.clone()),
        _ => return None,
    };
    let distinct = letters.iter().enumerate().all(|(i, l)| !letters[..i].contains(l));
    let axes: Vec<usize> = (0..letters.len()).filter(|i| !c.out.contains(&letters[*i])).collect();
    let mean = product.over_batch && axes == [0] && rw.shape(x)[0] == Dim::Batch;
    if !distinct || (product.over_batch && !mean) {
        return None;
    }
    let mut value = x;
    let mut kept = letters.clone();
    if !axes.is_empty() {
        kept.retain(|l| c.out.contains(l));
        let shape = rw.shape(x).iter().enumerate().filter(|(i, _)| !axes.contains(i)).map(|(_, d)| *d).collect();
        let how = if mean { Reduction::Mean } else { Reduction::Sum };
        value = rw.emit(PlanOp::Op(Op::Reduce { how, axes }), vec![x], shape);
    }
    if kept != c.out {
        let order = c.out.iter().map(|l| kept.iter().position(|k| k == l)).collect::<Option<Vec<usize>>>()?;
        let shape = rw.shape(instr.out).clone();
        value = rw.emit(PlanOp::Op(Op::Permute { order }), vec![value], shape);
    }
    let mut scalar = scalar;
    if product.scale != 1.0 {
        let number = rw.emit(PlanOp::Op(Op::constant(product.scale)), vec![], vec![]);
        scalar = rw.emit(PlanOp::Op(Op::Binary(Binary::Multiply)), vec![scalar, number], vec![]);
    }
    Some(Rewrite::Become(PlanOp::Op(Op::Binary(Binary::Multiply)), vec![value, scalar]))
}

/// The sum or mean of all products of two tensors, or of all squares of one, is one contraction.
fn dot(rw: &Rewriter, instr: &Instr) -> Option<Rewrite> {
    if !rw.shape(instr.out).is_empty() {
        return None;
    }
    let mut at = instr;
    let (mut scale, mut over_batch, mut means) = (1.0, false, 0);
    let (a, b) = loop {
        let (PlanOp::Op(Op::Reduce { how, axes }), x) = (&at.op, at.args[0]) else { return None };
        for axis in axes.iter().filter(|_| *how == Reduction::Mean) {
            match rw.shape(x)[*axis] {
                Dim::Fixed(n) => scale /= n as f64,
                Dim::Batch => over_batch = true,
            }
            means += 1;
        }
        let inner = rw.def(x).filter(|_| rw.single(x))?;
        match inner.op {
            PlanOp::Op(Op::Unary(Unary::Square)) => break (inner.args[0], inner.args[0]),
            PlanOp::Op(Op::Binary(Binary::Multiply)) => break (inner.args[0], inner.args[1]),
            _ if is_linear_reduction(inner) => at = inner,
            _ => return None,
        }
    };
    let letters: Vec<u8> = (0..rw.shape(a).len() as u8).collect();
    if rw.shape(a) != rw.shape(b) || letters.is_empty() || !scale.is_finite() || scale == 0.0 {
        return None;
    }
    let contraction = Contraction { a: letters.clone(), b: letters, out: vec![] };
    let op = match means {
        0 => PlanOp::Op(Op::Contract(contraction)),
        _ => PlanOp::ScaledContract { contraction, scale: f64::to_bits(scale), over_batch },
    };
    Some(Rewrite::Become(op, vec![a, b]))
}
