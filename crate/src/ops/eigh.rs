//! Eigenvalues and eigenvectors of symmetric matrices.

use crate::array::Array;
use crate::batch::Batched;
use crate::compose::triangle;
use crate::error::Result;
use crate::kernels::vector::rotate;
use crate::op::{Arrays, Aval, Primitive};
use crate::ops::matrices::{
    diagonal_row, each, finite, jacobi, last, leading, ordered, reciprocal, resized, rounding, rows, sign_of_largest,
    square, stacked, two_rows,
};
use crate::real::Real;
use crate::var::Var;

/// `x = V diag(w) Vᵀ` for symmetric x: V, in columns, and below it the row w, in ascending order. The largest component of
/// each eigenvector in magnitude is positive. The derivatives (Giles, 2008, 3.1) are those for symmetric tangents; they
/// leave out what two eigenvectors of equal eigenvalues would give each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eigh;

/// V and w.
fn parts<'t>(y: Var<'t>) -> [Var<'t>; 2] {
    let n = last(y.shape())[1];
    [rows(y, 0, n), rows(y, n, 1)]
}

/// `1 / (w_j - w_i)`, 0 where they are equal up to rounding.
fn gaps(w: Var<'_>) -> Var<'_> {
    let d = w - w.transpose_last();
    reciprocal(d.abs().le(rounding(w)), d)
}

impl Primitive for Eigh {
    fn name(&self) -> &'static str {
        "linalg.eigh"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let n = square(self.name(), x[0])?;
        Ok(Aval::new(resized(x[0].shape, [n + 1, n]), x[0].dtype))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let (n, count) = (last(out.shape)[1], leading(out.shape).size());
        each(x, out, count, &mut |_, x, y| {
            factor(x[0], n, y);
            Ok(())
        })
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(*self))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        let ([v, w], [gv, gw]) = (parts(y), parts(g));
        let inside = triangle::diagonal(gw) + gaps(w) * v.transpose_last().matmul(gv);
        Some(v.matmul(inside).matmul(v.transpose_last()))
    }

    fn jvp<'t>(&self, _: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        let [v, w] = parts(y);
        let e = v.transpose_last().matmul(t[0]?).matmul(v);
        Some(stacked(&[v.matmul(gaps(w) * e), diagonal_row(e)]))
    }
}

/// Rotates `a` to a diagonal matrix by Jacobi's method (Golub and Van Loan, "Matrix computations", 8.5), which is exact for
/// what is diagonal, and as good for equal eigenvalues as for others.
fn factor(a: &mut [f64], n: usize, y: &mut [f64]) {
    if !finite(a) {
        return y.fill(f64::NAN);
    }
    let (vt, w) = y.split_at_mut(n * n);
    (0..n).for_each(|i| vt[i * (n + 1)] = 1.0);
    let largest = a.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    // Each sweep squares what is left beside the diagonal; seven are usual.
    for _ in 0..40 {
        let mut still = true;
        for p in 0..n {
            for q in p + 1..n {
                let beside = a[p * n + q];
                if beside.abs() <= 1e-20 * largest {
                    continue;
                }
                still = false;
                let [c, s] = jacobi((a[q * (n + 1)] - a[p * (n + 1)]) / (2.0 * beside));
                rotate(two_rows(a, n, p, q), c, s);
                for row in a.chunks_exact_mut(n) {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
                (a[p * n + q], a[q * n + p]) = (0.0, 0.0);
                rotate(two_rows(vt, n, p, q), c, s);
            }
        }
        if still {
            break;
        }
    }
    let order = ordered(n, &|i, j| a[i * (n + 1)].total_cmp(&a[j * (n + 1)]).is_lt());
    w.iter_mut().zip(&order).for_each(|(w, &k)| *w = a[k * (n + 1)]);
    for (j, &k) in order.iter().enumerate() {
        let v = &vt[k * n..][..n];
        let sign = sign_of_largest(v.iter().copied());
        v.iter().enumerate().for_each(|(i, v)| a[i * n + j] = sign * v);
    }
    vt.copy_from_slice(a);
}
