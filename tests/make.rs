//! Every target of the Makefile starts, does its least, and ends well.
//!
//! With the default features alone: what the targets look at is then what this test was built with.

#![cfg(feature = "torch")]

use std::path::Path;
use std::process::{Command, Stdio};

fn made(target: &str) -> (bool, String) {
    let mut make = Command::new("make");
    make.args(["--no-print-directory", target, "TINY=1"]).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    // What the test harness was told is not meant for those that are started here.
    for name in ["TRINE_KILLS", "TRINE_RANDOM", "MAKEFLAGS", "MAKELEVEL"] {
        make.env_remove(name);
    }
    let out = make.output().expect("make starts");
    (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr))
}

#[test]
fn every_target_starts() {
    let makefile = Path::new(env!("CARGO_MANIFEST_DIR")).join("Makefile");
    let makefile = std::fs::read_to_string(makefile).expect("the Makefile");
    let targets = makefile.lines().find_map(|l| l.strip_prefix(".PHONY:")).expect("the targets");
    for target in targets.split_whitespace() {
        let (well, told) = made(target);
        assert!(well && !told.contains("Traceback") && !told.contains("panicked"), "make {target}:\n{told}");
    }
}
