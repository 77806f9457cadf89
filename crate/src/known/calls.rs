//! Calls that were met before. An operation that is made of others records them each time it is called; after some calls with
//! the same options, shapes and dtypes there is a [`Plan`] for it, and nothing is recorded any more.

use smallvec::SmallVec;

use super::recent::Turn;
use crate::array::Array;
use crate::call;
use crate::error::{Code, Result};
use crate::op::Aval;
use crate::plan::Plan;
use crate::tape::Tape;
use crate::var::Var;

/// Calls that are remembered; past these the one that was not met for longest goes.
const MOST: usize = 32;
/// Options of a call that is remembered: more are text, or lists that change.
const OPTIONS: usize = 64;

/// An operation with its options on tensors of certain kinds.
pub(crate) struct KnownCall {
    code: usize,
    options: SmallVec<[u64; 4]>,
    /// Shapes and dtypes, and the bits of constants.
    operands: SmallVec<[(Aval, Option<u64>); 3]>,
}

impl KnownCall {
    fn is(&self, code: usize, x: &[Var<'_>], options: &[f64]) -> bool {
        self.code == code
            && self.operands.len() == x.len()
            && self.operands.iter().zip(x).all(|(known, x)| *known == (x.aval(), bits(*x)))
            && self.options.iter().copied().eq(options.iter().map(|x| x.to_bits()))
    }
}

impl Tape {
    /// The operation with this code, as [`call::call`] makes it; where its call is known, its value. Errors: those of the
    /// operation.
    pub fn call<'t>(&'t self, code: usize, x: &[Var<'t>], options: &[f64]) -> Result<Var<'t>> {
        // Operations of the tables are one each.
        let is_plain = code >= call::TABLE && self.depth() == 0 && !self.is_watched() && !self.is_tracked(x);
        if !is_plain || options.len() > OPTIONS {
            return call::call(self, code, x, options);
        }
        if let Some(y) = self.recall(code, x, options)? {
            return Ok(y);
        }
        let y = call::call(self, code, x, options)?;
        // What was computed at once is one operation.
        if !self.is_settled(y.id()) {
            self.remember(code, x, options);
        }
        Ok(y)
    }

    /// The value of a call by its plan, where there is one. Errors: those of computing it.
    #[inline(never)]
    fn recall<'t>(&'t self, code: usize, x: &[Var<'t>], options: &[f64]) -> Result<Option<Var<'t>>> {
        let mut calls = self.calls.borrow_mut();
        match calls.meet(|call| call.is(code, x, options)) {
            None | Some(Turn::Walk) => return Ok(None),
            Some(Turn::Make) => calls.set_plan(self.hidden(self.plan_call(code, x, options))),
            Some(Turn::Run) => (),
        }
        let Some(plan) = calls.plan() else { return Ok(None) };
        let arguments = x.iter().filter(|x| x.constant().is_none()).map(|&x| self.read(x));
        match plan.run(self, arguments).and_then(|mut values| values.next().map(Array::owned).transpose()) {
            Err(e) if e.code() == Code::Memory => {
                drop(calls);
                self.forget_known();
                Ok(None)
            }
            found => Ok(found?.map(|value| self.leaf(value))),
        }
    }

    /// Remembers a call, where it is not known.
    fn remember(&self, code: usize, x: &[Var<'_>], options: &[f64]) {
        let mut calls = self.calls.borrow_mut();
        if !calls.first_is(|call| call.is(code, x, options)) {
            let options = options.iter().map(|x| x.to_bits()).collect();
            let operands = x.iter().map(|x| (x.aval(), bits(*x))).collect();
            calls.add(KnownCall { code, options, operands }, MOST);
        }
    }

    /// Whether `backward` will go through what is computed from these.
    fn is_tracked(&self, x: &[Var<'_>]) -> bool {
        !self.is_no_grad() && x.iter().any(|x| x.requires_grad())
    }

    /// A plan for a call, recorded on placeholders. Errors: those of the call.
    fn plan_call<'t>(&'t self, code: usize, x: &[Var<'t>], options: &[f64]) -> Result<Plan> {
        self.begin_plan();
        let plan = self.record_call(code, x, options);
        self.end(&[])?;
        plan
    }

    fn record_call<'t>(&'t self, code: usize, x: &[Var<'t>], options: &[f64]) -> Result<Plan> {
        let formal = |x: &Var<'t>| match x.constant() {
            Some(c) => self.constant(c, x.dtype()),
            None => Ok(self.placeholder(x.aval(), "compile")),
        };
        let formals = x.iter().map(formal).collect::<Result<SmallVec<[Var<'t>; 3]>>>()?;
        let y = call::call(self, code, &formals, options)?;
        let arguments: SmallVec<[Var<'t>; 3]> = formals.iter().copied().filter(|x| x.constant().is_none()).collect();
        self.compile(&arguments, &[y])
    }
}

/// The bits of a constant.
fn bits(x: Var<'_>) -> Option<u64> {
    x.constant().map(f64::to_bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::known::recent::WALKED;
    use crate::shape::Shape;

    /// Calls an operation on `0, 1, ..` as a host does; whether it has a plan, and its value.
    fn perform(tape: &Tape, name: &str, shape: &[usize], options: &[f64]) -> (bool, Vec<f32>) {
        let code = (0..).find(|&code| call::name(code) == name).unwrap();
        let shape = Shape::of(shape);
        let mut value = Array::new(shape, DType::Float32).unwrap();
        value.values_mut::<f32>().iter_mut().zip(0..).for_each(|(x, k)| *x = k as f32);
        let x = tape.leaf(value);
        let y = tape.call(code, &[x], options).unwrap();
        tape.settle(&[y]).unwrap();
        let value = y.value().unwrap().contiguous().unwrap().buffer::<f32>().to_vec();
        tape.sweep();
        let mut calls = tape.calls.borrow_mut();
        (calls.first_is(|call| call.code == code) && calls.plan().is_some(), value)
    }

    #[test]
    fn what_is_made_of_others_gets_a_plan_and_no_more_than_some_are_kept() {
        let tape = Tape::new();
        let (_, first) = perform(&tape, "softmax", &[3, 4], &[1.0]);
        for _ in 2..WALKED {
            assert_eq!(perform(&tape, "softmax", &[3, 4], &[1.0]), (false, first.clone()));
        }
        assert_eq!(perform(&tape, "softmax", &[3, 4], &[1.0]), (true, first.clone()));
        assert_eq!(perform(&tape, "softmax", &[3, 4], &[1.0]), (true, first.clone()));
        // Others do not have its plan.
        assert!(!perform(&tape, "softmax", &[3, 4], &[0.0]).0);
        assert!(!perform(&tape, "softmax", &[4, 3], &[1.0]).0);
        assert_eq!(perform(&tape, "softmax", &[3, 4], &[1.0]), (true, first));
        // An operation that is computed at once is nothing to remember.
        let known = tape.calls.borrow().len();
        (0..2 * WALKED).for_each(|_| assert!(!perform(&tape, "sum", &[3, 4], &[1.0, 0.0, 0.0]).0));
        assert_eq!(tape.calls.borrow().len(), known);
        (1..100).for_each(|n| drop(perform(&tape, "softmax", &[n], &[0.0])));
        assert_eq!(tape.calls.borrow().len(), MOST);
    }

    #[test]
    fn a_call_that_is_recorded_for_backward_is_recorded() {
        let tape = Tape::new();
        (0..2 * WALKED).for_each(|_| drop(perform(&tape, "softmax", &[4], &[0.0])));
        let code = (0..).find(|&code| call::name(code) == "softmax").unwrap();
        let x = tape.leaf(Array::new(Shape::of(&[4]), DType::Float32).unwrap());
        tape.set_requires_grad(x, true).unwrap();
        assert!(tape.call(code, &[x], &[0.0]).unwrap().op().is_some());
        tape.begin();
        let y = tape.leaf(Array::new(Shape::of(&[4]), DType::Float32).unwrap());
        assert!(tape.call(code, &[y], &[0.0]).unwrap().op().is_some());
        tape.end(&[]).unwrap();
    }
}
