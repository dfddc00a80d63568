//! A plan as text: what `trine plan` shows.
//!
//! First the tables (what a replicate keeps, what an example brings, how long it trains), then each program a line an
//! operation. Reads, constants and views are written where they are used; the rest is numbered from %0.

use super::cost::cost;
use super::verify::text as shape_text;
use super::{DataSource, Dim, Every, Instr, Length, Plan, PlanOp, Precision, Program, Read, ValueId};
use crate::ops::{Binary, Contraction, Distribution, Op, Reduction, Unary};
use crate::source::{SourceMap, Span};

/// No line is longer, but for a single name that is.
const WIDTH: usize = 120;
/// Where the place in the spec stands, if the line before it is shorter.
const PLACE: usize = 72;

/// The whole plan, ending in a newline.
pub fn text(plan: &Plan, sources: &SourceMap) -> String {
    let mut out = tables(plan);
    let programs = [("init", "once a replicate", &plan.init, 1), ("prepare", "once", &plan.prepare, examples(plan))];
    for (name, when, program, batch) in programs {
        if !program.instrs.is_empty() {
            out += &section(plan, sources, name, when, program, batch, &[]);
        }
    }
    let batch = plan.schedule.batch;
    out += &section(plan, sources, "step", &format!("once a batch of {batch}"), &plan.step, batch, &[]);
    for measure in &plan.measures {
        let split = plan.splits.get(measure.split).map_or("?", |s| s.name.as_str());
        let every = match measure.every {
            Every::Epochs(n) => counted(n, "epoch"),
            Every::Steps(n) => counted(n, "step"),
        };
        let when = format!("on {split} every {}", every.strip_prefix("1 ").unwrap_or(&every));
        out += &section(plan, sources, "measure", &when, &measure.program, plan.schedule.chunk, &measure.names);
    }
    out
}

fn examples(plan: &Plan) -> usize {
    plan.data.as_ref().map_or(1, |d| d.examples)
}

fn tables(plan: &Plan) -> String {
    let precision = match plan.precision {
        Precision::Float32 => "float32",
        Precision::Float64 => "float64",
    };
    let mut out = format!("plan {}, {precision}\n", plan.name);
    let count = |shape: &[usize]| shape.iter().product::<usize>();
    let total: usize = plan.slots.iter().map(|s| count(&s.shape)).sum();
    out += &format!("\nslots: {total} numbers\n");
    let rows = |rows: Vec<(String, String, String)>| {
        let widths = |of: &dyn Fn(&(String, String, String)) -> usize| rows.iter().map(of).max().unwrap_or(0);
        let (name, shape) = (widths(&|r| r.0.chars().count()), widths(&|r| r.1.len()));
        let line = |r: &(String, String, String)| format!("  {:name$}  {:shape$}  {}", r.0, r.1, r.2);
        rows.iter().map(|r| line(r).trim_end().to_string() + "\n").collect::<String>()
    };
    out += &rows(plan.slots.iter().map(|s| (s.name.clone(), sizes(&s.shape), count(&s.shape).to_string())).collect());
    if !plan.numbers.is_empty() {
        out += &format!("\nnumbers of a replicate: {}\n", plan.numbers.join(", "));
    }
    if !plan.fields.is_empty() {
        out += "\nfields of an example\n";
        let about = |f: &super::Field| {
            let labels = f.labels.map(|k| format!("label 0..{k}"));
            let drawn = f.per_replicate.then(|| "drawn by each replicate".to_string());
            labels.into_iter().chain(drawn).collect::<Vec<_>>().join(", ")
        };
        out += &rows(plan.fields.iter().map(|f| (f.name.clone(), sizes(&f.shape), about(f))).collect());
    }
    out.push('\n');
    if let Some(data) = &plan.data {
        let source = source_text(&data.source);
        let columns: Vec<String> = data.columns.iter().map(|c| format!("{} {}", c.name, sizes(&c.shape))).collect();
        let columns = if columns.is_empty() { String::new() } else { format!(": {}", columns.join(", ")) };
        out += &wrap(&format!("data: {source}, {}{columns}", counted(data.examples, "example")), "");
    }
    let size = |n: usize| if n == 0 { "fresh".to_string() } else { n.to_string() };
    let splits: Vec<String> = plan.splits.iter().map(|s| format!("{} {}", s.name, size(s.size))).collect();
    if !splits.is_empty() {
        out += &wrap(&format!("splits: {}", splits.join(", ")), "");
    }
    let s = &plan.schedule;
    let length = match s.length {
        Length::Epochs(n) => counted(n, "epoch"),
        Length::Steps(n) => counted(n, "step"),
    };
    let on = plan.splits.get(s.split).map_or(String::new(), |split| format!(" of {}", split.name));
    out + &format!("schedule: {length}{on} in batches of {}, measured {} at a time\n", s.batch, s.chunk)
}

