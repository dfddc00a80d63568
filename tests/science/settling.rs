//! Populations that settle by themselves: what they settle to, and what rules do with it.

use crate::gradients::slope;
use crate::sim::{Sim, close, dot, draw, faults, single};
use trine::ops::Distribution;

const LCA: &str = "language 0.1
use std.rules: RULE

task patches(n: Nat = 6) {
  fixed A: [n, 9] ~ normal(0, 1)
  draw s: [9] ~ normal(0, 1)
  draw u: [9] ~ uniform(0, 1)
  x: [n] = A @ (if u < 0.3 then s else 0 * s)
  split train 8
}

architecture lca(x: [n], codes: Nat = 9, lambda: Real = 0.3, steps: Nat = 100) {
  population a: [codes] = relax {
    u' = D.adjoint(x - D.apply(rate)) + rate - u
    rate = shrink(u, lambda)
  }, steps, 0.3
  output recon: [n] = dense(a) as D
}

experiment e {
  task = patches()
  architecture = lca(task.x, steps = STEPS)
  rule = RULE(optimizer = sgd(1))
  objective = minimize squared_error(recon, task.x)
  train = 1 epochs
  batch = 8
  precision = float64
  measure code = sumsq(a)
  measure left = residual(a)
}
";

fn lca(rule: &str, steps: u64) -> Sim {
    single(&LCA.replace("RULE", rule).replace("STEPS", &steps.to_string()))
}

const ROWS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

/// The fixed point of the locally competitive algorithm minimises 0.5 |x - D a|^2 + lambda |a|_1: it meets the conditions
/// of Karush, Kuhn and Tucker. Rozell et al. 2008, section 3.
#[test]
fn codes_that_settle_solve_the_lasso() {
    let sim = lca("delta_rule", 1000);
    let (d, x, a) = (sim.slot("D (a -> recon): W"), sim.field("x", &ROWS), sim.value("a.drive", &ROWS));
    let (n, codes, lambda) = (6, 9, 0.3);
    let mut active = 0;
    for e in 0..8 {
        let (x, a) = (&x[e * n..(e + 1) * n], &a[e * codes..(e + 1) * codes]);
        let left: Vec<f64> = (0..n).map(|i| x[i] - dot(&d[i * codes..(i + 1) * codes], a)).collect();
        for k in 0..codes {
            let match_ = (0..n).map(|i| d[i * codes + k] * left[i]).sum::<f64>();
            if a[k] == 0.0 {
                assert!(match_.abs() <= lambda + 1e-3, "a code that is silent would lower the loss: {match_}");
            } else {
                active += 1;
                assert!((match_ - lambda * a[k].signum()).abs() < 1e-3, "{match_} of an active code");
            }
        }
    }
    assert!(active > 8 && active < 60, "{active} of 72 codes are active");
    assert!(sim.measure("left", &ROWS).iter().all(|r| *r < 1e-2));
}

/// The dictionary learns what is left unexplained, of settled codes: Olshausen & Field 1996, equation 5.
#[test]
fn a_local_rule_moves_a_dictionary_by_its_residual() {
    let sim = lca("delta_rule", 50);
    let (x, a, y) = (sim.field("x", &ROWS), sim.value("a.drive", &ROWS), sim.value("recon.drive", &ROWS));
    let at = sim.find("D (a -> recon): W");
    let moved = sim.proposal(&ROWS);
    let (n, codes) = (6, 9);
    let mut wanted = sim.slots[at].clone();
    for e in 0..8 {
        for i in 0..n {
            for k in 0..codes {
                wanted[i * codes + k] += (x[e * n + i] - y[e * n + i]) * a[e * codes + k] / 8.0;
            }
        }
    }
    close("the dictionary", &moved[at], &wanted, 1e-12);
}

/// Whether an update of a spec of step size 1 is minus the gradient of the loss by all weights, seen by differences.
pub fn descends(sim: &Sim, rows: &[usize]) {
    let after = sim.proposal(rows);
    let step: Vec<Vec<f64>> = after.iter().zip(&sim.slots).map(|(a, b)| crate::sim::difference(a, b)).collect();
    let weights: Vec<usize> = (0..step.len()).filter(|i| sim.plan.slots[*i].name.contains("->")).collect();
    assert!(!weights.is_empty());
    for turn in 0..3u64 {
        let mut along: Vec<Vec<f64>> = sim.slots.iter().map(|s| vec![0.0; s.len()]).collect();
        for i in &weights {
            along[*i] = draw(Distribution::Normal, &format!("along {i}"), turn, along[*i].len());
        }
        let told: f64 = weights.iter().map(|i| -dot(&step[*i], &along[*i])).sum();
        let seen = slope(sim, rows, &along);
        assert!((told - seen).abs() < 1e-6 * (1.0 + seen.abs()), "the rule says {told}, the loss {seen}");
    }
}

