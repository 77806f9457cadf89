//! General matrix product: `C[m, n] = A[m, k] · B[k, n]`, or `C += A · B`, for any strides.
//!
//! The method is Goto and van de Geijn's ("Anatomy of High-Performance Matrix Multiplication", 2008): a register tile
//! (4 rows by two vectors of columns) runs over panels of A and B. Panels are read in place where their strides are
//! kind to the cache, and packed into contiguous order where they are not; a block of A stays in the second-level
//! cache, a panel of B in the first.
//!
//! Order of sums, part of the contract: k is cut into equal blocks of at most [`GemmElem::DEPTH`]; within a block the
//! products are added one after the other, and the sums of the blocks are added to C one after the other. The order
//! depends on k alone, so an element's bits do not depend on m, n, its position, the strides, packing, or on which of
//! `A · B` and `(Bᵀ · Aᵀ)ᵀ` was asked for. Nothing is skipped: zero times infinity is NaN here too.

mod matvec;
mod narrow;
mod pack;
mod steps;
#[cfg(test)]
mod tests;

use super::copy::square::{SIDE, Square};
use super::split::{self, Shared, split};
use core::ops::{Add, Mul, Range};
use core::sync::atomic::{AtomicBool, Ordering};
use pack::pack_panels;
pub use steps::Steps;
use steps::neighbours;

/// Rows of the register tile.
const TILE_M: usize = 4;
/// Vectors across the register tile.
const TILE_V: usize = 2;
/// Rows of A in a block (packed: at most 256 KiB).
const BLOCK_M: usize = 128;
/// Columns of B in a block (packed: at most 256 KiB), which stays in the second-level cache.
const BLOCK_N: usize = 128;
/// Columns of B in a block when A is packed, which is done once for each (packed: at most 1 MiB).
const BLOCK_N_WIDE: usize = 512;

/// Most rows of A that are multiplied row by row where B does not lie by strides: most of a tile would be wasted.
const NARROW_M: usize = 2;
/// Most rows of A for which a B that does not lie by strides is read in place where whole vectors can be: a panel is used
/// too seldom for packing to pay.
const ROWS_M: usize = 32;
/// Products of two elements that are worth a thread's while: some microseconds.
pub const PRODUCTS: usize = 1 << 18;
/// Products of two elements that are divided at once: some seconds, after which no thread is taken for lost.
const MOST_PRODUCTS: u64 = 1 << 36;

/// Bytes of C that are still in the second-level cache when they have been computed.
const STAY: usize = 1 << 20;
/// The deepest sums of which so many are made in a moment that it matters where they then are.
const SHALLOW: usize = 128;
/// Vectors of an operand that is small: 40 KiB.
const SMALL: usize = 2560;
/// The deepest block of k of any type.
const DEPTH: usize = 512;
/// The widest register tile of any type, in elements.
const WIDTH: usize = 8;

/// A matrix in memory: a pointer to element (0, 0), and how its rows and columns lie: `isize` is a stride in elements,
/// [`Steps`] are any distances (negative and zero ones are allowed in operands).
#[derive(Clone, Copy, Debug)]
pub struct Matrix<P, R = isize, C = R> {
    /// Pointer to element (0, 0).
    pub data: P,
    /// From one row to the next.
    pub row: R,
    /// From one column to the next.
    pub col: C,
}

/// An operand of a product: rows and columns lie at any distances.
pub type Operand<'a, T> = Matrix<*const T, Steps<'a>>;
/// The result of a product: columns lie at any distances.
pub type Target<'a, T> = Matrix<*mut T, isize, Steps<'a>>;

impl<P, R, C> Matrix<P, R, C> {
    /// The same elements with rows and columns exchanged.
    fn transposed(self) -> Matrix<P, C, R> {
        Matrix { data: self.data, row: self.col, col: self.row }
    }
}

