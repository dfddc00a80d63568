//! One element at a time: functions of one, two or three numbers, with broadcasting.

use super::{Call, Context, Operand, Prepared};
use tch::{Kind, TchError, Tensor};
use trine::ops::{Binary, Unary};

/// The function of libtorch that writes `f(a)` into its second argument.
type One = fn(&Tensor, &Tensor) -> Result<Tensor, TchError>;
/// The same of two arguments, the result in the middle.
type Two = fn(&Tensor, &Tensor, &Tensor) -> Result<Tensor, TchError>;

pub fn unary(op: Unary, context: &Context, a: &Operand, out: &Operand) -> Prepared {
    let call: One = match op {
        Unary::Negate => Tensor::f_neg_out,
        Unary::Not => Tensor::f_logical_not_out,
        Unary::Exp => Tensor::f_exp_out,
        Unary::Expm1 => Tensor::f_expm1_out,
        Unary::Log => Tensor::f_log_out,
        Unary::Log1p => Tensor::f_log1p_out,
        Unary::Sqrt => Tensor::f_sqrt_out,
        Unary::Square => |a, out| a.f_mul_out(out, a),
        Unary::Reciprocal => Tensor::f_reciprocal_out,
        Unary::Abs => Tensor::f_abs_out,
        Unary::Sign => Tensor::f_sign_out,
        Unary::Sin => Tensor::f_sin_out,
        Unary::Cos => Tensor::f_cos_out,
        Unary::Tanh => Tensor::f_tanh_out,
        Unary::Sigmoid => Tensor::f_sigmoid_out,
        Unary::Softplus => return softplus(context, a, out),
        Unary::Relu => |a, out| a.f_clamp_min_out(out, 0),
        Unary::Erf => Tensor::f_erf_out,
        Unary::Floor => Tensor::f_floor_out,
        Unary::IsFinite => return is_finite(context, a, out),
    };
    let (a, out) = (a.tensor.shallow_clone(), out.tensor.shallow_clone());
    Ok(Box::new(move || call(&a, &out).map(drop)))
}

pub fn binary(op: Binary, context: &Context, a: &Operand, b: &Operand, out: &Operand) -> Prepared {
    let call: Two = match op {
        Binary::Add => Tensor::f_add_out,
        Binary::Subtract => Tensor::f_sub_out,
        Binary::Multiply => Tensor::f_mul_out,
        Binary::Divide => Tensor::f_div_out,
        Binary::Power => return power(context, a, b, out),
        Binary::Min => Tensor::f_minimum_out,
        Binary::Max => Tensor::f_maximum_out,
        Binary::Atan2 => Tensor::f_atan2_out,
        Binary::Equal => Tensor::f_eq_tensor_out,
        Binary::NotEqual => Tensor::f_ne_tensor_out,
        Binary::Less => Tensor::f_lt_tensor_out,
        Binary::LessEqual => Tensor::f_le_tensor_out,
        Binary::And => Tensor::f_logical_and_out,
        Binary::Or => Tensor::f_logical_or_out,
    };
    Ok(two(call, a, b, out))
}

/// `condition != 0 ? a : b`
pub fn select(context: &Context, condition: &Operand, a: &Operand, b: &Operand, out: &Operand) -> Prepared {
    let mask = context.scratch_of(condition.size(), Kind::Bool)?.tensor;
    let (condition, a) = (condition.tensor.shallow_clone(), a.tensor.shallow_clone());
    let (b, out) = (b.tensor.shallow_clone(), out.tensor.shallow_clone());
    let zero = context.number(0.0)?;
    Ok(Box::new(move || {
        let _ = condition.f_ne_tensor_out(&mask, &zero)?;
        a.f_where_self_out(&out, &mask, &b).map(drop)
    }))
}

/// `a + scale * b`
pub fn add_scaled(context: &Context, a: &Operand, b: &Operand, out: &Operand, scale: f64) -> Prepared {
    if scale == 1.0 {
        return Ok(two(Tensor::f_add_out, a, b, out));
    }
    if scale == -1.0 {
        return Ok(two(Tensor::f_sub_out, a, b, out));
    }
    let (a, b) = (a.tensor.shallow_clone(), b.tensor.shallow_clone());
    let (out, scale) = (out.tensor.shallow_clone(), context.number(scale)?);
    Ok(Box::new(move || a.f_addcmul_out(&out, &b, &scale).map(drop)))
}

fn two(call: Two, a: &Operand, b: &Operand, out: &Operand) -> Call {
    let (a, b, out) = (a.tensor.shallow_clone(), b.tensor.shallow_clone(), out.tensor.shallow_clone());
    Box::new(move || call(&a, &out, &b).map(drop))
}

/// A known exponent lets libtorch multiply or take a root.
fn power(_: &Context, a: &Operand, b: &Operand, out: &Operand) -> Prepared {
    let Some(exponent) = b.constant else {
        return Ok(two(Tensor::f_pow_tensor_tensor_out, a, b, out));
    };
    if a.size() != out.size() {
        return Ok(two(Tensor::f_pow_tensor_tensor_out, a, b, out));
    }
    let (a, out) = (a.tensor.shallow_clone(), out.tensor.shallow_clone());
    Ok(Box::new(move || a.f_pow_tensor_scalar_out(&out, exponent).map(drop)))
}

/// `max(a, 0) + log1p(exp(-|a|))`: libtorch's own gives up digits beyond its threshold.
fn softplus(context: &Context, a: &Operand, out: &Operand) -> Prepared {
    let tail = context.scratch(a.size())?.tensor;
    let zero = context.number(0.0)?;
    let (a, out) = (a.tensor.shallow_clone(), out.tensor.shallow_clone());
    Ok(Box::new(move || {
        let _ = a.f_abs_out(&tail)?;
        let _ = tail.f_neg_out(&tail)?;
        let _ = tail.f_exp_out(&tail)?;
        let _ = tail.f_log1p_out(&tail)?;
        let _ = a.f_maximum_out(&out, &zero)?;
        out.f_add_out(&out, &tail).map(drop)
    }))
}

/// `a - a` is 0 for finite numbers alone.
fn is_finite(context: &Context, a: &Operand, out: &Operand) -> Prepared {
    let zero = context.number(0.0)?;
    let (a, out) = (a.tensor.shallow_clone(), out.tensor.shallow_clone());
    Ok(Box::new(move || {
        let _ = a.f_sub_out(&out, &a)?;
        out.f_eq_tensor_out(&out, &zero).map(drop)
    }))
}
