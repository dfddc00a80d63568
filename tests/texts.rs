//! Tests that are texts: every heading of `tests/**/*.md` with a `trine` block and what a stage makes of it, every
//! `trine` and `console` block of the documentation, and every page of `docs/errors/`.
//!
//! Every message that any of these texts raises has a help: a way out is a part of what is said.
//!
//! `UPDATE=1 cargo test --test texts` writes what came out into the expectations; otherwise they are compared. In an
//! expectation a line `...` stands for any lines, and `...` within a line for any text.
//!
//! | file | block | what is tested |
//! |---|---|---|
//! | tests/ | `trine`, then `errors`, `ast`, `types`, `model`, `plan`, `profile`, `report` | the block is what that stage prints |
//! | tests/ | `trine` alone, or without `errors` | no errors |
//! | docs/errors/T*.md | first `trine` block; those after it | raises that code and no other; raises nothing |
//! | docs/, README.md | `trine`; `trine errors`; `trine fragment` | no errors; errors; nothing |
//! | everywhere | `console` with lines `$ trine ...` | the commands print that, run beside the section's `spec.trine` |

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use libtest_mimic::{Arguments, Failed, Trial};

/// What the tests ask of the compiler. The file is always called `spec.trine`.
mod pipeline {
    /// All diagnostics of a text as `render_plain` writes them, with the codes that occur, errors apart.
    pub struct Checked {
        pub plain: String,
        pub errors: Vec<String>,
        pub warnings: Vec<String>,
        /// Messages without a way out.
        pub helpless: Vec<String>,
    }

    /// Diagnostics whose code begins so can be raised by a text alone.
    pub const RAISED: &str = "T";

    pub fn check(text: &str) -> Option<Checked> {
        let c = trine::driver::check_text("spec.trine", text);
        Some(summary(&c.diagnostics.sorted(), &c.sources))
    }

    /// The canonical form of a text without faults of syntax.
    pub fn canonical(text: &str) -> Option<String> {
        let mut diags = trine::diag::Diagnostics::default();
        let tree = trine::syntax::parse::parse(trine::source::FileId(0), text, &mut diags);
        (!diags.has_errors()).then(|| trine::syntax::print::format(&tree, text))
    }

    /// What a stage (`ast`, `types`, `model`, `plan`, `profile`, `report`) prints of a text without errors.
    pub fn stage(stage: &str, text: &str) -> Option<String> {
        let c = trine::driver::check_text("spec.trine", text);
        match stage {
            "types" => Some(trine::ir::print::text(&c.program)),
            "model" => {
                let models = c.experiments.iter().flat_map(|x| x.models.iter().flatten());
                Some(models.map(trine::model::print::text).collect::<Vec<_>>().join("\n"))
            }
            _ => None,
        }
    }

    pub fn summary(diags: &[trine::diag::Diagnostic], sources: &trine::source::SourceMap) -> Checked {
        let of = |severity| {
            let codes = diags.iter().filter(|d| d.severity() == severity).map(|d| d.code.name().to_owned());
            codes.collect()
        };
        Checked {
            plain: trine::diag::render::render_plain(diags, sources),
            errors: of(trine::diag::Severity::Error),
            warnings: of(trine::diag::Severity::Warning),
            helpless: diags
                .iter()
                .filter(|d| d.way_out(sources).is_none_or(|h| h.trim().is_empty()))
                .map(|d| format!("{}: {}", d.code.name(), d.message))
                .collect(),
        }
    }
}

const STAGES: [&str; 6] = ["ast", "types", "model", "plan", "profile", "report"];
/// Stages and commands that train, which needs the engine.
const TRAINS: [&str; 5] = ["report", "trine run ", "trine test ", "trine-engine", "trine report "];

fn main() {
    let mut args = Arguments::from_args();
    // A text test is one thread's work; the engine has its own.
    args.test_threads.get_or_insert(2);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["tests", "docs"] {
        markdown_files(&root.join(folder), &mut files);
    }
    files.push(root.join("README.md"));
    files.sort();
    let mut trials = Vec::new();
    for file in files {
        if let Ok(text) = std::fs::read_to_string(&file) {
            let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            trials_of(&name, &file, &text, &mut trials);
        }
    }
    let conclusion = libtest_mimic::run(&args, trials);
    write_updates();
    conclusion.exit();
}

