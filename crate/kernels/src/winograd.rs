//! Convolution with kernels of 3 x 3 elements in fewer multiplications (S. Winograd, "Arithmetic Complexity of Computations",
//! 1980; A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
//!
//! A result of 2 x 2 elements depends on 4 x 4 of x, its tile. As polynomials, both factors are evaluated at 4 points along
//! each side (0, 1, -1, infinity), which takes additions and halves only; there each of 16 values is one product for each
//! channel, instead of 36, and the channels are added up by a matrix product before the way back.
//!
//! The derivative by the kernel is the same transposed: x is evaluated as before, tiles of the cotangent at the same points, and
//! there the tiles of all examples are added up by a matrix product, before each 16 sums become the 9 of a kernel.
//!
//! Order of sums, part of the contract: at each point the channels are added one after the other, and what goes into an
//! element, and in which order, depends on its place in its example and on the elements of its tile. In the derivative the tiles
//! are cut into equal blocks of at most [`TERMS`], in each of which they are added one after the other, and so are then the blocks;
//! what goes into an element depends on its two channels alone. Rounding errors are small beside the largest element of the
//! tile, be it one of the sum or not. An infinity would reach all results of its tile: a tile with a result that is not finite is
//! summed window by window, a kernel of the derivative element by element.

use super::copy::square::{SIDE, Square};
use super::gemm::PRODUCTS;
use super::lanes::Lanes;
use std::ops::Range;

/// Four tiles or channels.
type V = Lanes<f32, SIDE>;
/// Elements along the side of a kernel.
pub const KERNEL: usize = 3;
/// Elements of the result along the side of a tile.
const STEP: usize = 2;
/// Points at which both factors are evaluated, along one side and in all.
const POINTS: usize = SIDE * SIDE;
/// Rows of the register tile: channels of the result.
const TILE_M: usize = 4;
/// Vectors across the register tile: tiles, or channels of x.
const TILE_V: usize = 2;
/// Tiles in a panel, or channels of x.
const PANEL: usize = TILE_V * SIDE;
/// Elements of the panels of a block, which stays in the second-level cache: 128 KiB.
const BLOCK: usize = 1 << 15;
/// Most tiles in a block.
const TILES: usize = 256;
/// Most tiles that are added in one chain before their sum is added to the others, in the derivative by the kernel: what is
/// evaluated of them for a register tile stays in the first-level cache, 48 KiB.
const TERMS: usize = 64;
/// Register tiles of channels of the result for which x is evaluated, in the derivative, beside which that is next to nothing.
const MANY: usize = 8;

/// Where a tile begins in x and in y, and how many of its rows and columns are those of the tile before.
#[derive(Clone, Copy, Default)]
struct Tile {
    x: isize,
    y: isize,
    skip: [usize; 2],
}

/// Values of a register tile at all points.
type Products = [[[V; TILE_V]; TILE_M]; POINTS];

/// The convolutions of examples with one kernel, `y[n, o, i, j] = Σ w[o, c, k, l] x[n, c, i + k, j + l]`, or their derivative by
/// it: `w[o, c, k, l] = Σ y[n, o, i, j] x[n, c, i + k, j + l]`, where y is the cotangent.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Whether w is the result and y is given.
    pub derivative: bool,
    /// The number of examples, at least 1.
    pub examples: usize,
    /// Channels of y and of x.
    pub channels: [usize; 2],
    /// Rows and columns of y, at least 2 each.
    pub counts: [usize; 2],
    /// From one example, channel and row of x to the next, in elements; the elements of a row are neighbours.
    pub x: [isize; 3],
    /// The same for y.
    pub y: [isize; 3],
    /// From one channel of y, channel of x, row and column of w to the next.
    pub w: [isize; 4],
}

/// Tiles along each side of a result of so many rows and columns.
fn tiles(counts: [usize; 2]) -> [usize; 2] {
    counts.map(|count| count.div_ceil(STEP))
}

/// The product of sizes, which may be beyond those of any memory.
fn product(sizes: &[usize]) -> f64 {
    sizes.iter().map(|&size| size as f64).product()
}

