//! From an operation of a plan to a call that is ready to run: everything that can be decided once (views, orders,
//! scratch, scalars) is decided here, and the call writes into storage that exists.
//!
//! Each family has one file, each operation one arm; an operation without an arm does not compile.

mod contract;
mod elementwise;
mod fused;
pub mod native;
mod random;
mod reduce;
mod rows;
mod shape;

use crate::arena::{SLACK, restride};
use crate::view::View;
pub use random::tensor;
use std::cell::Cell;
use std::rc::Rc;
use tch::{Device, Kind, TchError, Tensor};
use trine::ops::Op;
use trine::plan::{PlanOp, Read};

/// Runs an instruction on the storage that it was prepared for.
pub type Call = Box<dyn FnMut() -> Result<(), TchError>>;

pub type Prepared = Result<Call, TchError>;

/// When and for whom a program runs: what its random numbers depend on.
#[derive(Debug, Default)]
pub struct Moment {
    pub seed: Cell<u64>,
    pub step: Cell<u64>,
    /// Position in its split of the first example at hand.
    pub row: Cell<u64>,
    /// 0, or the number of a split whose examples are drawn afresh, so that they are not those that are trained on.
    pub split: Cell<u64>,
}

/// What every kernel is prepared with.
pub struct Context {
    pub kind: Kind,
    pub device: Device,
    pub moment: Rc<Moment>,
    /// Examples in the program's batch.
    pub batch: usize,
    /// The vectors that small operations may use; libtorch makes everything without.
    pub level: Option<native::Level>,
}

impl Context {
    /// Storage of a kernel's own.
    pub fn scratch(&self, size: &[usize]) -> Result<Operand, TchError> {
        self.scratch_of(size, self.kind)
    }

    pub fn scratch_of(&self, size: &[usize], kind: Kind) -> Result<Operand, TchError> {
        let view = View::contiguous(0, size);
        let room = Tensor::f_zeros([(view.elements() + SLACK) as i64], (kind, self.device))?;
        Ok(Operand { tensor: restride(&room, &view)?, view, constant: None, batched: false, slack: true })
    }

    /// A number as a tensor without axes, which costs a call less than a scalar does.
    pub fn number(&self, value: f64) -> Result<Tensor, TchError> {
        Tensor::f_full([0i64; 0], value, (self.kind, self.device))
    }
}

/// A value as a kernel sees it.
pub struct Operand {
    pub tensor: Tensor,
    pub view: View,
    /// Its value, if that is one number known in advance.
    pub constant: Option<f64>,
    /// Whether the first axis is the batch.
    pub batched: bool,
    /// Whether the storage has [`SLACK`] numbers after the last of these.
    pub slack: bool,
}

impl Operand {
    /// Another view of the same storage.
    pub fn with(&self, view: View) -> Result<Operand, TchError> {
        let tensor = restride(&self.tensor, &view)?;
        Ok(Operand { tensor, view, batched: false, ..*self })
    }

    pub fn size(&self) -> &[usize] {
        &self.view.size
    }

    pub fn elements(&self) -> usize {
        self.view.elements()
    }

    /// Whether both are the same elements of the same storage.
    pub fn is(&self, other: &Operand) -> bool {
        self.view == other.view && self.tensor.data_ptr() == other.tensor.data_ptr()
    }

    pub fn again(&self) -> Operand {
        Operand { tensor: self.tensor.shallow_clone(), view: self.view.clone(), ..*self }
    }
}

/// Prepares an instruction: arguments and result are views of storage that exists.
pub fn prepare(op: &PlanOp, context: &Context, args: &[Operand], out: &Operand) -> Prepared {
    if let Some(call) = native::prepare(op, context, args, out) {
        return Ok(call);
    }
    match op {
        PlanOp::Read(read) => self::read(read, context, out),
        PlanOp::Op(op) => primitive(op, context, args, out),
        PlanOp::ScaledContract { contraction, scale, over_batch } => {
            contract::contract(context, contraction, args, out, factor(*scale, *over_batch, context))
        }
        PlanOp::AccumulateContract { contraction, scale, over_batch } => {
            contract::contract(context, contraction, args, out, factor(*scale, *over_batch, context))
        }
        PlanOp::AddScaled { scale } => {
            elementwise::add_scaled(context, arg(args, 0)?, arg(args, 1)?, out, f64::from_bits(*scale))
        }
        PlanOp::Fused(ops) => fused::fused(ops, context, args, out),
    }
}

