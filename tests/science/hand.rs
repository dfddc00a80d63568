//! A chain of populations written out by hand, beside the spec that says the same: what the tests of rules compare.

use crate::sim::{Sim, close, difference, dot, single};

/// The response of a population.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum F {
    Linear,
    Tanh,
    Sigmoid,
}

pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

impl F {
    pub fn value(self, a: f64) -> f64 {
        match self {
            F::Linear => a,
            F::Tanh => a.tanh(),
            F::Sigmoid => sigmoid(a),
        }
    }

    pub fn slope(self, a: f64) -> f64 {
        match self {
            F::Linear => 1.0,
            F::Tanh => 1.0 - a.tanh().powi(2),
            F::Sigmoid => sigmoid(a) * (1.0 - sigmoid(a)),
        }
    }

    fn text(self, of: &str) -> String {
        match self {
            F::Linear => of.into(),
            F::Tanh => format!("tanh({of})"),
            F::Sigmoid => format!("sigmoid({of})"),
        }
    }
}

/// Populations as the spec writes them: name, size, equation with `@` for the projection from below.
pub type Layer<'a> = (&'a str, usize, &'a str);

/// A spec of a chain over an input `x` of `inputs` numbers, the last population being the output. The task has six
/// examples: `x`, normal goals `y` and the label of the largest.
pub fn chain_text(rule: &str, objective: &str, inputs: usize, layers: &[Layer], extra: &str) -> String {
    let name = rule.split('(').next().expect("a name");
    let own = extra.contains(&format!("rule {name}("));
    let import = if own { String::new() } else { format!("use std.rules: {name}\n") };
    let outputs = layers.last().expect("an output").1;
    let mut below = "x";
    let mut body = String::new();
    for (i, (name, size, f)) in layers.iter().enumerate() {
        let word = if i + 1 == layers.len() { "output" } else { "population" };
        body += &format!("  {word} {name}: [{size}] = {}\n", f.replace('@', &format!("dense({below})")));
        below = name;
    }
    format!(
        "language 0.1\n{import}{extra}\n\
         task t() {{\n  draw x: [{inputs}] ~ normal(0, 1)\n  draw y: [{outputs}] ~ normal(0, 1)\n  \
         label: Label[{outputs}] = argmax(y)\n  split train 6\n}}\n\n\
         architecture net(x: [n]) {{\n{body}}}\n\n\
         experiment e {{\n  task = t()\n  architecture = net(task.x)\n  objective = {objective}\n  rule = {rule}\n  \
         train = 1 epochs\n  batch = 6\n  seeds = 1\n  precision = float64\n}}\n"
    )
}

pub fn chain(rule: &str, objective: &str, inputs: usize, layers: &[Layer]) -> Sim {
    single(&chain_text(rule, objective, inputs, layers, ""))
}

/// x5 -> h1 4 tanh -> h2 4 sigmoid -> z3, under half the squared error. Biases are drawn as well, so that none is zero.
pub fn three(rule: &str) -> (Sim, Vec<F>) {
    three_with(rule, "minimize squared_error(z, task.y)")
}

pub fn three_with(rule: &str, objective: &str) -> (Sim, Vec<F>) {
    let f = vec![F::Tanh, F::Sigmoid, F::Linear];
    let mut s = chain(
        rule,
        objective,
        5,
        &[("h1", 4, &F::Tanh.text("@")), ("h2", 4, &F::Sigmoid.text("@")), ("z", 3, &F::Linear.text("@"))],
    );
    for (i, (name, size)) in [("x -> h1: b", 4), ("h1 -> h2: b", 4), ("h2 -> z: b", 3)].into_iter().enumerate() {
        s.set(name, (0..size).map(|k| 0.3 * ((k + 2 * i) as f64 + 0.7).sin()).collect());
    }
    (s, f)
}

/// The weights of a chain, and one example.
#[derive(Clone)]
pub struct Hand {
    pub names: Vec<String>,
    pub w: Vec<Vec<f64>>,
    pub b: Vec<Vec<f64>>,
    pub f: Vec<F>,
    pub x: Vec<f64>,
    pub y: Vec<f64>,
}

/// One weight matrix and one bias a layer.
pub type Moves = Vec<(Vec<f64>, Vec<f64>)>;

/// Drives of populations 0.., and the rates with the input in front.
pub struct Pass {
    pub drive: Vec<Vec<f64>>,
    pub rate: Vec<Vec<f64>>,
}

pub fn times(w: &[f64], x: &[f64]) -> Vec<f64> {
    w.chunks(x.len()).map(|row| dot(row, x)).collect()
}

/// W'e of a matrix with as many rows as e has numbers.
pub fn back(w: &[f64], e: &[f64]) -> Vec<f64> {
    let columns = w.len() / e.len();
    (0..columns).map(|j| e.iter().enumerate().map(|(i, e)| w[i * columns + j] * e).sum()).collect()
}

pub fn add(a: &[f64], b: &[f64]) -> Vec<f64> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

pub fn by(a: &[f64], b: &[f64]) -> Vec<f64> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

pub fn scaled(a: &[f64], k: f64) -> Vec<f64> {
    a.iter().map(|a| a * k).collect()
}

pub fn outer(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().flat_map(|a| b.iter().map(move |b| a * b)).collect()
}

