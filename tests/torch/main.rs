//! What needs libtorch: its own derivatives beside ours, and whole runs by real engines.
//! This is the one test program that links it.

#![cfg(feature = "torch")]

mod autograd;
#[allow(dead_code)]
#[path = "../science/graphs.rs"]
mod graphs;
mod numbers;
#[path = "../random/mod.rs"]
mod random;
mod runs;
#[allow(dead_code)]
#[path = "../science/sim.rs"]
mod sim;
mod store;
