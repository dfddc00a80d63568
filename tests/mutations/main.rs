//! What a single fault is told as: over the examples and the specs of docs/language.md, faults of the kinds that people
//! make, and of each how many messages there are, whether the first one is at the fault and has a help, and whether a
//! fault was taken for something else in silence.
//!
//! `make test` puts in a few of each kind. The table of docs/messages.md is of `make mutations`; the streams are fixed, so
//! the faults are the same everywhere:
//!
//! ```text
//! cargo test --release --no-default-features --test mutations -- --ignored --nocapture
//! ```
//!
//! `SHOW=KIND` prints the faults of a kind that are told badly (`SHOW=all` of every kind), `EACH=N` puts in N of a kind.

mod spec;
mod thinking;
mod typing;

use spec::{Draw, Fault, Spec};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use trine::diag::{Code, Diagnostic, Severity};
use trine::driver::{self, Compilation};
use trine::registration;

/// A kind of fault, and one of it in a spec, if there can be one.
pub type Faults = (&'static str, fn(&Spec, &mut Draw) -> Option<Fault>);

/// Words that begin an item, that begin a statement, and that stand within one.
pub const ITEMS: [&str; 11] = [
    "language",
    "use",
    "architecture",
    "projection",
    "rule",
    "optimizer",
    "objective",
    "task",
    "experiment",
    "hypothesis",
    "function",
];
pub const STATEMENTS: [&str; 31] = [
    "for",
    "cell",
    "part",
    "dynamics",
    "population",
    "output",
    "weight",
    "state",
    "feedback",
    "noise",
    "free",
    "trace",
    "energy",
    "signal",
    "let",
    "phase",
    "each",
    "update",
    "move",
    "answer",
    "split",
    "source",
    "fixed",
    "draw",
    "stream",
    "measure",
    "expect",
    "claim",
    "target",
    "drive",
    "loss",
];
pub const MIDDLE: [&str; 34] = [
    "in", "where", "along", "by", "then", "else", "if", "vary", "tune", "from", "like", "of", "and", "or", "not",
    "with", "as", "minimize", "maximize", "on", "every", "at", "least", "seed", "seeds", "epoch", "needs", "avoids",
    "within", "settle", "relax", "sample", "true", "false",
];

/// What came of a fault.
#[derive(Default)]
struct Told {
    /// Errors; if there are none, warnings that were not there before.
    messages: usize,
    at_fault: bool,
    help: bool,
    /// Nothing was said of it, and it means something else.
    silent: bool,
    /// Nothing was said of it, and it means the same.
    harmless: bool,
    said: Vec<String>,
}

#[derive(Default)]
struct Row {
    told: usize,
    one: usize,
    at_fault: usize,
    help: usize,
    silent: usize,
    harmless: usize,
}

fn specs() -> Vec<Spec> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root.join("examples")).expect("there are examples").flatten().map(|f| f.path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "trine"));
    files.sort();
    let read = |f: &Path| std::fs::read_to_string(f).expect("it can be read");
    let named = |f: &PathBuf| f.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut all: Vec<Spec> = files.iter().map(|f| Spec::new(named(f), read(f))).collect();
    for (i, block) in read(&root.join("docs/language.md")).split("\n```trine\n").skip(1).enumerate() {
        let text = block.split("\n```").next().unwrap_or_default();
        if text.starts_with("language") {
            all.push(Spec::new(format!("language.md, spec {}", i + 1), format!("{text}\n")));
        }
    }
    // Of data that does not come with Trine nothing can be checked here.
    all.retain(|s| !compiled(&s.text).diagnostics.iter().any(|d| d.code == Code::T0501));
    all
}

fn kinds() -> Vec<Faults> {
    typing::KINDS.iter().chain(thinking::KINDS).copied().collect()
}

