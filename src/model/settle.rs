//! Free variables of a rule: settled on an energy or by equations, by explicit Euler steps, each example by itself.

use super::derive::{opaque, vjp};
use super::elaborate::Elab;
use super::graph::{Leaf, NodeId, NodeKind, Ty};
use super::network::{Free, PopId};
use super::phase::Changes;
use super::value::{Member, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::{Dynamics, Rule};
use crate::ops::{Binary, Reduction, Unary};
use crate::source::Span;
use crate::syntax::ast::{self, Expr, PhaseBody, SettleOption};
use std::collections::HashMap;

/// A phase of more steps than this is refused: its plan would be longer than anyone waits for.
pub(crate) const MAX_STEPS: u64 = 5_000;

/// Variables, each with its value after a step.
type Moved = Vec<(NodeId, NodeId)>;

/// How free variables move.
struct Settling {
    steps: u64,
    speed: NodeId,
    until: Option<NodeId>,
    within: Option<(NodeId, NodeId)>,
    from: Option<u32>,
}

impl Elab<'_> {
    /// The value of `free a(n) from e` at a population: a leaf of its own; at an input, the input.
    pub(crate) fn free(&mut self, head: &ast::Head, start: &Expr, inner: &Scope, pop: PopId) -> Val {
        let p = self.net.pop(pop).clone();
        if p.input {
            return Val::Node(p.rate_leaf);
        }
        let Some(start) = self.shaped(inner, start, &p.shape, &format!("`{}`", head.name.name)) else {
            return Val::Error;
        };
        let id = self.net.frees.len() as u32;
        let leaf = self.g.leaf(Leaf::Free(id), Ty::real(p.shape.clone()));
        let name = format!("{}({})", head.name.name, p.name);
        self.net.frees.push(Free { name, pop, leaf, start, span: head.span });
        Val::Node(leaf)
    }

    /// Steps of a phase's free variables, from where they start to where the phase ends.
    pub(crate) fn settle(
        &mut self,
        rule: &Rule,
        decl: &ast::Phase,
        scope: &Scope,
        id: u32,
        settled: &[u32],
        changes: &Changes,
    ) -> Option<()> {
        let (options, flows) = match &decl.body {
            PhaseBody::Plain => return Some(()),
            PhaseBody::Settle { on, options, .. } => (options, self.descent(scope, on, settled, changes)?),
            PhaseBody::Relax { dynamics, options } => {
                let d = rule.dynamics.iter().find(|d| d.name.name == dynamics.name)?;
                (options, self.equations(d, scope, changes)?)
            }
        };
        let how = self.settling(scope, options, decl.name.span)?;
        let map = self.net.phases[id as usize].map.clone();
        let mut now: HashMap<NodeId, NodeId> = HashMap::new();
        for f in settled {
            let free = self.net.frees[*f as usize].clone();
            let start = match (changes.held.get(f), how.from) {
                (Some(held), _) => *held,
                (None, Some(from)) => match self.net.phases[from as usize].map.get(&free.leaf) {
                    Some(end) => *end,
                    None => self.g.substitute(free.start, &map).ok()?,
                },
                (None, None) => self.g.substitute(free.start, &map).ok()?,
            };
            now.insert(free.leaf, start);
        }
        let online = self.online(rule, decl)?;
        let count = flows.len();
        let moved = online.iter().flat_map(|o| o.leaves.iter().map(|l| l.1));
        let raw: Vec<NodeId> = flows.iter().map(|f| f.1).chain(moved).collect();
        let raw = self.g.substitute_all(&raw, &map).ok()?;
        for _ in 0..how.steps {
            if !self.within_budget(decl.name.span) {
                return None;
            }
            let next = self.g.substitute_all(&raw, &now).ok()?;
            self.euler_step(&flows, &next[..count], &how, &mut now)?;
            // Weights move with the variables, all from the values before the step.
            let leaves = online.iter().flat_map(|o| o.leaves.iter().map(|l| l.0));
            now.extend(leaves.zip(next[count..].iter().copied()));
        }
        let forces = self.g.substitute_all(&raw[..count], &now).ok()?;
        let (_, felt) = self.stepped(&flows, &forces, &how, &now)?;
        let residual = self.joint_length(&felt)?;
        for f in settled {
            let leaf = self.net.frees[*f as usize].leaf;
            let end = self.phase_leaf(id, Leaf::Free(*f), now[&leaf]);
            self.net.phases[id as usize].map.insert(leaf, end);
        }
        self.keep_online(online, &now, id)?;
        let phase = &mut self.net.phases[id as usize];
        phase.flows = flows;
        phase.steps = how.steps;
        phase.from = how.from;
        phase.residual = Some(residual);
        Some(())
    }

    /// All variables move at once, each example by itself; one that has come to rest stays there.
    fn euler_step(
        &mut self,
        flows: &[(u32, NodeId)],
        forces: &[NodeId],
        how: &Settling,
        now: &mut HashMap<NodeId, NodeId>,
    ) -> Option<()> {
        let (mut next, felt) = self.stepped(flows, forces, how, now)?;
        if let Some(tolerance) = how.until {
            let far = self.joint_length(&felt)?;
            let moving = self.g.binary(Binary::Less, tolerance, far).ok()?;
            for (leaf, new) in &mut next {
                *new = self.g.select(moving, *new, now[leaf]).ok()?;
            }
        }
        now.extend(next);
        Some(())
    }

    /// Where one step leads, and how fast: the forces, or what bounds leave of them.
    fn stepped(
        &mut self,
        flows: &[(u32, NodeId)],
        forces: &[NodeId],
        how: &Settling,
        now: &HashMap<NodeId, NodeId>,
    ) -> Option<(Moved, Vec<NodeId>)> {
        let (mut next, mut felt) = (Vec::new(), Vec::new());
        for ((f, _), force) in flows.iter().zip(forces) {
            let leaf = self.net.frees[*f as usize].leaf;
            let old = now[&leaf];
            let step = self.g.mul(how.speed, *force).ok()?;
            let mut new = self.g.add(old, step).ok()?;
            let mut speed = *force;
            if let Some((low, high)) = how.within {
                new = self.g.binary(Binary::Max, new, low).ok()?;
                new = self.g.binary(Binary::Min, new, high).ok()?;
                let moved = self.g.sub(new, old).ok()?;
                speed = self.g.div(moved, how.speed).ok()?;
            }
            next.push((leaf, new));
            felt.push(speed);
        }
        Some((next, felt))
    }

    /// The Euclidean length of several tensors taken as one vector.
    pub(crate) fn joint_length(&mut self, parts: &[NodeId]) -> Option<NodeId> {
        let mut total = self.g.number(0.0);
        for p in parts {
            let square = self.g.unary(Unary::Square, *p).ok()?;
            let sum = self.g.reduce_all(Reduction::Sum, square).ok()?;
            total = self.g.add(total, sum).ok()?;
        }
        self.g.unary(Unary::Sqrt, total).ok()
    }

    /// Minus the derivative of an energy by each variable that is not held.
    fn descent(&mut self, scope: &Scope, on: &Expr, settled: &[u32], changes: &Changes) -> Option<Vec<(u32, NodeId)>> {
        let v = self.eval(scope, on, None);
        let energy = self.tensor(&v, on.span)?;
        if !self.g.shape(energy).is_empty() {
            let m = format!("an energy is one number an example, but this is {}", self.g.ty(energy).text());
            self.report(Diagnostic::new(Code::T0301, on.span, m, "").help("sum it over units and populations"));
            return None;
        }
        let free: Vec<u32> = settled.iter().copied().filter(|f| !changes.held.contains_key(f)).collect();
        let leaves: Vec<NodeId> = free.iter().map(|f| self.net.frees[*f as usize].leaf).collect();
        let one = self.g.number(1.0);
        let parts = match vjp(&mut self.g, energy, &leaves, one, &opaque) {
            Ok(p) => p,
            Err(f) => {
                self.fault(f, on.span, "settling", &[]);
                return None;
            }
        };
        if parts.iter().all(Option::is_none) {
            let d = Diagnostic::new(Code::T0409, on.span, "this energy does not depend on what settles", "");
            self.report(d.help("an energy reads the free variable, such as `a(n)`"));
            return None;
        }
        let mut out = Vec::new();
        for ((f, part), leaf) in free.into_iter().zip(parts).zip(leaves) {
            let shape = self.g.shape(leaf).to_vec();
            let down = match part {
                Some(p) => {
                    let p = self.g.fill(p, &shape);
                    self.g.neg(p).ok()?
                }
                None => self.g.zeros(&Ty::real(shape)),
            };
            out.push((f, down));
        }
        Some(out)
    }

    /// The right-hand sides of `dynamics`, at each population that its letters range over.
    fn equations(&mut self, d: &Dynamics, scope: &Scope, changes: &Changes) -> Option<Vec<(u32, NodeId)>> {
        let mut out: Vec<(u32, NodeId)> = Vec::new();
        let mut told: Vec<(u32, Span)> = Vec::new();
        for (head, value) in &d.equations {
            let member = scope.find(&head.name.name).map(|l| l.val.clone());
            let (Some(Val::Member(m @ Member::Free(_))), [letter]) = (member, head.args.as_slice()) else {
                let text = format!("`{}` is not a free variable of this rule", head.name.name);
                let help = format!("declare it: `free {}(n) from 0`", head.name.name);
                self.report(Diagnostic::new(Code::T0201, head.span, text, "").help(help));
                return None;
            };
            for p in self.ranged(scope, &letter.name, letter.span)? {
                let inner = scope.with(&letter.name, Val::Pop(p));
                let Val::Node(leaf) = self.member(m, &[(Val::Pop(p), letter.span)], head.span) else { return None };
                let NodeKind::Leaf(Leaf::Free(f)) = self.g.node(leaf).kind else { continue };
                let shape = self.net.pop(p).shape.clone();
                let n = self.shaped(&inner, value, &shape, &format!("`{}'`", head.name.name))?;
                if let Some((_, first)) = told.iter().find(|(x, _)| *x == f) {
                    let text = format!("{}({})'", head.name.name, self.net.pop(p).name);
                    self.report(Diagnostic::twice(&text, head.span, *first));
                    return None;
                }
                told.push((f, head.span));
                if !changes.held.contains_key(&f) {
                    out.push((f, n));
                }
            }
        }
        Some(out)
    }

    /// What follows the energy: steps and speed, or `at most` in the place of steps, and the words.
    fn settling(&mut self, scope: &Scope, options: &[SettleOption], span: Span) -> Option<Settling> {
        let (mut until, mut within, mut from, mut most) = (None, None, None, None);
        let mut values: Vec<&Expr> = Vec::new();
        for o in options {
            match o {
                SettleOption::Value(e) => values.push(e),
                SettleOption::AtMost(e) => most = Some(e),
                SettleOption::Until(e) => {
                    let n = self.plain_number(scope, e)?;
                    self.known_to(n, e, &|x| x >= 0.0, "`until` stops at a length, which is not negative")?;
                    until = Some(n);
                }
                SettleOption::Within(e) => within = Some(self.interval(scope, e)?),
                SettleOption::From(name) => {
                    let Some(Val::Phase(i, None)) = scope.find(&name.name).map(|l| l.val.clone()) else {
                        let m = format!("`{}` is no phase of this rule", name.name);
                        self.no_phase(name, m);
                        return None;
                    };
                    from = Some(self.phase((i, None), name.span)?);
                }
            }
        }
        let (steps, speed) = match (values.as_slice(), most) {
            ([], Some(most)) => (most, None),
            ([speed], Some(most)) => {
                if let Some(n) = self.several(scope, speed) {
                    let d = Diagnostic::new(Code::T0205, most.span, "this says a second time for how many steps", "");
                    let d = d.also(speed.span, format!("{n} steps"));
                    self.report(d.help("`at most` stands in the place of the steps: `0.1, until 1e-4, at most 100`"));
                    return None;
                }
                (most, Some(*speed))
            }
            ([_, speed], Some(most)) => (most, Some(*speed)),
            ([steps], None) => (*steps, None),
            ([steps, speed], None) => (*steps, Some(*speed)),
            ([], None) => {
                let d = Diagnostic::new(Code::T0207, span, "this phase does not say for how many steps it settles", "");
                self.report(d.help("write `settle a on F, 20, 0.1`, or `at most 100`"));
                return None;
            }
            ([_, _, more, ..], _) => {
                let d = Diagnostic::new(
                    Code::T0205,
                    more.span,
                    "a phase takes steps and a speed, and this is one more",
                    "",
                );
                self.report(
                    d.help("write `settle a on F, 20, 0.1`, and other limits with their words: `until`, `within`"),
                );
                return None;
            }
        };
        let steps = self.steps(scope, steps, "a phase")?;
        let speed = self.speed(scope, speed)?;
        Some(Settling { steps, speed, until, within, from })
    }

    /// A number of steps, where a speed would be a number below or at 1.
    fn several(&mut self, scope: &Scope, e: &Expr) -> Option<u64> {
        let v = self.eval(scope, e, None);
        let n = self.tensor(&v, e.span)?;
        self.g.const_value(n).filter(|n| *n > 1.0 && n.fract() == 0.0).map(|n| n as u64)
    }

    /// For how many steps something settles.
    pub(crate) fn steps(&mut self, scope: &Scope, e: &Expr, what: &str) -> Option<u64> {
        let n = self.whole_number(scope, e, "settling takes a whole number of steps")?;
        if n > MAX_STEPS {
            let m = format!("{what} of {n} steps is refused: {MAX_STEPS} are the most");
            let d = Diagnostic::new(Code::T0307, e.span, m, "");
            self.report(d.help("take fewer steps and a larger speed").write(e.span, MAX_STEPS.to_string()));
            return None;
        }
        Some(n)
    }

    /// The size of a step: 0.1 where none is given.
    pub(crate) fn speed(&mut self, scope: &Scope, e: Option<&Expr>) -> Option<NodeId> {
        let Some(e) = e else { return Some(self.g.number(0.1)) };
        let n = self.plain_number(scope, e)?;
        self.known_to(n, e, &|x| x > 0.0, "a speed is the size of a step, a number above 0")?;
        Some(n)
    }

    /// `within [0, 1]`
    fn interval(&mut self, scope: &Scope, e: &Expr) -> Option<(NodeId, NodeId)> {
        let (Some(low), Some(high)) = self.bound(scope, e, "within")? else { return None };
        if let (Some(a), Some(b)) = (self.g.const_value(low), self.g.const_value(high))
            && a >= b
        {
            let m = format!("nothing moves within these bounds: {a} is not below {b}");
            let d = Diagnostic::new(Code::T0307, e.span, m, "");
            self.report(d.help("write the lower one first: `within [0, 1]`"));
            return None;
        }
        Some((low, high))
    }

    /// Reports a number that is known and not as it must be.
    fn known_to(&mut self, n: NodeId, e: &Expr, fits: &dyn Fn(f64) -> bool, wanted: &str) -> Option<()> {
        match self.g.const_value(n) {
            Some(x) if !fits(x) => {
                let d = Diagnostic::new(Code::T0307, e.span, wanted, format!("this is {x}"));
                // The nearest that would fit.
                let near = [x.round(), 0.0, 1.0, 0.1].into_iter().find(|n| fits(*n));
                self.report(match near {
                    Some(n) => d.help(format!("write a number such as `{n}`")).write(e.span, n.to_string()),
                    None => d.help("give another number"),
                });
                None
            }
            _ => Some(()),
        }
    }

    /// A known whole number, as the place asks for it.
    pub(crate) fn whole_number(&mut self, scope: &Scope, e: &Expr, wanted: &str) -> Option<u64> {
        let v = self.eval(scope, e, None);
        let n = self.tensor(&v, e.span)?;
        let whole = |x: f64| x >= 0.0 && x.fract() == 0.0;
        self.known_to(n, e, &whole, wanted)?;
        self.count(scope, e)
    }

    pub(crate) fn plain_number(&mut self, scope: &Scope, e: &Expr) -> Option<NodeId> {
        let v = self.eval(scope, e, None);
        let n = self.tensor(&v, e.span)?;
        if self.g.shape(n).is_empty() && self.unitless(n) {
            return Some(n);
        }
        let m = format!("a plain number is needed here, but this is {}", self.g.ty(n).text());
        let d = Diagnostic::new(Code::T0303, e.span, m, "");
        self.report(d.help("write one number without a unit, such as `0.1`"));
        None
    }
}
