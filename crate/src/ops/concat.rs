//! Tensors one after the other.

use smallvec::SmallVec;

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Kind, Operand, Sample, Spec, native, notes, option};
use crate::error::{Code, Error, Result};
use crate::layout::Layout;
use crate::op::{Arrays, Aval, Primitive, same_dtype};
use crate::ops::slice::{Range, Slice};
use crate::shape::Shape;
use crate::var::Var;

/// The inputs one after the other along an axis; all other dimensions are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concat {
    /// The axis.
    pub axis: usize,
}

impl Primitive for Concat {
    const SPECS: &'static [Spec] = &[Spec {
        name: "concat",
        doc: native(
            "The tensors one after the other along an axis; that size is the sum of theirs, all others are equal.",
        ),
        notes: notes("each tensor gets its part of g", "O(n)"),
        inputs: &["..xs"],
        attrs: &[option("axis", Kind::Axis, "0")],
        dtypes: "any",
        build: |c| {
            let axis = c.axis(c.x[0].shape().ndim())?;
            c.tape.perform(Concat { axis }, c.x)
        },
        samples: native(&[Sample {
            x: &[Operand::Real(&[2, 3], -1.0, 1.0), Operand::Real(&[2, 2], -1.0, 1.0)],
            attrs: &[-1.0],
        }]),
    }];

    fn name(&self) -> &'static str {
        "concat"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let dtype = same_dtype("concat", x)?;
        let mut total = 0usize;
        for a in x {
            let fits = a.shape.ndim() == x[0].shape.ndim()
                && a.shape.with_dim(self.axis, 0) == x[0].shape.with_dim(self.axis, 0);
            if !fits {
                let sentence =
                    format!("shapes must agree but along axis {}, got {} and {}", self.axis, x[0].shape, a.shape);
                return Err(Error::new(Code::Shape, "concat", sentence).with_shapes(x.iter().map(|a| &a.shape[..])));
            }
            total = total.saturating_add(a.shape[self.axis]);
        }
        Ok(Aval::new(Shape::new("concat", &x[0].shape.with_dim(self.axis, total))?, dtype))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let (mut y, mut start) = (Array::new(out.shape, out.dtype)?, 0);
        for x in x.iter() {
            let len = x.shape()[self.axis];
            y.place(x, &Layout::contiguous(out.shape).slice(self.axis, start, len, 1));
            start += len;
        }
        Ok(y)
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        let stacked: Vec<Var<'t>> = x.iter().map(|x| x.stacked(size)).collect();
        Some(x[0].var.tape().apply(Concat { axis: self.axis + 1 }, &stacked))
    }

    fn vjp<'t>(&self, i: usize, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        let start = x[..i].iter().map(|x| x.shape()[self.axis]).sum();
        let range = Range { start, len: x[i].shape()[self.axis], step: 1 };
        Some(g.apply(Slice::along(&g.shape(), self.axis, range)))
    }

    fn jvp<'t>(&self, x: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        let parts: SmallVec<[Var<'t>; 3]> =
            x.iter().zip(t).map(|(x, t)| t.unwrap_or_else(|| x.full_like(0.0))).collect();
        Some(y.tape().apply(*self, &parts))
    }
}
