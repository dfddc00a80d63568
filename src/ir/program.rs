//! Modules and items.

use crate::source::{FileId, Span};
use crate::syntax::ast::{self, Expr, Ident, Stmt};
use indexmap::IndexMap;
use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemId(pub u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(pub u32);

/// Every module that a spec reaches, the standard library among them.
#[derive(Debug, Default)]
pub struct Program {
    pub modules: Vec<Module>,
    pub items: Vec<Entry>,
    /// Files of the standard library.
    pub library: HashSet<FileId>,
    /// The modules of the user's own files, the given file first.
    pub user: Vec<ModuleId>,
    /// What is in scope everywhere: primitive functions and the standard prelude.
    pub prelude: IndexMap<String, ItemId>,
    /// Definitions (by place) that something has read.
    pub used: RefCell<HashSet<Span>>,
    /// Items in which something is wrong that has been reported: what uses them is not faulted for it.
    pub damaged: RefCell<HashSet<ItemId>>,
    /// Those in which statements may be missing, because their syntax is at fault.
    pub broken: HashSet<ItemId>,
    /// A declaration could not be read at all, so that a name that is missing may be its.
    pub lost: bool,
}

#[derive(Debug)]
pub struct Module {
    /// `std.rules`, or the file's stem.
    pub name: String,
    /// The first of its files.
    pub file: FileId,
    /// Own items and imports.
    pub scope: IndexMap<String, Import>,
    pub std: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Import {
    pub item: ItemId,
    /// Where the name was brought into this module.
    pub span: Span,
    pub own: bool,
}

/// A declaration as the program holds it: those of the library are read when they are first asked for.
#[derive(Debug)]
pub struct Entry {
    pub module: ModuleId,
    pub name: String,
    /// What a user calls its kind.
    pub word: &'static str,
    read: OnceCell<Rc<Item>>,
    unread: Option<Unread>,
}

/// Where an item of the library stands, and what reads it.
#[derive(Clone, Debug)]
pub struct Unread {
    pub id: ItemId,
    pub module: ModuleId,
    pub file: FileId,
    pub text: &'static str,
    pub at: crate::syntax::parse::outline::Outlined,
    pub read: fn(&Unread) -> Item,
}

impl Entry {
    pub fn new(item: Item) -> Entry {
        let (module, name, word) = (item.module, item.name.clone(), item.kind.word());
        Entry { module, name, word, read: OnceCell::from(Rc::new(item)), unread: None }
    }

    pub fn unread(of: Unread) -> Entry {
        let name = of.text[of.at.name.clone()].to_string();
        Entry { module: of.module, name, word: of.at.word, read: OnceCell::new(), unread: Some(of) }
    }

    pub fn item(&self) -> &Rc<Item> {
        self.read.get_or_init(|| match &self.unread {
            Some(of) => Rc::new((of.read)(of)),
            None => unreachable!("what is not to be read was read"),
        })
    }

    /// Whether it is the library's.
    pub fn of_library(&self, program: &Program) -> bool {
        self.unread.as_ref().is_some_and(|u| program.library.contains(&u.file))
    }
}

/// A declaration.
#[derive(Debug)]
pub struct Item {
    pub id: ItemId,
    pub module: ModuleId,
    pub name: String,
    pub doc: String,
    pub name_span: Span,
    pub span: Span,
    pub params: Vec<Param>,
    pub kind: ItemKind,
}

impl Item {
    /// Whether a place is within it, or just behind it.
    pub fn holds(&self, at: Span) -> bool {
        self.span.file == at.file && self.span.start <= at.start && at.start <= self.span.end
    }
}

#[derive(Debug)]
pub struct Param {
    pub name: String,
    pub span: Span,
    pub ty: ParamType,
    pub default: Option<Expr>,
    /// What it may be: `p: Real in 0..1`.
    pub limits: Option<ast::Limits>,
}

/// What a parameter may be bound to.
#[derive(Clone, Debug)]
pub enum ParamType {
    /// A tensor, or a population where one is given: `[n]`, `Label[k]`, `[..]`.
    Tensor {
        elem: Elem,
        dims: Vec<ast::Dim>,
        over: bool,
    },
    /// `Nat`, `Int`, `Real`, `Bool`, `Time`, ...
    Scalar(Elem),
    Optimizer,
    Rule,
    Population,
    Text,
    Unknown,
}

/// What one element is.
#[derive(Clone, Debug, PartialEq)]
pub enum Elem {
    Real(super::Unit),
    Int,
    Nat,
    Bool,
    Label(Box<LabelRange>),
}

/// The number of classes of a label, as written.
#[derive(Clone, Debug)]
pub struct LabelRange(pub Expr);

impl PartialEq for LabelRange {
    fn eq(&self, _: &LabelRange) -> bool {
        true
    }
}

#[derive(Debug)]
pub enum ItemKind {
    /// A primitive function: the row of the table of surface functions.
    Primitive(usize),
    Function {
        result: Option<ast::Type>,
        body: Expr,
    },
    Projection(Projection),
    Architecture {
        body: Vec<Stmt>,
    },
    Neuron {
        body: Vec<Stmt>,
    },
    Objective(Objective),
    Optimizer(Optimizer),
    Rule(Box<Rule>),
    Task(Task),
    Environment,
    Experiment(Experiment),
    Hypothesis(Hypothesis),
}

impl ItemKind {
    /// What a user calls it.
    pub fn word(&self) -> &'static str {
        match self {
            ItemKind::Primitive(_) | ItemKind::Function { .. } => "function",
            ItemKind::Projection(_) => "projection",
            ItemKind::Architecture { .. } => "architecture",
            ItemKind::Neuron { .. } => "neuron",
            ItemKind::Objective(_) => "objective",
            ItemKind::Optimizer(_) => "optimizer",
            ItemKind::Rule(_) => "rule",
            ItemKind::Task(_) => "task",
            ItemKind::Environment => "environment",
            ItemKind::Experiment(_) => "experiment",
            ItemKind::Hypothesis(_) => "hypothesis",
        }
    }
}

#[derive(Debug)]
pub struct Weight {
    pub name: Ident,
    pub ty: ast::Type,
    pub init: ast::Init,
}

/// `projection dense(pre: [n], post: [m], ...)`: the first two parameters are its ends.
#[derive(Debug)]
pub struct Projection {
    pub weights: Vec<Weight>,
    pub lets: Vec<(Ident, Expr)>,
    pub drive: Option<Expr>,
}

#[derive(Debug, Default)]
pub struct Objective {
    pub lets: Vec<(Ident, Expr)>,
    pub loss: Option<Expr>,
    pub penalty: Option<Expr>,
    pub targets: Vec<(Ident, Expr)>,
}

#[derive(Debug)]
pub struct Optimizer {
    pub states: Vec<ast::StateInit>,
    pub steps: Vec<OptimizerStep>,
}

#[derive(Debug)]
pub enum OptimizerStep {
    Assign(Ident, Expr),
    Move(Expr, Span),
}

/// A rule, its statements sorted by kind, each in the order of the text.
#[derive(Debug, Default)]
pub struct Rule {
    pub feedbacks: Vec<Feedback>,
    pub states: Vec<ast::StateInit>,
    pub noises: Vec<Noise>,
    pub signals: Vec<Signal>,
    pub lets: Vec<(ast::Head, Expr)>,
    pub updates: Vec<(ast::Update, Span)>,
    /// The part that each update stands in.
    pub part_of: Vec<Option<Ident>>,
    pub parts: Vec<Ident>,
    pub frees: Vec<(ast::Head, Expr)>,
    pub phases: Vec<(ast::Phase, Span)>,
    pub dynamics: Vec<Dynamics>,
    pub answer: Option<(Ident, Option<ast::Assign>, Span)>,
    pub traces: Vec<Trace>,
    /// Names that it declares and never reads.
    pub unread: Vec<Ident>,
}

/// `dynamics both_ways { s(n)' = ... }`
#[derive(Debug)]
pub struct Dynamics {
    pub name: Ident,
    pub equations: Vec<(ast::Head, Expr)>,
}

#[derive(Debug)]
pub struct Feedback {
    pub head: ast::Head,
    pub guard: Option<Expr>,
    pub shape: ast::ShapeOf,
    pub init: Option<ast::Init>,
    pub span: Span,
}

/// `noise M(p) like p.W ~ normal(0, 1)`
#[derive(Debug)]
pub struct Noise {
    pub head: ast::Head,
    pub shape: Option<ast::ShapeOf>,
    pub value: Expr,
    pub span: Span,
}

/// `trace x(n) where c of e, tau`
#[derive(Debug)]
pub struct Trace {
    pub head: ast::Head,
    pub guard: Option<Expr>,
    pub of: Expr,
    pub decay: Expr,
}

#[derive(Debug)]
pub struct Signal {
    pub head: ast::Head,
    pub guard: Option<Expr>,
    pub value: Expr,
    pub span: Span,
}

#[derive(Debug, Default)]
pub struct Task {
    pub source: Option<(ast::Source, Span)>,
    pub fields: Vec<TaskField>,
    pub splits: Vec<(Ident, Expr)>,
    pub stream: bool,
}

#[derive(Debug)]
pub struct TaskField {
    pub name: Ident,
    pub ty: ast::Type,
    pub value: Expr,
    pub how: FieldKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// `image: [64] = pixels / 16`
    Computed,
    /// `draw x: [n] ~ ...`
    Drawn,
    /// `fixed T: [m, n] ~ ...`
    Fixed,
}

/// Of each definition, by where its name stands, the names that its value hangs on; none where it needs itself.
pub type HangOn = HashMap<Span, Option<Rc<[String]>>>;

/// `task`, `architecture`, `objective`, `rule` and the rest, as written.
#[derive(Debug, Default)]
pub struct Experiment {
    pub settings: IndexMap<String, (Expr, Span)>,
    pub train: Option<(ast::Train, Span)>,
    pub measures: Vec<Measure>,
    pub lets: Vec<(ast::Head, Expr)>,
    /// What a condition must fulfil to be trained.
    pub guards: Vec<Expr>,
    /// Found when its first condition is elaborated.
    pub hang_on: OnceCell<Rc<HangOn>>,
}

#[derive(Debug)]
pub struct Measure {
    pub name: Ident,
    pub value: Expr,
    pub with: Vec<ast::Assign>,
    pub on: Option<Ident>,
    pub every: Option<ast::Every>,
    pub span: Span,
}

#[derive(Debug)]
pub struct Hypothesis {
    pub text: Option<String>,
    pub statements: Vec<HypothesisStatement>,
}

#[derive(Debug)]
// A spec has few of them, and a box for each would be in everybody's way.
#[allow(clippy::large_enum_variant)]
pub enum HypothesisStatement {
    Expect(ast::Expect, Span),
    Claim { subject: Expr, relation: Option<ast::ClaimRelation>, span: Span },
}

impl Program {
    pub fn item(&self, id: ItemId) -> &Rc<Item> {
        self.items[id.0 as usize].item()
    }

    pub fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.0 as usize]
    }

    /// What a name means at the top of a module, marking its import as used.
    pub fn lookup(&self, module: ModuleId, name: &str) -> Option<&Rc<Item>> {
        if let Some(found) = self.module(module).scope.get(name) {
            self.used.borrow_mut().insert(found.span);
            return Some(self.item(found.item));
        }
        self.prelude.get(name).map(|id| self.item(*id))
    }

    /// A call of the library's first item of a kind, for a message: the defaults of its settings, or the names of what
    /// it must be given.
    pub fn example(&self, word: &str) -> String {
        let of_library = |e: &&Entry| e.word == word && e.of_library(self);
        let Some(item) = self.items.iter().find(of_library).map(Entry::item) else { return format!("a {word}") };
        // The post side of a projection is where the call stands.
        let ends = matches!(item.kind, ItemKind::Projection(_));
        let given = item
            .params
            .iter()
            .enumerate()
            .filter(|(i, p)| !(ends && *i == 1) && (p.default.is_none() || item.params.len() == 1));
        let args: Vec<String> =
            given.map(|(_, p)| p.default.as_ref().map_or(p.name.clone(), crate::syntax::print::expr_text)).collect();
        format!("{}({})", item.name, args.join(", "))
    }

    /// Whether a place is in the standard library, some of whose modules have several files.
    pub fn in_library(&self, span: Span) -> bool {
        self.library.contains(&span.file)
    }

    pub fn is_damaged(&self, item: ItemId) -> bool {
        self.damaged.borrow().contains(&item)
    }

    /// Whether what a name stands for is not known because of a fault that has been reported.
    pub fn is_lost(&self, module: ModuleId, name: &str) -> bool {
        self.lookup(module, name).map_or(self.lost, |item| self.is_damaged(item.id))
    }

    /// All names in scope at the top of a module, for suggestions.
    pub fn names(&self, module: ModuleId) -> Vec<&str> {
        let own = self.module(module).scope.keys();
        own.chain(self.prelude.keys()).map(String::as_str).collect()
    }

    pub fn user_items(&self) -> impl Iterator<Item = &Rc<Item>> {
        self.items.iter().filter(|e| self.user.contains(&e.module)).map(Entry::item)
    }
}
