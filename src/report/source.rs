//! The spec itself with what it imports of the user's own, and the command that makes its numbers again.

use super::Facts;
use super::blocks::{Block, Language, Source};

pub fn section(facts: &Facts) -> Vec<Block> {
    if facts.spec.text.is_empty() {
        return Vec::new();
    }
    let name = facts.spec.file.clone();
    let source = |(name, text): (String, String)| Block::Source(Source { name, text, language: Language::Trine });
    let mut blocks =
        vec![Block::Heading { title: "the spec".into(), aside: name.clone() }, source((name, facts.spec.text.clone()))];
    for (name, text) in facts.spec.imports.iter().cloned() {
        blocks.push(Block::Text(format!("It imports `{name}`:")));
        blocks.push(source((name, text)));
    }
    blocks
}

pub fn again(facts: &Facts) -> Vec<Block> {
    let spec = &facts.spec;
    if spec.command.is_empty() {
        return Vec::new();
    }
    let p = &facts.provenance;
    let mut text = String::new();
    if let Some(commit) = p.commit.as_ref().filter(|_| !p.uncommitted) {
        text += &format!("git checkout {commit}\n");
    }
    text += &format!("{}\n", spec.command);
    let same = "The same spec, seeds, kind of device, class of processor, threads and version of Trine give the same numbers, bit for bit.";
    let mut blocks = vec![
        Block::Heading { title: "once more".into(), aside: format!("trine {}", facts.provenance.trine) },
        Block::Source(Source { name: "reproduction".into(), text, language: Language::Shell }),
    ];
    if let Some(commit) = p.commit.as_ref().filter(|_| p.uncommitted) {
        let m = format!(
            "The spec, what it imports or its data had changes that commit {commit} does not have: it takes them, too."
        );
        blocks.push(Block::Warnings(vec![m]));
    }
    blocks.push(Block::Text(same.into()));
    blocks
}
