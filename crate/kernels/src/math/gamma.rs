//! lgamma, digamma, polygamma.
//!
//! To the right, x is moved beyond 8, where Stirling's series holds: Γ(x) = Γ(x + n) / (x (x + 1) .. (x + n - 1)). The
//! product, its derivative and the logarithms are sums of two doubles, because their difference cancels; beside the
//! zeros 1, 2 and 1.46.. it would leave nothing, and polynomials stand there. To the left the reflection formulas
//! (Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, 6.1.17 and 6.3.7). The derivatives of digamma are
//! sums of powers by Euler and Maclaurin (6.4.10 and 23.1.30 there).
//!
//! Single precision is computed in doubles, lgamma and digamma without the second ones. None of these functions is inlined.

use super::double::Sum;
use super::log::ln_f64;
use super::pow::{ln_sum, pow_f64};
use super::trig::sin_cos_of_half_turns;
use crate::lanes::{Lanes, Mask};
use std::f64::consts::PI;

/// The vector that these functions take at once.
type Pair = Lanes<f64, 2>;

/// From where on the series hold.
const FAR: f64 = 8.0;

/// For every vector `$f` in double precision and `$g` in single.
macro_rules! both {
    ($($single:ident = $g:ident, $double:ident = $f:ident ($($x:ident),+) by $chunks:ident;)+) => {$(
        #[doc = concat!("`", stringify!($f), "`.")]
        #[inline(always)]
        pub fn $double<const N: usize>($($x: Lanes<f64, N>),+) -> Lanes<f64, N> {
            both!(@ $chunks($($x),+), |$($x: Pair),+| $f($($x.detach()),+).detach())
        }
        #[doc = concat!("`", stringify!($g), "`.")]
        #[inline(always)]
        pub fn $single<const N: usize>($($x: Lanes<f32, N>),+) -> Lanes<f32, N> {
            both!(@ $chunks($($x),+), |$($x: Lanes<f32, 2>),+| $g($($x.widen().detach()),+).detach().narrow())
        }
    )+};
    (@ $chunks:ident($x:ident $(, $more:ident)*), $f:expr) => { $x.$chunks::<2>($($more,)* $f) };
}
both! {
    lgamma_f32 = lgamma_to_single, lgamma_f64 = lgamma (x) by chunks;
    digamma_f32 = digamma_to_single, digamma_f64 = digamma (x) by chunks;
    polygamma_f32 = polygamma, polygamma_f64 = polygamma (n, x) by chunks2;
}

/// x + n >= 8 for x >= 0, with p = x (x + 1) .. (x + n - 1) and its derivative p'.
#[inline(always)]
fn moved(x: Pair) -> (Sum<2>, Sum<2>, Sum<2>) {
    let (mut z, mut p, mut slope) = (Sum::from(x), Sum::from(Lanes::splat(1.0)), Sum::from(Lanes::splat(0.0)));
    for n in 1..=FAR as i32 {
        let near = z.high.lt(Lanes::splat(FAR));
        slope = Sum::select(near, slope.times(z).plus(p), slope);
        p = Sum::select(near, p.times(z), p);
        z = Sum::select(near, Sum::from(x).plus(Sum::from(Lanes::splat(f64::from(n)))), z);
    }
    (z, p, slope)
}

/// The same without second doubles.
#[inline(always)]
fn moved_to_single(x: Pair) -> (Pair, Pair, Pair) {
    let (mut z, mut p, mut slope) = (x, Lanes::splat(1.0), Lanes::splat(0.0));
    for _ in 0..FAR as i32 {
        let near = z.lt(Lanes::splat(FAR));
        slope = Lanes::select(near, slope * z + p, slope);
        (p, z) = (Lanes::select(near, p * z, p), Lanes::select(near, z + 1.0, z));
    }
    (z, p, slope)
}

/// ln of a sum.
#[inline(always)]
fn ln_of(x: Sum<2>) -> Sum<2> {
    let ln = ln_sum(x.high);
    Sum { high: ln.high, low: ln.low + x.low / x.high }
}

/// x less the nearest integer.
#[inline(always)]
fn from_integer(x: Pair) -> Pair {
    x - x.round()
}

#[inline(always)]
fn between(x: Pair, low: f64, high: f64) -> Mask<f64, 2> {
    x.gt(Lanes::splat(low)) & x.lt(Lanes::splat(high))
}

/// Where the reflection formulas are needed: beside 0 both sides are alike.
#[inline(always)]
fn to_the_left(x: Pair) -> Mask<f64, 2> {
    x.lt(Lanes::splat(-1e-20))
}

