//! A report as Markdown for a pull request: verdicts as sentences, tables, courses in a row of blocks, diagrams in Mermaid.

use super::blocks::{Block, Curves, Hypothesis, Language, Source, Table};
use super::{Report, diagram, plot};
use std::fmt::Write;

/// Columns of a row of blocks.
const COURSE: usize = 24;

pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    for block in report.page() {
        match &block {
            Block::Heading { title, aside } => heading(&mut out, title, aside),
            Block::Table(t) => table(&mut out, t),
            Block::Curves(c) => curves(&mut out, c),
            Block::Verdicts(all) => all.iter().for_each(|h| hypothesis(&mut out, h)),
            Block::Warnings(all) => {
                all.iter().for_each(|w| {
                    let _ = writeln!(out, "- :warning: {}", prose(w));
                });
                out.push('\n');
            }
            Block::KeyValues(all) => {
                all.iter().for_each(|(key, value)| {
                    let _ = writeln!(out, "- {}: {}", text(key), prose(value));
                });
                out.push('\n');
            }
            Block::Text(t) => {
                let _ = writeln!(out, "{}\n", prose(t));
            }
            Block::Diagram(d) => folded(&mut out, &d.caption(), "mermaid", &diagram::mermaid(std::slice::from_ref(d))),
            Block::Folded(title, t) => {
                let _ = writeln!(out, "<details><summary>{}</summary>\n", text(title));
                table(&mut out, t);
                out.push_str("</details>\n\n");
            }
            Block::Points(p) => {
                let _ = writeln!(out, "**{}**\n", text(&p.title));
                table(&mut out, &p.table);
            }
            Block::Arrows(a) => {
                let _ = writeln!(out, "**{}**\n", text(&a.title));
                table(&mut out, &a.table);
            }
            Block::Source(s) => source(&mut out, s),
        }
    }
    format!("{}\n", out.trim_end())
}

fn heading(out: &mut String, title: &str, aside: &str) {
    let mut letters = title.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let aside = if aside.is_empty() { String::new() } else { format!(" ({})", text(aside)) };
    let _ = writeln!(out, "### {first}{}{aside}\n", text(letters.as_str()));
}

fn table(out: &mut String, t: &Table) {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let title = |c: &super::blocks::Column| match c.subtitle.is_empty() {
        true => text(&c.title),
        false => format!("{} ({})", text(&c.title), text(&c.subtitle)),
    };
    *out += &row(t.columns.iter().map(title).collect());
    *out += &format!("|{}\n", t.columns.iter().map(|c| if c.number { "--:|" } else { "---|" }).collect::<String>());
    t.rows.iter().for_each(|r| *out += &row(r.iter().map(|c| text(c)).collect()));
    out.push('\n');
    if !t.caption.is_empty() {
        let _ = writeln!(out, "<sub>{}</sub>\n", prose(&t.caption));
    }
}

fn curves(out: &mut String, c: &Curves) {
    let Some(scale) = c.scale() else { return };
    let _ = writeln!(out, "| {} | {} {} | | {} |\n|---|--:|---|--:|", text(&c.title), text(&c.every), c.from, c.to);
    for line in &c.lines {
        let course = plot::sparkline(&line.values, scale, COURSE, true);
        let _ = writeln!(out, "| {} | {} | {course} | {} |", text(&line.label), text(&line.first), text(&line.last));
    }
    out.push('\n');
}

fn hypothesis(out: &mut String, h: &Hypothesis) {
    let said = h.text.as_ref().map(|t| format!(": {}", text(t))).unwrap_or_default();
    let _ = writeln!(out, "- {} **{}** {}{said}", sign(h.outcome), h.outcome.word(), text(&h.name));
    for s in &h.statements {
        let own = if h.statements.len() > 1 { format!("{} ", s.outcome.word()) } else { String::new() };
        let _ = write!(out, "  - {own}{}", code(&s.text));
        let rest: Vec<String> =
            [&s.estimate, &s.reason].into_iter().filter(|t| !t.is_empty()).map(|t| prose(t)).collect();
        let _ = writeln!(out, "{}{}", if rest.is_empty() { "" } else { "<br>" }, rest.join("; "));
    }
    out.push('\n');
}

fn sign(outcome: crate::judge::Outcome) -> &'static str {
    match outcome {
        crate::judge::Outcome::Supported => ":white_check_mark:",
        crate::judge::Outcome::Refuted => ":x:",
        crate::judge::Outcome::Inconclusive => ":grey_question:",
    }
}

fn source(out: &mut String, s: &Source) {
    match s.language {
        Language::Trine => folded(out, &s.name, "trine", &s.text),
        Language::Shell => fenced(out, "sh", &s.text),
    }
}

fn folded(out: &mut String, title: &str, language: &str, body: &str) {
    let _ = writeln!(out, "<details><summary>{}</summary>\n", text(title));
    fenced(out, language, body);
    out.push_str("</details>\n\n");
}

/// With a fence that is longer than any in the text.
fn fenced(out: &mut String, language: &str, body: &str) {
    let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(out, "{fence}{language}\n{}\n{fence}\n", body.trim_end());
}

/// A text that stands for itself: no markup, no tags, no line breaks, no mentions.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '$' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '@' => out += "&#64;",
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A text with what stands between backquotes as code.
fn prose(words: &str) -> String {
    let pieces: Vec<&str> = words.split('`').collect();
    let piece = |(i, piece): (usize, &&str)| match i % 2 {
        1 if i + 1 < pieces.len() => code(piece),
        1 => format!("\\`{}", text(piece)),
        _ => text(piece),
    };
    pieces.iter().enumerate().map(piece).collect()
}

/// Code in a line, whatever it holds.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let (fence, space) = ("`".repeat(longest + 1), if longest > 0 { " " } else { "" });
    format!("{fence}{space}{text}{space}{fence}")
}
