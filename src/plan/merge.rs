//! Conditions that differ only in numbers share one plan: the numbers become values of the replicate.

use super::{Instr, Plan, PlanOp, Program, Read};
use crate::ops::Op;

/// A plan and the conditions (by position in the given list) that run it, with their numbers.
#[derive(Clone, Debug)]
pub struct Shared {
    pub plan: Plan,
    pub members: Vec<(usize, Vec<f64>)>,
}

/// Groups plans that are equal up to constants.
pub fn share(plans: Vec<Plan>) -> Vec<Shared> {
    let mut groups: Vec<Vec<(usize, Plan)>> = Vec::new();
    for (i, plan) in plans.into_iter().enumerate() {
        match groups.iter_mut().find(|g| same(&g[0].1, &plan)) {
            Some(g) => g.push((i, plan)),
            None => groups.push(vec![(i, plan)]),
        }
    }
    groups.into_iter().map(join).collect()
}

fn programs(plan: &Plan) -> Vec<&Program> {
    let fixed = [&plan.init, &plan.prepare, &plan.step];
    fixed.into_iter().chain(plan.measures.iter().map(|m| &m.program)).collect()
}

fn instrs(plan: &Plan) -> impl Iterator<Item = &Instr> {
    programs(plan).into_iter().flat_map(|p| p.instrs.iter())
}

fn constant(i: &Instr) -> Option<u64> {
    match i.op {
        PlanOp::Op(Op::Const(bits)) => Some(bits),
        _ => None,
    }
}

/// Equal but for the values of constants and for what only messages read.
fn same(a: &Plan, b: &Plan) -> bool {
    let rest = |p: &Plan| (p.precision, p.fields.clone(), p.data.clone(), p.splits.clone(), p.schedule.clone());
    let slots = |p: &Plan| p.slots.iter().map(|s| (s.name.clone(), s.shape.clone())).collect::<Vec<_>>();
    if rest(a) != rest(b) || slots(a) != slots(b) || a.measures.len() != b.measures.len() {
        return false;
    }
    let measures = a.measures.iter().zip(&b.measures);
    if !measures.clone().all(|(x, y)| (&x.names, x.split, x.every) == (&y.names, y.split, y.every)) {
        return false;
    }
    programs(a).into_iter().zip(programs(b)).all(|(p, q)| {
        let shapes = |p: &Program| p.values.iter().map(|v| v.shape.clone()).collect::<Vec<_>>();
        let writes = (&p.slot_writes, &p.field_writes, &p.outputs) == (&q.slot_writes, &q.field_writes, &q.outputs);
        writes
            && p.instrs.len() == q.instrs.len()
            && shapes(p) == shapes(q)
            && p.instrs.iter().zip(&q.instrs).all(|(x, y)| {
                let ops = x.op == y.op || (constant(x).is_some() && constant(y).is_some());
                ops && x.args == y.args && x.out == y.out
            })
    })
}

fn join(group: Vec<(usize, Plan)>) -> Shared {
    let first = &group[0].1;
    let columns: Vec<Vec<u64>> = group.iter().map(|(_, p)| instrs(p).filter_map(constant).collect()).collect();
    let differ: Vec<usize> =
        (0..columns[0].len()).filter(|i| columns.iter().any(|c| c[*i] != columns[0][*i])).collect();
    let mut plan = first.clone();
    let mut seen = 0;
    // Constants that take the same values in every condition are one number.
    let mut numbers: Vec<Vec<u64>> = Vec::new();
    let fixed = [&mut plan.init, &mut plan.prepare, &mut plan.step];
    for p in fixed.into_iter().chain(plan.measures.iter_mut().map(|m| &mut m.program)) {
        for i in &mut p.instrs {
            if constant(i).is_none() {
                continue;
            }
            if differ.contains(&seen) {
                let values: Vec<u64> = columns.iter().map(|c| c[seen]).collect();
                let at = numbers.iter().position(|n| *n == values).unwrap_or_else(|| {
                    numbers.push(values);
                    numbers.len() - 1
                });
                i.op = PlanOp::Read(Read::Number(at as u32));
            }
            seen += 1;
        }
    }
    plan.numbers = (1..=numbers.len()).map(|i| format!("number {i}")).collect();
    let members = group
        .iter()
        .enumerate()
        .map(|(k, (i, _))| (*i, numbers.iter().map(|n| f64::from_bits(n[k])).collect()))
        .collect();
    Shared { plan, members }
}
