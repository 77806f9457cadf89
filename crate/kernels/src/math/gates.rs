//! silu, gelu and its approximation by tanh, mish: x times a gate between 0 and 1 that falls like an exponential to the
//! left.
//!
//! There the gate alone would be a denormal number, with few digits, long before its product with x is. So x is
//! multiplied before the power of two is applied, or in single precision in doubles.

use super::Usual;
use super::double::Sum;
use super::erf::{normal_near_f64, normal_tail_f64};
use super::exp::{
    ROUND_BIASED_F32, exp_to_single, fraction_of_any_f32, fraction_of_minus_sum_f32, is_moderate,
    one_plus_exp_of_minus_f32, power_of_two_f32, power_of_two_f64, scale_f32, scale_f64, significand_f64,
};
use crate::lanes::{Lanes, Mask};

/// x / (1 + e) to the right, x (1 + f) / (1 + e) 2^n to the left, for e = (1 + f) 2^n = e^-|v|. There f takes on what the
/// rounding of d = 1 + e lost, a part lost / d of d, 1 / d being nearly 1 - e / 2.
macro_rules! gated {
    ($x:expr, $left:expr, $f:expr, $e:expr, $scale:ident, $shifted:expr) => {{
        let (x, left, e) = ($x, $left, $e);
        let d = e + 1.0;
        let f = $f - (e - (d - 1.0)) * (Lanes::splat(1.0) - e * 0.5);
        let y = Lanes::select(left, x * f + x, x) / d;
        Lanes::select(left, $scale(y, $shifted), y)
    }};
}

/// x σ(x) = x / (1 + e^-x), and by [`gated!`] where the exponential is no normal number.
#[inline(always)]
pub fn silu_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    usual!(x, is_moderate, x / one_plus_exp_of_minus_f32(x), |x| gated_f32(x.pmax(Lanes::splat(-110.0)), x))
}

/// x σ(v), by [`gated!`].
#[inline(always)]
fn gated_f32<const N: usize>(x: Lanes<f32, N>, v: Lanes<f32, N>) -> Lanes<f32, N> {
    let (f, shifted) = fraction_of_any_f32(-v.abs());
    gated!(x, v.lt(Lanes::splat(0.0)), f, scale_f32(f + 1.0, shifted), scale_f32, shifted)
}

/// x σ(v).
#[inline(always)]
fn gated_f64<const N: usize>(x: Lanes<f64, N>, v: Sum<N>) -> Lanes<f64, N> {
    let left = v.high.lt(Lanes::splat(0.0));
    let minus = Sum::select(left, v, v.minus());
    let (p, shifted) = significand_f64(minus.high.pmax(Lanes::splat(-760.0)), minus.low);
    gated!(x, left, (p.high - 1.0) + p.low, scale_f64(p.high, shifted), scale_f64, shifted)
}

/// σ(x), by [`gated!`] of 1.
#[inline(always)]
pub fn logistic_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    gated_f64(Lanes::splat(1.0), Sum::from(x))
}

/// σ(x), as [`silu_f32`].
#[inline(always)]
pub fn logistic_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    let y = Lanes::splat(1.0) / one_plus_exp_of_minus_f32(x);
    usual!(x, is_moderate, y, |x| gated_f32(Lanes::splat(1.0), x))
}

/// x σ(x).
#[inline(always)]
pub fn silu_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    let x = x.pmax(Lanes::splat(-760.0));
    gated_f64(x, Sum::from(x))
}

/// x between -30 and 30, where the gate of gelu's approximation is 0 or 1 in every type.
#[inline(always)]
fn until_flat<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    x.pmin(Lanes::splat(30.0)).pmax(Lanes::splat(-30.0))
}

/// 2 √(2/π), and 0.044715 times that, as sums.
const SLOPE: (f64, f64) = (1.595_769_121_605_730_8, -9.969_308_809_110_92e-17);
const CUBIC: (f64, f64) = (0.071_354_816_272_600_25, -6.175_149_918_155_315e-19);

/// x σ(v), v = 2 √(2/π) (x + 0.044715 x³). The error of v is one of the result, up to 745 times as large in double
/// precision: so v is a sum of two doubles there.
#[inline(always)]
pub fn gelu_tanh_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    x.chunks::<2>(|x| {
        let sum = |(high, low)| Sum { high: Lanes::splat(high), low: Lanes::splat(low) };
        let near = until_flat(x);
        let v = sum(CUBIC).times(Sum::product(near, near)).plus(sum(SLOPE)).times(Sum::from(near));
        gated_f64(x.pmax(Lanes::splat(-30.0)), v)
    })
}

/// x σ(v); as [`gelu_tanh_f64`].
#[inline(always)]
pub fn gelu_tanh_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    let x = x.widen().pmax(Lanes::splat(-30.0));
    let near = until_flat(x);
    let v = near * (near * near * CUBIC.0 + SLOPE.0);
    let e = exp_to_single((-v.abs()).pmax(Lanes::splat(-700.0)));
    let gate = Lanes::select(v.lt(Lanes::splat(0.0)), e, Lanes::splat(1.0)) / (e + 1.0);
    (x * gate).narrow()
}

