//! A report as text for a terminal of any width from 40 columns, with or without colour, in Unicode or ASCII.
//!
//! Colour never carries meaning alone: verdicts are words, conditions are labelled.

use super::Report;
use super::blocks::{Block, Column, Curve, Curves, Hypothesis, Table};
use super::plot::{self, Line};
use crate::judge::Outcome;
use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

/// How a report is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub width: usize,
    pub color: bool,
    /// False where only ASCII can be shown.
    pub unicode: bool,
}

/// The report in Unicode.
pub fn terminal(report: &Report, width: usize, color: bool) -> String {
    terminal_as(report, Look { width, color, unicode: true })
}

/// The report as text; every line ends with a newline, none is longer than the width unless a single word is.
pub fn terminal_as(report: &Report, look: Look) -> String {
    let look = Look { width: look.width.clamp(40, 120), ..look };
    let mut page = Page { look, text: String::new() };
    let mut at = 0;
    while let Some(block) = report.blocks.get(at) {
        at += 1;
        match block {
            Block::Heading { title, aside } => page.heading(title, aside),
            Block::Table(table) => page.table(table),
            Block::Curves(_) => {
                let all: Vec<&Curves> = report.blocks[at - 1..].iter().map_while(curves_of).collect();
                at += all.len() - 1;
                page.all_curves(&all);
            }
            Block::Verdicts(all) => all.iter().for_each(|h| page.hypothesis(h)),
            Block::Warnings(all) => page.warnings(all),
            Block::KeyValues(all) => page.key_values(all),
            Block::Text(text) => {
                page.blank();
                page.paragraph(MARGIN, text, Style::new());
            }
            // What cannot be drawn in characters is told in numbers.
            Block::Diagram(d) => page.table(&super::architectures::table(d)),
            Block::Folded(_, table) => page.table(table),
            Block::Points(points) => page.table(&points.table),
            Block::Arrows(arrows) => page.table(&arrows.table),
            Block::Source(source) => {
                page.blank();
                source.text.lines().for_each(|l| page.line(&[(MARGIN, Style::new()), (l, Style::new())]));
            }
        }
    }
    page.text
}

/// Plots alone.
pub fn curves(all: &[Curves], look: Look) -> String {
    let mut page = Page { look: Look { width: look.width.clamp(40, 120), ..look }, text: String::new() };
    page.all_curves(&all.iter().collect::<Vec<_>>());
    page.text
}

fn curves_of(block: &Block) -> Option<&Curves> {
    match block {
        Block::Curves(curves) => Some(curves),
        _ => None,
    }
}

const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const MARGIN: &str = "  ";

fn color_of(outcome: Outcome) -> Style {
    let color = match outcome {
        Outcome::Supported => AnsiColor::Green,
        Outcome::Refuted => AnsiColor::Red,
        Outcome::Inconclusive => AnsiColor::Yellow,
    };
    color.on_default().bold()
}

struct Page {
    look: Look,
    text: String,
}

impl Page {
    /// Ends the line that `parts` make up.
    fn line(&mut self, parts: &[(&str, Style)]) {
        let last = parts.iter().rposition(|(text, _)| !text.trim_end().is_empty());
        for (i, (text, style)) in parts.iter().enumerate().take(last.map_or(0, |l| l + 1)) {
            let text = if Some(i) == last { text.trim_end() } else { text };
            let text = self.plain(text);
            if self.look.color && *style != Style::new() {
                self.text += &format!("{style}{text}{style:#}");
            } else {
                self.text += &text;
            }
        }
        self.text.push('\n');
    }

    fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// Without control characters, which a name or sentence of the spec could smuggle in, and in ASCII if it must be.
    fn plain(&self, text: &str) -> String {
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        if self.look.unicode { text } else { text.replace('±', "+-").replace('─', "-") }
    }

    fn width_of(&self, text: &str) -> usize {
        self.plain(text).width()
    }

    /// Words over lines, the first of which begins with `first`, the others as far in.
    fn paragraph(&mut self, first: &str, text: &str, style: Style) {
        let indent = self.width_of(first);
        self.hanging(&[(first, Style::new())], indent, text, style);
    }

    /// Words over lines, the first of which begins with `first`, the others `indent` columns in.
    fn hanging(&mut self, first: &[(&str, Style)], indent: usize, text: &str, style: Style) {
        let pad = " ".repeat(indent);
        let used: usize = first.iter().map(|(text, _)| self.width_of(text)).sum();
        let width = self.look.width.saturating_sub(indent.max(used)).max(8);
        for (i, line) in self.wrap(text, width).iter().enumerate() {
            let mut parts = if i == 0 { first.to_vec() } else { vec![(pad.as_str(), Style::new())] };
            parts.push((line, style));
            self.line(&parts);
        }
    }

