//! The elaborator: expressions to values, one operation at a time.
//!
//! It is the type checker as well. A declaration is elaborated once with a symbol for every size that it leaves open, so
//! that `[n]` and `[m]` must agree for all n and m; an experiment is elaborated with the sizes of its task.

use super::fault::axis_diagnostic;
use super::graph::{Graph, Kind, Leaf, NodeId, Ty};
use super::network::{Network, PopId};
use super::rule::Frame;
use super::value::{Place, Scope, Terms, Val};
use crate::diag::elsewhere::{self, At};
use crate::diag::{Code, Diagnostic, Diagnostics, did_you_mean, listed};
use crate::ir::axis::{Axis, shape_text};
use crate::ir::{ItemKind, Program, Unit};
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind};
use std::collections::HashMap;

/// One elaboration: of a declaration on its own, or of one condition of an experiment.
pub struct Elab<'p> {
    pub program: &'p Program,
    pub g: Graph,
    pub net: Network,
    pub diags: Diagnostics,
    /// Which entry of each `vary` this condition takes.
    pub choices: HashMap<Span, usize>,
    pub terms: Terms,
    /// Objectives of parts and the projections of each, if parts have their own; `terms` is then their sum.
    pub(crate) local: Vec<super::objective::OfPart>,
    pub frames: Vec<Frame>,
    pub pending: Vec<super::architecture::Pending>,
    pub task: super::task::TaskState,
    /// What measures see of populations where a rule's answer is not the plain pass.
    pub answers: HashMap<NodeId, NodeId>,
    /// Directory of the spec, for data files.
    pub folder: std::path::PathBuf,
    /// What names stand for is unknown here: those that are missing have been reported elsewhere.
    pub(crate) lenient: bool,
    /// A declaration is checked on its own: sizes may stay open.
    pub(crate) open: bool,
    /// Derivatives by the value and the network that they are of.
    pub(super) sweeps: HashMap<(NodeId, usize, usize), super::sweep::Sweep>,
    /// The two sizes of the last fault of shapes.
    pub(crate) mismatch: Option<(Axis, Axis)>,
    pub(super) depth: u32,
    pub(super) shared: super::share::Shared,
    pub(super) endless: bool,
    pub(super) previous_frames: Vec<Frame>,
}

/// The letters that range over the parts of an architecture, in the equations of a rule.
const LETTERS: [(&[&str], &str); 3] = [(&["n", "m"], "populations"), (&["o"], "outputs"), (&["p", "q"], "projections")];

