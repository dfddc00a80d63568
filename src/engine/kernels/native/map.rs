//! Elementwise operations over rows, with operands that repeat along rows, columns or both.

use super::memory::{At, Lane, WIDTH, leveled};
use super::{Level, Real};
use crate::kernels::{Call, Operand};
use trine::ops::{Binary, Unary};

/// How far apart an operand's rows are, and whether its columns move: the result's shape as rows and columns.
#[derive(Clone, Copy, Debug, Default)]
struct Steps {
    row: usize,
    column: bool,
}

/// The shape of a result folded to rows and columns, and each operand's steps through it.
struct Space<const N: usize> {
    rows: usize,
    columns: usize,
    out: Steps,
    args: [Steps; N],
}

/// Finds rows and columns that all operands agree on.
fn space<const N: usize>(args: [&Operand; N], out: &Operand) -> Option<Space<N>> {
    let size = out.size();
    let mut strides: Vec<Vec<usize>> = vec![out.view.stride.clone()];
    for arg in args {
        let lead = size.len().checked_sub(arg.size().len())?;
        let stride = (0..size.len()).map(|axis| match axis.checked_sub(lead) {
            Some(own) if arg.size()[own] == size[axis] => Some(arg.view.stride[own]),
            Some(own) if arg.size()[own] != 1 => None,
            _ => Some(0),
        });
        strides.push(stride.collect::<Option<Vec<usize>>>()?);
    }
    // From the innermost axis out, an axis joins the one before if every operand runs on.
    let mut folded: Vec<(usize, Vec<usize>)> = Vec::new();
    for axis in (0..size.len()).rev().filter(|&axis| size[axis] != 1) {
        let step: Vec<usize> = strides.iter().map(|stride| stride[axis]).collect();
        match folded.last_mut() {
            Some((length, inner)) if (0..step.len()).all(|i| step[i] == inner[i] * *length) => *length *= size[axis],
            _ => folded.push((size[axis], step)),
        }
    }
    if folded.is_empty() {
        folded.push((1, vec![1; N + 1]));
    }
    // A single repeated element may as well be rows of one column.
    if folded.len() > 2 || folded[0].1.iter().any(|step| *step > 1) || folded[0].1[0] != 1 {
        return None;
    }
    let (columns, inner) = folded.remove(0);
    let (rows, outer) = folded.pop().unwrap_or((1, vec![0; N + 1]));
    let steps = |i: usize| Steps { row: outer[i], column: inner[i] == 1 };
    Some(Space { rows, columns, out: steps(0), args: std::array::from_fn(|i| steps(i + 1)) })
}

/// The numbers of one operand from a column on; one repeated if its columns do not move.
#[inline(always)]
fn block<T: Real>(at: At<T>, steps: Steps, row: usize, column: usize) -> [T; WIDTH] {
    let row = at.from(row * steps.row);
    if steps.column { row.from(column).load() } else { [row.get(); WIDTH] }
}

/// Plain loops, here and in all kernels: a closure handed to the standard library's functions on arrays would be compiled
/// for the processor that every program can rely on, and not for the vectors at hand.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
fn each<T: Real, const N: usize>(space: &Space<N>, args: [At<T>; N], out: At<T>, f: impl Fn([T; N]) -> T) {
    for row in 0..space.rows {
        let target = out.from(row * space.out.row);
        let mut column = 0;
        while column < space.columns {
            let mut blocks = [[T::ZERO; WIDTH]; N];
            for i in 0..N {
                blocks[i] = block(args[i], space.args[i], row, column);
            }
            let mut result = [T::ZERO; WIDTH];
            for lane in 0..WIDTH {
                let mut numbers = [T::ZERO; N];
                for i in 0..N {
                    numbers[i] = blocks[i][lane];
                }
                result[lane] = f(numbers);
            }
            target.from(column).store(result, space.columns - column);
            column += WIDTH;
        }
    }
}

#[inline(always)]
fn truth<T: Real>(value: bool) -> T {
    if value { T::ONE } else { T::ZERO }
}

leveled! {
    fn run_unary<T>(op: Unary, space: &Space<1>, a: At<T>, out: At<T>) {
        let a = [a];
        match op {
            Unary::Negate => each(space, a, out, |[x]| -x),
            Unary::Not => each(space, a, out, |[x]| truth(x == T::ZERO)),
            Unary::Exp => each(space, a, out, |[x]| x.exponential()),
            Unary::Tanh => each(space, a, out, |[x]| x.tangent()),
            Unary::Sigmoid => each(space, a, out, |[x]| T::ONE / (T::ONE + (-x).exponential())),
            Unary::Sqrt => each(space, a, out, |[x]| x.root()),
            Unary::Square => each(space, a, out, |[x]| x * x),
            Unary::Reciprocal => each(space, a, out, |[x]| T::ONE / x),
            Unary::Abs => each(space, a, out, |[x]| x.size()),
            Unary::Relu => each(space, a, out, |[x]| if x < T::ZERO { T::ZERO } else { x }),
            Unary::Floor => each(space, a, out, |[x]| x.down()),
            Unary::IsFinite => each(space, a, out, |[x]| truth(x * T::ZERO == T::ZERO)),
            _ => {}
        }
    }
}

