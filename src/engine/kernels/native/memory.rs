//! Numbers in a slab, read and written where they lie: the one place of the engine with `unsafe`, but for the
//! loading of a library in `device`.
//!
//! A kernel may read its argument and write its result in the same place, and reads a few numbers past the end of
//! what it needs rather than one at a time, so slices cannot describe its operands. [`Lane`] does: it is made only
//! from a view whose every element, and [`WIDTH`] numbers more, lie inside the storage ([`Lane::of`]), it keeps that
//! storage alive, and kernels ask it only for elements of that view, or for a block that begins at one of them. One
//! thread runs a replicate, so nothing else reads or writes meanwhile. The other `unsafe` is the call of a function
//! compiled for vectors that this processor was found to have ([`crate::kernels::native::level`]).

use crate::arena::SLACK;
use crate::kernels::Operand;
use crate::kernels::native::Real;
use tch::{Device, Tensor};

/// Numbers that are handled at once.
pub const WIDTH: usize = 32;
const _: () = assert!(SLACK >= WIDTH);

/// Numbers of a view, by their distance from its first.
pub struct Lane<T> {
    first: *mut T,
    _storage: Tensor,
}

/// A lane for the time of a call.
#[derive(Clone, Copy)]
pub struct At<T>(*mut T);

impl<T: Real> Lane<T> {
    /// `None` if the storage holds other numbers, lies elsewhere, or ends too soon.
    pub fn of(operand: &Operand) -> Option<Lane<T>> {
        let tensor = &operand.tensor;
        if tensor.kind() != T::KIND || tensor.device() != Device::Cpu || !operand.slack || operand.elements() == 0 {
            return None;
        }
        Some(Lane { first: tensor.data_ptr().cast(), _storage: tensor.shallow_clone() })
    }

    pub fn at(&self) -> At<T> {
        At(self.first)
    }
}

impl<T: Real> At<T> {
    #[inline(always)]
    pub fn from(self, distance: usize) -> At<T> {
        // SAFETY: kernels step to elements of the view only.
        At(unsafe { self.0.add(distance) })
    }

    #[inline(always)]
    pub fn get(self) -> T {
        // SAFETY: an element of the view, which the storage holds.
        unsafe { self.0.read() }
    }

    #[inline(always)]
    pub fn set(self, value: T) {
        // SAFETY: as above.
        unsafe { self.0.write(value) }
    }

    /// A block that begins here; numbers past the view's end are there but mean nothing.
    #[inline(always)]
    pub fn load<const N: usize>(self) -> [T; N] {
        const { assert!(N <= WIDTH) };
        // SAFETY: begins at an element of the view, and WIDTH more numbers lie in the storage.
        unsafe { self.0.cast::<[T; N]>().read_unaligned() }
    }

    #[inline(always)]
    pub fn store<const N: usize>(self, block: [T; N], count: usize) {
        if count >= N {
            // SAFETY: `count` elements of the view begin here.
            unsafe { self.0.cast::<[T; N]>().write_unaligned(block) }
        } else {
            // Pieces of known length, which are moves and not calls.
            let mut done = 0;
            macro_rules! piece {
                ($($length:literal)*) => {$(
                    if count & $length != 0 {
                        // SAFETY: as above; the pieces add up to `count`, which is below N.
                        unsafe { self.0.add(done).copy_from_nonoverlapping(block.as_ptr().add(done), $length) }
                        done += $length;
                    }
                )*};
            }
            piece!(16 8 4 2 1);
            debug_assert_eq!(done, count);
        }
    }
}

/// Calls `f` as compiled for vectors of this level.
macro_rules! leveled {
    ($(#[$doc:meta])* fn $name:ident<$t:ident>($($arg:ident: $kind:ty),* $(,)?) $body:block) => {
        $(#[$doc])*
        fn $name<$t: Real>(level: Level, $($arg: $kind),*) {
            #[inline(always)]
            fn body<$t: Real>($($arg: $kind),*) $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
            fn widest<$t: Real>($($arg: $kind),*) {
                body($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn wide<$t: Real>($($arg: $kind),*) {
                body($($arg),*)
            }

            match level {
                // SAFETY: a level is only made where the processor has its vectors.
                #[cfg(target_arch = "x86_64")]
                Level::Widest => unsafe { widest($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Level::Wide => unsafe { wide($($arg),*) },
                #[cfg(not(target_arch = "x86_64"))]
                Level::Native => body($($arg),*),
            }
        }
    };
}
pub(super) use leveled;
