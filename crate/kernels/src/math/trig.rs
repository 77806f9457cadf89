//! sin, cos, tan.
//!
//! x = n π/2 + r, with π/2 subtracted in parts that n times is exact (Cody and Waite), then polynomials in r². Lanes
//! beyond the range in which that holds go one by one through [`quarter_turns`]. Single precision has so few bits that
//! its own range is short: sin and cos beyond it, and tan, are computed in double precision, where sin and cos count half
//! turns, and one polynomial up to π/2 does for both.

use super::Usual;
use super::double::Sum;
use super::exp::{ROUND_F32, ROUND_F64};
use super::reduce::quarter_turns;
use crate::lanes::{Lanes, Mask};
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, PI};

/// x = n π/2 + r + c.
struct Angle<const N: usize> {
    /// n + 1.5 · 2^52; only n mod 4 counts.
    shifted: Lanes<f64, N>,
    /// |r| <= π/4.
    r: Lanes<f64, N>,
    /// The rounding error of r.
    c: Lanes<f64, N>,
}

/// Below, n HIGH is exact in [`turns`], and the error of n LOW small beside the smallest r of a single-precision x.
const TURNS_LIMIT: f64 = 1_048_576.0;

/// Below, n times the first two parts of π/2 is exact in [`quarters`].
const QUARTERS_LIMIT: f64 = 1_600_000.0;

/// Where n, the integer in the low bits of `shifted`, is odd.
#[inline(always)]
fn odd<const N: usize>(shifted: Lanes<f64, N>) -> Mask<f64, N> {
    (shifted.to_bits() << 63).lt(Lanes::splat(0)).cast()
}

/// x times (-1)^(bit 1 of n).
#[inline(always)]
fn turn<const N: usize>(x: Lanes<f64, N>, shifted: Lanes<f64, N>) -> Lanes<f64, N> {
    let sign = (shifted.to_bits() << 62) & Lanes::splat(i64::MIN);
    Lanes::from_bits(x.to_bits() ^ sign)
}

/// Counts turns of `quarters` · π/2: x = (n + offset / 2) quarters π/2 + r gives (1.5 · 2^52 + n, r), n and r as small
/// as can be. Half turns (2) with offset 0 or 1, and quarter turns (1) with offset 0, are what sin, cos and tan need.
#[inline(always)]
fn turns<const N: usize>(x: Lanes<f32, N>, quarters: i32, offset: i32) -> (Lanes<f64, N>, Lanes<f64, N>) {
    const HIGH: f64 = 1.570_796_325_802_803;
    const LOW: f64 = 9.920_935_796_805_404e-10;
    let small = x.abs().lt(Lanes::splat(TURNS_LIMIT as f32)).all();
    let (x, unit) = (x.widen(), f64::from(quarters));
    let (shifted, n) = if offset == 0 {
        let shifted = x * (FRAC_2_PI / unit) + ROUND_F64;
        (shifted, shifted - ROUND_F64)
    } else {
        let shifted = x * (FRAC_2_PI / unit) - 0.5 + ROUND_F64;
        (shifted, shifted - ROUND_F64 + 0.5)
    };
    let r = (x - n * (HIGH * unit)) - n * (LOW * unit);
    if small {
        return (shifted, r);
    }
    let (shifted, r) = large_turns(x.detach(), quarters, offset, (shifted.detach(), r.detach()));
    (shifted.detach(), r.detach())
}

/// [`turns`] with the large lanes done again.
#[cold]
#[inline(never)]
fn large_turns<const N: usize>(
    x: Lanes<f64, N>,
    quarters: i32,
    offset: i32,
    (mut shifted, mut r): (Lanes<f64, N>, Lanes<f64, N>),
) -> (Lanes<f64, N>, Lanes<f64, N>) {
    for i in (0..N).filter(|&i| x.0[i].abs() >= TURNS_LIMIT || x.0[i].is_nan()) {
        let turns = quarter_turns(x.0[i]);
        // Where half turns are asked for and n quarters are none: one quarter more or less, to the side of r.
        let (n, rest) = match ((turns.n - offset) % quarters == 0, turns.r > 0.0) {
            (true, _) => (turns.n, turns.r),
            (false, true) => (turns.n + 1, turns.r - FRAC_PI_2),
            (false, false) => (turns.n - 1, turns.r + FRAC_PI_2),
        };
        shifted.0[i] = f64::from((n - offset) / quarters) + ROUND_F64;
        r.0[i] = rest;
    }
    (shifted, r)
}

