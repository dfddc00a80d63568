//! A measure over more examples than fit in one portion.
//!
//! A value that is summed over examples and read by single ones again (a mean that is taken away, a covariance) is of all examples
//! of the split, however they are cut. So such a program is taken in stages: the first goes through all portions and keeps the
//! sums, the next one reads them, and so on. What sets every example beside every other one has no such sums, and needs all of them
//! at once.

use super::passes::sweep;
use super::{Dim, Instr, PlanOp, Program, Read, Value, ValueId};
use crate::ops::{Binary, Contraction, Op, Reduction};

/// How a program is evaluated on a split.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluation {
    /// In portions, one pass after the other; the last has the outputs.
    InStages(Vec<Stage>),
    /// All examples together.
    AtOnce,
}

/// One pass over all portions.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its outputs are what is summed, or, of the last stage, those of the whole.
    pub program: Program,
    pub sums: Vec<Sum>,
}

/// What becomes of an output over portions, for `Read::Sum` of later stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    pub id: u32,
    pub how: Reduction,
}

/// Which outputs depend on how many examples are looked at together.
pub fn mixing(program: &Program) -> Vec<bool> {
    let mut mixes = vec![false; program.values.len()];
    for instr in &program.instrs {
        let over = |id: &ValueId| batches(program, *id) > 0;
        let gathered = instr.args.iter().any(over) && batches(program, instr.out) < most_batches(program, instr);
        mixes[instr.out.0 as usize] = gathered
            || example_wise(program, instr).is_none()
            || batches(program, instr.out) > 1
            || instr.args.iter().any(|a| mixes[a.0 as usize]);
    }
    program.outputs.iter().map(|id| mixes[id.0 as usize]).collect()
}

/// How to evaluate a program on so many examples in portions of `chunk`; sums are numbered from `first` on.
pub fn stages(program: &Program, examples: usize, chunk: usize, first: u32) -> Evaluation {
    let alone = |program: Program| Evaluation::InStages(vec![Stage { program, sums: vec![] }]);
    if examples <= chunk || !mixing(program).contains(&true) {
        return alone(program.clone());
    }
    let program = apart(program, examples);
    let mut levels = vec![0usize; program.values.len()];
    let mut gathered: Vec<(usize, ValueId, Reduction)> = Vec::new();
    for instr in &program.instrs {
        let Some(part) = example_wise(&program, instr).filter(|_| batches(&program, instr.out) <= 1) else {
            return Evaluation::AtOnce;
        };
        let level = instr.args.iter().map(|a| levels[a.0 as usize]).max().unwrap_or(0);
        levels[instr.out.0 as usize] = match part {
            Part::Each => level,
            Part::Gathered(how) => {
                gathered.push((level, instr.out, how));
                level + 1
            }
        };
    }
    let last = program.outputs.iter().map(|id| levels[id.0 as usize]).max().unwrap_or(0);
    let id = |at: usize| first + at as u32;
    let stage = |level: usize| {
        let mut p = program.clone();
        for (at, (of, value, _)) in gathered.iter().enumerate() {
            if let Some(instr) = p.instrs.iter_mut().find(|i| i.out == *value && *of < level) {
                (instr.op, instr.args) = (PlanOp::Read(Read::Sum(id(at))), vec![]);
            }
        }
        let own = || gathered.iter().enumerate().filter(|(_, g)| g.0 == level && level < last);
        if level < last {
            p.outputs = own().map(|(_, g)| g.1).collect();
        }
        sweep(&mut p);
        Stage { program: p, sums: own().map(|(at, g)| Sum { id: id(at), how: g.2 }).collect() }
    };
    Evaluation::InStages((0..=last).map(stage).collect())
}

/// Whether all examples of the split have to be looked at together.
pub fn at_once(program: &Program, examples: usize, chunk: usize) -> bool {
    stages(program, examples, chunk, 0) == Evaluation::AtOnce
}

/// What an instruction does with the examples of a portion.
enum Part {
    /// Each by itself, or it reads none.
    Each,
    /// What it makes of all examples is this of what it makes of portions.
    Gathered(Reduction),
}

