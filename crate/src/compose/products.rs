//! Products of vectors, matrices and tensors, and parts of matrices.

use smallvec::SmallVec;

use crate::call::{Attr, Call, Kind, Operand, Sample, Spec, native, notes, option, param};
use crate::compose::triangle::{lower, upper};
use crate::error::{Code, Result};
use crate::op::{need_float, same_dtype};
use crate::ops::matmul::matmul;
use crate::ops::pad::{Margin, Pad};
use crate::ops::slice::{Range, Slice};
use crate::real::Real;
use crate::shape::{AxisSet, Shape, axis};
use crate::var::Var;

const X: Operand = Operand::Real(&[2, 3, 4], -1.0, 1.0);
const DIAGONAL: &[Attr] =
    &[option("offset", Kind::Int, "0"), option("axis1", Kind::Axis, "0"), option("axis2", Kind::Axis, "1")];
const TRIANGLE: &[Attr] = &[option("diagonal", Kind::Int, "0")];

pub const SPECS: &[Spec] = &[
    Spec {
        name: "dot",
        doc: native(
            "NumPy's dot: Σ a b over the last axis of a and the last but one of b (the only one of a vector); for scalars the product. `[..a, k]`, `[..b, k, n] -> [..a, ..b, n]`.",
        ),
        notes: notes(
            "as matmul: a gets the product of g and b, b that of a and g",
            "O(k) for each result, with k the size of the axis",
        ),
        inputs: &["a", "b"],
        attrs: &[],
        dtypes: "float",
        build: |c| {
            let (a, b) = (c.x[0], c.x[1]);
            need_float("dot", same_dtype("dot", &[a.aval(), b.aval()])?)?;
            let (m, n) = (a.shape().ndim(), b.shape().ndim());
            if m == 0 || n == 0 {
                return Ok(a * b);
            }
            contract(c, &[m - 1], &[n.saturating_sub(2)])
        },
        samples: native(&[
            Sample { x: &[Operand::Real(&[4], -1.0, 1.0), Operand::Real(&[4], -1.0, 1.0)], attrs: &[] },
            Sample { x: &[X, Operand::Real(&[2, 4, 2], -1.0, 1.0)], attrs: &[] },
        ]),
    },
    Spec {
        name: "outer",
        doc: native("`y[i, j] = a[i] b[j]`: `[n], [m] -> [n, m]`; other shapes are taken in row-major order."),
        notes: notes("a gets Σ_j g[i, j] b[j], b gets Σ_i g[i, j] a[i]", "O(n m)"),
        inputs: &["a", "b"],
        attrs: &[],
        dtypes: "number",
        build: |c| {
            same_dtype("outer", &[c.x[0].aval(), c.x[1].aval()])?;
            let size = |x: Var<'_>| x.shape().size();
            let column = c.x[0].reshape(Shape::of(&[size(c.x[0]), 1]));
            Ok(column * c.x[1].reshape(Shape::of(&[1, size(c.x[1])])))
        },
        samples: native(&[Sample { x: &[Operand::Real(&[3], -1.0, 1.0), Operand::Real(&[4], -1.0, 1.0)], attrs: &[] }]),
    },
    Spec {
        name: "tensordot",
        doc: native(
            "Σ a b over pairs of axes, NumPy's tensordot: the last `axes` of a and the first of b, or those in two lists. What is left of a comes first.",
        ),
        notes: notes(
            "a gets tensordot of g and b, b gets tensordot of a and g, over the axes that came from the other",
            "O(k) for each result, with k the elements summed over",
        ),
        inputs: &["a", "b"],
        attrs: &[option("axes", Kind::Contraction, "2")],
        dtypes: "float",
        build: |c| {
            need_float("tensordot", same_dtype("tensordot", &[c.x[0].aval(), c.x[1].aval()])?)?;
            let (m, n) = (c.x[0].shape().ndim(), c.x[1].shape().ndim());
            let (by_a, by_b) = c.contraction(m, n)?;
            contract(c, &by_a, &by_b)
        },
        samples: native(&[
            Sample { x: &[X, Operand::Real(&[4, 2, 2], -1.0, 1.0)], attrs: &[2.0, 0.0, 2.0, 2.0, 0.0] },
            Sample { x: &[X, Operand::Real(&[3, 4, 2], -1.0, 1.0)], attrs: &[-3.0] },
        ]),
    },
    Spec {
        name: "modeProduct",
        doc: native(
            "The n-mode product x ×ₙ matrix: `y[.., j, ..] = Σ_i matrix[j, i] x[.., i, ..]` along axis `mode`, whose size becomes the rows of the matrix.",
        ),
        notes: notes(
            "x gets g ×ₙ matrixᵀ, matrix gets unfold(g) unfold(x)ᵀ along the mode",
            "O(rows n) for n elements of x",
        ),
        inputs: &["x", "matrix"],
        attrs: &[param("mode", Kind::Axis)],
        dtypes: "float",
        build: |c| {
            let (x, shape, m) = (c.x[0], c.x[0].shape(), c.x[1].shape());
            need_float("modeProduct", same_dtype("modeProduct", &[x.aval(), c.x[1].aval()])?)?;
            let mode = c.axis(shape.ndim())?;
            if m.ndim() != 2 || m[1] != shape[mode] {
                let sentence = format!("matrix must be [j, {}] for axis {mode} of {shape}, got {m}", shape[mode]);
                return c.refuse(Code::Shape, sentence);
            }
            let rows = x.move_axis(mode, shape.ndim() - 1);
            Ok(rows.rows_matmul(c.x[1].transpose_last()).move_axis(shape.ndim() - 1, mode))
        },
        samples: native(&[Sample { x: &[X, Operand::Real(&[2, 3], -1.0, 1.0)], attrs: &[1.0] }]),
    },
    Spec {
        name: "unfold",
        doc: native(
            "The matricisation of a tensor: axis `mode` first, the other axes in their order as one, the last the fastest: `[n, ..] -> [n, rest]` for axis 0.",
        ),
        notes: notes("x gets g, folded back", "O(1) where strides can say it, else O(n)"),
        inputs: &["x"],
        attrs: &[param("mode", Kind::Axis)],
        dtypes: "any",
        build: |c| {
            let shape = c.x[0].shape();
            let mode = c.axis(shape.ndim())?;
            let rest = (0..shape.ndim()).filter(|&axis| axis != mode).map(|axis| shape[axis]).product();
            Ok(c.x[0].move_axis(mode, 0).reshape(Shape::of(&[shape[mode], rest])))
        },
        samples: native(&[Sample { x: &[X], attrs: &[1.0] }]),
    },
    Spec {
        name: "diagonal",
        doc: native(
            "The diagonals of the matrices in two axes, as a new last axis, NumPy's diagonal; offset counts above the main one, negative below.",
        ),
        notes: notes("x gets g on the diagonals, 0 elsewhere", "O(1) where strides can say it, else O(n)"),
        inputs: &["x"],
        attrs: DIAGONAL,
        dtypes: "any",
        build: diagonal,
        samples: native(&[Sample { x: &[X], attrs: &[1.0, -2.0, -1.0] }, Sample { x: &[X], attrs: &[-1.0, 2.0, 1.0] }]),
    },
    Spec {
        name: "trace",
        doc: native(
            "The sum of the diagonal of the matrices in two axes, which are gone from the shape, NumPy's trace.",
        ),
        notes: notes("x gets g on the diagonals, 0 elsewhere", "O(n)"),
        inputs: &["x"],
        attrs: DIAGONAL,
        dtypes: "number",
        build: |c| {
            let y = diagonal(c)?;
            Ok(y.sum(AxisSet::from_iter([y.shape().ndim() - 1]), false))
        },
        samples: native(&[Sample { x: &[X], attrs: &[0.0, -2.0, -1.0] }]),
    },
    Spec {
        name: "diag",
        doc: native(
            "Of a vector the matrix with it on a diagonal, of a matrix the diagonal, NumPy's diag; offset counts above the main one, negative below.",
        ),
        notes: notes("a vector gets the diagonal of g, a matrix gets g on its diagonal, 0 elsewhere", "O(n)"),
        inputs: &["x"],
        attrs: &[option("offset", Kind::Int, "0")],
        dtypes: "any",
        build: |c| {
            let (x, shape, offset) = (c.x[0], c.x[0].shape(), offset(c, "offset")?);
            match shape.ndim() {
                1 => diagonal_matrix(x, offset),
                2 => Ok(part_diagonal(x, offset)),
                _ => c.refuse(Code::Shape, format!("x must be a vector or a matrix, got {shape}; use diagonal")),
            }
        },
        samples: native(&[
            Sample { x: &[Operand::Real(&[3], -1.0, 1.0)], attrs: &[1.0] },
            Sample { x: &[Operand::Real(&[3], -1.0, 1.0)], attrs: &[-2.0] },
            Sample { x: &[Operand::Real(&[3, 4], -1.0, 1.0)], attrs: &[-1.0] },
        ]),
    },
    Spec {
        name: "triu",
        doc: native(
            "The matrices in the last two axes with zeros below a diagonal; positive ones lie above the main one. The shape is that of x.",
        ),
        notes: notes("x gets g with zeros in the same places", "O(n)"),
        inputs: &["x"],
        attrs: TRIANGLE,
        dtypes: "any",
        build: |c| triangle(c, upper),
        samples: native(&[Sample { x: &[X], attrs: &[1.0] }]),
    },
    Spec {
        name: "tril",
        doc: native(
            "The matrices in the last two axes with zeros above a diagonal; positive ones lie above the main one. The shape is that of x.",
        ),
        notes: notes("x gets g with zeros in the same places", "O(n)"),
        inputs: &["x"],
        attrs: TRIANGLE,
        dtypes: "any",
        build: |c| triangle(c, lower),
        samples: native(&[Sample { x: &[X], attrs: &[0.0] }]),
    },
];

