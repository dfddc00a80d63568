//! Whole replicates.

use super::*;
use tch::Kind;

/// y = x w + b over 3 inputs, squared error, plain descent, in one program.
fn regression(precision: Precision, examples: usize, batch: usize, epochs: usize) -> Plan {
    let mut plan = plan(precision, examples, batch, Length::Epochs(epochs));
    add_slot(&mut plan, "w", &[3]);
    add_slot(&mut plan, "b", &[]);
    add_field(&mut plan, "x", &[3]);
    add_field(&mut plan, "y", &[]);
    let x: Vec<f64> = (0..examples * 3).map(|i| ((i * 7919 % 31) as f64 - 15.0) / 10.0).collect();
    let y = x.chunks(3).map(|x| 1.5 * x[0] - 0.5 * x[1] + 0.25 * x[2] + 0.75).collect();
    add_table(&mut plan, vec![x, y]);

    let mut init = Build::default();
    let w = init.random("init w", &[3]);
    let b = init.constant(0.0);
    init.write(0, w);
    init.write(1, b);
    plan.init = init.program;

    let mut step = Build::default();
    let (error, x, w, b) = residual(&mut step);
    let down = step.instr(
        PlanOp::AccumulateContract {
            contraction: letters("n", "ni", "i"),
            scale: (-0.2f64).to_bits(),
            over_batch: true,
        },
        &[error, x, w],
        fixed(&[3]),
    );
    let shift = step.op(mean_over(&[0]), &[error], vec![]);
    let moved = step.instr(PlanOp::AddScaled { scale: (-0.2f64).to_bits() }, &[b, shift], vec![]);
    let square = step.unary(Unary::Square, error);
    let loss = step.op(mean_over(&[0]), &[square], vec![]);
    step.write(0, down);
    step.write(1, moved);
    step.program.outputs = vec![loss];
    plan.step = step.program;

    let mut measure = Build::default();
    let (error, ..) = residual(&mut measure);
    let square = measure.unary(Unary::Square, error);
    measure.program.outputs = vec![square];
    plan.measures = vec![MeasureProgram {
        names: vec!["error".into()],
        split: 0,
        every: Every::Epochs(10),
        program: measure.program,
    }];
    plan
}

fn residual(build: &mut Build) -> (ValueId, ValueId, ValueId, ValueId) {
    let (x, y) = (build.field(0, &[3]), build.field(1, &[]));
    let (w, b) = (build.slot(0, &[3]), build.slot(1, &[]));
    let product = build.op(Op::Contract(letters("ni", "i", "n")), &[x, w], vec![B]);
    let guess = build.binary(Binary::Add, product, b);
    (build.binary(Binary::Subtract, guess, y), x, w, b)
}

#[test]
fn a_regression_finds_its_weights() {
    for (precision, tolerance) in [(Precision::Float32, 1e-4), (Precision::Float64, 1e-9)] {
        // 70 examples in mini-batches of 16: the last has 6.
        let mut job = load(&regression(precision, 70, 16, 60));
        let events = run(&mut job, 3, &[]);
        assert_close(&slot(&job, 0), &[1.5, -0.5, 0.25], tolerance, "w");
        assert_close(&slot(&job, 1), &[0.75], tolerance, "b");
        let measured: Vec<u64> = events
            .iter()
            .filter_map(|event| match event {
                Event::Measured { at, .. } => Some(*at),
                _ => None,
            })
            .collect();
        assert_eq!(measured, [0, 10, 20, 30, 40, 50, 60]);
        assert!(matches!(events.last(), Some(Event::Done { steps: 300, .. })));
    }
}

#[test]
fn a_replicate_has_the_same_bits_in_any_company() {
    let plan = regression(Precision::Float32, 70, 16, 3);
    let mut together = load(&plan);
    let outcome = |job: &mut Job, seed: u64| {
        let events = run(job, seed, &[]);
        (format!("{:?}", &events[..events.len() - 1]), slot(job, 0), slot(job, 1))
    };
    let order: Vec<_> = [5, 1, 9, 5].iter().map(|seed| outcome(&mut together, *seed)).collect();
    assert_eq!(order[0], order[3]);
    assert_ne!(order[0], order[1]);
    assert_eq!(outcome(&mut load(&plan), 9), order[2]);
    assert_eq!(outcome(&mut load(&plan), 1), order[1]);
}

