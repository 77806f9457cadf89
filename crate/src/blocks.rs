//! Feeds kernels: turns layouts that are walked together into operands that are slices or repeated values.
//!
//! An operand whose neighbours are apart is copied in short blocks that stay in cache, so no kernel knows strides.

use std::mem::MaybeUninit;

use crate::array::Array;
use crate::dtype::{DType, Elem};
use crate::error::Result;
use crate::kernels::map::Operand;
use crate::layout::Layout;
use crate::shape::Shape;
use crate::walk::{MAX_OPERANDS, Walk};

/// Elements in a block.
const BLOCK: usize = 512;

/// Operands of one kernel call, as bytes; [`operand`] gives them their type.
pub type Operands = [Operand<u8>; MAX_OPERANDS];

/// Operand `k` of a call as elements of `T`.
pub fn operand<T>(x: &Operands, k: usize) -> Operand<T> {
    Operand { start: x[k].start.cast(), slice: x[k].slice }
}

/// An array for the result of an elementwise operation: the buffer of an input that nobody else has, when it has the
/// right size and order, else a new one.
pub fn result(x: &[Array], shape: Shape, dtype: DType) -> Result<Array> {
    let fits = |a: &&Array| {
        a.dtype == dtype && a.shape() == shape && a.is_unique() && a.layout.offset == 0 && a.layout.is_contiguous()
    };
    match x.iter().find(fits) {
        Some(a) => Ok(a.view(Layout::contiguous(shape))),
        None => Array::new(shape, dtype),
    }
}

/// Calls `kernel(length, operands, out)` over runs that together make up the row-major elements of `out`, with the
/// inputs broadcast to its shape. `out` is contiguous, of element type `T`; it may be one of the inputs.
pub fn each<T: Elem>(out: &Array, x: &[&Array], mut kernel: impl FnMut(usize, &Operands, *mut T)) {
    debug_assert!(out.layout.is_contiguous() && out.dtype == T::DTYPE && x.len() < MAX_OPERANDS);
    let n = out.shape().size();
    if n == 0 {
        return;
    }
    let start: *mut T = out.address().cast();
    let empty = Operand { start: std::ptr::null(), slice: false };
    let mut operands: Operands = [empty; MAX_OPERANDS];
    let plain = |a: &Array| a.shape().size() == 1 || (a.shape() == out.shape() && a.layout.is_contiguous());
    if x.iter().all(|a| plain(a)) {
        for (operand, a) in operands.iter_mut().zip(x) {
            *operand = Operand { start: a.address(), slice: n > 1 && a.shape().size() == n };
        }
        return kernel(n, &operands, start);
    }
    let mut layouts = [out.layout; MAX_OPERANDS];
    for (layout, a) in layouts[1..].iter_mut().zip(x) {
        *layout = a.layout.expand(out.shape());
    }
    let used: [&Layout; MAX_OPERANDS] = std::array::from_fn(|k| &layouts[k]);
    let walk = Walk::new(&used[..=x.len()]);
    let strided = walk.steps[1..=x.len()].iter().any(|&step| step != 0 && step != 1);
    let mut scratch = [const { MaybeUninit::<[u64; BLOCK]>::uninit() }; MAX_OPERANDS];
    walk.each(|at| {
        let mut done = 0;
        while done < walk.len {
            let len = if strided { BLOCK.min(walk.len - done) } else { walk.len };
            for (k, a) in x.iter().enumerate() {
                let (size, step) = (a.dtype.size(), walk.steps[k + 1]);
                let first = at[k + 1].wrapping_add_signed(step * done as isize);
                let base = a.address().wrapping_sub(a.layout.offset * size).cast_const();
                operands[k] = match step {
                    0 | 1 => Operand { start: base.wrapping_add(first * size), slice: step == 1 && len > 1 },
                    _ => {
                        let block = scratch[k].as_mut_ptr().cast::<u8>();
                        // SAFETY: the walk stays inside the layouts, which stay inside their buffers; a block has room
                        // for BLOCK elements of the widest type.
                        unsafe { gather(base, first, step, size, len, block) };
                        Operand { start: block, slice: len > 1 }
                    }
                };
            }
            kernel(len, &operands, start.wrapping_add(at[0] - out.layout.offset + done));
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
