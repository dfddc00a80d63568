//! The spec itself, and the command that makes its numbers again.

use super::Facts;
use super::blocks::{Block, Language, Source};

pub fn section(facts: &Facts) -> Vec<Block> {
    if facts.spec.text.is_empty() {
        return Vec::new();
    }
    let name = facts.spec.file.clone();
    vec![
        Block::Heading { title: "the spec".into(), aside: name.clone() },
        Block::Source(Source { name, text: facts.spec.text.clone(), language: Language::Trine }),
    ]
}

pub fn again(facts: &Facts) -> Vec<Block> {
    let spec = &facts.spec;
    if spec.command.is_empty() {
        return Vec::new();
    }
    let mut text = String::new();
    if let Some(commit) = &facts.provenance.commit {
        text += &format!("git checkout {commit}\n");
    }
    text += &format!("{}\n", spec.command);
    let same = "The same spec, seeds, kind of device, class of processor, threads and version of Trine give the same numbers, bit for bit.";
    vec![
        Block::Heading { title: "once more".into(), aside: format!("trine {}", facts.provenance.trine) },
        Block::Source(Source { name: "reproduction".into(), text, language: Language::Shell }),
        Block::Text(same.into()),
    ]
}