/// x Φ(x) = max(x, 0) - a Φ(-a) for a = |x|, where Φ(-a) = e^-E / 2 with E = a (a 61/128 + 1/2) + a p(a) / q(a), a quotient
/// that is small, below 0.2: so its errors are. What stands before it is exact for the leading 8 bits of a, b, and another
/// small number for the others. Of all x, the largest error is 2 ulp from -5 on and 2.6 from -8 on.
#[inline(always)]
pub fn gelu_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    const ROUND: f32 = ROUND_BIASED_F32 - 1.0;
    // beyond, nothing is left of a Φ(-a) beside x
    let a = x.abs().pmin(Lanes::splat(8.0));
    let p = poly!(a; 0.297_884_64, 0.015_978_113, -0.010_176_999_5, -0.003_400_904_8, 0.000_351_596_36);
    let q = poly!(a; 1.0, 0.584_897_94, 0.154_566_2, 0.015_450_343_5, -8.159_574_5e-6);
    let b = Lanes::<f32, N>::from_bits(a.to_bits() & Lanes::splat(-1 << 16));
    let slope = b * (61.0 / 128.0) + 0.5;
    let rest = (a - b) * (a * (61.0 / 128.0) + slope) + a * p / q;
    let (f, shifted) = fraction_of_minus_sum_f32(b * slope, rest, ROUND);
    let y = x.pmax(Lanes::splat(-0.0)) - (a * f + a) * power_of_two_f32(shifted);
    usual!(x, is_not_far_left, y, |x| gelu_in_doubles(x))
}

/// Whether the quotient in [`gelu_f32`] is good enough for x.
#[inline(always)]
fn is_not_far_left<const N: usize>(x: Lanes<f32, N>) -> Usual<N> {
    // From 0 on to NaN, and then from -0 on, in the order of their bits without a sign.
    Usual { number: x.to_bits() + i32::MIN, limit: ((-8.0_f32).to_bits() ^ i32::MIN.cast_unsigned()).cast_signed() }
}

/// x Φ(x) = max(x, 0) - a Φ(-a) for a = |x|, where Φ(-a) = e^(-a²/2) q(t) / (a + 3.25) with a polynomial in
/// t = (a - 3.25) / (a + 3.25).
#[inline(always)]
fn gelu_in_doubles(x: Lanes<f32, 4>) -> Lanes<f32, 4> {
    const MIDDLE: f64 = 3.25;
    let a = x.abs().pmin(Lanes::splat(15.0)).widen();
    let s = Lanes::splat(1.0) / (a + MIDDLE);
    let q = poly!((a - MIDDLE) * s; 0.737_438_400_192_972_1, -0.539_486_708_084_564_9, 0.274_453_894_880_664_7, -0.080_924_731_867_471_82, 0.001_096_917_478_691_138_8, 0.008_305_544_798_726_423, -0.001_161_412_395_017_812_4, -0.001_052_527_990_649_846_6, 0.000_139_138_677_969_178_65, 0.000_125_373_358_292_951_48);
    let below = exp_to_single(a * a * -0.5) * (q * s);
    (x.pmax(Lanes::splat(0.0)).widen() - a * below).narrow()
}

/// x Φ(x), with the gate as a sum: near 0 Φ(x) = (1 + erf(x / √2)) / 2, beyond Φ(-a) = g 2^n and 1 - Φ(-a).
#[inline(always)]
pub fn gelu_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    const END: f64 = 39.5;
    x.in_turn::<2>(|x| {
        let a = x.abs().pmin(Lanes::splat(END));
        let bounded = x.pmax(Lanes::splat(-END)).pmin(Lanes::splat(END));
        let near = a.lt(Lanes::splat(0.5));
        let left: Mask<f64, 2> = x.lt(Lanes::splat(0.0)) & !near;
        let (below, shifted) = normal_tail_f64(a);
        let above = Sum::of(Lanes::splat(1.0), -scale_f64(below.high, shifted));
        let above = Sum { high: above.high, low: above.low - scale_f64(below.low, shifted) };
        let gate = Sum::select(near, normal_near_f64(bounded), Sum::select(left, below, above));
        let y = Sum::product(bounded, gate.high);
        let y = y.high + (y.low + bounded * gate.low);
        Lanes::select(
            x.gt(Lanes::splat(END)) | x.eq(Lanes::splat(0.0)),
            x,
            Lanes::select(left, scale_f64(y, shifted), y),
        )
    })
}

/// x n / (n + 2), n = e^x (e^x + 2): tanh(ln(1 + e^x)) without logarithm; x itself from 40 on.
#[inline(always)]
pub fn mish_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    let x = x.widen().pmax(Lanes::splat(-115.0));
    let e = exp_to_single(x.pmin(Lanes::splat(40.0)));
    let n = e * (e + 2.0);
    (x * (n / (n + 2.0))).narrow()
}

/// As [`mish_f32`], with e^x and what follows as sums; below -40, where the gate is e^x, by its significand.
#[inline(always)]
pub fn mish_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    x.chunks::<2>(|x| {
        let x = x.pmax(Lanes::splat(-760.0));
        let far: Mask<f64, 2> = x.lt(Lanes::splat(-40.0));
        let (p, shifted) = significand_f64(x.pmin(Lanes::splat(40.0)), Lanes::splat(0.0));
        let scale = Lanes::select(far, Lanes::splat(1.0), power_of_two_f64(shifted));
        let e = Sum { high: p.high * scale, low: p.low * scale };
        let two = Sum::from(Lanes::splat(2.0));
        let n = e.times(e.plus(two));
        let gate = n.over(n.plus(two));
        Lanes::select(far, scale_f64(x * p.high, shifted), x * gate.high)
    })
}
