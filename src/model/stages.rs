//! `train = { babble: 2 epochs with mirror, learn: 20 epochs, frozen = encoder }`: parts of rules and of architectures by turns.

use super::elaborate::Elab;
use super::graph::{Leaf, NodeId, Ty};
use super::network::EdgeId;
use super::rule::Target;
use super::update::Found;
use super::value::{Made, Scope};
use crate::diag::{Code, Diagnostic};
use crate::ir::{Experiment, ItemKind};
use crate::ops::Binary;
use crate::plan::{Length, Precision};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};
use std::rc::Rc;

/// A stage of training.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// Its first update, and the one after its last.
    pub first: u64,
    pub last: u64,
    /// Parts of rules that are on; all, if none is named.
    pub parts: Vec<ast::Ident>,
    /// A rule of its own.
    pub rule: Option<ast::Expr>,
    /// An objective of its own.
    pub objective: Option<ast::Expr>,
    /// Parts of the architecture that keep their weights.
    pub frozen: Vec<ast::Ident>,
}

type Rules = Vec<(Rc<Made>, usize, Span)>;

/// When a statement acts: in the stage whose rule it belongs to, or in every one, and there if its part is on.
#[derive(Clone, Debug, Default)]
pub struct When {
    pub stage: Option<usize>,
    pub part: Option<Rc<str>>,
}

impl When {
    pub(crate) fn holds(&self, at: usize, stage: &Stage) -> bool {
        let on = |p: &Rc<str>| stage.parts.is_empty() || stage.parts.iter().any(|x| x.name == **p);
        self.stage.is_none_or(|own| own == at) && self.part.as_ref().is_none_or(on)
    }
}

