//! Faults of operations as messages: at the expression of the spec, each with a way out.

use super::elaborate::Elab;
use super::graph::{Fault, NodeId};
use super::units::{ONE_UNIT, in_unit};
use super::value::{Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::Experiment;
use crate::ir::axis::{Axis, AxisFault, shape_text};
use crate::source::Span;
use crate::syntax::ast::{self, Expr, ExprKind};

impl Elab<'_> {
    /// A size that the call of the architecture gives and the task does not have is a fault of the call.
    pub(crate) fn blame_call(&mut self, scope: &Scope, x: &Experiment) {
        let Some((Axis::Known(a), Axis::Known(b))) = self.mismatch.take() else { return };
        // Sizes of the outputs that are scored.
        let scored = x.settings.get("objective").map_or(vec![], |(e, _)| names_in(e));
        let scored = scope.locals.iter().filter(|l| scored.contains(&&*l.name)).filter_map(|l| self.pop_of(&l.val));
        let made = scored.map(|p| self.net.pop(p)).filter(|p| p.output).flat_map(|p| p.shape.clone());
        let made: Vec<Axis> = made.collect();
        let (own, needed) = if made.contains(&Axis::Known(a)) { (a, b) } else { (b, a) };
        let Some((Expr { kind: ExprKind::Call(_, args), .. }, _)) = x.settings.get("architecture") else { return };
        let says = |me: &mut Self, arg: &ast::Arg| {
            let v = if arg.name.is_some() { me.eval(scope, &arg.value, None) } else { Val::Error };
            matches!(v, Val::Node(n) if me.g.const_value(n) == Some(own as f64))
        };
        let mut saying = args.iter().filter(|arg| says(self, arg));
        if let (Some(arg), None) = (saying.next(), saying.next())
            && let Some(name) = &arg.name
            && made.contains(&Axis::Known(own))
        {
            let m = format!("`{}` is {own}, but what is scored has {needed}", name.name);
            let (at, fix) = (name.span.to(arg.value.span), format!("{} = {needed}", name.name));
            self.diags.retold(|d| {
                let rest = std::mem::take(&mut d.labels);
                let text = std::mem::replace(&mut d.message, m.clone());
                *d = Diagnostic { labels: Diagnostic::new(d.code, at, "", "given here").labels, ..d.clone() }
                    .write(at, fix.clone());
                let first = rest.first().map(|l| l.span).unwrap_or_default();
                *d = d.clone().also(first, text);
            });
        }
    }

    /// A fault of an operation as a message at the user's expression.
    pub fn fault(&mut self, f: Fault, span: Span, what: &str, args: &[(Span, NodeId)]) -> Val {
        let label = |d: Diagnostic, me: &Self| {
            args.iter()
                .fold(d, |d, (s, n)| if *s == span { d } else { d.also(*s, format!("this is {}", me.g.ty(*n).text())) })
        };
        let d = match f {
            Fault::Shapes { left, right } => {
                let m = format!(
                    "{what} needs shapes that agree, but these are {} and {}",
                    shape_text(&left),
                    shape_text(&right)
                );
                label(Diagnostic::new(Code::T0301, span, m, ""), self)
                    .help("give both one shape: a projection brings any into another, `flatten` makes one axis of all")
            }
            Fault::Broadcast { left, right } => {
                let m =
                    format!("{what} would have to repeat one side: {} and {}", shape_text(&left), shape_text(&right));
                label(Diagnostic::new(Code::T0304, span, m, ""), self)
                    .help("only a single number combines with any shape; give both sides one shape")
            }
            Fault::Units { left, right } => {
                let (l, r) = (left.written(), right.written());
                let m = format!("{what} needs one unit on both sides, but these are {l} and {r}");
                let d = label(Diagnostic::new(Code::T0302, span, m, ""), self);
                // The number that is written takes the unit of the other side.
                let written = |i: usize| args.get(i).filter(|(_, n)| self.g.const_value(*n).is_some()).map(|a| a.0);
                match (written(1), written(0)) {
                    (Some(at), _) => in_unit(d, at, left).help(ONE_UNIT),
                    (None, Some(at)) => in_unit(d, at, right).help(ONE_UNIT),
                    _ => d.help(ONE_UNIT),
                }
            }
            Fault::HasUnit { what: inner, unit } => {
                let m = format!("`{inner}` takes plain numbers, but this is in {}", unit.written());
                label(Diagnostic::new(Code::T0302, span, m, ""), self).help("divide by a quantity of that unit first")
            }
            Fault::Kind { wanted, got } => {
                let m = format!("{what} needs {wanted} here, but this is {got}");
                label(Diagnostic::new(Code::T0303, span, m, ""), self).help(
                    "a comparison makes a truth value, `one_hot(label)` numbers of a label, `if c then 1 else 0` a number of a truth value",
                )
            }
            Fault::Rank { what, wanted, got } => {
                let m = format!("{what} needs {wanted}, but this is {}", shape_text(&got));
                label(Diagnostic::new(Code::T0301, span, m, ""), self)
                    .help("bring it into that form: `flatten`, `reshape`, or an index such as `x[1]`")
            }
            Fault::Axis(f) => axis_diagnostic(f, span),
            Fault::NoDerivative { what: op, span: at } => {
                let m = format!("{op} has no derivative, and {what} needs it");
                self.no_derivative(m, op, span, at)
                    .help("choose a smooth function, or a rule that does not differentiate here")
            }
        };
        self.report(d)
    }

    /// The fault is the spec's: at the operation if it stands there, else at the population that applies it. Both the
    /// rule and the function may come from the library.
    fn no_derivative(&self, m: String, op: &str, span: Span, at: Span) -> Diagnostic {
        let std = |s: Span| self.program.in_library(s);
        let stands = format!("{op} stands here");
        if !std(at) {
            return Diagnostic::new(Code::T0404, at, m, stands).also(span, "differentiated here");
        }
        let applies = |p: &&super::network::Population| {
            self.g.reachable(&[p.rate]).iter().any(|n| self.g.node(*n).span == at) && !std(p.span)
        };
        match self.net.populations.iter().find(applies).filter(|_| std(span)) {
            Some(p) => Diagnostic::new(Code::T0404, p.span, m, format!("`{}` is computed with it", p.name))
                .also(at, stands)
                .also(span, "differentiated here"),
            None => Diagnostic::new(Code::T0404, span, m, "differentiated here").also(at, stands),
        }
    }
}

