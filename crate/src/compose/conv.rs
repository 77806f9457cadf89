//! Convolutions and pooling, over sliding windows: products and reductions of views, so all derivatives follow.

use smallvec::SmallVec;

use crate::call::{Attr, Call, Kind, NONE, Operand, SAME, Sample, Spec, native, notes, option, param};
use crate::error::{Code, Result};
use crate::op::same_dtype;
use crate::ops::extremum::Extremum;
use crate::ops::pad::{Margin, Pad};
use crate::ops::slice::{Range, Slice};
use crate::ops::windows::{Each, Fold, Window, Windows};
use crate::real::Real;
use crate::shape::{AxisSet, Shape};
use crate::var::Var;

const CONV: &[Attr] = &[
    option("stride", Kind::Ints, "1"),
    option("padding", Kind::Padding, "0"),
    option("dilation", Kind::Ints, "1"),
    option("groups", Kind::Int, "1"),
];
const TRANSPOSED: &[Attr] = &[
    option("stride", Kind::Ints, "1"),
    option("padding", Kind::Ints, "0"),
    option("outputPadding", Kind::Ints, "0"),
    option("dilation", Kind::Ints, "1"),
    option("groups", Kind::Int, "1"),
];
const MAX_POOL: &[Attr] = &[
    param("kernel", Kind::Ints),
    option("stride", Kind::Ints, "null"),
    option("padding", Kind::Padding, "0"),
    option("dilation", Kind::Ints, "1"),
];
const AVG_POOL: &[Attr] = &[
    param("kernel", Kind::Ints),
    option("stride", Kind::Ints, "null"),
    option("padding", Kind::Padding, "0"),
    option("countIncludePad", Kind::Bool, "true"),
];