#[test]
fn backprop_goes_through_all_steps_of_a_code() {
    descends(&lca("backprop", 15), &[0, 1, 2]);
}

const NET: &str = "language 0.1
use std.rules: RULE

task t() {
  draw x: [4] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 6
}

architecture net(x: [4]) {
  population h: [5] = tanh(dense(x))
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
  measure m = sumsq(z)
}
";

fn net(rule: &str, body: &str) -> String {
    NET.replace("RULE", rule).replace("BODY", body)
}

/// Weights inside and outside, tied, symmetric, masked; two that settle one after the other; an output that settles.
#[test]
fn backprop_is_the_gradient_through_whatever_settles() {
    let bodies = [
        "  population a: [5] = relax { u' = dense(h) + linear(rate, mask = off_diagonal) - u; rate = tanh(u) }, 7, 0.3\n  \
         output z: [3] = dense(a)",
        "  population a: [5] = relax { rate = tanh(linear(rate, tied = symmetric) as w + 0.5 * dense(h)) }, 5, from h\n  \
         population b: [5] = relax { u' = linear(rate, tied = w) + a - u; rate = sigmoid(u) }, 4, 0.5\n  \
         output z: [3] = dense(b) + dense(h)",
        "  output z: [3] = relax { let k = 0.5; u' = k * (dense(h) as up) - v; v = u + 0.1 * linear(h); rate = tanh(v) }, 6, 0.2",
        "  population a: [5] = relax { rate' = -d(0.5 * sumsq(h - back.apply(rate)) + 0.1 * sumsq(rate), rate) }, 6, 0.2\n  \
         population g: [5] = dense(a) as back\n  output z: [3] = dense(tanh(g)) + dense(a)",
        "  population a: [5] = relax { let E = 0.5 * sumsq(rate) - 0.5 * dot(rate, linear(rate, tied = symmetric)) - dot(rate, h)\n    \
         rate' = -d(E, rate) }, 6, 0.2\n  output z: [3] = dense(a)",
    ];
    for body in bodies {
        descends(&single(&net("backprop", body)), &[0, 1, 2, 3]);
    }
}

/// An energy with a projection within moves a rate as its derivative, written out, does; what has a name is made once.
#[test]
fn an_energy_with_a_projection_within_is_its_descent() {
    let of = |body: &str| {
        single(&net(
            "backprop",
            &format!("  population a: [5] = relax {{ {body} }}, 9, 0.2\n  output z: [3] = dense(a)"),
        ))
    };
    let whole = of("rate' = linear(rate, tied = symmetric) + h - rate");
    let energies = [
        "let E = 0.5 * sumsq(rate) - 0.5 * dot(rate, linear(rate, tied = symmetric)) - dot(rate, h); rate' = -d(E, rate)",
        "rate' = -d(0.5 * sumsq(rate) - 0.5 * dot(rate, linear(rate, tied = symmetric)) - dot(rate, h), rate)",
        "let I = linear(rate, tied = symmetric); rate' = 0.5 * I + h - rate + 0.5 * I",
    ];
    for energy in energies {
        let s = of(energy);
        let names = |s: &Sim| s.plan.slots.iter().map(|x| x.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&s), names(&whole));
        close(energy, &s.value("z.drive", &[0, 1, 2]), &whole.value("z.drive", &[0, 1, 2]), 1e-12);
    }
}

const HOPFIELD: &str = "language 0.1
use std.rules: RULE

task patterns(n: Nat = 40, k: Nat = 3) {
  fixed P: [k, n] ~ normal(0, 1)
  draw w: Real ~ uniform(0, 1)
  draw u: [n] ~ uniform(0, 1)
  y: Label[k] = floor(w * k)
  clean: [n] = sign(transpose(P) @ one_hot(y))
  probe: [n] = if u < 0.12 then -clean else clean
  split train 32
}

projection synapses(pre: [n], post: [m]) {
  weight W: [m, n] = 0
  drive = W @ pre
}

