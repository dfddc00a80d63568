//! The value of a term, seed by seed, from what the runs left behind.
//!
//! Seeds are paired by their number, across conditions and experiments: a seed that only one side has is left out, a
//! seed that a condition was to run and that has no finite value there (the replicate ended early, the measure is not
//! finite) is kept as missing.

use super::{Expectation, Moment, Statistic, Term};
use crate::run::trace::{ConditionTrace, MeasureTrace, Trace};
use std::collections::{BTreeMap, BTreeSet};

/// A term's value: the same for all seeds, or one a seed, NaN where it is missing.
#[derive(Clone, Debug, PartialEq)]
pub enum Values<T = f64> {
    Same(T),
    BySeed(BTreeMap<u64, T>),
}

/// What `mean` of a term over seeds is taken to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// The mean itself.
    OverSeeds,
    /// The value of each seed: the mean is taken by whoever looks at the values. Allowed where a term is
    /// [`linear_in_means`].
    BySeed,
}

/// True if `at 95 %` can judge a comparison with this term: a sum of means over seeds, each times a number, and of
/// numbers. Then the term with every mean replaced by a seed's value has the term itself as its mean over seeds.
pub fn linear_in_means(term: &Term) -> bool {
    match term {
        Term::Mean(inner) => !has_mean(inner) && has_series(inner),
        Term::Negate(x) => linear_in_means(x),
        Term::Add(a, b) | Term::Subtract(a, b) => linear_in_means(a) && linear_in_means(b),
        Term::Multiply(a, b) => linear_in_means(a) && linear_in_means(b) && (is_constant(a) || is_constant(b)),
        Term::Divide(a, b) => linear_in_means(a) && is_constant(b),
        other => is_constant(other),
    }
}

/// True if the term is made of numbers alone.
pub fn is_constant(term: &Term) -> bool {
    !has_series(term)
}

fn has_series(term: &Term) -> bool {
    matches!(term, Term::Series { .. }) || children(term).into_iter().any(has_series)
}

fn has_mean(term: &Term) -> bool {
    matches!(term, Term::Mean(_) | Term::OverSeeds { .. }) || children(term).into_iter().any(has_mean)
}

/// The terms that a term is made of.
pub fn children(term: &Term) -> Vec<&Term> {
    match term {
        Term::Number(_) | Term::Series { .. } => vec![],
        Term::Mean(a) | Term::Negate(a) | Term::Abs(a) | Term::Log(a) => vec![a],
        Term::OverConditions { points, .. } => points.iter().flat_map(|(x, y)| [x, y]).collect(),
        Term::OverSeeds { x, y, .. } => vec![x, y],
        Term::Add(a, b)
        | Term::Subtract(a, b)
        | Term::Multiply(a, b)
        | Term::Divide(a, b)
        | Term::Min(a, b)
        | Term::Max(a, b) => vec![a, b],
    }
}

/// The value of a term over the seeds of a trace, in base units.
pub fn evaluate(term: &Term, trace: &Trace, means: Means) -> Values {
    let of = |t: &Term| evaluate(t, trace, means);
    match term {
        Term::Number(x) => Values::Same(*x),
        Term::Series { experiment, condition, measure, moment, scale } => {
            let mut values = series(trace, experiment, *condition, measure, *moment);
            values.values_mut().for_each(|x| *x *= scale);
            Values::BySeed(values)
        }
        Term::Mean(x) => match (of(x), means) {
            (Values::BySeed(values), Means::OverSeeds) => {
                Values::Same(super::statistics::mean(&values.into_values().collect::<Vec<_>>()))
            }
            (values, _) => values,
        },
        Term::OverConditions { statistic, points, .. } => over_conditions(*statistic, points, &of),
        Term::OverSeeds { statistic, x, y, .. } => {
            let (x, y) = paired(of(x), of(y));
            Values::Same(statistic_of(*statistic, &x, &y))
        }
        Term::Negate(x) => of(x).map(|x| -x),
        Term::Abs(x) => of(x).map(f64::abs),
        Term::Log(x) => of(x).map(f64::ln),
        Term::Add(a, b) => of(a).zip(of(b), |a, b| a + b),
        Term::Subtract(a, b) => of(a).zip(of(b), |a, b| a - b),
        Term::Multiply(a, b) => of(a).zip(of(b), |a, b| a * b),
        Term::Divide(a, b) => of(a).zip(of(b), |a, b| a / b),
        // Those of the standard library prefer the number to the NaN, which would hide a missing seed.
        Term::Min(a, b) => of(a).zip(of(b), |a, b| if a.is_nan() || a < b { a } else { b }),
        Term::Max(a, b) => of(a).zip(of(b), |a, b| if a.is_nan() || a > b { a } else { b }),
    }
}

