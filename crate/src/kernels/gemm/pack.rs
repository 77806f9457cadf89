//! Packing: panels of A and B copied into the order in which the register tile reads them.

/// Packs `count` vectors of `len` elements into panels `width` vectors wide: element p of vector i goes to
/// `(i / width) * width * len + p * width + i % width`. A last panel that is not full repeats the last vector.
///
/// # Safety
/// `to` holds the panels; `from` is valid at every `i * across + p * along`.
#[inline(never)]
pub(super) unsafe fn pack_panels<T: Copy>(
    to: *mut T,
    width: usize,
    count: usize,
    len: usize,
    from: *const T,
    across: isize,
    along: isize,
) {
    for i in (0..count).step_by(width) {
        let there = count - i;
        let from = from.wrapping_offset(i as isize * across);
        let to = to.wrapping_add(i * len);
        // SAFETY: the panel's part of both sides.
        unsafe {
            match width {
                4 => pack_panel::<T, 4>(to, there, len, from, across, along),
                8 => pack_panel::<T, 8>(to, there, len, from, across, along),
                _ => {}
            }
        }
    }
}

/// One panel of [`pack_panels`], with `there` vectors from `from` on.
///
/// # Safety
/// As [`pack_panels`].
#[inline(always)]
unsafe fn pack_panel<T: Copy, const W: usize>(
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
                let row = from.wrapping_offset(p as isize * along).cast::<[T; W]>().read_unaligned();
                to.add(p * W).cast::<[T; W]>().write_unaligned(row);
                p += 1;
            }
        } else if there >= W && along == 1 {
            while p + 4 <= len {
                // Transposes W runs of 4.
                let runs: [[T; 4]; W] = core::array::from_fn(|i| {
                    let run = from.wrapping_offset(i as isize * across + p as isize);
                    run.cast::<[T; 4]>().read_unaligned()
                });
                let panel: [[T; W]; 4] = core::array::from_fn(|q| core::array::from_fn(|i| runs[i][q]));
                to.add(p * W).cast::<[[T; W]; 4]>().write_unaligned(panel);
                p += 4;
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
