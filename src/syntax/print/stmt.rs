//! Statements in their canonical form. Blocks (`for`, `cell`, ...) are only headed here: what they hold is printed
//! with its comments by the file's printer.

use super::doc::*;
use super::expr::{compared, expr, ty};
use crate::syntax::ast::*;

/// How far the lines that continue a statement are indented.
const HANG: usize = 2;

/// The header of a statement that has a block, without its brace; with the block.
pub fn block_of(kind: &StmtKind) -> Option<(Doc, &[Stmt])> {
    Some(match kind {
        StmtKind::For { var, range, body } => (row([text(format!("for {} in ", var.name)), expr(range)]), body),
        StmtKind::Cell { name, ty: t, body } => (row([text(format!("cell {}", name.name)), typed(t)]), body),
        StmtKind::Part { name, body } => (text(format!("part {}", name.name)), body),
        StmtKind::Dynamics { name, body } => (text(format!("dynamics {}", name.name)), body),
        _ => return None,
    })
}

pub fn stmt(kind: &StmtKind) -> Doc {
    if let Some((header, body)) = block_of(kind) {
        // Only inside an expression: elsewhere the file's printer lays blocks out.
        let inner = join(body.iter().map(|s| stmt(&s.kind)), Doc::Line);
        return row([header, text(" {"), nest(2, row([Doc::Line, inner])), Doc::Line, text("}")]);
    }
    group(line(kind))
}

/// What may stand on a line of its own, further in.
fn clause(parts: impl IntoIterator<Item = Doc>) -> Doc {
    nest(HANG, row(std::iter::once(Doc::Break(" ")).chain(parts)))
}

fn line(kind: &StmtKind) -> Doc {
    match kind {
        StmtKind::Population { output, head: h, ty: t, value, after, from } => {
            let word = if *output { "output " } else { "population " };
            // What follows the brace of equations stays on its line.
            let next = |e: Doc| match &value.kind {
                ExprKind::Relax(_) => row([text(", "), e]),
                _ => row([text(","), clause([e])]),
            };
            let from = from.iter().map(|e| next(row([text("from "), expr(e)])));
            let after = row(after.iter().map(|e| next(expr(e))));
            row([text(word), head(h), typed(t), text(" = "), expr(value), after, row(from)])
        }
        StmtKind::Weight { name, ty: t, init: i } => {
            row([text(format!("weight {}: ", name.name)), ty(t), text(" "), init(i)])
        }
        StmtKind::State(held) => {
            let one = |h: &StateInit| row([head(&h.head), row(h.shape.iter().map(shape)), text(" = "), expr(&h.value)]);
            listed("state ", held.iter().map(one))
        }
        StmtKind::Feedback { head: h, guard: g, shape: s, init: i } => {
            row([text("feedback "), head(h), guard(g), shape(s), row(i.iter().map(|i| row([text(" "), init(i)])))])
        }
        StmtKind::Noise { head: h, shape: s, value } => {
            row([text("noise "), head(h), row(s.iter().map(shape)), text(" ~ "), expr(value)])
        }
        StmtKind::Free(heads) => {
            listed("free ", heads.iter().map(|(h, from)| row([head(h), text(" from "), expr(from)])))
        }
        StmtKind::Trace { head: h, guard: g, of, decay } => row([
            text("trace "),
            head(h),
            guard(g),
            clause([text("of "), expr(of), text(","), Doc::Break(" "), expr(decay)]),
        ]),
        StmtKind::Energy { name, value } => row([text(format!("energy {} = ", name.name)), expr(value)]),
        StmtKind::Signal { head: h, guard: g, value } => {
            row([text("signal "), head(h), guard(g), text(" = "), expr(value)])
        }
        StmtKind::Let { head: h, value } => row([text("let "), head(h), text(" = "), expr(value)]),
        StmtKind::Phase(p) => phase(p),
        StmtKind::Update(u) => update(u),
        StmtKind::Move(e) => row([text("move "), expr(e)]),
        StmtKind::Answer { phase, change } => {
            row([text(format!("answer {}", phase.name)), row(change.iter().map(|c| row([text(" with "), assign(c)])))])
        }
        StmtKind::Period(list) => listed("period ", list.iter().map(named)),
        StmtKind::Split(list) => listed("split ", list.iter().map(named)),
        StmtKind::Choose(list) => {
            listed("choose ", list.iter().map(|(n, e)| row([text(format!("{} in ", n.name)), expr(e)])))
        }
        StmtKind::Source(s) => source(s),
        StmtKind::Draw { fixed, name, ty: t, value } => {
            let word = if *fixed { "fixed" } else { "draw" };
            row([text(format!("{word} {}: ", name.name)), ty(t), text(" ~ "), expr(value)])
        }
        StmtKind::Stream => text("stream"),
        StmtKind::Measure { name, value, with, on, every } => {
            let on = on.iter().map(|o| clause([text(format!("on {}", o.name))]));
            let every = every.iter().map(|e| text(format!(", {}", every_text(e))));
            row([text(format!("measure {} = ", name.name)), expr(value), changes(with), row(on), row(every)])
        }
        StmtKind::Train(t) => train(t),
        StmtKind::Expect(e) => expect(e),
        StmtKind::Claim { subject, relation } => {
            row([text("claim "), expr(subject), row(relation.iter().map(relation_doc))])
        }
        StmtKind::Derivative { head: h, value } => row([head(h), text("' = "), expr(value)]),
        StmtKind::Target { output, value } => row([text(format!("target {} = ", output.name)), expr(value)]),
        StmtKind::Surrogate { name, value } => row([text(format!("surrogate {} = ", name.name)), expr(value)]),
        StmtKind::Set { target, ty: t, value, guard: g, then, scored } => {
            let then = then.iter().map(|a| row([text(","), clause([text("then "), assign(a)])]));
            let scored = scored.iter().map(|s| text(format!(", scored during {}", s.name)));
            row([expr(target), typed(t), text(" = "), expr(value), clause_guard(g), row(then), row(scored)])
        }
        StmtKind::For { .. } | StmtKind::Cell { .. } | StmtKind::Part { .. } | StmtKind::Dynamics { .. } => row([]),
    }
}

