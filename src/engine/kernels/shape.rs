//! Elements move. What strides can express never comes here.

use super::{Context, Operand, Prepared, copy, refused};
use tch::{TchError, Tensor};

pub fn iota(context: &Context, n: usize, out: &Operand) -> Prepared {
    let numbers = Tensor::f_arange(n as i64, (context.kind, context.device))?;
    let mut out = out.tensor.shallow_clone();
    Ok(Box::new(move || out.f_copy_(&numbers)))
}

/// A reshape that strides cannot express, as of a transposed value: its elements are copied in the argument's order.
pub fn reshape(context: &Context, a: &Operand, out: &Operand) -> Prepared {
    let _ = context;
    let ordered = out.view.reshape(a.size()).ok_or_else(|| refused("a reshape changes the number of elements"))?;
    copy(a, &out.with(ordered)?)
}

pub fn embed(axis: usize, start: usize, a: &Operand, out: &Operand) -> Prepared {
    let mut part = out.with(out.view.slice(axis, start, a.size()[axis]))?.tensor;
    let (a, mut out) = (a.tensor.shallow_clone(), out.tensor.shallow_clone());
    Ok(Box::new(move || {
        let _ = out.f_zero_()?;
        part.f_copy_(&a)
    }))
}

/// Elements of windows are added where they came from, one place of all windows after another: the sum has one order.
pub fn fold(axis: usize, stride: usize, dilation: usize, a: &Operand, out: &Operand) -> Prepared {
    let last = a.size().len() - 1;
    let (count, size) = (a.size()[axis], a.size()[last]);
    let mut parts = Vec::new();
    for k in 0..size {
        let mut to = out.view.slice(axis, k * dilation, count);
        to.stride[axis] *= stride;
        let mut from = a.view.slice(last, k, 1);
        from.size.pop();
        from.stride.pop();
        parts.push((out.with(to)?.tensor, a.with(from)?.tensor));
    }
    let mut out = out.tensor.shallow_clone();
    Ok(Box::new(move || {
        let _ = out.f_zero_()?;
        parts.iter_mut().try_for_each(|(to, from)| to.f_add_(from).map(drop))
    }))
}

pub fn concat(axis: usize, args: &[Operand], out: &Operand) -> Prepared {
    let mut start = 0;
    let mut parts = Vec::new();
    for a in args {
        let length = a.size()[axis];
        parts.push((out.with(out.view.slice(axis, start, length))?.tensor, a.tensor.shallow_clone()));
        start += length;
    }
    Ok(Box::new(move || parts.iter_mut().try_for_each(|(part, a)| -> Result<(), TchError> { part.f_copy_(a) })))
}
