//! What the numbers hang on.

use super::Facts;
use super::blocks::Block;
use crate::judge::{Standing, combined};

pub fn section(facts: &Facts) -> Vec<Block> {
    let p = &facts.provenance;
    let threads = match p.threads {
        1 => "1 thread".to_string(),
        n => format!("{n} threads"),
    };
    let software = [Some(format!("trine {}", p.trine)), p.libtorch.as_ref().map(|v| format!("libtorch {v}"))];
    let machine = [Some(&p.device), Some(&p.processor), Some(&threads)];
    let machine = machine.into_iter().flatten().filter(|s| !s.is_empty()).cloned().collect::<Vec<_>>().join(", ");
    let mut lines = vec![("made with".to_string(), software.into_iter().flatten().collect::<Vec<_>>().join(", "))];
    lines.push(("on".into(), machine));
    if !facts.spec.file.is_empty() {
        lines.insert(0, ("spec".into(), facts.spec.file.clone()));
    }
    if !facts.spec.meaning.is_empty() {
        lines.push(("meaning".into(), facts.spec.meaning.clone()));
    }
    if let Some(commit) = &p.commit {
        lines.push(("commit".into(), commit.clone()));
    }
    if p.runs > 0 {
        let found = match p.stored {
            0 => "all trained now".to_string(),
            n if n == p.runs => "all from the store".to_string(),
            n => format!("{n} of them from the store"),
        };
        lines.push(("runs".into(), format!("{}, {found}", p.runs)));
    }
    if !facts.verdicts.is_empty() {
        lines.push(("status".into(), status(facts)));
    }
    vec![Block::Heading { title: "provenance".into(), aside: String::new() }, Block::KeyValues(lines)]
}

/// Which of the hypotheses were registered before their first run.
pub fn status(facts: &Facts) -> String {
    let all = combined(&facts.verdicts);
    let standing =
        |s: Standing| all.iter().filter(|h| h.statements.iter().any(|i| facts.verdicts[*i].standing == s)).count();
    let (extended, unregistered) = (standing(Standing::Extended), standing(Standing::Unregistered));
    let missing = facts.registration.iter().filter(|r| all.iter().all(|h| h.hypothesis != r.name)).count();
    if missing > 0 {
        let what = super::count(missing, "registered hypothesis").replace("hypothesiss", "hypotheses");
        return format!(
            "partly exploratory: {what} of the registration {} not judged",
            if missing == 1 { "is" } else { "are" }
        );
    }
    if facts.provenance.registered {
        return "confirmatory: the hypotheses were registered before their first run".into();
    }
    if unregistered + extended == all.len() && facts.registration.is_empty() {
        let more = if extended > 0 { ", and seeds were added after a look" } else { "" };
        return format!("exploratory: the hypotheses were not registered before the runs{more}");
    }
    let explored = all.len()
        - all
            .iter()
            .filter(|h| h.statements.iter().all(|i| facts.verdicts[*i].standing == Standing::Confirmatory))
            .count();
    let more = match extended {
        0 => String::new(),
        n => format!(", {n} of them by more seeds than were registered"),
    };
    format!(
        "partly exploratory: {explored} of {} hypotheses are not as registered before their first run{more}",
        all.len()
    )
}
