//! The `trine` command.

use std::process::ExitCode;

/// What the process ends with when Trine itself is wrong.
const INTERNAL_ERROR: u8 = 70;

/// Deeply nested specs are read by recursion; their limit must not depend on the build or on the shell.
const STACK: usize = 256 << 20;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let what = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
        let what = what.unwrap_or("unknown");
        let place = info.location().map(|l| (l.file().rsplit(['/', '\\']).next().unwrap_or(""), l.line()));
        let (file, line) = place.unwrap_or_default();
        eprintln!("internal error: {what} ({file}:{line}, trine {}): please report it", env!("CARGO_PKG_VERSION"));
    }));
    let args = std::env::args_os().collect();
    let work = std::thread::Builder::new()
        .name(trine::syntax::parse::LARGE_STACK.into())
        .stack_size(STACK)
        .spawn(|| trine::cli::main(args));
    ExitCode::from(work.ok().and_then(|t| t.join().ok()).unwrap_or(INTERNAL_ERROR))
}
