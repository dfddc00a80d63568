//! Statements of an architecture in the order in which they can be evaluated: declarations may come in any order, and
//! populations that depend on each other without a delay are a fault (semantics N2).

use super::elaborate::Elab;
use super::value::{Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, Head, Stmt, StmtKind};
use crate::syntax::print::expr_text;
use std::collections::{HashMap, HashSet};

/// What of a statement is evaluated at once.
#[derive(Clone, Copy)]
pub(crate) enum Share<'s> {
    Whole,
    /// The populations of a repetition that settle: their names and shapes.
    Settling,
    /// All else of it.
    Rest,
    /// One compartment of a cell.
    Compartment(&'s Stmt),
}

/// A statement of an architecture, or the part of one that is evaluated at once.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'s> {
    pub(crate) stmt: &'s Stmt,
    pub(crate) share: Share<'s>,
}

/// The pieces that bring a name into scope.
type Definers = HashMap<String, Vec<usize>>;

impl Elab<'_> {
    /// The order of a body's statements; those of a cycle are reported, left out, and their names bound to a fault.
    pub(crate) fn ordered<'s>(&mut self, scope: &mut Scope, body: &'s [Stmt]) -> Vec<Piece<'s>> {
        let pieces: Vec<Piece> = body.iter().flat_map(pieces_of).collect();
        let mut definers: Definers = HashMap::new();
        for (i, p) in pieces.iter().enumerate() {
            // A name that is an input's is a fault already.
            p.defines(&mut |name, _| {
                if scope.find(name.split('.').next().unwrap_or(name)).is_none() {
                    definers.entry(name.to_string()).or_default().push(i);
                }
            });
        }
        let mut cells: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, p) in pieces.iter().enumerate() {
            if let StmtKind::Cell { name, .. } = &p.stmt.kind {
                cells.entry(&name.name).or_default().push(i);
            }
        }
        let needs: Vec<Vec<usize>> = (0..pieces.len()).map(|i| needs_of(i, &pieces, &definers, &cells)).collect();
        let mut walk = Walk { needs: &needs, state: vec![State::New; pieces.len()], order: vec![], cycles: vec![] };
        (0..pieces.len()).for_each(|i| walk.visit(i, &mut vec![]));
        let mut out: HashSet<usize> = HashSet::new();
        for cycle in &walk.cycles {
            if cycle.iter().any(|i| out.contains(i)) {
                continue;
            }
            self.report_cycle(&pieces, cycle);
            for i in cycle {
                out.insert(*i);
                if let (StmtKind::Cell { name, .. }, Share::Compartment(c)) = (&pieces[*i].stmt.kind, pieces[*i].share)
                {
                    self.joins_cell(scope, name, &name.name, c, Val::Error);
                }
                pieces[*i].defines(&mut |name, span| scope.bind(name, Val::Error, Some(span)));
            }
        }
        walk.order.into_iter().filter(|i| !out.contains(i)).map(|i| pieces[i]).collect()
    }

    /// The first and the last turn of a repetition.
    pub(crate) fn turns(&mut self, scope: &Scope, range: &Expr) -> Option<(u64, u64)> {
        let (a, b) = self.whole_range(scope, range)?;
        let (Some(a), Some(b)) = (a.known(), b.known()) else {
            let d = Diagnostic::new(Code::T0306, range.span, "a repetition needs known ends", "");
            self.report(d.help("write numbers or `Nat` settings, such as `1..depth`"));
            return None;
        };
        if b.saturating_sub(a) > 10_000 {
            let m = "a repetition of more than 10,000 is refused";
            let d = Diagnostic::new(Code::T0307, range.span, m, "");
            self.report(d.help("write a range that is shorter"));
            return None;
        }
        Some((a, b))
    }

    /// `cycle` holds pieces each of which reads the next, and the last one the first.
    fn report_cycle(&mut self, pieces: &[Piece], cycle: &[usize]) {
        let head = |i: usize| {
            let mut found = None;
            pieces[i].defines(&mut |name, span| found = found.take().or(Some((name.to_string(), span))));
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
            "a loop runs through populations that settle, `relax { u' = linear(rate) + x - u; rate = tanh(u) }, 20, 0.1`; or remove an edge",
        ));
    }
}

/// What a statement with a fault would have brought into scope is known, if not what it is.
pub(crate) fn lost_names(scope: &mut Scope, s: &Stmt) {
    defined(s, &mut |name, span| scope.bind(name, Val::Error, Some(span)));
}

/// The same of the projections that an equation with a fault names.
pub(crate) fn lost_projections(scope: &mut Scope, equation: &Expr) {
    named(equation, &mut |name, span| {
        if scope.find(name).is_none() {
            scope.bind(name, Val::Error, Some(span));
        }
    });
}

