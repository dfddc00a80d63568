//! A model as text: populations and projections, what each rule writes.

use super::experiment::Model;
use crate::ir::axis::shape_text;

/// What `trine dump --stage model` shows.
pub fn text(m: &Model) -> String {
    let mut out = format!("experiment {}", m.experiment);
    let name = m.condition.name();
    if !name.is_empty() {
        out += &format!(" [{name}]");
    }
    out += "\n";
    for p in &m.net.populations {
        let kind = match (p.input, p.output) {
            (true, _) => "input",
            (_, true) => "output",
            _ => "population",
        };
        out += &format!("  {kind} {}: {}\n", p.name, shape_text(&p.shape));
    }
    for e in m.net.edge_ids() {
        let edge = m.net.edge(e);
        let what = if edge.projection.is_empty() { "plain" } else { &edge.projection };
        let weights: Vec<String> = edge
            .weights
            .iter()
            .map(|w| format!("{}: {}", m.net.weight(*w).name, shape_text(&m.net.weight(*w).shape)))
            .collect();
        let frozen = if edge.frozen { ", frozen" } else { "" };
        out += &format!("  {} by {what}{frozen}", m.net.edge_text(e));
        out += &if weights.is_empty() { "\n".into() } else { format!(" with {}\n", weights.join(", ")) };
    }
    for s in &m.net.slots {
        let kind = if s.feedback { "feedback" } else { "state" };
        out += &format!("  {kind} {}: {}\n", s.name, shape_text(&s.ty.shape));
    }
    for u in &m.updates {
        let target = match u.target {
            super::rule::Target::Weight(w) => {
                let weight = m.net.weight(w);
                format!("{} of {}", weight.name, m.net.edge_text(weight.edge))
            }
            super::rule::Target::Slot(s) => m.net.slots[s as usize].name.clone(),
        };
        out += &format!("  {} updates {target}\n", u.rule);
    }
    out
}
