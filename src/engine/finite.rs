//! Numbers that stop being finite.
//!
//! Looking at every value of every step would cost more than the step. So all slots and the loss are looked at
//! together every few steps, against a copy of the slots at the last look; once something is wrong, the steps since
//! then are taken again, and the first bad one once more with every value kept, to name the first that is not finite.

use crate::Failure;
use crate::arena::Slab;
use crate::job::Job;
use crate::program::{Instance, Sketch, Storage, context};
use crate::trainer::Run;
use crate::view::View;
use tch::Tensor;
use trine::ops::Op;
use trine::plan::{Instr, PlanOp, Program, ValueId};
use trine::run::protocol::NotFinite;

/// Steps between two looks.
const STRIDE: u64 = 32;

/// The most values that a chain of causes names.
const CHAIN: usize = 6;

pub struct Watch {
    slots: Tensor,
    /// The slots when they were last looked at, and after how many steps that was.
    good: Tensor,
    since: u64,
    /// Sum of losses since they were last told, and their number.
    loss: f64,
    losses: u64,
}

impl Watch {
    pub fn new(run: &Run) -> Result<Watch, Failure> {
        let slots = run.job.slot_row()?;
        let mut good = slots.f_zeros_like()?;
        good.f_copy_(&slots)?;
        Ok(Watch { good, slots, since: run.step, loss: 0.0, losses: 0 })
    }

    /// Takes note of a step's loss; says whether it is time to look at everything.
    pub fn notes(&mut self, run: &Run) -> Result<bool, Failure> {
        let loss = last_loss(run)?;
        if let Some(loss) = loss {
            self.loss += loss;
            self.losses += 1;
        }
        Ok(run.step >= self.since + STRIDE || loss.is_some_and(|loss| !loss.is_finite()))
    }

    /// Whether all is well; the account of it if not, after which the replicate cannot go on.
    pub fn check(&mut self, run: &mut Run) -> Result<Option<NotFinite>, Failure> {
        if run.step == self.since {
            return Ok(None);
        }
        let loss = last_loss(run)?;
        if self.slots_are_finite()? && loss.is_none_or(f64::is_finite) {
            self.good.f_copy_(&self.slots)?;
            self.since = run.step;
            return Ok(None);
        }
        self.find(run).map(Some)
    }

    /// The mean of the losses since this was last asked.
    pub fn take_loss(&mut self) -> Option<f64> {
        let mean = (self.losses > 0).then(|| self.loss / self.losses as f64);
        (self.loss, self.losses) = (0.0, 0);
        mean
    }

    fn slots_are_finite(&self) -> Result<bool, Failure> {
        // A finite sum has finite parts; a sum may overflow though its parts are finite.
        let sum = self.slots.f_sum(self.slots.kind())?.f_double_value(&[])?;
        Ok(sum.is_finite() || all_finite(&self.slots)?)
    }

    /// Takes the steps since the last look again.
    fn find(&mut self, run: &mut Run) -> Result<NotFinite, Failure> {
        let end = run.step;
        self.slots.f_copy_(&self.good)?;
        run.step = self.since;
        while run.step < end {
            self.good.f_copy_(&self.slots)?;
            run.update()?;
            let loss = last_loss(run)?;
            if !(all_finite(&self.slots)? && loss.is_none_or(f64::is_finite)) {
                break;
            }
        }
        run.step -= 1;
        self.slots.f_copy_(&self.good)?;
        let portion = run.fetch()?;
        examine(run.job, portion, run.step)
    }
}

/// Runs one step with every value kept.
fn examine(job: &mut Job, portion: usize, step: u64) -> Result<NotFinite, Failure> {
    let batch = job.steps[portion].instance.batch;
    let sketch = Sketch::new(&job.plan.step, batch, &job.addresses, true);
    let slab = Slab::new(job.fixed + sketch.kept, job.slab.numbers.kind(), job.device)?;
    let fixed = View::contiguous(0, &[job.fixed]);
    slab.view(&fixed)?.f_copy_(&job.slab.view(&fixed)?)?;
    let storage = Storage { slab: &slab, kept: job.fixed, temporaries: 0, columns: &[], addresses: &job.addresses };
    let mut instance = Instance::new(&job.plan.step, &sketch, &storage, &context(&slab, &job.moment, batch), &[])?;
    instance.begin()?;
    instance.compute()?;
    let program = &job.plan.step;
    let mut bad = vec![false; program.values.len()];
    for (index, value) in instance.values.iter().enumerate() {
        bad[index] = !all_finite(value)?;
    }
    let name = |value: ValueId| name_of(job, program, value);
    let Some(first) = first_cause(program, &bad) else {
        let slot = job.plan.slots.first();
        return Ok(NotFinite {
            step,
            value: slot.map_or("the loss".into(), |slot| slot.name.clone()),
            span: slot.map(|slot| slot.span).unwrap_or_default(),
            place: None,
            chain: Vec::new(),
        });
    };
    // What is watched for its range becomes infinite by arithmetic of its own.
    let watch = program.instrs.iter().find(|i| bad[i.out.0 as usize] && watches(program, i.out));
    if let Some(watch) = watch.filter(|w| w.out == first.out || causes_within(program, w, 3).contains(&first.out)) {
        let value = name(watch.out).unwrap_or_default();
        return Ok(NotFinite { step, value, span: watch.span, place: None, chain: Vec::new() });
    }
    if let PlanOp::Op(Op::OneHot { classes }) = first.op {
        let of = first.args.first().copied();
        let label = of.and_then(name).map_or("a label".into(), |name| format!("`{name}`"));
        let value = format!("{label} lies in 0..{}", classes.saturating_sub(1));
        let span = program.instrs.iter().find(|i| Some(i.out) == of).map_or(first.span, |i| i.span);
        return Ok(NotFinite { step, value, span, place: None, chain: Vec::new() });
    }
    let mut chain = Vec::new();
    for value in causes(program, first) {
        if chain.len() < CHAIN
            && let Some(name) = name(value)
            && chain.iter().all(|(other, _)| *other != name)
        {
            let largest = instance.values[value.0 as usize].f_abs()?.f_max()?.f_double_value(&[])?;
            chain.push((name, largest));
        }
    }
    let value = name(first.out).unwrap_or_else(|| describe(&first.op));
    Ok(NotFinite { step, value, span: first.span, place: None, chain })
}

