//! Objectives of the standard library against closed forms: value, error of the output, and declared target.

use crate::sim::{close, single};

/// Output, goal, loss, descent direction of the output and target (if it is asked for), of an objective on an output of four
/// units, one a draw.
fn evaluate(objective: &str, targeted: bool) -> Vec<[Vec<f64>; 5]> {
    let text = |along: &str| {
        format!(
            "language 0.1\n\nrule probe() {{\n  update p along p.outer({along}, p.pre.rate)\n}}\n\n\
             task t() {{\n  draw x: [4] ~ normal(0, 2)\n  draw y: [4] ~ normal(0, 1)\n  label: Label[4] = argmax(y)\n  \
             share: [4] = softmax(y)\n  split train 8\n}}\n\n\
             architecture net(x: [4]) {{\n  output z: [4] = diagonal(x)\n}}\n\n\
             experiment e {{\n  task = t()\n  architecture = net(task.x)\n  objective = minimize {objective}\n  \
             rule = probe()\n  train = 1 epochs\n  batch = 1\n  seeds = 1\n  precision = float64\n}}\n"
        )
    };
    let error = single(&text("-d(loss, p.post.rate)"));
    let target = targeted.then(|| single(&text("target(p.post)")));
    let field = |name: &str, i: usize| {
        let at = error.plan.fields.iter().position(|f| f.name.ends_with(name)).expect("a field");
        error.fields[at][4 * i..4 * i + 4].to_vec()
    };
    (0..8)
        .map(|i| {
            let bias = error.find("x -> z: b");
            let (z, y) = (field("x", i), field("y", i));
            let goal = target.as_ref().map(|t| t.proposal(&[i])[bias].clone()).unwrap_or_default();
            [z, y, vec![error.loss(&[i])], error.proposal(&[i])[bias].clone(), goal]
        })
        .collect()
}

fn hot(y: &[f64]) -> (usize, Vec<f64>) {
    let best = (0..4).max_by(|a, b| y[*a].total_cmp(&y[*b])).expect("four");
    (best, (0..4).map(|i| f64::from(u8::from(i == best))).collect())
}

/// Loss, its slope and the target, of an output and its goal.
type Form<'a> = &'a dyn Fn(&[f64], &[f64]) -> (f64, Vec<f64>, Vec<f64>);

/// An objective that declares no target has an empty one.
fn each(objective: &str, form: Form) {
    let targeted = !form(&[0.1, 0.2, 0.3, 0.4], &[0.4, 0.3, 0.2, 0.1]).2.is_empty();
    for [z, y, loss, error, target] in evaluate(objective, targeted) {
        let (value, slope, goal) = form(&z, &y);
        close(objective, &[1.0 + loss[0]], &[1.0 + value], 1e-12);
        let down: Vec<f64> = slope.iter().map(|s| -s).collect();
        close(&format!("descent of {objective}"), &error, &down, 1e-12);
        close(&format!("target of {objective}"), &target, &goal, 1e-15);
    }
}

fn softmax(z: &[f64]) -> Vec<f64> {
    let total: f64 = z.iter().map(|z| z.exp()).sum();
    z.iter().map(|z| z.exp() / total).collect()
}

fn sum(of: impl Fn(usize) -> f64) -> f64 {
    (0..4).map(of).sum()
}

fn all(of: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..4).map(of).collect()
}

#[test]
fn cross_entropies_with_distributions_are_the_surprise_of_their_draws() {
    each("smoothed_cross_entropy(z, task.label, smoothing = 0.2)", &|z, y| {
        let (p, q) = (softmax(z), all(|i| 0.8 * hot(y).1[i] + 0.05));
        (sum(|i| -q[i] * p[i].ln()), all(|i| p[i] - q[i]), q)
    });
    each("soft_cross_entropy(z, task.share)", &|z, y| {
        let (p, q) = (softmax(z), softmax(y));
        (sum(|i| -q[i] * p[i].ln()), all(|i| p[i] - q[i]), q)
    });
    each("kl_divergence(z, task.share)", &|z, y| {
        let (p, q) = (softmax(z), softmax(y));
        (sum(|i| q[i] * (q[i] / p[i]).ln()), all(|i| p[i] - q[i]), q)
    });
    each("entropy(z)", &|z, _| {
        let p = softmax(z);
        let h = sum(|i| -p[i] * p[i].ln());
        (h, all(|i| -p[i] * (p[i].ln() + h)), vec![])
    });
}

