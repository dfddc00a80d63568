//! Static architectures: convolution, pooling, normalisation, attention and the rest compute what their papers say, and
//! what a rule carries through them is the derivative.

use crate::gradients::descends;
use crate::sim::{Sim, close, difference, dot, draw, faults, single};
use trine::ops::Distribution;

/// One architecture, its input drawn, with a loss that reads every output unit.
pub fn text(input: &str, out: &str, body: &str, rule: &str, measures: &str) -> String {
    format!(
        "language 0.1\nuse std.rules: backprop, feedback_alignment, direct_feedback_alignment\n\n\
         task t() {{\n  draw x: {input} ~ normal(0, 1)\n  draw y: {out} ~ normal(0, 1)\n  split train 5\n}}\n\n\
         architecture net(x: {input}) {{\n{body}}}\n\n\
         experiment e {{\n  task = t()\n  architecture = net(task.x)\n  objective = minimize sumsq(z - task.y)\n  \
         rule = {rule}\n  train = 1 epochs\n  batch = 5\n  seeds = 1\n  precision = float64\n{measures}}}\n"
    )
}

/// The update of backprop against differences of the loss, one direction through each slot and one through all.
#[track_caller]
pub fn gradient(text: &str) -> Sim {
    let mut sim = single(text);
    for seed in 0..2 {
        sim.start(seed);
        assert!(!sim.slots.is_empty());
        // Masks and running means are no parameters.
        descends(text, &sim, &[0, 1, 2, 3, 4], &|name| ["mask", "running"].iter().any(|w| name.starts_with(w)));
    }
    sim.start(0);
    sim
}

/// A convolution by its definition.
pub struct Conv {
    pub channels: usize,
    pub side: (usize, usize),
    pub kernels: usize,
    pub size: usize,
    pub stride: usize,
    pub dilation: usize,
    pub padding: usize,
    pub groups: usize,
}

impl Conv {
    pub fn positions(&self, n: usize) -> usize {
        (n + 2 * self.padding - self.dilation * (self.size - 1) - 1) / self.stride + 1
    }

    pub fn apply(&self, x: &[f64], w: &[f64], b: &[f64]) -> Vec<f64> {
        let ((h, v), k) = (self.side, self.size);
        let (rows, columns) = (self.positions(h), self.positions(v));
        let (from, to) = (self.channels / self.groups, self.kernels / self.groups);
        let mut out = Vec::new();
        for d in 0..self.kernels {
            for i in 0..rows {
                for j in 0..columns {
                    let mut sum = b[d];
                    for c in 0..from {
                        for p in 0..k {
                            for q in 0..k {
                                let row = (i * self.stride + p * self.dilation).wrapping_sub(self.padding);
                                let column = (j * self.stride + q * self.dilation).wrapping_sub(self.padding);
                                if row < h && column < v {
                                    let channel = d / to * from + c;
                                    sum += w[((d * from + c) * k + p) * k + q] * x[(channel * h + row) * v + column];
                                }
                            }
                        }
                    }
                    out.push(sum);
                }
            }
        }
        out
    }
}

#[test]
fn a_convolution_is_its_definition_and_has_its_gradient() {
    let cases = [
        // channels, height, width, kernels, size, stride, dilation, padding, groups
        (1, 5, 4, 2, 3, 1, 1, 1, 1),
        (2, 6, 5, 3, 3, 2, 1, 1, 1),
        (4, 6, 6, 4, 2, 2, 1, 0, 2),
        (2, 7, 6, 2, 3, 1, 2, 2, 1),
        (3, 5, 5, 6, 1, 1, 1, 0, 3),
        (2, 8, 7, 2, 3, 3, 2, 1, 2),
        (1, 4, 4, 1, 4, 1, 1, 3, 1),
    ];
    for (channels, h, w, kernels, size, stride, dilation, padding, groups) in cases {
        let c = Conv { channels, side: (h, w), kernels, size, stride, dilation, padding, groups };
        let out = format!("[{kernels}, {}, {}]", c.positions(h), c.positions(w));
        let call = format!("conv(x, {size}, {stride}, {dilation}, {padding}, {groups})");
        let body = format!("  output z: {out} = {call}\n");
        let spec = text(&format!("[{channels}, {h}, {w}]"), &out, &body, "backprop(sgd(1))", "");
        let mut sim = gradient(&spec);
        let bias = draw(Distribution::Normal, "bias", 0, kernels);
        sim.set("x -> z: b", bias.clone());
        let (x, z) = (sim.field("x", &[3]), sim.value("z.drive", &[3]));
        close(&call, &z, &c.apply(&x, sim.slot("x -> z: W"), &bias), 1e-13);
    }
}

