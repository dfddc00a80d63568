//! Curves drawn in characters: a small plot in Braille dots, or a row of blocks a condition.
//!
//! In a plot, conditions are told apart by the label at the end of their line and by how it is dotted; colour helps.

use super::blocks::{Curve, Curves};
use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

/// One line of text in pieces.
pub type Line = Vec<(String, Style)>;

/// More lines than this in one plot cannot be told apart.
pub const LINES: usize = 4;
/// Rows of a plot.
const ROWS: usize = 6;
const COLORS: [AnsiColor; LINES] = [AnsiColor::Cyan, AnsiColor::Magenta, AnsiColor::Yellow, AnsiColor::Green];
const FAINT: Style = Style::new().dimmed();

/// A plot exactly `width` columns wide: title, rows, axis. None without a finite value.
pub fn plot(curves: &Curves, width: usize) -> Option<Vec<Line>> {
    let scale = curves.scale()?;
    let left = curves.low.width().max(curves.high.width());
    let right = curves.lines.iter().map(|l| tail(l).width()).max().unwrap_or(0);
    let inner = width.checked_sub(left + right + 3).filter(|w| *w >= 8)?;
    let mut canvas = Canvas::new(inner);
    for (index, line) in curves.lines.iter().enumerate() {
        canvas.draw(&line.values, scale, index);
    }
    let labels = label_rows(curves, scale);
    let mut text = vec![vec![padded(&curves.title, width, Style::new().bold())]];
    for row in 0..ROWS {
        let (tick, edge) = match row {
            0 => (curves.high.as_str(), '┤'),
            r if r == ROWS - 1 => (curves.low.as_str(), '┤'),
            _ => ("", '│'),
        };
        let mut line: Line = vec![(format!("{tick:>left$} {edge}"), FAINT)];
        line.extend(canvas.row(row));
        let label = labels.iter().position(|&r| r == Some(row));
        let tail = label.map_or(String::new(), |i| tail(&curves.lines[i]));
        line.push(padded(&format!(" {tail}"), right + 1, color(label)));
        text.push(line);
    }
    text.push(vec![padded(&axis(curves, left, inner), width, FAINT)]);
    Some(text)
}

/// `a 0.967`
fn tail(line: &Curve) -> String {
    if line.label.is_empty() { line.last.clone() } else { format!("{} {}", line.label, line.last) }
}

fn color(line: Option<usize>) -> Style {
    line.and_then(|i| COLORS.get(i)).map_or(Style::new(), |c| c.on_default())
}

fn padded(text: &str, width: usize, style: Style) -> (String, Style) {
    (format!("{text}{}", " ".repeat(width.saturating_sub(text.width()))), style)
}

/// `        0 epoch          20`
fn axis(curves: &Curves, left: usize, inner: usize) -> String {
    let start = format!("{} {}", curves.from, curves.every);
    let end = curves.to.to_string();
    let gap = inner.saturating_sub(start.width() + end.width());
    format!("{}{start}{}{end}", " ".repeat(left + 2), " ".repeat(gap.max(1)))
}

/// Each line's label goes where the line ends, or as near as the labels before it allow.
fn label_rows(curves: &Curves, (low, high): (f64, f64)) -> Vec<Option<usize>> {
    let end = |line: &Curve| line.values.iter().rev().copied().find(|x| x.is_finite());
    let share = |x: f64| if high > low { (x - low) / (high - low) } else { 0.5 };
    let mut ends: Vec<(usize, f64)> =
        curves.lines.iter().enumerate().filter_map(|(i, l)| end(l).map(|x| (i, share(x)))).collect();
    ends.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut rows = vec![None; curves.lines.len()];
    let mut next = 0;
    for (place, (index, share)) in ends.iter().enumerate() {
        let wanted = ROWS - 1 - ((share * ROWS as f64) as usize).min(ROWS - 1);
        // Room is left for those that come below.
        let row = wanted.max(next).min(ROWS.saturating_sub(ends.len() - place));
        rows[*index] = Some(row);
        next = row + 1;
    }
    rows
}

/// Dots in Braille cells, two by four a cell, each cell with the line that drew it last.
struct Canvas {
    width: usize,
    dots: Vec<u8>,
    owner: Vec<Option<usize>>,
}

impl Canvas {
    fn new(width: usize) -> Canvas {
        Canvas { width, dots: vec![0; width * ROWS], owner: vec![None; width * ROWS] }
    }

