//! From the nodes of a tape to a [`Plan`].

use std::collections::{HashMap, HashSet};

use smallvec::SmallVec;

use super::fused::{Fused, Loop, Operation, Source};
use super::groups::{Units, units};
use super::rows::Rows;
use super::{Captured, Input, Place, Plan, Step, Work};
use crate::array::Array;
use crate::error::{Code, Error, Result};
use crate::eval::named;
use crate::op::{Arrays, Aval, Op};
use crate::tape::{Edges, Id, Node, Tape};
use crate::var::Var;

/// Results of operations on constants are kept in the plan up to this many elements; larger ones are computed in each run.
const FOLDED: usize = 4096;

/// Where a value comes from. Inputs are numbers of values that come before.
pub(super) enum From {
    Argument,
    Captured(Captured),
    Constant(Array),
    Computed(Op, SmallVec<[usize; 3]>),
}

/// A value of the program.
pub(super) struct Value {
    pub from: From,
    pub aval: Aval,
    /// Values that are computed from it.
    pub users: Vec<usize>,
}

impl Value {
    /// The operation and its inputs, when there is one.
    pub fn computed(&self) -> Option<(&Op, &[usize])> {
        match &self.from {
            From::Computed(op, inputs) => Some((op, inputs)),
            _ => None,
        }
    }

    fn constant(&self) -> Option<&Array> {
        match &self.from {
            From::Constant(value) => Some(value),
            _ => None,
        }
    }
}

/// The program as values, each after its inputs.
struct Program<'t> {
    tape: &'t Tape,
    values: Vec<Value>,
    of: HashMap<Id, usize>,
    /// Nodes that derivatives flow through from the results.
    active: HashSet<Id>,
    began: u64,
}

impl Tape {
    /// The program from the placeholders `xs` to `ys`, as the outermost transformation has recorded it.
    ///
    /// Errors: `gradient` when it reads a tensor from before through which `backward` would go; `value` and `memory` from
    /// operations on constants.
    pub fn compile<'t>(&'t self, xs: &[Var<'t>], ys: &[Var<'t>]) -> Result<Plan> {
        self.take_failure()?;
        let began = self.nodes.borrow().began;
        let ends: SmallVec<[Id; 8]> = ys.iter().map(|y| y.id()).collect();
        let within = |_: Id, node: &Node| node.op.is_some() && node.seq > began;
        let mut active: HashSet<Id> = ends.iter().copied().collect();
        for id in self.reached(&ends, Edges::Active, &within) {
            let nodes = self.nodes.borrow();
            let node = &nodes.slots[id as usize];
            let passes = |i: usize| node.op.as_ref().is_some_and(|op| op.active(i));
            active.extend(node.inputs.iter().enumerate().filter(|&(i, _)| passes(i)).map(|(_, &x)| x));
        }
        let mut program = Program { tape: self, values: Vec::new(), of: HashMap::new(), active, began };
        for x in xs {
            let number = program.push(From::Argument, x.aval());
            program.of.insert(x.id(), number);
        }
        let order = self.reached(&ends, Edges::Read, &within);
        for id in order {
            let number = program.node(id)?;
            program.of.insert(id, number);
        }
        let results = ys.iter().map(|y| program.number(y.id())).collect::<Result<Vec<usize>>>()?;
        program.plan(xs, &results).map_err(|e| named(e, "compile"))
    }
}