pub const SPECS: &[Spec] = &[
    Spec {
        name: "conv1d",
        doc: native(
            "y[n, o, i] = bias[o] + Σ w[o, c, k] x[n, c, i stride + k dilation - padding]: x `[n, in, length]` or `[in, length]`, w `[out, in / groups, kernel]`, y `[n, out, floor((length + 2 padding - dilation (kernel - 1) - 1) / stride) + 1]`. PyTorch's conv1d; padding \"same\" gives ceil(length / stride) elements.",
        ),
        notes: notes(
            "x gets convTranspose1d of g and weight, weight the correlation of x and g, bias Σ g over all but the channels",
            "O(n out length in / groups kernel), with the length of the result",
        ),
        build: |c| conv(c, 1),
        samples: native(&[Sample {
            x: &[
                Operand::Real(&[2, 4, 7], -1.0, 1.0),
                Operand::Real(&[6, 2, 3], -1.0, 1.0),
                Operand::Real(&[6], -1.0, 1.0),
            ],
            attrs: &[1.0, 2.0, 1.0, 1.0, 1.0, 2.0, 2.0],
        }]),
        ..CONVOLUTION
    },
    Spec {
        name: "conv2d",
        doc: native(
            "y[n, o, i, j] = bias[o] + Σ w[o, c, k, l] x[n, c, i stride + k dilation - padding, ..]: x `[n, in, height, width]` or without n, w `[out, in / groups, ..kernel]`, y `[n, out, ..]` with sizes as in conv1d. PyTorch's conv2d; padding \"same\" gives ceil(size / stride) elements.",
        ),
        notes: notes(
            "x gets convTranspose2d of g and weight, weight the correlation of x and g, bias Σ g over all but the channels",
            "O(n out height width in / groups kernel), with the sizes of the result and the elements of the kernel",
        ),
        build: |c| conv(c, 2),
        samples: native(&[
            Sample {
                x: &[
                    Operand::Real(&[2, 2, 4, 5], -1.0, 1.0),
                    Operand::Real(&[3, 2, 3, 2], -1.0, 1.0),
                    Operand::Real(&[3], -1.0, 1.0),
                ],
                attrs: &[2.0, 1.0, 2.0, 2.0, 1.0, 0.0, 1.0, 1.0, 1.0],
            },
            Sample {
                x: &[
                    Operand::Real(&[2, 5, 4], -1.0, 1.0),
                    Operand::Real(&[2, 1, 2, 2], -1.0, 1.0),
                    Operand::Real(&[2], -1.0, 1.0),
                ],
                attrs: &[1.0, 1.0, SAME, 1.0, 2.0, 2.0],
            },
        ]),
        ..CONVOLUTION
    },
    Spec {
        name: "conv3d",
        doc: native(
            "As conv2d with three dimensions: x `[n, in, depth, height, width]` or without n, w `[out, in / groups, ..kernel]`, y `[n, out, ..]` with sizes as in conv1d.",
        ),
        notes: notes(
            "x gets the transposed convolution of g and weight, weight the correlation of x and g, bias Σ g over all but the channels",
            "as conv2d",
        ),
        build: |c| conv(c, 3),
        samples: native(&[Sample {
            x: &[
                Operand::Real(&[1, 2, 3, 3, 2], -1.0, 1.0),
                Operand::Real(&[2, 2, 2, 2, 2], -1.0, 1.0),
                Operand::Real(&[2], -1.0, 1.0),
            ],
            attrs: &[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        }]),
        ..CONVOLUTION
    },
    Spec {
        name: "convTranspose1d",
        doc: native(
            "The derivative of conv1d by its argument as an operation: `[n, in, length] -> [n, out, (length - 1) stride - 2 padding + dilation (kernel - 1) + outputPadding + 1]`, w `[in, out / groups, kernel]`. PyTorch's conv_transpose1d.",
        ),
        notes: notes(
            "x gets conv1d of g and weight, weight the correlation of g and x, bias Σ g over all but the channels",
            "O(n in length out / groups kernel), with the length of x",
        ),
        attrs: TRANSPOSED,
        build: |c| conv_transpose(c, 1),
        samples: native(&[Sample {
            x: &[
                Operand::Real(&[2, 4, 3], -1.0, 1.0),
                Operand::Real(&[4, 3, 3], -1.0, 1.0),
                Operand::Real(&[6], -1.0, 1.0),
            ],
            attrs: &[1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0],
        }]),
        ..CONVOLUTION
    },
    Spec {
        name: "convTranspose2d",
        doc: native(
            "The derivative of conv2d by its argument as an operation: each size becomes (size - 1) stride - 2 padding + dilation (kernel - 1) + outputPadding + 1, w `[in, out / groups, ..kernel]`. PyTorch's conv_transpose2d.",
        ),
        notes: notes(
            "x gets conv2d of g and weight, weight the correlation of g and x, bias Σ g over all but the channels",
            "O(n in height width out / groups kernel), with the sizes of x",
        ),
        attrs: TRANSPOSED,
        build: |c| conv_transpose(c, 2),
        samples: native(&[Sample {
            x: &[
                Operand::Real(&[2, 2, 3, 2], -1.0, 1.0),
                Operand::Real(&[2, 3, 2, 3], -1.0, 1.0),
                Operand::Real(&[3], -1.0, 1.0),
            ],
            attrs: &[1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        }]),
        ..CONVOLUTION
    },
    Spec {
        name: "maxPool1d",
        doc: native(
            "The largest element of each window over the last axis of `[.., channels, length]`, which becomes floor((length + 2 padding - dilation (kernel - 1) - 1) / stride) + 1; stride is the kernel when left out; ties share the gradient equally.",
        ),
        notes: notes(
            "x gets g at the largest element of each window, added where windows overlap; equal ones share it",
            "O(n kernel) for n results",
        ),
        attrs: MAX_POOL,
        build: |c| max_pool(c, 1),
        samples: native(&[Sample {
            x: &[Operand::Real(&[2, 2, 6], -2.0, 2.0)],
            attrs: &[1.0, 3.0, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0],
        }]),
        ..POOL
    },
    Spec {
        name: "maxPool2d",
        doc: native(
            "The largest element of each window over the last two axes of `[.., channels, height, width]`, whose sizes become those of maxPool1d; stride is the kernel when left out; ties share the gradient equally.",
        ),
        notes: notes(
            "x gets g at the largest element of each window, added where windows overlap; equal ones share it",
            "O(n kernel) for n results and the elements of the kernel",
        ),
        attrs: MAX_POOL,
        build: |c| max_pool(c, 2),
        samples: native(&[Sample {
            x: &[Operand::Real(&[2, 4, 5], -2.0, 2.0)],
            attrs: &[1.0, 2.0, NONE, 1.0, 0.0, 1.0, 1.0],
        }]),
        ..POOL
    },
    Spec {
        name: "avgPool1d",
        doc: native(
            "The mean of each window over the last axis of `[.., channels, length]`, which becomes floor((length + 2 padding - kernel) / stride) + 1; stride is the kernel when left out. Padding counts as zeros, or not at all without countIncludePad.",
        ),
        notes: notes(
            "x gets g / count at each element of the window, added where windows overlap",
            "O(n kernel) for n results",
        ),
        attrs: AVG_POOL,
        build: |c| avg_pool(c, 1),
        samples: native(&[Sample {
            x: &[Operand::Real(&[2, 2, 6], -2.0, 2.0)],
            attrs: &[1.0, 3.0, 1.0, 2.0, 1.0, 1.0, 0.0],
        }]),
        ..POOL
    },
    Spec {
        name: "avgPool2d",
        doc: native(
            "The mean of each window over the last two axes of `[.., channels, height, width]`, whose sizes become those of avgPool1d; stride is the kernel when left out. Padding counts as zeros, or not at all without countIncludePad.",
        ),
        notes: notes(
            "x gets g / count at each element of the window, added where windows overlap",
            "O(n kernel) for n results and the elements of the kernel",
        ),
        attrs: AVG_POOL,
        build: |c| avg_pool(c, 2),
        samples: native(&[Sample {
            x: &[Operand::Real(&[2, 4, 5], -2.0, 2.0)],
            attrs: &[1.0, 2.0, NONE, 1.0, 1.0, 1.0],
        }]),
        ..POOL
    },
];

/// What convolutions have in common.
const CONVOLUTION: Spec = Spec {
    name: "",
    doc: native(""),
    notes: notes("", ""),
    inputs: &["x", "weight", "bias=0"],
    attrs: CONV,
    dtypes: "float",
    build: |c| conv(c, 1),
    samples: native(&[]),
};

/// What pooling operations have in common.
const POOL: Spec = Spec { inputs: &["x"], ..CONVOLUTION };

type Sizes = SmallVec<[usize; 8]>;

/// The product of sizes.
fn product(sizes: &[usize]) -> usize {
    sizes.iter().product()
}

/// A shape made of parts.
fn shape_of(parts: &[&[usize]]) -> Shape {
    Shape::of(&parts.concat())
}

/// Windows along each of `d` dimensions from the next attributes, which are checked.
fn windows(kernel: &[usize], stride: &[usize], dilation: &[usize]) -> Each {
    let each = kernel.iter().zip(stride).zip(dilation);
    each.map(|((&size, &stride), &dilation)| Window { size, stride, dilation }).collect()
}

/// The spatial dimensions of `x` (its last ones) with margins: those given, or what keeps ceil(size / stride) windows.
fn padded<'t>(x: Var<'t>, each: &Each, padding: Option<&[usize]>, value: f64) -> Result<Var<'t>> {
    let lead = x.shape().ndim() - each.len();
    let margin = |k: usize| {
        let (w, n) = (each[k], x.shape()[lead + k]);
        let [before, after] = match padding {
            Some(padding) => [padding[k]; 2],
            None => {
                let total =
                    ((n.div_ceil(w.stride).saturating_sub(1) * w.stride).saturating_add(w.span())).saturating_sub(n);
                [total / 2, total - total / 2]
            }
        };
        Margin { before, after, between: 0 }
    };
    let margins: SmallVec<[Margin; 4]> =
        (0..lead).map(|_| Margin::default()).chain((0..each.len()).map(margin)).collect();
    if margins.iter().all(|m| *m == Margin::default()) {
        return Ok(x);
    }
    x.tape().record(Pad { margins, value }, &[x])
}

