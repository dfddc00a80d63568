//! Cuts a file into items, and a damaged block into statements, by brackets and by what lines begin with.

use super::scan::{Kind, Scan, Token};
use super::words::{ITEMS, RESERVED, is_statement};
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, Span};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

/// Brackets nest no deeper than this; an `if` counts as one until its `else`.
pub const MAX_DEPTH: usize = 128;

/// A piece of the text that holds one item.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    pub start: usize,
    pub end: usize,
    /// The bracket (or `if`) that nests too deeply, if one does: the piece is not parsed then.
    pub too_deep: Option<usize>,
}

/// The items, in order. A declaration word in the first column begins an item whatever brackets are open: that is how
/// an unclosed one is confined.
pub fn items(scan: &Scan, text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut open: Vec<Kind> = Vec::new();
    for (i, token) in scan.tokens.iter().enumerate() {
        let word = &text[token.start..token.end];
        if token.first {
            let next = scan.tokens.get(i + 1).filter(|n| !n.first).map(|n| n.kind);
            let declares = ITEMS.iter().any(|w| w.0 == word) && matches!(next, Some(Kind::Word | Kind::Number));
            let plain = token.indent == 0 && open.is_empty() && token.kind == Kind::Word;
            if (declares && (token.indent == 0 || open.is_empty())) || plain || pieces.is_empty() {
                if let Some(last) = pieces.last_mut() {
                    last.end = token.start;
                }
                pieces.push(Piece { start: token.start, end: text.len(), too_deep: None });
                open.clear();
            }
        }
        match token.kind {
            Kind::Open => open.push(Kind::Open),
            Kind::Word if word == "if" => open.push(Kind::Word),
            Kind::Word if word == "else" && open.last() == Some(&Kind::Word) => _ = open.pop(),
            Kind::Close => while open.pop() == Some(Kind::Word) {},
            _ => {}
        }
        if let (true, Some(last)) = (open.len() > MAX_DEPTH, pieces.last_mut()) {
            last.too_deep.get_or_insert(token.start);
        }
    }
    pieces
}

/// The text with blanks for line ends and comments inside round and square brackets, and inside the braces of `vary` and
/// `tune`: there, lines may break anywhere. Places stay as they are.
pub fn joined<'t>(text: &'t str, scan: &Scan, pieces: &[Piece]) -> Cow<'t, str> {
    let mut blanks: Vec<Range<usize>> = Vec::new();
    for piece in pieces {
        let tokens = scan.within(piece.start, piece.end);
        // What is open: the bracket, whether lines may break in it, and where they do.
        let mut open: Vec<(&str, bool, Vec<Range<usize>>)> = Vec::new();
        for (i, token) in tokens.iter().enumerate() {
            let word = |t: &Token| &text[t.start..t.end];
            let before = i.checked_sub(1).map(|b| &tokens[b]);
            if let (true, Some(before), Some((_, true, ends))) = (token.first, before, open.last_mut()) {
                ends.push(before.end..token.start);
            }
            match token.kind {
                Kind::Open => {
                    let list = before.is_some_and(|b| matches!(word(b), "vary" | "tune"));
                    open.push((word(token), word(token) != "{" || list, vec![]));
                }
                Kind::Close => match open.pop() {
                    Some((opener, _, ends)) if opener == partner(word(token)) => blanks.extend(ends),
                    // One that is at fault is looked at line by line.
                    _ => open.clear(),
                },
                _ => {}
            }
        }
    }
    if blanks.is_empty() {
        return Cow::Borrowed(text);
    }
    blanks.sort_by_key(|b| b.start);
    let mut out = String::with_capacity(text.len());
    for blank in blanks {
        out.push_str(&text[out.len()..blank.start]);
        out.extend(std::iter::repeat_n(' ', blank.len()));
    }
    out.push_str(&text[out.len()..]);
    Cow::Owned(out)
}

/// No more than this of a token, and of a line, is quoted in a message.
const LONGEST_QUOTE: usize = 60;
const LONGEST_LINE: usize = 160;

/// A run of tokens with the text that they are cut from.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub file: FileId,
    pub text: &'a str,
    pub tokens: &'a [Token],
}

