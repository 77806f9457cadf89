//! Determinants.

use crate::array::Array;
use crate::batch::Batched;
use crate::compose::triangle;
use crate::error::Result;
use crate::kernels::lanes::Lanes;
use crate::op::{Arrays, Aval, Keeps, Primitive};
use crate::ops::concat::Concat;
use crate::ops::lu::{self, Lu, Solve};
use crate::ops::matrices::{Must, each, inner, leading, product, square};
use crate::ops::slice::{Range, Slice};
use crate::ops::svd;
use crate::real::Real;
use crate::shape::Shape;
use crate::var::Var;

/// What is computed from the LU factors of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Determinant {
    /// The determinant, `[.., n, n] -> [..]`. Its derivative is the matrix of cofactors, also where that is singular.
    Value,
    /// Its sign and the logarithm of its magnitude, `[.., n, n] -> [.., 2]`. The derivative of the latter is `x⁻ᵀ`.
    Log,
    /// The cofactors, `[.., n, n] -> [.., n, n]`: `det(x) x⁻ᵀ`, of a matrix near a singular one from its singular values. Their
    /// derivative `(tr(Cᵀ t) C - C tᵀ C) / det(x)` exists where x is not singular.
    Cofactors,
}

impl Primitive for Determinant {
    fn name(&self) -> &'static str {
        match self {
            Determinant::Value => "linalg.det",
            Determinant::Log => "linalg.slogdet",
            Determinant::Cofactors => "linalg.cofactors",
        }
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        square(self.name(), x[0])?;
        let mut shape = leading(x[0].shape);
        match self {
            Determinant::Value => {}
            Determinant::Log => shape.push(2),
            Determinant::Cofactors => shape = x[0].shape,
        }
        Ok(Aval::new(Shape::new(self.name(), &shape)?, x[0].dtype))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let shape = x[0].shape();
        let (n, count) = (shape[shape.ndim() - 1], leading(shape).size());
        let mut order = vec![0.0; n];
        each(x, out, count, &mut |_, x, y| {
            let original = if *self == Determinant::Cofactors { x[0].to_vec() } else { Vec::new() };
            let lu = &mut *x[0];
            let sign = lu::factor(lu, n, &mut order);
            let pivots = (0..n).map(|i| lu[i * (n + 1)]);
            let det = pivots.clone().fold(sign, |det, u| det * u);
            match self {
                Determinant::Value => y[0] = det,
                Determinant::Log => {
                    let sign = pivots.clone().fold(sign, |sign, u| if u == 0.0 { 0.0 } else { sign * u.signum() });
                    let log: f64 = pivots.map(|u| Lanes([u.abs()]).ln().0[0]).sum();
                    y.copy_from_slice(&[sign, log]);
                }
                Determinant::Cofactors => {
                    let largest = pivots.clone().fold(0.0f64, |m, u| m.max(u.abs()));
                    if pivots.clone().all(|u| u.abs() > 1e-6 * largest) {
                        let mut b = vec![0.0; n * n];
                        (0..n).for_each(|i| b[i * (n + 1)] = det);
                        lu::solve(lu, &order, &b, y, true);
                    } else {
                        near_singular(original, n, y);
                    }
                }
            }
            Ok(())
        })
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(*self))
    }

    fn keeps(&self, _: u32) -> Option<Keeps> {
        Some(Keeps { inputs: 1, output: *self == Determinant::Cofactors })
    }

    fn vjp<'t>(&self, _: usize, x: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        let shape = g.shape();
        match self {
            Determinant::Value => Some(as_matrices(g) * x[0].apply(Determinant::Cofactors)),
            Determinant::Log => {
                let log = Slice::along(&shape, shape.ndim() - 1, Range { start: 1, len: 1, step: 1 });
                let log = g.apply(log).reshape(leading(x[0].shape()));
                Some(as_matrices(log) * inverse_transposed(x[0]))
            }
            Determinant::Cofactors => Some(moved_cofactors(x[0], y, g)),
        }
    }

    fn jvp<'t>(&self, x: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        let t = t[0]?;
        let shape = leading(x[0].shape());
        Some(match self {
            Determinant::Value => inner(x[0].apply(Determinant::Cofactors), t).reshape(shape),
            Determinant::Log => {
                let mut column = shape;
                column.push(1);
                let log = inner(inverse_transposed(x[0]), t).reshape(column);
                t.tape().apply(Concat { axis: shape.ndim() }, &[log.full_like(0.0), log])
            }
            Determinant::Cofactors => moved_cofactors(x[0], y, t),
        })
    }
}

/// `[..] -> [.., 1, 1]`.
fn as_matrices(x: Var<'_>) -> Var<'_> {
    let mut shape = x.shape();
    shape.push(1);
    shape.push(1);
    x.reshape(shape)
}

fn inverse_transposed(x: Var<'_>) -> Var<'_> {
    let shape = x.shape();
    let one = triangle::identity(x, shape[shape.ndim() - 1]).expand(shape);
    let must = Must { op: "linalg.slogdet", be: "invertible where it is differentiated" };
    x.tape().apply(Solve { transpose: true, must }, &[x, one, x.apply(Lu)])
}

/// The derivative of the cofactors c of x along t; it is symmetric, so this is the pullback as well.
fn moved_cofactors<'t>(x: Var<'t>, c: Var<'t>, t: Var<'t>) -> Var<'t> {
    let det = as_matrices(x.apply(Determinant::Value));
    (inner(c, t) * c - c.matmul(t.transpose_last()).matmul(c)) / det
}

/// The cofactors of `a = U S Vᵀ`: `det(U) det(V) U C Vᵀ`, C being those of S.
fn near_singular(mut a: Vec<f64>, n: usize, y: &mut [f64]) {
    let mut parts = vec![0.0; (2 * n + 1) * n];
    svd::factor(&mut a, n, n, false, &mut parts);
    let (u, rest) = parts.split_at_mut(n * n);
    let (v, s) = rest.split_at_mut(n * n);
    // V is transposed: the product with U is orthogonal, with determinant 1 or -1.
    let mut vt = vec![0.0; n * n];
    (0..n * n).for_each(|k| vt[k] = v[k % n * n + k / n]);
    let mut turn = vec![0.0; n * n];
    product(u, &vt, &mut turn, n, n);
    let mut order = vec![0.0; n];
    let sign = lu::factor(&mut turn, n, &mut order);
    let sign = (0..n).fold(sign, |sign, i| sign * turn[i * (n + 1)].signum());
    for j in 0..n {
        let others = (0..n).filter(|&i| i != j).fold(sign, |c, i| c * s[i]);
        (0..n).for_each(|i| u[i * n + j] *= others);
    }
    product(u, &vt, y, n, n);
}
