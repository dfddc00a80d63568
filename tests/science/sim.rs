//! Replicates of a spec by the slow evaluator, one update at a time, with every parameter open to the test.

use std::collections::HashMap;
use trine::diag::render::render_plain;
use trine::driver::{check_text, plans};
use trine::ops::{Binary, Distribution, Op, Reduction, Unary};
use trine::plan::reference::run;
use trine::plan::stages::{Evaluation, stages};
use trine::plan::{Dim, Plan, PlanOp, Program, Read};

/// One replicate between two updates.
#[derive(Clone)]
pub struct Sim {
    pub plan: Plan,
    pub numbers: Vec<f64>,
    pub slots: Vec<Vec<f64>>,
    /// Elements of all examples, for every field that is kept as data.
    pub fields: Vec<Vec<f64>>,
    pub columns: Vec<Vec<f64>>,
    /// What stages of a measure have summed.
    pub sums: Vec<Vec<f64>>,
    pub seed: u64,
    pub steps: u64,
    /// What a stream of random numbers gives instead of its draws, over and over.
    pub forced: HashMap<String, Vec<f64>>,
}

/// The conditions of the spec's first experiment, each as a replicate of seed 0.
pub fn conditions(text: &str) -> Vec<Sim> {
    let mut c = check_text("spec.trine", text);
    let report = render_plain(&c.diagnostics.clone().sorted(), &c.sources);
    assert!(!c.diagnostics.has_errors(), "{report}\n{text}");
    let shared = plans(&mut c.experiments[0]).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let mut found: Vec<(usize, Sim)> = Vec::new();
    for s in shared {
        for (at, numbers) in s.members {
            let mut sim = Sim {
                plan: s.plan.clone(),
                numbers,
                slots: vec![],
                fields: vec![],
                columns: vec![],
                sums: vec![],
                seed: 0,
                steps: 0,
                forced: HashMap::new(),
            };
            sim.start(0);
            found.push((at, sim));
        }
    }
    found.sort_by_key(|f| f.0);
    found.into_iter().map(|f| f.1).collect()
}

/// The only condition.
pub fn single(text: &str) -> Sim {
    conditions(text).remove(0)
}

/// The text of the faults of a spec.
pub fn faults(text: &str) -> String {
    let c = check_text("spec.trine", text);
    render_plain(&c.diagnostics.clone().sorted(), &c.sources)
}

impl Sim {
    /// A replicate of a plan, of seed 0.
    pub fn of(plan: Plan, numbers: Vec<f64>) -> Sim {
        let (slots, fields, columns, sums, forced) = Default::default();
        let mut sim = Sim { plan, numbers, slots, fields, columns, sums, seed: 0, steps: 0, forced };
        sim.start(0);
        sim
    }

    /// Draws parameters and data anew.
    pub fn start(&mut self, seed: u64) {
        self.seed = seed;
        self.steps = 0;
        self.slots = self.plan.slots.iter().map(|s| vec![0.0; s.shape.iter().product()]).collect();
        let init = self.plan.init.clone();
        let values = self.evaluate(&init, &[]);
        for (slot, v) in &init.slot_writes {
            self.slots[slot.0 as usize] = values[v.0 as usize].clone();
        }
        self.fields = vec![vec![]; self.plan.fields.len()];
        let Some(data) = &self.plan.data else { return };
        if self.columns.is_empty()
            && let Ok(c) = trine::run::data::load(data, std::path::Path::new("."))
        {
            self.columns = c.columns;
        }
        let rows: Vec<usize> = (0..data.examples).collect();
        let prepare = self.plan.prepare.clone();
        let values = self.evaluate(&prepare, &rows);
        for (field, v) in &prepare.field_writes {
            self.fields[field.0 as usize] = values[v.0 as usize].clone();
        }
    }

    fn evaluate(&self, program: &Program, rows: &[usize]) -> Vec<Vec<f64>> {
        let input = |read: Read| match read {
            Read::Slot(s) => self.slots[s.0 as usize].clone(),
            Read::Field(f) => {
                let size: usize = self.plan.fields[f.0 as usize].shape.iter().product();
                let of = |r: &usize| self.fields[f.0 as usize][r * size..(r + 1) * size].to_vec();
                rows.iter().flat_map(of).collect()
            }
            Read::Column(c) => self.columns[c as usize].clone(),
            Read::Number(n) => vec![self.numbers[n as usize]],
            Read::Step => vec![self.steps as f64],
            Read::Sum(s) => self.sums[s as usize].clone(),
        };
        let mut random = |d: Distribution, name: &str, n: usize| match self.forced.get(name) {
            Some(given) => given.iter().copied().cycle().take(n).collect(),
            None => draw(d, &format!("{}/{}", self.seed, name), self.steps, n),
        };
        run(program, rows.len(), &input, &mut random).unwrap_or_else(|e| panic!("{}: {e}", self.plan.name))
    }

