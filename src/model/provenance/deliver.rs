//! Deliveries: `adjoint`, `outer`, `apply`, `pull`, and the words of the objective.

use super::Property;
use super::facts::Side;
use super::shared;
use super::walk::{Tag, Walk, Way};
use crate::model::graph::{Mark, NodeId};
use crate::model::network::{EdgeId, PopId};

impl Walk<'_, '_> {
    pub fn delivery(&mut self, at: usize, id: NodeId, mark: &Mark, way: Way) {
        match mark {
            Mark::Outer(e) => self.outer(at, id, *e, way),
            Mark::Adjoint(q) => self.adjoint(at, id, *q, way),
            Mark::Apply(q) => {
                let (pre, post) = self.ends(*q);
                self.read(at, post, &way, &format!("what {} brings", self.f.net.edge_text(*q)));
                let (a, span) = (self.f.g.node(id).args[1], self.f.g.node(id).span);
                let next = way.at(way.side(), Some(pre), self.f.g.shape(a).len());
                self.enter(Some(at), a, next, Some((span, format!("is carried over {}", self.f.net.edge_text(*q)))));
            }
            Mark::Pull(p) => self.pull(at, id, *p, way),
            // The arithmetic of a response is as good as the response.
            Mark::Respond(_) => self.enter(Some(at), self.f.g.node(id).args[0], way, None),
            Mark::Course(p) => {
                self.course(at, *p);
                let e = self.f.g.node(id).args[1];
                let next = Way { linear: false, ..way.at(way.side(), Some(*p), self.f.g.shape(e).len()) };
                let step =
                    (self.f.g.node(id).span, format!("comes back through the course of {}", self.f.net.pop(*p).name));
                self.enter(Some(at), e, next, Some(step));
            }
            Mark::OutputError(o) => {
                let what = format!("the error of {}", self.f.net.pop(*o).name);
                self.read(at, *o, &way, &what);
                for p in self.f.error_reads(id) {
                    self.wait(at, p, &way, &what);
                }
            }
            Mark::Loss | Mark::LossAt(_) => {
                self.note(at, Property::GlobalSignal, "reads the loss, one number for all".into());
                if !way.past {
                    self.note(at, Property::UpdateLocking, "waits for the loss".into());
                }
            }
            Mark::Drawn(p) => {
                let what = format!("how {} was drawn", self.f.net.pop(*p).name);
                self.read(at, *p, &way, &what);
                self.wait(at, *p, &way, &what);
                self.note(at, Property::Stochastic, format!("reads {what}"));
            }
            Mark::Draw(p) => {
                self.note(at, Property::Stochastic, format!("draws {} anew", self.f.net.pop(*p).name));
            }
            Mark::Trace(name) => {
                self.note(at, Property::Trace, format!("reads {name}, a memory that fades"));
                self.enter(Some(at), self.f.g.node(id).args[0], way, None);
            }
            Mark::Within(_) => self.enter(Some(at), self.f.g.node(id).args[1], way, None),
            Mark::Target(o) => {
                let text = format!("reads the target of {}", self.f.net.pop(*o).name);
                self.label(at, &text);
            }
        }
    }

    /// A course is differentiated: all its steps are remembered, and its weights carry in reverse.
    fn course(&mut self, at: usize, p: PopId) {
        let name = self.f.net.pop(p).name.clone();
        self.note(at, Property::Derivative, format!("reads the slopes of every step of {name}"));
        self.note(at, Property::OtherSynapses, format!("reads every step of the course of {name}"));
        self.note(at, Property::WeightTransport, format!("carries back through the course of {name}"));
    }

    /// Whether two edges have a weight in common.
    fn tied(&self, e: EdgeId, other: EdgeId) -> bool {
        let weights = &self.f.net.edge(other).weights;
        self.f.net.edge(e).weights.iter().any(|w| weights.contains(w))
    }

    fn ends(&self, e: EdgeId) -> (PopId, PopId) {
        (self.f.net.edge(e).pre, self.f.net.edge(e).post)
    }

