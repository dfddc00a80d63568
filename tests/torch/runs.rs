//! Whole runs by real engines: what papers claim of each rule, and that the same text gives the same bits.

use crate::sim::{Sim, single};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn run(file: &Path, more: &[&str]) -> Value {
    let store = tempfile::tempdir().expect("a folder");
    let out = Command::new(env!("CARGO_BIN_EXE_trine"))
        .args(["run", "-q", "--format", "json", "--store"])
        .arg(store.path())
        .args(more)
        .arg(file)
        .output()
        .expect("trine starts");
    let text = String::from_utf8_lossy(&out.stdout);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&out.stderr)))
}

pub fn run_text(text: &str, more: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("spec.trine");
    std::fs::write(&file, text).expect("a file");
    run(&file, more)
}

/// Measures of every condition, and nothing of times.
pub fn measures(report: &Value) -> Vec<Value> {
    let list = |v: &Value, key: &str| v[key].as_array().cloned().unwrap_or_default();
    let conditions = list(report, "experiments").iter().flat_map(|e| list(e, "conditions")).collect::<Vec<_>>();
    let found: Vec<Value> = conditions.iter().map(|c| c["measures"].clone()).collect();
    assert!(!found.is_empty() && found.iter().all(|m| m.is_object()), "{report}");
    found
}

/// Every spec of `tests/rules` states what a paper found; the runs must bear it out.
#[test]
fn what_papers_claim_of_their_rules_is_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the specs").flatten() {
        if entry.path().extension().is_none_or(|e| e != "trine") {
            continue;
        }
        let report = run(&entry.path(), &[]);
        for h in report["hypotheses"].as_array().expect("hypotheses") {
            assert_eq!(h["verdict"], "supported", "{:?}: {h:#}", entry.path());
            count += 1;
        }
    }
    assert!(count > 20, "only {count} statements");
}

const SMALL: &str = "language 0.1\nuse std.tasks: digits\nuse std.rules: backprop, feedback_alignment, redrawn_sign_feedback\n\n\
    architecture mlp(x: [n]) {\n  population h: [16] = tanh(dense(x))\n  output z: [10] = dense(h)\n}\n\n\
    experiment e {\n  task = digits()\n  architecture = mlp(task.image)\n  objective = minimize cross_entropy(z, task.label)\n  \
    rule = vary { bp: backprop(adam(0.01)), slow: backprop(adam(0.001)), fa: feedback_alignment(sgd(0.1)),\n    \
    br: redrawn_sign_feedback(sgd(0.1)) }\n  train = 40 steps\n  batch = 32\n  seeds = 4\n\n  \
    measure accuracy = argmax(z) == task.label on test, every 10 steps\n  \
    measure apart = angle(proposed(h), -gradient(h.drive)) on train, every 20 steps\n  measure error = loss on train, every 10 steps\n}\n";

#[test]
fn the_same_text_gives_the_same_bits() {
    let first = measures(&run_text(SMALL, &["--jobs", "1"]));
    assert_eq!(first, measures(&run_text(SMALL, &["--jobs", "1"])), "twice");
    assert_eq!(first, measures(&run_text(SMALL, &["--jobs", "2"])), "by two engines");
    assert_eq!(first, measures(&run_text(SMALL, &["--jobs", "1", "--threads", "2"])), "on two threads");
    // Comments, layout and the names of locals change nothing.
    let other = SMALL.replace("  seeds = 4\n", "  # fewer would do\n  seeds   =   4\n").replace("mlp", "perceptron");
    assert_eq!(first, measures(&run_text(&other, &[])), "written otherwise");
}

#[test]
fn a_replicate_does_not_know_what_runs_beside_it() {
    let all = measures(&run_text(SMALL, &[]));
    let few = measures(&run_text(SMALL, &["--seeds", "2"]));
    for (all, few) in all.iter().zip(&few) {
        for (name, m) in few.as_object().expect("measures") {
            let (a, f) = (&all[name]["values"], &m["values"]);
            assert_eq!(f.as_array().map(Vec::len), Some(2), "{m}");
            assert_eq!((&a[0], &a[1]), (&f[0], &f[1]), "{name}: seeds 0 and 1");
        }
    }
    // One condition alone, whose plan is shared with no other.
    let start = SMALL.find("vary {").expect("arms");
    let end = start + SMALL[start..].find('}').expect("an end") + 1;
    let alone = format!("{}backprop(adam(0.001)){}", &SMALL[..start], &SMALL[end..]);
    assert_eq!(measures(&run_text(&alone, &[]))[0], all[1]);
}

