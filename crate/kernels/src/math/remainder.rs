//! The remainder with the sign of the divisor, and its quotient.
//!
//! x = q y + r with r between 0 and y. r is exact before the sign is put right. A quotient below 2^26 is found by division, and
//! its product with y is two doubles, exactly; the digits of a larger one are taken off by division of whole numbers, 11 bits at a
//! time, one number after another.

use super::double::Sum;
use crate::lanes::Lanes;

/// |x| as m 2^(e - 1075) with a whole m < 2^53 and e >= 1.
fn parts(x: f64) -> (u64, u64) {
    let (bits, fraction) = (x.to_bits() & (u64::MAX >> 1), x.to_bits() & ((1 << 52) - 1));
    match bits >> 52 {
        0 => (fraction, 1),
        e => (fraction | 1 << 52, e),
    }
}

/// What is left of x after whole y, with the sign of x; exact. NaN for y = 0 and infinite x.
#[inline(never)]
pub(super) fn rest(x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() || x.is_infinite() || y == 0.0 {
        return f64::NAN;
    }
    if x.abs() < y.abs() {
        return x;
    }
    let ((mut m, e), (divisor, low)) = (parts(x), parts(y));
    let mut left = e - low;
    m %= divisor;
    while left > 0 && m > 0 {
        let step = left.min(11);
        m = (m << step) % divisor;
        left -= step;
    }
    let unit = if low > 52 { (low - 52) << 52 } else { 1 << (low - 1) };
    (m as f64 * f64::from_bits(unit)).copysign(x)
}

/// [`rest`] of every number.
#[inline(always)]
pub(super) fn rests<const N: usize>(x: Lanes<f64, N>, y: Lanes<f64, N>) -> Lanes<f64, N> {
    const MOST: f64 = 67_108_864.0;
    let (a, b, zero) = (x.abs(), y.abs(), Lanes::splat(0.0));
    // Where the quotient was rounded up to a whole number, the rest comes out negative.
    let product = Sum::product((a / b).floor(), b);
    let r = (a - product.high) - product.low;
    let r = Lanes::select(r.lt(zero), r + b, r).with_sign(x);
    // Neither infinite numbers, nor parts of the product that are too small for a double.
    let usual = a.lt(b * MOST) & b.gt(Lanes::splat(1e-270)) & b.lt(Lanes::splat(1e300));
    if usual.all() { r } else { x.zip(y, rest) }
}

/// Whether the rest must go over to the other sign.
macro_rules! crosses {
    ($r:expr, $y:expr) => {{
        let zero = Lanes::splat(0.0);
        $r.ne(zero) & ($r.lt(zero) ^ $y.lt(zero))
    }};
}

/// x - y floor(x / y).
#[inline(always)]
pub fn modulo_f32<const N: usize>(x: Lanes<f32, N>, y: Lanes<f32, N>) -> Lanes<f32, N> {
    let r = x.chunks2::<4>(y, |x, y| rests(x.widen(), y.widen()).narrow());
    let zero = Lanes::splat(0.0);
    let r = Lanes::select(crosses!(r, y), r + y, r);
    Lanes::select(r.eq(zero), zero.with_sign(y), r)
}

/// x - y floor(x / y).
#[inline(always)]
pub fn modulo_f64<const N: usize>(x: Lanes<f64, N>, y: Lanes<f64, N>) -> Lanes<f64, N> {
    let r = rests(x, y);
    let zero = Lanes::splat(0.0);
    let r = Lanes::select(crosses!(r, y), r + y, r);
    Lanes::select(r.eq(zero), zero.with_sign(y), r)
}

/// floor(x / y).
#[inline(always)]
pub fn floor_div_f32<const N: usize>(x: Lanes<f32, N>, y: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks2::<4>(y, |x, y| floor_div_f64(x.widen(), y.widen()).narrow())
}

/// floor(x / y): the quotient without the rest, which is whole but for its rounding.
#[inline(always)]
pub fn floor_div_f64<const N: usize>(x: Lanes<f64, N>, y: Lanes<f64, N>) -> Lanes<f64, N> {
    let zero = Lanes::splat(0.0);
    let r = rests(x, y);
    let whole = ((x - r) / y).round();
    // (x - r) / y is a whole number, from which two roundings lead away beyond 2^51. What they have lost and the step to the other sign
    // of the rest are added and rounded once.
    let product = Sum::product(whole, y);
    let lost = (((x - product.high) - product.low) - r) / y;
    let lost = Lanes::select(lost.eq(lost), lost, zero);
    let q = (whole + Lanes::select(crosses!(r, y), lost - 1.0, lost)).round();
    let quotient = x / y;
    let q = Lanes::select(q.eq(zero), zero.with_sign(quotient), q);
    Lanes::select(y.eq(zero), quotient, q)
}
