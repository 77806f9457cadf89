//! The matrix product.

use std::ops::Range;

use smallvec::SmallVec;

use crate::array::Array;
use crate::batch::Batched;
use crate::blocks;
use crate::call::{Operand, Sample, Spec, native, notes};
use crate::error::{Code, Error, Result};
use crate::kernels::gemm::{self, GemmElem, Matrix, Steps};
use crate::kernels::split::{self, Shared, split};
use crate::layout::Layout;
use crate::op::{Arrays, Aval, InParts, Op, Primitive, broadcast, need_float, same_dtype};
use crate::shape::Shape;
use crate::var::Var;
use crate::walk::Walk;
use crate::{dtype::Elem, with_float};

/// `[.., m, k] · [.., k, n] -> [.., m, n]`; leading dimensions broadcast, any strides. float32, float64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatMul {
    /// A third input, of the result's shape, is added.
    pub accumulate: bool,
}

impl Primitive for MatMul {
    const SPECS: &'static [Spec] = &[Spec {
        name: "matmul",
        doc: native(
            "Matrix product. `[.., m, k] · [.., k, n] -> [.., m, n]`; leading dimensions broadcast. A vector on the left is a row, on the right a column, and that dimension is gone from the result. Sums go in blocks of 512 terms (float64: 256): the error is at most about 512 + k / 512 roundings of Σ |a b|.",
        ),
        notes: notes(
            "a gets g bᵀ, b gets aᵀ g, summed over the dimensions that were broadcast",
            "O(m k n) for each matrix",
        ),
        inputs: &["a", "b"],
        attrs: &[],
        dtypes: "float",
        build: |c| matmul(c.x[0], c.x[1]),
        samples: native(&[
            Sample { x: &[Operand::Real(&[3, 4], -1.0, 1.0), Operand::Real(&[4, 2], -1.0, 1.0)], attrs: &[] },
            Sample { x: &[Operand::Real(&[2, 1, 3, 4], -1.0, 1.0), Operand::Real(&[5, 4, 2], -1.0, 1.0)], attrs: &[] },
            Sample { x: &[Operand::Real(&[2, 3, 4], -1.0, 1.0), Operand::Real(&[4, 2], -1.0, 1.0)], attrs: &[] },
            Sample { x: &[Operand::Real(&[4], -1.0, 1.0), Operand::Real(&[2, 4, 3], -1.0, 1.0)], attrs: &[] },
            Sample { x: &[Operand::Real(&[4], -1.0, 1.0), Operand::Real(&[4], -1.0, 1.0)], attrs: &[] },
        ]),
    }];

    fn name(&self) -> &'static str {
        "matmul"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let (a, b) = (x[0].shape, x[1].shape);
        let dtype = same_dtype("matmul", x)?;
        need_float("matmul", dtype)?;
        let refuse = |what: String| Err(Error::new(Code::Shape, "matmul", what).with_shapes([&a[..], &b[..]]));
        let (&[ref batch_a @ .., m, k], &[ref batch_b @ .., k_b, n]) = (&a[..], &b[..]) else {
            return refuse(format!("operands must have at least 2 dimensions, got {a} · {b}"));
        };
        inner_agree(a, b, k, k_b)?;
        let leading = |dims: &[usize]| Aval::new(Shape::of(dims), dtype);
        let Ok(mut shape) = broadcast("matmul", &[leading(batch_a), leading(batch_b)]) else {
            return refuse(format!("leading dimensions must be equal or 1, got {a} · {b}"));
        };
        shape.push(m);
        shape.push(n);
        Ok(Aval::new(Shape::new("matmul", &shape)?, dtype))
    }

    fn flops(&self, x: &[Aval], out: Aval) -> f64 {
        let inner = x[0].shape.last().copied().unwrap_or(1);
        2.0 * out.shape.size() as f64 * inner as f64
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let mut y = blocks::result(&x[2..], out.shape, out.dtype)?;
        if let Some(acc) = x.get(2).filter(|acc| acc.address() != y.address()) {
            y.place(acc, &Layout::contiguous(out.shape));
        }
        with_float!(out.dtype, T => product::<T>(&x[0], &x[1], &y, self.accumulate, None)?, else ());
        Ok(y)
    }

    fn in_parts(&self) -> Option<InParts> {
        (!self.accumulate).then_some(|x, y, epilogue| {
            with_float!(y.dtype, T => product::<T>(&x[0], &x[1], y, false, Some(epilogue)), else Ok(()))
        })
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        let [a, b] = [x[0], x[1]];
        let ndim = a.shape().ndim().max(b.shape().ndim());
        let y = if !b.mapped && b.shape().ndim() == 2 {
            a.var.rows_matmul(b.var)
        } else if !a.mapped && a.shape().ndim() == 2 && b.shape()[b.shape().ndim() - 1] == 1 {
            // Columns lie like rows: one product with all of them, for (a b)' = b' a'.
            b.var.transpose_last().rows_matmul(a.var.transpose_last()).transpose_last()
        } else {
            a.aligned(ndim).matmul(b.aligned(ndim))
        };
        let Some(acc) = x.get(2) else { return Some(y) };
        Some(y + acc.aligned(y.shape().ndim() - 1))
    }

    fn vjp<'t>(&self, i: usize, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        match i {
            0 => Some(laid_as(x[0], g, x[1].transpose_last())),
            1 => Some(laid_as(x[1], x[0].transpose_last(), g)),
            _ => Some(g),
        }
    }

    fn accumulating(&self) -> Option<Op> {
        (!self.accumulate).then(|| MatMul { accumulate: true }.into())
    }
}

