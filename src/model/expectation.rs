//! Expectations: a comparison with its margin, its scope and the way it is judged, as the judge's terms. What cannot be
//! judged in the form that was written is told here, before anything runs.

use super::hypothesis::Ask;
use super::quantity::Typed;
use crate::diag::{Code, Diagnostic};
use crate::judge::regions::Impossible;
use crate::judge::{Expectation, Method, Relation, Scope, Statistic, Term, sequential, statistics, trend};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, Confidence, ExpectScope, Expr, ExprKind};
use crate::syntax::print::expr_text;

/// A comparison of two quantities with its place.
struct Compared {
    text: String,
    span: Span,
    left: Typed,
    relation: Relation,
    right: Typed,
}

impl Ask<'_> {
    /// One expectation, or one for each neighbouring pair of an ordering, each with its text.
    pub(super) fn expect(&mut self, e: &ast::Expect, span: Span) -> Option<Vec<(String, Expectation)>> {
        if self.unknowable(&e.value) || e.more.iter().any(|(_, next)| self.unknowable(next)) {
            return None;
        }
        let ExprKind::Binary(op, a, b) = &e.value.kind else {
            let d = Diagnostic::new(Code::T0605, e.value.span, "an expectation compares two quantities", "");
            return self.report(d.help("write `expect last(experiment.measure) < 90 deg in every seed`"));
        };
        let mut pairs = vec![(*op, &**a, &**b)];
        for (op, next) in &e.more {
            let last = pairs.last().map_or(&**b, |(_, _, last)| *last);
            pairs.push((*op, last, next));
        }
        let mut compared = Vec::new();
        for (op, a, b) in pairs {
            let found = self.compared(op, a, b, e.value.span);
            compared.push(found?);
        }
        let counted = matches!(e.scope, ExpectScope::AtLeast { .. });
        if counted && compared.len() > 1 {
            compared = vec![self.together(compared, e)?];
        }
        let suffix = suffix(e);
        let mut out = Vec::new();
        for c in compared {
            let text = format!("{}{suffix}", c.text);
            out.push((text, self.one(c, e, span)?));
        }
        Some(out)
    }

    fn compared(&mut self, op: BinaryOp, a: &Expr, b: &Expr, span: Span) -> Option<Compared> {
        let relation = match op {
            BinaryOp::Less => Relation::Less,
            BinaryOp::LessEqual => Relation::LessEqual,
            BinaryOp::Greater => Relation::Greater,
            BinaryOp::GreaterEqual => Relation::GreaterEqual,
            BinaryOp::Equal => Relation::Equal,
            other => {
                let d = Diagnostic::new(Code::T0605, span, format!("`{}` does not compare", other.sign()), "");
                return self.report(d.help("compare with `<`, `<=`, `>`, `>=` or `==`"));
            }
        };
        let (l, r) = (self.term(a), self.term(b));
        let (left, right) = (l?, r?);
        let span = a.span.to(b.span);
        if left.unit != right.unit && !is_zero(&left.term) && !is_zero(&right.term) {
            let (l, r) = (left.unit.written(), right.unit.written());
            let d = Diagnostic::new(Code::T0302, span, format!("the two sides have different units: {l} and {r}"), "");
            let d = super::units::one_unit(d, (a, left.unit), (b, right.unit));
            return self.report(d.also(a.span, l).also(b.span, r));
        }
        let text = format!("{} {} {}", expr_text(a), op.sign(), expr_text(b));
        Some(Compared { text, span, left, relation, right })
    }

    /// An ordering that is counted seed by seed: all of it holds in the same seed.
    fn together(&mut self, compared: Vec<Compared>, e: &ast::Expect) -> Option<Compared> {
        let mut pairs = compared.into_iter();
        let first = pairs.next()?;
        let Compared { mut text, span, relation, .. } = first;
        let unit = if is_zero(&first.left.term) { first.right.unit } else { first.left.unit };
        let (mut mean, mut series) = (first.left.mean || first.right.mean, first.left.series || first.right.series);
        let minus = |a: Term, b: Term| Term::Subtract(Box::new(a), Box::new(b));
        let mut term = minus(first.left.term, first.right.term);
        let falls = matches!(relation, Relation::Greater | Relation::GreaterEqual);
        for (c, (op, next)) in pairs.zip(&e.more) {
            if c.relation != relation {
                let d = Diagnostic::new(Code::T0605, c.span, "an ordering that is counted has one sign", "");
                return self.report(d.help("write `a > b > c`, or `a >= b >= c`"));
            }
            (mean, series) = (mean || c.right.mean, series || c.right.series);
            let gap = Box::new(minus(c.left.term, c.right.term));
            let so_far = Box::new(term);
            term = if falls { Term::Min(so_far, gap) } else { Term::Max(so_far, gap) };
            text += &format!(" {} {}", op.sign(), expr_text(next));
        }
        let right = Typed { term: Term::Number(0.0), unit, mean: false, series: false };
        Some(Compared { text, span, left: Typed { term, unit, mean, series }, relation, right })
    }

    fn one(&mut self, c: Compared, e: &ast::Expect, span: Span) -> Option<Expectation> {
        let (l, r, at) = (c.left, c.right, c.span);
        let margin = match &e.margin {
            Some(m) => Some(self.margin(m, c.relation, &l, &r)?),
            None => None,
        };
        let scope = self.scope(&e.scope, &l, &r, span, at)?;
        if c.relation == Relation::Equal && margin.is_none() && matches!(scope, Scope::At { .. }) {
            // A margin would be refused next.
            if [&l.term, &r.term].iter().any(|t| has_over_seeds(t) || trend_of(t).is_some()) {
                let d = Diagnostic::new(Code::T0605, at, "equality of a statistic is never shown by data", "");
                return self.report(d.help("ask whether it lies above or below a number: `correlation(...) > 0.4`"));
            }
            let d = Diagnostic::new(Code::T0605, at, "equality of means is never shown by data", "");
            return self.report(d.help(format!("say how near is near enough: `{} within 0.01`", c.text)));
        }
        let unit = if is_zero(&l.term) { r.unit } else { l.unit };
        let (unit, unit_scale) = unit.display();
        let seeds = self.seeds(&l, &r);
        let x = Expectation { left: l.term, relation: c.relation, right: r.term, margin, scope, unit, unit_scale };
        if matches!(x.scope, Scope::At { .. }) {
            self.judgeable(&x, seeds, at)?;
        }
        self.possible(&x, at);
        self.controlled(&x, at);
        Some(x)
    }

    fn margin(&mut self, m: &Expr, relation: Relation, l: &Typed, r: &Typed) -> Option<f64> {
        if relation != Relation::Equal {
            let d = Diagnostic::new(Code::T0605, m.span, "a margin belongs to an equality", "");
            return self.report(d.help("write `a == b within 0.02`; for more than a margin, `a > b + 0.02`"));
        }
        let found = self.term(m)?;
        let unit = if is_zero(&l.term) { r.unit } else { l.unit };
        if found.unit != unit {
            let m0 = format!("the margin is {}, and what is compared is {}", found.unit.written(), unit.written());
            return self.report(super::units::in_unit(Diagnostic::new(Code::T0302, m.span, m0, ""), m.span, unit));
        }
        match crate::judge::terms::split_constant(&found.term) {
            (None, x) if x > 0.0 && x.is_finite() => Some(x),
            _ => {
                let d = Diagnostic::new(Code::T0603, m.span, "a margin is a number above 0", "");
                self.report(d.help("write the largest difference that does not matter: `within 0.02`"))
            }
        }
    }

    /// Whether there is a test for this comparison, and whether so few seeds can ever decide it.
    fn judgeable(&mut self, x: &Expectation, seeds: Option<usize>, span: Span) -> Option<()> {
        let Scope::At { confidence, method } = x.scope else { return Some(()) };
        let level = 1.0 - confidence;
        let sides = [&x.left, &x.right];
        let special = x.is_special();
        if sides.iter().any(|t| has_over_seeds(t)) && !special {
            let d = Diagnostic::new(Code::T0605, span, "a statistic over seeds is compared with a number", "");
            return self.report(d.help("write `correlation(last(a.x), last(a.y)) > 0 at 95 %`"));
        }
        if let Some(points) = sides.iter().find_map(|t| trend_of(t)) {
            if !special || x.relation == Relation::Equal {
                let d = Diagnostic::new(Code::T0605, span, "a trend is compared with 0 alone", "");
                return self.report(d.help("write `mean(trend(x, y)) > 0` for a rise, `< 0` for a fall"));
            }
            let clearest =
                vec![(0..points).map(|i| i as f64).collect::<Vec<f64>>(); seeds.unwrap_or(usize::MAX).min(20)];
            if trend::page(&clearest).is_some_and(|p| p >= level) {
                let n = clearest.len();
                let d = Diagnostic::new(
                    Code::T0604,
                    span,
                    format!("{n} seeds and {points} conditions cannot show a trend"),
                    "",
                );
                return self.report(d.help("declare more seeds, or vary over more numbers"));
            }
        }
        if special && (method != Method::Student || x.margin.is_some()) {
            let d = Diagnostic::new(
                Code::T0605,
                span,
                "there is one test for a trend, and one for a statistic over seeds",
                "",
            );
            return self.report(d.help("leave out `within` and what follows the confidence"));
        }
        if !special && !sides.iter().all(|t| crate::judge::linear_in_means(t)) {
            let d = Diagnostic::new(Code::T0605, span, "this comparison is not linear in its means over seeds", "");
            return self.report(d.help("take the mean of the whole: `mean(a / b)` in place of `mean(a) / mean(b)`"));
        }
        let n = seeds?;
        let needed = match method {
            _ if special && sides.iter().any(|t| has_over_seeds(t)) => 4,
            Method::Anytime => (2..100).find(|n| sequential::critical_t(*n, level).is_some()).unwrap_or(100),
            _ => method.fewest_seeds(),
        };
        if n < needed {
            let (m, help) = match method {
                Method::Bootstrap | Method::Percentile => (
                    format!("the interval of a bootstrap is too narrow for {n} seeds"),
                    format!(
                        "declare `seeds = {needed}`, or leave the test to Student's t: `at {} %`",
                        100.0 * confidence
                    ),
                ),
                _ => (
                    format!(
                        "{n} seeds can never decide this at {} %",
                        crate::judge::numbers::exact(100.0 * confidence)
                    ),
                    format!("declare `seeds = {needed}` or more"),
                ),
            };
            return self.report(Diagnostic::new(Code::T0604, span, m, "").help(help));
        }
        if method == Method::Unpaired {
            self.independent(x, span)?;
        }
        Some(())
    }

    /// Two sides are unpaired only if they are of different experiments.
    fn independent(&mut self, x: &Expectation, span: Span) -> Option<()> {
        let (a, b) = (experiments(&x.left), experiments(&x.right));
        if a.is_empty() || b.is_empty() {
            let d = Diagnostic::new(Code::T0605, span, "only one side varies, so there is nothing to pair", "");
            return self.report(d.help("drop `unpaired`"));
        }
        if let Some(shared) = a.iter().find(|n| b.contains(n)) {
            let m = format!("both sides are of `{shared}`, whose conditions share their seeds");
            let d = Diagnostic::new(Code::T0605, span, m, "");
            return self.report(d.help("drop `unpaired`: the same seeds draw the same, and pairs tell more"));
        }
        Some(())
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
            ExpectScope::AtLeast { count, of, at, span } => {
                let percent = matches!(&count.kind, ExprKind::Number { unit: Some(u), .. } if u.name == "%");
                let all = matches!(&of.kind, ExprKind::Name(n) if n == "seeds");
                match (percent, all) {
                    (true, true) => self.share(count, at.as_ref(), seeds, *span),
                    (false, false) => self.counted(count, of, at.as_ref(), seeds, *span),
                    _ => {
                        let m = "a share of seeds is written with `%`, a count with how many there are";
                        let d = Diagnostic::new(Code::T0604, *span, m, "");
                        self.report(d.help("write `in at least 90 % of seeds at 95 %`, or `in at least 9 of 10 seeds`"))
                    }
                }
            }
            ExpectScope::At(_) | ExpectScope::None if series && means => {
                let d =
                    Diagnostic::new(Code::T0605, value, "this mixes means over seeds with values of single seeds", "");
                self.report(d.help("take the `mean` of each measure"))
            }
            ExpectScope::At(c) if !means => {
                let m = "a confidence speaks of a mean over seeds, and there is none";
                let d = Diagnostic::new(Code::T0605, value, m, "").also(c.level.span, "asks for a confidence");
                self.report(d.help("write `mean(last(...))`, or judge it `in every seed`"))
            }
            ExpectScope::At(c) => {
                let confidence = self.level(&c.level)?;
                let method = self.method(c)?;
                self.enough(seeds, span)?;
                Some(Scope::At { confidence, method })
            }
            ExpectScope::None if means => {
                self.enough(seeds, span)?;
                Some(Scope::At { confidence: 0.95, method: Method::Student })
            }
            ExpectScope::None => {
                let d = Diagnostic::new(Code::T0605, span, "an expectation says over which seeds it holds", "");
                self.report(d.help("add `in every seed`, or compare means `at 95 %`"))
            }
        }
    }

    /// `in at least 9 of 10 seeds`
    fn counted(
        &mut self,
        count: &Expr,
        of: &Expr,
        at: Option<&Confidence>,
        seeds: Option<usize>,
        span: Span,
    ) -> Option<Scope> {
        let (c, n) = (self.whole(count)?, self.whole(of)?);
        if let Some(confidence) = at {
            let m = "seeds that have run are counted, which needs no confidence";
            let d = Diagnostic::new(Code::T0605, confidence.level.span, m, "");
            let share = if n > 0 { 100.0 * c as f64 / n as f64 } else { 90.0 };
            let share = crate::judge::numbers::exact(share.round());
            return self
                .report(d.help(format!("drop it, or ask of all seeds: `in at least {share} % of seeds at 95 %`")));
        }
        if let Some(s) = seeds
            && n != s
        {
            let m = format!("this speaks of {n} seeds, but {s} are declared");
            let d = Diagnostic::new(Code::T0604, span, m, "");
            return self.report(d.help(format!("write `in at least {} of {s} seeds`", c.min(s))));
        }
        if c > n {
            let d = Diagnostic::new(Code::T0604, span, format!("{c} of {n} seeds is more than there are"), "");
            return self.report(d.help(format!("write `in at least {n} of {c} seeds`, or `in every seed`")));
        }
        Some(Scope::AtLeast { count: c, of: n })
    }

    /// `in at least 90 % of seeds at 95 %`
    fn share(&mut self, count: &Expr, at: Option<&Confidence>, seeds: Option<usize>, span: Span) -> Option<Scope> {
        let share = match &count.kind {
            ExprKind::Number { value, .. } => 0.01 * value,
            _ => f64::NAN,
        };
        let Some(c) = at else {
            let d = Diagnostic::new(Code::T0605, span, "a share of all seeds is estimated from those that run", "");
            return self
                .report(d.help(format!("say how sure to be: `in at least {} of seeds at 95 %`", expr_text(count))));
        };
        if !(share > 0.0 && share < 1.0) {
            let d = Diagnostic::new(Code::T0603, count.span, "a share lies between 0 % and 100 %", "");
            return self.report(d.help("for all of them, write `in every seed`"));
        }
        let confidence = self.level(&c.level)?;
        if let Some(way) = c.ways.first() {
            let d =
                Diagnostic::new(Code::T0605, way.name.span, "a share of seeds has one test, the exact binomial", "");
            return self.report(d.help("drop what follows the confidence"));
        }
        let decides = |n: &usize| {
            let p = |met| statistics::share_p(met, *n, share);
            p(*n) < 1.0 - confidence && p(0) < 1.0 - confidence
        };
        if let Some(n) = seeds
            && !decides(&n)
        {
            let percent = crate::judge::numbers::exact(100.0 * share);
            let most = (2..100_000).find(decides).unwrap_or(100_000);
            let what = match statistics::share_p(n, n, share) < 1.0 - confidence {
                true => format!("fewer than {percent} % of all meet it"),
                false => format!("{percent} % of all meet it"),
            };
            let m = format!("{n} seeds can never show that {what}");
            let d = Diagnostic::new(Code::T0604, span, m, "");
            return self.report(d.help(format!("declare `seeds = {most}` or more, or ask for another share")));
        }
        Some(Scope::Share { share, confidence })
    }

    fn level(&mut self, e: &Expr) -> Option<f64> {
        let v = match &e.kind {
            ExprKind::Number { value, unit: None, .. } => *value,
            ExprKind::Number { value, unit: Some(u), .. } if u.name == "%" => 0.01 * value,
            _ => f64::NAN,
        };
        if !(0.5..1.0).contains(&v) || v == 0.5 {
            let d = Diagnostic::new(Code::T0603, e.span, "a confidence lies between 50 % and 100 %", "");
            return self.report(d.help("write `at 95 %`"));
        }
        Some(v)
    }

    /// What follows the confidence: `unpaired`, `anytime`, `by bootstrap`.
    fn method(&mut self, c: &Confidence) -> Option<Method> {
        const WAYS: [(&str, Method); 4] = [
            ("unpaired", Method::Unpaired),
            ("anytime", Method::Anytime),
            ("by bootstrap", Method::Bootstrap),
            ("by percentiles", Method::Percentile),
        ];
        let mut found = None;
        for way in &c.ways {
            let text = format!("{}{}", if way.by { "by " } else { "" }, way.name.name);
            let Some((_, method)) = WAYS.iter().find(|(w, _)| *w == text) else {
                let d = Diagnostic::new(Code::T0605, way.name.span, format!("means are not judged `{text}`"), "");
                return self.report(d.meant(&text, WAYS.map(|w| w.0)));
            };
            if found.replace(*method).is_some() {
                let d = Diagnostic::new(
                    Code::T0605,
                    way.name.span,
                    "an expectation is judged in one way",
                    "the second one",
                );
                return self.report(d.help("keep one of them"));
            }
        }
        Some(found.unwrap_or(Method::Student))
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
        let mut found = experiments(&l.term);
        found.extend(experiments(&r.term));
        self.asked.iter().filter(|a| found.contains(&a.name)).map(|a| a.seeds).min()
    }

    fn whole(&mut self, e: &Expr) -> Option<usize> {
        match &e.kind {
            ExprKind::Number { value, unit, .. }
                if value.fract() == 0.0 && *value >= 0.0 && unit.as_ref().is_none_or(|u| u.name == "seeds") =>
            {
                Some(*value as usize)
            }
            _ => {
                let m = format!("a number of seeds is a whole number, and this is {}", expr_text(e));
                self.report(Diagnostic::new(Code::T0604, e.span, m, "").help("write `in at least 9 of 10 seeds`"))
            }
        }
    }
}

