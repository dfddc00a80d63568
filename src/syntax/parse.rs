//! Text to tree: total, bounded, and with as many good items and statements as a damaged file holds.
//!
//! The file is cut into items (by the words in the first column), and pest parses each on its own against
//! `grammar/trine.pest`. Where it refuses one, the item is cut into statements, each of which is tried alone: so every
//! fault is reported once, at its place, and what is sound is kept. Only this file and `parse/` name pest.

mod build;
mod cut;
mod doubled;
mod explain;
mod explain_item;
mod explain_sign;
mod expr;
mod language;
pub mod outline;
mod recover;
mod repair;
pub(super) mod scan;
mod stmt;
pub(super) mod words;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::ScopedJoinHandle;

use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};
use pest::iterators::Pairs;
use pest_derive::Parser;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::shown::{is_hidden, turns_writing};
use crate::source::{FileId, Span};
use crate::syntax::ast::*;
use build::Builder;
use cut::Piece;
use explain::Stuck;
use recover::{Damaged, Saved};
use scan::Scan;

#[derive(Parser)]
#[grammar = "../grammar/trine.pest"]
struct Grammar;

/// The largest file that is read.
pub const MAX_BYTES: usize = 1 << 20;

/// The version of the language that this compiler speaks.
pub const LANGUAGE: &str = "0.1";

/// The stack that a parse runs on, so that the limits are the same in every build.
const STACK: usize = 64 << 20;

/// About so many bytes are parsed by one thread.
const SHARE: usize = 48 << 10;

/// Parses a file. Whatever the text, there is a tree; what is wrong is in `diags`.
pub fn parse(file: FileId, text: &str, diags: &mut Diagnostics) -> File {
    if let Some(d) = unreadable(file, text) {
        diags.push(d);
        return File::default();
    }
    let mut scan = scan::scan(file, text);
    let mended = doubled::without(file, text, &scan, diags);
    let text = match &mended {
        Some(mended) => {
            scan = scan::scan(file, mended);
            mended
        }
        None => text,
    };
    let pieces = cut::items(&scan, text);
    if !language::check(file, text, &scan, &pieces, diags) {
        return File::default();
    }
    let _held = limited(text.len());
    let text = &*cut::joined(text, &scan, &pieces);
    // A large file is parsed by several threads; how it is shared out depends on nothing but the text.
    let mut shares = vec![0];
    for (i, piece) in pieces.iter().enumerate() {
        if piece.start - pieces[shares[shares.len() - 1]].start > SHARE {
            shares.push(i);
        }
    }
    let share = |n: usize| &pieces[shares[n]..shares.get(n + 1).copied().unwrap_or(pieces.len())];
    let parsed = on_large_stacks(shares.len(), |n| {
        let mut found = Diagnostics::default();
        let next = shares.get(n + 1).map(|&i| pieces[i]);
        (items(file, text, &scan, share(n), next, &mut found), found)
    });
    let mut items = Vec::new();
    for (more, found) in parsed {
        items.extend(more);
        diags.extend(found);
    }
    File { items, comments: scan.comments }
}

/// Parses some of the pieces; `after` is the one that follows them.
fn items(
    file: FileId,
    text: &str,
    scan: &Scan,
    pieces: &[Piece],
    after: Option<Piece>,
    diags: &mut Diagnostics,
) -> Vec<Item> {
    let mut items = Vec::new();
    let mut nonsense = false;
    for (i, piece) in pieces.iter().enumerate() {
        if let Some(at) = piece.too_deep {
            let message = format!("more than {} brackets are open here", cut::MAX_DEPTH);
            let d = Diagnostic::new(Code::T0104, Span::new(file, at, at + 1), message, "nested too deeply");
            diags.push(d.help("name the inner parts with `let`, and combine the names"));
            continue;
        }
        match try_rule(Rule::one_item, &text[piece.start..piece.end]) {
            Ok(pairs) => {
                let builder = Builder::new(file, piece.start as isize, text, scan, diags);
                items.extend(pairs.filter_map(|p| builder.item(p)));
                nonsense = false;
            }
            Err(stuck) => {
                let next = pieces.get(i + 1).copied().or(after).map(|n| Span::new(file, n.start, scan.end_of(n.start)));
                let stuck = Stuck { at: piece.start + stuck.at, ..stuck };
                let mut damaged = Damaged { file, text, scan, diags, after_nonsense: nonsense, braces_lost: 0 };
                let saved = damaged.item(*piece, next, stuck);
                nonsense = matches!(saved, Saved::Nonsense);
                if let Saved::Item(item) = saved {
                    items.push(*item);
                }
            }
        }
    }
    items
}

