//! Names of populations, and of projections: each belongs to the instance of an architecture and the turn of a repetition
//! that makes it.

use super::elaborate::Elab;
use super::graph::{Leaf, NodeId, NodeKind};
use super::network::{Edge, EdgeId};
use super::task::Home;
use super::value::{Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::ItemKind;
use crate::source::Span;
use crate::syntax::ast::{self, Expr, ExprKind, Head, Ident, Stmt, StmtKind};
use crate::syntax::print::{expr_text, stmt_text, type_text};

impl Elab<'_> {
    /// `trunk = block(h)`: without a word before it, a name in an architecture is of a nested one. Tells of what is none.
    pub(crate) fn is_instance(&mut self, scope: &Scope, stmt: &Stmt) -> bool {
        let StmtKind::Set { target, ty, value, .. } = &stmt.kind else { return true };
        let nested = match &value.kind {
            ExprKind::Call(f, _) => match &f.kind {
                // What nobody defines is told where it is read.
                ExprKind::Name(n) if scope.find(n).is_none() => {
                    self.program.lookup(scope.module, n).is_none_or(|item| {
                        matches!(item.kind, ItemKind::Architecture { .. }) || self.program.is_damaged(item.id)
                    })
                }
                _ => false,
            },
            ExprKind::Error => true,
            _ => false,
        };
        let (name, text) = (expr_text(target), expr_text(value));
        let d = match (nested, ty) {
            (true, None) => return true,
            (true, Some(t)) => {
                let d = Diagnostic::new(Code::T0210, t.span, "a nested architecture says its shapes itself", "");
                d.help(format!("write `{name} = {text}`"))
            }
            (false, ty) => {
                let m = format!("`{name} = ...` names a nested architecture, and this is none");
                let size = ty.as_ref().map_or("[size]".to_string(), type_text);
                let d = Diagnostic::new(Code::T0210, target.span, m, "");
                d.help(format!("write `population {name}: {size} = {text}`, or `let {name} = {text}` for a value"))
            }
        };
        self.report(d);
        false
    }

    /// Numbers of populations are known by now: `h[1]` may have been made before, and so may `h` in another turn.
    pub(crate) fn first_of_its_name(&mut self, whole: &str, head: &ast::Head) -> bool {
        let Some(first) = self.task.named.insert(whole.to_string(), head.name.span) else { return true };
        let name = &head.name.name;
        if first != head.name.span {
            self.report(Diagnostic::twice(whole, head.name.span, first));
            return false;
        }
        // What could not be read may have numbered it.
        if self.lenient {
            return true;
        }
        if self.task.named.insert(format!("{whole}[]"), first).is_none() {
            let m = format!("`{name}` is made anew in every turn");
            let d = Diagnostic::new(Code::T0202, first, m, "the second turn makes it again");
            self.report(d.help(format!("number it: `{name}[i]`")));
        }
        false
    }

    pub(crate) fn add_edge(&mut self, id: EdgeId, mut edge: Edge) {
        let home = Home { name: edge.name.clone(), ..self.task.home.clone() };
        if let Some(name) = &home.name {
            if let Some(first) = self.task.homes.iter().position(|h| *h == home) {
                let d = Diagnostic::twice(name, edge.span, self.net.edges[first].span);
                self.report(d.help("each name belongs to one projection: give one of them another"));
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

impl Elab<'_> {
    /// A state, a weight or a fixed draw has its first value before there is an example.
    pub(super) fn begins_before_examples(&mut self, name: &str, init: NodeId, span: Span) -> Option<()> {
        let of_example = |n: &NodeId| {
            use Leaf::{Column, Drive, Field, Free, In, Noise, Rate};
            matches!(
                &self.g.node(*n).kind,
                NodeKind::Leaf(Rate(_) | Drive(_) | Field(_) | Column(_) | Noise(_) | Free(_) | In(_))
            )
        };
        if self.g.reachable(&[init]).iter().any(of_example) {
            let m = format!("`{name}` begins before there is an example, and this start reads one");
            let d = Diagnostic::new(Code::T0210, span, m, "");
            self.report(d.help("let it begin with numbers, draws or sizes, such as `= 0`, and write what it becomes"));
            return None;
        }
        Some(())
    }

    pub(super) fn no_field(&mut self, message: String, field: &Ident, names: &[&str], declared: Option<Span>) -> Val {
        let mut d = Diagnostic::new(Code::T0209, field.span, message, "no such field");
        if let Some(at) = declared {
            d = d.also(at, "declared here");
        }
        // `z.argmax()` of other languages.
        let function = self.program.prelude.get(&field.name).map(|i| self.program.item(*i));
        let function = function
            .filter(|i| matches!(i.kind, crate::ir::ItemKind::Function { .. } | crate::ir::ItemKind::Primitive(_)));
        self.report(match names.is_empty() {
            _ if function.is_some() => {
                d.help(format!("a function stands before what it is given: `{}(...)`", field.name))
            }
            true => d.help("it has no fields: read it without `.`"),
            false => d.meant(&field.name, names.iter().copied()),
        })
    }

    /// Of what varies the entry that this condition takes.
    pub(super) fn taken<'e>(&self, e: &'e Expr) -> &'e Expr {
        match &e.kind {
            ExprKind::Vary(_, entries) => match self.choices.get(&e.span).and_then(|i| entries.get(*i)) {
                Some(entry) => self.taken(&entry.value),
                None => e,
            },
            _ => e,
        }
    }

    /// A statement that an architecture does not have.
    pub(super) fn no_part(&mut self, scope: &mut Scope, stmt: &Stmt) {
        let d = Diagnostic::new(Code::T0210, stmt.span, "this does not belong in an architecture", "");
        let mut help = "an architecture holds `population`, `output`, `for` and nested architectures".to_string();
        if let Some(head) = numbered_target(&stmt.kind) {
            help = format!("a population is declared: `population {}`", stmt_text(stmt));
            if let Some(name) = self.numbered(scope, &head) {
                scope.bind(&name, Val::Error, Some(head.name.span));
            }
        }
        self.report(d.help(help));
    }
}

/// `h[1]: [n] = e`, the word left out.
fn numbered_target(kind: &StmtKind) -> Option<Head> {
    let StmtKind::Set { target, .. } = kind else { return None };
    let ExprKind::Index(of, indices) = &target.kind else { return None };
    let (ExprKind::Name(name), [index]) = (&of.kind, indices.as_slice()) else { return None };
    let name = Ident { name: name.clone(), span: of.span };
    Some(Head { name, args: vec![], index: Some(Box::new(index.clone())), span: target.span })
}
