//! Verdicts on hypotheses: claims that the compiler has settled, expectations that runs settle.

#[cfg(test)]
mod against_scipy;
#[cfg(test)]
mod agreement;
pub mod bootstrap;
pub mod distributions;
mod evidence;
mod explain;
pub mod methods;
pub mod numbers;
pub mod power;
pub mod regions;
pub mod sequential;
pub mod statistics;
pub mod terms;
#[cfg(test)]
mod tests;
pub mod trend;
mod verdict;

pub use evidence::INFORMATIVE;
pub use terms::{children, linear_in_means};
pub use verdict::{
    Combined, Kind, Outcome, Standing, Verdict, combine, combined, exit_code, judge, judge_beside, mark,
};

use crate::source::Span;
use serde::{Deserialize, Serialize};

/// One `expect` or `claim` of a hypothesis.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Of the hypothesis.
    pub hypothesis: String,
    /// The hypothesis's sentence, if it has one.
    pub text: Option<String>,
    /// The statement in canonical form.
    pub statement: String,
    pub span: Span,
    pub kind: QuestionKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum QuestionKind {
    /// Settled by the compiler: whether it holds, and why in a sentence.
    Claim {
        holds: bool,
        reason: String,
        /// What is claimed of what, without names.
        meaning: String,
    },
    Expectation(Expectation),
}

/// `left relation right`, judged by runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    pub left: Term,
    pub relation: Relation,
    pub right: Term,
    /// `within 0.02`, of an equality, in base units.
    pub margin: Option<f64>,
    pub scope: Scope,
    /// For printing the estimate (of `left`, or of `left - right` if both vary): `deg`, `1`, ... and how many base
    /// units one of it is.
    pub unit: String,
    pub unit_scale: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scope {
    /// Holds for every seed.
    EverySeed,
    /// Holds for at least `count` of `of` seeds.
    AtLeast { count: usize, of: usize },
    /// The probability of a seed to meet it is at least `share`, at a confidence.
    Share { share: f64, confidence: f64 },
    /// Of means over seeds, at a confidence (0.95).
    At { confidence: f64, method: Method },
}

/// How means over seeds are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Student's t, of the differences where seeds are paired.
    Student,
    /// Welch's t, of two independent sets of seeds.
    Unpaired,
    /// The BCa bootstrap of the differences.
    Bootstrap,
    /// The percentile bootstrap.
    Percentile,
    /// E-values: valid at every look.
    Anytime,
}

impl Method {
    /// With fewer it errs more often than it says (docs/statistics.md has the numbers), or has nothing to go by.
    pub fn fewest_seeds(self) -> usize {
        match self {
            Method::Bootstrap => 10,
            Method::Percentile => 20,
            Method::Student | Method::Unpaired | Method::Anytime => 2,
        }
    }
}

/// A statistic of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// Of the least-squares line.
    Slope,
    /// Pearson's.
    Correlation,
    /// Spearman's rank correlation with the places of the conditions, which are in the order of x.
    Trend,
}

impl Statistic {
    pub fn word(self) -> &'static str {
        match self {
            Statistic::Slope => "slope",
            Statistic::Correlation => "correlation",
            Statistic::Trend => "trend",
        }
    }
}

/// A quantity over the seeds of an experiment. Outside `Mean` it has one value a seed.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    Number(f64),
    /// A measure of one condition; `scale` turns the trace's unit into base units.
    Series {
        experiment: String,
        condition: usize,
        measure: String,
        moment: Moment,
        scale: f64,
    },
    /// Over seeds.
    Mean(Box<Term>),
    /// Over conditions, in every seed; the points are in the order of x.
    OverConditions {
        statistic: Statistic,
        points: Vec<(Term, Term)>,
        text: String,
    },
    /// Over seeds, each a point.
    OverSeeds {
        statistic: Statistic,
        x: Box<Term>,
        y: Box<Term>,
        text: String,
    },
    Negate(Box<Term>),
    Abs(Box<Term>),
    Log(Box<Term>),
    Add(Box<Term>, Box<Term>),
    Subtract(Box<Term>, Box<Term>),
    Multiply(Box<Term>, Box<Term>),
    Divide(Box<Term>, Box<Term>),
    Min(Box<Term>, Box<Term>),
    Max(Box<Term>, Box<Term>),
}

/// At which moment of the course of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    First,
    Last,
    /// The largest value (the smallest for a quantity that the measure declares lower is better, which is written `min`).
    Highest,
    Lowest,
    /// The mean over the course.
    Average,
}

impl Moment {
    pub const WORDS: [&str; 6] = ["last", "first", "best", "highest", "lowest", "average"];

    /// As a spec calls it.
    pub fn named(word: &str) -> Option<Moment> {
        Some(match word {
            "last" => Moment::Last,
            "first" => Moment::First,
            "best" | "highest" => Moment::Highest,
            "lowest" => Moment::Lowest,
            "average" => Moment::Average,
            _ => return None,
        })
    }
}
