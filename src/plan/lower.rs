//! A model to a plan: one example's graph to programs over a mini-batch.
//!
//! A value depends on the example if anything under it does; such values get the batch as first axis.

mod windows;

use super::*;
use crate::ir::axis::Axis;
use crate::model::build::BATCH_AXIS;
use crate::model::experiment::{Measure, Model};
use crate::model::graph::{Leaf, Node, NodeId, NodeKind};
use crate::model::rule::Target;
use crate::ops::{Binary, Contraction};
use std::collections::HashMap;

/// Letter of the batch in contractions.
pub(super) const BATCH: u8 = 200;

/// Examples evaluated at once.
const CHUNK: usize = 512;

/// Lowers a condition. An error is a sentence about what cannot be compiled.
pub fn lower(model: &mut Model) -> Result<Plan, String> {
    let new = new_values(model)?;
    let plan_slots = slots(model)?;
    let fields = fields(model)?;
    let init = init(model, &plan_slots)?;
    let prepare = prepare(model)?;
    let step = step(model, &plan_slots, &new)?;
    let measures = measures(model)?;
    let total: usize = model.splits.iter().map(|s| s.1 as usize).sum();
    let data = match &model.source {
        Some((source, examples, span)) => Some(Data {
            source: source.clone(),
            columns: model
                .columns
                .iter()
                .map(|(name, shape)| Column { name: name.clone(), shape: shape.clone() })
                .collect(),
            examples: *examples,
            span: *span,
        }),
        None if model.stream => None,
        None => Some(Data { source: DataSource::Drawn, columns: vec![], examples: total, span: Span::default() }),
    };
    let train = crate::model::task::trained(&model.splits);
    let size = model.splits.get(train).map_or(0, |s| s.1 as usize);
    Ok(Plan {
        name: model.experiment.clone(),
        precision: model.precision,
        slots: plan_slots,
        numbers: vec![],
        fields,
        data,
        splits: model.splits.iter().map(|(name, size)| Split { name: name.clone(), size: *size as usize }).collect(),
        init,
        prepare,
        step,
        measures,
        schedule: Schedule {
            length: model.length,
            batch: if size > 0 { model.batch.min(size) } else { model.batch },
            split: train,
            chunk: CHUNK,
        },
    })
}

/// What every slot begins with.
fn init(model: &Model, plan_slots: &[Slot]) -> Result<Program, String> {
    let weights = model.net.weights.len() as u32;
    let mut l = Lower::new(model, Mode::Init);
    for i in 0..plan_slots.len() as u32 {
        let node =
            if i < weights { model.net.weights[i as usize].init } else { model.net.slots[(i - weights) as usize].init };
        let v = l.value(node)?;
        let v = l.shaped(v, &plan_slots[i as usize].shape)?;
        l.program.slot_writes.push((SlotId(i), v.0));
    }
    Ok(l.program)
}

/// The fields of all examples.
fn prepare(model: &Model) -> Result<Program, String> {
    let mut l = Lower::new(model, Mode::Prepare);
    if !model.stream {
        for i in 0..model.fields.len() {
            l.drawing = true;
            let v = l.value(model.fields[i].definition)?;
            let v = l.with_batch(v);
            l.program.field_writes.push((FieldId(i as u32), v.0));
        }
    }
    Ok(l.program)
}

/// One update of everything that moves.
fn step(model: &Model, plan_slots: &[Slot], new: &[(Target, NodeId)]) -> Result<Program, String> {
    let weights = model.net.weights.len() as u32;
    let mut l = Lower::new(model, Mode::Step);
    l.training = true;
    for (target, node) in new {
        let slot = match target {
            Target::Weight(w) => w.0,
            Target::Slot(s) => weights + s,
        };
        let v = l.value(*node)?;
        let v = l.shaped(v, &plan_slots[slot as usize].shape)?;
        l.program.slot_writes.push((SlotId(slot), v.0));
    }
    if let Some(loss) = model.terms.loss {
        let v = l.mean(loss)?;
        l.program.outputs.push(v);
    }
    Ok(l.program)
}

