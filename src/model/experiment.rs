//! One condition of an experiment: its task, architecture, objective and rule put together.

use super::elaborate::Elab;
use super::graph::{Graph, Kind, NodeId};
use super::grid::Condition;
use super::network::{EdgeId, Network, WeightId};
use super::rule::{Target, Then, Update};
use super::task::Field;
use super::value::{Made, Place, Scope, Terms, Val};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ir::{Experiment, Item, ItemKind, Program, Unit};
use crate::plan::{DataSource, Every, Length, Precision};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::rc::Rc;

/// A condition, ready to be lowered.
#[derive(Debug)]
pub struct Model {
    pub experiment: String,
    pub condition: Condition,
    pub g: Graph,
    pub net: Network,
    pub terms: Terms,
    pub updates: Vec<Update>,
    pub thens: Vec<Then>,
    /// New values of optimizer states.
    pub writes: HashMap<u32, (NodeId, Span)>,
    pub fields: Vec<Field>,
    pub columns: Vec<(String, Vec<usize>)>,
    pub source: Option<(DataSource, usize, Span)>,
    pub splits: Vec<(String, u64)>,
    pub stream: bool,
    pub measures: Vec<Measure>,
    /// Measures that read of a rule what this condition's has not, and how that would be told.
    pub lacking: Vec<(String, Diagnostic)>,
    pub length: Length,
    pub batch: usize,
    pub seeds: usize,
    pub precision: Precision,
    /// The rules that take part, by name.
    pub rules: Vec<String>,
    /// What is not measured of it, and why.
    pub note: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Measure {
    pub name: String,
    /// One number an example.
    pub node: NodeId,
    pub split: usize,
    pub every: Every,
    pub unit: Unit,
    /// What it must lie in, whatever the data.
    pub range: Option<(f64, f64)>,
    pub span: Span,
}

/// Elaborates one condition. Faults are in the second value; with errors there may be no model.
pub fn elaborate_condition(
    program: &Program,
    item: &Rc<Item>,
    condition: &Condition,
    folder: &Path,
) -> (Option<Model>, Diagnostics) {
    let ItemKind::Experiment(x) = &item.kind else { return (None, Diagnostics::default()) };
    let mut e = Elab::new(program, folder.to_path_buf());
    e.choices = condition.choices.clone();
    e.lenient = program.broken.contains(&item.id);
    let model = e.experiment(item, x, condition);
    e.tell_why_stopped();
    let mut diags = std::mem::take(&mut e.diags);
    if program.broken.contains(&item.id) {
        // Some of its lines could not be read.
        let mut kept = Diagnostics::default();
        diags.iter().filter(|d| crate::check::single::survives_damage(d.code)).for_each(|d| kept.push(d.clone()));
        diags = kept;
        return (None, diags);
    }
    (model.filter(|_| !diags.has_errors()), diags)
}

impl Elab<'_> {
    fn experiment(&mut self, item: &Rc<Item>, x: &Experiment, condition: &Condition) -> Option<Model> {
        let mut scope = Scope::new(item.module, Place::Plain);
        // A setting may be missing because its name is misspelt, which has been told.
        let told = self.program.is_damaged(item.id);
        let staged = self.needed(item, x, told);
        self.prepare_lets(x);
        for (head, value) in &x.lets {
            let v = Val::Lazy(Rc::new((head.clone(), value.clone())));
            scope.bind(&head.name.name, v, Some(head.name.span));
        }
        let sound = self.parts(&mut scope, x);
        let schedule = self.schedule(&scope, x);
        if !sound || (told && !["objective", "rule"].iter().all(|n| x.settings.contains_key(*n))) {
            // Where data is at fault its architecture is not written out, and what it would define is not known.
            let data = self.diags.iter().any(|d| d.code.name().starts_with("T05"));
            self.rest(&scope, x, &|c| crate::check::single::survives_damage(c) && !(data && c == Code::T0201));
            return None;
        }
        let rules = if staged {
            self.staged_rules(x, &scope)
        } else {
            let rule = self.setting(&scope, x, "rule").unwrap_or(Val::Error);
            let span = x.settings.get("rule").map(|(e, _)| e.span).unwrap_or_default();
            self.rules_at(&rule, span, &scope, (0, 0))
        };
        let aimless = !x.settings.contains_key("objective") && self.task.stages.iter().all(|s| s.objective.is_none());
        if aimless && self.diags.iter().any(|d| d.code == Code::T0405) {
            // What the rule misses is not in the rule.
            let mut kept = Diagnostics::default();
            self.diags.iter().filter(|d| d.code != Code::T0405).for_each(|d| kept.push(d.clone()));
            self.diags = kept;
            let m = format!("the experiment `{}` has no `objective`, and its rule reads the loss", item.name);
            let d = Diagnostic::new(Code::T0601, item.name_span, m, "");
            let example = self.program.example("objective");
            self.report(d.help(format!("add `objective = minimize {example}`")));
            return None;
        }
        let Some(rules) = rules else {
            self.rest(&scope, x, &|c| c != Code::T0405);
            return None;
        };
        self.run_along();
        self.parts_exist(&rules);
        let unreached = self.idle(&rules);
        self.coverage(&rules, unreached);
        let mut measures = Vec::new();
        scope.place = Place::Measure;
        for m in &x.measures {
            measures.extend(self.measure(&scope, m));
        }
        self.remarks(&scope, x, &measures);
        let (length, batch, seeds, precision) = schedule?;
        self.alone_in_a_batch(x, matches!(length, Length::Epochs(_)), batch);
        let rules = rules.iter().map(|r| r.0.item.name.clone()).collect();
        Some(self.model(item, x, condition, measures, rules, (length, batch, seeds, precision)))
    }

