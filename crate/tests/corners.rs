//! Corners that every operation has: arguments at the ends of their range, axes of length 1 and 0.

mod common;

use std::collections::BTreeSet;

use common::{Case, Input, Rng, cases, dot, floats, is_differentiable, like, near, numbers};
use wengert::array::Array;
use wengert::dtype::DType;
use wengert::elementwise::{Func, Function, MAX_ARITY, Visitor};
use wengert::kernels::lanes::Lanes;
use wengert::tape::Tape;
use wengert::var::Var;

/// The value and the partial derivative by an argument, in float64 or in float32.
struct At([f64; MAX_ARITY], usize, DType);

impl Visitor for At {
    type Out = [f64; 2];
    fn visit<F: Function>(self, _: F) -> [f64; 2] {
        if self.2 == DType::Float32 {
            let x = self.0.map(|x| Lanes([x as f32; 4]));
            let y = F::value(x);
            return [y.0[3], F::partial(self.1, x, y).0[3]].map(f64::from);
        }
        let x = self.0.map(|x| Lanes([x; 2]));
        let y = F::value(x);
        [y.0[1], F::partial(self.1, x, y).0[1]]
    }
}

/// Whether the value, and each partial derivative, of NaN with these bits are NaN.
struct OfNan(u64, DType);

impl Visitor for OfNan {
    type Out = Vec<bool>;
    fn visit<F: Function>(self, _: F) -> Vec<bool> {
        macro_rules! are_nan {
            ($x:expr) => {{
                let x = [Lanes([$x; 4]); MAX_ARITY];
                let y = F::value(x);
                let partials = (0..F::ARITY).map(|i| F::partial(i, x, y));
                [y].into_iter().chain(partials).map(|y| y.0.iter().any(|y| y.is_nan())).collect()
            }};
        }
        match self.1 {
            DType::Float32 => are_nan!(f32::from_bits(self.0 as u32)),
            _ => are_nan!(f64::from_bits(self.0)),
        }
    }
}

/// NaN has many bit patterns: those of CUDA and R, of memory full of ones, and what came of them. None becomes a number.
#[test]
fn every_nan_is_one() {
    const SINGLE: [u64; 6] = [0xffc0_0000, 0x7fff_ffff, 0xffff_ffff, 0x7fbf_ffff, 0xffa1_2345, 0x7f80_0001];
    const DOUBLE: [u64; 4] = [0xfff8 << 48, 0x7ff0_0000_0000_07a2, 0x7fff_ffff_ffff_ffff, 0xfff0_1234_5678_9abc];
    for (dtype, usual, others) in
        [(DType::Float32, 0x7fc0_0000, &SINGLE[..]), (DType::Float64, 0x7ff8 << 48, &DOUBLE[..])]
    {
        for &func in Func::ALL {
            let expected = func.visit(OfNan(usual, dtype));
            for &bits in others {
                assert_eq!(func.visit(OfNan(bits, dtype)), expected, "{} of {bits:x}", func.entry().name);
            }
        }
    }
}

/// Where a derivative is no number although the value is one: between poles that meet, or of what is not a function of
/// real numbers there.
fn is_undefined(func: Func, x: &[f64]) -> bool {
    let infinite = x.iter().any(|x| x.is_infinite());
    match func {
        // poles, and the last order that there is
        Func::Lgamma => x[0] <= 0.0,
        Func::Polygamma => x[0] >= 170.0 || x[1] <= 0.0,
        // a negative number to a power that moves
        Func::Pow => infinite || x[0] < 0.0,
        Func::Elu => x[1].is_infinite(),
        Func::Celu => x[1] == 0.0,
        Func::Lerp | Func::LerpSquare | Func::AdamStep => infinite,
        _ => false,
    }
}

