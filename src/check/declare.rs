//! One declaration: statements sorted by kind, what does not belong there refused.

use super::once::{claimed_once, once};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ir::program::*;
use crate::ir::{Unit, program};
use crate::source::Span;
use crate::syntax::ast::{self, DeclKind, Expr, ExprKind, Ident, Stmt, StmtKind};
use crate::syntax::print::expr_text;

/// The parameters and the body of a declaration; `example` is an optimizer of the library.
pub fn declare(kind: ast::ItemKind, example: &str, diags: &mut Diagnostics) -> (Vec<Param>, ItemKind) {
    match kind {
        ast::ItemKind::Function { params: p, mut result, body, .. } => {
            result.iter_mut().for_each(|t| super::types::number(t, true, diags));
            (params(p, diags), ItemKind::Function { result, body })
        }
        ast::ItemKind::Hypothesis { text, body, .. } => (vec![], hypothesis(text, body, diags)),
        ast::ItemKind::Decl(mut d) => {
            if d.kind != DeclKind::Experiment {
                d.body.iter().for_each(|s| unguarded(s, d.kind, diags));
            }
            let ps = params(d.params, diags);
            once(d.kind, &ps, &mut d.body, diags);
            super::types::types(&mut d.body, diags);
            let kind = match d.kind {
                DeclKind::Architecture => ItemKind::Architecture { body: d.body },
                DeclKind::Neuron => ItemKind::Neuron { body: d.body },
                DeclKind::Environment => ItemKind::Environment,
                DeclKind::Projection => projection(&d.name, d.body, ps.len(), diags),
                DeclKind::Objective => objective(d.body, &ps, diags),
                DeclKind::Optimizer => optimizer(d.body, diags),
                DeclKind::Rule => {
                    ps.iter().for_each(|p| super::rule::reserved(&p.name, p.span, diags));
                    super::rule::rule(d.body, diags)
                }
                DeclKind::Task => task(d.body, diags),
                DeclKind::Experiment => experiment(d.body, example, diags),
            };
            (ps, kind)
        }
        _ => (vec![], ItemKind::Environment),
    }
}

/// Only conditions of an experiment are left out by `where`, and only updates are followed by `then`.
fn unguarded(s: &Stmt, kind: DeclKind, diags: &mut Diagnostics) {
    let StmtKind::Set { guard, then, .. } = &s.kind else { return };
    if let Some(g) = guard {
        let d = Diagnostic::new(Code::T0210, g.span, "`where` has no place behind this", "");
        diags.push(d.help("choose with `if ... then ... else ...`"));
    }
    if let Some(then) = then.as_ref().filter(|_| kind != DeclKind::Neuron) {
        let d = Diagnostic::new(Code::T0210, then.span, "`then` belongs to an update of a rule", "");
        diags.push(d.help("write it as a statement of its own on the next line"));
    }
}

/// Parameters with their types resolved; each name once.
pub fn params(list: Vec<ast::Param>, diags: &mut Diagnostics) -> Vec<Param> {
    let mut out: Vec<Param> = Vec::new();
    for p in list {
        if let Some(old) = out.iter().find(|o| o.name == p.name.name) {
            diags.push(Diagnostic::twice(&p.name.name, p.name.span, old.span));
            continue;
        }
        let ty = param_type(&p.ty, diags);
        let limits = numbers_in(p.limits, &ty, diags);
        out.push(Param { name: p.name.name, span: p.name.span, ty, default: p.default, limits });
    }
    out
}

/// A range is of numbers.
fn numbers_in(limits: Option<ast::Limits>, ty: &ParamType, diags: &mut Diagnostics) -> Option<ast::Limits> {
    let of_numbers = |e: &Elem| matches!(e, Elem::Real(_) | Elem::Nat | Elem::Int);
    match (limits, ty) {
        (limits, ParamType::Scalar(e) | ParamType::Tensor { elem: e, .. }) if of_numbers(e) => limits,
        (None, _) | (_, ParamType::Unknown) => None,
        (Some(l), _) => {
            let d = Diagnostic::new(Code::T0208, l.span, "only numbers lie in a range", "");
            diags.push(d.help("leave it out, or declare a number: `p: Real in 0..1`"));
            None
        }
    }
}

