//! Learning rules against their papers' equations, written out here by hand, and the identities between them.

use crate::sim::{Sim, close, conditions, difference, dot, faults, single, transposed};

const ROWS: [usize; 6] = [0, 1, 2, 3, 4, 5];

/// Every rule of the standard library, with its text.
pub fn whole_library() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/std/rules");
    let mut paths: Vec<_> = std::fs::read_dir(folder).expect("the rules").flatten().map(|e| e.path()).collect();
    paths.sort();
    let found: Vec<_> = paths.iter().flat_map(|p| rules_in(p)).collect();
    assert!(found.len() >= 40, "{found:?}");
    found
}

fn rules_in(path: &std::path::Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(path).expect("a text");
    let rule = |part: &str| {
        let name = part.split('(').next().expect("a name").to_string();
        let end = part.find("\n}").expect("an end") + 2;
        (name, format!("rule {}", &part[..end]))
    };
    text.split("\nrule ").skip(1).map(rule).collect()
}

/// The rules that carry the output's error back without drawing anything.
fn library() -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/std/rules");
    let files = ["gradient.trine", "feedback.trine"];
    let found = files.iter().flat_map(|f| rules_in(&folder.join(f)));
    found.filter(|(name, _)| name != "weight_mirror").collect()
}

/// Two hidden layers of tanh and sigmoid, and a softmax classifier: x5 -> h1 4 -> h2 4 -> z3.
fn spec(head: &str, rule: &str, more: &str) -> String {
    format!(
        "language 0.1\n{head}\n\
         task t() {{\n  draw x: [5] ~ normal(0, 1)\n  draw e: [3] ~ normal(0, 1)\n  label: Label[3] = argmax(e)\n  \
         split train 6\n}}\n\n\
         architecture net(x: [n]) {{\n  population h1: [4] = tanh(dense(x) as w1)\n  \
         population h2: [4] = sigmoid(dense(h1) as w2)\n  output z: [3] = dense(h2) as w3\n}}\n\n\
         experiment e {{\n  task = t()\n  architecture = net(task.x)\n  \
         objective = minimize cross_entropy(z, task.label){more}\n  rule = {rule}\n  train = 1 epochs\n  batch = 6\n  \
         seeds = 1\n  precision = float64\n  measure w1 = sum(proposed(w1.W)) on train\n  \
         measure w3 = sum(proposed(w3.W)) on train\n  measure b3 = sum(proposed(z)) on train\n  \
         measure shallow = angle(proposed(z), -gradient(z.drive)) on train\n}}\n"
    )
}

fn of(rule: &str) -> Sim {
    let name = rule.split('(').next().expect("a name");
    let head = format!("use std.rules: {name}\n");
    // What is proposed for weights that a rule leaves alone cannot be measured.
    let text = spec(&head, rule, "");
    let kept: Vec<&str> = text.lines().filter(|l| name != "delta_rule" || !l.contains("measure w1")).collect();
    single(&(kept.join("\n") + "\n"))
}

/// A network of the same shapes by hand.
struct Hand {
    w: [Vec<f64>; 3],
    b: [Vec<f64>; 3],
    x: Vec<f64>,
    label: usize,
}

/// Rates of the two hidden layers, and softmax minus target.
struct Pass {
    h1: Vec<f64>,
    h2: Vec<f64>,
    e: Vec<f64>,
    target: Vec<f64>,
}

fn times(w: &[f64], x: &[f64]) -> Vec<f64> {
    w.chunks(x.len()).map(|row| dot(row, x)).collect()
}

impl Hand {
    fn new(s: &Sim, example: usize) -> Hand {
        let w = ["w1 (x -> h1): W", "w2 (h1 -> h2): W", "w3 (h2 -> z): W"].map(|n| s.slot(n).to_vec());
        let b = ["w1 (x -> h1): b", "w2 (h1 -> h2): b", "w3 (h2 -> z): b"].map(|n| s.slot(n).to_vec());
        let field = |n: &str| &s.fields[s.plan.fields.iter().position(|f| f.name.ends_with(n)).expect("a field")];
        let x = field("x")[5 * example..5 * example + 5].to_vec();
        Hand { w, b, x, label: field("label")[example] as usize }
    }