impl<'p> Elab<'p> {
    pub fn new(program: &'p Program, folder: std::path::PathBuf) -> Elab<'p> {
        Elab {
            program,
            g: Graph::default(),
            net: Network::default(),
            diags: Diagnostics::default(),
            choices: HashMap::new(),
            terms: Terms::default(),
            local: Vec::new(),
            frames: Vec::new(),
            pending: Vec::new(),
            task: Default::default(),
            answers: HashMap::new(),
            folder,
            lenient: false,
            open: false,
            sweeps: HashMap::new(),
            mismatch: None,
            depth: 0,
            shared: Default::default(),
            endless: false,
            previous_frames: Vec::new(),
        }
    }

    pub fn report(&mut self, d: Diagnostic) -> Val {
        self.diags.push(d);
        Val::Error
    }

    /// The meaning of an expression; `want` is the shape that its place asks for, if it is known.
    pub fn eval(&mut self, scope: &Scope, e: &Expr, want: Option<&[Axis]>) -> Val {
        // Told once: what doubles with every level would never be done with.
        if self.endless || !self.within_budget(e.span) {
            return Val::Error;
        }
        self.depth += 1;
        let outer = std::mem::replace(&mut self.g.span, e.span);
        let v = super::share::deep(|| self.eval_kind(scope, e, want));
        self.g.span = outer;
        self.depth -= 1;
        v
    }

    pub(crate) fn eval_kind(&mut self, scope: &Scope, e: &Expr, want: Option<&[Axis]>) -> Val {
        match &e.kind {
            ExprKind::Error => Val::Error,
            ExprKind::Number { value, text, unit } => self.number(scope, e.span, *value, text, unit.as_ref()),
            ExprKind::Text(t) => Val::Text(t.as_str().into()),
            ExprKind::Bool(b) => Val::Node(self.bool(*b)),
            ExprKind::Hole => self.hole(scope, e.span, want),
            ExprKind::Name(name) => self.name(scope, name, e.span),
            ExprKind::Field(base, field) => self.field(scope, base, field),
            ExprKind::Index(base, index) => self.index(scope, e, base, index),
            ExprKind::Call(callee, args) => self.call(scope, e.span, callee, args, want),
            ExprKind::Reduce { function, binder, body } => self.binder(scope, e.span, function, binder, body, want),
            ExprKind::Unary(op, x) => {
                let v = self.eval(scope, x, want);
                self.unary(*op, v, e.span, x)
            }
            ExprKind::Binary(BinaryOp::Range, a, b) => self.range(scope, a, b),
            ExprKind::Binary(op, a, b) => self.binary(scope, e.span, *op, a, b, want),
            ExprKind::List(items) => self.list(scope, items, e.span),
            ExprKind::Braces { entries, .. } => {
                let parts = entries.iter().filter_map(|x| {
                    let label = x.label.as_ref()?;
                    Some((label.name.clone(), self.eval(scope, &x.value, None), x.value.span))
                });
                let parts: Vec<_> = parts.collect();
                if parts.len() != entries.len() || parts.is_empty() {
                    let d = Diagnostic::new(Code::T0210, e.span, "braces need a name for each part here", "");
                    return self
                        .report(d.help("write `{ part: rule(), other: rule() }`, or `vary { ... }` for conditions"));
                }
                Val::Parts(parts.into())
            }
            ExprKind::If { condition, then, otherwise } => self.conditional(scope, condition, then, otherwise, want),
            ExprKind::Vary(choice, entries) => match self.choices.get(&e.span).and_then(|i| entries.get(*i)) {
                Some(entry) => self.eval(scope, &entry.value, want),
                None => {
                    let word = choice.word();
                    let d = Diagnostic::new(Code::T0210, e.span, format!("`{word}` belongs in an experiment"), "");
                    let help = format!("give one value here, and {word} it where an experiment uses this declaration");
                    self.report(d.help(help))
                }
            },
            ExprKind::As(inner, name) => {
                let before = self.pending.iter().map(|p| p.parts.len()).sum::<usize>();
                let v = self.eval(scope, inner, want);
                self.name_projection(&v, before, name);
                v
            }
            ExprKind::Minimize(x) => self.objective_terms(scope, x, false),
            ExprKind::Maximize(x) => self.objective_terms(scope, x, true),
            ExprKind::Sample(_) => {
                let d = Diagnostic::new(Code::T0210, e.span, "`sample` draws the rates of a whole population", "");
                self.report(d.help("write `population h: [n] = sample ...`, and use `h` here"))
            }
            ExprKind::During(..) => self.later("periods of a trial", e.span),
            ExprKind::Relax(_) => {
                let d = Diagnostic::new(Code::T0210, e.span, "`relax` is the whole equation of a population", "");
                self.report(d.help("write `population a: [n] = relax { ... }, steps, speed`, and use `a` here"))
            }
        }
    }

    pub fn later(&mut self, what: &str, span: Span) -> Val {
        let d = Diagnostic::new(Code::T0410, span, format!("{what} cannot run in this version"), "used here");
        self.report(d.help("the text is legal Trine; `trine explain T0410` lists what runs"))
    }

    pub fn bool(&mut self, b: bool) -> NodeId {
        self.g.constant(f64::from(b), Unit::ONE, Kind::Bool)
    }

    pub(crate) fn hole(&mut self, scope: &Scope, span: Span, want: Option<&[Axis]>) -> Val {
        let wanted = match want {
            Some(shape) => format!("a value of shape {} belongs here", shape_text(shape)),
            None => "an expression belongs here".to_string(),
        };
        let fitting: Vec<String> = scope
            .locals
            .iter()
            .filter(|l| match (&l.val, want) {
                (Val::Node(n), Some(w)) => self.g.shape(*n) == w,
                (Val::Pop(p), Some(w)) => self.net.pop(*p).shape == w,
                (Val::Node(_) | Val::Pop(_), None) => true,
                _ => false,
            })
            .map(|l| format!("`{}`", l.name))
            .collect();
        let d = Diagnostic::new(Code::T0212, span, "a hole is still open", wanted);
        let projected = self.projected(scope);
        let fitting: Vec<String> = fitting.into_iter().chain(projected).collect();
        let help = match fitting.is_empty() {
            true => "fill it in: nothing in scope is of this kind by itself".to_string(),
            false => format!("in scope and fitting: {}", fitting.join(", ")),
        };
        self.report(d.help(help))
    }

    /// Any population of an architecture is brought into any shape by a projection.
    fn projected(&self, scope: &Scope) -> Vec<String> {
        let from = scope.locals.iter().rev().find(|l| matches!(l.val, Val::Pop(_)));
        let Some(pre) = from.filter(|_| scope.place == Place::Architecture) else { return vec![] };
        let names = self.program.names(scope.module);
        let item =
            |n: &&str| self.program.lookup(scope.module, n).filter(|i| matches!(i.kind, ItemKind::Projection(_)));
        // Those that need nothing but what they project from.
        let plain = |n: &&str| item(n).is_some_and(|i| i.params.iter().skip(2).all(|p| p.default.is_some()));
        names.into_iter().filter(plain).take(6).map(|n| format!("`{n}({})`", pre.name)).collect()
    }

    /// A hole in the place of a task, an architecture, an objective or a rule: what there is of them.
    pub(crate) fn hole_for(&mut self, scope: &Scope, word: &str, span: Span) -> Val {
        let names = self.program.names(scope.module);
        let of_kind = |n: &&str| self.program.lookup(scope.module, n).is_some_and(|i| i.kind.word() == word);
        let found: Vec<&str> = names.into_iter().filter(of_kind).collect();
        let article = if word.starts_with(['a', 'o']) { "an" } else { "a" };
        let d = Diagnostic::new(Code::T0212, span, "a hole is still open", format!("{article} {word} belongs here"));
        self.report(match found.is_empty() {
            true => d.help(format!("import or declare {article} {word}; `trine doc` lists the library")),
            false => d.help(format!("in scope and fitting: {}", listed(found))),
        })
    }

    pub(crate) fn name(&mut self, scope: &Scope, name: &str, span: Span) -> Val {
        if let Some(local) = scope.find(name) {
            if let Some(at) = local.span {
                self.program.used.borrow_mut().insert(at);
            }
            if let Val::Lazy(l) = &local.val
                && l.0.args.is_empty()
            {
                let l = l.clone();
                return self.defined(&l.0, &l.1, scope, span);
            }
            return self.read_local(local.val.clone(), span);
        }
        if let Some(v) = self.word(scope, name, span) {
            return v;
        }
        if let Some(item) = self.program.lookup(scope.module, name) {
            return if self.program.is_damaged(item.id) { Val::Error } else { Val::Item(item.id) };
        }
        if self.lenient {
            return Val::Error;
        }
        self.unknown(scope, name, span)
    }

    /// A member without arguments stands for its value.
    pub(crate) fn read_local(&mut self, val: Val, span: Span) -> Val {
        match val {
            Val::Member(m) if self.member_arity(m) == 0 => self.member(m, &[], span),
            other => other,
        }
    }

    pub fn unknown(&mut self, scope: &Scope, name: &str, span: Span) -> Val {
        let locals = scope.locals.iter().map(|l| &*l.name);
        let familiar = elsewhere::find(At::Value, name);
        let near = match self.diags.is_full() || familiar.is_some() {
            true => None,
            false => {
                let columns = self.task.sayable.iter().map(String::as_str);
                did_you_mean(name, columns.chain(locals).chain(self.program.names(scope.module)))
            }
        };
        // What is meant may be what could not be read, or an import that failed.
        let failed = |n: &str| {
            let import = self.program.module(scope.module).scope.get(n);
            import.is_some_and(|i| matches!(self.program.item(i.item).kind, ItemKind::Environment))
        };
        if self.program.lost || near.is_some_and(failed) {
            return Val::Error;
        }
        if scope.place == Place::Rule
            && let Some((_, what)) = LETTERS.iter().find(|(letters, _)| letters.contains(&name))
        {
            let m = format!("`{name}` ranges over {what}, and nothing gives it a value here");
            let d = Diagnostic::new(Code::T0211, span, m, "outside its range");
            return self.report(d.help(match scope.find("p").or(scope.find("q")).map(|l| l.name.clone()) {
                Some(p) => format!("the populations at the ends of `{p}` are `{p}.pre` and `{p}.post`"),
                None => format!("bind it: `sum({name}: ...)`, or name it in a head: `signal delta({name}) = ...`"),
            }));
        }
        let d = Diagnostic::new(Code::T0201, span, format!("`{name}` is not defined"), "not found in scope");
        if let Some(row) = familiar {
            return self.report(d.help(row.how));
        }
        let here = &self.task.home.prefix;
        let turn = self.task.homes.iter().position(|h| h.name.as_deref() == Some(name) && h.prefix == *here);
        if let Some(whole) = turn.and_then(|e| self.net.edges[e].name.clone()) {
            return self.report(d.help(format!("every turn has its own: the first is `{whole}`")));
        }
        let d = match near {
            Some(n) => d.help(format!("did you mean `{n}`?")),
            None => d.help(self.defines(scope, name)),
        };
        self.report(d)
    }

    /// What to do about a name that nothing is near to.
    fn defines(&self, scope: &Scope, name: &str) -> String {
        if let Some(module) = self.program.exporter(name) {
            return format!("bring it into scope: `use {module}: {name}`");
        }
        // A short name is most likely one of those beside it.
        let own = scope.locals.iter().filter(|l| !matches!(l.val, Val::Error)).map(|l| &*l.name);
        let mut own: Vec<&str> = own.filter(|n| n.chars().count() < 3).collect();
        own.dedup();
        match name.chars().count() < 3 && !own.is_empty() {
            true => format!("define it; short names in scope are {}", listed(own)),
            false => "define it, or import it with `use module: name`".into(),
        }
    }

    /// What to write where a number is needed and something else stands.
    fn as_tensor(&self, d: Diagnostic, v: &Val, at: Span) -> Diagnostic {
        match v {
            Val::Item(i) => self.call_it(d, at, *i),
            Val::Edge(_) => d.help("read one of its weights, `.W`, or what it adds to its post side").write(at, "{}.W"),
            Val::Bundle(_) => d.help("read one of its weights: `.W`"),
            Val::Nest(n) if n.outputs.len() > 1 => d.help("it has several outputs: read one by its name, `.NAME`"),
            Val::Nest(_) => d.help("read a population in it by its name, `.NAME`"),
            Val::Task(_) => d.help("read one of its fields: `task.NAME`"),
            Val::Populations(_) | Val::Edges(_) | Val::Range(..) => d.help("go over it: `sum(k in ...: e)`"),
            Val::Text(_) => d.help("a text stands for paths only; write the number without quotes"),
            Val::Phase(..) => d.help("read something in it, such as `NAME(p.post.rate)`").write(at, "{}(n.rate)"),
            Val::Terms(_) | Val::Loss => d.help("read it as a measure: `loss`"),
            Val::Member(_) | Val::Lazy(_) | Val::Method(_) => d.help("give its arguments: `NAME(n)`"),
            Val::Made(_) | Val::Sum(_) | Val::Parts(_) => {
                d.help("rules and optimizers are given to `rule = ...` alone")
            }
            _ => d.help("write a number, a population, or an expression of them"),
        }
    }

    /// The value as a tensor; reports and answers `None` if it is none.
    pub fn tensor(&mut self, v: &Val, span: Span) -> Option<NodeId> {
        match v {
            Val::Node(n) => Some(*n),
            Val::Pop(p) => Some(self.net.pop(*p).rate_leaf),
            Val::Slot(s) => Some(self.net.slots[*s as usize].leaf),
            Val::Drive(d) => Some(self.close_drive(*d)),
            Val::Loss => self.terms.loss,
            Val::Terms(t) if t.loss.is_some() => t.loss,
            Val::Terms(_) => {
                let m = "a penalty is a term of an objective, and no number of an example";
                let d = Diagnostic::new(Code::T0405, span, m, "a penalty");
                self.report(d.help("add it to what is minimized, times a number: `loss + 0.1 * penalty`"));
                None
            }
            Val::Nest(n) if n.outputs.len() == 1 => Some(self.net.pop(n.outputs[0]).rate_leaf),
            Val::List(items) => self.stack(items.clone(), span),
            Val::Error => None,
            other => {
                let what = self.describe(other);
                let d = Diagnostic::new(
                    Code::T0208,
                    span,
                    format!("a number or tensor is needed here, but this is {what}"),
                    what,
                );
                let d = self.as_tensor(d, other, span);
                self.report(d);
                None
            }
        }
    }

    /// What a value is, in the user's words.
    pub fn describe(&self, v: &Val) -> String {
        match v {
            Val::Error => "an error".into(),
            Val::Node(n) => self.g.ty(*n).text(),
            Val::Pop(p) => {
                format!("the population `{}`, {}", self.net.pop(*p).name, shape_text(&self.net.pop(*p).shape))
            }
            Val::Edge(e) => format!("the projection {}", self.net.edge_text(*e)),
            Val::Bundle(b) => format!("one value for each weight of {}", self.net.edge_text(b.edge)),
            Val::Drive(_) => "the drive of a population".into(),
            Val::Item(i) => {
                let item = self.program.item(*i);
                format!("the {} `{}`", item.kind.word(), item.name)
            }
            Val::Made(m) => format!("the {} `{}`", m.item.kind.word(), m.text),
            Val::Sum(_) => "a sum of rules".into(),
            Val::Parts(_) => "a list of named parts".into(),
            Val::Task(t) => format!("the task `{}`", t.item.name),
            Val::Nest(n) if self.task.cells.iter().any(|c| c.0 == n.name) => format!("the cell `{}`", n.name),
            Val::Nest(n) => format!("the architecture `{}`", n.name),
            Val::Populations(_) => "a list of populations".into(),
            Val::Edges(_) => "a list of projections".into(),
            Val::Range(a, b) => format!("the range {a}..{b}"),
            Val::List(_) => "a list".into(),
            Val::Text(_) => "a text".into(),
            Val::Member(m) => format!("a {} that needs arguments", member_word(*m)),
            Val::Slot(s) => format!("`{}`", self.net.slots[*s as usize].name),
            Val::Phase(..) => "a phase (something is read in it: `phase(p.post.rate)`)".into(),
            Val::Loss => "the loss".into(),
            Val::Terms(_) => "an objective".into(),
            Val::Rules => "the rule of the experiment, of which something must be read: `rule.NAME(...)`".into(),
            Val::Method(m) => format!("the function `{}`", m.1),
            Val::Lazy(l) => format!("`{}`, which takes arguments", l.0.name.name),
        }
    }

    /// A list of scalars or of equal tensors, stacked along a new first axis.
    pub(crate) fn stack(&mut self, items: std::rc::Rc<Vec<(Val, Span)>>, span: Span) -> Option<NodeId> {
        let mut nodes = Vec::new();
        for (v, s) in items.iter() {
            nodes.push(self.tensor(v, *s)?);
        }
        let first = self.g.ty(*nodes.first()?).clone();
        let mut parts = Vec::new();
        for (n, (_, s)) in nodes.into_iter().zip(items.iter()) {
            if self.g.shape(n) != first.shape.as_slice() {
                let left = shape_text(&first.shape);
                let right = shape_text(self.g.shape(n));
                let d = Diagnostic::new(
                    Code::T0301,
                    *s,
                    "the elements of a list have one shape",
                    format!("this is {right}"),
                );
                let d = d.also(items[0].1, format!("this is {left}"));
                self.report(d.help("give each element the shape of the first"));
                return None;
            }
            let shape = std::iter::once(Axis::Known(1)).chain(first.shape.clone()).collect();
            parts.push(self.g.reshape(shape, n).ok()?);
        }
        let shape = std::iter::once(Axis::Known(parts.len() as u64)).chain(first.shape.clone()).collect();
        self.g.span = span;
        Some(self.g.make(super::graph::NodeKind::Concat(0), parts, Ty { shape, kind: Kind::Real, ..first }))
    }

    pub(crate) fn list(&mut self, scope: &Scope, items: &[Expr], _span: Span) -> Val {
        let items: Vec<_> = items.iter().map(|e| (self.eval(scope, e, None), e.span)).collect();
        if items.iter().any(|(v, _)| matches!(v, Val::Error)) {
            return Val::Error;
        }
        Val::List(items.into())
    }

    pub(crate) fn range(&mut self, scope: &Scope, a: &Expr, b: &Expr) -> Val {
        let Some(first) = self.axis(scope, a) else { return Val::Error };
        self.axis(scope, b).map_or(Val::Error, |last| Val::Range(first, last))
    }

    pub(crate) fn conditional(&mut self, scope: &Scope, c: &Expr, a: &Expr, b: &Expr, want: Option<&[Axis]>) -> Val {
        let cv = self.eval(scope, c, None);
        let Some(cn) = self.tensor(&cv, c.span) else { return Val::Error };
        if let Some(v) = self.g.const_value(cn).filter(|_| self.g.ty(cn).kind == Kind::Bool) {
            return self.eval(scope, if v != 0.0 { a } else { b }, want);
        }
        if self.g.ty(cn).kind != Kind::Bool {
            let text = self.g.ty(cn).text();
            let m = format!("`if` needs a truth value, but this is {text}");
            let d = Diagnostic::new(Code::T0303, c.span, m, text);
            return self.report(d.help("compare it: `if x > 0 then ... else ...`"));
        }
        let (va, vb) = (self.eval(scope, a, want), self.eval(scope, b, want));
        let (Some(na), Some(nb)) = (self.tensor(&va, a.span), self.tensor(&vb, b.span)) else { return Val::Error };
        match self.g.select(cn, na, nb) {
            Ok(n) => Val::Node(n),
            Err(f) => self.fault(f, c.span.to(b.span), "the two sides of `if`", &[(a.span, na), (b.span, nb)]),
        }
    }

    /// A size from an expression: arithmetic on names and whole numbers.
    pub fn axis(&mut self, scope: &Scope, e: &Expr) -> Option<Axis> {
        let r = match &e.kind {
            ExprKind::Binary(
                op @ (BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide),
                a,
                b,
            ) => {
                let (a, b) = (self.axis(scope, a)?, self.axis(scope, b)?);
                match op {
                    BinaryOp::Add => a.add(&b),
                    BinaryOp::Subtract => a.sub(&b),
                    BinaryOp::Multiply => a.mul(&b),
                    _ => a.div(&b),
                }
            }
            _ => {
                let v = self.eval(scope, e, None);
                let n = self.tensor(&v, e.span)?;
                match self.g.as_axis(n).filter(|_| self.g.shape(n).is_empty() && self.g.ty(n).unit == Unit::ONE) {
                    Some(a) => Ok(a),
                    None => {
                        let text = self.g.ty(n).text();
                        let known = self.g.const_value(n);
                        let d = match known {
                            Some(v) => Diagnostic::new(
                                Code::T0307,
                                e.span,
                                format!("no axis has size {v}"),
                                "a whole number is needed",
                            )
                            .help("write a whole number of 1 or more")
                            .write(e.span, v.abs().round().max(1.0).to_string()),
                            None => Diagnostic::new(
                                Code::T0306,
                                e.span,
                                "a size must be known before the run",
                                format!("this is {text}"),
                            )
                            .help("make it of numbers, of sizes of shapes, and of settings of type `Nat`"),
                        };
                        self.report(d);
                        return None;
                    }
                }
            }
        };
        match r {
            Ok(a) => Some(a),
            Err(f) => {
                self.report(axis_diagnostic(f, e.span));
                None
            }
        }
    }

    /// A known whole number.
    pub fn count(&mut self, scope: &Scope, e: &Expr) -> Option<u64> {
        let a = self.axis(scope, e)?;
        match a.known() {
            Some(n) => Some(n),
            None => {
                let d = Diagnostic::new(Code::T0306, e.span, "a number must be known here", format!("this is `{a}`"));
                self.report(d.help("write a number, or a setting of type `Nat` that the experiment gives"));
                None
            }
        }
    }

    pub fn pop_of(&self, v: &Val) -> Option<PopId> {
        match v {
            Val::Pop(p) => Some(*p),
            Val::Nest(n) if n.outputs.len() == 1 => Some(n.outputs[0]),
            _ => None,
        }
    }

    /// A bound variable, for checking a declaration on its own.
    pub fn symbol(&mut self, name: &str, ty: Ty) -> NodeId {
        self.g.leaf(Leaf::Symbol(name.into()), ty)
    }
}

fn member_word(m: super::value::Member) -> &'static str {
    use super::value::Member;
    match m {
        Member::Signal(_) => "signal",
        Member::Let(_) => "definition",
        Member::Feedback(_) => "feedback weight",
        Member::State(_) => "state",
        Member::Noise(_) => "noise",
        Member::Free(_) => "free variable",
        Member::Trace(_) => "trace",
    }
}
