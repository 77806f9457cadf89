//! Derivatives of derivatives: the tests of perturbation confusion, and pullbacks that are kept.

mod common;

use common::{array, float64, near, numbers};
use wengert::array::Array;
use wengert::dtype::DType;
use wengert::elementwise::Func;
use wengert::ops::map::Map;
use wengert::ops::scatter::ScatterAdd;
use wengert::real::Real;
use wengert::tape::Tape;
use wengert::var::Var;

/// A scalar function on the tape.
type Function<'a, 't> = &'a dyn Fn(Var<'t>) -> Var<'t>;

/// f'(x) as a nested transformation, in reverse mode.
fn grad<'t>(f: Function<'_, 't>, x: Var<'t>) -> Var<'t> {
    let tape = x.tape();
    tape.begin();
    let inside = tape.variable(x).unwrap();
    let g = tape.pullback(&[f(inside)], &[None], &[inside], tape.depth() == 1).unwrap();
    tape.end(&g).unwrap();
    g[0]
}

/// f'(x) in forward mode.
fn derivative<'t>(f: Function<'_, 't>, x: Var<'t>) -> Var<'t> {
    let tape = x.tape();
    tape.begin();
    let inside = tape.variable(x).unwrap();
    let y = f(inside);
    let t = tape.pushforward(&[y], &[inside], &[inside.full_like(1.0)], tape.depth() == 1).unwrap();
    tape.end(&t).unwrap();
    t[0]
}

/// f'(x) in one of the two modes.
fn either<'t>(forward: bool, f: Function<'_, 't>, x: Var<'t>) -> Var<'t> {
    if forward { derivative(f, x) } else { grad(f, x) }
}

fn scalar(tape: &Tape, x: f64) -> Var<'_> {
    tape.leaf(Array::scalar(x, DType::Float64).unwrap())
}

fn number(x: Var<'_>) -> f64 {
    x.tape().read(x).unwrap().item()
}

fn fifth<'t>(x: Var<'t>) -> Var<'t> {
    let square = x * x;
    square * square * x
}

#[test]
fn five_derivatives_of_the_fifth_power_in_every_mixture() {
    let tape = Tape::new();
    let x = scalar(&tape, 2.0);
    for choice in 0..32 {
        let forward = |k: usize| choice >> k & 1 == 1;
        let f0: Function<'_, '_> = &fifth;
        let f1: Function<'_, '_> = &|x| either(forward(0), f0, x);
        let f2: Function<'_, '_> = &|x| either(forward(1), f1, x);
        let f3: Function<'_, '_> = &|x| either(forward(2), f2, x);
        let f4: Function<'_, '_> = &|x| either(forward(3), f3, x);
        let f5: Function<'_, '_> = &|x| either(forward(4), f4, x);
        let expected = [32.0, 80.0, 160.0, 240.0, 240.0, 120.0];
        for (f, expected) in [f1, f2, f3, f4, f5].into_iter().zip(&expected[1..]) {
            assert_eq!(number(f(x)), *expected, "mixture {choice:05b}");
        }
    }
    tape.sweep();
    assert!(tape.is_empty());
}

#[test]
fn perturbations_are_not_confused() {
    let tape = Tape::new();
    for outer in [false, true] {
        for inner in [false, true] {
            let at = format!("outer {outer}, inner {inner}");
            // d/dx (x d/dy (x + y)) = 1 (Siskind and Pearlmutter, 2005).
            let y = either(outer, &|x| x * either(inner, &|y| x + y, x.one()), scalar(&tape, 1.0));
            assert_eq!(number(y), 1.0, "{at}");
            // d/dx (x d/dy (x y) at y = 2) = 2 x.
            let y = either(outer, &|x| x * either(inner, &|y| x * y, x.lit(2.0)), scalar(&tape, 3.0));
            assert_eq!(number(y), 6.0, "{at}");
            // The inner function is differentiated at the outer variable itself: d/dx (d/dy x y² at y = x) is 4 x.
            let y = either(outer, &|x| either(inner, &|y| x * y * y, x), scalar(&tape, 3.0));
            assert_eq!(number(y), 12.0, "{at}");
        }
    }
}

#[test]
fn what_does_not_depend_has_a_zero_derivative() {
    let tape = Tape::new();
    let x = scalar(&tape, 3.0);
    assert_eq!(number(grad(&|x| x.lit(5.0), x)), 0.0);
    assert_eq!(number(grad(&|x| x.stop_gradient() * x, x)), 3.0);
    assert_eq!(number(grad(&|x| grad(&|_| x.lit(1.0), x), x)), 0.0);
    assert_eq!(number(derivative(&|x| derivative(&|y| x * x + y, x), x)), 0.0);
    assert_eq!(number(grad(&|x| x, x)), 1.0);
}

