//! Parts picked by index or condition, and repetitions.

use smallvec::SmallVec;

use crate::array::Array;
use crate::call::{Attr, Call, Kind, NONE, Operand, Sample, Spec, native, notes, option, param};
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::op::same_dtype;
use crate::ops::concat::Concat;
use crate::ops::gather::{Gather, Indices};
use crate::ops::ravel::Ravel;
use crate::ops::scatter::ScatterAdd;
use crate::ops::select::Select;
use crate::ops::slice::{Range, Slice};
use crate::ops::sort::Argsort;
use crate::real::Real;
use crate::shape::Shape;
use crate::var::Var;

const X: Operand = Operand::Real(&[3, 4], -1.0, 1.0);
const SORT: &[Attr] = &[option("axis", Kind::Axis, "-1"), option("descending", Kind::Bool, "false")];

type Dims = SmallVec<[usize; 8]>;

pub const SPECS: &[Spec] = &[
    Spec {
        name: "take",
        doc: native(
            "The elements of x at the indices along an axis, NumPy's take: the axis becomes the axes of the indices. Without an axis, of x in row-major order. Negative indices count from the end.",
        ),
        notes: notes("x gets g added at the indices: indexAdd into zeros", "O(n)"),
        inputs: &["x", "indices:int32"],
        attrs: &[option("axis", Kind::Axes, "null")],
        dtypes: "any",
        build: |c| {
            let axis = c.optional_axis(c.x[0].shape().ndim())?;
            let x = if axis.is_some() { c.x[0] } else { flat(c.x[0]) };
            take(x, c.x[1], axis.unwrap_or(0), Indices::of("take"))
        },
        samples: native(&[
            Sample { x: &[X, Operand::Index(&[2, 3], 4)], attrs: &[1.0, 1.0] },
            Sample { x: &[X, Operand::Index(&[2], 12)], attrs: &[NONE] },
        ]),
    },
    Spec {
        name: "indexAdd",
        doc: native(
            "x with the updates added at the indices along an axis, the dual of take: `updates` has the axes of the indices in place of the axis. Repeated indices add again.",
        ),
        notes: notes("x gets g, updates get g at the indices: take", "O(n)"),
        inputs: &["x", "indices:int32", "updates"],
        attrs: &[param("axis", Kind::Axis)],
        dtypes: "number",
        build: |c| {
            let axis = c.axis(c.x[0].shape().ndim())?;
            add_at(c.x[0], c.x[1], c.x[2], axis, Indices::of("indexAdd"))
        },
        samples: native(&[Sample {
            x: &[X, Operand::Index(&[5], 4), Operand::Real(&[3, 5], -1.0, 1.0)],
            attrs: &[1.0],
        }]),
    },
    Spec {
        name: "segmentSum",
        doc: native("Sums of the rows of x that have the same id: `[rows, ..], [rows] -> [n, ..]`."),
        notes: notes("each row of x gets the row of g that its id names", "O(n)"),
        inputs: &["x", "ids:int32"],
        attrs: &[param("n", Kind::Int)],
        dtypes: "number",
        build: |c| {
            let (shape, n) = (c.x[0].shape(), c.size("n")?);
            if shape.ndim() == 0 || c.x[1].shape()[..] != shape[..1] {
                let sentence = format!("ids must name a segment for each row of {shape}, got {}", c.x[1].shape());
                return c.refuse(Code::Shape, sentence);
            }
            let zeros = c.x[0].zero().expand(Shape::new(c.op, &[&[n], &shape[1..]].concat())?);
            add_at(zeros, c.x[1], c.x[0], 0, Indices { op: "segmentSum", name: "ids", negative: false })
        },
        samples: native(&[Sample { x: &[X, Operand::Index(&[3], 2)], attrs: &[2.0] }]),
    },
    Spec {
        name: "gatherND",
        doc: native(
            "`y[i..] = x[indices[i.., 0], indices[i.., 1], ..]`: the last axis of the indices names a place along the first axes of x.",
        ),
        notes: notes("x gets g added at the places: scatterND", "O(n)"),
        inputs: &["x", "indices:int32"],
        attrs: &[],
        dtypes: "any",
        build: |c| {
            let (places, rows) = places(c, c.x[0].shape(), c.x[1], "gatherND")?;
            take(c.x[0].reshape(rows), places, 0, Indices::of("gatherND"))
        },
        samples: native(&[Sample {
            x: &[Operand::Real(&[3, 4, 2], -1.0, 1.0), Operand::Index(&[5, 2], 3)],
            attrs: &[],
        }]),
    },
    Spec {
        name: "scatterND",
        doc: native(
            "Zeros of a shape with the updates added at the places that the last axis of the indices names, the dual of gatherND.",
        ),
        notes: notes("updates get g at the places: gatherND", "O(n)"),
        inputs: &["indices:int32", "updates"],
        attrs: &[param("shape", Kind::Shape)],
        dtypes: "number",
        build: |c| {
            let shape = c.shape()?;
            let (places, rows) = places(c, shape, c.x[0], "scatterND")?;
            let zeros = c.x[1].zero().expand(rows);
            Ok(add_at(zeros, places, c.x[1], 0, Indices::of("scatterND"))?.reshape(shape))
        },
        samples: native(&[Sample {
            x: &[Operand::Index(&[5, 2], 3), Operand::Real(&[5, 2], -1.0, 1.0)],
            attrs: &[3.0, 3.0, 4.0, 2.0],
        }]),
    },
    Spec {
        name: "maskedFill",
        doc: native("value where the mask holds, else x; the three broadcast."),
        notes: notes("x gets g where the mask does not hold, value gets the sum of g where it does", "O(n)"),
        inputs: &["x", "mask:bool", "value"],
        attrs: &[],
        dtypes: "any",
        build: |c| c.tape.perform(Select, &[c.x[1], c.x[2], c.x[0]]),
        samples: native(&[Sample { x: &[X, Operand::Truth(&[3, 4]), Operand::Real(&[], -1.0, 1.0)], attrs: &[] }]),
    },
    Spec {
        name: "sort",
        doc: native(
            "The elements in order along an axis, in the shape of x; equal ones keep their order, NaN counts as the largest. Each element has its own derivative, equal ones too.",
        ),
        notes: notes("x gets g in the places that the elements came from", "O(n log n) along the axis"),
        inputs: &["x"],
        attrs: SORT,
        dtypes: "any",
        build: |c| {
            let (axis, order) = order(c)?;
            Ok(c.tape.apply(Gather { axis, indices: Indices::of("sort") }, &[c.x[0], order]))
        },
        samples: native(&[Sample { x: &[X], attrs: &[-1.0, 0.0] }, Sample { x: &[X], attrs: &[0.0, 1.0] }]),
    },
    Spec {
        name: "argsort",
        doc: native(
            "The indices that put the elements in order along an axis; equal ones keep their order, NaN counts as the largest. int32, in the shape of x.",
        ),
        notes: notes("none, the result is int32", "O(n log n) along the axis"),
        inputs: &["x"],
        attrs: SORT,
        dtypes: "any",
        build: |c| Ok(order(c)?.1),
        samples: native(&[Sample { x: &[X], attrs: &[-1.0, 0.0] }]),
    },
    Spec {
        name: "roll",
        doc: native(
            "The elements moved by `shift` places along the axes, those that leave come in at the other end; one shift for all axes or one for each. Without axes, in row-major order. The shape is that of x.",
        ),
        notes: notes("x gets g, moved back", "O(n)"),
        inputs: &["x"],
        attrs: &[param("shift", Kind::Ints), option("axis", Kind::Axes, "null")],
        dtypes: "any",
        build: |c| {
            let (shifts, shape) = (c.ints()?, c.x[0].shape());
            let axes = c.axis_list(shape.ndim())?;
            let (mut y, list) = match axes {
                Some(axes) => (c.x[0], axes),
                None => (flat(c.x[0]), vec![0]),
            };
            if shifts.len() != 1 && shifts.len() != list.len() {
                let sentence =
                    format!("there must be one shift, or one for each axis, got {} for {}", shifts.len(), list.len());
                return c.refuse(Code::Argument, sentence);
            }
            for (k, &axis) in list.iter().enumerate() {
                y = rolled(y, shifts[k.min(shifts.len() - 1)], axis);
            }
            Ok(y.reshape(shape))
        },
        samples: native(&[
            Sample { x: &[X], attrs: &[1.0, 1.0, 1.0, 1.0] },
            Sample { x: &[X], attrs: &[1.0, -2.0, NONE] },
        ]),
    },
    Spec {
        name: "tile",
        doc: native(
            "x repeated as a whole, `reps` times along each axis, NumPy's tile; fewer numbers count from the last axis. Each size is multiplied by its number.",
        ),
        notes: notes("x gets the sum of g over the copies", "O(n)"),
        inputs: &["x"],
        attrs: &[param("reps", Kind::Ints)],
        dtypes: "any",
        build: |c| {
            let (reps, own) = (c.ints()?, c.x[0].shape());
            let Some(reps) = reps.iter().map(|&r| usize::try_from(r).ok()).collect::<Option<Vec<usize>>>() else {
                return c.refuse(
                    Code::Argument,
                    format!("reps must not be negative, nor beyond the address space, got {reps:?}"),
                );
            };
            let ndim = own.ndim().max(reps.len());
            let lead = |list: &[usize]| -> Dims {
                std::iter::repeat_n(1, ndim - list.len()).chain(list.iter().copied()).collect()
            };
            let (dims, reps) = (lead(&own), lead(&reps));
            let total: Dims = dims.iter().zip(&reps).map(|(d, r)| d.saturating_mul(*r)).collect();
            let shape = Shape::new(c.op, &total)?;
            let mut y = c.x[0].reshape(Shape::new(c.op, &dims)?);
            for (axis, &reps) in reps.iter().enumerate().filter(|&(_, &reps)| reps != 1) {
                let own = y.shape();
                let [before, after] = [&own[..axis], &own[axis..]].map(|part| part.iter().product::<usize>());
                let copies = y.reshape(Shape::of(&[before, 1, after])).expand(Shape::of(&[before, reps, after]));
                y = copies.reshape(own.with_dim(axis, own[axis] * reps));
            }
            Ok(y.reshape(shape))
        },
        samples: native(&[Sample { x: &[X], attrs: &[3.0, 2.0, 1.0, 2.0] }, Sample { x: &[X], attrs: &[1.0, 3.0] }]),
    },
    Spec {
        name: "repeat",
        doc: native(
            "Each element n times in a row along an axis, NumPy's repeat, which makes the axis n times as long; without an axis, of x in row-major order.",
        ),
        notes: notes("x gets the sum of g over the copies", "O(n)"),
        inputs: &["x"],
        attrs: &[param("n", Kind::Int), option("axis", Kind::Axes, "null")],
        dtypes: "any",
        build: |c| {
            let (n, shape) = (c.size("n")?, c.x[0].shape());
            let axis = c.optional_axis(shape.ndim())?;
            let (x, axis) = axis.map_or_else(|| (flat(c.x[0]), 0), |axis| (c.x[0], axis));
            let shape = x.shape();
            let (before, len): (usize, usize) = (shape[..axis].iter().product(), shape[axis]);
            let after: usize = shape[axis + 1..].iter().product();
            let total = Shape::new(c.op, &shape.with_dim(axis, len.saturating_mul(n)))?;
            let rows = x.reshape(Shape::of(&[before, len, 1, after]));
            Ok(rows.expand(Shape::new(c.op, &[before, len, n, after])?).reshape(total))
        },
        samples: native(&[Sample { x: &[X], attrs: &[2.0, 1.0, 1.0] }, Sample { x: &[X], attrs: &[2.0, NONE] }]),
    },
];