fn source_text(source: &DataSource) -> String {
    match source {
        DataSource::Builtin(name) => name.clone(),
        DataSource::Files { kind, paths } => format!("{kind} {}", paths.join(", ")),
        DataSource::Table(_) => "a table in the spec".into(),
        DataSource::Drawn => "drawn".into(),
        DataSource::Parts(parts) => {
            let one = |p: &super::Part| match p.split.as_str() {
                "" => source_text(&p.source),
                split => format!("{} for {split}", source_text(&p.source)),
            };
            parts.iter().map(one).collect::<Vec<_>>().join(", ")
        }
    }
}

/// One program: its lines, then what leaves it.
fn section(
    plan: &Plan,
    sources: &SourceMap,
    name: &str,
    when: &str,
    program: &Program,
    batch: usize,
    names: &[String],
) -> String {
    let c = cost(program, batch, plan.precision);
    let mut out = format!(
        "\n{name}, {when}: {} multiply-adds, {} touched, {} of memory\n",
        short(c.operations, ""),
        short(c.bytes, "B"),
        short(c.memory, "B")
    );
    let lines = Lines::new(plan, program);
    for instr in program.instrs.iter().filter(|i| lines.number[i.out.0 as usize].is_some()) {
        out += &wrap(&lines.line(instr), &place(sources, instr.span));
    }
    for (slot, value) in &program.slot_writes {
        let name = plan.slots.get(slot.0 as usize).map_or("?", |s| s.name.as_str());
        out += &wrap(&format!("  `{name}` := {}", lines.atom(*value)), "");
    }
    for (field, value) in &program.field_writes {
        let name = plan.fields.get(field.0 as usize).map_or("?", |f| f.name.as_str());
        out += &wrap(&format!("  field {name} := {}", lines.atom(*value)), "");
    }
    for (i, value) in program.outputs.iter().enumerate() {
        let name = names.get(i).map_or("loss", String::as_str);
        out += &wrap(&format!("  {name} = {}", lines.atom(*value)), "");
    }
    out
}

/// How the values of a program are written.
struct Lines<'a> {
    plan: &'a Plan,
    program: &'a Program,
    def: Vec<Option<&'a Instr>>,
    /// Of values with a line of their own.
    number: Vec<Option<usize>>,
}

