//! How likely an expectation is to be decided the way it says, and how many seeds that takes.
//!
//! A test's power depends on what is true. It is assumed to be a difference of the two sides and its spread between seeds:
//! from runs that are there already (a pilot), or given. Without either, what can be told is the smallest effect that the
//! declared seeds would find. Values of seeds are taken as normal; the t tests are then exact (noncentral t), the two
//! one-sided tests too (the region of mean and spread that supports, integrated over the spread); a bootstrap is taken to
//! have the power of the t test. A family is corrected as if all its other members were undecided, which Holm's
//! procedure is at worst.
//!
//! Runs that have been looked at are a pilot for the seeds that follow, not a measure of how good they were themselves.

use super::distributions::{binomial_at_least, noncentral_t_cdf, normal_cdf, normal_quantile, over_spread, t_quantile};
use super::evidence::{Evidence, Planned};
use super::{Expectation, Method, Question, QuestionKind, Relation, Scope, numbers, sequential, statistics};
use crate::run::trace::Trace;

/// The power that a study is planned for.
pub const WANTED: f64 = 0.8;

/// More seeds than this are not asked for.
const MOST: usize = 100_000;

/// What is taken to be true of the seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assumed {
    /// Left minus right, in base units.
    pub difference: f64,
    /// Its standard deviation between seeds. Unpaired, that of the difference of one seed of each arm.
    pub spread: f64,
}

/// What an expectation can hope for at a number of seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    pub statement: String,
    pub seeds: usize,
    /// The probability that it is supported, if what is assumed is true.
    pub power: Option<f64>,
    /// The fewest seeds at which that is 80 %; none if no number of seeds is enough.
    pub needed: Option<usize>,
    /// The smallest distance from the bound, in standard deviations between seeds, that is found with 80 %.
    pub detectable: Option<f64>,
    /// What would be found of effects of several sizes; empty where an effect is no number of standard deviations.
    pub effects: Vec<Effect>,
    /// In plain words, without a full stop.
    pub sentence: String,
}

/// What an expectation can hope for if an effect is true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// In standard deviations between seeds: the distance from the bound; of an equality, the margin, its sides being the same.
    pub size: f64,
    /// With the declared seeds.
    pub power: Option<f64>,
    /// The fewest seeds for 80 %.
    pub needed: Option<usize>,
}

/// Effects for which every outlook says what would be found.
const SIZES: [f64; 4] = [0.5, 0.8, 1.0, 1.5];

/// The outlook of every expectation. `seeds` are those declared; `pilot` has what runs there are, if any.
pub fn outlook(questions: &[Question], seeds: &dyn Fn(&Expectation) -> usize, pilot: Option<&Trace>) -> Vec<Outlook> {
    let expectations = || {
        questions.iter().filter_map(|q| match &q.kind {
            QuestionKind::Expectation(e) => Some((q, e)),
            QuestionKind::Claim { .. } => None,
        })
    };
    let at_confidence = |e: &Expectation| matches!(e.scope, Scope::At { .. } | Scope::Share { .. });
    let family = expectations().filter(|(_, e)| at_confidence(e)).count();
    expectations()
        .map(|(q, e)| {
            let n = seeds(e);
            let kind = Planned::of(e);
            let assumed = pilot.and_then(|trace| assumed(e, trace));
            let power = assumed.and_then(|(a, _)| power(e, kind, a, n, family));
            let needed = assumed.and_then(|(a, _)| needed(e, kind, a, family));
            let detectable = detectable(e, kind, n, family);
            let sentence = match (assumed, power) {
                (Some((_, pilot)), Some(p)) => from_pilot(e, n, pilot, p, needed),
                _ => least(e, kind, n, family).unwrap_or_else(|| "no power without runs to go by".into()),
            };
            let effects = effects(e, kind, n, family);
            Outlook { statement: q.statement.clone(), seeds: n, power, needed, detectable, effects, sentence }
        })
        .collect()
}