/// ln |Γ(x)|.
#[inline(never)]
fn lgamma(x: Pair) -> Pair {
    const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;
    const HALF_LN_TAU_LOW: f64 = -3.878_294_158_067_241_4e-17;
    const LN_PI: f64 = 1.144_729_885_849_400_2;
    const LN_PI_LOW: f64 = 1.026_595_116_270_782_6e-17;
    let (a, zero, inf) = (x.abs(), Lanes::splat(0.0), Lanes::splat(f64::INFINITY));
    let (z, p, _) = moved(a);
    let t = Lanes::splat(1.0) / z.high;
    let series = t
        * poly!(t * t; 0.083_333_333_333_333_33, -0.002_777_777_777_774_079, 0.000_793_650_789_817_291_6,
        -0.000_595_236_601_459_024_3, 0.000_841_472_089_858_453_5, -0.001_890_492_251_987_399, 0.005_068_137_069_733_083);
    // (z - 1/2) ln z - z + ln(2π) / 2 + series, all less ln p
    let less = Sum::of(z.high - 0.5, z.low);
    let constant = Sum { high: Lanes::splat(HALF_LN_TAU), low: series + HALF_LN_TAU_LOW };
    let stirling = less.times(ln_of(z)).plus(z.minus()).plus(constant);
    // ln |Γ(-a)| = ln(π / (a |sin πa|)) - ln Γ(a); poles where a is whole
    let (left, d) = (to_the_left(x), from_integer(a).abs());
    let (mut sum, mut product) = (stirling, p);
    if left.any() {
        let ln_pi = Sum { high: Lanes::splat(LN_PI), low: Lanes::splat(LN_PI_LOW) };
        let (sin, _) = sin_cos_of_half_turns(d);
        sum = Sum::select(left, ln_pi.plus(stirling.minus()), stirling);
        product = Sum::select(left, sin.over(p).times(Sum::from(a)), p);
    }
    let y = sum.plus(ln_of(product).minus());
    // where (z - 1/2) ln z is too large, its low part is no number
    let y = Lanes::select(stirling.high.lt(inf), y.high + y.low, Lanes::select(left, -inf, inf));
    lgamma_edges(x, left & d.eq(zero), y)
}

/// lgamma where it is not `y`: beside 1 and 2, at a `pole` to the left and at the others, and where x is infinite or no number.
#[inline(always)]
fn lgamma_edges(x: Pair, pole: Mask<f64, 2>, mut y: Pair) -> Pair {
    let (a, zero, inf) = (x.abs(), Lanes::splat(0.0), Lanes::splat(f64::INFINITY));
    let (u, v) = (x - 1.0, x - 2.0);
    let (beside_1, beside_2) = (between(u, -0.1, 0.1), between(v, -0.1, 0.1));
    if beside_1.any() {
        // adding 0 makes -0 at 1 to 0
        y = Lanes::select(beside_1, beside_one(u) + 0.0, y);
    }
    if beside_2.any() {
        y = Lanes::select(beside_2, beside_two(v), y);
    }
    let pole = pole | a.eq(zero) | a.eq(inf);
    Lanes::select(x.eq(x), Lanes::select(pole, inf, y), x)
}

/// lgamma(1 + u) for |u| < 0.1.
#[inline(always)]
fn beside_one(u: Pair) -> Pair {
    // the product with the first coefficient is a sum, so that all is rounded once
    let first = Sum::product(u, Lanes::splat(-0.577_215_664_901_532_9));
    let rest = u
        * u
        * poly!(u; 0.822_467_033_424_113, -0.400_685_634_386_531_76,
        0.270_580_808_428_444_6, -0.207_385_551_028_603_8, 0.169_557_176_470_931_9, -0.144_049_896_572_559_65,
        0.125_509_849_375_828_8, -0.111_334_376_577_547_77, 0.100_069_627_235_830_35, -0.090_931_267_512_862_29,
        0.085_721_672_426_679_27, -0.078_972_604_495_198_36);
    first.high + (first.low + rest)
}

/// lgamma(2 + v) for |v| < 0.1.
#[inline(always)]
fn beside_two(v: Pair) -> Pair {
    v * poly!(v; 0.422_784_335_098_467_13, 0.322_467_033_424_113_26, -0.067_352_301_053_198_23,
        0.020_580_808_427_739_912, -0.007_385_551_028_553_556, 0.002_890_510_355_686_267, -0.001_192_753_951_104_188_9,
        0.000_509_663_836_458_325_2, -0.000_223_148_954_972_593_87, 0.000_100_024_623_046_342_39,
        -4.531_446_319_858_046_5e-5)
}

