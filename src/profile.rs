//! Where each rule takes its information from: claims settled, rows printed.

use crate::diag::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::driver::{Compilation, Compiled};
use crate::ir::{Item, ItemKind, Program};
use crate::model::hypothesis::Settled;
use crate::model::provenance::{LOCAL, PROPERTIES, Property, Row, course_row, dynamics_row, update_row};
use crate::source::{SourceMap, Span};
use crate::syntax::ast::{ClaimRelation, ExprKind};
use serde_json::{Map, Value, json};
use std::rc::Rc;

/// The row of one rule on one architecture.
pub struct Profile {
    pub name: String,
    /// The architecture, as the user knows it.
    pub on: String,
    pub update: Row,
    pub dynamics: Row,
    /// Of an architecture that settles by itself: it has no updates.
    pub settles: bool,
}

/// The network that stands for any, where a spec uses a rule nowhere.
const PLAIN: &str = "a plain network of two hidden layers";

/// Whether a rule has a property, on every architecture of the spec that it is used on. With `needs` one architecture
/// that lacks it decides, with `avoids` one that has it.
pub fn settle(
    program: &Program,
    experiments: &[Compiled],
    rule: &Rc<Item>,
    relation: &ClaimRelation,
    name: &str,
    diags: &mut Diagnostics,
) -> Option<Settled> {
    let rows = match rule.kind {
        ItemKind::Rule(_) => profiles(program, experiments, rule, None),
        _ => architectures(experiments, std::slice::from_ref(&rule.name), None),
    };
    if rows.is_empty() && !matches!(rule.kind, ItemKind::Rule(_)) {
        let m = format!("`{}` settles in no experiment of this spec, so nothing moves in it by itself", rule.name);
        let d = Diagnostic::new(Code::T0413, relation.property.span, m, "what should need this?");
        diags.push(d.help("claim it of a rule, or train the architecture in an experiment"));
        return None;
    }
    if rows.is_empty() {
        // What is wrong with the rule has been reported.
        return None;
    }
    let within = relation.within.as_ref().map(|w| w.name.as_str());
    let mut answer: Option<Settled> = None;
    for p in &rows {
        let parts: &[&Row] = match within {
            Some("update") => &[&p.update],
            Some("dynamics") => &[&p.dynamics],
            _ => &[&p.update, &p.dynamics],
        };
        let found = parts.iter().find_map(|row| row.entry(name));
        // Symmetric weights in the dynamics carry weights backwards as well.
        let symmetric =
            (name == "weight_transport").then(|| parts.iter().find_map(|row| row.entry("symmetric_weights")));
        let settled = if name == LOCAL {
            let against = parts.iter().find_map(|row| row.against_local());
            Settled {
                has: against.is_none(),
                path: against.map(|e| e.path.clone()).unwrap_or_default(),
                equations: String::new(),
            }
        } else {
            let entry = found.or(symmetric.flatten());
            Settled {
                has: entry.is_some(),
                path: entry.map(|e| e.path.clone()).unwrap_or_default(),
                equations: String::new(),
            }
        };
        if answer.is_none() || settled.has != relation.needs {
            answer = Some(settled);
        }
    }
    answer.map(|a| Settled { equations: equations(program, experiments, rule), ..a })
}

/// The equations of a rule or of an architecture wherever the spec uses it, without names.
fn equations(program: &Program, experiments: &[Compiled], item: &Rc<Item>) -> String {
    let mut all = std::collections::BTreeSet::new();
    for x in experiments {
        let architecture = architecture(x).split('(').next() == Some(item.name.as_str());
        for m in x.models.iter().flatten() {
            let own = m.updates.iter().filter(|u| u.rule == item.name).map(|u| u.along);
            let flows = m.net.populations.iter().filter_map(|p| p.course.as_ref()).flat_map(|c| c.flows.clone());
            let roots: Vec<_> = if architecture { flows.collect() } else { own.collect() };
            if !roots.is_empty() {
                all.insert(m.g.fingerprint(&roots));
            }
        }
    }
    if all.is_empty()
        && let Some(p) = crate::check::single::on_probe(program, item)
    {
        all.insert(p.g.fingerprint(&p.updates.iter().map(|u| u.along).collect::<Vec<_>>()));
    }
    all.into_iter().collect::<Vec<_>>().join(" ")
}

