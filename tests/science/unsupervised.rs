//! Rules without an error: Hebbian learning, competition, sparse codes and what holds rates, by hand and by what they find.

use crate::hand::{F, Hand, add, back, by, chain_text, change, cosine, field, length, outer, scaled, sigmoid, times};
use crate::sim::{Sim, close, difference, dot, single};

const ALL: [usize; 6] = [0, 1, 2, 3, 4, 5];

/// x5 -> h3, the output.
fn layer(rule: &str, inputs: usize, size: usize, f: &str) -> Sim {
    single(&chain_text(rule, "minimize squared_error(h, task.y)", inputs, &[("h", size, f)], ""))
}

fn inputs(s: &mut Sim, rows: &[&[f64]]) {
    let at = s.plan.fields.iter().position(|f| f.name.ends_with("x")).expect("inputs");
    let size: usize = s.plan.fields[at].shape.iter().product();
    rows.iter().enumerate().for_each(|(i, r)| s.fields[at][size * i..size * (i + 1)].copy_from_slice(r));
}

/// Rows of a matrix times a number each.
fn rows_by(w: &[f64], by: &[f64]) -> Vec<f64> {
    let columns = w.len() / by.len();
    w.iter().enumerate().map(|(i, w)| w * by[i / columns]).collect()
}

/// From x, y and W.
type Form<'a> = &'a dyn Fn(&[f64], &[f64], &[f64]) -> Vec<f64>;

fn each(s: &Sim, f: F, form: Form) {
    let mut mean = vec![0.0; 15];
    for r in ALL {
        let h = Hand::new(s, &["x", "h"], &[f], r);
        let y = h.respond(0, &h.drive(0, &h.x));
        mean = add(&mean, &scaled(&form(&h.x, &y, &h.w[0]), 1.0 / 6.0));
    }
    close(&s.plan.name, &change(s, &ALL, "x -> h: W"), &mean, 1e-11);
    assert!(change(s, &ALL, "x -> h: b").iter().all(|b| *b == 0.0), "biases stay");
}

#[test]
fn hebbian_rules_are_their_equations() {
    each(&layer("hebb(sgd(1))", 5, 3, "tanh(@)"), F::Tanh, &|x, y, _| outer(y, x));
    // Oja 1982, equation 3; Oja 1989; Sanger 1989, equation 3, with the lower triangle of y y'.
    each(&layer("oja(sgd(1))", 5, 3, "tanh(@)"), F::Tanh, &|x, y, w| difference(&outer(y, x), &rows_by(w, &by(y, y))));
    each(&layer("oja_subspace(sgd(1))", 5, 3, "@"), F::Linear, &|x, y, w| outer(y, &difference(x, &back(w, y))));
    each(&layer("sanger(sgd(1))", 5, 3, "@"), F::Linear, &|x, y, w| {
        let part = |i: usize| -> Vec<f64> {
            let seen = (0..=i).map(|k| scaled(&w[5 * k..5 * k + 5], y[k])).reduce(|a, b| add(&a, &b)).expect("some");
            scaled(&difference(x, &seen), y[i])
        };
        (0..3).flat_map(part).collect()
    });
    // Sejnowski 1977.
    let mut s = layer("covariance(0.2, sgd(1))", 5, 3, "tanh(@)");
    let (mx, my) = (vec![0.1, 0.2, -0.3, 0.4, 0.5], vec![0.3, -0.1, 0.2]);
    s.set("mu(x)", mx.clone());
    s.set("mu(h)", my.clone());
    each(&s, F::Tanh, &|x, y, _| outer(&difference(y, &my), &difference(x, &mx)));
    let x = field(&s, "x", 2);
    close("mean of x", &change(&s, &[2], "mu(x)"), &scaled(&difference(&x, &mx), 0.2), 1e-12);
    // Bienenstock, Cooper & Munro 1982 as in Intrator & Cooper 1992; Law & Cooper 1994.
    let theta = [0.5, 2.0, 1.5];
    for (rule, divided) in [("bcm(0.2, sgd(1))", false), ("bcm_law_cooper(0.2, sgd(1))", true)] {
        let mut s = layer(rule, 5, 3, "sigmoid(@)");
        s.set("theta(h)", theta.to_vec());
        each(&s, F::Sigmoid, &|x, y, _| {
            let phi = |i: usize| y[i] * (y[i] - theta[i]) / if divided { theta[i] } else { 1.0 };
            outer(&(0..3).map(phi).collect::<Vec<_>>(), x)
        });
        let h = Hand::new(&s, &["x", "h"], &[F::Sigmoid], 1);
        let y = h.pass().rate[1].clone();
        close("theta", &change(&s, &[1], "theta(h)"), &scaled(&difference(&by(&y, &y), &theta), 0.2), 1e-12);
    }
    // Krotov & Hopfield 2019, equations 3 and 10 with p = 2: the first by drive learns, the k-th unlearns.
    each(&layer("krotov_hopfield(2, 0.4, sgd(1))", 5, 3, "@"), F::Linear, &|x, y, w| {
        let mut order: Vec<usize> = (0..3).collect();
        order.sort_by(|i, j| y[*j].total_cmp(&y[*i]));
        let mut g = vec![0.0; 3];
        (g[order[0]], g[order[1]]) = (1.0, -0.4);
        difference(&outer(&g, x), &rows_by(w, &by(&g, y)))
    });
}

