//! What a run is called in the store: edits that mean nothing keep the name, edits that mean something change it.

use std::collections::BTreeSet;
use std::path::Path;
use trine::driver::{self, Options};
use trine::store::Store;

const SPEC: &str = "language 0.1
use std.tasks: digits
use std.rules: backprop

## Carries errors along fixed random weights.
rule fixed(optimizer: Optimizer = sgd(0.1)) {
  feedback B(p) like p.W ~ normal(0, sqrt(1 / p.fan_out))
  let back(n) = sum(q in n.out: q.adjoint(delta(q.post), W = B(q)))
  signal delta(n) = n.pull(back(n) - d(loss, n.rate))
  update p along p.outer(delta(p.post), p.pre.rate) by optimizer
}

architecture mlp(x: [n], classes: Nat) {
  population h: [32] = tanh(dense(x))
  output z: [classes] = dense(h)
}

experiment e {
  task = digits()
  architecture = mlp(task.image, classes = 10)
  objective = minimize cross_entropy(z, task.label)
  rule = vary { bp: backprop(momentum(0.1)), own: fixed(sgd(0.1)) }
  train = 2 epochs
  seeds = 2

  measure accuracy = argmax(z) == task.label on test
  measure size = sumsq(h) on test
}
";

/// The names of all runs of a spec.
fn names(text: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec.trine");
    std::fs::write(&path, text).unwrap();
    let mut c = driver::load(&path.to_string_lossy(), &Options::default());
    let faults: Vec<String> = c.diagnostics.iter().map(|d| d.message.clone()).collect();
    assert!(!c.diagnostics.has_errors(), "{faults:?}");
    trine::train::names(&mut c, None).map_err(|d| d[0].message.clone()).unwrap().into_iter().collect()
}

fn edited(edits: &[(&str, &str)]) -> BTreeSet<String> {
    let mut text = SPEC.to_string();
    for (old, new) in edits {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    names(&text)
}

#[test]
fn what_means_the_same_has_the_same_name() {
    let own = names(SPEC);
    assert_eq!(own.len(), 4);
    let same: &[&[(&str, &str)]] = &[
        // A comment, and layout.
        &[("## Carries errors", "## Brings errors"), ("  train = 2 epochs", "\n\n  train =   2 epochs # short")],
        // Names of locals: a signal, a definition, a rule, a condition, a measure, an argument.
        &[("delta(", "error("), ("back(", "returned(")],
        &[("rule fixed", "rule kept"), ("fixed(sgd", "kept(sgd")],
        &[("own: fixed", "mine: fixed")],
        &[("measure accuracy", "measure share")],
        &[("optimizer: Optimizer", "steps: Optimizer"), ("by optimizer", "by steps")],
        &[("classes: Nat", "k: Nat"), ("[classes]", "[k]"), ("classes = 10", "k = 10")],
        // Order.
        &[("bp: backprop(momentum(0.1)), own: fixed(sgd(0.1))", "own: fixed(sgd(0.1)), bp: backprop(momentum(0.1))")],
        &[(
            "  measure accuracy = argmax(z) == task.label on test\n  measure size = sumsq(h) on test\n",
            "  measure size = sumsq(h) on test\n  measure accuracy = argmax(z) == task.label on test\n",
        )],
        // What is written out and what is called are the same equations.
        &[("fixed(sgd(0.1))", "fixed()")],
        &[("  let back(n) = sum", "  let unused(n) = n.rate\n  let back(n) = sum")],
        &[("0.1)), own", "1 / 10)), own")],
        // Measures are not what is trained.
        &[("  measure size = sumsq(h) on test\n", "")],
        // Something else in the file.
        &[("architecture mlp", "function twice(x: [n]) = 2 * x\n\narchitecture mlp")],
    ];
    for edits in same {
        assert_eq!(edited(edits), own, "{edits:?}");
    }
}

#[test]
fn items_may_come_in_any_order() {
    let at = SPEC.find("architecture mlp").unwrap();
    let experiment = SPEC.find("experiment e").unwrap();
    let rule = SPEC.find("## Carries").unwrap();
    let moved = format!("{}{}{}{}", &SPEC[..rule], &SPEC[experiment..], &SPEC[at..experiment], &SPEC[rule..at]);
    assert_eq!(names(&moved), names(SPEC));
}

#[test]
fn what_means_something_else_has_another_name() {
    let own = names(SPEC);
    // The number of names that are left.
    let changes: &[(usize, &[(&str, &str)])] = &[
        (2, &[("fixed(sgd(0.1))", "fixed(sgd(0.2))")]),
        (2, &[("momentum(0.1)", "momentum(0.1, 0.8)")]),
        (2, &[("normal(0, sqrt(1 / p.fan_out))", "normal(0, sqrt(2 / p.fan_out))")]),
        (2, &[("feedback B(p)", "feedback C(p)"), ("W = B(q)", "W = C(q)")]),
        (0, &[("tanh(dense(x))", "relu(dense(x))")]),
        (0, &[("[32]", "[33]")]),
        (0, &[("train = 2 epochs", "train = 3 epochs")]),
        (0, &[("  seeds = 2", "  batch = 16\n  seeds = 2")]),
        (0, &[("  seeds = 2", "  precision = float64\n  seeds = 2")]),
        (0, &[("minimize cross_entropy(z, task.label)", "minimize cross_entropy(z, task.label) + l2(0.001)")]),
        (
            0,
            &[
                ("seeds = 2", "seeds = 2"),
                ("population h:", "population g:"),
                ("dense(h)", "dense(g)"),
                ("sumsq(h)", "sumsq(g)"),
            ],
        ),
        // Seeds that were there are there.
        (4, &[("seeds = 2", "seeds = 5")]),
    ];
    for (left, edits) in changes {
        let found = edited(edits);
        assert_eq!(found.intersection(&own).count(), *left, "{edits:?}");
        assert!(found != own, "{edits:?}");
    }
}

/// Data are known by what they hold.
#[test]
fn data_enter_by_their_content() {
    let folder = tempfile::tempdir().unwrap();
    let of = |file: &str, content: &str| {
        std::fs::write(folder.path().join(file), content).unwrap();
        let text = format!(
            "language 0.1\nuse std.rules: backprop\n\ntask t() {{\n  source csv(\"{file}\")\n  x: [1] = a\n  y: [1] = b\n}}\n\n\
             architecture net(x: [n]) {{\n  output z: [1] = dense(x)\n}}\n\nexperiment e {{\n  task = t()\n  \
             architecture = net(task.x)\n  objective = minimize squared_error(z, task.y)\n  rule = backprop()\n  seeds = 1\n}}\n"
        );
        let path = folder.path().join("spec.trine");
        std::fs::write(&path, text).unwrap();
        let mut c = driver::load(&path.to_string_lossy(), &Options::default());
        trine::train::names(&mut c, None).map_err(|d| d[0].message.clone()).unwrap()
    };
    let one = of("one.csv", "a[1],b[1]\n1,2\n3,4\n");
    assert_eq!(of("two.csv", "a[1],b[1]\n1,2\n3,4\n"), one);
    assert_ne!(of("one.csv", "a[1],b[1]\n1,2\n3,5\n"), one);
}

#[test]
fn a_store_of_another_kind_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    Store::open(&root).unwrap();
    Store::open(&root).unwrap();
    let fault = |version: &str| {
        std::fs::write(root.join("VERSION"), version).unwrap();
        let d = Store::open(&root).unwrap_err();
        assert_eq!(d.code.name(), "T0705");
        d.message
    };
    assert!(fault("trine store 99\n").ends_with("it is of version 99, and this trine knows versions up to 1"));
    assert!(fault("something").ends_with("its VERSION is not that of a store"));
    // A file where the folder should be.
    let d = Store::open(&root.join("VERSION")).unwrap_err();
    assert!(d.message.contains("cannot be used"), "{}", d.message);
    assert_eq!(Store::existing(Path::new("/nowhere")).unwrap_err().code.name(), "T0705");
}

