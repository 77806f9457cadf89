//! Every refusal, word for word: `op: what must hold, got what`. And what a host can do after one.

mod common;

use common::{Rng, array, cases, code, float64, numbers, shape};
use wengert::array::Array;
use wengert::call::{self, specs};
use wengert::dtype::DType;
use wengert::elementwise::{Func, Test};
use wengert::error::{Code, Error, Result};
use wengert::ops::map::Map;
use wengert::tape::Tape;
use wengert::var::Var;
use wengert::wasm;

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;
/// More elements than fit in memory, yet few enough to be counted in bytes.
const VAST: f64 = 1e15;

fn zeros(dims: &[usize], dtype: DType) -> Array {
    array(dims, dtype, &vec![0.0; dims.iter().product()])
}

/// float64 zeros.
fn f(dims: &[usize]) -> Array {
    zeros(dims, DType::Float64)
}

/// int32 zeros.
fn i(dims: &[usize]) -> Array {
    zeros(dims, DType::Int32)
}

/// bool zeros.
fn b(dims: &[usize]) -> Array {
    zeros(dims, DType::Bool)
}

/// float32 zeros.
fn s(dims: &[usize]) -> Array {
    zeros(dims, DType::Float32)
}

fn key() -> Array {
    array(&[2], DType::Int32, &[0.0, 1.0])
}

fn at(index: f64) -> Array {
    array(&[1, 1], DType::Int32, &[index])
}

/// Text as it arrives: its length, then its characters.
fn text(text: &str) -> Vec<f64> {
    let letters: Vec<f64> = text.chars().map(|c| f64::from(c as u32)).collect();
    [letters.len() as f64].into_iter().chain(letters).collect()
}

/// Calls an operation outside of transformations and reads its value.
fn run(op: usize, x: &[Array], attrs: &[f64]) -> Result<Array> {
    let tape = Tape::new();
    let x: Vec<Var<'_>> = x.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = call::call(&tape, op, &x, attrs)?;
    tape.settle(&[y])?;
    tape.read(y)
}

fn refusal(op: usize, x: &[Array], attrs: &[f64], sentence: &str) -> Error {
    match run(op, x, attrs) {
        Err(e) => e,
        Ok(y) => panic!("gave {y:?} instead of \"{sentence}\""),
    }
}

#[test]
#[rustfmt::skip]
fn elementwise_operations_refuse() {
    let expected: &[(&str, Code, &[Array], &str)] = &[
        ("add", Code::Shape, &[f(&[2, 3]), f(&[4])], "add: shapes must be equal or 1 in each dimension, aligned at the end, got [2, 3] and [4]"),
        ("clip", Code::Shape, &[f(&[2]), f(&[3]), f(&[])], "clip: shapes must be equal or 1 in each dimension, aligned at the end, got [2] and [3] and []"),
        ("add", Code::DType, &[s(&[2]), f(&[2])], "add: operands must have the same dtype, got float32 and float64; convert one with .to(\"float64\")"),
        ("mul", Code::DType, &[s(&[2]), i(&[2])], "mul: operands must have the same dtype, got float32 and int32; convert one with .to(\"float32\")"),
        ("mul", Code::DType, &[i(&[2]), s(&[2])], "mul: operands must have the same dtype, got int32 and float32; convert one with .to(\"float32\")"),
        ("less", Code::DType, &[b(&[2]), i(&[2])], "less: operands must have the same dtype, got bool and int32; convert one with .to(\"int32\")"),
        ("exp", Code::DType, &[i(&[2])], "exp: the dtype must be float32 or float64, got int32; convert with .to(\"float32\")"),
        ("add", Code::DType, &[b(&[2]), b(&[2])], "add: the dtype must be float32, float64 or int32, got bool; convert with .to(\"float32\")"),
        ("leaky_relu", Code::DType, &[i(&[2]), i(&[])], "leakyRelu: the dtype must be float32 or float64, got int32; convert with .to(\"float32\")"),
        ("not_equal", Code::Shape, &[f(&[2]), f(&[3])], "notEqual: shapes must be equal or 1 in each dimension, aligned at the end, got [2] and [3]"),
        ("add", Code::Argument, &[f(&[2])], "add: needs 2 operands, got 1"),
        ("add", Code::Argument, &[], "add: needs 2 operands, got 0"),
        ("logical_not", Code::Argument, &[f(&[2]), f(&[2])], "logicalNot: needs 1 operand, got 2"),
        ("equal", Code::Argument, &[], "equal: needs 2 operands, got 0"),
        ("where", Code::DType, &[f(&[2]), f(&[2]), f(&[2])], "where: the condition must be bool, got float64; write a comparison, for instance notEqual(c, 0)"),
        ("where", Code::DType, &[b(&[2]), f(&[2]), s(&[2])], "where: operands must have the same dtype, got float64 and float32; convert one with .to(\"float64\")"),
        ("where", Code::Shape, &[b(&[3]), f(&[2]), f(&[2])], "where: shapes must be equal or 1 in each dimension, aligned at the end, got [3] and [2] and [2]"),
    ];
    for (name, kind, x, sentence) in expected {
        let error = refusal(code(name), x, &[], sentence);
        assert_eq!(error.to_string(), *sentence);
        assert_eq!(error.code(), *kind, "{sentence}");
    }
}

