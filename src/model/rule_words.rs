//! `rule.B(w2)` and `rule.theta(h)` in a measure: feedback weights and states of the experiment's rule.

use super::arguments::nameless;
use super::elaborate::Elab;
use super::network::EdgeId;
use super::rule::Frame;
use super::value::{Member, Scope, Val};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::ir::{ItemKind, Rule};
use crate::source::Span;
use crate::syntax::ast::{Arg, Head, Ident};
use std::rc::Rc;

impl Elab<'_> {
    /// `rule.count`, a state without letters; or what is to be called.
    pub(crate) fn rule_field(&mut self, field: &Ident) -> Val {
        let declared = self.declared_by_rules(&field.name);
        match declared.iter().any(|(.., letters)| !letters.is_empty()) {
            true => Val::Method(Rc::new((Val::Rules, field.name.clone()))),
            false => self.rule_value(field.span, &field.name, &[]),
        }
    }

    /// `rule.B(w2)`
    pub(crate) fn rule_call(&mut self, scope: &Scope, span: Span, name: &str, args: &[Arg]) -> Val {
        if let Some(d) = nameless(&format!("rule.{name}"), args) {
            return self.report(d);
        }
        let mut given = Vec::new();
        for a in args {
            match self.eval(scope, &a.value, None) {
                Val::Error => return Val::Error,
                v => given.push((self.pop_of(&v).map_or(v, Val::Pop), a.value.span)),
            }
        }
        self.rule_value(span, name, &given)
    }

    /// The value at these populations and projections in the rule that has one there: of stages the last.
    fn rule_value(&mut self, span: Span, name: &str, given: &[(Val, Span)]) -> Val {
        let declared = self.declared_by_rules(name);
        let Some((_, _, letters)) = declared.first() else {
            let d = self.not_of_rules(span, name);
            return self.lack(d);
        };
        if declared.iter().all(|d| d.2.len() != given.len()) {
            let code = if given.len() > letters.len() { Code::T0205 } else { Code::T0207 };
            let m = format!("`rule.{name}` takes {} argument(s), but these are {}", letters.len(), given.len());
            let form = format!("rule.{name}({})", letters.join(", "));
            return self.report(Diagnostic::new(code, span, m, "").help(format!("write `{}`", form.replace("()", ""))));
        }
        for ((v, at), letter) in given.iter().zip(letters) {
            let (fits, wanted) = match letter.as_str() {
                "p" | "q" => (matches!(v, Val::Edge(_)), "a projection that has a name by `as`"),
                "n" | "m" | "o" => (matches!(v, Val::Pop(_)), "a population"),
                _ => (true, ""),
            };
            if !fits {
                let m = format!("`rule.{name}` needs {wanted}, but this is {}", self.describe(v));
                return self.report(Diagnostic::new(Code::T0208, *at, m, "").help(format!("give it {wanted}")));
            }
        }
        let values: Vec<Val> = given.iter().map(|g| g.0.clone()).collect();
        let made = declared.iter().filter_map(|(i, m, _)| {
            let frame = &self.previous_frames[*i];
            Some((frame.stage, frame.made.text.clone(), frame.made_at(*m, &values)?, *i))
        });
        let mut made: Vec<_> = made.collect();
        let last = made.iter().map(|m| m.0).max();
        made.retain(|m| Some(m.0) == last);
        // Where a rule is written out for several parts, the part that is asked for.
        let asked = |frame: &usize| self.previous_frames[*frame].edges.iter().any(|e| self.at_edge(*e, &values));
        if made.iter().any(|m| asked(&m.3)) {
            made.retain(|m| asked(&m.3));
        }
        let at = given.first().map_or(span, |g| g.1);
        match made.as_slice() {
            [(_, _, v, _)] => v.clone(),
            [] => {
                let m = format!("the rule has no `{name}` here: none of its equations reads or writes it");
                let d = Diagnostic::new(Code::T0209, at, m, "not here");
                self.lack(d.help("measure it where the rule uses it, such as a projection between populations"))
            }
            several => {
                let names: Vec<String> = several.iter().map(|s| format!("`{}`", s.1)).collect();
                let m = format!("{} have each a `{name}` here", names.join(" and "));
                let d = Diagnostic::new(Code::T0211, at, m, "whose?");
                self.report(d.help("give the declaration of one of them another name"))
            }
        }
    }

    /// Whether values name this projection or what it runs into.
    fn at_edge(&self, e: EdgeId, values: &[Val]) -> bool {
        values.iter().any(|v| match v {
            Val::Edge(own) => *own == e,
            Val::Pop(p) => self.net.edge(e).post == *p,
            _ => false,
        })
    }

    /// Told only if no condition of the experiment has it.
    fn lack(&mut self, d: Diagnostic) -> Val {
        self.task.lacks.get_or_insert(d);
        Val::Error
    }

    /// Feedback weights and states of this name: the rule's place, the declaration, its letters.
    fn declared_by_rules(&self, name: &str) -> Vec<(usize, Member, Vec<String>)> {
        let mut out = Vec::new();
        for (i, frame) in self.previous_frames.iter().enumerate() {
            let Some(rule) = rule_of(frame) else { continue };
            let found = kept(rule).find(|(_, h)| h.name.name == name);
            out.extend(found.map(|(m, h)| (i, m, h.args.iter().map(|a| a.name.clone()).collect())));
        }
        out
    }

    fn not_of_rules(&self, span: Span, name: &str) -> Diagnostic {
        let rules = || self.previous_frames.iter().filter_map(rule_of);
        let declared = rules().flat_map(|r| {
            let signals = r.signals.iter().map(|s| &s.head).chain(r.noises.iter().map(|n| &n.head));
            signals.chain(r.lets.iter().map(|l| &l.0)).chain(r.frees.iter().map(|f| &f.0))
        });
        if declared.map(|h| h.name.name.as_str()).any(|n| n == name) {
            let m = format!("`{name}` of this rule is neither a feedback weight nor a state");
            let d = Diagnostic::new(Code::T0209, span, m, "computed anew at every update");
            return d
                .help("of a rule's equations a measure reads `proposed(h)`; keep in a state what is to be measured");
        }
        let known: Vec<&str> = rules().flat_map(kept).map(|(_, h)| h.name.name.as_str()).collect();
        let m = format!("the rule of this experiment has no feedback weight and no state `{name}`");
        let d = Diagnostic::new(Code::T0209, span, m, "no such name");
        match did_you_mean(name, known.iter().copied()) {
            Some(near) => d.help(format!("did you mean `rule.{near}`?")),
            None if known.is_empty() => d.help("it keeps nothing from update to update"),
            None => {
                let all: Vec<String> = known.iter().map(|n| format!("`rule.{n}`")).collect();
                d.help(format!("there are {}", all.join(", ")))
            }
        }
    }
}

fn rule_of(frame: &Frame) -> Option<&Rule> {
    match &frame.made.item.kind {
        ItemKind::Rule(rule) => Some(rule),
        _ => None,
    }
}

/// What a rule keeps from update to update.
fn kept(rule: &Rule) -> impl Iterator<Item = (Member, &Head)> {
    let feedback = rule.feedbacks.iter().enumerate().map(|(i, f)| (Member::Feedback(i as u32), &f.head));
    feedback.chain(rule.states.iter().enumerate().map(|(i, s)| (Member::State(i as u32), &s.head)))
}