impl<'a> Lines<'a> {
    fn new(plan: &'a Plan, program: &'a Program) -> Lines<'a> {
        let mut def = vec![None; program.values.len()];
        let mut number = vec![None; program.values.len()];
        let mut next = 0;
        for instr in &program.instrs {
            let inline = instr.is_view() || matches!(instr.op, PlanOp::Read(_) | PlanOp::Op(Op::Const(_)));
            if !inline {
                number[instr.out.0 as usize] = Some(next);
                next += 1;
            }
            def[instr.out.0 as usize] = Some(instr);
        }
        Lines { plan, program, def, number }
    }

    fn line(&self, instr: &Instr) -> String {
        let value = self.program.value(instr.out);
        let name = value.name.as_ref().map_or(String::new(), |n| format!(" {n}"));
        let number = self.number[instr.out.0 as usize].unwrap_or(0);
        format!("  %{number}{name} {} = {}", shape_text(&value.shape), self.operation(instr))
    }

    /// A value where it is used.
    fn atom(&self, id: ValueId) -> String {
        if let Some(number) = self.number[id.0 as usize] {
            return format!("%{number}");
        }
        match self.def[id.0 as usize] {
            Some(instr) => self.operation(instr),
            None => "?".into(),
        }
    }

    fn operation(&self, instr: &Instr) -> String {
        let arg = |i: usize| instr.args.get(i).map_or("?".into(), |a| self.atom(*a));
        match &instr.op {
            PlanOp::Read(read) => self.read(*read),
            PlanOp::Op(op) => self.primitive(op, instr),
            PlanOp::ScaledContract { contraction, scale, over_batch } => {
                let scale = factor(*scale, *over_batch);
                format!("{scale}{}", self.contract(contraction, instr))
            }
            PlanOp::AccumulateContract { contraction, scale, over_batch } => {
                format!("{}{}{}", arg(2), term(*scale, *over_batch), self.contract(contraction, instr))
            }
            PlanOp::AddScaled { scale } => format!("{}{}{}", arg(0), term(*scale, false), arg(1)),
            PlanOp::Fused(ops) => {
                let mut known: Vec<String> = instr.args.iter().map(|a| self.atom(*a)).collect();
                for op in ops {
                    let of = |i: usize| op.operands.get(i).and_then(|o| known.get(*o as usize)).cloned();
                    let words: Vec<String> = (0..op.operands.len()).map(|i| of(i).unwrap_or("?".into())).collect();
                    known.push(elementwise(&op.op, &words, true));
                }
                known.pop().unwrap_or("?".into())
            }
        }
    }

    fn read(&self, read: Read) -> String {
        match read {
            Read::Slot(id) => format!("`{}`", self.plan.slots.get(id.0 as usize).map_or("?", |s| &s.name)),
            Read::Field(id) => self.plan.fields.get(id.0 as usize).map_or("?".into(), |f| f.name.clone()),
            Read::Column(id) => {
                let column = self.plan.data.as_ref().and_then(|d| d.columns.get(id as usize));
                format!("column {}", column.map_or("?", |c| &c.name))
            }
            Read::Number(id) => self.plan.numbers.get(id as usize).map_or("?".into(), String::clone),
            Read::Step => "updates so far".into(),
            Read::Sum(id) => format!("sum {id} over all examples"),
        }
    }

    fn primitive(&self, op: &Op, instr: &Instr) -> String {
        let shape = &self.program.value(instr.out).shape;
        let words: Vec<String> = instr.args.iter().map(|a| self.atom(*a)).collect();
        let x = words.first().map_or("?", String::as_str);
        let axes = |axes: &[usize], of: &[Dim]| {
            let axis = |i: &usize| if of.get(*i) == Some(&Dim::Batch) { "batch".into() } else { i.to_string() };
            axes.iter().map(axis).collect::<Vec<_>>().join(" ")
        };
        let of = instr.args.first().map_or(&[][..], |a| &self.program.value(*a).shape);
        match op {
            Op::Const(bits) => number(f64::from_bits(*bits)),
            Op::Iota(n) => format!("0..{n}"),
            Op::Random { distribution: Distribution::Normal, stream } => format!("normal draws of `{stream}`"),
            Op::Random { distribution: Distribution::Uniform, stream } => format!("uniform draws of `{stream}`"),
            Op::Contract(c) => self.contract(c, instr),
            Op::Reduce { how, axes: which } => {
                let how = match how {
                    Reduction::Sum => "sum",
                    Reduction::Mean => "mean",
                    Reduction::Max => "max",
                    Reduction::Min => "min",
                };
                if which.len() == of.len() {
                    format!("{how}({x})")
                } else {
                    format!("{how}({x}, over {})", axes(which, of))
                }
            }
            Op::Reshape => format!("reshape({x}, {})", shape_text(shape)),
            Op::Permute { order } => format!("permute({x}, {})", axes(order, of)),
            Op::Expand { .. } => format!("expand({x}, {})", shape_text(shape)),
            Op::Slice { axis, start, length } => format!("slice({x}, axis {axis}, {start}..{})", start + length),
            Op::Embed { axis, start, length } => format!("embed({x}, axis {axis}, at {start} of {length})"),
            Op::Concat { axis } => format!("concat({}, axis {axis})", words.join(", ")),
            Op::Unfold { axis, size, stride, dilation } => {
                format!("unfold({x}, axis {axis}, {size} by {dilation}, every {stride})")
            }
            Op::Fold { axis, length, stride, dilation } => {
                format!("fold({x}, axis {axis} of {length}, by {dilation}, every {stride})")
            }
            Op::Softmax => format!("softmax({x})"),
            Op::LogSoftmax => format!("log_softmax({x})"),
            Op::LogSumExp => format!("logsumexp({x})"),
            Op::ArgMax => format!("argmax({x})"),
            Op::Rank => format!("rank({x})"),
            Op::OneHot { classes } => format!("one_hot({x}, {classes})"),
            Op::CumulativeSum { axis } => format!("cumulative_sum({x}, axis {axis})"),
            Op::Unary(_) | Op::Binary(_) | Op::Select => elementwise(op, &words, false),
        }
    }

    fn contract(&self, c: &Contraction, instr: &Instr) -> String {
        let batched = |letters: &[u8], arg: usize| {
            let shape = instr.args.get(arg).map_or(&[][..], |a| &self.program.value(*a).shape);
            letters.iter().zip(shape).find(|(_, d)| **d == Dim::Batch).map(|(l, _)| *l)
        };
        let batch = batched(&c.a, 0).or_else(|| batched(&c.b, 1));
        let arg = |i: usize| instr.args.get(i).map_or("?".into(), |a| self.atom(*a));
        format!("contract({})({}, {})", letters(c, batch), arg(0), arg(1))
    }
}

