//! Calls: arguments to parameters, functions of the standard library and of the user, primitive functions.

use super::arguments::{Form, sample};
use super::elaborate::Elab;
use super::graph::{Kind, NodeId};
use super::value::{Made, Place, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::axis::{Axis, shape_text};
use crate::ir::{Elem, Item, ItemId, ItemKind, Param, ParamType, Unit};
use crate::source::Span;
use crate::syntax::ast::{Arg, Dim, Expr, ExprKind};
use crate::syntax::print;
use std::rc::Rc;

impl Elab<'_> {
    pub(crate) fn call(
        &mut self,
        scope: &Scope,
        span: Span,
        callee: &Expr,
        args: &[Arg],
        want: Option<&[Axis]>,
    ) -> Val {
        if let ExprKind::Name(name) = &callee.kind {
            let local = scope.find(name).cloned();
            match local {
                Some(l) => {
                    if let Some(at) = l.span {
                        self.program.used.borrow_mut().insert(at);
                    }
                    return self.call_value(scope, span, l.val, callee.span, args, want);
                }
                None => {
                    if let Some(v) = self.special_call(scope, span, name, args) {
                        return v;
                    }
                }
            }
        }
        // `n.rate(a)`, `n.drive(a)`: the equation with other values put in.
        if let ExprKind::Field(base, field) = &callee.kind
            && matches!(field.name.as_str(), "rate" | "drive")
            && scope.place == Place::Rule
        {
            let v = self.eval(scope, base, None);
            return match self.pop_of(&v) {
                Some(p) => match self.all_given(scope, span, &Form::of(&field.name, &["values"]), args).as_deref() {
                    Some([a]) => self.equation_at(scope, span, p, field.name == "rate", a),
                    _ => Val::Error,
                },
                None => self.call_value(scope, span, v, callee.span, args, want),
            };
        }
        let v = match &callee.kind {
            ExprKind::Name(name) => match self.program.lookup(scope.module, name) {
                Some(item) => Val::Item(item.id),
                None => {
                    args.iter().for_each(|a| drop(self.eval(scope, &a.value, want)));
                    return self.unknown(scope, name, callee.span);
                }
            },
            _ => self.eval(scope, callee, None),
        };
        self.call_value(scope, span, v, callee.span, args, want)
    }

    pub(crate) fn call_value(
        &mut self,
        scope: &Scope,
        span: Span,
        v: Val,
        at: Span,
        args: &[Arg],
        want: Option<&[Axis]>,
    ) -> Val {
        match v {
            Val::Error => Val::Error,
            Val::Item(id) => {
                let item = self.program.item(id).clone();
                if self.program.is_damaged(id) {
                    args.iter().for_each(|a| drop(self.eval(scope, &a.value, want)));
                    return Val::Error;
                }
                self.call_item(scope, span, &item, args, want)
            }
            Val::Member(m) => {
                let Some(head) = self.member_head(m) else { return self.member(m, &[], span) };
                let letters: Vec<&str> = head.args.iter().map(|a| a.name.as_str()).collect();
                let form = Form { at: Some(head.span), ..Form::of(&head.name.name, &letters) };
                let Some(given) = self.all_given(scope, span, &form, args) else { return Val::Error };
                let vals: Vec<_> = given.into_iter().map(|e| (self.eval(scope, e, None), e.span)).collect();
                self.member(m, &vals, span)
            }
            Val::Method(m) => self.method(scope, span, &m.0, &m.1, args),
            Val::Lazy(l) => self.call_let(scope, span, &l.0, &l.1, args),
            Val::Phase(i, k) => self.in_phase(scope, span, (i, k), args),
            Val::Made(m) if matches!(m.item.kind, ItemKind::Optimizer(_)) => {
                self.nested_optimizer(scope, span, &m, args)
            }
            other => {
                let what = self.describe(&other);
                let d = Diagnostic::new(Code::T0208, at, format!("{what} cannot be called"), "");
                self.report(d.help("use it without `( )`; for a product write `*`, for one of its units `[i]`"))
            }
        }
    }

    pub(crate) fn call_item(
        &mut self,
        scope: &Scope,
        span: Span,
        item: &Rc<Item>,
        args: &[Arg],
        want: Option<&[Axis]>,
    ) -> Val {
        match &item.kind {
            ItemKind::Primitive(row) => self.primitive(scope, span, item, *row, args, want),
            ItemKind::Function { body, .. } => {
                let Some((inner, _)) = self.bind(scope, span, item, args, want, Place::Plain) else {
                    return Val::Error;
                };
                let known = self.diags.len();
                let of = self.call_of(item, &inner, want);
                let name = (item.name.as_str(), item.name_span);
                let v = self.shared(of, name, span, &mut |me: &mut Self| me.eval(&inner, body, want));
                self.told_at(known, span);
                v
            }
            ItemKind::Projection(_) => self.projection_call(scope, span, item, args, want),
            ItemKind::Optimizer(_) | ItemKind::Rule(_) => {
                let Some((inner, text)) = self.bind(scope, span, item, args, None, Place::Rule) else {
                    return Val::Error;
                };
                Val::Made(Rc::new(Made { item: item.clone(), scope: inner, text }))
            }
            ItemKind::Objective(_) => self.objective_call(scope, span, item, args),
            ItemKind::Task(_) => self.task_call(scope, span, item, args),
            ItemKind::Architecture { .. } => self.architecture_call(scope, span, item, args),
            ItemKind::Neuron { .. } => self.later("neuron models", span),
            kind => {
                let m = format!("the {} `{}` cannot be called", kind.word(), item.name);
                let d = Diagnostic::new(Code::T0208, span, m, "").also(item.name_span, "declared here");
                self.report(d.help("call a function, a projection, a rule, an optimizer, a task or an architecture"))
            }
        }
    }

    /// A scope for the body of an item, its parameters bound; and the call as text.
    pub(crate) fn bind(
        &mut self,
        scope: &Scope,
        span: Span,
        item: &Rc<Item>,
        args: &[Arg],
        want: Option<&[Axis]>,
        place: Place,
    ) -> Option<(Scope, String)> {
        let slots = self.assign(scope, span, item, args)?;
        let mut inner = Scope::new(item.module, place);
        let mut rest = None;
        // A function of one shape asks of its arguments what is asked of its result.
        if let (Some(w), ItemKind::Function { result: Some(t), .. }) = (want, &item.kind)
            && let Some([Dim::Rest(_)]) = t.dims.as_deref()
        {
            rest = Some(w.to_vec());
        }
        let hints = self.hints(&inner, item, want);
        let mut texts = Vec::new();
        for (param, given) in item.params.iter().zip(slots) {
            let (v, at) = match (given, &param.default) {
                (Some(e), _) => {
                    texts.push(crate::syntax::print::expr_text(e));
                    let want = self.wanted(&inner, param, &rest).or_else(|| {
                        let (names, open) = hints.as_ref()?;
                        self.wanted(names, param, if rest.is_some() { &rest } else { open })
                    });
                    (self.eval(scope, e, want.as_deref()), e.span)
                }
                (None, Some(e)) => (self.eval(&inner.clone(), e, None), e.span),
                (None, None) => return None,
            };
            let v = self.fit(&mut inner, param, v, at, &mut rest)?;
            inner.bind(&param.name, v, Some(param.span));
        }
        Some((inner, format!("{}({})", item.name, texts.join(", "))))
    }

    /// Sizes that the place of a call tells of, where its result names them: `-> [n]`, `-> [c, ..]`.
    fn hints(&mut self, inner: &Scope, item: &Item, want: Option<&[Axis]>) -> Option<(Scope, Option<Vec<Axis>>)> {
        let ItemKind::Function { result: Some(t), .. } = &item.kind else { return None };
        let (dims, want) = (t.dims.as_deref()?, want?);
        let fixed = dims.iter().filter(|d| matches!(d, Dim::Size(_))).count();
        if want.len() < fixed || fixed == dims.len() && want.len() > fixed {
            return None;
        }
        let (mut hints, mut open, mut sizes) = (inner.clone(), None, want.iter());
        for d in dims {
            match d {
                Dim::Rest(_) => open = Some(sizes.by_ref().take(want.len() - fixed).cloned().collect()),
                Dim::Size(e) => {
                    let size = self.g.size(sizes.next()?);
                    if let ExprKind::Name(n) = &e.kind {
                        hints.bind(n, Val::Node(size), None);
                    }
                }
            }
        }
        Some((hints, open))
    }

    /// The shape that a parameter asks for, if its names are bound.
    pub(crate) fn wanted(&mut self, inner: &Scope, param: &Param, rest: &Option<Vec<Axis>>) -> Option<Vec<Axis>> {
        let ParamType::Tensor { dims, .. } = &param.ty else { return None };
        let mut out = Vec::new();
        for d in dims {
            match d {
                Dim::Rest(_) => out.extend(rest.clone()?),
                Dim::Size(e) => {
                    if !names_of(e).iter().all(|n| inner.find(n).is_some()) {
                        return None;
                    }
                    out.push(self.axis(inner, e)?);
                }
            }
        }
        Some(out)
    }

    /// The value of a parameter, its kind checked and the names in its type bound.
    pub(crate) fn fit(
        &mut self,
        inner: &mut Scope,
        param: &Param,
        v: Val,
        at: Span,
        rest: &mut Option<Vec<Axis>>,
    ) -> Option<Val> {
        if matches!(v, Val::Error) {
            return None;
        }
        match &param.ty {
            ParamType::Unknown => Some(v),
            ParamType::Text => match v {
                Val::Text(_) => Some(v),
                other => self.wrong_kind(param, &other, at, "a text"),
            },
            ParamType::Optimizer => match &v {
                Val::Made(m) if matches!(m.item.kind, ItemKind::Optimizer(_)) => Some(v),
                other => {
                    let example = self.program.example("optimizer");
                    self.wrong_kind(param, &other.clone(), at, &format!("an optimizer, such as `{example}`"))
                }
            },
            ParamType::Rule => match &v {
                Val::Made(m) if matches!(m.item.kind, ItemKind::Rule(_)) => Some(v),
                other => self.wrong_kind(param, &other.clone(), at, "a rule"),
            },
            ParamType::Population => match self.pop_of(&v) {
                Some(p) => Some(Val::Pop(p)),
                None => self.wrong_kind(param, &v, at, "a population"),
            },
            ParamType::Scalar(elem) => match self.fit_scalar(param, elem, v, at)? {
                Val::Node(n) => self.limited(inner, param, n, at).map(Val::Node),
                v => Some(v),
            },
            ParamType::Tensor { elem, dims, .. } => {
                let n = self.tensor(&v, at)?;
                self.match_elem(inner, param, elem, n, at)?;
                self.match_dims(inner, param, dims, n, at, rest)?;
                if param.limits.is_some() {
                    return self.limited(inner, param, n, at).map(Val::Node);
                }
                Some(match v {
                    Val::Pop(_) => v,
                    _ => Val::Node(n),
                })
            }
        }
    }

    pub(crate) fn wrong_kind(&mut self, param: &Param, v: &Val, at: Span, wanted: &str) -> Option<Val> {
        let what = self.describe(v);
        let d = Diagnostic::new(Code::T0208, at, format!("`{}` needs {wanted}, but this is {what}", param.name), "");
        let d = d.also(param.span, "declared here");
        let d = match v {
            Val::Item(i) => self.call_it(d, at, *i),
            Val::Made(m) if matches!((&param.ty, &m.item.kind), (ParamType::Rule, ItemKind::Optimizer(_))) => {
                d.help("give the optimizer to a rule, and write the rule here: `rule_name({})`".replace("{}", &m.text))
            }
            _ => d.help(format!("write {wanted} here")),
        };
        self.report(d);
        None
    }

    /// Something is named where a call of it is meant.
    pub(crate) fn call_it(&self, d: Diagnostic, at: Span, item: ItemId) -> Diagnostic {
        let item = self.program.item(item);
        // The post side of a projection is where the call stands.
        let post = |i: usize| i == 1 && matches!(item.kind, ItemKind::Projection(_));
        let open = item.params.iter().enumerate().filter(|(i, p)| p.default.is_none() && !post(*i));
        let open: Vec<String> = open
            .map(|(_, p)| match p.ty {
                ParamType::Tensor { .. } => p.name.clone(),
                _ => format!("{} = {}", p.name, sample(p)),
            })
            .collect();
        d.help(format!("call it: `{}({})`", item.name, open.join(", "))).write(at, format!("{{}}({})", open.join(", ")))
    }

    pub(crate) fn fit_scalar(&mut self, param: &Param, elem: &Elem, v: Val, at: Span) -> Option<Val> {
        let n = self.tensor(&v, at)?;
        let ty = self.g.ty(n).clone();
        let problem = if !ty.shape.is_empty() {
            Some((Code::T0301, format!("`{}` is a single number, but this is {}", param.name, ty.text())))
        } else {
            match elem {
                Elem::Real(u) if *u != ty.unit && !(self.g.is_zero(n)) => {
                    let (wanted, unit) = (u.written(), ty.unit.written());
                    let name = if *u == Unit::ONE { wanted } else { format!("in {wanted}") };
                    let got = if ty.unit == Unit::ONE { "has no unit".into() } else { format!("is in {unit}") };
                    Some((Code::T0302, format!("`{}` is {name}, but this {got}", param.name)))
                }
                Elem::Real(_) if ty.kind == Kind::Bool => {
                    Some((Code::T0303, format!("`{}` is a number, but this is a truth value", param.name)))
                }
                Elem::Nat if ty.kind != Kind::Nat || ty.unit != Unit::ONE => Some((
                    Code::T0303,
                    format!("`{}` is a whole number, but this is {}", param.name, self.number_text(n)),
                )),
                Elem::Int if !matches!(ty.kind, Kind::Nat | Kind::Int) => Some((
                    Code::T0303,
                    format!("`{}` is a whole number, but this is {}", param.name, self.number_text(n)),
                )),
                Elem::Bool if ty.kind != Kind::Bool => Some((
                    Code::T0303,
                    format!("`{}` is true or false, but this is {}", param.name, self.number_text(n)),
                )),
                _ => None,
            }
        };
        if let Some((code, m)) = problem {
            let d = Diagnostic::new(code, at, m, "").also(param.span, "declared here");
            let d = match elem {
                Elem::Real(u) if code == Code::T0302 => super::units::in_unit(d, at, *u),
                _ if code == Code::T0301 => {
                    d.help("give one number: an element `x[1]`, or a reduction such as `mean(x)`")
                }
                Elem::Real(_) => d.help("write a number; of a truth value `if CONDITION then 1 else 0`"),
                Elem::Bool => d.help("write `true`, `false` or a comparison").write(at, "true"),
                _ => self.whole_number_for(d, at, n),
            };
            self.report(d);
            return None;
        }
        Some(Val::Node(n))
    }

    pub(crate) fn number_text(&self, n: NodeId) -> String {
        match self.g.const_value(n) {
            Some(v) if self.g.ty(n).unit == Unit::ONE => format!("{v}"),
            _ => self.g.ty(n).text(),
        }
    }

    pub(crate) fn match_elem(
        &mut self,
        inner: &mut Scope,
        param: &Param,
        elem: &Elem,
        n: NodeId,
        at: Span,
    ) -> Option<()> {
        let ty = self.g.ty(n).clone();
        let (code, m) = match elem {
            Elem::Label(range) => match &ty.kind {
                Kind::Label(k) => return self.match_size(inner, param, &range.0, k, at, &ty.text()),
                _ => (Code::T0303, format!("`{}` is a label, but this is {}", param.name, ty.text())),
            },
            Elem::Real(u) if matches!(ty.kind, Kind::Label(_)) && *u == Unit::ONE => {
                if matches!(&param.ty, ParamType::Tensor { dims, .. } if matches!(dims.as_slice(), [Dim::Rest(_)])) {
                    return Some(());
                }
                (Code::T0303, format!("`{}` holds numbers, but this is {}", param.name, ty.text()))
            }
            _ => return Some(()),
        };
        let d = Diagnostic::new(code, at, m, "").also(param.span, "declared here");
        self.report(match elem {
            Elem::Label(_) => {
                d.help("give a field of the task that is a label, such as `task.label`, or compare with one_hot(label)")
            }
            _ => d.help("write `one_hot(...)` of the label: 1 at its class, 0 elsewhere").write(at, "one_hot({})"),
        });
        None
    }

    /// The whole number next to what was given, if there is one.
    fn whole_number_for(&self, d: Diagnostic, at: Span, n: NodeId) -> Diagnostic {
        let d = d.help("write a whole number, such as `10`");
        if self.g.ty(n).unit != Unit::ONE {
            return d.write(at, "{#}");
        }
        match self.g.const_value(n) {
            Some(v) if v.abs() < 1e9 && self.g.ty(n).kind != Kind::Bool => {
                d.write(at, format!("{}", v.abs().round().max(1.0)))
            }
            _ => d,
        }
    }

    pub(crate) fn match_dims(
        &mut self,
        inner: &mut Scope,
        param: &Param,
        dims: &[Dim],
        n: NodeId,
        at: Span,
        rest: &mut Option<Vec<Axis>>,
    ) -> Option<()> {
        let shape = self.g.shape(n).to_vec();
        let text = self.g.ty(n).text();
        let fixed = dims.iter().filter(|d| matches!(d, Dim::Size(_))).count();
        let open = fixed < dims.len();
        let fits = if open { shape.len() >= fixed } else { shape.len() == fixed };
        if !fits {
            let wanted = dims_text(dims);
            let m = format!("`{}` is {wanted}, but this is {text}", param.name);
            let d = Diagnostic::new(Code::T0301, at, m, "").also(param.span, "declared here");
            self.report(d.help("bring it into that form: `flatten`, `reshape`, or a mean `over` the axes too many"));
            return None;
        }
        let (mut axes, mut sizes) = (shape.iter(), Vec::new());
        let spare = shape.len() - fixed;
        for d in dims {
            match d {
                Dim::Rest(_) => {
                    let these: Vec<Axis> = axes.by_ref().take(spare).cloned().collect();
                    match rest {
                        Some(r) if *r != these && !these.is_empty() && !r.is_empty() => {
                            let m = format!(
                                "these shapes must agree, but they are {} and {}",
                                shape_text(r),
                                shape_text(&these)
                            );
                            let d = Diagnostic::new(Code::T0301, at, m, format!("this is {text}"));
                            self.report(d.help(
                                "give all of them one shape: `flatten`, `reshape`, or a mean `over` the axes too many",
                            ));
                            return None;
                        }
                        Some(r) if !r.is_empty() => {}
                        _ => *rest = Some(these),
                    }
                }
                Dim::Size(e) => sizes.push((e, axes.next().cloned()?)),
            }
        }
        // Names alone first: what others are computed from is known then.
        sizes.sort_by_key(|(e, _)| !matches!(e.kind, ExprKind::Name(_)));
        for (e, axis) in sizes {
            self.match_size(inner, param, e, &axis, at, &text)?;
        }
        Some(())
    }

    pub(crate) fn match_size(
        &mut self,
        inner: &mut Scope,
        param: &Param,
        e: &Expr,
        axis: &Axis,
        at: Span,
        text: &str,
    ) -> Option<()> {
        if let ExprKind::Name(name) = &e.kind
            && inner.find(name).is_none()
        {
            let size = self.g.size(axis);
            inner.bind(name, Val::Node(size), None);
            return Some(());
        }
        if let Some(solved) = self.solved(inner, e, axis) {
            let Some((name, size)) = solved else {
                let m = format!("`{}` needs size {} here, but this is {text}", param.name, print::expr_text(e));
                let d = Diagnostic::new(Code::T0301, at, m, format!("{axis} is not {}", print::expr_text(e)));
                self.report(d.also(param.span, "declared here"));
                return None;
            };
            let size = self.g.size(&size);
            inner.bind(&name, Val::Node(size), None);
            return Some(());
        }
        let wanted = self.axis(&inner.clone(), e)?;
        if wanted == *axis {
            return Some(());
        }
        self.mismatch = Some((wanted.clone(), axis.clone()));
        let m = format!("`{}` needs size {wanted} here, but this is {text}", param.name);
        let d = Diagnostic::new(Code::T0301, at, m, format!("{axis}, not {wanted}"));
        self.report(
            d.also(param.span, "declared here")
                .help("give both sides one size: project to it, or change the size where it is declared"),
        );
        None
    }
}

