//! Rules that try noise and keep what helps: their equations for one draw, and what is exact about their mean and variance.

use crate::hand::{
    F, Hand, chain, change, compare, drawn, flat, length, moved, moves, normal_points, off, scaled, three,
};
use crate::sim::{Sim, close, difference, dot};

const SIZES: [usize; 3] = [4, 4, 3];
const ALL: [usize; 6] = [0, 1, 2, 3, 4, 5];

/// The noise of every population at one example of a batch of six.
fn node_noise(s: &Sim, example: usize) -> Vec<Vec<f64>> {
    let of = |(n, size): (&str, usize)| {
        drawn(s, &format!("noise xi({n})"), 6 * size)[size * example..size * (example + 1)].to_vec()
    };
    ["h1", "h2", "z"].into_iter().zip(SIZES).map(of).collect()
}

/// Werfel, Xie & Seung 2005, equation 6: -(L(a + sigma xi) - L(a)) / sigma times xi, at the rates without noise.
#[test]
fn node_perturbation_credits_noise_on_drives() {
    for (rule, both) in [("node_perturbation(0.1, sgd(1))", false), ("node_perturbation_antithetic(0.1, sgd(1))", true)]
    {
        let (s, f) = three(rule);
        compare(&s, &f, 1.0, 1e-11, &|h, example| {
            let xi = node_noise(&s, example);
            let at = |by: f64| {
                let p = h.pass_with(&|l| Some(scaled(&xi[l], by)));
                h.half_square(&p.rate[3])
            };
            let gain = if both { (at(-0.1) - at(0.1)) / 0.2 } else { (at(0.0) - at(0.1)) / 0.1 };
            let errors: Vec<Vec<f64>> = xi.iter().map(|x| scaled(x, gain)).collect();
            moves(&errors, &h.pass().rate)
        });
    }
}

/// Baydin et al. 2022: the slope of the loss along the noise, exactly, where node perturbation takes a difference.
#[test]
fn a_forward_gradient_is_the_slope_along_the_noise() {
    let (s, f) = three("forward_gradient(sgd(1))");
    compare(&s, &f, 1.0, 1e-8, &|h, example| {
        let xi = node_noise(&s, example);
        let at = |by: f64| h.half_square(&h.pass_with(&|l| Some(scaled(&xi[l], by))).rate[3]);
        let slope = (at(1e-4) - at(-1e-4)) / 2e-4;
        let finer = (at(5e-5) - at(-5e-5)) / 1e-4;
        // The error of a central difference falls by four where its step is halved.
        let errors: Vec<Vec<f64>> = xi.iter().map(|x| scaled(x, -(4.0 * finer - slope) / 3.0)).collect();
        moves(&errors, &h.pass().rate)
    });
}

/// Streams of the noise of every weight of the three projections, in the order of the weights.
fn weight_streams(k: &str) -> Vec<(String, usize)> {
    let sizes = [("x -> h1", 20, 4), ("h1 -> h2", 16, 4), ("h2 -> z", 12, 3)];
    let of = |(p, w, b)| [(format!("noise zeta({p}{k}): W"), w), (format!("noise zeta({p}{k}): b"), b)];
    sizes.into_iter().flat_map(of).collect()
}

fn weight_noise(s: &Sim, k: &str) -> Vec<f64> {
    weight_streams(k).iter().flat_map(|(stream, n)| drawn(s, stream, *n)).collect()
}

/// The mean loss of the six examples with something added to all weights.
fn loss_at(s: &Sim, f: &[F], noise: &[f64], by: f64) -> f64 {
    let of = |example: usize| {
        let mut h = Hand::three(s, f, example);
        let mut rest = noise.iter();
        for l in 0..3 {
            h.w[l].iter_mut().for_each(|w| *w += by * rest.next().expect("noise"));
            h.b[l].iter_mut().for_each(|b| *b += by * rest.next().expect("noise"));
        }
        h.loss()
    };
    ALL.into_iter().map(of).sum::<f64>() / 6.0
}

