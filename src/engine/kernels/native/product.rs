//! Small matrix products.
//!
//! The result is made in tiles of a few rows that stay in registers. An element's products are summed in their order,
//! one after another, so that neither the tile nor the vectors show in the bits. The second matrix is read in rows;
//! one that lies in columns is first turned round, which costs little beside the product.

use super::memory::{At, Lane, leveled};
use super::{Level, Real};
use crate::kernels::{Call, Context, Operand};
use crate::view::View;

/// Products with more multiplications gain from libtorch's blocking and threads.
const MOST: usize = 1 << 21;

/// `out = c + scale * a b`, for each element of a batch: views of three axes.
pub struct Product<'a> {
    pub a: &'a Operand,
    pub b: &'a Operand,
    pub c: Option<&'a Operand>,
    pub out: &'a Operand,
    pub scale: f64,
}

/// Lengths, and how far apart things lie.
#[derive(Clone, Copy)]
struct Geometry {
    batch: usize,
    m: usize,
    n: usize,
    k: usize,
    a: [usize; 3],
    b: [usize; 3],
    c: [usize; 3],
    out: [usize; 3],
    /// Rows of the turned second matrix, if it has to be turned.
    turned: Option<usize>,
    tile: usize,
}

impl Product<'_> {
    pub fn prepare<T: Real>(&self, context: &Context) -> Option<Call> {
        let level = context.level?;
        let [batch, m, n] = self.out.size() else { return None };
        let k = *self.a.size().last()?;
        let (batch, m, n) = (*batch, *m, *n);
        if m * n * k > MOST || batch * m * n * k > MOST * 4 || batch * m * n * k == 0 {
            return None;
        }
        if self.out.view.stride[2] != 1 && n > 1 {
            return self.turned().and_then(|product| product.borrowed().rows_only::<T>(context));
        }
        self.rows_only_inner::<T>(context, level, [batch, m, n, k])
    }

    fn rows_only<T: Real>(&self, context: &Context) -> Option<Call> {
        let [batch, m, n] = self.out.size() else { return None };
        if self.out.view.stride[2] != 1 && *n > 1 {
            return None;
        }
        self.rows_only_inner::<T>(context, context.level?, [*batch, *m, *n, *self.a.size().last()?])
    }

    fn rows_only_inner<T: Real>(&self, context: &Context, level: Level, sizes: [usize; 4]) -> Option<Call> {
        let [batch, m, n, k] = sizes;
        let three = |operand: &Operand| -> Option<[usize; 3]> { operand.view.stride.as_slice().try_into().ok() };
        let c = match self.c {
            Some(c) if c.view.stride[2] != 1 && n > 1 => return None,
            Some(c) => Some((three(c)?, Lane::<T>::of(c)?)),
            None => None,
        };
        let turned = (self.b.view.stride[2] != 1 && n > 1).then(|| n.next_multiple_of(16));
        let space = context.scratch(&[k * turned.unwrap_or(1)]).ok()?;
        let geometry = Geometry {
            batch,
            m,
            n,
            k,
            a: three(self.a)?,
            b: three(self.b)?,
            c: c.as_ref().map_or([0; 3], |c| c.0),
            out: three(self.out)?,
            turned,
            tile: tile_columns::<T>(level),
        };
        let (a, b, out) = (Lane::<T>::of(self.a)?, Lane::<T>::of(self.b)?, Lane::<T>::of(self.out)?);
        let (space, scale) = (Lane::<T>::of(&space)?, T::of(self.scale));
        Some(Box::new(move || {
            let c = c.as_ref().map(|c| c.1.at());
            run(level, geometry, scale, [a.at(), b.at(), out.at(), space.at()], c);
            Ok(())
        }))
    }

    /// The transposed product, whose result lies in rows where this one's lies in columns.
    fn turned(&self) -> Option<Turned> {
        let turn = |operand: &Operand| operand.with(operand.view.permute(&[0, 2, 1])).ok();
        let c = match self.c {
            Some(c) => Some(turn(c)?),
            None => None,
        };
        Some(Turned { a: turn(self.b)?, b: turn(self.a)?, c, out: turn(self.out)?, scale: self.scale })
    }
}

struct Turned {
    a: Operand,
    b: Operand,
    c: Option<Operand>,
    out: Operand,
    scale: f64,
}

impl Turned {
    fn borrowed(&self) -> Product<'_> {
        Product { a: &self.a, b: &self.b, c: self.c.as_ref(), out: &self.out, scale: self.scale }
    }
}