/// What a pilot says, with its number of seeds; none if fewer than three of them have values.
pub fn assumed(e: &Expectation, pilot: &Trace) -> Option<(Assumed, usize)> {
    let evidence = Evidence::gather(e, pilot);
    let (difference, spread, n) = evidence.summary()?;
    (n >= 3 && spread > 0.0 && spread.is_finite() && difference.is_finite())
        .then_some((Assumed { difference, spread }, n))
}

/// The probability that `seeds` seeds support an expectation, if what is assumed is true. `family` is the number of
/// expectations at a confidence in the file. None where it is not known how to tell.
pub fn power_of(e: &Expectation, assumed: Assumed, seeds: usize, family: usize) -> Option<f64> {
    power(e, Planned::of(e), assumed, seeds, family)
}

/// The fewest seeds that give 80 %.
pub fn seeds_needed(e: &Expectation, assumed: Assumed, family: usize) -> Option<usize> {
    needed(e, Planned::of(e), assumed, family)
}

fn power(e: &Expectation, kind: Planned, a: Assumed, n: usize, family: usize) -> Option<f64> {
    // Towards the side that is expected.
    let towards = match e.relation {
        Relation::Less | Relation::LessEqual => -1.0,
        _ => 1.0,
    };
    let effect = towards * a.difference / a.spread;
    let level = |confidence: f64| (1.0 - confidence) / family.max(1) as f64;
    match e.scope {
        Scope::EverySeed => Some(met(e, a).powi(i32::try_from(n).unwrap_or(i32::MAX))),
        Scope::AtLeast { count, of } => Some(binomial_at_least(count, of, met(e, a))),
        Scope::Share { share, confidence } => Some(power_of_share(n, share, level(confidence), met(e, a))),
        Scope::At { confidence, method } => match kind {
            Planned::Trend { conditions } => {
                let free = (conditions - 1) as f64;
                let reach = normal_quantile(1.0 - 0.5 * level(confidence)) / (n as f64 * free).sqrt();
                Some(normal_cdf((towards * a.difference - reach) / a.spread * (n as f64).sqrt()))
            }
            Planned::Correlation { bound, sign } => {
                let r = (sign * a.difference + bound).clamp(-0.999_999, 0.999_999);
                let away = towards * sign * (r.atanh() - bound.atanh()) * (n.checked_sub(3)? as f64).sqrt();
                Some(normal_cdf(away - normal_quantile(1.0 - 0.5 * level(confidence))))
            }
            _ => {
                let freedom = kind.freedom(method, n).filter(|f| *f > 0.0)?;
                match (e.margin, method) {
                    (Some(margin), _) => power_of_equivalence(a, margin, n, freedom, level(confidence), method),
                    (None, Method::Anytime) => Some(
                        sequential::critical_t(n, level(confidence)).map_or(0.0, |t| beyond(t, effect, n, freedom)),
                    ),
                    _ => Some(beyond(t_quantile(freedom, 1.0 - level(confidence))?, effect, n, freedom)),
                }
            }
        },
    }
}

/// The probability that t is over its critical value.
fn beyond(critical: f64, effect: f64, n: usize, freedom: f64) -> f64 {
    1.0 - noncentral_t_cdf(critical, freedom, effect * (n as f64).sqrt())
}

/// The probability of a seed to meet the comparison.
fn met(e: &Expectation, a: Assumed) -> f64 {
    let below = |x: f64| normal_cdf((x - a.difference) / a.spread);
    match (e.margin, e.relation) {
        (Some(margin), _) => below(margin) - below(-margin),
        (None, Relation::Less | Relation::LessEqual) => below(0.0),
        (None, Relation::Greater | Relation::GreaterEqual) => 1.0 - below(0.0),
        (None, Relation::Equal) => 0.0,
    }
}

