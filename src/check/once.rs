//! Nothing is said twice: one rule for the names, settings and statements of every block. What is said again is told with
//! both places and left out, so that only the first of them counts from here on.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ir::program::Param;
use crate::model::order::children;
use crate::source::Span;
use crate::syntax::ast::{self, Assign, AssignOp, DeclKind, Expr, ExprKind, Head, Ident, SettleOption, Stmt, StmtKind};
use crate::syntax::print::{expr_text, stmt_text};
use std::collections::HashMap;

/// Where a block may say something once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Of(DeclKind),
    /// `cell`, `relax` and `dynamics`: names are their own.
    Inner,
}

/// Leaves out of a declaration's body what it says again.
pub fn once(kind: DeclKind, params: &[Param], body: &mut Vec<Stmt>, diags: &mut Diagnostics) {
    let place = |p: &Param| (p.name.clone(), Place { at: p.span, clause: false });
    let mut said = Said { outer: None, places: params.iter().map(place).collect() };
    said.block(Block::Of(kind), body, diags);
}

/// Leaves out of a hypothesis what it claims again.
pub fn claimed_once(body: &mut Vec<Stmt>, diags: &mut Diagnostics) {
    inner_block(body, diags);
}

/// What has been said in a block and in those around it.
struct Said<'o> {
    outer: Option<&'o Said<'o>>,
    places: HashMap<String, Place>,
}

#[derive(Clone, Copy)]
struct Place {
    at: Span,
    /// A clause of a signal, of which there may be several.
    clause: bool,
}

