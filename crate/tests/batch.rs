//! Batching: every operation on many examples is what it is on each, for every choice of mapped inputs, also through both
//! modes of differentiation and nested in itself.

mod common;

use common::{Case, Rng, all_near, array, cases, float64, floats, numbers};
use wengert::array::Array;
use wengert::dtype::DType;
use wengert::elementwise::Func;
use wengert::error::{Code, Result};
use wengert::real::Real;
use wengert::shape::{AxisSet, Shape};
use wengert::tape::Tape;
use wengert::var::Var;

const EXAMPLES: usize = 3;

/// Examples one after the other along a new first dimension.
fn stacked(x: &[Array]) -> Array {
    let dims: Vec<usize> = std::iter::once(x.len()).chain(x[0].shape().iter().copied()).collect();
    let values: Vec<f64> = x.iter().flat_map(numbers).collect();
    array(&dims, x[0].dtype, &values)
}

/// A function of some tensors, recorded on a tape.
type Function<'a> = &'a dyn for<'t> Fn(&'t Tape, &[Var<'t>]) -> Result<Vec<Var<'t>>>;

/// `f` of tensors, as a transformation.
fn plain(f: Function<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let tape = Tape::new();
    tape.begin();
    let x: Vec<Var<'_>> = x.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = f(&tape, &x)?;
    tape.end(&y)?;
    y.iter().map(|&y| tape.read(y)).collect()
}

/// `f` with the inputs in `mask` mapped along their first axes.
fn mapped(f: Function<'_>, x: &[Array], mask: usize) -> Result<Vec<Array>> {
    let tape = Tape::new();
    tape.begin();
    let x: Vec<Var<'_>> = x.iter().map(|x| tape.leaf(x.clone())).collect();
    let mut inside = x.clone();
    let mut pairs = Vec::new();
    for (i, &x) in x.iter().enumerate().filter(|&(i, _)| mask >> i & 1 == 1) {
        inside[i] = tape.example(x, 0.0)?;
        pairs.push((inside[i], x, 0.0));
    }
    let y = f(&tape, &inside)?;
    let all = tape.batched(&pairs, &y, &vec![0.0; y.len()])?;
    tape.end(&all)?;
    all.iter().map(|&y| tape.read(y)).collect()
}

/// Checks `f`, mapped over each choice of inputs, against `f` of each example.
fn agrees(name: &str, f: Function<'_>, draw: &mut dyn FnMut() -> Vec<Array>) {
    let examples: Vec<Vec<Array>> = (0..EXAMPLES).map(|_| draw()).collect();
    for mask in 1..1usize << examples[0].len() {
        let pick = |i: usize, e: usize| examples[if mask >> i & 1 == 1 { e } else { 0 }][i].clone();
        let inputs: Vec<Array> = (0..examples[0].len())
            .map(|i| match mask >> i & 1 {
                1 => stacked(&(0..EXAMPLES).map(|e| pick(i, e)).collect::<Vec<_>>()),
                _ => pick(i, 0),
            })
            .collect();
        let found = mapped(f, &inputs, mask).unwrap_or_else(|e| panic!("{name}, inputs {mask:b}: {e}"));
        let each: Vec<Vec<Array>> = (0..EXAMPLES)
            .map(|e| plain(f, &(0..inputs.len()).map(|i| pick(i, e)).collect::<Vec<_>>()).unwrap())
            .collect();
        for (k, found) in found.iter().enumerate() {
            let expected = stacked(&each.iter().map(|y| y[k].clone()).collect::<Vec<_>>());
            assert_eq!(found.shape(), expected.shape(), "{name}, inputs {mask:b}, result {k}");
            assert_eq!(found.dtype, expected.dtype, "{name}, inputs {mask:b}, result {k}");
            let (found, expected) = (numbers(found), numbers(&expected));
            assert!(all_near(&found, &expected, 1e-13), "{name}, inputs {mask:b}: {found:?} for {expected:?}");
        }
    }
}

fn inputs<'a>(case: &'a Case, rng: &'a mut Rng) -> impl FnMut() -> Vec<Array> + 'a {
    move || case.inputs(DType::Float64, rng)
}

#[test]
fn every_operation_is_what_it_is_on_each_example() {
    for case in cases().iter().filter(|case| !case.x.is_empty()) {
        let mut rng = Rng(7);
        agrees(&case.name, &|tape, x| Ok(vec![case.call(tape, x)?]), &mut inputs(case, &mut rng));
    }
}

#[test]
fn so_are_its_derivatives_in_both_modes() {
    for case in cases() {
        let x = case.inputs(DType::Float64, &mut Rng(1));
        let by = floats(&x);
        if by.is_empty() || !case.value(&x).unwrap().dtype.is_float() {
            continue;
        }
        for forward in [false, true] {
            let derivative: Function<'_> = &|tape, x| {
                tape.begin();
                let mut inside = x.to_vec();
                for &i in &by {
                    inside[i] = tape.variable(x[i])?;
                }
                let variables: Vec<Var<'_>> = by.iter().map(|&i| inside[i]).collect();
                let y = case.call(tape, &inside)?;
                // A cotangent that is an input's function, so that it is mapped where that is.
                let found = if forward {
                    let tangents: Vec<Var<'_>> = variables.iter().map(|x| x.map(Func::Cos)).collect();
                    tape.pushforward(&[y], &variables, &tangents, false)?
                } else {
                    tape.pullback(&[y], &[None], &variables, false)?
                };
                tape.end(&found)?;
                Ok(found)
            };
            agrees(&format!("{} (forward: {forward})", case.name), derivative, &mut inputs(&case, &mut Rng(3)));
        }
    }
}

