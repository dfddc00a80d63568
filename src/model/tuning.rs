//! What tuned settings are chosen by: `tuning = maximize last(held)`, `tuning_seeds = 3`.
//!
//! A setting that is chosen by the numbers that judge it looks better than it is (Cawley & Talbot 2010, Journal of Machine Learning
//! Research 11:2079-2107). So candidates are trained with seeds of their own, measured on examples that no expectation reads,
//! and the best of each condition is what is trained and judged.

use super::experiment::{Measure, Model};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ir::Experiment;
use crate::judge::{Moment, Question, QuestionKind, Term, children};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind};

/// The seeds that choose are counted from here; those that judge lie below.
pub const FIRST_SEED: u64 = 1_000_000;
/// Seeds that choose, if nothing is said.
const SEEDS: usize = 3;
const MOST_SEEDS: f64 = 10_000.0;
const FORM: &str = "write `tuning = maximize last(MEASURE)` or `tuning = minimize last(MEASURE)`";

/// How the best candidate is found.
#[derive(Clone, Debug)]
pub struct Tuning {
    pub measure: String,
    /// The split that it is measured on.
    pub split: usize,
    pub moment: Moment,
    pub highest: bool,
    pub seeds: usize,
    pub span: Span,
    /// `the highest last(held) on validation`
    pub text: String,
}

/// Reads the setting, if something is tuned; `models` are those of the conditions.
pub fn tuning(x: &Experiment, tunes: Option<Span>, models: &[&Model], diags: &mut Diagnostics) -> Option<Tuning> {
    let setting = x.settings.get("tuning").or(x.settings.get("tuning_seeds"));
    let at = match (tunes, setting) {
        (None, None) => return None,
        (None, Some((e, _))) => {
            let d = Diagnostic::new(Code::T0609, e.span, "there is nothing to tune", "chooses among no candidates");
            diags.push(d.help("offer candidates in the place of a value: `tune {0.03, 0.1, 0.3}`"));
            return None;
        }
        (Some(at), _) => at,
    };
    let Some((e, _)) = x.settings.get("tuning") else {
        let d = Diagnostic::new(Code::T0609, at, "nothing says which candidate is the best", "to choose from");
        diags.push(d.help("add `tuning = maximize last(MEASURE)`, with a measure on a split that does not judge"));
        return None;
    };
    let seeds = seeds(x, diags)?;
    let Some((highest, word, measure)) = form(e) else {
        let d = Diagnostic::new(Code::T0609, e.span, "this does not say which candidate is the best", "");
        diags.push(d.help(FORM));
        return None;
    };
    let Some(moment) = Moment::named(word) else {
        let d = Diagnostic::new(Code::T0201, e.span, format!("`{word}` is no moment of training"), "");
        diags.push(d.meant(word, Moment::WORDS));
        return None;
    };
    let model = models.first()?;
    let measures = || models.iter().flat_map(|m| &m.measures);
    let Some(found) = measures().find(|m| m.name == *measure) else {
        let d = Diagnostic::new(Code::T0602, e.span, format!("the experiment has no measure `{measure}`"), "");
        diags.push(d.meant_or(measure, measures().map(|m| m.name.as_str()), FORM));
        return None;
    };
    if models.iter().any(|m| m.lacking.iter().any(|l| l.0 == *measure)) {
        let m = format!("`{measure}` is not measured in every condition, and each is tuned by it");
        let d =
            Diagnostic::new(Code::T0609, e.span, m, "reads what not every rule has").also(found.span, "this measure");
        diags.push(d.help("tune by what all have, such as an accuracy"));
        return None;
    }
    let (name, size) = model.splits.get(found.split).cloned().unwrap_or_default();
    let trained = super::task::trained(&model.splits);
    if found.split == trained && !(model.stream && size == 0) {
        let m = format!("`{measure}` is measured on the examples that are trained on");
        let d = Diagnostic::new(Code::T0609, e.span, m, "chooses what fits them best");
        diags.push(d.also(found.span, "measured here").help(
            "split the task in three, `split train 1200, validation 237, test 360`, and measure it `on validation`",
        ));
        return None;
    }
    let best = if highest { "highest" } else { "lowest" };
    let on = if name.is_empty() { String::new() } else { format!(" on {name}") };
    let best = if word == best { String::new() } else { format!("{best} ") };
    let text = format!("the {best}{word}({measure}){on}");
    Some(Tuning { measure: measure.clone(), split: found.split, moment, highest, seeds, span: e.span, text })
}

/// `maximize last(held)`
fn form(e: &Expr) -> Option<(bool, &String, &String)> {
    let (highest, of) = match &e.kind {
        ExprKind::Maximize(of) => (true, of),
        ExprKind::Minimize(of) => (false, of),
        _ => return None,
    };
    let ExprKind::Call(f, args) = &of.kind else { return None };
    match (&f.kind, args.as_slice()) {
        (ExprKind::Name(word), [arg]) if arg.name.is_none() => match &arg.value.kind {
            ExprKind::Name(measure) => Some((highest, word, measure)),
            _ => None,
        },
        _ => None,
    }
}

fn seeds(x: &Experiment, diags: &mut Diagnostics) -> Option<usize> {
    let Some((e, _)) = x.settings.get("tuning_seeds") else { return Some(SEEDS) };
    match &e.kind {
        ExprKind::Number { value, unit, .. }
            if unit.as_ref().is_none_or(|u| u.name == "seeds")
                && (1.0..=MOST_SEEDS).contains(value)
                && value.fract() == 0.0 =>
        {
            Some(*value as usize)
        }
        _ => {
            let d = Diagnostic::new(Code::T0609, e.span, "`tuning_seeds` is a whole number from 1 to 10,000", "");
            diags.push(d.help(format!("write `tuning_seeds = {SEEDS}`")));
            None
        }
    }
}

/// What chooses does not judge: no expectation reads the examples that settings are chosen by.
pub fn apart(experiment: &str, by: &Tuning, measures: &[Measure], asked: &[Question], diags: &mut Diagnostics) {
    for q in asked {
        let QuestionKind::Expectation(e) = &q.kind else { continue };
        let mut read = Vec::new();
        read_measures(&e.left, experiment, &mut read);
        read_measures(&e.right, experiment, &mut read);
        let same = |m: &&Measure| m.split == by.split && read.contains(&m.name);
        if let Some(m) = measures.iter().find(same) {
            let d = Diagnostic::new(
                Code::T0609,
                q.span,
                format!("`{}` is measured on the examples that settings are chosen by", m.name),
                "judges by them",
            );
            let d = d.also(by.span, "chosen here");
            diags.push(
                d.help("judge on another split: what was chosen for these examples looks better on them than it is"),
            );
        }
    }
}

fn read_measures(t: &Term, of: &str, out: &mut Vec<String>) {
    if let Term::Series { experiment, measure, .. } = t
        && experiment == of
    {
        out.push(measure.clone());
    }
    children(t).into_iter().for_each(|c| read_measures(c, of, out));
}