/// Jabri & Flower 1992, Cauwenberghs 1993: -(L(W + sigma zeta) - L(W)) / sigma times zeta; the same both ways.
#[test]
fn weight_perturbation_credits_noise_on_weights() {
    for (rule, both) in
        [("weight_perturbation(0.1, sgd(1))", false), ("weight_perturbation_antithetic(0.1, sgd(1))", true)]
    {
        let (s, f) = three(rule);
        let zeta = weight_noise(&s, "");
        let at = |by: f64| loss_at(&s, &f, &zeta, by);
        let gain = if both { (at(-0.1) - at(0.1)) / 0.2 } else { (at(0.0) - at(0.1)) / 0.1 };
        close(rule, &moved(&s, &Hand::three(&s, &f, 0).names, &ALL), &scaled(&zeta, gain), 1e-11);
    }
}

/// Salimans et al. 2017, algorithm 1 with mirrored sampling: the mean over pairs of (F+ - F-) psi / (2 sigma).
#[test]
fn evolution_strategies_average_over_pairs() {
    let (s, f) = three("evolution_strategies(3, 0.1, sgd(1))");
    let mut expected = vec![0.0; 59];
    for k in 1..=3 {
        let zeta = weight_noise(&s, &format!(", {k}"));
        let gain = (loss_at(&s, &f, &zeta, -0.1) - loss_at(&s, &f, &zeta, 0.1)) / (2.0 * 3.0 * 0.1);
        expected.iter_mut().zip(&zeta).for_each(|(e, z)| *e += gain * z);
    }
    close("evolution strategies", &moved(&s, &Hand::three(&s, &f, 0).names, &ALL), &expected, 1e-11);
    assert_ne!(weight_noise(&s, ", 1"), weight_noise(&s, ", 2"), "each pair has its own noise");
}

/// The mean of a rule's updates over the points plus and minus sqrt(d) along each axis of its noise: they have the second
/// moments of normal noise, and no odd ones.
fn mean_over_axes(s: &Sim, f: &[F], streams: &[(String, usize)]) -> Vec<f64> {
    let d: usize = streams.iter().map(|x| x.1).sum();
    let names = Hand::three(s, f, 0).names;
    let mut mean = vec![0.0; 59];
    let mut s = s.clone();
    for axis in 0..d {
        for way in [1.0, -1.0] {
            let mut place = 0;
            for (stream, n) in streams {
                let at = |i: usize| if place + i == axis { way * (d as f64).sqrt() } else { 0.0 };
                s.forced.insert(stream.clone(), (0..*n).map(at).collect());
                place += n;
            }
            let u = moved(&s, &names, &[0]);
            mean.iter_mut().zip(&u).for_each(|(m, u)| *m += u / (2 * d) as f64);
        }
    }
    mean
}

/// The mean is minus the gradient, up to the square of the noise.
#[test]
fn the_mean_over_the_noise_is_the_descent() {
    let nodes: Vec<(String, usize)> =
        ["h1", "h2", "z"].into_iter().zip(SIZES).map(|(n, k)| (format!("noise xi({n})"), k)).collect();
    let rules = [
        ("node_perturbation", nodes.clone()),
        ("node_perturbation_antithetic", nodes),
        ("weight_perturbation", weight_streams("")),
        ("weight_perturbation_antithetic", weight_streams("")),
    ];
    for (rule, streams) in rules {
        let error = |sigma: f64| {
            let (s, f) = three(&format!("{rule}({sigma}, sgd(1))"));
            off(&mean_over_axes(&s, &f, &streams), &flat(&Hand::three(&s, &f, 0).descent()))
        };
        let (wide, narrow) = (error(0.02), error(0.01));
        assert!(narrow < 0.05, "{rule}: {narrow}");
        let order = (wide / narrow).log2();
        assert!((order - 2.0).abs() < 0.1, "{rule}: errors of {wide:e} and {narrow:e} fall by order {order}");
    }
}

