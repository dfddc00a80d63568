//! The parser and the formatter from outside: what they keep, what they say, and that nothing breaks them.

use proptest::prelude::*;
use rustix::time::{ClockId, clock_gettime};
use trine::diag::{Code, Diagnostics};
use trine::source::FileId;
use trine::syntax::ast::File;
use trine::syntax::{parse, print};

mod random;

const GOOD: [(&str, &str); 3] = [
    ("architectures", include_str!("golden/syntax/architectures.trine")),
    ("rules", include_str!("golden/syntax/rules.trine")),
    ("experiments", include_str!("golden/syntax/experiments.trine")),
];

fn read(text: &str) -> (File, Diagnostics) {
    let mut diags = Diagnostics::default();
    let file = parse::parse(FileId(0), text, &mut diags);
    (file, diags)
}

/// The tree as text, without places.
fn tree(file: &File) -> String {
    let shown = format!("{:?}", file.items);
    let mut out = String::new();
    for (i, part) in shown.split("Span {").enumerate() {
        out.push_str(if i == 0 { part } else { part.split_once('}').map_or("", |p| p.1) });
    }
    out
}

/// Formatting keeps the meaning, and does nothing when done again.
fn settles(name: &str, text: &str) {
    let (file, diags) = read(text);
    assert!(diags.is_empty(), "{name}: {diags:#?}");
    let once = print::format(&file, text);
    let (again, diags) = read(&once);
    assert!(diags.is_empty(), "{name}: {diags:#?}\n{once}");
    assert_eq!(tree(&file), tree(&again), "{name} means something else after fmt:\n{once}");
    assert_eq!(once, print::format(&again, &once), "{name} is not settled after fmt");
    let comments = |f: &File| f.comments.iter().map(|c| c.text.clone()).collect::<Vec<_>>();
    assert_eq!(comments(&file), comments(&again), "{name} loses comments");
}

#[test]
fn formatting_keeps_the_meaning_and_settles() {
    for (name, text) in GOOD {
        settles(name, text);
        settles(name, &text.replace('\n', "\r\n"));
    }
    settles("messy", include_str!("golden/syntax/messy.txt"));
}

#[test]
fn formatting_is_as_it_was() {
    let text = include_str!("golden/syntax/messy.txt");
    let (file, _) = read(text);
    similar_asserted(&print::format(&file, text), include_str!("golden/syntax/messy-formatted.txt"));
}

fn similar_asserted(got: &str, want: &str) {
    let diff = similar::TextDiff::from_lines(want, got).unified_diff().to_string();
    assert!(diff.is_empty(), "{diff}");
}

#[test]
fn a_comment_between_any_two_lines_is_kept() {
    for (name, text) in GOOD {
        let every: String = text.lines().map(|l| format!("{l} # behind\n# between\n")).collect();
        settles(name, &every);
    }
}

#[test]
fn one_fault_gives_one_message_and_the_rest_is_kept() {
    for (name, text) in GOOD {
        let (whole, _) = read(text);
        // A line at a time is made nonsense; each time there is one message, on that line or at the bracket it lost.
        let lines: Vec<&str> = text.lines().collect();
        for at in 0..lines.len() {
            let line = lines[at].trim();
            let plain = line.contains('=') && !line.ends_with(['{', '(', ',', '=']) && !line.contains('#');
            if !plain || line.starts_with(['}', '#', '-', '+']) || line.contains("language") {
                continue;
            }
            let broken: Vec<String> = lines
                .iter()
                .enumerate()
                .map(|(i, l)| if i == at { format!("{l} ) ;") } else { l.to_string() })
                .collect();
            let (file, diags) = read(&broken.join("\n"));
            assert_eq!(diags.len(), 1, "{name}:{}: {diags:#?}", at + 1);
            let kept = file.items.len();
            assert!(kept + 1 >= whole.items.len(), "{name}:{}: only {kept} items are kept", at + 1);
        }
    }
}

#[test]
fn limits_are_told_plainly_and_fast() {
    // Of the processor: what else the machine does is not counted.
    let seconds = || clock_gettime(ClockId::ThreadCPUTime).tv_sec;
    let start = seconds();
    let only = |text: String, code: Code| {
        let (_, diags) = read(&text);
        let codes: Vec<Code> = diags.iter().map(|d| d.code).collect();
        assert_eq!(codes, [code], "{}", text.chars().take(60).collect::<String>());
    };
    only("(".repeat(10 << 20), Code::T0104);
    only("let x = 3\n".repeat(200_000), Code::T0104);
    only("language 0.1\nrule r() {\n  x = 3 \0\n}\n".into(), Code::T0106);
    let inside = |s: String| format!("language 0.1\nrule r() {{\n  let x = {s}\n}}\n");
    for (open, close) in [("(", ")"), ("f(", ")"), ("[", "]"), ("{ a: ", "}"), ("relax { x = ", "}"), ("h[", "]")] {
        let nested = |n: usize| inside(open.repeat(n) + "a" + &close.repeat(n));
        assert!(read(&nested(120)).1.is_empty(), "{open} 120 deep");
        only(nested(10_000), Code::T0104);
    }
    only(inside("-".repeat(100_000) + "a"), Code::T0104);
    only(inside("a + ".repeat(100_000) + "a"), Code::T0104);
    only(inside("if a then b else ".repeat(20_000) + "c"), Code::T0104);
    only(inside("if ".repeat(200_000)), Code::T0104);
    let many: String = (0..40_000).map(|i| format!("rule r{i}() {{ move 1 }}\n")).collect();
    assert_eq!(read(&format!("language 0.1\n{}", &many[..800_003])).1.len(), 1);
    let wrong = format!("language 0.1\nrule r() {{\n{}}}\n", "  lett x = = 3\n".repeat(60_000));
    assert_eq!(read(&wrong).1.len(), trine::diag::MAX_DIAGNOSTICS);
    assert!(seconds() - start < 60, "{} s", seconds() - start);
}

