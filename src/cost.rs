//! What a spec will cost and what it can find, before anything is spent: `trine check --cost`.
//!
//! Operations and memory follow from the plans. Time follows from a trial: some steps of each plan, without its measures, in an
//! engine on this machine. Power follows from the expectations, and from runs that the store holds already, if any.

use crate::driver::{Compilation, Options};
use crate::judge::power::{Effect, Outlook, outlook, percent};
use crate::judge::{Expectation, Term, children};
use crate::plan::cost::cost;
use crate::plan::{Every, Length, MeasureProgram, Plan, Precision};
use crate::report::{count, duration, thousands};
use crate::run::jobs::{Job, RunOptions, Status, execute, find_engine};
use crate::run::ledger::Nothing;
use crate::run::{engine_memory, portion};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Multiply-adds that a trial may take.
const TRIAL: u64 = 300_000_000;
/// Steps of a trial, whatever they cost.
const STEPS: (u64, u64) = (3, 200);

/// What one condition takes, a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionCost {
    pub experiment: String,
    pub condition: String,
    pub parameters: usize,
    pub seeds: usize,
    pub steps: u64,
    /// Multiply-adds, measures included.
    pub operations: u64,
    /// Bytes of one replicate: slots, a mini-batch, and what a step needs at one time; without the data.
    pub memory: u64,
    /// Bytes of an engine that trains it: the program itself, the data, and what is worked on.
    pub engine: u64,
    /// Processor time; none without an engine.
    pub seconds: Option<f64>,
}

/// All that is known before a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Costs {
    /// As the user named it.
    pub file: String,
    pub conditions: Vec<ConditionCost>,
    pub outlooks: Vec<Outlook>,
    /// Engines that would work at the same time.
    pub engines: usize,
}

/// The costs of a spec whose plans are made, and its outlook.
pub fn costs(c: &Compilation, jobs: &[Job], pilot: Option<&crate::run::trace::Trace>, options: &Options) -> Costs {
    let seconds = trial(jobs, options);
    let mut conditions: Vec<((usize, usize), ConditionCost)> = Vec::new();
    for (job, trial) in jobs.iter().zip(seconds) {
        let plan = &job.plan;
        let (steps, step) = (crate::run::steps(plan), cost(&plan.step, plan.schedule.batch, plan.precision));
        let measures: u64 = plan.measures.iter().map(|m| measure(plan, m, steps)).sum();
        let trained = step.operations.saturating_mul(steps);
        let operations = trained.saturating_add(measures);
        for r in &job.replicates {
            if conditions.iter().any(|(at, _)| *at == (r.experiment, r.condition)) {
                continue;
            }
            let Some(x) = c.compiled(r.experiment) else { continue };
            let model = x.models.get(r.condition).and_then(|m| m.as_ref());
            let own = ConditionCost {
                experiment: x.name.clone(),
                condition: x.conditions[r.condition].name(),
                parameters: model.and_then(|m| m.net.parameters()).unwrap_or(0) as usize,
                seeds: x.seeds,
                steps,
                operations,
                memory: memory(plan).saturating_add(step.memory),
                engine: engine_memory(plan),
                seconds: trial.map(|s| s * steps as f64 * operations as f64 / trained.max(1) as f64),
            };
            conditions.push(((r.experiment, r.condition), own));
        }
    }
    conditions.sort_by_key(|(at, _)| *at);
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let replicates: usize = jobs.iter().map(|j| j.replicates.len()).sum();
    let engines = options.jobs.unwrap_or(cores / options.threads.unwrap_or(1).max(1)).clamp(1, replicates.max(1));
    let seeds = |e: &Expectation| seeds_of(c, e);
    let outlooks = outlook(&c.questions, &seeds, pilot);
    let file = c.name.clone();
    Costs { file, conditions: conditions.into_iter().map(|(_, x)| x).collect(), outlooks, engines }
}

/// The seeds that an expectation is judged by.
fn seeds_of(c: &Compilation, e: &Expectation) -> usize {
    fn find(term: &Term, found: &mut Vec<String>) {
        if let Term::Series { experiment, .. } = term {
            found.push(experiment.clone());
        }
        children(term).into_iter().for_each(|t| find(t, found));
    }
    let mut names = Vec::new();
    find(&e.left, &mut names);
    find(&e.right, &mut names);
    c.experiments.iter().filter(|x| names.contains(&x.item.name)).map(|x| x.seeds).min().unwrap_or(0)
}

