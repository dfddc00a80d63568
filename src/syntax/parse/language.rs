//! The line that opens every file: which version of the language it is written in.

use super::LANGUAGE;
use super::cut::Piece;
use super::scan::Scan;
use crate::diag::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::source::{FileId, Span};

/// Checks the `language` line. False if the file is from the future: then nothing else is worth saying.
pub fn check(file: FileId, text: &str, scan: &Scan, pieces: &[Piece], diags: &mut Diagnostics) -> bool {
    let help = format!("write `language {LANGUAGE}` in the first line");
    let lines: Vec<usize> = (0..pieces.len()).filter(|&i| word_at(text, scan, pieces[i].start) == "language").collect();
    let place = |i: usize| Span::new(file, pieces[i].start, scan.end_of(pieces[i].start));
    let Some(&first) = lines.first() else {
        // Misspelt, it is told where it stands, as any word is.
        if pieces.first().is_some_and(|p| did_you_mean(word_at(text, scan, p.start), ["language"]).is_some()) {
            return true;
        }
        let at = pieces.first().map_or(Span::new(file, 0, 0), |p| Span::new(file, p.start, p.start));
        let message = match pieces.is_empty() {
            true => "this file is empty: even an empty spec says its language version",
            false => "the file does not say in which version of the language it is written",
        };
        diags.push(Diagnostic::new(Code::T0103, at, message, "").help(help));
        return true;
    };
    if first != 0 {
        let d = Diagnostic::new(Code::T0103, place(first), "the `language` line does not open the file", "");
        diags.push(d.also(place(0), "stands before it").help("move it to the top"));
    }
    if let Some(&second) = lines.get(1) {
        let d = Diagnostic::new(Code::T0103, place(second), "the language version is given twice", "the second time");
        diags.push(d.also(place(first), "given here").help("remove this line"));
    }
    version(file, text, scan, pieces[first], diags)
}

fn word_at<'a>(text: &'a str, scan: &Scan, start: usize) -> &'a str {
    &text[start..scan.end_of(start)]
}

fn version(file: FileId, text: &str, scan: &Scan, piece: Piece, diags: &mut Diagnostics) -> bool {
    // The rest of the line, whatever it is made of; a missing version is the parser's to report.
    let Some(first) = scan.within(piece.start, piece.end).get(1).filter(|t| !t.first) else { return true };
    let end = text[first.start..].find(['\n', '#', ';', ' ', '\t', '\r']).map_or(text.len(), |i| first.start + i);
    let (written, span) = (&text[first.start..end], Span::new(file, first.start, end));
    if written == LANGUAGE {
        return true;
    }
    let number = |s: &str| {
        let (major, minor) = s.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    match (number(written), number(LANGUAGE)) {
        (Some(theirs), Some(ours)) if theirs > ours => {
            let message = format!("this file is written in language {written}, and this trine reads up to {LANGUAGE}");
            let d = Diagnostic::new(Code::T0103, span, message, "from the future");
            diags.push(d.help("use a newer trine"));
            false
        }
        _ => {
            let message = format!("there is no language version `{written}`");
            diags.push(Diagnostic::new(Code::T0103, span, message, "").help(format!("write `language {LANGUAGE}`")));
            true
        }
    }
}
