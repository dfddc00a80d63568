//! Statements: from the grammar's pairs to the tree, a function for each form that is more than a line.

use pest::iterators::Pair;

use super::Rule;
use super::build::{Builder, Parts};
use super::expr::one_way;
use super::words::{RESERVED, form, is_statement};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::*;

impl Builder<'_> {
    pub fn stmt(&self, pair: Pair<'_, Rule>) -> Option<Stmt> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        if rule == Rule::EOI {
            return None;
        }
        if rule == Rule::set && self.nameless(pair.as_str(), span) {
            return None;
        }
        let parts = &mut Parts::of(pair);
        let kind = match rule {
            Rule::for_ => {
                StmtKind::For { var: self.name(parts), range: self.next_expr(parts), body: self.block_of(parts) }
            }
            Rule::cell => {
                StmtKind::Cell { name: self.name(parts), ty: self.some_ty(parts), body: self.block_of(parts) }
            }
            Rule::part => StmtKind::Part { name: self.name(parts), body: self.block_of(parts) },
            Rule::dynamics => StmtKind::Dynamics { name: self.name(parts), body: self.block_of(parts) },
            Rule::population => self.population(parts),
            Rule::weight => {
                let (name, ty) = (self.name(parts), self.ty_of(parts));
                let init = self.init(parts).unwrap_or_else(|| Init::Value(self.expr_or_error(None)));
                StmtKind::Weight { name, ty, init }
            }
            Rule::state => StmtKind::State(parts.get_all(Rule::held).into_iter().map(|h| self.held(h)).collect()),
            Rule::feedback => {
                let (head, guard) = (self.head(parts), self.some_guard(parts));
                let shape = self.shape(parts).unwrap_or_else(|| ShapeOf::Like(self.expr_or_error(None)));
                StmtKind::Feedback { head, guard, shape, init: self.init(parts) }
            }
            Rule::noise => {
                let (head, shape) = (self.head(parts), self.shape(parts));
                parts.get(Rule::drawn);
                StmtKind::Noise { head, shape, value: self.next_expr(parts) }
            }
            Rule::free => {
                let heads =
                    std::iter::from_fn(|| parts.get(Rule::head).map(|h| (self.head_of(h), self.next_expr(parts))));
                StmtKind::Free(heads.collect())
            }
            Rule::trace => {
                let (head, guard) = (self.head(parts), self.some_guard(parts));
                StmtKind::Trace { head, guard, of: self.next_expr(parts), decay: self.next_expr(parts) }
            }
            Rule::energy => StmtKind::Energy { name: self.name(parts), value: self.next_expr(parts) },
            Rule::signal => {
                StmtKind::Signal { head: self.head(parts), guard: self.some_guard(parts), value: self.next_expr(parts) }
            }
            Rule::let_ => StmtKind::Let { head: self.head(parts), value: self.next_expr(parts) },
            Rule::phase => StmtKind::Phase(self.phase(parts)),
            Rule::update => StmtKind::Update(self.update(parts)),
            Rule::move_ => StmtKind::Move(self.next_expr(parts)),
            Rule::answer => {
                StmtKind::Answer { phase: self.name(parts), change: parts.get(Rule::assign).map(|a| self.assign(a)) }
            }
            Rule::period => StmtKind::Period(self.named_values(parts)),
            Rule::split => StmtKind::Split(self.named_values(parts)),
            Rule::choose => StmtKind::Choose(parts.get_all(Rule::bind).into_iter().map(|b| self.bind(b)).collect()),
            Rule::source => StmtKind::Source(self.source(parts)),
            Rule::draw => {
                let fixed = parts.get(Rule::fixed).is_some();
                let (name, ty) = (self.name(parts), self.ty_of(parts));
                parts.get(Rule::drawn);
                StmtKind::Draw { fixed, name, ty, value: self.next_expr(parts) }
            }
            Rule::stream => StmtKind::Stream,
            Rule::measure => self.measure(parts),
            Rule::train => StmtKind::Train(self.train(parts)),
            Rule::expect => StmtKind::Expect(self.expect(parts)),
            Rule::claim => StmtKind::Claim {
                subject: self.next_expr(parts),
                relation: parts.get(Rule::relation).map(|r| self.relation(r)),
            },
            Rule::derivative => StmtKind::Derivative { head: self.head(parts), value: self.next_expr(parts) },
            Rule::target => StmtKind::Target { output: self.name(parts), value: self.next_expr(parts) },
            Rule::surrogate => StmtKind::Surrogate { name: self.name(parts), value: self.next_expr(parts) },
            Rule::set => self.set(parts),
            _ => return None,
        };
        Some(Stmt { doc: self.scan.doc(span.start as usize), span, kind })
    }

    /// `let = e`: read as a setting, and meant as a statement whose name is missing.
    fn nameless(&self, text: &str, span: Span) -> bool {
        let word = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
        let is = is_statement(word) && RESERVED.contains(&word);
        if is {
            let at = Span { end: span.start + word.len() as u32, ..span };
            let d = Diagnostic::new(Code::T0101, at, format!("`{word}` needs a name"), "needed behind this");
            self.report(d.help(format!("the form is `{}`", form(word).unwrap_or(word))));
        }
        is
    }

    /// The expression that comes next, past the sign before it.
    fn next_expr(&self, parts: &mut Parts<'_>) -> Expr {
        parts.get(Rule::eq);
        self.expr_or_error(parts.get(Rule::expr))
    }

    fn some_ty(&self, parts: &mut Parts<'_>) -> Option<Type> {
        parts.get(Rule::ty).map(|t| self.ty(t))
    }

    fn some_guard(&self, parts: &mut Parts<'_>) -> Option<Expr> {
        parts.get(Rule::where_).map(|w| self.guard(w))
    }

    fn head(&self, parts: &mut Parts<'_>) -> Head {
        let none = || Head { name: self.no_name(), args: vec![], index: None, span: self.no_name().span };
        parts.get(Rule::head).map_or_else(none, |h| self.head_of(h))
    }

    fn head_of(&self, pair: Pair<'_, Rule>) -> Head {
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        let name = self.name(&mut parts);
        let args = parts.get_all(Rule::name).into_iter().map(|a| self.ident(a)).collect();
        Head { name, args, index: parts.get(Rule::expr).map(|e| Box::new(self.expr(e))), span }
    }

    fn population(&self, parts: &mut Parts<'_>) -> StmtKind {
        let output = parts.get(Rule::output).is_some();
        let (head, ty, value) = (self.head(parts), self.some_ty(parts), self.next_expr(parts));
        let (mut after, mut from) = (Vec::new(), None);
        for part in parts {
            match part.as_rule() {
                Rule::expr => after.push(self.expr(part)),
                _ => from = Some(self.guard(part)),
            }
        }
        StmtKind::Population { output, head, ty, value, after, from }
    }

    fn init(&self, parts: &mut Parts<'_>) -> Option<Init> {
        let mut parts = Parts::of(parts.get(Rule::init)?);
        let drawn = parts.get(Rule::drawn).is_some();
        let value = self.next_expr(&mut parts);
        Some(if drawn { Init::Drawn(value) } else { Init::Value(value) })
    }

    fn held(&self, pair: Pair<'_, Rule>) -> StateInit {
        let parts = &mut Parts::of(pair);
        StateInit { head: self.head(parts), shape: self.shape(parts), value: self.next_expr(parts) }
    }

    fn shape(&self, parts: &mut Parts<'_>) -> Option<ShapeOf> {
        let mut parts = Parts::of(parts.get(Rule::shape)?);
        Some(match parts.get(Rule::ty) {
            Some(t) => ShapeOf::Type(self.ty(t)),
            None => ShapeOf::Like(self.next_expr(&mut parts)),
        })
    }

    fn bind(&self, pair: Pair<'_, Rule>) -> (Ident, Expr) {
        let parts = &mut Parts::of(pair);
        (self.name(parts), self.next_expr(parts))
    }

    /// `name value, name value`
    fn named_values(&self, parts: &mut Parts<'_>) -> Vec<(Ident, Expr)> {
        std::iter::from_fn(|| parts.get(Rule::name).map(|n| (self.ident(n), self.next_expr(parts)))).collect()
    }

    fn phase(&self, parts: &mut Parts<'_>) -> Phase {
        let name = self.name(parts);
        let index = parts.get(Rule::bind).map(|b| self.bind(b));
        parts.get(Rule::eq);
        let body = if let Some(settle) = parts.get(Rule::settle) {
            let mut inner = Parts::of(settle);
            let (variable, on) = (self.name(&mut inner), self.next_expr(&mut inner));
            PhaseBody::Settle { variable, on, options: self.options(inner) }
        } else if let Some(relax) = parts.get(Rule::relax) {
            let mut inner = Parts::of(relax);
            PhaseBody::Relax { dynamics: self.name(&mut inner), options: self.options(inner) }
        } else {
            PhaseBody::Plain
        };
        let with = parts.get(Rule::changes).map(|c| self.changes(c)).unwrap_or_default();
        Phase { name, index, body, with }
    }

    fn options(&self, parts: Parts<'_>) -> Vec<SettleOption> {
        let option = |pair: Pair<'_, Rule>| {
            let part = pair.into_inner().next()?;
            Some(match part.as_rule() {
                Rule::start_at => SettleOption::From(self.name(&mut Parts::of(part))),
                Rule::until => SettleOption::Until(self.guard(part)),
                Rule::at_most => SettleOption::AtMost(self.guard(part)),
                Rule::within => SettleOption::Within(self.guard(part)),
                _ => SettleOption::Value(self.expr(part)),
            })
        };
        parts.filter_map(option).collect()
    }

    fn assigns(&self, pair: Pair<'_, Rule>) -> Vec<Assign> {
        Parts::of(pair).map(|a| self.assign(a)).collect()
    }

    fn assign(&self, pair: Pair<'_, Rule>) -> Assign {
        let span = self.span(&pair);
        let parts = &mut Parts::of(pair);
        let target = self.place_of(parts);
        let op = match parts.get(Rule::assign_op).map(|o| o.as_str()) {
            Some("+=") => AssignOp::Add,
            Some("-=") => AssignOp::Subtract,
            _ => AssignOp::Set,
        };
        Assign { target, op, value: self.next_expr(parts), guard: None, span }
    }

    /// What a phase changes, each with its guard.
    fn changes(&self, pair: Pair<'_, Rule>) -> Vec<Assign> {
        let change = |pair: Pair<'_, Rule>| {
            let span = self.span(&pair);
            let parts = &mut Parts::of(pair);
            let assign = parts.get(Rule::assign).map(|a| self.assign(a))?;
            Some(Assign { guard: self.some_guard(parts), span, ..assign })
        };
        Parts::of(pair).filter_map(change).collect()
    }

    fn place_of(&self, parts: &mut Parts<'_>) -> Expr {
        match parts.get(Rule::place) {
            Some(p) => self.place(p),
            None => self.expr_or_error(None),
        }
    }

    fn update(&self, parts: &mut Parts<'_>) -> Update {
        let of_phase = |e: Pair<'_, Rule>| EachStep::Step(Parts::of(e).get(Rule::name).map(|n| self.ident(n)));
        let each = parts.get(Rule::each).map(of_phase);
        let (target, guard, along) = (self.place_of(parts), self.some_guard(parts), self.next_expr(parts));
        let by = parts.get(Rule::by).map(|b| self.guard(b));
        let every = parts.get(Rule::every_k).map(|e| (self.span(&e), EachStep::Every(self.guard(e))));
        if let (Some(_), Some((span, _))) = (&each, &every) {
            let d = Diagnostic::new(Code::T0101, *span, "an update is either `each step` or `every` so many", "");
            self.report(d.help("leave one of the two out"));
        }
        let then = parts.get(Rule::then).map(|t| self.assigns(t)).unwrap_or_default();
        Update { each: each.or(every.map(|e| e.1)), target, guard, along, by, then }
    }

    fn source(&self, parts: &mut Parts<'_>) -> Source {
        let Some(table) = parts.get(Rule::table) else {
            return Source::Call(self.next_expr(parts));
        };
        let span = self.span(&table);
        let mut inner = Parts::of(table);
        let columns = inner.get_all(Rule::name).into_iter().map(|c| self.ident(c)).collect();
        let rows = inner.map(|row| Parts::of(row).map(|e| self.expr(e)).collect()).collect();
        Source::Table { columns, rows, span }
    }

    fn measure(&self, parts: &mut Parts<'_>) -> StmtKind {
        let (name, value) = (self.name(parts), self.next_expr(parts));
        let with = parts.get(Rule::changes).map(|c| self.changes(c)).unwrap_or_default();
        let on = parts.get(Rule::name).map(|n| self.ident(n));
        StmtKind::Measure { name, value, with, on, every: parts.get(Rule::every).map(|e| self.every(e)) }
    }

    fn every(&self, pair: Pair<'_, Rule>) -> Every {
        let parts = &mut Parts::of(pair);
        let numeral = parts.get(Rule::numeral);
        let count = numeral.as_ref().map_or(Some(1.0), |d| self.numeral(d)).unwrap_or(1.0);
        let mut unit = self.name(parts);
        if !["epoch", "epochs", "step", "steps"].contains(&unit.name.as_str()) {
            let message = format!("a measure is taken every so many epochs or steps, and not every `{}`", unit.name);
            self.report(
                Diagnostic::new(Code::T0105, unit.span, message, "").help("write `every epoch` or `every 10 steps`"),
            );
        }
        let whole = count >= 1.0 && count.fract() == 0.0 && count < 1e12;
        let numeral = numeral.filter(|_| !whole);
        if let Some(n) = &numeral {
            let m = format!("a measure is taken every whole number of {}, and not every {}", unit.name, n.as_str());
            let next = count.ceil().clamp(1.0, 1e6);
            let d = Diagnostic::new(Code::T0105, self.span(n), m, "");
            self.report(d.help(format!("write `every {next} {}`", unit.name)));
        }
        let count = if numeral.is_some() { 1.0 } else { count };
        // `every epoch`, `every 2 epochs`: the number of the word follows from the number.
        unit.name = format!("{}{}", unit.name.trim_end_matches('s'), if count == 1.0 { "" } else { "s" });
        Every { count, unit }
    }

    fn train(&self, parts: &mut Parts<'_>) -> Train {
        parts.get(Rule::eq);
        match parts.get(Rule::stages) {
            Some(stages) => Train::Stages(Parts::of(stages).map(|s| self.stage(s)).collect()),
            None => Train::For(self.next_expr(parts)),
        }
    }

    fn stage(&self, pair: Pair<'_, Rule>) -> Stage {
        let parts = &mut Parts::of(pair);
        let (name, length) = (self.name(parts), self.next_expr(parts));
        let (mut names, mut settings) = (Vec::new(), Vec::new());
        for part in parts.filter_map(|p| p.into_inner().next()) {
            match part.as_rule() {
                Rule::name => names.push(self.ident(part)),
                _ => settings.push(self.assign(part)),
            }
        }
        Stage { name, length, parts: names, settings }
    }

    fn expect(&self, parts: &mut Parts<'_>) -> Expect {
        self.ordering.set(true);
        let (value, more) = unchained(self.next_expr(parts));
        let margin = parts.get(Rule::margin).map(|m| self.guard(m));
        let Some(scope) = parts.next() else {
            return Expect { value, more, margin, scope: ExpectScope::None };
        };
        let span = self.span(&scope);
        let scope = match scope.as_rule() {
            Rule::every_seed => ExpectScope::EverySeed(span),
            Rule::at_least => {
                let inner = &mut Parts::of(scope);
                let (count, of) = (self.next_expr(inner), self.next_expr(inner));
                let at = inner.get(Rule::confidence).map(|c| self.confidence(c));
                ExpectScope::AtLeast { count, of, at, span }
            }
            _ => ExpectScope::At(self.confidence(scope)),
        };
        Expect { value, more, margin, scope }
    }

    fn confidence(&self, pair: Pair<'_, Rule>) -> Confidence {
        let parts = &mut Parts::of(pair);
        let level = self.next_expr(parts);
        let way = |pair: Pair<'_, Rule>| {
            let by = pair.clone().into_inner().any(|p| p.as_rule() == Rule::k_by);
            Way { by, name: self.name(&mut Parts::of(pair)) }
        };
        Confidence { level, ways: parts.get_all(Rule::how).into_iter().map(way).collect() }
    }

    fn relation(&self, pair: Pair<'_, Rule>) -> ClaimRelation {
        let parts = &mut Parts::of(pair);
        let needs = parts.get(Rule::needs).is_some();
        let (property, number) = (self.name(parts), parts.get(Rule::expr).map(|e| self.expr(e)));
        let within = parts.get(Rule::claim_row).map(|r| self.name(&mut Parts::of(r)));
        if let Some(row) = within.as_ref().filter(|w| !["update", "dynamics"].contains(&w.name.as_str())) {
            let message = format!("a claim speaks of the update or of the dynamics, and not of the `{}`", row.name);
            self.report(
                Diagnostic::new(Code::T0101, row.span, message, "")
                    .help("write `in the update`, `in the dynamics`, or nothing"),
            );
        }
        ClaimRelation { needs, property, number, within }
    }

    fn set(&self, parts: &mut Parts<'_>) -> StmtKind {
        let (target, ty, value) = (self.place_of(parts), self.some_ty(parts), self.next_expr(parts));
        self.not_a_statement(&target);
        let guard = self.some_guard(parts);
        let then = parts.get(Rule::then).map(|t| self.assigns(t)).unwrap_or_default();
        if let Some(second) = then.get(1) {
            let d = Diagnostic::new(Code::T0101, second.span, "one change may follow `then` here", "a second one");
            self.report(d.help("write it as a statement of its own on the next line"));
        }
        let scored = parts.get(Rule::scored).map(|s| self.name(&mut Parts::of(s)));
        StmtKind::Set { target, ty, value, guard, then: then.into_iter().next().map(Box::new), scored }
    }

    /// `signal (n) = e` is no setting of something called `signal`.
    fn not_a_statement(&self, target: &Expr) {
        let (ExprKind::Call(of, _) | ExprKind::Index(of, _)) = &target.kind else { return };
        let ExprKind::Name(word) = &of.kind else { return };
        if let Some(form) = form(word).filter(|_| is_statement(word) && !RESERVED.contains(&word.as_str())) {
            let d = Diagnostic::new(Code::T0101, target.span, format!("`{word}` needs a name"), "");
            self.report(d.help(format!("the form is `{form}`")));
        }
    }
}

/// An ordering `a > b > c`, which the operators have nested to the left, as its first comparison and the rest.
fn unchained(e: Expr) -> (Expr, Vec<(BinaryOp, Expr)>) {
    match e.kind {
        ExprKind::Binary(op, left, right) if matches!(&left.kind, ExprKind::Binary(inner, ..) if one_way(*inner, op)) =>
        {
            let (first, mut more) = unchained(*left);
            more.push((op, *right));
            (first, more)
        }
        kind => (Expr { span: e.span, kind }, Vec::new()),
    }
}