fn markdown_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            markdown_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "md") {
            out.push(path);
        }
    }
}

/// A fenced block of a Markdown file.
#[derive(Clone, Debug)]
struct Block {
    /// The words after the fence: the language first.
    info: Vec<String>,
    text: String,
    /// The lines of the file (from 0) between the fences.
    lines: std::ops::Range<usize>,
    /// The heading above.
    heading: String,
    /// What stands between the fence and the margin, on every line (a block in a list).
    indent: String,
}

impl Block {
    fn is(&self, language: &str) -> bool {
        self.info.first().is_some_and(|i| i == language)
    }

    fn says(&self, word: &str) -> bool {
        self.info.iter().skip(1).any(|i| i == word)
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut heading = String::new();
    let mut open: Option<(Block, String)> = None;
    for (i, line) in text.lines().enumerate() {
        let inner = line.trim_start();
        if let Some((block, fence)) = &mut open {
            if inner.trim_end() == fence.as_str() {
                block.lines.end = i;
                blocks.extend(open.take().map(|(b, _)| b));
            } else {
                block.text.push_str(line.strip_prefix(block.indent.as_str()).unwrap_or(inner));
                block.text.push('\n');
            }
        } else if inner.starts_with("```") {
            let fence: String = inner.chars().take_while(|c| *c == '`').collect();
            let info = inner[fence.len()..].split_whitespace().map(str::to_owned).collect();
            let indent = line[..line.len() - inner.len()].to_owned();
            let block = Block { info, text: String::new(), lines: i + 1..i + 1, heading: heading.clone(), indent };
            open = Some((block, fence));
        } else if line.starts_with('#') {
            heading = line.trim_start_matches('#').trim().to_owned();
        }
    }
    blocks
}

/// One test: what to compare with what, and how to say which it is.
struct Case {
    file: PathBuf,
    spec: Option<Block>,
    expected: Vec<Block>,
    kind: Kind,
}

#[derive(Clone, PartialEq)]
enum Kind {
    /// Of tests/: the spec and its expectations.
    Expectations,
    /// Raises this code and no other.
    Raises(String),
    /// Raises nothing, not even a warning.
    Clean,
    /// Raises no error.
    Fine,
    /// Raises some error.
    Wrong,
}

fn trials_of(name: &str, file: &Path, text: &str, trials: &mut Vec<Trial>) {
    let code = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let is_page = name.starts_with("docs/errors/") && code.starts_with('T');
    let is_test = name.starts_with("tests/");
    let mut cases: Vec<Case> = Vec::new();
    let mut first = true;
    for block in blocks(text) {
        let new = |spec, expected, kind| Case { file: file.to_owned(), spec, expected, kind };
        if block.is("trine") && !block.says("fragment") {
            let kind = match (is_test, is_page) {
                (true, _) => Kind::Expectations,
                (_, true) if first && code.starts_with(pipeline::RAISED) => Kind::Raises(code.clone()),
                (_, true) => Kind::Clean,
                _ if block.says("errors") => Kind::Wrong,
                _ => Kind::Fine,
            };
            first = false;
            cases.push(new(Some(block), vec![], kind));
        } else if block.is("text") && is_page {
            // A page without a spec: what its code is about happens in a run.
            first = false;
        } else if block.is("console") && !is_transcript(&block) {
        } else if block.is("console") || is_test && expects(&block) {
            let near = cases.iter().rposition(|c| heading_of(c) == block.heading && c.kind == Kind::Expectations);
            match (near, is_test) {
                (Some(at), true) => cases[at].expected.push(block),
                _ => {
                    let spec = cases.iter().rev().find(|c| heading_of(c) == block.heading);
                    let spec = spec.and_then(|c| c.spec.clone());
                    cases.push(new(spec, vec![block], Kind::Expectations));
                }
            }
        }
    }
    let mut seen = std::collections::HashMap::<String, usize>::new();
    for case in cases {
        let title = format!("{name}: {}", heading_of(&case));
        let count = seen.entry(title.clone()).and_modify(|n| *n += 1).or_insert(1);
        let title = if *count > 1 { format!("{title} ({count})") } else { title };
        let idle = case.expected.iter().any(trains) && cfg!(not(feature = "torch"));
        trials.push(Trial::test(title, move || run(&case)).with_ignored_flag(idle));
    }
}

fn heading_of(case: &Case) -> &str {
    case.spec.iter().chain(&case.expected).next().map_or("", |b| b.heading.as_str())
}

fn expects(block: &Block) -> bool {
    block.is("errors") || STAGES.iter().any(|s| block.is(s))
}

fn trains(block: &Block) -> bool {
    block.is("report") || block.is("console") && TRAINS.iter().any(|t| block.text.contains(t))
}

/// Whether all commands of a console block are Trine's (set-up with make or cargo is not run).
fn is_transcript(block: &Block) -> bool {
    let mut commands = block.text.lines().filter_map(|l| l.strip_prefix("$ ")).peekable();
    commands.peek().is_some()
        && commands
            .all(|c| ["trine ", "echo ", "cat ", "printf ", "grep ", "sed "].iter().any(|word| c.starts_with(word)))
}

fn run(case: &Case) -> Result<(), Failed> {
    let text = case.spec.as_ref().map(|b| b.text.as_str());
    if let Some(text) = text {
        let whole = match case.kind {
            // The documentation may show an item without the line that opens a file.
            Kind::Fine | Kind::Wrong if !text.contains("language 0.") => format!("language 0.1\n\n{text}"),
            _ => text.to_owned(),
        };
        if let Some(checked) = pipeline::check(&whole) {
            let all: Vec<&String> = checked.errors.iter().chain(&checked.warnings).collect();
            let shown = &checked.plain;
            let expects_errors = case.expected.iter().any(|b| b.is("errors"));
            let fault = match &case.kind {
                Kind::Raises(code) if all.is_empty() => Some(format!("raises nothing instead of {code}")),
                Kind::Raises(code) if all.iter().any(|c| *c != code) => Some(format!("raises more than {code}")),
                Kind::Clean if !all.is_empty() => Some("raises something".to_owned()),
                Kind::Wrong if checked.errors.is_empty() => Some("is without errors".to_owned()),
                Kind::Fine if !checked.errors.is_empty() => Some("has errors".to_owned()),
                Kind::Expectations if !checked.errors.is_empty() && !expects_errors && !only_console(case) => {
                    Some("has errors and no `errors` block".to_owned())
                }
                _ => None,
            };
            let fault = fault.or_else(|| {
                let least = checked.helpless.first()?;
                Some(format!("raises a message without a help: {least}"))
            });
            if let Some(fault) = fault {
                return Err(format!("this spec {fault}:\n{shown}\n{whole}").into());
            }
        }
    }
    if let (Some(text), Kind::Raises(_) | Kind::Clean | Kind::Fine) = (text, &case.kind)
        && let Some(canonical) = pipeline::canonical(text)
        && canonical != text
    {
        return Err(format!("this spec is not in canonical form, which is:\n{canonical}").into());
    }
    let mut faults = String::new();
    for block in &case.expected {
        let spec = text.unwrap_or("");
        let actual = if block.is("console") {
            Some(console(block, text)?)
        } else if block.is("errors") {
            pipeline::check(spec).map(|c| c.plain)
        } else {
            pipeline::stage(&block.info[0], spec)
        };
        if let Some(actual) = actual
            && let Some(fault) = compare(case, block, &actual)
        {
            faults.push_str(&fault);
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.into()) }
}

fn only_console(case: &Case) -> bool {
    !case.expected.is_empty() && case.expected.iter().all(|b| b.is("console"))
}

/// Runs a transcript's commands in a folder with the section's spec and the examples, and writes it anew.
fn console(block: &Block, spec: Option<&str>) -> Result<String, Failed> {
    let folder = tempfile::tempdir()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if let Some(spec) = spec {
        std::fs::write(folder.path().join("spec.trine"), spec)?;
    }
    std::fs::create_dir(folder.path().join("examples"))?;
    for entry in std::fs::read_dir(root.join("examples")).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|e| e == "trine") {
            std::fs::copy(entry.path(), folder.path().join("examples").join(entry.file_name()))?;
        }
    }
    let program = Path::new(env!("CARGO_BIN_EXE_trine"));
    let mut path = program.parent().map(Path::as_os_str).unwrap_or_default().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut written = String::new();
    let mut status = 0;
    for command in block.text.lines().filter_map(|l| l.strip_prefix("$ ")) {
        written.push_str(&format!("$ {command}\n"));
        if command == "echo $?" {
            written.push_str(&format!("{status}\n"));
            continue;
        }
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("{{ {command}\n}} 2>&1"))
            .current_dir(folder.path())
            .env("PATH", &path)
            .env("LC_ALL", "C.UTF-8")
            // What was trained before must not hide what is trained now.
            .env_remove("TRINE_STORE")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .env_remove("RUST_BACKTRACE")
            .stdin(std::process::Stdio::null())
            .output()?;
        status = output.status.code().unwrap_or(-1);
        written.push_str(&String::from_utf8_lossy(&output.stdout));
        if !written.ends_with('\n') {
            written.push('\n');
        }
    }
    Ok(written)
}

