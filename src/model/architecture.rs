//! Architectures: equations of populations to a graph of populations and projections (semantics N2).

use super::elaborate::Elab;
use super::graph::{Graph, Leaf, Mark, NodeId, NodeKind, Ty};
use super::network::{Edge, EdgeId, PopId, Population, Weight, WeightId};
use super::value::{NestVal, Place, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::axis::{Axis, shape_text};
use crate::ir::{Item, ItemKind};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, BinaryOp, Expr, Ident, Stmt, StmtKind};
use std::collections::HashMap;
use std::rc::Rc;

/// A drive under construction: a sum of projections and of plain terms.
#[derive(Clone, Debug)]
pub struct Pending {
    pub parts: Vec<Part>,
    pub shape: Vec<Axis>,
    /// The sum was merged into another one.
    pub merged: bool,
}

#[derive(Clone, Debug)]
pub enum Part {
    Projection(Box<Call>),
    Plain { node: NodeId, span: Span },
}

/// A projection call.
#[derive(Clone, Debug)]
pub struct Call {
    item: Rc<Item>,
    pre: PopId,
    scale: Option<NodeId>,
    name: Option<Ident>,
    settings: Vec<(String, Val, Span)>,
    frozen: bool,
    bound: Option<(Option<NodeId>, Option<NodeId>)>,
    span: Span,
}