#[test]
fn a_convolution_along_one_axis_is_one_in_a_plane_of_one_row() {
    let c = Conv { channels: 2, side: (1, 9), kernels: 4, size: 1, stride: 2, dilation: 1, padding: 0, groups: 2 };
    assert_eq!(c.positions(9), 5);
    let spec =
        text("[2, 9]", "[4, 5]", "  output z: [4, 5] = conv1d(x, 1, stride = 2, groups = 2)\n", "backprop(sgd(1))", "");
    let sim = gradient(&spec);
    let (x, z) = (sim.field("x", &[1]), sim.value("z.drive", &[1]));
    let (w, b) = (sim.slot("x -> z: W"), sim.slot("x -> z: b"));
    // One row seen every second column: the plane's rows are one.
    let expected: Vec<f64> =
        (0..4).flat_map(|d| (0..5).map(move |j| (d, j))).map(|(d, j)| b[d] + w[d] * x[d / 2 * 9 + 2 * j]).collect();
    close("conv1d", &z, &expected, 1e-13);
    let wide = text("[2, 9]", "[3, 9]", "  output z: [3, 9] = conv1d(x, 3, dilation = 2)\n", "backprop(sgd(1))", "");
    gradient(&wide);
}

#[test]
fn a_transposed_convolution_is_the_adjoint_of_a_convolution() {
    for (stride, size, padding, extra, side) in [(1, 3, 1, 0, 4), (2, 3, 1, 1, 8), (2, 2, 0, 0, 8), (3, 2, 0, 1, 12)] {
        let out = format!("[2, {side}, {side}]");
        let body = format!(
            "  output z: {out} = conv_transposed(x, size = {size}, stride = {stride}, padding = {padding}, extra = {extra}) as t\n"
        );
        let sim = gradient(&text("[3, 4, 4]", &out, &body, "backprop(sgd(1))", ""));
        let y = sim.field("x", &[0]);
        let z = sim.value("z.drive", &[0]);
        // <conv(u), y> = <u, transposed(y)> with the same kernel.
        let c = Conv { channels: 2, side: (side, side), kernels: 3, size, stride, dilation: 1, padding, groups: 1 };
        assert_eq!((c.positions(side), c.positions(side)), (4, 4));
        let u = draw(Distribution::Normal, "u", 0, 2 * side * side);
        let seen = c.apply(&u, sim.slot("t (x -> z): W"), &[0.0; 3]);
        close("adjoint", &[dot(&seen, &y)], &[dot(&u, &z)], 1e-12);
    }
}

