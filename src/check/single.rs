//! Each declaration checked on its own: sizes that it leaves open are symbols, and must agree for every value.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ir::axis::Axis;
use crate::ir::{Elem, Item, ItemKind, Param, ParamType, Program, Unit};
use crate::model::elaborate::Elab;
use crate::model::graph::{Kind, NodeId, Ty};
use crate::model::order::children;
use crate::model::value::{Made, Place, Scope, Val};
use crate::source::FileId;
use crate::syntax::ast::{self, Dim, Expr, ExprKind, Stmt, StmtKind};
use std::path::Path;
use std::rc::Rc;

/// Checks each of these, and notes which are at fault; experiments and hypotheses are checked where they are elaborated.
pub fn check_items(program: &Program, items: &[Rc<Item>], folder: &Path) -> Vec<Diagnostics> {
    // Functions are tried side by side, so that what they call is looked at once.
    let mut functions = None;
    let checked = |item: &Rc<Item>| {
        let mut e = functions.take().unwrap_or_else(|| Elab::new(program, folder.to_path_buf()));
        let found = check_item(&mut e, item);
        let again = matches!(item.kind, ItemKind::Function { .. }) && found.is_empty() && e.begins_again();
        functions = again.then_some(e);
        // What hangs on an item that is at fault is not told.
        if found.has_errors() {
            program.damaged.borrow_mut().insert(item.id);
        }
        found
    };
    items.iter().map(checked).collect()
}

fn check_item(e: &mut Elab, item: &Rc<Item>) -> Diagnostics {
    let program = e.program;
    e.open = true;
    // Of an item whose syntax is at fault some statements may be missing, and with them names.
    let damaged = program.broken.contains(&item.id);
    e.lenient = damaged;
    match &item.kind {
        ItemKind::Function { body, result } => {
            if let Some(scope) = symbols(e, item, Place::Plain, false) {
                // A result of any shape is shaped as the first argument of any shape.
                let open = |t: &ast::Type| matches!(t.dims.as_deref(), Some([Dim::Rest(_)]));
                let like = item.params.iter().find(
                    |p| matches!(&p.ty, ParamType::Tensor { dims, .. } if matches!(dims.as_slice(), [Dim::Rest(_)])),
                );
                let like = like.filter(|_| result.as_ref().is_some_and(open)).and_then(|p| scope.find(&p.name));
                let want = match like.map(|l| &l.val) {
                    Some(Val::Node(n)) => Some(e.g.shape(*n).to_vec()),
                    _ => None,
                };
                let v = e.eval(&scope, body, want.as_deref());
                if let Some(n) = e.tensor(&v, body.span)
                    && let Some(t) = result
                    && t.dims.as_deref().is_some_and(|d| !d.iter().any(|x| matches!(x, Dim::Rest(_))))
                    && let Some(shape) = e.type_shape(&scope, t)
                {
                    e.fit_shape(n, &shape, body.span, &format!("the result of `{}`", item.name));
                }
            }
        }
        ItemKind::Projection(_) => projection(e, item),
        ItemKind::Architecture { body } => architecture(e, item, body),
        ItemKind::Objective(_) => objective(e, item),
        ItemKind::Optimizer(_) => optimizer(e, item),
        ItemKind::Rule(_) => rule(e, item),
        ItemKind::Task(_) => task(e, item),
        ItemKind::Neuron { .. } => {
            e.later("neuron models", item.name_span);
        }
        // What stands for a broken import has no body.
        ItemKind::Environment if item.span != item.name_span => {
            e.later("environments", item.name_span);
        }
        _ => {}
    }
    e.tell_why_stopped();
    // What stays open here is decided where the declaration is used.
    let mut out = Diagnostics::default();
    let open = |c: Code| matches!(c, Code::T0402 | Code::T0405 | Code::T0406 | Code::T0407);
    for d in e.diags.iter().filter(|d| !open(d.code) && (!damaged || survives_damage(d.code))) {
        let mut d = d.clone();
        let elsewhere =
            |l: &crate::diag::Label| l.span.file == FileId::NOWHERE || (!l.primary && l.span == Default::default());
        d.labels.retain(|l| !elsewhere(l));
        if d.labels.is_empty() {
            d = Diagnostic { labels: Diagnostic::new(d.code, item.name_span, "", "").labels, ..d };
        }
        // Rules and optimizers are tried on a network that nobody wrote.
        let ours = matches!(item.kind, ItemKind::Rule(_) | ItemKind::Optimizer(_));
        out.push(if ours { super::unnamed::unnamed(d) } else { d });
    }
    out
}

