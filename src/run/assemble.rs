//! From what engines told to the conditions of a trace: the same whatever the order in which it was told.

use super::jobs::{Job, Outcome, ReplicateResult, Status};
use super::protocol::NotFinite;
use super::trace::{ConditionTrace, Fault, MeasureTrace};
use crate::plan::{Every, Plan};
use crate::source::Span;
use std::collections::BTreeMap;

/// The conditions by experiment and number, with their seeds in the order declared and their measures in the order of
/// the plan. Names, settings, parameters and units are known to the caller alone and stay empty; `place` says where a
/// span lies, as people read it.
pub fn conditions(
    outcome: &Outcome,
    jobs: &[Job],
    place: &dyn Fn(Span) -> String,
) -> BTreeMap<(usize, usize), ConditionTrace> {
    let mut grouped: BTreeMap<(usize, usize), Vec<&ReplicateResult>> = BTreeMap::new();
    for result in &outcome.replicates {
        grouped.entry((result.experiment, result.condition)).or_default().push(result);
    }
    grouped.into_iter().map(|(key, results)| (key, condition(&results, jobs, place))).collect()
}

/// A sentence for each measure that is not finite somewhere, though training went on.
pub fn undefined(conditions: &[ConditionTrace]) -> Vec<String> {
    let mut notes = Vec::new();
    for c in conditions {
        let sound = |seed: &u64| !c.faults.iter().any(|f| f.seed == *seed);
        for m in &c.measures {
            let bad = |course: &Vec<f64>| course.iter().position(|x| !x.is_finite());
            let courses = c.seeds.iter().zip(&m.values).filter(|(seed, _)| sound(seed));
            let firsts: Vec<usize> = courses.filter_map(|(_, course)| bad(course)).collect();
            let Some(first) = firsts.iter().min().and_then(|at| m.at.get(*at)) else { continue };
            let of = if c.name.is_empty() { String::new() } else { format!(" of `{}`", c.name) };
            notes.push(format!(
                "`{}`{of} has no value in {} of {} seeds, first at {} {first}: it divides by 0 or takes the logarithm of 0 there, as \
                 statistics do of what does not vary over the examples of `{}`.",
                m.name,
                firsts.len(),
                c.seeds.len(),
                m.every,
                m.on
            ));
        }
    }
    notes
}

fn condition(results: &[&ReplicateResult], jobs: &[Job], place: &dyn Fn(Span) -> String) -> ConditionTrace {
    let plan = results.first().map(|r| &jobs[r.job].plan);
    ConditionTrace {
        seeds: results.iter().map(|r| r.seed).collect(),
        measures: plan.map(|plan| measures(results, plan)).unwrap_or_default(),
        // Added in the order of the seeds, so that not even the last bit depends on who came first.
        seconds: results.iter().map(|r| r.seconds).sum(),
        faults: results.iter().filter_map(|r| fault(r, place)).collect(),
        ..ConditionTrace::default()
    }
}

fn measures(results: &[&ReplicateResult], plan: &Plan) -> Vec<MeasureTrace> {
    let mut all = Vec::new();
    for (program, measure) in plan.measures.iter().enumerate() {
        let courses = || results.iter().filter_map(|r| r.courses.get(program));
        let at = courses().map(|c| &c.at).max_by_key(|at| at.len()).cloned().unwrap_or_default();
        for (i, name) in measure.names.iter().enumerate() {
            let values = courses().map(|c| c.values.iter().map(|v| v[i]).collect()).collect();
            all.push(MeasureTrace {
                name: name.clone(),
                unit: String::new(),
                on: plan.splits.get(measure.split).map(|s| s.name.clone()).unwrap_or_default(),
                every: match measure.every {
                    Every::Epochs(_) => "epoch".to_string(),
                    Every::Steps(_) => "step".to_string(),
                },
                at: at.clone(),
                values,
            });
        }
    }
    all
}

fn fault(result: &ReplicateResult, place: &dyn Fn(Span) -> String) -> Option<Fault> {
    match &result.status {
        Status::Faulted(fault) => {
            let place = fault.place.clone().unwrap_or_else(|| place(fault.span));
            Some(Fault { seed: result.seed, step: fault.step, message: not_finite(fault, &place) })
        }
        _ => None,
    }
}

/// "`h.drive` stopped being finite at step 120 (net.trine:7); it comes from `h.W` (up to 1.2e38)"
pub fn not_finite(fault: &NotFinite, place: &str) -> String {
    const SHOWN: usize = 3;
    // A value without a name is described, with the operation's name in its own marks.
    let quoted = |name: &str| if name.contains('`') { name.to_string() } else { format!("`{name}`") };
    // What is watched says what it must be, with names in marks of its own.
    if fault.value.contains(" lies ") {
        return format!("{}, and was outside at step {} ({place})", fault.value, fault.step);
    }
    let mut text = format!("{} stopped being finite at step {} ({place})", quoted(&fault.value), fault.step);
    let from: Vec<String> = fault
        .chain
        .iter()
        .take(SHOWN)
        .map(|(name, largest)| format!("{} (up to {largest:.2e})", quoted(name)))
        .collect();
    if !from.is_empty() {
        text.push_str(&format!("; it comes from {}", from.join(", ")));
    }
    text
}