    /// What has been written out, as the model of the condition.
    fn model(
        &mut self,
        item: &Item,
        x: &Experiment,
        condition: &Condition,
        mut measures: Vec<Measure>,
        rules: Vec<String>,
        (length, batch, seeds, precision): (Length, usize, usize, Precision),
    ) -> Model {
        let implied = self.along_the_gradient(&measures, length, item.name_span);
        measures.extend(implied.measures);
        let objective = x.settings.get("objective").map_or(item.name_span, |(e, _)| e.span);
        let mut roots: Vec<(NodeId, Span)> = self.terms.loss.iter().map(|n| (*n, objective)).collect();
        roots.extend(self.task.updates.iter().map(|u| (u.moved, u.span)));
        roots.extend(measures.iter().map(|m| (m.node, m.span)));
        self.examples_fit(&roots);
        // The loss that a run reports is that of the answer.
        if let Some(loss) = self.terms.loss {
            self.terms.loss = Some(self.as_answered(loss));
        }
        Model {
            experiment: item.name.clone(),
            condition: condition.clone(),
            g: self.g.finished(),
            net: std::mem::take(&mut self.net),
            terms: std::mem::take(&mut self.terms),
            updates: std::mem::take(&mut self.task.updates),
            thens: std::mem::take(&mut self.task.thens),
            writes: std::mem::take(&mut self.task.writes),
            fields: std::mem::take(&mut self.task.fields),
            columns: std::mem::take(&mut self.task.columns),
            source: self.task.source.take(),
            splits: std::mem::take(&mut self.task.splits),
            stream: self.task.stream,
            measures,
            lacking: std::mem::take(&mut self.task.lacking),
            length,
            batch,
            seeds,
            precision,
            rules,
            note: implied.note,
        }
    }

    /// Tells which settings are missing, and whether stages have rules or objectives of their own.
    fn needed(&mut self, item: &Rc<Item>, x: &Experiment, told: bool) -> bool {
        let stages = match &x.train {
            Some((ast::Train::Stages(s), _)) => s.as_slice(),
            _ => &[],
        };
        let says = |s: &ast::Stage, what: &str| {
            s.settings.iter().any(|a| matches!(&a.target.kind, ast::ExprKind::Name(n) if n == what))
        };
        let staged = stages.iter().any(|s| says(s, "rule") || says(s, "objective"));
        let own = staged && stages.iter().all(|s| says(s, "rule"));
        for needed in ["task", "architecture", "rule"] {
            let elsewhere = own && needed == "rule";
            if !(told || elsewhere || x.settings.contains_key(needed)) {
                let d = Diagnostic::new(
                    Code::T0601,
                    item.name_span,
                    format!("the experiment `{}` has no `{needed}`", item.name),
                    "",
                );
                self.report(d.help(format!("add `{needed} = ...`")));
            }
        }
        staged
    }

