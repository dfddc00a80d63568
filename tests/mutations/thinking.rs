//! Faults of understanding: what is left out or said twice, things of another kind, units, and what other languages write.

use super::Faults;
use super::spec::{Draw, Fault, Kind, Spec};
use super::typing::{argument, declares, imported, middle, name, opening, setting};
use std::ops::Range;

pub const KINDS: &[Faults] = &[
    ("statement dropped", |s, d| {
        let at = d.of(&s.statements)?;
        Some(remove(s, at))
    }),
    ("statement doubled", |s, d| {
        let at = d.of(&s.statements)?;
        let text = s.text[at.clone()].to_string();
        Some(again(s, at, &format!("\n  {text}")))
    }),
    ("declaration dropped", |s, d| {
        let at = d.of(&s.items)?;
        Some(remove(s, at))
    }),
    ("declaration doubled", |s, d| {
        let at = d.of(&s.items)?;
        let text = s.text[at.clone()].to_string();
        Some(again(s, at, &format!("\n\n{text}")))
    }),
    ("name of a declaration dropped", |s, d| {
        let i = d.token(s, |i| name(s, i) && i > 0 && opening(s, i - 1))?;
        let uses = s.places(s.word(i));
        Some(s.without(i, &uses))
    }),
    ("name of another kind", |s, d| {
        let i = d.token(s, |i| name(s, i) && !declares(s, i) && s.before(i) != ".")?;
        let other = d.token(s, |j| declares(s, j) && name(s, j) && s.word(j) != s.word(i))?;
        let uses = s.places(s.word(i));
        // A split is declared where it is sized.
        let also = if s.line_word(i) == "split" { uses } else { vec![] };
        Some(s.change(s.tokens[i].start..s.tokens[i].end, s.word(other), &also))
    }),
    ("member of another thing", |s, d| {
        let i = d.token(s, |i| s.before(i) == "." && s.kind(i) == Some(Kind::Word))?;
        let other = d.token(s, |j| s.before(j) == "." && s.kind(j) == Some(Kind::Word) && s.word(j) != s.word(i))?;
        Some(s.replace(i, s.word(other)))
    }),
    ("argument dropped", |s, d| {
        let (i, at) = one_argument(s, d)?;
        let range = at.start..if s.text[at.end..].starts_with(',') { at.end + 1 } else { at.end };
        Some(s.change(range, "", &[i]))
    }),
    ("argument doubled", |s, d| {
        let (i, at) = one_argument(s, d)?;
        let text = s.text[at.clone()].to_string();
        Some(s.change(at, &format!("{text}, {text}"), &[i]))
    }),
    ("argument without its name", |s, d| {
        let i = d.token(s, |i| argument(s, i))?;
        Some(s.change(s.tokens[i].start..s.tokens[i + 2].start, "", &[i]))
    }),
    ("arguments swapped", |s, d| {
        let (i, first) = one_argument(s, d)?;
        let close = s.partner(i)?;
        let comma = s.tokens.iter().position(|t| t.start == first.end).filter(|c| s.word(*c) == ",")?;
        let second = arguments(s, i, close).into_iter().find(|r| r.start > s.tokens[comma].start)?;
        let (a, b) = (&s.text[first.clone()], &s.text[second.clone()]);
        (a != b && !a.contains('=')).then(|| s.change(first.start..second.end, &format!("{b}, {a}"), &[i]))
    }),
    ("setting of another tool", |s, d| {
        let i = d.token(s, |i| setting(s, i) || s.word(i) == "train" && s.word(i + 1) == "=")?;
        let others: &[&str] = match s.word(i) {
            "task" => &["data", "dataset"],
            "architecture" => &["model", "network", "net"],
            "objective" => &["loss", "criterion", "cost"],
            "rule" => &["optimizer", "learning_rule", "trainer"],
            "train" => &["epochs", "steps", "n_epochs", "max_epochs"],
            "seeds" => &["seed", "runs", "n_seeds", "repeats"],
            "batch" => &["batch_size", "minibatch"],
            "precision" => &["dtype"],
            _ => return None,
        };
        Some(s.replace(i, others[d.below(others.len())]))
    }),
    ("argument of another tool", |s, d| {
        let i = d.token(s, |i| argument(s, i))?;
        let others = ["lr", "learning_rate", "units", "size", "num_classes", "in_features", "activation", "name"];
        let other = others[d.below(others.len())];
        (other != s.word(i)).then(|| s.replace(i, other))
    }),
    ("unit of another dimension", |s, d| {
        let i = d.token(s, |i| unit(s, i))?;
        let others = ["deg", "ms", "mV", "epochs", "nA"].map(|u| if u == s.word(i) { "Hz" } else { u });
        Some(s.replace(i, &format!(" {}", others[d.below(5)])))
    }),
    ("unit of another tool", |s, d| {
        let i = d.token(s, |i| unit(s, i))?;
        let others: &[&str] = match s.word(i) {
            "%" => &[" percent", " pct", " per cent"],
            "deg" => &["degrees", "degree", "\u{b0}"],
            "epochs" | "epoch" => &["ep", "passes", "Epochs"],
            "steps" | "step" => &["iterations", "iters", "updates"],
            "ms" => &["msec", "milliseconds", "MS"],
            "s" => &["sec", "seconds"],
            _ => return None,
        };
        Some(s.replace(i, others[d.below(others.len())]))
    }),
    ("number malformed", |s, d| {
        let i = d.token(s, |i| s.kind(i) == Some(Kind::Number) && s.line_word(i) != "language")?;
        let word = s.word(i);
        let with = [
            format!("{word}."),
            format!(".{word}"),
            format!("{word}.5.1"),
            format!("{word}e"),
            format!("{word}f"),
            format!("{word}__0"),
            format!("0x{word}"),
            format!("{word}O"),
        ];
        Some(s.replace(i, &with[d.below(with.len())]))
    }),
    ("wrong size", |s, d| {
        let sized =
            |i: usize| s.kind(i) == Some(Kind::Number) && s.before(i) == "[" && s.word(i).parse::<u64>().is_ok();
        let i = d.token(s, |i| sized(i) && ["]", ","].contains(&s.word(i + 1)))?;
        let size: u64 = s.word(i).parse().ok()?;
        // What is numbered is read elsewhere.
        let also = if declares(s, i - 2) || ["population", "output"].contains(&s.line_word(i)) {
            s.places(s.word(i - 2))
        } else {
            vec![]
        };
        Some(s.change(s.tokens[i].start..s.tokens[i].end, &[size + 1, size + 7, 0][d.below(3)].to_string(), &also))
    }),
    ("size of another name", |s, d| {
        let inside = |i: usize| ["[", ","].contains(&s.before(i)) && ["]", ","].contains(&s.word(i + 1));
        let i = d.token(s, |i| {
            name(s, i) && inside(i) && !s.first(i) && s.text[..s.tokens[i].start].ends_with(['[', ' '])
        })?;
        let other =
            d.token(s, |j| name(s, j) && inside(j) && s.item_word(j) == s.item_word(i) && s.word(j) != s.word(i))?;
        // Two sizes that must agree are seen at either.
        let mut uses = s.places(s.word(i));
        uses.retain(|&j| s.item_word(j) == s.item_word(i));
        Some(s.change(s.tokens[i].start..s.tokens[i].end, s.word(other), &uses))
    }),
    ("line break in a line", |s, d| {
        let i = d.token(s, |i| !s.first(i) && s.line_word(i) != "language")?;
        Some(s.change(s.tokens[i].start..s.tokens[i].start, "\n    ", &[]))
    }),
    ("two lines in one", |s, d| {
        let i =
            d.token(s, |i| i > 0 && s.first(i) && s.text[s.tokens[i - 1].end..s.tokens[i].start].trim().is_empty())?;
        Some(s.change(s.tokens[i - 1].end..s.tokens[i].start, " ", &[i - 1]))
    }),
    ("two words swapped", |s, d| {
        let i =
            d.token(s, |i| !s.first(i) && i + 1 < s.tokens.len() && !s.first(i + 1) && s.line_word(i) != "language")?;
        let (a, b) = (s.word(i), s.word(i + 1));
        let between = &s.text[s.tokens[i].end..s.tokens[i + 1].start];
        (a != b).then(|| s.change(s.tokens[i].start..s.tokens[i + 1].end, &format!("{b}{between}{a}"), &[]))
    }),
    ("another word of the language", |s, d| {
        let i = d.token(s, |i| middle(s, i))?;
        let other = ["in", "of", "by", "where", "with", "at", "on", "from", "for", "as"][d.below(10)];
        (other != s.word(i)).then(|| s.replace(i, other))
    }),
    ("another statement's word", |s, d| {
        let i = d.token(s, |i| opening(s, i))?;
        let j = d.token(s, |j| opening(s, j) && s.word(j) != s.word(i))?;
        let uses = s.places(s.word(i + 1));
        Some(s.change(s.tokens[i].start..s.tokens[i].end, s.word(j), &uses))
    }),
    ("word of another language", foreign_word),
    ("expression of Python", |s, d| {
        let i = d.token(s, |i| s.word(i) == ".." || s.word(i) == "if" || s.word(i) == "[" || s.word(i) == "vary")?;
        let before = s.before(i);
        match s.word(i) {
            ".." if i > 0 => {
                let text = format!("range({before}, {})", s.word(i + 1));
                Some(s.change(s.tokens[i - 1].start..s.tokens[i + 1].end, &text, &[]))
            }
            "if" => Some(s.replace(i, "when")),
            "vary" => Some(s.replace(i, "sweep")),
            _ => {
                let close = s.partner(i)?;
                let index = s.text[s.tokens[i].end..s.tokens[close].start].to_string();
                Some(s.change(s.tokens[i].start..s.tokens[close].end, &format!("[{index}:]"), &[]))
            }
        }
    }),
    ("comment of another language", |s, d| {
        let i = d.token(s, |i| i > 0 && s.first(i))?;
        let sign = ["// note", "-- note", "/* note */", "; note", "% note"][d.below(5)];
        let end = s.tokens[i - 1].end;
        Some(s.change(end..end, &format!(" {sign}"), &[]))
    }),
    ("index from zero or too far", |s, d| {
        let i = d.token(s, |i| {
            s.kind(i) == Some(Kind::Number)
                && ["[", ".."].contains(&s.before(i))
                && i > 1
                && s.kind(i - 2) != Some(Kind::Sign)
        })?;
        Some(s.replace(i, ["0", "100000", "-1", "1.5"][d.below(4)]))
    }),
    ("claim or expectation of another form", |s, d| {
        let i = d.token(s, |i| {
            s.item_word(i) == "hypothesis"
                && ["expect", "claim"].contains(&s.line_word(i))
                && !s.first(i)
                && s.kind(i) == Some(Kind::Word)
        })?;
        Some(s.without(i, &[]))
    }),
];

