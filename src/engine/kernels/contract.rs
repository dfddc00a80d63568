//! Sums of products, as matrix products where there is something to sum.
//!
//! The letters of a contraction fall into four groups: in both arguments and the result (batch), in one argument and
//! the result (rows, columns), in both arguments only (summed). If each group's axes run into one another, the
//! arguments are matrices without moving anything, transposed ones included; an argument for which they do not is
//! first copied into the order that is needed. A scale is multiplied into whichever of the three is smallest.

use super::native::{self, Product};
use super::{Call, Context, Operand, Prepared, refused};
use crate::view::View;
use tch::{Kind, TchError, Tensor};
use trine::ops::Contraction;

/// Arguments a and b, and c if the result is `c + scale * sum(a * b)`.
pub fn contract(context: &Context, contraction: &Contraction, args: &[Operand], out: &Operand, scale: f64) -> Prepared {
    let (a, b) = (super::arg(args, 0)?, super::arg(args, 1)?);
    let mut calls = Vec::new();
    let a = single(context, &mut calls, a, &contraction.a, &[&contraction.b, &contraction.out])?;
    let b = single(context, &mut calls, b, &contraction.b, &[&contraction.a, &contraction.out])?;
    let out = Labelled { operand: out.again(), labels: contraction.out.clone() };
    let add = args.get(2).map(|c| Labelled { operand: c.again(), labels: contraction.out.clone() });
    if a.labels.iter().chain(&b.labels).any(|l| !(out.has(*l) || a.has(*l) && b.has(*l)))
        || out.labels.iter().any(|l| !a.has(*l) && !b.has(*l))
    {
        return Err(refused("a contraction's letters do not fit its arguments"));
    }
    if a.labels.iter().all(|label| out.has(*label)) && b.labels.iter().all(|label| out.has(*label)) {
        product(context, &mut calls, a, b, &out, add, scale)?;
    } else {
        matrices(context, &mut calls, a, b, &out, add, scale)?;
    }
    Ok(match calls.len() {
        1 => calls.remove(0),
        _ => Box::new(move || calls.iter_mut().try_for_each(|call| call())),
    })
}

/// An operand with a letter for each axis.
struct Labelled {
    operand: Operand,
    labels: Vec<u8>,
}

impl Labelled {
    fn has(&self, label: u8) -> bool {
        self.labels.contains(&label)
    }

    fn axis(&self, label: u8) -> usize {
        self.labels.iter().position(|own| *own == label).unwrap_or(0)
    }

    fn axes(&self, labels: &[u8]) -> Vec<usize> {
        labels.iter().map(|label| self.axis(*label)).collect()
    }

    /// Broadcast over the labels that it lacks.
    fn aligned(&self, labels: &[u8], size: &[usize]) -> Result<Tensor, TchError> {
        let view = &self.operand.view;
        let axis = |label: &u8| self.has(*label).then(|| self.axis(*label));
        let strides = labels.iter().map(|l| axis(l).map_or(0, |i| view.stride[i])).collect();
        let aligned = View { offset: view.offset, size: size.to_vec(), stride: strides };
        Ok(self.operand.with(aligned)?.tensor)
    }

    /// As a matrix, or a batch of matrices: each group of labels one axis.
    fn grouped(&self, groups: &[&[u8]]) -> Option<Operand> {
        let mut view = View { offset: self.operand.view.offset, size: Vec::new(), stride: Vec::new() };
        for labels in groups {
            let (size, stride) = self.operand.view.merged(&self.axes(labels))?;
            view.size.push(size);
            view.stride.push(stride);
        }
        self.operand.with(native::with_batch(view)).ok()
    }

