//! The execution plan of one replicate: straight programs of primitive operations over values with known shapes.
//!
//! A plan has no replicate axis: seeds, and conditions that differ only in numbers, run the same plan over their own
//! slab. Each program is in static single assignment: every value is defined once, before it is used. Values that
//! depend on the example carry the batch as their first axis ([`Dim::Batch`]), whose size is bound when a program
//! is prepared for a mini-batch, for the short last one, or for the chunk of a split that is evaluated.
//!
//! Elementwise operations broadcast as NumPy does (aligned at the right), so that a parameter `[n]` meets a
//! batched `[batch, n]` without a copy. `Reshape`, `Permute`, `Expand`, `Slice` and `Unfold` are views, never work.

pub mod cost;
pub mod lower;
mod mean;
pub mod meaning;
pub mod merge;
mod origin;
pub mod passes;
pub mod print;
pub mod reference;
pub mod stages;
pub mod verify;

#[cfg(test)]
mod tests;

use crate::ops::{Op, Unary};
use crate::source::Span;
use serde::{Deserialize, Serialize};

/// Index of a value within its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ValueId(pub u32);

/// What a replicate keeps from step to step: a parameter, a state of a rule or optimizer, a feedback weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SlotId(pub u32);

/// A field of the task: one tensor an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FieldId(pub u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Dim {
    Fixed(usize),
    Batch,
}

pub type Shape = Vec<Dim>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Precision {
    Float32,
    Float64,
}

/// The plan of one replicate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Of the experiment and condition(s), for messages.
    pub name: String,
    pub precision: Precision,
    pub slots: Vec<Slot>,
    /// Numbers in which the replicates of this plan may differ (`Read::Number`); a replicate brings one value for each.
    pub numbers: Vec<String>,
    pub fields: Vec<Field>,
    pub data: Option<Data>,
    pub splits: Vec<Split>,
    /// Once a replicate, without a batch: writes every slot.
    pub init: Program,
    /// Once, over all examples (`Dim::Batch` is their number): reads columns, writes the fields that are kept as data.
    pub prepare: Program,
    /// Once a mini-batch: reads fields and slots, writes slots.
    pub step: Program,
    /// Per-example quantities, averaged over a split.
    pub measures: Vec<MeasureProgram>,
    pub schedule: Schedule,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// As the user would say it: `h <- x: W`.
    pub name: String,
    pub shape: Vec<usize>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    /// Of one example.
    pub shape: Vec<usize>,
    /// Drawn anew by each replicate's seed (else the same data for all, prepared once).
    pub per_replicate: bool,
    /// The labels `0..labels` are legal, if the field is a label.
    pub labels: Option<usize>,
    pub span: Span,
}

/// Where the columns of the task come from, and how many examples there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Data {
    pub source: DataSource,
    pub columns: Vec<Column>,
    pub examples: usize,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    /// Of one example.
    pub shape: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum DataSource {
    /// A data set that comes with Trine.
    Builtin(String),
    /// Files by kind (`npz`, `npy`, `csv`, `idx`), absolute or relative to the spec.
    Files { kind: String, paths: Vec<String> },
    /// Written in the spec: for each column, the elements of all examples in order.
    Table(Vec<Vec<f64>>),
    /// No columns: every field is drawn.
    Drawn,
    /// Several, one after the other.
    Parts(Vec<Part>),
}

/// A source that is one of several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The split that its examples are; empty if splits take parts of it.
    pub split: String,
    pub source: DataSource,
    pub examples: usize,
}

impl DataSource {
    /// The files that are read.
    pub fn paths(&self) -> Vec<&str> {
        match self {
            DataSource::Files { paths, .. } => paths.iter().map(String::as_str).collect(),
            DataSource::Parts(parts) => parts.iter().flat_map(|p| p.source.paths()).collect(),
            DataSource::Builtin(_) | DataSource::Table(_) | DataSource::Drawn => vec![],
        }
    }
}

/// A named part of the examples. Splits take consecutive parts of one fixed permutation of the examples
/// (stream `split` of seed 0); `size` 0 of a stream task means fresh examples at every use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Split {
    pub name: String,
    pub size: usize,
}

/// A straight program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Program {
    pub values: Vec<Value>,
    pub instrs: Vec<Instr>,
    /// Applied together, after all instructions.
    pub slot_writes: Vec<(SlotId, ValueId)>,
    pub field_writes: Vec<(FieldId, ValueId)>,
    /// Results that leave the program; in `step`, the batch's mean loss, if there is one.
    pub outputs: Vec<ValueId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    pub shape: Shape,
    /// Of which population or quantity it is, for messages and for reading the plan: `h.rate`.
    pub name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instr {
    pub op: PlanOp,
    pub args: Vec<ValueId>,
    pub out: ValueId,
    /// The part of the spec that asked for it.
    pub span: Span,
}