/// Faults that do not follow from another fault nearby: names and arguments of calls.
pub fn survives_damage(code: Code) -> bool {
    matches!(code, Code::T0201 | Code::T0202 | Code::T0205 | Code::T0206)
}

/// A scope in which every parameter is a symbol of its type.
fn symbols(e: &mut Elab, item: &Item, place: Place, ports: bool) -> Option<Scope> {
    let mut scope = Scope::new(item.module, place);
    for p in &item.params {
        let v = symbol(e, &mut scope, item, p, ports)?;
        scope.bind(&p.name, v, Some(p.span));
    }
    Some(scope)
}

fn symbol(e: &mut Elab, scope: &mut Scope, item: &Item, p: &Param, ports: bool) -> Option<Val> {
    Some(match &p.ty {
        ParamType::Tensor { elem, dims, over } => {
            if *over {
                e.later("inputs over time", p.span);
                return None;
            }
            let mut shape = Vec::new();
            for d in dims {
                match d {
                    Dim::Rest(_) => shape.push(Axis::symbol("..")),
                    Dim::Size(x) => {
                        bind_names(e, scope, item, x);
                        shape.push(e.axis(scope, x)?);
                    }
                }
            }
            let (unit, kind) = match elem {
                Elem::Real(u) => (*u, Kind::Real),
                Elem::Bool => (Unit::ONE, Kind::Bool),
                Elem::Label(range) => {
                    bind_names(e, scope, item, &range.0);
                    (Unit::ONE, Kind::Label(e.axis(scope, &range.0)?))
                }
                _ => (Unit::ONE, Kind::Int),
            };
            let node = e.symbol(&p.name, Ty { shape, unit, kind });
            if ports { Val::Pop(e.input(&p.name, node, p.span)) } else { Val::Node(node) }
        }
        ParamType::Scalar(Elem::Nat) => Val::Node(nat(e, scope, item, p)),
        ParamType::Scalar(elem) => {
            if let Some(default) = &p.default {
                let inner = scope.clone();
                let v = e.eval(&inner, default, None);
                e.fit(scope, p, v, default.span, &mut None)?;
            }
            let (unit, kind) = match elem {
                Elem::Real(u) => (*u, Kind::Real),
                Elem::Bool => (Unit::ONE, Kind::Bool),
                _ => (Unit::ONE, Kind::Int),
            };
            Val::Node(e.symbol(&p.name, Ty { shape: vec![], unit, kind }))
        }
        ParamType::Optimizer => match &p.default {
            Some(d) => {
                let inner = scope.clone();
                let v = e.eval(&inner, d, None);
                e.fit(scope, p, v, d.span, &mut None)?
            }
            None => plain_optimizer(e, scope)?,
        },
        ParamType::Text => Val::Text("".into()),
        _ => return None,
    })
}

/// The first optimizer of the prelude stands for any.
fn plain_optimizer(e: &mut Elab, _scope: &Scope) -> Option<Val> {
    let id = e.program.prelude.values().find(|id| e.program.items[id.0 as usize].word == "optimizer")?;
    let item = e.program.item(*id).clone();
    let scope = symbols(e, &item, Place::Rule, false)?;
    Some(Val::Made(Rc::new(Made { text: item.name.clone(), item, scope })))
}

/// A whole number is a symbol, unless a repetition or condition needs to know it.
fn nat(e: &mut Elab, scope: &mut Scope, item: &Item, p: &Param) -> NodeId {
    if let Some(d) = &p.default {
        let inner = scope.clone();
        let v = e.eval(&inner, d, None);
        let fits = e.fit(scope, p, v, d.span, &mut None);
        if let (Some(Val::Node(n)), true) = (fits, counts(e.program, item, &p.name, 0)) {
            return n;
        }
    }
    let axis = if counts(e.program, item, &p.name, 0) { Axis::Known(2) } else { Axis::symbol(p.name.as_str()) };
    e.g.size(&axis)
}

