//! Conversion of dtypes.

use crate::blocks::Elementwise;
use crate::call::{Kind, Operand, Sample, Spec, native, notes, param};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::find;
use crate::op::{Aval, Primitive};
use crate::var::Var;

/// `y = x` as another dtype: floats round to nearest, int32 truncates and saturates (NaN gives 0), bool is x ≠ 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cast {
    /// The dtype of the result.
    pub dtype: DType,
}

impl Primitive for Cast {
    const SPECS: &'static [Spec] = &[Spec {
        name: "to",
        doc: native(
            "x as another dtype, in the same shape: floats round to nearest, int32 truncates and saturates (NaN gives 0), bool is x ≠ 0.",
        ),
        notes: notes("x gets g in its own dtype, between floats; none from or to int32 and bool", "O(n)"),
        inputs: &["x"],
        attrs: &[param("dtype", Kind::DType)],
        dtypes: "any",
        build: |c| {
            let dtype = c.dtype()?;
            Ok(c.x[0].cast(dtype))
        },
        samples: native(&[Sample { x: &[Operand::Real(&[2, 3], -1.0, 1.0)], attrs: &[1.0] }]),
    }];

    fn name(&self) -> &'static str {
        "to"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        Ok(Aval::new(x[0].shape, self.dtype))
    }

    fn elementwise(&self, dtype: DType) -> Option<Elementwise> {
        Some(Elementwise::new(find::convert(dtype, self.dtype)))
    }

    fn vjp<'t>(&self, _: usize, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        Some(g.cast(x[0].dtype()))
    }
}
