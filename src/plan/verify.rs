//! What holds of every plan: values are defined once and before use, shapes follow from operations, everything that
//! is named exists, and writes fit where they go.
//!
//! A plan that fails is a fault of the compiler, never of a spec; the text says which program and value.

use super::{Dim, FieldId, FusedOp, Plan, PlanOp, Program, Read, Shape, SlotId};
use crate::ops::{Contraction, Op};

/// Which program of a plan, and so what it may read and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Init,
    Prepare,
    Step,
    Measure,
}

/// Checks a whole plan. The error names the program and the value.
pub fn verify(plan: &Plan) -> Result<(), String> {
    let within = |what: &str, program: &Program, place| {
        verify_program(plan, program, place).map_err(|fault| format!("{what}: {fault}"))
    };
    within("init", &plan.init, Place::Init)?;
    within("prepare", &plan.prepare, Place::Prepare)?;
    within("step", &plan.step, Place::Step)?;
    let measures = plan.measures.iter();
    for measure in measures {
        within(&format!("measures {}", measure.names.join(", ")), &measure.program, Place::Measure)?;
        if measure.names.len() != measure.program.outputs.len() {
            let (names, outputs) = (measure.names.len(), measure.program.outputs.len());
            return Err(format!("{names} measures are named, and {outputs} computed"));
        }
        if measure.split >= plan.splits.len() {
            return Err(format!("measures {} are of a split that there is not", measure.names.join(", ")));
        }
    }
    let written = plan.prepare.field_writes.len();
    if written != 0 && written != plan.fields.len() {
        return Err(format!("prepare: {written} of {} fields are written", plan.fields.len()));
    }
    if let Some(slot) = (0..plan.slots.len()).find(|i| !plan.init.slot_writes.iter().any(|w| w.0.0 as usize == *i)) {
        return Err(format!("init: slot `{}` is not written", plan.slots[slot].name));
    }
    if plan.schedule.batch == 0 || plan.schedule.chunk == 0 {
        return Err("the schedule has a batch or chunk of no examples".into());
    }
    if !plan.splits.is_empty() && plan.schedule.split >= plan.splits.len() {
        return Err("the schedule trains on a split that there is not".into());
    }
    Ok(())
}

/// Checks one program against the tables of its plan.
pub fn verify_program(plan: &Plan, program: &Program, place: Place) -> Result<(), String> {
    let mut defined = vec![false; program.values.len()];
    for instr in &program.instrs {
        let shape_of = |v: super::ValueId| program.values.get(v.0 as usize).map(|v| v.shape.as_slice());
        let fail = |fault: String| {
            let name = program.values.get(instr.out.0 as usize).and_then(|v| v.name.as_deref()).unwrap_or("unnamed");
            format!("%{} ({name}) = {:?}: {fault}", instr.out.0, instr.op)
        };
        let declared = shape_of(instr.out).ok_or_else(|| fail("the value is not in the table".into()))?;
        let mut args = Vec::new();
        for arg in &instr.args {
            if !defined.get(arg.0 as usize).copied().unwrap_or(false) {
                return Err(fail(format!("%{} is read before it is defined", arg.0)));
            }
            args.push(shape_of(*arg).unwrap_or(&[]));
        }
        let shape = match &instr.op {
            PlanOp::Read(read) if instr.args.is_empty() => read_shape(plan, *read, place).map_err(fail)?,
            op => infer(op, &args, declared).map_err(fail)?,
        };
        if shape != declared {
            return Err(fail(format!("the shape is {}, not {}", text(&shape), text(declared))));
        }
        if place == Place::Init && shape.contains(&Dim::Batch) {
            return Err(fail("a batch where there are no examples".into()));
        }
        if std::mem::replace(&mut defined[instr.out.0 as usize], true) {
            return Err(fail("the value is defined twice".into()));
        }
    }
    if let Some(id) = defined.iter().position(|d| !d) {
        return Err(format!("%{id} is never defined"));
    }
    writes(plan, program, place)
}

