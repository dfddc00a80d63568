//! What is legal and hardly meant: told as warnings.

use super::elaborate::Elab;
use super::experiment::Measure;
use super::graph::{Leaf, NodeId, NodeKind};
use super::network::PopId;
use super::value::Scope;
use crate::diag::{Code, Diagnostic};
use crate::ir::{Experiment, Item, ItemKind, Rule};
use crate::ops::Unary;
use crate::source::Span;
use crate::syntax::ast::ExprKind;

impl Elab<'_> {
    /// What is said of an experiment that is whole.
    pub(crate) fn remarks(&mut self, scope: &Scope, x: &Experiment, measures: &[Measure]) {
        self.note_splits(scope, measures);
        self.squashed_twice(x.settings.get("objective").map(|(e, _)| e.span));
        self.named_after_another_split(measures);
        self.unread_lets(scope, x);
    }

    /// An objective that makes probabilities of its outputs is given the logarithms of them, and not probabilities: a
    /// softmax (or sigmoid) of a softmax is nearly flat.
    pub(crate) fn squashed_twice(&mut self, objective: Option<Span>) {
        let (Some(loss), Some(at)) = (self.terms.loss, objective) else { return };
        let mut found: Vec<(PopId, &str)> = Vec::new();
        for n in self.g.reachable(&[loss]) {
            let node = self.g.node(n);
            let (again, word): (fn(&NodeKind) -> bool, _) = match node.kind {
                NodeKind::LogSoftmax | NodeKind::LogSumExp | NodeKind::Softmax => {
                    (|k| matches!(k, NodeKind::Softmax), "softmax")
                }
                NodeKind::Unary(Unary::Softplus) => (|k| matches!(k, NodeKind::Unary(Unary::Sigmoid)), "sigmoid"),
                _ => continue,
            };
            if let Some(p) = self.rate_under(node.args[0])
                && again(&self.g.node(self.function_of(p)).kind)
                && !found.iter().any(|f| f.0 == p)
            {
                found.push((p, word));
            }
        }
        for (p, word) in found {
            let pop = self.net.pop(p).clone();
            let m = format!("`{}` is a {word} already, and the objective takes the {word} of it again", pop.name);
            let d = Diagnostic::new(Code::T0417, pop.span, m, format!("a {word}")).also(at, "takes another one");
            self.report(
                d.help(format!("leave the {word} out of `{}`: the objective is given what it is made of", pop.name)),
            );
        }
    }

    /// The population whose rate a value is, behind marks and changes of shape.
    fn rate_under(&self, n: NodeId) -> Option<PopId> {
        match &self.g.node(n).kind {
            NodeKind::Leaf(Leaf::Rate(p)) => Some(*p),
            NodeKind::Mark(_) | NodeKind::Reshape => self.rate_under(self.g.node(n).args[0]),
            _ => None,
        }
    }

    /// What a population makes of what reaches it; of one without projections, all of its equation.
    fn function_of(&self, p: PopId) -> NodeId {
        let pop = self.net.pop(p);
        match (self.unmarked(pop.rate), pop.drive) {
            (rate, Some(drive)) if rate == pop.drive_leaf => self.unmarked(drive),
            (rate, _) => rate,
        }
    }

    fn unmarked(&self, n: NodeId) -> NodeId {
        match &self.g.node(n).kind {
            NodeKind::Mark(_) => self.unmarked(self.g.node(n).args[0]),
            _ => n,
        }
    }

    /// `measure test_accuracy = ... on train`
    pub(crate) fn named_after_another_split(&mut self, measures: &[Measure]) {
        let splits: Vec<String> = self.task.splits.iter().map(|s| s.0.clone()).collect();
        for m in measures {
            let Some(own) = splits.get(m.split) else { continue };
            let words: Vec<&str> = m.name.split('_').collect();
            let other = splits.iter().find(|s| *s != own && words.contains(&s.as_str()));
            let Some(other) = other.filter(|_| !words.contains(&own.as_str())) else { continue };
            let text = format!("`{}` is measured on `{own}`, and is named after `{other}`", m.name);
            let d = Diagnostic::new(Code::T0418, m.span, text, "");
            self.report(d.help(format!("measure it `on {other}`, or name it after what it is measured on")));
        }
    }

    /// What is kept from update to update and is never moved is a number.
    pub(crate) fn unwritten_states(&mut self, item: &Item) {
        let states: Vec<(&str, Span)> = match &item.kind {
            ItemKind::Rule(r) => unwritten(r),
            ItemKind::Optimizer(o) => {
                let moved = |name: &str| {
                    o.steps.iter().any(|s| matches!(s, crate::ir::OptimizerStep::Assign(n, _) if n.name == name))
                };
                let heads = o.states.iter().map(|s| (s.head.name.name.as_str(), s.head.name.span));
                heads.filter(|(n, _)| !moved(n)).collect()
            }
            _ => return,
        };
        let rule = matches!(item.kind, ItemKind::Rule(_));
        for (name, at) in states {
            let m = format!("the state `{name}` of `{}` is never written: it stays as it begins", item.name);
            let d = Diagnostic::new(Code::T0419, at, m, "");
            self.report(match rule {
                true => d.help(format!(
                    "move it: `update {name} along ...`; what stays as it is goes into a `let` or a setting"
                )),
                false => d.help(format!("move it: `{name} = ...`; what stays as it is goes into a `let` or a setting")),
            });
        }
    }
}

fn unwritten(r: &Rule) -> Vec<(&str, Span)> {
    let written = |name: &str| {
        r.updates.iter().any(|(u, _)| match &u.target.kind {
            ExprKind::Name(n) => n == name,
            ExprKind::Call(f, _) => matches!(&f.kind, ExprKind::Name(n) if n == name),
            _ => false,
        })
    };
    let heads = r.states.iter().map(|s| (s.head.name.name.as_str(), s.head.name.span));
    heads.filter(|(n, _)| !written(n)).collect()
}
