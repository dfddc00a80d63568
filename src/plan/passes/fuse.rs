//! Fusions that pay: scales, means over the batch and weight updates move into contractions.
//!
//! These change the order of additions, and so the last bits; they never duplicate a contraction.

use super::simplify::contraction;
use super::{Rewrite, Rewriter};
use crate::ops::{Binary, Contraction, Op, Reduction, Unary};
use crate::plan::{Dim, Instr, PlanOp, Shape, ValueId};

/// A contraction with its scale, as `ScaledContract` has it.
pub(super) struct Product {
    pub contraction: Contraction,
    pub scale: f64,
    pub over_batch: bool,
    pub args: Vec<ValueId>,
}

impl Product {
    pub fn of(instr: &Instr) -> Option<Product> {
        let args = instr.args.clone();
        match &instr.op {
            PlanOp::Op(Op::Contract(c)) => {
                Some(Product { contraction: c.clone(), scale: 1.0, over_batch: false, args })
            }
            PlanOp::ScaledContract { contraction, scale, over_batch } => Some(Product {
                contraction: contraction.clone(),
                scale: f64::from_bits(*scale),
                over_batch: *over_batch,
                args,
            }),
            _ => None,
        }
    }

    /// The contraction that defines a value, if nothing else reads it.
    pub fn taken(rw: &Rewriter, id: ValueId) -> Option<Product> {
        rw.def(id).filter(|_| rw.single(id)).and_then(Product::of)
    }

    pub fn scaled(self, by: f64) -> Option<Product> {
        let scale = self.scale * by;
        (scale.is_finite() && scale != 0.0).then_some(Product { scale, ..self })
    }

    fn op(self) -> (PlanOp, Vec<ValueId>) {
        let (contraction, scale, over_batch) = (self.contraction, self.scale.to_bits(), self.over_batch);
        (PlanOp::ScaledContract { contraction, scale, over_batch }, self.args)
    }

    fn become_op(self) -> Rewrite {
        let (op, args) = self.op();
        Rewrite::Become(op, args)
    }

    pub fn added_to(self, c: ValueId) -> Rewrite {
        let (contraction, scale, over_batch) = (self.contraction, self.scale.to_bits(), self.over_batch);
        let args = self.args.into_iter().chain([c]).collect();
        Rewrite::Become(PlanOp::AccumulateContract { contraction, scale, over_batch }, args)
    }
}

/// Reductions go into contractions, and to them through what is linear.
pub(super) fn reduction(rw: &mut Rewriter, instr: &Instr) -> Rewrite {
    let PlanOp::Op(Op::Reduce { how: how @ (Reduction::Sum | Reduction::Mean), axes }) = &instr.op else {
        return Rewrite::Keep;
    };
    let x = instr.args[0];
    if let Some(product) = Product::taken(rw, x)
        && let Some(product) = reduced(rw, product, *how, axes, x)
    {
        return product.become_op();
    }
    through_linear(rw, instr, *how, axes).unwrap_or(Rewrite::Keep)
}

/// The contraction that leaves these axes out.
fn reduced(rw: &Rewriter, product: Product, how: Reduction, axes: &[usize], x: ValueId) -> Option<Product> {
    let mut scale = 1.0;
    let mut over_batch = product.over_batch;
    for axis in axes {
        match rw.shape(x)[*axis] {
            _ if how == Reduction::Sum => {}
            Dim::Fixed(n) => scale /= n as f64,
            Dim::Batch if over_batch => return None,
            Dim::Batch => over_batch = true,
        }
    }
    let out = &product.contraction.out;
    let kept = (0..out.len()).filter(|i| !axes.contains(i)).map(|i| out[i]).collect();
    let contraction = Contraction { out: kept, ..product.contraction.clone() };
    Product { contraction, over_batch, ..product }.scaled(scale)
}

