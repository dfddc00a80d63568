//! What a call gives to what it calls: names, numbers and slips are told in one way for declarations, primitive functions,
//! words of the language, methods of populations and projections, phases, and members of rules.

use super::elaborate::Elab;
use super::value::Scope;
use crate::diag::{Code, Diagnostic, listed};
use crate::ir::{Elem, Item, Param, ParamType, Unit};
use crate::source::Span;
use crate::syntax::ast::{Arg, BinaryOp, Expr, ExprKind, UnaryOp};
use crate::syntax::print::expr_text;

/// What may be given, those first that have a position.
pub(crate) struct Form<'f> {
    pub name: &'f str,
    pub takes: Vec<Takes<'f>>,
    /// Where it is declared, if a text declares it.
    pub at: Option<Span>,
}

#[derive(Clone, Copy)]
pub(crate) struct Takes<'f> {
    pub name: &'f str,
    pub how: How,
    pub at: Option<Span>,
    /// What could be given, for a message.
    pub sample: &'static str,
    /// It is no single number.
    pub array: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Needed,
    /// There is a default.
    Free,
    /// The same, and it has no position.
    Named,
}

/// What each argument of a form is, if it is given.
pub(crate) type Given<'a> = Vec<Option<&'a Expr>>;

impl<'f> Form<'f> {
    /// Words of the language and methods: all that they take is needed.
    pub fn of(name: &'f str, takes: &[&'f str]) -> Form<'f> {
        let needed = |n: &&'f str| Takes { name: n, how: How::Needed, at: None, sample: "...", array: false };
        Form { name, takes: takes.iter().map(needed).collect(), at: None }
    }

    pub fn of_item(item: &'f Item, params: impl IntoIterator<Item = &'f Param>) -> Form<'f> {
        let takes = |p: &'f Param| {
            let how = if p.default.is_some() { How::Free } else { How::Needed };
            let array = matches!(&p.ty, ParamType::Tensor { dims, .. } if !dims.is_empty());
            Takes { name: &p.name, how, at: Some(p.span), sample: sample(p), array }
        };
        Form { name: &item.name, takes: params.into_iter().map(takes).collect(), at: Some(item.name_span) }
    }

    /// What is given by name alone, besides.
    pub fn and_named(mut self, names: impl IntoIterator<Item = &'f str>) -> Form<'f> {
        self.takes.extend(names.into_iter().map(|name| Takes {
            name,
            how: How::Named,
            at: None,
            sample: "...",
            array: false,
        }));
        self
    }

    /// How it is written: `d(y, x)`.
    fn text(&self) -> String {
        let of = |t: &Takes| if t.how == How::Named { format!("{} = ...", t.name) } else { t.name.to_string() };
        format!("{}({})", self.name, self.takes.iter().map(of).collect::<Vec<_>>().join(", "))
    }

    /// Points to the declaration, or says what the form is.
    fn told(&self, d: Diagnostic) -> Diagnostic {
        match self.at {
            Some(at) => d.also(at, "declared here"),
            None => d.help(format!("the form is `{}`", self.text())),
        }
    }
}

