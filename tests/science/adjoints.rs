//! The derivative of every primitive function and operator against central differences, at several points.

use crate::sim::{close, faults, single};
use trine::ops::table::TABLE;

/// What a test knows of a function.
enum Case {
    /// Numbers made of the vectors `z` and `c` of six elements, differentiable where they are tried.
    Smooth(&'static [&'static str]),
    /// Objectives that no gradient reaches, and a word of the message.
    Refused(&'static [&'static str], &'static str),
}

/// A function of the table that is missing here fails the test.
fn case(name: &str) -> Option<Case> {
    use Case::*;
    Some(match name {
        "exp" => Smooth(&["dot(exp(z), c)"]),
        "expm1" => Smooth(&["dot(expm1(z), c)"]),
        "log" => Smooth(&["dot(log(0.5 + square(z)), c)"]),
        "log1p" => Smooth(&["dot(log1p(square(z)), c)"]),
        "sqrt" => Smooth(&["dot(sqrt(0.5 + square(z)), c)"]),
        "square" => Smooth(&["dot(square(z), c)"]),
        "abs" => Smooth(&["dot(abs(z), c)"]),
        "sin" => Smooth(&["dot(sin(z), c)"]),
        "cos" => Smooth(&["dot(cos(z), c)"]),
        "tanh" => Smooth(&["dot(tanh(z), c)"]),
        "sigmoid" => Smooth(&["dot(sigmoid(z), c)", "dot(sigmoid(20 * z), c)"]),
        "softplus" => Smooth(&["dot(softplus(z), c)", "dot(softplus(40 * z), c)"]),
        "relu" => Smooth(&["dot(relu(z), c)"]),
        "erf" => Smooth(&["dot(erf(z), c)"]),
        "min" => Smooth(&["dot(min(z, c), c)", "dot(min(z[1..3], z[4..6]), c[1..3])", "sum(min(z, 0.2))"]),
        "max" => Smooth(&["dot(max(z, c), c)", "dot(max(z[1..3], z[4..6]), c[1..3])", "sum(max(z[2], z))"]),
        "atan2" => {
            Smooth(&["dot(cos(atan2(z, c)), c)", "dot(sin(atan2(c, z)), c)", "sum(sin(atan2(z[1..3], z[4..6])))"])
        }
        "sum" => Smooth(&["square(sum(z * c))", "sumsq(sum(sin(outer(z, c)), over = 2))"]),
        "mean" => Smooth(&["square(mean(z * c))", "sumsq(mean(reshape(sin(outer(z, c)), [6, 3, 2]), over = [1, 3]))"]),
        "largest" => Smooth(&["square(largest(z * c))", "sumsq(largest(outer(z, c), over = 1))"]),
        "smallest" => Smooth(&["square(smallest(z * c))", "sumsq(smallest(outer(z, c), over = 2))"]),
        "softmax" => Smooth(&["dot(softmax(z), c)", "sumsq(softmax(outer(z[1..2], z)))"]),
        "log_softmax" => Smooth(&["dot(log_softmax(z), c)", "sumsq(log_softmax(outer(z[1..2], z)))"]),
        "logsumexp" => Smooth(&["square(logsumexp(z * c))", "sumsq(logsumexp(outer(z[1..2], z)))"]),
        "dot" => Smooth(&["dot(z, c)", "square(dot(z, z))", "dot(z[1..3], z[4..6])"]),
        "outer" => Smooth(&["sumsq(outer(z, c) + outer(c, z))", "sum(sin(outer(z[1..2], z[3..6])))"]),
        "transpose" => Smooth(&["sum(sin(transpose(outer(z[1..2], z[3..6])) * outer(c[3..6], c[1..2])))"]),
        "flatten" => Smooth(&["dot(flatten(outer(z[1..2], z[3..5])), c)"]),
        "reshape" => {
            Smooth(&["sumsq(reshape(z, [2, 3]) @ c[1..3])", "sum(sin(reshape(z, [3, 2]) @ reshape(c, [2, 3])))"])
        }
        "einsum" => Smooth(&[
            "sumsq(einsum(\"i j, j k -> k i\", reshape(z, [2, 3]), reshape(c, [3, 2])))",
            "sum(sin(einsum(\"i j, .. j -> .. i\", reshape(c, [3, 2]), reshape(z, [3, 2]))))",
            "sum(sin(einsum(\"i j k -> k i\", reshape(z, [3, 1, 2])) * reshape(c, [2, 3])))",
            "sumsq(einsum(\"b i j, b j -> b i\", reshape(outer(z, c), [3, 4, 3]), reshape(outer(c[1..3], z[1..3]), [3, 3])))",
            "sumsq(per_channel(z[1..2], reshape(c, [2, 3])) * reshape(z, [2, 3]) + per_row(c[1..2], reshape(z, [2, 3])))",
            "sumsq(per_feature(z[1..3], reshape(c, [2, 3])) * reshape(z, [2, 3]) * row_means(z))",
        ]),
        "unfold" => Smooth(&[
            "sumsq(unfold(z, 1, 3) @ c[1..3])",
            "sum(sin(unfold(z, 1, 2, 2, 3, 1) @ c[1..2]))",
            "sum(sin(unfold(unfold(reshape(z, [2, 3]), 2, 2, 1, 1, 1), 1, 2, 1, 1, 1)))",
            "sum(largest(unfold(z * c, 1, 3, 2), over = 2))",
        ]),
        "fold" => Smooth(&[
            "sumsq(fold(outer(z, c), 1, 6, 1, 1, 2))",
            "dot(fold(reshape(z, [3, 2]), 1, 6, 2), c)",
            "sum(sin(fold(outer(z, c[1..3]), 1, 14, 2, 2, 1)))",
            "sum(sin(fold(outer(z, c[1..3]), 1, 4, 2, 1, 3)))",
        ]),
        "row_sums" => Smooth(&["dot(row_sums(sin(outer(z, c[1..2]))), c)"]),
        "column_sums" => Smooth(&["dot(column_sums(sin(outer(c[1..2], z))), c)"]),
        "ones" => Smooth(&["dot(z, ones(z))", "dot(z, z * ones(c))"]),
        "zeros" => Smooth(&["dot(z, c + zeros(z))"]),
        "identity" => Smooth(&["sumsq(identity(6) @ z)"]),
        "triangle" => Smooth(&["sumsq(triangle(6) @ z)"]),
        "concat" => Smooth(&["sum(sin(concat(z, square(z[2..3]))) * concat(c, c[1..2]))"]),
        "bernoulli" => Refused(&["dot(bernoulli(z), c)"], "units of a population"),
        "categorical" => Refused(&["dot(categorical(z), c)"], "units of a population"),
        "gaussian" => Refused(&["dot(gaussian(z, 1), c)"], "units of a population"),
        // Constants of the example: the draw is not a function of what is differentiated.
        "normal" => Smooth(&["dot(z, task.noise)"]),
        "uniform" => Smooth(&["dot(z, task.even)"]),
        "sign" => Refused(&["dot(sign(z), c)"], "sign"),
        "floor" => Refused(&["dot(floor(z), c)"], "floor"),
        "is_finite" => Smooth(&["sum(if is_finite(z) then square(z) else c)"]),
        "argmax" => Refused(&["if argmax(z) == task.label then 1 else 0"], ""),
        "rank" => Refused(&["dot(rank(z), c)"], "rank"),
        "one_hot" => Refused(&["dot(one_hot(argmax(z)), c)"], ""),
        _ => return None,
    })
}

