//! Diagnostics as text that a person reads: drawn with their lines, or compact for tests. The only file that names
//! miette. (`machine` writes them for other programs.)

use std::fmt::Write;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents, ThemeCharacters, ThemeStyles,
};

use super::{Diagnostic, Label, Severity};
use crate::source::shown::{is_hidden, visible};
use crate::source::{FileId, LineCol, SourceFile, SourceMap};

/// A line longer than this is not drawn: a picture of it helps nobody.
const LONGEST_LINE: usize = 400;
/// A place that covers more lines than this is drawn by its first line alone.
const MOST_LINES: usize = 6;

impl Severity {
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// How a terminal wants to be drawn on.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub color: bool,
    pub unicode: bool,
    /// Columns of the terminal.
    pub width: usize,
}

/// Every diagnostic with its lines, in the order given, for a terminal of `width` columns.
pub fn render_human(diags: &[Diagnostic], sources: &SourceMap, color: bool, width: usize) -> String {
    render_with(diags, sources, Look { color, unicode: locale_is_unicode(), width })
}

/// As [`render_human`], with everything said.
pub fn render_with(diags: &[Diagnostic], sources: &SourceMap, look: Look) -> String {
    diags.iter().map(|d| draw(d, sources, look)).collect::<Vec<_>>().join("\n")
}

/// One heading a diagnostic, then its labels and its help, indented: what the text tests compare. A place in another
/// file is named by that file and the text there, so that an expectation does not change when lines move in std.
pub fn render_plain(diags: &[Diagnostic], sources: &SourceMap) -> String {
    let mut out = String::new();
    for d in diags {
        let home = d.labels.first().map(|l| l.span.file);
        let shown = d.labels.first().and_then(|l| place(sources, l)).map(|at| format!("{at}: ")).unwrap_or_default();
        let _ = writeln!(out, "{}[{}] {shown}{}", d.severity().word(), d.code, d.message);
        for (i, label) in d.labels.iter().enumerate() {
            let at = match place(sources, label) {
                Some(_) if i == 0 => String::new(),
                Some(_) if Some(label.span.file) != home => {
                    let file = &sources.file(label.span.file).name;
                    let text = sources.snippet(label.span).lines().next().unwrap_or("").trim_end();
                    format!("{file} `{}`", visible(&text.chars().take(60).collect::<String>()))
                }
                Some(at) => format!("{}:{}", at.start.line, at.start.column),
                None => String::new(),
            };
            match (at.is_empty(), label.text.is_empty()) {
                (true, true) => {}
                (true, false) => drop(writeln!(out, "  {}", indented(&label.text, "  "))),
                (false, true) => drop(writeln!(out, "  {at}")),
                (false, false) => drop(writeln!(out, "  {at}: {}", indented(&label.text, "  "))),
            }
        }
        if let Some(help) = d.way_out(sources) {
            let _ = writeln!(out, "  help: {}", indented(&help, "        "));
        }
    }
    out
}

fn indented(text: &str, by: &str) -> String {
    text.trim_end().replace('\n', &format!("\n{by}"))
}

/// A place in the words that people use; its end is the column after the last character.
pub(super) struct Place<'a> {
    pub file: &'a str,
    pub start: LineCol,
    pub end: LineCol,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.start.line, self.start.column)
    }
}

/// Where a label points; nothing if it points into no file (a diagnostic about the command line, say).
pub(super) fn place<'a>(sources: &'a SourceMap, label: &Label) -> Option<Place<'a>> {
    let file = source_file(sources, label.span.file)?;
    let (start, end) = bounds(file, label);
    let at = |offset| sources.line_col(label.span.file, offset);
    Some(Place { file: &file.name, start: at(start), end: at(end) })
}

fn source_file(sources: &SourceMap, id: FileId) -> Option<&SourceFile> {
    sources.files().find(|(i, _)| *i == id).map(|(_, f)| f)
}

