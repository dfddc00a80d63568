//! What the runs say on one expectation, before the family is known.

use super::methods::{Sample, Tested};
use super::statistics::{self, Interval};
use super::terms::{self, Means, Values};
use super::{Expectation, Method, Relation, Scope, Statistic, Term};
use crate::run::trace::Trace;

/// The confidence of the interval that goes with `in every seed`.
pub const INFORMATIVE: f64 = 0.95;

/// The name of the test of a trend.
pub(super) const PAGE: &str = "Page's trend";

/// One seed's part in an expectation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed {
    pub seed: u64,
    /// Left minus right; None where one of them is missing.
    pub difference: Option<f64>,
    /// What is shown: the varying side, or the difference without constants. In `unit`.
    pub shown: f64,
}

#[derive(Clone, Debug)]
pub(super) struct Evidence<'a> {
    pub expectation: &'a Expectation,
    pub quantity: String,
    /// How `shown` must compare with `bound` (in `unit`).
    pub relation: Relation,
    pub bound: f64,
    /// Both sides vary: what is shown is their difference.
    pub both: bool,
    pub seeds: Vec<Seed>,
    /// Of more seeds than the expectation counts.
    pub left_out: usize,
    /// The sides are means, or numbers: judged once, not seed by seed.
    pub of_means: bool,
    pub judgeable: bool,
    pub interrupted: bool,
    /// At a confidence: what the test says, of left minus right.
    pub tested: Option<Tested>,
    /// In standard deviations.
    pub effect: Option<f64>,
    /// The name of the test.
    pub method: &'static str,
    /// The values that it tests.
    laid_out: Option<Sample>,
}

