//! Holds the house to its rules: which room may import which, how long a file may be, that no rule or optimizer is
//! known to Rust by name, that tables agree with what lies on disk.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The rooms of `src/`, each of which imports only rooms before it. `ops`, the table of primitives, is for everyone.
const ROOMS: [&str; 28] = [
    "source",
    "diag",
    "input",
    "output",
    "syntax",
    "ops",
    "std",
    "ir",
    "check",
    "model",
    "plan",
    "run",
    "store",
    "engine",
    "judge",
    "report",
    "manual",
    "driver",
    "profile",
    "describe",
    "cost",
    "registration",
    "train",
    "watch",
    "diff",
    "cli",
    "lsp",
    "main",
];

/// Arrows to the right that are meant: from, to, why.
const MEANT: [(&str, &str, &str); 5] = [
    ("check", "model", "a declaration is checked by elaborating it with symbols for its sizes"),
    ("driver", "profile", "a claim needs the rule's profile, and a profile the experiments of the spec"),
    ("model", "judge", "a claim is settled, and an expectation put into terms, where the model is known"),
    ("model", "plan", "where data comes from is said in the same words from the task to the engine"),
    ("model", "run", "a size that the spec leaves to a data file is read from the file's header"),
];

/// Who may name a library: the library, where, why there alone.
const LIBRARIES: [(&str, &str, &str); 7] = [
    ("kuva", "src/report/html/pictures.rs", "how plots are drawn is one file's business"),
    ("minijinja", "src/report/html/mod.rs", "only the page has a template"),
    ("tch", "src/engine/", "being linked to libtorch costs every start half a second"),
    ("torch_sys", "src/engine/", "as tch"),
    ("pest", "src/syntax/parse", "the grammar is read in one place"),
    ("miette", "src/diag/render.rs", "how diagnostics are drawn is one file's business"),
    ("clap", "src/cli", "the command line is described in one place"),
];

/// Words of the standard library that are ordinary words as well, and where Rust means the ordinary one.
const ORDINARY: [(&str, &str); 4] = [
    ("diagonal", "of a matrix"),
    ("digits", "the built-in data set, and the digits of a number in the grammar"),
    ("linear", "of an equation"),
    ("momentum", "a word of physics"),
];

const MOST_LINES: usize = 600;
const MOST_LINES_OF_A_FUNCTION: usize = 80;
const MOST_LINES_OF_A_SNAPSHOT: usize = 120;
const MOST_LINES_OF_AN_EXAMPLE: usize = 80;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder with one of these extensions: the path from the root, with `/`, and the text.
fn files(folder: &str, extensions: &[&str]) -> Vec<(String, String)> {
    fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { walk(&path, out) } else { out.push(path) }
        }
    }
    let mut paths = Vec::new();
    walk(&root().join(folder), &mut paths);
    paths.sort();
    let wanted = |p: &PathBuf| p.extension().is_some_and(|e| extensions.iter().any(|x| e == *x));
    let name = |p: &Path| p.strip_prefix(root()).unwrap_or(p).to_string_lossy().replace('\\', "/");
    paths.iter().filter(|p| wanted(p)).map(|p| (name(p), std::fs::read_to_string(p).unwrap_or_default())).collect()
}

fn rust() -> Vec<(String, String)> {
    files("src", &["rs"])
}

/// The code of a Rust file: without comments, and without its test module.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let without_comment = |l: &str| match l.trim_start().starts_with("//") {
        true => String::new(),
        false => l.split(" // ").next().unwrap_or(l).to_owned(),
    };
    text.lines().map(without_comment).collect::<Vec<_>>().join("\n")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty())
}

fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n  {}\n", faults.join("\n  "));
}

fn room_of(file: &str) -> &str {
    let inner = file.strip_prefix("src/").unwrap_or(file);
    inner.split(['/', '.']).next().unwrap_or(inner)
}

