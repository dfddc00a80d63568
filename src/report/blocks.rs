//! The blocks that a report is made of. Numbers in them are text already, rounded as their section sees fit.

use super::diagram::Diagram;
use crate::judge::Outcome;

#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A section's title, with a few words on its right.
    Heading {
        title: String,
        aside: String,
    },
    Table(Table),
    Curves(Curves),
    Verdicts(Vec<Hypothesis>),
    /// What went wrong, most of it first.
    Warnings(Vec<String>),
    /// Small print, a line each: what it is, and the text.
    KeyValues(Vec<(String, String)>),
    /// A paragraph.
    Text(String),
    /// A table for those who want to know, under a title.
    Folded(String, Table),
    Diagram(Diagram),
    Points(Points),
    Arrows(Arrows),
    Source(Source),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub columns: Vec<Column>,
    /// As many cells as there are columns.
    pub rows: Vec<Vec<String>>,
    pub caption: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    pub title: String,
    /// Under the title: unit and split.
    pub subtitle: String,
    /// Numbers lie on the right, words on the left.
    pub number: bool,
}

/// The course of one measure, a line a condition, all on one scale.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// `height on test (cm)`
    pub title: String,
    /// What is counted along the course, and from where to where.
    pub every: String,
    pub from: u64,
    pub to: u64,
    /// The ends of the scale.
    pub low: String,
    pub high: String,
    pub lines: Vec<Curve>,
    /// The moments themselves.
    pub at: Vec<u64>,
    /// The same in numbers, a row a moment.
    pub table: Table,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    pub label: String,
    /// NaN where there is none.
    pub values: Vec<f64>,
    pub first: String,
    pub last: String,
    /// The ends of the interval at each moment, NaN where there is none; empty if there is none at all.
    pub low: Vec<f64>,
    pub high: Vec<f64>,
    /// The course of every seed.
    pub seeds: Vec<(u64, Vec<f64>)>,
}

/// Conditions as points between two measures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    pub title: String,
    /// `bias on batch (deg)`
    pub across: String,
    pub up: String,
    /// The upward scale counts powers of ten.
    pub log: bool,
    /// With `log`, what lies below this is drawn here.
    pub floor: f64,
    pub points: Vec<Point>,
    pub caption: String,
    pub table: Table,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    pub label: String,
    pub x: f64,
    pub y: f64,
    /// The intervals' ends.
    pub x_ends: Option<(f64, f64)>,
    pub y_ends: Option<(f64, f64)>,
}

/// Directions, each at its angle to a common one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arrows {
    pub title: String,
    /// In degrees.
    pub arrows: Vec<(String, f64)>,
    pub caption: String,
    pub table: Table,
}

/// A text to be read as it stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    pub name: String,
    pub text: String,
    pub language: Language,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    Trine,
    Shell,
}

impl Curves {
    /// The smallest and largest finite value; None if there is none.
    pub fn scale(&self) -> Option<(f64, f64)> {
        let finite = self.lines.iter().flat_map(|l| &l.values).copied().filter(|x| x.is_finite());
        finite.fold(None, |scale, x| match scale {
            None => Some((x, x)),
            Some((low, high)) => Some((x.min(low), x.max(high))),
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    pub name: String,
    pub text: Option<String>,
    pub outcome: Outcome,
    pub statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// With `expect` or `claim`.
    pub text: String,
    pub outcome: Outcome,
    /// `height[a] = 48.1 cm (95 %: 45.0 to 51.3)`; empty if there is no estimate.
    pub estimate: String,
    pub reason: String,
}
