//! Traces of a rule, decaying memories of one example (semantics N12, N14, N23), where an example is a single step.
//!
//! A trace begins at 0 with the example and is read after the step's event, so that in the one step there is it is the event
//! itself, and `previous` of anything is what it was before the example: 0.

use super::elaborate::Elab;
use super::graph::{Kind, Mark, NodeId, Ty};
use super::value::{Bundle, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::{Trace, Unit};
use crate::source::Span;
use crate::syntax::ast::Expr;

impl Elab<'_> {
    /// `trace x(n) of e, tau` at what its letters are.
    pub(crate) fn trace(&mut self, t: &Trace, inner: &Scope, span: Span) -> Val {
        let name = &t.head.name.name;
        match t.guard.as_ref().map(|g| self.holds(inner, g)) {
            Some(None) => return Val::Error,
            Some(Some(false)) => {
                let at = inner.locals.last().map(|l| self.describe(&l.val)).unwrap_or_default();
                let d = Diagnostic::new(
                    Code::T0408,
                    span,
                    format!("there is no `{name}` at {at}"),
                    "its `where` does not hold",
                );
                return self
                    .report(d.also(t.head.span, "declared here").help("restrict what reads it in the same way"));
            }
            _ => {}
        }
        if self.fading(inner, &t.decay).is_none() {
            return Val::Error;
        }
        let want = match t.head.args.first().and_then(|a| inner.find(&a.name)).map(|l| l.val.clone()) {
            Some(Val::Pop(p)) => Some(self.net.pop(p).shape.clone()),
            _ => None,
        };
        let v = self.eval(inner, &t.of, want.as_deref());
        let mark = Mark::Trace(name.as_str().into());
        let made = match v {
            Val::Error => return Val::Error,
            Val::Bundle(b) => {
                let parts = b.parts.iter().map(|n| self.g.mark(mark.clone(), *n, [])).collect();
                Val::Bundle(Bundle { edge: b.edge, parts, drive: self.g.mark(mark, b.drive, []) })
            }
            Val::Edge(e) => Val::Bundle(self.weights_bundle(e)),
            v => match self.tensor(&v, t.of.span) {
                Some(n) => Val::Node(self.g.mark(mark, n, [])),
                None => return Val::Error,
            },
        };
        self.of_one_step(t.head.span);
        made
    }

    /// How a trace fades: a time constant, or the share that is left after a step.
    fn fading(&mut self, inner: &Scope, e: &Expr) -> Option<NodeId> {
        let v = self.eval(inner, e, None);
        let n = self.tensor(&v, e.span)?;
        let ty = self.g.ty(n).clone();
        let time = ty.unit == Unit::TIME;
        if !ty.shape.is_empty() || (!time && ty.unit != Unit::ONE) {
            let m = format!("a trace fades with a time constant or a number, but this is {}", ty.text());
            let d = Diagnostic::new(Code::T0303, e.span, m, "");
            self.report(d.help("write a time, `20 ms`, or the share that is left after a step, `0.9`"));
            return None;
        }
        match self.g.const_value(n) {
            Some(x) if time && x <= 0.0 => {
                let d = Diagnostic::new(Code::T0307, e.span, "a time constant is above 0", "");
                self.report(d.help("write a time such as `20 ms`").write(e.span, "20 ms"));
                None
            }
            Some(x) if !time && !(0.0..=1.0).contains(&x) => {
                let m = "the share of a trace that is left after a step lies between 0 and 1";
                let d = Diagnostic::new(Code::T0307, e.span, m, format!("this is {x}"));
                self.report(d.help("a time constant has a unit: `20 ms`"));
                None
            }
            _ => Some(n),
        }
    }

    /// `previous(e)` in a rule: what e was a step ago, which is before the example.
    pub(crate) fn previous(&mut self, scope: &Scope, span: Span, x: &Expr) -> Val {
        if scope.place != super::value::Place::Rule {
            return self.later("values of the step before", span);
        }
        let before = |me: &mut Self, n: NodeId| {
            let ty = me.g.ty(n).clone();
            me.g.zeros(&Ty { kind: Kind::Real, ..ty })
        };
        let v = self.eval(scope, x, None);
        let made = match v {
            Val::Error => return Val::Error,
            Val::Bundle(b) => {
                let parts = b.parts.iter().map(|n| before(self, *n)).collect();
                Val::Bundle(Bundle { edge: b.edge, parts, drive: before(self, b.drive) })
            }
            v => match self.tensor(&v, x.span) {
                Some(n) => Val::Node(before(self, n)),
                None => return Val::Error,
            },
        };
        self.of_one_step(span);
        made
    }

    /// Tells once of a rule that it remembers from step to step, and that an example has but one.
    fn of_one_step(&mut self, at: Span) {
        let Some(rule) = self.frames.last().map(|f| f.made.item.clone()) else { return };
        if self.open || self.task.steps_told.contains(&rule.name) {
            return;
        }
        self.task.steps_told.push(rule.name.clone());
        let m = format!("`{}` remembers from step to step, and an example is one step here", rule.name);
        let d = Diagnostic::new(Code::T0416, at, m, "a trace is what it traces, and what was a step before is 0");
        self.report(d.help(
            "what is to last from update to update is a state: `state x(n) = 0`, and `update x(n) along 0.1 * (n.rate - x(n))`",
        ));
    }
}
