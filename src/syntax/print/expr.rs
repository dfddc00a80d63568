//! Expressions and types in their canonical form, with no more brackets than they need.

use super::doc::*;
use super::stmt::stmt;
use crate::syntax::ast::*;

/// How tightly the forms bind; an operand that binds less tightly than its place asks for gets brackets.
mod tight {
    pub const LOOSE: u8 = 0;
    pub const OR: u8 = 1;
    pub const AND: u8 = 2;
    pub const NOT: u8 = 3;
    pub const COMPARE: u8 = 4;
    pub const RANGE: u8 = 5;
    pub const ADD: u8 = 6;
    pub const MULTIPLY: u8 = 7;
    pub const NEGATE: u8 = 8;
    pub const POWER: u8 = 9;
    pub const SAMPLE: u8 = 10;
    pub const POSTFIX: u8 = 11;
}

fn of_operator(op: BinaryOp) -> u8 {
    use BinaryOp::*;
    match op {
        Or => tight::OR,
        And => tight::AND,
        Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual => tight::COMPARE,
        Range => tight::RANGE,
        Add | Subtract => tight::ADD,
        Multiply | Divide | Contract => tight::MULTIPLY,
        Power => tight::POWER,
    }
}

fn tightness(e: &Expr) -> u8 {
    match &e.kind {
        ExprKind::Binary(op, ..) => of_operator(*op),
        ExprKind::Unary(UnaryOp::Not, _) => tight::NOT,
        ExprKind::Unary(UnaryOp::Negate, _) => tight::NEGATE,
        ExprKind::Sample(_) => tight::SAMPLE,
        ExprKind::If { .. } | ExprKind::Minimize(_) | ExprKind::Maximize(_) | ExprKind::During(..) => tight::LOOSE,
        _ => tight::POSTFIX,
    }
}

pub fn expr(e: &Expr) -> Doc {
    operand(e, tight::LOOSE)
}

/// An operand of a comparison.
pub fn compared(e: &Expr) -> Doc {
    operand(e, tight::RANGE)
}

fn operand(e: &Expr, least: u8) -> Doc {
    let doc = bare(e);
    if tightness(e) < least {
        group(row([text("("), nest(2, row([Doc::Break(""), doc])), Doc::Break(""), text(")")]))
    } else {
        doc
    }
}

fn bare(e: &Expr) -> Doc {
    match &e.kind {
        ExprKind::Number { text: t, unit, .. } => match unit {
            Some(u) => text(format!("{t} {}", u.name)),
            None => text(t.clone()),
        },
        ExprKind::Text(t) => text(format!("\"{t}\"")),
        ExprKind::Bool(b) => text(b.to_string()),
        ExprKind::Hole | ExprKind::Error => text("???"),
        ExprKind::Name(n) => text(n.clone()),
        ExprKind::Field(of, field) => row([operand(of, tight::POSTFIX), text(format!(".{}", field.name))]),
        ExprKind::Index(of, at) => {
            row([operand(of, tight::POSTFIX), bracketed("[", at.iter().map(expr).collect(), "]", 2)])
        }
        ExprKind::Call(of, args) => {
            row([operand(of, tight::POSTFIX), bracketed("(", args.iter().map(arg).collect(), ")", 2)])
        }
        ExprKind::Reduce { function, binder, body } => reduce(function, binder, body),
        ExprKind::Unary(UnaryOp::Not, of) => row([text("not "), operand(of, tight::NOT)]),
        ExprKind::Unary(UnaryOp::Negate, of) => {
            // `--` would be taken for a slip.
            let twice = matches!(of.kind, ExprKind::Unary(UnaryOp::Negate, _));
            row([text("-"), operand(of, if twice { tight::POSTFIX } else { tight::NEGATE })])
        }
        ExprKind::Binary(op, a, b) => binary(*op, a, b),
        ExprKind::List(items) => bracketed("[", items.iter().map(expr).collect(), "]", 2),
        ExprKind::Braces { entries, unit } => {
            let unit = unit.as_ref().map_or(String::new(), |u| format!(" {}", u.name));
            row([braces(entries), text(unit)])
        }
        ExprKind::If { condition, then, otherwise } => group(row([
            text("if "),
            operand(condition, tight::OR),
            nest(2, row([Doc::Break(" "), text("then "), operand(then, tight::OR)])),
            nest(2, row([Doc::Break(" "), text("else "), expr(otherwise)])),
        ])),
        ExprKind::Vary(choice, entries) => row([text(format!("{} ", choice.word())), braces(entries)]),
        ExprKind::As(of, name) => row([operand(of, tight::POSTFIX), text(format!(" as {}", name.name))]),
        ExprKind::Minimize(of) => row([text("minimize "), expr(of)]),
        ExprKind::Maximize(of) => row([text("maximize "), expr(of)]),
        ExprKind::Sample(of) => row([text("sample "), operand(of, tight::POSTFIX)]),
        ExprKind::During(phase, of) => row([text(format!("during {}: ", phase.name)), expr(of)]),
        ExprKind::Relax(body) => relax(body),
    }
}

