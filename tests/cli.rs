//! The command line as scripts meet it: exit codes, what goes to which stream, and that nothing panics.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const SPEC: &str = "language 0.1\n\narchitecture linear(x: [n], classes: Nat) {\n  output z: [classes] = dense(x)\n}\n";
const BROKEN: &str = "language 0.1\n\narchitecture linear(x: [n], classes: Nat) {\n  output z: [classes] dense(x)\n}\n";

fn trine(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trine"));
    command.args(args).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    ended(trine(folder, args).output().expect("trine starts"))
}

fn run_with(folder: &Path, args: &[&str], stdin: &[u8]) -> (i32, String, String) {
    let mut child = trine(folder, args).stdin(Stdio::piped()).spawn().expect("trine starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    let bytes = stdin.to_vec();
    // A program that does not read to the end closes the pipe; that is its right.
    let writer = std::thread::spawn(move || drop(pipe.write_all(&bytes)));
    let output = child.wait_with_output().expect("trine ends");
    writer.join().expect("written");
    ended(output)
}

fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!err.contains("internal error") && !err.contains("panicked"), "{err}");
    (output.status.code().unwrap_or(-1), out, err)
}

fn folder_with(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("written");
    }
    folder
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_nothing_on_stdout() {
    let folder = folder_with(&[("a.trine", SPEC.as_bytes())]);
    let wrong: [&[&str]; 12] = [
        &[],
        &["chekc"],
        &["check"],
        &["check", "a.trine", "--format", "xml"],
        &["check", "a.trine", "--nonsense"],
        &["check", "a.trine", "--set", "rate"],
        &["check", "a.trine", "--seeds", "0"],
        &["run", "a.trine", "--device", "gpu"],
        &["dump", "a.trine"],
        &["completions", "csh"],
        &["explain", "T9999"],
        &["profile", "a.trine", "b.trine"],
    ];
    for args in wrong {
        let (code, out, err) = run(folder.path(), args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(!err.is_empty(), "{args:?}");
    }
}

#[test]
fn help_and_version_go_to_stdout_and_end_with_0() {
    let folder = folder_with(&[]);
    for args in [&["--help"][..], &["--version"], &["help", "run"], &["check", "--help"]] {
        let (code, out, err) = run(folder.path(), args);
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
        assert!(!out.is_empty(), "{args:?}");
    }
}

#[test]
fn every_command_of_the_table_is_offered_or_absent() {
    let folder = folder_with(&[]);
    let (_, help, _) = run(folder.path(), &["--help"]);
    let offered: Vec<&str> = help
        .lines()
        .skip_while(|l| *l != "Commands:")
        .skip(1)
        .take_while(|l| !l.is_empty())
        .filter_map(|l| l.strip_prefix("  ")?.split_whitespace().next().filter(|_| !l.starts_with("   ")))
        .collect();
    for command in ["new", "check", "run", "test", "fmt", "plan", "dump", "explain", "doc", "profile", "completions"] {
        assert!(offered.contains(&command), "{command} in {offered:?}");
    }
}

#[test]
fn a_new_spec_is_sound_and_never_written_over_another() {
    let folder = folder_with(&[]);
    let (code, out, err) = run(folder.path(), &["new", "first"]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", "wrote `first.trine`; next: `trine run first.trine`\n"));
    for command in [&["check", "-q", "first.trine"][..], &["fmt", "--check", "first.trine"]] {
        assert_eq!(run(folder.path(), command), (0, String::new(), String::new()), "{command:?}");
    }
    std::fs::write(folder.path().join("first.trine"), "mine").expect("a file");
    let (code, out, err) = run(folder.path(), &["new", "first.trine"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("`first.trine` already"), "{err}");
    assert_eq!(std::fs::read_to_string(folder.path().join("first.trine")).expect("a file"), "mine");
    let (code, _, err) = run(folder.path(), &["new", "nowhere/first"]);
    assert!(code == 5 && err.contains("cannot be written"), "{err}");
    let (code, out, _) = run(folder.path(), &["new", "-"]);
    assert!(code == 0 && out.starts_with("language 0.1\n"), "{out}");
}

#[test]
fn a_file_that_cannot_be_read_is_a_diagnostic_and_ends_with_1() {
    let folder = folder_with(&[
        ("credit.trine", SPEC.as_bytes()),
        ("binary.trine", b"\x93NUMPY\0"),
        ("latin.trine", b"language 0.1\n# \xe9t\xe9\n"),
        ("long.trine", &vec![b' '; (1 << 20) + 1]),
    ]);
    std::fs::create_dir(folder.path().join("folder.trine")).expect("a folder");
    let cases = [
        ("credt.trine", "T0801", "there is `credit.trine`"),
        ("folder.trine", "T0801", "is a folder"),
        ("binary.trine", "T0106", "is not"),
        ("latin.trine", "T0106", "line 2"),
        ("long.trine", "T0104", "1024 KiB"),
    ];
    for (file, code, words) in cases {
        for command in ["check", "fmt"] {
            let (status, out, err) = run(folder.path(), &[command, file]);
            assert_eq!((status, out.as_str()), (1, ""), "{command} {file}: {err}");
            assert!(err.starts_with(&format!("error[{code}]: ")) && err.contains(words), "{command} {file}: {err}");
        }
    }
}

#[test]
fn diagnostics_in_machine_formats_are_data() {
    let folder = folder_with(&[("a.trine", BROKEN.as_bytes())]);
    let (code, out, err) = run(folder.path(), &["check", "a.trine", "--format", "json"]);
    assert_eq!((code, err.as_str()), (1, ""));
    let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(value["schema"], "trine-check/1");
    let first = &value["diagnostics"][0];
    assert_eq!((&first["file"], &first["line"]), (&"a.trine".into(), &4.into()), "{first}");
    let (code, out, _) = run(folder.path(), &["check", "a.trine", "--format", "sarif"]);
    let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &value["version"]), (1, &"2.1.0".into()));
    let (code, out, _) = run(folder.path(), &["check", "a.trine", "--format", "github"]);
    assert!(code == 1 && out.starts_with("::error file=a.trine,line=4,"), "{out}");
    let (code, out, _) = run(folder.path(), &["check", "a.trine"]);
    assert_eq!((code, out.as_str()), (1, ""), "for people, diagnostics go to standard error");
}

#[test]
fn a_dash_reads_standard_input() {
    let folder = folder_with(&[]);
    let (code, _, err) = run_with(folder.path(), &["check", "-"], SPEC.as_bytes());
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = run_with(folder.path(), &["check", "-"], BROKEN.as_bytes());
    assert!(code == 1 && err.contains("<stdin>:4:"), "{err}");
    let (code, _, err) = run_with(folder.path(), &["check", "-"], &vec![b'#'; 3 << 20]);
    assert!(code == 1 && err.contains("T0104"), "{err}");
}

#[test]
fn colors_are_kept_only_where_they_are_wanted() {
    let folder = folder_with(&[("a.trine", BROKEN.as_bytes())]);
    let escape = |args: &[&str], no_color: bool| {
        let mut command = trine(folder.path(), args);
        if no_color {
            command.env("NO_COLOR", "1");
        }
        ended(command.output().expect("trine starts")).2.contains('\x1b')
    };
    assert!(!escape(&["check", "a.trine"], false), "a pipe is no terminal");
    assert!(escape(&["check", "a.trine", "--color", "always"], false));
    assert!(escape(&["--color=always", "check", "a.trine"], true), "what is asked for is stronger than NO_COLOR");
    assert!(!escape(&["check", "a.trine", "--color", "never"], false));
    assert!(!escape(&["check", "a.trine"], true));
    assert!(escape(&["chekc", "--color", "always"], false), "also in messages on the command line itself");
}

#[test]
fn quiet_leaves_data_and_errors() {
    let folder = folder_with(&[("good.trine", SPEC.as_bytes()), ("bad.trine", BROKEN.as_bytes())]);
    assert_eq!(run(folder.path(), &["-q", "check", "good.trine"]), (0, String::new(), String::new()));
    let (code, _, err) = run(folder.path(), &["check", "bad.trine", "-q"]);
    assert!(code == 1 && err.contains("error[T0101]") && !err.contains("trine explain"), "{err}");
}

#[test]
fn a_reader_that_leaves_is_no_fault() {
    let folder = folder_with(&[]);
    for args in [&["explain"][..], &["completions", "bash"], &["--help"], &["doc"]] {
        let mut child = trine(folder.path(), args).spawn().expect("trine starts");
        let mut pipe = child.stdout.take().expect("a pipe");
        let mut first = [0; 1];
        let _ = pipe.read(&mut first);
        drop(pipe);
        let output = child.wait_with_output().expect("trine ends");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(!err.contains("internal error") && !err.contains("roken pipe"), "{args:?}: {err}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported() {
    let folder = folder_with(&[]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("the full device");
    let (code, _, err) = ended(trine(folder.path(), &["explain"]).stdout(full).output().expect("trine starts"));
    assert!(code == 5 && err.contains("cannot be written"), "{code}: {err}");
}

#[test]
fn fmt_rewrites_checks_and_filters() {
    let folder = folder_with(&[("a.trine", SPEC.as_bytes()), ("broken.trine", BROKEN.as_bytes())]);
    let path = folder.path().join("a.trine");
    assert_eq!(run(folder.path(), &["fmt", "--check", "a.trine"]), (0, String::new(), String::new()));
    assert_eq!(run(folder.path(), &["fmt", "a.trine"]).0, 0);
    assert_eq!(std::fs::read_to_string(&path).expect("read"), SPEC);
    let loose = SPEC.replace("output z: [classes] = dense(x)", "output  z:[classes]=dense( x )");
    std::fs::write(&path, &loose).expect("written");
    let (code, out, _) = run(folder.path(), &["fmt", "--check", "a.trine"]);
    assert_eq!((code, out.as_str()), (1, "a.trine\n"));
    assert_eq!(run_with(folder.path(), &["fmt", "-"], loose.as_bytes()), (0, SPEC.to_owned(), String::new()));
    assert_eq!(run(folder.path(), &["fmt", "a.trine"]).0, 0);
    assert_eq!(std::fs::read_to_string(&path).expect("read"), SPEC);
    let (code, _, _) = run(folder.path(), &["fmt", "broken.trine"]);
    let left = std::fs::read_to_string(folder.path().join("broken.trine")).expect("read");
    assert_eq!((code, left.as_str()), (1, BROKEN), "what cannot be read is left as it is");
}

#[test]
fn every_shell_gets_its_completions() {
    let folder = folder_with(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, out, _) = run(folder.path(), &["completions", shell]);
        assert!(code == 0 && out.contains("trine") && out.contains("explain"), "{shell}");
    }
}

#[test]
fn a_saved_report_is_judged_again() {
    let folder = tempfile::tempdir().unwrap();
    let spec = "language 0.1\n\nuse std.tasks: xor\nuse std.rules: backprop\n\n\
        architecture net(x: [n], classes: Nat) {\n  output z: [classes] = dense(x)\n}\n\n\
        experiment e {\n  task = xor()\n  architecture = net(task.x, classes = 2)\n  \
        objective = minimize cross_entropy(z, task.y)\n  rule = backprop(sgd(0.1))\n  train = 1 epochs\n  seeds = 4\n\n  \
        measure loss = cross_entropy(z, task.y) on train, every epoch\n}\n\n\
        hypothesis low {\n  expect mean(last(e.loss)) < 2 at 95 %\n}\n";
    std::fs::write(folder.path().join("spec.trine"), spec).unwrap();
    let report = r#"{"schema": "trine-report/1", "experiments": [{"name": "e", "conditions": [{"name": "",
        "seeds": [0, 1, 2, 3], "measures": {"loss": {"unit": "1", "on": "train", "every": "epoch", "at": [1],
        "values": [[0.7], [0.8], [0.9], [0.6]]}}}]}]}"#;
    std::fs::write(folder.path().join("report.json"), report).unwrap();
    let (code, out, err) = run(folder.path(), &["judge", "spec.trine", "report.json"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("supported") && out.contains("loss = 0.75 (95 %: 0.54 to 0.96)"), "{out}");
    let (code, _, err) = run(folder.path(), &["judge", "spec.trine", "spec.trine"]);
    assert!(code == 5 && err.contains("`spec.trine` cannot be read as a report"), "{code} {err}");
}

#[test]
fn the_profile_as_json_has_a_path_for_each_property_of_both_rows() {
    let folder = folder_with(&[]);
    let (code, out, _) = run(folder.path(), &["profile", "predictive_coding", "weight_mirror", "--format", "json"]);
    assert_eq!(code, 0);
    let found: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let rule = &found["rules"][0];
    assert!(rule["update"].as_array().is_some_and(|row| row.contains(&"derivative".into())), "{rule}");
    let ends = |row: &str| rule[row]["derivative"].as_array().and_then(|p| p.last()).map(|s| s["text"].clone());
    assert_eq!(ends("paths"), Some("moves W of x -> a".into()));
    assert_eq!(ends("dynamics_paths"), Some("moves a(a) in `inference`".into()));
    assert!(
        rule["paths"].get("symmetric_weights").is_none() && rule["dynamics_paths"].get("symmetric_weights").is_some()
    );
    assert_eq!(found["rules"][1]["dynamics"][0], "local", "as the text says");
}
