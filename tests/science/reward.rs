//! Rules that learn from a reward, and units that are drawn: what they draw, what their score is, and what the updates
//! come to when all outcomes are counted.

use crate::hand::{F, Hand, add, back, by, chain_text, change, field, flat, moved, moves, off, outer, scaled, sigmoid};
use crate::sim::{Sim, close, difference, dot, single};

/// One if the choice is the label.
const HIT: &str = "\nobjective hit(z: [k], label: Label[k]) {\n  loss = dot(z, one_hot(label))\n}\n";

fn softmax(a: &[f64]) -> Vec<f64> {
    let total: f64 = a.iter().map(|a| a.exp()).sum();
    a.iter().map(|a| a.exp() / total).collect()
}

/// Uniform draws that make a choice among three come out as `k`.
fn choose(s: &mut Sim, k: usize) {
    s.forced.insert("sample z".into(), (0..3).map(|i| if i == k { 1.0 - 1e-12 } else { 1e-12 }).collect());
}

fn chooser(rule: &str) -> (Sim, Vec<F>) {
    let layers = [("h1", 4, "tanh(@)"), ("h2", 4, "sigmoid(@)"), ("z", 3, "sample categorical(softmax(@))")];
    (single(&chain_text(rule, "maximize hit(z, task.label)", 5, &layers, HIT)), vec![F::Tanh, F::Sigmoid, F::Linear])
}

/// Errors carried down from the drive of the output through the transposed weights.
fn carried(h: &Hand, top: Vec<f64>) -> Vec<Vec<f64>> {
    let p = h.pass();
    let d2 = by(&back(&h.w[2], &top), &h.slope(1, &p.drive[1]));
    let d1 = by(&back(&h.w[1], &d2), &h.slope(0, &p.drive[0]));
    vec![d1, d2, top]
}

/// Roelfsema & van Ooyen 2005, equations 8 to 12: (1 - p) / p where the choice was right and -1 where it was not, times
/// attention from the chosen output alone. Averaged over choices it is the descent of the cross-entropy.
#[test]
fn agrel_averaged_over_choices_is_the_descent_of_the_cross_entropy() {
    let (mut s, f) = chooser("agrel(sgd(1))");
    for r in 0..6 {
        let h = Hand::three(&s, &f, r);
        let p = h.pass();
        let probability = softmax(&p.drive[2]);
        let label = field(&s, "label", r)[0] as usize;
        let mut mean = vec![0.0; 59];
        for (k, likely) in probability.iter().enumerate() {
            choose(&mut s, k);
            let surprise = if k == label { (1.0 - likely) / likely } else { -1.0 };
            let chosen: Vec<f64> = (0..3).map(|i| f64::from(u8::from(i == k))).collect();
            let down = carried(&h, chosen);
            let errors: Vec<Vec<f64>> = down.iter().map(|e| scaled(e, surprise)).collect();
            let u = moved(&s, &h.names, &[r]);
            close("one choice", &u, &flat(&moves(&errors, &p.rate)), 1e-10);
            // Feedback starts equal and moves alike.
            close("feedback", &change(&s, &[r], "B(h2 -> z)"), &change(&s, &[r], "h2 -> z: W"), 1e-12);
            mean = add(&mean, &scaled(&u, *likely));
        }
        let target: Vec<f64> = (0..3).map(|i| f64::from(u8::from(i == label))).collect();
        let errors = carried(&h, difference(&target, &probability));
        close("mean over choices", &mean, &flat(&moves(&errors, &p.rate)), 1e-10);
    }
}

/// Two hidden units that are drawn, and a choice: twelve outcomes.
fn dice(rule: &str) -> Sim {
    let layers = [("h", 2, "sample bernoulli(sigmoid(@))"), ("z", 3, "sample categorical(softmax(@))")];
    single(&chain_text(rule, "maximize hit(z, task.label)", 5, &layers, HIT))
}

