//! Derivatives carried forward, and whole ones: `n.push(u)`, `p.push(u)`, and the Jacobian that `d` of a vector is.
//!
//! What a function carries back, `J^T e`, is linear in `e`; what that carries back in its turn is `J u`. So the one adjoint
//! of each operation serves both directions.

use super::derive::{opaque, vjp};
use super::elaborate::Elab;
use super::graph::{Built, Fault, Graph, Mark, NodeId, NodeKind, Ty};
use super::network::{EdgeId, PopId};
use super::value::Val;
use crate::diag::{Code, Diagnostic};
use crate::ir::axis::Axis;
use crate::ops::Binary;
use crate::source::Span;

/// A Jacobian of more rows than this is refused: each row is written out.
const MAX_ROWS: u64 = 256;

impl Elab<'_> {
    /// `n.push(u)`: how the rate moves where the drive moves along u.
    pub(crate) fn push(&mut self, p: PopId, u: NodeId, span: Span) -> Val {
        let pop = self.net.pop(p).clone();
        if self.g.is_zero(u) || pop.rate == pop.drive_leaf {
            return Val::Node(u);
        }
        if pop.sampled.is_some() {
            return self.not_through_samples(p, span);
        }
        match self.along(pop.rate, pop.drive_leaf, u) {
            Ok(Some(n)) => Val::Node(self.g.mark(Mark::Pull(p), n, [u, pop.drive_leaf])),
            Ok(None) => self.flat(pop.rate, pop.drive_leaf, span, "a rule that differentiates"),
            Err(f) => self.fault(f, span, "a rule that differentiates", &[]),
        }
    }

    /// `p.push(u)`: how what an edge brings moves where the rate of its pre side moves along u.
    pub(crate) fn push_over(&mut self, e: EdgeId, u: NodeId, span: Span) -> Val {
        let edge = self.net.edge(e).clone();
        let contribution = self.g.node(edge.contribution).clone();
        let (value, leaf) = (contribution.args[0], self.net.pop(edge.pre).rate_leaf);
        let shape = self.net.pop(edge.post).shape.clone();
        if self.g.is_zero(u) {
            return Val::Node(self.g.zeros(&Ty::real(shape)));
        }
        match self.along(value, leaf, u) {
            Ok(Some(n)) => {
                let n = self.g.fill(n, &shape);
                let sources: Vec<NodeId> = std::iter::once(u).chain(contribution.args[2..].iter().copied()).collect();
                Val::Node(self.g.mark(Mark::Apply(e), n, sources))
            }
            Ok(None) => Val::Node(self.g.zeros(&Ty::real(shape))),
            Err(f) => self.fault(f, span, "`push`", &[]),
        }
    }

    /// The product of the Jacobian of `y` by `x` with `u`; `None` where `y` does not depend on `x`.
    fn along(&mut self, y: NodeId, x: NodeId, u: NodeId) -> Result<Option<NodeId>, Fault> {
        let (back, way) = (self.g.ty(y).clone(), self.g.ty(u).clone());
        let seed = self.symbol("what is carried back", Ty::real(back.shape.clone()));
        let Some(carried) = vjp(&mut self.g, y, &[x], seed, &opaque)?[0] else { return Ok(None) };
        let carried = self.g.fill(carried, &way.shape);
        let pushed = vjp(&mut self.g, carried, &[seed], u, &opaque)?[0];
        Ok(pushed.map(|n| self.g.fill(n, &back.shape)))
    }

    /// `d(y, x)` of several numbers: the axes of y, then those of x.
    pub(crate) fn jacobian(&mut self, y: NodeId, x: NodeId, at: (Span, Span)) -> Val {
        let (rows, columns) = (self.g.shape(y).to_vec(), self.g.shape(x).to_vec());
        let whole: Vec<Axis> = rows.iter().chain(&columns).cloned().collect();
        let Some(count) = Axis::product(&rows).ok().and_then(|a| a.known()) else {
            // Where sizes are open, its shape is what there is to check.
            return Val::Node(self.symbol(&format!("Jacobian of {} by {}", y.0, x.0), Ty::real(whole)));
        };
        if count > MAX_ROWS {
            let m = format!("`d` of {count} numbers is a Jacobian of as many rows, and {MAX_ROWS} are the most");
            let d = Diagnostic::new(Code::T0307, at.0, m, "");
            return self.report(d.help("differentiate a sum of them, `d(dot(y, e), x)`, which carries e back"));
        }
        match self.stacked(y, x, count as usize, whole) {
            Ok(n) => Val::Node(n),
            Err(f) => self.fault(f, at.1, "`d`", &[]),
        }
    }

    fn stacked(&mut self, y: NodeId, x: NodeId, count: usize, whole: Vec<Axis>) -> Built {
        let columns = self.g.shape(x).to_vec();
        let flat = self.g.reshape(vec![Axis::Known(count as u64)], y)?;
        let mut rows = Vec::new();
        for k in 0..count {
            let seed = unit(&mut self.g, count, k)?;
            let row = match vjp(&mut self.g, flat, &[x], seed, &opaque)?[0] {
                Some(n) => self.g.fill(n, &columns),
                None if k == 0 && self.g.reachable(&[y]).contains(&x) => {
                    return Err(Fault::NoDerivative { what: "a comparison", span: self.g.node(y).span });
                }
                None => self.g.zeros(&Ty::real(columns.clone())),
            };
            let of_row = std::iter::once(Axis::Known(1)).chain(columns.iter().cloned()).collect();
            rows.push(self.g.reshape(of_row, row)?);
        }
        let first = self.g.ty(rows[0]).clone();
        let shape = std::iter::once(Axis::Known(count as u64)).chain(columns).collect();
        let all = self.g.make(NodeKind::Concat(0), rows, Ty { shape, ..first });
        self.g.reshape(whole, all)
    }
}

/// 1 at place `k` of `n`, and 0 elsewhere.
fn unit(g: &mut Graph, n: usize, k: usize) -> Built {
    let axis = Axis::Known(n as u64);
    let place = g.make(NodeKind::Size(axis.clone()), vec![], Ty::real(vec![axis]));
    let at = g.number(k as f64);
    let here = g.binary(Binary::Equal, place, at)?;
    let (one, zero) = (g.number(1.0), g.number(0.0));
    let shape = g.shape(place).to_vec();
    let (one, zero) = (g.fill(one, &shape), g.fill(zero, &shape));
    g.select(here, one, zero)
}
