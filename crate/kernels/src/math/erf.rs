//! erf, erfc, erfinv.
//!
//! Near 0, erf x is x times a polynomial in x². Beyond, erf x = 1 - erfc x, where in double precision erfc x = e^(-x²)
//! q(t) / (1 + 2x) with a polynomial in t = (x - 5/2) / (x + 5/2) that holds for all x at once (M. M. Shepherd and J.
//! G. Laframboise, Mathematics of Computation 36, 1981); in single precision -ln erfc is the polynomial. erfinv starts
//! from polynomials in w = -ln(1 - x²) (M. Giles, Approximating the erfinv function, GPU Computing Gems 2, 2012) and in
//! double precision takes one step of Halley's method.

use super::double::Sum;
use super::exp::{exp_parts_of_difference, exp_sum_f64, significand_f64};
use super::log::ln_f64;
use crate::lanes::Lanes;
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// erf x.
#[inline(always)]
pub fn erf_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    let a = x.abs().pmin(Lanes::splat(4.0));
    let z = a * a;
    let small = a * poly!(z; 0.128_379_17, -0.376_126_32, 0.112_836_71, -0.026_858_07, 0.005_197_747, -0.000_810_555_9,
        8.214_151e-5)
        + a;
    // -ln erfc a = 2 + v, where v is small, and its rounding error too, for the a whose erfc counts most
    let v = poly!(a - 1.061; 0.013_729_006, 2.742_281_7, 0.850_492, 0.039_179_31, -0.009_394_655, 0.001_799_487_5,
        -0.000_197_164_06);
    let (scale, e) = exp_parts_of_difference(Lanes::splat(-2.0), v);
    let large = (Lanes::splat(1.0) - scale) - scale * e;
    Lanes::select(a.lt(Lanes::splat(0.93)), small, large).with_sign(x)
}

/// erf x / x - 1 for z = x² <= 1, to 2^-56.
#[inline(always)]
fn small_f64<const N: usize>(z: Lanes<f64, N>) -> Lanes<f64, N> {
    poly!(z; 0.128_379_167_095_512_6, -0.376_126_389_031_837_5, 0.112_837_916_709_548_57, -0.026_866_170_645_072_903,
        0.005_223_977_624_780_934, -0.000_854_832_697_874_557_2, 0.000_120_553_310_370_094_31,
        -1.492_559_350_929_646_8e-5, 1.646_097_285_275_313_7e-6, -1.635_002_557_716_835_2e-7,
        1.465_788_209_257_086_1e-8, -1.136_567_422_220_781_4e-9, 5.945_275_083_556_521e-11)
}

/// The polynomial q less its first coefficient, for 1/2 <= a <= 28.
#[inline(always)]
fn tail_rest<const N: usize>(a: Lanes<f64, N>) -> Lanes<f64, N> {
    let t = (a - 2.5) / (a + 2.5);
    t * poly!(t; -0.122_356_763_082_403_98, -0.099_024_539_573_593_94,
        0.157_629_919_023_170_47, -0.102_967_056_039_122_53, 0.032_760_893_270_842_66, 0.000_931_892_832_194_006_7,
        -0.004_382_078_386_952_995, 0.000_491_865_610_926_717_8, 0.000_632_124_900_205_175_1, -8.847_767_974_749_635e-5,
        -0.000_113_526_463_532_677_04, 6.258_860_817_650_409_5e-6, 2.271_878_857_562_638_7e-5, 2.628_384_888_876_483e-6,
        -4.275_375_826_390_455e-6, -1.613_488_806_375_329_3e-6, 6.353_163_307_946_215e-7, 5.456_684_886_737_619e-7,
        -8.580_970_491_949_187e-8, -1.076_251_968_174_976_8e-7, 2.358_237_634_854_827e-8)
}

/// The first coefficient of q.
const TAIL: f64 = 1.264_838_184_366_861_5;

/// erfc a for 1/2 <= a <= 28, good enough for what is added to 1.
#[inline(always)]
fn tail_f64<const N: usize>(a: Lanes<f64, N>) -> Lanes<f64, N> {
    let square = Sum::product(a, a);
    exp_sum_f64(-square.high, -square.low) * ((tail_rest(a) + TAIL) / (a * 2.0 + 1.0))
}

