//! Phases of a rule: the architecture run again under changed conditions, and free variables settled in it.
//!
//! A phase is a substitution. The equations of a rule are written out once, in terms of the plain pass; a phase says what
//! each leaf of the plain pass is in it, and `PHASE(e)` is `e` with these put in. What a phase leaves alone keeps its
//! plain leaf, so that two phases share all that they agree on. Free variables are settled by explicit Euler steps,
//! written out one after the other: the plan stays one straight program.

use super::arguments::Form;
use super::elaborate::Elab;
use super::graph::{Leaf, NodeId, NodeKind};
use super::graph_words::Units;
use super::network::{Inside, Phase, PhaseValue, PopId};
use super::value::{Bundle, Member, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::{ItemKind, Rule};
use crate::ops::Binary;
use crate::source::Span;
use crate::syntax::ast::{self, Assign, AssignOp, ExprKind, PhaseBody};
use std::collections::HashMap;

/// One change of a population.
pub(crate) struct Change {
    pub(crate) pop: PopId,
    /// Of its rate, else of its drive.
    pub(crate) rate: bool,
    pub(crate) op: AssignOp,
    pub(crate) value: NodeId,
    /// 1 for each unit that it changes, if not all.
    pub(crate) units: Option<NodeId>,
}

/// What a phase changes before it runs.
#[derive(Default)]
pub(crate) struct Changes {
    /// Of drives and rates.
    pub(crate) pops: Vec<Change>,
    /// Free variables that are held, by place among the network's.
    pub(crate) held: HashMap<u32, NodeId>,
}

impl Elab<'_> {
    /// `PHASE(e)`: the value of `e` in a phase.
    pub(crate) fn in_phase(&mut self, scope: &Scope, span: Span, which: (u32, Option<u64>), args: &[ast::Arg]) -> Val {
        let name = self.frames.last().and_then(|f| match &f.made.item.kind {
            ItemKind::Rule(r) => r.phases.get(which.0 as usize).map(|p| p.0.name.name.clone()),
            _ => None,
        });
        let form = Form::of(name.as_deref().unwrap_or("phase"), &["value"]);
        let Some(given) = self.all_given(scope, span, &form, args) else { return Val::Error };
        let v = self.eval(scope, given[0], None);
        if matches!(v, Val::Error) {
            return Val::Error;
        }
        let Some(phase) = self.phase(which, span) else { return Val::Error };
        self.value_in(phase, v, given[0].span, span)
    }

    /// A value with the leaves of a phase put in.
    pub(crate) fn value_in(&mut self, phase: u32, v: Val, at: Span, span: Span) -> Val {
        let v = if let Val::Edge(e) = v { Val::Bundle(self.weights_bundle(e)) } else { v };
        let map = self.net.phases[phase as usize].map.clone();
        match v {
            Val::Bundle(b) => {
                let all: Vec<NodeId> = b.parts.iter().copied().chain([b.drive]).collect();
                match self.g.substitute_all(&all, &map) {
                    Ok(mut parts) => {
                        let drive = parts.pop().unwrap_or(b.drive);
                        Val::Bundle(Bundle { edge: b.edge, parts, drive })
                    }
                    Err(f) => self.fault(f, span, "this phase", &[]),
                }
            }
            other => match self.tensor(&other, at) {
                Some(n) => self.built(|g| g.substitute(n, &map), span, "this phase"),
                None => Val::Error,
            },
        }
    }

    /// A phase, made when it is first read.
    pub(crate) fn phase(&mut self, which: (u32, Option<u64>), span: Span) -> Option<u32> {
        let frame = self.frames.last()?;
        let item = frame.made.item.clone();
        let ItemKind::Rule(rule) = &item.kind else { return None };
        let (decl, at) = rule.phases.get(which.0 as usize)?;
        match frame.phases.get(&which) {
            Some(Run::Done(id)) => return Some(*id),
            // What is wrong with it has been told.
            Some(Run::Failed) => return None,
            Some(Run::Open) => {
                let m = format!("the phase `{}` needs its own outcome", decl.name.name);
                let d = Diagnostic::new(Code::T0408, span, m, "read here").also(decl.name.span, "before it has run");
                self.report(d.help("a phase may read phases that run before it"));
                return None;
            }
            None => {}
        }
        let mut scope = frame.scope.clone();
        match (&decl.index, which.1) {
            (Some((k, over)), Some(i)) => {
                let (a, b) = self.whole_range(&scope, over)?;
                let (Some(a), Some(b)) = (a.known(), b.known()) else { return None };
                if !(a..=b).contains(&i) {
                    let m = format!("`{}` runs for {} in {a}..{b}, not for {i}", decl.name.name, k.name);
                    let d = Diagnostic::new(Code::T0211, span, m, "").also(decl.name.span, "declared here");
                    self.report(d.help(format!("write `{}[{a}]` to `{0}[{b}]`", decl.name.name)));
                    return None;
                }
                let n = self.g.size(&crate::ir::axis::Axis::Known(i));
                scope.bind(&k.name, Val::Node(n), None);
            }
            (None, None) => {}
            (Some((k, _)), None) => {
                let m = format!("`{}` is one phase for each {}", decl.name.name, k.name);
                let d = Diagnostic::new(Code::T0211, span, m, "which one?").also(decl.name.span, "declared here");
                self.report(d.help(format!("write `{}[{}](...)`", decl.name.name, k.name)));
                return None;
            }
            (None, Some(_)) => {
                let m = format!("`{}` is a single phase", decl.name.name);
                let d = Diagnostic::new(Code::T0211, span, m, "").also(decl.name.span, "declared here");
                self.report(d.help(format!("write `{}(...)`, without an index", decl.name.name)));
                return None;
            }
        }
        self.frames.last_mut()?.phases.insert(which, Run::Open);
        let made = self.run_phase(rule, decl, *at, &scope, which.1);
        self.frames.last_mut()?.phases.insert(which, made.map_or(Run::Failed, Run::Done));
        made
    }

    fn run_phase(&mut self, rule: &Rule, decl: &ast::Phase, span: Span, scope: &Scope, k: Option<u64>) -> Option<u32> {
        let settled = self.settled_members(rule, decl, scope)?;
        let mut map = HashMap::new();
        let changes = self.changes(&decl.with, scope, &settled, &mut map)?;
        let id = self.net.phases.len() as u32;
        let name = match k {
            Some(k) => format!("{}[{k}]", decl.name.name),
            None => decl.name.name.clone(),
        };
        let changed = changes.pops.iter().map(|c| (c.pop, c.value)).collect();
        self.net.phases.push(Phase {
            name,
            map: map.clone(),
            changes: changed,
            flows: vec![],
            steps: 0,
            from: None,
            residual: None,
            span,
        });
        self.run_again(id, &changes, &mut map)?;
        if decl.with.is_empty() && matches!(decl.body, PhaseBody::Plain) {
            // The plain pass by a name of its own, so that it stays that within other phases.
            for p in self.net.pops().collect::<Vec<_>>() {
                let (rate, drive) = (self.net.pop(p).rate_leaf, self.net.pop(p).drive_leaf);
                for (leaf, of) in [(rate, Leaf::Rate(p)), (drive, Leaf::Drive(p))] {
                    let own = self.phase_leaf(id, of, leaf);
                    map.insert(leaf, own);
                }
            }
        }
        self.net.phases[id as usize].map = map;
        if !matches!(decl.body, PhaseBody::Plain) {
            self.settle(rule, decl, scope, id, &settled, &changes)?;
        }
        Some(id)
    }

    /// The free variables that a phase moves: their places among the network's, with the members they belong to.
    fn settled_members(&mut self, rule: &Rule, decl: &ast::Phase, _scope: &Scope) -> Option<Vec<u32>> {
        let members: Vec<u32> = match &decl.body {
            PhaseBody::Plain => return Some(vec![]),
            PhaseBody::Settle { variable, .. } => {
                match rule.frees.iter().position(|(h, _)| h.name.name == variable.name) {
                    Some(i) => vec![i as u32],
                    None => {
                        let names: Vec<&str> = rule.frees.iter().map(|(h, _)| h.name.name.as_str()).collect();
                        return self.no_such(variable, "a free variable of this rule", &names, "free");
                    }
                }
            }
            PhaseBody::Relax { dynamics, .. } => {
                let found = rule.dynamics.iter().find(|d| d.name.name == dynamics.name);
                let Some(found) = found else {
                    let names: Vec<&str> = rule.dynamics.iter().map(|d| d.name.name.as_str()).collect();
                    return self.no_such(dynamics, "the name of `dynamics` of this rule", &names, "dynamics");
                };
                // What the equations leave alone still has a value: where it starts.
                let _ = found;
                (0..rule.frees.len() as u32).collect()
            }
        };
        let mut out = Vec::new();
        for m in members {
            let head = &rule.frees[m as usize].0;
            let Some(letter) = head.args.first() else {
                self.report(
                    Diagnostic::new(Code::T0211, head.span, "a free variable is one of a population", "")
                        .help(format!("write `free {}(n) from ...`", head.name.name)),
                );
                return None;
            };
            let outputs = letter.name == "o";
            for p in self.net.pops().collect::<Vec<_>>() {
                let pop = self.net.pop(p);
                if pop.input || (outputs && !pop.output) {
                    continue;
                }
                match self.member(Member::Free(m), &[(Val::Pop(p), letter.span)], letter.span) {
                    Val::Node(n) => match self.g.node(n).kind {
                        NodeKind::Leaf(Leaf::Free(f)) => out.push(f),
                        _ => return None,
                    },
                    _ => return None,
                }
            }
        }
        Some(out)
    }

    pub(crate) fn no_such<T>(&mut self, name: &ast::Ident, what: &str, names: &[&str], word: &str) -> Option<T> {
        let d = Diagnostic::new(Code::T0201, name.span, format!("`{}` is not {what}", name.name), "");
        self.report(d.meant_or(&name.name, names.iter().copied(), format!("declare it with `{word} ...`")));
        None
    }

    /// A name that is no phase of the rule at hand.
    pub(crate) fn no_phase(&mut self, name: &ast::Ident, message: String) {
        let phases = self.frames.last().map(|f| f.made.item.clone());
        let names: Vec<String> = match phases.as_ref().map(|i| &i.kind) {
            Some(crate::ir::ItemKind::Rule(r)) => r.phases.iter().map(|p| p.0.name.name.clone()).collect(),
            _ => vec![],
        };
        let d = Diagnostic::new(Code::T0201, name.span, message, "");
        let form = "declare it: `phase name = settle s on E, steps, speed`";
        self.report(d.meant_or(&name.name, names.iter().map(String::as_str), form));
    }

    /// What follows `with`, each written out at what it changes. Weights and inputs go into the map at once.
    pub(crate) fn changes(
        &mut self,
        with: &[Assign],
        scope: &Scope,
        settled: &[u32],
        map: &mut HashMap<NodeId, NodeId>,
    ) -> Option<Changes> {
        let mut out = Changes::default();
        for a in with {
            // What is named, and not ranged over, is changed or not.
            let ranges =
                |e: &ast::Expr| matches!(&e.kind, ExprKind::Name(n) if scope.find(n).is_none() && n != "input");
            let ranged = match &a.target.kind {
                ExprKind::Field(base, _) => ranges(base),
                ExprKind::Call(_, args) => args.iter().any(|a| ranges(&a.value)),
                _ => ranges(&a.target),
            };
            if !ranged && !self.changes_here(scope, a)? {
                continue;
            }
            match &a.target.kind {
                ExprKind::Index(base, index) => match (&base.kind, index.as_slice()) {
                    (ExprKind::Field(pop, field), [units]) if matches!(field.name.as_str(), "rate" | "drive") => {
                        self.unit_changes(scope, pop, units, field.name == "rate", a, &mut out)?;
                    }
                    _ => return self.no_change(a),
                },
                ExprKind::Name(w) if w == "input" && scope.find(w).is_none() => {
                    let p = self.only_input(a.target.span)?;
                    let shape = self.net.pop(p).shape.clone();
                    let n = self.shaped(scope, &a.value, &shape, "the input")?;
                    out.pops.push(Change { pop: p, rate: true, op: a.op, value: n, units: None });
                }
                ExprKind::Name(letter) => self.weight_changes(scope, letter, None, a, map)?,
                ExprKind::Field(base, field) => match (&base.kind, field.name.as_str()) {
                    (ExprKind::Name(letter), "rate" | "drive") => {
                        self.population_changes(scope, letter, field.name == "rate", a, settled, &mut out)?;
                    }
                    (ExprKind::Name(letter), _) => self.weight_changes(scope, letter, Some(field), a, map)?,
                    _ => return self.no_change(a),
                },
                ExprKind::Call(name, args) => match (&name.kind, args.as_slice()) {
                    (ExprKind::Name(name), [arg]) => self.hold(scope, name, arg, a, settled, &mut out)?,
                    _ => return self.no_change(a),
                },
                _ => return self.no_change(a),
            }
        }
        Some(out)
    }

    pub(crate) fn no_change<T>(&mut self, a: &Assign) -> Option<T> {
        let d = Diagnostic::new(Code::T0208, a.target.span, "a phase cannot change this", "");
        self.report(d.help(
            "a phase changes `n.drive`, `n.rate`, `input`, weights (`p`, `p.W`) or holds a free variable (`a(o) = ...`)",
        ));
        None
    }

    pub(crate) fn only_input(&mut self, span: Span) -> Option<PopId> {
        let inputs: Vec<PopId> = self.net.pops().filter(|p| self.net.pop(*p).input).collect();
        if let [p] = inputs.as_slice() {
            return Some(*p);
        }
        let names: Vec<String> = inputs.iter().map(|p| format!("`{}`", self.net.pop(*p).name)).collect();
        let m = format!("`input` is the only input, but here are {}", inputs.len());
        let d = Diagnostic::new(Code::T0211, span, m, names.join(", "));
        self.report(d.help("give the rule the population that it changes: a setting `x: Population`"));
        None
    }

    /// `input` as a value in a rule.
    pub(crate) fn input_word(&mut self, span: Span) -> Val {
        match self.only_input(span) {
            Some(p) => Val::Node(self.net.pop(p).rate_leaf),
            None => Val::Error,
        }
    }

    /// The populations that a letter of a change ranges over, or the one that it is bound to.
    pub(crate) fn ranged(&mut self, scope: &Scope, letter: &str, at: Span) -> Option<Vec<PopId>> {
        if let Some(l) = scope.find(letter) {
            return match self.pop_of(&l.val.clone()) {
                Some(p) => Some(vec![p]),
                None => {
                    let what = self.describe(&scope.find(letter)?.val.clone());
                    let d = Diagnostic::new(Code::T0208, at, format!("a population is needed, but this is {what}"), "");
                    self.report(d.help(
                        "`n`, `m` range over populations, `o` over outputs; the ends of `p` are `p.pre`, `p.post`",
                    ));
                    None
                }
            };
        }
        let of = |me: &Self, f: &dyn Fn(&super::network::Population) -> bool| {
            Some(me.net.pops().filter(|p| f(me.net.pop(*p))).collect())
        };
        match letter {
            "n" | "m" => of(self, &|p| !p.input),
            "o" => of(self, &|p| p.output),
            other => {
                let d = Diagnostic::new(Code::T0211, at, format!("`{other}` ranges over nothing"), "");
                self.report(d.help("`n`, `m` range over populations, `o` over outputs, `p`, `q` over projections"));
                None
            }
        }
    }

    /// `h.rate[1..32] = 0`: some units of one population.
    fn unit_changes(
        &mut self,
        scope: &Scope,
        pop: &ast::Expr,
        units: &ast::Expr,
        rate: bool,
        a: &Assign,
        out: &mut Changes,
    ) -> Option<()> {
        let v = self.eval(scope, pop, None);
        let Some(p) = self.pop_of(&v) else { return self.no_change(a) };
        let shape = self.net.pop(p).shape.clone();
        let size = shape.first()?.clone();
        let Units::Known { first, last, .. } = self.units(scope, units, &size)? else { return self.no_change(a) };
        let n = self.shaped(scope, &a.value, &shape, "this change")?;
        let axis = shape[0].clone();
        let iota = self.g.make(NodeKind::Size(axis.clone()), vec![], super::graph::Ty::real(vec![axis]));
        let (low, high) = (self.g.number(first as f64 - 1.5), self.g.number(last as f64 - 0.5));
        let (above, below) =
            (self.g.binary(Binary::Less, low, iota).ok()?, self.g.binary(Binary::Less, iota, high).ok()?);
        let chosen = self.g.binary(Binary::And, above, below).ok()?;
        let chosen = self.g.expand((1..shape.len()).collect(), shape, chosen);
        if self.net.pop(p).course.is_some() && !(rate && a.op == AssignOp::Set) {
            return self.no_change_of_course(p, a.target.span);
        }
        out.pops.push(Change { pop: p, rate, op: a.op, value: n, units: Some(chosen) });
        Some(())
    }

    /// `n.drive += e`, `o.rate = e`
    fn population_changes(
        &mut self,
        scope: &Scope,
        letter: &str,
        rate: bool,
        a: &Assign,
        settled: &[u32],
        out: &mut Changes,
    ) -> Option<()> {
        for p in self.ranged(scope, letter, a.target.span)? {
            let inner = scope.with(letter, Val::Pop(p));
            if !self.changes_here(&inner, a)? {
                continue;
            }
            if self.net.pop(p).course.is_some() && !(rate && a.op == AssignOp::Set) {
                return self.no_change_of_course(p, a.target.span);
            }
            let shape = self.net.pop(p).shape.clone();
            let n = self.shaped(&inner, &a.value, &shape, "this change")?;
            // Where a variable settles, its value is what is held.
            let own: Vec<u32> = settled.iter().copied().filter(|f| self.net.frees[*f as usize].pop == p).collect();
            if rate && a.op == AssignOp::Set && !own.is_empty() {
                out.held.extend(own.into_iter().map(|f| (f, n)));
            } else {
                out.pops.push(Change { pop: p, rate, op: a.op, value: n, units: None });
            }
        }
        Some(())
    }

    /// `p += e`, `p.W += e`
    fn weight_changes(
        &mut self,
        scope: &Scope,
        letter: &str,
        only: Option<&ast::Ident>,
        a: &Assign,
        map: &mut HashMap<NodeId, NodeId>,
    ) -> Option<()> {
        let edges: Vec<_> = match scope.find(letter).map(|l| &l.val) {
            Some(Val::Edge(e)) => vec![*e],
            None if matches!(letter, "p" | "q") => self.net.edge_ids().collect(),
            _ => return self.no_change(a),
        };
        for e in edges {
            let edge = self.net.edge(e).clone();
            let weights: Vec<_> = edge
                .weights
                .iter()
                .filter(|w| only.is_none_or(|o| self.net.weight(**w).name == o.name))
                .copied()
                .collect();
            if weights.is_empty() || edge.frozen || edge.inside == Some(Inside::Borrowed) {
                continue;
            }
            let inner = scope.with(letter, Val::Edge(e));
            if !self.changes_here(&inner, a)? {
                continue;
            }
            let v = self.eval(&inner, &a.value, None);
            for w in weights {
                let (leaf, shape) = (self.net.weight(w).leaf, self.net.weight(w).shape.clone());
                let part = match &v {
                    Val::Bundle(b) if b.edge == e => {
                        let at = edge.weights.iter().position(|x| *x == w).unwrap_or(0);
                        b.parts[at]
                    }
                    Val::Error => return None,
                    other => {
                        let n = self.tensor(&other.clone(), a.value.span)?;
                        self.fit_shape(n, &shape, a.value.span, "this change")?
                    }
                };
                let old = map.get(&leaf).copied().unwrap_or(leaf);
                let new = self.assigned(a.op, old, part, a.span)?;
                map.insert(leaf, new);
            }
        }
        Some(())
    }

    /// `a(o) = e`: a free variable that stays where it is put.
    fn hold(
        &mut self,
        scope: &Scope,
        name: &str,
        arg: &ast::Arg,
        a: &Assign,
        settled: &[u32],
        out: &mut Changes,
    ) -> Option<()> {
        let (Some(Val::Member(m @ Member::Free(_))), ExprKind::Name(letter)) =
            (scope.find(name).map(|l| l.val.clone()), &arg.value.kind)
        else {
            return self.no_change(a);
        };
        for p in self.ranged(scope, letter, arg.value.span)? {
            let inner = scope.with(letter, Val::Pop(p));
            if !self.changes_here(&inner, a)? {
                continue;
            }
            let shape = self.net.pop(p).shape.clone();
            let n = self.shaped(&inner, &a.value, &shape, "this change")?;
            let Val::Node(leaf) = self.member(m, &[(Val::Pop(p), arg.value.span)], a.span) else { return None };
            let NodeKind::Leaf(Leaf::Free(f)) = self.g.node(leaf).kind else { return self.no_change(a) };
            if !settled.contains(&f) {
                let m = format!("`{name}` does not move in this phase, so it cannot be held");
                let d = Diagnostic::new(Code::T0208, a.target.span, m, "");
                self.report(d.help("hold what the phase settles, or let it settle this as well"));
                return None;
            }
            out.held.insert(f, n);
        }
        Some(())
    }

    /// Whether the guard of a change holds.
    fn changes_here(&mut self, scope: &Scope, a: &Assign) -> Option<bool> {
        a.guard.as_ref().map_or(Some(true), |g| self.holds(scope, g))
    }

    fn assigned(&mut self, op: AssignOp, old: NodeId, by: NodeId, span: Span) -> Option<NodeId> {
        let made = match op {
            AssignOp::Set => Ok(by),
            AssignOp::Add => self.g.add(old, by),
            AssignOp::Subtract => self.g.sub(old, by),
        };
        match self.built(|_| made, span, "this change") {
            Val::Node(n) => Some(n),
            _ => None,
        }
    }

    /// The architecture once more, from inputs to outputs: what differs from the plain pass gets leaves of this phase.
    pub(crate) fn run_again(&mut self, id: u32, changes: &Changes, map: &mut HashMap<NodeId, NodeId>) -> Option<()> {
        let (courses, values) = self.courses_again(changes)?;
        for p in self.net.in_order() {
            let pop = self.net.pop(p).clone();
            let own = |rate: bool| changes.pops.iter().filter(move |c| c.pop == p && c.rate == rate);
            if let Some(drive) = pop.drive {
                let again = courses.get(&p).copied();
                let mut now = self.g.substitute(again.unwrap_or(drive), map).ok()?;
                if again.is_some() {
                    now = self.g.substitute(now, &values).ok()?;
                    now = self.g.fill(now, &pop.shape);
                }
                for c in own(false) {
                    now = self.with_change(now, c, pop.span)?;
                }
                if now != drive {
                    let leaf = self.phase_leaf(id, Leaf::Drive(p), now);
                    map.insert(pop.drive_leaf, leaf);
                }
            }
            let mut rate = self.g.substitute(pop.rate, map).ok()?;
            for c in own(true) {
                rate = self.with_change(rate, c, pop.span)?;
            }
            if rate != pop.rate {
                let leaf = self.phase_leaf(id, Leaf::Rate(p), rate);
                map.insert(pop.rate_leaf, leaf);
            }
        }
        Some(())
    }

    pub(crate) fn with_change(&mut self, old: NodeId, c: &Change, span: Span) -> Option<NodeId> {
        let new = self.assigned(c.op, old, c.value, span)?;
        match c.units {
            Some(units) => self.g.select(units, new, old).ok(),
            None => Some(new),
        }
    }

    pub(crate) fn phase_leaf(&mut self, phase: u32, of: Leaf, node: NodeId) -> NodeId {
        let id = self.net.values.len() as u32;
        self.net.values.push(PhaseValue { phase, of, node });
        let ty = self.g.ty(node).clone();
        self.g.leaf(Leaf::In(id), ty)
    }
}

/// What a rule's frame knows of a phase.
pub enum Run {
    Open,
    Done(u32),
    Failed,
}

/// By the phase's place among those of the rule, and its number.
pub type Phases = HashMap<(u32, Option<u64>), Run>;