impl<P: Copy> Matrix<P, Steps<'_>> {
    /// The same matrix by its strides, where that can be.
    #[inline(always)]
    fn as_even(&self) -> Option<Matrix<P>> {
        Some(Matrix { data: self.data, row: self.row.as_even()?, col: self.col.as_even()? })
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
pub trait GemmElem: Square + Add<Output = Self> + Mul<Output = Self> {
    /// 0.
    const ZERO: Self;
    /// Elements in 128 bits.
    const LANES: usize;
    /// Most products that are added in one chain before their sum is added to C: panels of A and B of this depth stay
    /// in the first-level cache together.
    const DEPTH: usize;
    /// `sums[l] + factor · columns[l]`, in place. The one thing that differs with relaxed SIMD: there the machine may round
    /// once.
    fn add_products<const L: usize>(sums: &mut [Self; L], factor: Self, columns: &[Self; L]);
    /// `sums[r] + a[r][0] · x[r][0] + a[r][1] · x[r][1] + ..`, one after the other, in place, for a square of elements.
    ///
    /// # Safety
    /// All rows are valid for [`SIDE`] elements.
    unsafe fn add_square(sums: &mut [Self; SIDE], a: [*const Self; SIDE], x: [*const Self; SIDE]);
    /// Computes a part of a product.
    ///
    /// # Safety
    /// As [`gemm`]; the part ends inside C, and the workspace is for one thread.
    unsafe fn run(task: &Task<'_, Self>);
    /// The same by the build with relaxed SIMD, which the host has beside this one.
    ///
    /// # Safety
    /// As [`GemmElem::run`].
    unsafe fn run_relaxed(task: &Task<'_, Self>);
}

/// Some rows and columns of a product of matrices that are not empty. The build with relaxed SIMD reads it too.
#[derive(Clone, Debug)]
pub struct Task<'a, T> {
    /// The rows and the columns; they begin at multiples of the tile's.
    part: [Range<usize>; 2],
    /// m, k and n of the whole product.
    dims: [usize; 3],
    a: Operand<'a, T>,
    b: Operand<'a, T>,
    c: Target<'a, T>,
    accumulate: bool,
    /// The workspace, and how many elements it has.
    pack: *mut T,
    room: usize,
}

/// An epilogue: what is called when some rows and columns of C are there, on the thread that has computed them and with its number.
/// They were written before and are not touched again, so it may write over them.
pub type Epilogue<'a> = dyn Fn([Range<usize>; 2], usize) + Sync + 'a;

/// Whether the build with relaxed SIMD computes products.
static RELAXED: AtomicBool = AtomicBool::new(false);

/// Lets the build with relaxed SIMD compute products from now on; the host has one.
pub fn relax() {
    RELAXED.store(true, Ordering::Relaxed);
}

/// A strip of C, as wide as the register tile and up to a block high:
/// `C[rows, columns] (+)= A[rows, k] · B[k, columns]`.
struct Strip<'a, T> {
    /// Products in each sum.
    k: usize,
    /// The rows of A; `a.row` from row to row of a tile, `a.col` from product to product.
    a: Matrix<*const T>,
    /// Elements from one tile's first row of A to the next tile's.
    a_tile: isize,
    /// Rows of A and C.
    rows: usize,
    /// The columns of B: whole vectors next to each other are read, `b_step` further for each product.
    b: *const T,
    /// Elements from one row of B to the next, or the distance of each row.
    b_step: isize,
    b_rows: &'a [isize],
    /// The columns of the tile that belong to C, from `first` to before `end`.
    first: usize,
    end: usize,
    /// The place of row 0 of C, elements from one row to the next, and the distances of the columns from `first` on.
    c: *mut T,
    c_row: isize,
    columns: [isize; WIDTH],
    /// Add to C rather than replace it.
    accumulate: bool,
}

/// Computes a strip `V` vectors of `L` lanes wide. `PACKED`: A's strides are (1, 4) and B's step is `V * L`.
///
/// A function of its own, never inlined: engines exchange a function for its optimised code between calls only.
///
/// # Safety
/// `rows` rows of A, `k` rows of `V * L` elements of B and the named part of C must be valid, and C apart from A and B.
/// Packed rows of A are a multiple of 4.
#[inline(never)]
unsafe fn run_strip<T: GemmElem, const V: usize, const L: usize, const PACKED: bool, const ROWS: bool>(
    strip: &Strip<T>,
) {
    let (row, step, b_step) =
        if PACKED { (1, TILE_M as isize, (V * L) as isize) } else { (strip.a.row, strip.a.col, strip.b_step) };
    let whole = strip.first == 0 && strip.end == V * L && neighbours(&strip.columns[..V * L]);
    let mut panel = strip.a.data;
    let mut to = strip.c;
    let mut left = strip.rows;
    while left > 0 {
        let rows = left.min(TILE_M);
        // A tile with fewer rows computes its last row several times.
        let last = if PACKED { TILE_M - 1 } else { rows - 1 };
        let mut a: [*const T; TILE_M] = core::array::from_fn(|r| panel.wrapping_offset(r.min(last) as isize * row));
        let mut b = strip.b;
        let mut at = strip.b_rows.as_ptr();
        let mut sums = [[[T::ZERO; L]; V]; TILE_M];
        for _ in 0..strip.k {
            // SAFETY: the caller vouches for k steps of both panels.
            let columns: [[T; L]; V] = unsafe {
                let row = if ROWS { b.wrapping_offset(*at) } else { b };
                row.cast::<[[T; L]; V]>().read_unaligned()
            };
            for r in 0..TILE_M {
                // SAFETY: as above.
                let factor = unsafe { *a[r] };
                for v in 0..V {
                    T::add_products(&mut sums[r][v], factor, &columns[v]);
                }
                a[r] = a[r].wrapping_offset(step);
            }
            if ROWS {
                at = at.wrapping_add(1);
            } else {
                b = b.wrapping_offset(b_step);
            }
        }
        // SAFETY: the caller vouches for C.
        unsafe {
            if whole && rows == TILE_M {
                store(sums, to.wrapping_offset(strip.columns[0]), strip.c_row, strip.accumulate);
            } else {
                // A copy, so that the sums themselves stay in registers.
                let sums = sums;
                store_part(sums.as_flattened().as_flattened(), to, rows, strip);
            }
        }
        panel = panel.wrapping_offset(strip.a_tile);
        to = to.wrapping_offset(TILE_M as isize * strip.c_row);
        left -= rows;
    }
}

/// Writes the sums of a whole tile to C, whose columns are neighbours, or adds them.
///
/// # Safety
/// Every row of the tile is valid in C.
#[inline(always)]
unsafe fn store<T: GemmElem, const V: usize, const L: usize>(
    sums: [[[T; L]; V]; TILE_M],
    mut to: *mut T,
    row: isize,
    accumulate: bool,
) {
    for mut sum in sums {
        let place = to.cast::<[[T; L]; V]>();
        // SAFETY: V * L neighbours of C.
        unsafe {
            if accumulate {
                let old = place.read_unaligned();
                for v in 0..V {
                    for l in 0..L {
                        sum[v][l] = old[v][l] + sum[v][l];
                    }
                }
            }
            place.write_unaligned(sum);
        }
        to = to.wrapping_offset(row);
    }
}

/// [`store`] for tiles that C cuts off, and for columns that are no neighbours: `sums` are the rows of the tile.
///
/// # Safety
/// The first `rows` rows, and the strip's columns, are valid in C.
#[inline(never)]
unsafe fn store_part<T: GemmElem>(sums: &[T], to: *mut T, rows: usize, strip: &Strip<T>) {
    for (i, row) in sums.chunks_exact(sums.len() / TILE_M).enumerate().take(rows) {
        let to = to.wrapping_offset(i as isize * strip.c_row);
        for (&sum, &at) in row[..strip.end].iter().skip(strip.first).zip(&strip.columns) {
            let to = to.wrapping_offset(at);
            // SAFETY: row i < rows and column first <= j < end are the tile's.
            unsafe { *to = if strip.accumulate { *to + sum } else { sum } };
        }
    }
}

/// Whether [`gemm`] divides a product of these sizes among threads.
pub fn divides([m, k, n]: [usize; 3]) -> bool {
    split::threads() > 1 && m.saturating_mul(k).saturating_mul(n) >= 2 * PRODUCTS
}

/// Elements of workspace that [`gemm`] needs for a product of these sizes, and for any that is smaller; `even` when all three
/// matrices lie by strides.
pub fn pack_len<T: GemmElem>(dims: [usize; 3], even: bool) -> usize {
    let threads = if divides(dims) { split::threads() } else { 1 };
    threads * own_pack_len::<T>(dims, even)
}

/// Elements of workspace for one thread.
fn own_pack_len<T: GemmElem>([m, k, n]: [usize; 3], even: bool) -> usize {
    if even && (m <= 1 || n <= 1) || k == 0 {
        return 0;
    }
    let width = TILE_V * T::LANES;
    let blocks =
        |m: usize, n: usize| n.min(BLOCK_N_WIDE).next_multiple_of(width) + m.min(BLOCK_M).next_multiple_of(TILE_M);
    // The transposed product may be the one that is computed. A block of a smaller k can be deeper than that of this one.
    k.min(T::DEPTH) * blocks(m, n).max(blocks(n, m))
}

/// `C[m, n] = A[m, k] · B[k, n]`, or `C += A · B` when `accumulate`. With k = 0 the product is zero. The epilogue is called for
/// rectangles that together are C, while they are in the cache.
///
/// # Safety
/// The three matrices must be valid for reads (C for writes) at every element of `dims = [m, k, n]`; C's elements must
/// be distinct, and apart from A's, B's and `pack`'s. `pack` holds at least [`pack_len`] elements.
pub unsafe fn gemm<T: GemmElem>(
    dims: [usize; 3],
    a: Operand<T>,
    b: Operand<T>,
    c: Target<T>,
    accumulate: bool,
    pack: &mut [T],
    epilogue: Option<&Epilogue<'_>>,
) {
    let [m, k, n] = dims;
    let even = a.as_even().is_some() && b.as_even().is_some() && (n <= 1 || c.col.as_even().is_some());
    assert!(pack.len() >= pack_len::<T>(dims, even), "a workspace that is too small");
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        if !accumulate {
            for i in 0..m {
                for j in 0..n {
                    // SAFETY: element (i, j) of C.
                    unsafe { *c.data.wrapping_offset(i as isize * c.row + c.col.at(j)) = T::ZERO };
                }
            }
        }
        return epilogue.into_iter().for_each(|epilogue| epilogue([0..m, 0..n], 0));
    }
    // Tiles write vectors along C's rows; a product with one row is a product with one column, seen from the other
    // side.
    let flip = c.col.as_even().filter(|&col| n > 1 && (m == 1 || (col != 1 && c.row == 1)));
    let (pack, room) = (pack.as_mut_ptr(), own_pack_len::<T>(dims, even));
    let whole = |dims: [usize; 3], a, b, c| {
        let [m, _, n] = dims;
        Task { part: [0..m, 0..n], dims, a, b, c, accumulate, pack, room }
    };
    if let Some(row) = flip {
        let c = Matrix { data: c.data, row, col: Steps::even(c.row) };
        let flipped = epilogue.map(|epilogue| move |[i, j]: [Range<usize>; 2], thread: usize| epilogue([j, i], thread));
        // SAFETY: what the caller vouches for; the transposed product reads and writes the same elements.
        return unsafe {
            by_threads(
                &whole([n, k, m], b.transposed(), a.transposed(), c),
                flipped.as_ref().map(|epilogue| epilogue as _),
            )
        };
    }
    // SAFETY: what the caller vouches for.
    unsafe { by_threads(&whole(dims, a, b, c), epilogue) }
}

