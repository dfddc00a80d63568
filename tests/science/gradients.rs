//! `backprop`'s update is the gradient, on any feed-forward graph.

use crate::graphs::{recipes, spec};
use crate::random::cases;
use crate::sim::{Sim, close, difference, dot, draw, single};
use proptest::prelude::*;
use std::fmt::Write;
use trine::driver::check_text;
use trine::ops::Distribution;
use trine::plan::Plan;
use trine::plan::lower::lower;

/// Half the step of differences.
const STEP: f64 = 1e-4;

fn moved(sim: &Sim, along: &[Vec<f64>], by: f64) -> Sim {
    let mut moved = sim.clone();
    for (slot, d) in moved.slots.iter_mut().zip(along) {
        slot.iter_mut().zip(d).for_each(|(x, d)| *x += by * d);
    }
    moved
}

/// The derivative of the batch's loss along a direction of all slots, by central differences of fourth order.
pub fn slope(sim: &Sim, rows: &[usize], along: &[Vec<f64>]) -> f64 {
    let at = |by: f64| moved(sim, along, by).loss(rows);
    (8.0 * (at(STEP) - at(-STEP)) - (at(2.0 * STEP) - at(-2.0 * STEP))) / (12.0 * STEP)
}

/// The plan as it is lowered, before any pass, so that every operation of it can be looked at.
fn plain(text: &str) -> Plan {
    let mut c = check_text("spec.trine", text);
    let model = c.experiments[0].models[0].as_mut().expect("a model");
    lower(model).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// Whether no function with a corner passes it where differences along this direction look: what stands before each
/// corner keeps its side, or is zero throughout.
fn is_smooth(plan: &Plan, sim: &Sim, rows: &[usize], along: &[Vec<f64>]) -> bool {
    let corners = |by: f64| Sim { plan: plan.clone(), ..moved(sim, along, by) }.corners(rows);
    let sides = [-2.0, -1.0, 0.0, 1.0, 2.0].map(|k| corners(k * STEP));
    (0..sides[0].len()).all(|i| {
        let at = sides.each_ref().map(|s| s[i]);
        at.iter().all(|x| *x > 0.0) || at.iter().all(|x| *x < 0.0) || at.iter().all(|x| *x == 0.0)
    })
}

/// The update of backprop with a step of one against differences of the loss, one direction through each slot and one
/// through all. Slots for which `fixed` holds are no parameters.
///
/// Weights that are drawn meet corners seldom, but zeros meet them always: biases, and what units that are off hand on.
/// So every direction is looked at from the drawn point or one near it, the first where nothing has its corner.
#[track_caller]
pub fn descends(text: &str, sim: &Sim, rows: &[usize], fixed: &dyn Fn(&str) -> bool) {
    let (plan, count) = (plain(text), sim.slots.len());
    assert_eq!(plan.slots.len(), count);
    let is_fixed = |i: usize| fixed(&sim.plan.slots[i].name);
    for chosen in (0..=count).filter(|c| *c == count || !is_fixed(*c)) {
        let drawn = |what: &str, i: usize, wanted: bool| match wanted {
            true => draw(Distribution::Normal, &format!("{what} {i}"), sim.seed, sim.slots[i].len()),
            false => vec![0.0; sim.slots[i].len()],
        };
        let wanted = |i: usize| i == chosen || chosen == count && !is_fixed(i);
        let along: Vec<Vec<f64>> = (0..count).map(|i| drawn("direction", i, wanted(i))).collect();
        let near = |k: usize| {
            let away: Vec<Vec<f64>> = (0..count).map(|i| drawn(&format!("point {k}"), i, !is_fixed(i))).collect();
            moved(sim, &away, if k == 0 { 0.0 } else { 0.1 })
        };
        let point = (0..POINTS).map(near).find(|s| is_smooth(&plan, s, rows, &along));
        let point = point.unwrap_or_else(|| panic!("no point without a corner for slot {chosen}\n{text}"));
        let after = point.proposal(rows);
        let expected: f64 = (0..count).map(|i| -dot(&difference(&after[i], &point.slots[i]), &along[i])).sum();
        let found = slope(&point, rows, &along);
        let size = 1.0 + expected.abs() + point.loss(rows).abs();
        assert!(
            (found - expected).abs() <= 1e-7 * size,
            "slope {found} but update {expected} in slot {chosen}\n{text}"
        );
    }
}

/// How many points are looked at for one without a corner.
const POINTS: usize = 40;

proptest! {
    #![proptest_config(cases(64, "tests/random/gradients.txt"))]

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
        descends(&text, &sim, &rows, &|_| false);
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
