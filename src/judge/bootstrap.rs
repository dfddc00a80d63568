//! Bootstrap intervals of a mean over seeds, from a fixed stream: the same seeds give the same verdict.
//!
//! - BCa: Efron (1987), "Better bootstrap confidence intervals", Journal of the American Statistical Association
//!   82:171-185; bias from the share of resampled means below the mean, acceleration from the jackknife.
//! - Its levels are widened for few seeds, as Hesterberg (2015), "What teachers should know about the bootstrap", The
//!   American Statistician 69:371-386, does for the percentile interval: a resampled mean varies by sqrt((n - 1) / n)
//!   too little, and the normal quantile is short of Student's. [`widened`] is the level to ask for.
//! - Percentile: the quantiles of the resampled means. Too narrow for few seeds; refused under 20.
//!
//! A p is the level at which the interval begins to leave out zero. It is never below one over the number of resamples.

use super::distributions::{normal_cdf, normal_quantile, t_cdf, t_quantile};
use super::statistics::mean;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// How many resamples are drawn.
pub const RESAMPLES: usize = 10_000;

/// The means of resamples of the values, sorted, with what corrects their bias and skew.
pub struct Bootstrap {
    means: Vec<f64>,
    centre: f64,
    bias: f64,
    acceleration: f64,
    seeds: usize,
}

impl Bootstrap {
    /// BCa.
    pub fn corrected(values: &[f64]) -> Option<Bootstrap> {
        let mut plain = Bootstrap::plain(values)?;
        let below = plain.means.partition_point(|m| *m < plain.centre);
        let up_to = plain.means.partition_point(|m| *m <= plain.centre);
        plain.bias = normal_quantile((below + up_to) as f64 / (2 * plain.means.len()) as f64);
        // The jackknife of a mean: what it changes by without a value is that value's distance over n - 1.
        let distance = |power: i32| values.iter().map(|x| (x - plain.centre).powi(power)).sum::<f64>();
        plain.acceleration = distance(3) / (6.0 * distance(2).powf(1.5));
        (plain.bias.is_finite() && plain.acceleration.is_finite()).then_some(plain)
    }

    /// Percentile: without correction.
    pub fn plain(values: &[f64]) -> Option<Bootstrap> {
        let n = values.len();
        if n < 2 || values.iter().any(|x| !x.is_finite()) || values.iter().all(|x| *x == values[0]) {
            return None;
        }
        let mut stream = stream(n);
        let mut means: Vec<f64> =
            (0..RESAMPLES).map(|_| (0..n).map(|_| values[below(&mut stream, n)]).sum::<f64>() / n as f64).collect();
        means.sort_by(f64::total_cmp);
        Some(Bootstrap { means, centre: mean(values), bias: 0.0, acceleration: 0.0, seeds: n })
    }

    /// The interval at a two-sided confidence.
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        let tail = 0.5 * (1.0 - confidence);
        (self.quantile(self.level(normal_quantile(tail))), self.quantile(self.level(normal_quantile(1.0 - tail))))
    }

    /// The two-sided p of "the mean is zero".
    pub fn p_value(&self) -> f64 {
        let b = self.means.len() as f64;
        let below = self.means.partition_point(|m| *m < 0.0) as f64;
        let up_to = self.means.partition_point(|m| *m <= 0.0) as f64;
        let share = (0.5 * (below + up_to)).clamp(0.5, b - 0.5) / b;
        // The level at which an end of the interval is zero: `level`, turned around.
        let u = normal_quantile(share) - self.bias;
        let z = u / (1.0 + self.acceleration * u) - self.bias;
        (2.0 * normal_cdf(-z.abs())).clamp(1.0 / b, 1.0)
    }

    /// The share of resampled means below an end of the interval, which without correction would be at `z`.
    fn level(&self, z: f64) -> f64 {
        let moved = self.bias + z;
        normal_cdf(self.bias + moved / (1.0 - self.acceleration * moved))
    }

    /// Between neighbours in proportion, as numpy and scipy do.
    fn quantile(&self, share: f64) -> f64 {
        let place = share * (self.means.len() - 1) as f64;
        let (i, rest) = (place.floor() as usize, place.fract());
        let last = self.means.len() - 1;
        let (a, b) = (self.means[i.min(last)], self.means[(i + 1).min(last)]);
        a + (b - a) * rest
    }

    pub fn seeds(&self) -> usize {
        self.seeds
    }
}

/// The confidence to ask a bootstrap of `n` seeds for, so that it covers at `confidence`.
pub fn widened(n: usize, confidence: f64) -> f64 {
    let Some(t) = t_quantile((n - 1) as f64, confidence) else { return confidence };
    2.0 * normal_cdf((n as f64 / (n - 1) as f64).sqrt() * t) - 1.0
}

/// The p that goes with the widened level: the reverse of [`widened`].
pub fn narrowed(n: usize, p: f64) -> f64 {
    let t = normal_quantile(0.5 * p) / (n as f64 / (n - 1) as f64).sqrt();
    t_cdf(t, (n - 1) as f64).map_or(1.0, |tail| (2.0 * tail).min(1.0))
}

/// The stream of resamples of `n` seeds, the same in every run and version.
fn stream(n: usize) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(*blake3::hash(format!("trine judge: resamples of {n} seeds").as_bytes()).as_bytes())
}

fn below(stream: &mut ChaCha8Rng, n: usize) -> usize {
    ((u128::from(stream.next_u64()) * n as u128) >> 64) as usize
}