/// Whether a parameter decides how often something is repeated, here or in what it is handed to.
fn counts(program: &Program, item: &Item, name: &str, depth: usize) -> bool {
    let within = |e: &Expr| repeats(program, item, e, name, depth);
    match &item.kind {
        ItemKind::Architecture { body } => body.iter().any(|s| repeated(s, name, &within)),
        // Of steps and of phases.
        ItemKind::Rule(_) => true,
        ItemKind::Function { body, .. } => within(body),
        ItemKind::Projection(p) => p.lets.iter().map(|l| &l.1).chain(&p.drive).any(within),
        ItemKind::Objective(o) => {
            let lets = o.lets.iter().chain(&o.targets).map(|l| &l.1);
            lets.chain(&o.loss).chain(&o.penalty).any(within)
        }
        ItemKind::Task(t) => t.fields.iter().map(|f| &f.value).any(within),
        _ => false,
    }
}

fn repeated(s: &Stmt, name: &str, within: &dyn Fn(&Expr) -> bool) -> bool {
    let mentions = |e: &Expr| crate::syntax::print::expr_text(e).contains(name);
    match &s.kind {
        StmtKind::For { range, body, .. } => mentions(range) || body.iter().any(|s| repeated(s, name, within)),
        StmtKind::Cell { body, .. } => body.iter().any(|s| repeated(s, name, within)),
        StmtKind::Population { head, value, after, .. } => {
            let settles = matches!(value.kind, ExprKind::Relax(_)) && after.iter().any(mentions);
            settles || head.index.as_ref().is_some_and(|i| mentions(i)) || within(value)
        }
        StmtKind::Let { value, .. } | StmtKind::Set { value, .. } | StmtKind::Noise { value, .. } => within(value),
        _ => false,
    }
}

/// Whether an expression ranges over as many as a name says, or hands it to what does.
fn repeats(program: &Program, item: &Item, e: &Expr, name: &str, depth: usize) -> bool {
    let mentions = |e: &Expr| mentions(e, name);
    let own = match &e.kind {
        ExprKind::Reduce { binder, .. } => binder.over.as_ref().is_some_and(mentions),
        ExprKind::Call(f, args) if depth < 8 => {
            let callee = match &f.kind {
                ExprKind::Name(n) => program.lookup(item.module, n),
                _ => None,
            };
            callee.is_some_and(|callee| {
                args.iter().enumerate().filter(|(_, a)| mentions(&a.value)).any(|(i, a)| {
                    let named = |p: &&Param| a.name.as_ref().is_some_and(|n| n.name == p.name);
                    let p = callee.params.iter().find(named).or(callee.params.get(i).filter(|_| a.name.is_none()));
                    p.is_some_and(|p| {
                        matches!(p.ty, ParamType::Scalar(Elem::Nat)) && counts(program, callee, &p.name, depth + 1)
                    })
                })
            })
        }
        _ => false,
    };
    let mut found = own;
    children(e, &mut |x| found = found || repeats(program, item, x, name, depth));
    found
}

pub(super) fn mentions(e: &Expr, name: &str) -> bool {
    let mut found = matches!(&e.kind, ExprKind::Name(n) if n == name);
    children(e, &mut |x| found = found || mentions(x, name));
    found
}

/// Names of sizes that nothing has bound yet are symbols.
fn bind_names(e: &mut Elab, scope: &mut Scope, item: &Item, x: &Expr) {
    match &x.kind {
        ExprKind::Name(n) if scope.find(n).is_none() && !item.params.iter().any(|p| p.name == *n) => {
            let size = e.g.size(&Axis::symbol(n.as_str()));
            scope.bind(n, Val::Node(size), None);
        }
        // A parameter that is declared later, such as `h / stride`.
        ExprKind::Name(n) if scope.find(n).is_none() => {
            let size = e.g.size(&Axis::symbol(n.as_str()));
            scope.bind(n, Val::Node(size), None);
        }
        ExprKind::Binary(_, a, b) => {
            bind_names(e, scope, item, a);
            bind_names(e, scope, item, b);
        }
        ExprKind::Call(_, args) => args.iter().for_each(|a| bind_names(e, scope, item, &a.value)),
        _ => {}
    }
}