/// The rooms that a text names behind `crate::` (in the engine's and the command's programs, `trine::`).
fn imported(text: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for prefix in ["crate::", "trine::"] {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(group) => rooms.extend(heads(group)),
                None => rooms.extend(words(rest).next().map(str::to_owned)),
            }
        }
    }
    rooms
}

/// The first words of the paths of `a::b, c::{d, e}}...`.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut out) = (0, 0, Vec::new());
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                out.extend(words(&group[start..i]).next().map(str::to_owned));
                start = i + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    out
}

#[test]
fn rooms_import_only_what_lies_before_them() {
    let rank = |room: &str| ROOMS.iter().position(|r| *r == room);
    let mut faults = Vec::new();
    for (file, text) in rust() {
        let room = room_of(&file);
        if room == "lib" || file.ends_with("/tests.rs") {
            continue;
        }
        let Some(own) = rank(room) else {
            faults.push(format!("{file}: the room `{room}` has no place in ROOMS"));
            continue;
        };
        for other in imported(&code(&text)) {
            let meant = MEANT.iter().any(|(from, to, _)| *from == room && *to == other);
            if rank(&other).is_some_and(|r| r > own) && !meant {
                faults.push(format!("{file}: `{room}` imports `{other}`, which comes after it"));
            }
        }
    }
    none(faults);
}

#[test]
fn libraries_are_named_where_they_belong() {
    let mut faults = Vec::new();
    for (file, text) in rust() {
        let text = code(&text);
        for (library, place, why) in LIBRARIES {
            let named = [format!("{library}::"), format!("use {library};"), format!("{library}_derive::")];
            let starts = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let found = named.iter().any(|n| text.match_indices(n.as_str()).any(|(at, _)| starts(at)));
            if found && !file.starts_with(place) {
                faults.push(format!("{file} names `{library}`, which belongs to {place}: {why}"));
            }
        }
    }
    none(faults);
}

#[test]
fn files_and_functions_are_short() {
    let mut faults = Vec::new();
    for (file, text) in rust() {
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > MOST_LINES {
            faults.push(format!("{file} has {} lines, and {MOST_LINES} are allowed", lines.len()));
        }
        // A test may be one long table.
        let is_test = file.contains("/tests/") || file.ends_with("/tests.rs");
        for (start, end) in functions(&lines).into_iter().filter(|_| !is_test) {
            let body = &lines[start..end];
            if body.len() > MOST_LINES_OF_A_FUNCTION && !is_flat(body) {
                faults.push(format!("{file}:{}: a function of {} lines", start + 1, body.len()));
            }
        }
    }
    none(faults);
}

/// From the line of `fn` to that of its closing brace, by indentation (the files are formatted).
fn functions(lines: &[&str]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let inner = line.trim_start();
        let indent = &line[..line.len() - inner.len()];
        let head = inner.split('(').next().unwrap_or("");
        // A signature alone, as in a trait, has no body.
        if !head.split_whitespace().any(|w| w == "fn") || inner.starts_with("//") || inner.ends_with(';') {
            continue;
        }
        let close = format!("{indent}}}");
        if let Some(length) = lines[i..].iter().position(|l| *l == close) {
            found.push((i, i + length + 1));
        }
    }
    found
}

/// Whether one `match` (or one table) makes up nearly all of a function.
fn is_flat(body: &[&str]) -> bool {
    let opens = |l: &&str| l.contains("match ") || l.trim_end().ends_with("![") || l.trim_end().ends_with('[');
    body.iter().enumerate().filter(|(_, l)| opens(l)).any(|(i, line)| {
        let indent = &line[..line.len() - line.trim_start().len()];
        let closes = |l: &&str| l.strip_prefix(indent).is_some_and(|r| r.starts_with('}') || r.starts_with(']'));
        let length = body[i + 1..].iter().position(closes).unwrap_or(0);
        length * 10 >= body.len() * 7
    })
}

