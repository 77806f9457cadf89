//! The identity: a fresh variable to differentiate by, or a stop for derivatives.

use crate::call::{Operand, Sample, Spec, native, notes};
use crate::error::Result;
use crate::op::{Aval, Primitive};
use crate::var::Var;

/// `y = x`, without a copy. No derivative flows through when `stop` is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alias {
    /// Whether this is `stopGradient`.
    pub stop: bool,
}

impl Primitive for Alias {
    const SPECS: &'static [Spec] = &[Spec {
        name: "stopGradient",
        doc: native("x as a constant, through which no derivative flows; the function takes trees of tensors too."),
        notes: notes("none", "O(1)"),
        inputs: &["x"],
        attrs: &[],
        dtypes: "any",
        build: |c| Ok(c.x[0].stop_gradient()),
        samples: native(&[Sample { x: &[Operand::Real(&[2, 3], -1.0, 1.0)], attrs: &[] }]),
    }];

    fn name(&self) -> &'static str {
        if self.stop { "stopGradient" } else { "variable" }
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        Ok(x[0])
    }

    fn is_identity(&self) -> bool {
        true
    }

    fn active(&self, _: usize) -> bool {
        !self.stop
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        (!self.stop).then_some(g)
    }
}