/// Operation, kind of refusal, operands, attributes, sentence.
type Refused<'a> = (&'a str, Code, &'a [Array], &'a [f64], &'a str);

#[test]
#[rustfmt::skip]
fn structural_and_composed_operations_refuse() {
    let expected: &[Refused<'_>] = &[
        // Reductions.
        ("sum", Code::DType, &[b(&[2])], &[-1.0, 0.0], "sum: the dtype must be float32, float64 or int32, got bool; convert with .to(\"float32\")"),
        ("sum", Code::Axis, &[f(&[2, 3])], &[1.0, NAN, 0.0], "sum: axis must be an integer in [-2, 1] for 2 dimensions, got NaN"),
        ("sum", Code::Axis, &[f(&[2, 3])], &[1.0, 0.5, 0.0], "sum: axis must be an integer in [-2, 1] for 2 dimensions, got 0.5"),
        ("sum", Code::Axis, &[f(&[2, 3])], &[1.0, 2.0, 0.0], "sum: axis must be an integer in [-2, 1] for 2 dimensions, got 2"),
        ("sum", Code::Axis, &[f(&[2, 3])], &[1.0, -3.0, 0.0], "sum: axis must be an integer in [-2, 1] for 2 dimensions, got -3"),
        ("sum", Code::Axis, &[f(&[2, 3])], &[1.0, INF, 0.0], "sum: axis must be an integer in [-2, 1] for 2 dimensions, got inf"),
        ("sum", Code::Axis, &[f(&[])], &[1.0, 0.0, 0.0], "sum: a scalar has no axes, got 0"),
        ("sum", Code::Axis, &[f(&[2, 3])], &[2.0, 0.0, -2.0, 0.0], "sum: each axis may be given once, got 0 twice"),
        ("sum", Code::Argument, &[f(&[2, 3])], &[], "sum: the length of a list is missing"),
        ("sum", Code::Argument, &[f(&[2, 3])], &[0.5, 0.0], "sum: the length of a list must be a whole number, got 0.5"),
        ("sum", Code::Argument, &[f(&[2, 3])], &[3.0, 0.0], "sum: a number of a list is missing"),
        ("sum", Code::Argument, &[f(&[2, 3])], &[-1.0], "sum: true or false is missing"),
        ("sum", Code::Argument, &[], &[-1.0, 0.0], "sum: needs 1 tensor, got 0"),
        ("mean", Code::DType, &[i(&[2])], &[-1.0, 0.0], "mean: the dtype must be float32 or float64, got int32; convert with .to(\"float32\")"),
        ("mean", Code::Axis, &[f(&[2])], &[1.0, 1.0, 0.0], "mean: axis must be an integer in [-1, 0] for 1 dimensions, got 1"),
        ("variance", Code::DType, &[i(&[2])], &[-1.0, 0.0, 0.0], "variance: the dtype must be float32 or float64, got int32; convert with .to(\"float32\")"),
        ("std", Code::Axis, &[f(&[2])], &[1.0, NAN, 0.0, 0.0], "std: axis must be an integer in [-1, 0] for 1 dimensions, got NaN"),
        ("prod", Code::DType, &[b(&[2])], &[-1.0, 0.0], "prod: the dtype must be float32, float64 or int32, got bool; convert with .to(\"float32\")"),
        ("max", Code::Shape, &[f(&[2, 0])], &[-1.0, 0.0], "max: there must be at least one element along the reduced axes, got shape [2, 0]"),
        ("min", Code::Shape, &[f(&[0])], &[1.0, 0.0, 0.0], "min: there must be at least one element along the reduced axes, got shape [0]"),
        ("argmax", Code::Shape, &[f(&[2, 0])], &[1.0, 1.0, 0.0], "argmax: there must be at least one element along the reduced axes, got shape [2, 0]"),
        ("argmin", Code::Axis, &[f(&[2, 2])], &[2.0, 0.0, 1.0, 0.0], "argmin: there must be one axis, got 2"),
        ("norm", Code::Argument, &[f(&[2])], &[-1.0, 0.0, NAN], "norm: ord must be a number, got NaN"),
        ("norm", Code::Shape, &[f(&[0])], &[-1.0, 0.0, INF], "norm: there must be at least one element along the reduced axes, got shape [0]"),
        ("norm", Code::DType, &[i(&[2])], &[-1.0, 0.0, 2.0], "norm: the dtype must be float32 or float64, got int32; convert with .to(\"float32\")"),
        ("logSumExp", Code::DType, &[i(&[2])], &[-1.0, 0.0], "logSumExp: the dtype must be float32 or float64, got int32; convert with .to(\"float32\")"),
        ("softmax", Code::Axis, &[f(&[])], &[-1.0], "softmax: a scalar has no axes, got -1"),
        ("softmax", Code::DType, &[b(&[2])], &[-1.0], "softmax: the dtype must be float32 or float64, got bool; convert with .to(\"float32\")"),
        ("logSoftmax", Code::Axis, &[f(&[2])], &[1.0], "logSoftmax: axis must be an integer in [-1, 0] for 1 dimensions, got 1"),
        ("cumsum", Code::DType, &[b(&[2])], &[-1.0, 0.0, 0.0], "cumsum: the dtype must be float32, float64 or int32, got bool; convert with .to(\"float32\")"),
        ("cumsum", Code::Axis, &[f(&[2])], &[1.0, 2.0, 0.0, 0.0], "cumsum: axis must be an integer in [-1, 0] for 1 dimensions, got 2"),
        // Products.
        ("matmul", Code::Shape, &[f(&[2, 3]), f(&[4, 5])], &[], "matmul: inner dimensions must agree, got [2, 3] · [4, 5] (3 and 4)"),
        ("matmul", Code::Shape, &[f(&[3]), f(&[4])], &[], "matmul: inner dimensions must agree, got [3] · [4] (3 and 4)"),
        ("matmul", Code::Shape, &[f(&[2, 2, 3]), f(&[4])], &[], "matmul: inner dimensions must agree, got [2, 2, 3] · [4] (3 and 4)"),
        ("matmul", Code::Shape, &[f(&[]), f(&[2])], &[], "matmul: operands must have at least 1 dimension, got [] · [2]; use mul for scalars"),
        ("matmul", Code::Shape, &[f(&[2, 3, 4]), f(&[3, 4, 5])], &[], "matmul: leading dimensions must be equal or 1, got [2, 3, 4] · [3, 4, 5]"),
        ("matmul", Code::DType, &[i(&[2, 2]), i(&[2, 2])], &[], "matmul: the dtype must be float32 or float64, got int32; convert with .to(\"float32\")"),
        ("matmul", Code::DType, &[s(&[2, 2]), f(&[2, 2])], &[], "matmul: operands must have the same dtype, got float32 and float64; convert one with .to(\"float64\")"),
        ("matmul", Code::Argument, &[f(&[2, 2])], &[], "matmul: needs 2 tensors, got 1"),
        ("linear", Code::Shape, &[f(&[2, 3]), f(&[5, 4])], &[], "linear: x must be [.., in] and weight [out, in], got [2, 3] and [5, 4]"),
        ("linear", Code::Shape, &[f(&[2, 3]), f(&[5, 3]), f(&[4])], &[], "linear: bias must be [5], got [4]"),
        ("linear", Code::DType, &[f(&[2, 3]), s(&[5, 3])], &[], "linear: operands must have the same dtype, got float64 and float32; convert one with .to(\"float64\")"),
        ("linear", Code::DType, &[i(&[2, 3]), i(&[5, 3])], &[], "linear: the dtype must be float32 or float64, got int32; convert with .to(\"float32\")"),
        ("einsum", Code::Argument, &[f(&[2, 3])], &text("ij,jk->ik"), "einsum: \"ij,jk->ik\" names 2 tensors, got 1"),
        ("einsum", Code::Argument, &[f(&[2, 3])], &text("i1->i"), "einsum: axes must be letters, got \"1\" in \"i1->i\""),
        ("einsum", Code::Argument, &[f(&[2, 3])], &text("ij->ik"), "einsum: each axis of the result must stand once there and in an operand, got \"k\" in \"ij->ik\""),
        ("einsum", Code::Argument, &[f(&[2, 3])], &text("ij->ii"), "einsum: each axis of the result must stand once there and in an operand, got \"i\" in \"ij->ii\""),
        ("einsum", Code::Shape, &[f(&[2, 3])], &text("i->i"), "einsum: \"i\" must name each dimension, got a tensor of shape [2, 3]"),
        ("einsum", Code::Shape, &[f(&[2, 3]), f(&[4])], &text("ij,j->i"), "einsum: axis \"j\" must have one size, got 3 and 4"),
        ("einsum", Code::Shape, &[f(&[2, 3])], &text("ii"), "einsum: axis \"i\" must have one size, got 2 and 3"),
        ("einsum", Code::DType, &[i(&[2])], &text("i"), "einsum: the dtype must be float32 or float64, got int32; convert with .to(\"float32\")"),
        ("einsum", Code::DType, &[f(&[2]), s(&[2])], &text("i,i"), "einsum: operands must have the same dtype, got float64 and float32; convert one with .to(\"float64\")"),
        ("einsum", Code::Argument, &[], &text("i"), "einsum: needs one or more tensors, got 0"),
        ("einsum", Code::Shape, &[f(&[1; 5]), f(&[1; 4])], &text("abcde,fghi->abcdefghi"), "einsum: a shape must have at most 8 dimensions, got 9"),
        // Shapes.
        ("reshape", Code::Shape, &[f(&[2, 3])], &[2.0, 4.0, 2.0], "reshape: the number of elements must stay, got [2, 3] (6) to [4, 2] (8)"),
        ("reshape", Code::Shape, &[f(&[2, 3])], &[2.0, -1.0, -1.0], "reshape: at most one size may be -1, and the others must divide the number of elements, got [2, 3] to [-1, -1]"),
        ("reshape", Code::Shape, &[f(&[2, 3])], &[2.0, 4.0, -1.0], "reshape: at most one size may be -1, and the others must divide the number of elements, got [2, 3] to [4, -1]"),
        ("reshape", Code::Shape, &[f(&[2, 3])], &[2.0, 3.0, -2.0], "reshape: at most one size may be -1, and the others must divide the number of elements, got [2, 3] to [3, -2]"),
        ("reshape", Code::Shape, &[f(&[0])], &[2.0, 0.0, -1.0], "reshape: at most one size may be -1, and the others must divide the number of elements, got [0] to [0, -1]"),
        ("reshape", Code::Shape, &[f(&[2, 3])], &[1.0, 0.5], "reshape: a shape must be whole numbers, got 0.5"),
        ("reshape", Code::Shape, &[f(&[2, 3])], &[1.0, NAN], "reshape: a shape must be whole numbers, got NaN"),
        ("reshape", Code::Shape, &[f(&[1])], &[9.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], "reshape: a shape must have at most 8 dimensions, got 9"),
        ("reshape", Code::Memory, &[f(&[1])], &[2.0, VAST, VAST], "reshape: a tensor of shape [1000000000000000, 1000000000000000] is larger than the address space"),
        ("broadcastTo", Code::Shape, &[f(&[2, 3])], &[2.0, 2.0, 4.0], "broadcastTo: [2, 3] must broadcast to [2, 4]: sizes equal or 1, aligned at the end"),
        ("broadcastTo", Code::Shape, &[f(&[2, 3])], &[1.0, 3.0], "broadcastTo: [2, 3] must broadcast to [3]: sizes equal or 1, aligned at the end"),
        ("broadcastTo", Code::Shape, &[f(&[2, 3])], &[1.0, -1.0], "broadcastTo: sizes must not be negative, got -1"),
        ("permute", Code::Axis, &[f(&[2, 3])], &[1.0, 0.0], "permute: axes must name each of the 2 dimensions once, got [0]"),
        ("permute", Code::Axis, &[f(&[2, 3])], &[2.0, 0.0, 0.0], "permute: axes must name each of the 2 dimensions once, got [0, 0]"),
        ("permute", Code::Axis, &[f(&[2, 3])], &[2.0, 0.0, 2.0], "permute: axis must be an integer in [-2, 1] for 2 dimensions, got 2"),
        ("swapAxes", Code::Axis, &[f(&[2, 3])], &[0.0, 2.0], "swapAxes: axis must be an integer in [-2, 1] for 2 dimensions, got 2"),
        ("moveAxis", Code::Axis, &[f(&[2, 3])], &[NAN, 0.0], "moveAxis: axis must be an integer in [-2, 1] for 2 dimensions, got NaN"),
        ("flip", Code::Axis, &[f(&[2, 3])], &[1.0, 5.0], "flip: axis must be an integer in [-2, 1] for 2 dimensions, got 5"),
        ("squeeze", Code::Shape, &[f(&[2, 1])], &[1.0, 0.0], "squeeze: axis 0 must have size 1, got [2, 1]"),
        ("expandDims", Code::Axis, &[f(&[2])], &[3.0], "expandDims: axis must be an integer in [-2, 1] for 2 dimensions, got 3"),
        ("expandDims", Code::Shape, &[f(&[1; 8])], &[0.0], "expandDims: a shape must have at most 8 dimensions, got 9"),
        ("slice", Code::Argument, &[f(&[2, 3])], &[1.0, INF, INF, 0.0], "slice: a step must not be 0"),
        ("slice", Code::Argument, &[f(&[2])], &[2.0, INF, INF, INF, INF, INF, INF], "slice: there must be at most one slice for each of the 1 dimensions, got 2"),
        ("slice", Code::Argument, &[f(&[2])], &[1.0, 0.5, INF, INF], "slice: start, stop and step must be whole numbers, got 0.5"),
        ("slice", Code::Argument, &[f(&[2])], &[1.0, NAN, INF, INF], "slice: start, stop and step must be whole numbers, got NaN"),
        ("at", Code::Value, &[f(&[2, 3])], &[2.0], "at: index must be in [-2, 1] for an axis of size 2, got 2"),
        ("at", Code::Argument, &[f(&[2, 3])], &[0.5], "at: index must be a whole number, got 0.5"),
        ("at", Code::Shape, &[f(&[])], &[0.0], "at: a scalar has no elements to pick; use item()"),
        ("pad", Code::Argument, &[f(&[2, 3])], &[1.0, 1.0, 1.0, 0.0, 0.0], "pad: there must be one [before, after] for each of the 2 dimensions, got 1"),
        ("pad", Code::Argument, &[f(&[2])], &[1.0, -1.0, 1.0, 0.0, 0.0], "pad: margins must be whole numbers that are not negative, got -1"),
        ("pad", Code::Argument, &[f(&[2])], &[1.0, 1.0, 1.0, 4.0, 0.0], "pad: a choice must be below 4, got 4"),
        ("concat", Code::Shape, &[f(&[2, 3]), f(&[2, 4])], &[0.0], "concat: shapes must agree but along axis 0, got [2, 3] and [2, 4]"),
        ("concat", Code::Shape, &[f(&[2, 3]), f(&[2])], &[0.0], "concat: shapes must agree but along axis 0, got [2, 3] and [2]"),
        ("concat", Code::DType, &[f(&[2]), i(&[2])], &[0.0], "concat: operands must have the same dtype, got float64 and int32; convert one with .to(\"float64\")"),
        ("concat", Code::Axis, &[f(&[])], &[0.0], "concat: a scalar has no axes, got 0"),
        ("concat", Code::Argument, &[], &[0.0], "concat: needs one or more tensors, got 0"),
        ("stack", Code::Shape, &[f(&[2, 3]), f(&[3, 2])], &[0.0], "stack: shapes must be equal, got [2, 3] and [3, 2]"),
        ("stack", Code::Axis, &[f(&[2]), f(&[2])], &[5.0], "stack: axis must be an integer in [-2, 1] for 2 dimensions, got 5"),
        ("stack", Code::DType, &[f(&[2]), s(&[2])], &[0.0], "stack: operands must have the same dtype, got float64 and float32; convert one with .to(\"float64\")"),
        // Indices.
        ("gather", Code::DType, &[f(&[2, 3]), f(&[1, 1])], &[0.0], "gather: indices must be int32, got float64; convert with .to(\"int32\")"),
        ("gather", Code::Shape, &[f(&[2, 3]), i(&[2])], &[0.0], "gather: indices must have the dimensions of x and be no larger but along axis 0, got [2] for [2, 3]"),
        ("gather", Code::Shape, &[f(&[2, 3]), i(&[1, 4])], &[0.0], "gather: indices must have the dimensions of x and be no larger but along axis 0, got [1, 4] for [2, 3]"),
        ("gather", Code::Value, &[f(&[2, 3]), at(2.0)], &[0.0], "gather: indices must be in [-2, 1] along axis 0 of size 2, got 2"),
        ("gather", Code::Value, &[f(&[2, 3]), at(-4.0)], &[1.0], "gather: indices must be in [-3, 2] along axis 1 of size 3, got -4"),
        ("scatterAdd", Code::Value, &[f(&[2, 3]), at(2.0), f(&[1, 1])], &[0.0], "scatterAdd: indices must be in [-2, 1] along axis 0 of size 2, got 2"),
        ("scatterAdd", Code::Shape, &[f(&[2, 3]), at(0.0), f(&[1, 2])], &[0.0], "scatterAdd: updates must have the shape of indices, got [1, 2] and [1, 1]"),
        ("scatterAdd", Code::DType, &[f(&[2, 3]), at(0.0), s(&[1, 1])], &[0.0], "scatterAdd: operands must have the same dtype, got float64 and float32; convert one with .to(\"float64\")"),
        ("scatterAdd", Code::DType, &[b(&[2, 3]), at(0.0), b(&[1, 1])], &[0.0], "scatterAdd: the dtype must be float32, float64 or int32, got bool; convert with .to(\"float32\")"),
        ("oneHot", Code::Argument, &[i(&[2])], &[-1.0, 0.0], "oneHot: depth must not be negative, got -1"),
        ("oneHot", Code::DType, &[f(&[2])], &[3.0, 0.0], "oneHot: indices must be int32, got float64; convert with .to(\"int32\")"),
        ("oneHot", Code::Shape, &[i(&[1; 8])], &[3.0, 0.0], "oneHot: a shape must have at most 8 dimensions, got 9"),
        // Losses.
        ("mseLoss", Code::Shape, &[f(&[2]), f(&[3])], &[0.0], "mseLoss: x and target must have the same shape, got [2] and [3]"),
        ("mseLoss", Code::DType, &[f(&[2]), s(&[2])], &[0.0], "mseLoss: operands must have the same dtype, got float64 and float32; convert one with .to(\"float64\")"),
        ("mseLoss", Code::Argument, &[f(&[2]), f(&[2])], &[3.0], "mseLoss: a choice must be below 3, got 3"),
        ("crossEntropy", Code::Shape, &[f(&[4, 3]), i(&[3])], &[0.0, 0.0, -100.0], "crossEntropy: labels must be int32 of shape [4] for logits [4, 3], got int32 of shape [3]"),
        ("crossEntropy", Code::Shape, &[f(&[4, 3]), b(&[4])], &[0.0, 0.0, -100.0], "crossEntropy: labels must be int32 of shape [4] for logits [4, 3], got bool of shape [4]"),
        ("crossEntropy", Code::Shape, &[f(&[4, 3]), f(&[4])], &[0.0, 0.0, -100.0], "crossEntropy: probabilities must have the shape of logits, got [4] for [4, 3]"),
        ("crossEntropy", Code::DType, &[f(&[4, 3]), s(&[4, 3])], &[0.0, 0.0, -100.0], "crossEntropy: operands must have the same dtype, got float64 and float32; convert one with .to(\"float64\")"),
        ("crossEntropy", Code::Shape, &[f(&[]), i(&[])], &[0.0, 0.0, -100.0], "crossEntropy: logits must have a dimension of classes, got a scalar"),
        ("crossEntropy", Code::Argument, &[f(&[4, 3]), i(&[4])], &[0.0, 1.5, -100.0], "crossEntropy: labelSmoothing must be in [0, 1], got 1.5"),
        ("crossEntropy", Code::DType, &[i(&[4, 3]), i(&[4])], &[0.0, 0.0, -100.0], "crossEntropy: the dtype must be float32 or float64, got int32; convert with .to(\"float32\")"),
        ("gelu", Code::Argument, &[f(&[2])], &[5.0], "gelu: a choice must be below 2, got 5"),
        ("gelu", Code::DType, &[i(&[2])], &[0.0], "gelu: the dtype must be float32 or float64, got int32; convert with .to(\"float32\")"),
        // Conversions and creation.
        ("to", Code::DType, &[f(&[2])], &[9.0], "to: the dtype must be float32, float64, int32 or bool, got code 9"),
        ("core.iota", Code::Argument, &[], &[-1.0, 0.0, 1.0, 0.0], "core.iota: n must not be negative, got -1"),
        ("core.iota", Code::Argument, &[], &[NAN, 0.0, 1.0, 0.0], "core.iota: n must be a whole number, got NaN"),
        ("random.uniform", Code::Memory, &[key()], &[3.0, VAST, VAST, 2.0, 0.0, 1.0, 0.0], "random.uniform: a tensor of shape [1000000000000000, 1000000000000000, 2] is larger than the address space"),
        ("random.uniform", Code::Argument, &[i(&[3])], &[1.0, 2.0, 0.0, 1.0, 0.0], "random.uniform: the key must be int32 of shape [2], as random.key(seed) makes it, got int32 of shape [3]"),
        ("random.normal", Code::Shape, &[key()], &[1.0, -1.0, 0.0], "random.normal: sizes must not be negative, got -1"),
    ];
    for (name, kind, x, attrs, sentence) in expected {
        let error = refusal(code(name), x, attrs, sentence);
        assert_eq!(error.to_string(), *sentence);
        assert_eq!(error.code(), *kind, "{sentence}");
    }
}