/// The cotangent `a · b` of an operand. That of a transpose is computed as a transpose, so that what goes on to the matrix
/// which was transposed lies in memory as that does.
fn laid_as<'t>(operand: Var<'t>, a: Var<'t>, b: Var<'t>) -> Var<'t> {
    if operand.is_transpose() { b.transpose_last().matmul(a.transpose_last()).transpose_last() } else { a.matmul(b) }
}

/// Writes `a · b` to `y`, or adds it. `y` is contiguous and no one reads it but the epilogue, see [`InParts`].
fn product<T: GemmElem + Elem>(
    a: &Array,
    b: &Array,
    y: &Array,
    accumulate: bool,
    epilogue: Option<&split::Run<'_>>,
) -> Result<()> {
    let shape = y.shape();
    let leading = shape.ndim() - 2;
    let (m, n) = (shape[leading], shape[leading + 1]);
    let k = a.shape()[a.shape().ndim() - 1];
    // The strides of the matrices, and the layouts of their first elements over the leading dimensions.
    let parts = |x: &Array| -> ((isize, isize), Layout) {
        let own = x.shape().ndim() - 2;
        let strides = (x.layout().strides()[own], x.layout().strides()[own + 1]);
        let order: SmallVec<[usize; 8]> = (0..own).collect();
        (strides, x.layout().permute(&order).expand(Shape::of(&shape[..leading])))
    };
    let ((a_strides, a_batch), (b_strides, b_batch), (y_strides, y_batch)) = (parts(a), parts(b), parts(y));
    let walk = Walk::new(&[&y_batch, &a_batch, &b_batch]);
    let (from_a, from_b) = (a.buffer::<T>().as_ptr(), b.buffer::<T>().as_ptr());
    let (to, offset): (*mut T, usize) = (y.address().cast(), y.offset());
    let matrix = |data: *const T, at: usize, step: isize, i: usize, strides: (isize, isize)| Matrix {
        data: data.wrapping_add(at).wrapping_offset(step * i as isize),
        row: Steps::even(strides.0),
        col: Steps::even(strides.1),
    };
    // Products that are divided by themselves go one after the other; of others, each thread takes some.
    let (own, products) = (gemm::pack_len::<T>([m, k, n], true), m.saturating_mul(k).saturating_mul(n));
    let alone = gemm::divides([m, k, n]);
    let (least, packs) =
        if alone { (walk.size(), 1) } else { (gemm::PRODUCTS.div_ceil(products.max(1)), split::threads()) };
    let mut pack = Array::new(Shape::of(&[packs * own]), T::DTYPE)?;
    // SAFETY: each thread writes its own matrices of y, and has a workspace of its own.
    let shared = unsafe { Shared::new((from_a, from_b, to, pack.values_mut::<T>().as_mut_ptr())) };
    // The epilogue has parts of large matrices, and small ones together.
    let (size, is_small) = (m.saturating_mul(n), m.saturating_mul(n) < split::ELEMENTS);
    split(walk.size(), least, &|range, thread| {
        let (from_a, from_b, to, pack) = shared.get();
        let mut ready = range.start * size..range.start * size;
        let pass_on = |ready: &mut Range<usize>| {
            epilogue.into_iter().for_each(|epilogue| epilogue(ready.clone(), thread));
            ready.start = ready.end;
        };
        walk.each_in(range, |at, len| {
            for i in 0..len {
                let a = matrix(from_a, at[1], walk.steps[1], i, a_strides);
                let b = matrix(from_b, at[2], walk.steps[2], i, b_strides);
                let first = (at[0] - offset).wrapping_add_signed(walk.steps[0] * i as isize);
                let c = Matrix { data: to.wrapping_add(first), row: y_strides.0, col: Steps::even(y_strides.1) };
                let rectangle = epilogue.filter(|_| !is_small).map(|epilogue| {
                    move |[rows, columns]: [Range<usize>; 2], own: usize| {
                        let thread = if alone { own } else { thread };
                        let run = |start: usize, end: usize| epilogue(first + start..first + end, thread);
                        if columns.len() == n {
                            return run(rows.start * n, rows.end * n);
                        }
                        rows.for_each(|row| run(row * n + columns.start, row * n + columns.end));
                    }
                });
                let rectangle = rectangle.as_ref().map(|rectangle| rectangle as _);
                // SAFETY: the layouts lie in their buffers; y's buffer is none of the inputs', and nobody but the epilogue has
                // to do with it meanwhile, for what was computed on the same thread. The thread's workspace has room for a
                // product.
                unsafe {
                    let pack = std::slice::from_raw_parts_mut(pack.wrapping_add(thread * own), own);
                    gemm::gemm::<T>([m, k, n], a, b, c, accumulate, pack, rectangle);
                }
                if is_small {
                    ready.end += size;
                    if ready.len() >= split::ELEMENTS {
                        pass_on(&mut ready);
                    }
                }
            }
        });
        if !ready.is_empty() {
            pass_on(&mut ready);
        }
    });
    Ok(())
}

