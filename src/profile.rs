//! Where each rule takes its information from: claims settled, rows printed.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::ir::{Item, Program};
use crate::model::hypothesis::Settled;
use crate::syntax::ast::ClaimRelation;
use std::rc::Rc;

/// Whether a rule has a property, on every architecture of the spec that it is used on.
pub fn settle(
    _program: &Program,
    _experiments: &[Compiled],
    rule: &Rc<Item>,
    relation: &ClaimRelation,
    diags: &mut Diagnostics,
) -> Option<Settled> {
    let m = format!("`{}` of `{}` cannot be derived", relation.property.name, rule.name);
    diags.push(Diagnostic::new(Code::T0413, relation.property.span, m, ""));
    None
}
