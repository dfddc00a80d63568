//! A plan that is loaded: its data, its storage, and its programs bound to both.

use crate::Failure;
use crate::arena::{Reserve, Slab};
use crate::data::{Pool, Prepare, fields_read};
use crate::evaluate::{self, Pass, Planned};
use crate::kernels::native::{self, Gather};
use crate::kernels::{Moment, Operand};
use crate::program::{Addresses, Instance, Sketch, Storage, concrete, context};
use crate::view::View;
use std::path::Path;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};
use trine::diag::Code;
use trine::plan::{Length, Plan, Precision, Program};

/// A plan with everything that its replicates need.
pub struct Job {
    pub plan: Plan,
    pub device: Device,
    pub addresses: Addresses,
    /// Elements of the slab before any program's own space: slots, then batches and numbers.
    pub fixed: usize,
    /// Elements of all slots, which come first.
    pub slots: usize,
    pub slab: Slab,
    pub pool: Pool,
    pub moment: Rc<Moment>,
    pub init: Instance,
    /// By number of examples: a full mini-batch, and a short last one if there is one.
    pub steps: Vec<Portion>,
    /// For each measure program, its passes over the split.
    pub measures: Vec<Vec<Pass>>,
    pub updates: Updates,
}

/// A program bound to a number of examples, and how these examples come into the slab.
pub struct Portion {
    pub instance: Instance,
    pub fields: Vec<Fetch>,
    /// Makes the examples, if they are fresh at every use.
    pub fresh: Option<Prepare>,
}

/// Brings the examples of these numbers into place.
type Pick = Box<dyn Fn(&[i64])>;

/// The examples of a field that is read, and its place in the slab.
pub struct Fetch {
    pub data: Tensor,
    pub place: Tensor,
    gather: Option<Pick>,
}

impl Fetch {
    fn new(data: &Operand, place: &Operand) -> Fetch {
        let gather: Option<Pick> = match (native::level(), data.tensor.kind()) {
            (Some(_), Kind::Float) => Gather::<f32>::new(data, place).map(|g| Box::new(move |n: &[i64]| g.run(n)) as _),
            (Some(_), Kind::Double) => {
                Gather::<f64>::new(data, place).map(|g| Box::new(move |n: &[i64]| g.run(n)) as _)
            }
            _ => None,
        };
        Fetch { data: data.tensor.shallow_clone(), place: place.tensor.shallow_clone(), gather }
    }

    /// Brings examples into place; the numbers are given in both forms.
    pub fn pick(&self, numbers: &[i64], same: &Tensor) -> Result<(), Failure> {
        match &self.gather {
            Some(gather) => gather(numbers),
            None => drop(self.data.f_index_select_out(&self.place, 0, same)?),
        }
        Ok(())
    }
}

/// How many updates a replicate makes, in epochs of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Updates {
    pub total: u64,
    pub epoch: u64,
}

impl Job {
    pub fn load(plan: Plan, folder: &Path, device: Device) -> Result<Job, Failure> {
        validate(&plan)?;
        let kind = match plan.precision {
            Precision::Float32 => Kind::Float,
            Precision::Float64 => Kind::Double,
        };
        let pool = Pool::new(&plan, folder, kind, device)?;
        let updates = Updates::of(&plan)?;
        let mut reserve = Reserve::default();
        let mut count = 0;
        let planned: Vec<Planned> = plan.measures.iter().map(|m| evaluate::planned(&plan, m, &mut count)).collect();
        let (addresses, slots) = reserve_fixed(&plan, &planned, &mut reserve);
        let fixed = reserve.used;

        let init = Sketch::new(&plan.init, 1, &addresses, false);
        let steps: Vec<Sketch> =
            batches(&plan, updates).iter().map(|n| Sketch::new(&plan.step, *n, &addresses, false)).collect();
        let mut measures = Vec::new();
        for measure in &planned {
            for (stage, sizes) in &measure.stages {
                let sketch = |n: &usize| Sketch::new(&stage.program, *n, &addresses, false);
                measures.push(sizes.iter().map(sketch).collect::<Vec<Sketch>>());
            }
        }
        let all = || [&init].into_iter().chain(&steps).chain(measures.iter().flatten());
        let mut kept = all().map(|sketch| reserve.take(sketch.kept)).collect::<Vec<_>>().into_iter();
        let temporaries = reserve.used;
        let room = all().map(|sketch| sketch.temporaries).max().unwrap_or(0);
        let slab = Slab::new(temporaries + room, kind, device)?;

        let moment = Rc::new(Moment::default());
        let binder =
            Binder { plan: &plan, slab: &slab, addresses: &addresses, temporaries, pool: &pool, moment: &moment };
        let init = binder.instance(&plan.init, &init, kept.next().unwrap_or(0))?;
        let fresh = plan.splits.get(plan.schedule.split).is_some_and(|split| split.size == 0);
        let mut bound_steps = Vec::new();
        for sketch in &steps {
            bound_steps.push(binder.portion(&plan.step, sketch, kept.next().unwrap_or(0), fresh)?);
        }
        let mut bound_measures = Vec::new();
        let mut sketches = measures.iter();
        for (measure, planned) in plan.measures.iter().zip(&planned) {
            let fresh = plan.splits[measure.split].size == 0;
            let mut passes = Vec::new();
            for (stage, _) in &planned.stages {
                let mut portions = Vec::new();
                for sketch in sketches.next().into_iter().flatten() {
                    portions.push(binder.portion(&stage.program, sketch, kept.next().unwrap_or(0), fresh)?);
                }
                let sums = evaluate::places(stage, &slab, &addresses.sums)?;
                passes.push(Pass { portions, batched: evaluate::is_batched(&stage.program), sums });
            }
            bound_measures.push(passes);
        }
        Ok(Job {
            device,
            fixed,
            slots,
            moment,
            init,
            steps: bound_steps,
            measures: bound_measures,
            updates,
            addresses,
            slab,
            pool,
            plan,
        })
    }

