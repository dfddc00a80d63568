//! A text that faults are put into: its tokens, and where its statements and items are.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::ops::Range;
use trine::diag::Diagnostics;
use trine::source::FileId;
use trine::syntax::ast::{ItemKind, Stmt, StmtKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Word,
    Number,
    Text,
    Open,
    Close,
    Sign,
}

#[derive(Clone, Copy, Debug)]
pub struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    /// The first of its line.
    pub first: bool,
}

pub struct Spec {
    pub name: String,
    pub text: String,
    pub tokens: Vec<Token>,
    /// Places of statements, without those that hold a block of their own.
    pub statements: Vec<Range<usize>>,
    pub items: Vec<Range<usize>>,
}

/// What is faulty, and where a message may point that is right about it.
pub struct Fault {
    pub text: String,
    /// Lines of the faulty text, counted from 1.
    pub lines: Vec<usize>,
    /// What was put for what.
    pub change: String,
}

const SIGNS: [&str; 10] = ["...", "..", "==", "!=", "<=", ">=", "->", "+=", "-=", "???"];

impl Spec {
    pub fn new(name: String, text: String) -> Spec {
        let tree = trine::syntax::parse::parse(FileId(0), &text, &mut Diagnostics::default());
        let mut statements = Vec::new();
        let mut items = Vec::new();
        for item in &tree.items {
            items.push(item.span.range());
            match &item.kind {
                ItemKind::Decl(d) => leaves(&d.body, &mut statements),
                ItemKind::Hypothesis { body, .. } => leaves(body, &mut statements),
                _ => {}
            }
        }
        Spec { name, tokens: tokens(&text), text, statements, items }
    }

    pub fn word(&self, i: usize) -> &str {
        self.tokens.get(i).map_or("", |t| &self.text[t.start..t.end])
    }

    pub fn kind(&self, i: usize) -> Option<Kind> {
        self.tokens.get(i).map(|t| t.kind)
    }

    pub fn before(&self, i: usize) -> &str {
        i.checked_sub(1).map_or("", |i| self.word(i))
    }

    /// Whether token `i` is first on its line; true past the end.
    pub fn first(&self, i: usize) -> bool {
        self.tokens.get(i).is_none_or(|t| t.first)
    }

    /// The word that begins the item, and the one that begins the line, of token `i`.
    pub fn item_word(&self, i: usize) -> &str {
        let at = self.tokens[i].start;
        let item = self.items.iter().find(|r| r.contains(&at));
        item.map_or("", |r| self.word(self.tokens.partition_point(|t| t.start < r.start)))
    }

    pub fn line_word(&self, i: usize) -> &str {
        self.word((0..=i).rev().find(|&j| self.first(j)).unwrap_or(0))
    }

    /// The bracket that belongs to bracket `i`.
    pub fn partner(&self, i: usize) -> Option<usize> {
        let opens = self.kind(i) == Some(Kind::Open);
        let mut depth = 0i32;
        let step = |j: usize| if opens { Some(j + 1) } else { j.checked_sub(1) };
        let mut at = Some(i);
        while let Some(j) = at {
            depth += match self.kind(j)? {
                Kind::Open => 1,
                Kind::Close => -1,
                _ => 0,
            };
            if depth == 0 {
                return Some(j);
            }
            at = step(j);
        }
        None
    }

    /// The tokens at which a name of the text stands.
    pub fn places(&self, name: &str) -> Vec<usize> {
        (0..self.tokens.len()).filter(|&i| self.kind(i) == Some(Kind::Word) && self.word(i) == name).collect()
    }

    /// The text with `with` in the place of `range`. `also` are tokens at which the fault may be seen as well.
    pub fn change(&self, range: Range<usize>, with: &str, also: &[usize]) -> Fault {
        let text = format!("{}{with}{}", &self.text[..range.start], &self.text[range.end..]);
        let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
        let moved = |at: usize| if at < range.end { at.min(range.start) } else { at + with.len() - range.len() };
        let mut lines = vec![line(range.start), line(range.start + with.len())];
        lines.extend(also.iter().map(|&i| line(moved(self.tokens[i].start))));
        lines.sort_unstable();
        lines.dedup();
        let quoted = |s: &str| s.replace('\n', "\\n");
        let change = format!("`{}` -> `{}`", quoted(&self.text[range.clone()]), quoted(with));
        Fault { text, lines, change }
    }

