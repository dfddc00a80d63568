//! Last bits: what libtorch's own optimizers and losses give at float32.

use crate::runs::{measures, run_text};
use tch::nn::{OptimizerConfig, VarStore};
use tch::{Device, Kind, Tensor};

/// The course of a measure of the only condition, of its first seed.
fn course(text: &str, name: &str) -> Vec<f64> {
    let found = &measures(&run_text(text, &[]))[0][name]["values"][0];
    let values = found.as_array().unwrap_or_else(|| panic!("no course of {name}: {found}"));
    values.iter().map(|v| v.as_f64().expect("a number")).collect()
}

/// Equal but for two units in the last place of float32.
fn near(what: &str, found: &[f64], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (i, (f, w)) in found.iter().zip(wanted).enumerate() {
        assert!((f - w).abs() <= 2.4e-7 * w.abs(), "{what}: number {i} is {f}, not {w}");
    }
}

/// One weight on its way from 0, which the target keeps pulling.
#[test]
fn adam_is_libtorchs_to_the_last_bits() {
    let spec = "language 0.1
use std.rules: backprop

task t() {
  source table { a, b: [1], [1] }
  x: [1] = a
  y: [1] = b
}

projection given(pre: [n], post: [m], M: [m, n]) {
  weight W: [m, n] = M
  drive = W @ pre
}

architecture net(x: [1]) {
  output z: [1] = given(x, M = [[0]]) as w
}

experiment e {
  task = t()
  architecture = net(task.x)
  objective = minimize squared_error(z, task.y)
  rule = backprop(adam(0.001))
  precision = float32
  train = 40 steps
  batch = 1
  seeds = 1

  measure w = w.W[1, 1] on train, every 1 steps
}
";
    let vars = VarStore::new(Device::Cpu);
    let w = vars.root().zeros("w", &[1]);
    let mut adam = tch::nn::Adam::default().build(&vars, 0.001).expect("an optimizer");
    let mut wanted = vec![0.0];
    for _ in 0..40 {
        let loss = 0.5 * (&w - 1.0).square().sum(Kind::Float);
        adam.backward_step(&loss);
        wanted.push(w.double_value(&[0]));
    }
    near("adam", &course(spec, "w"), &wanted);
}

/// Outputs from unsure to nearly certain, right and wrong.
#[test]
fn cross_entropy_is_libtorchs_to_the_last_bits() {
    let rows = [
        ([0.1, 0.2, -0.3], 0),
        ([6.0, -2.0, 0.5], 0),
        ([12.0, 0.0, 0.0], 0),
        ([15.0, 1.0, 3.0], 0),
        ([-40.0, 30.0, 2.0], 2),
    ];
    for (z, label) in rows {
        let [a, b, c] = z;
        let spec = format!(
            "language 0.1
use std.rules: backprop

task t() {{
  source table {{ a, b: [{a}, {b}, {c}], {label} }}
  x: [3] = a
  y: Label[3] = b
}}

projection given(pre: [n], post: [m], M: [m, n]) {{
  weight W: [m, n] = M
  drive = W @ pre
}}

architecture net(x: [3]) {{
  output z: [3] = given(x, M = identity(3))
}}

experiment e {{
  task = t()
  architecture = net(task.x)
  objective = minimize cross_entropy(z, task.y)
  rule = backprop(sgd(0.1))
  precision = float32
  train = 1 steps
  batch = 1
  seeds = 1

  measure cost = loss on train
}}
"
        );
        let logits = Tensor::from_slice(&z.map(|x| x as f32)).reshape([1, 3]);
        let wanted = logits.cross_entropy_for_logits(&Tensor::from_slice(&[i64::from(label)]));
        near(&format!("cross-entropy at {z:?}"), &course(&spec, "cost")[..1], &[wanted.double_value(&[])]);
    }
}
