//! Diagnostics: what the compiler says when something is wrong.
//!
//! A stage pushes [`Diagnostic`]s and goes on; nothing here stops a compilation. Codes are declared once in
//! [`codes`], each with its page in `docs/errors/`. `render` (the only file that names miette) turns them into text.

pub mod codes;
pub mod elsewhere;
pub mod machine;
mod meant;
pub mod render;

pub use codes::Code;
pub use meant::{did_you_mean, listed, near};

use crate::source::shown::presentable;
use crate::source::{FileId, SourceMap, Span};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
    Note,
}

/// Characters of a message or of a label, and of a help, which may show several lines. More help nobody.
const LONGEST: usize = 500;
const LONGEST_HELP: usize = 1500;

/// A place with a few words on what it has to do with the fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    pub span: Span,
    pub text: String,
    pub primary: bool,
}

/// One fault: one message at one place, the other places that it concerns, and a way out.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    pub code: Code,
    pub message: String,
    /// The first primary label is the place of the fault.
    pub labels: Vec<Label>,
    pub help: Option<String>,
    /// What would stand in the place of the fault; the corrected line is then the help.
    pub fix: Option<Fix>,
}

/// Another text for a place. In it `{}` is the text as it is, and `{#}` the number that begins it: where none does,
/// there is no corrected line.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    pub span: Span,
    pub text: String,
}

impl Diagnostic {
    /// A diagnostic at `span`, labelled there with `label` (which may be empty).
    pub fn new(code: Code, span: Span, message: impl Into<String>, label: impl Into<String>) -> Diagnostic {
        let label = Label { span, text: presentable(label.into(), LONGEST), primary: true };
        let message = presentable(message.into(), LONGEST);
        Diagnostic { code, message, labels: vec![label], help: None, fix: None }
    }

    /// A diagnostic that lies in no file: on the command line, the store, the machine.
    pub fn nowhere(code: Code, message: impl Into<String>) -> Diagnostic {
        let message = presentable(message.into(), LONGEST);
        Diagnostic { code, message, labels: vec![], help: None, fix: None }
    }

    /// What is said again, with both places: names, settings, arguments.
    pub fn twice(what: &str, at: Span, first: Span) -> Diagnostic {
        let d = Diagnostic::new(Code::T0202, at, format!("`{what}` is said twice"), "the second time");
        d.also(first, "the first time").help("leave one of them out, or give it another name")
    }

    /// Adds a second place.
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: presentable(text.into(), LONGEST), primary: false });
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help = Some(presentable(text.into(), LONGEST_HELP));
        self
    }

    /// Shows the line as it is with another text at `span` (see [`Fix`]); a help is for where that cannot be.
    pub fn write(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.fix = Some(Fix { span, text: text.into() });
        self
    }

    /// The way out in words: the corrected line if there is one.
    pub fn way_out(&self, sources: &SourceMap) -> Option<String> {
        let corrected = self.fix.as_ref().and_then(|f| f.line(sources));
        corrected.map(|line| format!("write `{line}`")).or_else(|| self.help.clone())
    }

    /// The same diagnostic after its files were taken over by another map.
    pub fn shifted(mut self, by: u32) -> Diagnostic {
        self.labels.iter_mut().for_each(|l| l.span.file.0 += by);
        self.fix.iter_mut().for_each(|f| f.span.file.0 += by);
        self
    }

    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    pub fn span(&self) -> Span {
        self.labels.first().map(|l| l.span).unwrap_or_default()
    }
}

/// No corrected line is longer.
const LONGEST_FIX: usize = 160;

