//! Checkpoints and rules: every operation behind a checkpoint has the derivatives that it has without, in both modes and to
//! second order; rules are transposed; hooks and the watch see what passes.

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::{Case, Rng, all_near, cases, float64, floats, numbers};
use wengert::array::Array;
use wengert::dtype::DType;
use wengert::elementwise::Func;
use wengert::error::Code;
use wengert::ops::custom::Rule;
use wengert::ops::map::Map;
use wengert::real::Real;
use wengert::tape::Tape;
use wengert::var::Var;

/// A case, behind a checkpoint or not.
fn call<'t>(case: &Case, tape: &'t Tape, x: &[Var<'t>], checkpoint: bool) -> Var<'t> {
    let start = tape.clock();
    let y = case.call(tape, x).unwrap();
    if checkpoint { tape.checkpoint(y, start, false).unwrap() } else { y }
}

/// The derivative of a case along cosines of its inputs, in the mode, and that of its sum again in a mode.
fn derivatives(case: &Case, x: &[Array], modes: [bool; 2], checkpoint: bool) -> Vec<Vec<f64>> {
    let tape = Tape::new();
    tape.begin();
    let x: Vec<Var<'_>> = x.iter().map(|x| tape.leaf(x.clone())).collect();
    let by: Vec<usize> = (0..x.len()).filter(|&i| x[i].dtype().is_float()).collect();
    let mut inside = x;
    for &i in &by {
        inside[i] = tape.variable(inside[i]).unwrap();
    }
    let variables: Vec<Var<'_>> = by.iter().map(|&i| inside[i]).collect();
    let pass = |ys: &[Var<'_>], forward: bool| -> Vec<Var<'_>> {
        // The lifetimes of what is given and made are that of the tape.
        let ys: Vec<Var<'_>> = ys.iter().map(|y| tape.lookup(tape.handle(*y)).unwrap()).collect();
        if forward {
            let tangents: Vec<Var<'_>> = variables.iter().map(|x| x.map(Func::Cos)).collect();
            tape.pushforward(&ys, &variables, &tangents, false).unwrap()
        } else {
            let none = vec![None; ys.len()];
            tape.pullback(&ys, &none, &variables, false).unwrap()
        }
    };
    let y = call(case, &tape, &inside, checkpoint);
    let first = pass(&[y], modes[0]);
    let second = pass(&first, modes[1]);
    let all: Vec<Var<'_>> = first.into_iter().chain(second).collect();
    tape.end(&all).unwrap();
    all.into_iter().map(|y| numbers(&tape.read(y).unwrap())).collect()
}

#[test]
fn checkpoints_change_no_derivative() {
    for case in cases() {
        let x = case.inputs(DType::Float64, &mut Rng(5));
        if floats(&x).is_empty() || !case.value(&x).unwrap().dtype.is_float() {
            continue;
        }
        for modes in [[false, false], [false, true], [true, false], [true, true]] {
            let (plain, again) = (derivatives(&case, &x, modes, false), derivatives(&case, &x, modes, true));
            for (plain, again) in plain.iter().zip(&again) {
                assert!(all_near(plain, again, 1e-12), "{} {modes:?}: {again:?} for {plain:?}", case.name);
            }
        }
    }
}

#[test]
fn rules_serve_both_modes() {
    // y = x² by hand: the rule of one mode, used by the other.
    for rule in [Rule::Vjp, Rule::Jvp] {
        for forward in [false, true] {
            let tape = Tape::new();
            tape.begin();
            let x = tape.variable(tape.leaf(float64(&[2], &[3.0, 4.0]))).unwrap();
            let direction = tape.placeholder(x.aval(), "test");
            let slope = (x + x) * direction;
            let y = tape.custom(rule, &[x], x * x, &[direction, slope], 0, false).unwrap();
            let found = if forward {
                tape.pushforward(&[y], &[x], &[x.full_like(1.0)], true).unwrap()
            } else {
                tape.pullback(&[y], &[None], &[x], true).unwrap()
            };
            tape.end(&found).unwrap();
            assert_eq!(numbers(&tape.read(found[0]).unwrap()), [6.0, 8.0], "{rule:?}, forward: {forward}");
        }
    }
}

#[test]
fn rules_that_are_not_linear_or_whole_are_refused() {
    let tape = Tape::new();
    tape.begin();
    let x = tape.variable(tape.leaf(float64(&[], &[3.0]))).unwrap();
    let direction = tape.placeholder(x.aval(), "customJvp");
    assert_eq!(tape.read(direction * x).unwrap_err().code(), Code::Trace);
    let y = tape.custom(Rule::Jvp, &[x], x.exp(), &[direction, direction * direction], 0, false).unwrap();
    assert_eq!(tape.pullback(&[y], &[None], &[x], true).map(|_| ()).unwrap_err().code(), Code::Gradient);
    assert_eq!(tape.custom(Rule::Jvp, &[x], x, &[], 0, false).map(|_| ()).unwrap_err().code(), Code::Argument);
    assert_eq!(tape.custom(Rule::Checkpoint, &[], x, &[], 0, false).map(|_| ()).unwrap_err().code(), Code::Argument);
}

#[test]
fn hooks_see_and_replace_gradients() {
    let tape = Tape::new();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = seen.clone();
    tape.set_hook(Rc::new(move |tape, _, g| {
        log.borrow_mut().extend(numbers(&tape.read(g)?));
        // A call from outside in the middle of the pass must not sweep what the pass has made.
        tape.sweep();
        Ok(g + g)
    }));
    let x = tape.leaf(float64(&[], &[3.0]));
    tape.handle(x);
    tape.set_requires_grad(x, true).unwrap();
    let y = tape.record(Map { func: Func::Square }, &[x]).unwrap();
    tape.settle(&[y]).unwrap();
    tape.handle(y);
    tape.set_hooked(y, true).unwrap();
    tape.backward(y, None, false, false).unwrap();
    assert_eq!(*seen.borrow(), [1.0]);
    assert_eq!(numbers(&tape.read(tape.grad(x).unwrap()).unwrap()), [12.0]);
    let plain = tape.leaf(float64(&[], &[3.0]));
    assert_eq!(tape.set_hooked(plain, true).unwrap_err().code(), Code::Gradient);
}

#[test]
fn the_watch_finds_the_first_value_that_is_not_finite() {
    let tape = Tape::new();
    tape.set_watch(true);
    tape.begin();
    let x = tape.variable(tape.leaf(float64(&[2], &[0.0, 1.0]))).unwrap();
    let y = x.sqrt() + x;
    let g = tape.pullback(&[y], &[None], &[x], false).unwrap();
    let error = tape.end(&g).unwrap_err();
    assert_eq!((error.code(), error.op()), (Code::Value, "sqrt"));
    assert!(error.to_string().contains("its derivative made infinity (1 of 2 elements)"), "{error}");
    assert!(tape.set_watch(false).is_some());
    let log = tape.leaf(float64(&[], &[-1.0])).ln();
    assert!(numbers(&tape.read(log).unwrap())[0].is_nan(), "off again");
}