#[test]
fn an_inner_gradient_may_use_an_outer_variable_twice() {
    // h(x) = d/dy sin(x y) at y = x is x cos x², h' = cos x² - 2 x² sin x².
    let tape = Tape::new();
    let x: f64 = 0.7;
    let slope = number(grad(&|x| grad(&|y| (x * y).map(Func::Sin), x), scalar(&tape, x)));
    let expected = (x * x).cos() - 2.0 * x * x * (x * x).sin();
    assert!(near(slope, expected, 1e-14), "{slope} for {expected}");
}

#[test]
fn tenth_derivative_of_the_exponential() {
    let tape = Tape::new();
    fn nth<'t>(n: usize, x: Var<'t>) -> Var<'t> {
        if n == 0 { x.map(Func::Exp) } else { grad(&|x| nth(n - 1, x), x) }
    }
    let y = number(nth(10, scalar(&tape, 0.5)));
    assert!(near(y, 0.5f64.exp(), 1e-14), "{y}");
}

#[test]
fn second_derivatives_are_finite_where_the_first_are() {
    // Where a function has become flat or straight, the parts of its derivative may be infinite.
    for &func in Func::ALL {
        let domain = func.entry().domain;
        let middle: Vec<f64> = domain.iter().map(|&(low, high)| (low + high) / 2.0).collect();
        for (dtype, i) in
            [DType::Float32, DType::Float64].into_iter().flat_map(|d| (0..middle.len()).map(move |i| (d, i)))
        {
            for at in [0.0, 50.0, -50.0, 100.0, -100.0, 1000.0, -1000.0, 1e30, -1e30] {
                let tape = Tape::new();
                let point = |x: f64| tape.leaf(Array::scalar(x, dtype).unwrap());
                let others: Vec<Var<'_>> = middle.iter().map(|&m| point(m)).collect();
                let call = |x| {
                    let mut inputs = others.clone();
                    inputs[i] = x;
                    tape.apply(Map { func }, &inputs)
                };
                let x = point(at);
                let first = number(grad(&call, x));
                if !number(call(x)).is_finite() || !first.is_finite() {
                    continue;
                }
                for choice in 0..4 {
                    let inner = |x| either(choice & 1 == 1, &call, x);
                    let second = number(either(choice & 2 == 2, &inner, x));
                    assert!(second.is_finite(), "{} by {i} at {at}, {}: {second}", func.entry().name, dtype.name());
                }
            }
        }
    }
}

#[test]
fn powers_have_derivatives_of_every_order_at_zero() {
    let tape = Tape::new();
    for exponent in [0.0, 1.0, 2.0, 3.0] {
        for choice in 0..8 {
            let power = |x| Real::pow(x, Real::lit(x, exponent));
            let first = |x| either(choice & 1 == 1, &power, x);
            let second = |x| either(choice & 2 == 2, &first, x);
            let third = |x| either(choice & 4 == 4, &second, x);
            let x = scalar(&tape, 0.0);
            let found = [number(power(x)), number(first(x)), number(second(x)), number(third(x))];
            let expected = match exponent {
                0.0 => [1.0, 0.0, 0.0, 0.0],
                1.0 => [0.0, 1.0, 0.0, 0.0],
                2.0 => [0.0, 0.0, 2.0, 0.0],
                _ => [0.0, 0.0, 0.0, 6.0],
            };
            assert_eq!(found, expected, "x to the power {exponent}");
        }
    }
}

#[test]
fn a_kept_pushforward_runs_any_number_of_times_where_only_it_needs_a_value() {
    // scatterAdd's pullback by its first argument needs nothing, its pushforward the indices.
    let tape = Tape::new();
    tape.begin();
    let x = tape.leaf(float64(&[2], &[1.0, 2.0]));
    let indices = tape.leaf(array(&[1], DType::Int32, &[1.0]));
    let y = tape.apply(ScatterAdd::along(0), &[x, indices, tape.leaf(float64(&[1], &[5.0]))]);
    let handles = [tape.handle(x), tape.handle(y)];
    tape.end_connected(&[], &[x], &[y]).unwrap();
    tape.sweep();
    for _ in 0..2 {
        let [x, y] = handles.map(|h| tape.lookup(h).unwrap());
        tape.begin();
        let t = tape.pushforward(&[y], &[x], &[tape.leaf(float64(&[2], &[3.0, 4.0]))], true).unwrap();
        tape.end(&t).unwrap();
        assert_eq!(numbers(&t[0].value().unwrap()), [3.0, 4.0]);
        tape.sweep();
    }
}

