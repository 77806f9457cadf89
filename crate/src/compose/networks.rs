//! Layers of networks: normalisation, attention, dropout, and shapes that images need.

use smallvec::SmallVec;

use crate::array::Array;
use crate::call::{Call, Kind, Operand, Sample, Spec, native, notes, option, param};
use crate::compose::indexing::take;
use crate::compose::statistics::{mean, softmax};
use crate::dtype::DType;
use crate::elementwise::Test;
use crate::error::{Code, Result};
use crate::op::{need_float, same_dtype};
use crate::ops::gather::Indices;
use crate::ops::iota::Iota;
use crate::ops::matmul::matmul;
use crate::ops::random::{Draw, Random};
use crate::ops::slice::{Range, Slice};
use crate::real::Real;
use crate::shape::{AxisSet, Shape};
use crate::var::Var;

const X: Operand = Operand::Real(&[2, 4, 3], -2.0, 2.0);

pub const SPECS: &[Spec] = &[
    Spec {
        name: "normalize",
        doc: native("x / max(norm, eps) along an axis, with the vector norm of order ord; the shape is that of x."),
        notes: notes(
            "x gets (g - u Σ g y) / norm, with u the derivative of the norm by x (y itself for ord = 2); g / eps where the norm is below eps",
            "O(n)",
        ),
        inputs: &["x"],
        attrs: &[
            option("axis", Kind::Axis, "-1"),
            option("ord", Kind::Float, "2"),
            option("eps", Kind::Float, "1e-12"),
        ],
        dtypes: "float",
        build: |c| {
            c.need_float()?;
            let x = c.x[0];
            let axes = AxisSet::from_iter([c.axis(x.shape().ndim())?]);
            let (ord, eps) = (c.float()?, c.float()?);
            let norm = super::statistics::norm(c, x, axes, true, ord)?;
            Ok(x / Var::select(norm.lt(norm.lit(eps)), norm.lit(eps), norm))
        },
        samples: native(&[
            Sample { x: &[X], attrs: &[1.0, 2.0, 1e-12] },
            Sample { x: &[X], attrs: &[-1.0, 3.0, 1e-12] },
        ]),
    },
    Spec {
        name: "layerNorm",
        doc: native(
            "(x - mean) / sqrt(variance + eps) · weight + bias, over the axes (one or several); weight and bias have their shape, the result that of x.",
        ),
        notes: notes(
            "with h = g weight and z = (x - mean) / s, s = sqrt(variance + eps): x gets (h - mean(h) - z mean(h z)) / s, weight gets Σ g z, bias gets Σ g",
            "O(n)",
        ),
        inputs: &["x", "weight?=1", "bias?=0"],
        attrs: &[option("axis", Kind::Axes, "-1"), option("eps", Kind::Float, "1e-5")],
        dtypes: "float",
        build: |c| {
            let axes = normalized_axes(c)?;
            let eps = c.float()?;
            let y = standardized(c.x[0], axes, eps);
            scaled(c, y, axes, &[1, 2])
        },
        samples: native(&[Sample {
            x: &[X, Operand::Real(&[3], 0.5, 1.5), Operand::Real(&[3], -1.0, 1.0)],
            attrs: &[1.0, -1.0, 1e-5],
        }]),
    },
    Spec {
        name: "rmsNorm",
        doc: native(
            "x / sqrt(mean(x²) + eps) · weight, over the axes (one or several); weight has their shape, the result that of x.",
        ),
        notes: notes(
            "with h = g weight, s = sqrt(mean(x²) + eps) and z = x / s: x gets (h - z mean(h z)) / s, weight gets Σ g z",
            "O(n)",
        ),
        inputs: &["x", "weight?=1"],
        attrs: &[option("axis", Kind::Axes, "-1"), option("eps", Kind::Float, "1e-6")],
        dtypes: "float",
        build: |c| {
            let axes = normalized_axes(c)?;
            let (x, eps) = (c.x[0], c.float()?);
            let y = x / (mean(x.square(), axes, true) + x.lit(eps)).sqrt();
            scaled(c, y, axes, &[1])
        },
        samples: native(&[Sample { x: &[X, Operand::Real(&[3], 0.5, 1.5)], attrs: &[1.0, -1.0, 1e-6] }]),
    },
    Spec {
        name: "groupNorm",
        doc: native(
            "Standardizes `[n, channels, ..]` over each of `groups` groups of channels, then weight and bias `[channels]` for each channel: (x - mean) / sqrt(variance + eps) · weight + bias.",
        ),
        notes: notes("as layerNorm, over each group", "O(n)"),
        inputs: &["x", "weight?=1", "bias?=0"],
        attrs: &[param("groups", Kind::Int), option("eps", Kind::Float, "1e-5")],
        dtypes: "float",
        build: |c| {
            c.need_float()?;
            let (x, shape) = (c.x[0], c.x[0].shape());
            let (groups, eps) = (c.size("groups")?, c.float()?);
            if shape.ndim() < 2 || groups == 0 || shape[1] % groups != 0 {
                return c.refuse(
                    Code::Shape,
                    format!("groups must divide the channels of [n, channels, ..], got {groups} for {shape}"),
                );
            }
            let rest = shape[1] / groups * shape[2..].iter().product::<usize>();
            let parts = x.reshape(Shape::of(&[shape[0], groups, rest]));
            let y = standardized(parts, AxisSet::from_iter([2]), eps).reshape(shape);
            scaled(c, y, AxisSet::from_iter([1]), &[1, 2])
        },
        samples: native(&[Sample {
            x: &[X, Operand::Real(&[4], 0.5, 1.5), Operand::Real(&[4], -1.0, 1.0)],
            attrs: &[2.0, 1e-5],
        }]),
    },
    Spec {
        name: "batchNorm",
        doc: native(
            "Standardizes the channels of `[n, channels, ..]` with the given mean and variance, or with those of the batch (where variance is left out), then weight and bias `[channels]` for each channel: (x - mean) / sqrt(variance + eps) · weight + bias.",
        ),
        notes: notes(
            "as layerNorm, over all but the channels; with given mean and variance x gets g weight / sqrt(variance + eps)",
            "O(n)",
        ),
        inputs: &["x", "weight?=1", "bias?=0", "mean=0", "variance=-1"],
        attrs: &[option("eps", Kind::Float, "1e-5")],
        dtypes: "float",
        build: |c| {
            c.need_float()?;
            let (x, shape, eps) = (c.x[0], c.x[0].shape(), c.float()?);
            if shape.ndim() < 2 {
                return c.refuse(Code::Shape, format!("x must be [n, channels, ..], got {shape}"));
            }
            let channels = AxisSet::from_iter([1]);
            let y = if c.x[4].constant().is_some_and(|v| v < 0.0) {
                if c.x[3].constant() != Some(0.0) {
                    return c.refuse(Code::Argument, "mean and variance must be given together, got mean alone");
                }
                standardized(x, (0..shape.ndim()).filter(|&axis| axis != 1).collect(), eps)
            } else {
                if c.x[3].constant() == Some(0.0) {
                    let sentence = "mean and variance must be given together, the mean as a tensor, got variance alone";
                    return c.refuse(Code::Argument, sentence);
                }
                let (mean, variance) = (along(c, 3, channels)?, along(c, 4, channels)?);
                (x - mean) / (variance + variance.lit(eps)).sqrt()
            };
            scaled(c, y, channels, &[1, 2])
        },
        samples: native(&[Sample {
            x: &[
                X,
                Operand::Real(&[4], 0.5, 1.5),
                Operand::Real(&[4], -1.0, 1.0),
                Operand::Real(&[4], -1.0, 1.0),
                Operand::Real(&[4], 0.5, 1.5),
            ],
            attrs: &[1e-5],
        }]),
    },
    Spec {
        name: "dropout",
        doc: native("0 with probability p, else x / (1 - p); the key decides which. The shape is that of x."),
        notes: notes("x gets g / (1 - p) where it was kept, else 0", "O(n)"),
        inputs: &["x", "p", "key:int32"],
        attrs: &[],
        dtypes: "float",
        build: |c| {
            let (x, p) = (c.x[0], c.x[1]);
            need_float(c.op, x.dtype())?;
            if p.shape().ndim() > 0 || p.constant().is_some_and(|p| !(0.0..=1.0).contains(&p)) {
                let got = p.constant().map_or_else(|| format!("shape {}", p.shape()), |p| p.to_string());
                return c.refuse(Code::Argument, format!("p must be one number in [0, 1], got {got}"));
            }
            let u = c.tape.record(Random::new(Draw::Uniform, x.shape(), DType::Float32), &[c.x[2]])?;
            let stays = u.ge(p.cast(DType::Float32));
            let keep = p.one() - p.cast(x.dtype());
            let keep = Var::select(keep.eq(keep.zero()), keep.one(), keep);
            Ok(Var::select(stays, x / keep, x.zero()))
        },
        samples: native(&[Sample { x: &[X, Operand::Real(&[], 0.3, 0.31), Operand::Key], attrs: &[] }]),
    },
    Spec {
        name: "embedding",
        doc: native("The rows of weight that the indices name: `[..], [n, size] -> [.., size]`."),
        notes: notes("weight gets the rows of g added at the indices", "O(n size) for n indices"),
        inputs: &["indices:int32", "weight"],
        attrs: &[],
        dtypes: "any",
        build: |c| {
            if c.x[1].shape().ndim() != 2 {
                return c.refuse(Code::Shape, format!("weight must be [n, size], got {}", c.x[1].shape()));
            }
            take(c.x[1], c.x[0], 0, Indices { op: "embedding", name: "indices", negative: false })
        },
        samples: native(&[Sample { x: &[Operand::Index(&[2, 3], 4), Operand::Real(&[4, 2], -1.0, 1.0)], attrs: &[] }]),
    },
    Spec {
        name: "glu",
        doc: native("a sigmoid(b), with a and b the halves of x along an axis, which becomes half as long."),
        notes: notes("a gets g sigmoid(b), b gets g y (1 - sigmoid(b))", "O(n)"),
        inputs: &["x"],
        attrs: &[option("axis", Kind::Axis, "-1")],
        dtypes: "float",
        build: |c| {
            c.need_float()?;
            let (x, shape) = (c.x[0], c.x[0].shape());
            let axis = c.axis(shape.ndim())?;
            let len = shape[axis] / 2;
            if shape[axis] % 2 != 0 {
                return c.refuse(Code::Shape, format!("the size of axis {axis} must be even, got {shape}"));
            }
            let half = |start: usize| x.apply(Slice::along(&shape, axis, Range { start, len, step: 1 }));
            Ok(half(0) * half(len).logistic())
        },
        samples: native(&[Sample { x: &[X], attrs: &[1.0] }]),
    },
    Spec {
        name: "attention",
        doc: native(
            "softmax(q kᵀ scale + mask) v: q `[.., n, d]`, k `[.., m, d]`, v `[.., m, e]`, leading dimensions broadcast, the result `[.., n, e]`; scale is 1/sqrt(d) when left out. A bool mask is true where a key is seen, another is added; causal lets query i see keys 0 to i.",
        ),
        notes: notes(
            "with p the softmax and h = p (g vᵀ - Σ (g vᵀ) p): v gets pᵀ g, q gets scale h k, k gets scale hᵀ q, the mask gets h",
            "O(n m (d + e)), and memory O(n m)",
        ),
        inputs: &["q", "k", "v", "mask=0"],
        attrs: &[option("causal", Kind::Bool, "false"), option("scale", Kind::Float, "null")],
        dtypes: "float",
        build: attention,
        samples: native(&[
            Sample {
                x: &[
                    Operand::Real(&[2, 3, 4], -1.0, 1.0),
                    Operand::Real(&[2, 5, 4], -1.0, 1.0),
                    Operand::Real(&[5, 2], -1.0, 1.0),
                    Operand::Real(&[3, 5], -1.0, 1.0),
                ],
                attrs: &[0.0, f64::INFINITY],
            },
            Sample {
                x: &[
                    Operand::Real(&[3, 4], -1.0, 1.0),
                    Operand::Real(&[3, 4], -1.0, 1.0),
                    Operand::Real(&[3, 2], -1.0, 1.0),
                    Operand::Real(&[], 0.0, 0.1),
                ],
                attrs: &[1.0, 0.7],
            },
        ]),
    },
    Spec {
        name: "interpolate",
        doc: native(
            "The last axes of `[n, channels, ..]` at other sizes, `[n, channels, ..size]`, PyTorch's interpolate: \"nearest\" takes element floor(i n / size), \"bilinear\" a weighted mean of neighbours, with the corners at the corners with alignCorners.",
        ),
        notes: notes("x gets g times its weight in each result, added up", "O(n)"),
        inputs: &["x"],
        attrs: &[
            option("size", Kind::Ints, "null"),
            option("mode", Kind::Choice(&["nearest", "bilinear"]), "\"nearest\""),
            option("alignCorners", Kind::Bool, "false"),
        ],
        dtypes: "float",
        build: interpolate,
        samples: native(&[
            Sample { x: &[Operand::Real(&[1, 2, 3, 2], -1.0, 1.0)], attrs: &[2.0, 5.0, 3.0, 0.0, 0.0] },
            Sample { x: &[Operand::Real(&[1, 2, 3, 2], -1.0, 1.0)], attrs: &[2.0, 5.0, 4.0, 1.0, 0.0] },
            Sample { x: &[Operand::Real(&[1, 2, 3, 2], -1.0, 1.0)], attrs: &[2.0, 2.0, 3.0, 1.0, 1.0] },
        ]),
    },
    Spec {
        name: "pixelShuffle",
        doc: native("`[.., channels · factor², height, width] -> [.., channels, height · factor, width · factor]`."),
        notes: notes("x gets g in the places that the elements came from", "O(n)"),
        inputs: &["x"],
        attrs: &[param("factor", Kind::Int)],
        dtypes: "any",
        build: |c| {
            let (shape, r) = (c.x[0].shape(), c.size("factor")?);
            let n = shape.ndim();
            let square = r.saturating_mul(r);
            if n < 3 || r == 0 || shape[n - 3] % square != 0 {
                return c.refuse(Code::Shape, format!("x must be [.., channels · {r}², height, width], got {shape}"));
            }
            let [channels, height, width] = [shape[n - 3] / square, shape[n - 2], shape[n - 1]];
            let lead: usize = shape[..n - 3].iter().product();
            let parts = c.x[0].reshape(Shape::of(&[lead * channels, r, r, height, width]));
            let mut dims: SmallVec<[usize; 8]> = SmallVec::from_slice(&shape[..n - 3]);
            dims.extend([channels, height * r, width * r]);
            Ok(parts.permute(&[0, 3, 1, 4, 2]).reshape(Shape::of(&dims)))
        },
        samples: native(&[Sample { x: &[Operand::Real(&[2, 8, 2, 3], -1.0, 1.0)], attrs: &[2.0] }]),
    },
];

