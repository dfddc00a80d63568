//! Random feed-forward architectures with random objectives, as texts.

use proptest::prelude::*;
use std::fmt::Write;

/// The choices that make a spec; each is taken modulo what there is to choose from, so that shrinking stays legal.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub inputs: Vec<usize>,
    pub layers: Vec<[usize; 6]>,
    pub outputs: Vec<[usize; 5]>,
    pub examples: usize,
}

pub fn recipes() -> impl Strategy<Value = Recipe> {
    let inputs = prop::collection::vec(1..5usize, 1..4);
    let layers = prop::collection::vec(prop::array::uniform6(0..60usize), 0..7);
    let outputs = prop::collection::vec(prop::array::uniform5(0..60usize), 1..3);
    (inputs, layers, outputs, 1..5usize).prop_map(|(inputs, layers, outputs, examples)| Recipe {
        inputs,
        layers,
        outputs,
        examples,
    })
}

const ACTIVATIONS: [&str; 13] =
    ["tanh", "sigmoid", "softplus", "relu", "gelu", "silu", "elu", "leaky_relu", "erf", "sin", "cos", "square", "abs"];

/// A population that may be read, by name and width.
type Unit = (String, usize);

pub struct Spec {
    populations: Vec<Unit>,
    /// Names of projections with the names of their weights.
    pub projections: Vec<(String, &'static [&'static str])>,
    body: String,
    task: String,
    terms: Vec<String>,
    ports: Vec<Unit>,
    examples: usize,
    pub hidden: Vec<String>,
}

pub fn spec(r: &Recipe) -> Spec {
    let mut s = Spec {
        populations: vec![],
        projections: vec![],
        body: String::new(),
        task: String::new(),
        terms: vec![],
        ports: vec![],
        examples: r.examples,
        hidden: vec![],
    };
    for (i, n) in r.inputs.iter().enumerate() {
        s.populations.push((format!("x{i}"), *n));
        writeln!(s.task, "  draw x{i}: [{n}] ~ normal(0, 1)").expect("a text");
        s.ports.push((format!("x{i}"), *n));
    }
    for (i, l) in r.layers.iter().enumerate() {
        s.layer(i, l);
    }
    for (i, o) in r.outputs.iter().enumerate() {
        s.output(i, o);
    }
    s
}

impl Spec {
    fn unit(&self, choice: usize) -> Unit {
        // The later ones more often, so that depth is reached.
        let n = self.populations.len();
        let at = if choice.is_multiple_of(3) { (choice / 3) % n } else { n - 1 - (choice / 3) % n.min(2) };
        self.populations[at].clone()
    }

    /// Another population of the same width, if there is one.
    fn partner(&self, width: usize, choice: usize) -> Option<String> {
        let same: Vec<&Unit> = self.populations.iter().filter(|p| p.1 == width).collect();
        (!same.is_empty()).then(|| same[choice % same.len()].0.clone())
    }

