//! What was trained, as diagrams.

use super::Facts;
use super::blocks::{Block, Column, Table};

pub fn section(facts: &Facts) -> Vec<Block> {
    let all = &facts.spec.diagrams;
    if all.is_empty() {
        return Vec::new();
    }
    let title = if all.len() == 1 { "architecture" } else { "architectures" };
    let mut blocks = vec![Block::Heading { title: title.into(), aside: String::new() }];
    for diagram in all {
        blocks.push(Block::Diagram(diagram.clone()));
    }
    blocks
}

/// The lines of a diagram in words, for those who do not see it.
pub fn table(diagram: &super::diagram::Diagram) -> Table {
    let column = |title: &str, number| Column { title: title.into(), subtitle: String::new(), number };
    let end = |i: usize| format!("{} {}", diagram.nodes[i].name, diagram.nodes[i].detail);
    let rows = diagram
        .edges
        .iter()
        .map(|e| {
            let kind = if e.label.is_empty() { e.kind.word().to_string() } else { e.label.clone() };
            let frozen = if e.kind == super::diagram::Tie::Frozen { " (frozen)" } else { "" };
            let parameters = e.parameters.map(super::diagram::thousands).unwrap_or_default();
            vec![end(e.from), end(e.to), format!("{kind}{frozen}"), parameters]
        })
        .collect();
    let columns = vec![column("from", false), column("to", false), column("by", false), column("parameters", true)];
    Table { columns, rows, caption: String::new() }
}