/// Whether a plan for so many examples, such channels and counts takes less time than a matrix product. In multiplications, as
/// they were measured: besides those at the points, tiles cost something for each channel, a kernel for each two channels, and
/// windows for each channel of x.
pub fn pays(examples: usize, [out, channels]: [usize; 2], counts: [usize; 2], derivative: bool) -> bool {
    if counts.iter().any(|&count| count < STEP) {
        return false;
    }
    let (rows, tiles) = (out.next_multiple_of(TILE_M), tiles(counts));
    let (columns, tiles, once) = if derivative {
        (channels.next_multiple_of(PANEL), product(&[examples, tiles[0], tiles[1]]), 288.0)
    } else {
        (channels, examples as f64 * (tiles[0] * tiles[1]).next_multiple_of(PANEL) as f64, 96.0)
    };
    let by_tiles =
        tiles * (product(&[POINTS, rows, columns]) + 54.0 * (rows + columns) as f64) + once * product(&[rows, columns]);
    let by_windows = product(&[examples, counts[0], counts[1]]) * product(&[KERNEL * KERNEL * rows + 24, channels]);
    by_tiles < by_windows
}

impl Plan {
    /// Tiles of an example.
    fn tiles(&self) -> usize {
        tiles(self.counts).iter().product()
    }

    /// Tiles in a block, a multiple of those in a panel.
    fn block(&self) -> usize {
        let [_, channels] = self.channels;
        (BLOCK / (POINTS * channels)).clamp(PANEL, TILES) / PANEL * PANEL
    }

    /// Blocks of an example.
    fn blocks(&self) -> usize {
        self.tiles().div_ceil(self.block())
    }

    /// Units of work: blocks of y, or register tiles of its channels.
    pub fn units(&self) -> usize {
        if self.derivative { self.channels[0].div_ceil(TILE_M) } else { self.examples * self.blocks() }
    }

    /// Units that are worth a thread's while, where there are so many threads.
    pub fn least(&self, threads: usize) -> usize {
        let [out, channels] = self.channels;
        let (few, terms) = if self.derivative {
            // Each part evaluates x again.
            (self.units().div_ceil(threads).min(MANY), product(&[TILE_M, self.tiles(), self.examples]))
        } else {
            (1, product(&[out, self.block().min(self.tiles())]))
        };
        few.max((PRODUCTS as f64 / (terms * product(&[POINTS, channels]))).ceil() as usize)
    }

    /// Elements of workspace for all threads: the kernel at the points, or the sums of a derivative.
    pub fn common_len(&self) -> usize {
        let [out, channels] = self.channels;
        let columns = if self.derivative { channels.next_multiple_of(PANEL) } else { channels };
        POINTS * out.next_multiple_of(TILE_M) * columns
    }

    /// Elements of workspace for each thread: what is evaluated of a block.
    pub fn own_len(&self) -> usize {
        let [_, channels] = self.channels;
        let block =
            if self.derivative { TERMS * (channels.next_multiple_of(PANEL) + TILE_M) } else { channels * self.block() };
        POINTS * block
    }

    /// The tile of a number. The last of a row or column ends there, and may overlap the one before.
    fn tile(&self, index: usize) -> Tile {
        let [_, across] = tiles(self.counts);
        let first = [index / across * STEP, index % across * STEP];
        let [i, j]: [usize; 2] = std::array::from_fn(|d| first[d].min(self.counts[d] - STEP));
        let at = |row: isize| i as isize * row + j as isize;
        Tile { x: at(self.x[2]), y: at(self.y[2]), skip: [first[0] - i, first[1] - j] }
    }
}

/// Evaluates 3 numbers at the points, as the coefficients of a kernel.
#[inline(always)]
fn kernel_at([a, b, c]: [V; KERNEL]) -> [V; SIDE] {
    let half = V::splat(0.5);
    let (even, odd) = (half * (a + c), half * b);
    [a, even + odd, even - odd, c]
}