#[test]
fn windows_and_their_adjoint_meet_in_the_dot_product() {
    // <unfold(x), y> = <x, fold(y)> for random windows.
    let numbers = draw(Distribution::Uniform, "windows", 0, 400);
    let mut at = numbers.iter();
    let mut pick = |low: usize, high: usize| low + (at.next().expect("a number") * (high - low + 1) as f64) as usize;
    for _ in 0..40 {
        let (n, size, stride, dilation, padding) = (pick(3, 9), pick(1, 3), pick(1, 4), pick(1, 3), pick(0, 3));
        let reach = dilation * (size - 1) + 1;
        if reach > n + 2 * padding || padding >= reach.max(2) {
            continue;
        }
        let count = (n + 2 * padding - reach) / stride + 1;
        let measures = format!(
            "  measure left = dot(unfold(task.x, 2, {size}, {stride}, {dilation}, {padding}), task.y) on train\n  \
             measure right = dot(task.x, fold(task.y, 2, {n}, {stride}, {dilation}, {padding})) on train\n"
        );
        let spec = format!(
            "language 0.1\nuse std.rules: backprop\n\ntask t() {{\n  draw x: [2, {n}] ~ normal(0, 1)\n  \
             draw y: [2, {count}, {size}] ~ normal(0, 1)\n  split train 3\n}}\n\narchitecture net(x: [2, {n}]) {{\n  \
             output z: [2] = dense(flatten(x))\n}}\n\nexperiment e {{\n  task = t()\n  architecture = net(task.x)\n  \
             objective = minimize sumsq(z)\n  rule = backprop()\n  train = 1 epochs\n  seeds = 1\n  \
             precision = float64\n{measures}}}\n"
        );
        let sim = single(&spec);
        let rows = [0, 1, 2];
        close(&measures, &sim.measure("left", &rows), &sim.measure("right", &rows), 1e-12);
    }
}

#[test]
fn pooling_takes_the_largest_or_the_mean_of_each_window() {
    type Pool = fn(&[f64]) -> f64;
    let reduce: [(&str, Pool); 2] = [
        ("max_pool", |v| v.iter().copied().fold(f64::MIN, f64::max)),
        ("mean_pool", |v| v.iter().sum::<f64>() / v.len() as f64),
    ];
    for (name, f) in reduce {
        for (size, stride, side) in [(2, 2, 3), (3, 2, 2), (3, 1, 4)] {
            let out = format!("[2, {side}, {side}]");
            let body = format!(
                "  population c: [2, 6, 6] = tanh(conv(x))\n  population s: {out} = {name}(c, {size}, {stride})\n  \
                 output z: {out} = conv(s)\n"
            );
            let sim = gradient(&text("[1, 6, 6]", &out, &body, "backprop(sgd(1))", ""));
            let (c, s) = (sim.value("c.rate", &[2]), sim.value("s.drive", &[2]));
            let mut expected = Vec::new();
            for channel in 0..2 {
                for i in 0..side {
                    for j in 0..side {
                        let of = |k: usize| c[(channel * 6 + i * stride + k / size) * 6 + j * stride + k % size];
                        expected.push(f(&(0..size * size).map(of).collect::<Vec<f64>>()));
                    }
                }
            }
            close(name, &s, &expected, 1e-14);
        }
    }
}

#[test]
fn local_fields_without_shared_weights_and_low_rank_have_their_gradient() {
    gradient(&text(
        "[2, 5, 5]",
        "[3, 3, 3]",
        "  output z: [3, 3, 3] = locally_connected(x, stride = 2)\n",
        "backprop(sgd(1))",
        "",
    ));
    gradient(&text("[6]", "[5]", "  output z: [5] = low_rank(x, rank = 2)\n", "backprop(sgd(1))", ""));
}

#[test]
fn every_rule_learns_through_a_convolutional_network() {
    let body = "  population c: [3, 6, 6] = tanh(conv(x) as w1)\n  population s: [3, 3, 3] = max_pool(c)\n  \
                population d: [4, 3, 3] = tanh(conv(s) as w2)\n  output z: [4] = dense(channel_means(d)) as w3\n";
    for rule in ["backprop(sgd(0.2))", "feedback_alignment(sgd(0.2))", "direct_feedback_alignment(sgd(0.2))"] {
        let mut sim = single(&text("[1, 6, 6]", "[4]", body, rule, ""));
        let rows = [0, 1, 2, 3, 4];
        let before = sim.loss(&rows);
        let start = sim.slots.clone();
        (0..200).for_each(|_| sim.step(&rows));
        assert!(sim.loss(&rows) < 0.85 * before, "{rule}: {} from {before}", sim.loss(&rows));
        for name in ["w1 (x -> c): W", "w2 (s -> d): W"] {
            assert_ne!(sim.slot(name), &start[sim.find(name)][..], "{rule} leaves {name}");
        }
    }
}

