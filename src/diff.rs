//! What differs in meaning between two specs: experiments, conditions, components and hypotheses; not layout.

use crate::driver::{self, Compilation, Options};
use crate::ir::ItemKind;
use crate::model::experiment::Model;
use crate::model::grid::Factor;
use crate::plan::Precision;
use crate::registration::{self, Change, Entry, Meanings};
use crate::source::Span;
use crate::syntax::ast::Choice;
use crate::syntax::parse::parse;
use crate::syntax::print;
use indexmap::IndexMap;
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One side of a comparison.
pub struct Side {
    pub c: Compilation,
    /// As the user named it.
    pub name: String,
    /// Files of another revision, as long as they are needed.
    _files: Option<tempfile::TempDir>,
}

/// Reads a side: a file, or `git:REV` (the other side's file at that revision) or `git:REV:FILE`.
pub fn side(name: &str, other: &str, options: &Options) -> Result<Side, String> {
    let Some(rest) = name.strip_prefix("git:") else {
        return Ok(Side { c: driver::load(name, options), name: name.into(), _files: None });
    };
    let (revision, file) = rest.split_once(':').unwrap_or((rest, other));
    if file.is_empty() || file.starts_with("git:") || file == "-" {
        return Err(format!("`{name}` does not say of which file: write git:{revision}:FILE"));
    }
    let (files, path) = checkout(revision, Path::new(file))?;
    let c = driver::load(&path.to_string_lossy(), options);
    Ok(Side { c, name: format!("{file} at {revision}"), _files: Some(files) })
}

/// The repository of a file as it was at a revision: what has changed since is written out, the rest is linked. So are files
/// that it does not hold, such as data.
fn checkout(revision: &str, file: &Path) -> Result<(tempfile::TempDir, PathBuf), String> {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name().ok_or("it is no file")?;
    let copies = tempfile::tempdir().map_err(|e| e.to_string())?;
    let line = |args: &[&str]| -> Result<String, String> {
        Ok(String::from_utf8_lossy(&git(folder, args)?).trim_end_matches('\n').to_string())
    };
    let top = PathBuf::from(line(&["rev-parse", "--show-toplevel"])?);
    let prefix = line(&["rev-parse", "--show-prefix"])?;
    // A revision is no option, whatever it begins with.
    let then = git(folder, &["ls-tree", "-r", "--name-only", "--full-tree", "-z", "--end-of-options", revision])?;
    let then = names(&then);
    let path = format!("{prefix}{}", name.to_string_lossy());
    if !then.contains(&path) {
        return Err(format!("{} is not in {revision}", file.display()));
    }
    let since =
        git(&top, &["diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", "--end-of-options", revision])?;
    for changed in names(&since).iter().filter(|p| then.contains(*p)) {
        let text = git(&top, &["cat-file", "blob", &format!("{revision}:{changed}")])?;
        let to = copies.path().join(changed);
        let made = to.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&to, text));
        made.map_err(|e| e.to_string())?;
    }
    // Folders without a change are linked as a whole, and a spec that is new may lie in one.
    let known = |path: &Path| path.strip_prefix(&top).is_ok_and(|p| then.contains(p.to_string_lossy().as_ref()));
    link(&top, copies.path(), &known).map_err(|e| e.to_string())?;
    let path = copies.path().join(path);
    Ok((copies, path))
}

/// Names that end in zeros.
fn names(listed: &[u8]) -> HashSet<String> {
    let all = listed.split(|b| *b == 0).filter(|n| !n.is_empty());
    all.map(|n| String::from_utf8_lossy(n).into_owned()).collect()
}

/// Links what is not there yet, and in folders that are there what they lack; a spec that is not `known` is left out.
fn link(from: &Path, to: &Path, known: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if target.is_dir() && path.is_dir() {
            link(&path, &target, known)?;
        } else if entry.file_name() != ".git"
            && !target.exists()
            && (path.extension().is_none_or(|e| e != "trine") || known(&path))
            // What leads nowhere is nobody's data.
            && let Ok(path) = path.canonicalize()
        {
            std::os::unix::fs::symlink(path, target)?;
        }
    }
    Ok(())
}

