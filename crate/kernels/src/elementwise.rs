//! The table of elementwise functions: one entry each, everything else is read off it.
//!
//! An entry is `Variant = name(arguments) -> y { value } d { one partial derivative per argument } on sample domains;`.
//! An argument with a default (`negative_slope = 0.01`) is an option for users. The doc line is public documentation:
//! kinks, ties and conventions stand there. The expressions are written against [`Real`], with `y` the result, so that
//! one text is the kernel, its fused derivatives, the derivative of the derivative, and the list of what to keep.

use crate::lanes::Lanes;
use crate::native::{Native, native};
use crate::real::{Real, Uses};

/// The most arguments an entry can have.
pub const MAX_ARITY: usize = 6;

/// The dtypes an entry is defined on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// float32 and float64.
    Float,
    /// float32, float64 and int32.
    Number,
}

/// One elementwise function, for any reading of [`Real`]. Arguments past its arity are ignored.
pub trait Function: Copy + 'static {
    /// The entry.
    const FUNC: Func;
    /// Number of arguments.
    const ARITY: usize;
    /// Dtypes.
    const CLASS: Class;
    /// The value.
    fn value<R: Real>(x: [R; MAX_ARITY]) -> R;
    /// The partial derivative by argument `i`, given the value `y`.
    fn partial<R: Real>(i: usize, x: [R; MAX_ARITY], y: R) -> R;
}

/// Runs with a function of the table as a type: static dispatch for kernels.
pub trait Visitor {
    /// What it gives.
    type Out;
    /// The run.
    fn visit<F: Function>(self, f: F) -> Self::Out;
}

/// What an entry says besides its expressions.
#[derive(Debug)]
pub struct Entry {
    /// Name in Rust; users see it in camelCase.
    pub name: &'static str,
    /// Where users find it: nothing for the top level, or the name in brackets.
    pub namespace: &'static str,
    /// The doc lines.
    pub doc: Native<&'static str>,
    /// Dtypes.
    pub class: Class,
    /// Names of the arguments, with the default of those that are options.
    pub args: &'static [(&'static str, Option<f64>)],
    /// The text of the value.
    pub value: Native<&'static str>,
    /// The texts of the partial derivatives.
    pub partials: &'static [&'static str],
    /// Where samples are drawn, for each argument.
    pub domain: Native<&'static [(f64, f64)]>,
}

/// `Some(default)` or `None`, for the table.
macro_rules! optional {
    () => {
        None
    };
    ($default:literal) => {
        Some($default)
    };
}

