//! Plans walked by differentiable libtorch calls: values as the slow evaluator's, gradients as the plan's own update.

use crate::graphs::{recipes, spec};
use crate::random::cases;
use crate::sim::{Sim, close, difference, single};
use proptest::prelude::*;
use tch::{Device, Kind, Tensor};
use trine::ops::{Binary, Contraction, Op, Reduction, Unary};
use trine::plan::{Dim, PlanOp, Program, Read, Shape};

fn sizes(shape: &Shape, batch: usize) -> Vec<i64> {
    shape.iter().map(|d| if let Dim::Fixed(n) = d { *n as i64 } else { batch as i64 }).collect()
}

fn tensor(numbers: &[f64], size: &[i64]) -> Tensor {
    Tensor::from_slice(numbers).reshape(size)
}

/// Every value of a program, with the leaves of its slots.
fn walk(sim: &Sim, program: &Program, rows: &[usize]) -> (Vec<Tensor>, Vec<Tensor>) {
    let shapes = sim.plan.slots.iter().map(|s| s.shape.iter().map(|n| *n as i64).collect::<Vec<_>>());
    let leaves: Vec<Tensor> =
        sim.slots.iter().zip(shapes).map(|(x, s)| tensor(x, &s).set_requires_grad(true)).collect();
    let mut values: Vec<Tensor> = program.values.iter().map(|_| Tensor::new()).collect();
    for instr in &program.instrs {
        let size = sizes(&program.value(instr.out).shape, rows.len());
        let args: Vec<&Tensor> = instr.args.iter().map(|a| &values[a.0 as usize]).collect();
        let by =
            |scale: u64, over_batch: bool| f64::from_bits(scale) / if over_batch { rows.len() as f64 } else { 1.0 };
        let value = match &instr.op {
            PlanOp::Read(Read::Slot(s)) => leaves[s.0 as usize].shallow_clone(),
            PlanOp::Read(Read::Field(f)) => {
                let width: usize = sim.plan.fields[f.0 as usize].shape.iter().product();
                let of = |r: &usize| sim.fields[f.0 as usize][r * width..(r + 1) * width].to_vec();
                tensor(&rows.iter().flat_map(of).collect::<Vec<f64>>(), &size)
            }
            PlanOp::Read(Read::Number(n)) => tensor(&[sim.numbers[*n as usize]], &[]),
            PlanOp::Read(other) => panic!("{other:?} is not read here"),
            PlanOp::Op(op) => apply(op, &args, &size),
            PlanOp::ScaledContract { contraction, scale, over_batch } => {
                contract(contraction, args[0], args[1]) * by(*scale, *over_batch)
            }
            PlanOp::AccumulateContract { contraction, scale, over_batch } => {
                args[2] + contract(contraction, args[0], args[1]) * by(*scale, *over_batch)
            }
            PlanOp::AddScaled { scale } => args[0] + args[1] * f64::from_bits(*scale),
            PlanOp::Fused(ops) => {
                let mut known: Vec<Tensor> = args.iter().map(|t| t.expand(&size, false)).collect();
                for f in ops {
                    let operands: Vec<&Tensor> = f.operands.iter().map(|i| &known[*i as usize]).collect();
                    known.push(apply(&f.op, &operands, &size).expand(&size, false));
                }
                known.pop().expect("a group is not empty")
            }
        };
        assert_eq!(value.size(), size, "{:?}", instr.op);
        values[instr.out.0 as usize] = value;
    }
    (values, leaves)
}

fn contract(c: &Contraction, a: &Tensor, b: &Tensor) -> Tensor {
    let mut known: Vec<u8> = Vec::new();
    let mut letters = |own: &[u8]| -> String {
        own.iter()
            .map(|l| {
                let at = known.iter().position(|k| k == l).unwrap_or_else(|| {
                    known.push(*l);
                    known.len() - 1
                });
                char::from(b'a' + at as u8)
            })
            .collect()
    };
    let equation = format!("{},{}->{}", letters(&c.a), letters(&c.b), letters(&c.out));
    Tensor::einsum(&equation, &[a, b], None::<i64>)
}