/// [`kernel_at`] transposed.
#[inline(always)]
fn kernel_of([a, b, c, d]: [V; SIDE]) -> [V; KERNEL] {
    let half = V::splat(0.5);
    let (even, odd) = (half * (b + c), half * (b - c));
    [a + even, odd, even + d]
}

/// Evaluates 4 numbers at the points, as elements of x.
#[inline(always)]
fn element_at([a, b, c, d]: [V; SIDE]) -> [V; SIDE] {
    [a - c, b + c, c - b, b - d]
}

/// 2 results from their products at the points.
#[inline(always)]
fn result_of([a, b, c, d]: [V; SIDE]) -> [V; STEP] {
    [a + b + c, b - c - d]
}

/// [`result_of`] transposed.
#[inline(always)]
fn result_at([a, b]: [V; STEP]) -> [V; SIDE] {
    [a, a + b, a - b, -b]
}

/// The same along both sides of a square.
#[inline(always)]
fn both<T: Copy, const N: usize, const M: usize>(x: [[T; N]; N], side: impl Fn([T; N]) -> [T; M]) -> [[T; M]; M] {
    let columns: [[T; M]; N] = std::array::from_fn(|j| side(std::array::from_fn(|i| x[i][j])));
    std::array::from_fn(|i| side(std::array::from_fn(|j| columns[j][i])))
}

/// Writes to what is common to all threads before there are any: a kernel at the points, `to[out / 4, point, channel, out % 4]`,
/// if that is given.
///
/// # Safety
/// `w` is what is given, y or w, valid at the strides of the plan; `to` has room for [`Plan::common_len`] elements.
pub unsafe fn prepare(plan: &Plan, w: *const f32, to: *mut f32) {
    if !plan.derivative {
        let [out, channels] = plan.channels;
        for (o, c) in (0..out).step_by(TILE_M).flat_map(|o| (0..channels).map(move |c| (o, c))) {
            // SAFETY: the caller's promise.
            unsafe { evaluate_kernel(plan, [o, c], w, to.wrapping_add(o * POINTS * channels + c * TILE_M)) };
        }
    }
}

/// Evaluates the kernel at the points for one channel of x and some of y: `to[point, 0, channel of y]`. Those that are missing
/// repeat the last one.
///
/// # Safety
/// As [`prepare`].
#[inline(never)]
unsafe fn evaluate_kernel(plan: &Plan, [o, c]: [usize; 2], w: *const f32, to: *mut f32) {
    let ([out, channels], strides) = (plan.channels, plan.w);
    let first = w.wrapping_offset(c as isize * strides[1]);
    let lanes: [*const f32; TILE_M] =
        std::array::from_fn(|lane| first.wrapping_offset((o + lane).min(out - 1) as isize * strides[0]));
    let mut own = [[V::splat(0.0); KERNEL]; KERNEL];
    for (k, row) in own.iter_mut().enumerate() {
        for (l, value) in row.iter_mut().enumerate() {
            let at = k as isize * strides[2] + l as isize * strides[3];
            // SAFETY: the caller's promise.
            *value = V::from_fn(|lane| unsafe { *lanes[lane].wrapping_offset(at) });
        }
    }
    for (i, row) in both(own, kernel_at).into_iter().enumerate() {
        for (j, value) in row.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { value.store(to.add((i * SIDE + j) * channels * TILE_M)) };
        }
    }
}

/// Computes some units of work.
///
/// # Safety
/// x and `operand`, y or w, are valid at the strides of the plan, and the result for the units. Of the workspace `common` has been
/// [prepared](`prepare`), `own` has room for [`Plan::own_len`] elements and is this thread's.
pub unsafe fn run(
    plan: &Plan,
    units: Range<usize>,
    [x, operand]: [*const f32; 2],
    to: *mut f32,
    [common, own]: [*mut f32; 2],
) {
    // SAFETY: the caller's promise.
    unsafe {
        match plan.derivative {
            true => differentiate(plan, units, [x, operand], to, common.cast(), own),
            false => convolve(plan, units, x, [operand, common.cast_const()], to, own),
        }
    }
}

