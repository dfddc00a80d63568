//! From the axes of a result to the axes of its arguments: which element of an argument an element of the result reads.

use crate::ir::axis::Axis;
use crate::model::graph::{Graph, NodeId, NodeKind};
use crate::ops::Contraction;

/// An axis that the result does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Many elements became one number (or each reads all of them, as in softmax).
    Pooled,
    /// Summed against another argument that has axes of its own: a matrix product.
    Contracted { argument: usize, letter: u8 },
    /// Cut, shifted or rearranged, so that units lie beside other units.
    Moved,
}

/// A label for each axis of each argument, from labels of the axes of the result.
pub fn through<T: Clone + PartialEq>(g: &Graph, id: NodeId, labels: &[T], lost: &dyn Fn(Lost) -> T) -> Vec<Vec<T>> {
    let node = g.node(id);
    let shape = |i: usize| g.shape(node.args[i]);
    match &node.kind {
        NodeKind::Contract(c) => contract(c, labels, lost),
        NodeKind::Reduce(_, axes) => vec![with(labels, axes, &lost(Lost::Pooled))],
        NodeKind::LogSumExp | NodeKind::ArgMax => vec![with(labels, &[labels.len()], &lost(Lost::Pooled))],
        NodeKind::Softmax | NodeKind::LogSoftmax | NodeKind::Rank => {
            let mut own = labels.to_vec();
            if let Some(last) = own.last_mut() {
                *last = lost(Lost::Pooled);
            }
            vec![own]
        }
        NodeKind::AllExamples => vec![labels.get(1..).unwrap_or(&[]).to_vec()],
        NodeKind::EachExample => vec![std::iter::once(lost(Lost::Pooled)).chain(labels.iter().cloned()).collect()],
        NodeKind::OneHot(_) => vec![labels[..labels.len().saturating_sub(1)].to_vec()],
        NodeKind::Permute(order) => {
            let mut own = labels.to_vec();
            for (i, l) in order.iter().zip(labels) {
                if let Some(place) = own.get_mut(*i) {
                    *place = l.clone();
                }
            }
            vec![own]
        }
        NodeKind::Expand(axes) => {
            let kept = labels.iter().enumerate().filter(|(i, _)| !axes.contains(i)).map(|(_, l)| l.clone());
            vec![kept.collect()]
        }
        NodeKind::Reshape => vec![reshape(&node.ty.shape, shape(0), labels, &lost(Lost::Moved))],
        NodeKind::Slice { axis, .. } | NodeKind::Embed { axis, .. } | NodeKind::Concat(axis) => {
            let mut own = labels.to_vec();
            if let Some(place) = own.get_mut(*axis) {
                *place = lost(Lost::Moved);
            }
            vec![own; node.args.len()]
        }
        // Units beside other units, on the axis that is looked at in windows.
        NodeKind::Unfold(w) => {
            let mut own = labels[..labels.len().saturating_sub(1)].to_vec();
            if let Some(place) = own.get_mut(w.axis) {
                *place = lost(Lost::Moved);
            }
            vec![own]
        }
        NodeKind::Fold(w) => {
            let mut own = labels.to_vec();
            if let Some(place) = own.get_mut(w.axis) {
                *place = lost(Lost::Moved);
            }
            own.push(lost(Lost::Moved));
            vec![own]
        }
        // By element; a scalar among tensors has no axis.
        _ => (0..node.args.len()).map(|i| if shape(i).is_empty() { vec![] } else { labels.to_vec() }).collect(),
    }
}

fn with<T: Clone>(labels: &[T], axes: &[usize], new: &T) -> Vec<T> {
    let mut rest = labels.iter();
    let count = labels.len() + axes.len();
    (0..count).filter_map(|i| if axes.contains(&i) { Some(new.clone()) } else { rest.next().cloned() }).collect()
}

fn contract<T: Clone>(c: &Contraction, labels: &[T], lost: &dyn Fn(Lost) -> T) -> Vec<Vec<T>> {
    let side = |argument: usize, me: &[u8], other: &[u8]| -> Vec<T> {
        let matrix = other.iter().any(|l| c.out.contains(l) && !me.contains(l));
        me.iter()
            .map(|l| match c.out.iter().position(|o| o == l).and_then(|at| labels.get(at)) {
                Some(own) => own.clone(),
                None if matrix && other.contains(l) => lost(Lost::Contracted { argument, letter: *l }),
                None => lost(Lost::Pooled),
            })
            .collect()
    };
    vec![side(0, &c.a, &c.b), side(1, &c.b, &c.a)]
}

/// Axes that were merged or split keep their label where all of a group have one.
fn reshape<T: Clone + PartialEq>(result: &[Axis], argument: &[Axis], labels: &[T], moved: &T) -> Vec<T> {
    if let Some(first) = labels.first()
        && labels.iter().all(|l| l == first)
    {
        return vec![first.clone(); argument.len()];
    }
    // An axis of one element is there or not without a unit being another.
    let one = |a: &&Axis| a.known() == Some(1);
    if result.iter().chain(argument).any(|a| one(&a)) {
        let kept: Vec<usize> = (0..result.len()).filter(|i| !one(&&result[*i])).collect();
        let of = |shape: &[Axis]| shape.iter().filter(|a| !one(a)).cloned().collect::<Vec<Axis>>();
        let own: Vec<T> = kept.iter().filter_map(|i| labels.get(*i).cloned()).collect();
        let mut found = reshape(&of(result), &of(argument), &own, moved).into_iter();
        let label = |a: &Axis| if one(&a) { None } else { found.next() };
        return argument.iter().map(label).map(|l| l.unwrap_or_else(|| moved.clone())).collect();
    }
    let mut out = Vec::new();
    let (mut i, mut j) = (0, 0);
    while j < argument.len() {
        let (start, first) = (i, j);
        i += 1;
        j += 1;
        // The smallest groups on both sides with one product.
        loop {
            let (r, a) = (Axis::product(&result[start..i.min(result.len())]), Axis::product(&argument[first..j]));
            match (r, a) {
                (Ok(r), Ok(a)) if r == a => break,
                (Ok(Axis::Known(r)), Ok(Axis::Known(a))) if r > a && j < argument.len() => j += 1,
                _ if i < result.len() => i += 1,
                _ => return vec![moved.clone(); argument.len()],
            }
        }
        let group = labels.get(start..i).unwrap_or(&[]);
        let one = group.first().filter(|f| group.iter().all(|l| l == *f)).unwrap_or(moved);
        out.extend(std::iter::repeat_n(one.clone(), j - first));
    }
    out
}
