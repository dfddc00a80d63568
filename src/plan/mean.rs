//! Means over the batch, pushed into sums and products, so that the mean of outer products is one matrix product.

use super::lower::{BATCH, Lower};
use super::*;
use crate::model::graph::{NodeId, NodeKind};
use crate::ops::{Binary, Contraction, Reduction, Unary};

impl Lower<'_> {
    /// The mean over the batch.
    pub fn mean(&mut self, id: NodeId) -> Result<ValueId, String> {
        self.mean_times(id, None)
    }

    /// The mean over the batch of a value times a number of each example, which goes into the smallest of its factors:
    /// no weight-shaped tensor is made for each example.
    fn mean_times(&mut self, id: NodeId, by: Option<ValueId>) -> Result<ValueId, String> {
        let node = self.model.g.node(id).clone();
        let shape = self.shape(&node, false)?;
        let span = node.span;
        if !self.is_batched(id) {
            let x = self.value(id)?.0;
            let Some(by) = by else { return Ok(x) };
            let op = Op::Reduce { how: Reduction::Mean, axes: vec![0] };
            let by = self.emit(PlanOp::Op(op), vec![by], vec![], span);
            return Ok(self.emit(PlanOp::Op(Op::Binary(Binary::Multiply)), vec![by, x], shape, span));
        }
        let a = node.args.clone();
        let emit = |me: &mut Self, op: Op, args: Vec<ValueId>| Ok(me.emit(PlanOp::Op(op), args, shape.clone(), span));
        // What is there for each example anyway is averaged as it is.
        if self.memo.contains_key(&id) && !matches!(node.kind, NodeKind::Mark(_)) {
            return self.plain_mean(id, by, shape, span);
        }
        match &node.kind {
            NodeKind::Mark(_) => self.mean_times(a[0], by),
            NodeKind::Unary(Unary::Negate) => {
                let x = self.mean_times(a[0], by)?;
                emit(self, Op::Unary(Unary::Negate), vec![x])
            }
            NodeKind::Binary(op @ (Binary::Add | Binary::Subtract)) => {
                let (x, y) = (self.mean_times(a[0], by)?, self.mean_times(a[1], by)?);
                emit(self, Op::Binary(*op), vec![x, y])
            }
            NodeKind::Binary(Binary::Multiply) => self.mean_product(id, &a, by, shape, span),
            NodeKind::Binary(Binary::Divide) if !self.is_batched(a[1]) => {
                let (x, y) = (self.mean_times(a[0], by)?, self.value(a[1])?.0);
                emit(self, Op::Binary(Binary::Divide), vec![x, y])
            }
            NodeKind::Contract(c) => match (self.is_batched(a[0]), self.is_batched(a[1])) {
                (true, true) => {
                    let (x, y) = (self.value(a[0])?, self.value(a[1])?);
                    let x = (self.times(x.0, by, span), true);
                    Ok(self.mean_contract(c, x, y, shape, span))
                }
                (first, _) => {
                    let x = if first { self.mean_times(a[0], by)? } else { self.value(a[0])?.0 };
                    let y = if first { self.value(a[1])?.0 } else { self.mean_times(a[1], by)? };
                    emit(self, Op::Contract(c.clone()), vec![x, y])
                }
            },
            NodeKind::Concat(axis) => {
                let parts = a.iter().map(|x| self.mean_times(*x, by)).collect::<Result<Vec<_>, _>>()?;
                emit(self, Op::Concat { axis: *axis }, parts)
            }
            NodeKind::Reduce(Reduction::Sum | Reduction::Mean, _)
            | NodeKind::Reshape
            | NodeKind::Permute(_)
            | NodeKind::Expand(_)
            | NodeKind::Slice { .. }
            | NodeKind::Embed { .. } => {
                let x = self.mean_times(a[0], by)?;
                let op = self.one_argument(&node.kind, false)?;
                emit(self, op, vec![x])
            }
            NodeKind::Unfold(_) | NodeKind::Fold(_) => {
                let x = self.mean_times(a[0], by)?;
                Ok(self.windows(&node, (x, false))?.0)
            }
            _ => self.plain_mean(id, by, shape, span),
        }
    }

    /// A product of which one side is the same for all examples, or one number of each.
    fn mean_product(
        &mut self,
        id: NodeId,
        a: &[NodeId],
        by: Option<ValueId>,
        shape: Shape,
        span: Span,
    ) -> Result<ValueId, String> {
        for (x, y) in [(a[0], a[1]), (a[1], a[0])] {
            if !self.is_batched(x) {
                let (x, y) = (self.value(x)?.0, self.mean_times(y, by)?);
                return Ok(self.emit(PlanOp::Op(Op::Binary(Binary::Multiply)), vec![x, y], shape, span));
            }
        }
        for (s, x) in [(a[0], a[1]), (a[1], a[0])] {
            if self.model.g.shape(s).is_empty() && !self.model.g.shape(x).is_empty() {
                let s = self.value(s)?.0;
                let by = self.times(s, by, span);
                return self.mean_times(x, Some(by));
            }
        }
        self.plain_mean(id, by, shape, span)
    }

    /// A value of each example times a number of it.
    fn times(&mut self, x: ValueId, by: Option<ValueId>, span: Span) -> ValueId {
        let Some(by) = by else { return x };
        let shape = self.program.value(x).shape.clone();
        let by = self.aligned(by, shape.len() - 1, span);
        self.emit(PlanOp::Op(Op::Binary(Binary::Multiply)), vec![by, x], shape, span)
    }

    fn plain_mean(&mut self, id: NodeId, by: Option<ValueId>, shape: Shape, span: Span) -> Result<ValueId, String> {
        let x = self.value(id)?.0;
        let x = self.times(x, by, span);
        let op = Op::Reduce { how: Reduction::Mean, axes: vec![0] };
        Ok(self.emit(PlanOp::Op(op), vec![x], shape, span))
    }

    fn mean_contract(
        &mut self,
        c: &Contraction,
        x: (ValueId, bool),
        y: (ValueId, bool),
        shape: Shape,
        span: Span,
    ) -> ValueId {
        let lead = |letters: &[u8]| std::iter::once(BATCH).chain(letters.iter().copied()).collect::<Vec<_>>();
        let contraction = Contraction { a: lead(&c.a), b: lead(&c.b), out: c.out.clone() };
        let op = PlanOp::ScaledContract { contraction, scale: 1f64.to_bits(), over_batch: true };
        self.emit(op, vec![x.0, y.0], shape, span)
    }
}
