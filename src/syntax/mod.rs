//! Text to tree and back.

pub mod ast;
mod hypothesis;
pub mod parse;
pub mod print;
