//! The report of a fixed trace as text and as JSON. `TRINE_BLESS=1 cargo test --test report` rewrites what is expected.

use std::path::PathBuf;
use trine::judge::{self, Expectation, Moment, Question, QuestionKind, Relation, Scope, Term};
use trine::report::{Look, Provenance, Report, Spec, html, json, summarize, terminal, terminal_as};
use trine::run::trace::{ConditionTrace, ExperimentTrace, Fault, MeasureTrace, Trace};
use trine::source::Span;
use trine::store::record::Made;

/// Smooth numbers that look like those of two arms that learn, and that nobody measured.
fn condition(name: &str, slow: f64, top: f64, turn: f64) -> ConditionTrace {
    let at: Vec<u64> = (0..=20).collect();
    let wobble = |seed: u64, t: u64| ((seed * 37 + t * 11) as f64 * (0.7 + top)).sin();
    let share = |seed: u64, t: u64| {
        let course = top - (top - 0.1) * (-(t as f64) / slow).exp();
        course + 0.004 * wobble(seed, 3) + 0.002 * wobble(seed, t)
    };
    let angle = |seed: u64, t: u64| match turn {
        0.0 => 0.0,
        _ => 90.0 - (90.0 - turn) * (1.0 - (-(t as f64) / 4.0).exp()) + 5.0 * wobble(seed, 5),
    };
    let over = |f: &dyn Fn(u64, u64) -> f64| (0..10).map(|s| at.iter().map(|&t| f(s, t)).collect()).collect();
    let measure = |name: &str, unit: &str, on: &str, values| MeasureTrace {
        name: name.into(),
        unit: unit.into(),
        on: on.into(),
        every: "epoch".into(),
        at: at.clone(),
        values,
    };
    ConditionTrace {
        name: name.into(),
        settings: vec![("rule".into(), format!("arm_{name}(step(0.1))"))],
        seeds: (0..10).collect(),
        measures: vec![
            measure("accuracy", "1", "test", over(&share)),
            measure("alignment", "deg", "train", over(&angle)),
        ],
        parameters: 4810,
        seconds: 1.9 + slow / 20.0,
        faults: Vec::new(),
    }
}

fn trace() -> Trace {
    let conditions = vec![condition("a", 2.0, 0.968, 0.0), condition("b", 4.0, 0.951, 48.0)];
    Trace {
        experiments: vec![ExperimentTrace { name: "credit".into(), conditions, notes: vec![], tuning: None }],
        interrupted: false,
    }
}

/// The same after two replicates of `b` have gone wrong.
fn broken_trace() -> Trace {
    let mut trace = trace();
    let b = &mut trace.experiments[0].conditions[1];
    for (seed, step) in [(3, 212), (7, 96)] {
        for measure in &mut b.measures {
            measure.values[seed as usize].truncate(step as usize / 40);
        }
        let message = "`z` is not finite: 3 of 320 values are nan, first at `z = dense(h)`, line 12".into();
        b.faults.push(Fault { seed, step, message });
    }
    trace
}

/// The picture of a run on its way, at every number of moments and any width: two moments are no course.
#[test]
fn a_picture_needs_three_moments() {
    for moments in 0..5 {
        let mut trace = trace();
        for measure in trace.experiments[0].conditions.iter_mut().flat_map(|c| &mut c.measures) {
            measure.at.truncate(moments);
            measure.values.iter_mut().for_each(|v| v.truncate(moments));
        }
        for width in [1, 20, 40, 80, 200] {
            for unicode in [false, true] {
                let text = trine::report::picture(&trace, Look { width, color: false, unicode });
                assert_eq!(text.contains("accuracy on test"), moments > 2, "{moments} moments: {text}");
            }
        }
    }
    assert_eq!(trine::report::picture(&Trace::default(), Look { width: 80, color: true, unicode: true }), "");
}

fn last(measure: &str, condition: usize, scale: f64) -> Term {
    let (experiment, measure) = ("credit".into(), measure.into());
    Term::Series { experiment, condition, measure, moment: Moment::Last, scale }
}

fn mean(term: Term) -> Term {
    Term::Mean(Box::new(term))
}

fn expect(left: Term, relation: Relation, right: Term, scope: Scope, unit: &str, unit_scale: f64) -> QuestionKind {
    QuestionKind::Expectation(Expectation { left, relation, right, margin: None, scope, unit: unit.into(), unit_scale })
}

