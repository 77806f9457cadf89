//! Means, spreads, norms and products over axes, and the softmax family.

use crate::call::{Attr, Call, Kind, NONE, Operand, REDUCTION, Sample, Spec, native, notes, option};
use crate::dtype::DType;
use crate::elementwise::{Func, Test};
use crate::error::{Code, Result};
use crate::op::need_number;
use crate::ops::extremum::Extremum;
use crate::ops::map::Map;
use crate::ops::slice::{Range, Slice};
use crate::real::Real;
use crate::shape::{AxisSet, Shape};
use crate::var::Var;

const LAST: &[Attr] = &[option("axis", Kind::Axis, "-1")];
const SPREAD: &[Attr] = &[
    option("axis", Kind::Axes, "null"),
    option("correction", Kind::Float, "0"),
    option("keepDims", Kind::Bool, "false"),
];
const X: Operand = Operand::Real(&[3, 4], -2.0, 2.0);

pub const SPECS: &[Spec] = &[
    Spec {
        name: "mean",
        doc: native(
            "Σ x / n over the axes (all of them when left out). The axes are gone from the shape, or 1 with keepDims.",
        ),
        notes: notes("x gets g / n, repeated along the axes", "O(n)"),
        inputs: &["x"],
        attrs: REDUCTION,
        dtypes: "float",
        build: |c| {
            c.need_float()?;
            let (axes, keep_dims) = c.reduction()?;
            Ok(mean(c.x[0], axes, keep_dims))
        },
        samples: native(&[Sample { x: &[X], attrs: &[1.0, 1.0, 0.0] }, Sample { x: &[X], attrs: &[NONE, 1.0] }]),
    },
    Spec {
        name: "variance",
        doc: native(
            "Σ (x - mean)² / (n - correction) over the axes (all of them when left out). The axes are gone from the shape, or 1 with keepDims.",
        ),
        notes: notes("x gets 2 g (x - mean) / (n - correction)", "O(n)"),
        inputs: &["x"],
        attrs: SPREAD,
        dtypes: "float",
        build: variance,
        samples: native(&[
            Sample { x: &[X], attrs: &[1.0, 1.0, 1.0, 0.0] },
            Sample { x: &[X], attrs: &[NONE, 0.0, 1.0] },
        ]),
    },
    Spec {
        name: "std",
        doc: native(
            "The square root of the variance; its derivative is 0 where all elements are equal. The axes are gone from the shape, or 1 with keepDims.",
        ),
        notes: notes("x gets g (x - mean) / ((n - correction) y), 0 where y = 0", "O(n)"),
        inputs: &["x"],
        attrs: SPREAD,
        dtypes: "float",
        build: |c| Ok(root(variance(c)?)),
        samples: native(&[Sample { x: &[X], attrs: &[1.0, 1.0, 1.0, 0.0] }]),
    },
    Spec {
        name: "prod",
        doc: native(
            "Π x over the axes (all of them when left out). Multiplied in pairs, so the derivative is right with zeros too. The axes are gone from the shape, or 1 with keepDims.",
        ),
        notes: notes("x gets g times the product of the other elements", "O(n)"),
        inputs: &["x"],
        attrs: REDUCTION,
        dtypes: "number",
        build: prod,
        samples: native(&[Sample { x: &[X], attrs: &[1.0, 1.0, 0.0] }, Sample { x: &[X], attrs: &[NONE, 0.0] }]),
    },
    Spec {
        name: "all",
        doc: native(
            "Whether every element differs from 0, over the axes (all of them when left out); bool. The axes are gone from the shape, or 1 with keepDims.",
        ),
        notes: notes("none, the result is bool", "O(n)"),
        inputs: &["x"],
        attrs: REDUCTION,
        dtypes: "any",
        build: |c| truth(c, false),
        samples: native(&[Sample { x: &[Operand::Truth(&[3, 4])], attrs: &[1.0, 1.0, 0.0] }]),
    },
    Spec {
        name: "any",
        doc: native(
            "Whether some element differs from 0, over the axes (all of them when left out); bool. The axes are gone from the shape, or 1 with keepDims.",
        ),
        notes: notes("none, the result is bool", "O(n)"),
        inputs: &["x"],
        attrs: REDUCTION,
        dtypes: "any",
        build: |c| truth(c, true),
        samples: native(&[Sample { x: &[Operand::Truth(&[3, 4])], attrs: &[NONE, 0.0] }]),
    },
    Spec {
        name: "norm",
        doc: native(
            "The vector norm (Σ |x|^ord)^(1/ord) over the axes (all of them when left out); ord may be ±Infinity, or 0 for the number of elements that differ from 0. The derivative at 0 is 0 for ord of at least 1. The axes are gone from the shape, or 1 with keepDims.",
        ),
        notes: notes("x gets g sign(x) (|x| / y)^(ord - 1), for ord = 2 g x / y", "O(n)"),
        inputs: &["x"],
        attrs: &[
            option("axis", Kind::Axes, "null"),
            option("keepDims", Kind::Bool, "false"),
            option("ord", Kind::Float, "2"),
        ],
        dtypes: "float",
        build: |c| {
            c.need_float()?;
            let ((axes, keep_dims), ord) = (c.reduction()?, c.float()?);
            norm(c, c.x[0], axes, keep_dims, ord)
        },
        samples: native(&[
            Sample { x: &[X], attrs: &[1.0, 1.0, 0.0, 2.0] },
            Sample { x: &[X], attrs: &[NONE, 0.0, 1.0] },
            Sample { x: &[X], attrs: &[1.0, 0.0, 1.0, 3.0] },
            Sample { x: &[X], attrs: &[1.0, 0.0, 1.0, f64::INFINITY] },
        ]),
    },
    Spec {
        name: "logSumExp",
        doc: native(
            "log Σ exp(x) over the axes (all of them when left out), without overflow; -Infinity counts as nothing. The axes are gone from the shape, or 1 with keepDims.",
        ),
        notes: notes("x gets g exp(x - y), softmax(x) times g", "O(n)"),
        inputs: &["x"],
        attrs: REDUCTION,
        dtypes: "float",
        build: |c| {
            c.need_float()?;
            let (axes, keep_dims) = c.reduction()?;
            let shape = c.x[0].shape();
            if axes.is_empty() {
                return Ok(c.x[0]);
            }
            let (x, most) = (c.x[0], greatest(c.x[0], axes));
            let m = bounded(most);
            let y = exp_minus(x, m).sum(axes, true).ln() + m;
            let y = Var::select(most.eq(most.lit(f64::INFINITY)), most, y);
            Ok(y.reshape(shape.reduced(axes, keep_dims)))
        },
        samples: native(&[Sample { x: &[X], attrs: &[1.0, 1.0, 0.0] }, Sample { x: &[X], attrs: &[NONE, 0.0] }]),
    },
    Spec {
        name: "softmax",
        doc: native(
            "exp(x) / Σ exp(x) along an axis, in the shape of x, without overflow; 0 at -Infinity and, in float32, where exp(x - max) is below about 1.2e-38, NaN where all are -Infinity or one is Infinity.",
        ),
        notes: notes("x gets y (g - Σ g y)", "O(n)"),
        inputs: &["x"],
        attrs: LAST,
        dtypes: "float",
        build: |c| {
            c.need_float()?;
            let axis = c.axis(c.x[0].shape().ndim())?;
            Ok(softmax(c.x[0], axis))
        },
        samples: native(&[Sample { x: &[X], attrs: &[-1.0] }, Sample { x: &[X], attrs: &[0.0] }]),
    },
    Spec {
        name: "logSoftmax",
        doc: native(
            "x - log Σ exp(x) along an axis, in the shape of x, without overflow; NaN where all are -Infinity.",
        ),
        notes: notes("x gets g - exp(y) Σ g", "O(n)"),
        inputs: &["x"],
        attrs: LAST,
        dtypes: "float",
        build: |c| {
            c.need_float()?;
            let axis = c.axis(c.x[0].shape().ndim())?;
            Ok(log_softmax(c.x[0], axis))
        },
        samples: native(&[Sample { x: &[X], attrs: &[-1.0] }]),
    },
];

