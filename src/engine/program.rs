//! A program bound to a batch size and to storage: a list of calls that are ready to run.
//!
//! Binding has two steps. [`Sketch`] decides where each value lies, without touching libtorch: values that are views
//! share their argument's storage, what depends on nothing that changes is computed once a replicate, a new value of a
//! slot is written into the slot itself if nothing reads the old one any more, and everything else shares temporary
//! space by liveness. [`Instance`] then makes the views and prepares the calls.

use crate::arena::{Reserve, Slab, Temporaries, restride};
use crate::kernels::{self, Call, Context, Operand};
use crate::view::View;
use std::rc::Rc;
use tch::{TchError, Tensor};
use trine::ops::Op;
use trine::plan::{Dim, FieldId, Instr, PlanOp, Program, Read, SlotId, ValueId};

/// Where the things lie that programs read and write.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    pub slots: Vec<usize>,
    /// Of the mini-batch, or of the chunk that is evaluated.
    pub fields: Vec<usize>,
    pub numbers: Vec<usize>,
    /// Of what stages of measures sum over all examples.
    pub sums: Vec<usize>,
}

/// The storage that a value lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// At a fixed place of the slab: slots, fields, numbers.
    Slab,
    /// In the program's own lasting space.
    Kept,
    Temporary,
    /// A column of the data, outside the slab.
    Column(u32),
}

#[derive(Clone, Debug)]
struct Place {
    base: Base,
    view: View,
    /// The value whose storage this is.
    root: usize,
    /// The slot whose storage this is, if it is one's.
    slot: Option<SlotId>,
}

/// Where each value of a program lies.
pub struct Sketch {
    places: Vec<Place>,
    /// Views that strides cannot express, which are copied.
    copied: Vec<bool>,
    once: Vec<bool>,
    /// Slot writes that need a copy at the end.
    copies: Vec<(SlotId, ValueId)>,
    pub kept: usize,
    pub temporaries: usize,
    pub batch: usize,
}

/// A program that can be run.
pub struct Instance {
    once: Vec<(usize, Call)>,
    steps: Vec<(usize, Call)>,
    finish: Vec<Call>,
    pub outputs: Vec<Tensor>,
    /// Reads the first result, if it is one number.
    pub first: Option<kernels::Number>,
    /// Values by id, for the instance that looks for where numbers stopped being finite.
    pub values: Vec<Tensor>,
    pub batch: usize,
}

/// A shape whose batch is known.
pub fn concrete(shape: &[Dim], batch: usize) -> Vec<usize> {
    shape
        .iter()
        .map(|dim| match dim {
            Dim::Fixed(n) => *n,
            Dim::Batch => batch,
        })
        .collect()
}

impl Sketch {
    /// With `keep`, every value keeps a place of its own and slots are written last.
    pub fn new(program: &Program, batch: usize, addresses: &Addresses, keep: bool) -> Sketch {
        let mut sketch = Sketch {
            places: Vec::with_capacity(program.values.len()),
            copied: vec![false; program.instrs.len()],
            once: vec![false; program.instrs.len()],
            copies: Vec::new(),
            kept: 0,
            temporaries: 0,
            batch,
        };
        let empty = View::contiguous(0, &[]);
        sketch.places = (0..program.values.len())
            .map(|root| Place { base: Base::Temporary, view: empty.clone(), root, slot: None })
            .collect();
        let mut kept = Reserve::default();
        sketch.resolve(program, addresses);
        sketch.find_invariants(program, &mut kept);
        let last = sketch.last_uses(program);
        let in_place = if keep { vec![None; program.values.len()] } else { sketch.in_place(program, &last) };
        sketch.place_the_rest(program, addresses, &last, &in_place, keep, &mut kept);
        sketch.follow_roots(program);
        sketch.copies = program
            .slot_writes
            .iter()
            .copied()
            .filter(|(slot, value)| in_place[value.0 as usize] != Some(*slot))
            .collect();
        sketch.kept = kept.used;
        sketch
    }