    /// The same in a form that libtorch reads without copying.
    fn matrix(&self, groups: &[&[u8]]) -> Option<View> {
        let merged: Option<Vec<(usize, usize)>> =
            groups.iter().map(|labels| self.operand.view.merged(&self.axes(labels))).collect();
        let merged = merged?;
        let last = &merged[merged.len() - 2..];
        // A product reads rows or columns that lie one after another; nothing may repeat.
        let readable = last.iter().any(|(size, stride)| *stride == 1 || *size == 1);
        // Windows overlap: a product reads rows or columns that do not.
        let overlap =
            |near: (usize, usize), far: (usize, usize)| near.1 == 1 && near.0 > 1 && far.0 > 1 && far.1 < near.0;
        if overlap(last[0], last[1]) || overlap(last[1], last[0]) {
            return None;
        }
        if !readable || merged.iter().any(|(size, stride)| *stride == 0 && *size > 1) {
            return None;
        }
        let mut view = View { offset: self.operand.view.offset, size: Vec::new(), stride: Vec::new() };
        for (size, stride) in merged {
            view.size.push(size);
            view.stride.push(stride);
        }
        plain_ones(&mut view);
        Some(view)
    }
}

/// Axes of length 1 get the strides that a matrix without gaps would have, which libtorch recognizes.
fn plain_ones(view: &mut View) {
    let axes = view.size.len();
    let (rows, columns) = (axes - 2, axes - 1);
    if view.size[columns] == 1 && view.size[rows] != 1 {
        view.stride[columns] = if view.stride[rows] == 1 { view.size[rows] } else { 1 };
    } else if view.size[rows] == 1 {
        view.stride[rows] = (view.size[columns] * view.stride[columns]).max(1);
    }
    if axes == 3 && view.size[0] == 1 {
        view.stride[0] = (view.size[1] * view.size[2]).max(1);
    }
}

/// Takes diagonals of repeated letters, and sums over letters that occur nowhere else.
fn single(
    context: &Context,
    calls: &mut Vec<Call>,
    operand: &Operand,
    labels: &[u8],
    others: &[&Vec<u8>; 2],
) -> Result<Labelled, TchError> {
    if operand.size().len() != labels.len() {
        return Err(refused("a contraction has not one letter for each axis"));
    }
    let mut view = View { offset: operand.view.offset, size: Vec::new(), stride: Vec::new() };
    let mut kept: Vec<u8> = Vec::new();
    for (axis, label) in labels.iter().enumerate() {
        match kept.iter().position(|own| own == label) {
            Some(i) => view.stride[i] += operand.view.stride[axis],
            None => {
                kept.push(*label);
                view.size.push(operand.view.size[axis]);
                view.stride.push(operand.view.stride[axis]);
            }
        }
    }
    let diagonal = if kept.len() == labels.len() { operand.again() } else { operand.with(view)? };
    let alone: Vec<usize> = (0..kept.len()).filter(|&i| !others.iter().any(|other| other.contains(&kept[i]))).collect();
    if alone.is_empty() {
        return Ok(Labelled { operand: diagonal, labels: kept });
    }
    let left: Vec<usize> = (0..kept.len()).filter(|i| !alone.contains(i)).collect();
    let size: Vec<usize> = left.iter().map(|&i| diagonal.size()[i]).collect();
    let sum = context.scratch(&size)?;
    let (from, to) = (diagonal.tensor, sum.tensor.shallow_clone());
    let alone = crate::view::signed(&alone);
    calls.push(Box::new(move || from.f_sum_intlist_out(&to, alone.as_slice(), false, None::<Kind>).map(drop)));
    Ok(Labelled { operand: sum, labels: left.iter().map(|&i| kept[i]).collect() })
}

/// Nothing is summed: elements are multiplied, with broadcasting.
fn product(
    context: &Context,
    calls: &mut Vec<Call>,
    mut a: Labelled,
    mut b: Labelled,
    out: &Labelled,
    add: Option<Labelled>,
    scale: f64,
) -> Result<(), TchError> {
    if scale != 1.0 {
        let smaller = if a.operand.elements() <= b.operand.elements() { &mut a } else { &mut b };
        *smaller = scaled(context, calls, smaller, scale)?;
    }
    let (labels, size) = (&out.labels, out.operand.size());
    let (a, b, to) = (a.aligned(labels, size)?, b.aligned(labels, size)?, out.operand.tensor.shallow_clone());
    calls.push(match add {
        Some(c) => {
            let c = c.operand.tensor;
            Box::new(move || c.f_addcmul_out(&to, &a, &b).map(drop))
        }
        None => Box::new(move || a.f_mul_out(&to, &b).map(drop)),
    });
    Ok(())
}

