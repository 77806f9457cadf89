//! exp, expm1, exp2.
//!
//! x = n ln 2 + r with |r| <= ln 2 / 2, and e^x = 2^n (1 + (e^r - 1)). ln 2 is subtracted in two parts, the first with
//! so few bits that n times it is exact (Cody and Waite). n is rounded by adding 1.5 · 2^23 (2^52), after which the low
//! bits of the sum are those of the integer n. 2^n is applied as two factors, each a normal number, so that overflow
//! and denormal results come out as they must.

use super::Usual;
use super::double::Sum;
use crate::lanes::Lanes;
use std::f64::consts::{LN_2, LOG2_E};

/// 1.5 · 2^23: adding it rounds to an integer, which the low bits of the sum then are.
pub const ROUND_F32: f32 = 12_582_912.0;
/// The same for n + 127, the exponent of 2^n in its bits: moved there, they are 2^n, and what is above falls out.
pub const ROUND_BIASED_F32: f32 = ROUND_F32 + 127.0;
/// 1.5 · 2^52.
pub const ROUND_F64: f64 = 6_755_399_441_055_744.0;
/// As [`ROUND_BIASED_F32`].
pub const ROUND_BIASED_F64: f64 = ROUND_F64 + 1023.0;

/// ln 2 in two parts: the first has so few bits that its product with any n in question is exact.
const LN_2_HIGH_F32: f32 = 0.693_145_75;
const LN_2_LOW_F32: f32 = 1.428_606_8e-6;
const LN_2_HIGH_F64: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW_F64: f64 = 1.908_214_929_270_587_7e-10;

/// y 2^n, where n is the integer in the low bits of `shifted` (a sum with 1.5 · 2^23), |n| <= 250, and y is of moderate
/// size, 2^-50 <= |y| < 2^50, or n = 0.
#[inline(always)]
pub fn scale_f32<const N: usize>(y: Lanes<f32, N>, shifted: Lanes<f32, N>) -> Lanes<f32, N> {
    let (n, one) = (shifted.to_bits(), Lanes::splat(0x3f80_0000));
    let half = n >> 1;
    // Products, so that NaN stays NaN: n is then any number.
    y * Lanes::from_bits((half << 23) + one) * Lanes::from_bits(((n - half) << 23) + one)
}

/// y 2^n, where n is the integer in the low bits of `shifted` (a sum with 1.5 · 2^52), |n| <= 2000, and y is of moderate
/// size, 2^-20 <= |y| < 2^20, or n = 0.
#[inline(always)]
pub fn scale_f64<const N: usize>(y: Lanes<f64, N>, shifted: Lanes<f64, N>) -> Lanes<f64, N> {
    let (n, one) = (shifted.to_bits(), Lanes::splat(0x3ff0_0000_0000_0000));
    let half = n >> 1;
    // As in `scale_f32`.
    y * Lanes::from_bits((half << 52) + one) * Lanes::from_bits(((n - half) << 52) + one)
}

/// 2^n, where n + 127 is the integer in the low bits of `shifted` (a sum with [`ROUND_BIASED_F32`]); -126 <= n <= 127.
#[inline(always)]
pub fn power_of_two_f32<const N: usize>(shifted: Lanes<f32, N>) -> Lanes<f32, N> {
    Lanes::from_bits(shifted.to_bits() << 23)
}

/// 2^n as [`scale_f64`] has it; -1022 <= n <= 1023.
#[inline(always)]
pub fn power_of_two_f64<const N: usize>(shifted: Lanes<f64, N>) -> Lanes<f64, N> {
    Lanes::from_bits((shifted.to_bits() << 52) + Lanes::splat(0x3ff0_0000_0000_0000))
}

/// x = n ln 2 + r + c, c the rounding error of r.
pub struct Reduced<V> {
    /// n + [`ROUND_BIASED_F32`] ([`ROUND_F64`]).
    pub shifted: V,
    /// |r| <= 0.3466.
    pub r: V,
    /// |c| <= ulp(r).
    pub c: V,
}