/// One of the primitive operations, by libtorch.
fn primitive(op: &Op, context: &Context, args: &[Operand], out: &Operand) -> Prepared {
    match op {
        Op::Const(bits) => fill(out, f64::from_bits(*bits)),
        Op::Iota(n) => shape::iota(context, *n, out),
        Op::Random { distribution, stream } => random::random(context, *distribution, stream, out),
        Op::Unary(unary) => elementwise::unary(*unary, context, arg(args, 0)?, out),
        Op::Binary(binary) => elementwise::binary(*binary, context, arg(args, 0)?, arg(args, 1)?, out),
        Op::Select => elementwise::select(context, arg(args, 0)?, arg(args, 1)?, arg(args, 2)?, out),
        Op::Contract(contraction) => contract::contract(context, contraction, args, out, 1.0),
        Op::Reduce { how, axes } => reduce::reduce(*how, axes, arg(args, 0)?, out),
        Op::Reshape => shape::reshape(context, arg(args, 0)?, out),
        Op::Permute { order } => copy(&arg(args, 0)?.with(arg(args, 0)?.view.permute(order))?, out),
        Op::Expand { axes } => copy(&arg(args, 0)?.with(arg(args, 0)?.view.expand(axes, out.size()))?, out),
        Op::Slice { axis, start, length } => {
            copy(&arg(args, 0)?.with(arg(args, 0)?.view.slice(*axis, *start, *length))?, out)
        }
        Op::Embed { axis, start, length: _ } => shape::embed(*axis, *start, arg(args, 0)?, out),
        Op::Concat { axis } => shape::concat(*axis, args, out),
        Op::Unfold { axis, size, stride, dilation } => {
            copy(&arg(args, 0)?.with(arg(args, 0)?.view.unfold(*axis, *size, *stride, *dilation))?, out)
        }
        Op::Fold { axis, length: _, stride, dilation } => shape::fold(*axis, *stride, *dilation, arg(args, 0)?, out),
        Op::Softmax => rows::softmax(arg(args, 0)?, out),
        Op::LogSoftmax => rows::log_softmax(arg(args, 0)?, out),
        Op::LogSumExp => rows::log_sum_exp(arg(args, 0)?, out),
        Op::ArgMax => rows::arg_max(context, arg(args, 0)?, out),
        Op::Rank => rows::rank(context, arg(args, 0)?, out),
        Op::OneHot { classes } => rows::one_hot(context, *classes, arg(args, 0)?, out),
        Op::CumulativeSum { axis } => reduce::cumulative_sum(*axis, arg(args, 0)?, out),
    }
}

/// Reads the one number of a value.
pub type Number = Box<dyn Fn() -> Result<f64, TchError>>;

pub fn number(context: &Context, of: &Operand) -> Number {
    if let Some(read) = native::number(context, of) {
        return Box::new(move || Ok(read()));
    }
    let tensor = of.tensor.shallow_clone();
    let first = vec![0; of.size().len()];
    Box::new(move || tensor.f_double_value(&first))
}

/// Copies a value into place, by the faster way.
pub fn copied(context: &Context, from: &Operand, to: &Operand) -> Prepared {
    native::copy(context, from, to).map_or_else(|| copy(from, to), Ok)
}

/// Copies a value into place, by libtorch.
pub fn copy(from: &Operand, to: &Operand) -> Prepared {
    let (from, mut to) = (from.tensor.shallow_clone(), to.tensor.shallow_clone());
    Ok(Box::new(move || to.f_copy_(&from)))
}

/// Reads are views of what is there already, but for the step, which is written when it is asked for; the numbers of
/// a replicate are written into their place when it begins.
fn read(read: &Read, context: &Context, out: &Operand) -> Prepared {
    match read {
        Read::Step => {
            let (moment, mut out) = (context.moment.clone(), out.tensor.shallow_clone());
            Ok(Box::new(move || out.f_fill_(moment.step.get() as i64).map(drop)))
        }
        Read::Slot(_) | Read::Field(_) | Read::Column(_) | Read::Number(_) | Read::Sum(_) => Ok(Box::new(|| Ok(()))),
    }
}

fn fill(out: &Operand, value: f64) -> Prepared {
    let mut out = out.tensor.shallow_clone();
    Ok(Box::new(move || out.f_fill_(value).map(drop)))
}

fn arg(args: &[Operand], index: usize) -> Result<&Operand, TchError> {
    args.get(index).ok_or_else(|| refused("an operation has too few arguments"))
}

fn factor(scale: u64, over_batch: bool, context: &Context) -> f64 {
    f64::from_bits(scale) / if over_batch { context.batch as f64 } else { 1.0 }
}

/// A plan that cannot be prepared.
pub fn refused(message: impl Into<String>) -> TchError {
    TchError::Torch(message.into())
}