architecture hopfield(x: [n], steps: Nat = 20) {
  output s: [n] = relax { rate = sign(synapses(rate, mask = off_diagonal, tied = symmetric)) }, steps, from x
}

experiment e {
  task = patterns()
  architecture = hopfield(task.probe, steps = vary { 1, 2, 3, 4, 20 })
  rule = RULE()
  objective = minimize squared_error(s, task.clean)
  train = 1 epochs
  batch = 32
  precision = float64
  measure overlap = dot(s, task.clean) / 40
}
";

/// Patterns are stored by one pass of Hebb's rule, and called up from versions of them of which 12 % is wrong; the weights
/// are what Hopfield 1982, equation 2, says, up to their scale, and on the way E(t) = -s(t) W s(t - 1) never rises, as it
/// does not for units that all move at once (Goles 1985), whose E(t) = E(t - 1) is where they rest.
#[test]
fn stored_patterns_are_called_up_and_the_energy_never_rises() {
    let rows: Vec<usize> = (0..32).collect();
    let n = 40;
    let courses: Vec<Sim> = crate::sim::conditions(&HOPFIELD.replace("RULE", "hebbian_storage"))
        .into_iter()
        .map(|mut s| {
            s.step(&rows);
            s
        })
        .collect();
    let (w, clean) = (courses[0].slot("s -> s: W"), courses[0].field("clean", &rows));
    let symmetric = |i: usize, j: usize| (w[i * n + j] + w[j * n + i]) / 2.0;
    for i in 0..n {
        for j in 0..n {
            let product: f64 = rows.iter().map(|e| clean[e * n + i] * clean[e * n + j]).sum::<f64>() / 32.0;
            let wanted = if i == j { 0.0 } else { product };
            assert!((w[i * n + j] - wanted).abs() < 1e-12, "{i}, {j}");
        }
    }
    let states: Vec<Vec<f64>> = courses.iter().map(|c| c.value_in("overlap", "s.drive", &rows)).collect();
    let energy = |t: usize, e: usize| {
        let (now, before) = (&states[t][e * n..(e + 1) * n], &states[t - 1][e * n..(e + 1) * n]);
        -(0..n).map(|i| (0..n).map(|j| now[i] * symmetric(i, j) * before[j]).sum::<f64>()).sum::<f64>()
    };
    for e in 0..32 {
        for t in 2..4 {
            assert!(energy(t, e) <= energy(t - 1, e) + 1e-9, "the energy of example {e} rises at step {t}");
        }
    }
    let (probe, last) = (courses[0].field("probe", &rows), courses[4].measure("overlap", &rows));
    assert!(dot(&probe, &clean) / (32.0 * n as f64) < 0.85, "the probes are spoilt");
    assert!(last.iter().all(|o| *o == 1.0), "{last:?}");
}

/// Continuous units fall in Hopfield's energy of 1984 as they settle; here the rates themselves are the state.
#[test]
fn an_energy_falls_as_its_units_settle() {
    let body = "  population a: [5] = relax { rate' = -d(0.5 * sumsq(rate - h) - 0.2 * dot(rate, w.apply(rate)), rate) }, STEPS, 0.2\n  \
                population b: [5] = linear(a, tied = symmetric) as w\n  output z: [3] = dense(b)";
    let rows = [0, 1, 2, 3, 4, 5];
    let mut before = [f64::INFINITY; 6];
    for steps in [1, 2, 4, 8, 16] {
        let s = single(
            &net("backprop", &body.replace("STEPS", &steps.to_string()))
                .replace("  measure m = sumsq(z)", "  measure energy = 0.5 * sumsq(a - h) - 0.2 * dot(a, b)"),
        );
        let energies = s.measure("energy", &rows);
        for (e, energy) in energies.into_iter().enumerate() {
            assert!(energy < before[e], "{energy} after {steps} steps");
            before[e] = energy;
        }
    }
}

/// Rules for which a population that settles has no meaning say so, at the population.
#[test]
fn what_a_course_cannot_give_is_refused() {
    let body = "  population a: [5] = relax { u' = dense(h) + linear(rate) - u; rate = tanh(u) }, 7, 0.3\n  output z: [3] = dense(a)";
    let told = faults(&net("node_perturbation", body));
    assert!(told.contains("`a` settles by itself: a phase may hold its rate, and change nothing else"), "{told}");
    let steep = body.replace("tanh(u)", "sign(u)");
    let told = faults(&net("backprop", &steep));
    assert!(told.contains("`sign` has no derivative"), "{told}");
}