/// Lin et al. 2017, equation 4.
#[test]
fn focal_cares_for_what_is_not_yet_classified() {
    each("focal(z, task.label, gamma = 3)", &|z, y| {
        let (p, (label, hot)) = (softmax(z), hot(y));
        let (right, wrong) = (p[label], 1.0 - p[label]);
        let by_p = 3.0 * wrong.powi(2) * right * right.ln() - wrong.powi(3);
        (-wrong.powi(3) * right.ln(), all(|i| by_p * (hot[i] - p[i])), hot.clone())
    });
}

#[test]
fn errors_of_other_shapes_have_their_slopes() {
    each("log_cosh(z, task.y)", &|z, y| {
        (sum(|i| (z[i] - y[i]).cosh().ln()), all(|i| (z[i] - y[i]).tanh()), y.to_vec())
    });
    // Koenker & Bassett 1978: what is too low weighs as 0.8 to 0.2.
    each("pinball(z, task.y, quantile = 0.8)", &|z, y| {
        let weight = |i: usize| if z[i] < y[i] { -0.8 } else { 0.2 };
        (sum(|i| weight(i) * (z[i] - y[i])), all(weight), y.to_vec())
    });
    each("cosine_distance(z, task.y)", &|z, y| {
        let (zz, yy, zy) = (sum(|i| z[i] * z[i]), sum(|i| y[i] * y[i]), sum(|i| z[i] * y[i]));
        let long = (zz * yy).sqrt() + 1e-12;
        let slope = |i: usize| zy * (yy / zz).sqrt() * z[i] / (long * long) - y[i] / long;
        (1.0 - zy / long, all(slope), y.to_vec())
    });
}

#[test]
fn likelihoods_of_numbers_and_counts() {
    // Nix & Weigend 1994.
    each("gaussian_nll(z[1..2], z[3..4], task.y[1..2])", &|z, y| {
        let (miss, var) = (|i: usize| z[i] - y[i], |i: usize| z[i + 2].exp());
        let one = |i: usize| 0.5 * (z[i + 2] + miss(i).powi(2) / var(i) + std::f64::consts::TAU.ln());
        let slope = |i: usize| match i {
            0 | 1 => miss(i) / var(i),
            _ => 0.5 - 0.5 * miss(i - 2).powi(2) / var(i - 2),
        };
        (one(0) + one(1), all(slope), vec![])
    });
    each("poisson_nll(z, task.y)", &|z, y| (sum(|i| z[i].exp() - y[i] * z[i]), all(|i| z[i].exp() - y[i]), vec![]));
}

/// Schroff, Kalenichenko & Philbin 2015.
#[test]
fn triplets_keep_a_margin_between_squared_distances() {
    each("triplet(z[1..2], z[3..4], task.y[1..2], margin = 0.8)", &|z, y| {
        let (near, far) = (|i: usize| z[i] - z[i + 2], |i: usize| z[i] - y[i]);
        let short = near(0).powi(2) + near(1).powi(2) - far(0).powi(2) - far(1).powi(2) + 0.8;
        let on = f64::from(u8::from(short > 0.0));
        let slope = |i: usize| if i < 2 { 2.0 * on * (near(i) - far(i)) } else { -2.0 * on * near(i - 2) };
        (short.max(0.0), all(slope), vec![])
    });
}