    fn pass(&self) -> Pass {
        let drive = |i: usize, x: &[f64]| -> Vec<f64> {
            times(&self.w[i], x).iter().zip(&self.b[i]).map(|(a, b)| a + b).collect()
        };
        let h1: Vec<f64> = drive(0, &self.x).iter().map(|a| a.tanh()).collect();
        let h2: Vec<f64> = drive(1, &h1).iter().map(|a| 1.0 / (1.0 + (-a).exp())).collect();
        let z: Vec<f64> = drive(2, &h2).iter().map(|z| z.exp()).collect();
        let total: f64 = z.iter().sum();
        let target: Vec<f64> = (0..3).map(|i| f64::from(u8::from(i == self.label))).collect();
        let e = z.iter().zip(&target).map(|(z, t)| z / total - t).collect();
        Pass { h1, h2, e, target }
    }
}

fn slopes(p: &Pass) -> (Vec<f64>, Vec<f64>) {
    (p.h1.iter().map(|h| 1.0 - h * h).collect(), p.h2.iter().map(|h| h * (1.0 - h)).collect())
}

fn by(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

fn outer(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().flat_map(|a| b.iter().map(move |b| a * b)).collect()
}

/// The mean update of every weight under descent errors given for each example, against the spec's.
fn compare(s: &Sim, rate: f64, decay: f64, errors: &dyn Fn(&Hand, &Pass) -> [Vec<f64>; 3]) {
    let after = s.proposal(&ROWS);
    let names = [("w1 (x -> h1)", 5 * 4), ("w2 (h1 -> h2)", 4 * 4), ("w3 (h2 -> z)", 4 * 3)];
    for (layer, (name, size)) in names.iter().enumerate() {
        let mut w = vec![0.0; *size];
        let mut b = Vec::new();
        for example in ROWS {
            let hand = Hand::new(s, example);
            let p = hand.pass();
            let e = errors(&hand, &p)[layer].clone();
            let pre = [&hand.x, &p.h1, &p.h2][layer];
            w.iter_mut().zip(outer(&e, pre)).for_each(|(w, d)| *w -= rate * d / 6.0);
            b.resize(e.len(), 0.0);
            b.iter_mut().zip(&e).for_each(|(b, d)| *b -= rate * d / 6.0);
        }
        for (part, expected) in [("W", w), ("b", b)] {
            let slot = s.find(&format!("{name}: {part}"));
            let old = &s.slots[slot];
            let expected: Vec<f64> = expected.iter().zip(old).map(|(d, w)| d - rate * decay * w).collect();
            close(&format!("{name}: {part}"), &difference(&after[slot], old), &expected, 1e-12);
        }
    }
}

/// The errors of a chain whose two feedback matrices are given, each from a layer to the one below.
fn chain(p: &Pass, b3: &[f64], b2: &[f64]) -> [Vec<f64>; 3] {
    let (f1, f2) = slopes(p);
    let d2 = by(&times(b3, &p.e), &f2);
    let d1 = by(&times(b2, &d2), &f1);
    [d1, d2, p.e.clone()]
}

#[test]
fn backprop_carries_the_transposed_weights() {
    let s = of("backprop(sgd(0.3))");
    compare(&s, 0.3, 0.0, &|n, p| chain(p, &transposed(&n.w[2], 3, 4), &transposed(&n.w[1], 4, 4)));
}

#[test]
fn feedback_alignment_carries_fixed_weights() {
    let s = of("feedback_alignment(sgd(0.3))");
    let (b3, b2) = (transposed(s.slot("B(h2 -> z)"), 3, 4), transposed(s.slot("B(h1 -> h2)"), 4, 4));
    compare(&s, 0.3, 0.0, &|_, p| chain(p, &b3, &b2));
    let mut later = s.clone();
    (0..3).for_each(|_| later.step(&ROWS));
    assert_eq!(later.slot("B(h2 -> z)"), s.slot("B(h2 -> z)"), "feedback is fixed");
    compare(&later, 0.3, 0.0, &|_, p| chain(p, &b3, &b2));
}

/// Nokland 2016, equation 7: every hidden layer hears the output's error through its own matrix.
#[test]
fn direct_feedback_alignment_carries_the_output_error() {
    for (rule, sign) in [("direct_feedback_alignment", false), ("sign_direct_feedback_alignment", true)] {
        let s = of(&format!("{rule}(sgd(0.3))"));
        let (b1, b2) = (s.slot("B(h1, z)").to_vec(), s.slot("B(h2, z)").to_vec());
        compare(&s, 0.3, 0.0, &|_, p| {
            let (f1, f2) = slopes(p);
            let e: Vec<f64> = p.e.iter().map(|e| if sign { e.signum() } else { *e }).collect();
            [by(&times(&b1, &e), &f1), by(&times(&b2, &e), &f2), p.e.clone()]
        });
    }
}

/// Liao, Leibo & Poggio 2016, section 3: uniform magnitudes, with the scale of Xiao et al. 2018, and fixed random ones.
#[test]
fn sign_symmetry_carries_the_signs_of_the_weights() {
    let s = of("uniform_sign_feedback(sgd(0.3))");
    let sign = |w: &[f64], by: f64| -> Vec<f64> { w.iter().map(|w| by * w.signum()).collect() };
    let (c3, c2) = ((2.0f64 / 7.0).sqrt(), (2.0f64 / 8.0).sqrt());
    compare(&s, 0.3, 0.0, &|n, p| {
        chain(p, &transposed(&sign(&n.w[2], c3), 3, 4), &transposed(&sign(&n.w[1], c2), 4, 4))
    });
    let s = of("fixed_sign_feedback(sgd(0.3))");
    let (m3, m2) = (s.slot("M(h2 -> z)").to_vec(), s.slot("M(h1 -> h2)").to_vec());
    assert!(m3.iter().all(|m| *m > 0.0));
    compare(&s, 0.3, 0.0, &|n, p| {
        let (b3, b2) = (by(&m3, &sign(&n.w[2], 1.0)), by(&m2, &sign(&n.w[1], 1.0)));
        chain(p, &transposed(&b3, 3, 4), &transposed(&b2, 4, 4))
    });
}

/// The magnitudes are new at every step, and the same for all examples of a batch.
#[test]
fn redrawn_magnitudes_differ_from_step_to_step() {
    let mut s = of("redrawn_sign_feedback(sgd(0))");
    let w = s.find("w1 (x -> h1): W");
    let mut r = of("redrawn_sign_feedback(sgd(0.3))");
    let before = difference(&r.proposal(&ROWS)[w], &r.slots[w]);
    s.step(&ROWS);
    r.steps = s.steps;
    let after = difference(&r.proposal(&ROWS)[w], &r.slots[w]);
    assert_ne!(before, after);
    assert_eq!(s.slots[w], r.slots[w]);
}

/// Kolen & Pollack 1994: both ends see the same two signals.
#[test]
fn kolen_pollack_decays_both_ends() {
    let s = of("kolen_pollack(0.2, sgd(0.3))");
    let (b3, b2) = (transposed(s.slot("B(h2 -> z)"), 3, 4), transposed(s.slot("B(h1 -> h2)"), 4, 4));
    compare(&s, 0.3, 0.2, &|_, p| chain(p, &b3, &b2));
}

/// Frenkel, Lefebvre & Bol 2021, equation 5: the one-hot target in the place of the error.
#[test]
fn direct_random_target_projection_hears_the_target() {
    let s = of("direct_random_target_projection(sgd(0.3))");
    let (b1, b2) = (s.slot("B(h1, z)").to_vec(), s.slot("B(h2, z)").to_vec());
    compare(&s, 0.3, 0.0, &|_, p| {
        let (f1, f2) = slopes(p);
        [by(&times(&b1, &p.target), &f1), by(&times(&b2, &p.target), &f2), p.e.clone()]
    });
}

#[test]
fn the_delta_rule_moves_the_output_only() {
    let s = of("delta_rule(sgd(0.3))");
    compare(&s, 0.3, 0.0, &|_, p| [vec![0.0; 4], vec![0.0; 4], p.e.clone()]);
}

/// Every rule that shipped has had its equations written out in these tests.
#[test]
fn every_rule_of_the_library_is_written_out_by_hand() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/science");
    let files = std::fs::read_dir(folder).expect("the tests").flatten();
    let own: String = files.map(|f| std::fs::read_to_string(f.path()).unwrap_or_default()).collect();
    let missing: Vec<_> =
        whole_library().into_iter().map(|r| r.0).filter(|n| !own.contains(&format!("\"{n}"))).collect();
    assert!(missing.is_empty(), "not compared with their papers' equations: {missing:?}");
}

