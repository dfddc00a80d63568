//! The statistics of a verdict: means, differences, shares, correlations and slopes over seeds, and Holm's correction.
//!
//! - Student (1908), "The probable error of a mean", Biometrika 6:1-25: interval and test of a mean (of differences,
//!   where seeds are paired).
//! - Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics
//!   6:65-70: the family of all expectations at a confidence in one file.
//! - Welch (1947), "The generalization of Student's problem ...", Biometrika 34:28-35: independent seeds.
//! - Clopper & Pearson (1934), "The use of confidence or fiducial limits ...", Biometrika 26:404-413: shares of seeds.
//! - Fisher (1921), "On the probable error of a coefficient of correlation ...", Metron 1:3-32.
//! - Hedges (1981), "Distribution theory for Glass's estimator of effect size ...", Journal of Educational Statistics
//!   6:107-128.
//!
//! Everything is two-sided: the interval at 95 % leaves out 2.5 % on each side, and `p` is twice the smaller tail, so
//! that `p < 0.05` says the same as "the 95 % interval does not contain zero". The direction is read off the mean.
//!
//! Values that never vary have no spread to be judged by. Their interval has no width, and their `p` is that of an exact test that
//! needs none: the sign test for one mean, the permutation test for two and for points on a line (Fisher 1935, "The design of
//! experiments", chapter 3). Few seeds that happen to agree then decide nothing, and what lies exactly on the bound has p = 1
//! however many agree.

use super::distributions::{binomial_at_least, binomial_at_most, normal_cdf, normal_quantile, t_quantile, two_sided};
use statrs::function::gamma::ln_gamma;

