//! Programs made by hand and at random, through the passes and the reference evaluator.

use super::passes::optimize_program;
use super::reference::run;
use super::verify::{Place, infer, verify, verify_program};
use super::*;
use crate::ops::{Binary, Contraction, Distribution, Reduction};
use proptest::prelude::*;

#[path = "../../tests/random/mod.rs"]
mod random;

const B: Dim = Dim::Batch;

fn f(n: usize) -> Dim {
    Dim::Fixed(n)
}

/// A program under construction; shapes are inferred.
#[derive(Default)]
struct Make {
    p: Program,
}

impl Make {
    fn put(&mut self, op: PlanOp, args: &[ValueId], shape: Shape) -> ValueId {
        let out = ValueId(self.p.values.len() as u32);
        self.p.values.push(Value { shape, name: None });
        self.p.instrs.push(Instr { op, args: args.to_vec(), out, span: Span::default() });
        out
    }

    fn op(&mut self, op: Op, args: &[ValueId]) -> ValueId {
        let shapes: Vec<&[Dim]> = args.iter().map(|a| self.p.value(*a).shape.as_slice()).collect();
        let shape = infer(&PlanOp::Op(op.clone()), &shapes, &[]).unwrap();
        self.put(PlanOp::Op(op), args, shape)
    }

    fn binary(&mut self, op: Binary, a: ValueId, b: ValueId) -> ValueId {
        self.op(Op::Binary(op), &[a, b])
    }

    fn negate(&mut self, a: ValueId) -> ValueId {
        self.op(Op::Unary(Unary::Negate), &[a])
    }

    fn number(&mut self, c: f64) -> ValueId {
        self.op(Op::constant(c), &[])
    }

    fn read(&mut self, read: Read) -> ValueId {
        let shape = match read {
            Read::Slot(SlotId(0)) => vec![f(3), f(4)],
            Read::Slot(_) => vec![f(3)],
            Read::Field(_) => vec![B, f(4)],
            _ => vec![],
        };
        self.put(PlanOp::Read(read), &[], shape)
    }

    fn contract(&mut self, spec: &str, a: ValueId, b: ValueId) -> ValueId {
        self.op(Op::Contract(letters(spec)), &[a, b])
    }

    fn optimized(mut self, write: &[(u32, ValueId)], outputs: &[ValueId]) -> Program {
        self.p.slot_writes = write.iter().map(|(s, v)| (SlotId(*s), *v)).collect();
        self.p.outputs = outputs.to_vec();
        let before = self.p.clone();
        optimized_checked(&mut self.p);
        let (a, b) = (results(&before, 5), results(&self.p, 5));
        assert_close(&a, &b, 1e-12);
        self.p
    }
}

/// `bi,oi->bo`
fn letters(spec: &str) -> Contraction {
    let (args, out) = spec.split_once("->").unwrap();
    let (a, b) = args.split_once(',').unwrap();
    Contraction { a: a.into(), b: b.into(), out: out.into() }
}

fn plan(step: Program) -> Plan {
    let slot = |name: &str, shape: &[usize]| Slot { name: name.into(), shape: shape.to_vec(), span: Span::default() };
    let field = Field { name: "x".into(), shape: vec![4], per_replicate: false, labels: None, span: Span::default() };
    let mut init = Make::default();
    for (i, shape) in [vec![f(3), f(4)], vec![f(3)]].into_iter().enumerate() {
        let zero = init.number(0.5);
        let axes = (0..shape.len()).collect();
        let v = init.put(PlanOp::Op(Op::Expand { axes }), &[zero], shape);
        init.p.slot_writes.push((SlotId(i as u32), v));
    }
    Plan {
        name: "hand-made".into(),
        precision: Precision::Float64,
        slots: vec![slot("h <- x: W", &[3, 4]), slot("h: b", &[3])],
        numbers: vec!["rate".into()],
        fields: vec![field],
        data: None,
        splits: vec![Split { name: "train".into(), size: 0 }],
        init: init.p,
        prepare: Program::default(),
        step,
        measures: vec![],
        schedule: Schedule { length: Length::Steps(1), batch: 5, split: 0, chunk: 64 },
    }
}

