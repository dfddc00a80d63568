//! Verdicts on made-up runs.

use super::*;
use crate::run::trace::{ConditionTrace, ExperimentTrace, Fault, MeasureTrace, Trace};
use proptest::prelude::*;

/// One experiment `e` with a measure `height`, one list of last values a condition.
pub(super) fn runs(arms: &[&[f64]]) -> Trace {
    let conditions = arms.iter().enumerate().map(|(i, values)| ConditionTrace {
        name: ["a", "b", "c"][i].into(),
        seeds: (0..values.len() as u64).collect(),
        measures: vec![MeasureTrace {
            name: "height".into(),
            unit: "cm".into(),
            at: vec![0, 1],
            values: values.iter().map(|&x| vec![0.5, x]).collect(),
            ..MeasureTrace::default()
        }],
        ..ConditionTrace::default()
    });
    let experiment =
        ExperimentTrace { name: "e".into(), conditions: conditions.collect(), notes: vec![], tuning: None };
    Trace { experiments: vec![experiment], interrupted: false }
}

fn height(condition: usize, moment: Moment) -> Term {
    Term::Series { experiment: "e".into(), condition, measure: "height".into(), moment, scale: 1.0 }
}

pub(super) fn last(condition: usize) -> Term {
    height(condition, Moment::Last)
}

pub(super) fn mean(term: Term) -> Term {
    Term::Mean(Box::new(term))
}

pub(super) fn number(x: f64) -> Term {
    Term::Number(x)
}

fn minus(a: Term, b: Term) -> Term {
    Term::Subtract(Box::new(a), Box::new(b))
}

pub(super) const AT: Scope = Scope::At { confidence: 0.95, method: Method::Student };

pub(super) fn ask(left: Term, relation: Relation, right: Term, scope: Scope) -> Question {
    Question {
        hypothesis: "h".into(),
        text: None,
        statement: "s".into(),
        span: Span::default(),
        kind: QuestionKind::Expectation(Expectation {
            left,
            relation,
            right,
            margin: None,
            scope,
            unit: "cm".into(),
            unit_scale: 1.0,
        }),
    }
}

pub(super) fn one(question: Question, trace: &Trace) -> Verdict {
    judge(&[question], trace).remove(0)
}

fn outcome(left: Term, relation: Relation, right: Term, scope: Scope, trace: &Trace) -> Outcome {
    one(ask(left, relation, right, scope), trace).verdict
}

use Outcome::{Inconclusive, Refuted, Supported};
use Relation::{Equal, Greater, GreaterEqual, Less, LessEqual};

#[test]
fn every_seed_is_every_seed() {
    let trace = runs(&[&[1.0, 2.0, 3.0]]);
    let v = one(ask(last(0), Less, number(4.0), Scope::EverySeed), &trace);
    assert_eq!((v.verdict, v.seeds, v.estimate), (Supported, 3, Some(2.0)));
    assert_eq!(v.sentence, "below 4 cm in all 3 seeds; the largest is 3.00 cm");
    assert_eq!(v.confidence, Some(0.95));
    assert_eq!(v.p_value, None);
    let v = one(ask(last(0), Less, number(3.0), Scope::EverySeed), &trace);
    assert_eq!(v.verdict, Refuted);
    assert_eq!(v.sentence, "below 3 cm in 2 of 3 seeds, not in seed 2; the largest is 3.00 cm");
    assert_eq!(outcome(last(0), LessEqual, number(3.0), Scope::EverySeed, &trace), Supported);
    assert_eq!(outcome(number(4.0), Greater, last(0), Scope::EverySeed, &trace), Supported);
    let v = one(ask(number(0.0), Greater, last(0), Scope::EverySeed), &trace);
    assert_eq!(v.sentence, "below 0 cm in none of 3 seeds; the largest is 3.00 cm");
}

