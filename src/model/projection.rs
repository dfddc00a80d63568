//! Projections: a call in a population's equation to an edge with weights.

use super::architecture::{Call, Part, Pending};
use super::elaborate::Elab;
use super::graph::{Leaf, Mark, NodeId, NodeKind, Ty};
use super::network::{Edge, EdgeId, PopId, Weight, WeightId};
use super::structure::Tied;
use super::value::{Place, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::axis::{Axis, shape_text};
use crate::ir::{Item, ItemKind};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, Expr, Ident};
use std::rc::Rc;

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
            mask: None,
            tied: None,
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
                Some("mask") => call.mask = Some((scope.clone(), arg.value.clone())),
                Some("tied") => match self.tied(scope, &arg.value) {
                    Some(t) => call.tied = Some(t),
                    None => return Val::Error,
                },
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
        call.bound = call.bound.or_else(|| self.task.signs.iter().find(|s| s.0 == p).map(|s| s.1));
        for (param, given) in outside.iter().zip(slots).skip(1) {
            if let Some(e) = given {
                let v = self.eval(scope, e, None);
                if matches!(v, Val::Error) {
                    return Val::Error;
                }
                call.settings.push((param.name.clone(), v, e.span));
            }
        }
        // Within a population that settles, whatever reads it.
        let own = self.task.inside.map(|p| self.net.pop(p).shape.clone());
        let Some(shape) = want.map(<[Axis]>::to_vec).or(own) else {
            let m = format!("the shape of this `{}` cannot be told", item.name);
            let d = Diagnostic::new(Code::T0305, span, m, "no population says how many units there are");
            return self.report(d.help("declare it: `population name: [size] = ...`, and use the name here"));
        };
        self.pending.push(Pending { parts: vec![Part::Projection(Box::new(call))], shape, merged: false });
        Val::Drive(self.pending.len() as u32 - 1)
    }

    pub(crate) fn bound(&mut self, scope: &Scope, e: &Expr) -> Option<(Option<NodeId>, Option<NodeId>)> {
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

    pub(crate) fn sign(&mut self, e: &Expr) -> Option<(Option<NodeId>, Option<NodeId>)> {
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
    pub(crate) fn presynaptic(&mut self, v: Val, span: Span) -> Option<PopId> {
        if let Some(p) = self.pop_of(&v) {
            return Some(p);
        }
        let n = self.tensor(&v, span)?;
        if let NodeKind::Leaf(Leaf::Rate(p)) = self.g.node(n).kind {
            return Some(p);
        }
        if self.task.inside.is_some() {
            return self.no_course(span);
        }
        let shape = self.g.shape(n).to_vec();
        let name = format!("{}.{}", self.current(), self.anonymous());
        Some(self.finish_population(name, shape, n, false, span))
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
            let example = self.program.example("projection");
            self.report(d.help(format!("write `{example} as {}`", name.name)));
        }
    }

    /// The body of a projection between two populations.
    pub(crate) fn instantiate(&mut self, post: PopId, call: &Call) -> Option<NodeId> {
        let known = self.diags.len();
        let made = self.instantiated(post, call);
        self.told_at(known, call.span);
        made
    }

    fn instantiated(&mut self, post: PopId, call: &Call) -> Option<NodeId> {
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
        if !self.fits_post(&scope, call, &pre_pop.shape, post) {
            return None;
        }
        let mut post_rest = None;
        self.fit(&mut scope, &call.item.params[1], Val::Node(post_pop.rate_leaf), call.span, &mut post_rest)?;
        if let (Some(a), Some(b)) = (rest, post_rest)
            && a != b
        {
            let shapes = (shape_text(&pre_pop.shape), shape_text(&post_pop.shape));
            let m = format!("`{}` keeps all axes but the last: {} and {} differ", call.item.name, shapes.0, shapes.1);
            let d = Diagnostic::new(Code::T0301, call.span, m, format!("from {} to {}", shapes.0, shapes.1));
            self.report(d.help("make one axis of all: `flatten(...)`, or give the population the same axes"));
            return None;
        }
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
            inside: None,
            span: call.span,
        };
        self.add_edge(id, edge);
        Some(contribution)
    }

    pub(crate) fn weight(
        &mut self,
        scope: &mut Scope,
        edge: EdgeId,
        w: &crate::ir::Weight,
        stream: &str,
        call: &Call,
    ) -> Option<WeightId> {
        let shape = self.type_shape(scope, &w.ty)?;
        if let Some(tied) = self.tied_weight(call, &w.name.name, &shape) {
            let tied = tied?;
            let (leaf, mask) = (self.net.weight(tied).leaf, self.net.weight(tied).mask);
            let seen = self.seen(leaf, None, mask).ok()?;
            let turned = matches!(call.tied, Some(Tied::Transposed(_)));
            let seen = if turned { self.g.permute(vec![1, 0], seen) } else { seen };
            scope.bind(&w.name.name, Val::Node(seen), None);
            return Some(tied);
        }
        // A mask, a bound or a symmetry is for what connects units; a bias keeps its freedom.
        let connects = shape.len() > 1;
        let mask = match (&call.mask, connects) {
            (Some(_), true) => Some(self.mask(call, &shape, stream, &w.name.name)?),
            _ => None,
        };
        let tied = call.tied.filter(|_| connects);
        let id = WeightId(self.net.weights.len() as u32);
        let leaf = self.g.leaf(Leaf::Weight(id), Ty::real(shape.clone()));
        let e = match &w.init {
            ast::Init::Drawn(e) | ast::Init::Value(e) => e,
        };
        let inner = scope.drawing(format!("weight {stream}: {}", w.name.name), shape.clone());
        let v = self.eval(&inner, e, Some(&shape));
        let init = self.tensor(&v, e.span)?;
        let init = self.fit_shape(init, &shape, e.span, &format!("`{}`", w.name.name))?;
        let bound = if connects { call.bound } else { None };
        let init = self.first(init, tied, None).ok()?;
        let init = self.clamped(init, bound);
        let init = self.first(init, None, mask).ok()?;
        let seen = self.seen(leaf, tied, mask).ok()?;
        let name = w.name.name.clone();
        let symmetric = matches!(tied, Some(Tied::Symmetric)) && matches!(shape.as_slice(), [a, b] if a == b);
        self.net.weights.push(Weight { name, edge, leaf, shape, init, bound, mask, symmetric, span: call.span });
        scope.bind(&w.name.name, Val::Node(seen), None);
        Some(id)
    }

    /// A value kept within bounds. A sign is imposed on the first draw by mirroring, so that its spread is kept.
    pub(crate) fn clamped(&mut self, x: NodeId, bound: Option<(Option<NodeId>, Option<NodeId>)>) -> NodeId {
        use crate::ops::{Binary, Unary};
        let Some((low, high)) = bound else { return x };
        let zero = |b: Option<NodeId>| b.is_some_and(|b| self.g.is_zero(b));
        match (low, high) {
            (Some(_), None) if zero(low) => return self.g.unary(Unary::Abs, x).unwrap_or(x),
            (None, Some(_)) if zero(high) => {
                return self.g.unary(Unary::Abs, x).and_then(|x| self.g.neg(x)).unwrap_or(x);
            }
            _ => {}
        }
        let x = low.and_then(|l| self.g.binary(Binary::Max, x, l).ok()).unwrap_or(x);
        high.and_then(|h| self.g.binary(Binary::Min, x, h).ok()).unwrap_or(x)
    }
}

fn clone_param(p: &crate::ir::Param) -> crate::ir::Param {
    crate::ir::Param { name: p.name.clone(), span: p.span, ty: p.ty.clone(), default: p.default.clone() }
}
