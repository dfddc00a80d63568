//! A report as `trine-report/1`, the JSON that scripts read (contract.md). Fields are added, never renamed or removed;
//! numbers that are not finite are the strings "nan", "inf" and "-inf".

use super::{Registered, Report};
use crate::judge::{Verdict, numbers};
use crate::run::trace::{Candidate, ConditionTrace, ExperimentTrace, MeasureTrace, TuningTrace};
use crate::store::record::Made;
use serde_json::{Map, Value, json};

/// The report as `trine-report/1`.
pub fn json(report: &Report) -> Value {
    let facts = &report.facts;
    let p = &facts.provenance;
    json!({
        "schema": "trine-report/1",
        "spec": { "file": facts.spec.file, "meaning": facts.spec.meaning },
        "interrupted": facts.trace.interrupted,
        "experiments": facts.trace.experiments.iter().map(experiment).collect::<Vec<_>>(),
        "hypotheses": facts.verdicts.iter().map(verdict).collect::<Vec<_>>(),
        "registration": facts.registration.iter().map(registered).collect::<Vec<_>>(),
        "provenance": {
            "trine": p.trine,
            "libtorch": p.libtorch,
            "device": p.device,
            "threads": p.threads,
            "commit": p.commit,
            "registered": p.registered,
            "runs": p.runs,
            "stored": p.stored,
            "processor": p.processor,
            "uncommitted": p.uncommitted,
            "made": p.made.iter().map(made).collect::<Vec<_>>(),
        },
    })
}

fn made((m, runs): &(Made, usize)) -> Value {
    json!({
        "trine": m.trine,
        "libtorch": m.libtorch,
        "device": m.device,
        "threads": m.threads,
        "processor": m.processor,
        "runs": runs,
    })
}

fn experiment(experiment: &ExperimentTrace) -> Value {
    json!({
        "name": experiment.name,
        "conditions": experiment.conditions.iter().zip(super::geometry::follows(experiment)).map(condition).collect::<Vec<_>>(),
        "notes": experiment.notes,
        "tuning": experiment.tuning.as_ref().map(tuning),
    })
}

fn tuning(t: &TuningTrace) -> Value {
    let candidate = |c: &Candidate| {
        json!({
            "condition": c.condition,
            "settings": c.settings.iter().map(|(k, v)| (k.clone(), json!(v))).collect::<Map<String, Value>>(),
            "values": c.values.iter().copied().map(number).collect::<Vec<_>>(),
            "chosen": c.chosen,
        })
    };
    json!({
        "by": t.by,
        "unit": t.unit,
        "seeds": t.seeds,
        "candidates": t.candidates.iter().map(candidate).collect::<Vec<_>>(),
    })
}

fn condition((condition, follows): (&ConditionTrace, Option<&str>)) -> Value {
    let settings: Map<String, Value> = condition.settings.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
    let measures: Map<String, Value> = condition.measures.iter().map(|m| (m.name.clone(), measure(m))).collect();
    let faults: Vec<Value> =
        condition.faults.iter().map(|f| json!({ "seed": f.seed, "step": f.step, "message": f.message })).collect();
    json!({
        "name": condition.name,
        "settings": settings,
        "seeds": condition.seeds,
        "measures": measures,
        "parameters": condition.parameters,
        "seconds": number(condition.seconds),
        "faults": faults,
        "follows": follows,
    })
}

fn measure(measure: &MeasureTrace) -> Value {
    let values: Vec<Vec<Value>> = measure.values.iter().map(|v| v.iter().copied().map(number).collect()).collect();
    json!({ "unit": measure.unit, "on": measure.on, "every": measure.every, "at": measure.at, "values": values })
}

fn registered(r: &Registered) -> Value {
    json!({
        "name": r.name,
        "registered": Some(&r.at).filter(|at| !at.is_empty()),
        "runs_then": r.after,
        "seeds": r.seeds,
        "meaning": r.meaning,
        "replaces": r.replaces,
        "standing": r.standing,
    })
}

fn verdict(verdict: &Verdict) -> Value {
    let optional = |x: Option<f64>| x.map_or(Value::Null, number);
    let interval = verdict.interval.map_or(Value::Null, |(low, high)| json!([number(low), number(high)]));
    json!({
        "name": verdict.hypothesis,
        "text": verdict.text,
        "kind": verdict.kind.word(),
        "statement": verdict.statement,
        "verdict": verdict.verdict.word(),
        "quantity": Some(&verdict.quantity).filter(|q| !q.is_empty()),
        "estimate": optional(verdict.estimate),
        "interval": interval,
        "confidence": optional(verdict.confidence),
        "p": optional(verdict.p_value),
        "p_adjusted": optional(verdict.p_adjusted),
        "method": Some(&verdict.method).filter(|m| !m.is_empty()),
        "effect": optional(verdict.effect),
        "seeds": verdict.seeds,
        "missing": verdict.missing,
        "standing": verdict.standing.word(),
        "unit": verdict.unit,
        "reason": verdict.sentence,
    })
}

fn number(x: f64) -> Value {
    if x.is_finite() { json!(x) } else { json!(numbers::not_finite(x)) }
}
