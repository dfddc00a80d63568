//! The functions that a spec may call without a definition, each declared once.
//!
//! A signature is Trine: the ordinary parser reads it into the module `prim`, so that a primitive function is a
//! function without a body, and a message about its arguments can point at its declaration.

use super::{Binary, Distribution, Reduction, Unary};

/// What a primitive function is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    Unary(Unary),
    Binary(Binary),
    /// Over all axes.
    ReduceAll(Reduction),
    Row(Row),
    OneHot,
    Dot,
    Outer,
    Transpose,
    Flatten,
    /// The shape is given, or asked for by the place.
    Reshape,
    /// Axes by name.
    Einsum,
    Unfold,
    Fold,
    Ones,
    Zeros,
    Identity,
    RowSums,
    ColumnSums,
    /// One after the other along the first axis.
    Concat,
    /// 1 on and below the diagonal, 0 above
    Triangle,
    /// What `sample` draws the rates of a population from.
    Sample(Sampler),
    /// Drawn from the stream of the declaration that it stands in.
    Draw(Distribution),
}

/// How the units of a population are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampler {
    Bernoulli,
    Categorical,
    Gaussian,
}

/// Functions of the last axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    Softmax,
    LogSoftmax,
    LogSumExp,
    ArgMax,
    Rank,
}

/// One primitive function.
#[derive(Debug)]
pub struct Entry {
    /// Name, parameters and result, as Trine.
    pub signature: &'static str,
    /// One sentence for the manual.
    pub doc: &'static str,
    pub surface: Surface,
}

const fn entry(signature: &'static str, doc: &'static str, surface: Surface) -> Entry {
    Entry { signature, doc, surface }
}