/// Σ a b over pairs of axes of the first two tensors: what is left of a, then what is left of b.
fn contract<'t>(c: &Call<'_, 't>, by_a: &[usize], by_b: &[usize]) -> Result<Var<'t>> {
    let (a, b) = (c.x[0], c.x[1]);
    let (m, n) = (a.shape(), b.shape());
    let sizes = |shape: Shape, axes: &[usize]| axes.iter().map(|&axis| shape[axis]).collect::<Vec<usize>>();
    let once = |axes: &[usize]| {
        let mut seen = AxisSet::default();
        axes.iter().all(|&axis| seen.insert(axis))
    };
    if sizes(m, by_a) != sizes(n, by_b) || !once(by_a) || !once(by_b) {
        let sentence = format!("the axes {by_a:?} of {m} and {by_b:?} of {n} must have the same sizes, each axis once");
        return c.refuse(Code::Shape, sentence);
    }
    let rest =
        |shape: Shape, axes: &[usize]| (0..shape.ndim()).filter(|axis| !axes.contains(axis)).collect::<Vec<usize>>();
    let (rest_a, rest_b) = (rest(m, by_a), rest(n, by_b));
    let inner = sizes(m, by_a).iter().product();
    let (rows, columns) = (sizes(m, &rest_a), sizes(n, &rest_b));
    let left = a.permute(&[&rest_a, by_a].concat()).reshape(Shape::of(&[rows.iter().product(), inner]));
    let right = b.permute(&[by_b, &rest_b].concat()).reshape(Shape::of(&[inner, columns.iter().product()]));
    Ok(matmul(left, right)?.reshape(Shape::new(c.op, &[rows, columns].concat())?))
}

