//! What is kept of one run: one condition with one seed.

use crate::plan::meaning::Meaning;
use crate::plan::{Every, Plan};
use crate::run::jobs::{Course, ReplicateResult, Status};
use crate::run::protocol::NotFinite;
use crate::source::Span;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub const SCHEMA: &str = "trine-run/1";

/// `run.json`. Its name is the hash of what was trained; what else it says is for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub schema: String,
    pub spec: String,
    pub experiment: String,
    pub condition: String,
    pub settings: Vec<(String, String)>,
    pub seed: u64,
    /// How many seeds the experiment had when this one was trained; 0 if that is not known.
    #[serde(default)]
    pub declared: usize,
    pub outcome: Outcome,
    pub steps: u64,
    /// Processor time.
    pub seconds: f64,
    pub parameters: usize,
    pub made: Made,
    pub measures: Vec<Measured>,
    /// Other conditions that are this run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Name>,
}

/// What a run goes by in a spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    pub spec: String,
    pub experiment: String,
    pub condition: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Done,
    /// Numbers stopped being finite.
    Fault {
        step: u64,
        value: String,
        place: String,
        chain: Vec<(String, Number)>,
    },
}

/// What the last bits of the numbers hang on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Made {
    pub trine: String,
    pub libtorch: String,
    pub device: String,
    pub threads: usize,
    pub processor: String,
    /// Seconds since 1970.
    pub at: u64,
}

/// The course of one measure, in base units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The hash of what is measured; the name may be another in another text.
    pub meaning: String,
    pub name: String,
    pub on: String,
    pub every: String,
    pub at: Vec<u64>,
    pub values: Vec<Number>,
}

/// A number that JSON may not know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            x if x.is_nan() => to.serialize_str("nan"),
            f64::INFINITY => to.serialize_str("inf"),
            f64::NEG_INFINITY => to.serialize_str("-inf"),
            x => to.serialize_f64(x),
        }
    }
}

impl<'a> Deserialize<'a> for Number {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Number, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Word(String),
        }
        match Either::deserialize(from)? {
            Either::Number(x) => Ok(Number(x)),
            Either::Word(w) => match w.as_str() {
                "nan" => Ok(Number(f64::NAN)),
                "inf" => Ok(Number(f64::INFINITY)),
                "-inf" => Ok(Number(f64::NEG_INFINITY)),
                other => Err(serde::de::Error::custom(format!("`{other}` is no number"))),
            },
        }
    }
}

/// Why a file is no record.
#[derive(Clone, Debug, PartialEq)]
pub enum Unreadable {
    /// Another version of Trine wrote it.
    Other(String),
    Damaged(String),
}

/// A file's text: one object of JSON, whose first field is the hash of the others.
pub fn bytes(record: &Record) -> Result<Vec<u8>, String> {
    let text = serde_json::to_string(record).map_err(|e| e.to_string())?;
    let sum = blake3::hash(text.as_bytes()).to_hex();
    Ok(format!("{{\"sum\":\"{sum}\",{}\n", text.trim_start_matches('{')).into_bytes())
}

/// The record in a file that is as it was written.
pub fn parse(bytes: &[u8]) -> Result<Record, Unreadable> {
    let damaged = |why: &str| Unreadable::Damaged(why.into());
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
    let value: serde_json::Value = serde_json::from_str(text).map_err(|e| match e.is_eof() {
        true => damaged("it ends too early"),
        false => Unreadable::Damaged(format!("it is no record: line {}, column {}", e.line(), e.column())),
    })?;
    match value["schema"].as_str() {
        Some(SCHEMA) => {}
        Some(other) => return Err(Unreadable::Other(other.into())),
        None => return Err(Unreadable::Damaged("it has no `schema`".into())),
    }
    if let Some(sum) = value["sum"].as_str() {
        let rest = text.trim_end().strip_prefix(&format!("{{\"sum\":\"{sum}\",")).map(|rest| format!("{{{rest}"));
        if rest.is_none_or(|r| blake3::hash(r.as_bytes()).to_hex().as_str() != sum) {
            return Err(Unreadable::Damaged("it is not as it was written".into()));
        }
    }
    serde_json::from_value(value).map_err(|_| damaged("it lacks a part of a record"))
}

/// Courses by what they measure.
pub fn measured(plan: &Plan, meaning: &Meaning, courses: &[Course]) -> Vec<Measured> {
    let mut all = Vec::new();
    for ((m, hashes), course) in plan.measures.iter().zip(&meaning.measures).zip(courses) {
        for (i, (name, hash)) in m.names.iter().zip(hashes).enumerate() {
            all.push(Measured {
                meaning: hash.to_hex().to_string(),
                name: name.clone(),
                on: plan.splits.get(m.split).map(|s| s.name.clone()).unwrap_or_default(),
                every: match m.every {
                    Every::Epochs(_) => "epoch".into(),
                    Every::Steps(_) => "step".into(),
                },
                at: course.at.clone(),
                values: course.values.iter().map(|v| Number(v[i])).collect(),
            });
        }
    }
    all
}

/// The courses that a plan asks for, if all of them were measured.
pub fn courses(plan: &Plan, meaning: &Meaning, known: &[Measured]) -> Option<Vec<Course>> {
    let mut all = Vec::new();
    for hashes in meaning.measures.iter().take(plan.measures.len()) {
        let mut course = Course::default();
        for hash in hashes {
            let hex = hash.to_hex();
            let m = known.iter().find(|m| m.meaning == hex.as_str())?;
            if course.at.is_empty() {
                course.at = m.at.clone();
                course.values = vec![Vec::new(); m.at.len()];
            }
            if m.at != course.at || m.values.len() != m.at.len() {
                return None;
            }
            course.values.iter_mut().zip(&m.values).for_each(|(v, x)| v.push(x.0));
        }
        all.push(course);
    }
    Some(all)
}

impl Record {
    /// Every name that it goes by, that of the condition for which it was trained first.
    pub fn names(&self) -> Vec<Name> {
        let (spec, experiment, condition) = (self.spec.clone(), self.experiment.clone(), self.condition.clone());
        std::iter::once(Name { spec, experiment, condition }).chain(self.also.iter().cloned()).collect()
    }

    /// Takes on the names by which others know it.
    pub fn known_as(&mut self, names: impl IntoIterator<Item = Name>) {
        for name in names {
            if !self.names().contains(&name) {
                self.also.push(name);
            }
        }
    }

    /// What the run came to, for a plan whose measures it has.
    pub fn result(&self, plan: &Plan, meaning: &Meaning) -> Option<ReplicateResult> {
        let status = match &self.outcome {
            Outcome::Done => Status::Done,
            Outcome::Fault { step, value, place, chain } => Status::Faulted(NotFinite {
                step: *step,
                value: value.clone(),
                span: Span::default(),
                place: Some(place.clone()),
                chain: chain.iter().map(|(n, x)| (n.clone(), x.0)).collect(),
            }),
        };
        Some(ReplicateResult {
            job: 0,
            experiment: 0,
            condition: 0,
            seed: self.seed,
            status,
            courses: courses(plan, meaning, &self.measures)?,
            seconds: self.seconds,
            steps: self.steps,
        })
    }
}
