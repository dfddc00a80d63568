//! Hypotheses: `expect` and `claim` to questions for the judge.

use super::experiment::Measure;
use super::grid::Condition;
use crate::diag::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::ir::{Hypothesis, HypothesisStatement, Item, ItemKind, Program, Unit};
use crate::judge::regions::Impossible;
use crate::judge::{Expectation, Moment, Question, QuestionKind, Relation, Scope, Term};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, ClaimRelation, ExpectScope, Expr, ExprKind, UnaryOp};
use crate::syntax::print::expr_text;
use std::rc::Rc;

/// What hypotheses may ask of an experiment.
#[derive(Clone, Debug)]
pub struct Asked {
    pub name: String,
    pub architecture: String,
    pub conditions: Vec<Condition>,
    pub measures: Vec<Measure>,
    pub seeds: usize,
    pub parameters: Vec<Option<u64>>,
    /// Something in it is wrong, and has been reported.
    pub damaged: bool,
}

/// Whether a rule has a property, with the way it comes about; `None` if the rule could not be analysed.
pub type Settle<'a> = &'a mut dyn FnMut(&Rc<Item>, &ClaimRelation) -> Option<Settled>;

/// What the analysis of a rule says on a claim.
pub struct Settled {
    pub has: bool,
    /// Where the property comes from.
    pub path: Vec<(Span, String)>,
}

