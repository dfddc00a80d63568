//! Sums along axes, and functions of whole rows.

// Vectors want plain loops.
#![allow(clippy::needless_range_loop)]

use super::memory::{At, Lane, WIDTH, leveled};
use super::{Level, Real};
use crate::kernels::{Call, Operand};

/// Rows whose sum is made before it joins the total, which keeps rounding small.
const GROUP: usize = 64;

/// Sums over the first or the last axes of a value without gaps.
pub fn sum<T: Real>(level: Level, axes: &[usize], mean: bool, args: &[Operand], out: &Operand) -> Option<Call> {
    let [a] = args else { return None };
    if !(a.view.is_contiguous() && out.view.is_contiguous()) || axes.is_empty() {
        return None;
    }
    let (count, of) = (axes.len(), a.size().len());
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    let first = sorted.iter().copied().eq(0..count);
    let last = sorted.iter().copied().eq(of - count..of);
    let divisor = |n: usize| if mean { T::of(n as f64) } else { T::ONE };
    let (from, to) = (Lane::<T>::of(a)?, Lane::<T>::of(out)?);
    if last {
        let columns: usize = a.size()[of - count..].iter().product();
        let rows = a.elements() / columns;
        let divisor = divisor(columns);
        return Some(Box::new(move || {
            across(level, rows, columns, divisor, from.at(), to.at());
            Ok(())
        }));
    }
    if first {
        let rows: usize = a.size()[..count].iter().product();
        let columns = a.elements() / rows;
        let divisor = divisor(rows);
        return Some(Box::new(move || {
            down(level, rows, columns, divisor, from.at(), to.at());
            Ok(())
        }));
    }
    None
}

leveled! {
    fn down<T>(rows: usize, columns: usize, divisor: T, a: At<T>, out: At<T>) {
        let mut column = 0;
        while column < columns {
            let mut total = [T::ZERO; WIDTH];
            let mut row = 0;
            while row < rows {
                let mut group = [T::ZERO; WIDTH];
                for row in row..rows.min(row + GROUP) {
                    let block: [T; WIDTH] = a.from(row * columns + column).load();
                    for lane in 0..WIDTH {
                        group[lane] = group[lane] + block[lane];
                    }
                }
                for lane in 0..WIDTH {
                    total[lane] = total[lane] + group[lane];
                }
                row += GROUP;
            }
            for lane in 0..WIDTH {
                total[lane] = total[lane] / divisor;
            }
            out.from(column).store(total, columns - column);
            column += WIDTH;
        }
    }
}

leveled! {
    fn across<T>(rows: usize, columns: usize, divisor: T, a: At<T>, out: At<T>) {
        for row in 0..rows {
            let mut total = [T::ZERO; WIDTH];
            let mut column = 0;
            while column < columns {
                let block: [T; WIDTH] = a.from(row * columns + column).load();
                for lane in 0..WIDTH {
                    total[lane] = total[lane] + if column + lane < columns { block[lane] } else { T::ZERO };
                }
                column += WIDTH;
            }
            out.from(row).set(fold(total, |x, y| x + y) / divisor);
        }
    }
}

/// Halves upon halves, whatever the vectors.
#[inline(always)]
fn fold<T: Real>(mut lanes: [T; WIDTH], f: impl Fn(T, T) -> T) -> T {
    macro_rules! halve {
        ($($half:literal)*) => {$(
            for lane in 0..$half {
                lanes[lane] = f(lanes[lane], lanes[lane + $half]);
            }
        )*};
    }
    halve!(16 8 4 2 1);
    lanes[0]
}

pub fn softmax<T: Real>(level: Level, log: bool, args: &[Operand], out: &Operand) -> Option<Call> {
    let [a] = args else { return None };
    let columns = *a.size().last()?;
    if !(T::SMOOTH && a.view.is_contiguous() && out.view.is_contiguous()) || columns == 0 {
        return None;
    }
    let rows = a.elements() / columns;
    let (from, to) = (Lane::<T>::of(a)?, Lane::<T>::of(out)?);
    Some(Box::new(move || {
        run_softmax(level, log, rows, columns, from.at(), to.at());
        Ok(())
    }))
}

/// A row's block with what lies past the end replaced.
#[inline(always)]
fn row_block<T: Real>(at: At<T>, left: usize, beyond: T) -> [T; WIDTH] {
    let mut block: [T; WIDTH] = at.load();
    for lane in 0..WIDTH {
        block[lane] = if lane < left { block[lane] } else { beyond };
    }
    block
}

