//! What stands for several values in the braces of `vary` and `tune`: `1..5`, `range(0.1, 0.5, 5)`,
//! `log_range(1e-3, 1, 4)`, `drawn(8, e)`. Each is replaced by its values, written as a person would write them, so that a
//! condition's name is its exact value.
//!
//! Values that are computed have four significant figures: no more is ever meant, and they are the same on every machine. Draws
//! are keyed by the name of the setting and their number alone: more of them leave the first ones as they were, and two arms that
//! draw for the same setting try the same values.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ir::{Experiment, Unit};
use crate::model::arguments::nameless;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, BinaryOp, Entry, Expr, ExprKind, Ident, UnaryOp};
use crate::syntax::print::expr_text;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::HashSet;

/// More values than this are a slip of the hand.
const MOST: usize = 10_000;
/// Nor are more parts of expressions written out in one experiment.
const MOST_PARTS: usize = 1_000_000;
/// Functions of the braces, with how they are written.
const FORMS: [(&str, &str); 3] =
    [("range", "range(0.1, 0.5, 5)"), ("log_range", "log_range(1e-3, 1, 4)"), ("drawn", "drawn(8, uniform(0, 1))")];

/// Writes out the values of every `vary` and `tune` of an experiment.
pub fn spread(x: &mut Experiment, diags: &mut Diagnostics) {
    let mut s = Spread { diags, written: 0 };
    for (name, (e, _)) in &mut x.settings {
        s.within(e, name);
    }
    match &mut x.train {
        Some((ast::Train::For(e), _)) => s.within(e, "train"),
        Some((ast::Train::Stages(stages), _)) => {
            for stage in stages {
                s.within(&mut stage.length, &stage.name.name);
                for a in &mut stage.settings {
                    let name = expr_text(&a.target);
                    s.within(&mut a.value, &name);
                }
            }
        }
        None => {}
    }
    for m in &mut x.measures {
        s.within(&mut m.value, &m.name.name);
    }
}

struct Spread<'a> {
    diags: &'a mut Diagnostics,
    /// Parts of expressions so far.
    written: usize,
}

/// Two ends and what is between them.
#[derive(Clone, Debug)]
struct Ends {
    low: f64,
    high: f64,
    unit: Option<Ident>,
    /// Written `low..high`: whole numbers.
    whole: bool,
}