/// `bi,oi->bo`: the batch is b, the others are named anew in the order in which they come.
fn letters(c: &Contraction, batch: Option<u8>) -> String {
    let mut known: Vec<(u8, char)> = batch.map(|b| (b, 'b')).into_iter().collect();
    let mut fresh = "ijklmnopqrstuvwxyzacdefgh".chars();
    let mut write = |own: &[u8]| -> String {
        own.iter()
            .map(|l| match known.iter().find(|(k, _)| k == l) {
                Some((_, letter)) => *letter,
                None => {
                    let letter = fresh.next().unwrap_or('?');
                    known.push((*l, letter));
                    letter
                }
            })
            .collect()
    };
    format!("{},{}->{}", write(&c.a), write(&c.b), write(&c.out))
}

fn factor(scale: u64, over_batch: bool) -> String {
    let scale = f64::from_bits(scale);
    match (scale == 1.0, over_batch) {
        (true, false) => String::new(),
        (_, true) => format!("{}/batch * ", number(scale)),
        (false, false) => format!("{} * ", number(scale)),
    }
}

/// ` + 0.1/batch * `, or with a minus.
fn term(scale: u64, over_batch: bool) -> String {
    let scale = f64::from_bits(scale);
    let sign = if scale < 0.0 { " - " } else { " + " };
    format!("{sign}{}", factor(scale.abs().to_bits(), over_batch))
}

fn elementwise(op: &Op, args: &[String], inner: bool) -> String {
    let arg = |i: usize| args.get(i).map_or("?", String::as_str);
    let symbol = match op {
        Op::Const(bits) => return number(f64::from_bits(*bits)),
        Op::Unary(Unary::Negate) => return format!("-{}", arg(0)),
        Op::Unary(op) => return format!("{}({})", unary_word(*op), arg(0)),
        Op::Binary(Binary::Add) => "+",
        Op::Binary(Binary::Subtract) => "-",
        Op::Binary(Binary::Multiply) => "*",
        Op::Binary(Binary::Divide) => "/",
        Op::Binary(Binary::Power) => "^",
        Op::Binary(Binary::Equal) => "==",
        Op::Binary(Binary::NotEqual) => "!=",
        Op::Binary(Binary::Less) => "<",
        Op::Binary(Binary::LessEqual) => "<=",
        Op::Binary(Binary::And) => "and",
        Op::Binary(Binary::Or) => "or",
        Op::Binary(Binary::Min) => return format!("min({}, {})", arg(0), arg(1)),
        Op::Binary(Binary::Max) => return format!("max({}, {})", arg(0), arg(1)),
        Op::Binary(Binary::Atan2) => return format!("atan2({}, {})", arg(0), arg(1)),
        _ => return format!("if {} then {} else {}", arg(0), arg(1), arg(2)),
    };
    let text = format!("{} {symbol} {}", arg(0), arg(1));
    if inner { format!("({text})") } else { text }
}

fn unary_word(op: Unary) -> String {
    match op {
        Unary::IsFinite => "is_finite".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn number(v: f64) -> String {
    let plain = v == 0.0 || (1e-5..1e15).contains(&v.abs()) || !v.is_finite();
    if plain { v.to_string() } else { format!("{v:e}") }
}

fn sizes(shape: &[usize]) -> String {
    shape_text(&shape.iter().map(|n| Dim::Fixed(*n)).collect::<Vec<_>>())
}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// `1.2 M`, `34 kB`
fn short(n: u64, unit: &str) -> String {
    let (mut value, mut step) = (n as f64, 0);
    while value >= 1000.0 && step < 4 {
        value /= 1000.0;
        step += 1;
    }
    let digits = if step > 0 && value < 10.0 { 1 } else { 0 };
    let text = format!("{value:.digits$} {}{unit}", ["", "k", "M", "G", "T"][step]);
    text.trim_end().to_string()
}

/// `spec.trine:12`, if the span is of a text.
fn place(sources: &SourceMap, span: Span) -> String {
    let known = (span.file.0 as usize) < sources.files().count();
    if known && span != Span::default() { format!("# {}", sources.place(span)) } else { String::new() }
}

/// A line with its place, broken at spaces where it is too long.
fn wrap(line: &str, place: &str) -> String {
    let indent = "      ";
    let mut out = String::new();
    let mut current = String::new();
    for (i, word) in line.split(' ').enumerate() {
        let length = current.chars().count() + 1 + word.chars().count();
        if length > WIDTH && !current.trim().is_empty() {
            out += current.trim_end();
            out.push('\n');
            current = format!("{indent}{word}");
        } else {
            if i > 0 {
                current.push(' ');
            }
            current += word;
        }
    }
    let used = current.chars().count();
    if !place.is_empty() {
        let gap = PLACE.saturating_sub(used).max(2);
        if used + gap + place.chars().count() > WIDTH {
            current += "\n";
            current += &" ".repeat(PLACE.min(WIDTH.saturating_sub(place.chars().count())));
        } else {
            current += &" ".repeat(gap);
        }
        current += place;
    }
    out + current.trim_end() + "\n"
}
