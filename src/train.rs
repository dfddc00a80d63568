//! From checked specs to reports: plans to engines, measures to traces, questions to verdicts.

mod origin;
mod tuning;

use crate::diag::{Code, Diagnostic};
use crate::driver::{Compilation, Compiled, Options, plans_and_meanings};
use crate::judge::{Question, QuestionKind, Standing, Verdict, judge, judge_beside, mark};
use crate::output::Output;
use crate::plan::meaning::Meaning;
use crate::plan::{DataSource, Plan};
use crate::registration::{self, Meanings, hypotheses, meaning};
use crate::report::{Look, Provenance, Report, Spec, summarize};
use crate::run::assemble::{conditions, undefined};
use crate::run::data::{DataError, fingerprint};
use crate::run::jobs::{
    Course, Job, JobReplicate, Outcome, Problem, ReplicateResult, RunEvent, RunOptions, Status, execute, find_engine,
};
use crate::run::live::Live;
use crate::run::progress::{Manner, Progress};
use crate::run::stop::Stop;
use crate::run::trace::{ConditionTrace, ExperimentTrace, Trace, same_numbers};
use crate::source::Span;
use crate::store::keeper::Kept;
use crate::store::record::Made;
use crate::store::{Keeper, Store};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Milliseconds between two states that are kept of a replicate on its way.
const KEEP: u64 = 15_000;

/// How a run ended, with what is known after it.
pub struct Done {
    pub report: Report,
    /// What went wrong outside the numbers.
    pub problems: Vec<Diagnostic>,
    /// Something could not be done; what was done is in the report.
    pub failed: bool,
    pub interrupted: bool,
}

/// The runs that a spec asks for.
#[derive(Default)]
struct Wanted {
    jobs: Vec<Job>,
    /// One a replicate, counted through all jobs.
    kept: Vec<Kept>,
    /// What the runs that are there were made with, one a run.
    made: Vec<Made>,
    meanings: Meanings,
    /// When the first run of an experiment was trained that the store holds, in seconds since 1970.
    first: BTreeMap<String, i64>,
    /// The fewest seeds that an experiment was declared with when runs of it were trained.
    looked_at: BTreeMap<String, usize>,
}

/// What became of the runs that were wanted.
struct CarriedOut {
    outcome: Outcome,
    /// Runs that the store held before.
    stored: usize,
    problems: Vec<Diagnostic>,
}

/// Trains every condition and seed of a checked spec that its store does not hold, and judges its hypotheses.
pub fn train(c: &mut Compilation, options: &Options, out: &mut Output) -> Result<Done, Vec<Diagnostic>> {
    train_watched(c, options, out, None)
}

/// As [`train`]; while it goes on, `show` is handed what is known so far, without judgement of what is expected.
pub fn train_watched(
    c: &mut Compilation,
    options: &Options,
    out: &mut Output,
    mut show: Option<&mut dyn FnMut(Report)>,
) -> Result<Done, Vec<Diagnostic>> {
    let run = RunOptions {
        jobs: options.jobs,
        threads: options.threads.unwrap_or(1),
        device: if options.device.is_empty() { "cpu".into() } else { options.device.clone() },
        stop: Stop::on_signals().unwrap_or_default(),
        ..RunOptions::default()
    };
    let mut tuned = tuning::trials(c)?;
    if !tuned.wanted.jobs.is_empty() {
        let done = carry_out(c, &mut tuned.wanted, options, &run, out, &mut |_, _, _| {})?;
        tuned.choose(c, done);
    }
    let mut wanted = wanted(c, &tuned)?;
    if wanted.jobs.is_empty() || tuned.interrupted {
        let outcome = Outcome { interrupted: tuned.interrupted, ..nothing() };
        let outcome = merge(&wanted.jobs, vec![None; wanted.kept.len()], outcome);
        return Ok(finish(c, wanted, tuned, CarriedOut { outcome, stored: 0, problems: vec![] }, &run));
    }
    let c = &*c;
    let meant = meaning(&wanted.meanings, &hypotheses(c, &wanted.meanings));
    let look = out.error_look();
    let look = Look { width: look.width, color: look.color, unicode: look.unicode };
    let done = carry_out(c, &mut wanted, options, &run, out, &mut |jobs, progress, live| {
        if !live.is_due() || !(progress.draws() || show.is_some()) {
            return;
        }
        let began = Instant::now();
        let so_far = tuned.told(trace(c, &live.outcome(), jobs));
        if progress.draws() {
            progress.picture(&crate::report::picture(&so_far, look));
        }
        if let Some(show) = &mut show {
            show(on_the_way(c, so_far, &meant, &run, live.done()));
        }
        live.shown(began);
    })?;
    Ok(finish(c, wanted, tuned, done, &run))
}