    fn draw(&mut self, values: &[f64], (low, high): (f64, f64), index: usize) {
        let (columns, top) = (2 * self.width, 4 * ROWS - 1);
        let height = |x: f64| {
            let share = if high > low { (x - low) / (high - low) } else { 0.5 };
            (share * top as f64).round() as usize
        };
        let mut before: Option<usize> = None;
        for column in 0..columns {
            let at = column as f64 / (columns - 1) as f64 * (values.len().max(1) - 1) as f64;
            let value = between(values, at);
            let here = value.is_finite().then(|| height(value));
            if let Some(y) = here {
                // Steep parts stay connected: fill up to where the line was.
                let from = before.map_or(y, |b| if b < y { b + 1 } else { (b.max(1) - 1).max(y) });
                if dotted(index, column) {
                    (from.min(y)..=from.max(y)).for_each(|y| self.dot(column, top - y, index));
                }
            }
            before = here;
        }
    }

    fn dot(&mut self, x: usize, y: usize, index: usize) {
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let cell = y / 4 * self.width + x / 2;
        self.dots[cell] |= BITS[y % 4][x % 2];
        self.owner[cell] = Some(index);
    }

    /// One row, in pieces of one colour.
    fn row(&self, row: usize) -> Line {
        let mut line: Line = Vec::new();
        for cell in row * self.width..(row + 1) * self.width {
            let glyph = match self.dots[cell] {
                0 => ' ',
                bits => char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' '),
            };
            let style = color(self.owner[cell]);
            match line.last_mut() {
                Some((text, last)) if *last == style => text.push(glyph),
                _ => line.push((glyph.to_string(), style)),
            }
        }
        line
    }
}

/// Whether the line `index` is drawn in this column of dots: the first without gaps, the others with their own.
fn dotted(index: usize, column: usize) -> bool {
    match index {
        0 => true,
        1 => column.is_multiple_of(2),
        2 => column % 6 < 4,
        _ => column.is_multiple_of(4),
    }
}

/// The value at a place between two moments.
fn between(values: &[f64], at: f64) -> f64 {
    let (i, share) = (at.floor() as usize, at.fract());
    let value = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
    if share < 1e-9 { value(i) } else { value(i) * (1.0 - share) + value(i + 1) * share }
}

/// One row of blocks. Every moment is as wide as every other: several columns if there is room, or the mean of several
/// moments a column if there is not.
pub fn sparkline(values: &[f64], (low, high): (f64, f64), room: usize, unicode: bool) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn line(label: &str, values: &[f64]) -> Curve {
        let last = values.last().map_or(String::new(), |x| format!("{x:.1}"));
        Curve { label: label.into(), values: values.to_vec(), first: "0".into(), last, ..Curve::default() }
    }

    fn curves(lines: Vec<Curve>) -> Curves {
        let (low, high) = ("0.0".into(), "1.0".into());
        Curves { title: "height".into(), every: "epoch".into(), from: 0, to: 2, low, high, lines, ..Curves::default() }
    }

    #[test]
    fn every_line_of_a_plot_is_as_wide_as_asked() {
        let lines = vec![line("a", &[0.0, 0.5, 1.0]), line("long", &[1.0, f64::NAN, 0.0]), line("c", &[f64::NAN; 3])];
        for width in [24, 37, 80] {
            let plot = plot(&curves(lines.clone()), width).unwrap();
            assert_eq!(plot.len(), ROWS + 2);
            for line in plot {
                assert_eq!(line.iter().map(|(text, _)| text.width()).sum::<usize>(), width);
            }
        }
        assert!(plot(&curves(vec![line("a", &[f64::NAN])]), 40).is_none());
        assert!(plot(&curves(lines), 10).is_none());
    }

    #[test]
    fn labels_do_not_hide_each_other() {
        let all = curves(["a", "b", "c", "d"].map(|l| line(l, &[1.0, 0.0])).to_vec());
        let mut rows: Vec<usize> = label_rows(&all, (0.0, 1.0)).into_iter().flatten().collect();
        rows.sort();
        assert_eq!(rows, [2, 3, 4, 5]);
    }

    #[test]
    fn sparklines_fit_and_skip_what_is_not_there() {
        assert_eq!(sparkline(&[0.0, 1.0], (0.0, 1.0), 9, true), "▁▁▁███");
        assert_eq!(sparkline(&[0.0, f64::NAN, 1.0], (0.0, 1.0), 3, false), "_ #");
        assert_eq!(sparkline(&[0.5; 100], (0.5, 0.5), 10, false).len(), 10);
        assert_eq!(sparkline(&[], (0.0, 1.0), 10, true), "");
    }
}