#[test]
fn a_seed_without_a_value_decides_nothing_that_it_could_change() {
    let trace = runs(&[&[1.0, f64::NAN, 3.0]]);
    let v = one(ask(last(0), Less, number(4.0), Scope::EverySeed), &trace);
    assert_eq!((v.verdict, v.seeds), (Inconclusive, 2));
    assert_eq!(v.sentence, "below 4 cm in 2 of 3 seeds; the largest is 3.00 cm; seed 1 has no value");
    assert_eq!(outcome(last(0), Less, number(2.0), Scope::EverySeed, &trace), Refuted);
    let least = |count| Scope::AtLeast { count, of: 3 };
    assert_eq!(outcome(last(0), Less, number(4.0), least(2), &trace), Supported);
    assert_eq!(outcome(last(0), Less, number(4.0), least(3), &trace), Inconclusive);
    assert_eq!(outcome(last(0), Less, number(2.0), least(2), &trace), Inconclusive);
    assert_eq!(outcome(last(0), Less, number(0.0), least(2), &trace), Refuted);
    assert_eq!(outcome(mean(last(0)), Less, number(90.0), AT, &trace), Inconclusive);
    // A minimum does not pass over what is missing.
    let least_of = Term::Min(Box::new(last(0)), Box::new(number(0.0)));
    assert_eq!(outcome(least_of, Less, number(4.0), Scope::EverySeed, &trace), Inconclusive);
}

#[test]
fn a_replicate_that_ended_early_has_a_first_value_and_no_last() {
    let mut trace = runs(&[&[1.0, 2.0, 3.0]]);
    let condition = &mut trace.experiments[0].conditions[0];
    condition.measures[0].values[1].truncate(1);
    condition.faults.push(Fault { seed: 1, ..Fault::default() });
    let below = |moment| outcome(height(0, moment), Less, number(4.0), Scope::EverySeed, &trace);
    assert_eq!(below(Moment::First), Supported);
    for moment in [Moment::Last, Moment::Highest, Moment::Lowest, Moment::Average] {
        assert_eq!(below(moment), Inconclusive);
    }
}

#[test]
fn moments_are_what_they_say() {
    let mut trace = runs(&[&[0.0]]);
    let measure = &mut trace.experiments[0].conditions[0].measures[0];
    (measure.at, measure.values) = (vec![0, 1, 2], vec![vec![2.0, 7.0, 3.0]]);
    for (moment, value) in [
        (Moment::First, 2.0),
        (Moment::Last, 3.0),
        (Moment::Highest, 7.0),
        (Moment::Lowest, 2.0),
        (Moment::Average, 4.0),
    ] {
        assert_eq!(one(ask(height(0, moment), Less, number(9.0), Scope::EverySeed), &trace).estimate, Some(value));
    }
}

#[test]
fn at_least_counts_the_seeds_it_names() {
    let trace = runs(&[&[1.0, 1.0, 1.0, 9.0, 9.0]]);
    let least = |count, of| outcome(last(0), Less, number(5.0), Scope::AtLeast { count, of }, &trace);
    assert_eq!(least(3, 5), Supported);
    assert_eq!(least(4, 5), Refuted);
    // The first three of five that were run.
    assert_eq!(least(3, 3), Supported);
    // Of ten, five were not run.
    assert_eq!(least(8, 10), Inconclusive);
    assert_eq!(least(9, 10), Refuted);
}

#[test]
fn a_margin_stands_beside_the_estimate() {
    let a: [f64; 7] = [0.951, 0.948, 0.955, 0.960, 0.943, 0.957, 0.949];
    let b: [f64; 7] = [0.968, 0.967, 0.964, 0.971, 0.970, 0.962, 0.969];
    let trace = runs(&[&a, &b]);
    // scipy 1.17.1: stats.ttest_rel(a, b)
    let v = one(ask(mean(last(0)), Less, mean(last(1)), AT), &trace);
    assert_eq!((v.verdict, v.quantity.as_str(), v.seeds), (Supported, "height[a] - height[b]", 7));
    assert!((v.p_value.unwrap() - 0.0016252446554896585).abs() < 1e-11);
    let (low, high) = v.interval.unwrap();
    assert!((low + 0.022387631482706956).abs() < 1e-11 && (high + 0.008469511374435927).abs() < 1e-11);
    // scipy 1.17.1: stats.ttest_1samp(a - b, -0.03).pvalue
    let v = one(ask(mean(last(0)), Greater, minus(mean(last(1)), number(0.03)), AT), &trace);
    assert_eq!(v.verdict, Supported);
    assert!((v.p_value.unwrap() - MARGIN_P).abs() < 1e-11, "{:?}", v.p_value);
    assert!((v.estimate.unwrap() + 0.015428571428571426).abs() < 1e-12);
    assert!(v.sentence.starts_with("above -0.03 cm over 7 seeds (p = "), "{}", v.sentence);
}