/// `word a, b, c`
fn listed(word: &str, items: impl Iterator<Item = Doc>) -> Doc {
    row([text(word), nest(HANG, join(items, row([text(","), Doc::Break(" ")])))])
}

fn named((name, value): &(Ident, Expr)) -> Doc {
    row([text(format!("{} ", name.name)), expr(value)])
}

pub fn head(h: &Head) -> Doc {
    let mut out = h.name.name.clone();
    if !h.args.is_empty() {
        let args: Vec<&str> = h.args.iter().map(|a| a.name.as_str()).collect();
        out = format!("{out}({})", args.join(", "));
    }
    match &h.index {
        Some(at) => row([text(out + "["), expr(at), text("]")]),
        None => text(out),
    }
}

fn typed(t: &Option<Type>) -> Doc {
    row(t.iter().map(|t| row([text(": "), ty(t)])))
}

fn init(i: &Init) -> Doc {
    match i {
        Init::Drawn(e) => row([text("~ "), expr(e)]),
        Init::Value(e) => row([text("= "), expr(e)]),
    }
}

fn shape(s: &ShapeOf) -> Doc {
    match s {
        ShapeOf::Like(e) => row([text(" like "), expr(e)]),
        ShapeOf::Type(t) => row([text(": "), ty(t)]),
    }
}

/// On a line of its own where the statement is long.
fn clause_guard(g: &Option<Expr>) -> Doc {
    row(g.iter().map(|g| clause([text("where "), expr(g)])))
}

fn guard(g: &Option<Expr>) -> Doc {
    row(g.iter().map(|g| row([text(" where "), expr(g)])))
}

pub fn assign(a: &Assign) -> Doc {
    let sign = match a.op {
        AssignOp::Set => " = ",
        AssignOp::Add => " += ",
        AssignOp::Subtract => " -= ",
    };
    row([expr(&a.target), text(sign), expr(&a.value), guard(&a.guard)])
}

fn assigns(list: &[Assign]) -> Doc {
    join(list.iter().map(assign), row([text(","), Doc::Break(" ")]))
}

fn changes(with: &[Assign]) -> Doc {
    if with.is_empty() {
        return row([]);
    }
    clause([text("with "), assigns(with)])
}

fn phase(p: &Phase) -> Doc {
    let index = p.index.iter().map(|(k, e)| row([text(format!("[{} in ", k.name)), expr(e), text("]")]));
    let body = match &p.body {
        PhaseBody::Plain => row([]),
        PhaseBody::Settle { variable, on, options: o } => {
            row([text(format!(" = settle {} on ", variable.name)), expr(on), options(o)])
        }
        PhaseBody::Relax { dynamics, options: o } => row([text(format!(" = relax {}", dynamics.name)), options(o)]),
    };
    row([text(format!("phase {}", p.name.name)), row(index), group(body), changes(&p.with)])
}

