//! Packing: panels of A and B copied into the order in which the register tile reads them.

use crate::kernels::copy::square::{SIDE, Square};

/// Panels that are filled side by side.
const PANELS: usize = 4;

/// Packs `count` vectors of `len` elements into panels `width` vectors wide: element p of vector i goes to
/// `(i / width) * width * len + p * width + i % width`. A last panel that is not full repeats the last vector.
///
/// # Safety
/// `to` holds the panels; `from` is valid at every `i * across + p * along`.
#[inline(never)]
pub(super) unsafe fn pack_panels<T: Square>(
    to: *mut T,
    width: usize,
    count: usize,
    len: usize,
    from: *const T,
    across: isize,
    along: isize,
) {
    // Neighbours across go into several panels at once, so that a line of memory is read once.
    let panels = if across == 1 { PANELS } else { 1 };
    let mut i = 0;
    while i < count {
        let there = count - i;
        let from = from.wrapping_offset(i as isize * across);
        let to = to.wrapping_add(i * len);
        // SAFETY: the panels' part of both sides.
        unsafe {
            if there >= panels * width && panels > 1 {
                match width {
                    4 => copy_rows::<T, 4>(to, len, from, along),
                    _ => copy_rows::<T, 8>(to, len, from, along),
                }
                i += panels * width;
            } else {
                match width {
                    4 => pack_panel::<T, 4>(to, there, len, from, across, along),
                    _ => pack_panel::<T, 8>(to, there, len, from, across, along),
                }
                i += width;
            }
        }
    }
}

/// [`PANELS`] whole panels of neighbours.
///
/// # Safety
/// As [`pack_panels`].
#[inline(always)]
unsafe fn copy_rows<T: Square, const W: usize>(to: *mut T, len: usize, from: *const T, along: isize) {
    for p in 0..len {
        let from = from.wrapping_offset(p as isize * along).cast::<[T; W]>();
        for g in 0..PANELS {
            // SAFETY: row p of panel g.
            unsafe { to.add((g * len + p) * W).cast::<[T; W]>().write_unaligned(from.add(g).read_unaligned()) };
        }
    }
}

/// One panel of [`pack_panels`], with `there` vectors from `from` on.
///
/// # Safety
/// As [`pack_panels`].
#[inline(always)]
unsafe fn pack_panel<T: Square, const W: usize>(
    to: *mut T,
    there: usize,
    len: usize,
    from: *const T,
    across: isize,
    along: isize,
) {
    let mut p = 0;
    // SAFETY: all reads are of vectors i < there at p < len, all writes inside the panel of len * W elements.
    unsafe {
        if there >= W && across == 1 {
            while p < len {
                let row = from.wrapping_offset(p as isize * along).cast::<[T; W]>();
                to.add(p * W).cast::<[T; W]>().write_unaligned(row.read_unaligned());
                p += 1;
            }
        } else if there >= W && along == 1 {
            while p + SIDE <= len {
                for i in (0..W).step_by(SIDE) {
                    let run = from.wrapping_offset(i as isize * across + p as isize);
                    T::square(run, across, to.add(p * W + i), W as isize);
                }
                p += SIDE;
            }
        }
        while p < len {
            for i in 0..W {
                let at = i.min(there - 1) as isize * across + p as isize * along;
                *to.add(p * W + i) = *from.wrapping_offset(at);
            }
            p += 1;
        }
    }
}
