//! Learning rules: equations over populations and projections, written out on one architecture.

use super::elaborate::Elab;
use super::graph::{Kind, Leaf, NodeId, Ty};
use super::network::{EdgeId, PopId, Slot, WeightId};
use super::value::{Made, Member, Place, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::{ItemKind, Unit};
use crate::source::Span;
use crate::syntax::ast::{self};
use std::collections::HashMap;
use std::rc::Rc;

/// A rule that is being written out.
pub struct Frame {
    pub made: Rc<Made>,
    pub scope: Scope,
    memo: HashMap<(Member, Vec<Key>), Memo>,
    /// The weight at which `update p.W` reads every bundle.
    pub reading: Option<WeightId>,
    pub phases: super::phase::Phases,
    /// Where the rule reaches.
    pub edges: Vec<EdgeId>,
    /// Which of the rules of the experiment it is.
    pub place: Written,
    /// The stage of training that it belongs to, where stages have rules of their own.
    pub stage: Option<usize>,
    /// The part whose statement is being written out.
    pub part: Option<Rc<str>>,
}

/// A rule as it is written out: several times, where parts or stages have objectives of their own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    /// Told apart from every other.
    pub number: usize,
    /// What its states and feedback weights are named by: the number of the first stage in which the rule is at work.
    pub label: usize,
    /// What goes on from stage to stage: the setting that the rule comes from, and its place there.
    pub rule: (usize, usize),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
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
    /// The same where the statement acts, whenever that is.
    pub acts: NodeId,
    /// The direction that an optimizer is handed, for one example; without one what is added.
    pub handed: NodeId,
    /// There is an optimizer.
    pub by: bool,
    /// A bias update that the same right-hand side would make, for `proposed`.
    pub drive: Option<NodeId>,
    pub rule: String,
    pub when: super::stages::When,
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

impl Frame {
    /// The feedback weight or state that the rule made at these populations or projections, if it did.
    pub(super) fn made_at(&self, m: Member, args: &[Val]) -> Option<Val> {
        let key = |v: &Val| match v {
            Val::Pop(p) => Some(Key::Pop(*p)),
            Val::Edge(e) => Some(Key::Edge(*e)),
            Val::Node(n) => Some(Key::Node(*n)),
            _ => None,
        };
        let keys: Vec<Key> = args.iter().map(key).collect::<Option<_>>()?;
        match self.memo.get(&(m, keys)) {
            Some(Memo::Done(v @ (Val::Slot(_) | Val::Bundle(_)))) => Some(v.clone()),
            _ => None,
        }
    }

    /// The states and feedback weights of the rule, by their slots.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.memo.values().filter_map(|v| match v {
            Memo::Done(Val::Slot(s)) => Some(*s),
            _ => None,
        })
    }
}

