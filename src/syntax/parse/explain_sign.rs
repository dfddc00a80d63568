//! Messages on what is no part of the language wherever it stands: signs of other languages, malformed numbers, units.

use super::cut::View;
use super::explain::{begins_operand, ends_operand, error, instead};
use super::scan::Kind;
use super::words::{UNITS, is_statement};
use crate::diag::elsewhere::{self, At};
use crate::diag::{Code, Diagnostic, did_you_mean};

pub fn lexical(view: &View<'_>) -> Option<Diagnostic> {
    (0..view.tokens.len())
        .find_map(|i| strange(view, i).or_else(|| foreign_sign(view, i)).or_else(|| bad_number(view, i)))
}

fn strange(view: &View<'_>, i: usize) -> Option<Diagnostic> {
    let (word, span) = (view.word(i), view.span(i));
    match view.kind(i)? {
        Kind::OpenText => {
            let message = "this text has no closing quote on its line";
            Some(error(span, message).help("write `\"` where the text ends; a text cannot go over a line end"))
        }
        Kind::Strange => {
            if let Some(d) = foreign_sign(view, i) {
                return Some(d);
            }
            let d = error(span, format!("`{word}` is not a sign of the language"));
            Some(match word {
                "?" => d.help("a choice is a value: `if CONDITION then VALUE else VALUE`"),
                "\\" => d.help("remove it: lines break inside brackets and after operators by themselves"),
                _ if word.chars().all(char::is_alphabetic) => error(span, format!("`{word}` cannot be part of a name"))
                    .help("names are made of the letters a to z, digits and `_`"),
                _ => d.help("remove it"),
            })
        }
        _ => None,
    }
}

/// The table's row on the sign that begins with token `i`, and the token behind it: `&&` is one token, `<>` are two.
fn sign(view: &View<'_>, i: usize) -> Option<(&'static str, usize)> {
    let touches = view.tokens.get(i + 1).is_some_and(|t| t.start == view.tokens[i].end);
    let pair = format!("{}{}", view.word(i), view.word(i + 1));
    let sign = |kind: Option<Kind>| matches!(kind, Some(Kind::Sign | Kind::Strange));
    // `x <-1` compares.
    let two = touches && sign(view.kind(i + 1)) && pair != "<-";
    let found = elsewhere::find(At::Sign, &pair).filter(|_| two).map(|s| (s.here, i + 2));
    found.or_else(|| elsewhere::find(At::Sign, view.word(i)).map(|s| (s.here, i + 1)))
}

fn foreign_sign(view: &View<'_>, i: usize) -> Option<Diagnostic> {
    if !matches!(view.kind(i), Some(Kind::Sign | Kind::Strange)) {
        return None;
    }
    let follows_operand = i > 0 && ends_operand(view, i - 1) && !view.first(i);
    let from_first = (0..=i).rev().find(|&j| view.first(j)).unwrap_or(0);
    let to = (i + 1..view.tokens.len()).find(|&j| view.first(j)).unwrap_or(view.tokens.len());
    let line = view.part(from_first, to);
    let comment = view.word(i) == "/" && view.word(i + 1) == "*" && view.span(i).end == view.span(i + 1).start;
    match view.word(i) {
        "%" if i == 0 || !(view.kind(i - 1) == Some(Kind::Number) || view.word(i - 1) == "}") => {
            let d = error(view.span(i), "`%` is percent, a unit, and stands behind a number only");
            return Some(d.help("the remainder of `a` by `b` is `a - b * floor(a / b)`"));
        }
        "'" if !follows_operand || view.word(i + 1) != "=" => {
            let d = error(view.span(i), "`'` is for derivatives on the left of `=`, such as `v' = ...`");
            return Some(d.help("write a text in double quotes; write a transposed matrix with a function"));
        }
        "//" if i > from_first && begins_operand(view, i + 1) && follows_operand && ends_value(view, i + 2) => {
            let d = error(view.span(i), "`//` is not a sign of the language");
            let quotient = format!("a whole quotient is `floor({} / {})`", view.word(i - 1), view.word(i + 1));
            return Some(d.help(match view.kind(i + 1) {
                Some(Kind::Number) => quotient,
                _ => format!("a comment begins with `#`, and {quotient}"),
            }));
        }
        "//" => {
            let d = error(view.span(i), "`//` is not a sign of the language: a comment begins with `#`");
            return Some(d.help(format!("write `{}`", instead(&line, i - from_first, i - from_first + 1, "#"))));
        }
        "/" if comment => {
            let d = error(view.span(i).to(view.span(i + 1)), "`/*` is not a sign of the language");
            return Some(d.help("a comment begins with `#` and ends with its line"));
        }
        _ => {}
    }
    let (meant, behind) = sign(view, i)?;
    let word = format!("{}{}", view.word(i), if behind > i + 1 { view.word(i + 1) } else { "" });
    let d = error(view.span(i).to(view.span(behind - 1)), format!("`{word}` is written `{}`", meant.trim()));
    if matches!(meant, "u" | "\"") {
        return Some(d.help(format!("write `{meant}`")));
    }
    Some(d.help(format!("write `{}`", instead(&line, i - from_first, behind - from_first, meant))))
}

