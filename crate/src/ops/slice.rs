//! Parts of a tensor with steps.

use smallvec::SmallVec;

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Kind, Operand, Sample, Spec, native, notes, param};
use crate::error::{Code, Result};
use crate::op::{Arrays, Aval, Primitive};
use crate::ops::pad::{Margin, Pad};
use crate::shape::MAX_DIMS;
use crate::var::Var;

/// What is taken of one dimension: elements `start, start + step, ..`, `len` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub start: usize,
    /// How many.
    pub len: usize,
    /// Distance; negative runs backwards, never 0.
    pub step: isize,
}

/// `y = x[ranges]`, one range for each dimension, inside it; a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The ranges.
    pub ranges: SmallVec<[Range; 3]>,
}

impl Slice {
    /// The whole of every dimension but `axis`, of which it takes `range`.
    pub fn along(shape: &[usize], axis: usize, range: Range) -> Slice {
        let whole = |(d, &len): (usize, &usize)| if d == axis { range } else { Range { start: 0, len, step: 1 } };
        Slice { ranges: shape.iter().enumerate().map(whole).collect() }
    }
}

impl Primitive for Slice {
    const SPECS: &'static [Spec] = &[Spec {
        name: "slice",
        doc: native(
            "A part of each axis, `[start, stop, step]` or null for the whole; negative positions count from the end, a negative step runs backwards. Each size is the number of elements taken; no copy.",
        ),
        notes: notes("x gets g in the places that were taken, 0 elsewhere", "O(1)"),
        inputs: &["x"],
        attrs: &[param("slices", Kind::Slices)],
        dtypes: "any",
        build: |c| {
            let slices = c.slices()?;
            let shape = c.x[0].shape();
            if slices.len() > shape.ndim() {
                return c.refuse(
                    Code::Argument,
                    format!(
                        "there must be at most one slice for each of the {} dimensions, got {}",
                        shape.ndim(),
                        slices.len()
                    ),
                );
            }
            let mut ranges = SmallVec::new();
            for (axis, &size) in shape.iter().enumerate() {
                let [start, stop, step] = slices.get(axis).copied().unwrap_or_default();
                match range(size, start, stop, step.unwrap_or(1)) {
                    Some(range) => ranges.push(range),
                    None => return c.refuse(Code::Argument, "a step must not be 0"),
                }
            }
            c.tape.perform(Slice { ranges }, c.x)
        },
        samples: native(&[
            Sample { x: &[Operand::Real(&[5, 6], -1.0, 1.0)], attrs: &[2.0, 1.0, 4.0, 2.0, -1.0, f64::INFINITY, -2.0] },
            Sample { x: &[Operand::Real(&[5, 3], -1.0, 1.0)], attrs: &[1.0, 1.0, -1.0, f64::INFINITY] },
        ]),
    }];

    fn name(&self) -> &'static str {
        "slice"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let shape = self.ranges.iter().enumerate().fold(x[0].shape, |shape, (axis, r)| shape.with_dim(axis, r.len));
        Ok(Aval::new(shape, x[0].dtype))
    }

    fn eval(&self, x: &mut Arrays, _: Aval) -> Result<Array> {
        let part =
            |layout: crate::layout::Layout, (axis, r): (usize, &Range)| layout.slice(axis, r.start, r.len, r.step);
        Ok(x[0].view(self.ranges.iter().enumerate().fold(x[0].layout(), part)))
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        let mut ranges = self.ranges.clone();
        ranges.insert(0, Range { start: 0, len: size, step: 1 });
        Some(x[0].var.apply(Slice { ranges }))
    }

    fn vjp<'t>(&self, _: usize, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        let shape = x[0].shape();
        // Backward ranges are turned round, then everything goes back to its place among zeros.
        let turn = |(r, &len): (&Range, &usize)| match r.step < 0 && len > 0 {
            true => Range { start: len - 1, len, step: -1 },
            false => Range { start: 0, len, step: 1 },
        };
        let own = g.shape();
        let turned: SmallVec<[Range; 3]> = self.ranges.iter().zip(own.iter()).map(turn).collect();
        let g = if turned.iter().any(|r| r.step < 0) { g.apply(Slice { ranges: turned }) } else { g };
        let margin = |(r, &size): (&Range, &usize)| {
            let step = r.step.unsigned_abs();
            let span = if r.len == 0 { 0 } else { (r.len - 1) * step + 1 };
            let first = if r.step < 0 && r.len > 0 { r.start + 1 - span } else { r.start.min(size) };
            Margin { before: first, after: size - first - span, between: step - 1 }
        };
        let margins: SmallVec<[Margin; 3]> = self.ranges.iter().zip(shape.iter()).map(margin).collect();
        debug_assert!(margins.len() <= MAX_DIMS);
        if margins.iter().all(|m| *m == Margin::default()) {
            return Some(g);
        }
        Some(g.apply(Pad { margins, value: 0.0 }))
    }
}

/// The elements that Python's `start:stop:step` names in a dimension of `size`; `None` for a step of 0.
pub fn range(size: usize, start: Option<i64>, stop: Option<i64>, step: i64) -> Option<Range> {
    if step == 0 {
        return None;
    }
    let n = size as i64;
    // Positions before the first or after the last are moved to the edge.
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let place = |at: i64| (if at < 0 { at.saturating_add(n) } else { at }).clamp(low, high);
    let start = start.map_or(if step > 0 { low } else { high }, place);
    let stop = stop.map_or(if step > 0 { high } else { low }, place);
    let span = if step > 0 { stop - start } else { start - stop };
    let len = if span <= 0 { 0 } else { (span - 1) / step.abs() + 1 };
    Some(Range { start: start.max(0) as usize, len: len as usize, step: if len <= 1 { 1 } else { step as isize } })
}
