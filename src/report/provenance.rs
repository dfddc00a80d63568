//! What the numbers hang on.

use super::blocks::Block;
use super::{Facts, count};
use crate::judge::{Standing, combined};
use crate::store::record::Made;

pub fn section(facts: &Facts) -> Vec<Block> {
    let p = &facts.provenance;
    let own = Made {
        trine: p.trine.clone(),
        libtorch: p.libtorch.clone().unwrap_or_default(),
        device: p.device.clone(),
        threads: p.threads,
        processor: p.processor.clone(),
        at: 0,
    };
    let mut lines = Vec::new();
    if p.made.len() < 2 {
        lines.push(("made with".to_string(), software(&own)));
        lines.push(("on".into(), machine(&own)));
    }
    for (m, runs) in p.made.iter().filter(|_| p.made.len() > 1) {
        lines.push((count(*runs, "run"), format!("{}, on {}", software(m), machine(m))));
    }
    if !facts.spec.file.is_empty() {
        lines.insert(0, ("spec".into(), facts.spec.file.clone()));
    }
    if !facts.spec.meaning.is_empty() {
        lines.push(("meaning".into(), facts.spec.meaning.clone()));
    }
    if let Some(commit) = &p.commit {
        let changed = if p.uncommitted { ", with uncommitted changes" } else { "" };
        lines.push(("commit".into(), format!("{commit}{changed}")));
    }
    if p.runs > 0 {
        let found = match p.stored {
            0 if facts.trace.interrupted => "not all trained yet".to_string(),
            0 => "all trained now".to_string(),
            n if n == p.runs => "all from the store".to_string(),
            n => format!("{n} of them from the store"),
        };
        let all = if facts.trace.interrupted { " planned" } else { "" };
        lines.push(("runs".into(), format!("{}{all}, {found}", p.runs)));
    }
    if !facts.verdicts.is_empty() {
        lines.push(("status".into(), status(facts)));
    }
    let mut blocks = vec![Block::Heading { title: "provenance".into(), aside: String::new() }, Block::KeyValues(lines)];
    if p.made.len() > 1 {
        blocks.push(Block::Warnings(vec![POOLED.into()]));
    }
    blocks
}

const POOLED: &str = "runs from several machines or versions are reported together: across versions, devices, classes of \
    processor and numbers of threads the last bits of numbers differ";

fn software(m: &Made) -> String {
    let libtorch = Some(format!("libtorch {}", m.libtorch)).filter(|_| !m.libtorch.is_empty());
    [Some(format!("trine {}", m.trine)), libtorch].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn machine(m: &Made) -> String {
    let all = [m.device.clone(), m.processor.clone(), count(m.threads, "thread")];
    all.into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Which of the hypotheses were registered before their first run.
pub fn status(facts: &Facts) -> String {
    let all = combined(&facts.verdicts);
    let standing =
        |s: Standing| all.iter().filter(|h| h.statements.iter().any(|i| facts.verdicts[*i].standing == s)).count();
    let (extended, unregistered) = (standing(Standing::Extended), standing(Standing::Unregistered));
    let missing = facts.registration.iter().filter(|r| all.iter().all(|h| h.hypothesis != r.name)).count();
    if missing > 0 {
        let what = if missing == 1 {
            "1 hypothesis that was registered is"
        } else {
            &format!("{missing} hypotheses that were registered are")
        };
        return format!("partly exploratory: {what} not judged");
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
