//! What is computed over the examples of a batch: objectives whose gradient couples examples, and measures of
//! representations, against their definitions written out.

use crate::sim::{Sim, close, difference, dot, single};

const ROWS: [usize; 6] = [0, 1, 2, 3, 4, 5];

fn spec(objective: &str, measures: &str) -> Sim {
    single(&format!(
        "language 0.1\nuse std.rules: backprop\n\ntask t() {{\n  draw x: [5] ~ normal(0, 1)\n  draw y: [5] ~ normal(0, 1)\n  \
         draw e: [3] ~ normal(0, 1)\n  label: Label[3] = argmax(e)\n  split train 6\n}}\n\n\
         architecture net(x: [n], y: [n]) {{\n  population g: [4] = sigmoid(dense(y) as w2)\n  \
         population h: [4] = tanh(dense(x) as w1)\n  output a: [4] = dense(h) as w3\n  output b: [4] = dense(g) as w4\n}}\n\n\
         experiment e {{\n  task = t()\n  architecture = net(task.x, task.y)\n  objective = minimize {objective}\n  \
         rule = backprop(sgd(1))\n  train = 1 epochs\n  batch = 6\n  seeds = 1\n  precision = float64\n{measures}}}\n"
    ))
}

/// The update of a whole batch descends the mean loss of that batch, although examples hear of each other.
#[test]
fn coupled_examples_share_their_gradient() {
    for objective in [
        "info_nce(a, b)",
        "info_nce(a, b, temperature = 0.5)",
        "barlow_twins(a, b)",
        "barlow_twins(a, b, strength = 0.5)",
        "vicreg(a, b)",
        "vicreg(a, b) + vicreg(b, a)",
    ] {
        let mut s = spec(objective, "");
        let before = s.slots.clone();
        let moved = s.proposal(&ROWS);
        for slot in 0..before.len() {
            let expected: Vec<f64> = (0..before[slot].len())
                .map(|i| {
                    let mut at = |by: f64| {
                        s.slots[slot][i] = before[slot][i] + by;
                        let loss = s.loss(&ROWS);
                        s.slots[slot][i] = before[slot][i];
                        loss
                    };
                    let h = 1e-5;
                    -(at(h) - at(-h)) / (2.0 * h)
                })
                .collect();
            let name = s.plan.slots[slot].name.clone();
            let found = difference(&moved[slot], &before[slot]);
            let scale = expected.iter().fold(1e-3f64, |m, x| m.max(x.abs()));
            let off = difference(&found, &expected).iter().fold(0.0f64, |m, x| m.max(x.abs()));
            assert!(off < 1e-6 * scale, "{objective}, {name}: off by {off:e} of {scale:e}");
        }
    }
}

/// van den Oord, Li & Vinyals 2018, equation 4, one direction; Bardes, Ponce & LeCun 2022, both halves.
#[test]
fn objectives_of_two_views_are_their_definitions() {
    let outputs: String = ["a", "b"]
        .iter()
        .flat_map(|p| (1..=4).map(move |i| format!("  measure {p}{i} = {p}[{i}] on train\n")))
        .collect();
    let views = |objective: &str| {
        let s = spec(objective, &outputs);
        (s.loss(&ROWS), columns(&s, "a", 4), columns(&s, "b", 4))
    };
    let (loss, a, b) = views("info_nce(a, b, temperature = 0.5)");
    let like = |x: &[f64], y: &[f64]| dot(x, y) / (dot(x, x) * dot(y, y)).sqrt() / 0.5;
    let one = |i: usize| (0..6).map(|j| like(&a[i], &b[j]).exp()).sum::<f64>().ln() - like(&a[i], &b[i]);
    close("info_nce", &[loss], &[(0..6).map(one).sum::<f64>() / 6.0], 1e-10);
    let (loss, a, b) = views("vicreg(a, b, 2, 3, 5) + vicreg(b, a, 2, 3, 5)");
    let apart = (0..6).map(|i| difference(&a[i], &b[i]).iter().map(|d| d * d).sum::<f64>() / 4.0).sum::<f64>() / 6.0;
    let half = |x: &[Vec<f64>]| {
        let x = centred(x);
        let c = |i: usize, j: usize| x.iter().map(|r| r[i] * r[j]).sum::<f64>() / 6.0;
        let narrow = (0..4).map(|i| (1.0 - (c(i, i) + 1e-4).sqrt()).max(0.0)).sum::<f64>() / 4.0;
        let others = (0..16).filter(|k| k / 4 != k % 4).map(|k| c(k / 4, k % 4).powi(2)).sum::<f64>() / 4.0;
        3.0 * narrow + 5.0 * others
    };
    close("vicreg", &[loss], &[2.0 * apart + half(&a) + half(&b)], 1e-10);
}

