//! Populations whose units are drawn, and noise as a source of an architecture.

use super::architecture::{pending_in, rates_in};
use super::bounds::between;
use super::derive::{opaque, vjp};
use super::domain::Range;
use super::elaborate::Elab;
use super::graph::{Built, Graph, Leaf, Mark, NodeId, NodeKind, Ty};
use super::network::{Noise, PopId, Sampled};
use super::value::{Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::ItemKind;
use crate::ir::axis::Axis;
use crate::ops::table::{Sampler, Surface, TABLE};
use crate::ops::{Binary, Distribution, Unary};
use crate::source::Span;
use crate::syntax::ast::{self, Expr, ExprKind, Ident};

/// A distribution with what it was given besides the probabilities or the mean.
pub(crate) struct Drawn {
    how: Sampler,
    deviation: Option<NodeId>,
}

impl Elab<'_> {
    /// `sample bernoulli(e)`: e, and how units are drawn from it.
    pub(crate) fn sampler(&mut self, scope: &Scope, e: &Expr, want: Option<&[Axis]>) -> Option<(NodeId, Drawn)> {
        let item = match &e.kind {
            ExprKind::Call(callee, args) => match &callee.kind {
                ExprKind::Name(n) => self.program.lookup(scope.module, n).map(|i| (i.clone(), args)),
                _ => None,
            },
            _ => None,
        };
        let surface = item.as_ref().and_then(|(i, _)| match i.kind {
            ItemKind::Primitive(row) => Some(TABLE[row].surface),
            _ => None,
        });
        let (Some((item, args)), Some(Surface::Sample(how))) = (item, surface) else {
            let known = TABLE.iter().filter(|t| matches!(t.surface, Surface::Sample(_)));
            let names: Vec<String> =
                known.map(|t| format!("`{}`", t.signature.split('(').next().unwrap_or(""))).collect();
            let d = Diagnostic::new(Code::T0208, e.span, "`sample` needs a distribution to draw from", "");
            self.report(d.help(format!("there are {}", names.join(", "))));
            return None;
        };
        let slots = self.assign(scope, e.span, &item, args)?;
        let mut nodes = Vec::new();
        for given in slots.into_iter().flatten() {
            let v = self.eval(scope, given, want);
            nodes.push(self.tensor(&v, given.span)?);
        }
        Some((*nodes.first()?, Drawn { how, deviation: nodes.get(1).copied() }))
    }

    /// A population whose drive is that of `node`, drawn from what `node` makes of it. Where `node` is not a function of
    /// one drive, it becomes a population of its own, from which the units are drawn.
    pub(crate) fn sampled_population(
        &mut self,
        name: String,
        shape: Vec<Axis>,
        node: NodeId,
        drawn: &Drawn,
        output: bool,
        span: Span,
    ) -> PopId {
        let spread = self.spread_population(&name, &shape, drawn, span);
        let drawn = &Drawn { how: drawn.how, deviation: spread.map(|p| self.net.pop(p).rate_leaf).or(drawn.deviation) };
        let id = self.finish_population(name.clone(), shape.clone(), node, output, span);
        let pop = self.net.pop(id).clone();
        let stream = format!("sample {name}");
        // Not a number, where what it is drawn by is none.
        let watch = match drawn.how {
            Sampler::Gaussian => None,
            how => match self.probabilities(pop.rate, how == Sampler::Categorical, &name, span) {
                Some(watch) => watch,
                None => return id,
            },
        };
        let held = match (drawn.how, drawn.deviation) {
            (Sampler::Gaussian, Some(deviation)) => {
                let says = format!("the deviation of `{name}` lies at 0 or above");
                let range = Range { low: 0.0, high: f64::INFINITY, says: &says, declared: None };
                // Of a population its equation tells more than its name.
                let known = spread.map_or(deviation, |p| self.net.pop(p).rate);
                let positive = between(&self.g, known).0 >= 0.0;
                match if positive { Some(deviation) } else { self.held_in(deviation, &range, span) } {
                    Some(n) => Some(n),
                    None => return id,
                }
            }
            (_, deviation) => deviation,
        };
        let drawn = &Drawn { how: drawn.how, deviation: held };
        let kind = if drawn.how == Sampler::Gaussian { Distribution::Normal } else { Distribution::Uniform };
        let raw = self.g.make(NodeKind::Random(kind, stream.as_str().into()), vec![], Ty::real(shape));
        let noise = self.noise_leaf(stream, raw, true, span);
        match draw(&mut self.g, drawn, pop.rate, noise, pop.rate_leaf) {
            Ok((rate, log_probability)) => {
                let says = format!("each probability that `{name}` is drawn by lies in 0..1");
                let rate = match watch {
                    Some(holds) => self.watched(rate, holds, &says, span).unwrap_or(rate),
                    None => rate,
                };
                let rate = self.g.mark(Mark::Draw(id), rate, []);
                let p = &mut self.net.populations[id.0 as usize];
                p.rate = rate;
                let (how, probability) = (drawn.how, pop.rate);
                p.sampled = Some(Sampled { how, probability, log_probability, deviation: spread });
                if let Some(spread) = spread {
                    self.scored_spread(spread, pop.rate_leaf, pop.rate);
                }
            }
            Err(f) => {
                self.fault(f, span, "this distribution", &[]);
            }
        }
        id
    }

    /// A deviation that other populations have a say in is a population of its own, `h.deviation`: what a rule moves to
    /// make draws wider or narrower leads there.
    fn spread_population(&mut self, name: &str, shape: &[Axis], drawn: &Drawn, span: Span) -> Option<PopId> {
        let node = drawn.deviation?;
        if rates_in(&self.g, node).is_empty() && pending_in(&self.g, node).is_empty() {
            return None;
        }
        let node = self.fit_shape(node, shape, span, "the deviation")?;
        Some(self.finish_population(format!("{name}.deviation"), shape.to_vec(), node, false, span))
    }

    /// The score of a deviation is of the same draw: the derivative of the logarithm of its density, -(x - mean)^2 / 2 s^2
    /// - log s, by the drive that s comes from. Williams 1992, section 6.
    fn scored_spread(&mut self, spread: PopId, drawn: NodeId, mean: NodeId) {
        let deviation = self.net.pop(spread).rate;
        let g = &mut self.g;
        let mut density = || {
            let miss = g.sub(drawn, mean)?;
            let scaled = g.div(miss, deviation)?;
            let (squares, half) = (g.unary(Unary::Square, scaled)?, g.number(-0.5));
            let (near, size) = (g.mul(half, squares)?, g.unary(Unary::Abs, deviation)?);
            let narrow = g.unary(Unary::Log, size)?;
            let each = g.sub(near, narrow)?;
            g.reduce_all(crate::ops::Reduction::Sum, each)
        };
        if let Ok(log_probability) = density() {
            let (how, probability) = (Sampler::Gaussian, deviation);
            let sampled = Sampled { how, probability, log_probability, deviation: None };
            self.net.populations[spread.0 as usize].sampled = Some(sampled);
        }
    }

    /// `n.score`: the derivative of the logarithm of what was drawn by the drive. `n.probability`: what it was drawn from.
    pub(crate) fn drawn_field(&mut self, p: PopId, field: &Ident) -> Val {
        let pop = self.net.pop(p).clone();
        let Some(s) = &pop.sampled else { return Val::Error };
        if field.name == "probability" {
            return Val::Node(self.g.mark(Mark::Drawn(p), s.probability, []));
        }
        let one = self.g.number(1.0);
        match vjp(&mut self.g, s.log_probability, &[pop.drive_leaf], one, &opaque) {
            Ok(parts) => {
                let zero = self.g.zeros(&Ty::real(pop.shape));
                let score = parts[0].unwrap_or(zero);
                Val::Node(self.g.mark(Mark::Drawn(p), score, []))
            }
            Err(f) => self.fault(f, field.span, "`score`", &[]),
        }
    }

    pub(crate) fn not_through_samples(&mut self, p: PopId, span: Span) -> Val {
        let pop = self.net.pop(p).clone();
        let m = format!("`{}` is sampled, and a derivative does not pass through a draw", pop.name);
        let d = self.at_population(Code::T0404, m, (pop.span, "sampled here"), (span, "differentiated here"));
        self.report(d.help(
            "use a rule that reads `n.score` where `n.sampled`, or make the noise a source: `noise eps: [n] ~ normal(0, 1)`",
        ))
    }

    /// A rule and a population that do not fit: told at the rule, or at the population where the rule is the library's.
    pub(crate) fn at_population(
        &self,
        code: Code,
        message: String,
        (population, there): (Span, &str),
        (rule, here): (Span, &str),
    ) -> Diagnostic {
        let std = self.program.in_library(rule);
        let own = population != Span::default() && !self.open;
        match std && own {
            true => Diagnostic::new(code, population, message, there).also(rule, here),
            false => Diagnostic::new(code, rule, message, here).also(population, there),
        }
    }

    /// A sampled population between a quantity and the outputs, through which no gradient passes.
    pub(crate) fn drawn_below(&self, of: &NodeKind) -> Option<PopId> {
        let (first, own) = match of {
            NodeKind::Leaf(Leaf::Drive(p)) => (*p, true),
            NodeKind::Leaf(Leaf::Rate(p)) => (*p, false),
            NodeKind::Leaf(Leaf::Weight(w)) => (self.net.edge(self.net.weight(*w).edge).post, true),
            _ => return None,
        };
        if self.net.populations.iter().all(|p| p.sampled.is_none()) {
            return None;
        }
        let below = self.net.downstream(first);
        below.into_iter().find(|p| (own || *p != first) && self.net.pop(*p).sampled.is_some())
    }

    /// `noise eps: [k] ~ normal(0, 1)` in an architecture: fresh numbers for each example.
    pub(crate) fn noise_source(
        &mut self,
        scope: &Scope,
        (prefix, own): (&str, &str),
        head: &ast::Head,
        shape: Option<&ast::ShapeOf>,
        value: &Expr,
        span: Span,
    ) -> Val {
        let Some(ast::ShapeOf::Type(t)) = shape else {
            let d = Diagnostic::new(Code::T0305, head.span, "noise of an architecture needs a shape", "");
            return self.report(d.help(format!("write `noise {}: [n] ~ ...`", head.name.name)));
        };
        let Some(shape) = self.type_shape(scope, t) else { return Val::Error };
        // Every turn of a repetition has noise of its own.
        let name = self.noise_name(format!("{prefix}{own}"), None);
        let drawing = scope.drawing(format!("noise {name}"), shape.clone());
        match self.shaped(&drawing, value, &shape, &format!("`{}`", head.name.name)) {
            Some(n) => Val::Node(self.noise_leaf(name, n, true, span)),
            None => Val::Error,
        }
    }

    /// A name that no other noise has, as streams are named by it. What is written out once more, for another stage of
    /// training, is the same noise.
    pub(crate) fn noise_name(&self, name: String, again: Option<Span>) -> String {
        let taken = |name: &String| self.net.noises.iter().any(|n| n.name == *name && Some(n.span) != again);
        let twins = (2..).map(|k| format!("{name} ({k})"));
        std::iter::once(name.clone()).chain(twins).find(|n| !taken(n)).unwrap_or(name)
    }

    pub(crate) fn noise_leaf(&mut self, name: String, node: NodeId, of_example: bool, span: Span) -> NodeId {
        let id = self.net.noises.len() as u32;
        let ty = self.g.ty(node).clone();
        let leaf = self.g.leaf(Leaf::Noise(id), ty);
        self.net.noises.push(Noise { name, leaf, node, of_example, span });
        leaf
    }
}

