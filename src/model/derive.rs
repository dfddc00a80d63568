//! Reverse-mode differentiation as a transformation of the graph: one adjoint an operation, no tape at run time.
//!
//! [`vjp`] is the explicit derivative (values of populations are leaves and count as constants, semantics of `d`);
//! given definitions of leaves it goes through them and is the total derivative (semantics of `gradient`).

use super::build::BATCH_AXIS;
use super::graph::{Built, Fault, Graph, Leaf, Mark, NodeId, NodeKind, NodeMap, NodeSet};
use crate::ir::axis::Axis;
use crate::ops::{Binary, Contraction, Reduction, Unary};

/// What a leaf stands for, when derivatives go through it.
pub type Definitions<'a> = &'a dyn Fn(&Leaf) -> Option<NodeId>;

/// For no leaf.
pub fn opaque(_: &Leaf) -> Option<NodeId> {
    None
}

/// The products of the cotangent `seed` (shaped as `y`) with the Jacobians of `y` by each node of `wrt`;
/// `None` where `y` does not depend on it.
pub fn vjp(
    g: &mut Graph,
    y: NodeId,
    wrt: &[NodeId],
    seed: NodeId,
    through: Definitions,
) -> Result<Vec<Option<NodeId>>, Fault> {
    let order = dependents(g, y, wrt, through);
    let relevant: NodeSet = order.iter().copied().collect();
    let guarded = super::edges::guarded(g, &order);
    let stop: NodeSet = wrt.iter().copied().collect();
    let mut cot: NodeMap<NodeId> = NodeMap::from_iter([(y, seed)]);
    for id in order.into_iter().rev() {
        let Some(&bar) = cot.get(&id) else { continue };
        if stop.contains(&id) || g.is_zero(bar) {
            continue;
        }
        for (arg, part) in adjoint(g, id, bar, &relevant, through)? {
            let part = if guarded.contains(&id) { super::edges::where_asked(g, bar, part)? } else { part };
            if !relevant.contains(&arg) || g.is_zero(part) {
                continue;
            }
            let sum = match cot.get(&arg) {
                Some(&old) => g.add(old, part)?,
                None => part,
            };
            cot.insert(arg, sum);
        }
    }
    Ok(wrt.iter().map(|w| cot.get(w).copied()).collect())
}

/// Nodes under `y` that depend on one of `wrt`, arguments first.
fn dependents(g: &Graph, y: NodeId, wrt: &[NodeId], through: Definitions) -> Vec<NodeId> {
    let targets: NodeSet = wrt.iter().copied().collect();
    let mut open = NodeSet::default();
    let mut depends: NodeMap<bool> = NodeMap::default();
    let mut order = Vec::new();
    let mut stack = vec![(y, false)];
    while let Some((id, ready)) = stack.pop() {
        if depends.contains_key(&id) {
            continue;
        }
        if targets.contains(&id) {
            depends.insert(id, true);
            order.push(id);
            continue;
        }
        let children = children(g, id, through);
        if ready {
            let hit = children.iter().any(|c| depends.get(c) == Some(&true));
            depends.insert(id, hit);
            if hit {
                order.push(id);
            }
        } else if open.insert(id) {
            stack.push((id, true));
            stack.extend(children.into_iter().map(|c| (c, false)));
        }
    }
    order
}

pub(super) fn children(g: &Graph, id: NodeId, through: Definitions) -> Vec<NodeId> {
    let node = g.node(id);
    match &node.kind {
        NodeKind::Leaf(leaf) => through(leaf).into_iter().collect(),
        // The value is a function of the other arguments.
        NodeKind::Mark(Mark::Apply(_) | Mark::Respond(_) | Mark::LossAt(_)) => node.args[1..].to_vec(),
        // A trace counts as a constant.
        NodeKind::Mark(Mark::Trace(_)) => vec![],
        NodeKind::Mark(_) => vec![node.args[0]],
        _ => node.args.clone(),
    }
}