/// The questions of one hypothesis; what cannot be judged is reported.
pub fn questions(
    program: &Program,
    item: &Item,
    asked: &[Asked],
    settle: Settle,
    diags: &mut Diagnostics,
) -> Vec<Question> {
    let ItemKind::Hypothesis(h) = &item.kind else { return vec![] };
    let mut out = Vec::new();
    for s in &h.statements {
        let mut ask = Ask { program, item, asked, diags };
        let made = match s {
            HypothesisStatement::Expect(e, span) => {
                ask.expect(e, *span).map(|x| (expect_text(e), *span, QuestionKind::Expectation(x)))
            }
            HypothesisStatement::Claim { subject, relation, span } => {
                ask.claim(subject, relation.as_ref(), *span, settle).map(|(holds, reason)| {
                    (claim_text(subject, relation.as_ref()), *span, QuestionKind::Claim { holds, reason })
                })
            }
        };
        if let Some((statement, span, kind)) = made {
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

fn expect_text(e: &ast::Expect) -> String {
    let scope = match &e.scope {
        ExpectScope::None => String::new(),
        ExpectScope::EverySeed(_) => " in every seed".into(),
        ExpectScope::AtLeast { count, of, .. } => format!(" in at least {} of {}", expr_text(count), expr_text(of)),
        ExpectScope::At(c) => format!(" at {}", expr_text(c)),
    };
    format!("{}{scope}", expr_text(&e.value))
}

fn claim_text(subject: &Expr, relation: Option<&ClaimRelation>) -> String {
    let Some(r) = relation else { return expr_text(subject) };
    let word = if r.needs { "needs" } else { "avoids" };
    let number = r.number.as_ref().map_or(String::new(), |n| format!("({})", expr_text(n)));
    let within = r.within.as_ref().map_or(String::new(), |w| format!(" in the {}", w.name));
    format!("{} {word} {}{number}{within}", expr_text(subject), r.property.name)
}

pub(super) struct Ask<'a> {
    pub(super) program: &'a Program,
    pub(super) item: &'a Item,
    pub(super) asked: &'a [Asked],
    pub(super) diags: &'a mut Diagnostics,
}

/// A term with its unit, and whether a mean over seeds is in it.
struct Typed {
    term: Term,
    unit: Unit,
    mean: bool,
    /// Something varies by seed outside a mean.
    series: bool,
}

impl Ask<'_> {
    fn report<T>(&mut self, d: Diagnostic) -> Option<T> {
        self.diags.push(d);
        None
    }

    fn expect(&mut self, e: &ast::Expect, span: Span) -> Option<Expectation> {
        let ExprKind::Binary(op, a, b) = &e.value.kind else {
            let d = Diagnostic::new(Code::T0605, e.value.span, "an expectation compares two quantities", "");
            return self.report(d.help("write `expect last(experiment.measure) < 90 deg in every seed`"));
        };
        let relation = match op {
            BinaryOp::Less => Relation::Less,
            BinaryOp::LessEqual => Relation::LessEqual,
            BinaryOp::Greater => Relation::Greater,
            BinaryOp::GreaterEqual => Relation::GreaterEqual,
            BinaryOp::Equal => Relation::Equal,
            other => {
                let d = Diagnostic::new(Code::T0605, e.value.span, format!("`{}` does not compare", other.sign()), "");
                return self.report(d.help("compare with `<`, `<=`, `>`, `>=` or `==`"));
            }
        };
        let (l, r) = (self.term(a), self.term(b));
        let (l, r) = (l?, r?);
        if l.unit != r.unit && !is_zero(&l.term) && !is_zero(&r.term) {
            let d = Diagnostic::new(
                Code::T0302,
                e.value.span,
                format!("the two sides have different units: {} and {}", l.unit, r.unit),
                "",
            );
            return self.report(d.also(a.span, l.unit.to_string()).also(b.span, r.unit.to_string()));
        }
        let scope = self.scope(&e.scope, &l, &r, span, e.value.span)?;
        if relation == Relation::Equal && matches!(scope, Scope::At { .. }) {
            let d = Diagnostic::new(Code::T0605, e.value.span, "equality of means is never shown by data", "");
            return self.report(
                d.help("expect a margin on either side: `mean(a) - mean(b) < 0.01`, and `mean(a) - mean(b) > -0.01`"),
            );
        }
        let unit = if is_zero(&l.term) { r.unit } else { l.unit };
        let (unit, unit_scale) = unit.display();
        let x = Expectation { left: l.term, relation, right: r.term, scope, unit, unit_scale };
        if matches!(x.scope, Scope::At { .. })
            && !(crate::judge::linear_in_means(&x.left) && crate::judge::linear_in_means(&x.right))
        {
            let d =
                Diagnostic::new(Code::T0605, e.value.span, "this comparison is not linear in its means over seeds", "");
            return self.report(d.help("take the mean of the whole: `mean(a / b)` in place of `mean(a) / mean(b)`"));
        }
        self.possible(&x, e.value.span);
        self.controlled(&x, e.value.span);
        Some(x)
    }

    fn possible(&mut self, x: &Expectation, span: Span) {
        let asked = self.asked;
        let range = |experiment: &str, measure: &str| {
            let e = asked.iter().find(|a| a.name == experiment)?;
            e.measures.iter().find(|m| m.name == measure)?.range
        };
        let m = match crate::judge::regions::possible(x, &range) {
            Ok(()) => return,
            Err(Impossible::NeverMet { .. }) => "no outcome can meet this expectation",
            Err(Impossible::NeverFails { .. }) => "no outcome can fail this expectation",
        };
        let d = Diagnostic::new(Code::T0603, span, m, "");
        self.report::<()>(d.help("compare with a value that the measure can take on either side: a share lies in 0..1, an angle in 0..180 deg"));
    }

    fn scope(&mut self, s: &ExpectScope, l: &Typed, r: &Typed, span: Span, value: Span) -> Option<Scope> {
        let means = l.mean || r.mean;
        let series = l.series || r.series;
        let seeds = self.seeds(l, r);
        match s {
            ExpectScope::EverySeed(at) | ExpectScope::AtLeast { span: at, .. } if means => {
                let d = Diagnostic::new(Code::T0605, value, "a mean over seeds has no value in each seed", "");
                self.report(d.also(*at, "asks for each seed").help("drop `mean`, or say `at 95 %`"))
            }
            ExpectScope::EverySeed(_) => Some(Scope::EverySeed),
            ExpectScope::AtLeast { count, of, span: at } => {
                let (c, n) = (self.whole(count)?, self.whole(of)?);
                if let Some(s) = seeds
                    && n != s
                {
                    let d = Diagnostic::new(
                        Code::T0604,
                        *at,
                        format!("this speaks of {n} seeds, but {s} are declared"),
                        "",
                    );
                    return self.report(d.help(format!("write `in at least {} of {s} seeds`", c.min(s))));
                }
                if c > n {
                    let d = Diagnostic::new(Code::T0604, *at, format!("{c} of {n} seeds is more than there are"), "");
                    return self.report(d);
                }
                Some(Scope::AtLeast { count: c, of: n })
            }
            ExpectScope::At(_) | ExpectScope::None if series && means => {
                let d =
                    Diagnostic::new(Code::T0605, value, "this mixes means over seeds with values of single seeds", "");
                self.report(d.help("take the `mean` of each measure"))
            }
            ExpectScope::At(c) if !means => {
                let d = Diagnostic::new(
                    Code::T0605,
                    value,
                    "a confidence speaks of a mean over seeds, and there is none",
                    "",
                );
                self.report(
                    d.also(c.span, "asks for a confidence")
                        .help("write `mean(last(...))`, or judge it `in every seed`"),
                )
            }
            ExpectScope::At(c) => {
                let v = match &c.kind {
                    ExprKind::Number { value, unit, .. } => {
                        *value * if unit.as_ref().is_some_and(|u| u.name == "%") { 0.01 } else { 1.0 }
                    }
                    _ => f64::NAN,
                };
                if !(0.5..1.0).contains(&v) {
                    let d = Diagnostic::new(Code::T0603, c.span, "a confidence lies between 50 % and 100 %", "");
                    return self.report(d.help("write `at 95 %`"));
                }
                self.enough(seeds, span)?;
                Some(Scope::At { confidence: v })
            }
            ExpectScope::None if means => {
                self.enough(seeds, span)?;
                Some(Scope::At { confidence: 0.95 })
            }
            ExpectScope::None => {
                let d = Diagnostic::new(Code::T0605, span, "an expectation says over which seeds it holds", "");
                self.report(d.help("add `in every seed`, or compare means `at 95 %`"))
            }
        }
    }

    fn enough(&mut self, seeds: Option<usize>, span: Span) -> Option<()> {
        match seeds {
            Some(n) if n < 2 => {
                let d = Diagnostic::new(
                    Code::T0604,
                    span,
                    "a confidence needs at least two seeds, but one is declared",
                    "",
                );
                self.report(d.help("declare more: `seeds = 10`"))
            }
            _ => Some(()),
        }
    }

    /// The number of seeds that a comparison has, from its experiments.
    fn seeds(&self, l: &Typed, r: &Typed) -> Option<usize> {
        fn names(t: &Term, out: &mut Vec<String>) {
            if let Term::Series { experiment, .. } = t {
                out.push(experiment.clone());
            }
            crate::judge::children(t).into_iter().for_each(|c| names(c, out));
        }
        let mut found = Vec::new();
        names(&l.term, &mut found);
        names(&r.term, &mut found);
        self.asked.iter().filter(|a| found.contains(&a.name)).map(|a| a.seeds).min()
    }

    fn whole(&mut self, e: &Expr) -> Option<usize> {
        match &e.kind {
            ExprKind::Number { value, .. } if value.fract() == 0.0 && *value >= 0.0 => Some(*value as usize),
            _ => self.report(Diagnostic::new(Code::T0604, e.span, "a number of seeds is a whole number", "")),
        }
    }

    fn term(&mut self, e: &Expr) -> Option<Typed> {
        match &e.kind {
            ExprKind::Number { value, unit, .. } => {
                let (unit, scale) = match unit {
                    None => (Unit::ONE, 1.0),
                    Some(u) => Unit::word(&u.name).unwrap_or((Unit::ONE, 1.0)),
                };
                Some(Typed { term: Term::Number(value * scale), unit, mean: false, series: false })
            }
            ExprKind::Unary(UnaryOp::Negate, x) => {
                let x = self.term(x)?;
                Some(Typed { term: Term::Negate(Box::new(x.term)), ..x })
            }
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.term(a), self.term(b));
                self.combine(e.span, *op, a?, b?)
            }
            ExprKind::Call(f, args) => {
                let ExprKind::Name(name) = &f.kind else { return self.strange(e) };
                let [arg] = args.as_slice() else {
                    if let ("min" | "max", [a, b]) = (name.as_str(), args.as_slice()) {
                        let (a, b) = (self.term(&a.value)?, self.term(&b.value)?);
                        let unit = a.unit;
                        let (mean, series) = (a.mean || b.mean, a.series || b.series);
                        let pair = (Box::new(a.term), Box::new(b.term));
                        let term = if name == "min" { Term::Min(pair.0, pair.1) } else { Term::Max(pair.0, pair.1) };
                        return Some(Typed { term, unit, mean, series });
                    }
                    return self.strange(e);
                };
                self.function(e, name, f.span, &arg.value)
            }
            ExprKind::Index(..) | ExprKind::Field(..) => {
                let d = Diagnostic::new(Code::T0605, e.span, "this is a whole course of training", "");
                self.report(d.help(format!("say at which moment: `last({})`", expr_text(e))))
            }
            ExprKind::Error => None,
            _ => self.strange(e),
        }
    }

    fn strange(&mut self, e: &Expr) -> Option<Typed> {
        let d =
            Diagnostic::new(Code::T0605, e.span, "an expectation is made of measures and numbers", "not one of them");
        self.report(d.help("write `last(experiment.measure[condition])`, `mean(...)`, numbers and arithmetic"))
    }

    fn function(&mut self, e: &Expr, name: &str, at: Span, arg: &Expr) -> Option<Typed> {
        let moment = match name {
            "last" => Some(Moment::Last),
            "first" => Some(Moment::First),
            "best" | "highest" => Some(Moment::Highest),
            "lowest" => Some(Moment::Lowest),
            "average" => Some(Moment::Average),
            _ => None,
        };
        if let Some(m) = moment {
            return self.series(arg, m);
        }
        let wrap: fn(Box<Term>) -> Term = match name {
            "mean" => Term::Mean,
            "abs" => Term::Abs,
            "log" => Term::Log,
            _ => {
                let known =
                    ["last", "first", "best", "highest", "lowest", "average", "mean", "abs", "log", "min", "max"];
                let near = did_you_mean(name, known);
                let d = Diagnostic::new(Code::T0201, at, format!("`{name}` is not defined for measures"), "");
                let help =
                    near.map_or_else(|| format!("there are {}", known.join(", ")), |n| format!("did you mean `{n}`?"));
                return self.report(d.help(help));
            }
        };
        let x = self.term(arg)?;
        if name == "mean" && !x.series {
            let d = Diagnostic::new(Code::T0605, e.span, "there is nothing here to take a mean of over seeds", "");
            return self.report(d);
        }
        let (mean, series) = if name == "mean" { (true, false) } else { (x.mean, x.series) };
        let unit = if name == "log" { Unit::ONE } else { x.unit };
        Some(Typed { term: wrap(Box::new(x.term)), unit, mean, series })
    }

    fn combine(&mut self, span: Span, op: BinaryOp, a: Typed, b: Typed) -> Option<Typed> {
        let unit = match op {
            BinaryOp::Multiply => a.unit.times(b.unit),
            BinaryOp::Divide => a.unit.over(b.unit),
            BinaryOp::Add | BinaryOp::Subtract if a.unit == b.unit => a.unit,
            BinaryOp::Add | BinaryOp::Subtract => {
                let m =
                    format!("`{}` needs one unit on both sides, but these are {} and {}", op.sign(), a.unit, b.unit);
                return self.report(Diagnostic::new(Code::T0302, span, m, ""));
            }
            other => {
                let d = Diagnostic::new(
                    Code::T0605,
                    span,
                    format!("`{}` has no place in an expectation's quantities", other.sign()),
                    "",
                );
                return self.report(d);
            }
        };
        let (mean, series) = (a.mean || b.mean, a.series || b.series);
        let (x, y) = (Box::new(a.term), Box::new(b.term));
        let term = match op {
            BinaryOp::Add => Term::Add(x, y),
            BinaryOp::Subtract => Term::Subtract(x, y),
            BinaryOp::Multiply => Term::Multiply(x, y),
            _ => Term::Divide(x, y),
        };
        Some(Typed { term, unit, mean, series })
    }

    /// `credit.alignment[fa]`
    fn series(&mut self, e: &Expr, moment: Moment) -> Option<Typed> {
        let (base, index): (&Expr, &[Expr]) = match &e.kind {
            ExprKind::Index(b, i) => (b, i),
            _ => (e, &[]),
        };
        let ExprKind::Field(x, measure) = &base.kind else {
            let d = Diagnostic::new(Code::T0605, e.span, "a measure is written `experiment.measure[condition]`", "");
            return self.report(d);
        };
        let ExprKind::Name(experiment) = &x.kind else { return self.strange(e) };
        let asked = self.asked;
        let Some(a) = asked.iter().find(|a| a.name == *experiment) else {
            let own = self.program.lookup(self.item.module, experiment).is_some_and(|i| self.program.is_damaged(i.id));
            if own || self.program.lost {
                return None;
            }
            let near = did_you_mean(experiment, asked.iter().map(|a| a.name.as_str()));
            let d = Diagnostic::new(Code::T0602, x.span, format!("there is no experiment `{experiment}`"), "");
            let all = asked.iter().map(|a| format!("`{}`", a.name)).collect::<Vec<_>>().join(", ");
            let help = near.map_or_else(|| format!("there is {all}"), |n| format!("did you mean `{n}`?"));
            return self.report(if all.is_empty() { d } else { d.help(help) });
        };
        let Some(m) = a.measures.iter().find(|m| m.name == measure.name) else {
            if a.damaged {
                return None;
            }
            let near = did_you_mean(&measure.name, a.measures.iter().map(|m| m.name.as_str()));
            let m = format!("the experiment `{experiment}` has no measure `{}`", measure.name);
            let d = Diagnostic::new(Code::T0602, measure.span, m, "");
            let all = a.measures.iter().map(|m| format!("`{}`", m.name)).collect::<Vec<_>>().join(", ");
            let help = near.map_or_else(|| format!("there are {all}"), |n| format!("did you mean `{n}`?"));
            return self.report(d.help(help));
        };
        let wanted: Vec<String> = index.iter().map(expr_text).collect();
        let fits = |c: &Condition| wanted.iter().all(|w| c.labels.contains(w));
        let found: Vec<usize> = (0..a.conditions.len()).filter(|i| fits(&a.conditions[*i])).collect();
        let condition = match found.as_slice() {
            [one] => *one,
            several => {
                let at = index.first().map_or(e.span, |i| i.span);
                let all: Vec<String> = a.conditions.iter().map(|c| c.name()).filter(|n| !n.is_empty()).collect();
                let m = match (several.is_empty(), wanted.is_empty()) {
                    (true, _) => format!("`{experiment}` has no condition `{}`", wanted.join(", ")),
                    (_, true) => format!("`{experiment}` has {} conditions, and this names none", a.conditions.len()),
                    _ => format!("`{}` names {} conditions of `{experiment}`", wanted.join(", "), several.len()),
                };
                let near = wanted.first().and_then(|w| did_you_mean(w, all.iter().map(String::as_str)));
                let help = match near {
                    Some(n) if several.is_empty() => format!("did you mean `[{n}]`?"),
                    _ => format!("there are {}", all.iter().map(|n| format!("[{n}]")).collect::<Vec<_>>().join(", ")),
                };
                return self.report(Diagnostic::new(Code::T0602, at, m, "").help(help));
            }
        };
        let (_, scale) = m.unit.display();
        let term = Term::Series { experiment: a.name.clone(), condition, measure: m.name.clone(), moment, scale };
        Some(Typed { term, unit: m.unit, mean: false, series: true })
    }

    fn claim(
        &mut self,
        subject: &Expr,
        relation: Option<&ClaimRelation>,
        span: Span,
        settle: Settle,
    ) -> Option<(bool, String)> {
        let Some(r) = relation else { return self.count_claim(subject) };
        let ExprKind::Name(name) = &subject.kind else {
            let d = Diagnostic::new(Code::T0413, subject.span, "a claim speaks of a rule by its name", "");
            return self.report(d);
        };
        let Some(item) = self.program.lookup(self.item.module, name).cloned() else {
            if self.program.lost {
                return None;
            }
            let near = did_you_mean(name, self.program.names(self.item.module)).map(str::to_string);
            let d =
                Diagnostic::new(Code::T0201, subject.span, format!("`{name}` is not defined"), "not found in scope");
            let d = match (near, self.program.exporter(name)) {
                (Some(n), _) => d.help(format!("did you mean `{n}`?")),
                (None, Some(m)) => d.help(format!("bring it into scope: `use {m}: {name}`")),
                _ => d,
            };
            return self.report(d);
        };
        if self.program.is_damaged(item.id) {
            return None;
        }
        if !matches!(item.kind, ItemKind::Rule(_)) {
            let m =
                format!("`{}` is what a rule needs or avoids, but `{name}` is a {}", r.property.name, item.kind.word());
            return self.report(Diagnostic::new(Code::T0208, subject.span, m, ""));
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
        Some((true, reason))
    }

    /// `parameters(mlp) < 10_000`
    fn count_claim(&mut self, e: &Expr) -> Option<(bool, String)> {
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
            _ => return self.report(Diagnostic::new(Code::T0413, e.span, "a claim about counts compares them", "")),
        };
        if !holds {
            let m = format!("this is false: {x} {} {y} does not hold", op.sign());
            return self.report(Diagnostic::new(Code::T0412, e.span, m, "claimed here"));
        }
        Some((true, format!("{x} {} {y}", op.sign())))
    }

    fn count(&mut self, e: &Expr) -> Option<f64> {
        match &e.kind {
            ExprKind::Number { value, .. } => Some(*value),
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.count(a)?, self.count(b)?);
                match op {
                    BinaryOp::Add => Some(a + b),
                    BinaryOp::Subtract => Some(a - b),
                    BinaryOp::Multiply => Some(a * b),
                    BinaryOp::Divide => Some(a / b),
                    _ => self.report(Diagnostic::new(Code::T0413, e.span, "this cannot be counted", "")),
                }
            }
            ExprKind::Call(f, args) if matches!(&f.kind, ExprKind::Name(n) if n == "parameters") && args.len() == 1 => {
                let name = expr_text(&args[0].value);
                let found = self.asked.iter().filter(|a| a.name == name || a.architecture == name);
                let most = found.flat_map(|a| a.parameters.iter().flatten()).max().copied();
                match most {
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

fn is_zero(t: &Term) -> bool {
    matches!(t, Term::Number(0.0))
}
