//! The Cholesky factor.

use crate::array::Array;
use crate::batch::Batched;
use crate::compose::triangle;
use crate::error::Result;
use crate::op::{Arrays, Aval, Primitive};
use crate::ops::matrices::{Must, each, leading, square};
use crate::ops::triangular::TriangularSolve;
use crate::real::Real;
use crate::var::Var;

const MUST: Must = Must { op: "linalg.cholesky", be: "positive definite" };

/// The lower triangular L with `x = L Lᵀ` for symmetric x, of which the lower triangle is read. The derivatives are those
/// of Murray, "Differentiation of the Cholesky decomposition" (2016), for symmetric tangents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cholesky;

/// `L⁻¹ b`, or `L⁻ᵀ b`.
fn solve<'t>(l: Var<'t>, b: Var<'t>, transpose: bool) -> Var<'t> {
    l.tape().apply(TriangularSolve { lower: true, transpose, must: MUST }, &[l, b])
}

/// The lower triangle with half of the diagonal.
fn half(x: Var<'_>) -> Var<'_> {
    (triangle::lower(x, 0) + triangle::lower(x, -1)) * x.lit(0.5)
}

impl Primitive for Cholesky {
    fn name(&self) -> &'static str {
        "linalg.cholesky"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        square(self.name(), x[0])?;
        Ok(x[0])
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let (n, count) = (square(self.name(), out)?, leading(out.shape).size());
        each(x, out, count, &mut |k, x, y| {
            for i in 0..n {
                for j in 0..=i {
                    let dot: f64 = (0..j).map(|k| y[i * n + k] * y[j * n + k]).sum();
                    let rest = x[0][i * n + j] - dot;
                    y[i * n + j] = if i > j {
                        rest / y[j * (n + 1)]
                    } else if rest.is_nan() {
                        y.fill(f64::NAN);
                        return Ok(());
                    } else if rest > 0.0 {
                        rest.sqrt()
                    } else {
                        return MUST.refuse(k, count);
                    };
                }
            }
            Ok(())
        })
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(*self))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        let p = half(y.transpose_last().matmul(triangle::lower(g, 0)));
        let s = solve(y, solve(y, p, true).transpose_last(), true);
        Some((s + s.transpose_last()) * s.lit(0.5))
    }

    fn jvp<'t>(&self, _: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        t[0].map(|t| y.matmul(half(solve(y, solve(y, t, false).transpose_last(), false))))
    }
}