#[test]
fn shapes_that_do_not_fit_a_convolution_are_named() {
    let fault = |input: &str, out: &str, call: &str| {
        faults(&text(input, out, &format!("  output z: {out} = {call}\n"), "backprop()", ""))
    };
    let wrong = fault("[1, 9, 9]", "[4, 4, 4]", "conv(x, stride = 2)");
    assert!(wrong.contains("`conv` makes [4, 5, 5] of [1, 9, 9] here, but `z` is [4, 4, 4]"), "{wrong}");
    let channels = fault("[3, 8, 8]", "[4, 8, 8]", "conv(x, groups = 2)");
    assert!(channels.contains("would not be a whole number"), "{channels}");
    let flat = fault("[64]", "[4, 8, 8]", "conv(x)");
    assert!(flat.contains("`pre` is [c, h, w], but this is [64]"), "{flat}");
    let large = fault("[1, 2, 2]", "[1, 1, 1]", "max_pool(x, 3)");
    assert!(large.contains("a window of 3 does not fit into an axis of 2"), "{large}");
}

#[test]
fn masked_tied_and_symmetric_weights_have_their_gradient() {
    let body = "  population a: [5] = tanh(dense(x, mask = random(0.5)) as w1)\n  \
                population b: [5] = tanh(dense(a, mask = off_diagonal) as w2)\n  \
                population c: [5] = tanh(dense(b, tied = w2) as w3)\n  \
                population d: [6] = tanh(dense(c, tied = transpose(w1)) as w4)\n  \
                population e: [6] = tanh(0.5 * dense(d, tied = symmetric) + 2 * linear(d, mask = reshape([1, 0, 1, 1, 0, 1], [6, 1]) @ reshape([1, 1, 0, 1, 1, 1], [1, 6])))\n  \
                cell f: [3] {\n    population basal = dense(e)\n    population soma = sigmoid(basal + 0.2 * dense(e))\n  }\n  \
                output z: [4] = dense(f.soma)\n";
    let sim = gradient(&text("[6]", "[4]", body, "backprop(sgd(1))", ""));
    let w = sim.slot("w2 (a -> b): W");
    assert!((0..5).all(|i| w[i * 6] == 0.0) && w.iter().filter(|x| **x != 0.0).count() == 20);
    let w = sim.slot("d -> e: W");
    assert_eq!(w, crate::sim::transposed(w, 6, 6), "symmetric from the first draw on");
    // A synapse that is one in both directions is there in both.
    let both =
        "  population h: [6] = tanh(dense(x, tied = symmetric, mask = random(0.5)))\n  output z: [4] = dense(h)\n";
    let sim = gradient(&text("[6]", "[4]", both, "backprop(sgd(1))", ""));
    for name in ["x -> h: W", "mask x -> h: W"] {
        assert_eq!(sim.slot(name), crate::sim::transposed(sim.slot(name), 6, 6), "{name}");
    }
    // The kernel of a convolution, turned into that of its adjoint.
    let body = "  population h: [3, 2, 2] = tanh(conv(x, 2, stride = 2) as w1)\n  \
                output z: [2, 4, 4] = conv_transposed(h, 2, stride = 2, tied = w1)\n";
    gradient(&text("[2, 4, 4]", "[2, 4, 4]", body, "backprop(sgd(1))", ""));
}

