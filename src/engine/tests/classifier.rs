//! A network of two layers on the handwritten digits, as a compiler would lower it; what a step of it costs is what
//! most replicates cost.

use super::*;

/// 64 pixels, `hidden` units, 10 labels.
pub fn classifier(hidden: usize, batch: usize, epochs: usize) -> Plan {
    let mut plan = plan(Precision::Float32, 1437, batch, Length::Epochs(epochs));
    plan.splits.push(Split { name: "test".into(), size: 360 });
    for (name, shape) in [("U", &[hidden, 64][..]), ("b", &[hidden]), ("V", &[10, hidden]), ("c", &[10])] {
        add_slot(&mut plan, name, shape);
    }
    add_field(&mut plan, "pixels", &[64]);
    add_field(&mut plan, "digit", &[]);
    plan.fields[1].labels = Some(10);
    add_table(&mut plan, vec![]);
    if let Some(data) = &mut plan.data {
        data.source = DataSource::Builtin("digits".into());
    }
    plan.init = init(hidden);
    plan.step = step(hidden);
    let mut measure = Build::default();
    let (_, _, scores) = forward(&mut measure, hidden);
    let best = measure.op(Op::ArgMax, &[scores], vec![B]);
    let label = measure.field(1, &[]);
    let right = measure.binary(Binary::Equal, best, label);
    measure.program.outputs = vec![right];
    let (names, program) = (vec!["accuracy".into()], measure.program);
    plan.measures = vec![MeasureProgram { names, split: 1, every: Every::Epochs(epochs), program }];
    plan
}

fn init(hidden: usize) -> Program {
    let mut init = Build::default();
    for (index, (name, shape)) in [("U", &[hidden, 64][..]), ("V", &[10, hidden])].into_iter().enumerate() {
        let drawn = init.random(name, shape);
        let scale = init.constant((shape[1] as f64).sqrt().recip());
        let scaled = init.binary(Binary::Multiply, drawn, scale);
        init.write(index as u32 * 2, scaled);
        let zero = init.constant(0.0);
        let zero = init.op(Op::Expand { axes: vec![0] }, &[zero], fixed(&shape[..1]));
        init.write(index as u32 * 2 + 1, zero);
    }
    init.program
}

fn forward(build: &mut Build, hidden: usize) -> (ValueId, ValueId, ValueId) {
    let image = build.field(0, &[64]);
    let sixteenth = build.constant(1.0 / 16.0);
    let image = build.binary(Binary::Multiply, image, sixteenth);
    let (u, b) = (build.slot(0, &[hidden, 64]), build.slot(1, &[hidden]));
    let (v, c) = (build.slot(2, &[10, hidden]), build.slot(3, &[10]));
    let drive = build.op(Op::Contract(letters("ni", "hi", "nh")), &[image, u], batched(&[hidden]));
    let drive = build.binary(Binary::Add, drive, b);
    let rate = build.unary(Unary::Tanh, drive);
    let scores = build.op(Op::Contract(letters("nh", "oh", "no")), &[rate, v], batched(&[10]));
    (image, rate, build.binary(Binary::Add, scores, c))
}

fn step(hidden: usize) -> Program {
    let mut s = Build::default();
    let (image, rate, scores) = forward(&mut s, hidden);
    let (u, b) = (s.slot(0, &[hidden, 64]), s.slot(1, &[hidden]));
    let (v, c) = (s.slot(2, &[10, hidden]), s.slot(3, &[10]));
    let label = s.field(1, &[]);
    let target = s.op(Op::OneHot { classes: 10 }, &[label], batched(&[10]));
    let logs = s.op(Op::LogSoftmax, &[scores], batched(&[10]));
    let chosen = s.binary(Binary::Multiply, logs, target);
    let sum = s.op(Op::Reduce { how: Reduction::Sum, axes: vec![1] }, &[chosen], vec![B]);
    let negative = s.unary(Unary::Negate, sum);
    let loss = s.op(mean_over(&[0]), &[negative], vec![]);
    let p = s.op(Op::Softmax, &[scores], batched(&[10]));
    let e = s.binary(Binary::Subtract, p, target);
    let back = s.op(Op::Contract(letters("no", "oh", "nh")), &[e, v], batched(&[hidden]));
    let square = s.unary(Unary::Square, rate);
    let one = s.constant(1.0);
    let slope = s.binary(Binary::Subtract, one, square);
    let d = s.binary(Binary::Multiply, back, slope);
    let scale = (-0.1f64).to_bits();
    let parts = [(d, image, u, b, "nh", "ni", "hi", 0), (e, rate, v, c, "no", "nh", "oh", 2)];
    for (error, input, weight, bias, a, i, out, index) in parts {
        let shape = s.program.value(weight).shape.clone();
        let op = PlanOp::AccumulateContract { contraction: letters(a, i, out), scale, over_batch: true };
        let weight = s.instr(op, &[error, input, weight], shape);
        let shape = s.program.value(bias).shape.clone();
        let mean = s.op(mean_over(&[0]), &[error], shape.clone());
        let bias = s.instr(PlanOp::AddScaled { scale }, &[bias, mean], shape);
        s.write(index, weight);
        s.write(index + 1, bias);
    }
    s.program.outputs = vec![loss];
    s.program
}

#[test]
fn a_classifier_learns_the_digits() {
    let events = run(&mut load(&classifier(64, 32, 12)), 1, &[]);
    let measured: Vec<f64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Measured { values, .. } => Some(values[0]),
            _ => None,
        })
        .collect();
    assert!(measured[0] < 0.3 && measured[1] > 0.93, "{measured:?}");
}

/// Writes the plan for `trine-engine --bench`: `TRINE_PLAN=digits.plan cargo test --bin trine-engine -- --ignored`.
#[test]
#[ignore = "writes a file"]
fn write_the_plan_for_timing() {
    let path = std::env::var("TRINE_PLAN").expect("TRINE_PLAN names the file to write");
    let mut plan = classifier(64, 32, 100);
    if let Ok(hidden) = std::env::var("TRINE_HIDDEN") {
        plan = classifier(hidden.parse().expect("a number"), 64, 20);
    }
    std::fs::write(path, postcard::to_stdvec(&plan).expect("plans can be written")).expect("the file can be written");
}
