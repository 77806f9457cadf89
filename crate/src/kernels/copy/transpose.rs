//! Transposes of planes.
//!
//! A plane is cut into tiles one cache line wide. A tile is read row by row and transposed in registers into a buffer, and the
//! buffer is written row by row: every line of memory is touched once, also when rows are a power of two apart and
//! lines therefore crowd each other out of the cache.

use super::square::{SIDE, Square};
use std::mem::MaybeUninit;

/// Elements along the side of a tile: a cache line (64 bytes) of four-byte elements.
const TILE: usize = 16;
/// Elements along the longer side of a part that is not cut further.
const BLOCK: usize = 128;

/// `to[i * to_row + j] = from[j * from_row + i]` for `i < rows`, `j < columns`.
///
/// # Safety
/// Both sides are valid there, and do not overlap.
pub unsafe fn transpose<E: Square>(
    from: *const E,
    from_row: isize,
    to: *mut E,
    to_row: isize,
    [rows, columns]: [usize; 2],
) {
    // Halves along the longer side keep both sides' pages in the translation buffer, whatever its size.
    if rows.max(columns) > BLOCK {
        let cut = |n: usize| n.div_ceil(2).next_multiple_of(TILE);
        let (first, second, move_from, move_to) = if rows >= columns {
            let cut = cut(rows);
            ([cut, columns], [rows - cut, columns], cut as isize, cut as isize * to_row)
        } else {
            let cut = cut(columns);
            ([rows, cut], [rows, columns - cut], cut as isize * from_row, cut as isize)
        };
        // SAFETY: parts of the plane.
        unsafe {
            transpose(from, from_row, to, to_row, first);
            let (from, to) = (from.wrapping_offset(move_from), to.wrapping_offset(move_to));
            return transpose(from, from_row, to, to_row, second);
        }
    }
    for j in (0..columns).step_by(TILE) {
        for i in (0..rows).step_by(TILE) {
            let from = from.wrapping_offset(j as isize * from_row + i as isize);
            let to = to.wrapping_offset(i as isize * to_row + j as isize);
            let sizes = [TILE.min(rows - i), TILE.min(columns - j)];
            // SAFETY: a part of the plane.
            unsafe {
                if sizes == [TILE; 2] {
                    tile(from, from_row, to, to_row);
                } else {
                    part(from, from_row, to, to_row, sizes);
                }
            }
        }
    }
}

/// [`transpose`] for a whole tile.
///
/// # Safety
/// As [`transpose`].
#[inline(never)]
unsafe fn tile<E: Square>(from: *const E, from_row: isize, to: *mut E, to_row: isize) {
    let mut buffer = MaybeUninit::<[[E; TILE]; TILE]>::uninit();
    let near = buffer.as_mut_ptr().cast::<E>();
    // SAFETY: squares inside the tile and the buffer, all of which they write; then its rows.
    unsafe {
        for j in (0..TILE).step_by(SIDE) {
            for i in (0..TILE).step_by(SIDE) {
                let from = from.wrapping_offset(j as isize * from_row + i as isize);
                E::square(from, from_row, near.add(i * TILE + j), TILE as isize);
            }
        }
        for (i, row) in buffer.assume_init_ref().iter().enumerate() {
            let to = to.wrapping_offset(i as isize * to_row);
            to.cast::<[E; TILE]>().write_unaligned(*row);
        }
    }
}

/// [`transpose`] for a part of a tile: squares, and what is left beside and below them.
///
/// # Safety
/// As [`transpose`].
#[inline(never)]
unsafe fn part<E: Square>(from: *const E, from_row: isize, to: *mut E, to_row: isize, [rows, columns]: [usize; 2]) {
    let [squares, across] = [rows - rows % SIDE, columns - columns % SIDE];
    for j in 0..columns {
        let square = j < across;
        let from = from.wrapping_offset(j as isize * from_row);
        let to = to.wrapping_add(j);
        // SAFETY: squares and elements inside the part.
        unsafe {
            if square && j % SIDE == 0 {
                for i in (0..squares).step_by(SIDE) {
                    E::square(from.add(i), from_row, to.wrapping_offset(i as isize * to_row), to_row);
                }
            }
            for i in (if square { squares } else { 0 })..rows {
                *to.wrapping_offset(i as isize * to_row) = *from.add(i);
            }
        }
    }
}
