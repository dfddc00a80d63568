//! Every operation against a plain formula.

use super::*;
use crate::kernels::native::{Level, detect};
use crate::kernels::{Context, Moment, Operand, prepare};
use crate::view::View;
use std::rc::Rc;
use tch::Kind;
use trine::plan::FusedOp;

fn context(kind: Kind, level: Option<Level>) -> Context {
    Context { kind, device: Device::Cpu, moment: Rc::new(Moment::default()), batch: 2, level }
}

fn operand(numbers: &[f64], size: &[usize], kind: Kind) -> Operand {
    let tensor = Tensor::from_slice(&[numbers, &[f64::NAN; crate::arena::SLACK]].concat()).to_kind(kind);
    let view = View::contiguous(0, size);
    let tensor = crate::arena::restride(&tensor, &view).unwrap();
    Operand { tensor, view, constant: None, batched: false, slack: true }
}

/// The result by libtorch, after a comparison with that of the faster path, if there is one.
fn apply(op: PlanOp, kind: Kind, args: &[(&[f64], &[usize])], size: &[usize]) -> Vec<f64> {
    let slow = apply_with(&op, kind, None, args, size);
    let fast = apply_with(&op, kind, detect(""), args, size);
    let tolerance = if kind == Kind::Float { 1e-6 } else { 1e-13 };
    assert_close(&fast, &slow, tolerance, &format!("{op:?}, small"));
    slow
}

/// Runs an operation twice on the same storage, as training does.
fn apply_with(op: &PlanOp, kind: Kind, level: Option<Level>, args: &[(&[f64], &[usize])], size: &[usize]) -> Vec<f64> {
    let _off = tch::no_grad_guard();
    let context = context(kind, level);
    let args: Vec<Operand> = args.iter().map(|(numbers, size)| operand(numbers, size, kind)).collect();
    let out = context.scratch(size).unwrap();
    let mut call = prepare(op, &context, &args, &out).unwrap();
    call().unwrap();
    let first = numbers(&out.tensor);
    call().unwrap();
    assert_eq!(format!("{first:?}"), format!("{:?}", numbers(&out.tensor)), "{op:?}");
    assert_eq!(out.tensor.size(), crate::view::signed(size), "{op:?}");
    first
}

fn check(op: Op, args: &[(&[f64], &[usize])], size: &[usize], expected: &[f64]) {
    for (kind, tolerance) in [(Kind::Float, 1e-6), (Kind::Double, 1e-13)] {
        let actual = apply(PlanOp::Op(op.clone()), kind, args, size);
        assert_close(&actual, expected, tolerance, &format!("{op:?}"));
    }
}

#[test]
fn functions_of_one_number() {
    let x = [-2.5, -1.0, 0.0, 0.5, 1.0, 3.25];
    let p = [0.125, 0.5, 1.0, 2.0, 3.5, 10.0];
    let on = |op: Unary, x: &[f64; 6], f: fn(f64) -> f64| check(Op::Unary(op), &[(x, &[2, 3])], &[2, 3], &x.map(f));
    on(Unary::Negate, &x, |x| -x);
    on(Unary::Not, &x, |x| f64::from(x == 0.0));
    on(Unary::Exp, &x, f64::exp);
    on(Unary::Expm1, &x, f64::exp_m1);
    on(Unary::Log, &p, f64::ln);
    on(Unary::Log1p, &p, f64::ln_1p);
    on(Unary::Sqrt, &p, f64::sqrt);
    on(Unary::Square, &x, |x| x * x);
    on(Unary::Reciprocal, &p, f64::recip);
    on(Unary::Abs, &x, f64::abs);
    on(Unary::Sign, &x, |x| if x == 0.0 { 0.0 } else { x.signum() });
    on(Unary::Sin, &x, f64::sin);
    on(Unary::Cos, &x, f64::cos);
    on(Unary::Tanh, &x, f64::tanh);
    on(Unary::Sigmoid, &x, |x| 1.0 / (1.0 + (-x).exp()));
    on(Unary::Softplus, &x, |x| x.exp().ln_1p());
    on(Unary::Relu, &x, |x| x.max(0.0));
    on(Unary::Floor, &x, f64::floor);
    let erf =
        [-0.999593047982555, -0.8427007929497149, 0.0, 0.5204998778130465, 0.8427007929497149, 0.9999956972205363];
    check(Op::Unary(Unary::Erf), &[(&x, &[6])], &[6], &erf);
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, 1e30, -1.0];
    check(Op::Unary(Unary::IsFinite), &[(&odd, &[6])], &[6], &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    check(
        Op::Unary(Unary::Softplus),
        &[(&[-40.0, 25.0, 800.0], &[3])],
        &[3],
        &[(-40f64).exp(), 25.0 + (-25f64).exp(), 800.0],
    );
}

