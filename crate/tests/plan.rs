//! Plans: a program that was recorded once gives what the evaluator gives, to the bit, each time it is run.

mod common;

use common::{Input, Rng, array, bits, cases, floats, is_differentiable};
use wengert::array::Array;
use wengert::buffer;
use wengert::dtype::DType;
use wengert::elementwise::{Func, Test};
use wengert::error::Result;
use wengert::kernels::split::with_threads;
use wengert::ops::compare::Compare;
use wengert::ops::extremum::Extremum;
use wengert::ops::map::Map;
use wengert::ops::select::Select;
use wengert::ops::sum::Sum;
use wengert::plan::Plan;
use wengert::shape::AxisSet;
use wengert::tape::Tape;
use wengert::var::Var;

/// A program: from the nodes of its arguments to those of its results.
type Program<'a> = dyn for<'t> Fn(&'t Tape, &[Var<'t>]) -> Result<Vec<Var<'t>>> + 'a;

/// What the evaluator computes.
fn evaluated(tape: &Tape, x: &[Array], program: &Program<'_>) -> Result<Vec<Array>> {
    tape.begin();
    let x: Vec<Var<'_>> = x.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = program(tape, &x)?;
    tape.end(&y)?;
    let values = y.iter().map(|&y| tape.read(y)).collect();
    tape.sweep();
    values
}

/// The plan of a program for arguments like these.
fn planned(tape: &Tape, x: &[Array], program: &Program<'_>) -> Result<Plan> {
    tape.begin_plan();
    let like = |x: &Array| tape.placeholder(wengert::op::Aval::new(x.shape(), x.dtype), "compile");
    let x: Vec<Var<'_>> = x.iter().map(like).collect();
    let plan = program(tape, &x).and_then(|y| tape.compile(&x, &y));
    tape.end(&[])?;
    tape.sweep();
    plan
}

fn same_bits(plan: &mut Plan, tape: &Tape, x: &[Array], program: &Program<'_>, name: &str) {
    let wanted = evaluated(tape, x, program).unwrap();
    // Copies, so that nobody else has the memory and the plan may use it up.
    let own = x.iter().map(|x| array(&x.shape(), x.dtype, &common::numbers(x)));
    let found: Vec<Array> = plan.run(tape, own.map(Ok)).unwrap().collect();
    assert_eq!(found.len(), wanted.len());
    for (k, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
        assert_eq!((found.shape(), found.dtype), (wanted.shape(), wanted.dtype), "{name}, result {k}");
        assert_eq!(bits(found), bits(wanted), "{name}, result {k}\n{}", plan.to_json());
    }
}

#[test]
fn every_operation_and_its_derivatives_have_the_same_bits() {
    let mut rng = Rng(1);
    for dtype in [DType::Float32, DType::Float64] {
        for case in cases() {
            let tape = Tape::new();
            let x = case.inputs(dtype, &mut rng);
            let Ok(y) = case.value(&x) else { panic!("{} refused its sample", case.name) };
            let differentiable = is_differentiable(&x, &y);
            // A function item of its own: closures do not say that lifetimes go together.
            fn program_of<'t>(
                case: &common::Case,
                derive: bool,
                tape: &'t Tape,
                x: &[Var<'t>],
            ) -> Result<Vec<Var<'t>>> {
                let y = case.call(tape, x)?;
                let mut results = vec![y];
                if derive {
                    let by: Vec<Var<'t>> = x.iter().copied().filter(|x| x.dtype().is_float()).collect();
                    let last = tape.is_outermost();
                    results.extend(tape.pullback(&[y], &[Some(y.full_like(0.5))], &by, last)?);
                    let ones: Vec<Var<'t>> = by.iter().map(|x| x.full_like(1.0)).collect();
                    results.extend(tape.pushforward(&[y], &by, &ones, last)?);
                }
                Ok(results)
            }
            let program: &Program<'_> = &|tape, x| program_of(&case, differentiable, tape, x);
            let mut plan = planned(&tape, &x, program).unwrap_or_else(|e| panic!("{}: {}", case.name, e.to_json()));
            same_bits(&mut plan, &tape, &x, program, &case.name);
            let others = case.inputs(dtype, &mut rng);
            same_bits(&mut plan, &tape, &others, program, &case.name);
            plan.forget(&tape);
            tape.sweep();
            assert!(tape.is_empty(), "{} left nodes", case.name);
            assert!(!floats(&x).is_empty() || !differentiable);
        }
    }
    assert_eq!(buffer::memory().live, 0);
}

/// One step of a random program: a function of the table, a test with a choice, a conversion there and back, a reduction.
#[derive(Clone, Copy, Debug)]
enum Pick {
    Func(usize, [usize; 6]),
    Choice(usize, [usize; 2]),
    Cast(usize, DType),
    /// The sum or the largest element of each row.
    Rows(usize, bool),
}

