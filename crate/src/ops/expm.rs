//! The exponential of a matrix.

use crate::array::Array;
use crate::batch::Batched;
use crate::error::Result;
use crate::op::{Arrays, Aval, Primitive};
use crate::ops::concat::Concat;
use crate::ops::lu;
use crate::ops::matrices::{each, last, leading, product, rows, square, stacked, zeros};
use crate::ops::slice::{Range, Slice};
use crate::real::Real;
use crate::shape::{AxisSet, Shape};
use crate::var::Var;

/// `Σ xᵏ / k!`, by scaling and squaring (Higham, "The scaling and squaring method for the matrix exponential revisited",
/// 2005). Its derivative along e is the upper right block of the exponential of `[[x, e], [0, x]]` (Van Loan, 1978).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expm;

/// The coefficients of the Padé approximant of order 13, and the norm up to which it is precise.
const PADE: [f64; 14] = [
    64_764_752_532_480_000.0,
    32_382_376_266_240_000.0,
    7_771_770_303_897_600.0,
    1_187_353_796_428_800.0,
    129_060_195_264_000.0,
    10_559_470_521_600.0,
    670_442_572_800.0,
    33_522_128_640.0,
    1_323_241_920.0,
    40_840_800.0,
    960_960.0,
    16_380.0,
    182.0,
    1.0,
];
const THETA: f64 = 5.371_920_351_148_152;

impl Primitive for Expm {
    fn name(&self) -> &'static str {
        "linalg.expm"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        square(self.name(), x[0])?;
        Ok(x[0])
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let n = square(self.name(), out)?;
        let mut work = zeros(Shape::of(&[5 * n * n]))?;
        each(x, out, leading(out.shape).size(), &mut |_, x, y| {
            exponential(x[0], n, y, work.values_mut::<f64>());
            Ok(())
        })
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(*self))
    }

    fn vjp<'t>(&self, _: usize, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        Some(along(x[0].transpose_last(), g))
    }

    fn jvp<'t>(&self, x: &[Var<'t>], _: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        t[0].map(|t| along(x[0], t))
    }
}

/// The derivative of [`Expm`] at x along e: linear in e, so that a rule of which it is a part can be transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpmAlong;

impl Primitive for ExpmAlong {
    fn name(&self) -> &'static str {
        Expm.name()
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        Expm.infer(x)
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let n = square(self.name(), out)?;
        let mut parts = zeros(Shape::of(&[7 * 4 * n * n]))?;
        each(x, out, leading(out.shape).size(), &mut |_, x, y| {
            let (block, rest) = parts.values_mut::<f64>().split_at_mut(4 * n * n);
            let (whole, work) = rest.split_at_mut(4 * n * n);
            let size: f64 = x[1].iter().map(|e| e.abs()).sum();
            let size = if size > 0.0 { size } else { 1.0 };
            block.fill(0.0);
            for (k, (&x, &e)) in x[0].iter().zip(x[1].iter()).enumerate() {
                let at = k / n * 2 * n + k % n;
                (block[at], block[at + n], block[at + 2 * n * n + n]) = (x, e / size, x);
            }
            exponential(block, 2 * n, whole, work);
            (0..n * n).for_each(|k| y[k] = whole[k / n * 2 * n + n + k % n] * size);
            Ok(())
        })
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        Some(along(x[0].stacked(size), x[1].stacked(size)))
    }

    fn vjp<'t>(&self, i: usize, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        if i == 1 {
            return Some(along(x[0].transpose_last(), g));
        }
        let (n, zero, size) = (last(g.shape())[0], g.full_like(0.0), size(x[1]));
        let found = along(blocks(x[0], x[1] / size, x[0]).transpose_last(), blocks(zero, g, zero));
        Some((part(found, n, 0, 0) + part(found, n, n, n)) * size)
    }

    fn jvp<'t>(&self, x: &[Var<'t>], _: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        let Some(dx) = t[0] else { return t[1].map(|de| along(x[0], de)) };
        let (n, size) = (last(dx.shape())[0], size(x[1]));
        let de = t[1].map_or_else(|| x[1].full_like(0.0), |de| de / size);
        Some(part(along(blocks(x[0], x[1] / size, x[0]), blocks(dx, de, dx)), n, 0, n) * size)
    }
}

