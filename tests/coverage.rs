//! How often verdicts are wrong: every test of the judge on thousands of simulated experiments whose truth is known.
//!
//! `make test` runs few of them. The table of docs/statistics.md is of 2,000 each; this prints it, and compares it with
//! the page (the streams are fixed, so the numbers are the same everywhere):
//!
//! ```text
//! cargo test --release --no-default-features --test coverage -- --ignored --nocapture
//! ```

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use trine::judge::{
    Expectation, Method, Moment, Outcome, Question, QuestionKind, Relation, Scope, Statistic, Term, judge,
};
use trine::run::trace::{ConditionTrace, ExperimentTrace, MeasureTrace, Trace};
use trine::source::Span;

/// A fixed stream of numbers.
struct Draw(ChaCha8Rng);

impl Draw {
    fn new(name: &str, experiment: usize) -> Draw {
        let mut key = [0; 32];
        for (i, b) in name.bytes().enumerate() {
            key[i % 24] ^= b.rotate_left((i / 24) as u32);
        }
        key[24..].copy_from_slice(&(experiment as u64).to_le_bytes());
        Draw(ChaCha8Rng::from_seed(key))
    }

    fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Box & Muller 1958.
    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Mean 0, variance 1, skewness 2.
    fn skewed(&mut self) -> f64 {
        -(1.0 - self.unit()).ln() - 1.0
    }

    /// The accuracy of a classifier that is right with probability `p`, on so many examples.
    fn accuracy(&mut self, p: f64, examples: usize) -> f64 {
        (0..examples).filter(|_| self.unit() < p).count() as f64 / examples as f64
    }

    fn seeds(&mut self, n: usize, one: impl Fn(&mut Draw) -> f64) -> Vec<f64> {
        (0..n).map(|_| one(self)).collect()
    }
}

/// One experiment `e` whose conditions have these last values, seed by seed; with `apart`, an experiment each.
fn trace(arms: &[Vec<f64>], apart: bool) -> Trace {
    let condition = |values: &Vec<f64>| ConditionTrace {
        seeds: (0..values.len() as u64).collect(),
        measures: vec![MeasureTrace {
            name: "m".into(),
            unit: "1".into(),
            at: vec![0],
            values: values.iter().map(|x| vec![*x]).collect(),
            ..MeasureTrace::default()
        }],
        ..ConditionTrace::default()
    };
    let named =
        |i: usize, conditions| ExperimentTrace { name: format!("e{i}"), conditions, ..ExperimentTrace::default() };
    let experiments = match apart {
        true => arms.iter().enumerate().map(|(i, a)| named(i, vec![condition(a)])).collect(),
        false => vec![named(0, arms.iter().map(condition).collect())],
    };
    Trace { experiments, interrupted: false }
}

fn last(experiment: usize, condition: usize) -> Term {
    let experiment = format!("e{experiment}");
    Term::Series { experiment, condition, measure: "m".into(), moment: Moment::Last, scale: 1.0 }
}

fn mean(term: Term) -> Term {
    Term::Mean(Box::new(term))
}

fn at(method: Method) -> Scope {
    Scope::At { confidence: 0.95, method }
}

fn ask(left: Term, relation: Relation, right: Term, margin: Option<f64>, scope: Scope) -> Question {
    let unit = "1".into();
    Question {
        hypothesis: "h".into(),
        text: None,
        statement: "s".into(),
        span: Span::default(),
        kind: QuestionKind::Expectation(Expectation { left, relation, right, margin, scope, unit, unit_scale: 1.0 }),
    }
}

/// `mean(first arm) > bound`
fn above(bound: f64, method: Method) -> Vec<Question> {
    vec![ask(mean(last(0, 0)), Relation::Greater, Term::Number(bound), None, at(method))]
}

/// `mean(first arm) > mean(second arm)`
fn arms(method: Method) -> Vec<Question> {
    let second = if method == Method::Unpaired { last(1, 0) } else { last(0, 1) };
    vec![ask(mean(last(0, 0)), Relation::Greater, mean(second), None, at(method))]
}

/// `mean(first arm) == mean(second arm) within margin`
fn equal(margin: f64, method: Method) -> Vec<Question> {
    let second = if method == Method::Unpaired { last(1, 0) } else { last(0, 1) };
    vec![ask(mean(last(0, 0)), Relation::Equal, mean(second), Some(margin), at(method))]
}