/// Optimizes, verifying after each pass.
fn optimized_checked(program: &mut Program) {
    let tables = plan(Program::default());
    let check = &mut |pass: &str, p: &Program| {
        if let Err(fault) = verify_program(&tables, p, Place::Measure) {
            assert!(fault.contains("outside of init and step"), "{pass}: {fault}\n{p:#?}");
        }
    };
    check("before", program);
    optimize_program(program, 5, check);
}

fn inputs(read: Read, batch: usize) -> Vec<f64> {
    let (seed, count) = match read {
        Read::Slot(SlotId(0)) => (1, 12),
        Read::Slot(_) => (2, 3),
        Read::Field(_) => (3, 4 * batch),
        _ => return vec![0.3],
    };
    (0..count).map(|i| ((i * 7 + seed * 13) % 23) as f64 / 7.0 - 1.4).collect()
}

fn draw(_: Distribution, name: &str, count: usize) -> Vec<f64> {
    (0..count).map(|i| ((i * 5 + name.len() * 11) % 17) as f64 / 9.0 - 0.7).collect()
}

/// Elements of everything that leaves a program.
fn results(program: &Program, batch: usize) -> Vec<Vec<f64>> {
    let values = run(program, batch, &|r| inputs(r, batch), &mut draw).unwrap();
    let writes = program.slot_writes.iter().map(|w| w.1);
    writes.chain(program.outputs.iter().copied()).map(|id| values[id.0 as usize].clone()).collect()
}

fn assert_close(a: &[Vec<f64>], b: &[Vec<f64>], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.len(), b.len());
        // Of what cancels, the last bits of the largest element are the scale.
        let largest = a.iter().filter(|x| x.is_finite()).fold(1.0, |m: f64, x| m.max(x.abs()));
        for (x, y) in a.iter().zip(b) {
            let same = x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= tolerance * largest;
            assert!(same, "{x} became {y}");
        }
    }
}

fn ops(p: &Program) -> Vec<&PlanOp> {
    p.instrs.iter().map(|i| &i.op).filter(|op| !matches!(op, PlanOp::Read(_))).collect()
}

#[test]
fn a_weight_update_becomes_one_call() {
    let mut m = Make::default();
    let (w, x) = (m.read(Read::Slot(SlotId(0))), m.read(Read::Field(FieldId(0))));
    let drive = m.contract("bi,oi->bo", x, w);
    let outer = m.contract("bo,bi->boi", drive, x);
    let rate = m.number(0.1);
    let step = m.binary(Binary::Multiply, rate, outer);
    let step = m.negate(step);
    let mean = m.op(Op::Reduce { how: Reduction::Mean, axes: vec![0] }, &[step]);
    let new = m.binary(Binary::Add, w, mean);
    let p = m.optimized(&[(0, new)], &[]);
    let expected =
        PlanOp::AccumulateContract { contraction: letters("bo,bi->oi"), scale: (-0.1f64).to_bits(), over_batch: true };
    assert_eq!(ops(&p)[1..], [&expected], "{p:#?}");
    assert!(verify(&plan(p)).is_ok());
}

#[test]
fn an_unknown_rate_goes_into_the_smaller_operand() {
    let mut m = Make::default();
    let (w, x, b) = (m.read(Read::Slot(SlotId(0))), m.read(Read::Field(FieldId(0))), m.read(Read::Slot(SlotId(1))));
    let rate = m.read(Read::Number(0));
    let x = m.op(Op::Reduce { how: Reduction::Mean, axes: vec![0] }, &[x]);
    let outer = m.contract("o,i->oi", b, x);
    let step = m.binary(Binary::Multiply, rate, outer);
    let new = m.binary(Binary::Subtract, w, step);
    let p = m.optimized(&[(0, new)], &[]);
    let scaled = p.instrs.iter().find(|i| i.op == PlanOp::Op(Op::Binary(Binary::Multiply))).unwrap();
    assert_eq!(p.value(scaled.out).shape, vec![f(3)]);
    let contraction = letters("o,i->oi");
    let scale = (-1f64).to_bits();
    assert_eq!(ops(&p).last(), Some(&&PlanOp::AccumulateContract { contraction, scale, over_batch: false }));
}

