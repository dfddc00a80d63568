//! What the phases of a rule need: how many runs its updates remember, how long they settle, and what moves their units.

use super::facts::Facts;
use super::{Entry, Property, Row, target_text, walk};
use crate::model::graph::{Graph, Leaf, Mark, NodeId, NodeKind};
use crate::model::network::{EdgeId, Network, Phase};
use crate::model::rule::Update;
use std::collections::BTreeSet;

/// Phases whose values are read under some expressions.
fn read_under(g: &Graph, net: &Network, roots: &[NodeId]) -> BTreeSet<u32> {
    let phase = |n: NodeId| match g.node(n).kind {
        NodeKind::Leaf(Leaf::In(i)) => Some(net.values[i as usize].phase).filter(|p| (*p as usize) < net.phases.len()),
        _ => None,
    };
    g.reachable(roots).into_iter().filter_map(phase).collect()
}

/// All that a rule's updates read, with the phases that those start from or read.
fn taking_part(g: &Graph, net: &Network, updates: &[Update]) -> BTreeSet<u32> {
    let roots: Vec<NodeId> = updates.iter().map(|u| u.along).collect();
    let mut found = read_under(g, net, &roots);
    let mut open: Vec<u32> = found.iter().copied().collect();
    while let Some(id) = open.pop() {
        let phase = &net.phases[id as usize];
        let own: Vec<NodeId> = phase.changes.iter().map(|c| c.1).chain(phase.flows.iter().map(|f| f.1)).collect();
        for other in read_under(g, net, &own).into_iter().chain(phase.from) {
            if found.insert(other) {
                open.push(other);
            }
        }
    }
    found
}

/// Counts of runs and of steps.
pub fn count(g: &Graph, net: &Network, updates: &[Update], row: &mut Row) {
    let roots: Vec<NodeId> = updates.iter().map(|u| u.along).collect();
    let read = read_under(g, net, &roots);
    let Some(last) = read.last().map(|p| &net.phases[*p as usize]) else { return };
    let moves = |p: &Phase| net.populations.iter().any(|pop| p.moves(pop));
    let phases = || read.iter().map(|p| &net.phases[*p as usize]);
    // The plain pass counts where a value is read of it that another phase has changed, unless a phase that changes no
    // population is read as well: that one is the plain pass.
    let plain = g.reachable(&roots).into_iter().any(|n| match g.node(n).kind {
        NodeKind::Leaf(Leaf::Rate(p) | Leaf::Drive(p)) => {
            !net.pop(p).input && phases().any(|phase| phase.moves(net.pop(p)))
        }
        _ => false,
    });
    let runs = read.len() + usize::from(plain && phases().all(moves));
    let Some(u) = updates.first() else { return };
    let end = (u.span, target_text(net, u.target));
    if runs > 1 {
        row.add(Property::Phases(runs as u32), vec![(last.span, format!("is one of {runs} runs")), end.clone()]);
    }
    let all = taking_part(g, net, updates);
    let steps: u64 = all.iter().map(|p| net.phases[*p as usize].steps).sum();
    if steps > 0 {
        row.add(Property::Settling(steps as u32), vec![(last.span, format!("settles, {steps} steps in all")), end]);
    }
}

/// The dynamics row of a rule: what the phases that its updates read need to settle, and what is put into them.
pub fn dynamics_row(g: &Graph, net: &Network, updates: &[Update]) -> Row {
    let facts = Facts::new(g, net, updates, &[]);
    let mut row = Row::default();
    let all = taking_part(g, net, updates);
    let both_ways = both_ways(g, all.iter().map(|p| &net.phases[*p as usize]));
    for id in all {
        let phase = &net.phases[id as usize];
        for (p, node) in &phase.changes {
            let end = format!("changes {} in `{}`", net.pop(*p).name, phase.name);
            let mut found = Row::default();
            walk::follow_unit(&facts, *p, *node, phase.span, end, &mut found);
            let shown = net.pop(*p).input;
            found.entries.into_iter().filter_map(|e| if shown { at_input(e) } else { Some(e) }).for_each(|e| {
                row.add(e.property, e.path);
            });
        }
        let mut flows = Row::default();
        for (f, node) in &phase.flows {
            let free = &net.frees[*f as usize];
            let end = format!("moves {} in `{}`", free.name, phase.name);
            walk::follow_unit(&facts, free.pop, *node, phase.span, end, &mut flows);
        }
        for mut e in flows.entries {
            if e.property == Property::WeightTransport && both_ways {
                e.property = Property::SymmetricWeights;
            }
            row.add(e.property, e.path);
        }
    }
    let carries = row.entry("weight_transport").is_some();
    // That updates wait for a phase is said of the updates.
    let told = |p: Property| p == Property::UpdateLocking || (carries && p == Property::SignTransport);
    row.entries.retain(|e| !told(e.property));
    row
}

