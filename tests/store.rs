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
    trine::train::names(&mut c).map_err(|d| d[0].message.clone()).unwrap().into_iter().collect()
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
        trine::train::names(&mut c).map_err(|d| d[0].message.clone()).unwrap()
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

/// A run that is damaged is set aside and forgotten, and nothing else is touched.
#[test]
fn a_damaged_run_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let run = "ab".repeat(32);
    std::fs::create_dir_all(store.folder(&run)).unwrap();
    let path = store.folder(&run).join("run.json");
    for damage in ["", "{\"schema\": \"trine-run/1\"", "{}", "\u{0}\u{0}\u{0}"] {
        std::fs::write(&path, damage).unwrap();
        let (found, problem) = store.find(&run);
        assert!(found.is_none());
        assert_eq!(problem.unwrap().code.name(), "T0706");
        assert!(!path.exists() && path.with_extension("damaged").exists());
        assert_eq!(store.find(&run), (None, None));
    }
    assert_eq!(store.runs().unwrap(), vec![run]);
}