#[test]
fn constants_fold_and_stay_views() {
    let mut m = Make::default();
    let (a, b) = (m.number(2.0), m.number(3.0));
    let table = m.put(PlanOp::Op(Op::Expand { axes: vec![0] }), &[a], vec![f(3)]);
    let sum = m.binary(Binary::Add, table, b);
    let root = m.op(Op::Unary(Unary::Square), &[sum]);
    let p = m.optimized(&[(1, root)], &[]);
    assert_eq!(ops(&p), [&PlanOp::Op(Op::constant(25.0)), &PlanOp::Op(Op::Expand { axes: vec![0] })]);
}

#[test]
fn identities_vanish_and_equal_values_are_one() {
    let mut m = Make::default();
    let x = m.read(Read::Field(FieldId(0)));
    let one = m.number(1.0);
    let y = m.binary(Binary::Multiply, x, one);
    let y = m.negate(y);
    let y = m.negate(y);
    let flat = m.put(PlanOp::Op(Op::Reshape), &[y], vec![B, f(2), f(2)]);
    let y = m.put(PlanOp::Op(Op::Reshape), &[flat], vec![B, f(4)]);
    let (s, t) = (m.op(Op::Unary(Unary::Tanh), &[x]), m.op(Op::Unary(Unary::Tanh), &[y]));
    let unread = m.op(Op::Unary(Unary::Exp), &[x]);
    m.op(Op::Unary(Unary::Sin), &[unread]);
    let p = m.optimized(&[], &[s, t]);
    assert_eq!(ops(&p), [&PlanOp::Op(Op::Unary(Unary::Tanh))]);
    assert_eq!(p.outputs[0], p.outputs[1]);
}

#[test]
fn a_zero_that_may_be_negative_is_kept() {
    let mut m = Make::default();
    let x = m.read(Read::Field(FieldId(0)));
    let zero = m.number(0.0);
    let kept = m.binary(Binary::Add, x, zero);
    let square = m.op(Op::Unary(Unary::Square), &[x]);
    let gone = m.binary(Binary::Add, square, zero);
    let p = m.optimized(&[], &[kept, gone]);
    assert_eq!(ops(&p).iter().filter(|op| ***op == PlanOp::Op(Op::Binary(Binary::Add))).count(), 1);
}

#[test]
fn a_contraction_that_others_read_is_not_taken() {
    let mut m = Make::default();
    let (w, x) = (m.read(Read::Slot(SlotId(0))), m.read(Read::Field(FieldId(0))));
    let drive = m.contract("bi,oi->bo", x, w);
    let half = m.number(0.5);
    let scaled = m.binary(Binary::Multiply, drive, half);
    let p = m.optimized(&[], &[drive, scaled]);
    assert_eq!(ops(&p).iter().filter(|op| matches!(op, PlanOp::Op(Op::Contract(_)))).count(), 1);
    assert!(!ops(&p).iter().any(|op| matches!(op, PlanOp::ScaledContract { .. })));
}

#[test]
fn an_update_with_a_decay_is_two_calls() {
    let mut m = Make::default();
    let (w, x) = (m.read(Read::Slot(SlotId(0))), m.read(Read::Field(FieldId(0))));
    let drive = m.contract("bi,oi->bo", x, w);
    let outer = m.contract("bo,bi->boi", drive, x);
    let mean = m.op(Op::Reduce { how: Reduction::Mean, axes: vec![0] }, &[outer]);
    let (decay, rate) = (m.number(0.01), m.number(0.5));
    let decayed = m.binary(Binary::Multiply, decay, w);
    let step = m.binary(Binary::Subtract, mean, decayed);
    let step = m.binary(Binary::Multiply, rate, step);
    let new = m.binary(Binary::Subtract, w, step);
    let p = m.optimized(&[(0, new)], &[]);
    let decay = PlanOp::AddScaled { scale: 0.005f64.to_bits() };
    let contraction = letters("bo,bi->oi");
    let update = PlanOp::AccumulateContract { contraction, scale: (-0.5f64).to_bits(), over_batch: true };
    assert_eq!(ops(&p)[1..], [&decay, &update], "{p:#?}");
}