fn param_type(ty: &ast::Type, diags: &mut Diagnostics) -> ParamType {
    let dims = ty.dims.clone();
    let over = ty.over.is_some();
    let Some(name) = &ty.name else {
        return ParamType::Tensor { elem: Elem::Real(Unit::ONE), dims: dims.unwrap_or_default(), over };
    };
    let elem = match name.name.as_str() {
        "Nat" => Elem::Nat,
        "Int" => Elem::Int,
        "Bool" => Elem::Bool,
        "Label" => {
            return match dims.as_deref() {
                Some([ast::Dim::Size(e)]) => {
                    let elem = Elem::Label(Box::new(LabelRange(e.clone())));
                    ParamType::Tensor { elem, dims: vec![], over }
                }
                _ => {
                    let d = Diagnostic::new(Code::T0208, ty.span, "a label says of how many classes it is one", "");
                    diags.push(d.help("write `Label[10]`"));
                    ParamType::Unknown
                }
            };
        }
        "Optimizer" => return ParamType::Optimizer,
        "Rule" => return ParamType::Rule,
        "Population" => return ParamType::Population,
        "Text" | "Path" => return ParamType::Text,
        other => match Unit::of_type(other) {
            Some(u) => Elem::Real(u),
            None => {
                super::types::unknown(name, diags);
                return ParamType::Unknown;
            }
        },
    };
    match dims {
        None => ParamType::Scalar(elem),
        Some(dims) => ParamType::Tensor { elem, dims, over },
    }
}

pub(super) fn misplaced(span: Span, place: &str, holds: &str, diags: &mut Diagnostics) {
    let d = Diagnostic::new(Code::T0210, span, format!("this does not belong in {place}"), "");
    diags.push(d.help(format!("{place} holds {holds}")));
}

/// `name = value` where that is no setting: a value of its own, which `let` is missing before. It counts as one from
/// here on.
pub(super) fn let_missing(name: &Ident, value: &Expr, place: &str, holds: &str, diags: &mut Diagnostics) {
    let d = Diagnostic::new(Code::T0210, name.span, format!("{place} has no `{}`", name.name), "");
    let line = format!("let {} = {}", name.name, expr_text(value));
    diags.push(d.help(format!("{place} holds {holds}; a value of your own is `{line}`")));
}

fn target_name(e: &Expr) -> Option<Ident> {
    match &e.kind {
        ExprKind::Name(n) => Some(Ident { name: n.clone(), span: e.span }),
        _ => None,
    }
}

fn projection(name: &Ident, body: Vec<Stmt>, ports: usize, diags: &mut Diagnostics) -> ItemKind {
    const HOLDS: &str = "`weight`, `let` and `drive = ...`";
    let mut p = Projection { weights: vec![], lets: vec![], drive: None };
    for s in body {
        match s.kind {
            StmtKind::Weight { name, ty, init } => p.weights.push(program::Weight { name, ty, init }),
            StmtKind::Let { head, value } => p.lets.push((head.name, value)),
            StmtKind::Set { target, value, .. } if target_name(&target).is_some_and(|n| n.name == "drive") => {
                p.drive = Some(value)
            }
            StmtKind::Set { target, value, .. } => match target_name(&target) {
                Some(name) => {
                    let_missing(&name, &value, "a projection", HOLDS, diags);
                    p.lets.push((name, value));
                }
                None => misplaced(s.span, "a projection", HOLDS, diags),
            },
            _ => misplaced(s.span, "a projection", HOLDS, diags),
        }
    }
    if p.drive.is_none() {
        let d = Diagnostic::new(Code::T0207, name.span, format!("the projection `{}` has no `drive`", name.name), "");
        diags.push(d.help("add what it adds to the drive of its target: `drive = W @ pre`"));
    }
    if ports < 2 {
        let d = Diagnostic::new(Code::T0207, name.span, format!("the projection `{}` needs two ends", name.name), "");
        diags.push(d.help("its first two parameters are the populations that it joins: `(pre: [n], post: [m])`"));
    }
    ItemKind::Projection(p)
}