/// erf x.
#[inline(always)]
pub fn erf_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    x.in_turn::<2>(|x| {
        let a = x.abs().pmin(Lanes::splat(6.0));
        let small = a * small_f64(a * a) + a;
        let large = Lanes::splat(1.0) - tail_f64(a.pmax(Lanes::splat(0.5)));
        Lanes::select(a.lt(Lanes::splat(1.0)), small, large).with_sign(x)
    })
}

/// erfc x = 1 - erf x, without cancellation to the right.
#[inline(always)]
pub fn erfc_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    x.in_turn::<2>(|x| {
        let a = x.abs().pmin(Lanes::splat(28.0));
        let half = Lanes::splat(0.5);
        let small = half - ((x - 0.5) + x * small_f64(a * a));
        // as `tail_f64`, with what the quotient loses to rounding as a part of the exponent
        let a = a.pmax(half);
        let q = Sum::of(Lanes::splat(TAIL), tail_rest(a));
        let below = Sum::of(a * 2.0, Lanes::splat(1.0));
        let (quotient, lost) = quotient(q, below);
        let square = Sum::product(a, a);
        let tail = exp_sum_f64(-square.high, lost - square.low) * quotient;
        let large = Lanes::select(x.lt(Lanes::splat(0.0)), Lanes::splat(2.0) - tail, tail);
        Lanes::select(x.abs().lt(half), small, large)
    })
}

/// Φ(-a) = ½ erfc(a / √2) for 0 <= a <= 39.5, as (g, shifted) with g 2^n, 0.009 < g < 0.8, n as [`scale_f64`] takes it.
///
/// As in [`erfc_f64`] with x = a / √2, from 0 on, where -a²/2 and 1 + 2x are sums of two numbers.
///
/// [`scale_f64`]: super::exp::scale_f64
#[inline(always)]
pub fn normal_tail_f64<const N: usize>(a: Lanes<f64, N>) -> (Sum<N>, Lanes<f64, N>) {
    const FIRST_LOW: f64 = 3.922_504_526_007_327e-17;
    const ROOT_2_LOW: f64 = -9.667_293_313_452_913e-17;
    let x = a * FRAC_1_SQRT_2;
    let t = (x - 2.5) / (x + 2.5);
    let rest = t
        * poly!(t; -0.122_356_763_082_404, -0.099_024_539_573_608_43, 0.157_629_919_023_183_05, -0.102_967_056_038_174_71, 0.032_760_893_269_906_17, 0.000_931_892_808_006_648_1, -0.004_382_078_360_854_036, 0.000_491_865_925_949_131_6, 0.000_632_124_531_197_169_6, -8.848_004_349_351_233e-05, -0.000_113_523_447_403_319_33, 6.269_636_093_046_278e-06, 2.270_365_294_295_739_2e-05, 2.598_385_943_328_373_4e-06, -4.227_900_855_580_636e-06, -1.565_110_993_392_330_6e-06, 5.441_071_153_344_642e-07, 5.086_089_189_299_749e-07, 1.372_934_381_743_701_4e-08, -1.067_480_914_727_744_3e-07, -2.663_398_625_533_022_8e-08, 1.132_810_727_791_514e-08, 4.657_333_052_817_761e-09);
    let q = Sum::of(Lanes::splat(TAIL), rest + FIRST_LOW);
    let double = Sum::product(a, Lanes::splat(SQRT_2));
    let below = Sum::from(Lanes::splat(1.0)).plus(Sum { high: double.high, low: double.low + a * ROOT_2_LOW });
    let (quotient, lost) = quotient(q, below);
    let square = Sum::product(a, a);
    let (p, shifted) = significand_f64(square.high * -0.5, lost - square.low * 0.5);
    (p.times(Sum::from(quotient * 0.5)), shifted)
}

/// Φ(x) = (1 + erf(x / √2)) / 2 for |x| < 1/2.
#[inline(always)]
pub fn normal_near_f64<const N: usize>(x: Lanes<f64, N>) -> Sum<N> {
    let slope = x * (0.5 * FRAC_1_SQRT_2);
    Sum::of(Lanes::splat(0.5), slope + slope * small_f64(x * x * 0.5))
}

