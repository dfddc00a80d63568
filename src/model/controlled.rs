//! Comparisons that are not controlled: arms of an expectation that differ in more than the one thing that is compared.

use super::grid::Condition;
use super::hypothesis::Ask;
use super::order::children;
use crate::diag::{Code, Diagnostic};
use crate::ir::{Experiment, Item, ItemKind, ModuleId, Program, Unit};
use crate::judge::{Expectation, Term};
use crate::source::Span;
use crate::syntax::ast::{Arg, Choice, Entry, Expr, ExprKind};
use crate::syntax::print::expr_text;
use std::rc::Rc;

/// What differs besides the factor: its name, and its value in each arm.
struct Confound {
    name: String,
    left: (Span, String),
    right: (Span, String),
}

/// An expression with the module in which its names mean something.
type Placed<'a> = (&'a Expr, ModuleId);

impl Ask<'_> {
    pub(super) fn controlled(&mut self, x: &Expectation, span: Span) {
        let mut arms: Vec<(String, usize)> = Vec::new();
        series(&x.left, &mut arms);
        series(&x.right, &mut arms);
        let [(experiment, a), (other, b)] = arms.as_slice() else { return };
        let (asked, program) = (self.asked, self.program);
        let Some(known) = asked.iter().find(|k| k.name == *experiment && experiment == other) else { return };
        let Some(item) = program.lookup(self.item.module, experiment).cloned() else { return };
        let (ItemKind::Experiment(decl), true) = (&item.kind, a != b && !known.damaged) else { return };
        let (a, b) = (&known.conditions[*a], &known.conditions[*b]);
        for c in confounds(program, &item, decl, a, b) {
            let m = format!(
                "the arms differ in `{}` as well: {} in `{}`, {} in `{}`",
                c.name,
                c.left.1,
                a.name(),
                c.right.1,
                b.name()
            );
            let d = Diagnostic::new(Code::T0606, span, m, "compared here");
            let d = d.also(c.left.0, format!("in `{}`", a.name())).also(c.right.0, format!("in `{}`", b.name()));
            self.diags.push(d.help("give both arms the same value, or `tune` it for each of them"));
        }
    }
}

fn series(t: &Term, out: &mut Vec<(String, usize)>) {
    if let Term::Series { experiment, condition, .. } = t {
        let arm = (experiment.clone(), *condition);
        if !out.contains(&arm) {
            out.push(arm);
        }
    }
    crate::judge::children(t).into_iter().for_each(|c| series(c, out));
}

fn confounds(program: &Program, item: &Item, x: &Experiment, a: &Condition, b: &Condition) -> Vec<Confound> {
    let mut varied: Vec<(&str, Span, &[Entry])> = Vec::new();
    for (name, (e, _)) in &x.settings {
        varies(e, name, &mut varied);
    }
    let mut found = Vec::new();
    let mut factors = Vec::new();
    for (name, span, entries) in varied {
        let (Some(i), Some(j)) = (a.choices.get(&span), b.choices.get(&span)) else { continue };
        let (Some(left), Some(right)) = (entries.get(*i), entries.get(*j)) else { continue };
        if i != j {
            let place = (item.module, item.module);
            let pair = Pair { program, a, b, place };
            pair.arms(&left.value, &right.value, &mut found);
            factors.push((name, left, right));
        }
    }
    for (name, left, right) in factors.into_iter().skip(1) {
        let side = |e: &Entry| (e.value.span, e.label.as_ref().map_or(expr_text(&e.value), |l| l.name.clone()));
        found.push(Confound { name: name.to_string(), left: side(left), right: side(right) });
    }
    found
}

fn varies<'e>(e: &'e Expr, within: &'e str, out: &mut Vec<(&'e str, Span, &'e [Entry])>) {
    match &e.kind {
        ExprKind::Vary(choice, entries) => {
            if *choice == Choice::Vary {
                out.push((within, e.span, entries));
            }
            entries.iter().for_each(|x| varies(&x.value, within, out));
        }
        ExprKind::Call(f, args) => {
            varies(f, within, out);
            for a in args {
                varies(&a.value, a.name.as_ref().map_or(within, |n| n.name.as_str()), out);
            }
        }
        _ => children(e, &mut |x| varies(x, within, out)),
    }
}

