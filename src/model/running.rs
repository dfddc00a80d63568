//! `running(e, start, rate)` in the equation of a population: e of the batch in updates, and in measures the mean of what e
//! was in updates, which fades. Its state is no parameter of any rule.

use super::elaborate::Elab;
use super::graph::{Leaf, NodeId, NodeKind, Ty};
use super::value::{Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::Expr;

impl Elab<'_> {
    pub(crate) fn running(&mut self, scope: &Scope, span: Span, [of, start, rate]: [&Expr; 3]) -> Val {
        let v = self.eval(scope, of, None);
        let Some(e) = self.tensor(&v, of.span) else { return Val::Error };
        let shape = self.g.shape(e).to_vec();
        let start = self.shaped(scope, start, &shape, "`running`");
        let rate = self.shaped(scope, rate, &[], "`running`");
        let (Some(start), Some(rate)) = (start, rate) else { return Val::Error };
        if let Some(p) = self.task.inside {
            let m = format!(
                "`{}` settles, and what runs along with updates has no place in its steps",
                self.net.pop(p).name
            );
            let d = Diagnostic::new(Code::T0210, span, m, "");
            return self.report(d.help("read it at a population before, or of the settled rate behind it"));
        }
        // Outside of a population there is nothing that updates could follow.
        if self.task.defining.is_empty() {
            return Val::Node(e);
        }
        let first = format!("running {}", self.task.defining);
        let twins = self.net.slots.iter().filter(|s| s.name.starts_with(&first)).count();
        let name = if twins == 0 { first } else { format!("{first} ({})", twins + 1) };
        let slot = self.new_slot(name, Ty::real(shape), start, false, span);
        let kept = self.net.slots[slot as usize].leaf;
        let training = self.g.leaf(Leaf::Training, Ty { kind: super::graph::Kind::Bool, ..Ty::real(vec![]) });
        self.task.running.push((slot, rate, span));
        self.built(|g| g.select(training, e, kept), span, "`running`")
    }

    /// What updates do to the states of `running`, once the populations that hold them are whole.
    pub(crate) fn run_along(&mut self) {
        let roots: Vec<NodeId> =
            self.net.populations.iter().flat_map(|p| p.drive.into_iter().chain([p.rate])).collect();
        let under = self.g.reachable(&roots);
        for (slot, rate, span) in std::mem::take(&mut self.task.running) {
            let kept = self.net.slots[slot as usize].leaf;
            let of_batch = under.iter().find_map(|n| {
                let node = self.g.node(*n);
                let own = node.kind == NodeKind::Select && node.args[2] == kept;
                own.then(|| node.args[1])
            });
            let Some(e) = of_batch else { continue };
            let far = self.g.sub(e, kept).and_then(|far| self.g.mul(rate, far));
            match far.and_then(|step| self.g.add(kept, step)) {
                Ok(new) => {
                    self.task.writes.insert(slot, (new, span));
                }
                Err(f) => {
                    self.fault(f, span, "`running`", &[]);
                }
            }
        }
    }
}
