//! Functions of single precision without branches, so that vectors can take them: the forms of Cephes (Moshier, 1989),
//! within 2 units in the last place.

/// e to the x.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Outside of this the result is infinite, or nothing; NaN passes through the comparisons.
    let high = 88.722_84;
    let low = -103.972_08;
    let inside = if x > high {
        high
    } else if x < low {
        low
    } else {
        x
    };
    // Adding and taking away 1.5 * 2^23 rounds to a whole number, which is left in the low bits.
    let magic = 12_582_912.0_f32;
    let shifted = inside.mul_add(std::f32::consts::LOG2_E, magic);
    let n = shifted - magic;
    let r = n.mul_add(-0.693_359_4, inside);
    let r = n.mul_add(2.121_944_4e-4, r);
    let p = 1.987_569_2e-4_f32
        .mul_add(r, 1.398_2e-3)
        .mul_add(r, 8.333_452e-3)
        .mul_add(r, 4.166_579_6e-2)
        .mul_add(r, 1.666_666_6e-1)
        .mul_add(r, 0.5);
    let y = p.mul_add(r * r, r) + 1.0;
    // Two halves of the power of two, since one may not be a number of this precision.
    let whole = (shifted.to_bits() as i32).wrapping_sub(magic.to_bits() as i32);
    let half = whole >> 1;
    let power = |k: i32| f32::from_bits(((k.wrapping_add(127)) as u32) << 23);
    let value = y * power(half) * power(whole.wrapping_sub(half));
    if x > high {
        f32::INFINITY
    } else if x < low {
        0.0
    } else {
        value
    }
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let z = x * x;
    let p = (-5.704_988_7e-3_f32)
        .mul_add(z, 2.063_908_8e-2)
        .mul_add(z, -5.373_971_6e-2)
        .mul_add(z, 1.333_144_2e-1)
        .mul_add(z, -3.333_328e-1);
    let near = p.mul_add(z * x, x).copysign(x);
    let far = (1.0 - 2.0 / (exp(2.0 * size) + 1.0)).copysign(x);
    if size < 0.625 { near } else { far }
}

#[cfg(test)]
mod tests {
    fn worst(f: fn(f32) -> f32, exact: fn(f64) -> f64, from: f32, to: f32) -> f64 {
        let mut worst: f64 = 0.0;
        for i in 0..200_000 {
            let x = from + (to - from) * i as f32 / 200_000.0;
            let expected = exact(f64::from(x));
            let unit = f64::from((expected as f32).abs().max(f32::MIN_POSITIVE)) * f64::from(f32::EPSILON) / 2.0;
            worst = worst.max((f64::from(f(x)) - expected).abs() / unit.max(1e-45));
        }
        worst
    }

    #[test]
    fn functions_are_within_a_few_units_of_the_last_place() {
        assert!(worst(super::exp, f64::exp, -87.0, 88.7) < 4.0, "{}", worst(super::exp, f64::exp, -87.0, 88.7));
        assert!(worst(super::tanh, f64::tanh, -10.0, 10.0) < 5.0, "{}", worst(super::tanh, f64::tanh, -10.0, 10.0));
    }

    #[test]
    fn functions_end_well() {
        assert_eq!(super::exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(super::exp(f32::NEG_INFINITY), 0.0);
        assert_eq!((super::exp(0.0), super::exp(-0.0)), (1.0, 1.0));
        assert_eq!((super::exp(89.0), super::exp(-104.0)), (f32::INFINITY, 0.0));
        assert!(super::exp(-100.0) > 0.0);
        assert!(super::exp(f32::NAN).is_nan() && super::tanh(f32::NAN).is_nan());
        assert_eq!((super::tanh(f32::INFINITY), super::tanh(f32::NEG_INFINITY)), (1.0, -1.0));
        assert_eq!(super::tanh(-0.0).to_bits(), (-0.0f32).to_bits());
    }
}
