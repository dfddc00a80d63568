//! `trine judge SPEC REPORT`: the verdicts of a spec on the runs of a report, as when another program has made the numbers.

use clap::Args;

use super::commands::{checked, options};
use super::{Exit, Format, Selection};
use crate::output::Output;
use crate::report::{Look, Provenance, Spec, json, read, summarize, terminal_as};

#[derive(Args, Debug)]
pub(super) struct JudgeArgs {
    /// Spec whose hypotheses are judged
    #[arg(value_name = "FILE")]
    file: String,

    /// Report in JSON (`trine run --format json`) whose runs they are judged by
    #[arg(value_name = "REPORT")]
    report: String,

    /// How to write the report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    #[command(flatten)]
    selection: Selection,
}

pub(super) fn judge(args: JudgeArgs, out: &mut Output) -> Exit {
    let c = match checked(&args.file, &options(&args.selection, None), out) {
        Ok(c) => c,
        Err(exit) => return exit,
    };
    let text = std::fs::read_to_string(&args.report).map_err(|e| e.to_string());
    let trace = match text.and_then(|t| read::trace(&t)) {
        Ok(trace) => trace,
        Err(e) => {
            out.error(&format!("error: `{}` cannot be read as a report: {e}\n", args.report));
            return Exit::RunFailed;
        }
    };
    let verdicts = crate::judge::judge(&c.questions, &trace);
    let spec = Spec { file: c.name.clone(), ..Spec::default() };
    let report = summarize(spec, trace, verdicts, Provenance::default());
    match args.format {
        Format::Json => out.json(&json(&report)),
        Format::Human => {
            let look = out.data_look();
            let look = Look { width: look.width, color: look.color, unicode: look.unicode };
            out.data(&terminal_as(&report, look));
        }
    }
    Exit::Done
}
