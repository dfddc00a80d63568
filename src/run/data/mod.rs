//! Data files: what columns a source has, and their numbers.
//!
//! [`inspect`] reads headers (the checker wants names, shapes and the number of examples), [`load`] reads the columns
//! that a plan names. Nothing in a file is trusted: what a header declares is held against the size of the file before
//! memory is taken, and every number is checked to be finite.

mod archive;
mod bytes;
mod csv;
mod files;
mod idx;
mod npy;
#[cfg(test)]
mod tests;

use crate::diag::{Code, did_you_mean};
use crate::plan::{Column, Data, DataSource};
use std::path::Path;

/// The numbers of a task's columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// One list a column, in the plan's order: the elements of all examples in row-major order.
    pub columns: Vec<Vec<f64>>,
    pub examples: usize,
}

/// A column as its file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// As a spec may write it.
    pub name: String,
    /// As the file has it: `pos (cm)`.
    pub header: String,
    /// Of one example.
    pub shape: Vec<usize>,
    pub examples: usize,
    /// Why it cannot be read, which is told to whoever reads it.
    pub fault: Option<DataError>,
}

impl ColumnInfo {
    pub fn new(name: String, shape: Vec<usize>, examples: usize) -> ColumnInfo {
        ColumnInfo { header: name.clone(), name, shape, examples, fault: None }
    }
}

/// Numbers of columns with their places among all columns of a source.
type Placed = Vec<(usize, Vec<f64>)>;

/// What is wrong with data, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataError {
    pub code: Code,
    pub message: String,
    pub help: Option<String>,
}

impl DataError {
    pub fn new(code: Code, message: impl Into<String>) -> DataError {
        let help = match code {
            Code::T0501 => "name a file or a column that there is; `trine explain T0501` says more",
            Code::T0503 => "declare the shape and the number of examples that the data has",
            Code::T0504 => "leave such examples out, or put a number in their place",
            Code::T0506 => "declare more classes, `Label[k]`, or count the labels from 0",
            _ => "fetch or write the file again",
        };
        DataError { code, message: message.into(), help: Some(help.into()) }
    }

    pub fn help(mut self, text: impl Into<String>) -> DataError {
        self.help = Some(text.into());
        self
    }
}

impl std::fmt::Display for DataError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "\nhelp: {help}"))
    }
}

impl std::error::Error for DataError {}

/// The kinds of files that are read.
pub const KINDS: [&str; 4] = ["npz", "npy", "csv", "idx"];

/// No column has more numbers than this (32 GiB of them).
const MAX_NUMBERS: u64 = 1 << 32;

/// The columns of a source by their headers. A table or a drawn task has none that a file would know.
pub fn inspect(source: &DataSource, folder: &Path) -> Result<Vec<ColumnInfo>, DataError> {
    match source {
        DataSource::Builtin(name) => archive::inspect_builtin(name),
        DataSource::Files { kind, paths } => Ok(inspect_files(kind, paths, folder)?.columns),
        DataSource::Table(_) | DataSource::Drawn | DataSource::Parts(_) => Ok(Vec::new()),
    }
}

/// A hash of all that the files of a source hold, unpacked: the same data under another name has the same one.
pub fn fingerprint(source: &DataSource, folder: &Path) -> Result<String, DataError> {
    let mut h = blake3::Hasher::new();
    match source {
        DataSource::Builtin(name) => {
            h.update(archive::fingerprint_of(name).as_bytes());
        }
        DataSource::Parts(parts) => {
            for part in parts {
                h.update(fingerprint(&part.source, folder)?.as_bytes());
            }
        }
        DataSource::Files { paths, .. } => {
            for path in paths {
                let found = files::find(path, folder)?;
                let opened = found.open()?;
                h.update_reader(opened.reader).map_err(|e| found.unreadable(&e))?;
            }
        }
        DataSource::Table(_) | DataSource::Drawn => {}
    }
    Ok(h.finalize().to_hex().to_string())
}