/// Trains what the store does not hold; `tick` is told about ten times a second how far it is.
fn carry_out(
    c: &Compilation,
    wanted: &mut Wanted,
    options: &Options,
    run: &RunOptions,
    out: &mut Output,
    tick: &mut dyn FnMut(&[Job], &mut Progress, &mut Live),
) -> Result<CarriedOut, Vec<Diagnostic>> {
    let store = Store::open(&Store::place(options.store.as_deref(), &c.folder)).map_err(|d| vec![d])?;
    let (known, mut problems) = found(&store, wanted);
    let missing: Vec<usize> = (0..known.len()).filter(|i| known[*i].is_none()).collect();
    let stored = known.len() - missing.len();
    let mut outcome = nothing();
    if !missing.is_empty() {
        if let Err(p) = find_engine(run) {
            return Err(vec![problem(p.code, p.message, p.help)]);
        }
        let jobs = only(&wanted.jobs, &missing);
        let made = Made {
            trine: env!("CARGO_PKG_VERSION").into(),
            libtorch: env!("TRINE_LIBTORCH").into(),
            device: run.device.clone(),
            threads: run.threads,
            processor: origin::processor().into(),
            at: 0,
        };
        let own = made.clone();
        let told = jobs.clone();
        let place = |s: Span| place_of(c, &told, s);
        let kept = missing.iter().map(|i| wanted.kept[*i].clone()).collect();
        let every = options.keep.unwrap_or(KEEP);
        let mut keeper = Keeper::new(store, kept, c.name.clone(), made, every, &place);
        let mut progress = Progress::new(Manner::choose(out.quiet), &jobs);
        let mut live = Live::new(&wanted.jobs, &known);
        outcome = execute(jobs, run, &mut keeper, &mut |e| {
            progress.event(&e);
            live.follow(&e);
            if e == RunEvent::Tick {
                tick(&wanted.jobs, &mut progress, &mut live);
            }
        });
        problems.append(&mut keeper.problems);
        let elsewhere = std::mem::take(&mut keeper.elsewhere);
        let ended = |r: &&ReplicateResult| matches!(r.status, Status::Done | Status::Faulted(_));
        let here = outcome.replicates.iter().filter(ended).count().saturating_sub(elsewhere.len());
        wanted.made.extend(std::iter::repeat_n(own, here).chain(elsewhere));
    }
    let told = outcome.problems.iter().filter(|p| !p.recovered);
    problems.extend(told.map(|p| told_at(p, &wanted.jobs)));
    Ok(CarriedOut { outcome: merge(&wanted.jobs, known, outcome), stored, problems })
}

/// Reports and judges what the store holds, and trains nothing.
pub fn stored(c: &mut Compilation, options: &Options) -> Result<Done, Vec<Diagnostic>> {
    let run = RunOptions { threads: options.threads.unwrap_or(1), device: "cpu".into(), ..RunOptions::default() };
    let store = Store::existing(&Store::place(options.store.as_deref(), &c.folder)).map_err(|d| vec![d])?;
    let mut tuned = tuning::trials(c)?;
    tuned.choose_from(c, &store)?;
    let mut wanted = wanted(c, &tuned)?;
    let (known, problems) = found(&store, &mut wanted);
    let (count, all) = (known.iter().flatten().count(), known.len());
    if count == 0 && all > 0 {
        let m = format!("the store at {} holds none of the {all} runs of this spec", store.root().display());
        return Err(vec![problem(Code::T0705, m, Some(format!("`trine run {}` trains them", c.name)))]);
    }
    let mut outcome = merge(&wanted.jobs, known, nothing());
    outcome.interrupted = count < all;
    Ok(finish(c, wanted, tuned, CarriedOut { outcome, stored: count, problems }, &run))
}

