//! The syntax tree: what was written, with the place of every part and with its doc comments.
//!
//! The tree keeps all that `fmt` needs and decides nothing: names are not resolved, units are words.

pub use super::hypothesis::*;
use crate::source::Span;

/// A name with its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ident {
    pub name: String,
    pub span: Span,
}

/// One parsed file. Damaged items are left out; the parser has reported them.
#[derive(Clone, Debug, Default)]
pub struct File {
    pub items: Vec<Item>,
    /// Every comment of the file, in order, `#` included; `fmt` places them again.
    pub comments: Vec<Comment>,
}

#[derive(Clone, Debug)]
pub struct Comment {
    pub text: String,
    pub span: Span,
    /// Nothing but white space stands before it on its line.
    pub own_line: bool,
}

#[derive(Clone, Debug)]
pub struct Item {
    /// The text of the `##` lines above, without the signs, joined by newlines.
    pub doc: String,
    pub span: Span,
    pub kind: ItemKind,
}

#[derive(Clone, Debug)]
pub enum ItemKind {
    /// `language 0.1`
    Language {
        version: String,
        version_span: Span,
    },
    /// `use std.tasks: digits, xor as other`
    Use {
        path: Vec<Ident>,
        names: Vec<UseName>,
    },
    /// Everything of the form `KEYWORD name(params): type -> name { ... }`.
    Decl(Decl),
    /// `function name(params) -> type = expr`
    Function {
        name: Ident,
        params: Vec<Param>,
        result: Option<Type>,
        body: Expr,
    },
    Hypothesis {
        name: Ident,
        text: Option<String>,
        body: Vec<Stmt>,
    },
}

#[derive(Clone, Debug)]
pub struct UseName {
    pub name: Ident,
    pub alias: Option<Ident>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeclKind {
    Architecture,
    Projection,
    Neuron,
    Rule,
    Optimizer,
    Objective,
    Environment,
    Task,
    Experiment,
}

impl DeclKind {
    pub const ALL: [DeclKind; 9] = [
        DeclKind::Architecture,
        DeclKind::Projection,
        DeclKind::Neuron,
        DeclKind::Rule,
        DeclKind::Optimizer,
        DeclKind::Objective,
        DeclKind::Environment,
        DeclKind::Task,
        DeclKind::Experiment,
    ];

