//! What is kept of a damaged item, and where its faults are found.
//!
//! The header is tried with an empty body, then each statement on its own. A statement that fails is reported, and a
//! stump of it is kept if its head is sound (`population h: [n] = ` and nothing known of the value), so that the names
//! that it defines are not reported again as unknown.

use super::cut::{Brackets, Piece, View, brackets, statements};
use super::explain::{self, Stuck};
use super::explain_item;
use super::scan::Scan;
use super::words::{FOREIGN_ITEMS, ITEMS, SETTINGS, is_statement};
use super::{Rule, build::Builder, try_rule};
use crate::diag::{Diagnostics, did_you_mean};
use crate::source::{FileId, Span};
use crate::syntax::ast::*;

pub struct Damaged<'a, 'd> {
    pub file: FileId,
    pub text: &'a str,
    pub scan: &'a Scan,
    pub diags: &'d mut Diagnostics,
    /// Whether the item before was no item at all: a run of such is reported once.
    pub after_nonsense: bool,
    /// Blocks whose `{` was forgotten: as many `}` close nothing, and are not at fault.
    pub braces_lost: usize,
}

/// What came of a damaged item.
pub enum Saved {
    Item(Box<Item>),
    Nothing,
    /// The piece does not even begin like an item.
    Nonsense,
}

impl Damaged<'_, '_> {
    pub fn item(&mut self, piece: Piece, next: Option<Span>, stuck: Stuck) -> Saved {
        let view = View { file: self.file, text: self.text, tokens: self.scan.within(piece.start, piece.end) };
        let known = self.diags.len();
        let brackets = brackets(&view, next);
        let word = view.word(0);
        let declared = ITEMS.iter().find(|w| w.0 == word).map(|w| w.0);
        let has_body = !matches!(word, "language" | "use" | "function");
        let body = view.find_outside("{").filter(|_| has_body);
        if declared.is_none() && (body.is_none() || meant_item(word).is_none()) {
            if !self.after_nonsense || meant_item(word).is_some() {
                self.diags.push(explain_item::nonsense(&view));
            }
            return if meant_item(word).is_some() { Saved::Nothing } else { Saved::Nonsense };
        }
        // The header ends with the line on which it is, unless the brace begins the next one.
        let below = view.outside().find(|&i| i > 0 && view.first(i) && view.word(i) != "{");
        let lost = below.filter(|&b| has_body && body.is_none_or(|open| open > b));
        let saved = match (body, lost) {
            (_, Some(below)) => self.without_brace(&view, &brackets, below),
            (Some(open), None) => self.with_body(&view, &brackets, open),
            (None, None) => None,
        };
        self.braces_lost += usize::from(lost.is_some());
        for (at, fault) in &brackets.faults {
            let closes_lost = self.braces_lost > 0 && view.word(*at) == "}";
            self.braces_lost -= usize::from(closes_lost);
            if let Some(fault) = fault.as_ref().filter(|_| !closes_lost) {
                self.diags.push(fault.clone());
            }
        }
        // Every refusal is explained, if not by a part then by the whole.
        if self.diags.len() == known {
            self.diags.push(explain_item::header(&view, body, &stuck));
        }
        saved.map_or(Saved::Nothing, |i| Saved::Item(Box::new(i)))
    }

    /// A declaration whose `{` was forgotten: its statements begin with token `below`.
    fn without_brace(&mut self, view: &View<'_>, brackets: &Brackets, below: usize) -> Option<Item> {
        self.diags.push(explain_item::no_brace(view, 0, below));
        let last = view.tokens.len() - 1;
        let end = if view.word(last) == "}" { last } else { last + 1 };
        let mut item = self.header(view, brackets, below);
        let body = self.block(view, brackets, below, end);
        give(&mut item, body, view.span(0).to(view.span(last)));
        item
    }

    fn with_body(&mut self, view: &View<'_>, brackets: &Brackets, open: usize) -> Option<Item> {
        let close = brackets.end[open].min(view.tokens.len());
        let mut item = self.header(view, brackets, open);
        let body = self.block(view, brackets, open + 1, close);
        if let Some(extra) = (close + 1..view.tokens.len()).find(|i| !brackets.faulty(*i..*i + 1)) {
            self.diags.push(explain_item::extra(view, extra));
        }
        give(&mut item, body, view.span(0).to(view.span(close.min(view.tokens.len().saturating_sub(1)))));
        item
    }