/// A number of faults of each kind: the numbers of spec and kind, and the fault.
fn faults(specs: &[Spec], each: usize) -> Vec<(usize, usize, Fault)> {
    let mut out = Vec::new();
    for (k, (name, make)) in kinds().into_iter().enumerate() {
        let mut known = HashSet::new();
        let (mut number, mut made) = (0, 0);
        while made < each && number < 40 * each {
            let mut draw = Draw::new(name, number);
            number += 1;
            let s = draw.below(specs.len());
            let Some(fault) = make(&specs[s], &mut draw) else { continue };
            if fault.text != specs[s].text && known.insert((s, fault.text.clone())) {
                made += 1;
                out.push((s, k, fault));
            }
        }
    }
    out
}

/// What a sound spec means; of one that only declares, its canonical text.
fn meaning(c: &mut Compilation, text: &str) -> String {
    let mut meanings = Vec::new();
    for x in &mut c.experiments {
        let Ok((_, found)) = driver::plans_and_meanings(x, &mut |_| String::new()) else { return String::new() };
        meanings.push((x.name.clone(), found.into_iter().map(std::sync::Arc::new).collect(), x.seeds));
    }
    let hypotheses = registration::hypotheses(c, &meanings);
    let of_runs = registration::meaning(&meanings, &hypotheses);
    let canonical = trine::syntax::print::format(&c.tree, text);
    let code = |l: &&str| !l.trim_start().starts_with('#') && !l.trim().is_empty();
    let canonical = canonical.lines().filter(code).collect::<Vec<_>>().join("\n");
    if meanings.is_empty() { canonical } else { of_runs }
}

fn compiled(text: &str) -> Compilation {
    driver::check_text("spec.trine", text)
}

/// What is said of a faulty text; `sound` is what the spec means, and how many warnings it has.
fn told(fault: &Fault, sound: &(String, usize)) -> Told {
    let mut c = compiled(&fault.text);
    let line = |d: &Diagnostic| c.sources.line_col(d.span().file, d.span().start as usize).line;
    let own = |d: &Diagnostic| c.sources.file(d.span().file).name == "spec.trine";
    let all = c.diagnostics.clone().sorted();
    let errors: Vec<&Diagnostic> = all.iter().filter(|d| d.severity() == Severity::Error).collect();
    let warnings: Vec<&Diagnostic> = all.iter().filter(|d| d.severity() == Severity::Warning).collect();
    let messages = if errors.is_empty() && warnings.len() > sound.1 { warnings } else { errors };
    let said = messages.iter().map(|d| {
        let help = d.help.as_deref().map_or(String::new(), |h| format!(" | {h}"));
        format!("{} line {}: {}{help}", d.code, line(d), d.message)
    });
    let mut out = Told { messages: messages.len(), said: said.collect(), ..Told::default() };
    if let Some(first) = messages.first() {
        out.at_fault = own(first) && fault.lines.contains(&line(first));
        out.help = first.help.is_some();
        return out;
    }
    out.harmless = meaning(&mut c, &fault.text) == sound.0;
    out.silent = !out.harmless;
    out
}

/// All faults, told of by a few threads.
fn tell(specs: &[Spec], faults: &[(usize, usize, Fault)]) -> Vec<Told> {
    const THREADS: usize = 2;
    let share = |t: usize| {
        let sound: Vec<(String, usize)> = specs.iter().map(sound).collect();
        let own = faults.iter().enumerate().filter(move |(i, _)| i % THREADS == t);
        own.map(|(i, (s, _, fault))| (i, told(fault, &sound[*s]))).collect::<Vec<_>>()
    };
    let share = &share;
    let mut all: Vec<(usize, Told)> = std::thread::scope(|scope| {
        // The name and the stack of the thread that the command line compiles on.
        let start = |t: usize| {
            let thread = std::thread::Builder::new().name(trine::syntax::parse::LARGE_STACK.into());
            thread.stack_size(256 << 20).spawn_scoped(scope, move || share(t)).expect("a thread can be had")
        };
        let threads: Vec<_> = (0..THREADS).map(start).collect();
        threads.into_iter().flat_map(|t| t.join().expect("nothing panics")).collect()
    });
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, t)| t).collect()
}