#[test]
fn memory_that_cannot_be_had_is_a_refusal_and_disturbs_nothing() {
    let before = wengert::buffer::memory();
    for (name, x, attrs) in [
        ("random.uniform", vec![key()], vec![1.0, VAST, 0.0, 1.0, 1.0]),
        ("pad", vec![f(&[2])], vec![1.0, VAST, 0.0, 0.0, 0.0]),
        ("core.iota", vec![], vec![VAST, 0.0, 1.0, 1.0]),
        ("random.permutation", vec![key()], vec![1.0, VAST]),
    ] {
        let error = refusal(code(name), &x, &attrs, name);
        assert_eq!(error.code(), Code::Memory);
        let sentence = error.to_string();
        assert!(sentence.starts_with(&format!("{name}: ")), "{sentence}");
    }
    assert_eq!(wengert::buffer::memory().live, before.live);
}

#[test]
fn there_is_no_operation_past_the_last() {
    let error = refusal(100_000, &[], &[], "no operation");
    assert_eq!(error.to_string(), "call: there is no operation with code 100000");
}

#[test]
fn errors_carry_shapes_and_dtypes() {
    let error = refusal(code("matmul"), &[f(&[2, 3]), f(&[4, 5])], &[], "");
    assert!(error.to_json().contains("\"op\":\"matmul\"") && error.to_json().contains("\"shapes\":[[2, 3],[4, 5]]"));
    let error = refusal(code("add"), &[f(&[2]), s(&[2])], &[], "");
    assert!(error.to_json().contains("\"dtypes\":[\"float64\",\"float32\"]"), "{}", error.to_json());
}