#[test]
fn feedback_alignment_with_the_weights_put_in_is_backprop() {
    let mut s = of("feedback_alignment(sgd(0.3))");
    let mut exact = of("backprop(sgd(0.3))");
    for _ in 0..5 {
        for (b, w) in [("B(h2 -> z)", "w3 (h2 -> z): W"), ("B(h1 -> h2)", "w2 (h1 -> h2): W")] {
            let w = s.slot(w).to_vec();
            s.set(b, w);
        }
        s.step(&ROWS);
        exact.step(&ROWS);
        for name in ["w1 (x -> h1): W", "w2 (h1 -> h2): W", "w3 (h2 -> z): b"] {
            close(name, s.slot(name), exact.slot(name), 1e-14);
        }
    }
}

fn shallow(rule: &str, activation: &str) -> Sim {
    let name = rule.split('(').next().expect("a name");
    single(&format!(
        "language 0.1\nuse std.rules: {name}\n\ntask t() {{\n  draw x: [5] ~ normal(0, 1)\n  draw y: [3] ~ normal(0, 1)\n  \
         split train 6\n}}\n\narchitecture net(x: [n]) {{\n  population h: [7] = {activation}(dense(x))\n  \
         output z: [3] = tanh(dense(h))\n}}\n\nexperiment e {{\n  task = t()\n  architecture = net(task.x)\n  \
         objective = minimize squared_error(z, task.y)\n  rule = {rule}\n  train = 1 epochs\n  batch = 6\n  seeds = 1\n  \
         precision = float64\n}}\n"
    ))
}

