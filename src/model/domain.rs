//! Ranges in which numbers have a meaning: settings that declare one, `p: Real in 0..1`, deviations, the ends of what is
//! drawn, probabilities. What is known to lie outside is refused; what is not known to lie within is watched in the run,
//! where it stops being a number, so that the population and the step are told.

use super::bounds::between;
use super::elaborate::Elab;
use super::graph::{Built, Mark, NodeId};
use super::value::Scope;
use crate::diag::{Code, Diagnostic};
use crate::ir::{Param, Unit};
use crate::ops::{Binary, Reduction, Unary};
use crate::source::Span;
use crate::syntax::print::limits_text;

/// A range, and whose it is.
pub(crate) struct Range<'r> {
    pub low: f64,
    pub high: f64,
    /// What a value must be: "`p` lies in 0..1".
    pub says: &'r str,
    pub declared: Option<Span>,
}

impl Elab<'_> {
    /// The value of a setting within the range that it declares.
    pub(crate) fn limited(&mut self, inner: &Scope, param: &Param, n: NodeId, at: Span) -> Option<NodeId> {
        let Some(limits) = &param.limits else { return Some(n) };
        let mut end = |e: &Option<crate::syntax::ast::Expr>, open: f64| match e {
            None => Some(open),
            Some(e) => {
                let v = self.eval(inner, e, None);
                let n = self.tensor(&v, e.span)?;
                // Ends may be sizes that are open where a declaration is checked on its own.
                Some(self.g.const_value(n).unwrap_or(open))
            }
        };
        let (low, high) = (end(&limits.low, f64::NEG_INFINITY)?, end(&limits.high, f64::INFINITY)?);
        let says = format!("`{}` lies in {}", param.name, limits_text(limits));
        self.held_in(n, &Range { low, high, says: &says, declared: Some(param.span) }, at)
    }

    /// A value that lies in a range, or is watched for it.
    pub(crate) fn held_in(&mut self, n: NodeId, range: &Range, at: Span) -> Option<NodeId> {
        let (a, b) = between(&self.g, n);
        if a > range.high || b < range.low {
            let text = if a == b { a.to_string() } else { format!("between {a} and {b}") };
            let d = Diagnostic::new(Code::T0308, at, format!("{}, but this is {text}", range.says), "outside");
            let d = range.declared.map_or(d.clone(), |s| d.also(s, "declared here"));
            let (low, high) = (range.low, range.high);
            let nearest = if a > high { high } else { low };
            self.report(d.help(format!("the nearest number that it may be is {nearest}")));
            return None;
        }
        if (a >= range.low && b <= range.high) || self.open {
            return Some(n);
        }
        let made = (|| {
            let (low, high) = (self.g.number(range.low), self.g.number(range.high));
            let above = self.g.binary(Binary::LessEqual, low, n)?;
            let below = self.g.binary(Binary::LessEqual, n, high)?;
            self.g.binary(Binary::And, above, below)
        })();
        let says = match self.task.defining.as_str() {
            "" => range.says.to_string(),
            population => format!("{} at `{population}`", range.says),
        };
        self.watched(n, made, &says, at)
    }

    /// A value that is no number where a condition does not hold.
    pub(crate) fn watched(&mut self, n: NodeId, holds: Built, says: &str, at: Span) -> Option<NodeId> {
        let outer = std::mem::replace(&mut self.g.span, at);
        let made = holds.and_then(|holds| {
            let (one, zero) = (self.g.number(1.0), self.g.number(0.0));
            let sound = self.g.select(holds, one, zero)?;
            // 0 where it holds, so that nothing is changed.
            let sound = self.g.unary(Unary::Log, sound)?;
            self.g.add(n, sound)
        });
        let made = made.map(|made| self.g.mark(Mark::Within(says.into()), made, [n]));
        self.g.span = outer;
        made.ok()
    }

    /// A value in the unit of what it is for.
    pub(crate) fn in_unit(&mut self, n: NodeId, unit: Unit, what: &str, at: Span) -> Option<()> {
        let got = self.g.ty(n).unit;
        if got == unit || self.g.is_zero(n) {
            return Some(());
        }
        let text = |u: Unit| if u == Unit::ONE { "a plain number".to_string() } else { format!("in {}", u.written()) };
        let d = Diagnostic::new(Code::T0302, at, format!("{what} is {}, but this is {}", text(unit), text(got)), "");
        self.report(match unit == Unit::ONE {
            true => d.help(format!("divide by a quantity in {}, or declare what has that unit", got.written())),
            false => d.help(format!("write its numbers with their unit, {}", unit.written())),
        });
        None
    }

    /// Whether every unit's value is a probability, and those of one choice add up to one: what to watch for, if anything.
    pub(crate) fn probabilities(&mut self, p: NodeId, choice: bool, name: &str, at: Span) -> Option<Option<Built>> {
        let (a, b) = between(&self.g, p);
        if a > 1.0 || b < 0.0 {
            let text = if a == b { a.to_string() } else { format!("between {a} and {b}") };
            let m = format!("each probability that `{name}` is drawn by lies in 0..1, but this is {text}");
            let d = Diagnostic::new(Code::T0308, at, m, "outside");
            let help = if choice { "softmax" } else { "sigmoid" };
            self.report(d.help(format!("make probabilities of them: `{help}(...)`")));
            return None;
        }
        let sound = match choice {
            true => matches!(self.g.node(p).kind, super::graph::NodeKind::Softmax),
            false => a >= 0.0 && b <= 1.0,
        };
        if sound || self.open {
            return Some(None);
        }
        let made = (|| {
            let (zero, one) = (self.g.number(0.0), self.g.number(1.0));
            if !choice {
                let above = self.g.binary(Binary::LessEqual, zero, p)?;
                let below = self.g.binary(Binary::LessEqual, p, one)?;
                return self.g.binary(Binary::And, above, below);
            }
            let smallest = self.g.reduce_all(Reduction::Min, p)?;
            let above = self.g.binary(Binary::LessEqual, zero, smallest)?;
            // Along the last axis; of several rows each adds up to one.
            let rows = self.g.shape(p).len().saturating_sub(1);
            let sum = self.g.reduce(Reduction::Sum, vec![rows], p)?;
            let off = self.g.sub(sum, one)?;
            let off = self.g.unary(Unary::Abs, off)?;
            let off = self.g.reduce_all(Reduction::Max, off)?;
            let slack = self.g.number(1e-3);
            let adds_up = self.g.binary(Binary::LessEqual, off, slack)?;
            self.g.binary(Binary::And, above, adds_up)
        })();
        Some(Some(made))
    }
}