    /// Shapes, reads, and which values are views of which.
    fn resolve(&mut self, program: &Program, addresses: &Addresses) {
        for (index, instr) in program.instrs.iter().enumerate() {
            let out = instr.out.0 as usize;
            let size = concrete(&program.values[out].shape, self.batch);
            self.places[out].view = View::contiguous(0, &size);
            if let PlanOp::Read(read) = &instr.op {
                let place = &mut self.places[out];
                let (base, offset) = match read {
                    Read::Slot(slot) => {
                        place.slot = Some(*slot);
                        (Base::Slab, addresses.slots[slot.0 as usize])
                    }
                    Read::Field(field) => (Base::Slab, addresses.fields[field.0 as usize]),
                    Read::Number(number) => (Base::Slab, addresses.numbers[*number as usize]),
                    Read::Sum(sum) => (Base::Slab, addresses.sums[*sum as usize]),
                    Read::Column(column) => (Base::Column(*column), 0),
                    Read::Step => (Base::Temporary, 0),
                };
                place.base = base;
                place.view.offset = offset;
            } else if let Some(view) = self.as_view(instr, &size) {
                let from = self.places[instr.args[0].0 as usize].clone();
                self.places[out] = Place { view, ..from };
            } else {
                self.copied[index] = instr.is_view();
            }
        }
    }

    /// Relative to the root's own offset, which is not known yet for what lies in temporary space.
    fn as_view(&self, instr: &Instr, size: &[usize]) -> Option<View> {
        let PlanOp::Op(op) = &instr.op else { return None };
        let from = &self.places[instr.args.first()?.0 as usize].view;
        match op {
            Op::Reshape => from.reshape(size),
            Op::Permute { order } => Some(from.permute(order)),
            Op::Expand { axes } => Some(from.expand(axes, size)),
            Op::Slice { axis, start, length } => Some(from.slice(*axis, *start, *length)),
            Op::Unfold { axis, size, stride, dilation } => Some(from.unfold(*axis, *size, *stride, *dilation)),
            _ => None,
        }
    }

    fn is_free(&self, index: usize, instr: &Instr) -> bool {
        instr.is_view() && !self.copied[index]
    }

    /// What depends on constants and the replicate's numbers alone is computed once and kept.
    fn find_invariants(&mut self, program: &Program, kept: &mut Reserve) {
        let mut invariant = vec![false; program.values.len()];
        for (index, instr) in program.instrs.iter().enumerate() {
            let out = instr.out.0 as usize;
            invariant[out] = match &instr.op {
                PlanOp::Read(read) => matches!(read, Read::Number(_)),
                PlanOp::Op(Op::Random { .. }) => false,
                _ => instr.args.iter().all(|arg| invariant[arg.0 as usize]),
            };
            self.once[index] = invariant[out];
            if invariant[out] && !self.is_free(index, instr) && !matches!(instr.op, PlanOp::Read(_)) {
                self.places[out].base = Base::Kept;
                self.places[out].view.offset = kept.take(self.places[out].view.elements());
            }
        }
    }

    /// For each root the last instruction that reads its storage; one past the end if it must outlast them all.
    fn last_uses(&self, program: &Program) -> Vec<usize> {
        let mut last = vec![0; program.values.len()];
        for (index, instr) in program.instrs.iter().enumerate() {
            for value in instr.args.iter().chain([&instr.out]) {
                last[self.root(*value)] = index;
            }
        }
        let slot_writes = program.slot_writes.iter().map(|write| write.1);
        let field_writes = program.field_writes.iter().map(|write| write.1);
        for value in slot_writes.chain(field_writes).chain(program.outputs.iter().copied()) {
            last[self.root(value)] = program.instrs.len();
        }
        last
    }

    /// New values of slots that can be made where the old ones lie.
    fn in_place(&self, program: &Program, last: &[usize]) -> Vec<Option<SlotId>> {
        let mut chosen = vec![None; program.values.len()];
        for (slot, value) in &program.slot_writes {
            let out = value.0 as usize;
            let Some(index) = program.instrs.iter().position(|instr| instr.out == *value) else { continue };
            let instr = &program.instrs[index];
            let written_once = program.slot_writes.iter().filter(|write| write.1 == *value).count() == 1;
            if self.places[out].root != out
                || matches!(instr.op, PlanOp::Read(_))
                || self.once[index]
                || !written_once
                || chosen[out].is_some()
            {
                continue;
            }
            let old_is_read_later = (0..program.values.len())
                .any(|old| self.places[old].root == old && self.places[old].slot == Some(*slot) && last[old] > index);
            let reads_now: Vec<usize> =
                (0..instr.args.len()).filter(|&i| self.places[instr.args[i].0 as usize].slot == Some(*slot)).collect();
            let same = |i: &usize| {
                let view = &self.places[instr.args[*i].0 as usize].view;
                view.size == self.places[out].view.size && view.is_contiguous()
            };
            if !old_is_read_later && reads_now.iter().all(|i| same(i) && overwrites(&instr.op, *i)) {
                chosen[out] = Some(*slot);
            }
        }
        chosen
    }