#[test]
fn on_one_hidden_layer_the_direct_rule_is_the_layered_one() {
    for f in ["tanh", "softmax", "relu"] {
        let mut layered = shallow("feedback_alignment(momentum(0.1))", f);
        let mut direct = shallow("direct_feedback_alignment(momentum(0.1))", f);
        direct.set("B(h, z)", transposed(layered.slot("B(h -> z)"), 3, 7));
        for _ in 0..10 {
            layered.step(&ROWS);
            direct.step(&ROWS);
            for name in ["x -> h: W", "x -> h: b", "h -> z: W", "h -> z: b"] {
                close(name, layered.slot(name), direct.slot(name), 1e-13);
            }
        }
    }
}

#[test]
fn sign_feedback_is_backprop_up_to_scale_where_magnitudes_are_equal() {
    let mut sign = shallow("uniform_sign_feedback(sgd(0.1))", "tanh");
    let mut exact = shallow("backprop(sgd(0.1))", "tanh");
    let equal: Vec<f64> = sign.slot("h -> z: W").iter().map(|w| 0.25 * w.signum()).collect();
    sign.set("h -> z: W", equal.clone());
    exact.set("h -> z: W", equal);
    let (w, b) = (sign.find("x -> h: W"), sign.find("h -> z: W"));
    let of = |s: &Sim, slot: usize| difference(&s.proposal(&ROWS)[slot], &s.slots[slot]);
    let scale = (2.0f64 / 10.0).sqrt() / 0.25;
    let scaled: Vec<f64> = of(&exact, w).iter().map(|d| d * scale).collect();
    close("hidden", &of(&sign, w), &scaled, 1e-12);
    close("output", &of(&sign, b), &of(&exact, b), 1e-14);
}

