//! The functions of floating-point vectors: polynomials and exact steps, no call to a platform's libm, no fused
//! operation; so every result has the same bits natively and in WebAssembly, for every number of lanes.
//!
//! Errors are given in ulp (units in the last place of the result) against the exact value, measured by
//! `scripts/ulp.py`. NaN gives NaN, the sign of zero is kept by odd functions, and denormal numbers are numbers like
//! all others.
//!
//! Methods: W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980; J.-M. Muller, Elementary
//! Functions, 3rd edition, 2016; the design of fdlibm (Sun Microsystems, 1993). The coefficients are our own, from
//! `scripts/minimax.py`.

/// c0 + c1 x + c2 x² + .., in pairs of terms by Horner's rule in x²: half as long a chain as Horner's rule in x for one
/// product more (Estrin's form is shorter still, but needs more registers than there are).
macro_rules! poly {
    ($x:expr; $($c:expr),+ $(,)?) => {{
        let x = $x;
        let square = x * x;
        poly!(@ x, square; $($c),+)
    }};
    (@ $x:ident, $square:ident; $c:expr) => { Lanes::lit($c) };
    (@ $x:ident, $square:ident; $c:expr, $d:expr) => { $x * Lanes::lit($d) + Lanes::lit($c) };
    (@ $x:ident, $square:ident; $c:expr, $d:expr, $($rest:expr),+) => {
        poly!(@ $x, $square; $($rest),+) * $square + ($x * Lanes::lit($d) + Lanes::lit($c))
    };
}

/// y, and in lanes whose x is not usual, `rest` of x: for arguments so rare that the steps they need would be a loss for
/// all others. Only vectors with such a lane pay for them, and no lane's result depends on its neighbours.
///
/// y is there before the question is asked: engines move constants out of a loop that are needed whatever the answer.
macro_rules! usual {
    ($x:expr, $usual:path, $y:expr, |$a:ident| $rest:expr) => {{
        let (x, y) = ($x, $y);
        if $usual(x).all() {
            y
        } else {
            let mend: crate::math::Mend = |x, y| {
                for (x, y) in x.iter().zip(y) {
                    let $a = Lanes(*x);
                    *y = Lanes::select($usual($a).mask(), Lanes(*y), $rest).0;
                }
            };
            let [_, y] = Lanes::lent([x, y], |lent| crate::math::mend(lent, mend));
            y
        }
    }};
}

mod double;
mod erf;
mod exp;
mod gamma;
mod gates;
mod hyperbolic;
mod inverse;
mod log;
mod pow;
mod reduce;
mod remainder;
mod root;
#[cfg(test)]
mod tests;
mod trig;

use crate::lanes::{Lanes, Mask};

/// The arguments that are usual, as a range of integers: a number for each, and what it is at most. Many are compared at once.
struct Usual<const N: usize> {
    number: Lanes<i32, N>,
    limit: i32,
}

impl<const N: usize> Usual<N> {
    /// Numbers from `first` on, `count` of them, as the order of integers without a sign has them.
    #[inline(always)]
    fn from(number: Lanes<i32, N>, first: i32, count: i32) -> Self {
        Self { number: number + i32::MIN.wrapping_sub(first), limit: i32::MIN + (count - 1) }
    }

    #[inline(always)]
    fn all(self) -> bool {
        self.number.at_most(self.limit)
    }

    #[inline(always)]
    fn mask(self) -> Mask<f32, N> {
        self.number.le(Lanes::splat(self.limit)).cast()
    }
}

/// Corrects results in `y` of arguments in `x`.
type Mend = fn(&[[f32; 4]], &mut [[f32; 4]]);

/// The path of [`usual!`] that is seldom taken, outside of the loops.
#[cold]
#[inline(never)]
fn mend<const N: usize>([x, y]: &mut [Lanes<f32, N>; 2], f: Mend) {
    match (x.0.as_chunks(), y.0.as_chunks_mut()) {
        ((x, []), (y, _)) => f(x, y),
        _ => {
            *y = x.chunks2::<4>(*y, |x, y| {
                let mut y = [y.0];
                f(&[x.0], &mut y);
                Lanes(y[0])
            })
        }
    }
}

