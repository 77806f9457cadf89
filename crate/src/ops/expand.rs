//! Broadcasting to a shape.

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Kind, Operand, Sample, Spec, native, notes, param};
use crate::error::{Code, Error, Result};
use crate::op::{Arrays, Aval, Primitive};
use crate::shape::Shape;
use crate::var::Var;

/// x repeated along new dimensions and along those of size 1; a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expand {
    /// The shape of the result.
    pub shape: Shape,
}

impl Primitive for Expand {
    const SPECS: &'static [Spec] = &[Spec {
        name: "broadcastTo",
        doc: native("x repeated to a shape, along new leading dimensions and along those of size 1; no copy."),
        notes: notes("x gets g, summed over the dimensions along which it was repeated", "O(1)"),
        inputs: &["x"],
        attrs: &[param("shape", Kind::Shape)],
        dtypes: "any",
        build: |c| {
            let shape = c.shape()?;
            c.tape.perform(Expand { shape }, c.x)
        },
        samples: native(&[Sample { x: &[Operand::Real(&[3, 1], -1.0, 1.0)], attrs: &[3.0, 2.0, 3.0, 4.0] }]),
    }];

    fn name(&self) -> &'static str {
        "broadcastTo"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        if x[0].shape.broadcast(&self.shape) != Some(self.shape) {
            let sentence =
                format!("{} must broadcast to {}: sizes equal or 1, aligned at the end", x[0].shape, self.shape);
            return Err(
                Error::new(Code::Shape, "broadcastTo", sentence).with_shapes([&x[0].shape[..], &self.shape[..]])
            );
        }
        Ok(Aval::new(self.shape, x[0].dtype))
    }

    fn repeats(&self) -> bool {
        true
    }

    fn eval(&self, x: &mut Arrays, _: Aval) -> Result<Array> {
        Ok(x[0].view(x[0].layout().expand(self.shape)))
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        let shape = self.shape.prepended(size);
        Some(x[0].aligned(self.shape.ndim()).apply(Expand { shape }))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        // The pass sums over what was repeated.
        Some(g)
    }
}