fn sentence<T>(result: Result<T>) -> String {
    result.err().map_or_else(|| "no refusal".to_string(), |e| e.to_string())
}

/// A leaf that requires a gradient, held by a handle.
fn parameter<'t>(tape: &'t Tape, x: &[f64]) -> Var<'t> {
    let x = tape.leaf(float64(&[x.len()], x));
    tape.handle(x);
    tape.set_requires_grad(x, true).unwrap();
    x
}

fn map<'t>(func: Func, x: Var<'t>) -> Var<'t> {
    let y = x.tape().record(Map { func }, &[x]).unwrap();
    x.tape().settle(&[y]).unwrap();
    x.tape().handle(y);
    y
}

#[test]
fn backward_refuses() {
    let tape = Tape::new();
    let x = parameter(&tape, &[1.0, 2.0]);
    let y = map(Func::Square, x);
    assert_eq!(
        sentence(tape.backward(y, None, false, false)),
        "backward: z has shape [2]; pass a gradient of shape [2], for instance z.backward(ones([2]))"
    );
    let wrong = tape.leaf(f(&[3]));
    assert_eq!(
        sentence(tape.backward(y, Some(wrong), false, false)),
        "backward: the gradient must have the shape of its tensor, [2], got [3]"
    );
    let wrong = tape.leaf(s(&[2]));
    assert_eq!(
        sentence(tape.backward(y, Some(wrong), false, false)),
        "backward: the gradient must have the dtype of its tensor, float64, got float32; convert with .to(\"float64\")"
    );
    let plain = tape.leaf(f(&[]));
    assert_eq!(
        sentence(tape.backward(plain, None, false, false)),
        "backward: nothing that this tensor was computed from requires a gradient; set requiresGrad on the inputs"
    );
    assert!(tape.grad(x).is_none());

    let ones = tape.leaf(float64(&[2], &[1.0, 1.0]));
    let other = y * y;
    tape.settle(&[other]).unwrap();
    tape.handle(other);
    tape.backward(y, Some(ones), false, false).unwrap();
    assert_eq!(
        sentence(tape.backward(y, Some(ones), false, false)),
        "backward: the graph was freed by an earlier backward; pass { retainGraph: true } to that one"
    );
    assert_eq!(
        sentence(tape.backward(other, Some(ones), false, false)),
        "backward: a part of the graph was freed by an earlier backward; pass { retainGraph: true } to that one"
    );
    assert_eq!(numbers(&tape.read(tape.grad(x).unwrap()).unwrap()), [2.0, 4.0]);

    tape.begin();
    assert_eq!(
        sentence(tape.backward(y, Some(ones), false, false)),
        "backward: it has no place inside a transformation; use grad or vjp there"
    );
    tape.end(&[]).unwrap();
}

