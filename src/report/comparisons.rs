//! Whether what is compared differs in nothing else, and what else the compiler noted.

use super::blocks::Block;
use super::{Facts, Note};
use crate::judge::Kind;

pub fn section(facts: &Facts) -> Vec<Block> {
    let (confounds, others): (Vec<&Note>, Vec<&Note>) = facts.spec.notes.iter().partition(|n| n.confound);
    let compared = facts.verdicts.iter().any(|v| v.kind == Kind::Expectation);
    if facts.spec.notes.is_empty() && !compared {
        return Vec::new();
    }
    let lines = |notes: &[&Note]| -> Vec<String> {
        notes.iter().map(|n| format!("{} ({}, {})", n.text, n.place, n.code)).collect()
    };
    let mut blocks = vec![Block::Heading { title: "what is compared".into(), aside: String::new() }];
    match confounds.is_empty() {
        true if compared => blocks.push(Block::Text(
            "No comparison of two arms differs in more than what it compares: the compiler has set them side by side as text.".into(),
        )),
        true => {}
        false => blocks.push(Block::Warnings(lines(&confounds))),
    }
    if !others.is_empty() {
        blocks.push(Block::Text("The compiler notes besides:".into()));
        blocks.push(Block::Warnings(lines(&others)));
    }
    blocks
}