pub fn unary<T: Real>(level: Level, op: Unary, args: &[Operand], out: &Operand) -> Option<Call> {
    let known = match op {
        Unary::Exp | Unary::Tanh | Unary::Sigmoid => T::SMOOTH,
        Unary::Negate | Unary::Not | Unary::Sqrt | Unary::Square | Unary::Reciprocal | Unary::Abs => true,
        Unary::Relu | Unary::Floor | Unary::IsFinite => true,
        Unary::Expm1 | Unary::Log | Unary::Log1p | Unary::Sign | Unary::Sin | Unary::Cos => false,
        Unary::Softplus | Unary::Erf => false,
    };
    let [a] = args else { return None };
    let space = space([a], out).filter(|_| known)?;
    let (a, out) = (Lane::<T>::of(a)?, Lane::<T>::of(out)?);
    Some(Box::new(move || {
        run_unary(level, op, &space, a.at(), out.at());
        Ok(())
    }))
}

leveled! {
    fn run_binary<T>(op: Binary, space: &Space<2>, a: At<T>, b: At<T>, out: At<T>) {
        let args = [a, b];
        match op {
            Binary::Add => each(space, args, out, |[x, y]| x + y),
            Binary::Subtract => each(space, args, out, |[x, y]| x - y),
            Binary::Multiply => each(space, args, out, |[x, y]| x * y),
            Binary::Divide => each(space, args, out, |[x, y]| x / y),
            // What is not a number stays so.
            Binary::Min => each(space, args, out, |[x, y]| if x < y || x.partial_cmp(&x).is_none() { x } else { y }),
            Binary::Max => each(space, args, out, |[x, y]| if x > y || x.partial_cmp(&x).is_none() { x } else { y }),
            Binary::Equal => each(space, args, out, |[x, y]| truth(x == y)),
            Binary::NotEqual => each(space, args, out, |[x, y]| truth(x != y)),
            Binary::Less => each(space, args, out, |[x, y]| truth(x < y)),
            Binary::LessEqual => each(space, args, out, |[x, y]| truth(x <= y)),
            Binary::And => each(space, args, out, |[x, y]| truth(x != T::ZERO && y != T::ZERO)),
            Binary::Or => each(space, args, out, |[x, y]| truth(x != T::ZERO || y != T::ZERO)),
            Binary::Power | Binary::Atan2 => {}
        }
    }
}

pub fn binary<T: Real>(level: Level, op: Binary, args: &[Operand], out: &Operand) -> Option<Call> {
    let [a, b] = args else { return None };
    if matches!(op, Binary::Power) && b.constant == Some(2.0) {
        return unary::<T>(level, Unary::Square, std::slice::from_ref(a), out);
    }
    if matches!(op, Binary::Power | Binary::Atan2) {
        return None;
    }
    let space = space([a, b], out)?;
    let (a, b, out) = (Lane::<T>::of(a)?, Lane::<T>::of(b)?, Lane::<T>::of(out)?);
    Some(Box::new(move || {
        run_binary(level, op, &space, a.at(), b.at(), out.at());
        Ok(())
    }))
}

leveled! {
    fn run_select<T>(space: &Space<3>, condition: At<T>, a: At<T>, b: At<T>, out: At<T>) {
        each(space, [condition, a, b], out, |[c, x, y]| if c != T::ZERO { x } else { y })
    }
}

pub fn select<T: Real>(level: Level, args: &[Operand], out: &Operand) -> Option<Call> {
    let [condition, a, b] = args else { return None };
    let space = space([condition, a, b], out)?;
    let (condition, out) = (Lane::<T>::of(condition)?, Lane::<T>::of(out)?);
    let (a, b) = (Lane::<T>::of(a)?, Lane::<T>::of(b)?);
    Some(Box::new(move || {
        run_select(level, &space, condition.at(), a.at(), b.at(), out.at());
        Ok(())
    }))
}

leveled! {
    fn run_add_scaled<T>(space: &Space<2>, scale: T, a: At<T>, b: At<T>, out: At<T>) {
        each(space, [a, b], out, |[x, y]| scale.fused(y, x))
    }
}

pub fn add_scaled<T: Real>(level: Level, scale: T, args: &[Operand], out: &Operand) -> Option<Call> {
    let [a, b] = args else { return None };
    let space = space([a, b], out)?;
    let (a, b, out) = (Lane::<T>::of(a)?, Lane::<T>::of(b)?, Lane::<T>::of(out)?);
    Some(Box::new(move || {
        run_add_scaled(level, &space, scale, a.at(), b.at(), out.at());
        Ok(())
    }))
}

leveled! {
    fn run_copy<T>(space: &Space<1>, a: At<T>, out: At<T>) {
        each(space, [a], out, |[x]| x)
    }
}

pub fn copy<T: Real>(level: Level, from: &Operand, to: &Operand) -> Option<Call> {
    let space = space([from], to)?;
    let (from, to) = (Lane::<T>::of(from)?, Lane::<T>::of(to)?);
    Some(Box::new(move || {
        run_copy(level, &space, from.at(), to.at());
        Ok(())
    }))
}