/// (-1)^n sin r for |r| <= π/2, to 2^-27.
#[inline(always)]
fn sin_of_half_turns<const N: usize>((shifted, r): (Lanes<f64, N>, Lanes<f64, N>)) -> Lanes<f64, N> {
    let z = r * r;
    let p = poly!(z; -0.166_666_595_505_876_15, 0.008_333_066_257_285_85, -0.000_198_096_032_677_701_94,
        2.605_780_159_441_815_6e-6);
    let sign = shifted.to_bits() << 63;
    Lanes::from_bits((r * (z * p + 1.0)).to_bits() ^ sign)
}

/// x = n π/2 + r - c in single precision.
struct Quarters<const N: usize> {
    /// n + 1.5 · 2^23; only n mod 4 counts.
    shifted: Lanes<f32, N>,
    /// |r| <= π/4, -0 at -0.
    r: Lanes<f32, N>,
    /// The rounding error of r; 0 at 0.
    c: Lanes<f32, N>,
}

impl<const N: usize> Quarters<N> {
    /// Whether all is as said: n times the first two parts of π/2 is exact, and the error of the third small
    /// beside the smallest r.
    #[inline(always)]
    fn suffice(x: Lanes<f32, N>) -> Usual<N> {
        Usual { number: x.abs().to_bits(), limit: 400_f32.to_bits().cast_signed() - 1 }
    }

    /// The argument reduction, for those that it [suffices](Self::suffice) for.
    #[inline(always)]
    fn of(x: Lanes<f32, N>) -> Self {
        const PARTS: [f32; 3] = [1.570_770_3, 2.606_306_2e-5, 6.077_100_6e-11];
        let shifted = x * FRAC_2_PI as f32 + ROUND_F32;
        let n = shifted - ROUND_F32;
        let first = x - n * PARTS[0];
        let second = n * PARTS[1];
        let r = first - second;
        Self { shifted, r, c: (second - (first - r)) + n * PARTS[2] }
    }

    /// sin(x + quarters π/2).
    #[inline(always)]
    fn sin(self, quarters: i32) -> Lanes<f32, N> {
        let Self { shifted, r, c } = self;
        let n = shifted.to_bits() + quarters;
        let z = r * r;
        let sin = r - (r * z * poly!(z; 0.166_666_55, -0.008_332_189, 0.000_195_182_77) + c);
        let q = poly!(z; 0.041_666_646, -0.001_388_731_3, 2.443_296_4e-5);
        let cos = Lanes::splat(1.0) - (z * 0.5 - (z * z * q + r * c));
        let odd = (n << 31).lt(Lanes::splat(0)).cast();
        let sign = (n << 30) & Lanes::splat(i32::MIN);
        Lanes::from_bits(Lanes::select(odd, cos, sin).to_bits() ^ sign)
    }
}

/// sin x.
#[inline(always)]
pub fn sin_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    usual!(x, Quarters::suffice, Quarters::of(x).sin(0), |x| sin_of_half_turns(turns(x, 2, 0)).narrow())
}

/// cos x: far out cos((n + 1/2) π + r) = -(-1)^n sin r.
#[inline(always)]
pub fn cos_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    usual!(x, Quarters::suffice, Quarters::of(x).sin(1), |x| {
        let (shifted, r) = turns(x, 2, 1);
        sin_of_half_turns((shifted, -r)).narrow()
    })
}

/// x in quarter turns.
#[inline(always)]
fn quarters<const N: usize>(x: Lanes<f64, N>) -> Angle<N> {
    const PARTS: [f64; 3] = [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_795_950_6e-21];
    let shifted = x * FRAC_2_PI + ROUND_F64;
    let n = shifted - ROUND_F64;
    let first = x - n * PARTS[0];
    let second = n * PARTS[1];
    let high = first - second;
    // What the difference lost (Knuth's two-sum), and the third part.
    let back = high - first;
    let lost = (first - (high - back)) - (second + back);
    let low = n * PARTS[2] - lost;
    let r = high - low;
    let angle = Angle { shifted, r, c: (high - r) - low };
    if x.abs().lt(Lanes::splat(QUARTERS_LIMIT)).all() {
        return angle;
    }
    let Angle { shifted, r, c } =
        large_quarters(x.detach(), Angle { shifted: shifted.detach(), r: r.detach(), c: angle.c.detach() });
    Angle { shifted: shifted.detach(), r: r.detach(), c: c.detach() }
}

/// [`quarters`] with the large lanes done again.
#[cold]
#[inline(never)]
fn large_quarters<const N: usize>(x: Lanes<f64, N>, mut angle: Angle<N>) -> Angle<N> {
    for i in (0..N).filter(|&i| x.0[i].abs() >= QUARTERS_LIMIT || x.0[i].is_nan()) {
        let turns = quarter_turns(x.0[i]);
        angle.shifted.0[i] = f64::from(turns.n) + ROUND_F64;
        angle.r.0[i] = turns.r;
        angle.c.0[i] = turns.c;
    }
    angle
}