/// The text without a statement or declaration; that it is missing is seen wherever a name of it stands.
fn remove(s: &Spec, at: Range<usize>) -> Fault {
    let inside: Vec<usize> = (0..s.tokens.len()).filter(|&i| at.contains(&s.tokens[i].start)).collect();
    let mut also: Vec<usize> = inside
        .iter()
        .filter(|&&i| name(s, i) || imported(s, i) || i == inside[0])
        .flat_map(|&i| s.places(s.word(i)))
        .collect();
    // Or at the head of what it is missing from.
    let item = s.items.iter().find(|r| r.contains(&at.start)).map_or(0, |r| r.start);
    also.extend(s.tokens.iter().position(|t| t.start == item));
    let name = s.text[at.clone()].lines().next().unwrap_or_default().to_string();
    let whole = s.line_of(at.start).start..s.line_of(at.end).end;
    let alone = s.text[whole.start..at.start].trim().is_empty() && s.text[at.end..whole.end].trim().is_empty();
    let mut fault = s.change(if alone { whole } else { at }, "", &also);
    fault.change = format!("`{name}` dropped");
    fault
}

/// The text with a statement or declaration twice; both places are right.
fn again(s: &Spec, at: Range<usize>, text: &str) -> Fault {
    let first = s.text[..at.start].matches('\n').count() + 1;
    let mut fault = s.change(at.end..at.end, text, &[]);
    let last = fault.text[..at.end + text.len()].matches('\n').count() + 1;
    fault.lines = (first..=last).collect();
    fault.change = format!("`{}` doubled", text.trim().lines().next().unwrap_or_default());
    fault
}

