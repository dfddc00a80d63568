//! Architectures: equations of populations to a graph of populations and projections (semantics N2).

use super::elaborate::Elab;
use super::graph::{Graph, Leaf, Mark, NodeId, NodeKind, Ty};
use super::network::{Edge, EdgeId, PopId, Population};
use super::order::{Piece, Share, lost_names, lost_projections, names_shape, settles};
use super::value::{NestVal, Place, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::axis::{Axis, shape_text};
use crate::ir::{Item, ItemKind, Unit};
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
    pub(crate) item: Rc<Item>,
    pub(crate) pre: PopId,
    pub(crate) scale: Option<NodeId>,
    pub(crate) name: Option<Ident>,
    pub(crate) settings: Vec<(String, Val, Span)>,
    pub(crate) frozen: bool,
    pub(crate) bound: Option<super::structure::Bound>,
    /// Evaluated once the shape of a weight is known.
    pub(crate) mask: Option<(Scope, Expr)>,
    pub(crate) tied: Option<super::structure::Tied>,
    pub(crate) span: Span,
}

impl Elab<'_> {
    pub(crate) fn current(&self) -> String {
        self.task.defining.clone()
    }

    pub(crate) fn anonymous(&mut self) -> u32 {
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
                let parts = (self.drive_parts(a, at.0), self.drive_parts(b, at.1));
                let (Some(mut left), Some(mut right)) = parts else { return Some(Val::Error) };
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
    pub(crate) fn scalar_factor(&mut self, v: &Val) -> Option<NodeId> {
        let Val::Node(n) = v else { return None };
        let free = self.g.shape(*n).is_empty() && rates_in(&self.g, *n).is_empty();
        free.then_some(*n)
    }

    pub(crate) fn drive_parts(&mut self, v: &Val, span: Span) -> Option<(Vec<Part>, Option<Vec<Axis>>)> {
        if let Val::Drive(d) = v {
            let p = &mut self.pending[*d as usize];
            p.merged = true;
            return Some((p.parts.clone(), Some(p.shape.clone())));
        }
        let node = self.tensor(v, span)?;
        self.in_unit(node, Unit::ONE, "what is added to projections", span)?;
        Some((vec![Part::Plain { node, span }], None))
    }

    pub(crate) fn scaled(&mut self, part: Part, by: NodeId) -> Part {
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

    /// Statements of an architecture: populations, repetition, nested architectures.
    pub(crate) fn architecture_body(&mut self, scope: &mut Scope, prefix: &str, body: &[Stmt]) {
        for Piece { stmt, share } in self.ordered(scope, body) {
            match &stmt.kind {
                StmtKind::Population { value: Expr { kind: ast::ExprKind::Relax(_), .. }, .. } => {
                    self.relaxing(scope, prefix, stmt, None);
                }
                StmtKind::Population { output, head, ty, value, after, from } => {
                    let Some(sign) = self.population_sign(value, after).filter(|_| from.is_none()) else {
                        self.no_steps(stmt.span);
                        scope.bind(&head.name.name, Val::Error, Some(head.name.span));
                        continue;
                    };
                    self.population_statement(scope, prefix, *output, head, ty.as_ref(), value);
                    self.signed(sign);
                }
                StmtKind::For { .. } => self.repetition(scope, prefix, stmt, matches!(share, Share::Settling)),
                StmtKind::Let { value, .. }
                | StmtKind::Set { target: Expr { kind: ast::ExprKind::Name(_), .. }, value, .. } => {
                    let (name, span) = head_name(&stmt.kind);
                    let before = std::mem::replace(&mut self.task.nest, format!("{prefix}{name}."));
                    let v = if self.is_instance(scope, stmt) { self.eval(scope, value, None) } else { Val::Error };
                    self.task.nest = before;
                    scope.bind(&name, v, Some(span));
                }
                StmtKind::Cell { name, ty, .. } => match share {
                    Share::Compartment(c) => self.compartment(scope, prefix, (name, ty.as_ref()), c),
                    _ => {
                        let whole = format!("{prefix}{}", name.name);
                        self.task.cells.push((whole.clone(), vec![]));
                        let empty = NestVal { name: whole, members: vec![], outputs: vec![] };
                        scope.bind(&name.name, Val::Nest(Rc::new(empty)), Some(name.span));
                    }
                },
                StmtKind::Noise { head, shape, value } => {
                    let Some(name) = self.numbered(scope, head) else { continue };
                    let v = self.noise_source(scope, (prefix, &name), head, shape.as_ref(), value, stmt.span);
                    scope.bind(&name, v, Some(head.name.span));
                }
                _ => self.no_part(scope, stmt),
            }
        }
    }

    /// `for i in 1..depth { ... }`: a turn for each number. Of what settles the names are there before the first turn, as a
    /// layer that settles may read the next.
    fn repetition(&mut self, scope: &mut Scope, prefix: &str, stmt: &Stmt, settling: bool) {
        let StmtKind::For { var, range, body } = &stmt.kind else { return };
        let Some((a, b)) = self.turns(scope, range) else {
            return lost_names(scope, stmt);
        };
        for i in a..=b {
            if !self.takes_turn(range.span) {
                return lost_names(scope, stmt);
            }
            let n = self.g.size(&Axis::Known(i));
            scope.bind(&var.name, Val::Node(n), None);
            if settling {
                self.settling_names(scope, prefix, body);
                continue;
            }
            let first = self.task.turn.len();
            self.task.home.turns.push(i);
            self.architecture_body(scope, prefix, body);
            // Equations of what settles are of this turn.
            for w in self.task.turn.split_off(first) {
                self.task.waiting[w].in_scope(scope, &self.task.home);
            }
            self.task.home.turns.pop();
            self.unbind_turn(scope);
        }
    }

    /// The populations of a turn that settle, by name and shape.
    fn settling_names(&mut self, scope: &mut Scope, prefix: &str, body: &[Stmt]) {
        for Piece { stmt, share } in self.ordered(scope, body) {
            match (&stmt.kind, share) {
                (StmtKind::For { .. }, Share::Settling) => self.repetition(scope, prefix, stmt, true),
                (StmtKind::Cell { name, ty, .. }, Share::Compartment(c)) if settles(c) => {
                    self.compartment(scope, prefix, (name, ty.as_ref()), c);
                }
                (StmtKind::Population { head, .. }, _) if settles(stmt) => {
                    let known = self.task.turn.len();
                    self.relaxing(scope, prefix, stmt, None);
                    if self.task.turn.len() > known {
                        self.first_of_its_name(&format!("{prefix}{}", head.name.name), head);
                    }
                    self.task.turn.truncate(known);
                }
                // A shape may be one that is named.
                (StmtKind::Let { head, value }, _) if names_shape(body, &head.name.name) => {
                    let v = self.eval(scope, value, None);
                    scope.bind(&head.name.name, v, Some(head.name.span));
                }
                _ => {}
            }
        }
    }

    pub(crate) fn population_statement(
        &mut self,
        scope: &mut Scope,
        prefix: &str,
        output: bool,
        head: &ast::Head,
        ty: Option<&ast::Type>,
        value: &Expr,
    ) {
        let Some(name) = self.numbered(scope, head) else {
            scope.bind(&head.name.name, Val::Error, Some(head.name.span));
            return lost_projections(scope, value);
        };
        if !self.first_of_its_name(&format!("{prefix}{name}"), head) {
            scope.bind(&name, Val::Error, Some(head.name.span));
            return lost_projections(scope, value);
        }
        if ty.and_then(|t| t.over.as_ref()).is_some() {
            self.later("populations over time", head.span);
        }
        let shape = match ty {
            Some(t) => match self.type_shape(scope, t) {
                Some(s) => Some(s),
                None => {
                    scope.bind(&name, Val::Error, Some(head.name.span));
                    return lost_projections(scope, value);
                }
            },
            None => None,
        };
        let saved = std::mem::take(&mut self.pending);
        let (old, count) = (
            std::mem::replace(&mut self.task.defining, format!("{prefix}{name}")),
            std::mem::take(&mut self.task.anonymous),
        );
        let drawn = match &value.kind {
            ast::ExprKind::Sample(e) => Some(&**e),
            _ => None,
        };
        let (node, sampler) = match drawn {
            Some(e) => match self.sampler(scope, e, shape.as_deref()) {
                Some((node, sampler)) => (Some(node), Some(sampler)),
                None => (None, None),
            },
            None => {
                let v = self.eval(scope, value, shape.as_deref());
                (self.tensor(&v, value.span), None)
            }
        };
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
                let d = d.also(at, format!("declared {}", shape_text(&shape)));
                self.report(d.help("give both one shape: a projection brings any into the declared one"));
                return None;
            }
            let n = self.g.fill(n, &shape);
            let whole = format!("{prefix}{name}");
            Some(match &sampler {
                Some(s) => self.sampled_population(whole, shape, n, s, output, head.name.span),
                None => self.finish_population(whole, shape, n, output, head.name.span),
            })
        });
        self.pending = saved;
        self.task.defining = old;
        self.task.anonymous = count;
        let v = result.map_or(Val::Error, Val::Pop);
        scope.bind(&name, v, (!output).then_some(head.name.span));
        self.bind_edges(scope);
        if result.is_none() {
            lost_projections(scope, value);
        }
    }

    /// The name in a head, with its number: `h[2]`.
    pub(super) fn numbered(&mut self, scope: &Scope, head: &ast::Head) -> Option<String> {
        let name = head.name.name.clone();
        match &head.index {
            Some(i) => Some(format!("{name}[{}]", self.count(scope, i)?)),
            None => Some(name),
        }
    }

    pub(crate) fn new_population(&mut self, name: String, shape: Vec<Axis>, output: bool, span: Span) -> PopId {
        self.new_population_of(name, Ty::real(shape), output, span)
    }

    fn new_population_of(&mut self, name: String, ty: Ty, output: bool, span: Span) -> PopId {
        let id = PopId(self.net.populations.len() as u32);
        let shape = ty.shape.clone();
        let drive_leaf = self.g.leaf(Leaf::Drive(id), Ty::real(shape.clone()));
        let rate_leaf = self.g.leaf(Leaf::Rate(id), ty);
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
            sampled: None,
            course: None,
            span,
        });
        id
    }

    /// An input port, defined by a field of the task or by a symbol.
    pub(crate) fn input(&mut self, name: &str, value: NodeId, span: Span) -> PopId {
        let shape = self.g.shape(value).to_vec();
        // Labels stay labels.
        let kind = match &self.g.ty(value).kind {
            kind @ super::graph::Kind::Label(_) => kind.clone(),
            _ => super::graph::Kind::Real,
        };
        let id = self.new_population_of(name.to_string(), Ty { kind, ..Ty::real(shape) }, false, span);
        let p = &mut self.net.populations[id.0 as usize];
        p.input = true;
        p.rate = value;
        id
    }

    /// Normal form: drive = sum of edges, rate = f(drive); what does not fit is split into anonymous populations.
    pub(crate) fn finish_population(
        &mut self,
        name: String,
        shape: Vec<Axis>,
        node: NodeId,
        output: bool,
        span: Span,
    ) -> PopId {
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
    pub(crate) fn connect(&mut self, post: PopId, d: u32) -> Option<NodeId> {
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
    pub(crate) fn plain_edges(&mut self, post: PopId, node: NodeId, span: Span) -> NodeId {
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
                inside: None,
                span,
            };
            self.add_edge(id, edge);
        }
        drive
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
                        self.report(Diagnostic::new(Code::T0307, e.span, m, "").help("an axis has 1 unit or more"));
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
        let home = super::task::Home { prefix: prefix.clone(), ..Default::default() };
        let outer = std::mem::replace(&mut self.task.home, home);
        let waiting = self.task.waiting.len();
        self.architecture_body(&mut inner, &prefix, body);
        self.settle_populations(&mut inner, waiting);
        self.task.nest = prefix;
        self.task.home = outer;
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

pub fn pending_in(g: &Graph, node: NodeId) -> Vec<(u32, NodeId)> {
    let found = g.reachable(&[node]).into_iter().filter_map(|n| match g.node(n).kind {
        NodeKind::Leaf(Leaf::Pending(d)) => Some((d, n)),
        _ => None,
    });
    found.collect()
}