/// The value of everything that an update moves: old value, moves, then `then`, then bounds (N13).
fn new_values(model: &mut Model) -> Result<Vec<(Target, NodeId)>, String> {
    let fail = |_| "an update whose parts do not add".to_string();
    let mut new: Vec<(Target, NodeId)> = Vec::new();
    for u in model.updates.clone() {
        let leaf = leaf_of(model, u.target);
        let at = match new.iter().position(|(t, _)| *t == u.target) {
            Some(i) => i,
            None => {
                new.push((u.target, leaf));
                new.len() - 1
            }
        };
        model.g.span = u.span;
        new[at].1 = model.g.add(new[at].1, u.moved).map_err(fail)?;
    }
    for then in model.thens.clone() {
        let replace: HashMap<NodeId, NodeId> = new.iter().map(|(t, n)| (leaf_of(model, *t), *n)).collect();
        if let Some(i) = new.iter().position(|(t, _)| *t == then.target) {
            new[i].1 = model.g.substitute(then.value, &replace).map_err(fail)?;
        }
    }
    for (t, n) in &mut new {
        let Target::Weight(w) = t else { continue };
        if let Some(mask) = model.net.weight(*w).mask {
            *n = model.g.mul(mask, *n).map_err(fail)?;
        }
        if let Some((low, high)) = model.net.weight(*w).bound {
            if let Some(l) = low {
                *n = model.g.binary(Binary::Max, *n, l).map_err(fail)?;
            }
            if let Some(h) = high {
                *n = model.g.binary(Binary::Min, *n, h).map_err(fail)?;
            }
        }
    }
    let mut states: Vec<_> = model.writes.iter().map(|(s, (n, _))| (Target::Slot(*s), *n)).collect();
    states.sort_by_key(|(t, _)| *t);
    new.extend(states);
    Ok(new)
}

fn leaf_of(model: &Model, t: Target) -> NodeId {
    match t {
        Target::Weight(w) => model.net.weight(w).leaf,
        Target::Slot(s) => model.net.slots[s as usize].leaf,
    }
}

fn known(shape: &[Axis]) -> Result<Vec<usize>, String> {
    shape.iter().map(|a| a.known().map(|n| n as usize).ok_or_else(|| format!("the size `{a}` is not known"))).collect()
}

fn slots(model: &Model) -> Result<Vec<Slot>, String> {
    let mut out = Vec::new();
    for w in &model.net.weights {
        let name = format!("{}: {}", model.net.edge_text(w.edge), w.name);
        out.push(Slot { name, shape: known(&w.shape)?, span: w.span });
    }
    for s in &model.net.slots {
        out.push(Slot { name: s.name.clone(), shape: known(&s.ty.shape)?, span: s.span });
    }
    Ok(out)
}

fn fields(model: &Model) -> Result<Vec<Field>, String> {
    let mut out: Vec<Field> = Vec::new();
    for f in &model.fields {
        let per_replicate = model.g.reachable(&[f.definition]).iter().any(|n| match &model.g.node(*n).kind {
            NodeKind::Random(..) | NodeKind::Leaf(Leaf::Slot(_)) => true,
            NodeKind::Leaf(Leaf::Field(i)) => out.get(*i as usize).is_some_and(|f| f.per_replicate),
            _ => false,
        });
        let labels = match &f.ty.kind {
            crate::model::graph::Kind::Label(k) => k.known().map(|k| k as usize),
            _ => None,
        };
        out.push(Field { name: f.name.clone(), shape: known(&f.ty.shape)?, per_replicate, labels, span: f.span });
    }
    Ok(out)
}

/// Measures of one split and interval share a program.
fn measures(model: &Model) -> Result<Vec<MeasureProgram>, String> {
    let mut out: Vec<MeasureProgram> = Vec::new();
    let mut groups: Vec<(usize, Every)> = Vec::new();
    for m in &model.measures {
        if !groups.contains(&(m.split, m.every)) {
            groups.push((m.split, m.every));
        }
    }
    for (split, every) in groups {
        let group: Vec<&Measure> = model.measures.iter().filter(|m| (m.split, m.every) == (split, every)).collect();
        let examples = model.splits.get(split).map_or(0, |s| s.1 as usize);
        let whole = measure(model, &group)?;
        if !stages::at_once(&whole.program, examples, CHUNK) {
            out.push(whole);
            continue;
        }
        // What takes all examples at once does not make others take them.
        let (mut together, mut apart) = (Vec::new(), Vec::new());
        for m in group {
            let own = measure(model, &[m])?;
            if stages::at_once(&own.program, examples, CHUNK) { together.push(m) } else { apart.push(m) }
        }
        for group in [together, apart].iter().filter(|g| !g.is_empty()) {
            out.push(measure(model, group)?);
        }
    }
    Ok(out)
}