/// Writes and outputs exist, fit, and are allowed here.
fn writes(plan: &Plan, program: &Program, place: Place) -> Result<(), String> {
    let shape = |v: super::ValueId| {
        let value =
            program.values.get(v.0 as usize).ok_or_else(|| format!("%{} is written and does not exist", v.0))?;
        Ok::<_, String>(value.shape.as_slice())
    };
    if !program.slot_writes.is_empty() && !matches!(place, Place::Init | Place::Step) {
        return Err("a slot is written outside of init and step".into());
    }
    let mut seen: Vec<SlotId> = Vec::new();
    for (id, value) in &program.slot_writes {
        let slot = plan.slots.get(id.0 as usize).ok_or_else(|| format!("slot {} does not exist", id.0))?;
        let wanted: Shape = slot.shape.iter().map(|n| Dim::Fixed(*n)).collect();
        let got = shape(*value)?;
        if got != wanted {
            return Err(format!("slot `{}` is {}, and {} is written", slot.name, text(&wanted), text(got)));
        }
        if seen.contains(id) {
            return Err(format!("slot `{}` is written twice", slot.name));
        }
        seen.push(*id);
    }
    if !program.field_writes.is_empty() && place != Place::Prepare {
        return Err("a field is written outside of prepare".into());
    }
    let mut seen: Vec<FieldId> = Vec::new();
    for (id, value) in &program.field_writes {
        let field = plan.fields.get(id.0 as usize).ok_or_else(|| format!("field {} does not exist", id.0))?;
        let (wanted, got) = (rows(&field.shape), shape(*value)?);
        if got != wanted {
            return Err(format!("field `{}` is {}, and {} is written", field.name, text(&wanted), text(got)));
        }
        if seen.contains(id) {
            return Err(format!("field `{}` is written twice", field.name));
        }
        seen.push(*id);
    }
    for output in &program.outputs {
        if shape(*output)?.contains(&Dim::Batch) && place == Place::Step {
            return Err(format!("output %{} is of single examples", output.0));
        }
    }
    Ok(())
}

fn read_shape(plan: &Plan, read: Read, place: Place) -> Result<Shape, String> {
    match read {
        Read::Slot(_) if place == Place::Init => Err("a slot is read before it is written".into()),
        Read::Slot(id) => match plan.slots.get(id.0 as usize) {
            Some(slot) => Ok(slot.shape.iter().map(|n| Dim::Fixed(*n)).collect()),
            None => Err(format!("slot {} does not exist", id.0)),
        },
        Read::Field(_) if !matches!(place, Place::Step | Place::Measure) => Err("a field is read before it is".into()),
        Read::Field(id) => match plan.fields.get(id.0 as usize) {
            Some(field) => Ok(rows(&field.shape)),
            None => Err(format!("field {} does not exist", id.0)),
        },
        Read::Column(_) if place != Place::Prepare => Err("a column is read outside of prepare".into()),
        Read::Column(id) => match plan.data.as_ref().and_then(|d| d.columns.get(id as usize)) {
            Some(column) => Ok(rows(&column.shape)),
            None => Err(format!("column {id} does not exist")),
        },
        Read::Number(id) if id as usize >= plan.numbers.len() => Err(format!("number {id} does not exist")),
        Read::Number(_) | Read::Step => Ok(vec![]),
        Read::Sum(_) => Err("a sum over examples is read outside of a stage".into()),
    }
}

fn rows(shape: &[usize]) -> Shape {
    std::iter::once(Dim::Batch).chain(shape.iter().map(|n| Dim::Fixed(*n))).collect()
}

/// The shape of a result. `declared` is what the value table says, and is followed (and checked) only where the
/// arguments do not decide: `Random`, `Reshape`, `Expand`.
pub fn infer(op: &PlanOp, args: &[&[Dim]], declared: &[Dim]) -> Result<Shape, String> {
    match op {
        PlanOp::Read(_) => Err("a read has no arguments".into()),
        PlanOp::Op(op) => infer_op(op, args, declared),
        PlanOp::ScaledContract { contraction, over_batch, .. } => {
            let [a, b] = exactly(args)?;
            of_batch(*over_batch, a, b)?;
            contracted(contraction, a, b)
        }
        PlanOp::AccumulateContract { contraction, over_batch, .. } => {
            let [a, b, c] = exactly(args)?;
            of_batch(*over_batch, a, b)?;
            let shape = contracted(contraction, a, b)?;
            if shape != c {
                return Err(format!("{} is added to {}", text(&shape), text(c)));
            }
            Ok(shape)
        }
        PlanOp::AddScaled { .. } => {
            let [a, b] = exactly(args)?;
            if a != b {
                return Err(format!("{} and {} are not one shape", text(a), text(b)));
            }
            Ok(a.to_vec())
        }
        PlanOp::Fused(ops) => fused(ops, args),
    }
}

fn of_batch(over_batch: bool, a: &[Dim], b: &[Dim]) -> Result<(), String> {
    if over_batch && !a.contains(&Dim::Batch) && !b.contains(&Dim::Batch) {
        return Err("divided by the size of a batch that is not there".into());
    }
    Ok(())
}

