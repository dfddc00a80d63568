//! Rules whose activity settles before they learn: their sweeps written out, and how close to the gradient they come.

use crate::hand::{
    F, Hand, Moves, add, back, by, chain_text, compare, cosine, flat, moved, moves, off, scaled, three, times,
};
use crate::sim::{Sim, close, difference, single};

/// What settles in a chain: a value a population, the input not among them.
pub type State = Vec<Vec<f64>>;

pub fn euler(mut s: State, steps: usize, speed: f64, force: &dyn Fn(&State) -> State) -> State {
    for _ in 0..steps {
        let f = force(&s);
        s = s.iter().zip(&f).map(|(s, f)| add(s, &scaled(f, speed))).collect();
    }
    s
}

pub fn below(h: &Hand, s: &State) -> State {
    [std::slice::from_ref(&h.x), s.as_slice()].concat()
}

/// Errors of prediction, and what they are after the slope of the prediction.
fn predicted(h: &Hand, a: &State) -> (State, State) {
    let under = below(h, a);
    let drives: State = (0..a.len()).map(|l| h.drive(l, &under[l])).collect();
    let eps: State = (0..a.len()).map(|l| difference(&a[l], &h.respond(l, &drives[l]))).collect();
    let local = (0..a.len()).map(|l| by(&eps[l], &h.slope(l, &drives[l]))).collect();
    (eps, local)
}

/// Whittington & Bogacz 2017, equations 2.9 and 2.18, the nonlinearity outside the weights. Held softly, the output feels
/// `small` times its loss; clamped, its errors of prediction have the variance `1 / small`.
fn predictive_coding(h: &Hand, steps: usize, speed: f64, clamped: bool, small: f64) -> Moves {
    let mut start: State = h.pass().rate[1..].to_vec();
    if clamped {
        start[2] = h.y.clone();
    }
    let errors = |a: &State| {
        let (mut eps, mut local) = predicted(h, a);
        if clamped {
            (eps[2], local[2]) = (scaled(&eps[2], small), scaled(&local[2], small));
        }
        (eps, local)
    };
    let settled = euler(start, steps, speed, &|a| {
        let (eps, local) = errors(a);
        (0..3)
            .map(|l| match (l, clamped) {
                (2, true) => vec![0.0; 3],
                (2, false) => scaled(&add(&eps[2], &scaled(&difference(&a[2], &h.y), small)), -1.0),
                _ => difference(&back(&h.w[l + 1], &local[l + 1]), &eps[l]),
            })
            .collect()
    });
    let local: State = errors(&settled).1.iter().map(|e| scaled(e, 1.0 / small)).collect();
    moves(&local, &below(h, &settled))
}

#[test]
fn predictive_coding_settles_on_its_energy() {
    for (rule, clamped, small) in [
        ("predictive_coding(7, 0.2, 1, sgd(1))", false, 1.0),
        ("predictive_coding(7, 0.2, 0.25, sgd(1))", false, 0.25),
        ("predictive_coding_strict(7, 0.2, 1, sgd(1))", true, 1.0),
        ("predictive_coding_strict(7, 0.2, 4, sgd(1))", true, 0.25),
    ] {
        let (s, f) = three(rule);
        compare(&s, &f, 1.0, 1e-12, &|h, _| predictive_coding(h, 7, 0.2, clamped, small));
    }
}

/// Salvatori et al. 2024, algorithm 1: activities and weights move at once, both from the values before the step.
#[test]
fn incremental_predictive_coding_moves_weights_at_every_step() {
    let (s, f) = three("predictive_coding_incremental(4, 0.2, sgd(0.1))");
    let start = Hand::three(&s, &f, 0);
    let mut h = start.clone();
    let mut a: State = h.pass().rate[1..].to_vec();
    for _ in 0..4 {
        let (eps, local) = predicted(&h, &a);
        let under = below(&h, &a);
        let force = |l: usize| match l {
            2 => scaled(&add(&eps[2], &difference(&a[2], &h.y)), -1.0),
            _ => difference(&back(&h.w[l + 1], &local[l + 1]), &eps[l]),
        };
        let next: State = (0..3).map(|l| add(&a[l], &scaled(&force(l), 0.2))).collect();
        for (l, (w, b)) in moves(&local, &under).iter().enumerate() {
            h.w[l] = add(&h.w[l], &scaled(w, 0.1));
            h.b[l] = add(&h.b[l], &scaled(b, 0.1));
        }
        a = next;
    }
    let all =
        |h: &Hand| -> Vec<f64> { h.w.iter().zip(&h.b).flat_map(|(w, b)| [w.clone(), b.clone()].concat()).collect() };
    close("weights", &moved(&s, &h.names, &[0]), &difference(&all(&h), &all(&start)), 1e-11);
}

