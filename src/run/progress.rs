//! What a person sees while a run goes on: bars on a terminal, a line now and then elsewhere, or nothing.
//!
//! Everything goes to standard error. The texts are made by functions without side effects, so that tests can hold them
//! to 80 columns.

use super::cost;
use super::jobs::{Job, RunEvent};
use crate::plan::Length;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Bars,
    Lines,
    Quiet,
}

impl Manner {
    /// Nothing if asked to be quiet, bars on a terminal.
    pub fn choose(quiet: bool) -> Manner {
        match quiet {
            true => Manner::Quiet,
            false if std::io::stderr().is_terminal() => Manner::Bars,
            false => Manner::Lines,
        }
    }
}

/// Columns that a line may take where the terminal has them.
const WIDTH: usize = 79;
/// In fewer than this a line says how far the run is and draws no meter.
const NARROW: usize = 50;
/// Running replicates that are shown at once.
const SHOWN: usize = 8;
/// Plain lines: at every tenth of the work or after this time, but not faster than the other.
const LINE_AFTER: Duration = Duration::from_secs(30);
const LINE_BEFORE: Duration = Duration::from_secs(2);

/// Shows a run; feed it the events of [`super::jobs::execute`].
pub struct Progress {
    manner: Manner,
    work: Work,
    bars: Option<Bars>,
    /// When the last plain line was written, and the tenths that were done then.
    last_line: Instant,
    tenths: usize,
}

struct Bars {
    all: MultiProgress,
    head: ProgressBar,
    running: Vec<ProgressBar>,
    /// A line each of the picture below.
    picture: Vec<ProgressBar>,
}

/// How far a run has come.
struct Work {
    began: Instant,
    engines: usize,
    replicates: Vec<Share>,
    /// Replicates of each condition that are not at an end.
    conditions: BTreeMap<(usize, usize), usize>,
    running: Vec<usize>,
}

/// One replicate: what part of all work it is, and how far it has come.
struct Share {
    name: String,
    condition: (usize, usize),
    cost: f64,
    length: Length,
    step: u64,
    steps: u64,
    loss: Option<f64>,
    ended: bool,
}

impl Progress {
    pub fn new(manner: Manner, jobs: &[Job]) -> Progress {
        let bars = (manner == Manner::Bars).then(|| {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            let head = all.add(bar());
            Bars { all, head, running: Vec::new(), picture: Vec::new() }
        });
        Progress { manner, work: Work::new(jobs), bars, last_line: Instant::now(), tenths: 0 }
    }

    pub fn event(&mut self, event: &RunEvent) {
        self.work.follow(event);
        match (event, self.manner) {
            (_, Manner::Quiet) => {}
            (RunEvent::Problem(problem), _) if problem.recovered => {
                let help = problem.help.as_ref().map(|h| format!("\n  help: {h}")).unwrap_or_default();
                self.say(&format!("warning[{}]: {}{help}", problem.code, problem.message));
            }
            (RunEvent::Waiting { replicates }, _) => {
                let what = if *replicates == 1 { "1 replicate that" } else { &format!("{replicates} replicates that") };
                self.say(&format!("waiting for {what} another process trains"));
            }
            (RunEvent::Started { .. }, Manner::Lines) => self.say(&self.work.first_line()),
            (RunEvent::Finished { interrupted }, _) => {
                if let Some(bars) = self.bars.take() {
                    let _ = bars.all.clear();
                }
                self.say(&self.work.last_line(*interrupted));
            }
            (_, Manner::Lines) => self.line_now_and_then(),
            (RunEvent::Tick | RunEvent::Started { .. }, Manner::Bars) => self.draw(),
            (_, Manner::Bars) => {}
        }
    }

    /// Whether there is a terminal to draw on.
    pub fn draws(&self) -> bool {
        self.bars.is_some()
    }

