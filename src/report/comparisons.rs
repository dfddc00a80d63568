//! Whether what is compared differs in nothing else, and what else the compiler noted.

use super::blocks::{Block, Column, Table};
use super::{Comparison, Facts, Note, count};
use crate::judge::Kind;

/// More pairs than this are counted.
const MOST: usize = 40;

const HOW: &str = "Settings and arguments are compared as they are written, what is tuned counting as one value; of architectures, \
    the number of parameters and the first draws of weights as well. What two different rules, tasks or objectives say inside is \
    not set side by side.";

pub fn section(facts: &Facts) -> Vec<Block> {
    let (confounds, others): (Vec<&Note>, Vec<&Note>) = facts.spec.notes.iter().partition(|n| n.confound);
    let expects = facts.verdicts.iter().any(|v| v.kind == Kind::Expectation);
    let pairs = &facts.spec.compared;
    if facts.spec.notes.is_empty() && !expects {
        return Vec::new();
    }
    let lines = |notes: &[&Note]| -> Vec<String> {
        notes.iter().map(|n| format!("{} ({}, {})", n.text, n.place, n.code)).collect()
    };
    let mut blocks = vec![Block::Heading { title: "what is compared".into(), aside: String::new() }];
    if !confounds.is_empty() {
        blocks.push(Block::Warnings(lines(&confounds)));
    }
    if expects {
        blocks.push(Block::Text(sentence(pairs, confounds.len())));
    }
    if !pairs.is_empty() {
        blocks.push(Block::Table(table(pairs)));
    }
    if !others.is_empty() {
        blocks.push(Block::Text("The compiler notes besides:".into()));
        blocks.push(Block::Warnings(lines(&others)));
    }
    blocks
}

fn sentence(pairs: &[Comparison], confounds: usize) -> String {
    if pairs.is_empty() {
        return match confounds {
            0 => "No expectation compares two arms: each is about one arm and a number.".into(),
            _ => HOW.into(),
        };
    }
    let confounded = pairs.iter().filter(|p| !p.besides.is_empty()).count();
    let all = count(pairs.len(), "pair");
    match confounded {
        0 => format!(
            "The compiler has set {all} of arms side by side, and found no pair to differ in more than one thing. {HOW}"
        ),
        n => {
            let differ = if n == 1 { "differs" } else { "differ" };
            format!("The compiler has set {all} of arms side by side; {n} {differ} in more than one thing. {HOW}")
        }
    }
}

fn table(pairs: &[Comparison]) -> Table {
    let column = |title: &str| Column { title: title.into(), ..Column::default() };
    let row = |p: &Comparison| {
        let (name, left, right) = p.by.clone().unwrap_or_else(|| ("nothing".into(), String::new(), String::new()));
        let besides = if p.besides.is_empty() { "nothing".to_string() } else { p.besides.join(", ") };
        vec![p.arms.0.clone(), p.arms.1.clone(), name, left, right, besides]
    };
    let caption = match pairs.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!("And {more} more."),
    };
    Table {
        columns: ["arm", "other arm", "compared by", "is", "other is", "differs besides in"].map(column).into(),
        rows: pairs.iter().take(MOST).map(row).collect(),
        caption,
    }
}
