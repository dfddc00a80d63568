//! What is kept of a damaged item, and where its faults are found.
//!
//! The header is tried with an empty body, then each statement on its own. A statement that fails is reported, and a
//! stump of it is kept if its head is sound (`population h: [n] = ` and nothing known of the value), so that the names
//! that it defines are not reported again as unknown.

use super::cut::{Brackets, Piece, View, brackets, statements};
use super::explain::{self, Stuck};
use super::repair::{self, Repair};
use super::scan::Scan;
use super::words::{ITEMS, SETTINGS, is_statement};
use super::{Rule, build::Builder, try_rule};
use super::{explain_item, explain_sign};
use crate::diag::elsewhere::{self, At};
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
        let has_body = !matches!(declared.or(meant_item(word)), Some("language" | "use" | "function"));
        let (body, below) = brackets.body(&view);
        let body = body.filter(|_| has_body);
        if declared.is_none() && (!has_body || body.is_none() && below.is_none() || meant_item(word).is_none()) {
            if !self.after_nonsense || meant_item(word).is_some() {
                self.diags.push(explain_item::nonsense(&view));
            }
            return if meant_item(word).is_some() { Saved::Nothing } else { Saved::Nonsense };
        }
        // The header ends with the line on which it is, unless the brace begins the next one.
        let lost = below.filter(|_| has_body);
        let saved = match (body, lost) {
            (_, Some(below)) => self.without_brace(&view, &brackets, below),
            (Some(open), None) => self.with_body(&view, &brackets, open),
            (None, None) => {
                let sound = !has_body && !brackets.faults.iter().any(|f| f.1.is_some());
                match repair::repair(&view, "", Rule::one_item, &stuck).filter(|_| sound) {
                    Some(repair) => return self.repaired_item(repair, piece.start),
                    None => self.bodiless(&view, &brackets, &stuck, has_body),
                }
            }
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
        // `experiment name:`
        let head = below - usize::from(view.word(below - 1) == ":");
        // A text without its quote takes the brace along.
        let text = explain_sign::lexical(&view.part(0, head));
        self.diags.push(text.unwrap_or_else(|| explain_item::no_brace(view, 0, head, below)));
        let last = view.tokens.len() - 1;
        let end = if view.word(last) == "}" { last } else { last + 1 };
        let mut item = self.header(view, brackets, head);
        let body = self.block(view, brackets, below, end);
        give(&mut item, body, view.span(0).to(view.span(last)));
        item
    }

    /// A function whose body is at fault, or a declaration that has none: its name is known.
    fn bodiless(&mut self, view: &View<'_>, brackets: &Brackets, stuck: &Stuck, has_body: bool) -> Option<Item> {
        if !brackets.faults.iter().any(|f| f.1.is_some()) {
            let open = if has_body { None } else { view.find_outside("{") };
            self.diags.push(explain_item::header(view, open, stuck));
        }
        let equals = view.find_outside("=").filter(|_| view.word(0) == "function");
        let cuts = [equals, Some(2)];
        let tail = if has_body { "{}" } else { "(x: [..]) = ???" };
        let tails = [" = ???", tail];
        let known = view.is_word(1) && !matches!(view.word(0), "language" | "use");
        let mut item = cuts
            .into_iter()
            .zip(tails)
            .filter_map(|(cut, tail)| Some((cut.filter(|_| known)?, tail)))
            .find_map(|(cut, tail)| self.item_of(view, view.word(0), cut, tail, &mut Diagnostics::default()))?;
        item.span = view.span(0).to(view.span(view.tokens.len() - 1));
        if let ItemKind::Function { body, .. } = &mut item.kind {
            body.kind = ExprKind::Error;
        }
        Some(item)
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
        let stuck = match try_rule(Rule::one_item, &source) {
            Ok(_) => {
                let mut found = Diagnostics::default();
                let item = self.item_of(view, meant, open, "{}", &mut found);
                self.diags.extend(found);
                return item;
            }
            Err(stuck) => stuck,
        };
        let at = (first.end + stuck.at).saturating_sub(meant.len()).min(view.tokens[open].start);
        if !brackets.faulty(0..open) {
            let stuck = Stuck { at, ..stuck };
            self.diags.push(explain_item::header(view, Some(open), &stuck));
        }
        // Of a header at fault the name is kept, so that nothing is told of it where it is used.
        let named = view.is_word(1) && open > 1;
        named.then(|| self.item_of(view, meant, 2, "{}", &mut Diagnostics::default())).flatten()
    }

    /// The item that the tokens up to `cut` begin, its first word read as `meant`, with another rest.
    fn item_of(&self, view: &View<'_>, meant: &str, cut: usize, tail: &str, found: &mut Diagnostics) -> Option<Item> {
        let first = view.tokens.first()?;
        let until = view.tokens.get(cut).map_or(view.tokens.last()?.end, |t| t.start);
        let source = format!("{meant}{}{tail}", &self.text[first.end..until]);
        let pairs = try_rule(Rule::one_item, &source).ok()?;
        // Offsets count from where a word of another length would begin.
        let base = (first.end as isize) - meant.len() as isize;
        let builder = Builder::new(self.file, base, self.text, self.scan, found);
        let mut item = pairs.into_iter().find_map(|p| builder.item(p))?;
        item.doc = self.scan.doc(first.start);
        Some(item)
    }

    fn block(&mut self, view: &View<'_>, brackets: &Brackets, from: usize, to: usize) -> Vec<Stmt> {
        let mut out = Vec::new();
        let all = statements(view, brackets, from, to);
        let mut next = 0;
        while let Some(&(a, b)) = all.get(next) {
            next += 1;
            let word = meant_statement(&view.part(a, b));
            let block = matches!(word, "for" | "cell" | "part" | "dynamics") && view.is_word(a + 1);
            if !block || view.part(a, b).outside().any(|i| view.word(a + i) == "{") || brackets.faulty(a..b) {
                out.extend(self.statement(view, brackets, a, b));
                continue;
            }
            // A block whose brace is missing: what is indented further is its body.
            let inner = all[next..].iter().take_while(|s| view.tokens[s.0].indent > view.tokens[a].indent);
            let held: Vec<(usize, usize)> = inner.copied().collect();
            next += held.len();
            let head = b - usize::from(view.word(b - 1) == ":");
            self.diags.push(explain_item::no_brace(view, a, head, b.min(view.tokens.len() - 1)));
            self.braces_lost += 1;
            let body = held.into_iter().flat_map(|(a, b)| self.statement(view, brackets, a, b)).collect();
            out.extend(self.block_head(view, a, head, word).and_then(|s| with_statements(s, body)));
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
        if let Some(repair) = repair::repair(&view.part(a, b), "", Rule::one_stmt, &stuck) {
            let whole = self.repaired(repair, start);
            return if whole.is_empty() { self.stumps(view, a, b) } else { whole };
        }
        let word = meant_statement(&view.part(a, b));
        if matches!(word, "for" | "cell" | "part" | "dynamics") {
            // The last brace that is not in brackets: `for i in {1, 2} { ... }`.
            let part = view.part(a, b);
            let brace = part.outside().filter(|&i| part.word(i) == "{").last().map(|i| a + i);
            if let Some(open) = brace {
                return self.nested(view, brackets, (a, b), open, word).into_iter().collect();
            }
        }
        // A bracket that is not closed has its own message.
        if !brackets.faulty(a..b) {
            self.diags.push(explain::statement(&view.part(a, b), &stuck));
        }
        // `vary:` has a `}` that closes nothing.
        self.braces_lost += usize::from(explain::opens_list_with_colon(&view.part(a, b)).is_some());
        self.stumps(view, a, b)
    }

    /// An item without a block, with one word put right.
    fn repaired_item(&mut self, repair: Repair, start: usize) -> Saved {
        self.diags.push(repair.told);
        let Ok(pairs) = try_rule(Rule::one_item, &repair.text) else { return Saved::Nothing };
        let mut builder = Builder::new(self.file, start as isize, self.text, self.scan, self.diags);
        builder.edit = repair.edit;
        pairs.into_iter().find_map(|p| builder.item(p)).map_or(Saved::Nothing, |i| Saved::Item(Box::new(i)))
    }

    /// A statement as it is with one word put right.
    fn repaired(&mut self, repair: Repair, start: usize) -> Vec<Stmt> {
        self.diags.push(repair.told);
        let Ok(pairs) = try_rule(Rule::one_stmt, &repair.text) else { return Vec::new() };
        let mut builder = Builder::new(self.file, start as isize, self.text, self.scan, self.diags);
        builder.edit = repair.edit;
        pairs.into_iter().filter_map(|p| builder.stmt(p)).collect()
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
        let close = brackets.end[open].min(b);
        if word != view.word(a) {
            self.diags.push(explain::statement(&view.part(a, open), &Stuck::default()));
        }
        let head = self.block_head(view, a, open, word);
        let inner = self.block(view, brackets, open + 1, close);
        if close + 1 < b {
            self.diags.push(explain_item::extra(view, close + 1));
        }
        let mut head = head?;
        head.span = view.span(a).to(view.span(close.min(b - 1)));
        with_statements(head, inner)
    }

    /// The head `a..end` of a statement that holds a block. Of one at fault, what its statements define is to be known.
    fn block_head(&mut self, view: &View<'_>, a: usize, end: usize, word: &str) -> Option<Stmt> {
        let begin = view.tokens[a].end;
        let start = begin as isize - word.len() as isize;
        let until = view.tokens.get(end).map_or(view.tokens[view.tokens.len() - 1].end, |t| t.start);
        let parsed = |source: &str, diags: &mut Diagnostics| -> Result<Option<Stmt>, Stuck> {
            let pairs = try_rule(Rule::one_stmt, source)?;
            let builder = Builder::new(self.file, start, self.text, self.scan, diags);
            Ok(pairs.into_iter().find_map(|p| builder.stmt(p)))
        };
        let mut found = Diagnostics::default();
        let stuck = match parsed(&format!("{word}{}{{}}", &self.text[begin..until]), &mut found) {
            Ok(head) => {
                self.diags.extend(found);
                return head;
            }
            Err(stuck) => stuck,
        };
        let at = (start + stuck.at as isize).max(0) as usize;
        let stuck = Stuck { at: at.min(until), ..stuck };
        let repair = repair::repair(&view.part(a, end), "{}", Rule::one_stmt, &stuck);
        if let Some(repair) = repair.filter(|_| word == view.word(a)) {
            return self.repaired(repair, view.tokens[a].start).pop();
        }
        let name = if view.is_word(a + 1) { view.word(a + 1) } else { "i" };
        let range = if word == "for" { "in ??? " } else { "" };
        let mut head = parsed(&format!("{word} {name} {range}{{}}"), &mut Diagnostics::default()).ok().flatten();
        if let Some(StmtKind::For { range, .. }) = head.as_mut().map(|s| &mut s.kind) {
            range.kind = ExprKind::Error;
        }
        let at = (start + stuck.at as isize).max(0) as usize;
        let stuck = Stuck { at: at.min(until), ..stuck };
        let repair = repair::repair(&view.part(a, end), "{}", Rule::one_stmt, &stuck);
        if let Some(repair) = repair.filter(|_| word == view.word(a)) {
            return self.repaired(repair, view.tokens[a].start).pop().or(head);
        }
        self.diags.push(explain::statement(&view.part(a, end), &stuck));
        head
    }

    /// What is kept of a statement that is damaged. Those that list several things are kept as several.
    fn stumps(&self, view: &View<'_>, a: usize, b: usize) -> Vec<Stmt> {
        let part = view.part(a, b);
        if !matches!(part.word(0), "state" | "free") {
            return self.stump(&part, 0, part.tokens.len()).into_iter().collect();
        }
        let commas: Vec<usize> = part.outside().filter(|&i| part.word(i) == ",").collect();
        let starts = std::iter::once(1).chain(commas.iter().map(|c| c + 1));
        let ends = commas.iter().copied().chain([part.tokens.len()]);
        starts.zip(ends).filter(|(from, to)| from < to).filter_map(|(from, to)| self.stump(&part, from, to)).collect()
    }

    /// The head of a statement whose rest is damaged, with `ExprKind::Error` for what it would have been. Of a list, of the
    /// one that is `from..to`.
    fn stump(&self, part: &View<'_>, from: usize, to: usize) -> Option<Stmt> {
        let word = meant_statement(part);
        let own = part.part(from.max(1), to);
        let (own_from, last) = (from.max(1), part.tokens.get(to.checked_sub(1)?)?);
        let tails: &[&str] = match word {
            "expect" | "claim" | "answer" | "source" | "split" | "choose" | "period" | "for" => return None,
            "update" | "each" => &["along ???"],
            "trace" => &["of ???, ???"],
            "move" => &["???"],
            "weight" => &["~ ???", "= ???", ": Real = ???"],
            "feedback" => &["like ???", "~ ???", "= ???"],
            "noise" | "draw" | "fixed" => &["~ ???", ": Real ~ ???"],
            "free" => &["from ???"],
            "phase" => &[""],
            _ if is_statement(word) && word != "train" => &["= ???"],
            _ if part.find_outside("=").or(part.find_outside("==")).is_some() || SETTINGS.contains(&word) => &["= ???"],
            _ => return None,
        };
        // As much of it as can be read: up to its sign, or of its head alone.
        const SIGNS: [&str; 9] = ["=", "==", "~", "along", "of", "from", "like", "with", "in"];
        let sign = own.outside().find(|&i| SIGNS.contains(&own.word(i)));
        let words = explain::head(&part.part(own_from - 1, to)).1.saturating_sub(1);
        let cuts = sign.into_iter().chain((0..=words.min(MOST_OF_A_HEAD)).rev());
        let begin = own.tokens.first().map_or(part.tokens[0].end, |t| t.start);
        let before = (begin as isize) - word.len() as isize - 1;
        for cut in cuts.filter(|&c| c <= own.tokens.len()) {
            let until = own.tokens.get(cut).map_or(last.end, |t| t.start).max(begin);
            for tail in tails {
                let source = format!("{word} {} {tail}", &self.text[begin..until]);
                let Ok(pairs) = try_rule(Rule::one_stmt, &source) else { continue };
                // What the builder finds wrong in the head is worth saying only if nothing else was said.
                let mut unheard = Diagnostics::default();
                let builder = Builder::new(self.file, before, self.text, self.scan, &mut unheard);
                let Some(mut stmt) = pairs.into_iter().find_map(|p| builder.stmt(p)) else { continue };
                stmt.span = part.span(0).to(part.span(part.tokens.len() - 1));
                forget(&mut stmt.kind);
                return Some(stmt);
            }
        }
        None
    }
}

