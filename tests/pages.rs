//! The report as a page of HTML and as Markdown, made of a trace that nobody measured and of names that nobody should use.

use std::collections::BTreeSet;
use trine::judge::{Kind, Outcome, Verdict};
use trine::report::diagram::{Diagram, Edge, Node, Role, Tie};
use trine::report::{
    Comparison, Note, Provenance, Report, RuleRow, Spec, html, html_live, markdown, summarize, tensorboard,
};
use trine::run::trace::{ConditionTrace, ExperimentTrace, MeasureTrace, Trace};

/// What a name must not do: end a tag, an attribute, a code span, a table's cell.
const NASTY: &str = "<b onload=\"x\">'&|`*_[a](http://example.org)";

fn condition(name: &str, angle: f64, spread: f64) -> ConditionTrace {
    let seeds: Vec<u64> = (0..3).collect();
    let at: Vec<u64> = (0..5).collect();
    let course = |f: &dyn Fn(f64, f64) -> f64| -> Vec<Vec<f64>> {
        seeds.iter().map(|s| at.iter().map(|t| f(*s as f64, *t as f64)).collect()).collect()
    };
    let measure = |name: &str, unit: &str, values| MeasureTrace {
        name: name.into(),
        unit: unit.into(),
        on: "test".into(),
        every: "epoch".into(),
        at: at.clone(),
        values,
    };
    ConditionTrace {
        name: name.into(),
        settings: vec![("rule".into(), name.into())],
        seeds: seeds.clone(),
        measures: vec![
            measure("accuracy", "1", course(&|s, t| 1.0 - 0.9 / (1.0 + t) - 0.01 * s)),
            measure("angle", "deg", course(&|s, t| if t < 1.0 { f64::NAN } else { angle + s })),
            measure("variance", "1", course(&|s, t| spread * (1.0 + 0.1 * s + t))),
        ],
        parameters: 4810,
        seconds: 1.5,
        faults: Vec::new(),
    }
}

fn verdict(statement: &str, outcome: Outcome) -> Verdict {
    Verdict {
        hypothesis: "plain".into(),
        text: Some(format!("and what is believed of {NASTY}")),
        statement: statement.into(),
        kind: Kind::Expectation,
        verdict: outcome,
        quantity: "accuracy[a]".into(),
        estimate: Some(0.81),
        interval: Some((0.78, 0.84)),
        confidence: Some(0.95),
        seeds: 3,
        unit: "1".into(),
        sentence: "above 0.5 in all 3 seeds".into(),
        ..example_verdict()
    }
}

/// A verdict of which nothing is known.
fn example_verdict() -> Verdict {
    let trace = Trace::default();
    let question = trine::judge::Question {
        hypothesis: String::new(),
        text: None,
        statement: String::new(),
        span: trine::source::Span::default(),
        kind: trine::judge::QuestionKind::Claim { holds: true, reason: String::new(), meaning: String::new() },
    };
    trine::judge::judge(&[question], &trace).remove(0)
}

fn report() -> Report {
    let conditions = vec![
        condition("a", 0.2, 1e-9),
        condition("b", 40.0, 1e-3),
        condition(NASTY, 80.0, 50.0),
        condition("c", 120.0, 4000.0),
    ];
    let node = |name: &str, detail: &str, role| Node { name: name.into(), detail: detail.into(), role };
    let edge = |from, to, label: &str, kind| Edge { from, to, label: label.into(), parameters: Some(650), kind };
    let diagram = Diagram {
        title: "experiment credit".into(),
        conditions: vec![],
        nodes: vec![node("x", "[64]", Role::Input), node(NASTY, "[10]", Role::Output)],
        edges: vec![edge(0, 1, "dense", Tie::Projection), edge(1, 1, "again", Tie::Frozen)],
        parameters: Some(4810),
    };
    let spec = Spec {
        file: "examples/page.trine".into(),
        meaning: "5f2c9a1b77d04e36".into(),
        text: format!(
            "language 0.1\n\n## What is this?\n## A spec with {NASTY}.\nexperiment credit {{\n  seeds = 3 # three\n}}\n"
        ),
        imports: vec![("rules/mine.trine".into(), format!("language 0.1\n\n## {NASTY}\nrule r() {{\n}}\n"))],
        diagrams: vec![diagram],
        rules: vec![RuleRow { name: "r".into(), on: "mlp".into(), update: "local".into(), ..RuleRow::default() }],
        notes: vec![Note {
            code: "T0606".into(),
            confound: true,
            place: "page.trine:3".into(),
            text: "the arms differ".into(),
        }],
        compared: vec![Comparison {
            arms: ("a".into(), NASTY.into()),
            by: Some(("rule".into(), "a()".into(), "b()".into())),
            besides: vec!["rate".into()],
        }],
        ranges: vec![("credit".into(), "accuracy".into(), (0.0, 1.0))],
        command: "trine run examples/page.trine --threads 1 --device cpu".into(),
    };
    let verdicts = vec![
        verdict("last(credit.accuracy[a]) > 0.5 in every seed", Outcome::Supported),
        verdict(NASTY, Outcome::Refuted),
    ];
    let provenance = Provenance { trine: "0.1.0".into(), device: "cpu".into(), threads: 1, ..Provenance::default() };
    let trace = Trace {
        experiments: vec![ExperimentTrace { name: "credit".into(), conditions, ..ExperimentTrace::default() }],
        interrupted: false,
    };
    summarize(spec, trace, verdicts, provenance)
}

