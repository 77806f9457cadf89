//! Random distributions, made of the uniform one.

use crate::call::{Attr, Call, Kind, Operand, Sample, Spec, option, param};
use crate::dtype::DType;
use crate::error::{Code, Result};
use crate::op;
use crate::ops::random::{Draw, Random};
use crate::real::Real;
use crate::shape::Shape;
use crate::var::Var;

const SHAPE: Attr = param("shape", Kind::Shape);
const DTYPE: Attr = option("dtype", Kind::DType, "\"float32\"");

pub const SPECS: &[Spec] = &[
    Spec {
        name: "random.uniform",
        doc: "Uniform in [min, max); float32 has 23 random bits, float64 52.",
        inputs: &["key:int32"],
        attrs: &[SHAPE, option("min", Kind::Float, "0"), option("max", Kind::Float, "1"), DTYPE],
        dtypes: "any",
        build: |c| {
            let (shape, min, max) = (c.shape()?, c.float()?, c.float()?);
            let u = uniform(c, shape)?;
            if (min, max) == (0.0, 1.0) {
                return Ok(u);
            }
            Ok(u * u.lit(max - min) + u.lit(min))
        },
        samples: &[Sample { x: &[Operand::Key], attrs: &[2.0, 3.0, 4.0, -1.0, 1.0, 0.0] }],
    },
    Spec {
        name: "random.normal",
        doc: "Normal with mean 0 and standard deviation 1: sqrt(2) erfinv(u), u uniform in (-1, 1).",
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
        samples: &[Sample { x: &[Operand::Key], attrs: &[2.0, 3.0, 4.0, 1.0] }],
    },
    Spec {
        name: "random.bernoulli",
        doc: "True with probability p; bool.",
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
        samples: &[Sample { x: &[Operand::Key], attrs: &[1.0, 6.0, 0.3] }],
    },
];

fn uniform<'t>(c: &mut Call<'_, 't>, shape: Shape) -> Result<Var<'t>> {
    let dtype = c.dtype()?;
    op::need_float(c.op, dtype)?;
    c.tape.record(Random::new(Draw::Uniform, shape, dtype), c.x)
}
