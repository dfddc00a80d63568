//! Which conditions a `where` keeps: `where hidden * depth <= 1024 or rule == bp`.
//!
//! A name in it is a setting that varies, its value a number or the label of what was taken. Where a condition has no such setting
//! (it varies in another arm only), what compares it says nothing, and a condition is left out only by a plain no.

use super::grid::{Condition, Factor};
use super::quantity::number;
use crate::diag::{Code, Diagnostic, listed};
use crate::ir::Unit;
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::syntax::print::expr_text;

pub(super) struct Chooser<'a> {
    guard: &'a Expr,
    factors: Vec<&'a Factor>,
}

/// What a part of a guard is in one condition.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(f64, Unit),
    /// What was taken may be called by its label or as it is written.
    Word(Vec<String>),
    Truth(bool),
    /// It depends on a setting that this condition does not have.
    Open,
}

impl Value {
    fn word(&self) -> &'static str {
        match self {
            Value::Number(..) => "a number",
            Value::Word(_) => "a label",
            Value::Truth(_) => "a truth value",
            Value::Open => "nothing",
        }
    }
}

type Found = Result<Value, Diagnostic>;

impl<'a> Chooser<'a> {
    pub fn new(guard: &'a Expr, factors: &'a [Factor]) -> Chooser<'a> {
        let mut all = Vec::new();
        factors.iter().for_each(|f| f.all(&mut all));
        Chooser { guard, factors: all }
    }

    pub fn keeps(&self, c: &Condition) -> Result<bool, Diagnostic> {
        match self.value(self.guard, c)? {
            Value::Truth(x) => Ok(x),
            Value::Open => Ok(true),
            other => {
                let m = format!("what stands behind `where` is true or false, but this is {}", other.word());
                Err(fault(self.guard.span, m, "compare it: `where hidden <= 64`"))
            }
        }
    }

    fn value(&self, e: &Expr, c: &Condition) -> Found {
        match &e.kind {
            ExprKind::Number { value, unit, .. } => {
                let (unit, scale) = unit.as_ref().and_then(|u| Unit::word(&u.name)).unwrap_or((Unit::ONE, 1.0));
                Ok(Value::Number(value * scale, unit))
            }
            ExprKind::Bool(b) => Ok(Value::Truth(*b)),
            ExprKind::Name(n) => self.name(n, e.span, c),
            ExprKind::Unary(op, x) => match (op, self.value(x, c)?) {
                (_, Value::Open) => Ok(Value::Open),
                (UnaryOp::Negate, Value::Number(x, unit)) => Ok(Value::Number(-x, unit)),
                (UnaryOp::Not, Value::Truth(x)) => Ok(Value::Truth(!x)),
                (_, other) => {
                    Err(fault(x.span, format!("this is {}", other.word()), "`-` takes a number, `not` a comparison"))
                }
            },
            ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), a, b) => self.both(*op, a, b, c),
            ExprKind::Binary(op, a, b) => {
                let (x, y) = (self.value(a, c)?, self.value(b, c)?);
                self.combine(*op, x, y, a.span.to(b.span))
            }
            ExprKind::Error => Ok(Value::Open),
            // `rule == backprop(sgd(0.1))`
            _ => Ok(Value::Word(vec![expr_text(e)])),
        }
    }

    fn name(&self, name: &str, span: Span, c: &Condition) -> Found {
        let taken: Vec<(&Factor, usize)> = self
            .factors
            .iter()
            .filter(|f| f.name == name)
            .filter_map(|f| Some((*f, *c.choices.get(&f.span)?)))
            .collect();
        // What could not be written out has been told.
        if taken.iter().any(|(f, i)| f.texts[*i].is_empty()) {
            return Ok(Value::Open);
        }
        if let Some((f, i)) = taken.first() {
            if let Some((x, unit)) = number(&f.texts[*i]) {
                return Ok(Value::Number(x, unit));
            }
            let both = |(f, i): &(&Factor, usize)| [f.labels[*i].clone(), f.texts[*i].clone()];
            return Ok(Value::Word(taken.iter().flat_map(both).collect()));
        }
        if self.factors.iter().any(|f| f.name == name) {
            return Ok(Value::Open);
        }
        if self.factors.iter().any(|f| f.labels.iter().any(|l| l == name)) {
            return Ok(Value::Word(vec![name.to_string()]));
        }
        let mut all: Vec<&str> = self.factors.iter().map(|f| f.name.as_str()).collect();
        all.sort_unstable();
        all.dedup();
        let labels = self.factors.iter().flat_map(|f| f.labels.iter().map(String::as_str));
        let d = Diagnostic::new(Code::T0201, span, format!("nothing that is called `{name}` varies here"), "");
        let otherwise = match all.is_empty() {
            true => "let a setting vary: `hidden = vary {16, 64}`".into(),
            false => format!("what varies is {}", listed(all.iter().copied())),
        };
        Err(d.meant_or(name, all.iter().copied().chain(labels), otherwise))
    }

    /// A plain answer of one side may be enough.
    fn both(&self, op: BinaryOp, a: &Expr, b: &Expr, c: &Condition) -> Found {
        let enough = op == BinaryOp::Or;
        let mut open = false;
        for e in [a, b] {
            match self.value(e, c)? {
                Value::Truth(x) if x == enough => return Ok(Value::Truth(enough)),
                Value::Truth(_) => {}
                Value::Open => open = true,
                other => {
                    let m = format!("`{}` joins comparisons, but this is {}", op.sign(), other.word());
                    return Err(fault(e.span, m, "compare it: `hidden <= 64`"));
                }
            }
        }
        Ok(if open { Value::Open } else { Value::Truth(!enough) })
    }

    fn combine(&self, op: BinaryOp, x: Value, y: Value, span: Span) -> Found {
        let (x, y) = match (x, y) {
            (Value::Open, _) | (_, Value::Open) => return Ok(Value::Open),
            pair => pair,
        };
        match (op, x, y) {
            (BinaryOp::Equal, Value::Word(a), Value::Word(b)) => Ok(Value::Truth(a.iter().any(|w| b.contains(w)))),
            (BinaryOp::NotEqual, Value::Word(a), Value::Word(b)) => Ok(Value::Truth(!a.iter().any(|w| b.contains(w)))),
            (BinaryOp::Equal, Value::Truth(a), Value::Truth(b)) => Ok(Value::Truth(a == b)),
            (BinaryOp::NotEqual, Value::Truth(a), Value::Truth(b)) => Ok(Value::Truth(a != b)),
            (op, Value::Number(a, u), Value::Number(b, v)) => self.numbers(op, (a, u), (b, v), span),
            (_, x, y) => {
                let m = format!("`{}` stands between {} and {}", op.sign(), x.word(), y.word());
                Err(fault(span, m, "compare numbers with numbers, and labels with labels by `==` or `!=`"))
            }
        }
    }

    fn numbers(&self, op: BinaryOp, (a, u): (f64, Unit), (b, v): (f64, Unit), span: Span) -> Found {
        let alike = !matches!(op, BinaryOp::Multiply | BinaryOp::Divide);
        if alike && u != v && a != 0.0 && b != 0.0 {
            let m = format!(
                "`{}` needs one unit on both sides, but these are {} and {}",
                op.sign(),
                u.written(),
                v.written()
            );
            return Err(Diagnostic::new(Code::T0302, span, m, "").help(super::units::ONE_UNIT));
        }
        Ok(match op {
            BinaryOp::Add => Value::Number(a + b, u),
            BinaryOp::Subtract => Value::Number(a - b, u),
            BinaryOp::Multiply => Value::Number(a * b, u.times(v)),
            BinaryOp::Divide => Value::Number(a / b, u.over(v)),
            BinaryOp::Power if u == Unit::ONE => Value::Number(a.powf(b), u),
            BinaryOp::Equal => Value::Truth(a == b),
            BinaryOp::NotEqual => Value::Truth(a != b),
            BinaryOp::Less => Value::Truth(a < b),
            BinaryOp::LessEqual => Value::Truth(a <= b),
            BinaryOp::Greater => Value::Truth(a > b),
            BinaryOp::GreaterEqual => Value::Truth(a >= b),
            other => {
                return Err(fault(
                    span,
                    format!("`{}` has no place behind `where`", other.sign()),
                    "compare numbers or labels",
                ));
            }
        })
    }
}

fn fault(span: Span, message: impl Into<String>, help: &str) -> Diagnostic {
    Diagnostic::new(Code::T0609, span, message, "").help(help.to_string())
}