/// `[n, in, s..]`, also of `[in, s..]`, and whether n was there. Errors: `shape`.
fn batched<'t>(c: &Call<'_, 't>, d: usize) -> Result<(Var<'t>, bool)> {
    let x = c.x[0];
    match x.shape().ndim() {
        n if n == d + 2 => Ok((x, true)),
        n if n == d + 1 => Ok((x.reshape(x.shape().prepended(1)), false)),
        _ => c.refuse(
            Code::Shape,
            format!("x must have {} dimensions, or {} without the batch, got {}", d + 2, d + 1, x.shape()),
        ),
    }
}

/// The result with the bias of each channel and, where x came without, without the batch.
fn finished<'t>(c: &Call<'_, 't>, y: Var<'t>, with_batch: bool) -> Result<Var<'t>> {
    let (shape, bias) = (y.shape(), c.x[2]);
    let y = if bias.constant() == Some(0.0) {
        y
    } else {
        let ones = vec![1; shape.ndim() - 2];
        if bias.shape()[..] != [shape[1]] {
            return c.refuse(Code::Shape, format!("bias must be [{}], got {}", shape[1], bias.shape()));
        }
        y + bias.reshape(shape_of(&[&[shape[1]], &ones]))
    };
    Ok(if with_batch { y } else { y.reshape(Shape::of(&y.shape()[1..])) })
}

