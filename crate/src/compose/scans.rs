//! Running products and maxima along an axis. Each step combines elements twice as far apart as the one before (W. D.
//! Hillis and G. L. Steele, Data parallel algorithms, 1986), so derivatives are those of the combination, also at zeros.

use smallvec::SmallVec;

use crate::call::{Attr, Call, Kind, NONE, Operand, Sample, Spec, native, notes, option};
use crate::elementwise::Func;
use crate::error::Result;
use crate::op::{need_float, need_number};
use crate::ops::concat::Concat;
use crate::ops::map::Map;
use crate::ops::pad::{Margin, Pad};
use crate::ops::slice::{Range, Slice};
use crate::shape::Shape;
use crate::var::Var;

const X: Operand = Operand::Real(&[3, 5], -2.0, 2.0);
const SCAN: &[Attr] = &[
    option("axis", Kind::Axes, "null"),
    option("exclusive", Kind::Bool, "false"),
    option("reverse", Kind::Bool, "false"),
];
const SAMPLES: &[Sample] = &[
    Sample { x: &[X], attrs: &[1.0, 1.0, 0.0, 0.0] },
    Sample { x: &[X], attrs: &[1.0, 0.0, 1.0, 1.0] },
    Sample { x: &[Operand::Real(&[2, 2], -2.0, 2.0)], attrs: &[NONE, 0.0, 0.0] },
];
/// What is exclusive begins with -infinity.
const FINITE: &[Sample] = &[
    Sample { x: &[X], attrs: &[1.0, 1.0, 0.0, 0.0] },
    Sample { x: &[X], attrs: &[1.0, 0.0, 0.0, 1.0] },
    Sample { x: &[Operand::Real(&[2, 2], -2.0, 2.0)], attrs: &[NONE, 0.0, 0.0] },
];

pub const SPECS: &[Spec] = &[
    Spec {
        name: "cumprod",
        doc: native(
            "Running products along an axis: y_i = Π x_j over j ≤ i (j < i when exclusive; from the end when reverse), whose derivative is right with zeros too. The shape is that of x; without an axis, `[n]` for all elements in row-major order.",
        ),
        notes: notes(
            "x_j gets Σ g_i over the products that it stands in, each without x_j; exact with zeros too",
            "O(n log k) along an axis of k elements",
        ),
        build: |c| {
            need_number(c.op, c.x[0].dtype())?;
            scan(c, Func::Mul, 1.0)
        },
        ..RUNNING
    },
    Spec {
        name: "cummax",
        doc: native(
            "Running maxima along an axis: y_i = max x_j over j ≤ i (j < i when exclusive; from the end when reverse); two numbers that tie share the gradient equally. The shape is that of x; without an axis, `[n]` for all elements in row-major order.",
        ),
        notes: notes(
            "each maximum gives its g to the element it came from, equal ones share it",
            "O(n log k) along an axis of k elements",
        ),
        build: |c| {
            need_number(c.op, c.x[0].dtype())?;
            scan(c, Func::Maximum, f64::NEG_INFINITY)
        },
        samples: native(FINITE),
        ..RUNNING
    },
    Spec {
        name: "logCumSumExp",
        doc: native(
            "Running log Σ exp(x_j) along an axis over j ≤ i (j < i when exclusive; from the end when reverse), without overflow. The shape is that of x; without an axis, `[n]` for all elements in row-major order.",
        ),
        notes: notes(
            "x_j gets Σ g_i exp(x_j - y_i) over the sums it stands in",
            "O(n log k) along an axis of k elements",
        ),
        dtypes: "float",
        build: |c| {
            need_float(c.op, c.x[0].dtype())?;
            scan(c, Func::Logaddexp, f64::NEG_INFINITY)
        },
        samples: native(FINITE),
        ..RUNNING
    },
];

/// What running combinations have in common.
const RUNNING: Spec = Spec {
    name: "",
    doc: native(""),
    notes: notes("", ""),
    inputs: &["x"],
    attrs: SCAN,
    dtypes: "number",
    build: |c| scan(c, Func::Mul, 1.0),
    samples: native(SAMPLES),
};

/// Running combinations by an associative function with a neutral element.
fn scan<'t>(c: &mut Call<'_, 't>, by: Func, neutral: f64) -> Result<Var<'t>> {
    let shape = c.x[0].shape();
    let (axis, exclusive, reverse) = (c.optional_axis(shape.ndim())?, c.bool()?, c.bool()?);
    let x = if axis.is_some() { c.x[0] } else { c.x[0].reshape(Shape::of(&[shape.size()])) };
    let (axis, shape) = (axis.unwrap_or(0), x.shape());
    let n = shape[axis];
    let part = |y: Var<'t>, start: usize, len: usize, step: isize| {
        y.apply(Slice::along(&y.shape(), axis, Range { start, len, step }))
    };
    let turn = |y: Var<'t>| if reverse && n > 1 { part(y, n - 1, n, -1) } else { y };
    let mut y = turn(x);
    if exclusive && n > 0 {
        let before = |d: usize| Margin { before: usize::from(d == axis), after: 0, between: 0 };
        let margins: SmallVec<[Margin; 3]> = (0..shape.ndim()).map(before).collect();
        y = part(y.apply(Pad { margins, value: neutral }), 0, n, 1);
    }
    let mut reach = 1;
    while reach < n {
        let rest = c.tape.record(Map { func: by }, &[part(y, 0, n - reach, 1), part(y, reach, n - reach, 1)])?;
        y = c.tape.apply(Concat { axis }, &[part(y, 0, reach, 1), rest]);
        reach *= 2;
    }
    Ok(turn(y))
}