/// Contributions of the cotangent of a node to those of its arguments.
pub(super) fn adjoint(
    g: &mut Graph,
    id: NodeId,
    bar: NodeId,
    relevant: &NodeSet,
    through: Definitions,
) -> Result<Vec<(NodeId, NodeId)>, Fault> {
    let node = g.node(id).clone();
    let a = node.args.clone();
    let one = |x: Built| x.map(|x| vec![(a[0], x)]);
    match &node.kind {
        NodeKind::Const(_) | NodeKind::Size(_) | NodeKind::Random(..) => Ok(vec![]),
        NodeKind::Leaf(leaf) => Ok(through(leaf).map(|def| (def, bar)).into_iter().collect()),
        NodeKind::Unary(op) => unary_adjoint(g, *op, id, a[0], bar).and_then(|x| match x {
            Some(x) => one(Ok(x)),
            None => Ok(vec![]),
        }),
        NodeKind::Binary(op) => binary_adjoint(g, *op, id, a[0], a[1], bar, relevant),
        NodeKind::Select => {
            let zero = g.number(0.0);
            let (x, y) = (g.select(a[0], bar, zero)?, g.select(a[0], zero, bar)?);
            Ok(vec![(a[1], fold_to(g, x, a[1])?), (a[2], fold_to(g, y, a[2])?)])
        }
        NodeKind::Contract(c) => contract_adjoint(g, c, &a, bar, relevant),
        NodeKind::Reduce(how, axes) => one(reduce_adjoint(g, *how, axes, id, a[0], bar)),
        NodeKind::Reshape => {
            let shape = g.shape(a[0]).to_vec();
            let bar = filled(g, bar, id);
            one(g.reshape(shape, bar))
        }
        NodeKind::Permute(order) => {
            let mut inverse = vec![0; order.len()];
            order.iter().enumerate().for_each(|(i, o)| inverse[*o] = i);
            let bar = filled(g, bar, id);
            one(Ok(g.permute(inverse, bar)))
        }
        NodeKind::Expand(axes) => {
            let bar = filled(g, bar, id);
            one(g.reduce(Reduction::Sum, axes.clone(), bar))
        }
        NodeKind::Slice { axis, start, .. } => {
            let bar = filled(g, bar, id);
            let ty = g.ty(a[0]).clone();
            let length = ty.shape[*axis].known().unwrap_or(0) as usize;
            one(Ok(g.make(NodeKind::Embed { axis: *axis, start: *start, length }, vec![bar], ty)))
        }
        NodeKind::Embed { axis, start, .. } => {
            let bar = filled(g, bar, id);
            let ty = g.ty(a[0]).clone();
            let length = ty.shape[*axis].known().unwrap_or(0) as usize;
            one(Ok(g.make(NodeKind::Slice { axis: *axis, start: *start, length }, vec![bar], ty)))
        }
        NodeKind::Concat(axis) => {
            let bar = filled(g, bar, id);
            let mut start = 0;
            let mut parts = Vec::new();
            for x in a {
                let ty = g.ty(x).clone();
                let length = ty.shape[*axis].known().unwrap_or(0) as usize;
                parts.push((x, g.make(NodeKind::Slice { axis: *axis, start, length }, vec![bar], ty)));
                start += length;
            }
            Ok(parts)
        }
        NodeKind::Unfold(w) => {
            let bar = filled(g, bar, id);
            let ty = g.ty(a[0]).clone();
            one(Ok(g.make(NodeKind::Fold(w.clone()), vec![bar], ty)))
        }
        NodeKind::Fold(w) => {
            let bar = filled(g, bar, id);
            let ty = g.ty(a[0]).clone();
            one(Ok(g.make(NodeKind::Unfold(w.clone()), vec![bar], ty)))
        }
        NodeKind::Softmax | NodeKind::LogSoftmax | NodeKind::LogSumExp => {
            one(row_adjoint(g, &node.kind, id, a[0], bar))
        }
        NodeKind::ArgMax => Err(Fault::NoDerivative { what: "`argmax`", span: node.span }),
        NodeKind::Rank => Err(Fault::NoDerivative { what: "`rank`", span: node.span }),
        NodeKind::OneHot(_) => Err(Fault::NoDerivative { what: "`one_hot`", span: node.span }),
        // An example's value reaches the losses of all examples: in the convention of a gradient for each example, whose
        // mean over the batch is the gradient of the mean loss, it hears the sum of what they hear of it.
        NodeKind::BatchMean => {
            let bar = filled(g, bar, id);
            one(Ok(g.batch_mean(bar)))
        }
        NodeKind::AllExamples => {
            let bar = filled(g, bar, id);
            let mean = g.batch_mean(bar);
            let count = g.size(&Axis::symbol(BATCH_AXIS));
            let sum = g.mul(mean, count)?;
            one(Ok(g.each_example(sum)))
        }
        NodeKind::EachExample => Err(Fault::NoDerivative { what: "`examples`", span: node.span }),
        NodeKind::Mark(Mark::Apply(edge)) => {
            let sources: Vec<NodeId> = a[1..].iter().copied().filter(|s| relevant.contains(s)).collect();
            let bar = filled(g, bar, id);
            let parts = vjp(g, a[0], &sources, bar, &opaque)?;
            let mut out = Vec::new();
            for (s, part) in sources.iter().zip(parts) {
                let Some(part) = part else { continue };
                let is_weight = matches!(g.node(*s).kind, NodeKind::Leaf(Leaf::Weight(_) | Leaf::Slot(_)));
                let marked = if is_weight {
                    g.mark(Mark::Outer(*edge), part, [bar, a[1]])
                } else {
                    let weights = weights_read(g, part, &a[2..]);
                    g.mark(Mark::Adjoint(*edge), part, std::iter::once(bar).chain(weights))
                };
                out.push((*s, marked));
            }
            Ok(out)
        }
        NodeKind::Mark(Mark::Respond(p)) => {
            let bar = filled(g, bar, id);
            let Some(part) = vjp(g, a[0], &[a[1]], bar, &opaque)?[0] else { return Ok(vec![]) };
            let plain = part == bar || g.is_zero(part);
            let made = if plain { part } else { g.mark(Mark::Pull(*p), part, [bar, a[1]]) };
            Ok(vec![(a[1], made)])
        }
        NodeKind::Mark(Mark::LossAt(pops)) => {
            let sources: Vec<NodeId> = a[1..].iter().copied().filter(|s| relevant.contains(s)).collect();
            let parts = vjp(g, a[0], &sources, bar, &opaque)?;
            let mut out = Vec::new();
            for (s, part) in sources.iter().zip(parts) {
                let (Some(part), Some(at)) = (part, a[1..].iter().position(|x| x == s)) else { continue };
                out.push((*s, g.mark(Mark::OutputError(pops[at]), part, [])));
            }
            Ok(out)
        }
        NodeKind::Mark(Mark::Draw(_)) => Err(Fault::NoDerivative { what: "a draw", span: node.span }),
        NodeKind::Mark(_) => Ok(vec![(a[0], bar)]),
    }
}