/// The argument reduction with the n in `shifted`; |x| <= 200.
#[inline(always)]
fn reduce_by_f32<const N: usize>(x: Lanes<f32, N>, shifted: Lanes<f32, N>) -> Reduced<Lanes<f32, N>> {
    let n = shifted - ROUND_BIASED_F32;
    let high = x - n * LN_2_HIGH_F32;
    let low = n * LN_2_LOW_F32;
    let r = high - low;
    Reduced { shifted, r, c: (high - r) - low }
}

/// The argument reduction; |x| <= 1500.
#[inline(always)]
pub fn reduce_f64<const N: usize>(x: Lanes<f64, N>) -> Reduced<Lanes<f64, N>> {
    let shifted = x * LOG2_E + ROUND_F64;
    let n = shifted - ROUND_F64;
    let high = x - n * LN_2_HIGH_F64;
    let low = n * LN_2_LOW_F64;
    let r = high - low;
    Reduced { shifted, r, c: (high - r) - low }
}

/// (e^r - 1 - r) / r² for |r| <= 0.3466, to 2^-26 of e^r - 1.
#[inline(always)]
fn tail_f32<const N: usize>(r: Lanes<f32, N>) -> Lanes<f32, N> {
    poly!(r; 0.499_999_97, 0.166_665_42, 0.041_667_536, 0.008_366_691, 0.001_386_122_8)
}

/// (e^r - 1 - r) / r² for |r| <= 0.3466, to 2^-59 of e^r - 1.
#[inline(always)]
fn tail_f64<const N: usize>(r: Lanes<f64, N>) -> Lanes<f64, N> {
    poly!(r; 0.5, 0.166_666_666_666_666_77, 0.041_666_666_666_666_505, 0.008_333_333_333_321_608,
        0.001_388_888_888_896_301_2, 0.000_198_412_698_862_036_87, 2.480_158_717_154_849_6e-5,
        2.755_724_410_915_556_6e-6, 2.755_740_323_870_457_6e-7, 2.510_907_953_482_751e-8, 2.087_522_507_190_162e-9)
}

/// (f, shifted) with e^(sign x) = (1 + f) 2^n, sign = ±1, -0.3 < f < 0.42, `shifted` = n + `round`, which is [`ROUND_F32`]
/// and what the low bits shall have beside n; |x| <= 150. A sign among the constants costs nothing.
#[inline(always)]
pub fn fraction_f32<const N: usize>(x: Lanes<f32, N>, sign: f32, round: f32) -> (Lanes<f32, N>, Lanes<f32, N>) {
    let shifted = x * (sign * LOG2_E as f32) + round;
    let n = shifted - round;
    let r = (x - n * (sign * LN_2_HIGH_F32)) - n * (sign * LN_2_LOW_F32);
    (fraction_of_rest_f32(r, sign), shifted)
}

/// (f, shifted) as [`fraction_f32`] has them, with e^-(high + low), for `high` to which n ln 2 can be added without an
/// error, and a small `low`.
#[inline(always)]
pub fn fraction_of_minus_sum_f32<const N: usize>(
    high: Lanes<f32, N>,
    low: Lanes<f32, N>,
    round: f32,
) -> (Lanes<f32, N>, Lanes<f32, N>) {
    let shifted = (high + low) * -LOG2_E as f32 + round;
    let n = shifted - round;
    let r = (high + n * LN_2_HIGH_F32) + (low + n * LN_2_LOW_F32);
    (fraction_of_rest_f32(r, -1.0), shifted)
}

/// e^(sign r) - 1 for |r| <= 0.3466 and sign = ±1, to 2^-28 of e^r, as [`tail_f32`] has it to 2^-26 of the result.
#[inline(always)]
fn fraction_of_rest_f32<const N: usize>(r: Lanes<f32, N>, sign: f32) -> Lanes<f32, N> {
    let s = f64::from(sign);
    let tail = poly!(r; 0.499_999_94, s * 0.166_665_18, 0.041_668_26, s * 0.008_368_959, 0.001_382_135_1);
    r * r * tail + r * sign
}