impl<'a> View<'a> {
    /// The text of token `i`; of a very long one, the beginning.
    pub fn word(&self, i: usize) -> &'a str {
        let Some(t) = self.tokens.get(i) else { return "" };
        let mut end = t.end.min(t.start + LONGEST_QUOTE);
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        &self.text[t.start..end]
    }

    pub fn kind(&self, i: usize) -> Option<Kind> {
        self.tokens.get(i).map(|t| t.kind)
    }

    pub fn is_word(&self, i: usize) -> bool {
        self.kind(i) == Some(Kind::Word)
    }

    /// Whether token `i` stands first on its line; true past the end.
    pub fn first(&self, i: usize) -> bool {
        self.tokens.get(i).is_none_or(|t| t.first)
    }

    /// The place of token `i`; past the end, the place just behind the last one.
    pub fn span(&self, i: usize) -> Span {
        match (self.tokens.get(i), self.tokens.last()) {
            (Some(t), _) => Span::new(self.file, t.start, t.end),
            (None, Some(t)) => Span::new(self.file, t.end, t.end),
            (None, None) => Span::new(self.file, 0, 0),
        }
    }

    pub fn part(&self, from: usize, to: usize) -> View<'a> {
        let to = to.min(self.tokens.len());
        View { tokens: &self.tokens[from.min(to)..to], ..*self }
    }

    /// The text from token `from` up to and without token `to`, on one line.
    pub fn line(&self, from: usize, to: usize) -> String {
        let to = to.min(self.tokens.len());
        if from >= to {
            return String::new();
        }
        let mut out = String::new();
        for i in from..to {
            let apart = i > from && self.tokens[i].start > self.tokens[i - 1].end;
            if apart {
                out.push(' ');
            }
            out.push_str(self.word(i));
            if out.len() > LONGEST_LINE {
                return out + " ...";
            }
        }
        out
    }

    /// The indices of the tokens outside all brackets of this view.
    pub fn outside(&self) -> impl Iterator<Item = usize> + '_ {
        let mut depth = 0i32;
        (0..self.tokens.len()).filter(move |&i| match self.tokens[i].kind {
            Kind::Open => {
                depth += 1;
                depth == 1
            }
            Kind::Close => {
                depth -= 1;
                depth <= 0
            }
            _ => depth <= 0,
        })
    }

    pub fn find_outside(&self, word: &str) -> Option<usize> {
        self.outside().find(|&i| self.word(i) == word)
    }
}

/// What the brackets of an item pair up to, made good where they do not.
pub struct Brackets {
    /// For each opening bracket the index of the token that ends what it holds (its closer, or the first token
    /// that cannot belong to it any more).
    pub end: Vec<usize>,
    /// Faults, each with the index of its bracket. Several that are one mistake have one message.
    pub faults: Vec<(usize, Option<Diagnostic>)>,
    /// The brackets of the faults.
    at: BTreeSet<usize>,
}

impl Brackets {
    /// Whether one of these tokens is a bracket at fault.
    pub fn faulty(&self, tokens: Range<usize>) -> bool {
        self.at.range(tokens).next().is_some()
    }

    /// The token behind token `i`, or behind what the bracket `i` holds.
    fn past(&self, view: &View<'_>, i: usize) -> usize {
        match view.kind(i) {
            Some(Kind::Open) if self.end[i] != usize::MAX && self.end[i] > i && !self.faulty(i..i + 1) => {
                self.end[i] + 1
            }
            _ => i + 1,
        }
    }

    /// The brace that opens the body of a declaration, and the first token of a line before it that begins no part of
    /// the head: there, the brace is missing.
    pub fn body(&self, view: &View<'_>) -> (Option<usize>, Option<usize>) {
        let (mut i, mut below, mut faulty) = (1, None, false);
        while i < view.tokens.len() && view.word(i) != "{" {
            faulty |= self.faulty(i..i + 1);
            // The name of a declaration, and its parameters, are no statement of its body.
            if view.first(i)
                && i > 1
                && view.kind(i) != Some(Kind::Open)
                && view.kind(i) != Some(Kind::Close)
                && !faulty
            {
                below = below.or(Some(i));
            }
            i = self.past(view, i);
        }
        (Some(i).filter(|&i| i < view.tokens.len()), below)
    }
}

