//! Tables of text: a line of names, then a line an example. Columns `spikes[1]`, `spikes[2]`, ... are one column of
//! vectors. Separators may be commas, semicolons or tabs.

use super::files::Found;
use super::{ColumnInfo, DataError, Placed};
use crate::diag::Code;
use std::io::{BufRead, BufReader, Read};

const MAX_HEADER: u64 = 1 << 22;

/// The cells of one column: several if it is one of vectors.
struct Group {
    name: String,
    cells: Vec<usize>,
    vector: bool,
}

type Lines = ::csv::Reader<Box<dyn Read>>;

/// Reads the names and counts the lines.
pub fn inspect(file: &Found) -> Result<Vec<ColumnInfo>, DataError> {
    let (mut lines, groups, _) = open(file)?;
    let mut record = ::csv::ByteRecord::new();
    let mut examples = 0;
    while lines.read_byte_record(&mut record).map_err(|e| wrong_line(file, &e))? {
        examples += 1;
    }
    let shape = |g: &Group| if g.vector { vec![g.cells.len()] } else { Vec::new() };
    Ok(groups.iter().map(|g| ColumnInfo { name: g.name.clone(), shape: shape(g), examples }).collect())
}

/// The number of columns, and the wanted ones with their places, counted from `first`.
pub fn read(file: &Found, wanted: &[usize], first: usize) -> Result<(usize, Placed), DataError> {
    let (mut lines, groups, names) = open(file)?;
    let kept: Vec<usize> = (0..groups.len()).filter(|i| wanted.contains(&(first + i))).collect();
    let mut columns: Placed = kept.iter().map(|&i| (first + i, Vec::new())).collect();
    let mut record = ::csv::ByteRecord::new();
    while lines.read_byte_record(&mut record).map_err(|e| wrong_line(file, &e))? {
        let line = record.position().map_or(0, |p| p.line());
        for (&group, (_, values)) in kept.iter().zip(&mut columns) {
            for &cell in &groups[group].cells {
                let text = record.get(cell).unwrap_or_default();
                values.push(number(text).map_err(|fault| wrong_cell(file, line, &names[cell], text, fault))?);
            }
        }
    }
    Ok((groups.len(), columns))
}

/// The lines after the header, the columns, and the name of every cell.
fn open(file: &Found) -> Result<(Lines, Vec<Group>, Vec<String>), DataError> {
    let mut reader = BufReader::with_capacity(1 << 16, file.open()?.reader);
    let mut head = Vec::new();
    reader.by_ref().take(MAX_HEADER).read_until(b'\n', &mut head).map_err(|e| file.unreadable(&e))?;
    if head.iter().all(u8::is_ascii_whitespace) {
        return Err(DataError::new(Code::T0502, format!("`{}` begins with an empty line", file.name))
            .help("write the names of the columns into the first line"));
    }
    if head.len() as u64 == MAX_HEADER || head.contains(&0) {
        return Err(file.damaged("it is not a table of text"));
    }
    let text = String::from_utf8(head).map_err(|_| file.damaged("it is not text in UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}');
    let count = |c: char| text.matches(c).count();
    // The comma comes last because the last of several equally frequent ones is taken.
    let separator = [';', '\t', ','].into_iter().max_by_key(|&c| count(c)).unwrap_or(',');
    let mut builder = ::csv::ReaderBuilder::new();
    builder.delimiter(separator as u8).trim(::csv::Trim::All);
    let mut header = builder.from_reader(text.as_bytes());
    let names = header.headers().map_err(|e| wrong_line(file, &e))?;
    let names: Vec<String> = names.iter().map(str::to_string).collect();
    if names.iter().all(|n| n.parse::<f64>().is_ok()) {
        return Err(DataError::new(Code::T0502, format!("the first line of `{}` has numbers for names", file.name))
            .help("write the names of the columns into the first line"));
    }
    let groups = group(&names, file)?;
    // The first line is given back, so that lines and their lengths are counted from it.
    let whole: Box<dyn Read> = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()).chain(reader));
    Ok((builder.from_reader(whole), groups, names))
}

/// Joins `name[1]`, `name[2]`, ... to one column.
fn group(names: &[String], file: &Found) -> Result<Vec<Group>, DataError> {
    let mut groups: Vec<Group> = Vec::new();
    for (cell, name) in names.iter().enumerate() {
        let indexed = name.strip_suffix(']').and_then(|n| n.rsplit_once('['));
        let indexed = indexed.and_then(|(stem, i)| Some((stem.trim(), i.trim().parse::<usize>().ok()?)));
        match indexed {
            None => groups.push(Group { name: identifier(name), cells: vec![cell], vector: false }),
            Some((stem, index)) => {
                let stem = identifier(stem);
                let place = groups.iter().position(|g| g.vector && g.name == stem);
                let place = place.unwrap_or_else(|| {
                    groups.push(Group { name: stem.clone(), cells: Vec::new(), vector: true });
                    groups.len() - 1
                });
                if groups[place].cells.len() + 1 != index {
                    let expected = groups[place].cells.len() + 1;
                    let message = format!("`{}` has `{name}` where `{stem}[{expected}]` is expected", file.name);
                    return Err(DataError::new(Code::T0502, message)
                        .help("number the elements of a vector 1, 2, 3, ... without a gap"));
                }
                groups[place].cells.push(cell);
            }
        }
    }
    Ok(groups)
}

/// A header as a name of the language: what is neither letter nor digit becomes `_`.
fn identifier(header: &str) -> String {
    let words = header.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty());
    words.collect::<Vec<_>>().join("_")
}

enum Fault {
    Empty,
    NoNumber,
    NotFinite,
}

fn number(text: &[u8]) -> Result<f64, Fault> {
    let text = std::str::from_utf8(text).map_err(|_| Fault::NoNumber)?.trim();
    let value = match text {
        "" => return Err(Fault::Empty),
        "true" | "True" | "TRUE" => 1.0,
        "false" | "False" | "FALSE" => 0.0,
        _ => text.parse::<f64>().map_err(|_| Fault::NoNumber)?,
    };
    if value.is_finite() { Ok(value) } else { Err(Fault::NotFinite) }
}

fn wrong_cell(file: &Found, line: u64, column: &str, text: &[u8], fault: Fault) -> DataError {
    let place = format!("`{}` line {line}, column `{column}`", file.name);
    let text: String = String::from_utf8_lossy(text).chars().take(40).collect();
    match fault {
        Fault::Empty => DataError::new(Code::T0502, format!("{place}: an empty cell is not a number"))
            .help("leave such examples out, or put a number in their place"),
        Fault::NoNumber => DataError::new(Code::T0502, format!("{place}: `{text}` is not a number"))
            .help("data is numbers: give every category a number, from 0"),
        Fault::NotFinite => DataError::new(Code::T0504, format!("{place}: `{text}` is not finite"))
            .help("leave such examples out, or put a number in their place"),
    }
}

fn wrong_line(file: &Found, error: &::csv::Error) -> DataError {
    match error.kind() {
        ::csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, |p| p.line());
            let message = format!("`{}` line {line} has {len} cells, but there are {expected_len} columns", file.name);
            DataError::new(Code::T0502, message).help("give every line a cell for every column")
        }
        ::csv::ErrorKind::Io(e) => file.unreadable(e),
        _ => file.damaged("it is not text in UTF-8"),
    }
}
