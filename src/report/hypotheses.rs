//! The verdicts, hypothesis by hypothesis.

use super::Facts;
use super::blocks::{Block, Hypothesis, Statement};
use super::experiments::Form;
use crate::judge::{Kind, Outcome, Standing, Verdict, combined, numbers};

pub fn section(facts: &Facts) -> Vec<Block> {
    if facts.verdicts.is_empty() {
        return Vec::new();
    }
    let all: Vec<Hypothesis> = combined(&facts.verdicts)
        .into_iter()
        .map(|c| Hypothesis {
            name: c.hypothesis,
            text: c.text,
            outcome: c.verdict,
            statements: c.statements.iter().map(|&i| statement(&facts.verdicts[i])).collect(),
        })
        .collect();
    let aside = [Outcome::Supported, Outcome::Refuted, Outcome::Inconclusive]
        .into_iter()
        .map(|o| (all.iter().filter(|h| h.outcome == o).count(), o))
        .filter(|(n, _)| *n > 0)
        .map(|(n, o)| format!("{n} {}", o.word()))
        .collect::<Vec<_>>()
        .join(", ");
    let title = if all.len() == 1 { "hypothesis" } else { "hypotheses" };
    vec![Block::Heading { title: title.into(), aside }, Block::Verdicts(all)]
}

fn statement(verdict: &Verdict) -> Statement {
    let keyword = match verdict.kind {
        Kind::Claim => "claim ",
        Kind::Expectation => "expect ",
    };
    let text = verdict.statement.strip_prefix(keyword).unwrap_or(&verdict.statement);
    Statement {
        text: format!("{keyword}{}", text.trim_start()),
        outcome: verdict.verdict,
        estimate: estimate(verdict),
        reason: format!("{}{}", verdict.sentence, standing(verdict)),
    }
}

/// What a reader has to know of when it was written down.
fn standing(verdict: &Verdict) -> &'static str {
    match verdict.standing {
        Standing::Unregistered | Standing::Confirmatory => "",
        Standing::Exploratory => "; exploratory: not registered as it stands before its runs",
        Standing::Extended => "; extended: more seeds than were planned, added after a look",
    }
}

/// `height[a] = 48.1 cm (95 %: 45.0 to 51.3)`; the reason says over how many seeds.
fn estimate(verdict: &Verdict) -> String {
    let Some(mean) = verdict.estimate else { return String::new() };
    let half = verdict.interval.map(|(low, high)| (high - low) / 2.0);
    let form = Form::of(&[mean], &[half]);
    let number = numbers::with_unit(&form.number(mean), &verdict.unit);
    let interval = match (verdict.interval, verdict.confidence) {
        (Some((low, high)), Some(confidence)) => {
            format!(" ({} %: {} to {})", numbers::exact(confidence * 100.0), form.number(low), form.number(high))
        }
        _ => String::new(),
    };
    let effect = verdict.effect.map_or_else(String::new, |d| format!(", d = {}", numbers::fixed(d, 2)));
    format!("{} = {number}{interval}{effect}", verdict.quantity)
}
