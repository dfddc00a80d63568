//! One function a command: take the arguments, call the pipeline, write what came out, say how it ended.

use std::path::Path;

use clap::CommandFactory;

use super::{
    CheckArgs, CheckFormat, Cli, CompletionsArgs, DocArgs, DumpArgs, Exit, ExplainArgs, FmtArgs, Machine, OneSpec,
    ProfileArgs, RunArgs, Selection, Stage, TestArgs,
};
use crate::diag::{Code, Diagnostic, Diagnostics, Severity, codes, did_you_mean, machine, render};
use crate::output::Output;
use crate::source::SourceMap;
use crate::syntax::parse::parse;
use crate::syntax::print;

pub(super) fn check(args: CheckArgs, out: &mut Output) -> Exit {
    let compilation = driver::check(&args.files, &options(&args.selection, None));
    let wrong = compilation.diagnostics.has_errors();
    let diags = compilation.diagnostics.sorted();
    match args.format {
        CheckFormat::Human => {
            report(&diags, &compilation.sources, out);
            if diags.is_empty() {
                let files = args.files.len();
                out.note(&format!("{files} {} checked: no errors\n", plural(files, "file")));
            }
        }
        CheckFormat::Json => out.data(&machine::render_json(&diags, &compilation.sources)),
        CheckFormat::Sarif => out.data(&machine::render_sarif(&diags, &compilation.sources)),
        CheckFormat::Github => out.data(&machine::render_github(&diags, &compilation.sources)),
    }
    if wrong { Exit::WrongSpec } else { Exit::Done }
}

pub(super) fn run(args: RunArgs, out: &mut Output) -> Exit {
    let _ = (options(&args.selection, Some(&args.machine)), args.format, &args.file);
    unwired("run", out)
}

pub(super) fn test(args: TestArgs, out: &mut Output) -> Exit {
    let _ = (options(&args.selection, Some(&args.machine)), args.format, &args.files);
    unwired("test", out)
}

pub(super) fn plan(args: OneSpec, out: &mut Output) -> Exit {
    let _ = (options(&args.selection, None), &args.file);
    unwired("plan", out)
}

pub(super) fn dump(args: DumpArgs, out: &mut Output) -> Exit {
    if args.stage == Stage::Ast {
        return dump_ast(&args.file, out);
    }
    let _ = options(&args.selection, None);
    unwired("dump", out)
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
    let _ = args.name;
    unwired("doc", out)
}

pub(super) fn profile(args: ProfileArgs, out: &mut Output) -> Exit {
    let (files, rules): (Vec<String>, Vec<String>) = args.words.into_iter().partition(|w| is_file(w));
    if files.len() > 1 {
        out.error(&format!("error: one spec at a time, and these are {}: {}\n", files.len(), files.join(", ")));
        return Exit::WrongCommand;
    }
    let _ = (options(&args.selection, None), rules, args.on, args.format);
    unwired("profile", out)
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
    if diags.is_empty() {
        return;
    }
    let look = out.error_look();
    out.error(&render::render_with(diags, sources, look));
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
fn options(selection: &Selection, machine: Option<&Machine>) -> driver::Options {
    driver::Options {
        set: selection.set.clone(),
        experiment: selection.experiment.clone(),
        seeds: selection.seeds,
        jobs: machine.and_then(|m| m.jobs),
        threads: machine.and_then(|m| m.threads),
        device: machine.map_or("cpu".to_owned(), |m| m.device.clone()),
        store: machine.and_then(|m| m.store.clone()),
    }
}

fn unwired(command: &str, out: &mut Output) -> Exit {
    out.error(&format!("error: `{command}` is not connected to the pipeline yet\n"));
    Exit::RunFailed
}

/// The pipeline as this file calls it. To connect it, delete this module and write `use crate::driver;` above.
mod driver {
    use super::*;

    #[derive(Clone, Debug, Default)]
    #[allow(dead_code)]
    pub struct Options {
        pub set: Vec<(String, String)>,
        pub experiment: Option<String>,
        pub seeds: Option<usize>,
        pub jobs: Option<usize>,
        pub threads: Option<usize>,
        pub device: String,
        pub store: Option<String>,
    }

    #[derive(Default)]
    pub struct Compilation {
        pub sources: SourceMap,
        pub diagnostics: Diagnostics,
    }

    pub fn check(paths: &[String], _options: &Options) -> Compilation {
        let mut c = Compilation::default();
        for path in paths {
            let (file, fault) = crate::input::read(path, &mut c.sources);
            match fault {
                Some(d) => c.diagnostics.push(d),
                None => {
                    let text = c.sources.file(file).text.clone();
                    parse(file, &text, &mut c.diagnostics);
                }
            }
        }
        c
    }
}