fn over_conditions(statistic: Statistic, k: usize) -> Term {
    let points = (0..k).map(|c| (Term::Number((c + 1) as f64), last(0, c))).collect();
    Term::OverConditions { statistic, points, text: String::new() }
}

fn over_seeds(statistic: Statistic) -> Term {
    Term::OverSeeds { statistic, x: Box::new(last(0, 0)), y: Box::new(last(0, 1)), text: String::new() }
}

fn zero(left: Term) -> Vec<Question> {
    vec![ask(left, Relation::Greater, Term::Number(0.0), None, at(Method::Student))]
}

/// Which verdicts are wrong.
#[derive(Clone, Copy, PartialEq)]
enum Truth {
    /// It lies exactly on the bound: every decision is wrong.
    Bound,
    /// It is as expected.
    Met,
    /// It is not.
    Failed,
}

struct Row {
    what: &'static str,
    truth: Truth,
    /// Whether the assumptions of the test hold, so that it has to err in at most 5 %.
    holds: bool,
    questions: Vec<Question>,
    /// The runs of one experiment; a sequential design has several looks.
    runs: Runs,
}

type Runs = Box<dyn Fn(&mut Draw) -> Vec<Trace>>;

fn row(
    what: &'static str,
    truth: Truth,
    holds: bool,
    questions: Vec<Question>,
    runs: impl Fn(&mut Draw) -> Vec<Trace> + 'static,
) -> Row {
    Row { what, truth, holds, questions, runs: Box::new(runs) }
}

/// One arm of n seeds.
fn one(n: usize, f: impl Fn(&mut Draw) -> f64 + 'static) -> impl Fn(&mut Draw) -> Vec<Trace> {
    move |d| vec![trace(&[d.seeds(n, &f)], false)]
}

/// Arms whose seeds share a part of what they draw, so that pairs are correlated by one half.
fn paired(n: usize, shifts: &'static [f64]) -> impl Fn(&mut Draw) -> Vec<Trace> {
    move |d| {
        let shared = d.seeds(n, Draw::normal);
        let arm = |d: &mut Draw, shift: f64| shared.iter().map(|s| s + d.normal() + shift).collect();
        vec![trace(&shifts.iter().map(|s| arm(d, *s)).collect::<Vec<_>>(), false)]
    }
}

/// The standard deviation of a difference of such a pair.
const PAIR: f64 = std::f64::consts::SQRT_2;

/// The same experiment after every seed from `from` to `to`.
fn looks(from: usize, to: usize) -> impl Fn(&mut Draw) -> Vec<Trace> {
    move |d| {
        let all = d.seeds(to, Draw::normal);
        (from..=to).map(|n| trace(&[all[..n].to_vec()], false)).collect()
    }
}