/// The derivative at x along e.
fn along<'t>(x: Var<'t>, e: Var<'t>) -> Var<'t> {
    x.tape().apply(ExpmAlong, &[x, e])
}

/// The sum of the magnitudes in each matrix, 1 for zero: the size of a direction must not decide how often x is squared.
fn size(e: Var<'_>) -> Var<'_> {
    let ndim = e.shape().ndim();
    let norm = e.stop_gradient().abs().sum(AxisSet::from_iter([ndim - 2, ndim - 1]), true);
    Var::select(norm.gt(norm.zero()), norm, norm.one())
}

/// `[[a, b], [0, c]]`, whose exponential has the derivative at a along b in its upper right block where c is a.
fn blocks<'t>(a: Var<'t>, b: Var<'t>, c: Var<'t>) -> Var<'t> {
    let beside = |parts: &[Var<'t>]| a.tape().apply(Concat { axis: a.shape().ndim() - 1 }, parts);
    stacked(&[beside(&[a, b]), beside(&[a.full_like(0.0), c])])
}

/// The block of n rows and columns from here.
fn part(x: Var<'_>, n: usize, row: usize, column: usize) -> Var<'_> {
    let top = rows(x, row, n);
    top.apply(Slice::along(&top.shape(), x.shape().ndim() - 1, Range { start: column, len: n, step: 1 }))
}

/// Writes the exponential of `a`, which is overwritten, to `y`. `work` has room for five matrices.
fn exponential(a: &mut [f64], n: usize, y: &mut [f64], work: &mut [f64]) {
    if n == 0 {
        return;
    }
    let norm = (0..n).map(|j| (0..n).map(|i| a[i * n + j].abs()).sum::<f64>());
    let mut norm = norm.fold(0.0, |most: f64, x| if x > most || x.is_nan() { x } else { most });
    if !norm.is_finite() {
        return y.fill(f64::NAN);
    }
    let (mut squarings, mut scale) = (0, 1.0);
    while norm > THETA {
        (norm, scale, squarings) = (norm / 2.0, scale / 2.0, squarings + 1);
    }
    a.iter_mut().for_each(|a| *a *= scale);
    let set = |a: &[f64], b: &[f64], y: &mut [f64]| {
        y.fill(0.0);
        product(a, b, y, n, n);
    };
    let mut parts = work.chunks_exact_mut(n * n);
    let [Some(a2), Some(a4), Some(a6), Some(u), Some(v)] = std::array::from_fn(|_| parts.next()) else { return };
    set(a, a, a2);
    set(a2, a2, a4);
    set(a2, a4, a6);
    // The odd part of the numerator without its factor a, then the even part: a6 times three terms, and four more.
    for (k, to) in [(1, &mut *y), (0, &mut *v)] {
        (0..n * n).for_each(|i| u[i] = PADE[12 + k] * a6[i] + PADE[10 + k] * a4[i] + PADE[8 + k] * a2[i]);
        set(a6, u, to);
        (0..n * n).for_each(|i| to[i] += PADE[6 + k] * a6[i] + PADE[4 + k] * a4[i] + PADE[2 + k] * a2[i]);
        (0..n).for_each(|i| to[i * (n + 1)] += PADE[k]);
    }
    set(a, y, u);
    (0..n * n).for_each(|i| (a2[i], a4[i]) = (v[i] - u[i], v[i] + u[i]));
    let mut order = vec![0.0; n];
    lu::factor(a2, n, &mut order);
    lu::solve(a2, &order, a4, y, false);
    for _ in 0..squarings {
        u.copy_from_slice(y);
        set(u, u, y);
    }
}