#[test]
fn a_kept_pullback_gives_the_rows_of_a_jacobian() {
    let tape = Tape::new();
    let x = tape.leaf(float64(&[3], &[0.1, 0.2, 0.3]));
    let held = tape.handle(x);
    tape.begin();
    let variable = tape.variable(x).unwrap();
    let y = variable.map(Func::Sin) * variable.sum_all();
    let handles = [tape.handle(variable), tape.handle(y)];
    tape.end_connected(&[], &[variable], &[y]).unwrap();
    tape.sweep();
    let (variable, y) = (tape.lookup(handles[0]).unwrap(), tape.lookup(handles[1]).unwrap());
    let nodes = tape.len();
    for _ in 0..2 {
        for i in 0..3 {
            let row = |k: usize| f64::from(u8::from(i == k));
            tape.begin();
            let u = tape.leaf(float64(&[3], &[row(0), row(1), row(2)]));
            let g = tape.pullback(&[y], &[Some(u)], &[variable], true).unwrap();
            tape.end(&g).unwrap();
            let found = numbers(&g[0].value().unwrap());
            for (j, found) in found.into_iter().enumerate() {
                let at = 0.1 * (i + 1) as f64;
                let expected = at.sin() + if i == j { at.cos() * 0.6 } else { 0.0 };
                assert!(near(found, expected, 1e-14), "row {i}, column {j}: {found} for {expected}");
            }
            tape.sweep();
            assert_eq!(tape.len(), nodes);
        }
    }
    // The Jacobian times a vector, through the same kept nodes, and both derived once more.
    tape.begin();
    let t = tape.pushforward(&[y], &[variable], &[variable.full_like(1.0)], false).unwrap();
    let second = tape.pullback(&t, &[None], &[variable], true).unwrap();
    tape.end(&[t[0], second[0]]).unwrap();
    for (i, t) in numbers(&t[0].value().unwrap()).into_iter().enumerate() {
        let at = 0.1 * (i + 1) as f64;
        assert!(near(t, at.cos() * 0.6 + 3.0 * at.sin(), 1e-14));
    }
    // Σ_i d/dx_j (cos x_i s + 3 sin x_i) = -sin x_j s + 3 cos x_j + Σ_i cos x_i.
    let cosines: f64 = [0.1f64, 0.2, 0.3].iter().map(|x| x.cos()).sum();
    for (j, g) in numbers(&second[0].value().unwrap()).into_iter().enumerate() {
        let at = 0.1 * (j + 1) as f64;
        assert!(near(g, -at.sin() * 0.6 + 3.0 * at.cos() + cosines, 1e-14), "{j}: {g}");
    }
    tape.sweep();
    for h in handles.into_iter().chain([held]) {
        tape.release(h);
    }
    assert!(tape.is_empty());
}

#[test]
fn recorded_gradients_can_be_differentiated_again() {
    let tape = Tape::new();
    let x = tape.leaf(float64(&[], &[2.0]));
    let handle = tape.handle(x);
    tape.set_requires_grad(x, true).unwrap();
    let y = fifth(x);
    tape.settle(&[y]).unwrap();
    let mut order = vec![tape.handle(y)];
    for expected in [80.0, 160.0, 240.0, 240.0, 120.0] {
        tape.sweep();
        tape.zero_grad(tape.lookup(handle).unwrap());
        let top = tape.lookup(*order.last().unwrap()).unwrap();
        tape.backward(top, None, true, true).unwrap();
        let g = tape.grad(tape.lookup(handle).unwrap()).unwrap();
        assert_eq!(number(g), expected);
        order.push(tape.handle(g));
    }
    tape.sweep();
    order.into_iter().chain([handle]).for_each(|h| tape.release(h));
    assert!(tape.is_empty());
}

#[test]
fn a_gradient_recorded_in_a_last_pass_says_that_it_cannot_be_differentiated() {
    let tape = Tape::new();
    tape.begin();
    let x = tape.variable(scalar(&tape, 0.5)).unwrap();
    let g = tape.pullback(&[x.map(Func::Sin)], &[None], &[x], true).unwrap();
    let refused = tape.pullback(&g, &[None], &[x], true).err().unwrap();
    assert_eq!(
        refused.to_string(),
        "sin: this gradient was computed without a graph; ask for it inside a transformation or with { createGraph: true }"
    );
    tape.end(&[]).unwrap();
}

