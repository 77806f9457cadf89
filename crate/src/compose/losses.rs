//! The linear layer and losses.

use crate::call::{Attr, Call, Kind, Operand, Sample, Spec, native, notes, option};
use crate::compose::statistics::{log_softmax, mean, root};
use crate::dtype::DType;
use crate::elementwise::{Func, Test};
use crate::error::{Code, Result};
use crate::op;
use crate::ops::gather::{Gather, Indices};
use crate::ops::map::Map;
use crate::ops::matmul::matmul;
use crate::real::Real;
use crate::shape::AxisSet;
use crate::var::Var;

const LABELS: Indices = Indices { op: "crossEntropy", name: "labels", negative: false };
const REDUCTIONS: Kind = Kind::Choice(&["mean", "sum", "none"]);
const REDUCTION: Attr = option("reduction", REDUCTIONS, "\"mean\"");

pub const SPECS: &[Spec] = &[
    Spec {
        name: "gelu",
        doc: native(
            "x Φ(x), with Φ the distribution function of the standard normal distribution; in the shape of x; with approximate \"tanh\" x (1 + tanh(sqrt(2/π) (x + 0.044715 x³))) / 2 (Hendrycks and Gimpel, 2016).",
        ),
        notes: notes(
            "`dy/dx = Φ(x) + x φ(x)`, with φ the density of the normal distribution; with approximate \"tanh\" that of the approximation",
            "O(n)",
        ),
        inputs: &["x"],
        attrs: &[option("approximate", Kind::Choice(&["none", "tanh"]), "\"none\"")],
        dtypes: "float",
        build: |c| {
            let func = if c.choice(2)? == 0 { Func::Gelu } else { Func::GeluTanh };
            c.tape.perform(Map { func }, c.x)
        },
        samples: native(&[Sample { x: &[Operand::Real(&[2, 3], -3.0, 3.0)], attrs: &[0.0] }]),
    },
    Spec {
        name: "linear",
        doc: native("`x weightᵀ + bias`: `[.., in] · [out, in] -> [.., out]`."),
        notes: notes(
            "x gets g weight, weight gets gᵀ x, bias gets Σ g, summed over the leading dimensions",
            "O(in out) for each row",
        ),
        inputs: &["x", "weight", "bias?"],
        attrs: &[],
        dtypes: "float",
        build: linear,
        samples: native(&[Sample {
            x: &[Operand::Real(&[3, 4], -1.0, 1.0), Operand::Real(&[2, 4], -1.0, 1.0), Operand::Real(&[2], -1.0, 1.0)],
            attrs: &[],
        }]),
    },
    Spec {
        name: "mseLoss",
        doc: native("(x - target)², for x and target of one shape, reduced to its mean, its sum, or not (none)."),
        notes: notes("x gets 2 g (x - target), target the negative of it; divided by n for the mean", "O(n)"),
        attrs: &[REDUCTION],
        build: |c| pairwise(c, |x, t| (x - t).square()),
        samples: native(&[Sample {
            x: &[Operand::Real(&[3, 2], -1.0, 1.0), Operand::Real(&[3, 2], -1.0, 1.0)],
            attrs: &[0.0],
        }]),
        ..PAIRWISE
    },
    Spec {
        name: "maeLoss",
        doc: native(
            "|x - target|, for x and target of one shape, reduced to its mean, its sum, or not (none); the derivative at 0 is 0.",
        ),
        notes: notes("x gets g sign(x - target), target the negative of it; divided by n for the mean", "O(n)"),
        attrs: &[REDUCTION],
        build: |c| pairwise(c, |x, t| (x - t).abs()),
        samples: native(&[Sample {
            x: &[Operand::Real(&[3, 2], -1.0, 1.0), Operand::Real(&[3, 2], -1.0, 1.0)],
            attrs: &[1.0],
        }]),
        ..PAIRWISE
    },
    Spec {
        name: "huberLoss",
        doc: native(
            "(x - target)² / 2 where |x - target| ≤ delta, delta (|x - target| - delta / 2) beyond, whose derivative x - target stays within ±delta, for x and target of one shape, reduced to its mean, its sum, or not (none) (Huber, 1964).",
        ),
        notes: notes(
            "x gets g (x - target), held between -delta g and delta g, target the negative of it; divided by n for the mean",
            "O(n)",
        ),
        attrs: &[option("delta", Kind::Float, "1"), REDUCTION],
        build: |c| {
            let delta = c.float()?;
            if delta.is_nan() || delta <= 0.0 {
                return c.refuse(Code::Argument, format!("delta must be greater than 0, got {delta}"));
            }
            pairwise(c, |x, t| {
                let (d, delta) = (x - t, x.lit(delta));
                // The quadratic part stops growing at delta: its square does not overflow.
                let size = d.abs();
                let near = Var::select(delta.lt(size), delta, size);
                near * (size - x.lit(0.5) * near)
            })
        },
        samples: native(&[Sample {
            x: &[Operand::Real(&[3, 2], -1.0, 1.0), Operand::Real(&[3, 2], -1.0, 1.0)],
            attrs: &[0.7, 0.0],
        }]),
        ..PAIRWISE
    },
    Spec {
        name: "binaryCrossEntropyWithLogits",
        doc: native(
            "-t log sigmoid(x) - (1 - t) log sigmoid(-x), with t the target in the shape of x, without overflow, reduced to its mean, its sum, or not (none).",
        ),
        notes: notes("x gets g (sigmoid(x) - target), target gets -g x; divided by n for the mean", "O(n)"),
        attrs: &[REDUCTION],
        build: |c| pairwise(c, |x, t| x.map(Func::Softplus) - t * x),
        samples: native(&[Sample {
            x: &[Operand::Real(&[3, 2], -1.0, 1.0), Operand::Real(&[3, 2], 0.1, 0.9)],
            attrs: &[0.0],
        }]),
        ..PAIRWISE
    },
    Spec {
        name: "klDiv",
        doc: native(
            "p (log p - x), with p the target and x the logarithms of probabilities in the same shape, 0 where p is 0; reduced to its mean, its sum, or not (none): PyTorch's kl_div.",
        ),
        notes: notes("x gets -g target, target gets g (log(target) + 1 - x); divided by n for the mean", "O(n)"),
        attrs: &[REDUCTION],
        build: |c| {
            pairwise(c, |q, p| {
                let safe = Var::select(p.eq(p.zero()), p.one(), p);
                p * (safe.ln() - q)
            })
        },
        samples: native(&[Sample {
            x: &[Operand::Real(&[3, 2], -1.0, 1.0), Operand::Real(&[3, 2], 0.1, 0.9)],
            attrs: &[1.0],
        }]),
        ..PAIRWISE
    },
    Spec {
        name: "hingeLoss",
        doc: native(
            "max(0, 1 - target x), with targets of 1 and -1, for x and target of one shape, reduced to its mean, its sum, or not (none); the derivative at the kink is 0.",
        ),
        notes: notes(
            "x gets -g target where target x < 1, else 0, target gets -g x there; divided by n for the mean",
            "O(n)",
        ),
        attrs: &[REDUCTION],
        build: |c| pairwise(c, |x, t| (x.one() - t * x).map(Func::Relu)),
        samples: native(&[Sample {
            x: &[Operand::Real(&[3, 2], -1.0, 1.0), Operand::Real(&[3, 2], -1.0, 1.0)],
            attrs: &[0.0],
        }]),
        ..PAIRWISE
    },
    Spec {
        name: "cosineSimilarity",
        doc: native(
            "Σ a b / (max(|a|, eps) max(|b|, eps)) along an axis, which is gone from the common shape of a and b.",
        ),
        notes: notes(
            "with â = a / |a| and b̂ = b / |b|: a gets g (b̂ - y â) / |a|, b gets g (â - y b̂) / |b|, where both are longer than eps",
            "O(n)",
        ),
        inputs: &["a", "b"],
        attrs: &[option("axis", Kind::Axis, "-1"), option("eps", Kind::Float, "1e-8")],
        dtypes: "float",
        build: cosine_similarity,
        samples: native(&[Sample {
            x: &[Operand::Real(&[3, 2], -1.0, 1.0), Operand::Real(&[3, 2], -1.0, 1.0)],
            attrs: &[-1.0, 1e-8],
        }]),
    },
    Spec {
        name: "nllLoss",
        doc: native(
            "-logp[label]: logp `[n, classes, ..]` or `[classes]`, labels int32 `[n, ..]` from 0 to classes - 1; labels equal to ignoreIndex do not count, not in the mean either. PyTorch's nll_loss.",
        ),
        notes: notes("logp gets -g at the labels, 0 elsewhere; divided by their number for the mean", "O(n)"),
        inputs: &["logp", "labels:int32"],
        attrs: &[REDUCTION, option("ignoreIndex", Kind::Int, "-100")],
        dtypes: "float",
        build: |c| {
            op::need_float(c.op, c.x[0].dtype())?;
            let (reduction, ignore) = (c.choice(3)?, c.int("ignoreIndex")? as f64);
            picked_loss(c, c.x[0], Indices { op: "nllLoss", ..LABELS }, [0.0, ignore], reduction)
        },
        samples: native(&[
            Sample { x: &[Operand::Real(&[4, 3], -2.0, 2.0), Operand::Index(&[4], 3)], attrs: &[0.0, -100.0] },
            Sample { x: &[Operand::Real(&[4, 3], -2.0, 2.0), Operand::Index(&[4], 3)], attrs: &[1.0, 1.0] },
        ]),
    },
    Spec {
        name: "crossEntropy",
        doc: native(
            "-log softmax(logits)[label]: logits `[n, classes, ..]` or `[classes]`, labels int32 `[n, ..]` from 0 to classes - 1, or a tensor of probabilities in the shape of logits. labelSmoothing ε mixes the target with ε / classes; labels equal to ignoreIndex do not count, not in the mean either. PyTorch's cross_entropy.",
        ),
        notes: notes(
            "logits get g (softmax(logits) - target), with the label as a one-hot target; divided by their number for the mean",
            "O(n)",
        ),
        inputs: &["logits", "labels:int32"],
        attrs: &[REDUCTION, option("labelSmoothing", Kind::Float, "0"), option("ignoreIndex", Kind::Int, "-100")],
        dtypes: "float",
        build: cross_entropy,
        samples: native(&[
            Sample { x: &[Operand::Real(&[4, 3], -2.0, 2.0), Operand::Index(&[4], 3)], attrs: &[0.0, 0.0, -100.0] },
            Sample { x: &[Operand::Real(&[4, 3], -2.0, 2.0), Operand::Index(&[4], 3)], attrs: &[1.0, 0.1, 1.0] },
            Sample {
                x: &[Operand::Real(&[4, 3], -2.0, 2.0), Operand::Real(&[4, 3], 0.1, 0.9)],
                attrs: &[0.0, 0.0, -100.0],
            },
        ]),
    },
];

