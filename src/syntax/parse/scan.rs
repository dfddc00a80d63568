//! A first look at the text: tokens, comments, doc comments and where lines begin.
//!
//! The grammar decides what is well formed. The scanner serves everything else: it trims spans, finds doc comments,
//! cuts a file into items and a damaged block into statements, and tells the messages what stands where.

use crate::source::{FileId, Span};
use crate::syntax::ast::Comment;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Word,
    Number,
    Text,
    /// A text whose closing quote is not on its line.
    OpenText,
    Open,
    Close,
    Sign,
    /// A character that no part of the language uses.
    Strange,
}

#[derive(Clone, Copy, Debug)]
pub struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    /// The first token of its line.
    pub first: bool,
    /// How far its line is indented, in bytes.
    pub indent: usize,
}

#[derive(Debug, Default)]
pub struct Scan {
    pub tokens: Vec<Token>,
    pub comments: Vec<Comment>,
    /// Doc comments by the offset of the token that they stand above, in order.
    docs: Vec<(usize, String)>,
}

impl Scan {
    /// The end of the token that begins at `start`.
    pub fn end_of(&self, start: usize) -> usize {
        match self.tokens.binary_search_by_key(&start, |t| t.start) {
            Ok(i) => self.tokens[i].end,
            Err(_) => start,
        }
    }

    /// The doc comment above what begins at `offset`.
    pub fn doc(&self, offset: usize) -> String {
        match self.docs.binary_search_by_key(&offset, |d| d.0) {
            Ok(i) => self.docs[i].1.clone(),
            Err(_) => String::new(),
        }
    }

    /// The same of a text that begins so many bytes later.
    pub fn moved(mut self, by: usize) -> Scan {
        for t in &mut self.tokens {
            (t.start, t.end) = (t.start + by, t.end + by);
        }
        for c in &mut self.comments {
            (c.span.start, c.span.end) = (c.span.start + by as u32, c.span.end + by as u32);
        }
        self.docs.iter_mut().for_each(|d| d.0 += by);
        self
    }

    /// The tokens that begin in `start..end`.
    pub fn within(&self, start: usize, end: usize) -> &[Token] {
        let from = self.tokens.partition_point(|t| t.start < start);
        let to = self.tokens.partition_point(|t| t.start < end);
        &self.tokens[from..to.max(from)]
    }
}

/// Signs of two or three characters, which the scanner keeps together; some only to be named in messages.
const LONG_SIGNS: [&str; 16] =
    ["???", "===", "..", "==", "!=", "<=", ">=", "+=", "-=", "->", "=>", ":=", "&&", "||", "**", "//"];

pub fn scan(file: FileId, text: &str) -> Scan {
    let bytes = text.as_bytes();
    let mut out = Scan::default();
    let mut doc: Vec<&str> = Vec::new();
    let (mut at, mut line_start, mut indent, mut first) = (0, 0, 0, true);
    while at < bytes.len() {
        match bytes[at] {
            b'\n' => {
                // An empty line parts a doc comment from what follows.
                if first && text[line_start..at].trim().is_empty() {
                    doc.clear();
                }
                at += 1;
                (line_start, first) = (at, true);
            }
            b' ' | b'\t' | b'\r' => at += 1,
            // A byte order mark, as some editors write it.
            0xef if text[at..].starts_with('\u{feff}') => at += 3,
            b'#' => {
                let end = at + text[at..].find('\n').unwrap_or(text.len() - at);
                let body = text[at..end].trim_end();
                if let (true, Some(line)) = (first, body.strip_prefix("##")) {
                    doc.push(line.strip_prefix(' ').unwrap_or(line));
                }
                let span = Span::new(file, at, at + body.len());
                out.comments.push(Comment { text: body.to_string(), span, own_line: first });
                // The line is not an empty one, whatever it holds.
                line_start = at;
                at = end;
            }
            _ => {
                if first {
                    indent = at - line_start;
                    if !doc.is_empty() {
                        out.docs.push((at, doc.join("\n")));
                        doc.clear();
                    }
                }
                let (kind, length) = token(&text[at..]);
                out.tokens.push(Token { kind, start: at, end: at + length, first, indent });
                at += length;
                first = false;
            }
        }
    }
    out
}

/// The kind and length of the token at the beginning of `rest`, which is not empty and not white space.
fn token(rest: &str) -> (Kind, usize) {
    let bytes = rest.as_bytes();
    match bytes[0] {
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => (Kind::Word, word_length(bytes)),
        b'0'..=b'9' => (Kind::Number, number_length(bytes)),
        b'"' => match rest[1..].find(['"', '\n']) {
            Some(i) if bytes[1 + i] == b'"' => (Kind::Text, i + 2),
            Some(i) => (Kind::OpenText, i + 1),
            None => (Kind::OpenText, rest.len()),
        },
        b'(' | b'[' | b'{' => (Kind::Open, 1),
        b')' | b']' | b'}' => (Kind::Close, 1),
        _ => match LONG_SIGNS.iter().find(|s| rest.starts_with(**s)) {
            Some(s) => (Kind::Sign, s.len()),
            None if b"+-*/@^=~<>:;,.'%!".contains(&bytes[0]) => (Kind::Sign, 1),
            None => (Kind::Strange, rest.chars().next().map_or(1, char::len_utf8)),
        },
    }
}

fn word_length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count()
}

fn number_length(bytes: &[u8]) -> usize {
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let mut at = bytes.iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count();
    if bytes.get(at) == Some(&b'.') && digit(at + 1) {
        at += 1;
        while digit(at) {
            at += 1;
        }
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        if digit(at + 1 + sign) {
            at += 1 + sign;
            while digit(at) {
                at += 1;
            }
        }
    }
    at
}
