//! What was planned before the data were seen: `trine lock` writes it down beside the spec, and reports tell of each
//! hypothesis whether it is still what was registered.
//!
//! A hypothesis is registered by the hash of its statements in terms of what is trained and measured ([`crate::plan::meaning`]), so
//! that names, layout and comments may change, and nothing else. The number of seeds is written beside it: more of them than
//! planned is another thing than a changed hypothesis.

use crate::diag::{Code, Diagnostic};
use crate::driver::Compilation;
use crate::judge::{Expectation, QuestionKind, Standing, Term, Verdict, children};
use crate::plan::meaning::Meaning;
use crate::report::{Registered, count};
use crate::store::files;
use blake3::{Hash, Hasher};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const HEAD: &str = "trine lock 1";

/// The meanings of the conditions of each experiment, in the order of the spec, and its seeds.
pub type Meanings = Vec<(String, Vec<Arc<Meaning>>, usize)>;

/// A hypothesis, as it is or as it was written down.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub name: String,
    /// Hash of what its statements mean.
    pub meaning: String,
    /// Of each experiment that it reads.
    pub seeds: BTreeMap<String, usize>,
    /// In canonical form, for people.
    pub statements: Vec<String>,
    /// When it was registered, in seconds since 1970.
    pub at: i64,
    /// Runs of its experiments that the store held then.
    pub after: usize,
    /// Earlier registrations that it took the place of: when, and what.
    pub before: Vec<(i64, String)>,
    /// How many of its expectations are corrected together with those of the other hypotheses.
    pub family: usize,
    /// When it was withdrawn, if it was. It still counts: what was planned and not shown was asked all the same.
    pub withdrawn: Option<i64>,
}

/// What became of a registered hypothesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Same,
    Meaning,
    MoreSeeds,
    FewerSeeds,
    Gone,
}

/// The lock file of a spec.
pub fn path(spec: &str) -> PathBuf {
    Path::new(spec).with_extension("lock")
}

/// The hypotheses of a checked spec.
pub fn hypotheses(c: &Compilation, meanings: &Meanings) -> Vec<Entry> {
    let mut all: Vec<(Entry, Hasher)> = Vec::new();
    for q in &c.questions {
        let at = all.iter().position(|(e, _)| e.name == q.hypothesis).unwrap_or_else(|| {
            let entry = Entry {
                name: q.hypothesis.clone(),
                meaning: String::new(),
                seeds: BTreeMap::new(),
                statements: vec![],
                at: 0,
                after: 0,
                before: vec![],
                family: 0,
                withdrawn: None,
            };
            all.push((entry, Hasher::new()));
            all.len() - 1
        });
        let (entry, hasher) = &mut all[at];
        let word = if matches!(q.kind, QuestionKind::Claim { .. }) { "claim" } else { "expect" };
        entry.statements.push(format!("{word} {}", q.statement));
        match &q.kind {
            QuestionKind::Claim { meaning, .. } => hasher.update(meaning.as_bytes()),
            QuestionKind::Expectation(e) => {
                entry.family += usize::from(e.is_corrected());
                for term in [&e.left, &e.right] {
                    experiments(term, &mut |name| {
                        if let Some((n, _, seeds)) = meanings.iter().find(|m| m.0 == name) {
                            entry.seeds.insert(n.clone(), *seeds);
                        }
                    });
                }
                hasher.update(expectation(e, meanings).as_bytes())
            }
        };
    }
    let done = |(e, h): (Entry, Hasher)| Entry { meaning: h.finalize().to_hex()[..32].to_string(), ..e };
    all.into_iter().map(done).collect()
}

/// A hash of what the runs and hypotheses of a spec mean: layout, comments, order and names do not matter.
pub fn meaning(meanings: &Meanings, hypotheses: &[Entry]) -> String {
    let mut all: Vec<String> = hypotheses.iter().map(|e| e.meaning.clone()).collect();
    for (_, conditions, seeds) in meanings {
        for m in conditions {
            let mut measures: Vec<[u8; 32]> = m.measures.iter().flatten().map(|h| *h.as_bytes()).collect();
            measures.sort_unstable();
            let measures = blake3::hash(measures.as_flattened()).to_hex();
            all.push(format!("{} {measures} {seeds}", m.training.to_hex()));
        }
    }
    all.sort_unstable();
    blake3::hash(all.join("\n").as_bytes()).to_hex()[..16].to_string()
}

