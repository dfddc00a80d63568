//! Bad input of every kind: one clear message, the right exit code, no panic, in bounded time and memory.

use std::path::Path;
use std::process::{Command, Stdio};

/// What none of these may use up: seconds of the processor, whatever else the machine does, and kilobytes of memory.
const LIMITS: &str = "ulimit -t 20 -v 4000000; exec \"$0\" \"$@\"";

/// The exit code, the codes of the diagnostics, and what was printed.
fn check(folder: &Path, file: &str) -> (i32, Vec<String>, String) {
    let output = Command::new("sh")
        .args(["-c", LIMITS, env!("CARGO_BIN_EXE_trine")])
        .args(["check", "--color", "never", "--format", "json", file])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("trine starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("panicked") && !text.contains("internal error"), "{text}");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let codes = found["diagnostics"].as_array().into_iter().flatten();
    let codes = codes.map(|d| d["code"].as_str().unwrap_or("").to_string()).collect();
    (output.status.code().unwrap_or(-1), codes, text)
}

fn refused(name: &str, bytes: &[u8], code: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(name), bytes).expect("written");
    let (status, codes, text) = check(folder.path(), name);
    assert_eq!((status, codes), (1, vec![code.to_string()]), "{text}");
}

#[test]
fn an_unknown_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (status, codes, text) = check(folder.path(), "nowhere.trine");
    assert_eq!((status, codes), (1, vec!["T0801".to_string()]), "{text}");
}

#[test]
fn an_empty_file() {
    refused("empty.trine", b"", "T0103");
}

#[test]
fn a_binary_file() {
    let bytes: Vec<u8> = (0..4096u32).map(|i| ((i * 7919) >> 3) as u8).collect();
    refused("binary.trine", &bytes, "T0106");
}

#[test]
fn ten_megabytes_of_brackets() {
    refused("brackets.trine", &vec![b'('; 10_000_000], "T0104");
}

#[test]
fn brackets_as_deep_as_a_file_is_long() {
    refused("deep.trine", format!("language 0.1\nfunction f(x: [n]) = {}", "(".repeat(900_000)).as_bytes(), "T0104");
}

#[test]
fn a_spec_of_a_hundred_thousand_lines() {
    let lines: String = (0..100_000).map(|i| format!("function f{i}(x: [n]) = tanh(x) + {i}\n")).collect();
    refused("long.trine", format!("language 0.1\n\n{lines}").as_bytes(), "T0104");
}

#[test]
fn a_hundred_thousand_short_lines_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!("language 0.1\n{}", "# line\n".repeat(100_000));
    std::fs::write(folder.path().join("lines.trine"), text).expect("written");
    let (status, codes, text) = check(folder.path(), "lines.trine");
    assert_eq!((status, codes.len()), (0, 0), "{text}");
}

fn experiment(task: &str, data: &str, hidden: &str) -> String {
    format!(
        "language 0.1\n\nuse std.rules: backprop\n\narchitecture net(x: [n], hidden: Nat = 8, classes: Nat) {{\n  \
         population h: [hidden] = tanh(dense(x))\n  output z: [classes] = dense(h)\n}}\n\ntask mine() {{\n  {data}\n  \
         {task}\n  split train 80 %, test 20 %\n}}\n\nexperiment try {{\n  task = mine()\n  architecture = \
         net(task.x, hidden = {hidden}, classes = 2)\n  objective = minimize cross_entropy(z, task.y)\n  rule = \
         backprop(sgd(0.1))\n  train = 1 epochs\n}}\n"
    )
}

const FIELDS: &str = "x: [1] = [a]\n  y: Label[2] = b";

#[test]
fn an_axis_of_a_million_million() {
    let source = "source table { a, b: 0.5, 0; 1.5, 1; 2.5, 0; 3.5, 1; 4.5, 0 }";
    refused("axis.trine", experiment(FIELDS, source, "1_000_000_000_000").as_bytes(), "T0307");
}

/// A spec beside a file of data.
fn with_data(data: &str) -> (i32, Vec<String>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = experiment(FIELDS, "source csv(\"data.csv\")", "8");
    std::fs::write(folder.path().join("spec.trine"), spec).expect("written");
    std::fs::write(folder.path().join("data.csv"), data).expect("written");
    check(folder.path(), "spec.trine")
}

#[test]
fn sound_data() {
    let (status, codes, text) = with_data("a,b\n0.5,0\n1.5,1\n2.5,0\n3.5,1\n4.5,0\n");
    assert_eq!((status, codes.len()), (0, 0), "{text}");
}

#[test]
fn what_is_wrong_with_data_is_told_once() {
    let wrong = [
        ("a,b\n0.5,0\nnan,1\n2.5,0\n3.5,1\n4.5,0\n", "T0504"),
        ("a,b\n0.5,0\n1.5,2\n2.5,0\n3.5,1\n4.5,0\n", "T0506"),
        ("a,b\n0.5,0\n1.5\n2.5,0\n3.5,1\n4.5,0\n", "T0502"),
        ("a,b\n0.5,0\nhello,1\n2.5,0\n3.5,1\n4.5,0\n", "T0502"),
        ("", "T0502"),
    ];
    for (data, code) in wrong {
        let (status, codes, text) = with_data(data);
        assert_eq!((status, codes), (1, vec![code.to_string()]), "{data:?}: {text}");
    }
}

