//! Objectives of parts: what learns in a part learns for its own objective alone, whatever the others are after.

use crate::sim::{Sim, close, difference, faults, single};

const SPEC: &str = "language 0.1
use std.rules: backprop, oja

task t() {
  draw x: [4] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 8
}

architecture net(x: [4]) {
  population h: [5] = tanh(dense(x))
  population g: [5] = tanh(dense(h))
  output z: [3] = dense(g)
}

experiment e {
  task = t()
  architecture = net(task.x)
  objective = OBJECTIVE
  rule = RULE
  train = STAGES
  batch = 8
  precision = float64
  measure apart = sumsq(proposed(h) + gradient(h.drive)) + sumsq(proposed(g) + gradient(g.drive))
}
";

const ROWS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];
const CODE: &str = "minimize 0.3 * sum(square(square(h) - 0.5)) + 0.2 * sumsq(g)";
const FIT: &str = "minimize squared_error(z, task.y) + l2(0.1)";
const MIXED: &str = "maximize dot(z, task.y) - sumsq(z)";

fn of(rule: &str, objective: &str, stages: &str) -> Sim {
    single(&SPEC.replace("RULE", rule).replace("OBJECTIVE", objective).replace("STAGES", stages))
}

fn parts(h: &str, g: &str, z: &str) -> String {
    format!("{{ h: {h}, g: {g}, z: {z} }}")
}

/// How far one update moves the weights into a population.
fn moved(s: &Sim, into: &str) -> Vec<f64> {
    let new = s.proposal(&ROWS);
    let of = s.plan.slots.iter().enumerate().filter(|(_, slot)| slot.name.contains(into) && !slot.name.contains('#'));
    of.flat_map(|(i, _)| difference(&new[i], &s.slots[i])).collect()
}

/// Every weight moves as if all of the network learned for the objective of its part.
#[test]
fn each_part_descends_its_own_objective() {
    let split = of("backprop(sgd(0.1))", &parts(CODE, FIT, MIXED), "4 steps");
    for (into, objective) in [("x -> h", CODE), ("h -> g", FIT), ("g -> z", MIXED)] {
        let alone = of("backprop(sgd(0.1))", objective, "4 steps");
        let (a, b) = (moved(&split, into), moved(&alone, into));
        assert!(a.iter().any(|x| x.abs() > 1e-4), "nothing moves into {into}");
        close(into, &a, &b, 1e-13);
    }
}

/// `gradient` and the loss that is reported speak of the same objectives.
#[test]
fn the_gradient_is_that_of_the_part() {
    let split = of("backprop(sgd(0.1))", &parts(CODE, FIT, MIXED), "4 steps");
    assert!(split.measure("apart", &ROWS).iter().all(|x| *x < 1e-24));
    let loss = |objective: &str| of("backprop(sgd(0.1))", objective, "4 steps").loss(&ROWS);
    close("loss", &[split.loss(&ROWS)], &[loss(CODE) + loss(FIT) + loss(MIXED)], 1e-13);
}

/// An adversary: what one part minimizes another maximizes.
#[test]
fn parts_may_be_after_opposite_ends() {
    let same = "squared_error(z, task.y) + 0.2 * sumsq(g)";
    let (down, up) = (format!("minimize {same}"), format!("maximize {same}"));
    let split = of("backprop(sgd(0.1))", &parts(&down, &up, &down), "4 steps");
    let alone = of("backprop(sgd(0.1))", &down, "4 steps");
    for (into, sign) in [("x -> h", 1.0), ("h -> g", -1.0), ("g -> z", 1.0)] {
        let wanted: Vec<f64> = moved(&alone, into).iter().map(|x| sign * x).collect();
        close(into, &moved(&split, into), &wanted, 1e-13);
    }
}

/// A rule without a loss needs no objective where it learns.
#[test]
fn parts_that_need_none_may_have_none() {
    let rule = "{ h: oja(optimizer = sgd(0.1)), g: backprop(sgd(0.1)), z: backprop(sgd(0.1)) }";
    let split = of(rule, &format!("{{ g: {FIT}, z: {FIT} }}"), "4 steps");
    let whole = of(rule, FIT, "4 steps");
    for into in ["h -> g", "g -> z"] {
        close(into, &moved(&split, into), &moved(&whole, into), 1e-13);
    }
    let text = SPEC.replace("RULE", "backprop()").replace("OBJECTIVE", &format!("{{ g: {FIT}, z: {FIT} }}"));
    let told = faults(&text.replace("STAGES", "4 steps"));
    assert!(told.contains("no objective is given for `x -> h`"), "{told}");
}

/// A stage may have an objective of its own; what is reported speaks of the last.
#[test]
fn stages_have_their_own_objectives() {
    let stages = format!("{{ code: 2 steps, objective = {CODE}, fit: 2 steps }}");
    let mut staged = of("backprop(sgd(0.1))", FIT, &stages);
    let mut first = of("backprop(sgd(0.1))", CODE, "2 steps");
    let mut then = of("backprop(sgd(0.1))", FIT, "2 steps");
    for _ in 0..2 {
        staged.step(&ROWS);
        first.step(&ROWS);
    }
    let weights = |s: &Sim| s.slots.concat();
    close("the first stage", &weights(&staged), &weights(&first), 1e-13);
    then.slots = first.slots.clone();
    for _ in 0..2 {
        staged.step(&ROWS);
        then.step(&ROWS);
    }
    close("the second stage", &weights(&staged), &weights(&then), 1e-13);
    close("loss", &[staged.loss(&ROWS)], &[then.loss(&ROWS)], 1e-13);
}