/// As three axes: what has no batch is a batch of one.
pub fn with_batch(view: View) -> View {
    if view.size.len() == 3 {
        return view;
    }
    let mut three = View { offset: view.offset, size: vec![1], stride: vec![0] };
    three.size.extend(&view.size);
    three.stride.extend(&view.stride);
    three
}

/// Columns of a tile whose four rows fill the registers but do not overflow them.
fn tile_columns<T>(level: Level) -> usize {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Widest => 32,
        #[cfg(target_arch = "x86_64")]
        Level::Wide => 64 / size_of::<T>(),
        #[cfg(not(target_arch = "x86_64"))]
        Level::Native => 64 / size_of::<T>(),
    }
}

leveled! {
    fn run<T>(g: Geometry, scale: T, places: [At<T>; 4], c: Option<At<T>>) {
        let [a, b, out, space] = places;
        for one in 0..g.batch {
            let (a, out) = (a.from(one * g.a[0]), out.from(one * g.out[0]));
            let mut b = b.from(one * g.b[0]);
            let c = c.map(|c| c.from(one * g.c[0]));
            let mut step = g.b[1];
            if let Some(width) = g.turned {
                turn(&g, b, space, width);
                (b, step) = (space, width);
            }
            let mut column = 0;
            while column < g.n {
                let left = g.n - column;
                let (b, c, out) = (b.from(column), c.map(|c| c.from(column)), out.from(column));
                let tiles = Tiles { g: &g, scale, a, b, step, c, out, left };
                let width = if left <= 8 { 8 } else if left <= 16 { g.tile.min(16) } else { g.tile };
                match width {
                    8 => tiles.column::<8>(),
                    16 => tiles.column::<16>(),
                    _ => tiles.column::<32>(),
                }
                column += width;
            }
        }
    }
}

/// Columns become rows, in squares of eight.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
fn turn<T: Real>(g: &Geometry, b: At<T>, space: At<T>, width: usize) {
    let whole = if g.b[1] == 1 { g.k - g.k % 8 } else { 0 };
    let mut column = 0;
    while column + 8 <= g.n {
        for k in (0..whole).step_by(8) {
            let mut rows = [[T::ZERO; 8]; 8];
            for j in 0..8 {
                let line: [T; 8] = b.from((column + j) * g.b[2] + k).load();
                for i in 0..8 {
                    rows[i][j] = line[i];
                }
            }
            for i in 0..8 {
                space.from((k + i) * width + column).store(rows[i], 8);
            }
        }
        for k in whole..g.k {
            for j in column..column + 8 {
                space.from(k * width + j).set(b.from(k * g.b[1] + j * g.b[2]).get());
            }
        }
        column += 8;
    }
    for j in column..g.n {
        for k in 0..g.k {
            space.from(k * width + j).set(b.from(k * g.b[1] + j * g.b[2]).get());
        }
    }
}

/// A column of tiles.
struct Tiles<'a, T> {
    g: &'a Geometry,
    scale: T,
    a: At<T>,
    b: At<T>,
    step: usize,
    c: Option<At<T>>,
    out: At<T>,
    left: usize,
}

impl<T: Real> Tiles<'_, T> {
    #[inline(always)]
    fn column<const N: usize>(&self) {
        let mut row = 0;
        while row < self.g.m {
            row += match self.g.m - row {
                1 => self.tile::<1, N>(row),
                2 | 3 => self.tile::<2, N>(row),
                _ => self.tile::<4, N>(row),
            };
        }
    }

    #[allow(clippy::needless_range_loop)]
    #[inline(always)]
    fn tile<const M: usize, const N: usize>(&self, row: usize) -> usize {
        let g = self.g;
        let a = self.a.from(row * g.a[1]);
        let mut sums = [[T::ZERO; N]; M];
        for k in 0..g.k {
            let line: [T; N] = self.b.from(k * self.step).load();
            for i in 0..M {
                let x = a.from(i * g.a[1] + k * g.a[2]).get();
                for lane in 0..N {
                    sums[i][lane] = x.fused(line[lane], sums[i][lane]);
                }
            }
        }
        // All rows are read before any is written: a row's block reaches into the next row.
        let mut lines = [[T::ZERO; N]; M];
        if let Some(c) = self.c {
            for i in 0..M {
                lines[i] = c.from((row + i) * g.c[1]).load();
            }
        }
        for i in 0..M {
            for lane in 0..N {
                lines[i][lane] = self.scale.fused(sums[i][lane], lines[i][lane]);
            }
        }
        for i in 0..M {
            self.out.from((row + i) * g.out[1]).store::<N>(lines[i], self.left);
        }
        M
    }
}
