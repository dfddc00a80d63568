//! Engine processes that die, talk nonsense or are missing: nothing hangs, and nothing is lost but what was in hand.
//!
//! The engine here is a fake one that computes nothing: this very program, started through a script that says how it
//! should behave. It needs neither libtorch nor the real engine.

use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use trine::diag::Code;
use trine::plan::*;
use trine::run::assemble;
use trine::run::jobs::{Job, JobReplicate, Outcome, RunEvent, RunOptions, Status, execute};
use trine::run::ledger::Nothing;
use trine::run::progress::{Manner, Progress};
use trine::run::protocol::{self, Event, NotFinite, Request};
use trine::run::stop::Stop;
use trine::source::Span;

const BEHAVIOUR: &str = "FAKE_ENGINE";
const MARK: &str = "FAKE_ENGINE_MARK";
const DRIVER: &str = "FAKE_ENGINE_DRIVER";
const EPOCHS: u64 = 4;
/// How long an engine waits that is meant to be cut off. One that is waited for leaves a mark in the end.
const FOREVER: Duration = Duration::from_secs(600);

type Test = fn() -> Result<(), Failed>;

fn main() {
    if let Ok(behaviour) = std::env::var(BEHAVIOUR) {
        return fake_engine(&behaviour);
    }
    if let Ok(engine) = std::env::var(DRIVER) {
        return driver(Path::new(&engine));
    }
    let tests: [(&str, Test); 11] = [
        ("results_do_not_depend_on_the_engines", results_do_not_depend_on_the_engines),
        ("a_killed_engine_costs_one_more_try", a_killed_engine_costs_one_more_try),
        ("a_second_death_loses_the_seed_alone", a_second_death_loses_the_seed_alone),
        ("an_engine_that_is_missing", an_engine_that_is_missing),
        ("an_engine_that_cannot_start", an_engine_that_cannot_start),
        ("an_engine_that_talks_nonsense", an_engine_that_talks_nonsense),
        ("an_engine_that_says_nothing", an_engine_that_says_nothing),
        ("an_engine_of_another_build", an_engine_of_another_build),
        ("data_that_is_missing_is_told_once", data_that_is_missing_is_told_once),
        ("numbers_that_are_not_finite", numbers_that_are_not_finite),
        ("ctrl_c_keeps_what_is_done", ctrl_c_keeps_what_is_done),
    ];
    let trials = tests.into_iter().map(|(name, test)| Trial::test(name, test)).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

// The fake engine.

fn fake_engine(behaviour: &str) {
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut say = |event: Event| protocol::send(&mut stdout, &event).unwrap();
    match behaviour {
        "nonsense" => {
            println!("hello, I am a perfectly ordinary program");
            return;
        }
        "broken" => {
            eprintln!("error while loading shared libraries: libtensor.so: no such file");
            std::process::exit(127);
        }
        "silent" => std::thread::sleep(FOREVER),
        _ => {}
    }
    while let Ok(Some(request)) = protocol::receive::<Request>(&mut stdin) {
        match request {
            Request::Hello { version, device, .. } => {
                let version = if behaviour == "old" { 99 } else { version };
                say(Event::Hello { version, libtorch: "0.0".to_string(), device });
            }
            Request::Load { plan, .. } if behaviour == "no data" && plan == 0 => {
                let message = "there is no file `a.npz`\nhelp: did you mean `b.npz`?".to_string();
                say(Event::Failed { code: "T0501".to_string(), message });
            }
            Request::Load { plan, .. } => say(Event::Loaded { plan }),
            Request::Train { replicate: r, .. } => train(behaviour, r.id, r.seed, r.numbers[0], &mut say),
            Request::Stop => {}
            Request::Quit => return,
        }
    }
}

fn train(behaviour: &str, id: u32, seed: u64, number: f64, say: &mut dyn FnMut(Event)) {
    for epoch in 0..=EPOCHS {
        say(Event::Measured { replicate: id, measure: 0, at: epoch, values: vec![seed as f64 + number, epoch as f64] });
        say(Event::Progress { replicate: id, step: epoch, steps: EPOCHS, loss: Some(1.0) });
        let mark = std::env::var(MARK).unwrap_or_default();
        match behaviour {
            "dies once" if seed == 2 && epoch == 2 && !Path::new(&mark).exists() => {
                std::fs::write(mark, "").unwrap();
                eprintln!("out of everything");
                std::process::abort();
            }
            "dies" if seed == 2 && epoch == 2 => std::process::exit(3),
            "not finite" if seed == 2 && epoch == 2 => {
                let chain = vec![("h.W".to_string(), 1e38)];
                let fault =
                    NotFinite { step: 2, value: "h.drive".to_string(), span: Span::default(), place: None, chain };
                say(Event::Faulted { replicate: id, fault });
                return say(Event::Done { replicate: id, seconds: 0.25, steps: 2 });
            }
            "waits once" if id == 3 && epoch == 2 && !Path::new(&mark).exists() => {
                std::fs::write(mark, "").unwrap();
                std::thread::sleep(FOREVER);
            }
            "endless" if seed > 0 && epoch == 1 => {
                std::thread::sleep(FOREVER);
                std::fs::write(mark, "").unwrap();
            }
            _ => {}
        }
    }
    say(Event::Done { replicate: id, seconds: 0.5, steps: EPOCHS });
}

/// A script that starts this program as an engine that behaves so.
fn engine(folder: &Path, behaviour: &str) -> PathBuf {
    let path = folder.join(format!("engine {behaviour}"));
    let program = std::env::current_exe().unwrap();
    let mark = folder.join("mark");
    let script = format!(
        "#!/bin/sh\nunset {DRIVER}\n{BEHAVIOUR}='{behaviour}' {MARK}='{}' exec '{}'\n",
        mark.display(),
        program.display()
    );
    // Written by another process: a file that this one has open for writing while it forks could not be executed.
    let mut shell = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod +x \"$0\""])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
    path
}

