//! Keeps the replicates of a run in a store as they come, and shares them with other processes.

use super::claim::Claims;
use super::record::{Made, Name, Number, Outcome, Record, SCHEMA, measured};
use super::{Store, files, state};
use crate::diag::{Code, Diagnostic};
use crate::plan::Plan;
use crate::plan::meaning::Meaning;
use crate::run::jobs::{ReplicateResult, Status};
use crate::run::ledger::{Claim, Ledger, Started};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A replicate, as the store needs to know it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The name of the run: the hash of what is trained.
    pub run: String,
    pub plan: Arc<Plan>,
    pub meaning: Arc<Meaning>,
    /// Of the plan as it is executed, to the last instruction: a state is only gone on with by the same.
    pub exact: String,
    pub experiment: String,
    pub condition: String,
    pub settings: Vec<(String, String)>,
    pub parameters: usize,
    /// Seeds of the experiment.
    pub declared: usize,
}

pub struct Keeper<'a> {
    store: Store,
    kept: Vec<Kept>,
    claims: Claims,
    spec: String,
    made: Made,
    every: u64,
    place: &'a dyn Fn(crate::source::Span) -> String,
    /// What could not be kept, told once.
    pub problems: Vec<Diagnostic>,
    /// Runs that another process trained meanwhile, as they were made.
    pub elsewhere: Vec<Made>,
}

impl<'a> Keeper<'a> {
    /// `kept` in the order of the replicates of the jobs; `every` are milliseconds between two states on the way.
    pub fn new(
        store: Store,
        kept: Vec<Kept>,
        spec: String,
        made: Made,
        every: u64,
        place: &'a dyn Fn(crate::source::Span) -> String,
    ) -> Keeper<'a> {
        Keeper {
            store,
            kept,
            claims: Claims::new(),
            spec,
            made,
            every,
            place,
            problems: Vec::new(),
            elsewhere: Vec::new(),
        }
    }

    /// What the store knows of a replicate already.
    pub fn known(&mut self, replicate: usize) -> Option<ReplicateResult> {
        let kept = &self.kept[replicate];
        let (record, problem) = self.store.find(&kept.run);
        if let Some(p) = problem
            && !self.problems.contains(&p)
        {
            self.problems.push(p);
        }
        let mut record = record?;
        let result = record.result(&kept.plan, &kept.meaning)?;
        let names = record.also.len();
        record.known_as([self.name(replicate)]);
        if record.also.len() > names {
            // A store that cannot be written can be read.
            let _ = self.store.put(&self.kept[replicate].run, &record);
        }
        self.elsewhere.push(record.made);
        Some(result)
    }

    fn name(&self, replicate: usize) -> Name {
        let kept = &self.kept[replicate];
        let (experiment, condition) = (kept.experiment.clone(), kept.condition.clone());
        Name { spec: self.spec.clone(), experiment, condition }
    }

    fn claim_of(&self, replicate: usize) -> PathBuf {
        self.store.folder(&self.kept[replicate].run).join("claim")
    }

    fn state_of(&self, replicate: usize) -> PathBuf {
        self.store.folder(&self.kept[replicate].run).join("state.safetensors")
    }

    fn trouble(&mut self, what: &str, e: &io::Error) {
        let m = format!("{what} cannot be kept in {}: {}", self.store.root().display(), files::plain(e));
        let d = Diagnostic::nowhere(Code::T0705, m)
            .help("make room there, or name another folder: `--store DIR`; what was kept before is still there");
        if !self.problems.contains(&d) {
            self.problems.push(d);
        }
    }

    fn record(&self, replicate: usize, result: &ReplicateResult) -> Option<Record> {
        let kept = &self.kept[replicate];
        let outcome = match &result.status {
            Status::Done => Outcome::Done,
            Status::Faulted(f) => Outcome::Fault {
                step: f.step,
                value: f.value.clone(),
                place: (self.place)(f.span),
                chain: f.chain.iter().map(|(n, x)| (n.clone(), Number(*x))).collect(),
            },
            Status::Unfinished | Status::Failed => return None,
        };
        Some(Record {
            schema: SCHEMA.into(),
            spec: self.spec.clone(),
            experiment: kept.experiment.clone(),
            condition: kept.condition.clone(),
            settings: kept.settings.clone(),
            seed: result.seed,
            declared: kept.declared,
            outcome,
            steps: result.steps,
            seconds: result.seconds,
            parameters: kept.parameters,
            made: Made {
                at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
                ..self.made.clone()
            },
            measures: measured(&kept.plan, &kept.meaning, &result.courses),
            also: vec![],
        })
    }

    /// Measures that an earlier text asked for are kept beside those of this one.
    fn put(&mut self, replicate: usize, mut record: Record) -> io::Result<()> {
        let run = self.kept[replicate].run.clone();
        if let (Some(old), _) = self.store.find(&run) {
            let known = |m: &super::record::Measured| record.measures.iter().any(|n| n.meaning == m.meaning);
            let names = old.names();
            let more: Vec<_> = old.measures.into_iter().filter(|m| !known(m)).collect();
            record.measures.extend(more);
            record.known_as(names);
        }
        self.store.put(&run, &record)
    }
}

impl Ledger for Keeper<'_> {
    fn claim(&mut self, replicate: usize) -> Claim {
        let path = self.claim_of(replicate);
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        let taken = std::fs::create_dir_all(folder).and_then(|()| self.claims.take(&path));
        match taken {
            Ok(true) => {}
            Ok(false) => {
                return match self.known(replicate) {
                    Some(result) => Claim::Known(Box::new(result)),
                    None => Claim::Elsewhere,
                };
            }
            // Without a claim it is trained all the same.
            Err(e) => {
                self.trouble("a run", &e);
                return Claim::Train(None);
            }
        }
        // It may have been trained between the first look and the claim.
        if let Some(result) = self.known(replicate) {
            self.claims.give_up(&path);
            return Claim::Known(Box::new(result));
        }
        let bytes = std::fs::read(self.state_of(replicate)).unwrap_or_default();
        if let Some(d) = (!bytes.is_empty()).then(|| self.store.check_state(&self.kept[replicate].run)).flatten()
            && !self.problems.contains(&d)
        {
            self.problems.push(d);
        }
        let kept = &self.kept[replicate];
        Claim::Train(state::read(&kept.plan, &kept.meaning, &kept.exact, &bytes).map(Box::new))
    }

    fn keep(&mut self, replicate: usize, so_far: Started) {
        let kept = &self.kept[replicate];
        let written = state::bytes(&kept.plan, &kept.meaning, &kept.exact, &so_far)
            .map_err(io::Error::other)
            .and_then(|bytes| files::write(&self.state_of(replicate), &bytes));
        if let Err(e) = written {
            self.trouble("a state", &e);
        }
    }

    fn ended(&mut self, replicate: usize, result: &ReplicateResult) {
        if let Some(record) = self.record(replicate, result)
            && let Err(e) = self.put(replicate, record)
        {
            self.trouble("a run", &e);
        }
        let path = self.claim_of(replicate);
        self.claims.give_up(&path);
    }

    fn tick(&mut self) {
        self.claims.tick();
    }

    fn every(&self) -> u64 {
        self.every
    }
}
