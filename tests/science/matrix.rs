//! Every rule of the library on every kind of architecture: it trains, or a diagnostic gives a reason and a way out. That
//! it trains means that some weight is moved. What is found is docs/matrix.md; `UPDATE=1 cargo test --test science matrix`
//! writes it anew.

use crate::sim::Sim;
use std::fmt::Write;
use trine::diag::Severity;
use trine::driver::{check_text, plans};

const ROWS: [usize; 4] = [0, 1, 2, 3];

/// Updates in which a weight must move. Where units are drawn, a small perturbation rarely makes another draw.
const UPDATES: usize = 400;

/// Name in the page, ports and body; `x` is [1, 4, 4].
const ARCHITECTURES: [(&str, &str); 9] = [
    ("dense", "population h: [5] = tanh(dense(flatten(x)))\n  output z: [3] = dense(h)"),
    (
        "convolutional",
        "population c: [2, 4, 4] = tanh(conv(x))\n  population s: [2, 2, 2] = mean_pool(c)\n  output z: [3] = dense(flatten(s))",
    ),
    (
        "branching",
        "population a: [5] = tanh(dense(flatten(x)))\n  population b: [5] = sigmoid(dense(flatten(x)))\n  \
         population c: [5] = a + tanh(dense(b))\n  output z: [3] = dense(c) + dense(a)",
    ),
    (
        "sampled",
        "population h: [5] = sample bernoulli(sigmoid(dense(flatten(x))))\n  output z: [3] = sample categorical(softmax(dense(h)))",
    ),
    (
        "drawn choice",
        "population h: [5] = tanh(dense(flatten(x)))\n  output z: [3] = sample categorical(softmax(dense(h)))",
    ),
    (
        "tied",
        "population a: [5] = tanh(dense(flatten(x)))\n  population b: [5] = tanh(dense(a) as w)\n  \
         population c: [5] = tanh(dense(b, tied = w))\n  output z: [3] = dense(c)",
    ),
    (
        "Dale",
        "population e: [5] = sigmoid(dense(flatten(x))), excitatory\n  population i: [5] = sigmoid(dense(e)), inhibitory\n  \
         output z: [3] = dense(e) + dense(i)",
    ),
    (
        "attention",
        "population t: [4, 4] = tanh(dense(reshape(x, [4, 4])))\n  population q: [4, 4] = dense(t)\n  \
         population k: [4, 4] = dense(t)\n  population v: [4, 4] = dense(t)\n  population m: [4, 4] = attend(q, k, v, 2)\n  \
         output z: [3] = dense(mean(m, over = 1))",
    ),
    (
        "settling",
        "population f: [16] = flatten(x)\n  population a: [5] = relax { u' = dense(f) + linear(rate, mask = off_diagonal) - u; \
         rate = tanh(u) }, 5, 0.3\n  output z: [3] = dense(a)",
    ),
];

/// Rules that are given less to do, so that the page is made in seconds.
fn call(name: &str, text: &str) -> String {
    let head = &text[..text.find(") {").unwrap_or(0)];
    let mut settings = Vec::new();
    for (setting, value) in [("pairs", 2), ("steps", 4), ("rest_steps", 4), ("nudged_steps", 3), ("classes", 3)] {
        if head.split([' ', '(', '\n']).any(|w| w == format!("{setting}:")) {
            settings.push(format!("{setting} = {value}"));
        }
    }
    format!("{name}({})", settings.join(", "))
}

fn spec(rule: &str, call: &str, body: &str, objective: &str) -> String {
    format!(
        "language 0.1\nuse std.rules: {rule}\n\ntask t() {{\n  draw x: [1, 4, 4] ~ normal(0, 1)\n  draw e: [3] ~ normal(0, 1)\n  \
         label: Label[3] = argmax(e)\n  split train 4\n}}\n\narchitecture net(x: [1, 4, 4]) {{\n  {body}\n}}\n\n\
         experiment e {{\n  task = t()\n  architecture = net(task.x)\n  objective = {objective}\n  rule = {call}\n  \
         train = 1 epochs\n  batch = 4\n  seeds = 1\n  precision = float64\n}}\n"
    )
}

