//! One function a command: take the arguments, call the pipeline, write what came out, say how it ended.

use std::path::Path;

use clap::CommandFactory;

use super::{
    CheckArgs, CheckFormat, Cli, CompletionsArgs, DiffArgs, DocArgs, DumpArgs, Exit, ExplainArgs, FmtArgs, Format,
    GraphArgs, GraphFormat, Machine, OneSpec, ProfileArgs, ProfileFormat, ReportArgs, RunArgs, Selection, Stage,
    TestArgs, Writing,
};
use crate::diag::{Code, Diagnostic, Diagnostics, Severity, codes, did_you_mean, machine, render};
use crate::driver;
use crate::output::Output;
use crate::report::diagram;
use crate::source::SourceMap;
use crate::syntax::parse::parse;
use crate::syntax::print;

pub(super) fn check(args: CheckArgs, out: &mut Output) -> Exit {
    // Files share no scope, so that each is a compilation of its own; their sources are joined for the output.
    let mut sources = SourceMap::default();
    let mut diags = Vec::new();
    for path in &args.files {
        let mut c = driver::load(path, &options(&args.selection, Some(&args.machine)));
        registered(&mut c);
        let shift = sources.append(c.sources);
        diags.extend(c.diagnostics.sorted().into_iter().map(|d| d.shifted(shift)));
    }
    let wrong = diags.iter().any(|d| d.severity() == Severity::Error);
    if args.cost {
        report(&diags, &sources, out);
        return if wrong { Exit::WrongSpec } else { costs(&args, out) };
    }
    match args.format {
        CheckFormat::Human => {
            report(&diags, &sources, out);
            if diags.is_empty() {
                let files = args.files.len();
                out.note(&format!("{files} {} checked: no errors\n", plural(files, "file")));
            }
        }
        CheckFormat::Json => out.data(&machine::render_json(&diags, &sources)),
        CheckFormat::Sarif => out.data(&machine::render_sarif(&diags, &sources)),
        CheckFormat::Github => out.data(&machine::render_github(&diags, &sources)),
    }
    if wrong { Exit::WrongSpec } else { Exit::Done }
}

/// What each spec takes and what it can find; of several specs, their documents are one array.
fn costs(args: &CheckArgs, out: &mut Output) -> Exit {
    let options = options(&args.selection, Some(&args.machine));
    let mut all = Vec::new();
    for path in &args.files {
        let mut c = driver::load(path, &options);
        match crate::train::costs(&mut c, &options) {
            Ok(costs) if args.format == CheckFormat::Json => all.push(costs.json()),
            Ok(costs) => {
                if args.files.len() > 1 {
                    out.data(&format!("{}{path}\n", if *path == args.files[0] { "" } else { "\n" }));
                }
                let width = out.data_look().width;
                out.data(&costs.text(width));
            }
            Err(diags) => {
                report(&diags, &c.sources, out);
                return Exit::RunFailed;
            }
        }
    }
    match all.as_slice() {
        [] => {}
        [one] => out.json(one),
        _ => out.json(&serde_json::Value::Array(all)),
    }
    Exit::Done
}

/// Warns of hypotheses that are not as they were registered, if the spec has a registration.
fn registered(c: &mut driver::Compilation) {
    if c.diagnostics.has_errors() {
        return;
    }
    match crate::registration::read(&c.name) {
        Ok(None) => {}
        Ok(Some(locked)) => {
            if let Ok(now) = crate::train::registrable(c) {
                let changed = crate::registration::changed(c, &locked, &now);
                changed.into_iter().for_each(|d| c.diagnostics.push(d));
            }
        }
        Err(d) => c.diagnostics.push(d),
    }
}

pub(super) fn run(args: RunArgs, out: &mut Output) -> Exit {
    match trained(&args.file, &options(&args.selection, Some(&args.machine)), &args.writing, out) {
        Ok(done) => ended(&done),
        Err(exit) => exit,
    }
}

pub(super) fn test(args: TestArgs, out: &mut Output) -> Exit {
    let options = options(&args.selection, Some(&args.machine));
    if args.files.len() > 1 && args.writing.html.is_some() {
        out.error("error: a page is of one spec: test them one by one with `--html`\n");
        return Exit::WrongCommand;
    }
    let mut worst = Exit::Done;
    for file in &args.files {
        let exit = match trained(file, &options, &args.writing, out) {
            Ok(done) => match ended(&done) {
                Exit::Done => match crate::report::exit_code(&done.report.facts.verdicts) {
                    0 => Exit::Done,
                    3 => Exit::Refuted,
                    _ => Exit::Inconclusive,
                },
                other => other,
            },
            Err(exit) => exit,
        };
        if exit == Exit::Interrupted {
            return exit;
        }
        if graver(exit, worst) {
            worst = exit;
        }
    }
    worst
}

