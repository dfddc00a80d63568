//! `trine-engine`: the program that executes plans.
//!
//! It is told what to do on its standard input and answers on its standard output, in the frames of
//! `trine::run::protocol`. It ends when its input does, so that it never outlives who started it.

mod arena;
mod bench;
mod data;
mod device;
mod evaluate;
mod finite;
mod job;
mod kernels;
mod program;
mod streams;
#[cfg(test)]
mod tests;
mod trainer;
mod view;

use job::Job;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::{ExitCode, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use tch::{Device, TchError};
use trine::diag::Code;
use trine::run::data::DataError;
use trine::run::protocol::{Event, Request, VERSION, receive, send};

/// Why a request cannot be done.
#[derive(Debug)]
pub enum Failure {
    Torch(TchError),
    Data(DataError),
    Spec(Code, String),
    Io(io::Error),
}

impl Failure {
    /// A plan that no compiler should have made.
    pub fn internal(what: &str) -> Failure {
        Failure::Spec(Code::T0702, format!("the plan is damaged: {what}"))
    }

    fn event(self) -> Event {
        let (code, message) = match self {
            Failure::Torch(error) => in_words(&error.to_string()),
            Failure::Data(error) => (error.code, error.to_string()),
            Failure::Spec(code, message) => (code, message),
            Failure::Io(_) => (Code::T0702, "the engine cannot be heard or cannot hear\nhelp: run it again".into()),
        };
        Event::Failed { code: code.name().to_string(), message }
    }
}

/// A fault of libtorch in words of ours: memory is what a user can do something about. Its own words go to the engine's
/// standard error.
fn in_words(text: &str) -> (Code, String) {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason");
    let _ = writeln!(io::stderr(), "trine-engine: libtorch: {first}");
    let low = text.to_lowercase();
    if ["out of memory", "alloc", "not enough memory"].iter().any(|w| low.contains(w)) {
        let m = "the memory of this machine does not hold the run\nhelp: run fewer engines side by side, `--jobs 1`, or make the batch or the architecture smaller";
        return (Code::T0703, m.into());
    }
    let m = "an operation of this run cannot be carried out\nhelp: please report it with the spec; `trine plan FILE` shows the operations";
    (Code::T0703, m.into())
}

impl From<TchError> for Failure {
    fn from(error: TchError) -> Failure {
        Failure::Torch(error)
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Failure {
        Failure::Data(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.first().map(String::as_str) {
        None => serve(),
        Some("--bench") => bench::bench(&arguments[1..]),
        Some(_) => {
            let _ = writeln!(io::stderr(), "trine-engine is started by trine and takes no arguments");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "trine-engine: {failure:?}");
            ExitCode::FAILURE
        }
    }
}

/// Answers requests until there are no more.
fn serve() -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let requests = listen(stop.clone());
    let mut out = io::stdout().lock();
    let mut jobs: HashMap<u32, Job> = HashMap::new();
    let mut device = Device::Cpu;
    let _off = tch::no_grad_guard();
    for request in requests {
        let done = match request {
            Request::Quit => return Ok(()),
            Request::Hello { version, threads, device: name } => {
                hello(version, threads, &name).map(|(known, event)| {
                    device = known;
                    event
                })
            }
            Request::Load { plan, body, folder } => Job::load(*body, Path::new(&folder), device).map(|job| {
                jobs.insert(plan, job);
                Event::Loaded { plan }
            }),
            // It was for what was trained before.
            Request::Stop => continue,
            Request::Train { plan, replicate } => {
                let mut emit = |event: Event| Ok(send(&mut out, &event)?);
                let trained = match jobs.get_mut(&plan) {
                    Some(job) => trainer::train(job, &replicate, &stop, &mut emit),
                    None => Err(Failure::internal("it was never loaded")),
                };
                match trained {
                    Ok(()) => continue,
                    Err(failure) => Err(failure),
                }
            }
        };
        match done {
            Ok(event) => send(&mut out, &event)?,
            Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(failure) => send(&mut out, &failure.event())?,
        }
    }
    Ok(())
}

/// Requests as they come. When there will be no more, the whole process ends, whatever it is doing.
fn listen(stop: Arc<AtomicBool>) -> mpsc::Receiver<Request> {
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Ok(Some(request)) = receive::<Request>(&mut input) {
            if request == Request::Stop {
                // Whoever trains looks at it at every step; nothing is trained after it.
                stop.store(true, Ordering::Relaxed);
            }
            let last = request == Request::Quit;
            if sender.send(request).is_err() || last {
                return;
            }
        }
        exit(0);
    });
    requests
}

fn hello(version: u32, threads: usize, name: &str) -> Result<(Device, Event), Failure> {
    if version != VERSION {
        let message = format!("trine speaks version {version} of the protocol, this engine version {VERSION}");
        return Err(Failure::Spec(Code::T0704, message));
    }
    tch::set_num_threads(threads.clamp(1, 1024) as i32);
    tch::set_num_interop_threads(1);
    let device = device::find(name).map_err(|message| Failure::Spec(Code::T0704, message))?;
    let libtorch = env!("TRINE_LIBTORCH").to_string();
    let device_name = if device == Device::Cpu { "cpu".to_string() } else { name.to_string() };
    Ok((device, Event::Hello { version: VERSION, libtorch, device: device_name }))
}