    /// The batch's mean loss.
    pub fn loss(&self, rows: &[usize]) -> f64 {
        self.evaluate(&self.plan.step, rows)[self.plan.step.outputs[0].0 as usize][0]
    }

    /// A value of the step by its name, such as `z.drive`.
    pub fn value(&self, name: &str, rows: &[usize]) -> Vec<f64> {
        let values = &self.plan.step.values;
        let at = values.iter().position(|v| v.name.as_deref() == Some(name));
        let names = || values.iter().filter_map(|v| v.name.clone()).collect::<Vec<_>>();
        let at = at.unwrap_or_else(|| panic!("no {name} in {:?}", names()));
        self.evaluate(&self.plan.step, rows)[at].clone()
    }

    /// A value of a measure's program by its name.
    pub fn value_in(&self, measure: &str, name: &str, rows: &[usize]) -> Vec<f64> {
        let found = self.plan.measures.iter().find(|m| m.names.iter().any(|n| n == measure));
        let program = &found.unwrap_or_else(|| panic!("no measure {measure}")).program;
        let at = program.values.iter().position(|v| v.name.as_deref() == Some(name));
        self.evaluate(program, rows)[at.unwrap_or_else(|| panic!("no {name}"))].clone()
    }

    /// The mean of a measure over examples that are taken in portions of a size; None if it needs them all at once.
    pub fn in_portions(&mut self, name: &str, rows: &[usize], size: usize) -> Option<f64> {
        let found = self.plan.measures.iter().find(|m| m.names.iter().any(|n| n == name));
        let mut program = found.unwrap_or_else(|| panic!("no measure {name}")).program.clone();
        let place = found.and_then(|m| m.names.iter().position(|n| n == name)).unwrap_or_default();
        program.outputs = vec![program.outputs[place]];
        let Evaluation::InStages(stages) = stages(&program, rows.len(), size, 0) else { return None };
        let mut last = 0.0;
        for stage in stages {
            let mut totals: Vec<Option<Vec<f64>>> = vec![None; stage.sums.len()];
            last = 0.0;
            for portion in rows.chunks(size) {
                let values = self.evaluate(&stage.program, portion);
                let of = |i: usize| values[stage.program.outputs[i].0 as usize].clone();
                let share = portion.len() as f64 / rows.len() as f64;
                for (i, (sum, total)) in stage.sums.iter().zip(&mut totals).enumerate() {
                    let one = of(i).into_iter();
                    let one: Vec<f64> = one.map(|x| if sum.how == Reduction::Mean { share * x } else { x }).collect();
                    let join = |a: f64, b: f64| match sum.how {
                        Reduction::Sum | Reduction::Mean => a + b,
                        Reduction::Max => a.max(b),
                        Reduction::Min => a.min(b),
                    };
                    *total = Some(match total.take() {
                        Some(before) => before.iter().zip(&one).map(|(a, b)| join(*a, *b)).collect(),
                        None => one,
                    });
                }
                if stage.sums.is_empty() {
                    let one = of(0);
                    last += share * one.iter().sum::<f64>() / one.len() as f64;
                }
            }
            for (sum, total) in stage.sums.iter().zip(totals) {
                self.sums.resize(self.sums.len().max(sum.id as usize + 1), vec![]);
                self.sums[sum.id as usize] = total.unwrap_or_default();
            }
        }
        Some(last)
    }

    /// The numbers of one field of some examples.
    pub fn field(&self, name: &str, rows: &[usize]) -> Vec<f64> {
        let i = self.plan.fields.iter().position(|f| f.name == name).unwrap_or_else(|| panic!("no field {name}"));
        let size: usize = self.plan.fields[i].shape.iter().product();
        rows.iter().flat_map(|r| self.fields[i][r * size..(r + 1) * size].to_vec()).collect()
    }