/// A mean over seeds with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// Half of its width.
    pub fn half(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// The arithmetic mean; NaN of nothing. Of equal values it is exactly that value.
pub fn mean(values: &[f64]) -> f64 {
    match values.first() {
        None => f64::NAN,
        Some(&first) if values.iter().all(|&x| x == first) => first,
        Some(_) => values.iter().sum::<f64>() / values.len() as f64,
    }
}

/// The standard error of the mean, from the sample standard deviation. Needs two values.
pub fn standard_error(values: &[f64]) -> Option<f64> {
    let n = values.len();
    if n < 2 {
        return None;
    }
    let centre = mean(values);
    let squares: f64 = values.iter().map(|x| (x - centre) * (x - centre)).sum();
    Some((squares / (n - 1) as f64 / n as f64).sqrt())
}

/// Student's interval of the mean at a two-sided confidence. None for fewer than two values or if one is not finite.
pub fn t_interval(values: &[f64], confidence: f64) -> Option<Interval> {
    if values.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let error = standard_error(values)?;
    let centre = mean(values);
    let reach = if error == 0.0 { 0.0 } else { t_quantile((values.len() - 1) as f64, confidence)? * error };
    Some(Interval { mean: centre, low: centre - reach, high: centre + reach })
}

/// The two-sided p of "the mean is zero". None for fewer than two values or if one is not finite.
pub fn t_test(values: &[f64]) -> Option<f64> {
    if values.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let error = standard_error(values)?;
    let centre = mean(values);
    if error == 0.0 {
        return Some(if centre == 0.0 { 1.0 } else { sign_p(values.len()) });
    }
    two_sided(centre / error, (values.len() - 1) as f64)
}

/// The two-sided p of the sign test where all of `n` values lie on one side of zero.
fn sign_p(n: usize) -> f64 {
    2.0 * 0.5f64.powi(n as i32)
}

/// The two-sided p of the permutation test of points that lie on a line.
pub fn on_a_line_p(n: usize) -> f64 {
    (2.0 / (1..=n).map(|k| k as f64).product::<f64>()).min(1.0)
}

/// The same of a correlation that is asked to be beyond `at`, on zero's side of one: orders are not equally likely there. Each two
/// points are in the same order on both axes with probability 1/2 + asin(at) / pi (Sheppard 1899, Philosophical Transactions
/// 192:101-167), and pairs that share no point are independent.
fn on_a_line_beyond_p(n: usize, at: f64) -> f64 {
    let pairs = i32::try_from(n / 2).unwrap_or(i32::MAX);
    (2.0 * (0.5 + at.abs().asin() / std::f64::consts::PI).powi(pairs)).min(1.0)
}

/// What single precision, in which most measures are taken, cannot tell from the largest of these values.
pub fn grain(values: impl IntoIterator<Item = f64>) -> f64 {
    4.0 * f64::from(f32::EPSILON) * values.into_iter().map(f64::abs).fold(0.0, f64::max)
}

/// Values that are the same but for rounding are made the same: they have no spread that a test could go by.
pub fn settle(values: &mut [f64]) {
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
    if let Some(&first) = values.first()
        && high - low <= grain(values.iter().copied())
    {
        values.fill(first);
    }
}

/// The two-sided p of the permutation test where all of one sample is above all of the other.
fn apart_p(a: usize, b: usize) -> f64 {
    // One over the number of ways to choose `a` of them all.
    let ways: f64 = (1..=a).map(|k| (b + k) as f64 / k as f64).product();
    (2.0 / ways).min(1.0)
}

/// Welch's comparison of two means of independent values. None for fewer than two values on a side, or if one is not finite.
pub fn welch(a: &[f64], b: &[f64]) -> Option<Welch> {
    if a.iter().chain(b).any(|x| !x.is_finite()) {
        return None;
    }
    let (ea, eb) = (standard_error(a)?.powi(2), standard_error(b)?.powi(2));
    let difference = mean(a) - mean(b);
    let share = |e: f64, n: usize| e * e / (n - 1) as f64;
    let freedom = (ea + eb).powi(2) / (share(ea, a.len()) + share(eb, b.len()));
    let apart = apart_p(a.len(), b.len());
    let grain = grain([mean(a), mean(b)]);
    Some(Welch { difference, error: (ea + eb).sqrt(), freedom, apart, grain })
}

/// The difference of two means of independent values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Welch {
    pub difference: f64,
    pub error: f64,
    /// NaN if neither side varies.
    pub freedom: f64,
    /// What p is where neither varies.
    apart: f64,
    /// What rounding makes of nothing.
    grain: f64,
}

impl Welch {
    /// The two-sided p of "the difference is `at`".
    pub fn p_value(self, at: f64) -> Option<f64> {
        let away = self.difference - at;
        match self.error == 0.0 {
            true => Some(if away.abs() <= self.grain { 1.0 } else { self.apart }),
            false => two_sided(away / self.error, self.freedom),
        }
    }

    pub fn interval(self, confidence: f64) -> Option<(f64, f64)> {
        let reach = if self.error == 0.0 { 0.0 } else { t_quantile(self.freedom, confidence)? * self.error };
        Some((self.difference - reach, self.difference + reach))
    }
}

/// The standard deviation of a sample.
pub fn deviation(values: &[f64]) -> Option<f64> {
    standard_error(values).map(|e| e * (values.len() as f64).sqrt())
}

/// Hedges' correction of a standardised effect for few values.
pub fn hedges(freedom: usize) -> f64 {
    let half = 0.5 * freedom as f64;
    if freedom < 2 {
        return f64::NAN;
    }
    (ln_gamma(half) - ln_gamma(half - 0.5)).exp() / half.sqrt()
}

/// The mean in standard deviations, corrected for few values.
pub fn effect_of_one(values: &[f64]) -> Option<f64> {
    let spread = deviation(values).filter(|s| *s > 0.0)?;
    Some(mean(values) / spread * hedges(values.len() - 1)).filter(|x| x.is_finite())
}

