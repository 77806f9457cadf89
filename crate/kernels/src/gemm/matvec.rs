//! Matrix times vector, in the order of sums of [`super::gemm`].

use super::{DEPTH, GemmElem, Matrix, block_depth};
use crate::copy::square::SIDE;

/// Elements of y in one strip when A's columns are contiguous.
const STRIP: usize = 512;
/// Rows whose dot products are summed side by side.
const ROWS: usize = 8;

/// `y[m] = A[m, k] · x[k]`, or `y += A · x`; x and y are column 0 of their matrices.
///
/// # Safety
/// As [`super::gemm`] with n = 1; m and k are not 0.
pub(super) unsafe fn matvec<T: GemmElem>(
    m: usize,
    k: usize,
    a: Matrix<*const T>,
    x: Matrix<*const T>,
    y: Matrix<*mut T>,
    accumulate: bool,
) {
    let depth = block_depth::<T>(k);
    if m == 1 {
        // SAFETY: what the caller vouches for.
        return unsafe { dot(k, depth, a, x, y, accumulate) };
    }
    let by_columns = a.row == 1 && a.col != 1;
    if !by_columns && x.row == 1 {
        // SAFETY: what the caller vouches for.
        return unsafe { rows(m, k, depth, a, x.data, y, accumulate) };
    }
    for p in (0..k).step_by(depth) {
        let len = depth.min(k - p);
        let (a, x, add) = (a.at(0, p), x.at(p, 0), accumulate || p > 0);
        // SAFETY: what the caller vouches for, a block of columns at a time.
        unsafe {
            if by_columns {
                columns(m, len, a, x, y, add);
            } else {
                // Every row needs all of x: bring it together once.
                let mut near = [T::ZERO; DEPTH];
                for (p, to) in near.iter_mut().enumerate().take(len) {
                    *to = *x.at(p, 0).data;
                }
                rows(m, len, depth, a, near.as_ptr(), y, add);
            }
        }
    }
}

/// The dot product of row 0 of A and x. The blocks of k are independent sums: several are taken side by side, as if
/// they were rows.
///
/// # Safety
/// As [`matvec`] with m = 1.
unsafe fn dot<T: GemmElem>(
    k: usize,
    depth: usize,
    a: Matrix<*const T>,
    x: Matrix<*const T>,
    y: Matrix<*mut T>,
    accumulate: bool,
) {
    // SAFETY: element 0 of y, and blocks of both vectors from p on.
    unsafe {
        let mut total = if accumulate { Some(*y.data) } else { None };
        let mut add = |sum: T| total = Some(total.map_or(sum, |t| t + sum));
        let mut p = 0;
        if a.col == 1 && x.row == 1 {
            let next = depth as isize;
            while k - p >= ROWS * depth {
                let sums = dots::<T, true>(depth, a.at(0, p).data, next, x.at(p, 0).data, next);
                sums.into_iter().for_each(&mut add);
                p += ROWS * depth;
            }
        }
        while p < k {
            let len = depth.min(k - p);
            add(chain(len, a.at(0, p).data, a.col, x.at(p, 0).data, x.row));
            p += len;
        }
        if let Some(total) = total {
            *y.data = total;
        }
    }
}

/// [`matvec`] by dot products of rows and an x of neighbours. A few rows are read to their ends before the next: a machine
/// fetches ahead what goes on for long.
///
/// # Safety
/// As [`matvec`].
unsafe fn rows<T: GemmElem>(
    m: usize,
    k: usize,
    depth: usize,
    a: Matrix<*const T>,
    x: *const T,
    y: Matrix<*mut T>,
    accumulate: bool,
) {
    let mut i = 0;
    while i < m {
        let together = if a.col == 1 && i + ROWS <= m { ROWS } else { 1 };
        for p in (0..k).step_by(depth) {
            let (len, a, x) = (depth.min(k - p), a.at(i, p), x.wrapping_add(p));
            // SAFETY: what the caller vouches for: some rows of A and y, and a block of k.
            unsafe {
                let mut sums = [T::ZERO; ROWS];
                if together == ROWS {
                    sums = dots::<T, false>(len, a.data, a.row, x, 0);
                } else {
                    sums[0] = chain(len, a.data, a.col, x, 1);
                }
                for (r, &sum) in sums.iter().enumerate().take(together) {
                    let to = y.at(i + r, 0).data;
                    *to = if accumulate || p > 0 { *to + sum } else { sum };
                }
            }
        }
        i += together;
    }
}

