//! The rows of small rules, each written in its test, on a net of two layers (or the one given).

use super::{Property, Row, Step, dynamics_row, update_row};
use crate::check::collect::collect;
use crate::diag::Diagnostics;
use crate::ir::ItemKind;
use crate::model::elaborate_condition;
use crate::model::grid::grid;
use crate::source::SourceMap;
use std::path::Path;

const COMMON: &str = "
task pairs(n: Nat, m: Nat) {
  fixed T: [m, n] ~ normal(0, 1)
  draw x: [n] ~ normal(0, 1)
  y: [m] = T @ x
  stream
}
projection full(pre: [n], post: [m]) {
  weight W: [m, n] ~ normal(0, sqrt(1 / n))
  weight b: [m] = 0
  drive = W @ pre + b
}
projection pure(pre: [n], post: [m]) {
  weight W: [m, n] ~ normal(0, sqrt(1 / n))
  drive = W @ pre
}
objective miss(y: [k], goal: [k]) {
  loss = 0.5 * sum(square(y - goal))
  target y = goal
}
optimizer small(rate: Real = 0.1) {
  move rate * direction
}
optimizer short(rate: Real = 0.1) {
  move rate * direction / sqrt(all(square(direction)))
}
";

pub const NET: &str = "
architecture net(x: [n], k: Nat) {
  population h: [5] = tanh(full(x))
  output z: [k] = full(h)
}
";

pub const DEEP: &str = "
architecture net(x: [n], k: Nat) {
  population g: [6] = tanh(full(x))
  population h: [5] = tanh(full(g))
  output z: [k] = full(h)
}
";

pub const LINEAR: &str = "
architecture net(x: [n], k: Nat) {
  population h: [5] = pure(x)
  output z: [k] = pure(h)
}
";

const ONE: &str = "
architecture net(x: [n], k: Nat) {
  output z: [k] = pure(x)
}
";

/// Each property's path: the text of a place, and what happens there.
pub type Paths = Vec<(Property, Vec<(String, String)>)>;

/// The row of the rule `r`, and its paths as the texts of their places.
fn analysed(net: &str, rule: &str, goal: &str) -> (Row, Paths) {
    let [update, _] = both(net, rule, goal);
    update
}

/// The same, and of what its phases do.
pub fn both(net: &str, rule: &str, goal: &str) -> [(Row, Paths); 2] {
    let text = format!(
        "language 0.1\n{COMMON}{net}{rule}
experiment test {{
  task = pairs(4, 3)
  architecture = net(task.x, 3)
  objective = {goal} miss(z, task.y)
  rule = r()
  train = 10 steps
}}
"
    );
    let (mut sources, mut diags) = (SourceMap::default(), Diagnostics::default());
    let file = sources.add("rule.trine", text.as_str());
    let (program, _) = collect(&mut sources, file, Path::new(""), &[], &mut diags);
    let mut model = None;
    for item in program.user_items() {
        let ItemKind::Experiment(x) = &item.kind else { continue };
        let conditions = grid(&program, item, x, &mut diags).conditions;
        let (made, found) = elaborate_condition(&program, item, &conditions[0], Path::new(""));
        diags.extend(found);
        model = made;
    }
    let faults: Vec<String> = diags.iter().map(|d| format!("{} {}", d.message, sources.snippet(d.span()))).collect();
    assert!(!diags.has_errors(), "{faults:#?}\n{text}");
    let Some(m) = model else { panic!("no model: {faults:#?}\n{text}") };
    let rows = [update_row(&m.g, &m.net, &m.updates, &m.thens), dynamics_row(&m.g, &m.net, &m.updates)];
    let texts = |path: &[Step]| path.iter().map(|(s, t)| (sources.snippet(*s).to_string(), t.clone())).collect();
    rows.map(|row| {
        let paths = row.entries.iter().map(|e| (e.property, texts(&e.path))).collect();
        (row, paths)
    })
}

fn row(net: &str, rule: &str) -> String {
    analysed(net, rule, "minimize").0.to_string()
}

const CARRIED: &str = "
rule r() {
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post))) - d(loss, n.rate))
  update p along p.outer(delta(p.post), p.pre.rate) by small()
}
";

