//! `backprop`'s update is the gradient, on any feed-forward graph.

use crate::graphs::{recipes, spec};
use crate::sim::{Sim, close, difference, dot, draw, single};
use proptest::prelude::*;
use std::fmt::Write;
use trine::ops::Distribution;

/// The derivative of the batch's loss along a direction of all slots, by central differences of fourth order.
pub fn slope(sim: &Sim, rows: &[usize], along: &[Vec<f64>]) -> f64 {
    slope_by(sim, rows, along, 1e-4)
}

fn slope_by(sim: &Sim, rows: &[usize], along: &[Vec<f64>], h: f64) -> f64 {
    let at = |by: f64| {
        let mut moved = sim.clone();
        for (slot, d) in moved.slots.iter_mut().zip(along) {
            slot.iter_mut().zip(d).for_each(|(x, d)| *x += by * d);
        }
        moved.loss(rows)
    };
    (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
}

/// Whether a kink of the loss lies so near that differences do not tell its slope.
pub fn kinked(sim: &Sim, rows: &[usize], along: &[Vec<f64>]) -> bool {
    let at = |by: f64| {
        let mut moved = sim.clone();
        for (slot, d) in moved.slots.iter_mut().zip(along) {
            slot.iter_mut().zip(d).for_each(|(x, d)| *x += by * d);
        }
        moved.loss(rows)
    };
    let h = 2e-4;
    let here = at(0.0);
    let (left, right) = ((here - at(-h)) / h, (at(h) - here) / h);
    // Of a smooth function these differ by h times the second derivative, and half as much at half of h.
    let (near_left, near_right) = ((here - at(-h / 2.0)) / (h / 2.0), (at(h / 2.0) - here) / (h / 2.0));
    let (wide, near) = (right - left, near_right - near_left);
    (wide - 2.0 * near).abs() > 1e-6 * (1.0 + left.abs() + right.abs())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn backprop_is_the_gradient_on_random_graphs(recipe in recipes()) {
        let s = spec(&recipe);
        let mut measures = String::new();
        for (p, weights) in &s.projections {
            for w in *weights {
                writeln!(measures, "  measure off_{p}_{w} = sumsq(proposed({p}.{w}) + gradient({p}.{w})) on train").expect("a text");
                writeln!(measures, "  measure size_{p}_{w} = sumsq(gradient({p}.{w})) on train").expect("a text");
            }
        }
        for h in &s.hidden {
            writeln!(measures, "  measure off_{h} = sumsq(proposed({h}) + gradient({h}.drive)) on train").expect("a text");
            writeln!(measures, "  measure size_{h} = sumsq(gradient({h}.drive)) on train").expect("a text");
        }
        let text = s.text("backprop(sgd(1))", &measures);
        let sim = single(&text);
        let rows: Vec<usize> = (0..recipe.examples).collect();
        let names = sim.plan.measures.iter().flat_map(|m| m.names.clone());
        for name in names.filter_map(|n| n.strip_prefix("off_").map(str::to_string)) {
            let (off, size) = (sim.measure(&format!("off_{name}"), &rows), sim.measure(&format!("size_{name}"), &rows));
            for (off, size) in off.iter().zip(&size) {
                prop_assert!(off.sqrt() <= 1e-10 * size.sqrt().max(1e-6), "{name}: {off:e} of {size:e}\n{text}");
            }
        }
        // One direction through each weight, and one through all.
        let after = sim.proposal(&rows);
        for chosen in 0..=sim.slots.len() {
            let mut along: Vec<Vec<f64>> = sim.slots.iter().map(|s| vec![0.0; s.len()]).collect();
            for (i, a) in along.iter_mut().enumerate().filter(|(i, _)| *i == chosen || chosen == sim.slots.len()) {
                *a = draw(Distribution::Normal, &format!("direction {i}"), 0, a.len());
            }
            let expected: f64 = (0..along.len()).map(|i| -dot(&difference(&after[i], &sim.slots[i]), &along[i])).sum();
            let found = slope(&sim, &rows, &along);
            let size = 1.0 + expected.abs() + sim.loss(&rows).abs();
            // Where only the second derivative jumps, smaller steps tell the slope.
            let near = |s: &Sim| (slope_by(s, &rows, &along, 2e-6) - expected).abs() < 1e-7 * size;
            if (found - expected).abs() > 1e-7 * size && !kinked(&sim, &rows, &along) && !near(&sim) {
                prop_assert!(false, "slope {found} but update {expected} in slot {chosen}\n{text}");
            }
        }
    }
}

#[test]
fn a_deep_chain_of_repeated_layers_has_its_gradient() {
    let text = "language 0.1\nuse std.rules: backprop\n\ntask t() {\n  draw x: [3] ~ normal(0, 1)\n  draw y: [2] ~ normal(0, 1)\n  \
        split train 4\n}\n\narchitecture deep(x: [n], depth: Nat) {\n  population h[0]: [4] = tanh(dense(x))\n  \
        for i in 1..depth { population h[i]: [4] = h[i - 1] + tanh(dense(h[i - 1])) }\n  output z: [2] = dense(h[depth])\n}\n\n\
        experiment e {\n  task = t()\n  architecture = deep(task.x, 12)\n  objective = minimize squared_error(z, task.y)\n  \
        rule = backprop(sgd(1))\n  train = 1 epochs\n  batch = 4\n  seeds = 1\n  precision = float64\n}\n";
    let sim = single(text);
    let rows = [0, 1, 2, 3];
    let after = sim.proposal(&rows);
    for chosen in 0..sim.slots.len() {
        let mut along: Vec<Vec<f64>> = sim.slots.iter().map(|s| vec![0.0; s.len()]).collect();
        along[chosen] = draw(Distribution::Normal, &format!("direction {chosen}"), 0, along[chosen].len());
        let expected = -dot(&difference(&after[chosen], &sim.slots[chosen]), &along[chosen]);
        close("slope", &[slope(&sim, &rows, &along)], &[expected], 1e-7);
    }
}

/// What is measured of every condition unasked: written out over all weights of hidden populations, and 1 for the
/// gradient's own rule.
#[test]
fn the_implied_cosine_is_that_of_what_is_proposed_and_the_descent() {
    let of = |rule: &str| {
        single(&format!(
            "language 0.1\nuse std.rules: backprop, feedback_alignment\n\ntask t() {{\n  draw x: [4] ~ normal(0, 1)\n  \
             draw y: [2] ~ normal(0, 1)\n  split train 6\n}}\n\narchitecture net(x: [4]) {{\n  \
             population h: [5] = tanh(dense(x) as w)\n  output z: [2] = dense(h)\n}}\n\nexperiment e {{\n  task = t()\n  \
             architecture = net(task.x)\n  objective = minimize squared_error(z, task.y)\n  rule = {rule}(sgd(1))\n  \
             train = 1 epochs\n  batch = 6\n  seeds = 1\n  precision = float64\n  let u = concat(flatten(proposed(w.W)), \
             proposed(w.b))\n  let g = concat(flatten(gradient(w.W)), gradient(w.b))\n  \
             measure written = cosine(batch_mean(u), -batch_mean(g)) on train\n}}\n"
        ))
    };
    let rows: Vec<usize> = (0..6).collect();
    let value = |s: &Sim, name: &str| s.measure(name, &rows)[0];
    let fa = of("feedback_alignment");
    close("feedback", &[value(&fa, "cosine_to_gradient")], &[value(&fa, "written")], 1e-12);
    assert!(value(&fa, "written").abs() < 0.9, "the feedback is random");
    close("gradient", &[value(&of("backprop"), "cosine_to_gradient")], &[1.0], 1e-12);
}