/// An argument of a call, and the bracket that opens its list.
fn one_argument(s: &Spec, d: &mut Draw) -> Option<(usize, Range<usize>)> {
    let calls = |i: usize| s.word(i) == "(" && i > 0 && name(s, i - 1) && s.tokens[i - 1].end == s.tokens[i].start;
    let i = d.token(s, |i| calls(i) && !declares(s, i - 1) && s.word(i + 1) != ")")?;
    let all = arguments(s, i, s.partner(i)?);
    Some((i, d.of(&all)?))
}

fn arguments(s: &Spec, open: usize, close: usize) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let (mut depth, mut from) = (0i32, open + 1);
    for i in open + 1..=close {
        let ends = depth == 0 && (s.word(i) == "," || i == close);
        match s.kind(i) {
            Some(Kind::Open) => depth += 1,
            Some(Kind::Close) => depth -= 1,
            _ => {}
        }
        if ends && from < i {
            out.push(s.tokens[from].start..s.tokens[i - 1].end);
            from = i + 1;
        }
    }
    out
}

fn unit(s: &Spec, i: usize) -> bool {
    let units = ["%", "deg", "rad", "epochs", "epoch", "steps", "step", "seeds", "ms", "s", "Hz", "mV"];
    i > 0 && s.kind(i - 1) == Some(Kind::Number) && units.contains(&s.word(i))
}

fn foreign_word(s: &Spec, d: &mut Draw) -> Option<Fault> {
    const WORDS: [(&str, &[&str]); 17] = [
        ("architecture", &["model", "network", "class", "def"]),
        ("rule", &["learning_rule", "def"]),
        ("experiment", &["train", "run", "main"]),
        ("hypothesis", &["test", "theorem"]),
        ("task", &["dataset", "data"]),
        ("use", &["import", "from", "include"]),
        ("population", &["layer", "neurons", "var"]),
        ("measure", &["metric", "record", "log"]),
        ("expect", &["assert", "check", "expects"]),
        ("let", &["var", "const", "def"]),
        ("update", &["learn", "step"]),
        ("weight", &["param", "parameter"]),
        ("minimize", &["minimise", "min", "argmin"]),
        ("not", &["!", "~"]),
        ("and", &["&&", "&"]),
        ("or", &["||", "|"]),
        ("vary", &["sweep", "grid", "each"]),
    ];
    let others = |i: usize| WORDS.iter().find(|w| w.0 == s.word(i)).map(|w| w.1);
    let i =
        d.token(s, |i| others(i).is_some() && s.before(i) != "." && s.word(i + 1) != "=" && s.word(i + 1) != ".")?;
    let other = d.of(others(i)?)?;
    Some(s.replace(i, other))
}
