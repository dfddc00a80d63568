//! Statements of an architecture in the order in which they can be evaluated: declarations may come in any order, and
//! populations that depend on each other without a delay are a fault (semantics N2).

use super::elaborate::Elab;
use super::value::{Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, Head, Stmt, StmtKind};
use crate::syntax::print::expr_text;
use std::collections::{HashMap, HashSet};

impl Elab<'_> {
    /// The order of a body's statements; those of a cycle are reported, left out, and their names bound to a fault.
    pub(crate) fn ordered<'s>(&mut self, scope: &mut Scope, body: &'s [Stmt]) -> Vec<&'s Stmt> {
        let mut definers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, s) in body.iter().enumerate() {
            // A name that is an input's is a fault already.
            defined(s, &mut |name, _| {
                if scope.find(name).is_none() {
                    definers.entry(name).or_default().push(i);
                }
            });
        }
        let needs: Vec<Vec<usize>> = body.iter().enumerate().map(|(i, s)| needs_of(i, s, body, &definers)).collect();
        let mut walk = Walk { needs: &needs, state: vec![State::New; body.len()], order: vec![], cycles: vec![] };
        (0..body.len()).for_each(|i| walk.visit(i, &mut vec![]));
        let mut out: HashSet<usize> = HashSet::new();
        for cycle in &walk.cycles {
            if cycle.iter().any(|i| out.contains(i)) {
                continue;
            }
            self.report_cycle(body, cycle);
            for i in cycle {
                out.insert(*i);
                defined(&body[*i], &mut |name, span| scope.bind(name, Val::Error, Some(span)));
            }
        }
        walk.order.into_iter().filter(|i| !out.contains(i)).map(|i| &body[i]).collect()
    }

    /// `cycle` holds statements each of which reads the next, and the last one the first.
    fn report_cycle(&mut self, body: &[Stmt], cycle: &[usize]) {
        let head = |i: usize| {
            let mut found = None;
            defined(&body[i], &mut |name, span| found = found.take().or(Some((name.to_string(), span))));
            found.unwrap_or_default()
        };
        let mut names: Vec<(String, Span)> = cycle.iter().map(|i| head(*i)).collect();
        // Along the edges: from what is read to what reads it.
        names[1..].reverse();
        let (first, at) = names[0].clone();
        let path: Vec<String> = names.iter().map(|n| n.0.clone()).chain([first.clone()]).collect();
        let m = format!("`{first}` depends on itself without a delay: {}", path.join(" -> "));
        let mut d = Diagnostic::new(Code::T0401, at, m, format!("reads `{}`", path[path.len() - 2]));
        for (k, (_, span)) in names.iter().enumerate().skip(1) {
            d = d.also(*span, format!("reads `{}`", path[k - 1]));
        }
        self.report(d.help(
            "a loop runs within one population that settles, `relax { u' = linear(rate) + x - u; rate = tanh(u) }, 20, 0.1`; or remove an edge",
        ));
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}

struct Walk<'a> {
    needs: &'a [Vec<usize>],
    state: Vec<State>,
    order: Vec<usize>,
    cycles: Vec<Vec<usize>>,
}

impl Walk<'_> {
    /// Goes deeper only where something is read before it is defined.
    fn visit(&mut self, i: usize, path: &mut Vec<usize>) {
        match self.state[i] {
            State::Done => return,
            State::Open => {
                let start = path.iter().position(|p| *p == i).unwrap_or(0);
                self.cycles.push(path[start..].to_vec());
                return;
            }
            State::New => {}
        }
        self.state[i] = State::Open;
        path.push(i);
        let needs = self.needs;
        needs[i].iter().for_each(|j| self.visit(*j, path));
        path.pop();
        self.state[i] = State::Done;
        self.order.push(i);
    }
}

/// The names that a statement brings into scope.
fn defined<'s>(s: &'s Stmt, see: &mut dyn FnMut(&'s str, Span)) {
    let mut head = |h: &'s Head| see(&h.name.name, h.name.span);
    match &s.kind {
        StmtKind::Population { head: h, value, .. } => {
            head(h);
            named(value, see);
        }
        StmtKind::Let { head: h, .. } => head(h),
        StmtKind::Set { target: Expr { kind: ExprKind::Name(n), span }, .. } => see(n, *span),
        StmtKind::For { body, .. } => body.iter().for_each(|s| defined(s, see)),
        StmtKind::Cell { name, .. } => see(&name.name, name.span),
        _ => {}
    }
}

fn settles(s: &Stmt) -> bool {
    matches!(&s.kind, StmtKind::Population { value: Expr { kind: ExprKind::Relax(_), .. }, .. })
}

