//! sinh, cosh, tanh, and their inverses asinh, acosh, atanh.
//!
//! From e^|x| where nothing cancels, from an odd polynomial below; tanh in single precision from that polynomial and a
//! power of two. The sign is put on at the end. The inverses are
//! log1p of what is small where they are (as in fdlibm), in double precision for both types.

use super::exp::{ROUND_BIASED_F32, exp_f64, exp_to_single, half_exp_f64, power_of_two_f32};
use super::log::log1p_f64;
use crate::lanes::Lanes;
use std::f64::consts::{LN_2, LOG2_E};

/// sinh x = (e^x - e^-x) / 2.
#[inline(always)]
pub fn sinh_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks::<4>(|x| {
        let x = x.widen();
        let a = x.abs();
        let z = a * a;
        let small = a
            * (z * poly!(z; 0.166_666_664_976_897_75, 0.008_333_350_055_495_448, 0.000_198_361_598_619_932_4,
            2.816_951_664_416_032e-6)
                + 1.0);
        let e = exp_to_single(a.pmin(Lanes::splat(100.0)));
        let y = Lanes::select(a.lt(Lanes::splat(1.0)), small, (e - Lanes::splat(1.0) / e) * 0.5);
        y.with_sign(x).narrow()
    })
}

/// sinh x.
#[inline(always)]
pub fn sinh_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    let a = x.abs();
    let z = a * a;
    let small = a
        * z
        * poly!(z; 0.166_666_666_666_666_66, 0.008_333_333_333_333_333, 0.000_198_412_698_412_696,
        2.755_731_922_411_628e-6, 2.505_210_834_651_172e-8, 1.605_905_060_086_954_6e-10, 7.646_482_923_654_945e-13,
        2.848_232_227_679_518_4e-15)
        + a;
    let half = half_exp_f64(a);
    Lanes::select(a.lt(Lanes::splat(1.0)), small, half - Lanes::splat(0.25) / half).with_sign(x)
}

/// cosh x = (e^x + e^-x) / 2.
#[inline(always)]
pub fn cosh_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks::<4>(|x| {
        let e = exp_to_single(x.widen().abs().pmin(Lanes::splat(100.0)));
        ((e + Lanes::splat(1.0) / e) * 0.5).narrow()
    })
}

/// cosh x.
#[inline(always)]
pub fn cosh_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    let half = half_exp_f64(x.abs());
    half + Lanes::splat(0.25) / half
}

/// tanh x. With |x| = n ln 2 / 2 + h, 0 <= h < ln 2 / 2, i = 2^-n and t = tanh h, by the addition theorem
/// tanh |x| = (1 - i + (1 + i) t) / (1 + i + (1 - i) t), which is c - i (c - (2 + c) t) / (1 + i + c t) for c = 1 - i: as a
/// difference from what is near, so that the quotient's errors count little: of all x, the largest is 1.16 ulp. For n = 0
/// it is t itself.
#[inline(always)]
pub fn tanh_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    // from here on, 1 is the answer
    let a = x.abs().pmin(Lanes::splat(9.02));
    let n = (a * (2.0 * LOG2_E as f32)).floor();
    let h = a - n * (0.5 * LN_2 as f32);
    let i = power_of_two_f32(Lanes::splat(ROUND_BIASED_F32) - n);
    let z = h * h;
    let t = h * z * ((z * -0.049_225_39 + 0.133_009_17) * z - 0.333_326_97) + h;
    let c = Lanes::splat(1.0) - i;
    let u = c * t;
    (c - i * (c - (u + (t + t))) / ((i + 1.0) + u)).with_sign(x)
}

/// tanh x = (d - 2) / d, d = e^2x + 1: what d lost to rounding all but cancels. d - 2 is exact up to 2^54; beyond, 1 is
/// the answer.
#[inline(always)]
pub fn tanh_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    let a = x.abs();
    let d = exp_f64(a + a) + 1.0;
    let z = a * a;
    let small = a
        * z
        * poly!(z; -0.333_333_333_333_333_15, 0.133_333_333_333_297_44, -0.053_968_253_966_058_92,
            0.021_869_488_468_714_345, -0.008_863_234_312_548_101, 0.003_592_113_999_503_781,
            -0.001_455_725_945_484_618_3, 0.000_589_451_787_849_049_3, -0.000_237_011_699_940_829_44,
            9.155_836_091_732_384e-5, -3.018_717_213_619_441_5e-5, 6.042_448_429_919_337e-6)
        + a;
    let y = Lanes::select(a.lt(Lanes::splat(0.625)), small, (d - 2.0) / d);
    Lanes::select(a.gt(Lanes::splat(18.714_973_8)), Lanes::splat(1.0), y).with_sign(x)
}

/// log1p(x + u), or ln(2x) where x is so large that u is not to be had.
#[inline(always)]
fn inverse<const N: usize>(x: Lanes<f64, N>, u: Lanes<f64, N>) -> Lanes<f64, N> {
    let large = x.gt(Lanes::splat(1e150));
    log1p_f64(Lanes::select(large, x, x + u)) + Lanes::select(large, Lanes::splat(LN_2), Lanes::splat(0.0))
}

/// asinh x = ln(x + √(x² + 1)).
#[inline(always)]
pub fn asinh_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    x.chunks::<2>(|x| {
        let a = x.abs();
        let z = a * a;
        inverse(a, z / ((z + 1.0).sqrt() + 1.0)).with_sign(x)
    })
}

/// acosh x = ln(x + √(x² - 1)); NaN below 1.
#[inline(always)]
pub fn acosh_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    x.chunks::<2>(|x| {
        let t = x - 1.0;
        let y = inverse(t, (t * (t + 2.0)).sqrt());
        Lanes::select(t.ge(Lanes::splat(0.0)), y, Lanes::splat(f64::NAN))
    })
}

/// atanh x = ln((1 + x) / (1 - x)) / 2; NaN outside [-1, 1].
#[inline(always)]
pub fn atanh_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    x.chunks::<2>(|x| {
        let a = x.abs();
        let (double, small) = (a + a, a.lt(Lanes::splat(0.5)));
        let quotient = Lanes::select(small, double * a, double) / (Lanes::splat(1.0) - a);
        let u = Lanes::select(small, double + quotient, quotient);
        (log1p_f64(u) * 0.5).with_sign(x)
    })
}

macro_rules! through_double {
    ($($single:ident = $double:ident;)+) => {$(
        #[doc = concat!("As [`", stringify!($double), "`.")]
        #[inline(always)]
        pub fn $single<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
            x.chunks::<4>(|x| $double(x.widen()).narrow())
        }
    )+};
}
through_double! {
    asinh_f32 = asinh_f64;
    acosh_f32 = acosh_f64;
    atanh_f32 = atanh_f64;
}