pub fn length(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

pub fn cosine(a: &[f64], b: &[f64]) -> f64 {
    dot(a, b) / (length(a) * length(b))
}

/// How far `a` is from `b`, relative to `b`.
pub fn off(a: &[f64], b: &[f64]) -> f64 {
    length(&difference(a, b)) / length(b)
}

pub fn field(s: &Sim, name: &str, example: usize) -> Vec<f64> {
    let at = s.plan.fields.iter().position(|f| f.name.ends_with(name)).expect("a field");
    let size: usize = s.plan.fields[at].shape.iter().product();
    s.fields[at][size * example..size * (example + 1)].to_vec()
}

impl Hand {
    /// The populations by name, from the input on.
    pub fn new(s: &Sim, names: &[&str], f: &[F], example: usize) -> Hand {
        let names: Vec<String> = names.windows(2).map(|p| format!("{} -> {}", p[0], p[1])).collect();
        let of = |part: &str| names.iter().map(|n| s.slot(&format!("{n}: {part}")).to_vec()).collect();
        Hand { w: of("W"), b: of("b"), f: f.to_vec(), x: field(s, "x", example), y: field(s, "y", example), names }
    }

    pub fn three(s: &Sim, f: &[F], example: usize) -> Hand {
        Hand::new(s, &["x", "h1", "h2", "z"], f, example)
    }

    pub fn drive(&self, l: usize, below: &[f64]) -> Vec<f64> {
        add(&times(&self.w[l], below), &self.b[l])
    }

    pub fn respond(&self, l: usize, drive: &[f64]) -> Vec<f64> {
        drive.iter().map(|a| self.f[l].value(*a)).collect()
    }

    pub fn slope(&self, l: usize, drive: &[f64]) -> Vec<f64> {
        drive.iter().map(|a| self.f[l].slope(*a)).collect()
    }

    pub fn pass(&self) -> Pass {
        self.pass_with(&|_| None)
    }

    /// With something added to the drive of each population.
    pub fn pass_with(&self, added: &dyn Fn(usize) -> Option<Vec<f64>>) -> Pass {
        let (mut drive, mut rate) = (vec![], vec![self.x.clone()]);
        for l in 0..self.w.len() {
            let mut a = self.drive(l, &rate[l]);
            if let Some(more) = added(l) {
                a = add(&a, &more);
            }
            rate.push(self.respond(l, &a));
            drive.push(a);
        }
        Pass { drive, rate }
    }

    /// Half the squared error of an output.
    pub fn half_square(&self, z: &[f64]) -> f64 {
        0.5 * length(&difference(z, &self.y)).powi(2)
    }

    pub fn loss(&self) -> f64 {
        self.half_square(self.pass().rate.last().expect("an output"))
    }

    /// Minus the gradient of half the squared error, layer by layer. Rumelhart, Hinton & Williams 1986.
    pub fn descent(&self) -> Moves {
        let p = self.pass();
        let last = self.w.len() - 1;
        let mut e = by(&difference(&self.y, &p.rate[last + 1]), &self.slope(last, &p.drive[last]));
        let mut out = vec![];
        for l in (0..=last).rev() {
            out.push((outer(&e, &p.rate[l]), e.clone()));
            if l > 0 {
                e = by(&back(&self.w[l], &e), &self.slope(l - 1, &p.drive[l - 1]));
            }
        }
        out.reverse();
        out
    }
}

/// Updates from the errors of each population and the rates below.
pub fn moves(errors: &[Vec<f64>], below: &[Vec<f64>]) -> Moves {
    errors.iter().zip(below).map(|(e, h)| (outer(e, h), e.clone())).collect()
}

pub fn flat(m: &Moves) -> Vec<f64> {
    m.iter().flat_map(|(w, b)| w.iter().chain(b).copied()).collect()
}

/// What an update adds to the weights of a chain, all in one vector.
pub fn moved(s: &Sim, names: &[String], rows: &[usize]) -> Vec<f64> {
    let after = s.proposal(rows);
    let parts = names.iter().flat_map(|n| [format!("{n}: W"), format!("{n}: b")]);
    parts.flat_map(|n| difference(&after[s.find(&n)], s.slot(&n))).collect()
}

/// What an update adds to one slot.
pub fn change(s: &Sim, rows: &[usize], slot: &str) -> Vec<f64> {
    difference(&s.proposal(rows)[s.find(slot)], s.slot(slot))
}

/// The mean over six examples of what an equation gives for each, against what the spec adds to its weights.
#[track_caller]
pub fn compare(s: &Sim, f: &[F], rate: f64, tolerance: f64, each: &dyn Fn(&Hand, usize) -> Moves) {
    let rows = [0, 1, 2, 3, 4, 5];
    let names = Hand::three(s, f, 0).names;
    let mut mean: Vec<f64> = vec![];
    for r in rows {
        let one = flat(&each(&Hand::three(s, f, r), r));
        mean.resize(one.len(), 0.0);
        mean.iter_mut().zip(&one).for_each(|(m, d)| *m += rate * d / 6.0);
    }
    close(&s.plan.name, &moved(s, &names, &rows), &mean, tolerance);
}

/// The numbers that a stream gives in this step.
pub fn drawn(s: &Sim, stream: &str, n: usize) -> Vec<f64> {
    crate::sim::draw(trine::ops::Distribution::Normal, &format!("{}/{stream}", s.seed), s.steps, n)
}

/// Gauss-Hermite points in `d` dimensions, three a dimension, with their weights: exact for polynomials of degree five in
/// standard normal numbers.
pub fn normal_points(d: usize) -> Vec<(Vec<f64>, f64)> {
    let one = [(-(3.0f64.sqrt()), 1.0 / 6.0), (0.0, 2.0 / 3.0), (3.0f64.sqrt(), 1.0 / 6.0)];
    let mut all = vec![(vec![], 1.0)];
    for _ in 0..d {
        let longer = |(v, w): &(Vec<f64>, f64)| {
            one.iter().map(|(x, p)| ([v.as_slice(), &[*x]].concat(), w * p)).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}
