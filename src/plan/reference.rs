//! The slow, complete evaluator of a program: double precision, row-major, without libtorch.
//!
//! What a program means, in the plainest form; passes, derivatives and kernels are compared with it.

use super::verify::infer;
use super::{Dim, FusedOp, Instr, PlanOp, Program, Read, Shape};
use crate::ops::{Contraction, Distribution, Op, Reduction, scalar};

/// Numbers of a stream: distribution, name, how many.
pub type Draw<'a> = dyn FnMut(Distribution, &str, usize) -> Vec<f64> + 'a;

/// Runs a program on a batch of this size, and gives the elements of each value, by its index.
///
/// `inputs` gives the elements of what is read. An error is a program that does not verify, or an input whose
/// number of elements is not what its shape says.
pub fn run(
    program: &Program,
    batch: usize,
    inputs: &dyn Fn(Read) -> Vec<f64>,
    random: &mut Draw,
) -> Result<Vec<Vec<f64>>, String> {
    let mut values: Vec<Option<Tensor>> = vec![None; program.values.len()];
    for instr in &program.instrs {
        let declared = &program.values.get(instr.out.0 as usize).ok_or("a value that is not in the table")?.shape;
        let found: Option<Vec<&Tensor>> =
            instr.args.iter().map(|a| values.get(a.0 as usize).and_then(Option::as_ref)).collect();
        let args = found.ok_or_else(|| format!("%{} reads what is not defined", instr.out.0))?;
        let tensor = evaluate(program, instr, declared, &args, batch, inputs, random)
            .map_err(|fault| format!("%{} = {:?}: {fault}", instr.out.0, instr.op))?;
        values[instr.out.0 as usize] = Some(tensor);
    }
    values.into_iter().map(|v| v.map(|t| t.data).ok_or_else(|| "a value is never defined".into())).collect()
}

/// Elements in row-major order.
#[derive(Clone, Debug)]
struct Tensor {
    size: Vec<usize>,
    data: Vec<f64>,
}

fn evaluate(
    program: &Program,
    instr: &Instr,
    declared: &Shape,
    args: &[&Tensor],
    batch: usize,
    inputs: &dyn Fn(Read) -> Vec<f64>,
    random: &mut Draw,
) -> Result<Tensor, String> {
    let size = concrete(declared, batch);
    let count: usize = size.iter().product();
    if let PlanOp::Read(read) = instr.op {
        let data = inputs(read);
        if data.len() != count {
            return Err(format!("{} elements are given for {count}", data.len()));
        }
        return Ok(Tensor { size, data });
    }
    let shapes: Vec<&[Dim]> = instr.args.iter().map(|a| program.value(*a).shape.as_slice()).collect();
    if infer(&instr.op, &shapes, declared)? != *declared {
        return Err("the shape does not follow".into());
    }
    let divisor = |over_batch: bool| if over_batch { batch as f64 } else { 1.0 };
    let data = match &instr.op {
        PlanOp::Read(_) => vec![],
        PlanOp::Op(op) => operation(op, args, &size, random),
        PlanOp::ScaledContract { contraction, scale, over_batch } => {
            let scale = f64::from_bits(*scale) / divisor(*over_batch);
            contract(contraction, args[0], args[1], &size).into_iter().map(|x| x * scale).collect()
        }
        PlanOp::AccumulateContract { contraction, scale, over_batch } => {
            let scale = f64::from_bits(*scale) / divisor(*over_batch);
            let product = contract(contraction, args[0], args[1], &size);
            args[2].data.iter().zip(product).map(|(c, x)| c + scale * x).collect()
        }
        PlanOp::AddScaled { scale } => {
            let scale = f64::from_bits(*scale);
            args[0].data.iter().zip(&args[1].data).map(|(a, b)| a + scale * b).collect()
        }
        PlanOp::Fused(ops) => fused(ops, args, &size, random),
    };
    Ok(Tensor { size, data })
}

