//! Running sums.

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Kind, NONE, Operand, Sample, Spec, native, notes, option};
use crate::error::Result;
use crate::kernels::find;
use crate::layout::Layout;
use crate::op::{Arrays, Aval, Primitive, need_number};
use crate::shape::Shape;
use crate::var::Var;
use crate::walk::Walk;

/// `y_i = Σ_{j ≤ i} x_j` along one axis; without `x_i` when exclusive, from the end when reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cumsum {
    /// The axis.
    pub axis: usize,
    /// Sum of those before: `j < i`.
    pub exclusive: bool,
    /// From the last to the first.
    pub reverse: bool,
}

impl Primitive for Cumsum {
    const SPECS: &'static [Spec] = &[Spec {
        name: "cumsum",
        doc: native(
            "Running sums along an axis: y_i = Σ x_j over j ≤ i (j < i when exclusive; from the end when reverse). What roundings lose is carried along, so the error does not grow with the length. The shape is that of x; without an axis, `[n]` for all elements in row-major order.",
        ),
        notes: notes("x gets the running sums of g from the other end", "O(n)"),
        inputs: &["x"],
        attrs: &[
            option("axis", Kind::Axes, "null"),
            option("exclusive", Kind::Bool, "false"),
            option("reverse", Kind::Bool, "false"),
        ],
        dtypes: "number",
        build: |c| {
            let shape = c.x[0].shape();
            let (axis, exclusive, reverse) = (c.optional_axis(shape.ndim())?, c.bool()?, c.bool()?);
            let x = if axis.is_some() { c.x[0] } else { c.x[0].reshape(Shape::of(&[shape.size()])) };
            c.tape.perform(Cumsum { axis: axis.unwrap_or(0), exclusive, reverse }, &[x])
        },
        samples: native(&[
            Sample { x: &[Operand::Real(&[3, 4], -1.0, 1.0)], attrs: &[1.0, 1.0, 0.0, 0.0] },
            Sample { x: &[Operand::Real(&[3, 4], -1.0, 1.0)], attrs: &[1.0, 0.0, 1.0, 1.0] },
            Sample { x: &[Operand::Real(&[5], -1.0, 1.0)], attrs: &[NONE, 0.0, 1.0] },
        ]),
    }];

    fn name(&self) -> &'static str {
        "cumsum"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        need_number("cumsum", x[0].dtype)?;
        Ok(x[0])
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let (axis, n) = (self.axis, out.shape[self.axis]);
        let direct =
            |layout: Layout| if self.reverse { layout.slice(axis, n.saturating_sub(1), n, -1) } else { layout };
        let (from, to) = (direct(x[0].layout()), direct(Layout::contiguous(out.shape)));
        let (from_step, to_step) = (from.strides()[axis], to.strides()[axis]);
        let lines = Walk::new(&[&to.slice(axis, 0, n.min(1), 1), &from.slice(axis, 0, n.min(1), 1)]);
        let Some(scan) = find::scan(out.dtype) else { return Ok(x[0].clone()) };
        let (y, size) = (Array::new(out.shape, out.dtype)?, out.dtype.size());
        lines.each(|at| {
            let to = y.address().wrapping_add(at[0] * size);
            let from = x[0].base().wrapping_add(at[1] * size);
            // SAFETY: the walk goes over the first places of all lines; n steps from there stay in the layouts. No one else
            // has the result.
            unsafe {
                if lines.steps[0] == 1 && lines.steps[1] == 1 && lines.len > 1 {
                    return (scan.rows)(to, to_step, from, from_step, [n, lines.len], self.exclusive);
                }
                for k in 0..lines.len as isize {
                    let to = to.wrapping_offset(k * lines.steps[0] * size as isize);
                    let from = from.wrapping_offset(k * lines.steps[1] * size as isize);
                    (scan.line)(to, to_step, from, from_step, n, self.exclusive);
                }
            }
        });
        Ok(y)
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(Cumsum { axis: self.axis + 1, ..*self }))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        Some(g.apply(Cumsum { reverse: !self.reverse, ..*self }))
    }
}