impl Said<'_> {
    fn find(&self, key: &str) -> Option<Place> {
        // A numbered name of another block is of other numbers.
        let outer = self.outer.filter(|_| !key.ends_with(']'));
        self.places.get(key).copied().or_else(|| outer.and_then(|o| o.find(key)))
    }

    /// Notes what is said; false, and both places are told, where it was said before.
    fn say(&mut self, key: String, shown: &str, at: Span, diags: &mut Diagnostics) -> bool {
        match self.find(&key) {
            Some(first) => {
                diags.push(Diagnostic::twice(shown, at, first.at));
                false
            }
            None => {
                self.places.insert(key, Place { at, clause: false });
                true
            }
        }
    }

    /// A name, which no other thing of the block has; `h[1]` and `h[2]` are two.
    fn name(&mut self, head: &Head, diags: &mut Diagnostics) -> bool {
        let index = head.index.as_ref().map(|i| format!("[{}]", expr_text(i)));
        let whole = format!("{}{}", head.name.name, index.as_deref().unwrap_or_default());
        // `h` beside `h[1]` would be two things of one name.
        let bare = index.is_some().then(|| self.find(&head.name.name)).flatten();
        let numbered = self.places.iter().filter(|(k, _)| index.is_none() && is_numbered(k, &head.name.name));
        let numbered = numbered.map(|(_, p)| *p).min_by_key(|p| p.at.start);
        if let Some(first) = bare.or(numbered) {
            diags.push(Diagnostic::twice(&head.name.name, head.name.span, first.at));
            return false;
        }
        self.arguments(head, diags) && self.say(whole.clone(), &whole, head.name.span, diags)
    }

    fn ident(&mut self, name: &Ident, diags: &mut Diagnostics) -> bool {
        self.say(name.name.clone(), &name.name, name.span, diags)
    }

    /// The letters of a head, `B(p, q)`.
    fn arguments(&self, head: &Head, diags: &mut Diagnostics) -> bool {
        let again = |(i, a): (usize, &Ident)| head.args[..i].iter().find(|b| b.name == a.name).map(|b| b.span);
        match head.args.iter().enumerate().find_map(|x| again(x).map(|first| (x.1, first))) {
            Some((name, first)) => {
                diags.push(Diagnostic::twice(&name.name, name.span, first));
                false
            }
            None => true,
        }
    }

    /// A setting or a statement, apart from names: `loss = ...`, `move ...`, `split train ...`.
    fn statement(&mut self, key: &str, at: Span, diags: &mut Diagnostics) -> bool {
        self.say(format!("{key} ="), key, at, diags)
    }

    /// A statement of which there may be several: never the same one. What is claimed again would be tested again, and
    /// what is moved again be moved twice as far.
    fn whole(&mut self, word: &str, s: &Stmt, diags: &mut Diagnostics) -> bool {
        // What has a fault is not known to be the same.
        let within = |at: Span| at.file == s.span.file && s.span.start <= at.start && at.end <= s.span.end;
        if diags.iter().any(|d| within(d.span())) {
            return true;
        }
        self.say(format!("{}\n", stmt_text(s)), &format!("{word} ..."), s.span, diags)
    }

    fn block(&mut self, block: Block, body: &mut Vec<Stmt>, diags: &mut Diagnostics) {
        body.retain_mut(|s| {
            let kept = self.stmt(block, s, diags);
            // In an architecture and the like the value of a population may be a block.
            if let StmtKind::Population { value: Expr { kind: ExprKind::Relax(inner), .. }, .. } = &mut s.kind {
                inner_block(inner, diags);
            }
            kept
        });
        // Projections have names of their own, and are read beside populations.
        let mut named = Vec::new();
        for s in body.iter() {
            if let StmtKind::Population { value, .. } | StmtKind::Let { value, .. } | StmtKind::Set { value, .. } =
                &s.kind
            {
                projections(value, &mut named);
            }
        }
        for name in named {
            if let Some(first) = self.places.get(&name.name) {
                diags.push(Diagnostic::twice(&name.name, name.span, first.at));
            }
        }
    }

    /// Whether a statement, or something of it, is to be kept.
    fn stmt(&mut self, block: Block, s: &mut Stmt, diags: &mut Diagnostics) -> bool {
        let at = s.span;
        match &mut s.kind {
            StmtKind::Population { head, .. } | StmtKind::Let { head, .. } => self.name(head, diags),
            StmtKind::Feedback { head, .. } | StmtKind::Noise { head, .. } | StmtKind::Trace { head, .. } => {
                self.name(head, diags)
            }
            StmtKind::Weight { name, .. } | StmtKind::Energy { name, .. } | StmtKind::Draw { name, .. } => {
                self.ident(name, diags)
            }
            StmtKind::State(list) => kept(list, |x| self.name(&x.head, diags)),
            StmtKind::Free(list) => kept(list, |x| self.name(&x.0, diags)),
            StmtKind::Signal { head, guard, .. } => self.clause(head, guard.as_ref(), diags),
            StmtKind::For { var, body, .. } => {
                let mut inner = Said { outer: Some(self), places: HashMap::new() };
                inner.ident(var, diags);
                inner.block(block, body, diags);
                true
            }
            StmtKind::Cell { name, body, .. } => {
                inner_block(body, diags);
                self.ident(name, diags)
            }
            StmtKind::Dynamics { name, body } => {
                inner_block(body, diags);
                self.ident(name, diags)
            }
            // The statements of a part are the rule's.
            StmtKind::Part { name, body } => {
                self.block(block, body, diags);
                self.statement(&format!("part {}", name.name), name.span, diags)
            }
            StmtKind::Phase(p) => {
                let options = match &mut p.body {
                    ast::PhaseBody::Plain => None,
                    ast::PhaseBody::Settle { options, .. } | ast::PhaseBody::Relax { options, .. } => Some(options),
                };
                settle_options(options, diags);
                changes(&mut p.with, diags);
                self.ident(&p.name, diags)
            }
            StmtKind::Update(u) => {
                changes(&mut u.then, diags);
                self.whole("update", s, diags)
            }
            StmtKind::Expect(_) => self.whole("expect", s, diags),
            StmtKind::Claim { .. } => self.whole("claim", s, diags),
            StmtKind::Measure { name, with, .. } => {
                changes(with, diags);
                self.statement(&format!("measure {}", name.name), name.span, diags)
            }
            StmtKind::Move(_) => self.statement("move", at, diags),
            StmtKind::Answer { .. } => self.statement("answer", at, diags),
            StmtKind::Source(source) => {
                columns(source, diags);
                self.statement("source", at, diags)
            }
            StmtKind::Stream => self.statement("stream", at, diags),
            StmtKind::Split(list) => kept(list, |x| self.statement(&format!("split {}", x.0.name), x.0.span, diags)),
            StmtKind::Train(train) => {
                stages(train, diags);
                self.statement("train", at, diags)
            }
            StmtKind::Target { output, .. } => self.statement(&format!("target {}", output.name), output.span, diags),
            StmtKind::Derivative { head, .. } => {
                let args: Vec<&str> = head.args.iter().map(|a| a.name.as_str()).collect();
                let args = if args.is_empty() { String::new() } else { format!("({})", args.join(", ")) };
                self.statement(&format!("{}{args}", head.name.name), head.span, diags)
            }
            StmtKind::Set { target: Expr { kind: ExprKind::Name(name), span }, ty, .. } => match block {
                // A step of an optimizer may be taken again.
                Block::Of(DeclKind::Optimizer | DeclKind::Rule | DeclKind::Neuron) => true,
                Block::Of(DeclKind::Task | DeclKind::Architecture) => self.say(name.clone(), name, *span, diags),
                _ if ty.is_some() => true,
                _ => self.statement(name, *span, diags),
            },
            _ => true,
        }
    }

    /// `signal s(n) where c = e`: another clause has another condition, and comes before the one without.
    fn clause(&mut self, head: &Head, guard: Option<&Expr>, diags: &mut Diagnostics) -> bool {
        let always = format!("signal {}", head.name.name);
        if let Some(first) = self.places.get(&always) {
            let m = format!("this clause of `{}` never counts: the one above holds everywhere", head.name.name);
            let d = Diagnostic::new(Code::T0202, head.span, m, "").also(first.at, "says no `where`");
            diags.push(d.help("of several clauses the first that holds counts: write those with `where` first"));
            return false;
        }
        match self.find(&head.name.name) {
            Some(first) if !first.clause => return self.name(head, diags),
            Some(_) => {}
            None => {
                if !self.name(head, diags) {
                    return false;
                }
                self.places.insert(head.name.name.clone(), Place { at: head.name.span, clause: true });
            }
        }
        match guard {
            Some(g) => {
                let condition = letters_by_place(&expr_text(g), &head.args);
                let shown = format!("signal {} where {}", head.name.name, expr_text(g));
                self.say(format!("{always} where {condition}"), &shown, head.span, diags)
            }
            None => self.say(always, &format!("signal {}", head.name.name), head.span, diags),
        }
    }
}

