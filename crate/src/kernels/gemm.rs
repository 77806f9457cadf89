//! General matrix product: `C[m, n] = A[m, k] · B[k, n]`, or `C += A · B`, for any strides.
//!
//! The method is Goto and van de Geijn's ("Anatomy of High-Performance Matrix Multiplication", 2008): a register tile
//! (4 rows by two vectors of columns) runs over panels of A and B. Panels are read in place where their strides are kind to the
//! cache, and packed into contiguous order where they are not; a block of A stays in the second-level cache, a panel of B in the first.
//!
//! Order of sums, part of the contract: k is cut into equal blocks of at most [`BLOCK_K`]; within a block the products are added one
//! after the other, and the sums of the blocks are added to C one after the other. The order depends on k alone, so an
//! element's bits do not depend on m, n, its position, the strides, packing, or on which of `A · B` and `(Bᵀ · Aᵀ)ᵀ` was asked for.
//! Nothing is skipped: zero times infinity is NaN here too.

mod matvec;
mod pack;
#[cfg(test)]
mod tests;

use core::ops::{Add, Mul};
use pack::pack_panels;

/// Most products that are added in one chain before their sum is added to C.
pub const BLOCK_K: usize = 256;
/// Rows of the register tile.
const TILE_M: usize = 4;
/// Vectors across the register tile.
const TILE_V: usize = 2;
/// Rows of A in a block (packed: 128 KiB of float32).
const BLOCK_M: usize = 128;
/// Columns of B in a block (packed: 512 KiB of float32).
const BLOCK_N: usize = 512;

/// Vectors of an operand that is small: 40 KiB.
const SMALL: usize = 2560;

/// A matrix in memory: a pointer to element (0, 0), and the strides in elements (negative and zero strides are allowed in operands).
#[derive(Clone, Copy, Debug)]
pub struct Matrix<P> {
    /// Pointer to element (0, 0).
    pub data: P,
    /// Elements from one row to the next.
    pub row: isize,
    /// Elements from one column to the next.
    pub col: isize,
}

impl<P> Matrix<P> {
    /// The same elements with rows and columns exchanged.
    fn transposed(self) -> Self {
        Matrix { data: self.data, row: self.col, col: self.row }
    }
}

impl<T> Matrix<*const T> {
    /// The matrix that begins at element (i, j).
    #[inline(always)]
    fn at(self, i: usize, j: usize) -> Self {
        Matrix { data: self.data.wrapping_offset(i as isize * self.row + j as isize * self.col), ..self }
    }
}

impl<T> Matrix<*mut T> {
    /// The matrix that begins at element (i, j).
    #[inline(always)]
    fn at(self, i: usize, j: usize) -> Self {
        Matrix { data: self.data.wrapping_offset(i as isize * self.row + j as isize * self.col), ..self }
    }
}

/// The element types of a matrix product: float32 and float64.
pub trait GemmElem: Copy + Add<Output = Self> + Mul<Output = Self> {
    /// 0.
    const ZERO: Self;
    /// Elements in 128 bits.
    const LANES: usize;
    /// The product of matrices that are not empty: [`gemm`] with the width of its vectors known.
    ///
    /// # Safety
    /// As [`gemm`]; m, k and n are not 0.
    unsafe fn product(
        dims: [usize; 3],
        a: Matrix<*const Self>,
        b: Matrix<*const Self>,
        c: Matrix<*mut Self>,
        accumulate: bool,
        pack: *mut Self,
    );
    /// The sums of one register tile (see [`Tile`]).
    ///
    /// # Safety
    /// As [`Tile`] says.
    unsafe fn tile(tile: &Tile<Self>);
}