const MARGIN_P: f64 = 0.002170699466032417;

#[test]
fn a_family_is_corrected_together() {
    // scipy 1.17.1: stats.ttest_1samp([1, 2, 3, -0.5, 1.8], 0).pvalue
    let trace = runs(&[&[1.0, 2.0, 3.0, -0.5, 1.8]]);
    let ask = || ask(mean(last(0)), Greater, number(0.0), AT);
    let alone = one(ask(), &trace);
    let p = alone.p_value.unwrap();
    assert!((p - FAMILY_P).abs() < 1e-11, "{p}");
    let many = judge(&[ask(), ask(), ask()], &trace);
    assert!(many.iter().all(|v| (v.p_adjusted.unwrap() - 3.0 * p).abs() < 1e-15 && v.p_value == Some(p)));
}

const FAMILY_P: f64 = 0.06690880819455827;

#[test]
fn values_that_do_not_vary_are_judged_by_how_many_agree() {
    let trace = runs(&[&[2.0, 2.0, 2.0]]);
    let v = one(ask(mean(last(0)), Less, number(3.0), AT), &trace);
    assert_eq!((v.verdict, v.interval, v.p_value), (Inconclusive, Some((2.0, 2.0)), Some(0.25)));
    assert_eq!(
        v.sentence,
        "all 3 seeds give the same value, below 3 cm, but so few may agree by chance (p = 0.25): ask it `in every seed`"
    );
    let many = runs(&[&[2.0; 10]]);
    let v = one(ask(mean(last(0)), Less, number(3.0), AT), &many);
    assert_eq!((v.verdict, v.p_value), (Supported, Some(2.0 / 1024.0)));
    assert_eq!(v.sentence, "all 10 seeds give the same value, below 3 cm (p = 0.002, by how many agree)");
    // A difference that only rounding makes is none.
    let near = runs(&[&[2.0, 2.0 + 1e-9, 2.0 - 1e-9]]);
    assert_eq!(one(ask(mean(last(0)), Less, number(3.0), AT), &near).p_value, Some(0.25));
    let at = |relation, x| outcome(mean(last(0)), relation, number(x), AT, &many);
    assert_eq!(at(Greater, 3.0), Refuted);
    assert_eq!(at(Equal, 3.0), Refuted);
    // What lies on the bound tells of no side of it.
    for relation in [Less, LessEqual, Greater, GreaterEqual, Equal] {
        assert_eq!(at(relation, 2.0), Inconclusive);
    }
    let v = one(ask(mean(last(0)), GreaterEqual, number(2.0), AT), &many);
    assert_eq!(
        v.sentence,
        "all 10 seeds give the same value, exactly at 2 cm, which tells of no side that the mean is on: ask it `in every seed`"
    );
}

#[test]
fn one_seed_gives_no_interval() {
    let v = one(ask(mean(last(0)), Less, number(3.0), AT), &runs(&[&[2.0]]));
    assert_eq!((v.verdict, v.interval, v.estimate), (Inconclusive, None, Some(2.0)));
    assert_eq!(v.sentence, "1 seed gives no interval: at least two are needed");
    let v = one(ask(mean(last(0)), Less, number(3.0), AT), &Trace::default());
    assert_eq!((v.verdict, v.estimate, v.seeds), (Inconclusive, None, 0));
}

