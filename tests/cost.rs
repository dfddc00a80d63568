//! `trine check --cost`: what a spec takes and can find, before anything is spent.

use serde_json::Value;
use std::process::Command;

const SPEC: &str = "language 0.1
use std.rules: backprop

task t() {
  draw x: [8] ~ normal(0, 1)
  draw y: [2] ~ normal(0, 1)
  split train 100, test 50
}

architecture net(x: [n]) {
  output z: [2] = dense(x)
}

experiment e {
  task = t()
  architecture = net(task.x)
  objective = minimize squared_error(z, task.y)
  rule = vary { slow: backprop(sgd(0.01)), fast: backprop(sgd(0.1)) }
  train = 5 epochs
  batch = 10
  seeds = 6

  measure error = norm(z - task.y) on test
}

hypothesis faster {
  expect mean(last(e.error[fast])) < mean(last(e.error[slow])) at 95 %
}
";

#[test]
fn costs_are_those_of_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec.trine");
    std::fs::write(&path, SPEC).unwrap();
    let check = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trine"));
        let out = command.args(["check", "--cost"]).args(more).arg(&path).output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let found: Value = serde_json::from_str(&check(&["--format", "json"])).unwrap();
    let conditions = found["conditions"].as_array().unwrap();
    assert_eq!(conditions.iter().map(|c| &c["condition"]).collect::<Vec<_>>(), ["slow", "fast"]);
    for c in conditions {
        assert_eq!((&c["parameters"], &c["steps"], &c["seeds"]), (&18.into(), &50.into(), &6.into()));
        // Forward and the gradient of the weights: 2 x 8 multiply-adds an example each, besides work on single units.
        let operations = c["operations"].as_u64().unwrap();
        let products = 500 * 2 * 16;
        assert!((products..4 * products).contains(&operations), "{operations}");
        // At least the weights and a mini-batch.
        assert!(c["memory"].as_u64().unwrap() >= 4 * (18 + 10 * 10), "{c}");
    }
    let expectation = &found["expectations"][0];
    assert_eq!((&expectation["seeds"], &expectation["power"]), (&6.into(), &Value::Null));
    // The paired t test with 6 seeds at 5 %, two-sided: G*Power 3.1 gives d = 1.435 for a power of 0.8.
    let d = expectation["detectable"].as_f64().unwrap();
    assert!((d - 1.435).abs() < 0.01, "{d}");
    // scipy 1.17.1: stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, d * sqrt(n)), and the first n at which that is 0.8.
    let effects = expectation["effects"].as_array().unwrap();
    let all = |name: &str| effects.iter().map(|e| e[name].as_f64().unwrap()).collect::<Vec<_>>();
    assert_eq!(all("size"), [0.5, 0.8, 1.0, 1.5]);
    assert_eq!(all("needed"), [34.0, 15.0, 10.0, 6.0]);
    let expected = [0.169324, 0.356030, 0.506817, 0.832529];
    assert!(all("power").iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-5), "{effects:?}");
    // An engine takes more than what it trains.
    assert!(conditions.iter().all(|c| c["engine"].as_u64().unwrap() > 250 << 20));
    let text = check(&["--jobs", "1", "--threads", "1", "--device", "cpu", "--store", "nowhere"]);
    assert!(text.contains("seeds for 80 %                  34        15        10         6\n"), "{text}");
    let two = check(&["--format", "json", path.to_str().unwrap()]);
    let two: Value = serde_json::from_str(&two).unwrap();
    assert_eq!(two.as_array().map(Vec::len), Some(2));
    assert_eq!(two[0]["file"], path.to_str().unwrap());
    let text = check(&[]);
    assert!(text.starts_with("experiment  condition  parameters  steps"), "{text}");
    assert!(text.lines().all(|l| l.chars().count() <= 110), "{text}");
}
