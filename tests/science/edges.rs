//! Derivatives where there is none, or where it does not matter: one convention each, the same either way round, and
//! the slope wherever there is one.

use crate::sim::single;

/// The slope of `e` by y at a value, as a measure of the compiler's.
fn slope(e: &str, at: f64) -> f64 {
    let s = single(&format!(
        "language 0.1
use std.rules: backprop

task t() {{
  draw u: Real ~ normal(0, 1)
  x: [1] = [1 + 0 * u]
  split train 1
}}

projection given(pre: [n], post: [n]) {{
  weight g: [n] = {at}
  drive = g * pre
}}

objective o(y: [k]) {{
  loss = {e}
}}

architecture net(x: [n]) {{
  output y: [n] = given(x) as w
}}

experiment e {{
  task = t()
  architecture = net(task.x)
  objective = minimize o(y)
  rule = backprop(sgd(0.1))
  train = 1 steps
  batch = 1
  precision = float64
  measure slope = sum(gradient(w.g))
}}
"
    ));
    s.measure("slope", &[0])[0]
}

#[track_caller]
fn is(e: &str, at: f64, wanted: f64) {
    let found = slope(e, at);
    assert!((found - wanted).abs() < 1e-9, "{e} at {at}: {found} is not {wanted}");
}

/// As torch.maximum and torch.amax share it.
#[test]
fn equals_share_the_slope_either_way_round() {
    for e in ["max(y, 1)", "max(1, y)", "min(y, 1)", "min(1, y)"] {
        is(&format!("sum({e})"), 1.0, 0.5);
    }
    is("sum(max(y, y))", 3.0, 1.0);
    is("largest([y[1], 1])", 1.0, 0.5);
    is("smallest([1, y[1], 1, y[1]])", 1.0, 0.5);
    for (e, below, above) in [("max(y, 1)", 0.0, 1.0), ("min(1, y)", 1.0, 0.0)] {
        is(&format!("sum({e})"), 0.5, below);
        is(&format!("sum({e})"), 1.5, above);
    }
}

/// As in PyTorch: relu and abs are flat at 0, and the branch that is taken has its slope.
#[test]
fn corners_are_flat_and_branches_are_those_taken() {
    is("sum(relu(y))", 0.0, 0.0);
    is("sum(abs(y))", 0.0, 0.0);
    is("sum(if y > 0 then 3 * y else 2 * y)", 0.0, 2.0);
    is("sum(if y >= 0 then 3 * y else 2 * y)", 0.0, 3.0);
}

#[test]
fn a_branch_that_is_not_taken_counts_for_nothing() {
    for e in [
        "if y > 2 then log(y - 1) else 2 * y",
        "if y > 2 then sqrt(y - 1) else 2 * y",
        "if y > 2 then 1 / (y - 1) else 2 * y",
        "if y > 2 then square(3 / (y - 1)) else 2 * y",
        "if y > 2 then (y - 1)^0.5 else 2 * y",
        "if y > 2 then (y - 1) * log(y - 1) else 2 * y",
        "if y > 2 then largest([log(y[1] - 1), 1]) else 2 * y",
        "if y < 0 then exp(1000 * y) else 2 * y",
        "if y < 0 then exp(1000 * y) * log(y - 1) else 2 * y",
    ] {
        is(&format!("sum({e})"), 1.0, 2.0);
    }
    is("sum(if y > 2 then log(y - 1) else 2 * y)", 3.0, 0.5);
    is("sum(if y > 2 then sqrt(y - 1) else 2 * y)", 5.0, 0.25);
}

/// As torch.norm and torch.pow have it.
#[test]
fn lengths_and_powers_at_zero() {
    for e in [
        "norm(y)",
        "sqrt(sum(square(y)))",
        "sqrt(dot(y, y))",
        "sqrt(2 * sum(square(y)))",
        "sqrt(mean(square(y)))",
        "sum(sqrt(square(y)))",
        "sum(y^0)",
        "sum(0^y)",
        "sum(atan2(y, y))",
    ] {
        is(e, 0.0, 0.0);
    }
    is("norm(y)", -2.0, -1.0);
    is("sum(y^3)", 0.0, 0.0);
    is("sum(y^2)", 0.0, 0.0);
    is("sum(y^1)", 0.0, 1.0);
    is("sum(2^y)", 1.0, 2.0 * 2f64.ln());
    is("sum(y^y)", 2.0, 4.0 * (2f64.ln() + 1.0));
    assert!(slope("sum(sqrt(y))", 0.0).is_infinite(), "a root of what is no square is as steep as it is");
}