/// ln |Γ(x)| to single precision.
#[inline(never)]
fn lgamma_to_single(x: Pair) -> Pair {
    const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;
    const LN_PI: f64 = 1.144_729_885_849_400_2;
    let a = x.abs();
    let (z, p, _) = moved_to_single(a);
    let t = Lanes::splat(1.0) / z;
    let series = t * poly!(t * t; 0.083_333_333_333_333_33, -0.002_777_777_777_774_079, 0.000_793_650_789_817_291_6,
        -0.000_595_236_601_459_024_3);
    let y = (((z - 0.5) * ln_f64(z) - z) + HALF_LN_TAU + series) - ln_f64(p);
    let (left, d) = (to_the_left(x), from_integer(a).abs());
    let reflected = |y: Pair| Lanes::splat(LN_PI) - ln_f64(a * sin_cos_of_half_turns(d).0.high) - y;
    let y = if left.any() { Lanes::select(left, reflected(y), y) } else { y };
    lgamma_edges(x, left & d.eq(Lanes::splat(0.0)), y)
}

/// Γ'(x) / Γ(x).
#[inline(never)]
fn digamma(x: Pair) -> Pair {
    const PI_LOW: f64 = 1.224_646_799_147_353_2e-16;
    let (a, zero) = (x.abs(), Lanes::splat(0.0));
    let (z, p, slope) = moved(a);
    let t = Lanes::splat(1.0) / z.high;
    let t = t * t;
    let series = t * poly!(t; 0.083_333_333_333_333_33, -0.008_333_333_333_280_141, 0.003_968_253_913_029_852,
        -0.004_166_645_105_485_247, 0.007_571_723_183_001_88, -0.020_699_826_692_860_33, 0.063_659_301_034_730_65);
    // ln z - 1 / (2z) - series - p' / p
    let half = Sum::from(Lanes::splat(0.5)).over(z);
    let mut sum = ln_of(z).plus(half.plus(Sum::from(series)).plus(slope.over(p)).minus());
    // ψ(-a) = ψ(a) + 1 / a + π cot πa
    let (left, d) = (to_the_left(x), from_integer(a));
    if left.any() {
        let (sin, cos) = sin_cos_of_half_turns(d.abs());
        let cot = cos.over(sin).times(Sum { high: Lanes::splat(PI), low: Lanes::splat(PI_LOW) });
        let cot = Sum::select(d.lt(zero), cot.minus(), cot);
        let recip = Sum::from(Lanes::splat(1.0)).over(Sum::from(a));
        sum = Sum::select(left, sum.plus(recip).plus(cot), sum);
    }
    digamma_edges(x, left & d.eq(zero), sum.high + sum.low)
}

/// digamma where it is not `y`: beside its zero, beside 0, at a `pole` to the left, and where x is infinite or no number.
#[inline(always)]
fn digamma_edges(x: Pair, pole: Mask<f64, 2>, mut y: Pair) -> Pair {
    const ZERO: f64 = 1.461_632_144_968_362_2;
    const ZERO_LOW: f64 = 9.549_995_429_965_697e-17;
    let (a, inf) = (x.abs(), Lanes::splat(f64::INFINITY));
    let u = (x - ZERO) - ZERO_LOW;
    let near = between(u, -0.06, 0.06);
    if near.any() {
        let beside = u * poly!(u; 0.967_672_245_447_621_2, -0.442_763_168_983_592_14, 0.258_499_760_955_651_1,
        -0.163_942_705_442_141_82, 0.107_824_050_690_967_04, -0.072_199_561_666_746_7, 0.048_804_288_533_374_9,
        -0.033_160_866_962_199_21, 0.022_597_442_696_983_67, -0.015_496_542_587_855_799, 0.010_590_986_077_926_972);
        y = Lanes::select(near, beside, y);
    }
    // beside 0 it is -1 / x, also where that is infinite
    let y = Lanes::select(a.lt(Lanes::splat(1e-20)), Lanes::splat(-1.0) / x, y);
    let pole = pole | (to_the_left(x) & a.eq(inf));
    let y = Lanes::select(pole, Lanes::splat(f64::NAN), Lanes::select(x.eq(inf), x, y));
    Lanes::select(x.eq(x), y, x)
}