/// All elements as one dimension.
fn flat(x: Var<'_>) -> Var<'_> {
    x.reshape(Shape::of(&[x.shape().size()]))
}

/// The shape with other sizes in the place of an axis. Errors: `shape` for too many dimensions.
fn replaced(op: &str, shape: Shape, axis: usize, by: &[usize]) -> Result<Shape> {
    Shape::new(op, &[&shape[..axis], by, &shape[axis + 1..]].concat())
}

/// The indices as they are needed along `axis` beside a tensor of `shape`: `len` of them for every other place.
fn spread(indices: Var<'_>, shape: Shape, axis: usize) -> Var<'_> {
    let len = indices.shape().size();
    let line: Dims = (0..shape.ndim()).map(|d| if d == axis { len } else { 1 }).collect();
    indices.reshape(Shape::of(&line)).expand(shape.with_dim(axis, len))
}

/// NumPy's take along an axis. Errors: `dtype`, and when it runs `value`.
pub(super) fn take<'t>(x: Var<'t>, indices: Var<'t>, axis: usize, whose: Indices) -> Result<Var<'t>> {
    need_int32(whose.op, indices)?;
    let shape = replaced(whose.op, x.shape(), axis, &indices.shape())?;
    let picked = x.tape().record(Gather { axis, indices: whose }, &[x, spread(indices, x.shape(), axis)])?;
    Ok(picked.reshape(shape))
}

/// x with updates added along an axis: the dual of [`take`].
fn add_at<'t>(x: Var<'t>, indices: Var<'t>, updates: Var<'t>, axis: usize, whose: Indices) -> Result<Var<'t>> {
    need_int32(whose.op, indices)?;
    same_dtype(whose.op, &[x.aval(), updates.aval()])?;
    let wanted = replaced(whose.op, x.shape(), axis, &indices.shape())?;
    if updates.shape() != wanted {
        let sentence = format!("updates must have shape {wanted}, got {}", updates.shape());
        return Err(Error::new(Code::Shape, whose.op, sentence).with_shapes([&updates.shape()[..], &wanted[..]]));
    }
    let rows = updates.reshape(x.shape().with_dim(axis, indices.shape().size()));
    x.tape().record(ScatterAdd { axis, indices: whose }, &[x, spread(indices, x.shape(), axis), rows])
}