/// Every primitive function.
pub const TABLE: &[Entry] = &[
    entry("exp(x: [..]) -> [..]", "The exponential of each element.", Surface::Unary(Unary::Exp)),
    entry("expm1(x: [..]) -> [..]", "exp(x) - 1, accurate near 0.", Surface::Unary(Unary::Expm1)),
    entry("log(x: [..]) -> [..]", "The natural logarithm of each element.", Surface::Unary(Unary::Log)),
    entry("log1p(x: [..]) -> [..]", "log(1 + x), accurate near 0.", Surface::Unary(Unary::Log1p)),
    entry("sqrt(x: [..]) -> [..]", "The square root; the unit's exponents halve.", Surface::Unary(Unary::Sqrt)),
    entry("square(x: [..]) -> [..]", "Each element times itself.", Surface::Unary(Unary::Square)),
    entry("abs(x: [..]) -> [..]", "The magnitude of each element.", Surface::Unary(Unary::Abs)),
    entry("sign(x: [..]) -> [..]", "-1, 0 or 1; it has no derivative.", Surface::Unary(Unary::Sign)),
    entry("sin(x: [..]) -> [..]", "The sine of an angle, or of a number in radians.", Surface::Unary(Unary::Sin)),
    entry("cos(x: [..]) -> [..]", "The cosine of an angle, or of a number in radians.", Surface::Unary(Unary::Cos)),
    entry("tanh(x: [..]) -> [..]", "The hyperbolic tangent of each element.", Surface::Unary(Unary::Tanh)),
    entry("sigmoid(x: [..]) -> [..]", "1 / (1 + exp(-x)).", Surface::Unary(Unary::Sigmoid)),
    entry("softplus(x: [..]) -> [..]", "log(1 + exp(x)), without overflow.", Surface::Unary(Unary::Softplus)),
    entry("relu(x: [..]) -> [..]", "The positive part; its derivative at 0 is 0.", Surface::Unary(Unary::Relu)),
    entry("erf(x: [..]) -> [..]", "The error function.", Surface::Unary(Unary::Erf)),
    entry("floor(x: [..]) -> [..]", "The next whole number below.", Surface::Unary(Unary::Floor)),
    entry("is_finite(x: [..]) -> [..]", "Whether each element is a finite number.", Surface::Unary(Unary::IsFinite)),
    entry("min(a: [..], b: [..]) -> [..]", "The smaller of two, by element.", Surface::Binary(Binary::Min)),
    entry("max(a: [..], b: [..]) -> [..]", "The larger of two, by element.", Surface::Binary(Binary::Max)),
    entry("atan2(y: [..], x: [..]) -> [..]", "The angle of the point (x, y).", Surface::Binary(Binary::Atan2)),
    entry(
        "sum(x: [..], over: Nat = 0) -> []",
        "The sum of all elements, or along the axis (or list of axes) `over`.",
        Surface::ReduceAll(Reduction::Sum),
    ),
    entry(
        "mean(x: [..], over: Nat = 0) -> []",
        "The mean of all elements, or along the axis (or list of axes) `over`.",
        Surface::ReduceAll(Reduction::Mean),
    ),
    entry(
        "largest(x: [..], over: Nat = 0) -> []",
        "The largest element, of all or along the axis (or list of axes) `over`.",
        Surface::ReduceAll(Reduction::Max),
    ),
    entry(
        "smallest(x: [..], over: Nat = 0) -> []",
        "The smallest element, of all or along the axis (or list of axes) `over`.",
        Surface::ReduceAll(Reduction::Min),
    ),
    entry("softmax(x: [.., n]) -> [.., n]", "exp(x) over its sum along the last axis.", Surface::Row(Row::Softmax)),
    entry("log_softmax(x: [.., n]) -> [.., n]", "The logarithm of softmax.", Surface::Row(Row::LogSoftmax)),
    entry("logsumexp(x: [.., n]) -> [..]", "log(sum(exp(x))) of the last axis.", Surface::Row(Row::LogSumExp)),
    entry(
        "argmax(x: [.., n]) -> [..]",
        "The label of the largest element, the first of equals.",
        Surface::Row(Row::ArgMax),
    ),
    entry(
        "rank(x: [.., n]) -> [.., n]",
        "1 for the largest element of the last axis, 2 for the next.",
        Surface::Row(Row::Rank),
    ),
    entry("one_hot(label: Label[k]) -> [k]", "1 at the label, 0 elsewhere.", Surface::OneHot),
    entry("dot(a: [..], b: [..]) -> []", "The sum of the products of all elements.", Surface::Dot),
    entry("outer(a: [n], b: [m]) -> [n, m]", "All products of an element of a with one of b.", Surface::Outer),
    entry("transpose(x: [n, m]) -> [m, n]", "Rows become columns.", Surface::Transpose),
    entry("flatten(x: [..]) -> [..]", "All elements along one axis.", Surface::Flatten),
    entry(
        "reshape(x: [..], shape: [k] = ???) -> [..]",
        "The same elements in the same order, of the shape given or of the one that its place asks for.",
        Surface::Reshape,
    ),
    entry(
        "einsum(axes: Text, a: [..], b: [..] = 1) -> [..]",
        "Products of elements, summed over the axes that the result does not name: `einsum(\"m n, .. n -> .. m\", W, x)`.",
        Surface::Einsum,
    ),
    entry(
        "unfold(x: [..], axis: Nat, size: Nat, stride: Nat = 1, dilation: Nat = 1, padding: Nat = 0) -> [..]",
        "The windows of an axis: it counts them in the result, and a new last axis their elements; outside are zeros.",
        Surface::Unfold,
    ),
    entry(
        "fold(x: [..], axis: Nat, length: Nat, stride: Nat = 1, dilation: Nat = 1, padding: Nat = 0) -> [..]",
        "The adjoint of unfold: the last axis holds elements of windows, which are added where they lie in `axis`.",
        Surface::Fold,
    ),
    entry("ones(x: [..]) -> [..]", "1 for each element of x, or for each unit of a population.", Surface::Ones),
    entry("zeros(x: [..]) -> [..]", "0 for each element of x, or for each unit of a population.", Surface::Zeros),
    entry("identity(n: Nat) -> [n, n]", "1 on the diagonal, 0 elsewhere.", Surface::Identity),
    entry("concat(a: [n], b: [m]) -> [..]", "The elements of a, then those of b.", Surface::Concat),
    entry("triangle(n: Nat) -> [n, n]", "1 on and below the diagonal, 0 above.", Surface::Triangle),
    entry("row_sums(x: [n, m]) -> [n]", "The sum of each row.", Surface::RowSums),
    entry("column_sums(x: [n, m]) -> [m]", "The sum of each column.", Surface::ColumnSums),
    entry(
        "normal(mean: Real, deviation: Real) -> [..]",
        "Independent draws of the normal distribution; the second number is the standard deviation.",
        Surface::Draw(Distribution::Normal),
    ),
    entry(
        "uniform(low: Real, high: Real) -> [..]",
        "Independent draws, every number between low and high equally likely.",
        Surface::Draw(Distribution::Uniform),
    ),
    entry(
        "bernoulli(p: [..]) -> [..]",
        "After `sample`: each unit is 1 with its probability, else 0.",
        Surface::Sample(Sampler::Bernoulli),
    ),
    entry(
        "categorical(p: [k]) -> [k]",
        "After `sample`: one unit is 1, chosen with these probabilities, the others are 0.",
        Surface::Sample(Sampler::Categorical),
    ),
    entry(
        "gaussian(mean: [..], deviation: Real) -> [..]",
        "After `sample`: independent draws around a mean; the second number is the standard deviation.",
        Surface::Sample(Sampler::Gaussian),
    ),
];
