//! Trends over ordered conditions, seed by seed: Page's test.
//!
//! Page (1963), "Ordered hypotheses for multiple treatments", Journal of the American Statistical Association
//! 58:216-230. In every seed the conditions are ranked by their value (ties share the mean rank); L is the sum of rank
//! times place. Without a trend every order of a seed's ranks is equally likely, so the distribution of L is counted
//! out (for up to 8 conditions and 20 seeds), given the ties that there are; beyond that it is taken as normal.

use super::distributions::normal_cdf;

/// Twice the rank of every value, so that shared ranks are whole numbers.
fn doubled_ranks(values: &[f64]) -> Vec<u64> {
    let count = |f: &dyn Fn(f64) -> bool| values.iter().filter(|v| f(**v)).count() as u64;
    values.iter().map(|&x| 2 * count(&|v| v < x) + count(&|v| v == x) + 1).collect()
}

/// Spearman's rank correlation of the values with their places; 0 if all are equal. NaN if one is missing.
pub fn spearman(values: &[f64]) -> f64 {
    if values.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    let ranks: Vec<f64> = doubled_ranks(values).into_iter().map(|r| r as f64).collect();
    let places: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
    let r = super::statistics::correlation(&places, &ranks);
    if r.is_nan() { 0.0 } else { r }
}

/// The two-sided p of "no trend" over seeds, each a list of values in the order of the conditions.
pub fn page(seeds: &[Vec<f64>]) -> Option<f64> {
    let k = seeds.first()?.len();
    // One seed is no sample of seeds, whatever its conditions say.
    if seeds.len() < 2 || k < 2 || seeds.iter().any(|s| s.len() != k || s.iter().any(|x| !x.is_finite())) {
        return None;
    }
    let ranks: Vec<Vec<u64>> = seeds.iter().map(|s| doubled_ranks(s)).collect();
    let l: u64 = ranks.iter().map(|r| weighed(r)).sum();
    let (upper, lower) = if k <= 8 && seeds.len() <= 20 { exact(&ranks, l) } else { normal(&ranks, l) };
    Some((2.0 * upper.min(lower)).min(1.0))
}

/// Twice L of one seed.
fn weighed(ranks: &[u64]) -> u64 {
    ranks.iter().enumerate().map(|(i, r)| (i as u64 + 1) * r).sum()
}

/// The probabilities of at least and of at most this L.
fn exact(ranks: &[Vec<u64>], l: u64) -> (f64, f64) {
    let mut sums = vec![1.0];
    let mut known: Vec<(Vec<u64>, Vec<f64>)> = Vec::new();
    for seed in ranks {
        let mut sorted = seed.clone();
        sorted.sort_unstable();
        let one = match known.iter().find(|(r, _)| *r == sorted) {
            Some((_, d)) => d.clone(),
            None => {
                let d = orders(&sorted);
                known.push((sorted, d.clone()));
                d
            }
        };
        let mut next = vec![0.0; sums.len() + one.len() - 1];
        for (i, a) in sums.iter().enumerate().filter(|(_, a)| **a > 0.0) {
            for (j, b) in one.iter().enumerate() {
                next[i + j] += a * b;
            }
        }
        sums = next;
    }
    let at = (l as usize).min(sums.len() - 1);
    (sums[at..].iter().sum(), sums[..=at].iter().sum())
}

/// The distribution of twice L over all orders of one seed's ranks, by how the places 1, 2, ... are filled.
fn orders(ranks: &[u64]) -> Vec<f64> {
    let k = ranks.len();
    let most = (k as u64 * ranks.iter().sum::<u64>()) as usize;
    let mut of: Vec<Vec<f64>> = vec![Vec::new(); 1 << k];
    of[0] = vec![0.0; most + 1];
    of[0][0] = 1.0;
    for taken in 0..(1usize << k) - 1 {
        let sums = std::mem::take(&mut of[taken]);
        let place = taken.count_ones() as usize + 1;
        for (i, rank) in ranks.iter().enumerate().filter(|(i, _)| taken >> i & 1 == 0) {
            let next = &mut of[taken | 1 << i];
            next.resize(most + 1, 0.0);
            let step = place * *rank as usize;
            for (sum, share) in sums.iter().enumerate().filter(|(_, share)| **share > 0.0) {
                next[sum + step] += share / (k + 1 - place) as f64;
            }
        }
    }
    let mut all = of.pop().unwrap_or_default();
    while all.last() == Some(&0.0) {
        all.pop();
    }
    all
}

fn normal(ranks: &[Vec<u64>], l: u64) -> (f64, f64) {
    let k = ranks[0].len() as f64;
    let places: f64 = k * (k * k - 1.0) / 12.0;
    let (mut centre, mut spread) = (0.0, 0.0);
    for seed in ranks {
        let middle = seed.iter().sum::<u64>() as f64 / k;
        centre += middle * k * (k + 1.0) / 2.0;
        spread += seed.iter().map(|r| (*r as f64 - middle).powi(2)).sum::<f64>() * places / (k - 1.0);
    }
    if spread == 0.0 {
        return (1.0, 1.0);
    }
    let z = (l as f64 - centre) / spread.sqrt();
    (normal_cdf(-z), normal_cdf(z))
}
