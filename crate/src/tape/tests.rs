//! Who owns what: handles, uses, keeps and values of nodes.

use super::*;
use crate::elementwise::Func;
use crate::ops::extremum::Extremum;
use crate::ops::gather::Gather;
use crate::ops::map::Map;
use crate::shape::{AxisSet, Shape};

fn numbers(dims: &[usize]) -> Array {
    Array::build::<f64>(Shape::of(dims), |out| out.iter_mut().enumerate().for_each(|(k, x)| *x = k as f64 + 1.0))
        .unwrap()
}

/// A leaf with a handle that requires a gradient.
fn parameter<'t>(tape: &'t Tape, dims: &[usize]) -> Var<'t> {
    let x = tape.leaf(numbers(dims));
    tape.handle(x);
    tape.set_requires_grad(x, true).unwrap();
    x
}

/// A result as the boundary hands it out.
fn out(y: Var<'_>) -> f64 {
    y.tape().settle(&[y]).unwrap();
    let handle = y.tape().handle(y);
    y.tape().sweep();
    handle
}

/// Of a node: references from outside and from other nodes, rules that need its value, and whether that is there.
fn state(x: Var<'_>) -> (u32, u32, u32, bool) {
    let node = &x.tape().nodes.borrow().slots[x.id() as usize];
    (node.handles, node.uses, node.keeps, node.value.is_some())
}

/// Handles of nodes: the one whose node this is.
fn handle(x: Var<'_>) -> f64 {
    f64::from(x.tape().nodes.borrow().slots[x.id() as usize].generation) * SLOTS + f64::from(x.id())
}

#[test]
fn a_slot_that_is_given_out_again_has_another_generation() {
    let tape = Tape::new();
    let first = tape.handle(tape.leaf(numbers(&[])));
    tape.release(first);
    tape.sweep();
    let second = tape.handle(tape.leaf(numbers(&[])));
    tape.sweep();
    assert_eq!(second - first, SLOTS, "the same slot, one generation later");
    assert!(tape.lookup(first).is_none() && tape.lookup(second).is_some());
    tape.release(first);
    assert_eq!((tape.handles(), tape.len()), (1, 1), "a stale handle gives nothing back");
}

#[test]
fn a_node_may_have_several_handles() {
    let tape = Tape::new();
    let x = tape.leaf(numbers(&[]));
    let handles = [tape.handle(x), tape.handle(x)];
    tape.sweep();
    tape.release(handles[0]);
    assert_eq!((tape.handles(), tape.len()), (1, 1));
    tape.release(handles[1]);
    assert_eq!((tape.handles(), tape.len()), (0, 0));
}

#[test]
fn what_is_kept_is_read_off_the_rule() {
    let tape = Tape::new();
    let (x, w) = (parameter(&tape, &[2, 2]), parameter(&tape, &[2, 2]));
    let indices = tape.leaf(Array::build::<i32>(Shape::of(&[1, 2]), |out| out.fill(0)).unwrap());
    let axes = AxisSet::all(2);
    let keeps = |y: Var<'_>, active: u32| {
        let keeps = tape.keeps(y.id(), active);
        (keeps.inputs, keeps.output)
    };
    let map = |func: Func, x: &[Var<'_>]| tape.record(Map { func }, x).unwrap().id();
    let at = |id: Id| Var::new(&tape, id);
    assert_eq!(keeps(at(map(Func::Tanh, &[x])), 1), (0, true));
    assert_eq!(keeps(at(map(Func::Log, &[x])), 1), (1, false));
    assert_eq!(keeps(at(map(Func::Add, &[x, w])), 3), (0, false));
    assert_eq!(keeps(at(map(Func::Mul, &[x, w])), 1), (2, false));
    assert_eq!(keeps(at(map(Func::Mul, &[x, w])), 3), (3, false));
    assert_eq!(keeps(at(map(Func::Div, &[x, w])), 2), (2, true));
    assert_eq!(keeps(x.matmul(w), 1), (2, false));
    assert_eq!(keeps(x.matmul(w), 2), (1, false));
    assert_eq!(keeps(x.sum_all(), 1), (0, false));
    assert_eq!(keeps(x.permute(&[1, 0]), 1), (0, false));
    for keep_dims in [false, true] {
        assert_eq!(keeps(x.apply(Extremum { max: true, axes, keep_dims }), 1), (1, true));
    }
    assert_eq!(keeps(tape.record(Gather::along(0), &[x, indices]).unwrap(), 1), (2, false));
}

#[test]
fn a_value_lives_while_a_handle_or_a_rule_needs_it() {
    let tape = Tape::new();
    let x = parameter(&tape, &[3]);
    let sum = x + x;
    let held = out(sum);
    let sine = sum.map(Func::Sin);
    let end = out(sine + x);
    // sin keeps its argument; nothing keeps the sine, which has no handle.
    assert_eq!(state(sum), (1, 1, 1, true));
    assert_eq!(state(sine), (0, 1, 0, false));
    tape.release(held);
    assert_eq!(state(sum), (0, 1, 1, true));
    tape.release(end);
    assert_eq!(state(x), (1, 0, 0, true));
    assert_eq!(tape.len(), 1);
}

#[test]
fn backward_drops_every_claim() {
    let tape = Tape::new();
    let x = parameter(&tape, &[3]);
    let y = x.map(Func::Exp).map(Func::Sin);
    let total = y.sum_all();
    let end = out(total);
    assert_eq!(state(x).1, 1);
    tape.backward(total, None, false, false).unwrap();
    tape.sweep();
    assert_eq!(state(x), (1, 0, 0, true));
    assert_eq!(state(total), (1, 0, 0, true));
    assert_eq!(tape.len(), 3, "x, its gradient and the result");
    tape.release(end);
    tape.release(handle(x));
    assert!(tape.is_empty());
}

#[test]
fn a_gradient_goes_with_the_last_handle_to_its_leaf() {
    let tape = Tape::new();
    let x = parameter(&tape, &[]);
    let y = x * x * x;
    let end = out(y);
    tape.backward(y, None, false, true).unwrap();
    tape.sweep();
    assert!(state(x).1 > 0, "the recorded gradient is computed from x");
    tape.release(end);
    tape.release(handle(x));
    assert!(tape.is_empty());
}

#[test]
fn no_gradient_is_stored_where_no_one_can_ask_for_it() {
    let tape = Tape::new();
    let (x, w) = (parameter(&tape, &[]), parameter(&tape, &[]));
    let y = x * w;
    let end = out(y);
    tape.release(handle(w));
    tape.backward(y, None, true, false).unwrap();
    tape.sweep();
    assert!(tape.grad(x).is_some() && tape.grad(w).is_none());
    tape.release(end);
    tape.release(handle(x));
    assert!(tape.is_empty());
}

#[test]
fn ancestors_come_after_what_they_are_made_from() {
    let tape = Tape::new();
    let x = tape.leaf(numbers(&[2]));
    let a = x.map(Func::Sin);
    let b = a.map(Func::Cos);
    let time = tape.nodes.borrow().slots[a.id() as usize].time;
    let early = tape.at_time(time, || a.map(Func::Exp));
    let late = tape.at_time(0, || b * early);
    let order = tape.ancestors(&[late.id()], |_| true);
    assert_eq!(order, [x, a, early, b, late].map(Var::id));
    let nodes = tape.nodes.borrow();
    for (place, &id) in order.iter().enumerate() {
        assert_eq!(nodes.position(id), Some(place));
    }
    assert_eq!(nodes.slots[a.id() as usize].pending, 2);
}
