//! From questions and runs to verdicts.
//!
//! - `in every seed`, `in at least k of n seeds`: the comparison is made seed by seed and counted. A seed without a
//!   finite value counts as neither; the verdict is inconclusive if it could have changed it. Estimate and interval
//!   (of the mean, at 95 %) are for information. If more than n seeds ran, the first n (by number) are judged.
//! - `at 95 %`: with `D` the difference of the two sides, seed by seed, the paired t test of "the mean of D is zero",
//!   two-sided, Holm-adjusted over all expectations at a confidence of the file. Supported if the adjusted p is below
//!   1 - confidence and the mean lies on the stated side; refuted if it is and the mean lies on the other; else
//!   inconclusive. For a single expectation this is the same as asking on which side of the bound the interval lies.
//!   The direction is concluded from a two-sided test as usual (Shaffer 1980, Annals of Statistics 8:1342-1347, shows
//!   that Holm's procedure controls wrong directions as well for independent tests).
//!   A seed without a finite value may be missing *because* of what is asked, so it makes the verdict inconclusive.
//! - `at 95 %, ...`: the same with another test of zero (Welch's, bootstrap, e-values), and `== ... within` a margin with two
//!   one-sided tests. `in at least 90 % of seeds at 95 %`: the exact binomial test. All are one family.
//! - Equality at a confidence can be refuted by a test and not supported by one: "no difference" needs a margin. Nor do seeds
//!   that all lie exactly on a bound tell on which side the mean is, whether or not the relation allows the bound itself.
//!
//! The estimate is of the side that varies, or of `left - right` without the numbers added to either if both do:
//! `mean(a) > mean(b) - 0.03` estimates `a - b`, beside the bound -0.03.

use super::evidence::Evidence;
use super::{Question, QuestionKind, Scope, explain, statistics};
use crate::run::trace::Trace;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Supported,
    Refuted,
    Inconclusive,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Supported => "supported",
            Outcome::Refuted => "refuted",
            Outcome::Inconclusive => "inconclusive",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Claim,
    Expectation,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Claim => "claim",
            Kind::Expectation => "expectation",
        }
    }
}

/// What became of one statement of a hypothesis.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub hypothesis: String,
    /// The hypothesis's sentence, if it has one.
    pub text: Option<String>,
    pub statement: String,
    pub kind: Kind,
    pub verdict: Outcome,
    /// What the estimate is of: `height[a] - height[b]`. Empty for a claim.
    pub quantity: String,
    /// The mean over seeds, in `unit`.
    pub estimate: Option<f64>,
    /// Student's, at `confidence`, not widened for the number of expectations.
    pub interval: Option<(f64, f64)>,
    pub confidence: Option<f64>,
    /// Two-sided, of this expectation alone. Only for `at 95 %`.
    pub p_value: Option<f64>,
    /// The same after Holm's correction: what the verdict goes by.
    pub p_adjusted: Option<f64>,
    /// The name of the test: `paired t`. Empty where seeds are counted.
    pub method: String,
    /// In standard deviations between seeds, corrected for few of them (Hedges).
    pub effect: Option<f64>,
    /// How many seeds had a finite value.
    pub seeds: usize,
    /// How many were run and have none.
    pub missing: usize,
    /// Its test may be looked at after every seed.
    pub anytime: bool,
    pub standing: Standing,
    pub unit: String,
    /// Why, in a plain sentence without a full stop.
    pub sentence: String,
}

/// What is known of when a hypothesis was written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    #[default]
    Unregistered,
    /// Registered before its first run, and not changed since.
    Confirmatory,
    /// Changed after runs that it speaks of.
    Exploratory,
    /// Judged by more seeds than were registered, or than the first runs were declared with: after a look at the first.
    Extended,
}

impl Standing {
    pub fn word(self) -> &'static str {
        match self {
            Standing::Unregistered => "unregistered",
            Standing::Confirmatory => "confirmatory",
            Standing::Exploratory => "exploratory",
            Standing::Extended => "extended",
        }
    }
}