/// Whether a statement defines a name by its head, not by an `as` within.
fn heads(s: &Stmt, name: &str) -> bool {
    match &s.kind {
        StmtKind::Population { head, .. } => head.name.name == name,
        _ => true,
    }
}

/// Names given by `as`.
fn named<'s>(e: &'s Expr, see: &mut dyn FnMut(&'s str, Span)) {
    if let ExprKind::As(_, name) = &e.kind {
        see(&name.name, name.span);
    }
    children(e, &mut |x| named(x, see));
}

fn needs_of(i: usize, s: &Stmt, body: &[Stmt], definers: &HashMap<&str, Vec<usize>>) -> Vec<usize> {
    let mut needs = Vec::new();
    // One of a family, `h[i]`, may read another of it.
    let family = !matches!(&s.kind, StmtKind::Population { head, .. } if head.index.is_none());
    let index = |s: &'_ Stmt| match &s.kind {
        StmtKind::Population { head, .. } => head.index.as_ref().map(|e| expr_text(e)),
        _ => None,
    };
    let own = index(s);
    reads(s, &mut |name, read| {
        let Some(at) = definers.get(name) else { return };
        // Of what settles only other populations come before; its projections may stand anywhere.
        if settles(s) && at.iter().any(|j| *j == i || !heads(&body[*j], name)) {
            return;
        }
        // In a repetition, `r[i - 1]` was made in a turn before.
        let before = |j: usize| match (&own, index(&body[j]), read) {
            (Some(_), Some(made), Some(read)) => made != expr_text(read),
            _ => false,
        };
        let earlier = at.iter().any(|j| *j < i);
        for j in at {
            // Of several definitions under one name, `h[1]` and `h[i]`, those above are meant.
            let meant = match at.len() {
                1 => *j != i || !family,
                _ if earlier => *j < i,
                _ => *j != i,
            };
            if meant && !(at.len() == 1 && before(*j)) && !needs.contains(j) {
                needs.push(*j);
            }
        }
    });
    needs
}

/// The names that a statement reads at once, not a step ago.
fn reads<'s>(s: &'s Stmt, see: &mut dyn FnMut(&'s str, Option<&'s Expr>)) {
    match &s.kind {
        StmtKind::Population { value: Expr { kind: ExprKind::Relax(body), .. }, from, .. } => {
            body.iter().for_each(|s| reads(s, see));
            from.iter().for_each(|e| names_read(e, see));
        }
        StmtKind::Derivative { value, .. } => names_read(value, see),
        StmtKind::Population { value, .. } | StmtKind::Let { value, .. } | StmtKind::Set { value, .. } => {
            names_read(value, see)
        }
        StmtKind::For { range, body, .. } => {
            names_read(range, see);
            body.iter().for_each(|s| reads(s, see));
        }
        StmtKind::Cell { body, .. } => body.iter().for_each(|s| reads(s, see)),
        _ => {}
    }
}

fn names_read<'s>(e: &'s Expr, see: &mut dyn FnMut(&'s str, Option<&'s Expr>)) {
    match &e.kind {
        ExprKind::Name(n) => see(n, None),
        ExprKind::Index(of, list) if let (ExprKind::Name(n), [i]) = (&of.kind, list.as_slice()) => {
            see(n, Some(i));
            names_read(i, see);
        }
        ExprKind::Call(f, _) if matches!(&f.kind, ExprKind::Name(n) if n == "previous") => {}
        _ => children(e, &mut |x| names_read(x, see)),
    }
}

/// The expressions directly within an expression.
pub(crate) fn children<'s>(e: &'s Expr, see: &mut dyn FnMut(&'s Expr)) {
    match &e.kind {
        ExprKind::Field(a, _)
        | ExprKind::Unary(_, a)
        | ExprKind::As(a, _)
        | ExprKind::Minimize(a)
        | ExprKind::Maximize(a)
        | ExprKind::Sample(a)
        | ExprKind::During(_, a) => see(a),
        ExprKind::Index(a, list) => {
            see(a);
            list.iter().for_each(see);
        }
        ExprKind::Call(f, args) => {
            see(f);
            args.iter().for_each(|a| see(&a.value));
        }
        ExprKind::Reduce { binder, body, .. } => {
            binder.over.iter().chain(&binder.guard).for_each(&mut *see);
            see(body);
        }
        ExprKind::Binary(_, a, b) => {
            see(a);
            see(b);
        }
        ExprKind::List(list) => list.iter().for_each(see),
        ExprKind::Braces { entries, .. } | ExprKind::Vary(_, entries) => entries.iter().for_each(|x| see(&x.value)),
        ExprKind::If { condition, then, otherwise } => [condition, then, otherwise].into_iter().for_each(|x| see(x)),
        _ => {}
    }
}
