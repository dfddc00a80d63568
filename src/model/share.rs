//! What is written once is elaborated once: calls of functions, definitions of an experiment and optimizers within
//! optimizers have one value at the same arguments. What needs its own value is told, and so is what would need more
//! than a machine has.

use super::elaborate::Elab;
use super::graph::NodeId;
use super::network::{EdgeId, PopId, WeightId};
use super::value::{Made, Member, Place, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::axis::Axis;
use crate::ir::{Experiment, HangOn, ItemId};
use crate::source::Span;
use crate::syntax::ast::{self, Expr, ExprKind, Head};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

/// A definition that calls itself, with other arguments every time, reaches its end before so many calls.
const MOST_NESTED: usize = 1_000;
/// Expressions within expressions, those of what is called included: layer by layer a signal takes ten or so.
const MAX_DEPTH: u32 = 50_000;
/// Expressions that one elaboration looks at, and operations that it makes of them.
const MAX_STEPS: u64 = 5_000_000;
const MAX_OPERATIONS: usize = 2_000_000;
/// Turns of all repetitions of an architecture together.
const MAX_TURNS: u64 = 50_000;

/// Runs what may call itself deeply, on more stack where there is little left.
pub(crate) fn deep<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(256 << 10, 8 << 20, work)
}

/// A value as far as another is the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// No name of an experiment's own: one of the language, or of nothing.
    Absent,
    Node(NodeId),
    Pop(PopId),
    Edge(EdgeId),
    Slot(u32),
    Item(ItemId),
    Text(Rc<str>),
    Range(Axis, Axis),
    Member(Member),
    Phase(u32, Option<u64>),
    Bundle(EdgeId, Vec<NodeId>, NodeId),
    List(Vec<Key>),
    Held(Held),
}

/// A value that is the same only where it is this very one, which is kept so that no other takes its place.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    at: usize,
    _kept: Val,
}

impl PartialEq for Held {
    fn eq(&self, other: &Held) -> bool {
        self.at == other.at
    }
}

impl Eq for Held {}

impl Hash for Held {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.at.hash(state);
    }
}

fn key(v: &Val) -> Key {
    fn address<T: ?Sized>(x: &Rc<T>) -> usize {
        Rc::as_ptr(x).cast::<u8>() as usize
    }
    let held = |at: usize| Key::Held(Held { at, _kept: v.clone() });
    match v {
        // Words without a value of their own.
        Val::Error | Val::Loss | Val::Rules => held(match v {
            Val::Error => 1,
            Val::Loss => 2,
            _ => 3,
        }),
        Val::Node(n) => Key::Node(*n),
        Val::Pop(p) => Key::Pop(*p),
        Val::Edge(e) => Key::Edge(*e),
        Val::Slot(s) => Key::Slot(*s),
        Val::Item(i) => Key::Item(*i),
        Val::Text(t) => Key::Text(t.clone()),
        Val::Range(a, b) => Key::Range(a.clone(), b.clone()),
        Val::Member(m) => Key::Member(*m),
        Val::Phase(i, k) => Key::Phase(*i, *k),
        Val::Bundle(b) => Key::Bundle(b.edge, b.parts.clone(), b.drive),
        Val::List(items) => Key::List(items.iter().map(|i| key(&i.0)).collect()),
        // Sums under construction are used up by who reads them.
        Val::Drive(d) => held(usize::MAX - *d as usize),
        Val::Made(x) => held(address(x)),
        Val::Sum(x) => held(address(x)),
        Val::Parts(x) => held(address(x)),
        Val::Task(x) => held(address(x)),
        Val::Nest(x) => held(address(x)),
        Val::Populations(x) => held(address(x)),
        Val::Edges(x) => held(address(x)),
        Val::Terms(x) => held(address(x)),
        Val::Lazy(x) => held(address(x)),
        Val::Method(x) => held(address(x)),
    }
}

/// A definition at its arguments, with all else that its value may hang on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Use {
    definition: Span,
    given: Vec<Key>,
    want: Option<Vec<Axis>>,
    place: Place,
    reading: Option<WeightId>,
    inside: Option<PopId>,
    era: u32,
}

/// What came of it, and what was told on the way.
#[derive(Debug)]
struct Outcome {
    value: Val,
    told: Vec<Diagnostic>,
    lacks: Option<Diagnostic>,
}