#[test]
fn functions_of_two_numbers() {
    let (a, b) = ([1.0, 0.0, 2.0, 3.0, 1.5, 0.0], [2.0, 0.0, 3.0]);
    let on = |op: Binary, f: fn(f64, f64) -> f64| {
        let expected: Vec<f64> = (0..6).map(|i| f(a[i], b[i % 3])).collect();
        check(Op::Binary(op), &[(&a, &[2, 3]), (&b, &[3])], &[2, 3], &expected);
        let turned: Vec<f64> = (0..6).map(|i| f(b[i % 3], a[i])).collect();
        check(Op::Binary(op), &[(&b, &[3]), (&a, &[2, 3])], &[2, 3], &turned);
        let single: Vec<f64> = (0..6).map(|i| f(a[i], 2.0)).collect();
        check(Op::Binary(op), &[(&a, &[2, 3]), (&[2.0], &[])], &[2, 3], &single);
    };
    on(Binary::Add, |a, b| a + b);
    on(Binary::Subtract, |a, b| a - b);
    on(Binary::Multiply, |a, b| a * b);
    on(Binary::Divide, |a, b| a / b);
    on(Binary::Power, f64::powf);
    on(Binary::Min, f64::min);
    on(Binary::Max, f64::max);
    on(Binary::Atan2, f64::atan2);
    on(Binary::Equal, |a, b| f64::from(a == b));
    on(Binary::NotEqual, |a, b| f64::from(a != b));
    on(Binary::Less, |a, b| f64::from(a < b));
    on(Binary::LessEqual, |a, b| f64::from(a <= b));
    on(Binary::And, |a, b| f64::from(a != 0.0 && b != 0.0));
    on(Binary::Or, |a, b| f64::from(a != 0.0 || b != 0.0));
    check(
        Op::Select,
        &[(&[1.0, 0.0, 5.0], &[3]), (&a, &[2, 3]), (&[9.0], &[])],
        &[2, 3],
        &[1.0, 9.0, 2.0, 3.0, 9.0, 0.0],
    );
}

