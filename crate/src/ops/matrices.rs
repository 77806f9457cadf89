//! What the operations of linear algebra share: matrices of a batch in double precision, refusals, and parts of a matrix.
//!
//! Every factorisation is computed in float64, one matrix after the other, and rounded once: one program for both dtypes.

use smallvec::SmallVec;

use crate::array::Array;
use crate::blocks::{self, Elementwise};
use crate::compose::triangle;
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::kernels::{find, vector};
use crate::op::{Aval, need_float};
use crate::ops::concat::Concat;
use crate::ops::slice::{Range, Slice};
use crate::real::Real;
use crate::shape::{AxisSet, Shape};
use crate::var::Var;

/// What a matrix must be, found out while computing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Must {
    /// The operation that users call.
    pub op: &'static str,
    /// What the matrix must be.
    pub be: &'static str,
}

impl Must {
    /// What `solve` and its kin need.
    pub const fn invert(op: &'static str) -> Must {
        Must { op, be: "invertible" }
    }

    /// The refusal of matrix `k` of `count`.
    pub fn refuse(self, k: usize, count: usize) -> Result<()> {
        let place = if count == 1 { String::new() } else { format!(", number {} of {count} in the batch", k + 1) };
        let sentence = format!("the matrix must be {}, got one that is not{place}", self.be);
        Err(Error::new(Code::Value, self.op, sentence))
    }
}

/// The sizes of the last two dimensions of a float tensor.
pub(crate) fn sizes(op: &str, x: Aval) -> Result<[usize; 2]> {
    need_float(op, x.dtype)?;
    match x.shape[..] {
        [.., m, n] => Ok([m, n]),
        _ => {
            let sentence = format!("a matrix must have at least 2 dimensions, got {}", x.shape);
            Err(Error::new(Code::Shape, op, sentence).with_shapes([&x.shape[..]]))
        }
    }
}

/// The size of square matrices.
pub(crate) fn square(op: &str, x: Aval) -> Result<usize> {
    let [m, n] = sizes(op, x)?;
    if m == n {
        return Ok(n);
    }
    let sentence = format!("the last two dimensions must be equal, got {}", x.shape);
    Err(Error::new(Code::Shape, op, sentence).with_shapes([&x.shape[..]]))
}

/// The last two sizes of a shape that has them.
pub(crate) fn last(shape: Shape) -> [usize; 2] {
    let ndim = shape.ndim();
    [shape[ndim - 2], shape[ndim - 1]]
}

/// A shape without its last two dimensions.
pub(crate) fn leading(shape: Shape) -> Shape {
    Shape::of(&shape[..shape.ndim().saturating_sub(2)])
}

/// A shape with other sizes in its last two dimensions.
pub(crate) fn resized(shape: Shape, [m, n]: [usize; 2]) -> Shape {
    let ndim = shape.ndim();
    shape.with_dim(ndim - 2, m).with_dim(ndim - 1, n)
}

/// Zeros in float64 to compute in. Errors: `memory`.
pub(crate) fn zeros(shape: Shape) -> Result<Array> {
    Array::build::<f64>(shape, |x| x.fill(0.0))
}

/// What is done to one matrix of a batch: its number, the inputs, which may be overwritten, and the result, which is zero.
pub(crate) type Each<'a> = dyn FnMut(usize, &mut [&mut [f64]], &mut [f64]) -> Result<()> + 'a;

/// The result of doing `f` to each of the `count` matrices of a batch. Errors: those of `f`, `memory`.
pub(crate) fn each(x: &[Array], out: Aval, count: usize, f: &mut Each<'_>) -> Result<Array> {
    let mut wide: SmallVec<[Array; 3]> = x.iter().map(|x| converted(x, DType::Float64)).collect::<Result<_>>()?;
    let mut y = zeros(out.shape)?;
    let part = |x: &Array| x.shape().size() / count;
    for k in 0..count {
        let mut inputs: SmallVec<[&mut [f64]; 3]> = SmallVec::new();
        for x in &mut wide {
            let n = part(x);
            inputs.push(&mut x.values_mut::<f64>()[k * n..][..n]);
        }
        let n = part(&y);
        f(k, &mut inputs, &mut y.values_mut::<f64>()[k * n..][..n])?;
    }
    if out.dtype == DType::Float64 { Ok(y) } else { converted(&y, out.dtype) }
}

