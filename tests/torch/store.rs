//! Runs that are cut off anywhere, and processes that share a store.
//!
//! `TRINE_KILLS=200 cargo test --release --test torch kills` cuts off two hundred times.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Twenty runs of 450 steps.
const GRID: &str = "language 0.1
use std.tasks: digits
use std.rules: backprop, node_perturbation

architecture mlp(x: [n]) {
  population h: [16] = tanh(dense(x))
  output z: [10] = dense(h)
}

experiment e {
  task = digits()
  architecture = mlp(task.image)
  objective = minimize cross_entropy(z, task.label)
  rule = vary { bp: backprop(adam(0.01)), np: node_perturbation(0.01, momentum(0.01)) }
  train = 10 epochs
  batch = 32
  seeds = 10

  measure accuracy = argmax(z) == task.label on test, every 50 steps
}
";

fn spec(folder: &Path) -> PathBuf {
    let path = folder.join("grid.trine");
    std::fs::write(&path, GRID).expect("a file");
    path
}

fn trine(spec: &Path, store: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trine"));
    command.args(["run", "-q", "--format", "json", "--checkpoint", "0.01", "--jobs", "2", "--store"]);
    command.arg(store).arg(spec).stdin(Stdio::null());
    command
}

fn report(spec: &Path, store: &Path) -> Value {
    let out = trine(spec, store).output().expect("trine starts");
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("JSON")
}

/// Everything that was measured.
fn numbers(report: &Value) -> Vec<Value> {
    let conditions = report["experiments"][0]["conditions"].as_array().expect("conditions");
    conditions.iter().map(|c| c["measures"].clone()).collect()
}

/// Numbers without a system: the same in every run of this test.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }
}

fn engines_of(child: &Child) -> Vec<String> {
    let path = format!("/proc/{0}/task/{0}/children", child.id());
    std::fs::read_to_string(path).unwrap_or_default().split_whitespace().map(String::from).collect()
}

/// After any number of kills, at any moment, of `trine` or of an engine, the numbers are those of an unbroken run.
#[test]
fn kills_leave_no_trace() {
    let wanted: u64 = std::env::var("TRINE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let folder = tempfile::tempdir().expect("a folder");
    let spec = spec(folder.path());
    let whole = report(&spec, &folder.path().join("whole"));
    assert_eq!(whole["provenance"]["stored"], 0);
    let (mut kills, mut dice, mut round) = (0, Dice(7), 0);
    while kills < wanted {
        round += 1;
        let store = folder.path().join(format!("store {round}"));
        let mut ended = false;
        while !ended && kills < wanted {
            let quiet = |c: &mut Command| c.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("trine starts");
            let mut child = quiet(&mut trine(&spec, &store));
            std::thread::sleep(Duration::from_millis(dice.below(900)));
            let engines = engines_of(&child);
            // Sometimes an engine alone, of which the run goes on.
            let (signal, target) = match (dice.below(4), engines.first()) {
                (0, Some(engine)) => ("-KILL", engine.clone()),
                (1, _) => ("-TERM", child.id().to_string()),
                _ => ("-KILL", child.id().to_string()),
            };
            let engine = engines.contains(&target);
            if child.try_wait().expect("a child").is_none() {
                let _ = Command::new("kill").args([signal, &target]).stderr(Stdio::null()).status();
                kills += 1;
            }
            let status = child.wait().expect("a child");
            ended = status.code() == Some(0);
            assert!(ended || !engine || status.code().is_some(), "{status}");
        }
        assert_eq!(numbers(&report(&spec, &store)), numbers(&whole), "after {kills} kills");
    }
}

/// Two processes on one store: each run is trained once, and both report all.
#[test]
fn two_processes_share_the_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let (spec, store) = (spec(folder.path()), folder.path().join("store"));
    let start = || trine(&spec, &store).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("trine starts");
    let outputs = [start(), start()].map(|child| child.wait_with_output().expect("an output"));
    let reports: Vec<Value> = outputs.iter().map(|o| serde_json::from_slice(&o.stdout).expect("a report")).collect();
    assert_eq!(numbers(&reports[0]), numbers(&reports[1]));
    // Each record was written by one of them, and none twice: nothing was trained that was there.
    let again = report(&spec, &store);
    assert_eq!(again["provenance"]["stored"], 20);
    assert_eq!(numbers(&again), numbers(&reports[0]));
    let left = Command::new("find").arg(&store).args(["-name", "claim*"]).output().expect("find");
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}

/// One arm's rate changes, and that arm alone is trained; more seeds are trained beside those that are there.
#[test]
fn only_what_changed_is_trained() {
    let folder = tempfile::tempdir().expect("a folder");
    let (spec, store) = (spec(folder.path()), folder.path().join("store"));
    let stored = |text: &str| {
        std::fs::write(&spec, text).expect("a file");
        let p = report(&spec, &store)["provenance"].clone();
        (p["runs"].as_u64().expect("a number"), p["stored"].as_u64().expect("a number"))
    };
    let short = GRID.replace("10 epochs", "1 epochs").replace("seeds = 10", "seeds = 2");
    assert_eq!(stored(&short), (4, 0));
    assert_eq!(stored(&format!("{short}\n# the end\n")), (4, 4));
    assert_eq!(stored(&short.replace("adam(0.01)", "adam(0.02)")), (4, 2));
    assert_eq!(stored(&short.replace("seeds = 2", "seeds = 4")), (8, 4));
    // A measure more is a measure of the same runs, which are trained again for it, to the same bits.
    assert_eq!(
        stored(&format!("{}  measure n = norm(h) on test\n}}\n", short.trim_end().trim_end_matches('}'))),
        (4, 0)
    );
    assert_eq!(stored(&short), (4, 4));
}