/// What losses of two tensors of one shape have in common.
const PAIRWISE: Spec = Spec {
    name: "",
    doc: native(""),
    notes: notes("", ""),
    inputs: &["x", "target"],
    attrs: &[REDUCTION],
    dtypes: "float",
    build: |c| pairwise(c, |x, _| x),
    samples: native(&[]),
};

/// A loss of each element of two tensors of one shape, reduced as the next attribute says.
fn pairwise<'t>(c: &mut Call<'_, 't>, loss: impl Fn(Var<'t>, Var<'t>) -> Var<'t>) -> Result<Var<'t>> {
    c.need_float()?;
    let (a, b) = (c.x[0].shape(), c.x[1].shape());
    if a != b {
        return c.refuse(Code::Shape, format!("x and target must have the same shape, got {a} and {b}"));
    }
    op::same_dtype(c.op, &[c.x[0].aval(), c.x[1].aval()])?;
    let loss = loss(c.x[0], c.x[1]);
    let reduction = c.choice(3)?;
    Ok(reduced(loss, reduction))
}

/// The mean (0), the sum (1), or all of a loss.
fn reduced(loss: Var<'_>, reduction: usize) -> Var<'_> {
    match reduction {
        0 => mean(loss, AxisSet::all(loss.shape().ndim()), false),
        1 => loss.sum_all(),
        _ => loss,
    }
}

fn linear<'t>(c: &mut Call<'_, 't>) -> Result<Var<'t>> {
    let (x, weight) = (c.x[0], c.x[1]);
    let (a, w) = (x.shape(), weight.shape());
    if a.ndim() == 0 || w.ndim() != 2 || a[a.ndim() - 1] != w[1] {
        return c.refuse(Code::Shape, format!("x must be [.., in] and weight [out, in], got {a} and {w}"));
    }
    op::same_dtype("linear", &[x.aval(), weight.aval()])?;
    let y = matmul(x, weight.transpose_last())?;
    let Some(&bias) = c.x.get(2) else { return Ok(y) };
    if bias.shape()[..] != [w[0]] {
        return c.refuse(Code::Shape, format!("bias must be [{}], got {}", w[0], bias.shape()));
    }
    c.tape.record(Map { func: Func::Add }, &[y, bias])
}

fn cross_entropy<'t>(c: &mut Call<'_, 't>) -> Result<Var<'t>> {
    let (logits, labels) = (c.x[0], c.x[1]);
    op::need_float("crossEntropy", logits.dtype())?;
    let shape = logits.shape();
    if shape.ndim() == 0 {
        return c.refuse(Code::Shape, "logits must have a dimension of classes, got a scalar");
    }
    let (reduction, smoothing, ignore) = (c.choice(3)?, c.float()?, c.int("ignoreIndex")? as f64);
    if !(0.0..=1.0).contains(&smoothing) {
        return c.refuse(Code::Argument, format!("labelSmoothing must be in [0, 1], got {smoothing}"));
    }
    let axis = usize::from(shape.ndim() > 1);
    let logp = log_softmax(logits, axis);
    if !labels.dtype().is_float() {
        return picked_loss(c, logp, LABELS, [smoothing, ignore], reduction);
    }
    if labels.shape() != shape {
        return c.refuse(
            Code::Shape,
            format!("probabilities must have the shape of logits, got {} for {shape}", labels.shape()),
        );
    }
    op::same_dtype("crossEntropy", &[logits.aval(), labels.aval()])?;
    let loss = smoothed(-(labels * logp).sum(AxisSet::from_iter([axis]), false), logp, axis, smoothing);
    Ok(reduced(loss, reduction))
}

/// The loss with its part that has no label: ε times the mean of -logp over the classes.
fn smoothed<'t>(loss: Var<'t>, logp: Var<'t>, axis: usize, smoothing: f64) -> Var<'t> {
    if smoothing == 0.0 {
        return loss;
    }
    let uniform = mean(logp, AxisSet::from_iter([axis]), false);
    loss.lit(1.0 - smoothing) * loss - loss.lit(smoothing) * uniform
}

/// -logp[label] for each label that is not `ignore`, mixed with ε of the mean over the classes.
fn picked_loss<'t>(
    c: &Call<'_, 't>,
    logp: Var<'t>,
    whose: Indices,
    [smoothing, ignore]: [f64; 2],
    reduction: usize,
) -> Result<Var<'t>> {
    let (shape, labels) = (logp.shape(), c.x[1]);
    if shape.ndim() == 0 {
        return c.refuse(Code::Shape, "the first argument must have a dimension of classes, got a scalar");
    }
    let axis = usize::from(shape.ndim() > 1);
    let rest = shape.reduced(AxisSet::from_iter([axis]), false);
    if labels.dtype() != DType::Int32 || labels.shape() != rest {
        let sentence = format!(
            "labels must be int32 of shape {rest} for {} {shape}, got {} of shape {}",
            if whose.op == LABELS.op { "logits" } else { "logp" },
            labels.dtype().name(),
            labels.shape()
        );
        return c.refuse(Code::Shape, sentence);
    }
    let counted = labels.test(Test::NotEqual, labels.lit(ignore));
    // Labels that do not count point at class 0 and are masked out.
    let safe = Var::select(counted, labels, labels.zero());
    let places = safe.reshape(shape.with_dim(axis, 1));
    let picked = c.tape.record(Gather { axis, indices: whose }, &[logp, places])?.reshape(rest);
    let loss = smoothed(-picked, logp, axis, smoothing);
    let loss = Var::select(counted, loss, loss.zero());
    Ok(match reduction {
        0 => loss.sum_all() / counted.cast(loss.dtype()).sum_all(),
        _ => reduced(loss, reduction),
    })
}

fn cosine_similarity<'t>(c: &mut Call<'_, 't>) -> Result<Var<'t>> {
    c.need_float()?;
    op::same_dtype(c.op, &[c.x[0].aval(), c.x[1].aval()])?;
    let shape = op::broadcast(c.op, &[c.x[0].aval(), c.x[1].aval()])?;
    let axes = AxisSet::from_iter([c.axis(shape.ndim())?]);
    let eps = c.float()?;
    let (a, b) = (c.x[0].expand(shape), c.x[1].expand(shape));
    let length = |x: Var<'t>| {
        let norm = root(x.square().sum(axes, false));
        Var::select(norm.lt(norm.lit(eps)), norm.lit(eps), norm)
    };
    Ok((a * b).sum(axes, false) / (length(a) * length(b)))
}
