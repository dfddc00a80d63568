//! Calls of primitive functions.

use super::domain::Range;
use super::elaborate::Elab;
use super::graph::{Built, Fault, Kind, NodeId, NodeKind, Ty};
use super::value::{Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::axis::Axis;
use crate::ir::{Item, Unit};
use crate::ops::table::{Row, Surface, TABLE};
use crate::ops::{Distribution, Reduction};
use crate::source::Span;
use crate::syntax::ast::{Arg, Expr};
use std::rc::Rc;

impl Elab<'_> {
    pub(crate) fn primitive(
        &mut self,
        scope: &Scope,
        span: Span,
        item: &Rc<Item>,
        row: usize,
        args: &[Arg],
        want: Option<&[Axis]>,
    ) -> Val {
        let surface = TABLE[row].surface;
        let Some(slots) = self.assign(scope, span, item, args) else {
            return Val::Error;
        };
        match surface {
            Surface::Reshape => return self.reshape_call(scope, span, &slots, want),
            Surface::Einsum => return self.einsum_call(scope, span, &slots),
            Surface::Unfold | Surface::Fold => return self.windows_call(scope, span, surface, &slots),
            Surface::ReduceAll(how) if slots.get(1).is_some_and(Option::is_some) => {
                return self.reduce_over(scope, span, how, &slots);
            }
            _ => {}
        }
        // An elementwise function asks of its arguments what is asked of it.
        let pass =
            matches!(surface, Surface::Unary(_) | Surface::Binary(_) | Surface::Row(Row::Softmax | Row::LogSoftmax));
        let inner_want = if pass { want } else { None };
        let mut nodes = Vec::new();
        let mut places = Vec::new();
        let given: Vec<&Expr> = slots.into_iter().flatten().collect();
        let values: Vec<Val> = given.iter().map(|e| self.eval(scope, e, inner_want)).collect();
        if values.iter().any(|v| matches!(v, Val::Bundle(_) | Val::Edge(_)))
            && let Some(v) = self.of_bundles(surface, &values, &given, span)
        {
            return v;
        }
        for (e, v) in given.into_iter().zip(values) {
            match self.tensor(&v, e.span) {
                Some(n) => nodes.push(n),
                None => return Val::Error,
            }
            places.push(e.span);
        }
        let built = match surface {
            Surface::Draw(d) => return self.draw(scope, span, d, &nodes, &places),
            Surface::Sample(_) => {
                let m = format!("`{}` is drawn by the units of a population", item.name);
                let d = Diagnostic::new(Code::T0210, span, m, "not here");
                return self.report(d.help("write `population h: [n] = sample ...`"));
            }
            other => self.build(other, &nodes),
        };
        let at: Vec<_> = places.into_iter().zip(nodes).collect();
        match built {
            Ok(n) => Val::Node(n),
            Err(f) => self.fault(f, span, &format!("`{}`", item.name), &at),
        }
    }

    /// An elementwise function of one value for each weight, by component.
    fn of_bundles(&mut self, surface: Surface, values: &[Val], at: &[&Expr], span: Span) -> Option<Val> {
        match (surface, values) {
            (Surface::Unary(op), [v]) => {
                let b = match v {
                    Val::Edge(e) => self.weights_bundle(*e),
                    Val::Bundle(b) => b.clone(),
                    _ => return None,
                };
                let all = b.parts.iter().copied().chain([b.drive]);
                let made: Result<Vec<NodeId>, Fault> = all.map(|n| self.g.unary(op, n)).collect();
                Some(match made {
                    Ok(mut parts) => {
                        let drive = parts.pop().unwrap_or(b.drive);
                        Val::Bundle(super::value::Bundle { parts, drive, ..b })
                    }
                    Err(f) => self.fault(f, span, "this", &[]),
                })
            }
            (Surface::Binary(op), [a, b]) => {
                Some(self.bundle_op(op, a.clone(), b.clone(), span, (at[0].span, at[1].span)))
            }
            _ => None,
        }
    }

    pub(crate) fn build(&mut self, surface: Surface, x: &[NodeId]) -> Built {
        let g = &mut self.g;
        match surface {
            Surface::Unary(op) => g.unary(op, x[0]),
            Surface::Binary(op) => g.binary(op, x[0], x[1]),
            Surface::ReduceAll(how) => g.reduce_all(how, x[0]),
            Surface::Row(r) => {
                let kind = match r {
                    Row::Softmax => NodeKind::Softmax,
                    Row::LogSoftmax => NodeKind::LogSoftmax,
                    Row::LogSumExp => NodeKind::LogSumExp,
                    Row::ArgMax => NodeKind::ArgMax,
                    Row::Rank => NodeKind::Rank,
                };
                g.row(kind, x[0])
            }
            Surface::OneHot => g.one_hot(x[0]),
            Surface::Dot => g.dot(x[0], x[1]),
            // Of units in a row.
            Surface::Outer => {
                let flat = |g: &mut super::graph::Graph, x: NodeId| {
                    let units = Axis::product(g.shape(x))?;
                    if g.shape(x).is_empty() { Ok(x) } else { g.reshape(vec![units], x) }
                };
                let (a, b) = (flat(g, x[0])?, flat(g, x[1])?);
                g.outer(a, b)
            }
            Surface::Transpose | Surface::RowSums | Surface::ColumnSums if g.shape(x[0]).len() != 2 => {
                let got = g.shape(x[0]).to_vec();
                Err(Fault::Rank { what: "this".into(), wanted: "a matrix".into(), got })
            }
            Surface::Transpose => Ok(g.permute(vec![1, 0], x[0])),
            Surface::RowSums => g.reduce(Reduction::Sum, vec![1], x[0]),
            Surface::ColumnSums => g.reduce(Reduction::Sum, vec![0], x[0]),
            Surface::Flatten => {
                let units = Axis::product(g.shape(x[0]))?;
                g.reshape(vec![units], x[0])
            }
            Surface::Ones | Surface::Zeros => {
                let v = g.number(f64::from(surface == Surface::Ones));
                let shape = g.shape(x[0]).to_vec();
                Ok(g.fill(v, &shape))
            }
            Surface::Identity => {
                let Some(n) = g.as_axis(x[0]) else {
                    return Err(Fault::Kind { wanted: "a known size".into(), got: g.ty(x[0]).text() });
                };
                // Rows of labels 0..n, one-hot.
                let ty = Ty { shape: vec![n.clone()], unit: Unit::ONE, kind: Kind::Label(n.clone()) };
                let iota = g.make(NodeKind::Size(n), vec![], ty);
                g.one_hot(iota)
            }
            Surface::Concat => g.concat(x),
            Surface::Triangle => g.triangle(x[0]),
            // Made where their arguments are read.
            Surface::Draw(_)
            | Surface::Sample(_)
            | Surface::Reshape
            | Surface::Einsum
            | Surface::Unfold
            | Surface::Fold => Ok(x[0]),
        }
    }

    pub(crate) fn draw(&mut self, scope: &Scope, span: Span, d: Distribution, x: &[NodeId], places: &[Span]) -> Val {
        let Some(draw) = scope.draw.clone() else {
            let m = "random numbers are drawn only where something is declared with `~`";
            let d = Diagnostic::new(Code::T0210, span, m, "drawn here");
            return self
                .report(d.help("declare `noise`, `feedback`, `weight`, `fixed` or `draw` and use its name here"));
        };
        let raw = NodeKind::Random(d, draw.next().into());
        let raw = self.g.make(raw, vec![], Ty::real(draw.shape.clone()));
        let made = match d {
            Distribution::Normal => {
                let says = "a standard deviation lies at 0 or above";
                let range = Range { low: 0.0, high: f64::INFINITY, says, declared: None };
                let Some(deviation) = self.held_in(x[1], &range, places[1]) else { return Val::Error };
                self.g.mul(deviation, raw).and_then(|s| self.g.add(x[0], s))
            }
            Distribution::Uniform => {
                if let (Some(a), Some(b)) = (self.g.const_value(x[0]), self.g.const_value(x[1]))
                    && a > b
                {
                    let m = format!("this draw begins above its end: no number lies from {a} to {b}");
                    let d = Diagnostic::new(Code::T0308, places[0].to(places[1]), m, "the lower end stands first");
                    return self.report(d.help(format!("write `uniform({b}, {a})`")));
                }
                let says = "the width of a uniform draw lies at 0 or above";
                let range = Range { low: 0.0, high: f64::INFINITY, says, declared: None };
                let Ok(width) = self.g.sub(x[1], x[0]) else { return self.unlike(span, x, places) };
                let Some(width) = self.held_in(width, &range, places[0].to(places[1])) else { return Val::Error };
                self.g.mul(width, raw).and_then(|s| self.g.add(x[0], s))
            }
        };
        match made {
            Ok(n) => Val::Node(n),
            Err(f) => self.fault(f, span, "this distribution", &[(places[0], x[0]), (places[1], x[1])]),
        }
    }

    /// Two ends that have no difference.
    fn unlike(&mut self, span: Span, x: &[NodeId], places: &[Span]) -> Val {
        match self.g.sub(x[1], x[0]) {
            Err(f) => self.fault(f, span, "this distribution", &[(places[0], x[0]), (places[1], x[1])]),
            Ok(_) => Val::Error,
        }
    }
}
