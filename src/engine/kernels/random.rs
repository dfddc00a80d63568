//! Fresh numbers of a stream.

use super::{Context, Operand, Prepared};
use crate::streams;
use tch::{Kind, TchError, Tensor};
use trine::ops::Distribution;

/// Examples take their rows of the stream by their position, so that portions of a split draw what the whole would.
pub fn random(context: &Context, distribution: Distribution, stream: &str, out: &Operand) -> Prepared {
    let moment = context.moment.clone();
    let row = if out.batched { out.elements().checked_div(context.batch).unwrap_or(0) as u64 } else { 0 };
    let mut numbers = vec![0.0; out.elements()];
    let (name, kind) = (stream.to_string(), context.kind);
    let (size, mut out) = (out.tensor.size(), out.tensor.shallow_clone());
    Ok(Box::new(move || {
        let key = match moment.split.get() {
            0 => streams::key(moment.seed.get(), &name, moment.step.get()),
            split => streams::key(moment.seed.get(), &format!("{name}\0{split}"), moment.step.get()),
        };
        streams::fill(distribution, key, moment.row.get() * row, &mut numbers);
        out.f_copy_(&tensor(&numbers, kind)?.f_view(size.as_slice())?)
    }))
}

/// Numbers on their way to a slab.
pub fn tensor(numbers: &[f64], kind: Kind) -> Result<Tensor, TchError> {
    match kind {
        Kind::Float => Tensor::f_from_slice(&numbers.iter().map(|x| *x as f32).collect::<Vec<f32>>()),
        _ => Tensor::f_from_slice(numbers),
    }
}