fn operation(op: &Op, args: &[&Tensor], size: &[usize], random: &mut Draw) -> Vec<f64> {
    let count: usize = size.iter().product();
    match op {
        Op::Const(bits) => vec![f64::from_bits(*bits)],
        Op::Iota(n) => (0..*n).map(|i| i as f64).collect(),
        Op::Random { distribution, stream } => {
            let mut data = random(*distribution, stream, count);
            data.resize(count, f64::NAN);
            data
        }
        Op::Unary(op) => args[0].data.iter().map(|x| scalar::unary(*op, *x)).collect(),
        Op::Binary(op) => {
            let (a, b) = (repeated(args[0], size), repeated(args[1], size));
            a.iter().zip(&b).map(|(a, b)| scalar::binary(*op, *a, *b)).collect()
        }
        Op::Select => {
            let [c, a, b] = [0, 1, 2].map(|i| repeated(args[i], size));
            (0..count).map(|i| if c[i] != 0.0 { a[i] } else { b[i] }).collect()
        }
        Op::Contract(c) => contract(c, args[0], args[1], size),
        Op::Reduce { how, axes } => reduce(*how, axes, args[0], size),
        Op::Reshape => args[0].data.clone(),
        Op::Permute { order } => {
            let own = strides(&args[0].size);
            let by: Vec<usize> = order.iter().map(|i| own[*i]).collect();
            gather(args[0], size, &by, 0)
        }
        Op::Expand { axes } => {
            let mut own = strides(&args[0].size).into_iter();
            let by: Vec<usize> =
                (0..size.len()).map(|i| if axes.contains(&i) { 0 } else { own.next().unwrap_or(0) }).collect();
            gather(args[0], size, &by, 0)
        }
        Op::Slice { axis, start, .. } => {
            let by = strides(&args[0].size);
            gather(args[0], size, &by, start * by[*axis])
        }
        Op::Embed { axis, start, .. } => {
            let mut data = vec![0.0; count];
            scatter(args[0], size, *axis, *start, &mut data);
            data
        }
        Op::Concat { axis } => {
            let mut data = vec![0.0; count];
            let mut start = 0;
            for arg in args {
                scatter(arg, size, *axis, start, &mut data);
                start += arg.size[*axis];
            }
            data
        }
        Op::Unfold { axis, stride, dilation, .. } => {
            let mut by = strides(&args[0].size);
            by.push(dilation * by[*axis]);
            by[*axis] *= stride;
            gather(args[0], size, &by, 0)
        }
        Op::Fold { axis, stride, dilation, .. } => {
            let mut data = vec![0.0; count];
            let (own, mut by) = (strides(&args[0].size), strides(size));
            by.push(dilation * by[*axis]);
            by[*axis] *= stride;
            for (i, value) in args[0].data.iter().enumerate() {
                let at: usize = (0..own.len()).map(|k| (i / own[k]) % args[0].size[k] * by[k]).sum();
                data[at] += value;
            }
            data
        }
        Op::CumulativeSum { axis } => {
            let mut data = args[0].data.clone();
            let by = strides(size);
            for i in 0..count {
                if !(i / by[*axis]).is_multiple_of(size[*axis]) {
                    data[i] += data[i - by[*axis]];
                }
            }
            data
        }
        Op::OneHot { classes } => {
            let is_label = |x: f64| x.fract() == 0.0 && (0.0..*classes as f64).contains(&x);
            let one = |k: usize, x: f64| if is_label(x) { f64::from(u8::from(k as f64 == x)) } else { f64::NAN };
            let hot = |x: &f64| (0..*classes).map(|k| one(k, *x)).collect::<Vec<_>>();
            args[0].data.iter().flat_map(hot).collect()
        }
        Op::Softmax | Op::LogSoftmax | Op::LogSumExp | Op::ArgMax | Op::Rank => {
            let width = args[0].size.last().copied().unwrap_or(1).max(1);
            args[0].data.chunks(width).flat_map(|x| row(op, x)).collect()
        }
    }
}

/// A function of the last axis.
fn row(op: &Op, x: &[f64]) -> Vec<f64> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = x.iter().map(|v| (v - largest).exp()).sum();
    let log_sum = largest + total.ln();
    match op {
        Op::Softmax => x.iter().map(|v| (v - largest).exp() / total).collect(),
        Op::LogSoftmax => x.iter().map(|v| v - log_sum).collect(),
        Op::LogSumExp => vec![log_sum],
        Op::ArgMax => vec![x.iter().position(|v| *v == largest).unwrap_or(0) as f64],
        _ => {
            let before = |i: usize, j: usize| x[j] > x[i] || (x[j] == x[i] && j < i);
            (0..x.len()).map(|i| 1.0 + (0..x.len()).filter(|j| before(i, *j)).count() as f64).collect()
        }
    }
}