/// A text whose expectation is to be rewritten.
struct Update {
    file: PathBuf,
    block: Block,
    text: String,
}

static UPDATES: Mutex<Vec<Update>> = Mutex::new(Vec::new());

fn compare(case: &Case, block: &Block, actual: &str) -> Option<String> {
    let clean = |t: &str| t.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned();
    let (expected, actual) = (clean(&block.text), clean(actual));
    if matches(&expected.lines().collect::<Vec<_>>(), &actual.lines().collect::<Vec<_>>()) {
        return None;
    }
    if std::env::var_os("UPDATE").is_some_and(|v| v == "1") {
        let update = Update { file: case.file.clone(), block: block.clone(), text: actual };
        UPDATES.lock().unwrap_or_else(|e| e.into_inner()).push(update);
        return None;
    }
    let diff = similar::TextDiff::from_lines(&expected, &actual);
    let mut shown = String::new();
    for change in diff.iter_all_changes() {
        shown.push_str(&format!("{}{}\n", change.tag(), change.value().trim_end_matches('\n')));
    }
    let info = block.info.first().map_or("", String::as_str);
    let place = format!("{}:{}", case.file.display(), block.lines.start);
    Some(format!("`{info}` differs at {place} (- expected, + came out; UPDATE=1 accepts what came out):\n{shown}\n"))
}