/// What follows a comparison, in canonical form.
fn suffix(e: &ast::Expect) -> String {
    let confidence = |c: &Confidence| {
        let way = |w: &ast::Way| format!(", {}{}", if w.by { "by " } else { "" }, w.name.name);
        format!(" at {}{}", expr_text(&c.level), c.ways.iter().map(way).collect::<String>())
    };
    let margin = e.margin.as_ref().map_or(String::new(), |m| format!(" within {}", expr_text(m)));
    let scope = match &e.scope {
        ExpectScope::None => String::new(),
        ExpectScope::EverySeed(_) => " in every seed".into(),
        ExpectScope::AtLeast { count, of, at, .. } => {
            let at = at.as_ref().map_or(String::new(), confidence);
            format!(" in at least {} of {}{at}", expr_text(count), expr_text(of))
        }
        ExpectScope::At(c) => confidence(c),
    };
    format!("{margin}{scope}")
}

fn is_zero(t: &Term) -> bool {
    matches!(t, Term::Number(0.0))
}

fn has_over_seeds(t: &Term) -> bool {
    matches!(t, Term::OverSeeds { .. }) || crate::judge::children(t).into_iter().any(has_over_seeds)
}

/// How many conditions a trend within a mean has.
fn trend_of(t: &Term) -> Option<usize> {
    match t {
        Term::OverConditions { statistic: Statistic::Trend, points, .. } => Some(points.len()),
        _ => crate::judge::children(t).into_iter().find_map(trend_of),
    }
}

fn experiments(t: &Term) -> Vec<String> {
    let mut out = match t {
        Term::Series { experiment, .. } => vec![experiment.clone()],
        _ => Vec::new(),
    };
    crate::judge::children(t).into_iter().for_each(|c| out.extend(experiments(c)));
    out
}