/// What a spec will cost, and what it can find, going by what the store holds.
pub fn costs(c: &mut Compilation, options: &Options) -> Result<crate::cost::Costs, Vec<Diagnostic>> {
    let mut tuned = tuning::trials(c)?;
    let store = Store::existing(&Store::place(options.store.as_deref(), &c.folder)).ok();
    // What is not chosen yet costs what its first candidate does.
    if let Some(store) = &store {
        let _ = tuned.choose_from(c, store);
    }
    let mut wanted = wanted(c, &tuned)?;
    let mut pilot = None;
    if let Some(store) = store {
        let (known, _) = found(&store, &mut wanted);
        // Seeds that were not run tell nothing, and would count as lost.
        let (jobs, known) = only_known(&wanted.jobs, known);
        let outcome = merge(&jobs, known, nothing());
        pilot = (!outcome.replicates.is_empty()).then(|| trace(c, &outcome, &jobs));
    }
    let mut jobs = tuned.wanted.jobs;
    jobs.append(&mut wanted.jobs);
    Ok(crate::cost::costs(c, &jobs, pilot.as_ref(), options))
}

/// The replicates that are known, and what is known of them.
fn only_known(jobs: &[Job], known: Vec<Option<ReplicateResult>>) -> (Vec<Job>, Vec<Option<ReplicateResult>>) {
    let there: Vec<usize> = (0..known.len()).filter(|i| known[*i].is_some()).collect();
    (only(jobs, &there), known.into_iter().filter(Option::is_some).collect())
}

/// What the conditions and the hypotheses of a spec mean.
pub fn meanings(c: &mut Compilation) -> Result<(Meanings, Vec<registration::Entry>), Vec<Diagnostic>> {
    let tuned = tuning::trials(c)?;
    let wanted = wanted(c, &tuned)?;
    let now = hypotheses(c, &wanted.meanings);
    Ok((wanted.meanings, now))
}

/// Hypotheses of a spec as they would be registered.
pub fn registrable(c: &mut Compilation) -> Result<Vec<registration::Entry>, Vec<Diagnostic>> {
    Ok(meanings(c)?.1)
}

/// How many runs of each experiment a store holds.
pub fn held(c: &mut Compilation, store: &Store) -> Result<BTreeMap<String, usize>, Vec<Diagnostic>> {
    let mut tuned = tuning::trials(c)?;
    let mut out = BTreeMap::new();
    if tuned.wanted.jobs.is_empty() || tuned.choose_from(c, store).is_ok() {
        for k in wanted(c, &tuned)?.kept.iter().filter(|k| store.folder(&k.run).join("run.json").exists()) {
            *out.entry(k.experiment.clone()).or_default() += 1;
        }
    }
    Ok(out)
}

/// What a store calls the runs of a spec, as far as they are known: what is tuned has to be chosen.
pub fn names(c: &mut Compilation, store: Option<&Store>) -> Result<Vec<String>, Vec<Diagnostic>> {
    let mut tuned = tuning::trials(c)?;
    let mut kept = tuned.wanted.kept.clone();
    if tuned.wanted.jobs.is_empty() || store.is_some_and(|s| tuned.choose_from(c, s).is_ok()) {
        kept.extend(wanted(c, &tuned)?.kept);
    }
    Ok(kept.into_iter().map(|k| k.run).collect())
}

/// Plans, and what the store calls their replicates.
fn wanted(c: &mut Compilation, tuned: &tuning::Tuned) -> Result<Wanted, Vec<Diagnostic>> {
    let mut out = Wanted::default();
    let mut data = Fingerprints::new(c);
    for (e, x) in c.experiments.iter_mut().enumerate() {
        let meaning = planned(x, e, 0, &mut data, &mut out)?;
        let meaning = tuned.meanings.get(&e).cloned().unwrap_or(meaning);
        out.meanings.push((x.item.name.clone(), meaning, x.seeds));
    }
    Ok(out)
}

