//! A table of the runs of a store, so that listing thousands of them does not read thousands of files.
//!
//! The run folders are the truth: the table is brought up to date from them before it is read, and one that is damaged,
//! or of another version, is made anew. It lies in a file of SQLite with a plain journal (a write-ahead log would not
//! survive a network file system); where even that cannot be written, it is made in memory. Built without the feature
//! `archive`, Trine reads all files.

use super::{Store, record};
use std::io;

/// One run, for a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub run: String,
    pub spec: String,
    pub experiment: String,
    pub condition: String,
    pub seed: u64,
    /// `done`, `fault`, or `unfinished` for one that was left on its way.
    pub outcome: String,
    pub steps: u64,
    pub seconds: f64,
    /// When it ended, in seconds since 1970.
    pub at: u64,
}

/// All runs of a store, by spec, experiment, condition and seed.
#[cfg(feature = "archive")]
pub fn rows(store: &Store) -> io::Result<Vec<Row>> {
    table::rows(store)
}

/// All runs of a store, by spec, experiment, condition and seed.
#[cfg(not(feature = "archive"))]
pub fn rows(store: &Store) -> io::Result<Vec<Row>> {
    let of = |run: &String| store.find(run).0.map_or_else(|| unfinished(run), |r| row(run, &r));
    let mut all: Vec<Row> = store.runs()?.iter().map(of).collect();
    let key = |r: &Row| (r.spec.clone(), r.experiment.clone(), r.condition.clone(), r.seed);
    all.sort_by_key(key);
    Ok(all)
}

#[cfg(feature = "archive")]
mod table;

fn row(run: &str, r: &record::Record) -> Row {
    Row {
        run: run.into(),
        spec: r.spec.clone(),
        experiment: r.experiment.clone(),
        condition: r.condition.clone(),
        seed: r.seed,
        outcome: match r.outcome {
            record::Outcome::Done => "done".into(),
            record::Outcome::Fault { .. } => "fault".into(),
        },
        steps: r.steps,
        seconds: r.seconds,
        at: r.made.at,
    }
}

fn unfinished(run: &str) -> Row {
    let none = String::new();
    Row {
        run: run.into(),
        spec: none.clone(),
        experiment: none.clone(),
        condition: none,
        seed: 0,
        outcome: "unfinished".into(),
        steps: 0,
        seconds: 0.0,
        at: 0,
    }
}
