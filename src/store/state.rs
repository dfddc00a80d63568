//! Weights and states between two steps, as a safetensors file that PyTorch and NumPy read.

use super::record::{Measured, courses};
use crate::plan::meaning::Meaning;
use crate::plan::{Plan, Precision};
use crate::run::ledger::Started;
use crate::run::protocol::State;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use std::collections::{BTreeMap, HashMap};

const SCHEMA: &str = "trine-state/1";

/// A state with what was measured until it, as the bytes of a file. `exact` names the plan whose steps made it.
pub fn bytes(plan: &Plan, meaning: &Meaning, exact: &str, started: &Started) -> Result<Vec<u8>, String> {
    let (dtype, width) = match plan.precision {
        Precision::Float32 => (Dtype::F32, 4),
        Precision::Float64 => (Dtype::F64, 8),
    };
    let mut start = 0;
    let mut tensors: BTreeMap<String, TensorView> = BTreeMap::new();
    for (name, slot) in names(plan).into_iter().zip(&plan.slots) {
        let end = start + slot.shape.iter().product::<usize>() * width;
        let data = started.state.slots.get(start..end).ok_or("the state is too short")?;
        tensors.insert(name, TensorView::new(dtype, slot.shape.clone(), data).map_err(|e| e.to_string())?);
        start = end;
    }
    let measured = super::record::measured(plan, meaning, &started.courses);
    let mut more = HashMap::from([
        ("schema".to_string(), SCHEMA.to_string()),
        ("exact".to_string(), exact.to_string()),
        ("step".to_string(), started.state.step.to_string()),
        ("seconds".to_string(), started.seconds.to_string()),
        ("measures".to_string(), serde_json::to_string(&measured).map_err(|e| e.to_string())?),
    ]);
    let all = tensors.iter().map(|(name, t)| (name.as_str(), t.data()));
    more.insert("sum".into(), sum(&more, all));
    serialize(tensors, Some(more)).map_err(|e| e.to_string())
}

/// The state in a file, if it is one of this very plan and all that the plan measures was measured.
pub fn read(plan: &Plan, meaning: &Meaning, exact: &str, bytes: &[u8]) -> Option<Started> {
    if damage(bytes).is_some() {
        return None;
    }
    let (_, header) = SafeTensors::read_metadata(bytes).ok()?;
    let more = header.metadata().as_ref()?;
    let is = |key: &str, value: &str| more.get(key).is_some_and(|v| v == value);
    if !is("schema", SCHEMA) || !is("exact", exact) {
        return None;
    }
    let file = SafeTensors::deserialize(bytes).ok()?;
    let mut slots = Vec::new();
    for (name, slot) in names(plan).iter().zip(&plan.slots) {
        let tensor = file.tensor(name).ok()?;
        if tensor.shape() != slot.shape {
            return None;
        }
        slots.extend_from_slice(tensor.data());
    }
    let measured: Vec<Measured> = serde_json::from_str(more.get("measures")?).ok()?;
    Some(Started {
        state: State { step: more.get("step")?.parse().ok()?, slots },
        courses: courses(plan, meaning, &measured)?,
        seconds: more.get("seconds")?.parse().ok()?,
    })
}

/// A hash of everything that a file says.
fn sum<'a>(more: &HashMap<String, String>, tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut h = blake3::Hasher::new();
    let mut said: Vec<(&String, &String)> = more.iter().filter(|(key, _)| *key != "sum").collect();
    said.sort();
    for (key, value) in said {
        h.update(format!("{key}={value}\n").as_bytes());
    }
    let mut tensors: Vec<(&str, &[u8])> = tensors.collect();
    tensors.sort_by_key(|t| t.0);
    for (name, data) in tensors {
        h.update(name.as_bytes());
        h.update(data);
    }
    h.finalize().to_hex().to_string()
}

/// What is wrong with the bytes of a file.
pub fn damage(bytes: &[u8]) -> Option<String> {
    let file = match SafeTensors::deserialize(bytes) {
        Ok(file) => file,
        Err(_) => return Some("it is not complete, or not a file of weights".into()),
    };
    let (_, header) = SafeTensors::read_metadata(bytes).ok()?;
    let more = header.metadata().clone().unwrap_or_default();
    let tensors = file.tensors();
    let found = sum(&more, tensors.iter().map(|(name, t)| (name.as_str(), t.data())));
    (more.get("sum").is_some_and(|s| *s != found)).then(|| "it is not as it was written".into())
}

/// Names of slots, told apart where two are alike.
fn names(plan: &Plan) -> Vec<String> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut all = Vec::new();
    for slot in &plan.slots {
        let n = seen.entry(&slot.name).or_default();
        *n += 1;
        all.push(if *n == 1 { slot.name.clone() } else { format!("{} ({n})", slot.name) });
    }
    all
}