/// Of several specs the gravest outcome counts: wrong, failed, refuted, inconclusive.
fn graver(a: Exit, b: Exit) -> bool {
    let rank = |e: Exit| {
        [Exit::Done, Exit::Inconclusive, Exit::Refuted, Exit::RunFailed, Exit::WrongSpec].iter().position(|x| *x == e)
    };
    rank(a) > rank(b)
}

/// Checks, trains and reports one spec.
fn trained(
    path: &str,
    options: &driver::Options,
    writing: &Writing,
    out: &mut Output,
) -> Result<crate::train::Done, Exit> {
    let mut c = checked(path, options, out)?;
    if writing.tells_of_the_spec() {
        crate::describe::spec(&mut c, options);
    }
    if c.experiments.is_empty() && c.questions.is_empty() {
        out.note("nothing to run: the spec has no experiment\n");
    }
    let done = crate::train::train(&mut c, options, out).map_err(|diags| {
        report(&diags, &c.sources, out);
        Exit::RunFailed
    })?;
    report(&done.problems, &c.sources, out);
    super::writing::write(&done.report, writing, out)?;
    Ok(done)
}

pub(super) fn report_stored(args: ReportArgs, out: &mut Output) -> Exit {
    let options = driver::Options { store: args.store.clone(), ..options(&args.selection, None) };
    let mut c = match checked(&args.file, &options, out) {
        Ok(c) => c,
        Err(exit) => return exit,
    };
    if args.writing.tells_of_the_spec() {
        crate::describe::spec(&mut c, &options);
    }
    match crate::train::stored(&mut c, &options) {
        Ok(done) => {
            report(&done.problems, &c.sources, out);
            match super::writing::write(&done.report, &args.writing, out) {
                Ok(()) => Exit::Done,
                Err(exit) => exit,
            }
        }
        Err(diags) => {
            report(&diags, &c.sources, out);
            Exit::RunFailed
        }
    }
}

pub(super) fn ended(done: &crate::train::Done) -> Exit {
    match (done.interrupted, done.failed) {
        (true, _) => Exit::Interrupted,
        (_, true) => Exit::RunFailed,
        _ => Exit::Done,
    }
}

/// Loads a spec and reports what is wrong with it; goes on only if nothing is.
pub(super) fn checked(path: &str, options: &driver::Options, out: &mut Output) -> Result<driver::Compilation, Exit> {
    let mut c = driver::load(path, options);
    let diags = std::mem::take(&mut c.diagnostics);
    let wrong = diags.has_errors();
    let diags = diags.sorted();
    report(&diags, &c.sources, out);
    c.about.notes = crate::describe::notes(&diags, &c.sources);
    if wrong { Err(Exit::WrongSpec) } else { Ok(c) }
}

pub(super) fn plan(args: OneSpec, out: &mut Output) -> Exit {
    let mut c = match checked(&args.file, &options(&args.selection, None), out) {
        Ok(c) => c,
        Err(exit) => return exit,
    };
    for x in &mut c.experiments {
        match driver::plans(x) {
            Ok(shared) => {
                for s in shared {
                    out.data(&crate::plan::print::text(&s.plan, &c.sources));
                }
            }
            Err(m) => {
                out.error(&format!("error: this spec cannot be compiled: {m}\n"));
                return Exit::RunFailed;
            }
        }
    }
    Exit::Done
}

pub(super) fn graph(args: GraphArgs, out: &mut Output) -> Exit {
    let c = match checked(&args.file, &options(&args.selection, None), out) {
        Ok(c) => c,
        Err(exit) => return exit,
    };
    let diagrams = crate::describe::diagrams(&c);
    if diagrams.is_empty() {
        out.note("nothing to draw: the spec has no experiment\n");
        return Exit::Done;
    }
    out.data(&match args.format {
        GraphFormat::Svg => diagram::standalone(&diagrams),
        GraphFormat::Dot => diagram::dot(&diagrams),
        GraphFormat::Mermaid => diagram::mermaid(&diagrams),
    });
    Exit::Done
}

