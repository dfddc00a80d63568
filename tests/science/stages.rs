//! Stages of training: what is frozen stays, states of optimizers too, and the rest goes on as if it were alone.

use crate::sim::{Sim, conditions, difference, faults, single};

const SPEC: &str = "language 0.1
use std.rules: backprop, predictive_coding_incremental

task t() {
  draw x: [4] ~ normal(0, 1)
  draw y: [3] ~ normal(0, 1)
  split train 8
}

architecture net(x: [4]) {
  population h: [5] = tanh(dense(x))
  population g: [5] = tanh(dense(h) as middle)
  output z: [3] = dense(g)
}

experiment e {
  task = t()
  architecture = net(task.x)
  rule = RULE
  objective = minimize squared_error(z, task.y)
  train = STAGES
  batch = 8
  precision = float64
}
";

const ROWS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

fn of(rule: &str, stages: &str) -> Sim {
    single(&SPEC.replace("RULE", rule).replace("STAGES", stages))
}

/// The names of slots that one update moves.
fn moved(s: &mut Sim) -> Vec<String> {
    let before = s.slots.clone();
    s.step(&ROWS);
    let pairs = s.plan.slots.iter().zip(before.iter().zip(&s.slots));
    let far = |a: &[f64], b: &[f64]| difference(a, b).iter().any(|x| *x != 0.0);
    pairs.filter(|(_, (a, b))| far(a, b)).map(|(slot, _)| slot.name.clone()).collect()
}

#[test]
fn frozen_parts_keep_their_weights_and_their_momentum() {
    let stages = "{ all: 2 steps, top: 2 steps, frozen = { h, middle }, rest: 2 steps, frozen = z }";
    let mut s = of("backprop(momentum(0.1))", stages);
    for step in 0..6 {
        let names = moved(&mut s);
        let has = |what: &str| names.iter().any(|n| n.contains(what));
        let below = !(2..4).contains(&step);
        let wanted = [below, below, step < 4];
        for (what, wanted) in ["x -> h", "h -> g", "g -> z"].into_iter().zip(wanted) {
            assert_eq!(has(what), wanted, "step {step}: {what} in {names:?}");
        }
        assert_eq!(
            names.iter().filter(|n| n.contains("#")).count(),
            if wanted[0] { 4 } else { 0 } + if wanted[2] { 2 } else { 0 }
        );
    }
}

/// Freezing all but one part is training that part in an architecture whose others are frozen for good.
#[test]
fn a_frozen_stage_is_a_frozen_architecture() {
    let mut staged = of("backprop(momentum(0.1))", "{ top: 4 steps, frozen = [h, g] }");
    let text = SPEC.replace("RULE", "backprop(momentum(0.1))").replace("STAGES", "4 steps");
    let text = text.replace("dense(x)", "dense(x, frozen = true)").replace("dense(h)", "dense(h, frozen = true)");
    let mut fixed = conditions(&text).remove(0);
    for _ in 0..4 {
        staged.step(&ROWS);
        fixed.step(&ROWS);
    }
    assert_eq!(staged.slot("g -> z: W"), fixed.slot("g -> z: W"));
    assert_eq!(staged.slot("x -> h: W"), fixed.slot("x -> h: W"));
}

/// Weights that move while a phase settles are frozen there as well.
#[test]
fn weights_that_move_with_a_phase_are_frozen_in_it() {
    let mut s = of("predictive_coding_incremental()", "{ a: 2 steps, frozen = g, b: 1 steps }");
    assert!(moved(&mut s).iter().all(|n| !n.contains("h -> g")));
    assert!(moved(&mut s).iter().all(|n| !n.contains("h -> g")));
    assert!(moved(&mut s).iter().any(|n| n.contains("h -> g")));
}

#[test]
fn what_a_stage_cannot_have_is_refused() {
    let told = |stages: &str| faults(&SPEC.replace("RULE", "backprop()").replace("STAGES", stages));
    assert!(told("{ a: 1 epochs, frozen = hh, b: 1 epochs }").contains("no part `hh`"));
    assert!(told("{ a: 1 epochs, task = t() }").contains("a stage with a task of its own"));
    assert!(told("{ a: 1 epochs, batch = 4 }").contains("a stage has no setting `batch`"));
}

const COUNTING: &str = "language 0.1
use std.rules: RULES

rule counting(optimizer: Optimizer = momentum(0.1)) {
  feedback B(p) like p.W ~ normal(0, 1)
  state seen: Real = 0
  state last(n) = 0
  noise xi(n) ~ normal(0, 0.1)
  update p along p.outer(p.post.pull(xi(p.post) - d(loss, p.post.rate)), p.pre.rate) by optimizer
  update B(p) along -0.1 * B(p)
  update last(n) along n.rate - last(n)
  update seen along 1
}
";

fn counting(stages: &str) -> Sim {
    let spec = SPEC.replace("RULE", "counting()").replace("STAGES", stages);
    let own = COUNTING.split_once("\n\n").map_or("", |p| p.1);
    single(&format!("{spec}\n{own}"))
}