#[test]
fn activity_has_its_price() {
    each("activity_l1(z, 0.3)", &|z, _| (sum(|i| 0.3 * z[i].abs()), all(|i| 0.3 * z[i].signum()), vec![]));
    each("activity_l2(z, 0.3)", &|z, _| (sum(|i| 0.15 * z[i] * z[i]), all(|i| 0.3 * z[i]), vec![]));
}

#[test]
fn cross_entropy_is_the_surprise_of_the_label() {
    each("cross_entropy(z, task.label)", &|z, y| {
        let total: f64 = z.iter().map(|z| z.exp()).sum();
        let (label, hot) = hot(y);
        (-(z[label].exp() / total).ln(), (0..4).map(|i| z[i].exp() / total - hot[i]).collect(), hot)
    });
}

#[test]
fn squared_error_is_half_the_sum_so_that_the_error_is_the_difference() {
    each("squared_error(z, task.y)", &|z, y| {
        let miss: Vec<f64> = z.iter().zip(y).map(|(z, y)| z - y).collect();
        (miss.iter().map(|m| m * m / 2.0).sum(), miss, y.to_vec())
    });
}

#[test]
fn absolute_error_pulls_equally_from_anywhere() {
    each("absolute_error(z, task.y)", &|z, y| {
        let miss: Vec<f64> = z.iter().zip(y).map(|(z, y)| z - y).collect();
        (miss.iter().map(|m| m.abs()).sum(), miss.iter().map(|m| m.signum()).collect(), y.to_vec())
    });
}

/// Huber 1964, equation for the influence: the miss, cut at the width.
#[test]
fn huber_cuts_the_influence_at_the_width() {
    each("huber(z, task.y, width = 0.8)", &|z, y| {
        let miss: Vec<f64> = z.iter().zip(y).map(|(z, y)| z - y).collect();
        let value = |m: &f64| if m.abs() <= 0.8 { m * m / 2.0 } else { 0.8 * m.abs() - 0.32 };
        (miss.iter().map(value).sum(), miss.iter().map(|m| m.clamp(-0.8, 0.8)).collect(), y.to_vec())
    });
}

#[test]
fn binary_cross_entropy_is_the_surprise_of_each_answer() {
    each("binary_cross_entropy(z, task.y)", &|z, y| {
        let p: Vec<f64> = z.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
        let value = (0..4).map(|i| -y[i] * p[i].ln() - (1.0 - y[i]) * (1.0 - p[i]).ln()).sum();
        (value, (0..4).map(|i| p[i] - y[i]).collect(), y.to_vec())
    });
}

#[test]
fn hinge_counts_the_other_classes_within_the_margin() {
    each("hinge(z, task.label, margin = 1.5)", &|z, y| {
        let (label, hot) = hot(y);
        let short = |i: usize| if i == label { 0.0 } else { (1.5 + z[i] - z[label]).max(0.0) };
        let mut slope: Vec<f64> = (0..4).map(|i| f64::from(u8::from(short(i) > 0.0))).collect();
        slope[label] = -slope.iter().sum::<f64>();
        ((0..4).map(short).sum(), slope, hot)
    });
}

#[test]
fn scaled_sums_of_objectives_are_scaled_sums() {
    each("2 * squared_error(z, task.y) - 0.5 * binary_cross_entropy(z, task.y) + sumsq(z) / 4", &|z, y| {
        let s = |z: f64| 1.0 / (1.0 + (-z).exp());
        let value = |i: usize| {
            (z[i] - y[i]).powi(2)
                + 0.5 * (y[i] * s(z[i]).ln() + (1.0 - y[i]) * (1.0 - s(z[i])).ln())
                + z[i] * z[i] / 4.0
        };
        let slope = |i: usize| 2.0 * (z[i] - y[i]) - 0.5 * (s(z[i]) - y[i]) + z[i] / 2.0;
        ((0..4).map(value).sum(), (0..4).map(slope).collect(), y.to_vec())
    });
}
