//! Dual numbers `v + d ε`, ε² = 0: an expression of the table read with them gives its exact directional derivative.
//!
//! Values come from the platform's library where it has the function, so they check the kernels' own polynomials too.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LN_10};
use std::ops::{Add, Div, Mul, Neg, Sub};

use wengert::kernels::lanes::Lanes;
use wengert::real::Real;

/// A value with its derivative.
#[derive(Clone, Copy, Debug)]
pub struct Dual {
    pub v: f64,
    pub d: f64,
}

impl Dual {
    pub fn new(v: f64, d: f64) -> Dual {
        Dual { v, d }
    }

    /// f(self), where f has this value and this derivative here.
    fn chain(self, value: f64, slope: f64) -> Dual {
        // A derivative that is infinite or not a number has no say where nothing moves.
        Dual::new(value, if self.d == 0.0 { 0.0 } else { slope * self.d })
    }
}

/// A function that the standard library lacks, as the kernels compute it.
fn kernel(f: impl Fn(Lanes<f64, 1>) -> Lanes<f64, 1>, x: f64) -> f64 {
    f(Lanes([x])).0[0]
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The distribution function of the standard normal distribution.
fn normal(x: f64) -> f64 {
    0.5 * kernel(Real::erfc, -x * FRAC_1_SQRT_2)
}

/// What the logistic function in `gelu_tanh` is taken of.
fn inner(x: f64) -> f64 {
    2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (x + 0.044_715 * x * x * x)
}

/// x times it is mish.
fn gate(x: f64) -> f64 {
    x.exp().ln_1p().tanh()
}

impl Add for Dual {
    type Output = Dual;
    fn add(self, o: Dual) -> Dual {
        Dual::new(self.v + o.v, self.d + o.d)
    }
}

impl Sub for Dual {
    type Output = Dual;
    fn sub(self, o: Dual) -> Dual {
        Dual::new(self.v - o.v, self.d - o.d)
    }
}

impl Mul for Dual {
    type Output = Dual;
    fn mul(self, o: Dual) -> Dual {
        Dual::new(self.v * o.v, self.d * o.v + self.v * o.d)
    }
}

impl Div for Dual {
    type Output = Dual;
    fn div(self, o: Dual) -> Dual {
        Dual::new(self.v / o.v, (self.d * o.v - self.v * o.d) / (o.v * o.v))
    }
}

impl Neg for Dual {
    type Output = Dual;
    fn neg(self) -> Dual {
        Dual::new(-self.v, -self.d)
    }
}

macro_rules! unary {
    ($($f:ident($x:ident) $value:expr, $slope:expr;)+) => {
        $(fn $f(self) -> Dual {
            let $x = self.v;
            self.chain($value, $slope)
        })+
    };
}

impl Real for Dual {
    type Mask = bool;

    fn lit(self, c: f64) -> Dual {
        Dual::new(c, 0.0)
    }
    fn lt(self, o: Dual) -> bool {
        self.v < o.v
    }
    fn le(self, o: Dual) -> bool {
        self.v <= o.v
    }
    fn eq(self, o: Dual) -> bool {
        self.v == o.v
    }
    fn select(mask: bool, yes: Dual, no: Dual) -> Dual {
        if mask { yes } else { no }
    }

    unary! {
        abs(x) x.abs(), x.signum();
        sqrt(x) x.sqrt(), 0.5 / x.sqrt();
        exp(x) x.exp(), x.exp();
        expm1(x) x.exp_m1(), x.exp();
        ln(x) x.ln(), 1.0 / x;
        log1p(x) x.ln_1p(), 1.0 / (1.0 + x);
        log2(x) x.log2(), 1.0 / (x * LN_2);
        sin(x) x.sin(), x.cos();
        cos(x) x.cos(), -x.sin();
        tan(x) x.tan(), 1.0 / (x.cos() * x.cos());
        asin(x) x.asin(), 1.0 / (1.0 - x * x).sqrt();
        acos(x) x.acos(), -1.0 / (1.0 - x * x).sqrt();
        atan(x) x.atan(), 1.0 / (1.0 + x * x);
        sinh(x) x.sinh(), x.cosh();
        cosh(x) x.cosh(), x.sinh();
        tanh(x) x.tanh(), 1.0 / (x.cosh() * x.cosh());
        asinh(x) x.asinh(), 1.0 / (1.0 + x * x).sqrt();
        acosh(x) x.acosh(), 1.0 / (x * x - 1.0).sqrt();
        atanh(x) x.atanh(), 1.0 / (1.0 - x * x);
        exp2(x) x.exp2(), x.exp2() * LN_2;
        log10(x) x.log10(), 1.0 / (x * LN_10);
        cbrt(x) x.cbrt(), 1.0 / (3.0 * x.cbrt() * x.cbrt());
        erfc(x) kernel(Real::erfc, x), -FRAC_2_SQRT_PI * (-x * x).exp();
        lgamma(x) kernel(Real::lgamma, x), kernel(Real::digamma, x);
        digamma(x) kernel(Real::digamma, x), kernel(|x| Real::polygamma(x.one(), x), x);
        erf(x) kernel(Real::erf, x), FRAC_2_SQRT_PI * (-x * x).exp();
        erfinv(x) kernel(Real::erfinv, x), kernel(Real::erfinv, x).powi(2).exp() / FRAC_2_SQRT_PI;
        silu(x) x * logistic(x), logistic(x) * (1.0 + x * logistic(-x));
        gelu(x) x * normal(x), normal(x) + x * (-0.5 * x * x).exp() * 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
        gelu_tanh(x) x * logistic(inner(x)),
            logistic(inner(x)) * (1.0 + x * logistic(-inner(x)) * 2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (1.0 + 0.134_145 * x * x));
        mish(x) x * gate(x), gate(x) + x * (1.0 - gate(x) * gate(x)) * logistic(x);
        floor(x) x.floor(), 0.0;
        ceil(x) x.ceil(), 0.0;
        round(x) x.round_ties_even(), 0.0;
    }

    fn pow(self, o: Dual) -> Dual {
        let value = self.v.powf(o.v);
        let (by_base, by_power) = (o.v * self.v.powf(o.v - 1.0), value * self.v.ln());
        let term = |slope: f64, d: f64| if d == 0.0 { 0.0 } else { slope * d };
        Dual::new(value, term(by_base, self.d) + term(by_power, o.d))
    }
    fn atan2(self, o: Dual) -> Dual {
        let norm = self.v * self.v + o.v * o.v;
        Dual::new(self.v.atan2(o.v), (self.d * o.v - self.v * o.d) / norm)
    }
    fn hypot(self, o: Dual) -> Dual {
        let length = self.v.hypot(o.v);
        let slope = if length == 0.0 { 0.0 } else { (self.v * self.d + o.v * o.d) / length };
        Dual::new(length, slope)
    }
    fn exp_minus(self, o: Dual) -> Dual {
        let value = (self.v - o.v).exp();
        Dual::new(value, value * (self.d - o.d))
    }
    fn modulo(self, o: Dual) -> Dual {
        let floor = (self.v / o.v).floor();
        Dual::new(self.v - o.v * floor, self.d - o.d * floor)
    }
    fn floor_div(self, o: Dual) -> Dual {
        Dual::new((self.v / o.v).floor(), 0.0)
    }
    fn polygamma(self, o: Dual) -> Dual {
        let at = |order: f64| kernel(|x| Real::polygamma(x.lit(order), x), o.v);
        Dual::new(at(self.v), at(self.v + 1.0) * o.d)
    }
}