/// What cannot be read is told and left where it is, until the run is trained again; then it is moved aside.
#[test]
fn a_damaged_run_is_set_aside_when_it_is_trained_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = small(folder.path());
    let store = Store::open(folder.path()).unwrap();
    let path = store.folder(&run).join("run.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    let record = store.find(&run).0.unwrap();
    let changed = whole.replace("inf", "-inf");
    let other = whole.replace("trine-run/1", "trine-run/9");
    for (damage, aside) in [
        ("", "damaged"),
        ("{\"schema\": \"trine-run/1\"", "damaged"),
        ("{}", "damaged"),
        ("\u{0}\u{0}\u{0}", "damaged"),
        (changed.as_str(), "damaged"),
        (other.as_str(), "other"),
    ] {
        std::fs::write(&path, damage).unwrap();
        let (found, problem) = store.find(&run);
        assert!(found.is_none() && path.exists(), "{damage}");
        assert_eq!(problem.unwrap().code.name(), "T0706");
        store.put(&run, &record).unwrap();
        assert_eq!(std::fs::read_to_string(path.with_extension(aside)).unwrap(), damage);
        assert_eq!(store.find(&run), (Some(record.clone()), None));
    }
    assert_eq!(store.runs().unwrap(), vec![run]);
}

/// Whoever may read the folder may read its files.
#[cfg(unix)]
#[test]
fn files_are_shared_as_their_folder_is() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let run = small(folder.path());
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "").unwrap();
    let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    let store = Store::open(folder.path()).unwrap();
    for file in [store.root().join("VERSION"), store.folder(&run).join("run.json")] {
        assert_eq!(mode(&file), mode(&plain), "{}", file.display());
    }
}