fn options(list: &[SettleOption]) -> Doc {
    let option = |o: &SettleOption| match o {
        SettleOption::Value(e) => expr(e),
        SettleOption::Until(e) => row([text("until "), expr(e)]),
        SettleOption::AtMost(e) => row([text("at most "), expr(e)]),
        SettleOption::Within(e) => row([text("within "), expr(e)]),
        SettleOption::From(name) => text(format!("from {}", name.name)),
    };
    row(list.iter().map(|o| row([text(","), clause([option(o)])])))
}

fn update(u: &Update) -> Doc {
    let mut out = Vec::new();
    match &u.each {
        Some(EachStep::Step(None)) => out.push(text("each step ")),
        Some(EachStep::Step(Some(phase))) => out.push(text(format!("each step of {} ", phase.name))),
        _ => {}
    }
    out.extend([text("update "), expr(&u.target), guard(&u.guard)]);
    out.push(clause([text("along "), expr(&u.along)]));
    if let Some(by) = &u.by {
        out.push(clause([text("by "), expr(by)]));
    }
    if let Some(EachStep::Every(k)) = &u.each {
        out.push(clause([text("every "), expr(k)]));
    }
    if !u.then.is_empty() {
        out.extend([text(","), clause([text("then "), assigns(&u.then)])]);
    }
    Doc::Row(out)
}

fn source(s: &Source) -> Doc {
    let (columns, rows) = match s {
        Source::Call(e) => return row([text("source "), expr(e)]),
        Source::Table { columns, rows, .. } => (columns, rows),
    };
    let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    let cells = |r: &Vec<Expr>| text(r.iter().map(|e| flat(&expr(e))).collect::<Vec<_>>().join(", "));
    let rows = join(rows.iter().map(cells), Doc::Break("; "));
    let names = text(format!("{}:", names.join(", ")));
    let inner = nest(2, row([Doc::Break(" "), names, Doc::Break(" "), rows]));
    group(row([text("source table {"), inner, Doc::Break(" "), text("}")]))
}

fn every_text(e: &Every) -> String {
    match e.count == 1.0 {
        true => format!("every {}", e.unit.name),
        false => format!("every {} {}", e.count, e.unit.name),
    }
}

fn train(t: &Train) -> Doc {
    let stages = match t {
        Train::For(e) => return row([text("train = "), expr(e)]),
        Train::Stages(stages) => stages,
    };
    let stage = |s: &Stage| {
        let parts = s.parts.iter().map(|p| text(p.name.clone()));
        let with: Vec<Doc> = parts.chain(s.settings.iter().map(assign)).collect();
        let with = if with.is_empty() { row([]) } else { row([text(" with "), join(with, text(", "))]) };
        row([text(format!("{}: ", s.name.name)), expr(&s.length), with])
    };
    let inner = join(stages.iter().map(stage), row([text(","), Doc::Break(" ")]));
    group(row([text("train = {"), nest(2, row([Doc::Break(" "), inner])), Doc::Break(" "), text("}")]))
}

fn expect(e: &Expect) -> Doc {
    let more = e.more.iter().map(|(op, x)| row([Doc::Break(" "), text(format!("{} ", op.sign())), compared(x)]));
    let more = nest(4, row(more));
    let margin = e.margin.as_ref().map_or_else(|| row([]), |m| clause([text("within "), expr(m)]));
    row([text("expect "), expr(&e.value), more, margin, scope(&e.scope)])
}

fn confidence(c: &Confidence) -> Doc {
    let way = |w: &Way| text(format!(", {}{}", if w.by { "by " } else { "" }, w.name.name));
    row([text("at "), expr(&c.level), row(c.ways.iter().map(way))])
}

fn scope(s: &ExpectScope) -> Doc {
    let words = match s {
        ExpectScope::None => return row([]),
        ExpectScope::EverySeed(_) => text("in every seed"),
        ExpectScope::AtLeast { count, of, at, .. } => {
            let at = at.as_ref().map_or_else(|| row([]), |c| row([text(" "), confidence(c)]));
            row([text("in at least "), expr(count), text(" of "), expr(of), at])
        }
        ExpectScope::At(c) => confidence(c),
    };
    clause([words])
}

fn relation_doc(r: &ClaimRelation) -> Doc {
    let word = if r.needs { "needs" } else { "avoids" };
    let number = r.number.iter().map(|n| row([text("("), expr(n), text(")")]));
    let within = r.within.iter().map(|w| text(format!(" in the {}", w.name)));
    clause([text(format!("{word} {}", r.property.name)), row(number), row(within)])
}