fn git(folder: &Path, args: &[&str]) -> Result<Vec<u8>, String> {
    let out = Command::new("git").arg("-C").arg(folder).args(args).output();
    let out = out.map_err(|e| format!("git cannot be started: {e}"))?;
    match out.status.success() {
        true => Ok(out.stdout),
        false => {
            let text = String::from_utf8_lossy(&out.stderr);
            Err(format!("git: {}", text.lines().next().unwrap_or("it failed").trim_start_matches("fatal: ")))
        }
    }
}

/// All that differs, under the heading of what it differs in.
#[derive(Debug, Default, PartialEq)]
pub struct Differences {
    /// Both mean the same.
    pub same: bool,
    pub sections: Vec<Section>,
}

#[derive(Debug, Default, PartialEq)]
pub struct Section {
    /// `experiment credit, condition fa`
    pub title: String,
    pub lines: Vec<Line>,
}

/// One thing: what it was and what it is; lines of text have one of the two.
#[derive(Debug, PartialEq)]
pub struct Line {
    pub what: String,
    pub was: Option<String>,
    pub is: Option<String>,
}

/// What is known of one side before its plans are made.
struct Facts {
    items: IndexMap<String, String>,
    experiments: IndexMap<String, Experiment>,
    meanings: Meanings,
    entries: Vec<Entry>,
}

struct Experiment {
    facts: IndexMap<String, String>,
    /// Conditions of which something is tuned.
    tuned: HashSet<String>,
    conditions: IndexMap<String, IndexMap<String, String>>,
}

/// Compares two sound specs.
pub fn compare(a: &mut Compilation, b: &mut Compilation) -> Result<Differences, String> {
    let (a, b) = (facts(a)?, facts(b)?);
    let mut out = Differences {
        same: registration::meaning(&a.meanings, &a.entries) == registration::meaning(&b.meanings, &b.entries),
        sections: vec![],
    };
    if out.same {
        return Ok(out);
    }
    for (name, was, is) in both(&a.experiments, &b.experiments) {
        match (was, is) {
            (Some(was), Some(is)) => experiment(name, was, is, &a, &b, &mut out),
            (was, is) => out.section(&format!("experiment {name}"), vec![presence(was.is_some(), is.is_some())]),
        }
    }
    for (name, change) in registration::compare(&a.entries, &b.entries).0 {
        let of = |entries: &[Entry]| entries.iter().find(|e| e.name == name).map(|e| e.statements.join("\n"));
        let lines = match change {
            Change::Same => continue,
            Change::Gone => vec![presence(true, false)],
            Change::MoreSeeds | Change::FewerSeeds => continue,
            Change::Meaning => {
                let lines = text_lines(&of(&a.entries).unwrap_or_default(), &of(&b.entries).unwrap_or_default());
                match lines.is_empty() {
                    true => vec![line("reads", "other runs than before", None)],
                    false => lines,
                }
            }
        };
        out.section(&format!("hypothesis {name}"), lines);
    }
    for new in registration::compare(&a.entries, &b.entries).1 {
        out.section(&format!("hypothesis {new}"), vec![presence(false, true)]);
    }
    for (name, was, is) in both(&a.items, &b.items) {
        // Experiments and hypotheses were told of above, by what they mean.
        // What is imported is told of where it is used.
        if ["experiment ", "hypothesis ", "use "].iter().any(|w| name.starts_with(w)) {
            continue;
        }
        let lines = match (was, is) {
            (Some(was), Some(is)) => text_lines(was, is),
            (was, is) => vec![presence(was.is_some(), is.is_some())],
        };
        out.section(name, lines);
    }
    Ok(out)
}

