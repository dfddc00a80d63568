//! Replicates between processes that share a ledger.

use super::{ELSEWHERE, RunEvent, Scheduler};
use crate::run::jobs::ReplicateResult;
use crate::run::ledger::{Claim, Started};
use std::time::Instant;

impl Scheduler<'_> {
    /// The next replicate that is to be trained here, and from where.
    pub(super) fn next(&mut self) -> Option<(usize, Option<Started>)> {
        while let Some(replicate) = self.queue.pop_front() {
            match self.ledger.claim(replicate) {
                Claim::Train(from) => return Some((replicate, from.map(|s| *s))),
                Claim::Elsewhere => self.elsewhere.push(replicate),
                Claim::Known(result) => self.know(replicate, *result),
            }
        }
        None
    }

    fn know(&mut self, replicate: usize, result: ReplicateResult) {
        let own = &mut self.outcome.replicates[replicate];
        let (job, experiment, condition) = (own.job, own.experiment, own.condition);
        *own = ReplicateResult { job, experiment, condition, ..result };
        (self.events)(RunEvent::Ended { replicate });
    }

    /// Whether others have finished what they train, or left it.
    pub(super) fn look_elsewhere(&mut self) {
        if self.elsewhere.is_empty() || self.looked.elapsed() < ELSEWHERE {
            return;
        }
        self.looked = Instant::now();
        for replicate in std::mem::take(&mut self.elsewhere) {
            match self.ledger.claim(replicate) {
                // Claimed again when an engine takes it.
                Claim::Train(_) => self.queue.push_back(replicate),
                Claim::Elsewhere => self.elsewhere.push(replicate),
                Claim::Known(result) => self.know(replicate, *result),
            }
        }
        let idle = self.queue.is_empty() && self.engines.values().all(|w| w.state.replicate().is_none());
        if idle && !self.waits && !self.elsewhere.is_empty() {
            self.waits = true;
            (self.events)(RunEvent::Waiting { replicates: self.elsewhere.len() });
        }
    }
}
