//! The whole pipeline, a line a stage. Commands call it and nothing else.

use crate::check::collect::{Override, collect};
use crate::check::single::check_items;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::ir::{HypothesisStatement, Item, ItemKind, Program};
use crate::judge::Question;
use crate::model::controlled::Compared;
use crate::model::experiment::{Measure, Model, elaborate_condition};
use crate::model::grid::{Condition, Factor, Grid, first_tune, grid};
use crate::model::hypothesis::{Asked, questions};
use crate::model::implied::{left_out, shallow_baseline};
use crate::model::tuning::{Tuning, apart, tuning};
use crate::plan::Plan;
use crate::plan::lower::lower;
use crate::plan::meaning::Meaning;
use crate::plan::merge::{Shared, share};
use crate::plan::passes::optimize;
use crate::plan::verify::verify;
use crate::report::Spec;
use crate::source::{FileId, SourceMap, Span};
use crate::syntax::ast;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What the command line says about a compilation.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub set: Vec<(String, String)>,
    pub experiment: Option<String>,
    pub seeds: Option<usize>,
    pub jobs: Option<usize>,
    pub threads: Option<usize>,
    pub device: String,
    pub store: Option<String>,
    /// Milliseconds between two states that are kept of a replicate on its way.
    pub keep: Option<u64>,
}

/// All stages of one spec up to its models.
#[derive(Default)]
pub struct Compilation {
    pub sources: SourceMap,
    pub diagnostics: Diagnostics,
    pub tree: ast::File,
    pub program: Program,
    pub experiments: Vec<Compiled>,
    pub questions: Vec<Question>,
    /// Hypotheses that are not judged because one experiment was asked for, each with the number of its expectations at a confidence.
    pub unasked: Vec<(String, usize)>,
    /// Pairs of arms that expectations compare.
    pub compared: Vec<Compared>,
    /// Folder of the spec, from which paths of data are read.
    pub folder: PathBuf,
    pub name: String,
    /// What a report tells of the spec itself.
    pub about: Spec,
}

/// One experiment with the models of its conditions.
pub struct Compiled {
    pub item: Rc<Item>,
    /// As reports and the store call it.
    pub name: String,
    pub factors: Vec<Factor>,
    pub conditions: Vec<Condition>,
    /// One a condition; `None` where something was wrong.
    pub models: Vec<Option<Model>>,
    pub seeds: usize,
    /// For the report, beside its numbers.
    pub notes: Vec<String>,
    /// What is tried before, to choose by, where something is tuned.
    pub trials: Option<Trials>,
}

/// The candidates of an experiment that tunes.
pub struct Trials {
    pub by: Tuning,
    /// An experiment of its own, a condition each: with the seeds that choose, and with the measure that they choose by.
    pub experiment: Box<Compiled>,
    /// For each condition of the experiment the numbers of its candidates; none where it has nothing to choose.
    pub of: Vec<Vec<usize>>,
}

impl Compiled {
    /// Elaborates a condition once more: its choices have changed, or its graph was used up.
    pub fn refresh(&mut self, condition: usize, program: &Program, folder: &Path) {
        let (model, _) = elaborate_condition(program, &self.item, &self.conditions[condition], folder);
        self.models[condition] = model;
    }
}

impl Compilation {
    /// An experiment by its number in a job; trials are counted behind the experiments.
    pub fn compiled(&self, number: usize) -> Option<&Compiled> {
        let count = self.experiments.len();
        match number.checked_sub(count) {
            None => self.experiments.get(number),
            Some(n) => self.experiments.get(n)?.trials.as_ref().map(|t| &*t.experiment),
        }
    }
}

/// Operations of all conditions of an experiment together: some gigabytes.
const MAX_OPERATIONS: usize = 20_000_000;

/// Reads and checks one spec.
pub fn load(path: &str, options: &Options) -> Compilation {
    let mut sources = SourceMap::default();
    let (file, fault) = crate::input::read(path, &mut sources);
    let folder = if path == "-" { Path::new("") } else { Path::new(path).parent().unwrap_or(Path::new("")) };
    let mut c = Compilation { sources, name: path.to_string(), folder: folder.to_path_buf(), ..Compilation::default() };
    match fault {
        Some(d) => c.diagnostics.push(d),
        None => compile(&mut c, file, options),
    }
    c
}

