//! What a person or a script is told of the runs and verdicts of a spec.
//!
//! [`summarize`] lays the facts out as typed [`blocks`], section by section; a renderer knows blocks, not sections.
//! To add a section, write its file and its row of [`SECTIONS`]. The JSON of contract.md is made of the facts alone,
//! so that what scripts read does not change with the layout.

pub mod blocks;
pub mod diagram;
mod experiments;
mod hypotheses;
mod json;
mod plot;
mod provenance;
mod terminal;

pub use crate::judge::exit_code;
pub use experiments::count;
pub use json::json;
pub use terminal::{Look, terminal, terminal_as};

use crate::judge::Verdict;
use crate::run::trace::Trace;
use blocks::Block;

/// Which spec a report is on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// As the user named it.
    pub file: String,
    /// The hash of its meaning.
    pub meaning: String,
}

/// What the numbers hang on besides the spec.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provenance {
    /// Version of Trine.
    pub trine: String,
    pub libtorch: Option<String>,
    /// `cpu`, `cuda:0`
    pub device: String,
    pub threads: usize,
    /// Of the spec's repository, if it lies in one.
    pub commit: Option<String>,
    /// Whether the hypotheses were registered before their first run.
    pub registered: bool,
    /// Runs (a condition with a seed each) that the report is on, and how many of them were not trained for it but found
    /// in the store.
    pub runs: usize,
    pub stored: usize,
    /// Class of the processor's vector instructions: `avx2`. Empty if unknown.
    pub processor: String,
}

/// What a report is made from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub spec: Spec,
    pub trace: Trace,
    pub verdicts: Vec<Verdict>,
    pub provenance: Provenance,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub facts: Facts,
    pub blocks: Vec<Block>,
}

/// The sections in their order: each turns facts into blocks, none if it has nothing to say.
const SECTIONS: &[fn(&Facts) -> Vec<Block>] = &[experiments::section, hypotheses::section, provenance::section];

/// Lays out what is known after a run.
pub fn summarize(spec: Spec, trace: Trace, verdicts: Vec<Verdict>, provenance: Provenance) -> Report {
    let facts = Facts { spec, trace, verdicts, provenance };
    let blocks = SECTIONS.iter().flat_map(|section| section(&facts)).collect();
    Report { facts, blocks }
}
