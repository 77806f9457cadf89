//! `Real`: what the expressions of the elementwise table are written against, and the readings of it.
//!
//! | reading          | an expression read this way is ..                      |
//! | ---------------- | ------------------------------------------------------ |
//! | `Lanes<T, N>`    | the kernel: N values at a time                          |
//! | [`Uses`]         | the set of arguments it touches: what a node must keep  |
//! | `Dual` (tests)   | its exact directional derivative: a check of the table  |
//! | `Var`            | nodes appended to the tape: derivatives of any order    |
//! | `Code`           | instructions of a loop that is made as the program runs |

use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};

use crate::lanes::{Lanes, Mask};
use crate::math::Float;

/// Calls `$m!` with the functions that have a kernel of their own, each beside its entry in the table. All other
/// functions are written in terms of these.
#[macro_export]
macro_rules! intrinsics {
    ($m:ident) => {
        $m! {
            unary: abs Abs, sqrt Sqrt, exp Exp, expm1 Expm1, ln Log, log1p Log1p, log2 Log2, sin Sin, cos Cos, tan Tan,
                asin Asin, acos Acos, atan Atan, sinh Sinh, cosh Cosh, tanh Tanh, asinh Asinh, acosh Acosh, atanh Atanh,
                exp2 Exp2, log10 Log10, cbrt Cbrt, erf Erf, erfc Erfc, erfinv Erfinv, lgamma Lgamma, digamma Digamma,
                silu Silu, gelu Gelu, gelu_tanh GeluTanh, mish Mish, floor Floor, ceil Ceil, round Round;
            binary: pow Pow, atan2 Atan2, hypot Hypot, exp_minus ExpMinus, modulo Mod, floor_div FloorDiv, polygamma Polygamma
        }
    };
}