/// The number of elements along the axes.
fn count(x: Var<'_>, axes: AxisSet) -> f64 {
    x.shape().iter().enumerate().filter(|&(axis, _)| axes.has(axis)).map(|(_, &d)| d as f64).product()
}

/// The mean over the axes.
pub fn mean(x: Var<'_>, axes: AxisSet, keep_dims: bool) -> Var<'_> {
    let total = x.sum(axes, keep_dims);
    // Divided rather than multiplied by the reciprocal: one rounding.
    total / total.lit(count(x, axes))
}

/// softmax along one axis.
pub fn softmax(x: Var<'_>, axis: usize) -> Var<'_> {
    let axes = AxisSet::from_iter([axis]);
    let e = exp_minus(x, shift(x, axes));
    // One quotient for many elements, each of which is off by half a unit in the last place more.
    e * e.sum(axes, true).recip()
}

/// log softmax along one axis.
pub fn log_softmax(x: Var<'_>, axis: usize) -> Var<'_> {
    let axes = AxisSet::from_iter([axis]);
    let centred = x - shift(x, axes);
    centred - centred.exp().sum(axes, true).ln()
}

/// exp(x - m), for m that is the [`shift`] of x.
fn exp_minus<'t>(x: Var<'t>, m: Var<'t>) -> Var<'t> {
    x.tape().apply(Map { func: Func::ExpMinus }, &[x, m])
}

/// What exponentials are shifted by: the largest element over the axes, a finite number.
fn shift(x: Var<'_>, axes: AxisSet) -> Var<'_> {
    bounded(greatest(x, axes))
}

/// The largest element over the axes as a constant; 0 where there is none.
fn greatest(x: Var<'_>, axes: AxisSet) -> Var<'_> {
    let empty = x.shape().iter().enumerate().any(|(axis, &d)| d == 0 && axes.has(axis));
    if empty {
        return x.zero();
    }
    x.stop_gradient().apply(Extremum { max: true, axes, keep_dims: true })
}

/// m, the largest finite number of its sign where it is infinite.
fn bounded(m: Var<'_>) -> Var<'_> {
    let most = if m.dtype() == DType::Float32 { f64::from(f32::MAX) } else { f64::MAX };
    m.tape().apply(Map { func: Func::Clip }, &[m, m.lit(-most), m.lit(most)])
}

/// The square root whose derivative at 0 is 0.
pub fn root(x: Var<'_>) -> Var<'_> {
    let zero = x.eq(x.zero());
    Var::select(zero, x.zero(), Var::select(zero, x.one(), x).sqrt())
}

fn variance<'t>(c: &mut Call<'_, 't>) -> Result<Var<'t>> {
    c.need_float()?;
    let x = c.x[0];
    let (axes, correction, keep_dims) = (c.axes(x.shape().ndim())?, c.float()?, c.bool()?);
    if !correction.is_finite() {
        return c.refuse(Code::Argument, format!("correction must be a finite number, got {correction}"));
    }
    let total = (x - mean(x, axes, true)).square().sum(axes, keep_dims);
    Ok(total / total.lit((count(x, axes) - correction).max(0.0)))
}

fn truth<'t>(c: &mut Call<'_, 't>, any: bool) -> Result<Var<'t>> {
    let x = c.x[0];
    let (axes, keep_dims) = c.reduction()?;
    let truth = x.test(Test::NotEqual, x.zero());
    let shape = x.shape();
    if shape.iter().enumerate().any(|(axis, &d)| d == 0 && axes.has(axis)) {
        // Of nothing, all holds and any does not.
        return Ok(truth.lit(if any { 0.0 } else { 1.0 }).expand(shape.reduced(axes, keep_dims)));
    }
    Ok(truth.apply(Extremum { max: any, axes, keep_dims }))
}

/// The vector norm of an order over the axes.
pub fn norm<'t>(c: &Call<'_, 't>, x: Var<'t>, axes: AxisSet, keep_dims: bool, ord: f64) -> Result<Var<'t>> {
    if ord.is_nan() {
        return c.refuse(Code::Argument, "ord must be a number, got NaN");
    }
    if ord == 0.0 {
        return Ok(x.test(Test::NotEqual, x.zero()).cast(x.dtype()).sum(axes, keep_dims));
    }
    if ord.is_infinite() {
        return c.tape.record(Extremum { max: ord > 0.0, axes, keep_dims }, &[x.abs()]);
    }
    if ord == 1.0 {
        return Ok(x.abs().sum(axes, keep_dims));
    }
    if ord == 2.0 {
        return Ok(root(x.square().sum(axes, keep_dims)));
    }
    let total = x.abs().pow(x.lit(ord)).sum(axes, keep_dims);
    let zero = total.eq(total.zero());
    let safe = Var::select(zero, total.one(), total);
    Ok(Var::select(zero, total, safe.pow(total.lit(1.0 / ord))))
}

fn prod<'t>(c: &mut Call<'_, 't>) -> Result<Var<'t>> {
    let x = c.x[0];
    need_number("prod", x.dtype())?;
    let shape = x.shape();
    let (axes, keep_dims) = c.reduction()?;
    // The reduced axes last and as one, then halved until one element is left.
    let (inside, mut order): (Vec<usize>, Vec<usize>) = (0..shape.ndim()).partition(|&axis| axes.has(axis));
    let kept: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
    let rows = kept.iter().product();
    let mut n: usize = inside.iter().map(|&axis| shape[axis]).product();
    order.extend(inside);
    let mut y = x.permute(&order).reshape(Shape::of(&[rows, n]));
    if n == 0 {
        return Ok(x.one().expand(shape.reduced(axes, keep_dims)));
    }
    while n > 1 {
        let half = n / 2;
        let part = |start: usize, len: usize| y.apply(Slice::along(&y.shape(), 1, Range { start, len, step: 1 }));
        let pairs = part(0, half) * part(half, half);
        y = if n % 2 == 1 {
            c.tape.apply(crate::ops::concat::Concat { axis: 1 }, &[pairs, part(n - 1, 1)])
        } else {
            pairs
        };
        n = half + n % 2;
    }
    Ok(y.reshape(shape.reduced(axes, keep_dims)))
}
