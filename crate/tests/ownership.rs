//! Nothing is left behind: nodes, handles and bytes are back where they were after every operation, pass, transformation
//! and refusal.

mod common;

use common::{Case, Rng, all_near, cases, code, float64, floats, numbers};
use wengert::array::Array;
use wengert::buffer;
use wengert::dtype::DType;
use wengert::elementwise::Func;
use wengert::error::Code;
use wengert::ops::gather::Gather;
use wengert::ops::map::Map;
use wengert::tape::Tape;
use wengert::var::Var;

/// Runs `f` as a host would and checks that, when it has given back its handles, nothing is left.
fn balanced(what: &str, f: impl FnOnce(&Host)) {
    let before = buffer::memory().live;
    let host = Host { tape: Tape::new() };
    f(&host);
    host.tape.sweep();
    assert_eq!(host.tape.handles(), 0, "handles: {what}");
    assert_eq!(host.tape.len(), 0, "nodes: {what}");
    assert_eq!(buffer::memory().live, before, "bytes: {what}");
    assert_eq!(host.tape.depth(), 0, "transformations: {what}");
}

/// What the boundary does around a tape: handles out, and a sweep at the end of every call.
struct Host {
    tape: Tape,
}

impl Host {
    fn leaf(&self, x: &Array) -> f64 {
        let handle = self.tape.handle(self.tape.leaf(x.clone()));
        self.tape.sweep();
        handle
    }

    fn leaves(&self, x: &[Array]) -> Vec<f64> {
        x.iter().map(|x| self.leaf(x)).collect()
    }

    fn at(&self, h: f64) -> Var<'_> {
        self.tape.lookup(h).unwrap()
    }

    fn all(&self, h: &[f64]) -> Vec<Var<'_>> {
        h.iter().map(|&h| self.at(h)).collect()
    }

    /// An operation: its result's handle, or the sentence of its refusal.
    fn apply(&self, case: &Case, x: &[f64]) -> Result<f64, String> {
        let result =
            case.call(&self.tape, &self.all(x)).and_then(|y| self.tape.settle(&[y]).map(|()| self.tape.handle(y)));
        let result = self.tape.take_failure().and(result);
        self.tape.sweep();
        result.map_err(|e| e.to_string())
    }

    fn map(&self, func: Func, x: &[f64]) -> f64 {
        let y = self.tape.record(Map { func }, &self.all(x)).unwrap();
        self.tape.settle(&[y]).unwrap();
        let handle = self.tape.handle(y);
        self.tape.sweep();
        handle
    }

    fn requires_grad(&self, h: f64) {
        self.tape.set_requires_grad(self.at(h), true).unwrap();
    }

    fn backward(&self, y: f64, g: Option<f64>, retain: bool, create: bool) -> Result<(), String> {
        let result = self.tape.backward(self.at(y), g.map(|g| self.at(g)), retain, create);
        self.tape.sweep();
        result.map_err(|e| e.to_string())
    }

    fn grad(&self, h: f64) -> Option<Vec<f64>> {
        self.tape.grad(self.at(h)).map(|g| numbers(&self.tape.read(g).unwrap()))
    }

    fn numbers(&self, h: f64) -> Vec<f64> {
        numbers(&self.tape.read(self.at(h)).unwrap())
    }

    fn variable(&self, h: f64) -> f64 {
        let handle = self.tape.handle(self.tape.variable(self.at(h)).unwrap());
        self.tape.sweep();
        handle
    }

    fn vjp(&self, y: f64, x: &[f64], last: bool) -> Vec<f64> {
        let gradients = self.tape.pullback(&[self.at(y)], &[None], &self.all(x), last).unwrap();
        let handles = gradients.into_iter().map(|g| self.tape.handle(g)).collect();
        self.tape.sweep();
        handles
    }

    /// Closes a transformation as the boundary does.
    fn end(&self, results: &[f64], temporaries: &[f64]) -> Result<(), String> {
        self.release(temporaries);
        let ended = self.tape.end(&self.all(results)).map_err(|e| e.to_string());
        if ended.is_err() {
            self.release(results);
        }
        self.tape.sweep();
        ended
    }

    fn release(&self, handles: &[f64]) {
        handles.iter().for_each(|&h| self.tape.release(h));
        self.tape.sweep();
    }
}