#[test]
fn what_differs_in_sign_only_is_computed_once() {
    let mut m = Make::default();
    let (w, x) = (m.read(Read::Slot(SlotId(0))), m.read(Read::Field(FieldId(0))));
    let slope = m.op(Op::Unary(Unary::Cos), &[x]);
    let drive = m.contract("bi,oi->bo", x, w);
    let up = m.contract("bo,oi->bi", drive, w);
    let up = m.binary(Binary::Multiply, up, slope);
    let down = m.negate(drive);
    let down = m.contract("bo,oi->bi", down, w);
    let down = m.binary(Binary::Multiply, slope, down);
    let both = m.binary(Binary::Subtract, up, down);
    let half = m.number(0.5);
    let mean = m.binary(Binary::Multiply, both, half);
    let p = m.optimized(&[], &[mean]);
    let contractions = ops(&p).iter().filter(|op| matches!(op, PlanOp::Op(Op::Contract(_)))).count();
    assert_eq!(contractions, 2, "{p:#?}");
    assert!(!ops(&p).iter().any(|op| matches!(op, PlanOp::ScaledContract { .. })), "{p:#?}");
}

#[test]
fn a_mean_of_squares_is_one_contraction() {
    let mut m = Make::default();
    let x = m.read(Read::Field(FieldId(0)));
    let square = m.op(Op::Unary(Unary::Square), &[x]);
    let mean = m.op(Op::Reduce { how: Reduction::Mean, axes: vec![0] }, &[square]);
    let sum = m.op(Op::Reduce { how: Reduction::Sum, axes: vec![0] }, &[mean]);
    let half = m.number(0.5);
    let loss = m.binary(Binary::Multiply, half, sum);
    let p = m.optimized(&[], &[loss]);
    assert!(matches!(ops(&p)[..], [PlanOp::ScaledContract { over_batch: true, .. }]), "{p:#?}");
    let cost = cost::cost(&p, 5, Precision::Float32);
    assert_eq!((cost.operations, cost.bytes, cost.memory), (20, 4 * 41, 4));
}

#[test]
fn faults_are_found() {
    let fault = |change: &dyn Fn(&mut Make) -> Option<ValueId>| {
        let mut m = Make::default();
        let write = change(&mut m);
        m.p.slot_writes.extend(write.map(|v| (SlotId(0), v)));
        verify(&plan(m.p)).unwrap_err()
    };
    let late = fault(&|m| Some(m.put(PlanOp::Op(Op::Unary(Unary::Exp)), &[ValueId(0)], vec![f(3), f(4)])));
    assert!(late.contains("before it is defined"), "{late}");
    let wrong = fault(&|m| {
        let w = m.read(Read::Slot(SlotId(0)));
        Some(m.put(PlanOp::Op(Op::Unary(Unary::Exp)), &[w], vec![f(4), f(3)]))
    });
    assert!(wrong.contains("the shape is [3, 4], not [4, 3]"), "{wrong}");
    let batched = fault(&|m| Some(m.read(Read::Field(FieldId(0)))));
    assert!(batched.contains("slot `h <- x: W` is [3, 4], and [batch, 4] is written"), "{batched}");
    let missing = fault(&|m| Some(m.put(PlanOp::Read(Read::Slot(SlotId(9))), &[], vec![])));
    assert!(missing.contains("slot 9 does not exist"), "{missing}");
    let turned = fault(&|m| {
        let x = m.read(Read::Field(FieldId(0)));
        let order = vec![1, 0];
        Some(m.put(PlanOp::Op(Op::Permute { order }), &[x], vec![f(4), B]))
    });
    assert!(turned.contains("[4, batch] is written"), "{turned}");
}

/// One choice of a random program: an operation, and which values it is of.
type Choice = (u8, usize, usize, usize);

