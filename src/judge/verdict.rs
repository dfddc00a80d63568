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
//! - Equality at a confidence can be refuted by a test and not supported by one, unless no seed differs at all: "no
//!   difference" needs a margin.
//!
//! The estimate is of the side that varies, or of `left - right` without the numbers added to either if both do:
//! `mean(a) > mean(b) - 0.03` estimates `a - b`, beside the bound -0.03.

use super::statistics::{self, Interval};
use super::terms::{self, Means, Values};
use super::{Expectation, Question, QuestionKind, Relation, Scope, explain};
use crate::run::trace::Trace;
use serde::{Deserialize, Serialize};

/// The confidence of the interval that goes with `in every seed`.
pub const INFORMATIVE: f64 = 0.95;

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
    /// How many seeds had a finite value.
    pub seeds: usize,
    pub unit: String,
    /// Why, in a plain sentence without a full stop.
    pub sentence: String,
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
    let evidence: Vec<Option<Evidence>> = questions
        .iter()
        .map(|q| match &q.kind {
            QuestionKind::Claim { .. } => None,
            QuestionKind::Expectation(e) => Some(Evidence::gather(e, trace)),
        })
        .collect();
    let at_confidence = |e: &&Evidence| matches!(e.expectation.scope, Scope::At { .. });
    let family: Vec<Option<f64>> = evidence.iter().flatten().filter(at_confidence).map(|e| e.p_value()).collect();
    let mut adjusted = statistics::holm(&family).into_iter();
    let mut verdicts = Vec::new();
    for (question, evidence) in questions.iter().zip(evidence) {
        verdicts.push(match (&question.kind, evidence) {
            (QuestionKind::Claim { holds, reason }, _) => settled(question, *holds, reason),
            (_, Some(evidence)) => {
                let p = Some(&evidence).filter(at_confidence).and_then(|_| adjusted.next()).flatten();
                evidence.verdict(question, p, family.len())
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
        seeds: 0,
        unit: "1".into(),
        sentence: reason.to_string(),
    }
}

/// One seed's part in an expectation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed {
    pub seed: u64,
    /// Left minus right; None where one of them is missing.
    pub difference: Option<f64>,
    /// What is shown: the varying side, or the difference without constants. In `unit`.
    pub shown: f64,
}

/// What the runs say on an expectation, before the family is known.
#[derive(Clone, Debug)]
pub(super) struct Evidence<'a> {
    pub expectation: &'a Expectation,
    pub quantity: String,
    /// How `shown` must compare with `bound` (in `unit`).
    pub relation: Relation,
    pub bound: f64,
    pub seeds: Vec<Seed>,
    /// Of more seeds than the expectation counts.
    pub left_out: usize,
    /// The sides are means, or numbers: judged once, not seed by seed.
    pub of_means: bool,
    pub judgeable: bool,
    pub interrupted: bool,
}