fn rows() -> Vec<Row> {
    use Method::*;
    use Truth::*;
    let share = |share| {
        let scope = Scope::Share { share, confidence: 0.95 };
        vec![ask(last(0, 0), Relation::Greater, Term::Number(0.0), None, scope)]
    };
    let family =
        || (0..10).flat_map(|c| vec![ask(mean(last(0, c)), Relation::Greater, Term::Number(0.0), None, at(Student))]);
    let ordering = || {
        let pair = |i| ask(mean(last(0, i)), Relation::Greater, mean(last(0, i + 1)), None, at(Student));
        vec![pair(0), pair(1)]
    };
    let independent = |a: usize, b: usize, spread: f64, shift: f64| {
        move |d: &mut Draw| {
            let (x, y) = (d.seeds(a, Draw::normal), d.seeds(b, |d| spread * d.normal() + shift));
            vec![trace(&[x, y], true)]
        }
    };
    vec![
        row("t, 3 seeds", Bound, true, above(0.0, Student), one(3, Draw::normal)),
        row("t, 10 seeds", Bound, true, above(0.0, Student), one(10, Draw::normal)),
        row(
            "t, 10 seeds, accuracies on 360 examples",
            Bound,
            true,
            above(0.95, Student),
            one(10, |d| d.accuracy(0.95, 360)),
        ),
        row("t, 2 seeds, accuracies on 50 examples", Bound, true, above(0.9, Student), one(2, |d| d.accuracy(0.9, 50))),
        row("paired t, 3 seeds, accuracies near 99 % on 100 examples", Bound, true, arms(Student), |d| {
            vec![trace(&[d.seeds(3, |d| d.accuracy(0.99, 100)), d.seeds(3, |d| d.accuracy(0.99, 100))], false)]
        }),
        row("t, 10 seeds, skewed values (skewness 2)", Bound, false, above(0.0, Student), one(10, Draw::skewed)),
        row("paired t, 5 seeds", Bound, true, arms(Student), paired(5, &[0.0, 0.0])),
        row("paired t, 10 seeds", Bound, true, arms(Student), paired(10, &[0.0, 0.0])),
        row("paired t, 10 seeds, true by one standard deviation", Met, true, arms(Student), paired(10, &[PAIR, 0.0])),
        row(
            "paired t, 10 seeds, false by one standard deviation",
            Failed,
            true,
            arms(Student),
            paired(10, &[0.0, PAIR]),
        ),
        row("ordering of three equal arms, 10 seeds", Bound, true, ordering(), paired(10, &[0.0, 0.0, 0.0])),
        row("ten expectations of a file together, 10 seeds", Bound, true, family().collect(), |d| {
            vec![trace(&(0..10).map(|_| d.seeds(10, Draw::normal)).collect::<Vec<_>>(), false)]
        }),
        row("unpaired, 5 and 20 seeds, spreads 1 and 3", Bound, true, arms(Unpaired), independent(5, 20, 3.0, 0.0)),
        row("unpaired, 20 and 5 seeds, spreads 1 and 3", Bound, true, arms(Unpaired), independent(20, 5, 3.0, 0.0)),
        row(
            "equal within 1 sd, 10 seeds, off by a hair more",
            Failed,
            true,
            equal(PAIR, Student),
            paired(10, &[PAIR, 0.0]),
        ),
        row("equal within 1 sd, 20 seeds, true", Met, true, equal(PAIR, Student), paired(20, &[0.0, 0.0])),
        row(
            "equal within 1 sd, 20 seeds, off by 2",
            Failed,
            true,
            equal(PAIR, Student),
            paired(20, &[2.0 * PAIR, 0.0]),
        ),
        row(
            "equal, unpaired, 10 seeds, off by a hair more",
            Failed,
            true,
            equal(1.0, Unpaired),
            independent(10, 10, 1.0, 1.0),
        ),
        row(
            "80 % of seeds, 40 seeds, just 80 %",
            Bound,
            true,
            share(0.8),
            one(40, |d| if d.unit() < 0.8 { 1.0 } else { -1.0 }),
        ),
        row(
            "80 % of seeds, 40 seeds, 97 %",
            Met,
            true,
            share(0.8),
            one(40, |d| if d.unit() < 0.97 { 1.0 } else { -1.0 }),
        ),
        row("trend over 3 conditions, 10 seeds", Bound, true, zero(mean(over_conditions(Statistic::Trend, 3))), |d| {
            vec![trace(&[0, 1, 2].map(|_| d.seeds(10, Draw::skewed)), false)]
        }),
        row(
            "trend over 4 conditions, 5 seeds, many ties",
            Bound,
            true,
            zero(mean(over_conditions(Statistic::Trend, 4))),
            |d| vec![trace(&[0, 1, 2, 3].map(|_| d.seeds(5, |d| (3.0 * d.unit()).floor())), false)],
        ),
        row(
            "mean slope over 4 conditions, 5 seeds",
            Bound,
            true,
            zero(mean(over_conditions(Statistic::Slope, 4))),
            |d| {
                // A seed's own level and slope: conditions are not independent, seeds are.
                let seeds: Vec<(f64, f64)> = (0..5).map(|_| (d.normal(), d.normal())).collect();
                let arm =
                    |c: usize, d: &mut Draw| seeds.iter().map(|(l, s)| l + s * c as f64 + 0.3 * d.normal()).collect();
                vec![trace(&[0, 1, 2, 3].map(|c| arm(c, d)), false)]
            },
        ),
        row("correlation over 10 seeds", Bound, true, zero(over_seeds(Statistic::Correlation)), |d| {
            vec![trace(&[d.seeds(10, Draw::normal), d.seeds(10, Draw::normal)], false)]
        }),
        row(
            "correlation above 0.5, 20 seeds, just 0.5",
            Bound,
            true,
            vec![ask(over_seeds(Statistic::Correlation), Relation::Greater, Term::Number(0.5), None, at(Student))],
            |d| {
                let x = d.seeds(20, Draw::normal);
                let y = x.iter().map(|x| 0.5 * x + 0.75f64.sqrt() * d.normal()).collect();
                vec![trace(&[x, y], false)]
            },
        ),
        row("slope over 10 seeds", Bound, true, zero(over_seeds(Statistic::Slope)), |d| {
            vec![trace(&[d.seeds(10, Draw::skewed), d.seeds(10, Draw::normal)], false)]
        }),
        row("BCa bootstrap, 10 seeds", Bound, true, above(0.0, Bootstrap), one(10, Draw::normal)),
        row("BCa bootstrap, 20 seeds", Bound, true, above(0.0, Bootstrap), one(20, Draw::normal)),
        row("BCa bootstrap, 20 seeds, skewed values", Bound, false, above(0.0, Bootstrap), one(20, Draw::skewed)),
        row("t, 20 seeds, skewed values", Bound, false, above(0.0, Student), one(20, Draw::skewed)),
        row("percentile bootstrap, 20 seeds", Bound, false, above(0.0, Percentile), one(20, Draw::normal)),
        row("anytime, looked at after every seed from 2 to 50", Bound, true, above(0.0, Anytime), looks(2, 50)),
        row("t, looked at after every seed from 3 to 30", Bound, false, above(0.0, Student), looks(3, 30)),
        row(
            "a seed in ten is lost where its value is low, 10 seeds",
            Bound,
            true,
            above(0.0, Student),
            one(10, |d| {
                let x = d.normal();
                if x < -1.28 { f64::NAN } else { x }
            }),
        ),
    ]
}