#[test]
fn masks_and_signs_survive_every_rule_and_optimizer() {
    let body = "  population a: [8] = relu(dense(x, mask = random(0.4)) as w1), excitatory\n  \
                population b: [8] = relu(dense(a, mask = random(0.6)) as w2), inhibitory\n  \
                output z: [4] = dense(b) + dense(a, sign = inhibitory) as w4\n";
    let body = body.replace("dense(b) +", "(dense(b) as w3) +");
    for rule in [
        "backprop(adam(0.05))",
        "feedback_alignment(momentum(0.01, 0.9))",
        "direct_feedback_alignment(sgd(0.05))",
        "grow(sgd(0.002))",
    ] {
        let spec = text("[6]", "[4]", &body, rule, "");
        // One that knows nothing of masks.
        let own = "rule grow(optimizer: Optimizer = sgd(0.1)) {\n  update p.W along outer(p.post.rate, p.pre.rate) - 0.1 by optimizer\n}\n";
        let mut sim = single(&spec.replace("task t()", &format!("{own}\ntask t()")));
        for seed in 0..3 {
            sim.start(seed);
            let first = sim.slots.clone();
            (0..30).for_each(|_| sim.step(&[0, 1, 2, 3, 4]));
            for (name, share) in [("x -> a", 0.4), ("a -> b", 0.6)] {
                let mask = sim.slot(&format!("mask {name}: W")).to_vec();
                assert_eq!(mask, first[sim.find(&format!("mask {name}: W"))]);
                let full = mask.iter().sum::<f64>() / mask.len() as f64;
                assert!((full - share).abs() < 0.25, "{name}: {full} of {share}");
                let w = if name == "x -> a" { "w1 (x -> a): W" } else { "w2 (a -> b): W" };
                assert!(sim.slot(w).iter().zip(&mask).all(|(w, m)| *m == 1.0 || *w == 0.0), "{rule}: {name}");
                assert_ne!(sim.slot(w), &first[sim.find(w)][..], "{rule} leaves {w}");
            }
            assert!(sim.slot("w2 (a -> b): W").iter().all(|w| *w >= 0.0), "{rule}");
            assert!(sim.slot("w3 (b -> z): W").iter().all(|w| *w <= 0.0), "{rule}");
            assert!(sim.slot("w4 (a -> z): W").iter().all(|w| *w <= 0.0), "{rule}: a call's own sign goes first");
            assert!(sim.slot("w1 (x -> a): W").iter().any(|w| *w < 0.0), "{rule}: inputs have no sign");
        }
    }
}

#[test]
fn a_tied_weight_moves_by_the_sum_of_what_its_uses_ask_for() {
    let body = |tied: &str| {
        format!(
            "  population a: [5] = tanh(linear(x) as w1)\n  population b: [5] = tanh(linear(a{tied}) as w2)\n  \
             output z: [4] = dense(b)\n"
        )
    };
    for rule in ["backprop(sgd(0.3))", "feedback_alignment(sgd(0.3))"] {
        let tied = single(&text("[5]", "[4]", &body(", tied = w1"), rule, ""));
        let mut free = single(&text("[5]", "[4]", &body(""), rule, ""));
        for (i, slot) in tied.plan.slots.iter().enumerate() {
            free.set(&slot.name, tied.slots[i].clone());
        }
        let (one, two) = ("w1 (x -> a): W", "w2 (a -> b): W");
        free.set(two, tied.slot(one).to_vec());
        let rows = [0, 1, 2, 3, 4];
        let (after, apart) = (tied.proposal(&rows), free.proposal(&rows));
        let moved = |sim: &Sim, after: &[Vec<f64>], name: &str| difference(&after[sim.find(name)], sim.slot(name));
        let (a, b) = (moved(&free, &apart, one), moved(&free, &apart, two));
        let sum: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
        close(rule, &moved(&tied, &after, one), &sum, 1e-12);
    }
    // An optimizer with memory sees one direction, not two.
    let tied = single(&text("[5]", "[4]", &body(", tied = w1"), "backprop(adam(0.1))", ""));
    let moments = tied.plan.slots.iter().filter(|s| s.shape == [5, 5]).count();
    assert_eq!(moments, 3, "one weight and two moments");
}

