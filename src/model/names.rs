//! Names of projections: each belongs to the instance of an architecture and the turn of a repetition that makes it.

use super::elaborate::Elab;
use super::network::{Edge, EdgeId};
use super::task::Home;
use super::value::{Scope, Val};
use crate::diag::{Code, Diagnostic};

impl Elab<'_> {
    pub(crate) fn add_edge(&mut self, id: EdgeId, mut edge: Edge) {
        let home = Home { name: edge.name.clone(), ..self.task.home.clone() };
        if let Some(name) = &home.name {
            if let Some(first) = self.task.homes.iter().position(|h| *h == home) {
                let m = format!("`{name}` names two projections");
                let d = Diagnostic::new(Code::T0202, edge.span, m, "the second");
                let d = d.also(self.net.edges[first].span, "the first");
                self.report(d.help("give one of them another name"));
            }
            let turns: String = home.turns.iter().map(|i| format!("[{i}]")).collect();
            edge.name = Some(format!("{name}{turns}"));
        }
        self.task.homes.push(home);
        self.net.populations[edge.pre.0 as usize].outgoing.push(id);
        self.net.populations[edge.post.0 as usize].incoming.push(id);
        self.net.edges.push(edge);
    }

    /// Names given by `as` are in scope from here on: those of this instance of the architecture, in a repetition those of
    /// this turn, and of every turn with its number.
    pub(crate) fn bind_edges(&mut self, scope: &mut Scope) {
        let here = &self.task.home;
        for (e, home) in self.net.edge_ids().zip(&self.task.homes).filter(|(_, h)| h.prefix == here.prefix) {
            let (Some(bare), Some(whole)) = (&home.name, &self.net.edge(e).name) else { continue };
            if whole != bare && scope.find(whole).is_none() {
                scope.bind(whole, Val::Edge(e), None);
            }
            if !here.turns.starts_with(&home.turns) {
                continue;
            }
            let nearer = match scope.find(bare).map(|l| &l.val) {
                None => true,
                Some(Val::Edge(old)) => {
                    let known = &self.task.homes[old.0 as usize];
                    *old != e && known.name == home.name && known.turns.len() <= home.turns.len()
                }
                Some(_) => false,
            };
            if nearer {
                scope.bind(bare, Val::Edge(e), None);
            }
        }
    }

    /// Behind a turn its projections go by their numbers.
    pub(crate) fn unbind_turn(&self, scope: &mut Scope) {
        let here = &self.task.home;
        scope.locals.retain(|l| match l.val {
            Val::Edge(e) => {
                let home = &self.task.homes[e.0 as usize];
                let own = home.prefix == here.prefix && home.turns.len() > here.turns.len();
                !(own && home.name.as_deref() == Some(&*l.name))
            }
            _ => true,
        });
    }
}
