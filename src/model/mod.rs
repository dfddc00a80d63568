//! One condition's architecture as a graph, with objective and rule written out on it.

pub mod answer;
pub mod architecture;
pub mod arithmetic;
pub mod bounds;
pub mod build;
pub mod call;
mod choose;
pub mod controlled;
pub mod derive;
mod differ;
pub mod elaborate;
pub mod expectation;
pub mod experiment;
pub mod graph;
pub mod graph_words;
pub mod grid;
pub mod hypothesis;
pub mod implied;
pub mod network;
pub mod online;
pub mod optimizer;
pub mod order;
pub mod outcomes;
pub mod phase;
pub mod primitive;
pub mod print;
pub mod projection;
pub mod provenance;
pub mod quantity;
pub mod ranges;
pub mod redraw;
pub mod relax;
pub mod rule;
pub mod running;
pub mod sample;
pub mod settle;
pub mod stages;

pub mod structure;
pub mod task;
pub mod tuning;
pub mod update;
pub mod value;
pub mod windows;
pub mod words;

pub use experiment::{Model, elaborate_condition};