/// Millidge, Tschantz & Buckley 2022, algorithm 1: errors settle while the derivatives stay at the feedforward values.
#[test]
fn fixed_predictions_pass_errors_down_one_layer_a_sweep() {
    let (s, f) = three("predictive_coding_fixed(4, 0.5, sgd(1))");
    compare(&s, &f, 1.0, 1e-12, &|h, _| {
        let p = h.pass();
        let e = euler(vec![vec![0.0; 4], vec![0.0; 4], vec![0.0; 3]], 4, 0.5, &|e| {
            (0..3)
                .map(|l| {
                    let from = match l {
                        2 => difference(&h.y, &p.rate[3]),
                        _ => back(&h.w[l + 1], &by(&e[l + 1], &h.slope(l + 1, &p.drive[l + 1]))),
                    };
                    difference(&from, &e[l])
                })
                .collect()
        });
        let local: State = (0..3).map(|l| by(&e[l], &h.slope(l, &p.drive[l]))).collect();
        moves(&local, &p.rate)
    });
}

/// With unit speed it is backpropagation after as many sweeps as there are layers, and after one less where the output's
/// error starts at its value; not before.
#[test]
fn fixed_predictions_become_backpropagation_after_one_sweep_a_layer() {
    for steps in [3, 4, 20] {
        let (s, f) = three(&format!("predictive_coding_fixed({steps}, 1, sgd(1))"));
        compare(&s, &f, 1.0, 1e-12, &|h, _| h.descent());
    }
    let early = |steps: usize, start: &str| {
        let own = format!(
            "\nrule warm(optimizer: Optimizer = sgd(1)) {{\n  free e(n) from {start}\n  dynamics errors {{\n    \
             e(n)' = -e(n) - d(loss, n.rate) + sum(q in n.out: q.adjoint(q.post.pull(e(q.post))))\n  }}\n  \
             phase inference = relax errors, {steps}, 1\n  \
             update p along inference(p.outer(p.post.pull(e(p.post)), p.pre.rate)) by optimizer\n}}\n"
        );
        let layers = [("h1", 4, "tanh(@)"), ("h2", 4, "sigmoid(@)"), ("z", 3, "@")];
        let s = single(&chain_text("warm(sgd(1))", "minimize squared_error(z, task.y)", 5, &layers, &own));
        let h = Hand::three(&s, &[F::Tanh, F::Sigmoid, F::Linear], 0);
        off(&moved(&s, &h.names, &[0]), &flat(&h.descent()))
    };
    assert!(early(2, "-d(loss, n.rate)") < 1e-13);
    assert!(early(1, "-d(loss, n.rate)") > 1e-3);
    assert!(early(3, "0") < 1e-13);
    assert!(early(2, "0") > 1e-3);
}

/// By what power of a small number an error falls.
fn order(what: &str, error: &dyn Fn(f64) -> f64, at: f64, expected: f64) {
    let (wide, narrow) = (error(at), error(at / 2.0));
    let found = (wide / narrow).log2();
    assert!((found - expected).abs() < 0.15, "{what}: errors of {wide:e} and {narrow:e} fall by order {found}");
}

/// Whittington & Bogacz 2017, section 2.4: once settled, the update goes to the gradient as the loss weighs less than the
/// predictions, or as the output's variance grows. Where the output is clamped and all variances are equal, what arrives below is the error that is left there, which the layers share:
/// (1 + sum of J J')^-1 (y - z), J the slope of the output by each hidden layer.
#[test]
fn settled_predictive_coding_is_off_by_the_size_of_the_error() {
    let strict = |c: f64| {
        let (mut s, f) = three("predictive_coding_strict(150, 0.3, 1, sgd(1))");
        let h = Hand::three(&s, &f, 0);
        let p = h.pass();
        let y: Vec<f64> = add(&p.rate[3], &scaled(&difference(&h.y, &p.rate[3]), c));
        let at = s.plan.fields.iter().position(|f| f.name.ends_with("y")).expect("goals");
        s.fields[at][..3].copy_from_slice(&y);
        let mut h = Hand::three(&s, &f, 0);
        // What is left solves (1 + J J') e = y - z.
        let through = |e: &[f64]| {
            let d2 = back(&h.w[2], e);
            let d1 = back(&h.w[1], &by(&d2, &h.slope(1, &p.drive[1])));
            let up = add(&d2, &by(&times(&h.w[1], &d1), &h.slope(1, &p.drive[1])));
            add(e, &times(&h.w[2], &up))
        };
        let full = difference(&y, &p.rate[3]);
        let left = euler(vec![full.clone()], 2000, 0.05, &|e| vec![difference(&full, &through(&e[0]))]);
        h.y = add(&p.rate[3], &left[0]);
        off(&moved(&s, &h.names, &[0]), &flat(&h.descent()))
    };
    order("strict", &strict, 0.02, 1.0);
    let error = |rule: String| {
        let (s, f) = three(&rule);
        let h = Hand::three(&s, &f, 0);
        off(&moved(&s, &h.names, &[0]), &flat(&h.descent()))
    };
    order("soft", &|c| error(format!("predictive_coding(150, 0.3, {c}, sgd(1))")), 0.02, 1.0);
    order("variance", &|c| error(format!("predictive_coding_strict(150, 0.3, {}, sgd(1))", 1.0 / c)), 0.02, 1.0);
}

