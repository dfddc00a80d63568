//! Projections: a call in a population's equation to an edge with weights.

use super::architecture::{Call, Part, Pending};
use super::arguments::Form;
use super::elaborate::Elab;
use super::graph::{Leaf, Mark, NodeId, NodeKind, Ty};
use super::network::{Edge, EdgeId, PopId, Weight, WeightId};
use super::structure::{Bound, Tied};
use super::value::{Place, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::axis::{Axis, shape_text};
use crate::ir::{Item, ItemKind, Param, Unit};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, Expr, Ident};
use std::rc::Rc;

/// What every projection call takes, by its name.
const OF_EVERY_CALL: [&str; 5] = ["frozen", "bound", "sign", "mask", "tied"];

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
        // The post side is the population that is being defined.
        let outside: Vec<&Param> = item.params.iter().enumerate().filter(|(i, _)| *i != 1).map(|(_, p)| p).collect();
        let form = Form::of_item(item, outside.iter().copied()).and_named(OF_EVERY_CALL);
        let Some(mut given) = self.given(scope, span, &form, args) else { return Val::Error };
        let [frozen, bound, sign, mask, tied] =
            <[Option<&Expr>; 5]>::try_from(given.split_off(outside.len())).unwrap_or_default();
        let mut call = Call {
            item: item.clone(),
            pre: PopId(0),
            scale: None,
            name: None,
            settings: vec![],
            frozen: false,
            bound: None,
            mask: mask.map(|e| (scope.clone(), e.clone())),
            tied: None,
            span,
        };
        if let Some(e) = frozen {
            let Some(frozen) = self.holds(scope, e) else { return Val::Error };
            call.frozen = frozen;
        }
        if let Some(e) = bound {
            let Some(bound) = self.bound(scope, e, "bound =") else { return Val::Error };
            call.bound = Some(bound);
        }
        if let Some(e) = sign {
            let Some(sign) = self.sign(e) else { return Val::Error };
            let Some(bound) = self.signed_bound(call.bound, sign, (bound, e)) else { return Val::Error };
            call.bound = Some(bound);
        }
        if let Some(e) = tied {
            let Some(tied) = self.tied(scope, e) else { return Val::Error };
            call.tied = Some(tied);
        }
        let Some(Some(pre)) = given.first().copied() else { return Val::Error };
        let v = self.eval(scope, pre, None);
        let Some(p) = self.presynaptic(v, pre.span) else { return Val::Error };
        call.pre = p;
        call.bound = call.bound.or_else(|| self.task.signs.iter().find(|s| s.0 == p).map(|s| s.1));
        for (param, given) in outside.iter().zip(given).skip(1) {
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

    pub(crate) fn bound(&mut self, scope: &Scope, e: &Expr, word: &str) -> Option<(Option<NodeId>, Option<NodeId>)> {
        match self.eval(scope, e, None) {
            Val::List(items) if items.len() == 2 => {
                let low = self.tensor(&items[0].0, items[0].1)?;
                let high = self.tensor(&items[1].0, items[1].1)?;
                self.ends_in_order((e.span, word), (low, items[0].1), (high, items[1].1))?;
                Some((Some(low), Some(high)))
            }
            Val::Error => None,
            _ => {
                let d = Diagnostic::new(Code::T0208, e.span, "a bound is a pair of numbers", "");
                self.report(d.help(format!("write `{word} [0, 1]`")));
                None
            }
        }
    }

    /// Weights are plain numbers, and so are the ends of their bounds, the lower one first.
    fn ends_in_order(&mut self, (at, word): (Span, &str), low: (NodeId, Span), high: (NodeId, Span)) -> Option<()> {
        for (n, at) in [low, high] {
            if !self.g.shape(n).is_empty() || !self.unitless(n) {
                let m = format!("an end of a bound is a plain number, but this is {}", self.g.ty(n).text());
                let code = if self.unitless(n) { Code::T0301 } else { Code::T0302 };
                self.report(Diagnostic::new(code, at, m, "").help(format!("write `{word} [0, 1]`")));
                return None;
            }
        }
        let (a, b) = (self.g.const_value(low.0), self.g.const_value(high.0));
        if let (Some(a), Some(b)) = (a, b)
            && a > b
        {
            let m = format!("this bound begins above its end: no number lies from {a} to {b}");
            let d = Diagnostic::new(Code::T0308, at, m, "the lower end stands first");
            self.report(d.help(format!("write `{word} [{b}, {a}]`")));
            return None;
        }
        Some(())
    }

    /// A sign beside a bound narrows it.
    fn signed_bound(&mut self, bound: Option<Bound>, sign: Bound, (at, e): (Option<&Expr>, &Expr)) -> Option<Bound> {
        let Some((Some(low), Some(high))) = bound else { return Some(sign) };
        let (a, b) = (self.g.const_value(low), self.g.const_value(high));
        let positive = sign.0.is_some();
        let none = if positive { b.is_some_and(|b| b < 0.0) } else { a.is_some_and(|a| a > 0.0) };
        if none {
            let m = format!("no weight within this bound is {}", if positive { "excitatory" } else { "inhibitory" });
            let d = Diagnostic::new(Code::T0308, e.span, m, "");
            self.report(
                d.also(at.map_or(e.span, |e| e.span), "the bound").help("drop one of the two, or let them overlap"),
            );
            return None;
        }
        let zero = self.g.number(0.0);
        Some(match positive {
            true if a.is_some_and(|a| a < 0.0) => (Some(zero), Some(high)),
            false if b.is_some_and(|b| b > 0.0) => (Some(low), Some(zero)),
            _ => (Some(low), Some(high)),
        })
    }

    pub(crate) fn sign(&mut self, e: &Expr) -> Option<(Option<NodeId>, Option<NodeId>)> {
        let zero = self.g.number(0.0);
        match &e.kind {
            ast::ExprKind::Name(n) if n == "excitatory" => Some((Some(zero), None)),
            ast::ExprKind::Name(n) if n == "inhibitory" => Some((None, Some(zero))),
            _ => {
                let d = Diagnostic::new(Code::T0208, e.span, "a sign is `excitatory` or `inhibitory`", "");
                let name = if let ast::ExprKind::Name(n) = &e.kind { n.as_str() } else { "" };
                self.report(d.meant_or(
                    name,
                    super::structure::SIGNS,
                    "write `sign = excitatory` or `sign = inhibitory`",
                ));
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
                if let Some(first) = call.name.replace(name.clone()) {
                    self.report(Diagnostic::twice("as", name.span, first.span));
                }
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
        self.in_unit(init, Unit::ONE, &format!("the weight `{}`", w.name.name), e.span)?;
        self.begins_before_examples(&w.name.name, init, e.span)?;
        if let (Some(Tied::Symmetric), [Axis::Known(a), Axis::Known(b)]) = (tied, shape.as_slice())
            && a != b
        {
            let m = format!("a symmetric matrix is square, but `{}` is [{a}, {b}] here", w.name.name);
            let d = Diagnostic::new(Code::T0301, call.span, m, "");
            self.report(d.help("leave `tied = symmetric` out, or give both populations one size"));
            return None;
        }
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