/// The label's range, moved onto characters of the file: a damaged span must not hide the message.
fn bounds(file: &SourceFile, label: &Label) -> (usize, usize) {
    let snap = |offset: u32| {
        let mut at = (offset as usize).min(file.text.len());
        while !file.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = snap(label.span.start);
    (start, snap(label.span.end).max(start))
}

fn draw(d: &Diagnostic, sources: &SourceMap, look: Look) -> String {
    let mut out = String::new();
    let mut files: Vec<FileId> = Vec::new();
    for label in &d.labels {
        if source_file(sources, label.span.file).is_some() && !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    let heading = format!("{}[{}]:", d.severity().word(), d.code);
    let title = Picture { message: &d.message, severity: d.severity(), source: None, labels: vec![], help: None };
    out.push_str(title.render(look, &heading).trim_start());
    for id in files {
        let Some(file) = source_file(sources, id) else {
            continue;
        };
        let labels: Vec<&Label> = d.labels.iter().filter(|l| l.span.file == id).collect();
        if file.text.is_empty() || labels.iter().any(|l| longest_line(file, l) > LONGEST_LINE || hides(file, l)) {
            for label in labels {
                let at = match place(sources, label) {
                    Some(at) if !file.text.is_empty() => at.to_string(),
                    _ => file.name.clone(),
                };
                let colon = if label.text.is_empty() { "" } else { ": " };
                let _ = writeln!(out, "  --> {at}{colon}{}", label.text);
            }
            continue;
        }
        let labels = labels.into_iter().map(|l| labeled_span(file, l)).collect();
        let source = Some(Source { file, sources, id });
        let picture = Picture { message: "", severity: d.severity(), source, labels, help: None };
        push_body(&mut out, &picture.render(look, ""));
    }
    if let Some(help) = &d.way_out(sources) {
        let help = Picture { message: "", severity: d.severity(), source: None, labels: vec![], help: Some(help) };
        push_body(&mut out, &help.render(look, ""));
    }
    out
}

/// Appends a picture without its first line, the (empty) message.
fn push_body(out: &mut String, picture: &str) {
    if let Some((_, body)) = picture.split_once('\n') {
        out.push_str(body);
    }
}

fn longest_line(file: &SourceFile, label: &Label) -> usize {
    whole_lines(file, label).lines().map(|l| l.chars().count()).max().unwrap_or(0)
}

/// Whether the lines of a place would not be seen as they are.
fn hides(file: &SourceFile, label: &Label) -> bool {
    whole_lines(file, label).chars().any(is_hidden)
}

fn whole_lines<'f>(file: &'f SourceFile, label: &Label) -> &'f str {
    let (start, end) = bounds(file, label);
    let from = file.text[..start].rfind('\n').map_or(0, |i| i + 1);
    let to = file.text[end..].find('\n').map_or(file.text.len(), |i| end + i);
    &file.text[from..to]
}

fn labeled_span(file: &SourceFile, label: &Label) -> LabeledSpan {
    let (mut start, mut end) = bounds(file, label);
    let covered = &file.text[start..end];
    if covered.lines().count() > MOST_LINES {
        end = start + covered.find('\n').unwrap_or(covered.len());
    }
    if start == end {
        // An empty place is drawn below the character that follows it, or after the last one of the text.
        start = start.min(file.text.trim_end().len());
        let next = file.text[start..].chars().next().filter(|c| !c.is_control());
        end = start + next.map_or(0, char::len_utf8);
    }
    let text = (!label.text.is_empty()).then(|| label.text.clone());
    let span = SourceSpan::new(start.into(), end - start);
    match label.primary {
        true => LabeledSpan::new_primary_with_span(text, span),
        false => LabeledSpan::new_with_span(text, span),
    }
}

/// A source that tells miette its name, its columns in characters (miette counts bytes), and whole lines.
struct Source<'a> {
    file: &'a SourceFile,
    sources: &'a SourceMap,
    id: FileId,
}

impl SourceCode for Source<'_> {
    /// With no lines of context miette asks where a place is; with one, for the lines to draw. Those are the lines of
    /// the place itself: more would bury it.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text = self.file.text.as_str();
        let (mut start, mut end) = (span.offset(), span.offset() + span.len());
        if end > text.len() || !text.is_char_boundary(start) || !text.is_char_boundary(end) {
            return Err(MietteError::OutOfBounds);
        }
        if before > 0 {
            start = text[..start].rfind('\n').map_or(0, |i| i + 1);
            // A place that ends with a line ends before the next one.
            let last = if end > start && text[..end].ends_with('\n') { end - 1 } else { end };
            end = text[last..].find('\n').map_or(text.len(), |i| last + i + 1);
        }
        let at = self.sources.line_col(self.id, start);
        let part = &text[start..end];
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.name.clone(),
            part.as_bytes(),
            SourceSpan::new(start.into(), end - start),
            at.line - 1,
            at.column - 1,
            // Places with no more than one line between them are drawn together.
            part.lines().count() + 1,
        )))
    }
}

