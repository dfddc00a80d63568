//! Runs on a terminal: whatever its size and however few moments there are to draw, nothing breaks and nothing is lost.
//!
//! The engine of the small runs is a fake one, this very program, which measures as often as it is told and then goes on
//! only as the test says: so the picture is drawn at a known number of moments, however loaded the machine is.

use libtest_mimic::{Arguments, Failed, Trial};
use pty_process::{Size, blocking};
use std::io::{BufRead, BufReader, Read, Write};
use std::num::NonZero;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, channel};
use trine::run::protocol::{self, Event, Request};

/// Where `trine` looks for its engine.
const ENGINE: &str = "TRINE_ENGINE";
/// How many moments the fake engine measures, and where it is told to go on.
const MOMENTS: &str = "FAKE_MOMENTS";
const GATE: &str = "FAKE_GATE";
const COLUMNS: [u16; 3] = [20, 80, 200];
/// A narrow terminal draws pictures one below the other.
const fn rows(columns: u16) -> u16 {
    if columns < 80 { 48 } else { 24 }
}
/// Of a replicate of the fake engine.
const STEPS: u64 = 1000;

fn main() {
    if let (Ok(moments), Ok(gate)) = (std::env::var(MOMENTS), std::env::var(GATE)) {
        return fake_engine(moments.parse().expect("a number"), Path::new(&gate));
    }
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(2);
    let mut trials = Vec::new();
    for columns in COLUMNS {
        for moments in 0..=4 {
            let test = move || a_picture_of(moments, columns);
            trials.push(Trial::test(format!("a_picture_of_{moments}_moments_on_{columns}_columns"), test));
        }
        if cfg!(feature = "torch") {
            let test = move || the_examples(columns);
            trials.push(Trial::test(format!("the_examples_on_{columns}_columns"), test));
        }
    }
    libtest_mimic::run(&args, trials).exit();
}

fn fake_engine(moments: u64, gate: &Path) {
    let mut lines = BufReader::new(UnixStream::connect(gate).expect("a gate")).lines();
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut say = |event: Event| protocol::send(&mut stdout, &event).expect("heard");
    let mut measures = Vec::new();
    while let Ok(Some(request)) = protocol::receive::<Request>(&mut stdin) {
        match request {
            Request::Hello { version, device, .. } => say(Event::Hello { version, libtorch: "0.0".into(), device }),
            Request::Load { plan, body, .. } => {
                measures = body.measures.iter().map(|m| m.names.len()).collect();
                say(Event::Loaded { plan });
            }
            Request::Train { replicate: r, .. } => {
                for at in 0..moments {
                    for (measure, names) in measures.iter().enumerate() {
                        let values = vec![0.5 + at as f64; *names];
                        say(Event::Measured { replicate: r.id, measure: measure as u32, at, values });
                    }
                }
                for line in lines.by_ref().map_while(Result::ok) {
                    let step = line.parse().expect("a step");
                    say(Event::Progress { replicate: r.id, step, steps: STEPS, loss: None });
                }
                say(Event::Done { replicate: r.id, seconds: 0.1, steps: STEPS });
            }
            Request::Stop => {}
            Request::Quit => return,
        }
    }
}

fn screen(columns: u16) -> vt100::Parser {
    let size = |n| NonZero::new(n).expect("a size");
    vt100::Parser::new(size(rows(columns)), size(columns), 0)
}

/// A command on a terminal of its own.
struct Terminal {
    child: std::process::Child,
    heard: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// Everything that was written.
    all: Vec<u8>,
}

impl Terminal {
    /// `ended` is called when nobody can write to it any more.
    fn start(args: &[&str], env: &[(&str, &str)], columns: u16, ended: impl FnOnce() + Send + 'static) -> Terminal {
        let (mut pty, pts) = blocking::open().expect("a terminal");
        pty.resize(Size::new(rows(columns), columns)).expect("a size");
        let mut command = blocking::Command::new(env!("CARGO_BIN_EXE_trine")).args(args).env("TERM", "xterm-256color");
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
            command = command.env_remove(name);
        }
        let child = command.envs(env.iter().copied()).spawn(pts).expect("trine starts");
        let (say, heard) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Linux ends a terminal that nobody holds with an error.
            while let Ok(n @ 1..) = pty.read(&mut bytes) {
                let _ = say.send(bytes[..n].to_vec());
            }
            ended();
        });
        Terminal { child, heard, screen: screen(columns), all: vec![] }
    }

    /// Takes in what is written next; false at the end.
    fn hear(&mut self) -> bool {
        let Ok(bytes) = self.heard.recv() else { return false };
        self.screen.process(&bytes);
        self.all.extend(bytes);
        true
    }

    /// Waits until the screen shows this.
    fn until(&mut self, text: &str) -> Result<String, Failed> {
        loop {
            let shown = self.screen.screen().contents();
            if shown.contains(text) {
                return Ok(shown);
            }
            if !self.hear() {
                return Err(format!("ended before it showed {text:?}:\n{}", self.told()).into());
            }
        }
    }

    fn told(&self) -> String {
        String::from_utf8_lossy(&self.all).into_owned()
    }

    fn end(mut self) -> Result<(ExitStatus, String), Failed> {
        while self.hear() {}
        let status = self.child.wait()?;
        let told = self.told();
        if told.contains("panicked") || told.contains("internal error") || told.contains("T0703") {
            return Err(told.into());
        }
        Ok((status, told))
    }
}