#[test]
fn only_sums_of_means_can_be_tested() {
    let boxed = |t: Term| Box::new(t);
    let product = |a, b| Term::Multiply(boxed(a), boxed(b));
    assert!(linear_in_means(&minus(mean(last(0)), product(number(2.0), mean(last(1))))));
    assert!(linear_in_means(&mean(Term::Abs(boxed(minus(last(0), last(1)))))));
    assert!(linear_in_means(&Term::Divide(boxed(mean(last(0))), boxed(number(2.0)))));
    assert!(linear_in_means(&Term::Log(boxed(number(2.0)))));
    assert!(!linear_in_means(&last(0)));
    assert!(!linear_in_means(&product(mean(last(0)), mean(last(1)))));
    assert!(!linear_in_means(&Term::Divide(boxed(number(1.0)), boxed(mean(last(0))))));
    assert!(!linear_in_means(&Term::Abs(boxed(mean(last(0))))));
    assert!(!linear_in_means(&mean(mean(last(0)))));
    let trace = runs(&[&[1.0, 2.0]]);
    assert_eq!(outcome(last(0), Less, number(9.0), AT, &trace), Inconclusive);
}

#[test]
fn seeds_are_paired_by_number() {
    let mut trace = runs(&[&[1.0, 2.0, 30.0]]);
    let mut other = runs(&[&[40.0, 3.0, 2.5]]).experiments.remove(0);
    other.name = "f".into();
    other.conditions[0].seeds = vec![7, 1, 0];
    trace.experiments.push(other);
    let right = Term::Series {
        experiment: "f".into(),
        condition: 0,
        measure: "height".into(),
        moment: Moment::Last,
        scale: 1.0,
    };
    let v = one(ask(last(0), Less, right, Scope::EverySeed), &trace);
    assert_eq!((v.verdict, v.seeds, v.estimate), (Supported, 2, Some(-1.25)));
    assert_eq!(v.quantity, "e.height[a] - f.height[a]");
}

#[test]
fn seeds_without_a_partner_are_told() {
    let mut trace = runs(&[&[1.0, 2.0, 3.5]]);
    let mut other = runs(&[&[4.0, 4.5, 6.0, 5.0, 5.0]]).experiments.remove(0);
    other.name = "f".into();
    trace.experiments.push(other);
    let right = || Term::Series {
        experiment: "f".into(),
        condition: 0,
        measure: "height".into(),
        moment: Moment::Last,
        scale: 1.0,
    };
    let v = one(ask(mean(last(0)), Less, mean(right()), AT), &trace);
    assert_eq!((v.verdict, v.seeds), (Supported, 3));
    assert!(v.sentence.ends_with("; 2 seeds that only one side has are left out"), "{}", v.sentence);
    let unpaired = Scope::At { confidence: 0.95, method: Method::Unpaired };
    let v = one(ask(mean(last(0)), Less, mean(right()), unpaired), &trace);
    assert_eq!((v.verdict, v.seeds, v.method.as_str()), (Supported, 5, "Welch's t"));
    assert!(v.sentence.contains("unpaired)") && !v.sentence.contains("left out"), "{}", v.sentence);
}

#[test]
fn equality_has_a_margin() {
    let trace = runs(&[&[1.0, 1.2, 0.9, 1.1], &[1.05, 1.1, 1.0, 1.05]]);
    let equal = |margin| {
        let mut question = ask(mean(last(0)), Equal, mean(last(1)), AT);
        if let QuestionKind::Expectation(e) = &mut question.kind {
            e.margin = Some(margin);
        }
        one(question, &trace)
    };
    let v = equal(0.5);
    assert_eq!((v.verdict, v.method.as_str()), (Supported, "two one-sided t"));
    assert!(v.confidence.is_some_and(|c| (c - 0.9).abs() < 1e-12));
    assert!(v.sentence.starts_with("no further apart than 0.5 cm over 4 seeds (p = "), "{}", v.sentence);
    let v = equal(0.05);
    assert_eq!(v.verdict, Inconclusive);
    assert!(v.sentence.starts_with("neither clearly within 0.05 cm of each other nor further apart"), "{}", v.sentence);
    let far = runs(&[&[1.0, 1.2, 0.9, 1.1], &[5.05, 5.1, 5.0, 5.05]]);
    let mut question = ask(mean(last(0)), Equal, mean(last(1)), AT);
    if let QuestionKind::Expectation(e) = &mut question.kind {
        e.margin = Some(1.0);
    }
    let v = one(question, &far);
    assert_eq!(v.verdict, Refuted);
    assert!(v.sentence.starts_with("further apart than 1 cm over 4 seeds"), "{}", v.sentence);
}

