//! Shapes: up to eight dimensions, their broadcasting, and axes.

use std::fmt;
use std::ops::Deref;

use crate::error::{Code, Error, Result};

/// The most dimensions a tensor can have.
pub const MAX_DIMS: usize = 8;

/// The sizes of a tensor's dimensions, the slowest first. Reads as a slice of `usize`.
#[derive(Clone, Copy, Eq)]
pub struct Shape {
    dims: [usize; MAX_DIMS],
    ndim: u8,
}

impl Shape {
    /// The shape of a number.
    pub const SCALAR: Shape = Shape { dims: [0; MAX_DIMS], ndim: 0 };

    /// A shape of at most [`MAX_DIMS`] dimensions whose number of elements fits in memory's address range.
    pub fn new(op: &str, dims: &[usize]) -> Result<Shape> {
        if dims.len() > MAX_DIMS {
            let sentence = format!("a shape must have at most {MAX_DIMS} dimensions, got {}", dims.len());
            return Err(Error::new(Code::Shape, op, sentence));
        }
        let mut elements = Some(1usize);
        for &d in dims.iter().filter(|&&d| d != 0) {
            elements = elements.and_then(|n| n.checked_mul(d));
        }
        match elements {
            Some(elements) if elements <= isize::MAX as usize => Ok(Shape::of(dims)),
            _ => {
                let sentence = format!("a tensor of shape {dims:?} is larger than the address space");
                Err(Error::new(Code::Memory, op, sentence).with_shapes([dims]))
            }
        }
    }

    /// [`Shape::new`] of sizes as they cross the boundary. Errors: `shape` for what is no size, `memory` for too many.
    pub fn from_numbers(op: &str, dims: &[f64]) -> Result<Shape> {
        if let Some(d) = dims.iter().find(|&&d| d.fract() != 0.0 || d < 0.0 || d.is_nan()) {
            let sentence = format!("sizes must be whole numbers that are not negative, got {d}");
            return Err(Error::new(Code::Shape, op, sentence));
        }
        if dims.iter().any(|&d| d > isize::MAX as f64) {
            let sizes: Vec<String> = dims.iter().map(f64::to_string).collect();
            let sentence = format!("a tensor of shape [{}] is larger than the address space", sizes.join(", "));
            return Err(Error::new(Code::Memory, op, sentence));
        }
        Shape::new(op, &dims.iter().map(|&d| d as usize).collect::<Vec<_>>())
    }

    /// A shape from dimensions that are known to be valid (a part or a rearrangement of a valid shape).
    #[inline]
    pub(crate) fn of(dims: &[usize]) -> Shape {
        let mut shape = Shape::SCALAR;
        for &d in dims.iter().take(MAX_DIMS) {
            shape.push(d);
        }
        shape
    }

    /// Appends a dimension; ignored past [`MAX_DIMS`].
    #[inline]
    pub(crate) fn push(&mut self, dim: usize) {
        if let Some(slot) = self.dims.get_mut(usize::from(self.ndim)) {
            *slot = dim;
            self.ndim += 1;
        }
    }

    /// Number of dimensions.
    #[inline]
    pub fn ndim(&self) -> usize {
        usize::from(self.ndim)
    }

    /// Number of elements: the product of the dimensions, 1 for a scalar.
    #[inline]
    pub fn size(&self) -> usize {
        self.iter().product()
    }

    /// The shape with dimension `axis` set to `size`.
    pub fn with_dim(mut self, axis: usize, size: usize) -> Shape {
        self.dims[axis] = size;
        self
    }

    /// The shape with one more dimension in front; a ninth is left for `infer` to refuse.
    pub fn prepended(&self, size: usize) -> Shape {
        let mut out = Shape::of(&[size]);
        self.iter().for_each(|&d| out.push(d));
        out
    }

    /// The shape after a reduction over `axes`: ones in their place when they are kept, gone otherwise.
    pub fn reduced(&self, axes: AxisSet, keep_dims: bool) -> Shape {
        let mut out = Shape::SCALAR;
        for (axis, &d) in self.iter().enumerate() {
            if !axes.has(axis) {
                out.push(d);
            } else if keep_dims {
                out.push(1);
            }
        }
        out
    }

    /// NumPy's broadcasting: dimensions are aligned at the end; two sizes must be equal or one of them 1.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let ndim = self.ndim().max(other.ndim());
        let mut out = Shape::SCALAR;
        for axis in 0..ndim {
            let (a, b) = (self.at_end(ndim - axis), other.at_end(ndim - axis));
            out.push(match (a, b) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => return None,
            });
        }
        Some(out)
    }

    /// The size of the `k`-th dimension from the end (1 is the last), 1 where there is none.
    #[inline]
    fn at_end(&self, k: usize) -> usize {
        self.ndim().checked_sub(k).map_or(1, |axis| self[axis])
    }
}