macro_rules! float {
    (
        exact { $($e:ident)+ }
        unary { $($(#[$doc:meta])* $f:ident = $single:path, $double:path;)+ }
        binary { $($(#[$gdoc:meta])* $g:ident = $gsingle:path, $gdouble:path;)+ }
    ) => {
        /// The functions of a floating-point vector, lane by lane.
        pub trait Float: Copy {
            $(#[doc = concat!("`", stringify!($e), "`, exact to half a unit in the last place.")] fn $e(self) -> Self;)+
            $($(#[$doc])* fn $f(self) -> Self;)+
            $($(#[$gdoc])* fn $g(self, other: Self) -> Self;)+
        }
        impl<const N: usize> Float for Lanes<f32, N> {
            $(#[inline(always)] fn $e(self) -> Self { Lanes::$e(self) })+
            $(#[inline(always)] fn $f(self) -> Self { $single(self) })+
            $(#[inline(always)] fn $g(self, other: Self) -> Self { $gsingle(self, other) })+
        }
        impl<const N: usize> Float for Lanes<f64, N> {
            $(#[inline(always)] fn $e(self) -> Self { Lanes::$e(self) })+
            $(#[inline(always)] fn $f(self) -> Self { $double(self) })+
            $(#[inline(always)] fn $g(self, other: Self) -> Self { $gdouble(self, other) })+
        }
    };
}

float! {
    exact { abs sqrt floor ceil round }
    unary {
    /// e to the power self.
    exp = exp::exp_f32, exp::exp_f64;
    /// e to the power self, less 1.
    expm1 = exp::expm1_f32, exp::expm1_f64;
    /// The natural logarithm: -inf at 0, NaN below.
    ln = log::ln_f32, log::ln_f64;
    /// The natural logarithm of 1 + self: -inf at -1, NaN below.
    log1p = log::log1p_f32, log::log1p_f64;
    /// 2 to the power self, exact for integers.
    exp2 = exp::exp2_f32, exp::exp2_f64;
    /// The logarithm to base 10, exact at powers of 10: -inf at 0, NaN below.
    log10 = log::log10_f32, log::log10_f64;
    /// The logarithm to base 2, exact at powers of 2: -inf at 0, NaN below.
    log2 = log::log2_f32, log::log2_f64;
    /// The sine of self radians; NaN at ±inf.
    sin = trig::sin_f32, trig::sin_f64;
    /// The cosine of self radians; NaN at ±inf.
    cos = trig::cos_f32, trig::cos_f64;
    /// The tangent of self radians; NaN at ±inf.
    tan = trig::tan_f32, trig::tan_f64;
    /// The arc sine in radians, in [-π/2, π/2]; NaN outside [-1, 1].
    asin = inverse::asin_f32, inverse::asin_f64;
    /// The arc cosine in radians, in [0, π]; NaN outside [-1, 1].
    acos = inverse::acos_f32, inverse::acos_f64;
    /// The arc tangent in radians, in [-π/2, π/2].
    atan = inverse::atan_f32, inverse::atan_f64;
    /// The hyperbolic sine.
    sinh = hyperbolic::sinh_f32, hyperbolic::sinh_f64;
    /// The hyperbolic cosine.
    cosh = hyperbolic::cosh_f32, hyperbolic::cosh_f64;
    /// The hyperbolic tangent.
    tanh = hyperbolic::tanh_f32, hyperbolic::tanh_f64;
    /// The inverse hyperbolic sine.
    asinh = hyperbolic::asinh_f32, hyperbolic::asinh_f64;
    /// The inverse hyperbolic cosine, 0 or more; NaN below 1.
    acosh = hyperbolic::acosh_f32, hyperbolic::acosh_f64;
    /// The inverse hyperbolic tangent: ±inf at ±1, NaN outside [-1, 1].
    atanh = hyperbolic::atanh_f32, hyperbolic::atanh_f64;
    /// The cube root, exact for cubes.
    cbrt = root::cbrt_f32, root::cbrt_f64;
    /// ln |Γ(self)|: inf at 0, at the negative integers and at ±inf.
    lgamma = gamma::lgamma_f32, gamma::lgamma_f64;
    /// Γ'/Γ: ∓inf at ±0, NaN at the negative integers and at -inf.
    digamma = gamma::digamma_f32, gamma::digamma_f64;
    /// 1 less the error function.
    erfc = erf::erfc_f32, erf::erfc_f64;
    /// The error function, 2/√π ∫_0^self exp(-t²) dt.
    erf = erf::erf_f32, erf::erf_f64;
    /// The inverse of the error function: ±inf at ±1, NaN outside [-1, 1].
    erfinv = erf::erfinv_f32, erf::erfinv_f64;
    /// σ(self) = 1 / (1 + e^-self).
    logistic = gates::logistic_f32, gates::logistic_f64;
    /// self σ(self), σ(x) = 1 / (1 + e^-x).
    silu = gates::silu_f32, gates::silu_f64;
    /// self Φ(self), Φ the distribution function of the standard normal distribution.
    gelu = gates::gelu_f32, gates::gelu_f64;
    /// self σ(2 √(2/π) (self + 0.044715 self³)).
    gelu_tanh = gates::gelu_tanh_f32, gates::gelu_tanh_f64;
    /// self tanh(ln(1 + e^self)).
    mish = gates::mish_f32, gates::mish_f64;
    }
    binary {
    /// self to the power `other`, with IEEE 754's special cases: x^0 = 1 and 1^y = 1 also for NaN; NaN for a negative
    /// number to a power that is no integer.
    pow = pow::pow_f32, pow::pow_f64;
    /// The angle of the point (`other`, self), that is x = `other` and y = self, in radians, in [-π, π].
    atan2 = inverse::atan2_f32, inverse::atan2_f64;
    /// The length √(self² + `other`²): inf where one of them is infinite, else NaN where one is.
    hypot = root::hypot_f32, root::hypot_f64;
    /// e to the power self - `other`, for self that is at most `other`: results below the normal numbers may be 0.
    exp_minus = exp::exp_minus_f32, exp::exp_minus_f64;
    /// self - `other` floor(self / `other`), with the sign of `other`; NaN for `other` = 0.
    modulo = remainder::modulo_f32, remainder::modulo_f64;
    /// floor(self / `other`).
    floor_div = remainder::floor_div_f32, remainder::floor_div_f64;
    /// The derivative of `digamma` at `other`, of order self rounded to an integer from 0 to 170; NaN for other orders.
    polygamma = gamma::polygamma_f32, gamma::polygamma_f64;
    }
}