/// The property of a claim by its name, checked.
pub fn asked_for(relation: &ClaimRelation, diags: &mut Diagnostics) -> Option<String> {
    let name = &relation.property.name;
    if name != LOCAL && Property::parse(name).is_none() {
        let all: Vec<&str> = PROPERTIES.iter().map(|p| p.name()).chain([LOCAL]).collect();
        let d = Diagnostic::new(Code::T0413, relation.property.span, format!("there is no property `{name}`"), "");
        diags.push(d.meant_or(name, all.iter().copied(), format!("there are {}", all.join(", "))));
        return None;
    }
    if let Some(w) = &relation.within
        && !matches!(w.name.as_str(), "update" | "dynamics")
    {
        let m = format!("a rule has an update and dynamics, not `{}`", w.name);
        diags.push(Diagnostic::new(Code::T0413, w.span, m, "").help("write `in the update` or `in the dynamics`"));
        return None;
    }
    let Some(number) = &relation.number else { return Some(name.clone()) };
    let counted = Property::parse(&format!("{name}(1)")).is_some();
    match &number.kind {
        ExprKind::Number { value, unit: None, .. } if counted && *value >= 1.0 && value.fract() == 0.0 => {
            Some(format!("{name}({value})"))
        }
        _ if counted => {
            let d = Diagnostic::new(
                Code::T0413,
                number.span,
                format!("`{name}` is counted by a whole number from 1 on"),
                "",
            );
            diags.push(d.help(format!("write `{name}(2)`, or `{name}` for any number of them")));
            None
        }
        _ => {
            let d =
                Diagnostic::new(Code::T0413, number.span, format!("`{name}` is there or not, and is not counted"), "");
            diags.push(d.help(format!("write `{name}`")));
            None
        }
    }
}

/// The rows of a rule on the architectures that it is used on, or on a plain network.
fn profiles(program: &Program, experiments: &[Compiled], rule: &Rc<Item>, on: Option<&str>) -> Vec<Profile> {
    let mut out: Vec<Profile> = Vec::new();
    for x in experiments {
        let on_text = architecture(x);
        if on.is_some_and(|o| o != on_text.split('(').next().unwrap_or("")) {
            continue;
        }
        for m in x.models.iter().flatten() {
            let own: Vec<_> = m.updates.iter().filter(|u| u.rule == rule.name).cloned().collect();
            if own.is_empty() {
                continue;
            }
            let targets: Vec<_> = own.iter().map(|u| u.target).collect();
            let thens: Vec<_> = m.thens.iter().filter(|t| targets.contains(&t.target)).cloned().collect();
            let update = update_row(&m.g, &m.net, &own, &thens);
            if out.iter().any(|p| p.on == on_text && p.update.texts() == update.texts()) {
                continue;
            }
            out.push(Profile {
                name: rule.name.clone(),
                on: on_text.clone(),
                update,
                dynamics: dynamics_row(&m.g, &m.net, &own),
                settles: false,
            });
        }
    }
    if out.is_empty()
        && on.is_none()
        && let Some(p) = crate::check::single::on_probe(program, rule)
    {
        let update = update_row(&p.g, &p.net, &p.updates, &p.thens);
        out.push(Profile {
            name: rule.name.clone(),
            on: PLAIN.into(),
            update,
            dynamics: dynamics_row(&p.g, &p.net, &p.updates),
            settles: false,
        });
    }
    out
}

/// The rows of architectures with populations that settle by themselves.
fn architectures(experiments: &[Compiled], names: &[String], on: Option<&str>) -> Vec<Profile> {
    let mut out: Vec<Profile> = Vec::new();
    for x in experiments {
        let on_text = architecture(x);
        let name = on_text.split('(').next().unwrap_or("").to_string();
        if on.is_some_and(|o| o != name) || !(names.is_empty() || names.contains(&name)) {
            continue;
        }
        for m in x.models.iter().flatten() {
            if m.net.populations.iter().all(|p| p.course.is_none()) {
                continue;
            }
            let dynamics = course_row(&m.g, &m.net);
            if !out.iter().any(|p| p.on == on_text && p.dynamics.texts() == dynamics.texts()) {
                let (name, on, update) = (name.clone(), on_text.clone(), Row::default());
                out.push(Profile { name, on, update, dynamics, settles: true });
            }
        }
    }
    out
}