/// Differentiable cases with their inputs.
fn differentiable() -> Vec<(Case, Vec<Array>)> {
    let drawn = cases().into_iter().enumerate().map(|(k, case)| {
        let x = case.inputs(DType::Float64, &mut Rng(k as u64));
        (case, x)
    });
    drawn.filter(|(case, x)| common::is_differentiable(x, &case.value(x).unwrap())).collect()
}

/// Names of operations that no derivative goes through, so that their results require no gradient.
fn is_constant(case: &Case) -> bool {
    case.name == "stopGradient"
}

#[test]
fn operations_leave_nothing() {
    for (k, case) in cases().into_iter().enumerate() {
        for dtype in DType::ALL {
            let x = case.inputs(dtype, &mut Rng(k as u64));
            balanced(&case.name, |host| {
                let x = host.leaves(&x);
                let y = host.apply(&case, &x);
                assert!(host.tape.len() == x.len() + usize::from(y.is_ok()), "{} kept nodes", case.name);
                host.release(&x);
                host.release(&y.into_iter().collect::<Vec<f64>>());
            });
        }
    }
}

#[test]
fn backward_leaves_nothing_and_frees_the_graph() {
    for (case, x) in differentiable().into_iter().filter(|(case, _)| !is_constant(case)) {
        let by = floats(&x);
        balanced(&case.name, |host| {
            let x = host.leaves(&x);
            by.iter().for_each(|&i| host.requires_grad(x[i]));
            let y = host.apply(&case, &x).unwrap();
            let g = host.map(Func::Cos, &[y]);
            let g_plain = host.leaf(&host.at(g).value().unwrap());
            host.release(&[g]);
            host.backward(y, Some(g_plain), false, false).unwrap();
            assert!(by.iter().all(|&i| host.grad(x[i]).is_some()), "{}", case.name);
            // Leaves, their gradients, y and g are all there is.
            assert_eq!(host.tape.len(), x.len() + by.len() + 2, "{} kept nodes", case.name);
            let refusal = host.backward(y, Some(g_plain), false, false).unwrap_err();
            assert!(refusal.starts_with("backward: the graph was freed by an earlier backward"), "{refusal}");
            host.release(&x);
            host.release(&[y, g_plain]);
        });
    }
}

#[test]
fn backward_that_keeps_its_graph_can_be_repeated() {
    for (case, x) in differentiable().into_iter().filter(|(case, _)| !is_constant(case)) {
        let by = floats(&x);
        balanced(&case.name, |host| {
            let x = host.leaves(&x);
            by.iter().for_each(|&i| host.requires_grad(x[i]));
            let y = host.apply(&case, &x).unwrap();
            let g = host.leaf(&float64(&host.at(y).shape(), &vec![1.0; host.at(y).shape().size()]));
            host.backward(y, Some(g), true, false).unwrap();
            let once: Vec<Vec<f64>> = by.iter().map(|&i| host.grad(x[i]).unwrap()).collect();
            // The first gradients may be views of the cotangent; sums have bytes of their own.
            host.backward(y, Some(g), true, false).unwrap();
            let (nodes, bytes) = (host.tape.len(), buffer::memory().live);
            host.backward(y, Some(g), true, false).unwrap();
            assert_eq!((host.tape.len(), buffer::memory().live), (nodes, bytes), "{} grew", case.name);
            for (&i, once) in by.iter().zip(&once) {
                let thrice: Vec<f64> = once.iter().map(|g| 3.0 * g).collect();
                assert!(all_near(&host.grad(x[i]).unwrap(), &thrice, 1e-14), "{}", case.name);
                host.tape.zero_grad(host.at(x[i]));
            }
            host.backward(y, Some(g), false, false).unwrap();
            for (&i, once) in by.iter().zip(&once) {
                assert!(all_near(&host.grad(x[i]).unwrap(), once, 1e-15), "{}", case.name);
            }
            host.release(&[y, g]);
            host.release(&x);
        });
    }
}