/// Every outcome with its probability, and the draws that make it.
fn outcomes(s: &Sim, r: usize) -> Vec<(Vec<f64>, usize, f64)> {
    let h = Hand::new(s, &["x", "h", "z"], &[F::Sigmoid, F::Linear], r);
    let p = h.respond(0, &h.drive(0, &h.x));
    let mut all = vec![];
    for bits in 0..4usize {
        let y: Vec<f64> = (0..2).map(|i| ((bits >> i) & 1) as f64).collect();
        let below: f64 = (0..2).map(|i| if y[i] > 0.5 { p[i] } else { 1.0 - p[i] }).product();
        let q = softmax(&h.drive(1, &y));
        (0..3).for_each(|k| all.push((y.clone(), k, below * q[k])));
    }
    all
}

/// Williams 1992, theorem 1: for any baseline, the mean over outcomes is the gradient of the expected reward.
#[test]
fn reinforce_summed_over_outcomes_is_the_gradient_of_the_expected_reward() {
    for (rule, baseline) in
        [("reinforce(0.05, sgd(1))", 0.0), ("reinforce(0.05, sgd(1))", 0.7), ("reinforce_local(0.05, sgd(1))", -2.0)]
    {
        let mut s = dice(rule);
        s.set("expected", vec![baseline]);
        for r in [0, 3] {
            let names = ["x -> h".to_string(), "h -> z".to_string()];
            let label = field(&s, "label", r)[0] as usize;
            let mut mean = vec![0.0; 21];
            for (y, k, weight) in outcomes(&s, r) {
                choose(&mut s, k);
                s.forced
                    .insert("sample h".into(), y.iter().map(|y| if *y > 0.5 { 0.0 } else { 1.0 - 1e-12 }).collect());
                let u = moved(&s, &names, &[r]);
                // Equation 6: (r - b) times the slope of the log probability, (y - p) x for either kind of unit.
                let h = Hand::new(&s, &["x", "h", "z"], &[F::Sigmoid, F::Linear], r);
                let p = h.respond(0, &h.drive(0, &h.x));
                let hot: Vec<f64> = (0..3).map(|i| f64::from(u8::from(i == k))).collect();
                let top = difference(&hot, &softmax(&h.drive(1, &y)));
                let reward = f64::from(u8::from(k == label)) - baseline;
                let errors = [scaled(&difference(&y, &p), reward), scaled(&top, reward)];
                close(rule, &u, &flat(&moves(&errors, &[h.x.clone(), y.clone()])), 1e-10);
                close("baseline", &change(&s, &[r], "expected"), &[0.05 * reward], 1e-12);
                mean = add(&mean, &scaled(&u, weight));
            }
            let expected = |s: &Sim| -> f64 { outcomes(s, r).iter().filter(|o| o.1 == label).map(|o| o.2).sum() };
            let mut slope = vec![];
            for name in ["x -> h: W", "x -> h: b", "h -> z: W", "h -> z: b"] {
                for i in 0..s.slot(name).len() {
                    let at = |by: f64| {
                        let mut t = s.clone();
                        let mut w = t.slot(name).to_vec();
                        w[i] += by;
                        t.set(name, w);
                        expected(&t)
                    };
                    slope.push((at(1e-5) - at(-1e-5)) / 2e-5);
                }
            }
            assert!(off(&mean, &slope) < 1e-8, "{rule}: {}", off(&mean, &slope));
        }
    }
}

/// The score is carried back through what is not drawn, as backpropagation carries an error.
#[test]
fn reinforce_carries_the_score_back() {
    let (mut s, f) = chooser("reinforce(0.05, sgd(1))");
    s.set("expected", vec![0.4]);
    for k in 0..3 {
        choose(&mut s, k);
        let h = Hand::three(&s, &f, 2);
        let p = h.pass();
        let hot: Vec<f64> = (0..3).map(|i| f64::from(u8::from(i == k))).collect();
        let reward = f64::from(u8::from(k == field(&s, "label", 2)[0] as usize)) - 0.4;
        let errors = carried(&h, scaled(&difference(&hot, &softmax(&p.drive[2])), reward));
        close("score", &moved(&s, &h.names, &[2]), &flat(&moves(&errors, &p.rate)), 1e-10);
    }
}