impl Elab<'_> {
    /// Writes a rule out on the edges for which `reach` holds.
    pub fn elaborate_rule(&mut self, made: &Rc<Made>, place: Written, reach: &dyn Fn(EdgeId) -> bool) {
        let ItemKind::Rule(rule) = &made.item.kind else { return };
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
        rule.frees.iter().enumerate().for_each(|(i, (h, _))| bind(&h.name, Member::Free(i as u32)));
        rule.traces.iter().enumerate().for_each(|(i, t)| bind(&t.head.name, Member::Trace(i as u32)));
        for (i, (p, _)) in rule.phases.iter().enumerate() {
            scope.bind(&p.name.name, Val::Phase(i as u32, None), Some(p.name.span));
        }
        let (phases, memo) = Default::default();
        let edges = self.net.edge_ids().filter(|e| reach(*e)).collect();
        let stage = self.task.stage;
        let frame = Frame { made: made.clone(), scope, memo, reading: None, phases, edges, place, stage, part: None };
        self.frames.push(frame);
        for ((update, span), part) in rule.updates.iter().zip(&rule.part_of) {
            self.in_part_of_rule(part.as_ref(), |e| e.update_statement(update, *span, place.number, reach));
        }
        self.answer(rule);
        if rule.updates.is_empty() {
            let m = format!("the rule `{}` updates nothing", made.item.name);
            let d = Diagnostic::new(Code::T0207, made.item.name_span, m, "");
            self.report(d.help("add `update p along ... by optimizer`"));
        }
        if let Some(frame) = self.frames.pop() {
            self.previous_frames.push(frame);
        }
    }

    pub(crate) fn member_arity(&self, m: Member) -> usize {
        self.member_head(m).map_or(0, |h| h.args.len())
    }

    /// What a member of the rule under elaboration is declared as.
    pub(crate) fn member_head(&self, m: Member) -> Option<ast::Head> {
        match &self.frames.last()?.made.item.kind {
            ItemKind::Rule(rule) => Some(head_of(rule, m).clone()),
            _ => None,
        }
    }

    /// The value of a signal, definition, feedback weight or state at its arguments.
    pub(crate) fn member(&mut self, m: Member, args: &[(Val, Span)], span: Span) -> Val {
        let Some(frame) = self.frames.last() else {
            let d = Diagnostic::new(Code::T0211, span, "this belongs to a rule", "");
            return self
                .report(d.help("read it in the equations of a `rule`; a measure reads states as `rule.NAME(...)`"));
        };
        let item = frame.made.item.clone();
        let scope = frame.scope.clone();
        let ItemKind::Rule(rule) = &item.kind else { return Val::Error };
        let head = head_of(rule, m);
        if head.args.len() != args.len() {
            // Of a head at fault not all may be known.
            if self.lenient {
                return Val::Error;
            }
            let code = if args.len() > head.args.len() { Code::T0205 } else { Code::T0207 };
            let m = format!("`{}` takes {} argument(s), but these are {}", head.name.name, head.args.len(), args.len());
            let form = format!(
                "{}({})",
                head.name.name,
                head.args.iter().map(|a| a.name.as_str()).collect::<Vec<_>>().join(", ")
            );
            let d = Diagnostic::new(code, span, m, "").also(head.span, "declared here");
            return self.report(d.help(format!("write `{}`", form.replace("()", ""))));
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
        if self.not_there(m, args, span) {
            return Val::Error;
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
            Member::Trace(i) => self.trace(&rule.traces[i as usize], &inner, span),
            Member::Free(i) => {
                let (head, start) = &rule.frees[i as usize];
                match key.1.as_slice() {
                    [Key::Pop(p)] => self.free(head, start, &inner, *p),
                    _ => {
                        let d = Diagnostic::new(Code::T0211, head.span, "a free variable is one of a population", "");
                        self.report(d.help(format!("write `free {}(n) from ...`", head.name.name)))
                    }
                }
            }
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
                    let d = Diagnostic::new(Code::T0211, at, m, "`o` ranges over outputs");
                    self.report(
                        d.help("restrict what reads it, `where n.output`, or let it range over all populations by `n`"),
                    );
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
        let d = Diagnostic::new(Code::T0208, at, format!("{wanted} is needed here, but this is {what}"), "");
        self.report(match (v, wanted) {
            (Val::Edge(_), "a population") => d.help("write one of its ends: `.pre` or `.post`").write(at, "{}.post"),
            (Val::Pop(_), "a projection") => d.help("give a projection, such as `p`, or range over `p in n.in`"),
            _ => d.help("`n`, `m`, `o` stand for populations, `p`, `q` for projections"),
        });
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

    pub(crate) fn new_slot(&mut self, name: String, ty: Ty, init: NodeId, feedback: bool, span: Span) -> u32 {
        self.begins_before_examples(&name, init, span);
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
                    let d = Diagnostic::new(Code::T0408, span, m, "").also(guard.span, "the guard");
                    return self
                        .report(d.help("restrict what reads it by the same `where`, or let the guard hold here"));
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
        let slot = self.kept((&f.head.name.name, keys, None), (true, f.span), |me, name| {
            let drawing = inner.drawing(format!("feedback {name}"), shape.clone());
            let mut init = match &f.init {
                Some(ast::Init::Drawn(e) | ast::Init::Value(e)) => {
                    let what = format!("`{}`", f.head.name.name);
                    let n = me.shaped(&drawing, e, &shape, &what)?;
                    me.in_unit(n, Unit::ONE, &what, e.span)?;
                    n
                }
                None => me.g.zeros(&Ty::real(shape.clone())),
            };
            if let ast::ShapeOf::Like(e) = &f.shape {
                init = me.masked_like(inner, e, init);
            }
            Some((Ty::real(shape), init))
        });
        slot.map_or(Val::Error, Val::Slot)
    }

    /// `noise xi(n) ~ ...`: a draw for each example; `noise zeta(p) ~ ...`: one an update for each weight of p, shared by
    /// the batch, as any noise that no population is an argument of.
    fn noise(&mut self, n: &crate::ir::Noise, inner: &Scope, keys: &[Key]) -> Val {
        let of_example = keys.iter().any(|k| matches!(k, Key::Pop(_)));
        let shape = match (&n.shape, keys) {
            (Some(ast::ShapeOf::Like(e)), _) => {
                let v = self.eval(inner, e, None);
                match self.tensor(&v, e.span) {
                    Some(x) => self.g.shape(x).to_vec(),
                    None => return Val::Error,
                }
            }
            (Some(ast::ShapeOf::Type(t)), _) => match self.type_shape(inner, t) {
                Some(s) => s,
                None => return Val::Error,
            },
            (None, [Key::Pop(p), ..]) => self.net.pop(*p).shape.clone(),
            (None, [Key::Edge(e), ..]) => return self.weight_noise(n, inner, keys, *e),
            (None, _) => vec![],
        };
        let name = self.slot_name(&n.head.name.name, keys);
        match self.drawn(n, inner, name, shape, of_example) {
            Some(x) => Val::Node(x),
            None => Val::Error,
        }
    }

    /// Noise of every weight of a projection, each with a stream of its own.
    fn weight_noise(&mut self, n: &crate::ir::Noise, inner: &Scope, keys: &[Key], e: EdgeId) -> Val {
        let edge = self.net.edge(e).clone();
        let mut parts = Vec::new();
        let shape = self.net.pop(edge.post).shape.clone();
        let mut drive = self.g.zeros(&Ty::real(shape));
        for w in &edge.weights {
            let weight = self.net.weight(*w).clone();
            let name = format!("{}: {}", self.slot_name(&n.head.name.name, keys), weight.name);
            let Some(x) = self.drawn(n, inner, name, weight.shape.clone(), false) else { return Val::Error };
            // What is added to the drive as it is, is what the rule does to a bias.
            if self.is_bias(e, *w) {
                drive = x;
            }
            parts.push(x);
        }
        Val::Bundle(super::value::Bundle { edge: e, parts, drive })
    }

    /// Whether a weight is added to the drive unit by unit.
    fn is_bias(&mut self, e: EdgeId, w: WeightId) -> bool {
        let edge = self.net.edge(e).clone();
        let shape = self.net.pop(edge.post).shape.clone();
        let bar = self.symbol("a change of the drive", Ty::real(shape));
        let value = self.g.node(edge.contribution).args[0];
        let leaf = self.net.weight(w).leaf;
        let back = super::derive::vjp(&mut self.g, value, &[leaf], bar, &super::derive::opaque);
        back.is_ok_and(|b| b[0] == Some(bar))
    }

    fn drawn(
        &mut self,
        n: &crate::ir::Noise,
        inner: &Scope,
        name: String,
        shape: Vec<crate::ir::axis::Axis>,
        of_example: bool,
    ) -> Option<NodeId> {
        let name = self.noise_name(name, Some(n.span));
        let drawing = inner.drawing(format!("noise {name}"), shape.clone());
        let node = self.shaped(&drawing, &n.value, &shape, &format!("`{}`", n.head.name.name))?;
        Some(self.noise_leaf(name, node, of_example, n.span))
    }

    /// `state mu(n) = 0`: shaped as the population that it is kept for, or as its type or another value says.
    fn state(&mut self, s: &ast::StateInit, inner: &Scope, keys: &[Key]) -> Val {
        let shape = match (&s.shape, keys.first()) {
            (Some(ast::ShapeOf::Type(t)), _) => self.type_shape(inner, t),
            (Some(ast::ShapeOf::Like(e)), _) => match self.eval(inner, e, None) {
                Val::Edge(edge) => return self.state_of_weights(s, inner, keys, edge),
                v => self.tensor(&v, e.span).map(|n| self.g.shape(n).to_vec()),
            },
            (None, Some(Key::Pop(p))) => Some(self.net.pop(*p).shape.clone()),
            (None, _) => Some(vec![]),
        };
        let Some(shape) = shape else { return Val::Error };
        let slot = self.kept((&s.head.name.name, keys, None), (false, s.head.span), |me, _| {
            let mut init = me.shaped(inner, &s.value, &shape, &format!("`{}`", s.head.name.name))?;
            if let Some(ast::ShapeOf::Like(e)) = &s.shape {
                init = me.masked_like(inner, e, init);
            }
            let ty = Ty { shape, unit: me.g.ty(init).unit, kind: Kind::Real };
            Some((ty, init))
        });
        slot.map_or(Val::Error, Val::Slot)
    }

    /// `state m(p) like p = 0`: one for every weight of a projection.
    fn state_of_weights(&mut self, s: &ast::StateInit, inner: &Scope, keys: &[Key], e: EdgeId) -> Val {
        let edge = self.net.edge(e).clone();
        let first = match self.eval(inner, &s.value, None) {
            Val::Edge(own) if own == e => edge.weights.iter().map(|w| self.net.weight(*w).leaf).collect(),
            v => match self.tensor(&v, s.value.span) {
                Some(n) => vec![n; edge.weights.len()],
                None => return Val::Error,
            },
        };
        let shape = self.net.pop(edge.post).shape.clone();
        let mut drive = self.g.zeros(&Ty::real(shape));
        let mut parts = Vec::new();
        for (w, first) in edge.weights.iter().zip(first) {
            let weight = self.net.weight(*w).clone();
            let own = (s.head.name.name.as_str(), keys, Some(weight.name.as_str()));
            let slot = self.kept(own, (false, s.head.span), |me, _| {
                let init = me.fit_shape(first, &weight.shape, s.value.span, "this state")?;
                let init = weight.mask.and_then(|m| me.g.mul(m, init).ok()).unwrap_or(init);
                Some((Ty::real(weight.shape.clone()), init))
            });
            let Some(slot) = slot else { return Val::Error };
            let leaf = self.net.slots[slot as usize].leaf;
            if self.is_bias(e, *w) {
                drive = leaf;
            }
            parts.push(leaf);
        }
        Val::Bundle(super::value::Bundle { edge: e, parts, drive })
    }
}

/// What stands before the equation of a member: its name and its letters.
pub(crate) fn head_of(rule: &crate::ir::Rule, m: Member) -> &ast::Head {
    match m {
        Member::Signal(i) => &rule.signals[i as usize].head,
        Member::Let(i) => &rule.lets[i as usize].0,
        Member::Feedback(i) => &rule.feedbacks[i as usize].head,
        Member::State(i) => &rule.states[i as usize].head,
        Member::Noise(i) => &rule.noises[i as usize].head,
        Member::Free(i) => &rule.frees[i as usize].0,
        Member::Trace(i) => &rule.traces[i as usize].head,
    }
}