/// The axes of a normalisation; the default is the last.
fn normalized_axes(c: &mut Call<'_, '_>) -> Result<AxisSet> {
    c.need_float()?;
    c.axes(c.x[0].shape().ndim())
}

/// (x - mean) / sqrt(variance + eps) over the axes.
fn standardized(x: Var<'_>, axes: AxisSet, eps: f64) -> Var<'_> {
    let centred = x - mean(x, axes, true);
    let variance = mean(centred.square(), axes, true);
    // One quotient for many elements, each of which is off by half a unit in the last place more.
    centred * (variance + variance.lit(eps)).sqrt().recip()
}

/// Input `i`, which has the sizes of x along the axes, as something that broadcasts with x. Errors: `shape`, `dtype`.
fn along<'t>(c: &Call<'_, 't>, i: usize, axes: AxisSet) -> Result<Var<'t>> {
    let (shape, given) = (c.x[0].shape(), c.x[i]);
    same_dtype(c.op, &[c.x[0].aval(), given.aval()])?;
    if given.shape().ndim() == 0 {
        return Ok(given);
    }
    let own: SmallVec<[usize; 8]> = (0..shape.ndim()).filter(|&a| axes.has(a)).map(|a| shape[a]).collect();
    if given.shape()[..] != own[..] {
        let names = ["x", "weight", "bias", "mean", "variance"];
        let sentence = format!("{} must have shape {}, got {}", names[i], Shape::of(&own), given.shape());
        return c.refuse(Code::Shape, sentence);
    }
    let dims: SmallVec<[usize; 8]> = (0..shape.ndim()).map(|a| if axes.has(a) { shape[a] } else { 1 }).collect();
    Ok(given.reshape(Shape::of(&dims)))
}

/// y times the weight and plus the bias, the inputs in `which`; numbers that change nothing are left out.
fn scaled<'t>(c: &Call<'_, 't>, y: Var<'t>, axes: AxisSet, which: &[usize]) -> Result<Var<'t>> {
    which.iter().try_fold(y, |y, &i| {
        let given = along(c, i, axes)?;
        Ok(match (i, given.constant()) {
            (1, Some(1.0)) | (2, Some(0.0)) => y,
            (1, _) => y * given,
            _ => y + given,
        })
    })
}

