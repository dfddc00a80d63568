//! `each step of PHASE update ...`: weights that move while a phase settles.

use super::elaborate::Elab;
use super::graph::NodeId;
use super::rule::Update;
use super::stages::When;
use super::update::Found;
use crate::diag::{Code, Diagnostic};
use crate::ir::Rule;
use crate::source::Span;
use crate::syntax::ast::{self, EachStep, ExprKind};
use std::collections::HashMap;

/// One such statement while its phase settles.
pub(crate) struct Online {
    /// Weights and states of optimizers: leaf, and value one step later, in terms of leaves.
    pub leaves: Vec<(NodeId, NodeId)>,
    found: Vec<Found>,
    /// Of the states, each with when it moves.
    slots: Vec<(u32, Option<NodeId>, Span)>,
    by: bool,
    when: When,
    span: Span,
}

impl Elab<'_> {
    /// The statement itself: its phase is run, and moves the weights.
    pub(crate) fn online_update(&mut self, phase: &ast::Ident, span: Span) {
        let found = self.frames.last().and_then(|f| f.scope.find(&phase.name)).map(|l| l.val.clone());
        match found {
            Some(super::value::Val::Phase(i, None)) => {
                let item = self.frames.last().map(|f| f.made.item.clone());
                if let Some(crate::ir::ItemKind::Rule(rule)) = item.as_ref().map(|i| &i.kind)
                    && matches!(rule.phases[i as usize].0.body, ast::PhaseBody::Plain)
                {
                    let m = format!("`{}` does not settle, so it has no steps", phase.name);
                    let d = Diagnostic::new(Code::T0208, phase.span, m, "one run");
                    let d = d.also(rule.phases[i as usize].0.name.span, "declared here");
                    self.report(d.help(format!("write `update p along {}(...)`, or let the phase settle", phase.name)));
                    return;
                }
                let _ = self.phase((i, None), span);
            }
            _ => {
                let m = format!("`{}` is no phase of this rule", phase.name);
                self.no_phase(phase, m);
            }
        }
    }

    /// The statements that move weights at each step of a phase.
    pub(crate) fn online(&mut self, rule: &Rule, decl: &ast::Phase) -> Option<Vec<Online>> {
        let mut out = Vec::new();
        let of_phase = |u: &ast::Update| matches!(&u.each, Some(EachStep::Step(Some(p))) if p.name == decl.name.name);
        for ((u, span), part) in rule.updates.iter().zip(&rule.part_of).filter(|((u, _), _)| of_phase(u)) {
            out.push(self.in_part_of_rule(part.as_ref(), |e| e.online_statement(decl, u, *span))?);
        }
        Some(out)
    }

    fn online_statement(&mut self, decl: &ast::Phase, u: &ast::Update, span: Span) -> Option<Online> {
        let (scope, edges) = self.frames.last().map(|f| (f.scope.clone(), f.edges.clone()))?;
        let (letter, only) = match &u.target.kind {
            ExprKind::Name(l) => (l.as_str(), None),
            ExprKind::Field(base, w) => match &base.kind {
                ExprKind::Name(l) => (l.as_str(), Some(w)),
                _ => ("", None),
            },
            _ => ("", None),
        };
        if !matches!(letter, "p" | "q") {
            let d = Diagnostic::new(Code::T0208, u.target.span, "only weights move while a phase settles", "");
            self.report(d.help(format!("write `each step of {} update p along ...`", decl.name.name)));
            return None;
        }
        let mut found = Vec::new();
        self.weight_updates(u, &scope, letter, only, &|e| edges.contains(&e), &mut found);
        let found = self.joined(found);
        let (moves, writes) = self.moves(u, span, &found)?;
        let own = self.gate(u, &scope)?;
        let mut leaves = Vec::new();
        for ((target, ..), moved) in found.iter().zip(moves) {
            let (leaf, _) = self.target_value(*target);
            let gate = self.also_thawed(own, *target);
            let new = self.g.add(leaf, moved).ok()?;
            leaves.push((leaf, self.gated(gate, new, leaf)));
        }
        let mut slots: Vec<(u32, Option<NodeId>, Span)> = writes
            .into_iter()
            .map(|(s, (n, at))| {
                let gate = self.moved_with(s, &found).map_or(own, |t| self.also_thawed(own, t));
                let leaf = self.net.slots[s as usize].leaf;
                leaves.push((leaf, self.gated(gate, n, leaf)));
                (s, gate, at)
            })
            .collect();
        slots.sort_by_key(|s| s.0);
        Some(Online { leaves, found, slots, by: u.by.is_some(), when: self.when(), span })
    }

    /// Where weights and states stand when the phase has ended. What is proposed is the direction there.
    pub(crate) fn keep_online(&mut self, online: Vec<Online>, now: &HashMap<NodeId, NodeId>, phase: u32) -> Option<()> {
        let (rule, owner) = self.frames.last().map(|f| (f.made.item.name.clone(), f.place.number))?;
        let map = self.net.phases[phase as usize].map.clone();
        for o in online {
            for (slot, gate, at) in o.slots {
                if let Some(n) = now.get(&self.net.slots[slot as usize].leaf) {
                    self.write(slot, gate, *n, at);
                }
            }
            for (target, along, drive, _) in o.found {
                let (leaf, _) = self.target_value(target);
                let end = now.get(&leaf).copied().unwrap_or(leaf);
                let moved = self.g.sub(end, leaf).ok()?;
                let along = self.g.substitute(along, &map).ok()?;
                let drive = match drive {
                    Some(d) => Some(self.g.substitute(d, &map).ok()?),
                    None => None,
                };
                let handed = self.handed(o.by, target, along);
                let (by, when, span, rule) = (o.by, o.when.clone(), o.span, rule.clone());
                self.task.updates.push(Update {
                    target,
                    along,
                    moved,
                    acts: moved,
                    handed,
                    by,
                    drive,
                    rule,
                    owner,
                    when,
                    span,
                });
            }
        }
        Some(())
    }
}
