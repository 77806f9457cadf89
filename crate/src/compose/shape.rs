//! New views of the same elements, and joins.

use smallvec::SmallVec;

use crate::call::{Call, Kind, Operand, Sample, Spec, native, notes, option, param};
use crate::dtype::DType;
use crate::elementwise::Test;
use crate::error::{Code, Result};
use crate::ops::concat::Concat;
use crate::ops::iota::Iota;
use crate::ops::permute::Permute;
use crate::ops::slice::{Range, Slice};
use crate::shape::{AxisSet, Shape, axis};
use crate::var::Var;

const X: Operand = Operand::Real(&[2, 3, 4], -1.0, 1.0);

pub const SPECS: &[Spec] = &[
    Spec {
        name: "flatten",
        doc: native("All elements in row-major order as one dimension: `[..] -> [n]`."),
        notes: notes("x gets g in its own shape", "O(1) where strides can say it, else O(n)"),
        inputs: &["x"],
        attrs: &[],
        dtypes: "any",
        build: |c| Ok(c.x[0].reshape(Shape::of(&[c.x[0].shape().size()]))),
        samples: native(&[Sample { x: &[X], attrs: &[] }]),
    },
    Spec {
        name: "squeeze",
        doc: native("Without the dimensions of size 1: those of the given axes, or all."),
        notes: notes("x gets g in its own shape", "O(1)"),
        inputs: &["x"],
        attrs: &[option("axis", Kind::Axes, "null")],
        dtypes: "any",
        build: squeeze,
        samples: native(&[Sample { x: &[Operand::Real(&[2, 1, 3, 1], -1.0, 1.0)], attrs: &[1.0, 1.0] }]),
    },
    Spec {
        name: "expandDims",
        doc: native("A new dimension of size 1 at the place `axis` of the result: `[a, b] -> [a, 1, b]` for 1."),
        notes: notes("x gets g in its own shape", "O(1)"),
        inputs: &["x"],
        attrs: &[param("axis", Kind::Axis)],
        dtypes: "any",
        build: |c| {
            let shape = c.x[0].shape();
            let at = c.axis(shape.ndim() + 1)?;
            let mut dims: SmallVec<[usize; 9]> = shape.iter().copied().collect();
            dims.insert(at, 1);
            Ok(c.x[0].reshape(Shape::new("expandDims", &dims)?))
        },
        samples: native(&[Sample { x: &[X], attrs: &[-1.0] }]),
    },
    Spec {
        name: "transpose",
        doc: native("The dimensions in reverse order, as NumPy's: `[a, .., z] -> [z, .., a]`; no copy."),
        notes: notes("x gets gᵀ", "O(1)"),
        inputs: &["x"],
        attrs: &[],
        dtypes: "any",
        build: |c| {
            let axes: Vec<usize> = (0..c.x[0].shape().ndim()).rev().collect();
            Ok(c.x[0].permute(&axes))
        },
        samples: native(&[Sample { x: &[X], attrs: &[] }]),
    },
    Spec {
        name: "swapAxes",
        doc: native("Two dimensions exchanged; no copy."),
        notes: notes("x gets g with the axes exchanged back", "O(1)"),
        inputs: &["x"],
        attrs: &[param("axis1", Kind::Axis), param("axis2", Kind::Axis)],
        dtypes: "any",
        build: |c| {
            let n = c.x[0].shape().ndim();
            let mut axes: Vec<usize> = (0..n).collect();
            let (a, b) = (c.axis(n)?, c.axis(n)?);
            axes.swap(a, b);
            Ok(c.x[0].permute(&axes))
        },
        samples: native(&[Sample { x: &[X], attrs: &[0.0, -1.0] }]),
    },
    Spec {
        name: "moveAxis",
        doc: native("One dimension moved to another place, the others in their order; no copy."),
        notes: notes("x gets g with the axis moved back", "O(1)"),
        inputs: &["x"],
        attrs: &[param("from", Kind::Axis), param("to", Kind::Axis)],
        dtypes: "any",
        build: |c| {
            let n = c.x[0].shape().ndim();
            let (from, to) = (c.axis(n)?, c.axis(n)?);
            let mut axes: Vec<usize> = (0..n).filter(|&axis| axis != from).collect();
            axes.insert(to, from);
            c.tape.perform(Permute::new(&axes), c.x)
        },
        samples: native(&[Sample { x: &[X], attrs: &[0.0, 2.0] }]),
    },
    Spec {
        name: "flip",
        doc: native("The order of the elements along the axes reversed (all axes when left out); same shape, no copy."),
        notes: notes("x gets g, reversed along the axes", "O(1)"),
        inputs: &["x"],
        attrs: &[option("axis", Kind::Axes, "null")],
        dtypes: "any",
        build: |c| {
            let shape = c.x[0].shape();
            let axes = c.axes(shape.ndim())?;
            let turn = |(axis, &len): (usize, &usize)| match axes.has(axis) && len > 0 {
                true => Range { start: len - 1, len, step: -1 },
                false => Range { start: 0, len, step: 1 },
            };
            c.tape.perform(Slice { ranges: shape.iter().enumerate().map(turn).collect() }, c.x)
        },
        samples: native(&[Sample { x: &[X], attrs: &[2.0, 0.0, 2.0] }]),
    },
    Spec {
        name: "at",
        doc: native(
            "Element `index` along the first dimension, which is gone from the result, `[n, ..] -> [..]`; negative counts from the end.",
        ),
        notes: notes("x gets g at the index, 0 elsewhere", "O(1)"),
        inputs: &["x"],
        attrs: &[param("index", Kind::Int)],
        dtypes: "any",
        build: |c| {
            let (shape, index) = (c.x[0].shape(), c.int("index")?);
            let Some(&size) = shape.first() else {
                return c.refuse(Code::Shape, "a scalar has no elements to pick; use item()");
            };
            let n = size as i64;
            if !(-n..n).contains(&index) {
                return c.refuse(
                    Code::Value,
                    format!("index must be in [{}, {}] for an axis of size {size}, got {index}", -n, n - 1),
                );
            }
            let start = (if index < 0 { index + n } else { index }) as usize;
            let row = c.x[0].apply(Slice::along(&shape, 0, Range { start, len: 1, step: 1 }));
            Ok(row.reshape(Shape::of(&shape[1..])))
        },
        samples: native(&[Sample { x: &[X], attrs: &[-1.0] }]),
    },
    Spec {
        name: "stack",
        doc: native("Tensors of one shape along a new axis: k times `[..]` give `[k, ..]`."),
        notes: notes("each tensor gets its slice of g", "O(n)"),
        inputs: &["..xs"],
        attrs: &[option("axis", Kind::Axis, "0")],
        dtypes: "any",
        build: stack,
        samples: native(&[Sample {
            x: &[Operand::Real(&[2, 3], -1.0, 1.0), Operand::Real(&[2, 3], -1.0, 1.0)],
            attrs: &[1.0],
        }]),
    },
    Spec {
        name: "oneHot",
        doc: native("`[..] -> [.., depth]`: 1 at the place of the index, else 0. An index out of range gives zeros."),
        notes: notes("none, indices are int32", "O(n depth) for n indices"),
        inputs: &["indices:int32"],
        attrs: &[param("depth", Kind::Int), option("dtype", Kind::DType, "\"float32\"")],
        dtypes: "any",
        build: |c| {
            let (len, dtype) = (c.size("depth")?, c.dtype()?);
            let mut dims: SmallVec<[usize; 9]> = c.x[0].shape().iter().copied().collect();
            dims.push(1);
            let places = c.tape.record(Iota { len, start: 0.0, step: 1.0, dtype: DType::Int32 }, &[])?;
            if c.x[0].dtype() != DType::Int32 {
                return c.refuse(
                    Code::DType,
                    format!("indices must be int32, got {}; convert with .to(\"int32\")", c.x[0].dtype().name()),
                );
            }
            Ok(c.x[0].reshape(Shape::new("oneHot", &dims)?).test(Test::Equal, places).cast(dtype))
        },
        samples: native(&[Sample { x: &[Operand::Index(&[2, 3], 4)], attrs: &[4.0, 0.0] }]),
    },
];