/// The first instruction whose result is not finite, among those that led to a slot or the loss that is not.
fn first_cause<'a>(program: &'a Program, bad: &[bool]) -> Option<&'a Instr> {
    let mut matters = vec![false; program.values.len()];
    let results = program.slot_writes.iter().map(|write| write.1).chain(program.outputs.iter().copied());
    for value in results.filter(|value| bad[value.0 as usize]) {
        matters[value.0 as usize] = true;
    }
    for instr in program.instrs.iter().rev().filter(|instr| bad[instr.out.0 as usize]) {
        if matters[instr.out.0 as usize] {
            instr.args.iter().for_each(|arg| matters[arg.0 as usize] = true);
        }
    }
    program.instrs.iter().find(|instr| matters[instr.out.0 as usize] && bad[instr.out.0 as usize])
}

/// What an instruction's result was computed from, nearest first.
fn causes(program: &Program, instr: &Instr) -> Vec<ValueId> {
    let mut found: Vec<ValueId> = Vec::new();
    let mut front = instr.args.clone();
    while !front.is_empty() && found.len() < 100 {
        let mut next = Vec::new();
        for value in front {
            if found.contains(&value) {
                continue;
            }
            found.push(value);
            if let Some(source) = program.instrs.iter().find(|instr| instr.out == value) {
                next.extend(source.args.iter().copied());
            }
        }
        front = next;
    }
    found
}

/// Whether a value says in its name which range it lies in.
fn watches(program: &Program, value: ValueId) -> bool {
    program.value(value).name.as_ref().is_some_and(|name| name.contains(" lies "))
}

/// What an instruction's result was computed from in so many instructions at most.
fn causes_within(program: &Program, instr: &Instr, most: usize) -> Vec<ValueId> {
    let mut found = instr.args.clone();
    let mut front = instr.args.clone();
    for _ in 1..most {
        let sources = program.instrs.iter().filter(|i| front.contains(&i.out));
        front = sources.flat_map(|i| i.args.iter().copied()).collect();
        found.extend(front.iter().copied());
    }
    found
}

/// As the plan names it, or as the slot or field that it is.
fn name_of(job: &Job, program: &Program, value: ValueId) -> Option<String> {
    use trine::plan::Read;
    if let Some(name) = &program.value(value).name {
        return Some(name.clone());
    }
    let instr = program.instrs.iter().find(|instr| instr.out == value)?;
    match instr.op {
        PlanOp::Read(Read::Slot(slot)) => job.plan.slots.get(slot.0 as usize).map(|slot| slot.name.clone()),
        PlanOp::Read(Read::Field(field)) => job.plan.fields.get(field.0 as usize).map(|field| field.name.clone()),
        _ => None,
    }
}

/// What an operation makes: its name without its settings, but for those that the compiler puts together.
fn describe(op: &PlanOp) -> String {
    let text = match op {
        PlanOp::Op(trine::ops::Op::Contract(_)) | PlanOp::ScaledContract { .. } => return "a sum of products".into(),
        PlanOp::AccumulateContract { .. } | PlanOp::AddScaled { .. } => return "what an update adds up to".into(),
        PlanOp::Fused(_) => return "the arithmetic of an equation".into(),
        PlanOp::Op(trine::ops::Op::Unary(op)) => format!("{op:?}"),
        PlanOp::Op(trine::ops::Op::Binary(op)) => format!("{op:?}"),
        PlanOp::Op(op) => format!("{op:?}"),
        other => format!("{other:?}"),
    };
    let word: String = text.chars().take_while(|c| c.is_alphanumeric()).collect();
    format!("a result of `{}`", word.to_lowercase())
}

fn all_finite(values: &Tensor) -> Result<bool, Failure> {
    Ok(values.f_isfinite()?.f_all()?.f_double_value(&[])? != 0.0)
}

/// The loss of the step before.
fn last_loss(run: &Run) -> Result<Option<f64>, Failure> {
    let job = &run.job;
    let portion = if run.step.is_multiple_of(job.updates.epoch) { job.steps.len() - 1 } else { 0 };
    match &job.steps[portion].instance.first {
        Some(read) => Ok(Some(read()?)),
        None => Ok(None),
    }
}