    fn project(&mut self, kind: usize, from: &str) -> String {
        let (name, weights): (_, &'static [&'static str]) = match kind % 5 {
            0 | 1 => ("dense", &["W", "b"]),
            2 => ("linear", &["W"]),
            3 => ("dense_he", &["W", "b"]),
            _ => ("dense_glorot", &["W", "b"]),
        };
        let w = format!("w{}", self.projections.len());
        self.projections.push((w.clone(), weights));
        format!("({name}({from}) as {w})")
    }

    fn layer(&mut self, i: usize, &[kind, width, a, b, activation, extra]: &[usize; 6]) {
        let mut width = 1 + width % 5;
        let f = ACTIVATIONS[activation % ACTIVATIONS.len()];
        let (a, b) = (self.unit(a), self.unit(b));
        let text = match kind % 16 {
            0 => format!("{f}({})", self.project(extra, &a.0)),
            1 => format!("{f}({} + {})", self.project(extra, &a.0), self.project(extra + 1, &b.0)),
            2 => {
                let (p, q) = (self.project(extra, &a.0), self.project(extra + 2, &b.0));
                format!("{f}(0.5 * {p} - {q} / 3)")
            }
            3 => {
                width = b.1;
                format!("{f}({}) + {}", self.project(extra, &a.0), b.0)
            }
            4 => format!("sigmoid({}) * {f}({})", self.project(extra, &a.0), self.project(extra, &b.0)),
            5 => {
                width = b.1;
                format!("{f}({}) * {}", self.project(extra, &a.0), b.0)
            }
            6 => format!("softmax({})", self.project(extra, &a.0)),
            7 => format!("{f}({})", self.project(extra, &format!("tanh({})", a.0))),
            8 => {
                width = a.1;
                let w = format!("w{}", self.projections.len());
                self.projections.push((w.clone(), &["g", "b"]));
                format!("{f}(diagonal({}) as {w})", a.0)
            }
            9 => {
                width = a.1;
                format!("square({}) / 2 - mean({0})", a.0)
            }
            10 => {
                width = b.1;
                format!("{f}({} + 0.3 * {})", self.project(extra, &a.0), b.0)
            }
            11 => format!("{f}({} + {})", self.project(extra, &a.0), self.project(extra, &a.0)),
            12 => {
                width = a.1;
                format!("{} / (1 + norm({0} + 0.1))", a.0)
            }
            13 => {
                width = a.1;
                let other = self.partner(width, extra).unwrap_or(a.0.clone());
                format!("atan2({}, 1 + square({other}))", a.0)
            }
            14 => {
                width = a.1;
                let other = self.partner(width, extra).unwrap_or(a.0.clone());
                format!("(1.5 + tanh({}))^(0.5 * {other}) + log_softmax({0})", a.0)
            }
            _ => {
                let part = format!("{}[1..{}]", a.0, a.1.div_ceil(2));
                format!("{f}({})", self.project(extra, &part))
            }
        };
        writeln!(self.body, "  population h{i}: [{width}] = {text}").expect("a text");
        self.populations.push((format!("h{i}"), width));
        self.hidden.push(format!("h{i}"));
    }

    fn output(&mut self, i: usize, &[loss, width, a, b, extra]: &[usize; 5]) {
        let width = 1 + width % 4;
        let (a, b) = (self.unit(a), self.unit(b));
        let drive = match extra % 3 {
            0 => self.project(0, &a.0),
            1 => format!("tanh({})", self.project(1, &a.0)),
            _ => format!("{} + {}", self.project(0, &a.0), self.project(2, &b.0)),
        };
        writeln!(self.body, "  output z{i}: [{width}] = {drive}").expect("a text");
        let goal = format!("  draw g{i}: [{width}] ~ normal(0, 1)\n");
        self.task.push_str(&goal);
        let label = format!("  l{i}: Label[{width}] = argmax(g{i})\n");
        let term = match loss % 7 {
            0 => format!("squared_error(z{i}, task.g{i})"),
            1 => {
                self.task.push_str(&label);
                format!("cross_entropy(z{i}, task.l{i})")
            }
            2 => format!("0.5 * binary_cross_entropy(z{i}, task.g{i})"),
            3 => format!("huber(z{i}, task.g{i}, width = 0.5)"),
            4 => format!("absolute_error(z{i}, task.g{i})"),
            5 => {
                self.task.push_str(&label);
                format!("hinge(z{i}, task.l{i}) / 2")
            }
            _ => format!("mean_squared_error(z{i}, task.g{i})"),
        };
        self.terms.push(term);
        // The objective may read hidden populations as well.
        if extra.is_multiple_of(4)
            && let Some(h) = self.hidden.last()
        {
            self.terms.push(format!("0.1 * sumsq({h})"));
        }
    }

    pub fn text(&self, rule: &str, measures: &str) -> String {
        let ports: Vec<String> = self.ports.iter().map(|(p, n)| format!("{p}: [{n}]")).collect();
        let given: Vec<String> = self.ports.iter().map(|(p, _)| format!("task.{p}")).collect();
        format!(
            "language 0.1\nuse std.rules: backprop\n\ntask t() {{\n{}  split train {}\n}}\n\narchitecture net({}) {{\n{}}}\n\n\
             experiment e {{\n  task = t()\n  architecture = net({})\n  objective = minimize {}\n  rule = {rule}\n  \
             train = 1 epochs\n  batch = {}\n  seeds = 1\n  precision = float64\n{measures}}}\n",
            self.task,
            self.examples,
            ports.join(", "),
            self.body,
            given.join(", "),
            self.terms.join(" + "),
            self.examples,
        )
    }
}
