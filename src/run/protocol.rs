//! What `trine` and an engine process say to each other: frames of postcard, each led by its length.
//!
//! `trine` writes [`Request`]s to the engine's standard input, the engine writes [`Event`]s to its standard output;
//! standard error is for libtorch's own words. An engine does one job at a time.

use crate::plan::Plan;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::{self, Read, Write};

/// Raised with every change that an older engine would misread.
pub const VERSION: u32 = 2;

/// The largest frame that is read; a longer one means that the stream is damaged.
const MAX_FRAME: u32 = 1 << 30;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    Hello {
        version: u32,
        threads: usize,
        device: String,
    },
    /// Loads a plan under a number: data is read, `prepare` is run. Paths in the plan are relative to `folder`.
    /// The plan that was loaded before may be forgotten: it is loaded again before it is trained again.
    Load {
        plan: u32,
        body: Box<Plan>,
        folder: String,
    },
    /// Trains one replicate of a loaded plan.
    Train {
        plan: u32,
        replicate: Replicate,
    },
    /// To whatever is being trained: send its state and end it, at the next step.
    Stop,
    Quit,
}

/// One seed of one condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replicate {
    pub id: u32,
    pub seed: u64,
    /// Values of `Plan::numbers`.
    pub numbers: Vec<f64>,
    /// Where to go on from, if not from the beginning.
    pub from: Option<State>,
    /// Milliseconds between two states that are sent; none but the last one at 0.
    pub keep: u64,
}

/// All that a replicate is between two steps. Streams of random numbers and the order of examples follow from the seed
/// and the step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Updates made so far. What is measured at this moment has been measured.
    pub step: u64,
    /// The elements of all slots of the plan in order, without gaps, as they lie in memory.
    pub slots: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    Hello {
        version: u32,
        libtorch: String,
        device: String,
    },
    Loaded {
        plan: u32,
    },
    /// At the end of an epoch, or about twice a second; `loss` is the mean over the batches since the last one.
    Progress {
        replicate: u32,
        step: u64,
        steps: u64,
        loss: Option<f64>,
    },
    /// Results of `plan.measures[measure]`, in the order of its names, after `at` epochs or steps.
    Measured {
        replicate: u32,
        measure: u32,
        at: u64,
        values: Vec<f64>,
    },
    /// Now and then, when asked to stop, and at the end.
    State {
        replicate: u32,
        state: State,
        /// Processor time since training began or was gone on with.
        seconds: f64,
    },
    /// The replicate was asked to stop, and has. Its state was sent.
    Stopped {
        replicate: u32,
    },
    /// The replicate ended early: numbers stopped being finite. `Done` follows.
    Faulted {
        replicate: u32,
        fault: NotFinite,
    },
    /// The replicate is done. `seconds` is processor time.
    Done {
        replicate: u32,
        seconds: f64,
        steps: u64,
    },
    /// The request cannot be done: data missing or damaged, memory, an operation refused by libtorch.
    Failed {
        code: String,
        message: String,
    },
}

/// Where numbers stopped being finite: the first such instruction of the step, and what led there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotFinite {
    pub step: u64,
    /// The value, as named in the plan.
    pub value: String,
    pub span: crate::source::Span,
    /// As people read it, where the text of then is no more.
    pub place: Option<String>,
    /// Names and largest magnitudes of the values that it was computed from, nearest first.
    pub chain: Vec<(String, f64)>,
}

/// Writes one frame and flushes.
pub fn send<T: Serialize>(to: &mut impl Write, message: &T) -> io::Result<()> {
    let body = postcard::to_stdvec(message).map_err(io::Error::other)?;
    to.write_all(&(body.len() as u32).to_le_bytes())?;
    to.write_all(&body)?;
    to.flush()
}

/// Reads one frame; `None` at the end of the stream.
pub fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length);
    if length > MAX_FRAME {
        return Err(io::Error::other("a frame of impossible length"));
    }
    let mut body = vec![0; length as usize];
    from.read_exact(&mut body)?;
    postcard::from_bytes(&body).map(Some).map_err(io::Error::other)
}
