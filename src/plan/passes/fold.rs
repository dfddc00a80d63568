//! What is computed from constants is a constant.
//!
//! Numbers are folded in double precision. A tensor of one number is the number repeated by a view, never a table.

use super::{Rewrite, Rewriter};
use crate::ops::{Op, Reduction, scalar};
use crate::plan::{Dim, Instr, PlanOp};

pub(super) fn rule(rw: &mut Rewriter, instr: &Instr) -> Rewrite {
    match value(rw, instr) {
        Some(number) => filled(rw, instr, number),
        None => Rewrite::Keep,
    }
}

/// The number that all elements of the result are, unless that is written already.
fn value(rw: &Rewriter, instr: &Instr) -> Option<f64> {
    let arg = |i: usize| rw.uniform(*instr.args.get(i)?);
    match &instr.op {
        PlanOp::Op(Op::Unary(op)) => Some(scalar::unary(*op, arg(0)?)),
        PlanOp::Op(Op::Binary(op)) => Some(scalar::binary(*op, arg(0)?, arg(1)?)),
        PlanOp::Op(Op::Select) => {
            let (condition, a, b) = (arg(0)?, arg(1)?, arg(2)?);
            Some(if condition != 0.0 { a } else { b })
        }
        PlanOp::AddScaled { scale } => Some(arg(0)? + f64::from_bits(*scale) * arg(1)?),
        PlanOp::Op(Op::Reduce { how, axes }) => {
            let x = arg(0)?;
            let mut count = 1.0;
            for axis in axes {
                match rw.shape(instr.args[0])[*axis] {
                    Dim::Fixed(0) => return None,
                    Dim::Fixed(n) => count *= n as f64,
                    Dim::Batch if *how == Reduction::Sum => return None,
                    Dim::Batch => {}
                }
            }
            Some(if *how == Reduction::Sum { x * count } else { x })
        }
        _ if instr.is_view() => {
            let inner = rw.def(*instr.args.first()?)?;
            let plain =
                matches!(inner.op, PlanOp::Op(Op::Const(_))) && matches!(instr.op, PlanOp::Op(Op::Expand { .. }));
            if plain { None } else { arg(0) }
        }
        _ => None,
    }
}

/// A number repeated to the shape of the result.
fn filled(rw: &mut Rewriter, instr: &Instr, number: f64) -> Rewrite {
    let rank = rw.shape(instr.out).len();
    let op = PlanOp::Op(Op::constant(number));
    if rank == 0 {
        return Rewrite::Become(op, vec![]);
    }
    let scalar = rw.emit(op, vec![], vec![]);
    Rewrite::Become(PlanOp::Op(Op::Expand { axes: (0..rank).collect() }), vec![scalar])
}