    /// Task, architecture and objective, their names brought into scope; false where one of them is at fault.
    fn parts(&mut self, scope: &mut Scope, x: &Experiment) -> bool {
        let task = self.setting(scope, x, "task").unwrap_or(Val::Error);
        if !matches!(task, Val::Task(_)) {
            self.wrong::<()>(x, "task", &task, "a task, called");
            self.lenient = true;
        }
        scope.bind("task", if self.lenient { Val::Error } else { task }, None);
        self.shared.era += 1;
        match self.setting(scope, x, "architecture").unwrap_or(Val::Error) {
            Val::Nest(nest) => nest.members.iter().for_each(|(name, v)| {
                let at = if let Val::Pop(p) = v { Some(self.net.pop(*p).span) } else { None };
                if let Some((head, _)) = x.lets.iter().find(|(h, _)| h.name.name == *name) {
                    let whole = x.settings.get("architecture").map(|(e, _)| e.span);
                    let first = at.or(whole).unwrap_or_default();
                    self.report(Diagnostic::twice(name, head.name.span, first));
                }
                scope.bind(name, v.clone(), at);
            }),
            other => {
                self.wrong::<()>(x, "architecture", &other, "an architecture, such as `mlp(task.x)`");
                self.lenient = true;
            }
        }
        self.shared.era += 1;
        if self.lenient {
            return false;
        }
        match x.settings.get("objective") {
            None => true,
            Some((e, _)) if matches!(&e.kind, ExprKind::Minimize(x) | ExprKind::Maximize(x) if matches!(x.kind, ExprKind::Hole)) =>
            {
                self.hole_for(scope, "objective", e.span);
                false
            }
            Some((e, _)) => {
                let known = self.diags.len();
                let aimed = self.aim(scope, e).is_some();
                if !aimed && self.diags.len() > known {
                    self.blame_call(scope, x);
                }
                aimed
            }
        }
    }

    /// What is said of an experiment after a fault in one of its parts: only faults that do not follow from it.
    fn rest(&mut self, scope: &Scope, x: &Experiment, keep: &dyn Fn(Code) -> bool) {
        let before = std::mem::take(&mut self.diags);
        for name in ["objective", "rule"] {
            self.setting(scope, x, name);
        }
        let mut inner = scope.clone();
        inner.place = Place::Measure;
        for m in &x.measures {
            self.measure(&inner, m);
        }
        let found = std::mem::replace(&mut self.diags, before);
        found.iter().filter(|d| keep(d.code)).for_each(|d| self.diags.push(d.clone()));
    }

    fn setting(&mut self, scope: &Scope, x: &Experiment, name: &str) -> Option<Val> {
        let (e, _) = x.settings.get(name)?;
        let hole = match &e.kind {
            ExprKind::Minimize(x) | ExprKind::Maximize(x) => matches!(x.kind, ExprKind::Hole),
            kind => matches!(kind, ExprKind::Hole),
        };
        if hole && matches!(name, "task" | "architecture" | "objective" | "rule") {
            return Some(self.hole_for(scope, name, e.span));
        }
        Some(self.eval(scope, e, None))
    }

    fn wrong<T>(&mut self, x: &Experiment, name: &str, v: &Val, wanted: &str) -> Option<T> {
        if let (Some((e, _)), false) = (x.settings.get(name), matches!(v, Val::Error)) {
            // Of what varies the one that this condition takes.
            let e = self.taken(e);
            let what = self.describe(v);
            let d = Diagnostic::new(Code::T0208, e.span, format!("`{name}` needs {wanted}, but this is {what}"), "");
            let d = match v {
                Val::Item(i) => self.call_it(d, e.span, *i),
                _ => d.help(format!("write {wanted}")),
            };
            self.report(d);
        }
        None
    }