/// None where what is made of an example depends on which others there are.
fn example_wise(program: &Program, instr: &Instr) -> Option<Part> {
    if instr.args.iter().all(|a| batches(program, *a) == 0) {
        let leading = batches(program, instr.out) == 0 || program.value(instr.out).shape[0] == Dim::Batch;
        return leading.then_some(Part::Each);
    }
    let shape = |id: ValueId| program.value(id).shape.as_slice();
    let place = |id: ValueId| shape(id).iter().position(|d| *d == Dim::Batch);
    let sum_or_each = |c: &Contraction, over_batch: bool| {
        let of = |letters: &[u8], id: ValueId| -> Vec<u8> {
            letters.iter().zip(shape(id)).filter(|(_, d)| **d == Dim::Batch).map(|(l, _)| *l).collect()
        };
        let mut letters = of(&c.a, instr.args[0]);
        letters.extend(of(&c.b, instr.args[1]));
        letters.dedup();
        let [letter] = letters[..] else { return None };
        match (c.out.contains(&letter), over_batch) {
            (true, false) => Some(Part::Each),
            (true, true) => None,
            (false, true) => Some(Part::Gathered(Reduction::Mean)),
            (false, false) => Some(Part::Gathered(Reduction::Sum)),
        }
    };
    match &instr.op {
        PlanOp::Op(Op::Contract(c)) => sum_or_each(c, false),
        PlanOp::ScaledContract { contraction, over_batch, .. } => sum_or_each(contraction, *over_batch),
        PlanOp::AccumulateContract { contraction, over_batch, .. } => {
            matches!(sum_or_each(contraction, *over_batch), Some(Part::Each)).then_some(Part::Each)
        }
        PlanOp::Op(Op::Reduce { how, axes }) => Some(if place(instr.args[0]).is_some_and(|b| axes.contains(&b)) {
            Part::Gathered(*how)
        } else {
            Part::Each
        }),
        PlanOp::Op(Op::Reshape) => {
            // As many elements stand before the examples as stood there.
            let before = |id: ValueId| {
                let sizes = shape(id).iter().take_while(|d| **d != Dim::Batch);
                sizes.map(|d| if let Dim::Fixed(n) = d { *n } else { 1 }).product::<usize>()
            };
            (before(instr.args[0]) == before(instr.out)).then_some(Part::Each)
        }
        PlanOp::Op(Op::Softmax | Op::LogSoftmax | Op::LogSumExp | Op::ArgMax | Op::Rank) => {
            (shape(instr.args[0]).last() != Some(&Dim::Batch)).then_some(Part::Each)
        }
        _ => Some(Part::Each),
    }
}

fn batches(program: &Program, id: ValueId) -> usize {
    program.value(id).shape.iter().filter(|d| **d == Dim::Batch).count()
}

fn most_batches(program: &Program, instr: &Instr) -> usize {
    instr.args.iter().map(|a| batches(program, *a)).max().unwrap_or(0)
}

/// The same program with what is added to sums taken out of them, and quotients by the number of examples written as numbers.
fn apart(program: &Program, examples: usize) -> Program {
    let mut out = Program { instrs: vec![], ..program.clone() };
    for instr in &program.instrs {
        let batched = batches(program, instr.out) > 0;
        let known = |scale: u64| (f64::from_bits(scale) / examples as f64).to_bits();
        match &instr.op {
            PlanOp::ScaledContract { contraction, scale, over_batch: true } if batched => {
                let op = PlanOp::ScaledContract {
                    contraction: contraction.clone(),
                    scale: known(*scale),
                    over_batch: false,
                };
                out.instrs.push(Instr { op, ..instr.clone() });
            }
            PlanOp::AccumulateContract { contraction, scale, over_batch } => {
                let scale = if *over_batch && batched { known(*scale) } else { *scale };
                let product = ValueId(out.values.len() as u32);
                let shape = program.value(instr.out).shape.clone();
                out.values.push(Value { shape, name: None });
                let op = PlanOp::ScaledContract {
                    contraction: contraction.clone(),
                    scale,
                    over_batch: *over_batch && !batched,
                };
                out.instrs.push(Instr { op, args: instr.args[..2].to_vec(), out: product, span: instr.span });
                let op = PlanOp::Op(Op::Binary(Binary::Add));
                out.instrs.push(Instr { op, args: vec![instr.args[2], product], ..instr.clone() });
            }
            _ => out.instrs.push(instr.clone()),
        }
    }
    out
}