#[test]
fn a_credit_signal_over_the_own_weights_transports_them() {
    assert_eq!(row(NET, CARRIED), "derivative, weight_transport, update_locking");
    assert_eq!(row(DEEP, CARRIED), "derivative, weight_transport, update_locking");
    assert_eq!(row(LINEAR, CARRIED), "weight_transport, update_locking");
    assert_eq!(row(ONE, CARRIED), "local");
}

#[test]
fn the_path_of_transport_points_at_the_expression_that_carries_back() {
    let (row, paths) = analysed(NET, CARRIED, "minimize");
    assert!(row.holds("weight_transport") && !row.holds("local"));
    let path = &paths.iter().find(|(p, _)| *p == Property::WeightTransport).expect("an entry").1;
    let first = &path[0];
    assert_eq!(first.0, "q.adjoint(delta(q.post))");
    assert_eq!(first.1, "reads W of h -> z in reverse");
    let last = path.last().expect("a last step");
    assert_eq!(last.0.trim(), "update p along p.outer(delta(p.post), p.pre.rate) by small()");
    assert_eq!(last.1, "moves W of x -> h");
    assert_eq!(path[path.len() - 2].0, "p.outer(delta(p.post), p.pre.rate)");
}

#[test]
fn weights_of_its_own_are_separate_feedback() {
    let rule = "
rule r() {
  feedback B(p) like p.W ~ normal(0, 1)
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post), W = B(q))) - d(loss, n.rate))
  update p along p.outer(delta(p.post), p.pre.rate) by small()
}
";
    assert_eq!(row(NET, rule), "local, derivative, separate_feedback, update_locking");
    assert_eq!(row(DEEP, rule), "local, derivative, separate_feedback, update_locking");
}

#[test]
fn feedback_from_the_output_to_all_is_separate_feedback() {
    let rule = "
rule r() {
  feedback B(n, o): [n, o] ~ normal(0, 1)
  signal delta(n) where n.output = n.pull(-d(loss, n.rate))
  signal delta(n) = n.pull(sum(o: B(n, o) @ delta(o)) - d(loss, n.rate))
  update p along p.outer(delta(p.post), p.pre.rate) by small()
}
";
    assert_eq!(row(DEEP, rule), "local, derivative, separate_feedback, update_locking");
}

#[test]
fn learned_feedback_that_sees_both_signals_is_no_transport() {
    let rule = "
rule r() {
  feedback B(p) like p.W ~ normal(0, 1)
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post), W = B(q))) - d(loss, n.rate))
  update p along p.outer(delta(p.post), p.pre.rate) - 0.1 * p by small()
  update B(p) along p.outer(delta(p.post), p.pre.rate).W - 0.1 * B(p) by small()
}
";
    assert_eq!(row(DEEP, rule), "local, derivative, separate_feedback, update_locking");
}

#[test]
fn copying_weights_into_feedback_is_transport() {
    let inlined = "
rule r() {
  let B(q) = q.W
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post), W = B(q))) - d(loss, n.rate))
  update p along p.outer(delta(p.post), p.pre.rate) by small()
}
";
    assert_eq!(row(NET, inlined), "derivative, weight_transport, update_locking");
    let copied = "
rule r() {
  feedback B(p) like p.W ~ normal(0, 1)
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post), W = B(q))) - d(loss, n.rate))
  update p along p.outer(delta(p.post), p.pre.rate) by small()
  update B(p) along p.W - B(p)
}
";
    assert_eq!(row(NET, copied), "derivative, weight_transport, separate_feedback, update_locking");
    let drawn = "
rule r() {
  feedback B(p) like p.W = p.W
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post), W = B(q))) - d(loss, n.rate))
  update p along p.outer(delta(p.post), p.pre.rate) by small()
}
";
    assert_eq!(row(NET, drawn), "local, derivative, separate_feedback, update_locking");
}

#[test]
fn a_product_with_the_transposed_weights_is_transport_by_another_name() {
    let rule = "
rule r() {
  signal delta(n) = n.pull(sum(q in n.out: transpose(q.W) @ delta(q.post)) - d(loss, n.rate))
  update p along p.outer(delta(p.post), p.pre.rate) by small()
}
";
    assert_eq!(row(NET, rule), "derivative, weight_transport, update_locking");
    let signs = rule.replace("transpose(q.W)", "transpose(sign(q.W))");
    assert_eq!(row(NET, &signs), "derivative, sign_transport, update_locking");
}