/// Names of the data sets that come with Trine.
pub fn builtin_names() -> Vec<String> {
    archive::builtin_names()
}

/// Reads the columns of a plan. Relative paths begin at `folder`.
pub fn load(data: &Data, folder: &Path) -> Result<Columns, DataError> {
    let columns = match &data.source {
        DataSource::Drawn => Vec::new(),
        DataSource::Parts(parts) => {
            let mut all = vec![Vec::new(); data.columns.len()];
            for part in parts {
                let found = load_part(&part.source, &data.columns, part.examples, &part.split, folder)?;
                all.iter_mut().zip(found).for_each(|(all, values)| all.extend(values));
            }
            all
        }
        source => load_part(source, &data.columns, data.examples, "", folder)?,
    };
    if columns.len() != data.columns.len() {
        let message = format!("{} columns are needed, but there are {}", data.columns.len(), columns.len());
        return Err(DataError::new(Code::T0503, message));
    }
    Ok(Columns { columns, examples: data.examples })
}

/// The columns of one source, which is that of a split if that has a name.
fn load_part(
    source: &DataSource,
    columns: &[Column],
    examples: usize,
    split: &str,
    folder: &Path,
) -> Result<Vec<Vec<f64>>, DataError> {
    let found = match source {
        DataSource::Table(columns) => columns.clone(),
        DataSource::Builtin(name) => {
            let infos = inspect(source, folder)?;
            let wanted = resolve(&infos, columns, examples, split, &format!("built-in data `{name}`"))?;
            archive::read_builtin(name, &wanted)?
        }
        DataSource::Files { kind, paths } => {
            let infos = inspect(source, folder)?;
            let wanted = resolve(&infos, columns, examples, split, &list_of(paths))?;
            read_files(kind, paths, folder, &wanted)?
        }
        DataSource::Drawn | DataSource::Parts(_) => Vec::new(),
    };
    for (values, column) in found.iter().zip(columns) {
        check_values(values, column, examples, source)?;
    }
    Ok(found)
}

/// The column that a name means, if any: what the file calls so, or else what a spec may call so; in the data of a split,
/// `x` is also `x_train` or `train_x`.
pub fn find_column(infos: &[ColumnInfo], name: &str, split: &str) -> Result<Option<usize>, DataError> {
    let mut names = vec![name.to_string()];
    if !split.is_empty() {
        names.extend([format!("{name}_{split}"), format!("{split}_{name}")]);
    }
    for name in &names {
        for exact in [true, false] {
            let called = |i: &ColumnInfo| if exact { i.header == *name } else { i.name == *name };
            let mut found = infos.iter().enumerate().filter(|(_, i)| called(i)).map(|(place, _)| place);
            let Some(place) = found.next() else { continue };
            let Some(other) = found.next() else { return Ok(Some(place)) };
            let error = DataError::new(Code::T0502, format!("two columns have the name `{name}`"));
            let (one, other) = (&infos[place].header, &infos[other].header);
            return Err(match one == other {
                true => error.help("rename one of them in the data"),
                false => error.help(format!("say which: column(\"{one}\") or column(\"{other}\")")),
            });
        }
    }
    Ok(None)
}

/// What there is in place of a column that there is not.
pub fn no_column(infos: &[ColumnInfo], name: &str, source: &DataSource) -> DataError {
    let of = match source {
        DataSource::Builtin(set) => format!("built-in data `{set}`"),
        DataSource::Files { paths, .. } => list_of(paths),
        _ => "the data".to_string(),
    };
    let names = infos.iter().map(|i| i.header.as_str());
    let error = DataError::new(Code::T0501, format!("there is no column `{name}` in {of}"));
    match did_you_mean(name, names.clone()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help(format!("its columns are {}", quoted(names))),
    }
}

/// The columns of several files of a kind, and of each file which of these its columns are: those of one name are one
/// after the other, as sessions of one recording are.
struct Joined {
    columns: Vec<ColumnInfo>,
    places: Vec<Vec<usize>>,
}