    /// Parses the header with an empty body; a misspelt declaration word is read as the one that was meant.
    fn header(&mut self, view: &View<'_>, brackets: &Brackets, open: usize) -> Option<Item> {
        let first = view.tokens.first()?;
        let rest = &self.text[first.end..view.tokens[open].start];
        let word = view.word(0);
        let known = ITEMS.iter().any(|i| i.0 == word);
        let meant = if known { word } else { meant_item(word)? };
        if !known {
            self.diags.push(explain_item::unknown_word(view));
        }
        let source = format!("{meant}{rest}{{}}");
        match try_rule(Rule::one_item, &source) {
            Ok(pairs) => {
                // Offsets count from where a word of another length would begin.
                let base = (first.end as isize) - meant.len() as isize;
                let builder = Builder::new(self.file, base, self.text, self.scan, self.diags);
                pairs.into_iter().find_map(|p| builder.item(p)).map(|mut i| {
                    i.doc = self.scan.doc(first.start);
                    i
                })
            }
            Err(stuck) => {
                let at = (first.end + stuck.at).saturating_sub(meant.len()).min(view.tokens[open].start);
                if !brackets.faulty(0..open) {
                    let stuck = Stuck { at, ..stuck };
                    self.diags.push(explain_item::header(view, Some(open), &stuck));
                }
                None
            }
        }
    }

    fn block(&mut self, view: &View<'_>, brackets: &Brackets, from: usize, to: usize) -> Vec<Stmt> {
        let mut out = Vec::new();
        for (a, b) in statements(view, brackets, from, to) {
            out.extend(self.statement(view, brackets, a, b));
        }
        out
    }

    fn statement(&mut self, view: &View<'_>, brackets: &Brackets, a: usize, b: usize) -> Vec<Stmt> {
        let start = view.tokens[a].start;
        let end = view.tokens[b - 1].end;
        let stuck = match try_rule(Rule::one_stmt, &self.text[start..end]) {
            Ok(pairs) => {
                let builder = Builder::new(self.file, start as isize, self.text, self.scan, self.diags);
                return pairs.into_iter().filter_map(|p| builder.stmt(p)).collect();
            }
            Err(stuck) => Stuck { at: start + stuck.at, ..stuck },
        };
        let word = meant_statement(&view.part(a, b));
        if matches!(word, "for" | "cell" | "part" | "dynamics") {
            // The last brace that is not in brackets: `for i in {1, 2} { ... }`.
            let part = view.part(a, b);
            let brace = part.outside().filter(|&i| part.word(i) == "{").last().map(|i| a + i);
            if let Some(open) = brace {
                return self.nested(view, brackets, (a, b), open, word).into_iter().collect();
            }
            if !brackets.faulty(a..b) && view.is_word(a + 1) {
                self.diags.push(explain_item::no_brace(view, a, b));
                self.braces_lost += 1;
                return Vec::new();
            }
        }
        // A bracket that is not closed has its own message.
        if !brackets.faulty(a..b) {
            self.diags.push(explain::statement(&view.part(a, b), &stuck));
        }
        self.stump(view, a, b).into_iter().collect()
    }

    /// A statement with a block of its own.
    fn nested(
        &mut self,
        view: &View<'_>,
        brackets: &Brackets,
        at: (usize, usize),
        open: usize,
        word: &str,
    ) -> Option<Stmt> {
        let (a, b) = at;
        let begin = view.tokens[a].end;
        let start = begin as isize - word.len() as isize;
        let close = brackets.end[open].min(b);
        let header = format!("{word}{}{{}}", &self.text[begin..view.tokens[open].start]);
        if word != view.word(a) {
            self.diags.push(explain::statement(&view.part(a, open), &Stuck::default()));
        }
        let head = match try_rule(Rule::one_stmt, &header) {
            Ok(pairs) => {
                let builder = Builder::new(self.file, start, self.text, self.scan, self.diags);
                pairs.into_iter().find_map(|p| builder.stmt(p))
            }
            Err(stuck) => {
                let at = (start + stuck.at as isize).max(0) as usize;
                let stuck = Stuck { at: at.min(view.tokens[open].start), ..stuck };
                self.diags.push(explain::statement(&view.part(a, open), &stuck));
                None
            }
        };
        let inner = self.block(view, brackets, open + 1, close);
        if close + 1 < b {
            self.diags.push(explain_item::extra(view, close + 1));
        }
        let mut head = head?;
        head.span = view.span(a).to(view.span(close.min(b - 1)));
        if let StmtKind::For { body, .. }
        | StmtKind::Cell { body, .. }
        | StmtKind::Part { body, .. }
        | StmtKind::Dynamics { body, .. } = &mut head.kind
        {
            *body = inner;
        }
        Some(head)
    }