/// Every combination of the letters' positions: the result's letters, then those that are summed.
fn contract(c: &Contraction, a: &Tensor, b: &Tensor, size: &[usize]) -> Vec<f64> {
    let mut letters = c.out.clone();
    for letter in c.a.iter().chain(&c.b) {
        if !letters.contains(letter) {
            letters.push(*letter);
        }
    }
    let extent = |letter: u8| {
        let of = |own: &[u8], t: &Tensor| own.iter().position(|l| *l == letter).map(|i| t.size[i]);
        of(&c.a, a).or_else(|| of(&c.b, b)).unwrap_or(1)
    };
    let sizes: Vec<usize> = letters.iter().map(|l| extent(*l)).collect();
    // A letter that occurs twice in an argument walks its diagonal.
    let by = |own: &[u8], t: &Tensor| -> Vec<usize> {
        let each = strides(&t.size);
        letters.iter().map(|l| own.iter().zip(&each).filter(|(o, _)| *o == l).map(|(_, s)| s).sum()).collect()
    };
    let (of_a, of_b) = (gather(a, &sizes, &by(&c.a, a), 0), gather(b, &sizes, &by(&c.b, b), 0));
    let summed: usize = sizes[c.out.len()..].iter().product();
    let count: usize = size.iter().product();
    (0..count).map(|i| (i * summed..(i + 1) * summed).map(|j| of_a[j] * of_b[j]).sum()).collect()
}

fn reduce(how: Reduction, axes: &[usize], x: &Tensor, size: &[usize]) -> Vec<f64> {
    let own = strides(&x.size);
    let order: Vec<usize> = (0..x.size.len()).filter(|i| !axes.contains(i)).chain(axes.iter().copied()).collect();
    let sizes: Vec<usize> = order.iter().map(|i| x.size[*i]).collect();
    let by: Vec<usize> = order.iter().map(|i| own[*i]).collect();
    let data = gather(x, &sizes, &by, 0);
    let group: usize = axes.iter().map(|i| x.size[*i]).product();
    let count: usize = size.iter().product();
    let one = |values: &[f64]| match how {
        Reduction::Sum => values.iter().sum(),
        Reduction::Mean => values.iter().sum::<f64>() / values.len() as f64,
        Reduction::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Reduction::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
    };
    (0..count).map(|i| one(&data[i * group..(i + 1) * group])).collect()
}

fn fused(ops: &[FusedOp], args: &[&Tensor], size: &[usize], random: &mut Draw) -> Vec<f64> {
    let mut known: Vec<Tensor> = args.iter().map(|t| Tensor { size: size.to_vec(), data: repeated(t, size) }).collect();
    for op in ops {
        let data = {
            let operands: Vec<&Tensor> = op.operands.iter().map(|i| &known[*i as usize]).collect();
            operation(&op.op, &operands, size, random)
        };
        let data = if data.len() == 1 { vec![data[0]; size.iter().product()] } else { data };
        known.push(Tensor { size: size.to_vec(), data });
    }
    known.pop().map(|t| t.data).unwrap_or_default()
}

/// An argument of an elementwise operation, repeated to the result's size.
fn repeated(t: &Tensor, size: &[usize]) -> Vec<f64> {
    let lead = size.len() - t.size.len();
    let own = strides(&t.size);
    let by: Vec<usize> =
        (0..size.len()).map(|i| if i < lead || t.size[i - lead] == 1 { 0 } else { own[i - lead] }).collect();
    gather(t, size, &by, 0)
}

/// Elements of a view of `t`, in order.
fn gather(t: &Tensor, size: &[usize], by: &[usize], start: usize) -> Vec<f64> {
    let count: usize = size.iter().product();
    let mut index = vec![0; size.len()];
    let mut data = Vec::with_capacity(count);
    for _ in 0..count {
        let at: usize = index.iter().zip(by).map(|(i, s)| i * s).sum();
        data.push(t.data[start + at]);
        for axis in (0..size.len()).rev() {
            index[axis] += 1;
            if index[axis] < size[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    data
}

/// Puts `t` into the elements from `start` on of an axis.
fn scatter(t: &Tensor, size: &[usize], axis: usize, start: usize, into: &mut [f64]) {
    let (own, by) = (strides(&t.size), strides(size));
    for (i, value) in t.data.iter().enumerate() {
        let at: usize = (0..size.len()).map(|k| (i / own[k]) % t.size[k] * by[k]).sum();
        into[at + start * by[axis]] = *value;
    }
}

fn strides(size: &[usize]) -> Vec<usize> {
    (0..size.len()).map(|i| size[i + 1..].iter().product()).collect()
}

fn concrete(shape: &[Dim], batch: usize) -> Vec<usize> {
    shape.iter().map(|d| if let Dim::Fixed(n) = d { *n } else { batch }).collect()
}