/// A difference in pooled standard deviations of two independent samples, corrected for few values.
pub fn effect_of_two(a: &[f64], b: &[f64], difference: f64) -> Option<f64> {
    let squares = |v: &[f64]| deviation(v).map(|s| s * s * (v.len() - 1) as f64);
    let freedom = (a.len() + b.len()).checked_sub(2)?;
    let spread = ((squares(a)? + squares(b)?) / freedom as f64).sqrt();
    Some(difference / spread * hedges(freedom)).filter(|x| x.is_finite())
}

/// Pearson's correlation; NaN if one side does not vary.
pub fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let (mx, my) = (mean(x), mean(y));
    let sum = |f: &dyn Fn(f64, f64) -> f64| x.iter().zip(y).map(|(a, b)| f(a - mx, b - my)).sum::<f64>();
    let (xy, xx, yy) = (sum(&|a, b| a * b), sum(&|a, _| a * a), sum(&|_, b| b * b));
    (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0)
}

/// The slope of the least-squares line of y on x, with its standard error, which is 0 where the points lie on the line but for
/// rounding; NaN if x does not vary.
pub fn slope(x: &[f64], y: &[f64]) -> (f64, f64) {
    let (mx, my) = (mean(x), mean(y));
    let xx: f64 = x.iter().map(|a| (a - mx).powi(2)).sum();
    let b = x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum::<f64>() / xx;
    let off = |(p, q): (&f64, &f64)| q - my - b * (p - mx);
    let grain = grain(y.iter().copied());
    if x.iter().zip(y).all(|point| off(point).abs() <= grain) {
        return (b, 0.0);
    }
    let rest: f64 = x.iter().zip(y).map(|point| off(point).powi(2)).sum();
    (b, (rest / x.len().saturating_sub(2) as f64 / xx).sqrt())
}

/// The two-sided p of "the slope is `at`".
pub fn slope_p(x: &[f64], y: &[f64], at: f64) -> Option<f64> {
    let freedom = x.len().checked_sub(2).filter(|f| *f > 0)? as f64;
    let (b, error) = slope(x, y);
    let away = b - at;
    match error {
        0.0 => {
            let reach = x.iter().map(|p| (p - mean(x)).abs()).fold(0.0, f64::max);
            let same = away.abs() * reach <= grain(y.iter().copied());
            Some(if same { 1.0 } else { on_a_line_p(x.len()) })
        }
        e if e.is_finite() => two_sided(away / e, freedom),
        _ => None,
    }
}

/// The two-sided p of "the correlation is `at`", of points that may lie on a line.
pub fn correlation_of_points_p(x: &[f64], y: &[f64], at: f64) -> Option<f64> {
    let r = correlation(x, y);
    let on_a_line = r.is_finite() && slope(x, y).1 == 0.0;
    correlation_p(if on_a_line { r.signum() } else { r }, x.len(), at)
}

/// The two-sided p of "the correlation is `at`": Student's test for 0, Fisher's transformation for any other number.
pub fn correlation_p(r: f64, n: usize, at: f64) -> Option<f64> {
    if n < 4 || !r.is_finite() || at.abs() >= 1.0 {
        return None;
    }
    if r.abs() == 1.0 {
        return Some(if r * at > 0.0 { on_a_line_beyond_p(n, at) } else { on_a_line_p(n) });
    }
    if at == 0.0 {
        let freedom = (n - 2) as f64;
        return two_sided(r * (freedom / (1.0 - r * r)).sqrt(), freedom);
    }
    let z = (r.atanh() - at.atanh()) * ((n - 3) as f64).sqrt();
    Some(2.0 * normal_cdf(-z.abs()))
}

/// Fisher's interval of a correlation.
pub fn correlation_interval(r: f64, n: usize, confidence: f64) -> Option<(f64, f64)> {
    if n < 4 || !r.is_finite() {
        return None;
    }
    let reach = normal_quantile(0.5 + 0.5 * confidence) / ((n - 3) as f64).sqrt();
    Some(((r.atanh() - reach).tanh(), (r.atanh() + reach).tanh()))
}

