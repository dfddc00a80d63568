//! From checked specs to reports: plans to engines, measures to traces, questions to verdicts.

use crate::diag::{Code, Diagnostic};
use crate::driver::{Compilation, Options, meaning, plans};
use crate::judge::judge;
use crate::output::Output;
use crate::report::{Provenance, Report, Spec, summarize};
use crate::run::assemble::conditions;
use crate::run::jobs::{Job, JobReplicate, Outcome, RunOptions, execute, find_engine};
use crate::run::ledger::Nothing;
use crate::run::progress::{Manner, Progress};
use crate::run::stop::Stop;
use crate::run::trace::{ConditionTrace, ExperimentTrace, Trace};
use crate::source::Span;
use std::sync::Arc;

/// How a run ended, with what is known after it.
pub struct Done {
    pub report: Report,
    /// What went wrong outside the numbers.
    pub problems: Vec<Diagnostic>,
    /// Something could not be done; what was done is in the report.
    pub failed: bool,
    pub interrupted: bool,
}

/// Trains every condition and seed of a checked spec and judges its hypotheses.
pub fn train(c: &mut Compilation, options: &Options, out: &mut Output) -> Result<Done, Vec<Diagnostic>> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut hashed = Vec::new();
    let mut owners = Vec::new();
    for (e, x) in c.experiments.iter_mut().enumerate() {
        let shared = plans(x).map_err(|m| vec![internal(&m)])?;
        let trained: Vec<usize> = (0..x.conditions.len()).collect();
        owners.push(trained);
        for s in shared {
            let plan = Arc::new(s.plan);
            let mut replicates = Vec::new();
            for (condition, numbers) in s.members {
                for seed in 0..x.seeds as u64 {
                    replicates.push(JobReplicate { experiment: e, condition, seed, numbers: numbers.clone() });
                }
            }
            hashed.push(plan.clone());
            jobs.push(Job { plan, folder: c.folder.clone(), replicates });
        }
    }
    let seeds: Vec<usize> = c.experiments.iter().map(|x| x.seeds).collect();
    let plans: Vec<&crate::plan::Plan> = hashed.iter().map(|p| &**p).collect();
    let hash = meaning(&plans, &c.questions, &seeds);
    let run = RunOptions {
        jobs: options.jobs,
        threads: options.threads.unwrap_or(1),
        device: if options.device.is_empty() { "cpu".into() } else { options.device.clone() },
        stop: Stop::on_signals().unwrap_or_default(),
        ..RunOptions::default()
    };
    let outcome = if jobs.is_empty() {
        Outcome { replicates: vec![], problems: vec![], interrupted: false, libtorch: None, device: None }
    } else {
        if let Err(p) = find_engine(&run) {
            return Err(vec![problem(p.code, p.message, p.help)]);
        }
        let mut progress = Progress::new(Manner::choose(out.quiet), &jobs);
        execute(jobs.clone(), &run, &mut Nothing, &mut |e| progress.event(&e))
    };
    let problems: Vec<Diagnostic> = outcome
        .problems
        .iter()
        .filter(|p| !p.recovered)
        .map(|p| problem(p.code, p.message.clone(), p.help.clone()))
        .collect();
    let trace = trace(c, &outcome, &jobs);
    let failed = !outcome.interrupted && !outcome.complete();
    let verdicts = judge(&c.questions, &trace);
    let provenance = Provenance {
        trine: env!("CARGO_PKG_VERSION").into(),
        libtorch: outcome.libtorch.clone(),
        device: outcome.device.clone().unwrap_or(run.device),
        threads: run.threads,
        commit: commit(c),
        registered: false,
        processor: processor().into(),
    };
    let spec = Spec { file: c.name.clone(), meaning: hash };
    Ok(Done {
        report: summarize(spec, trace, verdicts, provenance),
        problems,
        failed,
        interrupted: outcome.interrupted,
    })
}

fn trace(c: &Compilation, outcome: &Outcome, jobs: &[Job]) -> Trace {
    let place = |s: Span| c.sources.place(s);
    let mut found = conditions(outcome, jobs, &place);
    let mut trace = Trace { experiments: vec![], interrupted: outcome.interrupted };
    for (e, x) in c.experiments.iter().enumerate() {
        let mut list = Vec::new();
        for (i, condition) in x.conditions.iter().enumerate() {
            let mut t = found.remove(&(e, i)).unwrap_or_default();
            t.name = condition.name();
            t.settings = condition.settings.clone();
            if let Some(m) = x.models.get(i).and_then(|m| m.as_ref()) {
                t.parameters = m.net.parameters().unwrap_or(0) as usize;
                display(&mut t, &m.measures);
            }
            list.push(t);
        }
        trace.experiments.push(ExperimentTrace { name: x.item.name.clone(), conditions: list, notes: x.notes.clone() });
    }
    trace
}

/// Measures in the order of the spec, in the units in which they are printed.
fn display(t: &mut ConditionTrace, measures: &[crate::model::experiment::Measure]) {
    for m in &mut t.measures {
        let Some(declared) = measures.iter().find(|d| d.name == m.name) else { continue };
        let (unit, scale) = declared.unit.display();
        m.unit = unit;
        if scale != 1.0 {
            m.values.iter_mut().flatten().for_each(|v| *v /= scale);
        }
    }
    t.measures.sort_by_key(|m| measures.iter().position(|d| d.name == m.name));
}

fn problem(code: Code, message: String, help: Option<String>) -> Diagnostic {
    Diagnostic { code, message, labels: vec![], help }
}

fn internal(message: &str) -> Diagnostic {
    problem(
        Code::T0703,
        format!("this spec cannot be compiled: {message}"),
        Some("please report it with the spec".into()),
    )
}

/// The commit of the repository that the spec lies in.
fn commit(c: &Compilation) -> Option<String> {
    let folder = if c.folder.as_os_str().is_empty() { std::path::Path::new(".") } else { &c.folder };
    let out = std::process::Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    (out.status.success() && !text.trim().is_empty()).then(|| text.trim().to_string())
}

/// The processor's class of vector instructions, on which the last bits depend.
fn processor() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if std::is_x86_feature_detected!("avx2") {
            return "avx2";
        }
        "sse2"
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        std::env::consts::ARCH
    }
}
