//! Linear systems with triangular matrices.

use smallvec::{SmallVec, smallvec};

use crate::array::Array;
use crate::batch::Batched;
use crate::compose::triangle;
use crate::error::Result;
use crate::kernels::vector;
use crate::op::{Arrays, Aval, Primitive};
use crate::ops::matrices::{Must, each, last, leading, two_rows};
use crate::tape::bit;
use crate::var::Var;

/// `y = a⁻¹ b`, or `a⁻ᵀ b`, for `[.., n, n]` and `[.., n, k]` with equal leading dimensions; one triangle of a is read.
/// The derivative is that of Giles, "Collected matrix derivative results" (2008), 2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriangularSolve {
    /// Whether it is the lower triangle of a.
    pub lower: bool,
    /// Whether a is transposed.
    pub transpose: bool,
    /// What is refused where there is a zero on the diagonal.
    pub must: Must,
}

impl TriangularSolve {
    /// The triangle of `x` that is read.
    fn part<'t>(&self, x: Var<'t>) -> Var<'t> {
        if self.lower { triangle::lower(x, 0) } else { triangle::upper(x, 0) }
    }
}

impl Primitive for TriangularSolve {
    fn name(&self) -> &'static str {
        "linalg.triangularSolve"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        Ok(x[1])
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let (n, count) = (last(out.shape)[0], leading(out.shape).size());
        each(x, out, count, &mut |k, x, y| {
            if (0..n).any(|i| x[0][i * (n + 1)] == 0.0) {
                return self.must.refuse(k, count);
            }
            y.copy_from_slice(x[1]);
            substitute(x[0], n, y, self.lower, self.transpose, false);
            Ok(())
        })
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        Some(x[0].var.tape().apply(*self, &[x[0].stacked(size), x[1].stacked(size)]))
    }

    fn pullback<'t>(&self, wanted: u32, x: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> SmallVec<[Option<Var<'t>>; 3]> {
        let b = g.tape().apply(TriangularSolve { transpose: !self.transpose, ..*self }, &[x[0], g]);
        let a = || {
            let [left, right] = if self.transpose { [y, b] } else { [b, y] };
            -self.part(left.matmul(right.transpose_last()))
        };
        smallvec![(wanted & bit(0) != 0).then(a), Some(b)]
    }

    fn vjp<'t>(&self, i: usize, x: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        self.pullback(bit(i), x, y, g)[i]
    }

    fn jvp<'t>(&self, x: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        let moved = t[0].map(|a| {
            let a = self.part(a);
            -(if self.transpose { a.transpose_last() } else { a }).matmul(y)
        });
        let b = [moved, t[1]].into_iter().flatten().reduce(|a, b| a + b)?;
        Some(b.tape().apply(*self, &[x[0], b]))
    }
}

/// Writes `a⁻¹ b` over `b`, a triangle of `a` being read, without its diagonal where that is ones.
pub(crate) fn substitute(a: &[f64], n: usize, b: &mut [f64], lower: bool, transpose: bool, unit: bool) {
    let k = b.len().checked_div(n).unwrap_or(0);
    let down = lower != transpose;
    for step in 0..n {
        let i = if down { step } else { n - 1 - step };
        for j in if down { 0..i } else { i + 1..n } {
            let factor = if transpose { a[j * n + i] } else { a[i * n + j] };
            let (low, high) = two_rows(b, k, i.min(j), i.max(j));
            let (to, from) = if down { (high, low) } else { (low, high) };
            vector::subtract(to, factor, from);
        }
        if !unit {
            b[i * k..][..k].iter_mut().for_each(|b| *b /= a[i * (n + 1)]);
        }
    }
}
