//! Convolution with kernels of 3 x 3 elements in fewer multiplications (S. Winograd, "Arithmetic Complexity of Computations",
//! 1980; A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
//!
//! A result of 2 x 2 elements depends on 4 x 4 of x, its tile. As polynomials, both factors are evaluated at 4 points along
//! each side (0, 1, -1, infinity), which takes additions and halves only; there each of 16 values is one product for each
//! channel, instead of 36, and the channels are added up by a matrix product before the way back.
//!
//! Order of sums, part of the contract: at each point the channels are added one after the other, and what goes into an
//! element, and in which order, depends on its place in its example and on the elements of its tile. Rounding errors are small
//! beside the largest element of the tile, be it one of the sum or not. An infinity would reach all results of its tile: a tile
//! with a result that is not finite is summed window by window.

use super::copy::square::{SIDE, Square};
use super::lanes::Lanes;
use std::ops::Range;

/// Four tiles, or four places of a register tile.
type V = Lanes<f32, SIDE>;
/// Elements along the side of a kernel.
pub const KERNEL: usize = 3;
/// Elements of the result along the side of a tile.
const STEP: usize = 2;
/// Points at which both factors are evaluated, along one side and in all.
const POINTS: usize = SIDE * SIDE;
/// Rows of the register tile: channels of the result.
const TILE_M: usize = 4;
/// Vectors across the register tile: tiles.
const TILE_V: usize = 2;
/// Tiles in a panel.
const PANEL: usize = TILE_V * SIDE;
/// Elements of the panels of a block, which stays in the second-level cache: 128 KiB.
const BLOCK: usize = 1 << 15;
/// Most tiles in a block.
const TILES: usize = 256;

/// Where a tile begins in x and in y, and how many of its rows and columns are those of the tile before.
#[derive(Clone, Copy, Default)]
struct Tile {
    x: isize,
    y: isize,
    skip: [usize; 2],
}

/// Values of a register tile at all points.
type Products = [[[V; TILE_V]; TILE_M]; POINTS];

/// The convolutions of examples with one kernel: `y[o, i, j] = Σ w[o, c, k, l] x[c, i + k, j + l]`.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Channels of the result and of x.
    pub channels: [usize; 2],
    /// Rows and columns of the result, at least 2 each.
    pub counts: [usize; 2],
    /// From one example, channel and row of x to the next, in elements; the elements of a row are neighbours.
    pub x: [isize; 3],
    /// The same for the result.
    pub y: [isize; 3],
    /// From one channel of the result, channel, row and column of w to the next.
    pub w: [isize; 4],
}

