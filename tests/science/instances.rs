//! Architectures that are made twice, and turns of a repetition: each has projections of its own under one name.

use crate::sim::{close, faults, single};

const TASK: &str = "language 0.1
use std.rules: backprop

task t() {
  draw x: [3] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 6
}

experiment e {
  task = t()
  architecture = net(task.x)
  objective = minimize squared_error(z, task.y) + 0.1 * sumsq(SECOND)
  rule = backprop(sgd(0.1))
  train = 3 steps
  batch = 6
  precision = float64
  measure first = sumsq(FIRST)
  measure second = sumsq(SECOND)
  measure along = sumsq(gradient(SECOND) + proposed(SECOND))
}
";

const ROWS: [usize; 6] = [0, 1, 2, 3, 4, 5];

fn text(architectures: &str, first: &str, second: &str) -> String {
    let task = TASK.replace("FIRST", first).replace("SECOND", second).replace("measure along", "measure apart");
    format!("{task}\n{architectures}")
}

/// An architecture that is made twice is two that are written out.
#[test]
fn every_instance_has_its_own_projections() {
    let block = "architecture block(x: [n]) {
  population s: [n] = relax { rate' = D.apply(x) - 0.5 * D.adjoint(rate) - rate }, 3, 0.3
  population h: [n] = tanh(linear(s) as D)
  output r: [n] = linear(h, tied = D)
}
";
    let twice = "architecture net(x: [n]) {
  p = block(x)
  q = block(p.r)
  output z: [n] = p.r + q.r
}
";
    let whole = "architecture net(x: [n]) {
  population s1: [n] = relax { rate' = D.apply(x) - 0.5 * D.adjoint(rate) - rate }, 3, 0.3
  population h1: [n] = tanh(linear(s1) as D)
  population r1: [n] = linear(h1, tied = D)
  population s2: [n] = relax { rate' = E.apply(r1) - 0.5 * E.adjoint(rate) - rate }, 3, 0.3
  population h2: [n] = tanh(linear(s2) as E)
  population r2: [n] = linear(h2, tied = E)
  output z: [n] = r1 + r2
}
";
    let mut nested = single(&text(&format!("{block}\n{twice}"), "p.D.W", "q.D.W"));
    let mut flat = single(&text(whole, "D.W", "E.W"));
    same_course(&mut nested, &mut flat);
}

/// So is a repetition that is written out turn by turn.
#[test]
fn every_turn_has_its_own_projections() {
    let turns = "architecture net(x: [n]) {
  population r[0]: [n] = 1 * x
  for i in 1..2 {
    population s[i]: [n] = relax { rate' = D.apply(r[i - 1]) - 0.5 * D.adjoint(rate) - rate }, 3, 0.3
    population h[i]: [n] = tanh(linear(s[i]) as D)
    population r[i]: [n] = linear(h[i], tied = D)
  }
  output z: [n] = r[1] + r[2]
}
";
    let whole = turns
        .replace("  for i in 1..2 {\n", "")
        .replace("    population", "  population")
        .replace("  }\n  output", "  output");
    let body: Vec<&str> = whole.lines().filter(|l| l.contains("[i]")).collect();
    let turn = |i: usize| body.join("\n").replace("[i - 1]", &format!("[{}]", i - 1)).replace("[i]", &format!("[{i}]"));
    let first = turn(1);
    let second = turn(2).replace("D.", "E.").replace("as D", "as E").replace("tied = D", "tied = E");
    let flat = whole.replace(&body.join("\n"), &format!("{first}\n{second}"));
    let mut turned = single(&text(turns, "D[1].W", "D[2].W"));
    let mut flat = single(&text(&flat, "D.W", "E.W"));
    same_course(&mut turned, &mut flat);
}

/// The same numbers from the same weights, for three updates.
fn same_course(a: &mut crate::sim::Sim, b: &mut crate::sim::Sim) {
    assert_eq!(a.slots.len(), b.slots.len());
    b.slots = a.slots.clone();
    for _ in 0..3 {
        close("loss", &[a.loss(&ROWS)], &[b.loss(&ROWS)], 1e-13);
        for m in ["first", "second"] {
            close(m, &a.measure(m, &ROWS), &b.measure(m, &ROWS), 1e-13);
        }
        assert!((a.measure("first", &ROWS)[0] - a.measure("second", &ROWS)[0]).abs() > 1e-3);
        assert!(a.measure("apart", &ROWS).iter().all(|x| *x < 1e-20), "{:?}", a.measure("apart", &ROWS));
        a.step(&ROWS);
        b.step(&ROWS);
    }
    close("weights", &a.slots.concat(), &b.slots.concat(), 1e-13);
}

#[test]
fn a_name_is_given_once() {
    let net = "architecture net(x: [n]) {
  population h: [n] = tanh(linear(x) as D)
  output z: [n] = linear(h) as D
}
";
    let told = faults(&text(net, "D.W", "D.W"));
    assert!(told.contains("T0202") && told.contains("`D` is said twice"), "{told}");
}