    /// `p.outer(e, a)` reads e at the post side and a at the pre side.
    fn outer(&mut self, at: usize, id: NodeId, e: EdgeId, way: Way) {
        let f = self.f;
        let node = f.g.node(id);
        let text = f.net.edge_text(e);
        if way.back.is_none() {
            if way.tags.contains(&Tag::Mixed) || way.home.is_some_and(|h| h != e && !self.tied(h, e)) {
                self.note(at, Property::OtherSynapses, format!("reads what the synapses of {text} see"));
            } else if way.tags.contains(&Tag::Pooled) {
                self.note(at, Property::LayerSignal, format!("pools over the synapses of {text}"));
            }
        }
        for w in shared::carried_within(f.g, id) {
            let name = &f.net.weight(w).name;
            self.note(at, Property::WeightTransport, format!("reads {name} of {text} in reverse"));
        }
        let (pre, post) = self.ends(e);
        let (bar, a) = (node.args[1], node.args[2]);
        for (arg, other, side, pop, end) in [(bar, a, Side::Post, post, "post"), (a, bar, Side::Pre, pre, "pre")] {
            let linear = way.linear && !f.varies(other);
            let next = Way { home: Some(e), linear, ..way.at(side, Some(pop), f.g.shape(arg).len()) };
            self.enter(Some(at), arg, next, Some((node.span, format!("arrives at the {end} side of {text}"))));
        }
    }

    /// `q.adjoint(e, W = X)`: delivered at q's pre side; judged by e and by X.
    fn adjoint(&mut self, at: usize, id: NodeId, q: EdgeId, way: Way) {
        let f = self.f;
        let node = f.g.node(id);
        let (pre, post) = self.ends(q);
        let text = f.net.edge_text(q);
        self.read(at, pre, &way, &format!("what {text} carries back"));
        let side = way.side();
        let bar = node.args[1];
        let next = way.at(side, Some(post), f.g.shape(bar).len());
        self.enter(Some(at), bar, next, Some((node.span, format!("is carried back over {text}"))));
        // What carries through a course is its whole course; a projection within one carries as any other.
        if f.net.pop(post).course.is_some() && f.net.edge(q).inside.is_none() {
            return self.course(at, post);
        }
        let (direct, rates) = f.direct(id);
        for x in node.args[2..].iter().filter(|x| direct.contains(x)) {
            let rank = f.g.shape(*x).len();
            let next = Way { back: Some(q), linear: false, ..way.at(side, None, rank) };
            self.enter(Some(at), *x, next, Some((node.span, format!("is carried back over {text}"))));
        }
        // A map that is not linear in its input reads it where it stands, and a product reads the other factor.
        let value = f.g.node(f.net.edge(q).contribution).args[0];
        if !f.function(value, f.net.pop(pre).rate_leaf).linear {
            self.note(at, Property::Derivative, format!("reads the slope of {text}"));
        }
        if rates {
            let inner = way.at(side, Some(pre), f.g.shape(id).len());
            self.enter(Some(at), node.args[0], Way { within: Some(id), linear: false, ..inner }, None);
        }
    }

    /// `n.pull(e)`: e times the slope of the unit's own response.
    fn pull(&mut self, at: usize, id: NodeId, p: PopId, way: Way) {
        let f = self.f;
        let node = f.g.node(id);
        let what = format!("the slope of {}", f.net.pop(p).name);
        let shape = f.response(p);
        self.read(at, p, &way, &what);
        if !shape.linear {
            self.note(at, Property::Derivative, format!("reads {what}"));
            self.wait(at, p, &way, &what);
        }
        if !shape.own {
            self.note(at, Property::LayerSignal, format!("reads {what}, which depends on all its units"));
        }
        let (e, drive) = (node.args[1], node.args[2]);
        let next = Way { linear: way.linear && shape.linear, ..way.at(way.side(), Some(p), f.g.shape(e).len()) };
        self.enter(Some(at), e, next, Some((node.span, format!("passes the response of {}", f.net.pop(p).name))));
        // A slope at another drive than the unit's own reads what that is made of.
        if !shape.linear && !f.is_drive(drive) {
            let next = Way { linear: false, ..way.at(way.side(), Some(p), f.g.shape(drive).len()) };
            self.enter(Some(at), drive, next, Some((node.span, what)));
        }
    }
}