/// Operators and words that are no functions of the table.
const OPERATORS: [&str; 19] = [
    "dot(-z, c)",
    "dot(z + c, z + c)",
    "dot(z - c, c - z)",
    "dot(z * c, z)",
    "dot(z / (2 + c), z)",
    "dot(c / (2 + square(z)), c)",
    "sum(z) / (1 + sumsq(z))",
    "sum(z^3)",
    "sum((1 + square(z))^1.5)",
    "sum((1 + square(z))^c)",
    "sum((1 + square(c))^z)",
    "sum(2^z)",
    "sum(square(outer(z, c) @ z))",
    "sum(sin(outer(z, c) @ outer(z, z)))",
    "dot(if z > c then square(z) else sin(z), c)",
    "sum(if sum(c) > 0 then z * 3 else square(z))",
    "dot(z[2..5], z[1..4])",
    "z[3] * z[6] + square(z[1])",
    "norm(z) + cosine(z, c) + sin(angle(z, c))",
];

fn text(loss: &str) -> String {
    // Ports called `z` and `c` keep the expressions short.
    format!(
        "language 0.1\nuse std.rules: backprop\n\n\
         task t() {{\n  draw x: [6] ~ normal(0, 1)\n  draw c: [6] ~ normal(0, 1)\n  draw noise: [6] ~ normal(0, 1)\n  \
         draw even: [6] ~ uniform(-1, 1)\n  label: Label[6] = argmax(c)\n  split train 3\n}}\n\n\
         architecture net(x: [6], c: [6]) {{\n  output z: [6] = diagonal(x)\n}}\n\n\
         experiment e {{\n  task = t()\n  architecture = net(task.x, task.c)\n  objective = minimize {loss}\n  \
         rule = backprop(sgd(1))\n  train = 1 epochs\n  batch = 1\n  seeds = 1\n  precision = float64\n  \
         measure off = sumsq(proposed(z) + gradient(z.drive)) on train\n}}\n"
    )
}

