//! What a sample says on "left minus right is zero": a p, an interval and an effect, by the method that was asked for.
//!
//! Everything here speaks of left minus right, in base units; `evidence` turns it into what is shown.

use super::bootstrap::{Bootstrap, narrowed, widened};
use super::{Method, Statistic, sequential, statistics, trend};

/// The seeds' values, laid out for a test.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// Left minus right, seed by seed.
    Paired(Vec<f64>),
    /// The values of left and of right.
    Arms(Vec<f64>, Vec<f64>),
    /// A statistic of points, one a seed, times `sign`, minus `bound`.
    Points { statistic: Statistic, x: Vec<f64>, y: Vec<f64>, bound: f64, sign: f64 },
    /// The values of every condition in the order of x, one list a seed; `sign` is -1 if the right side is the trend.
    Ordered { seeds: Vec<Vec<f64>>, sign: f64 },
    /// How many of the seeds meet a comparison, how many have no value, and the share that is asked for.
    Share { met: usize, missing: usize, of: usize, share: f64 },
}

/// What a test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tested {
    /// Left minus right.
    pub difference: f64,
    /// Of the same, at `confidence`.
    pub interval: Option<(f64, f64)>,
    pub confidence: f64,
    /// Of the decision that the difference points to: two-sided for a direction, the larger of two one-sided ones for
    /// an equivalence. None if there are too few seeds.
    pub p: Option<f64>,
    /// The values do not vary.
    pub exact: bool,
}

impl Sample {
    /// The test of "zero", or, with a margin, of "further from zero than the margin".
    pub fn test(&self, method: Method, confidence: f64, margin: Option<f64>) -> Tested {
        let Some(margin) = margin else {
            let difference = self.difference();
            return Tested {
                difference,
                interval: self.interval(method, confidence),
                confidence,
                p: self.p_value(method, 0.0),
                exact: self.is_constant(),
            };
        };
        self.equivalence(method, confidence, margin)
    }

    /// Two one-sided tests (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15:657-680). An interval
    /// at 1 - 2 alpha within the margin says the same. That the difference is *beyond* the margin is judged two-sided.
    fn equivalence(&self, method: Method, confidence: f64, margin: f64) -> Tested {
        let difference = self.difference();
        let inside = difference.abs() < margin;
        let halved = |p: f64| if method == Method::Anytime { p } else { 0.5 * p };
        let (lower, upper) = (self.p_value(method, -margin), self.p_value(method, margin));
        let p = match (lower, upper) {
            (Some(a), Some(b)) if inside => Some(halved(a.max(b))),
            (Some(a), Some(b)) => Some(if difference > 0.0 { b } else { a }),
            _ => None,
        };
        let confidence = if method == Method::Anytime { confidence } else { 2.0 * confidence - 1.0 };
        let interval = self.interval(method, confidence);
        Tested { difference, interval, confidence, p, exact: self.is_constant() }
    }

    fn difference(&self) -> f64 {
        match self {
            Sample::Paired(d) => statistics::mean(d),
            Sample::Arms(a, b) => statistics::mean(a) - statistics::mean(b),
            Sample::Points { statistic: Statistic::Slope, x, y, bound, sign } => {
                sign * (statistics::slope(x, y).0 - bound)
            }
            Sample::Points { x, y, bound, sign, .. } => sign * (statistics::correlation(x, y) - bound),
            Sample::Ordered { seeds, sign } => {
                sign * statistics::mean(&seeds.iter().map(|s| trend::spearman(s)).collect::<Vec<_>>())
            }
            Sample::Share { met, missing, of, share } => *met as f64 / of.saturating_sub(*missing) as f64 - share,
        }
    }

    fn is_constant(&self) -> bool {
        let constant = |v: &[f64]| v.len() > 1 && v.iter().all(|x| *x == v[0]);
        match self {
            Sample::Paired(d) => constant(d),
            Sample::Arms(a, b) => constant(a) && constant(b),
            _ => false,
        }
    }