fn objective(body: Vec<Stmt>, params: &[Param], diags: &mut Diagnostics) -> ItemKind {
    const HOLDS: &str = "`loss = ...`, `penalty = ...`, `let` and `target`";
    let mut o = Objective::default();
    for s in body {
        match s.kind {
            StmtKind::Let { head, value } => o.lets.push((head.name, value)),
            StmtKind::Target { output, value } => {
                if params.iter().any(|p| p.name == output.name) {
                    o.targets.push((output, value));
                } else {
                    let d = Diagnostic::new(
                        Code::T0201,
                        output.span,
                        format!("`{}` is not a parameter of this objective", output.name),
                        "",
                    );
                    diags.push(d.help("a target is declared for an output that the objective is given"));
                }
            }
            StmtKind::Set { target, value, .. } => match target_name(&target) {
                Some(n) if n.name == "loss" => o.loss = Some(value),
                Some(n) if n.name == "penalty" => o.penalty = Some(value),
                Some(n) => {
                    let_missing(&n, &value, "an objective", HOLDS, diags);
                    o.lets.push((n, value));
                }
                None => misplaced(s.span, "an objective", HOLDS, diags),
            },
            _ => misplaced(s.span, "an objective", HOLDS, diags),
        }
    }
    ItemKind::Objective(o)
}

fn optimizer(body: Vec<Stmt>, diags: &mut Diagnostics) -> ItemKind {
    let mut o = Optimizer { states: vec![], steps: vec![] };
    for s in body {
        match s.kind {
            StmtKind::State(states) => o.states.extend(states),
            StmtKind::Let { head, value } => o.steps.push(OptimizerStep::Assign(head.name, value)),
            StmtKind::Set { ref target, ref value, .. } if target_name(target).is_some() => {
                let Some(name) = target_name(target) else { continue };
                if !o.states.iter().any(|s| s.head.name.name == name.name) {
                    let names: Vec<&str> = o.states.iter().map(|s| s.head.name.name.as_str()).collect();
                    let d = Diagnostic::new(
                        Code::T0201,
                        name.span,
                        format!("`{}` is not a state of this optimizer", name.name),
                        "",
                    );
                    let declare = format!("declare it: `state {} = 0`, or use `let`", name.name);
                    diags.push(d.meant_or(&name.name, names, declare));
                }
                o.steps.push(OptimizerStep::Assign(name, value.clone()));
            }
            StmtKind::Move(e) => o.steps.push(OptimizerStep::Move(e, s.span)),
            _ => misplaced(s.span, "an optimizer", "`state`, assignments and `move`", diags),
        }
    }
    ItemKind::Optimizer(o)
}

fn task(body: Vec<Stmt>, diags: &mut Diagnostics) -> ItemKind {
    let mut t = Task::default();
    for s in body {
        match s.kind {
            StmtKind::Source(source) => t.source = Some((source, s.span)),
            StmtKind::Stream => t.stream = true,
            StmtKind::Split(list) => t.splits.extend(list),
            StmtKind::Draw { fixed, name, ty, value } => {
                let how = if fixed { FieldKind::Fixed } else { FieldKind::Drawn };
                t.fields.push(TaskField { name, ty, value, how });
            }
            StmtKind::Set { target, ty: Some(ty), value, .. } if target_name(&target).is_some() => {
                if let Some(name) = target_name(&target) {
                    t.fields.push(TaskField { name, ty, value, how: FieldKind::Computed });
                }
            }
            StmtKind::Set { target, ty: None, value, .. }
                if target_name(&target).is_some_and(|n| n.name == "source") =>
            {
                let d = Diagnostic::new(Code::T0210, target.span.to(value.span), "a source is written without `=`", "");
                let line = format!("source {}", expr_text(&value));
                diags.push(d.help(format!("write `{line}`")).write(s.span, line));
                t.source = Some((ast::Source::Call(value), s.span));
            }
            StmtKind::Period(_) | StmtKind::Choose(_) => {
                let d = Diagnostic::new(Code::T0410, s.span, "tasks over time cannot run in this version", "used here");
                diags.push(d.help("the text is legal Trine; `trine explain T0410` lists what runs"));
            }
            _ => misplaced(
                s.span,
                "a task",
                "`source`, fields such as `x: [n] = column`, `fixed`, `draw`, `split` and `stream`",
                diags,
            ),
        }
    }
    ItemKind::Task(t)
}