/// Those of `weights` that `value` reads.
pub fn weights_read(g: &Graph, value: NodeId, weights: &[NodeId]) -> Vec<NodeId> {
    let is_leaf = |w: &NodeId| matches!(g.node(*w).kind, NodeKind::Leaf(Leaf::Weight(_) | Leaf::Slot(_)));
    if weights.iter().all(is_leaf) {
        return g.reads_of(value, weights);
    }
    let under = g.reachable(&[value]);
    weights.iter().copied().filter(|w| under.binary_search(w).is_ok()).collect()
}

/// A scalar cotangent repeated to the shape of the node.
fn filled(g: &mut Graph, bar: NodeId, like: NodeId) -> NodeId {
    let shape = g.shape(like).to_vec();
    g.fill(bar, &shape)
}

/// The cotangent of an argument that was a scalar among tensors: summed.
fn fold_to(g: &mut Graph, bar: NodeId, arg: NodeId) -> Built {
    if g.shape(arg).is_empty() && !g.shape(bar).is_empty() {
        return g.reduce_all(Reduction::Sum, bar);
    }
    Ok(bar)
}

fn unary_adjoint(g: &mut Graph, op: Unary, y: NodeId, x: NodeId, bar: NodeId) -> Result<Option<NodeId>, Fault> {
    let span = g.node(y).span;
    let one = g.number(1.0);
    let local = match op {
        Unary::Negate => return g.neg(bar).map(Some),
        Unary::Exp => y,
        Unary::Expm1 => g.add(y, one)?,
        Unary::Log => return g.div(bar, x).map(Some),
        Unary::Log1p => {
            let d = g.add(x, one)?;
            return g.div(bar, d).map(Some);
        }
        Unary::Sqrt => {
            let two = g.number(2.0);
            let d = g.mul(two, y)?;
            let part = g.div(bar, d)?;
            let length = super::edges::is_square(g, x);
            return if length { super::edges::none_at_zero(g, y, part) } else { Ok(part) }.map(Some);
        }
        Unary::Square => {
            let two = g.number(2.0);
            g.mul(two, x)?
        }
        Unary::Reciprocal => {
            let y2 = g.unary(Unary::Square, y)?;
            g.neg(y2)?
        }
        Unary::Abs => g.unary(Unary::Sign, x)?,
        Unary::Sin => g.unary(Unary::Cos, x)?,
        Unary::Cos => {
            let s = g.unary(Unary::Sin, x)?;
            g.neg(s)?
        }
        Unary::Tanh => {
            let y2 = g.unary(Unary::Square, y)?;
            g.sub(one, y2)?
        }
        Unary::Sigmoid => {
            let rest = g.sub(one, y)?;
            g.mul(y, rest)?
        }
        Unary::Softplus => g.unary(Unary::Sigmoid, x)?,
        Unary::Relu => {
            let zero = g.number(0.0);
            let c = g.binary(Binary::Less, zero, x)?;
            return g.select(c, bar, zero).map(Some);
        }
        Unary::Erf => {
            let x2 = g.unary(Unary::Square, x)?;
            let m = g.neg(x2)?;
            let e = g.unary(Unary::Exp, m)?;
            let c = g.number(std::f64::consts::FRAC_2_SQRT_PI);
            g.mul(c, e)?
        }
        Unary::Sign => return Err(Fault::NoDerivative { what: "`sign`", span }),
        Unary::Floor => return Err(Fault::NoDerivative { what: "`floor`", span }),
        Unary::Not | Unary::IsFinite => return Err(Fault::NoDerivative { what: "a truth value", span }),
    };
    g.mul(bar, local).map(Some)
}