impl<'a> Evidence<'a> {
    pub fn gather(expectation: &'a Expectation, trace: &Trace) -> Evidence<'a> {
        let at = matches!(expectation.scope, Scope::At { .. });
        let (l, r) = (&expectation.left, &expectation.right);
        let plain = |means| (terms::evaluate(l, trace, means), terms::evaluate(r, trace, means));
        let of_means = !at && matches!(plain(Means::OverSeeds), (Values::Same(_), Values::Same(_)));
        let means = if at || of_means { Means::BySeed } else { Means::OverSeeds };
        let (left, right) = plain(means);
        let shown = Shown::of(expectation, trace, means);
        let special = Special::of(expectation);
        let seed_of = |seed: u64, values: &Values| match values {
            Values::Same(x) => *x,
            Values::BySeed(all) => all.get(&seed).copied().unwrap_or(f64::NAN),
        };
        let mut seeds: Vec<Seed> = terms::seeds_of(expectation, trace)
            .into_iter()
            .map(|seed| Seed {
                seed,
                difference: difference(seed_of(seed, &left), seed_of(seed, &right), expectation.margin),
                shown: seed_of(seed, &shown.values) / expectation.unit_scale,
            })
            .collect();
        let size = |seed| seed_of(seed, &left).abs().max(seed_of(seed, &right).abs());
        settle(&mut seeds, size, if at { Some(expectation.margin.unwrap_or(0.0)) } else { None });
        let counted = match expectation.scope {
            Scope::AtLeast { of, .. } => of.min(seeds.len()),
            _ => seeds.len(),
        };
        let alone = terms::partners(expectation, trace).len() - seeds.len();
        let left_out = seeds.len() - counted + if at { alone } else { 0 };
        seeds.truncate(counted);
        let linear = terms::linear_in_means(l) && terms::linear_in_means(r);
        let mut evidence = Evidence {
            expectation,
            quantity: shown.quantity,
            relation: shown.relation,
            bound: shown.bound / expectation.unit_scale,
            both: shown.both,
            seeds,
            left_out,
            of_means,
            judgeable: linear || special.is_some() || !(at || of_means),
            interrupted: trace.interrupted,
            tested: None,
            effect: None,
            method: "",
            laid_out: None,
        };
        if let Some(sample) = evidence.sample(trace, special, (&left, &right)) {
            evidence.test(&sample);
            evidence.laid_out = Some(sample);
        }
        evidence
    }

    /// The values to test, for an expectation at a confidence. `self.seeds` is made to tell who is missing.
    fn sample(&mut self, trace: &Trace, special: Option<Special>, sides: (&Values, &Values)) -> Option<Sample> {
        let of = |t: &Term| terms::evaluate(t, trace, Means::BySeed);
        let present = |seed: u64, here: bool| Seed { seed, difference: here.then_some(0.0), shown: f64::NAN };
        match (self.expectation.scope, special) {
            (Scope::Share { share, .. }, _) => {
                let missing = self.missing().len();
                Some(Sample::Share { met: self.met(), missing, of: self.seeds.len(), share })
            }
            (Scope::At { .. }, Some(Special::Points { statistic, x, y, bound, sign })) => {
                let (Values::BySeed(x), Values::BySeed(y)) = (of(x), of(y)) else { return None };
                let (mut xs, mut ys) = (Vec::new(), Vec::new());
                self.seeds.clear();
                for (seed, x) in x {
                    let Some(y) = y.get(&seed).copied() else { continue };
                    let here = x.is_finite() && y.is_finite();
                    self.seeds.push(present(seed, here));
                    if here {
                        xs.push(x);
                        ys.push(y);
                    }
                }
                statistics::settle(&mut xs);
                statistics::settle(&mut ys);
                Some(Sample::Points { statistic, x: xs, y: ys, bound, sign })
            }
            (Scope::At { .. }, Some(Special::Ordered { points, sign })) => {
                let mut seeds = Vec::new();
                self.seeds.clear();
                for (seed, points) in terms::blocks(points, &of) {
                    let mut values: Vec<f64> = points.into_iter().map(|(_, y)| y).collect();
                    let here = values.iter().all(|y| y.is_finite());
                    self.seeds.push(present(seed, here));
                    if here {
                        statistics::settle(&mut values);
                        seeds.push(values);
                    }
                }
                Some(Sample::Ordered { seeds, sign })
            }
            (Scope::At { method: Method::Unpaired, .. }, None) => {
                let (Values::BySeed(a), Values::BySeed(b)) = sides else { return None };
                let all: std::collections::BTreeSet<u64> = a.keys().chain(b.keys()).copied().collect();
                let finite = |side: &std::collections::BTreeMap<u64, f64>, seed| {
                    side.get(seed).is_none_or(|x: &f64| x.is_finite())
                };
                self.seeds = all.iter().map(|s| present(*s, finite(a, s) && finite(b, s))).collect();
                let values = |side: &std::collections::BTreeMap<u64, f64>| {
                    let mut values: Vec<f64> = side.values().copied().filter(|x| x.is_finite()).collect();
                    statistics::settle(&mut values);
                    values
                };
                self.left_out = 0;
                Some(Sample::Arms(values(a), values(b)))
            }
            (Scope::At { .. }, None) => Some(Sample::Paired(self.differences())),
            _ => None,
        }
    }

    fn test(&mut self, sample: &Sample) {
        let (method, confidence) = match self.expectation.scope {
            Scope::At { confidence, method } => (method, confidence),
            Scope::Share { confidence, .. } => (Method::Student, confidence),
            _ => return,
        };
        self.method = match (sample, method, self.expectation.margin) {
            (Sample::Share { .. }, ..) => "exact binomial",
            (Sample::Points { statistic: Statistic::Slope, .. }, ..) => "regression over seeds",
            (Sample::Points { .. }, ..) => "correlation over seeds",
            (Sample::Ordered { .. }, ..) => PAGE,
            (_, Method::Student, None) if self.both => "paired t",
            (_, Method::Student, None) => "one-sample t",
            (_, Method::Student, Some(_)) => "two one-sided t",
            (_, Method::Unpaired, None) => "Welch's t",
            (_, Method::Unpaired, Some(_)) => "two one-sided Welch's t",
            (_, Method::Bootstrap, _) => "BCa bootstrap",
            (_, Method::Percentile, _) => "percentile bootstrap",
            (_, Method::Anytime, _) => "anytime-valid t",
        };
        // An equivalence is about how small a difference is; the others about how it lies beside the bound.
        self.effect = match sample {
            Sample::Paired(_) if self.both => statistics::effect_of_one(&self.shown()),
            Sample::Paired(d) => statistics::effect_of_one(d).map(|x| x * self.sign()),
            Sample::Arms(a, b) => statistics::effect_of_two(a, b, self.estimate_of(sample)),
            _ => None,
        };
        self.tested = Some(sample.test(method, confidence, self.expectation.margin));
    }

    /// The difference of two arms without the numbers beside them, in base units.
    fn estimate_of(&self, sample: &Sample) -> f64 {
        let Sample::Arms(a, b) = sample else { return f64::NAN };
        statistics::mean(a) - statistics::mean(b) + self.bound * self.expectation.unit_scale
    }

    /// What is shown grows with left minus right, or falls with it if the right side is shown.
    pub fn sign(&self) -> f64 {
        if self.relation == self.expectation.relation && !self.turned() { 1.0 } else { -1.0 }
    }

    /// An equality reads the same both ways: whether the right side is what varies.
    fn turned(&self) -> bool {
        self.expectation.relation == Relation::Equal && terms::is_constant(&self.expectation.left)
    }

    pub fn differences(&self) -> Vec<f64> {
        self.seeds.iter().filter_map(|s| s.difference).collect()
    }

    pub fn missing(&self) -> Vec<u64> {
        self.seeds.iter().filter(|s| s.difference.is_none()).map(|s| s.seed).collect()
    }

    /// The shown values of the seeds that have one.
    pub fn shown(&self) -> Vec<f64> {
        self.seeds.iter().filter(|s| s.difference.is_some()).map(|s| s.shown).collect()
    }

    /// The confidence that was asked for.
    pub fn confidence(&self) -> f64 {
        match self.expectation.scope {
            Scope::At { confidence, .. } | Scope::Share { confidence, .. } => confidence,
            _ => INFORMATIVE,
        }
    }

    /// What the values of single seeds add up to, where they do.
    pub fn estimate(&self) -> Option<f64> {
        let shown = self.shown();
        match (&self.tested, self.expectation.scope) {
            _ if shown.is_empty() => None,
            (Some(t), Scope::Share { share, .. }) => Some(t.difference + share).filter(|x| x.is_finite()),
            (Some(t), _) if shown[0].is_nan() => {
                let x = self.bound + self.sign() * t.difference / self.expectation.unit_scale;
                Some(x).filter(|x| x.is_finite())
            }
            _ => Some(statistics::mean(&shown)),
        }
    }

    /// The interval of the estimate with its confidence.
    pub fn interval(&self) -> Option<((f64, f64), f64)> {
        let Some(t) = &self.tested else {
            let of = |i: Interval| ((i.low, i.high), INFORMATIVE);
            return statistics::t_interval(&self.shown(), INFORMATIVE).map(of);
        };
        if let Scope::Share { share, .. } = self.expectation.scope {
            return t.interval.map(|(low, high)| ((low + share, high + share), t.confidence));
        }
        let shown = self.shown();
        if let (Scope::At { method: Method::Student, .. }, Some(x)) = (self.expectation.scope, shown.first())
            && x.is_finite()
        {
            return statistics::t_interval(&shown, t.confidence).map(|i| ((i.low, i.high), t.confidence));
        }
        let sign = self.sign();
        let place = |d: f64| self.bound + sign * d / self.expectation.unit_scale;
        let (low, high) = t.interval?;
        let (a, b) = (place(low), place(high));
        Some(((a.min(b), a.max(b)), t.confidence))
    }

    pub fn p_value(&self) -> Option<f64> {
        let may_miss = matches!(self.expectation.scope, Scope::Share { .. });
        if !self.judgeable || !(may_miss || self.missing().is_empty()) {
            return None;
        }
        self.tested.and_then(|t| t.p)
    }

    /// How many seeds meet the comparison.
    pub fn met(&self) -> usize {
        self.differences().into_iter().filter(|&d| self.meets(d)).count()
    }

    /// Whether a difference of the two sides is as expected.
    pub fn meets(&self, difference: f64) -> bool {
        match self.expectation.margin {
            Some(margin) => difference.abs() <= margin,
            None => holds(self.expectation.relation, difference),
        }
    }
}

impl Expectation {
    /// It is judged at a confidence, and corrected for all others that are.
    pub fn is_corrected(&self) -> bool {
        matches!(self.scope, Scope::At { .. } | Scope::Share { .. })
    }