/// Whether e^x, e^-x and the powers of two beside them are normal numbers.
#[inline(always)]
pub(super) fn is_moderate<const N: usize>(x: Lanes<f32, N>) -> Usual<N> {
    // The sum is one that `one_plus_exp_of_minus_f32` has as well.
    exponents(x * -LOG2_E as f32 + ROUND_BIASED_F32, ROUND_BIASED_F32)
}

/// -125 <= n <= 125 for the integer n in `shifted`, a sum with `round`; no other number gives one of these.
#[inline(always)]
fn exponents<const N: usize>(shifted: Lanes<f32, N>, round: f32) -> Usual<N> {
    const LIMIT: i32 = 125;
    Usual::from(shifted.to_bits(), round.to_bits().cast_signed() - LIMIT, 2 * LIMIT + 1)
}

/// 1 + e^-x where x is [moderate](is_moderate): with fewer roundings than the two terms one after the other.
#[inline(always)]
pub fn one_plus_exp_of_minus_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    let (f, shifted) = fraction_f32(x, -1.0, ROUND_BIASED_F32);
    let scale = power_of_two_f32(shifted);
    let sum = scale + 1.0;
    let lost = Lanes::splat(1.0) - (sum - scale);
    sum + (scale * f + lost)
}

/// [`fraction_f32`] of every x, which is moved to where e^x is infinite or 0 already, with [`ROUND_F32`].
#[inline(always)]
pub fn fraction_of_any_f32<const N: usize>(x: Lanes<f32, N>) -> (Lanes<f32, N>, Lanes<f32, N>) {
    fraction_f32(x.pmin(Lanes::splat(89.0)).pmax(Lanes::splat(-110.0)), 1.0, ROUND_F32)
}

/// Whether e^x and the powers of two beside it are normal numbers.
#[inline(always)]
fn is_normal<const N: usize>(x: Lanes<f32, N>) -> Usual<N> {
    exponents(x * LOG2_E as f32 + ROUND_F32, ROUND_F32)
}

/// The bits of y 2^n for y in [1/2, 2), where n is the integer in the low bits of `shifted`, as long as that is a number with
/// the exponent of a normal one; below they are less than those of any.
#[inline(always)]
fn scaled_bits<const N: usize>(y: Lanes<f32, N>, shifted: Lanes<f32, N>) -> Lanes<i32, N> {
    y.to_bits() + (shifted.to_bits() << 23)
}

/// e^x.
#[inline(always)]
pub fn exp_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    let (f, shifted) = fraction_f32(x, 1.0, ROUND_F32);
    let y = Lanes::from_bits(scaled_bits(f + 1.0, shifted));
    usual!(x, is_normal, y, |x| exp_of_any_f32(x))
}

/// e^x, also where it is denormal, 0 or infinite. No step gives a denormal number or rounds one to 0, which takes some
/// processors 40 times as long: e^x 2^149 is rounded to an integer, whose bits are those of the denormal number.
#[inline(always)]
fn exp_of_any_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    const ROUND: f32 = 8_388_608.0;
    let (f, shifted) = fraction_f32(x.pmin(Lanes::splat(89.0)).pmax(Lanes::splat(-110.0)), 1.0, ROUND_F32);
    let bits = scaled_bits(f + 1.0, shifted);
    let integer = Lanes::<f32, N>::from_bits(bits + (149 << 23)) + ROUND;
    let denormal = integer.to_bits() + ROUND.to_bits().cast_signed().wrapping_neg();
    let below = bits.lt(Lanes::splat(f32::MIN_POSITIVE.to_bits().cast_signed()));
    let at_most_infinite = bits.pmin(Lanes::splat(f32::INFINITY.to_bits().cast_signed()));
    let y = Lanes::from_bits(Lanes::select(below, denormal, at_most_infinite));
    Lanes::select(x.eq(x), y, x)
}

