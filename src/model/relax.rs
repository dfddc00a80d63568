//! Populations that settle by themselves, `population a: [n] = relax { ... }, steps, speed`: their equations written out
//! step by step, as the phases of a rule are ([`super::settle`]).
//!
//! To other populations a settled one is like any: it has a rate, which is a function of what it read. Projections within
//! its equations, from its own rate or from others, are edges *inside* it: weights that rules move, but no way in or out.
//! `p.outer(e, a)` at them is of the settled values; where `e` came back through the population, `n.pull(...)`, it is of
//! the whole course. The weights of a projection that stands elsewhere (`D.adjoint(e)`) are borrowed by such an edge.

use super::architecture::{Part, rates_in};
use super::elaborate::Elab;
use super::graph::{Leaf, Mark, NodeId, NodeKind, Ty};
use super::network::{Course, Edge, EdgeId, How, Inside, PopId, Variable, WeightId};
use super::rule::Target;
use super::task::Home;
use super::update::Found;
use super::value::{Bundle, Place, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::{self, Expr, ExprKind, Stmt, StmtKind};
use std::collections::HashMap;

/// A population whose equations are read once all projections of its architecture are known.
pub struct Waiting {
    pub(crate) pop: PopId,
    pub(crate) scope: Scope,
    home: Home,
    pub(crate) body: Vec<Stmt>,
    pub(crate) steps: Vec<Expr>,
    pub(crate) from: Option<Expr>,
    /// The cell whose compartment it is.
    cell: Option<String>,
    pub(crate) span: Span,
}

impl Waiting {
    /// The names that its equations mean are those in sight here.
    pub(crate) fn in_scope(&mut self, scope: &Scope, home: &Home) {
        self.scope = scope.clone();
        self.home = home.clone();
    }
}

/// A variable as it is read: what is started and how fast is known later.
struct Equation {
    leaf: NodeId,
    how: How,
    node: NodeId,
    span: Span,
}

/// What a population settles on, before it is known with which others.
pub(crate) struct Settler {
    pub(crate) pop: PopId,
    pub(crate) variables: Vec<Variable>,
    pub(crate) steps: u64,
    pub(crate) from: Option<Span>,
    pub(crate) span: Span,
}

pub(crate) type Values = HashMap<NodeId, NodeId>;

impl Elab<'_> {
    /// Makes the population, if it is not there yet; what it settles on is read later.
    pub(crate) fn relaxing(
        &mut self,
        scope: &mut Scope,
        prefix: &str,
        stmt: &Stmt,
        cell: Option<(&str, Option<&ast::Type>)>,
    ) {
        let StmtKind::Population { output, head, ty, value, after, from } = &stmt.kind else { return };
        let ExprKind::Relax(body) = &value.kind else { return };
        let mut name = head.name.name.clone();
        if let Some(i) = &head.index {
            let Some(i) = self.count(scope, i) else { return };
            name = format!("{name}[{i}]");
        }
        let whole = format!("{prefix}{name}");
        let there = |w: &Waiting| w.span == value.span && self.net.pop(w.pop).name == whole;
        if let Some(at) = self.task.waiting.iter().position(there) {
            self.task.turn.push(at);
            return;
        }
        if !self.first_of_its_name(&whole, head) {
            return scope.bind(&name, Val::Error, Some(head.name.span));
        }
        let Some(t) = ty.as_ref().or(cell.and_then(|c| c.1)) else {
            let m = format!("the shape of `{name}`, which settles, must be declared");
            let d = Diagnostic::new(Code::T0305, head.span, m, "how many units?");
            self.report(d.help(format!("write `population {name}: [size] = relax {{ ... }}`")));
            return scope.bind(&name, Val::Error, Some(head.name.span));
        };
        let Some(shape) = self.type_shape(scope, t) else {
            return scope.bind(&name, Val::Error, Some(head.name.span));
        };
        let (mut steps, mut sign) = (Vec::new(), None);
        for e in after {
            match super::structure::is_sign(e) {
                true => sign = self.sign(e),
                false => steps.push(e.clone()),
            }
        }
        let pop = self.new_population(whole, shape, *output, head.name.span);
        self.signed(sign);
        scope.bind(&name, Val::Pop(pop), (!output).then_some(head.name.span));
        self.task.waiting.push(Waiting {
            pop,
            scope: scope.clone(),
            home: self.task.home.clone(),
            body: body.clone(),
            steps,
            from: from.clone(),
            cell: cell.map(|c| c.0.to_string()),
            span: value.span,
        });
    }

    /// Settles what waits from `first` on, with all names of the architecture.
    pub(crate) fn settle_populations(&mut self, scope: &mut Scope, first: usize) {
        let mut settlers: Vec<Option<Settler>> = Vec::new();
        let waiting = self.task.waiting.split_off(first);
        let bodies: Vec<&[Stmt]> = waiting.iter().map(|w| w.body.as_slice()).collect();
        for w in super::order::by_projections(&bodies).into_iter().map(|i| &waiting[i]) {
            let mut inner = scope.clone();
            // Of cells all compartments are known by now.
            let cell = |v: &Val| matches!(v, Val::Nest(n) if self.task.cells.iter().any(|c| c.0 == n.name));
            inner.locals.extend(w.scope.locals.iter().filter(|l| !cell(&l.val)).cloned());
            if let Some(cell) = &w.cell {
                inner.locals.extend(self.compartments(cell));
            }
            inner.place = Place::Architecture;
            let home = std::mem::replace(&mut self.task.home, w.home.clone());
            self.bind_edges(&mut inner);
            let (pending, name) = (std::mem::take(&mut self.pending), self.net.pop(w.pop).name.clone());
            let (defining, outer) = (std::mem::replace(&mut self.task.defining, name), self.task.inside.replace(w.pop));
            settlers.push(self.settler(w, &mut inner));
            self.pending = pending;
            self.task.defining = defining;
            self.task.inside = outer;
            self.task.home = home;
            self.bind_edges(scope);
        }
        // Where one is at fault, what settles with it cannot be told.
        if let Some(all) = settlers.into_iter().collect::<Option<Vec<Settler>>>() {
            self.settle_together(all);
        }
    }

    fn settler(&mut self, w: &Waiting, scope: &mut Scope) -> Option<Settler> {
        scope.bind("rate", Val::Pop(w.pop), None);
        let equations = self.equations_of(w, scope)?;
        let (steps, speed) = self.steps_and_speed(w, scope, &equations)?;
        let start = self.start(w, scope, &equations)?;
        let variables = equations.into_iter().map(|e| {
            let Equation { leaf, how, node, span } = e;
            Variable { pop: w.pop, leaf, how, node, start, speed, span }
        });
        let (variables, from) = (variables.collect(), w.from.as_ref().map(|f| f.span));
        Some(Settler { pop: w.pop, variables, steps, from, span: w.span })
    }

    /// The equations within `relax { ... }`, in terms of the population's rate, the other variables and the weights.
    fn equations_of(&mut self, w: &Waiting, scope: &mut Scope) -> Option<Vec<Equation>> {
        let pop = self.net.pop(w.pop).clone();
        let mut heads: Vec<(&str, Span, bool, &Expr, NodeId)> = Vec::new();
        for stmt in &w.body {
            let (name, at, moves, value) = match &stmt.kind {
                StmtKind::Derivative { head, value } if head.args.is_empty() && head.index.is_none() => {
                    (head.name.name.as_str(), head.span, true, value)
                }
                StmtKind::Set { target: Expr { kind: ExprKind::Name(n), span }, value, then: None, .. } => {
                    (n.as_str(), *span, false, value)
                }
                StmtKind::Let { head, value } if head.args.is_empty() => {
                    let v = self.eval(scope, value, None);
                    let v = self.named_within(w.pop, v, value.span)?;
                    scope.bind(&head.name.name, v, Some(head.name.span));
                    continue;
                }
                _ => {
                    let d = Diagnostic::new(Code::T0210, stmt.span, "this does not belong in `relax`", "");
                    self.report(d.help("equations belong here, such as `u' = x - u` and `rate = tanh(u)`"));
                    return None;
                }
            };
            let leaf = match name {
                "rate" => pop.rate_leaf,
                _ => self.symbol(&format!("{name} of {}", pop.name), Ty::real(pop.shape.clone())),
            };
            if name != "rate" {
                scope.bind(name, Val::Node(leaf), None);
            }
            heads.push((name, at, moves, value, leaf));
        }
        if !heads.iter().any(|h| h.0 == "rate") {
            let m = format!("`relax` does not say what the rate of `{}` is", pop.name);
            let d = Diagnostic::new(Code::T0207, w.span, m, "no equation of `rate`");
            self.report(d.help("add `rate = tanh(u)`, or let the rate move itself: `rate' = ...`"));
            return None;
        }
        let mut out = Vec::new();
        for (name, span, moves, value, leaf) in heads {
            let v = self.eval(scope, value, Some(&pop.shape));
            let node = self.tensor(&v, value.span)?;
            let node = self.inner_drives(w.pop, node)?;
            let node = self.fit_shape(node, &pop.shape, value.span, &format!("`{name}`"))?;
            let how = match (moves, self.g.reachable(&[node]).contains(&leaf)) {
                (true, _) => How::Moves,
                (false, true) => How::Next,
                (false, false) => How::Is,
            };
            out.push(Equation { leaf, how, node, span });
        }
        Some(out)
    }

    /// A value that has a name: projections in it are made once, however often it is read.
    fn named_within(&mut self, pop: PopId, v: Val, span: Span) -> Option<Val> {
        let drives = match &v {
            Val::Drive(_) => true,
            Val::Node(n) => !super::architecture::pending_in(&self.g, *n).is_empty(),
            _ => false,
        };
        if !drives {
            return Some(v);
        }
        let n = self.tensor(&v, span)?;
        self.inner_drives(pop, n).map(Val::Node)
    }

    /// Sums of projections within an equation, each projection an edge inside the population.
    pub(crate) fn inner_drives(&mut self, pop: PopId, node: NodeId) -> Option<NodeId> {
        let mut replace = Values::new();
        for (d, leaf) in super::architecture::pending_in(&self.g, node) {
            let mut total: Option<NodeId> = None;
            for part in self.pending[d as usize].parts.clone() {
                let (n, span) = match part {
                    Part::Projection(call) => {
                        let first = self.net.edges.len();
                        let n = self.instantiate(pop, &call)?;
                        (first..self.net.edges.len()).for_each(|e| self.put_inside(EdgeId(e as u32), Inside::Own));
                        (n, call.span)
                    }
                    Part::Plain { node, span } => (self.inner_drives(pop, node)?, span),
                };
                let shape = self.net.pop(pop).shape.clone();
                let n = self.fit_shape(n, &shape, span, "this sum")?;
                total = Some(match total {
                    Some(t) => self.g.add(t, n).ok()?,
                    None => n,
                });
            }
            replace.insert(leaf, total?);
        }
        self.g.substitute(node, &replace).ok()
    }

    /// An edge inside a population is no way into it or out of it.
    fn put_inside(&mut self, id: EdgeId, how: Inside) {
        let (pre, post) = (self.net.edge(id).pre, self.net.edge(id).post);
        self.net.edges[id.0 as usize].inside = Some(how);
        self.net.populations[pre.0 as usize].outgoing.retain(|e| *e != id);
        self.net.populations[post.0 as usize].incoming.retain(|e| *e != id);
    }

    fn steps_and_speed(&mut self, w: &Waiting, scope: &Scope, of: &[Equation]) -> Option<(u64, NodeId)> {
        let name = self.net.pop(w.pop).name.clone();
        let Some(steps) = w.steps.first() else {
            let m = format!("`{name}` does not say for how many steps it settles");
            self.report(
                Diagnostic::new(Code::T0207, w.span, m, "").help("write `relax { ... }, 100, 0.1`: steps and speed"),
            );
            return None;
        };
        let n = self.steps(scope, steps, "a course")?;
        let moves = of.iter().any(|v| v.how == How::Moves);
        match w.steps.get(1) {
            Some(e) if !moves => {
                let d =
                    Diagnostic::new(Code::T0205, e.span, "a speed is of equations that move, such as `u' = ...`", "");
                self.report(d.help("leave it out: `rate = ...` is the rate of the next step as a whole"));
                None
            }
            given if w.steps.len() <= 2 => Some((n, self.speed(scope, given)?)),
            _ => {
                let d = Diagnostic::new(
                    Code::T0205,
                    w.steps[2].span,
                    "settling takes steps and a speed, and this is one more",
                    "",
                );
                self.report(d.help("write `relax { ... }, 100, 0.1`"));
                None
            }
        }
    }

    /// Where what moves begins: at 0, or at what `from` says.
    fn start(&mut self, w: &Waiting, scope: &Scope, of: &[Equation]) -> Option<NodeId> {
        let shape = self.net.pop(w.pop).shape.clone();
        let Some(from) = &w.from else { return Some(self.g.zeros(&Ty::real(shape))) };
        let moving = of.iter().filter(|v| v.how != How::Is).count();
        if moving > 1 {
            let name = &self.net.pop(w.pop).name;
            let m = format!("`from` says where one variable begins, but {moving} of `{name}` move");
            self.report(Diagnostic::new(Code::T0205, from.span, m, "").help("leave it out: they begin at 0"));
            return None;
        }
        self.shaped(scope, from, &shape, "`from`")
    }

    /// The population's equation, its ways in, and the weights that it borrows.
    pub(crate) fn settled(&mut self, pop: PopId, rate: NodeId, course: Course) {
        let shape = self.net.pop(pop).shape.clone();
        let span = course.span;
        let mut drive = self.g.fill(rate, &shape);
        let weights = self.weights_under(drive);
        let leaves: Vec<NodeId> = weights.iter().map(|w| self.net.weight(*w).leaf).collect();
        let reads = rates_in(&self.g, drive);
        for (pre, leaf) in &reads {
            let id = EdgeId(self.net.edges.len() as u32);
            let contribution = self.g.mark(Mark::Apply(id), rate, std::iter::once(*leaf).chain(leaves.iter().copied()));
            if reads.len() == 1 {
                drive = contribution;
            }
            self.add_edge(id, inner_edge(*pre, pop, vec![], contribution, span));
        }
        let own = |me: &Self, w: WeightId| {
            me.net.edges.iter().any(|e| e.post == pop && e.inside.is_some() && e.weights.contains(&w))
        };
        for w in weights {
            if own(self, w) {
                continue;
            }
            let home = self.net.edge(self.net.weight(w).edge).clone();
            let id = EdgeId(self.net.edges.len() as u32);
            let leaf = self.net.pop(pop).rate_leaf;
            let contribution = self.g.mark(Mark::Apply(id), rate, std::iter::once(leaf).chain(leaves.iter().copied()));
            let edge = Edge {
                frozen: home.frozen,
                projection: home.projection,
                ..inner_edge(pop, pop, home.weights, contribution, span)
            };
            self.add_edge(id, edge);
            self.put_inside(id, Inside::Borrowed);
        }
        let p = &mut self.net.populations[pop.0 as usize];
        p.drive = Some(drive);
        p.course = Some(course);
    }

    fn weights_under(&self, n: NodeId) -> Vec<WeightId> {
        let weight = |n: NodeId| match self.g.node(n).kind {
            NodeKind::Leaf(Leaf::Weight(w)) => Some(w),
            _ => None,
        };
        self.g.reachable(&[n]).into_iter().filter_map(weight).collect()
    }

    /// Whether a value came back through a population: `n.pull(...)` is in it.
    pub(crate) fn came_back(&self, n: NodeId, through: PopId) -> bool {
        self.g.reachable(&[n]).iter().any(|x| self.g.node(*x).kind == NodeKind::Mark(Mark::Pull(through)))
    }

    /// `p.outer(e, a)` inside a population that settles: where e came back through it, of the whole course; else of the
    /// settled values. `None` if it is like at any other edge.
    pub(crate) fn outer_inside(&mut self, id: EdgeId, e: NodeId, a: NodeId, span: Span) -> Option<Val> {
        let edge = self.net.edge(id).clone();
        let how = edge.inside?;
        let back = self.came_back(e, edge.post);
        if !back && how == Inside::Own {
            return None;
        }
        let (name, pre) = (self.net.pop(edge.post).name.clone(), self.net.pop(edge.pre).rate_leaf);
        if back && a != pre {
            let m = format!("`{name}` settles: what comes back through it is weighed with the rates of its own course");
            let d = Diagnostic::new(Code::T0404, span, m, "with other values here");
            return Some(self.report(d.help("write `p.outer(..., p.pre.rate)`")));
        }
        let mut parts = Vec::new();
        for w in &edge.weights {
            // Several edges inside with one weight: the first has it all.
            let first =
                self.net.edges.iter().position(|x| x.post == edge.post && x.inside.is_some() && x.weights.contains(w));
            let (leaf, shape) = (self.net.weight(*w).leaf, self.net.weight(*w).shape.clone());
            let zero = self.g.zeros(&Ty::real(shape));
            parts.push(
                match (back && first == Some(id.0 as usize), self.net.pop(edge.post).course.as_ref().map(|c| c.end)) {
                    (true, Some(course)) => match self.carried(course, &[leaf], e, &HashMap::new()) {
                        Ok(made) => made[0].map_or(zero, |n| self.g.mark(Mark::Course(edge.post), n, [e])),
                        Err(f) => return Some(self.fault(f, span, "a rule that differentiates", &[])),
                    },
                    _ => zero,
                },
            );
        }
        let none = self.g.zeros(&Ty::real(self.net.pop(edge.post).shape.clone()));
        let drive = if how == Inside::Own { e } else { none };
        Some(Val::Bundle(Bundle { edge: id, parts, drive }))
    }

    /// What has no meaning at a population that settles.
    pub(crate) fn no_response(&mut self, p: PopId, field: &ast::Ident) -> Val {
        let pop = self.net.pop(p).clone();
        let m = format!("`{}` settles: its rate is no function of one drive, so it has no {}", pop.name, field.name);
        let d = self.at_population(Code::T0209, m, (pop.span, "settles"), (field.span, "read here"));
        self.report(
            d.help("carry credit through it with `n.pull(e)`, or restrict the statement: `where not n.settles`"),
        )
    }

    /// A population that settles can be held, not pushed: what is added would have to be added at every step.
    pub(crate) fn no_change_of_course<T>(&mut self, p: PopId, span: Span) -> Option<T> {
        let pop = self.net.pop(p).clone();
        let m = format!("`{}` settles by itself: a phase may hold its rate, and change nothing else of it", pop.name);
        let d = self.at_population(Code::T0208, m, (pop.span, "settles"), (span, "changed here"));
        self.report(d.help("hold it, `with n.rate = ...`, or change weights (`p += ...`) or the input"));
        None
    }

    /// `update p` at weights that a population borrows while it settles.
    pub(crate) fn borrowed_updates(
        &mut self,
        u: &ast::Update,
        scope: &Scope,
        letter: &str,
        (e, only): (EdgeId, Option<WeightId>),
        found: &mut Vec<Found>,
    ) {
        let edge = self.net.edge(e).clone();
        let credit = |me: &Self, n: NodeId| {
            me.g.reachable(&[n]).iter().any(|x| matches!(me.g.node(*x).kind, NodeKind::Mark(Mark::Pull(_))))
        };
        // A local rule may have no meaning here, where nothing is local; that is no fault.
        let known = std::mem::take(&mut self.diags);
        let inner = scope.with(letter, Val::Edge(e));
        let reached = u.guard.as_ref().is_none_or(|g| self.holds(&inner, g) == Some(true));
        if let Some(f) = self.frames.last_mut() {
            f.reading = only;
        }
        let v = if reached { self.eval(&inner, &u.along, None) } else { Val::Error };
        if let Some(f) = self.frames.last_mut() {
            f.reading = None;
        }
        let faults = std::mem::replace(&mut self.diags, known);
        let parts: Vec<(WeightId, NodeId)> = match (v, only) {
            (Val::Bundle(b), None) => edge.weights.iter().copied().zip(b.parts).collect(),
            (Val::Bundle(b), Some(w)) => edge.weights.iter().copied().zip(b.parts).filter(|p| p.0 == w).collect(),
            (Val::Node(n), Some(w)) => vec![(w, n)],
            _ => {
                if faults.has_errors() && found.iter().any(|f| credit(self, f.1)) {
                    faults.iter().for_each(|d| self.diags.push(d.clone()));
                }
                return;
            }
        };
        if parts.iter().any(|p| self.came_back(p.1, edge.post)) {
            found.extend(parts.into_iter().map(|(w, n)| (Target::Weight(w), n, None, inner.clone())));
        }
    }

    /// A projection within `relax` starts at a population: of an expression there would be a course of its own.
    pub(crate) fn no_course(&mut self, span: Span) -> Option<PopId> {
        let name = self.current();
        let m = format!("a projection within `{name}`, which settles, starts at `rate` or at another population");
        let d = Diagnostic::new(Code::T0208, span, m, "an expression");
        self.report(d.help("name the expression: `population part: [size] = ...`, and project from that"));
        None
    }
}

fn inner_edge(pre: PopId, post: PopId, weights: Vec<WeightId>, contribution: NodeId, span: Span) -> Edge {
    Edge { name: None, projection: String::new(), pre, post, weights, contribution, frozen: false, inside: None, span }
}