/// A cell by its compartments; of a repetition what settles, then the rest: their equations are read in the end.
fn pieces_of(stmt: &Stmt) -> Vec<Piece<'_>> {
    match &stmt.kind {
        StmtKind::Cell { body, .. } if !body.is_empty() => {
            body.iter().map(|c| Piece { stmt, share: Share::Compartment(c) }).collect()
        }
        StmtKind::For { body, .. } if body.iter().any(holds_settling) => {
            vec![Piece { stmt, share: Share::Settling }, Piece { stmt, share: Share::Rest }]
        }
        _ => vec![Piece { stmt, share: Share::Whole }],
    }
}

pub(crate) fn settles(s: &Stmt) -> bool {
    matches!(&s.kind, StmtKind::Population { value: Expr { kind: ExprKind::Relax(_), .. }, .. })
}

fn holds_settling(s: &Stmt) -> bool {
    match &s.kind {
        StmtKind::For { body, .. } | StmtKind::Cell { body, .. } => body.iter().any(holds_settling),
        _ => settles(s),
    }
}

impl<'s> Piece<'s> {
    /// The names that it brings into scope; compartments as `cell.compartment`.
    fn defines(&self, see: &mut dyn FnMut(&str, Span)) {
        match (&self.stmt.kind, self.share) {
            (StmtKind::Cell { name, .. }, Share::Compartment(c)) => {
                let head = match &c.kind {
                    StmtKind::Population { head, .. } => Some(&head.name),
                    _ => None,
                };
                defined(c, &mut |n, span| match head.filter(|h| h.name == n) {
                    Some(_) => see(&format!("{}.{n}", name.name), span),
                    None => see(n, span),
                });
            }
            (_, Share::Settling) => settling(self.stmt, &mut |h| see(&h.name.name, h.name.span)),
            (_, Share::Rest) => {
                let mut before = HashSet::new();
                settling(self.stmt, &mut |h| {
                    before.insert(&h.name.name);
                });
                defined(self.stmt, &mut |n, span| {
                    if !before.iter().any(|b| *b == n) {
                        see(n, span);
                    }
                });
            }
            _ => defined(self.stmt, see),
        }
    }

    /// Whether a name that it defines is that of a population, not one given by `as` within.
    fn heads(&self, name: &str) -> bool {
        match (&self.stmt.kind, self.share) {
            (StmtKind::Population { head, .. }, _) => head.name.name == name,
            (_, Share::Compartment(c)) => {
                matches!(&c.kind, StmtKind::Population { head, .. } if head.name.name == name)
            }
            _ => true,
        }
    }

    fn index(&self) -> Option<String> {
        match &self.stmt.kind {
            StmtKind::Population { head, .. } => head.index.as_ref().map(|e| expr_text(e)),
            _ => None,
        }
    }

    /// What has to be there before it. What settles is there by name and shape at once: its equations are read when all
    /// else is known.
    fn reads(&self, see: &mut dyn FnMut(&'s str, Read<'s>)) {
        let whole = match self.share {
            Share::Compartment(c) => c,
            _ => self.stmt,
        };
        match (&whole.kind, self.share) {
            (StmtKind::Population { ty, .. }, _) if settles(whole) => sizes(ty.as_ref(), see),
            (StmtKind::For { range, .. }, Share::Settling) => {
                names_read(range, see);
                settling_types(whole, see);
            }
            _ => reads(whole, see),
        }
    }
}

/// The heads of populations that settle within a statement.
fn settling<'s>(s: &'s Stmt, see: &mut dyn FnMut(&'s Head)) {
    match &s.kind {
        StmtKind::For { body, .. } | StmtKind::Cell { body, .. } => body.iter().for_each(|s| settling(s, see)),
        StmtKind::Population { head, .. } if settles(s) => see(head),
        _ => {}
    }
}

fn settling_types<'s>(s: &'s Stmt, see: &mut dyn FnMut(&'s str, Read<'s>)) {
    match &s.kind {
        StmtKind::For { body, .. } | StmtKind::Cell { body, .. } => body.iter().for_each(|s| settling_types(s, see)),
        StmtKind::Population { ty, .. } if settles(s) => sizes(ty.as_ref(), see),
        _ => {}
    }
}

/// Whether the shape of something that settles in this body is said by a name of it.
pub(crate) fn names_shape(body: &[Stmt], name: &str) -> bool {
    let mut wanted: Vec<String> = Vec::new();
    body.iter().for_each(|s| settling_types(s, &mut |n, _| wanted.push(n.to_string())));
    let mut next = 0;
    while next < wanted.len() {
        for s in body {
            if let StmtKind::Let { head, value } = &s.kind
                && head.name.name == wanted[next]
            {
                names_read(value, &mut |n, _| {
                    if !wanted.iter().any(|w| w == n) {
                        wanted.push(n.to_string());
                    }
                });
            }
        }
        next += 1;
    }
    wanted.iter().any(|w| w == name)
}

