//! Windows of an axis, with zeros outside of it: padded to what they reach, then looked at.

use super::*;
use crate::model::graph::Window;

/// Along the axis: what windows reach, and the part of it that the tensor fills.
struct Reach {
    /// From the first element of the first window to the last of the last.
    length: usize,
    /// Where the tensor's first element lies.
    start: usize,
    /// How many of its elements are reached.
    filled: usize,
}

impl Lower<'_> {
    /// `Unfold` and `Fold` of a value whose axes are shifted by the batch.
    pub fn windows(&mut self, node: &Node, of: (ValueId, bool)) -> Lowered {
        let ((x, batched), span) = (of, node.span);
        let inner = self.model.g.node(node.args[0]).clone();
        let out = self.shape(node, batched)?;
        match &node.kind {
            NodeKind::Unfold(w) => {
                let axis = w.axis + usize::from(batched);
                let reach = self.reach(w, &node.ty.shape, &inner.ty.shape[w.axis])?;
                let padded = self.padded(x, axis, &reach, span);
                let (size, [stride, dilation, _]) = (last(&node.ty.shape)?, numbers(w)?);
                let op = Op::Unfold { axis, size, stride, dilation };
                Ok((self.emit(PlanOp::Op(op), vec![padded], out, span), batched))
            }
            NodeKind::Fold(w) => {
                let axis = w.axis + usize::from(batched);
                let reach = self.reach(w, &inner.ty.shape, &node.ty.shape[w.axis])?;
                let [stride, dilation, _] = numbers(w)?;
                let mut shape = out.clone();
                shape[axis] = Dim::Fixed(reach.length);
                let op = Op::Fold { axis, length: reach.length, stride, dilation };
                let whole = self.emit(PlanOp::Op(op), vec![x], shape, span);
                Ok((self.cropped(whole, axis, &reach, out, span), batched))
            }
            other => Err(format!("{other:?} has no windows")),
        }
    }

    fn reach(&self, w: &Window, windows: &[Axis], axis: &Axis) -> Result<Reach, String> {
        let shape = known(&[windows[w.axis].clone(), axis.clone()])?;
        let (count, length, size) = (shape[0], shape[1], last(windows)?);
        let [stride, dilation, start] = numbers(w)?;
        if count == 0 || size == 0 {
            return Err("windows of nothing".into());
        }
        let all = (count - 1) * stride + (size - 1) * dilation + 1;
        match all.checked_sub(start) {
            Some(rest) if rest > 0 => Ok(Reach { length: all, start, filled: rest.min(length) }),
            _ => Err("windows that hold padding alone".into()),
        }
    }

    /// Zeros on either side; what no window reaches is left out.
    fn padded(&mut self, x: ValueId, axis: usize, reach: &Reach, span: Span) -> ValueId {
        let mut x = x;
        let mut shape = self.program.value(x).shape.clone();
        if shape[axis] != Dim::Fixed(reach.filled) {
            shape[axis] = Dim::Fixed(reach.filled);
            let op = Op::Slice { axis, start: 0, length: reach.filled };
            x = self.emit(PlanOp::Op(op), vec![x], shape.clone(), span);
        }
        if reach.length != reach.filled {
            shape[axis] = Dim::Fixed(reach.length);
            let op = Op::Embed { axis, start: reach.start, length: reach.length };
            x = self.emit(PlanOp::Op(op), vec![x], shape, span);
        }
        x
    }

    /// The adjoint of `padded`.
    fn cropped(&mut self, x: ValueId, axis: usize, reach: &Reach, out: Shape, span: Span) -> ValueId {
        let mut x = x;
        let mut shape = self.program.value(x).shape.clone();
        if reach.length != reach.filled {
            shape[axis] = Dim::Fixed(reach.filled);
            let op = Op::Slice { axis, start: reach.start, length: reach.filled };
            x = self.emit(PlanOp::Op(op), vec![x], shape.clone(), span);
        }
        if let Dim::Fixed(length) = out[axis]
            && length != reach.filled
        {
            x = self.emit(PlanOp::Op(Op::Embed { axis, start: 0, length }), vec![x], out, span);
        }
        x
    }
}

fn numbers(w: &Window) -> Result<[usize; 3], String> {
    let all = known(&[w.stride.clone(), w.dilation.clone(), w.padding.clone()])?;
    <[usize; 3]>::try_from(all).map_err(|_| "a window of unknown form".into())
}

fn last(shape: &[Axis]) -> Result<usize, String> {
    known(shape)?.last().copied().ok_or_else(|| "windows without an axis".into())
}