#[test]
fn recorded_gradients_leave_nothing() {
    for (case, x) in differentiable().into_iter().filter(|(case, _)| !is_constant(case)) {
        let by = floats(&x);
        balanced(&case.name, |host| {
            let x = host.leaves(&x);
            by.iter().for_each(|&i| host.requires_grad(x[i]));
            let y = host.apply(&case, &x).unwrap();
            let g = host.leaf(&float64(&host.at(y).shape(), &vec![1.0; host.at(y).shape().size()]));
            host.backward(y, Some(g), false, true).unwrap();
            // The gradients' graphs lead back to the leaves that hold them; giving back the leaves must be enough.
            host.release(&x);
            host.release(&[y, g]);
        });
    }
}

#[test]
fn a_result_given_back_before_backward_takes_its_graph_along() {
    for (case, x) in differentiable() {
        let by = floats(&x);
        balanced(&case.name, |host| {
            let x = host.leaves(&x);
            by.iter().for_each(|&i| host.requires_grad(x[i]));
            let y = host.apply(&case, &x).unwrap();
            host.release(&[y]);
            assert_eq!(host.tape.len(), x.len(), "{}", case.name);
            host.release(&x);
        });
    }
}

#[test]
fn a_graph_outlives_the_handles_to_its_leaves() {
    for (case, x) in differentiable().into_iter().filter(|(case, _)| !is_constant(case)) {
        let by = floats(&x);
        let mut expected = Vec::new();
        for early in [false, true] {
            balanced(&case.name, |host| {
                let x = host.leaves(&x);
                host.requires_grad(x[by[0]]);
                let y = host.apply(&case, &x).unwrap();
                let others: Vec<f64> = (0..x.len()).filter(|&i| i != by[0]).map(|i| x[i]).collect();
                if early {
                    host.release(&others);
                }
                let g = host.leaf(&float64(&host.at(y).shape(), &vec![1.0; host.at(y).shape().size()]));
                host.backward(y, Some(g), false, false).unwrap();
                let gradient = host.grad(x[by[0]]).unwrap();
                if early {
                    assert_eq!(gradient, expected, "{}", case.name);
                } else {
                    host.release(&others);
                    expected = gradient;
                }
                host.release(&[x[by[0]], y, g]);
            });
        }
    }
}

#[test]
fn transformations_leave_only_their_results() {
    for (case, x) in differentiable() {
        let by = floats(&x);
        balanced(&case.name, |host| {
            let x = host.leaves(&x);
            host.tape.begin();
            let mut inside = x.clone();
            by.iter().for_each(|&i| inside[i] = host.variable(x[i]));
            let variables: Vec<f64> = by.iter().map(|&i| inside[i]).collect();
            let y = host.apply(&case, &inside).unwrap();
            let gradients = host.vjp(y, &variables, true);
            let temporaries: Vec<f64> = variables.iter().copied().chain([y]).collect();
            host.end(&gradients, &temporaries).unwrap();
            assert_eq!(host.tape.len(), x.len() + gradients.len(), "{}", case.name);
            assert!(temporaries.iter().all(|&h| host.tape.lookup(h).is_none()), "{}", case.name);
            host.release(&x);
            host.release(&gradients);
        });
    }
}

