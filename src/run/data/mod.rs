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
    pub name: String,
    /// Of one example.
    pub shape: Vec<usize>,
    pub examples: usize,
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
        DataError { code, message: message.into(), help: None }
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
    let columns = match source {
        DataSource::Builtin(name) => archive::inspect_builtin(name)?,
        DataSource::Files { kind, paths } => inspect_files(kind, paths, folder)?,
        DataSource::Table(_) | DataSource::Drawn => return Ok(Vec::new()),
    };
    check_names(&columns)?;
    Ok(columns)
}

/// Names of the data sets that come with Trine.
/// A hash of all that the files of a source hold, unpacked: the same data under another name has the same one.
pub fn fingerprint(source: &DataSource, folder: &Path) -> Result<String, DataError> {
    let mut h = blake3::Hasher::new();
    match source {
        DataSource::Builtin(name) => {
            h.update(archive::fingerprint_of(name).as_bytes());
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

pub fn builtin_names() -> Vec<String> {
    archive::builtin_names()
}

/// Reads the columns of a plan. Relative paths begin at `folder`.
pub fn load(data: &Data, folder: &Path) -> Result<Columns, DataError> {
    let columns = match &data.source {
        DataSource::Drawn => Vec::new(),
        DataSource::Table(columns) => columns.clone(),
        DataSource::Builtin(name) => {
            let infos = inspect(&data.source, folder)?;
            let wanted = resolve(&infos, data, &format!("built-in data `{name}`"))?;
            archive::read_builtin(name, &wanted)?
        }
        DataSource::Files { kind, paths } => {
            let infos = inspect(&data.source, folder)?;
            let wanted = resolve(&infos, data, &list_of(paths))?;
            read_files(kind, paths, folder, &wanted)?
        }
    };
    for (values, column) in columns.iter().zip(&data.columns) {
        check_values(values, column, data)?;
    }
    if columns.len() != data.columns.len() {
        let message = format!("{} columns are needed, but there are {}", data.columns.len(), columns.len());
        return Err(DataError::new(Code::T0503, message));
    }
    Ok(Columns { columns, examples: data.examples })
}

fn inspect_files(kind: &str, paths: &[String], folder: &Path) -> Result<Vec<ColumnInfo>, DataError> {
    let mut all = Vec::new();
    for (position, path) in paths.iter().enumerate() {
        let file = files::find(path, folder)?;
        match kind {
            "npz" => all.extend(archive::inspect(&file)?),
            "npy" => all.push(npy::inspect(&file, position)?),
            "csv" => all.extend(csv::inspect(&file)?),
            "idx" => all.push(idx::inspect(&file, position)?),
            _ => return Err(unknown_kind(kind)),
        }
    }
    match all.is_empty() {
        true if paths.is_empty() => Err(DataError::new(Code::T0501, format!("`{kind}` names no file"))
            .help(format!("name at least one: source {kind}(\"recordings.{kind}\")"))),
        true => Err(DataError::new(Code::T0502, format!("{} has no columns", list_of(paths)))),
        false => Ok(all),
    }
}

/// The wanted columns, by their places among all columns of the files.
fn read_files(kind: &str, paths: &[String], folder: &Path, wanted: &[usize]) -> Result<Vec<Vec<f64>>, DataError> {
    let mut found: Vec<Option<Vec<f64>>> = vec![None; wanted.len()];
    let mut first = 0;
    for path in paths {
        let file = files::find(path, folder)?;
        let (count, columns) = match kind {
            "npz" => archive::read(&file, wanted, first)?,
            "npy" => (1, if wanted.contains(&first) { vec![(first, npy::read(&file)?)] } else { Vec::new() }),
            "csv" => csv::read(&file, wanted, first)?,
            "idx" => (1, if wanted.contains(&first) { vec![(first, idx::read(&file)?)] } else { Vec::new() }),
            _ => return Err(unknown_kind(kind)),
        };
        for (place, values) in columns {
            let mut slots = wanted.iter().enumerate().filter(|(_, w)| **w == place).map(|(slot, _)| slot);
            if let Some(slot) = slots.next() {
                slots.for_each(|other| found[other] = Some(values.clone()));
                found[slot] = Some(values);
            }
        }
        first += count;
    }
    Ok(found.into_iter().map(Option::unwrap_or_default).collect())
}

/// Where the plan's columns are among those of the source; their shapes and lengths must agree.
fn resolve(infos: &[ColumnInfo], data: &Data, source: &str) -> Result<Vec<usize>, DataError> {
    let mut places = Vec::new();
    for column in &data.columns {
        let Some(place) = infos.iter().position(|i| i.name == column.name) else {
            let names = infos.iter().map(|i| i.name.as_str());
            let error = DataError::new(Code::T0501, format!("there is no column `{}` in {source}", column.name));
            return Err(match did_you_mean(&column.name, names.clone()) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help(format!("its columns are {}", quoted(names))),
            });
        };
        let info = &infos[place];
        if info.shape != column.shape {
            let message = format!(
                "column `{}` of {source} has the shape {} for one example, but {} is declared",
                column.name,
                shape_text(&info.shape),
                shape_text(&column.shape)
            );
            return Err(DataError::new(Code::T0503, message));
        }
        if info.examples != data.examples {
            let message = format!(
                "column `{}` of {source} has {} examples, but {} are expected",
                column.name, info.examples, data.examples
            );
            return Err(DataError::new(Code::T0503, message).help("every column of a task needs the same number"));
        }
        places.push(place);
    }
    Ok(places)
}

/// The right number of values, all finite.
fn check_values(values: &[f64], column: &Column, data: &Data) -> Result<(), DataError> {
    let each: usize = column.shape.iter().product();
    if values.len() != each * data.examples {
        let message = format!(
            "column `{}` has {} numbers, but {} examples of {} need {}",
            column.name,
            values.len(),
            data.examples,
            shape_text(&column.shape),
            each * data.examples
        );
        return Err(DataError::new(Code::T0503, message));
    }
    let Some(at) = values.iter().position(|v| !v.is_finite()) else { return Ok(()) };
    let place = match &data.source {
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

/// The same name twice would leave open which column is meant; lengths that differ, which examples belong together.
fn check_names(columns: &[ColumnInfo]) -> Result<(), DataError> {
    for (i, column) in columns.iter().enumerate() {
        if columns[..i].iter().any(|c| c.name == column.name) {
            let message = format!("two columns have the name `{}`", column.name);
            return Err(DataError::new(Code::T0502, message).help("rename one of them in the data"));
        }
    }
    Ok(())
}

/// Whether all columns have as many examples: `None`, or what disagrees. An archive may hold arrays that a task does not
/// use, so that the checker asks only about the columns that it does use.
pub fn check_lengths(columns: &[&ColumnInfo]) -> Result<(), DataError> {
    let Some(first) = columns.first() else { return Ok(()) };
    match columns.iter().find(|c| c.examples != first.examples) {
        None => Ok(()),
        Some(other) => {
            let message = format!(
                "column `{}` has {} examples, but column `{}` has {}",
                first.name, first.examples, other.name, other.examples
            );
            Err(DataError::new(Code::T0503, message).help("every column of a task needs the same number"))
        }
    }
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
