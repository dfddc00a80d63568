//! What the runs took.

use super::Facts;
use super::blocks::{Block, Column, Table};
use super::experiments::{duration, thousands};

pub fn section(facts: &Facts) -> Vec<Block> {
    let column =
        |title: &str, subtitle: &str, number| Column { title: title.into(), subtitle: subtitle.into(), number };
    let all = &facts.trace.experiments;
    let mut rows = Vec::new();
    let mut total = 0.0;
    for experiment in all {
        for c in &experiment.conditions {
            let name = match (all.len(), c.name.is_empty()) {
                (_, true) => experiment.name.clone(),
                (1, _) => c.name.clone(),
                _ => format!("{}[{}]", experiment.name, c.name),
            };
            let each = c.seconds / c.seeds.len().max(1) as f64;
            rows.push(vec![
                name,
                thousands(c.parameters),
                c.seeds.len().to_string(),
                duration(each),
                duration(c.seconds),
            ]);
            total += c.seconds;
        }
    }
    if rows.is_empty() {
        return Vec::new();
    }
    let columns = vec![
        column("condition", "", false),
        column("parameters", "", true),
        column("seeds", "", true),
        column("time", "each seed", true),
        column("time", "all seeds", true),
    ];
    let caption = format!("Processor time, {} in all.", duration(total));
    vec![Block::Heading { title: "cost".into(), aside: String::new() }, Block::Table(Table { columns, rows, caption })]
}