#[test]
fn a_share_counts_missing_seeds_both_ways() {
    let share = |values: &[f64]| {
        one(ask(last(0), Greater, number(0.0), Scope::Share { share: 0.5, confidence: 0.95 }), &runs(&[values]))
    };
    let v = share(&[1.0; 10]);
    assert_eq!((v.verdict, v.estimate, v.quantity.as_str()), (Supported, Some(1.0), "share of seeds"));
    assert!(v.sentence.starts_with("above 0 cm in 10 of 10 seeds, more than 50 % (p = "), "{}", v.sentence);
    let mut values = [1.0; 10];
    values[3] = f64::NAN;
    let v = share(&values);
    assert_eq!((v.verdict, v.missing), (Supported, 1), "{}", v.sentence);
    values[..5].fill(f64::NAN);
    let v = share(&values);
    assert_eq!((v.verdict, v.seeds, v.missing), (Inconclusive, 5, 5));
    assert!(v.sentence.contains("it could turn") && v.sentence.contains("have no value"), "{}", v.sentence);
    assert_eq!(share(&[-1.0; 10]).verdict, Refuted);
}

#[test]
fn only_a_sequential_test_may_be_extended() {
    let anytime = Scope::At { confidence: 0.95, method: Method::Anytime };
    let trace = runs(&[&[1.0, 2.0, 1.5, 1.2, 1.9, 1.4, 1.1]]);
    let questions = [ask(mean(last(0)), Greater, number(0.0), anytime), ask(mean(last(0)), Greater, number(0.0), AT)];
    let mut verdicts = judge(&questions, &trace);
    mark(&mut verdicts, &|_| Standing::Extended);
    assert_eq!((verdicts[0].standing, verdicts[1].standing), (Standing::Confirmatory, Standing::Extended));
    assert!(verdicts[0].p_value > verdicts[1].p_value && verdicts[0].verdict == Supported);
    mark(&mut verdicts, &|_| Standing::Exploratory);
    assert!(verdicts.iter().all(|v| v.standing == Standing::Exploratory));
}

#[test]
fn means_can_be_compared_without_a_test() {
    let trace = runs(&[&[1.0, 2.0, 3.0], &[5.0, 5.0, 5.0]]);
    let v = one(ask(mean(last(0)), Less, number(2.5), Scope::EverySeed), &trace);
    assert_eq!((v.verdict, v.sentence.as_str()), (Supported, "the mean of the seeds, 2.00 cm, is below 2.5 cm"));
    assert_eq!(outcome(last(0), Less, mean(last(1)), Scope::EverySeed, &trace), Supported);
}

#[test]
fn an_interrupted_run_decides_nothing() {
    let mut trace = runs(&[&[1.0, 2.0, 3.0]]);
    trace.interrupted = true;
    assert_eq!(outcome(last(0), Less, number(0.0), Scope::EverySeed, &trace), Inconclusive);
}

#[test]
fn units_are_those_of_the_question() {
    let mut question = ask(last(0), Less, number(0.04), Scope::EverySeed);
    if let QuestionKind::Expectation(e) = &mut question.kind {
        (e.left, e.unit_scale) = (
            Term::Series {
                experiment: "e".into(),
                condition: 0,
                measure: "height".into(),
                moment: Moment::Last,
                scale: 0.01,
            },
            0.01,
        );
    }
    let v = one(question, &runs(&[&[1.0, 2.0, 3.0]]));
    assert_eq!(v.sentence, "below 4 cm in all 3 seeds; the largest is 3.00 cm");
}