/// The names of a cell, of `relax` and of `dynamics` are their own.
fn inner_block(body: &mut Vec<Stmt>, diags: &mut Diagnostics) {
    Said { outer: None, places: HashMap::new() }.block(Block::Inner, body, diags);
}

/// Keeps of a list what is said first; whether there is any.
fn kept<T>(list: &mut Vec<T>, keep: impl FnMut(&T) -> bool) -> bool {
    list.retain(keep);
    !list.is_empty()
}

/// Whether a name is a numbered one of these: `h[i]`.
fn is_numbered(name: &str, of: &str) -> bool {
    name.strip_prefix(of).is_some_and(|rest| rest.starts_with('['))
}

/// A condition in which letters are told by their place in the head: clauses may name them differently.
fn letters_by_place(text: &str, letters: &[Ident]) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        match letters.iter().position(|l| l.name == word) {
            Some(i) => out += &format!("${i}"),
            None => out += &word,
        }
        word.clear();
        out.push(c);
    }
    out
}

/// What one list of names or changes says, apart from all others.
fn once_each<T>(list: &mut Vec<T>, said: impl Fn(&T) -> Option<(String, Span)>, diags: &mut Diagnostics) {
    let mut places: HashMap<String, Span> = HashMap::new();
    list.retain(|x| {
        let Some((key, at)) = said(x) else { return true };
        match places.get(&key) {
            Some(first) => {
                diags.push(Diagnostic::twice(&key, at, *first));
                false
            }
            None => places.insert(key, at).is_none(),
        }
    });
}

/// `n.rate = e` at one place under one condition; what is added may be added again.
fn changes(list: &mut Vec<Assign>, diags: &mut Diagnostics) {
    let said = |a: &Assign| {
        let guard = a.guard.as_ref().map_or(String::new(), |g| format!(" where {}", expr_text(g)));
        (a.op == AssignOp::Set).then(|| (format!("{} ={guard}", expr_text(&a.target)), a.target.span))
    };
    once_each(list, said, diags);
}

fn settle_options(options: Option<&mut Vec<SettleOption>>, diags: &mut Diagnostics) {
    let said = |o: &SettleOption| match o {
        SettleOption::Value(_) => None,
        SettleOption::Until(e) => Some(("until".into(), e.span)),
        SettleOption::AtMost(e) => Some(("at most".into(), e.span)),
        SettleOption::Within(e) => Some(("within".into(), e.span)),
        SettleOption::From(name) => Some(("from".into(), name.span)),
    };
    if let Some(options) = options {
        once_each(options, said, diags);
    }
}

fn columns(source: &mut ast::Source, diags: &mut Diagnostics) {
    if let ast::Source::Table { columns, .. } = source {
        // The rows have a value for each of them, so none is left out.
        once_each(&mut columns.clone(), |c| Some((c.name.clone(), c.span)), diags);
    }
}

fn stages(train: &mut ast::Train, diags: &mut Diagnostics) {
    let ast::Train::Stages(stages) = train else { return };
    for s in stages.iter_mut() {
        once_each(&mut s.parts, |p| Some((p.name.clone(), p.span)), diags);
        once_each(&mut s.settings, |a| Some((expr_text(&a.target), a.target.span)), diags);
    }
    once_each(stages, |s| Some((s.name.name.clone(), s.name.span)), diags);
}

/// The labels of braces, `{ encoder: a(), readout: b() }`, and of `vary`, where a value without one is its own.
pub fn labels(entries: &mut Vec<ast::Entry>, diags: &mut Diagnostics) {
    let said = |x: &ast::Entry| match (&x.label, &x.value.kind) {
        (Some(l), _) => (l.name.clone(), l.span),
        // One number may be written in several ways.
        (None, ExprKind::Number { value, unit, .. }) => {
            let unit = unit.as_ref().map_or(String::new(), |u| format!(" {}", u.name));
            (format!("{value}{unit}"), x.value.span)
        }
        (None, _) => (expr_text(&x.value), x.value.span),
    };
    once_each(entries, |x| Some(said(x)), diags);
}

/// The names that `as` gives to projections within an expression.
fn projections<'e>(e: &'e Expr, out: &mut Vec<&'e Ident>) {
    if let ExprKind::As(_, name) = &e.kind {
        out.push(name);
    }
    children(e, &mut |x| projections(x, out));
}
