//! Sizes that are solved for, numbers that nested declarations count to, and what may be made of all examples.

use crate::sim::{close, faults, single};

const TASK: &str = "language 0.1
use std.rules: backprop

task t() {
  draw x: [6] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 5
}
";

const EXPERIMENT: &str = "
experiment e {
  task = t()
  architecture = net(ARGUMENTS)
  objective = minimize OBJECTIVE
  rule = backprop(sgd(0.1))
  train = 2 steps
  batch = 5
  precision = float64
  measure off = norm(batch_mean(proposed(out.W)) + batch_mean(gradient(out.W)))
MEASURES}
";

const NET: &str = "
architecture net(x: [n]) {
  output z: [3] = dense(x) as out
}
";

const ROWS: [usize; 5] = [0, 1, 2, 3, 4];

fn spec(net: &str, arguments: &str, objective: &str, measures: &str) -> String {
    let e = EXPERIMENT.replace("ARGUMENTS", arguments).replace("OBJECTIVE", objective).replace("MEASURES", measures);
    format!("{TASK}{net}{e}")
}

#[test]
fn a_size_is_solved_from_that_of_a_port() {
    let net = |port: &str, units: &str| {
        format!(
            "\narchitecture net(x: [{port}]) {{\n  population h: [{units}] = tanh(dense(x))\n  output z: [3] = dense(h) as out\n}}\n"
        )
    };
    let of = |port: &str, units: &str| spec(&net(port, units), "task.x", "squared_error(z, task.y)", "");
    for (port, units, wanted) in
        [("2 * n", "n", 3), ("2 * n + 2", "n", 2), ("n / 2", "n", 12), ("3 * (n - 1)", "n + 1", 4)]
    {
        let s = single(&of(port, units));
        assert_eq!(s.slot("x -> h: b").len(), wanted, "[{port}]");
    }
    let told = faults(&of("4 * n", "n"));
    assert!(told.contains("`x` needs size 4 * n here, but this is [6]") && told.contains("6 is not 4 * n"), "{told}");
}

/// What an inner declaration counts to may be a number of the outer one, with a default or without.
#[test]
fn numbers_are_handed_to_repetitions() {
    for default in ["", " = 2"] {
        let net = format!(
            "
function stacked(x: [n], times: Nat{default}) = sum(k in 1..times: k * x)

architecture inner(x: [n], units: Nat, branches: Nat{default}) {{
  for b in 1..branches {{
    population h[b]: [units] = tanh(dense(x))
  }}
  output out: [units] = sum(b in 1..branches: h[b]) + h[branches]
}}

architecture net(x: [n], branches: Nat{default}) {{
  one = inner(x, 4, branches)
  output z: [3] = dense(stacked(one.out, branches)) as out
}}
"
        );
        let s = single(&spec(&net, "task.x, branches = 3", "squared_error(z, task.y)", ""));
        assert!(s.plan.slots.iter().any(|x| x.name == "x -> one.h[3]: W"));
    }
}

/// Everything that is said of all examples is compiled, and what its rule proposes is the gradient of the batch.
#[test]
fn objectives_over_examples_run() {
    for loss in [
        "mean(examples(z))",
        "mean((k - mean(k)) * k)",
        "relu(1 - dot(z, z)) + sum(relu(1 + s)) / (sum(ones(s)) - 1)",
        "mean(square(examples(z)), over = 1)[1]",
        "logsumexp(s) + dot(softmax(s), s) - largest(log_softmax(s))",
        "norm(examples(z)) / mean(ones(k))",
    ] {
        let objective = format!(
            "\nobjective pairs(z: [n]) {{\n  let k = exp(-dissimilarities(z))\n  let s = examples(z) @ z\n  loss = {loss} + 0 * sum(k) + 0 * sum(s)\n}}\n"
        );
        let mut s = single(&spec(&format!("{NET}{objective}"), "task.x", "pairs(z)", ""));
        for _ in 0..2 {
            close(loss, &[1.0 + s.measure("off", &ROWS)[0]], &[1.0], 1e-9);
            s.step(&ROWS);
        }
    }
    let measures = "  measure same = sqrt(sumsq(examples(z)))\n  measure count = sum(ones(dissimilarities(z)))\n  \
                    measure first = argmax(examples(z[1])) >= 0\n  measure place = sum(rank(examples(z[1])))\n";
    let s = single(&spec(NET, "task.x", "squared_error(z, task.y)", measures));
    assert_eq!((s.measure("count", &ROWS)[0], s.measure("place", &ROWS)[0]), (25.0, 15.0));
}

#[test]
fn what_would_have_to_count_the_examples_is_refused_where_it_stands() {
    for (e, why) in [
        ("norm(flatten(examples(z)))", "this has an axis of 3 * batch"),
        ("examples(z)[1, 1]", "this takes some of the examples by their number"),
        ("sum(identity(size(examples(z))))", ""),
        ("sum(unfold(examples(z), 1, 2))", "batch"),
    ] {
        let told = faults(&spec(NET, "task.x", "squared_error(z, task.y)", &format!("  measure m = {e}\n")));
        assert!(told.contains("error[") && told.contains(why), "{e}: {told}");
        assert!(!told.contains("T0703"), "{e}: {told}");
    }
}