#[test]
fn hypotheses_are_combined_and_give_the_exit_code() {
    let claim = |name: &str, holds| Question {
        hypothesis: name.into(),
        kind: QuestionKind::Claim { holds, reason: "so".into(), meaning: String::new() },
        ..ask(last(0), Less, number(0.0), AT)
    };
    let open = |name: &str| Question { hypothesis: name.into(), ..ask(last(0), Less, number(0.0), AT) };
    let code = |questions: &[Question]| exit_code(&judge(questions, &Trace::default()));
    assert_eq!(code(&[]), 0);
    assert_eq!(code(&[claim("x", true)]), 0);
    assert_eq!(code(&[claim("x", true), open("x")]), 4);
    assert_eq!(code(&[claim("x", false), open("x")]), 3);
    let verdicts = judge(&[claim("x", true), open("y"), claim("x", false)], &Trace::default());
    let all = combined(&verdicts);
    assert_eq!((all.len(), all[0].verdict, all[0].statements.as_slice()), (2, Refuted, [0, 2].as_slice()));
    assert_eq!(all[1].verdict, Inconclusive);
}

fn flipped(outcome: Outcome) -> Outcome {
    match outcome {
        Supported => Refuted,
        Refuted => Supported,
        Inconclusive => Inconclusive,
    }
}

fn arms() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    let value = || prop_oneof![9 => -10.0..10.0f64, 1 => Just(1.0), 1 => Just(f64::NAN)];
    (1..12usize).prop_flat_map(move |n| (prop::collection::vec(value(), n), prop::collection::vec(value(), n)))
}

proptest! {
    #[test]
    fn swapping_the_arms_flips_the_verdict((a, b) in arms(), margin in -2.0..2.0f64) {
        let trace = runs(&[&a, &b]);
        let swapped = runs(&[&b, &a]);
        let plain = |trace: &Trace| one(ask(mean(last(0)), Less, mean(last(1)), AT), trace);
        let (first, second) = (plain(&trace), plain(&swapped));
        prop_assert_eq!(first.verdict, flipped(second.verdict));
        prop_assert_eq!(first.p_value, second.p_value);
        prop_assert_eq!(first.estimate, second.estimate.map(|x| -x));
        // The same by exchanging the sides, and by turning the relation.
        let left = minus(mean(last(0)), number(margin));
        let there = outcome(left.clone(), Less, mean(last(1)), AT, &trace);
        prop_assert_eq!(there, flipped(outcome(mean(last(1)), Less, left.clone(), AT, &trace)));
        prop_assert_eq!(there, outcome(mean(last(1)), Greater, left, AT, &trace));
    }

    #[test]
    fn no_comparison_holds_both_ways_in_every_seed((a, b) in arms()) {
        let trace = runs(&[&a, &b]);
        let forth = outcome(last(0), Less, last(1), Scope::EverySeed, &trace);
        let back = outcome(last(1), Less, last(0), Scope::EverySeed, &trace);
        prop_assert!(forth != Supported || back == Refuted);
        prop_assert!(back != Supported || forth == Refuted);
    }

    #[test]
    fn shifting_both_arms_changes_nothing((a, b) in arms(), shift in -5.0..5.0f64) {
        let moved = |v: &[f64]| v.iter().map(|x| x + shift).collect::<Vec<_>>();
        let ask = || ask(mean(last(0)), Less, mean(last(1)), AT);
        let here = one(ask(), &runs(&[&a, &b]));
        let there = one(ask(), &runs(&[&moved(&a), &moved(&b)]));
        prop_assume!(here.p_value.is_none_or(|p| (p - 0.05).abs() > 1e-6 && p > 1e-12));
        prop_assert_eq!(here.verdict, there.verdict);
        prop_assert!(here.estimate.is_none() || (here.estimate.unwrap() - there.estimate.unwrap()).abs() < 1e-9);
    }

    #[test]
    fn a_verdict_alone_is_where_its_interval_lies((a, _) in arms(), bound in -5.0..5.0f64) {
        let v = one(ask(mean(last(0)), Greater, number(bound), AT), &runs(&[&a]));
        prop_assume!(v.p_value.is_none_or(|p| (p - 0.05).abs() > 1e-9));
        // Values that do not vary are judged by how many agree, and their interval has no width.
        prop_assume!(a.len() < 2 || a.iter().any(|x| x.is_nan() || (x - a[0]).abs() > 1e-3));
        match (v.verdict, v.interval) {
            (Supported, Some((low, _))) => prop_assert!(low > bound),
            (Refuted, Some((_, high))) => prop_assert!(high < bound),
            (Inconclusive, Some((low, high))) => {
                prop_assert!((low <= bound && bound <= high) || a.iter().any(|x| x.is_nan()));
            }
            (_, None) => prop_assert_eq!(v.verdict, Inconclusive),
        }
    }
}

