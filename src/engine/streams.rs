//! Streams of random numbers.
//!
//! A number depends on the replicate's seed, the name of its stream, the step and its position in the draw, and on
//! nothing else: not on threads, not on how examples are split into chunks, not on the machine. Numbers are made in
//! double precision from additions, products, quotients and square roots only, which are the same everywhere.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use trine::ops::Distribution;

/// Numbers of one draw, from position `start` on.
pub fn fill(distribution: Distribution, key: [u8; 32], start: u64, out: &mut [f64]) {
    let mut words = ChaCha8Rng::from_seed(key);
    words.set_word_pos(u128::from(start) * 2);
    match distribution {
        Distribution::Uniform => out.fill_with(|| unit(words.next_u64())),
        Distribution::Normal => out.fill_with(|| normal(words.next_u64())),
    }
}

/// What a draw's numbers are made from.
pub fn key(seed: u64, name: &str, step: u64) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"trine stream 1\0");
    hasher.update(&seed.to_le_bytes());
    hasher.update(&step.to_le_bytes());
    hasher.update(name.as_bytes());
    *hasher.finalize().as_bytes()
}

/// A random order of `0..n`.
pub fn permutation(seed: u64, name: &str, epoch: u64, n: usize) -> Vec<i64> {
    let mut words = ChaCha8Rng::from_seed(key(seed, name, epoch));
    let mut order: Vec<i64> = (0..n as i64).collect();
    for last in (1..n).rev() {
        // The product's upper half is uniform on 0..=last but for a bias under 2^-40.
        let pick = (u128::from(words.next_u64()) * (last as u128 + 1)) >> 64;
        order.swap(last, pick as usize);
    }
    order
}

/// In `[0, 1)`, with so few digits that single precision holds it exactly.
fn unit(word: u64) -> f64 {
    (word >> 40) as f64 / (1u64 << 24) as f64
}

/// The standard normal's quantile of a number in (0, 1): Wichura's AS 241 (Applied Statistics 37, 1988), accurate
/// to 16 digits.
fn normal(word: u64) -> f64 {
    let p = ((word >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * ratio(r, &CENTRE);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-logarithm(tail)).sqrt();
    let size = if r <= 5.0 { ratio(r - 1.6, &MIDDLE) } else { ratio(r - 5.0, &FAR) };
    if q < 0.0 { -size } else { size }
}

/// The natural logarithm of a positive normal number, by the series of the inverse hyperbolic tangent.
fn logarithm(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) as i64 - 1023) as f64;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1.0;
    }
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut sum = 0.0;
    for term in (0..13).rev() {
        sum = sum * square + 1.0 / f64::from(2 * term + 1);
    }
    2.0 * s * sum + exponent * std::f64::consts::LN_2
}

fn ratio(x: f64, [above, below]: &[[f64; 8]; 2]) -> f64 {
    let value = |coefficients: &[f64; 8]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
    value(above) / value(below)
}

// Digits as published.
#[rustfmt::skip]
#[allow(clippy::excessive_precision)]
const CENTRE: [[f64; 8]; 2] = [
    [3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3],
    [1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3],
];

#[rustfmt::skip]
#[allow(clippy::excessive_precision)]
const MIDDLE: [[f64; 8]; 2] = [
    [1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4],
    [1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9],
];

#[rustfmt::skip]
#[allow(clippy::excessive_precision)]
const FAR: [[f64; 8]; 2] = [
    [6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7],
    [1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15],
];

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(distribution: Distribution, name: &str, step: u64, start: u64, n: usize) -> Vec<f64> {
        let mut out = vec![0.0; n];
        fill(distribution, key(7, name, step), start, &mut out);
        out
    }

    #[test]
    fn a_draw_can_be_made_in_parts() {
        for distribution in [Distribution::Uniform, Distribution::Normal] {
            let whole = draw(distribution, "noise", 3, 0, 1000);
            assert_eq!(whole[..137], draw(distribution, "noise", 3, 0, 137));
            assert_eq!(whole[137..], draw(distribution, "noise", 3, 137, 863));
            assert_ne!(whole, draw(distribution, "noise", 4, 0, 1000));
            assert_ne!(whole, draw(distribution, "other", 3, 0, 1000));
        }
    }

    #[test]
    fn the_numbers_never_change() {
        let known = format!(
            "{:?} {:?} {:?}",
            draw(Distribution::Uniform, "noise", 0, 0, 2),
            draw(Distribution::Normal, "noise", 0, 0, 2),
            permutation(1, "shuffle", 0, 8)
        );
        assert_eq!(
            known,
            "[0.08213698863983154, 0.41623300313949585] [-1.390839830500764, -0.21153976054253962] \
             [7, 6, 4, 3, 5, 2, 1, 0]"
        );
    }

    #[test]
    fn moments_are_those_of_the_distribution() {
        let n = 200_000;
        let normal = draw(Distribution::Normal, "noise", 0, 0, n);
        let moment = |power: i32| normal.iter().map(|x| x.powi(power)).sum::<f64>() / n as f64;
        assert!(moment(1).abs() < 0.01, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.015, "{}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.1, "{}", moment(4));
        let uniform = draw(Distribution::Uniform, "noise", 0, 0, n);
        assert!(uniform.iter().all(|x| (0.0..1.0).contains(x)));
        assert!((uniform.iter().sum::<f64>() / n as f64 - 0.5).abs() < 0.005);
    }

    #[test]
    fn quantiles_are_exact() {
        let at = |p: f64| normal((p * (1u64 << 53) as f64) as u64 * (1 << 11));
        for (p, x) in [(0.975, 1.959963984540054), (0.5, 0.0), (1e-3, -3.090232306167813), (1e-12, -7.034483825301131)]
        {
            assert!((at(p) - x).abs() < 1e-6 * x.abs().max(1.0), "{p}: {} is not {x}", at(p));
        }
        for x in [1e-300, 1e-17, 0.1, 0.5, 0.99999, 1.0, 3.0, 1e300] {
            assert!((logarithm(x) - f64::ln(x)).abs() <= 4e-16 * f64::ln(x).abs(), "{x}");
        }
    }

    #[test]
    fn permutations_hold_everything_once() {
        let mut order = permutation(3, "shuffle", 9, 1000);
        assert_ne!(order, permutation(3, "shuffle", 10, 1000));
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<i64>>());
        assert_eq!(permutation(0, "split", 0, 0), Vec::<i64>::new());
    }
}
