//! What a rule declares for the weights of projections (`feedback B(p) like p.W`, `state m(p) like p`), where projections
//! have other weights than it names, or several.

use super::elaborate::Elab;
use super::graph::{Leaf, NodeKind};
use super::network::EdgeId;
use super::rule::Target;
use super::update::Found;
use super::value::{Bundle, Member, Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::ItemKind;
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind, Ident, ShapeOf};

impl Elab<'_> {
    /// Whether something is declared like a weight that the projection it is asked of does not have: then it is not there.
    pub(crate) fn without_weight(&self, m: Member, args: &[(Val, Span)]) -> bool {
        self.missing_weight(m, args).is_some()
    }

    /// Reports what is read where it is not; plain edges are told of where their weights are asked for.
    pub(crate) fn not_there(&mut self, m: Member, args: &[(Val, Span)], span: Span) -> bool {
        let Some((e, name, weight)) = self.missing_weight(m, args) else { return false };
        let edge = self.net.edge(e).clone();
        if edge.weights.is_empty() {
            return false;
        }
        let has: Vec<String> = edge.weights.iter().map(|w| format!("`{}`", self.net.weight(*w).name)).collect();
        let m = format!("`{name}` is like `{weight}`, and the projection {} has no such weight", self.net.edge_text(e));
        let there = format!("it has {}", has.join(", "));
        let d = self.at_population(Code::T0209, m, (edge.span, &there), (span, "read here"));
        self.report(d.help(format!(
            "use a projection whose matrix is called `{weight}`, or leave this part to another rule: `rule = {{ part: ... }}`"
        )));
        true
    }

    /// The projection that lacks a weight, what is declared like it, and the weight's name.
    fn missing_weight(&self, m: Member, args: &[(Val, Span)]) -> Option<(EdgeId, String, String)> {
        let ItemKind::Rule(rule) = &self.frames.last()?.made.item.kind else { return None };
        let (head, shape) = match m {
            Member::Feedback(i) => (&rule.feedbacks[i as usize].head, Some(&rule.feedbacks[i as usize].shape)),
            Member::State(i) => (&rule.states[i as usize].head, rule.states[i as usize].shape.as_ref()),
            Member::Noise(i) => (&rule.noises[i as usize].head, rule.noises[i as usize].shape.as_ref()),
            _ => return None,
        };
        let ShapeOf::Like(like) = shape? else { return None };
        let ExprKind::Field(base, weight) = &like.kind else { return None };
        let ExprKind::Name(letter) = &base.kind else { return None };
        let lacks =
            |e: EdgeId| self.net.weight_named(e, &weight.name).is_none() && !self.of_no_projection(&weight.name);
        head.args.iter().zip(args).find_map(|(a, (v, _))| match v {
            Val::Edge(e) if a.name == *letter && lacks(*e) => Some((*e, head.name.name.clone(), weight.name.clone())),
            _ => None,
        })
    }

    /// Whether a rule that is checked on its own names a weight which none of the projections has that it is tried on.
    fn of_no_projection(&self, weight: &str) -> bool {
        self.open && !self.net.edge_ids().any(|e| self.net.weight_named(e, weight).is_some())
    }

    /// `q.adjoint(e, W = B(q))` at a projection without a `W`: its own weights carry the error back, and that is told. A
    /// rule that names a weight which no projection has is at fault.
    pub(crate) fn own_weights_back(&mut self, edge: EdgeId, name: &Ident) -> bool {
        if self.of_no_projection(&name.name) {
            return false;
        }
        let e = self.net.edge(edge);
        let m = format!(
            "`{}` has no weight `{}`, so that its own weights carry back what the rule sends through others",
            e.projection, name.name
        );
        let d =
            Diagnostic::new(Code::T0414, e.span, m, "transports its weights").also(name.span, "others are put in here");
        self.report(d.help(format!(
            "a projection whose matrix is called `{}` takes the rule's own weights; or compare with that in mind",
            name.name
        )));
        true
    }

    /// `update m(p) along ...` of a state that has one part for each weight.
    pub(crate) fn bundle_updates(
        &mut self,
        u: &ast::Update,
        scope: &Scope,
        kept: &Bundle,
        found: &mut Vec<Found>,
    ) -> Option<()> {
        let parts = match self.eval(scope, &u.along, None) {
            Val::Bundle(b) if b.edge == kept.edge => b.parts,
            Val::Edge(e) if e == kept.edge => self.weights_bundle(e).parts,
            Val::Error => return None,
            v => match self.tensor(&v, u.along.span)? {
                n if self.g.shape(n).is_empty() => vec![n; kept.parts.len()],
                n => {
                    let m = format!("this update needs one value for each weight, but this is {}", self.g.ty(n).text());
                    let d = Diagnostic::new(Code::T0301, u.along.span, m, "");
                    self.report(
                        d.help("build it with `p.outer(post, pre)`, or keep one tensor: `state m(p) like p.W = 0`"),
                    );
                    return None;
                }
            },
        };
        for (leaf, part) in kept.parts.iter().zip(parts) {
            let NodeKind::Leaf(Leaf::Slot(s)) = self.g.node(*leaf).kind else { continue };
            let shape = self.net.slots[s as usize].ty.shape.clone();
            let n = self.fit_shape(part, &shape, u.along.span, "this update")?;
            found.push((Target::Slot(s), n, None, scope.clone()));
        }
        Some(())
    }
}
