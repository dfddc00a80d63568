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
        Unary::Erf => statrs::function::erf::erf(v),
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
