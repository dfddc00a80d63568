//! Who may train what, and what is kept of it: the scheduler asks, a store answers.

use super::jobs::{Course, ReplicateResult};
use super::protocol::State;

/// Answers to [`Ledger::claim`].
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// It is to be trained here, from the beginning or from where it was left.
    Train(Option<Box<Started>>),
    /// Another process trains it.
    Elsewhere,
    /// Another process has trained it.
    Known(Box<ReplicateResult>),
}

/// A replicate that was left on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    pub state: State,
    /// What was measured up to there, one for each of `Plan::measures`.
    pub courses: Vec<Course>,
    /// Processor time that it took.
    pub seconds: f64,
}

/// Keeps what replicates come to. They are counted through all jobs, in order. What cannot be kept is the ledger's to
/// tell; the numbers of the run are the same.
pub trait Ledger {
    fn claim(&mut self, replicate: usize) -> Claim;
    /// A state on the way, with what was measured until then.
    fn keep(&mut self, replicate: usize, so_far: Started);
    /// Nothing more comes of it here: done, ended early, failed, or stopped.
    fn ended(&mut self, replicate: usize, result: &ReplicateResult);
    /// About ten times a second.
    fn tick(&mut self) {}
    /// Milliseconds between two states.
    fn every(&self) -> u64 {
        0
    }
}

/// Keeps nothing.
pub struct Nothing;

impl Ledger for Nothing {
    fn claim(&mut self, _: usize) -> Claim {
        Claim::Train(None)
    }

    fn keep(&mut self, _: usize, _: Started) {}

    fn ended(&mut self, _: usize, _: &ReplicateResult) {}
}
