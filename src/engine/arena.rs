//! Where values lie: one slab a replicate, every value at a fixed offset.
//!
//! Sizes are padded to 32 numbers, so that everything starts on a cache line. What must last (slots, batches,
//! invariants, results) is reserved once; temporaries of a program share space by liveness, and programs, which never
//! run at the same time, share the same room for temporaries.

use crate::view::{View, signed};
use tch::{Device, Kind, TchError, Tensor};

const PAD: usize = 32;

/// Numbers past the end of everything, so that kernels may read whole blocks.
pub const SLACK: usize = 32;

/// A size rounded up to whole cache lines.
pub fn padded(elements: usize) -> usize {
    elements.max(1).div_ceil(PAD) * PAD
}

/// Room that is handed out once and kept.
#[derive(Debug, Default)]
pub struct Reserve {
    pub used: usize,
}

impl Reserve {
    pub fn take(&mut self, elements: usize) -> usize {
        let offset = self.used;
        self.used += padded(elements);
        offset
    }
}

/// Room that is handed out, given back and handed out again.
#[derive(Debug, Default)]
pub struct Temporaries {
    /// Gaps by offset, not touching one another.
    free: Vec<(usize, usize)>,
    /// The most that was ever in use.
    pub peak: usize,
}

impl Temporaries {
    pub fn take(&mut self, elements: usize) -> usize {
        let size = padded(elements);
        // The tightest gap, else the end.
        let gap = (0..self.free.len()).filter(|&i| self.free[i].1 >= size).min_by_key(|&i| self.free[i].1);
        if let Some(i) = gap {
            let (offset, room) = self.free[i];
            if room == size {
                self.free.remove(i);
            } else {
                self.free[i] = (offset + size, room - size);
            }
            return offset;
        }
        let offset = match self.free.last() {
            Some(&(offset, room)) if offset + room == self.peak => {
                self.free.pop();
                offset
            }
            _ => self.peak,
        };
        self.peak = offset + size;
        offset
    }

    pub fn give_back(&mut self, offset: usize, elements: usize) {
        let size = padded(elements);
        let at = self.free.partition_point(|gap| gap.0 < offset);
        self.free.insert(at, (offset, size));
        if at + 1 < self.free.len() && offset + size == self.free[at + 1].0 {
            self.free[at].1 += self.free.remove(at + 1).1;
        }
        if at > 0 && self.free[at - 1].0 + self.free[at - 1].1 == offset {
            self.free[at - 1].1 += self.free.remove(at).1;
        }
    }
}

/// The storage of a replicate.
pub struct Slab {
    pub numbers: Tensor,
}

impl Slab {
    pub fn new(elements: usize, kind: Kind, device: Device) -> Result<Slab, TchError> {
        Ok(Slab { numbers: Tensor::f_zeros([(padded(elements) + SLACK) as i64], (kind, device))? })
    }

    pub fn view(&self, view: &View) -> Result<Tensor, TchError> {
        restride(&self.numbers, view)
    }
}

/// A view of a tensor's storage.
pub fn restride(tensor: &Tensor, view: &View) -> Result<Tensor, TchError> {
    tensor.f_as_strided(signed(&view.size), signed(&view.stride), view.offset as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_used_again() {
        let mut room = Temporaries::default();
        let (a, b, c) = (room.take(32), room.take(40), room.take(1));
        assert_eq!((a, b, c), (0, 32, 96));
        room.give_back(a, 32);
        room.give_back(b, 40);
        assert_eq!(room.take(90), 0);
        assert_eq!(room.peak, 128);
        room.give_back(c, 1);
        assert_eq!(room.take(64), 96);
        assert_eq!(room.peak, 160);
    }
}
