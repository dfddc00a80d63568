//! Identities that hold to the last bit, for every number and for what is not a number.
//!
//! `x * 0` and `x - x` stay: they are not 0 where x is not finite. `x + 0` turns -0 into 0 and stays where x may be -0.

use super::{Rewrite, Rewriter};
use crate::ops::{Binary, Contraction, Op, Unary};
use crate::plan::verify::broadcast;
use crate::plan::{Dim, Instr, PlanOp, ValueId};

pub(super) fn rule(rw: &mut Rewriter, instr: &Instr) -> Rewrite {
    let PlanOp::Op(op) = &instr.op else {
        return contracted_views(rw, instr).unwrap_or(Rewrite::Keep);
    };
    let found = match op {
        Op::Unary(op) => unary(rw, *op, instr),
        Op::Binary(op) => binary(rw, *op, instr).or_else(|| without_repeats(rw, instr)),
        Op::Select => select(rw, instr).or_else(|| without_repeats(rw, instr)),
        Op::Contract(_) => contracted_views(rw, instr),
        Op::Reshape | Op::Permute { .. } | Op::Expand { .. } | Op::Slice { .. } => view(rw, op, instr),
        Op::Embed { .. } => same(rw, instr, 0).or_else(|| padded_windows(rw, instr)),
        Op::Concat { .. } if instr.args.len() == 1 => same(rw, instr, 0),
        Op::Reduce { axes, .. } if axes.is_empty() => same(rw, instr, 0),
        _ => None,
    };
    found.unwrap_or(Rewrite::Keep)
}

/// The result is an argument, if that has its shape.
fn same(rw: &Rewriter, instr: &Instr, arg: usize) -> Option<Rewrite> {
    let x = *instr.args.get(arg)?;
    (rw.shape(x) == rw.shape(instr.out)).then_some(Rewrite::Alias(x))
}

fn unary(rw: &mut Rewriter, op: Unary, instr: &Instr) -> Option<Rewrite> {
    let x = instr.args[0];
    let inner = rw.def(x)?.clone();
    match (op, &inner.op) {
        // The work is done before the repetition.
        (_, PlanOp::Op(Op::Expand { .. })) => {
            let shape = rw.shape(inner.args[0]).clone();
            let once = rw.emit(instr.op.clone(), vec![inner.args[0]], shape);
            Some(Rewrite::Become(inner.op, vec![once]))
        }
        (Unary::Negate, PlanOp::Op(Op::Unary(Unary::Negate))) => Some(Rewrite::Alias(inner.args[0])),
        (
            Unary::Abs | Unary::Relu,
            PlanOp::Op(Op::Unary(Unary::Abs | Unary::Square | Unary::Exp | Unary::Sigmoid | Unary::Softplus)),
        ) => Some(Rewrite::Alias(x)),
        (Unary::Relu | Unary::Floor, PlanOp::Op(Op::Unary(again))) if *again == op => Some(Rewrite::Alias(x)),
        (Unary::Abs | Unary::Square, PlanOp::Op(Op::Unary(Unary::Negate))) => {
            Some(Rewrite::Become(instr.op.clone(), vec![inner.args[0]]))
        }
        _ => None,
    }
}

