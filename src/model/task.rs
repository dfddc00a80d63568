//! Tasks: fields computed from columns, drawn, or fixed for a seed; and the parts that examples are split into.

use super::elaborate::Elab;
use super::experiment::Measure;
use super::graph::{Kind, Leaf, NodeId, NodeKind, Ty};
use super::rule::{Then, Update};
use super::value::{Place, Scope, TaskVal, Val};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::ir::axis::shape_text;
use crate::ir::{FieldKind, Item, ItemKind, Unit};
use crate::plan::{Column, Data, DataSource};
use crate::run::data::wrong_label;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, Expr};
use std::collections::HashMap;
use std::rc::Rc;

/// Files of no more bytes are read while a spec is checked.
const SMALL: u64 = 1 << 20;

/// What an elaboration gathers besides the graph and the network.
#[derive(Default)]
pub struct TaskState {
    /// The population under construction, for the names of anonymous ones.
    pub defining: String,
    pub anonymous: u32,
    /// Where each population is made, by its whole name.
    pub named: HashMap<String, Span>,
    /// Prefix of populations of a nested architecture.
    pub nest: String,
    /// The instance of an architecture and the turns of its repetitions that are written out, and for every projection where
    /// it was made.
    pub home: Home,
    pub homes: Vec<Home>,
    pub fields: Vec<Field>,
    pub columns: Vec<(String, Vec<usize>)>,
    /// Columns by what `column("...")` calls them, while fields are read.
    pub called: Vec<(String, Val)>,
    /// All that a field may be taken to mean of the data, while fields are read.
    pub sayable: Vec<String>,
    /// Sizes of splits that have a source of their own.
    pub own: Vec<(String, u64)>,
    pub source: Option<(DataSource, usize, Span)>,
    pub splits: Vec<(String, u64)>,
    pub stream: bool,
    pub updates: Vec<Update>,
    pub thens: Vec<Then>,
    /// What rules propose for populations that only plain edges reach.
    pub proposals: Vec<(super::network::PopId, NodeId, super::stages::When)>,
    /// Rules that asked of a population whether it is sampled, and it was not.
    pub unsampled: Vec<String>,
    /// Signs of the synapses of whole populations.
    pub signs: Vec<(super::network::PopId, super::structure::Bound)>,
    /// Cells, and their compartments by name.
    pub cells: Vec<(String, Vec<(String, super::network::PopId)>)>,
    /// New values of optimizer states.
    pub writes: HashMap<u32, (NodeId, Span)>,
    pub optimizers: usize,
    /// What rules keep, the names of those that are written out several times, and the numbers of their optimizers' states.
    pub kept: Vec<super::kept::Kept>,
    pub labels: HashMap<((usize, usize), usize), usize>,
    pub moved_by: HashMap<((usize, usize), Span, String), usize>,
    pub stages: Vec<super::stages::Stage>,
    /// What each of these stages is for: its objective, and those of parts.
    pub aims: Vec<(super::value::Terms, Vec<super::objective::OfPart>)>,
    /// The stage whose rule is being written out, if stages have rules or objectives of their own.
    pub stage: Option<usize>,
    pub redraws: super::redraw::Redraws,
    /// Scopes of all weights that one optimizer statement moves.
    pub together: Vec<Scope>,
    pub label: String,
    /// States that follow a value of the batch: the state, how fast, and where it is said.
    pub running: Vec<(u32, super::graph::NodeId, Span)>,
    /// Runs with drawn populations held at each outcome.
    pub outcomes: super::outcomes::Outcomes,
    /// Populations whose settling is read when their architecture is known.
    pub waiting: Vec<super::relax::Waiting>,
    /// Those of them that the turn at hand of a repetition has come by.
    pub turn: Vec<usize>,
    /// Rules of which it has been told that an example has but one step.
    pub steps_told: Vec<String>,
    /// What the measure at hand reads of a rule that has no such thing, and the measures that this condition lacks.
    pub lacks: Option<crate::diag::Diagnostic>,
    pub lacking: Vec<(String, crate::diag::Diagnostic)>,
    /// The population whose settling is being read.
    pub inside: Option<super::network::PopId>,
}

/// Where a projection is made, and its name there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Home {
    /// What the populations of the instance begin with.
    pub prefix: String,
    pub turns: Vec<u64>,
    pub name: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub leaf: NodeId,
    pub ty: Ty,
    pub definition: NodeId,
    pub span: Span,
}