impl Spread<'_> {
    fn within(&mut self, e: &mut Expr, name: &str) {
        match &mut e.kind {
            ExprKind::Vary(_, entries) => {
                super::once::labels(entries, self.diags);
                let (mut made, mut seen) = (Vec::new(), HashSet::new());
                for entry in entries.drain(..) {
                    self.entry(entry, name, &mut made, &mut seen);
                }
                *entries = made;
                entries.iter_mut().for_each(|x| self.within(&mut x.value, name));
            }
            ExprKind::Braces { entries, .. } => {
                super::once::labels(entries, self.diags);
                entries.iter_mut().for_each(|x| self.within(&mut x.value, name));
            }
            ExprKind::Call(f, args) => {
                self.within(f, name);
                for a in args {
                    let name = a.name.as_ref().map_or(name, |n| n.name.as_str());
                    self.within(&mut a.value, name);
                }
            }
            _ => children(e, &mut |x| self.within(x, name)),
        }
    }

    /// `seen` are the values that have no label yet, as text.
    fn entry(&mut self, entry: Entry, name: &str, out: &mut Vec<Entry>, seen: &mut HashSet<String>) {
        let span = entry.value.span;
        if let ExprKind::Call(f, args) = &entry.value.kind
            && let ExprKind::Name(n) = &f.kind
            && FORMS.iter().any(|form| form.0 == n)
            && let Some(d) = nameless(n, args)
        {
            self.diags.push(d);
            out.push(Entry { value: Expr { span, kind: ExprKind::Error }, ..entry });
            return;
        }
        let mut plain = |entry: Entry| {
            if entry.label.is_none() {
                seen.insert(expr_text(&entry.value));
            }
            out.push(entry);
        };
        let values = match &entry.value.kind {
            ExprKind::Binary(BinaryOp::Range, ..) => self.whole_numbers(&entry.value),
            ExprKind::Call(f, args) => match &f.kind {
                ExprKind::Name(n) if n == "range" || n == "log_range" => self.steps(n == "log_range", args, span),
                ExprKind::Name(n) if n == "drawn" => self.drawn(args, span, name),
                _ => return plain(entry),
            },
            _ => return plain(entry),
        };
        let values = values.filter(|v| self.writes(v.len(), span));
        let Some(values) = values else {
            out.push(Entry { value: Expr { span, kind: ExprKind::Error }, ..entry });
            return;
        };
        if let Some(label) = &entry.label {
            let m = format!("the label `{}` stands before {} values", label.name, values.len());
            self.report::<()>(label.span, m, "leave the label out: a value is its own name");
        }
        for value in values {
            // A whole number may come twice where they lie close.
            if seen.insert(expr_text(&value)) {
                out.push(Entry { label: None, value });
            }
        }
    }

    /// Whether so many parts more may be written out.
    fn writes(&mut self, parts: usize, span: Span) -> bool {
        let before = self.written;
        self.written = before.saturating_add(parts);
        if self.written > MOST_PARTS && before <= MOST_PARTS {
            let m = format!("the values of this experiment are more than {MOST_PARTS} numbers and names");
            self.report::<()>(span, m, "let fewer values vary, or draw only the numbers that shall differ");
        }
        self.written <= MOST_PARTS
    }

    fn report<T>(&mut self, span: Span, message: impl Into<String>, help: &str) -> Option<T> {
        self.diags.push(Diagnostic::new(Code::T0609, span, message, "").help(help.to_string()));
        None
    }

    /// `1..5`
    fn whole_numbers(&mut self, e: &Expr) -> Option<Vec<Expr>> {
        let ends = self.ends(e)?;
        let count = ends.high - ends.low + 1.0;
        if count < 1.0 || count > MOST as f64 {
            let m = format!("this range has {} numbers", count.max(0.0));
            return self.report(e.span, m, "write the smaller number first, and at most 10,000 numbers");
        }
        Some((0..count as usize).map(|i| number(ends.low + i as f64, None, e.span)).collect())
    }

    /// `range(low, high, count)`
    fn steps(&mut self, logarithmic: bool, args: &[Arg], span: Span) -> Option<Vec<Expr>> {
        let form = if logarithmic { FORMS[1] } else { FORMS[0] };
        let (ends, count) = match args {
            [both, count] if matches!(both.value.kind, ExprKind::Binary(BinaryOp::Range, ..)) => {
                (self.ends(&both.value)?, self.count(&count.value)?)
            }
            [low, high, count] => (self.pair(&low.value, &high.value)?, self.count(&count.value)?),
            _ => {
                let m = format!("`{}` takes two ends and how many values there are", form.0);
                return self.report(span, m, &format!("write `{}`", form.1));
            }
        };
        if logarithmic && (ends.low <= 0.0 || ends.high <= 0.0) {
            return self.report(span, "a logarithmic range lies above 0", &format!("write `{}`", form.1));
        }
        if count == 1 && ends.low != ends.high {
            return self.report(span, "one value does not reach from end to end", "ask for two or more");
        }
        let value = |i: usize| match i {
            0 => number(ends.low, ends.unit.clone(), span),
            i if i + 1 == count => number(ends.high, ends.unit.clone(), span),
            i => ends.number(between(&ends, logarithmic, i as f64 / (count - 1) as f64), span),
        };
        Some((0..count).map(value).collect())
    }

    /// `drawn(count, e)`: `e` that many times, `uniform` and `log_uniform` in it replaced by draws.
    fn drawn(&mut self, args: &[Arg], span: Span, name: &str) -> Option<Vec<Expr>> {
        let [count, e] = args else {
            let m = "`drawn` takes how many values there are, and what is drawn";
            return self.report(span, m, &format!("write `{}`", FORMS[2].1));
        };
        let count = self.count(&count.value)?;
        if !self.writes(count.saturating_mul(parts_of(&e.value)), span) {
            return None;
        }
        let mut out = Vec::new();
        for i in 0..count {
            let key = blake3::hash(format!("trine vary 1\0{name}\0{i}").as_bytes());
            let mut stream = ChaCha8Rng::from_seed(*key.as_bytes());
            let mut value = e.value.clone();
            let draws = self.draw(&mut value, &mut stream)?;
            if draws == 0 {
                let m = "nothing in here is drawn";
                return self.report(
                    e.value.span,
                    m,
                    "write `uniform(low, high)` or `log_uniform(low, high)` for a number",
                );
            }
            out.push(value);
        }
        Some(out)
    }

    fn draw(&mut self, e: &mut Expr, stream: &mut ChaCha8Rng) -> Option<usize> {
        if let ExprKind::Call(f, args) = &e.kind
            && let ExprKind::Name(n) = &f.kind
            && (n == "uniform" || n == "log_uniform")
        {
            let logarithmic = n == "log_uniform";
            let ends = match args.as_slice() {
                [both] => self.ends(&both.value)?,
                [low, high] => self.pair(&low.value, &high.value)?,
                _ => {
                    let m = format!("`{n}` takes two ends");
                    return self.report(e.span, m, &format!("write `{n}(0.1, 1)`, or `{n}(16..64)` for whole numbers"));
                }
            };
            if ends.low > ends.high {
                return self.report(e.span, "the ends are the wrong way round", "write the smaller one first");
            }
            if logarithmic && (ends.low <= 0.0 || ends.high <= 0.0) {
                return self.report(e.span, "a logarithm needs numbers above 0", "write `log_uniform(1e-4, 1e-1)`");
            }
            let t = (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            *e = ends.number(ends.drawn(logarithmic, t), e.span);
            return Some(1);
        }
        let mut all = Some(0);
        children(e, &mut |x| {
            let found = self.draw(x, stream);
            all = all.zip(found).map(|(a, b)| a + b);
        });
        all
    }

    fn count(&mut self, e: &Expr) -> Option<usize> {
        match constant(e) {
            Some((n, None)) if n >= 1.0 && n.fract() == 0.0 && n <= MOST as f64 => Some(n as usize),
            _ => self.report(
                e.span,
                "a whole number from 1 to 10,000 says how many values there are",
                "write it out: `8`",
            ),
        }
    }

    /// `low..high`
    fn ends(&mut self, e: &Expr) -> Option<Ends> {
        let help = "write whole numbers, `1..8`, or two ends, `0.1, 0.8`";
        let ExprKind::Binary(BinaryOp::Range, low, high) = &e.kind else {
            return self.report(e.span, "a range is needed here", help);
        };
        let whole = |e: &Expr| constant(e).filter(|(x, unit)| unit.is_none() && x.fract() == 0.0 && x.abs() < 1e15);
        match (whole(low), whole(high)) {
            (Some((low, _)), Some((high, _))) => Some(Ends { low, high, unit: None, whole: true }),
            _ => self.report(e.span, "this range is not from a whole number to another", help),
        }
    }

    fn pair(&mut self, low: &Expr, high: &Expr) -> Option<Ends> {
        let help = "write numbers: `1e-3`, `20 ms`";
        let (Some((a, unit)), Some((b, other))) = (constant(low), constant(high)) else {
            let at = if constant(low).is_none() { low } else { high };
            return self.report(at.span, "an end is a number that is written out", help);
        };
        let word = |u: &Option<Ident>| u.as_ref().map_or(Some((Unit::ONE, 1.0)), |u| Unit::word(&u.name));
        let (Some(left), Some(right)) = (word(&unit), word(&other)) else { return None };
        if left.0 != right.0 {
            let m = format!("the ends have different units: {} and {}", left.0, right.0);
            return self.report(low.span.to(high.span), m, "write both in one unit");
        }
        Some(Ends { low: a, high: b * right.1 / left.1, unit, whole: false })
    }
}

