//! `expectation(e)`: e averaged over every outcome of what is drawn, each weighed by its probability.
//!
//! An outcome is a run of the architecture in which the drawn populations are held at it, like a phase; all of them are
//! written out, so there must be few.

use super::elaborate::Elab;
use super::graph::{Leaf, NodeId, NodeKind};
use super::network::{Phase, PopId, Sampled};
use super::phase::{Change, Changes};
use super::value::{Bundle, Scope, Val};
use super::words::define;
use crate::diag::{Code, Diagnostic};
use crate::ir::axis::Axis;
use crate::ops::table::Sampler;
use crate::ops::{Reduction, Unary};
use crate::source::Span;
use crate::syntax::ast::{AssignOp, Expr};
use std::collections::{BTreeSet, HashMap};

/// More outcomes than those of ten units that are on or off are refused: each is written out.
const MAX_OUTCOMES: u64 = 1024;

/// The runs of each set of populations, with their probabilities.
pub type Outcomes = HashMap<Vec<PopId>, Vec<(u32, NodeId)>>;

impl Elab<'_> {
    pub(crate) fn expectation(&mut self, scope: &Scope, span: Span, e: &Expr) -> Val {
        let v = self.eval(scope, e, None);
        let v = if let Val::Edge(e) = v { Val::Bundle(self.weights_bundle(e)) } else { v };
        let roots: Vec<NodeId> = match &v {
            Val::Error => return Val::Error,
            Val::Bundle(b) => b.parts.iter().copied().chain([b.drive]).collect(),
            other => match self.tensor(other, e.span) {
                Some(n) => vec![n],
                None => return Val::Error,
            },
        };
        let Some(drawn) = self.drawn_above(&roots, e.span) else { return Val::Error };
        // Of a rule that is checked on its own, sizes are open.
        let counted = |p: &PopId| self.net.pop(*p).shape.iter().all(|a| a.known().is_some());
        if drawn.is_empty() || self.open && !drawn.iter().all(counted) {
            return v;
        }
        let Some(outcomes) = self.outcomes(&drawn, span) else { return Val::Error };
        let mut totals: Vec<Option<NodeId>> = vec![None; roots.len()];
        for (phase, likely) in outcomes {
            let map = self.net.phases[phase as usize].map.clone();
            for (root, total) in roots.iter().zip(&mut totals) {
                let made = self.g.substitute(*root, &map).and_then(|n| self.g.mul(likely, n));
                let sum = made.and_then(|n| match *total {
                    Some(t) => self.g.add(t, n),
                    None => Ok(n),
                });
                match sum {
                    Ok(n) => *total = Some(n),
                    Err(f) => return self.fault(f, span, "`expectation`", &[]),
                }
            }
        }
        let mut made: Vec<NodeId> = totals.into_iter().flatten().collect();
        match v {
            Val::Bundle(b) => {
                let drive = made.pop().unwrap_or(b.drive);
                Val::Bundle(Bundle { edge: b.edge, parts: made, drive })
            }
            _ => made.first().map_or(Val::Error, |n| Val::Node(*n)),
        }
    }

    /// The drawn populations that values depend on.
    fn drawn_above(&mut self, roots: &[NodeId], span: Span) -> Option<Vec<PopId>> {
        let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), roots.to_vec());
        while let Some(root) = open.pop() {
            for n in self.g.reachable(&[root]) {
                let NodeKind::Leaf(leaf) = self.g.node(n).kind.clone() else { continue };
                if !seen.insert(n) {
                    continue;
                }
                match &leaf {
                    Leaf::Rate(p) if self.net.pop(*p).sampled.is_some() => {
                        found.insert(*p);
                    }
                    Leaf::In(i) if self.net.values[*i as usize].phase != u32::MAX => {
                        let value = self.net.values[*i as usize].node;
                        if self.drawn_above(&[value], span)?.is_empty() {
                            continue;
                        }
                        let m = "`expectation` counts the outcomes of the plain pass, and this is a value of a phase";
                        let d = Diagnostic::new(Code::T0208, span, m, "draws of its own");
                        self.report(d.help("take the expectation of plain values"));
                        return None;
                    }
                    _ => {}
                }
                open.extend(define(&self.net, &leaf));
            }
        }
        Some(found.into_iter().collect())
    }

    /// A run for every outcome.
    fn outcomes(&mut self, drawn: &[PopId], span: Span) -> Option<Vec<(u32, NodeId)>> {
        if let Some(known) = self.task.outcomes.get(drawn) {
            return Some(known.clone());
        }
        let mut all: Vec<Vec<Vec<f64>>> = vec![vec![]];
        for p in drawn {
            let own = self.outcomes_of(*p, span)?;
            if (all.len() as u64).saturating_mul(own.len() as u64) > MAX_OUTCOMES {
                return self.too_many(drawn, span);
            }
            all = all.iter().flat_map(|o| own.iter().map(|x| o.iter().chain([x]).cloned().collect())).collect();
        }
        let mut made = Vec::new();
        for (k, outcome) in all.into_iter().enumerate() {
            let mut changes = Changes::default();
            for (p, values) in drawn.iter().zip(&outcome) {
                let n = self.constants(*p, values, span)?;
                changes.pops.push(Change { pop: *p, rate: true, op: AssignOp::Set, value: n, units: None });
            }
            let id = self.net.phases.len() as u32;
            let (name, map) = (format!("outcome {}", k + 1), HashMap::new());
            let (changed, flows) = Default::default();
            let phase = Phase { name, span, changes: changed, flows, steps: 0, from: None, residual: None, map };
            self.net.phases.push(phase);
            let mut map = HashMap::new();
            self.run_again(id, &changes, &mut map)?;
            let mut likely = self.g.number(1.0);
            for p in drawn {
                let own = self.probability_of(*p)?;
                let own = self.g.substitute(own, &map).ok()?;
                likely = self.g.mul(likely, own).ok()?;
            }
            self.net.phases[id as usize].map = map;
            made.push((id, likely));
        }
        self.task.outcomes.insert(drawn.to_vec(), made.clone());
        Some(made)
    }

    fn too_many<T>(&mut self, drawn: &[PopId], span: Span) -> Option<T> {
        let names: Vec<String> = drawn.iter().map(|p| format!("`{}`", self.net.pop(*p).name)).collect();
        let m = format!("more than {MAX_OUTCOMES} outcomes of {} are too many to count", names.join(" and "));
        let d = Diagnostic::new(Code::T0307, span, m, "every one is written out");
        self.report(d.help("draw fewer units, or leave the average to the examples"));
        None
    }

    /// Every value that a population may be drawn to have.
    fn outcomes_of(&mut self, p: PopId, span: Span) -> Option<Vec<Vec<f64>>> {
        let pop = self.net.pop(p).clone();
        let how = pop.sampled.as_ref().map(|s| s.how);
        let size = Axis::product(&pop.shape).ok().and_then(|a| a.known());
        let choices = pop.shape.last().and_then(|a| a.known()).unwrap_or(1);
        match (how, size) {
            (Some(Sampler::Bernoulli), Some(n)) if n <= u64::from(MAX_OUTCOMES.ilog2()) => {
                Some((0..1u64 << n).map(|o| (0..n).map(|i| ((o >> i) & 1) as f64).collect()).collect())
            }
            (Some(Sampler::Categorical), Some(n)) if choices.saturating_pow((n / choices) as u32) <= MAX_OUTCOMES => {
                let rows = n / choices;
                let row = |o: u64, r: u64| (o / choices.pow(r as u32)) % choices;
                let hot = |o: u64| (0..n).map(|i| f64::from(u8::from(row(o, i / choices) == i % choices))).collect();
                Some((0..choices.pow(rows as u32)).map(hot).collect())
            }
            (Some(Sampler::Gaussian), _) => {
                let m = format!("`{}` is drawn from a continuum, whose outcomes cannot be counted", pop.name);
                let d = self.at_population(Code::T0208, m, (pop.span, "drawn here"), (span, "counted here"));
                self.report(d.help("draw it by `bernoulli` or `categorical`, or leave the average to the examples"));
                None
            }
            _ => self.too_many(&[p], span),
        }
    }

    fn constants(&mut self, p: PopId, values: &[f64], span: Span) -> Option<NodeId> {
        let items: Vec<(Val, Span)> = values.iter().map(|v| (Val::Node(self.g.number(*v)), span)).collect();
        let row = self.stack(items.into(), span)?;
        self.g.reshape(self.net.pop(p).shape.clone(), row).ok()
    }

    /// The probability of a population's rates, in terms of its drive and of them.
    fn probability_of(&mut self, p: PopId) -> Option<NodeId> {
        let pop = self.net.pop(p).clone();
        let Sampled { probability, how, .. } = pop.sampled?;
        let (rate, one) = (pop.rate_leaf, self.g.number(1.0));
        let on = self.g.mul(rate, probability).ok()?;
        let each = match how {
            Sampler::Categorical => {
                // Of each row, which is the last axis.
                let axis = pop.shape.len() - 1;
                self.g.reduce(Reduction::Sum, vec![axis], on).ok()?
            }
            _ => {
                let (miss, rest) = (self.g.sub(one, rate).ok()?, self.g.sub(one, probability).ok()?);
                let off = self.g.mul(miss, rest).ok()?;
                self.g.add(on, off).ok()?
            }
        };
        let log = self.g.unary(Unary::Log, each).ok()?;
        let sum = match self.g.shape(log).is_empty() {
            true => log,
            false => self.g.reduce_all(Reduction::Sum, log).ok()?,
        };
        self.g.unary(Unary::Exp, sum).ok()
    }
}