/// Weights without chance, and batches of all examples: what an engine computes must be what the slow evaluator
/// computes.
#[test]
fn engines_compute_what_the_slow_evaluator_computes() {
    let rules = [
        "backprop(sgd(0.3))",
        "backprop(momentum(0.1))",
        "backprop(nesterov(0.1))",
        "backprop(rmsprop(0.01))",
        "backprop(adam(0.02))",
        "backprop(adamw(0.02))",
        "backprop(clipped(adam(0.02), length = 0.1))",
        "uniform_sign_feedback(sgd(0.3))",
        "delta_rule(sgd(0.3))",
    ];
    for rule in rules {
        let name = rule.split('(').next().expect("a name");
        let text = format!(
            "language 0.1\nuse std.rules: {name}\n\n\
             projection sure(pre: [n], post: [m]) {{\n  \
             weight W: [m, n] = 0.7 * sin(2 + 3 * outer(rank(ones(post)), rank(ones(pre))))\n  weight b: [m] = 0.1\n  \
             drive = W @ pre + b\n}}\n\n\
             task t() {{\n  source table {{ x, k: [0.1, -1, 2], 0; [0.7, 0.3, 1], 1; [-0.4, 0.9, 0], 2; [1.2, -0.2, 1], 1 }}\n  \
             x: [3] = x\n  k: Label[3] = k\n  split train 4\n}}\n\n\
             architecture net(x: [n]) {{\n  population h1: [5] = tanh(sure(x))\n  population h2: [4] = gelu(sure(h1)) * 0.5 + softmax(sure(x))\n  \
             output z: [3] = sure(h2) + sure(h1)\n}}\n\n\
             experiment e {{\n  task = t()\n  architecture = net(task.x)\n  \
             objective = minimize cross_entropy(z, task.k) + l2(0.01) + 0.1 * huber(z, one_hot(task.k))\n  rule = {rule}\n  \
             train = 10 steps\n  batch = 4\n  seeds = 1\n  precision = float64\n\n  measure error = loss on train, every 1 steps\n  \
             measure size = sumsq(z) + sumsq(h2) on train, every 1 steps\n  \
             measure near = angle(proposed(h1), -gradient(h1.drive)) on train, every 1 steps\n}}\n"
        );
        let report = &measures(&run_text(&text, &[]))[0];
        let mut sim: Sim = single(&text);
        for step in 0..=10 {
            for measure in ["error", "size", "near"] {
                let found = report[measure]["values"][0][step].as_f64().expect("a number");
                let degrees = if measure == "near" { 180.0 / std::f64::consts::PI } else { 1.0 };
                let values = sim.measure(measure, &[0, 1, 2, 3]);
                let expected = values.iter().sum::<f64>() / values.len() as f64 * degrees;
                let off = (found - expected).abs();
                assert!(
                    off <= 1e-9 * (1.0 + expected.abs()),
                    "{rule}, {measure}, step {step}: {found}, not {expected}"
                );
            }
            sim.step(&[0, 1, 2, 3]);
        }
    }
}

/// Labels that are drawn are looked at as they come.
#[test]
fn a_label_out_of_its_range_ends_a_run_with_a_message() {
    let cases = [
        ("  stream\n", "", "a label lies in 0..2, and was outside at step"),
        ("", "  split train 64\n", "but Label[3] holds 0 to 2"),
    ];
    for (source, split, says) in cases {
        let text = format!(
            "language 0.1\nuse std.rules: backprop\n\ntask t() {{\n{source}  draw u: Real ~ uniform(0, 5)\n  x: [1] = [u]\n  l: Label[3] = \
             floor(u)\n{split}}}\n\narchitecture net(x: [n]) {{\n  output z: [3] = dense(x)\n}}\n\nexperiment e {{\n  task = t()\n  \
             architecture = net(task.x)\n  objective = minimize cross_entropy(z, task.l)\n  rule = backprop(sgd(0.1))\n  train = 20 \
             steps\n  seeds = 1\n\n  measure m = loss on train\n}}\n"
        );
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("spec.trine");
        std::fs::write(&file, text).expect("a file");
        let out =
            Command::new(env!("CARGO_BIN_EXE_trine")).args(["run", "-q"]).arg(&file).output().expect("trine starts");
        let told = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        assert!(!out.status.success() && told.contains(says), "{told}");
    }
}
