//! What an experiment is for: sums of terms, `minimize a(z) + b(h)`, and objectives of parts, which what learns there has to
//! itself: `{ encoder: minimize a(h), readout: minimize b(z) }`.

use super::elaborate::Elab;
use super::graph::{Leaf, NodeId, NodeKind};
use super::network::{EdgeId, PopId, WeightId};
use super::rule::Written;
use super::value::{Made, Place, Scope, Terms, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::{Item, ItemKind};
use crate::source::Span;
use crate::syntax::ast::{Arg, BinaryOp, Expr, ExprKind};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// A part by its name, its objective, and the projections that learn for it.
pub(crate) type OfPart = (String, Terms, Vec<EdgeId>);

/// Projections that learn for one objective; without one, those that no part with an objective names.
pub(crate) struct Share {
    pub terms: Option<Terms>,
    pub edges: Vec<EdgeId>,
}

impl Elab<'_> {
    /// Takes an objective, or those of parts, as what rules learn for from here on. `None` where it is at fault.
    pub(crate) fn aim(&mut self, scope: &Scope, e: &Expr) -> Option<()> {
        let v = self.eval(scope, e, None);
        if let Val::Parts(parts) = &v {
            return self.aims_of_parts(scope, parts);
        }
        self.terms = self.directed(&v, e.span, "objective =")?;
        self.local.clear();
        Some(())
    }

    /// An objective that says which way is better; `head` is what stands before it.
    fn directed(&mut self, v: &Val, at: Span, head: &str) -> Option<Terms> {
        match v {
            Val::Terms(t) if t.directed => return Some((**t).clone()),
            Val::Terms(_) => {
                let m = "this objective says neither `minimize` nor `maximize`";
                let d = Diagnostic::new(Code::T0405, at, m, "");
                self.report(d.help(format!("write `{head} minimize ...`")));
            }
            Val::Error => {}
            other => {
                let what = self.describe(other);
                let m = format!("`objective` needs `minimize ...` or `maximize ...`, but this is {what}");
                let d = Diagnostic::new(Code::T0208, at, m, "");
                self.report(match other {
                    Val::Item(i) => self.call_it(d, at, *i),
                    _ => d.help("write `minimize` and a loss").write(at, "minimize {}"),
                });
            }
        }
        None
    }

    fn aims_of_parts(&mut self, scope: &Scope, parts: &[(String, Val, Span)]) -> Option<()> {
        let (mut whole, mut local) = (Terms { maximize: true, ..Terms::default() }, Vec::new());
        let mut taken: HashMap<WeightId, &str> = HashMap::new();
        for (part, v, at) in parts {
            let terms = self.directed(v, *at, &format!("{part}:"))?;
            let edges = self.edges_of_part(scope, part, *at)?;
            // A weight has one objective, also where projections share it.
            let own: BTreeSet<WeightId> = edges.iter().flat_map(|x| self.net.edge(*x).weights.clone()).collect();
            for w in own {
                if let Some(other) = taken.insert(w, part) {
                    let text = self.net.edge_text(self.net.weight(w).edge);
                    let m = match other == part {
                        true => format!("two objectives are given for `{part}`"),
                        false => {
                            format!("weights of `{text}` have two objectives, that of `{other}` and that of `{part}`")
                        }
                    };
                    let d = Diagnostic::new(Code::T0405, *at, m, "the second");
                    self.report(d.help(
                        "write their sum in one part, name parts that do not overlap, or make one nested architecture of all that shares weights",
                    ));
                    return None;
                }
            }
            whole = Terms { maximize: whole.maximize && terms.maximize, ..self.both(&whole, &terms) };
            local.push((part.clone(), terms, edges));
        }
        (self.terms, self.local) = (whole, local);
        Some(())
    }

    /// Two objectives added.
    fn both(&mut self, a: &Terms, b: &Terms) -> Terms {
        let mut join = |p: Option<NodeId>, q: Option<NodeId>| match (p, q) {
            (Some(p), Some(q)) => self.g.add(p, q).ok(),
            (p, q) => p.or(q),
        };
        let (loss, penalty) = (join(a.loss, b.loss), join(a.penalty, b.penalty));
        let targets = a.targets.iter().chain(&b.targets).cloned().collect();
        Terms { loss, penalty, targets, maximize: false, directed: a.directed && b.directed }
    }

    /// What a rule that reaches these projections learns for, and where.
    pub(crate) fn shares(&self, edges: &[EdgeId]) -> Vec<Share> {
        if self.local.is_empty() {
            return vec![Share { terms: Some(self.terms.clone()), edges: edges.to_vec() }];
        }
        let mut rest = edges.to_vec();
        let mut shares = Vec::new();
        for (_, terms, reached) in &self.local {
            let (own, others) = rest.into_iter().partition(|e| reached.contains(e));
            rest = others;
            shares.push(Share { terms: Some(terms.clone()), edges: own });
        }
        shares.push(Share { terms: None, edges: rest });
        let learns = |e: &EdgeId| !self.net.edge(*e).weights.is_empty() && !self.net.edge(*e).frozen;
        shares.retain(|s| s.edges.iter().any(learns));
        shares
    }

    /// A rule on one share of the projections that it reaches.
    pub(crate) fn rule_on(&mut self, made: &Rc<Made>, place: Written, share: &Share, at: Span) {
        let none = share.terms.is_none();
        let whole = std::mem::replace(&mut self.terms, share.terms.clone().unwrap_or_default());
        let known = std::mem::take(&mut self.diags);
        self.elaborate_rule(made, place, &|e| share.edges.contains(&e));
        self.terms = whole;
        let found = std::mem::replace(&mut self.diags, known);
        let misses = |d: &Diagnostic| matches!(d.code, Code::T0405 | Code::T0406 | Code::T0407);
        if none && found.iter().any(misses) {
            let first = share.edges.iter().find(|e| !self.net.edge(**e).weights.is_empty());
            let (text, part) = first.map_or(Default::default(), |e| {
                (self.net.edge_text(*e), self.net.pop(self.net.edge(*e).post).name.clone())
            });
            let name = &made.item.name;
            let m = format!("`{name}` learns for an objective, and no objective is given for `{text}`");
            let d = Diagnostic::new(Code::T0405, at, m, "reaches it");
            self.report(d.help(format!("add `{part}: minimize ...`, or say which parts learn by which rule")));
            return;
        }
        found.iter().for_each(|d| self.diags.push(d.clone()));
    }

    /// What a weight, rate or drive is to be moved for: the objective of its part.
    pub(crate) fn terms_of(&self, leaf: NodeId) -> Terms {
        let of_edge = |e: EdgeId| self.local.iter().find(|(.., edges)| edges.contains(&e));
        let into = |p: PopId| self.net.edge_ids().filter(move |e| self.net.edge(*e).post == p);
        let found = match self.g.node(leaf).kind {
            NodeKind::Leaf(Leaf::Weight(w)) => of_edge(self.net.weight(w).edge),
            NodeKind::Leaf(Leaf::Rate(p) | Leaf::Drive(p)) => into(p).find_map(of_edge),
            _ => None,
        };
        found.map_or_else(|| self.terms.clone(), |(_, terms, _)| terms.clone())
    }

    /// An objective with its arguments, in an experiment.
    pub(crate) fn objective_call(&mut self, scope: &Scope, span: Span, item: &Rc<Item>, args: &[Arg]) -> Val {
        let known = self.diags.len();
        let v = self.objective_made(scope, span, item, args);
        self.told_at(known, span);
        v
    }

    fn objective_made(&mut self, scope: &Scope, span: Span, item: &Rc<Item>, args: &[Arg]) -> Val {
        let ItemKind::Objective(decl) = &item.kind else { return Val::Error };
        let Some((mut inner, _)) = self.bind(scope, span, item, args, None, Place::Plain) else { return Val::Error };
        for (name, e) in &decl.lets {
            let v = self.eval(&inner, e, None);
            inner.bind(&name.name, v, Some(name.span));
        }
        let mut terms = Terms::default();
        for (e, slot) in [(&decl.loss, &mut terms.loss), (&decl.penalty, &mut terms.penalty)] {
            let Some(e) = e else { continue };
            let v = self.eval(&inner, e, None);
            let Some(n) = self.tensor(&v, e.span) else { return Val::Error };
            if !self.g.shape(n).is_empty() {
                let m = format!("an objective is one number an example, but this is {}", self.g.ty(n).text());
                return self.report(Diagnostic::new(Code::T0301, e.span, m, "").help("take its `sum` or `mean`"));
            }
            *slot = Some(n);
        }
        for (name, e) in &decl.targets {
            let v = self.eval(&inner, e, None);
            let Some(n) = self.tensor(&v, e.span) else { return Val::Error };
            if let Some(Val::Pop(p)) = inner.find(&name.name).map(|l| l.val.clone()) {
                let shape = self.net.pop(p).shape.clone();
                let Some(n) = self.fit_shape(n, &shape, e.span, "this target") else { return Val::Error };
                terms.targets.push((p, n));
            }
        }
        Val::Terms(Rc::new(terms))
    }

    /// `minimize ...` and `maximize ...`
    pub(crate) fn objective_terms(&mut self, scope: &Scope, e: &Expr, maximize: bool) -> Val {
        if let Some(again) = directed_within(e) {
            let d =
                Diagnostic::new(Code::T0208, again, "an objective is minimized or maximized once, as a whole", "again");
            return self.report(d.help("leave this word out: a part that is to grow has a minus sign before it"));
        }
        let mut inner = scope.clone();
        inner.place = Place::Objective;
        let v = self.eval(&inner, e, None);
        let Some(mut terms) = self.as_terms(&v, e.span) else { return Val::Error };
        if maximize {
            terms.loss = terms.loss.and_then(|n| self.g.neg(n).ok());
            terms.penalty = terms.penalty.and_then(|n| self.g.neg(n).ok());
            terms.maximize = true;
        }
        terms.directed = true;
        Val::Terms(Rc::new(terms))
    }

    fn as_terms(&mut self, v: &Val, span: Span) -> Option<Terms> {
        if let Val::Terms(t) = v {
            return Some((**t).clone());
        }
        let n = self.tensor(v, span)?;
        if !self.g.shape(n).is_empty() {
            let m = format!("an objective is one number an example, but this is {}", self.g.ty(n).text());
            self.report(Diagnostic::new(Code::T0301, span, m, "").help("take its `sum` or `mean`"));
            return None;
        }
        if !self.unitless(n) {
            let m = format!("an objective is a plain number, but this is in {}", self.g.ty(n).unit.written());
            let d = Diagnostic::new(Code::T0302, span, m, "");
            self.report(super::units::in_unit(d, span, crate::ir::Unit::ONE));
            return None;
        }
        let under = self.g.reachable(&[n]);
        let any = |f: &dyn Fn(&Leaf) -> bool| {
            under.iter().any(|x| matches!(&self.g.node(*x).kind, NodeKind::Leaf(l) if f(l)))
        };
        let populations = any(&|l| matches!(l, Leaf::Rate(_) | Leaf::Drive(_)));
        let weights = any(&|l| matches!(l, Leaf::Weight(_)));
        match (populations, weights) {
            (true, true) => {
                let d = Diagnostic::new(
                    Code::T0405,
                    span,
                    "a term of an objective reads populations or weights, not both",
                    "reads both",
                );
                self.report(d.help("split it into a sum of two terms"));
                None
            }
            (false, true) => Some(Terms { penalty: Some(n), ..Terms::default() }),
            (true, false) => Some(Terms { loss: Some(n), ..Terms::default() }),
            (false, false) => {
                let d = Diagnostic::new(
                    Code::T0405,
                    span,
                    "this term of the objective reads no population and no weight",
                    "",
                );
                let example = self.program.example("objective");
                self.report(d.help(format!("score an output: `{example}`")));
                None
            }
        }
    }

    /// Sums and multiples of objectives.
    pub(crate) fn add_terms(&mut self, op: BinaryOp, a: Val, b: Val, span: Span, at: (Span, Span)) -> Val {
        let is = |v: &Val| matches!(v, Val::Terms(_));
        if !is(&a) && !is(&b) {
            let reads = |me: &mut Self, v: &Val| {
                let Val::Node(n) = v else { return (false, false) };
                let under = me.g.reachable(&[*n]);
                let any = |f: &dyn Fn(&Leaf) -> bool| {
                    under.iter().any(|x| matches!(&me.g.node(*x).kind, NodeKind::Leaf(l) if f(l)))
                };
                (any(&|l| matches!(l, Leaf::Rate(_) | Leaf::Drive(_))), any(&|l| matches!(l, Leaf::Weight(_))))
            };
            // A sum of a loss and a penalty written out; anything else is arithmetic within one term.
            let split = matches!(
                (reads(self, &a), reads(self, &b)),
                ((true, false), (false, true)) | ((false, true), (true, false))
            );
            if !(split && matches!(op, BinaryOp::Add | BinaryOp::Subtract)) {
                return self.arithmetic(op, a, b, span, at);
            }
        }
        match op {
            BinaryOp::Add | BinaryOp::Subtract => {
                let (Some(x), Some(mut y)) = (self.as_terms(&a, at.0), self.as_terms(&b, at.1)) else {
                    return Val::Error;
                };
                if op == BinaryOp::Subtract {
                    y.loss = y.loss.and_then(|n| self.g.neg(n).ok());
                    y.penalty = y.penalty.and_then(|n| self.g.neg(n).ok());
                }
                Val::Terms(Rc::new(self.both(&x, &y)))
            }
            BinaryOp::Multiply | BinaryOp::Divide => {
                let (terms, other, s) = if is(&a) { (&a, &b, at.1) } else { (&b, &a, at.0) };
                let (Val::Terms(t), Some(n)) = (terms, self.tensor(other, s)) else { return Val::Error };
                let t = (**t).clone();
                let mut scaled = [t.loss, t.penalty];
                for x in scaled.iter_mut().flatten() {
                    let made = if op == BinaryOp::Multiply { self.g.mul(n, *x) } else { self.g.div(*x, n) };
                    match made {
                        Ok(made) => *x = made,
                        Err(f) => return self.fault(f, span, &format!("`{}`", op.sign()), &[]),
                    }
                }
                let [loss, penalty] = scaled;
                Val::Terms(Rc::new(Terms { loss, penalty, ..t }))
            }
            _ => {
                let d = Diagnostic::new(
                    Code::T0405,
                    span,
                    format!("objectives are added and scaled, not combined by `{}`", op.sign()),
                    "",
                );
                self.report(d.help("write `minimize a + 0.1 * b`"))
            }
        }
    }
}

/// Where `minimize` or `maximize` stands within an objective.
fn directed_within(e: &Expr) -> Option<Span> {
    if let ExprKind::Minimize(of) | ExprKind::Maximize(of) = &e.kind {
        return Some(Span { end: of.span.start, ..e.span });
    }
    let mut found = None;
    super::order::children(e, &mut |x| found = found.or_else(|| directed_within(x)));
    found
}
