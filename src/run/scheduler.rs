//! Hands replicates to engines one by one and gathers their results.
//!
//! The most expensive plans come first, so that the last engine does not stay behind for long. An engine that dies costs
//! the replicate in its hands: that one is tried once more on a fresh engine. No engine is killed for being slow: only
//! its first word is waited for with limited patience.

mod claims;

use super::cost;
use super::engine::{Death, Engine, Heard};
use super::jobs::{Course, Job, Outcome, Problem, ReplicateResult, RunEvent, RunOptions, Status, find_engine};
use super::ledger::{Ledger, Started};
use super::protocol::{self, Event, Replicate, Request};
use crate::diag::Code;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(100);
/// Events of all engines that may wait here; beyond that, engines wait.
const WAITING: usize = 1024;
/// How often a replicate is tried.
const TRIES: u8 = 2;
/// Starts that may fail one after the other before the run gives up.
const FAILED_STARTS: usize = 2;
/// How long engines may take to send their states when they are asked to stop.
const LAST_STATE: Duration = Duration::from_millis(1500);
/// How often replicates are looked at that others train.
const ELSEWHERE: Duration = Duration::from_millis(300);
/// How long engines may take to end when there is nothing left to do.
const FAREWELL: Duration = Duration::from_millis(500);

pub struct Scheduler<'a> {
    jobs: &'a [Job],
    options: &'a RunOptions,
    events: &'a mut dyn FnMut(RunEvent),
    ledger: &'a mut dyn Ledger,
    outcome: Outcome,
    /// For each replicate: its place within its job, and how often it was begun.
    places: Vec<usize>,
    tries: Vec<u8>,
    /// Replicates that wait.
    queue: VecDeque<usize>,
    /// Replicates that other processes train, and when they were last looked at.
    elsewhere: Vec<usize>,
    looked: Instant,
    program: PathBuf,
    engines: BTreeMap<usize, Worker>,
    started: usize,
    /// Where replicates that are about to be trained go on from.
    from: BTreeMap<usize, Option<protocol::State>>,
    /// Since the last engine that was ready, and what was wrong with the latest.
    failed_starts: usize,
    /// Engines that the machine has memory for, and cores.
    room: usize,
    cores: usize,
    /// It was told that there is nothing to do but to wait for others.
    waits: bool,
    start_fault: Option<Problem>,
    send: SyncSender<(usize, Heard)>,
    heard: Receiver<(usize, Heard)>,
    last_tick: Instant,
}

struct Worker {
    engine: Engine,
    state: State,
    /// The job whose plan it holds; loading another one replaces it.
    loaded: Option<usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Starting {
        since: Instant,
    },
    Idle,
    /// Preparing the plan of a replicate.
    Loading {
        replicate: usize,
    },
    Training {
        replicate: usize,
    },
}

impl State {
    fn replicate(self) -> Option<usize> {
        match self {
            State::Loading { replicate } | State::Training { replicate } => Some(replicate),
            State::Starting { .. } | State::Idle => None,
        }
    }
}