#[test]
fn faults_of_masks_and_ties_are_named() {
    let fault = |body: &str| faults(&text("[6]", "[4]", body, "backprop()", ""));
    let shapes = fault("  population a: [5] = dense(x) as w1\n  output z: [4] = dense(a, tied = w1)\n");
    assert!(shapes.contains("tied weights are one, but W is [4, 5] here and [5, 6] in w1 (x -> a)"), "{shapes}");
    let turned = fault(
        "  population a: [4] = dense(x) as w1\n  population b: [6] = dense(a, tied = w1)\n  output z: [4] = dense(b)\n",
    );
    assert!(turned.contains("tied = transpose("), "{turned}");
    let unknown = fault("  output z: [4] = dense(x, mask = of_diagonal)\n");
    assert!(
        unknown.contains("`of_diagonal` is no mask") && unknown.contains("did you mean `off_diagonal`?"),
        "{unknown}"
    );
    let square = fault("  output z: [4] = dense(x, mask = off_diagonal)\n");
    assert!(square.contains("`off_diagonal` is of a square matrix, but the weight is [4, 6]"), "{square}");
    let share = fault("  output z: [4] = dense(x, mask = random(10))\n");
    assert!(share.contains("a number from 0 to 1"), "{share}");
    let drawn = fault("  output z: [4] = dense(x, mask = outer(x[1..4], x))\n");
    assert!(drawn.contains("a mask is fixed, and this depends on the example"), "{drawn}");
    let none = fault("  output z: [4] = dense(x, tied = x)\n");
    assert!(none.contains("`tied` needs a projection, but this is the population `x`"), "{none}");
}

/// Rows with mean 0 and variance 1.
fn normal_rows(x: &[f64], n: usize) -> Vec<f64> {
    let row = |r: &[f64]| {
        let mean = r.iter().sum::<f64>() / n as f64;
        let variance = r.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
        r.iter().map(|v| (v - mean) / (variance + 1e-5).sqrt()).collect::<Vec<f64>>()
    };
    x.chunks(n).flat_map(row).collect()
}

#[test]
fn normalisations_are_their_definitions_and_have_their_gradient() {
    let of = |norm: &str, input: &str, project: &str| {
        let body = format!(
            "  population h: {input} = tanh({project}(x))\n  population a: {input} = {norm}(h)\n  output z: [3] = dense(flatten(a))\n"
        );
        gradient(&text(input, "[3]", &body, "backprop(sgd(1))", ""))
    };
    let sim = of("layer_norm", "[4, 6]", "dense");
    let h = sim.value("h.rate", &[1]);
    close("layer_norm", &sim.value("a.drive", &[1]), &normal_rows(&h, 6), 1e-12);
    let sim = of("divisive", "[4, 6]", "dense");
    let h = sim.value("h.rate", &[1]);
    let row = |r: &[f64]| r.iter().map(|v| v * v / (1.0 + dot(r, r))).collect::<Vec<f64>>();
    close("divisive", &sim.value("a.drive", &[1]), &h.chunks(6).flat_map(row).collect::<Vec<f64>>(), 1e-12);
    // Over the batch, and over positions where there are some.
    for (input, project) in [("[6]", "dense"), ("[2, 3, 3]", "conv")] {
        let sim = of("batch_norm", input, project);
        let rows = [0, 1, 2, 3, 4];
        let (h, a) = (sim.value("h.rate", &rows), sim.value("a.drive", &rows));
        let (channels, positions) = if input == "[6]" { (6, 1) } else { (2, 9) };
        let channel = |x: &[f64], c: usize| -> Vec<f64> {
            let of = |b: usize| x[(b * channels + c) * positions..][..positions].to_vec();
            (0..5).flat_map(of).collect()
        };
        for c in 0..channels {
            close("batch_norm", &channel(&a, c), &normal_rows(&channel(&h, c), 5 * positions), 1e-12);
        }
    }
}