#[test]
fn every_file_says_what_it_is() {
    let without = |(file, text): (String, String)| (!text.starts_with("//!")).then_some(file);
    none(rust().into_iter().filter_map(without).map(|f| format!("{f} does not begin with `//!`")).collect());
}

/// What the standard library declares, and where.
fn declared() -> Vec<(String, String, String)> {
    const KINDS: [&str; 8] =
        ["architecture", "projection", "neuron", "rule", "optimizer", "objective", "environment", "task"];
    let mut found = Vec::new();
    for (file, text) in files("src/std", &["trine"]) {
        for line in text.lines() {
            let mut parts = words(line);
            if let (Some(kind), Some(name)) = (parts.next(), parts.next())
                && KINDS.contains(&kind)
                && line.starts_with(kind)
            {
                found.push((kind.to_owned(), name.to_owned(), file.clone()));
            }
        }
    }
    found
}

#[test]
fn rust_knows_nothing_of_the_standard_library_by_name() {
    let declared = declared();
    let ordinary: Vec<&str> = ORDINARY.iter().map(|(word, _)| *word).collect();
    let mut faults = Vec::new();
    for (file, text) in rust() {
        // Not in messages either, which take their examples from the library itself.
        let text = code(&text);
        let used: BTreeSet<&str> = words(&text).collect();
        for (kind, name, _) in &declared {
            if used.contains(name.as_str()) && !ordinary.contains(&name.as_str()) {
                faults.push(format!("{file} names the {kind} `{name}`"));
            }
        }
    }
    none(faults);
}