#[test]
fn axes_vanish_or_move() {
    let a: Vec<f64> = (0..24).map(|i| f64::from((i * 7) % 24)).collect();
    let at = |i: usize, j: usize, k: usize| a[i * 12 + j * 4 + k];
    let shape: &[usize] = &[2, 3, 4];
    let middle = |f: &dyn Fn(Vec<f64>) -> f64| -> Vec<f64> {
        (0..2)
            .flat_map(|i| (0..4).map(move |k| (i, k)))
            .map(|(i, k)| f((0..3).map(|j| at(i, j, k)).collect()))
            .collect()
    };
    let reduce = |how, axes: &[usize], size: &[usize], expected: &[f64]| {
        check(Op::Reduce { how, axes: axes.to_vec() }, &[(&a, shape)], size, expected);
    };
    reduce(Reduction::Sum, &[1], &[2, 4], &middle(&|v| v.iter().sum()));
    reduce(Reduction::Mean, &[1], &[2, 4], &middle(&|v| v.iter().sum::<f64>() / 3.0));
    reduce(Reduction::Max, &[1], &[2, 4], &middle(&|v| v.into_iter().fold(f64::MIN, f64::max)));
    reduce(Reduction::Min, &[1], &[2, 4], &middle(&|v| v.into_iter().fold(f64::MAX, f64::min)));
    reduce(Reduction::Sum, &[0, 1, 2], &[], &[276.0]);
    reduce(Reduction::Sum, &[], shape, &a);
    let part: Vec<f64> = a.iter().skip(8).take(4).copied().collect();
    check(
        Op::Embed { axis: 0, start: 1, length: 3 },
        &[(&part, &[1, 4])],
        &[3, 4],
        &[&[0.0; 4][..], &part, &[0.0; 4]].concat(),
    );
    check(
        Op::Concat { axis: 1 },
        &[(&[1.0, 2.0], &[2, 1]), (&[3.0, 4.0, 5.0, 6.0], &[2, 2])],
        &[2, 3],
        &[1.0, 3.0, 4.0, 2.0, 5.0, 6.0],
    );
    check(Op::CumulativeSum { axis: 0 }, &[(&[1.0, 2.0, 3.0, 4.0], &[2, 2])], &[2, 2], &[1.0, 2.0, 4.0, 6.0]);
    check(Op::Iota(4), &[], &[4], &[0.0, 1.0, 2.0, 3.0]);
    check(Op::constant(2.5), &[], &[], &[2.5]);
    // As copies, which views make unnecessary elsewhere.
    check(Op::Permute { order: vec![1, 0] }, &[(&[1.0, 2.0, 3.0, 4.0], &[2, 2])], &[2, 2], &[1.0, 3.0, 2.0, 4.0]);
    check(Op::Expand { axes: vec![0] }, &[(&[1.0, 2.0], &[2])], &[2, 2], &[1.0, 2.0, 1.0, 2.0]);
    check(Op::Slice { axis: 0, start: 1, length: 1 }, &[(&[1.0, 2.0], &[2])], &[1], &[2.0]);
    check(Op::Reshape, &[(&[1.0, 2.0], &[2])], &[2, 1], &[1.0, 2.0]);
}

#[test]
fn windows_of_an_axis() {
    let x: Vec<f64> = (0..14).map(|i| f64::from(i * 5 % 14)).collect();
    let unfold = |axis, size, stride, dilation| Op::Unfold { axis, size, stride, dilation };
    // Rows of 7: windows of 3 every 2, and of 2 that lie 3 apart.
    let at = |i: usize, j: usize| x[i * 7 + j];
    let of = |count: usize, size: usize, stride: usize, dilation: usize| -> Vec<f64> {
        let each = |i: usize| (0..count).flat_map(move |p| (0..size).map(move |k| (i, p * stride + k * dilation)));
        (0..2).flat_map(each).map(|(i, j)| at(i, j)).collect()
    };
    check(unfold(1, 3, 2, 1), &[(&x, &[2, 7])], &[2, 3, 3], &of(3, 3, 2, 1));
    check(unfold(1, 2, 1, 3), &[(&x, &[2, 7])], &[2, 4, 2], &of(4, 2, 1, 3));
    // And back: every element as often as it was seen, the adjoint.
    for (count, size, stride, dilation) in [(3, 3, 2, 1), (4, 2, 1, 3), (7, 1, 1, 1), (1, 7, 1, 1), (2, 2, 4, 2)] {
        let y: Vec<f64> = (0..2 * count * size).map(|i| f64::from(i as u32 * 3 % 11) - 4.0).collect();
        let mut expected = vec![0.0; 14];
        for i in 0..2 {
            for p in 0..count {
                for k in 0..size {
                    expected[i * 7 + p * stride + k * dilation] += y[(i * count + p) * size + k];
                }
            }
        }
        let op = Op::Fold { axis: 1, length: 7, stride, dilation };
        check(op, &[(&y, &[2, count, size])], &[2, 7], &expected);
        let seen = of(count, size, stride, dilation);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        assert!((dot(&seen, &y) - dot(&x, &expected)).abs() < 1e-9);
    }
}