fn experiment(name: &str, was: &Experiment, is: &Experiment, a: &Facts, b: &Facts, out: &mut Differences) {
    out.section(&format!("experiment {name}"), changes(&was.facts, &is.facts));
    let meaning =
        |f: &Facts, condition: usize| f.meanings.iter().find(|m| m.0 == name).and_then(|m| m.1.get(condition).cloned());
    for (condition, before, after) in both(&was.conditions, &is.conditions) {
        let title = match condition.as_str() {
            "" => format!("experiment {name}"),
            c => format!("experiment {name}, condition {c}"),
        };
        let (Some(before), Some(after)) = (before, after) else {
            out.section(&title, vec![presence(before.is_some(), after.is_some())]);
            continue;
        };
        let mut lines = changes(before, after);
        let place = |e: &Experiment| e.conditions.get_index_of(condition);
        let old = place(was).and_then(|i| meaning(a, i));
        let new = place(is).and_then(|i| meaning(b, i));
        if let (Some(old), Some(new)) = (old, new) {
            let named = |m: &crate::plan::meaning::Meaning| -> IndexMap<String, String> {
                let pairs = m.names.iter().flatten().zip(m.measures.iter().flatten());
                pairs.map(|(n, h)| (n.clone(), h.to_hex().to_string())).collect()
            };
            // Measures of other runs differ because these do.
            if old.training != new.training {
                let both = was.tuned.contains(condition) && is.tuned.contains(condition);
                lines.push(match both {
                    true => line(
                        "choice",
                        "is made anew: of what was trained, the candidates that both have are used",
                        None,
                    ),
                    false => line("runs", "are others: nothing of what was trained is used", None),
                });
            } else {
                for (measure, x, y) in both(&named(&old), &named(&new)) {
                    if x != y {
                        let what = match (x, y) {
                            (Some(_), Some(_)) => "measures something else",
                            (Some(_), None) => "is gone",
                            _ => "is new",
                        };
                        lines.push(line(&format!("measure {measure}"), what, None));
                    }
                }
            }
        }
        out.section(&title, lines);
    }
}

impl Differences {
    fn section(&mut self, title: &str, lines: Vec<Line>) {
        if lines.is_empty() {
            return;
        }
        match self.sections.iter_mut().find(|s| s.title == title) {
            Some(s) => s.lines.extend(lines),
            None => self.sections.push(Section { title: title.into(), lines }),
        }
    }

    pub fn text(&self) -> String {
        if self.same {
            return String::new();
        }
        let mut out = String::new();
        for s in &self.sections {
            out.push_str(&format!("{}\n", s.title));
            let named = s.lines.iter().filter(|l| !l.what.is_empty());
            let width = named.map(|l| l.what.chars().count()).max().unwrap_or(0);
            for l in &s.lines {
                let text = match (&l.was, &l.is) {
                    (Some(was), Some(is)) => format!("  {:<width$}  {was} -> {is}", l.what),
                    (Some(was), None) if l.what.is_empty() => format!("  - {was}"),
                    (None, Some(is)) if l.what.is_empty() => format!("  + {is}"),
                    (Some(was), None) => format!("  {:<width$}  {was}", l.what),
                    (None, is) => format!("  {:<width$}  {}", l.what, is.as_deref().unwrap_or_default()),
                };
                out.push_str(text.trim_end());
                out.push('\n');
            }
        }
        if self.sections.is_empty() {
            out.push_str("the numbers mean something else, and nothing in the texts shows it: data have changed\n");
        }
        out
    }

    pub fn json(&self) -> Value {
        let line = |l: &Line| json!({ "what": l.what, "was": l.was, "is": l.is });
        let section = |s: &Section| json!({ "in": s.title, "changes": s.lines.iter().map(line).collect::<Vec<_>>() });
        json!({
            "schema": "trine-diff/1",
            "same": self.same,
            "differences": self.sections.iter().map(section).collect::<Vec<_>>(),
        })
    }
}

fn facts(c: &mut Compilation) -> Result<Facts, String> {
    let items = items(c);
    let experiments = c.experiments.iter().map(|x| {
        let mut facts = IndexMap::new();
        if let ItemKind::Experiment(declared) = &x.item.kind {
            let varies =
                |f: &Factor, e: Span| f.choice == Choice::Vary && e.start <= f.span.start && f.span.end <= e.end;
            let varied = |e: Span| x.factors.iter().any(|f| f.span.file == e.file && varies(f, e));
            for (name, (e, _)) in declared.settings.iter().filter(|(_, (e, _))| !varied(e.span)) {
                facts.insert(name.clone(), print::expr_text(e));
            }
        }
        facts.insert("seeds".into(), x.seeds.to_string());
        let models = x.conditions.iter().zip(&x.models);
        let conditions = models.map(|(condition, m)| {
            let mut own: IndexMap<String, String> = condition.settings.iter().cloned().collect();
            own.extend(m.iter().flat_map(of_model));
            (condition.name(), own)
        });
        let tuned = x.conditions.iter().filter(|c| !c.tuned.is_empty()).map(|c| c.name()).collect();
        (x.item.name.clone(), Experiment { facts, tuned, conditions: conditions.collect() })
    });
    let experiments = experiments.collect();
    let (meanings, entries) =
        crate::train::meanings(c).map_err(|d| d.first().map(|d| d.message.clone()).unwrap_or_default())?;
    Ok(Facts { items, experiments, meanings, entries })
}

