//! The pseudoinverse.

use crate::array::Array;
use crate::batch::Batched;
use crate::dtype::DType;
use crate::error::Result;
use crate::op::{Arrays, Aval, Primitive};
use crate::ops::matrices::{each, last, leading, product, resized, sizes, zeros};
use crate::ops::svd;
use crate::shape::Shape;
use crate::var::Var;

/// The Moore-Penrose inverse of `[.., m, n]` with m ≥ n, `[.., n, m]`, from the singular values above max(m, n) ε times the
/// largest. Its derivative (Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems
/// whose variables separate", 1973) is that along matrices of the same rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinv;

impl Primitive for Pinv {
    fn name(&self) -> &'static str {
        "linalg.pinv"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let [m, n] = sizes(self.name(), x[0])?;
        Ok(Aval::new(resized(x[0].shape, [n, m]), x[0].dtype))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let ([m, n], count) = (last(x[0].shape()), leading(out.shape).size());
        let mut parts = zeros(Shape::of(&[(m + n + 1) * n]))?;
        let eps = if out.dtype == DType::Float64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
        each(x, out, count, &mut |_, x, y| {
            let parts = parts.values_mut::<f64>();
            parts.fill(0.0);
            svd::factor(x[0], m, n, false, parts);
            let (u, rest) = parts.split_at_mut(m * n);
            let (v, s) = rest.split_at_mut(n * n);
            let cut = s.first().map_or(0.0, |s| s * eps * m as f64);
            for (k, v) in v.iter_mut().enumerate() {
                let s = s[k % n];
                *v = if s <= cut { 0.0 } else { *v / s };
            }
            (0..m * n).for_each(|k| x[0][k % n * m + k / n] = u[k]);
            product(v, x[0], y, n, m);
            Ok(())
        })
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(*self))
    }

    fn vjp<'t>(&self, _: usize, x: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        let (a, pt, gt) = (x[0], y.transpose_last(), g.transpose_last());
        let inside = pt.matmul(g).matmul(pt);
        let columns = gt.matmul(y).matmul(pt);
        let rows = pt.matmul(y).matmul(gt);
        Some(columns - a.matmul(y.matmul(columns)) + (rows - rows.matmul(y).matmul(a)) - inside)
    }

    fn jvp<'t>(&self, x: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        let (a, t) = (x[0], t[0]?);
        let (tt, pt) = (t.transpose_last(), y.transpose_last());
        let inside = y.matmul(t).matmul(y);
        let columns = y.matmul(pt).matmul(tt);
        let rows = tt.matmul(pt).matmul(y);
        Some(columns - columns.matmul(a).matmul(y) + (rows - y.matmul(a.matmul(rows))) - inside)
    }
}