const SMALL: &str = "language 0.1
use std.rules: backprop

task four() {
  source table { a, b: [0, 0], 0; [0, 1], 1; [1, 0], 1; [1, 1], 0 }
  x: [2] = a
  y: Label[2] = b
}

architecture net(x: [n]) {
  output z: [2] = dense(x)
}

experiment e {
  task = four()
  architecture = net(task.x)
  objective = minimize cross_entropy(z, task.y)
  rule = backprop(sgd(0.1))
  train = 1000 steps
  seeds = 1

  measure height = loss on train, every 1 steps
}
";

/// The picture is made anew once a second at most; this many ticks of a tenth of one are longer than that.
const TICKS: u64 = 15;

/// Two moments are told by the table, and only more of them are a course that can be drawn.
fn a_picture_of(moments: u64, columns: u16) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (spec, store, gate) = (at("spec.trine"), at("store"), at("gate"));
    std::fs::write(&spec, SMALL)?;
    // Through a script: the program is found by name, and takes no arguments of the test's.
    let engine = at("engine");
    let program = std::env::current_exe()?;
    let script = format!("#!/bin/sh\nexec '{}'\n", program.display());
    // Written by another process: a file that this one has open while it forks could not be executed.
    let made = std::process::Command::new("sh")
        .args(["-c", "printf %s \"$1\" > \"$0\" && chmod +x \"$0\"", &engine, &script])
        .status()?;
    assert!(made.success());

    let listener = UnixListener::bind(&gate)?;
    let env = [(ENGINE, engine.as_str()), (MOMENTS, &moments.to_string()), (GATE, &gate)];
    let knock = gate.clone();
    let ended = move || drop(UnixStream::connect(knock));
    let mut terminal = Terminal::start(&["run", &spec, "--store", &store, "--jobs", "1"], &env, columns, ended);
    let (mut engine, _) = listener.accept()?;
    let mut drawn = false;
    for step in 1..=TICKS {
        let _ = writeln!(engine, "{step}");
        drawn |= terminal.until(&format!("step {step}/{STEPS}"))?.contains('┤');
    }
    assert_eq!(drawn, moments > 2, "{}", terminal.told());
    drop(engine);
    let (status, told) = terminal.end()?;
    assert_eq!(status.code(), Some(0), "{told}");
    assert!(told.contains("trained 1 of 1 replicate in "), "{told}");
    Ok(())
}

/// Every example, shortened: two moments is where a picture is nearly one.
fn the_examples(columns: u16) -> Result<(), Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "trine") {
            continue;
        }
        count += 1;
        let place = tempfile::tempdir()?;
        let spec = place.path().join(path.file_name().unwrap_or_default());
        std::fs::write(&spec, shortened(&std::fs::read_to_string(&path)?))?;
        let (status, told) = Terminal::start(&["run", &spec.display().to_string()], &[], columns, || {}).end()?;
        // The data of one are not part of the repository.
        let without_data = told.contains("T0501");
        assert!(status.code() == Some(0) || without_data, "{path:?} on {columns} columns: {status}\n{told}");
        assert!(without_data || told.contains("hypotheses") && told.contains("provenance"), "{path:?}:\n{told}");
    }
    assert!(count > 10, "only {count} examples");
    Ok(())
}

fn shortened(text: &str) -> String {
    let line = |l: &str| match l.strip_prefix("  train = ").and_then(|l| l.split_once(' ')) {
        Some((_, unit @ ("epochs" | "steps"))) => format!("  train = 2 {unit}\n"),
        _ => format!("{l}\n"),
    };
    text.lines().map(line).collect()
}