/// On handwritten digits, batches of 32, to rounding.
#[test]
fn kolen_pollacks_difference_shrinks_by_the_same_factor_on_any_data() {
    let mut s = single(
        "language 0.1\nuse std.rules: kolen_pollack\nuse std.tasks: digits\n\n\
         architecture net(x: [n]) {\n  population h1: [12] = tanh(dense(x))\n  population h2: [9] = tanh(dense(h1))\n  \
         output z: [10] = dense(h2)\n}\n\nexperiment e {\n  task = digits()\n  architecture = net(task.image)\n  \
         objective = minimize cross_entropy(z, task.label)\n  rule = kolen_pollack(0.3, sgd(0.2))\n  train = 1 epochs\n  \
         batch = 32\n  seeds = 1\n  precision = float64\n}\n",
    );
    let pairs = [("h2 -> z: W", "B(h2 -> z)"), ("h1 -> h2: W", "B(h1 -> h2)")];
    let apart = |s: &Sim| pairs.map(|(w, b)| difference(s.slot(w), s.slot(b)));
    let (start, loss) = (apart(&s), s.loss(&[0, 1, 2, 3]));
    for t in 0..25 {
        let rows: Vec<usize> = (t * 32..t * 32 + 32).collect();
        s.step(&rows);
        for (now, first) in apart(&s).iter().zip(&start) {
            let factor = (1.0 - 0.2 * 0.3f64).powi(t as i32 + 1);
            let expected: Vec<f64> = first.iter().map(|x| x * factor).collect();
            close("W - B", now, &expected, 1e-12);
        }
    }
    assert!(s.loss(&[0, 1, 2, 3]) < loss, "it learns as well");
}

#[test]
fn kolen_pollack_from_equal_weights_is_backprop_with_decay() {
    let mut s = of("kolen_pollack(0.2, sgd(0.3))");
    let decayed = "use std.optimizers: sgd\n\nrule decayed(optimizer: Optimizer = sgd(0.3)) {\n  \
         signal delta(n) = n.pull(sum(q in n.out: q.adjoint(delta(q.post))) - d(loss, n.rate))\n  \
         update p along p.outer(delta(p.post), p.pre.rate) - 0.2 * p by optimizer\n}\n";
    let decayed = if faults(&spec(decayed, "decayed()", "")).contains("error") {
        decayed.replacen("use std.optimizers: sgd\n\n", "", 1)
    } else {
        decayed.to_string()
    };
    let mut exact = single(&spec(&decayed, "decayed()", ""));
    for (b, w) in [("B(h2 -> z)", "w3 (h2 -> z): W"), ("B(h1 -> h2)", "w2 (h1 -> h2): W")] {
        let w = s.slot(w).to_vec();
        s.set(b, w);
    }
    for _ in 0..10 {
        s.step(&ROWS);
        exact.step(&ROWS);
        for name in ["w1 (x -> h1): W", "w2 (h1 -> h2): b", "w3 (h2 -> z): W"] {
            close(name, s.slot(name), exact.slot(name), 1e-13);
        }
    }
}