#[test]
fn rows() {
    let rows = [1.0, 3.0, 2.0, 3.0, -1.0, -1.0, 0.0, -5.0];
    let by_row = |f: &dyn Fn(&[f64]) -> Vec<f64>| -> Vec<f64> { rows.chunks(4).flat_map(f).collect() };
    let total = |row: &[f64]| row.iter().map(|x| x.exp()).sum::<f64>();
    let args: &[(&[f64], &[usize])] = &[(&rows, &[2, 4])];
    check(Op::Softmax, args, &[2, 4], &by_row(&|r| r.iter().map(|x| x.exp() / total(r)).collect()));
    check(Op::LogSoftmax, args, &[2, 4], &by_row(&|r| r.iter().map(|x| x - total(r).ln()).collect()));
    check(Op::LogSumExp, args, &[2], &by_row(&|r| vec![total(r).ln()]));
    let long: Vec<f64> = (0..90).map(|i| f64::from(i * 37 % 90) / 20.0).collect();
    let by_long = |f: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
        long.chunks(45).flat_map(|row| row.iter().map(|x| f(*x, total(row)))).collect()
    };
    check(Op::Softmax, &[(&long, &[2, 45])], &[2, 45], &by_long(&|x, total| x.exp() / total));
    check(Op::LogSoftmax, &[(&long, &[2, 45])], &[2, 45], &by_long(&|x, total| x - total.ln()));
    check(Op::ArgMax, args, &[2], &[1.0, 2.0]);
    check(Op::Rank, args, &[2, 4], &[4.0, 1.0, 3.0, 2.0, 2.0, 3.0, 1.0, 4.0]);
    check(Op::OneHot { classes: 3 }, &[(&[2.0, 0.0], &[2])], &[2, 3], &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
}

/// Sums over all letters, one index at a time.
fn summed(c: &Contraction, a: (&[f64], &[usize]), b: (&[f64], &[usize]), out: &[usize]) -> Vec<f64> {
    let mut size = [1; 256];
    for (labels, sizes) in [(&c.a, a.1), (&c.b, b.1), (&c.out, out)] {
        labels.iter().zip(sizes).for_each(|(label, n)| size[*label as usize] = *n);
    }
    let mut all: Vec<u8> = [&c.a[..], &c.b, &c.out].concat();
    all.sort_unstable();
    all.dedup();
    let mut result = vec![0.0; out.iter().product()];
    let count: usize = all.iter().map(|l| size[*l as usize]).product();
    for mut index in 0..count {
        let mut at = [0; 256];
        for label in &all {
            at[*label as usize] = index % size[*label as usize];
            index /= size[*label as usize];
        }
        let place = |labels: &[u8]| labels.iter().fold(0, |sum, l| sum * size[*l as usize] + at[*l as usize]);
        result[place(&c.out)] += a.0[place(&c.a)] * b.0[place(&c.b)];
    }
    result
}

#[test]
fn sums_of_products() {
    let sizes =
        |labels: &str| -> Vec<usize> { labels.bytes().map(|l| [2, 3, 4, 5][(l - b'i') as usize % 4]).collect() };
    let forms = [
        ("ij", "jk", "ik"),
        ("ij", "jk", "ki"),
        ("ji", "jk", "ik"),
        ("ji", "kj", "ik"),
        ("ij", "ij", "ij"),
        ("i", "j", "ij"),
        ("i", "j", "ji"),
        ("ij", "j", "i"),
        ("ij", "i", "j"),
        ("i", "i", ""),
        ("ijk", "ijl", "ikl"),
        ("ijk", "jkl", "il"),
        ("ikj", "jkl", "il"),
        ("ijk", "kjl", "li"),
        ("kij", "ikl", "ijl"),
        ("ijk", "lk", "ijl"),
        ("ijk", "lk", "jil"),
        ("ii", "ij", "j"),
        ("ij", "k", "k"),
        ("ij", "kj", "k"),
        ("ijk", "ijk", "i"),
        ("", "ij", "ij"),
        ("", "", ""),
        ("ijk", "ik", "ij"),
        ("ilk", "jl", "ijk"),
        ("ij", "ij", ""),
        ("ijkl", "jl", "ik"),
        ("ij", "", "j"),
    ];
    let wave = |n: usize, f: f64| (0..n).map(|i| (i as f64 * f).cos()).collect::<Vec<f64>>();
    for (a, b, out) in forms {
        let (sa, sb, so) = (sizes(a), sizes(b), sizes(out));
        let (na, nb) = (wave(sa.iter().product(), 1.1), wave(sb.iter().product(), 0.3));
        let c = wave(so.iter().product(), 2.3);
        let contraction = letters(a, b, out);
        let plain = summed(&contraction, (&na, &sa), (&nb, &sb), &so);
        check(Op::Contract(contraction.clone()), &[(&na, &sa), (&nb, &sb)], &so, &plain);
        let scale = (-0.3f64).to_bits();
        let scaled: Vec<f64> = plain.iter().map(|x| x * -0.15).collect();
        let op = PlanOp::ScaledContract { contraction: contraction.clone(), scale, over_batch: true };
        let actual = apply(op, Kind::Double, &[(&na, &sa), (&nb, &sb)], &so);
        assert_close(&actual, &scaled, 1e-13, &format!("scaled {a},{b}->{out}"));
        let added: Vec<f64> = plain.iter().zip(&c).map(|(x, c)| c - 0.3 * x).collect();
        let op = PlanOp::AccumulateContract { contraction, scale, over_batch: false };
        let actual = apply(op, Kind::Double, &[(&na, &sa), (&nb, &sb), (&c, &so)], &so);
        assert_close(&actual, &added, 1e-13, &format!("accumulated {a},{b}->{out}"));
    }
}