/// The sum of what is negated or scaled is negated or scaled afterwards, when it is smaller; a term or factor that is
/// the same for every example comes out of the mean over the batch.
fn through_linear(rw: &mut Rewriter, instr: &Instr, how: Reduction, axes: &[usize]) -> Option<Rewrite> {
    let x = instr.args[0];
    if !rw.single(x) {
        return None;
    }
    let inner = rw.def(x)?.clone();
    let PlanOp::Op(op) = &inner.op else { return None };
    let (whole, out) = (rw.shape(x).clone(), rw.shape(instr.out).clone());
    let over_batch = axes == [0] && whole.first() == Some(&Dim::Batch);
    let is_whole = |rw: &Rewriter, id: ValueId| *rw.shape(id) == whole;
    // Aligned at the right, fewer axes do not reach the first.
    let constant =
        |rw: &Rewriter, id: ValueId| rw.shape(id).is_empty() || (over_batch && rw.shape(id).len() < whole.len());
    let reduce = |rw: &mut Rewriter, id: ValueId| rw.emit(instr.op.clone(), vec![id], out.clone());
    let args = match (op, inner.args.as_slice()) {
        (Op::Unary(Unary::Negate), [a]) => vec![reduce(rw, *a)],
        (Op::Binary(Binary::Multiply | Binary::Divide), [a, b]) if is_whole(rw, *a) && constant(rw, *b) => {
            vec![reduce(rw, *a), *b]
        }
        (Op::Binary(Binary::Multiply), [a, b]) if is_whole(rw, *b) && constant(rw, *a) => vec![*a, reduce(rw, *b)],
        (Op::Binary(Binary::Add | Binary::Subtract), [a, b]) if over_batch && how == Reduction::Mean => {
            let (chained, same) = ([*a, *b].map(|v| is_product(rw, v)), [*a, *b].map(|v| constant(rw, v)));
            let wholes = [*a, *b].map(|v| is_whole(rw, v));
            if (wholes[0] && same[1]) || (wholes[1] && same[0]) {
                let sides = [(*a, same[0]), (*b, same[1])];
                sides.map(|(v, same)| if same { v } else { reduce(rw, v) }).to_vec()
            } else if chained == [true; 2] && wholes == [true; 2] {
                vec![reduce(rw, *a), reduce(rw, *b)]
            } else {
                return None;
            }
        }
        _ => return None,
    };
    Some(Rewrite::Become(inner.op.clone(), args))
}

/// Whether a value is a contraction, up to sign and scale, that nothing else reads.
fn is_product(rw: &Rewriter, mut id: ValueId) -> bool {
    while let Some(instr) = rw.def(id).filter(|_| rw.single(id)) {
        id = match (&instr.op, instr.args.as_slice()) {
            (PlanOp::Op(Op::Contract(_)) | PlanOp::ScaledContract { .. }, _) => return true,
            (PlanOp::Op(Op::Unary(Unary::Negate)), [x]) => *x,
            (PlanOp::Op(Op::Binary(Binary::Multiply)), [s, x]) if rw.shape(*s).is_empty() => *x,
            (PlanOp::Op(Op::Binary(Binary::Multiply | Binary::Divide)), [x, s]) if rw.shape(*s).is_empty() => *x,
            _ => return false,
        };
    }
    false
}

/// Everything else.
pub(super) fn rule(rw: &mut Rewriter, instr: &Instr) -> Rewrite {
    let found = match &instr.op {
        PlanOp::Op(Op::Unary(Unary::Negate)) => {
            Product::taken(rw, instr.args[0]).and_then(|p| p.scaled(-1.0)).map(Product::become_op)
        }
        PlanOp::Op(Op::Binary(Binary::Multiply | Binary::Divide)) => scale(rw, instr),
        PlanOp::Op(Op::Binary(Binary::Add)) => sum(rw, instr, 1.0),
        PlanOp::Op(Op::Binary(Binary::Subtract)) => sum(rw, instr, -1.0),
        PlanOp::AddScaled { scale } => {
            let (a, b) = (instr.args[0], instr.args[1]);
            accumulated(rw, a, b, f64::from_bits(*scale), rw.shape(instr.out).clone())
        }
        PlanOp::Op(Op::Contract(_)) | PlanOp::ScaledContract { .. } | PlanOp::AccumulateContract { .. } => {
            scaled_operands(rw, instr)
        }
        _ => None,
    };
    found.unwrap_or(Rewrite::Keep)
}

/// A number by which a value is multiplied: `x * c`, `c * x`, `x / c`. Where c is one number for all elements, known or
/// not, and x has the shape of the result.
pub(super) struct Scaling {
    pub x: ValueId,
    factor: ValueId,
    divide: bool,
}

impl Scaling {
    pub fn of(rw: &Rewriter, instr: &Instr) -> Option<Scaling> {
        let PlanOp::Op(Op::Binary(op @ (Binary::Multiply | Binary::Divide))) = instr.op else { return None };
        let [a, b] = instr.args[..] else { return None };
        let whole = |id: ValueId| rw.shape(id) == rw.shape(instr.out);
        let known = |id: ValueId| rw.uniform(id).is_some();
        let divide = op == Binary::Divide;
        // Of two numbers the known one is the factor.
        let ways = [(a, b, known(b)), (b, a, known(a)), (a, b, rw.shape(b).is_empty()), (b, a, rw.shape(a).is_empty())];
        let fits = |(x, factor, one): &(ValueId, ValueId, bool)| *one && whole(*x) && !(divide && *factor == a);
        ways.into_iter().find(fits).map(|(x, factor, _)| Scaling { x, factor, divide })
    }

    /// The factor, if it is known.
    pub fn known(&self, rw: &Rewriter) -> Option<f64> {
        let c = rw.uniform(self.factor)?;
        let c = if self.divide { 1.0 / c } else { c };
        (c.is_finite() && c != 0.0).then_some(c)
    }
}

