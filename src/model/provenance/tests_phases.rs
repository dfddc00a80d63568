//! The rows of small rules that differentiate by `d`, and of what their phases do.

use super::Property;
use super::tests::{DEEP, LINEAR, NET, both};

/// The update and the dynamics.
fn rows(net: &str, rule: &str) -> (String, String) {
    let [(update, _), (dynamics, _)] = both(net, rule, "minimize");
    (update.to_string(), dynamics.to_string())
}

const PREDICTS: &str = "
rule r() {
  free a(n) from n.rate
  energy F = sum(n: 0.5 * sum(square(a(n) - n.rate(a)))) + loss(a)
  phase settled = settle a on F, 5, 0.1
  update p along settled(-d(F, p)) by small()
}
";

#[test]
fn a_slope_is_one_wherever_a_derivative_makes_it() {
    let update = "local, derivative, settling(5), update_locking";
    // What settles in the only hidden population is seen by the output alone, whose response is linear.
    assert_eq!(rows(NET, PREDICTS), (update.into(), "symmetric_weights".into()));
    assert_eq!(rows(DEEP, PREDICTS), (update.into(), "derivative, symmetric_weights".into()));
    // A linear response has a slope of one, which nobody needs to know.
    let linear = "local, settling(5), update_locking";
    assert_eq!(rows(LINEAR, PREDICTS), (linear.into(), "symmetric_weights".into()));
    let each = PREDICTS.replace("update p along settled(-d(F, p))", "each step of settled update p along -d(F, p)");
    assert_eq!(rows(NET, &each).0, update);
}

#[test]
fn the_path_of_such_a_slope_names_the_derivative_and_the_unit() {
    let [(_, update), (_, dynamics)] = both(DEEP, PREDICTS, "minimize");
    let path = |paths: &super::tests::Paths| {
        let found = paths.iter().find(|(p, _)| *p == Property::Derivative).expect("an entry");
        found.1.clone()
    };
    let (update, dynamics) = (path(&update), path(&dynamics));
    assert_eq!(update[0].1, "reads the slope of g");
    assert_eq!(update.last().expect("a last step").1, "moves W of x -> g");
    assert_eq!(dynamics[0].1, "reads the slope of h");
    assert_eq!(dynamics.last().expect("a last step").1, "moves a(g) in `settled`");
    let places = |p: &[(String, String)]| p.iter().map(|s| s.0.clone()).collect::<Vec<_>>();
    assert!(places(&update).iter().any(|p| p.contains("d(F, p)")), "{update:?}");
}

#[test]
fn a_slope_of_the_response_may_be_in_the_dynamics_alone() {
    let rule = "
rule r() {
  free s(n) from 0
  let rho(n) = n.respond(s(n))
  energy E = sum(n: 0.5 * sum(square(s(n)))) - sum(p: dot(rho(p.post), p.apply(rho(p.pre))))
  phase rest = settle s on E, 5, 0.5
  phase nudged = settle s on E + 0.5 * loss(rho), 5, 0.5, from rest
  update p along rest(d(E, p)) - nudged(d(E, p)) by small()
}
";
    let update = "local, phases(2), settling(10), update_locking";
    assert_eq!(rows(NET, rule), (update.into(), "derivative, symmetric_weights".into()));
    assert_eq!(rows(LINEAR, rule), (update.into(), "symmetric_weights".into()));
}

#[test]
fn the_derivative_of_the_loss_is_an_error_and_no_slope_of_a_unit() {
    let rule = "
rule r() {
  update p where p.post.output along p.outer(-d(loss, p.post.rate), p.pre.rate) by small()
}
";
    let curved = NET.replace("output z: [k] = full(h)", "output z: [k] = tanh(full(h))");
    assert_eq!(rows(&curved, rule).0, "local");
}

#[test]
fn a_target_that_a_phase_shows_is_a_label_unless_it_is_an_error() {
    let shown = |change: &str| {
        format!(
            "
rule r() {{
  feedback B(n, o): [n, o] ~ normal(0, 1)
  phase taught with {change}
  update p along taught(p.outer(p.post.rate, p.pre.rate)) by small()
}}
"
        )
    };
    let hidden = rows(NET, &shown("n.drive += sum(o: B(n, o) @ target(o))")).1;
    assert_eq!(hidden, "local, separate_feedback, label_inside");
    let error = rows(NET, &shown("n.drive += sum(o: B(n, o) @ (target(o) - o.rate))")).1;
    assert_eq!(error, "local, separate_feedback");
    let input = rows(NET, &shown("input = overlay(input, sum(o: target(o)))")).1;
    assert_eq!(input, "local, label_inside");
    let output = rows(NET, &shown("o.rate = target(o)")).1;
    assert_eq!(output, "local");
}

#[test]
fn what_is_drawn_for_an_input_is_chance_and_for_a_unit_its_own_noise() {
    let with = |change: &str| {
        format!(
            "
rule r() {{
  noise xi(n) ~ normal(0, 1)
  noise pick(o) ~ normal(0, 1)
  phase other with {change}
  update p along other(p.outer(p.post.rate, p.pre.rate)) by small()
}}
"
        )
    };
    assert_eq!(rows(NET, &with("input = overlay(input, sum(o: pick(o)))")).1, "local, stochastic");
    assert_eq!(rows(NET, &with("n.drive += xi(n)")).1, "local, noise_tag");
}

/// What a phase was given is waited for: by injection, clamping or a changed input, of an error or of the loss.
#[test]
fn a_phase_that_is_given_errors_waits_for_them() {
    let carried = "
rule r() {
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post))) - d(loss, n.rate))
  phase taught with n.rate += delta(n)
  update p along p.outer(taught(p.post.rate) - taught(p.post.respond(p.post.drive)), p.pre.rate) by small()
}
";
    let update = "local, phases(2), update_locking";
    assert_eq!(rows(DEEP, carried), (update.into(), "derivative, weight_transport".into()));
    let broadcast = "
rule r() {
  feedback B(n, o): [n, o] ~ normal(0, 1)
  phase taught with n.drive += sum(o: B(n, o) @ -d(loss, o.rate)) where not n.output
  update p where not p.post.output along p.outer(taught(p.post.rate) - p.post.rate, p.pre.rate) by small()
}
";
    assert_eq!(rows(DEEP, broadcast), (update.into(), "local, separate_feedback".into()));
    let loss = broadcast.replace("sum(o: B(n, o) @ -d(loss, o.rate))", "loss");
    assert!(rows(DEEP, &loss).0.contains("update_locking"));
    // Noise and inputs wait for nobody.
    let noisy = "
rule r() {
  noise xi(n) ~ normal(0, 1)
  phase noisy with n.drive += xi(n)
  update p along p.outer(noisy(p.post.rate) - p.post.rate, p.pre.rate) by small()
}
";
    assert!(!rows(DEEP, noisy).0.contains("update_locking"));
}