leveled! {
    fn run_softmax<T>(log: bool, rows: usize, columns: usize, a: At<T>, out: At<T>) {
        for row in 0..rows {
            let (from, to) = (a.from(row * columns), out.from(row * columns));
            if columns <= WIDTH {
                short_row(log, columns, from, to);
            } else {
                long_row(log, columns, from, to);
            }
        }
    }
}

/// A row that is one block stays in registers.
#[inline(always)]
fn short_row<T: Real>(log: bool, columns: usize, from: At<T>, to: At<T>) {
    let mut block = row_block(from, columns, T::LOWEST);
    let most = fold(block, |x, y| if x > y { x } else { y });
    let mut powers = [T::ZERO; WIDTH];
    for lane in 0..WIDTH {
        block[lane] = block[lane] - most;
        powers[lane] = block[lane].exponential();
    }
    let total = fold(powers, |x, y| x + y);
    let (part, shift) = if log { (T::ONE, total.logarithm()) } else { (T::ONE / total, T::ZERO) };
    for lane in 0..WIDTH {
        powers[lane] = if log { block[lane] - shift } else { powers[lane] * part };
    }
    to.store(powers, columns);
}

#[inline(always)]
fn long_row<T: Real>(log: bool, columns: usize, from: At<T>, to: At<T>) {
    let mut most = [T::LOWEST; WIDTH];
    let mut column = 0;
    while column < columns {
        let block = row_block(from.from(column), columns - column, T::LOWEST);
        for lane in 0..WIDTH {
            most[lane] = if block[lane] > most[lane] { block[lane] } else { most[lane] };
        }
        column += WIDTH;
    }
    let most = fold(most, |x, y| if x > y { x } else { y });
    let mut total = [T::ZERO; WIDTH];
    column = 0;
    while column < columns {
        let mut block = row_block(from.from(column), columns - column, T::LOWEST);
        for lane in 0..WIDTH {
            block[lane] = (block[lane] - most).exponential();
            total[lane] = total[lane] + block[lane];
        }
        if !log {
            to.from(column).store(block, columns - column);
        }
        column += WIDTH;
    }
    let total = fold(total, |x, y| x + y);
    let (part, shift) = if log { (T::ONE, total.logarithm()) } else { (T::ONE / total, T::ZERO) };
    column = 0;
    while column < columns {
        let mut block: [T; WIDTH] = if log { from } else { to }.from(column).load();
        for lane in 0..WIDTH {
            block[lane] = if log { block[lane] - most - shift } else { block[lane] * part };
        }
        to.from(column).store(block, columns - column);
        column += WIDTH;
    }
}

pub fn one_hot<T: Real>(classes: usize, args: &[Operand], out: &Operand) -> Option<Call> {
    let [a] = args else { return None };
    if !(a.view.is_contiguous() && out.view.is_contiguous()) {
        return None;
    }
    let (rows, all) = (a.elements(), out.elements());
    let (from, to) = (Lane::<T>::of(a)?, Lane::<T>::of(out)?);
    Some(Box::new(move || {
        let (from, to) = (from.at(), to.at());
        for start in (0..all).step_by(WIDTH) {
            to.from(start).store([T::ZERO; WIDTH], all - start);
        }
        for row in 0..rows {
            match from.from(row).get().index().filter(|class| *class < classes) {
                Some(class) => to.from(row * classes + class).set(T::ONE),
                // Of what is no label nothing is said in silence.
                None => (0..classes).for_each(|k| to.from(row * classes + k).set(T::NAN)),
            }
        }
        Ok(())
    }))
}

/// Copies rows of one value, picked by number, into another.
pub struct Gather<T> {
    from: Lane<T>,
    to: Lane<T>,
    columns: usize,
    rows: usize,
}

impl<T: Real> Gather<T> {
    pub fn new(from: &Operand, to: &Operand) -> Option<Gather<T>> {
        let rows = *from.size().first()?;
        let columns = from.elements().checked_div(rows)?;
        if !(from.view.is_contiguous() && to.view.is_contiguous()) || columns > super::MOST {
            return None;
        }
        Some(Gather { from: Lane::of(from)?, to: Lane::of(to)?, columns, rows })
    }

    pub fn run(&self, picked: &[i64]) {
        for (row, &example) in picked.iter().enumerate() {
            let from = self.from.at().from((example as usize).min(self.rows - 1) * self.columns);
            let to = self.to.at().from(row * self.columns);
            for column in (0..self.columns).step_by(WIDTH) {
                to.from(column).store::<WIDTH>(from.from(column).load(), self.columns - column);
            }
        }
    }
}