fn infer_op(op: &Op, args: &[&[Dim]], declared: &[Dim]) -> Result<Shape, String> {
    match op {
        Op::Const(_) => exactly::<0>(args).map(|_| vec![]),
        Op::Iota(n) => exactly::<0>(args).map(|_| vec![Dim::Fixed(*n)]),
        Op::Random { .. } => exactly::<0>(args).map(|_| declared.to_vec()),
        Op::Unary(_) => exactly(args).map(|[x]| x.to_vec()),
        Op::Binary(_) => broadcast(&exactly::<2>(args)?),
        Op::Select => broadcast(&exactly::<3>(args)?),
        Op::Contract(c) => exactly(args).and_then(|[a, b]| contracted(c, a, b)),
        Op::Reduce { axes, .. } => {
            let [x] = exactly(args)?;
            distinct(axes, x.len())?;
            Ok(without(x, axes))
        }
        Op::Reshape => {
            let [x] = exactly(args)?;
            if elements(x) != elements(declared) {
                return Err(format!("{} and {} have not the same elements", text(x), text(declared)));
            }
            Ok(declared.to_vec())
        }
        Op::Permute { order } => {
            let [x] = exactly(args)?;
            distinct(order, x.len())?;
            if order.len() != x.len() {
                return Err(format!("{} axes in another order: {order:?}", x.len()));
            }
            Ok(order.iter().map(|i| x[*i]).collect())
        }
        Op::Expand { axes } => {
            let [x] = exactly(args)?;
            distinct(axes, declared.len())?;
            if without(declared, axes) != x {
                return Err(format!("{} is not {} repeated along {axes:?}", text(declared), text(x)));
            }
            Ok(declared.to_vec())
        }
        Op::Slice { axis, start, length } => {
            let [x] = exactly(args)?;
            let size = fixed(x, *axis)?;
            if start + length > size {
                return Err(format!("elements {start}..{} of {size}", start + length));
            }
            Ok(with(x, *axis, *length))
        }
        Op::Embed { axis, start, length } => {
            let [x] = exactly(args)?;
            let size = fixed(x, *axis)?;
            if start + size > *length {
                return Err(format!("{size} elements from {start} in an axis of {length}"));
            }
            Ok(with(x, *axis, *length))
        }
        Op::Concat { axis } => {
            let first = *args.first().ok_or("nothing is joined")?;
            let mut total = 0;
            for arg in args {
                total += fixed(arg, *axis)?;
                if without(arg, &[*axis]) != without(first, &[*axis]) {
                    return Err(format!("{} and {} are joined along axis {axis}", text(first), text(arg)));
                }
            }
            Ok(with(first, *axis, total))
        }
        Op::Unfold { axis, size, stride, dilation } => {
            let [x] = exactly(args)?;
            let length = fixed(x, *axis)?;
            let count = windows(length, *size, *stride, *dilation)?;
            Ok(with(x, *axis, count).into_iter().chain([Dim::Fixed(*size)]).collect())
        }
        Op::Fold { axis, length, stride, dilation } => {
            let [x] = exactly(args)?;
            let (count, last) = (fixed(x, *axis)?, x.len() - 1);
            let size = fixed(x, last)?;
            if *axis == last || count != windows(*length, size, *stride, *dilation)? {
                return Err(format!("{} is not the windows of an axis of {length}", text(x)));
            }
            Ok(with(&x[..last], *axis, *length))
        }
        Op::Softmax | Op::LogSoftmax | Op::Rank => row(args).map(|(x, _)| x.to_vec()),
        Op::LogSumExp | Op::ArgMax => row(args).map(|(_, rest)| rest.to_vec()),
        Op::OneHot { classes } => {
            let [x] = exactly(args)?;
            Ok(x.iter().copied().chain([Dim::Fixed(*classes)]).collect())
        }
        Op::CumulativeSum { axis } => {
            let [x] = exactly(args)?;
            fixed(x, *axis)?;
            Ok(x.to_vec())
        }
    }
}

/// How many windows an axis has.
fn windows(length: usize, size: usize, stride: usize, dilation: usize) -> Result<usize, String> {
    let reach = size.checked_sub(1).map(|s| s * dilation + 1).filter(|_| stride > 0);
    match reach {
        Some(reach) if reach <= length => Ok((length - reach) / stride + 1),
        _ => Err(format!("windows of {size}, {stride} apart, of an axis of {length}")),
    }
}

/// The shape of one example's row function: all axes, and all but the last, which is not the batch.
fn row<'a>(args: &[&'a [Dim]]) -> Result<(&'a [Dim], &'a [Dim]), String> {
    let [x] = exactly(args)?;
    match x.split_last() {
        Some((Dim::Fixed(_), rest)) => Ok((x, rest)),
        // Other examples are a row of their own, beside the example that the row belongs to.
        Some((Dim::Batch, rest)) if !rest.is_empty() => Ok((x, rest)),
        _ => Err(format!("{} has no last axis of its own", text(x))),
    }
}