/// The checked number of groups.
fn groups(c: &mut Call<'_, '_>, parts: &[usize]) -> Result<usize> {
    let groups = c.size("groups")?;
    if groups == 0 || parts.iter().any(|n| !n.is_multiple_of(groups)) {
        let sentence = format!("groups must divide the channels {parts:?}, got {groups}");
        return c.refuse(Code::Argument, sentence);
    }
    Ok(groups)
}

fn conv<'t>(c: &mut Call<'_, 't>, d: usize) -> Result<Var<'t>> {
    c.need_float()?;
    same_dtype(c.op, &[c.x[0].aval(), c.x[1].aval(), c.x[2].aval()])?;
    let (x, with_batch) = batched(c, d)?;
    let (shape, w) = (x.shape(), c.x[1].shape());
    if w.ndim() != d + 2 {
        return c.refuse(Code::Shape, format!("weight must have {} dimensions, got {w}", d + 2));
    }
    let stride = c.sizes("stride", d, 1)?.unwrap_or_else(|| vec![1; d]);
    let padding = c.padding(d)?;
    let dilation = c.sizes("dilation", d, 1)?.unwrap_or_else(|| vec![1; d]);
    let groups = groups(c, &[shape[1], w[0]])?;
    if shape[1] / groups != w[1] {
        let sentence = format!("weight must be [out, {}, ..kernel] for x {shape}, got {w}", shape[1] / groups);
        return c.refuse(Code::Shape, sentence);
    }
    let each = windows(&w[2..], &stride, &dilation);
    let x = padded(x, &each, padding.as_deref(), 0.0)?;
    let out: Sizes = each.iter().zip(&x.shape()[2..]).map(|(e, &n)| e.count(n)).collect();
    let columns = columns(x, &each, groups)?;
    let rows = c.x[1].reshape(Shape::of(&[groups, w[0] / groups, w[1] * product(&w[2..])]));
    finished(c, rows.matmul(columns).reshape(shape_of(&[&[shape[0], w[0]], &out])), with_batch)
}

