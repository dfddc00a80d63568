//! What a rule's equations and the outside see of populations: `n.rate(a)`, `loss(a)`, `answer PHASE`.

use super::architecture::rates_in;
use super::elaborate::Elab;
use super::graph::{Leaf, Mark, NodeId, NodeKind};
use super::network::PopId;
use super::value::{Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::{ItemKind, Rule};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind};
use std::collections::HashMap;

impl Elab<'_> {
    /// `n.rate(a)`, `n.drive(a)`: the population's equation with `a(m)` for the rate of every population that it reads.
    pub(crate) fn equation_at(&mut self, scope: &Scope, span: Span, p: PopId, rate: bool, a: &Expr) -> Val {
        let pop = self.net.pop(p).clone();
        let Some(drive) = pop.drive else { return Val::Node(pop.rate_leaf) };
        let Some((drive, _)) = self.rates_replaced(scope, drive, a) else { return Val::Error };
        if !rate {
            return Val::Node(drive);
        }
        self.response(p, drive, span, "this")
    }

    /// `loss(a)`
    pub(crate) fn loss_at(&mut self, scope: &Scope, span: Span, a: &Expr) -> Val {
        let Some(loss) = self.terms.loss else {
            return self.report(
                Diagnostic::new(Code::T0405, span, "the objective has no loss", "").help(super::words::NO_LOSS),
            );
        };
        match self.rates_replaced(scope, loss, a) {
            Some((n, map)) => {
                let pops: Vec<PopId> = map.iter().map(|m| m.0).collect();
                Val::Node(self.g.mark(Mark::LossAt(pops.into()), n, map.into_iter().map(|m| m.1)))
            }
            None => Val::Error,
        }
    }

    /// An expression with `a(m)` for the rates that it reads, and what now stands for them.
    fn rates_replaced(&mut self, scope: &Scope, node: NodeId, a: &Expr) -> Option<(NodeId, Vec<(PopId, NodeId)>)> {
        let v = match &a.kind {
            ExprKind::Name(n) => scope.find(n).map(|l| l.val.clone()),
            _ => None,
        };
        let m = match v {
            Some(Val::Member(m)) if self.member_arity(m) == 1 => m,
            _ => {
                let d =
                    Diagnostic::new(Code::T0208, a.span, "what stands for every rate is needed here, by its name", "");
                self.report(d.help("declare `free a(n) from n.rate` or `let a(n) = ...`, and write `n.rate(a)`"));
                return None;
            }
        };
        let (mut map, mut new) = (HashMap::new(), Vec::new());
        for (q, leaf) in rates_in(&self.g, node) {
            let v = self.member(m, &[(Val::Pop(q), a.span)], a.span);
            let n = self.tensor(&v, a.span)?;
            let shape = self.net.pop(q).shape.clone();
            let n = self.fit_shape(n, &shape, a.span, "this")?;
            map.insert(leaf, n);
            new.push((q, n));
        }
        match self.built(|g| g.substitute(node, &map), a.span, "this") {
            Val::Node(n) => Some((n, new)),
            _ => None,
        }
    }

    /// `answer PHASE with n.rate = e`: what measures and the objective's report see of populations.
    pub(crate) fn answer(&mut self, rule: &Rule) {
        let Some((name, change, span)) = &rule.answer else { return };
        let Some(scope) = self.frames.last().map(|f| f.scope.clone()) else { return };
        let Some(Val::Phase(i, None)) = scope.find(&name.name).map(|l| l.val.clone()) else {
            let names: Vec<&str> = rule.phases.iter().map(|(p, _)| p.name.name.as_str()).collect();
            self.no_such::<()>(name, "a phase of this rule", &names, "phase");
            return;
        };
        let Some(phase) = self.phase((i, None), *span) else { return };
        let map = self.net.phases[phase as usize].map.clone();
        for p in self.net.pops().collect::<Vec<_>>() {
            let pop = self.net.pop(p).clone();
            for leaf in [pop.rate_leaf, pop.drive_leaf] {
                if let Some(n) = map.get(&leaf) {
                    self.answers.insert(leaf, *n);
                }
            }
        }
        let Some(change) = change else { return };
        let ExprKind::Field(base, field) = &change.target.kind else {
            self.no_change::<()>(change);
            return;
        };
        let (ExprKind::Name(letter), true) = (&base.kind, matches!(field.name.as_str(), "rate" | "drive")) else {
            self.no_change::<()>(change);
            return;
        };
        for p in self.ranged(&scope, letter, change.target.span).unwrap_or_default() {
            let inner = scope.with(letter, Val::Pop(p));
            let pop = self.net.pop(p).clone();
            // Where sizes are open, how many answers there are is too.
            if self.open {
                self.eval(&inner, &change.value, None);
                continue;
            }
            let Some(n) = self.shaped(&inner, &change.value, &pop.shape, "this answer") else { return };
            let Val::Node(n) = self.value_in(phase, Val::Node(n), change.value.span, *span) else { return };
            self.answers.insert(if field.name == "rate" { pop.rate_leaf } else { pop.drive_leaf }, n);
        }
    }

    /// `residual(PHASE)` in a measure, or of a population that settles: how far from rest it ends, the length of all that still moves.
    pub(crate) fn residual(&mut self, x: &Expr) -> Val {
        let courses =
            self.net.populations.iter().filter_map(|p| p.course.as_ref().map(|c| (p.name.clone(), Some(c.residual))));
        let known: Vec<(String, Option<NodeId>)> =
            self.net.phases.iter().map(|p| (p.name.clone(), p.residual)).chain(courses).collect();
        let name = crate::syntax::print::expr_text(x);
        match known.iter().find(|k| k.0 == name) {
            Some((_, Some(n))) => Val::Node(self.of_plain_pass(*n)),
            // What is wrong with it has been told.
            None if self.previous_frames.is_empty() => Val::Error,
            None if self.diags.has_errors() && self.declares_phase(&name) => Val::Error,
            _ => {
                let settling: Vec<&str> = known.iter().filter(|k| k.1.is_some()).map(|k| k.0.as_str()).collect();
                let m = format!("`{name}` is no phase of a rule and no population that settles");
                let d = Diagnostic::new(Code::T0201, x.span, m, "");
                self.report(match settling.as_slice() {
                    [] => d.help("a rule settles a phase: `phase inference = settle a on F, 20, 0.1`"),
                    all => d.help(format!("there are {}", all.join(", "))),
                })
            }
        }
    }

    fn declares_phase(&self, name: &str) -> bool {
        let phases = self.previous_frames.iter().flat_map(|f| match &f.made.item.kind {
            ItemKind::Rule(r) => r.phases.iter().map(|(p, _)| p.name.name.as_str()).collect(),
            _ => vec![],
        });
        phases.into_iter().any(|p| p == name.split('[').next().unwrap_or(name))
    }

    /// A value of the plain pass, kept as that where measures see an answer instead.
    pub(crate) fn of_plain_pass(&mut self, n: NodeId) -> NodeId {
        if self.answers.is_empty() {
            return n;
        }
        let mut map = HashMap::new();
        for leaf in self.answers.keys().copied().collect::<Vec<_>>() {
            if let NodeKind::Leaf(of @ (Leaf::Rate(_) | Leaf::Drive(_))) = self.g.node(leaf).kind.clone() {
                map.insert(leaf, self.phase_leaf(u32::MAX, of, leaf));
            }
        }
        self.g.substitute(n, &map).unwrap_or(n)
    }

    /// The populations of a value as the rule answers.
    pub(crate) fn as_answered(&mut self, n: NodeId) -> NodeId {
        let answers = std::mem::take(&mut self.answers);
        let n = self.g.substitute(n, &answers).unwrap_or(n);
        self.answers = answers;
        n
    }

    /// A free variable has a value in phases only.
    pub(crate) fn free_outside(&mut self, n: NodeId, span: Span) -> bool {
        if self.net.frees.is_empty() {
            return false;
        }
        let loose = self.g.reachable(&[n]).into_iter().find_map(|x| match self.g.node(x).kind {
            NodeKind::Leaf(Leaf::Free(f)) => Some((f, self.g.node(x).span)),
            _ => None,
        });
        let Some((f, at)) = loose else { return false };
        let free = self.net.frees[f as usize].clone();
        let name = free.name.split('(').next().unwrap_or("").to_string();
        let own = at.file == span.file && at != Span::default();
        let d = Diagnostic::new(
            Code::T0411,
            if own { at } else { span },
            format!("`{name}` settles in a phase, and this reads it outside"),
            "which phase?",
        );
        let phases: Vec<String> = self.frames.last().map_or(vec![], |f| match &f.made.item.kind {
            ItemKind::Rule(r) => r.phases.iter().map(|(p, _)| p.name.name.clone()).collect(),
            _ => vec![],
        });
        let help = match phases.first() {
            Some(p) => format!("read it in a phase: `{p}({name}(n))`"),
            None => "declare a phase that settles it: `phase inference = settle ...`".into(),
        };
        self.report(d.also(free.span, "declared here").help(help));
        true
    }
}