    /// Breaks between words, and inside one only if it is wider than the line.
    fn wrap(&self, text: &str, width: usize) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split_whitespace() {
            let last = lines.len() - 1;
            if !lines[last].is_empty() && self.width_of(&lines[last]) + 1 + self.width_of(word) <= width {
                lines[last] = format!("{} {word}", lines[last]);
                continue;
            }
            if !lines[last].is_empty() {
                lines.push(String::new());
            }
            for c in word.chars() {
                let last = lines.len() - 1;
                let wider = format!("{}{c}", lines[last]);
                if self.width_of(&wider) > width { lines.push(c.to_string()) } else { lines[last] = wider }
            }
        }
        lines
    }

    fn heading(&mut self, title: &str, aside: &str) {
        self.blank();
        let used = self.width_of(title) + if aside.is_empty() { 1 } else { self.width_of(aside) + 2 };
        if used + 2 > self.look.width {
            self.line(&[(title, BOLD)]);
            return self.paragraph("", aside, FAINT);
        }
        let rule = "─".repeat(self.look.width - used);
        let aside = if aside.is_empty() { String::new() } else { format!(" {aside}") };
        self.line(&[(title, BOLD), (" ", Style::new()), (&rule, FAINT), (&aside, FAINT)]);
    }

    /// A table that is too wide becomes several, each of which begins with the first column.
    fn table(&mut self, table: &Table) {
        let widths: Vec<usize> = (0..table.columns.len()).map(|i| self.column_width(table, i)).collect();
        let keep = usize::from(table.columns.first().is_some_and(|c| !c.number));
        let label = widths.iter().take(keep).map(|w| w + GAP).sum::<usize>();
        let mut from = keep;
        while from < widths.len() || (from == 0 && keep == 1) {
            let mut room = self.look.width.saturating_sub(MARGIN.len() + label);
            let mut to = from;
            while to < widths.len() && (to == from || widths[to] <= room) {
                room = room.saturating_sub(widths[to] + GAP);
                to += 1;
            }
            let columns: Vec<usize> = (0..keep).chain(from..to).collect();
            self.blank();
            self.rows(table, &columns, &widths);
            from = to.max(from + 1);
        }
        if !table.caption.is_empty() {
            self.blank();
            self.paragraph(MARGIN, &table.caption, FAINT);
        }
    }

    fn column_width(&self, table: &Table, i: usize) -> usize {
        let column = &table.columns[i];
        let cells = table.rows.iter().filter_map(|r| r.get(i)).map(String::as_str);
        [column.title.as_str(), column.subtitle.as_str()]
            .into_iter()
            .chain(cells)
            .map(|t| self.width_of(t))
            .max()
            .unwrap_or(0)
    }

    fn rows(&mut self, table: &Table, columns: &[usize], widths: &[usize]) {
        let line = |page: &Page, text: &dyn Fn(usize) -> String| {
            let cells = columns.iter().map(|&i| page.aligned(&text(i), widths[i], &table.columns[i]));
            cells.collect::<Vec<_>>().join(&" ".repeat(GAP))
        };
        let titles = line(self, &|i| table.columns[i].title.clone());
        self.line(&[(MARGIN, Style::new()), (&titles, BOLD)]);
        if columns.iter().any(|&i| !table.columns[i].subtitle.is_empty()) {
            let subtitles = line(self, &|i| table.columns[i].subtitle.clone());
            self.line(&[(MARGIN, Style::new()), (&subtitles, FAINT)]);
        }
        for row in &table.rows {
            let cells = line(self, &|i| row.get(i).cloned().unwrap_or_default());
            self.line(&[(MARGIN, Style::new()), (&cells, Style::new())]);
        }
    }

    fn aligned(&self, text: &str, width: usize, column: &Column) -> String {
        let pad = " ".repeat(width.saturating_sub(self.width_of(text)));
        if column.number { format!("{pad}{text}") } else { format!("{text}{pad}") }
    }

    /// Plots side by side where they fit, rows of blocks where they do not.
    fn all_curves(&mut self, all: &[&Curves]) {
        let most = if self.look.width >= 2 * PANEL + MARGIN.len() + GAP { 2 } else { 1 };
        let across = all.len().clamp(1, most);
        let room = self.look.width - MARGIN.len() - (across - 1) * GAP;
        let width = (room / across).min(WIDEST_PANEL);
        let mut plots: Vec<Vec<Line>> = Vec::new();
        for curves in all {
            let few = curves.lines.len() <= plot::LINES && self.look.unicode;
            match if few { plot::plot(curves, width) } else { None } {
                Some(plot) => plots.push(plot),
                None => self.rows_of_blocks(curves),
            }
        }
        for row in plots.chunks(across) {
            self.blank();
            for i in 0..row[0].len() {
                let mut parts = vec![(MARGIN.to_string(), Style::new())];
                for (place, plot) in row.iter().enumerate() {
                    if place > 0 {
                        parts.push((" ".repeat(GAP), Style::new()));
                    }
                    parts.extend(plot[i].iter().cloned());
                }
                let parts: Vec<(&str, Style)> = parts.iter().map(|(text, style)| (text.as_str(), *style)).collect();
                self.line(&parts);
            }
        }
    }

    fn rows_of_blocks(&mut self, curves: &Curves) {
        let Some(scale) = curves.scale() else { return };
        let widest = |text: fn(&Curve) -> &String| curves.lines.iter().map(|l| self.width_of(text(l))).max();
        let (label, first) = (widest(|l| &l.label).unwrap_or(0), widest(|l| &l.first).unwrap_or(0));
        let fixed = MARGIN.len() + label + first + widest(|l| &l.last).unwrap_or(0) + GAP + 2;
        let room = self.look.width.saturating_sub(fixed).clamp(8, 63);
        self.blank();
        let course = format!(", {} {} to {}", curves.every, curves.from, curves.to);
        self.line(&[(MARGIN, Style::new()), (&curves.title, BOLD), (&course, FAINT)]);
        for line in &curves.lines {
            let gap = if label == 0 { String::new() } else { " ".repeat(GAP + label - self.width_of(&line.label)) };
            let start = format!("{MARGIN}{}{gap}{:>first$} ", line.label, line.first);
            let drawn = plot::sparkline(&line.values, scale, room, self.look.unicode);
            let end = format!(" {}", line.last);
            self.line(&[(&start, Style::new()), (&drawn, AnsiColor::Cyan.on_default()), (&end, Style::new())]);
        }
    }

    /// The words of verdicts stand in a column of their own, unless there is no room for it.
    fn hypothesis(&mut self, hypothesis: &Hypothesis) {
        self.blank();
        let alone = hypothesis.statements.len() == 1;
        let indent = MARGIN.len() + if self.look.width < NARROW { 2 } else { WORD };
        let under = " ".repeat(indent);
        self.verdict(hypothesis.outcome, indent, &hypothesis.name, BOLD);
        if let Some(text) = &hypothesis.text {
            self.paragraph(&under, text, Style::new().italic());
        }
        for statement in &hypothesis.statements {
            let lines = self.statement(&statement.text, self.look.width.saturating_sub(indent));
            for (i, line) in lines.iter().enumerate() {
                match i {
                    0 if !alone => self.verdict(statement.outcome, indent, line, Style::new()),
                    0 => self.paragraph(&under, line, Style::new()),
                    _ => self.paragraph(&format!("{under}  "), line, Style::new()),
                }
            }
            for text in [&statement.estimate, &statement.reason].into_iter().filter(|t| !t.is_empty()) {
                self.paragraph(&under, text, FAINT);
            }
        }
    }

    fn verdict(&mut self, outcome: Outcome, indent: usize, text: &str, style: Style) {
        let pad = " ".repeat(WORD.saturating_sub(outcome.word().len()));
        let first = [(MARGIN, Style::new()), (outcome.word(), color_of(outcome)), (&pad, Style::new())];
        self.hanging(&first, indent, text, style);
    }

    /// A statement on one line, or broken before its relation.
    fn statement(&self, text: &str, width: usize) -> Vec<String> {
        let relation = [" < ", " <= ", " > ", " >= ", " == "].into_iter().find_map(|r| text.find(r));
        match relation {
            Some(at) if self.width_of(text) > width => {
                vec![text[..at].to_string(), text[at..].trim_start().to_string()]
            }
            _ => vec![text.to_string()],
        }
    }

    fn warnings(&mut self, all: &[String]) {
        self.blank();
        for text in all {
            self.paragraph("! ", text, AnsiColor::Yellow.on_default());
        }
    }

    fn key_values(&mut self, all: &[(String, String)]) {
        let width = all.iter().map(|(key, _)| self.width_of(key)).max().unwrap_or(0);
        self.blank();
        for (key, value) in all {
            let pad = " ".repeat(width - self.width_of(key) + 2);
            self.paragraph(&format!("{MARGIN}{key}{pad}"), value, FAINT);
        }
    }
}

/// Columns between two columns of a table, and between two plots.
const GAP: usize = 3;
/// Columns for the word of a verdict.
const WORD: usize = 14;
/// Terminals narrower than this have no room for that.
const NARROW: usize = 60;
/// The narrowest plot worth having beside another, and the widest worth having.
const PANEL: usize = 36;
const WIDEST_PANEL: usize = 64;
