//! A report as one page of HTML that asks nothing of anybody: no script, no network, style and pictures inside.
//!
//! The template writes out blocks and escapes every text that it is given; pictures are made here and come with their
//! numbers as tables.

mod pictures;

use super::blocks::{Block, Curves, Hypothesis, Language, Source, Table};
use super::{Facts, Report, architectures, diagram, provenance};
use crate::judge::{Outcome, combined};
use crate::syntax::highlight::{Class, highlight};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value, context};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const DIAGRAM: &str = include_str!("../diagram/diagram.css");

/// The whole page. An error is a fault of the template, which the tests would have found.
pub fn html(report: &Report) -> Result<String, String> {
    page(report, None)
}

/// The page as it is served while a run goes on: it looks now and then whether there is a newer version of itself.
pub fn html_live(report: &Report, version: u64) -> Result<String, String> {
    page(report, Some(version))
}

fn page(report: &Report, version: Option<u64>) -> Result<String, String> {
    let mut number = 0;
    let mut sections: Vec<Vec<Value>> = Vec::new();
    let mut heads: Vec<(String, String)> = Vec::new();
    for block in report.page() {
        if let Block::Heading { title, aside } = block {
            heads.push((title, aside));
            sections.push(Vec::new());
            continue;
        }
        number += 1;
        // What stands before the first heading.
        if sections.is_empty() {
            heads.push(("report".into(), String::new()));
            sections.push(Vec::new());
        }
        if let Some(last) = sections.last_mut() {
            last.push(value(&block, &format!("b{number}")));
        }
    }
    let sections: Vec<Value> = heads
        .iter()
        .zip(sections)
        .enumerate()
        .map(|(i, ((title, aside), blocks))| context! { id => format!("s{}", i + 1), title, aside, blocks })
        .collect();
    let facts = &report.facts;
    let style = format!("{STYLE}{DIAGRAM}");
    let page = context! {
        title => name(facts),
        lead => marked(&lead(&facts.spec.text)),
        tally => tally(facts),
        status => (!facts.verdicts.is_empty() && facts.on_the_way.is_none()).then(|| provenance::status(facts)),
        interrupted => &facts.trace.interrupted,
        version => &facts.provenance.trine,
        style => Value::from_safe_string(style),
        sections,
        live => version,
        on_the_way => &facts.on_the_way,
    };
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(|e| e.to_string())?;
    environment.set_syntax(syntax);
    environment.add_template("page.html", PAGE).map_err(|e| e.to_string())?;
    let made = environment.get_template("page.html").and_then(|t| t.render(page)).map_err(|e| e.to_string());
    made.map(crate::source::shown::on_a_page)
}

/// The spec's name without its folders.
fn name(facts: &Facts) -> String {
    let file = facts.spec.file.rsplit(['/', '\\']).next().unwrap_or("");
    if file.is_empty() || file == "-" { "spec from standard input".into() } else { file.into() }
}

/// What the spec says of itself: the first lines that document.
fn lead(text: &str) -> String {
    let lines = text.lines().skip_while(|l| !l.starts_with("##")).take_while(|l| l.starts_with("##"));
    lines.map(|l| l.trim_start_matches('#').trim()).collect::<Vec<_>>().join(" ")
}

/// How many hypotheses came to which end.
fn tally(facts: &Facts) -> Vec<Value> {
    let all = combined(&facts.verdicts);
    [Outcome::Supported, Outcome::Refuted, Outcome::Inconclusive]
        .into_iter()
        .map(|o| (o, all.iter().filter(|h| h.verdict == o).count()))
        .filter(|(_, n)| *n > 0)
        .map(|(o, n)| context! { outcome => o.word(), sign => sign(o), count => n })
        .collect()
}

/// Beside the word, for those who look for a sign.
fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Supported => "✓",
        Outcome::Refuted => "✗",
        Outcome::Inconclusive => "?",
    }
}

