//! The position of the largest and of the smallest element.

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Call, NONE, Operand, REDUCTION, Sample, Spec, native, notes};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::find;
use crate::op::{Arrays, Aval, Primitive};
use crate::ops::extremum::need_elements;
use crate::shape::{AxisSet, Shape};
use crate::var::Var;

/// `y = argmax x` or `argmin x` along one axis: the first position on ties; NaN counts as the extreme. int32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgReduce {
    /// Maximum or minimum.
    pub max: bool,
    /// The axis.
    pub axis: usize,
    /// Whether it stays as a dimension of size 1.
    pub keep_dims: bool,
}

impl Primitive for ArgReduce {
    const SPECS: &'static [Spec] = &[
        Spec {
            name: "argmax",
            doc: native(
                "The position of the largest element along an axis, the first on ties; NaN counts as the extreme. Without an axis, the position in row-major order. int32, without the axis, or with it as 1 with keepDims.",
            ),
            notes: notes("none, the result is int32", "O(n)"),
            build: |c| build(c, true),
            ..SPEC
        },
        Spec {
            name: "argmin",
            doc: native(
                "The position of the smallest element along an axis, the first on ties; NaN counts as the extreme. Without an axis, the position in row-major order. int32, without the axis, or with it as 1 with keepDims.",
            ),
            notes: notes("none, the result is int32", "O(n)"),
            build: |c| build(c, false),
            ..SPEC
        },
    ];

    fn name(&self) -> &'static str {
        if self.max { "argmax" } else { "argmin" }
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let axes = AxisSet::from_iter([self.axis]);
        need_elements(self.name(), x[0], axes)?;
        Ok(Aval::new(x[0].shape.reduced(axes, self.keep_dims), DType::Int32))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let n = x[0].shape().ndim();
        let mut order: Vec<usize> = (0..n).filter(|&axis| axis != self.axis).collect();
        order.push(self.axis);
        let rows = x[0].view(x[0].layout().permute(&order)).contiguous()?;
        let len = x[0].shape()[self.axis];
        let (arg, bytes) = (find::arg(self.max, rows.dtype), len * rows.dtype.size());
        Array::build::<i32>(out.shape, |out| {
            for (k, out) in out.iter_mut().enumerate() {
                // SAFETY: row k of as many as there are results.
                *out = unsafe { arg(rows.address().wrapping_add(k * bytes), len) } as i32;
            }
        })
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(ArgReduce { axis: self.axis + 1, ..*self }))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, _: Var<'t>) -> Option<Var<'t>> {
        None
    }
}

fn build<'t>(c: &mut Call<'_, 't>, max: bool) -> Result<Var<'t>> {
    let shape = c.x[0].shape();
    let (axis, keep_dims) = (c.optional_axis(shape.ndim())?, c.bool()?);
    let (x, axis) = match axis {
        Some(axis) => (c.x[0], axis),
        None => (c.x[0].reshape(Shape::of(&[shape.size()])), 0),
    };
    c.tape.perform(ArgReduce { max, axis, keep_dims }, &[x])
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
        Sample { x: &[Operand::Real(&[3, 4], -2.0, 2.0)], attrs: &[1.0, 0.0, 0.0] },
        Sample { x: &[Operand::Real(&[2, 3], -2.0, 2.0)], attrs: &[NONE, 0.0] },
    ]),
};
