//! Running plans: jobs, engine processes, data, and the trace that comes out.
//!
//! [`jobs::execute`] hands the replicates of all plans to engine processes and gathers what they measured; [`assemble`]
//! turns that into the conditions of a [`trace::Trace`].

pub mod assemble;
mod cost;
pub mod data;
mod engine;
pub mod jobs;
pub mod ledger;
pub mod live;
pub mod progress;
pub mod protocol;
mod scheduler;
pub mod stop;
pub mod trace;

pub use cost::{NoRoom, engine_memory, no_room, portion, steps};
