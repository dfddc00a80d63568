//! In what two arms of a comparison differ, going by the text of their settings: value by value where both call the same
//! thing, and where they call different things, in that and in the settings that both have.

use super::grid::Condition;
use crate::ir::{Elem, Experiment, Item, ItemId, ItemKind, ModuleId, Param, ParamType, Program, Unit};
use crate::source::Span;
use crate::syntax::ast::{Arg, Choice, Entry, Expr, ExprKind, Init, Stmt, StmtKind};
use crate::syntax::print::expr_text;
use std::rc::Rc;

/// One thing in which two arms differ.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    /// Where it stands in the settings: `rule/optimizer/rate`.
    pub path: String,
    /// The last word of that.
    pub name: String,
    pub left: (Span, String),
    pub right: (Span, String),
    /// Different things, rather than one thing with another value.
    pub things: Option<(ItemId, ItemId)>,
    /// A setting that two different things share: never what is compared.
    pub within: bool,
    /// A whole number that an architecture is given, which may be its size.
    pub size: bool,
}

/// An expression with the module in which its names mean something.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    pub e: &'a Expr,
    pub module: ModuleId,
}

/// The text of an arm and what its condition takes of it.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    pub experiment: &'a Experiment,
    pub module: ModuleId,
    pub condition: &'a Condition,
}

/// Two arms side by side.
pub(super) struct Pair<'a> {
    pub program: &'a Program,
    pub left: Written<'a>,
    pub right: Written<'a>,
    pub found: Vec<Difference>,
    /// The arms are of different tasks or architectures: what is read of these has other names, and says nothing.
    pub renamed: bool,
}

impl<'a> Pair<'a> {
    /// Compares two expressions that stand at the same place of the settings.
    pub fn value(&mut self, path: &str, l: Placed<'a>, r: Placed<'a>, within: bool) {
        if let Some((l, r)) = self.drawn_together(l.e, r.e) {
            return self.differ(path, (l.span, expr_text(l)), (r.span, expr_text(r)), within);
        }
        let (l, r) = (self.left.taken(l), self.right.taken(r));
        let tuned = |e: &Expr| matches!(e.kind, ExprKind::Vary(Choice::Tune, _));
        // Each at its own best is what a fair comparison asks for.
        if tuned(l.e) && tuned(r.e) {
            return;
        }
        let (lm, rm) = (l.module, r.module);
        let place = |e, module| Placed { e, module };
        match (&l.e.kind, &r.e.kind) {
            (ExprKind::Call(f, fa), ExprKind::Call(g, ga)) => {
                return match (self.called(f, lm), self.called(g, rm)) {
                    (Some(f), Some(g)) if f.id == g.id => self.arguments(path, (f, fa, lm), (g, ga, rm), within),
                    (Some(f), Some(g)) => self.things(path, (f, fa, l), (g, ga, r), within),
                    _ if expr_text(f) == expr_text(g) && fa.len() == ga.len() => {
                        let pairs = fa.iter().zip(ga);
                        pairs.for_each(|(a, b)| self.value(path, place(&a.value, lm), place(&b.value, rm), within));
                    }
                    _ => self.text(path, l, r, within),
                };
            }
            (ExprKind::Binary(op, a, b), ExprKind::Binary(other, c, d)) if op == other => {
                self.value(path, place(a, lm), place(c, rm), within);
                return self.value(path, place(b, lm), place(d, rm), within);
            }
            (ExprKind::Minimize(a), ExprKind::Minimize(b))
            | (ExprKind::Maximize(a), ExprKind::Maximize(b))
            | (ExprKind::As(a, _), ExprKind::As(b, _)) => {
                return self.value(path, place(a, lm), place(b, rm), within);
            }
            (ExprKind::Braces { entries: a, .. }, ExprKind::Braces { entries: b, .. }) if labels(a) == labels(b) => {
                let before = self.found.len();
                for (x, y) in a.iter().zip(b) {
                    let path = x.label.as_ref().map_or(path.to_string(), |n| format!("{path}/{}", n.name));
                    self.value(&path, place(&x.value, lm), place(&y.value, rm), within);
                }
                // Other things in several parts are one choice.
                let mut things = 0;
                let mut at = 0;
                self.found.retain(|d| {
                    at += 1;
                    things += usize::from(at > before && d.things.is_some());
                    at <= before || d.things.is_none() || things == 1
                });
                return;
            }
            _ => {}
        }
        self.text(path, l, r, within);
    }

    /// Two draws of one `drawn(...)`, which are meant to differ in all that is drawn.
    fn drawn_together(&self, l: &'a Expr, r: &'a Expr) -> Option<(&'a Expr, &'a Expr)> {
        let (ExprKind::Vary(Choice::Vary, a), ExprKind::Vary(Choice::Vary, b)) = (&l.kind, &r.kind) else {
            return None;
        };
        let (a, b) = (self.left.chosen(l, a)?, self.right.chosen(r, b)?);
        (l.span == r.span && a.span == b.span && expr_text(a) != expr_text(b)).then_some((a, b))
    }

