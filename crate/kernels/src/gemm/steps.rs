//! How the elements along one side of a matrix lie: evenly, or in nested dimensions.

/// The distances of elements 0, 1, .. along one side of a matrix from the first.
///
/// Where rows and columns of a matrix are each several dimensions of a tensor, as those of sliding windows are, element
/// (i, j) still lies at a distance that depends on i plus one that depends on j. Packing needs no more, so such a matrix
/// need not exist (D. A. Matthews, "High-Performance Tensor Contraction without Transposition", 2018).
#[derive(Clone, Copy, Debug)]
pub struct Steps<'a> {
    /// From one element to the next in a run.
    step: isize,
    /// Elements in a run; not 0.
    run: usize,
    /// Size and stride of the dimensions around the runs, the slowest first.
    around: &'a [(usize, isize)],
}

impl<'a> Steps<'a> {
    /// Elements that are `step` apart.
    pub const fn even(step: isize) -> Self {
        Steps { step, run: usize::MAX, around: &[] }
    }

    /// The elements of dimensions in row-major order: the size and the stride of each, the slowest first.
    pub fn nested(dims: &'a [(usize, isize)]) -> Self {
        match dims {
            [] => Steps::even(1),
            &[(_, step)] => Steps::even(step),
            &[ref around @ .., (run, step)] => Steps { step, run: run.max(1), around },
        }
    }

    /// The one distance between neighbours, where there is only one.
    #[inline(always)]
    pub(super) fn as_even(self) -> Option<isize> {
        self.around.is_empty().then_some(self.step)
    }

    /// The distance of element `i`.
    #[inline(always)]
    pub(super) fn at(self, i: usize) -> isize {
        if self.around.is_empty() {
            return i as isize * self.step;
        }
        let mut run = i / self.run;
        let mut at = (i % self.run) as isize * self.step;
        for &(size, stride) in self.around.iter().rev() {
            at += (run % size) as isize * stride;
            run /= size;
        }
        at
    }

    /// How many elements from element `i` on are known to lie next to each other, at least 1.
    pub(super) fn neighbours(self, i: usize) -> usize {
        if self.step == 1 { self.run - i % self.run } else { 1 }
    }

    /// The distances of elements `first` to before `first + len`.
    #[inline(never)]
    pub(super) fn table(self, first: usize, len: usize) -> Table {
        let mut table = Table { at: [0; TABLE], len: len.min(TABLE) };
        let mut to = &mut table.at[..table.len];
        let mut first = first;
        while !to.is_empty() {
            let (run, rest) = to.split_at_mut((self.run - first % self.run).min(to.len()));
            let start = self.at(first);
            for (i, to) in run.iter_mut().enumerate() {
                *to = start + i as isize * self.step;
            }
            first += run.len();
            to = rest;
        }
        table
    }
}

/// Elements along the longest side of a block.
const TABLE: usize = 512;
const _: () = assert!(TABLE >= super::BLOCK_N_WIDE && TABLE >= super::BLOCK_M && TABLE >= super::DEPTH);

/// Distances of some elements along a side, one by one.
pub(super) struct Table {
    at: [isize; TABLE],
    len: usize,
}

impl std::ops::Deref for Table {
    type Target = [isize];
    #[inline(always)]
    fn deref(&self) -> &[isize] {
        &self.at[..self.len]
    }
}

/// Whether elements lie next to each other, in order.
#[inline(always)]
pub(super) fn neighbours(at: &[isize]) -> bool {
    at.windows(2).all(|pair| pair[1] == pair[0] + 1)
}
