//! Where the examples of a task come from: files and tables, what fields read of them, and the parts that they are split into.
//!
//! Only what a field reads counts: a column that none reads may be anything. A split may have a source of its own.

use super::arguments::nameless;
use super::elaborate::Elab;
use super::graph::{Kind, Leaf, NodeId, Ty};
use super::value::{Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::axis::Axis;
use crate::ir::{Item, Task};
use crate::plan::{DataSource, Part};
use crate::run::data::{ColumnInfo, DataError, find_column, no_column};
use crate::source::Span;
use crate::syntax::ast::{self, Expr, ExprKind};

const KINDS: [&str; 5] = ["builtin", "npz", "npy", "csv", "idx"];

/// A source that was opened far enough to know its columns.
struct Opened {
    source: DataSource,
    infos: Vec<ColumnInfo>,
    /// The split that it is; empty if splits take parts of it.
    split: String,
    span: Span,
    /// The name and length of the first column that is read.
    length: Option<(String, usize)>,
}

/// A column as a field calls it.
struct Asked {
    name: String,
    /// `column("...")`, which can be nothing else.
    quoted: bool,
    span: Span,
}

impl Elab<'_> {
    /// Opens the sources of a task and puts what its fields read of them into scope.
    pub(super) fn columns(&mut self, inner: &mut Scope, decl: &Task) -> bool {
        let Some(mut opened) = self.open_sources(inner, decl) else { return false };
        let Some(first) = opened.first() else { return true };
        let mut found: Vec<(usize, Asked, Result<Vec<usize>, Diagnostic>)> = Vec::new();
        if let DataSource::Table(_) = first.source {
            for (i, info) in first.infos.iter().enumerate() {
                let asked = Asked { name: info.name.clone(), quoted: false, span: first.span };
                found.push((i, asked, Ok(info.shape.clone())));
            }
            opened[0].length = opened[0].infos.first().map(|c| (c.name.clone(), c.examples));
        }
        let known = found.len();
        let columns = opened.iter().flat_map(|o| &o.infos).map(|i| i.name.clone());
        self.task.sayable = columns.filter(|n| !n.is_empty()).collect();
        for asked in asked(decl) {
            if known == 0
                && !found.iter().any(|(_, a, _)| a.name == asked.name && a.quoted == asked.quoted)
                && let Some((place, shape)) = look_up(&mut opened, &asked)
            {
                found.push((place, asked, shape));
            }
        }
        // In the order of the file, whatever the order in which fields ask.
        found.sort_by_key(|(place, ..)| *place);
        for (_, asked, shape) in found {
            let value = match shape {
                Ok(shape) => {
                    let axes = shape.iter().map(|n| Axis::Known(*n as u64)).collect();
                    let leaf = self.g.leaf(Leaf::Column(self.task.columns.len() as u32), Ty::real(axes));
                    self.task.columns.push((asked.name.clone(), shape));
                    Val::Node(leaf)
                }
                Err(d) => self.report(d),
            };
            match asked.quoted {
                true => self.task.called.push((asked.name, value)),
                false => inner.bind(&asked.name, value, None),
            }
        }
        self.settle_source(opened, decl);
        true
    }

    fn settle_source(&mut self, opened: Vec<Opened>, decl: &Task) {
        let length = |o: &Opened| match &o.length {
            Some((_, n)) => *n,
            None => o.infos.iter().find(|c| c.fault.is_none()).map_or(0, |c| c.examples),
        };
        let span = decl.source.as_ref().map_or(opened[0].span, |s| s.1);
        let own = opened.iter().filter(|o| !o.split.is_empty()).map(|o| (o.split.clone(), length(o) as u64));
        self.task.own = own.collect();
        let total = opened.iter().map(length).sum();
        let source = match &opened[..] {
            [one] if one.split.is_empty() => one.source.clone(),
            _ => DataSource::Parts(
                opened
                    .iter()
                    .map(|o| Part { split: o.split.clone(), source: o.source.clone(), examples: length(o) })
                    .collect(),
            ),
        };
        self.task.source = Some((source, total, span));
    }

    /// The source of the task, and those of splits.
    fn open_sources(&mut self, scope: &Scope, decl: &Task) -> Option<Vec<Opened>> {
        let mut opened = Vec::new();
        if let Some((source, span)) = &decl.source {
            let (source, infos) = match source {
                ast::Source::Table { columns, rows, .. } => self.table(scope, columns, rows)?,
                ast::Source::Call(e) => self.inspected(scope, e, *span)?,
            };
            opened.push(Opened { source, infos, split: String::new(), span: *span, length: None });
        }
        for (name, e) in decl.splits.iter().filter(|(_, e)| is_source(e)) {
            let (source, infos) = self.inspected(scope, e, e.span)?;
            if matches!(opened.first(), Some(Opened { source: DataSource::Table(_), .. })) {
                let m = "a table is in the spec, and its splits are parts of it";
                let d = Diagnostic::new(Code::T0505, e.span, m, "");
                return self.report_none(d.help("give every split a source of its own, or all of them sizes"));
            }
            opened.push(Opened { source, infos, split: name.name.clone(), span: e.span, length: None });
        }
        Some(opened)
    }

    fn inspected(&mut self, scope: &Scope, e: &Expr, span: Span) -> Option<(DataSource, Vec<ColumnInfo>)> {
        let source = self.source_call(scope, e)?;
        match crate::run::data::inspect(&source, &self.folder) {
            Ok(columns) => Some((source, columns)),
            Err(e) => self.report_none(of_data(e, span)),
        }
    }

    fn report_none<T>(&mut self, d: Diagnostic) -> Option<T> {
        self.report(d);
        None
    }

    /// `column("pos (cm)")`: a column by the name that its file has for it.
    pub(super) fn column(&mut self, e: &Expr) -> Val {
        let name = match &e.kind {
            ExprKind::Text(text) => text,
            _ => {
                let d = Diagnostic::new(Code::T0208, e.span, "a column is called by its name in the file, a text", "");
                return self.report(d.help("write `column(\"pos (cm)\")`"));
            }
        };
        match self.task.called.iter().find(|(n, _)| n == name) {
            Some((_, value)) => value.clone(),
            None => self.report(
                Diagnostic::new(Code::T0501, e.span, "only a task with a source has columns", "")
                    .help("add `source npz(\"file.npz\")`, or draw the field: `draw x: [n] ~ normal(0, 1)`"),
            ),
        }
    }

    fn source_call(&mut self, scope: &Scope, e: &Expr) -> Option<DataSource> {
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
        if !KINDS.contains(&name.as_str()) {
            let d = Diagnostic::new(Code::T0501, e.span, format!("`{name}` is no kind of source"), "");
            self.report(d.meant(&name, KINDS));
            return None;
        }
        if let Some(d) = nameless(&name, args) {
            return self.report_none(d);
        }
        let mut paths = Vec::new();
        for a in args {
            match self.eval(scope, &a.value, None) {
                Val::Text(t) => paths.push(t.to_string()),
                Val::Error => return None,
                other => {
                    let what = self.describe(&other);
                    let m = format!("a path is a text, but this is {what}");
                    let d = Diagnostic::new(Code::T0208, a.value.span, m, "");
                    self.report(d.help(format!("write it in quotes: `{name}(\"file\")`")));
                    return None;
                }
            }
        }
        match (name.as_str(), paths.len()) {
            ("builtin", 1) => Some(DataSource::Builtin(paths.remove(0))),
            (_, 0) => {
                let d = Diagnostic::new(Code::T0207, e.span, format!("`{name}` needs a path"), "");
                self.report(d.help(format!("write `{name}(\"file\")`, its path from the folder of the spec")));
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
                let d = Diagnostic::new(Code::T0503, span, m, "");
                self.report(
                    d.help(format!("write {} values with commas; rows end with `;` or their line", columns.len())),
                );
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
                    let m = "the rows of a table have one shape";
                    let d = Diagnostic::new(Code::T0503, e.span, m, "another length");
                    self.report(d.help("give every row of a column as many numbers as the first"));
                    return None;
                }
                shapes[i] = Some(shape);
                out[i].extend(n);
            }
        }
        let named = columns.iter().zip(shapes);
        let infos =
            named.map(|(name, shape)| ColumnInfo::new(name.name.clone(), shape.unwrap_or_default(), rows.len()));
        Some((DataSource::Table(out), infos.collect()))
    }

    fn literal(&mut self, n: NodeId, span: Span) -> Option<f64> {
        match self.g.const_value(n) {
            Some(v) => Some(v),
            None => {
                let d = Diagnostic::new(Code::T0306, span, "a table holds numbers", "");
                self.report(d.help("write the number, or a list of numbers: `[0, 1]`"));
                None
            }
        }
    }

    /// `split train 1437, test 360`, `split train 80 %, test 20 %`, or `split train npz("a.npz"), test npz("b.npz")`.
    pub(super) fn splits(&mut self, scope: &Scope, decl: &Task, item: &Item, span: Span) {
        if !self.something_to_train_on(&decl.splits) {
            return;
        }
        let own: u64 = self.task.own.iter().map(|o| o.1).sum();
        // What splits take parts of: all examples but those that are a split already.
        let total = match (&decl.source, &self.task.source) {
            (Some(_), Some(source)) => Some(source.1 as u64 - own),
            _ => None,
        };
        let mut asked = Vec::new();
        for (name, e) in &decl.splits {
            let size = match self.task.own.iter().find(|o| is_source(e) && o.0 == name.name) {
                Some((_, n)) => Size::Own(*n),
                None => match self.split_size(scope, e, total, own > 0) {
                    Some(size) => size,
                    None => return,
                },
            };
            asked.push((name, e, size));
        }
        let mut used = 0u64;
        let whole = whole_sizes(&asked.iter().map(|a| a.2).collect::<Vec<_>>(), total.unwrap_or(0));
        for ((name, e, kind), size) in asked.iter().zip(whole) {
            used = used.saturating_add(if matches!(kind, Size::Own(_)) { 0 } else { size });
            if let Some(t) = total
                && used > t
            {
                let m = format!("the splits ask for {used} examples, but there are {t}");
                let d = Diagnostic::new(Code::T0505, e.span, m, "from here on there are too few");
                let left = t.saturating_sub(used - size);
                self.report(
                    d.help(format!("{left} are left for this split; or give shares: `split train 80 %, test 20 %`")),
                );
                return;
            }
            if size == 0 || size > 1 << 31 {
                let m = format!("a split of {size} examples cannot be used");
                let d = Diagnostic::new(Code::T0505, e.span, m, "");
                self.report(d.help("give it 1 example or more, and no more than 2,147,483,648"));
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

    fn split_size(&mut self, scope: &Scope, e: &Expr, total: Option<u64>, beside: bool) -> Option<Size> {
        let v = self.eval(scope, e, None);
        let n = self.tensor(&v, e.span)?;
        let Some(v) = self.g.const_value(n) else {
            return self.report_none(Diagnostic::new(Code::T0306, e.span, "a split needs a known size", ""));
        };
        let plain = self.unitless(n) && self.g.shape(n).is_empty();
        let m = match (self.g.ty(n).kind.clone(), total) {
            (Kind::Nat, None) if plain && beside => {
                "this split has nothing to be a part of, since the others are files"
            }
            (Kind::Nat, _) if plain => return Some(Size::Count(v as u64)),
            (_, Some(_)) if plain && (0.0..=1.0).contains(&v) => return Some(Size::Share(v)),
            _ => "a split is a number of examples or a part of the data",
        };
        let d = Diagnostic::new(Code::T0505, e.span, m, "");
        self.report_none(d.help("write `split train 1000, test 200`, or `80 %` of a `source`"))
    }
}

/// How large a split is said to be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Size {
    Count(u64),
    Share(f64),
    /// As many as its source has.
    Own(u64),
}

/// Shares of a total as whole numbers. Where they add up to all, so do these: each is rounded down, and what is left goes, one
/// each, to those that rounding takes most from (Hamilton's method), of equals to the first.
fn whole_sizes(asked: &[Size], total: u64) -> Vec<u64> {
    let shares = || asked.iter().filter_map(|s| if let Size::Share(x) = s { Some(*x) } else { None });
    let counted = asked.iter().any(|s| matches!(s, Size::Count(_)));
    let exact = |x: f64| x * total as f64;
    let mut left = match !counted && (shares().sum::<f64>() - 1.0).abs() < 1e-9 {
        true => total - shares().map(|x| down(exact(x))).sum::<u64>().min(total),
        false => 0,
    };
    let complete = left > 0 || (!counted && (shares().sum::<f64>() - 1.0).abs() < 1e-9);
    let mut sizes: Vec<u64> = asked
        .iter()
        .map(|s| match s {
            Size::Count(n) | Size::Own(n) => *n,
            Size::Share(x) if complete => down(exact(*x)),
            Size::Share(x) => exact(*x).round() as u64,
        })
        .collect();
    let mut order: Vec<usize> = (0..asked.len()).filter(|i| matches!(asked[*i], Size::Share(_))).collect();
    let lost = |i: usize| if let Size::Share(x) = asked[i] { exact(x) - down(exact(x)) as f64 } else { 0.0 };
    // Of remainders that differ by no more than rounding the first comes first.
    order.sort_by(|a, b| match (lost(*a) - lost(*b)).abs() < 1e-6 {
        true => a.cmp(b),
        false => lost(*b).total_cmp(&lost(*a)),
    });
    for i in order {
        sizes[i] += left.min(1);
        left -= left.min(1);
    }
    sizes
}

/// The whole number below, or the one that a share of binary fractions just misses.
fn down(x: f64) -> u64 {
    if (x.round() - x).abs() < 1e-6 { x.round() as u64 } else { x.floor() as u64 }
}

fn is_source(e: &Expr) -> bool {
    matches!(&e.kind, ExprKind::Call(f, _) if matches!(&f.kind, ExprKind::Name(n) if KINDS.contains(&n.as_str())))
}

fn of_data(error: DataError, span: Span) -> Diagnostic {
    let d = Diagnostic::new(error.code, span, error.message, "");
    match error.help {
        Some(help) => d.help(help),
        None => d,
    }
}

/// What fields may mean by the names in them, but for those of fields before.
fn asked(decl: &Task) -> Vec<Asked> {
    fn within(e: &Expr, seen: &[&str], out: &mut Vec<Asked>) {
        match &e.kind {
            ExprKind::Name(n) if !seen.contains(&n.as_str()) => {
                out.push(Asked { name: n.clone(), quoted: false, span: e.span });
            }
            ExprKind::Call(f, args) if matches!(f.kind, ExprKind::Name(_)) => match (&f.kind, &args[..]) {
                (ExprKind::Name(n), [arg]) if n == "column" && matches!(arg.value.kind, ExprKind::Text(_)) => {
                    let ExprKind::Text(name) = &arg.value.kind else { return };
                    out.push(Asked { name: name.clone(), quoted: true, span: arg.value.span });
                }
                _ => args.iter().for_each(|a| within(&a.value, seen, out)),
            },
            _ => super::order::children(e, &mut |x| within(x, seen, out)),
        }
    }
    let (mut out, mut seen) = (Vec::new(), Vec::new());
    for field in &decl.fields {
        within(&field.value, &seen, &mut out);
        seen.push(field.name.name.as_str());
    }
    out
}

/// The place of a column in the first source and its shape, or what is wrong with it. None if the name is that of no column.
fn look_up(opened: &mut [Opened], asked: &Asked) -> Option<(usize, Result<Vec<usize>, Diagnostic>)> {
    let mut places = Vec::new();
    for o in opened.iter() {
        match find_column(&o.infos, &asked.name, &o.split) {
            Ok(place) => places.push(place),
            Err(e) => return Some((0, Err(of_data(e, asked.span).also(o.span, "the data")))),
        }
    }
    if places.iter().all(Option::is_none) && !asked.quoted {
        return None;
    }
    let first = places[0].unwrap_or(0);
    let mut shape: Option<Vec<usize>> = None;
    for (o, place) in opened.iter_mut().zip(&places) {
        let wrong = |d: Diagnostic| Some((first, Err(d.also(o.span, "the data"))));
        let Some(info) = place.map(|p| &o.infos[p]) else {
            return wrong(of_data(no_column(&o.infos, &asked.name, &o.source), asked.span));
        };
        if let Some(fault) = &info.fault {
            return wrong(of_data(fault.clone(), asked.span));
        }
        match &shape {
            Some(known) if *known != info.shape => {
                let m = format!("`{}` has another shape for `{}` than for the split before it", asked.name, o.split);
                return wrong(Diagnostic::new(Code::T0503, asked.span, m, ""));
            }
            _ => shape = Some(info.shape.clone()),
        }
        match &o.length {
            Some((other, n)) if *n != info.examples => {
                let m =
                    format!("column `{}` has {} examples, but column `{other}` has {n}", info.header, info.examples);
                let d = Diagnostic::new(Code::T0503, asked.span, m, "");
                return wrong(d.help(
                    "columns of a task are of the same examples; a split may have data of its own: `split train npz(\"a.npz\"), test npz(\"a.npz\")`",
                ));
            }
            Some(_) => {}
            None => o.length = Some((info.header.clone(), info.examples)),
        }
    }
    Some((first, Ok(shape.unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_that_add_up_to_all_use_all() {
        let of =
            |shares: &[f64], total| whole_sizes(&shares.iter().map(|s| Size::Share(*s)).collect::<Vec<_>>(), total);
        assert_eq!(of(&[0.5, 0.5], 1797), [899, 898]);
        assert_eq!(of(&[0.333, 0.333, 0.334], 2), [1, 0, 1]);
        assert_eq!(of(&[0.333, 0.333, 0.334], 100), [33, 33, 34]);
        // What rounding alone gets right is as it was.
        assert_eq!(of(&[0.8, 0.2], 1797), [1438, 359]);
        assert_eq!(of(&[0.66, 0.13, 0.21], 1797), [1186, 234, 377]);
        // 0.1 + 0.2 + 0.7 is not 1 in binary fractions.
        assert_eq!(of(&[0.1, 0.2, 0.7], 10), [1, 2, 7]);
        assert_eq!(of(&[0.5, 0.4], 1797), [899, 719]);
        for total in 1..300 {
            for shares in [vec![0.25; 4], vec![1.0 / 3.0; 3], vec![0.15, 0.35, 0.5], vec![0.6, 0.2, 0.2]] {
                let sizes = of(&shares, total);
                assert_eq!(sizes.iter().sum::<u64>(), total, "{shares:?} of {total}");
                assert!(sizes.iter().zip(&shares).all(|(n, s)| (*n as f64 - s * total as f64).abs() < 1.0));
            }
        }
        let sizes = [Size::Count(1000), Size::Share(0.2), Size::Own(7)];
        assert_eq!(whole_sizes(&sizes, 1797), [1000, 359, 7]);
    }
}