#[test]
fn only_signs_of_weights_are_sign_transport() {
    let rule = "
rule r() {
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post), W = 0.3 * sign(q.W))) - d(loss, n.rate))
  update p along p.outer(delta(p.post), p.pre.rate) by small()
}
";
    assert_eq!(row(NET, rule), "derivative, sign_transport, update_locking");
    let magnitudes = "
rule r() {
  feedback M(p) like p.W ~ abs(normal(0, 1))
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post), W = M(q) * sign(q.W))) - d(loss, n.rate))
  update p along p.outer(delta(p.post), p.pre.rate) by small()
}
";
    assert_eq!(row(NET, magnitudes), "derivative, sign_transport, separate_feedback, update_locking");
    let drawn = magnitudes.replace("feedback M(p)", "noise M(p)");
    assert_eq!(row(NET, &drawn), "derivative, sign_transport, stochastic, update_locking");
    let compared = rule.replace("0.3 * sign(q.W)", "if q.W > 0 then 1 else -1");
    assert_eq!(row(NET, &compared), "derivative, sign_transport, update_locking");
}

#[test]
fn the_error_at_the_output_is_local_there() {
    let rule = "
rule r() {
  update p where p.post.output along p.outer(p.post.pull(-d(loss, p.post.rate)), p.pre.rate) by small()
}
";
    assert_eq!(row(NET, rule), "local");
}

#[test]
fn the_own_weight_is_local_and_other_weights_are_not() {
    let own = "
rule r() {
  update p.W along p.outer(p.post.rate, p.pre.rate) - p.outer(square(p.post.rate), ones(p.pre)) * p.W by small()
}
";
    assert_eq!(row(NET, own), "local");
    let back = "
rule r() {
  update p.W along p.outer(p.post.rate, p.pre.rate - p.adjoint(p.post.rate)) by small()
}
";
    assert_eq!(row(NET, back), "other_synapses");
    assert_eq!(row(ONE, back), "other_synapses");
    let spelled = "
rule r() {
  update p.W along p.outer(p.post.rate, p.pre.rate) - outer(p.post.rate, p.post.rate) @ p.W by small()
}
";
    assert_eq!(row(ONE, spelled), "other_synapses");
    let sums = "
rule r() {
  update p.W along p.outer(1 - row_sums(p.W), ones(p.pre)) by small()
}
";
    assert_eq!(row(ONE, sums), "other_synapses");
}

#[test]
fn the_target_at_a_hidden_unit_is_told_apart_from_the_error() {
    let rule = "
rule r() {
  feedback B(n, o): [n, o] ~ normal(0, 1)
  signal delta(n) where n.output = n.pull(-d(loss, n.rate))
  signal delta(n) = n.pull(-sum(o: B(n, o) @ target(o)))
  update p along p.outer(delta(p.post), p.pre.rate) by small()
}
";
    assert_eq!(row(DEEP, rule), "local, derivative, separate_feedback, label_inside");
    let output = "
rule r() {
  update p where p.post.output along p.outer(target(p.post) - p.post.rate, p.pre.rate) by small()
}
";
    assert_eq!(row(NET, output), "local");
}

#[test]
fn a_running_mean_is_a_trace() {
    let rule = "
rule r() {
  state mu(n) = 0
  update p along p.outer(p.post.rate - mu(p.post), p.pre.rate - mu(p.pre)) by small()
  update mu(n) along 0.1 * (n.rate - mu(n))
}
";
    assert_eq!(row(NET, rule), "local, trace");
}

#[test]
fn the_loss_is_one_number_for_all_and_comes_late() {
    let rule = "
rule r() {
  update p along p.outer(-loss * p.post.rate, p.pre.rate) by small()
}
";
    assert_eq!(row(NET, rule), "local, global_signal, update_locking");
    let reward = rule.replace("-loss", "reward");
    assert_eq!(analysed(NET, &reward, "maximize").0.to_string(), "local, global_signal, update_locking");
    let baseline = "
rule r() {
  state mean_loss = 0
  update p along p.outer((mean_loss - loss) * p.post.rate, p.pre.rate) by small()
  update mean_loss along 0.1 * (loss - mean_loss)
}
";
    assert_eq!(row(NET, baseline), "local, global_signal, trace, update_locking");
}