fn sizes<'s>(ty: Option<&'s crate::syntax::ast::Type>, see: &mut dyn FnMut(&'s str, Read<'s>)) {
    for d in ty.iter().flat_map(|t| t.dims.iter().flatten()) {
        if let crate::syntax::ast::Dim::Size(e) = d {
            names_read(e, see);
        }
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

/// Names given by `as`.
fn named<'s>(e: &'s Expr, see: &mut dyn FnMut(&'s str, Span)) {
    if let ExprKind::As(_, name) = &e.kind {
        see(&name.name, name.span);
    }
    children(e, &mut |x| named(x, see));
}

fn needs_of(i: usize, pieces: &[Piece], definers: &Definers, cells: &HashMap<&str, Vec<usize>>) -> Vec<usize> {
    let mut needs = Vec::new();
    let piece = pieces[i];
    // One of a family, `h[i]`, may read another of it.
    let family = !matches!(&piece.stmt.kind, StmtKind::Population { head, .. } if head.index.is_none());
    let own = piece.index();
    // Within a cell its compartments go by their own names.
    let cell = match (&piece.stmt.kind, piece.share) {
        (StmtKind::Cell { name, .. }, Share::Compartment(_)) => Some(name.name.as_str()),
        _ => None,
    };
    if matches!(piece.share, Share::Rest) {
        needs.push(i - 1);
    }
    piece.reads(&mut |name, read| {
        let near = cell.and_then(|c| definers.get(&format!("{c}.{name}")));
        let part = read.field.and_then(|f| definers.get(&format!("{name}.{f}")));
        let Some(at) = near.or(part).or_else(|| definers.get(name)) else {
            // A whole cell is all its compartments.
            needs.extend(cells.get(name).into_iter().flatten().filter(|_| cell != Some(name)));
            return;
        };
        // In a repetition, `r[i - 1]` was made in a turn before.
        let before = |j: usize| match (&own, pieces[j].index(), read.index) {
            (Some(_), Some(made), Some(read)) => made != expr_text(read),
            _ => false,
        };
        let earlier = at.iter().any(|j| *j < i);
        for j in at {
            // Of several definitions under one name, `h[1]` and `h[i]`, those above are meant.
            let meant = match at.len() {
                1 => *j != i || ((!family || cell.is_some()) && piece.heads(name)),
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

/// How a name is read: `h[i]`, `cell.soma`.
#[derive(Clone, Copy, Default)]
struct Read<'s> {
    index: Option<&'s Expr>,
    field: Option<&'s str>,
}

/// Bodies of what settles, by place, each after those that name a projection that it uses.
pub(crate) fn by_projections(bodies: &[&[Stmt]]) -> Vec<usize> {
    let values = |body: &'_ [Stmt]| {
        let value = |s: &'_ Stmt| match &s.kind {
            StmtKind::Derivative { value, .. } | StmtKind::Let { value, .. } | StmtKind::Set { value, .. } => {
                Some(value.clone())
            }
            _ => None,
        };
        body.iter().filter_map(value).collect::<Vec<Expr>>()
    };
    let all: Vec<Vec<Expr>> = bodies.iter().map(|b| values(b)).collect();
    let mut givers: HashMap<&str, Vec<usize>> = HashMap::new();
    for (i, equations) in all.iter().enumerate() {
        equations.iter().for_each(|e| named(e, &mut |n, _| givers.entry(n).or_default().push(i)));
    }
    let needs: Vec<Vec<usize>> = all
        .iter()
        .enumerate()
        .map(|(i, equations)| {
            let mut out = Vec::new();
            let mut read = |n: &str, _: Read| out.extend(givers.get(n).into_iter().flatten().filter(|j| **j != i));
            equations.iter().for_each(|e| names_read(e, &mut read));
            out
        })
        .collect();
    let mut walk = Walk { needs: &needs, state: vec![State::New; all.len()], order: vec![], cycles: vec![] };
    (0..all.len()).for_each(|i| walk.visit(i, &mut vec![]));
    walk.order
}

/// The names that a statement reads at once, not a step ago.
fn reads<'s>(s: &'s Stmt, see: &mut dyn FnMut(&'s str, Read<'s>)) {
    match &s.kind {
        _ if settles(s) => {}
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

fn names_read<'s>(e: &'s Expr, see: &mut dyn FnMut(&'s str, Read<'s>)) {
    match &e.kind {
        ExprKind::Name(n) => see(n, Read::default()),
        ExprKind::Index(of, list) if let (ExprKind::Name(n), [i]) = (&of.kind, list.as_slice()) => {
            see(n, Read { index: Some(i), field: None });
            names_read(i, see);
        }
        ExprKind::Field(of, f) if let ExprKind::Name(n) = &of.kind => {
            see(n, Read { index: None, field: Some(&f.name) });
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
