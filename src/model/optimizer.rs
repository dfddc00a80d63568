//! Optimizers: what a direction becomes for each weight that a statement writes (semantics N16).

use super::arguments::Form;
use super::elaborate::Elab;
use super::graph::{NodeId, Ty};
use super::value::{Made, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::ItemKind;
use crate::source::Span;
use crate::syntax::ast::{self, Expr};
use std::rc::Rc;

impl Elab<'_> {
    /// The steps of an optimizer for all weights of one statement, side by side.
    pub(crate) fn optimize(
        &mut self,
        made: &Rc<Made>,
        rows: &[(NodeId, NodeId, String)],
        span: Span,
    ) -> Option<Vec<NodeId>> {
        let next = self.task.optimizers;
        self.task.optimizers += 1;
        let label = |(_, _, target): &(NodeId, NodeId, String)| {
            format!("{}#{}({target})", made.item.name, self.optimizer_number(span, target, next))
        };
        let labels: Vec<String> = rows.iter().map(label).collect();
        let mut envs = Vec::new();
        for ((value, direction, _), label) in rows.iter().zip(&labels) {
            envs.push(self.optimizer_scope(made, *value, *direction, label)?);
        }
        self.optimizer_steps(made, envs, &labels, span)
    }

    pub(crate) fn optimizer_scope(
        &mut self,
        made: &Rc<Made>,
        value: NodeId,
        direction: NodeId,
        label: &str,
    ) -> Option<Scope> {
        let ItemKind::Optimizer(o) = &made.item.kind else { return None };
        let mut scope = made.scope.clone();
        scope.bind("direction", Val::Node(direction), None);
        scope.bind("value", Val::Node(value), None);
        for s in &o.states {
            let shape = match &s.shape {
                Some(ast::ShapeOf::Type(t)) => self.type_shape(&scope, t)?,
                Some(ast::ShapeOf::Like(e)) => {
                    let m = "a state of an optimizer is shaped as the weight that it moves";
                    let d = Diagnostic::new(Code::T0208, e.span, m, "");
                    self.report(d.help(format!("write `state {} = 0`", s.head.name.name)));
                    return None;
                }
                None => self.g.shape(value).to_vec(),
            };
            let name = format!("{label}.{}", s.head.name.name);
            let known = self.net.slots.iter().position(|x| x.name == name);
            let slot = match known {
                Some(i) => i as u32,
                None => {
                    let init = self.shaped(&scope.clone(), &s.value, &shape, &format!("`{}`", s.head.name.name))?;
                    self.new_slot(name, Ty::real(shape), init, false, s.head.span)
                }
            };
            let leaf = self.net.slots[slot as usize].leaf;
            scope.bind(&s.head.name.name, Val::Node(leaf), Some(s.head.name.span));
        }
        Some(scope)
    }

    pub(crate) fn optimizer_steps(
        &mut self,
        made: &Rc<Made>,
        mut envs: Vec<Scope>,
        labels: &[String],
        span: Span,
    ) -> Option<Vec<NodeId>> {
        let ItemKind::Optimizer(o) = &made.item.kind else { return None };
        let mut moves = None;
        for step in &o.steps {
            let saved = std::mem::replace(&mut self.task.together, envs.clone());
            let mut values = Vec::new();
            let (e, name) = match step {
                crate::ir::OptimizerStep::Assign(name, e) => (e, Some(name)),
                crate::ir::OptimizerStep::Move(e, _) => (e, None),
            };
            for (env, label) in envs.clone().iter().zip(labels) {
                let before = std::mem::replace(&mut self.task.label, label.clone());
                let v = self.eval(env, e, None);
                self.task.label = before;
                values.push(self.tensor(&v, e.span)?);
            }
            self.task.together = saved;
            match name {
                Some(name) => {
                    for ((env, v), label) in envs.iter_mut().zip(values).zip(labels) {
                        let slot = self.net.slots.iter().position(|s| s.name == format!("{label}.{}", name.name));
                        if let Some(s) = slot {
                            let shape = self.net.slots[s].ty.shape.clone();
                            let v = self.fit_shape(v, &shape, e.span, &format!("the state `{}`", name.name))?;
                            self.task.writes.insert(s as u32, (v, e.span));
                            env.bind(&name.name, Val::Node(v), None);
                        } else {
                            env.bind(&name.name, Val::Node(v), None);
                        }
                    }
                }
                None => {
                    let mut out = Vec::new();
                    for (v, env) in values.into_iter().zip(&envs) {
                        let Some(Val::Node(value)) = env.find("value").map(|l| l.val.clone()) else { return None };
                        let shape = self.g.shape(value).to_vec();
                        let v = self.fit_shape(v, &shape, e.span, "`move`")?;
                        if !self.unitless(v) {
                            let unit = self.g.ty(v).unit;
                            let m = format!("a weight is a plain number, but this move is in {}", unit.written());
                            let d = Diagnostic::new(Code::T0302, e.span, m, "");
                            self.report(d.help("a rate is a `Real`"));
                            return None;
                        }
                        out.push(v);
                    }
                    moves = Some(out);
                }
            }
        }
        if moves.is_none() {
            let m = format!("the optimizer `{}` never says what to add", made.item.name);
            let d = Diagnostic::new(Code::T0207, made.item.name_span, m, "").also(span, "used here");
            self.report(d.help("end it with `move rate * direction`"));
        }
        moves
    }

    /// An optimizer tried on weights of the network at hand.
    pub fn try_optimizer(&mut self, made: &Rc<Made>, span: Span) {
        let rows: Vec<_> = self
            .net
            .weights
            .clone()
            .iter()
            .enumerate()
            .map(|(i, w)| {
                (w.leaf, self.symbol(&format!("direction {i}"), Ty::real(w.shape.clone())), format!("weight {i}"))
            })
            .collect();
        self.optimize(made, &rows, span);
    }

    /// `inner(direction * 0.5)` within another optimizer.
    pub(crate) fn nested_optimizer(&mut self, scope: &Scope, span: Span, made: &Rc<Made>, args: &[ast::Arg]) -> Val {
        let form = Form::of(&made.item.name, &["direction"]);
        let Some(given) = self.all_given(scope, span, &form, args) else { return Val::Error };
        let Some(Val::Node(value)) = scope.find("value").map(|l| l.val.clone()) else {
            let d = Diagnostic::new(Code::T0210, span, "an optimizer takes a direction within another optimizer", "");
            return self.report(d.help("here it is handed on as it is: `by optimizer`"));
        };
        let v = self.eval(scope, given[0], None);
        let Some(direction) = self.tensor(&v, given[0].span) else { return Val::Error };
        let label = format!("{}/{}", self.task.label, made.item.name);
        let moved = match self.moved_before(&label, made, value, direction) {
            Some(known) => known,
            None => {
                let env = self.optimizer_scope(made, value, direction, &label);
                let made_now =
                    env.and_then(|e| self.optimizer_steps(made, vec![e], std::slice::from_ref(&label), span));
                let first = made_now.map(|m| m[0]);
                self.note_move(label, made, value, direction, first);
                first
            }
        };
        moved.map_or(Val::Error, Val::Node)
    }

    /// `all(e)` in an optimizer: the sum over all weights of the statement.
    pub(crate) fn all_weights(&mut self, span: Span, e: &Expr) -> Val {
        self.shared.deeds += 1;
        let envs = self.task.together.clone();
        let mut total = self.g.number(0.0);
        for env in envs {
            let v = self.eval(&env, e, None);
            let Some(n) = self.tensor(&v, e.span) else { return Val::Error };
            let sum = self.g.reduce_all(crate::ops::Reduction::Sum, n).and_then(|s| self.g.add(total, s));
            match sum {
                Ok(s) => total = s,
                Err(f) => return self.fault(f, span, "`all`", &[]),
            }
        }
        Val::Node(total)
    }
}
