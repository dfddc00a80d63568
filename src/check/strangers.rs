//! Settings that an experiment has not: misspelt, or called so in another tool.

use crate::diag::Diagnostic;
use crate::diag::elsewhere::{self, At};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, Ident};
use crate::syntax::print::expr_text;

use super::declare::SETTINGS;

/// Says what to write for `name = value`. `rule` is the experiment's own, `optimizer` one of the library's.
pub fn setting(
    d: Diagnostic,
    name: &Ident,
    value: &Expr,
    span: Span,
    rule: Option<&Expr>,
    optimizer: &str,
) -> Diagnostic {
    let Some(row) = elsewhere::find(At::Setting, &name.name) else {
        return d.meant(&name.name, SETTINGS);
    };
    // What says already which way it goes says it once.
    let given = match &value.kind {
        ExprKind::Minimize(of) | ExprKind::Maximize(of) if !row.here.is_empty() => expr_text(of),
        _ => expr_text(value),
    };
    if !row.here.is_empty() {
        let value = match (&value.kind, row.how.split_once("{} ")) {
            // A number that has its unit keeps it.
            (ExprKind::Number { unit: Some(_), .. }, _) => given,
            (ExprKind::Number { .. } | ExprKind::Vary(..), Some(_)) | (_, None) => row.how.replace("{}", &given),
            (_, Some((_, unit))) => format!("{given} * 1 {unit}"),
        };
        let line = format!("{} = {value}", row.here);
        return d.help(format!("the setting is called `{}`: `{line}`", row.here)).write(span, line);
    }
    let made = optimizer.split_once('(').map_or(optimizer, |o| o.0);
    let how = row.how.replace("{rate}", &given_to(rule, &format!("{made}({given})")));
    let own = if matches!(value.kind, ExprKind::Call(..)) { given.clone() } else { optimizer.to_string() };
    let how = how.replace("{optimizer}", &given_to(rule, &own));
    d.help(how.replace("{}", given.trim_matches('"')))
}

/// The experiment's rule with an optimizer in the first place.
fn given_to(rule: Option<&Expr>, optimizer: &str) -> String {
    match rule.map(|r| &r.kind) {
        Some(ExprKind::Call(f, args)) => {
            let rest = args.iter().skip_while(|a| a.name.is_none()).map(|a| {
                let name = a.name.as_ref().map_or(String::new(), |n| format!("{} = ", n.name));
                format!(", {name}{}", expr_text(&a.value))
            });
            format!("{}({optimizer}{})", expr_text(f), rest.collect::<String>())
        }
        _ => format!("RULE({optimizer})"),
    }
}
