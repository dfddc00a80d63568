//! Derivatives carried forward, whole Jacobians, and traces where an example is one step.

use crate::sim::{Sim, close, dot, faults, single};

const NET: &str = "language 0.1

task t() {
  draw x: [4] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 5
}

projection gate(pre: [n], post: [m]) {
  weight W: [m, n] ~ normal(0, 1)
  drive = square(W @ pre)
}

projection matrix(pre: [n], post: [m]) {
  weight W: [m, n] ~ normal(0, 1)
  drive = W @ pre
}

## Each unit's share, by a sum that weighs them: a Jacobian that is not symmetric.
function shares(a: [4]) -> [4] = exp(a) / (1 + dot([1, 2, 3, 4], exp(a)))

architecture net(x: [4]) {
  population h: [4] = shares(matrix(x) as first)
  population g: [3] = tanh(gate(h) as gated)
  output z: [3] = matrix(g)
}

RULE

experiment e {
  task = t()
  architecture = net(task.x)
  objective = minimize squared_error(z, task.y)
  rule = own()
  train = 1 epochs
  batch = 5
  precision = float64
MEASURES
}
";

const ROWS: [usize; 5] = [0, 1, 2, 3, 4];

/// A rule that moves every weight somewhere.
const DECAY: &str = "rule own() {\n  update p along -0.1 * p\n}";

fn text(rule: &str, measures: &str) -> String {
    NET.replace("RULE", rule).replace("MEASURES", measures)
}

fn net(rule: &str, measures: &str) -> Sim {
    single(&text(rule, measures))
}

/// What is pushed forward along u and weighed by v is what is pulled back from v and weighed by u: at units, each of which
/// hears of all others, and over edges that are not linear.
#[test]
fn what_is_pushed_and_what_is_pulled_agree() {
    let measures = "  let u = [1, -2, 0.5, 3]
  let v = [0.3, 1, -1, 2]
  measure pushed = dot(v, h.push(u))
  measure pulled = dot(h.pull(v), u)
  measure over = dot([1, 2, 3], gated.push(u))
  measure back = dot(gated.adjoint([1, 2, 3]), u)
  measure flat = sumsq(g.push([1, 1, 1]) - g.slope)";
    let s = net(DECAY, measures);
    close("units", &s.measure("pushed", &ROWS), &s.measure("pulled", &ROWS), 1e-12);
    close("edges", &s.measure("over", &ROWS), &s.measure("back", &ROWS), 1e-12);
    assert!(s.measure("pushed", &ROWS).iter().chain(&s.measure("over", &ROWS)).all(|x| x.abs() > 1e-6));
    assert!(s.measure("flat", &ROWS).iter().all(|x| *x < 1e-24));
}

/// The derivative of several numbers by several: the first axes are those of what is differentiated.
#[test]
fn the_derivative_of_a_vector_is_its_jacobian() {
    let measures = "  let J = d(shares(h.drive), h.drive)
  let G = d(gated.apply(h.rate), gated.W)
  let v = [0.3, 1, -1, 2]
  measure rows = sumsq(transpose(J) @ v - h.pull(v))
  measure columns = sumsq(J @ v - h.push(v))
  measure weights = sumsq(sum(G, over = 1) - gated.outer([1, 1, 1], h.rate).W)
  measure size = sumsq(G)
  measure drives = dot(v, h.drive)";
    let s = net(DECAY, measures);
    for m in ["rows", "columns", "weights"] {
        assert!(s.measure(m, &ROWS).iter().all(|x| *x < 1e-24), "{m}");
    }
    // d (W h)_i^2 / d W_ij = 2 (W h)_i h_j, and 0 in other rows.
    let (w, first, x) = (s.slot("gated (h -> g): W"), s.slot("first (x -> h): W"), s.field("x", &ROWS));
    let wanted: Vec<f64> = x
        .chunks(4)
        .map(|x| {
            let e: Vec<f64> = (0..4).map(|i| dot(&first[4 * i..4 * i + 4], x).exp()).collect();
            let all = 1.0 + dot(&[1.0, 2.0, 3.0, 4.0], &e);
            let h: Vec<f64> = e.iter().map(|e| e / all).collect();
            (0..3).map(|i| 4.0 * dot(&w[4 * i..4 * i + 4], &h).powi(2) * dot(&h, &h)).sum()
        })
        .collect();
    close("size", &s.measure("size", &ROWS), &wanted, 1e-12);
}

#[test]
fn a_jacobian_without_end_or_without_slopes_is_refused() {
    let told = faults(&text(DECAY, "  measure m = sumsq(d(h.drive > 0, h.drive))"));
    assert!(told.contains("has no derivative"), "{told}");
    let told = faults(&text("rule own() {\n  update p along d(p.post.rate, p)\n}", "  measure m = sumsq(z)"));
    assert!(told.contains("by all weights of a projection `d` differentiates one number"), "{told}");
    let wide = NET.replace(
        "population h: [4] = shares(",
        "population wide: [300] = tanh(matrix(x))\n  population h: [4] = shares(",
    );
    let wide = wide.replace("matrix(g)", "matrix(g) + matrix(wide)");
    let told = faults(
        &wide.replace("RULE", DECAY).replace("MEASURES", "  measure m = sumsq(d(tanh(wide.drive), wide.drive))"),
    );
    assert!(told.contains("a Jacobian of as many rows, and 256 are the most"), "{told}");
}

/// In the one step of an example a trace is the event that it traces, before which it was 0: a rule of traces is the rule of
/// their events, at inputs, units and synapses, and its `each step` is the update's.
#[test]
fn a_trace_of_one_step_is_its_event() {
    let traced = "rule own() {
  trace x(n) of 2 * n.rate, 20 ms
  trace y(n) where not n.output of n.rate, 0.9
  trace e(p) of p.outer(p.post.rate, x(p.pre)), 1 s
  trace r of loss, 100 ms
  each step update p.W where not p.post.output along r * e(p) + p.outer(y(p.post), previous(x(p.pre)))
  each step update p.W where p.post.output along r * e(p) + p.outer(previous(p.post.rate), x(p.pre))
}";
    let plain = "rule own() {\n  update p.W along loss * p.outer(p.post.rate, 2 * p.pre.rate)\n}";
    let (a, b) = (net(traced, "  measure m = sumsq(z)"), net(plain, "  measure m = sumsq(z)"));
    for (i, (a, b)) in a.proposal(&ROWS).iter().zip(&b.proposal(&ROWS)).enumerate() {
        close(&format!("weight {i}"), a, b, 1e-12);
    }
    for (decay, fault) in [
        ("1.5", "lies between 0 and 1"),
        ("0 ms", "a time constant is above 0"),
        ("2 mV", "a trace fades with a time constant or a number"),
    ] {
        let told = faults(&text(&traced.replace("20 ms", decay), "  measure m = sumsq(z)"));
        assert!(told.contains(fault), "{told}");
    }
    let told = faults(&text(
        &traced.replace("p.outer(y(p.post), p", "p.outer(y(p.post), y(p.pre)) + p.outer(y(p.post), p"),
        "",
    ));
    assert!(!told.contains("error"), "{told}");
    let told = faults(&text(&traced.replace("previous(p.post.rate), x", "y(p.post), x"), ""));
    assert!(told.contains("there is no `y` at"), "{told}");
}
