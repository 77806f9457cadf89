//! Feeds kernels: turns layouts that are walked together into operands that are slices or repeated values.
//!
//! An operand whose neighbours are apart is copied in short blocks that stay in cache, so no kernel knows strides.

use std::mem::MaybeUninit;

use crate::array::Array;
use smallvec::SmallVec;

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::map::{MAX_OPERANDS, Operand, Operands};
use crate::layout::Layout;
use crate::op::Aval;
use crate::shape::Shape;
use crate::walk::Walk;

/// Elements in a block.
const BLOCK: usize = 512;
/// Runs of at most this many elements are copied together into blocks.
const SHORT: usize = 64;

/// An array for the result of an elementwise operation: the buffer of an input that nobody else has, when it has the
/// right size and order, else a new one.
pub fn result(x: &[Array], shape: Shape, dtype: DType) -> Result<Array> {
    match x.iter().find(|a| reusable(a, Aval::new(shape, dtype))) {
        Some(a) => Ok(a.view(Layout::contiguous(shape))),
        None => Array::new(shape, dtype),
    }
}

/// Whether an elementwise result may be written over an array.
pub fn reusable(a: &Array, out: Aval) -> bool {
    let same = a.dtype == out.dtype && a.shape() == out.shape;
    same && a.owns_all() && a.layout.is_contiguous()
}

/// A kernel as it is passed to [`each`]: `kernel(len, operands, out)`.
type Loop<'a> = dyn Fn(usize, &Operands, *mut u8) + 'a;

const NO_OPERANDS: Operands = [Operand { start: std::ptr::null(), slice: false }; MAX_OPERANDS];

/// Calls `kernel(len, operands, out)` over runs that together make up the row-major elements of `out`, with the inputs
/// broadcast to its shape. `out` is contiguous; it may be one of the inputs.
///
/// One function for all kernels: they are passed by reference, so that no operation brings a copy of this loop.
pub fn each(out: &Array, x: &[Array], kernel: &Loop<'_>) {
    debug_assert!(out.layout.is_contiguous() && x.len() <= MAX_OPERANDS);
    let n = out.shape().size();
    if n == 0 {
        return;
    }
    if x.iter().all(|a| plain(a, out)) {
        let mut operands = NO_OPERANDS;
        for (operand, a) in operands.iter_mut().zip(x) {
            *operand = Operand { start: a.address(), slice: n > 1 && a.shape().size() == n };
        }
        return kernel(n, &operands, out.address());
    }
    let expanded: SmallVec<[Layout; 4]> = x.iter().map(|a| a.layout.expand(out.shape())).collect();
    let layouts: SmallVec<[&Layout; 5]> = std::iter::once(&out.layout).chain(&expanded).collect();
    let walk = Walk::new(&layouts);
    if walk.len <= SHORT { short_runs(out, x, &walk, kernel) } else { long_runs(out, x, &walk, kernel) }
}

/// Whether an operand needs no walk: all its elements lie as those of the result, or it is one value.
fn plain(a: &Array, out: &Array) -> bool {
    a.shape().size() == 1 || (a.shape() == out.shape() && a.layout.is_contiguous())
}

/// Where the positions of a layout count from.
fn base(a: &Array) -> *const u8 {
    a.address().wrapping_sub(a.layout.offset * a.dtype.size())
}

/// Room for a block of every operand.
type Scratch = [MaybeUninit<[u64; BLOCK]>; MAX_OPERANDS];

/// Many short runs: as many as a block holds are copied together, and the kernel is called for the block.
fn short_runs(out: &Array, x: &[Array], walk: &Walk, kernel: &Loop<'_>) {
    let mut scratch: Scratch = [const { MaybeUninit::uninit() }; MAX_OPERANDS];
    let mut operands = NO_OPERANDS;
    let (mut filled, mut done) = (0, 0);
    let mut flush = |filled: usize, done: usize, scratch: &mut Scratch| {
        for (k, a) in x.iter().enumerate() {
            operands[k] = if !plain(a, out) {
                Operand { start: scratch[k].as_ptr().cast(), slice: true }
            } else {
                let slice = a.shape().size() > 1;
                Operand { start: a.address().wrapping_add(if slice { done * a.dtype.size() } else { 0 }), slice }
            };
        }
        kernel(filled, &operands, out.address().wrapping_add(done * out.dtype.size()));
    };
    walk.each(|at| {
        if filled + walk.len > BLOCK {
            flush(filled, done, &mut scratch);
            done += filled;
            filled = 0;
        }
        for (k, a) in x.iter().enumerate().filter(|(_, a)| !plain(a, out)) {
            let size = a.dtype.size();
            let block = scratch[k].as_mut_ptr().cast::<u8>().wrapping_add(filled * size);
            // SAFETY: the walk stays inside the layouts, which stay inside their buffers; a block has room for BLOCK
            // elements of the widest type.
            unsafe { gather(base(a), at[k + 1], walk.steps[k + 1], size, walk.len, block) };
        }
        filled += walk.len;
    });
    flush(filled, done, &mut scratch);
}

/// Long runs: the kernel is called for each; where neighbours are apart, for one block of copies after the other.
fn long_runs(out: &Array, x: &[Array], walk: &Walk, kernel: &Loop<'_>) {
    let mut scratch: Scratch = [const { MaybeUninit::uninit() }; MAX_OPERANDS];
    let mut operands = NO_OPERANDS;
    let strided = walk.steps[1..=x.len()].iter().any(|&step| step != 0 && step != 1);
    walk.each(|at| {
        let mut done = 0;
        while done < walk.len {
            let len = if strided { BLOCK.min(walk.len - done) } else { walk.len };
            for (k, a) in x.iter().enumerate() {
                let (size, step) = (a.dtype.size(), walk.steps[k + 1]);
                let first = at[k + 1].wrapping_add_signed(step * done as isize);
                operands[k] = match step {
                    0 | 1 => Operand { start: base(a).wrapping_add(first * size), slice: step == 1 && len > 1 },
                    _ => {
                        let block = scratch[k].as_mut_ptr().cast::<u8>();
                        // SAFETY: as for short runs.
                        unsafe { gather(base(a), first, step, size, len, block) };
                        Operand { start: block, slice: len > 1 }
                    }
                };
            }
            let place = at[0] - out.layout.offset + done;
            kernel(len, &operands, out.address().wrapping_add(place * out.dtype.size()));
            done += len;
        }
    });
}

/// Copies `len` elements of `size` bytes from positions `first, first + step, ..` to `to`.
///
/// # Safety
/// These positions lie in the buffer that begins at `base`, aligned for the element; `to` has room.
unsafe fn gather(base: *const u8, first: usize, step: isize, size: usize, len: usize, to: *mut u8) {
    /// # Safety
    /// As for the outer function.
    unsafe fn typed<E: Copy>(base: *const u8, first: usize, step: isize, len: usize, to: *mut u8) {
        let (base, to) = (base.cast::<E>(), to.cast::<E>());
        for k in 0..len {
            // SAFETY: the caller's promise.
            unsafe { *to.add(k) = *base.add(first.wrapping_add_signed(step * k as isize)) };
        }
    }
    // SAFETY: the caller's promise.
    unsafe {
        match size {
            1 => typed::<u8>(base, first, step, len, to),
            4 => typed::<u32>(base, first, step, len, to),
            _ => typed::<u64>(base, first, step, len, to),
        }
    }
}