/// What is being made.
#[derive(Debug, Default)]
struct Open {
    /// The outermost first, by its name.
    stack: Vec<(Use, Rc<str>)>,
    /// Where each is among them.
    at: HashMap<Use, usize>,
    /// Where the uses of each definition are.
    of: HashMap<Span, Vec<usize>>,
}

impl Open {
    fn push(&mut self, u: &Use, name: &str) {
        self.at.insert(u.clone(), self.stack.len());
        self.of.entry(u.definition).or_default().push(self.stack.len());
        self.stack.push((u.clone(), name.into()));
    }

    fn pop(&mut self) {
        let Some((u, _)) = self.stack.pop() else { return };
        self.at.remove(&u);
        self.of.get_mut(&u.definition).map(Vec::pop);
    }
}

/// What an elaboration has made so far.
#[derive(Debug, Default)]
pub struct Shared {
    known: HashMap<Use, Outcome>,
    open: Open,
    /// Of each definition of the experiment the names that its value hangs on; none where it needs itself.
    reads: Rc<HangOn>,
    /// The last step of each optimizer within another, by its label.
    moves: HashMap<String, (Rc<Made>, NodeId, NodeId, Option<NodeId>)>,
    /// What has been done that must not be done once for all.
    pub(super) deeds: usize,
    /// Grows when names of an experiment come into scope.
    pub(super) era: u32,
    steps: u64,
    turns: u64,
    stopped: Option<Diagnostic>,
}

