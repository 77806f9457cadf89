//! Both modes through the tape, for every call of the tables: first and second order, fused and composed, and what a
//! pass may cost in memory.

mod common;

use common::{
    Case, Rng, all_near, cases, difference, dot, float64, floats, is_differentiable, like, moved, near, numbers,
};
use wengert::array::Array;
use wengert::buffer;
use wengert::dtype::DType;
use wengert::elementwise::Func;
use wengert::ops::gather::Gather;
use wengert::ops::map::Map;
use wengert::shape::AxisSet;
use wengert::tape::Tape;
use wengert::var::Var;

/// An operation of one kind at one point, with the directions in which it is differentiated.
struct Probe {
    case: Case,
    seed: u64,
    x: Vec<Array>,
    /// Positions of the inputs that are differentiated by.
    by: Vec<usize>,
    /// Two tangents for each of them.
    v: Vec<Array>,
    w: Vec<Array>,
    /// A cotangent of the result.
    u: Array,
}

/// All differentiable cases, with points that their seeds determine.
fn probes() -> Vec<Probe> {
    let mut probes = Vec::new();
    for (k, case) in cases().into_iter().enumerate() {
        let seed = 1000 + k as u64;
        let mut rng = Rng(seed);
        let x = case.inputs(DType::Float64, &mut rng);
        let y = case.value(&x).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        if is_differentiable(&x, &y) {
            let by = floats(&x);
            let mut directions = || by.iter().map(|&i| like(&x[i], &mut rng)).collect::<Vec<Array>>();
            let (v, w) = (directions(), directions());
            let u = like(&y, &mut rng);
            probes.push(Probe { case, seed, x, by, v, w, u });
        }
    }
    assert!(probes.len() > 100);
    probes
}

/// A transformation in progress: its tape and, for each input, the node to use in its place.
type Inputs<'t> = Vec<Var<'t>>;

impl Probe {
    fn name(&self) -> String {
        format!("{} {:?} with attributes {:?}, seed {}", self.case.name, self.case.x, self.case.attrs, self.seed)
    }

    /// x + h v.
    fn at(&self, h: f64, v: &[Array]) -> Vec<Array> {
        let mut x = self.x.clone();
        for (&i, v) in self.by.iter().zip(v) {
            x[i] = moved(&x[i], h, v);
        }
        x
    }

    /// Opens a transformation by the differentiable inputs.
    fn begin<'t>(&self, tape: &'t Tape, x: &[Var<'t>]) -> (Inputs<'t>, Inputs<'t>) {
        tape.begin();
        let mut inputs = x.to_vec();
        for &i in &self.by {
            inputs[i] = tape.variable(x[i]).unwrap();
        }
        let variables = self.by.iter().map(|&i| inputs[i]).collect();
        (inputs, variables)
    }