/// What a cell of the page says, and the reason if it is a refusal.
fn cell(rule: &str, call: &str, body: &str) -> (String, Option<String>) {
    let mut why = None;
    for objective in ["minimize cross_entropy(z, task.label)", "maximize dot(z, one_hot(task.label))"] {
        let text = spec(rule, call, body, objective);
        let mut c = check_text("spec.trine", &text);
        let sorted = c.diagnostics.clone().sorted();
        let fault = sorted.iter().find(|d| d.code.severity() == Severity::Error);
        let fault = fault.or_else(|| sorted.iter().find(|d| d.code.name() == "T0415")).cloned();
        match fault {
            None => {
                let weights = weights(c.experiments[0].models[0].as_ref().expect("a model"));
                let shared = plans(&mut c.experiments[0]).unwrap_or_else(|e| panic!("{e}\n{text}")).remove(0);
                let numbers = shared.members[0].1.clone();
                trains(Sim::of(shared.plan, numbers), &weights, &text);
                return ("trains".into(), None);
            }
            // A reward is what the second objective has.
            Some(d) if d.code.name() == "T0407" => continue,
            Some(d) => {
                let silent = if d.help.is_some() { "" } else { "NO WAY OUT: " };
                why = Some((d.code.name().to_string(), format!("{silent}{}", d.message)));
                break;
            }
        }
    }
    let (code, message) = why.unwrap_or_default();
    (code, Some(message))
}

/// The names of all weights, as the plan calls them.
fn weights(m: &trine::model::Model) -> Vec<String> {
    let name = |w: &trine::model::network::Weight| format!("{}: {}", m.net.edge_text(w.edge), w.name);
    m.net.weights.iter().map(name).collect()
}

/// At least two updates, all finite, in which a weight moves.
fn trains(mut s: Sim, weights: &[String], text: &str) {
    let of = |s: &Sim| weights.iter().flat_map(|w| s.slot(w).to_vec()).collect::<Vec<f64>>();
    let first = of(&s);
    for step in 0..UPDATES {
        s.step(&ROWS);
        assert!(s.slots.iter().flatten().all(|x| x.is_finite()), "an update is not finite\n{text}");
        if step > 0 && of(&s) != first {
            return;
        }
    }
    panic!("no weight moves in {UPDATES} updates\n{text}");
}

#[test]
fn every_rule_meets_every_architecture_or_says_why_not() {
    let names: Vec<&str> = ARCHITECTURES.iter().map(|a| a.0).collect();
    let mut page = String::from(
        "# Every rule on every kind of architecture\n\nEach cell is a network of the kind with the rule on it: it trains (updates in double precision move a weight),\n\
         or the diagnostic named says why not, and its help what to do instead. `trine explain CODE` tells more.\n\n\
         All phases of an update share their draws. So where units are sampled, a perturbation makes a difference only in\n\
         the examples in which a unit is drawn otherwise: rarely, as `sigma` is small, and then by much. What is learned is right\n\
         on average and takes its time.\n\n",
    );
    writeln!(page, "| rule | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len())).expect("a text");
    let mut reasons: Vec<(String, String)> = Vec::new();
    for (name, text) in crate::rules::whole_library() {
        let call = call(&name, &text);
        let mut row = Vec::new();
        for (kind, body) in ARCHITECTURES {
            let (found, why) = cell(&name, &call, body);
            if let Some(why) = why {
                reasons.push((format!("`{name}`, {kind}"), format!("{found}: {why}")));
            }
            row.push(found);
        }
        writeln!(page, "| `{name}` | {} |", row.join(" | ")).expect("a text");
    }
    page.push_str("\n## Why not\n\n");
    let mut said: Vec<&String> = reasons.iter().map(|r| &r.1).collect();
    said.sort();
    said.dedup();
    for reason in said {
        let at: Vec<&str> = reasons.iter().filter(|r| r.1 == *reason).map(|r| r.0.as_str()).collect();
        writeln!(page, "- {reason} ({})", at.join("; ")).expect("a text");
    }
    assert!(!page.contains("NO WAY OUT"), "a refusal has no help\n{page}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/matrix.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &page).expect("the page can be written");
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == page, "docs/matrix.md is not what is found; UPDATE=1 writes it anew");
}