/// How many of the experiments have a wrong verdict, and how many one that is right.
fn simulate(row: &Row, experiments: usize) -> (usize, usize) {
    let (mut wrong, mut right) = (0, 0);
    for i in 0..experiments {
        let mut draw = Draw::new(row.what, i);
        let verdicts = (row.runs)(&mut draw).into_iter().flat_map(|t| judge(&row.questions, &t));
        let (mut errs, mut hits) = (false, false);
        for v in verdicts {
            match (v.verdict, row.truth) {
                (Outcome::Inconclusive, _) => {}
                (Outcome::Supported, Truth::Met) | (Outcome::Refuted, Truth::Failed) => hits = true,
                _ => errs = true,
            }
        }
        wrong += usize::from(errs);
        right += usize::from(hits && !errs);
    }
    (wrong, right)
}

/// The table, and the rows that err too often.
fn table(experiments: usize, heavy: usize) -> (String, Vec<String>) {
    let mut text = String::from("| test | truth | wrong | right | undecided |\n|---|---|---|---|---|\n");
    let mut faults = Vec::new();
    for row in rows() {
        let resamples = row.what.contains("bootstrap");
        let n = if resamples { heavy } else { experiments };
        let (wrong, right) = simulate(&row, n);
        let percent = |k: usize| format!("{:.1} %", 100.0 * k as f64 / n as f64);
        let truth = match row.truth {
            Truth::Bound => "on the bound",
            Truth::Met => "met",
            Truth::Failed => "not met",
        };
        let note = if row.holds { "" } else { " *" };
        text += &format!(
            "| {}{note} | {truth} | {} | {} | {} |\n",
            row.what,
            percent(wrong),
            percent(right),
            percent(n - wrong - right)
        );
        // Three standard deviations of a share of 5 %.
        let most = 0.05 + 3.0 * (0.05 * 0.95 / n as f64).sqrt();
        if row.holds && wrong as f64 > most * n as f64 {
            faults.push(format!("{}: {wrong} of {n} are wrong", row.what));
        }
    }
    (text, faults)
}

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/statistics.md")).unwrap()
}

#[test]
fn verdicts_err_as_rarely_as_they_say() {
    let (text, faults) = table(200, 20);
    assert!(faults.is_empty(), "{faults:#?}");
    // Of the documentation's table, the first two columns.
    let page = page();
    for line in text.lines() {
        let head: String = line.split_inclusive('|').take(3).collect();
        assert!(page.contains(&head), "docs/statistics.md has no row {head}");
    }
}

#[test]
#[ignore = "two thousand experiments a row: some minutes"]
fn the_table_of_the_documentation() {
    let (text, faults) = table(2000, 2000);
    println!("{text}");
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(page().contains(&text), "docs/statistics.md has another table");
}