/// Operations of all evaluations of a measure.
fn measure(plan: &Plan, m: &MeasureProgram, steps: u64) -> u64 {
    let examples = plan.splits.get(m.split).map_or(1, |s| s.size).max(1);
    let chunk = portion(plan, m).clamp(1, examples);
    let once = cost(&m.program, chunk, plan.precision).operations * examples.div_ceil(chunk) as u64;
    let moments = match (m.every, plan.schedule.length) {
        (Every::Epochs(n), Length::Epochs(all)) => 1 + all.div_ceil(n.max(1)) as u64,
        (Every::Epochs(_), Length::Steps(_)) => 2,
        (Every::Steps(n), _) => 1 + steps.div_ceil(n.max(1) as u64),
    };
    once.saturating_mul(moments)
}

fn memory(plan: &Plan) -> u64 {
    let width = if plan.precision == Precision::Float64 { 8 } else { 4 };
    let slots: usize = plan.slots.iter().map(|s| s.shape.iter().product::<usize>()).sum();
    let row: usize = plan.fields.iter().map(|f| f.shape.iter().product::<usize>()).sum();
    (slots + row * plan.schedule.batch.max(plan.schedule.chunk)) as u64 * width
}

/// Processor time of a step of each plan, tried out here; nothing where that cannot be.
fn trial(jobs: &[Job], options: &Options) -> Vec<Option<f64>> {
    let run = RunOptions {
        jobs: Some(1),
        threads: options.threads.unwrap_or(1),
        device: if options.device.is_empty() { "cpu".into() } else { options.device.clone() },
        patience: Duration::from_secs(60),
        ..RunOptions::default()
    };
    let none = vec![None; jobs.len()];
    if find_engine(&run).is_err() || jobs.is_empty() {
        return none;
    }
    let short = |job: &Job| {
        let step = cost(&job.plan.step, job.plan.schedule.batch, job.plan.precision).operations.max(1);
        let steps = (TRIAL / step).clamp(STEPS.0, STEPS.1).min(crate::run::steps(&job.plan).max(1));
        let mut plan = (*job.plan).clone();
        plan.measures.clear();
        plan.schedule.length = Length::Steps(steps as usize);
        Job { plan: Arc::new(plan), replicates: job.replicates.iter().take(1).cloned().collect(), ..job.clone() }
    };
    let outcome = execute(jobs.iter().map(short).collect(), &run, &mut Nothing, &mut |_| {});
    let mut found = none;
    for r in &outcome.replicates {
        if r.status == Status::Done && r.steps > 0 {
            found[r.job] = Some(r.seconds / r.steps as f64);
        }
    }
    found
}

impl Costs {
    /// Processor time of everything, if it is known.
    pub fn seconds(&self) -> Option<f64> {
        self.conditions.iter().map(|c| c.seconds.map(|s| s * c.seeds as f64)).sum()
    }

    /// For a terminal of `width` columns.
    pub fn text(&self, width: usize) -> String {
        let head = [
            "experiment",
            "condition",
            "parameters",
            "steps",
            "operations",
            "replicate",
            "engine",
            "a seed",
            "all seeds",
        ];
        let mut table = vec![head.map(String::from)];
        for c in &self.conditions {
            let time = |x: Option<f64>| x.map_or("?".to_string(), duration);
            table.push([
                c.experiment.clone(),
                c.condition.clone(),
                thousands(c.parameters),
                thousands(c.steps as usize),
                scaled(c.operations as f64, ""),
                scaled(c.memory as f64, "B"),
                scaled(c.engine as f64, "B"),
                time(c.seconds),
                time(c.seconds.map(|s| s * c.seeds as f64)),
            ]);
        }
        let widths: Vec<usize> =
            (0..head.len()).map(|i| table.iter().map(|r| r[i].chars().count()).max().unwrap_or(0)).collect();
        let mut out = String::new();
        for columns in side_by_side(&widths, width) {
            if !out.is_empty() {
                out.push('\n');
            }
            for row in &table {
                let cells = columns.iter().map(|&i| match i {
                    0 | 1 => format!("{:<width$}", row[i], width = widths[i]),
                    _ => format!("{:>width$}", row[i], width = widths[i]),
                });
                out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
                out.push('\n');
            }
        }
        if !self.conditions.is_empty() {
            let note = "memory of a replicate alone, and of an engine with libtorch, its data and its work";
            out.push_str(&filled(note, "", width));
        }
        if let Some(all) = self.seconds() {
            let wall = duration(all / self.engines as f64);
            let engines = count(self.engines, "engine");
            out.push_str(&format!("in all {} of processor time, about {wall} on {engines}\n", duration(all)));
        }
        for o in &self.outlooks {
            out.push('\n');
            out.push_str(&filled(&format!("expect {}", o.statement), "", width));
            out.push_str(&filled(&o.sentence, "  ", width));
            out.push_str(&effects(o));
        }
        out
    }

