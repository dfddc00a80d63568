//! A batch of one example, where something is compared with the other examples of the batch: there are none.

use super::elaborate::Elab;
use super::graph::{Leaf, NodeId, NodeKind};
use crate::diag::{Code, Diagnostic};
use crate::ir::Experiment;
use crate::ir::axis::Axis;
use crate::ops::Binary;
use crate::source::Span;
use std::collections::HashMap;

impl Elab<'_> {
    /// What is told of an experiment whose batches hold one example, or whose last batch of an epoch does.
    pub(crate) fn alone_in_a_batch(&mut self, x: &Experiment, epochs: bool, batch: usize) {
        let examples = self.task.splits.get(super::task::trained(&self.task.splits)).map_or(0, |s| s.1);
        let last = epochs && batch > 1 && examples % batch as u64 == 1;
        if batch != 1 && !last {
            return;
        }
        let Some((what, of, at)) = self.compared_with_its_batch(x) else { return };
        let m = match last {
            true => {
                format!("the last batch of an epoch holds one example, and {what} compares it with those of its batch")
            }
            false => format!("a batch holds one example, and {what} compares it with those of its batch"),
        };
        let d = Diagnostic::new(Code::T0420, at, m, of);
        let d = match x.settings.get("batch") {
            Some((e, _)) => d.also(e.span, format!("batches of {batch}")),
            None => d,
        };
        self.report(d.help(match last {
            true => format!(
                "{examples} examples are {} batches of {batch} and one of 1: take another `batch`",
                examples / batch as u64
            ),
            false => "let batches be larger: `batch = 32`".to_string(),
        }));
    }

    /// The first of what trains that hangs on other examples of a batch and comes to nothing without them: its name, what
    /// comes to nothing, and its place.
    fn compared_with_its_batch(&mut self, x: &Experiment) -> Option<(String, &'static str, Span)> {
        let mut roots: Vec<(NodeId, String, Span)> = Vec::new();
        for p in self.net.populations.iter().filter(|p| !p.input) {
            roots.extend(p.drive.into_iter().chain([p.rate]).map(|n| (n, format!("`{}`", p.name), p.span)));
        }
        if let (Some(loss), Some((e, _))) = (self.terms.loss, x.settings.get("objective")) {
            roots.push((loss, "the objective".into(), e.span));
        }
        roots.extend(self.task.updates.iter().map(|u| (u.along, format!("the update of `{}`", u.rule), u.span)));
        let all: Vec<NodeId> = roots.iter().map(|r| r.0).collect();
        let order = self.g.reachable(&all);
        if !order.iter().any(|n| matches!(self.g.node(*n).kind, NodeKind::BatchMean | NodeKind::AllExamples)) {
            return None;
        }
        let found = self.nothing_alone(&order);
        roots.into_iter().find_map(|(root, name, at)| {
            let under = self.g.reachable(&[root]);
            under.iter().find_map(|n| found.get(n)).map(|of| (name, *of, at))
        })
    }

    /// Of these expressions, in their order, those that come to nothing where a mean over the batch is the value itself.
    fn nothing_alone(&mut self, order: &[NodeId]) -> HashMap<NodeId, &'static str> {
        let mut found = HashMap::new();
        // What each is in a batch of one, and that as a multiple of something.
        let mut alone: HashMap<NodeId, (NodeId, Multiple)> = HashMap::new();
        for id in order {
            let node = self.g.node(*id).clone();
            let args: Vec<(NodeId, Multiple)> =
                node.args.iter().map(|a| alone.get(a).copied().unwrap_or((*a, (*a, 1.0)))).collect();
            let same = match &node.kind {
                NodeKind::BatchMean | NodeKind::Mark(_) => args[0],
                // What is kept of past batches is not read while training.
                NodeKind::Select if self.g.node(args[0].0).kind == NodeKind::Leaf(Leaf::Training) => args[1],
                kind => {
                    if *kind == NodeKind::AllExamples {
                        found.insert(*id, "there are no others");
                    }
                    let differ = *kind == NodeKind::Binary(Binary::Subtract) && node.args[0] != node.args[1];
                    if differ && equal(args[0].1, args[1].1) {
                        found.insert(*id, "the difference from their mean is 0");
                    }
                    let new: Vec<NodeId> = args.iter().map(|a| a.0).collect();
                    let same = if new == node.args { *id } else { self.g.rebuild(&node, new).unwrap_or(*id) };
                    let scale = |i: usize| self.number_of(args[i].0);
                    let multiple = match kind {
                        NodeKind::Binary(Binary::Multiply) => match (scale(0), scale(1)) {
                            (_, Some(by)) => (args[0].1.0, args[0].1.1 * by),
                            (Some(by), _) => (args[1].1.0, args[1].1.1 * by),
                            _ => (same, 1.0),
                        },
                        NodeKind::Binary(Binary::Divide) => match scale(1) {
                            Some(by) => (args[0].1.0, args[0].1.1 / by),
                            None => (same, 1.0),
                        },
                        _ => (same, 1.0),
                    };
                    (same, multiple)
                }
            };
            alone.insert(*id, same);
        }
        found
    }

    fn number_of(&self, n: NodeId) -> Option<f64> {
        self.g.const_value(n).or_else(|| match self.g.as_axis(n) {
            Some(Axis::Known(k)) => Some(k as f64),
            _ => None,
        })
    }
}

/// An expression, and how many times it is taken.
type Multiple = (NodeId, f64);

fn equal(a: Multiple, b: Multiple) -> bool {
    a.0 == b.0 && (a.1 - b.1).abs() <= 1e-12 * a.1.abs()
}