fn projection(e: &mut Elab, item: &Rc<Item>) {
    let ItemKind::Projection(decl) = &item.kind else { return };
    if item.params.len() < 2 {
        return;
    }
    let Some(mut scope) = symbols(e, item, Place::Plain, false) else { return };
    for w in &decl.weights {
        let Some(shape) = e.type_shape(&scope, &w.ty) else {
            scope.bind(&w.name.name, Val::Error, None);
            continue;
        };
        let init = match &w.init {
            crate::syntax::ast::Init::Drawn(x) | crate::syntax::ast::Init::Value(x) => x,
        };
        let drawing = scope.drawing(w.name.name.clone(), shape.clone());
        if let Some(n) = e.shaped(&drawing, init, &shape, &format!("`{}`", w.name.name)) {
            e.in_unit(n, Unit::ONE, &format!("the weight `{}`", w.name.name), init.span);
        }
        let leaf = e.symbol(&w.name.name, Ty::real(shape));
        scope.bind(&w.name.name, Val::Node(leaf), Some(w.name.span));
    }
    for (name, x) in &decl.lets {
        let v = e.eval(&scope, x, None);
        scope.bind(&name.name, v, Some(name.span));
    }
    let post = scope.find(&item.params[1].name).map(|l| l.val.clone());
    if let (Some(x), Some(Val::Node(post))) = (&decl.drive, post) {
        let shape = e.g.shape(post).to_vec();
        e.shaped(&scope, x, &shape, &format!("the drive of `{}`", item.name));
    }
}

fn architecture(e: &mut Elab, item: &Rc<Item>, body: &[Stmt]) {
    let Some(mut scope) = symbols(e, item, Place::Architecture, true) else { return };
    e.architecture_body(&mut scope, "", body);
    e.settle_populations(&mut scope, 0);
    let whole = !e.diags.has_errors() && !e.program.is_damaged(item.id);
    if whole && !declares_output(body) {
        let d =
            Diagnostic::new(Code::T0207, item.name_span, format!("the architecture `{}` has no output", item.name), "");
        let example = e.program.example("projection");
        e.report(d.help(format!("declare one: `output z: [classes] = {example}`")));
    }
    if e.diags.has_errors() || e.program.is_damaged(item.id) {
        return;
    }
    for p in e.net.populations.clone() {
        let within = e.net.pops().any(|id| e.net.pop(id).span == p.span && e.net.read_in_course(id));
        let read = !p.outgoing.is_empty() || within || p.output || p.input || p.name.contains(['.', '[']);
        if !read && !e.program.used.borrow().contains(&p.span) {
            let d = Diagnostic::new(
                Code::T0203,
                p.span,
                format!("the population `{}` is never used", p.name),
                "nothing reads it",
            );
            e.report(d.help("project from it, or remove it"));
        }
    }
}

/// Whether an output is written anywhere, be it one that a fault elsewhere keeps from being made.
fn declares_output(body: &[Stmt]) -> bool {
    body.iter().any(|s| match &s.kind {
        StmtKind::Population { output, .. } => *output,
        StmtKind::For { body, .. } | StmtKind::Cell { body, .. } => declares_output(body),
        _ => false,
    })
}

fn objective(e: &mut Elab, item: &Rc<Item>) {
    let ItemKind::Objective(decl) = &item.kind else { return };
    if decl.penalty.is_some() {
        probe(e);
    }
    let Some(mut scope) = symbols(e, item, Place::Plain, false) else { return };
    for (name, x) in &decl.lets {
        let v = e.eval(&scope, x, None);
        scope.bind(&name.name, v, Some(name.span));
    }
    for x in [&decl.loss, &decl.penalty].into_iter().flatten() {
        let v = e.eval(&scope, x, None);
        if let Some(n) = e.tensor(&v, x.span)
            && !e.g.shape(n).is_empty()
        {
            let m = format!("an objective is one number an example, but this is {}", e.g.ty(n).text());
            e.report(Diagnostic::new(Code::T0301, x.span, m, "").help("take its `sum` or `mean`"));
        }
    }
    for (name, x) in &decl.targets {
        if let Some(Val::Node(n)) = scope.find(&name.name).map(|l| l.val.clone()) {
            let shape = e.g.shape(n).to_vec();
            e.shaped(&scope, x, &shape, "this target");
        }
    }
}

fn optimizer(e: &mut Elab, item: &Rc<Item>) {
    let Some(scope) = symbols(e, item, Place::Rule, false) else { return };
    probe(e);
    let made = Rc::new(Made { item: item.clone(), scope, text: item.name.clone() });
    e.try_optimizer(&made, item.name_span);
    if !e.diags.has_errors() && !e.program.is_damaged(item.id) {
        e.unwritten_states(item);
    }
}