/// What keeps a text from being looked at at all.
fn unreadable(file: FileId, text: &str) -> Option<Diagnostic> {
    if text.len() > MAX_BYTES {
        let message = format!("this file has {} bytes, and at most {MAX_BYTES} are read", text.len());
        let d = Diagnostic::new(Code::T0104, Span::new(file, 0, 0), message, "");
        return Some(d.help("split it into several files and `use` them"));
    }
    // A byte order mark at the beginning is none of the text.
    let hidden = |&(at, c): &(usize, char)| is_hidden(c) && !(at == 0 && c == '\u{feff}');
    let (at, found) = text.char_indices().find(hidden)?;
    let point = format!("U+{:04X}", found as u32);
    let (message, help) = match found {
        '\0' => ("this is not text: it holds a zero byte".to_string(), "give a text file in UTF-8".to_string()),
        c if c.is_control() => (
            format!("this is not text: it holds a control character ({point})"),
            "give a text file in UTF-8, without it".to_string(),
        ),
        c if turns_writing(c) => (
            format!("{point} turns the direction of writing, so that this text can look like another one"),
            format!("remove {point}: also in comments and texts a spec reads as it is written"),
        ),
        _ => (format!("{point} is not seen, so that this text is not what it looks like"), format!("remove {point}")),
    };
    let span = Span::new(file, at, at + found.len_utf8());
    Some(Diagnostic::new(Code::T0106, span, message, "").help(help))
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
    build: impl Fn(&Builder<'_>, Pairs<'_, Rule>) -> Option<T> + Sync,
) -> Option<T> {
    if let Some(d) = unreadable(file, text) {
        diags.push(d);
        return None;
    }
    let _held = limited(text.len());
    let work = |_| {
        let mut found = Diagnostics::default();
        let built = one_piece(file, text, rule, &mut found, &build);
        (built, found)
    };
    let (built, found) = on_large_stacks(1, work).pop()?;
    diags.extend(found);
    built
}

fn one_piece<T>(
    file: FileId,
    text: &str,
    rule: Rule,
    diags: &mut Diagnostics,
    build: impl Fn(&Builder<'_>, Pairs<'_, Rule>) -> Option<T>,
) -> Option<T> {
    let scan = scan::scan(file, text);
    let pieces = cut::items(&scan, text);
    if let Some(at) = pieces.iter().find_map(|p| p.too_deep) {
        let message = format!("more than {} brackets are open here", cut::MAX_DEPTH);
        diags.push(Diagnostic::new(Code::T0104, Span::new(file, at, at + 1), message, "nested too deeply"));
        return None;
    }
    let text = &*cut::joined(text, &scan, &pieces);
    match try_rule(rule, text) {
        Ok(pairs) => build(&Builder::new(file, 0, text, &scan, diags), pairs),
        Err(stuck) => {
            let view = cut::View { file, text, tokens: &scan.tokens };
            let brackets = cut::brackets(&view, None).faults;
            match brackets.into_iter().find_map(|f| f.1) {
                Some(fault) => diags.push(fault),
                None => diags.push(explain::expression(&view, &stuck)),
            }
            None
        }
    }
}

/// pest's limit is one for the process: whoever parses holds this.
static PARSING: Mutex<()> = Mutex::new(());

/// Limits the work on a text of `length` bytes.
fn limited(length: usize) -> MutexGuard<'static, ()> {
    let held = PARSING.lock().unwrap_or_else(PoisonError::into_inner);
    // The grammar is linear: some hundred calls a byte. The limit is there for the day when it is not.
    pest::set_call_limit(std::num::NonZeroUsize::new(100_000 + 2_000 * length));
    held
}

/// Parses `text` as `rule`; else the furthest place that made sense.
fn try_rule(rule: Rule, text: &str) -> Result<Pairs<'_, Rule>, Stuck> {
    Grammar::parse(rule, text).map_err(|e| {
        let at = match e.location {
            InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
        };
        let expected = match e.variant {
            ErrorVariant::ParsingError { positives, .. } => positives,
            ErrorVariant::CustomError { .. } => Vec::new(),
        };
        Stuck { at, expected }
    })
}

/// The name of a thread whose stack is large enough to parse on: the command line's own is.
pub const LARGE_STACK: &str = "trine";

/// Runs `work` for 0 to `count - 1`, each on a stack of a known size, and gives the results in order.
fn on_large_stacks<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let work = &work;
    // A thread for each of a dozen library files would cost more than their parsing.
    if count == 1 && std::thread::current().name() == Some(LARGE_STACK) {
        return vec![work(0)];
    }
    std::thread::scope(|scope| {
        let start = |n: usize| {
            let thread = std::thread::Builder::new().name(format!("parse {n}")).stack_size(STACK);
            (n, thread.spawn_scoped(scope, move || work(n)))
        };
        let threads: Vec<_> = (0..count).map(start).collect();
        let finish = |(n, thread): (usize, std::io::Result<ScopedJoinHandle<'_, T>>)| match thread {
            Ok(handle) => handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // No thread to be had: the stack at hand will do for all but the deepest texts.
            Err(_) => work(n),
        };
        threads.into_iter().map(finish).collect()
    })
}
