//! Copies between layouts: the kernel's, for what is known to lie inside its buffer.

#[cfg(test)]
mod tests;

use crate::kernels::copy::{self, Side};
use crate::layout::Layout;
use crate::shape::MAX_DIMS;

const _: () = assert!(MAX_DIMS <= copy::MAX_DIMS);

/// Elements of `size` bytes that `from_layout` names are written, in its order, to those that `to_layout` names; `from` and `to` are
/// where positions count from.
///
/// # Safety
/// Every element of both layouts, which have the same shape, lies in its buffer, and the buffers do not overlap.
pub(crate) unsafe fn bits(from: *const u8, from_layout: &Layout, to: *mut u8, to_layout: &Layout, size: usize) {
    let from = Side { first: from.wrapping_add(from_layout.offset * size), strides: from_layout.strides() };
    let to = Side { first: to.wrapping_add(to_layout.offset * size), strides: to_layout.strides() };
    // SAFETY: the caller's promise.
    unsafe { copy::copy(&from_layout.shape, size, from, to) };
}

/// Whether every element of a layout lies inside a slice of `len` elements.
pub(crate) fn fits(layout: &Layout, len: usize) -> bool {
    if layout.shape.contains(&0) {
        return true;
    }
    let reach = layout.shape.iter().zip(layout.strides()).try_fold((0, 0), |(low, high), (&d, &stride)| {
        let reach = isize::try_from(d - 1).ok()?.checked_mul(stride)?;
        Some((reach.min(0).checked_add(low)?, reach.max(0).checked_add(high)?))
    });
    reach.is_some_and(|(low, high)| {
        let (first, last) = (layout.offset.checked_add_signed(low), layout.offset.checked_add_signed(high));
        first.is_some() && last.is_some_and(|last| last < len)
    })
}
