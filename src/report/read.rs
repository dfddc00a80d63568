//! A report that was written as `trine-report/1`, read back as the runs that it tells of.

use crate::judge::numbers;
use crate::run::trace::{ConditionTrace, ExperimentTrace, Fault, MeasureTrace, Trace};
use serde_json::Value;

/// The runs of a report, or what it lacks.
pub fn trace(text: &str) -> Result<Trace, String> {
    let report: Value = serde_json::from_str(text).map_err(|e| format!("this is no JSON: {e}"))?;
    match report["schema"].as_str() {
        Some("trine-report/1") => {}
        Some(other) => return Err(format!("its schema is `{other}`, and `trine-report/1` is read")),
        None => return Err("it has no `schema`, and `trine-report/1` is read".into()),
    }
    let experiments = list(&report["experiments"], "experiments")?.iter().map(experiment);
    Ok(Trace {
        experiments: experiments.collect::<Result<_, _>>()?,
        interrupted: report["interrupted"].as_bool().unwrap_or(false),
    })
}

fn experiment(value: &Value) -> Result<ExperimentTrace, String> {
    let conditions = list(&value["conditions"], "conditions")?.iter().map(condition).collect::<Result<_, _>>()?;
    Ok(ExperimentTrace { name: word(&value["name"]), conditions, ..ExperimentTrace::default() })
}

fn condition(value: &Value) -> Result<ConditionTrace, String> {
    let seeds = whole(&value["seeds"], "seeds")?;
    let measures = value["measures"].as_object().ok_or("a condition has no `measures`")?;
    let fault = |f: &Value| Fault {
        seed: f["seed"].as_u64().unwrap_or(0),
        step: f["step"].as_u64().unwrap_or(0),
        message: word(&f["message"]),
    };
    let settings = value["settings"].as_object().into_iter().flatten().map(|(k, v)| (k.clone(), word(v)));
    Ok(ConditionTrace {
        name: word(&value["name"]),
        settings: settings.collect(),
        measures: measures.iter().map(|(name, m)| measure(name, m, seeds.len())).collect::<Result<_, _>>()?,
        seeds,
        parameters: value["parameters"].as_u64().unwrap_or(0) as usize,
        seconds: value["seconds"].as_f64().unwrap_or(0.0),
        faults: value["faults"].as_array().into_iter().flatten().map(fault).collect(),
    })
}

fn measure(name: &str, value: &Value, seeds: usize) -> Result<MeasureTrace, String> {
    let course = |v: &Value| list(v, "values")?.iter().map(number).collect::<Result<Vec<f64>, String>>();
    let values: Vec<Vec<f64>> = list(&value["values"], "values")?.iter().map(course).collect::<Result<_, _>>()?;
    if values.len() != seeds {
        return Err(format!("`{name}` has values of {} seeds, and its condition has {seeds}", values.len()));
    }
    Ok(MeasureTrace {
        name: name.to_string(),
        unit: word(&value["unit"]),
        on: word(&value["on"]),
        every: word(&value["every"]),
        at: whole(&value["at"], "at")?,
        values,
    })
}

fn list<'v>(value: &'v Value, name: &str) -> Result<&'v Vec<Value>, String> {
    value.as_array().ok_or_else(|| format!("`{name}` is no list"))
}

fn whole(value: &Value, name: &str) -> Result<Vec<u64>, String> {
    let all: Option<Vec<u64>> = list(value, name)?.iter().map(Value::as_u64).collect();
    all.ok_or_else(|| format!("`{name}` has something else than whole numbers"))
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

/// A number, or the name of one that is not finite.
fn number(value: &Value) -> Result<f64, String> {
    let named =
        |word: &str| [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].into_iter().find(|x| numbers::not_finite(*x) == word);
    value.as_f64().or_else(|| value.as_str().and_then(named)).ok_or_else(|| format!("`{value}` is no number"))
}
