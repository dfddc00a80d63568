//! Measures: means over a split, portion by portion, and what has to be known of all examples before.

use crate::Failure;
use crate::job::{Job, Portion, portions};
use crate::view::View;
use tch::{Kind, Tensor};
use trine::ops::Reduction;
use trine::plan::stages::{Evaluation, Stage, Sum, stages};
use trine::plan::{Dim, MeasureProgram, Plan, Program};

/// A measure program before it is bound.
pub struct Planned {
    /// Each with the sizes of its portions.
    pub stages: Vec<(Stage, Vec<usize>)>,
}

/// One pass over a split.
pub struct Pass {
    /// By number of examples: the usual portion, and a short last one if there is one.
    pub portions: Vec<Portion>,
    /// Whether anything in it is of single examples.
    pub batched: bool,
    /// How the outputs of portions become one, and where that goes.
    pub sums: Vec<(Reduction, Tensor)>,
}

/// Every measure program in its stages. `count` numbers their sums.
pub fn planned(plan: &Plan, measure: &MeasureProgram, count: &mut u32) -> Planned {
    let (examples, chunk) = (plan.splits[measure.split].size, plan.schedule.chunk.max(1));
    match stages(&measure.program, examples, chunk, *count) {
        Evaluation::InStages(stages) => {
            *count += stages.iter().map(|s| s.sums.len() as u32).sum::<u32>();
            // Sums are of portions of about the same size; what is of single examples has the bits that it always had.
            let even = examples.div_ceil(examples.div_ceil(chunk).max(1)).max(1);
            let size = |stage: &Stage| portions(examples, if stage.sums.is_empty() { chunk } else { even });
            let stages = stages.into_iter().map(|stage| {
                let sizes = size(&stage);
                (stage, sizes)
            });
            Planned { stages: stages.collect() }
        }
        Evaluation::AtOnce => {
            let stage = Stage { program: measure.program.clone(), sums: vec![] };
            Planned { stages: vec![(stage, vec![examples])] }
        }
    }
}

/// The elements of every sum, by its number.
pub fn sizes_of_sums(all: &[Planned]) -> Vec<usize> {
    let mut found = Vec::new();
    for (stage, _) in all.iter().flat_map(|p| &p.stages) {
        for (sum, output) in stage.sums.iter().zip(&stage.program.outputs) {
            let size: usize = crate::program::concrete(&stage.program.value(*output).shape, 1).iter().product();
            found.push((sum.id, size));
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(_, size)| size).collect()
}

/// Whether anything in a program is of single examples.
pub fn is_batched(program: &Program) -> bool {
    program.values.iter().any(|value| value.shape.contains(&Dim::Batch))
}

/// Where the sums of a stage go.
pub fn places(
    stage: &Stage,
    slab: &crate::arena::Slab,
    offsets: &[usize],
) -> Result<Vec<(Reduction, Tensor)>, Failure> {
    let place = |(sum, output): (&Sum, &trine::plan::ValueId)| {
        let size = crate::program::concrete(&stage.program.value(*output).shape, 1);
        Ok((sum.how, slab.view(&View::contiguous(offsets[sum.id as usize], &size))?))
    };
    stage.sums.iter().zip(&stage.program.outputs).map(place).collect()
}

/// The means of a measure program's results over its split after so many steps, each example with the same weight.
pub fn evaluate(job: &mut Job, index: usize, seed: u64, step: u64) -> Result<Vec<f64>, Failure> {
    let Job { plan, pool, moment, measures, .. } = job;
    let split = plan.measures[index].split;
    let (start, examples) = pool.splits[split];
    moment.step.set(step);
    let mut means = vec![];
    for pass in &mut measures[index] {
        let fresh = pass.portions[0].fresh.is_some();
        let examples = if fresh { pass.portions[0].instance.batch } else { examples };
        let mut sums = vec![0.0; plan.measures[index].names.len()];
        let mut kept: Vec<Option<Tensor>> = pass.sums.iter().map(|_| None).collect();
        let mut done = 0;
        while done < examples {
            let full = examples - done >= pass.portions[0].instance.batch;
            let last = pass.portions.len() - 1;
            let portion = &mut pass.portions[if full { 0 } else { last }];
            let chunk = portion.instance.batch;
            if let Some(fresh) = &mut portion.fresh {
                fresh.run(seed, step, split as u64 + 1)?;
            }
            for field in &mut portion.fields {
                field.place.f_copy_(&field.data.f_narrow(0, (start + done) as i64, chunk as i64)?)?;
            }
            moment.row.set(done as u64);
            portion.instance.run()?;
            if pass.sums.is_empty() {
                for (sum, output) in sums.iter_mut().zip(&portion.instance.outputs) {
                    *sum += output.f_mean(Kind::Double)?.f_double_value(&[])? * chunk as f64;
                }
            } else {
                for ((sum, (how, _)), output) in kept.iter_mut().zip(&pass.sums).zip(&portion.instance.outputs) {
                    *sum = Some(joined(sum.take(), *how, output, chunk as f64 / examples as f64)?);
                }
            }
            done += chunk;
            if !(pass.batched || fresh) {
                // The same for all examples.
                sums.iter_mut().for_each(|sum| *sum *= examples as f64 / chunk as f64);
                break;
            }
        }
        for (sum, (_, place)) in kept.into_iter().zip(&mut pass.sums) {
            if let Some(sum) = sum {
                place.f_copy_(&sum)?;
            }
        }
        means = sums.into_iter().map(|sum| sum / examples as f64).collect();
    }
    moment.row.set(0);
    Ok(means)
}

/// What portions so far and one more, a share of all examples, come to.
fn joined(before: Option<Tensor>, how: Reduction, one: &Tensor, share: f64) -> Result<Tensor, Failure> {
    let one = one.f_to_kind(Kind::Double)?;
    let one = if how == Reduction::Mean { one.f_mul_scalar(share)? } else { one };
    let Some(before) = before else { return Ok(one.f_mul_scalar(1.0)?) };
    Ok(match how {
        Reduction::Sum | Reduction::Mean => before.f_add(&one)?,
        Reduction::Max => before.f_maximum(&one)?,
        Reduction::Min => before.f_minimum(&one)?,
    })
}
