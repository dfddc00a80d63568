//! What a rule keeps: feedback weights and states in measures, states of synapses; and projections that lack a weight which
//! a rule names.

use crate::hand::{by, outer, scaled};
use crate::sim::{Sim, close, conditions, difference, single, transposed};

const ROWS: [usize; 6] = [0, 1, 2, 3, 4, 5];

const NET: &str = "language 0.1
HEAD
task t() {
  draw x: [5] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 6
}

architecture net(x: [n]) {
  population h: [4] = tanh(dense(x) as w1)
  output z: [3] = dense(h) as w2
}

experiment e {
  task = t()
  architecture = net(task.x)
  objective = minimize squared_error(z, task.y)
  rule = RULE
  train = 1 epochs
  batch = 6
  seeds = 1
  precision = float64
MEASURES}
";

fn net(head: &str, rule: &str, measures: &str) -> String {
    NET.replace("HEAD", head).replace("RULE", rule).replace("MEASURES", measures)
}

fn one(s: &Sim, measure: &str) -> f64 {
    s.measure(measure, &ROWS)[0]
}

/// Kolen & Pollack 1994: W - B shrinks by 1 - rate * decay at every update, whatever the data; so B comes to W.
#[test]
fn the_distance_of_feedback_from_forward_weights_is_measured() {
    let measures = "  measure gap = norm(w2.W - rule.B(w2))\n  measure corner = w2.W[1, 2] - rule.B(w2)[1, 2]\n  \
                    measure apart = angle(w2.W, rule.B(w2))\n  \
                    measure began = norm(initial(w2.W) - initial(rule.B(w2)))\n";
    let mut s = single(&net("use std.rules: kolen_pollack", "kolen_pollack(0.3, sgd(0.2))", measures));
    let gap = one(&s, "gap");
    let own = difference(s.slot("w2 (h -> z): W"), s.slot("B(h -> z)"));
    close("the gap", &[gap], &[crate::hand::length(&own)], 1e-12);
    let (angle, corner) = (one(&s, "apart"), one(&s, "corner"));
    assert!(angle > 0.3, "{angle}");
    for t in 1..=60 {
        s.step(&ROWS);
        let left = 0.94f64.powi(t);
        close("after some updates", &[one(&s, "gap"), one(&s, "corner")], &[gap * left, corner * left], 1e-9);
    }
    close("the beginning", &[one(&s, "began")], &[gap], 1e-12);
    assert!(one(&s, "apart") < 0.3 * angle, "{}", one(&s, "apart"));
}

#[test]
fn from_equal_weights_feedback_stays_equal() {
    let mut s = single(&net(
        "use std.rules: kolen_pollack",
        "kolen_pollack(0.3, sgd(0.2))",
        "  measure gap = norm(w2.W - rule.B(w2))\n",
    ));
    s.set("B(h -> z)", s.slot("w2 (h -> z): W").to_vec());
    for _ in 0..5 {
        s.step(&ROWS);
        assert!(one(&s, "gap") < 1e-12);
    }
}

/// An arm whose rule has no such thing lacks the measure, and has the others.
#[test]
fn an_arm_without_feedback_lacks_what_is_measured_of_it() {
    let text = net(
        "use std.rules: backprop, kolen_pollack",
        "vary { bp: backprop(), kp: kolen_pollack() }",
        "  measure gap = norm(w2.W - rule.B(w2))\n  measure size = norm(w2.W)\n",
    );
    let names = |s: &Sim| s.plan.measures.iter().flat_map(|m| m.names.clone()).collect::<Vec<_>>();
    let arms = conditions(&text);
    assert!(!names(&arms[0]).contains(&"gap".to_string()) && names(&arms[0]).contains(&"size".to_string()));
    assert!(names(&arms[1]).contains(&"gap".to_string()) && names(&arms[1]).contains(&"size".to_string()));
}

