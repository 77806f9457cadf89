//! Scans: the reduction of everything up to each number, one after the other.

use super::{Reducer, combine};

/// `to[i]` becomes the reduction of `from[0]` to `from[i]`, or without `from[i]` when `exclusive`; the elements are
/// `to_step` and `from_step` apart.
///
/// # Safety
/// `from` is valid for reads and `to` for writes at `len` places; they may be the same places.
pub unsafe fn scan<R: Reducer<T>, T: Copy>(
    to: *mut T,
    to_step: isize,
    from: *const T,
    from_step: isize,
    len: usize,
    exclusive: bool,
) {
    let mut total = R::NEUTRAL;
    for i in 0..len as isize {
        // SAFETY: place i of both.
        unsafe {
            let x = *from.wrapping_offset(i * from_step);
            let before = if i == 0 { R::EMPTY } else { total };
            total = R::combine(total, x);
            *to.wrapping_offset(i * to_step) = if exclusive { before } else { total };
        }
    }
}

/// [`scan`] over `count` rows of `width` neighbours, number by number.
///
/// # Safety
/// `from` is valid for reads and `to` for writes of `width` neighbours at `count` rows; they do not overlap.
pub unsafe fn scan_rows<R: Reducer<T>, T: Copy>(
    to: *mut T,
    to_step: isize,
    from: *const T,
    from_step: isize,
    [count, width]: [usize; 2],
    exclusive: bool,
) {
    for i in 0..count as isize {
        let row = to.wrapping_offset(i * to_step);
        let before = to.wrapping_offset((i - 1) * to_step);
        // Row i of the input, or the one before it, is what this row adds.
        let x = from.wrapping_offset((i - isize::from(exclusive)) * from_step);
        // SAFETY: rows i and i - 1, where they are there.
        unsafe {
            if exclusive && i == 0 {
                std::slice::from_raw_parts_mut(row, width).fill(R::EMPTY);
            } else if i == isize::from(exclusive) {
                std::ptr::copy_nonoverlapping(x, row, width);
            } else {
                join_rows::<R, T>(row, before, x, width);
            }
        }
    }
}

/// `to[j] = combine(before[j], x[j])`.
///
/// # Safety
/// `width` neighbours at each; `to` overlaps neither of the others.
#[inline(never)]
unsafe fn join_rows<R: Reducer<T>, T: Copy>(to: *mut T, before: *const T, x: *const T, width: usize) {
    let mut j = 0;
    // SAFETY: places j to j + 8 <= width, or j < width.
    unsafe {
        while j + 8 <= width {
            let before = before.add(j).cast::<[T; 8]>().read_unaligned();
            let x = x.add(j).cast::<[T; 8]>().read_unaligned();
            to.add(j).cast::<[T; 8]>().write_unaligned(combine::<R, T, 8>(before, x));
            j += 8;
        }
        while j < width {
            *to.add(j) = R::combine(*before.add(j), *x.add(j));
            j += 1;
        }
    }
}
