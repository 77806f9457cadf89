//! The position of the extreme number: the first one of equals. NaN is more extreme than any number.

use super::{Max, Min, Reducer, fold};
use std::mem::MaybeUninit;

/// Columns whose extremes are looked for together.
const STRIP: usize = 256;

/// Max or Min, as an order.
pub trait Extreme<T>: Reducer<T> {
    /// Whether `x` takes the place of `best`, which comes before it.
    fn beats(x: T, best: T) -> bool;
    /// Whether `x` is the extreme that the reduction has found.
    fn is(x: T, extreme: T) -> bool;
}

macro_rules! float_extremes {
    ($($name:ident: $t:ty, $op:tt;)*) => {$(
        impl Extreme<$t> for $name {
            #[inline(always)]
            fn beats(x: $t, best: $t) -> bool {
                (x $op best) | (x.is_nan() & !best.is_nan())
            }
            #[inline(always)]
            fn is(x: $t, extreme: $t) -> bool {
                (x == extreme) | x.is_nan()
            }
        }
    )*};
}
float_extremes! { Max: f32, >; Min: f32, <; Max: f64, >; Min: f64, <; }

macro_rules! int_extremes {
    ($($name:ident: $t:ty, $op:tt;)*) => {$(
        impl Extreme<$t> for $name {
            #[inline(always)]
            fn beats(x: $t, best: $t) -> bool {
                x $op best
            }
            #[inline(always)]
            fn is(x: $t, extreme: $t) -> bool {
                x == extreme
            }
        }
    )*};
}
int_extremes! { Max: i32, >; Min: i32, <; Max: u8, >; Min: u8, <; }

/// The first position of the extreme of a run; 0 for an empty one.
pub fn arg<R: Extreme<T>, T: Copy>(x: &[T]) -> usize {
    let extreme = fold::<R, T>(x);
    // Two passes, both of which are vectors: the value, then its first place.
    let mut start = 0;
    for part in x.chunks(64) {
        if part.iter().fold(false, |found, &x| found | R::is(x, extreme)) {
            let place = part.iter().position(|&x| R::is(x, extreme));
            return start + place.unwrap_or(0);
        }
        start += part.len();
    }
    0
}

/// The first place of the extreme of a run: `arg(from, len)`; 0 for an empty one.
///
/// # Safety
/// `from` is valid for reads of `len` elements of its type, and aligned for it.
pub type ArgRun = unsafe fn(*const u8, usize) -> usize;

/// The [`ArgRun`] of a type.
///
/// # Safety
/// That of [`ArgRun`], for elements T.
pub unsafe fn arg_run<R: Extreme<T>, T: Copy>(from: *const u8, len: usize) -> usize {
    // SAFETY: the caller's promise.
    arg::<R, T>(unsafe { std::slice::from_raw_parts(from.cast::<T>(), len) })
}

/// `index[j]` becomes the first `i < count` at which `rows[i * row_step + j]` is extreme; 0 for no rows.
///
/// # Safety
/// `rows` is valid for reads of `index.len()` elements at every `i * row_step`.
pub unsafe fn arg_rows<R: Extreme<T>, T: Copy>(index: &mut [i32], rows: *const T, count: usize, row_step: isize) {
    index.fill(0);
    if count == 0 {
        return;
    }
    for (k, index) in index.chunks_mut(STRIP).enumerate() {
        let mut best = MaybeUninit::<[T; STRIP]>::uninit();
        let rows = rows.wrapping_add(k * STRIP);
        // SAFETY: columns k * STRIP to k * STRIP + index.len() of the same rows; `best` starts as the first row.
        unsafe {
            let best = best.as_mut_ptr().cast::<T>();
            std::ptr::copy_nonoverlapping(rows, best, index.len());
            let best = std::slice::from_raw_parts_mut(best, index.len());
            for i in 1..count {
                let row = rows.wrapping_offset(i as isize * row_step);
                let row = std::slice::from_raw_parts(row, index.len());
                challenge::<R, T>(best, index, row, i as i32);
            }
        }
    }
}

/// Row `i` against the best so far.
#[inline(never)]
fn challenge<R: Extreme<T>, T: Copy>(best: &mut [T], index: &mut [i32], row: &[T], i: i32) {
    for ((best, index), &x) in best.iter_mut().zip(index).zip(row) {
        // A mask rather than a choice, so that the loop has no branches and becomes vectors.
        let wins = -i32::from(R::beats(x, *best));
        *index = (i & wins) | (*index & !wins);
        *best = R::combine(*best, x);
    }
}