pub(super) fn diff(args: DiffArgs, out: &mut Output) -> Exit {
    let options = options(&args.selection, None);
    let sides = crate::diff::side(&args.old, &args.new, &options)
        .and_then(|a| Ok((a, crate::diff::side(&args.new, &args.old, &options)?)));
    let (mut a, mut b) = match sides {
        Ok(sides) => sides,
        Err(m) => {
            out.error(&format!("error: {m}\n"));
            return Exit::WrongCommand;
        }
    };
    let mut wrong = false;
    for side in [&mut a, &mut b] {
        let diags = std::mem::take(&mut side.c.diagnostics);
        if diags.has_errors() {
            report(&diags.sorted(), &side.c.sources, out);
            wrong = true;
        }
    }
    if wrong {
        return Exit::WrongCommand;
    }
    match crate::diff::compare(&mut a.c, &mut b.c) {
        Ok(d) => {
            match args.format {
                Format::Human => out.data(&d.text()),
                Format::Json => out.json(&d.json()),
            }
            if d.same { Exit::Done } else { Exit::WrongSpec }
        }
        Err(m) => {
            out.error(&format!("error: {m}\n"));
            Exit::WrongCommand
        }
    }
}

pub(super) fn dump(args: DumpArgs, out: &mut Output) -> Exit {
    if args.stage == Stage::Ast {
        return dump_ast(&args.file, out);
    }
    let mut c = match checked(&args.file, &options(&args.selection, None), out) {
        Ok(c) => c,
        Err(exit) => return exit,
    };
    match args.stage {
        Stage::Ast => {}
        Stage::Ir => out.data(&crate::ir::print::text(&c.program)),
        Stage::Model => {
            for m in c.experiments.iter().flat_map(|x| x.models.iter().flatten()) {
                out.data(&crate::model::print::text(m));
            }
        }
        Stage::Plan => {
            for x in &mut c.experiments {
                for s in driver::plans(x).unwrap_or_default() {
                    out.data(&crate::plan::print::text(&s.plan, &c.sources));
                }
            }
        }
    }
    Exit::Done
}

/// The tree of one file, as its canonical form does not show it: how things hang together.
fn dump_ast(path: &str, out: &mut Output) -> Exit {
    let mut sources = SourceMap::default();
    let mut diags = Diagnostics::default();
    let (file, fault) = crate::input::read(path, &mut sources);
    fault.into_iter().for_each(|d| diags.push(d));
    let text = sources.file(file).text.clone();
    if diags.is_empty() {
        let tree = parse(file, &text, &mut diags);
        out.data(&format!("{tree:#?}\n"));
    }
    let wrong = diags.has_errors();
    report(&diags.sorted(), &sources, out);
    if wrong { Exit::WrongSpec } else { Exit::Done }
}

pub(super) fn doc(args: DocArgs, out: &mut Output) -> Exit {
    match args.name.as_deref().map(crate::manual::page) {
        None => out.data(&crate::manual::contents()),
        Some(Ok(page)) => out.data(&page),
        Some(Err(m)) => {
            out.error(&format!("error: {m}\n"));
            return Exit::WrongCommand;
        }
    }
    Exit::Done
}

pub(super) fn profile(args: ProfileArgs, out: &mut Output) -> Exit {
    let (files, rules): (Vec<String>, Vec<String>) = args.words.into_iter().partition(|w| is_file(w));
    if files.len() > 1 {
        out.error(&format!("error: one spec at a time, and these are {}: {}\n", files.len(), files.join(", ")));
        return Exit::WrongCommand;
    }
    let found = match files.first() {
        Some(file) => {
            let c = match checked(file, &options(&args.selection, None), out) {
                Ok(c) => c,
                Err(exit) => return exit,
            };
            let profiles = crate::profile::of_spec(&c, &rules, args.on.as_deref());
            profiles.map(|p| (c.sources, p))
        }
        None if args.on.is_some() => Err("`--on` names an architecture of a spec: give the spec as well".to_string()),
        None => crate::profile::of_library(&rules),
    };
    match (found, args.format) {
        (Err(m), _) => {
            out.error(&format!("error: {m}\n"));
            return Exit::WrongCommand;
        }
        (Ok((sources, p)), ProfileFormat::Human) => out.data(&crate::profile::text(&p, &sources)),
        (Ok((_, p)), ProfileFormat::Markdown) => out.data(&crate::profile::markdown(&p)),
        (Ok((sources, p)), ProfileFormat::Json) => out.json(&crate::profile::json(&p, &sources)),
    }
    Exit::Done
}

