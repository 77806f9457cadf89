//! Elements that indices name.

use crate::reduce::{Reducer, Sum};

/// A run of indices along an axis. Number k of them belongs to element k of an array of the indices' own shape, and names one
/// of an array that has the axis: the places of its element 0 along the axis go with k too.
#[derive(Clone, Copy, Debug)]
pub struct Picks {
    /// How many there are.
    pub len: usize,
    /// The first; negative ones count from the end of the axis.
    pub indices: *const i32,
    /// From one index to the next.
    pub step: isize,
    /// From one element to the next in the array of the indices' shape.
    pub own_step: isize,
    /// From one element 0 along the axis to the next in the array that has it.
    pub other_step: isize,
    /// Along the axis: from one element to the next, and how many there are.
    pub along: isize,
    /// See `along`.
    pub size: usize,
}

/// What is done with the pairs of a run: `pick(picks, own, other)`.
///
/// # Safety
/// All indices are in the range of the axis; both pointers are valid, as elements of its type, at every place that is named.
pub type Pick = unsafe fn(&Picks, *mut u8, *mut u8);

impl Picks {
    /// Calls `f` with the distance from the first of both elements.
    ///
    /// # Safety
    /// That of [`Pick`].
    #[inline(always)]
    unsafe fn each(&self, mut f: impl FnMut(isize, isize)) {
        for k in 0..self.len as isize {
            // SAFETY: the caller's promise.
            let index = unsafe { *self.indices.wrapping_offset(k * self.step) } as isize;
            let index = if index < 0 { index + self.size as isize } else { index };
            f(k * self.own_step, k * self.other_step + index * self.along);
        }
    }
}

/// `own[k] = other[k, index_k]`.
///
/// # Safety
/// That of [`Pick`].
pub unsafe fn gather<T: Copy>(picks: &Picks, own: *mut u8, other: *mut u8) {
    let (own, other) = (own.cast::<T>(), other.cast::<T>());
    // SAFETY: the caller's promise.
    unsafe { picks.each(|i, j| *own.wrapping_offset(i) = *other.wrapping_offset(j)) };
}

/// `other[k, index_k] += own[k]`, one after the other.
///
/// # Safety
/// That of [`Pick`].
pub unsafe fn add<T: Copy>(picks: &Picks, own: *mut u8, other: *mut u8)
where
    Sum: Reducer<T>,
{
    let (own, other) = (own.cast::<T>(), other.cast::<T>());
    let sum = |i: isize, j: isize| {
        let to = other.wrapping_offset(j);
        // SAFETY: the caller's promise.
        unsafe { *to = Sum::combine(*to, *own.wrapping_offset(i)) };
    };
    // SAFETY: the caller's promise.
    unsafe { picks.each(sum) };
}
