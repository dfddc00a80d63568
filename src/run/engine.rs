//! One engine process: found, started, spoken to, and ended for certain.
//!
//! Three threads serve a process, so that no pipe can ever block the scheduler: one writes requests, one reads events,
//! one keeps the last lines of its standard error.

use super::protocol::{self, Event, Request};
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The program's name, beside `trine`.
pub const NAME: &str = "trine-engine";
/// Names the program if it lies elsewhere.
pub const VARIABLE: &str = "TRINE_ENGINE";

/// Lines of standard error that are kept, and the characters kept of each.
const LAST_LINES: usize = 8;
const LINE: usize = 300;
/// How long a process that has closed its output may take to end by itself.
const FAREWELL: Duration = Duration::from_millis(500);

/// What comes from an engine.
pub enum Heard {
    Event(Event),
    /// It has closed its output: it has ended, or is about to.
    Closed,
    /// What it writes is not the protocol.
    Garbage(String),
}

/// A running engine; it is killed when this is dropped.
pub struct Engine {
    child: Child,
    requests: Option<Sender<Request>>,
    last_lines: Arc<Mutex<VecDeque<String>>>,
}

/// Where the engine is: as told, as `TRINE_ENGINE` says, or beside the running program.
pub fn find(told: Option<&Path>) -> Result<PathBuf, String> {
    if let Some(path) = told {
        return existing(path.to_path_buf());
    }
    if let Some(path) = std::env::var_os(VARIABLE).filter(|v| !v.is_empty()) {
        return existing(PathBuf::from(path)).map_err(|e| format!("{e}, where {VARIABLE} points"));
    }
    let program = std::env::current_exe().and_then(std::fs::canonicalize).map_err(|e| e.to_string())?;
    let folder = program.parent().unwrap_or(Path::new("."));
    // Programs that cargo makes for tests and examples lie one folder below.
    let folders = [Some(folder), folder.parent().filter(|_| folder.ends_with("deps") || folder.ends_with("examples"))];
    let name = format!("{NAME}{}", std::env::consts::EXE_SUFFIX);
    let found = folders.into_iter().flatten().map(|f| f.join(&name)).find(|p| p.is_file());
    found.ok_or_else(|| format!("there is no `{NAME}` in {}", folder.display()))
}

fn existing(path: PathBuf) -> Result<PathBuf, String> {
    if path.is_file() { Ok(path) } else { Err(format!("there is no engine at {}", path.display())) }
}

impl Engine {
    /// Starts the program; what it says goes to `heard` under the number `id`.
    pub fn start(program: &Path, threads: usize, id: usize, heard: SyncSender<(usize, Heard)>) -> io::Result<Engine> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Pools that are made before the engine can say how many threads it wants.
            .env("OMP_NUM_THREADS", threads.to_string())
            .env("MKL_NUM_THREADS", threads.to_string())
            // Ctrl-C is for `trine`, which then ends its engines itself.
            .process_group(0)
            .spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (requests, asked) = channel();
        let last_lines = Arc::new(Mutex::new(VecDeque::new()));
        let engine = Engine { child, requests: Some(requests), last_lines: last_lines.clone() };
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(io::Error::other("its pipes are missing"));
        };
        let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(format!("engine {id} {name}")).spawn(body).map(|_| ())
        };
        spawn("requests", Box::new(move || write_requests(stdin, &asked)))?;
        spawn("events", Box::new(move || read_events(stdout, id, &heard)))?;
        spawn("errors", Box::new(move || keep_last_lines(stderr, &last_lines)))?;
        Ok(engine)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Hands over a request. A process that has ended is noticed by its events, not here.
    pub fn ask(&self, request: Request) {
        if let Some(requests) = &self.requests {
            let _ = requests.send(request);
        }
    }

    /// Asks the process to end, and closes its input.
    pub fn dismiss(&mut self) {
        self.ask(Request::Quit);
        self.requests = None;
    }

    /// How the process ended; one that lingers is killed.
    pub fn end(mut self) -> Death {
        self.requests = None;
        let until = Instant::now() + FAREWELL;
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
                _ => break None,
            }
        };
        // The thread that reads standard error may have some left to read.
        thread::sleep(Duration::from_millis(10));
        Death { status, last_lines: self.last_lines() }
    }

    fn last_lines(&self) -> Vec<String> {
        self.last_lines.lock().map(|lines| lines.iter().cloned().collect()).unwrap_or_default()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_requests(to: impl Write, asked: &Receiver<Request>) {
    let mut to = BufWriter::new(to);
    while let Ok(request) = asked.recv() {
        if protocol::send(&mut to, &request).is_err() {
            return;
        }
    }
}

fn read_events(from: impl Read, id: usize, heard: &SyncSender<(usize, Heard)>) {
    let mut from = BufReader::new(from);
    loop {
        let (news, last) = match protocol::receive::<Event>(&mut from) {
            Ok(Some(event)) => (Heard::Event(event), false),
            Ok(None) => (Heard::Closed, true),
            // Cut off in the middle of a frame: it was killed while it wrote.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => (Heard::Closed, true),
            Err(e) => (Heard::Garbage(e.to_string()), true),
        };
        if heard.send((id, news)).is_err() || last {
            return;
        }
    }
}

fn keep_last_lines(from: impl Read, lines: &Mutex<VecDeque<String>>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without an end must not fill the memory: it is kept in pieces.
        match from.by_ref().take(1 << 16).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text: String = String::from_utf8_lossy(&line).trim_end().chars().take(LINE).collect();
        if let (false, Ok(mut lines)) = (text.is_empty(), lines.lock()) {
            if lines.len() == LAST_LINES {
                lines.pop_front();
            }
            lines.push_back(text);
        }
    }
}

/// How an engine ended.
pub struct Death {
    status: Option<ExitStatus>,
    last_lines: Vec<String>,
}

impl Death {
    /// "was killed (SIGKILL)"
    pub fn cause(&self) -> String {
        let Some(status) = self.status else { return "stopped answering".to_string() };
        match (status.signal(), status.code()) {
            (Some(9), _) => "was killed (SIGKILL)".to_string(),
            (Some(signal), _) => format!("crashed ({})", signal_name(signal)),
            (_, Some(code)) => format!("ended with exit code {code}"),
            _ => "ended".to_string(),
        }
    }

    /// "\nits last words:\n  ..." or nothing.
    pub fn last_words(&self) -> String {
        match self.last_lines.is_empty() {
            true => String::new(),
            false => format!("\nits last words:\n  {}", self.last_lines.join("\n  ")),
        }
    }

    pub fn killed(&self) -> bool {
        self.status.is_some_and(|s| s.signal() == Some(9))
    }
}

fn signal_name(signal: i32) -> String {
    signal_hook::low_level::signal_name(signal).map_or(format!("signal {signal}"), str::to_string)
}