#[test]
fn everything_in_the_standard_library_is_documented() {
    let mut faults = Vec::new();
    for (file, text) in files("src/std", &["trine"]) {
        let lines: Vec<&str> = text.lines().collect();
        for (kind, name, _) in declared().iter().filter(|(_, _, f)| *f == file) {
            let head = format!("{kind} {name}");
            let at = lines.iter().position(|l| {
                l.strip_prefix(head.as_str()).is_some_and(|r| !r.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            });
            if at.is_some_and(|i| i == 0 || !lines[i - 1].starts_with("##")) {
                faults.push(format!("{file}: `{head}` has no `##` line above it"));
            }
        }
    }
    none(faults);
}

/// A rule of the library is short, says in which year it was published, and stands in a test of what its paper claims.
#[test]
fn rules_are_short_cited_and_tested() {
    let tested: String = files("tests/rules", &["trine"]).into_iter().map(|(_, text)| text).collect();
    let called: BTreeSet<&str> = tested.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let year = |w: &str| w.len() == 4 && matches!(w.parse(), Ok(1940..=2099));
    let mut faults = Vec::new();
    for (file, text) in files("src/std/rules", &["trine"]) {
        for item in text.split("\n\n").filter(|i| i.contains("\nrule ") || i.starts_with("rule ")) {
            let doc = item.lines().take_while(|l| l.starts_with("##")).collect::<Vec<_>>().join(" ");
            let body: Vec<&str> = item.lines().skip_while(|l| l.starts_with("##")).collect();
            let name = body.first().and_then(|l| words(l).nth(1)).unwrap_or_default();
            if body.len() > 30 {
                faults.push(format!("{file}: `{name}` has {} lines", body.len()));
            }
            if !words(&doc).any(year) {
                faults.push(format!("{file}: `{name}` does not say where it is from"));
            }
            if !called.contains(name) {
                faults.push(format!("{file}: no test in tests/rules trains `{name}`"));
            }
        }
    }
    none(faults);
}

#[test]
fn specs_are_in_canonical_form() {
    let mut faults = Vec::new();
    for (file, text) in ["src/std", "examples", "benches"].iter().flat_map(|folder| files(folder, &["trine"])) {
        let mut diags = trine::diag::Diagnostics::default();
        let tree = trine::syntax::parse::parse(trine::source::FileId(0), &text, &mut diags);
        if diags.has_errors() {
            faults.push(format!("{file} has faults: trine check {file}"));
        } else if trine::syntax::print::format(&tree, &text) != text {
            faults.push(format!("{file} is not canonical: trine fmt {file}"));
        }
    }
    none(faults);
}

#[test]
fn every_code_has_its_page_and_every_page_its_code() {
    use trine::diag::codes::{ALL, Code};
    let mut faults = Vec::new();
    for code in ALL {
        let heading = format!("# {code}: {}", code.title());
        if code.page().lines().next() != Some(heading.as_str()) {
            faults.push(format!("docs/errors/{code}.md does not begin with `{heading}`"));
        }
        if !code.page().contains("\n## Fix\n") {
            faults.push(format!("docs/errors/{code}.md has no section `## Fix`"));
        }
    }
    for (file, _) in files("docs/errors", &["md"]) {
        let name = file.rsplit('/').next().and_then(|n| n.strip_suffix(".md")).unwrap_or("");
        if name.starts_with('T') && Code::find(name).is_none() {
            faults.push(format!("{file} explains a code that does not exist"));
        }
    }
    none(faults);
}

/// Run it with `cargo test --test tidy -- --ignored` before a release.
#[test]
#[ignore = "some codes belong to parts that are still being built"]
fn every_code_is_raised_somewhere() {
    let sources = rust();
    let raised = |name: &str| {
        let path = format!("Code::{name}");
        sources.iter().any(|(file, text)| file != "src/diag/codes.rs" && code(text).contains(&path))
    };
    let all = trine::diag::codes::ALL.iter().map(|c| c.name());
    none(all.filter(|n| !raised(n)).map(|n| format!("{n} is never raised")).collect());
}

#[test]
fn nothing_names_a_folder_of_one_machine() {
    // Put together here, so that this file does not find itself.
    let needles = ["home", "root", "work", "Users", "tmp"].map(|folder| format!("/{folder}/"));
    let mut all = Vec::new();
    for folder in ["src", "tests", "docs", "examples", "grammar", "benches", ".ci"] {
        all.extend(files(folder, &["rs", "md", "trine", "pest", "py", "sh", "toml", "yml", "json"]));
    }
    for name in ["README.md", "CHANGELOG.md", "Makefile", "Cargo.toml", ".ci/run"] {
        all.extend(std::fs::read_to_string(root().join(name)).ok().map(|text| (name.to_owned(), text)));
    }
    let mut faults = Vec::new();
    for (file, text) in all {
        for (i, line) in text.lines().enumerate() {
            if needles.iter().any(|n| starts_a_path(line, n)) {
                faults.push(format!("{file}:{}: {}", i + 1, line.trim()));
            }
        }
    }
    none(faults);
}

/// Whether a folder of the root is named, and not one of the same name inside another.
fn starts_a_path(line: &str, folder: &str) -> bool {
    let before = |at: usize| line[..at].chars().next_back();
    line.match_indices(folder).any(|(at, _)| before(at).is_none_or(|c| !c.is_alphanumeric() && !"._-/})$".contains(c)))
}

#[test]
fn snapshots_and_examples_are_short_enough_to_be_read() {
    let mut faults = Vec::new();
    for (file, text) in files("tests", &["md"]) {
        let mut open: Option<usize> = None;
        for (i, line) in text.lines().enumerate().filter(|(_, l)| l.starts_with("```")) {
            match open.take() {
                Some(start) if i - start > MOST_LINES_OF_A_SNAPSHOT => {
                    faults.push(format!("{file}:{}: a block of {} lines", start + 1, i - start - 1));
                }
                Some(_) => {}
                None if line.len() > 3 => open = Some(i),
                None => {}
            }
        }
    }
    for (file, text) in files("examples", &["trine"]) {
        if text.lines().count() >= MOST_LINES_OF_AN_EXAMPLE {
            faults.push(format!("{file} has {} lines", text.lines().count()));
        }
        if !text.lines().take(4).any(|l| l.starts_with('#')) {
            faults.push(format!("{file} does not open with a paragraph that says what it is about"));
        }
    }
    none(faults);
}