/// Points plus and minus along orthogonal axes: a covariance whose principal components are known.
const AXES: [[f64; 3]; 3] = [[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0]];

fn cloud(rule: &str, size: usize) -> Sim {
    let mut s = layer(rule, 3, size, "@");
    let spread = [2.0, 1.2, 0.5];
    let points: Vec<Vec<f64>> =
        (0..6).map(|i| scaled(&AXES[i / 2], if i % 2 == 0 { spread[i / 2] } else { -spread[i / 2] })).collect();
    inputs(&mut s, &points.iter().map(|p| p.as_slice()).collect::<Vec<_>>());
    s
}

/// Oja 1982: the first component at unit length. Oja 1989: the subspace of the first ones. Sanger 1989: each in order.
#[test]
fn principal_components_are_found() {
    let after = |rule: &str, size: usize| {
        let mut s = cloud(rule, size);
        (0..600).for_each(|_| s.step(&ALL));
        s.slot("x -> h: W").to_vec()
    };
    let w = after("oja(sgd(0.1))", 1);
    assert!(cosine(&w, &AXES[0]).abs() > 1.0 - 1e-9 && (length(&w) - 1.0).abs() < 1e-9, "{w:?}");
    let w = after("sanger(sgd(0.1))", 2);
    for i in 0..2 {
        let row = &w[3 * i..3 * i + 3];
        assert!(cosine(row, &AXES[i]).abs() > 1.0 - 1e-9 && (length(row) - 1.0).abs() < 1e-6, "{i}: {w:?}");
    }
    let w = after("oja_subspace(sgd(0.1))", 2);
    let (a, b) = (&w[..3], &w[3..]);
    close("orthonormal", &[dot(a, a), dot(b, b), 1.0 + dot(a, b)], &[1.0; 3], 1e-6);
    assert!(dot(a, &AXES[2]).abs() < 1e-6 && dot(b, &AXES[2]).abs() < 1e-6, "{w:?}");
}

