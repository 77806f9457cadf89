//! Plans: a program that was recorded once, to be run again and again on other values. What `compile` keeps.
//!
//! A plan is made from what a transformation has recorded on placeholders. Operations that nothing needs are left out,
//! those that are there twice are computed once, those on constants are computed now, and elementwise neighbours become
//! one pass over memory ([`fused`]). No operation takes part in this: a plan reads what each says of itself.
//!
//! Every value is what the evaluator would compute from the same nodes, to the bit.

mod build;
mod fused;
mod groups;
mod loops;
mod rows;

use smallvec::SmallVec;

use crate::array::Array;
use crate::buffer::{self, Buffer};
use crate::error::{Code, Error, Result};
use crate::eval::named;
use crate::op::{Arrays, Aval, InParts, Op};
use crate::tape::{Id, Tape};
use crate::var::Var;
use fused::Fused;
use rows::Rows;

/// Where a step finds an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Among the constants.
    Constant(usize),
    /// Among the values of this run: first the arguments, then the captured tensors, then results of steps.
    Slot(usize),
}

/// An input of a step.
#[derive(Clone, Copy, Debug)]
struct Input {
    place: Place,
    /// Nothing reads it after this step, so that a result may stay in its memory.
    last: bool,
}

#[derive(Debug)]
enum Work {
    One(Op),
    Fused(Box<Fused>),
    /// A unit as the epilogue of a value that is computed in parts, from the first `reads` inputs of the step.
    Epilogue {
        compute: InParts,
        reads: usize,
        unit: Box<Fused>,
    },
    Rows(Box<Rows>),
}

#[derive(Debug)]
struct Step {
    /// The operations in order.
    names: SmallVec<[&'static str; 1]>,
    work: Work,
    inputs: SmallVec<[Input; 3]>,
    /// Where its results go, one after the other.
    first: usize,
    results: SmallVec<[Aval; 1]>,
}

/// A tensor from before.
#[derive(Clone, Copy, Debug)]
struct Captured {
    id: Id,
    /// Whether derivatives would flow through it from the results.
    active: bool,
}

/// A program that can be run on arguments of certain shapes and dtypes.
#[derive(Debug)]
pub struct Plan {
    arguments: Vec<Aval>,
    /// Tensors from before that the program reads, at their values of the moment. The plan has a handle of each.
    captured: Vec<Captured>,
    constants: Vec<Array>,
    steps: Vec<Step>,
    results: Vec<Place>,
    slots: usize,
    flops: f64,
    /// The most bytes of values that a run has had at once besides its arguments, once there was one.
    peak: usize,
    /// The values of a run and its results, empty between runs.
    values: Vec<Option<Array>>,
    found: Vec<Array>,
}

impl Plan {
    /// Runs the program; gives its results. Errors: `memory`, `value` from operations that index, and those of
    /// [`Plan::needs_no_graph`].
    pub fn run(
        &mut self,
        tape: &Tape,
        arguments: impl IntoIterator<Item = Result<Array>>,
    ) -> Result<std::vec::Drain<'_, Array>> {
        self.needs_no_graph(tape)?;
        let watched = (self.peak == 0).then(buffer::watch_peak);
        let filled = self.fill(tape, &mut arguments.into_iter());
        self.values.clear();
        if let Some(watched) = watched {
            self.peak = watched.peak();
        }
        if filled.is_err() {
            self.found.clear();
        }
        filled.map(|()| self.found.drain(..))
    }

    /// Computes all values in order, and those of the results.
    #[inline]
    fn fill(&mut self, tape: &Tape, arguments: &mut dyn Iterator<Item = Result<Array>>) -> Result<()> {
        let Plan { values, found, captured, steps, constants, results, slots, .. } = self;
        for argument in arguments {
            values.push(Some(argument?));
        }
        for &Captured { id, .. } in captured.iter() {
            values.push(Some(tape.read(Var::new(tape, id))?));
        }
        values.resize(*slots, None);
        for step in steps {
            step.run(constants, values)?;
        }
        for &place in results.iter() {
            found.push(match place {
                Place::Constant(k) => constants[k].clone(),
                Place::Slot(k) => values[k].clone().ok_or_else(missing)?,
            });
        }
        Ok(())
    }

    /// What it expects as arguments.
    pub fn arguments(&self) -> &[Aval] {
        &self.arguments
    }