/// The split that is trained on: the one of that name, or else the first.
pub fn trained(splits: &[(String, u64)]) -> usize {
    splits.iter().position(|s| s.0 == TRAIN).unwrap_or(0)
}

/// What the split that is trained on is called, and those that must not be.
const TRAIN: &str = "train";
const HELD_OUT: [&str; 2] = ["test", "validation"];

impl Elab<'_> {
    /// `digits()` as the task of an experiment.
    pub(crate) fn task_call(&mut self, scope: &Scope, span: Span, item: &Rc<Item>, args: &[Arg]) -> Val {
        let ItemKind::Task(decl) = &item.kind else { return Val::Error };
        let Some((mut inner, _)) = self.bind(scope, span, item, args, None, Place::Plain) else { return Val::Error };
        if !self.columns(&mut inner, decl) {
            return Val::Error;
        }
        let mut fields = Vec::new();
        for f in &decl.fields {
            let v = self.task_field(&mut inner, f, &item.name);
            inner.bind(&f.name.name, v.clone(), None);
            fields.push((f.name.name.clone(), v));
        }
        self.task.stream = decl.stream;
        self.task.called.clear();
        self.task.sayable.clear();
        self.examine();
        self.splits(&inner, decl, item, span);
        Val::Task(Rc::new(TaskVal { item: item.clone(), fields }))
    }

    /// Reads a small source whole, so that what is wrong in it is told before anything runs; once a compilation.
    fn examine(&mut self) {
        let Some((source, examples, span)) = self.task.source.clone() else { return };
        let length = |p: &str| std::fs::metadata(self.folder.join(p)).map_or(u64::MAX, |m| m.len());
        let small = match &source {
            DataSource::Table(_) => true,
            source if source.paths().is_empty() => false,
            source => source.paths().into_iter().map(length).fold(0, u64::saturating_add) <= SMALL,
        };
        if !small || !self.program.used.borrow_mut().insert(span) {
            return;
        }
        let columns = self.task.columns.iter().map(|(name, shape)| Column { name: name.clone(), shape: shape.clone() });
        let data = Data { source, columns: columns.collect(), examples, span };
        let columns = match crate::run::data::load(&data, &self.folder) {
            Ok(found) => found.columns,
            Err(e) => {
                let d = Diagnostic::new(e.code, span, e.message, "");
                self.report(if let Some(help) = e.help { d.help(help) } else { d });
                return;
            }
        };
        for f in self.task.fields.clone() {
            let NodeKind::Leaf(Leaf::Column(i)) = self.g.node(f.definition).kind else { continue };
            let (Kind::Label(k), Some(values)) = (&f.ty.kind, columns.get(i as usize)) else { continue };
            let Some(error) = k.known().and_then(|k| wrong_label(&f.name, k as usize, values)) else { continue };
            let d = Diagnostic::new(error.code, f.span, error.message, "").also(span, "the data");
            self.report(d.help(error.help.unwrap_or_default()));
        }
    }

    fn task_field(&mut self, inner: &mut Scope, f: &crate::ir::TaskField, task: &str) -> Val {
        let name = &f.name.name;
        if f.ty.over.is_some() {
            return self.later("fields over time", f.ty.span);
        }
        let label = matches!(&f.ty.name, Some(n) if n.name == "Label");
        // Names in the type that nothing has bound take their size from the value.
        let open = f.ty.dims.as_deref().unwrap_or(&[]).iter().any(|d| match d {
            ast::Dim::Size(e) => super::call::names_of(e).iter().any(|n| inner.find(n).is_none()),
            ast::Dim::Rest(_) => false,
        });
        let (declared, labels) = if label {
            let Some(range) = self.type_shape(inner, &f.ty) else { return Val::Error };
            (Some(vec![]), range.first().cloned())
        } else if open {
            (None, None)
        } else {
            let Some(s) = self.type_shape(inner, &f.ty) else { return Val::Error };
            (Some(s), None)
        };
        let scope = match f.how {
            FieldKind::Computed => inner.clone(),
            _ => inner.drawing(format!("{task}.{name}"), declared.clone().unwrap_or_default()),
        };
        let v = self.eval(&scope, &f.value, declared.as_deref());
        let Some(mut node) = self.tensor(&v, f.value.span) else { return Val::Error };
        let got = self.g.shape(node).to_vec();
        let shape = declared.unwrap_or(got.clone());
        if got != shape {
            if got.is_empty() {
                node = self.g.fill(node, &shape);
            } else {
                let m = format!("`{name}` is declared {}, but its values are {}", shape_text(&shape), shape_text(&got));
                let d = Diagnostic::new(Code::T0503, f.ty.span, m, format!("declared {}", shape_text(&shape)));
                let d = d.also(f.value.span, format!("this is {}", shape_text(&got)));
                let shape = shape_text(&got);
                return self.report(d.help(format!("declare it `{name}: {shape}`, or `reshape` the values")));
            }
        }
        if open {
            for (d, a) in f.ty.dims.as_deref().unwrap_or(&[]).iter().zip(&got) {
                let ast::Dim::Size(e) = d else { continue };
                if let Some(Some((n, size))) = self.solved(inner, e, a) {
                    let size = self.g.size(&size);
                    inner.bind(&n, Val::Node(size), None);
                }
            }
        }
        let kind = match &labels {
            Some(k) => {
                if let Kind::Label(own) = &self.g.ty(node).kind
                    && own != k
                {
                    let m = format!("`{name}` is declared Label[{k}], but its values are Label[{own}]");
                    let d = Diagnostic::new(Code::T0503, f.ty.span, m, "").also(f.value.span, "this");
                    return self.report(
                        d.help(format!("write `{name}: Label[{own}]`")).write(f.ty.span, format!("Label[{own}]")),
                    );
                }
                Kind::Label(k.clone())
            }
            None => Kind::Real,
        };
        let unit = f.ty.name.as_ref().and_then(|n| Unit::of_type(&n.name)).unwrap_or(Unit::ONE);
        // Numbers of a file have the unit that the field says.
        let column = |x: &NodeId| matches!(self.g.node(*x).kind, NodeKind::Leaf(Leaf::Column(_) | Leaf::Field(_)));
        let read = self.unitless(node) && self.g.reachable(&[node]).iter().any(column);
        if !read && self.in_unit(node, unit, &format!("`{name}`"), f.value.span).is_none() {
            return Val::Error;
        }
        let ty = Ty { shape, unit, kind };
        if f.how == FieldKind::Fixed {
            let slot = self.new_slot(format!("{task}.{name}"), ty, node, false, f.name.span);
            return Val::Slot(slot);
        }
        let leaf = self.g.leaf(Leaf::Field(self.task.fields.len() as u32), ty.clone());
        self.task.fields.push(Field { name: name.clone(), leaf, ty, definition: node, span: f.name.span });
        Val::Node(leaf)
    }

    /// Without a split `train` the first is trained on, unless its name says that it is held out, or another one's that
    /// `train` was meant.
    pub(super) fn something_to_train_on(&mut self, splits: &[(ast::Ident, Expr)]) -> bool {
        if splits.iter().any(|(n, _)| n.name == TRAIN) {
            return true;
        }
        let near = splits.iter().find(|(n, _)| did_you_mean(&n.name, [TRAIN]).is_some());
        let held_out = splits.first().filter(|(n, _)| HELD_OUT.contains(&n.name.as_str()));
        let Some((name, _)) = near.or(held_out) else { return true };
        let first = &splits[0].0.name;
        let m = format!("no split is called `{TRAIN}`, so that `{first}` would be trained on");
        let d = Diagnostic::new(Code::T0201, name.span, m, "");
        self.report(match near {
            Some(_) => d.help(format!("did you mean `{TRAIN}`?")),
            None => d.help(format!("call the split that is trained on `{TRAIN}`: `split {TRAIN} 80 %, {first} 20 %`")),
        });
        false
    }

    /// Notes which splits of its task an experiment trains on or measures.
    pub(crate) fn note_splits(&self, scope: &Scope, measures: &[Measure]) {
        let Some(Val::Task(t)) = scope.find("task").map(|l| &l.val) else { return };
        let ItemKind::Task(decl) = &t.item.kind else { return };
        // Where no measure is written, what is measured of every condition is.
        let unasked = measures.is_empty().then(|| self.judging_split());
        let splits = measures.iter().map(|m| m.split).chain(unasked).chain([trained(&self.task.splits)]);
        for split in splits {
            // A task that says nothing of splits has one that is not written.
            let span = decl.splits.get(split).map(|(n, _)| n.span);
            self.program.used.borrow_mut().extend(span);
        }
    }
}
