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
    let caption = "Derived from the rules' equations on the architecture they train; `trine profile RULE FILE` shows the \
                   places in the text that cause each.";
    vec![
        Block::Heading { title: "what the rules read".into(), aside: String::new() },
        Block::Table(Table { columns, rows: rules.iter().map(row).collect(), caption: caption.into() }),
    ]
}
