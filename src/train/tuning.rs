//! What is tuned is chosen before anything is judged: its candidates are trained with seeds of their own, and the best of
//! each condition is taken.

use super::{CarriedOut, Fingerprints, Wanted, conditions, found, merge, nothing, planned, problem};
use crate::diag::{Code, Diagnostic};
use crate::driver::Compilation;
use crate::judge::statistics::mean;
use crate::judge::terms::at_moment;
use crate::model::grid::Condition;
use crate::model::tuning::{FIRST_SEED, Tuning};
use crate::plan::meaning::Meaning;
use crate::run::trace::{Candidate, ConditionTrace, Trace, TuningTrace};
use crate::source::Span;
use crate::store::Store;
use blake3::Hasher;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything about what is tuned; nothing in it where nothing is.
#[derive(Default)]
pub(super) struct Tuned {
    /// The runs of the candidates. Their experiments are counted behind those of the spec.
    pub wanted: Wanted,
    /// What the conditions of experiments mean that tune, whatever is chosen: their candidates, and how the best is found.
    pub meanings: BTreeMap<usize, Vec<Arc<Meaning>>>,
    traces: BTreeMap<usize, TuningTrace>,
    pub problems: Vec<Diagnostic>,
    pub stored: usize,
    pub interrupted: bool,
}

/// The runs that choose.
pub(super) fn trials(c: &mut Compilation) -> Result<Tuned, Vec<Diagnostic>> {
    let mut out = Tuned::default();
    let mut data = Fingerprints::new(c);
    let count = c.experiments.len();
    for e in 0..count {
        let x = &mut c.experiments[e];
        let Some(mut trials) = x.trials.take() else { continue };
        let tried = planned(&mut trials.experiment, count + e, FIRST_SEED, &mut data, &mut out.wanted)?;
        // What a measure means must not hang on which candidate is offered first: of all, that with the least hash is asked.
        let offered = x.conditions.clone();
        for (i, of) in trials.of.iter().enumerate() {
            if let Some(k) = of.iter().min_by_key(|k| tried[**k].training.as_bytes()) {
                let (choices, tuned) =
                    (&trials.experiment.conditions[*k].choices, &trials.experiment.conditions[*k].tuned);
                x.conditions[i] = Condition { choices: choices.clone(), tuned: tuned.clone(), ..offered[i].clone() };
                x.refresh(i, &c.program, &c.folder);
            }
        }
        let mut unused = Wanted::default();
        let plain = planned(x, e, 0, &mut data, &mut unused)?;
        x.conditions = offered;
        let whole = plain.iter().zip(&trials.of).map(|(plain, of)| match of.is_empty() {
            true => plain.clone(),
            false => Arc::new(meaning(plain, &trials.by, of.iter().map(|i| &*tried[*i]).collect())),
        });
        out.meanings.insert(e, whole.collect());
        c.experiments[e].trials = Some(trials);
        for i in 0..c.experiments[e].conditions.len() {
            c.experiments[e].refresh(i, &c.program, &c.folder);
        }
    }
    Ok(out)
}

/// A condition that is one of several candidates: the order in which they are offered does not matter.
fn meaning(plain: &Meaning, by: &Tuning, candidates: Vec<&Meaning>) -> Meaning {
    let mut h = Hasher::new();
    h.update(format!("tuned {:?} {} {}", by.moment, by.highest, by.seeds).as_bytes());
    let measured = |m: &Meaning| m.measure(&by.measure).map_or([0; 32], |h| *h.as_bytes());
    let mut all: Vec<[[u8; 32]; 2]> = candidates.iter().map(|m| [*m.training.as_bytes(), measured(m)]).collect();
    all.sort_unstable();
    h.update(all.as_flattened().as_flattened());
    Meaning { training: h.finalize(), ..plain.clone() }
}

impl Tuned {
    /// Takes what the store knows of the candidates; it must know all of them.
    pub fn choose_from(&mut self, c: &mut Compilation, store: &Store) -> Result<(), Vec<Diagnostic>> {
        if self.wanted.jobs.is_empty() {
            return Ok(());
        }
        let (known, problems) = found(store, &mut self.wanted);
        let (count, all) = (known.iter().flatten().count(), known.len());
        if count < all {
            let m = format!(
                "the store at {} holds {count} of the {all} runs that choose what is tuned",
                store.root().display()
            );
            return Err(vec![problem(Code::T0705, m, Some(format!("`trine run {}` trains them", c.name)))]);
        }
        let outcome = merge(&self.wanted.jobs, known, nothing());
        self.choose(c, CarriedOut { outcome, stored: count, problems });
        Ok(())
    }