/// Legenstein et al. 2010, equation 6: what a unit did beside its running mean, times what the reward was beside its own.
#[test]
fn reward_modulated_hebb_correlates_deviations() {
    let layers = [("h", 4, "sample gaussian(tanh(@), 0.3)"), ("z", 3, "@")];
    let mut s =
        single(&chain_text("reward_modulated_hebb(0.2, sgd(1))", "maximize -squared_error(z, task.y)", 5, &layers, ""));
    s.set("expected", vec![-0.6]);
    s.set("mean_rate(h)", vec![0.1, -0.2, 0.3, 0.0]);
    s.set("mean_rate(z)", vec![0.2, 0.1, -0.1]);
    let eps = [0.5, -1.0, 0.2, 2.0];
    s.forced.insert("sample h".into(), eps.to_vec());
    for r in 0..3 {
        let n = Hand::new(&s, &["x", "h", "z"], &[F::Tanh, F::Linear], r);
        let h = add(&n.respond(0, &n.drive(0, &n.x)), &scaled(&eps, 0.3));
        let z = n.drive(1, &h);
        let gain = -n.half_square(&z) + 0.6;
        let (dh, dz) = (difference(&h, s.slot("mean_rate(h)")), difference(&z, s.slot("mean_rate(z)")));
        let errors = [scaled(&dh, gain), scaled(&dz, gain)];
        close("weights", &moved(&s, &n.names, &[r]), &flat(&moves(&errors, &[n.x.clone(), h])), 1e-11);
        close("means", &change(&s, &[r], "mean_rate(h)"), &scaled(&dh, 0.2), 1e-11);
        close("expected", &change(&s, &[r], "expected"), &[0.2 * gain], 1e-11);
    }
}

/// A rule that writes a value of the output into its bias, to be read there.
fn probe(value: &str, layers: &[(&str, usize, &str)]) -> Sim {
    let own = format!("\nrule probe() {{\n  update p where p.post.output along p.outer({value}, p.pre.rate)\n}}\n");
    single(&chain_text("probe()", "minimize squared_error(z, task.y)", 5, layers, &own))
}

/// Many draws have the frequencies, means and deviations that the population says.
#[test]
fn sampled_units_draw_what_they_say() {
    let count = 4000;
    let rows = vec![2; count];
    for (f, exact) in [
        ("sample bernoulli(sigmoid(@))", 0),
        ("sample categorical(softmax(@))", 1),
        ("sample gaussian(tanh(@), 0.5)", 2),
    ] {
        let s = probe("p.post.rate", &[("z", 3, f)]);
        let h = Hand::new(&s, &["x", "z"], &[F::Linear], 2);
        let a = h.drive(0, &h.x);
        let p: Vec<f64> = match exact {
            0 => a.iter().map(|a| sigmoid(*a)).collect(),
            1 => softmax(&a),
            _ => a.iter().map(|a| a.tanh()).collect(),
        };
        let mean = change(&s, &rows, "x -> z: b");
        for (m, p) in mean.iter().zip(&p) {
            let deviation = if exact == 2 { 0.5 } else { (p * (1.0 - p)).sqrt() };
            let bound = 4.5 * deviation / (count as f64).sqrt();
            assert!((m - p).abs() < bound, "{f}: {m} for {p}, more than {bound}");
        }
        let s = probe("square(p.post.rate - p.post.probability)", &[("z", 3, f)]);
        let spread = change(&s, &rows, "x -> z: b");
        for (v, p) in spread.iter().zip(&p) {
            let expected = if exact == 2 { 0.25 } else { p * (1.0 - p) };
            assert!((v - expected).abs() < 0.03, "{f}: variance {v} for {expected}");
        }
    }
}

/// The logarithm of the probability of what was drawn, of drives and draws.
type LogProbability = dyn Fn(&[f64], &[f64]) -> f64;