/// Pairs the brackets of an item. `next` is where the following item begins, if there is one.
pub fn brackets(view: &View<'_>, next: Option<Span>) -> Brackets {
    let mut out = Brackets { end: vec![usize::MAX; view.tokens.len()], faults: Vec::new(), at: BTreeSet::new() };
    let mut open: Vec<usize> = Vec::new();
    for (i, token) in view.tokens.iter().enumerate() {
        // A line that begins a statement cannot stand inside round or square brackets.
        if token.first {
            let ends =
                |o: usize| begins_statement(view, i) || defines(view, i) && token.indent <= view.tokens[o].indent;
            let keep = open.iter().rposition(|&o| view.word(o) == "{" || !ends(o)).map_or(0, |at| at + 1);
            give_up(view, &mut open, keep, i, Some(view.span(i)), &mut out);
        }
        match token.kind {
            Kind::Open => open.push(i),
            Kind::Close => close(view, i, &mut open, &mut out),
            _ => {}
        }
    }
    give_up(view, &mut open, 0, view.tokens.len(), next, &mut out);
    out.at = out.faults.iter().map(|f| f.0).collect();
    out
}

/// The brackets from `keep` on are never closed: what they hold ends at token `end`. Those of one line are one fault.
fn give_up(view: &View<'_>, open: &mut Vec<usize>, keep: usize, end: usize, stop: Option<Span>, out: &mut Brackets) {
    let lost: Vec<usize> = open.drain(keep.min(open.len())..).collect();
    let line = |o: usize| (0..=o).rev().find(|&i| view.first(i)).unwrap_or(o);
    let mut rest = &lost[..];
    while let Some(&first) = rest.first() {
        let own = line(first);
        let count = rest.iter().take_while(|&&o| line(o) == own).count();
        let (same, others) = rest.split_at(count);
        for (i, &o) in same.iter().enumerate() {
            out.faults.push((o, (i == 0).then(|| unclosed(view, same, stop))));
            out.end[o] = end;
        }
        rest = others;
    }
}

fn close(view: &View<'_>, i: usize, open: &mut Vec<usize>, out: &mut Brackets) {
    let opener = partner(view.word(i));
    let matches = |o: &usize| view.word(*o) == opener;
    // A `}` that begins a line belongs to the `{` whose line is indented like it.
    let level = |o: &usize| view.tokens[*o].indent == view.tokens[i].indent;
    let by_column = opener == "{" && view.tokens[i].first;
    let astray = |o: usize| view.tokens[i].indent > view.tokens[o].indent && closed_below(view, o, i);
    let at = match open.iter().rposition(|o| matches(o) && (!by_column || level(o))) {
        // A block whose own closer is still to come is not closed in the middle of a line.
        Some(at) if opener == "{" && !by_column && closed_below(view, open[at], i) => None,
        Some(at) => Some(at),
        // One that is indented further than every block that is open has lost its own.
        None => open.iter().rposition(matches).filter(|&at| !by_column || !astray(open[at])),
    };
    let reading = if by_column { at.map(Reading::Closes) } else { reading(view, i, at, open) };
    if let Some(Reading::Closes(at)) = reading {
        give_up(view, open, at + 1, i, Some(view.span(i)), out);
        if let Some(o) = open.pop() {
            out.end[o] = i;
        }
        return;
    }
    let (wrong, span) = (view.word(i), view.span(i));
    match open.last().copied().filter(|_| reading.is_some()) {
        Some(o) => {
            let message = format!("`{}` is closed by `{wrong}`", view.word(o));
            let d = Diagnostic::new(Code::T0102, span, message, format!("`{}` is needed here", partner(view.word(o))))
                .also(view.span(o), "opened here")
                .help(format!("write `{}`", partner(view.word(o))));
            out.faults.push((i, Some(d)));
            out.end[o] = i;
            open.pop();
        }
        None => {
            let d =
                Diagnostic::new(Code::T0102, span, format!("this `{wrong}` closes nothing"), "nothing is open here")
                    .help(format!("remove it, or write the `{opener}` that is missing before it"));
            out.faults.push((i, Some(d)));
        }
    }
}

