//! Messages on items: declarations, imports, functions.

use super::cut::View;
use super::explain::{self, Stuck};
use super::explain_sign::lexical;
use super::recover::meant_item;
use super::scan::Kind;
use super::words::{ITEMS, form, is_statement};
use crate::diag::elsewhere::{self, At};
use crate::diag::{Code, Diagnostic};

/// A declaration word that does not exist, beside one that does.
pub fn unknown_word(view: &View<'_>) -> Diagnostic {
    let word = view.word(0);
    let d = Diagnostic::new(Code::T0101, view.span(0), format!("there is no declaration `{word}`"), "");
    match meant_item(word) {
        Some(meant) if elsewhere::find(At::Item, word).is_some() => {
            d.help(format!("the word for it is `{meant}`: `{}`", form(meant).unwrap_or(meant)))
        }
        Some(meant) => d.help(format!("did you mean `{meant}`?")),
        None => d.help(declarations()),
    }
}

/// A piece that does not begin like an item at all.
pub fn nonsense(view: &View<'_>) -> Diagnostic {
    let word = view.word(0);
    let version = view.kind(1) == Some(Kind::Number) && meant_item(word) == Some("language");
    if view.kind(0) == Some(Kind::Word) && meant_item(word).is_some() && (version || view.kind(1) == Some(Kind::Word)) {
        return unknown_word(view);
    }
    if is_statement(word) && view.kind(1) == Some(Kind::Word) {
        let message = format!("`{word}` stands outside all declarations");
        return Diagnostic::new(Code::T0101, view.span(0), message, "belongs inside the braces of a declaration")
            .help("move it into an item such as `rule name { ... }`, or look for a `}` too many before it");
    }
    if let Some(d) = lexical(&view.part(0, 1)) {
        return d;
    }
    let found = if view.kind(0) == Some(Kind::Word) && ["=", ":"].contains(&view.word(1)) {
        format!("`{} {} ...` stands outside all declarations", word, view.word(1))
    } else {
        format!("`{word}` does not begin a declaration")
    };
    Diagnostic::new(Code::T0101, view.span(0), found, "").help(declarations())
}

fn declarations() -> String {
    let words: Vec<&str> = ITEMS.iter().map(|i| i.0).collect();
    format!("a file is a list of declarations, which begin with one of: {}", words.join(", "))
}

/// Something stands between a closing brace and the next item or statement.
pub fn extra(view: &View<'_>, i: usize) -> Diagnostic {
    let message = format!("`{}` follows a closing `}}`", view.word(i));
    Diagnostic::new(Code::T0101, view.span(i), message, "begins a line of its own")
        .help("what follows a block begins on a line of its own")
}

/// A declaration or block whose statements follow without a `{`: its head is `from..end`, its first statement `below`.
pub fn no_brace(view: &View<'_>, from: usize, end: usize, below: usize) -> Diagnostic {
    let head = view.line(from, end);
    let colon = view.word(end) == ":";
    // A long head is called by its name.
    let short = if head.len() > MAX_HEAD { view.line(from, (from + 2).min(end)) } else { head.clone() };
    let at = if colon { view.span(end) } else { view.part(from, end).span(end) };
    let message = if colon {
        format!("the body of `{short}` begins with `{{`, not with `:`")
    } else {
        format!("`{short}` has no `{{`")
    };
    let d = Diagnostic::new(Code::T0101, at, message, "`{` is needed here");
    let d = d.also(view.span(below), "the first line of its body");
    let close = if colon { ", and `}` on a line of its own where it ends" } else { "" };
    d.help(match head == short {
        true => format!("write `{head} {{`{close}"),
        false => format!("write `{{` at the end of this line{close}"),
    })
}

/// Heads that are longer are not written out in messages.
const MAX_HEAD: usize = 100;

