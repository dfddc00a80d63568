//! `trine watch`: a run, and its page on this machine.

use super::commands::{checked, ended, options, report};
use super::{Exit, WatchArgs};
use crate::output::Output;
use crate::report::{Report, html_live};
use crate::run::stop::Stop;
use crate::watch::{Shown, serve};
use std::time::Duration;

pub(super) fn watch(args: WatchArgs, out: &mut Output) -> Exit {
    let options = options(&args.run.selection, Some(&args.run.machine));
    let mut c = match checked(&args.run.file, &options, out) {
        Ok(c) => c,
        Err(exit) => return exit,
    };
    crate::describe::spec(&mut c, &options);
    let shown = Shown::default();
    let put = |report: &Report| shown.put(|version| html_live(report, version).unwrap_or_else(|e| e));
    shown.put(|_| {
        "<!doctype html><title>trine</title><meta http-equiv=\"refresh\" content=\"1\"><p>the run begins</p>".into()
    });
    match serve(&shown, args.port) {
        Ok(address) => out.note(&format!("the page is http://localhost:{}\n", address.port())),
        Err(e) => {
            out.error(&format!("error: port {} cannot be served: {e}; `--port 0` takes one that is free\n", args.port));
            return Exit::WrongCommand;
        }
    }
    let done = match crate::train::train_watched(&mut c, &options, out, Some(&mut |r| put(&r))) {
        Ok(done) => done,
        Err(diags) => {
            report(&diags, &c.sources, out);
            return Exit::RunFailed;
        }
    };
    put(&done.report);
    report(&done.problems, &c.sources, out);
    if let Err(exit) = super::writing::write(&done.report, &args.run.writing, out) {
        return exit;
    }
    let exit = ended(&done);
    if args.once || done.interrupted {
        return exit;
    }
    out.note("the page stays until Ctrl-C\n");
    // The run is over, so that a signal asks for nothing but to leave.
    if let Ok(stop) = Stop::on_signals() {
        while !stop.asked() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    exit
}