fn attention<'t>(c: &mut Call<'_, 't>) -> Result<Var<'t>> {
    let [q, k, v, mask] = [c.x[0], c.x[1], c.x[2], c.x[3]];
    let dtype = same_dtype(c.op, &[q.aval(), k.aval(), v.aval()])?;
    need_float(c.op, dtype)?;
    let [a, b, e] = [q.shape(), k.shape(), v.shape()];
    let at_least = a.ndim().min(b.ndim()).min(e.ndim());
    if at_least < 2 || a[a.ndim() - 1] != b[b.ndim() - 1] || b[b.ndim() - 2] != e[e.ndim() - 2] {
        return c.refuse(Code::Shape, format!("q, k, v must be [.., n, d], [.., m, d], [.., m, e], got {a}, {b}, {e}"));
    }
    let (causal, scale) = (c.bool()?, c.optional_float()?);
    let [n, m, d] = [a[a.ndim() - 2], b[b.ndim() - 2], a[a.ndim() - 1]];
    let scale = scale.unwrap_or_else(|| 1.0 / (d as f64).sqrt());
    // On q, which is the smallest of what it could be on.
    let mut scores = matmul(q * q.lit(scale), k.transpose_last())?;
    let hidden = scores.lit(f64::NEG_INFINITY);
    if mask.dtype() == DType::Bool {
        scores = c.tape.record(crate::ops::select::Select, &[mask, scores, hidden])?;
    } else if mask.constant() != Some(0.0) {
        same_dtype(c.op, &[q.aval(), mask.aval()])?;
        scores = scores + mask;
    }
    if causal {
        let count = |len: usize| c.tape.record(Iota { len, start: 0.0, step: 1.0, dtype: DType::Int32 }, &[]);
        let seen = count(m)?.test(Test::LessEqual, count(n)?.reshape(Shape::of(&[n, 1])));
        scores = Var::select(seen, scores, hidden);
    }
    let last = scores.shape().ndim() - 1;
    matmul(softmax(scores, last), v)
}

