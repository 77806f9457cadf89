//! Convolutions and pooling, over sliding windows: products and reductions of views, so all derivatives follow.

use smallvec::SmallVec;

use crate::call::{Attr, Call, Kind, NONE, Operand, SAME, Sample, Spec, native, notes, option, param};
use crate::error::{Code, Result};
use crate::op::same_dtype;
use crate::ops::convolve::{Convolve, Slide, Slides, turned};
use crate::ops::extremum::Extremum;
use crate::ops::pad::{Margin, Pad};
use crate::ops::windows::{Each, Window, Windows};
use crate::real::Real;
use crate::shape::{AxisSet, MAX_DIMS, Shape};
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

/// What is added to a dimension of `n` elements: the padding given, or what keeps ceil(n / stride) windows.
fn margin(w: Window, n: usize, padding: Option<usize>) -> Margin {
    let [before, after] = match padding {
        Some(padding) => [padding; 2],
        None => {
            let last = n.div_ceil(w.stride).saturating_sub(1) * w.stride;
            let total = last.saturating_add(w.span()).saturating_sub(n);
            [total / 2, total - total / 2]
        }
    };
    Margin { before, after, between: 0 }
}

/// The spatial dimensions of `x` (its last ones) with the margins of [`margin`].
fn padded<'t>(x: Var<'t>, each: &Each, padding: Option<&[usize]>, value: f64) -> Result<Var<'t>> {
    let shape = x.shape();
    let lead = shape.ndim() - each.len();
    let around = each.iter().enumerate().map(|(k, &w)| margin(w, shape[lead + k], padding.map(|p| p[k])));
    let margins: SmallVec<[Margin; 3]> = std::iter::repeat_n(Margin::default(), lead).chain(around).collect();
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
    let mut slides = Slides::new();
    for (k, (e, &n)) in each.iter().zip(&shape[2..]).enumerate() {
        let Margin { before, after, .. } = margin(*e, n, padding.as_ref().map(|p| p[k]));
        let whole = n.saturating_add(before).saturating_add(after);
        let count = e.count(whole);
        if count == 0 {
            let sentence =
                format!("a kernel that spans {} elements must fit into the {whole} that are there", e.span());
            return c.refuse(Code::Shape, sentence);
        }
        slides.push(Slide { stride: e.stride, dilation: e.dilation, spread: 1, before: before as isize, count });
    }
    let y = grouped(c, x, c.x[1].reshape(of_groups(w, groups)), groups, Convolve { slides })?;
    finished(c, y, with_batch)
}

/// `[groups · out, in, k..]` as `[groups, out, in, k..]`.
fn of_groups(w: Shape, groups: usize) -> Shape {
    shape_of(&[&[groups, w[0] / groups], &w[1..]])
}

/// The convolution of `[n, groups · in, s..]` with a kernel `[groups, out, in, k..]`: `[n, groups · out, ..]`.
fn grouped<'t>(c: &Call<'_, 't>, x: Var<'t>, w: Var<'t>, groups: usize, op: Convolve) -> Result<Var<'t>> {
    let shape = x.shape();
    let x = x.reshape(shape_of(&[&[shape[0], groups, shape[1] / groups], &shape[2..]]));
    let y = c.tape.record(op, &[x, w])?;
    let out = y.shape();
    Ok(y.reshape(shape_of(&[&[out[0], out[1] * out[2]], &out[3..]])))
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
    if shape[2..].contains(&0) {
        let sentence = format!("x must have at least one element along each dimension of the kernel, got {shape}");
        return c.refuse(Code::Shape, sentence);
    }
    let mut sizes: SmallVec<[usize; 3]> = SmallVec::new();
    let mut slides = Slides::new();
    for (k, e) in each.iter().enumerate() {
        // From the first to the last element of the windows of the convolution that this is the transpose of.
        let spread = shape[k + 2].saturating_sub(1).saturating_mul(stride[k]).saturating_add(e.span());
        let full = spread.saturating_add(output_padding[k]);
        if output_padding[k] >= stride[k].max(dilation[k]) || padding[k] >= full.div_ceil(2) {
            let sentence = "outputPadding must be below stride or dilation, and padding leave something of the result";
            return c.refuse(Code::Argument, format!("{sentence}, got {output_padding:?} and {padding:?}"));
        }
        sizes.push(full - 2 * padding[k]);
        let before = padding[k] as isize;
        slides.push(Slide { stride: e.stride, dilation: e.dilation, spread: 1, before, count: shape[k + 2] });
    }
    Shape::new(c.op, &[&[shape[0], groups * w[1]], &sizes[..]].concat())?;
    let op = Convolve { slides }.transposed(&sizes, &w[2..]);
    let y = grouped(c, x, turned(c.x[1].reshape(of_groups(w, groups))), groups, op)?;
    finished(c, y, with_batch)
}

/// What pooling slides over x.
struct Pool {
    each: Each,
    padding: Option<Vec<usize>>,
}

impl Pool {
    /// The windows over `[.., s..]` with `value` around: `[kernel.., rows, windows..]`, for few elements in front of many
    /// windows are reduced, and compared, in long runs.
    fn over<'t>(&self, x: Var<'t>, value: f64) -> Result<Var<'t>> {
        let lead = x.shape().ndim() - self.each.len();
        let rows = product(&x.shape()[..lead]);
        let x = padded(x, &self.each, self.padding.as_deref(), value)?;
        let rows = x.reshape(shape_of(&[&[rows], &x.shape()[lead..]]));
        let d = self.each.len();
        let y = x.tape().record(Windows { each: self.each.clone() }, &[rows])?;
        Ok(y.permute(&(d + 1..=2 * d).chain(0..=d).collect::<SmallVec<[usize; MAX_DIMS]>>()))
    }

    /// The axes of the windows' elements.
    fn axes(&self) -> AxisSet {
        (0..self.each.len()).collect()
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
    let y = pool.over(x, f64::NEG_INFINITY)?;
    let y = c.tape.record(Extremum { max: true, axes: pool.axes(), keep_dims: false }, &[y])?;
    Ok(pool.shaped(x, y))
}

fn avg_pool<'t>(c: &mut Call<'_, 't>, d: usize) -> Result<Var<'t>> {
    let (x, pool, all) = (c.x[0], pool(c, d, false)?, c.bool()?);
    let total = pool.over(x, 0.0)?.sum(pool.axes(), false);
    let count = if all {
        total.lit(pool.each.iter().map(|w| w.size as f64).product())
    } else {
        // The elements of each window that are no padding: the same sum over ones.
        let one = Shape::of(&x.shape()[x.shape().ndim() - d..]);
        pool.over(x.one().expand(one), 0.0)?.sum(pool.axes(), false)
    };
    Ok(pool.shaped(x, total / count))
}
