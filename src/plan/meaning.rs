//! What a plan means, as hashes: what is trained, and what each measure of it is.
//!
//! The hashes are of structure. The order in which things were declared, names that no stream of randomness is keyed by, and
//! places in the text do not enter; numbers, the order of training, the data and everything that the standard library
//! contributed do. Equal hashes are equal training runs, up to rounding where two texts order their sums differently.
//!
//! Slots have no names here, so they are told apart as colours are refined in tests of graph isomorphism (Weisfeiler & Leman
//! 1968): a slot's first colour is how it begins, the next one what it becomes in terms of the colours of others.

use super::{Data, DataSource, MeasureProgram, Plan, PlanOp, Program, Read, stages};
use blake3::{Hash, Hasher};
use std::collections::BTreeSet;

/// Raised when an operation, a stream of randomness or the training loop comes to mean something else.
const NUMERICS: u32 = 1;

/// The meaning of one condition, without a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// Of what is trained.
    pub training: Hash,
    /// Of each name of each measure program, in their order.
    pub measures: Vec<Vec<Hash>>,
    pub names: Vec<Vec<String>>,
}

impl Meaning {
    /// The meaning of a plan that has no numbers of its own ([`super::merge::share`] comes later); `data` is the
    /// fingerprint of what its files hold.
    pub fn of(plan: &Plan, data: &str) -> Meaning {
        let source = source(plan.data.as_ref(), data);
        let prepared = values(&plan.prepare, &|read| match read {
            Read::Column(i) => {
                let name = plan.data.as_ref().and_then(|d| d.columns.get(*i as usize)).map(|c| c.name.as_str());
                let index = if matches!(plan.data.as_ref().map(|d| &d.source), Some(DataSource::Table(_))) {
                    i.to_string()
                } else {
                    name.unwrap_or_default().to_string()
                };
                join("column", &[source.as_bytes(), index.as_bytes()])
            }
            other => read_alone(other),
        });
        let mut fields = vec![join("field", &[]); plan.fields.len()];
        for (field, value) in &plan.prepare.field_writes {
            let declared = &plan.fields[field.0 as usize];
            let drawn = [u8::from(declared.per_replicate)];
            fields[field.0 as usize] = join("field", &[prepared[value.0 as usize].as_bytes(), &drawn]);
        }
        let slots = colours(plan, &fields);
        let mut sorted: Vec<&[u8; 32]> = slots.iter().map(Hash::as_bytes).collect();
        sorted.sort_unstable();
        let mut h = Hasher::new();
        h.update(join("training", &[&NUMERICS.to_le_bytes()]).as_bytes());
        for colour in sorted {
            h.update(colour);
        }
        let order = (&plan.precision, span_of(plan, plan.schedule.split), &plan.schedule.length, plan.schedule.batch);
        h.update(source.as_bytes());
        h.update(&postcard::to_stdvec(&order).unwrap_or_default());
        let measures = plan.measures.iter().map(|m| measure(plan, m, &fields, &slots)).collect();
        let names = plan.measures.iter().map(|m| m.names.clone()).collect();
        Meaning { training: h.finalize(), measures, names }
    }

    /// Of a measure by its name in the spec.
    pub fn measure(&self, name: &str) -> Option<Hash> {
        let named = self.names.iter().flatten().zip(self.measures.iter().flatten());
        named.filter(|(n, _)| *n == name).map(|(_, h)| *h).next()
    }

    /// Of one seed of the condition.
    pub fn run(&self, seed: u64) -> Hash {
        join("run", &[self.training.as_bytes(), &seed.to_le_bytes()])
    }
}

/// Where a split lies among the examples: start, size, and its number (streams draw by it).
fn span_of(plan: &Plan, split: usize) -> (usize, usize, usize) {
    let start = plan.splits.iter().take(split).map(|s| s.size).sum();
    (start, plan.splits.get(split).map_or(0, |s| s.size), split)
}