/// One draw tells the slope along itself, up to sigma; tried both ways, up to its square.
#[test]
fn one_draw_tells_the_slope_along_itself() {
    for (rule, order, expected) in [
        ("node_perturbation", 1.0, true),
        ("node_perturbation_antithetic", 2.0, true),
        ("weight_perturbation", 1.0, false),
        ("weight_perturbation_antithetic", 2.0, false),
    ] {
        let error = |sigma: f64| {
            let (s, f) = three(&format!("{rule}({sigma}, sgd(1))"));
            let h = Hand::three(&s, &f, 0);
            let down = h.descent();
            let exact = if expected {
                let xi: Vec<Vec<f64>> = [("h1", 4), ("h2", 4), ("z", 3)]
                    .into_iter()
                    .map(|(n, k)| drawn(&s, &format!("noise xi({n})"), k))
                    .collect();
                let along: f64 = xi.iter().zip(&down).map(|(x, d)| dot(x, &d.1)).sum();
                let errors: Vec<Vec<f64>> = xi.iter().map(|x| scaled(x, along)).collect();
                flat(&moves(&errors, &h.pass().rate))
            } else {
                let zeta = weight_noise(&s, "");
                scaled(&zeta, dot(&zeta, &flat(&down)))
            };
            off(&moved(&s, &h.names, &[0]), &exact)
        };
        let (wide, narrow) = (error(0.002), error(0.001));
        let found = (wide / narrow).log2();
        assert!((found - order).abs() < 0.1, "{rule}: errors of {wide:e} and {narrow:e} fall by order {found}");
    }
}

/// On a linear net the variance is the squared gradient times the number of noisy units, or weights, plus one.
#[test]
fn the_variance_grows_with_what_is_perturbed() {
    for (rule, inputs, outputs) in [
        ("node_perturbation_antithetic", 4, 3),
        ("weight_perturbation_antithetic", 1, 2),
        ("weight_perturbation_antithetic", 1, 3),
    ] {
        let mut s =
            chain(&format!("{rule}(0.1, sgd(1))"), "minimize squared_error(z, task.y)", inputs, &[("z", outputs, "@")]);
        let nodes = rule.starts_with("node");
        let d = if nodes { outputs } else { outputs * (inputs + 1) };
        let h = Hand::new(&s, &["x", "z"], &[F::Linear], 0);
        let down = flat(&h.descent());
        let (mut mean, mut square) = (vec![0.0; down.len()], 0.0);
        for (point, weight) in normal_points(d) {
            if nodes {
                s.forced.insert("noise xi(z)".into(), point);
            } else {
                s.forced.insert("noise zeta(x -> z): W".into(), point[..outputs * inputs].to_vec());
                s.forced.insert("noise zeta(x -> z): b".into(), point[outputs * inputs..].to_vec());
            }
            let u = moved(&s, &h.names, &[0]);
            mean.iter_mut().zip(&u).for_each(|(m, u)| *m += weight * u);
            square += weight * dot(&u, &u);
        }
        close(rule, &mean, &down, 1e-11);
        let relative = (square - dot(&mean, &mean)) / length(&down).powi(2);
        assert!((relative - (d as f64 + 1.0)).abs() < 1e-8, "{rule}: {relative} with {d} draws");
    }
}

/// The noise is the same in every phase, new in every step, its own for each example of a batch on units and shared by
/// the batch on weights.
#[test]
fn noise_is_drawn_where_the_rule_says() {
    let (mut s, f) = three("node_perturbation(0.1, sgd(0))");
    assert!(difference(&node_noise(&s, 0)[0], &node_noise(&s, 1)[0]).iter().all(|d| *d != 0.0));
    let before = s.slots.clone();
    s.step(&ALL);
    assert_eq!(before, s.slots);
    let (mut r, _) = three("node_perturbation(0.1, sgd(1))");
    let first = change(&r, &ALL, "x -> h1: W");
    r.steps = 1;
    assert_ne!(first, change(&r, &ALL, "x -> h1: W"));
    let _ = f;
}
