//! Tables of text: a line of names, then a line an example. Columns `spikes[1]`, `spikes[2]`, ... are one column of
//! vectors. Separators may be commas, semicolons, tabs or blanks, or what a line `sep=;` before the names says; what stands in
//! quotes separates nothing (RFC 4180).

use super::files::Found;
use super::{ColumnInfo, DataError, Placed};
use crate::diag::Code;
use std::io::{BufRead, BufReader, Read};

const MAX_HEADER: u64 = 1 << 22;

/// The cells of one column: several if it is one of vectors.
struct Group {
    name: String,
    /// As the file has it.
    header: String,
    cells: Vec<usize>,
    vector: bool,
    fault: Option<DataError>,
}

/// The lines of a table after its names.
struct Table {
    lines: ::csv::Reader<Box<dyn Read>>,
    groups: Vec<Group>,
    /// Of every cell.
    names: Vec<String>,
    /// Lines before the names.
    skipped: u64,
}

/// Reads the names and counts the lines.
pub fn inspect(file: &Found) -> Result<Vec<ColumnInfo>, DataError> {
    let mut table = open(file)?;
    let mut record = ::csv::ByteRecord::new();
    let mut examples = 0;
    while table.next(file, &mut record)?.is_some() {
        examples += 1;
    }
    let shape = |g: &Group| if g.vector { vec![g.cells.len()] } else { Vec::new() };
    let info = |g: Group| ColumnInfo { shape: shape(&g), name: g.name, header: g.header, examples, fault: g.fault };
    Ok(table.groups.into_iter().map(info).collect())
}

/// The number of columns, and the wanted ones with their places.
pub fn read(file: &Found, wanted: &[usize]) -> Result<(usize, Placed), DataError> {
    let mut table = open(file)?;
    let kept: Vec<usize> = (0..table.groups.len()).filter(|i| wanted.contains(i)).collect();
    let mut columns: Placed = kept.iter().map(|&i| (i, Vec::new())).collect();
    let mut record = ::csv::ByteRecord::new();
    while let Some(line) = table.next(file, &mut record)? {
        for (&group, (_, values)) in kept.iter().zip(&mut columns) {
            for &cell in &table.groups[group].cells {
                let text = record.get(cell).unwrap_or_default();
                values.push(number(text).map_err(|fault| wrong_cell(file, line, &table.names[cell], text, fault))?);
            }
        }
    }
    Ok((table.groups.len(), columns))
}

impl Table {
    /// The next example, with the number of its line in the file.
    fn next(&mut self, file: &Found, record: &mut ::csv::ByteRecord) -> Result<Option<u64>, DataError> {
        let more = self.lines.read_byte_record(record).map_err(|e| wrong_line(file, &e, self.skipped))?;
        Ok(more.then(|| record.position().map_or(0, |p| p.line()) + self.skipped))
    }
}

fn open(file: &Found) -> Result<Table, DataError> {
    let mut reader = BufReader::with_capacity(1 << 16, file.open()?.reader);
    let mut head = line(file, &mut reader)?;
    let mut skipped = 0;
    let first = head.trim_end_matches(['\r', '\n']);
    let said = first.trim_matches('"').strip_prefix("sep=").and_then(|s| s.chars().next()).filter(char::is_ascii);
    if said.is_some() {
        (head, skipped) = (line(file, &mut reader)?, 1);
    }
    if head.trim().is_empty() {
        return Err(DataError::new(Code::T0502, format!("`{}` begins with an empty line", file.name))
            .help("write the names of the columns into the first line"));
    }
    // The first example tells whether blanks separate.
    let next = line(file, &mut reader)?;
    let rest: Box<dyn Read> = Box::new(std::io::Cursor::new(next.clone().into_bytes()).chain(reader));
    let separator = said.unwrap_or_else(|| separator(&head, &next));
    let whole: Box<dyn Read> = match separator {
        ' ' => Box::new(Single::new(std::io::Cursor::new(head.into_bytes()).chain(rest))),
        _ => Box::new(std::io::Cursor::new(head.into_bytes()).chain(rest)),
    };
    let mut builder = ::csv::ReaderBuilder::new();
    let mut lines = builder.delimiter(separator as u8).trim(::csv::Trim::All).from_reader(whole);
    let names = lines.headers().map_err(|e| wrong_line(file, &e, skipped))?;
    let names: Vec<String> = names.iter().map(str::to_string).collect();
    if names.iter().all(|n| n.parse::<f64>().is_ok()) {
        return Err(DataError::new(Code::T0502, format!("the first line of `{}` has numbers for names", file.name))
            .help("write the names of the columns into the first line"));
    }
    Ok(Table { lines, groups: group(&names, file), names, skipped })
}