/// The tags of a page: name, attributes, and whether it closes.
fn tags(page: &str) -> Vec<(String, String, bool)> {
    let body = page.split("</head>").nth(1).unwrap_or("");
    let mut found = Vec::new();
    for piece in body.split('<').skip(1) {
        let inner = piece.split('>').next().unwrap_or("");
        if inner.starts_with('!') {
            continue;
        }
        let (closing, inner) = inner.strip_prefix('/').map_or((false, inner), |rest| (true, rest));
        let name: String = inner.chars().take_while(|c| c.is_alphanumeric()).collect();
        found.push((name, inner.to_string(), closing));
    }
    found
}

#[test]
fn a_page_asks_nothing_of_anybody() {
    let page = html(&report()).unwrap();
    assert!(page.len() < 1_500_000);
    for word in ["<script", "<link", "<img", "<iframe", "@import", "url(http", "src=", "javascript:", "xmlns:xlink"] {
        assert!(!page.contains(word), "{word}");
    }
    // Links lead to places of the page itself.
    assert!(page.split("href=\"").skip(1).all(|rest| rest.starts_with('#')));
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_page_that_is_watched_asks_nobody_else() {
    let mut report = report();
    report.facts.on_the_way = Some("3 of 12 runs are done".into());
    let page = html_live(&report, 7).unwrap();
    assert!(page.contains("data-version=\"7\"") && page.contains("3 of 12 runs are done"));
    assert!(page.contains("default-src 'none'") && page.contains("connect-src 'self'"));
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(!page.contains("http://") || page.matches("http://").count() == page.matches("http://example.org").count());
}

#[test]
fn conditions_may_last_differently_long() {
    let mut short = condition("short", 10.0, 1.0);
    for measure in &mut short.measures {
        measure.at.truncate(3);
        measure.values.iter_mut().for_each(|v| v.truncate(3));
    }
    for conditions in [[short.clone(), condition("long", 20.0, 1.0)], [condition("long", 20.0, 1.0), short]] {
        let experiment =
            ExperimentTrace { name: "e".into(), conditions: conditions.into(), ..ExperimentTrace::default() };
        let trace = Trace { experiments: vec![experiment], interrupted: false };
        let report = summarize(Spec::default(), trace, vec![], Provenance::default());
        let page = html(&report).unwrap();
        let row = page.split("<tr>").find(|r| r.contains(">4</th>")).unwrap();
        assert!(row.contains("none"), "{row}");
    }
}

#[test]
fn a_large_grid_still_fits_a_page() {
    let conditions: Vec<ConditionTrace> = (0..64).map(|i| condition(&format!("rate {i}"), f64::from(i), 1.0)).collect();
    let experiment = ExperimentTrace { name: "e".into(), conditions, ..ExperimentTrace::default() };
    let trace = Trace { experiments: vec![experiment], interrupted: false };
    let page = html(&summarize(Spec::default(), trace, vec![], Provenance::default())).unwrap();
    assert!(page.len() < 1_500_000, "{}", page.len());
}

#[test]
fn names_are_only_text() {
    let page = html(&report()).unwrap();
    assert!(!page.contains("<b onload"));
    assert!(page.contains("&lt;b onload=&quot;x&quot;&gt;"));
    assert!(tags(&page).iter().all(|t| !t.1.contains("onload=")));
}

#[test]
fn every_tag_is_closed_and_every_name_is_given_once() {
    let page = html(&report()).unwrap();
    let mut open: Vec<String> = Vec::new();
    let mut names: BTreeSet<String> = BTreeSet::new();
    for (name, inner, closing) in tags(&page) {
        if closing {
            assert!(name == "html" || open.pop().as_deref() == Some(name.as_str()), "</{name}>");
            continue;
        }
        for attribute in inner.split(" id=\"").skip(1) {
            let id = attribute.split('"').next().unwrap_or("");
            assert!(names.insert(id.to_string()), "the id {id} is given twice");
        }
        let empty = inner.ends_with('/') || matches!(name.as_str(), "meta" | "br" | "hr");
        if !empty {
            open.push(name);
        }
    }
    // What was read begins after the head, and `html` is closed after it.
    assert_eq!(open, Vec::<String>::new());
    // What labels something is there.
    for piece in page.split("aria-labelledby=\"").skip(1) {
        let id = piece.split('"').next().unwrap_or("");
        assert!(names.contains(id), "nothing has the id {id}");
    }
}

#[test]
fn every_picture_has_its_numbers_and_no_picture_has_what_is_no_number() {
    let page = html(&report()).unwrap();
    let figures: Vec<&str> = page.split("<figure").skip(1).filter_map(|f| f.split("</figure>").next()).collect();
    // Three courses, bias against variance, directions, the architecture.
    assert_eq!(figures.len(), 6);
    for figure in figures {
        assert!(figure.contains("<svg") && figure.contains("role=\"img\"") && figure.contains("<title"));
        assert!(figure.contains("<table>"));
        let drawn: String = figure.split("<svg").skip(1).filter_map(|s| s.split("</svg>").next()).collect();
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"));
    }
    assert!(page.contains("variance against angle"));
    assert!(page.contains("each seed"));
}

#[test]
fn what_is_compared_and_what_is_imported_are_shown() {
    let mut report = report();
    let page = html(&report).unwrap();
    for text in ["mine.trine", "1 pair of arms side by side; 1 differs in more", "differs besides in"] {
        assert!(page.contains(text), "{text}");
    }
    report.facts.spec.notes.clear();
    report.facts.spec.compared[0].besides.clear();
    let page = html(&report).unwrap();
    assert!(page.contains("found no pair to differ in more than one thing"));
    report.facts.spec.compared.clear();
    assert!(html(&report).unwrap().contains("No expectation compares two arms"));
}

#[test]
fn verdicts_come_first() {
    let page = html(&report()).unwrap();
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("the page lacks {text}"));
    assert!(at("refuted") < at("experiment credit") && at("experiment credit") < at("what the rules read"));
    assert!(at("what the rules read") < at(">language</span>"));
}

