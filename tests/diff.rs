//! `trine diff`: what differs in meaning, and the exit code of diff(1).

use std::path::Path;
use std::process::Command;

const SPEC: &str = r#"language 0.1
use std.tasks: digits
use std.rules: backprop

## A rule of the user's own.
rule mine(speed: Real = 0.1) {
  signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post))) - d(loss, n.rate))
  update p along speed * p.outer(delta(p.post), p.pre.rate)
}

architecture mlp(x: [n], hidden: Nat = 16) {
  population h: [hidden] = tanh(dense(x))
  output z: [10] = dense(h)
}

experiment e {
  task = digits()
  architecture = mlp(task.image)
  objective = minimize cross_entropy(z, task.label)
  rule = vary { bp: backprop(sgd(0.1)), own: mine() }
  train = 2 epochs
  seeds = 3

  measure accuracy = argmax(z) == task.label on test
}

hypothesis learns {
  expect last(e.accuracy[own]) > 0.5 in every seed
}
"#;

fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_trine")).args(args).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
}

/// What is said of an edit, and with which exit code.
fn diff(edits: &[(&str, &str)]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut new = SPEC.to_string();
    for (old, with) in edits {
        assert!(new.contains(old), "{old}");
        new = new.replace(old, with);
    }
    std::fs::write(folder.path().join("a.trine"), SPEC).unwrap();
    std::fs::write(folder.path().join("b.trine"), new).unwrap();
    let (code, said, faults) = run(folder.path(), &["diff", "a.trine", "b.trine"]);
    assert_eq!(faults, "");
    (code, said)
}

#[test]
fn what_means_the_same_is_no_difference() {
    assert_eq!(diff(&[]), (0, String::new()));
    assert_eq!(
        diff(&[("## A rule", "## The rule"), ("delta(", "error("), ("  seeds", "\n  seeds")]),
        (0, String::new())
    );
    assert_eq!(diff(&[("mine()", "mine(0.1)")]), (0, String::new()));
    assert_eq!(diff(&[("rule mine", "rule own_rule"), ("mine()", "own_rule()")]), (0, String::new()));
}

#[test]
fn differences_are_told_where_they_are() {
    let (code, said) = diff(&[("own: mine()", "own: mine(0.2)")]);
    assert_eq!(code, 1);
    let expected = "experiment e, condition own
  rule  mine() -> mine(0.2)
  runs  are others: nothing of what was trained is used
hypothesis learns
  reads  other runs than before
";
    assert_eq!(said, expected);

    let (_, said) = diff(&[("hidden: Nat = 16", "hidden: Nat = 8")]);
    for line in
        ["  parameters    1210 -> 610\n", "  population h  [16] -> [8]\n", "architecture mlp\n  - architecture mlp("]
    {
        assert!(said.contains(line), "{said}");
    }
    let (_, said) = diff(&[("train = 2 epochs", "train = 3 epochs"), ("seeds = 3", "seeds = 4")]);
    assert!(
        said.contains("experiment e\n  seeds  3 -> 4\n") && said.contains("  train  2 epochs -> 3 epochs\n"),
        "{said}"
    );

    let (_, said) = diff(&[("> 0.5", "> 0.6")]);
    let expected = "hypothesis learns
  - expect last(e.accuracy[own]) > 0.5 in every seed
  + expect last(e.accuracy[own]) > 0.6 in every seed
";
    assert_eq!(said, expected);

    let (_, said) = diff(&[("  measure accuracy", "  measure size = norm(h)\n  measure accuracy")]);
    assert_eq!(said.matches("measure size  is new\n").count(), 2, "{said}");
    let (_, said) = diff(&[("bp: backprop(sgd(0.1)), ", "")]);
    assert!(said.contains("experiment e, condition bp\n  is gone\n"), "{said}");
}

#[test]
fn a_revision_stands_for_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        let own = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
        let done = Command::new("git").args(own).args(args).current_dir(folder.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    // The rule is in a file of its own, and changes there.
    let at = SPEC.find("## A rule").unwrap();
    let end = SPEC.find("architecture mlp").unwrap();
    let rule = |speed: &str| format!("language 0.1\n\n{}", SPEC[at..end].trim_end().replace("0.1", speed) + "\n");
    let spec = format!("{}\nuse rules: mine\n\n{}", SPEC[..at].trim_end(), &SPEC[end..]);
    write("rules.trine", &rule("0.1"));
    write("spec.trine", &spec);
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    assert_eq!(run(folder.path(), &["diff", "git:HEAD", "spec.trine"]), (0, String::new(), String::new()));
    write("rules.trine", &rule("0.2"));
    let (code, said, _) = run(folder.path(), &["diff", "git:HEAD", "spec.trine"]);
    assert!(
        code == 1
            && said.contains("rule mine\n  - rule mine(speed: Real = 0.1) {\n  + rule mine(speed: Real = 0.2) {\n"),
        "{said}"
    );
    assert_eq!(run(folder.path(), &["diff", "git:HEAD:spec.trine", "spec.trine"]).0, 1);
    for (args, fault) in [
        (["diff", "git:nowhere", "spec.trine"], "error: git: "),
        (["diff", "git:HEAD:other.trine", "spec.trine"], "error: other.trine is not in HEAD"),
        (["diff", "git:HEAD", "git:HEAD"], "does not say of which file"),
        (["diff", "git:--output=x", "spec.trine"], "error: git: "),
    ] {
        let (code, _, said) = run(folder.path(), &args);
        assert!(code == 2 && said.contains(fault), "{said}");
    }
}