/// Shapes aligned at the right; an axis of length 1 is repeated.
pub fn broadcast(shapes: &[&[Dim]]) -> Result<Shape, String> {
    let rank = shapes.iter().map(|s| s.len()).max().unwrap_or(0);
    let mut out = vec![Dim::Fixed(1); rank];
    for shape in shapes {
        for (have, dim) in out[rank - shape.len()..].iter_mut().zip(*shape) {
            match (*have, *dim) {
                (a, b) if a == b => {}
                (Dim::Fixed(1), b) => *have = b,
                (_, Dim::Fixed(1)) => {}
                _ => {
                    let all: Vec<String> = shapes.iter().map(|s| text(s)).collect();
                    return Err(format!("{} do not agree", all.join(" and ")));
                }
            }
        }
    }
    Ok(out)
}

fn contracted(c: &Contraction, a: &[Dim], b: &[Dim]) -> Result<Shape, String> {
    if c.a.len() != a.len() || c.b.len() != b.len() {
        return Err(format!("letters for {} and {} axes of {} and {}", c.a.len(), c.b.len(), text(a), text(b)));
    }
    let mut size: [Option<Dim>; 256] = [None; 256];
    for (letter, dim) in c.a.iter().zip(a).chain(c.b.iter().zip(b)) {
        let known = size[*letter as usize].get_or_insert(*dim);
        if known != dim {
            return Err(format!("one letter for the sizes {} and {}", text(&[*known]), text(&[*dim])));
        }
    }
    if let Some(i) = (1..c.out.len()).find(|i| c.out[..*i].contains(&c.out[*i])) {
        return Err(format!("axis {i} of the result has the letter of another"));
    }
    c.out.iter().map(|l| size[*l as usize].ok_or_else(|| "a letter of the result is in no argument".into())).collect()
}

/// All operations of a group are elementwise; its result is its last operation's.
fn fused(ops: &[FusedOp], args: &[&[Dim]]) -> Result<Shape, String> {
    let mut shapes: Vec<Shape> = args.iter().map(|a| a.to_vec()).collect();
    for op in ops {
        let operands: Option<Vec<&[Dim]>> =
            op.operands.iter().map(|i| shapes.get(*i as usize).map(Vec::as_slice)).collect();
        let operands = operands.ok_or("an operand of a group is not in it")?;
        let shape = match op.op {
            Op::Const(_) | Op::Unary(_) | Op::Binary(_) | Op::Select => infer_op(&op.op, &operands, &[])?,
            _ => return Err(format!("{:?} in a group of elementwise operations", op.op)),
        };
        shapes.push(shape);
    }
    if ops.is_empty() {
        return Err("an empty group".into());
    }
    shapes.pop().ok_or_else(|| "an empty group".into())
}

fn exactly<'a, const N: usize>(args: &[&'a [Dim]]) -> Result<[&'a [Dim]; N], String> {
    args.try_into().map_err(|_| format!("{} arguments instead of {N}", args.len()))
}

fn distinct(axes: &[usize], rank: usize) -> Result<(), String> {
    let fits = axes.iter().enumerate().all(|(i, axis)| *axis < rank && !axes[..i].contains(axis));
    if fits { Ok(()) } else { Err(format!("axes {axes:?} of {rank}")) }
}

fn fixed(shape: &[Dim], axis: usize) -> Result<usize, String> {
    match shape.get(axis) {
        Some(Dim::Fixed(n)) => Ok(*n),
        Some(Dim::Batch) => Err("the batch is cut or joined".into()),
        None => Err(format!("axis {axis} of {}", text(shape))),
    }
}

fn with(shape: &[Dim], axis: usize, length: usize) -> Shape {
    let mut out = shape.to_vec();
    out[axis] = Dim::Fixed(length);
    out
}

fn without(shape: &[Dim], axes: &[usize]) -> Shape {
    (0..shape.len()).filter(|i| !axes.contains(i)).map(|i| shape[i]).collect()
}

/// How many batch axes, and how many elements for one example.
fn elements(shape: &[Dim]) -> (usize, usize) {
    let fixed = shape.iter().map(|d| if let Dim::Fixed(n) = d { *n } else { 1 }).product();
    (shape.iter().filter(|d| **d == Dim::Batch).count(), fixed)
}

/// `[batch, 64]`
pub fn text(shape: &[Dim]) -> String {
    let dims: Vec<String> = shape
        .iter()
        .map(|d| match d {
            Dim::Fixed(n) => n.to_string(),
            Dim::Batch => "batch".into(),
        })
        .collect();
    format!("[{}]", dims.join(", "))
}