fn interpolate<'t>(c: &mut Call<'_, 't>) -> Result<Var<'t>> {
    c.need_float()?;
    let shape = c.x[0].shape();
    if shape.ndim() < 3 || shape[2..].contains(&0) {
        return c.refuse(Code::Shape, format!("x must be [n, channels, ..] with elements, got {shape}"));
    }
    let d = shape.ndim() - 2;
    let Some(sizes) = c.sizes("size", d, 1)? else {
        return c.refuse(Code::Argument, "size must be given");
    };
    let (linear, corners) = (c.choice(2)? == 1, c.bool()?);
    let mut y = c.x[0];
    for (k, &size) in sizes.iter().enumerate() {
        let (axis, n) = (k + 2, shape[k + 2]);
        // Where element i of the result lies among the elements along this axis.
        let place = |i: usize| match (linear, corners) {
            (false, _) => (i * n / size) as f64,
            (true, true) if size == 1 => 0.0,
            (true, true) => i as f64 * (n - 1) as f64 / (size - 1) as f64,
            (true, false) => ((i as f64 + 0.5) * n as f64 / size as f64 - 0.5).max(0.0),
        };
        let indices = |shift: usize| {
            let at = |i: usize| (place(i) as usize + shift).min(n - 1) as i32;
            let list = Array::build::<i32>(Shape::of(&[size]), |out| {
                out.iter_mut().enumerate().for_each(|(i, index)| *index = at(i));
            });
            list.map(|list| c.tape.leaf(list))
        };
        let whose = Indices::of("interpolate");
        let low = take(y, indices(0)?, axis, whose)?;
        if !linear {
            y = low;
            continue;
        }
        let weights = Array::build::<f64>(Shape::of(&[size]), |out| {
            out.iter_mut().enumerate().for_each(|(i, w)| *w = place(i) - place(i).floor());
        })?;
        let dims: Vec<usize> = (0..shape.ndim()).map(|a| if a == axis { size } else { 1 }).collect();
        let weights = c.tape.leaf(weights).cast(y.dtype()).reshape(Shape::of(&dims));
        y = low + (take(y, indices(1)?, axis, whose)? - low) * weights;
    }
    Ok(y)
}