/// A folder that cannot be written: the run is refused, and says where else to keep runs.
#[test]
fn a_store_that_cannot_be_made_is_told_before_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = spec(folder.path());
    let out = trine(&spec, &spec.join("store")).output().expect("trine starts");
    assert_eq!(out.status.code(), Some(5));
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(text.contains("T0705") && text.contains("--store DIR"), "{text}");
}

const TUNED: &str = "language 0.1
use std.rules: backprop, feedback_alignment

task digits_in_three() {
  source builtin(\"digits\")
  image: [64] = pixels / 16
  label: Label[10] = digit
  split train 1200, validation 237, test 360
}

architecture mlp(x: [n]) {
  population h: [8] = tanh(dense(x))
  output z: [10] = dense(h)
}

experiment e {
  task = digits_in_three()
  architecture = mlp(task.image)
  objective = minimize cross_entropy(z, task.label)
  rule = vary { bp: backprop(sgd(tune {0.001, 0.1, 30})), fa: feedback_alignment(sgd(0.1)) }
  tuning = maximize last(held)
  tuning_seeds = 2
  train = 2 epochs
  seeds = 3

  measure held = argmax(z) == task.label on validation
  measure accuracy = argmax(z) == task.label on test
}

hypothesis learns {
  expect mean(last(e.accuracy[bp])) > 0.2 at 95 %
}
";

/// Candidates are tried with seeds of their own; what is judged is what the chosen one would have been by itself; and a
/// registration holds from before the choice to after it.
#[test]
fn what_is_tuned_is_chosen_before_it_is_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let (spec, store) = (folder.path().join("tuned.trine"), folder.path().join("store"));
    let made = |text: &str| {
        std::fs::write(&spec, text).expect("a file");
        report(&spec, &store)
    };
    std::fs::write(&spec, TUNED).expect("a file");
    let lock = Command::new(env!("CARGO_BIN_EXE_trine")).args(["lock", "--store"]).arg(&store).arg(&spec).output();
    assert!(lock.expect("trine starts").status.success());
    let first = made(TUNED);
    let counts = |r: &Value| (r["provenance"]["runs"].as_u64(), r["provenance"]["stored"].as_u64());
    // Three candidates with two seeds, and two conditions with three.
    assert_eq!(counts(&first), (Some(12), Some(0)));
    assert_eq!(first["provenance"]["registered"], true);
    let x = &first["experiments"][0];
    let chosen: Vec<bool> =
        x["tuning"]["candidates"].as_array().expect("candidates").iter().map(|c| c["chosen"] == true).collect();
    assert_eq!(chosen, [false, true, false]);
    assert_eq!(x["conditions"][0]["settings"]["rate"], "0.1");
    assert_eq!(x["conditions"][0]["seeds"], serde_json::json!([0, 1, 2]));
    assert_eq!(counts(&made(TUNED)), (Some(12), Some(12)));
    // The chosen value by itself is the same runs.
    let fixed = TUNED.replace("tune {0.001, 0.1, 30}", "0.1").replace("  tuning = maximize last(held)\n", "");
    let fixed = made(&fixed.replace("  tuning_seeds = 2\n", ""));
    assert_eq!(counts(&fixed), (Some(6), Some(6)));
    assert_eq!(numbers(&fixed), numbers(&first));
    // One candidate more is tried alone.
    let more = made(&TUNED.replace("30}", "30, 0.01}"));
    assert_eq!(counts(&more), (Some(14), Some(12)));
    assert_eq!(more["provenance"]["registered"], false);
}

/// Seeds that are added after the first were judged are told of, registered or not, unless the test allows it.
#[test]
fn seeds_that_were_added_after_a_look_are_told_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let (spec, store) = (folder.path().join("grow.trine"), folder.path().join("store"));
    let asked = "hypothesis h {\n  expect mean(last(e.accuracy[bp])) > 0.1 at 95 %\n}\n\nhypothesis any {\n  expect mean(last(e.accuracy[bp])) > 0.1 at 95 %, anytime\n}\n";
    let text = format!("{GRID}\n{asked}").replace("10 epochs", "1 epochs");
    let standings = |seeds: usize| {
        std::fs::write(&spec, text.replace("seeds = 10", &format!("seeds = {seeds}"))).expect("a file");
        let r = report(&spec, &store);
        let of = |i: usize| r["hypotheses"][i]["standing"].as_str().expect("a word").to_string();
        [of(0), of(1)]
    };
    assert_eq!(standings(6), ["unregistered", "unregistered"]);
    assert_eq!(standings(8), ["extended", "unregistered"]);
    assert_eq!(standings(6), ["unregistered", "unregistered"]);
}