/// Whether lines match, where `...` stands for anything.
fn matches(expected: &[&str], actual: &[&str]) -> bool {
    match expected {
        [] => actual.is_empty(),
        [first, rest @ ..] if first.trim() == "..." => (0..=actual.len()).any(|n| matches(rest, &actual[n..])),
        [first, rest @ ..] => {
            actual.split_first().is_some_and(|(line, more)| line_matches(first, line) && matches(rest, more))
        }
    }
}

fn line_matches(expected: &str, actual: &str) -> bool {
    let mut parts = expected.split("...");
    let Some(mut rest) = parts.next().and_then(|head| actual.strip_prefix(head)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((tail, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(tail)
}

/// Writes the updates from the end of each file to its beginning, so that line numbers stay true.
fn write_updates() {
    let mut updates = UPDATES.lock().unwrap_or_else(|e| e.into_inner());
    updates.sort_by(|a, b| (&a.file, b.block.lines.start).cmp(&(&b.file, a.block.lines.start)));
    for update in updates.drain(..) {
        let Ok(text) = std::fs::read_to_string(&update.file) else { continue };
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let indent = &update.block.indent;
        let new = update.text.lines().map(|l| if l.is_empty() { String::new() } else { format!("{indent}{l}") });
        lines.splice(update.block.lines.clone(), new.collect::<Vec<_>>());
        match std::fs::write(&update.file, lines.join("\n") + "\n") {
            Ok(()) => eprintln!("updated {}:{}", update.file.display(), update.block.lines.start),
            Err(e) => eprintln!("cannot update {}: {e}", update.file.display()),
        }
    }
}