/// Scellier & Bengio 2017, section 3: E = 1/2 |s|^2 - sum of rho_i W_ij rho_j - b rho, moved down by Euler steps.
fn hopfield(h: &Hand, s: State, steps: usize, speed: f64, beta: f64) -> State {
    euler(s, steps, speed, &|s| {
        let rho: State = (0..3).map(|l| h.respond(l, &s[l])).collect();
        let under = below(h, &rho);
        (0..3)
            .map(|l| {
                let mut field = h.drive(l, &under[l]);
                if l < 2 {
                    field = add(&field, &back(&h.w[l + 1], &rho[l + 1]));
                } else {
                    field = add(&field, &scaled(&difference(&h.y, &rho[2]), beta));
                }
                difference(&by(&field, &h.slope(l, &s[l])), &s[l])
            })
            .collect()
    })
}

fn coactive(h: &Hand, s: &State) -> Moves {
    let rho: State = (0..3).map(|l| h.respond(l, &s[l])).collect();
    moves(&rho, &below(h, &rho))
}

fn apart(a: &Moves, b: &Moves, by: f64) -> Moves {
    let part = |a: &[f64], b: &[f64]| scaled(&difference(a, b), by);
    a.iter().zip(b).map(|(a, b)| (part(&a.0, &b.0), part(&a.1, &b.1))).collect()
}

fn zeros() -> State {
    vec![vec![0.0; 4], vec![0.0; 4], vec![0.0; 3]]
}

#[test]
fn equilibrium_propagation_contrasts_rest_and_nudge() {
    let (s, f) = three("equilibrium_propagation(0.3, 6, 4, 0.2, sgd(1))");
    compare(&s, &f, 1.0, 1e-11, &|h, _| {
        let warm = hopfield(h, zeros(), 6, 0.2, 0.0);
        let [rest, nudged] = [0.0, 0.3].map(|beta| hopfield(h, warm.clone(), 4, 0.2, beta));
        apart(&coactive(h, &nudged), &coactive(h, &rest), 1.0 / 0.3)
    });
    // Laborieux et al. 2021, equation 8.
    let (s, f) = three("equilibrium_propagation_symmetric(0.3, 6, 4, 0.2, sgd(1))");
    compare(&s, &f, 1.0, 1e-11, &|h, _| {
        let rest = hopfield(h, zeros(), 6, 0.2, 0.0);
        let [up, down] = [0.3, -0.3].map(|beta| hopfield(h, rest.clone(), 4, 0.2, beta));
        apart(&coactive(h, &up), &coactive(h, &down), 1.0 / 0.6)
    });
}

/// Minus the slope of the loss where the net comes to rest, by central differences.
fn resting_descent(h: &Hand) -> Vec<f64> {
    let loss = |h: &Hand| h.half_square(&hopfield(h, zeros(), 120, 0.4, 0.0)[2]);
    let mut out = vec![];
    for l in 0..3 {
        for bias in [false, true] {
            let count = if bias { h.b[l].len() } else { h.w[l].len() };
            for i in 0..count {
                let at = |by: f64| {
                    let mut h = h.clone();
                    let w = if bias { &mut h.b[l] } else { &mut h.w[l] };
                    w[i] += by;
                    loss(&h)
                };
                out.push((at(-1e-4) - at(1e-4)) / 2e-4);
            }
        }
    }
    out
}

/// Half the weights, so that rest is reached soon.
fn calm(s: &mut Sim) {
    for name in ["h1 -> h2: W", "h2 -> z: W"] {
        let w = scaled(s.slot(name), 0.5);
        s.set(name, w);
    }
}

/// Scellier & Bengio 2017, theorem 1: the slope of the loss at rest, up to beta; Laborieux et al. 2021: up to its square.
#[test]
fn settled_equilibrium_propagation_is_off_by_beta_or_its_square() {
    let error = |rule: &str, beta: f64| {
        let (mut s, f) = three(&format!("{rule}({beta}, 50, 50, 0.4, sgd(1))"));
        calm(&mut s);
        let h = Hand::three(&s, &f, 0);
        off(&moved(&s, &h.names, &[0]), &resting_descent(&h))
    };
    order("one-sided", &|b| error("equilibrium_propagation", b), 0.04, 1.0);
    order("symmetric", &|b| error("equilibrium_propagation_symmetric", b), 0.2, 2.0);
}

