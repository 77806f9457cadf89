//! The LU factorisation, and linear systems by it.

use smallvec::{SmallVec, smallvec};

use crate::array::Array;
use crate::batch::Batched;
use crate::error::Result;
use crate::kernels::vector;
use crate::op::{Arrays, Aval, Primitive};
use crate::ops::matrices::{Must, each, last, leading, resized, square, two_rows};
use crate::ops::triangular::substitute;
use crate::tape::bit;
use crate::var::Var;

/// L below and U on and above the diagonal, with `P x = L U` by partial pivoting; a last row has the rows of x in the order
/// that P gives them: `[.., n, n] -> [.., n + 1, n]`. It has no derivative: what is computed from it has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lu;

impl Primitive for Lu {
    fn name(&self) -> &'static str {
        "linalg.lu"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let n = square(self.name(), x[0])?;
        Ok(Aval::new(resized(x[0].shape, [n + 1, n]), x[0].dtype))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let (n, count) = (last(out.shape)[1], leading(out.shape).size());
        each(x, out, count, &mut |_, x, y| {
            let (lu, order) = y.split_at_mut(n * n);
            lu.copy_from_slice(x[0]);
            factor(lu, n, order);
            Ok(())
        })
    }

    fn active(&self, _: usize) -> bool {
        false
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(*self))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, _: Var<'t>) -> Option<Var<'t>> {
        None
    }
}

/// `y = a⁻¹ b`, or `a⁻ᵀ b`, for a, b and the factors of a ([`Lu`]) with equal leading dimensions. The value is computed
/// from the factors, the derivative goes to a (Giles, 2008, 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Solve {
    /// Whether a is transposed.
    pub transpose: bool,
    /// What is refused where a is singular.
    pub must: Must,
}

impl Primitive for Solve {
    fn name(&self) -> &'static str {
        "linalg.solve"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        Ok(x[1])
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let (n, count) = (last(out.shape)[0], leading(out.shape).size());
        each(x, out, count, &mut |k, x, y| {
            let (lu, order) = x[1].split_at(n * n);
            if (0..n).any(|i| lu[i * (n + 1)] == 0.0) {
                return self.must.refuse(k, count);
            }
            solve(lu, order, x[0], y, self.transpose);
            Ok(())
        })
    }

    fn reads(&self, i: usize) -> bool {
        i != 0
    }

    fn active(&self, i: usize) -> bool {
        i != 2
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        let x: SmallVec<[Var<'t>; 3]> = x.iter().map(|x| x.stacked(size)).collect();
        Some(x[0].tape().apply(*self, &x))
    }

    fn pullback<'t>(&self, wanted: u32, x: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> SmallVec<[Option<Var<'t>>; 3]> {
        let b = g.tape().apply(Solve { transpose: !self.transpose, ..*self }, &[x[0], g, x[2]]);
        let a = || {
            let [left, right] = if self.transpose { [y, b] } else { [b, y] };
            -left.matmul(right.transpose_last())
        };
        smallvec![(wanted & bit(0) != 0).then(a), Some(b), None]
    }

    fn vjp<'t>(&self, i: usize, x: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        self.pullback(bit(i), x, y, g)[i]
    }

    fn jvp<'t>(&self, x: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        let moved = t[0].map(|a| -(if self.transpose { a.transpose_last() } else { a }).matmul(y));
        let b = [moved, t[1]].into_iter().flatten().reduce(|a, b| a + b)?;
        Some(b.tape().apply(*self, &[x[0], b, x[2]]))
    }
}

/// Factors `a` in place by partial pivoting; `order` gets the row of `a` that is at each place. Gives the permutation's
/// sign. The last pivots are zero where `a` is singular.
pub(crate) fn factor(a: &mut [f64], n: usize, order: &mut [f64]) -> f64 {
    let mut sign = 1.0;
    order.iter_mut().enumerate().for_each(|(i, row)| *row = i as f64);
    for j in 0..n {
        let pivot = (j + 1..n).fold(j, |p, i| if a[i * n + j].abs() > a[p * n + j].abs() { i } else { p });
        if pivot != j {
            let (p, q) = two_rows(a, n, j, pivot);
            p.swap_with_slice(q);
            order.swap(j, pivot);
            sign = -sign;
        }
        if a[j * (n + 1)] == 0.0 {
            continue;
        }
        for i in j + 1..n {
            let (p, q) = two_rows(a, n, j, i);
            let factor = q[j] / p[j];
            q[j] = factor;
            vector::subtract(&mut q[j + 1..], factor, &p[j + 1..]);
        }
    }
    sign
}

/// `y = a⁻¹ b`, or `a⁻ᵀ b`, from the factors of `a`.
pub(crate) fn solve(lu: &[f64], order: &[f64], b: &[f64], y: &mut [f64], transpose: bool) {
    let n = order.len();
    let k = b.len().checked_div(n).unwrap_or(0);
    let places = || order.iter().map(|&row| row as usize * k).enumerate();
    if transpose {
        let mut z = b.to_vec();
        substitute(lu, n, &mut z, false, true, false);
        substitute(lu, n, &mut z, true, true, true);
        places().for_each(|(i, row)| y[row..row + k].copy_from_slice(&z[i * k..][..k]));
    } else {
        places().for_each(|(i, row)| y[i * k..][..k].copy_from_slice(&b[row..row + k]));
        substitute(lu, n, y, true, false, true);
        substitute(lu, n, y, false, false, false);
    }
}
