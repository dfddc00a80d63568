//! A diagram as SVG. Colours are CSS variables, so that a page in light, dark or print decides on them.

use super::layout::{Layout, cut, label_width, layout};
use super::{Diagram, Role, Tie};
use std::fmt::Write;

/// What a file of its own needs to know of colours.
const STYLE: &str = include_str!("diagram.css");
/// Between diagrams of one file.
const BETWEEN: f64 = 34.0;

/// A picture for a page that has the style already. `id` tells its parts from those of other pictures of the page.
pub fn inline(diagram: &Diagram, id: &str) -> String {
    let placed = layout(diagram);
    let (width, height) = (placed.width.ceil(), placed.height.ceil());
    let mut out = format!(
        "<svg class=\"diagram\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"{id}-title\">\n"
    );
    let _ = writeln!(out, "<title id=\"{id}-title\">{}</title>", escape(&diagram.caption()));
    out += &arrow(id);
    out += &body(diagram, &placed, id);
    out += "</svg>\n";
    out
}

/// A file of its own with all diagrams below each other.
pub fn standalone(diagrams: &[Diagram]) -> String {
    let placed: Vec<Layout> = diagrams.iter().map(layout).collect();
    let caption = |d: &Diagram| d.caption().chars().count() as f64 * 8.2 + 24.0;
    let width = placed.iter().map(|l| l.width).chain(diagrams.iter().map(caption)).fold(120.0, f64::max).ceil();
    let height = placed.iter().map(|l| l.height + BETWEEN).sum::<f64>().ceil();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"diagram alone\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n"
    );
    let captions: Vec<String> = diagrams.iter().map(Diagram::caption).collect();
    let _ = writeln!(out, "<title>{}</title>\n<style>\n{STYLE}</style>", escape(&captions.join("; ")));
    out += "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n";
    out += &arrow("d");
    let mut y = 0.0;
    for (diagram, layout) in diagrams.iter().zip(&placed) {
        let _ = writeln!(
            out,
            "<text class=\"caption\" x=\"12\" y=\"{}\">{}</text>",
            number(y + 22.0),
            escape(&diagram.caption())
        );
        let _ = writeln!(
            out,
            "<g transform=\"translate({} {})\">",
            number((width - layout.width) / 2.0),
            number(y + BETWEEN - 4.0)
        );
        out += &body(diagram, layout, "d");
        out += "</g>\n";
        y += layout.height + BETWEEN;
    }
    out += "</svg>\n";
    out
}

fn arrow(id: &str) -> String {
    format!(
        "<defs><marker id=\"{id}-arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path class=\"head\" d=\"M0 0.5 L8 4 L0 7.5 Z\"/></marker></defs>\n"
    )
}

fn body(diagram: &Diagram, placed: &Layout, id: &str) -> String {
    let mut out = String::new();
    for (edge, line) in diagram.edges.iter().zip(&placed.lines) {
        let class = match edge.kind {
            Tie::Projection => "projection",
            Tie::Frozen => "frozen",
            Tie::Plain => "plain",
            Tie::Read => "read",
        };
        let path = curve(&line.points, line.loops);
        let ends = format!("{} to {}", diagram.nodes[edge.from].name, diagram.nodes[edge.to].name);
        let title = [ends, edge.text()].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(": ");
        let _ = writeln!(
            out,
            "<path class=\"line {class}\" d=\"{path}\" marker-end=\"url(#{id}-arrow)\"><title>{}</title></path>",
            escape(&title)
        );
    }
    for (edge, line) in diagram.edges.iter().zip(&placed.lines) {
        let text = edge.text();
        if !text.is_empty() {
            let (x, y) = line.label;
            let width = label_width(&text);
            let _ = writeln!(
                out,
                "<rect class=\"paper\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"18\"/>",
                number(x - width / 2.0),
                number(y - 9.0),
                number(width)
            );
            let _ = writeln!(
                out,
                "<text class=\"label\" x=\"{}\" y=\"{}\">{}</text>",
                number(x),
                number(y + 4.0),
                escape(&text)
            );
        }
    }
    for (node, place) in diagram.nodes.iter().zip(&placed.boxes) {
        let class = match node.role {
            Role::Input => "input",
            Role::Population => "population",
            Role::Sampled => "sampled",
            Role::Output => "output",
            Role::Target => "target",
            Role::Objective => "objective",
        };
        let (x, y) = (place.x - place.width / 2.0, place.y - place.height / 2.0);
        let round = if matches!(node.role, Role::Target | Role::Objective) { 2 } else { 10 };
        let title = format!("{} {}: {}", node.role.word(), node.name, node.detail);
        let _ = write!(
            out,
            "<g class=\"node {class}\"><title>{}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{round}\"/>",
            escape(&title),
            number(x),
            number(y),
            number(place.width),
            number(place.height)
        );
        let _ = writeln!(
            out,
            "<text class=\"name\" x=\"{0}\" y=\"{1}\">{2}</text><text class=\"detail\" x=\"{0}\" y=\"{3}\">{4}</text></g>",
            number(place.x),
            number(place.y - 3.0),
            escape(&cut(&node.name)),
            number(place.y + 13.0),
            escape(&cut(&node.detail))
        );
    }
    out
}

/// A line through points, vertical at each of them.
fn curve(points: &[(f64, f64)], loops: bool) -> String {
    let at = |(x, y): (f64, f64)| format!("{} {}", number(x), number(y));
    let Some(first) = points.first() else { return String::new() };
    let mut path = format!("M{}", at(*first));
    if loops && points.len() == 4 {
        let _ = write!(path, " C{}, {}, {}", at(points[1]), at(points[2]), at(points[3]));
        return path;
    }
    for pair in points.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        match (a.0 - b.0).abs() < 0.5 {
            true => {
                let _ = write!(path, " L{}", at(b));
            }
            false => {
                let middle = (a.1 + b.1) / 2.0;
                let _ = write!(path, " C{}, {}, {}", at((a.0, middle)), at((b.0, middle)), at(b));
            }
        }
    }
    path
}

/// One decimal is finer than a screen.
fn number(x: f64) -> String {
    let text = format!("{x:.1}");
    text.strip_suffix(".0").map(str::to_string).unwrap_or(text)
}

/// Text as the content of an element or of a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in crate::source::shown::visible(text).chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