/// What a closer that is not of the bracket before it may be.
enum Reading {
    /// The closer of an earlier one: those between are not closed.
    Closes(usize),
    /// Of another kind than the bracket before it.
    Wrong,
}

/// The reading that leaves the fewest brackets of the statement without a partner; none if the closer is one too many.
fn reading(view: &View<'_>, i: usize, at: Option<usize>, open: &[usize]) -> Option<Reading> {
    let block = |&o: &usize| view.word(o) == "{" && view.first(o + 1);
    let own = open.iter().rposition(block).map_or(0, |b| b + 1);
    let Some(top) = open.len().checked_sub(1).filter(|&top| top >= own && at != Some(top)) else {
        return at.map(Reading::Closes);
    };
    let left = |kept: usize| unpaired(view, open[own..kept.max(own)].to_vec(), i + 1);
    let extra = left(top + 1);
    let wrong = left(top);
    match at.filter(|&at| at >= own).map(|at| (at, left(at))) {
        Some((at, closes)) if closes <= wrong && closes <= extra => Some(Reading::Closes(at)),
        _ if at.is_some_and(|at| at < own) => at.map(Reading::Closes),
        _ if wrong <= extra => Some(Reading::Wrong),
        _ => None,
    }
}

/// So many tokens are looked at to see what a closer may be.
const MOST_LOOKED_AHEAD: usize = 200;

/// How many brackets have no partner from token `from` to the end of the statement, `open` being open.
fn unpaired(view: &View<'_>, mut open: Vec<usize>, from: usize) -> usize {
    let mut alone = 0;
    for i in from..view.tokens.len().min(from + MOST_LOOKED_AHEAD) {
        let ends = view.word(i) == "}" || begins_statement(view, i) || defines(view, i) && open.is_empty();
        if view.first(i) && ends {
            break;
        }
        match view.kind(i) {
            Some(Kind::Open) => open.push(i),
            Some(Kind::Close) => match open.iter().rposition(|&o| view.word(o) == partner(view.word(i))) {
                Some(at) => {
                    alone += open.len() - 1 - at;
                    open.truncate(at);
                }
                None => alone += 1,
            },
            _ => {}
        }
    }
    alone + open.len()
}

/// Whether `open` is the last of its line, and a `}` that is indented like it begins a line behind token `i`.
fn closed_below(view: &View<'_>, open: usize, i: usize) -> bool {
    let indent = view.tokens[open].indent;
    view.first(open + 1)
        && (i + 1..view.tokens.len()).any(|j| view.first(j) && view.word(j) == "}" && view.tokens[j].indent == indent)
}

fn partner(bracket: &str) -> &'static str {
    match bracket {
        "(" => ")",
        ")" => "(",
        "[" => "]",
        "]" => "[",
        "{" => "}",
        _ => "{",
    }
}

/// `lost` are brackets of one line, outermost first; `stop` is what shows that they were forgotten.
fn unclosed(view: &View<'_>, lost: &[usize], stop: Option<Span>) -> Diagnostic {
    let o = lost[0];
    let closers: String = lost.iter().rev().map(|&o| partner(view.word(o))).collect();
    let message = match lost.len() {
        1 => format!("this `{}` is never closed", view.word(o)),
        n => format!("{n} brackets that open here are never closed"),
    };
    let mut d = Diagnostic::new(Code::T0102, view.span(o), message, "opened here");
    for &other in lost[1..].iter().take(3) {
        d = d.also(view.span(other), "and here");
    }
    if let Some(stop) = stop {
        d = d.also(stop, format!("`{closers}` is missing before this"));
    }
    // The line of a round or square bracket as it would be with the closer.
    let from = (0..=o).rev().find(|&i| view.first(i)).unwrap_or(o);
    let to = (o + 1..view.tokens.len()).find(|&i| view.first(i)).unwrap_or(view.tokens.len());
    let line = view.line(from, to);
    // Where the closer would stand, if that can be told: before what stops it on its line, or at the line's end.
    let at = stop.map_or(to, |s| view.tokens.partition_point(|t| t.start < s.start as usize));
    d.help(match view.word(o) {
        "{" => format!("write `{closers}` on a line of its own where `{}` ends", view.line(from, o)),
        _ if at < to => format!("write `{closers}` before `{}`", view.word(at)),
        _ if at > to || line.contains('{') || line.ends_with("...") => format!("write `{closers}` where it ends"),
        _ => format!("write `{closers}` where it ends, such as `{line}{closers}`"),
    })
}