    /// Readies the slab for a replicate: its numbers, its data, what is computed once, and the first slots.
    pub fn begin(&mut self, seed: u64, numbers: &[f64]) -> Result<(), Failure> {
        self.moment.seed.set(seed);
        self.moment.step.set(0);
        self.moment.row.set(0);
        self.moment.split.set(0);
        if numbers.len() != self.plan.numbers.len() {
            return Err(Failure::internal("a replicate brings other numbers than its plan has"));
        }
        for (offset, number) in self.addresses.numbers.iter().zip(numbers) {
            let _ = self.slab.view(&View::contiguous(*offset, &[]))?.f_fill_(*number)?;
        }
        self.pool.begin(&self.plan, seed)?;
        self.init.begin()?;
        let passes = self.measures.iter_mut().flatten();
        for portion in self.steps.iter_mut().chain(passes.flat_map(|pass| &mut pass.portions)) {
            portion.instance.begin()?;
        }
        self.init.run()?;
        if let Some(index) = self.init.misplaced(&self.plan.init) {
            return Err(misplaced(&self.plan.init, index));
        }
        Ok(())
    }

    /// The elements of all slots in order, as they lie in memory.
    pub fn slots_now(&self) -> Result<Vec<u8>, Failure> {
        let width = self.width();
        let mut all = Vec::new();
        for (offset, slot) in self.addresses.slots.iter().zip(&self.plan.slots) {
            let elements = slot.shape.iter().product::<usize>();
            let row = self.slab.view(&View::contiguous(*offset, &[elements]))?.f_to_device(Device::Cpu)?;
            let start = all.len();
            all.resize(start + elements * width, 0);
            row.f_contiguous()?.f_copy_data_u8(&mut all[start..], elements)?;
        }
        Ok(all)
    }

    /// Puts back what [`Job::slots_now`] gave.
    pub fn set_slots(&mut self, all: &[u8]) -> Result<(), Failure> {
        let width = self.width();
        let wanted: usize = self.plan.slots.iter().map(|s| s.shape.iter().product::<usize>() * width).sum();
        if wanted != all.len() {
            return Err(Failure::internal("the state to go on from is of another plan"));
        }
        let mut start = 0;
        for (offset, slot) in self.addresses.slots.iter().zip(&self.plan.slots) {
            let elements = slot.shape.iter().product::<usize>();
            let bytes = &all[start..start + elements * width];
            let row = Tensor::f_from_data_size(bytes, &[elements as i64], self.slab.numbers.kind())?;
            self.slab.view(&View::contiguous(*offset, &[elements]))?.f_copy_(&row)?;
            start += elements * width;
        }
        Ok(())
    }

    /// Bytes of a number.
    fn width(&self) -> usize {
        match self.plan.precision {
            Precision::Float32 => 4,
            Precision::Float64 => 8,
        }
    }

    /// All slots as one row of numbers.
    pub fn slot_row(&self) -> Result<Tensor, Failure> {
        Ok(self.slab.view(&View::contiguous(0, &[self.slots]))?)
    }
}

impl Updates {
    fn of(plan: &Plan) -> Result<Updates, Failure> {
        let examples = plan.splits.get(plan.schedule.split).map_or(0, |split| split.size);
        let batch = plan.schedule.batch.max(1);
        let epoch = (examples.div_ceil(batch) as u64).max(1);
        Ok(match plan.schedule.length {
            Length::Epochs(n) => Updates { total: epoch * n as u64, epoch },
            // Without epochs everything counts in steps, and an epoch is all of them.
            Length::Steps(n) if examples == 0 => Updates { total: n as u64, epoch: (n as u64).max(1) },
            Length::Steps(n) => Updates { total: n as u64, epoch },
        })
    }
}

/// Where slots, fields, numbers and sums lie.
fn reserve_fixed(plan: &Plan, measures: &[Planned], reserve: &mut Reserve) -> (Addresses, usize) {
    let mut addresses = Addresses::default();
    for slot in &plan.slots {
        addresses.slots.push(reserve.take(slot.shape.iter().product()));
    }
    let slots = reserve.used;
    let chunk = measures.iter().flat_map(|m| &m.stages).flat_map(|(_, sizes)| sizes).copied().max().unwrap_or(1);
    let most = plan.schedule.batch.max(chunk).max(1);
    for field in &plan.fields {
        addresses.fields.push(reserve.take(most * field.shape.iter().product::<usize>()));
    }
    for _ in &plan.numbers {
        addresses.numbers.push(reserve.take(1));
    }
    for size in evaluate::sizes_of_sums(measures) {
        addresses.sums.push(reserve.take(size));
    }
    (addresses, slots)
}