/// What is shown at an input is put there from without: how it is laid out over the units is no synapse's business, and what
/// was drawn for it is chance, because no unit perturbed itself.
fn at_input(e: Entry) -> Option<Entry> {
    match e.property {
        Property::OtherSynapses | Property::LayerSignal => None,
        Property::NoiseTag => Some(Entry { property: Property::Stochastic, ..e }),
        _ => Some(e),
    }
}

/// The dynamics of an architecture: what its populations that settle by themselves need for that.
pub fn course_row(g: &Graph, net: &Network) -> Row {
    let facts = Facts::new(g, net, &[], &[]);
    let mut row = Row::default();
    let settling = || net.pops().filter_map(|p| net.pop(p).course.as_ref().map(|c| (p, c)));
    for (p, course) in settling() {
        let name = &net.pop(p).name;
        let mut flows = Row::default();
        for node in &course.flows {
            walk::follow_unit(&facts, p, *node, course.span, format!("moves {name}"), &mut flows);
        }
        // Of what settles together all equations carry.
        let with = &net.joints[course.joint].members;
        let all: Vec<NodeId> =
            with.iter().filter_map(|p| net.pop(*p).course.as_ref()).flat_map(|c| c.flows.iter().copied()).collect();
        let both = carried_both_ways(g, &all);
        for mut e in flows.entries {
            if e.property == Property::WeightTransport && both {
                e.property = Property::SymmetricWeights;
            }
            row.add(e.property, e.path);
        }
        for e in net.edges.iter().filter(|e| e.post == p && e.inside.is_some()) {
            if e.weights.iter().any(|w| net.weight(*w).symmetric) {
                let path =
                    vec![(e.span, "has one weight for both directions".into()), (course.span, format!("moves {name}"))];
                row.add(Property::SymmetricWeights, path);
            }
        }
    }
    if let Some((p, course)) = settling().last() {
        let steps: u64 = net.joints.iter().map(|j| j.steps).sum();
        let path = vec![
            (course.span, format!("settles, {steps} steps in all")),
            (course.span, format!("moves {}", net.pop(p).name)),
        ];
        row.add(Property::Settling(steps as u32), path);
    }
    row.entries.retain(|e| e.property != Property::UpdateLocking);
    row
}

/// Whether all weights that carry backwards while the phases of a rule settle carry forwards in them as well.
fn both_ways<'a>(g: &Graph, phases: impl Iterator<Item = &'a Phase>) -> bool {
    let roots: Vec<NodeId> = phases.flat_map(|p| p.flows.iter().map(|f| f.1)).collect();
    carried_both_ways(g, &roots)
}

fn carried_both_ways(g: &Graph, roots: &[NodeId]) -> bool {
    let (mut forward, mut back): (BTreeSet<EdgeId>, BTreeSet<EdgeId>) = Default::default();
    for n in g.reachable(roots) {
        let node = g.node(n);
        let reads_weight = || node.args[1..].iter().any(|a| matches!(g.node(*a).kind, NodeKind::Leaf(Leaf::Weight(_))));
        match &node.kind {
            NodeKind::Mark(Mark::Apply(e)) if reads_weight() => {
                forward.insert(*e);
            }
            NodeKind::Mark(Mark::Adjoint(e)) if reads_weight() => {
                back.insert(*e);
            }
            _ => {}
        }
    }
    back.is_subset(&forward)
}