    fn called(&self, f: &Expr, module: ModuleId) -> Option<&'a Rc<Item>> {
        match &f.kind {
            ExprKind::Name(name) => self.program.lookup(module, name),
            _ => None,
        }
    }

    fn differ(&mut self, path: &str, left: (Span, String), right: (Span, String), within: bool) {
        // A measure is called by its name, whatever of it differs.
        let mut parts = path.split('/');
        let last = if path.starts_with("measure ") { parts.next() } else { parts.next_back() };
        let (name, path) = (last.unwrap_or(path).to_string(), path.to_string());
        self.found.push(Difference { path, name, left, right, things: None, within, size: false });
    }

    /// What is no expression.
    pub fn said(&mut self, path: &str, left: (Span, String), right: (Span, String)) {
        if left.1 != right.1 {
            self.differ(path, left, right, false);
        }
    }

    fn text(&mut self, path: &str, l: Placed, r: Placed, within: bool) {
        if !same(l.e, r.e) {
            self.differ(path, (l.e.span, expr_text(l.e)), (r.e.span, expr_text(r.e)), within);
        }
    }

    /// Two calls of one thing.
    fn arguments(
        &mut self,
        path: &str,
        l: (&'a Rc<Item>, &'a [Arg], ModuleId),
        r: (&'a Rc<Item>, &'a [Arg], ModuleId),
        within: bool,
    ) {
        for (i, p) in l.0.params.iter().enumerate() {
            if self.renamed && is_port(p) || argument(l.0, l.1, i).is_none() && argument(r.0, r.1, i).is_none() {
                continue;
            }
            if let (Some(a), Some(b)) = (given(l, i), given(r, i)) {
                let before = self.found.len();
                self.value(&format!("{path}/{}", p.name), a, b, within);
                let whole = matches!(p.ty, ParamType::Scalar(Elem::Nat | Elem::Int));
                if whole && matches!(l.0.kind, ItemKind::Architecture { .. }) {
                    self.found.iter_mut().skip(before).for_each(|d| d.size = true);
                }
            }
        }
        // What every call may be given: `frozen`, `mask`, ...
        for a in l.1.iter().chain(r.1) {
            let Some(n) = a.name.as_ref().filter(|n| l.0.params.iter().all(|p| p.name != n.name)) else { continue };
            let of = |args: &'a [Arg]| args.iter().find(|a| a.name.as_ref().is_some_and(|m| m.name == n.name));
            let side =
                |a: Option<&Arg>| a.map_or((n.span, "none".to_string()), |a| (a.value.span, expr_text(&a.value)));
            let (left, right) = (side(of(l.1)), side(of(r.1)));
            if left.1 != right.1 && !self.found.iter().any(|d| d.left == left && d.right == right) {
                self.differ(&format!("{path}/{}", n.name), left, right, within);
            }
        }
    }

    /// Calls of two things: settings that have the same name should have the same value.
    fn things(
        &mut self,
        path: &str,
        l: (&'a Rc<Item>, &'a [Arg], Placed<'a>),
        r: (&'a Rc<Item>, &'a [Arg], Placed<'a>),
        within: bool,
    ) {
        self.differ(path, (l.2.e.span, expr_text(l.2.e)), (r.2.e.span, expr_text(r.2.e)), within);
        if let Some(d) = self.found.last_mut() {
            d.things = Some((l.0.id, r.0.id));
        }
        // What differs within a difference that has been told needs no words of its own.
        if within {
            return;
        }
        for (i, p) in l.0.params.iter().enumerate().filter(|(_, p)| !is_port(p)) {
            let Some(j) = r.0.params.iter().position(|q| q.name == p.name && !is_port(q)) else { continue };
            let (a, b) = (given((l.0, l.1, l.2.module), i), given((r.0, r.1, r.2.module), j));
            if let (Some(a), Some(b)) = (a, b) {
                let before = self.found.len();
                self.value(&format!("{path}/{}", p.name), a, b, true);
                let architectures = matches!(l.0.kind, ItemKind::Architecture { .. });
                let whole = matches!(p.ty, ParamType::Scalar(Elem::Nat | Elem::Int));
                self.found.iter_mut().skip(before).for_each(|d| d.size |= architectures && whole);
            }
        }
    }

    /// What sets two architectures apart besides their size: equations, or the first draws of the same projections.
    pub fn bodies(&self, f: &'a Rc<Item>, g: &'a Rc<Item>) -> (bool, Option<Difference>) {
        let (ItemKind::Architecture { body: a }, ItemKind::Architecture { body: b }) = (&f.kind, &g.kind) else {
            return (true, None);
        };
        let (mut l, mut r) = (Vec::new(), Vec::new());
        equations(a, &mut l);
        equations(b, &mut r);
        if l.len() != r.len() {
            return (true, None);
        }
        let none = Condition::default();
        // The choices of the arms are no part of a body.
        let side = |w: Written<'a>, module| Written { module, condition: &none, ..w };
        let (left, right) = (side(self.left, f.module), side(self.right, g.module));
        let mut inner = Pair { program: self.program, left, right, found: vec![], renamed: false };
        for (a, b) in l.iter().zip(r) {
            inner.value("initialisation", Placed { e: a, module: f.module }, Placed { e: b, module: g.module }, true);
        }
        let (drawn, others): (Vec<_>, Vec<_>) = inner.found.into_iter().partition(|d| drawn_alone(self.program, d));
        (!others.is_empty(), drawn.into_iter().next())
    }
}

impl<'a> Written<'a> {
    fn chosen(&self, e: &Expr, entries: &'a [Entry]) -> Option<&'a Expr> {
        self.condition.choices.get(&e.span).and_then(|i| entries.get(*i)).map(|x| &x.value)
    }

    /// What a condition takes of a `vary`, and what a name of the experiment's own stands for.
    fn taken(&self, at: Placed<'a>) -> Placed<'a> {
        let mut found = at;
        // A name that stands for itself is an error, told elsewhere.
        for _ in 0..100 {
            let next = match &found.e.kind {
                ExprKind::Vary(Choice::Vary, entries) => self.chosen(found.e, entries),
                ExprKind::Name(n) if found.module == self.module => {
                    let own =
                        |(head, _): &&(crate::syntax::ast::Head, Expr)| head.name.name == *n && head.args.is_empty();
                    self.experiment.lets.iter().find(own).map(|(_, e)| e)
                }
                _ => None,
            };
            match next {
                Some(e) => found.e = e,
                None => break,
            }
        }
        found
    }
}

/// The equations of a body in the order of the text.
fn equations<'e>(body: &'e [Stmt], out: &mut Vec<&'e Expr>) {
    for s in body {
        match &s.kind {
            StmtKind::Population { value, after, from, .. } => {
                out.push(value);
                out.extend(after.iter().chain(from));
            }
            StmtKind::For { range, body, .. } => {
                out.push(range);
                equations(body, out);
            }
            StmtKind::Cell { body, .. } | StmtKind::Part { body, .. } => equations(body, out),
            StmtKind::Set { value, .. } | StmtKind::Let { value, .. } | StmtKind::Noise { value, .. } => {
                out.push(value)
            }
            _ => {}
        }
    }
}

/// Whether two projections do the same and differ only in how their weights are drawn at first.
fn drawn_alone(program: &Program, d: &Difference) -> bool {
    let Some((f, g)) = d.things else { return false };
    let (ItemKind::Projection(a), ItemKind::Projection(b)) = (&program.item(f).kind, &program.item(g).kind) else {
        return false;
    };
    let drive = |p: &crate::ir::Projection| {
        let lets = p.lets.iter().map(|(n, e)| format!("{} = {}", n.name, expr_text(e)));
        let drive = p.drive.iter().map(expr_text);
        lets.chain(drive).collect::<Vec<_>>()
    };
    let draws = |p: &crate::ir::Projection| {
        let draw = |w: &crate::ir::Weight| match &w.init {
            Init::Drawn(e) | Init::Value(e) => expr_text(e),
        };
        p.weights.iter().map(draw).collect::<Vec<_>>()
    };
    drive(a) == drive(b) && draws(a) != draws(b)
}

fn labels(entries: &[Entry]) -> Vec<Option<&str>> {
    entries.iter().map(|x| x.label.as_ref().map(|l| l.name.as_str())).collect()
}

fn is_port(p: &Param) -> bool {
    matches!(p.ty, ParamType::Tensor { .. } | ParamType::Population)
}

fn argument<'e>(item: &Item, args: &'e [Arg], at: usize) -> Option<&'e Expr> {
    let name = &item.params[at].name;
    let named = args.iter().find(|a| a.name.as_ref().is_some_and(|n| n.name == *name));
    named.or_else(|| args.get(at).filter(|a| a.name.is_none())).map(|a| &a.value)
}

/// The value of a parameter in a call: the argument with the module of the call, or the default with the item's own.
fn given<'a>((item, args, module): (&'a Rc<Item>, &'a [Arg], ModuleId), at: usize) -> Option<Placed<'a>> {
    let default = || item.params[at].default.as_ref().map(|e| Placed { e, module: item.module });
    argument(item, args, at).map(|e| Placed { e, module }).or_else(default)
}

/// Whether two texts say the same; of numbers, whether they are the same.
fn same(a: &Expr, b: &Expr) -> bool {
    let number = |e: &Expr| match &e.kind {
        ExprKind::Number { value, unit, .. } => {
            let (unit, scale) = unit.as_ref().and_then(|u| Unit::word(&u.name)).unwrap_or((Unit::ONE, 1.0));
            Some((value * scale, unit))
        }
        _ => None,
    };
    match (number(a), number(b)) {
        (Some(x), Some(y)) => x == y,
        _ => expr_text(a) == expr_text(b),
    }
}