/// [`run`] for y.
///
/// # Safety
/// As there; `kernel` is what was prepared.
unsafe fn convolve(
    plan: &Plan,
    units: Range<usize>,
    x: *const f32,
    [w, kernel]: [*const f32; 2],
    y: *mut f32,
    work: *mut f32,
) {
    let ([out, channels], all) = (plan.channels, plan.tiles());
    let steps: [isize; TERMS] = std::array::from_fn(|c| c as isize * plan.x[1]);
    let mut products = [[[V::splat(0.0); TILE_V]; TILE_M]; POINTS];
    for unit in units {
        let (example, block) = ((unit / plan.blocks()) as isize, unit % plan.blocks());
        let (x, y) = (x.wrapping_offset(example * plan.x[0]), y.wrapping_offset(example * plan.y[0]));
        let tiles = block * plan.block()..all.min((block + 1) * plan.block());
        // A panel that is not full repeats the last tile.
        let mut places = [Tile::default(); TILES];
        let count = tiles.len().next_multiple_of(PANEL);
        for (k, place) in places.iter_mut().enumerate().take(count) {
            *place = plan.tile((tiles.start + k).min(tiles.end - 1));
        }
        let (panels, _) = places[..count].as_chunks::<PANEL>();
        let panel_at = |k: usize| work.wrapping_add(k * POINTS * channels * PANEL);
        for (k, panel) in panels.iter().enumerate() {
            for (first, x) in (0..channels).step_by(TERMS).map(|c| (c, x.wrapping_offset(c as isize * plan.x[1]))) {
                let lanes = panel.map(|tile| x.wrapping_offset(tile.x));
                let (steps, to) = (&steps[..TERMS.min(channels - first)], panel_at(k).wrapping_add(first * PANEL));
                // SAFETY: tiles lie in x, and the workspace has room for the panels of a block.
                unsafe { evaluate(lanes, plan.x[2], steps, to, channels * PANEL) };
            }
        }
        for o in (0..out).step_by(TILE_M) {
            let (slab, y) = (kernel.wrapping_add(o * POINTS * channels), y.wrapping_offset(o as isize * plan.y[1]));
            for (k, panel) in panels.iter().enumerate() {
                let rows = TILE_M.min(out - o);
                // SAFETY: a slab of the kernel and a panel of the block; tiles lie in x and y.
                unsafe {
                    multiply(channels, slab, panel_at(k), &mut products);
                    let finite = write(plan, &products, panel, rows, y);
                    if finite.iter().any(|finite| !finite) {
                        let w = w.wrapping_offset(o as isize * plan.w[0]);
                        let tiles = panel.iter().zip(finite).filter(|(_, finite)| !finite);
                        tiles.for_each(|(tile, _)| window_by_window(plan, x, w, tile, rows, y));
                    }
                }
            }
        }
    }
}