#[test]
fn groups_of_operations() {
    // (a * 2 + b) where b < a, else -b
    let fused = |op: Op, operands: &[u16]| FusedOp { op, operands: operands.to_vec() };
    let group = PlanOp::Fused(vec![
        fused(Op::constant(2.0), &[]),
        fused(Op::Binary(Binary::Multiply), &[0, 2]),
        fused(Op::Binary(Binary::Add), &[3, 1]),
        fused(Op::Binary(Binary::Less), &[1, 0]),
        fused(Op::Unary(Unary::Negate), &[1]),
        fused(Op::Select, &[5, 4, 6]),
    ]);
    let actual = apply(group, Kind::Float, &[(&[1.0, 5.0, 3.0, 0.0], &[2, 2]), (&[2.0, 4.0], &[2])], &[2, 2]);
    assert_eq!(actual, [-2.0, 14.0, 8.0, -4.0]);
    let actual = apply(
        PlanOp::AddScaled { scale: 0.5f64.to_bits() },
        Kind::Float,
        &[(&[1.0, 2.0], &[2]), (&[4.0, 6.0], &[2])],
        &[2],
    );
    assert_eq!(actual, [3.0, 5.0]);
}

#[test]
fn larger_products_have_the_bits_of_no_particular_vectors() {
    let wave = |n: usize, f: f64| (0..n).map(|i| (i as f64 * f).cos()).collect::<Vec<f64>>();
    for (m, k, n) in [(32, 64, 64), (33, 17, 10), (10, 32, 71), (5, 200, 9), (1, 64, 50), (64, 1, 3)] {
        let (a, b) = (wave(m * k, 1.1), wave(k * n, 0.7));
        let forms = [
            ("mk", "kn", [m, k], [k, n]),
            ("mk", "nk", [m, k], [n, k]),
            ("km", "kn", [k, m], [k, n]),
            ("km", "nk", [k, m], [n, k]),
        ];
        for (la, lb, sa, sb) in forms {
            for (out, size) in [("mn", [m, n]), ("nm", [n, m])] {
                let args: &[(&[f64], &[usize])] = &[(&a, &sa), (&b, &sb)];
                let op = PlanOp::Op(Op::Contract(letters(la, lb, out)));
                let slow = apply_with(&op, Kind::Float, None, args, &size);
                let fast = apply_with(&op, Kind::Float, detect(""), args, &size);
                assert_close(&fast, &slow, 2e-5, &format!("{la},{lb}->{out} {m} {k} {n}"));
                #[cfg(target_arch = "x86_64")]
                if detect("") == Some(Level::Widest) {
                    assert_eq!(fast, apply_with(&op, Kind::Float, Some(Level::Wide), args, &size));
                }
            }
        }
    }
}