impl Elab<'_> {
    /// The rules of all stages, each written out for its own time.
    pub(crate) fn staged_rules(&mut self, x: &Experiment, scope: &Scope) -> Option<Rules> {
        let default = x.settings.get("rule").map(|(e, _)| e.clone());
        let mut all = Rules::new();
        let (terms, local) = (self.terms.clone(), self.local.clone());
        for (i, stage) in self.task.stages.clone().into_iter().enumerate() {
            // What names no rule goes on with that of the experiment.
            let setting = if stage.rule.is_some() { i + 1 } else { 0 };
            let e = stage.rule.or(default.clone())?;
            match stage.objective {
                Some(own) => self.aim(scope, &own)?,
                None => (self.terms, self.local) = (terms.clone(), local.clone()),
            }
            let v = self.eval(scope, &e, None);
            self.task.stage = Some(i);
            let found = self.rules_at(&v, e.span, scope, (all.len(), setting));
            self.task.stage = None;
            self.task.aims.push((self.terms.clone(), self.local.clone()));
            all.extend(found?);
        }
        Some(all)
    }

    /// All stages one after the other; each knows its first update and its parts.
    pub(crate) fn stages(
        &mut self,
        scope: &Scope,
        x: &Experiment,
        stages: &[ast::Stage],
    ) -> Option<(Length, usize, usize, Precision)> {
        let (_, batch, seeds, precision) = self.rest_of_schedule(scope, x, Some(Length::Steps(0)))?;
        let examples = self.task.splits.get(super::task::trained(&self.task.splits)).map_or(0, |s| s.1);
        let epoch = examples.div_ceil(batch.max(1) as u64);
        let (mut at, mut epochs) = (0, Some(0));
        for s in stages {
            let mut stage = self.stage_settings(s)?;
            let steps = match self.length(scope, &s.length)? {
                Length::Epochs(n) => {
                    epochs = epochs.map(|e| e + n);
                    n as u64 * epoch
                }
                Length::Steps(n) => {
                    epochs = None;
                    n as u64
                }
            };
            (stage.first, stage.last) = (at, at + steps);
            self.task.stages.push(stage);
            at += steps;
        }
        let length = epochs.map_or(Length::Steps(at as usize), Length::Epochs);
        Some((length, batch, seeds, precision))
    }

    /// A stage but for its time.
    fn stage_settings(&mut self, s: &ast::Stage) -> Option<Stage> {
        let mut stage = Stage { parts: s.parts.clone(), ..Stage::default() };
        for a in &s.settings {
            let name = match &a.target.kind {
                ExprKind::Name(n) if a.op == ast::AssignOp::Set => n.as_str(),
                _ => "",
            };
            match name {
                "rule" => stage.rule = Some(a.value.clone()),
                "objective" => stage.objective = Some(a.value.clone()),
                "frozen" => stage.frozen = self.frozen_parts(&a.value)?,
                "task" => {
                    let m = "a stage with a task of its own cannot run in this version";
                    let d = Diagnostic::new(Code::T0410, a.span, m, "used here");
                    self.report(
                        d.help("put both into one task, with a field that says which it is, or train two experiments"),
                    );
                    return None;
                }
                _ => {
                    let m = format!("a stage has no setting `{}`", crate::syntax::print::expr_text(&a.target));
                    let d = Diagnostic::new(Code::T0210, a.target.span, m, "");
                    self.report(d.help(
                        "a stage may have `rule`, `objective` and `frozen = ...`, and parts of rules: `with part`",
                    ));
                    return None;
                }
            }
        }
        Some(stage)
    }

    /// `frozen = encoder`, `frozen = { encoder, w1 }`: each names projections with weights.
    fn frozen_parts(&mut self, e: &ast::Expr) -> Option<Vec<ast::Ident>> {
        let names: Vec<&ast::Expr> = match &e.kind {
            ExprKind::Braces { entries, .. } if entries.iter().all(|x| x.label.is_none()) => {
                entries.iter().map(|x| &x.value).collect()
            }
            ExprKind::List(items) => items.iter().collect(),
            _ => vec![e],
        };
        let mut out = Vec::new();
        for e in names {
            let name = crate::syntax::print::expr_text(e);
            let of_part = |x: &EdgeId| !self.net.edge(*x).weights.is_empty() && self.in_part(*x, &name);
            // Of an architecture that is at fault nothing is known.
            if self.net.edges.is_empty() || self.net.edge_ids().any(|x| of_part(&x)) {
                out.push(ast::Ident { name, span: e.span });
                continue;
            }
            let m = format!("the architecture has no part `{name}` with weights to freeze");
            let d = Diagnostic::new(Code::T0201, e.span, m, "");
            let edges = self.net.edges.iter().filter(|x| !x.weights.is_empty());
            let known: Vec<String> =
                edges.flat_map(|x| [x.name.clone(), Some(self.net.pop(x.post).name.clone())]).flatten().collect();
            let otherwise = "name a population, a projection (`as w1`) or a nested architecture";
            self.report(d.meant_or(&name, known.iter().map(String::as_str), otherwise));
            return None;
        }
        Some(out)
    }

    /// Whether a stage keeps the weights of a target as they are.
    pub(crate) fn frozen_in(&self, stage: &Stage, target: Target) -> bool {
        let Target::Weight(w) = target else { return false };
        stage.frozen.iter().any(|p| self.in_part(self.net.weight(w).edge, &p.name))
    }

    /// Where the weights of a target move at all, if some stages freeze them.
    pub(crate) fn thawed(&mut self, target: Target) -> Option<NodeId> {
        let stages = self.task.stages.clone();
        let moving = stages.iter().filter(|s| !self.frozen_in(s, target)).map(|s| (s.first, s.last));
        let moving: Vec<(u64, u64)> = moving.collect();
        if moving.len() == stages.len() {
            return None;
        }
        let mut open = self.bool(false);
        for (first, last) in moving {
            let within = self.within_steps(first, last)?;
            open = self.g.binary(Binary::Or, open, within).ok()?;
        }
        Some(open)
    }

    /// Whether the update at hand lies in a stage.
    pub(crate) fn within_steps(&mut self, first: u64, last: u64) -> Option<NodeId> {
        let step = self.g.leaf(Leaf::Step, Ty::real(vec![]));
        let (first, last) = (self.g.number(first as f64), self.g.number(last as f64));
        let begun = self.g.binary(Binary::LessEqual, first, step).ok()?;
        let going = self.g.binary(Binary::Less, step, last).ok()?;
        self.g.binary(Binary::And, begun, going).ok()
    }

    /// Writes out a statement of a part of a rule.
    pub(crate) fn in_part_of_rule<R>(&mut self, part: Option<&ast::Ident>, write: impl FnOnce(&mut Self) -> R) -> R {
        let part = part.map(|p| p.name.as_str().into());
        let outer = self.frames.last_mut().map(|f| std::mem::replace(&mut f.part, part));
        let made = write(self);
        if let (Some(f), Some(outer)) = (self.frames.last_mut(), outer) {
            f.part = outer;
        }
        made
    }

    /// When the statement at hand acts.
    pub(crate) fn when(&self) -> When {
        When { stage: self.task.stage, part: self.frames.last().and_then(|f| f.part.clone()) }
    }

    /// What gates an update of a target, besides when its statement happens.
    pub(crate) fn also_thawed(&mut self, gate: Option<NodeId>, target: Target) -> Option<NodeId> {
        match (gate, self.thawed(target)) {
            (Some(a), Some(b)) => self.g.binary(Binary::And, a, b).ok(),
            (a, b) => a.or(b),
        }
    }

    /// The weight that a state of an optimizer belongs to.
    pub(crate) fn moved_with(&self, slot: u32, found: &[Found]) -> Option<Target> {
        let name = &self.net.slots[slot as usize].name;
        found.iter().map(|f| f.0).find(|t| name.contains(&format!("({})", self.target_value(*t).1)))
    }

    /// Every part that a stage names belongs to a rule.
    pub(crate) fn parts_exist(&mut self, rules: &[(Rc<Made>, usize, Span)]) {
        let known = rules.iter().flat_map(|(m, ..)| match &m.item.kind {
            ItemKind::Rule(r) => r.parts.iter().map(|p| p.name.clone()).collect(),
            _ => vec![],
        });
        let known: Vec<String> = known.collect();
        for part in self.task.stages.clone().into_iter().flat_map(|s| s.parts) {
            if known.contains(&part.name) {
                continue;
            }
            let m = format!("no rule of this condition has a part `{}`", part.name);
            let d = Diagnostic::new(Code::T0201, part.span, m, "");
            self.report(match known.is_empty() {
                true => d.help("a rule groups statements: `part mirror { ... }`"),
                false => d.meant(&part.name, known.iter().map(String::as_str)),
            });
        }
    }
}
