//! Singular values and vectors.

use crate::array::Array;
use crate::batch::Batched;
use crate::compose::triangle;
use crate::error::Result;
use crate::kernels::vector::{dot, rotate};
use crate::op::{Arrays, Aval, Primitive};
use crate::ops::matrices::{
    diagonal_row, each, finite, jacobi, last, leading, ordered, reciprocal, resized, rounding, rows, sign_of_largest,
    sizes, stacked, two_rows,
};
use crate::real::Real;
use crate::var::Var;

/// `x = U diag(s) Vᵀ` for `[.., m, n]` with m ≥ n: U `[.., m, n]`, below it V `[.., n, n]`, both in columns, and the row s in
/// descending order. The derivatives are those of Townsend, "Differentiating the singular value decomposition" (2016);
/// they leave out what singular vectors of equal singular values would give each other, and those of zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Svd {
    /// Whether the largest component in magnitude of each column of V is positive, rather than of U.
    pub right: bool,
}

/// U, V and s.
fn parts<'t>(y: Var<'t>) -> [Var<'t>; 3] {
    let [all, n] = last(y.shape());
    let m = all - n - 1;
    [rows(y, 0, m), rows(y, m, n), rows(y, m + n, 1)]
}

/// `1 / (s_j² - s_i²)`, and `1 / s_j`, 0 where two or one of them are zero up to rounding.
fn gaps(s: Var<'_>) -> [Var<'_>; 2] {
    let (small, column) = (rounding(s), s.transpose_last());
    let d = s - column;
    [reciprocal(d.abs().le(small), d * (s + column)), reciprocal(s.le(small), s)]
}

/// A matrix minus its transpose.
fn skew(x: Var<'_>) -> Var<'_> {
    x - x.transpose_last()
}

impl Primitive for Svd {
    fn name(&self) -> &'static str {
        "linalg.svd"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let [m, n] = sizes(self.name(), x[0])?;
        Ok(Aval::new(resized(x[0].shape, [m + n + 1, n]), x[0].dtype))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let ([m, n], count) = (last(x[0].shape()), leading(out.shape).size());
        each(x, out, count, &mut |_, x, y| {
            factor(x[0], m, n, self.right, y);
            Ok(())
        })
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(*self))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        let ([u, v, s], [gu, gv, gs]) = (parts(y), parts(g));
        let [f, inverse] = gaps(s);
        let along = u.transpose_last().matmul(gu);
        let left = f * skew(along) * s;
        let right = f * skew(v.transpose_last().matmul(gv)) * s.transpose_last();
        let inside = u.matmul(left + right + triangle::diagonal(gs));
        Some((inside + (gu - u.matmul(along)) * inverse).matmul(v.transpose_last()))
    }

    fn jvp<'t>(&self, _: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        let [u, v, s] = parts(y);
        let [f, inverse] = gaps(s);
        let moved = t[0]?.matmul(v);
        let p = u.transpose_last().matmul(moved);
        let both = |x: Var<'t>| f * (x + x.transpose_last());
        let outside = (moved - u.matmul(p)) * inverse;
        let left = u.matmul(both(p * s)) + outside;
        Some(stacked(&[left, v.matmul(both(p * s.transpose_last())), diagonal_row(p)]))
    }
}

/// Singular values and vectors by one-sided Jacobi rotations (Golub and Van Loan, "Matrix computations", 8.6), which find
/// small ones as precisely as large ones: U, V and s to `y`, which is zero before. `a` is overwritten.
pub(crate) fn factor(a: &mut [f64], m: usize, n: usize, right: bool, y: &mut [f64]) {
    if !finite(a) {
        return y.fill(f64::NAN);
    }
    let (columns, rest) = y.split_at_mut(m * n);
    let (vt, s) = rest.split_at_mut(n * n);
    let largest = a.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    let scale = if largest > 0.0 { largest } else { 1.0 };
    (0..m * n).for_each(|k| columns[k % n * m + k / n] = a[k] / scale);
    (0..n).for_each(|i| vt[i * (n + 1)] = 1.0);
    for _ in 0..60 {
        let mut still = true;
        for p in 0..n {
            for q in p + 1..n {
                let (x, z) = two_rows(columns, m, p, q);
                let (xx, zz, xz) = (dot(x, x), dot(z, z), dot(x, z));
                if xz.abs() <= 1e-15 * (xx * zz).sqrt() {
                    continue;
                }
                still = false;
                let [c, t] = jacobi((zz - xx) / (2.0 * xz));
                rotate((x, z), c, t);
                rotate(two_rows(vt, n, p, q), c, t);
            }
        }
        if still {
            break;
        }
    }
    let norms: Vec<f64> = columns.chunks(m.max(1)).map(|x| dot(x, x).sqrt()).collect();
    let order = ordered(n, &|i, j| norms[j].total_cmp(&norms[i]).is_lt());
    for (j, &k) in order.iter().enumerate() {
        s[j] = norms[k] * scale;
        let x = &columns[k * m..][..m];
        x.iter().enumerate().for_each(|(i, x)| a[i * n + j] = x / norms[k]);
        if norms[k] == 0.0 {
            complete(a, n, j);
        }
    }
    columns.copy_from_slice(a);
    for (j, &k) in order.iter().enumerate() {
        let v = &vt[k * n..][..n];
        let sign = if right {
            sign_of_largest(v.iter().copied())
        } else {
            sign_of_largest(columns.chunks_exact(n).map(|row| row[j]))
        };
        v.iter().enumerate().for_each(|(i, v)| a[i * n + j] = sign * v);
        columns.chunks_exact_mut(n).for_each(|row| row[j] *= sign);
    }
    vt.copy_from_slice(&a[..n * n]);
}

/// Makes column j of `u` a unit vector that is orthogonal to those before: what is left of the first unit vector that has
/// enough left.
fn complete(u: &mut [f64], n: usize, j: usize) {
    let m = u.len() / n;
    for unit in 0..m {
        u.chunks_exact_mut(n).enumerate().for_each(|(i, row)| row[j] = f64::from(u8::from(i == unit)));
        for _ in 0..2 {
            for k in 0..j {
                let dot: f64 = u.chunks_exact(n).map(|row| row[j] * row[k]).sum();
                u.chunks_exact_mut(n).for_each(|row| row[j] -= dot * row[k]);
            }
        }
        let square: f64 = u.chunks_exact(n).map(|row| row[j] * row[j]).sum();
        if square * m as f64 >= 0.5 {
            return u.chunks_exact_mut(n).for_each(|row| row[j] /= square.sqrt());
        }
    }
}
