//! Reductions over a leading axis: rows are combined, number by number, in the order of [`super::fold`].

use super::{BLOCK, LANES, LEAF, Reducer, across, combine, half};
use std::mem::MaybeUninit;

/// Most columns that are reduced together.
const STRIP: usize = 1024;
/// Bytes of these columns, at most: a page of each row, which processors fetch ahead, and a strip of every lane stays in the
/// first-level cache.
const STRIP_BYTES: usize = 4096;

/// `out[j]` becomes the reduction of `rows[i * row_step + j]` over `i < count`.
///
/// # Safety
/// `rows` is valid for reads of `out.len()` elements at every `i * row_step`.
pub unsafe fn fold_rows<R: Reducer<T>, T: Copy>(out: &mut [T], rows: *const T, count: usize, row_step: isize) {
    if count == 0 {
        return out.fill(R::EMPTY);
    }
    let width = const { if STRIP * size_of::<T>() > STRIP_BYTES { STRIP_BYTES / size_of::<T>() } else { STRIP } };
    for (k, out) in out.chunks_mut(width).enumerate() {
        // SAFETY: columns k * width to k * width + out.len() of the same rows.
        unsafe { strip::<R, T>(out, rows.wrapping_add(k * width), count, row_step) };
    }
}

/// A reduction over a leading axis: `fold(rows, count, step, to, len)` writes those of `len` columns to `to`, from `count`
/// rows that are `step` elements apart.
///
/// # Safety
/// `rows` is valid for reads of `len` elements of its type in each row, `to` for writes of as many; both are aligned for it.
pub type RowsFold = unsafe fn(*const u8, usize, isize, *mut u8, usize);

/// The [`RowsFold`] of a reduction.
///
/// # Safety
/// That of [`RowsFold`], for elements T, all of whose bits are values.
pub unsafe fn fold_rows_at<R: Reducer<T>, T: Copy>(
    rows: *const u8,
    count: usize,
    step: isize,
    to: *mut u8,
    len: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { fold_rows::<R, T>(std::slice::from_raw_parts_mut(to.cast(), len), rows.cast(), count, step) };
}

/// [`fold_rows`] for at most [`STRIP`] columns and at least one row.
///
/// # Safety
/// As [`fold_rows`].
unsafe fn strip<R: Reducer<T>, T: Copy>(out: &mut [T], rows: *const T, count: usize, row_step: isize) {
    // SAFETY: parts of the caller's rows.
    unsafe {
        if count <= BLOCK {
            return block::<R, T>(out, rows, count, row_step);
        }
        let cut = half(count);
        strip::<R, T>(out, rows, cut, row_step);
        let mut room = MaybeUninit::<[T; STRIP]>::uninit();
        let second = room.as_mut_ptr().cast::<T>();
        (0..out.len()).for_each(|j| second.add(j).write(R::NEUTRAL));
        let second = std::slice::from_raw_parts_mut(second, out.len());
        strip::<R, T>(second, rows.wrapping_offset(cut as isize * row_step), count - cut, row_step);
        for (out, &second) in out.iter_mut().zip(&*second) {
            *out = R::combine(*out, second);
        }
    }
}

/// [`strip`] for at most [`BLOCK`] rows.
///
/// # Safety
/// As [`strip`].
unsafe fn block<R: Reducer<T>, T: Copy>(out: &mut [T], rows: *const T, count: usize, row_step: isize) {
    let width = out.len();
    let mut sums = MaybeUninit::<[[T; STRIP]; LANES]>::uninit();
    let lanes: [*mut T; LANES] = std::array::from_fn(|l| sums.as_mut_ptr().cast::<T>().wrapping_add(l * STRIP));
    for first in (0..count).step_by(LEAF) {
        for (l, &lane) in lanes.iter().enumerate() {
            let numbers = (LEAF.min(count - first) + LANES - 1 - l) / LANES;
            let from = rows.wrapping_offset((first + l) as isize * row_step);
            // SAFETY: `numbers` of the caller's rows, LANES apart; the first leaf writes every lane.
            unsafe { group::<R, T>(lane, width, from, numbers, row_step * LANES as isize, first > 0) };
        }
    }
    for (j, out) in out.iter_mut().enumerate() {
        // SAFETY: j < width, and `width` numbers of every lane have been written.
        *out = across::<R, T>(lanes.map(|lane| unsafe { *lane.wrapping_add(j) }));
    }
}

/// Joins a group of rows, one after the other, and adds it to the `lane` if there is something in it.
///
/// # Safety
/// `lane` is valid for writes of `width` numbers, and for reads if `join`; `from` for reads at `numbers` rows.
#[inline(never)]
unsafe fn group<R: Reducer<T>, T: Copy>(
    lane: *mut T,
    width: usize,
    from: *const T,
    numbers: usize,
    step: isize,
    join: bool,
) {
    let mut j = 0;
    // SAFETY: columns j to j + G <= width.
    unsafe {
        while j + 16 <= width {
            columns::<R, T, 16>(lane.add(j), from.wrapping_add(j), numbers, step, join);
            j += 16;
        }
        while j + 4 <= width {
            columns::<R, T, 4>(lane.add(j), from.wrapping_add(j), numbers, step, join);
            j += 4;
        }
        while j < width {
            columns::<R, T, 1>(lane.add(j), from.wrapping_add(j), numbers, step, join);
            j += 1;
        }
    }
}

/// [`group`] for G columns.
///
/// # Safety
/// As [`group`].
#[inline(always)]
unsafe fn columns<R: Reducer<T>, T: Copy, const G: usize>(
    lane: *mut T,
    mut from: *const T,
    numbers: usize,
    step: isize,
    join: bool,
) {
    let lane = lane.cast::<[T; G]>();
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = [R::NEUTRAL; G];
        if numbers > 0 {
            sum = from.cast::<[T; G]>().read_unaligned();
        }
        for _ in 1..numbers {
            from = from.wrapping_offset(step);
            sum = combine::<R, T, G>(sum, from.cast::<[T; G]>().read_unaligned());
        }
        if join {
            sum = combine::<R, T, G>(lane.read_unaligned(), sum);
        }
        lane.write_unaligned(sum);
    }
}
