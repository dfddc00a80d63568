//! How a phase settles, step by step beside a loop by hand: steps, speed, `until`, `at most`, `within`. And changes of some
//! populations only.

use crate::sim::{Sim, close, conditions, single};

const SPEC: &str = "language 0.1

rule mine(optimizer: Optimizer = sgd(0.1)) {
  free a(n) from 0.2
  state kept(n) = 0
  energy F = sum(n: 0.5 * sumsq(a(n) - 2 * n.drive))
  phase rest = settle a on F, OPTIONS
  update kept(n) along rest(a(n)) - kept(n)
  update p along 0 * p by optimizer
}

task t() {
  draw x: [5] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 6
}

architecture net(x: [n]) {
  population h: [4] = tanh(dense(x))
  output z: [3] = dense(h)
}

experiment e {
  task = t()
  architecture = net(task.x)
  objective = minimize squared_error(z, task.y)
  rule = mine()
  train = 1 epochs
  batch = 6
  seeds = 1
  precision = float64
  measure left = residual(rest)
}
";

/// Where seven variables come to under a' = 2 u - a, and how fast they still move there.
fn by_hand(drives: &[f64], steps: usize, speed: f64, until: f64, within: (f64, f64)) -> (Vec<f64>, f64) {
    let step = |a: &[f64]| -> Vec<f64> {
        a.iter().zip(drives).map(|(a, u)| (a + speed * (2.0 * u - a)).clamp(within.0, within.1)).collect()
    };
    let far = |a: &[f64], b: &[f64]| crate::hand::length(&crate::sim::difference(b, a)) / speed;
    let mut a = vec![0.2; drives.len()];
    for _ in 0..steps {
        let next = step(&a);
        if far(&a, &next) <= until {
            break;
        }
        a = next;
    }
    let left = far(&a, &step(&a));
    (a, left)
}

#[test]
fn a_phase_settles_as_a_loop_by_hand() {
    let all = (f64::NEG_INFINITY, f64::INFINITY);
    let cases = [
        ("7, 0.3", 7, 0.3, -1.0, all),
        ("7", 7, 0.1, -1.0, all),
        ("0.3, at most 7", 7, 0.3, -1.0, all),
        ("at most 7", 7, 0.1, -1.0, all),
        ("20, 0.3, at most 7", 7, 0.3, -1.0, all),
        ("until 0.4, 0.3, at most 40", 40, 0.3, 0.4, all),
        ("40, 0.3, until 0.4", 40, 0.3, 0.4, all),
        ("7, 0.3, within [0, 0.5]", 7, 0.3, -1.0, (0.0, 0.5)),
        ("20, 0.3, until 0.05, at most 50, within [0, 0.5]", 50, 0.3, 0.05, (0.0, 0.5)),
    ];
    for (options, steps, speed, until, within) in cases {
        let s = single(&SPEC.replace("OPTIONS", options));
        for row in 0..6 {
            let drives = [s.value("h.drive", &[row]), s.value("z.drive", &[row])].concat();
            let (a, left) = by_hand(&drives, steps, speed, until, within);
            let after = s.proposal(&[row]);
            let own = [after[s.find("kept(h)")].clone(), after[s.find("kept(z)")].clone()].concat();
            close(options, &own, &a, 1e-10);
            let told = s.measure("left", &[row])[0];
            assert!((told - left).abs() < 1e-10 * (1.0 + left), "{options}: {told} is left, by hand {left}");
        }
    }
}

/// Against a bound the forces go on, and nothing moves: that is rest.
#[test]
fn against_a_bound_is_at_rest() {
    let s = single(&SPEC.replace("OPTIONS", "400, 0.3, within [0, 0.01]"));
    let outside = |row: usize| s.value("h.drive", &[row]).iter().any(|u| 2.0 * u > 0.01 || *u < 0.0);
    assert!((0..6).all(outside));
    assert!((0..6).all(|row| s.measure("left", &[row])[0] < 1e-10));
}

const GUARDED: &str = "language 0.1

rule mine(optimizer: Optimizer = sgd(0.1)) {
  noise xi(n) ~ normal(0, 1)
  noise zeta(p) ~ normal(0, 1)
  phase one with CHANGE
  update p along (loss - one(loss)) * p.outer(xi(p.post), p.pre.rate) by optimizer
}

RULES
task t() {
  draw x: [5] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 6
}

architecture net(x: [n]) {
  population h: [4] = tanh(dense(x))
  population g: [4] = tanh(dense(h))
  output z: [3] = dense(g)
}

experiment e {
  task = t()
  architecture = net(task.x)
  objective = minimize squared_error(z, task.y)
  rule = mine()
  train = 1 epochs
  batch = 6
  seeds = 1
  precision = float64
  measure lost = sumsq(z) with n.rate = 0 where n.height == 1
  measure same = sumsq(z) with g.rate = 0
}
";

fn guarded(change: &str) -> Sim {
    conditions(&GUARDED.replace("CHANGE", change).replace("RULES\n", "")).remove(0)
}