/// Adds the runs of an experiment, whose seeds begin at `first`, and says what its conditions mean.
fn planned(
    x: &mut Compiled,
    number: usize,
    first: u64,
    data: &mut Fingerprints,
    out: &mut Wanted,
) -> Result<Vec<Arc<Meaning>>, Vec<Diagnostic>> {
    let (shared, meaning) = plans_and_meanings(x, &mut |p| data.of(p)).map_err(|m| vec![internal(&m)])?;
    if let Some(fault) = data.fault.take() {
        return Err(vec![problem(fault.code, fault.message.clone(), fault.help.clone())]);
    }
    let meaning: Vec<Arc<Meaning>> = meaning.into_iter().map(Arc::new).collect();
    if let Some(found) = shared.iter().find_map(|s| crate::run::no_room(&s.plan)) {
        return Err(vec![no_room(x, &found)]);
    }
    for s in shared {
        let plan = Arc::new(s.plan);
        let exact = exact(&plan);
        let mut replicates = Vec::new();
        for (condition, numbers) in s.members {
            for seed in first..first + x.seeds as u64 {
                let chosen = &x.conditions[condition];
                out.kept.push(Kept {
                    run: meaning[condition].run(seed).to_hex().to_string(),
                    plan: plan.clone(),
                    meaning: meaning[condition].clone(),
                    exact: exact.clone(),
                    experiment: x.name.clone(),
                    condition: chosen.name(),
                    settings: chosen.all_settings(),
                    parameters: parameters(x, condition),
                    declared: x.seeds,
                });
                replicates.push(JobReplicate { experiment: number, condition, seed, numbers: numbers.clone() });
            }
        }
        out.jobs.push(Job { plan, folder: data.folder.clone(), replicates });
    }
    Ok(meaning)
}

/// The fingerprints of data, each file read once.
struct Fingerprints {
    folder: std::path::PathBuf,
    known: Vec<(DataSource, String)>,
    fault: Option<DataError>,
}

impl Fingerprints {
    fn new(c: &Compilation) -> Fingerprints {
        Fingerprints { folder: c.folder.clone(), known: vec![], fault: None }
    }

    fn of(&mut self, plan: &Plan) -> String {
        let Some(data) = &plan.data else { return String::new() };
        if let Some((_, f)) = self.known.iter().find(|(s, _)| *s == data.source) {
            return f.clone();
        }
        let made = fingerprint(&data.source, &self.folder).unwrap_or_else(|e| {
            self.fault = Some(e);
            String::new()
        });
        self.known.push((data.source.clone(), made.clone()));
        made
    }
}

/// Of the plan as it is executed: only the same one goes on with a state bit for bit.
fn exact(plan: &Plan) -> String {
    let mut plan = plan.clone();
    plan.strip();
    plan.measures.clear();
    blake3::hash(&postcard::to_stdvec(&plan).unwrap_or_default()).to_hex()[..32].to_string()
}

fn parameters(x: &Compiled, condition: usize) -> usize {
    let model = x.models.get(condition).and_then(|m| m.as_ref());
    model.and_then(|m| m.net.parameters()).unwrap_or(0) as usize
}

fn nothing() -> Outcome {
    Outcome { replicates: vec![], problems: vec![], interrupted: false, libtorch: None, device: None }
}

/// What a store knows of replicates, and what is wrong with it.
fn found(store: &Store, wanted: &mut Wanted) -> (Vec<Option<ReplicateResult>>, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let mut known = Vec::new();
    for k in &wanted.kept {
        let (record, fault) = store.find(&k.run);
        problems.extend(fault);
        if let Some(r) = &record {
            let first = wanted.first.entry(k.experiment.clone()).or_insert(i64::MAX);
            *first = (*first).min(r.made.at as i64);
            if (1..k.declared).contains(&r.declared) {
                let fewest = wanted.looked_at.entry(k.experiment.clone()).or_insert(r.declared);
                *fewest = (*fewest).min(r.declared);
            }
        }
        let result = record.as_ref().and_then(|r| r.result(&k.plan, &k.meaning));
        wanted.made.extend(record.filter(|_| result.is_some()).map(|r| r.made));
        known.push(result);
    }
    (known, problems)
}

/// The jobs with these replicates alone.
fn only(jobs: &[Job], replicates: &[usize]) -> Vec<Job> {
    let mut first = 0;
    let mut out = Vec::new();
    for job in jobs {
        let own = |i: &usize| job.replicates.get(i.checked_sub(first)?).cloned();
        let replicates: Vec<JobReplicate> = replicates.iter().filter_map(own).collect();
        first += job.replicates.len();
        if !replicates.is_empty() {
            out.push(Job { replicates, ..job.clone() });
        }
    }
    out
}

