//! `redrawn(k, e)` in a measure: `e` with all noise and all samples drawn independently, once for each `k`.

use super::arguments::Form;
use super::elaborate::Elab;
use super::graph::{Leaf, NodeKind, Replaced};
use super::network::Phase;
use super::value::{Scope, Val};
use crate::diag::Code;
use crate::source::Span;
use crate::syntax::ast::{self, Expr};
use std::collections::HashMap;

/// For each number what every leaf becomes, and how many values of phases have been looked at.
pub type Redraws = HashMap<u64, (Replaced, usize)>;

impl Elab<'_> {
    pub(crate) fn redrawn(&mut self, scope: &Scope, span: Span, k: &Expr, e: &Expr) -> Val {
        let Some(k) = self.count(scope, k) else { return Val::Error };
        let v = self.eval(scope, e, None);
        let Some(n) = self.tensor(&v, e.span) else { return Val::Error };
        let Some((mut replaced, seen)) = self.redraw(k, span) else { return Val::Error };
        let made = self.built(|g| g.substitute_again(n, &mut replaced), span, "`redrawn`");
        self.task.redraws.insert(k, (replaced, seen));
        made
    }

    /// Leaves with other draws beneath them.
    fn redraw(&mut self, k: u64, span: Span) -> Option<(Replaced, usize)> {
        let (mut replaced, mut seen) = match self.task.redraws.remove(&k) {
            Some(known) => known,
            None => (self.drawn_again(k, span)?, 0),
        };
        while seen < self.net.values.len() {
            let value = self.net.values[seen].clone();
            let node = self.g.substitute_again(value.node, &mut replaced).ok()?;
            if node != value.node {
                let ty = self.g.ty(node).clone();
                let old = self.g.leaf(Leaf::In(seen as u32), ty);
                let new = self.phase_leaf(value.phase, value.of, node);
                self.g.replace(&mut replaced, old, new);
            }
            seen += 1;
        }
        Some((replaced, seen))
    }

    fn drawn_again(&mut self, k: u64, span: Span) -> Option<Replaced> {
        let mut map = HashMap::new();
        // Noise of another redrawing is its own.
        for noise in self.net.noises.clone().into_iter().filter(|n| !n.name.contains('#')) {
            let mut streams = HashMap::new();
            for n in self.g.reachable(&[noise.node]) {
                if let NodeKind::Random(d, stream) = self.g.node(n).kind.clone() {
                    let ty = self.g.ty(n).clone();
                    let other = NodeKind::Random(d, format!("{stream} #{k}").into());
                    streams.insert(n, self.g.make(other, vec![], ty));
                }
            }
            let node = self.g.substitute(noise.node, &streams).ok()?;
            let leaf = self.noise_leaf(format!("{} #{k}", noise.name), node, noise.of_example, noise.span);
            map.insert(noise.leaf, leaf);
        }
        let id = self.net.phases.len() as u32;
        let (name, none) = (format!("draw {k}"), HashMap::new());
        let (changes, flows) = Default::default();
        self.net.phases.push(Phase { name, span, changes, flows, steps: 0, from: None, residual: None, map: none });
        self.run_again(id, &Default::default(), &mut map)?;
        let mut replaced = Replaced::default();
        map.iter().for_each(|(old, new)| self.g.replace(&mut replaced, *old, *new));
        Some(replaced)
    }

    /// `initial(e)` in a measure: `e` as it was with the weights that the network began with.
    pub(crate) fn initial(&mut self, scope: &Scope, span: Span, e: &Expr) -> Val {
        let v = self.eval(scope, e, None);
        let Some(n) = self.tensor(&v, e.span) else { return Val::Error };
        self.shared.deeds += 1;
        let mut map = HashMap::new();
        for i in 0..self.net.weights.len() {
            let weight = self.net.weights[i].clone();
            let name = format!("initial {}: {}", self.net.edge_text(weight.edge), weight.name);
            let slot = match self.net.slots.iter().position(|s| s.name == name) {
                Some(slot) => slot as u32,
                None => {
                    let ty = self.g.ty(weight.leaf).clone();
                    self.new_slot(name, ty, weight.init, false, weight.span)
                }
            };
            map.insert(weight.leaf, self.net.slots[slot as usize].leaf);
        }
        // So it is with what the rule keeps.
        let mut kept: Vec<u32> = self.previous_frames.iter().flat_map(|f| f.slots()).collect();
        kept.sort();
        for i in kept {
            let slot = self.net.slots[i as usize].clone();
            let name = format!("initial {}", slot.name);
            let first = match self.net.slots.iter().position(|s| s.name == name) {
                Some(first) => first as u32,
                None if self.g.reachable(&[n]).contains(&slot.leaf) => {
                    self.new_slot(name, slot.ty, slot.init, slot.feedback, slot.span)
                }
                None => continue,
            };
            map.insert(slot.leaf, self.net.slots[first as usize].leaf);
        }
        let id = self.net.phases.len() as u32;
        let (changes, flows) = Default::default();
        let (name, none) = ("at first".to_string(), HashMap::new());
        self.net.phases.push(Phase { name, span, changes, flows, steps: 0, from: None, residual: None, map: none });
        if self.run_again(id, &Default::default(), &mut map).is_none() {
            return Val::Error;
        }
        self.built(|g| g.substitute(n, &map), span, "`initial`")
    }

    /// Names in a `let` that nothing reads are looked up all the same.
    pub(crate) fn unread_lets(&mut self, scope: &Scope, x: &crate::ir::Experiment) {
        for (head, e) in &x.lets {
            if self.program.used.borrow().contains(&head.name.span) {
                continue;
            }
            let before = std::mem::take(&mut self.diags);
            let mut inner = scope.clone();
            head.args.iter().for_each(|a| inner.bind(&a.name, Val::Error, None));
            self.eval(&inner, e, None);
            let found = std::mem::replace(&mut self.diags, before);
            // What else may be wrong with it depends on what reads it.
            let named = |c: Code| crate::check::single::survives_damage(c) || c == Code::T0209;
            found.iter().filter(|d| named(d.code)).for_each(|d| self.diags.push(d.clone()));
        }
    }

    /// A `let` of an experiment that takes arguments.
    pub(crate) fn call_let(&mut self, scope: &Scope, span: Span, head: &ast::Head, e: &Expr, args: &[ast::Arg]) -> Val {
        let letters: Vec<&str> = head.args.iter().map(|a| a.name.as_str()).collect();
        let form = Form { at: Some(head.span), ..Form::of(&head.name.name, &letters) };
        let Some(given) = self.all_given(scope, span, &form, args) else { return Val::Error };
        let mut inner = scope.clone();
        for (letter, a) in head.args.iter().zip(given) {
            let v = self.eval(scope, a, None);
            if matches!(v, Val::Error) {
                return Val::Error;
            }
            inner.bind(&letter.name, v, None);
        }
        self.defined(head, e, &inner, span)
    }
}