fn questions() -> Vec<Question> {
    let degree = std::f64::consts::PI / 180.0;
    let at = Scope::At { confidence: 0.95, method: judge::Method::Student };
    let question = |hypothesis: &str, text: &str, statement: &str, kind| Question {
        hypothesis: hypothesis.into(),
        text: Some(text.into()),
        statement: statement.into(),
        span: Span::default(),
        kind,
    };
    let margin = Term::Subtract(Box::new(mean(last("accuracy", 0, 1.0))), Box::new(Term::Number(0.03)));
    let plausible = "without carrying a forward weight backwards";
    vec![
        question(
            "aligned",
            "random feedback comes to point along the gradient",
            "last(credit.alignment[b]) < 90 deg in every seed",
            expect(
                last("alignment", 1, degree),
                Relation::Less,
                Term::Number(90.0 * degree),
                Scope::EverySeed,
                "deg",
                degree,
            ),
        ),
        question(
            "competitive",
            "and costs less than three points of accuracy",
            "mean(last(credit.accuracy[b])) > mean(last(credit.accuracy[a])) - 0.03 at 95 %",
            expect(mean(last("accuracy", 1, 1.0)), Relation::Greater, margin, at, "1", 1.0),
        ),
        question(
            "good",
            "to ninety-eight parts in a hundred",
            "mean(last(credit.accuracy[b])) > 0.98 at 95 %",
            expect(mean(last("accuracy", 1, 1.0)), Relation::Greater, Term::Number(0.98), at, "1", 1.0),
        ),
        question(
            "plausible",
            plausible,
            "arm_b avoids weight_transport",
            QuestionKind::Claim {
                holds: true,
                reason: "no update of `arm_b` reads a forward weight of another projection".into(),
                meaning: String::new(),
            },
        ),
        question(
            "plausible",
            plausible,
            "arm_a needs weight_transport",
            QuestionKind::Claim {
                holds: true,
                reason: "`pull(h)` reads `W` of `h -> z` backwards, line 27 of std/rules.trine".into(),
                meaning: String::new(),
            },
        ),
    ]
}

fn report(trace: Trace) -> Report {
    let verdicts = judge::judge(&questions(), &trace);
    let spec = Spec { file: "examples/01.trine".into(), meaning: "5f2c9a1b77d04e36".into(), ..Spec::default() };
    let provenance = Provenance {
        trine: "0.1.0".into(),
        libtorch: Some("2.13.0".into()),
        device: "cpu".into(),
        threads: 2,
        commit: Some("3e24e28".into()),
        runs: 20,
        stored: 0,
        registered: false,
        processor: "avx2".into(),
        ..Provenance::default()
    };
    summarize(spec, trace, verdicts, provenance)
}

/// Compares with a file of `tests/golden`, or writes it.
fn golden(name: &str, text: &str) {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "golden", name].iter().collect();
    if std::env::var_os("TRINE_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    let diff = similar::TextDiff::from_lines(&want, text);
    assert!(want == text, "{name} differs:\n{}", diff.unified_diff());
}

#[test]
fn a_report_fits_80_columns() {
    let text = terminal(&report(trace()), 80, false);
    golden("report-80.txt", &text);
    assert!(text.lines().all(|l| l.chars().count() <= 80));
}

#[test]
fn a_report_fits_120_columns() {
    golden("report-120.txt", &terminal(&report(trace()), 120, false));
}

#[test]
fn failed_replicates_are_named() {
    golden("report-failures.txt", &terminal(&report(broken_trace()), 80, false));
}

#[test]
fn a_narrow_terminal_without_unicode_is_served() {
    let text = terminal_as(&report(trace()), Look { width: 44, color: false, unicode: false });
    golden("report-narrow.txt", &text);
    assert!(text.is_ascii() && text.lines().all(|l| l.len() <= 44), "{text}");
}

#[test]
fn colour_changes_nothing_but_colour() {
    let report = report(trace());
    let mut stripped = String::new();
    let mut inside = false;
    for c in terminal(&report, 80, true).chars() {
        match c {
            '\u{1b}' => inside = true,
            'm' if inside => inside = false,
            _ if inside => {}
            _ => stripped.push(c),
        }
    }
    assert_eq!(stripped, terminal(&report, 80, false));
}

