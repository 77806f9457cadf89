//! Sums over axes.

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{NONE, Operand, REDUCTION, Sample, Spec, native, notes};
use crate::error::Result;
use crate::kernels::find::{self, Reduction};
use crate::kernels::reduce::RunFold;
use crate::op::{Arrays, Aval, Primitive, need_number};
use crate::reduction;
use crate::shape::AxisSet;
use crate::var::Var;

/// `y = Σ x` over `axes`; float32, float64, int32. Of nothing it is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// The axes that are summed over.
    pub axes: AxisSet,
    /// Whether they stay as dimensions of size 1.
    pub keep_dims: bool,
}

impl Primitive for Sum {
    const SPECS: &'static [Spec] = &[Spec {
        name: "sum",
        doc: native(
            "Σ x over the axes (all of them when left out), in a fixed pairwise order: the error is at most about log2(n) + 30 roundings of Σ |x|, as that of means and of what else is made of sums. The axes are gone from the shape, or 1 with keepDims.",
        ),
        notes: notes("x gets g, repeated along the axes", "O(n)"),
        inputs: &["x"],
        attrs: REDUCTION,
        dtypes: "number",
        build: |c| {
            let (axes, keep_dims) = c.reduction()?;
            c.tape.perform(Sum { axes, keep_dims }, c.x)
        },
        samples: native(&[
            Sample { x: &[Operand::Real(&[2, 3, 4], -1.0, 1.0)], attrs: &[1.0, 1.0, 0.0] },
            Sample { x: &[Operand::Real(&[2, 3, 4], -1.0, 1.0)], attrs: &[2.0, 0.0, -1.0, 1.0] },
            Sample { x: &[Operand::Real(&[5], -1.0, 1.0)], attrs: &[NONE, 0.0] },
        ]),
    }];

    fn name(&self) -> &'static str {
        "sum"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        need_number("sum", x[0].dtype)?;
        Ok(Aval::new(x[0].shape.reduced(self.axes, self.keep_dims), x[0].dtype))
    }

    fn run_fold(&self, x: Aval) -> Option<RunFold> {
        let rows = self.keep_dims && self.axes.is_last(x.shape.ndim());
        find::fold(Reduction::Sum, x.dtype).filter(|_| rows).map(|fold| fold.run)
    }

    fn flops(&self, x: &[Aval], _: Aval) -> f64 {
        x[0].shape.size() as f64
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        reduction::reduce(Reduction::Sum, &x[0], self.axes, out)
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(Sum { axes: self.axes.shifted(), ..*self }))
    }

    fn vjp<'t>(&self, _: usize, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        let shape = x[0].shape();
        Some(g.reshape(shape.reduced(self.axes, true)).expand(shape))
    }
}
