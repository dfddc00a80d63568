//! Archives of arrays (`npz`, a zip of npy files), among them the one with the data sets that come with Trine.
//!
//! `data/builtin.npz` holds an array `set/column.npy` for every column of every set: adding a set is adding to that
//! archive, and no Rust.

use super::files::{Found, UNPACKED};
use super::{ColumnInfo, DataError, Placed, npy, quoted};
use crate::diag::{Code, did_you_mean};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{BufReader, Cursor, Read, Seek};
use zip::ZipArchive;
use zip::result::ZipError;

static BUILTIN: &[u8] = include_bytes!("../../../data/builtin.npz");

/// Columns of an archive, and for each its place among the entries.
struct Listing {
    columns: Vec<ColumnInfo>,
    entries: Vec<usize>,
}

pub fn inspect(file: &Found) -> Result<Vec<ColumnInfo>, DataError> {
    let mut archive = open(BufReader::new(file.file()?), &file.name)?;
    Ok(list(&mut archive, &file.name, "")?.columns)
}

/// The number of columns, and the wanted ones with their places.
pub fn read(file: &Found, wanted: &[usize]) -> Result<(usize, Placed), DataError> {
    let mut archive = open(BufReader::new(file.file()?), &file.name)?;
    let listing = list(&mut archive, &file.name, "")?;
    let mut columns = Vec::new();
    for (i, &entry) in listing.entries.iter().enumerate() {
        if wanted.contains(&i) {
            columns.push((i, numbers(&mut archive, entry, &file.name)?));
        }
    }
    Ok((listing.entries.len(), columns))
}

pub fn builtin_names() -> Vec<String> {
    let mut names: Vec<String> = match ZipArchive::new(Cursor::new(BUILTIN)) {
        Ok(archive) => archive.file_names().filter_map(|n| Some(n.split_once('/')?.0.to_string())).collect(),
        Err(_) => Vec::new(),
    };
    names.sort();
    names.dedup();
    names
}

/// The check sums of a set's arrays.
pub fn fingerprint_of(set: &str) -> String {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(BUILTIN)) else { return String::new() };
    let mut sums = Vec::new();
    for i in 0..archive.len() {
        if let Ok(entry) = archive.by_index_raw(i)
            && entry.name().starts_with(&format!("{set}/"))
        {
            sums.push(format!("{} {:08x}", entry.name(), entry.crc32()));
        }
    }
    sums.sort();
    sums.join("\n")
}

pub fn inspect_builtin(set: &str) -> Result<Vec<ColumnInfo>, DataError> {
    thread_local! {
        // Every condition of every experiment asks.
        static KNOWN: RefCell<HashMap<String, Vec<ColumnInfo>>> = RefCell::new(HashMap::new());
    }
    if let Some(columns) = KNOWN.with(|k| k.borrow().get(set).cloned()) {
        return Ok(columns);
    }
    let columns = read_columns(set)?;
    KNOWN.with(|k| k.borrow_mut().insert(set.to_string(), columns.clone()));
    Ok(columns)
}

fn read_columns(set: &str) -> Result<Vec<ColumnInfo>, DataError> {
    let mut archive = open(Cursor::new(BUILTIN), set)?;
    let columns = list(&mut archive, set, &format!("{set}/"))?.columns;
    if columns.is_empty() || set.is_empty() {
        let names = builtin_names();
        let names = names.iter().map(String::as_str);
        let error = DataError::new(Code::T0501, format!("no data set `{set}` comes with Trine"));
        return Err(match did_you_mean(set, names.clone()) {
            Some(near) => error.help(format!("did you mean \"{near}\"?")),
            None => error.help(format!("these do: {}", quoted(names))),
        });
    }
    Ok(columns)
}

pub fn read_builtin(set: &str, wanted: &[usize]) -> Result<Vec<Vec<f64>>, DataError> {
    let mut archive = open(Cursor::new(BUILTIN), set)?;
    let listing = list(&mut archive, set, &format!("{set}/"))?;
    wanted.iter().map(|&w| numbers(&mut archive, listing.entries[w], set)).collect()
}

fn open<R: Read + Seek>(reader: R, name: &str) -> Result<ZipArchive<R>, DataError> {
    ZipArchive::new(reader).map_err(|e| damaged(name, &e))
}

/// The arrays whose names begin with `prefix`, in the order of the archive, by their headers.
fn list<R: Read + Seek>(archive: &mut ZipArchive<R>, name: &str, prefix: &str) -> Result<Listing, DataError> {
    let mut listing = Listing { columns: Vec::new(), entries: Vec::new() };
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).map_err(|e| damaged(name, &e))?;
        let Some(column) = entry.name().strip_prefix(prefix).and_then(|n| n.strip_suffix(".npy")) else { continue };
        let column = column.to_string();
        let limit = limit(&entry);
        let label = format!("array `{column}` of `{name}`");
        // An array that is no column of numbers is a fault of the task that reads it, and of no other.
        let sound = npy::header(&mut entry, &label)
            .and_then(|(array, header)| array.count(limit.saturating_sub(header), &label).map(|_| array));
        listing.columns.push(match sound {
            Ok(array) => ColumnInfo::new(column, array.example_shape(), array.examples()),
            Err(fault) => ColumnInfo { fault: Some(fault), ..ColumnInfo::new(column, Vec::new(), 0) },
        });
        listing.entries.push(i);
    }
    Ok(listing)
}

fn numbers<R: Read + Seek>(archive: &mut ZipArchive<R>, entry: usize, name: &str) -> Result<Vec<f64>, DataError> {
    let mut entry = archive.by_index(entry).map_err(|e| damaged(name, &e))?;
    let label = format!("array `{}` of `{name}`", entry.name().trim_end_matches(".npy"));
    let limit = limit(&entry);
    let values = npy::numbers(&mut entry, limit, &label)?;
    // The checksum is compared when the end is reached.
    match std::io::copy(&mut entry.take(1), &mut std::io::sink()) {
        Ok(_) => Ok(values),
        Err(e) => Err(DataError::new(Code::T0502, format!("{label} is damaged: {}", unpacked(&e)))
            .help("fetch or write the file again")),
    }
}

/// The most bytes that an entry can unpack to: its own claim is only believed as far as its packed size allows.
fn limit(entry: &zip::read::ZipFile<'_, impl Read>) -> u64 {
    entry.size().min(entry.compressed_size().saturating_mul(UNPACKED))
}

/// Why what is packed cannot be unpacked, in words of ours.
fn unpacked(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "it ends too early".into(),
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput => {
            "what it holds is not what its checksum says".into()
        }
        _ => super::files::plain(error),
    }
}

fn damaged(name: &str, error: &ZipError) -> DataError {
    let why = match error {
        ZipError::UnsupportedArchive(_) => {
            let m = format!("`{name}` is packed in a way that is not read");
            return DataError::new(Code::T0502, m)
                .help("write it by `numpy.savez` or `numpy.savez_compressed`, without a password");
        }
        ZipError::Io(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => unpacked(e),
        _ => "it is not a complete archive".to_string(),
    };
    DataError::new(Code::T0502, format!("`{name}` is damaged: {why}")).help("fetch or write the file again")
}
