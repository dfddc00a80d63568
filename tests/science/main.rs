//! The science: that derivatives are derivatives, and that rules, optimizers and objectives are what their papers say.
//!
//! Every test writes a spec as text, takes it through the whole compiler, and runs the plan by the slow evaluator in
//! double precision: no libtorch is needed.

mod adjoints;
mod aims;
mod architectures;
mod batches;
mod bundles;
mod draws;
mod edges;
mod energy;
mod forward;
mod gradients;
mod graphs;
mod hand;
mod implied;
mod instances;
mod kept;
mod matrix;
mod objectives;
mod optimizers;
mod options;
mod outcomes;
mod perturbation;
mod planes;
#[path = "../random/mod.rs"]
mod random;
mod reward;
mod rules;
mod running;
mod settling;
mod sim;
mod sizes;
mod stages;
mod targets;
mod together;
mod unsupervised;