fn need_int32(op: &str, indices: Var<'_>) -> Result<()> {
    let dtype = indices.dtype();
    if dtype == DType::Int32 {
        return Ok(());
    }
    let sentence = format!("indices must be int32, got {}; convert with .to(\"int32\")", dtype.name());
    Err(Error::new(Code::DType, op, sentence).with_dtypes([dtype.name()]))
}

/// Places along the first axes of `shape` as places along them taken as one, and the shape with them as one.
fn places<'t>(c: &Call<'_, 't>, shape: Shape, indices: Var<'t>, op: &'static str) -> Result<(Var<'t>, Shape)> {
    need_int32(op, indices)?;
    let own = indices.shape();
    let Some(&k) = own.last().filter(|&&k| k <= shape.ndim()) else {
        let sentence = format!("the last axis of indices must name places along axes of {shape}, got {own}");
        return c.refuse(Code::Shape, sentence);
    };
    let rows = [&[shape[..k].iter().product()], &shape[k..]].concat();
    let places = c.tape.record(Ravel { sizes: SmallVec::from_slice(&shape[..k]), op }, &[indices])?;
    Ok((places, Shape::of(&rows)))
}

/// The axis of a sort, and the order of the elements along it.
fn order<'t>(c: &mut Call<'_, 't>) -> Result<(usize, Var<'t>)> {
    let (axis, descending) = (c.axis(c.x[0].shape().ndim())?, c.bool()?);
    Ok((axis, c.tape.record(Argsort { axis, descending }, c.x)?))
}

