//! Why a verdict is what it is, in one plain sentence.

use super::numbers::{exact, measured_beside, probability, with_unit};
use super::verdict::{Evidence, Outcome};
use super::{Relation, Scope, statistics};

/// The sentence of an expectation's verdict, without a full stop.
pub(super) fn sentence(
    evidence: &Evidence,
    outcome: Outcome,
    p_value: Option<f64>,
    p_adjusted: Option<f64>,
    family: usize,
) -> String {
    if evidence.interrupted {
        return "the run was interrupted before it could be judged".into();
    }
    if evidence.seeds.is_empty() {
        return "there are no runs to judge it by".into();
    }
    if !evidence.judgeable {
        return "it compares something other than sums of means, which no t test judges".into();
    }
    match evidence.expectation.scope {
        _ if evidence.of_means => of_means(evidence, outcome),
        Scope::At { .. } => at_confidence(evidence, outcome, p_value, p_adjusted, family),
        Scope::EverySeed | Scope::AtLeast { .. } => counted(evidence),
    }
}

/// `below 90 deg`
fn wanted(evidence: &Evidence) -> String {
    let word = match evidence.relation {
        Relation::Less => "below",
        Relation::LessEqual => "at most",
        Relation::Greater => "above",
        Relation::GreaterEqual => "at least",
        Relation::Equal => "equal to",
    };
    format!("{word} {}", bound(evidence))
}

fn bound(evidence: &Evidence) -> String {
    with_unit(&exact(evidence.bound), &evidence.expectation.unit)
}

/// The value nearest to the wrong side: `the largest is 61.3 deg`.
fn extreme(evidence: &Evidence) -> String {
    let shown = evidence.shown();
    let with = |word: &str, x: f64| {
        let number = measured_beside(x, evidence.bound);
        format!("; the {word} is {}", with_unit(&number, &evidence.expectation.unit))
    };
    let largest = shown.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let smallest = shown.iter().copied().fold(f64::INFINITY, f64::min);
    match evidence.relation {
        _ if shown.is_empty() => String::new(),
        Relation::Less | Relation::LessEqual => with("largest", largest),
        Relation::Greater | Relation::GreaterEqual => with("smallest", smallest),
        Relation::Equal => String::new(),
    }
}

fn counted(evidence: &Evidence) -> String {
    let (met, missing, all) = (evidence.met(), evidence.missing(), evidence.seeds.len());
    let wanted = wanted(evidence);
    let failed = all - met - missing.len();
    let mut text = match (met, failed) {
        (_, 0) if met == all => match all {
            1 => format!("{wanted} in the one seed"),
            2 => format!("{wanted} in both seeds"),
            _ => format!("{wanted} in all {all} seeds"),
        },
        (0, _) if failed == all => format!("{wanted} in none of {all} seeds"),
        _ => format!("{wanted} in {met} of {all} seeds"),
    };
    if failed > 0 && failed < all {
        text += &format!(", not in {}", seeds(&failing(evidence)));
    }
    // An outlier on the right side of a bound says nothing; the one nearest to the other side does.
    text += &extreme(evidence);
    if !missing.is_empty() {
        text += &format!("; {} no value", has(&missing));
    }
    if let Scope::AtLeast { of, .. } = evidence.expectation.scope {
        match (of.saturating_sub(all), evidence.left_out) {
            (0, 0) => {}
            (0, more) => text += &format!("; {more} further seeds were run and not counted"),
            (less, _) => text += &format!("; {less} of the {of} seeds were not run"),
        }
    }
    text
}

fn failing(evidence: &Evidence) -> Vec<u64> {
    let ok = |d: f64| match evidence.expectation.relation {
        Relation::Less => d < 0.0,
        Relation::LessEqual => d <= 0.0,
        Relation::Greater => d > 0.0,
        Relation::GreaterEqual => d >= 0.0,
        Relation::Equal => d == 0.0,
    };
    evidence.seeds.iter().filter(|s| s.difference.is_some_and(|d| !ok(d))).map(|s| s.seed).collect()
}

/// `seed 3`, `seeds 3 and 7`, `seeds 1, 2, 3 and 5 more`
fn seeds(list: &[u64]) -> String {
    let names: Vec<String> = list.iter().map(u64::to_string).collect();
    match names.len() {
        0 => "no seed".into(),
        1 => format!("seed {}", names[0]),
        n @ 2..=4 => format!("seeds {} and {}", names[..n - 1].join(", "), names[n - 1]),
        n => format!("seeds {} and {} more", names[..3].join(", "), n - 3),
    }
}

fn has(list: &[u64]) -> String {
    format!("{} {}", seeds(list), if list.len() == 1 { "has" } else { "have" })
}

fn of_means(evidence: &Evidence, outcome: Outcome) -> String {
    let missing = evidence.missing();
    if !missing.is_empty() {
        return format!("{} no value, so the mean is not known", has(&missing));
    }
    let number = measured_beside(statistics::mean(&evidence.shown()), evidence.bound);
    let number = with_unit(&number, &evidence.expectation.unit);
    let not = if outcome == Outcome::Supported { "" } else { "not " };
    format!("the mean of the seeds, {number}, is {not}{}", wanted(evidence))
}

fn at_confidence(
    evidence: &Evidence,
    outcome: Outcome,
    p_value: Option<f64>,
    p_adjusted: Option<f64>,
    family: usize,
) -> String {
    let missing = evidence.missing();
    let n = evidence.seeds.len();
    if !missing.is_empty() {
        return format!(
            "{} no value: a mean without {} could mislead",
            has(&missing),
            if missing.len() == 1 { "it" } else { "them" }
        );
    }
    let (Some(p), Some(adjusted)) = (p_value, p_adjusted) else {
        return format!("{n} seed gives no interval: at least two are needed");
    };
    let shown = evidence.shown();
    let side = side(evidence);
    if shown.iter().all(|&x| x == shown[0]) {
        return format!("all {n} seeds give the same value, {side} {}: the interval has no width", bound(evidence));
    }
    let others = match family {
        0 | 1 => String::new(),
        _ => format!(", Holm-corrected for {family}"),
    };
    let why = format!("over {n} seeds (p {}{others})", probability(adjusted));
    let level = 1.0 - evidence.confidence();
    match outcome {
        Outcome::Inconclusive if p < level && adjusted >= level => {
            format!(
                "{side} {} if asked alone (p {}), but not beside the others ({why})",
                bound(evidence),
                probability(p)
            )
        }
        Outcome::Inconclusive if evidence.relation == Relation::Equal => {
            format!("not told from {} {why}; that they are equal would need a margin", bound(evidence))
        }
        Outcome::Inconclusive => format!("neither clearly below nor above {} {why}", bound(evidence)),
        _ => format!("{side} {} {why}", bound(evidence)),
    }
}

/// On which side of the bound the mean lies.
fn side(evidence: &Evidence) -> &'static str {
    let mean = statistics::mean(&evidence.differences());
    // The differences are left minus right; what is shown may be the right side.
    let mean = if evidence.relation == evidence.expectation.relation { mean } else { -mean };
    match mean {
        d if d < 0.0 => "below",
        d if d > 0.0 => "above",
        _ => "exactly at",
    }
}