impl Verdict {
    /// Seeds that are added after a look make it err more often than it says.
    pub fn may_not_grow(&self) -> bool {
        !self.anytime && self.kind == Kind::Expectation
    }
}

/// Notes the standing of every verdict. More seeds after a look are what an anytime-valid test is for, and a claim has
/// no seeds: these stay confirmatory.
pub fn mark(verdicts: &mut [Verdict], standing: &dyn Fn(&Verdict) -> Standing) {
    for v in verdicts {
        v.standing = match standing(v) {
            Standing::Extended if !v.may_not_grow() => Standing::Confirmatory,
            other => other,
        };
    }
}

/// What all statements of a hypothesis come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Combined {
    pub hypothesis: String,
    pub text: Option<String>,
    pub verdict: Outcome,
    /// Which of the verdicts are its statements.
    pub statements: Vec<usize>,
}

/// Refuted if any is, else inconclusive if any is, else supported.
pub fn combine(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    outcomes.into_iter().fold(Outcome::Supported, |sum, next| match (sum, next) {
        (Outcome::Refuted, _) | (_, Outcome::Refuted) => Outcome::Refuted,
        (Outcome::Inconclusive, _) | (_, Outcome::Inconclusive) => Outcome::Inconclusive,
        _ => Outcome::Supported,
    })
}

/// The verdict of every hypothesis, in the order of their first statements.
pub fn combined(verdicts: &[Verdict]) -> Vec<Combined> {
    let mut all: Vec<Combined> = Vec::new();
    for (index, v) in verdicts.iter().enumerate() {
        match all.iter_mut().find(|c| c.hypothesis == v.hypothesis) {
            Some(c) => {
                c.verdict = combine([c.verdict, v.verdict]);
                c.statements.push(index);
            }
            None => all.push(Combined {
                hypothesis: v.hypothesis.clone(),
                text: v.text.clone(),
                verdict: v.verdict,
                statements: vec![index],
            }),
        }
    }
    all
}

/// The exit code of `trine test`: 0 all supported, 3 one refuted, 4 none refuted but one inconclusive.
pub fn exit_code(verdicts: &[Verdict]) -> u8 {
    match combine(verdicts.iter().map(|v| v.verdict)) {
        Outcome::Supported => 0,
        Outcome::Refuted => 3,
        Outcome::Inconclusive => 4,
    }
}

/// Judges all questions of a file together: the expectations at a confidence are one family.
pub fn judge(questions: &[Question], trace: &Trace) -> Vec<Verdict> {
    judge_beside(questions, trace, 0)
}

/// The same beside `others` that were asked as well and are not judged here: whoever leaves out what did not come out as planned
/// has asked no fewer questions.
pub fn judge_beside(questions: &[Question], trace: &Trace, others: usize) -> Vec<Verdict> {
    let evidence: Vec<Option<Evidence>> = questions
        .iter()
        .map(|q| match &q.kind {
            QuestionKind::Claim { .. } => None,
            QuestionKind::Expectation(e) => Some(Evidence::gather(e, trace)),
        })
        .collect();
    let at_confidence = |e: &&Evidence| e.expectation.is_corrected();
    let mut family: Vec<Option<f64>> = evidence.iter().flatten().filter(at_confidence).map(|e| e.p_value()).collect();
    family.resize(family.len() + others, None);
    let mut adjusted = statistics::holm(&family).into_iter();
    let mut verdicts = Vec::new();
    for (question, evidence) in questions.iter().zip(evidence) {
        verdicts.push(match (&question.kind, evidence) {
            (QuestionKind::Claim { holds, reason, .. }, _) => settled(question, *holds, reason),
            (_, Some(evidence)) => {
                let p = Some(&evidence).filter(at_confidence).and_then(|_| adjusted.next()).flatten();
                verdict(&evidence, question, p, family.len())
            }
            (_, None) => settled(question, false, "it was not judged"),
        });
    }
    verdicts
}

