//! Products with very few rows and a B that does not lie by strides, in the order of sums of [`super::gemm`]: no element of B
//! is used often enough to be packed, so each row of C is added up from the rows of B where they lie.

use core::ops::Range;

use super::{DEPTH, GemmElem, Operand, Target, block_depth};

/// Vectors of C that are summed side by side.
const WIDE: usize = 4;

/// A row of A and the rows of B that belong to it.
struct Terms<'a, T> {
    factors: &'a [T],
    rows: &'a [isize],
    accumulate: bool,
}

/// [`super::gemm`] row by row, for some columns.
///
/// # Safety
/// As [`super::gemm`]; m and k are not 0.
pub(super) unsafe fn narrow<T: GemmElem, const L: usize>(
    [m, k]: [usize; 2],
    part: &Range<usize>,
    a: Operand<T>,
    b: Operand<T>,
    c: Target<T>,
    accumulate: bool,
) {
    let (depth, b_col, c_col) = (block_depth::<T>(k), b.col, c.col);
    let mut factors = [T::ZERO; DEPTH];
    for p0 in (0..k).step_by(depth) {
        let kb = depth.min(k - p0);
        let (columns, rows) = (a.col.table(p0, kb), b.row.table(p0, kb));
        for i in 0..m {
            let row = a.data.wrapping_offset(a.row.at(i));
            for (to, &at) in factors.iter_mut().zip(columns.iter()) {
                // SAFETY: element p of row i of A.
                *to = unsafe { *row.wrapping_offset(at) };
            }
            let terms = Terms { factors: &factors[..kb], rows: &rows, accumulate: accumulate || p0 > 0 };
            let mut j = part.start;
            while j < part.end {
                let mut b = b.data.wrapping_offset(b.col.at(j));
                let mut c = c.data.wrapping_offset(i as isize * c.row + c_col.at(j));
                let mut left = b_col.neighbours(j).min(c_col.neighbours(j)).min(part.end - j);
                j += left;
                while left > 0 {
                    // SAFETY: as many columns of B and C as are neighbours, at most.
                    let done = unsafe {
                        match left {
                            left if left >= WIDE * L => sum::<T, WIDE, L>(&terms, b, c),
                            left if left >= L => sum::<T, 1, L>(&terms, b, c),
                            _ => sum::<T, 1, 1>(&terms, b, c),
                        }
                    };
                    (b, c) = (b.wrapping_add(done), c.wrapping_add(done));
                    left -= done;
                }
            }
        }
    }
}

/// Adds up `V * L` neighbours of a row of C, and says how many they are.
///
/// # Safety
/// As many neighbours in each row of B, and in C.
#[inline(never)]
unsafe fn sum<T: GemmElem, const V: usize, const L: usize>(terms: &Terms<T>, b: *const T, c: *mut T) -> usize {
    let mut sums = [[T::ZERO; L]; V];
    for (&factor, &at) in terms.factors.iter().zip(terms.rows) {
        // SAFETY: as the caller says.
        let row = unsafe { b.wrapping_offset(at).cast::<[[T; L]; V]>().read_unaligned() };
        for v in 0..V {
            for l in 0..L {
                sums[v][l] = sums[v][l] + factor * row[v][l];
            }
        }
    }
    let place = c.cast::<[[T; L]; V]>();
    // SAFETY: as the caller says.
    unsafe {
        if terms.accumulate {
            let old = place.read_unaligned();
            for v in 0..V {
                for l in 0..L {
                    sums[v][l] = old[v][l] + sums[v][l];
                }
            }
        }
        place.write_unaligned(sums);
    }
    V * L
}
