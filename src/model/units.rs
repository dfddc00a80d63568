//! Units that do not agree, in the words that people write behind numbers, with the line put right.

use crate::diag::Diagnostic;
use crate::ir::Unit;
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, UnaryOp};

/// What to do where no corrected line can be shown.
pub(crate) const ONE_UNIT: &str =
    "bring both sides into one unit: `x * 1 ms` makes a time of a plain number, `t / (1 ms)` a plain number of a time";

/// What is in another unit than `wanted`, or in none; of a number the corrected line.
pub(crate) fn in_unit(d: Diagnostic, at: Span, wanted: Unit) -> Diagnostic {
    let unit = wanted.written();
    match wanted == Unit::ONE {
        true => d.help("divide by a quantity of that unit, such as `x / (1 ms)`").write(at, "{#}"),
        false => {
            d.help(format!("bring it into {unit}: `x * 1 {unit}` of a plain number")).write(at, format!("{{#}} {unit}"))
        }
    }
}

/// Two sides of a sum or a comparison. The number that is written takes the unit of the other side.
pub(crate) fn one_unit(d: Diagnostic, a: (&Expr, Unit), b: (&Expr, Unit)) -> Diagnostic {
    match (is_number(a.0), is_number(b.0)) {
        (_, true) => in_unit(d, b.0.span, a.1).help(ONE_UNIT),
        (true, _) => in_unit(d, a.0.span, b.1).help(ONE_UNIT),
        _ => d.help(ONE_UNIT),
    }
}

/// Whether a number is written here, maybe with a unit.
fn is_number(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Number { .. } => true,
        ExprKind::Unary(UnaryOp::Negate, x) => is_number(x),
        _ => false,
    }
}
