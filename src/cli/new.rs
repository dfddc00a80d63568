//! `trine new NAME`: a starting spec that runs.

use clap::Args;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::Exit;
use crate::output::Output;

const START: &str = include_str!("start.trine");

#[derive(Args, Debug)]
pub(super) struct NewArgs {
    /// What to call it: `first` makes `first.trine`, and `-` writes to standard output
    #[arg(value_name = "NAME")]
    name: String,
}

pub(super) fn new(args: NewArgs, out: &mut Output) -> Exit {
    if args.name == "-" {
        out.data(START);
        return Exit::Done;
    }
    let mut path = PathBuf::from(&args.name);
    if path.file_name().is_none() {
        out.error(&format!("error: `{}` is no name of a file\n", args.name));
        return Exit::WrongCommand;
    }
    if path.extension().is_none_or(|e| e != "trine") {
        path.as_mut_os_string().push(".trine");
    }
    match put(&path) {
        Ok(()) => {
            out.note(&format!("wrote `{0}`; next: `trine run {0}`\n", path.display()));
            Exit::Done
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            out.error(&format!("error: there is a `{}` already, which stays as it is\n", path.display()));
            Exit::WrongCommand
        }
        Err(e) => {
            let why = crate::store::files::plain(&e);
            out.error(&format!("error: `{}` cannot be written: {why}\n", path.display()));
            Exit::RunFailed
        }
    }
}

/// Writes the spec where there is no file yet.
fn put(path: &Path) -> std::io::Result<()> {
    std::fs::File::create_new(path)?.write_all(START.as_bytes())
}