/// The values of two terms in the seeds that both have, NaN where one is missing.
pub fn paired(x: Values, y: Values) -> (Vec<f64>, Vec<f64>) {
    match (x, y) {
        (Values::BySeed(x), Values::BySeed(y)) => {
            x.into_iter().filter_map(|(seed, x)| y.get(&seed).map(|&y| (x, y))).unzip()
        }
        _ => (Vec::new(), Vec::new()),
    }
}

/// The values of a term in every condition, seed by seed, in the order of the points.
pub fn blocks(points: &[(Term, Term)], of: &dyn Fn(&Term) -> Values) -> BTreeMap<u64, Vec<(f64, f64)>> {
    let mut found: Option<BTreeMap<u64, Vec<(f64, f64)>>> = None;
    for (x, y) in points {
        let Values::BySeed(here) = of(x).zip(of(y), |x, y| (x, y)) else { return BTreeMap::new() };
        found = Some(match found {
            None => here.into_iter().map(|(seed, point)| (seed, vec![point])).collect(),
            Some(mut all) => {
                all.retain(|seed, _| here.contains_key(seed));
                all.iter_mut().for_each(|(seed, points)| points.push(here[seed]));
                all
            }
        });
    }
    found.unwrap_or_default()
}

fn over_conditions(statistic: Statistic, points: &[(Term, Term)], of: &dyn Fn(&Term) -> Values) -> Values {
    let one = |points: Vec<(f64, f64)>| {
        let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        statistic_of(statistic, &x, &y)
    };
    Values::BySeed(blocks(points, of).into_iter().map(|(seed, points)| (seed, one(points))).collect())
}

fn statistic_of(statistic: Statistic, x: &[f64], y: &[f64]) -> f64 {
    match statistic {
        Statistic::Slope => super::statistics::slope(x, y).0,
        Statistic::Correlation => super::statistics::correlation(x, y),
        Statistic::Trend => super::trend::spearman(y),
    }
}

impl Values {
    fn map(self, f: impl Fn(f64) -> f64) -> Values {
        match self {
            Values::Same(x) => Values::Same(f(x)),
            Values::BySeed(values) => Values::BySeed(values.into_iter().map(|(s, x)| (s, f(x))).collect()),
        }
    }

    /// Pairs two values by seed; a seed that only one has is left out.
    pub fn zip<T>(self, other: Values, f: impl Fn(f64, f64) -> T) -> Values<T> {
        let each = |values: BTreeMap<u64, f64>, f: &dyn Fn(f64) -> T| {
            Values::BySeed(values.into_iter().map(|(seed, x)| (seed, f(x))).collect())
        };
        match (self, other) {
            (Values::Same(a), Values::Same(b)) => Values::Same(f(a, b)),
            (Values::Same(a), Values::BySeed(b)) => each(b, &|b| f(a, b)),
            (Values::BySeed(a), Values::Same(b)) => each(a, &|a| f(a, b)),
            (Values::BySeed(a), Values::BySeed(b)) => {
                let both = a.into_iter().filter_map(|(seed, a)| b.get(&seed).map(|&b| (seed, f(a, b))));
                Values::BySeed(both.collect())
            }
        }
    }
}

/// One value a seed that the experiment was to run, NaN if this condition lacks it.
fn series(trace: &Trace, experiment: &str, condition: usize, measure: &str, moment: Moment) -> BTreeMap<u64, f64> {
    let Some(experiment) = trace.experiments.iter().find(|e| e.name == experiment) else {
        return BTreeMap::new();
    };
    let seeds: BTreeSet<u64> = experiment.conditions.iter().flat_map(|c| c.seeds.iter().copied()).collect();
    let found = experiment
        .conditions
        .get(condition)
        .and_then(|c| c.measures.iter().find(|m| m.name == measure).map(|m| (c, m)));
    let value = |seed| found.map_or(f64::NAN, |(c, m)| at_moment(c, m, seed, moment));
    seeds.into_iter().map(|seed| (seed, value(seed))).collect()
}

/// A replicate that ended early has a first value and no other: its last is not the last of the protocol, and its
/// best is the best of a shorter one.
pub fn at_moment(condition: &ConditionTrace, measure: &MeasureTrace, seed: u64, moment: Moment) -> f64 {
    let Some(index) = condition.seeds.iter().position(|&s| s == seed) else {
        return f64::NAN;
    };
    let Some(course) = measure.values.get(index).filter(|v| !v.is_empty()) else {
        return f64::NAN;
    };
    if moment == Moment::First {
        return course[0];
    }
    if course.len() < measure.at.len() || condition.faults.iter().any(|f| f.seed == seed) {
        return f64::NAN;
    }
    let among = |better: fn(f64, f64) -> bool| {
        course.iter().copied().reduce(|a, b| if a.is_nan() || better(a, b) { a } else { b }).unwrap_or(f64::NAN)
    };
    match moment {
        Moment::First | Moment::Last => course[course.len() - 1],
        Moment::Highest => among(|a, b| a >= b),
        Moment::Lowest => among(|a, b| a <= b),
        Moment::Average => super::statistics::mean(course),
    }
}