/// An operation of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PlanOp {
    Read(Read),
    Op(Op),
    /// A contraction whose result is multiplied by a scale known in advance, and divided by the batch's size if asked.
    ScaledContract {
        contraction: crate::ops::Contraction,
        scale: u64,
        over_batch: bool,
    },
    /// `c + scale * sum(a * b)`, arguments a, b, c (c shaped as the result): the update of a weight in one call.
    AccumulateContract {
        contraction: crate::ops::Contraction,
        scale: u64,
        over_batch: bool,
    },
    /// `a + scale * b`, element by element, same shapes.
    AddScaled {
        scale: u64,
    },
    /// A group of elementwise operations over one iteration space; later passes may form them.
    Fused(Vec<FusedOp>),
}

/// One operation of a fused group: operands are arguments of the group (0..) or earlier results (after them).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FusedOp {
    pub op: Op,
    pub operands: Vec<u16>,
}

/// What a program takes from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Read {
    Slot(SlotId),
    /// In `step` the rows of the mini-batch, in a measure the rows of the chunk.
    Field(FieldId),
    /// Only in `prepare`: all rows of the column of this index.
    Column(u32),
    /// A number of the replicate.
    Number(u32),
    /// The number of updates made so far.
    Step,
    /// What an earlier stage of a measure summed over all examples ([`stages`]).
    Sum(u32),
}

/// Quantities that are evaluated at the same moments on the same split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasureProgram {
    /// One a result of `program.outputs`, in order; each result is `[batch, ...]` (or without a batch axis) and its
    /// reported value is the mean over everything, examples weighing the same.
    pub names: Vec<String>,
    pub split: usize,
    pub every: Every,
    pub program: Program,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Every {
    Epochs(usize),
    Steps(usize),
}

/// How long and in what portions a replicate trains. Measures are taken before the first update, and then at their
/// own intervals; the last moment is always one of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    pub length: Length,
    pub batch: usize,
    /// The split that is trained on.
    pub split: usize,
    /// Examples in one chunk of an evaluation.
    pub chunk: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Length {
    Epochs(usize),
    Steps(usize),
}

impl Data {
    /// The examples in the order of the splits: consecutive parts of a permutation of so many, or those that a split has to itself.
    pub fn order(&self, splits: &[Split], permutation: impl Fn(usize) -> Vec<i64>) -> Vec<i64> {
        let DataSource::Parts(parts) = &self.source else { return permutation(self.examples) };
        let (mut shared, mut own, mut start) = (Vec::new(), Vec::new(), 0);
        for part in parts {
            match part.split.is_empty() {
                true => shared = permutation(part.examples).into_iter().map(|i| i + start).collect(),
                false => own.push((&part.split, (start..start + part.examples as i64).collect::<Vec<i64>>())),
            }
            start += part.examples as i64;
        }
        let (mut order, mut shared) = (Vec::new(), shared.into_iter());
        for split in splits {
            match own.iter().find(|(name, _)| **name == split.name) {
                Some((_, examples)) => order.extend(examples),
                None => order.extend(shared.by_ref().take(split.size)),
            }
        }
        order.extend(shared);
        order
    }
}

impl Plan {
    /// Takes away what only people read: names and places.
    pub fn strip(&mut self) {
        self.name.clear();
        self.slots.iter_mut().for_each(|s| s.span = Span::default());
        self.fields.iter_mut().for_each(|f| f.span = Span::default());
        self.data.iter_mut().for_each(|d| d.span = Span::default());
        let fixed = [&mut self.init, &mut self.prepare, &mut self.step];
        for p in fixed.into_iter().chain(self.measures.iter_mut().map(|m| &mut m.program)) {
            p.values.iter_mut().for_each(|v| v.name = None);
            p.instrs.iter_mut().for_each(|i| i.span = Span::default());
        }
    }
}

impl Program {
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0 as usize]
    }
}

impl Instr {
    /// Whether the result is another way of looking at the first argument, and no work.
    pub fn is_view(&self) -> bool {
        let PlanOp::Op(op) = &self.op else { return false };
        matches!(op, Op::Reshape | Op::Permute { .. } | Op::Expand { .. } | Op::Slice { .. } | Op::Unfold { .. })
    }

    pub fn is_negation(&self) -> bool {
        self.op == PlanOp::Op(Op::Unary(Unary::Negate))
    }
}
