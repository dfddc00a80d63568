//! Hypotheses: `expect` and `claim` to questions for the judge.

use super::controlled::Compared;
use super::experiment::Measure;
use super::grid::Condition;
use super::order::children;
use crate::diag::{Code, Diagnostic, Diagnostics, listed};
use crate::ir::{Hypothesis, HypothesisStatement, Item, ItemKind, Program};
use crate::judge::{Question, QuestionKind};
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, ClaimRelation, Expr, ExprKind};
use crate::syntax::print::expr_text;
use std::rc::Rc;

/// What hypotheses may ask of an experiment.
#[derive(Clone, Debug)]
pub struct Asked {
    pub name: String,
    pub architecture: String,
    pub conditions: Vec<Condition>,
    /// Those of all conditions together.
    pub measures: Vec<Measure>,
    /// Conditions that lack one of them.
    pub lacking: Vec<(usize, String)>,
    pub seeds: usize,
    pub parameters: Vec<Option<u64>>,
    /// Something in it is wrong, and has been reported: what it would measure is not known.
    pub damaged: bool,
}

/// Whether a rule has a property, with the way it comes about; `None` if the rule could not be analysed.
pub type Settle<'a> = &'a mut dyn FnMut(&Rc<Item>, &ClaimRelation) -> Option<Settled>;

/// What the analysis of a rule says on a claim.
pub struct Settled {
    pub has: bool,
    /// Where the property comes from.
    pub path: Vec<(Span, String)>,
    /// What was looked at, without names: a change of it changes the claim.
    pub equations: String,
}

/// The questions of one hypothesis; what cannot be judged is reported.
pub fn questions(
    program: &Program,
    item: &Item,
    asked: &[Asked],
    settle: Settle,
    diags: &mut Diagnostics,
    compared: &mut Vec<Compared>,
) -> Vec<Question> {
    let ItemKind::Hypothesis(h) = &item.kind else { return vec![] };
    let mut out = Vec::new();
    for s in &h.statements {
        let mut ask = Ask { program, item, asked, diags, compared, at: None };
        let made: Vec<(String, Span, QuestionKind)> = match s {
            HypothesisStatement::Expect(e, span) => {
                let made = ask.expect(e, *span).unwrap_or_default().into_iter();
                made.map(|(text, x)| (text, *span, QuestionKind::Expectation(x))).collect()
            }
            HypothesisStatement::Claim { subject, relation, span } => {
                let made = ask.claim(subject, relation.as_ref(), *span, settle).map(|(holds, reason, meaning)| {
                    (claim_text(subject, relation.as_ref()), *span, QuestionKind::Claim { holds, reason, meaning })
                });
                Vec::from_iter(made)
            }
        };
        for (statement, span, kind) in made {
            out.push(Question { hypothesis: item.name.clone(), text: text(h), statement, span, kind });
        }
    }
    if h.statements.is_empty() && !program.is_damaged(item.id) {
        let d =
            Diagnostic::new(Code::T0601, item.name_span, format!("the hypothesis `{}` asks nothing", item.name), "");
        diags.push(d.help("add `expect ...` or `claim ...`"));
    }
    out
}

fn text(h: &Hypothesis) -> Option<String> {
    h.text.clone()
}

fn claim_text(subject: &Expr, relation: Option<&ClaimRelation>) -> String {
    relation.map_or(expr_text(subject), |r| format!("{} {}", expr_text(subject), relation_text(r)))
}

/// `avoids weight_transport in the update`
fn relation_text(r: &ClaimRelation) -> String {
    let word = if r.needs { "needs" } else { "avoids" };
    let number = r.number.as_ref().map_or(String::new(), |n| format!("({})", expr_text(n)));
    let within = r.within.as_ref().map_or(String::new(), |w| format!(" in the {}", w.name));
    format!("{word} {}{number}{within}", r.property.name)
}