impl<'a> Evidence<'a> {
    fn gather(expectation: &'a Expectation, trace: &Trace) -> Evidence<'a> {
        let at = matches!(expectation.scope, Scope::At { .. });
        let (l, r) = (&expectation.left, &expectation.right);
        let plain = |means| (terms::evaluate(l, trace, means), terms::evaluate(r, trace, means));
        let of_means = !at && matches!(plain(Means::OverSeeds), (Values::Same(_), Values::Same(_)));
        let means = if at || of_means { Means::BySeed } else { Means::OverSeeds };
        let (left, right) = plain(means);
        let shown = Shown::of(expectation, trace, means);
        let seed_of = |seed: u64, values: &Values| match values {
            Values::Same(x) => *x,
            Values::BySeed(all) => all.get(&seed).copied().unwrap_or(f64::NAN),
        };
        let mut seeds: Vec<Seed> = terms::seeds_of(expectation, trace)
            .into_iter()
            .map(|seed| Seed {
                seed,
                difference: difference(seed_of(seed, &left), seed_of(seed, &right)),
                shown: seed_of(seed, &shown.values) / expectation.unit_scale,
            })
            .collect();
        let counted = match expectation.scope {
            Scope::AtLeast { of, .. } => of.min(seeds.len()),
            _ => seeds.len(),
        };
        let left_out = seeds.len() - counted;
        seeds.truncate(counted);
        let linear = terms::linear_in_means(l) && terms::linear_in_means(r);
        Evidence {
            expectation,
            quantity: shown.quantity,
            relation: shown.relation,
            bound: shown.bound / expectation.unit_scale,
            seeds,
            left_out,
            of_means,
            judgeable: linear || !(at || of_means),
            interrupted: trace.interrupted,
        }
    }

    pub fn differences(&self) -> Vec<f64> {
        self.seeds.iter().filter_map(|s| s.difference).collect()
    }

    pub fn missing(&self) -> Vec<u64> {
        self.seeds.iter().filter(|s| s.difference.is_none()).map(|s| s.seed).collect()
    }

    /// The shown values of the seeds that have one.
    pub fn shown(&self) -> Vec<f64> {
        self.seeds.iter().filter(|s| s.difference.is_some()).map(|s| s.shown).collect()
    }

    pub fn confidence(&self) -> f64 {
        match self.expectation.scope {
            Scope::At { confidence } => confidence,
            _ => INFORMATIVE,
        }
    }

    pub fn interval(&self) -> Option<Interval> {
        statistics::t_interval(&self.shown(), self.confidence())
    }

    fn p_value(&self) -> Option<f64> {
        if !self.judgeable || !self.missing().is_empty() {
            return None;
        }
        statistics::t_test(&self.differences())
    }

    fn verdict(&self, question: &Question, p_adjusted: Option<f64>, family: usize) -> Verdict {
        let outcome = self.outcome(p_adjusted);
        let shown = self.shown();
        let p_value = p_adjusted.and_then(|_| self.p_value());
        Verdict {
            hypothesis: question.hypothesis.clone(),
            text: question.text.clone(),
            statement: question.statement.clone(),
            kind: Kind::Expectation,
            verdict: outcome,
            quantity: self.quantity.clone(),
            estimate: (!shown.is_empty()).then(|| statistics::mean(&shown)),
            interval: self.interval().map(|i| (i.low, i.high)),
            confidence: self.interval().map(|_| self.confidence()),
            p_value,
            p_adjusted,
            seeds: shown.len(),
            unit: self.expectation.unit.clone(),
            sentence: explain::sentence(self, outcome, p_value, p_adjusted, family),
        }
    }

    fn outcome(&self, p_adjusted: Option<f64>) -> Outcome {
        if self.interrupted || !self.judgeable || self.seeds.is_empty() {
            return Outcome::Inconclusive;
        }
        let missing = self.missing().len();
        if self.of_means {
            return match missing {
                0 => decided(holds(self.expectation.relation, statistics::mean(&self.differences()))),
                _ => Outcome::Inconclusive,
            };
        }
        let met = self.met();
        match self.expectation.scope {
            Scope::EverySeed if met + missing < self.seeds.len() => Outcome::Refuted,
            Scope::EverySeed if missing > 0 => Outcome::Inconclusive,
            Scope::EverySeed => Outcome::Supported,
            Scope::AtLeast { count, .. } if met >= count => Outcome::Supported,
            // Seeds that were not run could still have met it.
            Scope::AtLeast { count, of } if met + missing + of.saturating_sub(self.seeds.len()) < count => {
                Outcome::Refuted
            }
            Scope::AtLeast { .. } => Outcome::Inconclusive,
            Scope::At { confidence } => self.tested(p_adjusted, 1.0 - confidence),
        }
    }

    /// How many seeds meet the comparison.
    pub fn met(&self) -> usize {
        self.differences().into_iter().filter(|&d| holds(self.expectation.relation, d)).count()
    }

    fn tested(&self, p_adjusted: Option<f64>, level: f64) -> Outcome {
        let Some(p) = p_adjusted else {
            return Outcome::Inconclusive;
        };
        let differences = self.differences();
        let relation = self.expectation.relation;
        if differences.iter().all(|&d| d == 0.0) {
            // Not one seed differs: what allows equality is met, and nothing else is decided.
            return if holds(relation, 0.0) { Outcome::Supported } else { Outcome::Inconclusive };
        }
        if p < level { decided(holds(relation, statistics::mean(&differences))) } else { Outcome::Inconclusive }
    }
}

fn decided(holds: bool) -> Outcome {
    if holds { Outcome::Supported } else { Outcome::Refuted }
}

/// What is shown of an expectation.
struct Shown {
    values: Values,
    relation: Relation,
    bound: f64,
    quantity: String,
}

impl Shown {
    fn of(expectation: &Expectation, trace: &Trace, means: Means) -> Shown {
        let (l, r) = (&expectation.left, &expectation.right);
        let of = |term| terms::evaluate(term, trace, means);
        match (terms::split_constant(l), terms::split_constant(r)) {
            ((left, c), (None, bound)) => Shown {
                values: of(l),
                relation: expectation.relation,
                bound,
                quantity: terms::describe(left.as_ref().filter(|_| c == 0.0).unwrap_or(l), trace),
            },
            ((None, bound), _) => Shown {
                values: of(r),
                relation: turned(expectation.relation),
                bound,
                quantity: terms::describe(r, trace),
            },
            ((Some(a), c), (Some(b), d)) => {
                let both = super::Term::Subtract(Box::new(a), Box::new(b));
                let quantity = terms::describe(&both, trace);
                Shown { values: of(&both), relation: expectation.relation, bound: d - c, quantity }
            }
        }
    }
}

/// The relation as the right side sees it.
fn turned(relation: Relation) -> Relation {
    match relation {
        Relation::Less => Relation::Greater,
        Relation::LessEqual => Relation::GreaterEqual,
        Relation::Greater => Relation::Less,
        Relation::GreaterEqual => Relation::LessEqual,
        Relation::Equal => Relation::Equal,
    }
}

/// `left - right`, zero if they differ by no more than the rounding of a unit's factor.
fn difference(left: f64, right: f64) -> Option<f64> {
    if !left.is_finite() || !right.is_finite() {
        return None;
    }
    let rounding = 4.0 * f64::EPSILON * left.abs().max(right.abs());
    let d = left - right;
    Some(if d.abs() <= rounding { 0.0 } else { d })
}

fn holds(relation: Relation, difference: f64) -> bool {
    match relation {
        Relation::Less => difference < 0.0,
        Relation::LessEqual => difference <= 0.0,
        Relation::Greater => difference > 0.0,
        Relation::GreaterEqual => difference >= 0.0,
        Relation::Equal => difference == 0.0,
    }
}
