//! What a run has measured so far, for those who watch it.

use super::jobs::{Course, Job, Outcome, ReplicateResult, RunEvent, Status};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Pictures are not made anew more often than this, and take no more than a twentieth of the time.
const PAUSE: Duration = Duration::from_millis(1000);
const SHARE: u32 = 20;

/// Follows the events of [`super::jobs::execute`].
pub struct Live {
    /// One a replicate of all jobs.
    results: Vec<ReplicateResult>,
    /// Where the replicates lie that events tell of.
    trained: Vec<usize>,
    changed: bool,
    last: Instant,
    pause: Duration,
}

impl Live {
    /// `known` has one entry a replicate of all jobs; those without one are trained, in their order.
    pub fn new(jobs: &[Job], known: &[Option<ReplicateResult>]) -> Live {
        let mut results = Vec::new();
        let mut known_results = known.iter();
        for (job, j) in jobs.iter().enumerate() {
            for r in &j.replicates {
                let begun = ReplicateResult {
                    job,
                    experiment: r.experiment,
                    condition: r.condition,
                    seed: r.seed,
                    status: Status::Unfinished,
                    courses: vec![Course::default(); j.plan.measures.len()],
                    seconds: 0.0,
                    steps: 0,
                };
                let result = known_results.next().cloned().flatten().unwrap_or_else(|| begun.clone());
                results.push(ReplicateResult { job, experiment: r.experiment, condition: r.condition, ..result });
            }
        }
        let trained = (0..known.len()).filter(|i| known[*i].is_none()).collect();
        Live { results, trained, changed: true, last: Instant::now(), pause: Duration::ZERO }
    }

    pub fn follow(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Measured { replicate, measure, at, values } => {
                let Some(result) = self.trained.get(*replicate).and_then(|i| self.results.get_mut(*i)) else { return };
                if let Some(course) = result.courses.get_mut(*measure) {
                    course.at.push(*at);
                    course.values.push(values.clone());
                    self.changed = true;
                }
            }
            RunEvent::Lost { replicate } => {
                if let Some(result) = self.trained.get(*replicate).and_then(|i| self.results.get_mut(*i)) {
                    result.courses.iter_mut().for_each(|c| *c = Course::default());
                }
            }
            RunEvent::Ended { replicate } => {
                if let Some(result) = self.trained.get(*replicate).and_then(|i| self.results.get_mut(*i)) {
                    result.status = Status::Done;
                    self.changed = true;
                }
            }
            _ => {}
        }
    }

    /// Whether there is something new to show, and time to show it.
    pub fn is_due(&self) -> bool {
        self.changed && self.last.elapsed() >= self.pause
    }

    /// To be told once it was shown, and when that began.
    pub fn shown(&mut self, began: Instant) {
        self.changed = false;
        self.last = Instant::now();
        self.pause = PAUSE.max(began.elapsed() * SHARE);
    }

    /// Replicates that are done, and all.
    pub fn done(&self) -> (usize, usize) {
        (self.results.iter().filter(|r| r.status == Status::Done).count(), self.results.len())
    }

    /// The outcome if the run ended now. A replicate that goes on from a state that was kept has not told of what was
    /// before it: there it has no value.
    pub fn outcome(&self) -> Outcome {
        let mut moments: BTreeMap<(usize, usize, usize), Vec<u64>> = BTreeMap::new();
        for r in &self.results {
            for (measure, course) in r.courses.iter().enumerate() {
                moments.entry((r.experiment, r.condition, measure)).or_default().extend(&course.at);
            }
        }
        moments.values_mut().for_each(|at| {
            at.sort_unstable();
            at.dedup();
        });
        let aligned = |r: &ReplicateResult| {
            let courses = r.courses.iter().enumerate().map(|(measure, course)| {
                let all = moments.get(&(r.experiment, r.condition, measure)).map(Vec::as_slice).unwrap_or_default();
                align(course, all)
            });
            ReplicateResult { courses: courses.collect(), ..r.clone() }
        };
        let replicates = self.results.iter().map(aligned).collect();
        Outcome { replicates, problems: vec![], interrupted: false, libtorch: None, device: None }
    }
}

/// A course at these moments, up to its last one.
fn align(course: &Course, all: &[u64]) -> Course {
    let (Some(last), Some(width)) = (course.at.last(), course.values.first().map(Vec::len)) else {
        return Course::default();
    };
    let at: Vec<u64> = all.iter().copied().filter(|at| at <= last).collect();
    let value = |at: &u64| match course.at.binary_search(at) {
        Ok(i) => course.values[i].clone(),
        Err(_) => vec![f64::NAN; width],
    };
    Course { values: at.iter().map(value).collect(), at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_that_begins_late_has_gaps() {
        let course = Course { at: vec![2, 3], values: vec![vec![0.5], vec![0.6]] };
        let found = align(&course, &[0, 1, 2, 3, 4]);
        assert_eq!(found.at, [0, 1, 2, 3]);
        assert!(found.values[1][0].is_nan());
        assert_eq!(found.values[3], [0.6]);
        assert_eq!(align(&Course::default(), &[0, 1]), Course::default());
    }
}
