//! ln, log1p, log2, log10.
//!
//! x = 2^k m with m in [√½, √2), taken from the bits, and f = m - 1, which is exact. In double precision ln(1 + f) = 2
//! artanh(s), s = f / (2 + f), arranged as in fdlibm as f - (f²/2 - s (f²/2 + R(s²))), whose large term f is exact; in
//! single precision a polynomial in f, which spares the division.

use super::Usual;
use super::double::Sum;
use super::pow::ln_sum;
use crate::lanes::Lanes;
use std::f64::consts::{LOG10_2, LOG10_E};

/// x = 2^k (1 + f), 1 + f in [√½, √2).
pub struct Split<V> {
    /// The exponent.
    pub k: V,
    /// The fraction less 1.
    pub f: V,
}

/// The bits of √½: what separates one exponent from the next.
const SQRT_HALF_F32: i32 = 0x3f35_04f3;
const SQRT_HALF_F64: i64 = 0x3fe6_a09e_667f_3bcd;

/// Whether x is positive, finite and not denormal.
#[inline(always)]
fn is_normal<const N: usize>(x: Lanes<f32, N>) -> Usual<N> {
    const LOWEST: i32 = 0x0080_0000;
    const INFINITY: i32 = 0x7f80_0000;
    Usual::from(x.to_bits(), LOWEST, INFINITY - LOWEST)
}

/// Splits [normal](is_normal) x; anything for other x.
#[inline(always)]
fn split_normal_f32<const N: usize>(x: Lanes<f32, N>) -> Split<Lanes<f32, N>> {
    let bits = x.to_bits() + (0x3f80_0000 - SQRT_HALF_F32);
    // 2^23 + the biased exponent, as a number; the bias goes with 2^23
    let k = Lanes::<f32, N>::from_bits((bits >> 23) | Lanes::splat(0x4b00_0000));
    let m = Lanes::<f32, N>::from_bits((bits & Lanes::splat(0x007f_ffff)) + SQRT_HALF_F32);
    Split { k: k - (8_388_608.0 + 127.0), f: m - 1.0 }
}

/// Splits positive finite x; anything for other x.
#[inline(always)]
pub fn split_f32<const N: usize>(x: Lanes<f32, N>) -> Split<Lanes<f32, N>> {
    let denormal = x.lt(Lanes::splat(f32::MIN_POSITIVE));
    let Split { k, f } = split_normal_f32(Lanes::select(denormal, x * 8_388_608.0, x));
    Split { k: Lanes::select(denormal, k - 23.0, k), f }
}

/// Splits positive finite x; anything for other x.
#[inline(always)]
pub fn split_f64<const N: usize>(x: Lanes<f64, N>) -> Split<Lanes<f64, N>> {
    const TWO_52: f64 = 4_503_599_627_370_496.0;
    let denormal = x.lt(Lanes::splat(f64::MIN_POSITIVE));
    let bits = Lanes::select(denormal, x * TWO_52, x).to_bits() + (0x3ff0_0000_0000_0000 - SQRT_HALF_F64);
    let k = Lanes::<f64, N>::from_bits((bits >> 52) | Lanes::splat(0x4330_0000_0000_0000));
    let bias = Lanes::select(denormal, Lanes::splat(TWO_52 + 1075.0), Lanes::splat(TWO_52 + 1023.0));
    let m = Lanes::<f64, N>::from_bits((bits & Lanes::splat(0x000f_ffff_ffff_ffff)) + SQRT_HALF_F64);
    Split { k: k - bias, f: m - 1.0 }
}

/// (ln(1 + f) - f + f²/2) / f³, to 2^-30 of ln(1 + f).
#[inline(always)]
fn tail_f32<const N: usize>(f: Lanes<f32, N>) -> Lanes<f32, N> {
    poly!(f; 0.333_333_13, -0.250_000_2, 0.200_020_7, -0.166_673_3, 0.142_199_23, -0.124_173_88, 0.118_975_684,
        -0.116_104_044, 0.066_470_82)
}

/// k ln 2 + ln(1 + f) + low, for low that is small beside ln 2.
#[inline(always)]
fn sum_f32<const N: usize>(Split { k, f }: Split<Lanes<f32, N>>, low: Lanes<f32, N>) -> Lanes<f32, N> {
    let square = f * f;
    let tail = square * f * tail_f32(f) + (k * -2.121_944_4e-4 + low) - square * 0.5;
    let large = k * 0.693_359_4;
    let sum = large + f;
    sum + ((large - sum + f) + tail)
}

/// k ln 2 + ln(1 + f) + low, for low that is small beside ln 2.
#[inline(always)]
fn sum_f64<const N: usize>(Split { k, f }: Split<Lanes<f64, N>>, low: Lanes<f64, N>) -> Lanes<f64, N> {
    let half_square = f * f * 0.5;
    let (s, r) = artanh_f64(f);
    let tail = half_square - (s * (half_square + r) + (k * 1.908_214_929_270_587_7e-10 + low));
    k * 6.931_471_803_691_238e-1 - (tail - f)
}