#[test]
fn passes_refuse_directions_that_do_not_fit() {
    let tape = Tape::new();
    tape.begin();
    let x = tape.variable(tape.leaf(f(&[2, 3]))).unwrap();
    let y = x.map(Func::Sin);
    let (short, single, whole) = (tape.leaf(f(&[3])), tape.leaf(s(&[2, 3])), tape.leaf(i(&[2, 3])));
    assert_eq!(
        sentence(tape.pullback(&[y], &[Some(short)], &[x], true)),
        "vjp: the cotangent must have the shape of its tensor, [2, 3], got [3]"
    );
    assert_eq!(
        sentence(tape.pullback(&[y], &[Some(single)], &[x], true)),
        "vjp: the cotangent must have the dtype of its tensor, float64, got float32; convert with .to(\"float64\")"
    );
    assert_eq!(
        sentence(tape.pushforward(&[y], &[x], &[short], true)),
        "jvp: the tangent must have the shape of its tensor, [2, 3], got [3]"
    );
    assert_eq!(
        sentence(tape.pushforward(&[y], &[x], &[single], true)),
        "jvp: the tangent must have the dtype of its tensor, float64, got float32; convert with .to(\"float64\")"
    );
    assert_eq!(
        sentence(tape.pushforward(&[y], &[whole], &[whole], true)),
        "jvp: only float32 and float64 carry derivatives, got int32; convert with .to(\"float32\")"
    );
    tape.end(&[]).unwrap();
}

