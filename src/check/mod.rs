//! Names and declarations: syntax trees to a [`Program`](crate::ir::Program), and each declaration on its own.

pub mod collect;
pub mod declare;
pub mod library;
mod once;
mod rule;
pub mod single;
mod spread;
mod strangers;
mod types;
mod unnamed;