/// Checks a text as if it were a file of this name.
pub fn check_text(name: &str, text: &str) -> Compilation {
    let mut sources = SourceMap::default();
    let file = sources.add(name, text);
    let mut c = Compilation { sources, name: name.to_string(), ..Compilation::default() };
    compile(&mut c, file, &Options::default());
    c
}

fn compile(c: &mut Compilation, file: FileId, options: &Options) {
    let overrides = overrides(c, options);
    let (program, tree) = collect(&mut c.sources, file, &c.folder, &overrides, &mut c.diagnostics);
    c.tree = tree;
    c.program = program;
    c.program.note_damage(&mut c.diagnostics);
    let items: Vec<Rc<Item>> = c.program.user_items().cloned().collect();
    for found in check_items(&c.program, &items, &c.folder) {
        c.diagnostics.extend(found);
    }
    let known = |i: &&Rc<Item>| matches!(i.kind, ItemKind::Experiment(_));
    for item in items.iter().filter(known) {
        if options.experiment.as_ref().is_none_or(|n| *n == item.name) {
            let made = experiment(c, item, options.seeds);
            c.experiments.push(made);
        }
    }
    if let Some(name) = &options.experiment
        && c.experiments.is_empty()
    {
        let all = items.iter().filter(known).map(|i| format!("`{}`", i.name)).collect::<Vec<_>>().join(", ");
        let span = Span::new(file, 0, 0);
        let d = Diagnostic::new(Code::T0802, span, format!("there is no experiment `{name}`"), "");
        c.diagnostics.push(d.help(if all.is_empty() { "the spec has none".into() } else { format!("there is {all}") }));
    }
    hypotheses(c, &items, options);
    c.diagnostics.fold();
    if !c.diagnostics.has_errors() {
        c.program.unused(&c.sources, &mut c.diagnostics);
        if options.experiment.is_none() {
            c.program.unused_splits(&mut c.diagnostics);
        }
    }
}

/// `--set` as expressions of their own source.
fn overrides(c: &mut Compilation, options: &Options) -> Vec<Override> {
    let mut out = Vec::new();
    for (i, (name, value)) in options.set.iter().enumerate() {
        if options.set[..i].iter().any(|(n, _)| n == name) {
            let file = c.sources.add(format!("--set {name}"), value.clone());
            let d = Diagnostic::new(
                Code::T0803,
                Span::new(file, 0, value.len()),
                format!("`--set {name}` is said twice"),
                "",
            );
            c.diagnostics.push(d.help("give it once: what is to vary is `--set 'name=vary {1, 2}'`"));
            continue;
        }
        let file = c.sources.add(format!("--set {name}"), value.clone());
        if let Some(value) = crate::syntax::parse::parse_expr(file, value, &mut c.diagnostics) {
            out.push(Override { name: name.clone(), value, span: Span::new(file, 0, 0) });
        }
    }
    out
}

fn experiment(c: &mut Compilation, item: &Rc<Item>, seeds: Option<usize>) -> Compiled {
    let ItemKind::Experiment(x) = &item.kind else { unreachable!("only experiments are asked for") };
    // What varies or is tuned may stand in a line that is at fault.
    let sound = !c.program.is_damaged(item.id);
    let mut spanning = Diagnostics::default();
    let Grid { factors, conditions, candidates } = grid(&c.program, item, x, &mut spanning);
    let models = elaborated(c, item, &conditions);
    lacking(&models, &mut c.diagnostics);
    // Nothing is left out in silence, whatever the reason.
    let nothing = conditions.is_empty() || models.iter().any(Option::is_none);
    if nothing && !spanning.has_errors() && !c.diagnostics.has_errors() {
        let m = format!("nothing came of the experiment `{}`, and no fault of it was found", item.name);
        c.diagnostics.push(Diagnostic::new(Code::T0703, item.name_span, m, "").help("please report it"));
    }
    let declared = models.iter().flatten().map(|m| m.seeds).max().unwrap_or(0);
    let found: Vec<&Model> = models.iter().flatten().collect();
    let notes = shallow_baseline(&c.program, &found).into_iter().chain(left_out(&found)).collect();
    let seeds = seeds.unwrap_or(declared);
    let tunes = first_tune(&factors);
    let by = tuning(x, tunes, &found, &mut spanning);
    if sound {
        c.diagnostics.extend(spanning);
    }
    let trials = by.filter(|_| !found.is_empty()).map(|by| trials(c, item, by, &conditions, candidates));
    let name = item.name.clone();
    Compiled { item: item.clone(), name, factors, conditions, models, seeds, notes, trials }
}