/// Whether the line that token `i` begins is surely a statement: a statement word and a name, which no expression
/// contains.
pub fn begins_statement(view: &View<'_>, i: usize) -> bool {
    let name = view.is_word(i + 1) && !view.first(i + 1) && !RESERVED.contains(&view.word(i + 1));
    name && is_statement(view.word(i))
}

/// Whether token `i` is a name that is set: `name = `, `name: `, `name' = `.
fn defines(view: &View<'_>, i: usize) -> bool {
    view.is_word(i) && !view.first(i + 1) && ["=", ":", "'"].contains(&view.word(i + 1))
}

/// The statements of a block: ranges of tokens. `brackets` are those of the same view.
pub fn statements(view: &View<'_>, brackets: &Brackets, from: usize, to: usize) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let (mut start, mut i) = (from, from);
    while i < to {
        let semicolon = view.word(i) == ";";
        if i > start && (semicolon || (view.first(i) && !continues(view, i) && !listed(view, start, i))) {
            out.push((start, i));
            start = i;
        }
        if semicolon {
            start = i + 1;
        }
        // Over what is in brackets, to the token that ends it.
        i = match view.kind(i) {
            Some(Kind::Open) if brackets.end[i] != usize::MAX && brackets.end[i] > i => {
                let end = brackets.end[i];
                if view.kind(end) == Some(Kind::Close) && closes(view, brackets, i, end) { end + 1 } else { end }
            }
            _ => i + 1,
        };
    }
    if start < to {
        out.push((start, to));
    }
    out
}

/// Whether the line that begins with token `i` is one of those that follow `vary:`, where braces are missing.
fn listed(view: &View<'_>, start: usize, i: usize) -> bool {
    let colon = |j: usize| view.word(j) == ":" && matches!(view.word(j.wrapping_sub(1)), "vary" | "tune");
    let entry = view.word(i + 1) == ":" || view.word(i - 1) == ",";
    entry && (start..i).any(|j| colon(j) && view.first(j + 1))
}

/// Whether the token at `end` is the closer of `open` itself, and not of one around it.
fn closes(view: &View<'_>, brackets: &Brackets, open: usize, end: usize) -> bool {
    !brackets.faulty(open..open + 1) && view.kind(end) == Some(Kind::Close)
}

/// Whether the line that begins with token `i` continues the statement before it.
fn continues(view: &View<'_>, i: usize) -> bool {
    const WORDS: [&str; 18] = [
        "along", "by", "where", "with", "in", "at", "on", "of", "then", "else", "and", "or", "every", "avoids",
        "needs", "from", "like", "within",
    ];
    let word = view.word(i);
    let listing = matches!(view.word(i.wrapping_sub(1)), "," | "with" | "then");
    if begins_statement(view, i) || (defines(view, i) && !listing) {
        return false;
    }
    let sign = view.kind(i) == Some(Kind::Sign) && !matches!(word, "???" | "." | "'");
    sign || word == "{" || WORDS.contains(&word) || i > 0 && wants_more(view, i - 1)
}

/// Whether something must follow token `i`.
pub fn wants_more(view: &View<'_>, i: usize) -> bool {
    const WORDS: [&str; 17] = [
        "along", "by", "where", "with", "of", "then", "else", "and", "or", "not", "if", "minimize", "maximize", "from",
        "like", "vary", "in",
    ];
    match view.kind(i) {
        Some(Kind::Sign) => !matches!(view.word(i), "%" | "'" | "???" | ";" | "!"),
        // `n.in` is a field, `like = e` an argument.
        Some(Kind::Word) => {
            WORDS.contains(&view.word(i)) && (i == 0 || view.word(i - 1) != ".") && view.word(i + 1) != "="
        }
        _ => false,
    }
}
