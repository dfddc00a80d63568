//! Pooling and transposed convolutions in their variants, against their definitions.

use crate::architectures::{Conv, gradient, text};
use crate::sim::{close, dot, draw};
use trine::ops::Distribution;

/// <conv(u), y> = <u, transposed(y)> with the same kernels in groups, in a plane and along an axis.
#[test]
fn transposed_convolutions_in_groups_and_along_an_axis_are_adjoints() {
    let body = "  output z: [6, 8, 8] = conv_transposed(x, size = 3, stride = 2, groups = 2) as t\n";
    let sim = gradient(&text("[4, 4, 4]", "[6, 8, 8]", body, "backprop(sgd(1))", ""));
    let (y, z) = (sim.field("x", &[0]), sim.value("z.drive", &[0]));
    let c = Conv { channels: 6, side: (8, 8), kernels: 4, size: 3, stride: 2, dilation: 1, padding: 1, groups: 2 };
    let u = draw(Distribution::Normal, "u", 0, 6 * 64);
    close("groups", &[dot(&c.apply(&u, sim.slot("t (x -> z): W"), &[0.0; 4]), &y)], &[dot(&u, &z)], 1e-12);

    let body = "  output z: [6, 9] = conv1d_transposed(x, size = 3, stride = 3, padding = 0, groups = 2) as t\n";
    let sim = gradient(&text("[4, 3]", "[6, 9]", body, "backprop(sgd(1))", ""));
    let (x, w, z) = (sim.field("x", &[0]), sim.slot("t (x -> z): W"), sim.value("z.drive", &[0]));
    // Patches that do not overlap: one unit and one kernel each.
    let mut expected = Vec::new();
    for d in 0..6 {
        for i in 0..9 {
            let (group, within) = (d / 3, d % 3);
            expected
                .push((0..2).map(|c| (2 * group + c) * 3).map(|c| w[(c + within) * 3 + i % 3] * x[c + i / 3]).sum());
        }
    }
    close("along an axis", &z, &expected, 1e-13);
    gradient(&text(
        "[2, 7]",
        "[2, 14]",
        "  output z: [2, 14] = conv1d_transposed(x, 4, stride = 2)\n",
        "backprop(sgd(1))",
        "",
    ));
}

/// What is padded is never the largest, and counts as 0 in a mean; along an axis windows are of one row.
#[test]
fn pooling_pads_a_plane_and_runs_along_an_axis() {
    for (name, largest) in [("max_pool", true), ("mean_pool", false)] {
        let body = format!(
            "  population c: [2, 5, 5] = conv(x) - 12\n  population s: [2, 3, 3] = {name}(c, 3, 2, 1)\n  \
             output z: [2, 3, 3] = conv(s)\n"
        );
        let sim = gradient(&text("[1, 5, 5]", "[2, 3, 3]", &body, "backprop(sgd(1))", ""));
        let (c, s) = (sim.value("c.drive", &[2]), sim.value("s.drive", &[2]));
        let mut expected = Vec::new();
        for at in 0..18usize {
            let (channel, i, j) = (at / 9, at / 3 % 3, at % 3);
            let within = |k: usize| (0..5).contains(&(k as i64 - 1)).then(|| k - 1);
            let seen: Vec<f64> = (0..9)
                .filter_map(|k| Some((within(2 * i + k / 3)?, within(2 * j + k % 3)?)))
                .map(|(a, b)| c[(channel * 5 + a) * 5 + b])
                .collect();
            expected.push(match largest {
                true => seen.iter().copied().fold(f64::MIN, f64::max),
                false => seen.iter().sum::<f64>() / 9.0,
            });
        }
        assert!(c.iter().all(|v| *v < 0.0), "zeros would be the largest");
        close(name, &s, &expected, 1e-13);

        let body = format!(
            "  population c: [2, 6] = tanh(conv1d(x))\n  population s: [2, 2] = {name}1d(c, 3)\n  \
             output z: [2, 2] = conv1d(s)\n"
        );
        let sim = gradient(&text("[1, 6]", "[2, 2]", &body, "backprop(sgd(1))", ""));
        let (c, s) = (sim.value("c.rate", &[2]), sim.value("s.drive", &[2]));
        let row =
            |w: &[f64]| if largest { w.iter().copied().fold(f64::MIN, f64::max) } else { w.iter().sum::<f64>() / 3.0 };
        close(name, &s, &c.chunks(3).map(row).collect::<Vec<_>>(), 1e-14);
    }
}
