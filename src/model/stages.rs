//! `train = { babble: 2 epochs with mirror, learn: 20 epochs with engaged }`: parts of rules by turns.

use super::elaborate::Elab;
use super::value::{Made, Scope};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::ir::{Experiment, ItemKind};
use crate::plan::{Length, Precision};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};
use std::rc::Rc;

/// A stage of training.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its first update, and the one after its last.
    pub first: u64,
    pub last: u64,
    /// Parts of rules that are on; all, if none is named.
    pub parts: Vec<ast::Ident>,
    /// A rule of its own.
    pub rule: Option<ast::Expr>,
}

type Rules = Vec<(Rc<Made>, usize, Span)>;

impl Elab<'_> {
    /// The rules of all stages, each written out for its own time.
    pub(crate) fn staged_rules(&mut self, x: &Experiment, scope: &Scope) -> Option<Rules> {
        let default = x.settings.get("rule").map(|(e, _)| e.clone());
        let mut all = Rules::new();
        for (i, stage) in self.task.stages.clone().into_iter().enumerate() {
            let e = stage.rule.or(default.clone())?;
            let v = self.eval(scope, &e, None);
            self.task.stage = Some(i);
            let found = self.rules_at(&v, e.span, scope, all.len());
            self.task.stage = None;
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
        let examples = self.task.splits.iter().find(|s| s.0 == "train").or(self.task.splits.first()).map_or(0, |s| s.1);
        let epoch = examples.div_ceil(batch.max(1) as u64);
        let (mut at, mut epochs) = (0, Some(0));
        for s in stages {
            let of_rule = |a: &&ast::Assign| matches!(&a.target.kind, ExprKind::Name(n) if n == "rule");
            if let Some(a) = s.settings.iter().find(|a| !of_rule(a)) {
                self.later("a stage with a setting other than its rule", a.span);
                return None;
            }
            let rule = s.settings.iter().find(of_rule).map(|a| a.value.clone());
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
            self.task.stages.push(Stage { first: at, last: at + steps, parts: s.parts.clone(), rule });
            at += steps;
        }
        let length = epochs.map_or(Length::Steps(at as usize), Length::Epochs);
        Some((length, batch, seeds, precision))
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
            self.report(match did_you_mean(&part.name, known.iter().map(String::as_str)) {
                Some(near) => d.help(format!("did you mean `{near}`?")),
                None if known.is_empty() => d.help("a rule groups statements: `part mirror { ... }`"),
                None => d.help(format!("there are {}", known.join(", "))),
            });
        }
    }
}
