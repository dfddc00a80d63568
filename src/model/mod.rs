//! One condition's architecture as a graph, with objective and rule written out on it.

pub mod architecture;
pub mod call;
pub mod derive;
pub mod elaborate;
pub mod experiment;
pub mod graph;
pub mod graph_words;
pub mod grid;
pub mod hypothesis;
pub mod network;
pub mod print;
pub mod provenance;
pub mod rule;
pub mod task;
pub mod value;
pub mod words;

pub use experiment::{Model, elaborate_condition};