macro_rules! elementwise {
    ($( $class:ident { $(
        $(#[doc = $doc:literal])+
        $F:ident = $([$ns:ident])? $name:ident($($x:ident $(= $default:literal)?),+) -> $y:ident { $value:expr }
            d { $($partial:expr),+ $(,)? } on $($lo:literal..$hi:literal),+;
    )+ } )+) => {
        /// A function of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Func { $($( $(#[doc = $doc])+ $F ),+),+ }

        static TABLE: &[Entry] = &[$($(Entry {
            name: stringify!($name),
            namespace: concat!($(stringify!($ns))?),
            doc: native(concat!($($doc, "\n"),+)),
            class: Class::$class,
            args: &[$((stringify!($x), optional!($($default)?))),+],
            value: native(stringify!($value)),
            partials: &[$(stringify!($partial)),+],
            domain: native(&[$(($lo, $hi)),+]),
        }),+),+];

        impl Func {
            /// All functions, in the order of the table.
            pub const ALL: &[Func] = &[$($(Func::$F),+),+];

            /// Calls the visitor with this function as a type.
            #[inline]
            pub fn visit<V: Visitor>(self, visitor: V) -> V::Out {
                match self { $($(Func::$F => visitor.visit(function::$F)),+),+ }
            }
        }

        /// The functions as types.
        mod function { $($( #[derive(Clone, Copy)] pub struct $F; )+)+ }

        $($( impl Function for function::$F {
            const FUNC: Func = Func::$F;
            const ARITY: usize = [$(stringify!($x)),+].len();
            const CLASS: Class = Class::$class;
            #[inline(always)]
            #[allow(unused_variables, reason = "an expression need not use all arguments")]
            fn value<R: Real>(x: [R; MAX_ARITY]) -> R {
                let [$($x),+, ..] = x;
                $value
            }
            #[inline(always)]
            #[allow(unused_variables, unused_assignments, reason = "a derivative need not use the arguments or the value")]
            fn partial<R: Real>(i: usize, x: [R; MAX_ARITY], y: R) -> R {
                let [$($x),+, ..] = x;
                let $y = y;
                let mut k = 0;
                $( if i == k { return $partial; } k += 1; )+
                y.zero()
            }
        } )+)+
    };
}

elementwise! {
    Number {
        /// a + b.
        Add = add(a, b) -> y { a + b } d { a.one(), b.one() } on -2.0..2.0, -2.0..2.0;
        /// a - b.
        Sub = sub(a, b) -> y { a - b } d { a.one(), -b.one() } on -2.0..2.0, -2.0..2.0;
        /// a b.
        Mul = mul(a, b) -> y { a * b } d { b, a } on -2.0..2.0, -2.0..2.0;
        /// -x.
        Neg = neg(x) -> y { -x } d { -x.one() } on -2.0..2.0;
        /// |x|; the derivative at 0 is 0.
        Abs = abs(x) -> y { R::select(x.le(x.zero()), x.zero() - x, x) } d { signum(x) } on -2.0..2.0;
        /// -1, 0 or 1 as x is negative, zero or positive; the derivative is 0 everywhere.
        Sign = sign(x) -> y { R::select(x.eq(x.zero()) | x.is_nan(), x, signum(x)) } d { x.zero() } on -2.0..2.0;
        /// x².
        Square = square(x) -> y { x * x } d { x + x } on -2.0..2.0;
        /// The larger of a and b, NaN where one is NaN; where they are equal each gets half of the derivative.
        Maximum = maximum(a, b) -> y { R::select(a.gt(b) | a.is_nan(), a, b) } d { share(b, a), share(a, b) } on -2.0..2.0, -2.0..2.0;
        /// The smaller of a and b, NaN where one is NaN; where they are equal each gets half of the derivative.
        Minimum = minimum(a, b) -> y { R::select(a.lt(b) | a.is_nan(), a, b) } d { share(a, b), share(b, a) } on -2.0..2.0, -2.0..2.0;
        /// x, but at least min and at most max (max wins); NaN where one of them is; the derivative by x is 1 from min to max with both ends, by a bound it is 1 where that bound is the value and x lies beyond it.
        Clip = clip(x, min, max) -> y { at_most(R::select(x.lt(min) | min.is_nan(), min, x), max) }
            d { indicator(x, min.le(x) & x.le(max)), indicator(x, x.lt(min) & min.le(max)), indicator(x, max.lt(x) | (x.lt(min) & max.lt(min))) }
            on -2.0..2.0, -1.5..-0.5, 0.5..1.5;
        /// x where x > 0, else 0; the derivative at 0 is 0.
        Relu = relu(x) -> y { R::select(x.le(x.zero()), x.zero(), x) } d { indicator(y, y.gt(y.zero())) } on -2.0..2.0;
        /// x, but at least 0 and at most 6; the derivative at 0 and at 6 is 0.
        Relu6 = relu6(x) -> y { R::select(x.le(x.zero()), x.zero(), at_most(x, x.lit(6.0))) } d { indicator(y, y.gt(y.zero()) & y.lt(y.lit(6.0))) } on 0.5..5.5;
        /// a - b floor(a / b): the remainder with the sign of b, as NumPy has it. NaN for b = 0, 0 in int32. The derivative by a is 1, by b -floor(a / b), also where the remainder jumps.
        Mod = mod(a, b) -> y { a.modulo(b) } d { a.one(), -a.floor_div(b) } on -2.8..-2.2, 1.5..2.0;
        /// floor(a / b), as NumPy has it. For b = 0 it is a / b, 0 in int32; the derivatives are 0 everywhere.
        FloorDiv = floor_div(a, b) -> y { a.floor_div(b) } d { a.zero(), a.zero() } on -2.8..-2.2, 1.5..2.0;
    }
    Float {
        /// a / b; ±infinity or NaN for b = 0, as IEEE 754 has it.
        Div = div(a, b) -> y { a / b } d { b.recip(), -y / b } on -2.0..2.0, 0.5..2.0;
        /// a to the power b; 1 where b = 0 or a = 1, NaN for a < 0 and a b that is not whole. The derivative by a is 0 where b = 0, the derivative by b is 0 where a = 0.
        Pow = pow(a, b) -> y { a.pow(b) } d {
            b * a.pow(R::select(b.eq(b.zero()), b.one(), b) - b.one()),
            R::select(a.eq(a.zero()), a.zero(), y * R::select(a.eq(a.zero()), a.one(), a).ln()),
        } on 0.3..2.0, -2.0..2.0;
        /// The angle of the point (b, a) in radians, in [-π, π]; the derivatives at (0, 0), where there is no angle, are 0.
        Atan2 = atan2(a, b) -> y { a.atan2(b) } d { per_length(b, a), -per_length(a, b) } on -2.0..2.0, 0.5..2.0;
        /// sqrt(a² + b²) without overflow: the length of the vector (a, b); the derivatives at (0, 0) are 0, where one argument is infinite ±1 and 0.
        Hypot = hypot(a, b) -> y { a.hypot(b) } d { over_length(a, b, y), over_length(b, a, y) } on -2.0..2.0, 0.5..2.0;
        /// exp(a - b) for a - b up to 88; results below the normal numbers may be 0: what a softmax adds up.
        ExpMinus = [core] exp_minus(a, b) -> y { a.exp_minus(b) } d { y, -y } on -4.0..-2.0, -2.0..2.0;
        /// log(exp(a) + exp(b)), without overflow; for equal infinities both derivatives are 1/2.
        Logaddexp = logaddexp(a, b) -> y { R::select(a.gt(b) | a.is_nan(), a, b) + exp_of_distance(a, b).log1p() }
            d { difference(a, b).logistic(), difference(b, a).logistic() } on -3.0..3.0, -3.0..3.0;
        /// Square root; NaN for x < 0. The derivative at 0 is infinity.
        Sqrt = sqrt(x) -> y { x.sqrt() } d { y.lit(0.5) / y } on 0.2..4.0;
        /// 1 / sqrt(x); infinity at 0, NaN for x < 0.
        Rsqrt = rsqrt(x) -> y { x.sqrt().recip() } d { x.lit(-0.5) * y / x } on 0.2..4.0;
        /// Cube root, also of negative numbers; the derivative at 0 is infinity.
        Cbrt = cbrt(x) -> y { x.cbrt() } d { (y.lit(3.0) * y * y).recip() } on 0.2..4.0;
        /// 1 / x; ±infinity at ±0.
        Reciprocal = reciprocal(x) -> y { x.recip() } d { -(y * y) } on 0.5..3.0;
        /// e to the power x.
        Exp = exp(x) -> y { x.exp() } d { y } on -2.0..2.0;
        /// exp(x) - 1, accurate near 0.
        Expm1 = expm1(x) -> y { x.expm1() } d { x.exp() } on -2.0..2.0;
        /// 2 to the power x.
        Exp2 = exp2(x) -> y { x.exp2() } d { y * y.lit(std::f64::consts::LN_2) } on -2.0..2.0;
        /// Natural logarithm; -infinity at 0, NaN for x < 0. The derivative is 1 / x, there too.
        Log = log(x) -> y { x.ln() } d { x.recip() } on 0.2..4.0;
        /// log(1 + x), accurate near 0; -infinity at -1, NaN below. The derivative is 1 / (1 + x), there too.
        Log1p = log1p(x) -> y { x.log1p() } d { (x.one() + x).recip() } on -0.7..3.0;
        /// Logarithm to base 2, exact for powers of 2; -infinity at 0, NaN for x < 0.
        Log2 = log2(x) -> y { x.log2() } d { x.lit(std::f64::consts::LOG2_E) / x } on 0.2..4.0;
        /// Logarithm to base 10, exact for powers of 10; -infinity at 0, NaN for x < 0.
        Log10 = log10(x) -> y { x.log10() } d { x.lit(std::f64::consts::LOG10_E) / x } on 0.2..4.0;
        /// Sine of x radians.
        Sin = sin(x) -> y { x.sin() } d { x.cos() } on -3.0..3.0;
        /// Cosine of x radians.
        Cos = cos(x) -> y { x.cos() } d { -x.sin() } on -3.0..3.0;
        /// Tangent of x radians.
        Tan = tan(x) -> y { x.tan() } d { y.one() + y * y } on -1.2..1.2;
        /// Inverse sine in radians, in [-π/2, π/2]; NaN outside [-1, 1]. The derivative at ±1 is infinity.
        Asin = asin(x) -> y { x.asin() } d { one_minus_square(x).sqrt().recip() } on -0.9..0.9;
        /// Inverse cosine in radians, in [0, π]; NaN outside [-1, 1]. The derivative at ±1 is -infinity.
        Acos = acos(x) -> y { x.acos() } d { -one_minus_square(x).sqrt().recip() } on -0.9..0.9;
        /// Inverse tangent in radians, in [-π/2, π/2].
        Atan = atan(x) -> y { x.atan() } d { (x.one() + x * x).recip() } on -2.0..2.0;
        /// Hyperbolic sine.
        Sinh = sinh(x) -> y { x.sinh() } d { x.cosh() } on -2.0..2.0;
        /// Hyperbolic cosine.
        Cosh = cosh(x) -> y { x.cosh() } d { x.sinh() } on -2.0..2.0;
        /// Hyperbolic tangent.
        Tanh = tanh(x) -> y { x.tanh() } d { y.one() - y * y } on -2.0..2.0;
        /// Inverse hyperbolic sine.
        Asinh = asinh(x) -> y { x.asinh() } d { x.hypot(x.one()).recip() } on -2.0..2.0;
        /// Inverse hyperbolic cosine, 0 or more; NaN for x < 1. The derivative at 1 is infinity.
        Acosh = acosh(x) -> y { x.acosh() } d { ((x - x.one()).sqrt() * (x + x.one()).sqrt()).recip() } on 1.2..4.0;
        /// Inverse hyperbolic tangent; ±infinity at ±1, NaN outside [-1, 1]. The derivative is 1 / (1 - x²), outside too, as JAX has it.
        Atanh = atanh(x) -> y { x.atanh() } d { one_minus_square(x).recip() } on -0.8..0.8;
        /// 1 / (1 + exp(-x)).
        Sigmoid = sigmoid(x) -> y { x.logistic() } d { y * (y.one() - y) } on -3.0..3.0;
        /// log(1 + exp(x)), without overflow.
        Softplus = softplus(x) -> y { R::select(x.gt(x.zero()), x, x.zero()) + (-x.abs()).exp().log1p() } d { x.logistic() } on -3.0..3.0;
        /// log(sigmoid(x)) = -log(1 + exp(-x)), without overflow.
        LogSigmoid = log_sigmoid(x) -> y { at_most_zero(x) - (-x.abs()).exp().log1p() } d { (-x).logistic() } on -3.0..3.0;
        /// x / (1 + |x|).
        Softsign = softsign(x) -> y { bounded(x, -1e30, 1e30) / (x.one() + bounded(x, -1e30, 1e30).abs()) } d { squared((x.one() + x.abs()).recip()) } on 0.2..2.0;
        /// x where x > 0, else negativeSlope x; the derivative at 0 is negativeSlope.
        LeakyRelu = leaky_relu(x, negative_slope = 0.01) -> y { R::select(x.gt(x.zero()), x, negative_slope * x) }
            d { R::select(x.gt(x.zero()), x.one(), negative_slope), R::select(x.gt(x.zero()), x.zero(), x) } on -2.0..2.0, 0.1..0.3;
        /// x where x > 0, else slope x, with slopes that broadcast; the derivative by x at 0 is slope (He et al., 2015).
        Prelu = prelu(x, slope) -> y { R::select(x.gt(x.zero()), x, slope * x) }
            d { R::select(x.gt(x.zero()), x.one(), slope), R::select(x.gt(x.zero()), x.zero(), x) } on -2.0..2.0, 0.1..0.3;
        /// x where x > 0, else alpha (exp(x) - 1); the derivative at 0 is alpha.
        Elu = elu(x, alpha = 1.0) -> y { R::select(x.gt(x.zero()), x, alpha * x.expm1()) }
            d { R::select(x.gt(x.zero()), x.one(), alpha * at_most_zero(x).exp()), at_most_zero(x).expm1() } on -2.0..2.0, 0.5..1.5;
        /// scale x where x > 0, else scale alpha (exp(x) - 1), with alpha = 1.6732.. and scale = 1.0507.., for which means of 0 and variances of 1 are kept; the derivative at 0 is scale alpha (Klambauer et al., 2017).
        Selu = selu(x) -> y { R::select(x.gt(x.zero()), x.lit(1.050_700_987_355_480_5) * x, x.lit(SELU_LEFT) * x.expm1()) }
            d { R::select(x.gt(x.zero()), x.lit(1.050_700_987_355_480_5), x.lit(SELU_LEFT) * at_most_zero(x).exp()) } on -2.0..2.0;
        /// x where x > 0, else alpha (exp(x / alpha) - 1); the derivative at 0 is 1 (Barron, 2017).
        Celu = celu(x, alpha = 1.0) -> y { R::select(x.gt(x.zero()), x, alpha * (x / alpha).expm1()) }
            d { R::select(x.gt(x.zero()), x.one(), (at_most_zero(x) / alpha).exp()), celu_by_alpha(bounded(at_most_zero(x) / alpha, -1e3, 80.0)) } on -2.0..2.0, 0.5..1.5;
        /// x Φ(x), with Φ the distribution function of the standard normal distribution (Hendrycks and Gimpel, 2016).
        Gelu = gelu(x) -> y { x.gelu() } d { normal_cdf(x) + bounded(x, -1e3, 1e3) * normal_pdf(x) } on -3.0..3.0;
        /// The approximation of gelu by tanh: x (1 + tanh(sqrt(2/π) (x + 0.044715 x³))) / 2 (Hendrycks and Gimpel, 2016).
        GeluTanh = [core] gelu_tanh(x) -> y { x.gelu_tanh() } d { gelu_tanh_partial(x, gelu_inner(x).logistic()) } on -3.0..3.0;
        /// x sigmoid(x), 0 at -infinity.
        Silu = silu(x) -> y { x.silu() } d { x.logistic() * (x.one() + bounded(x, -1e3, 1e3) * (x.one() - x.logistic())) } on -3.0..3.0;
        /// x tanh(softplus(x)) (Misra, 2019).
        Mish = mish(x) -> y { x.mish() } d { mish_gate(x) + mish_rest(bounded(x, -1e3, 40.0)) } on -3.0..3.0;
        /// x / 6 + 1/2, but at least 0 and at most 1; the derivative at -3 and at 3 is 0.
        HardSigmoid = hard_sigmoid(x) -> y { bounded((x + x.lit(3.0)) / x.lit(6.0), 0.0, 1.0) } d { R::select(x.gt(x.lit(-3.0)) & x.lt(x.lit(3.0)), x.lit(1.0 / 6.0), x.zero()) } on -2.9..2.9;
        /// x relu6(x + 3) / 6; the derivative at -3 is 0, at 3 it is 1 (Howard et al., 2019).
        HardSwish = hard_swish(x) -> y { R::select(x.ge(x.lit(3.0)), x, R::select(x.le(x.lit(-3.0)), x.zero(), x * (x + x.lit(3.0)) / x.lit(6.0))) }
            d { R::select(x.ge(x.lit(3.0)), x.one(), R::select(x.le(x.lit(-3.0)), x.zero(), x / x.lit(3.0) + x.lit(0.5))) } on -2.9..2.9;
        /// x, but at least -1 and at most 1; the derivative at -1 and at 1 is 0.
        HardTanh = hard_tanh(x) -> y { bounded(x, -1.0, 1.0) } d { indicator(y, y.abs().lt(y.one())) } on -0.9..0.9;
        /// The error function: 2/sqrt(π) times the integral of exp(-t²) from 0 to x.
        Erf = erf(x) -> y { x.erf() } d { x.lit(std::f64::consts::FRAC_2_SQRT_PI) * (-(x * x)).exp() } on -2.0..2.0;
        /// 1 - erf(x), accurate also where it is small.
        Erfc = erfc(x) -> y { x.erfc() } d { x.lit(-std::f64::consts::FRAC_2_SQRT_PI) * (-(x * x)).exp() } on -2.0..2.0;
        /// The inverse of erf; ±infinity at ±1, NaN outside [-1, 1].
        Erfinv = erfinv(x) -> y { x.erfinv() } d { (y * y).exp() * y.lit(1.0 / std::f64::consts::FRAC_2_SQRT_PI) } on -0.9..0.9;
        /// log |Γ(x)|; infinity at 0, at the negative integers and at ±infinity. Beside its zeros at negative x the error is small in absolute terms, not relative to the value.
        Lgamma = lgamma(x) -> y { x.lgamma() } d { x.digamma() } on 0.3..4.0;
        /// Γ'(x) / Γ(x), the derivative of lgamma; -infinity at 0 (infinity at -0), NaN at the negative integers. Beside its zeros at negative x the error is small in absolute terms.
        Digamma = digamma(x) -> y { x.digamma() } d { x.one().polygamma(x) } on 0.5..4.0;
        /// The derivative of order n of digamma, for n rounded to an integer from 0 to 170, else NaN; infinite at 0 and at the negative integers for n > 0. The derivative by n is 0.
        Polygamma = polygamma(n, x) -> y { n.polygamma(x) } d { x.zero(), (n + n.one()).polygamma(x) } on 0.7..1.3, 1.0..4.0;
        /// The largest integer that is at most x; the derivative is 0 everywhere.
        Floor = floor(x) -> y { x.floor() } d { x.zero() } on -2.4..-2.1;
        /// The smallest integer that is at least x; the derivative is 0 everywhere.
        Ceil = ceil(x) -> y { x.ceil() } d { x.zero() } on 1.2..1.7;
        /// The nearest integer, halves to the even one; the derivative is 0 everywhere.
        Round = round(x) -> y { x.round() } d { x.zero() } on 0.6..1.4;
        /// The integer part: the nearest integer that is not further from 0 than x; the derivative is 0 everywhere.
        Trunc = trunc(x) -> y { R::select(x.lt(x.zero()), x.ceil(), x.floor()) } d { x.zero() } on -1.7..-1.2;
        /// a + w (b - a): linear interpolation, and the moving averages of optimizers.
        Lerp = lerp(a, b, w) -> y { a + w * (b - a) } d { w.one() - w, w, b - a } on -2.0..2.0, -2.0..2.0, 0.0..1.0;
        /// v + w (g² - v): the moving average of squares.
        LerpSquare = [optim] lerp_square(v, g, w) -> y { v + w * (g * g - v) } d { w.one() - w, w * (g + g), g * g - v } on 0.2..4.0, -2.0..2.0, 0.0..1.0;
        /// p - lr m / (c sqrt(v) + eps): a step of Adam with the bias corrections in lr and c (Kingma and Ba, 2015).
        AdamStep = [optim] adam_step(p, m, v, lr, eps, c) -> y { p - lr * m / (c * v.sqrt() + eps) } d {
            p.one(),
            -lr / (c * v.sqrt() + eps),
            lr * m * c * v.lit(0.5) / v.sqrt() / squared(c * v.sqrt() + eps),
            -m / (c * v.sqrt() + eps),
            lr * m / squared(c * v.sqrt() + eps),
            lr * m * v.sqrt() / squared(c * v.sqrt() + eps),
        } on -2.0..2.0, -2.0..2.0, 0.2..4.0, 0.1..1.0, 0.1..0.5, 0.5..1.5;
    }
}

// Words that entries share.

#[inline(always)]
fn squared<R: Real>(x: R) -> R {
    x * x
}

/// x, but at most max; NaN where one is.
#[inline(always)]
fn at_most<R: Real>(x: R, max: R) -> R {
    R::select(max.lt(x) | max.is_nan(), max, x)
}

/// x where x < 0, else 0.
#[inline(always)]
fn at_most_zero<R: Real>(x: R) -> R {
    R::select(x.gt(x.zero()), x.zero(), x)
}

/// x, but at least low and at most high; NaN stays.
#[inline(always)]
fn bounded<R: Real>(x: R, low: f64, high: f64) -> R {
    let (low, high) = (x.lit(low), x.lit(high));
    R::select(x.lt(low), low, R::select(x.gt(high), high, x))
}

/// a - b, 0 for infinities that are equal.
#[inline(always)]
fn difference<R: Real>(a: R, b: R) -> R {
    let same = a.eq(b) & a.abs().eq(a.lit(f64::INFINITY));
    R::select(same, a.zero(), a) - R::select(same, b.zero(), b)
}

/// exp(-|a - b|), with what the difference lost to rounding.
#[inline(always)]
fn exp_of_distance<R: Real>(a: R, b: R) -> R {
    let d = difference(a, b);
    let back = a - d;
    let lost = (a - (d + back)) + (back - b);
    let lost = R::select(lost.is_nan(), d.zero(), R::select(d.gt(d.zero()), lost, -lost));
    let e = (-d.abs()).exp();
    e - e * lost
}

/// a over the length of the vector (a, b): the cosine of its angle. 0 for the vector (0, 0); for infinite vectors the
/// angle is that of `atan2`.
#[inline(always)]
fn over_length<R: Real>(a: R, b: R, length: R) -> R {
    let inf = a.lit(f64::INFINITY);
    let diagonal = R::select(b.abs().eq(inf), a.lit(std::f64::consts::FRAC_1_SQRT_2), a.one());
    let finite = R::select(a.abs().eq(inf), a.zero(), a) / R::select(length.eq(length.zero()), length.one(), length);
    R::select(a.abs().eq(inf), diagonal * signum(a), finite)
}

/// a / (a² + b²), 0 for the vector (0, 0).
#[inline(always)]
fn per_length<R: Real>(a: R, b: R) -> R {
    let length = a.hypot(b);
    over_length(a, b, length) / R::select(length.eq(length.zero()), length.one(), length)
}

/// The scale of `selu` times its alpha.
const SELU_LEFT: f64 = 1.758_099_340_847_376_9;

/// The derivative of `celu` by alpha, for u = min(x, 0) / alpha.
#[inline(always)]
fn celu_by_alpha<R: Real>(u: R) -> R {
    u.expm1() - u * u.exp()
}

/// tanh(softplus(x)) = n / (n + 2), n = e^x (e^x + 2): 1 from 40 on, where no power overflows yet.
#[inline(always)]
fn mish_gate<R: Real>(x: R) -> R {
    let e = bounded(x, f64::NEG_INFINITY, 40.0).exp();
    let n = e * (e + e.lit(2.0));
    n / (n + n.lit(2.0))
}

/// x times the derivative of [`mish_gate`], x at most 40.
#[inline(always)]
fn mish_rest<R: Real>(x: R) -> R {
    let e = x.exp();
    let below = e * (e + e.lit(2.0)) + e.lit(2.0);
    x * e.lit(4.0) * (e / below) * ((e.one() + e) / below)
}

/// 1 - x² without cancellation near ±1.
#[inline(always)]
fn one_minus_square<R: Real>(x: R) -> R {
    (x.one() - x) * (x.one() + x)
}

/// 1 where the mask holds, else 0.
#[inline(always)]
fn indicator<R: Real>(x: R, mask: R::Mask) -> R {
    R::select(mask, x.one(), x.zero())
}

/// -1, 0, 1.
#[inline(always)]
fn signum<R: Real>(x: R) -> R {
    R::select(x.gt(x.zero()), x.one(), R::select(x.lt(x.zero()), -x.one(), x.zero()))
}

/// 1 where a < b, one half where they are equal, else 0.
#[inline(always)]
fn share<R: Real>(a: R, b: R) -> R {
    R::select(a.lt(b), a.one(), R::select(a.eq(b), a.lit(0.5), a.zero()))
}

#[inline(always)]
fn normal_cdf<R: Real>(x: R) -> R {
    x.lit(0.5) * (x.one() + (x * x.lit(std::f64::consts::FRAC_1_SQRT_2)).erf())
}

#[inline(always)]
fn normal_pdf<R: Real>(x: R) -> R {
    x.lit(0.398_942_280_401_432_7) * (x.lit(-0.5) * x * x).exp()
}

/// Twice the argument of the tanh in `gelu_tanh`, so that (1 + tanh(u)) / 2 is the logistic function of it.
#[inline(always)]
fn gelu_inner<R: Real>(x: R) -> R {
    let x = until_flat(x);
    x.lit(1.595_769_121_605_730_7) * x * (x.one() + x.lit(0.044_715) * x * x)
}

/// x between -30 and 30, where the tanh in `gelu_tanh` is 1 or -1 in every dtype: its square is finite.
#[inline(always)]
fn until_flat<R: Real>(x: R) -> R {
    let end = x.lit(30.0);
    R::select(x.gt(end), end, R::select(x.lt(-end), -end, x))
}

#[inline(always)]
fn gelu_tanh_partial<R: Real>(x: R, s: R) -> R {
    let x = until_flat(x);
    s + x * s * (x.one() - s) * x.lit(1.595_769_121_605_730_7) * (x.one() + x.lit(0.134_145) * x * x)
}

impl Func {
    /// What the entry says.
    pub fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }

    /// Number of arguments.
    pub fn arity(self) -> usize {
        self.entry().args.len()
    }

    /// What the partial derivative by argument `i` touches.
    pub fn uses(self, i: usize) -> Uses {
        struct Read(usize);
        impl Visitor for Read {
            type Out = Uses;
            fn visit<F: Function>(self, _: F) -> Uses {
                F::partial(self.0, std::array::from_fn(Uses::argument), Uses::OUTPUT)
            }
        }
        self.visit(Read(i))
    }

    /// The partial derivative by argument `i`, where it is a number.
    pub fn constant_partial(self, i: usize) -> Option<f64> {
        struct Read(usize);
        impl Visitor for Read {
            type Out = Option<f64>;
            fn visit<F: Function>(self, _: F) -> Option<f64> {
                if F::partial(self.0, std::array::from_fn(Uses::argument), Uses::OUTPUT) != Uses(0) {
                    return None;
                }
                let any = Lanes::<f64, 1>::splat(0.0);
                Some(F::partial(self.0, [any; MAX_ARITY], any).0[0])
            }
        }
        self.visit(Read(i))
    }
}

/// A test of elements, for any reading of [`Real`]: its result is a mask, its derivative zero.
pub trait Predicate: Copy + 'static {
    /// Whether it holds.
    fn holds<R: Real>(x: [R; 2]) -> R::Mask;
}

/// Runs with a predicate as a type.
pub trait PredicateVisitor {
    /// What it gives.
    type Out;
    /// The run.
    fn visit<P: Predicate>(self, p: P) -> Self::Out;
}

macro_rules! predicates {
    ($( $(#[doc = $doc:literal])+ $P:ident = $name:ident($($x:ident),+) { $test:expr } )+) => {
        /// A test of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Test { $( $(#[doc = $doc])+ $P ),+ }

        impl Test {
            /// All tests, in the order of the table.
            pub const ALL: &[Test] = &[$(Test::$P),+];

            /// Name, doc lines, names of the arguments and text.
            pub fn entry(self) -> (&'static str, Native<&'static str>, &'static [&'static str], Native<&'static str>) {
                match self { $(Test::$P => (stringify!($name), native(concat!($($doc, "\n"),+)), &[$(stringify!($x)),+], native(stringify!($test)))),+ }
            }

            /// Calls the visitor with this test as a type.
            pub fn visit<V: PredicateVisitor>(self, visitor: V) -> V::Out {
                match self { $(Test::$P => visitor.visit(test::$P)),+ }
            }
        }

        /// The tests as types.
        mod test { $( #[derive(Clone, Copy)] pub struct $P; )+ }

        $( impl Predicate for test::$P {
            #[inline(always)]
            fn holds<R: Real>(x: [R; 2]) -> R::Mask {
                let [$($x),+, ..] = x;
                $test
            }
        } )+
    };
}

predicates! {
    /// a = b.
    Equal = equal(a, b) { a.eq(b) }
    /// a ≠ b; NaN differs from everything.
    NotEqual = not_equal(a, b) { !a.eq(b) }
    /// a < b.
    Less = less(a, b) { a.lt(b) }
    /// a ≤ b.
    LessEqual = less_equal(a, b) { a.le(b) }
    /// a > b.
    Greater = greater(a, b) { a.gt(b) }
    /// a ≥ b.
    GreaterEqual = greater_equal(a, b) { a.ge(b) }
    /// Both differ from 0.
    LogicalAnd = logical_and(a, b) { !a.eq(a.zero()) & !b.eq(b.zero()) }
    /// At least one differs from 0.
    LogicalOr = logical_or(a, b) { !a.eq(a.zero()) | !b.eq(b.zero()) }
    /// Exactly one differs from 0.
    LogicalXor = logical_xor(a, b) { (a.eq(a.zero()) & !b.eq(b.zero())) | (!a.eq(a.zero()) & b.eq(b.zero())) }
    /// x is 0.
    LogicalNot = logical_not(x) { x.eq(x.zero()) }
    /// x is not a number.
    Isnan = isnan(x) { x.is_nan() }
    /// x is infinite.
    Isinf = isinf(x) { x.abs().eq(x.lit(f64::INFINITY)) }
    /// x is neither infinite nor NaN.
    Isfinite = isfinite(x) { !(x.abs().eq(x.lit(f64::INFINITY)) | x.is_nan()) }
}