fn chain<'t>(picks: &[Pick], results: &[usize], x: &[Var<'t>]) -> Result<Vec<Var<'t>>> {
    let tape = x[0].tape();
    let mut values: Vec<Var<'t>> = x.to_vec();
    for pick in picks {
        let of = |k: usize| values[k % values.len()];
        let y = match *pick {
            Pick::Func(f, at) => {
                let func = Func::ALL[f];
                let inputs: Vec<Var<'t>> = at[..func.arity()].iter().map(|&k| of(k)).collect();
                tape.record(Map { func }, &inputs)?
            }
            Pick::Choice(t, [a, b]) => {
                let test = Test::ALL[t];
                let inputs: Vec<Var<'t>> = [a, b][..test.entry().2.len()].iter().map(|&k| of(k)).collect();
                let holds = tape.record(Compare { test }, &inputs)?;
                tape.record(Select, &[holds, of(a), of(b)])?
            }
            Pick::Cast(a, dtype) => of(a).cast(dtype).cast(of(a).dtype()),
            Pick::Rows(a, max) => match of(a).shape().ndim() {
                0 => of(a),
                n => {
                    let axes = AxisSet::from_iter([n - 1]);
                    let (sum, extremum) =
                        (Sum { axes, keep_dims: true }, Extremum { max: true, axes, keep_dims: true });
                    if max { tape.record(extremum, &[of(a)])? } else { tape.record(sum, &[of(a)])? }
                }
            },
        };
        values.push(y);
    }
    Ok(results.iter().map(|&k| values[k % values.len()]).collect())
}

#[test]
fn random_chains_of_elementwise_operations_have_the_same_bits() {
    const SHAPES: [&[usize]; 12] =
        [&[], &[1], &[5], &[16], &[3, 7], &[1, 7], &[3, 1], &[1000], &[2, 3, 7], &[5, 260], &[35, 256], &[2, 3, 300]];
    let mut rng = Rng(7);
    for round in 0..600 {
        let tape = Tape::new();
        let dtype = [DType::Float32, DType::Float64][round % 2];
        let full = SHAPES[rng.below(SHAPES.len())];
        // Arguments that broadcast with the shape: itself, a scalar, one without the first dimension, ones inside.
        let dims = |rng: &mut Rng| match rng.below(4) {
            0 => vec![],
            1 if full.len() > 1 => full[1..].to_vec(),
            2 => full.iter().map(|&d| if rng.below(2) == 0 { 1 } else { d }).collect(),
            _ => full.to_vec(),
        };
        let inputs: Vec<Input> = (0..3).map(|_| Input::Real(dims(&mut rng), 0.2, 1.8)).collect();
        let picks: Vec<Pick> = (0..1 + rng.below(14))
            .map(|_| match rng.below(9) {
                8 => Pick::Rows(rng.below(99), rng.below(2) == 0),
                0 => Pick::Choice(rng.below(Test::ALL.len()), [rng.below(99), rng.below(99)]),
                1 => Pick::Cast(rng.below(99), [DType::Int32, DType::Bool, DType::Float32][rng.below(3)]),
                _ => Pick::Func(rng.below(Func::ALL.len()), std::array::from_fn(|_| rng.below(99))),
            })
            .collect();
        let results: Vec<usize> = (0..1 + rng.below(4)).map(|_| rng.below(99)).chain([picks.len() + 2]).collect();
        let program: &Program<'_> = &|_, x| chain(&picks, &results, x);
        let x: Vec<Array> = inputs.iter().map(|x| x.draw(dtype, &mut rng)).collect();
        let mut plan = planned(&tape, &x, program).unwrap();
        for _ in 0..2 {
            let x: Vec<Array> = inputs.iter().map(|x| x.draw(dtype, &mut rng)).collect();
            same_bits(&mut plan, &tape, &x, program, &format!("{picks:?} -> {results:?}"));
        }
        // Views as arguments: the other way round.
        let turned: Vec<Array> = inputs
            .iter()
            .map(|x| {
                let dims: Vec<usize> = x.dims().into_iter().rev().collect();
                let axes: Vec<usize> = (0..dims.len()).rev().collect();
                let x = x.with_dims(dims).draw(dtype, &mut rng);
                x.view(x.layout().permute(&axes))
            })
            .collect();
        let wanted = evaluated(&tape, &turned, program).unwrap();
        let found = plan.run(&tape, turned.into_iter().map(Ok)).unwrap();
        assert!(found.as_slice().iter().zip(&wanted).all(|(a, b)| bits(a) == bits(b)), "{picks:?}");
        drop((found, wanted));
        plan.forget(&tape);
        tape.sweep();
        assert!(tape.is_empty());
    }
    assert_eq!(buffer::memory().live, 0);
}