fn binary(rw: &mut Rewriter, op: Binary, instr: &Instr) -> Option<Rewrite> {
    let (a, b) = (instr.args[0], instr.args[1]);
    let (ca, cb) = (rw.uniform(a), rw.uniform(b));
    let negative_zero = |c: Option<f64>| c.is_some_and(|c| c == 0.0 && c.is_sign_negative());
    let become_ = |op: Op, args: Vec<ValueId>| Some(Rewrite::Become(PlanOp::Op(op), args));
    let whole = |rw: &Rewriter, id: ValueId| rw.shape(id) == rw.shape(instr.out);
    let exact = match op {
        Binary::Multiply if ca == Some(1.0) => same(rw, instr, 1),
        Binary::Multiply | Binary::Divide | Binary::Power if cb == Some(1.0) => same(rw, instr, 0),
        Binary::Add if negative_zero(ca) || (ca == Some(0.0) && never_negative_zero(rw, b)) => same(rw, instr, 1),
        Binary::Add if negative_zero(cb) || (cb == Some(0.0) && never_negative_zero(rw, a)) => same(rw, instr, 0),
        Binary::Subtract if cb == Some(0.0) && !negative_zero(cb) => same(rw, instr, 0),
        Binary::Min | Binary::Max if a == b => same(rw, instr, 0),
        _ => None,
    };
    if exact.is_some() {
        return exact;
    }
    let negated = |rw: &Rewriter, id: ValueId| rw.def(id).filter(|i| i.is_negation()).map(|i| i.args[0]);
    match op {
        Binary::Multiply | Binary::Divide if cb == Some(-1.0) && whole(rw, a) => {
            become_(Op::Unary(Unary::Negate), vec![a])
        }
        Binary::Multiply if ca == Some(-1.0) && whole(rw, b) => become_(Op::Unary(Unary::Negate), vec![b]),
        Binary::Multiply if a == b => become_(Op::Unary(Unary::Square), vec![a]),
        Binary::Power if cb == Some(2.0) && whole(rw, a) => become_(Op::Unary(Unary::Square), vec![a]),
        Binary::Divide if whole(rw, a) => {
            let reciprocal = exact_reciprocal(cb?)?;
            let scalar = rw.emit(PlanOp::Op(Op::constant(reciprocal)), vec![], vec![]);
            become_(Op::Binary(Binary::Multiply), vec![a, scalar])
        }
        Binary::Add => {
            if let Some(x) = negated(rw, b) {
                return become_(Op::Binary(Binary::Subtract), vec![a, x]);
            }
            become_(Op::Binary(Binary::Subtract), vec![b, negated(rw, a)?])
        }
        Binary::Subtract => become_(Op::Binary(Binary::Add), vec![a, negated(rw, b)?]),
        _ => None,
    }
}

/// 1 / c where that is exact in single precision: c is a power of two.
fn exact_reciprocal(c: f64) -> Option<f64> {
    let fraction = c.to_bits() & ((1 << 52) - 1);
    let power = fraction == 0 && c.abs() >= 1e-30 && c.abs() <= 1e30;
    power.then_some(1.0 / c)
}

/// Whether no element is -0, whatever the arguments.
fn never_negative_zero(rw: &Rewriter, id: ValueId) -> bool {
    match rw.def(id).map(|i| &i.op) {
        Some(PlanOp::Op(Op::Unary(op))) => {
            use Unary::*;
            matches!(op, Not | Exp | Square | Abs | Cos | Sigmoid | Softplus | IsFinite)
        }
        Some(PlanOp::Op(Op::Binary(op))) => {
            use Binary::*;
            matches!(op, Equal | NotEqual | Less | LessEqual | And | Or)
        }
        Some(PlanOp::Op(op)) => {
            matches!(op, Op::Iota(_) | Op::Softmax | Op::ArgMax | Op::Rank | Op::OneHot { .. })
        }
        _ => false,
    }
}

fn select(rw: &Rewriter, instr: &Instr) -> Option<Rewrite> {
    match rw.uniform(instr.args[0]) {
        Some(condition) => same(rw, instr, if condition != 0.0 { 1 } else { 2 }),
        None if instr.args[1] == instr.args[2] => same(rw, instr, 1),
        None => None,
    }
}

/// An argument that is repeated along leading axes need not be: elementwise operations repeat by themselves.
fn without_repeats(rw: &Rewriter, instr: &Instr) -> Option<Rewrite> {
    let mut args = instr.args.clone();
    for i in 0..args.len() {
        let Some(inner) = rw.def(args[i]) else { continue };
        let PlanOp::Op(Op::Expand { axes }) = &inner.op else { continue };
        let mut sorted = axes.clone();
        sorted.sort();
        if !sorted.iter().enumerate().all(|(i, axis)| i == *axis) {
            continue;
        }
        let kept = std::mem::replace(&mut args[i], inner.args[0]);
        let shapes: Vec<&[Dim]> = args.iter().map(|a| rw.shape(*a).as_slice()).collect();
        if broadcast(&shapes).ok().as_ref() != Some(rw.shape(instr.out)) {
            args[i] = kept;
        }
    }
    (args != instr.args).then(|| Rewrite::Become(instr.op.clone(), args))
}

