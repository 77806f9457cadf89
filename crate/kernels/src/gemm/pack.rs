//! Packing: panels of A and B copied into the order in which the register tile reads them.

use super::steps::neighbours;
use crate::copy::square::{SIDE, Square};

/// Panels that are filled side by side.
const PANELS: usize = 4;

/// Packs vectors into panels `width` vectors wide: element p of vector i, at the distance `across[i] + along[p]`, goes to
/// `(i / width) * width * along.len + p * width + i % width`. A last panel that is not full repeats the last vector. With
/// `leave`, whole panels of neighbours are left out: they will be read as they lie.
///
/// # Safety
/// `to` holds the panels; `from` is valid at all distances.
#[inline(never)]
pub(super) unsafe fn pack_panels<T: Square>(
    mut to: *mut T,
    width: usize,
    from: *const T,
    across: &[isize],
    along: &[isize],
    leave: bool,
) {
    let mut rest = across;
    while !rest.is_empty() {
        // Neighbours across go into several panels at once, so that a line of memory is read once.
        let side_by_side = !leave && rest.len() >= PANELS * width && neighbours(&rest[..PANELS * width]);
        let panels = if side_by_side { PANELS } else { 1 };
        let (vectors, others) = rest.split_at((panels * width).min(rest.len()));
        // SAFETY: the panels' part of both sides.
        unsafe {
            match (panels, width) {
                (PANELS, 4) => copy_rows::<T, 4>(to, from.wrapping_offset(vectors[0]), along),
                (PANELS, _) => copy_rows::<T, 8>(to, from.wrapping_offset(vectors[0]), along),
                _ if leave && vectors.len() == width && neighbours(vectors) => {}
                (_, 4) => pack_panel::<T, 4>(to, from, vectors, along),
                _ => pack_panel::<T, 8>(to, from, vectors, along),
            }
        }
        to = to.wrapping_add(panels * width * along.len());
        rest = others;
    }
}

/// [`PANELS`] whole panels of neighbours.
///
/// # Safety
/// As [`pack_panels`].
#[inline(always)]
unsafe fn copy_rows<T: Square, const W: usize>(to: *mut T, from: *const T, along: &[isize]) {
    for (p, &at) in along.iter().enumerate() {
        let from = from.wrapping_offset(at).cast::<[T; W]>();
        for g in 0..PANELS {
            // SAFETY: row p of panel g.
            unsafe {
                let to = to.add((g * along.len() + p) * W).cast::<[T; W]>();
                to.write_unaligned(from.add(g).read_unaligned());
            }
        }
    }
}

/// One panel of [`pack_panels`].
///
/// # Safety
/// As [`pack_panels`]; there are 1 to `W` vectors.
#[inline(always)]
unsafe fn pack_panel<T: Square, const W: usize>(to: *mut T, from: *const T, across: &[isize], along: &[isize]) {
    let runs = cut::<W>(across);
    if runs == Some(W) {
        for (p, &at) in along.iter().enumerate() {
            let row = from.wrapping_offset(across[0] + at).cast::<[T; W]>();
            // SAFETY: element p of all vectors; row p of the panel.
            unsafe { to.add(p * W).cast::<[T; W]>().write_unaligned(row.read_unaligned()) };
        }
        return;
    }
    if let Some(cut) = runs {
        // Both halves lie between the first vector and the last, what is not taken of them as well.
        let halves = [across[0], across[W - 1] + 1 - W as isize];
        let mask: [T::Bits; W] = core::array::from_fn(|i| T::mask(i < cut));
        for (p, &at) in along.iter().enumerate() {
            let [first, second] = halves.map(|half| from.wrapping_offset(half + at).cast::<[T::Bits; W]>());
            // SAFETY: element p of all vectors; row p of the panel.
            unsafe {
                let (first, second) = (first.read_unaligned(), second.read_unaligned());
                let row: [T::Bits; W] = core::array::from_fn(|i| (first[i] & mask[i]) | (second[i] & !mask[i]));
                to.add(p * W).cast::<[T::Bits; W]>().write_unaligned(row);
            }
        }
        return;
    }
    let from: [*const T; W] = core::array::from_fn(|i| from.wrapping_offset(across[i.min(across.len() - 1)]));
    let mut p = 0;
    while let Some(&at) = along.get(p) {
        let to = to.wrapping_add(p * W);
        // SAFETY: all reads are of the vectors at elements p < along.len(), all writes inside the panel.
        unsafe {
            if along.get(p..p + SIDE).is_some_and(neighbours) {
                for i in (0..W).step_by(SIDE) {
                    T::square(core::array::from_fn(|q| from[i + q].wrapping_offset(at)), to.add(i), W as isize);
                }
                p += SIDE;
            } else {
                for (i, from) in from.iter().enumerate() {
                    *to.add(i) = *from.wrapping_offset(at);
                }
                p += 1;
            }
        }
    }
}

/// Where a panel of `W` vectors that lie next to each other has its one gap, as at the end of a row of windows: so many
/// vectors are before it, all where there is none.
#[inline(always)]
fn cut<const W: usize>(across: &[isize]) -> Option<usize> {
    let cut = 1 + across.windows(2).take_while(|pair| neighbours(pair)).count();
    let (first, second) = across.split_at_checked(cut)?;
    let gap = second.is_empty() || neighbours(second) && second[0] > first[cut - 1];
    (across.len() == W && gap).then_some(cut)
}