impl Fix {
    /// The line with the text put in, without its comment.
    fn line(&self, sources: &SourceMap) -> Option<String> {
        let (_, file) = sources.files().find(|(id, _)| *id == self.span.file)?;
        let old = file.text.get(self.span.range())?;
        let number = old.trim_start_matches(['-', ' ']);
        let digits = number.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_'))).unwrap_or(number.len());
        let unit = number[digits..].trim_start();
        let plain = digits > 0 && unit.chars().all(|c| c.is_ascii_alphabetic() || c == '%');
        if self.text.contains("{#}") && !plain {
            return None;
        }
        let new = self.text.replace("{#}", &old[..old.len() - number.len() + digits]).replace("{}", old);
        let range = self.span.range();
        let from = file.text[..range.start].rfind('\n').map_or(0, |i| i + 1);
        let to = file.text[range.end..].find('\n').map_or(file.text.len(), |i| range.end + i);
        let behind = file.text[range.end..to].split(" #").next().unwrap_or("");
        let whole = format!("{}{new}{behind}", &file.text[from..range.start]);
        let line = whole.split_whitespace().collect::<Vec<_>>().join(" ");
        (line.len() <= LONGEST_FIX && !line.contains('`')).then_some(line)
    }
}

/// The diagnostics of a compilation, in the order in which they were found; the same one is kept once.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

/// No more than this many diagnostics are kept of one compilation.
pub const MAX_DIAGNOSTICS: usize = 100;

impl Diagnostics {
    pub fn push(&mut self, d: Diagnostic) {
        let same = |e: &Diagnostic| e.code == d.code && e.span() == d.span();
        if !self.is_full() && !self.list.iter().any(same) {
            self.list.push(d);
        }
    }

    pub fn extend(&mut self, other: Diagnostics) {
        other.list.into_iter().for_each(|d| self.push(d));
    }

    /// Faults since the first `known` that lie where `inside` holds are faults of the place that led there.
    pub fn moved(&mut self, known: usize, inside: &dyn Fn(Span) -> bool, to: Span) {
        for d in self.list.iter_mut().skip(known).filter(|d| inside(d.span())) {
            let at = d.span();
            if let Some(first) = d.labels.first_mut() {
                first.span = to;
            }
            d.labels.push(Label { span: at, text: "asked for here".into(), primary: false });
        }
    }

    /// Tells the last one otherwise.
    pub fn retold(&mut self, change: impl Fn(&mut Diagnostic)) {
        self.list.last_mut().into_iter().for_each(change);
    }

    /// Leaves out what turned out to be none.
    pub fn drop_if(&mut self, none: &dyn Fn(&Diagnostic) -> bool) {
        self.list.retain(|d| !none(d));
    }

    /// Whether no more are kept: what is found from here on need not be put into words.
    pub fn is_full(&self) -> bool {
        self.list.len() >= MAX_DIAGNOSTICS
    }

    /// A name that is missing in several places is one fault: it is told at the first of them, which shows the others.
    pub fn fold(&mut self) {
        let mut faults: Vec<Vec<Diagnostic>> = Vec::new();
        for d in std::mem::take(&mut self.list) {
            match faults.iter_mut().find(|f| missing_name(&f[0]).is_some_and(|n| missing_name(&d) == Some(n))) {
                Some(fault) => fault.push(d),
                None => faults.push(vec![d]),
            }
        }
        for mut fault in faults {
            fault.sort_by_key(Diagnostic::span);
            let mut places = fault.into_iter();
            let Some(first) = places.next() else { continue };
            let others = places.take(MAX_OTHERS);
            self.list.push(others.fold(first, |d, other| d.also(other.span(), "and here")));
        }
    }

    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.severity() == Severity::Error)
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// In the order of the text: by file, then by place.
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|d| (d.span(), d.code));
        self.list
    }
}

/// So many other places of a fault are shown.
const MAX_OTHERS: usize = 3;

/// The file, and what of the message says which name is missing: of one that is numbered, such as `h[3]`, without the number.
fn missing_name(d: &Diagnostic) -> Option<(FileId, Code, &str)> {
    let missing = matches!(d.code, Code::T0201 | Code::T0209 | Code::T0210 | Code::T0602);
    let named = d.message.split('[').next().unwrap_or_default();
    let numbered = d.code == Code::T0201 && d.message.starts_with(&format!("{named}["));
    missing.then_some((d.span().file, d.code, if numbered { named } else { &d.message }))
}
