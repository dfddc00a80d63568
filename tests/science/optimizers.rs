//! Optimizers against their papers' own forms, written out here independently of the standard library's.

use crate::sim::{Sim, close, single};

const STEPS: usize = 12;

/// Three parabolas, each of a gain and an offset: `0.5 * k * (g + b - goal)^2`, in double precision.
fn quadratic(optimizer: &str) -> Sim {
    single(&format!(
        "language 0.1\nuse std.rules: backprop\n\n\
         task t() {{\n  draw one: [3] ~ uniform(1, 1)\n  draw k: [3] ~ uniform(0.3, 3)\n  draw goal: [3] ~ normal(0, 2)\n  \
         split train 1\n}}\n\n\
         architecture net(x: [3]) {{\n  output z: [3] = diagonal(x)\n}}\n\n\
         experiment e {{\n  task = t()\n  architecture = net(task.one)\n  \
         objective = minimize 0.5 * dot(task.k, square(z - task.goal))\n  rule = backprop({optimizer})\n  \
         train = 1 epochs\n  batch = 1\n  seeds = 1\n  precision = float64\n}}\n"
    ))
}

/// Gains, then offsets.
fn parameters(s: &Sim) -> Vec<f64> {
    [s.slot("x -> z: g"), s.slot("x -> z: b")].concat()
}

/// The gradient of the parabolas by hand.
fn gradient(s: &Sim, theta: &[f64]) -> Vec<f64> {
    let field = |name: &str| {
        let at = s.plan.fields.iter().position(|f| f.name.ends_with(name));
        s.fields[at.unwrap_or_else(|| panic!("no field {name}"))].clone()
    };
    let (k, goal) = (field("k"), field("goal"));
    let one = |i: usize| k[i % 3] * (theta[i % 3] + theta[3 + i % 3] - goal[i % 3]);
    (0..6).map(one).collect()
}

/// A gradient, and the parameters before a step; the parameters after it.
type Paper<'a> = &'a mut dyn FnMut(&dyn Fn(&[f64]) -> Vec<f64>, &[f64]) -> Vec<f64>;

/// Runs both, the paper's form giving the parameters from its own state.
fn follow(optimizer: &str, paper: Paper) {
    let mut sim = quadratic(optimizer);
    let start = sim.clone();
    let mut theta = parameters(&sim);
    for step in 0..STEPS {
        sim.step(&[0]);
        theta = paper(&|t| gradient(&start, t), &theta);
        close(&format!("{optimizer}, step {step}"), &parameters(&sim), &theta, 1e-12);
    }
    assert!(theta.iter().zip(parameters(&start)).any(|(a, b)| (a - b).abs() > 1e-3), "{optimizer} does not move");
}

fn zip(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect()
}

#[test]
fn sgd_steps_down_the_gradient() {
    follow("sgd(0.1)", &mut |grad, t| zip(t, &grad(t), |t, g| t - 0.1 * g));
}

/// Polyak 1964, equation 9, in the positions alone: x(n+1) = x(n) - a grad + b (x(n) - x(n-1)).
#[test]
fn momentum_is_the_heavy_ball() {
    let mut before: Option<Vec<f64>> = None;
    follow("momentum(0.05, 0.8)", &mut |grad, t| {
        let old = before.replace(t.to_vec()).unwrap_or(t.to_vec());
        let inertia = zip(t, &old, |t, o| 0.8 * (t - o));
        zip(&zip(t, &grad(t), |t, g| t - 0.05 * g), &inertia, |a, b| a + b)
    });
}