impl Ends {
    fn number(&self, x: f64, span: Span) -> Expr {
        let x = if self.whole { x.round() } else { figures(x) };
        number(x, self.unit.clone(), span)
    }

    /// The value for a number in [0, 1); of whole numbers every one is as likely, or as likely as its logarithm is wide.
    fn drawn(&self, logarithmic: bool, t: f64) -> f64 {
        if !self.whole {
            return between(self, logarithmic, t);
        }
        let wide = Ends { low: self.low.min(self.high), high: self.low.max(self.high) + 1.0, ..self.clone() };
        between(&wide, logarithmic, t).floor().min(wide.high - 1.0)
    }
}

/// How many expressions an expression is made of.
fn parts_of(e: &Expr) -> usize {
    let mut parts = 1;
    crate::model::order::children(e, &mut |x| parts += parts_of(x));
    parts
}

fn between(ends: &Ends, logarithmic: bool, t: f64) -> f64 {
    match logarithmic {
        true => (ends.low.ln() + t * (ends.high.ln() - ends.low.ln())).exp(),
        false => ends.low + t * (ends.high - ends.low),
    }
}

/// A number that is written out, with its unit.
fn constant(e: &Expr) -> Option<(f64, Option<Ident>)> {
    match &e.kind {
        ExprKind::Number { value, unit, .. } => Some((*value, unit.clone())),
        ExprKind::Unary(UnaryOp::Negate, x) => constant(x).map(|(v, u)| (-v, u)),
        _ => None,
    }
}

/// Four significant figures.
fn figures(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
}

/// A number as it would be written in a spec.
fn number(x: f64, unit: Option<Ident>, span: Span) -> Expr {
    let size = x.abs();
    let text = if size != 0.0 && !(1e-4..1e7).contains(&size) { format!("{size:e}") } else { format!("{size}") };
    let e = Expr { span, kind: ExprKind::Number { value: size, text, unit } };
    if x < 0.0 { Expr { span, kind: ExprKind::Unary(UnaryOp::Negate, Box::new(e)) } } else { e }
}