// What is run.

fn plan(name: &str) -> Plan {
    Plan {
        name: name.to_string(),
        precision: Precision::Float32,
        slots: Vec::new(),
        numbers: vec!["rate".to_string()],
        fields: Vec::new(),
        data: None,
        splits: vec![Split { name: "train".to_string(), size: 1 }, Split { name: "test".to_string(), size: 1 }],
        init: Program::default(),
        prepare: Program::default(),
        step: Program::default(),
        measures: vec![MeasureProgram {
            names: vec!["a".to_string(), "b".to_string()],
            split: 1,
            every: Every::Epochs(1),
            program: Program::default(),
        }],
        schedule: Schedule { length: Length::Epochs(EPOCHS as usize), batch: 1, split: 0, chunk: 1 },
    }
}

/// Two plans with two conditions of five seeds each.
fn jobs() -> Vec<Job> {
    let job = |j: usize| {
        let replicate = |i: usize| JobReplicate {
            experiment: 0,
            condition: 2 * j + i / 5,
            seed: (i % 5) as u64,
            numbers: vec![100.0 * (i / 5) as f64],
        };
        Job {
            plan: Arc::new(plan(&format!("plan {j}"))),
            folder: PathBuf::from("."),
            replicates: (0..10).map(replicate).collect(),
        }
    };
    vec![job(0), job(1)]
}

fn options(engine: PathBuf, jobs: usize) -> RunOptions {
    RunOptions { jobs: Some(jobs), engine: Some(engine), ..RunOptions::default() }
}

fn run(behaviour: &str, engines: usize) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    execute(jobs(), &options(engine(folder.path(), behaviour), engines), &mut Nothing, &mut |_| {})
}

fn statuses(outcome: &Outcome) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for r in &outcome.replicates {
        let name = match r.status {
            Status::Unfinished => "unfinished",
            Status::Done => "done",
            Status::Faulted(_) => "faulted",
            Status::Failed => "failed",
        };
        *counts.entry(name.to_string()).or_default() += 1;
    }
    counts
}

fn counts(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(name, n)| (name.to_string(), *n)).collect()
}

// The tests.

