//! Orders.

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Kind, Operand, Sample, Spec, native, notes, option};
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::kernels::{find, map, sort};
use crate::op::{Arrays, Aval, Primitive, same_dtype};
use crate::var::Var;

/// The indices that put the elements in order along an axis; equal ones keep their order, NaN is the largest. int32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argsort {
    /// The axis.
    pub axis: usize,
    /// From the largest to the smallest.
    pub descending: bool,
}

/// Room for the keys and the places of the elements of a line.
pub(crate) fn room(len: usize) -> Option<(Vec<u64>, Vec<i32>)> {
    let (mut keys, mut places) = (Vec::new(), Vec::new());
    keys.try_reserve_exact(len).ok()?;
    places.try_reserve_exact(len).ok()?;
    keys.resize(len, 0);
    places.resize(len, 0);
    Some((keys, places))
}

impl Primitive for Argsort {
    fn name(&self) -> &'static str {
        "argsort"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        Ok(Aval::new(x[0].shape, DType::Int32))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let n = out.shape.ndim();
        let last: Vec<usize> = (0..n).filter(|&axis| axis != self.axis).chain([self.axis]).collect();
        let lines = x[0].view(x[0].layout().permute(&last)).contiguous()?;
        let len = out.shape[self.axis].max(1);
        let refuse = || Error::new(Code::Memory, "argsort", "there is no room for the order of an axis");
        let (mut keys, mut places) = room(len).ok_or_else(refuse)?;
        let (convert, size) = (find::convert(lines.dtype, DType::Float64), lines.dtype.size());
        let sorted = Array::build::<i32>(lines.shape(), |to| {
            for (k, to) in to.chunks_mut(len).enumerate() {
                let mut operands = [map::Operand::ZERO; map::MAX_OPERANDS];
                operands[0] = map::Operand::slice(lines.address().wrapping_add(k * len * size), size);
                // SAFETY: line k of as many as the result has; the room is for as many numbers of 64 bits.
                unsafe { convert(len, &operands, keys.as_mut_ptr().cast()) };
                sort::keys(&mut keys, self.descending);
                sort::argsort(&keys, to, &mut places);
            }
        })?;
        let mut back = vec![0; n];
        last.iter().enumerate().for_each(|(k, &axis)| back[axis] = k);
        Ok(sorted.view(sorted.layout().permute(&back)))
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(Argsort { axis: self.axis + 1, ..*self }))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, _: Var<'t>) -> Option<Var<'t>> {
        None
    }
}

/// Where each of the values would stand in a sorted line: the number of elements before it. int32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchSorted {
    /// After equal elements rather than before them.
    pub right: bool,
}

impl Primitive for SearchSorted {
    const SPECS: &'static [Spec] = &[Spec {
        name: "searchsorted",
        doc: native(
            "For each value the number of elements of the sorted `[n]` (or `[.., n]`, with values `[.., m]`) that are less than it, or with right at most it; int32, in the shape of values.",
        ),
        notes: notes("none, the result is int32", "O(m log n) for m values"),
        inputs: &["sorted", "values"],
        attrs: &[option("right", Kind::Bool, "false")],
        dtypes: "any",
        build: |c| {
            let right = c.bool()?;
            let (sorted, values) = (c.x[0].shape(), c.x[1].shape());
            let rows = sorted.ndim();
            let fits = rows == 1 || (rows > 1 && rows == values.ndim() && sorted[..rows - 1] == values[..rows - 1]);
            if !fits {
                return c.refuse(
                    Code::Shape,
                    format!("sorted must be [n], or [.., n] with values [.., m], got {sorted} and {values}"),
                );
            }
            c.tape.perform(SearchSorted { right }, c.x)
        },
        samples: native(&[Sample {
            x: &[Operand::Real(&[5], -1.0, 1.0), Operand::Real(&[2, 3], -1.0, 1.0)],
            attrs: &[0.0],
        }]),
    }];

    fn name(&self) -> &'static str {
        "searchsorted"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        same_dtype("searchsorted", x)?;
        Ok(Aval::new(x[1].shape, DType::Int32))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let (sorted, values) = (x[0].contiguous()?, x[1].contiguous()?);
        let n = sorted.shape()[sorted.shape().ndim() - 1];
        // One line for all values, or one for each row of them.
        let rows = sorted.shape().size() / n.max(1);
        let per_row = if rows <= 1 { out.shape.size().max(1) } else { out.shape[out.shape.ndim() - 1].max(1) };
        let (rank, size) = (find::rank(sorted.dtype), sorted.dtype.size());
        Array::build::<i32>(out.shape, |to| {
            for (k, to) in to.iter_mut().enumerate() {
                let line = sorted.address().wrapping_add(k / per_row * n * size);
                // SAFETY: the line of value k, and value k of as many as the result has.
                *to = unsafe { rank(line, n, values.address().wrapping_add(k * size), self.right) } as i32;
            }
        })
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        // Values of each example as one line, beside the line that is sorted.
        let (sorted, values) = (x[0].stacked(size), x[1].stacked(size));
        let shape = values.shape();
        if x[0].shape().ndim() > 1 {
            return Some(sorted.tape().apply(*self, &[sorted, values]));
        }
        let rows = values.reshape(crate::shape::Shape::of(&[size, shape.size() / size.max(1)]));
        Some(sorted.tape().apply(*self, &[sorted, rows]).reshape(shape))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, _: Var<'t>) -> Option<Var<'t>> {
        None
    }
}