/// All replicates of the jobs in order: known before, trained now, or missing.
fn merge(jobs: &[Job], known: Vec<Option<ReplicateResult>>, trained: Outcome) -> Outcome {
    let mut fresh = trained.replicates.into_iter();
    let mut known = known.into_iter();
    let trained_now = !fresh.as_slice().is_empty();
    let mut replicates = Vec::new();
    for (job, j) in jobs.iter().enumerate() {
        for r in &j.replicates {
            let result = known.next().flatten().or_else(|| if trained_now { fresh.next() } else { None });
            let missing = ReplicateResult {
                job,
                experiment: r.experiment,
                condition: r.condition,
                seed: r.seed,
                status: Status::Unfinished,
                courses: vec![Course::default(); j.plan.measures.len()],
                seconds: 0.0,
                steps: 0,
            };
            let result = result.unwrap_or(missing);
            replicates.push(ReplicateResult { job, experiment: r.experiment, condition: r.condition, ..result });
        }
    }
    Outcome { replicates, ..trained }
}

fn finish(c: &Compilation, wanted: Wanted, tuned: tuning::Tuned, done: CarriedOut, run: &RunOptions) -> Done {
    let CarriedOut { outcome, stored, mut problems } = done;
    let stored = stored + tuned.stored;
    problems.splice(0..0, tuned.problems.iter().cloned());
    let trace = tuned.told(trace(c, &outcome, &wanted.jobs));
    let now = hypotheses(c, &wanted.meanings);
    let locked = registration::read(&c.name).unwrap_or_else(|d| {
        problems.push(d);
        None
    });
    let registered_before = locked.as_deref().unwrap_or_default();
    let mut verdicts = judge_beside(&c.questions, &trace, registration::unjudged(c, registered_before, &now));
    let withdrawn = registration::missing(c, registered_before, &now);
    // Without a registration, what the runs themselves tell of the seeds that were planned.
    let grown = |v: &Verdict| {
        let own = now.iter().find(|e| e.name == v.hypothesis);
        own.is_some_and(|e| e.seeds.keys().any(|x| wanted.looked_at.contains_key(x)))
    };
    mark(
        &mut verdicts,
        &|v| match registration::standing(v, locked.as_deref(), &now, &|e| wanted.first.get(e).copied()) {
            Standing::Unregistered if grown(v) && v.may_not_grow() => Standing::Extended,
            other => other,
        },
    );
    let registered =
        !verdicts.is_empty() && withdrawn.is_empty() && verdicts.iter().all(|v| v.standing == Standing::Confirmatory);
    let registration = registration::rows(&verdicts, registered_before, &now, &withdrawn);
    if let Some(locked) = &locked {
        problems.extend(registration::changed(c, locked, &now));
    }
    let made = origin::kinds(wanted.made.iter().chain(&tuned.wanted.made));
    // What was not made here is told of as it was made.
    let first = made.first().map(|(m, _)| m.clone()).unwrap_or_else(|| Made {
        trine: env!("CARGO_PKG_VERSION").into(),
        libtorch: outcome.libtorch.clone().unwrap_or_default(),
        device: outcome.device.clone().unwrap_or(run.device.clone()),
        threads: run.threads,
        processor: origin::processor().into(),
        at: 0,
    });
    let (commit, uncommitted) = origin::commit(c, wanted.kept.iter().map(|k| &*k.plan));
    let provenance = Provenance {
        trine: first.trine,
        libtorch: Some(first.libtorch).filter(|v| !v.is_empty()),
        device: first.device,
        threads: first.threads,
        commit,
        uncommitted,
        registered,
        runs: wanted.kept.len() + tuned.wanted.kept.len(),
        stored,
        processor: first.processor,
        made,
    };
    let spec = Spec { file: c.name.clone(), meaning: meaning(&wanted.meanings, &now), ..c.about.clone() };
    let unkept = problems.iter().any(|d| d.code == Code::T0705);
    let mut report = summarize(spec, trace, verdicts, provenance);
    report.facts.registration = registration;
    Done {
        report,
        problems,
        failed: unkept || (!outcome.interrupted && !outcome.complete()),
        interrupted: outcome.interrupted,
    }
}

