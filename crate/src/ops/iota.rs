//! Evenly spaced numbers.

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Kind, Sample, Spec, native, notes, param};
use crate::dtype::{DType, Elem};
use crate::error::Result;
use crate::op::{Arrays, Aval, Primitive};
use crate::shape::Shape;
use crate::var::Var;
use crate::with_dtype;

/// `y_k = start + k step` for `k < len`, computed in double precision and rounded once. No inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Iota {
    /// Number of elements.
    pub len: usize,
    /// The first.
    pub start: f64,
    /// Distance of neighbours.
    pub step: f64,
    /// dtype of the result.
    pub dtype: DType,
}

impl Primitive for Iota {
    const SPECS: &'static [Spec] = &[Spec {
        name: "core.iota",
        doc: native("start + k step for k < n, computed in double precision and rounded once to the dtype."),
        notes: notes("none", "O(n)"),
        inputs: &[],
        attrs: &[
            param("n", Kind::Int),
            param("start", Kind::Float),
            param("step", Kind::Float),
            param("dtype", Kind::DType),
        ],
        dtypes: "any",
        build: |c| {
            let (len, start, step, dtype) = (c.size("n")?, c.float()?, c.float()?, c.dtype()?);
            c.tape.perform(Iota { len, start, step, dtype }, &[])
        },
        samples: native(&[Sample { x: &[], attrs: &[5.0, -1.0, 0.5, 0.0] }]),
    }];

    fn name(&self) -> &'static str {
        "core.iota"
    }

    fn infer(&self, _: &[Aval]) -> Result<Aval> {
        Ok(Aval::new(Shape::new("core.iota", &[self.len])?, self.dtype))
    }

    fn eval(&self, _: &mut Arrays, out: Aval) -> Result<Array> {
        with_dtype!(out.dtype, T => Array::build::<T>(out.shape, |out| {
            for (k, out) in out.iter_mut().enumerate() {
                *out = T::from_f64(self.start + k as f64 * self.step);
            }
        }))
    }

    fn batch<'t>(&self, _: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        None
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, _: Var<'t>) -> Option<Var<'t>> {
        None
    }
}
