//! A diagram in the languages of Graphviz and Mermaid, which draw it themselves.

use super::{Diagram, Role, Tie};
use std::collections::BTreeMap;
use std::fmt::Write;

/// One `digraph` a diagram.
pub fn dot(diagrams: &[Diagram]) -> String {
    let mut out = String::new();
    for (i, d) in diagrams.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let _ = writeln!(out, "digraph {} {{", quoted(&d.caption()));
        out += "  rankdir = TB\n  node [shape = box, style = rounded, fontname = \"sans-serif\"]\n";
        out += "  edge [fontname = \"sans-serif\", fontsize = 10]\n";
        let _ = writeln!(out, "  label = {}", quoted(&d.caption()));
        for (group, members) in groups(d) {
            let indent = if group.is_empty() { "  " } else { "    " };
            if !group.is_empty() {
                let _ = writeln!(
                    out,
                    "  subgraph {} {{\n    label = {}",
                    quoted(&format!("cluster_{group}")),
                    quoted(&group)
                );
            }
            for n in members {
                let node = &d.nodes[n];
                let style = match node.role {
                    Role::Input => ", style = \"rounded,filled\", fillcolor = \"#d7e6f5\"",
                    Role::Output => ", style = \"rounded,filled,bold\", fillcolor = \"#fbe3c8\"",
                    Role::Sampled => ", style = \"rounded,dashed\"",
                    Role::Target | Role::Objective => ", style = filled, fillcolor = \"#e6e6e6\"",
                    Role::Population => "",
                };
                let label = quoted(&format!("{}\n{}", node.name, node.detail));
                let _ = writeln!(out, "{indent}n{n} [label = {label}{style}]");
            }
            if !group.is_empty() {
                out += "  }\n";
            }
        }
        for e in &d.edges {
            let style = match e.kind {
                Tie::Projection => None,
                Tie::Frozen => Some("dashed"),
                Tie::Plain | Tie::Read => Some("dotted"),
            };
            let label = Some(e.text()).filter(|t| !t.is_empty()).map(|t| format!("label = {}", quoted(&t)));
            let all: Vec<String> = label.into_iter().chain(style.map(|s| format!("style = {s}"))).collect();
            let all = if all.is_empty() { String::new() } else { format!(" [{}]", all.join(", ")) };
            let _ = writeln!(out, "  n{} -> n{}{all}", e.from, e.to);
        }
        out += "}\n";
    }
    out
}

/// One `flowchart` for all; several diagrams are parts of it.
pub fn mermaid(diagrams: &[Diagram]) -> String {
    let mut out = "flowchart TB\n".to_string();
    for (i, d) in diagrams.iter().enumerate() {
        let several = diagrams.len() > 1;
        if several {
            let _ = writeln!(out, "  subgraph d{i} [\"{}\"]", entity(&d.caption()));
        }
        for (g, (group, members)) in groups(d).into_iter().enumerate() {
            if !group.is_empty() {
                let _ = writeln!(out, "  subgraph d{i}g{g} [\"{}\"]", entity(&group));
            }
            for n in members {
                let node = &d.nodes[n];
                let text = format!("{}<br/>{}", entity(&node.name), entity(&node.detail));
                let (open, close) = match node.role {
                    Role::Input => ("([", "])"),
                    Role::Output => ("[[", "]]"),
                    Role::Target => ("[/", "/]"),
                    Role::Objective => ("{{", "}}"),
                    Role::Population | Role::Sampled => ("(", ")"),
                };
                let _ = writeln!(out, "  d{i}n{n}{open}\"{text}\"{close}");
            }
            if !group.is_empty() {
                out += "  end\n";
            }
        }
        for e in &d.edges {
            let line = if e.kind == Tie::Projection { "-->" } else { "-.->" };
            let text = e.text();
            let label = if text.is_empty() { String::new() } else { format!("|\"{}\"|", entity(&text)) };
            let _ = writeln!(out, "  d{i}n{} {line}{label} d{i}n{}", e.from, e.to);
        }
        if several {
            out += "  end\n";
        }
    }
    out
}

/// The boxes by the nested architecture that they are part of (`first` of `first.inner`), in order of appearance.
fn groups(d: &Diagram) -> Vec<(String, Vec<usize>)> {
    let mut order: Vec<String> = Vec::new();
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, node) in d.nodes.iter().enumerate() {
        // What a population is made of bears its name, and is no architecture of its own.
        let part = |g: &&str| d.nodes.iter().all(|n| n.name != *g);
        let group = node.name.rsplit_once('.').map(|(g, _)| g).filter(part).unwrap_or("").to_string();
        if !order.contains(&group) {
            order.push(group.clone());
        }
        found.entry(group).or_default().push(i);
    }
    order.into_iter().map(|g| (g.clone(), found.remove(&g).unwrap_or_default())).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Mermaid reads HTML's entities with `#` for `&`.
fn entity(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out += "#quot;",
            '#' => out += "#35;",
            '<' => out += "#lt;",
            '>' => out += "#gt;",
            '&' => out += "#amp;",
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
