//! Data as it comes: what a check says of files and of what fields read of them, one message a fault.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// A spec whose task is this, in a folder of files.
fn spec(task: &str) -> String {
    format!(
        "language 0.1\n\nuse std.rules: backprop\n\ntask mine() {{\n{task}\n}}\n\narchitecture net(x: [n]) {{\n  output y: [1] = \
         dense(x)\n}}\n\nexperiment e {{\n  task = mine()\n  architecture = net(task.x)\n  objective = minimize squared_error(y, \
         [0])\n  rule = backprop(sgd(0))\n  train = 1 epochs\n  seeds = 1\n\n  measure m = x[1] on train\n}}\n"
    )
}

/// The diagnostics of a check: code, line, message and help.
fn check(folder: &Path, task: &str) -> Vec<(String, u64, String)> {
    std::fs::write(folder.join("spec.trine"), spec(task)).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_trine"))
        .args(["check", "--color", "never", "--format", "json", "spec.trine"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("trine starts");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let text = |d: &serde_json::Value, key: &str| d[key].as_str().unwrap_or_default().to_string();
    let all = found["diagnostics"].as_array().into_iter().flatten();
    all.map(|d| {
        (text(d, "code"), d["line"].as_u64().unwrap_or(0), format!("{} / {}", text(d, "message"), text(d, "help")))
    })
    .collect()
}

fn array(descr: &str, shape: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((head.len() as u16).to_le_bytes());
    file.extend(head.as_bytes());
    file.extend(body);
    file
}

fn reals(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// An archive as other programs write them: training and test data, a rate, names.
fn archive(path: &Path) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).expect("created"));
    for (name, body) in [
        ("rate_hz", array("<f8", "()", &reals(&[30.0]))),
        ("names", array("<U1", "(2,)", &[65, 0, 0, 0, 66, 0, 0, 0])),
        ("x_test", array("<f8", "(1, 2)", &reals(&[5.0, 6.0]))),
        ("x_train", array("<f8", "(3, 2)", &reals(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))),
        ("y_train", array("<i8", "(3,)", &[0i64, 1, 2].map(i64::to_le_bytes).concat())),
        ("y_test", array("<i8", "(1,)", &[1i64].map(i64::to_le_bytes).concat())),
    ] {
        zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).expect("begun");
        zip.write_all(&body).expect("written");
    }
    zip.finish().expect("finished");
}

#[test]
fn only_what_a_field_reads_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    archive(&folder.path().join("a.npz"));
    std::fs::write(folder.path().join("a.csv"), "id,a,b,late,v[1],v[3]\nmouse1,1,2,,0,0\nmouse2,3,4,7,0,0\n")
        .expect("written");
    std::fs::write(folder.path().join("b.csv"), ",Unnamed: 0,,a\n0,0,0,1\n1,1,1,3\n").expect("written");
    for task in [
        "  source npz(\"a.npz\")\n  x: [2] = x_train\n  l: Label[3] = y_train",
        "  source npz(\"a.npz\")\n  x: [2] = x_test",
        "  source csv(\"a.csv\")\n  x: [2] = [a, b]",
        "  source csv(\"b.csv\")\n  x: [1] = [a]",
        "  split train npz(\"a.npz\"), test npz(\"a.npz\")\n  x: [2] = x\n  l: Label[3] = y",
    ] {
        // Nothing is measured on `test`, which is a warning.
        let faults: Vec<_> = check(folder.path(), task).into_iter().filter(|d| d.0 != "T0203").collect();
        assert_eq!(faults, [], "{task}");
    }
}

#[test]
fn a_fault_of_what_is_read_is_told_once_and_where_it_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    archive(&folder.path().join("a.npz"));
    std::fs::write(folder.path().join("a.csv"), "id,a,a b,a_b\nmouse1,1,2,0.5\nmouse2,3,4,1\n").expect("written");
    for (task, code, line, words) in [
        (
            "  source npz(\"a.npz\")\n  x: [2] = x_train\n  t: [2] = x_test",
            "T0503",
            8,
            "column `x_test` has 1 examples",
        ),
        ("  source npz(\"a.npz\")\n  x: [2] = names", "T0502", 7, "which are not numbers"),
        ("  source csv(\"a.csv\")\n  x: [1] = [column(\"ab\")]", "T0501", 7, "did you mean `a_b`?"),
        (
            "  split train npz(\"a.npz\"), test csv(\"a.csv\")\n  x: [2] = x",
            "T0501",
            7,
            "there is no column `x` in `a.csv`",
        ),
        ("  source csv(\"none.csv\")\n  x: [1] = [a]", "T0501", 6, "there is no file `none.csv`"),
        ("  source csv(\"a.csv\")\n  x: [1] = [id]", "T0502", 6, "`mouse1` is not a number"),
        ("  source csv(\"a.csv\")\n  x: [1] = [a]\n  l: Label[2] = a_b", "T0506", 8, "`l` is 0.5 in example 1"),
        ("  source csv(\"a.csv\")\n  x: [1] = [a]\n  split train csv(\"a.csv\"), test 3", "T0505", 8, "there are 2"),
    ] {
        let found = check(folder.path(), task);
        assert_eq!(found.len(), 1, "{task}: {found:?}");
        assert_eq!((found[0].0.as_str(), found[0].1), (code, line), "{task}: {found:?}");
        assert!(found[0].2.contains(words), "{task}: {found:?}");
    }
}
