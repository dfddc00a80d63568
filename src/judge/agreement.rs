//! Every way to judge, on seeds that agree: exact zeros, equal seeds, one, two and three of them, missing ones, both sides of a bound.
//!
//! What is expected of each row is counted out by hand: with nothing but how many seeds agree to go by, an exact test has a p that
//! depends on their number alone, and a verdict is due from the number on at which it is below 5 %.
//!
//! | test | p of n seeds on one side | decides from | within a margin, one-sided |
//! |---|---|---|---|
//! | paired t: sign test | 2 / 2^n | 6 | 5 |
//! | bootstraps: sign test | the same | 10 and 20, which they ask for | 10 and 20 |
//! | unpaired: permutations of both arms | 2 / (2n over n) | 4 | 4 |
//! | anytime: Bayes factor of the side | (n + 1) / 2^n | 8 | 8 |
//! | points on a line: permutations | 2 / n! | 5 | |
//! | trend over k conditions: Page | 2 / k!^n | 3 of 3 conditions | |
//! | half of all seeds: binomial | 2 / 2^n | 6 | |
//!
//! Seeds that lie on the bound itself are on no side of it: p is 1, however many they are.

use super::tests::{AT, ask, last, mean, number, one, runs};
use super::{Expectation, Method, Outcome, Question, QuestionKind, Relation, Scope, Statistic, Term};
use crate::run::trace::Trace;
use Outcome::{Inconclusive, Refuted, Supported};
use Relation::{Equal, Greater, GreaterEqual, Less, LessEqual};

const COUNTS: [usize; 9] = [1, 2, 3, 4, 5, 6, 8, 10, 20];

/// Each method, with the fewest seeds that decide a direction and an equality.
const METHODS: [(Method, usize, usize); 5] = [
    (Method::Student, 6, 5),
    (Method::Bootstrap, 10, 10),
    (Method::Percentile, 20, 20),
    (Method::Unpaired, 4, 4),
    (Method::Anytime, 8, 8),
];

fn at(method: Method) -> Scope {
    Scope::At { confidence: 0.95, method }
}

/// Two experiments of one condition each, so that arms may be unpaired too.
fn arms(a: &[f64], b: &[f64]) -> Trace {
    let mut trace = runs(&[a]);
    let mut other = runs(&[b]).experiments.remove(0);
    other.name = "f".into();
    trace.experiments.push(other);
    trace
}

fn of_other() -> Term {
    let Term::Series { condition, measure, moment, scale, .. } = last(0) else { unreachable!() };
    Term::Series { experiment: "f".into(), condition, measure, moment, scale }
}

fn plus(term: Term, x: f64) -> Term {
    Term::Add(Box::new(term), Box::new(number(x)))
}

fn within(margin: f64, mut question: Question) -> Question {
    if let QuestionKind::Expectation(Expectation { margin: m, .. }) = &mut question.kind {
        *m = Some(margin);
    }
    question
}

fn verdict(question: Question, trace: &Trace) -> Outcome {
    one(question, trace).verdict
}

/// The outcome where the relation is met, or not, and there are enough seeds to say so.
fn due(met: bool, enough: bool) -> Outcome {
    match (enough, met) {
        (false, _) => Inconclusive,
        (true, true) => Supported,
        (true, false) => Refuted,
    }
}

#[test]
fn a_direction_is_decided_by_how_many_seeds_agree() {
    for n in COUNTS {
        let trace = arms(&vec![2.0; n], &vec![1.0; n]);
        for (method, fewest, _) in METHODS {
            for (relation, met) in [(Less, false), (LessEqual, false), (Greater, true), (GreaterEqual, true)] {
                let asked = |right: Term| verdict(ask(mean(last(0)), relation, right, at(method)), &trace);
                let told = format!("{n} seeds, {relation:?}, {method:?}");
                assert_eq!(asked(mean(of_other())), due(met, n >= fewest), "{told}");
                // The same on the other side of a bound, and of a number.
                assert_eq!(asked(plus(mean(of_other()), 2.0)), due(!met, n >= fewest), "{told}, moved");
                if method != Method::Unpaired {
                    assert_eq!(asked(number(1.5)), due(met, n >= fewest), "{told}, a number");
                }
            }
        }
    }
}

#[test]
fn what_lies_on_the_bound_tells_of_no_side() {
    for n in COUNTS {
        // Constant, or different from seed to seed and the same in both arms.
        let drawn: Vec<f64> = (0..n).map(|i| (i as f64 * 0.7).sin()).collect();
        let constant = vec![0.3; n];
        for (method, ..) in METHODS {
            for relation in [Less, LessEqual, Greater, GreaterEqual, Equal] {
                for values in [&constant, &drawn] {
                    let question = ask(mean(last(0)), relation, mean(of_other()), at(method));
                    let told = format!("{n} seeds, {relation:?}, {method:?}, {values:?}");
                    assert_eq!(verdict(question, &arms(values, values)), Inconclusive, "{told}");
                }
                // Rounding of single precision is no difference either.
                let rounded = vec![f64::from(0.3f32); n];
                let question = ask(mean(last(0)), relation, mean(of_other()), at(method));
                assert_eq!(verdict(question, &arms(&constant, &rounded)), Inconclusive, "{n} {relation:?} {method:?}");
            }
        }
    }
}