fn apply(op: &Op, args: &[&Tensor], size: &[i64]) -> Tensor {
    let axes = |list: &[usize]| list.iter().map(|i| *i as i64).collect::<Vec<i64>>();
    match op {
        Op::Const(bits) => tensor(&[f64::from_bits(*bits)], &[]),
        Op::Iota(n) => Tensor::arange(*n as i64, (Kind::Double, Device::Cpu)),
        Op::Random { .. } => panic!("nothing is drawn here"),
        Op::Unary(op) => unary(*op, args[0]),
        Op::Binary(op) => binary(*op, args[0], args[1]),
        Op::Select => args[1].where_self(&args[0].ne(0.0), args[2]),
        Op::Contract(c) => contract(c, args[0], args[1]),
        Op::Reduce { how, axes: list } => match how {
            Reduction::Sum => args[0].sum_dim_intlist(axes(list), false, Kind::Double),
            Reduction::Mean => args[0].mean_dim(axes(list), false, Kind::Double),
            Reduction::Max => args[0].amax(axes(list), false),
            Reduction::Min => args[0].amin(axes(list), false),
        },
        Op::Reshape => args[0].reshape(size),
        Op::Permute { order } => args[0].permute(axes(order)),
        Op::Expand { axes } => {
            axes.iter().fold(args[0].shallow_clone(), |t, i| t.unsqueeze(*i as i64)).expand(size, false)
        }
        Op::Slice { axis, start, length } => args[0].narrow(*axis as i64, *start as i64, *length as i64),
        Op::Embed { axis, start, length } => {
            let own = args[0].size()[*axis];
            let zeros = |n: i64| {
                let mut s = args[0].size();
                s[*axis] = n;
                Tensor::zeros(s, (Kind::Double, Device::Cpu))
            };
            let rest = *length as i64 - own - *start as i64;
            Tensor::cat(&[zeros(*start as i64), args[0].shallow_clone(), zeros(rest)], *axis as i64)
        }
        Op::Concat { axis } => Tensor::cat(args, *axis as i64),
        Op::Unfold { axis, size: width, stride, dilation } => args[0]
            .index_select(*axis as i64, &windows(size[*axis], *width as i64, *stride, *dilation))
            .reshape([&size[..*axis], &[size[*axis], *width as i64], &size[*axis + 1..size.len() - 1]].concat())
            .movedim_int(*axis as i64 + 1, -1),
        Op::Fold { axis, stride, dilation, .. } => {
            let own = args[0].size();
            let (count, width) = (own[*axis], own[own.len() - 1]);
            let flat = [&own[..*axis], &[count * width], &own[*axis + 1..own.len() - 1]].concat();
            Tensor::zeros(size, (Kind::Double, Device::Cpu)).index_add(
                *axis as i64,
                &windows(count, width, *stride, *dilation),
                &args[0].movedim_int(-1, *axis as i64 + 1).reshape(flat),
            )
        }
        Op::Softmax => args[0].softmax(-1, Kind::Double),
        Op::LogSoftmax => args[0].log_softmax(-1, Kind::Double),
        Op::LogSumExp => args[0].logsumexp(-1, false),
        Op::ArgMax => args[0].argmax(-1, false).to_kind(Kind::Double),
        Op::Rank => args[0].argsort(-1, true).argsort(-1, false).to_kind(Kind::Double) + 1.0,
        Op::OneHot { classes } => {
            let labels = Tensor::arange(*classes as i64, (Kind::Double, Device::Cpu));
            args[0].unsqueeze(-1).eq_tensor(&labels).to_kind(Kind::Double)
        }
        Op::CumulativeSum { axis } => args[0].cumsum(*axis as i64, Kind::Double),
    }
}

/// The positions of the elements of all windows, one window after the other.
fn windows(count: i64, width: i64, stride: usize, dilation: usize) -> Tensor {
    let at = |i| (0..width).map(move |j| i * stride as i64 + j * dilation as i64);
    Tensor::from_slice(&(0..count).flat_map(at).collect::<Vec<i64>>())
}

