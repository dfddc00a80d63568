//! Numbers out of bytes: the element types of array files.

use super::{DataError, MAX_NUMBERS, shape_text};
use crate::diag::Code;
use std::io::{self, Read};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
}

/// What a file declares about an array of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub element: Element,
    pub big_endian: bool,
    /// The last axis varies slowest in the file.
    pub fortran: bool,
    /// The first axis counts examples.
    pub shape: Vec<usize>,
}

impl Element {
    pub fn size(self) -> usize {
        match self {
            Element::U8 | Element::I8 => 1,
            Element::U16 | Element::I16 | Element::F16 => 2,
            Element::U32 | Element::I32 | Element::F32 => 4,
            Element::U64 | Element::I64 | Element::F64 => 8,
        }
    }

    /// One number from `size()` bytes, most significant last.
    fn decode(self, b: &[u8]) -> f64 {
        let mut wide = [0; 8];
        wide[..b.len()].copy_from_slice(b);
        let bits = u64::from_le_bytes(wide);
        match self {
            Element::U8 | Element::U16 | Element::U32 | Element::U64 => bits as f64,
            Element::I8 => bits as u8 as i8 as f64,
            Element::I16 => bits as u16 as i16 as f64,
            Element::I32 => bits as u32 as i32 as f64,
            Element::I64 => bits as i64 as f64,
            Element::F16 => half(bits as u16),
            Element::F32 => f32::from_bits(bits as u32) as f64,
            Element::F64 => f64::from_bits(bits),
        }
    }
}

/// A number of half precision (IEEE 754): a sign, five bits of exponent, ten of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        e => (1024.0 + fraction) * 2f64.powi(e - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

impl Array {
    /// How many numbers there are, if that many can be in `limit` bytes; else what is wrong.
    pub fn count(&self, limit: u64, name: &str) -> Result<usize, DataError> {
        let count = self.shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d as u64)).filter(|n| *n <= MAX_NUMBERS);
        match count {
            Some(n) if n * self.element.size() as u64 <= limit => Ok(n as usize),
            _ => Err(DataError::new(
                Code::T0502,
                format!(
                    "{name} declares {} numbers of {} bytes, but holds at most {limit} bytes",
                    shape_text(&self.shape),
                    self.element.size()
                ),
            )
            .help("the file is cut off or damaged: fetch or write it again")),
        }
    }

    pub fn examples(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// The shape of one example.
    pub fn example_shape(&self) -> Vec<usize> {
        self.shape.get(1..).unwrap_or_default().to_vec()
    }

    /// Reads `count` numbers, a part at a time, into row-major order.
    pub fn read(&self, from: &mut impl Read, count: usize) -> io::Result<Vec<f64>> {
        let size = self.element.size();
        let mut values = Vec::new();
        values.try_reserve_exact(count).map_err(|_| io::Error::other("it does not fit into memory"))?;
        let mut part = vec![0; size * count.clamp(1, 1 << 14)];
        while values.len() < count {
            let bytes = size * (count - values.len()).min(1 << 14);
            from.read_exact(&mut part[..bytes])?;
            for b in part[..bytes].chunks_exact_mut(size) {
                if self.big_endian {
                    b.reverse();
                }
                values.push(self.element.decode(b));
            }
        }
        Ok(if self.fortran && self.shape.len() > 1 { self.to_row_major(&values) } else { values })
    }

    fn to_row_major(&self, values: &[f64]) -> Vec<f64> {
        let mut strides = Vec::new();
        let mut stride = 1;
        for n in &self.shape {
            strides.push(stride);
            stride *= n;
        }
        let mut index = vec![0; self.shape.len()];
        let mut out = Vec::with_capacity(values.len());
        while out.len() < values.len() {
            out.push(values[index.iter().zip(&strides).map(|(i, s)| i * s).sum::<usize>()]);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                if index[axis] < self.shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        out
    }
}
