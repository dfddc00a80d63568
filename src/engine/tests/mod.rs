//! The engine against libtorch's own derivatives and plain formulas, on plans made by hand.

mod classifier;
mod ops;
mod training;

use crate::job::Job;
use crate::trainer::train;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use tch::{Device, Tensor};
use trine::ops::{Binary, Contraction, Distribution, Op, Reduction, Unary};
use trine::plan::*;
use trine::run::protocol::{Event, Replicate, State};
use trine::source::Span;

pub const B: Dim = Dim::Batch;

pub fn fixed(sizes: &[usize]) -> Shape {
    sizes.iter().map(|n| Dim::Fixed(*n)).collect()
}

pub fn batched(sizes: &[usize]) -> Shape {
    [B].into_iter().chain(fixed(sizes)).collect()
}

/// Writes programs.
#[derive(Default)]
pub struct Build {
    pub program: Program,
}

impl Build {
    pub fn instr(&mut self, op: PlanOp, args: &[ValueId], shape: Shape) -> ValueId {
        let out = ValueId(self.program.values.len() as u32);
        self.program.values.push(Value { shape, name: None });
        self.program.instrs.push(Instr { op, args: args.to_vec(), out, span: Span::default() });
        out
    }

    pub fn op(&mut self, op: Op, args: &[ValueId], shape: Shape) -> ValueId {
        self.instr(PlanOp::Op(op), args, shape)
    }

    pub fn read(&mut self, read: Read, shape: Shape) -> ValueId {
        self.instr(PlanOp::Read(read), &[], shape)
    }

    pub fn slot(&mut self, slot: u32, shape: &[usize]) -> ValueId {
        self.read(Read::Slot(SlotId(slot)), fixed(shape))
    }

    pub fn field(&mut self, field: u32, shape: &[usize]) -> ValueId {
        self.read(Read::Field(FieldId(field)), batched(shape))
    }

    pub fn constant(&mut self, value: f64) -> ValueId {
        self.op(Op::constant(value), &[], vec![])
    }

    pub fn unary(&mut self, op: Unary, a: ValueId) -> ValueId {
        let shape = self.program.value(a).shape.clone();
        self.op(Op::Unary(op), &[a], shape)
    }

    /// The shape is that of the argument with more axes.
    pub fn binary(&mut self, op: Binary, a: ValueId, b: ValueId) -> ValueId {
        let (one, other) = (&self.program.value(a).shape, &self.program.value(b).shape);
        let shape = if one.len() >= other.len() { one.clone() } else { other.clone() };
        self.op(Op::Binary(op), &[a, b], shape)
    }

    pub fn random(&mut self, stream: &str, shape: &[usize]) -> ValueId {
        let stream = stream.to_string();
        self.op(Op::Random { distribution: Distribution::Normal, stream }, &[], fixed(shape))
    }

    pub fn write(&mut self, slot: u32, value: ValueId) {
        self.program.slot_writes.push((SlotId(slot), value));
    }
}

pub fn letters(a: &str, b: &str, out: &str) -> Contraction {
    Contraction { a: a.into(), b: b.into(), out: out.into() }
}

pub fn mean_over(axes: &[usize]) -> Op {
    Op::Reduce { how: Reduction::Mean, axes: axes.to_vec() }
}

/// A plan that trains slots on fields of one split.
pub fn plan(precision: Precision, examples: usize, batch: usize, length: Length) -> Plan {
    Plan {
        name: "by hand".into(),
        precision,
        slots: vec![],
        numbers: vec![],
        fields: vec![],
        data: None,
        splits: vec![Split { name: "train".into(), size: examples }],
        init: Program::default(),
        prepare: Program::default(),
        step: Program::default(),
        measures: vec![],
        schedule: Schedule { length, batch, split: 0, chunk: 1000 },
    }
}

pub fn add_slot(plan: &mut Plan, name: &str, shape: &[usize]) {
    plan.slots.push(Slot { name: name.into(), shape: shape.to_vec(), span: Span::default() });
}

pub fn add_field(plan: &mut Plan, name: &str, shape: &[usize]) {
    let (name, shape) = (name.to_string(), shape.to_vec());
    plan.fields.push(Field { name, shape, per_replicate: false, labels: None, span: Span::default() });
}

/// Columns written out, each handed on as the field of the same number.
pub fn add_table(plan: &mut Plan, columns: Vec<Vec<f64>>) {
    let examples = plan.splits.iter().map(|split| split.size).sum();
    let mut build = Build::default();
    for (index, field) in plan.fields.iter().enumerate() {
        let column = build.read(Read::Column(index as u32), batched(&field.shape));
        build.program.field_writes.push((FieldId(index as u32), column));
    }
    plan.prepare = build.program;
    let column = |field: &Field| Column { name: field.name.clone(), shape: field.shape.clone() };
    plan.data = Some(Data {
        source: DataSource::Table(columns),
        columns: plan.fields.iter().map(column).collect(),
        examples,
        span: Span::default(),
    });
}

pub fn load(plan: &Plan) -> Job {
    tch::set_num_threads(1);
    Job::load(plan.clone(), Path::new("."), Device::Cpu).unwrap()
}

/// Events of one replicate, without progress and times.
pub fn run(job: &mut Job, seed: u64, numbers: &[f64]) -> Vec<Event> {
    let _off = tch::no_grad_guard();
    let mut events = Vec::new();
    let replicate = Replicate { id: 0, seed, numbers: numbers.to_vec(), from: None, keep: 0 };
    train(job, &replicate, &AtomicBool::new(false), &mut |event| {
        if !matches!(event, Event::Progress { .. } | Event::State { .. }) {
            events.push(event);
        }
        Ok(())
    })
    .unwrap();
    events
}

/// The numbers of a slot.
pub fn slot(job: &Job, index: usize) -> Vec<f64> {
    let shape = &job.plan.slots[index].shape;
    let view = crate::view::View::contiguous(job.addresses.slots[index], shape);
    numbers(&job.slab.view(&view).unwrap())
}

pub fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(tensor.to_kind(tch::Kind::Double).contiguous().view(-1)).unwrap()
}

pub fn assert_close(actual: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (a, e) in actual.iter().zip(expected) {
        let same = a == e || (a - e).abs() <= tolerance * e.abs().max(1.0) || (a.is_nan() && e.is_nan());
        assert!(same, "{what}: {actual:?} is not {expected:?}");
    }
}
