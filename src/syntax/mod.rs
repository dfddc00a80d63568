//! Text to tree and back.

pub mod ast;
pub mod highlight;
mod hypothesis;
pub mod parse;
pub mod print;