/// A store with one run that has ended, and its weights.
fn small(root: &Path) -> String {
    use trine::store::record::{Made, Measured, Number, Outcome, Record, SCHEMA};
    let store = Store::open(root).unwrap();
    let run = "cd".repeat(32);
    let record = Record {
        schema: SCHEMA.into(),
        spec: "a.trine".into(),
        experiment: "e".into(),
        condition: "fa, 64".into(),
        settings: vec![("rule".into(), "feedback_alignment()".into())],
        seed: 3,
        declared: 5,
        outcome: Outcome::Done,
        steps: 10,
        seconds: 0.5,
        parameters: 6,
        made: Made::default(),
        measures: vec![Measured {
            meaning: "00".repeat(32),
            name: "loss".into(),
            on: "test".into(),
            every: "step".into(),
            at: vec![0, 10],
            values: vec![Number(0.1 + 0.2), Number(f64::INFINITY)],
        }],
        also: vec![],
    };
    store.put(&run, &record).unwrap();
    // What JSON keeps is what was there, to the last bit.
    assert_eq!(store.find(&run), (Some(record), None));
    let numbers: Vec<u8> = [1.0f32, -2.0, 0.5, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![2, 3], &numbers).unwrap();
    let bytes = safetensors::serialize([("x -> h: W", view)], None).unwrap();
    std::fs::write(store.folder(&run).join("state.safetensors"), bytes).unwrap();
    run
}

fn command(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_trine"));
    let out = command.arg("store").args(args).current_dir(folder).env_remove("TRINE_STORE").output().unwrap();
    (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
}

#[test]
fn what_is_kept_is_listed_shown_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let run = small(&folder.path().join(".trine"));
    let said = |args: &[&str]| {
        let (code, text) = command(folder.path(), args);
        assert_eq!(code, Some(0), "{args:?}: {text}");
        text
    };
    let list = "run         spec     experiment  condition  seed  outcome  steps  seconds\n\
                cdcdcdcdcd  a.trine  e           fa, 64        3  done        10     0.50\n";
    assert_eq!(said(&["ls"]), list);
    // The index, where there is one, is made again when it is damaged.
    std::fs::write(folder.path().join(".trine/index.sqlite"), "no table").unwrap();
    assert_eq!(said(&["ls"]), list);
    assert!(said(&["show", "cdcd"]).contains("loss        inf after step 10 on test\n"));
    let csv = format!(
        "run,spec,experiment,condition,seed,measure,on,every,at,value\n\
         {run},a.trine,e,\"fa, 64\",3,loss,test,step,0,0.30000000000000004\n\
         {run},a.trine,e,\"fa, 64\",3,loss,test,step,10,inf\n"
    );
    assert_eq!(said(&["export", "--csv", "-"]), csv);
    said(&["export", "--npz", "arrays", "--safetensors", "arrays"]);
    let kept = std::fs::read(folder.path().join("arrays/e-fa-64-seed3-cdcdcdcd.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&kept).unwrap();
    assert_eq!(file.tensor("x -> h: W").unwrap().shape(), [2, 3]);
    // The other reader of such archives is the one that reads data.
    let source =
        trine::plan::DataSource::Files { kind: "npz".into(), paths: vec!["e-fa-64-seed3-cdcdcdcd.npz".into()] };
    let columns = trine::run::data::inspect(&source, &folder.path().join("arrays")).unwrap();
    assert_eq!(
        (columns[0].name.as_str(), columns[0].examples, columns[0].shape.as_slice()),
        ("x -> h: W", 2, &[3][..])
    );
    assert_eq!(said(&["verify"]), "1 runs are whole, 0 unfinished, 0 damaged\n");
}

#[test]
fn what_no_spec_asks_for_can_go() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join(".trine");
    let run = small(&root);
    std::fs::write(folder.path().join("a.trine"), SPEC).unwrap();
    let said = |args: &[&str]| command(folder.path(), args).1;
    let state = Store::open(&root).unwrap().folder(&run).join("state.safetensors");
    assert!(said(&["gc", "--states"]).starts_with("would remove the weights of 1 run, ") && state.exists());
    assert!(said(&["gc", "--states", "--yes"]).starts_with("removed the weights of 1 run, ") && !state.exists());
    // Somebody is at work there.
    let claim = state.with_file_name("claim");
    std::fs::write(&claim, "").unwrap();
    assert_eq!(said(&["gc", "a.trine", "--yes"]), "nothing to remove\n");
    std::fs::remove_file(&claim).unwrap();
    assert!(said(&["gc", "a.trine", "--yes"]).starts_with("removed 1 run, "));
    assert_eq!(said(&["gc", "a.trine", "--yes"]), "nothing to remove\n");
    // Damage is told and ends with the code of a failed run.
    let run = small(&root);
    std::fs::write(Store::open(&root).unwrap().folder(&run).join("state.safetensors"), "torn").unwrap();
    assert_eq!(command(folder.path(), &["verify"]), (Some(5), "1 runs are whole, 0 unfinished, 1 damaged\n".into()));
    assert_eq!(command(&root, &["ls"]).0, Some(5));
}