/// [`gemm`] by parts: some columns of C or some of its rows, whichever there are more of. Each thread has `room` elements of
/// the workspace.
///
/// # Safety
/// As [`gemm`]; m, k and n are not 0.
unsafe fn by_threads<T: GemmElem>(whole: &Task<T>, epilogue: Option<&Epilogue<'_>>) {
    let [m, k, n] = whole.dims;
    if !divides(whole.dims) {
        // SAFETY: what the caller vouches for.
        return unsafe { in_pieces(whole, 0, epilogue) };
    }
    let columns = n >= m;
    let units = if columns { n } else { m };
    // Every part packs the operand that is not divided.
    let [a_in_place, b_in_place] = in_place(whole.dims, whole.a.as_even(), whole.b.as_even());
    let again = if columns { a_in_place.is_none() } else { b_in_place.is_none() };
    let few = if again { units.div_ceil(split::threads()).next_multiple_of(BLOCK_M / 4) } else { BLOCK_M };
    let each = k.saturating_mul(if columns { m } else { n });
    let least = few.max(PRODUCTS.div_ceil(each).next_multiple_of(TILE_V * T::LANES));
    let times = usize::try_from(MOST_PRODUCTS / (each as u64).saturating_mul(least as u64)).unwrap_or(usize::MAX);
    let most = least.saturating_mul(times.max(1)).min(units);
    // SAFETY: operands are read; each thread writes its own elements of C and has a workspace of its own.
    let shared = unsafe { Shared::new(whole) };
    for start in (0..units).step_by(most) {
        split(most.min(units - start), least, &|range, thread| {
            let whole = shared.get();
            let range = start + range.start..start + range.end;
            let part = if columns { [0..m, range] } else { [range, 0..n] };
            let task = Task { part, pack: whole.pack.wrapping_add(thread * whole.room), ..whole.clone() };
            // SAFETY: what the caller vouches for; `least` is a multiple of the tile's rows and columns.
            unsafe { in_pieces(&task, thread, epilogue) };
        });
    }
}

