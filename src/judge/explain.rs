//! Why a verdict is what it is, in one plain sentence.

use super::evidence::Evidence;
use super::numbers::{exact, measured_beside, probability, with_unit};
use super::verdict::Outcome;
use super::{Method, Relation, Scope, statistics};

/// The sentence of an expectation's verdict, without a full stop.
pub(super) fn sentence(
    evidence: &Evidence,
    outcome: Outcome,
    p_value: Option<f64>,
    p_adjusted: Option<f64>,
    family: usize,
) -> String {
    if evidence.interrupted {
        return "not all of its runs are there, so it is not judged yet".into();
    }
    if evidence.seeds.is_empty() {
        return "there are no runs to judge it by".into();
    }
    if !evidence.judgeable {
        return "it compares something other than sums of means, which no t test judges".into();
    }
    match evidence.expectation.scope {
        _ if evidence.of_means => of_means(evidence, outcome),
        Scope::At { .. } | Scope::Share { .. } => at_confidence(evidence, outcome, p_value, p_adjusted, family),
        Scope::EverySeed | Scope::AtLeast { .. } => counted(evidence),
    }
}

/// `below 90 deg`
fn wanted(evidence: &Evidence) -> String {
    if let Some(margin) = margin(evidence) {
        return match evidence.both {
            true if evidence.bound == 0.0 => format!("no further apart than {margin}"),
            true => format!("within {margin} of a difference of {}", bound(evidence)),
            false => format!("within {margin} of {}", bound(evidence)),
        };
    }
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

fn margin(evidence: &Evidence) -> Option<String> {
    let e = evidence.expectation;
    e.margin.map(|m| with_unit(&exact(m / e.unit_scale), &e.unit))
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
    evidence.seeds.iter().filter(|s| s.difference.is_some_and(|d| !evidence.meets(d))).map(|s| s.seed).collect()
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
    let share = matches!(evidence.expectation.scope, Scope::Share { .. });
    if !missing.is_empty() && !share {
        return format!(
            "{} no value: a mean without {} could mislead",
            has(&missing),
            if missing.len() == 1 { "it" } else { "them" }
        );
    }
    let (Some(p), Some(adjusted), Some(tested)) = (p_value, p_adjusted, evidence.tested) else {
        return match (share, n) {
            (true, _) => format!("{}; with {} it could turn", counted(evidence), pronoun(&missing)),
            (_, 1) => "1 seed gives no interval: at least two are needed".into(),
            _ => format!("{n} seeds are too few for this test, or their values do not vary"),
        };
    };
    let others = match family {
        0 | 1 => String::new(),
        _ => format!(", Holm-corrected for {family}"),
    };
    if tested.exact && !evidence.expectation.is_anytime() {
        let place = if let (Some(margin), true) = (margin(evidence), p == 1.0) {
            format!("just {margin} apart from {}", bound(evidence))
        } else if evidence.expectation.margin.is_some() {
            format!("{}{}", if evidence.meets(tested.difference) { "" } else { "not " }, wanted(evidence))
        } else {
            format!("{} {}", side(evidence), bound(evidence))
        };
        let p_text = probability(adjusted);
        let all = if n == 2 { "both".to_string() } else { format!("all {n}") };
        return match outcome {
            Outcome::Inconclusive if p == 1.0 => format!(
                "{all} seeds give the same value, {place}, which tells of no side that the mean is on: ask it `in every seed`"
            ),
            Outcome::Inconclusive => format!(
                "{all} seeds give the same value, {place}, but so few may agree by chance (p {p_text}{others}): ask it `in every seed`"
            ),
            _ => format!("{all} seeds give the same value, {place} (p {p_text}{others}, by how many agree)"),
        };
    }
    let how = match evidence.expectation.scope {
        Scope::At { method: Method::Unpaired, .. } => ", unpaired",
        Scope::At { method: Method::Bootstrap, .. } => ", bootstrap",
        Scope::At { method: Method::Percentile, .. } => ", percentile bootstrap",
        Scope::At { method: Method::Anytime, .. } => ", at any time",
        _ => "",
    };
    // The sentence on a share has counted its seeds.
    let over = if share { String::new() } else { format!("over {n} seeds ") };
    let alone = match evidence.left_out {
        0 => String::new(),
        1 => "; 1 seed that only one side has is left out".into(),
        n => format!("; {n} seeds that only one side has are left out"),
    };
    let why = format!("{over}(p {}{others}{how}){alone}", probability(adjusted));
    let below = |p: f64| super::verdict::below(p, evidence.confidence());
    let place = place(evidence);
    match outcome {
        Outcome::Inconclusive if below(p) && !below(adjusted) => {
            format!("{place} if asked alone (p {}), but not beside the others {why}", probability(p))
        }
        Outcome::Inconclusive => format!("{} {why}", undecided(evidence)),
        _ => format!("{place} {why}"),
    }
}

fn pronoun(list: &[u64]) -> &'static str {
    if list.len() == 1 { "it" } else { "them" }
}

/// Where the estimate lies: `above 0.9`, `within 0.02 of each other`, `met in 38 of 40 seeds, more than 90 %`.
fn place(evidence: &Evidence) -> String {
    let Some(tested) = evidence.tested else { return String::new() };
    if let Scope::Share { share, .. } = evidence.expectation.scope {
        let word = if tested.difference > 0.0 { "more" } else { "fewer" };
        return format!("{}, {word} than {} %", met_in(evidence), exact(100.0 * share));
    }
    match margin(evidence) {
        Some(_) if evidence.meets(tested.difference) => wanted(evidence),
        Some(margin) if evidence.both && evidence.bound == 0.0 => format!("further apart than {margin}"),
        Some(_) => format!("not {}", wanted(evidence)),
        None if ordered(evidence) => match side(evidence) {
            "above" => "rising".into(),
            "below" => "falling".into(),
            _ => "neither rising nor falling".into(),
        },
        None => format!("{} {}", side(evidence), bound(evidence)),
    }
}

fn undecided(evidence: &Evidence) -> String {
    match (evidence.expectation.scope, margin(evidence)) {
        (Scope::Share { share, .. }, _) => {
            format!("{}, not told from {} %", met_in(evidence), exact(100.0 * share))
        }
        (_, Some(margin)) => match evidence.both && evidence.bound == 0.0 {
            true => format!("neither clearly within {margin} of each other nor further apart"),
            false => format!("neither clearly {} nor further off", wanted(evidence)),
        },
        _ if evidence.relation == Relation::Equal => {
            format!("not told from {}; that they are equal would need a margin", bound(evidence))
        }
        _ if ordered(evidence) => "neither clearly rising nor falling".into(),
        _ => format!("neither clearly below nor above {}", bound(evidence)),
    }
}

fn ordered(evidence: &Evidence) -> bool {
    evidence.method == super::evidence::PAGE
}

fn met_in(evidence: &Evidence) -> String {
    let missing = evidence.missing();
    let none = if missing.is_empty() { String::new() } else { format!(", {} no value", has(&missing)) };
    format!("{} in {} of {} seeds{none}", wanted(evidence), evidence.met(), evidence.seeds.len())
}

/// On which side of the bound the estimate lies.
fn side(evidence: &Evidence) -> &'static str {
    let d = evidence.tested.map_or(0.0, |t| t.difference) * evidence.sign();
    match d {
        d if d < 0.0 => "below",
        d if d > 0.0 => "above",
        _ => "exactly at",
    }
}