/// Whether nothing of the value before it stands at token `i`.
fn ends_value(view: &View<'_>, i: usize) -> bool {
    view.first(i) || matches!(view.word(i), "" | "," | ")" | "]" | "}")
}

fn bad_number(view: &View<'_>, i: usize) -> Option<Diagnostic> {
    let number = |j: usize| view.kind(j) == Some(Kind::Number);
    let touches = |j: usize| j > 0 && j < view.tokens.len() && view.tokens[j].start == view.tokens[j - 1].end;
    let malformed = |from: usize, to: usize, right: String| {
        let text = &view.text[view.tokens[from].start..view.tokens[to].end];
        let d =
            Diagnostic::new(Code::T0105, view.span(from).to(view.span(to)), format!("`{text}` is not a number"), "");
        d.help(format!("write `{right}`"))
    };
    if view.word(i) == "." && number(i + 1) && touches(i + 1) {
        if i > 0 && number(i - 1) && touches(i) {
            let d = malformed(i - 1, i + 1, format!("{} or {}", view.word(i - 1), view.word(i + 1)));
            return Some(d.help("a number has one decimal point, such as `1.25`"));
        }
        if i == 0 || !touches(i) || !ends_operand(view, i - 1) {
            return Some(malformed(i, i + 1, format!("0.{}", view.word(i + 1))));
        }
    }
    let second = number(i + 2) && touches(i + 2);
    if number(i) && view.word(i + 1) == "." && touches(i + 1) && !second && !(view.is_word(i + 2) && touches(i + 2)) {
        let right = if view.word(i).contains('.') { view.word(i).to_string() } else { format!("{}.0", view.word(i)) };
        return Some(malformed(i, i + 1, right));
    }
    bad_unit(view, i)
}

/// A word behind a number that is no unit.
fn bad_unit(view: &View<'_>, i: usize) -> Option<Diagnostic> {
    const MAY_FOLLOW: [&str; 20] = [
        "along", "by", "where", "with", "in", "at", "on", "of", "then", "else", "and", "or", "every", "avoids",
        "needs", "from", "like", "as", "until", "within",
    ];
    let word = view.word(i + 1);
    let known = UNITS.contains(&word) || MAY_FOLLOW.contains(&word) || elsewhere::find(At::Sign, word).is_some();
    if view.kind(i) != Some(Kind::Number) || !view.is_word(i + 1) || view.first(i + 1) || known {
        return None;
    }
    // A statement that begins in the middle of a line, or a name where `=` was forgotten, is something else.
    if is_statement(word) && view.is_word(i + 2) {
        return None;
    }
    let number = view.word(i);
    let foreign = elsewhere::find(At::Unit, word).map(|f| f.here);
    // One letter is near to every other: only what differs in case is meant.
    let near = UNITS.into_iter().find(|u| u.eq_ignore_ascii_case(word));
    let near = near.or_else(|| {
        let spelt = did_you_mean(word, UNITS.into_iter().chain(elsewhere::words(At::Unit).map(|f| f.word)))?;
        Some(elsewhere::find(At::Unit, spelt).map_or(spelt, |f| f.here)).filter(|_| word.len() > 2)
    });
    let d = Diagnostic::new(Code::T0105, view.span(i + 1), format!("`{word}` is not a unit"), "stands behind a number");
    Some(match foreign.or(near) {
        Some(unit @ ("epoch" | "step")) if number != "1" => d.help(format!("write `{number} {unit}s`")),
        Some(unit) => d.help(format!("write `{number} {unit}`")),
        None => d.help(format!("for a product write `{number} * {word}`; the units are {}", UNITS.join(", "))),
    })
}