/// The update of the offsets of `z` against differences of the loss.
fn compare(loss: &str) {
    let mut sim = single(&text(loss));
    let (g, b) = (sim.find("x -> z: g"), sim.find("x -> z: b"));
    for seed in 0..4 {
        sim.start(seed);
        for example in 0..3 {
            let rows = [example];
            let after = sim.proposal(&rows);
            for slot in [g, b] {
                let found: Vec<f64> = (0..6)
                    .map(|i| {
                        let at = |by: f64| {
                            let mut moved = sim.clone();
                            moved.slots[slot][i] += by;
                            moved.loss(&rows)
                        };
                        let h = 1e-4;
                        -(8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
                    })
                    .collect();
                let expected = crate::sim::difference(&after[slot], &sim.slots[slot]);
                let scale = expected.iter().fold(1.0f64, |m, x| m.max(x.abs()));
                let pad = |v: Vec<f64>| v.into_iter().chain([scale]).collect::<Vec<f64>>();
                close(loss, &pad(expected), &pad(found), 1e-8);
            }
            close(loss, &[1.0 + sim.measure("off", &rows)[0]], &[1.0], 1e-14);
        }
    }
}

#[test]
fn every_primitive_function_has_its_derivative() {
    for entry in TABLE {
        let name = entry.signature.split('(').next().unwrap_or_default();
        match case(name) {
            None => panic!("`{name}` has no case here: say how it is differentiated"),
            Some(Case::Smooth(losses)) => losses.iter().for_each(|l| compare(l)),
            Some(Case::Refused(losses, word)) => {
                for loss in losses {
                    let found = faults(&text(loss));
                    assert!(found.contains("error[T"), "`{loss}` is differentiated\n{found}");
                    assert!(found.contains(word), "`{loss}`: the message does not say `{word}`\n{found}");
                }
            }
        }
    }
}

#[test]
fn every_operator_has_its_derivative() {
    OPERATORS.iter().for_each(|l| compare(l));
}

/// A step has the derivative 0 almost everywhere: a rule that asks for it would learn nothing without a word.
#[test]
fn what_is_read_through_comparisons_alone_is_refused() {
    for equation in ["step(dense(x))", "tanh(step(dense(x)))"] {
        let spec = text("sumsq(z)").replace(
            "output z: [6] = diagonal(x)",
            &format!("population h: [3] = {equation}\n  output z: [6] = dense(h)"),
        );
        let found = faults(&spec);
        assert!(found.contains("T0404"), "{found}\n{spec}");
    }
    let found = faults(&text("if sum(z) > 0 then 1 else 0"));
    assert!(found.contains("T0404"), "{found}");
}