/// Computes a part of a product. Where there is an epilogue, and C would leave the cache before that matters, this is piece by
/// piece: each packs B again, which is little work beside so many rows.
///
/// # Safety
/// As [`GemmElem::run`].
unsafe fn in_pieces<T: GemmElem>(task: &Task<T>, thread: usize, epilogue: Option<&Epilogue<'_>>) {
    let run = if RELAXED.load(Ordering::Relaxed) { T::run_relaxed } else { T::run };
    let Some(epilogue) = epilogue else {
        // SAFETY: what the caller vouches for.
        return unsafe { run(task) };
    };
    let ([rows, columns], [_, k, _]) = (&task.part, task.dims);
    let stays = rows.len() * columns.len() <= STAY / size_of::<T>();
    let [high, wide] = if stays || k > SHALLOW { [rows.len(), columns.len()] } else { [4 * BLOCK_M, BLOCK_N_WIDE] };
    for j in columns.clone().step_by(wide) {
        for i in rows.clone().step_by(high) {
            let part = [i..rows.end.min(i + high), j..columns.end.min(j + wide)];
            // SAFETY: what the caller vouches for; pieces begin at multiples of the tile's rows and columns.
            unsafe { run(&Task { part: part.clone(), ..task.clone() }) };
            epilogue(part, thread);
        }
    }
}

