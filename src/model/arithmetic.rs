//! Operators: on tensors, on bundles, on drives and objectives.

use super::elaborate::Elab;
use super::graph::{Fault, Kind, NodeId, Ty};
use super::network::EdgeId;
use super::value::{Bundle, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::Unit;
use crate::ir::axis::Axis;
use crate::ops::{Binary, Unary};
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Expr, Ident, UnaryOp};

impl Elab<'_> {
    /// A number with its unit, if it has one.
    pub(crate) fn number(&mut self, scope: &Scope, span: Span, value: f64, text: &str, unit: Option<&Ident>) -> Val {
        let Some(word) = unit else {
            let whole = value.fract() == 0.0 && !text.contains(['.', 'e']);
            let kind = if whole { Kind::Nat } else { Kind::Real };
            return Val::Node(self.g.constant(value, Unit::ONE, kind));
        };
        // Epochs, steps and seeds are counted where nothing else may stand.
        let counts = Unit::word(&word.name).is_some_and(|u| [Unit::EPOCHS, Unit::STEPS, Unit::SEEDS].contains(&u.0));
        if let (Some(local), false) = (scope.find(&word.name), counts) {
            let (name, at) = (&word.name, local.span);
            let m = format!(
                "`{text} {name}` may be a number in the unit {name}, or {text} times the `{name}` of this place"
            );
            let d = Diagnostic::new(Code::T0105, span, m, "which one?");
            let d = at.map_or(d.clone(), |at| d.also(at, format!("`{name}` is defined here")));
            return self.report(d.help(format!(
                "write `{text} * {name}` for the product; for the unit, give `{name}` here another name"
            )));
        }
        match Unit::word(&word.name) {
            Some((unit, scale)) => Val::Node(self.g.constant(value * scale, unit, Kind::Real)),
            None => self.report(
                Diagnostic::new(Code::T0105, span, format!("`{}` is no unit", word.name), "")
                    .help("write one of the units that docs/language.md lists, such as `ms`"),
            ),
        }
    }

    pub(crate) fn unary(&mut self, op: UnaryOp, v: Val, span: Span, x: &Expr) -> Val {
        match (op, v) {
            (_, Val::Error) => Val::Error,
            (UnaryOp::Negate, Val::Drive(d)) => {
                let minus = self.g.number(-1.0);
                self.scale_drive(d, minus)
            }
            (UnaryOp::Negate, v @ (Val::Bundle(_) | Val::Edge(_))) => {
                let minus = Val::Node(self.g.number(-1.0));
                self.bundle_op(Binary::Multiply, minus, v, span, (span, x.span))
            }
            (op, v) => {
                let Some(n) = self.tensor(&v, x.span) else { return Val::Error };
                let (op, word) = match op {
                    UnaryOp::Negate => (Unary::Negate, "`-`"),
                    UnaryOp::Not => (Unary::Not, "`not`"),
                };
                match self.g.unary(op, n) {
                    Ok(n) => Val::Node(n),
                    Err(f) => self.fault(f, span, word, &[(x.span, n)]),
                }
            }
        }
    }

    pub(crate) fn binary(
        &mut self,
        scope: &Scope,
        span: Span,
        op: BinaryOp,
        a: &Expr,
        b: &Expr,
        want: Option<&[Axis]>,
    ) -> Val {
        let inner = match op {
            BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide => want,
            _ => None,
        };
        let (va, vb) = (self.eval(scope, a, inner), self.eval(scope, b, inner));
        if matches!(va, Val::Error) || matches!(vb, Val::Error) {
            return Val::Error;
        }
        if let Some(v) = self.identity(op, &va, &vb) {
            return v;
        }
        if let (BinaryOp::Add, Val::Text(a), Val::Text(b)) = (op, &va, &vb) {
            return Val::Text(format!("{a}{b}").into());
        }
        if scope.place == super::value::Place::Objective
            || matches!((&va, &vb), (Val::Terms(_), _) | (_, Val::Terms(_)))
        {
            return self.add_terms(op, va, vb, span, (a.span, b.span));
        }
        let rule = |v: &Val| matches!(v, Val::Made(_) | Val::Sum(_));
        if op == BinaryOp::Add && rule(&va) && rule(&vb) {
            return Val::Sum(vec![(va, a.span), (vb, b.span)].into());
        }
        if let Some(v) = self.drive_op(op, &va, &vb, (a.span, b.span), want) {
            return v;
        }
        // Where a weight is updated, the shape asked for is the weight's.
        let weight = self.frames.last().and_then(|f| f.reading).map(|w| self.net.weight(w).shape.as_slice());
        let of_units = scope.place == super::value::Place::Rule && weight.is_none_or(|w| want != Some(w));
        let (va, vb) = match want {
            Some(w) if w.len() > 1 && of_units => (self.laid_out(va.clone(), &vb, w), self.laid_out(vb, &va, w)),
            _ => (va, vb),
        };
        let made = self.arithmetic(op, va, vb, span, (a.span, b.span));
        // Feedback is between units in a row: what it brings to a population of several axes is laid out as that.
        match (made, want) {
            (Val::Node(n), Some(w))
                if op == BinaryOp::Contract && of_units && self.g.shape(n).len() == 1 && w.len() > 1 =>
            {
                Val::Node(self.g.reshape(w.to_vec(), n).unwrap_or(n))
            }
            (made, _) => made,
        }
    }

    /// Units in a row beside a value of a population of several axes, laid out as that.
    fn laid_out(&mut self, v: Val, beside: &Val, shape: &[Axis]) -> Val {
        let tensor = |me: &Self, v: &Val| match v {
            Val::Node(n) => Some(*n),
            Val::Slot(s) => Some(me.net.slots[*s as usize].leaf),
            Val::Pop(p) => Some(me.net.pop(*p).rate_leaf),
            _ => None,
        };
        match (tensor(self, &v), tensor(self, beside)) {
            (Some(n), Some(other)) if self.g.shape(n).len() == 1 && self.g.shape(other) == shape => {
                Val::Node(self.g.reshape(shape.to_vec(), n).unwrap_or(n))
            }
            _ => v,
        }
    }

    /// `n == m` of populations and projections.
    pub(crate) fn identity(&mut self, op: BinaryOp, a: &Val, b: &Val) -> Option<Val> {
        let same = match (a, b) {
            (Val::Pop(a), Val::Pop(b)) => a == b,
            (Val::Edge(a), Val::Edge(b)) => a == b,
            _ => return None,
        };
        match op {
            BinaryOp::Equal => Some(Val::Node(self.bool(same))),
            BinaryOp::NotEqual => Some(Val::Node(self.bool(!same))),
            _ => None,
        }
    }

    /// An operator on tensors and bundles.
    pub fn arithmetic(&mut self, op: BinaryOp, va: Val, vb: Val, span: Span, at: (Span, Span)) -> Val {
        let bundle = |v: &Val| matches!(v, Val::Bundle(_) | Val::Edge(_));
        let primitive = match op {
            BinaryOp::Add => Some(Binary::Add),
            BinaryOp::Subtract => Some(Binary::Subtract),
            BinaryOp::Multiply => Some(Binary::Multiply),
            BinaryOp::Divide => Some(Binary::Divide),
            BinaryOp::Power => Some(Binary::Power),
            BinaryOp::Equal => Some(Binary::Equal),
            BinaryOp::NotEqual => Some(Binary::NotEqual),
            BinaryOp::Less | BinaryOp::Greater => Some(Binary::Less),
            BinaryOp::LessEqual | BinaryOp::GreaterEqual => Some(Binary::LessEqual),
            BinaryOp::And => Some(Binary::And),
            BinaryOp::Or => Some(Binary::Or),
            BinaryOp::Contract | BinaryOp::Range => None,
        };
        if let (Some(p), true) = (primitive, bundle(&va) || bundle(&vb)) {
            return self.bundle_op(p, va, vb, span, at);
        }
        let (Some(na), Some(nb)) = (self.tensor(&va, at.0), self.tensor(&vb, at.1)) else { return Val::Error };
        let built = match (op, primitive) {
            (BinaryOp::Greater | BinaryOp::GreaterEqual, Some(p)) => self.g.binary(p, nb, na),
            (_, Some(p)) => self.g.binary(p, na, nb),
            _ => self.flat_matmul(na, nb),
        };
        match built {
            Ok(n) => Val::Node(n),
            // A rule of matrices, on a kernel or on tokens.
            Err(Fault::Shapes { left, right })
                if op == BinaryOp::Contract && !self.frames.is_empty() && left.len().max(right.len()) > 2 =>
            {
                let (l, r) = (crate::ir::axis::shape_text(&left), crate::ir::axis::shape_text(&right));
                let m = format!("`@` needs shapes that agree, but these are {l} and {r}");
                let d = Diagnostic::new(Code::T0301, span, m, "").also(at.0, format!("this is {l}"));
                let d = d.also(at.1, format!("this is {r}"));
                self.report(
                    d.help("where a rule is of one matrix, give it the projections that have one: `rule = { h: ... }`"),
                )
            }
            Err(f) => self.fault(f, span, &format!("`{}`", op.sign()), &[(at.0, na), (at.1, nb)]),
        }
    }

    /// `@`, with a population of several axes taken as its units in a row where a matrix asks for that many.
    pub(crate) fn flat_matmul(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, Fault> {
        let (sa, sb) = (self.g.shape(a).to_vec(), self.g.shape(b).to_vec());
        if sa.len() == 2
            && sb.len() > 1
            && sa[1] != sb[sb.len() - 2]
            && let Ok(units) = Axis::product(&sb)
            && units == sa[1]
        {
            let flat = self.g.reshape(vec![units], b)?;
            return self.g.matmul(a, flat);
        }
        self.g.matmul(a, b)
    }

    /// Sums, differences and products of bundles act by component.
    pub fn bundle_op(&mut self, op: Binary, va: Val, vb: Val, span: Span, at: (Span, Span)) -> Val {
        let as_bundle = |me: &mut Self, v: &Val| match v {
            Val::Bundle(b) => Some(b.clone()),
            Val::Edge(e) => Some(me.weights_bundle(*e)),
            _ => None,
        };
        let (ba, bb) = (as_bundle(self, &va), as_bundle(self, &vb));
        let edge = ba.as_ref().or(bb.as_ref()).map(|b| b.edge);
        let Some(edge) = edge else { return Val::Error };
        if let (Some(x), Some(y)) = (&ba, &bb)
            && x.edge != y.edge
        {
            let (l, r) = (self.net.edge_text(x.edge), self.net.edge_text(y.edge));
            let d = Diagnostic::new(Code::T0301, span, format!("these are weights of {l} and of {r}"), "");
            let d = d.also(at.0, l).also(at.1, r);
            return self.report(d.help("combine weights of one projection; of one of them write a weight: `p.W`"));
        }
        let count = self.net.edge(edge).weights.len();
        let reading = self.frames.last().and_then(|f| f.reading);
        let scalar = |me: &mut Self, b: &Option<Bundle>, v: &Val, s: Span| -> Option<Vec<NodeId>> {
            match b {
                Some(b) => Some(b.parts.iter().copied().chain([b.drive]).collect()),
                None => {
                    let n = me.tensor(v, s)?;
                    // `update p.W` reads every bundle at W: a tensor shaped like W is its component there.
                    if let Some(w) = reading
                        && me.g.shape(n) == me.net.weight(w).shape.as_slice()
                        && !me.g.shape(n).is_empty()
                    {
                        let edge = me.net.edge(edge).clone();
                        let zero = me.g.number(0.0);
                        return Some(
                            edge.weights.iter().map(|x| if *x == w { n } else { zero }).chain([zero]).collect(),
                        );
                    }
                    if !me.g.shape(n).is_empty() {
                        let d = Diagnostic::new(
                            Code::T0301,
                            s,
                            format!("this is {}, beside one value for each weight", me.g.ty(n).text()),
                            "a tensor",
                        );
                        me.report(d.help("a tensor shaped like a weight meets that weight's component: write `p.outer(...).W` and `update p.W`"));
                        return None;
                    }
                    Some(vec![n; count + 1])
                }
            }
        };
        let (Some(pa), Some(pb)) = (scalar(self, &ba, &va, at.0), scalar(self, &bb, &vb, at.1)) else {
            return Val::Error;
        };
        let mut parts = Vec::new();
        for (x, y) in pa.into_iter().zip(pb) {
            match self.g.binary(op, x, y) {
                Ok(n) => parts.push(n),
                Err(f) => return self.fault(f, span, "these bundles", &[(at.0, x), (at.1, y)]),
            }
        }
        let drive = parts.pop().unwrap_or_else(|| self.g.number(0.0));
        Val::Bundle(Bundle { edge, parts, drive })
    }

    /// The weights themselves; a bias added to the drive would be 0.
    pub fn weights_bundle(&mut self, edge: EdgeId) -> Bundle {
        let parts = self.net.edge(edge).weights.iter().map(|w| self.net.weight(*w).leaf).collect();
        let shape = self.net.pop(self.net.edge(edge).post).shape.clone();
        let drive = self.g.zeros(&Ty::real(shape));
        Bundle { edge, parts, drive }
    }
}
