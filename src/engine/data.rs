//! The examples: columns read from files, fields prepared from them, and their division into splits.

use crate::kernels::tensor;
use crate::kernels::{Context, Moment, Operand};
use crate::program::{Addresses, Instance, Sketch, Storage, context};
use crate::{Failure, arena::Slab, streams};
use std::path::Path;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};
use trine::diag::Code;
use trine::ops::Op;
use trine::plan::{DataSource, FieldId, Plan, PlanOp, ValueId};
use trine::run::data::{load, wrong_label};

/// All examples of every field, in the order of the splits.
pub struct Pool {
    pub fields: Vec<Operand>,
    /// First example and number of examples of each split.
    pub splits: Vec<(usize, usize)>,
    /// Kept only if some field is drawn anew by each replicate.
    prepare: Option<Prepare>,
}

/// The program that makes fields, with the storage that it runs in.
pub struct Prepare {
    instance: Instance,
    moment: Rc<Moment>,
    made: Vec<Tensor>,
    /// Fields of labels that might be none: place, name and number of classes.
    labels: Vec<(usize, String, usize)>,
    _slab: Slab,
}

impl Pool {
    pub fn new(plan: &Plan, folder: &Path, kind: Kind, device: Device) -> Result<Pool, Failure> {
        let mut splits = Vec::new();
        let mut start = 0;
        for split in &plan.splits {
            splits.push((start, split.size));
            start += split.size;
        }
        let declared = plan.data.as_ref().map_or(0, |data| data.examples);
        let examples = declared.max(start);
        if examples == 0 {
            return Ok(Pool { fields: Vec::new(), splits, prepare: None });
        }
        let columns = columns(plan, examples, folder, kind, device)?;
        let made = make_fields(plan, examples, kind, device)?;
        let mut prepare = Prepare::new(plan, examples, &columns, made, kind, device)?;
        prepare.run(0, 0, 0)?;
        let mut pool = Pool { fields: Vec::new(), splits, prepare: None };
        let order = order(plan, examples, device)?;
        for made in &prepare.made {
            let all = shelf(&made.size().iter().map(|n| *n as usize).collect::<Vec<usize>>(), kind, device)?;
            let _ = made.f_index_select_out(&all.tensor, 0, &order)?;
            pool.fields.push(all);
        }
        if plan.fields.iter().any(|field| field.per_replicate) {
            pool.prepare = Some(prepare);
        }
        Ok(pool)
    }

    /// Draws anew what differs by replicate.
    pub fn begin(&mut self, plan: &Plan, seed: u64) -> Result<(), Failure> {
        let Some(prepare) = &mut self.prepare else { return Ok(()) };
        prepare.run(seed, 0, 0)?;
        for ((field, made), data) in plan.fields.iter().zip(&prepare.made).zip(&self.fields) {
            if field.per_replicate {
                let order = order(plan, made.size()[0] as usize, made.device())?;
                let _ = made.f_index_select_out(&data.tensor, 0, &order)?;
            }
        }
        Ok(())
    }
}

impl Prepare {
    /// `made` are the places of the fields: `examples` rows each.
    pub fn new(
        plan: &Plan,
        examples: usize,
        columns: &[Tensor],
        made: Vec<Tensor>,
        kind: Kind,
        device: Device,
    ) -> Result<Prepare, Failure> {
        let addresses = Addresses::default();
        let sketch = Sketch::new(&plan.prepare, examples, &addresses, false);
        let slab = Slab::new(sketch.kept + sketch.temporaries, kind, device)?;
        let moment = Rc::new(Moment::default());
        let storage = Storage { slab: &slab, kept: 0, temporaries: sketch.kept, columns, addresses: &addresses };
        let mut instance = Instance::new(&plan.prepare, &sketch, &storage, &context(&slab, &moment, examples), &made)?;
        instance.begin()?;
        Ok(Prepare { instance, moment, made, labels: unsure_labels(plan), _slab: slab })
    }

