//! The primitive operations: all that Rust knows of mathematics.
//!
//! An [`Op`] is a total function of tensors of real numbers. Truth values are the reals 0 and 1, labels and indices are
//! reals with whole values (exact up to 2^24 in single precision): one kind of value keeps slabs, kernels and
//! derivatives simple.

pub mod scalar;
pub mod table;

use serde::{Deserialize, Serialize};

/// A function of one number, applied to each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Unary {
    Negate,
    Not,
    Exp,
    Expm1,
    Log,
    Log1p,
    Sqrt,
    Square,
    Reciprocal,
    Abs,
    /// -1, 0 or 1
    Sign,
    Sin,
    Cos,
    Tanh,
    Sigmoid,
    /// log(1 + exp(x)), without overflow
    Softplus,
    Relu,
    Erf,
    Floor,
    /// 1 where the value is neither infinite nor not a number
    IsFinite,
}

/// A function of two numbers, applied to each pair of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Min,
    Max,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    And,
    Or,
}

/// How elements along axes become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reduction {
    Sum,
    Mean,
    Max,
    Min,
}

/// Where random numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Distribution {
    /// Mean 0, standard deviation 1.
    Normal,
    /// `[0, 1)`
    Uniform,
}

/// Axes by letter, as in Einstein's summation: `out[o] = sum over the letters not in out of a[..] * b[..]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Contraction {
    pub a: Vec<u8>,
    pub b: Vec<u8>,
    pub out: Vec<u8>,
}

impl Contraction {
    /// The same with letters in the order in which they come, so that equal contractions are one.
    pub fn canonical(&self) -> Contraction {
        let mut known: Vec<u8> = Vec::new();
        let mut rename = |own: &[u8]| -> Vec<u8> {
            let letter = |l: &u8| match known.iter().position(|k| k == l) {
                Some(at) => at as u8,
                None => {
                    known.push(*l);
                    known.len() as u8 - 1
                }
            };
            own.iter().map(letter).collect()
        };
        Contraction { a: rename(&self.a), b: rename(&self.b), out: rename(&self.out) }
    }
}

/// A primitive operation. Shapes are those of its arguments and result; axes count from 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Op {
    /// A scalar; the bits of an f64.
    Const(u64),
    /// 0, 1, ..., n - 1
    Iota(usize),
    /// Fresh numbers of the stream of this name, shaped as the result.
    Random {
        distribution: Distribution,
        stream: String,
    },
    Unary(Unary),
    Binary(Binary),
    /// `select(condition, a, b)`: a where the condition is not 0, else b.
    Select,
    Contract(Contraction),
    /// The listed axes vanish.
    Reduce {
        how: Reduction,
        axes: Vec<usize>,
    },
    /// The same elements in the same order; the result's shape says how.
    Reshape,
    /// Axis i of the result is axis `order[i]` of the argument.
    Permute {
        order: Vec<usize>,
    },
    /// Repeats along new axes: the argument's shape is the result's without the axes listed.
    Expand {
        axes: Vec<usize>,
    },
    /// Elements `start..start + length` along an axis.
    Slice {
        axis: usize,
        start: usize,
        length: usize,
    },
    /// The inverse of `Slice`: zeros but for the argument at `start`, in an axis of the given length.
    Embed {
        axis: usize,
        start: usize,
        length: usize,
    },
    Concat {
        axis: usize,
    },
    /// The windows of an axis: it counts them in the result, and a new last axis their elements. Window i begins at
    /// `i * stride`, its elements lie `dilation` apart.
    Unfold {
        axis: usize,
        size: usize,
        stride: usize,
        dilation: usize,
    },
    /// The adjoint of `Unfold`: the elements of all windows are added where they came from, in an axis of the given
    /// length.
    Fold {
        axis: usize,
        length: usize,
        stride: usize,
        dilation: usize,
    },
    /// Over the last axis.
    Softmax,
    LogSoftmax,
    /// The last axis vanishes.
    LogSumExp,
    /// Position (from 0) of the largest element of the last axis, the first of equals; the axis vanishes.
    ArgMax,
    /// Position (from 1 at the largest) of each element along the last axis.
    Rank,
    /// A new last axis of length `classes`: 1 at the label, 0 elsewhere.
    OneHot {
        classes: usize,
    },
    /// Sums 0..=i along an axis.
    CumulativeSum {
        axis: usize,
    },
}

impl Op {
    pub fn constant(value: f64) -> Op {
        Op::Const(value.to_bits())
    }
}
