//! Ctrl-C and SIGTERM: the first asks a run to end, the second ends the program at once.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The exit code of an interrupted run.
pub const INTERRUPTED: i32 = 130;

/// Whether a run has been asked to end.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    /// A signal now ends the program.
    deadly: Arc<AtomicBool>,
}

impl Stop {
    /// Asked by Ctrl-C and SIGTERM. Until the run calls `done`, a first signal only asks.
    pub fn on_signals() -> io::Result<Stop> {
        static STOP: OnceLock<Stop> = OnceLock::new();
        if let Some(stop) = STOP.get() {
            stop.asked.store(false, Ordering::SeqCst);
            stop.deadly.store(false, Ordering::SeqCst);
            return Ok(stop.clone());
        }
        let stop = Stop::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the exit is considered before this very signal makes it due.
            flag::register_conditional_shutdown(signal, INTERRUPTED, stop.deadly.clone())?;
            flag::register(signal, stop.deadly.clone())?;
            flag::register(signal, stop.asked.clone())?;
        }
        Ok(STOP.get_or_init(|| stop).clone())
    }

    pub fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// The run is over: from now on a signal ends the program, as if it had never been caught.
    pub fn done(&self) {
        self.deadly.store(true, Ordering::SeqCst);
    }
}