#[test]
fn derivatives_are_numbers_wherever_values_are() {
    let ends = [
        0.0,
        5e-324,
        1e-310,
        2e-308,
        1e-45,
        1e-40,
        1e-30,
        0.5,
        1.0,
        3.0,
        88.0,
        800.0,
        1e4,
        1e19,
        3e38,
        1e300,
        f64::INFINITY,
    ];
    let points: Vec<f64> = ends.iter().flat_map(|&x| [x, -x]).collect();
    let mut wrong = BTreeSet::new();
    for &func in Func::ALL {
        let (name, arity) = (func.entry().name, func.arity());
        // Arguments past the second stay inside their intervals.
        let inside: Vec<f64> = func.entry().domain.iter().map(|(low, high)| (low + high) / 2.0).collect();
        for dtype in [DType::Float32, DType::Float64] {
            for &a in &points {
                for &b in points.iter().take(if arity > 1 { points.len() } else { 1 }) {
                    let x = std::array::from_fn(|k| match k {
                        0 => a,
                        1 if arity > 1 => b,
                        _ => inside.get(k).copied().unwrap_or(0.0),
                    });
                    let x: [f64; MAX_ARITY] = if dtype == DType::Float32 { x.map(|x| f64::from(x as f32)) } else { x };
                    for i in 0..arity {
                        let [value, partial] = func.visit(At(x, i, dtype));
                        if !value.is_nan() && partial.is_nan() && !is_undefined(func, &x) {
                            wrong.insert(format!("{name} by argument {i} at {:?} in {dtype:?}", &x[..arity]));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "NaN: {:#?}", wrong.iter().take(40).collect::<Vec<_>>());
}

/// ⟨v, J'u⟩ and ⟨Jv, u⟩ of a case, where it has derivatives.
fn both_modes(case: &Case, x: &[Array], y: &Array, rng: &mut Rng) -> Option<[f64; 2]> {
    if !is_differentiable(x, y) {
        return None;
    }
    let by = floats(x);
    let v: Vec<Array> = by.iter().map(|&i| like(&x[i], rng)).collect();
    let u = like(y, rng);
    let run = |forward: bool| {
        let tape = Tape::new();
        tape.begin();
        let mut inputs: Vec<Var<'_>> = x.iter().map(|x| tape.leaf(x.clone())).collect();
        by.iter().for_each(|&i| inputs[i] = tape.variable(inputs[i]).unwrap());
        let variables: Vec<Var<'_>> = by.iter().map(|&i| inputs[i]).collect();
        let y = case.call(&tape, &inputs).unwrap();
        let results = if forward {
            let tangents: Vec<Var<'_>> = v.iter().map(|v| tape.leaf(v.clone())).collect();
            tape.pushforward(&[y], &variables, &tangents, true).unwrap()
        } else {
            tape.pullback(&[y], &[Some(tape.leaf(u.clone()))], &variables, true).unwrap()
        };
        tape.end(&results).unwrap();
        results.into_iter().map(|r| tape.read(r).unwrap()).collect::<Vec<Array>>()
    };
    let (gradients, tangents) = (run(false), run(true));
    for (gradient, &i) in gradients.iter().zip(&by) {
        assert_eq!(gradient.shape(), x[i].shape(), "{} {:?} {:?}", case.name, case.x, case.attrs);
    }
    Some([dot(&v, &gradients), dot(&tangents, std::slice::from_ref(&u))])
}

/// Every case with each of its sizes, and all of them, replaced by another, in the operands and in the attributes too;
/// and with scalars. Where there is a value, the two modes agree. Gives the names of those without any.
fn without_answer(size: usize) -> Vec<String> {
    let mut names = BTreeSet::new();
    let mut answered = BTreeSet::new();
    for (k, case) in cases().into_iter().enumerate() {
        names.insert(case.name.clone());
        let mut sizes: Vec<usize> = case.x.iter().flat_map(Input::dims).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let one = sizes.iter().map(|&s| vec![s]).chain([sizes.clone()]).collect::<Vec<_>>();
        for replaced in one {
            let other = |x: &Input| {
                x.with_dims(x.dims().into_iter().map(|d| if replaced.contains(&d) { size } else { d }).collect())
            };
            let x: Vec<Input> = case.x.iter().map(other).collect();
            for attributes in [false, true] {
                let mut case = Case { x: x.clone(), ..case.clone() };
                if attributes {
                    let is_size = |a: &f64| replaced.iter().any(|&s| s as f64 == *a);
                    case.attrs.iter_mut().filter(|a| is_size(a)).for_each(|a| *a = size as f64);
                }
                let mut rng = Rng(k as u64);
                let x = case.inputs(DType::Float64, &mut rng);
                match case.value(&x) {
                    Err(e) => assert!(e.to_string().contains(": "), "{}: {e}", case.name),
                    Ok(y) => {
                        answered.insert(case.name.clone());
                        let Some([back, forth]) = both_modes(&case, &x, &y, &mut rng) else { continue };
                        let known = numbers(&y).iter().all(|y| y.is_finite());
                        assert!(
                            near(back, forth, 1e-10) || !known,
                            "{back}, forward mode {forth}: {} {:?} {:?}",
                            case.name,
                            case.x,
                            case.attrs
                        );
                    }
                }
            }
        }
    }
    names.difference(&answered).cloned().collect()
}

#[test]
fn axes_of_length_one_are_answered_by_every_operation() {
    assert_eq!(without_answer(1), Vec::<String>::new());
}

#[test]
fn empty_axes_are_answered_by_every_operation_that_has_an_answer_for_nothing() {
    // Of these two the sizes in the samples are numbers of other things as well; test/corners.test.ts has empty ones.
    assert_eq!(without_answer(0), ["broadcastTo", "convTranspose2d"]);
}

#[test]
fn scalars_have_derivatives_in_both_modes_or_are_refused() {
    let mut answered = 0;
    for (k, case) in cases().into_iter().enumerate() {
        let scalar = |x: &Input| x.with_dims(Vec::new());
        let case = Case { x: case.x.iter().map(scalar).collect(), ..case };
        let mut rng = Rng(k as u64);
        let x = case.inputs(DType::Float64, &mut rng);
        match case.value(&x) {
            Err(e) => assert!(e.to_string().starts_with(&format!("{}: ", case.name)), "{e}"),
            Ok(y) => {
                answered += 1;
                if let Some([back, forth]) = both_modes(&case, &x, &y, &mut rng) {
                    let known = numbers(&y).iter().all(|y| y.is_finite());
                    assert!(near(back, forth, 1e-12) || !known, "{} {:?}", case.name, case.attrs);
                }
            }
        }
    }
    assert!(answered > 150, "only {answered} cases had an answer");
}

/// `leaky_relu` as users have it, `leakyRelu`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_string();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

#[test]
fn every_function_has_been_measured() {
    let measured = include_str!("../../test/fixtures/accuracy.json");
    // What users cannot call by itself has no row: parts of an optimizer's step, and of a softmax.
    let is_internal = |name: &str| ["lerp_square", "adam_step", "exp_minus"].contains(&name);
    for func in Func::ALL.iter().map(|func| func.entry()).filter(|entry| !is_internal(entry.name)) {
        let found = measured.contains(&format!("\"name\": \"{}\"", camel(func.name)));
        assert!(found, "{} has not been measured: python3 scripts/ulp.py --write", func.name);
    }
}
