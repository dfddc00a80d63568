//! The statements of a learning rule, sorted by kind.

use super::declare::{let_missing, misplaced};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ir::program::*;
use crate::source::Span;
use crate::syntax::ast::{self, Expr, ExprKind, Ident, Stmt, StmtKind};

/// The statements of a rule, sorted by kind.
pub fn rule(body: Vec<Stmt>, diags: &mut Diagnostics) -> ItemKind {
    let mut r = Rule::default();
    // The whole tree as text, in which a name stands in quotes wherever it is written.
    let tree = format!("{body:?}");
    let (body, part_of) = without_parts(body, &mut r);
    let mut names: Vec<Ident> = Vec::new();
    let mut define = |name: &Ident, diags: &mut Diagnostics| {
        reserved(&name.name, name.span, diags);
        names.push(name.clone());
    };
    for (s, part) in body.into_iter().zip(part_of) {
        letters(&s.kind, diags);
        match s.kind {
            StmtKind::Feedback { head, guard, shape, init } => {
                define(&head.name, diags);
                r.feedbacks.push(Feedback { head, guard, shape, init, span: s.span });
            }
            StmtKind::State(list) => {
                for state in list {
                    define(&state.head.name, diags);
                    r.states.push(state);
                }
            }
            StmtKind::Noise { head, shape, value } => {
                define(&head.name, diags);
                r.noises.push(Noise { head, shape, value, span: s.span });
            }
            StmtKind::Signal { head, guard, value } => {
                define(&head.name, diags);
                r.signals.push(Signal { head, guard, value, span: s.span });
            }
            StmtKind::Let { head, value } => {
                define(&head.name, diags);
                r.lets.push((head, value));
            }
            StmtKind::Update(u) => {
                r.updates.push((u, s.span));
                r.part_of.push(part);
            }
            StmtKind::Free(list) => {
                for (head, start) in list {
                    define(&head.name, diags);
                    r.frees.push((head, start));
                }
            }
            StmtKind::Energy { name, value } => {
                define(&name, diags);
                let head = ast::Head { span: name.span, name, args: vec![], index: None };
                r.lets.push((head, value));
            }
            StmtKind::Phase(p) => {
                define(&p.name, diags);
                r.phases.push((p, s.span));
            }
            StmtKind::Dynamics { name, body } => {
                define(&name, diags);
                r.dynamics.push(Dynamics { name, equations: equations(body, diags) });
            }
            StmtKind::Answer { phase, change } => r.answer = Some((phase, change, s.span)),
            StmtKind::Trace { head, guard, of, decay } => {
                define(&head.name, diags);
                r.traces.push(Trace { head, guard, of, decay });
            }
            StmtKind::Set { target: Expr { kind: ExprKind::Call(f, _), .. }, .. } => {
                let text = crate::syntax::print::expr_text(&f);
                let m = format!("what `{text}` is to become is an update of it");
                let d = Diagnostic::new(Code::T0210, s.span, m, "");
                diags.push(d.help(format!("write `update {text}(n) along ...`: what is added to it")));
            }
            StmtKind::Set { target: Expr { kind: ExprKind::Name(name), span }, value, .. } => {
                let name = Ident { name, span };
                let_missing(&name, &value, "a rule", RULE_HOLDS, diags);
                define(&name, diags);
                r.lets.push((ast::Head { span: name.span, name, args: vec![], index: None }, value));
            }
            _ => misplaced(s.span, "a rule", RULE_HOLDS, diags),
        }
    }
    let times = |name: &str| tree.matches(&format!("{name:?}")).count();
    let declared = |name: &str| names.iter().filter(|n| n.name == name).count();
    r.unread = names.iter().filter(|n| times(&n.name) <= declared(&n.name)).cloned().collect();
    ItemKind::Rule(Box::new(r))
}

/// What has a meaning in the equations of every rule: a declaration of such a name would change what they say unseen.
const WORDS: [&str; 9] = ["loss", "reward", "target", "input", "d", "n", "o", "p", "q"];

pub fn reserved(name: &str, at: Span, diags: &mut Diagnostics) {
    if WORDS.contains(&name) {
        let m = format!("`{name}` is a word of rules and cannot be a name in one");
        let d = Diagnostic::new(Code::T0107, at, m, "");
        diags.push(d.help(format!("choose another name, such as `own_{name}`")));
    }
}

const RULE_HOLDS: &str = "`feedback`, `state`, `trace`, `noise`, `free`, `energy`, `dynamics`, `signal`, `let`, `phase`, `update` and `answer`";

/// What is one for each population or projection says so by its letters.
fn letters(s: &StmtKind, diags: &mut Diagnostics) {
    let heads: Vec<&ast::Head> = match s {
        StmtKind::Feedback { head, .. } | StmtKind::Signal { head, .. } => vec![head],
        StmtKind::State(list) => list.iter().map(|s| &s.head).collect(),
        StmtKind::Free(list) => list.iter().map(|f| &f.0).collect(),
        _ => vec![],
    };
    for letter in heads.iter().flat_map(|h| &h.args) {
        if !matches!(letter.name.as_str(), "n" | "m" | "o" | "p" | "q") {
            let d = Diagnostic::new(Code::T0211, letter.span, format!("`{}` ranges over nothing", letter.name), "");
            diags.push(d.help("`n`, `m` range over populations, `o` over outputs, `p`, `q` over projections"));
        }
    }
}

/// The equations of `dynamics`: `s(n)' = ...`.
fn equations(body: Vec<Stmt>, diags: &mut Diagnostics) -> Vec<(ast::Head, Expr)> {
    let mut out = Vec::new();
    for s in body {
        match s.kind {
            StmtKind::Derivative { head, value } => out.push((head, value)),
            _ => misplaced(s.span, "`dynamics`", "equations such as `s(n)' = ...`", diags),
        }
    }
    out
}

/// The statements of a part are the rule's; its updates belong to the part.
fn without_parts(mut body: Vec<Stmt>, r: &mut Rule) -> (Vec<Stmt>, Vec<Option<Ident>>) {
    let mut part_of: Vec<Option<Ident>> = vec![None; body.len()];
    let mut at = 0;
    while at < body.len() {
        if let StmtKind::Part { name, body: inner } = &body[at].kind {
            let (name, inner) = (name.clone(), inner.clone());
            part_of.splice(at..=at, vec![Some(name.clone()); inner.len()]);
            body.splice(at..=at, inner);
            r.parts.push(name);
        } else {
            at += 1;
        }
    }
    (body, part_of)
}