#[test]
fn states_of_units_and_of_the_rule_are_measured() {
    let rule = "rule mine(optimizer: Optimizer = sgd(0.1)) {\n  state centre(n) = 0.5, count = 0\n  \
                update centre(n) along 0.1 * (n.rate - centre(n))\n  update count along 1\n  \
                update p along -0.01 * p by optimizer\n}\n";
    let measures = "  measure hidden = mean(rule.centre(h))\n  measure shown = mean(rule.centre(x))\n  \
                    measure updates = rule.count\n";
    let mut s = single(&net(rule, "mine()", measures));
    close("at first", &[one(&s, "hidden"), one(&s, "shown"), one(&s, "updates")], &[0.5, 0.5, 0.0], 1e-12);
    s.step(&ROWS);
    let mean = |name: &str| s.slot(name).iter().sum::<f64>() / s.slot(name).len() as f64;
    let wanted = [mean("centre(h)"), mean("centre(x)"), 1.0];
    close("then", &[one(&s, "hidden"), one(&s, "shown"), one(&s, "updates")], &wanted, 1e-12);
    assert!((wanted[0] - 0.5).abs() > 1e-4);
}

/// A trace of coincidences at each synapse, e <- 0.9 e + post pre, that moves the weight at the next update.
#[test]
fn a_synapse_keeps_an_eligibility() {
    let rule = "rule mine(optimizer: Optimizer = sgd(0.1)) {\n  state e(p) like p.W = 0\n  \
                update e(p) along p.outer(p.post.rate, p.pre.rate).W - 0.1 * e(p)\n  \
                update p.W along e(p) by optimizer\n}\n";
    let mut s = single(&net(rule, "mine()", "  measure size = norm(rule.e(w1))\n"));
    let mut kept = vec![0.0; 20];
    for _ in 0..3 {
        let before = s.slot("w1 (x -> h): W").to_vec();
        let (h, x) = (s.value("h.rate", &[2]), s.field("x", &[2]));
        s.step(&[2]);
        close("the weight", &difference(s.slot("w1 (x -> h): W"), &before), &scaled(&kept, 0.1), 1e-12);
        kept = kept.iter().zip(outer(&h, &x)).map(|(k, c)| 0.9 * k + c).collect();
        close("the trace", s.slot("e(x -> h)"), &kept, 1e-12);
        close("measured", &[one(&s, "size")], &[crate::hand::length(&kept)], 1e-12);
    }
}

/// A state of whole projections, one part a weight: momentum written as a rule is the optimizer's.
#[test]
fn a_state_like_a_projection_has_a_part_for_each_weight() {
    let rule = "use std.rules: backprop\n\nrule mine(optimizer: Optimizer = sgd(0.1)) {\n  state v(p) like p = 0\n  \
                signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post))) - d(loss, n.rate))\n  \
                update v(p) along p.outer(delta(p.post), p.pre.rate) - 0.1 * v(p)\n  \
                update p along 0.9 * v(p) + p.outer(delta(p.post), p.pre.rate) by optimizer\n}\n";
    let text = net(rule, "vary { mine(), backprop(momentum(0.1, 0.9)) }", "  measure bias = norm(gradient(w1.b))\n");
    let mut arms = conditions(&text);
    for _ in 0..4 {
        arms.iter_mut().for_each(|s| s.step(&ROWS));
        for name in ["w1 (x -> h): W", "w1 (x -> h): b", "w2 (h -> z): W", "w2 (h -> z): b"] {
            close(name, arms[0].slot(name), arms[1].slot(name), 1e-9);
        }
    }
    assert!(crate::hand::length(arms[0].slot("v(x -> h): b")) > 1e-3);
}

const FACTORS: &str = "language 0.1
use std.rules: RULE

task t() {
  draw x: [5] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 6
}

objective ridge(strength: Real = 0) {
  penalty = 0.5 * strength * sum(p: sum(w in p.weights: sumsq(w)))
}

