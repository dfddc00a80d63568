//! What is written of all weights of a projection at once, what ranges over some, and phases within phases.

use crate::sim::{Sim, close, single};

const NET: &str = "language 0.1

task t() {
  draw x: [4] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 5
}

architecture net(x: [4]) {
  population h: [4] = tanh(dense(x) as first)
  population g: [2] = tanh(dense(h))
  output z: [3] = dense(g)
}

RULE

experiment e {
  task = t()
  architecture = net(task.x)
  objective = minimize squared_error(z, task.y)
  rule = own()
  train = 1 epochs
  batch = 5
  precision = float64
MEASURES
}
";

const ROWS: [usize; 5] = [0, 1, 2, 3, 4];

fn net(rule: &str, measures: &str) -> Sim {
    single(&NET.replace("RULE", rule).replace("MEASURES", measures))
}

/// Functions of one number act on every weight, biases too.
#[test]
fn elementwise_functions_of_bundles() {
    let rule = "rule own() {
  state kept(p) like p = 0.5
  update p along max(square(p) - sqrt(kept(p)), 0.25 * abs(p)) + min(batch_mean(exp(p)), 1)
}";
    let s = net(rule, "");
    let new = s.proposal(&ROWS);
    for (i, slot) in s.plan.slots.iter().enumerate().filter(|(_, s)| s.name.contains(": W") || s.name.contains(": b")) {
        if slot.name.contains("kept") {
            continue;
        }
        let wanted: Vec<f64> =
            s.slots[i].iter().map(|w| w + (w * w - 0.5f64.sqrt()).max(0.25 * w.abs()) + w.exp().min(1.0)).collect();
        close(&slot.name, &new[i], &wanted, 1e-13);
    }
}

/// A mean is over those that the condition leaves.
#[test]
fn a_mean_counts_those_that_are_meant() {
    let rule = "rule own() {\n  update p along -0.1 * p\n}";
    let s = net(rule, "  measure all = mean(n: n.size)\n  measure hidden = mean(n where not n.output: n.size)");
    close("all", &s.measure("all", &[0])[..1], &[3.0], 1e-15);
    close("hidden", &s.measure("hidden", &[0])[..1], &[3.0], 1e-15);
    let s = net(
        rule,
        "  measure small = mean(n where n.size < 4: n.size)\n  measure one = mean(n where n.size < 3: n.size)",
    );
    close("small", &s.measure("small", &[0])[..1], &[2.5], 1e-15);
    close("one", &s.measure("one", &[0])[..1], &[2.0], 1e-15);
}

/// A phase that changes nothing is the plain pass, within other phases too.
#[test]
fn the_plain_pass_stays_itself_within_a_phase() {
    let rule = |e: &str| {
        format!(
            "rule own() {{
  phase clean
  phase moved with n.drive += 1
  update p along p.outer({e}, p.pre.rate)
}}"
        )
    };
    let within = net(&rule("moved(clean(p.post.rate) - p.post.rate)"), "");
    let without = net(&rule("p.post.rate - moved(p.post.rate)"), "");
    let (a, b) = (within.proposal(&ROWS), without.proposal(&ROWS));
    close("all", &a.concat(), &b.concat(), 1e-13);
    assert!(a.concat().iter().zip(within.slots.concat()).any(|(new, old)| (new - old).abs() > 1e-3));
}

/// A size may be that of an end of a projection, or of the input.
#[test]
fn feedback_is_shaped_by_the_ends_of_a_projection() {
    let rule = "rule own() {
  feedback F(o): [input, o] ~ normal(0, 1)
  feedback B(p): [p.pre, p.post] ~ normal(0, 1)
  signal delta(n) where n.output = n.pull(-d(loss, n.rate))
  signal delta(n) = n.pull(sum(q in n.out: B(q) @ delta(q.post)))
  phase second with input += sum(o: F(o) @ (o.rate - target(o)))
  update p along p.outer(delta(p.post), second(p.pre.rate))
}";
    let same = rule
        .replace("feedback B(p): [p.pre, p.post]", "feedback B(n, m): [n, m]")
        .replace("B(q)", "B(q.pre, q.post)")
        .replace("feedback F(o): [input, o]", "feedback F(n, o): [n, o]")
        .replace(
            "sum(o: F(o) @ (o.rate - target(o)))",
            "sum(p where p.pre.input: sum(o: F(p.pre, o) @ (o.rate - target(o))))",
        );
    let (a, mut b) = (net(rule, ""), net(&same, ""));
    assert_eq!(a.slots.iter().map(Vec::len).collect::<Vec<_>>(), b.slots.iter().map(Vec::len).collect::<Vec<_>>());
    b.slots = a.slots.clone();
    close("all", &a.proposal(&ROWS).concat(), &b.proposal(&ROWS).concat(), 1e-13);
}