fn squeeze<'t>(c: &mut Call<'_, 't>) -> Result<Var<'t>> {
    let shape = c.x[0].shape();
    let axes: AxisSet = match c.axis_list(shape.ndim())? {
        None => (0..shape.ndim()).filter(|&axis| shape[axis] == 1).collect(),
        Some(list) => list.into_iter().collect(),
    };
    if let Some(axis) = (0..shape.ndim()).find(|&axis| axes.has(axis) && shape[axis] != 1) {
        return c.refuse(Code::Shape, format!("axis {axis} must have size 1, got {shape}"));
    }
    Ok(c.x[0].reshape(shape.reduced(axes, false)))
}

fn stack<'t>(c: &mut Call<'_, 't>) -> Result<Var<'t>> {
    let shape = c.x[0].shape();
    if let Some(other) = c.x.iter().find(|x| x.shape() != shape) {
        return c.refuse(Code::Shape, format!("shapes must be equal, got {shape} and {}", other.shape()));
    }
    let place = c.float()?;
    let at = axis("stack", place, shape.ndim() + 1)?;
    let mut dims: SmallVec<[usize; 9]> = shape.iter().copied().collect();
    dims.insert(at, 1);
    let row = Shape::new("stack", &dims)?;
    let rows: Vec<Var<'t>> = c.x.iter().map(|x| x.reshape(row)).collect();
    c.tape.perform(Concat { axis: at }, &rows)
}
