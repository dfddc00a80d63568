//! The checked program as text.

use super::{Elem, Item, ParamType, Program};
use crate::syntax::ast::Dim;
use crate::syntax::print::{expr_text, limits_text};

/// One line an item of the user's files: `architecture mlp(x: [n], hidden: Nat = 64)`.
pub fn text(program: &Program) -> String {
    program.user_items().map(|i| format!("{}\n", signature(i))).collect()
}

/// The head of a declaration.
pub fn signature(item: &Item) -> String {
    let params: Vec<String> = item
        .params
        .iter()
        .map(|p| {
            let default = p.default.as_ref().map_or(String::new(), |e| format!(" = {}", expr_text(e)));
            let limits = p.limits.as_ref().map_or(String::new(), |l| format!(" in {}", limits_text(l)));
            format!("{}: {}{limits}{default}", p.name, type_text(&p.ty))
        })
        .collect();
    let list = if params.is_empty() { String::new() } else { format!("({})", params.join(", ")) };
    format!("{} {}{list}", item.kind.word(), item.name)
}

fn type_text(ty: &ParamType) -> String {
    match ty {
        ParamType::Tensor { elem, dims, over } => {
            let one = |d: &Dim| match d {
                Dim::Rest(_) => "..".to_string(),
                Dim::Size(e) => expr_text(e),
            };
            let dims = format!("[{}]", dims.iter().map(one).collect::<Vec<_>>().join(", "));
            let over = if *over { " over time" } else { "" };
            match elem {
                Elem::Label(range) => format!("Label[{}]{over}", expr_text(&range.0)),
                _ => format!("{dims}{over}"),
            }
        }
        ParamType::Scalar(elem) => elem_text(elem),
        ParamType::Optimizer => "Optimizer".into(),
        ParamType::Rule => "Rule".into(),
        ParamType::Population => "Population".into(),
        ParamType::Text => "Text".into(),
        ParamType::Unknown => "?".into(),
    }
}

fn elem_text(elem: &Elem) -> String {
    match elem {
        Elem::Nat => "Nat".into(),
        Elem::Int => "Int".into(),
        Elem::Bool => "Bool".into(),
        Elem::Label(range) => format!("Label[{}]", expr_text(&range.0)),
        Elem::Real(unit) => {
            let named = super::Unit::TYPE_NAMES.iter().find(|n| super::Unit::of_type(n) == Some(*unit));
            named.map_or_else(|| unit.to_string(), |n| n.to_string())
        }
    }
}