/// A copy in another dtype, row-major.
fn converted(x: &Array, dtype: DType) -> Result<Array> {
    // One more owner, so that the result has memory of its own.
    let owned = [x.clone()];
    blocks::map(&Elementwise::new(find::convert(x.dtype, dtype)), &owned, Aval::new(x.shape(), dtype))
}

/// Whether all elements are finite; otherwise a factorisation gives NaN.
pub(crate) fn finite(a: &[f64]) -> bool {
    a.iter().all(|x| x.is_finite())
}

/// `y += a b` for `[m, k] · [k, n]`.
pub(crate) fn product(a: &[f64], b: &[f64], y: &mut [f64], k: usize, n: usize) {
    if k * n == 0 {
        return;
    }
    for (a, y) in a.chunks_exact(k).zip(y.chunks_exact_mut(n)) {
        for (&a, b) in a.iter().zip(b.chunks_exact(n)) {
            vector::add(y, a, b);
        }
    }
}

/// Two rows of length n, `p < q`.
pub(crate) fn two_rows(a: &mut [f64], n: usize, p: usize, q: usize) -> (&mut [f64], &mut [f64]) {
    let (low, high) = a.split_at_mut(q * n);
    (&mut low[p * n..][..n], &mut high[..n])
}

/// Cosine and sine of the smaller angle that a Jacobi rotation takes, from the difference of the diagonal elements over
/// twice the element beside it.
pub(crate) fn jacobi(zeta: f64) -> [f64; 2] {
    let t = 1.0f64.copysign(zeta) / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let c = 1.0 / (1.0 + t * t).sqrt();
    [c, t * c]
}

/// The places 0 to n - 1 in an order: `before` says whether one belongs before the other; equal ones stay in theirs.
pub(crate) fn ordered(n: usize, before: &dyn Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::with_capacity(n);
    for k in 0..n {
        let place = order.partition_point(|&other| !before(k, other));
        order.insert(place, k);
    }
    order
}

/// -1 where the largest element in magnitude is negative, the first of those that are as large up to rounding; else 1.
pub(crate) fn sign_of_largest(x: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = x.clone().fold(0.0f64, |m, x| m.max(x.abs()));
    x.into_iter().find(|x| x.abs() >= (1.0 - 1e-6) * largest).map_or(1.0, |x| 1.0f64.copysign(x))
}

// ---- for rules

/// Rows of matrices.
pub(crate) fn rows(x: Var<'_>, start: usize, len: usize) -> Var<'_> {
    let shape = x.shape();
    x.apply(Slice::along(&shape, shape.ndim() - 2, Range { start, len, step: 1 }))
}

/// Matrices one above the other.
pub(crate) fn stacked<'t>(parts: &[Var<'t>]) -> Var<'t> {
    parts[0].tape().apply(Concat { axis: parts[0].shape().ndim() - 2 }, parts)
}

/// The diagonal of square matrices as a row `[.., 1, n]`.
pub(crate) fn diagonal_row(x: Var<'_>) -> Var<'_> {
    triangle::diagonal(x).sum(AxisSet::from_iter([x.shape().ndim() - 2]), true)
}

/// `Σ a b` over the last two dimensions, which stay as ones.
pub(crate) fn inner<'t>(a: Var<'t>, b: Var<'t>) -> Var<'t> {
    let ndim = a.shape().ndim();
    (a * b).sum(AxisSet::from_iter([ndim - 2, ndim - 1]), true)
}

/// What counts as equal among the numbers in a row `[.., 1, n]`: what rounding does to the sum of their magnitudes.
pub(crate) fn rounding(row: Var<'_>) -> Var<'_> {
    let ndim = row.shape().ndim();
    let eps = if row.dtype() == DType::Float64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    let total = row.stop_gradient().abs().sum(AxisSet::from_iter([ndim - 1]), true);
    total * total.lit(4.0 * eps)
}

/// `1 / x`, and 0 where `small` holds.
pub(crate) fn reciprocal<'t>(small: Var<'t>, x: Var<'t>) -> Var<'t> {
    Var::select(small, x.zero(), x.one() / Var::select(small, x.one(), x))
}