pub fn axis_diagnostic(f: AxisFault, span: Span) -> Diagnostic {
    let (text, help) = match f {
        AxisFault::Negative => ("this size would be negative", "give a larger size, or take less away"),
        AxisFault::Fraction => (
            "this size would not be a whole number",
            "choose sizes that divide without a rest, or round: `floor(n / 2)`",
        ),
        AxisFault::TooLarge => ("this size is too large for any machine", "shrink it"),
        AxisFault::ByZero => ("a size cannot be divided by zero", "divide by 1 or more"),
    };
    Diagnostic::new(Code::T0307, span, text, "").help(help)
}

/// The names that an expression reads.
fn names_in(e: &Expr) -> Vec<&str> {
    let mut out = Vec::new();
    collect(e, &mut out);
    out
}

fn collect<'a>(e: &'a Expr, out: &mut Vec<&'a str>) {
    match &e.kind {
        ExprKind::Name(n) => out.push(n),
        ExprKind::Minimize(x) | ExprKind::Maximize(x) | ExprKind::Unary(_, x) => collect(x, out),
        ExprKind::Binary(_, a, b) => [a, b].into_iter().for_each(|x| collect(x, out)),
        ExprKind::Call(_, args) => args.iter().for_each(|a| collect(&a.value, out)),
        _ => {}
    }
}
