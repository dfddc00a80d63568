//! The command line: every command and flag of the contract, and the way from a command's outcome to an exit code.
//!
//! This file says what can be typed; `commands` holds one function a command, and each calls the pipeline.

mod commands;
mod judge;
mod lock;
mod new;
mod store;
mod watch;
mod writing;

use anstream::ColorChoice;
use clap::{Args, ColorChoice as ClapColor, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::output::Output;

/// What the process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// The spec is wrong; for `fmt --check`, not canonical.
    WrongSpec = 1,
    WrongCommand = 2,
    Refuted = 3,
    Inconclusive = 4,
    RunFailed = 5,
    Interrupted = 130,
}

/// A declarative language for learning systems.
#[derive(Parser, Debug)]
#[command(name = "trine", version, about, max_term_width = 100)]
#[command(after_help = "`-` in place of a FILE reads the spec from standard input.")]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// When to use colors
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = When::Auto)]
    color: When,

    /// Write nothing but data and errors
    #[arg(short, long, global = true)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Write a starting spec that runs
    New(new::NewArgs),
    /// Parse, resolve, type-check and settle claims
    Check(CheckArgs),
    /// Train what the store does not already hold, then report and judge the hypotheses
    Run(RunArgs),
    /// As run, but the exit code is the verdict: 0 all supported, 3 one refuted, 4 one inconclusive
    Test(TestArgs),
    /// As run, and serve the report as a page on this machine while it goes on
    Watch(WatchArgs),
    /// Rewrite specs in their canonical form
    Fmt(FmtArgs),
    /// Report and judge what the store holds, training nothing
    Report(ReportArgs),
    /// Print the execution graph of every condition
    Plan(OneSpec),
    /// Draw the architecture of every experiment
    Graph(GraphArgs),
    /// Print a stage of the compilation
    Dump(DumpArgs),
    /// List, show, clean, export and check what is kept of runs
    Store(StoreArgs),
    /// Judge the hypotheses of a spec by the runs of a saved report
    #[command(hide = true)]
    Judge(judge::JudgeArgs),
    /// Say what differs in meaning between two specs
    Diff(DiffArgs),
    /// Write down the hypotheses of a spec before its data are seen
    Lock(LockArgs),
    /// Show the page of a diagnostic, or list all of them
    Explain(ExplainArgs),
    /// Show the manual of an item of the standard library or of a primitive operation
    Doc(DocArgs),
    /// Print where each rule takes its information from
    Profile(ProfileArgs),
    /// Write a script that completes `trine` commands in a shell
    Completions(CompletionsArgs),
}

/// What selects and changes a part of a spec, for every command that reads one.
#[derive(Args, Debug, Clone)]
struct Selection {
    /// Set a value of the spec, such as `batch=16` or `credit.train=5 epochs`; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,

    /// Take this experiment alone
    #[arg(long, value_name = "NAME")]
    experiment: Option<String>,

    /// Use this many seeds in place of what the spec declares
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    seeds: Option<usize>,
}

/// How and where runs are carried out.
#[derive(Args, Debug, Clone)]
struct Machine {
    /// Engines that work at the same time [default: as the machine allows]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    jobs: Option<usize>,

    /// Threads of each engine [default: 1]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    threads: Option<usize>,

    /// Device to compute on: cpu, cuda or cuda:K
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = device)]
    device: String,

    /// Folder that holds the runs [default: `.trine` beside the spec]
    #[arg(long, value_name = "DIR")]
    store: Option<String>,

    /// Seconds between two checkpoints of a run on its way
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    checkpoint: u64,
}

#[derive(Args, Debug)]
struct ReportArgs {
    /// Spec to report on
    #[arg(value_name = "FILE")]
    file: String,

    #[command(flatten)]
    writing: Writing,

    /// Folder that holds the runs [default: `.trine` beside the spec]
    #[arg(long, value_name = "DIR")]
    store: Option<String>,

    #[command(flatten)]
    selection: Selection,
}

#[derive(Args, Debug)]
struct DiffArgs {
    /// Spec that was: a file, `git:REV` for the other one as it was in a revision, or `git:REV:FILE`
    #[arg(value_name = "A")]
    old: String,

    /// Spec that is
    #[arg(value_name = "B")]
    new: String,

    /// How to write the differences
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    #[command(flatten)]
    selection: Selection,
}

#[derive(Args, Debug)]
struct LockArgs {
    /// Spec to register; its registration is the file of the same name that ends in `.lock`
    #[arg(value_name = "FILE")]
    file: String,

    /// Write nothing; end with 1 if anything is not as registered
    #[arg(long)]
    check: bool,

    /// Register what has changed as well; the earlier registration stays in the file
    #[arg(long, conflicts_with = "check")]
    amend: bool,

