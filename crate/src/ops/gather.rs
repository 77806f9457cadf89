//! Elements picked by index along an axis.

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Kind, Operand, Sample, Spec, native, notes, param};
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::kernels::find;
use crate::kernels::indexed::{self as kernel, Pick};
use crate::layout::Layout;
use crate::op::{Arrays, Aval, Primitive};
use crate::ops::scatter::ScatterAdd;
use crate::shape::Shape;
use crate::var::Var;
use crate::walk::Walk;

/// `y[i][j][k] = x[i][indices[i][j][k]][k]` (for axis 1): PyTorch's gather. `indices` is int32, has x's number of
/// dimensions, and is nowhere larger than x but along the axis. Negative indices count from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gather {
    /// The axis.
    pub axis: usize,
    /// What the indices are to the user.
    pub indices: Indices,
}

impl Gather {
    /// Along an axis.
    pub fn along(axis: usize) -> Gather {
        Gather { axis, indices: Indices::of("gather") }
    }
}

impl Primitive for Gather {
    const SPECS: &'static [Spec] = &[Spec {
        name: "gather",
        doc: native(
            "`y[i][j][k] = x[i][indices[i][j][k]][k]` (for axis 1), PyTorch's gather. Negative indices count from the end. The shape is that of the indices.",
        ),
        notes: notes("x gets g added at the indices: scatterAdd into zeros", "O(n)"),
        inputs: &["x", "indices:int32"],
        attrs: &[param("axis", Kind::Axis)],
        dtypes: "any",
        build: |c| {
            let axis = c.axis(c.x[0].shape().ndim())?;
            c.tape.perform(Gather::along(axis), c.x)
        },
        samples: native(&[Sample {
            x: &[Operand::Real(&[3, 4], -1.0, 1.0), Operand::Index(&[2, 5], 4)],
            attrs: &[1.0],
        }]),
    }];

    fn name(&self) -> &'static str {
        "gather"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        indices_fit("gather", self.axis, x[0].shape, x[1])?;
        Ok(Aval::new(x[1].shape, x[0].dtype))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let picks = Picks::new(self.indices, self.axis, &x[0].layout(), &x[1], Layout::contiguous(out.shape))?;
        let (y, size) = (Array::new(out.shape, out.dtype)?, out.dtype.size());
        // SAFETY: the picks are of these two layouts; no one else has the result, and the kernel reads x.
        unsafe { picks.each(find::gather(size), size, y.address(), x[0].base().cast_mut()) };
        Ok(y)
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        let [from, indices] = [x[0], x[1]].map(|x| x.stacked(size));
        Some(from.tape().apply(Gather { axis: self.axis + 1, ..*self }, &[from, indices]))
    }

    fn vjp<'t>(&self, i: usize, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        let scatter = || {
            g.tape().apply(
                ScatterAdd { axis: self.axis, indices: self.indices },
                &[x[0].full_like(0.0).cast(g.dtype()), x[1], g],
            )
        };
        (i == 0).then(scatter)
    }
}

/// Refuses indices whose dtype or shape does not fit.
pub(crate) fn indices_fit(op: &str, axis: usize, x: Shape, indices: Aval) -> Result<()> {
    if indices.dtype != DType::Int32 {
        let sentence = format!("indices must be int32, got {}; convert with .to(\"int32\")", indices.dtype.name());
        return Err(Error::new(Code::DType, op, sentence).with_dtypes([indices.dtype.name()]));
    }
    let fits = x.ndim() == indices.shape.ndim() && (0..x.ndim()).all(|d| d == axis || indices.shape[d] <= x[d]);
    if !fits {
        let sentence = format!(
            "indices must have the dimensions of x and be no larger but along axis {axis}, got {} for {x}",
            indices.shape
        );
        return Err(Error::new(Code::Shape, op, sentence).with_shapes([&x[..], &indices.shape[..]]));
    }
    Ok(())
}

/// What the indices of an operation are to the user, for the sentence that refuses one that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indices {
    /// The operation that is called.
    pub op: &'static str,
    /// What it calls them.
    pub name: &'static str,
    /// Whether negative ones count from the end.
    pub negative: bool,
}

impl Indices {
    /// Those of an operation that counts negative ones from the end.
    pub const fn of(op: &'static str) -> Indices {
        Indices { op, name: "indices", negative: true }
    }
}

/// Pairs of places: one in a dense array of the indices' shape, one in the array that is indexed.
pub(crate) struct Picks<'a> {
    indices: &'a [i32],
    walk: Walk,
    step: isize,
    size: usize,
}

impl<'a> Picks<'a> {
    /// `layout` is the indexed array's, `other` that of the array of the indices' shape. Errors: `value`, when an index
    /// is out of range; nothing has been written then.
    pub fn new(whose: Indices, axis: usize, layout: &Layout, indices: &'a Array, other: Layout) -> Result<Picks<'a>> {
        let size = layout.shape[axis];
        let Indices { op, name, negative } = whose;
        let shape = indices.shape();
        let walk_indices = Walk::new(&[&indices.layout()]);
        let values = indices.buffer::<i32>();
        let mut bad = None;
        let end = size as i64;
        let first = if negative { -end } else { 0 };
        walk_indices.each(|at| {
            for k in 0..walk_indices.len as isize {
                let index = values[at[0].wrapping_add_signed(k * walk_indices.steps[0])];
                if !(first..end).contains(&i64::from(index)) {
                    bad = bad.or(Some(index));
                }
            }
        });
        if let Some(index) = bad {
            let sentence =
                format!("{name} must be in [{first}, {}] along axis {axis} of size {size}, got {index}", end - 1);
            return Err(Error::new(Code::Value, op, sentence).with_shapes([&layout.shape[..]]));
        }
        // Position 0 along the axis for every place of the indices; the index itself adds the rest.
        let trim = |l: Layout, d: usize| if d == axis { l.slice(d, 0, 1, 1) } else { l.slice(d, 0, shape[d], 1) };
        let line = if shape.contains(&0) {
            Layout::contiguous(shape)
        } else {
            (0..shape.ndim()).fold(*layout, trim).expand(shape)
        };
        let walk = Walk::new(&[&other, &line, &indices.layout()]);
        Ok(Picks { indices: values, walk, step: layout.strides()[axis], size })
    }

    /// Calls the kernel for all pairs, in row-major order: `own` is where the places of the array of the indices' shape count
    /// from, `other` where those of the indexed one do; elements have `size` bytes.
    ///
    /// # Safety
    /// Both buffers are those of the layouts, and the kernel may write to the one that it writes to.
    pub unsafe fn each(&self, pick: Pick, size: usize, own: *mut u8, other: *mut u8) {
        let steps = self.walk.steps;
        self.walk.each(|at| {
            let picks = kernel::Picks {
                len: self.walk.len,
                indices: self.indices.as_ptr().wrapping_add(at[2]),
                step: steps[2],
                own_step: steps[0],
                other_step: steps[1],
                along: self.step,
                size: self.size,
            };
            // SAFETY: the walk stays inside the layouts; the indices have been checked.
            unsafe { pick(&picks, own.wrapping_add(at[0] * size), other.wrapping_add(at[1] * size)) };
        });
    }
}
