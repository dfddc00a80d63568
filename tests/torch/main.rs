//! What needs libtorch: its own derivatives beside ours, and whole runs by real engines.

mod autograd;
#[allow(dead_code)]
#[path = "../science/graphs.rs"]
mod graphs;
mod runs;
#[allow(dead_code)]
#[path = "../science/sim.rs"]
mod sim;
