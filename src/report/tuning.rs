//! How tuned settings were chosen: what was taken of what, and every candidate's value.

use super::blocks::{Column, Table};
use super::experiments::cells;
use crate::judge::{INFORMATIVE, statistics};
use crate::run::trace::{Candidate, ExperimentTrace, TuningTrace};

/// What was chosen, a line a condition.
pub fn chosen(x: &ExperimentTrace) -> Vec<(String, String)> {
    let Some(t) = x.tuning.as_ref().filter(|t| t.candidates.iter().any(|c| c.chosen)) else { return vec![] };
    let by = format!("by {}, over {} that choose and do not judge", t.by, super::count(t.seeds, "seed"));
    let mut lines = vec![("tuned".to_string(), by)];
    for c in t.candidates.iter().filter(|c| c.chosen) {
        let of = t.candidates.iter().filter(|o| o.condition == c.condition).count();
        let arm = if c.condition.is_empty() { String::new() } else { format!("{}: ", c.condition) };
        let edge = if c.at_the_edge { "; a better one may lie beyond the last number tried" } else { "" };
        lines.push((
            "tuned".to_string(),
            format!("{arm}{}, the best of {}{edge}", settings(c), super::count(of, "candidate")),
        ));
    }
    lines
}

fn settings(c: &Candidate) -> String {
    c.settings.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
}

/// Every candidate with its mean.
pub fn tried(x: &ExperimentTrace) -> Option<Table> {
    let t = x.tuning.as_ref().filter(|t| !t.candidates.is_empty())?;
    let estimate = |c: &Candidate| {
        let half = statistics::t_interval(&c.values, INFORMATIVE).map(statistics::Interval::half);
        (statistics::mean(&c.values), half.filter(|h| h.is_finite()))
    };
    let values = cells(&t.candidates.iter().map(estimate).collect::<Vec<_>>());
    let named = t.candidates.iter().any(|c| !c.condition.is_empty());
    let column = |title: &str, subtitle: String, number: bool| Column { title: title.into(), subtitle, number };
    let mut columns =
        vec![column("candidate", String::new(), false), column(&t.by, unit(t), true), column("", String::new(), false)];
    if named {
        columns.insert(0, column("condition", String::new(), false));
    }
    let rows = t.candidates.iter().zip(values).map(|(c, value)| {
        let mut row = vec![settings(c), value, if c.chosen { "chosen".into() } else { String::new() }];
        if named {
            row.insert(0, c.condition.clone());
        }
        row
    });
    Some(Table {
        columns,
        rows: rows.collect(),
        caption: "Mean ± half of the 95 % interval over seeds that choose.".into(),
    })
}

fn unit(t: &TuningTrace) -> String {
    if matches!(t.unit.as_str(), "" | "1") { String::new() } else { t.unit.clone() }
}
