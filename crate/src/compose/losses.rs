//! The linear layer and losses.

use crate::call::{Attr, Call, Kind, Operand, Sample, Spec, option};
use crate::compose::statistics::{log_softmax, mean};
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
        doc: "x Φ(x), with Φ the distribution function of the standard normal distribution; with approximate \"tanh\" x (1 + tanh(sqrt(2/π) (x + 0.044715 x³))) / 2 (Hendrycks and Gimpel, 2016).",
        inputs: &["x"],
        attrs: &[option("approximate", Kind::Choice(&["none", "tanh"]), "\"none\"")],
        dtypes: "float",
        build: |c| {
            let func = if c.choice(2)? == 0 { Func::Gelu } else { Func::GeluTanh };
            c.tape.record(Map { func }, c.x)
        },
        samples: &[Sample { x: &[Operand::Real(&[2, 3], -3.0, 3.0)], attrs: &[0.0] }],
    },
    Spec {
        name: "linear",
        doc: "`x weightᵀ + bias`: `[.., in] · [out, in] -> [.., out]`.",
        inputs: &["x", "weight", "bias?"],
        attrs: &[],
        dtypes: "float",
        build: linear,
        samples: &[Sample {
            x: &[Operand::Real(&[3, 4], -1.0, 1.0), Operand::Real(&[2, 4], -1.0, 1.0), Operand::Real(&[2], -1.0, 1.0)],
            attrs: &[],
        }],
    },
    Spec {
        name: "mseLoss",
        doc: "(x - target)², reduced to its mean, its sum, or not.",
        inputs: &["x", "target"],
        attrs: &[REDUCTION],
        dtypes: "float",
        build: |c| {
            c.need_float()?;
            let (a, b) = (c.x[0].shape(), c.x[1].shape());
            if a != b {
                return c.refuse(Code::Shape, format!("x and target must have the same shape, got {a} and {b}"));
            }
            op::same_dtype("mseLoss", &[c.x[0].aval(), c.x[1].aval()])?;
            let loss = (c.x[0] - c.x[1]).square();
            reduce(c, loss)
        },
        samples: &[Sample {
            x: &[Operand::Real(&[3, 2], -1.0, 1.0), Operand::Real(&[3, 2], -1.0, 1.0)],
            attrs: &[0.0],
        }],
    },
    Spec {
        name: "crossEntropy",
        doc: "-log softmax(logits)[label]: logits `[n, classes, ..]` or `[classes]`, labels int32 `[n, ..]` from 0 to classes - 1, or a tensor of probabilities in the shape of logits. labelSmoothing ε mixes the target with ε / classes; labels equal to ignoreIndex do not count, not in the mean either. PyTorch's cross_entropy.",
        inputs: &["logits", "labels:int32"],
        attrs: &[REDUCTION, option("labelSmoothing", Kind::Float, "0"), option("ignoreIndex", Kind::Int, "-100")],
        dtypes: "any",
        build: cross_entropy,
        samples: &[
            Sample { x: &[Operand::Real(&[4, 3], -2.0, 2.0), Operand::Index(&[4], 3)], attrs: &[0.0, 0.0, -100.0] },
            Sample { x: &[Operand::Real(&[4, 3], -2.0, 2.0), Operand::Index(&[4], 3)], attrs: &[1.0, 0.1, 1.0] },
            Sample {
                x: &[Operand::Real(&[4, 3], -2.0, 2.0), Operand::Real(&[4, 3], 0.1, 0.9)],
                attrs: &[0.0, 0.0, -100.0],
            },
        ],
    },
];

/// The mean, the sum, or all of a loss, as the next attribute says.
fn reduce<'t>(c: &mut Call<'_, 't>, loss: Var<'t>) -> Result<Var<'t>> {
    Ok(match c.choice(3)? {
        0 => mean(loss, AxisSet::all(loss.shape().ndim()), false),
        1 => loss.sum_all(),
        _ => loss,
    })
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
    let axis = usize::from(shape.ndim() > 1);
    let classes = AxisSet::from_iter([axis]);
    let (reduction, smoothing, ignore) = (c.choice(3)?, c.float()?, c.int("ignoreIndex")? as f64);
    if !(0.0..=1.0).contains(&smoothing) {
        return c.refuse(Code::Argument, format!("labelSmoothing must be in [0, 1], got {smoothing}"));
    }
    let logp = log_softmax(logits, axis);
    let uniform = |scale: f64| (logp.lit(-scale) * mean(logp, classes, true)).reshape(shape.reduced(classes, false));
    let number = |x: f64| logp.lit(x);
    if labels.dtype().is_float() {
        if labels.shape() != shape {
            return c.refuse(
                Code::Shape,
                format!("probabilities must have the shape of logits, got {} for {shape}", labels.shape()),
            );
        }
        op::same_dtype("crossEntropy", &[logits.aval(), labels.aval()])?;
        let mut loss = -(labels * logp).sum(classes, false);
        if smoothing > 0.0 {
            loss = number(1.0 - smoothing) * loss + uniform(smoothing);
        }
        let n = loss.shape().size() as f64;
        return Ok(match reduction {
            0 => loss.sum_all() / number(n),
            1 => loss.sum_all(),
            _ => loss,
        });
    }
    let rest = shape.reduced(classes, false);
    if labels.dtype() != DType::Int32 || labels.shape() != rest {
        let sentence = format!(
            "labels must be int32 of shape {rest} for logits {shape}, got {} of shape {}",
            labels.dtype().name(),
            labels.shape()
        );
        return c.refuse(Code::Shape, sentence);
    }
    let counted = labels.test(Test::NotEqual, labels.lit(ignore));
    // Labels that do not count point at class 0 and are masked out.
    let safe = Var::select(counted, labels, labels.zero());
    let places = safe.reshape(shape.with_dim(axis, 1));
    let picked = c.tape.record(Gather { axis, indices: LABELS }, &[logp, places])?.reshape(rest);
    let mut loss = -picked;
    if smoothing > 0.0 {
        loss = number(1.0 - smoothing) * loss + uniform(smoothing);
    }
    let loss = Var::select(counted, loss, loss.zero());
    Ok(match reduction {
        0 => loss.sum_all() / counted.cast(loss.dtype()).sum_all(),
        1 => loss.sum_all(),
        _ => loss,
    })
}
