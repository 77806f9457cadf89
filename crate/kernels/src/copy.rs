//! Copies between layouts, near the bandwidth of memory where the strides allow it.
//!
//! A copy moves bits: an element is a number of bytes, whatever its type. Dimensions are put into the order in which
//! the result is written and merged where they lie as one; what is left inside is a plane: runs, repeated values, a
//! transpose in small squares, or single elements.

pub(super) mod square;
mod transpose;

use square::Square;
use transpose::transpose;

/// The most dimensions of a copy.
pub const MAX_DIMS: usize = 8;

/// One side of a copy: the first element, and how far it is from one to the next along each dimension, in elements.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a, P> {
    /// Element (0, 0, ..).
    pub first: P,
    /// A stride for each dimension.
    pub strides: &'a [isize],
}

/// Copies the elements of `size` bytes (1, 4 or 8), of which there are `dims` on both sides, at most [`MAX_DIMS`].
///
/// # Safety
/// Both sides are valid at every element, aligned to its size, and do not overlap.
pub unsafe fn copy(dims: &[usize], size: usize, from: Side<*const u8>, to: Side<*mut u8>) {
    let plan = Plan::new(dims, from.strides, to.strides);
    let plane = match size {
        1 => plane::<u8>,
        4 => plane::<u32>,
        _ => plane::<u64>,
    };
    // SAFETY: the caller's promise; bits travel in a type of the element's size.
    unsafe { plan.run(from.first, to.first, size, plane) };
}

/// A dimension of a copy: its size, and the strides of both sides.
#[derive(Clone, Copy)]
struct Dim {
    size: usize,
    from: isize,
    to: isize,
}

/// Copies a plane (see [`plane`]) of elements of one size.
type CopyPlane = unsafe fn(*const u8, *mut u8, Dim, Dim);

/// How a copy goes about its dimensions.
struct Plan {
    /// Dimensions around the planes, the slowest first; only the first `outer` count.
    dims: [Dim; MAX_DIMS],
    outer: usize,
    rows: Dim,
    run: Dim,
}

impl Plan {
    /// Orders and merges the dimensions.
    fn new(dims: &[usize], from_strides: &[isize], to_strides: &[isize]) -> Plan {
        let one = Dim { size: 1, from: 0, to: 0 };
        let mut order = [one; MAX_DIMS];
        let mut n = 0;
        // The result is written in the order of its memory: an insertion sort, the longest stride first.
        for ((&size, &from), &to) in dims.iter().zip(from_strides).zip(to_strides).filter(|((d, _), _)| **d != 1) {
            let place = order[..n].iter().take_while(|d| d.to.unsigned_abs() >= to.unsigned_abs()).count();
            order.copy_within(place..n, place + 1);
            order[place] = Dim { size, from, to };
            n += 1;
        }
        let mut merged = [one; MAX_DIMS];
        let mut m = 0;
        for dim in &order[..n] {
            let size = dim.size as isize;
            match merged[..m].last_mut() {
                Some(last) if last.from == dim.from * size && last.to == dim.to * size => {
                    *last = Dim { size: last.size * dim.size, ..*dim };
                }
                _ => {
                    merged[m] = *dim;
                    m += 1;
                }
            }
        }
        // The other dimension of a plane is the one along which reading is cheapest.
        let outer = m.saturating_sub(2);
        let run = if m > 0 { merged[m - 1] } else { one };
        let cheapest = (0..m.saturating_sub(1)).min_by_key(|&i| {
            let step = merged[i].from.unsigned_abs();
            (step != 1, step, m - i)
        });
        let rows = cheapest.map_or(one, |i| {
            merged[i..=outer].rotate_left(1);
            merged[outer]
        });
        Plan { dims: merged, outer, rows, run }
    }

    /// Copies all planes of elements of `size` bytes.
    ///
    /// # Safety
    /// Both sides are valid at every index, and do not overlap; `plane` is for elements of this size.
    unsafe fn run(&self, mut from: *const u8, mut to: *mut u8, size: usize, plane: CopyPlane) {
        let dims = &self.dims[..self.outer];
        if dims.iter().chain([&self.rows, &self.run]).any(|d| d.size == 0) {
            return;
        }
        let mut index = [0; MAX_DIMS];
        loop {
            // SAFETY: a plane of both sides.
            unsafe { plane(from, to, self.rows, self.run) };
            let mut axis = dims.len();
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                let dim = dims[axis];
                index[axis] += 1;
                let more = index[axis] < dim.size;
                if !more {
                    index[axis] = 0;
                }
                let steps = (if more { 1 } else { 1 - dim.size as isize }) * size as isize;
                from = from.wrapping_offset(dim.from * steps);
                to = to.wrapping_offset(dim.to * steps);
                if more {
                    break;
                }
            }
        }
    }
}

/// Copies `rows.size` rows of `run.size` elements.
///
/// # Safety
/// Both sides are valid at all of them, as elements of type E.
unsafe fn plane<E: Square>(from: *const u8, to: *mut u8, rows: Dim, run: Dim) {
    let (from, to) = (from.cast::<E>(), to.cast::<E>());
    // SAFETY: as the caller says; each function is told the strides that it takes for granted.
    unsafe {
        if run.to == 1 && rows.from == 1 && run.from != 1 {
            return transpose(from, run.from, to, rows.to, [rows.size, run.size]);
        }
        for i in 0..rows.size as isize {
            let (from, to) = (from.wrapping_offset(i * rows.from), to.wrapping_offset(i * rows.to));
            match (run.from, run.to) {
                (1, 1) => copy_run(from, to, run.size),
                (0, 1) => std::slice::from_raw_parts_mut(to, run.size).fill(*from),
                _ => copy_elements(from, to, run),
            }
        }
    }
}

/// Bytes from which the engine's own copy is faster than a loop: calling it has a price.
const LONG: usize = 512;

/// Neighbours to neighbours.
///
/// # Safety
/// `len` elements each.
#[inline(always)]
unsafe fn copy_run<E: Square>(from: *const E, to: *mut E, len: usize) {
    // SAFETY: as the caller says.
    unsafe {
        if len * size_of::<E>() >= LONG {
            return std::ptr::copy_nonoverlapping(from, to, len);
        }
        let mut i = 0;
        while i + 16 <= len {
            let (from, to) = (from.add(i).cast::<[E; 16]>(), to.add(i).cast::<[E; 16]>());
            to.write_unaligned(from.read_unaligned());
            i += 16;
        }
        while i + 4 <= len {
            to.add(i).cast::<[E; 4]>().write_unaligned(from.add(i).cast::<[E; 4]>().read_unaligned());
            i += 4;
        }
        while i < len {
            *to.add(i) = *from.add(i);
            i += 1;
        }
    }
}

/// Elements that are apart, one by one.
///
/// # Safety
/// Both sides are valid at the elements of `run`.
#[inline(never)]
unsafe fn copy_elements<E: Square>(mut from: *const E, mut to: *mut E, run: Dim) {
    let mut left = run.size;
    // SAFETY: as the caller says.
    unsafe {
        // By fours, to share the cost of going round.
        while left >= 4 {
            let four: [E; 4] = std::array::from_fn(|i| *from.wrapping_offset(i as isize * run.from));
            for (i, x) in four.into_iter().enumerate() {
                *to.wrapping_offset(i as isize * run.to) = x;
            }
            from = from.wrapping_offset(4 * run.from);
            to = to.wrapping_offset(4 * run.to);
            left -= 4;
        }
        while left > 0 {
            *to = *from;
            from = from.wrapping_offset(run.from);
            to = to.wrapping_offset(run.to);
            left -= 1;
        }
    }
}