fn unary(op: Unary, x: &Tensor) -> Tensor {
    match op {
        Unary::Negate => x.neg(),
        Unary::Not => x.eq(0.0).to_kind(Kind::Double),
        Unary::Exp => x.exp(),
        Unary::Expm1 => x.expm1(),
        Unary::Log => x.log(),
        Unary::Log1p => x.log1p(),
        Unary::Sqrt => x.sqrt(),
        Unary::Square => x.square(),
        Unary::Reciprocal => x.reciprocal(),
        Unary::Abs => x.abs(),
        Unary::Sign => x.sign(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Tanh => x.tanh(),
        Unary::Sigmoid => x.sigmoid(),
        Unary::Softplus => x.logaddexp(&x.zeros_like()),
        Unary::Relu => x.relu(),
        Unary::Erf => x.erf(),
        Unary::Floor => x.floor(),
        Unary::IsFinite => x.isfinite().to_kind(Kind::Double),
    }
}

fn binary(op: Binary, a: &Tensor, b: &Tensor) -> Tensor {
    let number = |t: Tensor| t.to_kind(Kind::Double);
    match op {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::Power => a.pow(b),
        Binary::Min => a.minimum(b),
        Binary::Max => a.maximum(b),
        Binary::Atan2 => a.atan2(b),
        Binary::Equal => number(a.eq_tensor(b)),
        Binary::NotEqual => number(a.ne_tensor(b)),
        Binary::Less => number(a.lt_tensor(b)),
        Binary::LessEqual => number(a.le_tensor(b)),
        Binary::And => number(a.ne(0.0).logical_and(&b.ne(0.0))),
        Binary::Or => number(a.ne(0.0).logical_or(&b.ne(0.0))),
    }
}

fn numbers(t: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(t.detach().contiguous().view(-1)).expect("numbers")
}

/// The update of steps of length 1 is minus what libtorch finds by its own tape.
fn compare(text: &str, examples: usize) {
    let sim = single(text);
    let rows: Vec<usize> = (0..examples).collect();
    let (values, leaves) = walk(&sim, &sim.plan.step, &rows);
    let after = sim.proposal(&rows);
    for (slot, v) in &sim.plan.step.slot_writes {
        let (found, expected) = (numbers(&values[v.0 as usize]), &after[slot.0 as usize]);
        close(&format!("values of {}\n{text}", sim.plan.slots[slot.0 as usize].name), &found, expected, 1e-11);
    }
    let loss = &values[sim.plan.step.outputs[0].0 as usize];
    if !loss.requires_grad() {
        return;
    }
    loss.backward();
    for (i, leaf) in leaves.iter().enumerate() {
        let grad = leaf.grad();
        let own: Vec<f64> = difference(&sim.slots[i], &after[i]);
        let tape = if grad.defined() { numbers(&grad) } else { vec![0.0; own.len()] };
        // The subtraction of the old weights leaves their rounding.
        let size = sim.slots[i].iter().chain(&tape).fold(1.0f64, |m, x| m.max(x.abs()));
        let off = difference(&own, &tape).iter().fold(0.0f64, |m, x| m.max(x.abs()));
        assert!(off <= 1e-10 * size, "{}: {own:?}, but by the tape {tape:?}\n{text}", sim.plan.slots[i].name);
    }
}

proptest! {
    #![proptest_config(cases(64, "tests/random/autograd.txt"))]

    #[test]
    fn backprop_is_libtorchs_gradient_on_random_graphs(recipe in recipes()) {
        compare(&spec(&recipe).text("backprop(sgd(1))", ""), recipe.examples);
    }
}

/// Every function of the table that has a derivative, through a loss of its own.
#[test]
fn every_function_has_libtorchs_derivative() {
    let losses = [
        "exp(z)",
        "expm1(z)",
        "log(0.5 + square(z))",
        "log1p(square(z))",
        "sqrt(0.5 + square(z))",
        "abs(z)",
        "sin(z)",
        "cos(z)",
        "tanh(z)",
        "sigmoid(9 * z)",
        "softplus(30 * z)",
        "relu(z)",
        "erf(z)",
        "min(z, c)",
        "max(z, c)",
        "sin(atan2(z, c))",
        "softmax(z)",
        "log_softmax(z)",
        "logsumexp(z) * c",
        "largest(z) * c",
        "smallest(z) * c",
        "mean(z) * z",
        "outer(z, c) @ z",
        "transpose(outer(z, c)) @ z",
        "row_sums(outer(z, sin(z)))",
        "column_sums(outer(z, sin(z)))",
        "identity(6) @ z",
        "(1 + square(z))^c",
        "z[1] * z",
        "gelu(z)",
        "silu(z)",
        "elu(z)",
        "leaky_relu(z)",
        "if z > c then square(z) else z",
        "z / (2 + norm(z))",
        "softmax(outer(z, z)) @ c",
        "sum(square(largest(unfold(z, 1, 3, padding = 1), over = 2))) * c",
        "sum(square(row_sums(unfold(z, 1, 2, stride = 2)))) * z",
        "tanh(fold(unfold(sin(z), 1, 2, dilation = 3), 1, 6, stride = 2)) * z",
    ];
    for loss in losses {
        compare(
            &format!(
                "language 0.1\nuse std.rules: backprop\n\ntask t() {{\n  draw x: [6] ~ normal(0, 1)\n  \
                 draw c: [6] ~ normal(0, 1)\n  split train 5\n}}\n\narchitecture net(x: [6], c: [6]) {{\n  \
                 output z: [6] = diagonal(x)\n}}\n\nexperiment e {{\n  task = t()\n  architecture = net(task.x, task.c)\n  \
                 objective = minimize dot({loss}, c)\n  rule = backprop(sgd(1))\n  train = 1 epochs\n  batch = 5\n  \
                 seeds = 1\n  precision = float64\n}}\n"
            ),
            5,
        );
    }
}
