//! Elements added by index along an axis: the dual of gather.

use crate::array::Array;
use crate::batch::Batched;
use crate::blocks;
use crate::call::{Kind, Operand, Sample, Spec, native, notes, param};
use crate::error::{Code, Error, Result};
use crate::kernels::find;
use crate::layout::Layout;
use crate::op::{Arrays, Aval, Primitive, need_number, same_dtype};
use crate::ops::gather::{Gather, Indices, Picks, indices_fit};
use crate::var::Var;

/// `y = x`, then `y[i][indices[i][j][k]][k] += updates[i][j][k]` (for axis 1) in row-major order: PyTorch's scatter_add.
/// Inputs x, indices, updates; an index that occurs again adds again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScatterAdd {
    /// The axis.
    pub axis: usize,
    /// What the indices are to the user.
    pub indices: Indices,
}

impl ScatterAdd {
    /// Along an axis.
    pub fn along(axis: usize) -> ScatterAdd {
        ScatterAdd { axis, indices: Indices::of("scatterAdd") }
    }
}

impl Primitive for ScatterAdd {
    const SPECS: &'static [Spec] = &[Spec {
        name: "scatterAdd",
        doc: native(
            "x with `y[i][indices[i][j][k]][k] += updates[i][j][k]` (for axis 1), PyTorch's scatter_add; repeated indices add again. The shape is that of x.",
        ),
        notes: notes("x gets g, updates get g at the indices: gather", "O(n)"),
        inputs: &["x", "indices:int32", "updates"],
        attrs: &[param("axis", Kind::Axis)],
        dtypes: "number",
        build: |c| {
            let axis = c.axis(c.x[0].shape().ndim())?;
            c.tape.perform(ScatterAdd::along(axis), c.x)
        },
        samples: native(&[Sample {
            x: &[Operand::Real(&[3, 4], -1.0, 1.0), Operand::Index(&[2, 5], 4), Operand::Real(&[2, 5], -1.0, 1.0)],
            attrs: &[1.0],
        }]),
    }];

    fn name(&self) -> &'static str {
        "scatterAdd"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        need_number("scatterAdd", same_dtype("scatterAdd", &[x[0], x[2]])?)?;
        indices_fit("scatterAdd", self.axis, x[0].shape, x[1])?;
        if x[1].shape != x[2].shape {
            let sentence = format!("updates must have the shape of indices, got {} and {}", x[2].shape, x[1].shape);
            return Err(Error::new(Code::Shape, "scatterAdd", sentence).with_shapes([&x[2].shape[..], &x[1].shape[..]]));
        }
        Ok(x[0])
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let reused = blocks::result(&x[..1], out.shape, out.dtype)?;
        let in_place = reused.address() == x[0].address();
        let mut y = reused;
        let updates = x.remove(2);
        let indices = x.remove(1);
        let picks = Picks::new(self.indices, self.axis, &y.layout(), &indices, updates.layout())?;
        if !in_place {
            y.place(&x[0], &Layout::contiguous(out.shape));
        }
        // From here on the buffer has one owner.
        x.clear();
        if let Some(add) = find::scatter_add(out.dtype) {
            let from = updates.base().cast_mut();
            // SAFETY: the picks are of these two layouts; the kernel reads the updates.
            unsafe { picks.each(add, out.dtype.size(), from, y.base().cast_mut()) };
        }
        Ok(y)
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        let [to, indices, updates] = [x[0], x[1], x[2]].map(|x| x.stacked(size));
        Some(to.tape().apply(ScatterAdd { axis: self.axis + 1, ..*self }, &[to, indices, updates]))
    }

    fn vjp<'t>(&self, i: usize, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        match i {
            0 => Some(g),
            2 => Some(g.tape().apply(Gather { axis: self.axis, indices: self.indices }, &[g, x[1]])),
            _ => None,
        }
    }

    fn jvp<'t>(&self, x: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        let tangent = |i: usize| t[i].unwrap_or_else(|| x[i].full_like(0.0));
        Some(y.tape().apply(*self, &[tangent(0), x[1], tangent(2)]))
    }
}
