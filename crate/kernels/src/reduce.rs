//! Reductions and scans: many numbers along an axis become one, or one each.
//!
//! Order, part of the contract: the result along an axis depends on the numbers along it and on nothing else, be they
//! neighbours (one run), apart (a strided run), or in rows that are reduced together (a leading axis). Number i
//! belongs to lane `i % 4` of block `i / 1024`. In a block each lane adds up its numbers in groups of 8 and then the
//! groups, one after the other; the lanes are joined as (0, 2), (1, 3), and the blocks pairwise (N. J. Higham, "The
//! Accuracy of Floating Point Summation", 1993). So the error of a sum grows like the logarithm of its length. Numbers
//! that are missing at the end count as the neutral element, which changes no bits.

mod arg;
mod rows;
mod scan;
#[cfg(test)]
mod tests;

use super::split::{ELEMENTS, Shared, split};
pub use arg::{ArgRun, Extreme, arg, arg_rows, arg_run};
pub use rows::{RowsFold, fold_rows, fold_rows_at};
pub use scan::{Scan, scan, scan_rows};

/// Lanes that are summed side by side.
const LANES: usize = 4;
/// Numbers of one lane in a group.
const GROUP: usize = 8;
/// Numbers in a leaf: a group of every lane.
const LEAF: usize = LANES * GROUP;
/// Numbers in a block.
pub const BLOCK: usize = 32 * LEAF;
/// Results of [`fold_rows`] that are better not divided: a line of the cache.
pub const NEIGHBOURS: usize = 16;

/// A way to combine numbers of type T.
pub trait Reducer<T> {
    /// `combine(NEUTRAL, x)` and `combine(x, NEUTRAL)` are x, bit for bit.
    const NEUTRAL: T;
    /// The result for no numbers.
    const EMPTY: T;
    /// Two numbers become one.
    fn combine(a: T, b: T) -> T;
}

/// a + b; int32 wraps.
#[derive(Clone, Copy, Debug)]
pub struct Sum;
/// a b; int32 wraps.
#[derive(Clone, Copy, Debug)]
pub struct Prod;
/// The greater number; NaN if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Max;
/// The smaller number; NaN if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Min;

macro_rules! float_reducers {
    ($($t:ident, $bits:ty;)*) => {$(
        impl Reducer<$t> for Sum {
            // -0 + x is x for every x; 0 + -0 is 0.
            const NEUTRAL: $t = -0.0;
            const EMPTY: $t = 0.0;
            #[inline(always)]
            fn combine(a: $t, b: $t) -> $t {
                a + b
            }
        }
        impl Reducer<$t> for Prod {
            const NEUTRAL: $t = 1.0;
            const EMPTY: $t = 1.0;
            #[inline(always)]
            fn combine(a: $t, b: $t) -> $t {
                a * b
            }
        }
        impl Reducer<$t> for Max {
            const NEUTRAL: $t = $t::NEG_INFINITY;
            const EMPTY: $t = $t::NEG_INFINITY;
            #[inline(always)]
            fn combine(a: $t, b: $t) -> $t {
                // b if it is NaN (a comparison with NaN is false); if a is NaN, all bits are set, which is NaN as well.
                let greater = if a > b { a } else { b };
                $t::from_bits(greater.to_bits() | if a.is_nan() { <$bits>::MAX } else { 0 })
            }
        }
        impl Reducer<$t> for Min {
            const NEUTRAL: $t = $t::INFINITY;
            const EMPTY: $t = $t::INFINITY;
            #[inline(always)]
            fn combine(a: $t, b: $t) -> $t {
                let smaller = if a < b { a } else { b };
                $t::from_bits(smaller.to_bits() | if a.is_nan() { <$bits>::MAX } else { 0 })
            }
        }
    )*};
}
float_reducers! { f32, u32; f64, u64; }

macro_rules! int_reducers {
    ($($name:ident: $t:ty = $neutral:expr, $a:ident, $b:ident => $combine:expr;)*) => {$(
        impl Reducer<$t> for $name {
            const NEUTRAL: $t = $neutral;
            const EMPTY: $t = $neutral;
            #[inline(always)]
            fn combine($a: $t, $b: $t) -> $t {
                $combine
            }
        }
    )*};
}
int_reducers! {
    Sum: i32 = 0, a, b => a.wrapping_add(b);
    Prod: i32 = 1, a, b => a.wrapping_mul(b);
    Max: i32 = i32::MIN, a, b => a.max(b);
    Min: i32 = i32::MAX, a, b => a.min(b);
    // Truth values, 0 or 1: any and all.
    Max: u8 = 0, a, b => a | b;
    Min: u8 = 1, a, b => a & b;
}