/// The score against central differences of the logarithm of the probability of what was drawn.
#[test]
fn the_score_is_the_slope_of_the_log_probability() {
    fn normal(z: f64, m: f64) -> f64 {
        -0.5 * ((z - m) / 0.5).powi(2)
    }
    let log: [(&str, &LogProbability); 5] = [
        ("sample bernoulli(sigmoid(@))", &|a, z| {
            (0..3).map(|i| if z[i] > 0.5 { sigmoid(a[i]).ln() } else { (1.0 - sigmoid(a[i])).ln() }).sum()
        }),
        ("sample bernoulli(0.5 + 0.4 * tanh(@))", &|a, z| {
            let p = |a: f64| 0.5 + 0.4 * a.tanh();
            (0..3).map(|i| if z[i] > 0.5 { p(a[i]).ln() } else { (1.0 - p(a[i])).ln() }).sum()
        }),
        ("sample categorical(softmax(@))", &|a, z| dot(z, &softmax(a).iter().map(|p| p.ln()).collect::<Vec<_>>())),
        ("sample gaussian(tanh(@), 0.5)", &|a, z| (0..3).map(|i| normal(z[i], a[i].tanh())).sum()),
        ("sample gaussian(@, 0.5)", &|a, z| (0..3).map(|i| normal(z[i], a[i])).sum()),
    ];
    for (f, log) in log {
        let (score, rate) = (probe("p.post.score", &[("z", 3, f)]), probe("p.post.rate", &[("z", 3, f)]));
        for r in 0..6 {
            let h = Hand::new(&score, &["x", "z"], &[F::Linear], r);
            let a = h.drive(0, &h.x);
            let z = change(&rate, &[r], "x -> z: b");
            let at = |i: usize, by: f64| {
                let mut a = a.clone();
                a[i] += by;
                log(&a, &z)
            };
            let slope: Vec<f64> = (0..3).map(|i| (at(i, 1e-5) - at(i, -1e-5)) / 2e-5).collect();
            close(f, &change(&score, &[r], "x -> z: b"), &slope, 1e-8);
            close("weights", &change(&score, &[r], "x -> z: W"), &outer(&slope, &h.x), 1e-8);
        }
    }
}

/// Gaussian units whose deviation learns as well: the derivative of log N(x; m, s) by m is (x - m) / s^2 and by s it is
/// ((x - m)^2 / s^2 - 1) / s. Williams 1992, section 6.
#[test]
fn reinforce_moves_what_decides_how_wide_a_draw_is() {
    let text = |body: &str| {
        format!(
            "language 0.1\nuse std.rules: reinforce\n\ntask t() {{\n  draw x: [5] ~ normal(0, 1)\n  draw y: [3] ~ normal(0, 1)\n  \
             split train 6\n}}\n\narchitecture net(x: [n]) {{\n{body}  output z: [3] = dense(h)\n}}\n\n\
             experiment e {{\n  task = t()\n  architecture = net(task.x)\n  objective = maximize -squared_error(z, task.y)\n  \
             rule = reinforce(optimizer = sgd(1))\n  train = 1 epochs\n  batch = 6\n  seeds = 1\n  precision = float64\n}}\n"
        )
    };
    let eps = [0.3, -1.7, 0.9, 2.1];
    // Through a population of its own, or by projections within the draw.
    let bodies = [
        (
            "  population m: [4] = dense(x) as wm\n  population l: [4] = dense(x) as wl\n  \
             population h: [4] = sample gaussian(m, exp(l))\n",
            ["wm (x -> m): W", "wl (x -> l): W"],
        ),
        (
            "  population h: [4] = sample gaussian(dense(x) as wm, exp(dense(x) as wl))\n",
            ["wm (x -> h): W", "wl (x -> h.deviation): W"],
        ),
    ];
    for (body, names) in bodies {
        let mut s = single(&text(body));
        s.forced.insert("sample h".into(), eps.to_vec());
        for r in 0..6 {
            let x = field(&s, "x", r);
            let log_s = crate::hand::times(s.slot(names[1]), &x);
            let reward = -s.loss(&[r]);
            let after = s.proposal(&[r]);
            let step = |name: &str| difference(&after[s.find(name)], s.slot(name));
            let mean: Vec<f64> = eps.iter().zip(&log_s).map(|(e, l)| reward * e / l.exp()).collect();
            let wide: Vec<f64> = eps.iter().map(|e| reward * (e * e - 1.0)).collect();
            close("of the mean", &step(names[0]), &crate::hand::outer(&mean, &x), 1e-9);
            close("of the deviation", &step(names[1]), &crate::hand::outer(&wide, &x), 1e-9);
        }
    }
}
