//! The statements of a hypothesis, as a part of the tree.

use super::ast::{BinaryOp, Expr, Ident};
use crate::source::Span;

#[derive(Clone, Debug)]
pub struct Expect {
    pub value: Expr,
    /// Of an ordering `a > b > c`, what follows the first comparison.
    pub more: Vec<(BinaryOp, Expr)>,
    /// `within 0.02`
    pub margin: Option<Expr>,
    pub scope: ExpectScope,
}

#[derive(Clone, Debug)]
pub enum ExpectScope {
    /// Nothing was written: judged at 95 % if it speaks of a mean over seeds, else an error.
    None,
    /// `in every seed`
    EverySeed(Span),
    /// `in at least 9 of 10 seeds`, `in at least 90 % of seeds at 95 %`
    AtLeast { count: Expr, of: Expr, at: Option<Confidence>, span: Span },
    /// `at 95 %`
    At(Confidence),
}

/// `at 95 %, unpaired`
#[derive(Clone, Debug)]
pub struct Confidence {
    pub level: Expr,
    pub ways: Vec<Way>,
}

/// How a comparison is judged: `unpaired`, `by bootstrap`.
#[derive(Clone, Debug)]
pub struct Way {
    pub by: bool,
    pub name: Ident,
}

#[derive(Clone, Debug)]
pub struct ClaimRelation {
    /// `avoids` (false) or `needs` (true)
    pub needs: bool,
    /// `weight_transport`, or `phases` with its number
    pub property: Ident,
    pub number: Option<Expr>,
    /// `in the update` / `in the dynamics`
    pub within: Option<Ident>,
}
