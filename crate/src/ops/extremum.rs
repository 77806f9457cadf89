//! The largest and the smallest element over axes.

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Call, NONE, Operand, REDUCTION, Sample, Spec, native, notes};
use crate::elementwise::Test;
use crate::error::{Code, Error, Result};
use crate::kernels::find::{self, Reduction};
use crate::kernels::reduce::RunFold;
use crate::op::{Arrays, Aval, Primitive};
use crate::reduction;
use crate::shape::AxisSet;
use crate::var::Var;

/// `y = max x` or `min x` over `axes`; NaN where there is one. Equal extremes share the derivative equally.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extremum {
    /// Maximum or minimum.
    pub max: bool,
    /// The axes that are reduced.
    pub axes: AxisSet,
    /// Whether they stay as dimensions of size 1.
    pub keep_dims: bool,
}

impl Extremum {
    fn reduction(self) -> Reduction {
        if self.max { Reduction::Max } else { Reduction::Min }
    }

    /// For each element its share of the derivative: 1 / (number of extremes) at an extreme, else 0.
    fn share<'t>(self, x: Var<'t>, y: Var<'t>) -> Var<'t> {
        let y = y.reshape(x.shape().reduced(self.axes, true));
        let extreme = x.test(Test::Equal, y).cast(x.dtype());
        extreme / extreme.sum(self.axes, true)
    }
}

impl Primitive for Extremum {
    const SPECS: &'static [Spec] = &[
        Spec {
            name: "max",
            doc: native(
                "The largest element over the axes (all of them when left out); NaN where there is one. Equal ones share the derivative equally. The axes are gone from the shape, or 1 with keepDims.",
            ),
            notes: notes("x gets g at the largest element, g / k at each of k equal ones", "O(n)"),
            build: |c| build(c, true),
            ..SPEC
        },
        Spec {
            name: "min",
            doc: native(
                "The smallest element over the axes (all of them when left out); NaN where there is one. Equal ones share the derivative equally. The axes are gone from the shape, or 1 with keepDims.",
            ),
            notes: notes("x gets g at the smallest element, g / k at each of k equal ones", "O(n)"),
            build: |c| build(c, false),
            ..SPEC
        },
    ];

    fn name(&self) -> &'static str {
        if self.max { "max" } else { "min" }
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        need_elements(self.name(), x[0], self.axes)?;
        Ok(Aval::new(x[0].shape.reduced(self.axes, self.keep_dims), x[0].dtype))
    }

    fn run_fold(&self, x: Aval) -> Option<RunFold> {
        let rows = self.keep_dims && self.axes.is_last(x.shape.ndim());
        find::fold(self.reduction(), x.dtype).filter(|_| rows).map(|fold| fold.run)
    }

    fn flops(&self, x: &[Aval], _: Aval) -> f64 {
        x[0].shape.size() as f64
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        reduction::reduce(self.reduction(), &x[0], self.axes, out)
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(Extremum { axes: self.axes.shifted(), ..*self }))
    }

    fn vjp<'t>(&self, _: usize, x: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        Some(g.reshape(x[0].shape().reduced(self.axes, true)) * self.share(x[0], y))
    }

    fn jvp<'t>(&self, x: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        t[0].map(|t| (t * self.share(x[0], y)).sum(self.axes, self.keep_dims))
    }
}

/// Refuses a reduction without a neutral element over nothing.
pub(crate) fn need_elements(op: &str, x: Aval, axes: AxisSet) -> Result<()> {
    if x.shape.iter().enumerate().any(|(axis, &d)| d == 0 && axes.has(axis)) {
        let sentence = format!("there must be at least one element along the reduced axes, got shape {}", x.shape);
        return Err(Error::new(Code::Shape, op, sentence).with_shapes([&x.shape[..]]));
    }
    Ok(())
}

/// What both calls have in common.
const SPEC: Spec = Spec {
    name: "",
    doc: native(""),
    notes: notes("", ""),
    inputs: &["x"],
    attrs: REDUCTION,
    dtypes: "any",
    build: |c| build(c, true),
    samples: native(&[
        Sample { x: &[Operand::Real(&[3, 4], -2.0, 2.0)], attrs: &[1.0, 1.0, 0.0] },
        Sample { x: &[Operand::Real(&[2, 3, 2], -2.0, 2.0)], attrs: &[NONE, 1.0] },
    ]),
};

fn build<'t>(c: &mut Call<'_, 't>, max: bool) -> Result<Var<'t>> {
    let (axes, keep_dims) = c.reduction()?;
    c.tape.perform(Extremum { max, axes, keep_dims }, c.x)
}