fn sound(spec: &Spec) -> (String, usize) {
    let mut c = compiled(&spec.text);
    let warnings = c.diagnostics.iter().filter(|d| d.severity() == Severity::Warning).count();
    let first = c.diagnostics.iter().find(|d| d.severity() == Severity::Error).map(|d| d.message.clone());
    assert_eq!(first, None, "{} is sound", spec.name);
    (meaning(&mut c, &spec.text), warnings)
}

fn rows(faults: &[(usize, usize, Fault)], told: &[Told]) -> Vec<Row> {
    let mut rows: Vec<Row> = kinds().iter().map(|_| Row::default()).collect();
    for ((_, k, _), t) in faults.iter().zip(told) {
        let row = &mut rows[*k];
        row.told += usize::from(t.messages > 0);
        row.one += usize::from(t.messages == 1);
        row.at_fault += usize::from(t.at_fault);
        row.help += usize::from(t.help);
        row.silent += usize::from(t.silent);
        row.harmless += usize::from(t.harmless);
    }
    rows
}

fn sum(rows: &[Row]) -> Row {
    rows.iter().fold(Row::default(), |a, b| Row {
        told: a.told + b.told,
        one: a.one + b.one,
        at_fault: a.at_fault + b.at_fault,
        help: a.help + b.help,
        silent: a.silent + b.silent,
        harmless: a.harmless + b.harmless,
    })
}

fn share(part: usize, of: usize) -> f64 {
    if of == 0 { 100.0 } else { 100.0 * part as f64 / of as f64 }
}

fn table(rows: &[Row]) -> String {
    let mut out = String::from(
        "| fault | told | one message | at the fault | with a help | means the same | silent |\n|---|--:|--:|--:|--:|--:|--:|\n",
    );
    let line = |name: &str, r: &Row| {
        let percent = |part: usize| format!("{:.0} %", share(part, r.told));
        let (one, at, help) = (percent(r.one), percent(r.at_fault), percent(r.help));
        format!("| {name} | {} | {one} | {at} | {help} | {} | {} |\n", r.told, r.harmless, r.silent)
    };
    for ((name, _), row) in kinds().iter().zip(rows) {
        out.push_str(&line(name, row));
    }
    let all = sum(rows);
    out.push_str(&line("**all**", &all));
    out
}

fn show(specs: &[Spec], faults: &[(usize, usize, Fault)], told: &[Told]) {
    let Ok(wanted) = std::env::var("SHOW") else { return };
    for ((s, k, fault), t) in faults.iter().zip(told) {
        let name = kinds()[*k].0;
        let faulty = t.silent || t.messages > 0 && (t.messages != 1 || !t.at_fault || !t.help);
        if !faulty || wanted != "all" && wanted != name {
            continue;
        }
        let mark = |is: bool, word: &'static str| if is { word } else { "" };
        println!(
            "{name}: {} line {:?}: {}{}{}{}{}",
            specs[*s].name,
            fault.lines,
            fault.change,
            mark(t.silent, " SILENT"),
            mark(t.messages > 1, " SEVERAL"),
            mark(t.messages > 0 && !t.at_fault, " ELSEWHERE"),
            mark(t.messages > 0 && !t.help, " HELPLESS"),
        );
        let line = fault.text.lines().nth(fault.lines[0].saturating_sub(1)).unwrap_or_default();
        println!("        {}", line.trim());
        t.said.iter().for_each(|s| println!("    {s}"));
    }
}

fn run(each: usize) -> Row {
    let specs = specs();
    let faults = faults(&specs, each);
    let told = tell(&specs, &faults);
    show(&specs, &faults, &told);
    let rows = rows(&faults, &told);
    println!("{} faults in {} specs\n\n{}", faults.len(), specs.len(), table(&rows));
    sum(&rows)
}

/// Two faults of each kind.
#[test]
fn a_fault_is_told_once_at_its_place() {
    let all = run(2);
    assert!(share(all.one, all.told) >= 90.0 && share(all.at_fault, all.told) >= 90.0);
}

#[test]
#[ignore = "takes minutes: make mutations"]
fn faults_of_every_kind() {
    let each = std::env::var("EACH").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    run(each);
}