/// The draw, as a function of drive and noise; and the logarithm of its probability, as one of drive and rate.
fn draw(
    g: &mut Graph,
    drawn: &Drawn,
    p: NodeId,
    noise: NodeId,
    rate: NodeId,
) -> Result<(NodeId, NodeId), super::graph::Fault> {
    let (one, zero) = (g.number(1.0), g.number(0.0));
    match drawn.how {
        Sampler::Bernoulli => {
            let hit = g.binary(Binary::Less, noise, p)?;
            let draw = g.select(hit, one, zero)?;
            let terms = match g.node(p).kind {
                // log p and log (1 - p) of a sigmoid, without overflow.
                NodeKind::Unary(Unary::Sigmoid) => {
                    let l = g.node(p).args[0];
                    let (gain, cost) = (g.mul(rate, l)?, g.unary(Unary::Softplus, l)?);
                    g.sub(gain, cost)?
                }
                _ => {
                    let (log, rest) = (g.unary(Unary::Log, p)?, g.sub(one, p)?);
                    let (log_rest, miss) = (g.unary(Unary::Log, rest)?, g.sub(one, rate)?);
                    let (a, b) = (g.mul(rate, log)?, g.mul(miss, log_rest)?);
                    g.add(a, b)?
                }
            };
            Ok((draw, g.reduce_all(crate::ops::Reduction::Sum, terms)?))
        }
        Sampler::Categorical => {
            let log = log_of(g, p)?;
            // The largest of log p plus Gumbel noise is a draw. Gumbel 1954; Maddison, Tarlow & Minka 2014.
            let inner = g.unary(Unary::Log, noise)?;
            let inner = g.neg(inner)?;
            let gumbel = g.unary(Unary::Log, inner)?;
            let tried = g.sub(log, gumbel)?;
            let best = g.row(NodeKind::ArgMax, tried)?;
            Ok((g.one_hot(best)?, g.dot(rate, log)?))
        }
        Sampler::Gaussian => {
            let deviation = drawn.deviation.unwrap_or(one);
            let spread = g.mul(deviation, noise)?;
            let draw = g.add(p, spread)?;
            let miss = g.sub(rate, p)?;
            let scaled = g.div(miss, deviation)?;
            let squares = g.dot(scaled, scaled)?;
            let half = g.number(-0.5);
            Ok((draw, g.mul(half, squares)?))
        }
    }
}

/// log p; of a softmax without overflow.
fn log_of(g: &mut Graph, p: NodeId) -> Built {
    match g.node(p).kind {
        NodeKind::Softmax => {
            let l = g.node(p).args[0];
            g.row(NodeKind::LogSoftmax, l)
        }
        _ => g.unary(Unary::Log, p),
    }
}