/// The next line, with the lines that go on in its quotes.
fn line(file: &Found, reader: &mut impl BufRead) -> Result<String, DataError> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        let limit = MAX_HEADER - before as u64;
        reader.by_ref().take(limit).read_until(b'\n', &mut head).map_err(|e| file.unreadable(&e))?;
        if head.len() as u64 >= MAX_HEADER || head.contains(&0) {
            return Err(file.damaged("it is not a table of text"));
        }
        let quotes = head.iter().filter(|b| **b == b'"').count();
        if quotes % 2 == 0 || head.len() == before {
            break;
        }
    }
    let text = String::from_utf8(head).map_err(|_| file.damaged("it is not text in UTF-8"))?;
    Ok(text.trim_start_matches('\u{feff}').to_string())
}

/// What stands most often between the names, quotes aside; blanks if nothing else does, and the line after it has as many.
fn separator(head: &str, next: &str) -> char {
    let count = |c: char| outside_quotes(head).filter(|x| *x == c).count();
    // The comma comes last because the last of several equally frequent ones is taken.
    let most = [';', '\t', ','].into_iter().max_by_key(|&c| count(c)).unwrap_or(',');
    let cells = |text: &str| {
        let mut blank = true;
        let begins = |c: char| std::mem::replace(&mut blank, c.is_ascii_whitespace()) && !c.is_ascii_whitespace();
        outside_quotes(text).map(begins).filter(|b| *b).count()
    };
    let blanks = count(most) == 0 && cells(head) > 1 && cells(head) == cells(next);
    if blanks { ' ' } else { most }
}

/// The characters of a line, with a letter for each that stands in quotes.
fn outside_quotes(text: &str) -> impl Iterator<Item = char> {
    let mut quoted = false;
    text.chars().map(move |c| {
        quoted ^= c == '"';
        if quoted || c == '"' { 'q' } else { c }
    })
}

/// Text in which runs of blanks are one blank, and lines neither begin nor end with any.
struct Single<R> {
    from: BufReader<R>,
    /// What was made and not yet taken, last byte first.
    made: Vec<u8>,
}

impl<R: Read> Single<R> {
    fn new(from: R) -> Single<R> {
        Single { from: BufReader::new(from), made: Vec::new() }
    }
}

impl<R: Read> Read for Single<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.made.is_empty() {
            let mut line = Vec::new();
            self.from.by_ref().take(MAX_HEADER).read_until(b'\n', &mut line)?;
            let ends = line.ends_with(b"\n");
            let mut quoted = false;
            for byte in line.trim_ascii() {
                quoted ^= *byte == b'"';
                let blank = !quoted && matches!(byte, b' ' | b'\t');
                if !(blank && self.made.last() == Some(&b' ')) {
                    self.made.push(if blank { b' ' } else { *byte });
                }
            }
            self.made.extend(ends.then_some(b'\n'));
            self.made.reverse();
        }
        let count = buffer.len().min(self.made.len());
        for place in &mut buffer[..count] {
            *place = self.made.pop().unwrap_or_default();
        }
        Ok(count)
    }
}

/// Joins `name[1]`, `name[2]`, ... to one column.
fn group(names: &[String], file: &Found) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (cell, name) in names.iter().enumerate() {
        let indexed = name.strip_suffix(']').and_then(|n| n.rsplit_once('['));
        let indexed = indexed.and_then(|(stem, i)| Some((stem.trim(), i.trim().parse::<usize>().ok()?)));
        let one = |header: &str, vector| {
            let (name, header) = (identifier(header), header.to_string());
            Group { name, header, cells: Vec::new(), vector, fault: None }
        };
        match indexed {
            None => groups.push(Group { cells: vec![cell], ..one(name, false) }),
            Some((stem, index)) => {
                let place = groups.iter().position(|g| g.vector && g.header == stem);
                let place = place.unwrap_or_else(|| {
                    groups.push(one(stem, true));
                    groups.len() - 1
                });
                let group = &mut groups[place];
                let expected = group.cells.len() + 1;
                if expected != index {
                    let stem = &group.name;
                    let message = format!("`{}` has `{name}` where `{stem}[{expected}]` is expected", file.name);
                    let fault = DataError::new(Code::T0502, message);
                    let fault = fault.help("number the elements of a vector 1, 2, 3, ... without a gap");
                    group.fault.get_or_insert(fault);
                }
                group.cells.push(cell);
            }
        }
    }
    groups
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

fn wrong_line(file: &Found, error: &::csv::Error, skipped: u64) -> DataError {
    match error.kind() {
        ::csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, |p| p.line()) + skipped;
            let message = format!("`{}` line {line} has {len} cells, but there are {expected_len} columns", file.name);
            DataError::new(Code::T0502, message).help("give every line a cell for every column")
        }
        ::csv::ErrorKind::Io(e) => file.unreadable(e),
        _ => file.damaged("it is not text in UTF-8"),
    }
}