#[test]
fn an_equality_is_decided_by_how_many_seeds_agree() {
    for n in COUNTS {
        for (method, beyond, inside) in METHODS {
            let equal = |b: f64, margin| {
                let question = within(margin, ask(mean(last(0)), Equal, mean(of_other()), at(method)));
                verdict(question, &arms(&vec![0.7; n], &vec![b; n]))
            };
            let told = format!("{n} seeds, {method:?}");
            assert_eq!(equal(0.7, 0.01), due(true, n >= inside), "{told}: no difference");
            assert_eq!(equal(0.695, 0.01), due(true, n >= inside), "{told}: a small one");
            assert_eq!(equal(0.705, 0.01), due(true, n >= inside), "{told}: a small one below");
            assert_eq!(equal(0.6, 0.01), due(false, n >= beyond), "{told}: a large one");
            assert_eq!(equal(0.8, 0.01), due(false, n >= beyond), "{told}: a large one below");
            // 0.7 - 0.68 is not 0.02 in binary fractions.
            assert_eq!(equal(0.68, 0.02), Inconclusive, "{told}: on the margin");
            assert_eq!(equal(0.72, 0.02), Inconclusive, "{told}: on the other margin");
        }
    }
}

#[test]
fn seeds_that_agree_but_for_rounding_agree() {
    let jitter = |x: f64, n: usize| (0..n).map(|i| x * (1.0 + 1e-8 * i as f64)).collect::<Vec<f64>>();
    for (method, fewest, inside) in METHODS {
        for n in [2, 3, 20] {
            let trace = arms(&jitter(0.75, n), &jitter(0.5, n));
            let above = ask(mean(last(0)), Greater, mean(of_other()), at(method));
            assert_eq!(verdict(above, &trace), due(true, n >= fewest), "{n} {method:?}");
            let equal = within(0.5, ask(mean(last(0)), Equal, mean(of_other()), at(method)));
            assert_eq!(verdict(equal, &trace), due(true, n >= inside), "{n} {method:?}");
        }
    }
}

#[test]
fn a_mean_without_one_of_its_seeds_decides_nothing() {
    for n in COUNTS {
        let mut values = vec![2.0; n];
        values[n / 2] = f64::NAN;
        for (method, ..) in METHODS {
            let trace = arms(&values, &vec![1.0; n]);
            let above = ask(mean(last(0)), Greater, mean(of_other()), at(method));
            assert_eq!(verdict(above, &trace), Inconclusive, "{n} {method:?}");
            let equal = within(5.0, ask(mean(last(0)), Equal, mean(of_other()), at(method)));
            assert_eq!(verdict(equal, &trace), Inconclusive, "{n} {method:?}");
        }
        // A seed that fails has failed, whatever the missing one would have done.
        let every =
            |relation, bound| verdict(ask(last(0), relation, number(bound), Scope::EverySeed), &runs(&[&values]));
        assert_eq!(every(GreaterEqual, 2.0), Inconclusive);
        assert_eq!(every(Greater, 2.0), if n == 1 { Inconclusive } else { Refuted });
    }
}

#[test]
fn in_single_seeds_what_is_met_is_met() {
    for n in [1, 2, 3] {
        let trace = runs(&[&vec![0.7; n], &vec![0.7; n], &vec![0.68; n]]);
        for scope in [Scope::EverySeed, Scope::AtLeast { count: n, of: n }] {
            let asked = |relation| verdict(ask(last(0), relation, last(1), scope), &trace);
            assert_eq!(
                [Less, LessEqual, Greater, GreaterEqual, Equal].map(asked),
                [Refuted, Supported, Refuted, Supported, Supported]
            );
            // A margin is met by what lies on it.
            let on = within(0.02, ask(last(0), Equal, last(2), scope));
            assert_eq!(verdict(on, &trace), Supported);
            let beyond = within(0.019, ask(last(0), Equal, last(2), scope));
            assert_eq!(verdict(beyond, &trace), Refuted);
        }
    }
}

#[test]
fn a_share_is_decided_by_how_many_seeds_agree() {
    let half = Scope::Share { share: 0.5, confidence: 0.95 };
    for n in COUNTS {
        // On the bound, which `>=` allows in a seed and `>` does not.
        let trace = runs(&[&vec![1.0; n]]);
        assert_eq!(verdict(ask(last(0), GreaterEqual, number(1.0), half), &trace), due(true, n >= 6), "{n} seeds");
        assert_eq!(verdict(ask(last(0), Greater, number(1.0), half), &trace), due(false, n >= 6), "{n} seeds");
    }
}

