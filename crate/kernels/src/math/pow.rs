//! pow: x^y = e^(y ln x).
//!
//! An error of ln x grows by y ln x, up to 745 in double precision, so ln x is a sum of two doubles there, good to
//! 2^-65; in single precision (log2 and 2^t) plain doubles are enough.

use super::double::Sum;
use super::exp::{ROUND_BIASED_F64, exp_sum_f64, exp2_to_single};
use super::log::{Split, log2_of_single, split_f64};
use crate::lanes::{FloatLane, Lanes};

/// |x|^y for finite |x| > 0 turned to x^y for all x and y (IEEE 754-2019, 9.2.1).
#[inline(always)]
fn edges<T: FloatLane, const N: usize>(x: Lanes<T, N>, y: Lanes<T, N>, power: Lanes<T, N>) -> Lanes<T, N> {
    let [zero, one, inf, nan] = [0.0, 1.0, f64::INFINITY, f64::NAN].map(Lanes::<T, N>::lit);
    let a = x.abs();
    // |x| = 0 or inf: the larger or the smaller of 0 and inf; y = ±inf likewise, except for |x| = 1
    let extreme = a.eq(zero) | a.eq(inf) | y.abs().eq(inf);
    let grows = (a.gt(one) & y.gt(zero)) | (a.lt(one) & y.lt(zero));
    let power = Lanes::select(extreme, Lanes::select(grows, inf, zero), power);
    let power = Lanes::select(a.eq(one) & y.eq(y), one, power);
    // a negative x: the sign of an odd power, and no power that is not whole
    let half = y * Lanes::lit(0.5);
    let whole = y.round().eq(y);
    let odd = whole & half.round().ne(half);
    let sign = Lanes::select(odd, x, one);
    let power = Lanes::select(x.lt(zero) & a.lt(inf) & !whole, nan, power.with_sign(sign));
    let power = Lanes::select(x.eq(x) & y.eq(y), power, nan);
    Lanes::select(x.eq(one) | y.eq(zero), one, power)
}

/// x^y.
#[inline(always)]
pub fn pow_f32<const N: usize>(x: Lanes<f32, N>, y: Lanes<f32, N>) -> Lanes<f32, N> {
    x.chunks2::<4>(y, |x, y| {
        let t = y.widen() * log2_of_single(x.abs());
        let t = t.pmin(Lanes::splat(200.0)).pmax(Lanes::splat(-200.0));
        let shifted = t + ROUND_BIASED_F64;
        edges(x, y, exp2_to_single(t - (shifted - ROUND_BIASED_F64), shifted).narrow())
    })
}

/// ln x for finite x > 0, as a sum good to 2^-65.
#[inline(always)]
pub fn ln_sum<const N: usize>(x: Lanes<f64, N>) -> Sum<N> {
    const TWO_THIRDS: f64 = 0.666_666_666_666_666_6;
    const TWO_THIRDS_LOW: f64 = 3.700_743_415_417_188e-17;
    // s = f / (2 + f)
    let Split { k, f } = split_f64(x);
    let below = Sum::of(Lanes::splat(2.0), f);
    let high = f / below.high;
    let back = Sum::product(high, below.high);
    let s = Sum { high, low: ((f - back.high) - back.low - high * below.low) / below.high };
    // 2 artanh s = s (2 + z (2/3 + z p)), z = s²
    let square = Sum::product(s.high, s.high);
    let z = Sum { high: square.high, low: square.low + s.high * s.low * 2.0 };
    let p = z.high
        * poly!(z.high; 0.399_999_999_999_999_8, 0.285_714_285_714_452_2, 0.222_222_222_175_108_34,
            0.181_818_188_734_504_9, 0.153_845_566_573_445_75, 0.133_363_256_361_242_52, 0.116_746_516_529_690_38,
            0.119_904_038_034_235_47);
    let inner = Sum::of(Lanes::splat(TWO_THIRDS), p + TWO_THIRDS_LOW);
    let product = z.times(inner);
    let outer = Sum::of(Lanes::splat(2.0), product.high);
    let log = s.times(Sum { high: outer.high, low: outer.low + product.low });
    let sum = Sum::of(k * 0.693_147_180_559_890_3, log.high);
    Sum::of(sum.high, sum.low + (log.low + k * 5.497_923_018_708_371e-14))
}

/// x^y.
#[inline(always)]
pub fn pow_f64<const N: usize>(x: Lanes<f64, N>, y: Lanes<f64, N>) -> Lanes<f64, N> {
    x.in_turn2::<2>(y, |x, y| {
        let log = ln_sum(x.abs());
        let product = Sum::product(y, log.high);
        let low = product.low + y * log.low;
        let finite = product.high.abs().lt(Lanes::splat(1000.0));
        let low = Lanes::select(finite, low, Lanes::splat(0.0));
        edges(x, y, exp_sum_f64(product.high, low))
    })
}