/// [`run`] for w: all of [`convolve`] transposed. At each point the tiles are added up by a matrix product.
///
/// # Safety
/// As there.
unsafe fn differentiate(
    plan: &Plan,
    units: Range<usize>,
    [x, y]: [*const f32; 2],
    w: *mut f32,
    sums: *mut Products,
    work: *mut f32,
) {
    let ([out, channels], tiles, examples) = (plan.channels, plan.tiles(), plan.examples);
    let panels = channels.div_ceil(PANEL);
    let terms = examples * tiles;
    let step = terms.div_ceil(terms.div_ceil(TERMS));
    let slab = work.wrapping_add(POINTS * TERMS * panels * PANEL);
    let sums = |unit: usize, k: usize| sums.wrapping_add(unit * panels + k);
    // Lanes that are missing at the end repeat the last channel.
    let channels_of_x =
        |k: usize| std::array::from_fn(|c| x.wrapping_offset((k * PANEL + c).min(channels - 1) as isize * plan.x[1]));
    let channels_of_y =
        |unit: usize| std::array::from_fn(|o| y.wrapping_offset((unit * TILE_M + o).min(out - 1) as isize * plan.y[1]));
    let mut products = [[[V::splat(0.0); TILE_V]; TILE_M]; POINTS];
    for first in (0..terms).step_by(step) {
        let mut places = [Tile::default(); TERMS];
        let places = &mut places[..step.min(terms - first)];
        for (term, place) in (first..).zip(&mut *places) {
            *place = plan.tile(term % tiles);
            place.x += (term / tiles) as isize * plan.x[0];
            place.y += (term / tiles) as isize * plan.y[0];
        }
        let panel_at = |k: usize| work.wrapping_add(k * POINTS * TERMS * PANEL);
        let mut steps = [0; TERMS];
        for (step, tile) in steps.iter_mut().zip(&*places) {
            *step = tile.x;
        }
        let steps = &steps[..places.len()];
        for k in 0..panels {
            // SAFETY: tiles lie in x, and the workspace has room for the panels.
            unsafe { evaluate(channels_of_x(k), plan.x[2], steps, panel_at(k), steps.len() * PANEL) };
        }
        for unit in units.clone() {
            // SAFETY: tiles lie in y, and the workspace has room for a slab.
            unsafe { evaluate_result(channels_of_y(unit), plan.y[2], places, slab) };
            for k in 0..panels {
                // SAFETY: a slab and a panel; the sums of a unit are this thread's.
                unsafe {
                    multiply(places.len(), slab, panel_at(k), &mut products);
                    add(&products, sums(unit, k), first > 0);
                }
            }
        }
    }
    for (unit, k) in units.flat_map(|unit| (0..panels).map(move |k| (unit, k))) {
        for (r, v) in (0..TILE_M.min(out - unit * TILE_M)).flat_map(|r| (0..TILE_V).map(move |v| (r, v))) {
            // SAFETY: the sums are there.
            let kernels = both(at_points(unsafe { &*sums(unit, k) }, r, v), kernel_of);
            for c in (k * PANEL + v * SIDE..channels).take(SIDE) {
                // SAFETY: the caller's promise.
                unsafe { write_kernel(plan, &kernels, [unit * TILE_M + r, c], [x, y], w) };
            }
        }
    }
}

/// Writes a kernel of the derivative, a lane of what has been computed.
///
/// # Safety
/// As [`run`].
#[inline(never)]
unsafe fn write_kernel(
    plan: &Plan,
    kernels: &[[V; KERNEL]; KERNEL],
    [o, c]: [usize; 2],
    [x, y]: [*const f32; 2],
    w: *mut f32,
) {
    let lane = c % SIDE;
    let finite = kernels.as_flattened().iter().all(|value| value.0[lane].is_finite());
    let [o, c] = [o as isize, c as isize];
    let (x, y) = (x.wrapping_offset(c * plan.x[1]), y.wrapping_offset(o * plan.y[1]));
    let w = w.wrapping_offset(o * plan.w[0] + c * plan.w[1]);
    for (k, l) in (0..KERNEL).flat_map(|k| (0..KERNEL).map(move |l| (k, l))) {
        let value = if finite {
            kernels[k][l].0[lane]
        } else {
            let x = x.wrapping_offset(k as isize * plan.x[2] + l as isize);
            let sizes = [plan.examples, plan.counts[0], plan.counts[1]];
            // SAFETY: the caller's promise.
            unsafe { sum(sizes, (y, [plan.y[0], plan.y[2], 1]), (x, [plan.x[0], plan.x[2], 1])) }
        };
        // SAFETY: as above.
        unsafe { *w.wrapping_offset(k as isize * plan.w[2] + l as isize * plan.w[3]) = value };
    }
}

/// Writes sums at the points, or adds them to those that are there.
///
/// # Safety
/// `to` is valid, and has been written if they are added.
#[inline(never)]
unsafe fn add(products: &Products, to: *mut Products, more: bool) {
    let own = products.as_flattened().as_flattened();
    for (k, &own) in own.iter().enumerate() {
        let to = to.cast::<V>().wrapping_add(k);
        // SAFETY: the caller's promise.
        unsafe { *to = if more { *to + own } else { own } };
    }
}

