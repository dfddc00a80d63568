//! Binders: `sum(q in n.out: e)`, and conditions on the graph.

use super::elaborate::Elab;
use super::graph::Kind;
use super::network::Inside;
use super::value::{Place, Scope, Val};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::ir::axis::Axis;
use crate::ops::Binary;
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Binder, Expr, ExprKind, Ident};

impl Elab<'_> {
    /// `sum(q in n.out: e)` and its like.
    pub(crate) fn binder(
        &mut self,
        scope: &Scope,
        span: Span,
        function: &Ident,
        binder: &Binder,
        body: &Expr,
        want: Option<&[Axis]>,
    ) -> Val {
        let Some(items) = self.binder_range(scope, binder) else { return Val::Error };
        let known = ["sum", "mean", "some", "every", "min", "max", "list"];
        if !known.contains(&function.name.as_str()) {
            let near = did_you_mean(&function.name, known).unwrap_or("sum");
            let m = format!("`{}` does not range over anything", function.name);
            return self
                .report(Diagnostic::new(Code::T0211, function.span, m, "").help(format!("`{near}(... : ...)` does")));
        }
        let (all, mut count) = (items.len(), 0);
        let mut listed = Vec::new();
        let mut total: Option<Val> = None;
        for item in items {
            let inner = scope.with(&binder.var.name, item);
            if let Some(guard) = &binder.guard
                && !self.holds(&inner, guard).unwrap_or(false)
            {
                continue;
            }
            count += 1;
            let v = self.eval(&inner, body, want);
            if matches!(v, Val::Error) {
                return Val::Error;
            }
            let at = (body.span, body.span);
            if function.name == "list" {
                listed.push((v, body.span));
                continue;
            }
            total = Some(match total {
                None => v,
                Some(t) => match function.name.as_str() {
                    "some" => self.arithmetic(BinaryOp::Or, t, v, span, at),
                    "every" => self.arithmetic(BinaryOp::And, t, v, span, at),
                    "min" | "max" => {
                        let op = if function.name == "min" { Binary::Min } else { Binary::Max };
                        let (Some(a), Some(b)) = (self.tensor(&t, body.span), self.tensor(&v, body.span)) else {
                            return Val::Error;
                        };
                        match self.g.binary(op, a, b) {
                            Ok(n) => Val::Node(n),
                            Err(f) => return self.fault(f, span, "this", &[]),
                        }
                    }
                    _ => self.arithmetic(BinaryOp::Add, t, v, span, at),
                },
            });
        }
        if count == 0 && all > 0 && binder.guard.as_ref().is_some_and(|g| asks_for_inputs(&binder.var, g)) {
            let (n, m) = (&binder.var.name, "no input is among the populations that this ranges over");
            let d = Diagnostic::new(Code::T0211, binder.guard.as_ref().map_or(span, |g| g.span), m, "never holds");
            return self.report(d.help(format!(
                "`{n}` ranges over populations that something projects to: write `sum(p where p.pre.input: ...)`"
            )));
        }
        let numbers = matches!(binder.over.as_ref().map(|e| &e.kind), Some(ExprKind::Binary(BinaryOp::Range, ..)));
        if all == 0 && numbers && matches!(function.name.as_str(), "min" | "max" | "mean") {
            let (what, at) = (&function.name, binder.over.as_ref().map_or(span, |e| e.span));
            let d = Diagnostic::new(Code::T0211, at, format!("there is no `{what}` of nothing"), "holds no number");
            return self.report(d.help("write the smaller end first: `1..3`"));
        }
        match (function.name.as_str(), total) {
            ("list", _) => Val::List(listed.into()),
            ("mean", Some(t)) => {
                let n = self.g.number(count as f64);
                self.arithmetic(BinaryOp::Divide, t, Val::Node(n), span, (body.span, span))
            }
            (_, Some(t)) => t,
            ("some", None) => Val::Node(self.bool(false)),
            ("every", None) => Val::Node(self.bool(true)),
            (_, None) => Val::Node(self.g.number(0.0)),
        }
    }

    pub(crate) fn binder_range(&mut self, scope: &Scope, binder: &Binder) -> Option<Vec<Val>> {
        let Some(over) = &binder.over else {
            return match binder.var.name.as_str() {
                "n" | "m" => Some(self.net.pops().filter(|p| !self.net.pop(*p).input).map(Val::Pop).collect()),
                "o" => Some(self.net.pops().filter(|p| self.net.pop(*p).output).map(Val::Pop).collect()),
                "p" | "q" => {
                    let own = |e: &super::network::EdgeId| self.net.edge(*e).inside != Some(Inside::Borrowed);
                    Some(self.net.edge_ids().filter(own).map(Val::Edge).collect())
                }
                other => {
                    let m = format!("`{other}` ranges over nothing");
                    let d = Diagnostic::new(Code::T0211, binder.var.span, m, "");
                    self.report(d.help("`n`, `m` range over populations, `o` over outputs, `p`, `q` over projections; for numbers write `k in 1..10`"));
                    None
                }
            };
        };
        match self.eval(scope, over, None) {
            Val::Edges(es) => Some(es.iter().map(|e| Val::Edge(*e)).collect()),
            Val::List(items) => Some(items.iter().map(|i| i.0.clone()).collect()),
            Val::Populations(ps) => Some(ps.iter().map(|p| Val::Pop(*p)).collect()),
            Val::Range(a, b) => match (a.known(), b.known()) {
                (Some(a), Some(b)) if b.saturating_sub(a) <= 10_000 => {
                    Some((a..=b).map(|i| Val::Node(self.g.size(&Axis::Known(i)))).collect())
                }
                _ => {
                    let m = "a range needs known ends, at most 10,000 apart";
                    let d = Diagnostic::new(Code::T0306, over.span, m, "");
                    self.report(d.help("its ends are numbers and settings of type `Nat`, such as `k in 1..10`"));
                    None
                }
            },
            Val::Error => None,
            other => {
                let what = self.describe(&other);
                let d = Diagnostic::new(Code::T0211, over.span, format!("nothing ranges over {what}"), "");
                self.report(d.help("write a range `1..10`, projections `n.in` or `n.out`, or a list"));
                None
            }
        }
    }

    /// `1..k`, its ends as they are known.
    pub(crate) fn whole_range(&mut self, scope: &Scope, e: &Expr) -> Option<(Axis, Axis)> {
        match self.eval(scope, e, None) {
            Val::Range(a, b) => Some((a, b)),
            Val::Error => None,
            other => {
                let what = self.describe(&other);
                let d = Diagnostic::new(
                    Code::T0211,
                    e.span,
                    format!("this runs for each number of a range, but this is {what}"),
                    "",
                );
                let text = crate::syntax::print::expr_text(e);
                self.report(d.help(format!("write both ends: `1..{text}`")));
                None
            }
        }
    }

    /// A letter of a rule in a type counts its units.
    pub(crate) fn letter_size(&mut self, scope: &Scope, e: &Expr) -> Option<Axis> {
        if let (ExprKind::Field(base, end), Place::Rule) = (&e.kind, scope.place) {
            let ends = matches!(end.name.as_str(), "pre" | "post");
            let edge =
                matches!(&base.kind, ExprKind::Name(n) if matches!(scope.find(n).map(|l| &l.val), Some(Val::Edge(_))));
            return match (ends && edge).then(|| self.eval(scope, e, None)) {
                Some(Val::Pop(p)) => Axis::product(&self.net.pop(p).shape).ok(),
                _ => None,
            };
        }
        let ExprKind::Name(n) = &e.kind else { return None };
        if n == "input" && scope.place == Place::Rule && scope.find(n).is_none() {
            let p = self.only_input(e.span)?;
            return Axis::product(&self.net.pop(p).shape).ok();
        }
        match scope.find(n).map(|l| l.val.clone()) {
            Some(Val::Pop(p)) => Axis::product(&self.net.pop(p).shape).ok(),
            _ => None,
        }
    }

    /// A condition on the graph, which is known before the run.
    pub(crate) fn holds(&mut self, scope: &Scope, guard: &Expr) -> Option<bool> {
        let v = self.eval(scope, guard, None);
        let n = self.tensor(&v, guard.span)?;
        if self.g.ty(n).kind != Kind::Bool {
            let m = format!("`where` needs a condition, but this is {}", self.g.ty(n).text());
            let d = Diagnostic::new(Code::T0303, guard.span, m, "");
            self.report(d.help("write a comparison, or a property such as `n.output`, `not p.plain`"));
            return None;
        }
        match self.g.const_value(n) {
            Some(v) => Some(v != 0.0),
            None => {
                let d = Diagnostic::new(Code::T0306, guard.span, "`where` must be known before the run", "");
                self.report(
                    d.help("what depends on values is chosen in the equation: `if CONDITION then VALUE else VALUE`"),
                );
                None
            }
        }
    }
}

/// Whether a condition holds at inputs alone.
fn asks_for_inputs(letter: &Ident, guard: &Expr) -> bool {
    match &guard.kind {
        ExprKind::Field(base, field) => {
            field.name == "input" && matches!(&base.kind, ExprKind::Name(n) if *n == letter.name)
        }
        ExprKind::Binary(BinaryOp::And, a, b) => asks_for_inputs(letter, a) || asks_for_inputs(letter, b),
        _ => false,
    }
}
