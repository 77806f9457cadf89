//! The walker: goes over several layouts of one shape at once and yields runs, so that kernels need not know strides.
//!
//! Dimensions that lie as one in every layout are merged first. What is left inside is a run: a length and, for each
//! layout, a distance between neighbours (1 for a slice, 0 for a repeated value, anything for the rest).

use std::ops::Range;

use crate::layout::Layout;
use crate::shape::MAX_DIMS;

/// The most layouts that can be walked together: a result and the operands of a kernel.
pub const MAX_OPERANDS: usize = 12;
const _: () = assert!(MAX_OPERANDS > crate::kernels::map::MAX_OPERANDS);

/// Positions, one for each layout that is walked.
pub type Offsets = [usize; MAX_OPERANDS];

/// A plan for walking over layouts of one shape.
pub struct Walk {
    /// Elements in each run.
    pub len: usize,
    /// For each layout the distance between neighbours of a run.
    pub steps: [isize; MAX_OPERANDS],
    operands: usize,
    outer: usize,
    dims: [usize; MAX_DIMS],
    strides: [[isize; MAX_DIMS]; MAX_OPERANDS],
    start: Offsets,
}

impl Walk {
    /// Plans the walk over `layouts` (at least one, at most [`MAX_OPERANDS`]), which have the same shape.
    pub fn new(layouts: &[&Layout]) -> Walk {
        let operands = layouts.len().min(MAX_OPERANDS);
        let mut walk = Walk {
            len: 1,
            steps: [0; MAX_OPERANDS],
            operands,
            outer: 0,
            dims: [1; MAX_DIMS],
            strides: [[0; MAX_DIMS]; MAX_OPERANDS],
            start: [0; MAX_OPERANDS],
        };
        for (start, layout) in walk.start.iter_mut().zip(layouts) {
            *start = layout.offset;
        }
        let shape = layouts[0].shape;
        if shape.contains(&0) {
            walk.len = 0;
            return walk;
        }
        // Built from the outside in: a dimension joins the one before it when that one steps over exactly this one.
        let mut n = 0;
        for axis in (0..shape.ndim()).filter(|&axis| shape[axis] != 1) {
            let d = shape[axis];
            let joins =
                n > 0 && (0..operands).all(|k| walk.strides[k][n - 1] == layouts[k].strides()[axis] * d as isize);
            if !joins {
                n += 1;
                walk.dims[n - 1] = 1;
            }
            walk.dims[n - 1] *= d;
            for (strides, layout) in walk.strides.iter_mut().zip(layouts) {
                strides[n - 1] = layout.strides()[axis];
            }
        }
        if n > 0 {
            walk.outer = n - 1;
            walk.len = walk.dims[n - 1];
            for k in 0..operands {
                walk.steps[k] = walk.strides[k][n - 1];
            }
        }
        walk
    }

    /// Length and step of the only run of the first layout, when everything lies as one.
    pub fn single(&self) -> Option<(usize, isize)> {
        (self.outer == 0).then_some((self.len, self.steps[0]))
    }

    /// Elements of the shape.
    pub fn size(&self) -> usize {
        self.dims[..self.outer].iter().product::<usize>() * self.len
    }

    /// Calls `f` with the positions at which each run starts, in row-major order of the shape.
    pub fn each(&self, mut f: impl FnMut(&Offsets)) {
        self.each_in(0..self.size(), |at, _| f(at));
    }

    /// Calls `f(positions, length)` for the runs, or parts of runs, that make up a range of the row-major elements.
    pub fn each_in(&self, range: Range<usize>, mut f: impl FnMut(&Offsets, usize)) {
        self.each_rows(range, &mut |at, rows, len| {
            f(at, len);
            let mut at = *at;
            for _ in 1..rows {
                self.shift(&mut at, self.outer - 1, 1);
                f(&at, len);
            }
        });
    }

    /// For each layout the distance from a run to the next of the rows that [`Walk::each_rows`] gives.
    pub fn row_step(&self, k: usize) -> isize {
        self.outer.checked_sub(1).map_or(0, |axis| self.strides[k][axis])
    }

