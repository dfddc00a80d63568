//! Elements along axes become one, or add up.

use super::{Operand, Prepared, copy};
use crate::view::signed;
use tch::Kind;
use trine::ops::Reduction;

pub fn reduce(how: Reduction, axes: &[usize], a: &Operand, out: &Operand) -> Prepared {
    // libtorch takes an empty list for all axes.
    if axes.is_empty() {
        return copy(a, out);
    }
    let axes = signed(axes);
    let (a, out) = (a.tensor.shallow_clone(), out.tensor.shallow_clone());
    let none = None::<Kind>;
    Ok(match how {
        Reduction::Sum => Box::new(move || a.f_sum_intlist_out(&out, axes.as_slice(), false, none).map(drop)),
        Reduction::Mean => Box::new(move || a.f_mean_out(&out, axes.as_slice(), false, none).map(drop)),
        Reduction::Max => Box::new(move || a.f_amax_out(&out, axes.as_slice(), false).map(drop)),
        Reduction::Min => Box::new(move || a.f_amin_out(&out, axes.as_slice(), false).map(drop)),
    })
}

pub fn cumulative_sum(axis: usize, a: &Operand, out: &Operand) -> Prepared {
    let (a, out) = (a.tensor.shallow_clone(), out.tensor.shallow_clone());
    Ok(Box::new(move || a.f_cumsum_out(&out, axis as i64, None::<Kind>).map(drop)))
}