#[test]
fn attention_is_its_definition_and_has_its_gradient() {
    let body = |call: &str| {
        format!(
            "  population norm: [4, 6] = layer_norm(x)\n  population q: [4, 6] = dense(norm)\n  \
             population k: [4, 6] = dense(norm)\n  population v: [4, 6] = dense(norm)\n  \
             population mix: [4, 6] = {call}(q, k, v, heads = 2)\n  population r: [4, 6] = x + dense(mix)\n  \
             population up: [4, 12] = gelu(dense(layer_norm(r)))\n  population y: [4, 6] = r + dense(up)\n  \
             output z: [3] = dense(mean(y, over = 1))\n"
        )
    };
    for (call, back) in [("attend", false), ("attend_back", true)] {
        let sim = gradient(&text("[4, 6]", "[3]", &body(call), "backprop(sgd(1))", ""));
        let [q, k, v] = ["q.drive", "k.drive", "v.drive"].map(|n| sim.value(n, &[2]));
        let mut expected = vec![0.0; 24];
        for head in 0..2 {
            let part = |x: &[f64], t: usize| x[t * 6 + head * 3..][..3].to_vec();
            for t in 0..4 {
                let seen = |s: usize| !back || s <= t;
                let weight =
                    |s: usize| if seen(s) { (dot(&part(&q, t), &part(&k, s)) / 3f64.sqrt()).exp() } else { 0.0 };
                let total: f64 = (0..4).map(weight).sum();
                for s in 0..4 {
                    for c in 0..3 {
                        expected[t * 6 + head * 3 + c] += weight(s) / total * part(&v, s)[c];
                    }
                }
            }
        }
        close(call, &sim.value("mix.drive", &[2]), &expected, 1e-12);
    }
    for rule in ["feedback_alignment(sgd(0.01))", "direct_feedback_alignment(sgd(0.002))"] {
        let mut sim = single(&text("[4, 6]", "[3]", &body("attend"), rule, ""));
        let rows = [0, 1, 2, 3, 4];
        let before = sim.loss(&rows);
        (0..200).for_each(|_| sim.step(&rows));
        assert!(sim.loss(&rows) < 0.9 * before, "{rule}: {} from {before}", sim.loss(&rows));
    }
}

#[test]
fn a_token_is_projected_by_itself() {
    let sim = gradient(&text("[3, 5]", "[3, 4]", "  output z: [3, 4] = dense(x)\n", "backprop(sgd(1))", ""));
    let (x, w) = (sim.field("x", &[1]), sim.slot("x -> z: W"));
    let expected: Vec<f64> = (0..12).map(|i| dot(&x[i / 4 * 5..][..5], &w[i % 4 * 5..][..5])).collect();
    close("tokens", &sim.value("z.drive", &[1]), &expected, 1e-13);
    gradient(&text("[3, 5]", "[3, 4]", "  output z: [3, 4] = low_rank(x, rank = 2)\n", "backprop(sgd(1))", ""));
    gradient(&text(
        "[3, 5]",
        "[3, 4]",
        "  population h: [3, 5] = tanh(diagonal(x))\n  output z: [3, 4] = linear(h)\n",
        "backprop(sgd(1))",
        "",
    ));
    let differ = faults(&text("[3, 5]", "[4]", "  output z: [4] = dense(x)\n", "backprop()", ""));
    assert!(differ.contains("`dense` keeps all axes but the last: [3, 5] and [4] differ"), "{differ}");
}

#[test]
fn where_a_function_is_smooth_at_zero_so_is_its_derivative() {
    // A unit whose input is nothing stands at zero exactly.
    let body = "  population dead: [4] = relu(linear(x, bound = [0, 0]))\n  output z: [3] = elu(dense(dead))\n";
    let sim = single(&text("[4]", "[3]", body, "backprop(sgd(1))", ""));
    let bias = "dead -> z: b";
    let moved = difference(&sim.proposal(&[1])[sim.find(bias)], sim.slot(bias));
    let expected: Vec<f64> = sim.field("y", &[1]).iter().map(|y| 2.0 * y).collect();
    close("elu", &moved, &expected, 1e-14);
}

#[test]
fn the_fan_of_a_kernel_counts_its_synapses() {
    let body = "  population c: [6, 8, 8] = conv(x) as a\n  population l: [3, 4, 4] = locally_connected(c, stride = 2) as b\n  \
                population t: [2, 8, 8] = conv_transposed(l, size = 2, stride = 2) as d\n  output z: [5] = dense(flatten(t)) as e\n";
    let measures: String = [("a", 4 * 9, 6 * 9), ("b", 6 * 9, 3 * 9 / 4), ("d", 3, 8), ("e", 128, 5)]
        .iter()
        .map(|(p, i, o)| {
            format!("  measure {p}_in = {p}.fan_in - {i} on train\n  measure {p}_out = {p}.fan_out - {o} on train\n")
        })
        .collect();
    let sim = single(&text("[4, 8, 8]", "[5]", body, "backprop(sgd(1))", &measures));
    for p in ["a", "b", "d", "e"] {
        assert_eq!(sim.measure(&format!("{p}_in"), &[0]), [0.0], "{p}");
        assert_eq!(sim.measure(&format!("{p}_out"), &[0]), [0.0], "{p}");
    }
}