/// The blocks of k: how many products each sum takes before it is added to C. All are equal but the last, and depend
/// on k alone.
fn block_depth<T: GemmElem>(k: usize) -> usize {
    k.div_ceil(k.div_ceil(T::DEPTH).max(1)).max(1)
}

/// [`GemmElem::run`] for vectors of `L` lanes.
///
/// # Safety
/// As there.
unsafe fn product<T: GemmElem, const L: usize>(task: &Task<T>) {
    let &Task { part: [ref rows, ref columns], dims: [m, k, n], a, b, c, accumulate, pack, room } = task;
    let (a_even, b_even) = (a.as_even(), b.as_even());
    if let (1, Some(a), Some(b)) = (n, a_even, b_even) {
        let c = Matrix { data: c.data, row: c.row, col: 1 };
        // SAFETY: what the caller vouches for.
        return unsafe { matvec::matvec(rows.len(), k, a.at(rows.start, 0), b, c.at(rows.start, 0), accumulate) };
    }
    if m <= NARROW_M && b_even.is_none() && b.col.neighbours(0) >= L {
        // SAFETY: what the caller vouches for.
        return unsafe { narrow::narrow::<T, L>([m, k], columns, a, b, c, accumulate) };
    }
    let width = TILE_V * L;
    let depth = block_depth::<T>(k);
    let [a_in_place, b_in_place] = in_place([m, k, n], a_even, b_even);
    let b_by_rows = b_even.is_none() && m <= ROWS_M;
    let block_n = if a_in_place.is_some() { BLOCK_N } else { BLOCK_N_WIDE };
    for j0 in columns.clone().step_by(block_n) {
        let nb = block_n.min(columns.end - j0);
        let b_columns = b_in_place.is_none().then(|| b.col.table(j0, nb));
        let c_columns = c.col.as_even().is_none().then(|| c.col.table(j0, nb));
        for p0 in (0..k).step_by(depth) {
            let kb = depth.min(k - p0);
            let add = accumulate || p0 > 0;
            let b_pack = pack;
            let b_room = if b_in_place.is_some() { 0 } else { kb * nb.next_multiple_of(width) };
            let a_room = if a_in_place.is_some() { 0 } else { kb * BLOCK_M.min(rows.len()).next_multiple_of(TILE_M) };
            debug_assert!(a_room + b_room <= room, "a workspace that is too small");
            let a_pack = pack.wrapping_add(b_room);
            let b_rows = b_columns.is_some().then(|| b.row.table(p0, kb));
            if let (Some(columns), Some(rows)) = (&b_columns, &b_rows) {
                // SAFETY: the workspace holds a block of B.
                unsafe { pack_panels::<T>(b_pack, width, b.data, columns, rows, b_by_rows) };
            }
            for i0 in rows.clone().step_by(BLOCK_M) {
                let mb = BLOCK_M.min(rows.end - i0);
                if a_in_place.is_none() {
                    let (rows, columns) = (a.row.table(i0, mb), a.col.table(p0, kb));
                    // SAFETY: the workspace holds a block of A after the block of B.
                    unsafe { pack_panels::<T>(a_pack, TILE_M, a.data, &rows, &columns, false) };
                }
                let (a_panels, a_tile) = match a_in_place {
                    Some(a) => (a.at(i0, p0), TILE_M as isize * a.row),
                    None => {
                        let data = a_pack.cast_const();
                        (Matrix { data, row: 1, col: TILE_M as isize }, (TILE_M * kb) as isize)
                    }
                };
                for j in (0..nb).step_by(width) {
                    let wide = width.min(nb - j);
                    let vectors = wide.div_ceil(L);
                    let near = b_columns.as_ref().map(|at| &at[j..j + wide]);
                    let by_rows = near.filter(|at| b_by_rows && wide == width && neighbours(at));
                    // In place, columns that are missing at the right are made up by columns at the left.
                    let (first, b_data, b_step) = match (b_in_place, by_rows) {
                        (Some(b), _) => {
                            let first = vectors * L - wide;
                            (first, b.at(p0, j0 + j).data.wrapping_sub(first), b.row)
                        }
                        (None, Some(at)) => (0, b.data.wrapping_offset(at[0]), 0),
                        (None, None) => (0, b_pack.wrapping_add(j * kb).cast_const(), width as isize),
                    };
                    let mut columns = [0; WIDTH];
                    for (t, to) in columns.iter_mut().enumerate().take(wide) {
                        *to = c_columns.as_ref().map_or_else(|| c.col.at(j0 + j + t), |at| at[j + t]);
                    }
                    let strip = Strip {
                        k: kb,
                        a: a_panels,
                        a_tile,
                        rows: mb,
                        b: b_data,
                        b_step,
                        b_rows: b_rows.as_deref().unwrap_or(&[]),
                        first,
                        end: first + wide,
                        c: c.data.wrapping_offset(i0 as isize * c.row),
                        c_row: c.row,
                        columns,
                        accumulate: add,
                    };
                    // SAFETY: the panels lie in the operands or the workspace, the rows and columns in C.
                    unsafe {
                        match (vectors, a_in_place.is_some() || b_in_place.is_some()) {
                            (TILE_V, false) if by_rows.is_some() => run_strip::<T, TILE_V, L, true, true>(&strip),
                            (TILE_V, false) => run_strip::<T, TILE_V, L, true, false>(&strip),
                            (TILE_V, true) => run_strip::<T, TILE_V, L, false, false>(&strip),
                            _ => run_strip::<T, 1, L, false, false>(&strip),
                        }
                    }
                }
            }
        }
    }
}