#[test]
fn faults_across_files_show_both() {
    let folder = tempfile::tempdir().expect("a folder");
    let parts = "language 0.1\n\nfunction mixed(W: [m, n], x: [n]) = W @ x\n";
    let spec = "language 0.1\n\nuse parts: mixed, mixd\n\nfunction wrong(W: [m, n], x: [m]) = mixed(W, x)\n";
    std::fs::write(folder.path().join("parts.trine"), parts).expect("written");
    std::fs::write(folder.path().join("spec.trine"), spec).expect("written");
    let (status, codes, text) = check(folder.path(), "spec.trine");
    assert_eq!((status, codes), (1, vec!["T0204".to_string(), "T0301".to_string()]), "{text}");
}

#[test]
fn modules_that_import_each_other_are_one_message_that_shows_the_way_round() {
    let folder = tempfile::tempdir().expect("a folder");
    let modules = [
        ("first", "use second: g", "function f(x: [n]) -> [n] = g(x)"),
        ("second", "use third: h", "function g(x: [n]) -> [n] = h(x)"),
        ("third", "use second: g", "function h(x: [n]) -> [n] = g(x)"),
        ("alone", "use alone: f", "function f(x: [n]) -> [n] = x"),
    ];
    for (name, import, function) in modules {
        let text = format!("language 0.1\n{import}\n{function}\n");
        std::fs::write(folder.path().join(format!("{name}.trine")), text).expect("written");
    }
    // Whether the given file is of the round, leads to it, or is all of it.
    let rounds = [
        ("second.trine", "`second` -> `third` -> `second`"),
        ("first.trine", "`second` -> `third` -> `second`"),
        ("alone.trine", "`alone` imports itself"),
    ];
    for (file, round) in rounds {
        let (status, codes, text) = check(folder.path(), file);
        assert_eq!((status, codes.len()), (1, 1), "{text}");
        assert!(codes[0] == "T0204" && text.contains(round), "{text}");
    }
}

/// Characters that make a text look like another one, wherever they stand.
#[test]
fn what_is_not_seen() {
    for hidden in ['\u{202e}', '\u{2066}', '\u{200f}', '\u{200b}', '\u{ad}', '\u{9b}', '\u{1b}', '\u{e0041}'] {
        let line = format!("language 0.1\n# a {hidden}comment\n");
        refused("comment.trine", line.as_bytes(), "T0106");
        let text = format!("language 0.1\nhypothesis h \"a {hidden}text\" {{\n}}\n");
        refused("text.trine", text.as_bytes(), "T0106");
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("spec.trine"), "language 0.1\n# \u{202e}\n").expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_trine"))
        .args(["check", "--color", "never", "spec.trine"])
        .current_dir(folder.path())
        .output()
        .expect("trine starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("spec.trine:2:3") && told.contains("U+202E") && !told.contains('\u{202e}'), "{told}");
}

/// Joiners belong to scripts and pictures, and letters of any script to comments.
#[test]
fn what_is_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "\u{feff}language 0.1\n# Größe, \u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}, \u{2764}\u{fe0f}\nfunction f(x: [n]) = x\n";
    std::fs::write(folder.path().join("spec.trine"), text).expect("written");
    assert_eq!(check(folder.path(), "spec.trine").0, 0);
}

/// A spec, and what one imports, is a file with an end.
#[cfg(unix)]
#[test]
fn pipes_devices_and_folders() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink("/dev/zero", at("zero.trine")).expect("a link");
    std::fs::create_dir(at("folder.trine")).expect("a folder");
    let made = Command::new("mkfifo").arg(at("pipe.trine")).status().is_ok_and(|s| s.success());
    std::fs::write(at("large.trine"), vec![b' '; 2 << 20]).expect("written");
    for name in ["zero", "folder", "large"].into_iter().chain(made.then_some("pipe")) {
        let code = if name == "large" { "T0104" } else { "T0801" };
        let (status, codes, text) = check(folder.path(), &format!("{name}.trine"));
        assert_eq!((status, codes), (1, vec![code.to_string()]), "{text}");
        std::fs::write(at("spec.trine"), format!("language 0.1\nuse {name}: f\n")).expect("written");
        let (status, codes, text) = check(folder.path(), "spec.trine");
        assert_eq!((status, codes), (1, vec![code.to_string()]), "{text}");
    }
}

/// However long a name is, what is told of it is not.
#[test]
fn messages_have_a_length() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!("language 0.1\nfunction f(x: [n]) = {}\n", "y".repeat(500_000));
    std::fs::write(folder.path().join("spec.trine"), text).expect("written");
    let (status, _, text) = check(folder.path(), "spec.trine");
    assert!(status == 1 && text.len() < 5_000, "{} bytes", text.len());
}
