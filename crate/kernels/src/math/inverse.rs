//! asin, acos, atan, atan2.
//!
//! Near ±1, asin x = π/2 - 2 asin √((1 - x) / 2), so that the polynomial serves [0, 1/2] only. The arc tangent
//! subtracts the angle of a nearby point: atan a = atan c + atan((a - c) / (1 + a c)) with c = 0, 1/2, 1, 3/2, inf (the
//! points of fdlibm). Single precision is computed in double precision, with shorter polynomials.

use super::double::halves;
use crate::lanes::{Lanes, Mask};
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// π/2 - FRAC_PI_2.
const FRAC_PI_2_LOW: f64 = 6.123_233_995_736_766e-17;

/// |x| as asin and acos need it: z = s², s = |x| below 1/2, √((1 - |x|) / 2) above; NaN beyond 1.
#[inline(always)]
fn half_angle<const N: usize>(a: Lanes<f64, N>) -> (Lanes<f64, N>, Lanes<f64, N>) {
    let large = a.gt(Lanes::splat(0.5));
    let z = Lanes::select(large, (Lanes::splat(1.0) - a) * 0.5, a * a);
    (z, Lanes::select(large, z.sqrt(), a))
}

/// asin(s) / s for z = s² <= 1/4, to 2^-35.
#[inline(always)]
fn asin_to_single<const N: usize>(z: Lanes<f64, N>) -> Lanes<f64, N> {
    poly!(z; 1.0, 0.166_666_671_896_224_64, 0.074_999_481_731_708_73, 0.044_660_158_967_909_945,
        0.030_110_309_689_451_623, 0.024_618_004_667_269_502, 0.007_470_229_495_802_887, 0.034_691_644_108_658_35)
}

/// asin(s) / s - 1 for z = s² <= 1/4, to 2^-58.
#[inline(always)]
fn asin_tail<const N: usize>(z: Lanes<f64, N>) -> Lanes<f64, N> {
    z * poly!(z; 0.166_666_666_666_667_63, 0.074_999_999_999_702_72, 0.044_642_857_175_111_54,
        0.030_381_942_684_035_435, 0.022_372_215_649_241_727, 0.017_351_600_278_269_763, 0.013_980_959_351_306_055,
        0.011_397_792_182_662_831, 0.010_786_443_149_987_007, 0.003_683_350_551_720_615_5, 0.021_762_781_365_428_55,
        -0.021_076_315_766_119_465, 0.032_676_299_584_539_09)
}

/// asin x.
#[inline(always)]
pub fn asin_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks::<4>(|x| {
        let x = x.widen();
        let a = x.abs();
        let (z, s) = half_angle(a);
        let y = s * asin_to_single(z);
        Lanes::select(a.gt(Lanes::splat(0.5)), Lanes::splat(FRAC_PI_2) - y * 2.0, y).with_sign(x).narrow()
    })
}

/// acos x = π/2 - asin x.
#[inline(always)]
pub fn acos_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks::<4>(|x| {
        let x = x.widen();
        let a = x.abs();
        let (z, s) = half_angle(a);
        let y = s * asin_to_single(z);
        let below = Lanes::splat(FRAC_PI_2) - y.with_sign(x);
        let above = Lanes::select(x.lt(Lanes::splat(0.0)), Lanes::splat(PI) - y * 2.0, y * 2.0);
        Lanes::select(a.gt(Lanes::splat(0.5)), above, below).narrow()
    })
}

/// √z in two parts, of which the first has 26 bits, for s = √z rounded.
#[inline(always)]
fn root_parts<const N: usize>(z: Lanes<f64, N>, s: Lanes<f64, N>) -> (Lanes<f64, N>, Lanes<f64, N>) {
    let (high, _) = halves(s);
    let rest = (z - high * high) / (s + high);
    (high, Lanes::select(z.eq(Lanes::splat(0.0)), z, rest))
}

/// asin x.
#[inline(always)]
pub fn asin_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    let a = x.abs();
    let (z, s) = half_angle(a);
    let tail = s * asin_tail(z);
    let (high, rest) = root_parts(z, s);
    // π/2 - 2 (high + rest + tail), from π/4 - 2 high, which is exact.
    let low = (tail + rest) * 2.0 - FRAC_PI_2_LOW;
    let above = Lanes::splat(FRAC_PI_4) + ((Lanes::splat(FRAC_PI_4) - high * 2.0) - low);
    Lanes::select(a.gt(Lanes::splat(0.5)), above, s + tail).with_sign(x)
}

/// acos x.
#[inline(always)]
pub fn acos_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    let a = x.abs();
    let (z, s) = half_angle(a);
    let tail = s * asin_tail(z);
    let (high, rest) = root_parts(z, s);
    let low = Lanes::splat(FRAC_PI_2_LOW);
    let below = Lanes::splat(FRAC_PI_2) - (x - (low - tail.with_sign(x)));
    let right = (high + (tail + rest)) * 2.0;
    let left = Lanes::splat(PI) - (s + (tail - low)) * 2.0;
    let above = Lanes::select(x.lt(Lanes::splat(0.0)), left, right);
    Lanes::select(a.gt(Lanes::splat(0.5)), above, below)
}