#[test]
fn what_is_pooled_over_the_layer_is_no_longer_the_unit() {
    let sum = "
rule r() {
  update p along p.outer(p.post.rate * sum(square(p.post.rate)), p.pre.rate) by small()
}
";
    assert_eq!(row(NET, sum), "layer_signal");
    let shares = sum.replace("p.post.rate * sum(square(p.post.rate))", "softmax(p.post.rate)");
    assert_eq!(row(NET, &shares), "layer_signal");
    let best = sum.replace("p.post.rate * sum(square(p.post.rate))", "one_hot(argmax(p.post.rate))");
    assert_eq!(row(NET, &best), "layer_signal");
    let far = "
rule r() {
  update p along p.outer(p.post.rate * sum(o: mean(o.rate)), p.pre.rate) by small()
}
";
    assert_eq!(row(DEEP, far), "layer_signal, global_signal, update_locking");
}

#[test]
fn a_response_over_the_whole_layer_is_pooled() {
    let net = NET.replace("tanh(full(x))", "softmax(full(x))");
    assert_eq!(row(&net, CARRIED), "derivative, weight_transport, layer_signal, update_locking");
}

#[test]
fn a_mean_over_the_batch_counts_where_it_is_not_the_last_step() {
    let last = "
rule r() {
  update p.W along batch_mean(p.outer(p.post.rate, p.pre.rate).W) by small()
}
";
    assert_eq!(row(NET, last), "local");
    let inner = "
rule r() {
  update p.W along p.outer(p.post.rate - batch_mean(p.post.rate), p.pre.rate) by small()
}
";
    assert_eq!(row(NET, inner), "batch");
}

#[test]
fn the_length_of_the_whole_step_is_a_global_signal() {
    let rule = "
rule r() {
  update p along p.outer(p.post.rate, p.pre.rate) by short()
}
";
    assert_eq!(row(NET, rule), "local, global_signal");
}

#[test]
fn what_the_own_synapses_bring_forward_is_local() {
    let rule = "
rule r() {
  update p where p.post.output
    along p.outer(p.post.rate, sum(q in p.pre.in: q.apply(q.pre.rate))) by small()
}
";
    assert_eq!(row(DEEP, rule), "local");
}

#[test]
fn units_joined_without_parameters_are_seen_through() {
    let residual = "
architecture net(x: [n], k: Nat) {
  population g: [5] = tanh(full(x))
  population h: [5] = g + tanh(full(g))
  output z: [k] = full(h)
}
";
    assert_eq!(row(residual, CARRIED), "derivative, weight_transport, update_locking");
    // A product hands each factor the other one, the activity of a unit that the synapse does not touch.
    let gate = "
architecture net(x: [n], k: Nat) {
  population f: [5] = tanh(full(x))
  population g: [5] = tanh(full(x))
  population h: [5] = f * g
  output z: [k] = full(h)
}
";
    assert_eq!(row(gate, CARRIED), "derivative, weight_transport, other_synapses, update_locking");
    let shares = "
architecture net(x: [n], k: Nat) {
  population g: [5] = pure(x)
  population h: [5] = softmax(g)
  output z: [k] = pure(h)
}
";
    let fed = "
rule r() {
  feedback B(p) like p.W ~ normal(0, 1)
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post), W = B(q))) - d(loss, n.rate))
  update p along p.outer(delta(p.post), p.pre.rate) by small()
}
";
    assert_eq!(row(shares, fed), "derivative, layer_signal, separate_feedback, update_locking");
}

#[test]
fn a_clause_after_the_update_is_read_like_the_update() {
    let rule = "
rule r() {
  update p.W along p.outer(p.post.rate, p.pre.rate) by small(), then p.W = p.W / sqrt(sum(square(p.W)))
}
";
    assert_eq!(row(NET, rule), "other_synapses");
    let bounded = rule.replace("p.W / sqrt(sum(square(p.W)))", "max(p.W, 0)");
    assert_eq!(row(NET, &bounded), "local");
}

