//! Matrix times vector, in the order of sums of [`super::gemm`].

use super::{BLOCK_K, GemmElem, Matrix, block_depth};

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
    let depth = block_depth(k);
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

/// The dot product of row 0 of A and x. The blocks of k are independent sums: several are taken side by side, as if they were rows.
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
    // SAFETY: element 0 of y.
    let old = unsafe { accumulate.then(|| *y.data) };
    let mut total = old;
    let mut p = 0;
    while p < k {
        let (count, len) = if k - p >= depth { (ROWS.min((k - p) / depth), depth) } else { (1, k - p) };
        let block = Matrix { row: depth as isize * a.col, ..a.at(0, p) };
        let against = Matrix { data: x.at(p, 0).data, row: depth as isize * x.row, col: x.row };
        // SAFETY: `count` blocks of `len` elements from p on.
        let sums = unsafe { dots(count, len, block, against) };
        for &sum in sums.iter().take(count) {
            total = Some(total.map_or(sum, |t| t + sum));
        }
        p += count * len;
    }
    if let Some(total) = total {
        // SAFETY: element 0 of y.
        unsafe { *y.data = total };
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
    // Every row needs all of x: bring it together once.
    let mut near = [T::ZERO; BLOCK_K];
    let x = if x.row == 1 {
        x.data
    } else {
        for (p, to) in near.iter_mut().enumerate().take(k) {
            // SAFETY: p < k.
            *to = unsafe { *x.at(p, 0).data };
        }
        near.as_ptr()
    };
    for i in (0..m).step_by(ROWS) {
        let count = ROWS.min(m - i);
        // SAFETY: rows i to i + count of A, k elements of x.
        let sums = unsafe { dots(count, k, a.at(i, 0), Matrix { data: x, row: 0, col: 1 }) };
        for (r, &sum) in sums.iter().enumerate().take(count) {
            let to = y.at(i + r, 0).data;
            // SAFETY: row i + r of y.
            unsafe { *to = if add { *to + sum } else { sum } };
        }
    }
}

/// `sums[r] = Σ_p A[r, p] X[r, p]` for `count` rows, 1 to [`ROWS`].
///
/// # Safety
/// Both matrices are valid at `count` rows of `len` elements.
unsafe fn dots<T: GemmElem>(count: usize, len: usize, a: Matrix<*const T>, x: Matrix<*const T>) -> [T; ROWS] {
    // SAFETY: what the caller vouches for.
    unsafe {
        if a.col == 1 && x.col == 1 {
            dots_in_steps::<T, true>(count, len, a, x)
        } else {
            dots_in_steps::<T, false>(count, len, a, x)
        }
    }
}

/// [`dots`]; `UNIT`: both matrices have contiguous rows, which are taken in squares of 4 x 4 whose products are transposed.
///
/// # Safety
/// As [`dots`].
#[inline(never)]
unsafe fn dots_in_steps<T: GemmElem, const UNIT: bool>(
    count: usize,
    len: usize,
    a: Matrix<*const T>,
    x: Matrix<*const T>,
) -> [T; ROWS] {
    // With fewer rows the last one is computed several times.
    let last = count.clamp(1, ROWS) - 1;
    let mut ap: [*const T; ROWS] = core::array::from_fn(|r| a.at(r.min(last), 0).data);
    let mut xp: [*const T; ROWS] = core::array::from_fn(|r| x.at(r.min(last), 0).data);
    let mut sums = [T::ZERO; ROWS];
    let mut p = 0;
    while UNIT && p + 4 <= len {
        let mut products = [[T::ZERO; ROWS]; 4];
        for r in 0..ROWS {
            // SAFETY: elements p to p + 4 of row r.
            let (u, v) = unsafe { (ap[r].cast::<[T; 4]>().read_unaligned(), xp[r].cast::<[T; 4]>().read_unaligned()) };
            for q in 0..4 {
                products[q][r] = u[q] * v[q];
            }
            ap[r] = ap[r].wrapping_add(4);
            xp[r] = xp[r].wrapping_add(4);
        }
        for product in products {
            for r in 0..ROWS {
                sums[r] = sums[r] + product[r];
            }
        }
        p += 4;
    }
    while p < len {
        for r in 0..ROWS {
            // SAFETY: element p of row r.
            sums[r] = sums[r] + unsafe { *ap[r] * *xp[r] };
            ap[r] = ap[r].wrapping_offset(a.col);
            xp[r] = xp[r].wrapping_offset(x.col);
        }
        p += 1;
    }
    sums
}

/// [`matvec`] for one block of k and an A with contiguous columns: columns of A times elements of x, added up in strips of y.
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