/// The program of measures that have one split and interval.
fn measure(model: &Model, group: &[&Measure]) -> Result<MeasureProgram, String> {
    let mut l = Lower::new(model, Mode::Step);
    let mut names = Vec::new();
    for m in group {
        let v = l.value(m.node)?;
        l.program.outputs.push(v.0);
        names.push(m.name.clone());
    }
    Ok(MeasureProgram { names, split: group[0].split, every: group[0].every, program: l.program })
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Weights and states are what they are drawn as.
    Init,
    /// Fields are what they are computed from.
    Prepare,
    Step,
}

pub(super) struct Lower<'a> {
    pub model: &'a Model,
    mode: Mode,
    pub program: Program,
    pub memo: HashMap<NodeId, (ValueId, bool)>,
    batched: HashMap<NodeId, bool>,
    /// Random numbers are of one example.
    drawing: bool,
    /// The program is an update.
    training: bool,
}

type Lowered = Result<(ValueId, bool), String>;

impl<'a> Lower<'a> {
    fn new(model: &'a Model, mode: Mode) -> Lower<'a> {
        Lower {
            model,
            mode,
            program: Program::default(),
            memo: HashMap::new(),
            batched: HashMap::new(),
            drawing: false,
            training: false,
        }
    }

    pub fn emit(&mut self, op: PlanOp, args: Vec<ValueId>, shape: Shape, span: Span) -> ValueId {
        let out = ValueId(self.program.values.len() as u32);
        self.program.values.push(Value { shape, name: None });
        self.program.instrs.push(Instr { op, args, out, span });
        out
    }

    pub fn shape(&self, node: &Node, batched: bool) -> Result<Shape, String> {
        let batch = Axis::symbol(BATCH_AXIS);
        let mut shape: Shape = batched.then_some(Dim::Batch).into_iter().collect();
        for a in &node.ty.shape {
            shape.push(if *a == batch { Dim::Batch } else { Dim::Fixed(known(std::slice::from_ref(a))?[0]) });
        }
        Ok(shape)
    }

    /// What a leaf is computed from in this program, if it is not read.
    fn definition(&self, leaf: &Leaf) -> Option<NodeId> {
        let m = self.model;
        match (leaf, self.mode) {
            (Leaf::Rate(p), _) => Some(m.net.pop(*p).rate),
            (Leaf::Drive(p), _) => m.net.pop(*p).drive,
            (Leaf::Noise(i), _) => Some(m.net.noises[*i as usize].node),
            (Leaf::In(i), _) => Some(m.net.values[*i as usize].node),
            (Leaf::Weight(w), Mode::Init) => Some(m.net.weight(*w).init),
            // What is fixed for a seed is drawn again for its data: the same stream gives the same numbers.
            (Leaf::Slot(s), Mode::Init | Mode::Prepare) => Some(m.net.slots[*s as usize].init),
            (Leaf::Field(i), Mode::Prepare) => Some(m.fields[*i as usize].definition),
            (Leaf::Field(i), Mode::Step) if m.stream => Some(m.fields[*i as usize].definition),
            _ => None,
        }
    }

    /// Whether random numbers under this leaf are of one example: those of fields are, those of a seed are not.
    fn within(&self, leaf: &Leaf) -> bool {
        match leaf {
            Leaf::Field(_) => true,
            Leaf::Slot(_) => false,
            Leaf::Noise(i) => self.model.net.noises[*i as usize].of_example,
            _ => self.drawing,
        }
    }

    /// Whether a value depends on the example.
    pub fn is_batched(&mut self, id: NodeId) -> bool {
        if let Some(b) = self.batched.get(&id) {
            return *b;
        }
        let node = self.model.g.node(id).clone();
        let b = match &node.kind {
            NodeKind::BatchMean | NodeKind::AllExamples => false,
            NodeKind::EachExample => true,
            NodeKind::Random(..) => self.drawing,
            NodeKind::Mark(_) => self.is_batched(node.args[0]),
            NodeKind::Leaf(leaf) => match self.definition(leaf) {
                Some(d) => {
                    let before = self.drawing;
                    self.drawing = self.within(leaf);
                    let b = self.is_batched(d);
                    self.drawing = before;
                    b
                }
                None => matches!(leaf, Leaf::Field(_) | Leaf::Column(_)),
            },
            _ => node.args.iter().any(|a| self.is_batched(*a)),
        };
        self.batched.insert(id, b);
        b
    }

    pub fn value(&mut self, id: NodeId) -> Lowered {
        if let Some(v) = self.memo.get(&id) {
            return Ok(*v);
        }
        let v = self.lower(id)?;
        self.memo.insert(id, v);
        Ok(v)
    }

    fn lower(&mut self, id: NodeId) -> Lowered {
        let node = self.model.g.node(id).clone();
        let span = node.span;
        match &node.kind {
            NodeKind::Const(bits) => Ok((self.emit(PlanOp::Op(Op::Const(*bits)), vec![], vec![], span), false)),
            NodeKind::Size(a) if a.known().is_none() && node.ty.shape.is_empty() => {
                let powers = a.powers(BATCH_AXIS).ok_or_else(|| format!("the size `{a}` is not known"))?;
                Ok((self.of_batch_size(&powers, span), false))
            }
            NodeKind::Size(a) => {
                let n = a.known().ok_or("a size is not known")? as usize;
                let op = if node.ty.shape.is_empty() { Op::constant(n as f64) } else { Op::Iota(n) };
                let shape = self.shape(&node, false)?;
                Ok((self.emit(PlanOp::Op(op), vec![], shape, span), false))
            }
            NodeKind::Leaf(Leaf::Training) => {
                let op = Op::constant(f64::from(self.training));
                Ok((self.emit(PlanOp::Op(op), vec![], vec![], span), false))
            }
            NodeKind::Leaf(leaf) => self.leaf(leaf, &node),
            NodeKind::Mark(crate::model::graph::Mark::Within(says)) => {
                let v = self.value(node.args[0])?;
                self.program.values[v.0.0 as usize].name = Some(says.to_string());
                Ok(v)
            }
            NodeKind::Mark(_) => self.value(node.args[0]),
            NodeKind::BatchMean => Ok((self.mean(node.args[0])?, false)),
            // The same numbers: what is along the batch is an axis like others, or the reverse.
            NodeKind::AllExamples => {
                let v = self.value(node.args[0])?;
                Ok((self.with_batch(v).0, false))
            }
            NodeKind::EachExample => Ok((self.value(node.args[0])?.0, true)),
            NodeKind::Random(distribution, stream) => {
                let batched = self.drawing;
                let shape = self.shape(&node, batched)?;
                let op = Op::Random { distribution: *distribution, stream: stream.to_string() };
                Ok((self.emit(PlanOp::Op(op), vec![], shape, span), batched))
            }
            NodeKind::Unary(op) => self.elementwise(Op::Unary(*op), &node),
            NodeKind::Binary(op) => self.elementwise(Op::Binary(*op), &node),
            NodeKind::Select => self.elementwise(Op::Select, &node),
            NodeKind::Contract(c) => {
                let (a, b) = (self.value(node.args[0])?, self.value(node.args[1])?);
                Ok(self.contract(c, a, b, &node)?)
            }
            NodeKind::Concat(axis) => {
                let mut args = Vec::new();
                let batched = node.args.iter().any(|a| self.is_batched(*a));
                for a in &node.args {
                    let v = self.value(*a)?;
                    args.push(if batched { self.with_batch(v).0 } else { v.0 });
                }
                let shape = self.shape(&node, batched)?;
                let op = Op::Concat { axis: axis + usize::from(batched) };
                Ok((self.emit(PlanOp::Op(op), args, shape, span), batched))
            }
            NodeKind::Unfold(_) | NodeKind::Fold(_) => {
                let x = self.value(node.args[0])?;
                self.windows(&node, x)
            }
            // A row of all examples, one number each, is the only one.
            kind @ (NodeKind::Softmax
            | NodeKind::LogSoftmax
            | NodeKind::LogSumExp
            | NodeKind::ArgMax
            | NodeKind::Rank)
                if self.program_shape(node.args[0])? == [Dim::Batch] =>
            {
                let (x, batched) = self.value(node.args[0])?;
                let row = vec![Dim::Fixed(1), Dim::Batch];
                let x = self.emit(PlanOp::Op(Op::Reshape), vec![x], row.clone(), span);
                let (op, shape) = (self.one_argument(kind, batched)?, self.shape(&node, batched)?);
                let inner = if shape.is_empty() { vec![Dim::Fixed(1)] } else { row };
                let x = self.emit(PlanOp::Op(op), vec![x], inner, span);
                Ok((self.emit(PlanOp::Op(Op::Reshape), vec![x], shape, span), batched))
            }
            kind => {
                let (x, batched) = self.value(node.args[0])?;
                let op = self.one_argument(kind, batched)?;
                let shape = self.shape(&node, batched)?;
                Ok((self.emit(PlanOp::Op(op), vec![x], shape, span), batched))
            }
        }
    }

    fn program_shape(&mut self, id: NodeId) -> Result<Shape, String> {
        let (v, _) = self.value(id)?;
        Ok(self.program.value(v).shape.clone())
    }

    /// A number that the examples computed together decide, by powers of how many these are.
    fn of_batch_size(&mut self, powers: &[(i32, f64)], span: Span) -> ValueId {
        let one = self.emit(PlanOp::Op(Op::constant(1.0)), vec![], vec![], span);
        let ones = self.emit(PlanOp::Op(Op::Expand { axes: vec![0] }), vec![one], vec![Dim::Batch], span);
        let op = Op::Reduce { how: crate::ops::Reduction::Sum, axes: vec![0] };
        let count = self.emit(PlanOp::Op(op), vec![ones], vec![], span);
        let mut total = None;
        for (power, factor) in powers {
            let by = if *power < 0 { Binary::Divide } else { Binary::Multiply };
            let mut term = match (*power, *factor) {
                (1, 1.0) => count,
                (_, factor) => self.emit(PlanOp::Op(Op::constant(factor)), vec![], vec![], span),
            };
            let times = if term == count { 0 } else { power.unsigned_abs() };
            for _ in 0..times {
                term = self.emit(PlanOp::Op(Op::Binary(by)), vec![term, count], vec![], span);
            }
            total = Some(match total {
                None => term,
                Some(sum) => self.emit(PlanOp::Op(Op::Binary(Binary::Add)), vec![sum, term], vec![], span),
            });
        }
        total.unwrap_or(count)
    }

    /// Operations of one argument whose axes shift by the batch.
    pub fn one_argument(&self, kind: &NodeKind, batched: bool) -> Result<Op, String> {
        let by = usize::from(batched);
        let shift = |axes: &[usize]| axes.iter().map(|a| a + by).collect::<Vec<_>>();
        Ok(match kind {
            NodeKind::Reduce(how, axes) => Op::Reduce { how: *how, axes: shift(axes) },
            NodeKind::Reshape => Op::Reshape,
            NodeKind::Permute(order) => Op::Permute { order: (0..by).chain(shift(order)).collect() },
            NodeKind::Expand(axes) => Op::Expand { axes: shift(axes) },
            NodeKind::Slice { axis, start, length } => Op::Slice { axis: axis + by, start: *start, length: *length },
            NodeKind::Embed { axis, start, length } => Op::Embed { axis: axis + by, start: *start, length: *length },
            NodeKind::Softmax => Op::Softmax,
            NodeKind::LogSoftmax => Op::LogSoftmax,
            NodeKind::LogSumExp => Op::LogSumExp,
            NodeKind::ArgMax => Op::ArgMax,
            NodeKind::Rank => Op::Rank,
            NodeKind::OneHot(k) => {
                Op::OneHot { classes: k.known().ok_or("a number of classes is not known")? as usize }
            }
            other => return Err(format!("{other:?} cannot be compiled")),
        })
    }

    fn leaf(&mut self, leaf: &Leaf, node: &Node) -> Lowered {
        if let Some(d) = self.definition(leaf) {
            let before = self.drawing;
            self.drawing = self.within(leaf);
            let v = self.value(d)?;
            self.drawing = before;
            let name = match leaf {
                Leaf::Rate(p) => Some(format!("{}.rate", self.model.net.pop(*p).name)),
                Leaf::Drive(p) => Some(format!("{}.drive", self.model.net.pop(*p).name)),
                Leaf::Noise(i) => Some(self.model.net.noises[*i as usize].name.clone()),
                Leaf::In(i) => Some(self.phase_name(*i)),
                _ => None,
            };
            let value = &mut self.program.values[v.0.0 as usize];
            if value.name.is_none() {
                value.name = name;
            }
            return Ok(v);
        }
        let weights = self.model.net.weights.len() as u32;
        let (read, batched, name) = match leaf {
            Leaf::Weight(w) => (Read::Slot(SlotId(w.0)), false, None),
            Leaf::Slot(s) => (Read::Slot(SlotId(weights + s)), false, None),
            Leaf::Field(i) => (Read::Field(FieldId(*i)), true, Some(self.model.fields[*i as usize].name.clone())),
            Leaf::Column(i) => (Read::Column(*i), true, None),
            Leaf::Step => (Read::Step, false, None),
            other => return Err(format!("{other:?} has no value here")),
        };
        let shape = self.shape(node, batched)?;
        let v = self.emit(PlanOp::Read(read), vec![], shape, node.span);
        self.program.values[v.0 as usize].name = name;
        Ok((v, batched))
    }

    /// `noisy: h.rate`
    fn phase_name(&self, i: u32) -> String {
        let net = &self.model.net;
        let value = &net.values[i as usize];
        let what = match &value.of {
            Leaf::Rate(p) => format!("{}.rate", net.pop(*p).name),
            Leaf::Drive(p) => format!("{}.drive", net.pop(*p).name),
            Leaf::Free(f) => net.frees[*f as usize].name.clone(),
            _ => String::new(),
        };
        match net.phases.get(value.phase as usize) {
            Some(p) => format!("{}: {what}", p.name),
            None => what,
        }
    }

    fn elementwise(&mut self, op: Op, node: &Node) -> Lowered {
        let rank = node.ty.shape.len();
        let mut args = Vec::new();
        let mut batched = false;
        for a in &node.args {
            let (v, b) = self.value(*a)?;
            batched |= b;
            args.push(if b { self.aligned(v, rank, node.span) } else { v });
        }
        let shape = self.shape(node, batched)?;
        Ok((self.emit(PlanOp::Op(op), args, shape, node.span), batched))
    }

    /// A batched scalar `[batch]` among tensors becomes `[batch, 1, ...]`.
    pub fn aligned(&mut self, v: ValueId, rank: usize, span: Span) -> ValueId {
        let shape = self.program.value(v).shape.clone();
        if shape.len() == rank + 1 {
            return v;
        }
        let shape = std::iter::once(Dim::Batch).chain((0..rank).map(|_| Dim::Fixed(1))).collect();
        self.emit(PlanOp::Op(Op::Reshape), vec![v], shape, span)
    }

    fn contract(&mut self, c: &Contraction, a: (ValueId, bool), b: (ValueId, bool), node: &Node) -> Lowered {
        let lead = |on: bool, letters: &[u8]| {
            on.then_some(BATCH).into_iter().chain(letters.iter().copied()).collect::<Vec<_>>()
        };
        let batched = a.1 || b.1;
        let spec = Contraction { a: lead(a.1, &c.a), b: lead(b.1, &c.b), out: lead(batched, &c.out) };
        let shape = self.shape(node, batched)?;
        Ok((self.emit(PlanOp::Op(Op::Contract(spec)), vec![a.0, b.0], shape, node.span), batched))
    }

    /// A value without a batch repeated along it.
    fn with_batch(&mut self, (v, batched): (ValueId, bool)) -> (ValueId, bool) {
        if batched {
            return (v, true);
        }
        let shape: Shape = std::iter::once(Dim::Batch).chain(self.program.value(v).shape.clone()).collect();
        (self.emit(PlanOp::Op(Op::Expand { axes: vec![0] }), vec![v], shape, Span::default()), true)
    }

    /// A scalar repeated to the shape of a slot.
    fn shaped(&mut self, (v, batched): (ValueId, bool), shape: &[usize]) -> Lowered {
        if batched {
            return Err("a parameter would depend on a single example".into());
        }
        let wanted: Shape = shape.iter().map(|n| Dim::Fixed(*n)).collect();
        if self.program.value(v).shape == wanted {
            return Ok((v, false));
        }
        let axes = (0..shape.len()).collect();
        Ok((self.emit(PlanOp::Op(Op::Expand { axes }), vec![v], wanted, Span::default()), false))
    }
}