fn inspect_files(kind: &str, paths: &[String], folder: &Path) -> Result<Joined, DataError> {
    let mut all = Joined { columns: Vec::new(), places: Vec::new() };
    for (position, path) in paths.iter().enumerate() {
        let file = files::find(path, folder)?;
        let found = match kind {
            "npz" => archive::inspect(&file)?,
            "npy" => vec![npy::inspect(&file, position)?],
            "csv" => csv::inspect(&file)?,
            "idx" => vec![idx::inspect(&file, position)?],
            _ => return Err(unknown_kind(kind)),
        };
        let before = all.columns.len();
        let mut places = Vec::new();
        for column in found {
            match all.columns[..before].iter().position(|c| c.header == column.header) {
                Some(place) => {
                    all.columns[place].append(column, path);
                    places.push(place);
                }
                None => {
                    places.push(all.columns.len());
                    all.columns.push(column);
                }
            }
        }
        all.places.push(places);
    }
    match all.columns.is_empty() {
        true if paths.is_empty() => Err(DataError::new(Code::T0501, format!("`{kind}` names no file"))
            .help(format!("name at least one: source {kind}(\"recordings.{kind}\")"))),
        true => Err(DataError::new(Code::T0502, format!("{} has no columns", list_of(paths)))),
        false => Ok(all),
    }
}

impl ColumnInfo {
    /// The column goes on in another file.
    fn append(&mut self, more: ColumnInfo, path: &str) {
        self.examples += more.examples;
        if self.shape != more.shape && self.fault.is_none() && more.fault.is_none() {
            let (one, other) = (shape_text(&self.shape), shape_text(&more.shape));
            let message = format!("`{}` is {one} for one example, and in `{path}` {other}", self.header);
            self.fault =
                Some(DataError::new(Code::T0503, message).help("files of one source go on with the same columns"));
        }
        self.fault = self.fault.take().or(more.fault);
    }
}

/// The wanted columns, by their places among all columns of the files.
fn read_files(kind: &str, paths: &[String], folder: &Path, wanted: &[usize]) -> Result<Vec<Vec<f64>>, DataError> {
    let joined = inspect_files(kind, paths, folder)?;
    let mut found: Vec<Vec<f64>> = vec![Vec::new(); wanted.len()];
    for (path, places) in paths.iter().zip(&joined.places) {
        let file = files::find(path, folder)?;
        let own: Vec<usize> = (0..places.len()).filter(|i| wanted.contains(&places[*i])).collect();
        let (_, columns) = match kind {
            _ if own.is_empty() => (0, Vec::new()),
            "npz" => archive::read(&file, &own)?,
            "npy" => (1, vec![(0, npy::read(&file)?)]),
            "csv" => csv::read(&file, &own)?,
            "idx" => (1, vec![(0, idx::read(&file)?)]),
            _ => return Err(unknown_kind(kind)),
        };
        for (own, values) in columns {
            let slots = wanted.iter().zip(&mut found).filter(|(w, _)| **w == places[own]);
            slots.for_each(|(_, slot)| slot.extend(&values));
        }
    }
    Ok(found)
}

/// Where the plan's columns are among those of the source; their shapes and lengths must agree.
fn resolve(
    infos: &[ColumnInfo],
    columns: &[Column],
    examples: usize,
    split: &str,
    source: &str,
) -> Result<Vec<usize>, DataError> {
    let mut places = Vec::new();
    for column in columns {
        let Some(place) = find_column(infos, &column.name, split)? else {
            let error = DataError::new(Code::T0501, format!("there is no column `{}` in {source}", column.name));
            let names = infos.iter().map(|i| i.header.as_str());
            return Err(match did_you_mean(&column.name, names.clone()) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help(format!("its columns are {}", quoted(names))),
            });
        };
        let info = &infos[place];
        if let Some(fault) = &info.fault {
            return Err(fault.clone());
        }
        if info.shape != column.shape {
            let message = format!(
                "column `{}` of {source} has the shape {} for one example, but {} is declared",
                column.name,
                shape_text(&info.shape),
                shape_text(&column.shape)
            );
            return Err(DataError::new(Code::T0503, message));
        }
        if info.examples != examples {
            let message = format!(
                "column `{}` of {source} has {} examples, but {examples} are expected",
                column.name, info.examples
            );
            return Err(DataError::new(Code::T0503, message).help("every column of a task needs the same number"));
        }
        places.push(place);
    }
    Ok(places)
}

