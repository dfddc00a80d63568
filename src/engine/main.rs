//! `trine-engine`: the program that executes plans.

fn main() {}