/// The results of a tile for some channels, as sums over channels and the rows and columns of the kernel.
///
/// # Safety
/// The tile lies in x and y, and there are so many channels in w and y.
#[cold]
unsafe fn window_by_window(plan: &Plan, x: *const f32, w: *const f32, tile: &Tile, rows: usize, y: *mut f32) {
    let sizes = [plan.channels[1], KERNEL, KERNEL];
    let (steps_w, steps_x) = ([plan.w[1], plan.w[2], plan.w[3]], [plan.x[1], plan.x[2], 1]);
    for (r, i, j) in
        (0..rows).flat_map(|r| (tile.skip[0]..STEP).flat_map(move |i| (tile.skip[1]..STEP).map(move |j| (r, i, j))))
    {
        let [o, i, j] = [r as isize, i as isize, j as isize];
        let w = w.wrapping_offset(o * plan.w[0]);
        let x = x.wrapping_offset(tile.x + i * plan.x[2] + j);
        // SAFETY: the caller's promise.
        unsafe {
            *y.wrapping_offset(o * plan.y[1] + tile.y + i * plan.y[2] + j) = sum(sizes, (w, steps_w), (x, steps_x))
        };
    }
}

/// The sum of the products of two operands with so many elements along three dimensions.
///
/// # Safety
/// Both are valid there.
unsafe fn sum([n, rows, columns]: [usize; 3], a: (*const f32, [isize; 3]), b: (*const f32, [isize; 3])) -> f32 {
    let mut sum = 0.0;
    for (k, i) in (0..n as isize).flat_map(|k| (0..rows as isize).map(move |i| (k, i))) {
        let row = |(first, steps): (*const f32, [isize; 3])| first.wrapping_offset(k * steps[0] + i * steps[1]);
        let (mut from_a, mut from_b) = (row(a), row(b));
        for _ in 0..columns {
            // SAFETY: the caller's promise.
            sum += unsafe { *from_a * *from_b };
            (from_a, from_b) = (from_a.wrapping_offset(a.1[2]), from_b.wrapping_offset(b.1[2]));
        }
    }
    sum
}

/// Evaluates tiles of x at the points: `to[point, step, lane]`, each lane a place in x from which the same steps are made; from
/// one point to the next it is `apart` elements.
///
/// # Safety
/// The tiles that begin after each step from each place are valid, `row` from row to row; `to` has room for them.
#[inline(never)]
unsafe fn evaluate(lanes: [*const f32; PANEL], row: isize, steps: &[isize], to: *mut f32, apart: usize) {
    for (k, step) in steps.iter().enumerate() {
        for (half, own) in lanes.as_chunks::<SIDE>().0.iter().enumerate() {
            let mut tiles = [[V::splat(0.0); SIDE]; SIDE];
            for (i, to) in tiles.iter_mut().enumerate() {
                let from = own.map(|place| place.wrapping_offset(step + i as isize * row));
                // SAFETY: row i of each tile, and four vectors.
                unsafe { f32::square(from, to.as_mut_ptr().cast(), SIDE as isize) };
            }
            for (i, row) in both(tiles, element_at).into_iter().enumerate() {
                for (j, value) in row.into_iter().enumerate() {
                    // SAFETY: the caller's promise.
                    unsafe { value.store(to.add((i * SIDE + j) * apart + k * PANEL + half * SIDE)) };
                }
            }
        }
    }
}