#[test]
fn measures_do_not_depend_on_the_chunk() {
    let mut plan = regression(Precision::Float64, 70, 16, 2);
    let whole = run(&mut load(&plan), 1, &[]);
    for chunk in [1, 7, 64, 70] {
        plan.schedule.chunk = chunk;
        for (one, other) in run(&mut load(&plan), 1, &[]).iter().zip(&whole) {
            if let (Event::Measured { values: a, .. }, Event::Measured { values: b, .. }) = (one, other) {
                assert_close(a, b, 1e-14, "measure");
            }
        }
    }
}

/// x -> tanh(W x + c) -> V h, squared error: one step by hand-written derivatives, in Trine's operations.
fn network(precision: Precision) -> Plan {
    let (examples, inputs, hidden, outputs) = (12, 5, 7, 3);
    let mut plan = plan(precision, examples, examples, Length::Epochs(4));
    for (name, shape) in
        [("W", &[hidden, inputs][..]), ("c", &[hidden]), ("V", &[outputs, hidden]), ("m", &[outputs, hidden])]
    {
        add_slot(&mut plan, name, shape);
    }
    add_field(&mut plan, "x", &[inputs]);
    add_field(&mut plan, "t", &[outputs]);
    let wave = |n: usize, f: f64| (0..n).map(|i| (i as f64 * f).sin()).collect::<Vec<f64>>();
    add_table(&mut plan, vec![wave(examples * inputs, 1.3), wave(examples * outputs, 0.7)]);

    let mut init = Build::default();
    let (w, c) = (init.random("W", &[hidden, inputs]), init.random("c", &[hidden]));
    let v = init.random("V", &[outputs, hidden]);
    let zero = init.constant(0.0);
    let m = init.op(Op::Expand { axes: vec![0, 1] }, &[zero], fixed(&[outputs, hidden]));
    for (index, value) in [w, c, v, m].into_iter().enumerate() {
        init.write(index as u32, value);
    }
    plan.init = init.program;

    let mut s = Build::default();
    let (x, t) = (s.field(0, &[inputs]), s.field(1, &[outputs]));
    let (w, c) = (s.slot(0, &[hidden, inputs]), s.slot(1, &[hidden]));
    let (v, m) = (s.slot(2, &[outputs, hidden]), s.slot(3, &[outputs, hidden]));
    let drive = s.op(Op::Contract(letters("ni", "hi", "nh")), &[x, w], batched(&[hidden]));
    let drive = s.binary(Binary::Add, drive, c);
    let h = s.unary(Unary::Tanh, drive);
    let y = s.op(Op::Contract(letters("nh", "oh", "no")), &[h, v], batched(&[outputs]));
    let e = s.binary(Binary::Subtract, y, t);
    let back = s.op(Op::Contract(letters("no", "oh", "nh")), &[e, v], batched(&[hidden]));
    let square = s.unary(Unary::Square, h);
    let one = s.constant(1.0);
    let slope = s.binary(Binary::Subtract, one, square);
    let d = s.binary(Binary::Multiply, back, slope);
    let rate = (-0.1f64).to_bits();
    let contraction = letters("nh", "ni", "hi");
    let w_new = s.instr(
        PlanOp::AccumulateContract { contraction, scale: rate, over_batch: true },
        &[d, x, w],
        fixed(&[hidden, inputs]),
    );
    let dc = s.op(mean_over(&[0]), &[d], fixed(&[hidden]));
    let c_new = s.instr(PlanOp::AddScaled { scale: rate }, &[c, dc], fixed(&[hidden]));
    // Momentum: m' = 0.9 m - 0.1 gradient; V' = V + m'.
    let contraction = letters("no", "nh", "oh");
    let g = s.instr(
        PlanOp::ScaledContract { contraction, scale: rate, over_batch: true },
        &[e, h],
        fixed(&[outputs, hidden]),
    );
    let keep = s.constant(0.9);
    let old = s.binary(Binary::Multiply, m, keep);
    let m_new = s.binary(Binary::Add, old, g);
    let v_new = s.binary(Binary::Add, v, m_new);
    for (index, value) in [w_new, c_new, v_new, m_new].into_iter().enumerate() {
        s.write(index as u32, value);
    }
    plan.step = s.program;
    plan
}