architecture net(x: [n]) {
  population h: [4] = tanh(dense(x))
  population g: [4] = tanh(low_rank(h, rank = 2))
  population k: [4] = tanh(diagonal(g))
  output z: [3] = dense(k)
}

experiment e {
  task = t()
  architecture = net(task.x)
  objective = minimize squared_error(z, task.y) + ridge(STRENGTH)
  rule = CALL
  train = 1 epochs
  batch = 6
  seeds = 1
  precision = float64
}
";

fn factors(rule: &str, strength: &str) -> Sim {
    let name = rule.split('(').next().expect("a name");
    single(&FACTORS.replace("RULE", name).replace("CALL", rule).replace("STRENGTH", strength))
}

fn tanh_slope(r: &[f64]) -> Vec<f64> {
    r.iter().map(|r| 1.0 - r * r).collect()
}

/// Where there is no `W`, what is put in its place changes nothing: the error comes back through the factors themselves.
#[test]
fn feedback_leaves_a_projection_without_its_weight_as_it_is() {
    let s = factors("feedback_alignment(sgd(1))", "0");
    let rate = |name: &str| s.value(&format!("{name}.rate"), &[1]);
    let (h, g, k, x) = (rate("h"), rate("g"), rate("k"), s.field("x", &[1]));
    let miss = difference(&s.field("y", &[1]), &s.value("z.drive", &[1]));
    let back = |w: &[f64], e: &[f64]| crate::hand::times(&transposed(w, e.len(), w.len() / e.len()), e);
    let at_k = by(&back(s.slot("B(k -> z)"), &miss), &tanh_slope(&k));
    let gain: Vec<String> = s.plan.slots.iter().map(|x| x.name.clone()).filter(|n| n.starts_with("g -> k: ")).collect();
    let gain = gain.iter().find(|n| !n.ends_with(": b")).expect("a gain");
    let at_g = by(&by(&at_k, s.slot(gain)), &tanh_slope(&g));
    let through = back(s.slot("h -> g: V"), &back(s.slot("h -> g: U"), &at_g));
    let at_h = by(&through, &tanh_slope(&h));
    let moved = s.proposal(&[1]);
    let step = difference(&moved[s.find("x -> h: W")], s.slot("x -> h: W"));
    close("the first weights", &step, &outer(&at_h, &x), 1e-10);
    assert!(!s.plan.slots.iter().any(|x| x.name.starts_with("B(h") || x.name.starts_with("B(g")));
}

#[test]
fn every_rule_with_feedback_weights_runs_on_any_projection() {
    let rules = [
        "feedback_alignment()",
        "uniform_sign_feedback()",
        "fixed_sign_feedback()",
        "redrawn_sign_feedback()",
        "kolen_pollack()",
        "weight_mirror()",
        "difference_target_propagation()",
        "burst()",
    ];
    for rule in rules {
        let mut s = factors(rule, "0");
        let before = s.slot("h -> g: U").to_vec();
        (0..3).for_each(|_| s.step(&ROWS));
        assert!(s.slots.iter().flatten().all(|x| x.is_finite()), "{rule}");
        assert!(difference(s.slot("h -> g: U"), &before).iter().any(|d| d.abs() > 1e-9), "{rule}");
    }
}

/// A penalty over `p.weights` is of all matrices, whatever their names, and of no bias and no gain.
#[test]
fn a_penalty_reaches_matrices_of_any_name() {
    let (with, without) = (factors("backprop(sgd(1))", "0.5"), factors("backprop(sgd(1))", "0"));
    let (a, b) = (with.proposal(&ROWS), without.proposal(&ROWS));
    for (i, slot) in with.plan.slots.iter().enumerate() {
        let share = if slot.shape.len() > 1 { 0.5 } else { 0.0 };
        close(&slot.name, &difference(&b[i], &a[i]), &scaled(&with.slots[i], share), 1e-12);
    }
}