#[test]
fn what_is_empty_or_strange_still_makes_a_page() {
    let mut strange = condition("", f64::NAN, 0.0);
    for (i, measure) in strange.measures.iter_mut().enumerate() {
        measure.values = vec![vec![[0.0, 1e300, f64::INFINITY][i]; 5]; 3];
    }
    for conditions in [vec![], vec![strange], vec![condition("one", 10.0, 0.0)]] {
        let trace = Trace {
            experiments: vec![ExperimentTrace { name: "e".into(), conditions, ..ExperimentTrace::default() }],
            interrupted: true,
        };
        let report = summarize(Spec::default(), trace, vec![], Provenance::default());
        let page = html(&report).unwrap();
        assert!(page.contains("incomplete") && !page.contains("NaN"));
        assert!(markdown(&report).contains("incomplete"));
    }
}

#[test]
fn markdown_is_as_expected() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report-markdown.txt");
    let found = markdown(&report());
    if std::env::var_os("UPDATE").is_some() || std::env::var_os("TRINE_BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "UPDATE=1 cargo test --test pages writes what came out");
}

#[test]
fn event_files_lie_in_their_folders() {
    let files = tensorboard(&report().facts, 1.7e9);
    assert_eq!(files.len(), 12);
    for (name, bytes) in &files {
        assert!(
            name.starts_with("credit/") && name.split('/').count() == 4 && !name.contains(['<', '"', '|']),
            "{name}"
        );
        // Records follow each other to the end of the file.
        let mut at = 0;
        let mut records = 0;
        while at < bytes.len() {
            let length = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
            at += 8 + 4 + length + 4;
            records += 1;
        }
        assert_eq!((at, records), (bytes.len(), 1 + 3 * 5));
    }
}
