//! Text to tree: total, bounded, and with as many good items and statements as a damaged file holds.
//!
//! The file is cut into items (by the words in the first column), and pest parses each on its own against
//! `grammar/trine.pest`. Where it refuses one, the item is cut into statements, each of which is tried alone: so every
//! fault is reported once, at its place, and what is sound is kept. Only this file and `parse/` name pest.

mod build;
mod cut;
mod expr;
mod scan;
mod stmt;
mod words;

use std::sync::{Mutex, PoisonError};

use pest::Parser;
use pest::iterators::Pairs;
use pest_derive::Parser;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::{FileId, Span};
use crate::syntax::ast::*;
use build::Builder;
use scan::Scan;

#[derive(Parser)]
#[grammar = "../grammar/trine.pest"]
struct Grammar;

/// The largest file that is read.
pub const MAX_BYTES: usize = 1 << 20;

/// The version of the language that this compiler speaks.
pub const LANGUAGE: &str = "0.1";

/// The stack that a parse runs on, so that the limits are the same in every build.
const STACK: usize = 256 << 20;

/// Parses a file. Whatever the text, there is a tree; what is wrong is in `diags`.
pub fn parse(file: FileId, text: &str, diags: &mut Diagnostics) -> File {
    if text.len() > MAX_BYTES {
        let message = format!("this file has {} bytes, and at most {MAX_BYTES} are read", text.len());
        diags.push(
            Diagnostic::new(Code::T0104, Span::new(file, 0, 0), message, "")
                .help("split it into several files and `use` them"),
        );
        return File::default();
    }
    on_large_stack(|| {
        let scan = scan::scan(file, text);
        let mut items = Vec::new();
        for (start, end) in cut::items(&scan, text) {
            item(file, text, start, end, &scan, diags, &mut items);
        }
        File { items, comments: scan.comments }
    })
    .unwrap_or_default()
}

/// Parses one expression, as in `--set name=value`.
pub fn parse_expr(file: FileId, text: &str, diags: &mut Diagnostics) -> Option<Expr> {
    piece(file, text, Rule::one_expr, diags, |b, pairs| pairs.into_iter().next().map(|p| b.expr(p)))
}

/// A signature as [`parse_signature`] gives it: name, parameters, result.
pub type Signature = (Ident, Vec<Param>, Option<Type>);

/// Parses `name(params) -> type`, as primitive ops are declared.
pub fn parse_signature(file: FileId, text: &str, diags: &mut Diagnostics) -> Option<Signature> {
    piece(file, text, Rule::one_signature, diags, |b, pairs| pairs.into_iter().next().map(|p| b.signature(p)))
}

fn piece<T: Send>(
    file: FileId,
    text: &str,
    rule: Rule,
    diags: &mut Diagnostics,
    build: impl FnOnce(&Builder<'_>, Pairs<'_, Rule>) -> Option<T> + Send,
) -> Option<T> {
    if text.len() > MAX_BYTES {
        diags.push(Diagnostic::new(Code::T0104, Span::new(file, 0, 0), "this is too large to be read", ""));
        return None;
    }
    on_large_stack(|| {
        let scan = scan::scan(file, text);
        match try_rule(rule, text) {
            Ok(pairs) => build(&Builder::new(file, 0, &scan, diags), pairs),
            Err(at) => {
                diags.push(unexpected(file, at));
                None
            }
        }
    })
    .flatten()
}

fn item(
    file: FileId,
    text: &str,
    start: usize,
    end: usize,
    scan: &Scan,
    diags: &mut Diagnostics,
    items: &mut Vec<Item>,
) {
    match try_rule(Rule::one_item, &text[start..end]) {
        Ok(pairs) => {
            let builder = Builder::new(file, start, scan, diags);
            items.extend(pairs.filter_map(|p| builder.item(p)));
        }
        Err(at) => diags.push(unexpected(file, start + at)),
    }
}

fn unexpected(file: FileId, at: usize) -> Diagnostic {
    Diagnostic::new(Code::T0101, Span::new(file, at, at), "this is not expected here", "")
}

/// pest's limit is one for the process: whoever parses holds this.
static PARSING: Mutex<()> = Mutex::new(());

/// Parses `text` as `rule`; else the offset of the furthest place that made sense.
fn try_rule(rule: Rule, text: &str) -> Result<Pairs<'_, Rule>, usize> {
    let _held = PARSING.lock().unwrap_or_else(PoisonError::into_inner);
    // The grammar is linear: about a hundred calls a byte. The limit is there for the day when it is not.
    pest::set_call_limit(std::num::NonZeroUsize::new(100_000 + 2_000 * text.len()));
    let result = Grammar::parse(rule, text);
    pest::set_call_limit(None);
    result.map_err(|e| match e.location {
        pest::error::InputLocation::Pos(at) => at,
        pest::error::InputLocation::Span((at, _)) => at,
    })
}

/// Runs `work` on a stack of a known size. `None` if there is no room for the thread.
fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread =
            std::thread::Builder::new().name("parse".into()).stack_size(STACK).spawn_scoped(scope, work).ok()?;
        thread.join().ok()
    })
}