    /// The head of a statement whose rest is damaged, with `ExprKind::Error` for what it would have been.
    fn stump(&mut self, view: &View<'_>, a: usize, b: usize) -> Option<Stmt> {
        let part = view.part(a, b);
        let cut = |signs: &[&str]| part.outside().find(|&i| i > 0 && signs.contains(&part.word(i)));
        let word = meant_statement(&part);
        let (at, tail) = match word {
            "update" | "each" => (cut(&["along"])?, "along ???"),
            "trace" => (cut(&["of"])?, "of ???, ???"),
            "move" => (1, "???"),
            "expect" | "claim" | "answer" | "source" | "split" | "choose" | "period" | "for" => return None,
            "weight" | "feedback" | "noise" | "draw" | "fixed" => {
                let at = cut(&["~", "="])?;
                (at, if part.word(at) == "~" { "~ ???" } else { "= ???" })
            }
            "phase" => (cut(&["=", "with"])?, ""),
            _ => match cut(&["=", "=="]) {
                Some(at) => (at, "= ???"),
                // The sign itself is what is missing.
                None if is_statement(word) && word != "train" => (explain::head(&part).1, "= ???"),
                None if SETTINGS.contains(&word) => (1, "= ???"),
                None => return None,
            },
        };
        let begin = part.tokens[0].end;
        let until = part.tokens.get(at).map_or(part.tokens[part.tokens.len() - 1].end, |t| t.start);
        let source = format!("{word}{} {tail}", &self.text[begin..until]);
        let pairs = try_rule(Rule::one_stmt, &source).ok()?;
        // What the builder finds wrong in the head is worth saying only if nothing else was said.
        let mut unheard = Diagnostics::default();
        let builder = Builder::new(self.file, begin as isize - word.len() as isize, self.text, self.scan, &mut unheard);
        let mut stmt = pairs.into_iter().find_map(|p| builder.stmt(p))?;
        stmt.span = part.span(0).to(part.span(part.tokens.len() - 1));
        forget(&mut stmt.kind);
        Some(stmt)
    }
}

/// Gives a header its statements.
fn give(item: &mut Option<Item>, statements: Vec<Stmt>, span: Span) {
    let Some(item) = item else { return };
    item.span = span;
    match &mut item.kind {
        ItemKind::Decl(d) => d.body = statements,
        ItemKind::Hypothesis { body, .. } => *body = statements,
        _ => {}
    }
}

/// Replaces the `???` of a stump: nobody shall be told of a hole that they did not write.
fn forget(kind: &mut StmtKind) {
    let blank = |e: &mut Expr| {
        if matches!(e.kind, ExprKind::Hole) {
            e.kind = ExprKind::Error;
        }
    };
    match kind {
        StmtKind::Population { value, .. }
        | StmtKind::Noise { value, .. }
        | StmtKind::Energy { value, .. }
        | StmtKind::Signal { value, .. }
        | StmtKind::Let { value, .. }
        | StmtKind::Draw { value, .. }
        | StmtKind::Measure { value, .. }
        | StmtKind::Derivative { value, .. }
        | StmtKind::Target { value, .. }
        | StmtKind::Surrogate { value, .. }
        | StmtKind::Set { value, .. } => blank(value),
        StmtKind::Weight { init: Init::Drawn(e) | Init::Value(e), .. }
        | StmtKind::Feedback { init: Some(Init::Drawn(e) | Init::Value(e)), .. }
        | StmtKind::Train(Train::For(e)) => blank(e),
        StmtKind::Move(value) => blank(value),
        StmtKind::State(held) => held.iter_mut().for_each(|h| blank(&mut h.value)),
        StmtKind::Update(u) => blank(&mut u.along),
        StmtKind::Trace { of, decay, .. } => {
            blank(of);
            blank(decay);
        }
        _ => {}
    }
}

/// The word that begins the statement, or the one that was meant.
fn meant_statement<'a>(part: &View<'a>) -> &'a str {
    let first = part.word(0);
    let misspelt = !is_statement(first) && part.is_word(1) && !SETTINGS.contains(&first);
    if misspelt { explain::meant_statement(first).unwrap_or(first) } else { first }
}

/// The declaration word that a stranger stands for.
pub fn meant_item(word: &str) -> Option<&'static str> {
    let foreign = FOREIGN_ITEMS.iter().find(|f| f.0 == word).map(|f| f.1);
    foreign.or_else(|| did_you_mean(word, ITEMS.iter().map(|i| i.0)))
}