/// A rule is written out on a plain network of two hidden layers, all of whose sizes are symbols.
fn rule(e: &mut Elab, item: &Rc<Item>) {
    let Some(scope) = symbols(e, item, Place::Rule, false) else { return };
    // A rule that speaks of drawn units is tried where there are some.
    let draws = reads_draws(&item.kind);
    probe_on(e, draws);
    let made = Rc::new(Made { item: item.clone(), scope, text: item.name.clone() });
    e.elaborate_rule(&made, Default::default(), &|_| true);
    if !e.diags.has_errors() && !e.program.is_damaged(item.id) {
        e.unread_members();
        e.unwritten_states(item);
    }
}

fn task(e: &mut Elab, item: &Rc<Item>) {
    if item.params.iter().any(|p| p.default.is_none()) {
        // Sizes and files come with the call.
        return;
    }
    let empty = Scope::new(item.module, Place::Plain);
    e.task_call(&empty, item.name_span, item, &[]);
}

/// A rule written out on the plain network.
pub struct OnProbe {
    pub g: crate::model::graph::Graph,
    pub net: crate::model::network::Network,
    pub updates: Vec<crate::model::rule::Update>,
    pub thens: Vec<crate::model::rule::Then>,
}

/// What a rule does on the plain network; `None` if something in it is wrong.
pub fn on_probe(program: &Program, item: &Rc<Item>) -> Option<OnProbe> {
    let mut e = Elab::new(program, Default::default());
    e.open = true;
    rule(&mut e, item);
    if e.diags.has_errors() {
        return None;
    }
    Some(OnProbe { g: e.g, net: e.net, updates: e.task.updates, thens: e.task.thens })
}

/// Which network of the library a rule is tried on: what it reads may be there in sampled populations only.
fn reads_draws(rule: &ItemKind) -> usize {
    let ItemKind::Rule(r) = rule else { return 0 };
    let text = |e: &Expr| crate::syntax::print::expr_text(e);
    let values = r.signals.iter().map(|s| &s.value).chain(r.lets.iter().map(|l| &l.1));
    let values = values.chain(r.traces.iter().map(|t| &t.of));
    let all = values.chain(r.updates.iter().map(|u| &u.0.along)).map(text).collect::<String>();
    match (all.contains(".score"), all.contains(".probability")) {
        (true, _) => 1,
        (_, true) => 2,
        _ => 0,
    }
}

fn probe_bodies() -> Vec<Rc<ast::Decl>> {
    let tree =
        crate::syntax::parse::parse(FileId::NOWHERE, super::library::TWO_HIDDEN_LAYERS, &mut Diagnostics::default());
    let decl = |i: ast::Item| match i.kind {
        ast::ItemKind::Decl(d) => Some(Rc::new(d)),
        _ => None,
    };
    tree.items.into_iter().filter_map(decl).collect()
}

/// The network on which declarations are tried: x -> a -> b -> z, with a squared error.
pub fn probe(e: &mut Elab) {
    probe_on(e, 0);
}

fn probe_on(e: &mut Elab, which: usize) {
    thread_local! {
        // Read once: every rule and objective of a spec is tried on one of them.
        static BODIES: Vec<Rc<ast::Decl>> = probe_bodies();
    }
    let Some(decl) = BODIES.with(|b| b.get(which).cloned()) else { return };
    let module = e.program.modules.iter().position(|m| m.std).unwrap_or(0);
    let mut scope = Scope::new(crate::ir::ModuleId(module as u32), Place::Architecture);
    for name in ["first", "second", "out"] {
        let n = e.g.size(&Axis::symbol(name));
        scope.bind(name, Val::Node(n), None);
    }
    let x = e.symbol("x", Ty::real(vec![Axis::symbol("in")]));
    let x = e.input("x", x, Default::default());
    scope.bind("x", Val::Pop(x), None);
    e.architecture_body(&mut scope, "", &decl.body);
    let z = e.net.pops().find(|p| e.net.pop(*p).output);
    if let Some(z) = z {
        let goal = e.symbol("goal", Ty::real(e.net.pop(z).shape.clone()));
        let rate = e.net.pop(z).rate_leaf;
        let loss = e.g.sub(rate, goal).and_then(|d| e.g.dot(d, d));
        e.terms.loss = loss.ok();
        e.terms.targets = vec![(z, goal)];
        e.terms.maximize = true;
    }
}