    fn place_the_rest(
        &mut self,
        program: &Program,
        addresses: &Addresses,
        last: &[usize],
        in_place: &[Option<SlotId>],
        keep: bool,
        kept: &mut Reserve,
    ) {
        let mut room = Temporaries::default();
        let mut ending: Vec<Vec<usize>> = vec![Vec::new(); program.instrs.len() + 1];
        for (index, instr) in program.instrs.iter().enumerate() {
            let out = instr.out.0 as usize;
            if self.places[out].root == out && self.places[out].base == Base::Temporary {
                let elements = self.places[out].view.elements();
                let place = &mut self.places[out];
                if let Some(slot) = in_place[out] {
                    place.base = Base::Slab;
                    place.view.offset = addresses.slots[slot.0 as usize];
                } else if keep || last[out] == program.instrs.len() {
                    place.base = Base::Kept;
                    place.view.offset = kept.take(elements);
                } else {
                    place.view.offset = room.take(elements);
                    ending[last[out]].push(out);
                }
            }
            for &value in &ending[index] {
                room.give_back(self.places[value].view.offset, self.places[value].view.elements());
            }
        }
        self.temporaries = room.peak;
    }

    /// Gives views the base and offset that their roots have now.
    fn follow_roots(&mut self, program: &Program) {
        for (index, instr) in program.instrs.iter().enumerate() {
            if self.is_free(index, instr) {
                let from = self.places[instr.args[0].0 as usize].clone();
                let out = instr.out.0 as usize;
                let size = self.places[out].view.size.clone();
                // Strides do not depend on offsets, so what was a view before is one now.
                let mut view = self.places[out].view.clone();
                view.offset = match &instr.op {
                    PlanOp::Op(Op::Slice { axis, start, .. }) => from.view.offset + start * from.view.stride[*axis],
                    _ => from.view.offset,
                };
                debug_assert_eq!(view.size, size);
                self.places[out] = Place { view, ..from };
            }
        }
    }

    fn root(&self, value: ValueId) -> usize {
        self.places[value.0 as usize].root
    }
}

/// Whether an operation may write its result over its argument of this index.
fn overwrites(op: &PlanOp, arg: usize) -> bool {
    match op {
        PlanOp::Op(op) => matches!(op, Op::Unary(_) | Op::Binary(_) | Op::Select),
        PlanOp::AddScaled { .. } | PlanOp::Fused(_) => true,
        PlanOp::AccumulateContract { .. } => arg == 2,
        PlanOp::ScaledContract { .. } | PlanOp::Read(_) => false,
    }
}

/// Storage for a sketch: the slab, and where in it the program's own spaces begin.
pub struct Storage<'a> {
    pub slab: &'a Slab,
    pub kept: usize,
    pub temporaries: usize,
    pub columns: &'a [Tensor],
    pub addresses: &'a Addresses,
}

impl Instance {
    /// `fields` are where field writes go: all examples of each field.
    pub fn new(
        program: &Program,
        sketch: &Sketch,
        storage: &Storage,
        context: &Context,
        fields: &[Tensor],
    ) -> Result<Instance, TchError> {
        let mut operands: Vec<Operand> = Vec::with_capacity(program.values.len());
        for (place, value) in sketch.places.iter().zip(&program.values) {
            let mut operand = storage.operand(place)?;
            operand.batched = value.shape.first() == Some(&Dim::Batch);
            operands.push(operand);
        }
        let mut instance = Instance {
            once: Vec::new(),
            steps: Vec::new(),
            finish: Vec::new(),
            outputs: Vec::new(),
            first: None,
            values: Vec::new(),
            batch: sketch.batch,
        };
        for (index, instr) in program.instrs.iter().enumerate() {
            if let PlanOp::Op(Op::Const(bits)) = instr.op {
                operands[instr.out.0 as usize].constant = Some(f64::from_bits(bits));
            }
            if sketch.is_free(index, instr) {
                let constant = operands[instr.args[0].0 as usize].constant;
                operands[instr.out.0 as usize].constant = constant;
                continue;
            }
            if matches!(&instr.op, PlanOp::Read(read) if *read != Read::Step) {
                continue;
            }
            let args: Vec<Operand> = instr.args.iter().map(|arg| operands[arg.0 as usize].again()).collect();
            let call = kernels::prepare(&instr.op, context, &args, &operands[instr.out.0 as usize])?;
            if sketch.once[index] {
                instance.once.push((index, call));
            } else {
                instance.steps.push((index, call));
            }
        }
        instance.finish_slots(program, sketch, storage, context, &operands)?;
        for (field, value) in &program.field_writes {
            instance.finish.push(field_copy(*field, &operands[value.0 as usize], fields)?);
        }
        instance.outputs =
            program.outputs.iter().map(|value| operands[value.0 as usize].tensor.shallow_clone()).collect();
        if let Some(first) = program.outputs.first().map(|value| &operands[value.0 as usize])
            && first.elements() == 1
        {
            instance.first = Some(kernels::number(context, first));
        }
        instance.values = operands.iter().map(|operand| operand.tensor.shallow_clone()).collect();
        Ok(instance)
    }