/// Refuses operands whose inner dimensions differ.
fn inner_agree(a: Shape, b: Shape, k: usize, k_b: usize) -> Result<()> {
    if k == k_b {
        return Ok(());
    }
    let sentence = format!("inner dimensions must agree, got {a} · {b} ({k} and {k_b})");
    Err(Error::new(Code::Shape, "matmul", sentence).with_shapes([&a[..], &b[..]]))
}

/// The product of operands of any number of dimensions from 1, as NumPy's `matmul`.
pub fn matmul<'t>(a: Var<'t>, b: Var<'t>) -> Result<Var<'t>> {
    let (a_shape, b_shape) = (a.shape(), b.shape());
    if a_shape.ndim() == 0 || b_shape.ndim() == 0 {
        let sentence =
            format!("operands must have at least 1 dimension, got {a_shape} · {b_shape}; use mul for scalars");
        return Err(Error::new(Code::Shape, "matmul", sentence).with_shapes([&a_shape[..], &b_shape[..]]));
    }
    // The sentence has the shapes as they were given, before a vector becomes a row or a column.
    let k = a_shape[a_shape.ndim() - 1];
    inner_agree(a_shape, b_shape, k, b_shape[b_shape.ndim().saturating_sub(2)])?;
    if a_shape.ndim() > 2 && b_shape.ndim() == 2 {
        // One product for all leading dimensions, and so are both derivatives.
        return Ok(a.rows_matmul(b));
    }
    let row = if a_shape.ndim() == 1 { a.reshape(Shape::of(&[1, a_shape[0]])) } else { a };
    let column = if b_shape.ndim() == 1 { b.reshape(Shape::of(&[b_shape[0], 1])) } else { b };
    let y = a.tape().record(MatMul::default(), &[row, column])?;
    let mut dims: SmallVec<[usize; 8]> = y.shape().iter().copied().collect();
    if b_shape.ndim() == 1 {
        dims.pop();
    }
    if a_shape.ndim() == 1 {
        dims.remove(dims.len() - if b_shape.ndim() == 1 { 1 } else { 2 });
    }
    Ok(y.reshape(Shape::of(&dims)))
}