fn binary_adjoint(
    g: &mut Graph,
    op: Binary,
    y: NodeId,
    a: NodeId,
    b: NodeId,
    bar: NodeId,
    relevant: &NodeSet,
) -> Result<Vec<(NodeId, NodeId)>, Fault> {
    let (want_a, want_b) = (relevant.contains(&a), relevant.contains(&b));
    let bar = filled(g, bar, y);
    let (pa, pb): (Option<NodeId>, Option<NodeId>) = match op {
        Binary::Add => (Some(bar), Some(bar)),
        Binary::Subtract => (Some(bar), if want_b { Some(g.neg(bar)?) } else { None }),
        Binary::Multiply => {
            (if want_a { Some(g.mul(bar, b)?) } else { None }, if want_b { Some(g.mul(bar, a)?) } else { None })
        }
        Binary::Divide => {
            let pa = g.div(bar, b)?;
            let pb = if want_b {
                let q = g.mul(pa, y)?;
                Some(g.neg(q)?)
            } else {
                None
            };
            (Some(pa), pb)
        }
        Binary::Power => power_adjoint(g, y, (a, want_a), (b, want_b), bar)?,
        Binary::Min | Binary::Max => {
            // Of equals each has half, as among the elements of `largest`.
            let (low, high) = if op == Binary::Min { (a, b) } else { (b, a) };
            let (zero, half) = (g.number(0.0), g.number(0.5));
            let (first, second) = (g.binary(Binary::Less, low, high)?, g.binary(Binary::Less, high, low)?);
            let tied = g.binary(Binary::Equal, a, b)?;
            let shared = g.mul(half, bar)?;
            let mut part = |alone: NodeId| {
                let own = g.select(alone, bar, zero)?;
                g.select(tied, shared, own)
            };
            (if want_a { Some(part(first)?) } else { None }, if want_b { Some(part(second)?) } else { None })
        }
        Binary::Atan2 => {
            let (a2, b2) = (g.unary(Unary::Square, a)?, g.unary(Unary::Square, b)?);
            let d = g.add(a2, b2)?;
            // An angle for a plain number.
            let radian = g.constant(1.0, crate::ir::Unit::ANGLE, super::graph::Kind::Real);
            let bar = if g.ty(bar).unit == crate::ir::Unit::ONE { bar } else { g.mul(bar, radian)? };
            let scaled = g.div(bar, d)?;
            let scaled = super::edges::none_at_zero(g, d, scaled)?;
            let pa = g.mul(scaled, b)?;
            let pb = g.mul(scaled, a)?;
            (Some(pa), Some(g.neg(pb)?))
        }
        Binary::Equal | Binary::NotEqual | Binary::Less | Binary::LessEqual | Binary::And | Binary::Or => {
            return Err(Fault::NoDerivative { what: "a comparison", span: g.node(y).span });
        }
    };
    let mut out = Vec::new();
    for (arg, part, want) in [(a, pa, want_a), (b, pb, want_b)] {
        if let (Some(part), true) = (part, want) {
            out.push((arg, fold_to(g, part, arg)?));
        }
    }
    Ok(out)
}