/// The number of a diagonal; those that no tensor has may be any.
fn offset(c: &mut Call<'_, '_>, name: &str) -> Result<i64> {
    Ok(c.int(name)?.clamp(-(1 << 30), 1 << 30))
}

fn diagonal<'t>(c: &mut Call<'_, 't>) -> Result<Var<'t>> {
    let (x, n) = (c.x[0], c.x[0].shape().ndim());
    let (offset, first, second) = (offset(c, "offset")?, c.float()?, c.float()?);
    if n < 2 {
        return c.refuse(Code::Shape, format!("x must have at least 2 dimensions, got {}", x.shape()));
    }
    let (first, second) = (axis(c.op, first, n)?, axis(c.op, second, n)?);
    if first == second {
        return c.refuse(Code::Axis, format!("axis1 and axis2 must differ, got {first} twice"));
    }
    let order: Vec<usize> = (0..n).filter(|&axis| axis != first && axis != second).chain([first, second]).collect();
    Ok(part_diagonal(x.permute(&order), offset))
}

/// A diagonal of the matrices in the last two axes: every (columns + 1)-th element of a matrix in a row.
fn part_diagonal(x: Var<'_>, offset: i64) -> Var<'_> {
    let shape = x.shape();
    let ndim = shape.ndim();
    let (rows, columns) = (shape[ndim - 2], shape[ndim - 1]);
    let (down, right) = (offset.min(0).unsigned_abs() as usize, offset.max(0) as usize);
    let len = rows.saturating_sub(down).min(columns.saturating_sub(right));
    let mut dims: SmallVec<[usize; 8]> = SmallVec::from_slice(&shape[..ndim - 2]);
    dims.push(rows * columns);
    let flat = x.reshape(Shape::of(&dims));
    let start = if len == 0 { 0 } else { down * columns + right };
    flat.apply(Slice::along(&dims, ndim - 2, Range { start, len, step: columns as isize + 1 }))
}

/// The matrix with a vector on a diagonal.
fn diagonal_matrix(x: Var<'_>, offset: i64) -> Result<Var<'_>> {
    let len = x.shape()[0];
    let (down, right) = (offset.min(0).unsigned_abs() as usize, offset.max(0) as usize);
    let n = len + down + right;
    let shape = Shape::new("diag", &[n, n])?;
    if len == 0 {
        return Ok(x.zero().expand(shape));
    }
    let before = down * n + right;
    let margin = Margin { before, after: n * n - before - (len - 1) * (n + 1) - 1, between: n };
    Ok(x.apply(Pad { margins: SmallVec::from_slice(&[margin]), value: 0.0 }).reshape(shape))
}

/// A part of the matrices in the last two axes, from the next attribute on.
fn triangle<'t>(c: &mut Call<'_, 't>, part: fn(Var<'t>, i64) -> Var<'t>) -> Result<Var<'t>> {
    let diagonal = offset(c, "diagonal")?;
    if c.x[0].shape().ndim() < 2 {
        return c.refuse(Code::Shape, format!("x must have at least 2 dimensions, got {}", c.x[0].shape()));
    }
    Ok(part(c.x[0], diagonal))
}
