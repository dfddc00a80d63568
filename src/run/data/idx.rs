//! The files of MNIST and its kin: two zero bytes, the element type, the number of axes, their sizes, the numbers, all
//! with the most significant byte first.

use super::bytes::{Array, Element};
use super::files::{Found, Opened};
use super::{ColumnInfo, DataError};
use std::io::Read;

/// The first file is the column `images`, the second `labels`, and then `file3` and so on.
pub fn inspect(file: &Found, position: usize) -> Result<ColumnInfo, DataError> {
    let mut opened = file.open()?;
    let (array, _) = header(&mut opened, file)?;
    let name = match position {
        0 => "images".to_string(),
        1 => "labels".to_string(),
        n => format!("file{}", n + 1),
    };
    Ok(ColumnInfo::new(name, array.example_shape(), array.examples()))
}

pub fn read(file: &Found) -> Result<Vec<f64>, DataError> {
    let mut opened = file.open()?;
    let (array, count) = header(&mut opened, file)?;
    array.read(&mut opened.reader, count).map_err(|e| file.unreadable(&e))
}

fn header(opened: &mut Opened, file: &Found) -> Result<(Array, usize), DataError> {
    let mut start = [0; 4];
    opened.reader.read_exact(&mut start).map_err(|e| file.unreadable(&e))?;
    let element = match start[2] {
        0x08 => Element::U8,
        0x09 => Element::I8,
        0x0B => Element::I16,
        0x0C => Element::I32,
        0x0D => Element::F32,
        0x0E => Element::F64,
        _ => return Err(file.damaged("it does not begin as an idx file does")),
    };
    if start[..2] != [0, 0] || start[3] == 0 {
        return Err(file.damaged("it does not begin as an idx file does"));
    }
    let mut shape = Vec::new();
    for _ in 0..start[3] {
        let mut size = [0; 4];
        opened.reader.read_exact(&mut size).map_err(|e| file.unreadable(&e))?;
        shape.push(u32::from_be_bytes(size) as usize);
    }
    let array = Array { element, big_endian: true, fortran: false, shape };
    let left = opened.limit.saturating_sub(4 + 4 * start[3] as u64);
    let count = array.count(left, &format!("`{}`", file.name))?;
    Ok((array, count))
}
