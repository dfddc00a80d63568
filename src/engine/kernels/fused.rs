//! Groups of elementwise operations. Each runs on its own here; what the group needs in between is scratch.

use super::{Call, Context, Operand, Prepared, prepare, refused};
use trine::ops::Op;
use trine::plan::{FusedOp, PlanOp};

pub fn fused(ops: &[FusedOp], context: &Context, args: &[Operand], out: &Operand) -> Prepared {
    let mut values: Vec<Operand> = args.iter().map(Operand::again).collect();
    let mut calls: Vec<Call> = Vec::new();
    for (index, fused) in ops.iter().enumerate() {
        let mut operands = Vec::new();
        for &operand in &fused.operands {
            let value = values.get(operand as usize).ok_or_else(|| refused("a fused operation reads ahead"))?;
            operands.push(value.again());
        }
        let mut result = if index + 1 == ops.len() { out.again() } else { context.scratch(&broadcast(&operands))? };
        if let Op::Const(bits) = fused.op {
            result.constant = Some(f64::from_bits(bits));
        }
        calls.push(prepare(&PlanOp::Op(fused.op.clone()), context, &operands, &result)?);
        values.push(result);
    }
    Ok(Box::new(move || calls.iter_mut().try_for_each(|call| call())))
}

/// The shape of an elementwise result.
fn broadcast(operands: &[Operand]) -> Vec<usize> {
    let axes = operands.iter().map(|a| a.size().len()).max().unwrap_or(0);
    (0..axes)
        .map(|axis| {
            let sizes = operands.iter().filter_map(|a| (a.size().len() + axis).checked_sub(axes).map(|i| a.size()[i]));
            sizes.fold(1, |one, other| if one == 1 { other } else { one })
        })
        .collect()
}
