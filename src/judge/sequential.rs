//! A test of a mean that may be looked at after every seed: e-values for Student's problem.
//!
//! With the effect size (mean over standard deviation) drawn from a normal distribution of variance 1 under the
//! alternative, and the right Haar prior on the standard deviation under both, the Bayes factor of the t statistic is
//!
//! ```text
//! E = (1 + n)^(-1/2) * ((1 + t^2 / (n - 1)) / (1 + t^2 / ((n - 1) (1 + n))))^(n / 2)
//! ```
//!
//! It is an e-process: under "the mean is zero" the chance that it *ever* reaches 1 / alpha is at most alpha, however
//! it was decided when to stop (Ville 1939; Perez-Ortiz, Lardy, de Heide & Grunwald 2024, "E-statistics, group
//! invariance and anytime-valid testing", Annals of Statistics 52:1410-1432; Wang & Ramdas 2025, "Anytime-valid
//! t-tests and confidence sequences for Gaussian means with unknown variance", Sequential Analysis 44:56-110). So
//! 1 / E serves as a p, and the means that it does not reject are an interval that is valid at every look.

use super::statistics::{mean, standard_error};

/// The e-value of "the mean is zero".
pub fn e_value(values: &[f64]) -> Option<f64> {
    if values.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let n = values.len() as f64;
    let (centre, error) = (mean(values), standard_error(values)?);
    if error == 0.0 && centre != 0.0 {
        // Nothing but their signs to go by: the Bayes factor of a side whose probability may be anything (Robbins 1970, Annals
        // of Mathematical Statistics 41:1397-1409), where all lie on one.
        return Some(2f64.powf(n) / (n + 1.0));
    }
    let square = if centre == 0.0 { 0.0 } else { (centre / error).powi(2) } / (n - 1.0);
    let log = -0.5 * n.ln_1p() + 0.5 * n * (square.ln_1p() - (square / (1.0 + n)).ln_1p());
    Some(log.exp())
}

/// The t beyond which the e-value of `n` values is over `1 / level`; none if no t is enough.
pub fn critical_t(n: usize, level: f64) -> Option<f64> {
    if n < 2 {
        return None;
    }
    let n = n as f64;
    let ratio = ((2.0 / n) * (0.5 * n.ln_1p() - level.ln())).exp();
    (ratio < 1.0 + n).then(|| ((n - 1.0) * (ratio - 1.0) / (1.0 - ratio / (1.0 + n))).sqrt())
}

/// The means that are not rejected at this many values, whenever one looks. None if that is all of them.
pub fn interval(values: &[f64], confidence: f64) -> Option<(f64, f64)> {
    let reach = critical_t(values.len(), 1.0 - confidence)? * standard_error(values)?;
    let centre = mean(values);
    reach.is_finite().then_some((centre - reach, centre + reach))
}