/// So many tokens of a head are tried.
const MOST_OF_A_HEAD: usize = 24;

/// A statement that holds a block, with its statements.
fn with_statements(mut head: Stmt, statements: Vec<Stmt>) -> Option<Stmt> {
    if let StmtKind::For { body, .. }
    | StmtKind::Cell { body, .. }
    | StmtKind::Part { body, .. }
    | StmtKind::Dynamics { body, .. } = &mut head.kind
    {
        *body = statements;
    }
    Some(head)
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
        StmtKind::Feedback { shape: ShapeOf::Like(like), init, .. } => {
            blank(like);
            if let Some(Init::Drawn(e) | Init::Value(e)) = init {
                blank(e);
            }
        }
        StmtKind::Weight { init: Init::Drawn(e) | Init::Value(e), .. }
        | StmtKind::Feedback { init: Some(Init::Drawn(e) | Init::Value(e)), .. }
        | StmtKind::Train(Train::For(e)) => blank(e),
        StmtKind::Move(value) => blank(value),
        StmtKind::State(held) => held.iter_mut().for_each(|h| blank(&mut h.value)),
        StmtKind::Free(list) => list.iter_mut().for_each(|f| blank(&mut f.1)),
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
    let foreign = elsewhere::find(At::Item, word).map(|f| f.here);
    foreign.or_else(|| did_you_mean(word, ITEMS.iter().map(|i| i.0)))
}
