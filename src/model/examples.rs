//! `examples(x)`: an axis of as many examples as are computed together, which no text knows. What would need to know is refused
//! where it is written.

use super::build::BATCH_AXIS;
use super::elaborate::Elab;
use super::graph::{Graph, NodeId, NodeKind};
use crate::diag::{Code, Diagnostic};
use crate::ir::axis::Axis;
use crate::source::Span;

impl Elab<'_> {
    /// Looks at all that these roots compute; each stands for what is written at its place.
    pub(crate) fn examples_fit(&mut self, roots: &[(NodeId, Span)]) {
        let any = |g: &Graph, kind: &NodeKind| g.nodes.iter().any(|n| n.kind == *kind);
        if !any(&self.g, &NodeKind::AllExamples) {
            return;
        }
        for (root, written) in roots {
            let under = self.g.reachable(&[*root]);
            let Some((n, why)) = under.into_iter().find_map(|n| Some((n, self.unfit(n)?))) else { continue };
            let at = self.g.node(n).span;
            let at = if at == Span::default() || self.program.in_library(at) { *written } else { at };
            if self.diags.iter().any(|d| d.labels.iter().any(|l| l.span == at)) {
                continue;
            }
            let m = format!("{why}, and only the run knows how many examples are computed together");
            let d = Diagnostic::new(Code::T0306, at, m, "of `examples(...)`");
            self.report(d.help(
                "keep the examples on an axis of their own, and take sums, means or products over it: `sum(x, over = 1)`",
            ));
        }
    }

    /// Why a plan cannot hold a value.
    fn unfit(&self, n: NodeId) -> Option<String> {
        let node = self.g.node(n);
        let batch = Axis::symbol(BATCH_AXIS);
        let open = |a: &Axis| a.known().is_none() && *a != batch;
        if let Some(a) = node.ty.shape.iter().find(|a| open(a)) {
            return Some(format!("this has an axis of {a}"));
        }
        let along = |axis: usize| node.args.iter().any(|a| self.g.shape(*a).get(axis) == Some(&batch));
        match &node.kind {
            NodeKind::Size(a) if a.known().is_none() => {
                let number = node.ty.shape.is_empty() && a.powers(BATCH_AXIS).is_some();
                (!number).then(|| format!("this counts to {a}"))
            }
            NodeKind::OneHot(k) if k.known().is_none() => Some(format!("this has {k} classes")),
            NodeKind::Slice { axis, .. } | NodeKind::Embed { axis, .. } if along(*axis) => {
                Some("this takes some of the examples by their number".into())
            }
            NodeKind::Concat(axis) if along(*axis) => Some("this puts something beside the examples".into()),
            NodeKind::Unfold(w) | NodeKind::Fold(w) if along(w.axis) => {
                Some("this looks at examples in windows".into())
            }
            _ => None,
        }
    }
}