impl Deref for Shape {
    type Target = [usize];
    #[inline]
    fn deref(&self) -> &[usize] {
        &self.dims[..usize::from(self.ndim)]
    }
}

impl PartialEq for Shape {
    // A loop: what compares slices of any length is a call, which costs more than the few numbers of a shape.
    #[inline]
    fn eq(&self, other: &Shape) -> bool {
        self.ndim == other.ndim && self.iter().zip(other.iter()).all(|(a, b)| a == b)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self[..])
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self[..])
    }
}

/// A set of axes, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AxisSet(u8);

impl AxisSet {
    /// The axes `0..ndim`.
    pub fn all(ndim: usize) -> AxisSet {
        (0..ndim).collect()
    }

    /// Whether `axis` is in the set.
    pub fn has(self, axis: usize) -> bool {
        axis < MAX_DIMS && self.0 & (1 << axis) != 0
    }

    /// Whether no axis is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the last of `ndim` axes is the only one.
    pub fn is_last(self, ndim: usize) -> bool {
        ndim > 0 && self.0 == 1 << (ndim - 1)
    }

    /// The same axes where one more dimension stands in front.
    pub fn shifted(self) -> AxisSet {
        AxisSet(self.0 << 1)
    }

    /// Adds `axis`; says whether it was new.
    pub fn insert(&mut self, axis: usize) -> bool {
        let new = !self.has(axis);
        self.0 |= 1 << axis;
        new
    }
}

impl FromIterator<usize> for AxisSet {
    fn from_iter<I: IntoIterator<Item = usize>>(axes: I) -> AxisSet {
        let mut set = AxisSet::default();
        for axis in axes {
            set.insert(axis);
        }
        set
    }
}

/// The axis meant by `axis` in `ndim` dimensions: an integer in `-ndim..ndim`, negative from the end.
pub fn axis(op: &str, axis: f64, ndim: usize) -> Result<usize> {
    let n = ndim as f64;
    if axis.fract() != 0.0 || !(-n..n).contains(&axis) {
        let range = if ndim == 0 {
            "a scalar has no axes".to_string()
        } else {
            format!("axis must be an integer in [{}, {}] for {ndim} dimensions", -n, n - 1.0)
        };
        return Err(Error::new(Code::Axis, op, format!("{range}, got {axis}")));
    }
    Ok(if axis < 0.0 { (axis + n) as usize } else { axis as usize })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(dims: &[usize]) -> Shape {
        Shape::new("test", dims).unwrap()
    }

    #[test]
    fn broadcasting_aligns_at_the_end() {
        assert_eq!(shape(&[3, 1]).broadcast(&shape(&[4])), Some(shape(&[3, 4])));
        assert_eq!(shape(&[0]).broadcast(&shape(&[1])), Some(shape(&[0])));
        assert_eq!(shape(&[2, 3]).broadcast(&shape(&[2])), None);
        assert_eq!(Shape::SCALAR.broadcast(&shape(&[2, 3])), Some(shape(&[2, 3])));
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        let e = Shape::new("zeros", &[1 << 40, 1 << 40]).unwrap_err();
        assert_eq!(e.code(), Code::Memory);
        assert!(Shape::new("zeros", &[1; 9]).is_err());
        assert_eq!(shape(&[0, 1 << 30]).size(), 0);
    }

    #[test]
    fn axes_count_from_both_ends() {
        assert_eq!(axis("sum", -1.0, 3).unwrap(), 2);
        assert_eq!(axis("sum", 0.0, 3).unwrap(), 0);
        for bad in [3.0, -4.0, 0.5, f64::NAN, f64::INFINITY] {
            assert_eq!(axis("sum", bad, 3).unwrap_err().code(), Code::Axis, "{bad}");
        }
        assert_eq!(
            axis("sum", 2.0, 1).unwrap_err().to_string(),
            "sum: axis must be an integer in [-1, 0] for 1 dimensions, got 2"
        );
    }

    #[test]
    fn reductions_keep_or_drop() {
        let axes: AxisSet = [1].into_iter().collect();
        assert_eq!(shape(&[2, 3, 4]).reduced(axes, true), shape(&[2, 1, 4]));
        assert_eq!(shape(&[2, 3, 4]).reduced(axes, false), shape(&[2, 4]));
        assert_eq!(shape(&[2, 3]).reduced(AxisSet::all(2), false), Shape::SCALAR);
    }
}