#[test]
fn a_trend_is_decided_by_how_many_orders_agree() {
    let trend = |arms: &[Vec<f64>], relation| {
        let points = (0..arms.len()).map(|c| (number(c as f64), last(c))).collect();
        let term = Term::OverConditions { statistic: Statistic::Trend, points, text: String::new() };
        let arms: Vec<&[f64]> = arms.iter().map(Vec::as_slice).collect();
        verdict(ask(mean(term), relation, number(0.0), AT), &runs(&arms))
    };
    for n in COUNTS {
        let rising = [vec![1.0; n], vec![2.0; n], vec![3.0; n]];
        assert_eq!(trend(&rising, Greater), due(true, n >= 3), "{n} seeds");
        assert_eq!(trend(&rising, LessEqual), due(false, n >= 3), "{n} seeds");
        // What differs by rounding alone has no order.
        let level = [vec![1.0; n], vec![1.0 + 1e-9; n], vec![1.0 + 2e-9; n]];
        for relation in [Less, LessEqual, Greater, GreaterEqual] {
            assert_eq!(trend(&level, relation), Inconclusive, "{n} seeds");
        }
    }
}

#[test]
fn points_on_a_line_are_decided_by_their_number() {
    let over = |statistic, relation, bound, x: &[f64], y: &[f64]| {
        let term = Term::OverSeeds { statistic, x: Box::new(last(0)), y: Box::new(last(1)), text: String::new() };
        verdict(ask(term, relation, number(bound), AT), &runs(&[x, y]))
    };
    for n in COUNTS {
        let x: Vec<f64> = (0..n).map(|i| 0.1 * i as f64).collect();
        let line: Vec<f64> = x.iter().map(|x| 1.0 + 0.3 * x).collect();
        let level = vec![0.4; n];
        for statistic in [Statistic::Slope, Statistic::Correlation] {
            let told = format!("{n} seeds, {statistic:?}");
            assert_eq!(over(statistic, Greater, 0.0, &x, &line), due(true, n >= 5), "{told}");
            assert_eq!(over(statistic, LessEqual, 0.0, &x, &line), due(false, n >= 5), "{told}");
            for relation in [Less, LessEqual, Greater, GreaterEqual] {
                assert_eq!(over(statistic, relation, 0.0, &x, &level), Inconclusive, "{told}: level");
                assert_eq!(over(statistic, relation, 0.0, &level, &x), Inconclusive, "{told}: one place");
                assert_eq!(over(statistic, relation, 0.0, &level, &level), Inconclusive, "{told}: one point");
            }
        }
        for relation in [Less, LessEqual, Greater, GreaterEqual] {
            assert_eq!(over(Statistic::Slope, relation, 0.3, &x, &line), Inconclusive, "{n} seeds: just that slope");
        }
        // Beyond one half: n / 2 pairs in the same order, each with probability 1/2 + asin(1/2) / pi = 2/3.
        let beyond = over(Statistic::Correlation, Greater, 0.5, &x, &line);
        assert_eq!(beyond, due(true, 2.0 * (2f64 / 3.0).powi(n as i32 / 2) < 0.05), "{n} seeds");
    }
}

#[test]
fn statistics_over_conditions_are_judged_as_means_are() {
    for (statistic, value) in [(Statistic::Slope, 2.0), (Statistic::Correlation, 1.0)] {
        for n in COUNTS {
            let points = (0..3).map(|c| (number(c as f64), last(c))).collect();
            let term = mean(Term::OverConditions { statistic, points, text: String::new() });
            let trace = runs(&[&vec![1.0; n], &vec![3.0; n], &vec![5.0; n]]);
            let asked = |relation, bound| verdict(ask(term.clone(), relation, number(bound), AT), &trace);
            assert_eq!(asked(Greater, 0.0), due(true, n >= 6), "{n} seeds, {statistic:?}");
            assert_eq!(asked(Less, 0.0), due(false, n >= 6), "{n} seeds, {statistic:?}");
            assert_eq!(asked(GreaterEqual, value), Inconclusive, "{n} seeds, {statistic:?}");
        }
    }
}

#[test]
fn orderings_are_judged_pair_by_pair() {
    // `a >= b >= c` at 95 %: Holm's correction of two, so seven seeds (2 / 2^7 twice) where six decide one.
    for n in [2, 6, 7] {
        let trace = runs(&[&vec![3.0; n], &vec![2.0; n], &vec![2.0; n]]);
        let pair = |i| ask(mean(last(i)), GreaterEqual, mean(last(i + 1)), AT);
        let verdicts = super::judge(&[pair(0), pair(1)], &trace);
        let outcomes: Vec<Outcome> = verdicts.iter().map(|v| v.verdict).collect();
        assert_eq!(outcomes, [due(true, n >= 7), Inconclusive], "{n} seeds");
    }
}

#[test]
fn a_p_that_is_just_what_a_confidence_leaves_is_not_below_it() {
    // Three seeds an arm: 2 of 20 divisions separate them as much, one-sided 1 of 20.
    let trace = arms(&[0.7; 3], &[0.7; 3]);
    let v = one(within(0.1, ask(mean(last(0)), Equal, mean(of_other()), at(Method::Unpaired))), &trace);
    assert_eq!((v.p_value, v.verdict), (Some(0.05), Inconclusive));
}
