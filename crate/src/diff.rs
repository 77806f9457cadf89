//! Differentiation: reverse and forward mode, from tape to tape.
//!
//! Both passes append ordinary nodes, so their results can be differentiated again, in either mode. No pass knows an
//! operation: the rules are in the entries and files of the operations.

use std::cell::Cell;

use smallvec::SmallVec;

use crate::error::Result;
use crate::few::few;
use crate::op::Op;
use crate::tape::{Edges, Id, Tape, bit};
use crate::var::Var;

/// The part of a tape that leads from some nodes to others, in evaluation order.
struct Paths<'t> {
    tape: &'t Tape,
    order: Vec<Id>,
    /// For each node in `order`, whether it depends on the nodes that are differentiated by.
    active: Vec<bool>,
    /// The search whose marks on the nodes are those of this list.
    epoch: Cell<u32>,
}

impl<'t> Paths<'t> {
    fn new(tape: &'t Tape, ys: &[Var<'t>], xs: &[Var<'t>]) -> Paths<'t> {
        let ends: SmallVec<[Id; 8]> = few(ys.iter().map(|y| y.id()));
        let first = {
            let nodes = tape.nodes.borrow();
            xs.iter().map(|x| nodes.slots[x.id() as usize].seq).min().unwrap_or(u64::MAX)
        };
        // What was there before the first variable cannot depend on any of them.
        let order = tape.reached(&ends, Edges::Active, &|_, node| node.seq >= first && node.aval.dtype.is_float());
        let nodes = tape.nodes.borrow();
        let mut active = vec![false; order.len()];
        for x in xs {
            if let Some(position) = nodes.position(x.id()) {
                active[position] = true;
            }
        }
        for (k, &id) in order.iter().enumerate() {
            let node = &nodes.slots[id as usize];
            if let (Some(op), false) = (&node.op, active[k]) {
                let depends = |(i, &x): (usize, &Id)| op.active(i) && nodes.position(x).is_some_and(|p| active[p]);
                active[k] = node.inputs.iter().enumerate().any(depends);
            }
        }
        let epoch = Cell::new(nodes.epoch());
        drop(nodes);
        Paths { tape, order, active, epoch }
    }

    /// Place of a node on the paths, if it is on one.
    #[inline]
    fn position(&self, x: Var<'t>) -> Option<usize> {
        self.at(x.id())
    }

    /// Place among `order`. The search marked the nodes with it; a rule that searches itself has left marks of its own.
    #[inline]
    fn at(&self, id: Id) -> Option<usize> {
        let mut nodes = self.tape.nodes.borrow_mut();
        if nodes.epoch() != self.epoch.get() {
            self.epoch.set(nodes.mark(&self.order));
        }
        nodes.position(id).filter(|&place| self.active[place])
    }

    /// For each input of an operation its place, where a derivative flows to it.
    #[inline]
    fn places(&self, op: &Op, x: &[Var<'t>]) -> SmallVec<[Option<usize>; 3]> {
        few(x.iter().enumerate().map(|(i, input)| self.at(input.id()).filter(|_| op.active(i))))
    }

    /// The operation of the `k`-th node with its inputs, when the node is on a path and no leaf.
    #[inline]
    fn step(&self, k: usize) -> Option<(Op, SmallVec<[Var<'t>; 3]>)> {
        let nodes = self.tape.nodes.borrow();
        let node = &nodes.slots[self.order[k] as usize];
        let op = node.op.clone().filter(|_| self.active[k])?;
        Some((op, few(node.inputs.iter().map(|&id| Var::new(self.tape, id)))))
    }
}

/// The bits of the inputs that have a place.
fn bits(places: &[Option<usize>]) -> u32 {
    places.iter().enumerate().filter(|(_, place)| place.is_some()).fold(0, |bits, (i, _)| bits | bit(i))
}

/// Calls `f` with each operation between `xs` and `ys` and the bits of those inputs that depend on `xs`.
pub(crate) fn each_active<'t>(tape: &'t Tape, ys: &[Var<'t>], xs: &[Var<'t>], f: impl Fn(Id, u32)) {
    let paths = Paths::new(tape, ys, xs);
    let steps: Vec<(Id, u32)> = (0..paths.order.len())
        .filter_map(|k| {
            let (op, x) = paths.step(k)?;
            Some((paths.order[k], bits(&paths.places(&op, &x))))
        })
        .collect();
    steps.into_iter().filter(|&(_, bits)| bits != 0).for_each(|(id, bits)| f(id, bits));
}

/// Reverse mode: the cotangents of `xs` from the cotangents `gs` of `ys`; `None` where nothing in `ys` depends on an x.
///
/// For each y and x: `x̄ = Σ ȳ ∂y/∂x`, by one walk over the tape from the end to the beginning. Each `g` has the shape and
/// dtype of its y. Errors: those of the rules, which a correct rule never has, and `memory` for constants.
pub fn vjp<'t>(tape: &'t Tape, ys: &[Var<'t>], gs: &[Var<'t>], xs: &[Var<'t>]) -> Result<Vec<Option<Var<'t>>>> {
    let paths = Paths::new(tape, ys, xs);
    let mut cotangents: Vec<Option<Var<'t>>> = vec![None; paths.order.len()];
    for (y, &g) in ys.iter().zip(gs) {
        if let Some(k) = paths.position(*y) {
            cotangents[k] = Some(accumulate(cotangents[k], g, false));
        }
    }
    for k in (0..paths.order.len()).rev() {
        let Some(g) = cotangents[k].filter(|_| paths.active[k]).map(|g| tape.hooked(paths.order[k], g)) else {
            continue;
        };
        cotangents[k] = Some(g);
        let Some((op, x)) = paths.step(k) else { continue };
        let y = Var::new(tape, paths.order[k]);
        let _origin = tape.watching(y.id());
        let places = paths.places(&op, &x);
        let found = op.pullback(bits(&places), &x, y, g);
        for ((&place, c), input) in places.iter().zip(found).zip(&x) {
            if let (Some(p), Some(c)) = (place, c) {
                // A rule may pass on g itself, which others get as well.
                cotangents[p] = Some(accumulate(cotangents[p], c.sum_to(input.shape()), c != g));
            }
        }
    }
    tape.take_failure()?;
    Ok(xs.iter().map(|&x| paths.position(x).and_then(|k| cotangents[k])).collect())
}

/// Adds a cotangent to what has come so far. In a last pass an operation that can add its result to an accumulator is
/// told to, and the evaluator lets it do so in place; `fresh` says that `c` was made for this sum alone.
fn accumulate<'t>(sum: Option<Var<'t>>, c: Var<'t>, fresh: bool) -> Var<'t> {
    let Some(sum) = sum else { return c };
    let tape = c.tape();
    if tape.is_last_pass() && fresh {
        let accumulating = {
            let nodes = tape.nodes.borrow();
            let node = &nodes.slots[c.id() as usize];
            let unused = node.uses == 0 && node.handles == 0;
            node.op.as_ref().filter(|_| unused).and_then(Op::accumulating).map(|op| (op, node.inputs.clone()))
        };
        if let Some((op, inputs)) = accumulating {
            let mut inputs: SmallVec<[Var<'t>; 4]> = inputs.iter().map(|&id| Var::new(tape, id)).collect();
            inputs.push(sum);
            return tape.apply(op, &inputs);
        }
    }
    sum + c
}

/// Forward mode: the tangents of `ys` from the tangents `ts` of `xs`; `None` where a y depends on no x.
///
/// `ẏ = Σ ∂y/∂x ẋ`, by one walk over the tape from the beginning to the end. A tangent is evaluated right after its
/// primal, so no primal waits for it. Errors: as for [`vjp`].
pub fn jvp<'t>(tape: &'t Tape, ys: &[Var<'t>], xs: &[Var<'t>], ts: &[Var<'t>]) -> Result<Vec<Option<Var<'t>>>> {
    let paths = Paths::new(tape, ys, xs);
    let mut tangents: Vec<Option<Var<'t>>> = vec![None; paths.order.len()];
    for (&x, &t) in xs.iter().zip(ts) {
        if let Some(k) = paths.position(x) {
            // A tangent with a value is there as early as its variable: nothing need wait for it.
            {
                let slots = &mut tape.nodes.borrow_mut().slots;
                let time = slots[x.id() as usize].time;
                let t = &mut slots[t.id() as usize];
                t.time = if t.op.is_none() { t.time.min(time) } else { t.time };
            }
            // The same variable twice gets both tangents.
            tangents[k] = Some(accumulate(tangents[k], t, false));
        }
    }
    for k in 0..paths.order.len() {
        // A node that is differentiated by has its tangent already.
        let (None, Some((op, x))) = (tangents[k], paths.step(k)) else { continue };
        let t: SmallVec<[Option<Var<'t>>; 3]> =
            paths.places(&op, &x).iter().map(|place| place.and_then(|p| tangents[p])).collect();
        if t.iter().all(Option::is_none) {
            continue;
        }
        let y = Var::new(tape, paths.order[k]);
        let time = tape.nodes.borrow().slots[y.id() as usize].time;
        let _origin = tape.watching(y.id());
        tangents[k] = tape.at_time(time, || op.jvp(&x, y, &t).map(|t| t.expand(y.shape())));
    }
    tape.take_failure()?;
    Ok(ys.iter().map(|&y| paths.position(y).and_then(|k| tangents[k])).collect())
}

/// `c` where there is one, else zeros like `x`.
pub fn or_zeros<'t>(c: Option<Var<'t>>, x: Var<'t>) -> Var<'t> {
    c.unwrap_or_else(|| x.full_like(0.0))
}