/// e^(a - b) for a - b <= 88, 0 where 2^n is below the normal numbers; NaN for infinity. Without the question that
/// [`exp_f32`] asks, for all that it could be told is nothing beside e^0.
#[inline(always)]
pub fn exp_minus_f32<const N: usize>(a: Lanes<f32, N>, b: Lanes<f32, N>) -> Lanes<f32, N> {
    // Where x is at most -88, n = -127, and what stands for 2^n is 0.
    let (f, shifted) = fraction_f32((a - b).pmax(Lanes::splat(-88.0)), 1.0, ROUND_BIASED_F32);
    (f + 1.0) * power_of_two_f32(shifted)
}

/// e^(a - b); NaN for infinity.
#[inline(always)]
pub fn exp_minus_f64<const N: usize>(a: Lanes<f64, N>, b: Lanes<f64, N>) -> Lanes<f64, N> {
    let x = a - b;
    Lanes::select(x.eq(Lanes::splat(f64::INFINITY)), Lanes::splat(f64::NAN), exp_f64(x))
}

/// e^x.
#[inline(always)]
pub fn exp_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    let x = x.pmin(Lanes::splat(710.0)).pmax(Lanes::splat(-746.0));
    let Reduced { shifted, r, c } = reduce_f64(x);
    scale_f64(r * r * tail_f64(r) + c + r + 1.0, shifted)
}

/// (p, shifted) with e^(x + low) = p 2^n, 0.7 < p < 1.5, n in `shifted` as [`scale_f64`] takes it, p as a sum whose low
/// part counts where more is computed of it; |x| <= 1000, |low| < 2^-40.
#[inline(always)]
pub fn significand_f64<const N: usize>(x: Lanes<f64, N>, low: Lanes<f64, N>) -> (Sum<N>, Lanes<f64, N>) {
    let Reduced { shifted, r, c } = reduce_f64(x);
    let tail = r * r * tail_f64(r);
    let low = c + low;
    let less = tail + ((tail + r) * low + low);
    let p = less + r + 1.0;
    (Sum { high: p, low: (Lanes::splat(1.0) - p) + r + less }, shifted)
}

/// e^(x + low) for |low| < 2^-40: 0.51 ulp more than what `low` leaves out.
#[inline(always)]
pub fn exp_sum_f64<const N: usize>(x: Lanes<f64, N>, low: Lanes<f64, N>) -> Lanes<f64, N> {
    let (p, shifted) = significand_f64(x.pmin(Lanes::splat(710.0)).pmax(Lanes::splat(-746.0)), low);
    scale_f64(p.high, shifted)
}

/// e^x - 1.
///
/// 2^n (e^r - 1) + (2^n - 1), where the sum of the largest two terms keeps its rounding error. All is computed at half
/// the size, so that 2^n stays finite up to the last x whose result is. n is rounded down a little more often than up,
/// -0.31 < r < 0.39, because 2 e^r - 1 cancels more the smaller r is.
#[inline(always)]
pub fn expm1_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    let clamped = x.pmin(Lanes::splat(89.0)).pmax(Lanes::splat(-25.0));
    let shifted = clamped * LOG2_E as f32 - 0.06 + ROUND_BIASED_F32;
    let Reduced { r, c, .. } = reduce_by_f32(clamped, shifted);
    let scale = power_of_two_f32(shifted - 1.0);
    let (large, part) = (scale - 0.5, scale * r);
    let sum = large + part;
    let error = ((large - sum) + part) + ((scale - large) - 0.5);
    let square = r * r;
    let cubic = square * r * poly!(r; 0.166_666_72, 0.041_666_556, 0.008_331_779, 0.001_392_285_6, 0.000_209_775_8);
    let tail = cubic + square * 0.5;
    let y = sum + (error + scale * (tail + c));
    Lanes::select(x.abs().lt(Lanes::splat(1e-8)), x, y + y)
}