    /// Its test may be looked at after every seed.
    pub fn is_anytime(&self) -> bool {
        matches!(self.scope, Scope::At { method: Method::Anytime, .. })
    }

    /// A statistic over seeds beside a number, or a mean trend beside zero: judged by a test of its own.
    pub fn is_special(&self) -> bool {
        Special::of(self).is_some()
    }
}

/// Comparisons that no linear combination of means can express.
enum Special<'e> {
    /// A statistic over seeds beside a number.
    Points { statistic: Statistic, x: &'e Term, y: &'e Term, bound: f64, sign: f64 },
    /// A mean trend beside zero.
    Ordered { points: &'e [(Term, Term)], sign: f64 },
}

impl<'e> Special<'e> {
    fn of(e: &'e Expectation) -> Option<Special<'e>> {
        let (term, bound, sign) = match (terms::split_constant(&e.left), terms::split_constant(&e.right)) {
            ((Some(_), 0.0), (None, bound)) => (&e.left, bound, 1.0),
            ((None, bound), (Some(_), 0.0)) => (&e.right, bound, -1.0),
            _ => return None,
        };
        match term {
            Term::OverSeeds { statistic, x, y, .. } if *statistic != Statistic::Trend => {
                Some(Special::Points { statistic: *statistic, x, y, bound, sign })
            }
            Term::Mean(inner) => match &**inner {
                Term::OverConditions { statistic: Statistic::Trend, points, .. } if bound == 0.0 => {
                    Some(Special::Ordered { points, sign })
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// What is shown of an expectation.
struct Shown {
    values: Values,
    relation: Relation,
    bound: f64,
    quantity: String,
    both: bool,
}

impl Shown {
    fn of(expectation: &Expectation, trace: &Trace, means: Means) -> Shown {
        let (l, r) = (&expectation.left, &expectation.right);
        let of = |term| terms::evaluate(term, trace, means);
        let (relation, both) = (expectation.relation, false);
        match (terms::split_constant(l), terms::split_constant(r)) {
            ((left, c), (None, bound)) => {
                let quantity = terms::describe(left.as_ref().filter(|_| c == 0.0).unwrap_or(l), trace);
                Shown { values: of(l), relation, bound, quantity, both }
            }
            ((None, bound), _) => {
                Shown { values: of(r), relation: turned(relation), bound, quantity: terms::describe(r, trace), both }
            }
            ((Some(a), c), (Some(b), d)) => {
                let difference = Term::Subtract(Box::new(a), Box::new(b));
                let quantity = terms::describe(&difference, trace);
                Shown { values: of(&difference), relation, bound: d - c, quantity, both: true }
            }
        }
    }
}

/// The relation as the right side sees it.
fn turned(relation: Relation) -> Relation {
    match relation {
        Relation::Less => Relation::Greater,
        Relation::LessEqual => Relation::GreaterEqual,
        Relation::Greater => Relation::Less,
        Relation::GreaterEqual => Relation::LessEqual,
        Relation::Equal => Relation::Equal,
    }
}

/// Differences that are the same but for rounding are the same. A test asks further whether they lie at its `bound`, on either
/// side of zero, and not merely near it.
fn settle(seeds: &mut [Seed], size: impl Fn(u64) -> f64, bound: Option<f64>) {
    let grain = statistics::grain(seeds.iter().filter(|s| s.difference.is_some()).map(|s| size(s.seed)));
    let all = || seeds.iter().filter_map(|s| s.difference);
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    if let Some(first) = all().next()
        && high - low <= grain
    {
        // On one side of zero, or zero all of them.
        let side = if low * high > 0.0 { first } else { 0.0 };
        let at = bound.map(|b| b.copysign(side)).filter(|b| (side - b).abs() <= grain);
        seeds.iter_mut().filter_map(|s| s.difference.as_mut()).for_each(|d| *d = at.unwrap_or(side));
    }
}

/// `left - right`: zero, or the margin, if it is that but for the rounding of a unit's factor or of a decimal fraction.
fn difference(left: f64, right: f64, margin: Option<f64>) -> Option<f64> {
    if !left.is_finite() || !right.is_finite() {
        return None;
    }
    let rounding = 4.0 * f64::EPSILON * left.abs().max(right.abs());
    let d = left - right;
    let places = [0.0, margin.unwrap_or(0.0).copysign(d)];
    Some(places.into_iter().find(|place| (d - place).abs() <= rounding).unwrap_or(d))
}

pub(super) fn holds(relation: Relation, difference: f64) -> bool {
    match relation {
        Relation::Less => difference < 0.0,
        Relation::LessEqual => difference <= 0.0,
        Relation::Greater => difference > 0.0,
        Relation::GreaterEqual => difference >= 0.0,
        Relation::Equal => difference == 0.0,
    }
}

/// What kind of test an expectation will meet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Planned {
    /// Of means, or seed by seed.
    Means,
    Slope,
    Correlation {
        bound: f64,
        sign: f64,
    },
    Trend {
        conditions: usize,
    },
}

impl Planned {
    pub fn of(e: &Expectation) -> Planned {
        match Special::of(e) {
            Some(Special::Points { statistic: Statistic::Slope, .. }) => Planned::Slope,
            Some(Special::Points { bound, sign, .. }) => Planned::Correlation { bound, sign },
            Some(Special::Ordered { points, .. }) => Planned::Trend { conditions: points.len() },
            None => Planned::Means,
        }
    }

    /// Degrees of freedom of the spread.
    pub fn freedom(self, method: Method, n: usize) -> Option<f64> {
        Some(match (self, method) {
            (Planned::Slope, _) => n.checked_sub(2)? as f64,
            (_, Method::Unpaired) => 2.0 * n.checked_sub(1)? as f64,
            _ => n.checked_sub(1)? as f64,
        })
    }
}

impl Evidence<'_> {
    /// Left minus right over seeds, its spread from seed to seed, and how many seeds there are.
    pub fn summary(&self) -> Option<(f64, f64, usize)> {
        let d = self.differences();
        let n = d.len();
        let of_one = |values: &[f64]| Some((statistics::mean(values), statistics::deviation(values)?, n));
        match (&self.laid_out, self.of_means) {
            (_, true) => None,
            (None, _) | (Some(Sample::Paired(_) | Sample::Share { .. }), _) => of_one(&d),
            (Some(Sample::Arms(a, b)), _) => {
                let spread = statistics::deviation(a)?.hypot(statistics::deviation(b)?);
                Some((statistics::mean(a) - statistics::mean(b), spread, n))
            }
            (Some(Sample::Points { statistic: Statistic::Slope, x, y, bound, sign }), _) => {
                let (slope, error) = statistics::slope(x, y);
                Some((sign * (slope - bound), error * (n as f64).sqrt(), n))
            }
            (Some(Sample::Points { x, y, bound, sign, .. }), _) => {
                Some((sign * (statistics::correlation(x, y) - bound), 1.0, n))
            }
            (Some(Sample::Ordered { seeds, sign }), _) => {
                let each: Vec<f64> = seeds.iter().map(|s| sign * super::trend::spearman(s)).collect();
                // Seeds that all agree could have disagreed a little: at least what one step of rank changes.
                let (mean, spread, n) = of_one(&each)?;
                Some((mean, spread.max(1e-3), n))
            }
        }
    }
}