impl<'a> Scheduler<'a> {
    pub fn new(
        jobs: &'a [Job],
        options: &'a RunOptions,
        ledger: &'a mut dyn Ledger,
        events: &'a mut dyn FnMut(RunEvent),
    ) -> Scheduler<'a> {
        let mut replicates = Vec::new();
        let mut places = Vec::new();
        for (job, j) in jobs.iter().enumerate() {
            for (place, r) in j.replicates.iter().enumerate() {
                places.push(place);
                replicates.push(ReplicateResult {
                    job,
                    experiment: r.experiment,
                    condition: r.condition,
                    seed: r.seed,
                    status: Status::Unfinished,
                    courses: vec![Course::default(); j.plan.measures.len()],
                    seconds: 0.0,
                    steps: 0,
                });
            }
        }
        let costs: Vec<f64> = jobs.iter().map(|j| cost::replicate(&j.plan)).collect();
        let mut queue: Vec<usize> = (0..replicates.len()).collect();
        queue.sort_by(|&a, &b| costs[replicates[b].job].total_cmp(&costs[replicates[a].job]));
        let (send, heard) = sync_channel(WAITING);
        Scheduler {
            jobs,
            options,
            events,
            ledger,
            places,
            tries: vec![0; replicates.len()],
            queue: queue.into(),
            elsewhere: Vec::new(),
            looked: Instant::now(),
            outcome: Outcome { replicates, problems: Vec::new(), interrupted: false, libtorch: None, device: None },
            program: PathBuf::new(),
            engines: BTreeMap::new(),
            started: 0,
            from: BTreeMap::new(),
            failed_starts: 0,
            room: cost::engines_that_fit(jobs.iter().map(|j| cost::engine_memory(&j.plan)).max().unwrap_or(0))
                .unwrap_or(usize::MAX),
            cores: thread::available_parallelism().map_or(1, |n| n.get()),
            waits: false,
            start_fault: None,
            send,
            heard,
            last_tick: Instant::now(),
        }
    }

    pub fn run(mut self) -> Outcome {
        let wanted = self.wanted_engines();
        (self.events)(RunEvent::Started { engines: wanted });
        if wanted > 0 {
            match find_engine(self.options) {
                Ok(program) => {
                    self.program = program;
                    self.work();
                }
                Err(problem) => self.report(problem),
            }
        }
        self.dismiss_all();
        (self.events)(RunEvent::Finished { interrupted: self.outcome.interrupted });
        self.outcome
    }

    /// Until nothing waits and nobody works.
    fn work(&mut self) {
        while self.hire() {
            if self.options.stop.asked() {
                self.interrupt();
                return;
            }
            match self.heard.recv_timeout(TICK) {
                Ok((id, heard)) => self.hear(id, heard),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.tick();
        }
    }

    /// Engines for what is to be done: never more than replicates that wait or are in hand.
    fn wanted_engines(&self) -> usize {
        let most = self.options.jobs.unwrap_or((self.cores / self.options.threads.max(1)).min(self.room)).max(1);
        let in_hand = self.engines.values().filter(|w| w.state.replicate().is_some()).count();
        most.min(self.queue.len() + in_hand)
    }

    /// Employs and starts engines that are needed; false if nothing is left to do, or nothing can be done.
    fn hire(&mut self) -> bool {
        while !self.queue.is_empty()
            && let Some((&id, _)) = self.engines.iter().find(|(_, w)| w.state == State::Idle)
        {
            self.employ(id);
        }
        while self.engines.len() < self.wanted_engines() {
            if self.failed_starts >= FAILED_STARTS {
                break;
            }
            let id = self.started;
            self.started += 1;
            match Engine::start(&self.program, self.options.threads, id, self.send.clone()) {
                Ok(engine) => {
                    engine.ask(Request::Hello {
                        version: protocol::VERSION,
                        threads: self.options.threads,
                        device: self.options.device.clone(),
                    });
                    let state = State::Starting { since: Instant::now() };
                    self.engines.insert(id, Worker { engine, state, loaded: None });
                }
                Err(e) => self.failed_start(&format!("{}: {e}", self.program.display()), ""),
            }
        }
        if self.engines.is_empty()
            && !self.queue.is_empty()
            && let Some(problem) = self.start_fault.take()
        {
            self.give_up(problem);
        }
        let in_hand = self.engines.values().any(|w| w.state.replicate().is_some());
        in_hand || !self.queue.is_empty() || !self.elsewhere.is_empty()
    }

    fn hear(&mut self, id: usize, heard: Heard) {
        // Words of an engine that is already gone are old news.
        let Some(worker) = self.engines.get(&id) else { return };
        match (heard, worker.state) {
            (Heard::Event(event), State::Starting { .. }) => self.greet(id, event),
            (Heard::Event(event), _) => self.take(id, event),
            (Heard::Closed, _) => self.bury(id, None),
            (Heard::Garbage(why), _) => self.bury(id, Some(why)),
        }
    }

    /// The first word of an engine.
    fn greet(&mut self, id: usize, event: Event) {
        match event {
            Event::Hello { version, libtorch, device } if version == protocol::VERSION => {
                self.failed_starts = 0;
                self.outcome.libtorch.get_or_insert(libtorch);
                self.outcome.device.get_or_insert(device);
                self.employ(id);
            }
            Event::Hello { version, .. } => {
                let message = format!(
                    "the engine is of another build: it speaks version {version} of the protocol, and `trine` version {}",
                    protocol::VERSION
                );
                self.give_up(Problem {
                    code: Code::T0704,
                    message,
                    help: Some(format!("build both anew: `cargo build`; the engine is {}", self.program.display())),
                    job: None,
                    recovered: false,
                });
            }
            Event::Failed { code, message } => {
                let problem = problem_of(&code, Code::T0704, message, None);
                self.give_up(problem);
            }
            _ => self.bury(id, Some("it began with another word than a greeting".to_string())),
        }
    }

    /// Gives an engine its next replicate, or nothing if none waits.
    fn employ(&mut self, id: usize) {
        if !self.engines.contains_key(&id) {
            return;
        }
        let found = self.next();
        let Some(worker) = self.engines.get_mut(&id) else { return };
        let Some((replicate, from)) = found else {
            worker.state = State::Idle;
            return;
        };
        let job = self.outcome.replicates[replicate].job;
        self.tries[replicate] += 1;
        if let Some(started) = &from {
            let result = &mut self.outcome.replicates[replicate];
            (result.courses, result.seconds) = (started.courses.clone(), started.seconds);
        }
        self.from.insert(replicate, from.map(|s| s.state));
        if worker.loaded == Some(job) {
            return self.train(id, replicate);
        }
        worker.state = State::Loading { replicate };
        worker.loaded = None;
        worker.engine.ask(Request::Load {
            plan: job as u32,
            body: Box::new((*self.jobs[job].plan).clone()),
            folder: self.jobs[job].folder.to_string_lossy().into_owned(),
        });
    }

    fn train(&mut self, id: usize, replicate: usize) {
        let Some(worker) = self.engines.get_mut(&id) else { return };
        let job = self.outcome.replicates[replicate].job;
        let wanted = &self.jobs[job].replicates[self.places[replicate]];
        worker.state = State::Training { replicate };
        worker.loaded = Some(job);
        worker.engine.ask(Request::Train {
            plan: job as u32,
            replicate: Replicate {
                id: replicate as u32,
                seed: wanted.seed,
                numbers: wanted.numbers.clone(),
                from: self.from.remove(&replicate).flatten(),
                keep: self.ledger.every(),
            },
        });
        let pid = worker.engine.pid();
        (self.events)(RunEvent::Begun { replicate, pid });
    }

    /// Nothing more comes of a replicate here.
    fn end(&mut self, replicate: usize) {
        self.ledger.ended(replicate, &self.outcome.replicates[replicate]);
        (self.events)(RunEvent::Ended { replicate });
    }

    /// An event of an engine that works.
    fn take(&mut self, id: usize, event: Event) {
        let Some(state) = self.engines.get(&id).map(|w| w.state) else { return };
        match (event, state) {
            (Event::Loaded { plan }, State::Loading { replicate })
                if plan as usize == self.outcome.replicates[replicate].job =>
            {
                self.train(id, replicate);
            }
            (Event::Failed { code, message }, State::Loading { replicate }) => {
                self.fail_job(self.outcome.replicates[replicate].job, &code, message);
                self.employ(id);
            }
            (Event::Failed { code, message }, State::Training { replicate }) => {
                let result = &mut self.outcome.replicates[replicate];
                result.status = Status::Failed;
                let job = result.job;
                self.end(replicate);
                self.report(problem_of(&code, Code::T0702, message, Some(job)));
                self.employ(id);
            }
            (Event::Progress { replicate, step, steps, loss }, State::Training { replicate: r })
                if replicate as usize == r =>
            {
                self.outcome.replicates[r].steps = step;
                (self.events)(RunEvent::Progress { replicate: r, step, steps, loss });
            }
            (Event::Measured { replicate, measure, at, values }, State::Training { replicate: r })
                if replicate as usize == r && self.fits(r, measure, &values) =>
            {
                let course = &mut self.outcome.replicates[r].courses[measure as usize];
                course.at.push(at);
                course.values.push(values.clone());
                (self.events)(RunEvent::Measured { replicate: r, measure: measure as usize, at, values });
            }
            (Event::Faulted { replicate, fault }, State::Training { replicate: r }) if replicate as usize == r => {
                let result = &mut self.outcome.replicates[r];
                result.steps = fault.step;
                result.status = Status::Faulted(fault);
                self.end(r);
                self.employ(id);
            }
            (Event::Done { replicate, seconds, .. }, _) if self.has_faulted(replicate) => {
                self.outcome.replicates[replicate as usize].seconds += seconds;
            }
            (Event::Done { replicate, seconds, steps }, State::Training { replicate: r })
                if replicate as usize == r =>
            {
                let result = &mut self.outcome.replicates[r];
                (result.steps, result.status) = (steps, Status::Done);
                result.seconds += seconds;
                self.end(r);
                self.employ(id);
            }
            (Event::State { replicate, state, seconds }, State::Training { replicate: r })
                if replicate as usize == r =>
            {
                let so_far = &self.outcome.replicates[r];
                self.ledger
                    .keep(r, Started { state, courses: so_far.courses.clone(), seconds: so_far.seconds + seconds });
            }
            (Event::Stopped { replicate }, State::Training { replicate: r }) if replicate as usize == r => {
                if let Some(worker) = self.engines.get_mut(&id) {
                    worker.state = State::Idle;
                }
                self.ledger.ended(r, &self.outcome.replicates[r]);
            }
            (event, _) => self.bury(id, Some(format!("it spoke out of turn ({})", short(&event)))),
        }
    }

    fn fits(&self, replicate: usize, measure: u32, values: &[f64]) -> bool {
        let plan = &self.jobs[self.outcome.replicates[replicate].job].plan;
        plan.measures.get(measure as usize).is_some_and(|m| m.names.len() == values.len())
    }

    fn has_faulted(&self, replicate: u32) -> bool {
        let result = self.outcome.replicates.get(replicate as usize);
        result.is_some_and(|r| matches!(r.status, Status::Faulted(_)))
    }

    /// A plan that cannot be loaded here cannot be loaded anywhere.
    fn fail_job(&mut self, job: usize, code: &str, message: String) {
        let replicates = &mut self.outcome.replicates;
        self.queue.retain(|&r| replicates[r].job != job);
        let running: Vec<usize> = self
            .engines
            .values()
            .filter_map(|w| match w.state {
                State::Training { replicate } => Some(replicate),
                _ => None,
            })
            .collect();
        for (i, result) in replicates.iter_mut().enumerate() {
            if result.job == job && result.status == Status::Unfinished && !running.contains(&i) {
                result.status = Status::Failed;
                self.ledger.ended(i, result);
                (self.events)(RunEvent::Ended { replicate: i });
            }
        }
        self.report(problem_of(code, Code::T0702, message, Some(job)));
    }

    /// An engine is gone, or talks nonsense (`why`) and has to go.
    fn bury(&mut self, id: usize, why: Option<String>) {
        let Some(Worker { engine, state, .. }) = self.engines.remove(&id) else { return };
        let death = match &why {
            Some(_) => {
                drop(engine);
                None
            }
            None => Some(engine.end()),
        };
        let cause = match (&why, &death) {
            (Some(why), _) => format!("wrote something else than the protocol ({why})"),
            (None, death) => death.as_ref().map(Death::cause).unwrap_or_default(),
        };
        let last_words = death.as_ref().map(Death::last_words).unwrap_or_default();
        match state.replicate() {
            None if matches!(state, State::Starting { .. }) => {
                self.failed_start(&format!("{} {cause} before it was ready", self.program.display()), &last_words);
            }
            None => {}
            Some(replicate) => {
                let killed = death.is_some_and(|d| d.killed());
                self.lose(replicate, &cause, &last_words, killed);
            }
        }
    }

    /// What a replicate has done is gone with its engine: once more, or never.
    fn lose(&mut self, replicate: usize, cause: &str, last_words: &str, killed: bool) {
        let result = &mut self.outcome.replicates[replicate];
        let (job, seed) = (result.job, result.seed);
        let again = self.tries[replicate] < TRIES;
        let then = if again { "it is tried again" } else { "it was the last try, and the seed is missing" };
        let name = &self.jobs[job].plan.name;
        let message = format!("an engine {cause} while it trained `{name}`, seed {seed}; {then}{last_words}");
        if again {
            result.courses.iter_mut().for_each(|c| *c = Course::default());
            (result.steps, result.seconds) = (0, 0.0);
            self.queue.push_front(replicate);
            (self.events)(RunEvent::Lost { replicate });
        } else {
            result.status = Status::Failed;
            self.end(replicate);
        }
        let help = killed.then(|| "if memory ran out, train fewer replicates at once: --jobs 1".to_string());
        self.report(Problem { code: Code::T0702, message, help, job: Some(job), recovered: again });
    }

    fn failed_start(&mut self, why: &str, last_words: &str) {
        let help = "build it anew: `cargo build`; libtorch must lie where it was when the engine was built";
        self.failed_starts += 1;
        self.start_fault = Some(Problem {
            code: Code::T0704,
            message: format!("the engine cannot be started: {why}{last_words}"),
            help: Some(help.to_string()),
            job: None,
            recovered: false,
        });
    }

    /// Nothing can be done any more.
    fn give_up(&mut self, problem: Problem) {
        self.report(problem);
        self.queue.clear();
        self.engines.clear();
    }

    /// Keeps what was already said, asks for the states of what is being trained, and ends everybody.
    fn interrupt(&mut self) {
        self.outcome.interrupted = true;
        self.queue.clear();
        self.elsewhere.clear();
        let trains = |w: &Worker| matches!(w.state, State::Training { .. });
        self.engines.retain(|_, w| trains(w));
        self.engines.values().for_each(|w| w.engine.ask(Request::Stop));
        let until = Instant::now() + LAST_STATE;
        while self.engines.values().any(trains)
            && let Some(left) = until.checked_duration_since(Instant::now())
            && let Ok((id, heard)) = self.heard.recv_timeout(left)
        {
            match heard {
                Heard::Event(event) if self.engines.get(&id).is_some_and(trains) => self.take(id, event),
                Heard::Event(_) => {}
                Heard::Closed | Heard::Garbage(_) => drop(self.engines.remove(&id)),
            }
        }
        let left: Vec<usize> = self.engines.values().filter_map(|w| w.state.replicate()).collect();
        left.into_iter().for_each(|r| self.ledger.ended(r, &self.outcome.replicates[r]));
        self.engines.clear();
    }

    /// Lets the engines end by themselves for a moment. How long a replicate took that ended early may be told last.
    fn dismiss_all(&mut self) {
        self.engines.values_mut().for_each(|w| w.engine.dismiss());
        let until = Instant::now() + FAREWELL;
        while !self.engines.is_empty()
            && let Some(left) = until.checked_duration_since(Instant::now())
            && let Ok((id, heard)) = self.heard.recv_timeout(left)
        {
            match heard {
                Heard::Event(Event::Done { replicate, seconds, .. }) if self.has_faulted(replicate) => {
                    self.outcome.replicates[replicate as usize].seconds += seconds;
                }
                Heard::Event(_) => {}
                Heard::Closed | Heard::Garbage(_) => drop(self.engines.remove(&id)),
            }
        }
        self.engines.clear();
    }

    fn tick(&mut self) {
        if self.last_tick.elapsed() < TICK {
            return;
        }
        self.last_tick = Instant::now();
        (self.events)(RunEvent::Tick);
        self.ledger.tick();
        self.look_elsewhere();
        let patience = self.options.patience;
        let late = |w: &Worker| matches!(w.state, State::Starting { since } if since.elapsed() > patience);
        let late: Vec<usize> = self.engines.iter().filter(|(_, w)| late(w)).map(|(id, _)| *id).collect();
        for id in late {
            self.engines.remove(&id);
            let why = format!("{} said nothing for {} s", self.program.display(), patience.as_secs());
            self.failed_start(&why, "");
        }
    }

    /// The same words about the same job are said once.
    fn report(&mut self, problem: Problem) {
        if !self.outcome.problems.contains(&problem) {
            self.outcome.problems.push(problem.clone());
            (self.events)(RunEvent::Problem(problem));
        }
    }
}

/// What an engine says of a request that cannot be done; its way out may follow in a line of its own.
fn problem_of(code: &str, otherwise: Code, message: String, job: Option<usize>) -> Problem {
    let (message, help) = match message.split_once("\nhelp: ") {
        Some((message, help)) => (message.to_string(), Some(help.to_string())),
        None => (message, None),
    };
    Problem { code: Code::find(code).unwrap_or(otherwise), message, help, job, recovered: false }
}

fn short(event: &Event) -> &'static str {
    match event {
        Event::Hello { .. } => "a greeting",
        Event::Loaded { .. } => "loaded",
        Event::Progress { .. } => "progress",
        Event::Measured { .. } => "a measure",
        Event::Faulted { .. } => "a fault",
        Event::Done { .. } => "done",
        Event::Failed { .. } => "a failure",
        Event::State { .. } => "a state",
        Event::Stopped { .. } => "a stop",
    }
}