#[test]
fn a_networks_steps_are_those_of_libtorchs_own_derivatives() {
    for (precision, kind, tolerance) in
        [(Precision::Float32, Kind::Float, 2e-6), (Precision::Float64, Kind::Double, 1e-12)]
    {
        let plan = network(precision);
        let mut job = load(&plan);
        job.begin(11, &[]).unwrap();
        let shaped = |index: usize| {
            let size = crate::view::signed(&plan.slots[index].shape);
            Tensor::from_slice(&slot(&job, index)).to_kind(kind).view(size.as_slice()).set_requires_grad(true)
        };
        let (mut w, mut c, mut v) = (shaped(0), shaped(1), shaped(2));
        let mut m = shaped(3).detach();
        let (x, t) = (&job.pool.fields[0].tensor, &job.pool.fields[1].tensor);
        for _ in 0..4 {
            let y = (x.matmul(&w.tr()) + &c).tanh().matmul(&v.tr());
            let loss = (y - t).square().sum(kind) / 24.0;
            let gradients = Tensor::run_backward(&[loss], &[&w, &c, &v], false, false);
            let _off = tch::no_grad_guard();
            m = m * 0.9 - &gradients[2] * 0.1;
            w = (w - &gradients[0] * 0.1).detach().set_requires_grad(true);
            c = (c - &gradients[1] * 0.1).detach().set_requires_grad(true);
            v = (v + &m).detach().set_requires_grad(true);
        }
        run(&mut job, 11, &[]);
        for (index, expected) in [w, c, v, m].iter().enumerate() {
            assert_close(&slot(&job, index), &numbers(expected), tolerance, &plan.slots[index].name);
        }
    }
}

#[test]
fn slots_are_written_together() {
    // a' = b, b' = a + 1, c' = c doubled after being read, d' = number * step
    let mut plan = plan(Precision::Float64, 0, 1, Length::Steps(5));
    for name in ["a", "b", "c", "d"] {
        add_slot(&mut plan, name, &[2]);
    }
    plan.numbers = vec!["rate".into()];
    let mut init = Build::default();
    for index in 0..4 {
        let value = init.constant(f64::from(index));
        let value = init.op(Op::Expand { axes: vec![0] }, &[value], fixed(&[2]));
        init.write(index as u32, value);
    }
    plan.init = init.program;
    let mut step = Build::default();
    let (a, b, c, d) = (step.slot(0, &[2]), step.slot(1, &[2]), step.slot(2, &[2]), step.slot(3, &[2]));
    let one = step.constant(1.0);
    let next = step.binary(Binary::Add, a, one);
    let twice = step.binary(Binary::Add, c, c);
    let rate = step.read(Read::Number(0), vec![]);
    let now = step.read(Read::Step, vec![]);
    let by = step.binary(Binary::Multiply, rate, now);
    let sum = step.binary(Binary::Add, d, by);
    for (index, value) in [b, next, twice, sum].into_iter().enumerate() {
        step.write(index as u32, value);
    }
    plan.step = step.program;
    let mut job = load(&plan);
    for rate in [0.5, 2.0] {
        run(&mut job, 0, &[rate]);
        assert_eq!(slot(&job, 0), [3.0; 2]);
        assert_eq!(slot(&job, 1), [3.0; 2]);
        assert_eq!(slot(&job, 2), [64.0; 2]);
        assert_eq!(slot(&job, 3), [3.0 + rate * 10.0; 2]);
    }
}

#[test]
fn the_first_number_that_is_not_finite_is_named() {
    // w' = exp(w), which overflows after a few steps
    let mut plan = plan(Precision::Float32, 0, 1, Length::Steps(100));
    add_slot(&mut plan, "w", &[3]);
    let mut init = Build::default();
    let w = init.random("w", &[3]);
    init.write(0, w);
    plan.init = init.program;
    let mut step = Build::default();
    let w = step.slot(0, &[3]);
    let grown = step.unary(Unary::Exp, w);
    step.program.values[grown.0 as usize].name = Some("h.rate".into());
    let product = step.binary(Binary::Multiply, grown, grown);
    step.write(0, product);
    plan.step = step.program;
    let events = run(&mut load(&plan), 1, &[]);
    let faulted = |event: &&Event| matches!(event, Event::Faulted { .. });
    let Some(Event::Faulted { fault, .. }) = events.iter().find(faulted) else { panic!("{events:?}") };
    assert!(fault.value == "h.rate" || fault.value == "a result of `multiply`", "{fault:?}");
    assert!(fault.step < 10 && !fault.chain.is_empty(), "{fault:?}");
    let steps = fault.step;
    plan.schedule.length = Length::Steps(steps as usize);
    assert!(!run(&mut load(&plan), 1, &[]).iter().any(|event| faulted(&event)));
    plan.schedule.length = Length::Steps(steps as usize + 1);
    assert!(run(&mut load(&plan), 1, &[]).iter().any(|event| faulted(&event)));
}

