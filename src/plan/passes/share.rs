//! Equal computations become one, and what nobody reads goes.

use super::roots;
use crate::ops::{Binary, Contraction, Op};
use crate::plan::{Instr, PlanOp, Program, Shape, Value, ValueId};
use std::collections::HashMap;

/// Common subexpressions. Draws are never merged: each is a quantity of its own.
pub(super) fn share(program: &mut Program) -> bool {
    let mut known: HashMap<(PlanOp, Vec<ValueId>, Shape), ValueId> = HashMap::new();
    let mut alias: Vec<ValueId> = (0..program.values.len() as u32).map(ValueId).collect();
    let mut changed = false;
    for instr in &mut program.instrs {
        instr.args.iter_mut().for_each(|a| *a = alias[a.0 as usize]);
        if matches!(instr.op, PlanOp::Op(Op::Random { .. })) {
            continue;
        }
        let mut args = instr.args.clone();
        if commutes(&instr.op) {
            args.sort();
        }
        let shape = program.values[instr.out.0 as usize].shape.clone();
        let first = *known.entry((instr.op.clone(), args, shape)).or_insert(instr.out);
        if first != instr.out {
            changed = true;
            alias[instr.out.0 as usize] = first;
            let name = program.values[instr.out.0 as usize].name.take();
            let kept = &mut program.values[first.0 as usize].name;
            *kept = kept.take().or(name);
        }
    }
    if !changed {
        return false;
    }
    let slots = program.slot_writes.iter_mut().map(|w| &mut w.1);
    let fields = program.field_writes.iter_mut().map(|w| &mut w.1);
    for value in slots.chain(fields).chain(&mut program.outputs) {
        *value = alias[value.0 as usize];
    }
    sweep(program);
    true
}

/// Contractions that differ in their scale only: the later is the first times a number.
pub(super) fn twins(program: &mut Program) -> bool {
    let mut known: HashMap<(Contraction, Vec<ValueId>, bool), (ValueId, f64)> = HashMap::new();
    let mut instrs = Vec::with_capacity(program.instrs.len());
    let mut changed = false;
    for mut instr in std::mem::take(&mut program.instrs) {
        let twin = match &instr.op {
            PlanOp::Op(Op::Contract(c)) => Some((c.clone(), false, 1.0)),
            PlanOp::ScaledContract { contraction, scale, over_batch } => {
                Some((contraction.clone(), *over_batch, f64::from_bits(*scale)))
            }
            _ => None,
        };
        if let Some((contraction, over_batch, scale)) = twin {
            let own = (instr.out, scale);
            let (first, of) = *known.entry((contraction, instr.args.clone(), over_batch)).or_insert(own);
            let ratio = scale / of;
            if first != instr.out && ratio.is_finite() && ratio != 0.0 {
                changed = true;
                let number = ValueId(program.values.len() as u32);
                program.values.push(Value { shape: vec![], name: None });
                let constant = PlanOp::Op(Op::constant(ratio));
                instrs.push(Instr { op: constant, args: vec![], out: number, span: instr.span });
                instr.op = PlanOp::Op(Op::Binary(Binary::Multiply));
                instr.args = vec![first, number];
            }
        }
        instrs.push(instr);
    }
    program.instrs = instrs;
    changed
}

fn commutes(op: &PlanOp) -> bool {
    use Binary::*;
    matches!(op, PlanOp::Op(Op::Binary(Add | Multiply | Min | Max | Equal | NotEqual | And | Or)))
}

/// Removes what neither writes nor outputs read, and numbers the values anew, in the order of their definition. A draw
/// that nobody reads can go: the numbers of a stream do not depend on what else was drawn.
pub fn sweep(program: &mut Program) -> bool {
    let mut read = vec![false; program.values.len()];
    roots(program).for_each(|id| read[id.0 as usize] = true);
    for instr in program.instrs.iter().rev() {
        if read[instr.out.0 as usize] {
            instr.args.iter().for_each(|a| read[a.0 as usize] = true);
        }
    }
    let before = program.values.len();
    program.instrs.retain(|i| read[i.out.0 as usize]);
    let mut new: Vec<Option<ValueId>> = vec![None; before];
    let mut values = Vec::with_capacity(program.instrs.len());
    for instr in &mut program.instrs {
        new[instr.out.0 as usize] = Some(ValueId(values.len() as u32));
        values.push(program.values[instr.out.0 as usize].clone());
    }
    let renumber = |id: &mut ValueId| *id = new[id.0 as usize].unwrap_or(*id);
    for instr in &mut program.instrs {
        renumber(&mut instr.out);
        instr.args.iter_mut().for_each(renumber);
    }
    let slots = program.slot_writes.iter_mut().map(|w| &mut w.1);
    let fields = program.field_writes.iter_mut().map(|w| &mut w.1);
    slots.chain(fields).chain(&mut program.outputs).for_each(renumber);
    program.values = values;
    program.values.len() != before
}
