//! What is to be trained, and what came of it.

use super::ledger::Ledger;
use super::protocol::NotFinite;
use super::stop::Stop;
use super::{engine, scheduler};
use crate::diag::Code;
use crate::plan::Plan;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A plan and the replicates that run it.
#[derive(Clone, Debug)]
pub struct Job {
    pub plan: Arc<Plan>,
    /// Where relative paths of data begin.
    pub folder: PathBuf,
    pub replicates: Vec<JobReplicate>,
}

/// One seed of one condition of one experiment; `numbers` are the values of `Plan::numbers`.
#[derive(Clone, Debug, PartialEq)]
pub struct JobReplicate {
    pub experiment: usize,
    pub condition: usize,
    pub seed: u64,
    pub numbers: Vec<f64>,
}

#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Engine processes; all cores by default.
    pub jobs: Option<usize>,
    /// libtorch threads of each.
    pub threads: usize,
    pub device: String,
    /// The engine's program; found by itself by default.
    pub engine: Option<PathBuf>,
    pub stop: Stop,
    /// How long an engine may take to say its first word.
    pub patience: Duration,
}

impl Default for RunOptions {
    fn default() -> RunOptions {
        RunOptions {
            jobs: None,
            threads: 1,
            device: "cpu".to_string(),
            engine: None,
            stop: Stop::default(),
            patience: Duration::from_secs(120),
        }
    }
}

/// What happens during a run. Replicates are counted through all jobs in order.
#[derive(Clone, Debug, PartialEq)]
pub enum RunEvent {
    Started {
        engines: usize,
    },
    /// A replicate begins to train in the process `pid`.
    Begun {
        replicate: usize,
        pid: u32,
    },
    Progress {
        replicate: usize,
        step: u64,
        steps: u64,
        loss: Option<f64>,
    },
    Measured {
        replicate: usize,
        measure: usize,
        at: u64,
        values: Vec<f64>,
    },
    /// What a replicate has done is lost, and it waits for another engine.
    Lost {
        replicate: usize,
    },
    Ended {
        replicate: usize,
    },
    Problem(Problem),
    /// There is nothing left to do here but to wait for so many replicates that other processes train.
    Waiting {
        replicates: usize,
    },
    /// About ten times a second, whatever else happens.
    Tick,
    Finished {
        interrupted: bool,
    },
}

/// Something that went wrong outside the numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub code: Code,
    pub message: String,
    pub help: Option<String>,
    /// The job that it concerns, if it is one.
    pub job: Option<usize>,
    /// Nothing is missing from the results because of it.
    pub recovered: bool,
}

/// All that is left of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// In the order of the jobs and their replicates.
    pub replicates: Vec<ReplicateResult>,
    pub problems: Vec<Problem>,
    pub interrupted: bool,
    /// As the engines tell.
    pub libtorch: Option<String>,
    pub device: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ReplicateResult {
    pub job: usize,
    pub experiment: usize,
    pub condition: usize,
    pub seed: u64,
    pub status: Status,
    /// One for each of `Plan::measures`.
    pub courses: Vec<Course>,
    /// Processor time.
    pub seconds: f64,
    pub steps: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// It never began, or was cut short: the run was interrupted, or could not go on.
    Unfinished,
    Done,
    /// Its numbers stopped being finite.
    Faulted(NotFinite),
    /// It could not be done; a [`Problem`] says why.
    Failed,
}

/// The results of one measure program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// Epochs or steps.
    pub at: Vec<u64>,
    /// The values of all its names, for each of `at`.
    pub values: Vec<Vec<f64>>,
}

impl Outcome {
    /// Whether every replicate came to its end with finite numbers.
    pub fn complete(&self) -> bool {
        self.replicates.iter().all(|r| r.status == Status::Done)
    }
}

/// Trains every replicate of every job in engine processes, and returns when nothing is left to do, or when the
/// options' stop is asked for. The ledger says what is not to be trained here, and is told what came of the rest. Which engine trains what, and when, leaves no mark on the outcome.
pub fn execute(
    jobs: Vec<Job>,
    options: &RunOptions,
    ledger: &mut dyn Ledger,
    events: &mut dyn FnMut(RunEvent),
) -> Outcome {
    let outcome = scheduler::Scheduler::new(&jobs, options, ledger, events).run();
    options.stop.done();
    outcome
}

/// Where the engine is, or why it cannot be found.
pub fn find_engine(options: &RunOptions) -> Result<PathBuf, Problem> {
    engine::find(options.engine.as_deref()).map_err(|why| Problem {
        code: Code::T0704,
        message: format!("the engine cannot be started: {why}"),
        help: Some(format!(
            "`cargo build` makes `{}` beside `trine` (with --no-default-features it does not); or say where it is: {}=/path/to/{0}",
            engine::NAME,
            engine::VARIABLE
        )),
        job: None,
        recovered: false,
    })
}