/// One register tile: `C[rows, columns] (+)= A[rows, k] · B[k, columns]`, at most 4 rows and two vectors of columns.
#[derive(Clone, Copy, Debug)]
pub struct Tile<T> {
    /// Products in each sum.
    pub k: usize,
    /// First element of A; `a.row` from row to row, `a.col` from product to product.
    pub a: Matrix<*const T>,
    /// Rows of A and C, 1 to 4.
    pub rows: usize,
    /// First element of B: whole vectors of columns next to each other are read, `b_step` further for each product.
    pub b: *const T,
    /// Elements from one row of B to the next.
    pub b_step: isize,
    /// The columns of the tile that belong to C, from `first` to before `end`.
    pub first: usize,
    /// See `first`.
    pub end: usize,
    /// The place of row 0 and column 0 of the tile.
    pub c: Matrix<*mut T>,
    /// Add to C rather than replace it.
    pub accumulate: bool,
}

/// Computes a tile `V` vectors of `L` lanes wide. `PACKED`: A's strides are (1, 4) and B's step is `V * L`.
///
/// A function of its own, never inlined: engines exchange a function for its optimised code between calls only.
///
/// # Safety
/// `rows` rows of A, `k` rows of `V * L` elements of B and the named part of C must be valid, and C apart from A and B.
#[inline(never)]
unsafe fn run_tile<T: GemmElem, const V: usize, const L: usize, const PACKED: bool>(tile: &Tile<T>) {
    let (row, step, b_step) =
        if PACKED { (1, TILE_M as isize, (V * L) as isize) } else { (tile.a.row, tile.a.col, tile.b_step) };
    // A tile with fewer rows computes its last row several times.
    let last = if PACKED { TILE_M - 1 } else { tile.rows - 1 };
    let mut a: [*const T; TILE_M] = core::array::from_fn(|r| tile.a.data.wrapping_offset(r.min(last) as isize * row));
    let mut b = tile.b;
    let mut sums = [[[T::ZERO; L]; V]; TILE_M];
    for _ in 0..tile.k {
        // SAFETY: the caller vouches for k steps of both panels.
        let columns: [[T; L]; V] = unsafe { b.cast::<[[T; L]; V]>().read_unaligned() };
        for r in 0..TILE_M {
            // SAFETY: as above.
            let factor = unsafe { *a[r] };
            for v in 0..V {
                for l in 0..L {
                    sums[r][v][l] = sums[r][v][l] + factor * columns[v][l];
                }
            }
            a[r] = a[r].wrapping_offset(step);
        }
        b = b.wrapping_offset(b_step);
    }
    let whole = tile.rows == TILE_M && tile.first == 0 && tile.end == V * L && tile.c.col == 1;
    // SAFETY: the caller vouches for C.
    unsafe {
        if whole {
            store(sums, tile);
        } else {
            // A copy, so that the sums themselves stay in registers.
            let sums = sums;
            store_part(sums.as_flattened().as_flattened(), tile);
        }
    }
}

/// Writes the sums of a whole tile to C, whose rows are contiguous, or adds them.
///
/// # Safety
/// As [`run_tile`], and the tile is whole.
#[inline(always)]
unsafe fn store<T: GemmElem, const V: usize, const L: usize>(sums: [[[T; L]; V]; TILE_M], tile: &Tile<T>) {
    for (r, mut sum) in sums.into_iter().enumerate() {
        let to = tile.c.at(r, 0).data.cast::<[[T; L]; V]>();
        // SAFETY: row r of the tile has V * L neighbours.
        unsafe {
            if tile.accumulate {
                let old = to.read_unaligned();
                for v in 0..V {
                    for l in 0..L {
                        sum[v][l] = old[v][l] + sum[v][l];
                    }
                }
            }
            to.write_unaligned(sum);
        }
    }
}