struct Pair<'a> {
    program: &'a Program,
    a: &'a Condition,
    b: &'a Condition,
    /// The module of each arm.
    place: (ModuleId, ModuleId),
}

impl<'a> Pair<'a> {
    /// Two entries of a factor: the same thing with another value is the factor itself; of different things, settings
    /// that have the same name should have the same value.
    fn arms(&self, left: &'a Expr, right: &'a Expr, out: &mut Vec<Confound>) {
        let (l, r) = (taken(left, self.a), taken(right, self.b));
        let (Some((f, fa)), Some((g, ga))) = (self.call((l, self.place.0)), self.call((r, self.place.1))) else {
            return;
        };
        if f.id != g.id {
            self.settings((&f, fa), (&g, ga), out);
        }
    }

    fn call(&self, e: Placed<'a>) -> Option<(Rc<Item>, &'a [Arg])> {
        let ExprKind::Call(f, args) = &e.0.kind else { return None };
        let ExprKind::Name(name) = &f.kind else { return None };
        Some((self.program.lookup(e.1, name)?.clone(), args))
    }

    fn settings(&self, l: (&Rc<Item>, &[Arg]), r: (&Rc<Item>, &[Arg]), out: &mut Vec<Confound>) {
        for (i, p) in l.0.params.iter().enumerate() {
            let Some(j) = r.0.params.iter().position(|q| q.name == p.name) else { continue };
            let left = given(l.0, l.1, i, self.place.0);
            let right = given(r.0, r.1, j, self.place.1);
            if let (Some(left), Some(right)) = (left, right) {
                self.value(&p.name, left, right, out);
            }
        }
    }

    fn value(&self, name: &str, l: Placed, r: Placed, out: &mut Vec<Confound>) {
        let (le, re) = (taken(l.0, self.a), taken(r.0, self.b));
        let pair = Pair { place: (l.1, r.1), ..*self };
        let tuned = |e: &Expr| matches!(e.kind, ExprKind::Vary(Choice::Tune, _));
        // Each at its own best is what a fair comparison asks for.
        if same(le, re) || (tuned(le) && tuned(re)) {
            return;
        }
        if let (Some((f, fa)), Some((g, ga))) = (pair.call((le, l.1)), pair.call((re, r.1)))
            && f.id == g.id
        {
            return pair.settings((&f, fa), (&g, ga), out);
        }
        let side = |e: &Expr| (e.span, expr_text(e));
        out.push(Confound { name: name.to_string(), left: side(le), right: side(re) });
    }
}

/// The entry that a condition takes of a `vary`.
fn taken<'e>(e: &'e Expr, c: &Condition) -> &'e Expr {
    match &e.kind {
        ExprKind::Vary(Choice::Vary, entries) => match c.choices.get(&e.span).and_then(|i| entries.get(*i)) {
            Some(x) => taken(&x.value, c),
            None => e,
        },
        _ => e,
    }
}

/// The value of a parameter in a call: the argument with the module of the call, or the default with the item's own.
fn given<'e>(item: &'e Rc<Item>, args: &'e [Arg], at: usize, module: ModuleId) -> Option<Placed<'e>> {
    let p = &item.params[at];
    let named = args.iter().find(|a| a.name.as_ref().is_some_and(|n| n.name == p.name));
    let found = named.or_else(|| args.get(at).filter(|a| a.name.is_none()));
    found.map(|a| (&a.value, module)).or(p.default.as_ref().map(|d| (d, item.module)))
}

fn same(a: &Expr, b: &Expr) -> bool {
    let number = |e: &Expr| match &e.kind {
        ExprKind::Number { value, unit, .. } => {
            let scale = unit.as_ref().and_then(|u| Unit::word(&u.name)).map_or(1.0, |(_, s)| s);
            Some(value * scale)
        }
        _ => None,
    };
    match (number(a), number(b)) {
        (Some(x), Some(y)) => x == y,
        _ => expr_text(a) == expr_text(b),
    }
}