/// Whether a word of `profile` is a spec and not the name of a rule.
fn is_file(word: &str) -> bool {
    word == "-" || word.contains(['/', '\\', '.'])
}

pub(super) fn fmt(args: FmtArgs, out: &mut Output) -> Exit {
    let mut sources = SourceMap::default();
    let mut diags = Diagnostics::default();
    let mut exit = Exit::Done;
    for path in &args.files {
        let (file, fault) = crate::input::read(path, &mut sources);
        if let Some(d) = fault {
            diags.push(d);
            continue;
        }
        let text = sources.file(file).text.clone();
        let mut faults = Diagnostics::default();
        let tree = parse(file, &text, &mut faults);
        let damaged = faults.has_errors();
        diags.extend(faults);
        // What cannot be read is left as it is: its canonical form would lack what was not understood.
        if damaged {
            continue;
        }
        let canonical = print::format(&tree, &text);
        if args.check {
            if canonical != text {
                out.data(&format!("{}\n", sources.file(file).name));
                exit = Exit::WrongSpec;
            }
        } else if path == "-" {
            out.data(&canonical);
        } else if canonical != text
            && let Err(e) = replace(Path::new(path), &canonical)
        {
            out.error(&format!("error: `{path}` cannot be written: {e}\n"));
            exit = Exit::RunFailed;
        }
    }
    let wrong = diags.has_errors();
    report(&diags.sorted(), &sources, out);
    if wrong { Exit::WrongSpec } else { exit }
}

/// Puts `text` in the place of a file in one step, so that a crash leaves either the old text or the new one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    // The file behind a link is rewritten, not the link.
    let path = path.canonicalize()?;
    let permissions = std::fs::metadata(&path)?.permissions();
    if permissions.readonly() {
        return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, "it is read-only"));
    }
    let mut temporary = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().set_permissions(permissions)?;
    temporary.persist(&path)?;
    Ok(())
}

pub(super) fn explain(args: ExplainArgs, out: &mut Output) -> Exit {
    let Some(name) = args.code else {
        let lines = codes::ALL.iter().map(|c| format!("{c}  {:<8} {}\n", c.severity().word(), c.title()));
        out.data(&lines.collect::<String>());
        return Exit::Done;
    };
    match Code::find(name.trim().trim_matches(['[', ']'])) {
        Some(code) => {
            out.data(code.page());
            Exit::Done
        }
        None => {
            let help = match did_you_mean(&name, codes::ALL.iter().map(|c| c.name())) {
                Some(near) => format!("; did you mean {near}?"),
                None => "; `trine explain` lists all codes".to_owned(),
            };
            out.error(&format!("error: no diagnostic has the code `{name}`{help}\n"));
            Exit::WrongCommand
        }
    }
}

pub(super) fn completions(args: CompletionsArgs, out: &mut Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "trine", &mut script);
    out.data(&String::from_utf8_lossy(&script));
    Exit::Done
}

/// Writes diagnostics for a person, and how many there were.
pub(super) fn report(diags: &[Diagnostic], sources: &SourceMap, out: &mut Output) {
    let told = |d: &&Diagnostic| !out.quiet || d.severity() == Severity::Error;
    let diags: Vec<Diagnostic> = diags.iter().filter(told).cloned().collect();
    if diags.is_empty() {
        return;
    }
    let look = out.error_look();
    out.error(&render::render_with(&diags, sources, look));
    let count = |s: Severity| diags.iter().filter(|d| d.severity() == s).count();
    let counts: Vec<String> = [(count(Severity::Error), "error"), (count(Severity::Warning), "warning")]
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {}", plural(*n, word)))
        .collect();
    let first = diags.iter().map(|d| (d.severity(), d.code)).min().map(|(_, c)| c.name()).unwrap_or_default();
    out.note(&format!("\n{}; `trine explain {first}` says more\n", counts.join(", ")));
}

fn plural(n: usize, word: &str) -> String {
    if n == 1 { word.to_owned() } else { format!("{word}s") }
}

/// What the pipeline needs to know of the command line.
pub(super) fn options(selection: &Selection, machine: Option<&Machine>) -> driver::Options {
    driver::Options {
        set: selection.set.clone(),
        experiment: selection.experiment.clone(),
        seeds: selection.seeds,
        jobs: machine.and_then(|m| m.jobs),
        threads: machine.and_then(|m| m.threads),
        device: machine.map_or("cpu".to_owned(), |m| m.device.clone()),
        store: machine.and_then(|m| m.store.clone()),
        keep: machine.map(|m| m.checkpoint),
    }
}
