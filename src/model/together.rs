//! Populations that settle on each other, a step of all at once, and what a phase makes of them.
//!
//! Whatever of an architecture settles is read first, as equations. Those that read each other, also by way of ordinary
//! populations between them, are one course: the ordinary ones follow at every step. To the rest of the network each member
//! is a function of what the whole course reads from without ([`super::relax`]).

use super::elaborate::Elab;
use super::graph::{Leaf, NodeId, NodeKind};
use super::network::{Course, How, Joint, PopId, Variable};
use super::phase::{Change, Changes};
use super::relax::{Settler, Values};
use crate::diag::{Code, Diagnostic};
use std::collections::{BTreeSet, HashMap};

/// Rates that a phase holds: the value, and for which units, if not for all.
type Held = HashMap<PopId, (NodeId, Option<NodeId>)>;

/// What an equation reads: populations that settle, and ordinary ones on the way to them.
#[derive(Default)]
struct Read {
    settling: BTreeSet<usize>,
    ordinary: BTreeSet<PopId>,
}

impl Elab<'_> {
    pub(crate) fn settle_together(&mut self, all: Vec<Settler>) -> Option<()> {
        let place: HashMap<PopId, usize> = all.iter().enumerate().map(|(i, s)| (s.pop, i)).collect();
        let roots = |s: &Settler| s.variables.iter().flat_map(|v| [v.node, v.start]).collect::<Vec<_>>();
        let reads: Vec<Read> = all.iter().map(|s| self.read_under(&roots(s), &place)).collect();
        let mut reach: Vec<BTreeSet<usize>> = reads.iter().map(|r| r.settling.clone()).collect();
        loop {
            let wider: Vec<BTreeSet<usize>> =
                reach.iter().map(|r| r.iter().flat_map(|j| &reach[*j]).chain(r).copied().collect()).collect();
            if wider == reach {
                break;
            }
            reach = wider;
        }
        let mut done = vec![false; all.len()];
        while let Some(next) = (0..all.len()).find(|i| {
            // After those that it reads and that do not read it.
            !done[*i] && reach[*i].iter().all(|j| done[*j] || j == i || reach[*j].contains(i))
        }) {
            let with = |j: &usize| *j == next || (reach[next].contains(j) && reach[*j].contains(&next));
            let group: Vec<usize> = (0..all.len()).filter(with).collect();
            group.iter().for_each(|i| done[*i] = true);
            let ordinary: BTreeSet<PopId> = group.iter().flat_map(|i| &reads[*i].ordinary).copied().collect();
            let between: Vec<PopId> = ordinary
                .into_iter()
                .filter(|p| self.read_by(*p, &place).settling.iter().any(|j| group.contains(j)))
                .collect();
            let members: Vec<&Settler> = group.iter().map(|i| &all[*i]).collect();
            self.settle_group(&members, between, &place)?;
        }
        Some(())
    }

    fn read_by(&self, p: PopId, place: &HashMap<PopId, usize>) -> Read {
        let pop = self.net.pop(p);
        self.read_under(&pop.drive.into_iter().chain([pop.rate]).collect::<Vec<_>>(), place)
    }

    fn read_under(&self, roots: &[NodeId], place: &HashMap<PopId, usize>) -> Read {
        let mut read = Read::default();
        let mut roots = roots.to_vec();
        while !roots.is_empty() {
            let under = self.g.reachable(&roots);
            roots.clear();
            for n in under {
                let NodeKind::Leaf(Leaf::Rate(p) | Leaf::Drive(p)) = self.g.node(n).kind else { continue };
                match place.get(&p) {
                    Some(i) => {
                        read.settling.insert(*i);
                    }
                    None if read.ordinary.insert(p) => {
                        roots.extend(self.net.pop(p).drive.into_iter().chain([self.net.pop(p).rate]));
                    }
                    None => {}
                }
            }
        }
        read
    }

    fn settle_group(&mut self, members: &[&Settler], between: Vec<PopId>, place: &HashMap<PopId, usize>) -> Option<()> {
        let joint = self.joint(members, between, place)?;
        let none = (Held::new(), Values::new());
        let now = self.unrolled(&joint, &none.0, &none.1)?;
        let at = self.net.joints.len();
        self.net.joints.push(joint.clone());
        for m in members {
            let own: Vec<&Variable> = joint.variables.iter().filter(|v| v.pop == m.pop).collect();
            let states: Vec<&Variable> = own.iter().copied().filter(|v| v.how != How::Is).collect();
            let flows: Vec<NodeId> = states.iter().map(|v| v.node).collect();
            let residual = self.unrest(&states, &flows, &now)?;
            let leaf = self.net.pop(m.pop).rate_leaf;
            let end = now[&leaf];
            // What definitions stand for is written out, so that the equations speak of rates and states alone.
            let mut written = Values::new();
            for v in own.iter().filter(|v| v.how == How::Is) {
                let n = self.g.substitute(v.node, &written).ok()?;
                written.insert(v.leaf, n);
            }
            written.remove(&leaf);
            let mut told = self.g.substitute_all(&flows, &written).ok()?;
            told.extend(own.iter().filter(|v| v.how == How::Is).map(|v| v.node));
            let course = Course { steps: joint.steps, end, flows: told, residual, joint: at, span: m.span };
            self.settled(m.pop, end, course);
        }
        Some(())
    }

    /// The equations of all that settle together.
    fn joint(&mut self, members: &[&Settler], between: Vec<PopId>, place: &HashMap<PopId, usize>) -> Option<Joint> {
        let first = members[0];
        let mut variables: Vec<Variable> = members.iter().flat_map(|m| m.variables.iter().cloned()).collect();
        let (start, speed) = (variables[0].start, variables[0].speed);
        for p in &between {
            let pop = self.net.pop(*p).clone();
            let drive = pop.drive.unwrap_or(pop.drive_leaf);
            let super::value::Val::Node(node) = self.response(*p, drive, pop.span, "this population") else {
                return None;
            };
            let (leaf, how) = (pop.rate_leaf, How::Is);
            variables.push(Variable { pop: *p, leaf, how, node, start, speed, span: pop.span });
        }
        let group: Vec<PopId> = members.iter().map(|m| m.pop).collect();
        self.of_the_step_before(&mut variables, &group);
        if variables.iter().all(|v| v.how == How::Is) {
            let m = format!("nothing settles in `{}`: no equation moves anything", self.net.pop(first.pop).name);
            let d = Diagnostic::new(Code::T0207, first.span, m, "");
            self.report(d.help(
                "write a movement, `u' = ...`, or the next rate in terms of the last: `rate = 0.5 * (rate + x)`",
            ));
            return None;
        }
        for m in members {
            let name = |p: PopId| self.net.pop(p).name.clone();
            if m.steps != first.steps {
                let text = format!(
                    "`{}` and `{}` settle on each other, but not for as many steps",
                    name(first.pop),
                    name(m.pop)
                );
                let d = Diagnostic::new(Code::T0401, m.span, text, format!("{} steps", m.steps));
                let d = d.also(first.span, format!("{} steps", first.steps));
                self.report(d.help("give both the same number; a speed may be each one's own"));
                return None;
            }
            let starts: Vec<NodeId> = m.variables.iter().map(|v| v.start).collect();
            let known = self.read_under(&starts, place).settling;
            if let (Some(from), Some(on)) = (m.from, group.iter().find(|p| known.contains(&place[p]))) {
                let text = format!("`{}` begins where `{}` ends, which settles with it", name(m.pop), name(*on));
                let d = Diagnostic::new(Code::T0401, from, text, "not known before both have settled");
                self.report(d.help("begin at an input, or at a population that does not settle with it"));
                return None;
            }
        }
        let variables = self.in_order(variables)?;
        Some(Joint { members: group, between, variables, steps: first.steps })
    }

    /// Rates that are said by each other in a circle are of the step before, as one is that is said by itself.
    fn of_the_step_before(&self, variables: &mut [Variable], group: &[PopId]) {
        let said = |i: &usize| variables[*i].how != How::Moves;
        let at_once: Vec<usize> = (0..variables.len()).filter(said).collect();
        let reads: Vec<Vec<usize>> = at_once
            .iter()
            .map(|i| {
                let under = self.g.reachable(&[variables[*i].node]);
                (0..at_once.len()).filter(|k| under.contains(&variables[at_once[*k]].leaf)).collect()
            })
            .collect();
        let comes_back = |first: usize| {
            let mut seen = vec![false; at_once.len()];
            let mut stack = reads[first].clone();
            while let Some(k) = stack.pop() {
                if !std::mem::replace(&mut seen[k], true) {
                    stack.extend(&reads[k]);
                }
            }
            seen[first]
        };
        let circles: Vec<usize> = (0..at_once.len()).filter(|k| comes_back(*k)).map(|k| at_once[k]).collect();
        for i in circles {
            let v = &mut variables[i];
            if group.contains(&v.pop) && self.net.pop(v.pop).rate_leaf == v.leaf {
                v.how = How::Next;
            }
        }
    }

    /// Definitions, each after those that it reads; behind them what moves.
    fn in_order(&mut self, variables: Vec<Variable>) -> Option<Vec<Variable>> {
        let (mut rest, moving): (Vec<Variable>, Vec<Variable>) = variables.into_iter().partition(|v| v.how == How::Is);
        let mut done = Vec::new();
        while !rest.is_empty() {
            let leaves: Vec<NodeId> = rest.iter().map(|v| v.leaf).collect();
            let ready = |v: &Variable| !self.g.reachable(&[v.node]).iter().any(|n| leaves.contains(n));
            let Some(at) = rest.iter().position(ready) else {
                let d = Diagnostic::new(Code::T0401, rest[0].span, "these definitions read each other at once", "");
                self.report(d.help("let one of them move: `u' = ...`"));
                return None;
            };
            done.push(rest.remove(at));
        }
        done.extend(moving);
        Some(done)
    }

    /// All steps written out: what every variable is in the end. `altered` are definitions that a phase changes.
    fn unrolled(&mut self, joint: &Joint, held: &Held, altered: &Values) -> Option<Values> {
        let still = |v: &&Variable| !matches!(held.get(&v.pop), Some((_, None)));
        let variables: Vec<Variable> = joint.variables.iter().filter(still).cloned().collect();
        let fixed: Values =
            held.iter().filter(|(_, h)| h.1.is_none()).map(|(p, h)| (self.net.pop(*p).rate_leaf, h.0)).collect();
        let (definitions, states): (Vec<&Variable>, Vec<&Variable>) = variables.iter().partition(|v| v.how == How::Is);
        let flows: Vec<NodeId> = states.iter().map(|v| v.node).collect();
        let mut now = fixed.clone();
        for v in &states {
            let start = self.held_at(v, v.start, held)?;
            now.insert(v.leaf, start);
        }
        self.follow(&definitions, held, altered, &mut now)?;
        let span = joint.members.first().map_or_else(Default::default, |p| self.net.pop(*p).span);
        for _ in 0..joint.steps {
            if !self.within_budget(span) {
                return None;
            }
            let next = self.g.substitute_all(&flows, &now).ok()?;
            let mut moved = fixed.clone();
            for (v, force) in states.iter().zip(next) {
                let new = match v.how {
                    How::Moves => {
                        let step = self.g.mul(v.speed, force).ok()?;
                        self.g.add(now[&v.leaf], step).ok()?
                    }
                    _ => force,
                };
                moved.insert(v.leaf, self.held_at(v, new, held)?);
            }
            now = moved;
            self.follow(&definitions, held, altered, &mut now)?;
        }
        Some(now)
    }

    /// What definitions are, given what moves.
    fn follow(&mut self, definitions: &[&Variable], held: &Held, altered: &Values, now: &mut Values) -> Option<()> {
        for v in definitions {
            let node = altered.get(&v.leaf).copied().unwrap_or(v.node);
            let n = self.g.substitute(node, now).ok()?;
            let n = self.held_at(v, n, held)?;
            now.insert(v.leaf, n);
        }
        Some(())
    }

    /// Units that a phase holds stay where it holds them, at every step.
    fn held_at(&mut self, v: &Variable, value: NodeId, held: &Held) -> Option<NodeId> {
        match held.get(&v.pop) {
            Some((at, Some(units))) if self.net.pop(v.pop).rate_leaf == v.leaf => {
                self.g.select(*units, *at, value).ok()
            }
            _ => Some(value),
        }
    }

    /// How far from rest a population ends: the length of all that would still move.
    fn unrest(&mut self, states: &[&Variable], flows: &[NodeId], now: &Values) -> Option<NodeId> {
        let next = self.g.substitute_all(flows, now).ok()?;
        let mut parts = Vec::new();
        for (v, n) in states.iter().zip(next) {
            parts.push(match v.how {
                How::Next => self.g.sub(n, now[&v.leaf]).ok()?,
                _ => n,
            });
        }
        self.joint_length(&parts)
    }

    /// The drives of populations whose course a phase changes by what it holds, in terms of the plain pass and of the
    /// values in the second answer, which are of the plain pass whatever the phase changes.
    pub(crate) fn courses_again(&mut self, changes: &Changes) -> Option<(HashMap<PopId, NodeId>, Values)> {
        let (mut drives, mut values) = (HashMap::new(), Values::new());
        for joint in self.net.joints.clone() {
            let touched = |p: &PopId| changes.pops.iter().any(|c| c.pop == *p);
            let within: Vec<&Change> = changes
                .pops
                .iter()
                .filter(|c| joint.members.contains(&c.pop) || joint.between.contains(&c.pop))
                .collect();
            let alone = joint.members.len() == 1 && joint.between.is_empty();
            if within.is_empty() || (alone && within.iter().all(|c| c.units.is_none())) {
                continue;
            }
            let mut held = Held::new();
            for c in within.iter().filter(|c| joint.members.contains(&c.pop)) {
                held.insert(c.pop, (self.as_it_was(c.value, &mut values), c.units));
            }
            let mut altered = Values::new();
            for p in joint.between.iter().filter(|p| touched(p)) {
                let pop = self.net.pop(*p).clone();
                let (mut drive, mut rate) = (pop.drive.unwrap_or(pop.drive_leaf), pop.rate);
                for on_rate in [false, true] {
                    if on_rate {
                        rate = self.g.substitute(rate, &HashMap::from([(pop.drive_leaf, drive)])).ok()?;
                    }
                    let own: Vec<&&Change> = within.iter().filter(|c| c.pop == *p && c.rate == on_rate).collect();
                    for c in own {
                        let value = self.as_it_was(c.value, &mut values);
                        let c = Change { pop: c.pop, rate: c.rate, op: c.op, value, units: c.units };
                        let now = if on_rate { &mut rate } else { &mut drive };
                        *now = self.with_change(*now, &c, pop.span)?;
                    }
                }
                altered.insert(pop.rate_leaf, rate);
            }
            let now = self.unrolled(&joint, &held, &altered)?;
            let free = |p: &&PopId| !matches!(held.get(p), Some((_, None)));
            drives.extend(joint.members.iter().filter(free).map(|p| (*p, now[&self.net.pop(*p).rate_leaf])));
        }
        Some((drives, values))
    }

    /// A stand-in for a value of the plain pass.
    fn as_it_was(&mut self, value: NodeId, values: &mut Values) -> NodeId {
        let ty = self.g.ty(value).clone();
        let stand_in = self.symbol(&format!("what a phase changes {}", values.len()), ty);
        values.insert(stand_in, value);
        stand_in
    }
}