/// The term without the numbers added to it, and these numbers' sum; no term if it is all numbers.
///
/// `mean(a) - 0.03` is `mean(a)` and -0.03, so that an estimate can be of what was measured and the bound of what was asked.
pub fn split_constant(term: &Term) -> (Option<Term>, f64) {
    if is_constant(term) {
        return match evaluate(term, &Trace::default(), Means::OverSeeds) {
            Values::Same(x) => (None, x),
            Values::BySeed(_) => (None, f64::NAN),
        };
    }
    let boxed = |t: Option<Term>| t.map(Box::new);
    match term {
        Term::Negate(x) => {
            let (x, c) = split_constant(x);
            (boxed(x).map(Term::Negate), -c)
        }
        Term::Add(a, b) => {
            let ((a, c), (b, d)) = (split_constant(a), split_constant(b));
            let term = match (boxed(a), boxed(b)) {
                (Some(a), Some(b)) => Some(Term::Add(a, b)),
                (a, b) => a.or(b).map(|t| *t),
            };
            (term, c + d)
        }
        Term::Subtract(a, b) => {
            let ((a, c), (b, d)) = (split_constant(a), split_constant(b));
            let term = match (boxed(a), boxed(b)) {
                (Some(a), Some(b)) => Some(Term::Subtract(a, b)),
                (Some(a), None) => Some(*a),
                (None, b) => b.map(Term::Negate),
            };
            (term, c - d)
        }
        other => (Some(other.clone()), 0.0),
    }
}

/// The seeds that take part in an expectation: those that every series of it has.
pub fn seeds_of(expectation: &Expectation, trace: &Trace) -> BTreeSet<u64> {
    together(expectation, trace, |a, b| a.intersection(b).copied().collect())
}

/// The seeds that any series of an expectation has.
pub fn partners(expectation: &Expectation, trace: &Trace) -> BTreeSet<u64> {
    together(expectation, trace, |a, b| a.union(b).copied().collect())
}

fn together(
    expectation: &Expectation,
    trace: &Trace,
    join: fn(&BTreeSet<u64>, &BTreeSet<u64>) -> BTreeSet<u64>,
) -> BTreeSet<u64> {
    fn collect(term: &Term, out: &mut BTreeSet<String>) {
        if let Term::Series { experiment, .. } = term {
            out.insert(experiment.clone());
        }
        children(term).into_iter().for_each(|t| collect(t, out));
    }
    let mut named = BTreeSet::new();
    collect(&expectation.left, &mut named);
    collect(&expectation.right, &mut named);
    let seeds = |name: &String| -> BTreeSet<u64> {
        let found = trace.experiments.iter().filter(|e| e.name == *name);
        found.flat_map(|e| &e.conditions).flat_map(|c| c.seeds.iter().copied()).collect()
    };
    named.iter().map(seeds).reduce(|a, b| join(&a, &b)).unwrap_or_default()
}

/// What a term is, in a few words for a sentence: `height[a]`, `height[a] - height[b]`.
pub fn describe(term: &Term, trace: &Trace) -> String {
    let one = |t: &Term| describe(t, trace);
    let tight = |t: &Term| match t {
        Term::Add(..) | Term::Subtract(..) => format!("({})", one(t)),
        _ => one(t),
    };
    match term {
        Term::Number(x) => super::numbers::exact(*x),
        Term::Series { experiment, condition, measure, moment, .. } => {
            let found = trace.experiments.iter().find(|e| e.name == *experiment);
            let name = found.and_then(|e| e.conditions.get(*condition)).map_or("", |c| c.name.as_str());
            let several = trace.experiments.len() > 1;
            let prefix = if several { format!("{experiment}.") } else { String::new() };
            let arm = if name.is_empty() { String::new() } else { format!("[{name}]") };
            let word = match moment {
                Moment::First => "first ",
                Moment::Last => "",
                Moment::Highest => "highest ",
                Moment::Lowest => "lowest ",
                Moment::Average => "average ",
            };
            format!("{word}{prefix}{measure}{arm}")
        }
        // Whoever prints this speaks of means anyway.
        Term::Mean(x) => one(x),
        Term::OverConditions { text, .. } | Term::OverSeeds { text, .. } => text.clone(),
        Term::Negate(x) => format!("-{}", tight(x)),
        Term::Abs(x) => format!("abs({})", one(x)),
        Term::Log(x) => format!("log({})", one(x)),
        Term::Add(a, b) => format!("{} + {}", one(a), one(b)),
        Term::Subtract(a, b) => format!("{} - {}", one(a), tight(b)),
        Term::Multiply(a, b) => format!("{} * {}", tight(a), tight(b)),
        Term::Divide(a, b) => format!("{} / {}", tight(a), tight(b)),
        Term::Min(a, b) => format!("min({}, {})", one(a), one(b)),
        Term::Max(a, b) => format!("max({}, {})", one(a), one(b)),
    }
}