fn experiments(term: &Term, found: &mut dyn FnMut(&str)) {
    if let Term::Series { experiment, .. } = term {
        found(experiment);
    }
    children(term).into_iter().for_each(|t| experiments(t, found));
}

fn expectation(e: &Expectation, meanings: &Meanings) -> Hash {
    let mut text = String::new();
    for term in [&e.left, &e.right] {
        write_term(term, meanings, &mut text);
        text.push(';');
    }
    let _ = write!(text, "{:?} {:?} {:?}", e.relation, e.margin.map(f64::to_bits), e.scope);
    blake3::hash(text.as_bytes())
}

/// A term with what its series mean in the place of their names.
fn write_term(term: &Term, meanings: &Meanings, to: &mut String) {
    match term {
        Term::Number(x) => drop(write!(to, "{:x}", x.to_bits())),
        Term::Series { experiment, condition, measure, moment, scale } => {
            let known = meanings.iter().find(|m| m.0 == *experiment).and_then(|m| m.1.get(*condition));
            let (run, value) = match known {
                Some(m) => (m.training.to_hex().to_string(), m.measure(measure).map(|h| h.to_hex().to_string())),
                None => (experiment.clone(), None),
            };
            let _ = write!(to, "{run}.{}.{moment:?}.{:x}", value.unwrap_or_else(|| measure.clone()), scale.to_bits());
        }
        other => {
            let word = format!("{other:?}");
            to.push_str(word.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default());
            if let Term::OverConditions { statistic, .. } | Term::OverSeeds { statistic, .. } = other {
                to.push_str(statistic.word());
            }
            to.push('(');
            for child in children(other) {
                write_term(child, meanings, to);
                to.push(',');
            }
            to.push(')');
        }
    }
}

/// The registration of a spec, if it has one.
pub fn read(spec: &str) -> Result<Option<Vec<Entry>>, Diagnostic> {
    let path = path(spec);
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text).map(Some).map_err(|why| unreadable(&format!("{}:{why}", path.display()))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(unreadable(&format!("{}: {}", path.display(), files::plain(&e)))),
    }
}

fn unreadable(why: &str) -> Diagnostic {
    let help = "take the file as it was from version control";
    let message = format!("the registration cannot be read: {why}");
    Diagnostic::nowhere(Code::T0608, message).help(help)
}

fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let mut all: Vec<Entry> = Vec::new();
    let mut lines = text.lines().enumerate().map(|(i, l)| (i + 1, l)).filter(|(_, l)| {
        let l = l.trim();
        !l.is_empty() && !l.starts_with('#')
    });
    match lines.next() {
        Some((_, HEAD)) => {}
        Some((i, other)) => return Err(format!("{i}: `{other}` is not `{HEAD}`")),
        None => return Err("1: it is empty".into()),
    }
    for (i, line) in lines {
        let fault = |what: &str| Err(format!("{i}: {what}"));
        let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        if word == "hypothesis" {
            all.push(Entry {
                name: rest.into(),
                meaning: String::new(),
                seeds: BTreeMap::new(),
                statements: vec![],
                at: 0,
                after: 0,
                before: vec![],
                family: 0,
                withdrawn: None,
            });
            continue;
        }
        let Some(entry) = all.last_mut() else { return fault("it belongs to no hypothesis") };
        match word {
            "meaning" => entry.meaning = rest.into(),
            "registered" => match registered(rest) {
                Some((at, after)) => (entry.at, entry.after) = (at, after),
                None => return fault(&format!("`{rest}` is no time and number of runs")),
            },
            "replaces" => match rest.split_once(' ').and_then(|(m, t)| Some((seconds(t)?, m.to_string()))) {
                Some(old) => entry.before.push(old),
                None => return fault(&format!("`{rest}` is no meaning and time")),
            },
            "seeds" => match rest.rsplit_once(' ').and_then(|(e, n)| Some((e.to_string(), n.parse().ok()?))) {
                Some((experiment, n)) => drop(entry.seeds.insert(experiment, n)),
                None => return fault(&format!("`{rest}` is no experiment and number")),
            },
            "family" => match rest.parse() {
                Ok(n) => entry.family = n,
                Err(_) => return fault(&format!("`{rest}` is no number of expectations")),
            },
            "withdrawn" => match seconds(rest) {
                Some(at) => entry.withdrawn = Some(at),
                None => return fault(&format!("`{rest}` is no time")),
            },
            "expect" | "claim" => entry.statements.push(line.trim().into()),
            other => return fault(&format!("`{other}` is no word of it")),
        }
    }
    Ok(all)
}

