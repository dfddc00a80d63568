//! `expectation(e)`: every outcome of what is drawn, weighed by its probability.

use crate::sim::{Sim, close, difference, dot, draw, faults, single};
use trine::ops::Distribution;

const SPEC: &str = "language 0.1
use std.rules: reinforce, backprop

## The policy gradient with all outcomes counted.
rule counted(optimizer: Optimizer = sgd(1)) {
  signal delta(n) where n.sampled = n.score
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post))))
  update p along expectation(reward * p.outer(delta(p.post), p.pre.rate)) by optimizer
}

objective hit(z: [k], label: Label[k]) {
  loss = dot(z, one_hot(label))
}

task t() {
  draw x: [4] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  label: Label[3] = argmax(y)
  split train 6
}

architecture net(x: [4]) {
  population a: [5] = tanh(dense(x))
  BODY
}

experiment e {
  task = t()
  architecture = net(task.x)
  rule = RULE
  objective = maximize hit(z, task.label)
  train = 1 epochs
  batch = 6
  precision = float64
  measure value = expectation(reward)
  MEASURES
}
";

const DRAWN: &str = "population h: [3] = sample bernoulli(sigmoid(dense(a) as low))
  output z: [3] = sample categorical(softmax(dense(h) as top))";

fn text(rule: &str, body: &str, measures: &str) -> String {
    SPEC.replace("RULE", rule).replace("BODY", body).replace("MEASURES", measures)
}

const ROWS: [usize; 6] = [0, 1, 2, 3, 4, 5];

fn moved_by(s: &Sim, along: &[Vec<f64>], by: f64) -> Sim {
    let mut t = s.clone();
    for (slot, d) in t.slots.iter_mut().zip(along) {
        slot.iter_mut().zip(d).for_each(|(x, d)| *x += by * d);
    }
    t
}

/// Williams 1992, theorem 1: REINFORCE's expected update is the gradient of the expected reward.
#[test]
fn the_expected_update_is_the_gradient_of_the_expected_reward() {
    for body in [
        DRAWN,
        "population h: [3] = sample bernoulli(0.1 + 0.8 * square(tanh(dense(a))))\n  population g: [4] = tanh(dense(h))\n  \
         output z: [3] = sample categorical(softmax(dense(g) + dense(a)))",
    ] {
        let s = single(&text("counted()", body, ""));
        let after = s.proposal(&ROWS);
        let step: Vec<Vec<f64>> = after.iter().zip(&s.slots).map(|(a, b)| difference(a, b)).collect();
        let value = |s: &Sim| s.measure("value", &ROWS).iter().sum::<f64>() / 6.0;
        for turn in 0..3 {
            let along: Vec<Vec<f64>> = (0..step.len())
                .map(|i| draw(Distribution::Normal, &format!("along {i}"), turn, step[i].len()))
                .collect();
            let h = 1e-3;
            let at = |by: f64| value(&moved_by(&s, &along, by));
            let seen = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
            let told: f64 = step.iter().zip(&along).map(|(a, b)| dot(a, b)).sum();
            assert!((seen - told).abs() < 1e-8 * (1.0 + seen.abs()), "{told} against {seen}");
        }
    }
}

/// What the library's rule proposes, averaged over outcomes, does not depend on its baseline.
#[test]
fn reinforce_is_right_in_expectation() {
    let measures = "measure off = sumsq(expectation(proposed(low.W)) - expectation(reward * low.outer(h.score, a).W))
  measure size = sumsq(expectation(proposed(low.W)))
  measure all = expectation(1 + reward * reward - square(reward))";
    let mut s = single(&text("reinforce(0.05, sgd(1))", DRAWN, measures));
    for baseline in [0.0, 3.0] {
        s.set("expected", vec![baseline]);
        // The mean of a batch stands within each square.
        assert!(s.measure("off", &ROWS)[0] < 1e-20 * s.measure("size", &ROWS)[0].max(1.0));
        assert!(s.measure("size", &ROWS)[0] > 1e-4);
        close("probabilities", &s.measure("all", &ROWS), &[1.0; 6], 1e-12);
    }
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let many = "population h: [40] = sample bernoulli(sigmoid(dense(a)))\n  output z: [3] = dense(h)";
    assert!(faults(&text("reinforce()", many, "")).contains("more than 1024 outcomes of `h` are too many to count"));
    let several = "population h: [9] = sample bernoulli(sigmoid(dense(a)))\n  \
                   output z: [3] = sample categorical(softmax(dense(h)))";
    assert!(faults(&text("reinforce()", several, "")).contains("more than 1024 outcomes of `h` and `z`"));
    let smooth = "population h: [2] = sample gaussian(dense(a), 1)\n  output z: [3] = dense(h)";
    assert!(faults(&text("reinforce()", smooth, "")).contains("`h` is drawn from a continuum"));
    // Where nothing is drawn there is one outcome.
    let s = single(&text("backprop()", "output z: [3] = dense(a)", "measure plain = reward"));
    close("one outcome", &s.measure("value", &ROWS), &s.measure("plain", &ROWS), 1e-15);
}