#[test]
fn connected_results_are_pulled_back_any_number_of_times() {
    for (case, x) in differentiable() {
        let by = floats(&x);
        balanced(&case.name, |host| {
            let x = host.leaves(&x);
            host.tape.begin();
            let mut inside = x.clone();
            by.iter().for_each(|&i| inside[i] = host.variable(x[i]));
            let variables: Vec<f64> = by.iter().map(|&i| inside[i]).collect();
            let y = host.apply(&case, &inside).unwrap();
            host.tape.end_connected(&[], &host.all(&variables), &[host.at(y)]).unwrap();
            host.tape.sweep();
            let (nodes, bytes) = (host.tape.len(), buffer::memory().live);
            let mut first: Option<Vec<Vec<f64>>> = None;
            for _ in 0..3 {
                host.tape.begin();
                let gradients = host.vjp(y, &variables, true);
                host.end(&gradients, &[]).unwrap();
                let found: Vec<Vec<f64>> = gradients.iter().map(|&g| host.numbers(g)).collect();
                host.release(&gradients);
                assert_eq!((host.tape.len(), buffer::memory().live), (nodes, bytes), "{} grew", case.name);
                assert_eq!(first.get_or_insert(found.clone()), &found, "{}", case.name);
            }
            host.release(&x);
            host.release(&variables);
            host.release(&[y]);
        });
    }
}

#[test]
fn refusals_leave_nothing() {
    let x = float64(&[2, 3], &[1.0; 6]);
    balanced("a shape that does not fit", |host| {
        let x = host.leaf(&x);
        let y = host.leaf(&float64(&[4], &[1.0; 4]));
        for inside in [false, true] {
            if inside {
                host.tape.begin();
            }
            let nodes = host.tape.len();
            for name in ["add", "matmul", "concat", "where", "gather", "crossEntropy", "mseLoss", "linear", "stack"] {
                let case = Case { name: name.into(), code: code(name), x: Vec::new(), attrs: vec![0.0; 4] };
                assert!(host.apply(&case, &[x, y]).is_err(), "{name}");
                assert_eq!(host.tape.len(), nodes, "{name}");
            }
        }
        host.end(&[], &[]).unwrap();
        host.release(&[x, y]);
    });
    balanced("a value found while computing", |host| {
        let x = host.leaf(&x);
        let bad = host.leaf(&common::array(&[1, 1], DType::Int32, &[5.0]));
        host.requires_grad(x);
        let case = Case { name: "gather".into(), code: code("gather"), x: Vec::new(), attrs: vec![0.0] };
        assert!(host.apply(&case, &[x, bad]).is_err());
        assert_eq!(host.tape.len(), 2);
        // Inside a transformation it is found when that ends.
        host.tape.begin();
        let variable = host.variable(x);
        let heavy = host.map(Func::Exp, &[variable]);
        let y = host.apply(&case, &[heavy, bad]).unwrap();
        let gradients = host.vjp(y, &[variable], true);
        host.end(&[y, gradients[0]], &[variable, heavy]).unwrap_err();
        assert_eq!(host.tape.len(), 2);
        host.release(&[x, bad]);
    });
    balanced("backward", |host| {
        let x = host.leaf(&x);
        host.requires_grad(x);
        let y = host.map(Func::Exp, &[x]);
        let nodes = host.tape.len();
        let bytes = buffer::memory().live;
        let wrong = host.leaf(&float64(&[3], &[1.0; 3]));
        host.backward(y, None, false, false).unwrap_err();
        host.backward(y, Some(wrong), false, false).unwrap_err();
        host.release(&[wrong]);
        assert_eq!((host.tape.len(), buffer::memory().live), (nodes, bytes));
        assert_eq!(host.grad(x), None);
        host.release(&[x, y]);
    });
}

#[test]
fn a_refused_backward_can_be_repeated_and_has_changed_nothing() {
    balanced("retry", |host| {
        let x = host.leaf(&float64(&[2], &[1.0, 2.0]));
        host.requires_grad(x);
        let y = host.map(Func::Square, &[x]);
        assert!(host.backward(y, None, false, false).is_err());
        let g = host.leaf(&float64(&[2], &[1.0, 10.0]));
        host.backward(y, Some(g), false, false).unwrap();
        assert_eq!(host.grad(x), Some(vec![2.0, 40.0]));
        host.release(&[x, y, g]);
    });
}

