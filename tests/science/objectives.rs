//! Objectives of the standard library against closed forms: value, error of the output, and declared target.

use crate::sim::{close, single};

/// Loss, descent direction of the output and target, of an objective on an output of four units, one a draw.
fn evaluate(objective: &str) -> Vec<[Vec<f64>; 5]> {
    let text = |along: &str| {
        format!(
            "language 0.1\n\nrule probe() {{\n  update p along p.outer({along}, p.pre.rate)\n}}\n\n\
             task t() {{\n  draw x: [4] ~ normal(0, 2)\n  draw y: [4] ~ normal(0, 1)\n  label: Label[4] = argmax(y)\n  \
             split train 8\n}}\n\n\
             architecture net(x: [4]) {{\n  output z: [4] = diagonal(x)\n}}\n\n\
             experiment e {{\n  task = t()\n  architecture = net(task.x)\n  objective = minimize {objective}\n  \
             rule = probe()\n  train = 1 epochs\n  batch = 1\n  seeds = 1\n  precision = float64\n}}\n"
        )
    };
    let error = single(&text("-d(loss, p.post.rate)"));
    let target = single(&text("target(p.post)"));
    let field = |name: &str, i: usize| {
        let at = error.plan.fields.iter().position(|f| f.name.ends_with(name)).expect("a field");
        error.fields[at][4 * i..4 * i + 4].to_vec()
    };
    (0..8)
        .map(|i| {
            let bias = error.find("x -> z: b");
            let (z, y) = (field("x", i), field("y", i));
            [z, y, vec![error.loss(&[i])], error.proposal(&[i])[bias].clone(), target.proposal(&[i])[bias].clone()]
        })
        .collect()
}

fn hot(y: &[f64]) -> (usize, Vec<f64>) {
    let best = (0..4).max_by(|a, b| y[*a].total_cmp(&y[*b])).expect("four");
    (best, (0..4).map(|i| f64::from(u8::from(i == best))).collect())
}

/// Loss, its slope and the target, of an output and its goal.
type Form<'a> = &'a dyn Fn(&[f64], &[f64]) -> (f64, Vec<f64>, Vec<f64>);

fn each(objective: &str, form: Form) {
    for [z, y, loss, error, target] in evaluate(objective) {
        let (value, slope, goal) = form(&z, &y);
        close(objective, &[1.0 + loss[0]], &[1.0 + value], 1e-12);
        let down: Vec<f64> = slope.iter().map(|s| -s).collect();
        close(&format!("descent of {objective}"), &error, &down, 1e-12);
        close(&format!("target of {objective}"), &target, &goal, 1e-15);
    }
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