fn results_do_not_depend_on_the_engines() -> Result<(), Failed> {
    let one = run("well", 1);
    let many = run("well", 5);
    assert_eq!(one, many);
    assert!(one.complete() && one.problems.is_empty());
    let conditions = assemble::conditions(&one, &jobs(), &|_| String::new());
    assert_eq!(conditions.len(), 4);
    let condition = &conditions[&(0, 3)];
    assert_eq!((condition.seeds.as_slice(), condition.seconds), (&[0, 1, 2, 3, 4][..], 2.5));
    let measure = &condition.measures[0];
    assert_eq!((measure.name.as_str(), measure.on.as_str(), measure.every.as_str()), ("a", "test", "epoch"));
    assert_eq!((measure.at.as_slice(), &measure.values[4]), (&[0, 1, 2, 3, 4][..], &vec![104.0; 5]));
    Ok(())
}

fn a_killed_engine_costs_one_more_try() -> Result<(), Failed> {
    let folder = tempfile::tempdir().unwrap();
    let well = run("well", 2);
    // By a signal from outside, in the middle of a replicate, which waits for it.
    let mut pids = BTreeMap::new();
    let mut killed = None;
    let mut lost = 0;
    let outcome =
        execute(jobs(), &options(engine(folder.path(), "waits once"), 4), &mut Nothing, &mut |event| match event {
            RunEvent::Begun { replicate, pid } => {
                pids.insert(replicate, pid);
            }
            RunEvent::Measured { replicate: 3, at: 2, .. } if killed.is_none() => {
                killed = Some(pids[&3]);
                assert!(Command::new("kill").args(["-9", &pids[&3].to_string()]).status().unwrap().success());
            }
            RunEvent::Lost { replicate } => {
                assert_eq!(replicate, 3);
                lost += 1;
            }
            _ => {}
        });
    assert_eq!(lost, 1);
    assert_eq!(outcome.replicates, well.replicates);
    let [problem] = &outcome.problems[..] else { return Err(format!("{:?}", outcome.problems).into()) };
    assert!(problem.recovered && problem.code == Code::T0702);
    let told = "an engine was killed (SIGKILL) while it trained `plan 0`, seed 3; it is tried again";
    assert_eq!(problem.message, told);

    // By itself, with last words.
    let outcome = run("dies once", 2);
    assert_eq!(outcome.replicates, well.replicates);
    assert_eq!(outcome.problems.len(), 1);
    let message = &outcome.problems[0].message;
    assert!(message.contains("crashed (SIGABRT)") && message.contains("out of everything"), "{message}");
    Ok(())
}

fn a_second_death_loses_the_seed_alone() -> Result<(), Failed> {
    for engines in [1, 3] {
        let outcome = run("dies", engines);
        assert_eq!(statuses(&outcome), counts(&[("done", 16), ("failed", 4)]));
        assert!(outcome.replicates.iter().all(|r| (r.status == Status::Failed) == (r.seed == 2)));
        assert!(outcome.problems.iter().any(|p| !p.recovered && p.message.contains("exit code 3")));
    }
    Ok(())
}

fn an_engine_that_is_missing() -> Result<(), Failed> {
    let outcome = execute(jobs(), &options(PathBuf::from("/nowhere/engine"), 2), &mut Nothing, &mut |_| {});
    assert_eq!(statuses(&outcome), counts(&[("unfinished", 20)]));
    assert_eq!(outcome.problems.len(), 1);
    assert_eq!(outcome.problems[0].code, Code::T0704);
    assert!(outcome.problems[0].help.as_ref().unwrap().contains("cargo build"));
    Ok(())
}

fn an_engine_that_cannot_start() -> Result<(), Failed> {
    for engines in [1, 2] {
        let outcome = run("broken", engines);
        assert_eq!(outcome.problems.len(), 1);
        let problem = &outcome.problems[0];
        assert_eq!(problem.code, Code::T0704);
        assert!(problem.message.contains("exit code 127") && problem.message.contains("libtensor.so"), "{problem:?}");
    }
    // A file that is no program.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("engine"), "no program").unwrap();
    let outcome = execute(jobs(), &options(folder.path().join("engine"), 1), &mut Nothing, &mut |_| {});
    assert_eq!(outcome.problems[0].code, Code::T0704);
    Ok(())
}

fn an_engine_that_talks_nonsense() -> Result<(), Failed> {
    let outcome = run("nonsense", 2);
    assert_eq!(statuses(&outcome), counts(&[("unfinished", 20)]));
    assert_eq!((outcome.problems.len(), outcome.problems[0].code), (1, Code::T0704));
    Ok(())
}

