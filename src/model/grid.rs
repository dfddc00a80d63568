//! The grid of conditions that the `vary` expressions of an experiment span.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ir::{Experiment, Item};
use crate::source::Span;
use crate::syntax::ast::{self, Entry, Expr, ExprKind};
use crate::syntax::print::expr_text;
use std::collections::HashMap;

/// One point of the grid.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    pub choices: HashMap<Span, usize>,
    /// The entries' labels, or values where they have none.
    pub labels: Vec<String>,
    /// Each factor's name and the value taken, as text.
    pub settings: Vec<(String, String)>,
}

impl Condition {
    pub fn name(&self) -> String {
        self.labels.join(", ")
    }
}

/// One `vary` expression.
#[derive(Clone, Debug)]
pub struct Factor {
    /// The setting or argument in which it stands.
    pub name: String,
    pub span: Span,
    pub labels: Vec<String>,
    pub texts: Vec<String>,
    /// For each entry the factors within it, which vary only where it is taken.
    pub within: Vec<Vec<Factor>>,
}

impl Factor {
    fn size(&self) -> usize {
        self.within.iter().map(|w| size(w)).fold(0, usize::saturating_add)
    }
}

fn size(factors: &[Factor]) -> usize {
    factors.iter().map(Factor::size).fold(1, usize::saturating_mul)
}

const MAX_CONDITIONS: usize = 10_000;

/// Every combination of the entries of every `vary`, the last one changing fastest.
pub fn grid(item: &Item, x: &Experiment, diags: &mut Diagnostics) -> (Vec<Factor>, Vec<Condition>) {
    let mut factors = Vec::new();
    for (name, (e, _)) in &x.settings {
        find(e, name, &mut factors);
    }
    match &x.train {
        Some((ast::Train::For(e), _)) => find(e, "train", &mut factors),
        Some((ast::Train::Stages(stages), _)) => {
            for s in stages {
                find(&s.length, &s.name.name, &mut factors);
                s.settings.iter().for_each(|a| find(&a.value, &expr_text(&a.target), &mut factors));
            }
        }
        None => {}
    }
    for m in &x.measures {
        find(&m.value, &m.name.name, &mut factors);
    }
    let size = size(&factors);
    if size > MAX_CONDITIONS {
        let m = format!("this experiment has {size} conditions, more than {MAX_CONDITIONS}");
        diags.push(Diagnostic::new(Code::T0307, item.name_span, m, ""));
        return (factors, vec![]);
    }
    let conditions = combine(&factors);
    (factors, conditions)
}

fn combine(factors: &[Factor]) -> Vec<Condition> {
    let mut out = vec![Condition::default()];
    for f in factors {
        let mut next = Vec::new();
        for c in &out {
            for (i, (label, text)) in f.labels.iter().zip(&f.texts).enumerate() {
                for inner in combine(&f.within[i]) {
                    let mut c = c.clone();
                    c.choices.insert(f.span, i);
                    c.choices.extend(inner.choices);
                    c.labels.push(label.clone());
                    c.labels.extend(inner.labels);
                    c.settings.push((f.name.clone(), text.clone()));
                    c.settings.extend(inner.settings);
                    next.push(c);
                }
            }
        }
        out = next;
    }
    out
}

fn find(e: &Expr, within: &str, out: &mut Vec<Factor>) {
    let mut each = |e: &Expr| find(e, within, out);
    match &e.kind {
        ExprKind::Vary(entries) => out.push(factor(e.span, within, entries)),
        ExprKind::Call(f, args) => {
            each(f);
            for a in args {
                let name = a.name.as_ref().map_or(within, |n| n.name.as_str());
                find(&a.value, name, out);
            }
        }
        ExprKind::Field(a, _)
        | ExprKind::Unary(_, a)
        | ExprKind::As(a, _)
        | ExprKind::Minimize(a)
        | ExprKind::Maximize(a)
        | ExprKind::Sample(a) => each(a),
        ExprKind::Binary(_, a, b) => {
            each(a);
            each(b);
        }
        ExprKind::Index(a, list) => {
            each(a);
            list.iter().for_each(each);
        }
        ExprKind::List(list) => list.iter().for_each(each),
        ExprKind::Braces { entries, .. } => entries.iter().for_each(|x| each(&x.value)),
        ExprKind::If { condition, then, otherwise } => {
            each(condition);
            each(then);
            each(otherwise);
        }
        ExprKind::Reduce { body, .. } => each(body),
        _ => {}
    }
}

fn factor(span: Span, within: &str, entries: &[Entry]) -> Factor {
    let texts: Vec<String> = entries.iter().map(|x| expr_text(&x.value)).collect();
    let labels =
        entries.iter().zip(&texts).map(|(x, t)| x.label.as_ref().map_or(t.clone(), |l| l.name.clone())).collect();
    let inner = entries.iter().map(|x| {
        let mut found = Vec::new();
        find(&x.value, within, &mut found);
        found
    });
    Factor { name: within.to_string(), span, labels, texts, within: inner.collect() }
}