    /// What stands before every corner of the step's functions: there a derivative jumps where this is zero.
    pub fn corners(&self, rows: &[usize]) -> Vec<f64> {
        let values = self.evaluate(&self.plan.step, rows);
        let mut out = Vec::new();
        for instr in &self.plan.step.instrs {
            let args: Vec<&[f64]> = instr.args.iter().map(|a| values[a.0 as usize].as_slice()).collect();
            // A single number combines with any tensor.
            let apart = |a: &[f64], b: &[f64]| -> Vec<f64> {
                let count = a.len().max(b.len());
                (0..count).map(|i| a[i % a.len()] - b[i % b.len()]).collect()
            };
            match &instr.op {
                PlanOp::Op(Op::Unary(Unary::Relu | Unary::Abs | Unary::Sign)) => out.extend(args[0]),
                PlanOp::Op(Op::Binary(
                    Binary::Min | Binary::Max | Binary::Less | Binary::LessEqual | Binary::Equal | Binary::NotEqual,
                )) => out.extend(apart(args[0], args[1])),
                PlanOp::Op(Op::Reduce { how: Reduction::Max | Reduction::Min, axes }) => {
                    let shape = &self.plan.step.value(instr.args[0]).shape;
                    let size: Vec<usize> =
                        shape.iter().map(|d| if let Dim::Fixed(n) = d { *n } else { rows.len() }).collect();
                    let winners = &values[instr.out.0 as usize];
                    out.extend(args[0].iter().enumerate().map(|(i, x)| x - winners[group(i, &size, axes)]));
                }
                PlanOp::Fused(_) => panic!("a pass has hidden what there is in it"),
                _ => {}
            }
        }
        out
    }

    /// What an update would write.
    pub fn proposal(&self, rows: &[usize]) -> Vec<Vec<f64>> {
        let values = self.evaluate(&self.plan.step, rows);
        let mut out = self.slots.clone();
        for (slot, v) in &self.plan.step.slot_writes {
            out[slot.0 as usize] = values[v.0 as usize].clone();
        }
        out
    }

    pub fn step(&mut self, rows: &[usize]) {
        self.slots = self.proposal(rows);
        self.steps += 1;
    }

    /// A measure's value for each example, or one value.
    pub fn measure(&self, name: &str, rows: &[usize]) -> Vec<f64> {
        for m in &self.plan.measures {
            if let Some(i) = m.names.iter().position(|n| n == name) {
                return self.evaluate(&m.program, rows)[m.program.outputs[i].0 as usize].clone();
            }
        }
        panic!("no measure {name}")
    }

    /// The place of a slot by its name.
    pub fn find(&self, name: &str) -> usize {
        let names: Vec<&str> = self.plan.slots.iter().map(|s| s.name.as_str()).collect();
        names.iter().position(|n| *n == name).unwrap_or_else(|| panic!("no {name} in {names:?}"))
    }

    pub fn slot(&self, name: &str) -> &[f64] {
        &self.slots[self.find(name)]
    }

    pub fn set(&mut self, name: &str, value: Vec<f64>) {
        let i = self.find(name);
        assert_eq!(self.slots[i].len(), value.len(), "{name}");
        self.slots[i] = value;
    }
}

/// Where an element goes when these axes are reduced.
fn group(element: usize, size: &[usize], axes: &[usize]) -> usize {
    let (mut rest, mut at, mut stride) = (element, 0, 1);
    for axis in (0..size.len()).rev() {
        if !axes.contains(&axis) {
            at += rest % size[axis] * stride;
            stride *= size[axis];
        }
        rest /= size[axis];
    }
    at
}

/// Numbers that depend on stream, step and place only.
pub fn draw(d: Distribution, stream: &str, step: u64, n: usize) -> Vec<f64> {
    let mut state = stream.bytes().fold(0xcbf2_9ce4_8422_2325 ^ step.wrapping_mul(0x9e37_79b9_7f4a_7c15), |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut uniform = || {
        // SplitMix64. Steele, Lea & Flood 2014.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut one = || match d {
        Distribution::Uniform => uniform(),
        // Box & Muller 1958.
        Distribution::Normal => {
            let radius = (-2.0 * (1.0 - uniform()).ln()).sqrt();
            radius * (std::f64::consts::TAU * uniform()).cos()
        }
    };
    (0..n).map(|_| one()).collect()
}

pub fn transposed(x: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    assert_eq!(x.len(), rows * columns);
    (0..columns).flat_map(|j| (0..rows).map(move |i| x[i * columns + j])).collect()
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// Equal but for rounding, relative to the larger of the two vectors.
#[track_caller]
pub fn close(what: &str, a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len(), "{what}");
    let scale = a.iter().chain(b).fold(0.0f64, |m, x| m.max(x.abs()));
    let worst = difference(a, b).iter().fold(0.0f64, |m, x| if x.is_finite() { m.max(x.abs()) } else { f64::INFINITY });
    assert!(worst <= tolerance * scale.max(1e-12), "{what}: off by {worst:e} of {scale:e}\n{a:?}\n{b:?}");
}