#[test]
fn scripts_find_what_they_were_promised() {
    let all = json(&report(broken_trace()));
    assert_eq!(all["schema"], "trine-report/1");
    assert_eq!(all["spec"]["file"], "examples/01.trine");
    let b = &all["experiments"][0]["conditions"][1];
    assert_eq!(b["name"], "b");
    assert_eq!(b["settings"]["rule"], "arm_b(step(0.1))");
    assert_eq!(b["seeds"].as_array().unwrap().len(), 10);
    let accuracy = &b["measures"]["accuracy"];
    assert_eq!(
        (&accuracy["unit"], &accuracy["on"], &accuracy["every"]),
        (&"1".into(), &"test".into(), &"epoch".into())
    );
    assert_eq!(accuracy["at"][20], 20);
    assert_eq!(accuracy["values"][0].as_array().unwrap().len(), 21);
    assert_eq!(b["faults"][0]["seed"], 3);
    let hypothesis = &all["hypotheses"][0];
    for key in ["name", "kind", "statement", "verdict", "estimate", "interval", "confidence", "seeds", "unit"] {
        assert!(!hypothesis[key].is_null(), "{key}");
    }
    assert_eq!(hypothesis["verdict"], "inconclusive");
    assert_eq!(all["hypotheses"][3]["kind"], "claim");
    for key in ["trine", "libtorch", "device", "threads", "commit", "registered"] {
        assert!(!all["provenance"][key].is_null(), "{key}");
    }
}

#[test]
fn numbers_that_are_not_finite_are_words() {
    let mut trace = trace();
    let values = &mut trace.experiments[0].conditions[0].measures[0].values[0];
    (values[0], values[1], values[2]) = (f64::NAN, f64::INFINITY, f64::NEG_INFINITY);
    let text = json(&report(trace));
    let values = &text["experiments"][0]["conditions"][0]["measures"]["accuracy"]["values"][0];
    assert_eq!((&values[0], &values[1], &values[2]), (&"nan".into(), &"inf".into(), &"-inf".into()));
}

#[test]
fn nothing_to_report_is_no_trouble() {
    let empty = summarize(Spec::default(), Trace::default(), Vec::new(), Provenance::default());
    assert!(!terminal(&empty, 80, false).is_empty());
    assert_eq!(json(&empty)["experiments"], serde_json::json!([]));
    let bare = Trace { experiments: vec![ExperimentTrace::default()], interrupted: true };
    let verdicts = judge::judge(&questions(), &bare);
    assert!(verdicts[..3].iter().all(|v| v.verdict == judge::Outcome::Inconclusive && v.estimate.is_none()));
    terminal(&summarize(Spec::default(), bare, verdicts, Provenance::default()), 80, false);
}

#[test]
fn a_report_is_read_back_as_its_runs() {
    let before = report(broken_trace());
    let text = trine::report::json(&before).to_string();
    let mut runs = trine::report::read::trace(&text).unwrap();
    for (read, was) in runs.experiments.iter_mut().zip(&before.facts.trace.experiments) {
        // What is no measurement is not in it.
        read.notes = was.notes.clone();
        for (r, w) in read.conditions.iter_mut().zip(&was.conditions) {
            r.measures.sort_by_key(|m| w.measures.iter().position(|x| x.name == m.name));
        }
    }
    assert_eq!(format!("{runs:?}"), format!("{:?}", before.facts.trace));
    let again = judge::judge(&questions(), &runs);
    assert_eq!(again, before.facts.verdicts);
    for (bad, why) in [("", "no JSON"), ("{}", "no `schema`"), (r#"{"schema": "trine-report/1"}"#, "no list")] {
        let said = trine::report::read::trace(bad).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn runs_are_told_of_as_they_were_made() {
    let made = |processor: &str| Made {
        trine: "0.1.0".into(),
        libtorch: "2.13.0".into(),
        device: "cpu".into(),
        threads: 1,
        processor: processor.into(),
        at: 0,
    };
    let of = |made: Vec<(Made, usize)>, uncommitted| {
        let spec = Spec { command: "trine run s.trine".into(), ..Spec::default() };
        let provenance = Provenance {
            commit: Some("3e24e28".into()),
            uncommitted,
            made,
            runs: 3,
            stored: 3,
            ..Provenance::default()
        };
        summarize(spec, Trace::default(), vec![], provenance)
    };
    let pooled = of(vec![(made("avx512"), 2), (made("avx2"), 1)], true);
    let text = terminal(&pooled, 100, false);
    for line in ["2 runs", "1 run ", "libtorch 2.13.0, on cpu, avx512, 1 thread", "the last bits of numbers differ"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let json = json(&pooled);
    assert_eq!(json["provenance"]["made"][1]["processor"], "avx2");
    assert_eq!((&json["provenance"]["made"][0]["runs"], &json["provenance"]["uncommitted"]), (&2.into(), &true.into()));
    // The commit does not have these changes, so nobody is sent there.
    let page = html(&pooled).unwrap();
    assert!(page.contains("with uncommitted changes") && !page.contains("git checkout"));
    let one = of(vec![(made("avx2"), 3)], false);
    assert!(!terminal(&one, 100, false).contains("the last bits of numbers differ"));
    assert!(html(&one).unwrap().contains("git checkout 3e24e28"));
}