/// The difference that a penalty makes is its own descent, whatever the rule and whatever the rest of the objective.
#[test]
fn a_penalty_moves_every_rule_alike() {
    for (name, _) in library() {
        let head = format!("use std.rules: {name}\n");
        let clean = |t: String| {
            let kept: Vec<&str> = t.lines().filter(|l| name != "delta_rule" || !l.contains("measure w1")).collect();
            kept.join("\n") + "\n"
        };
        let rule = format!("{name}(optimizer = sgd(0.3))");
        let plain = single(&clean(spec(&head, &rule, "")));
        let l2 = single(&clean(spec(&head, &rule, " + l2(0.05)")));
        let l1 = single(&clean(spec(&head, &rule, " + l1(0.05)")));
        assert_eq!(plain.slots, l2.slots, "{name}: the same seed starts alike");
        let base = plain.proposal(&ROWS);
        for (penalized, slope) in [(&l2, (|w| 0.05 * w) as fn(f64) -> f64), (&l1, |w| 0.05 * w.signum())] {
            let after = penalized.proposal(&ROWS);
            for (i, slot) in plain.plan.slots.iter().enumerate() {
                let reached = name != "delta_rule" || slot.name.starts_with("w3");
                let moved = slot.name.ends_with(": W") && reached;
                let by = |w: &f64| if moved { -0.3 * slope(*w) } else { 0.0 };
                let expected: Vec<f64> = plain.slots[i].iter().map(by).collect();
                let apart = difference(&after[i], &base[i]);
                let off = difference(&apart, &expected).iter().fold(0.0f64, |m, x| m.max(x.abs()));
                assert!(off < 1e-15, "{name}, {}: off by {off:e}", slot.name);
            }
        }
    }
}

#[test]
fn a_rule_of_ones_own_is_the_librarys_bit_for_bit() {
    for (name, text) in library() {
        let clean = |t: String| {
            let kept: Vec<&str> = t.lines().filter(|l| name != "delta_rule" || !l.contains("measure w1")).collect();
            kept.join("\n") + "\n"
        };
        let call = |n: &str| format!("{n}(optimizer = adam(0.01))");
        let mut library = single(&clean(spec(&format!("use std.rules: {name}\n"), &call(&name), "")));
        let own = text.replacen(&format!("rule {name}("), "rule my_own(", 1);
        let mut mine = single(&clean(spec(&format!("\n{own}\n"), &call("my_own"), "")));
        for _ in 0..3 {
            library.step(&ROWS);
            mine.step(&ROWS);
        }
        assert_eq!(library.slots, mine.slots, "{name}");
        assert_eq!(library.measure("b3", &ROWS), mine.measure("b3", &ROWS), "{name}");
    }
}

/// N11: the update of a batch is the mean of its examples' updates, for every rule.
#[test]
fn a_batch_moves_by_the_mean_of_its_examples() {
    for (name, _) in library() {
        let s = of(&format!("{name}(optimizer = sgd(0.3))"));
        let whole = s.proposal(&ROWS);
        let each: Vec<Vec<Vec<f64>>> = ROWS.iter().map(|r| s.proposal(&[*r])).collect();
        for (i, slot) in s.plan.slots.iter().enumerate() {
            let mean: Vec<f64> =
                (0..s.slots[i].len()).map(|k| each.iter().map(|e| e[i][k]).sum::<f64>() / 6.0).collect();
            let off = difference(&whole[i], &mean).iter().fold(0.0f64, |m, x| m.max(x.abs()));
            assert!(off < 1e-14, "{name}, {}: off by {off:e}", slot.name);
        }
    }
}

/// What measures call proposed is what the update moves by, and at the output it follows the gradient.
#[test]
fn what_is_proposed_is_what_is_done() {
    for (name, _) in library() {
        let s = of(&format!("{name}(optimizer = sgd(0.3))"));
        let after = s.proposal(&ROWS);
        let mut pairs = vec![("w3", "w3 (h2 -> z): W"), ("b3", "w3 (h2 -> z): b")];
        if name != "delta_rule" {
            pairs.push(("w1", "w1 (x -> h1): W"));
        }
        for (measure, slot) in pairs {
            // The bias of a rule with decay is not what its signal says.
            if name == "kolen_pollack" && measure == "b3" {
                continue;
            }
            let i = s.find(slot);
            let moved: f64 = difference(&after[i], &s.slots[i]).iter().sum();
            let proposed: f64 = s.measure(measure, &ROWS).iter().sum::<f64>() / 6.0;
            close(&format!("{name}: {slot}"), &[1.0 + moved / 0.3], &[1.0 + proposed], 1e-13);
        }
        for angle in s.measure("shallow", &ROWS) {
            assert!(angle.abs() < 1e-7, "{name}: the output's error is exact, but lies {angle} apart");
        }
    }
}

