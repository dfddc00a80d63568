//! Tasks: fields computed from columns, drawn, or fixed for a seed; and the parts that examples are split into.

use super::arguments::nameless;
use super::elaborate::Elab;
use super::experiment::Measure;
use super::graph::{Kind, Leaf, NodeId, NodeKind, Ty};
use super::rule::{Then, Update};
use super::value::{Place, Scope, TaskVal, Val};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::ir::axis::{Axis, shape_text};
use crate::ir::{FieldKind, Item, ItemKind, Unit};
use crate::plan::{Column, Data, DataSource};
use crate::run::data::ColumnInfo;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, Expr, ExprKind};
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
    pub aims: Vec<(super::value::Terms, Vec<(String, super::value::Terms, Vec<super::network::EdgeId>)>)>,
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
        if let Some((source, at)) = &decl.source
            && !self.columns(&inner, source, *at)
        {
            return Val::Error;
        }
        for (i, (name, shape)) in self.task.columns.clone().into_iter().enumerate() {
            let shape = shape.iter().map(|n| Axis::Known(*n as u64)).collect();
            let leaf = self.g.leaf(Leaf::Column(i as u32), Ty::real(shape));
            inner.bind(&name, Val::Node(leaf), None);
        }
        let mut fields = Vec::new();
        for f in &decl.fields {
            let v = self.task_field(&mut inner, f, &item.name);
            inner.bind(&f.name.name, v.clone(), None);
            fields.push((f.name.name.clone(), v));
        }
        self.task.stream = decl.stream;
        self.examine();
        self.splits(&inner, decl, item, span);
        Val::Task(Rc::new(TaskVal { item: item.clone(), fields }))
    }

    /// Reads a small source whole, so that what is wrong in it is told before anything runs; once a compilation.
    fn examine(&mut self) {
        let Some((source, examples, span)) = self.task.source.clone() else { return };
        let length = |p: &String| std::fs::metadata(self.folder.join(p)).map_or(u64::MAX, |m| m.len());
        let small = match &source {
            DataSource::Files { paths, .. } => paths.iter().map(length).fold(0, u64::saturating_add) <= SMALL,
            DataSource::Table(_) => true,
            _ => false,
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
            let Some(k) = k.known() else { continue };
            let Some(at) = values.iter().position(|v| v.fract() != 0.0 || *v < 0.0 || *v >= k as f64) else { continue };
            let last = k.saturating_sub(1);
            let m = format!("`{}` is {} in example {}, but Label[{k}] holds 0 to {last}", f.name, values[at], at + 1);
            let d = Diagnostic::new(Code::T0506, f.span, m, "").also(span, "the data");
            let top = values.iter().copied().fold(0.0, f64::max);
            let from_one = top == k as f64 && !values.contains(&0.0);
            self.report(d.help(match from_one {
                true => {
                    format!("if the data counts from 1, write `... - 1`; labels begin at 0, so that the last is {last}")
                }
                false => format!("declare as many classes as there are: `Label[{}]`", top + 1.0),
            }));
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
                return self.report(d.also(f.value.span, format!("this is {}", shape_text(&got))));
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
                    return self.report(Diagnostic::new(Code::T0503, f.ty.span, m, "").also(f.value.span, "this"));
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

    /// Opens the source far enough to know its columns.
    fn columns(&mut self, scope: &Scope, source: &ast::Source, span: Span) -> bool {
        let (found, columns) = match source {
            ast::Source::Table { columns, rows, .. } => match self.table(scope, columns, rows) {
                Some(x) => x,
                None => return false,
            },
            ast::Source::Call(e) => match self.source_call(scope, e) {
                Some(s) => match crate::run::data::inspect(&s, &self.folder) {
                    Ok(columns) => (s, columns),
                    Err(e) => {
                        let d = Diagnostic::new(e.code, span, e.message, "");
                        let d = match e.help {
                            Some(help) => d.help(help),
                            None => d,
                        };
                        self.report(d);
                        return false;
                    }
                },
                None => return false,
            },
        };
        let examples = columns.first().map_or(0, |c| c.examples);
        self.task.columns = columns.into_iter().map(|c| (c.name, c.shape)).collect();
        self.task.source = Some((found, examples, span));
        true
    }

    fn source_call(&mut self, scope: &Scope, e: &Expr) -> Option<DataSource> {
        let kinds = ["builtin", "npz", "npy", "csv", "idx"];
        let (name, args) = match &e.kind {
            ExprKind::Call(f, args) => match &f.kind {
                ExprKind::Name(n) => (n.clone(), args),
                _ => return None,
            },
            _ => {
                let d = Diagnostic::new(Code::T0501, e.span, "a source is a kind of file with its path", "");
                self.report(
                    d.help("write `source builtin(\"digits\")`, `source npz(\"file.npz\")`, or `csv`, `npy`, `idx`"),
                );
                return None;
            }
        };
        if !kinds.contains(&name.as_str()) {
            let near = crate::diag::did_you_mean(&name, kinds);
            let d = Diagnostic::new(Code::T0501, e.span, format!("`{name}` is no kind of source"), "");
            let help =
                near.map_or_else(|| format!("there are {}", kinds.join(", ")), |n| format!("did you mean `{n}`?"));
            self.report(d.help(help));
            return None;
        }
        if let Some(d) = nameless(&name, args) {
            self.report(d);
            return None;
        }
        let mut paths = Vec::new();
        for a in args {
            match self.eval(scope, &a.value, None) {
                Val::Text(t) => paths.push(t.to_string()),
                Val::Error => return None,
                other => {
                    let what = self.describe(&other);
                    self.report(Diagnostic::new(
                        Code::T0208,
                        a.value.span,
                        format!("a path is a text, but this is {what}"),
                        "",
                    ));
                    return None;
                }
            }
        }
        match (name.as_str(), paths.len()) {
            ("builtin", 1) => Some(DataSource::Builtin(paths.remove(0))),
            (_, 0) => {
                self.report(Diagnostic::new(Code::T0207, e.span, format!("`{name}` needs a path"), ""));
                None
            }
            _ => Some(DataSource::Files { kind: name, paths }),
        }
    }

    /// A table's values, and its columns as a file would have them.
    fn table(
        &mut self,
        scope: &Scope,
        columns: &[ast::Ident],
        rows: &[Vec<Expr>],
    ) -> Option<(DataSource, Vec<ColumnInfo>)> {
        let mut out: Vec<Vec<f64>> = vec![vec![]; columns.len()];
        let mut shapes: Vec<Option<Vec<usize>>> = vec![None; columns.len()];
        for row in rows {
            if row.len() != columns.len() {
                let span = row.first().map_or(Span::default(), |e| e.span);
                let m = format!("this row has {} values for {} columns", row.len(), columns.len());
                self.report(Diagnostic::new(Code::T0503, span, m, ""));
                return None;
            }
            for (i, e) in row.iter().enumerate() {
                let v = self.eval(scope, e, None);
                let (shape, n) = match &v {
                    Val::List(items) => {
                        let mut all = Vec::new();
                        for (x, s) in items.iter() {
                            let n = self.tensor(x, *s)?;
                            all.push(self.literal(n, *s)?);
                        }
                        (vec![all.len()], all)
                    }
                    v => {
                        let n = self.tensor(v, e.span)?;
                        (vec![], vec![self.literal(n, e.span)?])
                    }
                };
                if shapes[i].as_ref().is_some_and(|s| *s != shape) {
                    self.report(Diagnostic::new(
                        Code::T0503,
                        e.span,
                        "the rows of a table have one shape",
                        "another length",
                    ));
                    return None;
                }
                shapes[i] = Some(shape);
                out[i].extend(n);
            }
        }
        let named = columns.iter().zip(shapes);
        let infos = named.map(|(name, shape)| ColumnInfo {
            name: name.name.clone(),
            shape: shape.unwrap_or_default(),
            examples: rows.len(),
        });
        Some((DataSource::Table(out), infos.collect()))
    }

    fn literal(&mut self, n: NodeId, span: Span) -> Option<f64> {
        match self.g.const_value(n) {
            Some(v) => Some(v),
            None => {
                self.report(Diagnostic::new(Code::T0306, span, "a table holds numbers", ""));
                None
            }
        }
    }

    /// Without a split `train` the first is trained on, unless its name says that it is held out, or another one's that
    /// `train` was meant.
    fn something_to_train_on(&mut self, splits: &[(ast::Ident, Expr)]) -> bool {
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

    /// `split train 1437, test 360` or `split train 80 %, test 20 %`
    fn splits(&mut self, scope: &Scope, decl: &crate::ir::Task, item: &Item, span: Span) {
        if !self.something_to_train_on(&decl.splits) {
            return;
        }
        let total = self.task.source.as_ref().map(|s| s.1 as u64);
        let mut used = 0u64;
        for (name, e) in &decl.splits {
            let v = self.eval(scope, e, None);
            let Some(n) = self.tensor(&v, e.span) else { return };
            let Some(v) = self.g.const_value(n) else {
                self.report(Diagnostic::new(Code::T0306, e.span, "a split needs a known size", ""));
                return;
            };
            let plain = self.unitless(n) && self.g.shape(n).is_empty();
            let size = match (self.g.ty(n).kind.clone(), total) {
                (Kind::Nat, _) if plain => v as u64,
                (_, Some(t)) if plain && (0.0..=1.0).contains(&v) => (v * t as f64).round() as u64,
                _ => {
                    let d = Diagnostic::new(
                        Code::T0505,
                        e.span,
                        "a split is a number of examples or a part of the data",
                        "",
                    );
                    self.report(d.help("write `split train 1000, test 200`, or `80 %` of a source"));
                    return;
                }
            };
            used = used.saturating_add(size);
            if let Some(t) = total
                && used > t
            {
                let m = format!("the splits ask for {used} examples, but there are {t}");
                self.report(Diagnostic::new(Code::T0505, e.span, m, "from here on there are too few"));
                return;
            }
            if size == 0 || size > 1 << 31 {
                self.report(Diagnostic::new(
                    Code::T0505,
                    e.span,
                    format!("a split of {size} examples cannot be used"),
                    "",
                ));
                return;
            }
            self.task.splits.push((name.name.clone(), size));
        }
        if self.task.splits.is_empty() {
            match (total, decl.stream) {
                (Some(t), _) => self.task.splits.push(("train".into(), t)),
                (None, true) => self.task.splits.push(("train".into(), 0)),
                (None, false) => {
                    let m = format!("the task `{}` does not say how many examples there are", item.name);
                    let d = Diagnostic::new(Code::T0505, item.name_span, m, "").also(span, "used here");
                    self.report(
                        d.help("add `stream` for fresh examples at every step, or `split train 1000, test 200`"),
                    );
                }
            }
        }
    }
}