/// A stage that says what it is for, were it the same as before, goes on with all that the rule keeps: the numbers are those
/// without it.
#[test]
fn an_objective_of_a_stage_restarts_nothing() {
    let objective = "objective = minimize squared_error(z, task.y)";
    let rules = ["kolen_pollack(0.3, momentum(0.1))", "backprop(adam(0.01))", "counting()"];
    for rule in rules {
        let spec = |stages: &str| match rule {
            "counting()" => counting(stages),
            rule => {
                let name = rule.split('(').next().unwrap_or("");
                let text = SPEC.replace("RULE", rule).replace("STAGES", stages);
                single(&text.replace("predictive_coding_incremental", name).replace("backprop, backprop", "backprop"))
            }
        };
        let mut plain = spec("6 steps");
        for stages in [
            format!("{{ a: 3 steps, b: 3 steps, {objective} }}"),
            format!("{{ a: 3 steps, {objective}, b: 1 steps, c: 2 steps, {objective} }}"),
        ] {
            let mut staged = spec(&stages);
            plain.start(0);
            assert_eq!(plain.plan.slots.len(), staged.plan.slots.len(), "{rule}");
            for step in 0..6 {
                plain.step(&ROWS);
                staged.step(&ROWS);
                for slot in &plain.plan.slots {
                    assert_eq!(plain.slot(&slot.name), staged.slot(&slot.name), "{rule}, step {step}: {}", slot.name);
                }
            }
        }
    }
}

/// Where the parts change that have objectives of their own, a projection's memory goes with it.
#[test]
fn memories_follow_their_projections_through_objectives_of_parts() {
    let whole = "objective = minimize squared_error(z, task.y)";
    let parts = "objective = { h: minimize sumsq(h), g: minimize sumsq(g), z: minimize squared_error(z, task.y) }";
    let mut s = counting(&format!("{{ a: 2 steps, {whole}, b: 2 steps, {parts}, c: 1 steps, {whole} }}"));
    for step in 1..=5 {
        s.step(&ROWS);
        assert_eq!(s.slot("seen"), [f64::from(step)]);
    }
    let shrunk = s.slot("B(g -> z)").to_vec();
    s.start(0);
    let begun = s.slot("B(g -> z)").iter().map(|b| b * 0.9f64.powi(5)).collect::<Vec<_>>();
    crate::sim::close("five updates of the feedback", &shrunk, &begun, 1e-12);
}

/// A rule of a stage's own is another rule: it begins anew, and that of the experiment goes on behind it.
#[test]
fn the_rule_of_the_experiment_goes_on_behind_one_of_a_stage() {
    let mut s = counting("{ a: 2 steps, b: 2 steps, rule = counting(sgd(0.1)), c: 1 steps }");
    for seen in [(1.0, 0.0), (2.0, 0.0), (2.0, 1.0), (2.0, 2.0), (3.0, 2.0)] {
        s.step(&ROWS);
        let other = s.plan.slots.iter().find(|x| x.name.ends_with(":seen")).map(|x| x.name.clone()).unwrap_or_default();
        assert_eq!((s.slot("seen")[0], s.slot(&other)[0]), seen);
    }
}

const PARTS: &str = "rule both(optimizer: Optimizer = sgd(0.1)) {
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post))) - d(loss, n.rate))
  part learn {
    update p along p.outer(delta(p.post), p.pre.rate) by optimizer
  }
  part decay {
    update p along -0.5 * p
  }
}
";

fn in_parts(stages: &str) -> Sim {
    let spec = SPEC.replace("RULE", "both()").replace("STAGES", stages);
    let measure = "  precision = float64\n  measure c = cosine(batch_mean(proposed(middle.W)), -batch_mean(gradient(middle.W)))\n  \
                   measure size = norm(batch_mean(proposed(middle.W)))";
    single(&format!("{}\n{PARTS}", spec.replace("  precision = float64", measure)))
}

/// `proposed` and what is measured unasked speak of the stage in which the next update lies; after the last one, of the last.
#[test]
fn what_is_proposed_is_what_the_stage_at_hand_does() {
    let mut s =
        in_parts("{ on: 2 steps with learn, off: 2 steps with decay, both: 1 steps, still: 2 steps, frozen = g }");
    let near = |a: f64, b: f64, what: &str| assert!((a - b).abs() < 1e-9, "{what}: {a} is not {b}");
    for step in 0..8 {
        let (before, cosine, size) =
            (s.slot("middle (h -> g): W").to_vec(), s.measure("c", &ROWS)[0], s.measure("size", &ROWS)[0]);
        let implied = s.measure("cosine_to_gradient.g", &ROWS)[0];
        let moved = difference(&s.proposal(&ROWS)[s.find("middle (h -> g): W")], &before);
        let length = crate::sim::dot(&moved, &moved).sqrt();
        match step {
            0..=1 => {
                near(cosine, 1.0, "descent alone");
                near(implied, 1.0, "descent alone");
                near(size * 0.1, length, "a direction, before its optimizer's rate");
            }
            2..=4 => near(size, length, "as it acts"),
            _ => near(size + implied, 0.0, "what is frozen"),
        }
        s.step(&ROWS);
    }
}

/// What settles while weights move stays as it is in stages whose parts or rules are others.
#[test]
fn weights_that_move_with_a_phase_move_in_their_stage_alone() {
    let mut s = of("predictive_coding_incremental()", "{ a: 1 steps, rule = backprop(sgd(0)), b: 1 steps }");
    assert!(moved(&mut s).iter().all(|n| n.contains('#')), "nothing is learned without a rate");
    assert!(moved(&mut s).iter().any(|n| n.contains("h -> g")));
}