/// Sutskever et al. 2013, equations 3 and 4: the gradient is taken at theta + mu v. What the optimizer keeps as the
/// weights is that point (Bengio, Boulanger-Lewandowski & Pascanu 2013, equation 7).
#[test]
fn nesterov_is_sutskevers_form_at_the_point_ahead() {
    let mut hidden: Option<(Vec<f64>, Vec<f64>)> = None;
    follow("nesterov(0.05, 0.8)", &mut |grad, t| {
        let (theta, v) = hidden.take().unwrap_or((t.to_vec(), vec![0.0; 6]));
        let ahead = zip(&theta, &v, |t, v| t + 0.8 * v);
        let v = zip(&v, &grad(&ahead), |v, g| 0.8 * v - 0.05 * g);
        let theta = zip(&theta, &v, |t, v| t + v);
        let shown = zip(&theta, &v, |t, v| t + 0.8 * v);
        hidden = Some((theta, v));
        shown
    });
}

/// Tieleman & Hinton 2012, lecture 6e: the mean square is `decay` of the old and the rest of the new square.
#[test]
fn rmsprop_divides_by_the_running_root_mean_square() {
    let mut squares = Vec::new();
    follow("rmsprop(0.02, 0.7, 1e-6)", &mut |grad, t| {
        let g = grad(t);
        squares.push(zip(&g, &g, |a, b| a * b));
        let n = squares.len();
        let mean = |i: usize| (0..n).map(|j| 0.3 * 0.7f64.powi((n - 1 - j) as i32) * squares[j][i]).sum::<f64>();
        (0..6).map(|i| t[i] - 0.02 * g[i] / (mean(i).sqrt() + 1e-6)).collect()
    });
}

/// The moments of Kingma & Ba 2015 as the sums of its equation 1, with the correction of section 3.
fn adam_step(past: &[Vec<f64>], i: usize, (beta1, beta2, eps): (f64, f64, f64)) -> f64 {
    let n = past.len();
    let moment = |beta: f64, power: i32| {
        let sum = (0..n).map(|j| beta.powi((n - 1 - j) as i32) * past[j][i].powi(power)).sum::<f64>();
        (1.0 - beta) * sum / (1.0 - beta.powi(n as i32))
    };
    moment(beta1, 1) / (moment(beta2, 2).sqrt() + eps)
}

#[test]
fn adam_is_algorithm_1() {
    let mut past = Vec::new();
    follow("adam(0.05, 0.8, 0.95, 1e-6)", &mut |grad, t| {
        past.push(grad(t));
        (0..6).map(|i| t[i] - 0.05 * adam_step(&past, i, (0.8, 0.95, 1e-6))).collect()
    });
}

/// Loshchilov & Hutter 2019, algorithm 2, line 12, with their alpha * lambda written as rate * decay.
#[test]
fn adamw_decays_apart_from_the_moments() {
    let mut past = Vec::new();
    follow("adamw(0.05, 0.8, 0.95, 1e-6, 0.3)", &mut |grad, t| {
        past.push(grad(t));
        (0..6).map(|i| t[i] - 0.05 * adam_step(&past, i, (0.8, 0.95, 1e-6)) - 0.05 * 0.3 * t[i]).collect()
    });
}

fn shortened(g: Vec<f64>, length: f64) -> Vec<f64> {
    let norm = g.iter().map(|x| x * x).sum::<f64>().sqrt();
    if norm > length { g.into_iter().map(|x| x * length / norm).collect() } else { g }
}

/// Pascanu, Mikolov & Bengio 2013, algorithm 1, over all weights together.
#[test]
fn clipping_shortens_the_direction_of_all_weights() {
    follow("clipped(sgd(0.3), length = 0.7)", &mut |grad, t| zip(t, &shortened(grad(t), 0.7), |t, g| t - 0.3 * g));
}

#[test]
fn clipping_stands_in_front_of_an_optimizer_with_memory() {
    let mut past = Vec::new();
    follow("clipped(adam(0.05, 0.8, 0.95, 1e-6), length = 0.5)", &mut |grad, t| {
        past.push(shortened(grad(t), 0.5));
        (0..6).map(|i| t[i] - 0.05 * adam_step(&past, i, (0.8, 0.95, 1e-6))).collect()
    });
}