/// Views that change nothing, and views of views.
fn view(rw: &Rewriter, op: &Op, instr: &Instr) -> Option<Rewrite> {
    let x = instr.args[0];
    let identity = match op {
        Op::Permute { order } => order.iter().enumerate().all(|(i, axis)| i == *axis),
        // An axis of length 0 has no other part of length 0 that looks different.
        Op::Reshape | Op::Expand { .. } | Op::Slice { .. } => true,
        _ => false,
    };
    if let Some(found) = same(rw, instr, 0).filter(|_| identity) {
        return Some(found);
    }
    let inner = rw.def(x)?;
    let PlanOp::Op(inner_op) = &inner.op else {
        return permuted_contraction(rw, op, inner, x);
    };
    let under = inner.args.first().copied();
    let combined = match (op, inner_op) {
        (Op::Reshape, Op::Reshape) => Op::Reshape,
        (Op::Permute { order }, Op::Permute { order: first }) => {
            Op::Permute { order: order.iter().map(|i| first[*i]).collect() }
        }
        (Op::Expand { axes }, Op::Expand { axes: first }) => {
            // The axes of the inner result, by their place in the outer.
            let rank = rw.shape(instr.out).len();
            let kept: Vec<usize> = (0..rank).filter(|i| !axes.contains(i)).collect();
            let mut all: Vec<usize> = axes.iter().copied().chain(first.iter().map(|i| kept[*i])).collect();
            all.sort();
            Op::Expand { axes: all }
        }
        (Op::Slice { axis, start, length }, Op::Slice { axis: of, start: first, .. }) if axis == of => {
            Op::Slice { axis: *axis, start: start + first, length: *length }
        }
        (Op::Slice { axis, start, length }, Op::Embed { axis: of, start: at, .. })
            if axis == of && start == at && rw.shape(under?)[*axis] == Dim::Fixed(*length) =>
        {
            return Some(Rewrite::Alias(under?));
        }
        (Op::Permute { .. }, Op::Contract(_)) => return permuted_contraction(rw, op, inner, x),
        _ => return None,
    };
    Some(Rewrite::Become(PlanOp::Op(combined), vec![under?]))
}

/// Zeros around an axis that is not looked at in windows are laid before the others are, so that windows stay a view.
fn padded_windows(rw: &mut Rewriter, instr: &Instr) -> Option<Rewrite> {
    let PlanOp::Op(Op::Embed { axis, length, .. }) = instr.op else { return None };
    let inner = rw.def(instr.args[0])?.clone();
    let PlanOp::Op(Op::Unfold { axis: of, .. }) = inner.op else { return None };
    let x = inner.args[0];
    let mut shape = rw.shape(x).clone();
    if of == axis || axis >= shape.len() || !rw.single(instr.args[0]) {
        return None;
    }
    shape[axis] = Dim::Fixed(length);
    let padded = rw.emit(instr.op.clone(), vec![x], shape);
    Some(Rewrite::Become(inner.op, vec![padded]))
}

/// A contraction of which only a permutation is read can make that at once.
fn permuted_contraction(rw: &Rewriter, op: &Op, inner: &Instr, x: ValueId) -> Option<Rewrite> {
    let Op::Permute { order } = op else { return None };
    if !rw.single(x) || matches!(inner.op, PlanOp::AccumulateContract { .. }) {
        return None;
    }
    let mut op = inner.op.clone();
    let c = contraction(&mut op)?;
    c.out = order.iter().map(|i| c.out[*i]).collect();
    Some(Rewrite::Become(op, inner.args.clone()))
}

/// Operands of a contraction that are permuted, or repeated along an axis that the other operand has.
fn contracted_views(rw: &Rewriter, instr: &Instr) -> Option<Rewrite> {
    let mut op = instr.op.clone();
    let mut args = instr.args.clone();
    let c = contraction(&mut op)?;
    for (i, arg) in args.iter_mut().take(2).enumerate() {
        let Some(inner) = rw.def(*arg) else { continue };
        let (own, other) = if i == 0 { (&mut c.a, &c.b) } else { (&mut c.b, &c.a) };
        match &inner.op {
            PlanOp::Op(Op::Permute { order }) => {
                let old = own.clone();
                order.iter().zip(old).for_each(|(axis, letter)| own[*axis] = letter);
            }
            PlanOp::Op(Op::Expand { axes }) => {
                let in_both = |axis: &usize| other.contains(&own[*axis]);
                let twice = |axis: &usize| own.iter().filter(|l| **l == own[*axis]).count() > 1;
                if !axes.iter().all(|axis| in_both(axis) && !twice(axis)) {
                    continue;
                }
                *own = (0..own.len()).filter(|axis| !axes.contains(axis)).map(|axis| own[axis]).collect();
            }
            _ => continue,
        }
        *arg = inner.args[0];
    }
    (args != instr.args).then_some(Rewrite::Become(op, args))
}

pub(super) fn contraction(op: &mut PlanOp) -> Option<&mut Contraction> {
    match op {
        PlanOp::Op(Op::Contract(contraction))
        | PlanOp::ScaledContract { contraction, .. }
        | PlanOp::AccumulateContract { contraction, .. } => Some(contraction),
        _ => None,
    }
}
