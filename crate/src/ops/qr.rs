//! The QR factorisation.

use crate::array::Array;
use crate::batch::Batched;
use crate::compose::triangle;
use crate::error::Result;
use crate::op::{Arrays, Aval, Primitive};
use crate::ops::matrices::{Must, each, last, leading, resized, rows, sizes, stacked};
use crate::ops::triangular::TriangularSolve;
use crate::var::Var;

/// `x = Q R` for `[.., m, n]` with m ≥ n: Q with orthonormal columns `[.., m, n]` and below it `Rᵀ`, by Householder
/// reflections with LAPACK's signs. The derivatives are those of Seeger et al., "Auto-differentiating linear algebra"
/// (2017); they exist where the columns of x are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qr;

/// Q and R.
fn parts<'t>(y: Var<'t>) -> [Var<'t>; 2] {
    let [rows_of_both, n] = last(y.shape());
    [rows(y, 0, rows_of_both - n), rows(y, rows_of_both - n, n).transpose_last()]
}

/// `x R⁻ᵀ`.
fn over<'t>(x: Var<'t>, r: Var<'t>, transpose: bool) -> Var<'t> {
    let must = Must { op: "linalg.qr", be: "of full column rank where it is differentiated" };
    r.tape().apply(TriangularSolve { lower: false, transpose, must }, &[r, x.transpose_last()]).transpose_last()
}

impl Primitive for Qr {
    fn name(&self) -> &'static str {
        "linalg.qr"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let [m, n] = sizes(self.name(), x[0])?;
        Ok(Aval::new(resized(x[0].shape, [m + n, n]), x[0].dtype))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let (shape, count) = (x[0].shape(), leading(out.shape).size());
        let [m, n] = last(shape);
        each(x, out, count, &mut |_, x, y| {
            let (q, r) = y.split_at_mut(m * n);
            factor(x[0], m, n, q, r);
            Ok(())
        })
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(*self))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        let ([q, r], [gq, gr]) = (parts(y), parts(g));
        let m = r.matmul(gr.transpose_last()) - gq.transpose_last().matmul(q);
        // The lower triangle, mirrored above the diagonal.
        let mirrored = triangle::lower(m, 0) + triangle::lower(m, -1).transpose_last();
        Some(over(gq + q.matmul(mirrored), r, false))
    }

    fn jvp<'t>(&self, _: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        let [q, r] = parts(y);
        let x = over(t[0]?, r, true);
        let m = q.transpose_last().matmul(x);
        let below = triangle::lower(m, -1);
        // What is left of m above: dR R⁻¹.
        let up = m - below + below.transpose_last();
        Some(stacked(&[x - q.matmul(up), up.matmul(r).transpose_last()]))
    }
}

/// Overwrites `a` with the vectors of its reflections; writes Q and the transpose of R, which are zero before.
fn factor(a: &mut [f64], m: usize, n: usize, q: &mut [f64], rt: &mut [f64]) {
    let mut scales = vec![0.0; n];
    // I - scale v vᵀ on columns `from..` of x, v being column j of a with 1 on the diagonal.
    fn reflect(x: &mut [f64], v: &[f64], [m, n]: [usize; 2], scale: f64, from: usize) {
        let first = m - v.len();
        for c in from..n {
            let dot: f64 = v.iter().enumerate().map(|(i, v)| v * x[(first + i) * n + c]).sum();
            v.iter().enumerate().for_each(|(i, v)| x[(first + i) * n + c] -= scale * dot * v);
        }
    }
    let vector =
        |a: &[f64], j: usize| -> Vec<f64> { (j..m).map(|i| if i == j { 1.0 } else { a[i * n + j] }).collect() };
    for j in 0..n {
        let alpha = a[j * (n + 1)];
        let below = || (j + 1..m).map(|i| i * n + j);
        let largest = below().fold(alpha.abs(), |largest, at| largest.max(a[at].abs()));
        if below().all(|at| a[at] == 0.0) {
            continue;
        }
        let square = |x: f64| (x / largest) * (x / largest);
        let norm = largest * below().fold(square(alpha), |sum, at| sum + square(a[at])).sqrt();
        let beta = -norm.copysign(alpha);
        scales[j] = (beta - alpha) / beta;
        below().for_each(|at| a[at] /= alpha - beta);
        a[j * (n + 1)] = beta;
        reflect(a, &vector(a, j), [m, n], scales[j], j + 1);
    }
    for i in 0..n {
        q[i * (n + 1)] = 1.0;
        (0..=i).for_each(|j| rt[i * n + j] = a[j * n + i]);
    }
    for j in (0..n).rev() {
        reflect(q, &vector(a, j), [m, n], scales[j], j);
    }
}