/// Γ'(x) / Γ(x) to single precision.
#[inline(never)]
fn digamma_to_single(x: Pair) -> Pair {
    let (a, zero) = (x.abs(), Lanes::splat(0.0));
    let (z, p, slope) = moved_to_single(a);
    let t = Lanes::splat(1.0) / z;
    let square = t * t;
    let series = square
        * poly!(square; 0.083_333_333_333_333_33, -0.008_333_333_333_280_141, 0.003_968_253_913_029_852,
        -0.004_166_645_105_485_247);
    let y = ln_f64(z) - (t * 0.5 + series + slope / p);
    let (left, d) = (to_the_left(x), from_integer(a));
    let reflected = |y: Pair| {
        let (sin, cos) = sin_cos_of_half_turns(d.abs());
        let cot = (cos.high / sin.high * PI).with_sign(d);
        y + Lanes::splat(1.0) / a + cot
    };
    let y = if left.any() { Lanes::select(left, reflected(y), y) } else { y };
    digamma_edges(x, left & d.eq(zero), y)
}

/// Σ (x + k)^-s over k >= 0, for s >= 2 and x > 0: terms up to beyond s / 2 + 9, an integral, and its corrections.
#[inline(never)]
fn zeta(s: Pair, x: Pair) -> Sum<2> {
    /// B_2j / (2j)!.
    const CORRECTIONS: [f64; 12] = [
        0.083_333_333_333_333_33,
        -0.001_388_888_888_888_889,
        3.306_878_306_878_307e-5,
        -8.267_195_767_195_768e-7,
        2.087_675_698_786_81e-8,
        -5.284_190_138_687_493e-10,
        1.338_253_653_068_467_9e-11,
        -3.389_680_296_322_582_7e-13,
        8.586_062_056_277_845e-15,
        -2.174_868_698_558_062e-16,
        5.509_002_828_360_229_5e-18,
        -1.395_446_468_581_252_2e-19,
    ];
    let zero = Lanes::splat(0.0);
    let (mut z, mut plain, mut total) = (x, zero, Sum::from(zero));
    let far = s * 0.5 + 9.0;
    while z.lt(far).any() {
        let near = z.lt(far);
        let term = Lanes::select(near, pow_f64(z, -s), zero);
        (plain, total) = (plain + term, total.plus(Sum::from(term)));
        z = Lanes::select(near, z + 1.0, z);
    }
    let integral = pow_f64(z, Lanes::splat(1.0) - s);
    let (last, square) = (integral / z, z * z);
    let (mut factor, mut sum) = (last * s / z, zero);
    for (j, correction) in CORRECTIONS.iter().enumerate() {
        sum = sum + factor * *correction;
        let j = Lanes::splat((2 * j + 1) as f64);
        factor = factor * ((s + j) * (s + j + 1.0) / square);
    }
    let rest = Sum::from(integral).over(Sum::from(s - 1.0)).plus(Sum { high: last * 0.5, low: sum });
    let total = total.plus(rest);
    Sum::select(plain.lt(Lanes::splat(f64::INFINITY)), total, Sum::from(plain))
}

/// The derivative of order n of digamma, for n rounded to an integer: -(-1)^n n! Σ (x + k)^-(n + 1).
#[inline(never)]
fn polygamma(n: Pair, x: Pair) -> Pair {
    let (zero, one) = (Lanes::splat(0.0), Lanes::splat(1.0));
    let n = n.round();
    let order = n.pmax(one).pmin(Lanes::splat(171.0));
    let s = order + 1.0;
    let even = from_integer(order * 0.5).eq(zero);
    let left = x.lt(zero);
    let mut sum = zeta(s.detach(), Lanes::select(left, one - x, x).detach());
    if left.any() {
        // The sum over all integers k, without those on the other side.
        let d = from_integer(x);
        let (above, below) = (zeta(s.detach(), (d + 1.0).detach()).high, zeta(s.detach(), (one - d).detach()).high);
        let other = below - sum.high;
        let all = pow_f64(d, -s) + (above + Lanes::select(even, -other, other));
        sum = Sum::select(left, Sum::from(all), sum);
    }
    let mut factorial = Sum::from(one);
    for k in 2..=170 {
        let k = Lanes::splat(f64::from(k));
        if order.lt(k).all() {
            break;
        }
        let next = factorial.times(Sum::from(k));
        factorial = Sum::select(order.lt(k), factorial, next);
    }
    let product = Sum::product(sum.high, factorial.high);
    let y = product.high + (product.low + sum.low * factorial.high);
    // beyond the range of the halves that the exact product is made of
    let y = Lanes::select(y.eq(y), y, sum.high * factorial.high);
    let y = Lanes::select(even, -y, y);
    let y = Lanes::select(n.eq(zero), digamma(x.detach()).detach(), y);
    Lanes::select(n.ge(zero) & n.le(Lanes::splat(170.0)) & x.eq(x), y, Lanes::splat(f64::NAN))
}