    /// The same for token `i`.
    pub fn replace(&self, i: usize, with: &str) -> Fault {
        self.change(self.tokens[i].start..self.tokens[i].end, with, &[])
    }

    /// The text without token `i`, its blanks closed up.
    pub fn without(&self, i: usize, also: &[usize]) -> Fault {
        let token = self.tokens[i];
        let alone = self.first(i) && self.first(i + 1);
        // A line of its own goes as a whole.
        let range = match alone {
            true => self.line_of(token.start),
            // The first of a line takes the blank behind it along.
            false if self.first(i) => token.start..self.tokens[i + 1].start,
            false => token.start..token.end,
        };
        let mut fault = self.change(range, "", also);
        fault.change = format!("`{}` dropped", self.word(i));
        fault
    }

    /// The whole line around a place, its end included.
    pub fn line_of(&self, at: usize) -> Range<usize> {
        let start = self.text[..at].rfind('\n').map_or(0, |i| i + 1);
        let end = self.text[at..].find('\n').map_or(self.text.len(), |i| at + i + 1);
        start..end
    }
}

fn leaves(body: &[Stmt], out: &mut Vec<Range<usize>>) {
    for s in body {
        match &s.kind {
            StmtKind::For { body, .. }
            | StmtKind::Cell { body, .. }
            | StmtKind::Part { body, .. }
            | StmtKind::Dynamics { body, .. } => leaves(body, out),
            _ => out.push(s.span.range()),
        }
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let (mut at, mut first) = (0, true);
    while at < bytes.len() {
        let rest = &text[at..];
        let run = |f: &dyn Fn(char) -> bool| rest.find(|c| !f(c)).unwrap_or(rest.len());
        let (kind, length) = match bytes[at] {
            b'\n' => {
                first = true;
                at += 1;
                continue;
            }
            b' ' | b'\t' | b'\r' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += run(&|c| c != '\n');
                continue;
            }
            b'"' => (Kind::Text, rest[1..].find(['"', '\n']).map_or(rest.len(), |i| i + 2)),
            b'0'..=b'9' => (Kind::Number, number(rest)),
            b if b.is_ascii_alphabetic() || b == b'_' => (Kind::Word, run(&|c| c.is_ascii_alphanumeric() || c == '_')),
            b'(' | b'[' | b'{' => (Kind::Open, 1),
            b')' | b']' | b'}' => (Kind::Close, 1),
            _ => {
                let long = SIGNS.iter().find(|s| rest.starts_with(**s));
                (Kind::Sign, long.map_or(rest.chars().next().map_or(1, char::len_utf8), |s| s.len()))
            }
        };
        out.push(Token { kind, start: at, end: at + length, first });
        first = false;
        at += length;
    }
    out
}

fn number(rest: &str) -> usize {
    let digits = |s: &str| s.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(s.len());
    let mut end = digits(rest);
    if rest[end..].starts_with('.') && rest[end + 1..].starts_with(|c: char| c.is_ascii_digit()) {
        end += 1 + digits(&rest[end + 1..]);
    }
    if rest[end..].starts_with('e') {
        let sign = usize::from(rest[end + 1..].starts_with('-'));
        let exponent = digits(&rest[end + 1 + sign..]);
        end += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    end
}

/// A fixed stream of choices.
pub struct Draw(ChaCha8Rng);

impl Draw {
    pub fn new(name: &str, number: usize) -> Draw {
        let mut key = [0; 32];
        for (i, b) in name.bytes().enumerate() {
            key[i % 24] ^= b.rotate_left((i / 24) as u32);
        }
        key[24..].copy_from_slice(&(number as u64).to_le_bytes());
        Draw(ChaCha8Rng::from_seed(key))
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n.max(1) as u64) as usize
    }

    pub fn of<T: Clone>(&mut self, list: &[T]) -> Option<T> {
        if list.is_empty() { None } else { Some(list[self.below(list.len())].clone()) }
    }

    /// One of the tokens that meet a condition.
    pub fn token(&mut self, spec: &Spec, meets: impl Fn(usize) -> bool) -> Option<usize> {
        let all: Vec<usize> = (0..spec.tokens.len()).filter(|&i| meets(i)).collect();
        self.of(&all)
    }
}
