//! What was planned before the data were seen, and what becomes of it when the spec is edited.

use std::path::Path;
use std::process::{Command, Output};
use trine::driver::{self, Options};
use trine::judge::{Standing, judge};
use trine::registration::{Change, Entry, compare, read, standing, text, update};
use trine::run::trace::Trace;

const SPEC: &str = r#"language 0.1
use std.tasks: digits
use std.rules: backprop, feedback_alignment

architecture mlp(x: [n]) {
  population h: [16] = tanh(dense(x))
  output z: [10] = dense(h)
}

experiment credit {
  task = digits()
  architecture = mlp(task.image)
  objective = minimize cross_entropy(z, task.label)
  rule = vary { bp: backprop(sgd(0.1)), fa: feedback_alignment(sgd(0.1)) }
  train = 2 epochs
  seeds = 5

  measure accuracy = argmax(z) == task.label on test
}

hypothesis learns "it learns" {
  expect last(credit.accuracy[fa]) > 0.5 in every seed
  claim feedback_alignment avoids weight_transport
}

hypothesis close {
  expect mean(last(credit.accuracy[fa])) > mean(last(credit.accuracy[bp])) - 0.1 at 95 %
}
"#;

fn entries(edits: &[(&str, &str)]) -> Vec<Entry> {
    let mut spec = SPEC.to_string();
    for (old, new) in edits {
        assert!(spec.contains(old), "{old}");
        spec = spec.replace(old, new);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec.trine");
    std::fs::write(&path, &spec).unwrap();
    let mut c = driver::load(&path.to_string_lossy(), &Options::default());
    assert!(!c.diagnostics.has_errors(), "{:?}", c.diagnostics.iter().map(|d| &d.message).collect::<Vec<_>>());
    trine::train::registrable(&mut c).map_err(|d| d[0].message.clone()).unwrap()
}

fn changes(edits: &[(&str, &str)]) -> Vec<Change> {
    compare(&entries(&[]), &entries(edits)).0.into_iter().map(|c| c.1).collect()
}

#[test]
fn edits_are_told_apart_by_what_they_change() {
    use Change::*;
    assert_eq!(changes(&[]), [Same, Same]);
    // Names, comments, sentences.
    assert_eq!(changes(&[("\"it learns\"", "\"it learns well\""), ("accuracy", "share")]), [Same, Same]);
    assert_eq!(changes(&[("fa: feedback", "own: feedback"), ("[fa]", "[own]"), ("credit", "trial")]), [Same, Same]);
    // A bound; an arm that one reads, and one that both read; a claim.
    assert_eq!(changes(&[("> 0.5", "> 0.4")]), [Meaning, Same]);
    assert_eq!(changes(&[("backprop(sgd(0.1))", "backprop(sgd(0.2))")]), [Same, Meaning]);
    assert_eq!(changes(&[("feedback_alignment(sgd(0.1))", "feedback_alignment(sgd(0.2))")]), [Meaning, Meaning]);
    assert_eq!(changes(&[("  claim feedback_alignment avoids weight_transport\n", "")]), [Meaning, Same]);
    assert_eq!(changes(&[("in every seed", "in at least 4 of 5 seeds")]), [Meaning, Same]);
    // What is measured.
    assert_eq!(changes(&[("argmax(z) == task.label", "rank(z)[1] == 1")]), [Meaning, Meaning]);
    // Seeds are a matter of their own.
    assert_eq!(changes(&[("seeds = 5", "seeds = 9")]), [MoreSeeds, MoreSeeds]);
    assert_eq!(changes(&[("seeds = 5", "seeds = 4")]), [FewerSeeds, FewerSeeds]);
    // Another name is another name; what is taken out is gone.
    assert_eq!(changes(&[("hypothesis close", "hypothesis near")]), [Same, Same]);
    let close = SPEC.split_once("\nhypothesis close").unwrap().1;
    assert_eq!(changes(&[(close, ""), ("\nhypothesis close", "")]), [Same, Gone]);
}

#[test]
fn a_claim_is_of_equations_and_not_of_names() {
    use Change::*;
    let rule = |name: &str, local: &str, along: &str| {
        format!(
            "rule {name}(rate: Real = 0.1) {{\n  let {local}(n) = n.rate\n  update p along rate * p.outer({along}{local}(p.post), p.pre.rate)\n}}\n\nexperiment"
        )
    };
    let with = |name: &str, local: &str, along: &str, hidden: &str| {
        let (rule, used) = (rule(name, local, along), format!("fa: {name}()"));
        let claim = format!("claim {name} avoids");
        entries(&[
            ("experiment", rule.as_str()),
            ("fa: feedback_alignment(sgd(0.1))", used.as_str()),
            ("claim feedback_alignment avoids", claim.as_str()),
            ("  expect last(credit.accuracy[fa]) > 0.5 in every seed\n", ""),
            ("backprop, feedback_alignment", "backprop"),
            ("h: [16]", hidden),
        ])
    };
    let old = with("mine", "a", "", "h: [16]");
    let change = |new: Vec<Entry>| compare(&old[..1], &new[..1]).0[0].1;
    assert_eq!(change(with("mine", "a", "", "h: [16]")), Same);
    assert_eq!(change(with("yours", "b", "", "h: [16]")), Same);
    assert_eq!(change(with("mine", "a", "2 * ", "h: [16]")), Meaning);
    assert_eq!(change(with("mine", "a", "", "h: [40]")), Meaning);
}

/// Three expectations are registered and two of them taken out: the third is corrected for three as before.
#[test]
fn what_is_taken_out_is_corrected_for() {
    let (locked, _) = update(&[], &entries(&[]), false, &|_| 0);
    assert_eq!(locked.iter().map(|e| e.family).collect::<Vec<_>>(), [0, 1]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec.trine");
    let close = SPEC.split_once("\nhypothesis close").unwrap().1;
    std::fs::write(&path, SPEC.replace(&format!("\nhypothesis close{close}"), "")).unwrap();
    let mut c = driver::load(&path.to_string_lossy(), &Options::default());
    let now = trine::train::registrable(&mut c).map_err(|d| d[0].message.clone()).unwrap();
    assert_eq!(trine::registration::unjudged(&c, &locked, &now), 1);
    assert_eq!(trine::registration::missing(&c, &locked, &now), ["close"]);
    // So is one expectation of several that was taken out of its hypothesis.
    let both = entries(&[("- 0.1 at 95 %", "- 0.1 at 95 %\n  expect mean(last(credit.accuracy[fa])) > 0.5 at 95 %")]);
    let (two, _) = update(&[], &both, false, &|_| 0);
    assert_eq!(trine::registration::unjudged(&c, &two, &entries(&[])), 1);
    // Withdrawn is not forgotten, and comes back as a new registration.
    let (kept, refused) = update(&locked, &now, true, &|_| 10);
    assert!(refused.is_empty() && kept[1].withdrawn.is_some());
    assert_eq!(trine::registration::unjudged(&c, &kept, &now), 1);
    assert_eq!(compare(&kept, &now), (vec![("learns".into(), Change::Same)], vec![]));
    assert_eq!(compare(&kept, &entries(&[])).1, ["close"]);
}

#[test]
fn one_experiment_alone_is_corrected_for_the_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec.trine");
    let second = SPEC.split_once("experiment credit").unwrap().1;
    let (body, rest) = second.split_once("hypothesis learns").unwrap();
    let more = rest.replace("credit.", "other.").replace("hypothesis close", "hypothesis near");
    let more = more.split_once("}\n").unwrap().1;
    std::fs::write(&path, format!("{SPEC}\nexperiment other{body}{more}")).unwrap();
    let only = Options { experiment: Some("credit".into()), ..Options::default() };
    let c = driver::load(&path.to_string_lossy(), &only);
    assert_eq!(c.unasked, [("near".to_string(), 1)]);
    assert_eq!(trine::registration::unjudged(&c, &[], &[]), 1);
}

#[test]
fn a_registration_reads_itself_back() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("a.trine").to_string_lossy().into_owned();
    let (mut all, refused) = update(&[], &entries(&[]), false, &|_| 0);
    assert!(refused.is_empty() && all.len() == 2);
    all[1].after = 20;
    all[1].before = vec![(1_700_000_000, "ab".repeat(16))];
    std::fs::write(folder.path().join("a.lock"), text(&spec, &all)).unwrap();
    assert_eq!(read(&spec).unwrap(), Some(all));
    assert_eq!(read(&folder.path().join("b.trine").to_string_lossy()).unwrap(), None);
    for (damage, why) in [
        ("", "a.lock:1: it is empty"),
        ("trine lock 9\n", "a.lock:1: `trine lock 9` is not `trine lock 1`"),
        ("trine lock 1\n\n  meaning ab\n", "a.lock:3: it belongs to no hypothesis"),
        ("trine lock 1\nhypothesis h\n  meening ab\n", "a.lock:3: `meening` is no word of it"),
        ("trine lock 1\nhypothesis h\n  registered today\n", "a.lock:3: `today` is no time and number of runs"),
        ("trine lock 1\nhypothesis h\n  seeds many\n", "a.lock:3: `many` is no experiment and number"),
    ] {
        std::fs::write(folder.path().join("a.lock"), damage).unwrap();
        let d = read(&spec).unwrap_err();
        assert!(d.code.name() == "T0608" && d.message.ends_with(why), "{}", d.message);
    }
}