impl Elab<'_> {
    /// Counts one more expression; false where there are too many, which is told once.
    pub(super) fn within_budget(&mut self, span: Span) -> bool {
        self.shared.steps += 1;
        let (what, help) = if self.depth > MAX_DEPTH {
            (
                format!("definitions within definitions are more than {MAX_DEPTH} deep here"),
                "let fewer of them build on each other",
            )
        } else if self.shared.steps > MAX_STEPS || self.g.len() > MAX_OPERATIONS {
            let most = grouped(MAX_OPERATIONS);
            (
                format!("this asks for more than {most} operations for one example"),
                "let ranges, repetitions and steps be shorter",
            )
        } else {
            return true;
        };
        self.stopped(Diagnostic::new(Code::T0104, span, what, "and does not come to an end here").help(help));
        false
    }

    /// Counts one more turn of a repetition; false where there are too many, or where nothing is looked at any more.
    pub(super) fn takes_turn(&mut self, span: Span) -> bool {
        self.shared.turns += 1;
        if self.shared.turns > MAX_TURNS && !self.endless {
            let m = format!("this asks for more than {} turns of repetitions", grouped(MAX_TURNS as usize));
            self.stopped(
                Diagnostic::new(Code::T0104, span, m, "").help("let ranges be shorter: their numbers multiply"),
            );
        }
        !self.endless
    }

    /// Lets what follows be elaborated here as well, with all that may be looked at; false where nothing may.
    pub(crate) fn begins_again(&mut self) -> bool {
        self.shared.steps = 0;
        !self.endless && self.diags.is_empty() && self.g.len() < MAX_OPERATIONS / 2
    }

    /// The value of a definition at arguments, made once if it `keeps`. `name` is that of the definition, which stands at
    /// `definition`.
    pub(super) fn shared(
        &mut self,
        of: Option<(Use, bool)>,
        (name, definition): (&str, Span),
        span: Span,
        make: &mut dyn FnMut(&mut Self) -> Val,
    ) -> Val {
        let (of, keeps) = of.map_or((None, false), |(u, keeps)| (Some(u), keeps));
        if let Some(found) = of.as_ref().and_then(|u| self.shared.known.get(u)) {
            let (value, told, lacks) = (found.value.clone(), found.told.clone(), found.lacks.clone());
            told.into_iter().for_each(|d| self.diags.push(d));
            if let Some(d) = lacks {
                self.task.lacks.get_or_insert(d);
            }
            return value;
        }
        let open = &self.shared.open;
        let again = of.as_ref().and_then(|u| open.at.get(u).copied());
        let nested = open.of.get(&definition).map_or(&[][..], Vec::as_slice);
        if again.is_some() || nested.len() > MOST_NESTED {
            let from = again.or_else(|| nested.last().copied()).unwrap_or(0);
            return self.needs_itself(from, again.is_some(), (name, definition), span);
        }
        let (deeds, known, outer) = (self.deeds(), self.diags.len(), self.task.lacks.take());
        let entered = of.is_some();
        if let Some(u) = &of {
            self.shared.open.push(u, name);
        }
        let value = make(self);
        if entered {
            self.shared.open.pop();
        }
        let lacks = std::mem::replace(&mut self.task.lacks, outer);
        if let Some(d) = &lacks {
            self.task.lacks.get_or_insert_with(|| d.clone());
        }
        if let Some(u) = of.filter(|_| keeps && !self.endless && self.deeds() == deeds) {
            let told = self.diags.iter().skip(known).cloned().collect();
            self.shared.known.insert(u, Outcome { value: value.clone(), told, lacks });
        }
        value
    }

    /// `let q(k) = q(k)`: the way from the definition back to it.
    fn needs_itself(&mut self, from: usize, same: bool, (name, definition): (&str, Span), span: Span) -> Val {
        let way: Vec<String> = self.shared.open.stack[from..].iter().map(|(_, n)| format!("`{n}`")).collect();
        let shown = if way.len() > 8 { [&way[..4], &["...".into()], &way[way.len() - 3..]].concat() } else { way };
        let (m, label) = match same {
            true => (format!("`{name}` needs its own value: {} -> `{name}`", shown.join(" -> ")), "needed again here"),
            false => (
                format!("`{name}` calls itself more than {MOST_NESTED} times over: {} -> `{name}`", shown.join(" -> ")),
                "and not at an end here",
            ),
        };
        let d = Diagnostic::new(Code::T0408, span, m, label).also(definition, "defined here");
        self.stopped(d.help("what calls itself ends by a case that does not: `if k == 0 then 1 else ...`"))
    }

    /// Nothing is looked at any more: what doubles with every level would never be done with.
    fn stopped(&mut self, d: Diagnostic) -> Val {
        self.endless = true;
        self.shared.stopped = Some(d.clone());
        self.report(d)
    }

    /// Why an elaboration stopped is told even where its faults are not.
    pub(crate) fn tell_why_stopped(&mut self) {
        if let Some(d) = self.shared.stopped.take() {
            self.diags.push(d);
        }
    }

    /// Of what an evaluation may add besides nodes, how much there is.
    fn deeds(&self) -> [usize; 9] {
        let n = &self.net;
        let made = [n.populations.len(), n.edges.len(), n.weights.len(), n.slots.len(), n.noises.len(), n.frees.len()];
        let [a, b, c, d, e, f] = made;
        [a, b, c, d, e, f, self.pending.len(), self.task.anonymous as usize, self.shared.deeds]
    }

    fn use_of(&self, definition: Span, given: Vec<Key>, want: Option<&[Axis]>, place: Place) -> Use {
        let reading = self.frames.last().and_then(|f| f.reading);
        let (want, inside, era) = (want.map(<[Axis]>::to_vec), self.task.inside, self.shared.era);
        Use { definition, given, want, place, reading, inside, era }
    }

    /// A call of a function whose parameters are bound in `inner`.
    pub(super) fn call_of(&self, item: &crate::ir::Item, inner: &Scope, want: Option<&[Axis]>) -> Option<(Use, bool)> {
        // A draw is another every time.
        if inner.draw.is_some() {
            return None;
        }
        let given = inner.locals.iter().map(|l| key(&l.val)).collect();
        Some((self.use_of(item.name_span, given, want, inner.place), true))
    }

    /// A definition of an experiment, read in a scope that has its letters.
    fn definition_of(&self, head: &Head, scope: &Scope) -> Option<(Use, bool)> {
        let names = self.shared.reads.get(&head.name.span)?;
        if scope.draw.is_some() {
            return None;
        }
        let value = |name: &str| scope.find(name).map_or(Key::Absent, |l| key(&l.val));
        let letters = head.args.iter().map(|a| value(&a.name));
        let read = names.iter().flat_map(|names| names.iter()).map(|n| value(n));
        // One that leads back to itself may end at other letters, and is made anew.
        Some((self.use_of(head.name.span, letters.chain(read).collect(), None, scope.place), names.is_some()))
    }

    /// The value of `let head = e`, its letters bound in `scope`.
    pub(super) fn defined(&mut self, head: &Head, e: &Expr, scope: &Scope, span: Span) -> Val {
        let of = self.definition_of(head, scope);
        let name = (head.name.name.as_str(), head.name.span);
        self.shared(of, name, span, &mut |me: &mut Self| me.eval(scope, e, None))
    }

    /// What the definitions of an experiment hang on: the same in every condition.
    pub(super) fn prepare_lets(&mut self, x: &Experiment) {
        self.shared.reads = x.hang_on.get_or_init(|| Rc::new(hang_on(x))).clone();
    }

    /// The step of an optimizer within another one at a direction.
    pub(super) fn moved_before(
        &self,
        label: &str,
        made: &Rc<Made>,
        value: NodeId,
        direction: NodeId,
    ) -> Option<Option<NodeId>> {
        let (m, v, d, n) = self.shared.moves.get(label)?;
        (Rc::ptr_eq(m, made) && (*v, *d) == (value, direction)).then_some(*n)
    }

    pub(super) fn note_move(
        &mut self,
        label: String,
        made: &Rc<Made>,
        value: NodeId,
        direction: NodeId,
        n: Option<NodeId>,
    ) {
        self.shared.moves.insert(label, (made.clone(), value, direction, n));
    }
}

