//! Where each rule takes its information from, as the compiler derives it.

use super::blocks::{Block, Column, Table};
use super::{Facts, RuleRow};

pub fn section(facts: &Facts) -> Vec<Block> {
    let rules = &facts.spec.rules;
    if rules.is_empty() {
        return Vec::new();
    }
    let column = |title: &str| Column { title: title.into(), subtitle: String::new(), number: false };
    let several = rules.iter().any(|r| r.on != rules[0].on);
    let dynamics = rules.iter().any(|r| !r.dynamics.is_empty());
    let mut columns = vec![column("rule")];
    columns.extend(several.then(|| column("on")));
    columns.push(column("its updates need"));
    columns.extend(dynamics.then(|| column("its phases need")));
    let row = |r: &RuleRow| {
        let mut row = vec![r.name.clone()];
        row.extend(several.then(|| r.on.clone()));
        row.push(r.update.clone());
        row.extend(dynamics.then(|| r.dynamics.clone()));
        row
    };
    let caption = "Derived from the rules' equations on the architecture they train, not declared.";
    let mut blocks = vec![
        Block::Heading { title: "what the rules read".into(), aside: String::new() },
        Block::Table(Table { columns, rows: rules.iter().map(row).collect(), caption: caption.into() }),
    ];
    let because: Vec<Vec<String>> = rules.iter().flat_map(paths).collect();
    if !because.is_empty() {
        let columns = ["rule", "needs", "because at", "it"].map(column).to_vec();
        blocks.push(Block::Folded("why".into(), Table { columns, rows: because, caption: String::new() }));
    }
    blocks
}

/// A row a step: the shortest way from a need to what causes it.
fn paths(rule: &RuleRow) -> Vec<Vec<String>> {
    let steps = rule.paths.iter().flat_map(|(need, steps)| steps.iter().map(move |step| (need, step)));
    steps.map(|(need, (place, what))| vec![rule.name.clone(), need.clone(), place.clone(), what.clone()]).collect()
}