    /// The rules of a setting, each written out where it reaches; `Sum` members are one group. `first` is the number of the
    /// first, `setting` 0 for that of the experiment, and else one more than the stage's.
    pub(crate) fn rules_at(
        &mut self,
        v: &Val,
        span: Span,
        scope: &Scope,
        (first, setting): (usize, usize),
    ) -> Option<Vec<(Rc<Made>, usize, Span)>> {
        let mut found: Vec<(Rc<Made>, usize, Span)> = Vec::new();
        let (mut number, mut place) = (first, 0);
        let mut reached: Vec<(String, Val, Span)> = Vec::new();
        match v {
            Val::Parts(parts) => reached.extend(parts.iter().cloned()),
            other => reached.push((String::new(), other.clone(), span)),
        }
        for (group, (part, v, at)) in reached.into_iter().enumerate() {
            let mut list = Vec::new();
            self.flatten_rules(&v, at, &mut list)?;
            let edges = match part.as_str() {
                "" => self.net.edge_ids().collect(),
                part => self.edges_of_part(scope, part, at)?,
            };
            for made in list {
                for (i, share) in self.shares(&edges).iter().enumerate() {
                    let written = self.written(number, (setting, place), i);
                    let known = self.diags.len();
                    self.rule_on(&made, written, share, at);
                    self.told_at(known, at);
                    found.push((made.clone(), group, at));
                    number += 1;
                }
                place += 1;
            }
        }
        Some(found)
    }

    fn flatten_rules(&mut self, v: &Val, at: Span, out: &mut Vec<Rc<Made>>) -> Option<()> {
        match v {
            Val::Made(m) if matches!(m.item.kind, ItemKind::Rule(_)) => out.push(m.clone()),
            Val::Sum(list) => {
                for (v, s) in list.iter() {
                    self.flatten_rules(v, *s, out)?;
                }
            }
            Val::Error => return None,
            other => {
                let what = self.describe(other);
                let d = Diagnostic::new(Code::T0208, at, format!("a rule is needed here, but this is {what}"), "");
                let d = self.no_rule(d, at, other);
                self.report(d);
                return None;
            }
        }
        Some(())
    }

    /// What to write where a rule is needed and something else stands.
    fn no_rule(&self, d: Diagnostic, at: Span, v: &Val) -> Diagnostic {
        let rule = "rule = RULE(OPTIMIZER)";
        match v {
            Val::Item(i) => self.call_it(d, at, *i),
            Val::Made(m) if matches!(m.item.kind, ItemKind::Optimizer(_)) => {
                d.help(format!("an optimizer is given to a rule: `{}`", rule.replace("OPTIMIZER", &m.text)))
            }
            _ => d.help(format!("write `{rule}`; `trine doc std.rules` lists the rules")),
        }
    }

    /// The projections of a named part, of which there is one at least.
    pub(crate) fn edges_of_part(&mut self, scope: &Scope, part: &str, at: Span) -> Option<Vec<EdgeId>> {
        let named: Vec<EdgeId> = self.net.edge_ids().filter(|e| self.in_part(*e, part)).collect();
        // Whoever shares weights with a part belongs to it: a weight learns by all that it does.
        let weights = |e: &EdgeId| self.net.edge(*e).weights.clone();
        let own: BTreeSet<WeightId> = named.iter().flat_map(weights).collect();
        let shares = |e: &EdgeId| weights(e).iter().any(|w| own.contains(w));
        let edges: Vec<EdgeId> = self.net.edge_ids().filter(|e| named.contains(e) || shares(e)).collect();
        if edges.is_empty() {
            let names: Vec<String> = scope.locals.iter().map(|l| l.name.to_string()).collect();
            let d = Diagnostic::new(Code::T0201, at, format!("the architecture has no part `{part}`"), "");
            let otherwise = "name a population, a projection (`as w1`) or a nested architecture";
            self.report(d.meant_or(part, names.iter().map(String::as_str), otherwise));
            return None;
        }
        Some(edges)
    }

    /// Whether an edge belongs to a named part: a nested architecture, the projections into a population, or a projection.
    pub(crate) fn in_part(&self, e: EdgeId, part: &str) -> bool {
        let edge = self.net.edge(e);
        let post = &self.net.pop(edge.post).name;
        let home = self.task.homes.get(e.0 as usize).map_or("", |h| h.prefix.as_str());
        let name = || edge.name.as_deref().and_then(|n| part.strip_prefix(home)?.strip_prefix(n));
        name() == Some("") || post == part || post.strip_prefix(part).is_some_and(|rest| rest.starts_with('.'))
    }

