//! A report as text for a terminal of any width from 40 columns, with or without colour, in Unicode or ASCII.
//!
//! Colour never carries meaning alone: verdicts are words, conditions are labelled.

use super::Report;
use super::blocks::{Block, Column, Curves, Hypothesis, Table};
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
    for block in &report.blocks {
        match block {
            Block::Heading { title, aside } => page.heading(title, aside),
            Block::Table(table) => page.table(table),
            Block::Curves(curves) => page.curves(curves),
            Block::Verdicts(all) => all.iter().for_each(|h| page.hypothesis(h)),
            Block::Warnings(all) => page.warnings(all),
            Block::KeyValues(all) => page.key_values(all),
        }
    }
    page.text
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

    /// In ASCII if it must be.
    fn plain(&self, text: &str) -> String {
        if self.look.unicode { text.to_string() } else { text.replace('±', "+-").replace('─', "-") }
    }

    fn width_of(&self, text: &str) -> usize {
        self.plain(text).width()
    }

    /// Words over lines, the first of which begins with `first`, the others as far in.
    fn paragraph(&mut self, first: &str, text: &str, style: Style) {
        let indent = self.width_of(first);
        let pad = " ".repeat(indent);
        for (i, line) in self.wrap(text, self.look.width.saturating_sub(indent)).iter().enumerate() {
            let start = if i == 0 { first } else { pad.as_str() };
            self.line(&[(start, Style::new()), (line, style)]);
        }
    }

    fn wrap(&self, text: &str, width: usize) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split_whitespace() {
            let last = lines.len() - 1;
            if lines[last].is_empty() {
                lines[last] += word;
            } else if self.width_of(&lines[last]) + 1 + self.width_of(word) <= width {
                lines[last] = format!("{} {word}", lines[last]);
            } else {
                lines.push(word.to_string());
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

    fn curves(&mut self, curves: &Curves) {
        let Some(scale) = curves.scale() else { return };
        let widest = |text: fn(&super::blocks::Curve) -> &String| {
            curves.lines.iter().map(|l| self.width_of(text(l))).max().unwrap_or(0)
        };
        let (label, first, last) = (widest(|l| &l.label), widest(|l| &l.first), widest(|l| &l.last));
        let fixed = MARGIN.len() + label + first + last + GAP + 2;
        let room = self.look.width.saturating_sub(fixed).clamp(8, 63);
        self.blank();
        self.line(&[(MARGIN, Style::new()), (&curves.title, BOLD)]);
        self.paragraph(MARGIN, &curves.caption, FAINT);
        for line in &curves.lines {
            let gap = if label == 0 { String::new() } else { " ".repeat(GAP + label - self.width_of(&line.label)) };
            let start = format!("{MARGIN}{}{gap}{:>first$} ", line.label, line.first);
            let drawn = sparkline(&line.values, scale, room, self.look.unicode);
            self.line(&[
                (&start, Style::new()),
                (&drawn, AnsiColor::Cyan.on_default()),
                (&format!(" {}", line.last), Style::new()),
            ]);
        }
    }

    fn hypothesis(&mut self, hypothesis: &Hypothesis) {
        self.blank();
        let word = hypothesis.outcome.word();
        self.line(&[
            (MARGIN, Style::new()),
            (&hypothesis.name, BOLD),
            ("  ", Style::new()),
            (word, color_of(hypothesis.outcome)),
        ]);
        if let Some(text) = &hypothesis.text {
            self.paragraph(MARGIN, text, Style::new().italic());
        }
        let alone = hypothesis.statements.len() == 1;
        for statement in &hypothesis.statements {
            let indent = format!("{MARGIN}  ");
            if !alone {
                let word = statement.outcome.word();
                self.line(&[(&indent, Style::new()), (word, color_of(statement.outcome))]);
            }
            self.paragraph(&indent, &statement.text, Style::new());
            if !statement.estimate.is_empty() {
                self.paragraph(&indent, &statement.estimate, Style::new());
            }
            self.paragraph(&indent, &statement.reason, FAINT);
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

/// Columns between two columns of a table.
const GAP: usize = 3;

/// One row of blocks. Every moment is as wide as every other: several columns if there is room, or the mean of several
/// moments a column if there is not.
fn sparkline(values: &[f64], (low, high): (f64, f64), room: usize, unicode: bool) -> String {
    let levels: &[char] = match unicode {
        true => &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
        false => &['_', '.', '-', '~', '=', '+', '*', '#'],
    };
    let wide = (room / values.len().max(1)).clamp(1, 3);
    let points: Vec<f64> = if values.len() <= room {
        values.to_vec()
    } else {
        let edge = |i: usize| i * values.len() / room;
        (0..room).map(|i| crate::judge::statistics::mean(&values[edge(i)..edge(i + 1)])).collect()
    };
    let level = |x: f64| {
        let share = if high > low { (x - low) / (high - low) } else { 0.5 };
        levels[((share * levels.len() as f64) as usize).min(levels.len() - 1)]
    };
    points.into_iter().flat_map(|x| std::iter::repeat_n(if x.is_finite() { level(x) } else { ' ' }, wide)).collect()
}