/// Tiles along each side of a result of so many rows and columns.
pub fn tiles(counts: [usize; 2]) -> [usize; 2] {
    counts.map(|count| count.div_ceil(STEP))
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

    /// Units of work for each example.
    pub fn units(&self) -> usize {
        self.tiles().div_ceil(self.block())
    }

    /// Multiplications in a unit.
    pub fn products(&self) -> usize {
        POINTS * self.channels.iter().product::<usize>() * self.block().min(self.tiles())
    }

    /// Elements of the kernel at the points.
    pub fn kernel_len(&self) -> usize {
        let [out, channels] = self.channels;
        POINTS * out.next_multiple_of(TILE_M) * channels
    }

    /// Elements of workspace for each thread.
    pub fn block_len(&self) -> usize {
        POINTS * self.channels[1] * self.block()
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
fn kernel_at([a, b, c]: [f32; KERNEL]) -> [f32; SIDE] {
    let (even, odd) = (0.5 * (a + c), 0.5 * b);
    [a, even + odd, even - odd, c]
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

/// Evaluates a kernel at the points: `to[out / 4, point, channel, out % 4]`; rows that are missing at the end are 0.
///
/// # Safety
/// `w` is valid at the strides of the plan; `to` has room for [`Plan::kernel_len`] elements.
pub unsafe fn kernel(plan: &Plan, w: *const f32, to: *mut f32) {
    let ([out, channels], strides) = (plan.channels, plan.w);
    for (o, c) in (0..out.next_multiple_of(TILE_M)).flat_map(|o| (0..channels).map(move |c| (o, c))) {
        let mut sides = [[0.0; KERNEL]; SIDE];
        if o < out {
            let first = w.wrapping_offset(o as isize * strides[0] + c as isize * strides[1]);
            for l in 0..KERNEL {
                // SAFETY: the caller's promise.
                let column =
                    |k: usize| unsafe { *first.wrapping_offset(k as isize * strides[2] + l as isize * strides[3]) };
                let column = kernel_at(std::array::from_fn(column));
                for (side, value) in sides.iter_mut().zip(column) {
                    side[l] = value;
                }
            }
        }
        for (point, value) in sides.into_iter().flat_map(kernel_at).enumerate() {
            let at = ((o / TILE_M * POINTS + point) * channels + c) * TILE_M + o % TILE_M;
            // SAFETY: the caller's promise.
            unsafe { *to.add(at) = value };
        }
    }
}

/// Computes some units of work, [`Plan::units`] for each example.
///
/// # Safety
/// x, w and y are valid for the examples of the units, `kernel` is what [`kernel()`] made of w, `work` has room for
/// [`Plan::block_len`] elements; y and `work` are this thread's and apart from all else.
pub unsafe fn run(
    plan: &Plan,
    units: Range<usize>,
    x: *const f32,
    [w, kernel]: [*const f32; 2],
    y: *mut f32,
    work: *mut f32,
) {
    let ([out, channels], all) = (plan.channels, plan.tiles());
    let mut products = [[[V::splat(0.0); TILE_V]; TILE_M]; POINTS];
    for unit in units {
        let (example, block) = ((unit / plan.units()) as isize, unit % plan.units());
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
            // SAFETY: tiles lie in x, and the workspace has room for the panels of a block.
            unsafe { evaluate(plan, x, panel, panel_at(k)) };
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

/// The results of a tile for some channels, as sums over channels and the rows and columns of the kernel.
///
/// # Safety
/// The tile lies in x and y, and there are so many channels in w and y.
#[cold]
unsafe fn window_by_window(plan: &Plan, x: *const f32, w: *const f32, tile: &Tile, rows: usize, y: *mut f32) {
    let x = x.wrapping_offset(tile.x);
    for (r, i, j) in
        (0..rows).flat_map(|r| (tile.skip[0]..STEP).flat_map(move |i| (tile.skip[1]..STEP).map(move |j| (r, i, j))))
    {
        let mut sum = 0.0;
        for (c, k, l) in (0..plan.channels[1] as isize)
            .flat_map(|c| (0..KERNEL as isize).flat_map(move |k| (0..KERNEL as isize).map(move |l| (c, k, l))))
        {
            let [o, i, j] = [r as isize, i as isize, j as isize];
            // SAFETY: the caller's promise.
            let factors = unsafe {
                let w = *w.wrapping_offset(o * plan.w[0] + c * plan.w[1] + k * plan.w[2] + l * plan.w[3]);
                [w, *x.wrapping_offset(c * plan.x[1] + (i + k) * plan.x[2] + j + l)]
            };
            sum += factors[0] * factors[1];
        }
        // SAFETY: as above.
        unsafe { *y.wrapping_offset(r as isize * plan.y[1] + tile.y + i as isize * plan.y[2] + j as isize) = sum };
    }
}

/// Evaluates a panel of tiles at the points: `to[point, channel, tile]`.
///
/// # Safety
/// The tiles that begin at the given places are valid in all channels; `to` has room for a panel.
#[inline(never)]
unsafe fn evaluate(plan: &Plan, x: *const f32, panel: &[Tile; PANEL], to: *mut f32) {
    let channels = plan.channels[1];
    for c in 0..channels {
        let x = x.wrapping_offset(c as isize * plan.x[1]);
        for (half, own) in panel.as_chunks::<SIDE>().0.iter().enumerate() {
            let mut tiles = [[V::splat(0.0); SIDE]; SIDE];
            for (i, row) in tiles.iter_mut().enumerate() {
                let from = own.map(|tile| x.wrapping_offset(tile.x + i as isize * plan.x[2]));
                // SAFETY: row i of each tile, and four vectors.
                unsafe { f32::square(from, row.as_mut_ptr().cast(), SIDE as isize) };
            }
            let mut columns = [[V::splat(0.0); SIDE]; SIDE];
            for j in 0..SIDE {
                let column = element_at(std::array::from_fn(|i| tiles[i][j]));
                for (row, value) in columns.iter_mut().zip(column) {
                    row[j] = value;
                }
            }
            for (i, row) in columns.into_iter().enumerate() {
                for (j, value) in element_at(row).into_iter().enumerate() {
                    let at = ((i * SIDE + j) * channels + c) * PANEL + half * SIDE;
                    // SAFETY: the caller's promise.
                    unsafe { value.store(to.add(at)) };
                }
            }
        }
    }
}

/// Adds up the channels of a register tile at each point: the loop of a matrix product, for sums too short to prepare
/// anything for.
///
/// # Safety
/// `kernel` is a slab, four rows of the kernel, `tiles` a panel.
#[inline(never)]
unsafe fn multiply(channels: usize, kernel: *const f32, tiles: *const f32, to: &mut Products) {
    let (mut a, mut b) = (kernel, tiles);
    for to in to {
        let mut sums = [[V::splat(0.0); TILE_V]; TILE_M];
        for _ in 0..channels {
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
        let mut sides = [[V::splat(0.0); SIDE]; STEP];
        for j in 0..SIDE {
            let column = result_of(std::array::from_fn(|i| products[i * SIDE + j][r][v]));
            for (side, value) in sides.iter_mut().zip(column) {
                side[j] = value;
            }
        }
        let results = sides.map(result_of);
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