fn power_adjoint(
    g: &mut Graph,
    y: NodeId,
    (a, want_a): (NodeId, bool),
    (b, want_b): (NodeId, bool),
    bar: NodeId,
) -> Result<(Option<NodeId>, Option<NodeId>), Fault> {
    let pa = if want_a {
        let one = g.number(1.0);
        let less = g.sub(b, one)?;
        let p = g.binary(Binary::Power, a, less)?;
        let d = g.mul(b, p)?;
        // y^0 is 1 everywhere.
        let d = if g.const_value(b).is_none() { super::edges::none_at_zero(g, b, d)? } else { d };
        // A root of a sum of squares, as `sqrt` has it.
        let root = g.const_value(b).is_some_and(|p| p > 0.0 && p < 1.0) && super::edges::is_square(g, a);
        let d = if root { super::edges::none_at_zero(g, a, d)? } else { d };
        Some(g.mul(bar, d)?)
    } else {
        None
    };
    let pb = if want_b {
        let log = g.unary(Unary::Log, a)?;
        let d = g.mul(y, log)?;
        // 0^y is 0 wherever it is finite.
        let d = super::edges::none_at_zero(g, a, d)?;
        Some(g.mul(bar, d)?)
    } else {
        None
    };
    Ok((pa, pb))
}

fn contract_adjoint(
    g: &mut Graph,
    c: &Contraction,
    args: &[NodeId],
    bar: NodeId,
    relevant: &NodeSet,
) -> Result<Vec<(NodeId, NodeId)>, Fault> {
    let mut out = Vec::new();
    for (i, me, other) in [(0, &c.a, &c.b), (1, &c.b, &c.a)] {
        let (arg, rest) = (args[i], args[1 - i]);
        if !relevant.contains(&arg) {
            continue;
        }
        // Letters of this argument that neither the result nor the other argument has were summed away.
        let found: Vec<u8> = me.iter().copied().filter(|l| c.out.contains(l) || other.contains(l)).collect();
        let spec = Contraction { a: c.out.clone(), b: other.clone(), out: found.clone() };
        let part = g.contract(spec, bar, rest)?;
        let missing: Vec<usize> = (0..me.len()).filter(|k| !found.contains(&me[*k])).collect();
        let shape: Vec<Axis> = g.shape(arg).to_vec();
        out.push((arg, g.expand(missing, shape, part)));
    }
    Ok(out)
}

