//! What a report tells of a spec before anything has run: its text and architectures, what its rules read, what the compiler
//! noted, and the command that makes its numbers.

use crate::diag::{Code, Diagnostic};
use crate::driver::{Compilation, Compiled, Options};
use crate::ir::ItemKind;
use crate::model::controlled::Compared;
use crate::profile::{self, Profile};
use crate::report::diagram::Diagram;
use crate::report::{Comparison, Note, RuleRow, Spec};
use crate::source::{FileId, SourceFile, SourceMap};
use crate::syntax::print::expr_text;

/// All of it. Needs the models, which making plans consumes.
pub fn spec(c: &mut Compilation, options: &Options) {
    let text = c.sources.files().next().map(|(_, f)| f.text.to_string()).unwrap_or_default();
    let own = |(id, f): &(FileId, &SourceFile)| !c.program.library.contains(id) && f.name.ends_with(".trine");
    let imports = c.sources.files().skip(1).filter(own).map(|(_, f)| (f.name.clone(), f.text.clone())).collect();
    let ranges = c.experiments.iter().flat_map(|x| {
        let measures = x.models.iter().flatten().flat_map(|m| &m.measures);
        measures.filter_map(|m| Some((x.item.name.clone(), m.name.clone(), m.range?)))
    });
    c.about = Spec {
        text,
        imports,
        diagrams: diagrams(c),
        rules: rules(c),
        compared: c.compared.iter().map(comparison).collect(),
        ranges: ranges.collect(),
        command: command(c, options),
        ..std::mem::take(&mut c.about)
    };
}

/// What the compiler said of a sound spec.
pub fn notes(all: &[Diagnostic], sources: &SourceMap) -> Vec<Note> {
    all.iter().map(|d| note(d, sources)).collect()
}

fn comparison(c: &Compared) -> Comparison {
    Comparison { arms: c.arms.clone(), by: c.by.clone(), besides: c.besides.clone() }
}

/// The profiles of the rules that the experiments train with.
fn rules(c: &Compilation) -> Vec<RuleRow> {
    let mut names: Vec<String> = Vec::new();
    for name in c.experiments.iter().flat_map(|x| x.models.iter().flatten()).flat_map(|m| &m.rules) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    if names.is_empty() {
        return Vec::new();
    }
    profile::of_spec(c, &names, None).unwrap_or_default().iter().map(|p| row(p, &c.sources)).collect()
}

fn row(p: &Profile, sources: &SourceMap) -> RuleRow {
    let dynamics = if p.dynamics.entries.is_empty() { String::new() } else { p.dynamics.to_string() };
    let steps = |path: &[(crate::source::Span, String)]| {
        path.iter().map(|(span, what)| (profile::place(sources, *span), what.clone())).collect()
    };
    let update = p.update.entries.iter().map(|e| (e.property.to_string(), steps(&e.path)));
    let within = p.dynamics.entries.iter().map(|e| (format!("{}, in the dynamics", e.property), steps(&e.path)));
    RuleRow {
        name: p.name.clone(),
        on: p.on.clone(),
        update: p.update.to_string(),
        dynamics,
        paths: update.chain(within).collect(),
    }
}

fn note(d: &Diagnostic, sources: &SourceMap) -> Note {
    let place = d.labels.first().map(|l| sources.place(l.span)).unwrap_or_default();
    Note { code: d.code.name().into(), confound: d.code == Code::T0606, place, text: d.message.clone() }
}

/// `trine run spec.trine --set rate=0.1 --threads 1 --device cpu`
fn command(c: &Compilation, options: &Options) -> String {
    let mut words: Vec<String> = vec!["trine".into(), "run".into(), c.name.clone()];
    let mut add = |flag: &str, value: String| words.extend([flag.to_string(), value]);
    options.set.iter().for_each(|(name, value)| add("--set", format!("{name}={value}")));
    if let Some(name) = &options.experiment {
        add("--experiment", name.clone());
    }
    if let Some(seeds) = options.seeds {
        add("--seeds", seeds.to_string());
    }
    add("--threads", options.threads.unwrap_or(1).to_string());
    add("--device", if options.device.is_empty() { "cpu".into() } else { options.device.clone() });
    words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+%@".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_string(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// Every experiment's architectures, conditions with the same one sharing a diagram.
pub fn diagrams(c: &Compilation) -> Vec<Diagram> {
    c.experiments.iter().flat_map(of_experiment).collect()
}

fn of_experiment(x: &Compiled) -> Vec<Diagram> {
    let ItemKind::Experiment(declared) = &x.item.kind else { return vec![] };
    let objective = declared.settings.get("objective").map(|(e, _)| expr_text(e));
    let mut found: Vec<Diagram> = Vec::new();
    for (condition, model) in x.conditions.iter().zip(&x.models) {
        let Some(model) = model else { continue };
        let new = Diagram::of(model, objective.as_deref());
        match found.iter_mut().find(|d| d.same(&new)) {
            Some(known) => known.conditions.push(condition.name()),
            None => found.push(Diagram { conditions: vec![condition.name()], ..new }),
        }
    }
    // What all share needs no list.
    if let [only] = found.as_mut_slice() {
        only.conditions.clear();
    }
    found
}