/// [`store`] for tiles that C cuts off, and for a C of any strides: `sums` are the rows of the tile.
///
/// # Safety
/// As [`run_tile`].
#[inline(never)]
unsafe fn store_part<T: GemmElem>(sums: &[T], tile: &Tile<T>) {
    let width = sums.len() / TILE_M;
    for (i, row) in sums.chunks_exact(width).enumerate().take(tile.rows) {
        for (j, &sum) in row.iter().enumerate().take(tile.end).skip(tile.first) {
            let to = tile.c.at(i, j).data;
            // SAFETY: row i < rows and column first <= j < end are the tile's.
            unsafe { *to = if tile.accumulate { *to + sum } else { sum } };
        }
    }
}

/// Elements of workspace that [`gemm`] needs for a product of these sizes.
pub fn pack_len<T: GemmElem>(m: usize, k: usize, n: usize) -> usize {
    if m <= 1 || n <= 1 || k == 0 {
        return 0;
    }
    let width = TILE_V * T::LANES;
    let blocks = |m: usize, n: usize| n.min(BLOCK_N).next_multiple_of(width) + m.min(BLOCK_M).next_multiple_of(TILE_M);
    // The transposed product may be the one that is computed.
    block_depth(k) * blocks(m, n).max(blocks(n, m))
}

/// `C[m, n] = A[m, k] · B[k, n]`, or `C += A · B` when `accumulate`. With k = 0 the product is zero.
///
/// # Safety
/// The three matrices must be valid for reads (C for writes) at every element of `dims = [m, k, n]`; C's elements must be
/// distinct, and apart from A's, B's and `pack`'s. `pack` holds at least [`pack_len`] elements.
pub unsafe fn gemm<T: GemmElem>(
    dims: [usize; 3],
    a: Matrix<*const T>,
    b: Matrix<*const T>,
    c: Matrix<*mut T>,
    accumulate: bool,
    pack: &mut [T],
) {
    let [m, k, n] = dims;
    debug_assert!(pack.len() >= pack_len::<T>(m, k, n));
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        if !accumulate {
            for i in 0..m {
                for j in 0..n {
                    // SAFETY: element (i, j) of C.
                    unsafe { *c.at(i, j).data = T::ZERO };
                }
            }
        }
        return;
    }
    // Tiles write vectors along C's rows; a product with one row is a product with one column, seen from the other side.
    let flip = n > 1 && (m == 1 || (c.col != 1 && c.row == 1));
    // SAFETY: what the caller vouches for; the transposed product reads and writes the same elements.
    unsafe {
        if flip {
            T::product([n, k, m], b.transposed(), a.transposed(), c.transposed(), accumulate, pack.as_mut_ptr());
        } else {
            T::product(dims, a, b, c, accumulate, pack.as_mut_ptr());
        }
    }
}

/// The blocks of k: how many products each sum takes before it is added to C. All are equal but the last, and depend on k alone.
pub(super) fn block_depth(k: usize) -> usize {
    k.div_ceil(k.div_ceil(BLOCK_K).max(1)).max(1)
}

