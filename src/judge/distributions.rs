//! The distributions behind the tests: normal, Student's t (central and not), binomial.
//!
//! The special functions are those of `statrs`; what it lacks is built on them: quantiles to the last figures, and the
//! noncentral t as the average of normal probabilities over the sample spread (Johnson & Welch 1940, Biometrika
//! 31:362-389). All are compared with scipy in the tests below and in `benches/verdicts.py`.

use statrs::function::beta::{checked_beta_reg, inv_beta_reg, ln_beta};
use statrs::function::erf::{erfc, erfc_inv};
use statrs::function::gamma::ln_gamma;

/// The probability that a standard normal number is at most `x`.
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// The number below which a standard normal number lies with probability `p`; infinite for 0 and 1.
pub fn normal_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p)
}

/// The number that |T| stays under with probability `confidence`, for `freedom` degrees of freedom.
pub fn t_quantile(freedom: f64, confidence: f64) -> Option<f64> {
    if !(freedom > 0.0 && confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let outside = 1.0 - confidence;
    let share = inv_beta_reg(0.5 * freedom, 0.5, outside);
    let mut t = (freedom * (1.0 - share) / share).sqrt();
    // The inverse is good to about ten figures; two steps of Newton's method take it to the last ones.
    for _ in 0..2 {
        let slope = 2.0 * t_density(t, freedom);
        let step = (two_sided(t, freedom)? - outside) / slope;
        if step.is_finite() && step.abs() < 0.1 * t {
            t += step;
        }
    }
    t.is_finite().then_some(t)
}

/// The probability that |T| exceeds |t|.
pub fn two_sided(t: f64, freedom: f64) -> Option<f64> {
    let square = t * t;
    if square < freedom {
        // For small t the share near one loses figures, its complement does not.
        let inside = checked_beta_reg(0.5, 0.5 * freedom, square / (freedom + square)).ok()?;
        return Some(1.0 - inside);
    }
    checked_beta_reg(0.5 * freedom, 0.5, freedom / (freedom + square)).ok()
}

/// The probability that T is at most `t`.
pub fn t_cdf(t: f64, freedom: f64) -> Option<f64> {
    let tail = 0.5 * two_sided(t, freedom)?;
    Some(if t < 0.0 { tail } else { 1.0 - tail })
}

fn t_density(t: f64, freedom: f64) -> f64 {
    (-0.5 * (freedom + 1.0) * (t * t / freedom).ln_1p() - 0.5 * freedom.ln() - ln_beta(0.5, 0.5 * freedom)).exp()
}

/// The probability that a noncentral T is at most `t`.
pub fn noncentral_t_cdf(t: f64, freedom: f64, shift: f64) -> f64 {
    over_spread(freedom, |s| normal_cdf(t * s - shift)).clamp(0.0, 1.0)
}

/// The average of `f(s)` over the ratio `s` of a sample standard deviation to the true one.
///
/// Gauss and Legendre's rule of eight points on 160 equal panels, over ten standard deviations of `s` to either side.
pub fn over_spread(freedom: f64, f: impl Fn(f64) -> f64) -> f64 {
    const POINTS: [(f64, f64); 4] = [
        (0.183_434_642_495_649_8, 0.362_683_783_378_362),
        (0.525_532_409_916_329, 0.313_706_645_877_887_3),
        (0.796_666_477_413_626_7, 0.222_381_034_453_374_5),
        (0.960_289_856_497_536_3, 0.101_228_536_290_376_3),
    ];
    const PANELS: usize = 160;
    let reach = 10.0 / (2.0 * freedom).sqrt();
    let (low, high) = ((1.0 - reach).max(0.0), 1.0 + reach);
    let constant = std::f64::consts::LN_2 + 0.5 * freedom * (0.5 * freedom).ln() - ln_gamma(0.5 * freedom);
    let weighed = |s: f64| {
        let density = match s {
            s if s <= 0.0 => 0.0,
            s => (constant + (freedom - 1.0) * s.ln() - 0.5 * freedom * s * s).exp(),
        };
        density * f(s)
    };
    let half = 0.5 * (high - low) / PANELS as f64;
    let panel = |i: usize| {
        let centre = low + (2 * i + 1) as f64 * half;
        POINTS.iter().map(|(x, w)| w * (weighed(centre - x * half) + weighed(centre + x * half))).sum::<f64>()
    };
    (0..PANELS).map(panel).sum::<f64>() * half
}

/// The probability of at least `k` of `n`, each with probability `p`.
pub fn binomial_at_least(k: usize, n: usize, p: f64) -> f64 {
    match k {
        0 => 1.0,
        k if k > n => 0.0,
        k => checked_beta_reg(k as f64, (n - k + 1) as f64, p.clamp(0.0, 1.0)).unwrap_or(f64::NAN),
    }
}

/// The probability of at most `k` of `n`, each with probability `p`.
pub fn binomial_at_most(k: usize, n: usize, p: f64) -> f64 {
    binomial_at_least(n.saturating_sub(k), n, 1.0 - p)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-9 * b.abs().max(1e-3), "{a} is not {b}");
    }

    // scipy 1.17.1: stats.t.ppf(0.5 + confidence / 2, df)
    #[test]
    fn quantiles_are_those_of_scipy() {
        near(t_quantile(1.0, 0.95).unwrap(), 12.706204736174694);
        near(t_quantile(2.0, 0.95).unwrap(), 4.302652729749462);
        near(t_quantile(9.0, 0.95).unwrap(), 2.262157162798205);
        near(t_quantile(4.0, 0.99).unwrap(), 4.604094871349992);
        near(t_quantile(99.0, 0.90).unwrap(), 1.6603911560169906);
        near(t_quantile(999.0, 0.95).unwrap(), 1.9623414611334493);
        assert_eq!(t_quantile(0.0, 0.95), None);
        assert_eq!(t_quantile(3.0, 1.0), None);
    }

    // scipy 1.17.1: 2 * stats.t.sf(t, df)
    #[test]
    fn tails_keep_their_figures() {
        assert!((two_sided(40.0, 9.0).unwrap() / 1.8982998449339822e-11 - 1.0).abs() < 1e-9);
        near(two_sided(1e-3, 4.0).unwrap(), 0.99925000015625);
        near(two_sided(-12.706204736174694, 1.0).unwrap(), 0.05);
    }
}
