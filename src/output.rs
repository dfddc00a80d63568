//! Standard output and standard error, checked: a reader that goes away (`| head`) is no fault, a full disk is one,
//! and neither is a panic. Colors are kept or stripped as the user and the terminal want.

use std::io::{IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};

use crate::diag::render::{Look, locale_is_unicode};
use crate::source::shown::{in_json, written};

/// Columns assumed where there is no terminal to ask.
const DEFAULT_WIDTH: usize = 100;

/// The two streams of the process. Data goes to standard output, everything else to standard error.
pub struct Output {
    out: AutoStream<std::io::Stdout>,
    err: AutoStream<std::io::Stderr>,
    /// Nothing but errors and data is written.
    pub quiet: bool,
    /// No more can be written to standard output.
    closed: bool,
    fault: Option<std::io::Error>,
}

impl Output {
    pub fn new(color: ColorChoice, quiet: bool) -> Output {
        // `auto` asks the terminal and obeys NO_COLOR, CLICOLOR and TERM=dumb.
        Output {
            out: AutoStream::new(std::io::stdout(), color),
            err: AutoStream::new(std::io::stderr(), color),
            quiet,
            closed: false,
            fault: None,
        }
    }

    /// Writes to standard output, what hides in it shown. Once it is closed, nothing more is written.
    pub fn data(&mut self, text: &str) {
        self.bytes(written(text).as_bytes());
    }

    /// A document for programs.
    pub fn json(&mut self, value: &serde_json::Value) {
        self.bytes(in_json(format!("{value:#}\n")).as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if self.closed {
            return;
        }
        if let Err(e) = self.out.write_all(bytes).and_then(|()| self.out.flush()) {
            self.closed = true;
            if e.kind() != std::io::ErrorKind::BrokenPipe {
                self.fault = Some(e);
            }
        }
    }

    /// Writes to standard error, what hides shown, whatever happens there.
    pub fn error(&mut self, text: &str) {
        let _ = self.err.write_all(written(text).as_bytes()).and_then(|()| self.err.flush());
    }

    /// Writes to standard error unless the user asked for quiet.
    pub fn note(&mut self, text: &str) {
        if !self.quiet {
            self.error(text);
        }
    }

    /// How standard error wants to be drawn on.
    pub fn error_look(&self) -> Look {
        look(self.err.current_choice(), std::io::stderr().is_terminal())
    }

    /// How standard output wants to be drawn on.
    pub fn data_look(&self) -> Look {
        look(self.out.current_choice(), std::io::stdout().is_terminal())
    }

    /// Whether a progress display on standard error would be seen.
    pub fn is_watched(&self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }

    /// What went wrong with standard output, if its reader did not merely leave.
    pub fn fault(&mut self) -> Option<std::io::Error> {
        self.fault.take()
    }
}

fn look(choice: ColorChoice, terminal: bool) -> Look {
    let columns = || terminal_size::terminal_size().map(|(width, _)| width.0 as usize);
    let width = if terminal { columns().unwrap_or(DEFAULT_WIDTH) } else { DEFAULT_WIDTH };
    Look { color: choice != ColorChoice::Never, unicode: locale_is_unicode(), width: width.clamp(40, 160) }
}