/// The expressions directly within an expression, to be changed.
pub(crate) fn children(e: &mut Expr, see: &mut dyn FnMut(&mut Expr)) {
    match &mut e.kind {
        ExprKind::Field(a, _)
        | ExprKind::Unary(_, a)
        | ExprKind::As(a, _)
        | ExprKind::Minimize(a)
        | ExprKind::Maximize(a)
        | ExprKind::Sample(a)
        | ExprKind::During(_, a) => see(a),
        ExprKind::Index(a, list) => {
            see(a);
            list.iter_mut().for_each(see);
        }
        ExprKind::Call(f, args) => {
            see(f);
            args.iter_mut().for_each(|a| see(&mut a.value));
        }
        ExprKind::Reduce { binder, body, .. } => {
            binder.over.iter_mut().chain(&mut binder.guard).for_each(&mut *see);
            see(body);
        }
        ExprKind::Binary(_, a, b) => {
            see(a);
            see(b);
        }
        ExprKind::List(list) => list.iter_mut().for_each(see),
        ExprKind::Braces { entries, .. } | ExprKind::Vary(_, entries) => {
            entries.iter_mut().for_each(|x| see(&mut x.value));
        }
        ExprKind::If { condition, then, otherwise } => [condition, then, otherwise].into_iter().for_each(|x| see(x)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::ir::ItemKind;
    use crate::syntax::print::expr_text;

    /// The `vary` of an experiment's batch as it is after all.
    fn written_out(braces: &str) -> String {
        let text = format!("language 0.1\nexperiment e {{\n  batch = vary {{{braces}}}\n}}\n");
        let c = crate::driver::check_text("spec.trine", &text);
        let item = c.program.user_items().find(|i| i.name == "e").expect("the experiment");
        let ItemKind::Experiment(x) = &item.kind else { panic!("an experiment") };
        expr_text(&x.settings["batch"].0)
    }

    #[test]
    fn ranges_are_written_as_a_person_would() {
        assert_eq!(written_out("1..4, 8"), "vary {1, 2, 3, 4, 8}");
        assert_eq!(written_out("-1..1"), "vary {-1, 0, 1}");
        assert_eq!(written_out("range(0, 1, 5)"), "vary {0, 0.25, 0.5, 0.75, 1}");
        assert_eq!(written_out("range(1, 0, 3), 0.5, 2"), "vary {1, 0.5, 0, 0.5, 2}");
        assert_eq!(written_out("log_range(1e-3, 1, 4)"), "vary {0.001, 0.01, 0.1, 1}");
        assert_eq!(written_out("log_range(1e-6, 1e-4, 3)"), "vary {1e-6, 1e-5, 0.0001}");
        assert_eq!(written_out("log_range(16..256, 5)"), "vary {16, 32, 64, 128, 256}");
        assert_eq!(written_out("log_range(1..3, 5)"), "vary {1, 2, 3}");
        assert_eq!(written_out("range(10 ms, 0.02 s, 3)"), "vary {10 ms, 15 ms, 20 ms}");
        assert_eq!(written_out("0.12345, range(0.12345, 1, 2)"), "vary {0.12345, 1}");
    }

    #[test]
    fn draws_are_the_same_everywhere_and_grow_at_the_end() {
        assert_eq!(written_out("drawn(3, uniform(0, 1))"), "vary {0.9263, 0.4742, 0.5481}");
        assert!(written_out("drawn(4, uniform(0, 1))").starts_with("vary {0.9263, 0.4742, 0.5481, "));
        let all = written_out("drawn(1000, log_uniform(1..8))");
        assert!((1..=8).all(|n| all.contains(&n.to_string())) && !all.contains('9'), "{all}");
        // Every number in an expression has a draw of its own.
        let two = written_out("drawn(1, f(uniform(0, 1), uniform(0, 1)))");
        let (a, b) = two.split_once(", ").expect("two numbers");
        assert_ne!(a.split('(').next_back(), b.split(')').next());
    }

    /// The share of draws under the middle, of numbers and of logarithms: half, within four standard deviations.
    #[test]
    fn draws_are_spread_as_said() {
        for (form, middle) in [("uniform(2, 4)", 3.0), ("log_uniform(0.01, 100)", 1.0)] {
            let all = written_out(&format!("drawn(2000, {form})"));
            let list = all.trim_start_matches("vary {").trim_end_matches('}').split(", ");
            let values: Vec<f64> = list.map(|x| x.parse().expect("a number")).collect();
            let below = values.iter().filter(|x| **x < middle).count() as f64 / values.len() as f64;
            assert!(values.len() > 1000 && (below - 0.5).abs() < 4.0 * 0.5 / (values.len() as f64).sqrt(), "{below}");
        }
    }
}
