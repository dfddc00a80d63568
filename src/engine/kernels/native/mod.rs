//! Small operations without libtorch: for a few thousand numbers the way into a library takes longer than the work.
//!
//! Each kernel is only a faster path to what its libtorch counterpart computes, is tested against it, and is chosen
//! by the shapes of one replicate and never by how many there are or by threads. Sums are made in one order whatever
//! the vectors of the processor, so that processors agree bit for bit; a processor without fused multiply-add takes
//! libtorch for everything.

mod map;
mod math;
mod memory;
mod product;
mod rows;

pub use product::{Product, with_batch};
pub use rows::Gather;

use crate::kernels::{Call, Context, Operand};
use std::sync::OnceLock;
use tch::Kind;
use trine::ops::{Op, Reduction};
use trine::plan::PlanOp;

/// Larger operations gain nothing from being made here, and libtorch divides them among its threads.
const MOST: usize = 1 << 15;

/// A number that kernels compute with.
pub trait Real:
    Copy
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + 'static
{
    const KIND: Kind;
    const ZERO: Self;
    const NAN: Self;
    const ONE: Self;
    const LOWEST: Self;
    fn of(value: f64) -> Self;
    fn fused(self, by: Self, plus: Self) -> Self;
    fn root(self) -> Self;
    fn down(self) -> Self;
    fn size(self) -> Self;
    /// The exponential, tangent and logarithm, if there is a form of them here that vectors can take.
    const SMOOTH: bool;
    fn exponential(self) -> Self;
    fn tangent(self) -> Self;
    fn logarithm(self) -> Self;
    /// As a position, if it is one.
    fn index(self) -> Option<usize>;
}

macro_rules! real {
    ($t:ty, $kind:expr, $smooth:expr, $exp:path, $tanh:path) => {
        impl Real for $t {
            const KIND: Kind = $kind;
            const ZERO: Self = 0.0;
            const NAN: Self = <$t>::NAN;
            const ONE: Self = 1.0;
            const LOWEST: Self = <$t>::NEG_INFINITY;
            const SMOOTH: bool = $smooth;
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $t
            }
            #[inline(always)]
            fn fused(self, by: Self, plus: Self) -> Self {
                self.mul_add(by, plus)
            }
            #[inline(always)]
            fn root(self) -> Self {
                self.sqrt()
            }
            #[inline(always)]
            fn down(self) -> Self {
                self.floor()
            }
            #[inline(always)]
            fn size(self) -> Self {
                self.abs()
            }
            #[inline(always)]
            fn exponential(self) -> Self {
                $exp(self)
            }
            #[inline(always)]
            fn tangent(self) -> Self {
                $tanh(self)
            }
            #[inline(always)]
            fn logarithm(self) -> Self {
                self.ln()
            }
            #[inline(always)]
            fn index(self) -> Option<usize> {
                let index = self as usize;
                (index as $t == self).then_some(index)
            }
        }
    };
}

real!(f32, Kind::Float, true, math::exp, math::tanh);
real!(f64, Kind::Double, false, f64::exp, f64::tanh);

/// The vectors of this processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    #[cfg(target_arch = "x86_64")]
    Widest,
    #[cfg(target_arch = "x86_64")]
    Wide,
    #[cfg(not(target_arch = "x86_64"))]
    Native,
}

/// `None` where kernels would be slow: without fused multiply-add, or built without optimisation. `TRINE_KERNELS` says
/// otherwise: `libtorch`, `native`, or `avx2` for no wider vectors than that.
pub fn level() -> Option<Level> {
    static LEVEL: OnceLock<Option<Level>> = OnceLock::new();
    *LEVEL.get_or_init(|| match std::env::var("TRINE_KERNELS").unwrap_or_default().as_str() {
        "libtorch" => None,
        "" if cfg!(debug_assertions) => None,
        asked => detect(asked),
    })
}

#[cfg(target_arch = "x86_64")]
pub fn detect(asked: &str) -> Option<Level> {
    use std::arch::is_x86_feature_detected as has;
    if !(has!("avx2") && has!("fma")) {
        return None;
    }
    let widest = has!("avx512f") && has!("avx512vl") && has!("avx512dq") && has!("avx512bw") && asked != "avx2";
    Some(if widest { Level::Widest } else { Level::Wide })
}

#[cfg(not(target_arch = "x86_64"))]
pub fn detect(_: &str) -> Option<Level> {
    cfg!(target_arch = "aarch64").then_some(Level::Native)
}

/// A faster call for an operation, if there is one for these shapes.
pub fn prepare(op: &PlanOp, context: &Context, args: &[Operand], out: &Operand) -> Option<Call> {
    let level = context.level?;
    match context.kind {
        Kind::Float => family::<f32>(level, op, args, out),
        Kind::Double => family::<f64>(level, op, args, out),
        _ => None,
    }
}

fn family<T: Real>(level: Level, op: &PlanOp, args: &[Operand], out: &Operand) -> Option<Call> {
    if args.iter().chain([out]).any(|operand| operand.elements() > MOST) {
        return None;
    }
    match op {
        PlanOp::Op(Op::Unary(op)) => map::unary::<T>(level, *op, args, out),
        PlanOp::Op(Op::Binary(op)) => map::binary::<T>(level, *op, args, out),
        PlanOp::Op(Op::Select) => map::select::<T>(level, args, out),
        PlanOp::AddScaled { scale } => map::add_scaled::<T>(level, T::of(f64::from_bits(*scale)), args, out),
        PlanOp::Op(Op::Reduce { how: Reduction::Sum, axes }) => rows::sum::<T>(level, axes, false, args, out),
        PlanOp::Op(Op::Reduce { how: Reduction::Mean, axes }) => rows::sum::<T>(level, axes, true, args, out),
        PlanOp::Op(Op::Softmax) => rows::softmax::<T>(level, false, args, out),
        PlanOp::Op(Op::LogSoftmax) => rows::softmax::<T>(level, true, args, out),
        PlanOp::Op(Op::OneHot { classes }) => rows::one_hot::<T>(*classes, args, out),
        _ => None,
    }
}

/// Reads one number where it lies.
pub fn number(context: &Context, of: &Operand) -> Option<Box<dyn Fn() -> f64>> {
    match context.kind {
        Kind::Float => memory::Lane::<f32>::of(of).map(|lane| Box::new(move || f64::from(lane.at().get())) as _),
        Kind::Double => memory::Lane::<f64>::of(of).map(|lane| Box::new(move || lane.at().get()) as _),
        _ => None,
    }
}

/// Copies without libtorch, for the few numbers of a slot.
pub fn copy(context: &Context, from: &Operand, to: &Operand) -> Option<Call> {
    let level = context.level?;
    if to.elements() > MOST {
        return None;
    }
    match context.kind {
        Kind::Float => map::copy::<f32>(level, from, to),
        Kind::Double => map::copy::<f64>(level, from, to),
        _ => None,
    }
}