/// Something is summed: a matrix product, or one for each element of the batch.
fn matrices(
    context: &Context,
    calls: &mut Vec<Call>,
    a: Labelled,
    b: Labelled,
    out: &Labelled,
    add: Option<Labelled>,
    scale: f64,
) -> Result<(), TchError> {
    let pick = |of: &Labelled, test: &dyn Fn(u8) -> bool| -> Vec<u8> {
        of.labels.iter().copied().filter(|label| test(*label)).collect()
    };
    let batch = pick(out, &|l| a.has(l) && b.has(l));
    let rows = pick(out, &|l| a.has(l) && !b.has(l));
    let columns = pick(out, &|l| !a.has(l) && b.has(l));
    let mut summed = pick(&a, &|l| b.has(l) && !out.has(l));
    let b_order = pick(&b, &|l| a.has(l) && !out.has(l));
    let group = |last: [&[u8]; 2]| -> Vec<Vec<u8>> {
        let lead = (!batch.is_empty()).then(|| batch.clone());
        lead.into_iter().chain(last.map(<[u8]>::to_vec)).collect()
    };
    if a.operand.view.merged(&a.axes(&b_order)).is_some() && b.operand.view.merged(&b.axes(&summed)).is_none() {
        summed = b_order;
    }

    if let Some(call) = small(context, [&a, &b, out], add.as_ref(), scale, &group, [&rows, &columns, &summed]) {
        calls.push(call);
        return Ok(());
    }

    // The scale goes where it costs least; into the result only if nothing is added to it.
    let (sizes, mut after) = ([a.operand.elements(), b.operand.elements(), out.operand.elements()], 1.0);
    let (mut scale_a, mut scale_b) = (1.0, 1.0);
    if add.is_none() && sizes[2] <= sizes[0].min(sizes[1]) {
        after = scale;
    } else if sizes[0] <= sizes[1] {
        scale_a = scale;
    } else {
        scale_b = scale;
    }
    let left = as_matrix(context, calls, &a, &group([&rows, &summed]), scale_a)?;
    let right = as_matrix(context, calls, &b, &group([&summed, &columns]), scale_b)?;

    let form = group([&rows, &columns]);
    let direct = out.matrix(&refs(&form));
    let to = match &direct {
        Some(view) => out.operand.with(view.clone())?,
        None => context.scratch(&sizes_of(out, &form))?,
    };
    let add = match add {
        // The very tensor, not another view of it: libtorch then adds in place.
        Some(c) if direct.is_some() && c.operand.is(&out.operand) => Some(to.tensor.shallow_clone()),
        Some(c) => Some(as_matrix(context, calls, &c, &form, 1.0)?),
        None => None,
    };
    let (result, batched) = (to.tensor.shallow_clone(), !batch.is_empty());
    calls.push(match (add, batched) {
        (None, false) => Box::new(move || left.f_mm_out(&result, &right).map(drop)),
        (None, true) => Box::new(move || left.f_bmm_out(&result, &right).map(drop)),
        (Some(c), false) => Box::new(move || c.f_addmm_out(&result, &left, &right).map(drop)),
        (Some(c), true) => Box::new(move || c.f_baddbmm_out(&result, &left, &right).map(drop)),
    });
    if after != 1.0 {
        let (result, factor) = (to.tensor.shallow_clone(), context.number(after)?);
        calls.push(Box::new(move || result.f_mul_out(&result, &factor).map(drop)));
    }
    if direct.is_none() {
        calls.push(spread(&to, out, &form)?);
    }
    Ok(())
}

/// The letters of rows and columns, after those of the batch if there are any.
type Groups<'a> = dyn Fn([&[u8]; 2]) -> Vec<Vec<u8>> + 'a;

