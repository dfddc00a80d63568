//! The checked program: every declaration of every module with its names, parameters and types resolved.
//!
//! Expressions stay as written ([`crate::syntax::ast::Expr`]): what a name inside them means depends on the architecture, task and
//! rule that meet, and is decided when a model is elaborated. [`axis`] is the algebra of sizes, [`mod@unit`] that of units.

pub mod axis;
pub mod print;
pub mod program;
pub mod unit;

pub use axis::Axis;
pub use program::*;
pub use unit::Unit;
