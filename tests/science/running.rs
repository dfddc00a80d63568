//! `running` and what is normalised with it: of the batch in updates, of the past in measures.

use crate::sim::{Sim, close, single};

const SPEC: &str = "language 0.1
use std.rules: backprop

task t() {
  draw x: [4] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 10
}

architecture net(x: [4]) {
  population f: [3] = dense(x, frozen = true)
  population h: [3] = batch_norm(f, rate = 0.25)
  output z: [3] = dense(tanh(h))
}

experiment e {
  task = t()
  architecture = net(task.x)
  rule = backprop(sgd(0.1))
  objective = minimize squared_error(z, task.y)
  train = 4 steps
  batch = 5
  precision = float64
  measure first = h[1]
  measure second = h[2]
  measure third = h[3]
}
";

/// Mean and variance of each of three units over examples.
fn moments(f: &[f64], rows: usize) -> (Vec<f64>, Vec<f64>) {
    let of = |c: usize| (0..rows).map(move |r| f[r * 3 + c]);
    let mean: Vec<f64> = (0..3).map(|c| of(c).sum::<f64>() / rows as f64).collect();
    let variance = (0..3).map(|c| of(c).map(|v| (v - mean[c]).powi(2)).sum::<f64>() / rows as f64).collect();
    (mean, variance)
}

fn measured(s: &Sim, rows: &[usize]) -> Vec<Vec<f64>> {
    ["first", "second", "third"].iter().map(|m| s.measure(m, rows)).collect()
}

/// Ioffe & Szegedy 2015: a step normalises with its batch, inference with running means, which fade by a quarter a step.
#[test]
fn measures_normalise_with_what_batches_were() {
    let mut s = single(SPEC);
    let (mut mean, mut variance) = (vec![0.0; 3], vec![1.0; 3]);
    for rows in [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [0, 2, 4, 6, 8]] {
        let f = s.value("f.drive", &rows);
        let (m, v) = moments(&f, 5);
        let h = s.value("h.drive", &rows);
        let wanted: Vec<f64> = (0..15).map(|i| (f[i] - m[i % 3]) / (v[i % 3] + 1e-5).sqrt()).collect();
        close("a batch", &h, &wanted, 1e-12);
        s.step(&rows);
        for c in 0..3 {
            mean[c] += 0.25 * (m[c] - mean[c]);
            variance[c] += 0.25 * (v[c] - variance[c]);
        }
        close("means", s.slot("running h"), &mean, 1e-12);
        close("variances", s.slot("running h (2)"), &variance, 1e-12);
    }
    let rows = [1, 3];
    let f = s.value("f.drive", &rows);
    let seen = measured(&s, &rows);
    for c in 0..3 {
        let wanted: Vec<f64> = (0..2).map(|r| (f[r * 3 + c] - mean[c]) / (variance[c] + 1e-5).sqrt()).collect();
        close("a measure", &seen[c], &wanted, 1e-12);
    }
    // Alone or among others: the same.
    close("one example", &measured(&s, &[3])[0], &seen[0][1..], 1e-15);
}

#[test]
fn a_settling_population_has_no_running_mean() {
    let text = SPEC.replace(
        "population h: [3] = batch_norm(f, rate = 0.25)",
        "population h: [3] = relax { rate' = batch_norm(f - rate) }, 3, 0.1",
    );
    let told = crate::sim::faults(&text);
    assert!(told.contains("`h` settles, and what runs along with updates has no place in its steps"), "{told}");
}