    /// Values that could not be made in place are copied at the end, all from values before any copy.
    fn finish_slots(
        &mut self,
        program: &Program,
        sketch: &Sketch,
        storage: &Storage,
        context: &Context,
        operands: &[Operand],
    ) -> Result<(), TchError> {
        let mut late = Vec::new();
        for (slot, value) in &sketch.copies {
            let from = &operands[value.0 as usize];
            let size = concrete(&program.values[value.0 as usize].shape, sketch.batch);
            let view = View::contiguous(storage.addresses.slots[slot.0 as usize], &size);
            let to = Operand { tensor: storage.slab.view(&view)?, view, constant: None, batched: false, slack: true };
            if sketch.places[value.0 as usize].slot.is_some() {
                let aside = context.scratch(&size)?;
                self.finish.push(kernels::copied(context, from, &aside)?);
                late.push(kernels::copied(context, &aside, &to)?);
            } else {
                late.push(kernels::copied(context, from, &to)?);
            }
        }
        self.finish.extend(late);
        Ok(())
    }

    /// What does not change while a replicate trains.
    pub fn begin(&mut self) -> Result<(), TchError> {
        self.once.iter_mut().try_for_each(|(_, call)| call())
    }

    pub fn run(&mut self) -> Result<(), TchError> {
        self.steps.iter_mut().try_for_each(|(_, call)| call())?;
        self.finish.iter_mut().try_for_each(|call| call())
    }

    /// Everything but the writes.
    pub fn compute(&mut self) -> Result<(), TchError> {
        self.steps.iter_mut().try_for_each(|(_, call)| call())
    }

    /// Whether every call has left its result where it belongs: libtorch moves a result whose shape it disagrees with.
    pub fn misplaced(&self, program: &Program) -> Option<usize> {
        self.once.iter().chain(&self.steps).map(|(index, _)| *index).find(|index| {
            let out = program.instrs[*index].out;
            let expected = concrete(&program.value(out).shape, self.batch);
            self.values[out.0 as usize].size() != crate::view::signed(&expected)
        })
    }
}

impl Storage<'_> {
    fn operand(&self, place: &Place) -> Result<Operand, TchError> {
        let mut view = place.view.clone();
        let tensor = match place.base {
            Base::Column(column) => {
                let column = self.columns.get(column as usize).ok_or_else(|| kernels::refused("no such column"))?;
                restride(column, &view)?
            }
            base => {
                view.offset += match base {
                    Base::Kept => self.kept,
                    Base::Temporary => self.temporaries,
                    Base::Slab | Base::Column(_) => 0,
                };
                self.slab.view(&view)?
            }
        };
        let slack = !matches!(place.base, Base::Column(_));
        Ok(Operand { tensor, view, constant: None, batched: false, slack })
    }
}

fn field_copy(field: FieldId, from: &Operand, fields: &[Tensor]) -> Result<Call, TchError> {
    let to = fields.get(field.0 as usize).ok_or_else(|| kernels::refused("no such field"))?;
    let (from, mut to) = (from.tensor.shallow_clone(), to.shallow_clone());
    Ok(Box::new(move || to.f_copy_(&from)))
}

/// The context of a program on this device.
pub fn context(slab: &Slab, moment: &Rc<kernels::Moment>, batch: usize) -> Context {
    Context {
        kind: slab.numbers.kind(),
        device: slab.numbers.device(),
        moment: moment.clone(),
        batch,
        level: kernels::native::level(),
    }
}