/// Xie & Seung 2003, equations 1 to 3: feedback through gamma times the transposed weights; what both phases make
/// coactive, divided by gamma for every layer that it is from the output.
fn contrastive(h: &Hand, steps: usize, speed: f64, gamma: f64) -> Moves {
    let run = |start: State, clamped: bool| {
        euler(start, steps, speed, &|s| {
            let under = below(h, s);
            (0..3)
                .map(|l| {
                    let mut drive = h.drive(l, &under[l]);
                    if l == 2 && clamped {
                        return vec![0.0; 3];
                    }
                    if l < 2 {
                        drive = add(&drive, &scaled(&back(&h.w[l + 1], &s[l + 1]), gamma));
                    }
                    difference(&h.respond(l, &drive), &s[l])
                })
                .collect()
        })
    };
    let rest = run(h.pass().rate[1..].to_vec(), false);
    let mut start = rest.clone();
    start[2] = h.y.clone();
    let held = run(start, true);
    let both = |s: &State| moves(s, &below(h, s));
    let mut out = apart(&both(&held), &both(&rest), 1.0);
    for (l, (w, b)) in out.iter_mut().enumerate() {
        let power = gamma.powi(l as i32 - 2);
        (*w, *b) = (scaled(w, power), scaled(b, power));
    }
    out
}

#[test]
fn contrastive_hebbian_learning_contrasts_rest_and_clamp() {
    let (s, f) = three("contrastive_hebbian(0.2, 7, 0.3, sgd(1))");
    compare(&s, &f, 1.0, 1e-11, &|h, _| contrastive(h, 7, 0.3, 0.2));
}

/// Xie & Seung 2003, section 3: with weak feedback it is backpropagation, up to gamma.
#[test]
fn settled_contrastive_hebbian_learning_is_off_by_gamma() {
    let error = |gamma: f64| {
        let (s, f) = three(&format!("contrastive_hebbian({gamma}, 50, 0.4, sgd(1))"));
        let h = Hand::three(&s, &f, 0);
        off(&moved(&s, &h.names, &[0]), &flat(&h.descent()))
    };
    order("contrastive Hebbian", &error, 0.01, 1.0);
}

/// On handwritten digits, at the start, all weights together: the settings that the rules come with are good enough.
#[test]
fn with_their_own_settings_they_follow_the_gradient_on_digits() {
    let of = |rule: &str, objective: &str| {
        let name = rule.split('(').next().expect("a name");
        let s = single(&format!(
            "language 0.1\nuse std.rules: {name}\nuse std.tasks: digits\n\n\
             architecture net(x: [n]) {{\n  population h1: [12] = tanh(dense(x))\n  population h2: [12] = tanh(dense(h1))\n  \
             output z: [10] = dense(h2)\n}}\n\nexperiment e {{\n  task = digits()\n  architecture = net(task.image)\n  \
             objective = minimize {objective}\n  rule = {rule}\n  train = 1 epochs\n  batch = 6\n  seeds = 1\n  \
             precision = float64\n}}\n"
        ));
        let names = ["x -> h1", "h1 -> h2", "h2 -> z"].map(String::from);
        moved(&s, &names, &[0, 1, 2, 3, 4, 5])
    };
    let (square, cross) = ("squared_error(z, one_hot(task.label))", "cross_entropy(z, task.label)");
    for (objective, rules) in [
        (
            square,
            &["predictive_coding", "predictive_coding_strict", "predictive_coding_fixed", "contrastive_hebbian"][..],
        ),
        (cross, &["predictive_coding", "predictive_coding_fixed"]),
    ] {
        let down = of("backprop(sgd(1))", objective);
        for rule in rules {
            let c = cosine(&of(&format!("{rule}(optimizer = sgd(1))"), objective), &down);
            assert!(c > 0.9, "{rule} under {objective}: {c}");
        }
    }
}

/// The gradient that equilibrium propagation follows is that of the loss where its own net rests, which weights in both
/// directions put elsewhere than the feedforward pass.
#[test]
fn with_its_own_settings_equilibrium_propagation_follows_the_gradient_at_rest() {
    for rule in ["equilibrium_propagation", "equilibrium_propagation_symmetric"] {
        let (s, f) = three(&format!("{rule}(optimizer = sgd(1))"));
        let each = (0..6).map(|r| resting_descent(&Hand::three(&s, &f, r)));
        let down = each.reduce(|a, b| add(&a, &b)).expect("six");
        let c = cosine(&moved(&s, &Hand::three(&s, &f, 0).names, &[0, 1, 2, 3, 4, 5]), &down);
        assert!(c > 0.95, "{rule}: {c}");
    }
}
