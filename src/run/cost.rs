//! How much work a plan is: enough to begin with the longest, and to guess the time that is left.

use crate::ops::{Contraction, Op};
use crate::plan::{Dim, Instr, Length, Plan, PlanOp, Program};

/// What calling an operation costs, in multiply-adds.
const CALL: f64 = 2000.0;

/// Multiply-adds of one replicate, roughly.
pub fn replicate(plan: &Plan) -> f64 {
    steps(plan) as f64 * program(&plan.step, plan.schedule.batch)
}

/// The updates of one replicate.
pub fn steps(plan: &Plan) -> u64 {
    match plan.schedule.length {
        Length::Steps(steps) => steps as u64,
        Length::Epochs(epochs) => {
            let size = plan.splits.get(plan.schedule.split).map_or(0, |s| s.size);
            (epochs * size.div_ceil(plan.schedule.batch.max(1))) as u64
        }
    }
}

fn program(program: &Program, batch: usize) -> f64 {
    program.instrs.iter().map(|instr| instruction(instr, program, batch)).sum()
}

fn instruction(instr: &Instr, program: &Program, batch: usize) -> f64 {
    let elements = |value: usize| -> f64 {
        let id = if value == 0 { Some(instr.out) } else { instr.args.get(value - 1).copied() };
        let shape = id.and_then(|id| program.values.get(id.0 as usize)).map_or(&[][..], |v| &v.shape);
        shape.iter().map(|d| size(*d, batch)).product()
    };
    let widest = (0..=instr.args.len()).map(elements).fold(0.0, f64::max);
    match &instr.op {
        _ if instr.is_view() => 0.0,
        PlanOp::Read(_) => 0.0,
        PlanOp::Op(Op::Contract(c))
        | PlanOp::ScaledContract { contraction: c, .. }
        | PlanOp::AccumulateContract { contraction: c, .. } => CALL + contraction(c, instr, program, batch),
        PlanOp::Fused(ops) => CALL + widest * ops.len() as f64,
        _ => CALL + widest,
    }
}

/// The product of the sizes of all letters.
fn contraction(c: &Contraction, instr: &Instr, program: &Program, batch: usize) -> f64 {
    let mut sizes = [1.0f64; 256];
    for (letters, arg) in [&c.a, &c.b].into_iter().zip(&instr.args) {
        let shape = program.values.get(arg.0 as usize).map_or(&[][..], |v| &v.shape);
        for (letter, dim) in letters.iter().zip(shape) {
            sizes[*letter as usize] = size(*dim, batch);
        }
    }
    sizes.iter().product()
}

fn size(dim: Dim, batch: usize) -> f64 {
    match dim {
        Dim::Fixed(n) => n as f64,
        Dim::Batch => batch as f64,
    }
}