/// What miette is asked to draw: one message, or the places in one file, or a help.
struct Picture<'a> {
    message: &'a str,
    severity: Severity,
    source: Option<Source<'a>>,
    labels: Vec<LabeledSpan>,
    help: Option<&'a str>,
}

impl Picture<'_> {
    fn render(&self, look: Look, heading: &str) -> String {
        let mut characters = if look.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() };
        for sign in [&mut characters.error, &mut characters.warning, &mut characters.advice] {
            *sign = heading.to_owned();
        }
        let styles = if look.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
            .with_width(look.width.max(40))
            .with_context_lines(1)
            .with_break_words(false)
            .with_links(false)
            .without_syntax_highlighting();
        let mut out = String::new();
        match handler.render_report(&mut out, self) {
            Ok(()) => out,
            Err(_) => format!("{heading} {}\n", self.message),
        }
    }
}

impl std::fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message)
    }
}

impl std::fmt::Debug for Picture<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message)
    }
}

impl std::error::Error for Picture<'_> {}

impl miette::Diagnostic for Picture<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.map(|h| Box::new(h) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|s| s as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

/// Whether the terminal reads UTF-8, by the customs of POSIX (and always where there is no locale to ask).
pub fn locale_is_unicode() -> bool {
    let set = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
    match set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")) {
        Some(locale) => {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        }
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Code;
    use crate::source::Span;

    fn two_files() -> (SourceMap, FileId, FileId) {
        let mut sources = SourceMap::default();
        let spec = sources.add("spec.trine", "language 0.1\n# ü\nüü = one(two)\nlast line\n");
        let other = sources.add("std/shapes.trine", "\nfunction one(a: [n])\n");
        (sources, spec, other)
    }

    fn look() -> Look {
        Look { color: false, unicode: false, width: 80 }
    }

    #[test]
    fn plain_counts_columns_in_characters_and_names_other_files_by_their_text() {
        let (sources, spec, other) = two_files();
        let d = Diagnostic::new(Code::T0301, Span::new(spec, 25, 33), "these differ", "this is [2]")
            .also(Span::new(other, 10, 20), "declared here")
            .also(Span::new(spec, 34, 38), "and here")
            .help("write this:\nthat");
        let expected = "error[T0301] spec.trine:3:6: these differ\n  this is [2]\n  std/shapes.trine `one(a: [n]`: declared here\n  4:1: and here\n  help: write this:\n        that\n";
        assert_eq!(render_plain(&[d], &sources), expected);
    }

    #[test]
    fn human_shows_both_files_and_puts_the_help_last() {
        let (sources, spec, other) = two_files();
        let d = Diagnostic::new(Code::T0301, Span::new(spec, 25, 33), "these differ", "this is [2]")
            .also(Span::new(other, 10, 20), "declared here")
            .help("do that");
        let text = render_with(&[d], &sources, look());
        assert!(text.starts_with("error[T0301]: these differ\n"), "{text}");
        for part in ["[spec.trine:3:6]", "uu = one(two)", "[std/shapes.trine:2:10]", "this is [2]", "declared here"] {
            assert!(text.replace('ü', "u").contains(part), "{part} in:\n{text}");
        }
        assert!(text.ends_with("help: do that\n"), "{text}");
    }

    #[test]
    fn damaged_places_and_giant_lines_still_give_a_message() {
        let mut sources = SourceMap::default();
        let long = sources.add("long.trine", "x".repeat(100_000));
        let empty = sources.add("empty.trine", "");
        let accents = sources.add("accents.trine", "üüü");
        let ends = sources.add("ends.trine", "language 0.1\n\n");
        for span in [
            Span::new(long, 5, 9),
            Span::new(empty, 0, 0),
            Span::new(accents, 1, 3),
            Span::new(accents, 90, 2),
            Span::new(ends, 12, 12),
            Span::new(ends, 14, 14),
            Span::new(ends, 0, 14),
            Span::new(FileId(9), 0, 1),
        ] {
            let text = render_with(&[Diagnostic::new(Code::T0101, span, "odd", "here")], &sources, look());
            assert!(text.starts_with("error[T0101]: odd\n") && text.len() < 500, "{text}");
            assert!(!text.contains("Failed to read"), "{text}");
        }
    }
}