fn an_engine_that_says_nothing() -> Result<(), Failed> {
    let folder = tempfile::tempdir().unwrap();
    let patience = Duration::from_millis(200);
    let options = RunOptions { patience, ..options(engine(folder.path(), "silent"), 2) };
    let outcome = execute(jobs(), &options, &mut Nothing, &mut |_| {});
    assert_eq!((outcome.problems.len(), outcome.problems[0].code), (1, Code::T0704));
    Ok(())
}

fn an_engine_of_another_build() -> Result<(), Failed> {
    let outcome = run("old", 3);
    assert_eq!((outcome.problems.len(), outcome.problems[0].code), (1, Code::T0704));
    assert!(outcome.problems[0].message.contains("version 99"));
    Ok(())
}

fn data_that_is_missing_is_told_once() -> Result<(), Failed> {
    for engines in [1, 3] {
        let outcome = run("no data", engines);
        assert_eq!(statuses(&outcome), counts(&[("done", 10), ("failed", 10)]));
        let [problem] = &outcome.problems[..] else { return Err(format!("{:?}", outcome.problems).into()) };
        assert_eq!((problem.code, problem.job), (Code::T0501, Some(0)));
        assert_eq!(problem.message, "there is no file `a.npz`");
        assert_eq!(problem.help.as_deref(), Some("did you mean `b.npz`?"));
    }
    Ok(())
}

fn numbers_that_are_not_finite() -> Result<(), Failed> {
    let outcome = run("not finite", 2);
    assert_eq!(statuses(&outcome), counts(&[("done", 16), ("faulted", 4)]));
    let conditions = assemble::conditions(&outcome, &jobs(), &|_| "net.trine:7".to_string());
    let condition = &conditions[&(0, 0)];
    assert_eq!((condition.seconds, condition.measures[0].values[2].len()), (2.25, 3));
    assert_eq!(condition.measures[0].at.len(), 5);
    let told = "`h.drive` stopped being finite at step 2 (net.trine:7); it comes from `h.W` (up to 1.00e38)";
    assert_eq!((condition.faults[0].seed, condition.faults[0].message.as_str()), (2, told));
    Ok(())
}

/// Runs until Ctrl-C, as `trine run` would, and tells about it.
fn driver(engine: &Path) {
    let mut running = 0;
    let options = RunOptions { stop: Stop::on_signals().unwrap(), ..options(engine.to_path_buf(), 2) };
    let mut progress = Progress::new(Manner::choose(false), &jobs());
    let mut show = |event: RunEvent| {
        progress.event(&event);
        event
    };
    let outcome = execute(jobs(), &options, &mut Nothing, &mut |event| match show(event) {
        RunEvent::Begun { pid, .. } => println!("engine {pid}"),
        RunEvent::Measured { at: 1, .. } => {
            running += 1;
            // The first seed, which ends, and two that do not.
            if running == 3 {
                println!("ready");
            }
        }
        _ => {}
    });
    let partial = outcome.replicates.iter().filter(|r| r.status == Status::Unfinished && !r.courses[0].at.is_empty());
    println!("interrupted {} partial {} {:?}", outcome.interrupted, partial.count(), statuses(&outcome));
    std::process::exit(trine::run::stop::INTERRUPTED);
}

fn ctrl_c_keeps_what_is_done() -> Result<(), Failed> {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(DRIVER, engine(folder.path(), "endless"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut engines = Vec::new();
    let mut end = None;
    for line in lines {
        if let Some(pid) = line.strip_prefix("engine ") {
            engines.push(pid.to_string());
        } else if line == "ready" {
            assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        } else {
            end = Some(line);
        }
    }
    let shown = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert!(shown.starts_with("training 20 replicates of 4 conditions on 2 engines\n"), "{shown}");
    assert!(shown.contains("\ninterrupted: trained 1 of 20 replicates in "), "{shown}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!folder.path().join("mark").exists(), "an engine was waited for");
    let expected = format!("interrupted true partial 2 {:?}", counts(&[("done", 1), ("unfinished", 19)]));
    assert_eq!(end.as_deref(), Some(expected.as_str()));
    for pid in engines {
        assert!(!Path::new("/proc").join(&pid).exists(), "engine {pid} is still there");
    }
    Ok(())
}