/// What a person would look at first in a condition.
fn of_model(m: &Model) -> Vec<(String, String)> {
    let length = match m.length {
        crate::plan::Length::Epochs(n) => format!("{n} epochs"),
        crate::plan::Length::Steps(n) => format!("{n} steps"),
    };
    let precision = if m.precision == Precision::Float64 { "float64" } else { "float32" };
    let mut out: Vec<(String, String)> = vec![
        ("train".into(), length),
        ("batch".into(), m.batch.to_string()),
        ("precision".into(), precision.into()),
        ("parameters".into(), m.net.parameters().map_or("?".into(), |n| n.to_string())),
    ];
    for p in &m.net.populations {
        let axes: Vec<String> = p.shape.iter().map(|a| a.to_string()).collect();
        let kind = if p.input {
            "input"
        } else if p.output {
            "output"
        } else {
            "population"
        };
        out.push((format!("{kind} {}", p.name), format!("[{}]", axes.join(", "))));
    }
    for e in &m.net.edges {
        let name = |i: crate::model::network::PopId| m.net.pop(i).name.clone();
        let frozen = if e.frozen { ", frozen" } else { "" };
        out.push((format!("edge {} -> {}", name(e.pre), name(e.post)), format!("{}{frozen}", e.projection)));
    }
    out
}

/// The declarations of the user's files in canonical form, without comments.
fn items(c: &Compilation) -> IndexMap<String, String> {
    let mut out: IndexMap<String, String> = IndexMap::new();
    for (id, file) in c.sources.files() {
        if c.program.library.contains(&id) || file.name.starts_with("--set") || !file.name.ends_with(".trine") {
            continue;
        }
        let tree = parse(id, &file.text, &mut crate::diag::Diagnostics::default());
        let canonical = print::format(&tree, &file.text);
        let mut current = String::new();
        for text in canonical.lines() {
            let code = text.split(" # ").next().unwrap_or_default().trim_end();
            if code.trim().is_empty() || code.trim_start().starts_with('#') || code.starts_with("language ") {
                continue;
            }
            if code.starts_with(|ch: char| ch.is_alphabetic()) {
                let end = code.find(['(', '{', '"', ':', '=']).unwrap_or(code.len());
                let words: Vec<&str> = code[..end].split_whitespace().take(2).collect();
                current = words.join(" ");
            }
            let item = out.entry(current.clone()).or_default();
            item.push_str(code);
            item.push('\n');
        }
    }
    out
}

/// The names of both, those of the first in its order, then those that only the second has.
fn both<'a, T>(
    a: &'a IndexMap<String, T>,
    b: &'a IndexMap<String, T>,
) -> Vec<(&'a String, Option<&'a T>, Option<&'a T>)> {
    let mut all: Vec<_> = a.iter().map(|(n, x)| (n, Some(x), b.get(n))).collect();
    all.extend(b.iter().filter(|(n, _)| !a.contains_key(*n)).map(|(n, x)| (n, None, Some(x))));
    all
}

fn changes(a: &IndexMap<String, String>, b: &IndexMap<String, String>) -> Vec<Line> {
    let all = both(a, b).into_iter().filter(|(_, x, y)| x != y);
    all.map(|(what, x, y)| match (x, y) {
        (Some(x), Some(y)) => line(what, x, Some(y)),
        (Some(x), None) => line(what, &format!("{x}, is gone"), None),
        (None, y) => line(what, &format!("{}, is new", y.map_or("", String::as_str)), None),
    })
    .collect()
}

fn line(what: &str, was: &str, is: Option<&str>) -> Line {
    Line { what: what.into(), was: Some(was.into()), is: is.map(String::from) }
}

fn presence(was: bool, is: bool) -> Line {
    let word = if was && !is { "is gone" } else { "is new" };
    Line { what: word.into(), was: None, is: None }
}

fn text_lines(a: &str, b: &str) -> Vec<Line> {
    let mut out = Vec::new();
    for change in TextDiff::from_lines(a, b).iter_all_changes() {
        let text = Some(change.value().trim_end().to_string());
        match change.tag() {
            ChangeTag::Delete => out.push(Line { what: String::new(), was: text, is: None }),
            ChangeTag::Insert => out.push(Line { what: String::new(), was: None, is: text }),
            ChangeTag::Equal => {}
        }
    }
    out
}
