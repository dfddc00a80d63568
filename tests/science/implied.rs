//! What is measured unasked: with which gradient it compares, of which weights, and where it is left out with a word.

use crate::sim::{Sim, close, dot, single};
use trine::driver::check_text;

fn spec(rule: &str, body: &str, objective: &str) -> String {
    let name = rule.split('(').next().unwrap_or("");
    format!(
        "language 0.1\nuse std.rules: {name}\n\ntask t() {{\n  draw x: [4] ~ normal(0, 1)\n  draw y: [2] ~ normal(0, 1)\n  \
         label: Label[2] = argmax(y)\n  split train 6\n}}\n\narchitecture net(x: [4]) {{\n  {body}\n}}\n\nexperiment e {{\n  \
         task = t()\n  architecture = net(task.x)\n  objective = {objective}\n  rule = {rule}\n  train = 1 epochs\n  \
         batch = 6\n  seeds = 1\n  precision = float64\n}}\n"
    )
}

const ROWS: [usize; 6] = [0, 1, 2, 3, 4, 5];
const SHALLOW: &str = "population h: [5] = tanh(dense(x))\n  output z: [2] = dense(h)";
const ERROR: &str = "minimize squared_error(z, task.y)";

/// The cosine between the update of some slots and the descent of the reported loss, by differences.
fn by_differences(s: &Sim, slots: &[&str]) -> f64 {
    let after = s.proposal(&ROWS);
    let (mut update, mut descent) = (Vec::new(), Vec::new());
    for name in slots {
        let i = s.find(name);
        for (k, (new, old)) in after[i].iter().zip(&s.slots[i]).enumerate() {
            let at = |step: f64| {
                let mut moved = s.clone();
                moved.slots[i][k] += step;
                moved.loss(&ROWS)
            };
            update.push(new - old);
            descent.push((at(-1e-5) - at(1e-5)) / 2e-5);
        }
    }
    dot(&update, &descent) / (dot(&update, &update) * dot(&descent, &descent)).sqrt()
}

#[test]
fn a_rule_that_answers_is_compared_with_the_gradient_of_its_answer() {
    for rule in [
        "equilibrium_propagation(beta = 0.05, optimizer = sgd(1))",
        "contrastive_hebbian(steps = 10, optimizer = sgd(1))",
    ] {
        let s = single(&spec(rule, SHALLOW, ERROR));
        let found = s.measure("cosine_to_gradient", &ROWS)[0];
        close(rule, &[found], &[by_differences(&s, &["x -> h: W", "x -> h: b"])], 1e-5);
        assert!(found > 0.9, "{rule} follows the gradient of what it answers: {found}");
    }
}

#[test]
fn each_of_several_hidden_populations_has_a_cosine_of_its_own() {
    let deep = "population g: [5] = tanh(dense(x))\n  population h: [5] = tanh(dense(g))\n  output z: [2] = dense(h)";
    let s = single(&spec("feedback_alignment(sgd(1))", deep, ERROR));
    for (population, slots) in [("g", ["x -> g: W", "x -> g: b"]), ("h", ["g -> h: W", "g -> h: b"])] {
        let found = s.measure(&format!("cosine_to_gradient.{population}"), &ROWS)[0];
        close(population, &[found], &[by_differences(&s, &slots)], 1e-6);
    }
    let one = single(&spec("feedback_alignment(sgd(1))", SHALLOW, ERROR));
    assert!(one.plan.measures.iter().flat_map(|m| &m.names).all(|n| !n.contains('.')), "one population is the whole");
}

/// The notes of the experiment, and the names of its measures.
fn notes(text: &str) -> (String, Vec<String>) {
    let c = check_text("spec.trine", text);
    assert!(!c.diagnostics.has_errors(), "{text}");
    let names = c.experiments[0].models[0].iter().flat_map(|m| m.measures.iter().map(|m| m.name.clone())).collect();
    (c.experiments[0].notes.join("\n"), names)
}

#[test]
fn where_there_is_no_gradient_a_note_says_why() {
    let drawn = "population h: [5] = tanh(dense(x))\n  output z: [2] = sample categorical(softmax(dense(h)))";
    let (said, names) = notes(&spec("reinforce()", drawn, "maximize dot(z, one_hot(task.label))"));
    let why = "`cosine_to_gradient` is left out: `z` is sampled, and a derivative does not pass through a draw";
    assert_eq!((said.as_str(), names.len()), (why, 0));
    let (said, names) = notes(&spec("equilibrium_propagation(rest_steps = 500)", SHALLOW, ERROR));
    assert!(said.contains("left out: the answer settles for 520 steps") && names.is_empty(), "{said}");
    let (said, names) = notes(&spec("equilibrium_propagation()", SHALLOW, ERROR));
    assert_eq!((said.as_str(), names.len()), ("", 1));
}