fn arg(a: &Arg) -> Doc {
    match &a.name {
        Some(name) => row([text(format!("{} = ", name.name)), expr(&a.value)]),
        None => expr(&a.value),
    }
}

fn reduce(function: &Ident, binder: &Binder, body: &Expr) -> Doc {
    let mut head = vec![text(binder.var.name.clone())];
    if let Some(over) = &binder.over {
        head.extend([text(" in "), expr(over)]);
    }
    if let Some(guard) = &binder.guard {
        head.extend([text(" where "), expr(guard)]);
    }
    head.push(text(":"));
    let inner = row([Doc::Break(""), Doc::Row(head), Doc::Break(" "), expr(body)]);
    group(row([text(format!("{}(", function.name)), nest(2, inner), Doc::Break(""), text(")")]))
}

/// A chain of operators of one tightness is one group: `a + b - c` breaks before each sign or before none.
fn binary(op: BinaryOp, a: &Expr, b: &Expr) -> Doc {
    let own = of_operator(op);
    let (left, right) = match op {
        BinaryOp::Power => (own + 1, own),
        _ if matches!(own, tight::COMPARE | tight::RANGE) => (own + 1, own + 1),
        _ => (own, own + 1),
    };
    if matches!(op, BinaryOp::Power | BinaryOp::Range) {
        return row([operand(a, left), text(op.sign()), operand(b, right)]);
    }
    let mut links = vec![(op, operand(b, right))];
    let mut first = a;
    while let ExprKind::Binary(inner, x, y) = &first.kind {
        if of_operator(*inner) != own || left > own {
            break;
        }
        links.push((*inner, operand(y, right)));
        first = x;
    }
    let link = |(op, doc): (BinaryOp, Doc)| row([Doc::Break(" "), text(format!("{} ", op.sign())), doc]);
    group(row([operand(first, left), nest(4, row(links.into_iter().rev().map(link)))]))
}

fn braces(entries: &[Entry]) -> Doc {
    let entry = |e: &Entry| match &e.label {
        Some(label) => row([text(format!("{}: ", label.name)), expr(&e.value)]),
        None => expr(&e.value),
    };
    let items: Vec<Doc> = entries.iter().map(entry).collect();
    if entries.iter().all(|e| e.label.is_none()) {
        return bracketed("{", items, "}", 2);
    }
    let inner = join(items, row([text(","), Doc::Break(" ")]));
    group(row([text("{"), nest(2, row([Doc::Break(" "), inner])), Doc::Break(" "), text("}")]))
}

fn relax(body: &[Stmt]) -> Doc {
    if body.is_empty() {
        return text("relax {}");
    }
    let inner = join(body.iter().map(|s| stmt(&s.kind)), Doc::Line);
    group(row([text("relax {"), nest(2, row([Doc::Break(" "), inner])), Doc::Break(" "), text("}")]))
}

pub fn ty(t: &Type) -> Doc {
    let mut out = Vec::new();
    if let Some(name) = &t.name {
        out.push(text(name.name.clone()));
    }
    if let Some(dims) = &t.dims {
        let dim = |d: &Dim| match d {
            Dim::Rest(_) => text(".."),
            Dim::Size(e) => expr(e),
        };
        out.push(bracketed("[", dims.iter().map(dim).collect(), "]", 2));
    }
    if let Some(o) = &t.over {
        out.extend([text(" "), over(o)]);
    }
    Doc::Row(out)
}

pub fn over(o: &Over) -> Doc {
    match &o.step {
        Some(step) => row([text("over time("), expr(step), text(")")]),
        None => text("over time"),
    }
}