#[test]
fn gates_and_several_inputs_have_their_gradient() {
    let spec = "language 0.1\nuse std.rules: backprop\n\ntask t() {\n  draw a: [2, 4, 4] ~ normal(0, 1)\n  draw b: [3] ~ normal(0, 1)\n  \
                draw y: [2] ~ normal(0, 1)\n  split train 5\n}\n\narchitecture net(a: [2, 4, 4], b: [3]) {\n  \
                population seen: [3, 4, 4] = tanh(conv(a))\n  population gate: [3] = sigmoid(dense(b))\n  \
                population open: [3, 4, 4] = seen * per_channel(gate, seen)\n  population far: [3, 2, 2] = mean_pool(open)\n  \
                output z: [2] = dense(flatten(far)) + dense(b)\n}\n\nexperiment e {\n  task = t()\n  architecture = net(task.a, task.b)\n  \
                objective = minimize sumsq(z - task.y)\n  rule = backprop(sgd(1))\n  train = 1 epochs\n  batch = 5\n  seeds = 1\n  precision = float64\n}\n";
    gradient(spec);
}

#[test]
fn an_outer_product_differentiates_the_projection_and_not_what_is_put_into_it() {
    // Oja's subspace rule 1989: y (x - W'y)'.
    let own = "rule subspace() {\n  update p.W along p.outer(p.post.rate, p.pre.rate - p.adjoint(p.post.rate))\n}\n";
    let spec = text("[4]", "[3]", "  output z: [3] = linear(x)\n", "subspace()", "");
    let sim = single(&spec.replace("task t()", &format!("{own}\ntask t()")));
    let (w, x) = (sim.slot("x -> z: W"), sim.field("x", &[2]));
    let y: Vec<f64> = (0..3).map(|i| dot(&w[i * 4..][..4], &x)).collect();
    let back: Vec<f64> = (0..4).map(|j| (0..3).map(|i| w[i * 4 + j] * y[i]).sum()).collect();
    let expected: Vec<f64> = (0..12).map(|k| y[k / 4] * (x[k % 4] - back[k % 4])).collect();
    close("subspace", &difference(&sim.proposal(&[2])[sim.find("x -> z: W")], w), &expected, 1e-12);
}

/// A port of labels is read as a vector of 0 and 1, or compared.
#[test]
fn a_label_may_be_an_input() {
    let text = |port: &str, given: &str, first: &str| {
        format!(
            "language 0.1\nuse std.rules: backprop\n\ntask t() {{\n  draw x: [5] ~ normal(0, 1)\n  draw y: [3] ~ normal(0, 1)\n  \
             label: Label[3] = argmax(y)\n  split train 6\n}}\n\narchitecture net(x: [n], {port}) {{\n{first}  \
             output z: [3] = dense(x) + dense(c)\n}}\n\nexperiment e {{\n  task = t()\n  \
             architecture = net(task.x, {given})\n  objective = minimize squared_error(z, task.y)\n  rule = backprop(sgd(1))\n  \
             train = 1 epochs\n  batch = 6\n  seeds = 1\n  precision = float64\n}}\n"
        )
    };
    let own = single(&text("l: Label[k]", "task.label", "  population c: [k] = one_hot(l)\n"));
    let given = single(&text("c: [k]", "one_hot(task.label)", ""));
    let rows = [0, 1, 2, 3, 4, 5];
    close("the output", &own.value("z.drive", &rows), &given.value("z.drive", &rows), 1e-12);
    let moved = |s: &crate::sim::Sim| s.proposal(&rows)[s.find("c -> z: W")].clone();
    close("the weights", &moved(&own), &moved(&given), 1e-12);
}
