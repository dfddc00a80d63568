//! Rules of targets, compartments and local losses, against their papers' equations written out.

use crate::energy::{State, below, euler};
use crate::hand::{
    F, Hand, Moves, add, back, by, chain_text, change, compare, cosine, drawn, field, flat, moved, moves, off, outer,
    scaled, sigmoid, three, times,
};
use crate::sim::{Sim, close, difference, single};

/// Lee et al. 2015, equations 8 to 16; Bartunov et al. 2018 for the simplified form.
fn target_propagation(s: &Sim, h: &Hand, simplified: bool) -> Moves {
    let p = h.pass();
    let v = |name: &str| s.slot(name).to_vec();
    let (v3, v2) = (v("V(h2 -> z)"), v("V(h1 -> h2)"));
    let inverse = |l: usize, v: &[f64], t: &[f64]| h.respond(l, &back(v, t));
    let goal3 = add(&p.rate[3], &scaled(&difference(&h.y, &p.rate[3]), 0.1));
    let goal2 = if simplified {
        add(&p.rate[2], &difference(&inverse(1, &v3, &goal3), &inverse(1, &v3, &p.rate[3])))
    } else {
        add(&p.rate[2], &scaled(&back(&h.w[2], &difference(&h.y, &p.rate[3])), 0.1))
    };
    let goal1 = add(&p.rate[1], &difference(&inverse(0, &v2, &goal2), &inverse(0, &v2, &p.rate[2])));
    let goals = [goal1, goal2, goal3];
    let local = goals.iter().enumerate().map(|(l, g)| by(&difference(g, &p.rate[l + 1]), &h.slope(l, &p.drive[l])));
    moves(&local.collect::<Vec<_>>(), &p.rate)
}

#[test]
fn difference_target_propagation_passes_targets_through_inverses() {
    for (rule, simplified) in [
        ("difference_target_propagation(0.1, 0.2, sgd(1), sgd(1))", false),
        ("simplified_target_propagation(0.1, 0.2, sgd(1), sgd(1))", true),
    ] {
        let (s, f) = three(rule);
        compare(&s, &f, 1.0, 1e-11, &|h, _| target_propagation(&s, h, simplified));
        // The inverse is trained on the rate with noise, without the difference.
        let h = Hand::three(&s, &f, 1);
        let p = h.pass();
        for (l, n, slot) in [(1, "h1", "V(h1 -> h2)"), (2, "h2", "V(h2 -> z)")] {
            let noisy = add(&p.rate[l], &scaled(&drawn(&s, &format!("noise xi({n})"), 4), 0.2));
            let up = h.respond(l, &h.drive(l, &noisy));
            let drive = back(s.slot(slot), &up);
            let miss = by(&difference(&noisy, &h.respond(l - 1, &drive)), &h.slope(l - 1, &drive));
            close(slot, &change(&s, &[1], slot), &outer(&up, &miss), 1e-11);
        }
    }
}

/// Through the exact inverse of a linear layer, the target is off by eta times the inverse of the weights times the error:
/// the step of Gauss and Newton. Meulemans et al. 2020, theorem 1.
#[test]
fn targets_through_exact_inverses_are_gauss_newton() {
    let layers = [("h1", 2, "@"), ("z", 2, "@")];
    let mut s = single(&chain_text(
        "simplified_target_propagation(0.1, 0.2, sgd(1), sgd(1))",
        "minimize squared_error(z, task.y)",
        3,
        &layers,
        "",
    ));
    let w = [1.5, 0.4, -0.3, 0.8];
    let determinant = w[0] * w[3] - w[1] * w[2];
    let inverse: Vec<f64> = [w[3], -w[1], -w[2], w[0]].iter().map(|x| x / determinant).collect();
    s.set("h1 -> z: W", w.to_vec());
    s.set("V(h1 -> z)", vec![inverse[0], inverse[2], inverse[1], inverse[3]]);
    let h = Hand::new(&s, &["x", "h1", "z"], &[F::Linear, F::Linear], 0);
    let e = difference(&h.y, &h.pass().rate[2]);
    close("h~ - h", &change(&s, &[0], "x -> h1: b"), &scaled(&times(&inverse, &e), 0.1), 1e-11);
}