fn count(plan: &Plan, what: &str) -> usize {
    let json = plan.to_json();
    let rest = &json[json.find(&format!("\"{what}\":")).unwrap() + what.len() + 3..];
    rest[..rest.find([',', '}']).unwrap()].parse().unwrap()
}

fn steps(plan: &Plan) -> usize {
    plan.to_json().matches("\"names\"").count()
}

#[test]
fn what_is_equal_constant_or_not_needed_is_not_computed_again() {
    use wengert::real::Real;
    let tape = Tape::new();
    let x = array(&[40], DType::Float32, &[0.5; 40]);
    let program: &Program<'_> = &|_, x| {
        let x = x[0];
        let unused = x.exp().sin();
        let twice = (x.sin() + x.lit(2.0) * x.lit(3.0)) * (x.sin() + x.lit(6.0));
        let _ = unused;
        Ok(vec![twice])
    };
    let mut plan = planned(&tape, std::slice::from_ref(&x), program).unwrap();
    // One sine, one sum, one product; in one pass.
    assert_eq!((count(&plan, "ops"), count(&plan, "fused"), steps(&plan)), (3, 3, 1), "{}", plan.to_json());
    same_bits(&mut plan, &tape, &[x], program, "sines");
    plan.forget(&tape);
}

#[test]
fn operations_between_other_operations_are_one_pass_each_time() {
    let tape = Tape::new();
    let x = array(&[6, 6], DType::Float64, &(0..36).map(|k| f64::from(k) * 0.01).collect::<Vec<_>>());
    let program: &Program<'_> = &|_, x| {
        use wengert::real::Real;
        let a = x[0].tanh() * x[0];
        let b = wengert::ops::matmul::matmul(a, x[0])?;
        // Reads what comes before the product and what comes after it.
        Ok(vec![(b.exp() + a).sqrt(), a + x[0].lit(1.0)])
    };
    let mut plan = planned(&tape, std::slice::from_ref(&x), program).unwrap();
    assert_eq!(steps(&plan), 2, "{}", plan.to_json());
    same_bits(&mut plan, &tape, &[x], program, "around a product");
    plan.forget(&tape);
}

#[test]
fn an_epilogue_follows_its_product_on_any_number_of_threads() {
    let mut rng = Rng(9);
    let program: &Program<'_> = &|_, x| {
        use wengert::real::Real;
        let y = wengert::ops::matmul::matmul(x[0], x[1])? + x[2];
        Ok(vec![y.tanh() * y, y])
    };
    // One that is divided, one in pieces, many small ones, some that are both.
    for (a, b) in [
        (&[300, 70][..], &[70, 300][..]),
        (&[1100, 9], &[9, 1900]),
        (&[700, 5, 4], &[700, 4, 6]),
        (&[3, 150, 40], &[3, 40, 170]),
        (&[7, 1, 3], &[7, 3, 1]),
    ] {
        let n = b[b.len() - 1];
        let mut draw = |shape: &[usize]| array(shape, DType::Float32, &rng.reals(shape.iter().product(), -1.0, 1.0));
        let x = [draw(a), draw(b), draw(&[n])];
        let run = || {
            let tape = Tape::new();
            let mut plan = planned(&tape, &x, program).unwrap();
            assert_eq!(steps(&plan), 1, "{}", plan.to_json());
            (0..3).for_each(|_| same_bits(&mut plan, &tape, &x, program, "an epilogue"));
            plan.forget(&tape);
        };
        run();
        [2, 3].into_iter().for_each(|threads| with_threads(threads, run));
    }
}

#[test]
fn a_row_is_computed_in_one_pass_with_its_reductions() {
    let mut rng = Rng(3);
    for (name, attrs, ops) in
        [("softmax", vec![-1.0], 8), ("logSumExp", vec![1.0, 1.0, 0.0], 9), ("layerNorm", vec![1.0, -1.0, 1e-5], 9)]
    {
        let code = common::code(name);
        let more: &[f64] = if name == "layerNorm" { &[1.0, 0.0] } else { &[] };
        let program: &Program<'_> = &|tape, x| {
            let rest = more.iter().map(|&c| tape.constant(c, x[0].dtype())).collect::<Result<Vec<_>>>()?;
            let all: Vec<Var<'_>> = x.iter().copied().chain(rest).collect();
            Ok(vec![wengert::call::call(tape, code, &all, &attrs)?])
        };
        for dtype in [DType::Float32, DType::Float64] {
            for dims in [[3, 256], [40, 301]] {
                let tape = Tape::new();
                let x = Input::Real(dims.to_vec(), -5.0, 5.0).draw(dtype, &mut rng);
                let mut plan = planned(&tape, std::slice::from_ref(&x), program).unwrap();
                // What is left beside the pass is the shape of the result.
                assert!(steps(&plan) <= 2 && count(&plan, "ops") <= ops + 1, "{name}: {}", plan.to_json());
                same_bits(&mut plan, &tape, &[x], program, name);
                let turned = Input::Real(vec![dims[1], dims[0]], -5.0, 5.0).draw(dtype, &mut rng);
                let turned = turned.view(turned.layout().permute(&[1, 0]));
                let wanted = evaluated(&tape, std::slice::from_ref(&turned), program).unwrap();
                assert_eq!(bits(&plan.run(&tape, [Ok(turned)]).unwrap().as_slice()[0]), bits(&wanted[0]), "{name}");
                plan.forget(&tape);
            }
        }
    }
}

