//! Populations that settle on each other: their joint course, what is held of it, and credit that goes through it.

use crate::settling::descends;
use crate::sim::{Sim, close, dot, single};

const NET: &str = "language 0.1
use std.rules: RULE

task t() {
  draw x: [4] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 6
}

architecture net(x: [4]) {
BODY
}

experiment e {
  task = t()
  architecture = net(task.x)
  rule = RULE(optimizer = sgd(1))
  objective = minimize squared_error(z, task.y)
  train = 1 epochs
  batch = 6
  precision = float64
MEASURES
}
";

const ROWS: [usize; 6] = [0, 1, 2, 3, 4, 5];

fn net(rule: &str, body: &str, measures: &str) -> Sim {
    single(&NET.replace("RULE", rule).replace("BODY", body).replace("MEASURES", measures))
}

/// Two layers that settle on each other, and one between them that follows at once.
const PAIR: &str = "  population a: [5] = relax { u' = dense(x) + 0.5 * linear(b) - u; rate = tanh(u) }, 6, 0.3
  population h: [2] = sigmoid(linear(a))
  population b: [3] = relax { rate' = linear(h) - rate }, 6, 0.2
  output z: [3] = dense(b)";

/// What the pair's equations say, in plain arithmetic. `hold` is what `b` is at each step, given what it would be;
/// `push` is added to the drive of `h`.
fn by_hand(sim: &Sim, hold: &dyn Fn(usize, f64) -> f64, push: f64) -> (Vec<f64>, Vec<f64>) {
    let (wx, bias) = (sim.slot("x -> a: W"), sim.slot("x -> a: b"));
    let (back, up, across) = (sim.slot("b -> a: W"), sim.slot("a -> h: W"), sim.slot("h -> b: W"));
    let x = sim.field("x", &ROWS);
    let times = |w: &[f64], v: &[f64], i: usize| dot(&w[i * v.len()..(i + 1) * v.len()], v);
    let (mut all_a, mut all_b) = (vec![], vec![]);
    for x in x.chunks(4) {
        let mut u = [0.0; 5];
        let mut b: Vec<f64> = (0..3).map(|i| hold(i, 0.0)).collect();
        for _ in 0..6 {
            let a: Vec<f64> = u.iter().map(|v: &f64| v.tanh()).collect();
            let h: Vec<f64> = (0..2).map(|i| 1.0 / (1.0 + (-times(up, &a, i) - push).exp())).collect();
            let du: Vec<f64> = (0..5).map(|i| times(wx, x, i) + bias[i] + 0.5 * times(back, &b, i) - u[i]).collect();
            let db: Vec<f64> = (0..3).map(|i| times(across, &h, i) - b[i]).collect();
            u.iter_mut().zip(du).for_each(|(u, d)| *u += 0.3 * d);
            b = (0..3).map(|i| hold(i, b[i] + 0.2 * db[i])).collect();
        }
        all_a.extend(u.iter().map(|v| v.tanh()));
        all_b.extend(b);
    }
    (all_a, all_b)
}

#[test]
fn all_move_at_once_and_what_is_between_follows() {
    let sim = net("backprop", PAIR, "  measure a = dot(a, [1, 2, 3, 4, 5])\n  measure b = dot(b, [1, 2, 3])");
    let (a, b) = by_hand(&sim, &|_, v| v, 0.0);
    let mixed =
        |v: Vec<f64>, n: usize| v.chunks(n).map(|v| dot(v, &[1.0, 2.0, 3.0, 4.0, 5.0][..n])).collect::<Vec<_>>();
    close("a", &sim.measure("a", &ROWS), &mixed(a, 5), 1e-12);
    close("b", &sim.measure("b", &ROWS), &mixed(b, 3), 1e-12);
}

/// What is held is held at every step, so that the others settle on it; what pushes an ordinary population between them
/// pushes at every step.
#[test]
fn what_a_phase_changes_holds_for_the_whole_course() {
    let measures = "  measure held = sumsq(a) with b.rate = 0.4
  measure some = sumsq(a) with b.rate[1..2] = 0.4
  measure pushed = sumsq(a) with h.drive += 0.7
  measure plain = sumsq(a)";
    let sim = net("backprop", PAIR, measures);
    let squares = |a: Vec<f64>| a.chunks(5).map(|a| dot(a, a)).collect::<Vec<_>>();
    close("held", &sim.measure("held", &ROWS), &squares(by_hand(&sim, &|_, _| 0.4, 0.0).0), 1e-12);
    let two = |i: usize, v: f64| if i < 2 { 0.4 } else { v };
    close("some", &sim.measure("some", &ROWS), &squares(by_hand(&sim, &two, 0.0).0), 1e-12);
    close("pushed", &sim.measure("pushed", &ROWS), &squares(by_hand(&sim, &|_, v| v, 0.7).0), 1e-12);
    close("plain", &sim.measure("plain", &ROWS), &squares(by_hand(&sim, &|_, v| v, 0.0).0), 1e-12);
}

/// Units of one that settles on itself stay silent at every step where a measure silences them.
#[test]
fn silenced_units_stay_silent_while_the_others_settle() {
    let body = "  population b: [3] = relax { rate' = linear(x) + linear(rate) - rate }, 5, 0.3
  output z: [3] = dense(b)";
    let sim = net("backprop", body, "  measure some = sumsq(b) with b.rate[1..2] = 0");
    let (up, own, x) = (sim.slot("x -> b: W"), sim.slot("b -> b: W"), sim.field("x", &ROWS));
    let wanted: Vec<f64> = x
        .chunks(4)
        .map(|x| {
            let mut last = 0.0;
            for _ in 0..5 {
                last += 0.3 * (dot(&up[8..12], x) + own[8] * last - last);
            }
            last * last
        })
        .collect();
    close("some", &sim.measure("some", &ROWS), &wanted, 1e-12);
}

/// Credit through layers that settle on each other, against differences of the loss: through an ordinary population between;
/// units that are said by each other, both at the step before (Kosko 1988); a chain of layers with their errors; cells.
#[test]
fn backprop_is_the_gradient_through_what_settles_together() {
    let bodies = [
        PAIR,
        "  population a: [5] = relax { rate = tanh(linear(b) as w + dense(x)) }, 5
  population b: [6] = relax { rate = tanh(w.adjoint(a)) }, 5
  output z: [3] = dense(b) + dense(a)",
        "  population f: [4] = tanh(dense(x))
  population e[1]: [4] = h[1] - tanh(dense(f))
  for i in 1..2 {
    population h[i]: [4] = relax { let k = 0.5 * i; rate' = k * dense(e[i + 1]) - e[i] }, 6, 0.2
    population e[i + 1]: [4] = h[i + 1] - tanh(dense(h[i]))
  }
  population h[3]: [4] = relax { rate' = -e[3] }, 6, 0.1
  output z: [3] = dense(h[3])",
        "  cell pyramidal: [5] {
    population basal = dense(x)
    population apical = dense(z) + linear(inter.soma)
    population soma = relax { u' = 0.5 * basal + 0.3 * apical - u; rate = tanh(u) }, 5, 0.2
  }
  cell inter: [3] {
    population basal = dense(pyramidal.soma)
    population soma = relax { u' = 0.8 * basal + 0.2 * z - u; rate = tanh(u) }, 5, 0.3
  }
  output z: [3] = relax { u' = dense(pyramidal.soma) - u; rate = tanh(u) }, 5, 0.4",
    ];
    for body in bodies {
        descends(&net("backprop", body, "  measure m = sumsq(z)"), &[0, 1, 2, 3]);
    }
}

/// Rates that are said by each other are of the step before, whether one of them reads itself as well or not.
#[test]
fn reading_oneself_too_changes_no_other() {
    for own in ["", " + 0.001 * rate", " + 0.001 * linear(rate)"] {
        let body = format!(
            "  population a: [4] = relax {{ rate = x + b }}, 2
  population b: [4] = relax {{ rate = 1 + a{own} }}, 2
  output z: [3] = dense(a)"
        );
        let s = net("backprop", &body, "  measure a = norm(a - x - 1)\n  measure b = norm(b - x - 1)");
        // (0, 0), (x, 1), (x + 1, x + 1) but for what a thousandth does.
        let exact = if own.is_empty() { 1e-13 } else { 1e-2 };
        let off = [s.measure("a", &ROWS), s.measure("b", &ROWS)].concat();
        assert!(off.iter().all(|x| *x < exact), "{own}: {off:?}");
    }
}