/// Akrout et al. 2019, equations 5 and 6. The mean over noise of sigma, taken at points with its second moments, is
/// sigma^2 W less the decay.
#[test]
fn a_mirror_takes_on_the_weights() {
    let layers = [("h1", 4, "@"), ("h2", 3, "@"), ("z", 2, "@")];
    let mut s = single(&chain_text(
        "weight_mirror(0.5, 0.2, sgd(0), sgd(1))",
        "minimize squared_error(z, task.y)",
        5,
        &layers,
        "",
    ));
    let mut mean = vec![0.0; 12];
    for axis in 0..8 {
        let way = if axis % 2 == 0 { 1.0 } else { -1.0 };
        // Streams of noise with a deviation of their own are drawn standard and scaled.
        let xi: Vec<f64> = (0..4).map(|i| if i == axis / 2 { way * 2.0 } else { 0.0 }).collect();
        s.forced.insert("noise xi(h1)".into(), xi);
        mean = add(&mean, &scaled(&change(&s, &[0], "B(h1 -> h2)"), 1.0 / 8.0));
    }
    let expected = difference(&scaled(s.slot("h1 -> h2: W"), 0.25), &scaled(s.slot("B(h1 -> h2)"), 0.2));
    close("mirror", &mean, &expected, 1e-11);
    // One draw on units that are not linear, and feedback alignment beside it.
    let (s, f) = three("weight_mirror(0.5, 0.2, sgd(1), sgd(1))");
    let h = Hand::three(&s, &f, 0);
    let xi = scaled(&drawn(&s, "noise xi(h1)", 4), 0.5);
    let pair = outer(&h.respond(1, &h.drive(1, &xi)), &xi);
    close("babble", &change(&s, &[0], "B(h1 -> h2)"), &difference(&pair, &scaled(s.slot("B(h1 -> h2)"), 0.2)), 1e-11);
    let (b3, b2) = (s.slot("B(h2 -> z)").to_vec(), s.slot("B(h1 -> h2)").to_vec());
    compare(&s, &f, 1.0, 1e-12, &|h, _| aligned(h, &b3, &b2));
}

/// Feedback alignment: errors through weights of their own.
fn aligned(h: &Hand, b3: &[f64], b2: &[f64]) -> Moves {
    let p = h.pass();
    let e = difference(&h.y, &p.rate[3]);
    let d2 = by(&back(b3, &e), &h.slope(1, &p.drive[1]));
    let d1 = by(&back(b2, &d2), &h.slope(0, &p.drive[0]));
    moves(&[d1, d2, e], &p.rate)
}

fn logistic(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| sigmoid(*x)).collect()
}

/// Guerguiev, Lillicrap & Richards 2017: plateau potentials of the target phase less those of the forward phase.
#[test]
fn segregated_dendrites_compare_plateaus() {
    let (s, f) = three("segregated_dendrites(0.7, 2, sgd(1))");
    let y = ["Y(h1, z)", "Y(h2, z)"].map(|n| s.slot(n).to_vec());
    compare(&s, &f, 1.0, 1e-11, &|h, _| {
        let p = h.pass();
        let step = scaled(&difference(&h.y, &p.rate[3]), 0.7);
        let taught = add(&p.rate[3], &step);
        let credit = |l: usize| {
            let plateaus = difference(&logistic(&times(&y[l], &taught)), &logistic(&times(&y[l], &p.rate[3])));
            scaled(&by(&plateaus, &h.slope(l, &p.drive[l])), 2.0)
        };
        moves(&[credit(0), credit(1), step], &p.rate)
    });
    // Outputs that are bounded learn with their own slope.
    let layers = [("h", 4, "sigmoid(@)"), ("z", 3, "sigmoid(@)")];
    let rule = "segregated_dendrites(0.7, 2, sgd(1))";
    let s = single(&chain_text(rule, "minimize squared_error(z, task.y)", 5, &layers, ""));
    let h = Hand::new(&s, &["x", "h", "z"], &[F::Sigmoid, F::Sigmoid], 0);
    let p = h.pass();
    let pushed = add(&p.drive[1], &scaled(&difference(&h.y, &p.rate[2]), 0.7));
    let e = by(&difference(&h.respond(1, &pushed), &p.rate[2]), &h.slope(1, &p.drive[1]));
    close("output", &change(&s, &[0], "h -> z: W"), &outer(&e, &p.rate[1]), 1e-11);
}