fn settled(question: &Question, holds: bool, reason: &str) -> Verdict {
    Verdict {
        hypothesis: question.hypothesis.clone(),
        text: question.text.clone(),
        statement: question.statement.clone(),
        kind: Kind::Claim,
        verdict: if holds { Outcome::Supported } else { Outcome::Refuted },
        quantity: String::new(),
        estimate: None,
        interval: None,
        confidence: None,
        p_value: None,
        p_adjusted: None,
        method: String::new(),
        effect: None,
        seeds: 0,
        missing: 0,
        anytime: false,
        standing: Standing::Unregistered,
        unit: "1".into(),
        sentence: reason.to_string(),
    }
}

fn verdict(evidence: &Evidence, question: &Question, p_adjusted: Option<f64>, family: usize) -> Verdict {
    let outcome = outcome(evidence, p_adjusted);
    let p_value = p_adjusted.and_then(|_| evidence.p_value());
    let interval = evidence.interval();
    let plain = matches!(evidence.expectation.scope, Scope::Share { .. });
    Verdict {
        hypothesis: question.hypothesis.clone(),
        text: question.text.clone(),
        statement: question.statement.clone(),
        kind: Kind::Expectation,
        verdict: outcome,
        quantity: if plain { "share of seeds".into() } else { evidence.quantity.clone() },
        estimate: evidence.estimate(),
        interval: interval.map(|(ends, _)| ends),
        confidence: interval.map(|(_, confidence)| confidence),
        p_value,
        p_adjusted,
        method: evidence.method.into(),
        effect: evidence.effect,
        seeds: evidence.differences().len(),
        missing: evidence.missing().len(),
        anytime: evidence.expectation.is_anytime(),
        standing: Standing::Unregistered,
        unit: if plain { "1".into() } else { evidence.expectation.unit.clone() },
        sentence: explain::sentence(evidence, outcome, p_value, p_adjusted, family),
    }
}

fn outcome(evidence: &Evidence, p_adjusted: Option<f64>) -> Outcome {
    if evidence.interrupted || !evidence.judgeable || evidence.seeds.is_empty() {
        return Outcome::Inconclusive;
    }
    let missing = evidence.missing().len();
    if evidence.of_means {
        return match missing {
            0 => decided(evidence.meets(statistics::mean(&evidence.differences()))),
            _ => Outcome::Inconclusive,
        };
    }
    let (met, all) = (evidence.met(), evidence.seeds.len());
    match evidence.expectation.scope {
        Scope::EverySeed if met + missing < all => Outcome::Refuted,
        Scope::EverySeed if missing > 0 => Outcome::Inconclusive,
        Scope::EverySeed => Outcome::Supported,
        Scope::AtLeast { count, .. } if met >= count => Outcome::Supported,
        // Seeds that were not run could still have met it.
        Scope::AtLeast { count, of } if met + missing + of.saturating_sub(all) < count => Outcome::Refuted,
        Scope::AtLeast { .. } => Outcome::Inconclusive,
        Scope::Share { confidence, .. } => match (p_adjusted, evidence.tested) {
            (Some(p), Some(t)) if below(p, confidence) => decided(t.difference > 0.0),
            _ => Outcome::Inconclusive,
        },
        Scope::At { confidence, .. } => match (p_adjusted, evidence.tested) {
            (Some(p), Some(t)) if below(p, confidence) => decided(evidence.meets(t.difference)),
            _ => Outcome::Inconclusive,
        },
    }
}

/// Whether a p is below what a confidence leaves: exact tests have some that are just that, which rounding would let pass.
pub(super) fn below(p: f64, confidence: f64) -> bool {
    p < (1.0 - confidence) * (1.0 - 1e-12)
}

fn decided(holds: bool) -> Outcome {
    if holds { Outcome::Supported } else { Outcome::Refuted }
}