impl Elab<'_> {
    /// Which argument goes where; `None` where something is wrong, and has been told.
    pub(crate) fn given<'a>(&mut self, scope: &Scope, span: Span, form: &Form, args: &'a [Arg]) -> Option<Given<'a>> {
        let mut slots: Given<'a> = vec![None; form.takes.len()];
        let positions = form.takes.iter().filter(|t| t.how != How::Named).count();
        let (mut ok, mut unnamed) = (true, 0);
        for (number, arg) in args.iter().enumerate() {
            // In a declaration the next position is behind what was named.
            let i = if form.at.is_some() { number } else { unnamed };
            unnamed += usize::from(arg.name.is_none());
            if let Some(d) = compared(scope, form, arg) {
                self.report(d);
                ok = false;
                continue;
            }
            let at = match &arg.name {
                Some(name) => match form.takes.iter().position(|t| t.name == name.name) {
                    Some(at) => at,
                    None => {
                        let all = form.takes.iter().map(|t| t.name);
                        let has = match form.takes.is_empty() {
                            true => format!("it takes nothing: `{}()`", form.name),
                            false => format!("it has {}", listed(all.clone())),
                        };
                        let m = format!("`{}` has no setting `{}`", form.name, name.name);
                        let d = Diagnostic::new(Code::T0206, name.span, m, "no such name");
                        self.report(form.told(d).meant_or(&name.name, all, has));
                        ok = false;
                        continue;
                    }
                },
                None if i < positions => i,
                None => {
                    let takes = counted(positions, "argument");
                    let m = format!("`{}` takes {takes}, but this is number {}", form.name, i + 1);
                    let d = Diagnostic::new(Code::T0205, arg.value.span, m, "one too many");
                    let d = form.told(d);
                    let named: Vec<&str> = form.takes.iter().filter(|t| t.how == How::Named).map(|t| t.name).collect();
                    self.report(match (form.at, named.first()) {
                        (None, Some(name)) => {
                            d.help(format!("what else it takes has a name: `{name} = {}`", expr_text(&arg.value)))
                        }
                        (None, None) => d,
                        // The call without what is too much.
                        (Some(_), _) => {
                            let kept = args.iter().enumerate().filter(|(j, a)| *j < i || a.name.is_some());
                            d.help(format!("write `{}`", call_text(form.name, kept.map(|a| a.1), &[])))
                        }
                    });
                    return None;
                }
            };
            if let Some(first) = slots[at].replace(&arg.value) {
                self.report(Diagnostic::twice(form.takes[at].name, arg.value.span, first.span));
                ok = false;
            }
        }
        let missing: Vec<&Takes> =
            form.takes.iter().zip(&slots).filter(|(t, s)| s.is_none() && t.how == How::Needed).map(|x| x.0).collect();
        if let (true, Some(first)) = (ok, missing.first()) {
            let names: Vec<_> = missing.iter().map(|t| format!("`{}`", t.name)).collect();
            let d = Diagnostic::new(Code::T0207, span, format!("`{}` needs {}", form.name, names.join(" and ")), "");
            // A number in the place of an array is likely that of the number that is missing: `dropout(h, 0.5)`.
            let slipped = slots.iter().position(|s| s.is_some_and(|e| matches!(e.kind, ExprKind::Number { .. })));
            let slipped = slipped.filter(|&i| form.takes[i].array && !first.array && missing.len() == 1);
            self.report(match (first.at, slipped) {
                (Some(at), Some(i)) => {
                    let name = form.takes[i].name;
                    let kept: Vec<&Arg> =
                        args.iter().filter(|a| slots[i].is_none_or(|e| e.span != a.value.span)).collect();
                    let number = slots[i].map(expr_text).unwrap_or_default();
                    let more = [format!("{name} = {name}"), format!("{} = {number}", first.name)];
                    let d = d.also(at, "declared here, without a default");
                    d.help(format!("write `{}`: `{name}` is an array", call_text(form.name, kept, &more)))
                }
                (Some(at), None) => {
                    let d = d.also(at, "declared here, without a default");
                    let more: Vec<String> = missing.iter().map(|t| format!("{} = {}", t.name, t.sample)).collect();
                    d.help(format!("write `{}`", call_text(form.name, args, &more)))
                }
                (None, _) => form.told(d),
            });
            ok = false;
        }
        ok.then_some(slots)
    }

    /// Which argument goes to which parameter of a declaration.
    pub(crate) fn assign<'a>(&mut self, scope: &Scope, span: Span, item: &Item, args: &'a [Arg]) -> Option<Given<'a>> {
        self.given(scope, span, &Form::of_item(item, &item.params), args)
    }

    /// The arguments of what takes exactly these.
    pub(crate) fn all_given<'a>(
        &mut self,
        scope: &Scope,
        span: Span,
        form: &Form,
        args: &'a [Arg],
    ) -> Option<Vec<&'a Expr>> {
        self.given(scope, span, form, args)?.into_iter().collect()
    }
}

/// `W == e` and `W <- e` in the place of `W = e` would be values, and go where the next position is.
fn compared(scope: &Scope, form: &Form, arg: &Arg) -> Option<Diagnostic> {
    let ExprKind::Binary(op, name, e) = &arg.value.kind else { return None };
    let ExprKind::Name(n) = &name.kind else { return None };
    let e = match (op, &e.kind) {
        (BinaryOp::Equal, _) => e,
        (BinaryOp::Less, ExprKind::Unary(UnaryOp::Negate, e)) => e,
        _ => return None,
    };
    let meant = form.takes.iter().any(|t| t.name == n) && scope.find(n).is_none();
    if arg.name.is_some() || !meant {
        return None;
    }
    let m = format!("this compares `{n}`, and gives `{}` nothing of that name", form.name);
    let d = Diagnostic::new(Code::T0206, arg.value.span, m, "a comparison");
    Some(d.help(format!("write `{n} = {}`", expr_text(e))))
}

/// What takes any number of values, and none by a name.
pub(crate) fn nameless(what: &str, args: &[Arg]) -> Option<Diagnostic> {
    let name = args.iter().find_map(|a| a.name.as_ref())?;
    let m = format!("`{what}` has no setting `{}`", name.name);
    Some(
        Diagnostic::new(Code::T0206, name.span, m, "no such name")
            .help("leave the name out, and write the value alone"),
    )
}

/// A call as it would be, with more behind what is given.
fn call_text<'a>(name: &str, args: impl IntoIterator<Item = &'a Arg>, more: &[String]) -> String {
    let text = |a: &Arg| a.name.as_ref().map_or(String::new(), |n| format!("{} = ", n.name)) + &expr_text(&a.value);
    let all: Vec<String> = args.into_iter().map(text).chain(more.iter().cloned()).collect();
    format!("{name}({})", all.join(", "))
}

/// Something that a parameter would take.
pub(crate) fn sample(p: &Param) -> &'static str {
    match &p.ty {
        ParamType::Scalar(Elem::Nat | Elem::Int) => "10",
        ParamType::Scalar(Elem::Bool) => "true",
        ParamType::Scalar(Elem::Real(u)) if *u == Unit::ONE => "0.1",
        ParamType::Text => "\"file\"",
        _ => "...",
    }
}

pub(crate) fn counted(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    if n == 0 { format!("no {what}s") } else { format!("{n} {what}{s}") }
}