#[test]
fn properties_refuse() {
    let tape = Tape::new();
    let whole = tape.leaf(i(&[2]));
    assert_eq!(
        sentence(tape.set_requires_grad(whole, true)),
        "requiresGrad: only float32 and float64 carry derivatives, got int32; convert with .to(\"float32\")"
    );
    let x = parameter(&tape, &[1.0, 2.0]);
    let y = map(Func::Square, x);
    assert_eq!(
        sentence(tape.set_requires_grad(y, false)),
        "requiresGrad: only a tensor that was not computed from others can change it; use detach()"
    );
    assert!(tape.set_requires_grad(y, true).is_ok(), "it does already");
    let plain = tape.leaf(f(&[2]));
    assert_eq!(sentence(tape.retain_grad(plain)), "retainGrad: the tensor must require a gradient");
    assert_eq!(
        sentence(tape.assign(x, plain)),
        "assign: the tensor is held by an open tape; call backward, dispose what was computed from it, or use noGrad"
    );
    assert_eq!(
        sentence(tape.assign(y, plain)),
        "assign: only a tensor that was not computed from others can be assigned to"
    );
    let short = tape.leaf(f(&[3]));
    assert_eq!(
        sentence(tape.assign(plain, short)),
        "assign: the value must have the shape of its tensor, [2], got [3]"
    );
    assert_eq!(
        sentence(tape.assign(plain, whole)),
        "assign: the value must have the dtype of its tensor, float64, got int32; convert with .to(\"float64\")"
    );
    assert_eq!(numbers(&tape.read(x).unwrap()), [1.0, 2.0]);
}