    /// Calls `f(positions, rows, length)` for as many runs at once as are evenly apart, which make up a range of the row-major
    /// elements; one where a part of a run is all there is.
    pub fn each_rows(&self, range: Range<usize>, f: &mut dyn FnMut(&Offsets, usize, usize)) {
        let (mut at, mut index) = (self.start, [0usize; MAX_DIMS]);
        let mut left = range.len();
        if left == 0 {
            return;
        }
        if range.start > 0 {
            let (mut runs, skip) = (range.start / self.len, range.start % self.len);
            for axis in (0..self.outer).rev() {
                index[axis] = runs % self.dims[axis];
                runs /= self.dims[axis];
                self.shift(&mut at, axis, index[axis] as isize);
            }
            if skip > 0 {
                let (mut inside, len) = (at, left.min(self.len - skip));
                self.shift(&mut inside, self.outer, skip as isize);
                f(&inside, 1, len);
                left -= len;
                self.advance(&mut at, &mut index, 1);
            }
        }
        while left > 0 {
            let together = self.outer.checked_sub(1).map_or(1, |axis| self.dims[axis] - index[axis]);
            let (rows, len) = (together.min(left / self.len).max(1), left.min(self.len));
            f(&at, rows, len);
            left -= rows * len;
            self.advance(&mut at, &mut index, rows);
        }
    }

    /// Goes on by some runs, not past the last of these rows; after the last one of all, to the first.
    #[inline(always)]
    fn advance(&self, at: &mut Offsets, index: &mut [usize; MAX_DIMS], rows: usize) {
        let mut times = rows;
        for axis in (0..self.outer).rev() {
            index[axis] += times;
            if index[axis] < self.dims[axis] {
                return self.shift(at, axis, times as isize);
            }
            index[axis] = 0;
            self.shift(at, axis, times as isize - self.dims[axis] as isize);
            times = 1;
        }
    }

    fn shift(&self, at: &mut Offsets, axis: usize, times: isize) {
        for (at, strides) in at.iter_mut().zip(&self.strides).take(self.operands) {
            *at = at.wrapping_add_signed(strides[axis] * times);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;

    fn positions(layouts: &[&Layout], k: usize) -> Vec<usize> {
        let walk = Walk::new(layouts);
        let mut out = Vec::new();
        walk.each(|at| out.extend((0..walk.len).map(|i| at[k].wrapping_add_signed(walk.steps[k] * i as isize))));
        out
    }

    #[test]
    fn contiguous_layouts_are_one_run() {
        let l = Layout::contiguous(Shape::of(&[2, 3, 4]));
        assert_eq!(Walk::new(&[&l, &l]).len, 24);
        assert_eq!(positions(&[&l], 0), (0..24).collect::<Vec<_>>());
    }

    #[test]
    fn strided_layouts_are_visited_in_row_major_order() {
        let out = Layout::contiguous(Shape::of(&[3, 2]));
        let x = Layout::contiguous(Shape::of(&[2, 3])).permute(&[1, 0]);
        assert_eq!(positions(&[&out, &x], 1), [0, 3, 1, 4, 2, 5]);
        let flipped = out.slice(0, 2, 3, -1);
        assert_eq!(positions(&[&out, &flipped], 1), [4, 5, 2, 3, 0, 1]);
        let row = Layout::contiguous(Shape::of(&[2])).expand(Shape::of(&[3, 2]));
        assert_eq!(positions(&[&out, &row], 1), [0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn any_range_of_the_elements_can_be_visited() {
        let x = Layout::contiguous(Shape::of(&[4, 2, 3])).permute(&[2, 0, 1]);
        let out = Layout::contiguous(x.shape);
        let all = positions(&[&out, &x], 1);
        let walk = Walk::new(&[&out, &x]);
        assert_eq!(walk.size(), all.len());
        for start in 0..=all.len() {
            for end in start..=all.len() {
                let mut seen = Vec::new();
                walk.each_in(start..end, |at, len| {
                    seen.extend((0..len).map(|i| at[1].wrapping_add_signed(walk.steps[1] * i as isize)));
                });
                assert_eq!(seen, all[start..end], "{start}..{end}");
                let (mut seen, steps) = (Vec::new(), [walk.row_step(1), walk.steps[1]]);
                walk.each_rows(start..end, &mut |at, rows, len| {
                    let places =
                        (0..rows as isize).flat_map(|r| (0..len as isize).map(move |i| r * steps[0] + i * steps[1]));
                    seen.extend(places.map(|place| at[1].wrapping_add_signed(place)));
                });
                assert_eq!(seen, all[start..end], "{start}..{end} by rows");
            }
        }
    }

    #[test]
    fn scalars_are_one_run_of_one_and_empty_shapes_have_none() {
        assert_eq!(positions(&[&Layout::contiguous(Shape::SCALAR)], 0), [0]);
        assert!(positions(&[&Layout::contiguous(Shape::of(&[3, 0]))], 0).is_empty());
    }
}
