//! Evenly spaced numbers.

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Kind, Sample, Spec, native, notes, param};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::find;
use crate::kernels::map::{MAX_OPERANDS, Operand};
use crate::op::{Arrays, Aval, Primitive};
use crate::shape::Shape;
use crate::var::Var;

/// Elements that are computed before they are converted.
const BLOCK: usize = 256;

/// `y_k = start + k step` for `k < len`, computed in double precision and rounded once. No inputs.
#[derive(Clone, Copy, Debug)]
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

impl PartialEq for Iota {
    /// To the bit: -0 is not 0.
    fn eq(&self, other: &Iota) -> bool {
        let bits = |iota: &Iota| (iota.len, iota.start.to_bits(), iota.step.to_bits(), iota.dtype);
        bits(self) == bits(other)
    }
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
        let (y, size) = (Array::new(out.shape, out.dtype)?, out.dtype.size());
        let convert = find::convert(DType::Float64, out.dtype);
        let mut block = [0.0; BLOCK];
        for first in (0..self.len).step_by(BLOCK) {
            (first..).zip(&mut block).for_each(|(k, x)| *x = self.start + k as f64 * self.step);
            let mut operands = [Operand::ZERO; MAX_OPERANDS];
            operands[0] = Operand::slice(block.as_ptr().cast(), size_of::<f64>());
            let to = y.address().wrapping_add(first * size);
            // SAFETY: so many elements of the result are left, and no one else has it.
            unsafe { convert(BLOCK.min(self.len - first), &operands, to) };
        }
        Ok(y)
    }

    fn batch<'t>(&self, _: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        None
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, _: Var<'t>) -> Option<Var<'t>> {
        None
    }
}