    /// Folder that holds the runs [default: `.trine` beside the spec]
    #[arg(long, value_name = "DIR")]
    store: Option<String>,

    #[command(flatten)]
    selection: Selection,
}

#[derive(Args, Debug)]
struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,

    /// Folder that holds the runs [default: `.trine` here]
    #[arg(long, value_name = "DIR", global = true)]
    store: Option<String>,
}

#[derive(clap::Subcommand, Debug)]
enum StoreCommand {
    /// List all runs
    Ls {
        /// How to write the list
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Show one run
    Show {
        /// The beginning of its name
        run: String,

        /// How to write it
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Remove the runs that none of the given specs asks for
    #[command(arg_required_else_help = true)]
    Gc {
        /// Specs whose runs are kept
        specs: Vec<String>,

        /// Remove the weights of all runs that have ended, and keep what was measured
        #[arg(long)]
        states: bool,

        /// Do it, rather than say what would be done
        #[arg(long)]
        yes: bool,

        #[command(flatten)]
        selection: Selection,
    },
    /// Write what was measured, or weights, for other programs
    #[command(arg_required_else_help = true)]
    Export {
        /// Write all measures as one table of comma-separated values; `-` is standard output
        #[arg(long, value_name = "FILE")]
        csv: Option<String>,

        /// Write all measures as one table in Parquet
        #[arg(long, value_name = "FILE")]
        parquet: Option<String>,

        /// Write the weights of each run for NumPy
        #[arg(long, value_name = "DIR")]
        npz: Option<String>,

        /// Write the weights of each run as safetensors
        #[arg(long, value_name = "DIR")]
        safetensors: Option<String>,

        /// Write the weights of this run alone
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
    },
    /// Read every file of the store and say which are damaged
    Verify,
}

#[derive(Args, Debug)]
struct CheckArgs {
    /// Specs to check
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,

    /// How to write the diagnostics
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    format: CheckFormat,

    /// Tell what each condition takes, and what each expectation can find, rather than train
    #[arg(long)]
    cost: bool,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    machine: Machine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    Human,
    Json,
    Sarif,
    Github,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Human,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    Human,
    Json,
    Markdown,
}

/// How a report is written, and what besides.
#[derive(Args, Debug, Clone)]
struct Writing {
    /// How to write the report
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    format: ReportFormat,

    /// Write the report as one self-contained page as well
    #[arg(long, value_name = "OUT.html")]
    html: Option<String>,

    /// Write every course as event files of TensorBoard as well
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProfileFormat {
    Human,
    Json,
    Markdown,
}

#[derive(Args, Debug)]
struct RunArgs {
    /// Spec to run
    #[arg(value_name = "FILE")]
    file: String,

    #[command(flatten)]
    writing: Writing,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    machine: Machine,
}

#[derive(Args, Debug)]
struct WatchArgs {
    /// Port to serve the page on; 0 takes one that is free
    #[arg(long, value_name = "PORT", default_value_t = 8190)]
    port: u16,

    /// End when the run does, rather than at Ctrl-C
    #[arg(long)]
    once: bool,

    #[command(flatten)]
    run: RunArgs,
}

#[derive(Args, Debug)]
struct TestArgs {
    /// Specs to test
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,

    #[command(flatten)]
    writing: Writing,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    machine: Machine,
}

#[derive(Args, Debug)]
struct FmtArgs {
    /// Specs to rewrite; `-` writes the canonical form of standard input to standard output
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,

    /// Change nothing; list the files that are not canonical and end with 1 if there are any
    #[arg(long)]
    check: bool,
}

#[derive(Args, Debug)]
struct OneSpec {
    /// Spec to read
    #[arg(value_name = "FILE")]
    file: String,

    #[command(flatten)]
    selection: Selection,
}

#[derive(Args, Debug)]
struct GraphArgs {
    /// Spec to read
    #[arg(value_name = "FILE")]
    file: String,

    /// What to write: a picture, or a text that Graphviz or Mermaid draws
    #[arg(long, value_enum, default_value_t = GraphFormat::Svg)]
    format: GraphFormat,

    #[command(flatten)]
    selection: Selection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    Svg,
    Dot,
    Mermaid,
}

#[derive(Args, Debug)]
struct DumpArgs {
    /// Spec to read
    #[arg(value_name = "FILE")]
    file: String,

    /// Stage to print
    #[arg(long, value_enum)]
    stage: Stage,

    #[command(flatten)]
    selection: Selection,
}

/// The stages of a compilation that print themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    Ast,
    Ir,
    Model,
    Plan,
}

#[derive(Args, Debug)]
struct ExplainArgs {
    /// Code of a diagnostic, such as T0301; without one, all codes are listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

#[derive(Args, Debug)]
struct DocArgs {
    /// Name of an item or primitive; without one, all are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

#[derive(Args, Debug)]
struct ProfileArgs {
    /// Rules to profile, and the spec that declares or uses them (the word that ends in `.trine`, or `-`); without a
    /// rule all in scope, without a spec those of the standard library
    #[arg(value_name = "RULE|FILE")]
    words: Vec<String>,

    /// Architecture to profile on
    #[arg(long, value_name = "ARCH")]
    on: Option<String>,

    /// How to write the profile
    #[arg(long, value_enum, default_value_t = ProfileFormat::Human)]
    format: ProfileFormat,

    #[command(flatten)]
    selection: Selection,
}

#[derive(Args, Debug)]
struct CompletionsArgs {
    /// Shell to write for
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Runs the command that `args` (the program's name first) spell, and says what to end the process with.
pub fn main(args: Vec<std::ffi::OsString>) -> u8 {
    let command = Cli::command().color(early_color(&args));
    let parsed = command.try_get_matches_from(args).and_then(|m| Cli::from_arg_matches(&m));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(e) => {
            // `--help` and `--version` come this way too, for standard output and with 0.
            let _ = e.print();
            return e.exit_code() as u8;
        }
    };
    let color = match cli.color {
        When::Auto => ColorChoice::Auto,
        When::Always => ColorChoice::Always,
        When::Never => ColorChoice::Never,
    };
    let mut out = Output::new(color, cli.quiet);
    let exit = match cli.command {
        Command::New(args) => new::new(args, &mut out),
        Command::Check(args) => commands::check(args, &mut out),
        Command::Run(args) => commands::run(args, &mut out),
        Command::Test(args) => commands::test(args, &mut out),
        Command::Report(args) => commands::report_stored(args, &mut out),
        Command::Watch(args) => watch::watch(args, &mut out),
        Command::Fmt(args) => commands::fmt(args, &mut out),
        Command::Plan(args) => commands::plan(args, &mut out),
        Command::Graph(args) => commands::graph(args, &mut out),
        Command::Dump(args) => commands::dump(args, &mut out),
        Command::Diff(args) => commands::diff(args, &mut out),
        Command::Lock(args) => lock::lock(args, &mut out),
        Command::Store(args) => store::store(args, &mut out),
        Command::Judge(args) => judge::judge(args, &mut out),
        Command::Explain(args) => commands::explain(args, &mut out),
        Command::Doc(args) => commands::doc(args, &mut out),
        Command::Profile(args) => commands::profile(args, &mut out),
        Command::Completions(args) => commands::completions(args, &mut out),
    };
    match out.fault() {
        Some(e) => {
            out.error(&format!("error: standard output cannot be written: {e}\n"));
            Exit::RunFailed as u8
        }
        None => exit as u8,
    }
}

/// The color of clap's own messages, which are printed before the flags are parsed.
fn early_color(args: &[std::ffi::OsString]) -> ClapColor {
    let words: Vec<&str> = args.iter().filter_map(|a| a.to_str()).collect();
    let after = |i: usize| words.get(i + 1).copied().unwrap_or("");
    let asked = words.iter().enumerate().find_map(|(i, w)| match *w {
        "--color" => Some(after(i)),
        _ => w.strip_prefix("--color="),
    });
    match asked {
        Some("always") => ClapColor::Always,
        Some("never") => ClapColor::Never,
        _ => ClapColor::Auto,
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write it as `name=value`".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("a whole number from 1 on is needed".to_owned()),
    }
}

/// Milliseconds of a number of seconds.
fn seconds(text: &str) -> Result<u64, String> {
    match text.parse::<f64>() {
        Ok(s) if s > 0.0 && s <= 1e6 => Ok((s * 1000.0).max(1.0) as u64),
        _ => Err("a number of seconds above 0 is needed".to_owned()),
    }
}

fn device(text: &str) -> Result<String, String> {
    let number = text.strip_prefix("cuda:").is_some_and(|k| k.parse::<u8>().is_ok());
    match text {
        "cpu" | "cuda" => Ok(text.to_owned()),
        _ if number => Ok(text.to_owned()),
        _ => Err("write `cpu`, `cuda` or `cuda:0`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_are_checked_where_they_are_typed() {
        assert_eq!(setting("a.b = 0.1"), Ok(("a.b".to_owned(), "0.1".to_owned())));
        assert_eq!(setting("expr=a==b"), Ok(("expr".to_owned(), "a==b".to_owned())));
        assert!(setting("novalue").is_err() && setting("=3").is_err() && setting("a=").is_err());
        assert!(at_least_one("0").is_err() && at_least_one("-1").is_err() && at_least_one("2").is_ok());
        assert!(device("cuda:1").is_ok() && device("cuda:x").is_err() && device("gpu").is_err());
    }
}