#[test]
fn what_has_changed_is_not_taken_in_silence() {
    let (old, _) = update(&[], &entries(&[]), false, &|_| 0);
    let now = entries(&[("> 0.5", "> 0.4")]);
    let (kept, refused) = update(&old, &now, false, &|_| 10);
    assert_eq!((kept[0].meaning.clone(), refused), (old[0].meaning.clone(), vec!["learns".to_string()]));
    let (taken, refused) = update(&old, &now, true, &|_| 10);
    assert!(refused.is_empty());
    assert_eq!((taken[0].meaning.clone(), taken[0].after), (now[0].meaning.clone(), 10));
    assert_eq!(taken[0].before, vec![(old[0].at, old[0].meaning.clone())]);
    // The other one is as it was.
    assert_eq!(taken[1], old[1]);
}

#[test]
fn only_what_was_planned_before_its_runs_is_confirmatory() {
    let mut c = {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spec.trine");
        std::fs::write(&path, SPEC).unwrap();
        driver::load(&path.to_string_lossy(), &Options::default())
    };
    let now = trine::train::registrable(&mut c).map_err(|d| d[0].message.clone()).unwrap();
    let verdicts = judge(&c.questions, &Trace::default());
    let all = |locked: Option<&[Entry]>, now: &[Entry], first: Option<i64>| -> Vec<Standing> {
        verdicts.iter().map(|v| standing(v, locked, now, &|_| first)).collect()
    };
    let (locked, _) = update(&[], &now, false, &|_| 0);
    let at = locked[0].at;
    assert_eq!(all(None, &now, None), [Standing::Unregistered; 3]);
    assert_eq!(all(Some(&locked), &now, None), [Standing::Confirmatory; 3]);
    assert_eq!(all(Some(&locked), &now, Some(at)), [Standing::Confirmatory; 3]);
    // The store holds a run that is older than the registration.
    assert_eq!(all(Some(&locked), &now, Some(at - 1)), [Standing::Exploratory; 3]);
    let (late, _) = update(&[], &now, false, &|_| 10);
    assert_eq!(all(Some(&late), &now, None), [Standing::Exploratory; 3]);
    assert_eq!(all(Some(&locked), &entries(&[("seeds = 5", "seeds = 9")]), None), [Standing::Extended; 3]);
    use Standing::{Confirmatory as C, Exploratory as E};
    assert_eq!(all(Some(&locked), &entries(&[("> 0.5", "> 0.4")]), None), [E, E, C]);
    assert_eq!(all(Some(&locked[..1]), &now, None), [C, C, E]);
}