fn columns(s: &Sim, name: &str, width: usize) -> Vec<Vec<f64>> {
    let flat: Vec<Vec<f64>> = (0..width).map(|i| s.measure(&format!("{name}{}", i + 1), &ROWS)).collect();
    (0..6).map(|e| flat.iter().map(|c| c[e]).collect()).collect()
}

fn centred(x: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mean: Vec<f64> = (0..x[0].len()).map(|i| x.iter().map(|r| r[i]).sum::<f64>() / x.len() as f64).collect();
    x.iter().map(|r| difference(r, &mean)).collect()
}

/// The sum of squares of X'Y.
fn cross(x: &[Vec<f64>], y: &[Vec<f64>]) -> f64 {
    let mut total = 0.0;
    for i in 0..x[0].len() {
        for j in 0..y[0].len() {
            total += x.iter().zip(y).map(|(a, b)| a[i] * b[j]).sum::<f64>().powi(2);
        }
    }
    total
}

#[test]
fn measures_of_representations_are_their_definitions() {
    let each: String = ["h", "g"]
        .iter()
        .flat_map(|p| (1..=4).map(move |i| format!("  measure {p}{i} = {p}[{i}] on train\n")))
        .collect();
    let more = "  measure cka = cka(h, g) on train\n  measure own = cka(h, 3 * h) on train\n  \
                measure rsa = rsa(h, g) on train\n  measure pr = participation_ratio(h) on train\n  \
                measure sel = selectivity(g, task.label) on train\n  measure sp = sparseness(g) on train\n  \
                measure mute = sparseness(relu(-g)) on train\n  measure change = representational_change(h, g) on train\n  \
                measure rv = relative_variance(list(k in 1..3: k * h), g) on train\n  \
                measure bias = cos(bias_angle(g + 0.1 * h, g - 0.1 * h, h)) on train\n  \
                measure untold = bias_angle(g, -0.5 * g, h) on train\n  \
                measure label = if task.label == 1 then 1 else (if task.label == 2 then 2 else 0) on train\n";
    let s = spec("squared_error(a, task.x[1..4])", &(each + more));
    let (h, g) = (columns(&s, "h", 4), columns(&s, "g", 4));
    let one = |name: &str| s.measure(name, &ROWS)[0];
    let (ch, cg) = (centred(&h), centred(&g));
    close("cka", &[one("cka")], &[cross(&ch, &cg) / (cross(&ch, &ch) * cross(&cg, &cg)).sqrt()], 1e-12);
    close("cka with its like", &[one("own")], &[1.0], 1e-12);
    let trace: f64 = ch.iter().map(|r| dot(r, r)).sum::<f64>() / 6.0;
    close("participation ratio", &[one("pr")], &[trace * trace / (cross(&ch, &ch) / 36.0)], 1e-12);
    let distances = |x: &[Vec<f64>]| -> Vec<f64> {
        let pairs = (0..6).flat_map(|i| (0..6).map(move |j| (i, j))).filter(|(i, j)| i < j);
        pairs.map(|(i, j)| difference(&x[i], &x[j]).iter().map(|d| d * d).sum()).collect()
    };
    let flat = |v: Vec<f64>| -> Vec<Vec<f64>> { v.into_iter().map(|x| vec![x]).collect() };
    let (dh, dg) = (centred(&flat(distances(&h))), centred(&flat(distances(&g))));
    let line = |v: &[Vec<f64>]| -> Vec<f64> { v.iter().map(|r| r[0]).collect() };
    let (dh, dg) = (line(&dh), line(&dg));
    close("rsa", &[one("rsa")], &[dot(&dh, &dg) / (dot(&dh, &dh) * dot(&dg, &dg)).sqrt()], 1e-10);
    let sparse = |r: &Vec<f64>| {
        let (m, q) = (r.iter().sum::<f64>() / 4.0, dot(r, r) / 4.0);
        (1.0 - m * m / q) / (1.0 - 0.25)
    };
    close("sparseness", &s.measure("sp", &ROWS), &g.iter().map(sparse).collect::<Vec<_>>(), 1e-12);
    close("sparseness of silence", &s.measure("mute", &ROWS), &[0.0; 6], 1e-12);
    close("change", &[one("change")], &[1.0 - one("cka")], 1e-12);
    // Of h, 2 h and 3 h the variance is the square of h.
    let pairs = || h.iter().zip(&g);
    close("variance", &s.measure("rv", &ROWS), &pairs().map(|(h, g)| dot(h, h) / dot(g, g)).collect::<Vec<_>>(), 1e-12);
    let bias = |(h, g): (&Vec<f64>, &Vec<f64>)| dot(g, h) / (dot(h, h) * (dot(g, g) - 0.01 * dot(h, h))).sqrt();
    let bias: Vec<f64> = pairs().map(|p| bias(p).clamp(-1.0, 1.0)).collect();
    close("bias", &s.measure("bias", &ROWS), &bias, 1e-10);
    assert!(s.measure("untold", &ROWS).iter().all(|x| x.is_nan()), "halves that disagree have no angle");
    let labels = s.measure("label", &ROWS);
    let selectivity = |unit: usize| {
        let mean = |k: f64| {
            let of: Vec<f64> = (0..6).filter(|e| labels[*e] == k).map(|e| g[e][unit]).collect();
            of.iter().sum::<f64>() / (of.len() as f64).max(1.0)
        };
        let means = [mean(0.0), mean(1.0), mean(2.0)];
        let best = means.iter().fold(f64::MIN, |m, x| m.max(*x));
        let rest = (means.iter().sum::<f64>() - best) / 2.0;
        (best - rest) / (best.abs() + rest.abs())
    };
    let expected = (0..4).map(selectivity).sum::<f64>() / 4.0;
    close("selectivity", &[one("sel")], &[expected], 1e-9);
}