/// The right number of values, all finite.
fn check_values(values: &[f64], column: &Column, examples: usize, source: &DataSource) -> Result<(), DataError> {
    let each: usize = column.shape.iter().product();
    if values.len() != each * examples {
        let message = format!(
            "column `{}` has {} numbers, but {examples} examples of {} need {}",
            column.name,
            values.len(),
            shape_text(&column.shape),
            each * examples
        );
        return Err(DataError::new(Code::T0503, message));
    }
    let Some(at) = values.iter().position(|v| !v.is_finite()) else { return Ok(()) };
    let place = match source {
        DataSource::Files { paths, .. } => format!(" in {}", list_of(paths)),
        DataSource::Table(_) => " of the table".to_string(),
        _ => String::new(),
    };
    let element = if column.shape.is_empty() {
        String::new()
    } else {
        format!(", element {}", shape_text(&index_of(at % each, &column.shape)))
    };
    let count = values.iter().filter(|v| !v.is_finite()).count();
    let more = if count > 1 { format!(" ({count} such numbers in this column)") } else { String::new() };
    let message = format!("column `{}`{place}, example {}{element}: {}{more}", column.name, at / each + 1, values[at]);
    Err(DataError::new(Code::T0504, message).help("leave such examples out, or put a number in their place"))
}

/// The first label that is none, if there is one.
pub fn wrong_label(field: &str, labels: usize, values: &[f64]) -> Option<DataError> {
    let at = values.iter().position(|v| v.fract() != 0.0 || *v < 0.0 || *v >= labels as f64)?;
    let (value, last) = (values[at], labels.saturating_sub(1));
    let message = format!("`{field}` is {value} in example {}, but Label[{labels}] holds 0 to {last}", at + 1);
    let top = values.iter().copied().fold(0.0, f64::max);
    let help = match value {
        v if v.fract() != 0.0 => "a label is a whole number: round it, or declare a number, `Real`".to_string(),
        v if v < 0.0 => "labels count from 0: add what the smallest one lacks".to_string(),
        _ if top == labels as f64 && !values.contains(&0.0) => {
            format!("if the data counts from 1, write `... - 1`; labels begin at 0, so that the last is {last}")
        }
        _ => format!("declare as many classes as there are: `Label[{}]`", top.floor() + 1.0),
    };
    Some(DataError::new(Code::T0506, message).help(help))
}

fn unknown_kind(kind: &str) -> DataError {
    let error = DataError::new(Code::T0501, format!("there is no kind of data file `{kind}`"));
    match did_you_mean(kind, KINDS) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help(format!("these are read: {}", quoted(KINDS))),
    }
}

fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let names: Vec<&str> = names.into_iter().collect();
    let mut text: Vec<String> = names.iter().take(SHOWN).map(|n| format!("`{n}`")).collect();
    if names.len() > SHOWN {
        text.push(format!("and {} more", names.len() - SHOWN));
    }
    text.join(", ")
}

fn list_of(paths: &[String]) -> String {
    quoted(paths.iter().map(String::as_str))
}

fn shape_text(shape: &[usize]) -> String {
    match shape {
        [] => "of a single number".to_string(),
        _ => format!("[{}]", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// The indices, from 1, of an element in row-major order.
fn index_of(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|n| {
            let i = at % n + 1;
            at /= n;
            i
        })
        .collect();
    index.reverse();
    index
}