/// Arms of one experiment start from the same parameters and, where their names agree, the same feedback.
#[test]
fn arms_start_from_the_same_draw() {
    let head = "use std.rules: feedback_alignment, kolen_pollack\n";
    let rule = "vary { fa: feedback_alignment(sgd(0.3)), kp: kolen_pollack(0.1, sgd(0.3)) }";
    let arms = conditions(&spec(head, rule, ""));
    for name in ["w1 (x -> h1): W", "w3 (h2 -> z): W", "B(h2 -> z)"] {
        assert_eq!(arms[0].slot(name), arms[1].slot(name), "{name}");
    }
    assert_ne!(arms[0].slot("B(h2 -> z)"), arms[0].slot("w3 (h2 -> z): W"), "feedback is drawn apart from weights");
}

/// N20: the moves of two rules on one parameter add, and so does what they propose.
#[test]
fn rules_that_are_added_move_by_the_sum() {
    let head = "use std.rules: backprop, feedback_alignment\n";
    let [a, b, both] =
        ["backprop(sgd(0.1))", "feedback_alignment(sgd(0.2))", "backprop(sgd(0.1)) + feedback_alignment(sgd(0.2))"]
            .map(|rule| single(&spec(head, rule, "")));
    for name in ["w1 (x -> h1): W", "w2 (h1 -> h2): b", "w3 (h2 -> z): W"] {
        let moved = |s: &Sim| difference(&s.proposal(&ROWS)[s.find(name)], s.slot(name));
        // Feedback of the second of two rules has its own stream.
        let mut a = a.clone();
        let mut b = b.clone();
        for (slot, value) in both.plan.slots.iter().zip(&both.slots) {
            let own = slot.name.trim_start_matches("1:");
            for s in [&mut a, &mut b] {
                if let Some(i) = s.plan.slots.iter().position(|x| x.name == own) {
                    s.slots[i] = value.clone();
                }
            }
        }
        let sum: Vec<f64> = moved(&a).iter().zip(moved(&b)).map(|(a, b)| a + b).collect();
        close(name, &moved(&both), &sum, 1e-13);
        let proposed = |s: &Sim| s.measure("b3", &ROWS).iter().sum::<f64>();
        close("proposed(z)", &[1.0 + proposed(&both)], &[1.0 + proposed(&a) + proposed(&b)], 1e-13);
    }
}

/// Dale's law: a sign is kept from the first draw on, which is mirrored and not cut off.
#[test]
fn signs_are_drawn_by_mirroring_and_kept() {
    let base = spec("use std.rules: backprop\n", "backprop(sgd(5))", "");
    for (sign, way) in [("excitatory", 1.0), ("inhibitory", -1.0)] {
        let free = single(&base);
        let mut bound = single(&base.replace("dense(h1) as w2", &format!("dense(h1, sign = {sign}) as w2")));
        let name = "w2 (h1 -> h2): W";
        let mirrored: Vec<f64> = free.slot(name).iter().map(|w| way * w.abs()).collect();
        assert_eq!(bound.slot(name), mirrored);
        (0..5).for_each(|_| bound.step(&ROWS));
        assert!(bound.slot(name).iter().all(|w| way * w >= 0.0), "{:?}", bound.slot(name));
        assert_ne!(bound.slot(name), mirrored);
    }
    let mut kept = single(&base.replace("dense(h1) as w2", "dense(h1, bound = [-0.1, 0.2]) as w2"));
    (0..5).for_each(|_| kept.step(&ROWS));
    assert!(kept.slot("w2 (h1 -> h2): W").iter().all(|w| (-0.1..=0.2).contains(w)));
}
