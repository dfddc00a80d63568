//! Stages of training: what is frozen stays, states of optimizers too, and the rest goes on as if it were alone.

use crate::sim::{Sim, conditions, difference, faults, single};

const SPEC: &str = "language 0.1
use std.rules: backprop, predictive_coding_incremental

task t() {
  draw x: [4] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 8
}

architecture net(x: [4]) {
  population h: [5] = tanh(dense(x))
  population g: [5] = tanh(dense(h) as middle)
  output z: [3] = dense(g)
}

experiment e {
  task = t()
  architecture = net(task.x)
  rule = RULE
  objective = minimize squared_error(z, task.y)
  train = STAGES
  batch = 8
  precision = float64
}
";

const ROWS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

fn of(rule: &str, stages: &str) -> Sim {
    single(&SPEC.replace("RULE", rule).replace("STAGES", stages))
}

/// The names of slots that one update moves.
fn moved(s: &mut Sim) -> Vec<String> {
    let before = s.slots.clone();
    s.step(&ROWS);
    let pairs = s.plan.slots.iter().zip(before.iter().zip(&s.slots));
    let far = |a: &[f64], b: &[f64]| difference(a, b).iter().any(|x| *x != 0.0);
    pairs.filter(|(_, (a, b))| far(a, b)).map(|(slot, _)| slot.name.clone()).collect()
}

#[test]
fn frozen_parts_keep_their_weights_and_their_momentum() {
    let stages = "{ all: 2 steps, top: 2 steps, frozen = { h, middle }, rest: 2 steps, frozen = z }";
    let mut s = of("backprop(momentum(0.1))", stages);
    for step in 0..6 {
        let names = moved(&mut s);
        let has = |what: &str| names.iter().any(|n| n.contains(what));
        let below = !(2..4).contains(&step);
        let wanted = [below, below, step < 4];
        for (what, wanted) in ["x -> h", "h -> g", "g -> z"].into_iter().zip(wanted) {
            assert_eq!(has(what), wanted, "step {step}: {what} in {names:?}");
        }
        assert_eq!(
            names.iter().filter(|n| n.contains("#")).count(),
            if wanted[0] { 4 } else { 0 } + if wanted[2] { 2 } else { 0 }
        );
    }
}

/// Freezing all but one part is training that part in an architecture whose others are frozen for good.
#[test]
fn a_frozen_stage_is_a_frozen_architecture() {
    let mut staged = of("backprop(momentum(0.1))", "{ top: 4 steps, frozen = [h, g] }");
    let text = SPEC.replace("RULE", "backprop(momentum(0.1))").replace("STAGES", "4 steps");
    let text = text.replace("dense(x)", "dense(x, frozen = true)").replace("dense(h)", "dense(h, frozen = true)");
    let mut fixed = conditions(&text).remove(0);
    for _ in 0..4 {
        staged.step(&ROWS);
        fixed.step(&ROWS);
    }
    assert_eq!(staged.slot("g -> z: W"), fixed.slot("g -> z: W"));
    assert_eq!(staged.slot("x -> h: W"), fixed.slot("x -> h: W"));
}

/// Weights that move while a phase settles are frozen there as well.
#[test]
fn weights_that_move_with_a_phase_are_frozen_in_it() {
    let mut s = of("predictive_coding_incremental()", "{ a: 2 steps, frozen = g, b: 1 steps }");
    assert!(moved(&mut s).iter().all(|n| !n.contains("h -> g")));
    assert!(moved(&mut s).iter().all(|n| !n.contains("h -> g")));
    assert!(moved(&mut s).iter().any(|n| n.contains("h -> g")));
}

#[test]
fn what_a_stage_cannot_have_is_refused() {
    let told = |stages: &str| faults(&SPEC.replace("RULE", "backprop()").replace("STAGES", stages));
    assert!(told("{ a: 1 epochs, frozen = hh, b: 1 epochs }").contains("no part `hh`"));
    assert!(told("{ a: 1 epochs, task = t() }").contains("a stage with a task of its own"));
    assert!(told("{ a: 1 epochs, batch = 4 }").contains("a stage has no setting `batch`"));
}