/// atan(above / below) for above, below >= 0, not both 0 or inf; to 2^-36.
#[inline(always)]
fn atan_to_single<const N: usize>(above: Lanes<f64, N>, below: Lanes<f64, N>) -> Lanes<f64, N> {
    let steep = above.gt(below);
    let t = Lanes::select(steep, below, above) / Lanes::select(steep, above, below);
    let z = t * t;
    let y = t * poly!(z; 1.0, -0.333_333_331_112_026_45, 0.199_999_842_263_575_95, -0.142_853_209_718_083_19,
        0.111_061_442_886_722, -0.090_536_346_178_009_3, 0.075_105_298_096_577_32, -0.060_570_008_816_564_304,
        0.044_179_815_939_077_91, -0.026_548_529_526_408_69, 0.011_779_143_268_966_402, -0.003_326_679_006_338_7,
        0.000_440_725_307_803_627_6);
    Lanes::select(steep, Lanes::splat(FRAC_PI_2) - y, y)
}

/// atan a for a >= 0.
#[inline(always)]
fn atan_positive<const N: usize>(a: Lanes<f64, N>) -> Lanes<f64, N> {
    /// From which a on, the point c, and atan c in two parts.
    const POINTS: [(f64, f64, f64, f64); 3] = [
        (0.4375, 0.5, 0.463_647_609_000_806_1, 2.269_877_745_296_168_7e-17),
        (0.6875, 1.0, FRAC_PI_4, 3.061_616_997_868_383e-17),
        (1.1875, 1.5, 0.982_793_723_247_329, 1.390_331_103_123_099_8e-17),
    ];
    let zero = Lanes::splat(0.0);
    let (mut c, mut high, mut low) = (zero, zero, zero);
    for (from, point, angle, rest) in POINTS {
        let here = a.ge(Lanes::splat(from));
        c = Lanes::select(here, Lanes::splat(point), c);
        high = Lanes::select(here, Lanes::splat(angle), high);
        low = Lanes::select(here, Lanes::splat(rest), low);
    }
    let far = a.ge(Lanes::splat(2.4375));
    let above = Lanes::select(far, Lanes::splat(-1.0), a - c);
    let below = Lanes::select(far, a, a * c + 1.0);
    let high = Lanes::select(far, Lanes::splat(FRAC_PI_2), high);
    let low = Lanes::select(far, Lanes::splat(FRAC_PI_2_LOW), low);
    let t = above / below;
    let z = t * t;
    let tail = t
        * z
        * poly!(z; -0.333_333_333_333_333_15, 0.199_999_999_999_931_2, -0.142_857_142_848_490_63, 0.111_111_110_564_587,
        -0.090_909_070_636_287_77, 0.076_922_596_646_927_4, -0.066_659_043_149_232_84, 0.058_740_341_427_752_26,
        -0.052_001_909_763_957_44, 0.044_333_481_718_238_37, -0.031_923_762_006_211_54, 0.013_699_394_019_449_628);
    high + ((tail + low) + t)
}

/// atan x.
#[inline(always)]
pub fn atan_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks::<4>(|x| {
        let x = x.widen();
        atan_to_single(x.abs(), Lanes::splat(1.0)).with_sign(x).narrow()
    })
}

/// atan x.
#[inline(always)]
pub fn atan_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    atan_positive(x.abs()).with_sign(x)
}

/// The angle of the point (x, y).
#[inline(always)]
pub fn atan2_f32<const N: usize>(y: Lanes<f32, N>, x: Lanes<f32, N>) -> Lanes<f32, N> {
    y.chunks2::<4>(x, |y, x| {
        let (y, x) = (y.widen(), x.widen());
        let (above, below) = equals(y.abs(), x.abs());
        let angle = atan_to_single(above, below);
        Lanes::select(behind(x), Lanes::splat(PI) - angle, angle).with_sign(y).narrow()
    })
}

/// The angle of the point (x, y), counted from the nearest axis.
#[inline(always)]
pub fn atan2_f64<const N: usize>(y: Lanes<f64, N>, x: Lanes<f64, N>) -> Lanes<f64, N> {
    let (above, below) = equals(y.abs(), x.abs());
    let (steep, behind) = (above.gt(below), behind(x));
    let slope = Lanes::select(steep, below, above) / Lanes::select(steep, above, below);
    let angle = atan_positive(slope);
    let angle = Lanes::select(steep ^ behind, -angle, angle);
    let flat = Lanes::select(behind, Lanes::splat(PI), Lanes::splat(0.0));
    let axis = Lanes::select(steep, Lanes::splat(FRAC_PI_2), flat);
    (axis + (angle + axis * (FRAC_PI_2_LOW / FRAC_PI_2))).with_sign(y)
}

/// Where x has a minus sign, -0 too.
#[inline(always)]
fn behind<const N: usize>(x: Lanes<f64, N>) -> Mask<f64, N> {
    x.to_bits().lt(Lanes::splat(0)).cast()
}

/// Both numbers, or where they are equal two with the slope that IEEE 754 gives them: 0/0 is 0/1, inf/inf is 1/1.
#[inline(always)]
fn equals<const N: usize>(a: Lanes<f64, N>, b: Lanes<f64, N>) -> (Lanes<f64, N>, Lanes<f64, N>) {
    let (equal, one) = (a.eq(b), Lanes::splat(1.0));
    let slope = Lanes::select(a.eq(Lanes::splat(0.0)), a, one);
    (Lanes::select(equal, slope, a), Lanes::select(equal, one, b))
}