proptest! {
    // Resampling takes its time.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn swapping_the_arms_flips_every_method((a, b) in arms(), margin in prop::option::of(0.1..5.0f64)) {
        for method in [Method::Student, Method::Unpaired, Method::Percentile, Method::Bootstrap, Method::Anytime] {
            let scope = Scope::At { confidence: 0.9, method };
            let asked = |trace: &Trace| {
                let mut question = ask(mean(last(0)), Less, mean(last(1)), scope);
                if let (QuestionKind::Expectation(e), Some(margin)) = (&mut question.kind, margin) {
                    (e.relation, e.margin) = (Equal, Some(margin));
                }
                one(question, trace)
            };
            let (there, back) = (asked(&runs(&[&a, &b])), asked(&runs(&[&b, &a])));
            let close = |x: Option<f64>, y: Option<f64>| match (x, y) {
                (Some(x), Some(y)) => (x - y).abs() < 1e-9,
                (x, y) => x.is_none() && y.is_none(),
            };
            prop_assert!(close(there.p_value, back.p_value), "{:?} {:?} {:?}", method, there, back);
            prop_assert!(close(there.estimate, back.estimate.map(|x| -x)));
            if margin.is_some() {
                prop_assert_eq!(there.verdict, back.verdict);
            } else {
                prop_assert_eq!(there.verdict, flipped(back.verdict));
            }
        }
    }

    #[test]
    fn odd_numbers_are_no_reason_to_fail(
        a in prop::collection::vec(prop_oneof![Just(1e300), Just(-1e300), Just(f64::INFINITY), Just(0.0), -1.0..1.0f64], 0..8),
        bound in prop_oneof![Just(0.0), Just(1e300), -1.0..1.0f64],
    ) {
        let trace = runs(&[&a, &a]);
        let points: Vec<(Term, Term)> = (0..2).map(|c| (number(c as f64), last(c))).collect();
        let (x, y) = (Box::new(last(0)), Box::new(last(1)));
        let over = |statistic| Term::OverConditions { statistic, points: points.clone(), text: String::new() };
        let mut questions = vec![
            ask(last(0), Greater, number(bound), Scope::Share { share: 0.5, confidence: 0.95 }),
            ask(mean(over(Statistic::Trend)), Greater, number(0.0), AT),
            ask(mean(over(Statistic::Slope)), Greater, number(bound), AT),
            ask(Term::OverSeeds { statistic: Statistic::Correlation, x: x.clone(), y: y.clone(), text: String::new() }, Greater, number(0.0), AT),
            ask(Term::OverSeeds { statistic: Statistic::Slope, x, y, text: String::new() }, Greater, number(bound), AT),
        ];
        for method in [Method::Student, Method::Bootstrap, Method::Percentile, Method::Anytime] {
            questions.push(ask(mean(last(0)), Greater, number(bound), Scope::At { confidence: 0.95, method }));
        }
        let verdicts = judge(&questions, &trace);
        prop_assert!(verdicts.iter().all(|v| v.p_adjusted.is_none_or(|p| !p.is_nan()) && !v.sentence.is_empty()));
        power::outlook(&questions, &|_| a.len(), Some(&trace));
    }
}