impl Elab<'_> {
    /// `dense(x, sign = excitatory)` in the equation of a population.
    pub(crate) fn projection_call(
        &mut self,
        scope: &Scope,
        span: Span,
        item: &Rc<Item>,
        args: &[Arg],
        want: Option<&[Axis]>,
    ) -> Val {
        if scope.place != Place::Architecture {
            let m = format!("the projection `{}` belongs in an architecture", item.name);
            return self
                .report(Diagnostic::new(Code::T0210, span, m, "").help("use it in the equation of a population"));
        }
        let mut own = Vec::new();
        let mut call = Call {
            item: item.clone(),
            pre: PopId(0),
            scale: None,
            name: None,
            settings: vec![],
            frozen: false,
            bound: None,
            span,
        };
        for arg in args {
            match arg.name.as_ref().map(|n| n.name.as_str()) {
                Some("frozen") => match self.holds(scope, &arg.value) {
                    Some(b) => call.frozen = b,
                    None => return Val::Error,
                },
                Some("bound") => match self.bound(scope, &arg.value) {
                    Some(b) => call.bound = Some(b),
                    None => return Val::Error,
                },
                Some("sign") => match self.sign(&arg.value) {
                    Some(b) => call.bound = Some(b),
                    None => return Val::Error,
                },
                Some("mask" | "tied") => return self.later("masks and tied weights", arg.value.span),
                _ => own.push(arg.clone()),
            }
        }
        // The post side is the population that is being defined.
        let outside: Vec<_> =
            item.params.iter().enumerate().filter(|(i, _)| *i != 1).map(|(_, p)| clone_param(p)).collect();
        let Some(slots) = self.assign(span, item, &outside, &own) else { return Val::Error };
        let Some(Some(pre)) = slots.first().copied() else { return Val::Error };
        let v = self.eval(scope, pre, None);
        let Some(p) = self.presynaptic(v, pre.span) else { return Val::Error };
        call.pre = p;
        for (param, given) in outside.iter().zip(slots).skip(1) {
            if let Some(e) = given {
                let v = self.eval(scope, e, None);
                if matches!(v, Val::Error) {
                    return Val::Error;
                }
                call.settings.push((param.name.clone(), v, e.span));
            }
        }
        let Some(shape) = want else {
            let m = format!("the shape of this `{}` cannot be told", item.name);
            let d = Diagnostic::new(Code::T0305, span, m, "no population says how many units there are");
            return self.report(d.help("declare it: `population name: [size] = ...`, and use the name here"));
        };
        self.pending.push(Pending {
            parts: vec![Part::Projection(Box::new(call))],
            shape: shape.to_vec(),
            merged: false,
        });
        Val::Drive(self.pending.len() as u32 - 1)
    }

    fn bound(&mut self, scope: &Scope, e: &Expr) -> Option<(Option<NodeId>, Option<NodeId>)> {
        match self.eval(scope, e, None) {
            Val::List(items) if items.len() == 2 => {
                let low = self.tensor(&items[0].0, items[0].1)?;
                let high = self.tensor(&items[1].0, items[1].1)?;
                Some((Some(low), Some(high)))
            }
            Val::Error => None,
            _ => {
                let d = Diagnostic::new(Code::T0208, e.span, "a bound is a pair of numbers", "");
                self.report(d.help("write `bound = [0, 1]`"));
                None
            }
        }
    }

    fn sign(&mut self, e: &Expr) -> Option<(Option<NodeId>, Option<NodeId>)> {
        let zero = self.g.number(0.0);
        match &e.kind {
            ast::ExprKind::Name(n) if n == "excitatory" => Some((Some(zero), None)),
            ast::ExprKind::Name(n) if n == "inhibitory" => Some((None, Some(zero))),
            _ => {
                let d = Diagnostic::new(Code::T0208, e.span, "a sign is `excitatory` or `inhibitory`", "");
                self.report(d);
                None
            }
        }
    }

    /// What a projection starts from: a population, or an anonymous one made of an expression.
    fn presynaptic(&mut self, v: Val, span: Span) -> Option<PopId> {
        if let Some(p) = self.pop_of(&v) {
            return Some(p);
        }
        let n = self.tensor(&v, span)?;
        if let NodeKind::Leaf(Leaf::Rate(p)) = self.g.node(n).kind {
            return Some(p);
        }
        let shape = self.g.shape(n).to_vec();
        let name = format!("{}.{}", self.current(), self.anonymous());
        Some(self.finish_population(name, shape, n, false, span))
    }

    fn current(&self) -> String {
        self.task.defining.clone()
    }

    fn anonymous(&mut self) -> u32 {
        self.task.anonymous += 1;
        self.task.anonymous
    }

    /// Sums, differences and scalar multiples of a drive; `None` if no drive takes part.
    pub(crate) fn drive_op(
        &mut self,
        op: BinaryOp,
        a: &Val,
        b: &Val,
        at: (Span, Span),
        want: Option<&[Axis]>,
    ) -> Option<Val> {
        match (op, a, b) {
            (BinaryOp::Add | BinaryOp::Subtract, Val::Drive(_), _)
            | (BinaryOp::Add | BinaryOp::Subtract, _, Val::Drive(_)) => {
                let (mut left, mut right) = (self.drive_parts(a, at.0)?, self.drive_parts(b, at.1)?);
                if op == BinaryOp::Subtract {
                    let minus = self.g.number(-1.0);
                    right.0 = right.0.into_iter().map(|p| self.scaled(p, minus)).collect();
                }
                let shape = want.map(<[Axis]>::to_vec).or(left.1.take()).or(right.1.take())?;
                left.0.extend(right.0);
                self.pending.push(Pending { parts: left.0, shape, merged: false });
                Some(Val::Drive(self.pending.len() as u32 - 1))
            }
            (BinaryOp::Multiply, Val::Drive(d), other) | (BinaryOp::Multiply, other, Val::Drive(d)) => {
                let n = self.scalar_factor(other)?;
                Some(self.scale_drive(*d, n))
            }
            (BinaryOp::Divide, Val::Drive(d), other) => {
                let n = self.scalar_factor(other)?;
                let one = self.g.number(1.0);
                let inverse = self.g.div(one, n).ok()?;
                Some(self.scale_drive(*d, inverse))
            }
            _ => None,
        }
    }

    /// A scalar that no population takes part in.
    fn scalar_factor(&mut self, v: &Val) -> Option<NodeId> {
        let Val::Node(n) = v else { return None };
        let free = self.g.shape(*n).is_empty() && rates_in(&self.g, *n).is_empty();
        free.then_some(*n)
    }

    fn drive_parts(&mut self, v: &Val, span: Span) -> Option<(Vec<Part>, Option<Vec<Axis>>)> {
        if let Val::Drive(d) = v {
            let p = &mut self.pending[*d as usize];
            p.merged = true;
            return Some((p.parts.clone(), Some(p.shape.clone())));
        }
        let node = self.tensor(v, span)?;
        Some((vec![Part::Plain { node, span }], None))
    }

    fn scaled(&mut self, part: Part, by: NodeId) -> Part {
        match part {
            Part::Projection(mut call) => {
                call.scale = Some(match call.scale {
                    Some(s) => self.g.mul(s, by).unwrap_or(s),
                    None => by,
                });
                Part::Projection(call)
            }
            Part::Plain { node, span } => Part::Plain { node: self.g.mul(by, node).unwrap_or(node), span },
        }
    }

    pub(crate) fn scale_drive(&mut self, d: u32, by: NodeId) -> Val {
        let old = &mut self.pending[d as usize];
        old.merged = true;
        let (parts, shape) = (old.parts.clone(), old.shape.clone());
        let parts = parts.into_iter().map(|p| self.scaled(p, by)).collect();
        self.pending.push(Pending { parts, shape, merged: false });
        Val::Drive(self.pending.len() as u32 - 1)
    }

    /// A drive that is read by something other than a sum: from here on a value of its own.
    pub(crate) fn close_drive(&mut self, d: u32) -> NodeId {
        let shape = self.pending[d as usize].shape.clone();
        self.g.leaf(Leaf::Pending(d), Ty::real(shape))
    }

    /// `dense(x) as w1`
    pub(crate) fn name_projection(&mut self, v: &Val, _before: usize, name: &Ident) {
        if let Val::Drive(d) = v {
            let parts = &mut self.pending[*d as usize].parts;
            if let [Part::Projection(call)] = parts.as_mut_slice() {
                call.name = Some(name.clone());
                return;
            }
        }
        if !matches!(v, Val::Error) {
            let d = Diagnostic::new(Code::T0208, name.span, "`as` names one projection call", "not one here");
            self.report(d.help("write `dense(x) as w1`"));
        }
    }

    /// Statements of an architecture: populations, repetition, nested architectures.
    pub(crate) fn architecture_body(&mut self, scope: &mut Scope, prefix: &str, body: &[Stmt]) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Population { output, head, ty, value, after, from } => {
                    if !after.is_empty() || from.is_some() {
                        self.later("populations that settle", stmt.span);
                        continue;
                    }
                    self.population_statement(scope, prefix, *output, head, ty.as_ref(), value);
                }
                StmtKind::For { var, range, body } => {
                    let Val::Range(a, b) = self.eval(scope, range, None) else { continue };
                    let (Some(a), Some(b)) = (a.known(), b.known()) else {
                        let d = Diagnostic::new(Code::T0306, range.span, "a repetition needs known ends", "");
                        self.report(d);
                        continue;
                    };
                    if b.saturating_sub(a) > 10_000 {
                        self.report(Diagnostic::new(
                            Code::T0307,
                            range.span,
                            "a repetition of more than 10,000 is refused",
                            "",
                        ));
                        continue;
                    }
                    for i in a..=b {
                        let n = self.g.size(&Axis::Known(i));
                        scope.bind(&var.name, Val::Node(n), None);
                        self.architecture_body(scope, prefix, body);
                    }
                }
                StmtKind::Let { value, .. }
                | StmtKind::Set { target: Expr { kind: ast::ExprKind::Name(_), .. }, value, .. } => {
                    let (name, span) = head_name(&stmt.kind);
                    let before = std::mem::replace(&mut self.task.nest, format!("{prefix}{name}."));
                    let v = self.eval(scope, value, None);
                    self.task.nest = before;
                    scope.bind(&name, v, Some(span));
                }
                StmtKind::Cell { .. } => drop(self.later("compartments", stmt.span)),
                StmtKind::Noise { .. } => drop(self.later("noise", stmt.span)),
                _ => {
                    let d = Diagnostic::new(Code::T0210, stmt.span, "this does not belong in an architecture", "");
                    self.report(d.help("an architecture holds `population`, `output`, `for` and nested architectures"));
                }
            }
        }
    }

    fn population_statement(
        &mut self,
        scope: &mut Scope,
        prefix: &str,
        output: bool,
        head: &ast::Head,
        ty: Option<&ast::Type>,
        value: &Expr,
    ) {
        let mut name = head.name.name.clone();
        if let Some(i) = &head.index {
            let Some(i) = self.count(scope, i) else { return };
            name = format!("{name}[{i}]");
        }
        if ty.and_then(|t| t.over.as_ref()).is_some() {
            self.later("populations over time", head.span);
        }
        let shape = match ty {
            Some(t) => match self.type_shape(scope, t) {
                Some(s) => Some(s),
                None => {
                    scope.bind(&name, Val::Error, Some(head.name.span));
                    return;
                }
            },
            None => None,
        };
        let saved = std::mem::take(&mut self.pending);
        let (old, count) = (
            std::mem::replace(&mut self.task.defining, format!("{prefix}{name}")),
            std::mem::take(&mut self.task.anonymous),
        );
        let v = self.eval(scope, value, shape.as_deref());
        let node = self.tensor(&v, value.span);
        let result = node.and_then(|n| {
            let got = self.g.shape(n).to_vec();
            let shape = shape.unwrap_or(got.clone());
            if got != shape && !got.is_empty() {
                let m = format!(
                    "`{name}` is declared {}, but its equation gives {}",
                    shape_text(&shape),
                    self.g.ty(n).text()
                );
                let d = Diagnostic::new(Code::T0301, value.span, m, format!("this is {}", shape_text(&got)));
                let at = ty.map_or(head.span, |t| t.span);
                self.report(d.also(at, format!("declared {}", shape_text(&shape))));
                return None;
            }
            let n = self.g.fill(n, &shape);
            Some(self.finish_population(format!("{prefix}{name}"), shape, n, output, head.name.span))
        });
        self.pending = saved;
        self.task.defining = old;
        self.task.anonymous = count;
        let v = result.map_or(Val::Error, Val::Pop);
        scope.bind(&name, v, (!output).then_some(head.name.span));
        // Names given by `as` are in scope from here on.
        for e in self.net.edge_ids() {
            if let Some(n) = self.net.edge(e).name.clone()
                && scope.find(&n).is_none()
            {
                scope.bind(&n, Val::Edge(e), None);
            }
        }
    }

    fn new_population(&mut self, name: String, shape: Vec<Axis>, output: bool, span: Span) -> PopId {
        let id = PopId(self.net.populations.len() as u32);
        let drive_leaf = self.g.leaf(Leaf::Drive(id), Ty::real(shape.clone()));
        let rate_leaf = self.g.leaf(Leaf::Rate(id), Ty::real(shape.clone()));
        self.net.populations.push(Population {
            name,
            shape,
            input: false,
            output,
            drive: None,
            rate: drive_leaf,
            drive_leaf,
            rate_leaf,
            incoming: vec![],
            outgoing: vec![],
            span,
        });
        id
    }

    /// An input port, defined by a field of the task or by a symbol.
    pub(crate) fn input(&mut self, name: &str, value: NodeId, span: Span) -> PopId {
        let shape = self.g.shape(value).to_vec();
        let id = self.new_population(name.to_string(), shape, false, span);
        let p = &mut self.net.populations[id.0 as usize];
        p.input = true;
        p.rate = value;
        id
    }

    /// Normal form: drive = sum of edges, rate = f(drive); what does not fit is split into anonymous populations.
    fn finish_population(&mut self, name: String, shape: Vec<Axis>, node: NodeId, output: bool, span: Span) -> PopId {
        let drives = pending_in(&self.g, node);
        let reads = rates_in(&self.g, node);
        if let ([(d, leaf)], []) = (drives.as_slice(), reads.as_slice())
            && self.pending[*d as usize].shape == shape
        {
            let id = self.new_population(name, shape, output, span);
            let own = self.net.pop(id).drive_leaf;
            let rate = self.g.substitute(node, &HashMap::from([(*leaf, own)])).unwrap_or(node);
            self.net.populations[id.0 as usize].rate = rate;
            let drive = self.connect(id, *d);
            self.net.populations[id.0 as usize].drive = drive;
            return id;
        }
        let mut replace = HashMap::new();
        for (d, leaf) in drives {
            let part = self.pending[d as usize].shape.clone();
            let anonymous = format!("{name}.{}", self.anonymous());
            let id = self.new_population(anonymous, part, false, span);
            let drive = self.connect(id, d);
            self.net.populations[id.0 as usize].drive = drive;
            replace.insert(leaf, self.net.pop(id).rate_leaf);
        }
        let node = self.g.substitute(node, &replace).unwrap_or(node);
        let id = self.new_population(name, shape, output, span);
        let drive = self.plain_edges(id, node, span);
        self.net.populations[id.0 as usize].drive = Some(drive);
        id
    }

    /// The edges of a drive, and their sum.
    fn connect(&mut self, post: PopId, d: u32) -> Option<NodeId> {
        let mut total: Option<NodeId> = None;
        for part in self.pending[d as usize].parts.clone() {
            let (node, span) = match part {
                Part::Projection(call) => (self.instantiate(post, &call)?, call.span),
                Part::Plain { node, span } => (self.plain_edges(post, node, span), span),
            };
            let shape = self.net.pop(post).shape.clone();
            let node = self.fit_shape(node, &shape, span, "this sum")?;
            total = Some(match total {
                Some(t) => self.g.add(t, node).ok()?,
                None => node,
            });
        }
        total
    }

    /// One plain edge from each population that an expression reads. A lone one is marked, so that provenance sees it.
    fn plain_edges(&mut self, post: PopId, node: NodeId, span: Span) -> NodeId {
        let reads = rates_in(&self.g, node);
        let mut drive = node;
        for (pre, leaf) in &reads {
            let id = EdgeId(self.net.edges.len() as u32);
            let contribution = self.g.mark(Mark::Apply(id), node, [*leaf]);
            if reads.len() == 1 {
                drive = contribution;
            }
            let edge = Edge {
                name: None,
                projection: String::new(),
                pre: *pre,
                post,
                weights: vec![],
                contribution,
                frozen: false,
                span,
            };
            self.add_edge(id, edge);
        }
        drive
    }

    fn add_edge(&mut self, id: EdgeId, edge: Edge) {
        self.net.populations[edge.pre.0 as usize].outgoing.push(id);
        self.net.populations[edge.post.0 as usize].incoming.push(id);
        self.net.edges.push(edge);
    }

    /// The body of a projection between two populations.
    fn instantiate(&mut self, post: PopId, call: &Call) -> Option<NodeId> {
        let ItemKind::Projection(decl) = &call.item.kind else { return None };
        let (pre_pop, post_pop) = (self.net.pop(call.pre).clone(), self.net.pop(post).clone());
        let mut scope = Scope::new(call.item.module, Place::Plain);
        let mut rest = None;
        let pre = self.fit(&mut scope, &call.item.params[0], Val::Node(pre_pop.rate_leaf), call.span, &mut rest)?;
        for param in &call.item.params[2..] {
            let given = call.settings.iter().find(|(n, ..)| *n == param.name);
            let (v, at) = match (given, &param.default) {
                (Some((_, v, s)), _) => (v.clone(), *s),
                (None, Some(e)) => (self.eval(&scope.clone(), e, None), e.span),
                (None, None) => return None,
            };
            let v = self.fit(&mut scope, param, v, at, &mut rest)?;
            scope.bind(&param.name, v, None);
        }
        let mut post_rest = None;
        self.fit(&mut scope, &call.item.params[1], Val::Node(post_pop.rate_leaf), call.span, &mut post_rest)?;
        scope.bind(&call.item.params[0].name, pre, None);
        scope.bind(&call.item.params[1].name, Val::Node(post_pop.rate_leaf), None);
        let id = EdgeId(self.net.edges.len() as u32);
        let twin = self.net.edges.iter().filter(|e| e.pre == call.pre && e.post == post).count();
        let number = if twin == 0 { String::new() } else { format!(" ({})", twin + 1) };
        let stream = format!("{} -> {}{number}", pre_pop.name, post_pop.name);
        let mut weights = Vec::new();
        for w in &decl.weights {
            let wid = self.weight(&mut scope, id, w, &stream, call)?;
            weights.push(wid);
        }
        for (name, e) in &decl.lets {
            let v = self.eval(&scope, e, None);
            scope.bind(&name.name, v, None);
        }
        let e = decl.drive.as_ref()?;
        let v = self.eval(&scope, e, Some(&post_pop.shape));
        let value = self.tensor(&v, e.span)?;
        let value = self.fit_shape(value, &post_pop.shape, e.span, &format!("the drive of `{}`", call.item.name))?;
        let value = match call.scale {
            Some(s) => self.g.mul(s, value).ok()?,
            None => value,
        };
        let leaves: Vec<NodeId> = weights.iter().map(|w| self.net.weight(*w).leaf).collect();
        let sources = std::iter::once(pre_pop.rate_leaf).chain(leaves);
        let contribution = self.g.mark(Mark::Apply(id), value, sources);
        let edge = Edge {
            name: call.name.as_ref().map(|n| n.name.clone()),
            projection: call.item.name.clone(),
            pre: call.pre,
            post,
            weights,
            contribution,
            frozen: call.frozen,
            span: call.span,
        };
        self.add_edge(id, edge);
        Some(contribution)
    }

    fn weight(
        &mut self,
        scope: &mut Scope,
        edge: EdgeId,
        w: &crate::ir::Weight,
        stream: &str,
        call: &Call,
    ) -> Option<WeightId> {
        let shape = self.type_shape(scope, &w.ty)?;
        let id = WeightId(self.net.weights.len() as u32);
        let leaf = self.g.leaf(Leaf::Weight(id), Ty::real(shape.clone()));
        let e = match &w.init {
            ast::Init::Drawn(e) | ast::Init::Value(e) => e,
        };
        let inner = scope.drawing(format!("weight {stream}: {}", w.name.name), shape.clone());
        let v = self.eval(&inner, e, Some(&shape));
        let init = self.tensor(&v, e.span)?;
        let init = self.fit_shape(init, &shape, e.span, &format!("`{}`", w.name.name))?;
        // A bound is for what connects units; a bias keeps its freedom.
        let bound = if shape.len() > 1 { call.bound } else { None };
        let init = self.clamped(init, bound);
        self.net.weights.push(Weight { name: w.name.name.clone(), edge, leaf, shape, init, bound, span: call.span });
        scope.bind(&w.name.name, Val::Node(leaf), None);
        Some(id)
    }

    /// A value kept within bounds. A sign is imposed on the first draw by mirroring, so that its spread is kept.
    pub(crate) fn clamped(&mut self, x: NodeId, bound: Option<(Option<NodeId>, Option<NodeId>)>) -> NodeId {
        use crate::ops::Binary;
        let Some((low, high)) = bound else { return x };
        let x = low.and_then(|l| self.g.binary(Binary::Max, x, l).ok()).unwrap_or(x);
        high.and_then(|h| self.g.binary(Binary::Min, x, h).ok()).unwrap_or(x)
    }

    /// The shape that a type writes.
    pub(crate) fn type_shape(&mut self, scope: &Scope, ty: &ast::Type) -> Option<Vec<Axis>> {
        let mut out = Vec::new();
        for d in ty.dims.as_deref().unwrap_or(&[]) {
            match d {
                ast::Dim::Size(e) => {
                    // A letter of a rule in a type counts its units.
                    let a = match self.letter_size(scope, e) {
                        Some(a) => a,
                        None => self.axis(scope, e)?,
                    };
                    if let Axis::Known(n) = a
                        && (n == 0 || n > MAX_AXIS)
                    {
                        let m = if n == 0 {
                            "an axis of size 0 holds nothing".into()
                        } else {
                            format!("an axis of {n} is too large")
                        };
                        self.report(Diagnostic::new(Code::T0307, e.span, m, ""));
                        return None;
                    }
                    out.push(a);
                }
                ast::Dim::Rest(s) => {
                    let d = Diagnostic::new(Code::T0305, *s, "`..` stands for axes of a function's argument only", "");
                    self.report(d.help("write the sizes"));
                    return None;
                }
            }
        }
        if let Ok(Axis::Known(n)) = Axis::product(&out)
            && n <= MAX_ELEMENTS
        {
            return Some(out);
        }
        if out.iter().any(|a| a.known().is_none()) {
            return Some(out);
        }
        let m = format!("{} has more elements than any machine here can hold", shape_text(&out));
        self.report(Diagnostic::new(Code::T0307, ty.span, m, "").help("shrink the axes"));
        None
    }

    fn letter_size(&mut self, scope: &Scope, e: &Expr) -> Option<Axis> {
        let ast::ExprKind::Name(n) = &e.kind else { return None };
        match scope.find(n).map(|l| l.val.clone()) {
            Some(Val::Pop(p)) => Axis::product(&self.net.pop(p).shape).ok(),
            _ => None,
        }
    }

    /// An architecture within an architecture, or the one of an experiment.
    pub(crate) fn architecture_call(&mut self, scope: &Scope, span: Span, item: &Rc<Item>, args: &[Arg]) -> Val {
        let ItemKind::Architecture { body } = &item.kind else { return Val::Error };
        let prefix = self.task.nest.clone();
        let Some((mut inner, text)) = self.bind(scope, span, item, args, None, Place::Architecture) else {
            return Val::Error;
        };
        let first = self.net.populations.len();
        // What is given to a port is a population: an expression becomes an input.
        for param in item.params.iter().filter(|p| matches!(p.ty, crate::ir::ParamType::Tensor { .. })) {
            if let Some(l) = inner.locals.iter().position(|l| *l.name == *param.name)
                && let Val::Node(n) = inner.locals[l].val
            {
                let p = match self.g.node(n).kind {
                    NodeKind::Leaf(Leaf::Rate(p)) => p,
                    _ if rates_in(&self.g, n).is_empty() => {
                        self.input(&format!("{prefix}{}", param.name), n, param.span)
                    }
                    _ => self.finish_population(
                        format!("{prefix}{}", param.name),
                        self.g.shape(n).to_vec(),
                        n,
                        false,
                        param.span,
                    ),
                };
                inner.locals[l].val = Val::Pop(p);
            }
        }
        let known = inner.locals.len();
        self.task.nest = prefix.clone();
        self.architecture_body(&mut inner, &prefix, body);
        self.task.nest = prefix;
        let mut members: Vec<(String, Val)> =
            inner.locals[known..].iter().map(|l| (l.name.to_string(), l.val.clone())).collect();
        let ports = inner.locals[..known].iter().filter(|l| matches!(l.val, Val::Pop(_)));
        members.extend(ports.map(|l| (l.name.to_string(), l.val.clone())));
        let made = self.net.pops().skip(first);
        let outputs: Vec<PopId> = made.filter(|p| self.net.pop(*p).output).collect();
        if scope.place == Place::Architecture {
            // Within another architecture its outputs are populations like others.
            outputs.iter().for_each(|p| self.net.populations[p.0 as usize].output = false);
        }
        Val::Nest(Rc::new(NestVal { name: text, members, outputs }))
    }
}

