//! Every draw that is written is a stream of its own, and what a declaration of one draw drew before it still draws.

use crate::sim::{Sim, dot, faults, single};
use std::collections::BTreeSet;
use trine::ops::Op;
use trine::plan::PlanOp;

const ROWS: [usize; 6] = [0, 1, 2, 3, 4, 5];

const SPEC: &str = "language 0.1
use std.rules: feedback_alignment

task t() {
  fixed a: [2000] ~ DRAW
  draw x: [3] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 6
}

projection pair(pre: [n], post: [m]) {
  weight W: [m, n] ~ normal(0, 1) - normal(0, 1)
  drive = W @ pre
}

rule two() {
  feedback B(p) like p.W ~ normal(0, 1) + uniform(0, 0)
  noise xi(n) ~ normal(0, 1) * (2 * uniform(0, 1) - 1)
  noise zeta(p) like p.W ~ if uniform(0, 1) < 0.5 then normal(-1, 0.1) else normal(1, 0.1)
  update p.W along zeta(p) + 0 * sum(xi(p.post)) + 0 * B(p)
}

architecture net(x: [n]) {
  for i in 1..3 {
    noise eps: [n] ~ normal(0, 1)
    noise own[i]: [n] ~ normal(0, 1)
    population h[i]: [n] = x + eps
  }
  population g: [n] = h[1] - h[2] + own[1] - own[2]
  output z: [n] = pair(g) + pair(h[3]) as w
}

experiment e {
  task = t()
  architecture = net(task.x)
  objective = minimize squared_error(z, task.y)
  rule = two()
  train = 1 steps
  batch = 6
  seeds = 1
  precision = float64
  measure between = sum(square(h[1] - h[2]))
  measure owned = sum(square(own[1] - own[2]))
  measure again = sum(square(redrawn(1, h[1]) - redrawn(2, h[1])))
}
";

fn drawing(e: &str) -> Sim {
    single(&SPEC.replace("DRAW", e))
}

fn fixed(e: &str) -> Vec<f64> {
    drawing(e).slot("t.a").to_vec()
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn variance(x: &[f64]) -> f64 {
    mean(&x.iter().map(|v| v * v).collect::<Vec<_>>()) - mean(x).powi(2)
}

/// Names of all streams of a plan.
fn streams(s: &Sim) -> BTreeSet<String> {
    let programs = [&s.plan.init, &s.plan.prepare, &s.plan.step].into_iter();
    let of = programs.chain(s.plan.measures.iter().map(|m| &m.program)).flat_map(|p| &p.instrs);
    let name = |op: &PlanOp| match op {
        PlanOp::Op(Op::Random { stream, .. }) => Some(stream.clone()),
        _ => None,
    };
    of.filter_map(|i| name(&i.op)).collect()
}

/// Closed form: variances of independent draws add, and a mixture of two normals is a coin and one of two draws. With 2,000
/// numbers five standard errors of these variances are below 0.16 times their value.
#[test]
fn draws_of_one_declaration_are_independent() {
    for (e, wanted) in [
        ("normal(0, 1) - normal(0, 1)", 2.0),
        ("normal(0, 1) + normal(0, 1) + normal(0, 1)", 3.0),
        ("sum(k in 1..3: normal(0, 1))", 3.0),
        ("normal(0, 1) * sign(uniform(-1, 1))", 1.0),
        ("2 * uniform(0, 1) - 2 * uniform(0, 1)", 2.0 / 3.0),
        // A draw that is read twice by a function is one.
        ("square(normal(0, 1))", 2.0),
    ] {
        let found = variance(&fixed(e));
        assert!((found / wanted - 1.0).abs() < 0.16, "{e}: {found} is not {wanted}");
    }
    // Were the uniform number a function of the normal one, this would be as large as 0.98.
    let product = fixed("normal(0, 1) * (uniform(0, 1) - 0.5)");
    assert!((mean(&product) * 12f64.sqrt()).abs() < 0.12, "{}", mean(&product));
    let mixed = fixed("if uniform(0, 1) < 0.5 then normal(-1, 0.1) else normal(1, 0.1)");
    let inside = mixed.iter().filter(|v| v.abs() < 1.0).count() as f64 / mixed.len() as f64;
    assert!((inside - 0.5).abs() < 0.056, "half lies on either side of its component's mean: {inside}");
}

#[test]
fn weights_feedback_and_noise_draw_as_often_as_is_written() {
    let s = drawing("normal(0, 1)");
    let named = streams(&s);
    for name in [
        "t.a",
        "t.x",
        "weight g -> z: W",
        "weight g -> z: W, draw 2",
        "weight h[3] -> z: W",
        "weight h[3] -> z: W, draw 2",
        "noise zeta(g -> z)",
        "noise zeta(g -> z), draw 2",
        "noise zeta(g -> z), draw 3",
        "noise eps",
        "noise eps (2)",
        "noise eps (3)",
        "noise own[1]",
        "noise own[2]",
    ] {
        assert!(named.contains(name), "no stream `{name}` in {named:?}");
    }
    assert!(!named.contains("t.a, draw 2") && !named.contains("noise eps, draw 2"));
    // The noises of two turns are apart, and so are those that have numbers, and two redrawings.
    for measure in ["between", "owned", "again"] {
        assert!(dot(&s.measure(measure, &ROWS), &[1.0; 6]) > 1.0, "{measure}");
    }
    // Where the condition is known, the branch is the only draw.
    let chosen = SPEC.replace("DRAW", "if 2 > 1 then normal(0, 1) else uniform(0, 1)");
    assert!(!streams(&single(&chosen)).contains("t.a, draw 2"));
}

#[test]
fn a_function_does_not_draw() {
    let text = format!("{}\nfunction twice() = normal(0, 1)\n", SPEC.replace("DRAW", "twice() - twice()"));
    assert!(faults(&text).contains("random numbers are drawn only where something is declared with `~`"));
}