    pub fn word(self) -> &'static str {
        match self {
            DeclKind::Architecture => "architecture",
            DeclKind::Projection => "projection",
            DeclKind::Neuron => "neuron",
            DeclKind::Rule => "rule",
            DeclKind::Optimizer => "optimizer",
            DeclKind::Objective => "objective",
            DeclKind::Environment => "environment",
            DeclKind::Task => "task",
            DeclKind::Experiment => "experiment",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Decl {
    pub kind: DeclKind,
    pub name: Ident,
    pub params: Vec<Param>,
    /// `task dots(...) over time(1 ms) { }`
    pub over: Option<Over>,
    /// `neuron lif(...) -> spike`
    pub result: Option<Ident>,
    pub body: Vec<Stmt>,
}

#[derive(Clone, Debug)]
pub struct Param {
    pub name: Ident,
    pub ty: Type,
    pub default: Option<Expr>,
    pub limits: Option<Limits>,
    pub span: Span,
}

/// `in 0..1`, `in 1..`: what a setting may be.
#[derive(Clone, Debug)]
pub struct Limits {
    pub low: Option<Expr>,
    pub high: Option<Expr>,
    pub span: Span,
}

/// `over time` or `over time(1 ms)`
#[derive(Clone, Debug)]
pub struct Over {
    pub step: Option<Expr>,
    pub span: Span,
}

/// `Real`, `Label[10]`, `[m, n]`, `[..]`, `[.., k]`, `[n] over time(1 ms)`.
#[derive(Clone, Debug)]
pub struct Type {
    /// The word, if there is one; a bare `[n]` is a tensor of reals.
    pub name: Option<Ident>,
    /// `None`: no brackets were written.
    pub dims: Option<Vec<Dim>>,
    pub over: Option<Over>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum Dim {
    /// `..`: any number of axes (in function signatures).
    Rest(Span),
    Size(Expr),
}

/// A statement of a block, with its doc comment.
#[derive(Clone, Debug)]
pub struct Stmt {
    pub doc: String,
    pub span: Span,
    pub kind: StmtKind,
}

/// `name`, `name(n)`, `name(n, o)` or `name[i]`: what a statement defines.
#[derive(Clone, Debug)]
pub struct Head {
    pub name: Ident,
    /// The letters in round brackets.
    pub args: Vec<Ident>,
    /// The expression in square brackets: `population h[i]`, `phase sample[k in 1..32]`.
    pub index: Option<Box<Expr>>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum StmtKind {
    /// `for i in 1..depth { ... }`
    For {
        var: Ident,
        range: Expr,
        body: Vec<Stmt>,
    },
    /// `cell pyramidal: [hidden] { ... }`
    Cell {
        name: Ident,
        ty: Option<Type>,
        body: Vec<Stmt>,
    },
    /// `part mirror { ... }`
    Part {
        name: Ident,
        body: Vec<Stmt>,
    },
    /// `dynamics both_ways { s(n)' = ... }`
    Dynamics {
        name: Ident,
        body: Vec<Stmt>,
    },
    /// `population h: [hidden] = ...` and `output z: [k] = ...`; `after` holds what follows commas (`steps`, `0.1`),
    /// `from` the start of a settling population.
    Population {
        output: bool,
        head: Head,
        ty: Option<Type>,
        value: Expr,
        after: Vec<Expr>,
        from: Option<Expr>,
    },
    /// `weight W: [m, n] ~ normal(0, 1)` or `= 0`
    Weight {
        name: Ident,
        ty: Type,
        init: Init,
    },
    /// `state m = 0, v: Real = 0`
    State(Vec<StateInit>),
    /// `feedback B(p) like p.W ~ normal(0, 1)`
    Feedback {
        head: Head,
        guard: Option<Expr>,
        shape: ShapeOf,
        init: Option<Init>,
    },
    /// `noise xi(n) ~ normal(0, 1)`
    Noise {
        head: Head,
        shape: Option<ShapeOf>,
        value: Expr,
    },
    /// `free a(n) from n.rate, integral(o) from 0`
    Free(Vec<(Head, Expr)>),
    /// `trace x(n) where ... of e, tau`
    Trace {
        head: Head,
        guard: Option<Expr>,
        of: Expr,
        decay: Expr,
    },
    Energy {
        name: Ident,
        value: Expr,
    },
    Signal {
        head: Head,
        guard: Option<Expr>,
        value: Expr,
    },
    Let {
        head: Head,
        value: Expr,
    },
    Phase(Phase),
    /// `update p where G along E by S, then p.W = e`; `each` if it stood after `each step`.
    Update(Update),
    /// `move e` of an optimizer
    Move(Expr),
    /// `answer rest with n.rate = e`
    Answer {
        phase: Ident,
        change: Option<Assign>,
    },
    /// `period fixation 100 ms, stimulus 2 s`
    Period(Vec<(Ident, Expr)>),
    /// `choose side in {-1, 1}, coherence in {...} %`
    Choose(Vec<(Ident, Expr)>),
    /// `split train 1437, test 360`
    Split(Vec<(Ident, Expr)>),
    /// `source builtin("digits")`
    Source(Source),
    /// `fixed T: [m, n] ~ normal(0, 1)` (one a seed) and `draw x: [n] ~ ...` (fresh for each example)
    Draw {
        fixed: bool,
        name: Ident,
        ty: Type,
        value: Expr,
    },
    /// `stream`
    Stream,
    /// `measure accuracy = e with h.rate = 0 on test, every 2 epochs`
    Measure {
        name: Ident,
        value: Expr,
        with: Vec<Assign>,
        on: Option<Ident>,
        every: Option<Every>,
    },
    /// `train = 20 epochs`, or stages: `train = { babble: 2 epochs with mirror, ... }`
    Train(Train),
    Expect(Expect),
    /// `claim RULE avoids weight_transport in the update`, or a plain statement (`claim parameters(mlp) < 10_000`).
    Claim {
        subject: Expr,
        relation: Option<ClaimRelation>,
    },
    /// `v' = e` and `s(n)' = e`
    Derivative {
        head: Head,
        value: Expr,
    },
    /// `target z = e`
    Target {
        output: Ident,
        value: Expr,
    },
    /// `surrogate spike = e`
    Surrogate {
        name: Ident,
        value: Expr,
    },
    /// Any `place = e` or `place: T = e`, with what may follow it (`, then v = 0`, `, scored during response`).
    Set {
        target: Expr,
        ty: Option<Type>,
        value: Expr,
        /// `where hidden <= 64`, behind what varies.
        guard: Option<Expr>,
        then: Option<Box<Assign>>,
        scored: Option<Ident>,
    },
}

/// `~ distribution` (drawn) or `= value`.
#[derive(Clone, Debug)]
pub enum Init {
    Drawn(Expr),
    Value(Expr),
}

#[derive(Clone, Debug)]
pub struct StateInit {
    pub head: Head,
    pub shape: Option<ShapeOf>,
    pub value: Expr,
}

/// How a state, feedback or noise is shaped: `like p.W` or `: [n, o]`.
#[derive(Clone, Debug)]
pub enum ShapeOf {
    Like(Expr),
    Type(Type),
}

#[derive(Clone, Debug)]
pub struct Phase {
    pub name: Ident,
    /// `[k in 1..32]`
    pub index: Option<(Ident, Expr)>,
    pub body: PhaseBody,
    pub with: Vec<Assign>,
}

#[derive(Clone, Debug)]
pub enum PhaseBody {
    /// A run of the architecture.
    Plain,
    /// `settle a on F, steps, speed, until 1e-6, at most N, within [0, 1], from warm`
    Settle { variable: Ident, on: Expr, options: Vec<SettleOption> },
    /// `relax both_ways, steps, speed`
    Relax { dynamics: Ident, options: Vec<SettleOption> },
}

#[derive(Clone, Debug)]
pub enum SettleOption {
    /// In order: number of steps, speed.
    Value(Expr),
    Until(Expr),
    AtMost(Expr),
    Within(Expr),
    From(Ident),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssignOp {
    Set,
    Add,
    Subtract,
}

/// A change: `n.drive += sigma * xi(n)`
#[derive(Clone, Debug)]
pub struct Assign {
    pub target: Expr,
    pub op: AssignOp,
    pub value: Expr,
    /// Of what a phase changes: of which populations or projections.
    pub guard: Option<Expr>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Update {
    /// `each step`, with the phase of `each step of inference` if named.
    pub each: Option<EachStep>,
    pub target: Expr,
    pub guard: Option<Expr>,
    pub along: Expr,
    pub by: Option<Expr>,
    pub then: Vec<Assign>,
}

#[derive(Clone, Debug)]
pub enum EachStep {
    Step(Option<Ident>),
    /// `update ... every k`
    Every(Expr),
}

#[derive(Clone, Debug)]
pub enum Source {
    /// `builtin("digits")`, `npz(file)`, `idx(images, labels)`, `csv(file)`
    Call(Expr),
    /// `table { a, b: [0, 0], 0; [0, 1], 1 }`
    Table { columns: Vec<Ident>, rows: Vec<Vec<Expr>>, span: Span },
}

/// `every epoch`, `every 5 epochs`, `every step`
#[derive(Clone, Debug)]
pub struct Every {
    /// The number as written (1 if none), with the word `epoch(s)` or `step(s)`.
    pub count: f64,
    pub unit: Ident,
}

#[derive(Clone, Debug)]
pub enum Train {
    /// `20 epochs`
    For(Expr),
    Stages(Vec<Stage>),
}

/// `babble: 2 epochs with mirror, task = other()`
#[derive(Clone, Debug)]
pub struct Stage {
    pub name: Ident,
    pub length: Expr,
    pub parts: Vec<Ident>,
    pub settings: Vec<Assign>,
}

#[derive(Clone, Debug)]
pub struct Expr {
    pub span: Span,
    pub kind: ExprKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    Negate,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// `@`
    Contract,
    /// `^`
    Power,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    /// `1..n`, closed at both ends
    Range,
}

impl BinaryOp {
    pub fn sign(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Contract => "@",
            BinaryOp::Power => "^",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterEqual => ">=",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
            BinaryOp::Range => "..",
        }
    }
}

#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A number as written, with its unit word if any: `20 ms`, `95 %`, `10_000`.
    Number {
        value: f64,
        text: String,
        unit: Option<Ident>,
    },
    Text(String),
    Bool(bool),
    /// `???`
    Hole,
    Name(String),
    /// `q.post`
    Field(Box<Expr>, Ident),
    /// `h[i]`, `credit.accuracy[fa]`, `image[1..28, 3]`
    Index(Box<Expr>, Vec<Expr>),
    Call(Box<Expr>, Vec<Arg>),
    /// `sum(q in n.out: e)`, `sum(n where not n.output: e)`, `sum(o: e)`: any name that is called with a binder.
    Reduce {
        function: Ident,
        binder: Box<Binder>,
        body: Box<Expr>,
    },
    Unary(UnaryOp, Box<Expr>),
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `[0.5, -0.5]`
    List(Vec<Expr>),
    /// `{32, 64} ms` and `{ encoder: a(), readout: b() }`
    Braces {
        entries: Vec<Entry>,
        unit: Option<Ident>,
    },
    If {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    /// `vary { one: a(), other: b() }`, `tune {0.03, 0.1}`
    Vary(Choice, Vec<Entry>),
    /// `dense(x) as w1`
    As(Box<Expr>, Ident),
    Minimize(Box<Expr>),
    Maximize(Box<Expr>),
    /// `sample bernoulli(e)`
    Sample(Box<Expr>),
    /// `during stimulus: e`
    During(Ident, Box<Expr>),
    /// `relax { rate = ... }` as the value of a population
    Relax(Vec<Stmt>),
    /// What could not be parsed; already reported.
    Error,
}

/// What becomes of the entries of braces: a condition each, or the best of them is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Choice {
    Vary,
    Tune,
}

impl Choice {
    pub fn word(self) -> &'static str {
        match self {
            Choice::Vary => "vary",
            Choice::Tune => "tune",
        }
    }
}

/// An argument of a call, by position or `name = value`.
#[derive(Clone, Debug)]
pub struct Arg {
    pub name: Option<Ident>,
    pub value: Expr,
}

/// `q in n.out`, `n where not n.output`, `k in 1..32`, `o`
#[derive(Clone, Debug)]
pub struct Binder {
    pub var: Ident,
    pub over: Option<Expr>,
    pub guard: Option<Expr>,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub label: Option<Ident>,
    pub value: Expr,
}