/// Payeur et al. 2021: bursts beyond the half of events that burst without teaching, with h(e) = f'(a) / e.
#[test]
fn bursts_beyond_the_expected_are_the_credit() {
    let (s, f) = three("burst(1.5, sgd(1))");
    let (y3, y2) = (s.slot("Y(h2 -> z)").to_vec(), s.slot("Y(h1 -> h2)").to_vec());
    let over = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a / b).collect() };
    compare(&s, &f, 1.0, 1e-11, &|h, _| {
        let p = h.pass();
        let credit = |l: usize, e: &[f64]| {
            let u = over(&by(e, &h.slope(l, &p.drive[l])), &p.rate[l + 1]);
            let more: Vec<f64> = logistic(&scaled(&u, 1.5)).iter().map(|p| p - 0.5).collect();
            by(&more, &p.rate[l + 1])
        };
        let b3 = credit(2, &difference(&h.y, &p.rate[3]));
        let b2 = credit(1, &back(&y3, &b3));
        let b1 = credit(0, &back(&y2, &b2));
        moves(&[b1, b2, b3], &p.rate)
    });
    // With weak feedback it is feedback alignment, a quarter of beta smaller with every layer.
    let (s, f) = three("burst(0.02, sgd(1))");
    let (y3, y2) = (s.slot("Y(h2 -> z)").to_vec(), s.slot("Y(h1 -> h2)").to_vec());
    let h = Hand::three(&s, &f, 0);
    for (l, (w, _)) in aligned(&h, &y3, &y2).iter().enumerate() {
        let u = change(&s, &[0], &format!("{}: W", h.names[l]));
        assert!(off(&u, &scaled(w, (0.02f64 / 4.0).powi(3 - l as i32))) < 1e-2, "layer {l}");
    }
}

/// The names of a microcircuit's own weights at the two projections above hidden layers.
const UPPER: [&str; 2] = ["h1 -> h2", "h2 -> z"];

/// Sacramento et al. 2018, equations 1 to 9, settled by Euler steps: potentials of pyramidal cells, and what interneurons
/// and apical dendrites make of them.
struct Cells {
    u: State,
    r: State,
    /// Interneurons' dendritic prediction and rate at each population, and apical potentials.
    inter: State,
    soma: State,
    apical: State,
}

fn microcircuit(s: &Sim, h: &Hand, mix: f64, steps: usize, speed: f64, taught: bool) -> Cells {
    let slot = |k: &str, l: usize| s.slot(&format!("{k}({})", UPPER[l - 1])).to_vec();
    let of = |u: &State| {
        let r: State = (0..3).map(|l| h.respond(l, &u[l])).collect();
        let mut inter: State = vec![vec![]];
        let mut soma: State = vec![vec![]];
        for l in 1..3 {
            let v = times(&slot("L", l), &r[l - 1]);
            soma.push(h.respond(l, &add(&scaled(&v, 1.0 - mix), &scaled(&u[l], mix))));
            inter.push(v);
        }
        let apical = (1..3).map(|l| difference(&back(&slot("T", l), &r[l]), &back(&slot("I", l), &soma[l]))).collect();
        Cells { u: u.clone(), r, inter, soma, apical }
    };
    let u = euler(h.pass().drive, steps, speed, &|u| {
        let c = of(u);
        let under = below(h, &c.r);
        (0..3)
            .map(|l| {
                let own = difference(&h.drive(l, &under[l]), &u[l]);
                match (l, taught) {
                    (2, true) => add(&own, &scaled(&difference(&h.y, &c.r[2]), mix)),
                    (2, false) => own,
                    _ => add(&own, &scaled(&c.apical[l], mix)),
                }
            })
            .collect()
    });
    of(&u)
}

