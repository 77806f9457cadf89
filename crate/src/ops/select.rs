//! `where`: a choice between two tensors, element by element.

use crate::blocks::Elementwise;
use crate::call::{Operand, Sample, Spec, native, notes};
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::kernels::find;
use crate::op::{Aval, Primitive, broadcast, same_dtype};
use crate::real::Real;
use crate::var::Var;

/// `y = a where c, else b`; c is bool, a and b have the same dtype, all broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Select;

impl Primitive for Select {
    const SPECS: &'static [Spec] = &[Spec {
        name: "where",
        doc: native(
            "a where c holds, else b. `c, a, b` broadcast; c is bool, a and b have one dtype. Both sides are computed: to keep NaN out of a derivative, guard the argument, not the result.",
        ),
        notes: notes("a gets g where c holds, b gets it elsewhere; c has none", "O(n)"),
        inputs: &["c:bool", "a", "b"],
        attrs: &[],
        dtypes: "any",
        build: |c| c.tape.perform(Select, c.x),
        samples: native(&[Sample {
            x: &[Operand::Truth(&[2, 3]), Operand::Real(&[2, 3], -1.0, 1.0), Operand::Real(&[3], -1.0, 1.0)],
            attrs: &[],
        }]),
    }];

    fn name(&self) -> &'static str {
        "where"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        if x[0].dtype != DType::Bool {
            let sentence = format!(
                "the condition must be bool, got {}; write a comparison, for instance notEqual(c, 0)",
                x[0].dtype.name()
            );
            return Err(Error::new(Code::DType, "where", sentence).with_dtypes(x.iter().map(|a| a.dtype.name())));
        }
        let dtype = same_dtype("where", &x[1..])?;
        Ok(Aval::new(broadcast("where", x)?, dtype))
    }

    fn elementwise(&self, dtype: DType) -> Option<Elementwise> {
        Some(Elementwise::new(find::select(dtype.size())))
    }

    fn vjp<'t>(&self, i: usize, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        match i {
            1 => Some(Var::select(x[0], g, g.zero())),
            2 => Some(Var::select(x[0], g.zero(), g)),
            _ => None,
        }
    }

    fn jvp<'t>(&self, x: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        let zero = || y.zero();
        Some(Var::select(x[0], t[1].unwrap_or_else(zero), t[2].unwrap_or_else(zero)))
    }
}