/// Combines two vectors lane by lane.
#[inline(always)]
fn combine<R: Reducer<T>, T: Copy, const N: usize>(a: [T; N], b: [T; N]) -> [T; N] {
    std::array::from_fn(|i| R::combine(a[i], b[i]))
}

/// Where so many blocks are cut in two, so that all are joined pairwise.
fn cut(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// Where a run longer than a block is cut in two.
fn half(len: usize) -> usize {
    cut(len.div_ceil(BLOCK)) * BLOCK
}

/// All numbers of a run become one.
pub fn fold<R: Reducer<T>, T: Copy>(x: &[T]) -> T {
    match x.split_at_checked(half(x.len())) {
        Some((first, second)) if x.len() > BLOCK => R::combine(fold::<R, T>(first), fold::<R, T>(second)),
        _ => block::<R, T>(x),
    }
}

/// [`fold`] of `len` numbers that are `step` elements apart.
///
/// # Safety
/// `x` is valid for reads at every `i * step`, i < `len`.
pub unsafe fn fold_strided<R: Reducer<T>, T: Copy>(x: *const T, step: isize, len: usize) -> T {
    // SAFETY: parts of the caller's run.
    unsafe {
        if step == 1 {
            return fold::<R, T>(std::slice::from_raw_parts(x, len));
        }
        if len > BLOCK {
            let near = half(len);
            let second = x.wrapping_offset(near as isize * step);
            return R::combine(fold_strided::<R, T>(x, step, near), fold_strided::<R, T>(second, step, len - near));
        }
        let mut near = [R::EMPTY; BLOCK];
        for (i, to) in near.iter_mut().enumerate().take(len) {
            *to = *x.wrapping_offset(i as isize * step);
        }
        block::<R, T>(near.get(..len).unwrap_or(&[]))
    }
}

/// Segments of a run that is divided among threads.
const SEGMENTS: usize = 64;

/// [`fold_strided`] by all threads: they fold segments of the run, which are joined as the blocks in them are.
///
/// # Safety
/// As [`fold_strided`].
pub unsafe fn fold_by_all<R: Reducer<T>, T: Copy>(x: *const T, step: isize, len: usize) -> T {
    // A power of two of blocks: such segments are nodes of the tree of joins.
    let segment = (len.div_ceil(SEGMENTS).div_ceil(BLOCK) * BLOCK).max(ELEMENTS).next_power_of_two();
    let count = len.div_ceil(segment);
    if count <= 1 {
        // SAFETY: the caller's promise.
        return unsafe { fold_strided::<R, T>(x, step, len) };
    }
    let mut folded = [R::NEUTRAL; SEGMENTS];
    // SAFETY: each thread writes its own segments' results.
    let shared = unsafe { Shared::new((x, folded.as_mut_ptr())) };
    split(count, 1, &|range, _| {
        let (x, folded) = shared.get();
        for k in range {
            let from = x.wrapping_offset((k * segment) as isize * step);
            // SAFETY: a segment of the caller's run; k < count <= SEGMENTS.
            unsafe { *folded.add(k) = fold_strided::<R, T>(from, step, segment.min(len - k * segment)) };
        }
    });
    join::<R, T>(&folded[..count])
}

/// Segments become one, as blocks do.
fn join<R: Reducer<T>, T: Copy>(folded: &[T]) -> T {
    match folded {
        [one] => *one,
        _ => {
            let (first, second) = folded.split_at(cut(folded.len()));
            R::combine(join::<R, T>(first), join::<R, T>(second))
        }
    }
}

/// A reduction of neighbours: `fold(from, len, to)` writes that of the `len` elements at `from` to `to`.
///
/// # Safety
/// `from` is valid for reads of `len` elements of its type, `to` for a write of one; both are aligned for it.
pub type RunFold = unsafe fn(*const u8, usize, *mut u8);

/// A reduction of elements that are apart: `fold(from, step, len, to)` writes that of `len` elements, `step` elements from
/// one to the next, to `to`.
///
/// # Safety
/// `from` is valid for reads at every `i * step`, i < `len`, `to` for a write of one; both are aligned for the elements.
pub type StridedFold = unsafe fn(*const u8, isize, usize, *mut u8);

/// The kernels of a reduction of elements of one type.
#[derive(Clone, Copy, Debug)]
pub struct Fold {
    /// Of neighbours.
    pub run: RunFold,
    /// Of elements that are apart.
    pub strided: StridedFold,
    /// The same by all threads.
    pub by_all: StridedFold,
    /// Over a leading axis.
    pub rows: RowsFold,
}

impl Fold {
    /// Those of `R`, for elements T.
    pub const fn of<R: Reducer<T>, T: Copy>() -> Fold {
        /// # Safety
        /// That of [`RunFold`].
        unsafe fn run<R: Reducer<T>, T: Copy>(from: *const u8, len: usize, to: *mut u8) {
            // SAFETY: the caller's promise.
            unsafe { *to.cast::<T>() = fold_strided::<R, T>(from.cast::<T>(), 1, len) };
        }
        /// # Safety
        /// That of [`StridedFold`].
        unsafe fn strided<R: Reducer<T>, T: Copy>(from: *const u8, step: isize, len: usize, to: *mut u8) {
            // SAFETY: the caller's promise.
            unsafe { *to.cast::<T>() = fold_strided::<R, T>(from.cast::<T>(), step, len) };
        }
        /// # Safety
        /// That of [`StridedFold`].
        unsafe fn by_all<R: Reducer<T>, T: Copy>(from: *const u8, step: isize, len: usize, to: *mut u8) {
            // SAFETY: the caller's promise.
            unsafe { *to.cast::<T>() = fold_by_all::<R, T>(from.cast::<T>(), step, len) };
        }
        Fold { run: run::<R, T>, strided: strided::<R, T>, by_all: by_all::<R, T>, rows: fold_rows_at::<R, T> }
    }
}

/// Adds a run to another, element by element: `add(to, to_step, from, from_step, len)`.
///
/// # Safety
/// `from` is valid for reads and `to` for writes at `len` places, aligned for the elements; no place of `to` is one of `from`.
pub type AddRun = unsafe fn(*mut u8, isize, *const u8, isize, usize);

/// The [`AddRun`] of a type.
///
/// # Safety
/// That of [`AddRun`], for elements T.
pub unsafe fn add_run<T: Copy>(to: *mut u8, to_step: isize, from: *const u8, from_step: isize, len: usize)
where
    Sum: Reducer<T>,
{
    let (to, from) = (to.cast::<T>(), from.cast::<T>());
    // SAFETY: the caller's promise.
    unsafe {
        if to_step == 1 && from_step == 1 {
            let (to, from) = (std::slice::from_raw_parts_mut(to, len), std::slice::from_raw_parts(from, len));
            return to.iter_mut().zip(from).for_each(|(to, &x)| *to = Sum::combine(*to, x));
        }
        for k in 0..len as isize {
            let to = to.wrapping_offset(k * to_step);
            *to = Sum::combine(*to, *from.wrapping_offset(k * from_step));
        }
    }
}

/// [`fold`] for at most [`BLOCK`] numbers.
///
/// A function of its own: engines exchange a function for its optimised code between calls only.
#[inline(never)]
fn block<R: Reducer<T>, T: Copy>(x: &[T]) -> T {
    if x.is_empty() {
        return R::EMPTY;
    }
    let mut lanes = [R::NEUTRAL; LANES];
    let (leaves, rest) = x.as_chunks::<LEAF>();
    for leaf in leaves {
        let (vectors, _) = leaf.as_chunks::<LANES>();
        let mut group = vectors[0];
        for &vector in &vectors[1..] {
            group = combine::<R, T, LANES>(group, vector);
        }
        lanes = combine::<R, T, LANES>(lanes, group);
    }
    let mut group = [R::NEUTRAL; LANES];
    for vector in rest.chunks(LANES) {
        for (sum, &x) in group.iter_mut().zip(vector) {
            *sum = R::combine(*sum, x);
        }
    }
    lanes = combine::<R, T, LANES>(lanes, group);
    // By address, so that the lanes above are one vector rather than the two halves that `across` begins with.
    joined::<R, T>(&lanes)
}

/// [`across`] as a function of its own.
#[inline(never)]
fn joined<R: Reducer<T>, T: Copy>(lanes: &[T; LANES]) -> T {
    across::<R, T>(*lanes)
}

/// The lanes become one.
#[inline(always)]
fn across<R: Reducer<T>, T: Copy>([a, b, c, d]: [T; LANES]) -> T {
    R::combine(R::combine(a, c), R::combine(b, d))
}