    /// Every parameter is reached by a rule, and by one only. Where it has been told that a rule reaches none, its weights
    /// are not listed again.
    fn coverage(&mut self, rules: &[(Rc<Made>, usize, Span)], told: bool) {
        if self.diags.has_errors() {
            return;
        }
        let mut owners: HashMap<(Target, Option<usize>), (usize, Span)> = HashMap::new();
        for u in self.task.updates.clone() {
            let (group, at) = rules.get(u.owner).map_or((0, u.span), |r| (r.1, r.2));
            match owners.get(&(u.target, u.when.stage)) {
                Some((old, first)) if *old != group => {
                    let (_, name) = self.target_value(u.target);
                    let d = Diagnostic::new(Code::T0403, at, format!("two rules write {name}"), "the second");
                    let first = *first;
                    self.report(
                        d.also(first, "the first").help("add them, `a() + b()`, or let each reach its own part"),
                    );
                }
                _ => {
                    owners.insert((u.target, u.when.stage), (group, at));
                }
            }
        }
        if told && owners.keys().all(|k| matches!(k.0, Target::Slot(_))) {
            return;
        }
        let mut missing: Vec<(Span, String)> = Vec::new();
        // Other weights of the same projections are reached.
        let mut partly = true;
        for e in self.net.edges.iter().filter(|e| e.inside != Some(super::network::Inside::Borrowed)) {
            let names: Vec<String> = e
                .weights
                .iter()
                .filter(|w| !owners.keys().any(|k| k.0 == Target::Weight(**w)))
                .map(|w| format!("`{}`", self.net.weight(*w).name))
                .collect();
            if !names.is_empty() && !e.frozen {
                partly &= names.len() < e.weights.len();
                let ends = format!("{} -> {}", self.net.pop(e.pre).name, self.net.pop(e.post).name);
                missing.push((e.span, format!("{} of {ends}", names.join(" and "))));
            }
        }
        // All that one condition leaves alone is one message.
        if let Some(((span, first), rest)) = missing.split_first() {
            let more = match rest.len() {
                0 => String::new(),
                1 => ", nor of 1 projection more".to_string(),
                n => format!(", nor of {n} projections more"),
            };
            let d =
                Diagnostic::new(Code::T0402, *span, format!("no rule reaches {first}{more}"), "stays as it was drawn");
            let d = rest.iter().take(5).fold(d, |d, (s, text)| if s == span { d } else { d.also(*s, text.clone()) });
            self.report(d.help(match partly {
                true => "a rule for all weights of a projection is `update p along ...`; `linear` has no bias to learn",
                false => "say `frozen = true` if that is meant",
            }));
        }
    }

    fn schedule(&mut self, scope: &Scope, x: &Experiment) -> Option<(Length, usize, usize, Precision)> {
        let length = match &x.train {
            None if self.task.stream && self.task.splits.iter().all(|s| s.1 == 0) => {
                let span = x.settings.get("task").map(|(e, _)| e.span).unwrap_or_default();
                let d = Diagnostic::new(
                    Code::T0601,
                    span,
                    "fresh examples have no epochs, so this must say how long it trains",
                    "",
                );
                self.report(d.help("add `train = 1000 steps`"));
                None
            }
            None => Some(Length::Epochs(10)),
            Some((ast::Train::Stages(stages), _)) => return self.stages(scope, x, stages),
            Some((ast::Train::For(e), _)) => self.length(scope, e),
        };
        self.rest_of_schedule(scope, x, length)
    }

    pub(crate) fn rest_of_schedule(
        &mut self,
        scope: &Scope,
        x: &Experiment,
        length: Option<Length>,
    ) -> Option<(Length, usize, usize, Precision)> {
        let batch = self.whole(scope, x, "batch", 32);
        let seeds = self.whole(scope, x, "seeds", 10);
        let precision = match x.settings.get("precision") {
            None => Some(Precision::Float32),
            Some((e, _)) => match &e.kind {
                ExprKind::Name(n) if n == "float64" => Some(Precision::Float64),
                ExprKind::Name(n) if n == "float32" => Some(Precision::Float32),
                _ => {
                    let d = Diagnostic::new(Code::T0208, e.span, "a precision is `float32` or `float64`", "");
                    let name = if let ExprKind::Name(n) = &e.kind { n.as_str() } else { "" };
                    self.report(d.meant_or(name, ["float32", "float64"], "write `precision = float64`"));
                    None
                }
            },
        };
        Some((length?, batch?, seeds?, precision?))
    }