/// A product that is made without libtorch.
fn small(
    context: &Context,
    [a, b, out]: [&Labelled; 3],
    add: Option<&Labelled>,
    scale: f64,
    group: &Groups<'_>,
    [rows, columns, summed]: [&[u8]; 3],
) -> Option<Call> {
    let form = |of: &Labelled, last: [&[u8]; 2]| of.grouped(&refs(&group(last)));
    let (left, right) = (form(a, [rows, summed])?, form(b, [summed, columns])?);
    let result = form(out, [rows, columns])?;
    let add = match add {
        Some(c) => Some(form(c, [rows, columns])?),
        None => None,
    };
    let product = Product { a: &left, b: &right, c: add.as_ref(), out: &result, scale };
    match context.kind {
        Kind::Float => product.prepare::<f32>(context),
        Kind::Double => product.prepare::<f64>(context),
        _ => None,
    }
}

/// An argument as a matrix, copied or scaled into scratch where it has to be.
fn as_matrix(
    context: &Context,
    calls: &mut Vec<Call>,
    operand: &Labelled,
    form: &[Vec<u8>],
    scale: f64,
) -> Result<Tensor, TchError> {
    if let (Some(view), true) = (operand.matrix(&refs(form)), scale == 1.0) {
        return Ok(operand.operand.with(view)?.tensor);
    }
    // Scaling keeps the order that the argument has, if that is a matrix already.
    let order = if operand.matrix(&refs(form)).is_some() { by_stride(operand) } else { form.concat() };
    let axes = operand.axes(&order);
    let size: Vec<usize> = axes.iter().map(|&axis| operand.operand.size()[axis]).collect();
    let space = context.scratch(&size)?;
    let from = operand.operand.with(operand.operand.view.permute(&axes))?.tensor;
    let mut to = space.tensor.shallow_clone();
    if scale == 1.0 {
        calls.push(Box::new(move || to.f_copy_(&from)));
    } else {
        let factor = context.number(scale)?;
        calls.push(Box::new(move || from.f_mul_out(&to, &factor).map(drop)));
    }
    let copy = Labelled { operand: space, labels: order };
    let view = copy.matrix(&refs(form)).ok_or_else(|| refused("a contraction cannot be ordered"))?;
    Ok(copy.operand.with(view)?.tensor)
}

/// The whole operand times a number, in scratch.
fn scaled(context: &Context, calls: &mut Vec<Call>, operand: &Labelled, scale: f64) -> Result<Labelled, TchError> {
    let space = context.scratch(operand.operand.size())?;
    let (from, to) = (operand.operand.tensor.shallow_clone(), space.tensor.shallow_clone());
    let factor = context.number(scale)?;
    calls.push(Box::new(move || from.f_mul_out(&to, &factor).map(drop)));
    Ok(Labelled { operand: space, labels: operand.labels.clone() })
}

/// From a matrix in scratch into a result whose axes are not in that order.
fn spread(matrix: &Operand, out: &Labelled, form: &[Vec<u8>]) -> Prepared {
    let order = form.concat();
    let size: Vec<usize> = order.iter().map(|l| out.operand.size()[out.axis(*l)]).collect();
    let whole = Labelled { operand: matrix.with(View::contiguous(0, &size))?, labels: order };
    let from = whole.aligned(&out.labels, out.operand.size())?;
    let mut to = out.operand.tensor.shallow_clone();
    Ok(Box::new(move || to.f_copy_(&from)))
}

/// Labels from the outermost axis in storage to the innermost.
fn by_stride(operand: &Labelled) -> Vec<u8> {
    let mut axes: Vec<usize> = (0..operand.labels.len()).collect();
    axes.sort_by_key(|&axis| std::cmp::Reverse(operand.operand.view.stride[axis]));
    axes.into_iter().map(|axis| operand.labels[axis]).collect()
}

fn sizes_of(of: &Labelled, form: &[Vec<u8>]) -> Vec<usize> {
    form.iter().map(|labels| labels.iter().map(|l| of.operand.size()[of.axis(*l)]).product()).collect()
}

fn refs(form: &[Vec<u8>]) -> Vec<&[u8]> {
    form.iter().map(Vec::as_slice).collect()
}