impl Elab<'_> {
    /// The one name that nothing has bound in an expression of sizes, and what it is for the expression to be `axis`; inside
    /// `None` where nothing fits. `None` where there is no such name, or more than one.
    pub(crate) fn solved(&mut self, scope: &Scope, e: &Expr, axis: &Axis) -> Option<Option<(String, Axis)>> {
        let mut open = names_of(e);
        open.retain(|n| scope.find(n).is_none());
        open.sort_unstable();
        open.dedup();
        let [name] = open[..] else { return None };
        // A name that no size of the caller can have.
        let unknown = format!("{name}?");
        let size = self.g.size(&Axis::symbol(unknown.as_str()));
        let whole = self.axis(&scope.with(name, Val::Node(size)), e)?;
        Some(whole.solve(&unknown, axis).map(|n| (name.to_string(), n)))
    }
}

/// Names that occur in an expression of sizes.
pub(crate) fn names_of(e: &Expr) -> Vec<&str> {
    match &e.kind {
        ExprKind::Name(n) => vec![n],
        ExprKind::Binary(_, a, b) => [names_of(a), names_of(b)].concat(),
        ExprKind::Unary(_, a) => names_of(a),
        ExprKind::Call(_, args) => args.iter().flat_map(|a| names_of(&a.value)).collect(),
        _ => vec![],
    }
}

fn dims_text(dims: &[Dim]) -> String {
    let one = |d: &Dim| match d {
        Dim::Rest(_) => "..".to_string(),
        Dim::Size(e) => crate::syntax::print::expr_text(e),
    };
    format!("[{}]", dims.iter().map(one).collect::<Vec<_>>().join(", "))
}