    /// Shows lines of text below the bars, where the terminal is high enough for them.
    pub fn picture(&mut self, text: &str) {
        let Some(bars) = &mut self.bars else { return };
        let rows = terminal_size::terminal_size().map_or(0, |(_, height)| usize::from(height.0));
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() + SHOWN + 3 > rows {
            return;
        }
        while bars.picture.len() < lines.len() {
            bars.picture.push(bars.all.add(bar()));
        }
        let lines = lines.into_iter().chain(std::iter::repeat(""));
        bars.picture.iter().zip(lines).for_each(|(bar, line)| bar.set_message(line.to_string()));
    }

    /// One line above the bars. A standard error that is gone is no reason to stop.
    fn say(&self, text: &str) {
        let write = || {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        };
        match &self.bars {
            Some(bars) => bars.all.suspend(write),
            None => write(),
        }
    }

    fn line_now_and_then(&mut self) {
        let tenths = (self.work.done() * 10.0) as usize;
        let since = self.last_line.elapsed();
        if (tenths > self.tenths && since >= LINE_BEFORE) || since >= LINE_AFTER {
            self.tenths = tenths;
            self.last_line = Instant::now();
            self.say(&self.work.line());
        }
    }

    fn draw(&mut self) {
        let Some(bars) = &mut self.bars else { return };
        let columns = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0));
        let width = columns.saturating_sub(1).min(WIDTH);
        bars.head.set_message(self.work.head(width));
        let lines: Vec<String> = self.work.running.iter().take(SHOWN).map(|&r| self.work.row(r, width)).collect();
        while bars.running.len() < lines.len() {
            bars.running.push(bars.all.insert(1 + bars.running.len(), bar()));
        }
        // Rows stay when nobody needs them for the moment, so that the display does not jump.
        let lines = lines.into_iter().chain(std::iter::repeat(String::new()));
        bars.running.iter().zip(lines).for_each(|(bar, line)| bar.set_message(line));
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

impl Work {
    fn new(jobs: &[Job]) -> Work {
        let mut replicates = Vec::new();
        let mut conditions: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for job in jobs {
            let (cost, steps) = (cost::replicate(&job.plan).max(1.0), cost::steps(&job.plan));
            for r in &job.replicates {
                let condition = (r.experiment, r.condition);
                *conditions.entry(condition).or_default() += 1;
                replicates.push(Share {
                    name: format!("{}, seed {}", job.plan.name, r.seed),
                    condition,
                    cost,
                    length: job.plan.schedule.length,
                    step: 0,
                    steps,
                    loss: None,
                    ended: false,
                });
            }
        }
        Work { began: Instant::now(), engines: 0, replicates, conditions, running: Vec::new() }
    }

