//! What may be read of populations, projections, tasks and bundles: fields and methods.

use super::arguments::Form;
use super::derive::{opaque, vjp, weights_read};
use super::elaborate::Elab;
use super::graph::{Built, Fault, Mark, NodeId, NodeKind, Ty};
use super::network::{EdgeId, PopId, Weight};
use super::value::{Bundle, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::axis::{Axis, shape_text};
use crate::source::Span;
use crate::syntax::ast::{Arg, Expr, ExprKind, Ident};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

const POP_FIELDS: [&str; 18] = [
    "settles",
    "cell",
    "drive",
    "rate",
    "in",
    "out",
    "size",
    "output",
    "input",
    "sampled",
    "spiking",
    "slope",
    "height",
    "respond",
    "pull",
    "push",
    "score",
    "probability",
];
const EDGE_FIELDS: [&str; 10] =
    ["pre", "post", "fan_in", "fan_out", "adjoint", "outer", "apply", "push", "plain", "weights"];

/// What an index names.
pub(crate) enum Units {
    Known {
        first: u64,
        last: u64,
        single: bool,
    },
    /// So many, of a size that is still open.
    Open {
        length: Axis,
    },
}

impl Elab<'_> {
    pub(crate) fn field(&mut self, scope: &Scope, base: &Expr, field: &Ident) -> Val {
        let v = self.eval(scope, base, None);
        let v = match &v {
            Val::Nest(n) => match n.members.iter().find(|(name, _)| *name == field.name) {
                Some((_, m)) => return m.clone(),
                None if n.outputs.len() == 1 => Val::Pop(n.outputs[0]),
                None => v,
            },
            _ => v,
        };
        match &v {
            Val::Error => Val::Error,
            Val::Rules => self.rule_field(field),
            Val::Pop(p) => self.pop_field(*p, field),
            Val::Edge(e) => self.edge_field(*e, field, matches!(&base.kind, ExprKind::Name(l) if l == "p" || l == "q")),
            Val::Bundle(b) => match self.net.weight_named(b.edge, &field.name) {
                Some(w) => {
                    let at = self.net.edge(b.edge).weights.iter().position(|x| *x == w).unwrap_or(0);
                    Val::Node(b.parts[at])
                }
                None => self.no_weight(b.edge, field, false),
            },
            Val::Task(t) => match t.fields.iter().find(|(name, _)| *name == field.name) {
                Some((_, v)) => v.clone(),
                None => {
                    let names: Vec<&str> = t.fields.iter().map(|(n, _)| n.as_str()).collect();
                    let m = format!("the task `{}` has no field `{}`", t.item.name, field.name);
                    let at = t.item.name_span;
                    self.no_field(m, field, &names, Some(at))
                }
            },
            Val::Nest(n) => {
                let names: Vec<&str> = n.members.iter().map(|(n, _)| n.as_str()).collect();
                let m = format!("{} has no field `{}`", self.describe(&v), field.name);
                self.no_field(m, field, &names, None)
            }
            Val::Phase(..) => {
                let m = format!("{} has no field `{}`", self.describe(&v), field.name);
                let d = Diagnostic::new(Code::T0209, field.span, m, "no such field");
                let name = crate::syntax::print::expr_text(base);
                self.report(d.help(format!("read something in the phase: `{name}(p.post.rate)`")))
            }
            other => {
                let m = format!("{} has no field `{}`", self.describe(other), field.name);
                self.no_field(m, field, &[], None)
            }
        }
    }

    fn no_weight(&mut self, edge: EdgeId, field: &Ident, ranges: bool) -> Val {
        let names: Vec<String> = self.net.edge(edge).weights.iter().map(|w| self.net.weight(*w).name.clone()).collect();
        let m = format!("the projection {} has no weight `{}`", self.net.edge_text(edge), field.name);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let at = self.net.edge(edge).span;
        if names.is_empty() {
            let m = format!("the plain edge {} has no weights, so no `{}`", self.net.edge_text(edge), field.name);
            let d = self.at_population(Code::T0209, m, (at, "a plain edge"), (field.span, "read here"));
            return self.report(d.help("restrict what reads it: `where not p.plain`"));
        }
        if ranges {
            let d =
                self.at_population(Code::T0209, m, (at, "declared here"), (field.span, "not every projection has it"));
            let all: Vec<_> = names.iter().map(|n| format!("`{n}`")).collect();
            return self.report(d.help(format!(
                "it has {}; `sum(w in p.weights: ...)` ranges over the matrices of any projection",
                all.join(", ")
            )));
        }
        self.no_field(m, field, &names, Some(at))
    }

    fn pop_field(&mut self, p: PopId, field: &Ident) -> Val {
        let pop = self.net.pop(p).clone();
        match field.name.as_str() {
            "rate" => Val::Node(pop.rate_leaf),
            "drive" if pop.input => {
                let m = format!("`{}` is an input and has no drive", pop.name);
                self.report(
                    Diagnostic::new(Code::T0209, field.span, m, "")
                        .also(pop.span, "an input")
                        .help("leave inputs out: `where not n.input`, `where not p.pre.input`"),
                )
            }
            "drive" => Val::Node(pop.drive_leaf),
            "in" => Val::Edges(pop.incoming.into()),
            "out" => Val::Edges(pop.outgoing.into()),
            "size" => match Axis::product(&pop.shape) {
                Ok(a) => Val::Node(self.g.size(&a)),
                Err(_) => Val::Error,
            },
            "cell" => self.cell_of(p, field),
            "output" => Val::Node(self.bool(pop.output)),
            "input" => Val::Node(self.bool(pop.input)),
            "sampled" => {
                if let (None, Some(f)) = (&pop.sampled, self.frames.last()) {
                    self.task.unsampled.push(f.made.item.name.clone());
                }
                Val::Node(self.bool(pop.sampled.is_some()))
            }
            "spiking" => Val::Node(self.bool(false)),
            "score" | "probability" if pop.sampled.is_some() => self.drawn_field(p, field),
            "height" => {
                let h = self.height(p);
                Val::Node(self.g.constant(h as f64, crate::ir::Unit::ONE, super::graph::Kind::Nat))
            }
            "settles" => Val::Node(self.bool(pop.course.is_some())),
            "slope" | "respond" | "push" if pop.course.is_some() => self.no_response(p, field),
            "slope" => {
                let one = self.g.number(1.0);
                let ones = self.g.fill(one, &pop.shape);
                self.pull(p, ones, field.span)
            }
            "respond" | "pull" | "push" => Val::Method(Rc::new((Val::Pop(p), field.name.clone()))),
            "score" | "probability" => {
                let m = format!("`{}` is not sampled, so it has no {}", pop.name, field.name);
                let d = self.at_population(Code::T0209, m, (pop.span, "declared here"), (field.span, "read here"));
                self.report(d.help("restrict the statement with `where n.sampled`, or sample the population"))
            }
            _ => {
                let m = format!("the population `{}` has no field `{}`", pop.name, field.name);
                self.no_field(m, field, &POP_FIELDS, None)
            }
        }
    }

    /// Edges on the longest way from a population to an output.
    fn height(&self, p: PopId) -> usize {
        let ways = self.net.pop(p).outgoing.iter().map(|e| self.height(self.net.edge(*e).post) + 1);
        ways.max().unwrap_or(0)
    }

    fn edge_field(&mut self, e: EdgeId, field: &Ident, ranges: bool) -> Val {
        let edge = self.net.edge(e).clone();
        match field.name.as_str() {
            "pre" => Val::Pop(edge.pre),
            "post" => Val::Pop(edge.post),
            "plain" => Val::Node(self.bool(edge.weights.is_empty())),
            "fan_in" | "fan_out" => match self.fan(e, field.name == "fan_in") {
                Some(a) => Val::Node(self.g.size(&a)),
                None => Val::Error,
            },
            "adjoint" | "outer" | "apply" | "push" => Val::Method(Rc::new((Val::Edge(e), field.name.clone()))),
            "weights" => {
                // A matrix that projections share is one: outside of rules it is that of the projection that it is drawn for.
                let own = |w: &&Weight| !self.frames.is_empty() || w.edge == e;
                let all = edge.weights.iter().map(|w| self.net.weight(*w)).filter(|w| w.shape.len() > 1).filter(own);
                Val::List(Rc::new(all.map(|w| (Val::Node(w.leaf), w.span)).collect()))
            }
            name => match self.net.weight_named(e, name) {
                Some(w) => Val::Node(self.net.weight(w).leaf),
                None if name.len() == 1 || name.chars().next().is_some_and(char::is_uppercase) => {
                    self.no_weight(e, field, ranges)
                }
                None => {
                    let m = format!("the projection {} has no field `{name}`", self.net.edge_text(e));
                    self.no_field(m, field, &EDGE_FIELDS, Some(edge.span))
                }
            },
        }
    }

    /// Synapses onto one unit (of the weight with most axes: its first axis counts the post side), or out of one.
    fn fan(&self, e: EdgeId, inward: bool) -> Option<Axis> {
        let edge = self.net.edge(e);
        let shape = edge.weights.iter().map(|w| &self.net.weight(*w).shape).max_by_key(|s| s.len());
        let unit = if inward { edge.post } else { edge.pre };
        match shape {
            // Kernels: all synapses, over the units of that end.
            Some(s) if s.len() > 2 => {
                let w = edge.weights.iter().copied().find(|w| self.net.weight(*w).shape == *s)?;
                let places = super::provenance::places(&self.g, &self.net, e, w);
                let synapses = Axis::product(s).ok()?.mul(&Axis::product(&places).ok()?).ok()?;
                let each = synapses.floor_div(&Axis::product(&self.net.pop(unit).shape).ok()?).ok()?;
                Some(if each == Axis::Known(0) { Axis::Known(1) } else { each })
            }
            Some(s) if s.len() >= 2 => {
                let skip = if inward { 0 } else { 1 };
                let kept: Vec<Axis> =
                    s.iter().enumerate().filter(|(i, _)| *i != skip).map(|(_, a)| a.clone()).collect();
                Axis::product(&kept).ok()
            }
            _ => Axis::product(&self.net.pop(if inward { edge.pre } else { edge.post }).shape).ok(),
        }
    }

    pub(crate) fn method(&mut self, scope: &Scope, span: Span, of: &Val, name: &str, args: &[Arg]) -> Val {
        match (of, name) {
            (Val::Pop(p), "pull" | "respond" | "push") => {
                let Some(x) = self.one_given(scope, span, name, args) else { return Val::Error };
                let shape = self.net.pop(*p).shape.clone();
                let Some(n) = self.shaped(scope, x, &shape, &format!("`{}.{name}`", self.net.pop(*p).name.clone()))
                else {
                    return Val::Error;
                };
                match name {
                    "pull" => self.pull(*p, n, span),
                    "push" => self.push(*p, n, span),
                    _ => self.respond(*p, n, span),
                }
            }
            (Val::Rules, _) => self.rule_call(scope, span, name, args),
            (Val::Edge(e), "adjoint") => self.adjoint_call(scope, span, *e, args),
            (Val::Edge(e), "outer") => self.outer_call(scope, span, *e, args),
            (Val::Edge(e), "apply" | "push") => {
                let Some(x) = self.one_given(scope, span, name, args) else { return Val::Error };
                let pre = self.net.edge(*e).pre;
                let shape = self.net.pop(pre).shape.clone();
                let Some(a) = self.shaped(scope, x, &shape, &format!("`{name}`")) else { return Val::Error };
                if name == "push" {
                    return self.push_over(*e, a, span);
                }
                let contribution = self.net.edge(*e).contribution;
                let leaf = self.net.pop(pre).rate_leaf;
                self.built(|g| g.substitute(contribution, &HashMap::from([(leaf, a)])), span, "`apply`")
            }
            _ => Val::Error,
        }
    }

    /// The argument of a method that takes one.
    fn one_given<'a>(&mut self, scope: &Scope, span: Span, name: &str, args: &'a [Arg]) -> Option<&'a Expr> {
        let takes = match name {
            "pull" => "error",
            "respond" => "drive",
            "apply" => "rate",
            _ => "change",
        };
        self.all_given(scope, span, &Form::of(name, &[takes]), args)?.first().copied()
    }

    pub(crate) fn built(
        &mut self,
        make: impl FnOnce(&mut super::graph::Graph) -> Built,
        span: Span,
        what: &str,
    ) -> Val {
        match make(&mut self.g) {
            Ok(n) => Val::Node(n),
            Err(f) => self.fault(f, span, what, &[]),
        }
    }

    /// A tensor of the given shape: a scalar is repeated, units in a row are folded back into a population's axes.
    pub(crate) fn shaped(&mut self, scope: &Scope, e: &Expr, shape: &[Axis], what: &str) -> Option<NodeId> {
        let v = self.eval(scope, e, Some(shape));
        let n = self.tensor(&v, e.span)?;
        self.fit_shape(n, shape, e.span, what)
    }

    pub(crate) fn fit_shape(&mut self, n: NodeId, shape: &[Axis], at: Span, what: &str) -> Option<NodeId> {
        let got = self.g.shape(n).to_vec();
        if got == shape {
            return Some(n);
        }
        if got.is_empty() {
            return Some(self.g.fill(n, shape));
        }
        if got.len() == 1
            && shape.len() > 1
            && let Ok(r) = self.g.reshape(shape.to_vec(), n)
        {
            return Some(r);
        }
        let m = format!("{what} needs {} here, but this is {}", shape_text(shape), self.g.ty(n).text());
        let d = Diagnostic::new(Code::T0301, at, m, format!("this is {}", shape_text(&got)));
        // Sizes that differ are the spec's to mend; axes too many or too few can be brought into form.
        self.report(match got.len() == shape.len() {
            true => d.help("give both one size: a projection brings any to another, or change it where it is declared"),
            false => d.help("bring it into that form: `flatten`, `reshape`, or a mean `over` the axes too many"),
        });
        None
    }

    /// `n.pull(e)`: the adjoint of drive -> rate at the drive.
    fn pull(&mut self, p: PopId, e: NodeId, span: Span) -> Val {
        let pop = self.net.pop(p).clone();
        if pop.course.is_some() && !self.g.is_zero(e) {
            return Val::Node(self.g.mark(Mark::Pull(p), e, [e, pop.drive_leaf]));
        }
        if self.g.is_zero(e) || pop.rate == pop.drive_leaf {
            return Val::Node(e);
        }
        if pop.sampled.is_some() {
            return self.not_through_samples(p, span);
        }
        match vjp(&mut self.g, pop.rate, &[pop.drive_leaf], e, &opaque) {
            Ok(parts) => match parts[0] {
                Some(n) => Val::Node(self.g.mark(Mark::Pull(p), n, [e, pop.drive_leaf])),
                None => self.flat(pop.rate, pop.drive_leaf, span, "a rule that differentiates"),
            },
            Err(f) => self.fault(f, span, "a rule that differentiates", &[]),
        }
    }

    /// The derivative of `y` by `x` where none was found: 0, unless `y` reads `x` through comparisons alone, which would
    /// hand every rule a silent zero.
    pub(crate) fn flat(&mut self, y: NodeId, x: NodeId, span: Span, what: &str) -> Val {
        if !super::edges::reads_by_value(&self.g, y, x) && self.g.reachable(&[y]).contains(&x) {
            let fault = Fault::NoDerivative { what: "a comparison", span: self.g.node(y).span };
            return self.fault(fault, span, what, &[]);
        }
        let shape = self.g.shape(x).to_vec();
        Val::Node(self.g.zeros(&Ty::real(shape)))
    }

    /// `n.respond(u)`: the unit's function of any drive.
    fn respond(&mut self, p: PopId, u: NodeId, span: Span) -> Val {
        let pop = self.net.pop(p).clone();
        if pop.input {
            return Val::Node(u);
        }
        self.response(p, u, span, "`respond`")
    }

    /// The unit's function of a drive, marked so that its slope is known wherever it is differentiated.
    pub(crate) fn response(&mut self, p: PopId, drive: NodeId, span: Span, what: &str) -> Val {
        let pop = self.net.pop(p).clone();
        let made = self.built(|g| g.substitute(pop.rate, &HashMap::from([(pop.drive_leaf, drive)])), span, what);
        match made {
            Val::Node(n) if pop.course.is_none() => Val::Node(self.g.mark(Mark::Respond(p), n, [drive])),
            made => made,
        }
    }

    /// `q.adjoint(e)`, `q.adjoint(e, W = X)`, `q.adjoint(e, at = a)`
    fn adjoint_call(&mut self, scope: &Scope, span: Span, edge: EdgeId, args: &[Arg]) -> Val {
        let e = self.net.edge(edge).clone();
        let post = self.net.pop(e.post).shape.clone();
        // Which of the names are weights is told below: they may be those of another projection.
        let weights: Vec<String> = self.net.weights.iter().map(|w| w.name.clone()).collect();
        let names =
            weights.iter().map(String::as_str).chain(args.iter().filter_map(|a| Some(a.name.as_ref()?.name.as_str())));
        let named: BTreeSet<&str> = names.filter(|n| !["at", "error"].contains(n)).collect();
        let named = named.into_iter().chain(["at"]);
        let form = Form::of("adjoint", &["error"]).and_named(named);
        let Some(given) = self.given(scope, span, &form, args) else { return Val::Error };
        let Some(Some(first)) = given.first() else { return Val::Error };
        let Some(bar) = self.shaped(scope, first, &post, "`adjoint`") else { return Val::Error };
        let mut replace = HashMap::new();
        let mut sources = Vec::new();
        let pre_leaf = self.net.pop(e.pre).rate_leaf;
        let mut at = None;
        for arg in args {
            let Some(name) = arg.name.as_ref().filter(|n| n.name != "error") else { continue };
            if name.name == "at" {
                let shape = self.net.pop(e.pre).shape.clone();
                at = self.shaped(scope, &arg.value, &shape, "`at`");
                continue;
            }
            // An edge without this weight has nothing to put it into.
            let Some(w) = self.net.weight_named(edge, &name.name) else {
                if e.weights.is_empty() || self.own_weights_back(edge, name) {
                    continue;
                }
                return self.no_weight(edge, name, false);
            };
            let weight = self.net.weight(w).clone();
            let Some(x) = self.shaped(scope, &arg.value, &weight.shape, &format!("`{}`", name.name)) else {
                return Val::Error;
            };
            replace.insert(weight.leaf, x);
            sources.push(x);
        }
        if self.g.is_zero(bar) {
            let shape = self.net.pop(e.pre).shape.clone();
            return Val::Node(self.g.zeros(&Ty::real(shape)));
        }
        let value = self.g.node(e.contribution).args[0];
        replace.extend(at.map(|a| (pre_leaf, a)));
        let part = match self.carried(value, &[pre_leaf], bar, &replace) {
            Ok(parts) => parts[0],
            Err(f) => return self.fault(f, span, "`adjoint`", &[]),
        };
        let Some(part) = part else { return self.flat(value, pre_leaf, span, "`adjoint`") };
        let own: Vec<NodeId> = self.g.node(e.contribution).args[2..].to_vec();
        sources.extend(weights_read(&self.g, part, &own));
        let sources: Vec<NodeId> = std::iter::once(bar).chain(sources).collect();
        Val::Node(self.g.mark(Mark::Adjoint(edge), part, sources))
    }

    /// The products of `bar` with the Jacobians of a projection's equation, at the values given for what it reads. The
    /// derivative is of the equation alone: what these values are made of counts as constant.
    pub(crate) fn carried(
        &mut self,
        value: NodeId,
        wrt: &[NodeId],
        bar: NodeId,
        at: &HashMap<NodeId, NodeId>,
    ) -> Result<Vec<Option<NodeId>>, Fault> {
        let ty = self.g.ty(bar).clone();
        let seed = self.symbol("what arrives", ty);
        let parts = vjp(&mut self.g, value, wrt, seed, &opaque)?;
        let mut with = at.clone();
        with.insert(seed, bar);
        parts.into_iter().map(|p| p.map(|p| self.g.substitute(p, &with)).transpose()).collect()
    }

    /// `p.outer(e, a)`: one component a weight.
    fn outer_call(&mut self, scope: &Scope, span: Span, edge: EdgeId, args: &[Arg]) -> Val {
        let e = self.net.edge(edge).clone();
        let form = Form::of("outer", &["error", "rate"]);
        let Some(given) = self.all_given(scope, span, &form, args) else { return Val::Error };
        let (post, pre) = (self.net.pop(e.post).shape.clone(), self.net.pop(e.pre).shape.clone());
        let bar = self.shaped(scope, given[0], &post, "`outer`");
        let a = self.shaped(scope, given[1], &pre, "`outer`");
        let (Some(bar), Some(a)) = (bar, a) else { return Val::Error };
        if let Some(v) = self.outer_inside(edge, bar, a, span) {
            return v;
        }
        let value = self.g.node(e.contribution).args[0];
        let pre_leaf = self.net.pop(e.pre).rate_leaf;
        let leaves: Vec<NodeId> = e.weights.iter().map(|w| self.net.weight(*w).leaf).collect();
        let made = match self.carried(value, &leaves, bar, &HashMap::from([(pre_leaf, a)])) {
            Ok(m) => m,
            Err(f) => return self.fault(f, span, "`outer`", &[]),
        };
        let mut parts = Vec::new();
        for (part, w) in made.into_iter().zip(&e.weights) {
            parts.push(match part {
                Some(p) if !self.g.is_zero(p) => self.g.mark(Mark::Outer(edge), p, [bar, a]),
                _ => {
                    let shape = self.net.weight(*w).shape.clone();
                    self.g.zeros(&Ty::real(shape))
                }
            });
        }
        Val::Bundle(Bundle { edge, parts, drive: bar })
    }

    pub(crate) fn index(&mut self, scope: &Scope, whole: &Expr, base: &Expr, index: &[Expr]) -> Val {
        // Repeated populations have names such as `h[2]`.
        if let (crate::syntax::ast::ExprKind::Name(name), [i]) = (&base.kind, index)
            && scope.find(name).is_none()
        {
            let Some(i) = self.count(scope, i) else { return Val::Error };
            let full = format!("{name}[{i}]");
            return match scope.find(&full).map(|l| l.val.clone()) {
                Some(v) => v,
                None if self.lenient => Val::Error,
                None => self.unknown(scope, &full, whole.span),
            };
        }
        let v = self.eval(scope, base, None);
        if let (Val::Phase(p, None), [i]) = (&v, index) {
            let p = *p;
            return self.count(scope, i).map_or(Val::Error, |k| Val::Phase(p, Some(k)));
        }
        let Some(x) = self.tensor(&v, base.span) else { return Val::Error };
        self.slice(scope, whole.span, x, index)
    }

    /// The units of an axis that an index names: they count from 1, and ranges are closed.
    pub(crate) fn units(&mut self, scope: &Scope, e: &Expr, size: &Axis) -> Option<Units> {
        let ends = match self.eval(scope, e, None) {
            Val::Error => return None,
            Val::Range(a, b) => {
                // In a declaration that is checked on its own, ends may be sizes that are still open.
                if self.open && (a.known().is_none() || b.known().is_none()) {
                    return match b.sub(&a).and_then(|d| d.add(&Axis::Known(1))) {
                        Ok(length) => Some(Units::Open { length }),
                        Err(f) => {
                            self.fault(Fault::Axis(f), e.span, "this index", &[]);
                            None
                        }
                    };
                }
                a.known().zip(b.known()).map(|(a, b)| (a, b, false))
            }
            v => {
                let n = self.tensor(&v, e.span)?;
                let scalar = self.g.shape(n).is_empty() && self.g.ty(n).unit == crate::ir::Unit::ONE;
                match (self.g.as_axis(n).and_then(|a| a.known()), self.g.const_value(n)) {
                    (Some(k), _) if scalar => Some((k, k, true)),
                    (_, None) if scalar => None,
                    (_, known) => {
                        let what = known.filter(|_| scalar).map_or(self.g.ty(n).text(), |v| v.to_string());
                        let m = format!("units are named by whole numbers from 1, and this is {what}");
                        let d = Diagnostic::new(Code::T0307, e.span, m, "no unit");
                        self.report(d.help(format!("write a number or a range within 1..{size}")));
                        return None;
                    }
                }
            }
        };
        let Some((first, last, single)) = ends else {
            let d = Diagnostic::new(Code::T0306, e.span, "an index must be known before the run", "");
            self.report(d.help("index by numbers and settings; to choose by a value, `dot(x, one_hot(label))`"));
            return None;
        };
        if first == 0 || last < first || size.known().is_some_and(|s| last > s) {
            let m = match size.known() {
                Some(n) => format!("units count from 1 to {n} here"),
                None => "units count from 1".into(),
            };
            let d = Diagnostic::new(Code::T0307, e.span, m, "outside");
            let last = size.known().map_or("n".to_string(), |n| n.to_string());
            self.report(d.help(format!("the first is `[1]`, the last `[{last}]`, all of them `[1..{last}]`")));
            return None;
        }
        Some(Units::Known { first, last, single })
    }

    /// `x[1..28, 3]`: ranges are closed, units count from 1.
    fn slice(&mut self, scope: &Scope, span: Span, x: NodeId, index: &[Expr]) -> Val {
        let rank = self.g.shape(x).len();
        if index.len() > rank {
            let m = format!("this has {rank} axes, but {} are indexed", index.len());
            let d = Diagnostic::new(Code::T0301, span, m, "");
            return self.report(d.help(format!("give one index for each axis, and no more than {rank}")));
        }
        let mut x = x;
        let mut dropped = Vec::new();
        for (axis, i) in index.iter().enumerate() {
            let size = self.g.shape(x)[axis].clone();
            let (first, last, single) = match self.units(scope, i, &size) {
                Some(Units::Known { first, last, single }) => (first, last, single),
                Some(Units::Open { length }) => {
                    let mut ty = self.g.ty(x).clone();
                    ty.shape[axis] = length;
                    x = self.g.make(NodeKind::Slice { axis, start: 0, length: 0 }, vec![x], ty);
                    continue;
                }
                None => return Val::Error,
            };
            let mut ty = self.g.ty(x).clone();
            let length = (last - first + 1) as usize;
            ty.shape[axis] = Axis::Known(length as u64);
            x = self.g.make(NodeKind::Slice { axis, start: first as usize - 1, length }, vec![x], ty);
            if single {
                dropped.push(axis);
            }
        }
        let kept: Vec<Axis> =
            self.g.shape(x).iter().enumerate().filter(|(i, _)| !dropped.contains(i)).map(|(_, a)| a.clone()).collect();
        self.built(|g| g.reshape(kept, x), span, "this index")
    }
}