pub(super) struct Ask<'a> {
    pub(super) program: &'a Program,
    pub(super) item: &'a Item,
    pub(super) asked: &'a [Asked],
    pub(super) diags: &'a mut Diagnostics,
    /// Pairs of arms that an expectation compares.
    pub(super) compared: &'a mut Vec<Compared>,
    /// Within a statistic over conditions: which experiment and condition is meant where none is named.
    pub(super) at: Option<(String, usize)>,
}

impl Ask<'_> {
    pub(super) fn report<T>(&mut self, d: Diagnostic) -> Option<T> {
        self.diags.push(d);
        None
    }

    /// Whether a quantity is of an experiment with a fault, or of one that could not be read.
    pub(super) fn unknowable(&self, e: &Expr) -> bool {
        match &e.kind {
            ExprKind::Error => true,
            ExprKind::Field(x, _) if matches!(x.kind, ExprKind::Name(_)) => {
                let name = expr_text(x);
                match self.asked.iter().find(|a| a.name == name) {
                    Some(a) => a.damaged,
                    None => self.program.is_lost(self.item.module, &name),
                }
            }
            _ => {
                let mut found = false;
                children(e, &mut |x| found |= self.unknowable(x));
                found
            }
        }
    }

    fn claim(
        &mut self,
        subject: &Expr,
        relation: Option<&ClaimRelation>,
        span: Span,
        settle: Settle,
    ) -> Option<(bool, String, String)> {
        let Some(r) = relation else { return self.count_claim(subject) };
        let ExprKind::Name(name) = &subject.kind else {
            let d = Diagnostic::new(Code::T0413, subject.span, "a claim speaks of a rule by its name", "");
            return self.report(d.help("write `claim RULE avoids PROPERTY`; `trine doc std.rules` lists the rules"));
        };
        let Some(item) = self.program.lookup(self.item.module, name).cloned() else {
            if self.program.is_lost(self.item.module, name) {
                return None;
            }
            let d =
                Diagnostic::new(Code::T0201, subject.span, format!("`{name}` is not defined"), "not found in scope");
            // Of all names in scope those that a claim can speak of.
            let claimed = |n: &&str| {
                let item = self.program.lookup(self.item.module, n);
                item.is_some_and(|i| matches!(i.kind, ItemKind::Rule(_) | ItemKind::Architecture { .. }))
            };
            let known: Vec<&str> = self.program.names(self.item.module).into_iter().filter(claimed).collect();
            let otherwise = match self.program.exporter(name) {
                Some(module) => format!("bring it into scope: `use {module}: {name}`"),
                None => {
                    format!("a claim speaks of a rule or an architecture; there are {}", listed(known.iter().copied()))
                }
            };
            return self.report(match self.program.exporter(name) {
                Some(_) => d.help(otherwise),
                None => d.meant_or(name, known, otherwise),
            });
        };
        if self.program.is_damaged(item.id) {
            return None;
        }
        if !matches!(item.kind, ItemKind::Rule(_) | ItemKind::Architecture { .. }) {
            let m =
                format!("`{}` is what a rule needs or avoids, but `{name}` is a {}", r.property.name, item.kind.word());
            let d = Diagnostic::new(Code::T0208, subject.span, m, "");
            return self.report(d.help("claim it of a rule, or of an architecture whose populations settle"));
        }
        let settled = settle(&item, r)?;
        let word = if r.needs { "needs" } else { "avoids" };
        if settled.has != r.needs {
            let number = r.number.as_ref().map_or(String::new(), |n| format!("({})", expr_text(n)));
            let property = format!("{}{number}", r.property.name);
            let m = match settled.path.first() {
                Some((_, why)) if settled.has => format!("`{name}` claims `{word} {property}`, and {why}"),
                _ if settled.has => format!("`{name}` claims `{word} {property}`, and has it"),
                _ => format!("`{name}` claims `{word} {property}`, and does not"),
            };
            let mut d = Diagnostic::new(Code::T0412, span, m, "claimed here");
            for (at, why) in &settled.path {
                d = d.also(*at, why.clone());
            }
            let help = match (settled.has, r.property.name.as_str()) {
                (true, "weight_transport") => {
                    "declare feedback weights and put them in: `q.adjoint(delta(q.post), W = B(q))`".to_string()
                }
                _ => {
                    format!("`trine profile {name}` shows what the rule reads; claim the opposite, or change the rule")
                }
            };
            return self.report(d.help(help));
        }
        let reason = match settled.path.first() {
            Some((_, why)) if settled.has => format!("it {why}"),
            _ if settled.has => "all that it reads is at hand at the synapse".to_string(),
            _ => format!("nothing in its equations brings {}", r.property.name),
        };
        let meaning = format!("{} of {}", relation_text(r), settled.equations);
        Some((true, reason, meaning))
    }

    /// `parameters(mlp) < 10_000`
    fn count_claim(&mut self, e: &Expr) -> Option<(bool, String, String)> {
        let ExprKind::Binary(op, a, b) = &e.kind else {
            let d = Diagnostic::new(Code::T0413, e.span, "a claim is about a rule or a count", "");
            return self
                .report(d.help("write `claim rule avoids property`, or `claim parameters(experiment) < 10_000`"));
        };
        let (x, y) = (self.count(a)?, self.count(b)?);
        let holds = match op {
            BinaryOp::Less => x < y,
            BinaryOp::LessEqual => x <= y,
            BinaryOp::Greater => x > y,
            BinaryOp::GreaterEqual => x >= y,
            BinaryOp::Equal => x == y,
            BinaryOp::NotEqual => x != y,
            _ => {
                return self.report(
                    Diagnostic::new(Code::T0413, e.span, "a claim about counts compares them", "")
                        .help("write `claim parameters(experiment) < 10_000`"),
                );
            }
        };
        if !holds {
            let m = format!("this is false: {x} {} {y} does not hold", op.sign());
            let d = Diagnostic::new(Code::T0412, e.span, m, "claimed here");
            return self.report(d.help("claim what holds, or change what is counted"));
        }
        let text = format!("{x} {} {y}", op.sign());
        Some((true, text.clone(), text))
    }

    fn count(&mut self, e: &Expr) -> Option<f64> {
        match &e.kind {
            ExprKind::Number { unit: Some(unit), .. } => {
                let m = format!("parameters are counted by plain numbers, but this is in {}", unit.name);
                self.report(Diagnostic::new(Code::T0302, e.span, m, "").help("leave the unit out"))
            }
            ExprKind::Number { value, .. } => Some(*value),
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.count(a)?, self.count(b)?);
                match op {
                    BinaryOp::Add => Some(a + b),
                    BinaryOp::Subtract => Some(a - b),
                    BinaryOp::Multiply => Some(a * b),
                    BinaryOp::Divide => Some(a / b),
                    _ => self.report(
                        Diagnostic::new(Code::T0413, e.span, "this cannot be counted", "")
                            .help("count by numbers, `parameters(experiment)`, `+`, `-`, `*` and `/`"),
                    ),
                }
            }
            ExprKind::Call(f, args) if matches!(&f.kind, ExprKind::Name(n) if n == "parameters") && args.len() == 1 => {
                let name = expr_text(&args[0].value);
                let found = self.asked.iter().filter(|a| a.name == name || a.architecture == name);
                let most = found.flat_map(|a| a.parameters.iter().flatten()).max().copied();
                match most {
                    _ if self.asked.iter().any(|a| a.damaged) => None,
                    Some(n) => Some(n as f64),
                    None => {
                        let m = format!("no experiment here has the architecture `{name}`");
                        let d = Diagnostic::new(Code::T0413, args[0].value.span, m, "");
                        self.report(d.help("name an experiment, or an architecture that one uses"))
                    }
                }
            }
            _ => {
                let d = Diagnostic::new(Code::T0413, e.span, "this cannot be counted before the run", "");
                self.report(d.help("`parameters(experiment)` can"))
            }
        }
    }
}