fn value(block: &Block, id: &str) -> Value {
    match block {
        Block::Heading { .. } => Value::UNDEFINED,
        Block::Table(t) => context! { kind => "table", table => table(t) },
        Block::Curves(c) => curves(c, id),
        Block::Verdicts(all) => context! { kind => "verdicts", all => all.iter().map(hypothesis).collect::<Vec<_>>() },
        Block::Warnings(all) => {
            context! { kind => "warnings", all => all.iter().map(|w| marked(w)).collect::<Vec<_>>() }
        }
        Block::KeyValues(all) => {
            let all: Vec<Value> = all.iter().map(|(key, text)| context! { key, text => marked(text) }).collect();
            context! { kind => "keys", all }
        }
        Block::Folded(title, t) => context! { kind => "folded", title, table => table(t) },
        Block::Text(text) => context! { kind => "text", text => marked(text) },
        Block::Diagram(d) => {
            let picture = Value::from_safe_string(diagram::inline(d, id));
            context! { kind => "figure", wide => true, title => d.caption(), picture, table => table(&architectures::table(d)), numbers => "lines" }
        }
        Block::Points(p) => {
            let picture = Value::from_safe_string(pictures::points(p, id));
            let legend = legend(p.points.iter().map(|p| p.label.as_str()), true);
            context! { kind => "figure", title => &p.title, caption => &p.caption, picture, legend, table => table(&p.table), numbers => "numbers" }
        }
        Block::Arrows(a) => {
            let picture = Value::from_safe_string(pictures::arrows(a, id));
            let legend = legend(a.arrows.iter().map(|a| a.0.as_str()), false);
            context! { kind => "figure", title => &a.title, caption => &a.caption, picture, legend, table => table(&a.table), numbers => "numbers", open => true }
        }
        Block::Source(s) => source(s),
    }
}

fn curves(c: &Curves, id: &str) -> Value {
    let picture = Value::from_safe_string(pictures::curves(c, id));
    let seeds = pictures::seeds(c, &format!("{id}s")).map(Value::from_safe_string);
    let labels = c.lines.iter().map(|l| l.label.as_str()).filter(|l| !l.is_empty());
    let legend = legend(labels, false);
    let bands = c.lines.iter().any(|l| !l.low.is_empty());
    let caption = if bands { "Means over seeds; bands are 95 % intervals." } else { "One seed." };
    context! { kind => "figure", title => &c.title, caption, picture, seeds, legend, table => table(&c.table), numbers => "numbers" }
}

fn legend<'a>(labels: impl Iterator<Item = &'a str>, marks: bool) -> Vec<Value> {
    let entry = |(i, label)| context! { label, swatch => Value::from_safe_string(pictures::swatch(i, marks)) };
    labels.enumerate().map(entry).collect()
}

fn table(t: &Table) -> Value {
    let columns: Vec<Value> = t
        .columns
        .iter()
        .map(|c| context! { title => &c.title, subtitle => &c.subtitle, class => if c.number { "number" } else { "word" } })
        .collect();
    // The first column of words names its row.
    let head = t.columns.first().is_some_and(|c| !c.number) || t.columns.len() > 1;
    let rows: Vec<Value> = t.rows.iter().map(|r| context! { cells => r }).collect();
    context! { columns, rows, caption => marked(&t.caption), head }
}

fn hypothesis(h: &Hypothesis) -> Value {
    let statement = |s: &super::blocks::Statement| {
        context! { text => &s.text, outcome => s.outcome.word(), sign => sign(s.outcome), estimate => &s.estimate, reason => marked(&s.reason) }
    };
    let statements: Vec<Value> = h.statements.iter().map(statement).collect();
    context! { name => &h.name, text => h.text.as_deref().map(sentence), outcome => h.outcome.word(), sign => sign(h.outcome), statements }
}

/// A text with what stands between backquotes as code.
fn marked(text: &str) -> Value {
    let mut out = String::new();
    let pieces: Vec<&str> = text.split('`').collect();
    for (i, piece) in pieces.iter().enumerate() {
        let escaped = diagram::escape(piece);
        // A backquote without a second one stands for itself.
        match i % 2 {
            1 if i + 1 < pieces.len() => out += &format!("<code>{escaped}</code>"),
            1 => out += &format!("`{escaped}"),
            _ => out += &escaped,
        }
    }
    Value::from_safe_string(out)
}

/// A hypothesis's text with a capital and a full stop; one that goes on from the one before it shows that it does.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let goes_on = ["and ", "but ", "or ", "yet "].iter().any(|w| text.starts_with(w));
    if goes_on {
        return format!("… {}.", text.trim_end_matches('.'));
    }
    let mut letters = text.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) || text.is_empty() { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

fn source(s: &Source) -> Value {
    let pieces: Vec<Value> = match s.language {
        Language::Trine => {
            highlight(&s.text).into_iter().map(|(class, text)| context! { class => css(class), text }).collect()
        }
        Language::Shell => vec![context! { class => "", text => &s.text }],
    };
    let long = s.text.lines().count() > 30;
    context! { kind => "source", name => &s.name, pieces, long }
}

fn css(class: Class) -> &'static str {
    match class {
        Class::Plain => "",
        Class::Keyword => "k",
        Class::Name => "n",
        Class::Number => "m",
        Class::Text => "t",
        Class::Comment => "c",
        Class::Doc => "d",
    }
}