fn rolled(x: Var<'_>, shift: i64, axis: usize) -> Var<'_> {
    let (shape, len) = (x.shape(), x.shape()[axis]);
    let by = if len == 0 { 0 } else { shift.rem_euclid(len as i64) as usize };
    if by == 0 {
        return x;
    }
    let part = |start: usize, len: usize| x.apply(Slice::along(&shape, axis, Range { start, len, step: 1 }));
    x.tape().apply(Concat { axis }, &[part(len - by, by), part(0, len - by)])
}

/// x with elements of its own around it: `place(i, n)` says which of the n along an axis stands at i, from -before on.
pub(crate) fn surrounded<'t>(
    x: Var<'t>,
    margins: &[[usize; 2]],
    op: &'static str,
    place: fn(i64, i64) -> i64,
) -> Result<Var<'t>> {
    margins.iter().enumerate().try_fold(x, |y, (axis, &[before, after])| {
        let n = y.shape()[axis];
        if before + after == 0 {
            return Ok(y);
        }
        if n == 0 {
            let sentence = format!("axis {axis} must have elements to repeat, got shape {}", x.shape());
            return Err(Error::new(Code::Shape, op, sentence).with_shapes([&x.shape()[..]]));
        }
        let list = Array::build::<i32>(Shape::new(op, &[before + n + after])?, |out| {
            let at = |i: usize| place(i as i64 - before as i64, n as i64) as i32;
            out.iter_mut().enumerate().for_each(|(i, index)| *index = at(i));
        })?;
        take(y, y.tape().leaf(list), axis, Indices::of(op))
    })
}