/// `Σ_p a[p] x[p]` for vectors of any steps, one product after the other.
///
/// # Safety
/// `len` elements of each.
#[inline(never)]
unsafe fn chain<T: GemmElem>(len: usize, mut a: *const T, a_step: isize, mut x: *const T, x_step: isize) -> T {
    let mut sum = T::ZERO;
    for _ in 0..len {
        // SAFETY: as the caller says.
        sum = sum + unsafe { *a * *x };
        a = a.wrapping_offset(a_step);
        x = x.wrapping_offset(x_step);
    }
    sum
}

/// `Σ_p a[r, p] x[r, p]` for [`ROWS`] rows r of neighbours. Without `EACH` row its own x, `x_row` is 0.
///
/// Rows are taken in squares, whose products are transposed: each lane then adds up a row, one product after the other.
///
/// # Safety
/// `len` elements of each row.
#[inline(never)]
unsafe fn dots<T: GemmElem, const EACH: bool>(
    len: usize,
    a: *const T,
    a_row: isize,
    x: *const T,
    x_row: isize,
) -> [T; ROWS] {
    let x_row = if EACH { x_row } else { 0 };
    let mut sums = [[T::ZERO; SIDE]; ROWS / SIDE];
    let whole = len - len % SIDE;
    // SAFETY: squares of rows r and elements p.
    unsafe {
        for p in (0..whole).step_by(SIDE) {
            for (g, sums) in sums.iter_mut().enumerate() {
                let rows = |from: *const T, row: isize| {
                    core::array::from_fn(|r| from.wrapping_offset((g * SIDE + r) as isize * row).add(p))
                };
                T::add_square(sums, rows(a, a_row), rows(x, x_row));
            }
        }
        for p in whole..len {
            for (r, sum) in sums.as_flattened_mut().iter_mut().enumerate() {
                let r = r as isize;
                *sum = *sum + *a.wrapping_offset(r * a_row).add(p) * *x.wrapping_offset(r * x_row).add(p);
            }
        }
    }
    core::array::from_fn(|r| sums[r / SIDE][r % SIDE])
}

/// [`matvec`] for one block of k and an A with contiguous columns: columns of A times elements of x, added up in
/// strips of y.
///
/// # Safety
/// As [`matvec`]; `a.row` is 1.
unsafe fn columns<T: GemmElem>(
    m: usize,
    k: usize,
    a: Matrix<*const T>,
    x: Matrix<*const T>,
    y: Matrix<*mut T>,
    add: bool,
) {
    let mut sums = [T::ZERO; STRIP];
    for i in (0..m).step_by(STRIP) {
        let Some(sums) = sums.get_mut(..STRIP.min(m - i)) else {
            return;
        };
        sums.fill(T::ZERO);
        let mut p = 0;
        // SAFETY: columns p of A at rows i to i + sums.len(), and x[p], for p < k.
        unsafe {
            while p + 4 <= k {
                add_columns::<T, 4>(sums, a.at(i, p), x.at(p, 0));
                p += 4;
            }
            while p < k {
                add_columns::<T, 1>(sums, a.at(i, p), x.at(p, 0));
                p += 1;
            }
        }
        for (j, &sum) in sums.iter().enumerate() {
            let to = y.at(i + j, 0).data;
            // SAFETY: row i + j of y.
            unsafe { *to = if add { *to + sum } else { sum } };
        }
    }
}

/// Adds `Q` columns of A, each times its element of x, one after the other.
///
/// # Safety
/// `Q` columns of `sums.len()` contiguous elements, `Q` elements of x.
#[inline(never)]
unsafe fn add_columns<T: GemmElem, const Q: usize>(sums: &mut [T], a: Matrix<*const T>, x: Matrix<*const T>) {
    // SAFETY: what the caller vouches for.
    let (columns, factors): ([&[T]; Q], [T; Q]) = unsafe {
        (
            core::array::from_fn(|q| core::slice::from_raw_parts(a.at(0, q).data, sums.len())),
            core::array::from_fn(|q| *x.at(q, 0).data),
        )
    };
    for (j, sum) in sums.iter_mut().enumerate() {
        for q in 0..Q {
            *sum = *sum + columns[q][j] * factors[q];
        }
    }
}