/// Sizes of mini-batches: the usual one, and that of a short last one.
fn batches(plan: &Plan, updates: Updates) -> Vec<usize> {
    let batch = plan.schedule.batch.max(1);
    let examples = plan.splits.get(plan.schedule.split).map_or(0, |split| split.size);
    if updates.total == 0 {
        return Vec::new();
    }
    portions(examples, batch)
}

/// So many examples in portions of a size: that size, and that of a short last one.
pub fn portions(examples: usize, size: usize) -> Vec<usize> {
    match (examples, examples % size) {
        (0, _) => vec![size],
        (n, rest) if n < size => vec![rest],
        (_, 0) => vec![size],
        (_, rest) => vec![size, rest],
    }
}

struct Binder<'a> {
    plan: &'a Plan,
    slab: &'a Slab,
    addresses: &'a Addresses,
    temporaries: usize,
    pool: &'a Pool,
    moment: &'a Rc<Moment>,
}

impl Binder<'_> {
    fn instance(&self, program: &Program, sketch: &Sketch, kept: usize) -> Result<Instance, Failure> {
        let storage =
            Storage { slab: self.slab, kept, temporaries: self.temporaries, columns: &[], addresses: self.addresses };
        Ok(Instance::new(program, sketch, &storage, &context(self.slab, self.moment, sketch.batch), &[])?)
    }

    fn portion(&self, program: &Program, sketch: &Sketch, kept: usize, fresh: bool) -> Result<Portion, Failure> {
        let place = |index: usize| -> Result<Operand, Failure> {
            let mut size = vec![sketch.batch];
            size.extend(&self.plan.fields[index].shape);
            let view = View::contiguous(self.addresses.fields[index], &size);
            Ok(Operand { tensor: self.slab.view(&view)?, view, constant: None, batched: true, slack: true })
        };
        let mut fields = Vec::new();
        let mut prepare = None;
        if fresh {
            let made =
                (0..self.plan.fields.len()).map(|i| place(i).map(|place| place.tensor)).collect::<Result<_, _>>()?;
            let (kind, device) = (self.slab.numbers.kind(), self.slab.numbers.device());
            prepare = Some(Prepare::new(self.plan, sketch.batch, &[], made, kind, device)?);
        } else {
            for field in fields_read(program) {
                let index = field.0 as usize;
                let data = self.pool.fields.get(index).ok_or_else(|| Failure::internal("a field without examples"))?;
                fields.push(Fetch::new(data, &place(index)?));
            }
        }
        Ok(Portion { instance: self.instance(program, sketch, kept)?, fields, fresh: prepare })
    }
}

/// What every other part relies on.
fn validate(plan: &Plan) -> Result<(), Failure> {
    let programs = [&plan.init, &plan.prepare, &plan.step];
    for program in programs.into_iter().chain(plan.measures.iter().map(|measure| &measure.program)) {
        let mut defined = vec![false; program.values.len()];
        for instr in &program.instrs {
            if instr.args.iter().any(|arg| defined.get(arg.0 as usize) != Some(&true)) {
                return Err(Failure::internal("an instruction reads what is not there yet"));
            }
            match defined.get_mut(instr.out.0 as usize) {
                Some(out) if !*out => *out = true,
                _ => return Err(Failure::internal("a value is defined twice or not listed")),
            }
        }
        let slots = program.slot_writes.iter().map(|write| write.1);
        let fields = program.field_writes.iter().map(|write| write.1);
        for value in slots.chain(fields).chain(program.outputs.iter().copied()) {
            if defined.get(value.0 as usize) != Some(&true) {
                return Err(Failure::internal("a program's result is not computed"));
            }
        }
        for (slot, value) in &program.slot_writes {
            let shape = plan.slots.get(slot.0 as usize).map(|slot| &slot.shape);
            if shape != Some(&concrete(&program.value(*value).shape, 1)) {
                return Err(Failure::internal("a slot is written in another shape"));
            }
        }
    }
    let splits = plan.splits.len();
    if plan
        .measures
        .iter()
        .any(|measure| measure.split >= splits || measure.names.len() != measure.program.outputs.len())
    {
        return Err(Failure::internal("a measure without its split or its results"));
    }
    if plan.schedule.split >= splits.max(1) {
        return Err(Failure::internal("there is no split to train on"));
    }
    Ok(())
}

/// libtorch gave a result another shape than the plan did, and moved it out of the slab.
pub fn misplaced(program: &Program, index: usize) -> Failure {
    let instr = &program.instrs[index];
    let value = program.value(instr.out);
    let name = value.name.as_deref().unwrap_or("a value");
    Failure::Spec(Code::T0703, format!("{name} has not the shape of its plan, after {:?}", instr.op))
}