#[test]
fn a_refusal_inside_a_transformation_comes_at_once() {
    let tape = Tape::new();
    tape.begin();
    let x = tape.variable(tape.leaf(f(&[2, 3]))).unwrap();
    let bad = call::call(&tape, code("add"), &[x, tape.leaf(f(&[4]))], &[]);
    assert_eq!(
        sentence(bad),
        "add: shapes must be equal or 1 in each dimension, aligned at the end, got [2, 3] and [4]"
    );
    let y = x.map(Func::Cos);
    tape.end(&[y]).unwrap();
    assert_eq!(y.value().unwrap().shape(), shape(&[2, 3]));
}

/// What the boundary says of the last refusal.
fn last_refusal() -> String {
    wasm::error();
    wasm::told()
}

/// What JavaScript gets: 0, and then the error as JSON, once.
#[test]
fn the_boundary_tells_of_stale_handles() {
    let tanh = code("tanh") as u32;
    let add = code("add") as u32;
    let disposed = |op: &str, k: usize| {
        let message = format!("{op}: argument {k} was disposed, or belonged to a transformation that has ended");
        format!("{{\"code\":\"disposed\",\"op\":\"{op}\",\"message\":\"{message}\",\"shapes\":[],\"dtypes\":[]}}")
    };
    let x = wasm::create(1, 0);
    assert!(x > 0.0 && last_refusal().is_empty());
    for stale in [0.0, 1.0, -1.0, x + 1.0, x + 67_108_864.0, NAN, INF] {
        if stale != 0.0 {
            assert_eq!(wasm::apply1(tanh, stale), 0.0);
            assert_eq!(last_refusal(), disposed("tanh", 1));
            assert_eq!(wasm::apply2(add, x, stale, 0), 0.0);
            assert_eq!(last_refusal(), disposed("add", 2));
            assert_eq!(wasm::backward(x, stale, 0), 0);
            assert_eq!(last_refusal(), disposed("backward", 2));
        }
        assert_eq!(wasm::backward(stale, 0.0, 0), 0);
        assert_eq!(last_refusal(), disposed("backward", 1));
        assert_eq!(wasm::get_grad(stale), 0.0);
        assert_eq!(last_refusal(), disposed("grad", 1));
        assert_eq!(wasm::set(stale, 0, 1.0), 0);
        assert_eq!(last_refusal(), disposed("set", 1));
        assert_eq!(wasm::set(x, 3, stale), 0);
        assert_eq!(last_refusal(), disposed("assign", 2));
        assert_eq!(wasm::variable(stale, 0), 0.0);
        assert_eq!(last_refusal(), disposed("variable", 1));
        assert_eq!(wasm::info(stale), 0);
        assert_eq!(last_refusal(), disposed("info", 1));
        wasm::graph(stale);
        assert_eq!(wasm::told(), "");
        assert_eq!(last_refusal(), disposed("graph", 1));
        assert_eq!(wasm::same(x, stale), 0);
    }
    assert_eq!(last_refusal(), "", "an error is told once");
    assert_eq!(wasm::create(7, 0), 0.0);
    assert!(last_refusal().contains("tensor: the dtype must be float32, float64, int32 or bool"));
    // The engine goes on working.
    let y = wasm::apply2(add, x, 2.0, 2);
    assert!(y > 0.0 && wasm::same(y, y) == 1 && wasm::same(x, y) == 0);
}

#[test]
fn operations_refuse_the_dtypes_that_they_do_not_state() {
    for (k, spec) in specs().iter().enumerate() {
        let refused: &[DType] = match spec.dtypes {
            "float" => &[DType::Int32, DType::Bool],
            "number" => &[DType::Bool],
            other => {
                assert_eq!(other, "any", "{}", spec.name);
                continue;
            }
        };
        let first = Func::ALL.len() + Test::ALL.len();
        for case in cases().iter().filter(|case| case.code == first + k) {
            for &dtype in refused {
                let tape = Tape::new();
                let x = case.inputs(DType::Float64, &mut Rng(1));
                let x = x.into_iter().map(|x| tape.leaf(x));
                let x: Vec<Var<'_>> = x.map(|x| if x.dtype().is_float() { x.cast(dtype) } else { x }).collect();
                let error = case.call(&tape, &x).map(|_| ()).unwrap_err();
                assert_eq!(error.code(), Code::DType, "{} of {}: {error}", spec.name, dtype.name());
            }
        }
    }
}
