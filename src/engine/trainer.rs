//! Training one replicate: mini-batches in shuffled order, measures at their moments, progress, and an eye on numbers
//! that stop being finite.

use crate::Failure;
use crate::evaluate::evaluate;
use crate::finite::Watch;
use crate::job::{Job, misplaced};
use crate::streams;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tch::{Kind, Tensor};
use trine::plan::Every;
use trine::run::protocol::{Event, Replicate, State};

/// Progress is told this often, or at the end of an epoch if the last word was not a moment ago.
const TELL: Duration = Duration::from_millis(500);
const MOMENT: Duration = Duration::from_millis(50);

/// Where events go.
pub type Emit<'a> = &'a mut dyn FnMut(Event) -> Result<(), Failure>;

/// Trains a replicate. Says what was measured and how it ended; `stop` ends it between two steps.
pub fn train(job: &mut Job, replicate: &Replicate, stop: &AtomicBool, emit: Emit) -> Result<(), Failure> {
    let started = processor_seconds();
    job.begin(replicate.seed, &replicate.numbers)?;
    if let Some(state) = &replicate.from {
        job.set_slots(&state.slots)?;
    }
    let mut run = Run::new(job, replicate)?;
    match &replicate.from {
        Some(state) => run.step = state.step,
        None => run.measure(0, emit)?,
    }
    let total = run.job.updates.total;
    let (mut told, mut kept) = (Instant::now(), Instant::now());
    let keep = (replicate.keep > 0).then(|| Duration::from_millis(replicate.keep));
    let mut watch = Watch::new(&run)?;
    let mut faulted = false;
    while run.step < total {
        if stop.load(Ordering::Relaxed) {
            emit(run.state(started)?)?;
            return emit(Event::Stopped { replicate: replicate.id });
        }
        run.update()?;
        let epoch_ends = run.step.is_multiple_of(run.job.updates.epoch) || run.step == total;
        let keeps = keep.is_some_and(|keep| kept.elapsed() >= keep) && run.step < total;
        let look = watch.notes(&run)?;
        if (look || epoch_ends || keeps || run.is_measured(run.step))
            && let Some(fault) = watch.check(&mut run)?
        {
            emit(Event::Faulted { replicate: replicate.id, fault })?;
            faulted = true;
            break;
        }
        run.measure(run.step, emit)?;
        if keeps {
            emit(run.state(started)?)?;
            kept = Instant::now();
        }
        let since = told.elapsed();
        if since >= TELL || (epoch_ends && since >= MOMENT) || run.step == total {
            told = Instant::now();
            let loss = watch.take_loss();
            emit(Event::Progress { replicate: replicate.id, step: run.step, steps: total, loss })?;
        }
    }
    if !faulted {
        emit(run.state(started)?)?;
    }
    emit(Event::Done { replicate: replicate.id, seconds: processor_seconds() - started, steps: run.step })
}

/// A replicate on its way.
pub struct Run<'a> {
    pub job: &'a mut Job,
    pub step: u64,
    replicate: u32,
    seed: u64,
    /// The examples of this epoch in the order of training, and views of each mini-batch of them.
    order: Tensor,
    numbers: Vec<i64>,
    batches: Vec<Tensor>,
    ordered: Option<u64>,
    checked: bool,
}

impl<'a> Run<'a> {
    fn new(job: &'a mut Job, replicate: &Replicate) -> Result<Run<'a>, Failure> {
        let examples = job.pool.splits.get(job.plan.schedule.split).map_or(0, |split| split.1);
        let order = Tensor::f_zeros([examples as i64], (Kind::Int64, job.device))?;
        let mut batches = Vec::new();
        let batch = job.plan.schedule.batch.max(1);
        for start in (0..examples).step_by(batch) {
            batches.push(order.f_narrow(0, start as i64, batch.min(examples - start) as i64)?);
        }
        let (replicate, seed) = (replicate.id, replicate.seed);
        Ok(Run { job, step: 0, replicate, seed, order, numbers: Vec::new(), batches, ordered: None, checked: false })
    }

    /// One mini-batch.
    pub fn update(&mut self) -> Result<(), Failure> {
        let portion = self.fetch()?;
        let portion = &mut self.job.steps[portion];
        portion.instance.run()?;
        if !self.checked {
            self.checked = true;
            if let Some(index) = portion.instance.misplaced(&self.job.plan.step) {
                return Err(misplaced(&self.job.plan.step, index));
            }
        }
        self.step += 1;
        Ok(())
    }

    /// Brings the examples of this step into the slab; says which of the bound programs takes them.
    pub fn fetch(&mut self) -> Result<usize, Failure> {
        let (epoch, position) = (self.step / self.job.updates.epoch, self.step % self.job.updates.epoch);
        self.job.moment.step.set(self.step);
        if self.batches.is_empty() {
            if let Some(fresh) = &mut self.job.steps[0].fresh {
                fresh.run(self.seed, self.step, 0)?;
            }
            return Ok(0);
        }
        if self.ordered != Some(epoch) {
            self.ordered = Some(epoch);
            let start = self.job.pool.splits[self.job.plan.schedule.split].0 as i64;
            self.numbers = streams::permutation(self.seed, "shuffle", epoch, self.order.size()[0] as usize);
            self.numbers.iter_mut().for_each(|example| *example += start);
            self.order.f_copy_(&Tensor::f_from_slice(&self.numbers)?)?;
        }
        let examples = &self.batches[position as usize];
        let batch = self.job.plan.schedule.batch.max(1);
        let first = position as usize * batch;
        let numbers = &self.numbers[first..self.numbers.len().min(first + batch)];
        let short = position as usize + 1 == self.batches.len();
        let portion = if short { self.job.steps.len() - 1 } else { 0 };
        for field in &self.job.steps[portion].fields {
            field.pick(numbers, examples)?;
        }
        Ok(portion)
    }

    fn state(&self, started: f64) -> Result<Event, Failure> {
        let state = State { step: self.step, slots: self.job.slots_now()? };
        Ok(Event::State { replicate: self.replicate, state, seconds: processor_seconds() - started })
    }

    /// Whether anything is measured after so many updates.
    fn is_measured(&self, step: u64) -> bool {
        self.job.plan.measures.iter().any(|measure| self.moment(measure.every, step).is_some())
    }

    /// What a measure calls this moment, if it is one of its own.
    fn moment(&self, every: Every, step: u64) -> Option<u64> {
        let updates = self.job.updates;
        let last = step == updates.total;
        match every {
            Every::Steps(n) => (last || step.is_multiple_of(n.max(1) as u64)).then_some(step),
            Every::Epochs(n) => {
                let whole = step.is_multiple_of(updates.epoch);
                let epoch = step.div_ceil(updates.epoch);
                (last || (whole && epoch.is_multiple_of(n.max(1) as u64))).then_some(epoch)
            }
        }
    }

    fn measure(&mut self, step: u64, emit: Emit) -> Result<(), Failure> {
        for index in 0..self.job.plan.measures.len() {
            if let Some(at) = self.moment(self.job.plan.measures[index].every, step) {
                let values = evaluate(self.job, index, self.seed, self.step)?;
                emit(Event::Measured { replicate: self.replicate, measure: index as u32, at, values })?;
            }
        }
        Ok(())
    }
}

/// Processor time of all threads of this process.
pub fn processor_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let times = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    times.sum::<u64>() as f64 * 1e-9
}