    /// `split` is 0 where the examples are those that are trained on.
    pub fn run(&mut self, seed: u64, step: u64, split: u64) -> Result<(), Failure> {
        self.moment.seed.set(seed);
        self.moment.step.set(step);
        self.moment.split.set(split);
        self.instance.run()?;
        self.labels.iter().try_for_each(|(place, name, classes)| check_labels(name, *classes, &self.made[*place]))
    }
}

/// A place for all examples of a field.
fn shelf(size: &[usize], kind: Kind, device: Device) -> Result<Operand, Failure> {
    let context = Context { kind, device, moment: Rc::default(), batch: 1, level: None };
    Ok(context.scratch(size)?)
}

/// The fixed order of all examples that splits are parts of.
fn order(plan: &Plan, examples: usize, device: Device) -> Result<Tensor, Failure> {
    let permutation = |n: usize| streams::permutation(0, "split", 0, n);
    let order = match &plan.data {
        Some(data) if data.examples == examples => data.order(&plan.splits, permutation),
        _ => permutation(examples),
    };
    Ok(Tensor::f_from_slice(&order)?.f_to_device(device)?)
}

fn columns(plan: &Plan, examples: usize, folder: &Path, kind: Kind, device: Device) -> Result<Vec<Tensor>, Failure> {
    let Some(data) = plan.data.as_ref().filter(|data| data.source != DataSource::Drawn) else {
        return Ok(Vec::new());
    };
    let read = load(data, folder)?;
    let mut columns = Vec::new();
    for (column, numbers) in data.columns.iter().zip(&read.columns) {
        let size: Vec<i64> = [examples].iter().chain(&column.shape).map(|n| *n as i64).collect();
        if numbers.len() as i64 != size.iter().product::<i64>() {
            let message = format!(
                "`{}` has {} numbers where {examples} examples of {:?} need {}",
                column.name,
                numbers.len(),
                column.shape,
                size.iter().product::<i64>()
            );
            return Err(Failure::Spec(Code::T0503, message));
        }
        columns.push(tensor(numbers, kind)?.f_view(size.as_slice())?.f_to_device(device)?);
    }
    Ok(columns)
}

fn make_fields(plan: &Plan, examples: usize, kind: Kind, device: Device) -> Result<Vec<Tensor>, Failure> {
    let mut made = Vec::new();
    for field in &plan.fields {
        let size: Vec<i64> = [examples].iter().chain(&field.shape).map(|n| *n as i64).collect();
        made.push(Tensor::f_zeros(size.as_slice(), (kind, device))?);
    }
    Ok(made)
}

/// Labels but those that are the place of a largest value, which there always is.
fn unsure_labels(plan: &Plan) -> Vec<(usize, String, usize)> {
    let sure = |value: &ValueId| {
        let made = plan.prepare.instrs.iter().find(|i| i.out == *value);
        made.is_some_and(|i| matches!(i.op, PlanOp::Op(Op::ArgMax)))
    };
    let written = plan.prepare.field_writes.iter().filter(|(_, value)| !sure(value));
    let label = |(id, _): &(FieldId, ValueId)| {
        let field = &plan.fields[id.0 as usize];
        Some((id.0 as usize, field.name.clone(), field.labels?))
    };
    written.filter_map(label).collect()
}

fn check_labels(name: &str, labels: usize, values: &Tensor) -> Result<(), Failure> {
    let row = values.f_to_kind(Kind::Double)?.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?;
    let row = Vec::<f64>::try_from(&row)?;
    match wrong_label(name, labels, &row) {
        Some(error) => Err(Failure::Data(error)),
        None => Ok(()),
    }
}

/// The fields that a program reads.
pub fn fields_read(program: &trine::plan::Program) -> Vec<FieldId> {
    use trine::plan::Read;
    let mut fields: Vec<FieldId> = Vec::new();
    for instr in &program.instrs {
        if let PlanOp::Read(Read::Field(field)) = instr.op
            && !fields.contains(&field)
        {
            fields.push(field);
        }
    }
    fields
}