/// e^x - 1; as [`expm1_f32`].
#[inline(always)]
pub fn expm1_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    let Reduced { shifted, r, c } = reduce_f64(x.pmin(Lanes::splat(710.0)).pmax(Lanes::splat(-50.0)));
    let scale = power_of_two_f64(shifted - 1.0);
    let (large, part) = (scale - 0.5, scale * r);
    let sum = large + part;
    let error = (large - sum) + part;
    let y = sum + (error + scale * (r * r * tail_f64(r) + c));
    Lanes::select(x.abs().lt(Lanes::splat(1e-17)), x, y + y)
}

/// 2^t for |t| <= 1/2 times 2^n, for `shifted` = n + [`ROUND_BIASED_F64`]; to 2^-27.
#[inline(always)]
pub fn exp2_to_single<const N: usize>(t: Lanes<f64, N>, shifted: Lanes<f64, N>) -> Lanes<f64, N> {
    let p = poly!(t; 1.0, 0.693_147_215_218_523_3, 0.240_226_528_116_98, 0.055_503_100_780_204_19,
        0.009_617_689_014_280_744, 0.001_340_681_280_474_884_2, 0.000_155_957_015_290_758_62);
    p * Lanes::from_bits(shifted.to_bits() << 52)
}

/// 2^x, exact for integers.
#[inline(always)]
pub fn exp2_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks::<4>(|x| {
        let x = x.widen().pmin(Lanes::splat(200.0)).pmax(Lanes::splat(-200.0));
        let shifted = x + ROUND_BIASED_F64;
        exp2_to_single(x - (shifted - ROUND_BIASED_F64), shifted).narrow()
    })
}

/// 2^x, exact for integers.
#[inline(always)]
pub fn exp2_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    let x = x.pmin(Lanes::splat(1025.0)).pmax(Lanes::splat(-1080.0));
    let shifted = x + ROUND_F64;
    let r = (x - (shifted - ROUND_F64)) * LN_2;
    scale_f64(r * r * tail_f64(r) + r + 1.0, shifted)
}

/// e^x / 2, finite as far as sinh x is.
#[inline(always)]
pub fn half_exp_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    let Reduced { shifted, r, c } = reduce_f64(x.pmin(Lanes::splat(712.0)).pmax(Lanes::splat(-746.0)));
    scale_f64(r * r * tail_f64(r) + c + r + 1.0, shifted - 1.0)
}

/// e^x for |x| <= 700 to 2^-28: enough for a result in single precision.
#[inline(always)]
pub fn exp_to_single<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    let shifted = x * LOG2_E + ROUND_BIASED_F64;
    let r = x - (shifted - ROUND_BIASED_F64) * LN_2;
    let p = poly!(r; 1.0, 1.0, 0.499_999_934_005_873_6, 0.166_665_201_671_461_95, 0.041_668_399_003_846_605, 0.008_368_774_163_314_364, 0.001_381_411_631_077_458_9);
    p * Lanes::from_bits(shifted.to_bits() << 52)
}

/// (2^n, e^r - 1) with a - b = n ln 2 + r: e^(a - b) = 2^n + 2^n (e^r - 1), for sums that go on from there. a is exact
/// to more than single precision with few bits, -126 ln 2 <= a - b <= 127 ln 2.
#[inline(always)]
pub fn exp_parts_of_difference<const N: usize>(a: Lanes<f32, N>, b: Lanes<f32, N>) -> (Lanes<f32, N>, Lanes<f32, N>) {
    let shifted = (a - b) * LOG2_E as f32 + ROUND_BIASED_F32;
    let n = shifted - ROUND_BIASED_F32;
    let r = ((a - n * LN_2_HIGH_F32) - b) - n * LN_2_LOW_F32;
    (power_of_two_f32(shifted), r * r * tail_f32(r) + r)
}