    /// Refuses where `backward` would go through a tensor that the program reads from before. Errors: `gradient`.
    fn needs_no_graph(&self, tape: &Tape) -> Result<()> {
        let nodes = tape.nodes.borrow();
        let passes = |c: &Captured| c.active && nodes.slots[c.id as usize].requires_grad;
        if tape.is_no_grad() || !self.captured.iter().any(passes) {
            return Ok(());
        }
        let sentence = "a tensor that the function closes over requires a gradient, which a plan has no graph for; \
                        pass it as an argument, or call within noGrad";
        Err(Error::new(Code::Gradient, "compile", sentence))
    }

    /// The same plan, with what it keeps between runs counted as the engine's own memory; `None` where that is more than so many
    /// bytes. Errors: `memory`.
    pub(crate) fn set_aside(mut self, most: usize) -> Result<Option<Plan>> {
        let scratch = |step: &Step| match &step.work {
            Work::One(_) => None,
            Work::Fused(fused) | Work::Epilogue { unit: fused, .. } => Some(fused.scratch.clone()),
            Work::Rows(rows) => Some(rows.scratch.clone()),
        };
        let scratches: Vec<Buffer> = self.steps.iter().filter_map(scratch).collect();
        let constants = self.constants.iter().map(Array::bytes);
        if scratches.iter().map(Buffer::bytes).chain(constants).sum::<usize>() > most {
            return Ok(None);
        }
        self.constants.iter_mut().try_for_each(Array::set_aside)?;
        scratches.iter().for_each(Buffer::set_aside);
        Ok(Some(self))
    }

    /// Whether it reads tensors from before, of which it has handles.
    pub(crate) fn captures(&self) -> bool {
        !self.captured.is_empty()
    }

    /// Gives back what it holds of the tape.
    pub fn forget(self, tape: &Tape) {
        let mut nodes = tape.nodes.borrow_mut();
        self.captured.into_iter().for_each(|c| nodes.drop_handle(c.id));
    }

    /// The program as JSON: `{ops, fused, bytes, flops, constants, results, steps: [{names, inputs, results}]}`. A value is a
    /// number: constants come after all others.
    pub fn to_json(&self) -> String {
        let place = |place: Place| match place {
            Place::Slot(k) => k,
            Place::Constant(k) => self.slots + k,
        };
        let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(",");
        let steps = self.steps.iter().map(|step| {
            let names = list(&mut step.names.iter().map(|name| format!("\"{name}\"")));
            let inputs = list(&mut step.inputs.iter().map(|input| place(input.place).to_string()));
            let result = |(k, aval): (usize, &Aval)| {
                format!("{{\"id\":{},\"shape\":{},\"dtype\":\"{}\"}}", step.first + k, aval.shape, aval.dtype.name())
            };
            let results = list(&mut step.results.iter().enumerate().map(result));
            format!("{{\"names\":[{names}],\"inputs\":[{inputs}],\"results\":[{results}]}}")
        });
        let steps = list(&mut steps.into_iter());
        let sizes = self.steps.iter().map(|step| step.names.len());
        let (ops, fused) = (sizes.clone().sum::<usize>(), sizes.filter(|&size| size > 1).sum::<usize>());
        let results = list(&mut self.results.iter().map(|&result| place(result).to_string()));
        let (peak, flops, first) = (self.peak, self.flops, self.slots);
        format!(
            "{{\"ops\":{ops},\"fused\":{fused},\"bytes\":{peak},\"flops\":{flops},\"constants\":{first},\"results\":[{results}],\"steps\":[{steps}]}}"
        )
    }
}

impl Step {
    #[inline]
    fn run(&mut self, constants: &[Array], slots: &mut [Option<Array>]) -> Result<()> {
        let mut x = Arrays::new();
        for input in &self.inputs {
            x.push(match input.place {
                Place::Constant(k) => constants[k].clone(),
                Place::Slot(k) if input.last => slots[k].take().ok_or_else(missing)?,
                Place::Slot(k) => slots[k].clone().ok_or_else(missing)?,
            });
        }
        let values = match &mut self.work {
            Work::One(op) => op.eval(&mut x, self.results[0]).map(|value| SmallVec::from_buf([value])),
            Work::Fused(fused) => fused.run(&x),
            Work::Epilogue { compute, reads, unit } => unit.run_as_epilogue(*compute, &mut x, *reads),
            Work::Rows(rows) => rows.run(&x),
        };
        // Of operations that are computed together the first one is named.
        let values = values.map_err(|e| named(e, self.names.first().copied().unwrap_or_default()))?;
        slots[self.first..].iter_mut().zip(values).for_each(|(slot, value)| *slot = Some(value));
        Ok(())
    }
}

fn missing() -> Error {
    Error::new(Code::Trace, "compile", "a value was used before it was computed")
}