/// s = f / (2 + f), and (2 artanh s - 2 s) / s to 2^-59 of 2 artanh(s)/s.
#[inline(always)]
fn artanh_f64<const N: usize>(f: Lanes<f64, N>) -> (Lanes<f64, N>, Lanes<f64, N>) {
    let s = f / (f + 2.0);
    let z = s * s;
    let r = z
        * poly!(z; 0.666_666_666_666_673_5, 0.399_999_999_994_110_5, 0.285_714_287_432_721_9, 0.222_221_984_750_486_16,
        0.181_835_697_831_148_4, 0.153_139_023_282_955_62, 0.147_975_147_251_179_22);
    (s, r)
}

/// What every logarithm of x answers outside (0, inf): -inf at 0, NaN below, x itself at inf and NaN.
macro_rules! edges {
    ($t:ident, $x:expr, $y:expr) => {{
        let (x, y) = ($x, $y);
        let y = Lanes::select(x.gt(Lanes::splat(0.0)), y, Lanes::splat($t::NAN));
        let y = Lanes::select(x.eq(Lanes::splat(0.0)), Lanes::splat(-$t::INFINITY), y);
        Lanes::select(x.eq(Lanes::splat($t::INFINITY)), x, y)
    }};
}

/// ln x.
#[inline(always)]
pub fn ln_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    let y = sum_f32(split_normal_f32(x), Lanes::splat(0.0));
    usual!(x, is_normal, y, |x| edges!(f32, x, sum_f32(split_f32(x), Lanes::splat(0.0))))
}

/// ln x.
#[inline(always)]
pub fn ln_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    edges!(f64, x, sum_f64(split_f64(x), Lanes::splat(0.0)))
}

/// ln(1 + x).
///
/// With u = 1 + x rounded and c what the rounding lost, ln(u + c) = ln u + c / u. Where u has exponent 0, f = x itself.
macro_rules! log1p {
    ($name:ident, $t:ident, $split:ident, $sum:ident, $tiny:expr) => {
        /// ln(1 + x).
        #[inline(always)]
        pub fn $name<const N: usize>(x: Lanes<$t, N>) -> Lanes<$t, N> {
            let one = Lanes::splat(1.0);
            let u = x + 1.0;
            let lost = Lanes::select(x.gt(one), one - (u - x), x - (u - 1.0));
            let Split { k, f } = $split(u);
            let whole = k.eq(Lanes::splat(0.0));
            let f = Lanes::select(whole, x, f);
            let low = Lanes::select(whole, Lanes::splat(0.0), lost / u);
            let y = edges!($t, u, $sum(Split { k, f }, low));
            Lanes::select(x.abs().lt(Lanes::splat($tiny)), x, y)
        }
    };
}
log1p!(log1p_f32, f32, split_f32, sum_f32, 2e-8);
log1p!(log1p_f64, f64, split_f64, sum_f64, 1e-17);

/// log2 x for positive finite x, good to 2^-45, in double precision.
#[inline(always)]
pub fn log2_of_single<const N: usize>(x: Lanes<f32, N>) -> Lanes<f64, N> {
    let Split { k, f } = split_f32(x);
    let f = f.widen();
    let s = f / (f + 2.0);
    let z = s * s;
    s * poly!(z; 2.885_390_081_777_849_5, 0.961_796_694_114_127_3, 0.577_077_942_115_964, 0.412_209_279_612_560_04,
        0.319_904_495_827_419_5, 0.282_918_480_442_989_3)
        + k.widen()
}

/// log2 x.
#[inline(always)]
pub fn log2_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks::<4>(|x| edges!(f32, x, log2_of_single(x).narrow()))
}

/// log2 x.
///
/// ln(1 + f) as a sum of two numbers, the first with 21 bits, times 1 / ln 2 as a sum of two numbers, the first with 32
/// bits.
#[inline(always)]
pub fn log2_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    const HIGH: f64 = 1.442_695_040_721_446_3;
    const LOW: f64 = 1.675_171_316_488_651_2e-10;
    let Split { k, f } = split_f64(x);
    let half_square = f * f * 0.5;
    let (s, r) = artanh_f64(f);
    let high = Lanes::<f64, N>::from_bits((f - half_square).to_bits() & Lanes::splat(-1 << 32));
    let low = (f - high) - half_square + s * (half_square + r);
    let product = high * HIGH;
    let rest = (low + high) * LOW + low * HIGH;
    let sum = k + product;
    edges!(f64, x, sum + ((k - sum) + product + rest))
}

/// log10 x.
#[inline(always)]
pub fn log10_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks::<4>(|x| edges!(f32, x, (log2_of_single(x) * LOG10_2).narrow()))
}

/// log10 x, from ln x as a sum of two numbers: rounded once, so that powers of 10 give integers.
#[inline(always)]
pub fn log10_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    const LOG10_E_LOW: f64 = 1.098_319_650_216_765e-17;
    x.chunks::<2>(|x| {
        let scale = Sum { high: Lanes::splat(LOG10_E), low: Lanes::splat(LOG10_E_LOW) };
        edges!(f64, x, ln_sum(x).times(scale).high)
    })
}