    fn call<'t>(&self, tape: &'t Tape, x: &[Var<'t>]) -> Var<'t> {
        self.case.call(tape, x).unwrap_or_else(|e| panic!("{}: {e}", self.name()))
    }

    /// J'u, by a reverse pass.
    fn reverse<'t>(&self, tape: &'t Tape, x: &[Var<'t>], last: bool) -> Vec<Var<'t>> {
        let (inputs, variables) = self.begin(tape, x);
        let y = self.call(tape, &inputs);
        let u = tape.leaf(self.u.clone());
        let gradients = tape.pullback(&[y], &[Some(u)], &variables, last).unwrap();
        tape.end(&gradients).unwrap();
        gradients
    }

    /// Jv, by a forward pass.
    fn forward<'t>(&self, tape: &'t Tape, x: &[Var<'t>], v: &[Array], last: bool) -> Var<'t> {
        let (inputs, variables) = self.begin(tape, x);
        let y = self.call(tape, &inputs);
        let tangents = tape.pushforward(&[y], &variables, &leaves(tape, v), last).unwrap();
        tape.end(&tangents).unwrap();
        tangents[0]
    }

    /// The numbers that `f` gives, in a transformation of its own.
    fn run(&self, x: &[Array], f: impl for<'t> FnOnce(&'t Tape, &[Var<'t>]) -> Vec<Var<'t>>) -> Vec<Array> {
        let tape = Tape::new();
        let x = leaves(&tape, x);
        f(&tape, &x).into_iter().map(|y| tape.read(y).unwrap()).collect()
    }
}

fn leaves<'t>(tape: &'t Tape, x: &[Array]) -> Vec<Var<'t>> {
    x.iter().map(|x| tape.leaf(x.clone())).collect()
}

/// Σ a b over all elements of all pairs.
fn inner<'t>(tape: &'t Tape, a: &[Var<'t>], b: &[Array]) -> Var<'t> {
    let products = a.iter().zip(leaves(tape, b)).map(|(&a, b)| (a * b).sum_all());
    products.reduce(|a, b| a + b).unwrap()
}

#[test]
fn first_derivatives_agree_with_differences_and_with_each_other() {
    for p in probes() {
        let gradients = p.run(&p.x, |tape, x| p.reverse(tape, x, true));
        let tangent = p.run(&p.x, |tape, x| vec![p.forward(tape, x, &p.v, true)]);
        for (gradient, &i) in gradients.iter().zip(&p.by) {
            assert!(gradient.shape() == p.x[i].shape() && gradient.dtype == p.x[i].dtype, "{}", p.name());
        }
        assert!(tangent[0].shape() == p.u.shape(), "{}", p.name());
        let (back, forth) = (dot(&p.v, &gradients), dot(&tangent, std::slice::from_ref(&p.u)));
        assert!(near(back, forth, 1e-12), "<v, J'u> = {back}, <Jv, u> = {forth}: {}", p.name());
        if p.case.name == "stopGradient" {
            assert_eq!(back, 0.0);
            continue;
        }
        let along = |h: f64| dot(&[p.case.value(&p.at(h, &p.v)).unwrap()], std::slice::from_ref(&p.u));
        let slope = difference(1e-4, along);
        assert!(near(back, slope, 1e-8), "<v, J'u> = {back}, differences say {slope}: {}", p.name());
    }
}

#[test]
fn fused_and_composed_derivatives_agree() {
    for p in probes() {
        for (fused, composed) in [
            (p.run(&p.x, |t, x| p.reverse(t, x, true)), p.run(&p.x, |t, x| p.reverse(t, x, false))),
            (
                p.run(&p.x, |t, x| vec![p.forward(t, x, &p.v, true)]),
                p.run(&p.x, |t, x| vec![p.forward(t, x, &p.v, false)]),
            ),
        ] {
            for (a, b) in fused.iter().zip(&composed) {
                assert!(all_near(&numbers(a), &numbers(b), 1e-14), "{a:?} fused, {b:?} composed: {}", p.name());
            }
        }
    }
}

#[test]
fn second_derivatives_of_all_mixtures_agree_with_each_other_and_with_differences() {
    for p in probes() {
        for last in [true, false] {
            let reverse_reverse = p.run(&p.x, |tape, x| {
                let (inputs, variables) = p.begin(tape, x);
                let gradients = p.reverse(tape, &inputs, false);
                let h = tape.pullback(&[inner(tape, &gradients, &p.v)], &[None], &variables, last).unwrap();
                tape.end(&h).unwrap();
                h
            });
            let forward_reverse = p.run(&p.x, |tape, x| {
                let (inputs, variables) = p.begin(tape, x);
                let gradients = p.reverse(tape, &inputs, false);
                let h = tape.pushforward(&gradients, &variables, &leaves(tape, &p.v), last).unwrap();
                tape.end(&h).unwrap();
                h
            });
            let reverse_forward = p.run(&p.x, |tape, x| {
                let (inputs, variables) = p.begin(tape, x);
                let tangent = p.forward(tape, &inputs, &p.v, false);
                let u = tape.leaf(p.u.clone());
                let h = tape.pullback(&[tangent], &[Some(u)], &variables, last).unwrap();
                tape.end(&h).unwrap();
                h
            });
            let forward_forward = p.run(&p.x, |tape, x| {
                let (inputs, variables) = p.begin(tape, x);
                let tangent = p.forward(tape, &inputs, &p.v, false);
                let h = tape.pushforward(&[tangent], &variables, &leaves(tape, &p.w), last).unwrap();
                tape.end(&h).unwrap();
                h
            });
            let mixtures = [
                ("reverse over reverse", dot(&p.w, &reverse_reverse)),
                ("forward over reverse", dot(&p.w, &forward_reverse)),
                ("reverse over forward", dot(&p.w, &reverse_forward)),
                ("forward over forward", dot(std::slice::from_ref(&p.u), &forward_forward)),
            ];
            for (name, h) in mixtures {
                let first = mixtures[0].1;
                assert!(near(h, first, 1e-9), "{name} gives {h}, reverse over reverse {first}: {}", p.name());
            }
            let slope_at = |h: f64| {
                let tangent = p.run(&p.at(h, &p.w), |tape, x| vec![p.forward(tape, x, &p.v, true)]);
                dot(&tangent, std::slice::from_ref(&p.u))
            };
            let slope = difference(1e-4, slope_at);
            assert!(near(mixtures[0].1, slope, 1e-7), "{}, differences say {slope}: {}", mixtures[0].1, p.name());
        }
    }
}

#[test]
fn operations_without_derivatives_give_zeros() {
    for (k, case) in cases().into_iter().enumerate() {
        let mut rng = Rng(k as u64);
        let x = case.inputs(DType::Float64, &mut rng);
        let y = case.value(&x).unwrap();
        let Some(float) = x.iter().position(|x| x.dtype.is_float()).filter(|_| !y.dtype.is_float()) else { continue };
        let tape = Tape::new();
        tape.begin();
        let x = leaves(&tape, &x);
        let y = case.call(&tape, &x).unwrap();
        let gradients = tape.pullback(&[y], &[None], &x[float..=float], true).unwrap();
        tape.end(&gradients).unwrap();
        assert!(numbers(&tape.read(gradients[0]).unwrap()).iter().all(|&g| g == 0.0), "{}", case.name);
    }
}

/// A tangent may have been made after the function it is pushed through: each pass puts things in an order that works.
#[test]
fn tangents_may_be_younger_than_what_they_are_pushed_through() {
    let tape = Tape::new();
    tape.begin();
    let x = tape.variable(tape.leaf(float64(&[3], &[0.1, 0.2, 0.3]))).unwrap();
    let y = x.map(Func::Sin).map(Func::Exp);
    let late = x.map(Func::Cos).map(Func::Square);
    let t = tape.pushforward(&[y], &[x], &[late], false).unwrap();
    let g = tape.pullback(&t, &[None], &[x], true).unwrap();
    tape.end(&[t[0], g[0]]).unwrap();
    for (k, x) in [0.1f64, 0.2, 0.3].into_iter().enumerate() {
        // d/dx of e^sin x cos³ x.
        let expected = x.sin().exp() * x.cos().powi(3);
        let slope = x.sin().exp() * (x.cos().powi(4) - 3.0 * x.cos().powi(2) * x.sin());
        assert!(near(numbers(&t[0].value().unwrap())[k], expected, 1e-14));
        assert!(near(numbers(&g[0].value().unwrap())[k], slope, 1e-14));
    }
}

/// Elements of a tensor whose bytes stand out in the account.
const N: usize = 1 << 14;
const BYTES: usize = 8 * N;

/// The most tensors of [`BYTES`] that were alive at once while `f` ran, beyond those before.
fn peak_tensors(f: impl FnOnce()) -> usize {
    buffer::reset_peak();
    let before = buffer::memory().live;
    f();
    (buffer::memory().peak - before).div_ceil(BYTES)
}

fn big() -> Array {
    float64(&[N], &Rng(7).reals(N, -1.0, 1.0))
}

#[test]
fn forward_mode_through_a_long_chain_needs_a_handful_of_tensors() {
    let (tape, x) = (Tape::new(), big());
    let peak = peak_tensors(|| {
        tape.begin();
        let x = tape.variable(tape.leaf(x.clone())).unwrap();
        let y = (0..2000).fold(x, |y, _| y.map(Func::Tanh));
        let t = tape.pushforward(&[y], &[x], &[tape.leaf(like(&big(), &mut Rng(8)))], true).unwrap();
        tape.end(&[y, t[0]]).unwrap();
        tape.sweep();
    });
    assert!(peak <= 8, "{peak} tensors");
}

#[test]
fn reverse_mode_keeps_one_tensor_for_each_node() {
    let (tape, x) = (Tape::new(), big());
    let peak = peak_tensors(|| {
        tape.begin();
        let x = tape.variable(tape.leaf(x.clone())).unwrap();
        let y = (0..100).fold(x, |y, _| y.map(Func::Tanh)).sum_all();
        let g = tape.pullback(&[y], &[None], &[x], true).unwrap();
        tape.end(&g).unwrap();
        tape.sweep();
    });
    assert!(peak <= 104, "{peak} tensors");
}

#[test]
fn gradients_accumulate_in_place() {
    let (tape, x) = (Tape::new(), big());
    let terms = 200;
    let mut gradient = Vec::new();
    let peak = peak_tensors(|| {
        tape.begin();
        let x = tape.variable(tape.leaf(x.clone())).unwrap();
        let sum = |k: usize| (x.map(Func::Sin) * tape.constant(k as f64, DType::Float64).unwrap()).sum_all();
        let y = (0..terms).map(sum).reduce(|a, b| a + b).unwrap();
        let g = tape.pullback(&[y], &[None], &[x], true).unwrap();
        tape.end(&g).unwrap();
        gradient = numbers(&g[0].value().unwrap());
        tape.sweep();
    });
    assert!(peak <= 8, "{peak} tensors for {terms} terms");
    let total: f64 = (0..terms).map(|k| k as f64).sum();
    for (g, x) in gradient.iter().zip(numbers(&x)) {
        assert!(near(*g, total * x.cos(), 1e-13));
    }
}

#[test]
fn an_accumulator_that_another_result_needs_is_not_overwritten() {
    // Both gradients begin with the same cotangent, and x is used before and after.
    let tape = Tape::new();
    let (a, b) = (Rng(1).reals(6, -1.0, 1.0), Rng(2).reals(6, -1.0, 1.0));
    let run = |last: bool| {
        tape.begin();
        let x = tape.variable(tape.leaf(float64(&[2, 3], &a))).unwrap();
        let w = tape.variable(tape.leaf(float64(&[2, 3], &b))).unwrap();
        let z = x.map(Func::Exp) + w;
        let y = (z.map(Func::Sin) + x + w).map(Func::Tanh) * x.map(Func::Cos) + z;
        let grads = tape.pullback(&[y, z], &[None, None], &[x, w, z], last).unwrap();
        tape.end(&grads).unwrap();
        grads.iter().flat_map(|g| numbers(&g.value().unwrap())).collect::<Vec<f64>>()
    };
    assert!(all_near(&run(true), &run(false), 1e-15));
}

#[test]
fn dead_nodes_do_not_run() {
    let (tape, x) = (Tape::new(), big());
    let peak = peak_tensors(|| {
        tape.begin();
        let x = tape.variable(tape.leaf(x.clone())).unwrap();
        // It would be refused if it ran: the indices are out of range.
        let bad = tape.leaf(common::array(&[1], DType::Int32, &[1e9]));
        let dead = tape.record(Gather::along(0), &[x, bad]).unwrap().sum_all();
        let heavy = (0..50).map(|_| x.map(Func::Exp)).reduce(|a, b| a * b).unwrap();
        let y = x.map(Func::Sin).sum(AxisSet::all(1), false);
        let _unused = tape.pullback(&[heavy, dead], &[None, None], &[x], true).unwrap();
        tape.end(&[y]).unwrap();
        tape.sweep();
    });
    assert!(peak <= 2, "{peak} tensors");
}

#[test]
fn a_value_read_inside_a_transformation_is_computed_on_the_spot() {
    let tape = Tape::new();
    tape.begin();
    let x = tape.variable(tape.leaf(float64(&[], &[3.0]))).unwrap();
    let y = tape.record(Map { func: Func::Square }, &[x]).unwrap();
    assert_eq!(tape.read(y).unwrap().item(), 9.0);
    let g = tape.pullback(&[y * y], &[None], &[x], true).unwrap();
    tape.end(&g).unwrap();
    assert_eq!(g[0].value().unwrap().item(), 108.0);
}