/// sin(r + c) as r and what is to be added to it.
#[inline(always)]
fn sin_parts<const N: usize>(angle: &Angle<N>) -> (Lanes<f64, N>, Lanes<f64, N>) {
    let (r, c) = (angle.r, angle.c);
    let z = r * r;
    let p = poly!(z; -0.166_666_666_666_666_3, 0.008_333_333_333_322_116, -0.000_198_412_698_295_870_3,
        2.755_731_362_039_947e-6, -2.505_074_759_327_672_8e-8, 1.589_621_959_044_572_7e-10);
    (r, z * r * p + (c - z * c * 0.5))
}

/// cos(r + c) as 1 - r²/2 rounded and what is to be added to it.
#[inline(always)]
fn cos_parts<const N: usize>(angle: &Angle<N>) -> (Lanes<f64, N>, Lanes<f64, N>) {
    let (r, c) = (angle.r, angle.c);
    let z = r * r;
    let p = poly!(z; 0.041_666_666_666_666_6, -0.001_388_888_888_887_414_2, 2.480_158_728_949_302e-5,
        -2.755_731_435_549_835_5e-7, 2.087_572_370_735_786e-9, -1.135_967_044_113_500_6e-11);
    let half = z * 0.5;
    let high = Lanes::splat(1.0) - half;
    let lost = (Lanes::splat(1.0) - high) - half;
    (high, lost + (z * z * p - r * c))
}

/// sin πd and cos πd for 0 <= d <= 1/2, to 2^-56.
#[inline(always)]
pub fn sin_cos_of_half_turns<const N: usize>(d: Lanes<f64, N>) -> (Sum<N>, Sum<N>) {
    const PI_LOW: f64 = 1.224_646_799_147_353_2e-16;
    let steep = d.gt(Lanes::splat(0.25));
    let near = Lanes::select(steep, Lanes::splat(0.5) - d, d);
    let Sum { high, low } = Sum::product(near, Lanes::splat(PI));
    let angle = Angle { shifted: high, r: high, c: low + near * PI_LOW };
    let ((s, t), (c, d)) = (sin_parts(&angle), cos_parts(&angle));
    let (sin, cos) = (Sum::of(s, t), Sum::of(c, d));
    (Sum::select(steep, cos, sin), Sum::select(steep, sin, cos))
}

/// sin x.
#[inline(always)]
pub fn sin_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    let angle = quarters(x);
    let ((s, t), (c, d)) = (sin_parts(&angle), cos_parts(&angle));
    let y = Lanes::select(odd(angle.shifted), c + d, s + t);
    // -0 would become 0 on the way
    Lanes::select(x.eq(Lanes::splat(0.0)), x, turn(y, angle.shifted))
}

/// cos x = sin(x + π/2).
#[inline(always)]
pub fn cos_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    let angle = quarters(x);
    let ((s, t), (c, d)) = (sin_parts(&angle), cos_parts(&angle));
    let y = Lanes::select(odd(angle.shifted), s + t, c + d);
    turn(y, angle.shifted + 1.0)
}

/// tan x = sin / cos, in odd quarters -cos / sin.
#[inline(always)]
pub fn tan_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks::<4>(|x| {
        let (shifted, r) = turns(x, 1, 0);
        let z = r * r;
        let p = poly!(z; -0.166_666_546_135_264_58, 0.008_332_160_597_642_895, -0.000_195_152_438_514_756_98);
        let q = poly!(z; -0.5, 0.041_666_646_882_176_174, -0.001_388_736_815_100_930_6, 2.443_851_156_426_627_5e-5);
        let (s, c) = (r * (z * p + 1.0), z * q + 1.0);
        let odd = odd(shifted);
        (Lanes::select(odd, -c, s) / Lanes::select(odd, s, c)).narrow()
    })
}

/// tan x = sin / cos, in odd quarters -cos / sin, each as a sum of two numbers.
#[inline(always)]
pub fn tan_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    x.chunks::<2>(|x| {
        let angle = quarters(x);
        let ((s, t), (c, d)) = (sin_parts(&angle), cos_parts(&angle));
        let (sin, cos) = (Sum::of(s, t), Sum::of(c, d));
        let odd = odd(angle.shifted);
        let minus_cos = Sum { high: -cos.high, low: -cos.low };
        let (above, below) = (Sum::select(odd, minus_cos, sin), Sum::select(odd, sin, cos));
        let quotient = above.high / below.high;
        let y = quotient + (above.low - quotient * below.low) / below.high;
        Lanes::select(x.eq(Lanes::splat(0.0)), x, y)
    })
}