#[test]
fn a_chain_longer_than_the_stack_is_freed_without_recursion() {
    balanced("chain", |host| {
        let x = host.leaf(&float64(&[], &[0.5]));
        host.requires_grad(x);
        let mut y = x;
        for _ in 0..200_000 {
            let next = host.map(Func::Sin, &[y]);
            if y != x {
                host.release(&[y]);
            }
            y = next;
        }
        host.backward(y, None, true, false).unwrap();
        host.release(&[y, x]);
    });
}

#[test]
fn training_does_not_grow() {
    balanced("training", |host| {
        let w = host.leaf(&float64(&[4], &[0.1, 0.2, 0.3, 0.4]));
        host.requires_grad(w);
        let rate = host.leaf(&float64(&[], &[0.01]));
        let mut account = None;
        for step in 0..10_000 {
            let e = host.map(Func::Exp, &[w]);
            let s = host.map(Func::Sin, &[e]);
            let case = Case { name: "sum".into(), code: code("sum"), x: Vec::new(), attrs: vec![-1.0, 0.0] };
            let loss = host.apply(&case, &[s]).unwrap();
            host.backward(loss, None, false, false).unwrap();
            let was = host.tape.set_no_grad(true);
            let g = host.tape.handle(host.tape.grad(host.at(w)).unwrap());
            let change = host.map(Func::Mul, &[rate, g]);
            let next = host.map(Func::Sub, &[w, change]);
            host.release(&[e, s, loss]);
            host.tape.assign(host.at(w), host.at(next)).unwrap();
            host.tape.zero_grad(host.at(w));
            host.tape.set_no_grad(was);
            host.release(&[g, change, next]);
            let now = (host.tape.len(), buffer::memory().live, host.tape.handles());
            assert_eq!(account.get_or_insert(now), &now, "step {step}");
        }
        host.release(&[w, rate]);
    });
}

#[test]
fn a_kept_pullback_leaves_the_outer_graph_its_counts() {
    // h keeps what `backward` needs; a pullback through h by another variable must not change what h gives back.
    balanced("a pullback beside a graph", |host| {
        let [x, w] = [0.5, 2.0].map(|x| host.leaf(&float64(&[], &[x])));
        host.requires_grad(w);
        let h = host.map(Func::Mul, &[x, w]);
        host.tape.begin();
        let v = host.variable(x);
        let y = host.tape.handle(host.tape.apply(Map { func: Func::Mul }, &[host.at(v), host.at(h)]));
        host.tape.end_connected(&[], &[host.at(v)], &[host.at(y)]).unwrap();
        host.tape.sweep();
        host.backward(h, None, false, false).unwrap();
        assert_eq!(host.grad(w), Some(vec![0.5]));
        host.tape.assign(host.at(w), host.at(x)).unwrap();
        host.release(&[x, w, h, v, y]);
    });
}

#[test]
fn an_update_is_done_in_place_and_all_or_nothing() {
    balanced("an update", |host| {
        let x = host.leaf(&float64(&[1000], &[1.0; 1000]));
        let m = host.leaf(&float64(&[1000], &[2.0; 1000]));
        let bytes = buffer::memory().live;
        let places = [x, m].map(|h| host.at(h).value().unwrap().address());
        host.tape.begin();
        buffer::reset_peak();
        // m ← m + x, x ← x - m: the new m, the old x.
        let next = host.tape.apply(Map { func: Func::Add }, &[host.at(m), host.at(x)]);
        let y = host.tape.apply(Map { func: Func::Sub }, &[host.at(x), next]);
        host.tape.update(&[host.at(x), host.at(m)], &[y, next]).unwrap();
        host.tape.end(&[]).unwrap();
        host.tape.sweep();
        assert_eq!((host.numbers(m)[999], host.numbers(x)[999]), (3.0, -2.0));
        assert_eq!([x, m].map(|h| host.at(h).value().unwrap().address()), places, "other memory");
        assert_eq!((buffer::memory().live, buffer::memory().peak), (bytes, bytes));
        // What cannot be assigned to is refused before anything changes.
        host.tape.begin();
        let fine = host.tape.apply(Map { func: Func::Neg }, &[host.at(x)]);
        let wrong = host.tape.leaf(float64(&[2], &[0.0; 2]));
        assert_eq!(host.tape.update(&[host.at(x), host.at(m)], &[fine, wrong]).unwrap_err().code(), Code::Shape);
        host.tape.end(&[]).unwrap();
        host.tape.sweep();
        assert_eq!((host.numbers(m)[0], host.numbers(x)[0]), (3.0, -2.0));
        host.release(&[x, m]);
    });
}

