//! A new order of the dimensions.

use smallvec::SmallVec;

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Kind, Operand, Sample, Spec, native, notes, param};
use crate::error::{Code, Error, Result};
use crate::op::{Arrays, Aval, Op, Primitive};
use crate::shape::{AxisSet, MAX_DIMS, Shape};
use crate::var::Var;

/// Dimension `k` of y is dimension `axes[k]` of x; a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permute {
    axes: SmallVec<[u8; MAX_DIMS]>,
}

impl Permute {
    /// The permutation `axes`, checked by `infer`.
    pub fn new(axes: &[usize]) -> Permute {
        Permute { axes: axes.iter().map(|&axis| axis as u8).collect() }
    }

    /// Whether it exchanges the last two dimensions and nothing else.
    pub(crate) fn transposes_last(&self) -> bool {
        let n = self.axes.len();
        let after = |k: usize| if k + 2 < n { k } else { 2 * n - 3 - k };
        n >= 2 && self.axes.iter().enumerate().all(|(k, &axis)| usize::from(axis) == after(k))
    }

    fn axes(&self) -> SmallVec<[usize; MAX_DIMS]> {
        self.axes.iter().map(|&axis| usize::from(axis)).collect()
    }
}

impl Primitive for Permute {
    const SPECS: &'static [Spec] = &[Spec {
        name: "permute",
        doc: native("Dimension k of the result is dimension axes[k] of x; no copy."),
        notes: notes("x gets g with the axes put back", "O(1)"),
        inputs: &["x"],
        attrs: &[param("axes", Kind::Axes)],
        dtypes: "any",
        build: |c| {
            let axes = c.axis_list(c.x[0].shape().ndim())?.unwrap_or_default();
            c.tape.perform(Permute::new(&axes), c.x)
        },
        samples: native(&[Sample { x: &[Operand::Real(&[2, 3, 4], -1.0, 1.0)], attrs: &[3.0, 2.0, 0.0, -2.0] }]),
    }];

    fn name(&self) -> &'static str {
        "permute"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let (axes, shape) = (self.axes(), x[0].shape);
        let distinct: AxisSet = axes.iter().copied().filter(|&axis| axis < shape.ndim()).collect();
        if axes.len() != shape.ndim() || distinct != AxisSet::all(shape.ndim()) {
            let sentence =
                format!("axes must name each of the {} dimensions once, got [{}]", shape.ndim(), join(&axes));
            return Err(Error::new(Code::Axis, "permute", sentence).with_shapes([&shape[..]]));
        }
        let dims: SmallVec<[usize; MAX_DIMS]> = axes.iter().map(|&axis| shape[axis]).collect();
        Ok(Aval::new(Shape::of(&dims), x[0].dtype))
    }

    fn is_identity(&self) -> bool {
        self.axes.iter().copied().eq(0..self.axes.len() as u8)
    }

    fn after(&self, inner: &Op) -> Option<Op> {
        let Op::Permute(inner) = inner else { return None };
        Some(Permute { axes: self.axes.iter().map(|&axis| inner.axes[usize::from(axis)]).collect() }.into())
    }

    fn eval(&self, x: &mut Arrays, _: Aval) -> Result<Array> {
        Ok(x[0].view(x[0].layout().permute(&self.axes())))
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        let axes: Vec<usize> = std::iter::once(0).chain(self.axes().iter().map(|axis| axis + 1)).collect();
        Some(x[0].var.permute(&axes))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        let axes = self.axes();
        let mut inverse = axes.clone();
        for (k, &axis) in axes.iter().enumerate() {
            inverse[axis] = k;
        }
        Some(g.permute(&inverse))
    }
}

fn join(axes: &[usize]) -> String {
    axes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