macro_rules! real_trait {
    (unary: $($f:ident $F:ident),+; binary: $($g:ident $G:ident),+) => {
        /// A number, a vector of numbers, or something that follows what is done with one.
        pub trait Real:
            Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
        {
            /// What a comparison gives and [`Real::select`] takes.
            type Mask: Copy + BitAnd<Output = Self::Mask> + BitOr<Output = Self::Mask> + Not<Output = Self::Mask>;

            /// The constant `c`, like `self` (same lanes, same dtype).
            fn lit(self, c: f64) -> Self;
            /// self < other.
            fn lt(self, other: Self) -> Self::Mask;
            /// self <= other.
            fn le(self, other: Self) -> Self::Mask;
            /// self = other.
            fn eq(self, other: Self) -> Self::Mask;
            /// `yes` where the mask holds, else `no`. Both are computed: guard arguments, not results.
            fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

            $(#[doc = concat!("The function `", stringify!($f), "` of the table.")] fn $f(self) -> Self;)+
            $(#[doc = concat!("The function `", stringify!($g), "` of the table.")] fn $g(self, other: Self) -> Self;)+

            /// self > other.
            #[inline(always)]
            fn gt(self, other: Self) -> Self::Mask { other.lt(self) }
            /// self >= other.
            #[inline(always)]
            fn ge(self, other: Self) -> Self::Mask { other.le(self) }
            /// Whether self is not a number.
            #[inline(always)]
            fn is_nan(self) -> Self::Mask { !self.eq(self) }
            /// 0.
            #[inline(always)]
            fn zero(self) -> Self { self.lit(0.0) }
            /// 1.
            #[inline(always)]
            fn one(self) -> Self { self.lit(1.0) }
            /// 1 / self.
            #[inline(always)]
            fn recip(self) -> Self { self.one() / self }
            /// 1 / (1 + exp(-self)): a kernel for lanes, one node on the tape.
            #[inline(always)]
            fn logistic(self) -> Self { ((-self).exp() + self.one()).recip() }
        }
    };
}
intrinsics!(real_trait);

/// The parts of `Real` that every lane type has as inherent operations.
macro_rules! lane_basics {
    ($t:ty) => {
        type Mask = Mask<$t, N>;

        #[inline(always)]
        fn lit(self, c: f64) -> Self {
            Lanes::lit(c)
        }
        #[inline(always)]
        fn lt(self, other: Self) -> Mask<$t, N> {
            Lanes::lt(self, other)
        }
        #[inline(always)]
        fn le(self, other: Self) -> Mask<$t, N> {
            Lanes::le(self, other)
        }
        #[inline(always)]
        fn eq(self, other: Self) -> Mask<$t, N> {
            Lanes::eq(self, other)
        }
        #[inline(always)]
        fn select(mask: Mask<$t, N>, yes: Self, no: Self) -> Self {
            Lanes::select(mask, yes, no)
        }
    };
}

macro_rules! float_intrinsics {
    (unary: $($f:ident $F:ident),+; binary: $($g:ident $G:ident),+) => {
        $(#[inline(always)] fn $f(self) -> Self { Float::$f(self) })+
        $(#[inline(always)] fn $g(self, other: Self) -> Self { Float::$g(self, other) })+
    };
}

impl<const N: usize> Real for Lanes<f32, N> {
    lane_basics!(f32);
    #[inline(always)]
    fn logistic(self) -> Self {
        Float::logistic(self)
    }
    intrinsics!(float_intrinsics);
}

impl<const N: usize> Real for Lanes<f64, N> {
    lane_basics!(f64);
    #[inline(always)]
    fn logistic(self) -> Self {
        Float::logistic(self)
    }
    intrinsics!(float_intrinsics);
}

/// Integers take the truncated value in double precision, 0 for what is infinite or no number. Only arithmetic,
/// comparisons, remainders and their quotients are offered on them, for which this is exact; for the others it is what
/// makes the reading whole rather than what a kernel runs.
macro_rules! integer_intrinsics {
    (unary: $($f:ident $F:ident),+; binary: $($g:ident $G:ident),+) => {
        $(#[inline(always)] fn $f(self) -> Self { self.through_f64(self, |x, _| Float::$f(x)) })+
        $(#[inline(always)] fn $g(self, other: Self) -> Self { self.through_f64(other, Float::$g) })+
    };
}

macro_rules! integer_real {
    ($($t:ty),+) => {$(
        impl<const N: usize> Lanes<$t, N> {
            #[inline(always)]
            fn through_f64(self, other: Self, f: impl Fn(Lanes<f64, 1>, Lanes<f64, 1>) -> Lanes<f64, 1>) -> Self {
                self.zip(other, |x, y| {
                    let value = f(Lanes([f64::from(x)]), Lanes([f64::from(y)])).0[0];
                    // -2^31 / -1 wraps, as all arithmetic does.
                    if value.is_finite() { value as i64 as $t } else { 0 }
                })
            }
        }
        impl<const N: usize> Real for Lanes<$t, N> {
            lane_basics!($t);
            intrinsics!(integer_intrinsics);
        }
    )+};
}
integer_real!(i32, u8);

/// Reads an expression for what it touches: bit `i` for argument `i`, [`Uses::OUTPUT`] for the result. Constants touch
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uses(pub u8);

impl Uses {
    /// The bit of the function's own result.
    pub const OUTPUT: Uses = Uses(1 << 7);

    /// The bit of argument `i`.
    pub fn argument(i: usize) -> Uses {
        Uses(1 << i)
    }

    /// Whether this set contains `other`.
    pub fn has(self, other: Uses) -> bool {
        self.0 & other.0 == other.0
    }
}

macro_rules! uses_union {
    ($($Trait:ident $method:ident),+) => {$(
        #[allow(clippy::suspicious_arithmetic_impl, reason = "what an expression touches is what its parts touch")]
        impl $Trait for Uses {
            type Output = Uses;
            fn $method(self, other: Uses) -> Uses { Uses(self.0 | other.0) }
        }
    )+};
}
uses_union!(Add add, Sub sub, Mul mul, Div div, BitAnd bitand, BitOr bitor);

impl Neg for Uses {
    type Output = Uses;
    fn neg(self) -> Uses {
        self
    }
}

impl Not for Uses {
    type Output = Uses;
    fn not(self) -> Uses {
        self
    }
}

macro_rules! uses_intrinsics {
    (unary: $($f:ident $F:ident),+; binary: $($g:ident $G:ident),+) => {
        $(fn $f(self) -> Uses { self })+
        $(fn $g(self, other: Uses) -> Uses { self | other })+
    };
}

impl Real for Uses {
    type Mask = Uses;
    fn lit(self, _: f64) -> Uses {
        Uses(0)
    }
    fn lt(self, other: Uses) -> Uses {
        self | other
    }
    fn le(self, other: Uses) -> Uses {
        self | other
    }
    fn eq(self, other: Uses) -> Uses {
        self | other
    }
    fn select(mask: Uses, yes: Uses, no: Uses) -> Uses {
        mask | yes | no
    }
    intrinsics!(uses_intrinsics);
}