/// The windows over `[n, in, s..]` as the columns of matrices: `[n, groups, in / groups · kernel, windows]`.
fn columns<'t>(x: Var<'t>, each: &Each, groups: usize) -> Result<Var<'t>> {
    let (shape, d) = (x.shape(), each.len());
    let rows = x.reshape(shape_of(&[&[shape[0] * shape[1]], &shape[2..]]));
    let y = x.tape().record(Windows { each: each.clone() }, &[rows])?;
    let (out, kernel) = (product(&y.shape()[1..=d]), product(&y.shape()[d + 1..]));
    // Windows last: they are the neighbours in memory.
    let axes: Vec<usize> = std::iter::once(0).chain(d + 1..=2 * d).chain(1..=d).collect();
    Ok(y.permute(&axes).reshape(Shape::of(&[shape[0], groups, shape[1] / groups * kernel, out])))
}

fn conv_transpose<'t>(c: &mut Call<'_, 't>, d: usize) -> Result<Var<'t>> {
    c.need_float()?;
    same_dtype(c.op, &[c.x[0].aval(), c.x[1].aval(), c.x[2].aval()])?;
    let (x, with_batch) = batched(c, d)?;
    let (shape, w) = (x.shape(), c.x[1].shape());
    if w.ndim() != d + 2 || w[0] != shape[1] {
        let sentence = format!("weight must be [{}, out / groups, ..kernel] for x {shape}, got {w}", shape[1]);
        return c.refuse(Code::Shape, sentence);
    }
    let stride = c.sizes("stride", d, 1)?.unwrap_or_else(|| vec![1; d]);
    let padding = c.sizes("padding", d, 0)?.unwrap_or_else(|| vec![0; d]);
    let output_padding = c.sizes("outputPadding", d, 0)?.unwrap_or_else(|| vec![0; d]);
    let dilation = c.sizes("dilation", d, 1)?.unwrap_or_else(|| vec![1; d]);
    let groups = groups(c, &[shape[1]])?;
    let each = windows(&w[2..], &stride, &dilation);
    // From the first to the last element of the windows.
    let spread = |k: usize| shape[k + 2].saturating_sub(1).saturating_mul(stride[k]).saturating_add(each[k].span());
    let mut whole: SmallVec<[usize; 3]> = SmallVec::new();
    let mut inside: SmallVec<[Range; 4]> = SmallVec::new();
    for k in 0..d {
        let full = spread(k).saturating_add(output_padding[k]);
        if output_padding[k] >= stride[k].max(dilation[k]) || padding[k] >= full.div_ceil(2) {
            let sentence = "outputPadding must be below stride or dilation, and padding leave something of the result";
            return c.refuse(Code::Argument, format!("{sentence}, got {output_padding:?} and {padding:?}"));
        }
        whole.push(full);
        inside.push(Range { start: padding[k], len: full - 2 * padding[k], step: 1 });
    }
    // The transposed product, and what it gives for each element of a window goes to its place.
    let (per_group, kernel, n) = (w[1], product(&w[2..]), product(&shape[2..]));
    let rows = c.x[1].reshape(Shape::of(&[groups, shape[1] / groups, per_group * kernel])).transpose_last();
    let columns = rows.matmul(x.reshape(Shape::of(&[shape[0], groups, shape[1] / groups, n])));
    let lead = shape[0] * groups * per_group;
    let columns = columns.reshape(shape_of(&[&[lead], &w[2..], &shape[2..]]));
    let axes: Vec<usize> = std::iter::once(0).chain(d + 1..=2 * d).chain(1..=d).collect();
    // Rows that outputPadding adds, and what dilation leaves over, are in no window: they stay zero.
    let fitting: SmallVec<[usize; 3]> = (0..d).map(spread).collect();
    Shape::new(c.op, &[&[shape[0], groups * w[1]], &whole[..]].concat())?;
    let y = columns.permute(&axes).apply(Fold { each, sizes: fitting.clone() });
    let y = y.reshape(shape_of(&[&[shape[0], groups * per_group], &fitting]));
    let margins = |k: usize| Margin { before: 0, after: if k < 2 { 0 } else { output_padding[k - 2] }, between: 0 };
    let y = if whole == fitting { y } else { y.apply(Pad { margins: (0..d + 2).map(margins).collect(), value: 0.0 }) };
    let all = |len: usize| Range { start: 0, len, step: 1 };
    let ranges: SmallVec<[Range; 4]> = [all(shape[0]), all(groups * per_group)].into_iter().chain(inside).collect();
    let y = if padding.iter().all(|&p| p == 0) { y } else { y.apply(Slice { ranges }) };
    finished(c, y, with_batch)
}

