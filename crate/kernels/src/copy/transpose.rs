//! Transposes of planes, by squares in registers and blocks in the cache.

use super::square::{self, SIDE, Square};

/// Elements along the side of a block: its lines of memory, and the pages on which they lie, are few enough to stay
/// near.
const BLOCK: usize = 64;

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
    for j in (0..columns).step_by(BLOCK) {
        for i in (0..rows).step_by(BLOCK) {
            let from = from.wrapping_offset(j as isize * from_row + i as isize);
            let to = to.wrapping_offset(i as isize * to_row + j as isize);
            // SAFETY: a part of the plane.
            unsafe { block(from, from_row, to, to_row, [BLOCK.min(rows - i), BLOCK.min(columns - j)]) };
        }
    }
}

/// [`transpose`] for a block: squares, and the elements that are left beside and below them.
///
/// # Safety
/// As [`transpose`].
#[inline(never)]
unsafe fn block<E: Square>(from: *const E, from_row: isize, to: *mut E, to_row: isize, [rows, columns]: [usize; 2]) {
    let [down, across] = [rows - rows % SIDE, columns - columns % SIDE];
    for i in 0..rows {
        let from = from.wrapping_add(i);
        let to = to.wrapping_offset(i as isize * to_row);
        // SAFETY: squares and elements inside the block.
        unsafe {
            if i < down && i % SIDE == 0 {
                for j in (0..across).step_by(SIDE) {
                    E::square(square::rows(from.wrapping_offset(j as isize * from_row), from_row), to.add(j), to_row);
                }
            }
            for j in (if i < down { across } else { 0 })..columns {
                *to.add(j) = *from.wrapping_offset(j as isize * from_row);
            }
        }
    }
}