#[test]
fn a_memory_launders_nothing() {
    let sums = "
rule r() {
  state s(n): Real = 0
  update p along p.outer(s(p.post) * p.post.rate, p.pre.rate) by small()
  update s(n) along mean(n.rate) - s(n)
}
";
    assert_eq!(row(NET, sums), "layer_signal, trace");
}

#[test]
fn many_layers_are_analysed_in_time() {
    let mut net = String::from("architecture net(x: [n], k: Nat) {\n  population h1: [4] = tanh(full(x))\n");
    for i in 2..=20 {
        net += &format!("  population h{i}: [4] = tanh(full(h{}))\n", i - 1);
    }
    net += "  output z: [k] = full(h20)\n}\n";
    // Of the processor: what else the machine does is not counted.
    let seconds = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).tv_sec;
    let start = seconds();
    assert_eq!(row(&net, CARRIED), "derivative, weight_transport, update_locking");
    assert!(seconds() - start < 10, "took {} s", seconds() - start);
}

#[test]
fn names_are_read_back() {
    for p in super::PROPERTIES {
        assert_eq!(Property::parse(p.name()), Some(p));
    }
    assert_eq!(Property::parse("phases(2)"), Some(Property::Phases(2)));
    assert_eq!(Property::parse("trace(2)"), None);
    assert_eq!(Property::parse("local"), None);
}

const BLIND: &str = "
rule r() {
  feedback B(p) like p.W ~ normal(0, 1)
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post), W = B(q))) - d(loss, n.rate))
  update p along p.outer(delta(p.post), p.pre.rate) by small()
}
";

/// A projection of the input, declared here, and a plain readout.
fn made_of(projection: &str, hidden: &str) -> String {
    format!("{projection}\narchitecture net(x: [n], k: Nat) {{\n{hidden}  output z: [k] = full(h)\n}}\n")
}

#[test]
fn a_weight_at_many_places_is_shared() {
    let kernel = "projection slide(pre: [n], post: [n]) {
  weight W: [3, 1] ~ normal(0, 1)
  drive = unfold(pre, 1, 3, padding = 1) @ flatten(W)
}";
    let hidden = "  population h: [n] = tanh(slide(x))\n";
    assert!(row(&made_of(kernel, hidden), BLIND).contains("shared"));
    let own = kernel.replace("[3, 1]", "[n, 3]").replace("@ flatten(W)", "* W");
    let own = own.replace("unfold(pre, 1, 3, padding = 1) * W", "row_sums(unfold(pre, 1, 3, padding = 1) * W)");
    assert!(!row(&made_of(&own, hidden), BLIND).contains("shared"), "each place its own");
    let bias = "projection lifted(pre: [n], post: [n]) {
  weight W: [n, n] ~ normal(0, 1)
  weight b: [1] = 0
  drive = W @ pre + sum(b)
}";
    assert!(row(&made_of(bias, "  population h: [n] = tanh(lifted(x))\n"), BLIND).contains("shared"));
    let tied = "  population g: [5] = tanh(full(x))\n  population a: [5] = tanh(full(g) as w)\n  population h: [5] = tanh(full(a, tied = w))\n";
    let found = row(&made_of("", tied), BLIND);
    assert!(found.contains("shared") && !found.contains("other_synapses"), "{found}");
}

#[test]
fn masks_leave_a_local_rule_local() {
    let hidden = "  population h: [5] = tanh(full(x, mask = random(0.5), sign = excitatory))\n";
    assert_eq!(row(&made_of("", hidden), BLIND), row(NET, BLIND));
}

#[test]
fn a_factor_that_hears_through_another_transports_it() {
    let factored = "projection thin(pre: [n], post: [m]) {
  weight U: [m, 2] ~ normal(0, 1)
  weight V: [2, n] ~ normal(0, 1)
  drive = U @ (V @ pre)
}";
    let (found, paths) = analysed(&made_of(factored, "  population h: [5] = tanh(thin(x))\n"), BLIND, "minimize");
    assert!(found.holds("weight_transport") && !found.holds("shared"));
    let path = &paths.iter().find(|(p, _)| *p == Property::WeightTransport).expect("an entry").1;
    assert_eq!(path[0].1, "reads U of x -> h in reverse");
    assert_eq!(path.last().expect("a last step").1, "moves V of x -> h");
}