const OF_DATA: &str = "language 0.1
use std.rules: backprop

task t() {
  source csv(\"data/x.csv\")
  x: [2] = rate
  y: [1] = reshape(goal)
  split train 2, test 1
}

architecture net(x: [n]) {
  output z: [1] = dense(x)
}

experiment e {
  task = t()
  architecture = net(task.x)
  objective = minimize squared_error(z, task.y)
  rule = backprop(sgd(0.1))
  train = 2 epochs
}
";

#[test]
fn data_are_as_they_were_too() {
    let folder = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        let own = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
        let done = Command::new("git").args(own).args(args).current_dir(folder.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let table = |last: &str| format!("rate[1],rate[2],goal\n1,2,3\n2,3,4\n3,4,{last}\n");
    write("specs/s.trine", OF_DATA);
    write("specs/data/other.trine", OF_DATA);
    write("specs/data/x.csv", &table("5"));
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    let diff = || run(folder.path(), &["diff", "git:HEAD", "specs/s.trine"]);
    // A folder of data may hold a spec that has changed.
    write("specs/data/other.trine", &OF_DATA.replace("0.1)", "0.2)"));
    assert_eq!(diff(), (0, String::new(), String::new()));
    write("specs/data/x.csv", &table("6"));
    let (code, said, faults) = diff();
    assert!(code == 1 && said.contains("runs  are others"), "{said}{faults}");
    // What the repository does not hold is taken as it is.
    git(&["rm", "-q", "--cached", "specs/data/x.csv"]);
    git(&["commit", "-qm", "second"]);
    assert_eq!(diff(), (0, String::new(), String::new()));
}

const TUNED: &str = include_str!("../examples/10-tuned.trine");

#[test]
fn what_is_tuned_differs_in_its_candidates_and_in_how_they_are_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let diff = |old: &str, new: &str| {
        assert!(TUNED.contains(old), "{old}");
        std::fs::write(folder.path().join("a.trine"), TUNED).unwrap();
        std::fs::write(folder.path().join("b.trine"), TUNED.replacen(old, new, 1)).unwrap();
        let (code, said, faults) = run(folder.path(), &["diff", "a.trine", "b.trine"]);
        assert_eq!(faults, "");
        (code, said)
    };
    for (old, new) in [
        ("tuning_seeds = 3", "tuning_seeds = 3 seeds"),
        ("tune {log_range(0.03, 3, 5)}", "tune {0.03, 0.09487, 0.3, 0.9487, 3}"),
        ("tune {log_range(0.03, 3, 5)}", "tune {3, 0.03, 0.09487, 0.3, 0.9487}"),
        ("where hidden < 128 or rule != dfa", "where rule != dfa or hidden <= 32"),
        ("held", "kept"),
    ] {
        let new = TUNED.replace(old, new);
        std::fs::write(folder.path().join("a.trine"), TUNED).unwrap();
        std::fs::write(folder.path().join("b.trine"), new).unwrap();
        assert_eq!(run(folder.path(), &["diff", "a.trine", "b.trine"]), (0, String::new(), String::new()), "{old}");
    }
    let again = "  choice  is made anew: of what was trained, the candidates that both have are used\n";
    let (code, said) = diff("log_range(0.03, 3, 5)", "log_range(0.03, 3, 4)");
    let rule = "  rule    backprop(sgd(tune {0.03, 0.09487, 0.3, 0.9487, 3})) -> backprop(sgd(tune {0.03, 0.1392, 0.6463, 3}))\n";
    assert!(
        code == 1 && said.contains(&format!("condition 8, bp\n{rule}{again}")) && !said.contains("8, fa"),
        "{said}"
    );
    for (old, new, fact) in [
        ("tuning_seeds = 3", "tuning_seeds = 5", "tuning_seeds  3 -> 5"),
        ("minimize lowest(held)", "minimize last(held)", "tuning  minimize lowest(held) -> minimize last(held)"),
    ] {
        let (code, said) = diff(old, new);
        let expected = format!("experiment tuned\n  {fact}\nexperiment tuned, condition 8, bp\n{again}");
        assert!(code == 1 && said.starts_with(&expected), "{said}");
    }
    let (code, said) = diff("hidden < 128 or", "hidden < 32 or");
    assert_eq!((code, said.as_str()), (1, "experiment tuned, condition 32, dfa\n  is gone\n"));
}

#[test]
fn trouble_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.trine"), SPEC).unwrap();
    std::fs::write(folder.path().join("b.trine"), SPEC.replace("tanh", "tanhh")).unwrap();
    let (code, _, said) = run(folder.path(), &["diff", "a.trine", "b.trine"]);
    assert!(code == 2 && said.contains("T0201"), "{said}");
    assert_eq!(run(folder.path(), &["diff", "a.trine", "missing.trine"]).0, 2);
    let (code, said, _) = run(folder.path(), &["diff", "--format", "json", "a.trine", "a.trine"]);
    assert_eq!(code, 0);
    let read: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(read["same"], true);
}
