//! Derivatives where there is none, or where it does not matter: one convention each.
//!
//! Equals share the derivative of their maximum or minimum; relu and abs have slope 0 at 0; a length has derivative 0 where
//! it is 0, and so have an angle of nothing, y^0, and 0^y by y. Of an `if` only the branch that is taken counts, whatever the other
//! one would be there.

use super::graph::{Built, Graph, NodeId, NodeKind};
use crate::ops::{Binary, Contraction, Reduction, Unary};
use std::collections::HashSet;

/// Nodes under a branch of an `if` whose derivative may be no number where the branch is not taken: nothing times
/// infinity is nothing there.
pub(super) fn guarded(g: &Graph, order: &[NodeId]) -> HashSet<NodeId> {
    let selects = order.iter().filter(|n| g.node(**n).kind == NodeKind::Select);
    let branches: Vec<NodeId> = selects.flat_map(|n| g.node(*n).args[1..].iter().copied()).collect();
    if branches.is_empty() {
        return HashSet::new();
    }
    let mut wild = HashSet::new();
    for n in g.reachable(&branches) {
        let node = g.node(n);
        let own = match node.kind {
            NodeKind::Unary(Unary::Log | Unary::Log1p | Unary::Sqrt | Unary::Reciprocal) => true,
            NodeKind::Unary(Unary::Exp | Unary::Expm1) => true,
            NodeKind::Binary(Binary::Power | Binary::Atan2) => true,
            NodeKind::Binary(Binary::Divide) => g.const_value(node.args[1]).is_none_or(|v| v == 0.0),
            _ => false,
        };
        if own || node.args.iter().any(|a| wild.contains(a)) {
            wild.insert(n);
        }
    }
    order.iter().copied().filter(|n| wild.contains(n)).collect()
}

/// What is asked for where anything is.
pub(super) fn where_asked(g: &mut Graph, bar: NodeId, part: NodeId) -> Built {
    let zero = g.number(0.0);
    if g.shape(bar) == g.shape(part) && !g.is_zero(part) {
        return none_at_zero(g, bar, part);
    }
    // Of a sum, or of what is repeated, elements of which none is asked for.
    let silent = match g.const_value(bar) {
        Some(v) if v != 0.0 => return Ok(part),
        _ if g.shape(bar).is_empty() => g.binary(Binary::Equal, bar, zero)?,
        _ => return Ok(part),
    };
    g.select(silent, zero, part)
}

/// Nothing where `at` is 0.
pub(super) fn none_at_zero(g: &mut Graph, at: NodeId, part: NodeId) -> Built {
    if let Some(v) = g.const_value(at) {
        return Ok(if v == 0.0 { g.zeros(&g.ty(part).clone()) } else { part });
    }
    let zero = g.number(0.0);
    let there = g.binary(Binary::Equal, at, zero)?;
    g.select(there, zero, part)
}

/// Whether a value reads another one otherwise than through comparisons.
pub(super) fn reads_by_value(g: &Graph, y: NodeId, x: NodeId) -> bool {
    let (mut open, mut seen) = (vec![y], HashSet::new());
    while let Some(n) = open.pop() {
        if n == x {
            return true;
        }
        let node = g.node(n);
        let compared = matches!(
            node.kind,
            NodeKind::Binary(
                Binary::Equal | Binary::NotEqual | Binary::Less | Binary::LessEqual | Binary::And | Binary::Or
            ) | NodeKind::Unary(Unary::Not | Unary::IsFinite)
        );
        if seen.insert(n) && !compared {
            open.extend(node.args.iter().skip(usize::from(node.kind == NodeKind::Select)));
        }
    }
    false
}

/// Whether a value is a sum of squares, whose root is a length.
pub(super) fn is_square(g: &Graph, x: NodeId) -> bool {
    let node = g.node(x);
    let all = || node.args.iter().all(|a| is_square(g, *a));
    match &node.kind {
        NodeKind::Unary(Unary::Square) => true,
        NodeKind::Contract(Contraction { a, b, .. }) => node.args[0] == node.args[1] && a == b,
        NodeKind::Reduce(Reduction::Sum | Reduction::Mean, _) => is_square(g, node.args[0]),
        NodeKind::Reshape | NodeKind::Permute(_) | NodeKind::Expand(_) | NodeKind::Mark(_) => {
            is_square(g, node.args[0])
        }
        NodeKind::Binary(Binary::Add) => all(),
        NodeKind::Binary(Binary::Multiply) => {
            let scale = |i: usize| g.const_value(node.args[i]).is_some_and(|v| v > 0.0);
            node.args[0] == node.args[1]
                || all()
                || scale(0) && is_square(g, node.args[1])
                || scale(1) && is_square(g, node.args[0])
        }
        NodeKind::Binary(Binary::Power) => {
            g.const_value(node.args[1]).is_some_and(|p| p > 0.0 && p.rem_euclid(2.0) == 0.0)
        }
        NodeKind::Binary(Binary::Divide) => is_square(g, node.args[0]) && g.as_axis(node.args[1]).is_some(),
        _ => false,
    }
}
