//! The words of the language as the messages need them: what is reserved, what begins an item or a statement, units.

/// Words that cannot be names, because an expression may stand before or after them.
pub const RESERVED: [&str; 27] = [
    "in",
    "where",
    "along",
    "by",
    "then",
    "else",
    "if",
    "vary",
    "from",
    "like",
    "of",
    "and",
    "or",
    "not",
    "population",
    "output",
    "weight",
    "phase",
    "let",
    "each",
    "for",
    "with",
    "as",
    "minimize",
    "maximize",
    "true",
    "false",
];

/// Words that begin an item, each with the form of the whole.
pub const ITEMS: [(&str, &str); 13] = [
    ("language", "language 0.1"),
    ("use", "use std.rules: name, other as alias"),
    ("architecture", "architecture name(x: [n], hidden: Nat = 64) { ... }"),
    ("projection", "projection name(pre: [n], post: [m]) { ... }"),
    ("neuron", "neuron name(drive: [n], tau: Time = 20 ms) -> rate { ... }"),
    ("rule", "rule name(optimizer: Optimizer) { ... }"),
    ("optimizer", "optimizer name(rate: Real = 0.1) { ... }"),
    ("objective", "objective name(z: [k], label: Label[k]) { ... }"),
    ("environment", "environment name(arms: Nat) { ... }"),
    ("task", "task name(n: Nat) { ... }"),
    ("experiment", "experiment name { ... }"),
    ("hypothesis", "hypothesis name \"what is believed\" { ... }"),
    ("function", "function name(x: [n]) -> Real = ..."),
];

/// Words that begin a statement, each with the form of the whole.
pub const STATEMENTS: [(&str, &str); 33] = [
    ("for", "for i in 1..depth { ... }"),
    ("cell", "cell name: [size] { ... }"),
    ("part", "part name { ... }"),
    ("dynamics", "dynamics name { s(n)' = ... }"),
    ("population", "population name: [size] = f(edges)"),
    ("output", "output name: [size] = f(edges)"),
    ("weight", "weight W: [m, n] ~ normal(0, 1)"),
    ("state", "state name = 0"),
    ("feedback", "feedback B(p) like p.W ~ normal(0, 1)"),
    ("noise", "noise xi(n) ~ normal(0, 1)"),
    ("free", "free a(n) from n.rate"),
    ("trace", "trace x(n) of n.rate, 20 ms"),
    ("energy", "energy E = ..."),
    ("signal", "signal delta(n) where GUARD = ..."),
    ("let", "let name = ..."),
    ("phase", "phase name = settle s on E, steps, speed with PLACE = VALUE"),
    ("each", "each step update p along ..."),
    ("update", "update p where GUARD along DIRECTION by OPTIMIZER"),
    ("move", "move rate * direction"),
    ("answer", "answer PHASE with n.rate = ..."),
    ("period", "period fixation 100 ms, stimulus 2 s"),
    ("choose", "choose side in {-1, 1}"),
    ("split", "split train 80 %, test 20 %"),
    ("source", "source npz(file)"),
    ("fixed", "fixed T: [m, n] ~ normal(0, 1)"),
    ("draw", "draw x: [n] ~ normal(0, 1)"),
    ("stream", "stream"),
    ("measure", "measure name = VALUE on test, every epoch"),
    ("train", "train = 20 epochs"),
    ("expect", "expect VALUE > 0 in every seed"),
    ("claim", "claim RULE avoids PROPERTY"),
    ("target", "target z = ..."),
    ("surrogate", "surrogate spike = ..."),
];

pub fn is_statement(word: &str) -> bool {
    STATEMENTS.iter().any(|s| s.0 == word)
}

/// The form of the statement or item that `word` begins.
pub fn form(word: &str) -> Option<&'static str> {
    STATEMENTS.iter().chain(&ITEMS).find(|s| s.0 == word).map(|s| s.1)
}

/// Settings of an experiment, which are written `name = value`.
pub const SETTINGS: [&str; 9] =
    ["task", "architecture", "objective", "rule", "train", "batch", "seeds", "precision", "optimizer"];

/// Units as they are written. The grammar has the same list.
pub const UNITS: [&str; 26] = [
    "%", "deg", "rad", "kHz", "Hz", "mV", "V", "mA", "nA", "pA", "A", "nS", "S", "pS", "pF", "nF", "uF", "ms", "us",
    "s", "min", "seeds", "steps", "step", "epochs", "epoch",
];