/// Settings that an experiment may have.
pub const SETTINGS: [&str; 10] =
    ["task", "architecture", "objective", "rule", "batch", "seeds", "precision", "train", "tuning", "tuning_seeds"];

fn experiment(body: Vec<Stmt>, example: &str, diags: &mut Diagnostics) -> ItemKind {
    let mut x = Experiment::default();
    let mut strangers = Vec::new();
    for s in body {
        match s.kind {
            StmtKind::Train(train) => x.train = Some((train, s.span)),
            StmtKind::Measure { name, value, with, on, every } => {
                x.measures.push(Measure { name, value, with, on, every, span: s.span });
            }
            StmtKind::Let { head, value } => {
                if head.name.name == "task" {
                    let m = "`task` is the task of the experiment and cannot be the name of something else";
                    let d = Diagnostic::new(Code::T0107, head.name.span, m, "");
                    diags.push(d.help("choose another name, such as `own_task`"));
                }
                x.lets.push((head, value));
            }
            StmtKind::Set { target, ty, value, guard, then, .. } if target_name(&target).is_some() => {
                x.guards.extend(guard);
                if let Some(at) = ty.map(|t| t.span).or(then.map(|t| t.span)) {
                    let d = Diagnostic::new(Code::T0210, at, "a setting has a name and a value, and nothing else", "");
                    diags.push(d.help(format!("write `{} = {}`", expr_text(&target), expr_text(&value))));
                }
                let Some(name) = target_name(&target) else { continue };
                if !SETTINGS.contains(&name.name.as_str()) {
                    let d = Diagnostic::new(
                        Code::T0210,
                        name.span,
                        format!("an experiment has no setting `{}`", name.name),
                        "",
                    );
                    strangers.push((d, name, value, s.span));
                    continue;
                }
                x.settings.insert(name.name, (value, name.span));
            }
            _ => misplaced(s.span, "an experiment", "settings such as `rule = ...`, and `measure`", diags),
        }
    }
    for (d, name, value, span) in strangers {
        // What is read elsewhere in the experiment is no setting.
        let values = x.lets.iter().map(|l| &l.1).chain(x.measures.iter().map(|m| &m.value));
        if values.chain(x.settings.values().map(|s| &s.0)).any(|e| super::single::mentions(e, &name.name)) {
            let line = format!("let {} = {}", name.name, expr_text(&value));
            diags.push(d.help(format!("a value of your own is `{line}`")).write(span, line));
            x.lets.push((ast::Head { span: name.span, name, args: vec![], index: None }, value));
            continue;
        }
        let rule = x.settings.get("rule").map(|r| &r.0);
        diags.push(super::strangers::setting(d, &name, &value, span, rule, example));
    }
    ItemKind::Experiment(x)
}

fn hypothesis(text: Option<String>, mut body: Vec<Stmt>, diags: &mut Diagnostics) -> ItemKind {
    claimed_once(&mut body, diags);
    let mut statements = Vec::new();
    for s in body {
        match s.kind {
            StmtKind::Expect(e) => statements.push(HypothesisStatement::Expect(e, s.span)),
            StmtKind::Claim { subject, relation } => {
                statements.push(HypothesisStatement::Claim { subject, relation, span: s.span })
            }
            _ => misplaced(s.span, "a hypothesis", "`expect` and `claim`", diags),
        }
    }
    ItemKind::Hypothesis(Hypothesis { text, statements })
}