/// `where` behind a change says at which populations or projections; the next change has its own.
#[test]
fn a_guard_says_what_a_phase_changes() {
    let pairs = [
        ("n.drive += 0.1 * xi(n) where not n.output", "n.drive += (if n.output then 0 else 0.1) * xi(n)"),
        (
            "p += 0.1 * zeta(p) where p.post.output, n.rate += 0.1 where n.height == 2",
            "p += (if p.post.output then 0.1 else 0) * zeta(p), n.rate += if n.height == 2 then 0.1 else 0",
        ),
    ];
    for (with, written) in pairs {
        let (a, b) = (guarded(with), guarded(written));
        let (moved, same) = (a.proposal(&[0, 1, 2]).concat(), b.proposal(&[0, 1, 2]).concat());
        close(with, &moved, &same, 1e-12);
        assert!(crate::sim::difference(&moved, &a.slots.concat()).iter().any(|d| d.abs() > 1e-6), "{with}");
        close("a lesion", &a.measure("lost", &[0, 1]), &a.measure("same", &[0, 1]), 1e-12);
    }
}

const ANSWERED: &str = "language 0.1
use std.rules: RULE

task t() {
  draw x: [4] ~ normal(0, 1)
  draw y: [3] ~ uniform(0, 1)
  split train 6
}

architecture net(x: [4]) {
  population g: [6] = sigmoid(dense(x))
  population h: [5] = sigmoid(dense(g))
  output z: [3] = sigmoid(dense(h) as last)
}

experiment e {
  task = t()
  architecture = net(task.x)
  objective = minimize squared_error(z, task.y)
  rule = RULE()
  train = 1 epochs
  batch = 6
  seeds = 1
  precision = float64
  measure whole = sumsq(z)
  measure lost = sumsq(z) with h.rate[1..2] = 0
  measure silent = sumsq(h) with h.rate[1..2] = 0
  measure none = sumsq(z) with h.rate = 0
  measure other = sumsq(z) with input = 0.5 * x
  measure weak = sumsq(z) with p.W += -0.5 * p.W where p.post.output
}
";

/// Under a rule that answers by a phase, units that a measure silences are silent while that phase settles: the answer is
/// that of a network from which their synapses are cut; and inputs and weights change in it too.
#[test]
fn a_lesion_is_there_while_the_answer_settles() {
    let rows = [0, 1, 2, 3, 4, 5];
    for rule in ["equilibrium_propagation", "equilibrium_propagation_symmetric", "contrastive_hebbian"] {
        let whole = conditions(&ANSWERED.replace("RULE", rule)).remove(0);
        let cut = |units: std::ops::Range<usize>, by: f64| {
            let mut s = whole.clone();
            let mut w = s.slot("last (h -> z): W").to_vec();
            (0..w.len()).filter(|i| units.contains(&(i % 5))).for_each(|i| w[i] *= by);
            s.set("last (h -> z): W", w);
            // What comes back to the layer below over them, too, where units are cut off.
            let mut up = s.slot("g -> h: W").to_vec();
            (0..up.len()).filter(|i| by == 0.0 && units.contains(&(i / 6))).for_each(|i| up[i] = 0.0);
            s.set("g -> h: W", up);
            s
        };
        let two = cut(0..2, 0.0);
        close(rule, &whole.measure("lost", &rows), &two.measure("whole", &rows), 1e-12);
        // Without any of them the answer is the same for every example.
        let (none, cut_off) = (whole.measure("none", &rows)[0], cut(0..5, 0.0).measure("whole", &rows));
        close(rule, &[none; 6], &cut_off, 1e-12);
        close(rule, &whole.measure("weak", &rows), &cut(0..5, 0.5).measure("whole", &rows), 1e-12);
        let (lost, all) = (whole.measure("lost", &rows), whole.measure("whole", &rows));
        assert!(lost.iter().zip(&all).all(|(a, b)| (a - b).abs() > 1e-6), "{rule}");
        let silent = whole.measure("silent", &rows);
        assert!(silent.iter().all(|s| *s > 0.0 && *s < 3.0), "three units are left: {silent:?}");
        assert!(crate::sim::difference(&whole.measure("other", &rows), &all).iter().all(|d| d.abs() > 1e-9), "{rule}");
    }
}

/// What follows an update may be said of all weights of a projection at once.
#[test]
fn then_speaks_of_a_whole_projection() {
    let of = |then: &str| {
        let rule = format!("rule mine() {{\n  update p along p.outer(p.post.rate, p.pre.rate), then {then}\n}}");
        let text = ANSWERED
            .replace("use std.rules: RULE\n", "")
            .replace("language 0.1\n", &format!("language 0.1\n\n{rule}\n"));
        let text = text.replace("RULE()", "mine()").replace("  measure", "  # measure");
        conditions(&text.replace("  # measure whole", "  measure whole")).remove(0)
    };
    let (all, each) = (of("p = 0.5 * p"), of("p.W = 0.5 * p.W, p.b = 0.5 * p.b"));
    let (a, b) = (all.proposal(&[0, 1, 2]).concat(), each.proposal(&[0, 1, 2]).concat());
    close("halved", &a, &b, 1e-15);
    let kept = of("p = p").proposal(&[0, 1, 2]).concat();
    close("the half", &a, &kept.iter().map(|v| 0.5 * v).collect::<Vec<_>>(), 1e-15);
}
