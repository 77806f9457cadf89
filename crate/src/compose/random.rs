//! Random distributions, made of the uniform one.

use crate::call::{Attr, Call, Kind, Operand, Sample, Spec, native, notes, option, param};
use crate::dtype::DType;
use crate::error::{Code, Result};
use crate::op;
use crate::ops::argreduce::ArgReduce;
use crate::ops::random::{Draw, Random};
use crate::real::Real;
use crate::shape::Shape;
use crate::var::Var;

const SHAPE: Attr = param("shape", Kind::Shape);
const DTYPE: Attr = option("dtype", Kind::DType, "\"float32\"");

pub const SPECS: &[Spec] = &[
    Spec {
        name: "random.uniform",
        doc: native(
            "Uniform in [min, max), of the shape; float32 has 23 random bits, float64 52. min must be less than max.",
        ),
        notes: notes("none, the key is int32", "O(n)"),
        inputs: &["key:int32"],
        attrs: &[SHAPE, option("min", Kind::Float, "0"), option("max", Kind::Float, "1"), DTYPE],
        dtypes: "any",
        build: |c| {
            let (shape, min, max) = (c.shape()?, c.float()?, c.float()?);
            let u = uniform(c, shape)?;
            if (min, max) == (0.0, 1.0) {
                return Ok(u);
            }
            let single = u.dtype() == DType::Float32;
            // The last number before max, which rounding can lead to.
            let (width, last) = match single {
                true => (f64::from((max - min) as f32), f64::from((max as f32).next_down())),
                false => (max - min, max.next_down()),
            };
            if min.is_nan() || max.is_nan() || min >= max || !width.is_finite() {
                let sentence = format!("min must be less than max, and max - min finite in {}", u.dtype().name());
                return c.refuse(Code::Argument, format!("{sentence}, got {min} and {max}"));
            }
            let y = u * u.lit(width) + u.lit(min);
            Ok(Var::select(y.lt(y.lit(max)), y, y.lit(last)))
        },
        samples: native(&[Sample { x: &[Operand::Key], attrs: &[2.0, 3.0, 4.0, -1.0, 1.0, 0.0] }]),
    },
    Spec {
        name: "random.normal",
        doc: native(
            "Of the shape, normal with mean 0 and standard deviation 1: sqrt(2) erfinv(u), u uniform in (-1, 1).",
        ),
        notes: notes("none, the key is int32", "O(n)"),
        inputs: &["key:int32"],
        attrs: &[SHAPE, DTYPE],
        dtypes: "any",
        build: |c| {
            let shape = c.shape()?;
            let u = uniform(c, shape)?;
            // The interval is open at -1, where erfinv is infinite: it begins at the next number.
            let low = if u.dtype() == DType::Float64 {
                -1.0 + f64::EPSILON / 2.0
            } else {
                -1.0 + f64::from(f32::EPSILON) / 2.0
            };
            let open = u * u.lit(1.0 - low) + u.lit(low);
            let open = Var::select(open.lt(u.lit(low)), u.lit(low), open);
            Ok(open.erfinv() * u.lit(std::f64::consts::SQRT_2))
        },
        samples: native(&[Sample { x: &[Operand::Key], attrs: &[2.0, 3.0, 4.0, 1.0] }]),
    },
    Spec {
        name: "random.bernoulli",
        doc: native("True with probability p, else false: bool of the shape."),
        notes: notes("none, the result is bool", "O(n)"),
        inputs: &["key:int32"],
        attrs: &[SHAPE, option("p", Kind::Float, "0.5")],
        dtypes: "any",
        build: |c| {
            let (shape, p) = (c.shape()?, c.float()?);
            if !(0.0..=1.0).contains(&p) {
                return c.refuse(Code::Argument, format!("p must be in [0, 1], got {p}"));
            }
            let u = c.tape.record(Random::new(Draw::Uniform, shape, DType::Float32), c.x)?;
            Ok(u.lt(u.lit(p)))
        },
        samples: native(&[Sample { x: &[Operand::Key], attrs: &[1.0, 6.0, 0.3] }]),
    },
    Spec {
        name: "random.randint",
        doc: native("Whole numbers from min to max - 1, all equally likely (to 2^-20 of it): int32 of the shape."),
        notes: notes("none, the result is int32", "O(n)"),
        inputs: &["key:int32"],
        attrs: &[SHAPE, option("min", Kind::Float, "0"), option("max", Kind::Float, "2147483647")],
        dtypes: "any",
        build: |c| {
            let (shape, min, max) = (c.shape()?, c.float()?, c.float()?);
            let whole = |x: f64| x.fract() == 0.0 && x.abs() <= 2_147_483_648.0;
            if !whole(min) || !whole(max) || min >= max {
                let sentence = "min and max must be whole numbers of 32 bits with min < max";
                return c.refuse(Code::Argument, format!("{sentence}, got {min} and {max}"));
            }
            let u = c.tape.record(Random::new(Draw::Uniform, shape, DType::Float64), c.x)?;
            Ok(((u * u.lit(max - min)).floor() + u.lit(min)).cast(DType::Int32))
        },
        samples: native(&[Sample { x: &[Operand::Key], attrs: &[1.0, 5.0, -3.0, 4.0] }]),
    },
    Spec {
        name: "random.truncatedNormal",
        doc: native(
            "Of the shape, normal with mean 0 and standard deviation 1, given that it lies in [min, max], which must not lie beyond 37 on one side.",
        ),
        notes: notes("none, the key is int32", "O(n)"),
        inputs: &["key:int32"],
        attrs: &[SHAPE, option("min", Kind::Float, "-2"), option("max", Kind::Float, "2"), DTYPE],
        dtypes: "any",
        build: |c| {
            let (shape, min, max) = (c.shape()?, c.float()?, c.float()?);
            if min.is_nan() || max.is_nan() || min >= max {
                return c.refuse(Code::Argument, format!("min must be less than max, got {min} and {max}"));
            }
            if min >= TAIL || max <= -TAIL {
                return tail_normal(c, shape, min, max);
            }
            let u = uniform(c, shape)?;
            let [low, high] = [min, max].map(|end| (u.lit(end) * u.lit(std::f64::consts::FRAC_1_SQRT_2)).erf());
            let x = (low + (high - low) * u).erfinv() * u.lit(std::f64::consts::SQRT_2);
            Ok(within(x, min, max))
        },
        samples: native(&[Sample { x: &[Operand::Key], attrs: &[1.0, 6.0, -1.0, 2.0, 1.0] }]),
    },
    Spec {
        name: "random.categorical",
        doc: native(
            "The index along an axis drawn with probability softmax(logits), by the largest of logits with Gumbel noise; `shape` comes before that of the logits without the axis. int32.",
        ),
        notes: notes("none, the result is int32", "O(n) for n logits times the size of shape"),
        inputs: &["key:int32", "logits"],
        attrs: &[option("axis", Kind::Axis, "-1"), option("shape", Kind::Shape, "[]")],
        dtypes: "float",
        build: |c| {
            let logits = c.x[1].stop_gradient();
            op::need_float("random.categorical", logits.dtype())?;
            let axis = c.axis(logits.shape().ndim())?;
            let lead = c.shape()?;
            let all = Shape::new("random.categorical", &[&lead[..], &logits.shape()[..]].concat())?;
            let u = c.tape.record(Random::new(Draw::Uniform, all, DType::Float64), &[c.x[0]])?;
            // -log(-log u): u = 0 gives -infinity, which is never the largest.
            let noise = -(-(u.ln())).ln();
            let noisy = logits.cast(DType::Float64).expand(all) + noise;
            c.tape.record(ArgReduce { max: true, axis: lead.ndim() + axis, keep_dims: false }, &[noisy])
        },
        samples: native(&[Sample { x: &[Operand::Key, Operand::Real(&[2, 3], -1.0, 1.0)], attrs: &[-1.0, 1.0, 4.0] }]),
    },
];