/// The operands whose panels are read in place; each is given if it lies by strides.
fn in_place<T: GemmElem>(
    dims: [usize; 3],
    a: Option<Matrix<*const T>>,
    b: Option<Matrix<*const T>>,
) -> [Option<Matrix<*const T>>; 2] {
    [a.filter(|&a| b.is_some() && reads_a_in_place(dims, a)), b.filter(|&b| reads_b_in_place(dims, b))]
}

/// Whether panels of B are read in place: rows are vectors, and B is small enough to stay in the first-level cache, or
/// is used by two tiles at most. A last panel that is too narrow overlaps its neighbour then, so there must be one, or the
/// only panel is whole vectors.
fn reads_b_in_place<T: GemmElem>([m, k, n]: [usize; 3], b: Matrix<*const T>) -> bool {
    b.col == 1
        && (n >= TILE_V * T::LANES || n == T::LANES)
        && (m <= 2 * TILE_M || k.saturating_mul(n) <= SMALL * T::LANES)
}

/// Whether panels of A are read in place: rows are contiguous (4 streams of neighbours), or A is small or used by few
/// tiles.
fn reads_a_in_place<T: GemmElem>([m, k, n]: [usize; 3], a: Matrix<*const T>) -> bool {
    a.col == 1 || n <= 2 * TILE_V * T::LANES || m.saturating_mul(k) <= SMALL * T::LANES / 2
}

