//! Layouts: how the elements of a shape lie in a buffer. Views are new layouts over the same bytes.

use crate::shape::{MAX_DIMS, Shape};

/// Element `(i_0, i_1, ..)` lies at `offset + i_0 strides[0] + i_1 strides[1] + ..`; everything in elements, not bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// Sizes of the dimensions.
    pub shape: Shape,
    strides: [isize; MAX_DIMS],
    /// Position of element `(0, 0, ..)`.
    pub offset: usize,
}

impl Layout {
    /// Row-major: the last dimension is the fastest, nothing between the elements.
    pub fn contiguous(shape: Shape) -> Layout {
        let mut strides = [0; MAX_DIMS];
        let mut step = 1isize;
        for axis in (0..shape.ndim()).rev() {
            strides[axis] = step;
            step *= shape[axis] as isize;
        }
        Layout { shape, strides, offset: 0 }
    }

    /// Distance between neighbours along each dimension.
    pub fn strides(&self) -> &[isize] {
        &self.strides[..self.shape.ndim()]
    }

    /// Whether the elements lie row-major without gaps (dimensions of size 1 have no say).
    pub fn is_contiguous(&self) -> bool {
        let mut step = 1isize;
        for axis in (0..self.shape.ndim()).rev() {
            let d = self.shape[axis];
            if d != 1 && self.strides[axis] != step {
                return d == 0 || self.shape.contains(&0);
            }
            step *= d as isize;
        }
        true
    }

    /// Whether all elements are one, which is repeated.
    pub fn is_uniform(&self) -> bool {
        self.shape.size() > 0 && self.shape.iter().zip(&self.strides).all(|(&d, &stride)| d == 1 || stride == 0)
    }

    /// Element `(0, 0, ..)` as a scalar.
    pub fn first(&self) -> Layout {
        Layout { shape: Shape::SCALAR, ..*self }
    }

    /// Dimension `k` of the result is dimension `axes[k]` of this layout.
    pub fn permute(&self, axes: &[usize]) -> Layout {
        let mut out = Layout { shape: Shape::SCALAR, ..*self };
        for (k, &axis) in axes.iter().enumerate() {
            out.shape.push(self.shape[axis]);
            out.strides[k] = self.strides[axis];
        }
        out
    }

    /// Broadcasts to `shape` with strides of 0. `shape` must be one that this layout's shape broadcasts to.
    pub fn expand(&self, shape: Shape) -> Layout {
        let lead = shape.ndim() - self.shape.ndim();
        let mut strides = [0; MAX_DIMS];
        for axis in lead..shape.ndim() {
            let own = self.shape[axis - lead];
            strides[axis] = if own == 1 && shape[axis] != 1 { 0 } else { self.strides[axis - lead] };
        }
        Layout { shape, strides, offset: self.offset }
    }

    /// Elements `start, start + step, ..` (`len` of them) along `axis`; `step` may be negative.
    pub fn slice(&self, axis: usize, start: usize, len: usize, step: isize) -> Layout {
        let mut out = *self;
        out.shape = self.shape.with_dim(axis, len);
        if len > 0 {
            out.offset = (self.offset as isize + start as isize * self.strides[axis]) as usize;
        }
        out.strides[axis] = self.strides[axis] * step;
        out
    }

    /// One more dimension inside, of `size` elements `stride` apart; they must lie in the buffer.
    pub fn with_inner(&self, size: usize, stride: isize) -> Layout {
        let mut out = *self;
        out.strides[self.shape.ndim()] = stride;
        out.shape.push(size);
        out
    }

    /// The same elements in the same order under another shape of the same size, if strides can express it.
    ///
    /// Groups of dimensions with equal products are matched from the left; inside a group the old dimensions must lie
    /// as one (the rule of NumPy's `reshape` without a copy).
    pub fn reshape(&self, shape: Shape) -> Option<Layout> {
        let mut out = Layout { shape, strides: [0; MAX_DIMS], offset: self.offset };
        if self.shape.size() == 0 {
            return Some(Layout { offset: self.offset, ..Layout::contiguous(shape) });
        }
        // Old dimensions of size 1 take no part.
        let old: Vec<(usize, isize)> =
            self.shape.iter().copied().zip(self.strides.iter().copied()).filter(|&(d, _)| d != 1).collect();
        let (mut i, mut j) = (0, 0);
        while i < old.len() {
            let (first, begin) = (i, j);
            let (mut have, mut want) = (old[i].0, 1);
            i += 1;
            while have != want {
                if want < have {
                    want *= shape[j];
                    j += 1;
                } else {
                    let (d, stride) = old[i];
                    if old[i - 1].1 != stride * d as isize {
                        return None;
                    }
                    have *= d;
                    i += 1;
                }
            }
            debug_assert!(first < i);
            let mut step = old[i - 1].1;
            for axis in (begin..j).rev() {
                out.strides[axis] = step;
                step *= shape[axis] as isize;
            }
        }
        // What is left of the new shape are ones; their stride has no say.
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(dims: &[usize]) -> Layout {
        Layout::contiguous(Shape::of(dims))
    }

    #[test]
    fn reshape_of_contiguous_is_contiguous() {
        let l = layout(&[2, 3, 4]).reshape(Shape::of(&[6, 1, 4])).unwrap();
        assert!(l.is_contiguous());
        assert_eq!(l.reshape(Shape::of(&[2, 12])).unwrap().strides(), &[12, 1]);
    }

    #[test]
    fn reshape_splits_a_strided_dimension_but_does_not_merge_a_permuted_one() {
        let t = layout(&[4, 6]).permute(&[1, 0]);
        assert_eq!(t.reshape(Shape::of(&[2, 3, 4])).unwrap().strides(), &[3, 1, 6]);
        assert!(t.reshape(Shape::of(&[24])).is_none());
        let flipped = layout(&[6]).slice(0, 5, 6, -1);
        assert_eq!(flipped.reshape(Shape::of(&[2, 3])).unwrap().strides(), &[-3, -1]);
    }

    #[test]
    fn reshape_of_an_expanded_scalar_has_zero_strides() {
        let l = layout(&[]).expand(Shape::of(&[6]));
        assert_eq!(l.reshape(Shape::of(&[2, 3])).unwrap().strides(), &[0, 0]);
    }

    #[test]
    fn slices_move_the_offset() {
        let l = layout(&[5, 3]).slice(0, 4, 3, -2);
        assert_eq!((l.offset, l.strides(), l.shape[0]), (12, &[-6, 1][..], 3));
        assert!(!l.is_contiguous());
        assert!(layout(&[5, 0]).permute(&[1, 0]).is_contiguous());
    }
}