    fn whole(&mut self, scope: &Scope, x: &Experiment, name: &str, default: usize) -> Option<usize> {
        let Some((e, _)) = x.settings.get(name) else { return Some(default) };
        let v = self.eval(scope, e, None);
        let n = self.tensor(&v, e.span)?;
        let unit = self.g.ty(n).unit;
        let value = self.g.const_value(n).filter(|_| self.g.ty(n).kind != Kind::Bool);
        let fits = unit == Unit::ONE || (name == "seeds" && unit == Unit::SEEDS);
        match value {
            Some(v) if fits && v >= 1.0 && v.fract() == 0.0 && v <= 1e6 => Some(v as usize),
            _ => {
                let d =
                    Diagnostic::new(Code::T0303, e.span, format!("`{name}` is a whole number from 1 to 1,000,000"), "");
                self.report(d.help(format!("write `{name} = {default}`")));
                None
            }
        }
    }

    pub(crate) fn length(&mut self, scope: &Scope, e: &ast::Expr) -> Option<Length> {
        let v = self.eval(scope, e, None);
        let n = self.tensor(&v, e.span)?;
        let (unit, value) = (self.g.ty(n).unit, self.g.const_value(n));
        let count = value.filter(|v| *v >= 0.0 && v.fract() == 0.0 && *v <= 1e12).map(|v| v as usize);
        if count == Some(0) && matches!(unit, Unit::EPOCHS | Unit::STEPS) {
            let d =
                Diagnostic::new(Code::T0308, e.span, "training lasts one epoch or step, or more", "nothing is trained");
            self.report(d.help("weights that stay as they are drawn are those of a rate of 0, or `frozen = true`"));
            return None;
        }
        match (unit, count) {
            (Unit::EPOCHS, Some(_)) if self.task.stream && self.task.splits.iter().all(|s| s.1 == 0) => {
                let d = Diagnostic::new(Code::T0601, e.span, "fresh examples have no epochs", "");
                self.report(d.help("write `train = 1000 steps`"));
                None
            }
            (Unit::EPOCHS, Some(n)) => Some(Length::Epochs(n)),
            (Unit::STEPS, Some(n)) => Some(Length::Steps(n)),
            _ => {
                let d = Diagnostic::new(Code::T0302, e.span, "training lasts a whole number of epochs or steps", "");
                self.report(d.help("write `train = 20 epochs` or `train = 1000 steps`"));
                None
            }
        }
    }

    fn measure(&mut self, scope: &Scope, m: &crate::ir::Measure) -> Option<Measure> {
        self.task.lacks = None;
        let v = self.eval(scope, &m.value, None);
        if let Some(d) = self.task.lacks.take() {
            // Another condition's rule may have it.
            self.task.lacking.push((m.name.name.clone(), d));
            return None;
        }
        let n = self.tensor(&v, m.value.span)?;
        let ty = self.g.ty(n).clone();
        if matches!(ty.kind, Kind::Label(_)) {
            let d = Diagnostic::new(
                Code::T0303,
                m.value.span,
                format!("a measure is a number, but this is {}", ty.text()),
                "",
            );
            self.report(d.help("compare it: `argmax(z) == task.label`"));
            return None;
        }
        let n = if m.with.is_empty() { self.as_answered(n) } else { self.changed(scope, m, n)? };
        let node = self.example_mean(n);
        let split = match &m.on {
            None => self.judging_split(),
            Some(name) => match self.task.splits.iter().position(|s| s.0 == name.name) {
                Some(i) => i,
                None => {
                    let names: Vec<String> = self.task.splits.iter().map(|s| s.0.clone()).collect();
                    let d =
                        Diagnostic::new(Code::T0201, name.span, format!("the task has no split `{}`", name.name), "");
                    self.report(d.meant(&name.name, names.iter().map(String::as_str)));
                    return None;
                }
            },
        };
        let every = match &m.every {
            None if self.task.stream => Every::Steps(100),
            None => Every::Epochs(1),
            Some(e) => {
                let count = e.count.max(1.0) as usize;
                if e.unit.name.starts_with("epoch") { Every::Epochs(count) } else { Every::Steps(count) }
            }
        };
        let range = super::bounds::range_of(&self.g, n);
        Some(Measure { name: m.name.name.clone(), node, split, every, unit: ty.unit, range, span: m.span })
    }
}