/// `2026-11-24T04:20:00Z after 20 runs`
fn registered(text: &str) -> Option<(i64, usize)> {
    let (time, rest) = text.split_once(' ').unwrap_or((text, ""));
    let after = rest.strip_prefix("after ").and_then(|r| r.split(' ').next()?.parse().ok());
    Some((seconds(time)?, after.or((rest == "before any run").then_some(0))?))
}

fn seconds(text: &str) -> Option<i64> {
    text.trim().parse::<Timestamp>().ok().map(Timestamp::as_second)
}

fn time(at: i64) -> String {
    Timestamp::from_second(at).map(|t| t.to_string()).unwrap_or_default()
}

/// The lock file's text.
pub fn text(spec: &str, entries: &[Entry]) -> String {
    let file = Path::new(spec).file_name().map_or(spec.into(), |n| n.to_string_lossy());
    let mut out = format!(
        "{HEAD}\n\n# What was planned for {file} before its data were seen. Written by `trine lock`; keep it under version control.\n"
    );
    for e in entries {
        let after = match e.after {
            0 => "before any run".to_string(),
            n => format!("after {}", crate::report::count(n, "run")),
        };
        let _ = write!(out, "\nhypothesis {}\n  registered {} {after}\n  meaning {}\n", e.name, time(e.at), e.meaning);
        for (at, old) in &e.before {
            let _ = writeln!(out, "  replaces {old} {}", time(*at));
        }
        if let Some(at) = e.withdrawn {
            let _ = writeln!(out, "  withdrawn {}", time(at));
        }
        if e.family > 0 {
            let _ = writeln!(out, "  family {}", e.family);
        }
        for (experiment, n) in &e.seeds {
            let _ = writeln!(out, "  seeds {experiment} {n}");
        }
        for statement in &e.statements {
            let _ = writeln!(out, "  {}", statement.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    out
}

/// The hypothesis of the spec that was registered as `old`: the one of its name, or one of another name that means the same.
fn successor<'a>(old: &Entry, locked: &[Entry], now: &'a [Entry]) -> Option<&'a Entry> {
    let named = |name: &str| locked.iter().any(|e| e.name == name);
    now.iter().find(|n| n.name == old.name).or_else(|| now.iter().find(|n| n.meaning == old.meaning && !named(&n.name)))
}

fn change(old: &Entry, new: Option<&Entry>) -> Change {
    let Some(new) = new else { return Change::Gone };
    if new.meaning != old.meaning {
        return Change::Meaning;
    }
    // Experiments may have other names now; their seeds are compared in order where they do.
    let by_name = old.seeds.keys().all(|e| new.seeds.contains_key(e));
    let pairs: Vec<(usize, usize)> = match by_name {
        true => old.seeds.iter().filter_map(|(e, n)| Some((*n, *new.seeds.get(e)?))).collect(),
        false => old.seeds.values().copied().zip(new.seeds.values().copied()).collect(),
    };
    match (pairs.iter().any(|(n, m)| m < n), pairs.iter().any(|(n, m)| m > n)) {
        (true, _) => Change::FewerSeeds,
        (_, true) => Change::MoreSeeds,
        _ => Change::Same,
    }
}

/// What became of each registered hypothesis that was not withdrawn, and which are new.
pub fn compare(locked: &[Entry], now: &[Entry]) -> (Vec<(String, Change)>, Vec<String>) {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut changes = Vec::new();
    for old in locked.iter().filter(|e| e.withdrawn.is_none()) {
        let new = successor(old, locked, now);
        known.extend(new.map(|n| n.name.as_str()));
        changes.push((old.name.clone(), change(old, new)));
    }
    let new = now.iter().filter(|n| !known.contains(n.name.as_str())).map(|n| n.name.clone()).collect();
    (changes, new)
}

/// How many expectations were registered that this spec, or what was asked of it, does not judge: they are corrected for all the same.
pub fn unjudged(c: &Compilation, locked: &[Entry], now: &[Entry]) -> usize {
    let gone = |e: &&Entry| e.withdrawn.is_some() || successor(e, locked, now).is_none();
    let counted: Vec<&Entry> = locked.iter().filter(gone).collect();
    // With one experiment asked for, the others' hypotheses are in the file.
    let left = c.unasked.iter().filter(|(name, _)| !counted.iter().any(|e| e.name == *name));
    // A hypothesis that asks less than was registered has taken out the rest.
    let fewer = locked.iter().filter(|e| e.withdrawn.is_none()).filter_map(|old| {
        let new = successor(old, locked, now)?;
        Some(old.family.saturating_sub(new.family))
    });
    counted.iter().map(|e| e.family).chain(left.map(|(_, n)| *n)).chain(fewer).sum()
}

/// Registered hypotheses that mean the same in other words, or under another name.
pub fn rewritten(locked: &[Entry], now: &[Entry]) -> Vec<String> {
    let plain = |e: &Entry| -> Vec<String> {
        e.statements.iter().map(|s| s.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let other = |old: &&Entry| {
        successor(old, locked, now)
            .is_some_and(|n| n.meaning == old.meaning && (n.name != old.name || plain(n) != plain(old)))
    };
    locked.iter().filter(|e| e.withdrawn.is_none()).filter(other).map(|e| e.name.clone()).collect()
}

/// What a report tells of each hypothesis and of those that are missing.
pub fn rows(verdicts: &[Verdict], locked: &[Entry], now: &[Entry], missing: &[String]) -> Vec<Registered> {
    if locked.is_empty() {
        return vec![];
    }
    let mut out: Vec<Registered> = Vec::new();
    for v in verdicts {
        if out.iter().any(|r| r.name == v.hypothesis) {
            continue;
        }
        let own = |e: &&Entry| successor(e, locked, now).is_some_and(|n| n.name == v.hypothesis);
        let old = locked.iter().filter(|e| e.withdrawn.is_none()).find(own);
        // The worst that is said of any of its statements.
        let of = |s: Standing| verdicts.iter().any(|o| o.hypothesis == v.hypothesis && o.standing == s);
        let standing = [Standing::Unregistered, Standing::Exploratory, Standing::Extended].into_iter().find(|s| of(*s));
        let standing = standing.unwrap_or(Standing::Confirmatory).word().to_string();
        out.push(match old {
            Some(e) => row(&v.hypothesis, e, standing),
            None => Registered { name: v.hypothesis.clone(), standing, ..Registered::default() },
        });
    }
    for e in locked.iter().filter(|e| missing.contains(&e.name)) {
        let word = if e.withdrawn.is_some() { "withdrawn" } else { "not in the spec any more" };
        let standing = format!("{word}; its {} still counted in the correction", count(e.family, "expectation"));
        out.push(row(&e.name, e, standing));
    }
    out
}

fn row(name: &str, e: &Entry, standing: String) -> Registered {
    Registered {
        name: name.into(),
        at: time(e.at),
        after: e.after,
        meaning: e.meaning.clone(),
        seeds: e.seeds.values().map(usize::to_string).collect::<Vec<_>>().join(", "),
        replaces: e.before.len(),
        standing,
    }
}

/// Names of registered hypotheses that the spec does not hold any more, or that were withdrawn.
pub fn missing(c: &Compilation, locked: &[Entry], now: &[Entry]) -> Vec<String> {
    let there = |name: &str| c.unasked.iter().any(|(n, _)| n == name);
    let gone = |e: &&Entry| e.withdrawn.is_some() || (successor(e, locked, now).is_none() && !there(&e.name));
    locked.iter().filter(gone).map(|e| e.name.clone()).collect()
}

/// Whether all of a hypothesis may be looked at after every seed.
fn may_grow(c: &Compilation, name: &str) -> bool {
    c.questions.iter().filter(|q| q.hypothesis == name).all(|q| match &q.kind {
        QuestionKind::Expectation(e) => e.is_anytime(),
        QuestionKind::Claim { .. } => true,
    })
}

/// Warnings on what is not as it was registered.
pub fn changed(c: &Compilation, locked: &[Entry], now: &[Entry]) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    for (name, change) in compare(locked, now).0 {
        let why = match change {
            Change::Same => continue,
            Change::Meaning => {
                format!(
                    "`{name}` is not what was registered (breaking): what it compares, or what it reads, has changed"
                )
            }
            Change::MoreSeeds if may_grow(c, &name) => continue,
            Change::Gone if c.unasked.iter().any(|(n, _)| *n == name) => continue,
            Change::MoreSeeds => format!("`{name}` is judged by more seeds than were registered (exploratory)"),
            Change::FewerSeeds => format!("`{name}` is judged by fewer seeds than were registered (breaking)"),
            Change::Gone => format!(
                "`{name}` was registered, and is not in the spec any more (breaking): its expectations are still corrected for"
            ),
        };
        let help = match change {
            Change::MoreSeeds => {
                "seeds that are added after a look need a test that allows it: `at 95 %, anytime`".into()
            }
            _ => format!("report it as exploratory, or register the change: `trine lock --amend {}`", c.name),
        };
        let span = c.questions.iter().find(|q| q.hypothesis == name).map(|q| q.span);
        let d = match span {
            Some(span) => Diagnostic::new(Code::T0607, span, why, ""),
            None => Diagnostic::nowhere(Code::T0607, why),
        };
        out.push(d.help(help));
    }
    out
}

/// The standing of a verdict. `seen` is when the first run of an experiment that it reads was trained.
pub fn standing(v: &Verdict, locked: Option<&[Entry]>, now: &[Entry], seen: &dyn Fn(&str) -> Option<i64>) -> Standing {
    let Some(locked) = locked else { return Standing::Unregistered };
    let own = now.iter().find(|n| n.name == v.hypothesis);
    let old = locked.iter().find(|e| {
        e.withdrawn.is_none() && successor(e, locked, now).map(|n| n.name.as_str()) == Some(v.hypothesis.as_str())
    });
    let (Some(old), Some(own)) = (old, own) else { return Standing::Exploratory };
    let early = old.seeds.keys().chain(own.seeds.keys()).filter_map(|e| seen(e)).any(|first| first < old.at);
    match change(old, Some(own)) {
        _ if old.after > 0 || early => Standing::Exploratory,
        Change::Same => Standing::Confirmatory,
        Change::MoreSeeds => Standing::Extended,
        _ => Standing::Exploratory,
    }
}

/// What `trine lock` makes of a registration and the spec as it is now: new hypotheses are added; changed ones take the
/// place of the old only if `amend`. The second value says which were not taken.
pub fn update(
    locked: &[Entry],
    now: &[Entry],
    amend: bool,
    runs: &dyn Fn(&Entry) -> usize,
) -> (Vec<Entry>, Vec<String>) {
    let at = Timestamp::now().as_second();
    let fresh = |e: &Entry, before: Vec<(i64, String)>| Entry { at, after: runs(e), before, ..e.clone() };
    let mut out = Vec::new();
    let mut refused = Vec::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for old in locked {
        if old.withdrawn.is_some() {
            out.push(old.clone());
            continue;
        }
        let new = successor(old, locked, now);
        known.extend(new.map(|n| n.name.as_str()));
        match (change(old, new), new, amend) {
            // Names and layout follow the spec.
            (Change::Same, Some(new), _) => {
                let Entry { name, statements, seeds, family, .. } = new.clone();
                out.push(Entry { name, statements, seeds, family, ..old.clone() });
            }
            (_, Some(new), true) => {
                let mut before = old.before.clone();
                before.push((old.at, old.meaning.clone()));
                out.push(fresh(new, before));
            }
            (Change::Gone, _, true) => out.push(Entry { withdrawn: Some(at), ..old.clone() }),
            _ => {
                refused.push(old.name.clone());
                out.push(old.clone());
            }
        }
    }
    out.extend(now.iter().filter(|e| !known.contains(e.name.as_str())).map(|e| fresh(e, vec![])));
    (out, refused)
}
