//! `update` statements: which weights and states they reach, and what is added to each.

use super::elaborate::Elab;
use super::graph::NodeId;
use super::network::{EdgeId, Inside, PopId, WeightId};
use super::rule::{Target, Then, Update};
use super::value::{Member, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::ItemKind;
use crate::ops::{Binary, Unary};
use crate::source::Span;
use crate::syntax::ast::{self, Expr, ExprKind};
use crate::syntax::print::expr_text;
use std::collections::HashMap;

/// A target with the right-hand side for one example, what that would add to the drive, and the scope it stands in.
pub(crate) type Found = (Target, NodeId, Option<NodeId>, Scope);

/// New values of an optimizer's states.
pub(crate) type Writes = HashMap<u32, (NodeId, Span)>;

impl Elab<'_> {
    pub(crate) fn update_statement(
        &mut self,
        u: &ast::Update,
        span: Span,
        owner: usize,
        reach: &dyn Fn(EdgeId) -> bool,
    ) {
        let Some(scope) = self.frames.last().map(|f| f.scope.clone()) else { return };
        // Without a phase it is of the steps of an example, of which there is one.
        if let Some(ast::EachStep::Step(Some(phase))) = &u.each {
            return self.online_update(phase, span);
        }
        let Some(gate) = self.gate(u, &scope) else { return };
        let mut found = Vec::new();
        match &u.target.kind {
            ExprKind::Name(letter) if matches!(letter.as_str(), "p" | "q") && scope.find(letter).is_none() => {
                self.weight_updates(u, &scope, letter, None, reach, &mut found);
            }
            ExprKind::Field(base, weight) if matches!(&base.kind, ExprKind::Name(l) if matches!(l.as_str(), "p" | "q")) =>
            {
                let ExprKind::Name(letter) = &base.kind else { return };
                self.weight_updates(u, &scope, letter, Some(weight), reach, &mut found);
            }
            ExprKind::Call(name, args) => self.slot_updates(u, &scope, name, args, reach, &mut found),
            ExprKind::Name(_) => {
                let v = self.eval(&scope, &u.target, None);
                match v {
                    Val::Slot(s) => {
                        let shape = self.net.slots[s as usize].ty.shape.clone();
                        if let Some(n) = self.shaped(&scope, &u.along, &shape, "this update") {
                            found.push((Target::Slot(s), n, None, scope.clone()));
                        }
                    }
                    Val::Error => {}
                    other => self.not_updatable(&other, u.target.span),
                }
            }
            _ => {
                let d = Diagnostic::new(Code::T0208, u.target.span, "this cannot be updated", "");
                self.report(
                    d.help("an update names `p`, `p.W`, feedback weights such as `B(p)`, or a state of the rule"),
                );
            }
        }
        if found.iter().any(|f| self.free_outside(f.1, u.along.span)) || !self.followed(u, &found) {
            return;
        }
        self.apply(u, span, owner, found, gate);
    }

    /// `then` sets what its statement writes: all of it, or one weight of `p`.
    fn followed(&mut self, u: &ast::Update, found: &[Found]) -> bool {
        let whole = expr_text(&u.target);
        for then in &u.then {
            let text = expr_text(&then.target);
            let weight = match (&then.target.kind, &u.target.kind) {
                (ExprKind::Field(p, w), ExprKind::Name(_)) if expr_text(p) == whole => Some(w),
                _ => None,
            };
            let whose = match &u.target.kind {
                ExprKind::Field(p, _) => expr_text(p) == text,
                _ => false,
            };
            let written = weight.filter(|w| {
                let name = |t: &Target| matches!(t, Target::Weight(x) if self.net.weight(*x).name == w.name);
                !found.is_empty() && !found.iter().any(|f| name(&f.0))
            });
            let d = if then.op != ast::AssignOp::Set {
                let d = Diagnostic::new(Code::T0208, then.span, "`then` sets a value, and adds nothing to it", "");
                d.help(format!("write `then {text} = {text} + ...`"))
            } else if let Some(w) = written {
                let m = format!("no projection that this updates has a weight `{}`", w.name);
                let mut all: Vec<String> = found
                    .iter()
                    .filter_map(|f| match f.0 {
                        Target::Weight(w) => Some(format!("`{whole}.{}`", self.net.weight(w).name)),
                        Target::Slot(_) => None,
                    })
                    .collect();
                all.sort();
                all.dedup();
                Diagnostic::new(Code::T0209, w.span, m, "").help(format!("there are {}", all.join(", ")))
            } else if weight.is_none() && text != whole && !whose {
                let m = format!("`then` sets what its statement writes, `{whole}`, and this is `{text}`");
                let d = Diagnostic::new(Code::T0208, then.target.span, m, "").also(u.target.span, "written here");
                d.help(format!("write `then {whole} = ...`, or an update of its own for `{text}`"))
            } else {
                continue;
            };
            self.report(d);
            return false;
        }
        true
    }

    pub(crate) fn not_updatable(&mut self, v: &Val, at: Span) {
        let what = self.describe(v);
        let d = Diagnostic::new(Code::T0208, at, format!("an update cannot write to {what}"), "");
        self.report(d.help("an update names `p`, `p.W`, feedback weights such as `B(p)`, or a state of the rule"));
    }

    pub(crate) fn weight_updates(
        &mut self,
        u: &ast::Update,
        scope: &Scope,
        letter: &str,
        only: Option<&ast::Ident>,
        reach: &dyn Fn(EdgeId) -> bool,
        found: &mut Vec<Found>,
    ) {
        let mut named = false;
        for e in self.net.edge_ids() {
            let edge = self.net.edge(e).clone();
            if edge.weights.is_empty() || edge.frozen || !reach(e) {
                continue;
            }
            let weight = only.map(|w| self.net.weight_named(e, &w.name));
            if weight == Some(None) {
                continue;
            }
            named = true;
            // Borrowed weights move by what comes back through the population that borrows them, and by nothing else.
            if edge.inside == Some(Inside::Borrowed) {
                self.borrowed_updates(u, scope, letter, (e, weight.flatten()), found);
                continue;
            }
            let inner = scope.with(letter, Val::Edge(e));
            if let Some(g) = &u.guard
                && self.holds(&inner, g) != Some(true)
            {
                continue;
            }
            let weight = weight.flatten();
            if let Some(f) = self.frames.last_mut() {
                f.reading = weight;
            }
            let want = weight.map(|w| self.net.weight(w).shape.clone());
            let v = self.eval(&inner, &u.along, want.as_deref());
            if let Some(f) = self.frames.last_mut() {
                f.reading = None;
            }
            let v = if matches!(v, Val::Edge(_)) { Val::Bundle(self.weights_bundle(e)) } else { v };
            match (v, weight) {
                (Val::Error, _) => return,
                (Val::Bundle(b), _) if b.edge == e => {
                    for (w, part) in edge.weights.iter().zip(&b.parts) {
                        if weight.is_none_or(|x| x == *w) {
                            found.push((Target::Weight(*w), *part, Some(b.drive), inner.clone()));
                        }
                    }
                }
                (v, Some(w)) => {
                    let shape = self.net.weight(w).shape.clone();
                    let Some(n) = self.tensor(&v, u.along.span) else { return };
                    let Some(n) = self.fit_shape(n, &shape, u.along.span, "this update") else { return };
                    found.push((Target::Weight(w), n, None, inner.clone()));
                }
                (Val::Node(n), None) if self.g.shape(n).is_empty() => {
                    for w in &edge.weights {
                        let shape = self.net.weight(*w).shape.clone();
                        let n = self.g.fill(n, &shape);
                        found.push((Target::Weight(*w), n, None, inner.clone()));
                    }
                }
                (other, None) => {
                    let what = self.describe(&other);
                    let m = format!("`update {letter}` needs one value for each weight, but this is {what}");
                    let d = Diagnostic::new(Code::T0301, u.along.span, m, "");
                    self.report(d.help(format!(
                        "build it with `{letter}.outer(post, pre)`, or write `update {letter}.W` for one weight"
                    )));
                    return;
                }
            }
        }
        // After the weights, whose faults are told: what is proposed to others may have none of its own.
        for e in self.net.edge_ids() {
            let plain = self.net.edge(e).weights.is_empty() && self.net.pop(self.net.edge(e).post).course.is_none();
            if plain && only.is_none() && reach(e) {
                self.propose(u, scope, letter, e);
            }
        }
        if let (Some(w), false) = (only, named)
            && self.net.edges.iter().any(|e| !e.weights.is_empty())
        {
            if self.net.weights.iter().any(|x| x.name == w.name) {
                let m = format!("every projection with a weight `{}` is frozen, or out of this rule's reach", w.name);
                let d = Diagnostic::new(Code::T0209, w.span, m, "");
                self.report(d.help("leave `frozen = true` out where it is to learn, or leave this update out"));
                return;
            }
            let m = format!("no projection here has a weight `{}`", w.name);
            let mut known: Vec<String> = self.net.weights.iter().map(|w| format!("`{letter}.{}`", w.name)).collect();
            known.sort();
            known.dedup();
            let d = Diagnostic::new(Code::T0209, w.span, m, "");
            self.report(d.help(format!("there are {}, and all of a projection are `{letter}`", known.join(", "))));
        }
    }

    /// What the update would add to the drive of a population that no weight projects to, for `proposed`.
    fn propose(&mut self, u: &ast::Update, scope: &Scope, letter: &str, e: EdgeId) {
        let known = std::mem::take(&mut self.diags);
        let inner = scope.with(letter, Val::Edge(e));
        let reached = u.guard.as_ref().is_none_or(|g| self.holds(&inner, g) == Some(true));
        let v = if reached { self.eval(&inner, &u.along, None) } else { Val::Error };
        // An update that reads weights proposes nothing here; that is no fault.
        self.diags = known;
        if let Val::Bundle(b) = v {
            let when = self.when();
            self.task.proposals.push((self.net.edge(e).post, b.drive, when));
        }
    }

    /// `update B(p) along ...`, `update mu(n) along ...`
    pub(crate) fn slot_updates(
        &mut self,
        u: &ast::Update,
        scope: &Scope,
        name: &Expr,
        args: &[ast::Arg],
        reach: &dyn Fn(EdgeId) -> bool,
        found: &mut Vec<Found>,
    ) {
        let ExprKind::Name(callee) = &name.kind else { return };
        let member = match scope.find(callee).map(|l| l.val.clone()) {
            Some(Val::Member(m @ (Member::Feedback(_) | Member::State(_)))) => m,
            Some(other) => return self.not_updatable(&other, u.target.span),
            None => {
                self.unknown(scope, callee, name.span);
                return;
            }
        };
        let mut scopes = vec![(scope.clone(), vec![])];
        for arg in args {
            let ExprKind::Name(letter) = &arg.value.kind else {
                let d = Diagnostic::new(Code::T0211, arg.value.span, "an update ranges over letters", "not a letter");
                self.report(d.help(
                    "write `update B(p) along ...`: `p`, `q` are projections, `n`, `m` populations, `o` outputs",
                ));
                return;
            };
            let range: Vec<Val> = match letter.as_str() {
                "p" | "q" => {
                    let own = |e: &EdgeId| self.net.edge(*e).inside != Some(Inside::Borrowed);
                    let edges = self.net.edge_ids().filter(own);
                    let edges = edges.filter(|e| !self.net.edge(*e).weights.is_empty() && reach(*e));
                    edges.map(Val::Edge).collect()
                }
                "o" => self.net.pops().filter(|p| self.net.pop(*p).output).map(Val::Pop).collect(),
                // States live on inputs too.
                "n" | "m" => {
                    let inputs = matches!(member, Member::State(_));
                    let whole = self.net.edge_ids().all(reach);
                    // A rule that is given to a part keeps its states at the ends of what it reaches.
                    let ends = |p: &PopId| {
                        let at = |e: EdgeId| self.net.edge(e).pre == *p || self.net.edge(e).post == *p;
                        whole || self.net.edge_ids().any(|e| reach(e) && at(e))
                    };
                    let pops = self.net.pops().filter(|p| (inputs || !self.net.pop(*p).input) && ends(p));
                    pops.map(Val::Pop).collect()
                }
                other => {
                    let d = Diagnostic::new(Code::T0211, arg.value.span, format!("`{other}` ranges over nothing"), "");
                    self.report(d.help("`n`, `m` range over populations, `o` over outputs, `p`, `q` over projections"));
                    return;
                }
            };
            scopes = scopes
                .into_iter()
                .flat_map(|(s, k)| {
                    range.iter().map(move |v| {
                        let keys: Vec<(Val, Span)> = k.iter().cloned().chain([(v.clone(), arg.value.span)]).collect();
                        (s.with(letter, v.clone()), keys)
                    })
                })
                .collect();
        }
        for (inner, keys) in scopes {
            if let Some(g) = &u.guard
                && self.holds(&inner, g) != Some(true)
            {
                continue;
            }
            if self.without_weight(member, &keys) {
                continue;
            }
            let v = self.member(member, &keys, u.target.span);
            if let Val::Bundle(kept) = v {
                if self.bundle_updates(u, &inner, &kept, found).is_none() {
                    return;
                }
                continue;
            }
            let Val::Slot(s) = v else { return };
            let shape = self.net.slots[s as usize].ty.shape.clone();
            let v = self.eval(&inner, &u.along, Some(&shape));
            let Some(mut n) = self.tensor(&v, u.along.span) else { return };
            // What is kept for the units in a row is told by a population of several axes.
            if shape.len() == 1 && self.g.shape(n).len() > 1 {
                n = self.g.reshape(shape.clone(), n).unwrap_or(n);
            }
            match self.fit_shape(n, &shape, u.along.span, "this update") {
                Some(n) => found.push((Target::Slot(s), n, None, inner)),
                None => return,
            }
        }
    }

    /// The mean over the batch, the penalty, and the optimizer's step.
    pub(crate) fn apply(&mut self, u: &ast::Update, span: Span, owner: usize, found: Vec<Found>, gate: Option<NodeId>) {
        let Some(rule) = self.frames.last().map(|f| f.made.item.name.clone()) else { return };
        let found = self.joined(found);
        let Some((moves, writes)) = self.moves(u, span, &found) else { return };
        for (slot, (n, at)) in writes {
            let gate = match self.moved_with(slot, &found) {
                Some(target) => self.also_thawed(gate, target),
                None => gate,
            };
            self.write(slot, gate, n, at);
        }
        let (when, by) = (self.when(), u.by.is_some());
        for ((target, along, drive, inner), acts) in found.into_iter().zip(moves) {
            let shape = self.g.shape(acts).to_vec();
            let still = self.g.zeros(&super::graph::Ty::real(shape));
            let gate = self.also_thawed(gate, target);
            let moved = self.gated(gate, acts, still);
            let handed = self.handed(by, target, along);
            let (rule, when) = (rule.clone(), when.clone());
            self.task.updates.push(Update { target, along, moved, acts, handed, by, drive, rule, owner, when, span });
            for then in &u.then {
                // `then p.W = ...` speaks of that weight alone.
                if let (ExprKind::Field(_, name), Target::Weight(w)) = (&then.target.kind, target)
                    && self.net.weight(w).name != name.name
                {
                    continue;
                }
                let v = self.eval(&inner, &then.value, None);
                let v = self.own_part(v, target);
                let (leaf, _) = self.target_value(target);
                let shape = self.g.shape(leaf).to_vec();
                if let Some(n) = self.tensor(&v, then.value.span)
                    && let Some(n) = self.fit_shape(n, &shape, then.value.span, "`then`")
                {
                    let value = self.gated(gate, n, leaf);
                    self.task.thens.push(Then { target, value });
                }
            }
        }
    }

    /// `then p = 0.9 * p`: of a bundle the weight's own part.
    fn own_part(&mut self, v: Val, target: Target) -> Val {
        let Target::Weight(w) = target else { return v };
        let b = match v {
            Val::Edge(e) => self.weights_bundle(e),
            Val::Bundle(b) => b,
            v => return v,
        };
        match self.net.edge(b.edge).weights.iter().position(|x| *x == w) {
            Some(at) => Val::Node(b.parts[at]),
            None => Val::Bundle(b),
        }
    }

    pub(crate) fn gated(&mut self, gate: Option<NodeId>, n: NodeId, otherwise: NodeId) -> NodeId {
        gate.and_then(|g| self.g.select(g, n, otherwise).ok()).unwrap_or(n)
    }

    /// What is added to each target, and the new values of the optimizer's states.
    pub(crate) fn moves(&mut self, u: &ast::Update, span: Span, found: &[Found]) -> Option<(Vec<NodeId>, Writes)> {
        let scope = self.frames.last()?.scope.clone();
        let optimizer = match &u.by {
            None => None,
            Some(e) => match self.eval(&scope, e, None) {
                Val::Made(m) if matches!(m.item.kind, ItemKind::Optimizer(_)) => Some(m),
                Val::Error => return None,
                other => {
                    let what = self.describe(&other);
                    let m = format!("`by` needs an optimizer, but this is {what}");
                    let example = self.program.example("optimizer");
                    let help = format!("write `by {example}`, or pass the rule's optimizer on: `by optimizer`");
                    self.report(Diagnostic::new(Code::T0208, e.span, m, "").help(help));
                    return None;
                }
            },
        };
        let mut rows = Vec::new();
        for (target, along, ..) in found {
            let mean = self.g.batch_mean(*along);
            let direction = self.handed(optimizer.is_some(), *target, mean);
            let (value, name) = self.target_value(*target);
            rows.push((value, direction, name));
        }
        let before = std::mem::take(&mut self.task.writes);
        let moves = match &optimizer {
            None => Some(rows.iter().map(|r| r.1).collect()),
            Some(o) => self.optimize(o, &rows, span),
        };
        let writes = std::mem::replace(&mut self.task.writes, before);
        Some((moves?, writes))
    }

    /// A state has one value to come: that of the stage at hand, where statements of several stages write it.
    pub(crate) fn write(&mut self, slot: u32, gate: Option<NodeId>, n: NodeId, at: Span) {
        let leaf = self.net.slots[slot as usize].leaf;
        let otherwise = self.task.writes.get(&slot).map_or(leaf, |w| w.0);
        let n = self.gated(gate, n, otherwise);
        self.task.writes.insert(slot, (n, at));
    }

    /// When an update happens, if not always: in the stages of its part, and every so many.
    pub(crate) fn gate(&mut self, u: &ast::Update, scope: &Scope) -> Option<Option<NodeId>> {
        let when = self.when();
        let step = self.g.leaf(super::graph::Leaf::Step, super::graph::Ty::real(vec![]));
        let mut gate = None;
        if (when.part.is_some() || when.stage.is_some()) && !self.task.stages.is_empty() {
            let mut open = self.bool(false);
            for (i, stage) in self.task.stages.clone().into_iter().enumerate() {
                if when.holds(i, &stage) {
                    let within = self.within_steps(stage.first, stage.last)?;
                    open = self.g.binary(Binary::Or, open, within).ok()?;
                }
            }
            gate = Some(open);
        }
        if let Some(ast::EachStep::Every(e)) = &u.each {
            let k = self.whole_number(scope, e, "an update happens every whole number of steps")?;
            if k == 0 {
                let d = Diagnostic::new(Code::T0307, e.span, "an update happens every 1 step or more", "");
                self.report(d.help("write `every 10 steps`, or leave it out for every step").write(e.span, "1 step"));
                return None;
            }
            let (one, k) = (self.g.number(1.0), self.g.number(k as f64));
            let now = self.g.add(step, one).ok()?;
            let share = self.g.div(now, k).ok()?;
            let whole = self.g.unary(Unary::Floor, share).ok()?;
            let whole = self.g.mul(whole, k).ok()?;
            let due = self.g.binary(Binary::Equal, whole, now).ok()?;
            gate = Some(match gate {
                Some(g) => self.g.binary(Binary::And, g, due).ok()?,
                None => due,
            });
        }
        Some(gate)
    }

    pub fn target_value(&self, t: Target) -> (NodeId, String) {
        match t {
            Target::Weight(w) => {
                let weight = self.net.weight(w);
                (weight.leaf, format!("{}: {}", self.net.edge_text(weight.edge), weight.name))
            }
            Target::Slot(s) => {
                let slot = &self.net.slots[s as usize];
                (slot.leaf, slot.name.clone())
            }
        }
    }

    /// What is handed to an optimizer, or added where there is none.
    pub(crate) fn handed(&mut self, by: bool, target: Target, direction: NodeId) -> NodeId {
        match target {
            Target::Weight(w) if by => self.less_penalty(w, direction),
            _ => direction,
        }
    }

    /// Every direction handed to `by` has the penalty's descent added (N10).
    pub(crate) fn less_penalty(&mut self, w: WeightId, direction: NodeId) -> NodeId {
        let Some(penalty) = self.terms.penalty else { return direction };
        let leaf = self.net.weight(w).leaf;
        let one = self.g.number(1.0);
        match super::derive::vjp(&mut self.g, penalty, &[leaf], one, &super::derive::opaque) {
            Ok(parts) => match parts[0] {
                Some(p) => self.g.sub(direction, p).unwrap_or(direction),
                None => direction,
            },
            Err(f) => {
                let span = self.g.node(penalty).span;
                self.fault(f, span, "the penalty's descent", &[]);
                direction
            }
        }
    }

    pub(crate) fn unitless(&self, n: NodeId) -> bool {
        self.g.ty(n).unit == crate::ir::Unit::ONE
    }
}
