//! Passes over a plan: each makes a program that computes the same with less work.
//!
//! A pass is a rule for one instruction at a time, in order; `rewrite` applies it and keeps the books. Passes repeat
//! until none changes anything, and the result depends on the program alone.

mod fold;
mod fuse;
mod linear;
mod share;
mod simplify;

pub(super) use share::sweep;

use super::verify::{Place, verify, verify_program};
use super::{Dim, Instr, Plan, PlanOp, Program, Shape, Value, ValueId};
use crate::ops::Op;
use crate::source::Span;

/// More rounds than any program needs; a bound in case two rules undo one another.
const ROUNDS: usize = 64;

/// A pass by name: whether it changed the program.
type Pass = (&'static str, fn(&mut Program, usize) -> bool);

const PASSES: [Pass; 8] = [
    ("fold", |p, batch| rewrite(p, batch, fold::rule)),
    ("simplify", |p, batch| rewrite(p, batch, simplify::rule)),
    ("share", |p, _| share::share(p)),
    ("twins", |p, _| share::twins(p)),
    ("linear", |p, batch| rewrite(p, batch, linear::rule)),
    ("reduce", |p, batch| rewrite(p, batch, fuse::reduction)),
    ("fuse", |p, batch| rewrite(p, batch, fuse::rule)),
    ("sweep", |p, _| share::sweep(p)),
];

/// Makes every program of a plan do less for the same results. A plan that does not verify is left as it is.
pub fn optimize(plan: &mut Plan) {
    if verify(plan).is_err() {
        return;
    }
    let (batch, chunk) = (plan.schedule.batch, plan.schedule.chunk);
    let examples = plan.data.as_ref().map_or(1, |d| d.examples);
    within(plan, Place::Init, 1, |plan| &mut plan.init);
    within(plan, Place::Prepare, examples, |plan| &mut plan.prepare);
    within(plan, Place::Step, batch, |plan| &mut plan.step);
    for i in 0..plan.measures.len() {
        within(plan, Place::Measure, chunk, |plan| &mut plan.measures[i].program);
    }
}

fn within(plan: &mut Plan, place: Place, batch: usize, of: impl Fn(&mut Plan) -> &mut Program) {
    let mut program = std::mem::take(of(plan));
    optimize_program(&mut program, batch, &mut |name, program| {
        let fault = verify_program(plan, program, place).err();
        assert!(fault.is_none(), "{name}: {}", fault.unwrap_or_default());
    });
    *of(plan) = program;
}

/// Runs all passes until none changes anything. `batch` is about how many examples the program will see: it decides
/// what is the smaller operand, never what is computed. `check` looks at the program after each pass in debug builds.
pub fn optimize_program(program: &mut Program, batch: usize, check: &mut dyn FnMut(&str, &Program)) {
    for _ in 0..ROUNDS {
        let mut changed = false;
        for (name, pass) in PASSES {
            changed |= pass(program, batch);
            if cfg!(debug_assertions) {
                check(name, program);
            }
        }
        if !changed {
            return;
        }
    }
}

/// What a rule makes of an instruction.
enum Rewrite {
    Keep,
    /// The result is that value.
    Alias(ValueId),
    /// Another operation has the same result.
    Become(PlanOp, Vec<ValueId>),
}

/// A program under rewriting: instructions so far, and what rules ask about them.
struct Rewriter {
    program: Program,
    /// Where each value is defined, in the instructions so far.
    def: Vec<Option<usize>>,
    /// By how many arguments, writes and outputs each value is read; perhaps more than it will be.
    uses: Vec<u32>,
    /// About how many examples a batch has.
    batch: usize,
    span: Span,
}

/// Applies a rule to each instruction in order. A rule sees arguments already rewritten.
fn rewrite(program: &mut Program, batch: usize, rule: fn(&mut Rewriter, &Instr) -> Rewrite) -> bool {
    let uses = uses(program);
    let old = std::mem::take(program);
    let count = old.values.len();
    let mut alias: Vec<ValueId> = (0..count as u32).map(ValueId).collect();
    let instrs = old.instrs;
    let started = Program { instrs: Vec::with_capacity(instrs.len()), ..old };
    let mut rw = Rewriter { program: started, def: vec![None; count], uses, batch, span: Span::default() };
    let mut changed = false;
    for mut instr in instrs {
        instr.args.iter_mut().for_each(|a| *a = alias[a.0 as usize]);
        rw.span = instr.span;
        match rule(&mut rw, &instr) {
            Rewrite::Keep => rw.push(instr),
            Rewrite::Alias(to) => {
                changed = true;
                let out = instr.out.0 as usize;
                rw.uses[to.0 as usize] += rw.uses[out];
                alias[out] = to;
                let name = rw.program.values[out].name.take();
                let kept = &mut rw.program.values[to.0 as usize].name;
                *kept = kept.take().or(name);
                // The value stays in the table, and so must be defined until it is swept.
                rw.push(Instr { op: PlanOp::Op(Op::Reshape), args: vec![to], ..instr });
            }
            Rewrite::Become(op, args) => {
                changed = true;
                args.iter().for_each(|a| rw.uses[a.0 as usize] += 1);
                rw.push(Instr { op, args, ..instr });
            }
        }
    }
    let p = &mut rw.program;
    let slots = p.slot_writes.iter_mut().map(|w| &mut w.1);
    let fields = p.field_writes.iter_mut().map(|w| &mut w.1);
    for value in slots.chain(fields).chain(&mut p.outputs) {
        *value = alias[value.0 as usize];
    }
    *program = rw.program;
    if changed {
        share::sweep(program);
    }
    changed
}

/// How often each value is read by what the program leaves behind, directly or not.
fn uses(program: &Program) -> Vec<u32> {
    let mut uses = vec![0; program.values.len()];
    for id in roots(program) {
        uses[id.0 as usize] += 1;
    }
    for instr in program.instrs.iter().rev() {
        if uses[instr.out.0 as usize] > 0 {
            instr.args.iter().for_each(|a| uses[a.0 as usize] += 1);
        }
    }
    uses
}

/// What leaves a program.
pub(super) fn roots(program: &Program) -> impl Iterator<Item = ValueId> {
    let slots = program.slot_writes.iter().map(|w| w.1);
    let fields = program.field_writes.iter().map(|w| w.1);
    slots.chain(fields).chain(program.outputs.iter().copied())
}

impl Rewriter {
    fn push(&mut self, instr: Instr) {
        self.def[instr.out.0 as usize] = Some(self.program.instrs.len());
        self.program.instrs.push(instr);
    }

    /// A new value, before the instruction at hand.
    fn emit(&mut self, op: PlanOp, args: Vec<ValueId>, shape: Shape) -> ValueId {
        let out = ValueId(self.program.values.len() as u32);
        self.program.values.push(Value { shape, name: None });
        self.def.push(None);
        self.uses.push(1);
        args.iter().for_each(|a| self.uses[a.0 as usize] += 1);
        self.push(Instr { op, args, out, span: self.span });
        out
    }

    fn def(&self, id: ValueId) -> Option<&Instr> {
        self.def[id.0 as usize].map(|i| &self.program.instrs[i])
    }

    fn shape(&self, id: ValueId) -> &Shape {
        &self.program.value(id).shape
    }

    /// Whether only the instruction at hand reads a value, so that it may be taken into it.
    fn single(&self, id: ValueId) -> bool {
        self.uses[id.0 as usize] <= 1
    }

    /// The number that all elements of a value are.
    fn uniform(&self, id: ValueId) -> Option<f64> {
        let mut instr = self.def(id)?;
        while instr.is_view() {
            instr = self.def(*instr.args.first()?)?;
        }
        match instr.op {
            PlanOp::Op(Op::Const(bits)) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    /// About how many elements a value has.
    fn elements(&self, id: ValueId) -> usize {
        self.shape(id).iter().map(|d| if let Dim::Fixed(n) = d { *n } else { self.batch }).product()
    }
}