#[test]
fn stale_handles_are_known() {
    let host = Host { tape: Tape::new() };
    let x = host.leaf(&float64(&[], &[1.0]));
    host.release(&[x]);
    let y = host.leaf(&float64(&[], &[2.0]));
    assert!(host.tape.lookup(x).is_none(), "the slot has a new owner");
    host.release(&[x]);
    assert_eq!(host.numbers(y), [2.0]);
    for never in [0.0, -1.0, 0.5, f64::NAN, f64::INFINITY, -f64::INFINITY, 1e300, y + 1.0, y + 0.5] {
        assert!(host.tape.lookup(never).is_none(), "{never}");
    }
    host.release(&[y]);
    assert!(host.tape.is_empty());
}

#[test]
fn a_failed_transformation_reports_the_value_and_leaves_the_tensors() {
    let host = Host { tape: Tape::new() };
    let x = host.leaf(&float64(&[2], &[1.0, 2.0]));
    host.tape.begin();
    let bad = host.tape.leaf(common::array(&[1], DType::Int32, &[2.0]));
    let y = host.tape.record(Gather::along(0), &[host.at(x), bad]).unwrap();
    let error = host.tape.end(&[y]).unwrap_err();
    host.tape.sweep();
    assert_eq!(error.code(), Code::Value);
    assert_eq!(host.numbers(x), [1.0, 2.0]);
    assert_eq!(host.tape.len(), 1);
}

/// A call on plain values is a leaf from the start; one that `backward` will go through, or inside a transformation, is not.
#[test]
fn a_call_is_computed_at_once_where_nothing_has_to_be_recorded() {
    let map = Map { func: Func::Exp };
    balanced("perform", |host| {
        let tape = &host.tape;
        let handles = host.leaves(&[float64(&[3], &[0.0, 1.0, 2.0]), float64(&[1], &[0.5])]);
        let [x, z] = [host.at(handles[0]), host.at(handles[1])];
        let y = tape.perform(map, &[x]).unwrap();
        assert!(y.op().is_none());
        all_near(&numbers(&y.value().unwrap()), &[1.0, std::f64::consts::E, 7.38905609893065], 1e-15);
        tape.set_requires_grad(z, true).unwrap();
        assert!(tape.perform(map, &[z]).unwrap().op().is_some());
        let was = tape.set_no_grad(true);
        assert!(tape.perform(map, &[z]).unwrap().op().is_none());
        tape.set_no_grad(was);
        // Refusals, of shapes and of values, leave nothing.
        let index = Array::build::<i32>(wengert::shape::Shape::new("", &[1]).unwrap(), |i| i[0] = 7).unwrap();
        let index = tape.leaf(index);
        assert!(tape.perform(Gather::along(0), &[x, index]).is_err_and(|e| e.code() == Code::Value));
        assert!(tape.perform(map, &[index]).is_err());
        tape.begin();
        assert!(tape.perform(map, &[x]).unwrap().op().is_some());
        tape.end(&[]).unwrap();
        handles.into_iter().for_each(|h| tape.release(h));
    });
}