/// Adds what a choice asks for, if the values that it hits allow it.
fn grow(m: &mut Make, (kind, i, j, n): Choice) {
    let count = m.p.values.len();
    // What is new is read first, and sums are mostly of equal shapes, so that there is something to fuse.
    let a = ValueId((count - 1 - (i % count).min(i % 5)) as u32);
    let peers: Vec<ValueId> =
        (0..count as u32).map(ValueId).filter(|v| kind > 2 || m.p.value(*v).shape == m.p.value(a).shape).collect();
    let b = peers[j % peers.len()];
    let (sa, sb) = (m.p.value(a).shape.clone(), m.p.value(b).shape.clone());
    let lead = usize::from(sa.first() == Some(&B));
    let elements: usize = sa.iter().map(|d| if let Dim::Fixed(n) = d { *n } else { 1 }).product();
    let spec = |s: &[Dim], own: u8| -> Vec<u8> {
        s.iter().map(|d| if let Dim::Fixed(n) = d { b'a' + *n as u8 } else { own }).collect()
    };
    let op = match kind % 16 {
        0..=3 => Op::Binary([Binary::Add, Binary::Subtract, Binary::Multiply, Binary::Max][n % 4]),
        4 => Op::Unary([Unary::Tanh, Unary::Negate, Unary::Square, Unary::Relu, Unary::Sign, Unary::Abs][n % 6]),
        5 => {
            m.number([1.0, 0.0, -1.0, 0.5, 2.0, -0.0, 0.1][n % 7]);
            return;
        }
        6 | 7 if sa.len() + sb.len() <= 5 => {
            let (la, lb) = (spec(&sa, b'!'), spec(&sb, b'!'));
            let mut out: Vec<u8> = Vec::new();
            for (k, l) in la.iter().chain(&lb).enumerate() {
                if !out.contains(l) && (n >> k) & 1 == 0 {
                    out.push(*l);
                }
            }
            out.sort();
            Op::Contract(Contraction { a: la, b: lb, out })
        }
        8 | 9 if !sa.is_empty() => {
            let axis = n % sa.len();
            let how = if kind == 8 { Reduction::Mean } else { [Reduction::Sum, Reduction::Max][n % 2] };
            Op::Reduce { how, axes: if n % 3 == 0 && sa.len() > 1 { vec![0, 1] } else { vec![axis] } }
        }
        10 if sa.len() > lead => {
            let order = (0..lead).chain((lead..sa.len()).rev()).collect();
            Op::Permute { order }
        }
        11 if elements == 4 || elements == 12 => {
            let shape = sa[..lead].iter().copied().chain([f(elements / 2), f(2)]).collect();
            m.put(PlanOp::Op(Op::Reshape), &[a], shape);
            return;
        }
        12 if sa.len() < 3 => {
            let mut shape = sa.clone();
            shape.insert(lead, f(3));
            m.put(PlanOp::Op(Op::Expand { axes: vec![lead] }), &[a], shape);
            return;
        }
        13 if sa.len() > lead && sa[lead] != f(1) => match (n % 3, sa[lead]) {
            (0, Dim::Fixed(k)) => Op::Slice { axis: lead, start: 1, length: k - 1 },
            (1, Dim::Fixed(k)) => Op::Embed { axis: lead, start: 1, length: k + 1 },
            (_, Dim::Fixed(k)) if k > 1 && sa.len() < 4 && j % 2 == 0 => {
                Op::Unfold { axis: lead, size: 2, stride: 1 + j % 3, dilation: 1 + j % (k - 1) }
            }
            (_, Dim::Fixed(k)) if sa.len() > lead + 1 && sa.last().is_some_and(|d| *d != B) => {
                let Some(Dim::Fixed(size)) = sa.last().copied() else { return };
                Op::Fold { axis: lead, length: (k - 1) * (1 + j % 3) + size, stride: 1 + j % 3, dilation: 1 }
            }
            _ => Op::Softmax,
        },
        14 => {
            let stream = "noise".to_string();
            let op = Op::Random { distribution: Distribution::Normal, stream };
            m.put(PlanOp::Op(op), &[], vec![f(3), f(4)]);
            return;
        }
        15 => {
            let scale = m.number([-1.0, 0.5, 3.0, 0.1][j % 4]);
            let args = if n % 2 == 0 { [a, scale] } else { [scale, a] };
            m.binary(if n % 2 == 0 && n % 3 == 0 { Binary::Divide } else { Binary::Multiply }, args[0], args[1]);
            return;
        }
        _ => return,
    };
    let args: &[ValueId] = if matches!(op, Op::Binary(_) | Op::Contract(_)) { &[a, b] } else { &[a] };
    let shapes: Vec<&[Dim]> = args.iter().map(|a| m.p.value(*a).shape.as_slice()).collect();
    if let Ok(shape) = infer(&PlanOp::Op(op.clone()), &shapes, &[])
        && !shape.iter().skip(1).any(|d| *d == B)
        && shape.iter().map(|d| if let Dim::Fixed(n) = d { *n } else { 5 }).product::<usize>() < 2000
    {
        m.put(PlanOp::Op(op), args, shape);
    }
}