#[test]
fn a_dendritic_microcircuit_learns_from_what_it_does_not_predict() {
    let (mut s, f) = three("dendritic_microcircuit(0.3, 6, 0.2, sgd(1), sgd(1), sgd(1))");
    // It begins where it predicts itself; here it has left that state.
    for name in UPPER {
        for (own, like, factor) in [("L", format!("{name}: W"), 1.2), ("I", format!("T({name})"), 0.7)] {
            let own = format!("{own}({name})");
            assert_eq!(s.slot(&own), s.slot(&like), "{own}");
            let left = scaled(s.slot(&own), factor);
            s.set(&own, left);
        }
    }
    let learn = |h: &Hand| {
        let c = microcircuit(&s, h, 0.3, 6, 0.2, true);
        let under = below(h, &c.r);
        // Each layer from the output down is `mix` times less of the error.
        let kept = |l: usize| 0.3f64.powi(l as i32 - 3);
        let miss = |l: usize| difference(&c.r[l], &h.respond(l, &h.drive(l, &under[l])));
        let e: State = (0..3).map(|l| scaled(&miss(l), kept(l))).collect();
        moves(&e, &under)
    };
    compare(&s, &f, 1.0, 1e-11, &|h, _| learn(h));
    let h = Hand::three(&s, &f, 2);
    let c = microcircuit(&s, &h, 0.3, 6, 0.2, true);
    for l in 1..3 {
        let miss = difference(&c.soma[l], &h.respond(l, &c.inter[l]));
        let name = |k: &str| format!("{k}({})", UPPER[l - 1]);
        close("L", &change(&s, &[2], &name("L")), &outer(&miss, &c.r[l - 1]), 1e-11);
        close("I", &change(&s, &[2], &name("I")), &outer(&c.soma[l], &c.apical[l - 1]), 1e-11);
    }
}

/// Where interneurons predict the layer above, as they do at first, apical dendrites are silent without teaching, and with little of it they
/// carry the error through the weights from above.
#[test]
fn a_microcircuit_that_predicts_itself_carries_the_error() {
    let error = |mix: f64| {
        let (mut s, f) = three(&format!("dendritic_microcircuit({mix}, 60, 0.3, sgd(1), sgd(1))"));
        for name in UPPER {
            let b = vec![0.0; s.slot(&format!("{name}: b")).len()];
            s.set(&format!("{name}: b"), b);
        }
        let h = Hand::three(&s, &f, 0);
        let c = microcircuit(&s, &h, mix, 60, 0.3, false);
        assert!(c.apical.iter().flatten().all(|a| a.abs() < 1e-14), "{:?}", c.apical);
        assert!(difference(&c.u[2], &h.pass().drive[2]).iter().all(|d| d.abs() < 1e-13));
        let exact = aligned(&h, s.slot("T(h2 -> z)"), s.slot("T(h1 -> h2)"));
        let u = change(&s, &[0], "h1 -> h2: b");
        let found = off(&u, &exact[1].1);
        let c = cosine(&change(&s, &[0], "x -> h1: b"), &exact[0].1);
        assert!(c > 0.98, "{c}");
        found
    };
    let (wide, narrow) = (error(0.02), error(0.01));
    assert!(((wide / narrow).log2() - 1.0).abs() < 0.15, "{wide} {narrow}");
}

/// Meulemans et al. 2021, equations 1 to 6: a controller, integral and proportional, on the output's miss.
fn controlled(s: &Sim, h: &Hand, steps: usize, speed: f64) -> (State, Moves) {
    let start = [h.pass().drive, vec![vec![0.0; 3]]].concat();
    let settled = euler(start, steps, speed, &|v| {
        let r: State = (0..3).map(|l| h.respond(l, &v[l])).collect();
        let miss = difference(&h.y, &r[2]);
        let u = add(&scaled(&v[3], 0.5), &miss);
        let under = below(h, &r);
        let mut out: State = (0..3)
            .map(|l| {
                let felt = match l {
                    2 => u.clone(),
                    _ => times(s.slot(["Q(h1, z)", "Q(h2, z)"][l]), &u),
                };
                add(&difference(&h.drive(l, &under[l]), &v[l]), &felt)
            })
            .collect();
        out.push(miss);
        out
    });
    let r: State = (0..3).map(|l| h.respond(l, &settled[l])).collect();
    let under = below(h, &r);
    let e: State = (0..3).map(|l| difference(&r[l], &h.respond(l, &h.drive(l, &under[l])))).collect();
    (r, moves(&e, &under))
}