/// All of the digits, whose 1,797 examples are looked at in portions; the numbers are NumPy's, of `pixels / 16` in double precision.
const DIGITS: &str = r#"language 0.1
use std.rules: backprop

task all_digits() {
  source builtin("digits")
  image: [64] = pixels / 16
  label: Label[10] = digit
}

architecture net(x: [n], classes: Nat) {
  output z: [classes] = dense(x)
}

experiment e {
  task = all_digits()
  architecture = net(task.image, classes = 10)
  objective = minimize cross_entropy(z, task.label)
  rule = backprop(sgd(0.1))
  train = 1 epochs
  seeds = 1
  precision = float64

  measure cka = cka(task.image, square(task.image))
  measure rsa = rsa(task.image, square(task.image))
  measure pr = participation_ratio(task.image)
  measure sel = selectivity(task.image, task.label)
  measure variance = square(centred(task.image))
  measure mean = batch_mean(task.image)[37]
  measure number = sum(examples(1))
  measure farthest = sqrt(largest(dissimilarities(task.image)))
  measure plain = task.image[37]
}
"#;

/// However the examples are cut, a statistic is that of all of them.
///
/// With C the covariance of x over examples, and a' = a less its mean: cka = |a''b'|^2 / (|a''a'| |b''b'|), the participation ratio
/// trace(C)^2 / |C|^2, rsa `numpy.corrcoef` of the squared distances of all pairs i < j, selectivity the mean over units of
/// (best - rest) / (best + rest) of class means.
#[test]
fn statistics_are_of_all_examples_however_they_are_cut() {
    let mut s = single(DIGITS);
    let rows: Vec<usize> = (0..1797).collect();
    for (name, value) in [
        ("cka", 0.9658560396769106),
        ("rsa", 0.945200094591214),
        ("pr", 13.16851117006962),
        ("sel", 0.44905166302650257),
        ("variance", 0.07333244246598007),
        ("mean", 0.6438508625486923),
        ("number", 1797.0),
        ("plain", 0.6438508625486923),
    ] {
        let found = s.in_portions(name, &rows, 599).unwrap_or_else(|| panic!("{name} needs all at once"));
        close(&format!("{name} in portions of 599"), &[found], &[value], 1e-11);
        // Of the last portion one example, of fewer of them.
        let mut of =
            |size| s.in_portions(name, &rows[..400], size).unwrap_or_else(|| panic!("{name} needs all at once"));
        let few = of(399);
        close(&format!("{name} in portions of 399 and 1"), &[few], &[of(400)], 1e-11);
    }
    assert_eq!(s.in_portions("farthest", &rows, 512), None, "every pair of examples takes all of them");
}