#[test]
fn integers_on_the_way_cut_the_derivative() {
    let tape = Tape::new();
    tape.begin();
    let x = tape.variable(tape.leaf(float64(&[2], &[1.5, 2.5]))).unwrap();
    let whole = x.cast(DType::Int32).cast(DType::Float64);
    let g = tape.pullback(&[whole * x], &[None], &[x], true).unwrap();
    tape.end(&g).unwrap();
    assert_eq!(numbers(&g[0].value().unwrap()), [1.0, 2.0]);
    let i = tape.leaf(array(&[2], DType::Int32, &[1.0, 2.0]));
    assert_eq!(
        tape.pullback(&[i], &[None], &[i], true).err().unwrap().to_string(),
        "vjp: only float32 and float64 carry derivatives, got int32; convert with .to(\"float32\")"
    );
}

/// A forward pass is linear in its tangents, so it can be turned round (Frostig et al., "Decomposing reverse-mode automatic
/// differentiation", 2021): the tangents are variables that are younger than all they go through.
#[test]
fn a_forward_pass_is_transposed_by_a_reverse_one() {
    let tape = Tape::new();
    tape.begin();
    let x = tape.variable(tape.leaf(float64(&[2], &[0.3, 0.4]))).unwrap();
    let y = x.map(Func::Sin).map(Func::Exp);
    let t = tape.variable(tape.leaf(float64(&[2], &[1.0, 2.0]))).unwrap();
    let pushed = tape.pushforward(&[y], &[x], &[t], false).unwrap();
    let back = tape.pullback(&pushed, &[None], &[t, x], false).unwrap();
    tape.end(&back).unwrap();
    for (k, (x, t)) in [(0.3f64, 1.0), (0.4, 2.0)].into_iter().enumerate() {
        assert!(near(numbers(&back[0].value().unwrap())[k], x.sin().exp() * x.cos(), 1e-14));
        let slope = t * x.sin().exp() * (x.cos() * x.cos() - x.sin());
        assert!(near(numbers(&back[1].value().unwrap())[k], slope, 1e-14));
    }
}

#[test]
fn a_kept_pullback_goes_through_an_inner_variable_that_is_the_result() {
    // What vjp of a function does that returns an inner transformation's variable: result and copy, the copy cut loose.
    let tape = Tape::new();
    tape.begin();
    let x = tape.variable(scalar(&tape, 3.0)).unwrap();
    tape.begin();
    let y = tape.variable(x).unwrap();
    tape.end(&[y]).unwrap();
    let copy = tape.variable(y).unwrap();
    let handles = [copy, y, x].map(|x| tape.handle(x));
    tape.end_connected(&[copy], &[x], &[y]).unwrap();
    tape.sweep();
    let [copy, y, x] = handles.map(|h| tape.lookup(h).unwrap());
    assert!(copy.op().is_none() && y.op().is_some());
    tape.begin();
    let g = tape.pullback(&[y], &[None], &[x], true).unwrap();
    tape.end(&g).unwrap();
    assert_eq!(number(g[0]), 1.0);
    tape.sweep();
    handles.into_iter().for_each(|h| tape.release(h));
    assert!(tape.is_empty());
}

#[test]
fn each_derivative_is_a_node_of_its_own() {
    let tape = Tape::new();
    tape.begin();
    let (a, b) = (tape.variable(scalar(&tape, 1.0)).unwrap(), tape.variable(scalar(&tape, 2.0)).unwrap());
    let u = scalar(&tape, 5.0);
    let held = tape.handle(u);
    let g = tape.pullback(&[a + b], &[Some(u)], &[a, b, a], true).unwrap();
    let t = tape.pushforward(&[a, a], &[a], &[u], true).unwrap();
    let all: Vec<Var<'_>> = g.into_iter().chain(t).chain([u]).collect();
    tape.end(&all[..5]).unwrap();
    for (k, x) in all.iter().enumerate() {
        assert_eq!(number(*x), 5.0);
        assert!(!all[..k].contains(x), "{k}");
    }
    tape.release(held);
}

#[test]
fn a_result_is_a_node_of_its_own_where_there_was_nothing_to_do() {
    let tape = Tape::new();
    let x = tape.leaf(float64(&[3], &[1.0, 2.0, 3.0]));
    for (name, attrs) in [
        ("flatten", vec![]),
        ("to", vec![1.0]),
        ("transpose", vec![]),
        ("squeeze", vec![-1.0]),
        ("sum", vec![0.0, 0.0]),
    ] {
        let y = wengert::call::call(&tape, common::code(name), &[x], &attrs).unwrap();
        assert!(y != x, "{name}");
    }
}