#[test]
fn values_that_nobody_else_has_are_written_over() {
    use wengert::real::Real;
    let tape = Tape::new();
    let dims = [100, 10];
    let x = array(&dims, DType::Float32, &[1.0; 1000]);
    let program: &Program<'_> = &|_, x| Ok(vec![x[0].exp() * x[0].lit(2.0) + x[0].sin()]);
    let mut plan = planned(&tape, std::slice::from_ref(&x), program).unwrap();
    let place = x.address();
    let y = plan.run(&tape, [Ok(x)]).unwrap().next().unwrap();
    assert_eq!(y.address(), place, "the argument was given away");
    let before = bits(&y);
    let again = plan.run(&tape, [Ok(y.clone())]).unwrap().next().unwrap();
    assert_ne!(again.address(), place, "the argument belongs to somebody else");
    assert_eq!(bits(&y), before);
    plan.forget(&tape);
}

#[test]
fn a_plan_reads_captured_tensors_at_their_values_of_the_moment_and_refuses_those_with_a_gradient() {
    let tape = Tape::new();
    let w = tape.leaf(array(&[2], DType::Float32, &[1.0, 2.0]));
    let handle = tape.handle(w);
    tape.sweep();
    let program: &Program<'_> = &|tape, x| Ok(vec![x[0] * tape.lookup(handle).unwrap()]);
    let x = || array(&[2], DType::Float32, &[10.0, 10.0]);
    let mut plan = planned(&tape, &[x()], program).unwrap();
    assert_eq!(common::numbers(&plan.run(&tape, [Ok(x())]).unwrap().as_slice()[0]), [10.0, 20.0]);
    let w = tape.lookup(handle).unwrap();
    tape.assign(w, tape.leaf(array(&[2], DType::Float32, &[3.0, 4.0]))).unwrap();
    tape.sweep();
    assert_eq!(common::numbers(&plan.run(&tape, [Ok(x())]).unwrap().as_slice()[0]), [30.0, 40.0]);
    tape.set_requires_grad(w, true).unwrap();
    let refused = planned(&tape, &[x()], program).unwrap_err();
    assert!(refused.to_json().contains("closes over requires a gradient"), "{}", refused.to_json());
    assert_eq!(plan.run(&tape, [Ok(x())]).unwrap_err(), refused);
    let detached: &Program<'_> = &|tape, x| Ok(vec![x[0] * tape.lookup(handle).unwrap().stop_gradient()]);
    let mut other = planned(&tape, &[x()], detached).unwrap();
    assert_eq!(common::numbers(&other.run(&tape, [Ok(x())]).unwrap().as_slice()[0]), [30.0, 40.0]);
    other.forget(&tape);
    tape.set_requires_grad(w, false).unwrap();
    // The plan holds what it reads, though everyone else has let go.
    tape.release(handle);
    assert_eq!(common::numbers(&plan.run(&tape, [Ok(x())]).unwrap().as_slice()[0]), [30.0, 40.0]);
    plan.forget(&tape);
    tape.sweep();
    assert!(tape.is_empty());
}

#[test]
fn a_refusal_while_it_runs_leaves_nothing_behind() {
    let tape = Tape::new();
    let code = common::code("take");
    let program: &Program<'_> = &|tape, x| {
        use wengert::real::Real;
        Ok(vec![wengert::call::call(tape, code, &[x[0].exp(), x[1]], &[1.0, 0.0])?])
    };
    let x = || array(&[3], DType::Float32, &[1.0, 2.0, 3.0]);
    let index = |k: f64| array(&[1], DType::Int32, &[k]);
    let mut plan = planned(&tape, &[x(), index(0.0)], program).unwrap();
    let before = buffer::memory().live;
    assert!(plan.run(&tape, [Ok(x()), Ok(index(7.0))]).is_err());
    assert_eq!(buffer::memory().live, before);
    assert!(plan.run(&tape, [Ok(x()), Ok(index(2.0))]).is_ok());
    plan.forget(&tape);
}
