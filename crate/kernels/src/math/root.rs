//! cbrt and hypot.
//!
//! x = 2^k m with k = 3 q + r, r in {-1, 0, 1}: a polynomial for the root of m, times the root of 2^r, times 2^q, which
//! is exact. Each step of Newton's method doubles the digits; the last one in double precision takes what is left of m
//! 2^r from the cube as a sum of two numbers, so that the result is rounded once, and the roots of cubes are exact.

use super::double::Sum;
use super::exp::{ROUND_F64, power_of_two_f64};
use super::log::{Split, split_f64};
use crate::lanes::Lanes;

/// |x| = v 2^(3 q): (v, y, 2^q) with y³ = v to 2^-37, for finite x other than 0.
#[inline(always)]
fn start<const N: usize>(x: Lanes<f64, N>) -> (Lanes<f64, N>, Lanes<f64, N>, Lanes<f64, N>) {
    let Split { k, f } = split_f64(x.abs());
    let shifted = k * (1.0 / 3.0) + ROUND_F64;
    let r = k - (shifted - ROUND_F64) * 3.0;
    let pick = |above: f64, below: f64| {
        let side = Lanes::select(r.gt(Lanes::splat(0.0)), Lanes::splat(above), Lanes::splat(below));
        Lanes::select(r.eq(Lanes::splat(0.0)), Lanes::splat(1.0), side)
    };
    let v = (f + 1.0) * pick(2.0, 0.5);
    let y = pick(1.259_921_049_894_873_2, 0.793_700_525_984_099_8)
        * poly!(f; 0.999_999_011_232_578_1, 0.333_320_286_474_152_57, -0.110_963_863_701_481_01, 0.062_288_465_796_458_276,
            -0.044_785_453_177_354_474, 0.026_954_151_277_021_804);
    (v, y - (y - v / (y * y)) * (1.0 / 3.0), power_of_two_f64(shifted))
}

/// x itself where the root is no other number: at 0, ±inf and NaN.
macro_rules! root_edges {
    ($t:ident, $x:expr, $y:expr) => {{
        let (x, a) = ($x, $x.abs());
        let proper = a.gt(Lanes::splat(0.0)) & a.lt(Lanes::splat($t::INFINITY));
        Lanes::select(proper, $y.with_sign(x), x)
    }};
}

/// The cube root.
#[inline(always)]
pub fn cbrt_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks::<4>(|x| {
        let (_, y, scale) = start(x.widen());
        root_edges!(f32, x, (y * scale).narrow())
    })
}

/// The cube root.
#[inline(always)]
pub fn cbrt_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    x.chunks::<2>(|x| {
        let (v, y, scale) = start(x);
        let square = Sum::product(y, y);
        let cube = square.times(Sum::from(y));
        let rest = (v - cube.high) - cube.low;
        root_edges!(f64, x, ((y + rest / (square.high * 3.0)) * scale))
    })
}

/// √(x² + y²), of which the squares are finite in double precision.
#[inline(always)]
pub fn hypot_f32<const N: usize>(x: Lanes<f32, N>, y: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks2::<8>(y, |a, b| {
        let (x, y) = (a.widen(), b.widen());
        infinite(x, y, (x * x + y * y).sqrt()).narrow()
    })
}

/// √(x² + y²), scaled by a power of two where the squares would leave the range.
#[inline(always)]
pub fn hypot_f64<const N: usize>(x: Lanes<f64, N>, y: Lanes<f64, N>) -> Lanes<f64, N> {
    const LARGE: f64 = 1e150;
    const UP: f64 = 4.149_515_568_880_993e180; // 2^600
    let (large, small) =
        (x.abs().pmax(y.abs()).gt(Lanes::splat(LARGE)), x.abs().pmax(y.abs()).lt(Lanes::splat(1.0 / LARGE)));
    let pick = |down: f64, up: f64| {
        Lanes::select(large, Lanes::splat(down), Lanes::select(small, Lanes::splat(up), Lanes::splat(1.0)))
    };
    let (a, b) = (x * pick(1.0 / UP, UP), y * pick(1.0 / UP, UP));
    infinite(x, y, (a * a + b * b).sqrt() * pick(UP, 1.0 / UP))
}

/// Infinity where x or y is infinite, even beside NaN (IEEE 754-2019, 9.2.1), else the length.
#[inline(always)]
fn infinite<const N: usize>(x: Lanes<f64, N>, y: Lanes<f64, N>, length: Lanes<f64, N>) -> Lanes<f64, N> {
    let inf = Lanes::splat(f64::INFINITY);
    Lanes::select(x.abs().eq(inf) | y.abs().eq(inf), inf, length)
}