/// A good text with some damage: cut off, pieces lost, doubled, or replaced by signs that matter.
fn damaged() -> impl Strategy<Value = String> {
    let change = (0usize..100_000, 0usize..40, 0usize..PIECES.len());
    (0..GOOD.len(), prop::collection::vec(change, 1..6), any::<bool>()).prop_map(|(which, changes, cut)| {
        let mut text: Vec<char> = GOOD[which].1.chars().collect();
        for (at, length, piece) in changes {
            let at = at % text.len().max(1);
            let end = (at + length).min(text.len());
            text.splice(at..end, PIECES[piece].chars());
        }
        if cut {
            text.truncate(text.len() * 2 / 3);
        }
        text.into_iter().collect()
    })
}

const PIECES: [&str; 24] = [
    "", " ", "\n", "(", ")", "[", "]", "{", "}", "=", "==", "~", ",", ";", "#", "\"", "if ", "where ", "along ",
    "rule ", "'", "\u{e9}", "1.", "..",
];

proptest! {
    #![proptest_config(random::cases(400, "tests/random/syntax.txt"))]

    #[test]
    fn random_damage_never_breaks_the_parser(text in damaged()) {
        let (file, diags) = read(&text);
        for d in diags.iter() {
            for label in &d.labels {
                prop_assert!(text.get(label.span.range()).is_some(), "{d:?} points outside\n{text}");
            }
            prop_assert!(!d.message.is_empty() && !d.message.contains("Rule::"));
        }
        if diags.is_empty() {
            let once = print::format(&file, &text);
            let (again, found) = read(&once);
            prop_assert!(found.is_empty(), "{:?}\n{text}\n=====\n{once}", found);
            prop_assert_eq!(tree(&file), tree(&again));
            prop_assert_eq!(&once, &print::format(&again, &once));
        }
    }

    #[test]
    fn any_random_text_is_read(text in "\\PC{0,300}") {
        read(&text);
        parse::parse_expr(FileId(0), &text, &mut Diagnostics::default());
    }

    #[test]
    fn random_expressions_keep_their_meaning(text in expression(4)) {
        let mut diags = Diagnostics::default();
        let read = |t: &str, d: &mut Diagnostics| parse::parse_expr(FileId(0), t, d).map(|e| print::expr_text(&e));
        let once = read(&text, &mut diags);
        prop_assert!(diags.is_empty(), "{text}: {diags:?}");
        let once = once.unwrap_or_default();
        let twice = read(&once, &mut diags).unwrap_or_default();
        prop_assert_eq!(&twice, &once);
        // Brackets that fmt leaves out did not matter: with every operand bracketed the tree is the same.
        let shape = |t: &str| {
            let e = parse::parse_expr(FileId(0), t, &mut Diagnostics::default());
            format!("{e:?}").split("Span {").map(|p| p.split_once('}').map_or(p, |q| q.1).to_string()).collect::<String>()
        };
        prop_assert_eq!(shape(&text), shape(&once));
    }
}

/// Expressions of all forms, fully bracketed.
fn expression(depth: u32) -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec!["a", "n.out", "2", "20 ms", "0.5", "true", "f()", "h[1]", "1e-3"]);
    let leaf = leaf.prop_map(str::to_string);
    leaf.prop_recursive(depth, 64, 3, |inner| {
        let sign = prop::sample::select(vec!["+", "-", "*", "/", "@", "^", "==", "<", ">=", "and", "or", ".."]);
        prop_oneof![
            (inner.clone(), sign, inner.clone()).prop_map(|(a, s, b)| format!("({a}) {s} ({b})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            inner.clone().prop_map(|a| format!("not ({a})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("if ({a}) then {b} else ({c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("f({a}, x = {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("sum(q in {a} where q.x: {b})")),
            inner.clone().prop_map(|a| format!("({a}).field")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            inner.prop_map(|a| format!("vary {{ x: {a}, y: 1 }}")),
        ]
    })
}