proptest! {
    #![proptest_config(random::cases(400, "tests/random/passes.txt"))]

    #[test]
    fn passes_keep_what_random_programs_compute(
        choices in prop::collection::vec((0..16u8, 0..40usize, 0..40usize, 0..64usize), 1..40),
        batch in 1..5usize,
        read in prop::collection::vec(0..60usize, 1..5),
    ) {
        let mut m = Make::default();
        for r in [Read::Slot(SlotId(0)), Read::Slot(SlotId(1)), Read::Field(FieldId(0)), Read::Number(0)] {
            m.read(r);
        }
        choices.into_iter().for_each(|c| grow(&mut m, c));
        let mut p = m.p;
        p.outputs = read.iter().map(|i| ValueId((p.values.len() - 1 - i % p.values.len()) as u32)).collect();
        let before = results(&p, batch);
        // Where numbers grow beyond all bounds, the order of additions is all there is to compare.
        prop_assume!(before.iter().flatten().all(|x| x.abs() < 1e6));
        optimized_checked(&mut p);
        assert_close(&before, &results(&p, batch), 1e-12);
        let mut again = p.clone();
        optimized_checked(&mut again);
        prop_assert_eq!(p, again);
    }
}

#[test]
fn a_plan_is_printed_with_its_tables_and_programs() {
    let mut m = Make::default();
    let (w, b) = (m.read(Read::Slot(SlotId(0))), m.read(Read::Slot(SlotId(1))));
    let x = m.read(Read::Field(FieldId(0)));
    let drive = m.contract("bi,oi->bo", x, w);
    let drive = m.binary(Binary::Add, drive, b);
    let rate = m.op(Op::Unary(Unary::Tanh), &[drive]);
    m.p.values[rate.0 as usize].name = Some("h.rate".into());
    let outer = m.contract("bo,bi->boi", rate, x);
    let mean = m.op(Op::Reduce { how: Reduction::Mean, axes: vec![0] }, &[outer]);
    let by = m.number(0.1);
    let step = m.binary(Binary::Multiply, mean, by);
    let new = m.binary(Binary::Add, w, step);
    let loss = m.op(Op::Reduce { how: Reduction::Mean, axes: vec![0, 1] }, &[rate]);
    let mut sources = crate::source::SourceMap::default();
    let file = sources.add("spec.trine", "a\nb = tanh\n");
    m.p.instrs[rate.0 as usize].span = Span::new(file, 2, 3);
    let p = m.optimized(&[(0, new)], &[loss]);
    let text = print::text(&plan(p), &sources);
    let expected = "\
plan hand-made, float64

slots: 15 numbers
  h <- x: W  [3, 4]  12
  h: b       [3]     3

numbers of a replicate: rate

fields of an example
  x  [4]

splits: train fresh
schedule: 1 step of train in batches of 5, measured 64 at a time

init, once a replicate: 0 multiply-adds, 0 B touched, 16 B of memory
  `h <- x: W` := expand(0.5, [3, 4])
  `h: b` := expand(0.5, [3])

step, once a batch of 5: 165 multiply-adds, 1.5 kB touched, 240 B of memory
  %0 [batch, 3] = contract(bi,ji->bj)(x, `h <- x: W`)
  %1 [batch, 3] = %0 + `h: b`
  %2 h.rate [batch, 3] = tanh(%1)                                       # spec.trine:2
  %3 [3, 4] = `h <- x: W` + 0.1/batch * contract(bi,bj->ij)(%2, x)
  %4 [] = mean(%2)
  `h <- x: W` := %3
  loss = %4
";
    assert_eq!(text, expected, "\n{text}");
}

#[test]
fn no_printed_line_is_longer_than_a_screen() {
    let mut m = Make::default();
    let x = m.read(Read::Field(FieldId(0)));
    let parts: Vec<ValueId> = (0..30).map(|_| m.op(Op::Unary(Unary::Exp), &[x])).collect();
    let all = m.op(Op::Concat { axis: 1 }, &parts);
    m.p.outputs.push(all);
    let text = print::text(&plan(m.p), &crate::source::SourceMap::default());
    assert!(text.lines().all(|l| l.chars().count() <= 120), "{text}");
}