/// q / below rounded, and what that lost, as a part of it.
#[inline(always)]
fn quotient<const N: usize>(q: Sum<N>, below: Sum<N>) -> (Lanes<f64, N>, Lanes<f64, N>) {
    let quotient = q.high / below.high;
    let back = Sum::product(quotient, below.high);
    (quotient, (((q.high - back.high) - back.low) + q.low - quotient * below.low) / q.high)
}

/// erfc x.
#[inline(always)]
pub fn erfc_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks::<4>(|x| erfc_f64(x.widen()).narrow())
}

/// w = -ln(1 - a²), and erfinv(a) / a for w <= 6, to 2^-28.
#[inline(always)]
fn central<const N: usize>(a: Lanes<f64, N>) -> (Lanes<f64, N>, Lanes<f64, N>) {
    let w = -ln_f64((Lanes::splat(1.0) - a) * (a + 1.0));
    let y = poly!(w - 3.0; 1.623_542_009_818_533_6, 0.241_630_393_885_950_7, -0.005_738_163_459_520_253_6,
        -0.000_836_156_720_766_756_5, 0.000_195_099_439_114_478_24, -1.273_412_943_108_217_7e-5,
        -1.766_728_466_298_151_5e-6, 4.554_333_511_456_910_7e-7, -1.952_434_997_582_974e-8, -6.305_280_877_234_922e-9,
        6.795_278_317_811_094e-10, 3.536_013_033_693_201_4e-11);
    (w, y)
}

/// erfinv x.
#[inline(always)]
pub fn erfinv_f32<const N: usize>(x: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks::<4>(|x| {
        let x = x.widen();
        let (w, near) = central(x.abs());
        let far = poly!(w.sqrt() - 3.0; 2.832_976_809_949_186, 1.001_675_279_525_768, 0.009_444_577_834_565_654,
            -0.007_643_628_842_642_274, 0.005_697_810_174_765_348, -0.003_567_222_549_063_644_5,
            0.001_428_925_888_251_328_8, -8.571_226_563_815_836e-5, -0.000_218_032_843_523_140_47,
            7.499_859_155_083_942e-5);
        let y = x * Lanes::select(w.lt(Lanes::splat(6.0)), near, far);
        let edge = x / (Lanes::splat(1.0) - x.abs()).sqrt();
        Lanes::select(x.abs().lt(Lanes::splat(1.0)), y, edge).narrow()
    })
}

/// erfinv x.
#[inline(always)]
pub fn erfinv_f64<const N: usize>(x: Lanes<f64, N>) -> Lanes<f64, N> {
    x.in_turn::<2>(|x| {
        let a = x.abs();
        let (w, near) = central(a);
        let far = poly!(w.sqrt() - 4.0; 3.839_783_758_316_031, 1.009_495_741_405_238_6, 0.001_261_015_066_934_773_8,
            -0.000_884_471_216_164_967_3, 0.000_318_744_241_908_406_75, -9.050_056_509_035_082e-5,
            5.319_665_869_629_714e-5, -5.181_524_193_140_175_6e-5, 2.464_573_246_866_631e-5, -4.131_231_272_198_727e-6);
        let y = a * Lanes::select(w.lt(Lanes::splat(6.0)), near, far);
        // erf y - a, from the side on which nothing cancels
        let tail = y.gt(Lanes::splat(0.85));
        let excess = Lanes::select(
            tail,
            (Lanes::splat(1.0) - a) - tail_f64(y.pmax(Lanes::splat(0.5))),
            (y - a) + y * small_f64(y * y),
        );
        let slope = exp_sum_f64(-(y * y), Lanes::splat(0.0)) * std::f64::consts::FRAC_2_SQRT_PI;
        let step = excess / slope;
        let y = y - step / (y * step + 1.0);
        // ±inf at ±1, NaN beyond, both from this quotient
        Lanes::select(a.lt(Lanes::splat(1.0)), y, a / (Lanes::splat(1.0) - a).sqrt()).with_sign(x)
    })
}
