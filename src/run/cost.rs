//! How much work a plan is: enough to begin with the longest, and to guess the time that is left.

use crate::ops::{Contraction, Op};
use crate::plan::cost::cost;
use crate::plan::stages::at_once;
use crate::plan::{Dim, Instr, Length, MeasureProgram, Plan, PlanOp, Precision, Program};
use std::path::Path;

/// What calling an operation costs, in multiply-adds.
const CALL: f64 = 2000.0;

/// Multiply-adds of one replicate, roughly.
pub fn replicate(plan: &Plan) -> f64 {
    steps(plan) as f64 * program(&plan.step, plan.schedule.batch)
}

/// Bytes that an engine takes which holds nothing: the program and libtorch.
const EMPTY: u64 = 250 << 20;

/// Bytes that an engine takes which trains this plan: its slots twice (they are compared with a good copy), the work of a step
/// or a measure, and all examples.
pub fn engine_memory(plan: &Plan) -> u64 {
    let width = if plan.precision == Precision::Float64 { 8 } else { 4 };
    let slots: u64 = plan.slots.iter().map(|s| s.shape.iter().product::<usize>() as u64).sum();
    let row: u64 = plan.fields.iter().map(|f| f.shape.iter().product::<usize>() as u64).sum();
    let examples = plan.splits.iter().map(|s| s.size as u64).sum::<u64>().max(plan.schedule.batch as u64);
    let step = cost(&plan.step, plan.schedule.batch, plan.precision).memory;
    let work = plan.measures.iter().map(|m| measure_memory(plan, m)).fold(step, u64::max);
    // Columns are read as numbers of double precision before they are fields.
    EMPTY + work + width * (2 * slots + row * examples) + 8 * row * examples
}

/// Bytes that the results of a measure program take, for as many examples as are looked at together.
fn measure_memory(plan: &Plan, m: &MeasureProgram) -> u64 {
    cost(&m.program, portion(plan, m), plan.precision).memory
}

/// How many examples a measure program looks at together.
pub fn portion(plan: &Plan, m: &MeasureProgram) -> usize {
    let (chunk, examples) = (plan.schedule.chunk, plan.splits.get(m.split).map_or(0, |s| s.size));
    if at_once(&m.program, examples, chunk) { examples } else { chunk }
}

/// A measure that sets every example of its split beside every other one, and for which there is no room.
#[derive(Clone, Debug, PartialEq)]
pub struct NoRoom {
    pub name: String,
    pub split: String,
    pub examples: usize,
    pub needed: u64,
    pub free: u64,
}

pub fn no_room(plan: &Plan) -> Option<NoRoom> {
    plan.measures.iter().find_map(|m| {
        let examples = portion(plan, m);
        let needed = measure_memory(plan, m);
        let free = free().filter(|free| examples > plan.schedule.chunk && needed > *free)?;
        let mixes = crate::plan::stages::mixing(&m.program);
        let name = m.names.iter().zip(mixes).find(|(_, mixes)| *mixes)?.0.clone();
        Some(NoRoom { name, split: plan.splits.get(m.split)?.name.clone(), examples, needed, free })
    })
}

/// Engines of this size that the machine has room for now; None if it does not tell.
pub fn engines_that_fit(each: u64) -> Option<usize> {
    let free = free()?;
    // A tenth is left to others.
    Some(((free - free / 10) / each.max(1)) as usize)
}

/// Bytes that this machine has left for this process; None if it does not tell.
fn free() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let free = line.split_whitespace().next()?.parse::<u64>().ok()?.saturating_mul(1024);
    Some(allowed().map_or(free, |a| a.min(free)))
}

/// Bytes that the control groups of this process still allow: those of a container, or of a job of a cluster.
fn allowed() -> Option<u64> {
    let number =
        |folder: &Path, name: &str| std::fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    let left =
        |folder: &Path, most: &str, used: &str| Some(number(folder, most)?.saturating_sub(number(folder, used)?));
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let mut least = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let (root, most, used) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max", "memory.current"),
            c if c.split(',').any(|c| c == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
            }
            _ => continue,
        };
        // The limit of any group above holds as well.
        let own = Path::new(root).join(path.trim_start_matches('/'));
        for folder in own.ancestors().take_while(|f| f.starts_with(root)) {
            least = [least, left(folder, most, used)].into_iter().flatten().min();
        }
    }
    least
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_large_engines_fit_than_small_ones() {
        let small = engines_that_fit(EMPTY).unwrap_or(usize::MAX);
        assert!(small > 0 && engines_that_fit(1 << 50).is_none_or(|n| n == 0));
    }
}
