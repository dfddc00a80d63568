//! What holds of a projection beyond its equation: masks, tied weights, signs of whole populations; and cells, whose
//! compartments are populations.

use super::architecture::Call;
use super::arguments::Form;
use super::elaborate::Elab;
use super::graph::{Built, Kind, Leaf, NodeId, NodeKind, Ty};
use super::network::{EdgeId, PopId, WeightId};
use super::update::Found;
use super::value::{Local, NestVal, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::ParamType;
use crate::ir::axis::{Axis, shape_text};
use crate::ops::{Binary, Distribution};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, Expr, ExprKind, Ident, Stmt, StmtKind};
use std::collections::HashMap;
use std::rc::Rc;

/// Bounds of a weight: lower and upper.
pub type Bound = (Option<NodeId>, Option<NodeId>);

/// Whose weights a projection uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tied {
    /// Those of another projection.
    Same(EdgeId),
    /// Their transposes.
    Transposed(EdgeId),
    /// Its own, and each the same in both directions.
    Symmetric,
}

pub(crate) const SIGNS: [&str; 2] = ["excitatory", "inhibitory"];

/// The words that `mask` understands.
const MASKS: [&str; 2] = ["random", "off_diagonal"];

impl Elab<'_> {
    /// `mask = random(0.1)`, `mask = off_diagonal`, or a matrix: 1 where there is a synapse.
    pub(crate) fn mask(&mut self, call: &Call, shape: &[Axis], stream: &str, name: &str) -> Option<NodeId> {
        let (scope, e) = call.mask.as_ref()?;
        match &e.kind {
            ExprKind::Name(n) if n == MASKS[1] => self.off_diagonal(shape, e.span),
            ExprKind::Call(f, args) if matches!(&f.kind, ExprKind::Name(n) if n == MASKS[0]) => {
                self.random_mask(scope, e.span, args, shape, &format!("mask {stream}: {name}"), call.tied)
            }
            kind if self.stranger(scope, kind).is_some() => {
                let n = self.stranger(scope, kind)?;
                let d = Diagnostic::new(Code::T0201, e.span, format!("`{n}` is no mask"), "not found in scope");
                let forms = "write `random(0.1)`, `off_diagonal`, or a matrix of ones and zeros";
                self.report(d.meant_or(&n, MASKS, forms));
                None
            }
            _ => {
                let v = self.eval(scope, e, Some(shape));
                let n = self.tensor(&v, e.span)?;
                if self.varying(n) {
                    let d =
                        Diagnostic::new(Code::T0208, e.span, "a mask is fixed, and this depends on the example", "");
                    self.report(d.help("write a constant matrix, or a `fixed` field of the task"));
                    return None;
                }
                let n = match self.g.ty(n).kind {
                    Kind::Bool => self.as_number(n)?,
                    _ => n,
                };
                self.fit_shape(n, shape, e.span, "a mask")
            }
        }
    }

    /// A name, or the name of what is called, that nothing has.
    fn stranger(&self, scope: &Scope, kind: &ExprKind) -> Option<String> {
        let name = match kind {
            ExprKind::Name(n) => n,
            ExprKind::Call(f, _) => match &f.kind {
                ExprKind::Name(n) => n,
                _ => return None,
            },
            _ => return None,
        };
        let known = scope.find(name).is_some() || self.program.lookup(scope.module, name).is_some();
        (!known && !self.lenient).then(|| name.clone())
    }

    fn as_number(&mut self, n: NodeId) -> Option<NodeId> {
        let (one, zero) = (self.g.number(1.0), self.g.number(0.0));
        self.g.select(n, one, zero).ok()
    }

    fn varying(&self, n: NodeId) -> bool {
        let reads =
            |l: &Leaf| matches!(l, Leaf::Rate(_) | Leaf::Drive(_) | Leaf::Field(_) | Leaf::Column(_) | Leaf::Weight(_));
        self.g.reachable(&[n]).iter().any(|x| matches!(&self.g.node(*x).kind, NodeKind::Leaf(l) if reads(l)))
    }

    fn off_diagonal(&mut self, shape: &[Axis], at: Span) -> Option<NodeId> {
        let [rows, columns] = shape else {
            return self.no_square(shape, at);
        };
        if rows != columns {
            return self.no_square(shape, at);
        }
        let ty = Ty { shape: vec![rows.clone()], unit: crate::ir::Unit::ONE, kind: Kind::Label(rows.clone()) };
        let iota = self.g.make(NodeKind::Size(rows.clone()), vec![], ty);
        let one = self.g.number(1.0);
        let eye = self.g.one_hot(iota).ok()?;
        self.g.sub(one, eye).ok()
    }

    fn no_square(&mut self, shape: &[Axis], at: Span) -> Option<NodeId> {
        let m = format!("`off_diagonal` is of a square matrix, but the weight is {}", shape_text(shape));
        let d = Diagnostic::new(Code::T0301, at, m, "");
        self.report(d.help("use it where a population projects to itself, or to one of the same size"));
        None
    }

    /// Each synapse is there with this probability; drawn once a seed.
    fn random_mask(
        &mut self,
        scope: &Scope,
        span: Span,
        args: &[Arg],
        shape: &[Axis],
        name: &str,
        tied: Option<Tied>,
    ) -> Option<NodeId> {
        let share = *self.all_given(scope, span, &Form::of(MASKS[0], &["share"]), args)?.first()?;
        let v = self.eval(scope, share, None);
        let p = self.tensor(&v, share.span)?;
        let known = self.g.const_value(p).is_none_or(|p| (0.0..=1.0).contains(&p));
        if !known || !self.g.shape(p).is_empty() || !self.unitless(p) {
            let m = "the share of synapses that there are is a number from 0 to 1";
            self.report(Diagnostic::new(Code::T0308, share.span, m, "").help("write `mask = random(0.1)`"));
            return None;
        }
        let raw = self.g.make(NodeKind::Random(Distribution::Uniform, name.into()), vec![], Ty::real(shape.to_vec()));
        let there = self.g.binary(Binary::Less, raw, p).ok()?;
        let init = self.as_number(there)?;
        // Where both directions are one weight, they are there together: those below the diagonal decide.
        let init = match (tied, shape) {
            (Some(Tied::Symmetric), [n, m]) if n == m => {
                let (size, one) = (self.g.size(n), self.g.number(1.0));
                let below = self.g.triangle(size).ok()?;
                let ones = self.g.fill(one, shape);
                let above = self.g.sub(ones, below).ok()?;
                let turned = self.g.permute(vec![1, 0], init);
                let (a, b) = (self.g.mul(below, init).ok()?, self.g.mul(above, turned).ok()?);
                self.g.add(a, b).ok()?
            }
            _ => init,
        };
        let slot = self.new_slot(name.to_string(), Ty::real(shape.to_vec()), init, false, span);
        Some(self.net.slots[slot as usize].leaf)
    }

    /// `tied = w1`, `tied = transpose(w1)`, `tied = symmetric`
    pub(crate) fn tied(&mut self, scope: &Scope, e: &Expr) -> Option<Tied> {
        let named = |me: &mut Self, e: &Expr| match me.eval(scope, e, None) {
            Val::Edge(edge) => Some(edge),
            Val::Error => None,
            other => {
                let what = me.describe(&other);
                let d =
                    Diagnostic::new(Code::T0208, e.span, format!("`tied` needs a projection, but this is {what}"), "");
                let example = me.program.example("projection");
                me.report(d.help(format!("name one by `as`: `{example} as w1`, then `tied = w1`")));
                None
            }
        };
        let known = |n: &str| n == "symmetric" || n == "transpose";
        // Of a repetition every turn has its own, which is told where names are.
        let turned = |n: &String| self.task.homes.iter().any(|h| h.name.as_ref() == Some(n));
        if let Some(n) = self.stranger(scope, &e.kind).filter(|n| !known(n) && !turned(n)) {
            let edge = |l: &&Local| matches!(l.val, Val::Edge(_));
            let edges = scope.locals.iter().filter(edge).map(|l| &*l.name);
            let d = Diagnostic::new(Code::T0201, e.span, format!("`{n}` is no projection"), "not found in scope");
            let forms =
                "name a projection by `as w1`, and write `tied = w1`, `tied = transpose(w1)` or `tied = symmetric`";
            self.report(d.meant_or(&n, edges.chain(["symmetric", "transpose"]), forms));
            return None;
        }
        match &e.kind {
            ExprKind::Name(n) if n == "symmetric" && scope.find(n).is_none() => Some(Tied::Symmetric),
            ExprKind::Call(f, args) if matches!(&f.kind, ExprKind::Name(n) if n == "transpose") && args.len() == 1 => {
                named(self, &args[0].value).map(Tied::Transposed)
            }
            _ => named(self, e).map(Tied::Same),
        }
    }

    /// The weight of another projection that stands for this one: `None` if this one is its own, `Some(None)` if there
    /// is a fault.
    pub(crate) fn tied_weight(&mut self, call: &Call, name: &str, shape: &[Axis]) -> Option<Option<WeightId>> {
        let (edge, turned) = match call.tied {
            Some(Tied::Same(e)) => (e, false),
            Some(Tied::Transposed(e)) => (e, true),
            _ => return None,
        };
        let w = self.net.weight_named(edge, name)?;
        let own = self.net.weight(w).shape.clone();
        let wanted: Vec<Axis> = if turned { shape.iter().rev().cloned().collect() } else { shape.to_vec() };
        if shape.len() < 2 && (turned || own != wanted) {
            // A bias belongs to the units that it drives.
            return None;
        }
        if turned && shape.len() != 2 {
            let m = format!("`transpose` turns a matrix, but {name} is {}", shape_text(shape));
            self.report(
                Diagnostic::new(Code::T0301, call.span, m, "").help("use `tied = NAME`, which ties it as it is"),
            );
            return Some(None);
        }
        if own != wanted {
            let of = if turned { "turned " } else { "" };
            let m = format!(
                "tied weights are one, but {name} is {} here and {of}{} in {}",
                shape_text(shape),
                shape_text(&if turned { own.iter().rev().cloned().collect::<Vec<_>>() } else { own.clone() }),
                self.net.edge_text(edge)
            );
            let d = Diagnostic::new(Code::T0301, call.span, m, "tied here")
                .also(self.net.edge(edge).span, "this projection");
            let flipped: Vec<Axis> = own.iter().rev().cloned().collect();
            let d = if !turned && flipped == shape {
                d.help("tie it to the transpose: `tied = transpose(...)`")
            } else {
                d.help("tie projections between populations of the same sizes, or leave `tied` out")
            };
            self.report(d);
            return Some(None);
        }
        Some(Some(w))
    }

    /// A weight as the equation of its projection reads it.
    pub(crate) fn seen(&mut self, leaf: NodeId, tied: Option<Tied>, mask: Option<NodeId>) -> Built {
        let square = |me: &Self| matches!(me.g.shape(leaf), [a, b] if a == b);
        let n = match tied {
            Some(Tied::Symmetric) if square(self) => {
                let turned = self.g.permute(vec![1, 0], leaf);
                let sum = self.g.add(leaf, turned)?;
                let half = self.g.number(0.5);
                self.g.mul(half, sum)?
            }
            _ => leaf,
        };
        match mask {
            Some(m) => self.g.mul(m, n),
            None => Ok(n),
        }
    }

    /// A square matrix and the same turned round, added and scaled.
    fn both_ways(&mut self, x: NodeId, factor: f64) -> Built {
        if self.g.is_zero(x) {
            return Ok(x);
        }
        let turned = self.g.permute(vec![1, 0], x);
        let sum = self.g.add(x, turned)?;
        let factor = self.g.number(factor);
        self.g.mul(factor, sum)
    }

    /// A value with the mean of its distribution in the place of every draw.
    fn undrawn(&mut self, x: NodeId) -> Built {
        let mut means = HashMap::new();
        for n in self.g.reachable(&[x]) {
            if let NodeKind::Random(d, _) = self.g.node(n).kind {
                let mean = self.g.number(if d == Distribution::Normal { 0.0 } else { 0.5 });
                let shape = self.g.shape(n).to_vec();
                means.insert(n, self.g.fill(mean, &shape));
            }
        }
        self.g.substitute(x, &means)
    }

    /// What a weight begins with: drawn, mirrored, and nothing where there is no synapse.
    pub(crate) fn first(&mut self, init: NodeId, tied: Option<Tied>, mask: Option<NodeId>) -> Built {
        let n = match (tied, self.g.shape(init)) {
            (Some(Tied::Symmetric), [a, b]) if a == b => {
                // Of what is drawn the spread is kept; what it is drawn around, or is said, is itself.
                let around = self.undrawn(init)?;
                let drawn = self.g.sub(init, around)?;
                let drawn = self.both_ways(drawn, std::f64::consts::FRAC_1_SQRT_2)?;
                let around = self.both_ways(around, 0.5)?;
                self.g.add(drawn, around)?
            }
            _ => init,
        };
        match mask {
            Some(m) => self.g.mul(m, n),
            None => Ok(n),
        }
    }

    /// What is shaped like a weight has synapses where it has.
    pub(crate) fn masked_like(&mut self, scope: &Scope, e: &Expr, init: NodeId) -> NodeId {
        let v = self.eval(scope, e, None);
        let Val::Node(n) = v else { return init };
        let NodeKind::Leaf(Leaf::Weight(w)) = self.g.node(n).kind else { return init };
        match self.net.weight(w).mask {
            Some(m) => self.g.mul(m, init).unwrap_or(init),
            None => init,
        }
    }

    /// `population e: [80] = relu(dense(x)), excitatory`: the sign of all its synapses. Answers whether the words behind
    /// an equation were such.
    pub(crate) fn population_sign(&mut self, value: &Expr, after: &[Expr]) -> Option<Option<Bound>> {
        match after {
            [] => Some(None),
            [e] if is_sign(e) => Some(self.sign(e)),
            [Expr { kind: ExprKind::Name(n), span }] if !matches!(value.kind, ExprKind::Relax(_)) => {
                let d = Diagnostic::new(Code::T0201, *span, format!("`{n}` is no sign"), "not found in scope");
                let forms = "write `excitatory` or `inhibitory`, the sign of all synapses that leave it";
                self.report(d.meant_or(n, SIGNS, forms));
                Some(None)
            }
            _ => None,
        }
    }

    pub(crate) fn no_steps(&mut self, span: Span) {
        let d =
            Diagnostic::new(Code::T0208, span, "only a population that settles takes steps, a speed and a start", "");
        self.report(d.help("write `population a: [n] = relax { u' = ...; rate = ... }, 100, 0.1`"));
    }

    /// Gives a sign to the population that was defined last.
    pub(crate) fn signed(&mut self, sign: Option<Bound>) {
        if let (Some(b), Some(p)) = (sign, self.net.pops().last()) {
            self.task.signs.push((p, b));
        }
    }

    /// A statement that writes one weight over several projections moves it by the sum of what each asks for.
    pub(crate) fn joined(&mut self, found: Vec<Found>) -> Vec<Found> {
        let mut out: Vec<Found> = Vec::new();
        for (target, along, drive, scope) in found {
            match out.iter().position(|f| f.0 == target) {
                Some(i) => {
                    out[i].1 = self.g.add(out[i].1, along).unwrap_or(out[i].1);
                    let edge = scope.locals.last().map(|l| l.val.clone());
                    if let (Some(drive), Some(Val::Edge(e))) = (drive, edge) {
                        let when = self.when();
                        self.task.proposals.push((self.net.edge(e).post, drive, when));
                    }
                }
                None => out.push((target, along, drive, scope)),
            }
        }
        out
    }

    /// What is wrong within the library is a fault of the spec's call.
    pub(crate) fn told_at(&mut self, known: usize, call: Span) {
        let program = self.program;
        let std = |s: Span| program.in_library(s);
        if !std(call) && self.diags.len() > known {
            self.diags.moved(known, &std, call);
        }
    }

    /// Whether a population has the shape that a projection makes; tells both if not.
    pub(crate) fn fits_post(&mut self, scope: &Scope, call: &Call, pre: &[Axis], post: PopId) -> bool {
        let param = &call.item.params[1];
        let ParamType::Tensor { dims, .. } = &param.ty else { return true };
        let own = self.net.pop(post).shape.clone();
        let mut inner = scope.clone();
        if dims.len() != own.len() || dims.iter().any(|d| matches!(d, ast::Dim::Rest(_))) {
            return true;
        }
        for (d, size) in dims.iter().zip(&own) {
            if let ast::Dim::Size(Expr { kind: ExprKind::Name(n), .. }) = d
                && inner.find(n).is_none()
            {
                let size = self.g.size(size);
                inner.bind(n, Val::Node(size), None);
            }
        }
        let Some(made) = self.wanted(&inner, param, &None) else { return false };
        if made == own {
            return true;
        }
        let (made, own, pre) = (shape_text(&made), shape_text(&own), shape_text(pre));
        let m = format!("`{}` makes {made} of {pre} here, but `{}` is {own}", call.item.name, self.net.pop(post).name);
        let d = Diagnostic::new(Code::T0301, call.span, m, "").also(self.net.pop(post).span, format!("this is {own}"));
        self.report(d.help(format!("declare it `{made}`, or change the settings of `{}`", call.item.name)));
        false
    }

    /// `cell pyramidal: [hidden] { population basal = ... }`: one of its compartments, which are populations.
    pub(crate) fn compartment(
        &mut self,
        scope: &mut Scope,
        prefix: &str,
        (name, ty): (&Ident, Option<&ast::Type>),
        stmt: &Stmt,
    ) {
        let StmtKind::Population { output, head, ty: own, value, after, from } = &stmt.kind else {
            let d = Diagnostic::new(Code::T0210, stmt.span, "this does not belong in a cell", "");
            self.report(d.help("a cell holds `population` statements, its compartments"));
            return;
        };
        let whole = format!("{prefix}{}", name.name);
        let mut inner = scope.clone();
        inner.locals.extend(self.compartments(&whole));
        if let Some(Val::Nest(n)) = scope.find(&name.name).map(|l| &l.val) {
            let faulty = n.members.iter().filter(|(_, v)| matches!(v, Val::Error));
            faulty.for_each(|(member, _)| inner.bind(member, Val::Error, None));
        }
        let made = if matches!(value.kind, ExprKind::Relax(_)) {
            self.relaxing(&mut inner, &format!("{whole}."), stmt, Some((&whole, ty)));
            inner.find(&head.name.name).map_or(Val::Error, |l| l.val.clone())
        } else if let Some(sign) = self.population_sign(value, after).filter(|_| from.is_none()) {
            let shape = own.as_ref().or(ty);
            inner.bind(&head.name.name, Val::Error, None);
            self.population_statement(&mut inner, &format!("{whole}."), *output, head, shape, value);
            self.signed(sign);
            inner.find(&head.name.name).map_or(Val::Error, |l| l.val.clone())
        } else {
            self.no_steps(stmt.span);
            Val::Error
        };
        let failed = matches!(made, Val::Error);
        self.joins_cell(scope, name, &whole, stmt, made);
        self.bind_edges(scope);
        if failed {
            super::order::lost_projections(scope, value);
        }
    }

    /// The compartments of a cell that there are, by their own names.
    pub(crate) fn compartments(&self, whole: &str) -> Vec<Local> {
        let cell = self.task.cells.iter().find(|c| c.0 == whole);
        let members = cell.into_iter().flat_map(|c| &c.1);
        members.map(|(n, p)| Local { name: n.as_str().into(), val: Val::Pop(*p), span: None }).collect()
    }

    /// A compartment is read by the name of its cell.
    pub(crate) fn joins_cell(&mut self, scope: &mut Scope, name: &Ident, whole: &str, stmt: &Stmt, made: Val) {
        let StmtKind::Population { head, .. } = &stmt.kind else { return };
        let member = head.name.name.clone();
        if let Val::Pop(p) = made {
            let at = match self.task.cells.iter().position(|c| c.0 == whole) {
                Some(at) => at,
                None => {
                    self.task.cells.push((whole.to_string(), vec![]));
                    self.task.cells.len() - 1
                }
            };
            self.task.cells[at].1.push((member.clone(), p));
        }
        let mut members = match scope.find(&name.name).map(|l| l.val.clone()) {
            Some(Val::Nest(n)) if n.name == whole => n.members.clone(),
            _ => vec![],
        };
        members.push((member, made));
        let nest = NestVal { name: whole.to_string(), members, outputs: vec![] };
        scope.bind(&name.name, Val::Nest(Rc::new(nest)), Some(name.span));
    }

    /// `n.cell`: the compartments of the cell that a population belongs to.
    pub(crate) fn cell_of(&mut self, p: PopId, field: &Ident) -> Val {
        let found = self.task.cells.iter().find(|(_, pops)| pops.iter().any(|(_, q)| *q == p)).cloned();
        match found {
            // A rule checked on its own: its cells come with the architecture.
            None if self.open && self.task.cells.is_empty() => Val::Error,
            Some((name, pops)) => {
                let members = pops.into_iter().map(|(n, p)| (n, Val::Pop(p))).collect();
                Val::Nest(Rc::new(NestVal { name, members, outputs: vec![] }))
            }
            None => {
                let pop = self.net.pop(p);
                let m = format!("`{}` is no compartment of a cell", pop.name);
                let d = Diagnostic::new(Code::T0209, field.span, m, "").also(pop.span, "this population");
                self.report(d.help("declare it in one: `cell name: [size] { population ... }`"))
            }
        }
    }
}

/// `excitatory`, `inhibitory`
pub(crate) fn is_sign(e: &Expr) -> bool {
    matches!(&e.kind, ExprKind::Name(n) if SIGNS.contains(&n.as_str()))
}