/// Where the tails of the normal distribution begin, whose probabilities beside 1 have few digits.
const TAIL: f64 = 2.5;
/// Where they end: probabilities beyond are no numbers any more.
const END: f64 = 37.0;

/// A normal number in an interval that lies in a tail: the x with Φ(x) = p for p uniform between those of the ends, in
/// double precision, by Newton's method for ln Φ from the first terms of its asymptotic series.
fn tail_normal<'t>(c: &mut Call<'_, 't>, shape: Shape, min: f64, max: f64) -> Result<Var<'t>> {
    let dtype = c.dtype()?;
    op::need_float(c.op, dtype)?;
    // The left tail, in which nothing cancels.
    let (sign, low, high) = if min > 0.0 { (-1.0, -max, -min) } else { (1.0, min, max) };
    if high < -END {
        let sentence = format!("min and max must not both be beyond {END} on one side, got {min} and {max}");
        return c.refuse(Code::Argument, sentence);
    }
    let u = c.tape.record(Random::new(Draw::Uniform, shape, DType::Float64), c.x)?;
    let below = |x: Var<'t>| (x * x.lit(-std::f64::consts::FRAC_1_SQRT_2)).erfc() * x.lit(0.5);
    let [first, last] = [low, high].map(|x| below(u.lit(x.max(-END - 1.0))));
    // In the middle of the steps of u: p is not 0.
    let ln_p = (first + (last - first) * (u + u.lit(f64::EPSILON / 4.0))).ln();
    let t = ln_p * u.lit(-2.0);
    let mut x = -(t - t.ln() - u.lit((2.0 * std::f64::consts::PI).ln())).sqrt();
    for _ in 0..4 {
        let under = below(x);
        let density = (x * x * u.lit(-0.5)).exp() * u.lit(0.398_942_280_401_432_7);
        x = x - (under.ln() - ln_p) * under / density;
    }
    Ok(within((x * u.lit(sign)).cast(dtype), min, max))
}

/// x, which rounding may have led a little out of an interval.
fn within(x: Var<'_>, min: f64, max: f64) -> Var<'_> {
    let (min, max) = (x.lit(min), x.lit(max));
    let x = Var::select(x.lt(min), min, x);
    Var::select(max.lt(x), max, x)
}

fn uniform<'t>(c: &mut Call<'_, 't>, shape: Shape) -> Result<Var<'t>> {
    let dtype = c.dtype()?;
    op::need_float(c.op, dtype)?;
    c.tape.record(Random::new(Draw::Uniform, shape, dtype), c.x)
}