/// No axis and no tensor is larger than this (2^31 numbers are 8 GiB in single precision).
const MAX_AXIS: u64 = 1 << 31;
const MAX_ELEMENTS: u64 = 1 << 31;

fn head_name(kind: &StmtKind) -> (String, Span) {
    match kind {
        StmtKind::Let { head, .. } => (head.name.name.clone(), head.name.span),
        StmtKind::Set { target: Expr { kind: ast::ExprKind::Name(n), span }, .. } => (n.clone(), *span),
        _ => (String::new(), Span::default()),
    }
}

fn clone_param(p: &crate::ir::Param) -> crate::ir::Param {
    crate::ir::Param { name: p.name.clone(), span: p.span, ty: p.ty.clone(), default: p.default.clone() }
}

/// Populations whose rate an expression reads, in their order, with the leaf.
pub fn rates_in(g: &Graph, node: NodeId) -> Vec<(PopId, NodeId)> {
    let mut found: Vec<(PopId, NodeId)> = g
        .reachable(&[node])
        .into_iter()
        .filter_map(|n| match g.node(n).kind {
            NodeKind::Leaf(Leaf::Rate(p)) => Some((p, n)),
            _ => None,
        })
        .collect();
    found.sort();
    found
}

fn pending_in(g: &Graph, node: NodeId) -> Vec<(u32, NodeId)> {
    let found = g.reachable(&[node]).into_iter().filter_map(|n| match g.node(n).kind {
        NodeKind::Leaf(Leaf::Pending(d)) => Some((d, n)),
        _ => None,
    });
    found.collect()
}
