//! Running plans: jobs, engine processes, data, and the trace that comes out.

pub mod data;
pub mod protocol;
pub mod trace;
