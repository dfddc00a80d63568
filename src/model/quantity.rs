//! What an expectation speaks of: measures at a moment, numbers, arithmetic, and statistics over conditions and seeds.

use super::arguments::nameless;
use super::grid::Condition;
use super::hypothesis::{Ask, Asked};
use crate::diag::{Code, Diagnostic, did_you_mean, listed};
use crate::ir::Unit;
use crate::judge::{Moment, Statistic, Term};
use crate::source::Span;
use crate::syntax::ast::{Arg, BinaryOp, Expr, ExprKind, UnaryOp};
use crate::syntax::print::expr_text;

/// A term with its unit, and whether a mean over seeds is in it.
pub(super) struct Typed {
    pub term: Term,
    pub unit: Unit,
    pub mean: bool,
    /// Something varies by seed outside a mean.
    pub series: bool,
}

impl Ask<'_> {
    pub(super) fn term(&mut self, e: &Expr) -> Option<Typed> {
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
            ExprKind::Binary(op, x, y) => {
                let (a, b) = (self.term(x), self.term(y));
                self.combine(e.span, *op, (a?, x), (b?, y))
            }
            ExprKind::Call(f, args) => {
                let ExprKind::Name(name) = &f.kind else { return self.strange(e) };
                if let Some(d) = nameless(name, args) {
                    return self.report(d);
                }
                let over = [Statistic::Slope, Statistic::Correlation, Statistic::Trend];
                if let Some(statistic) = over.into_iter().find(|s| s.word() == name) {
                    return self.statistic(e, statistic, args);
                }
                let [arg] = args.as_slice() else {
                    if let ("min" | "max", [a, b]) = (name.as_str(), args.as_slice()) {
                        let (a, b) = (self.term(&a.value)?, self.term(&b.value)?);
                        let unit = a.unit;
                        if a.unit != b.unit {
                            let m = format!(
                                "`{name}` needs one unit of both, but these are {} and {}",
                                a.unit.written(),
                                b.unit.written()
                            );
                            return self
                                .report(Diagnostic::new(Code::T0302, e.span, m, "").help(super::units::ONE_UNIT));
                        }
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
                if let Some(found) = self.factor(e) {
                    return found;
                }
                if let Some(d) = self.misnamed(e) {
                    return self.report(d);
                }
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
        if let Some(m) = Moment::named(name) {
            return self.series(arg, m);
        }
        let wrap: fn(Box<Term>) -> Term = match name {
            "mean" => Term::Mean,
            "abs" => Term::Abs,
            "log" => Term::Log,
            "min" | "max" => {
                let of_course = if name == "max" { "highest" } else { "lowest" };
                let m = format!("`{name}` is of two numbers, and this is one");
                let d = Diagnostic::new(Code::T0207, at, m, "");
                return self.report(d.help(format!("of a course of training write `{of_course}(...)`")));
            }
            _ => {
                let known =
                    [&Moment::WORDS[..], &["mean", "abs", "log", "min", "max", "slope", "correlation", "trend"]]
                        .concat();
                let d = Diagnostic::new(Code::T0201, at, format!("`{name}` is not defined for measures"), "");
                return self.report(d.meant(name, known));
            }
        };
        let x = self.term(arg)?;
        if name == "mean" && !x.series {
            let d = Diagnostic::new(Code::T0605, e.span, "there is nothing here to take a mean of over seeds", "");
            return self.report(d.help("take it of a measure: `mean(last(experiment.measure))`"));
        }
        let (mean, series) = if name == "mean" { (true, false) } else { (x.mean, x.series) };
        let unit = if name == "log" { Unit::ONE } else { x.unit };
        Some(Typed { term: wrap(Box::new(x.term)), unit, mean, series })
    }

    fn combine(&mut self, span: Span, op: BinaryOp, (a, x): (Typed, &Expr), (b, y): (Typed, &Expr)) -> Option<Typed> {
        let unit = match op {
            BinaryOp::Multiply => a.unit.times(b.unit),
            BinaryOp::Divide => a.unit.over(b.unit),
            BinaryOp::Add | BinaryOp::Subtract if a.unit == b.unit => a.unit,
            BinaryOp::Add | BinaryOp::Subtract => {
                let units = (a.unit.written(), b.unit.written());
                let m =
                    format!("`{}` needs one unit on both sides, but these are {} and {}", op.sign(), units.0, units.1);
                return self.report(super::units::one_unit(
                    Diagnostic::new(Code::T0302, span, m, ""),
                    (x, a.unit),
                    (y, b.unit),
                ));
            }
            other => {
                let d = Diagnostic::new(
                    Code::T0605,
                    span,
                    format!("`{}` has no place in an expectation's quantities", other.sign()),
                    "",
                );
                return self.report(d.help(
                    "quantities are made with `+`, `-`, `*` and `/`; write each comparison as an `expect` of its own",
                ));
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
            return self.report(self.whose(d, base));
        };
        let ExprKind::Name(experiment) = &x.kind else { return self.strange(e) };
        let asked = self.asked;
        let Some(a) = asked.iter().find(|a| a.name == *experiment) else {
            return self.report(self.no_experiment(experiment, x.span));
        };
        let Some(m) = a.measures.iter().find(|m| m.name == measure.name) else {
            let m = format!("the experiment `{experiment}` has no measure `{}`", measure.name);
            let d = Diagnostic::new(Code::T0602, measure.span, m, "");
            let none = "it measures nothing: add `measure name = VALUE on test, every epoch`";
            return self.report(match a.measures.is_empty() {
                true => d.help(none),
                false => d.meant(&measure.name, a.measures.iter().map(|m| m.name.as_str())),
            });
        };
        let wanted: Vec<String> = index.iter().map(expr_text).collect();
        let found = fitting(a, &wanted);
        let here = self.at.as_ref().filter(|(name, _)| *name == a.name).map(|(_, c)| *c);
        let condition = match found.as_slice() {
            [one] => *one,
            all if here.is_some_and(|c| all.contains(&c)) => here.unwrap_or_default(),
            several => {
                let at = index.first().map_or(e.span, |i| i.span);
                if several.is_empty() {
                    return self.report(no_condition(a, &wanted.join(", "), at));
                }
                let m = match wanted.is_empty() {
                    true => format!("`{experiment}` has {} conditions, and this names none", a.conditions.len()),
                    false => format!("`{}` names {} conditions of `{experiment}`", wanted.join(", "), several.len()),
                };
                return self.report(Diagnostic::new(Code::T0602, at, m, "").help(arms(a)));
            }
        };
        if a.lacking.contains(&(condition, m.name.clone())) {
            let (name, at) = (a.conditions[condition].name(), index.first().map_or(e.span, |i| i.span));
            let d = Diagnostic::new(Code::T0602, at, format!("`[{name}]` of `{experiment}` lacks `{}`", m.name), "");
            let has = (0..a.conditions.len()).filter(|c| !a.lacking.contains(&(*c, m.name.clone())));
            let has = has.map(|c| format!("[{}]", a.conditions[c].name())).collect::<Vec<_>>().join(", ");
            let d = d.also(m.span, "its rule does not have what this reads");
            return self.report(d.help(format!("measured are {has}")));
        }
        let (_, scale) = m.unit.display();
        let term = Term::Series { experiment: a.name.clone(), condition, measure: m.name.clone(), moment, scale };
        Some(Typed { term, unit: m.unit, mean: false, series: true })
    }

    /// `slope(x, y)`: over the conditions that a measure in it leaves open, in every seed; else over seeds.
    fn statistic(&mut self, e: &Expr, statistic: Statistic, args: &[Arg]) -> Option<Typed> {
        let word = statistic.word();
        let [x, y] = args else {
            let d = Diagnostic::new(Code::T0605, e.span, format!("`{word}` takes two quantities"), "");
            return self.report(d.help(format!("write `{word}(x, y)`")));
        };
        let (x, y) = (&x.value, &y.value);
        let mut named = Named::default();
        named.collect(x, self.asked);
        named.collect(y, self.asked);
        // What is misspelt would leave nothing open.
        if let Some(d) = self.misspelt(x).or_else(|| self.misspelt(y)) {
            return self.report(d);
        }
        let Some((experiment, conditions)) = named.open.first().cloned() else {
            return self.over_seeds(e, statistic, x, y, named.fields.first());
        };
        if named.open.iter().any(|o| *o != (experiment.clone(), conditions.clone())) {
            let m = format!("the quantities of this {word} leave different conditions open");
            return self.report(Diagnostic::new(Code::T0605, e.span, m, "").help("name the same conditions in both"));
        }
        self.one_factor(e, &experiment, &conditions, &named.fields)?;
        let mut points = Vec::new();
        let mut unit = Unit::ONE;
        for c in conditions {
            let outer = self.at.replace((experiment.clone(), c));
            let (px, py) = (self.term(x), self.term(y));
            self.at = outer;
            let (px, py) = (px?, py?);
            if px.mean || py.mean {
                let d = Diagnostic::new(Code::T0605, e.span, format!("this {word} is taken in every seed"), "");
                return self.report(d.help(format!("take the mean of the whole: `mean({word}(x, y))`")));
            }
            if statistic == Statistic::Slope {
                unit = py.unit.over(px.unit);
            }
            points.push((px.term, py.term));
        }
        let number = |t: &Term| match crate::judge::terms::split_constant(t) {
            (None, x) => Some(x),
            _ => None,
        };
        let places: Option<Vec<f64>> = points.iter().map(|(x, _)| number(x)).collect();
        if places.is_none() && statistic == Statistic::Trend {
            let d =
                Diagnostic::new(Code::T0605, x.span, "a trend follows a setting that varies, and this is measured", "");
            return self
                .report(d.help("write `trend(experiment.setting, last(experiment.measure))`, or `correlation`"));
        }
        if let Some(places) = places {
            let mut order: Vec<usize> = (0..places.len()).collect();
            order.sort_by(|&i, &j| places[i].total_cmp(&places[j]));
            let same = order.windows(2).any(|w| places[w[0]] == places[w[1]]);
            if (same && statistic == Statistic::Trend) || places.iter().all(|p| *p == places[0]) {
                let d = Diagnostic::new(Code::T0605, x.span, "this is the same in several of the conditions", "");
                return self.report(d.help("vary it over different numbers"));
            }
            if places.iter().any(|p| !p.is_finite()) {
                let d = Diagnostic::new(Code::T0605, x.span, "this is not finite in every condition", "");
                return self.report(d.help("a logarithm needs numbers above 0"));
            }
            points = order.into_iter().map(|i| points[i].clone()).collect();
        }
        if statistic == Statistic::Correlation && points.len() < 3 {
            let d = Diagnostic::new(Code::T0605, e.span, "two conditions are always perfectly correlated", "");
            return self.report(d.help("vary over three or more"));
        }
        let term = Term::OverConditions { statistic, points, text: expr_text(e) };
        Some(Typed { term, unit, mean: false, series: true })
    }

    /// The conditions that a statistic ranges over differ in nothing but the settings that it names.
    fn one_factor(&mut self, e: &Expr, experiment: &str, conditions: &[usize], fields: &[String]) -> Option<()> {
        let asked = self.asked;
        let known = asked.iter().find(|a| a.name == experiment)?;
        let settings = |c: &usize| &known.conditions[*c].settings;
        let first = settings(conditions.first()?);
        let other = first.iter().enumerate().find(|(i, (name, text))| {
            !fields.is_empty()
                && !fields.contains(name)
                && conditions.iter().any(|c| settings(c).get(*i).is_none_or(|(_, t)| t != text))
        });
        let Some((_, (name, _))) = other else { return Some(()) };
        let m = format!("these conditions differ in `{name}` as well");
        let d = Diagnostic::new(Code::T0605, e.span, m, "ranges over all of them");
        self.report(d.help("name the arm that is meant: `last(experiment.measure[arm])`"))
    }

    fn over_seeds(
        &mut self,
        e: &Expr,
        statistic: Statistic,
        x: &Expr,
        y: &Expr,
        field: Option<&String>,
    ) -> Option<Typed> {
        let word = statistic.word();
        if statistic == Statistic::Trend || field.is_some() {
            let m = format!("this {word} has only one condition");
            let d = Diagnostic::new(Code::T0605, e.span, m, "");
            return self.report(d.help("name a measure without a condition, and it is taken over all that vary"));
        }
        let (x, y) = (self.term(x), self.term(y));
        let (x, y) = (x?, y?);
        if x.mean || y.mean || !(x.series && y.series) {
            let m = format!("a {word} over seeds is of two quantities that each seed has");
            let d = Diagnostic::new(Code::T0605, e.span, m, "");
            return self.report(d.help(format!("write `{word}(last(experiment.one), last(experiment.other))`")));
        }
        let unit = if statistic == Statistic::Slope { y.unit.over(x.unit) } else { Unit::ONE };
        let term = Term::OverSeeds { statistic, x: Box::new(x.term), y: Box::new(y.term), text: expr_text(e) };
        Some(Typed { term, unit, mean: true, series: false })
    }

    /// `experiment.hiden`: neither a measure nor something that varies.
    fn misnamed(&self, e: &Expr) -> Option<Diagnostic> {
        let base = if let ExprKind::Index(base, _) = &e.kind { base } else { e };
        let ExprKind::Field(x, name) = &base.kind else { return None };
        let ExprKind::Name(experiment) = &x.kind else { return None };
        let known = self.asked.iter().find(|a| a.name == *experiment && !a.damaged)?;
        if known.measures.iter().any(|m| m.name == name.name) || varies(known, &name.name) {
            return None;
        }
        let settings = known.conditions.first().into_iter().flat_map(|c| c.settings.iter().map(|(n, _)| n.as_str()));
        let all: Vec<&str> = known.measures.iter().map(|m| m.name.as_str()).chain(settings).collect();
        let m = format!("the experiment `{experiment}` has no measure `{}`, and no setting of it varies", name.name);
        Some(Diagnostic::new(Code::T0602, name.span, m, "").meant(&name.name, all))
    }

    /// A name in the quantities of a statistic that is no experiment, no measure, no setting or no condition.
    fn misspelt(&self, e: &Expr) -> Option<Diagnostic> {
        if let ExprKind::Field(x, _) = &e.kind
            && let ExprKind::Name(experiment) = &x.kind
        {
            let known = self.asked.iter().any(|a| a.name == *experiment);
            let damaged = || self.program.is_lost(self.item.module, experiment);
            return match known {
                true => self.misnamed(e),
                false => (!damaged()).then(|| self.no_experiment(experiment, x.span)),
            };
        }
        if let ExprKind::Index(base, labels) = &e.kind
            && let ExprKind::Field(x, _) = &base.kind
            && let ExprKind::Name(experiment) = &x.kind
            && let Some(a) = self.asked.iter().find(|a| a.name == *experiment && !a.damaged)
        {
            let every: Vec<&str> = a.conditions.iter().flat_map(|c| c.labels.iter().map(String::as_str)).collect();
            if let Some(wrong) = labels.iter().find(|l| !every.contains(&expr_text(l).as_str())) {
                return Some(no_condition(a, &expr_text(wrong), wrong.span));
            }
        }
        let mut found = None;
        super::order::children(e, &mut |x| {
            if found.is_none() {
                found = self.misspelt(x);
            }
        });
        found
    }

    fn no_experiment(&self, name: &str, at: Span) -> Diagnostic {
        let d = Diagnostic::new(Code::T0602, at, format!("there is no experiment `{name}`"), "");
        match self.asked.is_empty() {
            true => d.help("declare one: `experiment name { ... }`"),
            false => d.meant(name, self.asked.iter().map(|a| a.name.as_str())),
        }
    }

    /// A measure without its experiment.
    fn whose(&self, d: Diagnostic, e: &Expr) -> Diagnostic {
        let ExprKind::Name(name) = &e.kind else {
            return d.help("write `last(experiment.measure)`, and its condition in `[ ]` if there are several");
        };
        match self.asked.iter().find(|a| a.measures.iter().any(|m| m.name == *name)) {
            Some(a) => d.help(format!("write `{}.{name}`", a.name)).write(e.span, format!("{}.{name}", a.name)),
            None => {
                let all: Vec<String> = self
                    .asked
                    .iter()
                    .flat_map(|a| a.measures.iter().map(|m| format!("{}.{}", a.name, m.name)))
                    .collect();
                d.meant_or(
                    name,
                    all.iter().map(String::as_str),
                    format!("there are {}", listed(all.iter().map(String::as_str))),
                )
            }
        }
    }

    /// `experiment.setting`, a number that varies over conditions; none if it is something else.
    fn factor(&mut self, e: &Expr) -> Option<Option<Typed>> {
        let ExprKind::Field(x, name) = &e.kind else { return None };
        let ExprKind::Name(experiment) = &x.kind else { return None };
        let asked = self.asked;
        let known = asked.iter().find(|a| a.name == *experiment)?;
        if !varies(known, &name.name) || known.measures.iter().any(|m| m.name == name.name) {
            return None;
        }
        let Some((_, c)) = self.at.as_ref().filter(|(at, _)| at == experiment) else {
            let m = format!("`{}` is a setting that varies over conditions", name.name);
            let d = Diagnostic::new(Code::T0605, e.span, m, "");
            let help = format!("it stands in `slope`, `correlation` or `trend`: `trend({}, last(...))`", expr_text(e));
            return Some(self.report(d.help(help)));
        };
        let text = known.conditions[*c].settings.iter().find(|(n, _)| *n == name.name).map(|(_, t)| t.as_str());
        let Some((number, unit)) = text.and_then(number) else {
            let m = format!("`{}` varies over {}, which is no number", name.name, text.unwrap_or("nothing"));
            let d = Diagnostic::new(Code::T0605, e.span, m, "");
            return Some(self.report(d.help("a trend, a slope or a correlation follows numbers")));
        };
        Some(Some(Typed { term: Term::Number(number), unit, mean: false, series: false }))
    }
}

/// `there are [bp], [fa]`
fn arms(a: &Asked) -> String {
    let all: Vec<String> = a.conditions.iter().map(|c| c.name()).filter(|n| !n.is_empty()).collect();
    match all.is_empty() {
        true => "it has one condition, which needs no `[ ]`".into(),
        false => format!("there are {}", all.iter().map(|n| format!("[{n}]")).collect::<Vec<_>>().join(", ")),
    }
}

/// A label, or several with commas, that no condition has.
fn no_condition(a: &Asked, wanted: &str, at: Span) -> Diagnostic {
    let m = format!("`{}` has no condition `{wanted}`", a.name);
    let names: Vec<String> = a.conditions.iter().map(Condition::name).collect();
    let labels = a.conditions.iter().flat_map(|c| c.labels.iter().map(String::as_str));
    let near = did_you_mean(wanted, names.iter().map(String::as_str).chain(labels));
    Diagnostic::new(Code::T0602, at, m, "").help(near.map_or_else(|| arms(a), |n| format!("did you mean `[{n}]`?")))
}

fn varies(known: &Asked, setting: &str) -> bool {
    known.conditions.iter().any(|c| c.settings.iter().any(|(n, _)| n == setting))
}

/// The conditions that the labels leave.
fn fitting(a: &Asked, wanted: &[String]) -> Vec<usize> {
    let fits = |c: &Condition| wanted.iter().all(|w| c.labels.contains(w));
    (0..a.conditions.len()).filter(|i| fits(&a.conditions[*i])).collect()
}

/// What the quantities of a statistic name.
#[derive(Default)]
struct Named {
    /// Of measures that leave several conditions open: which.
    open: Vec<(String, Vec<usize>)>,
    /// Settings.
    fields: Vec<String>,
}

impl Named {
    fn collect(&mut self, e: &Expr, asked: &[Asked]) {
        let (base, index): (&Expr, &[Expr]) = match &e.kind {
            ExprKind::Index(b, i) => (b, i),
            _ => (e, &[]),
        };
        if let ExprKind::Field(x, name) = &base.kind
            && let ExprKind::Name(experiment) = &x.kind
            && let Some(a) = asked.iter().find(|a| a.name == *experiment)
        {
            if !a.measures.iter().any(|m| m.name == name.name) {
                if varies(a, &name.name) {
                    self.fields.push(name.name.clone());
                }
                return;
            }
            let found = fitting(a, &index.iter().map(expr_text).collect::<Vec<_>>());
            if found.len() > 1 {
                self.open.push((a.name.clone(), found));
            }
            return;
        }
        super::order::children(e, &mut |x| self.collect(x, asked));
    }
}

/// A number as it was written: `0.1`, `20 ms`, `10_000`.
pub(crate) fn number(text: &str) -> Option<(f64, Unit)> {
    let (digits, unit) = match text.split_once(' ') {
        Some((digits, unit)) => (digits, Unit::word(unit)?),
        None => (text, (Unit::ONE, 1.0)),
    };
    digits.replace('_', "").parse::<f64>().ok().map(|x| (x * unit.1, unit.0))
}