/// An item whose header, or whose whole, is refused. `open`: its first brace.
pub fn header(view: &View<'_>, open: Option<usize>, stuck: &Stuck) -> Diagnostic {
    let head = view.part(0, open.unwrap_or(usize::MAX));
    if let Some(d) = lexical(&head) {
        return d;
    }
    match view.word(0) {
        "language" => {
            return Diagnostic::new(Code::T0103, view.span(0), "the language version is missing", "")
                .help("write `language 0.1`");
        }
        "use" => return import(view, stuck),
        _ => {}
    }
    let word = view.word(0);
    if !view.is_word(1) {
        let message = format!("`{word}` needs a name");
        return Diagnostic::new(Code::T0101, view.span(1), message, "needed here").help(form_of(word));
    }
    let name = view.word(1);
    if let Some(d) = params(&head) {
        return d;
    }
    if word == "function" {
        return function(view, stuck);
    }
    if open.is_none() {
        let message = format!("`{word} {name}` has no body");
        return Diagnostic::new(Code::T0101, view.span(view.tokens.len()), message, "`{` is needed here")
            .help(form_of(word));
    }
    if word == "hypothesis" && head.find_outside("(").is_some() {
        let at = head.find_outside("(").unwrap_or(2);
        return Diagnostic::new(Code::T0101, view.span(at), "a hypothesis has no parameters", "").help(form_of(word));
    }
    explain::generic(&head, stuck, form(word))
}

fn form_of(word: &str) -> String {
    format!("the form is `{}`", form(word).unwrap_or("name { ... }"))
}

/// Faults of a parameter list: a type that is missing, a default without its type.
fn params(head: &View<'_>) -> Option<Diagnostic> {
    let open = head.find_outside("(")?;
    let mut depth = 0i32;
    for i in open..head.tokens.len() {
        match head.kind(i) {
            Some(Kind::Open) => depth += 1,
            Some(Kind::Close) => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return None;
        }
        let begins = matches!(head.word(i), "(" | ",") && depth == 1;
        let (name, after) = (head.word(i + 1), head.word(i + 2));
        if !begins || !head.is_word(i + 1) {
            continue;
        }
        if matches!(after, "," | ")" | "=") {
            let message = format!("parameter `{name}` has no type");
            let (ty, default) = match after {
                "=" => ("Real", format!(" = {}", head.word(i + 3))),
                _ => ("[n]", String::new()),
            };
            let help = format!("write its type after `:`, such as `{name}: {ty}{default}`");
            return Some(Diagnostic::new(Code::T0101, head.span(i + 1), message, "").help(help));
        }
        if head.is_word(i + 2) || after == "[" {
            let message = format!("`:` is missing between parameter `{name}` and its type");
            return Some(
                Diagnostic::new(Code::T0101, head.span(i + 2), message, "")
                    .help(format!("write `{name}: {after}`").replace(": [`", ": [n]`")),
            );
        }
    }
    None
}

fn import(view: &View<'_>, stuck: &Stuck) -> Diagnostic {
    let d = |i: usize, message: &str, help: &str| {
        Diagnostic::new(Code::T0101, view.span(i), message, "").help(help.to_string())
    };
    if view.kind(1) == Some(Kind::Text) {
        return d(1, "a module is named without quotes", "write its path with points, such as `use std.rules: name`");
    }
    // use a.b c
    let path = (1..view.tokens.len()).find(|&i| i % 2 == 0 && view.word(i) != ".").unwrap_or(view.tokens.len());
    if view.is_word(1) && path < view.tokens.len() && view.is_word(path) {
        let line = format!("use {}: {}", view.line(1, path), view.line(path, view.tokens.len()));
        return d(path, "`:` is missing between the module and the names from it", &format!("write `{line}`"));
    }
    if view.word(path) == ":" && path + 1 == view.tokens.len() {
        return d(path, "no names follow the `:`", "list the names, or leave `:` out to use the module by its name");
    }
    explain::generic(view, stuck, form("use"))
}

fn function(view: &View<'_>, stuck: &Stuck) -> Diagnostic {
    let name = view.word(1);
    let has = |sign: &str| view.find_outside(sign);
    if view.word(2) != "(" {
        let message = format!("function `{name}` has no parameter list");
        return Diagnostic::new(Code::T0101, view.span(2), message, "`(` is needed here").help(form_of("function"));
    }
    match (has("="), has("{")) {
        (None, Some(brace)) => {
            let message = format!("the body of function `{name}` is one expression, without braces");
            Diagnostic::new(Code::T0101, view.span(brace), message, "").help(form_of("function"))
        }
        (None, None) => {
            let message = format!("function `{name}` has no body");
            let end = view.tokens.len();
            Diagnostic::new(Code::T0101, view.span(end), message, "`=` and an expression are needed here")
                .help(form_of("function"))
        }
        _ => explain::fault(view, stuck).unwrap_or_else(|| explain::generic(view, stuck, form("function"))),
    }
}