impl Program<'_> {
    fn push(&mut self, from: From, aval: Aval) -> usize {
        let number = self.values.len();
        if let From::Computed(_, inputs) = &from {
            inputs.iter().for_each(|&input| self.values[input].users.push(number));
        }
        self.values.push(Value { from, aval, users: Vec::new() });
        number
    }

    /// The number of a node's value.
    fn number(&mut self, id: Id) -> Result<usize> {
        if let Some(&number) = self.of.get(&id) {
            return Ok(number);
        }
        let (value, aval, made_here) = {
            let nodes = self.tape.nodes.borrow();
            let node = &nodes.slots[id as usize];
            (node.value.clone(), node.aval, node.seq > self.began)
        };
        let number = match value {
            Some(value) if made_here => self.constant(value),
            _ => self.push(From::Captured(Captured { id, active: self.active.contains(&id) }), aval),
        };
        self.of.insert(id, number);
        Ok(number)
    }

    /// The number of a constant; scalars with the same bits are one.
    fn constant(&mut self, value: Array) -> usize {
        let aval = Aval::new(value.shape(), value.dtype);
        let same = |known: &Value| {
            let bits = |a: &Array| (a.shape().ndim() == 0).then(|| a.item().to_bits());
            known.aval == aval && known.constant().is_some_and(|a| bits(a).is_some() && bits(a) == bits(&value))
        };
        let found = self.values.iter().position(same);
        found.unwrap_or_else(|| self.push(From::Constant(value), aval))
    }

    /// The number of what a node computes: that of its input, of an equal operation before it, of a constant, or a new one.
    fn node(&mut self, id: Id) -> Result<usize> {
        let (op, inputs, aval) = {
            let nodes = self.tape.nodes.borrow();
            let node = &nodes.slots[id as usize];
            let Some(op) = node.op.clone() else { return self.number(id) };
            let read = node.inputs.iter().enumerate().filter(|&(i, _)| op.reads(i));
            let inputs: SmallVec<[Id; 3]> = read.map(|(_, &input)| input).collect();
            (op, inputs, node.aval)
        };
        let mut inputs = inputs.into_iter().map(|id| self.number(id)).collect::<Result<SmallVec<[usize; 3]>>>()?;
        // Passes undo what rules have transposed.
        let joined = inputs.first().and_then(|&x| self.values[x].computed()).and_then(|(inner, before)| {
            let op = op.after(inner)?;
            Some((op, SmallVec::from(before)))
        });
        let op = match joined {
            Some((op, before)) => {
                inputs = before;
                op
            }
            None => op,
        };
        if op.is_identity() {
            return Ok(inputs[0]);
        }
        if is_elementwise(&op, inputs.last().map(|&last| self.values[last].aval)) {
            inputs.iter_mut().for_each(|input| *input = self.unrepeated(*input));
        }
        if aval.shape.size() <= FOLDED
            && let Some(mut x) = inputs.iter().map(|&x| self.values[x].constant().cloned()).collect::<Option<Arrays>>()
        {
            let value = op.eval(&mut x, aval).map_err(|e| named(e, op.name()))?;
            return Ok(self.constant(value));
        }
        if let Some(&same) = inputs
            .first()
            .map_or(&[][..], |&x| &self.values[x].users)
            .iter()
            .find(|&&user| self.values[user].aval == aval && self.values[user].computed() == Some((&op, &inputs)))
        {
            return Ok(same);
        }
        Ok(self.push(From::Computed(op, inputs), aval))
    }

    /// What an elementwise operation may read instead of this: the value that it repeats.
    fn unrepeated(&mut self, x: usize) -> usize {
        match &self.values[x].from {
            From::Computed(op, inputs) if op.repeats() => inputs[0],
            From::Constant(value) if value.shape().ndim() > 0 && value.layout().is_uniform() => {
                let scalar = value.view(value.layout().first());
                self.constant(scalar)
            }
            _ => x,
        }
    }

    /// The plan: units of the program in an order in which each comes after what it reads.
    fn plan(mut self, xs: &[Var<'_>], results: &[usize]) -> Result<Plan> {
        self.forget_dead(results);
        let units = units(&self.values, results);
        let mut plan = Plan {
            arguments: xs.iter().map(|x| x.aval()).collect(),
            captured: Vec::new(),
            constants: Vec::new(),
            steps: Vec::new(),
            results: Vec::new(),
            slots: xs.len(),
            flops: 0.0,
            peak: 0,
            values: Vec::new(),
            found: Vec::new(),
        };
        let mut places: Vec<Option<Place>> =
            (0..self.values.len()).map(|k| (k < xs.len()).then_some(Place::Slot(k))).collect();
        for (number, value) in self.values.iter().enumerate() {
            let used = !value.users.is_empty() || results.contains(&number);
            match &value.from {
                From::Captured(captured) if used => {
                    places[number] = Some(Place::Slot(plan.slots));
                    plan.captured.push(*captured);
                    plan.slots += 1;
                }
                From::Constant(array) if used => {
                    places[number] = Some(Place::Constant(plan.constants.len()));
                    plan.constants.push(array.clone());
                }
                _ => (),
            }
        }
        for (members, producer) in units.in_order() {
            let step = self.step(&units, members, producer, results, &places, plan.slots)?;
            for (k, number) in step.1.into_iter().enumerate() {
                places[number] = Some(Place::Slot(plan.slots + k));
            }
            plan.slots += step.0.results.len();
            plan.steps.push(step.0);
            for &member in members.iter().chain(&producer) {
                if let Some((op, inputs)) = self.values[member].computed() {
                    let avals: SmallVec<[Aval; 3]> = inputs.iter().map(|&x| self.values[x].aval).collect();
                    plan.flops += op.flops(&avals, self.values[member].aval);
                }
            }
        }
        plan.results = results.iter().map(|&y| places[y]).collect::<Option<_>>().ok_or_else(lost)?;
        plan.mark_last_uses();
        plan.needs_no_graph(self.tape)?;
        let mut nodes = self.tape.nodes.borrow_mut();
        plan.captured.iter().for_each(|c| nodes.hold(c.id));
        Ok(plan)
    }

    /// Takes values that no result needs out of the lists of users.
    fn forget_dead(&mut self, results: &[usize]) {
        for number in (0..self.values.len()).rev() {
            if self.values[number].users.is_empty() && !results.contains(&number) {
                let inputs: SmallVec<[usize; 3]> = self.values[number].computed().map_or(&[][..], |(_, x)| x).into();
                inputs.iter().for_each(|&input| self.values[input].users.retain(|&user| user != number));
            }
        }
    }

    /// The step that computes the members of a unit and its producer, and the values that are its results.
    fn step(
        &self,
        units: &Units,
        members: &[usize],
        producer: Option<usize>,
        results: &[usize],
        places: &[Option<Place>],
        first: usize,
    ) -> Result<(Step, Vec<usize>)> {
        let input = |&x: &usize| Ok(Input { place: places[x].ok_or_else(lost)?, last: false });
        if let (&[only], None) = (members, producer)
            && let Some((op, inputs)) = self.values[only].computed()
        {
            let inputs = inputs.iter().map(input).collect::<Result<_>>()?;
            let results = SmallVec::from_elem(self.values[only].aval, 1);
            let names = SmallVec::from_elem(op.name(), 1);
            return Ok((Step { names, work: Work::One(op.clone()), inputs, first, results }, vec![only]));
        }
        let inside = |number: &usize| units.same(members[0], *number) && producer != Some(*number);
        let leaves = |&&m: &&usize| results.contains(&m) || self.values[m].users.iter().any(|user| !inside(user));
        let outputs: Vec<usize> = members.iter().filter(leaves).copied().collect();
        let mut externals: Vec<usize> = producer.into_iter().collect();
        for &member in members {
            for &x in self.values[member].computed().map_or(&[][..], |(_, inputs)| inputs) {
                let scalar = self.values[x].constant().is_some_and(|a| a.shape().size() == 1);
                if !inside(&x) && !scalar && !externals.contains(&x) {
                    externals.push(x);
                }
            }
        }
        let source = |x: usize| match (externals.iter().position(|&e| e == x), self.values[x].constant()) {
            (Some(k), _) => Source::Input(k),
            (None, Some(constant)) => Source::Constant(constant.clone()),
            (None, None) => Source::Value(members.iter().position(|&m| m == x).unwrap_or(0)),
        };
        let program: Option<Vec<Operation>> = members
            .iter()
            .map(|&m| {
                let (op, inputs) = self.values[m].computed()?;
                let last = self.values[*inputs.last()?].aval;
                Some(Operation {
                    name: op.name(),
                    run: op.elementwise(last.dtype).map(Loop::Map).or_else(|| op.run_fold(last).map(Loop::Fold))?,
                    sources: inputs.iter().map(|&x| source(x)).collect(),
                    aval: self.values[m].aval,
                    output: outputs.iter().position(|&y| y == m),
                })
            })
            .collect();
        let program = program.ok_or_else(lost)?;
        let avals: Vec<Aval> = externals.iter().map(|&x| self.values[x].aval).collect();
        let (shape, by_rows) = units.domain(members[0]);
        // The producer is computed from its own inputs, and so no input of the step.
        let producer = producer.and_then(|number| self.values[number].computed());
        let (read, externals) = producer.map_or((&[][..], &externals[..]), |(_, read)| (read, &externals[1..]));
        let work = match producer {
            Some((op, _)) => {
                let compute = op.in_parts().ok_or_else(lost)?;
                Work::Epilogue { compute, reads: read.len(), unit: Box::new(Fused::new(shape, &avals, &program)?) }
            }
            None if by_rows => Work::Rows(Box::new(Rows::new(shape, &avals, &program)?)),
            None => Work::Fused(Box::new(Fused::new(shape, &avals, &program)?)),
        };
        let inputs = read.iter().chain(externals).map(input).collect::<Result<_>>()?;
        let results = outputs.iter().map(|&y| self.values[y].aval).collect();
        let names = producer.map(|(op, _)| op.name());
        let names = names.into_iter().chain(program.iter().map(|operation| operation.name)).collect();
        Ok((Step { names, work, inputs, first, results }, outputs))
    }
}

impl Plan {
    /// Marks each value's last use, which may hand over its memory. Results are used after all steps.
    fn mark_last_uses(&mut self) {
        let mut used = vec![false; self.slots];
        let slot = |place: Place| match place {
            Place::Slot(k) => Some(k),
            Place::Constant(_) => None,
        };
        self.results.iter().filter_map(|&place| slot(place)).for_each(|k| used[k] = true);
        for step in self.steps.iter_mut().rev() {
            for input in step.inputs.iter_mut().rev() {
                if let Some(k) = slot(input.place) {
                    input.last = !std::mem::replace(&mut used[k], true);
                }
            }
        }
    }
}

/// Whether a plan may compute the operation together with its neighbours.
pub(super) fn is_elementwise(op: &Op, last: Option<Aval>) -> bool {
    last.is_some_and(|last| op.elementwise(last.dtype).is_some())
}

fn lost() -> Error {
    Error::new(Code::Trace, "compile", "a value was used before it was computed")
}