#[test]
fn fresh_examples_are_drawn_at_every_use() {
    // The slot is the sum of all examples; the measure the mean of its own.
    let mut plan = plan(Precision::Float64, 0, 4, Length::Steps(3));
    add_slot(&mut plan, "sum", &[2]);
    add_field(&mut plan, "x", &[2]);
    plan.schedule.chunk = 10_000;
    let mut prepare = Build::default();
    let distribution = Distribution::Normal;
    let x = prepare.op(Op::Random { distribution, stream: "x".into() }, &[], batched(&[2]));
    prepare.program.field_writes.push((FieldId(0), x));
    plan.prepare = prepare.program;
    let mut init = Build::default();
    let zero = init.constant(0.0);
    let zero = init.op(Op::Expand { axes: vec![0] }, &[zero], fixed(&[2]));
    init.write(0, zero);
    plan.init = init.program;
    let mut step = Build::default();
    let (x, sum) = (step.field(0, &[2]), step.slot(0, &[2]));
    let all = step.op(Op::Reduce { how: Reduction::Sum, axes: vec![0] }, &[x], fixed(&[2]));
    let sum = step.binary(Binary::Add, sum, all);
    step.write(0, sum);
    plan.step = step.program;
    let mut measure = Build::default();
    let x = measure.field(0, &[2]);
    measure.program.outputs = vec![x];
    plan.measures =
        vec![MeasureProgram { names: vec!["mean".into()], split: 0, every: Every::Steps(1), program: measure.program }];
    let events = run(&mut load(&plan), 1, &[]);
    let means: Vec<f64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Measured { values, .. } => Some(values[0]),
            _ => None,
        })
        .collect();
    assert_eq!(means.len(), 4);
    assert!(means.iter().all(|mean| mean.abs() < 0.05) && means[0] != means[1], "{means:?}");
    let mut job = load(&plan);
    run(&mut job, 1, &[]);
    let mut expected = [0.0; 2];
    for step in 0..3 {
        let mut drawn = vec![0.0; 8];
        crate::streams::fill(distribution, crate::streams::key(1, "x", step), 0, &mut drawn);
        drawn.chunks(2).for_each(|row| (0..2).for_each(|i| expected[i] += row[i]));
    }
    assert_close(&slot(&job, 0), &expected, 1e-14, "sum");
}

/// Stopped before any step or after some, and gone on with by another engine.
#[test]
fn a_replicate_that_was_stopped_goes_on_with_the_same_bits() {
    let _off = tch::no_grad_guard();
    for precision in [Precision::Float32, Precision::Float64] {
        // A short last batch, and measures every ten epochs.
        let plan = regression(precision, 50, 16, 40);
        let (whole, end) = until(&mut load(&plan), None, None);
        for stop in [0, 10, 30] {
            let (mut measured, state) = until(&mut load(&plan), None, Some(stop));
            assert_eq!(state.step, 4 * stop);
            let (rest, last) = until(&mut load(&plan), Some(state), None);
            measured.extend(rest);
            assert_eq!((measured, last), (whole.clone(), end.clone()));
        }
    }
}

/// What is measured, and the last state: at the end, or once something was measured at the epoch `stop`.
fn until(job: &mut Job, from: Option<State>, stop: Option<u64>) -> (Vec<Event>, State) {
    let flag = AtomicBool::new(false);
    let replicate = Replicate { id: 0, seed: 3, numbers: vec![], from, keep: 0 };
    let (mut measured, mut last) = (Vec::new(), State::default());
    train(job, &replicate, &flag, &mut |event| {
        match event {
            Event::Measured { at, .. } => {
                flag.store(stop.is_some_and(|stop| at >= stop), std::sync::atomic::Ordering::Relaxed);
                measured.push(event);
            }
            Event::State { state, .. } => last = state,
            _ => {}
        }
        Ok(())
    })
    .unwrap();
    (measured, last)
}
