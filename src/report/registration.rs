//! What was planned before the data were seen, hypothesis by hypothesis.

use super::Facts;
use super::blocks::{Block, Column, Table};

pub fn section(facts: &Facts) -> Vec<Block> {
    if facts.registration.is_empty() {
        return vec![];
    }
    let titles = ["hypothesis", "registered", "runs then", "seeds", "meaning", "standing"];
    let columns = titles.map(|t| Column { title: t.into(), subtitle: String::new(), number: t == "runs then" });
    let rows = facts.registration.iter().map(|r| {
        let at = if r.at.is_empty() { "not".to_string() } else { r.at.clone() };
        let meaning = r.meaning.get(..16).unwrap_or(&r.meaning).to_string();
        let replaces = match r.replaces {
            0 => String::new(),
            n => format!("; it replaces {}", super::count(n, "earlier registration")),
        };
        vec![r.name.clone(), at, r.after.to_string(), r.seeds.clone(), meaning, format!("{}{replaces}", r.standing)]
    });
    let caption = "Confirmatory: registered before its first run and unchanged since. All that was registered is corrected for together.";
    let table = Table { columns: columns.into(), rows: rows.collect(), caption: caption.into() };
    vec![Block::Heading { title: "registration".into(), aside: String::new() }, Block::Table(table)]
}