fn trine(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trine"));
    command.args(args).current_dir(folder).env_remove("TRINE_STORE").output().unwrap()
}

#[test]
fn the_command_writes_checks_and_amends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credit.trine");
    std::fs::write(&path, SPEC).unwrap();
    let run = |args: &[&str]| {
        let out = trine(folder.path(), args);
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let lock = || std::fs::read_to_string(folder.path().join("credit.lock")).unwrap();
    assert_eq!(run(&["lock", "--check", "credit.trine"]).0, Some(1));
    let (code, said) = run(&["lock", "credit.trine"]);
    assert_eq!(code, Some(0));
    assert_eq!(said, "registered `learns`, before any run\nregistered `close`, before any run\n");
    let first = lock();
    assert_eq!(run(&["lock", "--check", "credit.trine"]), (Some(0), String::new()));
    assert_eq!((run(&["lock", "credit.trine"]), lock()), ((Some(0), String::new()), first.clone()));
    std::fs::write(&path, SPEC.replace("> 0.5", "> 0.4")).unwrap();
    let (code, said) = run(&["lock", "credit.trine"]);
    assert!(code == Some(1) && said.contains("T0607") && lock().contains("> 0.5"), "{said}");
    let (code, said) = run(&["check", "credit.trine"]);
    assert!(code == Some(0) && said.contains("`learns` is not what was registered (breaking)"), "{said}");
    let (code, said) = run(&["lock", "--amend", "credit.trine"]);
    assert_eq!((code, said.as_str()), (Some(0), "registered `learns`, before any run\n"));
    assert!(lock().contains("> 0.4") && lock().contains("\n  replaces "), "{}", lock());
    std::fs::write(folder.path().join("credit.lock"), "nonsense").unwrap();
    assert_eq!(run(&["lock", "credit.trine"]).0, Some(5));
    assert_eq!(trine(folder.path(), &["lock", "-"]).status.code(), Some(2));
}

#[test]
fn seeds_may_be_added_where_the_test_allows_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credit.trine");
    let spec = SPEC.replace("- 0.1 at 95 %", "- 0.1 at 95 %, anytime");
    std::fs::write(&path, &spec).unwrap();
    assert_eq!(trine(folder.path(), &["lock", "-q", "credit.trine"]).status.code(), Some(0));
    std::fs::write(&path, spec.replace("seeds = 5", "seeds = 9")).unwrap();
    let told = String::from_utf8_lossy(&trine(folder.path(), &["check", "credit.trine"]).stderr).into_owned();
    assert!(told.contains("`learns` is judged by more seeds") && !told.contains("`close`"), "{told}");
}