    fn follow(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Started { engines } => {
                self.began = Instant::now();
                self.engines = *engines;
            }
            RunEvent::Begun { replicate, .. } => self.running.push(*replicate),
            RunEvent::Progress { replicate, step, steps, loss } => {
                let share = &mut self.replicates[*replicate];
                (share.step, share.steps) = (*step, *steps);
                share.loss = loss.or(share.loss);
            }
            RunEvent::Lost { replicate } => {
                self.running.retain(|r| r != replicate);
                self.replicates[*replicate].step = 0;
            }
            RunEvent::Ended { replicate } => {
                self.running.retain(|r| r != replicate);
                let share = &mut self.replicates[*replicate];
                if !share.ended {
                    share.ended = true;
                    self.conditions.entry(share.condition).and_modify(|left| *left -= 1);
                }
            }
            RunEvent::Measured { .. }
            | RunEvent::Problem(_)
            | RunEvent::Waiting { .. }
            | RunEvent::Tick
            | RunEvent::Finished { .. } => {}
        }
    }

    /// From 0 to 1, by work.
    fn done(&self) -> f64 {
        let part = |s: &Share| if s.ended { 1.0 } else { s.step as f64 / s.steps.max(1) as f64 };
        let all: f64 = self.replicates.iter().map(|s| s.cost).sum();
        let done: f64 = self.replicates.iter().map(|s| s.cost * part(s).min(1.0)).sum();
        if all > 0.0 { done / all } else { 1.0 }
    }

    fn ended(&self) -> usize {
        self.replicates.iter().filter(|s| s.ended).count()
    }

    /// ", 12 s left", when that can be told.
    fn left(&self) -> String {
        let (done, spent) = (self.done(), self.began.elapsed().as_secs_f64());
        match done > 0.02 && spent > 1.0 && done < 1.0 {
            true => format!(", {} left", duration(spent * (1.0 - done) / done)),
            false => String::new(),
        }
    }

    fn counts(&self) -> String {
        let (replicates, ended) = (self.replicates.len(), self.ended());
        let mut text = format!("{ended}/{replicates} {}", plural("replicate", replicates));
        if self.conditions.len() > 1 {
            let full = self.conditions.values().filter(|left| **left == 0).count();
            text.push_str(&format!(", {full}/{} conditions", self.conditions.len()));
        }
        text
    }

    fn head(&self, width: usize) -> String {
        let meter = if width < NARROW { String::new() } else { format!("{} ", meter(self.done(), 20)) };
        cut(&format!("{meter}{:3.0} %  {}{}", self.done() * 100.0, self.counts(), self.left()), width)
    }

    fn row(&self, replicate: usize, width: usize) -> String {
        let share = &self.replicates[replicate];
        let part = share.step as f64 / share.steps.max(1) as f64;
        let place = match share.length {
            Length::Epochs(epochs) => format!("epoch {}/{epochs}", (part * epochs as f64) as usize),
            Length::Steps(steps) => format!("step {}/{steps}", share.step),
        };
        let loss = share.loss.map(|l| format!("  loss {}", number(l))).unwrap_or_default();
        if width < NARROW {
            return cut(&format!("  {place}{loss}"), width);
        }
        let end = format!("  {} {place}{loss}", meter(part, 10));
        let room = width.saturating_sub(end.chars().count() + 2);
        format!("  {}{end}", cut(&share.name, room))
    }

    fn first_line(&self) -> String {
        let (replicates, conditions) = (self.replicates.len(), self.conditions.len());
        format!(
            "training {replicates} {} of {conditions} {} on {} {}",
            plural("replicate", replicates),
            plural("condition", conditions),
            self.engines,
            plural("engine", self.engines)
        )
    }

    fn line(&self) -> String {
        let losses: Vec<f64> = self.running.iter().filter_map(|&r| self.replicates[r].loss).collect();
        let loss = match losses.is_empty() {
            true => String::new(),
            false => format!(", loss {}", number(losses.iter().sum::<f64>() / losses.len() as f64)),
        };
        cut(&format!("{:.0} %: {}{loss}{}", self.done() * 100.0, self.counts(), self.left()), WIDTH)
    }

    fn last_line(&self, interrupted: bool) -> String {
        let all = self.replicates.len();
        let what = if interrupted { "interrupted: trained" } else { "trained" };
        let spent = duration(self.began.elapsed().as_secs_f64());
        format!("{what} {} of {all} {} in {spent}", self.ended(), plural("replicate", all))
    }
}

fn meter(part: f64, width: usize) -> String {
    let full = (part.clamp(0.0, 1.0) * width as f64) as usize;
    format!("[{}{}]", "=".repeat(full), " ".repeat(width - full))
}

fn plural(word: &str, count: usize) -> String {
    if count == 1 { word.to_string() } else { format!("{word}s") }
}

fn cut(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_string(),
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_string(),
        v if !(1e-3..1e5).contains(&v) => format!("{value:.2e}"),
        v => format!("{value:.*}", (3 - v.log10().floor() as i32).clamp(0, 5) as usize),
    }
}

fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..120 => format!("{whole} s"),
        120..7200 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;
