//! What an expression of a spec can mean, and the scope in which it means that.

use super::graph::NodeId;
use super::network::{EdgeId, PopId};
use crate::ir::axis::Axis;
use crate::ir::{Item, ItemId, ModuleId};
use crate::source::Span;
use std::cell::Cell;
use std::rc::Rc;

/// The meaning of an expression.
#[derive(Clone, Debug)]
pub enum Val {
    /// Something was wrong, and has been reported.
    Error,
    Node(NodeId),
    Pop(PopId),
    Edge(EdgeId),
    Bundle(Bundle),
    /// A sum that holds a projection call, in the population under construction.
    Drive(u32),
    Item(ItemId),
    /// An optimizer or rule with its arguments.
    Made(Rc<Made>),
    /// Two rules added.
    Sum(Rc<Vec<(Val, Span)>>),
    /// `{ encoder: a(), readout: b() }`
    Parts(Rc<Vec<(String, Val, Span)>>),
    /// A task with its fields.
    Task(Rc<TaskVal>),
    /// A nested architecture: its populations by name.
    Nest(Rc<NestVal>),
    Populations(Rc<Vec<PopId>>),
    Edges(Rc<Vec<EdgeId>>),
    Range(Axis, Axis),
    List(Rc<Vec<(Val, Span)>>),
    Text(Rc<str>),
    /// A member of the rule under elaboration that takes arguments: signal, let or feedback.
    Member(Member),
    /// A feedback weight.
    Slot(u32),
    /// A phase of the rule under elaboration, by its place among them, with its number if it is one of several.
    Phase(u32, Option<u64>),
    /// What the objective says.
    Loss,
    Terms(Rc<Terms>),
    /// `let` of an experiment: read where it is used, so that it may speak of what the experiment makes.
    Lazy(Rc<(crate::syntax::ast::Head, crate::syntax::ast::Expr)>),
    /// The rules of the experiment, of which a measure reads feedback weights and states.
    Rules,
    /// A method of a population or projection, not yet called.
    Method(Rc<(Val, String)>),
}

/// One component a weight of an edge, and what stands for a bias added to the drive (`proposed`).
#[derive(Clone, Debug)]
pub struct Bundle {
    pub edge: EdgeId,
    pub parts: Vec<NodeId>,
    pub drive: NodeId,
}

/// An item with its arguments bound.
#[derive(Debug)]
pub struct Made {
    pub item: Rc<Item>,
    pub scope: Scope,
    pub text: String,
}

#[derive(Debug)]
pub struct TaskVal {
    pub item: Rc<Item>,
    pub fields: Vec<(String, Val)>,
}

#[derive(Debug)]
pub struct NestVal {
    pub name: String,
    pub members: Vec<(String, Val)>,
    pub outputs: Vec<PopId>,
}

/// An evaluated objective: loss, penalty and targets.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    pub loss: Option<NodeId>,
    pub penalty: Option<NodeId>,
    pub targets: Vec<(PopId, NodeId)>,
    pub maximize: bool,
    /// It is said whether more or less of it is better.
    pub directed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Member {
    Signal(u32),
    Let(u32),
    Feedback(u32),
    State(u32),
    Noise(u32),
    Free(u32),
    Trace(u32),
}

/// Names in sight, the innermost last.
#[derive(Clone, Debug)]
pub struct Scope {
    pub module: ModuleId,
    pub locals: Vec<Local>,
    pub draw: Option<Rc<Draw>>,
    pub place: Place,
}

/// In which kind of text an expression stands: some words mean something only there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    Plain,
    Rule,
    Objective,
    Measure,
    Architecture,
}

#[derive(Clone, Debug)]
pub struct Local {
    pub name: Rc<str>,
    pub val: Val,
    /// Where it was defined; its use is noted there.
    pub span: Option<Span>,
}

/// What `normal(0, 1)` draws here: the stream of the declaration, the shape of one draw, and how many there have been.
#[derive(Clone, Debug)]
pub struct Draw {
    stream: String,
    pub shape: Vec<Axis>,
    drawn: Cell<u32>,
}

impl Draw {
    /// The stream of the draw at hand: every one has its own. The first goes by the name of the declaration alone, so a
    /// declaration of one draw draws what it always drew.
    pub fn next(&self) -> String {
        let number = self.drawn.get() + 1;
        self.drawn.set(number);
        if number == 1 { self.stream.clone() } else { format!("{}, draw {number}", self.stream) }
    }
}

impl Scope {
    pub fn new(module: ModuleId, place: Place) -> Scope {
        Scope { module, locals: Vec::new(), draw: None, place }
    }

    pub fn bind(&mut self, name: &str, val: Val, span: Option<Span>) {
        self.locals.push(Local { name: name.into(), val, span });
    }

    pub fn with(&self, name: &str, val: Val) -> Scope {
        let mut s = self.clone();
        s.bind(name, val, None);
        s
    }

    pub fn find(&self, name: &str) -> Option<&Local> {
        self.locals.iter().rev().find(|l| &*l.name == name)
    }

    pub fn drawing(&self, stream: String, shape: Vec<Axis>) -> Scope {
        Scope { draw: Some(Rc::new(Draw { stream, shape, drawn: Cell::new(0) })), ..self.clone() }
    }
}