    pub fn json(&self) -> Value {
        let condition = |c: &ConditionCost| {
            json!({
                "experiment": c.experiment, "condition": c.condition, "parameters": c.parameters, "seeds": c.seeds,
                "steps": c.steps, "operations": c.operations, "memory": c.memory, "engine": c.engine, "seconds": c.seconds,
            })
        };
        let effect = |e: &Effect| json!({ "size": e.size, "power": e.power, "needed": e.needed });
        let outlook = |o: &Outlook| {
            json!({ "effects": o.effects.iter().map(effect).collect::<Vec<_>>(),
                    "statement": o.statement, "seeds": o.seeds, "power": o.power, "needed": o.needed,
                    "detectable": o.detectable, "sentence": o.sentence })
        };
        json!({
            "schema": "trine-cost/1",
            "file": self.file,
            "conditions": self.conditions.iter().map(condition).collect::<Vec<_>>(),
            "expectations": self.outlooks.iter().map(outlook).collect::<Vec<_>>(),
            "engines": self.engines,
        })
    }
}

/// Columns in as many rows of tables as it takes, each of which begins with the first two.
fn side_by_side(widths: &[usize], room: usize) -> Vec<Vec<usize>> {
    let keep: usize = widths.iter().take(2).map(|w| w + 2).sum();
    let mut all: Vec<Vec<usize>> = vec![];
    let mut used = usize::MAX;
    for (i, w) in widths.iter().enumerate().skip(2) {
        match all.last_mut() {
            Some(last) if used + w + 2 <= room + 2 => last.push(i),
            _ => {
                all.push(vec![0, 1, i]);
                used = keep;
            }
        }
        used += w + 2;
    }
    all
}

/// Words over lines of `width` columns, all but the first of them two more in.
fn filled(text: &str, indent: &str, width: usize) -> String {
    let mut out = String::new();
    let mut line = indent.to_string();
    for word in text.split_whitespace() {
        if line.trim().is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            out.push_str(&format!("{line}\n"));
            line = format!("{indent}  {word}");
        }
    }
    out + &line + "\n"
}

/// What would be found of effects of several sizes.
fn effects(o: &Outlook) -> String {
    if o.effects.is_empty() {
        return String::new();
    }
    let row = |head: String, cell: &dyn Fn(&Effect) -> String| {
        let cells: Vec<String> = o.effects.iter().map(|e| format!("{:>10}", cell(e))).collect();
        format!("  {head:<24}{}\n", cells.concat())
    };
    let power = |e: &Effect| e.power.map_or("?".to_string(), percent);
    let mut out = row("if the effect is (sd)".into(), &|e| format!("{:.1}", e.size));
    out += &row(format!("power at {}", count(o.seeds, "seed")), &power);
    if o.effects.iter().any(|e| e.needed.is_some()) {
        out += &row("seeds for 80 %".into(), &|e| e.needed.map_or("none".into(), thousands));
    }
    out
}

/// `1.2 G`
fn scaled(x: f64, unit: &str) -> String {
    let (by, prefix) = match x {
        x if x >= 1e12 => (1e12, "T"),
        x if x >= 1e9 => (1e9, "G"),
        x if x >= 1e6 => (1e6, "M"),
        x if x >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    };
    format!("{:.1} {prefix}{unit}", x / by).trim_end().to_string()
}
