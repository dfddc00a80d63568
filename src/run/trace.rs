//! What a run leaves behind: the measures of every condition and seed.

use serde::{Deserialize, Serialize};

/// The outcome of all experiments of a spec.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    pub experiments: Vec<ExperimentTrace>,
    /// True if the run was cut short by the user.
    pub interrupted: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExperimentTrace {
    pub name: String,
    pub conditions: Vec<ConditionTrace>,
    /// What whoever reads the comparison should know, or could add: full sentences.
    pub notes: Vec<String>,
    /// How tuned settings were chosen, if there are any.
    pub tuning: Option<TuningTrace>,
}

/// What settings were chosen by, before the runs that are judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TuningTrace {
    /// `the highest last(held) on validation`
    pub by: String,
    /// What its values are counted in, as printed.
    pub unit: String,
    pub seeds: usize,
    pub candidates: Vec<Candidate>,
}

/// One candidate of a condition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The condition's name; empty if nothing varies.
    pub condition: String,
    /// What is tuned, with the candidate's value as text.
    pub settings: Vec<(String, String)>,
    /// One a seed, NaN where there is none.
    pub values: Vec<f64>,
    pub chosen: bool,
    /// The chosen one lies at an end of the numbers that were tried.
    pub at_the_edge: bool,
}

/// One point of the grid that `vary` spans.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConditionTrace {
    /// `fa`, or `fa, 64` with several factors; empty if nothing varies.
    pub name: String,
    /// Each factor's setting and value as text: `("rule", "feedback_alignment(sgd(0.1))")`.
    pub settings: Vec<(String, String)>,
    pub seeds: Vec<u64>,
    pub measures: Vec<MeasureTrace>,
    pub parameters: usize,
    /// Processor time of all replicates together.
    pub seconds: f64,
    /// Replicates that ended early, with the reason.
    pub faults: Vec<Fault>,
}

/// Of every measure its numbers, by seed and moment.
type Bits = Vec<(String, Vec<Vec<u64>>)>;

/// Arms of a comparison that gave the same numbers to the last bit, in every seed: full sentences.
pub fn same_numbers(conditions: &[ConditionTrace]) -> Vec<String> {
    let bits = |c: &ConditionTrace| -> Bits {
        let of = |m: &MeasureTrace| m.values.iter().map(|v| v.iter().map(|x| x.to_bits()).collect()).collect();
        c.measures.iter().map(|m| (m.name.clone(), of(m))).collect()
    };
    // A single moment may be before training, and numbers that are missing tell nothing.
    let trained =
        |c: &ConditionTrace| c.faults.is_empty() && c.measures.iter().any(|m| m.values.iter().any(|v| v.len() > 1));
    let mut groups: Vec<(Bits, Vec<String>)> = Vec::new();
    for c in conditions.iter().filter(|c| trained(c)) {
        let own = bits(c);
        match groups.iter_mut().find(|g| g.0 == own) {
            Some(g) => g.1.push(format!("`{}`", c.name)),
            None => groups.push((own, vec![format!("`{}`", c.name)])),
        }
    }
    let several = groups.into_iter().map(|g| g.1).filter(|names| names.len() > 1);
    several
        .map(|names| {
            format!(
                "{} gave the same numbers to the last bit in every seed: what tells them apart changed nothing that was measured",
                names.join(" and ")
            )
        })
        .collect()
}

/// A measure over the course of training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeasureTrace {
    pub name: String,
    /// As printed: `1`, `deg`, `%`, `ms`.
    pub unit: String,
    pub on: String,
    /// `epoch` or `step`
    pub every: String,
    /// Epochs or steps at which it was taken.
    pub at: Vec<u64>,
    /// One list a seed, in `unit`; shorter than `at` if the replicate ended early.
    pub values: Vec<Vec<f64>>,
}

/// A replicate that ended early.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    pub seed: u64,
    pub step: u64,
    /// Full sentence: which value of which population at which line.
    pub message: String,
}
