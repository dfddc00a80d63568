//! What running a program once costs, from its shapes alone.

use super::{Dim, Instr, PlanOp, Precision, Program, Read, ValueId};
use crate::ops::{Contraction, Op};

/// The work of one run of a program, for one replicate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Multiply-adds; any other operation on an element counts as one.
    pub operations: u64,
    /// Bytes read and written, each operation for itself.
    pub bytes: u64,
    /// The most bytes that results need at one time. What is read in place (slots, fields) is not counted.
    pub memory: u64,
}

/// The cost of a program on a batch of this size.
pub fn cost(program: &Program, batch: usize, precision: Precision) -> Cost {
    let width: u64 = match precision {
        Precision::Float32 => 4,
        Precision::Float64 => 8,
    };
    let count = |id: ValueId| elements(program, id, batch);
    let mut cost = Cost::default();
    for instr in &program.instrs {
        cost.operations = cost.operations.saturating_add(operations(program, instr, batch));
        if !free(instr) {
            let touched = instr.args.iter().map(|a| count(*a)).fold(count(instr.out), u64::saturating_add);
            cost.bytes = cost.bytes.saturating_add(touched.saturating_mul(width));
        }
    }
    cost.memory = most_alive(program, &count).saturating_mul(width);
    cost
}

/// Views and reads cost nothing; a constant is known before the program runs.
fn free(instr: &Instr) -> bool {
    instr.is_view() || matches!(instr.op, PlanOp::Read(_) | PlanOp::Op(Op::Const(_)))
}

fn operations(program: &Program, instr: &Instr, batch: usize) -> u64 {
    if free(instr) {
        return 0;
    }
    let out = elements(program, instr.out, batch);
    let widest = instr.args.iter().map(|a| elements(program, *a, batch)).fold(out, u64::max);
    match &instr.op {
        PlanOp::Op(Op::Contract(c))
        | PlanOp::ScaledContract { contraction: c, .. }
        | PlanOp::AccumulateContract { contraction: c, .. } => products(program, c, instr, batch),
        PlanOp::Fused(ops) => widest.saturating_mul(ops.len() as u64),
        // The largest, the exponentials, their sum, the quotients.
        PlanOp::Op(Op::Softmax | Op::LogSoftmax | Op::LogSumExp) => widest.saturating_mul(4),
        _ => widest,
    }
}

/// The product of the sizes of all letters.
fn products(program: &Program, c: &Contraction, instr: &Instr, batch: usize) -> u64 {
    let mut sizes = [1u64; 256];
    for (letters, arg) in [&c.a, &c.b].into_iter().zip(&instr.args) {
        for (letter, dim) in letters.iter().zip(&program.value(*arg).shape) {
            sizes[*letter as usize] = size(*dim, batch);
        }
    }
    sizes.iter().fold(1, |all, n| all.saturating_mul(*n))
}

/// The most elements that are needed at one time, each from its definition to its last use.
fn most_alive(program: &Program, count: &dyn Fn(ValueId) -> u64) -> u64 {
    // A view keeps what it is of; what is read lies elsewhere.
    let mut root: Vec<Option<ValueId>> = vec![None; program.values.len()];
    let mut last = vec![0; program.values.len()];
    for (i, instr) in program.instrs.iter().enumerate() {
        root[instr.out.0 as usize] = match &instr.op {
            PlanOp::Read(Read::Step) => Some(instr.out),
            PlanOp::Read(_) => None,
            _ if instr.is_view() => instr.args.first().and_then(|a| root[a.0 as usize]),
            _ => Some(instr.out),
        };
        for id in instr.args.iter().chain([&instr.out]) {
            if let Some(root) = root[id.0 as usize] {
                last[root.0 as usize] = i;
            }
        }
    }
    for id in super::passes::roots(program) {
        if let Some(root) = root[id.0 as usize] {
            last[root.0 as usize] = program.instrs.len();
        }
    }
    let mut ending: Vec<u64> = vec![0; program.instrs.len() + 1];
    let (mut alive, mut most) = (0u64, 0u64);
    for (i, instr) in program.instrs.iter().enumerate() {
        if root[instr.out.0 as usize] == Some(instr.out) {
            let own = count(instr.out);
            alive = alive.saturating_add(own);
            let end = &mut ending[last[instr.out.0 as usize]];
            *end = end.saturating_add(own);
        }
        most = most.max(alive);
        alive = alive.saturating_sub(ending[i]);
    }
    most
}

fn elements(program: &Program, id: ValueId, batch: usize) -> u64 {
    program.value(id).shape.iter().fold(1, |all: u64, d| all.saturating_mul(size(*d, batch)))
}

fn size(dim: Dim, batch: usize) -> u64 {
    match dim {
        Dim::Fixed(n) => n as u64,
        Dim::Batch => batch as u64,
    }
}