#[test]
fn deep_feedback_control_learns_what_the_controller_made() {
    let (s, f) = three("deep_feedback_control(1, 0.5, 9, 0.1, sgd(1))");
    compare(&s, &f, 1.0, 1e-11, &|h, _| controlled(&s, h, 9, 0.1).1);
    // In the end the output is its target, and a linear layer moves along the gradient.
    let h = Hand::three(&s, &f, 0);
    let (r, _) = controlled(&s, &h, 1500, 0.1);
    assert!(off(&r[2], &h.y) < 1e-6, "{}", off(&r[2], &h.y));
    let text = chain_text(
        "deep_feedback_control(1, 0.5, 600, 0.1, sgd(1))",
        "minimize squared_error(z, task.y)",
        5,
        &[("z", 3, "@")],
        "",
    );
    let s = single(&text);
    let h = Hand::new(&s, &["x", "z"], &[F::Linear], 0);
    close("one layer", &moved(&s, &h.names, &[0]), &flat(&h.descent()), 1e-8);
}

/// Nokland & Eidnes 2019: a classifier of its own for each hidden population.
#[test]
fn local_losses_teach_each_population_by_its_own_classifier() {
    let (s, f) = crate::hand::three_with("local_losses(sgd(1))", "minimize cross_entropy(z, task.label)");
    let c = ["C(h1, z)", "C(h2, z)"].map(|n| s.slot(n).to_vec());
    let softmax = |a: &[f64]| -> Vec<f64> {
        let total: f64 = a.iter().map(|a| a.exp()).sum();
        a.iter().map(|a| a.exp() / total).collect()
    };
    compare(&s, &f, 1.0, 1e-11, &|h, r| {
        let p = h.pass();
        let label = field(&s, "label", r)[0] as usize;
        let target: Vec<f64> = (0..3).map(|i| f64::from(u8::from(i == label))).collect();
        let own = |l: usize| {
            let e = difference(&target, &softmax(&times(&c[l], &p.rate[l + 1])));
            if r == 0 {
                let at = ["C(h1, z)", "C(h2, z)"][l];
                close(at, &change(&s, &[0], at), &outer(&e, &p.rate[l + 1]), 1e-11);
            }
            by(&back(&c[l], &e), &h.slope(l, &p.drive[l]))
        };
        moves(&[own(0), own(1), difference(&target, &softmax(&p.rate[3]))], &p.rate)
    });
}

/// Hinton 2022, equations 1 and 2: the slope of log p by each layer alone, by central differences.
#[test]
fn forward_forward_climbs_the_evidence_of_each_layer() {
    let layers = [("h1", 4, "tanh(@)"), ("h2", 4, "sigmoid(@)"), ("z", 3, "@")];
    let s =
        single(&chain_text("forward_forward(3, 1.5, sgd(1))", "minimize cross_entropy(z, task.label)", 5, &layers, ""));
    for r in 0..6 {
        let h = Hand::three(&s, &[F::Tanh, F::Sigmoid, F::Linear], r);
        let label = field(&s, "label", r)[0] as usize;
        let pick = crate::sim::draw(trine::ops::Distribution::Uniform, "0/noise pick(z)", 0, 3);
        let best = |i: &usize, j: &usize| pick[*i].total_cmp(&pick[*j]);
        let wrong = (0..3).filter(|k| *k != label).max_by(best).expect("two");
        for (l, name) in ["x -> h1: W", "h1 -> h2: W"].into_iter().enumerate() {
            let evidence = |class: usize, sign: f64, w: &[f64]| {
                let mut h = h.clone();
                (0..3).for_each(|i| h.x[i] = f64::from(u8::from(i == class)));
                // Nothing is learnt from what a layer does to the layers above.
                let under = h.pass().rate[l].clone();
                h.w[l] = w.to_vec();
                let g: f64 = h.respond(l, &h.drive(l, &under)).iter().map(|x| x * x).sum();
                sigmoid(sign * (g - 1.5)).ln()
            };
            let total = |w: &[f64]| evidence(label, 1.0, w) + evidence(wrong, -1.0, w);
            let slope: Vec<f64> = (0..h.w[l].len())
                .map(|i| {
                    let at = |by: f64| {
                        let mut w = h.w[l].clone();
                        w[i] += by;
                        total(&w)
                    };
                    (at(1e-5) - at(-1e-5)) / 2e-5
                })
                .collect();
            assert!(off(&change(&s, &[r], name), &slope) < 1e-7, "{name}, example {r}");
        }
    }
}
