//! What a rule declares and never reads: told, and written out once where rules are tried, so that what is wrong in it is
//! told before something comes to read it.

use super::elaborate::Elab;
use super::value::Val;
use crate::diag::{Code, Diagnostic};
use crate::ir::ItemKind;
use crate::syntax::ast::Ident;

impl Elab<'_> {
    /// Of the rule that was just written out.
    pub(crate) fn unread_members(&mut self) {
        let Some(frame) = self.previous_frames.pop() else { return };
        let made = frame.made.clone();
        self.frames.push(frame);
        if let ItemKind::Rule(rule) = &made.item.kind {
            for name in &rule.unread {
                self.tried(name);
                let m = format!("`{}` of `{}` is never used", name.name, made.item.name);
                let d = Diagnostic::new(Code::T0203, name.span, m, "nothing reads it");
                self.report(d.help("read it in an update, or remove it"));
            }
        }
        self.previous_frames.extend(self.frames.pop());
    }

    /// Reads a member somewhere in the network.
    fn tried(&mut self, name: &Ident) {
        let Some(frame) = self.frames.last() else { return };
        let (scope, made) = (frame.scope.clone(), frame.made.clone());
        let ItemKind::Rule(rule) = &made.item.kind else { return };
        match scope.find(&name.name).map(|l| l.val.clone()) {
            Some(Val::Phase(i, _)) => {
                let indexed = rule.phases.get(i as usize).is_some_and(|(p, _)| p.index.is_some());
                self.phase((i, indexed.then_some(1)), name.span);
            }
            Some(Val::Member(m)) => {
                let letters = &super::rule::head_of(rule, m).args;
                let values: Option<Vec<_>> =
                    letters.iter().map(|l| Some((self.example_of(&l.name)?, l.span))).collect();
                if let Some(values) = values {
                    self.member(m, &values, name.span);
                }
            }
            _ => {}
        }
    }

    /// Something that a letter stands for: a hidden population where there is one, a projection between populations.
    fn example_of(&self, letter: &str) -> Option<Val> {
        let inner = |p: &super::network::PopId| !self.net.pop(*p).input && !self.net.pop(*p).output;
        match letter {
            "n" | "m" => self.net.pops().find(inner).map(Val::Pop),
            "o" => self.net.pops().find(|p| self.net.pop(*p).output).map(Val::Pop),
            "p" | "q" => {
                let between = |e: &super::network::EdgeId| !self.net.pop(self.net.edge(*e).pre).input;
                self.net.edge_ids().find(between).map(Val::Edge)
            }
            _ => None,
        }
    }
}