#[test]
fn nests_in_itself() {
    // All products of rows: x y' by two levels, each of which sees vectors.
    let tape = Tape::new();
    tape.begin();
    let x = tape.leaf(float64(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    let y = tape.leaf(float64(&[3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]));
    let a = tape.example(x, 0.0).unwrap();
    let inner = {
        let b = tape.example(y, 1.0).unwrap();
        let dot = (a * b).sum_all();
        tape.batched(&[(b, y, 1.0)], &[dot], &[0.0]).unwrap()[0]
    };
    let all = tape.batched(&[(a, x, 0.0)], &[inner], &[-1.0]).unwrap();
    tape.end(&all).unwrap();
    let all = tape.read(all[0]).unwrap();
    assert_eq!(all.shape()[..], [2, 2]);
    assert_eq!(numbers(&all), [4.0, 10.0, 5.0, 11.0]);
}

#[test]
fn can_be_differentiated() {
    // d/dx of the sum over examples of exp(x w), w mapped, x shared.
    let tape = Tape::new();
    tape.begin();
    let x = tape.variable(tape.leaf(float64(&[], &[0.5]))).unwrap();
    let w = tape.leaf(float64(&[3], &[1.0, 2.0, 3.0]));
    let one = tape.example(w, 0.0).unwrap();
    let y = (x * one).exp();
    let all = tape.batched(&[(one, w, 0.0)], &[y], &[0.0]).unwrap()[0];
    let g = tape.pullback(&[all.sum(AxisSet::all(1), false)], &[None], &[x], true).unwrap();
    tape.end(&g).unwrap();
    let expected: f64 = [1.0, 2.0, 3.0f64].iter().map(|w| w * (0.5 * w).exp()).sum();
    assert!((numbers(&tape.read(g[0]).unwrap())[0] - expected).abs() < 1e-12);
}

#[test]
fn refuses() {
    let tape = Tape::new();
    tape.begin();
    let x = tape.leaf(float64(&[2, 3], &[0.0; 6]));
    let y = tape.leaf(float64(&[4], &[0.0; 4]));
    assert_eq!(tape.example(x, 2.0).map(|_| ()).unwrap_err().code(), Code::Axis);
    let [a, b] = [tape.example(x, 0.0).unwrap(), tape.example(y, 0.0).unwrap()];
    let error = tape.read(a).unwrap_err();
    assert_eq!((error.code(), error.op()), (Code::Trace, "vmap"));
    let sum = a + b;
    let sizes = tape.batched(&[(a, x, 0.0), (b, y, 0.0)], &[sum], &[0.0]).map(|_| ()).unwrap_err();
    assert_eq!(sizes.to_string(), "vmap: the mapped axes must have one size, got 2 and 4");
    let none = tape.batched(&[(a, x, 0.0)], &[a], &[f64::NAN]).map(|_| ()).unwrap_err();
    assert_eq!(none.code(), Code::Argument);
    let wide = a.reshape(Shape::new("test", &[3, 1, 1, 1, 1, 1, 1, 1]).unwrap());
    assert_eq!(tape.batched(&[(a, x, 0.0)], &[wide], &[0.0]).map(|_| ()).unwrap_err().code(), Code::Shape);
    let shared = tape.batched(&[(a, x, 0.0)], &[y], &[f64::NAN]).unwrap()[0];
    assert_eq!(shared.shape()[..], [4]);
}
