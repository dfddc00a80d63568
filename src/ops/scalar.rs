//! What the elementwise operations make of numbers: the definition that constants are folded by, and that every
//! kernel is compared with.
//!
//! A comparison's truth is 1 or 0; what is not a number stays so through `min`, `max` and `relu`.

use super::{Binary, Unary};

pub fn unary(op: Unary, v: f64) -> f64 {
    match op {
        Unary::Negate => -v,
        Unary::Not => truth(v == 0.0),
        Unary::Exp => v.exp(),
        Unary::Expm1 => v.exp_m1(),
        Unary::Log => v.ln(),
        Unary::Log1p => v.ln_1p(),
        Unary::Sqrt => v.sqrt(),
        Unary::Square => v * v,
        Unary::Reciprocal => 1.0 / v,
        Unary::Abs => v.abs(),
        Unary::Sign => truth(v > 0.0) - truth(v < 0.0),
        Unary::Sin => v.sin(),
        Unary::Cos => v.cos(),
        Unary::Tanh => v.tanh(),
        Unary::Sigmoid => 1.0 / (1.0 + (-v).exp()),
        Unary::Softplus => larger(v, 0.0) + (-v.abs()).exp().ln_1p(),
        Unary::Relu => larger(v, 0.0),
        Unary::Erf => erf(v),
        Unary::Floor => v.floor(),
        Unary::IsFinite => truth(v.is_finite()),
    }
}

pub fn binary(op: Binary, a: f64, b: f64) -> f64 {
    match op {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::Power => a.powf(b),
        Binary::Min => -larger(-a, -b),
        Binary::Max => larger(a, b),
        Binary::Atan2 => a.atan2(b),
        Binary::Equal => truth(a == b),
        Binary::NotEqual => truth(a != b),
        Binary::Less => truth(a < b),
        Binary::LessEqual => truth(a <= b),
        Binary::And => truth(a != 0.0 && b != 0.0),
        Binary::Or => truth(a != 0.0 || b != 0.0),
    }
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// The error function to the last places: a series of positive terms below 3, a continued fraction of the rest above.
/// Abramowitz & Stegun 1964, 7.1.6 and 7.1.14.
pub fn erf(x: f64) -> f64 {
    let (z, square) = (x.abs(), x * x);
    if z.is_nan() || z > 6.0 {
        return if z.is_nan() { x } else { x.signum() };
    }
    let scale = (-square).exp() / std::f64::consts::PI.sqrt();
    if z < 3.0 {
        let (mut term, mut sum) = (2.0 * x, 2.0 * x);
        for n in 1..200 {
            term *= 2.0 * square / f64::from(2 * n + 1);
            sum += term;
            if term.abs() <= 1e-17 * sum.abs() {
                break;
            }
        }
        return scale * sum;
    }
    let tail = (1..80).rev().fold(z, |rest, k| z + f64::from(k) / 2.0 / rest);
    x.signum() * (1.0 - scale / tail)
}

#[cfg(test)]
mod tests {
    /// Values of the DLMF, 7.2, and of its tables.
    #[test]
    fn the_error_function_is_exact_to_the_last_places() {
        for (x, y) in [
            (0.0, 0.0),
            (1e-9, 1.1283791670955126e-9),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (2.999, 0.999_977_769_831_400_2),
            (3.25, 0.999_995_697_220_536_3),
            (9.0, 1.0),
        ] {
            let (found, mirrored) = (super::erf(x), super::erf(-x));
            assert!((found - y).abs() <= 4e-16 * y.max(1e-9), "{x}: {found}");
            assert_eq!(mirrored, -found);
        }
    }
}
