//! Words that mean something only in their place: `loss`, `target(o)`, `d(y, x)`, `gradient(x)`, `proposed(x)`.

use super::arguments::Form;
use super::derive::{opaque, vjp};
use super::elaborate::Elab;
use super::graph::{Fault, Leaf, Mark, NodeId, NodeKind, Ty};
use super::sweep::Sweep;
use super::value::{Bundle, Place, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::ItemKind;
use crate::ops::Reduction;
use crate::source::Span;
use crate::syntax::ast::{Arg, Expr};

/// Words that are called, with what they take.
pub const FORMS: [(&str, &[&str]); 16] = [
    ("d", &["y", "x"]),
    ("gradient", &["x"]),
    ("proposed", &["x"]),
    ("target", &["output"]),
    ("all", &["e"]),
    ("batch_mean", &["x"]),
    ("examples", &["x"]),
    ("column", &["name"]),
    ("running", &["e", "start", "rate"]),
    ("initial", &["e"]),
    ("expectation", &["e"]),
    ("residual", &["phase"]),
    ("redrawn", &["number", "e"]),
    ("previous", &["x"]),
    ("total", &["e"]),
    ("loss", &["values"]),
];

/// Those of them that stand in every rule, so that no function may go before them.
pub const RESERVED: [&str; 2] = ["d", "target"];

/// What to do where a loss is read and there is none.
pub(crate) const NO_LOSS: &str = "add a loss to what is minimized: a penalty alone scores no output";

impl Elab<'_> {
    /// A name that no declaration gives.
    pub(crate) fn word(&mut self, scope: &Scope, name: &str, span: Span) -> Option<Val> {
        match (name, scope.place) {
            ("loss", Place::Rule | Place::Measure) => Some(match self.terms.loss {
                Some(n) => Val::Node(self.g.mark(Mark::Loss, n, [])),
                None => {
                    let d = Diagnostic::new(Code::T0405, span, "the objective has no loss: it reads no population", "");
                    let example = self.program.example("objective");
                    self.report(d.help(format!("add a term that scores an output, such as `{example}`")))
                }
            }),
            ("reward", Place::Rule | Place::Measure) => Some(match (self.terms.maximize, self.terms.loss) {
                (true, Some(n)) => {
                    let n = self.g.mark(Mark::Loss, n, []);
                    self.built(|g| g.neg(n), span, "`reward`")
                }
                // Told once: every reading has the same cause.
                _ if self.diags.iter().any(|d| d.code == Code::T0407) => Val::Error,
                _ => {
                    let d = Diagnostic::new(
                        Code::T0407,
                        span,
                        "there is no reward: the objective is minimized",
                        "read here",
                    );
                    self.report(d.help("write `objective = maximize ...`, or read `-loss`"))
                }
            }),
            ("training", Place::Plain | Place::Architecture) => {
                let ty = Ty { kind: super::graph::Kind::Bool, ..Ty::real(vec![]) };
                Some(Val::Node(self.g.leaf(Leaf::Training, ty)))
            }
            ("input", Place::Rule) => Some(self.input_word(span)),
            ("rule", Place::Measure) => Some(Val::Rules),
            _ => None,
        }
    }

    /// A call of a word of the language; `None` if it is none.
    pub(crate) fn special_call(&mut self, scope: &Scope, span: Span, name: &str, args: &[Arg]) -> Option<Val> {
        let (_, takes) = FORMS.iter().find(|f| f.0 == name)?;
        let here = match name {
            "examples" => scope.place != Place::Architecture,
            "initial" | "residual" | "redrawn" => scope.place == Place::Measure,
            "column" => !self.task.called.is_empty(),
            "expectation" => matches!(scope.place, Place::Rule | Place::Measure),
            "loss" => scope.place == Place::Rule,
            "all" | "target" => scope.place != Place::Plain || !self.task.together.is_empty(),
            _ => true,
        };
        // A declaration of the file goes before, if it is one that can be called.
        let own = self.program.module(scope.module).scope.get(name).map(|i| &self.program.item(i.item).kind);
        let called = own.is_some_and(|k| !matches!(k, ItemKind::Hypothesis(_) | ItemKind::Experiment(_)));
        if !here || called {
            return None;
        }
        let Some(given) = self.all_given(scope, span, &Form::of(name, takes), args) else { return Some(Val::Error) };
        let x = given[0];
        Some(match name {
            "d" => self.explicit(scope, span, x, given[1]),
            "gradient" => self.total_gradient(scope, span, x),
            "proposed" => self.proposed(scope, span, x),
            "target" => self.target(scope, span, x),
            "residual" => self.residual(x),
            "redrawn" => self.redrawn(scope, span, x, given[1]),
            "column" => self.column(x),
            "all" => self.all_weights(span, x),
            "batch_mean" => {
                let v = self.eval(scope, x, None);
                if let Val::Bundle(b) = v {
                    let parts = b.parts.iter().map(|n| self.g.batch_mean(*n)).collect();
                    return Some(Val::Bundle(Bundle { parts, drive: self.g.batch_mean(b.drive), ..b }));
                }
                match self.tensor(&v, x.span) {
                    Some(n) => Val::Node(self.g.batch_mean(n)),
                    None => Val::Error,
                }
            }
            "examples" => {
                let v = self.eval(scope, x, None);
                match self.tensor(&v, x.span) {
                    Some(n) => Val::Node(self.g.all_examples(n)),
                    None => Val::Error,
                }
            }
            "running" => self.running(scope, span, [x, given[1], given[2]]),
            "initial" => self.initial(scope, span, x),
            "expectation" => self.expectation(scope, span, x),
            "previous" => self.previous(scope, span, x),
            "loss" => self.loss_at(scope, span, x),
            _ => self.later("sums over time", span),
        })
    }

    /// `target(o)`: what the objective declares for an output.
    fn target(&mut self, scope: &Scope, span: Span, x: &Expr) -> Val {
        let v = self.eval(scope, x, None);
        let Some(p) = self.pop_of(&v) else {
            if matches!(v, Val::Error) {
                return Val::Error;
            }
            let what = self.describe(&v);
            let m = format!("`target` needs an output, but this is {what}");
            let d = Diagnostic::new(Code::T0208, x.span, m, "");
            return self.report(d.help("write `target(o)`, or `target(n)` where `n.output`"));
        };
        match self.terms.targets.iter().find(|(o, _)| *o == p).map(|t| t.1) {
            Some(n) => Val::Node(self.g.mark(Mark::Target(p), n, [])),
            None => {
                let pop = self.net.pop(p).clone();
                let m = format!("the objective declares no target for `{}`", pop.name);
                let d = Diagnostic::new(Code::T0406, span, m, "needed here");
                self.report(match pop.output {
                    true => d.also(pop.span, "this output").help("an objective declares it: `target z = ...`"),
                    false => d.also(pop.span, "no output").help(
                        "only outputs have targets: restrict the statement, `where p.post.output`, or sum over outputs, `sum(o: target(o))`",
                    ),
                })
            }
        }
    }

    /// `d(y, x)`: values of populations count as constants.
    fn explicit(&mut self, scope: &Scope, span: Span, y: &Expr, x: &Expr) -> Val {
        let (vy, vx) = (self.eval(scope, y, None), self.eval(scope, x, None));
        let Some(mut ny) = self.tensor(&vy, y.span) else { return Val::Error };
        if let Some(pop) = self.task.inside {
            // The derivative is through the projections of an energy.
            let Some(n) = self.inner_drives(pop, ny) else { return Val::Error };
            ny = n;
        }
        let several = !self.g.shape(ny).is_empty();
        if several && matches!(vx, Val::Edge(_) | Val::Bundle(_)) {
            let m = format!(
                "by all weights of a projection `d` differentiates one number, but this is {}",
                self.g.ty(ny).text()
            );
            let d = Diagnostic::new(Code::T0409, y.span, m, "");
            return self.report(d.help("sum it first, `d(sum(y), p)`, or name one weight: `d(y, p.W)`"));
        }
        let is_loss = self.is_loss(ny);
        if let Val::Edge(_) | Val::Bundle(_) = &vx {
            if is_loss {
                let d = Diagnostic::new(
                    Code::T0409,
                    span,
                    "the loss reads populations, not weights: its explicit derivative is 0",
                    "",
                );
                return self.report(d.help("carry it back with a signal: `signal delta(n) = ...`; `gradient(p)` in a measure is the total derivative"));
            }
            let Val::Edge(e) = vx else { return Val::Error };
            let leaves: Vec<NodeId> = self.net.edge(e).weights.iter().map(|w| self.net.weight(*w).leaf).collect();
            return self.gradient_bundle(span, e, ny, &leaves, false);
        }
        let Some(nx) = self.tensor(&vx, x.span) else { return Val::Error };
        if is_loss && matches!(self.g.node(nx).kind, NodeKind::Leaf(Leaf::Weight(_))) {
            let d = Diagnostic::new(
                Code::T0409,
                span,
                "the loss reads populations, not weights: its explicit derivative is 0",
                "",
            );
            return self.report(d.help("carry it back with a signal: `signal delta(n) = ...`"));
        }
        if is_loss
            && let NodeKind::Leaf(Leaf::Drive(_)) = self.g.node(nx).kind
            && !self.g.reachable(&[ny]).contains(&nx)
        {
            let m = "the loss reads rates, not drives: its explicit derivative is 0";
            let d = Diagnostic::new(Code::T0409, span, m, "");
            return self.report(d.help("carry it through the unit: `n.pull(d(loss, n.rate))`"));
        }
        if !matches!(self.g.node(nx).kind, NodeKind::Leaf(_)) {
            let d = Diagnostic::new(
                Code::T0409,
                x.span,
                "`d` differentiates by a value that is read, not by an expression",
                "",
            );
            return self.report(d.help("differentiate by a rate, a drive, a weight or a state"));
        }
        if several {
            return self.jacobian(ny, nx, (y.span, span));
        }
        let one = self.g.number(1.0);
        match vjp(&mut self.g, ny, &[nx], one, &opaque) {
            Ok(parts) => match parts[0] {
                Some(n) => match self.g.node(nx).kind {
                    NodeKind::Leaf(Leaf::Rate(p)) if is_loss => Val::Node(self.g.mark(Mark::OutputError(p), n, [])),
                    _ => Val::Node(n),
                },
                None => self.flat(ny, nx, span, "`d`"),
            },
            Err(f) => self.fault(f, span, "`d`", &[]),
        }
    }

    /// Whether a value is the loss itself, up to its sign.
    fn is_loss(&self, n: NodeId) -> bool {
        let node = self.g.node(n);
        match &node.kind {
            NodeKind::Mark(Mark::Loss | Mark::LossAt(_)) => true,
            NodeKind::Unary(crate::ops::Unary::Negate) => self.is_loss(node.args[0]),
            _ => false,
        }
    }

    fn gradient_bundle(
        &mut self,
        span: Span,
        edge: super::network::EdgeId,
        y: NodeId,
        leaves: &[NodeId],
        total: bool,
    ) -> Val {
        let one = self.g.number(1.0);
        let post = self.net.pop(self.net.edge(edge).post).clone();
        // What would be added to the drive: where the edge's own contribution stands in the equation, and the drive.
        let own = |g: &super::graph::Graph, n: &NodeId| g.node(*n).kind == NodeKind::Mark(Mark::Apply(edge));
        let mut drives = vec![post.drive_leaf];
        if !total {
            drives.extend(self.g.reachable(&[y]).into_iter().filter(|n| own(&self.g, n)));
        }
        let net = std::mem::take(&mut self.net);
        let through = |l: &Leaf| if total { define(&net, l) } else { None };
        let made = vjp(&mut self.g, y, leaves, one, &through)
            .and_then(|parts| Ok((parts, vjp(&mut self.g, y, &drives, one, &through)?)));
        self.net = net;
        let (parts, into) = match made {
            Ok(m) => m,
            Err(f) => return self.fault(f, span, "the gradient", &[]),
        };
        let mut nodes = Vec::new();
        for (p, leaf) in parts.into_iter().zip(leaves) {
            let ty = self.g.ty(*leaf).clone();
            nodes.push(p.unwrap_or_else(|| self.g.zeros(&Ty::real(ty.shape))));
        }
        let mut drive = self.g.zeros(&Ty::real(post.shape));
        for n in into.into_iter().flatten() {
            drive = self.g.add(drive, n).unwrap_or(drive);
        }
        Val::Bundle(Bundle { edge, parts: nodes, drive })
    }

    /// `gradient(x)`: the total derivative of the objective through the network.
    fn total_gradient(&mut self, scope: &Scope, span: Span, x: &Expr) -> Val {
        if scope.place != Place::Measure {
            let d = Diagnostic::new(Code::T0210, span, "`gradient` belongs in a measure", "");
            return self
                .report(d.help("a rule carries credit by a signal, or uses `d(y, x)` for an explicit derivative"));
        }
        let v = self.eval(scope, x, None);
        let x_leaf = match &v {
            Val::Pop(p) => Some(self.net.pop(*p).rate_leaf),
            v => self.tensor(v, x.span),
        };
        let Some(leaf) = x_leaf else { return Val::Error };
        let kind = self.g.node(leaf).kind.clone();
        if !matches!(kind, NodeKind::Leaf(_)) {
            let d =
                Diagnostic::new(Code::T0409, x.span, "`gradient` is of a drive, a rate or a weight", "an expression");
            return self.report(
                d.help("give a name: `gradient(h)`, `gradient(h.drive)`, `gradient(w.W)`; `let` names no weight"),
            );
        }
        self.gradient_by(leaf, span)
    }

    /// The total derivative by a leaf, penalty included.
    pub(crate) fn gradient_by(&mut self, leaf: NodeId, span: Span) -> Val {
        let Some(loss) = self.terms_of(leaf).loss else {
            let d = Diagnostic::new(Code::T0405, span, "the objective has no loss", "");
            return self.report(d.help(NO_LOSS));
        };
        self.gradient_of(loss, leaf, span)
    }

    /// The same of a loss that reads values of phases.
    pub(crate) fn gradient_of(&mut self, loss: NodeId, leaf: NodeId, span: Span) -> Val {
        let kind = self.g.node(leaf).kind.clone();
        if let Some(p) = self.drawn_below(&kind) {
            return self.not_through_samples(p, span);
        }
        let one = self.g.number(1.0);
        let mut made = match self.total_derivative(loss, leaf, &kind) {
            Ok(p) => p,
            Err(f) => return self.fault(f, span, "the gradient", &[]),
        };
        if let (NodeKind::Leaf(Leaf::Weight(_)), Some(penalty)) = (&kind, self.terms_of(leaf).penalty)
            && let Ok(p) = vjp(&mut self.g, penalty, &[leaf], one, &opaque)
            && let Some(p) = p[0]
        {
            made = match made {
                Some(m) => self.g.add(m, p).ok(),
                None => Some(p),
            };
        }
        let shape = self.g.shape(leaf).to_vec();
        match made {
            Some(n) => {
                let n = self.g.fill(n, &shape);
                Val::Node(self.of_plain_pass(n))
            }
            None => Val::Node(self.g.zeros(&Ty::real(shape))),
        }
    }

    /// Of all weights by one sweep, which each of them carries on.
    fn total_derivative(&mut self, y: NodeId, leaf: NodeId, kind: &NodeKind) -> Result<Option<NodeId>, Fault> {
        let one = self.g.number(1.0);
        let net = std::mem::take(&mut self.net);
        let through = |l: &Leaf| match l {
            Leaf::In(i) => Some(net.values[*i as usize].node),
            l => define(&net, l),
        };
        let found = match kind {
            NodeKind::Leaf(Leaf::Weight(_) | Leaf::Slot(_)) => {
                let key = (y, net.populations.len(), net.edges.len());
                let sweep = self.sweeps.entry(key).or_insert_with(|| Sweep::new(&self.g, y, one, &through));
                sweep.by(&mut self.g, leaf, &through)
            }
            _ => vjp(&mut self.g, y, &[leaf], one, &through).map(|p| p[0]),
        };
        self.net = net;
        found
    }

    /// The mean over units of a measure's value, kept per example.
    pub(crate) fn example_mean(&mut self, n: NodeId) -> NodeId {
        self.g.reduce_all(Reduction::Mean, n).unwrap_or(n)
    }
}

/// What a leaf of the plain pass is computed from.
pub fn define(net: &super::network::Network, leaf: &Leaf) -> Option<NodeId> {
    match leaf {
        Leaf::Rate(p) => Some(net.pop(*p).rate),
        Leaf::Drive(p) => net.pop(*p).drive,
        _ => None,
    }
}