/// Intrator & Cooper 1992: with two patterns of equal probability, a unit comes to answer one alone, with y = theta = 2.
#[test]
fn bcm_becomes_selective() {
    for rule in ["bcm(0.5, sgd(0.02))", "bcm_law_cooper(0.5, sgd(0.02))"] {
        let mut s = layer(rule, 2, 1, "@");
        let (a, b) = ([1.0, 0.2], [0.3, 0.9]);
        inputs(&mut s, &[&a, &b, &a, &b, &a, &b]);
        s.set("x -> h: W", vec![0.9, 0.6]);
        (0..3000).for_each(|_| s.step(&ALL));
        let w = s.slot("x -> h: W").to_vec();
        let mut y = [dot(&w, &a), dot(&w, &b)];
        y.sort_by(f64::total_cmp);
        close(rule, &[1.0 + y[0], y[1], s.slot("theta(h)")[0]], &[1.0, 2.0, 2.0], 1e-4);
    }
}

/// Turrigiano et al. 1998: all weights of a unit by one factor; Desai et al. 1999: a bias; von der Malsburg 1973: sums.
#[test]
fn what_holds_rates_and_sums() {
    let mut s = layer("synaptic_scaling(0.2, 0.1, 0.05)", 5, 3, "sigmoid(@)");
    s.set("activity(h)", vec![0.1, 0.2, 0.5]);
    each(&s, F::Sigmoid, &|_, _, w| rows_by(w, &[0.05 * 0.5, 0.0, -0.05 * 1.5]));
    let start = s.slot("x -> h: W").to_vec();
    (0..50).for_each(|_| s.step(&ALL));
    let ratio: Vec<f64> = s.slot("x -> h: W").iter().zip(&start).map(|(w, s)| w / s).collect();
    ratio.chunks(5).for_each(|r| close("ratios", r, &[r[0]; 5], 1e-12));
    let h =
        Hand::new(&layer("intrinsic_plasticity(0.2, 0.3, 0.05)", 5, 3, "sigmoid(@)"), &["x", "h"], &[F::Sigmoid], 0);
    let mut s = layer("intrinsic_plasticity(0.2, 0.3, 0.05)", 5, 3, "sigmoid(@)");
    close("bias", &change(&s, &[0], "x -> h: b"), &[0.05 * 0.2; 3], 1e-12);
    close("mean", &change(&s, &[0], "activity(h)"), &scaled(&h.pass().rate[1], 0.3), 1e-12);
    (0..3000).for_each(|_| s.step(&ALL));
    close("goal", s.slot("activity(h)"), &[0.2; 3], 1e-3);
    let mut s = layer("normalise(2)", 5, 3, "@");
    s.set("x -> h: W", (0..15).map(|i| 0.1 + f64::from(i)).collect());
    let start = s.slot("x -> h: W").to_vec();
    s.step(&ALL);
    let sums: Vec<f64> = start.chunks(5).map(|r| 2.0 / r.iter().sum::<f64>()).collect();
    close("sums", s.slot("x -> h: W"), &rows_by(&start, &sums), 1e-12);
}

/// Olshausen & Field 1996, equations 5 and 6, the penalty being |a|: a code that settles, and columns of unit length.
#[test]
fn sparse_coding_settles_a_code_and_learns_its_residual() {
    let text = chain_text(
        "sparse_coding(0.1, 30, 0.05, sgd(0.5))",
        "minimize squared_error(z, task.y)",
        5,
        &[("h", 4, "@"), ("z", 3, "@")],
        "",
    );
    let s = single(&text);
    let (d, b) = (s.slot("h -> z: W").to_vec(), s.slot("h -> z: b").to_vec());
    let y = field(&s, "y", 0);
    let residual = |a: &[f64]| difference(&y, &add(&times(&d, a), &b));
    let mut a = vec![0.0f64; 4];
    for _ in 0..30 {
        let pull = back(&d, &residual(&a));
        let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
        a = (0..4).map(|i| a[i] + 0.05 * (pull[i] - 0.1 * sign(a[i]))).collect();
    }
    let moved = add(&d, &scaled(&outer(&residual(&a), &a), 0.5));
    let norm = |j: usize| (0..3).map(|i| moved[4 * i + j].powi(2)).sum::<f64>().sqrt();
    let unit: Vec<f64> = (0..12).map(|i| moved[i] / norm(i % 4)).collect();
    close("dictionary", &s.proposal(&[0])[s.find("h -> z: W")], &unit, 1e-11);
    assert!(change(&s, &[0], "x -> h: W").iter().all(|w| *w == 0.0));
}