/// Twice the smaller tail of the exact binomial test of "each of `n` has the probability `share`".
pub fn share_p(met: usize, n: usize, share: f64) -> f64 {
    (2.0 * binomial_at_least(met, n, share).min(binomial_at_most(met, n, share))).min(1.0)
}

/// Clopper and Pearson's interval of a share.
pub fn share_interval(met: usize, n: usize, confidence: f64) -> (f64, f64) {
    let tail = 0.5 * (1.0 - confidence);
    let find = |too_high: &dyn Fn(f64) -> bool| {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if too_high(middle) { high = middle } else { low = middle }
        }
        0.5 * (low + high)
    };
    let low = if met == 0 { 0.0 } else { find(&|p| binomial_at_least(met, n, p) > tail) };
    let high = if met == n { 1.0 } else { find(&|p| binomial_at_most(met, n, p) < tail) };
    (low, high)
}

/// Holm's adjusted p of every member of a family. A member without a p (too few seeds) counts as p = 1: declaring an
/// expectation and not judging it makes the others no easier.
pub fn holm(family: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<usize> = (0..family.len()).collect();
    let p = |i: usize| family[i].unwrap_or(1.0);
    order.sort_by(|&i, &j| p(i).total_cmp(&p(j)));
    let mut adjusted = vec![None; family.len()];
    let mut highest = 0.0_f64;
    for (rank, &i) in order.iter().enumerate() {
        highest = highest.max((p(i) * (family.len() - rank) as f64).min(1.0));
        adjusted[i] = family[i].map(|_| highest);
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-9 * b.abs().max(1e-3), "{a} is not {b}");
    }

    // scipy 1.17.1: stats.ttest_1samp(x, 50).pvalue and its confidence_interval(0.95)
    #[test]
    fn one_sample_is_that_of_scipy() {
        let x = [61.3, 48.2, 52.9, 55.1, 47.7, 50.4, 58.8, 49.5, 53.6, 51.0];
        let interval = t_interval(&x, 0.95).unwrap();
        near(interval.low, 49.63995904289433);
        near(interval.high, 56.06004095710567);
        let shifted: Vec<f64> = x.iter().map(|x| x - 50.0).collect();
        near(t_test(&shifted).unwrap(), 0.07551888499902056);
    }

    // scipy 1.17.1: stats.ttest_rel(a, b)
    #[test]
    fn paired_is_that_of_scipy() {
        let a = [0.951, 0.948, 0.955, 0.960, 0.943, 0.957, 0.949];
        let b = [0.968, 0.967, 0.964, 0.971, 0.970, 0.962, 0.969];
        let d: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        near(t_test(&d).unwrap(), 0.0016252446554896585);
        let at = |confidence| t_interval(&d, confidence).unwrap();
        near(at(0.95).low, -0.022387631482706956);
        near(at(0.95).high, -0.008469511374435927);
        near(at(0.99).low, -0.025972561492909677);
        near(at(0.99).high, -0.004884581364233207);
    }

    // statsmodels 0.15.0: multipletests([0.01, 0.04, 0.03, 0.005, 0.2], method="holm")
    #[test]
    fn holm_is_that_of_statsmodels() {
        let family = [0.01, 0.04, 0.03, 0.005, 0.2].map(Some);
        for (got, want) in holm(&family).into_iter().zip([0.04, 0.09, 0.09, 0.025, 0.2]) {
            near(got.unwrap(), want);
        }
        assert_eq!(holm(&[Some(0.02), None]), [Some(0.04), None]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn values_that_do_not_vary_are_judged_by_how_many_agree() {
        assert_eq!(t_interval(&[0.1; 3], 0.95), Some(Interval { mean: 0.1, low: 0.1, high: 0.1 }));
        // scipy 1.17.1: stats.binomtest(10, 10).pvalue, stats.binomtest(3, 3).pvalue
        near(t_test(&[0.1; 10]).unwrap(), 0.001953125);
        near(t_test(&[0.1; 3]).unwrap(), 0.25);
        assert_eq!(t_test(&[0.0; 3]), Some(1.0));
        // Of the 70 ways to take four of eight, two separate them as much.
        near(welch(&[1.0; 4], &[2.0; 4]).unwrap().p_value(0.0).unwrap(), 2.0 / 70.0);
        assert_eq!(welch(&[1.0; 4], &[1.0; 4]).unwrap().p_value(0.0), Some(1.0));
        // Two of the 120 orders of five points.
        near(correlation_p(1.0, 5, 0.0).unwrap(), 2.0 / 120.0);
        assert_eq!(t_test(&[0.1]), None);
        assert_eq!(t_test(&[0.1, f64::NAN]), None);
        assert_eq!(t_interval(&[], 0.95), None);
    }

    /// A fixed stream of standard normal numbers (Box and Muller 1958).
    fn normals(key: u64) -> impl FnMut() -> f64 {
        let mut stream = rand_chacha::ChaCha8Rng::seed_from_u64(key);
        move || {
            let mut unit = || (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            (-2.0 * (1.0 - unit()).ln()).sqrt() * (std::f64::consts::TAU * unit()).cos()
        }
    }

    #[test]
    fn the_interval_errs_as_often_as_it_says() {
        let mut draw = normals(7);
        let experiments = 2000;
        let mut misses = 0;
        for _ in 0..experiments {
            let seeds: Vec<f64> = (0..10).map(|_| 3.0 + 2.0 * draw()).collect();
            let interval = t_interval(&seeds, 0.95).unwrap();
            misses += usize::from(interval.low > 3.0 || interval.high < 3.0);
        }
        // 100 are expected, with a standard deviation of 9.7; four of these either way.
        assert!((61..=139).contains(&misses), "{misses} of {experiments} intervals miss");
    }

    proptest! {
        #[test]
        fn the_test_and_the_interval_agree(values in prop::collection::vec(-10.0..10.0f64, 2..12)) {
            let interval = t_interval(&values, 0.95).unwrap();
            let p = t_test(&values).unwrap();
            prop_assume!((p - 0.05).abs() > 1e-9);
            prop_assert_eq!(p < 0.05, interval.low > 0.0 || interval.high < 0.0);
        }

        #[test]
        fn a_shift_shifts_the_interval(values in prop::collection::vec(-10.0..10.0f64, 2..12), shift in -5.0..5.0f64) {
            let shifted: Vec<f64> = values.iter().map(|x| x + shift).collect();
            let (a, b) = (t_interval(&values, 0.9).unwrap(), t_interval(&shifted, 0.9).unwrap());
            prop_assert!((a.low + shift - b.low).abs() < 1e-8 && (a.high + shift - b.high).abs() < 1e-8);
        }

        #[test]
        fn holm_keeps_the_order_and_only_raises(family in prop::collection::vec(0.0..1.0f64, 1..10)) {
            let wrapped: Vec<_> = family.iter().copied().map(Some).collect();
            let adjusted: Vec<f64> = holm(&wrapped).into_iter().flatten().collect();
            for i in 0..family.len() {
                prop_assert!(adjusted[i] >= family[i] && adjusted[i] <= 1.0);
                for j in 0..family.len() {
                    prop_assert!(family[i] > family[j] || adjusted[i] <= adjusted[j]);
                }
            }
        }

        #[test]
        fn a_larger_family_is_stricter(family in prop::collection::vec(0.0..1.0f64, 1..10), more in 0.0..1.0f64) {
            let mut larger: Vec<_> = family.iter().copied().map(Some).collect();
            let before = holm(&larger);
            larger.push(Some(more));
            let after = holm(&larger);
            for (a, b) in before.iter().zip(&after) {
                prop_assert!(b >= a);
            }
        }
    }
}