fn reduce_adjoint(g: &mut Graph, how: Reduction, axes: &[usize], y: NodeId, x: NodeId, bar: NodeId) -> Built {
    let shape = g.shape(x).to_vec();
    let bar = filled(g, bar, y);
    let spread = g.expand(axes.to_vec(), shape.clone(), bar);
    match how {
        Reduction::Sum => Ok(spread),
        Reduction::Mean => {
            let along: Vec<Axis> = axes.iter().map(|i| shape[*i].clone()).collect();
            let count = Axis::product(&along)?;
            let count = g.size(&count);
            g.div(spread, count)
        }
        Reduction::Max | Reduction::Min => {
            // Among equal extremes the derivative is shared, as the subgradient of least norm.
            let best = g.expand(axes.to_vec(), shape, y);
            let hit = g.binary(Binary::Equal, x, best)?;
            let (one, zero) = (g.number(1.0), g.number(0.0));
            let hits = g.select(hit, one, zero)?;
            let count = g.reduce(Reduction::Sum, axes.to_vec(), hits)?;
            let share = g.div(bar, count)?;
            let shape = g.shape(x).to_vec();
            let spread = g.expand(axes.to_vec(), shape, share);
            g.mul(hits, spread)
        }
    }
}

fn row_adjoint(g: &mut Graph, kind: &NodeKind, y: NodeId, x: NodeId, bar: NodeId) -> Built {
    let bar = filled(g, bar, y);
    let shape = g.shape(x).to_vec();
    let last = shape.len() - 1;
    match kind {
        NodeKind::Softmax => {
            let weighted = g.mul(bar, y)?;
            let total = g.reduce(Reduction::Sum, vec![last], weighted)?;
            let total = g.expand(vec![last], shape, total);
            let rest = g.sub(bar, total)?;
            g.mul(y, rest)
        }
        NodeKind::LogSoftmax => {
            let p = g.row(NodeKind::Softmax, x)?;
            let part = match row_total(g, bar) {
                Some(total) => g.mul(total, p)?,
                None => {
                    let total = g.reduce(Reduction::Sum, vec![last], bar)?;
                    let total = g.expand(vec![last], shape, total);
                    g.mul(p, total)?
                }
            };
            // -a - (-p) = p - a, so that the descent of a surprise is what it is written as.
            match g.node(part).kind {
                NodeKind::Unary(Unary::Negate) => {
                    let plus = g.node(part).args[0];
                    g.add(plus, bar)
                }
                _ => g.sub(bar, part),
            }
        }
        _ => {
            let p = g.row(NodeKind::Softmax, x)?;
            let spread = g.expand(vec![last], shape, bar);
            g.mul(p, spread)
        }
    }
}

/// The sum of each row, where it is one number that is known: a label has one 1.
fn row_total(g: &mut Graph, x: NodeId) -> Option<NodeId> {
    let node = g.node(x).clone();
    match node.kind {
        NodeKind::OneHot(_) => Some(g.number(1.0)),
        NodeKind::Unary(Unary::Negate) => {
            let total = row_total(g, node.args[0])?;
            g.neg(total).ok()
        }
        NodeKind::Binary(Binary::Multiply) => {
            let [a, b] = node.args[..] else { return None };
            let (scale, rest) = if g.shape(a).is_empty() { (a, b) } else { (b, a) };
            let total = if g.shape(scale).is_empty() { row_total(g, rest)? } else { return None };
            g.mul(scale, total).ok()
        }
        _ => None,
    }
}
