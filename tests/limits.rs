//! Short texts that ask for much: what is written once is looked at once, however often it is used, and what would need
//! more than a machine has is refused. Where this failed, the tests would not end in anybody's lifetime.

use std::process::{Command, Stdio};

/// The exit code of a check, and the diagnostics as `code: message`.
fn check(spec: &str) -> (i32, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("spec.trine"), spec).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_trine"))
        .args(["check", "--color", "never", "--format", "json", "spec.trine"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("trine starts");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let told = found["diagnostics"].as_array().into_iter().flatten();
    let line = |d: &serde_json::Value| {
        format!("{}: {}", d["code"].as_str().unwrap_or(""), d["message"].as_str().unwrap_or(""))
    };
    (output.status.code().unwrap_or(-1), told.map(line).collect())
}

/// A spec that trains a linear readout, with more declarations, and more lines in the experiment.
fn spec(declarations: &str, optimizer: &str, lines: &str) -> String {
    format!(
        "language 0.1\nuse std.tasks: digits\nuse std.rules: backprop\n\n{declarations}\
         architecture readout(x: [n], classes: Nat) {{\n  output z: [classes] = dense(x)\n}}\n\n\
         experiment e {{\n  task = digits()\n  architecture = readout(task.image, classes = 10)\n  \
         objective = minimize cross_entropy(z, task.label)\n  rule = backprop({optimizer})\n  train = 2 epochs\n{lines}}}\n"
    )
}

fn sound(spec: &str) {
    assert_eq!(check(spec), (0, vec![]), "{spec}");
}

#[test]
fn functions_that_call_the_one_before_twice() {
    let chain = (1..60).map(|i| format!("function f{i}(u: [n]) = f{}(u) + f{}(u)\n", i - 1, i - 1));
    let chain: String = std::iter::once("function f0(u: [n]) = tanh(u)\n".to_string()).chain(chain).collect();
    sound(&spec(&chain, "sgd(0.1)", "  measure m = f59(z) on test\n"));
}

#[test]
fn definitions_that_read_the_one_before_three_times() {
    let chain: String = (1..60).map(|i| format!("  let a{i} = a{0} + a{0} + a{0}\n", i - 1)).collect();
    sound(&spec("", "sgd(0.1)", &format!("  let a0 = norm(z)\n{chain}  measure m = a59 on test\n")));
    // A letter makes it another value, and within a sum it is none of its letters.
    let chain: String = (1..60).map(|i| format!("  let b{i}(k) = b{0}(k) * b{0}(k) + b{0}(1)\n", i - 1)).collect();
    let sum = "  let all = b59(1)\n  measure m = sum(k in 1..1000: k * all) on test\n";
    sound(&spec("", "sgd(0.1)", &format!("  let b0(k) = k * norm(z)\n{chain}{sum}")));
}

#[test]
fn optimizers_that_use_the_one_before_twice() {
    let link = |i: usize| {
        format!("optimizer o{i}(inner: Optimizer = o{}()) {{\n  move inner(direction) + inner(direction)\n}}\n", i - 1)
    };
    let first = "optimizer o0(rate: Real = 0.1) {\n  state v = 0\n  v = 0.9 * v + direction\n  move rate * v\n}\n";
    let chain: String = std::iter::once(first.to_string()).chain((1..60).map(link)).collect();
    sound(&spec(&chain, "o59()", ""));
}

#[test]
fn faults_at_the_bottom_are_told_once() {
    let chain: String = (1..60).map(|i| format!("  let a{i} = a{0} + a{0} + a{0}\n", i - 1)).collect();
    let (status, told) =
        check(&spec("", "sgd(0.1)", &format!("  let a0 = missing\n{chain}  measure m = a59 on test\n")));
    assert_eq!((status, told), (1, vec!["T0201: `missing` is not defined".to_string()]));
}

#[test]
fn a_rule_through_a_thousand_layers() {
    let net = "architecture deep(x: [n], depth: Nat, classes: Nat) {\n  population h[1]: [8] = tanh(dense(x))\n  \
               for i in 2..depth {\n    population h[i]: [8] = tanh(dense(h[i - 1]))\n  }\n  output z: [classes] = dense(h[depth])\n}\n";
    let text =
        spec(net, "sgd(0.1)", "").replace("readout(task.image, classes = 10)", "deep(task.image, 1000, classes = 10)");
    let (status, told) = check(&text);
    assert_eq!((status, told.iter().filter(|t| !t.starts_with("T0203")).count()), (0, 0), "{told:?}");
}

#[test]
fn what_needs_itself_is_told_with_the_way_back() {
    for (lines, way) in [
        ("  let q(k) = q(k)\n  measure m = q(1) on test\n", "`q` needs its own value: `q` -> `q`"),
        (
            "  let a = 2 * b\n  let b = c + 1\n  let c = a\n  measure m = a on test\n",
            "`a` needs its own value: `a` -> `b` -> `c` -> `a`",
        ),
    ] {
        assert_eq!(check(&spec("", "sgd(0.1)", lines)), (1, vec![format!("T0408: {way}")]));
    }
    let (status, told) = check("language 0.1\nfunction f(u: [n]) = g(u) + g(u)\nfunction g(u: [n]) = f(u) + f(u)\n");
    assert_eq!(status, 1);
    assert!(told.iter().all(|t| t.starts_with("T0408: ") && t.contains("needs its own value")), "{told:?}");
    // Other letters every time: it must end.
    let (_, told) = check(&spec("", "sgd(0.1)", "  let q(k) = q(k + 1) + q(k + 1)\n  measure m = q(1) on test\n"));
    assert!(told[0].starts_with("T0408: `q` calls itself more than 1000 times over"), "{told:?}");
    sound(&spec(
        "",
        "sgd(0.1)",
        "  let q(k) = if k == 0 then norm(z) else 2 * q(k - 1)\n  measure m = q(100) on test\n",
    ));
}

#[test]
fn more_than_a_machine_has() {
    let sums = "  measure m = sum(a in 1..9000: sum(b in 1..9000: sum(c in 1..9000: a * b * c * norm(z)))) on test\n";
    let (status, told) = check(&spec("", "sgd(0.1)", sums));
    assert_eq!(status, 1);
    assert_eq!(told, ["T0104: this asks for more than 2,000,000 operations for one example"]);
}
