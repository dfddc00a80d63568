//! Between which numbers a value must lie, whatever the data: truth values in [0, 1], the angle of non-negative sides in
//! [0, 90 deg], means of what is bounded. A hypothesis beyond them is impossible.

use super::graph::{Graph, Kind, NodeId, NodeKind};
use crate::ops::{Binary, Reduction, Unary};
use std::collections::HashMap;
use std::f64::consts::{FRAC_PI_2, PI};

type Range = (f64, f64);

const ANY: Range = (f64::NEG_INFINITY, f64::INFINITY);

/// The range of a value, if both ends are known.
pub fn range_of(g: &Graph, id: NodeId) -> Option<Range> {
    Some(between(g, id)).filter(|(a, b)| a.is_finite() && b.is_finite())
}

/// The numbers between which a value must lie, infinite where nothing is known.
pub fn between(g: &Graph, id: NodeId) -> Range {
    let mut known: HashMap<NodeId, Range> = HashMap::new();
    for n in g.reachable(&[id]) {
        let r = of_node(g, n, &known);
        known.insert(n, r);
    }
    known.get(&id).copied().unwrap_or(ANY)
}

fn of_node(g: &Graph, id: NodeId, known: &HashMap<NodeId, Range>) -> Range {
    let node = g.node(id);
    let arg = |i: usize| node.args.get(i).and_then(|a| known.get(a)).copied().unwrap_or(ANY);
    if node.ty.kind == Kind::Bool {
        return (0.0, 1.0);
    }
    match &node.kind {
        NodeKind::Const(bits) => (f64::from_bits(*bits), f64::from_bits(*bits)),
        NodeKind::Unary(op) => unary(*op, arg(0)),
        NodeKind::Binary(op) if node.args[0] == node.args[1] && *op == Binary::Multiply => (0.0, f64::INFINITY),
        NodeKind::Binary(op) => binary(*op, arg(0), arg(1)),
        NodeKind::Select => join(arg(1), arg(2)),
        NodeKind::Reduce(Reduction::Sum, _) => sum(arg(0)),
        NodeKind::Reduce(..) | NodeKind::Reshape | NodeKind::Permute(_) | NodeKind::Expand(_) => arg(0),
        NodeKind::Slice { .. } | NodeKind::BatchMean | NodeKind::Mark(_) => arg(0),
        NodeKind::Embed { .. } | NodeKind::Unfold(_) => join(arg(0), (0.0, 0.0)),
        NodeKind::Fold(_) => sum(arg(0)),
        NodeKind::Concat(_) => (0..node.args.len()).map(arg).reduce(join).unwrap_or(ANY),
        NodeKind::Contract(_) if node.args[0] == node.args[1] && node.ty.shape.is_empty() => (0.0, f64::INFINITY),
        NodeKind::Contract(_) if arg(0).0 >= 0.0 && arg(1).0 >= 0.0 => (0.0, f64::INFINITY),
        NodeKind::Softmax | NodeKind::OneHot(_) => (0.0, 1.0),
        NodeKind::LogSoftmax => (f64::NEG_INFINITY, 0.0),
        _ => ANY,
    }
}

fn join(a: Range, b: Range) -> Range {
    (a.0.min(b.0), a.1.max(b.1))
}

/// A sum of any number of values keeps their sign, no more.
fn sum(a: Range) -> Range {
    (if a.0 >= 0.0 { 0.0 } else { f64::NEG_INFINITY }, if a.1 <= 0.0 { 0.0 } else { f64::INFINITY })
}

fn unary(op: Unary, a: Range) -> Range {
    let rising = |f: fn(f64) -> f64| (f(a.0), f(a.1));
    match op {
        Unary::Negate => (-a.1, -a.0),
        Unary::Exp => rising(f64::exp),
        Unary::Sqrt => (a.0.max(0.0).sqrt(), a.1.max(0.0).sqrt()),
        Unary::Square | Unary::Abs => (0.0, f64::INFINITY),
        Unary::Sin | Unary::Cos | Unary::Sign | Unary::Erf => (-1.0, 1.0),
        Unary::Tanh => rising(f64::tanh),
        Unary::Sigmoid | Unary::Not | Unary::IsFinite => (0.0, 1.0),
        Unary::Softplus => (0.0, f64::INFINITY),
        Unary::Relu => rising(|x| x.max(0.0)),
        Unary::Floor => rising(f64::floor),
        _ => ANY,
    }
}

fn binary(op: Binary, a: Range, b: Range) -> Range {
    // Where infinite ends cancel nothing is known.
    let known = |r: Range| if r.0.is_nan() || r.1.is_nan() { ANY } else { r };
    match op {
        Binary::Add => known((a.0 + b.0, a.1 + b.1)),
        Binary::Subtract => known((a.0 - b.1, a.1 - b.0)),
        Binary::Multiply => {
            let ends = [a.0 * b.0, a.0 * b.1, a.1 * b.0, a.1 * b.1].map(|x| if x.is_nan() { 0.0 } else { x });
            (ends.iter().copied().fold(f64::INFINITY, f64::min), ends.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        }
        Binary::Divide if b.0 > 0.0 && b.1.is_finite() => {
            known(((a.0 / b.0).min(a.0 / b.1), (a.1 / b.0).max(a.1 / b.1)))
        }
        Binary::Min => (a.0.min(b.0), a.1.min(b.1)),
        Binary::Max => (a.0.max(b.0), a.1.max(b.1)),
        Binary::Atan2 if a.0 >= 0.0 && b.0 >= 0.0 => (0.0, FRAC_PI_2),
        Binary::Atan2 if a.0 >= 0.0 => (0.0, PI),
        Binary::Atan2 => (-PI, PI),
        _ => ANY,
    }
}
