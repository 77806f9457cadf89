//! Orders.

use std::cmp::Ordering;

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Kind, Operand, Sample, Spec, native, notes, option};
use crate::dtype::{DType, Elem};
use crate::error::{Code, Error, Result};
use crate::op::{Arrays, Aval, Primitive, same_dtype};
use crate::var::Var;
use crate::with_dtype;

/// The indices that put the elements in order along an axis; equal ones keep their order, NaN is the largest. int32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argsort {
    /// The axis.
    pub axis: usize,
    /// From the largest to the smallest.
    pub descending: bool,
}

/// NaN after everything; 0 and -0 are equal.
fn compare<T: Elem>(a: T, b: T) -> Ordering {
    let (a, b) = (a.to_f64(), b.to_f64());
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
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
        let mut places: Vec<i32> = Vec::new();
        let refuse = |_| Error::new(Code::Memory, "argsort", "there is no room for the order of an axis");
        places.try_reserve_exact(2 * len).map_err(refuse)?;
        let sorted = with_dtype!(lines.dtype, T => Array::build::<i32>(lines.shape(), |to| {
            let values = lines.values::<T>().unwrap_or(&[]);
            for (to, line) in to.chunks_mut(len).zip(values.chunks(len)) {
                places.clear();
                places.extend(0..line.len() as i32);
                // Merged from runs of one, in room that was there before: the order of equal ones stays.
                let before = |a: i32, b: i32| {
                    let order = compare(line[b as usize], line[a as usize]);
                    (if self.descending { order.reverse() } else { order }) != Ordering::Less
                };
                to.copy_from_slice(&places);
                let mut width = 1;
                while width < line.len() {
                    places.copy_from_slice(to);
                    for (to, from) in to.chunks_mut(2 * width).zip(places.chunks(2 * width)) {
                        let (left, right) = from.split_at(width.min(from.len()));
                        let (mut i, mut j) = (0, 0);
                        for to in to {
                            let first = i < left.len() && (j == right.len() || before(left[i], right[j]));
                            *to = if first { left[i] } else { right[j] };
                            if first { i += 1 } else { j += 1 }
                        }
                    }
                    width *= 2;
                }
            }
        }))?;
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
        with_dtype!(sorted.dtype, T => Array::build::<i32>(out.shape, |to| {
            let lines = sorted.values::<T>().unwrap_or(&[]);
            let values = values.values::<T>().unwrap_or(&[]);
            for (row, (to, values)) in to.chunks_mut(per_row).zip(values.chunks(per_row)).enumerate() {
                let line = if n == 0 { lines } else { &lines[row * n..(row + 1) * n] };
                for (to, &value) in to.iter_mut().zip(values) {
                    let before = |&x: &T| match compare(x, value) {
                        Ordering::Less => true,
                        Ordering::Equal => self.right,
                        Ordering::Greater => false,
                    };
                    *to = line.partition_point(before) as i32;
                }
            }
        }))
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