    /// The best candidate of every condition takes its place.
    pub fn choose(&mut self, c: &mut Compilation, done: CarriedOut) {
        self.problems = done.problems;
        self.stored = done.stored;
        self.interrupted = done.outcome.interrupted;
        let place = |s: Span| super::place_of(c, &self.wanted.jobs, s);
        let mut traces = conditions(&done.outcome, &self.wanted.jobs, &place);
        let count = c.experiments.len();
        for e in 0..count {
            let x = &c.experiments[e];
            let Some(t) = &x.trials else { continue };
            let mut told = TuningTrace { by: t.by.text.clone(), seeds: t.by.seeds, ..TuningTrace::default() };
            let mut chosen: Vec<(usize, Condition)> = Vec::new();
            let measure = t.experiment.models.iter().flatten().find_map(|m| m.measures.first());
            let (unit, scale) = measure.map_or((String::new(), 1.0), |m| m.unit.display());
            told.unit = unit;
            for (i, of) in t.of.iter().enumerate().filter(|(_, of)| !of.is_empty()) {
                let values: Vec<Vec<f64>> =
                    of.iter().map(|k| values(traces.remove(&(count + e, *k)).as_ref(), &t.by, scale)).collect();
                let best = best(&values, t.by.highest);
                let tried: Vec<&Condition> = of.iter().map(|k| &t.experiment.conditions[*k]).collect();
                if let Some(b) = best {
                    let (choices, tuned) = (tried[b].choices.clone(), tried[b].tuned.clone());
                    chosen.push((i, Condition { choices, tuned, ..x.conditions[i].clone() }));
                } else if !self.interrupted {
                    self.problems.push(none_is_finite(&x.conditions[i], &t.by));
                }
                let candidates = values.into_iter().zip(&tried).enumerate().map(|(k, (values, tried_one))| Candidate {
                    condition: x.conditions[i].name(),
                    settings: tried_one.tuned.clone(),
                    values,
                    chosen: best == Some(k),
                    at_the_edge: best == Some(k) && at_the_edge(tried_one, &tried),
                });
                told.candidates.extend(candidates);
            }
            self.traces.insert(e, told);
            for (i, condition) in chosen {
                c.experiments[e].conditions[i] = condition;
                c.experiments[e].refresh(i, &c.program, &c.folder);
            }
        }
    }

    /// A trace with how its settings were chosen.
    pub fn told(&self, mut trace: Trace) -> Trace {
        for (e, t) in &self.traces {
            if let Some(x) = trace.experiments.get_mut(*e) {
                x.tuning = Some(t.clone());
            }
        }
        trace
    }
}

/// What each seed says of a candidate.
fn values(c: Option<&ConditionTrace>, by: &Tuning, scale: f64) -> Vec<f64> {
    let Some(c) = c else { return vec![f64::NAN; by.seeds] };
    let Some(m) = c.measures.iter().find(|m| m.name == by.measure) else { return vec![f64::NAN; by.seeds] };
    c.seeds.iter().map(|s| at_moment(c, m, *s, by.moment) / scale).collect()
}

/// The candidate with the best mean; one that failed with any seed is none, and of equals the first one is taken.
fn best(values: &[Vec<f64>], highest: bool) -> Option<usize> {
    let means: Vec<f64> = values.iter().map(|v| mean(v)).collect();
    let better = |a: f64, b: f64| if highest { a > b } else { a < b };
    (0..means.len()).filter(|i| means[*i].is_finite()).fold(None, |best: Option<usize>, i| match best {
        Some(b) if !better(means[i], means[b]) => Some(b),
        _ => Some(i),
    })
}

/// Whether a number that was chosen is the smallest or the largest of three or more that were offered.
fn at_the_edge(chosen: &Condition, tried: &[&Condition]) -> bool {
    let number = |text: &str| crate::model::quantity::number(text).map(|(x, _)| x);
    chosen.tuned.iter().enumerate().any(|(k, (_, text))| {
        let all: Option<Vec<f64>> = tried.iter().map(|c| number(&c.tuned.get(k)?.1)).collect();
        let (Some(mut all), Some(own)) = (all, number(text)) else { return false };
        all.sort_by(f64::total_cmp);
        all.dedup();
        all.len() > 2 && (all.first() == Some(&own) || all.last() == Some(&own))
    })
}

fn none_is_finite(condition: &Condition, by: &Tuning) -> Diagnostic {
    let of = if condition.name().is_empty() { String::new() } else { format!(" of `{}`", condition.name()) };
    let m = format!("no candidate{of} has a finite `{}` with every seed, so the first one is taken", by.measure);
    problem(Code::T0701, m, Some("offer others: smaller rates are more stable".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_has_the_best_mean_over_all_seeds() {
        let values = [vec![0.9, 0.1], vec![0.6, 0.5], vec![1.0, f64::NAN], vec![0.5, 0.6]];
        assert_eq!(best(&values, true), Some(1));
        assert_eq!(best(&values, false), Some(0));
        assert_eq!(best(&[vec![f64::NAN], vec![f64::INFINITY]], true), None);
    }

    #[test]
    fn an_edge_is_the_end_of_three_numbers_or_more() {
        let one = |value: &str| Condition { tuned: vec![("rate".into(), value.into())], ..Condition::default() };
        let all = ["0.1", "1e-2", "1"].map(one);
        let tried: Vec<&Condition> = all.iter().collect();
        assert_eq!(tried.iter().map(|c| at_the_edge(c, &tried)).collect::<Vec<_>>(), [false, true, true]);
        assert!(!at_the_edge(tried[0], &tried[..2]));
        let words = ["sgd()", "adam()", "momentum()"].map(one);
        assert!(!at_the_edge(&words[0], &words.iter().collect::<Vec<_>>()));
    }
}