fn power_of_share(n: usize, share: f64, level: f64, met: f64) -> f64 {
    let supports = |k: &usize| *k as f64 > share * n as f64 && statistics::share_p(*k, n, share) < level;
    // The clearer the count, the smaller the p: the first that supports is the edge.
    let (mut low, mut high) = ((share * n as f64) as usize, n + 1);
    while low + 1 < high {
        let middle = low.midpoint(high);
        if supports(&middle) { high = middle } else { low = middle }
    }
    binomial_at_least(high, n, met)
}

/// Both one-sided tests reject: the mean lies within the margin by t standard errors on either side.
fn power_of_equivalence(a: Assumed, margin: f64, n: usize, freedom: f64, level: f64, method: Method) -> Option<f64> {
    let critical = match method {
        Method::Anytime => sequential::critical_t(n, level)?,
        _ => t_quantile(freedom, 1.0 - 2.0 * level)?,
    };
    let error = a.spread / (n as f64).sqrt();
    let within = |s: f64| {
        let room = margin - critical * s * error;
        match room > 0.0 {
            true => normal_cdf((room - a.difference) / error) - normal_cdf((-room - a.difference) / error),
            false => 0.0,
        }
    };
    Some(over_spread(freedom, within).clamp(0.0, 1.0))
}

fn needed(e: &Expectation, kind: Planned, a: Assumed, family: usize) -> Option<usize> {
    if matches!(e.scope, Scope::EverySeed | Scope::AtLeast { .. }) {
        return None;
    }
    let enough = |n: usize| power(e, kind, a, n, family).is_some_and(|p| p >= WANTED);
    let mut high = 2;
    while !enough(high) {
        high *= 2;
        if high > MOST {
            return None;
        }
    }
    let mut low = high / 2;
    while low + 1 < high {
        let middle = low.midpoint(high);
        if enough(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

fn detectable(e: &Expectation, kind: Planned, n: usize, family: usize) -> Option<f64> {
    if !matches!((e.scope, kind), (Scope::At { .. }, Planned::Means)) || e.margin.is_some() {
        return None;
    }
    let towards = if matches!(e.relation, Relation::Less | Relation::LessEqual) { -1.0 } else { 1.0 };
    let at = |d: f64| power(e, kind, Assumed { difference: towards * d, spread: 1.0 }, n, family).unwrap_or(0.0);
    let (mut low, mut high) = (0.0, 1.0);
    while at(high) < WANTED {
        high *= 2.0;
        if high > 1e3 {
            return None;
        }
    }
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if at(middle) < WANTED { low = middle } else { high = middle }
    }
    Some(high)
}

fn effects(e: &Expectation, kind: Planned, n: usize, family: usize) -> Vec<Effect> {
    if !matches!(kind, Planned::Means) {
        return vec![];
    }
    let towards = if matches!(e.relation, Relation::Less | Relation::LessEqual) { -1.0 } else { 1.0 };
    let effect = |size: f64| {
        let assumed = match e.margin {
            Some(margin) => Assumed { difference: 0.0, spread: margin / size },
            None => Assumed { difference: towards * size, spread: 1.0 },
        };
        Effect { size, power: power(e, kind, assumed, n, family), needed: needed(e, kind, assumed, family) }
    };
    // Without a margin nothing but the very same number meets an equality.
    match (e.relation, e.margin) {
        (Relation::Equal, None) => vec![],
        _ => SIZES.map(effect).into(),
    }
}

fn from_pilot(e: &Expectation, n: usize, pilot: usize, power: f64, needed: Option<usize>) -> String {
    let more = match (needed, e.scope) {
        (_, Scope::EverySeed | Scope::AtLeast { .. }) => String::new(),
        (Some(m), _) => format!("; 80 % needs {m}"),
        (None, _) => "; no number of seeds gives 80 %".into(),
    };
    format!("supported with {} at {n} seeds, if what {pilot} seeds showed is true{more}", percent(power))
}

/// `81 %`, or that it is nearly none or all.
pub fn percent(p: f64) -> String {
    match 100.0 * p {
        p if p > 99.0 => "over 99 %".to_string(),
        p if p < 1.0 => "under 1 %".to_string(),
        p => format!("{p:.0} %"),
    }
}

/// Without runs: the least that has to be true for these seeds to support an expectation with 80 %.
fn least(e: &Expectation, kind: Planned, n: usize, family: usize) -> Option<String> {
    let spreads = "standard deviations between seeds";
    let at = |x: f64, limit: &str| (x < 1.0).then(|| format!("{n} seeds show it with 80 %, if {limit}"));
    if e.margin.is_some() && matches!(e.scope, Scope::At { .. }) {
        // A margin of one, and ever smaller spreads.
        let unit = Expectation { margin: Some(1.0), ..e.clone() };
        let enough = |spread: f64| {
            let assumed = Assumed { difference: 0.0, spread };
            power(&unit, kind, assumed, n, family).is_some_and(|p| p >= WANTED)
        };
        let spread = largest(1e-3, 1e3, enough)?;
        let margin = numbers::fixed(1.0 / spread, 2);
        return Some(format!(
            "{n} seeds show it with 80 %, if the sides are the same and the margin is {margin} {spreads}"
        ));
    }
    match (e.scope, kind) {
        (Scope::EverySeed, _) => {
            let p = WANTED.powf(1.0 / n as f64);
            at(p, &format!("a seed meets it with {} %", numbers::fixed(100.0 * p, 1)))
        }
        (Scope::AtLeast { count, of }, _) => {
            let p = 1.0 - largest(0.0, 1.0, |miss| binomial_at_least(count, of, 1.0 - miss) >= WANTED)?;
            at(p, &format!("a seed meets it with {} %", numbers::fixed(100.0 * p, 1)))
        }
        (Scope::Share { share, confidence }, _) => {
            let level = (1.0 - confidence) / family.max(1) as f64;
            match largest(0.0, 1.0, |miss| power_of_share(n, share, level, 1.0 - miss) >= WANTED) {
                Some(miss) => {
                    let p = 1.0 - miss;
                    at(p, &format!("{} % of all seeds meet it", numbers::fixed(100.0 * p, 1)))
                }
                None => Some(format!(
                    "{n} seeds show it only after others of the {family} expectations of the file are decided"
                )),
            }
        }
        (Scope::At { confidence, .. }, Planned::Trend { conditions }) => {
            let level = (1.0 - confidence) / family.max(1) as f64;
            let reach = normal_quantile(1.0 - 0.5 * level) + normal_quantile(WANTED);
            let r = reach / (n as f64 * (conditions - 1) as f64).sqrt();
            at(r, &format!("the rank correlation is {} on average", numbers::fixed(r, 2)))
        }
        (Scope::At { confidence, .. }, Planned::Correlation { bound, sign }) => {
            let level = (1.0 - confidence) / family.max(1) as f64;
            let reach = normal_quantile(1.0 - 0.5 * level) + normal_quantile(WANTED);
            let falls = matches!(e.relation, Relation::Less | Relation::LessEqual);
            let away = if falls { -sign } else { sign } * reach / (n.checked_sub(3)? as f64).sqrt();
            let r = (bound.atanh() + away).tanh();
            at(r.abs(), &format!("the correlation is {}", numbers::fixed(r, 2)))
        }
        _ => {
            let d = numbers::fixed(detectable(e, kind, n, family)?, 2);
            Some(format!("{n} seeds find {d} {spreads} with 80 %; runs would tell how much that is"))
        }
    }
}

/// The largest number between two at which something still holds; it holds up to there. None if not even at the lower.
fn largest(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> Option<f64> {
    if !holds(low) {
        return None;
    }
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if holds(middle) { low = middle } else { high = middle }
    }
    Some(low)
}
