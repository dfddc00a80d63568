//! What a report tells of a spec before anything has run: its architectures as diagrams.

use crate::driver::{Compilation, Compiled};
use crate::ir::ItemKind;
use crate::report::diagram::Diagram;
use crate::syntax::print::expr_text;

/// Every experiment's architectures, conditions with the same one sharing a diagram.
pub fn diagrams(c: &Compilation) -> Vec<Diagram> {
    c.experiments.iter().flat_map(of_experiment).collect()
}

fn of_experiment(x: &Compiled) -> Vec<Diagram> {
    let ItemKind::Experiment(declared) = &x.item.kind else { return vec![] };
    let objective = declared.settings.get("objective").map(|(e, _)| expr_text(e));
    let mut found: Vec<Diagram> = Vec::new();
    for (condition, model) in x.conditions.iter().zip(&x.models) {
        let Some(model) = model else { continue };
        let new = Diagram::of(model, objective.as_deref());
        match found.iter_mut().find(|d| d.same(&new)) {
            Some(known) => known.conditions.push(condition.name()),
            None => found.push(Diagram { conditions: vec![condition.name()], ..new }),
        }
    }
    // What all share needs no list.
    if let [only] = found.as_mut_slice() {
        only.conditions.clear();
    }
    found
}
