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
    for p in (0..k).step_by(depth) {
        let len = depth.min(k - p);
        let (a, x, add) = (a.at(0, p), x.at(p, 0), accumulate || p > 0);
        // SAFETY: what the caller vouches for, a block of columns at a time.
        unsafe {
            if a.row == 1 && a.col != 1 {
                columns(m, len, a, x, y, add);
            } else {
                rows(m, len, a, x, y, add);
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

/// [`matvec`] for one block of k, by dot products of rows.
///
/// # Safety
/// As [`matvec`].
unsafe fn rows<T: GemmElem>(
    m: usize,
    k: usize,
    a: Matrix<*const T>,
    x: Matrix<*const T>,
    y: Matrix<*mut T>,
    add: bool,
) {
    // SAFETY: what the caller vouches for; k is at most DEPTH.
    unsafe {
        if x.row != 1 {
            // Every row needs all of x: bring it together once.
            let mut near = [T::ZERO; DEPTH];
            for (p, to) in near.iter_mut().enumerate().take(k) {
                *to = *x.at(p, 0).data;
            }
            return rows(m, k, a, Matrix { data: near.as_ptr(), row: 1, col: 1 }, y, add);
        }
        let x = x.data;
        let put = |i: usize, sum: T| {
            let to = y.at(i, 0).data;
            *to = if add { *to + sum } else { sum };
        };
        let mut i = 0;
        while a.col == 1 && i + ROWS <= m {
            let sums = dots::<T, false>(k, a.at(i, 0).data, a.row, x, 0);
            for (r, &sum) in sums.iter().enumerate() {
                put(i + r, sum);
            }
            i += ROWS;
        }
        while i < m {
            put(i, chain(k, a.at(i, 0).data, a.col, x, 1));
            i += 1;
        }
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
                let products: [[T; SIDE]; SIDE] = core::array::from_fn(|r| {
                    let r = (g * SIDE + r) as isize;
                    let a = a.wrapping_offset(r * a_row).add(p).cast::<[T; SIDE]>().read_unaligned();
                    let x = x.wrapping_offset(r * x_row).add(p).cast::<[T; SIDE]>().read_unaligned();
                    core::array::from_fn(|q| a[q] * x[q])
                });
                let mut columns = [[T::ZERO; SIDE]; SIDE];
                T::square(products.each_ref().map(|row| row.as_ptr()), columns.as_mut_ptr().cast(), SIDE as isize);
                for column in columns {
                    *sums = core::array::from_fn(|l| sums[l] + column[l]);
                }
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