/// Evaluates tiles of the cotangent of the result at the points, as [`result_of`] transposed: `to[point, tile, channel]`.
///
/// # Safety
/// The tiles are valid from each place on; `to` has room for them.
#[inline(never)]
unsafe fn evaluate_result(lanes: [*const f32; TILE_M], row: isize, tiles: &[Tile], to: *mut f32) {
    for (k, tile) in tiles.iter().enumerate() {
        // Rows and columns that are those of the tile before are 0 in this one.
        let zeros = [0.0; STEP];
        let rows = lanes.map(|lane| {
            let place = lane.wrapping_offset(tile.y);
            let first = if tile.skip[0] > 0 { zeros.as_ptr() } else { place };
            // SAFETY: the caller's promise.
            [first, place.wrapping_offset(row)].map(|row| unsafe { row.cast::<[f32; STEP]>().read_unaligned() })
        });
        let mut results = [[V::splat(0.0); STEP]; STEP];
        // SAFETY: four vectors on both sides.
        unsafe {
            let from = std::array::from_fn(|lane| rows[lane].as_flattened().as_ptr());
            f32::square(from, results.as_mut_ptr().cast(), SIDE as isize);
        }
        if tile.skip[1] > 0 {
            results = results.map(|[_, last]| [V::splat(0.0), last]);
        }
        for (i, row) in both(results, result_at).into_iter().enumerate() {
            for (j, value) in row.into_iter().enumerate() {
                // SAFETY: the caller's promise.
                unsafe { value.store(to.add(((i * SIDE + j) * tiles.len() + k) * TILE_M)) };
            }
        }
    }
}

/// Adds up `depth` products for each element of a register tile at each point: the loop of a matrix product, for sums too short
/// to prepare anything for.
///
/// # Safety
/// `slab` has four elements for each product at each point, `panel` two vectors.
#[inline(never)]
unsafe fn multiply(depth: usize, slab: *const f32, panel: *const f32, to: &mut Products) {
    let (mut a, mut b) = (slab, panel);
    for to in to {
        let mut sums = [[V::splat(0.0); TILE_V]; TILE_M];
        for _ in 0..depth {
            // SAFETY: the caller's promise.
            let columns: [V; TILE_V] = std::array::from_fn(|v| unsafe { V::load(b.add(v * SIDE)) });
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: as above.
                let factor = V::splat(unsafe { *a.add(r) });
                for (sum, &column) in sums.iter_mut().zip(&columns) {
                    *sum = *sum + factor * column;
                }
            }
            (a, b) = (a.wrapping_add(TILE_M), b.wrapping_add(PANEL));
        }
        *to = sums;
    }
}

/// The products of a vector of the register tile at the points.
#[inline(always)]
fn at_points(products: &Products, r: usize, v: usize) -> [[V; SIDE]; SIDE] {
    std::array::from_fn(|i| std::array::from_fn(|j| products[i * SIDE + j][r][v]))
}

/// Writes the results of a register tile; says of which tiles all are finite.
///
/// # Safety
/// The first `rows` channels from y on are valid at the places.
#[inline(never)]
unsafe fn write(plan: &Plan, products: &Products, panel: &[Tile; PANEL], rows: usize, y: *mut f32) -> [bool; PANEL] {
    let whole = plan.counts.iter().all(|count| count % STEP == 0);
    // 0 x is 0, or NaN where x is not finite.
    let mut zeros = [V::splat(0.0); TILE_V];
    for (r, v) in (0..rows).flat_map(|r| (0..TILE_V).map(move |v| (r, v))) {
        let results = both(at_points(products, r, v), result_of);
        for &value in results.as_flattened() {
            zeros[v] = zeros[v] + V::splat(0.0) * value;
        }
        // The results of each tile together.
        let mut tiles = [[[0.0; STEP]; STEP]; SIDE];
        // SAFETY: four vectors on both sides.
        unsafe {
            let from = std::array::from_fn(|k| results.as_flattened()[k].0.as_ptr());
            f32::square(from, tiles.as_mut_ptr().cast(), SIDE as isize);
        }
        let y = y.wrapping_offset(r as isize * plan.y[1]);
        for (tile, results) in panel[v * SIDE..].iter().zip(tiles) {
            for (i, row) in results.into_iter().enumerate() {
                let to = y.wrapping_offset(tile.y + i as isize * plan.y[2]);
                // SAFETY: two neighbours of a row of y; those of the tile before are its own.
                unsafe {
                    if whole {
                        to.cast::<[f32; STEP]>().write_unaligned(row);
                    } else if i >= tile.skip[0] {
                        for (j, value) in row.into_iter().enumerate().skip(tile.skip[1]) {
                            *to.add(j) = value;
                        }
                    }
                }
            }
        }
    }
    std::array::from_fn(|k| zeros[k / SIDE].0[k % SIDE] == 0.0)
}