macro_rules! gemm_elem {
    ($t:ident, $lanes:literal, $depth:literal, $name:ident, $splat:ident, $add:ident, $mul:ident, $madd:ident) => {
        impl GemmElem for $t {
            const ZERO: Self = 0.0;
            const LANES: usize = $lanes;
            const DEPTH: usize = $depth;
            #[cfg(not(target_feature = "simd128"))]
            #[inline(always)]
            fn add_products<const L: usize>(sums: &mut [Self; L], factor: Self, columns: &[Self; L]) {
                for l in 0..L {
                    sums[l] += factor * columns[l];
                }
            }
            // Vectors by name: of the loop above the compiler makes them for float32 only, and float64 runs at a third.
            #[cfg(target_feature = "simd128")]
            #[inline(always)]
            fn add_products<const L: usize>(sums: &mut [Self; L], factor: Self, columns: &[Self; L]) {
                use core::arch::wasm32 as wasm;
                const { assert!(L == $lanes) };
                let (sums, columns) = (sums.as_mut_ptr().cast::<wasm::v128>(), columns.as_ptr().cast::<wasm::v128>());
                // SAFETY: both are 128 bits.
                unsafe {
                    let (sum, factor, column) = (sums.read_unaligned(), wasm::$splat(factor), columns.read_unaligned());
                    #[cfg(not(target_feature = "relaxed-simd"))]
                    sums.write_unaligned(wasm::$add(sum, wasm::$mul(factor, column)));
                    #[cfg(target_feature = "relaxed-simd")]
                    sums.write_unaligned(wasm::$madd(factor, column, sum));
                }
            }
            #[cfg(not(target_feature = "simd128"))]
            #[inline(always)]
            unsafe fn add_square(sums: &mut [Self; SIDE], a: [*const Self; SIDE], x: [*const Self; SIDE]) {
                for (r, sum) in sums.iter_mut().enumerate() {
                    for q in 0..SIDE {
                        // SAFETY: what the caller vouches for.
                        *sum += unsafe { *a[r].add(q) * *x[r].add(q) };
                    }
                }
            }
            // Products are made along rows and transposed: each lane then adds up a row. Vectors by name here too.
            #[cfg(target_feature = "simd128")]
            #[inline(always)]
            unsafe fn add_square(sums: &mut [Self; SIDE], a: [*const Self; SIDE], x: [*const Self; SIDE]) {
                use core::arch::wasm32 as wasm;
                let mut products = [[Self::ZERO; SIDE]; SIDE];
                let mut columns = [[Self::ZERO; SIDE]; SIDE];
                // SAFETY: what the caller vouches for; vectors are parts of rows of a square.
                unsafe {
                    for (r, row) in products.iter_mut().enumerate() {
                        for q in (0..SIDE).step_by($lanes) {
                            let factors = [a[r], x[r]].map(|row| wasm::v128_load(row.add(q).cast()));
                            wasm::v128_store(row.as_mut_ptr().add(q).cast(), wasm::$mul(factors[0], factors[1]));
                        }
                    }
                    let rows = products.each_ref().map(|row| row.as_ptr());
                    Self::square(rows, columns.as_mut_ptr().cast(), SIDE as isize);
                    for column in &columns {
                        for q in (0..SIDE).step_by($lanes) {
                            let sums = sums.as_mut_ptr().add(q).cast::<wasm::v128>();
                            let column = wasm::v128_load(column.as_ptr().add(q).cast());
                            sums.write_unaligned(wasm::$add(sums.read_unaligned(), column));
                        }
                    }
                }
            }
            unsafe fn run(task: &Task<'_, Self>) {
                // SAFETY: what the caller vouches for.
                unsafe { product::<Self, $lanes>(task) }
            }
            #[cfg(target_arch = "wasm32")]
            unsafe fn run_relaxed(task: &Task<'_, Self>) {
                #[link(wasm_import_module = "relaxed")]
                unsafe extern "C" {
                    fn $name(task: *const core::ffi::c_void);
                }
                // SAFETY: what the caller vouches for. The same compiler has made both builds of this file, so they know
                // a task by the same layout.
                unsafe { $name((&raw const *task).cast()) }
            }
            #[cfg(not(target_arch = "wasm32"))]
            unsafe fn run_relaxed(task: &Task<'_, Self>) {
                // SAFETY: what the caller vouches for. There is one build here.
                unsafe { Self::run(task) }
            }
        }
    };
}
gemm_elem!(f32, 4, 512, float32, f32x4_splat, f32x4_add, f32x4_mul, f32x4_relaxed_madd);
gemm_elem!(f64, 2, 256, float64, f64x2_splat, f64x2_add, f64x2_mul, f64x2_relaxed_madd);