fn architecture(x: &Compiled) -> String {
    match &x.item.kind {
        ItemKind::Experiment(e) => {
            e.settings.get("architecture").map(|(e, _)| crate::syntax::print::expr_text(e)).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// Profiles of the named rules of a spec, or of all in its scope. An error is a sentence.
pub fn of_spec(c: &Compilation, names: &[String], on: Option<&str>) -> Result<Vec<Profile>, String> {
    let Some(module) = c.program.user.first() else { return Ok(vec![]) };
    let asked = !names.is_empty();
    let in_scope: Vec<Rc<Item>> =
        c.program.module(*module).scope.values().map(|i| c.program.item(i.item).clone()).collect();
    let rules: Vec<Rc<Item>> = in_scope.into_iter().filter(|i| matches!(i.kind, ItemKind::Rule(_))).collect();
    let own = architectures(&c.experiments, names, on);
    // What is named may be an architecture.
    let names: Vec<String> = names.iter().filter(|n| !own.iter().any(|p| p.name == **n)).cloned().collect();
    let rules = if names.is_empty() && !own.is_empty() && asked { vec![] } else { select(&c.program, rules, &names)? };
    let found = rules.iter().try_fold(Vec::new(), |mut out, rule| {
        let found = profiles(&c.program, &c.experiments, rule, on);
        if found.is_empty()
            && let Some(o) = on
        {
            return Err(format!("no experiment of the spec trains `{}` on `{o}`", rule.name));
        }
        out.extend(found);
        Ok::<_, String>(out)
    })?;
    Ok(found.into_iter().chain(own).collect())
}

/// Profiles of the standard library's rules.
pub fn of_library(names: &[String]) -> Result<(SourceMap, Vec<Profile>), String> {
    let (sources, program) = crate::manual::library();
    let rules: Vec<Rc<Item>> = program.items.iter().filter(|e| e.word == "rule").map(|e| e.item().clone()).collect();
    let rules = select(&program, rules, names)?;
    let found = rules.iter().flat_map(|r| profiles(&program, &[], r, None)).collect();
    Ok((sources, found))
}

fn select(program: &Program, rules: Vec<Rc<Item>>, names: &[String]) -> Result<Vec<Rc<Item>>, String> {
    if names.is_empty() {
        return Ok(rules);
    }
    let mut out = Vec::new();
    for name in names {
        let known = rules.iter().find(|r| r.name == *name);
        let anywhere = || program.items.iter().find(|e| e.name == *name && e.word == "rule").map(|e| e.item());
        match known.or_else(anywhere) {
            Some(r) => out.push(r.clone()),
            None => {
                let near = did_you_mean(name, rules.iter().map(|r| r.name.as_str()));
                let help = near.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
                return Err(format!("there is no rule `{name}`{help}"));
            }
        }
    }
    Ok(out)
}

/// One line a rule; with one rule, the path of each entry as well.
pub fn text(profiles: &[Profile], sources: &SourceMap) -> String {
    let width = profiles.iter().map(|p| p.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for p in profiles {
        if p.settles {
            out += &format!("{:<width$}  dynamics: {}\n", p.name, p.dynamics);
            continue;
        }
        out += &format!("{:<width$}  {}\n", p.name, p.update);
        if !p.dynamics.entries.is_empty() {
            out += &format!("{:<width$}  dynamics: {}\n", "", p.dynamics);
        }
    }
    if let [p] = profiles {
        out += &format!("\non {}\n", p.on);
        let rows = [(&p.update, ""), (&p.dynamics, ", in the dynamics")];
        for (e, within) in rows.iter().flat_map(|(row, within)| row.entries.iter().map(move |e| (e, within))) {
            out += &format!("\n{}{within}\n", e.property);
            for (span, what) in &e.path {
                out += &format!("  {:<40} {what}\n", place(sources, *span));
            }
        }
    }
    out
}

/// A table: a row a rule, what its updates read, and what its phases need.
pub fn markdown(profiles: &[Profile]) -> String {
    let mut out = "| rule | in the update | in the dynamics |\n|---|---|---|\n".to_string();
    for p in profiles {
        let dynamics = if p.dynamics.entries.is_empty() { String::new() } else { p.dynamics.to_string() };
        let update = if p.settles { String::new() } else { p.update.to_string() };
        out += &format!("| `{}` | {update} | {dynamics} |\n", p.name);
    }
    out
}

/// A place, or the network itself where no text stands for it.
pub fn place(sources: &SourceMap, span: Span) -> String {
    if span.end == 0 { "the architecture".into() } else { sources.place(span) }
}

/// `trine-profile/1` of the contract. A property may hold in both rows, each for a reason of its own.
pub fn json(profiles: &[Profile], sources: &SourceMap) -> Value {
    let of = |settles: bool| -> Vec<Value> {
        let own = profiles.iter().filter(|p| p.settles == settles);
        own.map(|p| {
            let (update, dynamics) = (paths(&p.update, sources), paths(&p.dynamics, sources));
            json!({
                "name": p.name,
                "on": p.on,
                "update": p.update.texts(),
                "dynamics": if p.dynamics.entries.is_empty() { vec![] } else { p.dynamics.texts() },
                // An architecture has its dynamics only.
                "paths": if p.settles { &dynamics } else { &update },
                "dynamics_paths": dynamics,
            })
        })
        .collect()
    };
    let (rules, architectures) = (of(false), of(true));
    if architectures.is_empty() {
        return json!({"schema": "trine-profile/1", "rules": rules});
    }
    json!({"schema": "trine-profile/1", "rules": rules, "architectures": architectures})
}

/// The path of each property of a row.
fn paths(row: &Row, sources: &SourceMap) -> Map<String, Value> {
    let step = |(span, text): &(Span, String)| {
        let at = sources.line_col(span.file, span.start as usize);
        json!({"file": sources.file(span.file).name, "line": at.line, "column": at.column, "text": text})
    };
    let path = |e: &crate::model::provenance::Entry| Value::Array(e.path.iter().map(step).collect());
    row.entries.iter().map(|e| (e.property.name().to_string(), path(e))).collect()
}