/// Rozell et al. 2008: codes compete by how much their elements overlap, and a code below the threshold is 0.
#[test]
fn locally_competitive_codes_settle_and_teach_their_dictionary() {
    let text = chain_text(
        "lca(0.1, 30, 0.05, sgd(0.5))",
        "minimize squared_error(z, task.y)",
        5,
        &[("h", 4, "@"), ("z", 3, "@")],
        "",
    );
    let s = single(&text);
    let (d, b) = (s.slot("h -> z: W").to_vec(), s.slot("h -> z: b").to_vec());
    let y = field(&s, "y", 0);
    let residual = |a: &[f64]| difference(&y, &add(&times(&d, a), &b));
    let code = |u: &[f64]| -> Vec<f64> { u.iter().map(|u| u.signum() * (u.abs() - 0.1).max(0.0)).collect() };
    let mut u = vec![0.0f64; 4];
    for _ in 0..30 {
        let a = code(&u);
        let pull = back(&d, &residual(&a));
        u = (0..4).map(|i| u[i] + 0.05 * (pull[i] + a[i] - u[i])).collect();
    }
    let a = code(&u);
    assert!(a.iter().any(|a| *a != 0.0), "{u:?}");
    let moved = add(&d, &scaled(&outer(&residual(&a), &a), 0.5));
    let norm = |j: usize| (0..3).map(|i| moved[4 * i + j].powi(2)).sum::<f64>().sqrt();
    let unit: Vec<f64> = (0..12).map(|i| moved[i] / norm(i % 4)).collect();
    close("dictionary", &s.proposal(&[0])[s.find("h -> z: W")], &unit, 1e-11);
    assert!(change(&s, &[0], "x -> h: W").iter().all(|w| *w == 0.0));
}

/// Foldiak 1990, equations 1 to 5.
#[test]
fn anti_hebbian_learning_decorrelates_and_holds_the_rate() {
    let mut s = layer("anti_hebbian(0.2, 0.1, 0.02, 0.05, 10, 12)", 5, 3, "@");
    s.set("M(h)", vec![0.0, -0.3, -0.1, -0.3, 0.0, -0.6, -0.1, -0.6, 0.0]);
    s.set("threshold(h)", vec![0.1, -0.2, 0.05]);
    let (m, t) = (s.slot("M(h)").to_vec(), s.slot("threshold(h)").to_vec());
    for r in ALL {
        let h = Hand::new(&s, &["x", "h"], &[F::Linear], r);
        let drive = h.drive(0, &h.x);
        let mut y = vec![0.0; 3];
        for _ in 0..12 {
            let field = difference(&add(&drive, &times(&m, &y)), &t);
            y = (0..3).map(|i| y[i] + 0.2 * (sigmoid(10.0 * field[i]) - y[i])).collect();
        }
        let y: Vec<f64> = y.iter().map(|y| f64::from(u8::from(*y > 0.5))).collect();
        let w = scaled(&difference(&outer(&y, &h.x), &rows_by(&h.w[0], &y)), 0.02);
        close("W", &change(&s, &[r], "x -> h: W"), &w, 1e-11);
        let lateral =
            |i: usize| if i.is_multiple_of(4) { 0.0 } else { (m[i] - 0.1 * (y[i / 3] * y[i % 3] - 0.04)).min(0.0) };
        close("M", &s.proposal(&[r])[s.find("M(h)")], &(0..9).map(lateral).collect::<Vec<_>>(), 1e-11);
        close(
            "threshold",
            &change(&s, &[r], "threshold(h)"),
            &(0..3).map(|i| 0.05 * (y[i] - 0.2)).collect::<Vec<_>>(),
            1e-11,
        );
    }
}