/// [`gemm`] for vectors of `L` lanes.
///
/// # Safety
/// As [`gemm`]; m, k and n are not 0.
unsafe fn product<T: GemmElem, const L: usize>(
    [m, k, n]: [usize; 3],
    a: Matrix<*const T>,
    b: Matrix<*const T>,
    c: Matrix<*mut T>,
    accumulate: bool,
    pack: *mut T,
) {
    if n == 1 {
        // SAFETY: what the caller vouches for.
        return unsafe { matvec::matvec(m, k, a, b, c, accumulate) };
    }
    let width = TILE_V * L;
    let depth = block_depth(k);
    let b_in_place = reads_b_in_place([m, k, n], b);
    let a_in_place = reads_a_in_place([m, k, n], a);
    for j0 in (0..n).step_by(BLOCK_N) {
        let nb = BLOCK_N.min(n - j0);
        for p0 in (0..k).step_by(depth) {
            let kb = depth.min(k - p0);
            let add = accumulate || p0 > 0;
            let b_block = b.at(p0, j0);
            let b_pack = pack;
            let a_pack = pack.wrapping_add(kb * nb.next_multiple_of(width));
            if !b_in_place {
                // SAFETY: the workspace holds a block of B.
                unsafe { pack_panels::<T>(b_pack, width, nb, kb, b_block.data, b_block.col, b_block.row) };
            }
            for i0 in (0..m).step_by(BLOCK_M) {
                let mb = BLOCK_M.min(m - i0);
                let a_block = a.at(i0, p0);
                if !a_in_place {
                    // SAFETY: the workspace holds a block of A after the block of B.
                    unsafe { pack_panels::<T>(a_pack, TILE_M, mb, kb, a_block.data, a_block.row, a_block.col) };
                }
                for j in (0..nb).step_by(width) {
                    let columns = width.min(nb - j);
                    let vectors = columns.div_ceil(L);
                    // In place, columns that are missing at the right are made up by columns at the left.
                    let first = if b_in_place { vectors * L - columns } else { 0 };
                    let (b_data, b_step) = if b_in_place {
                        (b_block.at(0, j).data.wrapping_sub(first), b.row)
                    } else {
                        (b_pack.wrapping_add(j * kb).cast_const(), width as isize)
                    };
                    for i in (0..mb).step_by(TILE_M) {
                        let panel = if a_in_place {
                            a_block.at(i, 0)
                        } else {
                            Matrix { data: a_pack.wrapping_add(i * kb).cast_const(), row: 1, col: TILE_M as isize }
                        };
                        let corner = c.at(i0 + i, j0 + j);
                        let tile = Tile {
                            k: kb,
                            a: panel,
                            rows: TILE_M.min(mb - i),
                            b: b_data,
                            b_step,
                            first,
                            end: first + columns,
                            c: Matrix { data: corner.data.wrapping_offset(-(first as isize) * c.col), ..corner },
                            accumulate: add,
                        };
                        // SAFETY: the panels lie in the operands or the workspace, the rows and columns in C.
                        unsafe {
                            match (vectors, a_in_place || b_in_place) {
                                (TILE_V, false) => run_tile::<T, TILE_V, L, true>(&tile),
                                (TILE_V, true) => run_tile::<T, TILE_V, L, false>(&tile),
                                _ => run_tile::<T, 1, L, false>(&tile),
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Whether panels of B are read in place: rows are vectors, and B is small enough to stay in the first-level cache, or is
/// used by two tiles at most. A last panel that is too narrow overlaps its neighbour then, which takes a whole vector.
fn reads_b_in_place<T: GemmElem>([m, k, n]: [usize; 3], b: Matrix<*const T>) -> bool {
    b.col == 1 && n >= T::LANES && (m <= 2 * TILE_M || k.saturating_mul(n) <= SMALL * T::LANES)
}

/// Whether panels of A are read in place: rows are contiguous (4 streams of neighbours), or A is small or used by few tiles.
fn reads_a_in_place<T: GemmElem>([m, k, n]: [usize; 3], a: Matrix<*const T>) -> bool {
    a.col == 1 || n <= 2 * TILE_V * T::LANES || m.saturating_mul(k) <= SMALL * T::LANES / 2
}

macro_rules! gemm_elem {
    ($t:ty, $lanes:literal) => {
        impl GemmElem for $t {
            const ZERO: Self = 0.0;
            const LANES: usize = $lanes;
            unsafe fn product(
                dims: [usize; 3],
                a: Matrix<*const Self>,
                b: Matrix<*const Self>,
                c: Matrix<*mut Self>,
                accumulate: bool,
                pack: *mut Self,
            ) {
                // SAFETY: what the caller vouches for.
                unsafe { product::<Self, $lanes>(dims, a, b, c, accumulate, pack) }
            }
            unsafe fn tile(tile: &Tile<Self>) {
                // SAFETY: what the caller vouches for.
                unsafe { run_tile::<Self, TILE_V, $lanes, true>(tile) }
            }
        }
    };
}
gemm_elem!(f32, 4);
gemm_elem!(f64, 2);
