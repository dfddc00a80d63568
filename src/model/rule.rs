//! Learning rules: equations over populations and projections, written out on one architecture.

use super::elaborate::Elab;
use super::graph::{Kind, Leaf, NodeId, Ty};
use super::network::{EdgeId, PopId, Slot, WeightId};
use super::value::{Made, Member, Place, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::{ItemKind, Unit};
use crate::source::Span;
use crate::syntax::ast::{self, Expr, ExprKind};
use std::collections::HashMap;
use std::rc::Rc;

/// A rule that is being written out.
pub struct Frame {
    pub made: Rc<Made>,
    pub scope: Scope,
    memo: HashMap<(Member, Vec<Key>), Memo>,
    /// The weight at which `update p.W` reads every bundle.
    pub reading: Option<WeightId>,
    /// Told apart from other rules of the same experiment.
    number: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Pop(PopId),
    Edge(EdgeId),
    Node(NodeId),
}

enum Memo {
    Open,
    Done(Val),
}

/// What one `update` statement does to one weight or state.
#[derive(Clone, Debug)]
pub struct Update {
    pub target: Target,
    /// The right-hand side for one example, before the mean over the batch.
    pub along: NodeId,
    /// What is added to the value.
    pub moved: NodeId,
    /// A bias update that the same right-hand side would make, for `proposed`.
    pub drive: Option<NodeId>,
    pub rule: String,
    /// The rule's place in the experiment: two rules on one parameter are an error.
    pub owner: usize,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    Weight(WeightId),
    Slot(u32),
}

/// A `then` clause: the value after all moves becomes an expression of it.
#[derive(Clone, Debug)]
pub struct Then {
    pub target: Target,
    pub value: NodeId,
}

impl Elab<'_> {
    /// Writes a rule out on the edges for which `reach` holds.
    pub fn elaborate_rule(&mut self, made: &Rc<Made>, number: usize, reach: &dyn Fn(EdgeId) -> bool) {
        let ItemKind::Rule(rule) = &made.item.kind else { return };
        for (word, span) in &rule.later {
            let d = Diagnostic::new(Code::T0410, *span, format!("`{word}` cannot run in this version"), "used here");
            self.report(d.help("the text is legal Trine; `trine explain T0410` lists what runs"));
        }
        if !rule.later.is_empty() {
            return;
        }
        let mut scope = made.scope.clone();
        scope.place = Place::Rule;
        let mut bind = |name: &ast::Ident, m: Member| scope.bind(&name.name, Val::Member(m), Some(name.span));
        rule.feedbacks.iter().enumerate().for_each(|(i, f)| bind(&f.head.name, Member::Feedback(i as u32)));
        rule.states.iter().enumerate().for_each(|(i, s)| bind(&s.head.name, Member::State(i as u32)));
        rule.noises.iter().enumerate().for_each(|(i, s)| bind(&s.head.name, Member::Noise(i as u32)));
        for (i, s) in rule.signals.iter().enumerate() {
            // Several clauses of one signal are one member: the first.
            if !rule.signals[..i].iter().any(|x| x.head.name.name == s.head.name.name) {
                bind(&s.head.name, Member::Signal(i as u32));
            }
        }
        rule.lets.iter().enumerate().for_each(|(i, (h, _))| bind(&h.name, Member::Let(i as u32)));
        self.frames.push(Frame { made: made.clone(), scope, memo: HashMap::new(), reading: None, number });
        for (update, span) in &rule.updates {
            self.update_statement(update, *span, number, reach);
        }
        if rule.updates.is_empty() {
            let m = format!("the rule `{}` updates nothing", made.item.name);
            let d = Diagnostic::new(Code::T0405, made.item.name_span, m, "");
            self.report(d.help("add `update p along ... by optimizer`"));
        }
        if let Some(frame) = self.frames.pop() {
            self.previous_frames.push(frame);
        }
    }

    pub(crate) fn member_arity(&self, m: Member) -> usize {
        let Some(frame) = self.frames.last() else { return 0 };
        let ItemKind::Rule(rule) = &frame.made.item.kind else { return 0 };
        match m {
            Member::Signal(i) => rule.signals[i as usize].head.args.len(),
            Member::Let(i) => rule.lets[i as usize].0.args.len(),
            Member::Feedback(i) => rule.feedbacks[i as usize].head.args.len(),
            Member::State(i) => rule.states[i as usize].head.args.len(),
            Member::Noise(i) => rule.noises[i as usize].head.args.len(),
        }
    }

    /// The value of a signal, definition, feedback weight or state at its arguments.
    pub(crate) fn member(&mut self, m: Member, args: &[(Val, Span)], span: Span) -> Val {
        let Some(frame) = self.frames.last() else {
            return self.report(Diagnostic::new(Code::T0211, span, "this belongs to a rule", ""));
        };
        let item = frame.made.item.clone();
        let scope = frame.scope.clone();
        let ItemKind::Rule(rule) = &item.kind else { return Val::Error };
        let head = match m {
            Member::Signal(i) => &rule.signals[i as usize].head,
            Member::Let(i) => &rule.lets[i as usize].0,
            Member::Feedback(i) => &rule.feedbacks[i as usize].head,
            Member::State(i) => &rule.states[i as usize].head,
            Member::Noise(i) => &rule.noises[i as usize].head,
        };
        if head.args.len() != args.len() {
            let code = if args.len() > head.args.len() { Code::T0205 } else { Code::T0207 };
            let m = format!("`{}` takes {} argument(s), but these are {}", head.name.name, head.args.len(), args.len());
            return self.report(Diagnostic::new(code, span, m, "").also(head.span, "declared here"));
        }
        let mut inner = scope;
        let mut keys = Vec::new();
        for ((v, at), letter) in args.iter().zip(&head.args) {
            let (v, key) = match self.letter_value(m, v.clone(), &letter.name, *at) {
                Some(x) => x,
                None => return Val::Error,
            };
            inner.bind(&letter.name, v, None);
            keys.push(key);
        }
        match self.frames.last().and_then(|f| f.memo.get(&(m, keys.clone()))) {
            Some(Memo::Done(v)) => return v.clone(),
            Some(Memo::Open) => {
                let d = Diagnostic::new(
                    Code::T0408,
                    span,
                    format!("`{}` needs its own value here", head.name.name),
                    "it never ends",
                );
                let d = d.also(head.span, "defined here");
                return self.report(d.help(
                    "a signal must run one way: over `n.out` it starts at the outputs, over `n.in` at the inputs",
                ));
            }
            None => {}
        }
        let key = (m, keys);
        if let Some(f) = self.frames.last_mut() {
            f.memo.insert(key.clone(), Memo::Open);
        }
        let v = match m {
            Member::Signal(i) => self.signal(rule, i as usize, &inner, span),
            Member::Let(i) => self.eval(&inner, &rule.lets[i as usize].1, None),
            Member::Feedback(i) => self.feedback(&rule.feedbacks[i as usize], &inner, &key.1, span),
            Member::State(i) => self.state(&rule.states[i as usize], &inner, &key.1),
            Member::Noise(i) => self.noise(&rule.noises[i as usize], &inner, &key.1),
        };
        if let Some(f) = self.frames.last_mut() {
            f.memo.insert(key, Memo::Done(v.clone()));
        }
        v
    }

    /// An argument as the letter of a head asks for it.
    fn letter_value(&mut self, m: Member, v: Val, letter: &str, at: Span) -> Option<(Val, Key)> {
        match (letter, v) {
            (_, Val::Error) => None,
            ("n" | "m" | "o", Val::Pop(p)) => {
                if self.net.pop(p).input && matches!(m, Member::Signal(_)) {
                    let m =
                        format!("`{}` is an input, and signals are defined on populations only", self.net.pop(p).name);
                    let d = Diagnostic::new(Code::T0408, at, m, "read at an input");
                    self.report(d.help("restrict what reads it: `where not p.pre.input`"));
                    return None;
                }
                if letter == "o" && !self.net.pop(p).output {
                    let m = format!("`{}` is not an output", self.net.pop(p).name);
                    self.report(Diagnostic::new(Code::T0211, at, m, "`o` ranges over outputs"));
                    return None;
                }
                Some((Val::Pop(p), Key::Pop(p)))
            }
            ("p" | "q", Val::Edge(e)) => Some((Val::Edge(e), Key::Edge(e))),
            ("n" | "m" | "o", other) => self.not_letter(&other, at, "a population"),
            ("p" | "q", other) => self.not_letter(&other, at, "a projection"),
            (_, other) => {
                let n = self.tensor(&other, at)?;
                Some((Val::Node(n), Key::Node(n)))
            }
        }
    }

    fn not_letter(&mut self, v: &Val, at: Span, wanted: &str) -> Option<(Val, Key)> {
        let what = self.describe(v);
        self.report(Diagnostic::new(Code::T0208, at, format!("{wanted} is needed here, but this is {what}"), ""));
        None
    }

    /// Of several clauses of one signal, the first whose guard holds counts.
    fn signal(&mut self, rule: &crate::ir::Rule, first: usize, inner: &Scope, span: Span) -> Val {
        let name = &rule.signals[first].head.name.name;
        for clause in rule.signals.iter().filter(|s| s.head.name.name == *name) {
            let mut scope = inner.clone();
            // Clauses may name their letters differently.
            for (own, base) in clause.head.args.iter().zip(&rule.signals[first].head.args) {
                if own.name != base.name
                    && let Some(l) = inner.find(&base.name)
                {
                    scope.bind(&own.name, l.val.clone(), None);
                }
            }
            match clause.guard.as_ref().map(|g| self.holds(&scope, g)) {
                Some(None) => return Val::Error,
                Some(Some(false)) => continue,
                _ => {}
            }
            let at = clause.head.args.first().and_then(|a| scope.find(&a.name)).map(|l| l.val.clone());
            let want = match at {
                Some(Val::Pop(p)) => Some(self.net.pop(p).shape.clone()),
                _ => None,
            };
            return self.eval(&scope, &clause.value, want.as_deref());
        }
        let at = inner.locals.last().map(|l| self.describe(&l.val)).unwrap_or_default();
        let d = Diagnostic::new(Code::T0408, span, format!("`{name}` is not defined at {at}"), "no clause holds here");
        let d = d.also(rule.signals[first].head.span, "the first clause");
        self.report(d.help(format!("add a clause without a guard: `signal {name}(n) = ...`")))
    }

    /// A name for a slot that tells it from every other: `feedback_alignment.B(h -> z)`.
    fn slot_name(&self, name: &str, keys: &[Key]) -> String {
        let at = keys.iter().map(|k| match k {
            Key::Pop(p) => self.net.pop(*p).name.clone(),
            Key::Edge(e) => {
                let edge = self.net.edge(*e);
                let twins: Vec<EdgeId> = self
                    .net
                    .edge_ids()
                    .filter(|x| (self.net.edge(*x).pre, self.net.edge(*x).post) == (edge.pre, edge.post))
                    .collect();
                let text = format!("{} -> {}", self.net.pop(edge.pre).name, self.net.pop(edge.post).name);
                match twins.iter().position(|x| x == e) {
                    Some(0) | None => text,
                    Some(i) => format!("{text} ({})", i + 1),
                }
            }
            Key::Node(n) => n.0.to_string(),
        });
        let at: Vec<String> = at.collect();
        let number = self.frames.last().map_or(0, |f| f.number);
        let prefix = if number == 0 { String::new() } else { format!("{number}:") };
        if at.is_empty() { format!("{prefix}{name}") } else { format!("{prefix}{name}({})", at.join(", ")) }
    }

    pub(crate) fn new_slot(&mut self, name: String, ty: Ty, init: NodeId, feedback: bool, span: Span) -> u32 {
        let id = self.net.slots.len() as u32;
        let leaf = self.g.leaf(Leaf::Slot(id), ty.clone());
        self.net.slots.push(Slot { name, leaf, ty, init, span, feedback });
        id
    }

    /// `feedback B(p) like p.W ~ normal(0, 1)`, made when it is first read.
    fn feedback(&mut self, f: &crate::ir::Feedback, inner: &Scope, keys: &[Key], span: Span) -> Val {
        if let Some(guard) = &f.guard {
            match self.holds(inner, guard) {
                Some(true) => {}
                Some(false) => {
                    let m = format!("`{}` has no value here: its guard does not hold", f.head.name.name);
                    return self.report(Diagnostic::new(Code::T0408, span, m, "").also(guard.span, "the guard"));
                }
                None => return Val::Error,
            }
        }
        let shape = match &f.shape {
            ast::ShapeOf::Like(e) => {
                let v = self.eval(inner, e, None);
                match self.tensor(&v, e.span) {
                    Some(n) => self.g.shape(n).to_vec(),
                    None => return Val::Error,
                }
            }
            ast::ShapeOf::Type(t) => match self.type_shape(inner, t) {
                Some(s) => s,
                None => return Val::Error,
            },
        };
        let name = self.slot_name(&f.head.name.name, keys);
        let drawing = inner.drawing(format!("feedback {name}"), shape.clone());
        let init = match &f.init {
            Some(ast::Init::Drawn(e) | ast::Init::Value(e)) => {
                self.shaped(&drawing, e, &shape, &format!("`{}`", f.head.name.name))
            }
            None => Some(self.g.zeros(&Ty::real(shape.clone()))),
        };
        let Some(init) = init else { return Val::Error };
        Val::Slot(self.new_slot(name, Ty::real(shape), init, true, f.span))
    }

    /// `noise M(p) like p.W ~ ...`: one draw an update, shared by the batch.
    fn noise(&mut self, n: &crate::ir::Noise, inner: &Scope, keys: &[Key]) -> Val {
        if keys.iter().any(|k| matches!(k, Key::Pop(_))) {
            return self.later("noise of single examples", n.span);
        }
        let shape = match &n.shape {
            Some(ast::ShapeOf::Like(e)) => {
                let v = self.eval(inner, e, None);
                match self.tensor(&v, e.span) {
                    Some(x) => self.g.shape(x).to_vec(),
                    None => return Val::Error,
                }
            }
            Some(ast::ShapeOf::Type(t)) => match self.type_shape(inner, t) {
                Some(s) => s,
                None => return Val::Error,
            },
            None => return self.later("noise shaped as all weights of a projection", n.span),
        };
        let name = self.slot_name(&n.head.name.name, keys);
        let drawing = inner.drawing(format!("noise {name}"), shape.clone());
        match self.shaped(&drawing, &n.value, &shape, &format!("`{}`", n.head.name.name)) {
            Some(x) => Val::Node(x),
            None => Val::Error,
        }
    }

    /// `state mu(n) = 0`: shaped as the population or weight that it is kept for.
    fn state(&mut self, s: &ast::StateInit, inner: &Scope, keys: &[Key]) -> Val {
        let shape = match (&s.ty, keys.first()) {
            (Some(t), _) => match self.type_shape(inner, t) {
                Some(s) => s,
                None => return Val::Error,
            },
            (None, Some(Key::Pop(p))) => self.net.pop(*p).shape.clone(),
            _ => vec![],
        };
        let Some(init) = self.shaped(inner, &s.value, &shape, &format!("`{}`", s.head.name.name)) else {
            return Val::Error;
        };
        let ty = Ty { shape, unit: self.g.ty(init).unit, kind: Kind::Real };
        let name = self.slot_name(&s.head.name.name, keys);
        Val::Slot(self.new_slot(name, ty, init, false, s.head.span))
    }

    fn update_statement(&mut self, u: &ast::Update, span: Span, owner: usize, reach: &dyn Fn(EdgeId) -> bool) {
        if u.each.is_some() {
            self.later("updates at each step", span);
            return;
        }
        let Some(scope) = self.frames.last().map(|f| f.scope.clone()) else { return };
        let mut found = Vec::new();
        match &u.target.kind {
            ExprKind::Name(letter) if matches!(letter.as_str(), "p" | "q") && scope.find(letter).is_none() => {
                self.weight_updates(u, &scope, letter, None, reach, &mut found);
            }
            ExprKind::Field(base, weight) if matches!(&base.kind, ExprKind::Name(l) if matches!(l.as_str(), "p" | "q")) =>
            {
                let ExprKind::Name(letter) = &base.kind else { return };
                self.weight_updates(u, &scope, letter, Some(weight), reach, &mut found);
            }
            ExprKind::Call(name, args) => self.slot_updates(u, &scope, name, args, reach, &mut found),
            ExprKind::Name(_) => {
                let v = self.eval(&scope, &u.target, None);
                match v {
                    Val::Slot(s) => {
                        let shape = self.net.slots[s as usize].ty.shape.clone();
                        if let Some(n) = self.shaped(&scope, &u.along, &shape, "this update") {
                            found.push((Target::Slot(s), n, None, scope.clone()));
                        }
                    }
                    Val::Error => {}
                    other => self.not_updatable(&other, u.target.span),
                }
            }
            _ => {
                let d = Diagnostic::new(Code::T0208, u.target.span, "this cannot be updated", "");
                self.report(
                    d.help("an update names `p`, `p.W`, feedback weights such as `B(p)`, or a state of the rule"),
                );
            }
        }
        self.apply(u, span, owner, found);
    }

    fn not_updatable(&mut self, v: &Val, at: Span) {
        let what = self.describe(v);
        let d = Diagnostic::new(Code::T0208, at, format!("an update cannot write to {what}"), "");
        self.report(d.help("an update names `p`, `p.W`, feedback weights such as `B(p)`, or a state of the rule"));
    }

    fn weight_updates(
        &mut self,
        u: &ast::Update,
        scope: &Scope,
        letter: &str,
        only: Option<&ast::Ident>,
        reach: &dyn Fn(EdgeId) -> bool,
        found: &mut Vec<(Target, NodeId, Option<NodeId>, Scope)>,
    ) {
        let mut named = false;
        for e in self.net.edge_ids() {
            let edge = self.net.edge(e).clone();
            if edge.weights.is_empty() || edge.frozen || !reach(e) {
                continue;
            }
            let weight = only.map(|w| self.net.weight_named(e, &w.name));
            if weight == Some(None) {
                continue;
            }
            named = true;
            let inner = scope.with(letter, Val::Edge(e));
            if let Some(g) = &u.guard
                && self.holds(&inner, g) != Some(true)
            {
                continue;
            }
            let weight = weight.flatten();
            if let Some(f) = self.frames.last_mut() {
                f.reading = weight;
            }
            let want = weight.map(|w| self.net.weight(w).shape.clone());
            let v = self.eval(&inner, &u.along, want.as_deref());
            if let Some(f) = self.frames.last_mut() {
                f.reading = None;
            }
            let v = if matches!(v, Val::Edge(_)) { Val::Bundle(self.weights_bundle(e)) } else { v };
            match (v, weight) {
                (Val::Error, _) => return,
                (Val::Bundle(b), _) if b.edge == e => {
                    for (w, part) in edge.weights.iter().zip(&b.parts) {
                        if weight.is_none_or(|x| x == *w) {
                            found.push((Target::Weight(*w), *part, Some(b.drive), inner.clone()));
                        }
                    }
                }
                (v, Some(w)) => {
                    let shape = self.net.weight(w).shape.clone();
                    let Some(n) = self.tensor(&v, u.along.span) else { return };
                    let Some(n) = self.fit_shape(n, &shape, u.along.span, "this update") else { return };
                    found.push((Target::Weight(w), n, None, inner.clone()));
                }
                (Val::Node(n), None) if self.g.shape(n).is_empty() => {
                    for w in &edge.weights {
                        let shape = self.net.weight(*w).shape.clone();
                        let n = self.g.fill(n, &shape);
                        found.push((Target::Weight(*w), n, None, inner.clone()));
                    }
                }
                (other, None) => {
                    let what = self.describe(&other);
                    let m = format!("`update {letter}` needs one value for each weight, but this is {what}");
                    let d = Diagnostic::new(Code::T0301, u.along.span, m, "");
                    self.report(d.help(format!(
                        "build it with `{letter}.outer(post, pre)`, or write `update {letter}.W` for one weight"
                    )));
                    return;
                }
            }
        }
        if let (Some(w), false) = (only, named)
            && self.net.edges.iter().any(|e| !e.weights.is_empty())
        {
            let m = format!("no projection here has a weight `{}`", w.name);
            self.report(Diagnostic::new(Code::T0209, w.span, m, ""));
        }
    }

    /// `update B(p) along ...`, `update mu(n) along ...`
    fn slot_updates(
        &mut self,
        u: &ast::Update,
        scope: &Scope,
        name: &Expr,
        args: &[ast::Arg],
        reach: &dyn Fn(EdgeId) -> bool,
        found: &mut Vec<(Target, NodeId, Option<NodeId>, Scope)>,
    ) {
        let ExprKind::Name(callee) = &name.kind else { return };
        let member = match scope.find(callee).map(|l| l.val.clone()) {
            Some(Val::Member(m @ (Member::Feedback(_) | Member::State(_)))) => m,
            Some(other) => return self.not_updatable(&other, u.target.span),
            None => {
                self.unknown(scope, callee, name.span);
                return;
            }
        };
        let mut scopes = vec![(scope.clone(), vec![])];
        for arg in args {
            let ExprKind::Name(letter) = &arg.value.kind else {
                let d = Diagnostic::new(Code::T0211, arg.value.span, "an update ranges over letters", "not a letter");
                self.report(d);
                return;
            };
            let range: Vec<Val> = match letter.as_str() {
                "p" | "q" => {
                    let edges = self.net.edge_ids().filter(|e| !self.net.edge(*e).weights.is_empty() && reach(*e));
                    edges.map(Val::Edge).collect()
                }
                "o" => self.net.pops().filter(|p| self.net.pop(*p).output).map(Val::Pop).collect(),
                // States live on inputs too.
                "n" | "m" => {
                    let inputs = matches!(member, Member::State(_));
                    self.net.pops().filter(|p| inputs || !self.net.pop(*p).input).map(Val::Pop).collect()
                }
                other => {
                    let d = Diagnostic::new(Code::T0211, arg.value.span, format!("`{other}` ranges over nothing"), "");
                    self.report(d.help("`n`, `m` range over populations, `o` over outputs, `p`, `q` over projections"));
                    return;
                }
            };
            scopes = scopes
                .into_iter()
                .flat_map(|(s, k)| {
                    range.iter().map(move |v| {
                        let keys: Vec<(Val, Span)> = k.iter().cloned().chain([(v.clone(), arg.value.span)]).collect();
                        (s.with(letter, v.clone()), keys)
                    })
                })
                .collect();
        }
        for (inner, keys) in scopes {
            if let Some(g) = &u.guard
                && self.holds(&inner, g) != Some(true)
            {
                continue;
            }
            let Val::Slot(s) = self.member(member, &keys, u.target.span) else { return };
            let shape = self.net.slots[s as usize].ty.shape.clone();
            match self.shaped(&inner, &u.along, &shape, "this update") {
                Some(n) => found.push((Target::Slot(s), n, None, inner)),
                None => return,
            }
        }
    }

    /// The mean over the batch, the penalty, and the optimizer's step.
    fn apply(
        &mut self,
        u: &ast::Update,
        span: Span,
        owner: usize,
        found: Vec<(Target, NodeId, Option<NodeId>, Scope)>,
    ) {
        let Some(frame) = self.frames.last() else { return };
        let (scope, rule) = (frame.scope.clone(), frame.made.item.name.clone());
        let optimizer = match &u.by {
            None => None,
            Some(e) => match self.eval(&scope, e, None) {
                Val::Made(m) if matches!(m.item.kind, ItemKind::Optimizer(_)) => Some(m),
                Val::Error => return,
                other => {
                    let what = self.describe(&other);
                    let d = Diagnostic::new(
                        Code::T0208,
                        e.span,
                        format!("`by` needs an optimizer, but this is {what}"),
                        "",
                    );
                    self.report(d.help("write `by sgd(0.1)`, or pass the rule's optimizer on: `by optimizer`"));
                    return;
                }
            },
        };
        let mut rows = Vec::new();
        for (target, along, ..) in &found {
            let mean = self.g.batch_mean(*along);
            let direction = match (target, &optimizer) {
                (Target::Weight(w), Some(_)) => self.less_penalty(*w, mean),
                _ => mean,
            };
            let (value, name) = self.target_value(*target);
            rows.push((value, direction, name));
        }
        let moves = match &optimizer {
            None => rows.iter().map(|r| r.1).collect(),
            Some(o) => match self.optimize(o, &rows, span) {
                Some(m) => m,
                None => return,
            },
        };
        for ((target, along, drive, inner), moved) in found.into_iter().zip(moves) {
            self.task.updates.push(Update { target, along, moved, drive, rule: rule.clone(), owner, span });
            for then in &u.then {
                let v = self.eval(&inner, &then.value, None);
                let (leaf, _) = self.target_value(target);
                let shape = self.g.shape(leaf).to_vec();
                if let Some(n) = self.tensor(&v, then.value.span)
                    && let Some(n) = self.fit_shape(n, &shape, then.value.span, "`then`")
                {
                    self.task.thens.push(Then { target, value: n });
                }
            }
        }
    }

    pub fn target_value(&self, t: Target) -> (NodeId, String) {
        match t {
            Target::Weight(w) => {
                let weight = self.net.weight(w);
                (weight.leaf, format!("{}: {}", self.net.edge_text(weight.edge), weight.name))
            }
            Target::Slot(s) => {
                let slot = &self.net.slots[s as usize];
                (slot.leaf, slot.name.clone())
            }
        }
    }

    /// Every direction handed to `by` has the penalty's descent added (N10).
    fn less_penalty(&mut self, w: WeightId, direction: NodeId) -> NodeId {
        let Some(penalty) = self.terms.penalty else { return direction };
        let leaf = self.net.weight(w).leaf;
        let one = self.g.number(1.0);
        match super::derive::vjp(&mut self.g, penalty, &[leaf], one, &super::derive::opaque) {
            Ok(parts) => match parts[0] {
                Some(p) => self.g.sub(direction, p).unwrap_or(direction),
                None => direction,
            },
            Err(f) => {
                let span = self.g.node(penalty).span;
                self.fault(f, span, "the penalty's descent", &[]);
                direction
            }
        }
    }

    /// The steps of an optimizer for all weights of one statement, side by side.
    fn optimize(&mut self, made: &Rc<Made>, rows: &[(NodeId, NodeId, String)], span: Span) -> Option<Vec<NodeId>> {
        let count = self.task.optimizers;
        self.task.optimizers += 1;
        let labels: Vec<String> = rows.iter().map(|(_, _, n)| format!("{}#{count}({n})", made.item.name)).collect();
        let mut envs = Vec::new();
        for ((value, direction, _), label) in rows.iter().zip(&labels) {
            envs.push(self.optimizer_scope(made, *value, *direction, label)?);
        }
        self.optimizer_steps(made, envs, &labels, span)
    }

    fn optimizer_scope(&mut self, made: &Rc<Made>, value: NodeId, direction: NodeId, label: &str) -> Option<Scope> {
        let ItemKind::Optimizer(o) = &made.item.kind else { return None };
        let mut scope = made.scope.clone();
        scope.bind("direction", Val::Node(direction), None);
        scope.bind("value", Val::Node(value), None);
        for s in &o.states {
            let shape = match &s.ty {
                Some(t) => self.type_shape(&scope, t)?,
                None => self.g.shape(value).to_vec(),
            };
            let name = format!("{label}.{}", s.head.name.name);
            let known = self.net.slots.iter().position(|x| x.name == name);
            let slot = match known {
                Some(i) => i as u32,
                None => {
                    let init = self.shaped(&scope.clone(), &s.value, &shape, &format!("`{}`", s.head.name.name))?;
                    self.new_slot(name, Ty::real(shape), init, false, s.head.span)
                }
            };
            let leaf = self.net.slots[slot as usize].leaf;
            scope.bind(&s.head.name.name, Val::Node(leaf), Some(s.head.name.span));
        }
        Some(scope)
    }

    fn optimizer_steps(
        &mut self,
        made: &Rc<Made>,
        mut envs: Vec<Scope>,
        labels: &[String],
        span: Span,
    ) -> Option<Vec<NodeId>> {
        let ItemKind::Optimizer(o) = &made.item.kind else { return None };
        let mut moves = None;
        for step in &o.steps {
            let saved = std::mem::replace(&mut self.task.together, envs.clone());
            let mut values = Vec::new();
            let (e, name) = match step {
                crate::ir::OptimizerStep::Assign(name, e) => (e, Some(name)),
                crate::ir::OptimizerStep::Move(e, _) => (e, None),
            };
            for (env, label) in envs.clone().iter().zip(labels) {
                let before = std::mem::replace(&mut self.task.label, label.clone());
                let v = self.eval(env, e, None);
                self.task.label = before;
                values.push(self.tensor(&v, e.span)?);
            }
            self.task.together = saved;
            match name {
                Some(name) => {
                    for ((env, v), label) in envs.iter_mut().zip(values).zip(labels) {
                        let slot = self.net.slots.iter().position(|s| s.name == format!("{label}.{}", name.name));
                        if let Some(s) = slot {
                            let shape = self.net.slots[s].ty.shape.clone();
                            let v = self.fit_shape(v, &shape, e.span, &format!("the state `{}`", name.name))?;
                            self.task.writes.insert(s as u32, (v, e.span));
                            env.bind(&name.name, Val::Node(v), None);
                        } else {
                            env.bind(&name.name, Val::Node(v), None);
                        }
                    }
                }
                None => {
                    let mut out = Vec::new();
                    for (v, env) in values.into_iter().zip(&envs) {
                        let Some(Val::Node(value)) = env.find("value").map(|l| l.val.clone()) else { return None };
                        let shape = self.g.shape(value).to_vec();
                        out.push(self.fit_shape(v, &shape, e.span, "`move`")?);
                    }
                    moves = Some(out);
                }
            }
        }
        if moves.is_none() {
            let m = format!("the optimizer `{}` never says what to add", made.item.name);
            let d = Diagnostic::new(Code::T0405, made.item.name_span, m, "").also(span, "used here");
            self.report(d.help("end it with `move rate * direction`"));
        }
        moves
    }

    /// An optimizer tried on weights of the network at hand.
    pub fn try_optimizer(&mut self, made: &Rc<Made>, span: Span) {
        let rows: Vec<_> = self
            .net
            .weights
            .clone()
            .iter()
            .enumerate()
            .map(|(i, w)| {
                (w.leaf, self.symbol(&format!("direction {i}"), Ty::real(w.shape.clone())), format!("weight {i}"))
            })
            .collect();
        self.optimize(made, &rows, span);
    }

    /// `inner(direction * 0.5)` within another optimizer.
    pub(crate) fn nested_optimizer(&mut self, scope: &Scope, span: Span, made: &Rc<Made>, args: &[ast::Arg]) -> Val {
        let (Some(Val::Node(value)), [arg]) = (scope.find("value").map(|l| l.val.clone()), args) else {
            let d = Diagnostic::new(Code::T0205, span, "an optimizer within an optimizer takes one direction", "");
            return self.report(d);
        };
        let v = self.eval(scope, &arg.value, None);
        let Some(direction) = self.tensor(&v, arg.value.span) else { return Val::Error };
        let label = format!("{}/{}", self.task.label, made.item.name);
        let Some(env) = self.optimizer_scope(made, value, direction, &label) else { return Val::Error };
        match self.optimizer_steps(made, vec![env], &[label], span) {
            Some(m) => Val::Node(m[0]),
            None => Val::Error,
        }
    }

    /// `all(e)` in an optimizer: the sum over all weights of the statement.
    pub(crate) fn all_weights(&mut self, span: Span, e: &Expr) -> Val {
        let envs = self.task.together.clone();
        let mut total = self.g.number(0.0);
        for env in envs {
            let v = self.eval(&env, e, None);
            let Some(n) = self.tensor(&v, e.span) else { return Val::Error };
            let sum = self.g.reduce_all(crate::ops::Reduction::Sum, n).and_then(|s| self.g.add(total, s));
            match sum {
                Ok(s) => total = s,
                Err(f) => return self.fault(f, span, "`all`", &[]),
            }
        }
        Val::Node(total)
    }

    pub(crate) fn unitless(&self, n: NodeId) -> bool {
        self.g.ty(n).unit == Unit::ONE
    }
}