    fn interval(&self, method: Method, confidence: f64) -> Option<(f64, f64)> {
        let turned = |sign: f64, (low, high): (f64, f64)| if sign < 0.0 { (-high, -low) } else { (low, high) };
        match self {
            Sample::Paired(d) => of_one(d, method, confidence),
            Sample::Arms(a, b) => statistics::welch(a, b)?.interval(confidence),
            Sample::Points { statistic: Statistic::Slope, x, y, bound, sign } => {
                let (b, error) = statistics::slope(x, y);
                let freedom = x.len().checked_sub(2).filter(|f| *f > 0)? as f64;
                let reach = super::distributions::t_quantile(freedom, confidence)? * error;
                reach.is_finite().then(|| turned(*sign, (b - bound - reach, b - bound + reach)))
            }
            Sample::Points { x, y, bound, sign, .. } => {
                let r = statistics::correlation(x, y);
                let (low, high) = statistics::correlation_interval(r, x.len(), confidence)?;
                Some(turned(*sign, (low - bound, high - bound)))
            }
            Sample::Ordered { .. } => None,
            Sample::Share { met, missing, of, share } => {
                let (low, _) = statistics::share_interval(*met, *of, confidence);
                let (_, high) = statistics::share_interval(met + missing, *of, confidence);
                Some((low - share, high - share))
            }
        }
    }

    /// The two-sided p of "left minus right is `at`".
    fn p_value(&self, method: Method, at: f64) -> Option<f64> {
        match self {
            Sample::Paired(d) => p_of_one(&d.iter().map(|x| x - at).collect::<Vec<_>>(), method),
            Sample::Arms(a, b) => statistics::welch(a, b)?.p_value(at),
            Sample::Points { statistic: Statistic::Slope, x, y, bound, sign } => {
                statistics::slope_p(x, y, bound + sign * at)
            }
            Sample::Points { x, y, bound, sign, .. } => statistics::correlation_of_points_p(x, y, bound + sign * at),
            Sample::Ordered { seeds, .. } => trend::page(seeds),
            Sample::Share { met, missing, of, share } => share_p(*met, *missing, *of, *share),
        }
    }

    /// The size of the effect: for means over seeds, in standard deviations between seeds.
    pub fn effect(&self) -> Option<f64> {
        match self {
            Sample::Paired(d) => statistics::effect_of_one(d),
            Sample::Arms(a, b) => statistics::effect_of_two(a, b, self.difference()),
            _ => None,
        }
    }
}

/// If seeds without a value could turn the answer, there is none; else the larger p of the two extremes.
fn share_p(met: usize, missing: usize, of: usize, share: f64) -> Option<f64> {
    if of == 0 {
        return None;
    }
    let above = |met: usize| met as f64 / of as f64 > share;
    let p = |met: usize| statistics::share_p(met, of, share);
    (above(met) == above(met + missing)).then(|| p(met).max(p(met + missing)))
}

fn of_one(values: &[f64], method: Method, confidence: f64) -> Option<(f64, f64)> {
    if let (true, Some(first)) = (values.len() > 1 && values.iter().all(|x| *x == values[0]), values.first())
        && method != Method::Anytime
    {
        return first.is_finite().then_some((*first, *first));
    }
    match method {
        Method::Student | Method::Unpaired => statistics::t_interval(values, confidence).map(|i| (i.low, i.high)),
        Method::Bootstrap => Some(Bootstrap::corrected(values)?.interval(widened(values.len(), confidence))),
        Method::Percentile => Some(Bootstrap::plain(values)?.interval(confidence)),
        Method::Anytime => sequential::interval(values, confidence),
    }
}

fn p_of_one(values: &[f64], method: Method) -> Option<f64> {
    if values.len() < method.fewest_seeds() {
        return None;
    }
    let known = values.iter().all(|x| *x == values[0]);
    match method {
        Method::Anytime => Some((1.0 / sequential::e_value(values)?).min(1.0)),
        _ if known => statistics::t_test(values),
        Method::Student | Method::Unpaired => statistics::t_test(values),
        Method::Bootstrap => Some(narrowed(values.len(), Bootstrap::corrected(values)?.p_value())),
        Method::Percentile => Some(Bootstrap::plain(values)?.p_value()),
    }
}
