//! What a person or a script is told of the runs and verdicts of a spec.
//!
//! [`summarize`] lays the facts out as typed [`blocks`], section by section; a renderer knows blocks, not sections.
//! To add a section, write its file and its row of `SECTIONS`. The JSON of contract.md is made of the facts alone,
//! so that what scripts read does not change with the layout.

mod architectures;
pub mod blocks;
mod comparisons;
mod cost;
pub mod diagram;
mod experiments;
mod geometry;
mod html;
mod hypotheses;
mod json;
mod markdown;
mod plot;
mod provenance;
pub mod read;
mod registration;
mod rules;
mod source;
mod tensorboard;
mod terminal;
mod tuning;

pub use crate::judge::exit_code;
pub use experiments::{count, duration, thousands};
pub use html::{html, html_live};
pub use json::json;
pub use markdown::markdown;
pub use tensorboard::tensorboard;
pub use terminal::{Look, terminal, terminal_as};

use crate::judge::Verdict;
use crate::run::trace::Trace;
use crate::store::record::Made;
use blocks::Block;
use diagram::Diagram;

/// Which spec a report is on, and what is known of it before anything has run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// As the user named it.
    pub file: String,
    /// The hash of its meaning.
    pub meaning: String,
    pub text: String,
    /// The user's own files that it imports, each with its text.
    pub imports: Vec<(String, String)>,
    pub diagrams: Vec<Diagram>,
    pub rules: Vec<RuleRow>,
    /// What the compiler noted.
    pub notes: Vec<Note>,
    /// Pairs of arms that expectations compare.
    pub compared: Vec<Comparison>,
    /// What every value of a measure lies in whatever the data: experiment, measure, ends.
    pub ranges: Vec<(String, String, (f64, f64))>,
    /// The command that makes these numbers again.
    pub command: String,
}

/// Where a rule takes its information from, on one architecture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleRow {
    pub name: String,
    pub on: String,
    /// `local, derivative, ...`
    pub update: String,
    pub dynamics: String,
    /// Each property with the places in the text that cause it: `spec.trine:9`, what happens there.
    pub paths: Vec<(String, Vec<(String, String)>)>,
}

/// A remark of the compiler on a sound spec.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Note {
    pub code: String,
    /// Arms of a comparison differ in more than what is compared.
    pub confound: bool,
    pub place: String,
    pub text: String,
}

/// Two arms that the compiler has set side by side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    pub arms: (String, String),
    /// What is compared: its name, and what it is in each arm; None where the texts of both say the same.
    pub by: Option<(String, String, String)>,
    /// What differs besides.
    pub besides: Vec<String>,
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
    /// The spec, what it imports or its data are not as that commit has them.
    pub uncommitted: bool,
    /// Whether the hypotheses were registered before their first run.
    pub registered: bool,
    /// Runs (a condition with a seed each) that the report is on, and how many of them were not trained for it but found
    /// in the store.
    pub runs: usize,
    pub stored: usize,
    /// Class of the processor's vector instructions: `avx2`. Empty if unknown.
    pub processor: String,
    /// What the runs were made with, by their records, and how many were; the most frequent first.
    pub made: Vec<(Made, usize)>,
}

/// What a report is made from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub spec: Spec,
    pub trace: Trace,
    pub verdicts: Vec<Verdict>,
    pub provenance: Provenance,
    /// How far a run has come that goes on.
    pub on_the_way: Option<String>,
    /// What was registered; nothing if the spec has no registration.
    pub registration: Vec<Registered>,
}

/// One hypothesis beside its registration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registered {
    pub name: String,
    /// When; empty if it is not registered.
    pub at: String,
    /// Runs that there were then.
    pub after: usize,
    /// The hash of what was registered.
    pub meaning: String,
    /// Registered seeds of the experiments that it reads.
    pub seeds: String,
    /// Earlier registrations that it took the place of.
    pub replaces: usize,
    pub standing: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub facts: Facts,
    pub blocks: Vec<Block>,
}

/// A part of a report: facts to blocks, none if it has nothing to say.
struct Section {
    blocks: fn(&Facts) -> Vec<Block>,
    /// Its place in the short report, which ends with what matters most; None where only the page has it.
    short: Option<u8>,
}

/// The sections in the order of the page, which begins with what matters most.
const SECTIONS: &[Section] = &[
    Section { blocks: hypotheses::section, short: Some(2) },
    Section { blocks: experiments::section, short: Some(1) },
    Section { blocks: geometry::section, short: None },
    Section { blocks: comparisons::section, short: None },
    Section { blocks: architectures::section, short: None },
    Section { blocks: rules::section, short: None },
    Section { blocks: source::section, short: None },
    Section { blocks: cost::section, short: None },
    Section { blocks: registration::section, short: None },
    Section { blocks: source::again, short: None },
    Section { blocks: provenance::section, short: Some(3) },
];

/// Lays out what is known after a run.
pub fn summarize(spec: Spec, trace: Trace, verdicts: Vec<Verdict>, provenance: Provenance) -> Report {
    let facts = Facts { spec, trace, verdicts, provenance, on_the_way: None, registration: vec![] };
    let mut short: Vec<&Section> = SECTIONS.iter().filter(|s| s.short.is_some()).collect();
    short.sort_by_key(|s| s.short);
    let blocks = short.iter().flat_map(|s| (s.blocks)(&facts)).collect();
    Report { facts, blocks }
}

/// The courses of the experiment that was measured last, for a terminal.
pub fn picture(trace: &Trace, look: Look) -> String {
    let measured = trace.experiments.iter().rev().map(experiments::courses).find(|all| !all.is_empty());
    let all = measured.unwrap_or_default();
    terminal::curves(&all[..all.len().min(2)], look)
}

impl Report {
    /// Everything that there is to tell.
    pub fn page(&self) -> Vec<Block> {
        SECTIONS.iter().flat_map(|s| (s.blocks)(&self.facts)).collect()
    }
}
