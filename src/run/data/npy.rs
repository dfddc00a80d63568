//! Arrays as NumPy writes them: a magic word, a header that is a Python dictionary, and the numbers.

use super::bytes::{Array, Element};
use super::files::Found;
use super::{ColumnInfo, DataError};
use crate::diag::Code;
use std::io::Read;

const MAX_HEADER: usize = 1 << 16;

/// A lone array is the column `values` (a second one `values2`, and so on).
pub fn inspect(file: &Found, position: usize) -> Result<ColumnInfo, DataError> {
    let mut opened = file.open()?;
    let name = format!("`{}`", file.name);
    let (array, header) = header(&mut opened.reader, &name)?;
    array.count(opened.limit.saturating_sub(header), &name)?;
    let column = if position == 0 { "values".to_string() } else { format!("values{}", position + 1) };
    Ok(ColumnInfo::new(column, array.example_shape(), array.examples()))
}

pub fn read(file: &Found) -> Result<Vec<f64>, DataError> {
    let mut opened = file.open()?;
    numbers(&mut opened.reader, opened.limit, &format!("`{}`", file.name))
}

/// The numbers of an array of at most `limit` bytes, called `name` in messages.
pub fn numbers(from: &mut impl Read, limit: u64, name: &str) -> Result<Vec<f64>, DataError> {
    let (array, header) = header(from, name)?;
    let count = array.count(limit.saturating_sub(header), name)?;
    array.read(from, count).map_err(|e| damaged(name, reason(&e)))
}

/// The header and its length.
pub fn header(from: &mut impl Read, name: &str) -> Result<(Array, u64), DataError> {
    let cut = |e: std::io::Error| damaged(name, reason(&e));
    let mut start = [0; 8];
    from.read_exact(&mut start).map_err(cut)?;
    if &start[..6] != b"\x93NUMPY" {
        return Err(damaged(name, "it does not begin as a NumPy array does"));
    }
    let (length, before) = match start[6] {
        1 => {
            let mut b = [0; 2];
            from.read_exact(&mut b).map_err(cut)?;
            (u16::from_le_bytes(b) as usize, 10)
        }
        2 | 3 => {
            let mut b = [0; 4];
            from.read_exact(&mut b).map_err(cut)?;
            (u32::from_le_bytes(b) as usize, 12)
        }
        other => return Err(damaged(name, format!("version {other} of the format is not known"))),
    };
    if length > MAX_HEADER {
        return Err(damaged(name, format!("its header claims {length} bytes")));
    }
    let mut text = vec![0; length];
    from.read_exact(&mut text).map_err(cut)?;
    let text = String::from_utf8_lossy(&text);
    Ok((parse(&text, name)?, before + length as u64))
}

/// `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`
fn parse(text: &str, name: &str) -> Result<Array, DataError> {
    let field = |key: &str| -> Option<&str> {
        let at = text.find(&format!("'{key}'"))? + key.len() + 2;
        Some(text[at..].trim_start().strip_prefix(':')?.trim_start())
    };
    let fortran = field("fortran_order").map(|t| t.starts_with("True"));
    let shape = field("shape").and_then(|t| {
        let inner = t.strip_prefix('(')?;
        let inner = &inner[..inner.find(')')?];
        let sizes = inner.split(',').map(str::trim).filter(|d| !d.is_empty());
        sizes.map(|d| d.trim_end_matches('L').parse::<usize>().ok()).collect::<Option<Vec<_>>>()
    });
    let descr = field("descr").and_then(|t| {
        let inner = t.strip_prefix('\'')?;
        Some(&inner[..inner.find('\'')?])
    });
    let (Some(fortran), Some(shape)) = (fortran, shape) else {
        return Err(damaged(name, "its header cannot be read"));
    };
    let Some((big_endian, element)) = descr.and_then(element) else {
        let found = descr.map_or("of several fields".to_string(), |d| format!("of the type `{d}`"));
        return Err(DataError::new(Code::T0502, format!("{name} holds elements {found}, which are not numbers"))
            .help("write real numbers, whole numbers or truth values: array.astype(\"float32\")"));
    };
    Ok(Array { element, big_endian, fortran, shape })
}

fn element(descr: &str) -> Option<(bool, Element)> {
    let (order, kind) = descr.split_at_checked(1)?;
    let element = match kind {
        "u1" | "b1" => Element::U8,
        "i1" => Element::I8,
        "u2" => Element::U16,
        "i2" => Element::I16,
        "u4" => Element::U32,
        "i4" => Element::I32,
        "u8" => Element::U64,
        "i8" => Element::I64,
        "f2" => Element::F16,
        "f4" => Element::F32,
        "f8" => Element::F64,
        _ => return None,
    };
    matches!(order, "<" | "|" | ">" | "=").then_some((order == ">", element))
}

fn damaged(name: &str, why: impl std::fmt::Display) -> DataError {
    DataError::new(Code::T0502, format!("{name} is damaged: {why}")).help("fetch or write the file again")
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "it ends too early".to_string(),
        _ => super::files::plain(error),
    }
}