/// A scaled contraction.
fn scale(rw: &mut Rewriter, instr: &Instr) -> Option<Rewrite> {
    let scaling = Scaling::of(rw, instr)?;
    let factor = scaling.known(rw)?;
    if let Some(product) = Product::taken(rw, scaling.x) {
        return product.scaled(factor).map(Product::become_op);
    }
    // c * (s * product): the known factor goes to the product.
    let inner = rw.def(scaling.x).filter(|_| rw.single(scaling.x))?.clone();
    let unknown = Scaling::of(rw, &inner)?;
    let (op, args) = Product::taken(rw, unknown.x)?.scaled(factor)?.op();
    let shape = rw.shape(unknown.x).clone();
    let product = rw.emit(op, args, shape);
    Some(Rewrite::Become(
        inner.op.clone(),
        inner.args.iter().map(|a| if *a == unknown.x { product } else { *a }).collect(),
    ))
}

/// `a + b` or `a - b`.
fn sum(rw: &mut Rewriter, instr: &Instr, sign: f64) -> Option<Rewrite> {
    let (a, b) = (instr.args[0], instr.args[1]);
    let shape = rw.shape(instr.out).clone();
    if *rw.shape(a) != shape || *rw.shape(b) != shape || a == b {
        return None;
    }
    let swapped = if sign > 0.0 { Some((b, a)) } else { None };
    for (c, x) in std::iter::once((a, b)).chain(swapped) {
        if let Some(found) = accumulated(rw, c, x, sign, shape.clone()) {
            return Some(found);
        }
    }
    for (c, x) in std::iter::once((a, b)).chain(swapped) {
        let Some(scaling) = rw.def(x).filter(|_| rw.single(x)).and_then(|i| Scaling::of(rw, i)) else { continue };
        // Where everything that enters is one number, there is nothing to gain, and folding comes first.
        if let Some(factor) = scaling.known(rw).filter(|_| rw.uniform(c).is_none()) {
            return Some(Rewrite::Become(PlanOp::AddScaled { scale: (sign * factor).to_bits() }, vec![c, scaling.x]));
        }
    }
    None
}

/// `c + factor * x`, where x is a contraction, times a scalar perhaps.
fn accumulated(rw: &mut Rewriter, c: ValueId, x: ValueId, factor: f64, shape: Shape) -> Option<Rewrite> {
    if *rw.shape(c) != shape || *rw.shape(x) != shape || rw.uniform(c).is_some() {
        return None;
    }
    if let Some(product) = Product::taken(rw, x) {
        return product.scaled(factor).map(|p| p.added_to(c));
    }
    // An unknown scalar goes into the smaller operand, if that is not more work than scaling the result.
    let inner = rw.def(x).filter(|_| rw.single(x))?.clone();
    let scaling = Scaling::of(rw, &inner).filter(|s| rw.shape(s.factor).is_empty())?;
    let mut product = Product::taken(rw, scaling.x)?.scaled(factor)?;
    let which = usize::from(rw.elements(product.args[1]) < rw.elements(product.args[0]));
    let operand = product.args[which];
    if rw.elements(operand) > rw.elements(x) {
        return None;
    }
    let operand_shape = rw.shape(operand).clone();
    product.args[which] = rw.emit(inner.op, vec![operand, scaling.factor], operand_shape);
    Some(product.added_to(c))
}

/// Signs and known scales of operands are the contraction's, where nothing else reads them or it has a scale anyway.
fn scaled_operands(rw: &Rewriter, instr: &Instr) -> Option<Rewrite> {
    let mut args = instr.args.clone();
    let mut by = 1.0;
    let has_scale = match &instr.op {
        PlanOp::ScaledContract { scale, over_batch, .. } | PlanOp::AccumulateContract { scale, over_batch, .. } => {
            *over_batch || f64::from_bits(*scale) != 1.0
        }
        _ => false,
    };
    for arg in &mut args[..2] {
        let Some(inner) = rw.def(*arg).filter(|_| has_scale || rw.single(*arg)) else { continue };
        if inner.is_negation() {
            by = -by;
            *arg = inner.args[0];
        } else if let Some(scaling) = Scaling::of(rw, inner)
            && let Some(factor) = scaling.known(rw)
        {
            by *= factor;
            *arg = scaling.x;
        }
    }
    if args == instr.args || !by.is_finite() || by == 0.0 {
        return None;
    }
    let mut op = instr.op.clone();
    match &mut op {
        PlanOp::ScaledContract { scale, .. } | PlanOp::AccumulateContract { scale, .. } => {
            *scale = (f64::from_bits(*scale) * by).to_bits();
        }
        _ => {
            let contraction = contraction(&mut op)?.clone();
            op = PlanOp::ScaledContract { contraction, scale: by.to_bits(), over_batch: false };
        }
    }
    Some(Rewrite::Become(op, args))
}