fn elaborated(c: &mut Compilation, item: &Rc<Item>, conditions: &[Condition]) -> Vec<Option<Model>> {
    let mut models: Vec<Option<Model>> = Vec::new();
    let mut operations = 0;
    for condition in conditions {
        if operations > MAX_OPERATIONS {
            let (done, all) = (models.len(), conditions.len());
            let m = format!("{done} of {all} conditions are more than {MAX_OPERATIONS} operations together");
            let d = Diagnostic::new(Code::T0104, item.name_span, m, "the rest is not looked at");
            c.diagnostics
                .push(d.help("let fewer things vary together, or write several experiments in files of their own"));
            break;
        }
        let (model, diags) = elaborate_condition(&c.program, item, condition, &c.folder);
        c.diagnostics.extend(diags);
        operations += model.as_ref().map_or(0, |m| m.g.len());
        models.push(model);
    }
    models.resize_with(conditions.len(), || None);
    models
}

/// What is tried before an experiment is trained.
fn trials(
    c: &mut Compilation,
    item: &Rc<Item>,
    by: Tuning,
    conditions: &[Condition],
    candidates: Vec<Vec<Condition>>,
) -> Trials {
    let mut all: Vec<Condition> = Vec::new();
    let mut of = vec![Vec::new(); conditions.len()];
    for (own, candidates) in of.iter_mut().zip(candidates).filter(|(_, c)| c.len() > 1) {
        for mut candidate in candidates {
            own.push(all.len());
            candidate.labels.extend(candidate.tuned.iter().map(|(name, value)| format!("{name} = {value}")));
            all.push(candidate);
        }
    }
    let mut models = elaborated(c, item, &all);
    models.iter_mut().flatten().for_each(|m| m.measures.retain(|m| m.name == by.measure));
    let experiment = Compiled {
        item: item.clone(),
        name: format!("{} (tuning)", item.name),
        factors: vec![],
        conditions: all,
        models,
        seeds: by.seeds,
        notes: vec![],
        trials: None,
    };
    Trials { by, experiment: Box::new(experiment), of }
}

fn hypotheses(c: &mut Compilation, items: &[Rc<Item>], options: &Options) {
    let asked: Vec<Asked> = c.experiments.iter().map(|x| asked(x, &c.program, &c.diagnostics)).collect();
    let mut out = Vec::new();
    let mut compared = Vec::new();
    let mut diags = Diagnostics::default();
    for item in items.iter().filter(|i| matches!(i.kind, ItemKind::Hypothesis(_))) {
        let (program, experiments) = (&c.program, &c.experiments);
        let mut settle_diags = Diagnostics::default();
        let found = questions(
            program,
            item,
            &asked,
            &mut |rule, relation| {
                // Where a rule is used decides, and a fault may be why no experiment is known to use it.
                let property = crate::profile::asked_for(relation, &mut settle_diags)?;
                let known = asked.iter().all(|a| !a.damaged);
                known.then(|| {
                    crate::profile::settle(program, experiments, rule, relation, &property, &mut settle_diags)
                })?
            },
            &mut diags,
            &mut compared,
        );
        diags.extend(settle_diags);
        if found.is_empty() && options.experiment.is_some() {
            c.unasked.push((item.name.clone(), corrected(item)));
        }
        out.extend(found);
    }
    for x in &c.experiments {
        if let Some(t) = &x.trials {
            apart(&x.item.name, &t.by, &measures(&x.models), &out, &mut diags);
        }
    }
    // With one experiment asked for, hypotheses on others are not judged.
    if options.experiment.is_none() {
        c.diagnostics.extend(diags);
    }
    c.questions = out;
    c.compared = compared;
}