/// What pooling slides over x.
struct Pool {
    each: Each,
    padding: Option<Vec<usize>>,
}

impl Pool {
    /// The windows over `[.., s..]` with `value` around: `[rows, windows.., kernel..]`.
    fn over<'t>(&self, x: Var<'t>, value: f64) -> Result<Var<'t>> {
        let lead = x.shape().ndim() - self.each.len();
        let rows = product(&x.shape()[..lead]);
        let x = padded(x, &self.each, self.padding.as_deref(), value)?;
        let rows = x.reshape(shape_of(&[&[rows], &x.shape()[lead..]]));
        x.tape().record(Windows { each: self.each.clone() }, &[rows])
    }

    /// The shape of the result, of which `y` has the elements.
    fn shaped<'t>(&self, x: Var<'t>, y: Var<'t>) -> Var<'t> {
        let lead = x.shape().ndim() - self.each.len();
        y.reshape(shape_of(&[&x.shape()[..lead], &y.shape()[1..]]))
    }
}

/// Reads the attributes of pooling.
fn pool(c: &mut Call<'_, '_>, d: usize, dilated: bool) -> Result<Pool> {
    let x = c.x[0];
    c.need_float()?;
    let shape = x.shape();
    if shape.ndim() < d {
        return c.refuse(Code::Shape, format!("x must have at least {d} dimensions, got {shape}"));
    }
    let Some(kernel) = c.sizes("kernel", d, 1)? else {
        return c.refuse(Code::Argument, "kernel must be given");
    };
    let stride = c.sizes("stride", d, 1)?.unwrap_or_else(|| kernel.clone());
    let padding = c.padding(d)?;
    let dilation = if dilated { c.sizes("dilation", d, 1)? } else { None }.unwrap_or_else(|| vec![1; d]);
    if let Some(padding) = padding.as_ref().filter(|p| p.iter().zip(&kernel).any(|(p, k)| 2 * p > *k)) {
        let sentence = format!("padding must be at most half the kernel, got {padding:?} and {kernel:?}");
        return c.refuse(Code::Argument, sentence);
    }
    Ok(Pool { each: windows(&kernel, &stride, &dilation), padding })
}

fn max_pool<'t>(c: &mut Call<'_, 't>, d: usize) -> Result<Var<'t>> {
    let (x, pool) = (c.x[0], pool(c, d, true)?);
    let axes = (d + 1..=2 * d).collect();
    let y = c.tape.record(Extremum { max: true, axes, keep_dims: false }, &[pool.over(x, f64::NEG_INFINITY)?])?;
    Ok(pool.shaped(x, y))
}

fn avg_pool<'t>(c: &mut Call<'_, 't>, d: usize) -> Result<Var<'t>> {
    let (x, pool, all) = (c.x[0], pool(c, d, false)?, c.bool()?);
    let axes: AxisSet = (d + 1..=2 * d).collect();
    let total = pool.over(x, 0.0)?.sum(axes, false);
    let count = if all {
        total.lit(pool.each.iter().map(|w| w.size as f64).product())
    } else {
        // The elements of each window that are no padding: the same sum over ones.
        let one = Shape::of(&x.shape()[x.shape().ndim() - d..]);
        pool.over(x.one().expand(one), 0.0)?.sum(axes, false)
    };
    Ok(pool.shaped(x, total / count))
}
