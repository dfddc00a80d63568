//! Trine: a declarative language for learning systems.
//!
//! A spec is compiled in stages, each a value that prints itself:
//!
//! ```text
//! Source --parse--> ast::File --check--> ir::Program --elaborate--> model::Model --lower--> plan::Plan --execute--> run::Trace --summarize--> report::Report
//! ```
//!
//! `driver` is the pipeline; `docs/architecture.md` describes every stage.

pub mod check;
pub mod cli;
pub mod cost;
pub mod describe;
pub mod diag;
pub mod diff;
pub mod driver;
pub mod input;
pub mod ir;
pub mod judge;
pub mod manual;
pub mod model;
pub mod ops;
pub mod output;
pub mod plan;
pub mod profile;
pub mod registration;
pub mod report;
pub mod run;
pub mod source;
pub mod store;
pub mod syntax;
pub mod train;
pub mod watch;