/// What can be told of a run before its end. Expectations wait: whoever judges them at every look errs more often than
/// is said.
fn on_the_way(c: &Compilation, trace: Trace, meaning: &str, run: &RunOptions, (done, all): (usize, usize)) -> Report {
    let claims: Vec<Question> =
        c.questions.iter().filter(|q| matches!(q.kind, QuestionKind::Claim { .. })).cloned().collect();
    let provenance = Provenance {
        trine: env!("CARGO_PKG_VERSION").into(),
        libtorch: Some(env!("TRINE_LIBTORCH").into()),
        device: run.device.clone(),
        threads: run.threads,
        runs: all,
        processor: origin::processor().into(),
        ..Provenance::default()
    };
    let spec = Spec { file: c.name.clone(), meaning: meaning.into(), ..c.about.clone() };
    let mut report = summarize(spec, trace.clone(), judge(&claims, &trace), provenance);
    let waits = if claims.len() < c.questions.len() { "; expectations are judged when all are" } else { "" };
    report.facts.on_the_way = Some(format!("{done} of {all} runs are done{waits}"));
    report
}

/// Where a value was computed: the line of the spec first, then the line of the library that it led to.
fn place_of(c: &Compilation, jobs: &[Job], s: Span) -> String {
    let own = c.sources.place(s);
    let of_spec = |s: Span| s.start < s.end && !c.program.in_library(s);
    if !c.program.in_library(s) {
        return own;
    }
    match jobs.iter().find_map(|j| j.plan.step.leads_to(s, &of_spec)) {
        Some(spec) => format!("{}, through {own}", c.sources.place(spec)),
        None => own,
    }
}

fn trace(c: &Compilation, outcome: &Outcome, jobs: &[Job]) -> Trace {
    let place = |s: Span| place_of(c, jobs, s);
    let mut found = conditions(outcome, jobs, &place);
    let mut trace = Trace { experiments: vec![], interrupted: outcome.interrupted };
    for (e, x) in c.experiments.iter().enumerate() {
        let mut list = Vec::new();
        for (i, condition) in x.conditions.iter().enumerate() {
            let mut t = found.remove(&(e, i)).unwrap_or_default();
            t.name = condition.name();
            t.settings = condition.all_settings();
            if let Some(m) = x.models.get(i).and_then(|m| m.as_ref()) {
                t.parameters = m.net.parameters().unwrap_or(0) as usize;
                display(&mut t, &m.measures);
            }
            list.push(t);
        }
        let name = x.item.name.clone();
        let notes = x.notes.iter().cloned().chain(same_numbers(&list)).chain(undefined(&list)).collect();
        trace.experiments.push(ExperimentTrace { name, conditions: list, notes, tuning: None });
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

/// A problem where the spec asked for it: a fault of the data at the field that it makes wrong, or at its source.
fn told_at(p: &Problem, jobs: &[Job]) -> Diagnostic {
    let data = matches!(p.code, Code::T0501 | Code::T0502 | Code::T0503 | Code::T0504 | Code::T0506);
    let plan = p.job.filter(|_| data).and_then(|job| jobs.get(job)).map(|job| &job.plan);
    let field = plan.and_then(|p2| p2.fields.iter().find(|f| p.message.starts_with(&format!("`{}` is ", f.name))));
    let span = field.map(|f| f.span).or_else(|| Some(plan?.data.as_ref()?.span));
    let plain = problem(p.code, p.message.clone(), p.help.clone());
    match span {
        Some(span) => Diagnostic { labels: Diagnostic::new(p.code, span, "", "").labels, ..plain },
        None => plain,
    }
}

fn problem(code: Code, message: String, help: Option<String>) -> Diagnostic {
    help.into_iter().fold(Diagnostic::nowhere(code, message), |d, h| d.help(h))
}

fn no_room(x: &Compiled, found: &crate::run::NoRoom) -> Diagnostic {
    let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64);
    let (name, split, n) = (&found.name, &found.split, found.examples);
    let message = format!("measure `{name}` needs {}, and {} are free", gib(found.needed), gib(found.free));
    let measures = x.models.iter().flatten().flat_map(|m| &m.measures);
    let span = measures.filter(|m| m.name == *name).map(|m| m.span).next().unwrap_or_default();
    let label = format!("it sets each of the {n} examples of `{split}` beside each other one");
    Diagnostic::new(Code::T0703, span, message, label)
        .help("split off fewer examples and measure on these: `split train 800, test 150, probe 50`, and `on probe`")
}

fn internal(message: &str) -> Diagnostic {
    problem(
        Code::T0703,
        format!("this spec cannot be compiled: {message}"),
        Some("please report it with the spec".into()),
    )
}
