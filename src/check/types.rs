//! The types that statements write: each is one of the language, and of a number.

use crate::diag::elsewhere::{self, At};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ir::Unit;
use crate::syntax::ast::{self, Dim, Expr, ExprKind, ShapeOf, Stmt, StmtKind, Type};

/// What a parameter may be, but no value.
const OF_PARAMETERS: [&str; 5] = ["Optimizer", "Rule", "Population", "Text", "Path"];
const OF_NUMBERS: [&str; 4] = ["Nat", "Int", "Bool", "Label"];

/// Tells of a name that is no type.
pub fn unknown(name: &ast::Ident, diags: &mut Diagnostics) {
    let all = OF_NUMBERS.into_iter().chain(OF_PARAMETERS).chain(Unit::TYPE_NAMES);
    let d = Diagnostic::new(Code::T0201, name.span, format!("there is no type `{}`", name.name), "");
    let types = "types are Nat, Int, Real, Bool, Label[k], tensors such as [n], units such as Time, Optimizer, Rule, Population and Path";
    diags.push(match elsewhere::find(At::Type, &name.name) {
        Some(row) => d.help(format!("the word for it is `{}`", row.here)).write(name.span, row.here),
        None => d.meant_or(&name.name, all, types),
    });
}

/// The types of a body, wherever they stand.
pub fn types(body: &mut [Stmt], diags: &mut Diagnostics) {
    for s in body {
        match &mut s.kind {
            StmtKind::Population { ty: Some(t), .. } | StmtKind::Weight { ty: t, .. } => number(t, false, diags),
            StmtKind::Set { ty: Some(t), .. } | StmtKind::Draw { ty: t, .. } => number(t, true, diags),
            StmtKind::Feedback { shape: ShapeOf::Type(t), .. }
            | StmtKind::Noise { shape: Some(ShapeOf::Type(t)), .. } => number(t, false, diags),
            StmtKind::State(list) => {
                for s in list {
                    if let Some(ShapeOf::Type(t)) = &mut s.shape {
                        number(t, false, diags);
                    }
                }
            }
            StmtKind::Cell { ty, body, .. } => {
                ty.iter_mut().for_each(|t| number(t, false, diags));
                types(body, diags);
            }
            StmtKind::For { body, .. } | StmtKind::Part { body, .. } => types(body, diags),
            _ => {}
        }
    }
}

/// A type of numbers, which may be a label where examples are described.
pub fn number(t: &mut Type, labels: bool, diags: &mut Diagnostics) {
    let Some(name) = &t.name else { return };
    let word = name.name.as_str();
    // A size without its brackets: types begin with a capital letter.
    if word.starts_with(|c: char| c.is_lowercase()) && t.dims.is_none() && elsewhere::find(At::Type, word).is_none() {
        let d = Diagnostic::new(Code::T0201, name.span, format!("there is no type `{word}`"), "");
        diags.push(d.help(format!("a size stands in brackets: `[{word}]`")).write(name.span, format!("[{word}]")));
        let size = Expr { span: name.span, kind: ExprKind::Name(name.name.clone()) };
        (t.name, t.dims) = (None, Some(vec![Dim::Size(size)]));
        return;
    }
    if word == "Label" && labels && t.dims.is_none() {
        let d = Diagnostic::new(Code::T0205, name.span, "a label says how many there are", "");
        diags.push(d.help("write `Label[2]`, with the number of classes").write(name.span, "Label[2]"));
        return;
    }
    let wanted = match word {
        "Label" if !labels => "a label is a field of a task or a parameter",
        _ if OF_PARAMETERS.contains(&word) => "only a parameter may be that",
        _ if OF_NUMBERS.contains(&word) || Unit::of_type(word).is_some() => return,
        _ => return unknown(name, diags),
    };
    let d =
        Diagnostic::new(Code::T0208, name.span, format!("a value here is made of numbers, and this is `{word}`"), "");
    diags.push(d.help(format!("{wanted}; write its shape, such as `[n]`")));
}