/// How many expectations of a hypothesis are judged at a confidence, by how they are written.
fn corrected(item: &Item) -> usize {
    let ItemKind::Hypothesis(h) = &item.kind else { return 0 };
    let each = h.statements.iter().map(|s| match s {
        HypothesisStatement::Expect(e, _) => match &e.scope {
            ast::ExpectScope::EverySeed(_) | ast::ExpectScope::AtLeast { at: None, .. } => 0,
            ast::ExpectScope::AtLeast { .. } => 1,
            ast::ExpectScope::At(_) | ast::ExpectScope::None => 1 + e.more.len(),
        },
        HypothesisStatement::Claim { .. } => 0,
    });
    each.sum()
}

fn asked(x: &Compiled, program: &Program, diags: &Diagnostics) -> Asked {
    let faulty = |d: &Diagnostic| d.severity() == Severity::Error && x.item.holds(d.span());
    let ItemKind::Experiment(decl) = &x.item.kind else { unreachable!("only experiments are compiled") };
    let architecture = match decl.settings.get("architecture").map(|(e, _)| &e.kind) {
        Some(ast::ExprKind::Call(f, _)) => crate::syntax::print::expr_text(f),
        _ => String::new(),
    };
    let measures = measures(&x.models);
    let lacking = x.models.iter().enumerate().flat_map(|(i, m)| {
        let without = |name: &String| m.as_ref().is_some_and(|m| !m.measures.iter().any(|x| x.name == *name));
        measures.iter().map(|m| m.name.clone()).filter(without).map(|n| (i, n)).collect::<Vec<_>>()
    });
    Asked {
        name: x.item.name.clone(),
        architecture,
        conditions: x.conditions.clone(),
        lacking: lacking.collect(),
        measures,
        seeds: x.seeds,
        parameters: x.models.iter().map(|m| m.as_ref().and_then(|m| m.net.parameters())).collect(),
        damaged: x.models.is_empty()
            || x.models.iter().any(Option::is_none)
            || program.is_damaged(x.item.id)
            || diags.iter().any(faulty),
    }
}

/// The measures of all conditions: one whose rule lacks what a measure reads has one less.
fn measures(models: &[Option<Model>]) -> Vec<Measure> {
    let mut all: Vec<Measure> = Vec::new();
    for m in models.iter().flatten().flat_map(|m| &m.measures) {
        if !all.iter().any(|known| known.name == m.name) {
            all.push(m.clone());
        }
    }
    all
}

/// Tells of measures that read what the rule of no condition has.
fn lacking(models: &[Option<Model>], diags: &mut Diagnostics) {
    let Some(first) = models.iter().flatten().next() else { return };
    for (name, d) in &first.lacking {
        if models.iter().flatten().all(|m| m.lacking.iter().any(|l| l.0 == *name)) {
            diags.push(d.clone());
        }
    }
}

/// The plans of an experiment, conditions that differ only in numbers sharing one. Consumes its models' graphs.
pub fn plans(x: &mut Compiled) -> Result<Vec<Shared>, String> {
    Ok(plans_and_meanings(x, &mut |_| String::new())?.0)
}

/// The plans of an experiment, and what each of its conditions means; `data` gives the fingerprint of a plan's data.
pub fn plans_and_meanings(
    x: &mut Compiled,
    data: &mut dyn FnMut(&Plan) -> String,
) -> Result<(Vec<Shared>, Vec<Meaning>), String> {
    let mut lowered = Vec::new();
    for m in x.models.iter_mut().flatten() {
        lowered.push(lower(m)?);
    }
    let meanings = lowered.iter().map(|p| Meaning::of(p, &data(p))).collect();
    let mut shared = share(lowered);
    for s in &mut shared {
        optimize(&mut s.plan);
        verify(&s.plan)?;
    }
    Ok((shared, meanings))
}
