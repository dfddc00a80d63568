//! Functions of a whole row, which is the last axis.

use super::{Context, Operand, Prepared};
use crate::view::View;
use tch::Kind;

pub fn softmax(a: &Operand, out: &Operand) -> Prepared {
    let (a, out) = (a.tensor.shallow_clone(), out.tensor.shallow_clone());
    Ok(Box::new(move || a.f_internal_softmax_out(&out, -1, false).map(drop)))
}

pub fn log_softmax(a: &Operand, out: &Operand) -> Prepared {
    let (a, out) = (a.tensor.shallow_clone(), out.tensor.shallow_clone());
    Ok(Box::new(move || a.f_internal_log_softmax_out(&out, -1, false).map(drop)))
}

pub fn log_sum_exp(a: &Operand, out: &Operand) -> Prepared {
    let (a, out) = (a.tensor.shallow_clone(), out.tensor.shallow_clone());
    Ok(Box::new(move || a.f_logsumexp_out(&out, [-1i64], false).map(drop)))
}

/// The first of the largest.
pub fn arg_max(context: &Context, a: &Operand, out: &Operand) -> Prepared {
    let place = context.scratch_of(out.size(), Kind::Int64)?.tensor;
    let (a, mut out) = (a.tensor.shallow_clone(), out.tensor.shallow_clone());
    Ok(Box::new(move || {
        let _ = a.f_argmax_out(&place, -1, false)?;
        out.f_copy_(&place)
    }))
}

/// Sorts from the largest down, then writes each position where its element came from; equal ones keep their order.
pub fn rank(context: &Context, a: &Operand, out: &Operand) -> Prepared {
    let sorted = context.scratch(a.size())?.tensor;
    let from = context.scratch_of(a.size(), Kind::Int64)?.tensor;
    let length = a.size().last().copied().unwrap_or(1);
    let place = tch::Tensor::f_arange_start(1, length as i64 + 1, (context.kind, context.device))?
        .f_expand(crate::view::signed(a.size()), false)?
        .f_contiguous()?;
    let (a, out) = (a.tensor.shallow_clone(), out.tensor.shallow_clone());
    Ok(Box::new(move || {
        let _ = a.f_sort_values_stable(&sorted, &from, true, -1, true)?;
        out.f_scatter_src_out(&out, -1, &from, &place).map(drop)
    }))
}

pub fn one_hot(context: &Context, classes: usize, a: &Operand, out: &Operand) -> Prepared {
    let column = a.with(View {
        offset: a.view.offset,
        size: a.view.size.iter().copied().chain([1]).collect(),
        stride: a.view.stride.iter().copied().chain([1]).collect(),
    })?;
    let labels = tch::Tensor::f_arange(classes as i64, (context.kind, context.device))?;
    let (column, out, kind) = (column.tensor, out.tensor.shallow_clone(), context.kind);
    Ok(Box::new(move || {
        let _ = column.f_eq_tensor_out(&out, &labels)?;
        // A label is one of them; of what is none nothing is said in silence: 0 / 0.
        let found = out.f_sum_dim_intlist([-1i64].as_slice(), true, kind)?;
        let mut out = out.shallow_clone();
        out.f_divide_(&found).map(drop)
    }))
}