fn source(data: Option<&Data>, fingerprint: &str) -> Hash {
    let Some(data) = data else { return join("no data", &[]) };
    let (kind, table) = match &data.source {
        DataSource::Builtin(name) => (name.as_str(), vec![]),
        DataSource::Files { kind, .. } => (kind.as_str(), vec![]),
        DataSource::Table(columns) => ("table", postcard::to_stdvec(columns).unwrap_or_default()),
        DataSource::Drawn => ("drawn", vec![]),
        DataSource::Parts(parts) => {
            let of = |p: &super::Part| {
                let kind = match &p.source {
                    DataSource::Builtin(name) => name.clone(),
                    DataSource::Files { kind, .. } => kind.clone(),
                    _ => String::new(),
                };
                (p.split.clone(), kind, p.examples)
            };
            ("parts", postcard::to_stdvec(&parts.iter().map(of).collect::<Vec<_>>()).unwrap_or_default())
        }
    };
    join("data", &[kind.as_bytes(), fingerprint.as_bytes(), &table, &data.examples.to_le_bytes()])
}

fn measure(plan: &Plan, m: &MeasureProgram, fields: &[Hash], slots: &[Hash]) -> Vec<Hash> {
    let known = values(&m.program, &|read| leaf(read, fields, slots));
    let span = span_of(plan, m.split);
    let when = |chunk: usize| postcard::to_stdvec(&(span, m.every, chunk, &plan.schedule.length)).unwrap_or_default();
    // What compares the examples of a split was once of as many as are looked at together: that was another number.
    let chunk = |mixes: bool| if mixes && span.1 > plan.schedule.chunk { 0 } else { plan.schedule.chunk };
    let outputs = m.program.outputs.iter().zip(stages::mixing(&m.program));
    outputs.map(|(v, mixes)| join("measure", &[known[v.0 as usize].as_bytes(), &when(chunk(mixes))])).collect()
}

fn colours(plan: &Plan, fields: &[Hash]) -> Vec<Hash> {
    let shapes: Vec<Hash> = plan
        .slots
        .iter()
        .map(|s| join("shape", &[&s.shape.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>()]))
        .collect();
    let begin = values(&plan.init, &|read| leaf(read, fields, &shapes));
    let mut slots = shapes.clone();
    for (slot, value) in &plan.init.slot_writes {
        let i = slot.0 as usize;
        slots[i] = join("slot", &[shapes[i].as_bytes(), begin[value.0 as usize].as_bytes()]);
    }
    let count = |c: &[Hash]| c.iter().map(|h| *h.as_bytes()).collect::<BTreeSet<_>>().len();
    // Once more than it takes to tell apart what can be, so that equal plans take as many rounds.
    loop {
        let before = count(&slots);
        let known = values(&plan.step, &|read| leaf(read, fields, &slots));
        let mut next: Vec<Hash> = slots.iter().map(|s| join("kept", &[s.as_bytes()])).collect();
        for (slot, value) in &plan.step.slot_writes {
            let i = slot.0 as usize;
            next[i] = join("becomes", &[slots[i].as_bytes(), known[value.0 as usize].as_bytes()]);
        }
        slots = next;
        if count(&slots) <= before {
            return slots;
        }
    }
}

fn leaf(read: &Read, fields: &[Hash], slots: &[Hash]) -> Hash {
    match read {
        Read::Slot(s) => slots[s.0 as usize],
        Read::Field(f) => fields[f.0 as usize],
        other => read_alone(other),
    }
}

fn read_alone(read: &Read) -> Hash {
    join("read", &[&postcard::to_stdvec(read).unwrap_or_default()])
}

/// The hash of every value of a program.
fn values(program: &Program, leaf: &dyn Fn(&Read) -> Hash) -> Vec<Hash> {
    let mut known = vec![Hash::from_bytes([0; 32]); program.values.len()];
    for instr in &program.instrs {
        let out = instr.out.0 as usize;
        known[out] = match &instr.op {
            PlanOp::Read(read) => leaf(read),
            op => {
                let mut h = Hasher::new();
                h.update(&postcard::to_stdvec(&(op, &program.values[out].shape)).unwrap_or_default());
                for a in &instr.args {
                    h.update(known[a.0 as usize].as_bytes());
                }
                h.finalize()
            }
        };
    }
    known
}

/// Of a word and parts, whose lengths are part of it.
fn join(word: &str, parts: &[&[u8]]) -> Hash {
    let mut h = Hasher::new();
    h.update(word.as_bytes());
    for part in parts {
        h.update(&(part.len() as u64).to_le_bytes());
        h.update(part);
    }
    h.finalize()
}
