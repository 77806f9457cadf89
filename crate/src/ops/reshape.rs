//! The same elements in the same order under another shape.

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Kind, Operand, Sample, Spec, native, notes, param};
use crate::error::{Code, Error, Result};
use crate::layout::Layout;
use crate::op::{Arrays, Aval, Primitive};
use crate::shape::Shape;
use crate::var::Var;

/// `y = x` read in row-major order into `shape`; a view where strides allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reshape {
    /// The shape of the result, of the same size.
    pub shape: Shape,
}

impl Primitive for Reshape {
    const SPECS: &'static [Spec] = &[Spec {
        name: "reshape",
        doc: native(
            "The same elements in row-major order in another shape of the same size; one size may be -1 and is worked out.",
        ),
        notes: notes("x gets g in its own shape", "O(1) where strides can say it, else O(n)"),
        inputs: &["x"],
        attrs: &[param("shape", Kind::Shape)],
        dtypes: "any",
        build: |c| {
            let size = c.x[0].shape().size() as i64;
            let mut dims = c.signed_shape()?;
            let known: i64 = dims.iter().filter(|&&d| d >= 0).fold(1, |n, &d| n.saturating_mul(d));
            let free: Vec<usize> = (0..dims.len()).filter(|&k| dims[k] < 0).collect();
            match free[..] {
                [] => (),
                [k] if dims[k] == -1 && known > 0 && size % known == 0 => dims[k] = size / known,
                _ => {
                    let sentence = format!(
                        "at most one size may be -1, and the others must divide the number of elements, got {} to {dims:?}",
                        c.x[0].shape()
                    );
                    return c.refuse(Code::Shape, sentence);
                }
            }
            let shape = c.shape_of(&dims)?;
            c.tape.perform(Reshape { shape }, c.x)
        },
        samples: native(&[Sample { x: &[Operand::Real(&[2, 6], -1.0, 1.0)], attrs: &[3.0, 3.0, -1.0, 2.0] }]),
    }];

    fn name(&self) -> &'static str {
        "reshape"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let (have, want) = (x[0].shape.size(), self.shape.size());
        if have != want {
            let sentence =
                format!("the number of elements must stay, got {} ({have}) to {} ({want})", x[0].shape, self.shape);
            return Err(Error::new(Code::Shape, "reshape", sentence).with_shapes([&x[0].shape[..], &self.shape[..]]));
        }
        Ok(Aval::new(self.shape, x[0].dtype))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let x = match x[0].layout().reshape(out.shape) {
            Some(layout) => return Ok(x[0].view(layout)),
            None => x[0].contiguous()?,
        };
        Ok(x.view(Layout::contiguous(out.shape)))
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(Reshape { shape: self.shape.prepended(size) }))
    }

    fn vjp<'t>(&self, _: usize, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        Some(g.reshape(x[0].shape()))
    }
}