/// What the definitions of an experiment hang on, by where they stand.
fn hang_on(x: &Experiment) -> HangOn {
    let mut bound = HashSet::new();
    let mut note = |e: &Expr| binders(e, &mut bound);
    x.lets.iter().for_each(|l| note(&l.1));
    x.measures.iter().for_each(|m| note(&m.value));
    x.settings.values().for_each(|s| note(&s.0));
    bound.extend(x.lets.iter().flat_map(|l| l.0.args.iter().map(|a| a.name.clone())));
    let lets: HashMap<&str, &(Head, Expr)> = x.lets.iter().map(|l| (l.0.name.name.as_str(), l)).collect();
    let mut reader = Reader { lets, bound, done: HashMap::new() };
    for (head, _) in &x.lets {
        reader.of(&head.name.name);
    }
    let found = x.lets.iter().map(|(h, _)| (h.name.span, reader.done.get(&h.name.name).cloned().flatten()));
    found.collect()
}

/// `2,000,000`
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let from_right = |i: usize| digits.len() - i;
    let sign =
        |(i, c): (usize, char)| if i > 0 && from_right(i).is_multiple_of(3) { format!(",{c}") } else { c.to_string() };
    digits.chars().enumerate().map(sign).collect()
}

/// Names that stand for something else within brackets: `sum(k in 1..3: ...)`.
fn binders(e: &Expr, out: &mut HashSet<String>) {
    if let ExprKind::Reduce { binder, .. } = &e.kind {
        out.insert(binder.var.name.clone());
    }
    super::order::children(e, &mut |x| binders(x, out));
}

/// Follows definitions to the names that their values hang on.
struct Reader<'x> {
    lets: HashMap<&'x str, &'x (Head, Expr)>,
    /// Names that may stand for something else than the definition that has them.
    bound: HashSet<String>,
    /// `None` while one is being followed, and of one that leads back to itself.
    done: HashMap<String, Option<Rc<[String]>>>,
}

impl Reader<'_> {
    fn of(&mut self, name: &str) -> Option<Rc<[String]>> {
        if let Some(found) = self.done.get(name) {
            return found.clone();
        }
        self.done.insert(name.to_string(), None);
        let (head, e) = self.lets.get(name).copied()?;
        let mut own = BTreeSet::new();
        read_names(e, &mut head.args.iter().map(|a: &ast::Ident| a.name.clone()).collect(), &mut own);
        let mut all = BTreeSet::new();
        for n in own {
            if !self.lets.contains_key(n.as_str()) {
                all.insert(n);
                continue;
            }
            let deeper = deep(|| self.of(&n))?;
            all.extend(deeper.iter().cloned());
            if self.bound.contains(&n) {
                all.insert(n);
            }
        }
        let found: Rc<[String]> = all.into_iter().collect();
        self.done.insert(name.to_string(), Some(found.clone()));
        Some(found)
    }
}

/// The names that an expression reads and does not bind itself.
fn read_names(e: &Expr, bound: &mut Vec<String>, out: &mut BTreeSet<String>) {
    match &e.kind {
        ExprKind::Name(n) if bound.contains(n) => {}
        ExprKind::Name(n) => drop(out.insert(n.clone())),
        ExprKind::Reduce { binder, body, .. } => {
            binder.over.iter().for_each(|x| read_names(x, bound, out));
            bound.push(binder.var.name.clone());
            binder.guard.iter().for_each(|x| read_names(x, bound, out));
            read_names(body, bound, out);
            bound.pop();
        }
        _ => super::order::children(e, &mut |x| read_names(x, bound, out)),
    }
}
