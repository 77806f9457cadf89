//! Looking for the operation that made the first NaN or infinity.
//!
//! While a tape is watched, each value is looked at when it has been computed, and each node knows the call that it belongs
//! to: that of a composed operation, or the forward operation whose derivative it is.

use std::collections::HashMap;

use crate::array::Array;
use crate::dtype::Elem;
use crate::error::{Code, Error, Result, count};
use crate::op::{Arrays, Op};
use crate::tape::{Id, Tape};
use crate::with_float;

/// Where a node comes from.
#[derive(Clone, Copy, Debug)]
struct Origin {
    /// The node of the call.
    call: Id,
    /// Whether this is a part of its derivative.
    derivative: bool,
}

/// The record of a watched tape.
#[derive(Debug, Default)]
pub struct Watch {
    origins: HashMap<Id, Origin>,
    names: HashMap<Id, &'static str>,
    /// The call whose derivative is being recorded.
    current: Option<Id>,
    /// The call at fault, once there is one.
    pub fault: Option<Id>,
}

/// Ends the recording of one call's derivative.
pub(crate) struct Derivative<'t>(&'t Tape, Option<Id>);

impl Drop for Derivative<'_> {
    fn drop(&mut self) {
        if let Some(watch) = self.0.watch.borrow_mut().as_mut() {
            watch.current = self.1;
        }
    }
}

impl Tape {
    /// Begins or ends to watch; gives the node of the call that was found at fault.
    pub fn set_watch(&self, on: bool) -> Option<Id> {
        let before = self.watch.replace(on.then(Watch::default));
        before.and_then(|watch| watch.fault)
    }

    /// Whether the tape is watched.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.watch.borrow().is_some()
    }

    /// What is recorded until the result is dropped belongs to the derivative of a node.
    pub(crate) fn watching(&self, id: Id) -> Derivative<'_> {
        let mut watch = self.watch.borrow_mut();
        let before = watch.as_mut().map(|watch| {
            let call = watch.origins.get(&id).map_or(id, |origin| origin.call);
            watch.current.replace(call)
        });
        Derivative(self, before.flatten())
    }

    /// Notes a new node.
    #[inline]
    pub(crate) fn watched(&self, id: Id) {
        if let Some(watch) = self.watch.borrow_mut().as_mut() {
            let origin =
                watch.current.map_or(Origin { call: id, derivative: false }, |call| Origin { call, derivative: true });
            watch.origins.insert(id, origin);
            watch.names.remove(&id);
        }
    }

    /// Says that what was created since the `first` young node belongs to one call, with this name and result.
    pub(crate) fn watched_call(&self, first: usize, name: &'static str, result: Id) {
        let young = self.young_since(first);
        if let Some(watch) = self.watch.borrow_mut().as_mut() {
            for id in young {
                watch.origins.entry(id).and_modify(|origin| {
                    if !origin.derivative {
                        origin.call = result;
                    }
                });
            }
            watch.names.insert(result, name);
        }
    }

    /// Statistics of an operation's inputs, while the tape is watched.
    pub(crate) fn inputs_seen(&self, x: &Arrays) -> Option<Vec<Seen>> {
        self.watch.borrow().is_some().then(|| x.iter().map(Seen::of).collect())
    }

    /// Refuses a value that is not finite though the inputs were.
    pub(crate) fn look_at(&self, id: Id, op: &Op, y: &Array, inputs: Option<Vec<Seen>>) -> Result<()> {
        let Some(inputs) = inputs else { return Ok(()) };
        let seen = Seen::of(y);
        let new_nan = seen.nan > 0 && inputs.iter().all(|x| x.nan == 0);
        let new_infinity = seen.infinite > 0 && inputs.iter().all(|x| x.infinite + x.nan == 0);
        if !new_nan && !new_infinity {
            return Ok(());
        }
        let mut watch = self.watch.borrow_mut();
        let Some(watch) = watch.as_mut() else { return Ok(()) };
        let origin = watch.origins.get(&id).copied().unwrap_or(Origin { call: id, derivative: false });
        watch.fault = Some(origin.call);
        let own = self.nodes.borrow().slots[origin.call as usize].op.as_ref().map_or_else(|| op.name(), Op::name);
        let name = watch.names.get(&origin.call).copied().unwrap_or(own);
        let what = if seen.nan > 0 { "NaN" } else { "infinity" };
        let whose = if origin.derivative { "its derivative" } else { "it" };
        // A cotangent that a mask has set to zero.
        let masked = inputs.iter().any(|x| x.zeros > 0);
        let kind = if inputs.iter().any(|x| x.infinite > 0) { "infinite" } else { "finite" };
        let inputs: Vec<String> = inputs.iter().map(Seen::text).collect();
        let mut sentence = format!(
            "{whose} made {what} ({} of {} elements) from {kind} numbers: {}",
            seen.nan + seen.infinite,
            seen.count,
            inputs.join("; ")
        );
        if origin.derivative && seen.nan > 0 && masked {
            sentence.push_str(
                "; where() computes the derivative of both branches, and 0 times infinity is NaN: guard the argument of the \
                 operation, not its result",
            );
        }
        Err(Error::new(Code::Value, name, sentence))
    }
}

/// What there is to say about some numbers.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    shape: String,
    count: usize,
    nan: usize,
    infinite: usize,
    zeros: usize,
    range: [f64; 2],
}

impl Seen {
    fn of(x: &Array) -> Seen {
        let mut seen = Seen {
            shape: x.shape().to_string(),
            count: x.shape().size(),
            nan: 0,
            infinite: 0,
            zeros: 0,
            range: [f64::INFINITY, f64::NEG_INFINITY],
        };
        let Ok(dense) = x.contiguous() else { return seen };
        with_float!(x.dtype, T => for x in dense.values::<T>().unwrap_or(&[]) {
            let x = Elem::to_f64(*x);
            seen.nan += usize::from(x.is_nan());
            seen.infinite += usize::from(x.is_infinite());
            seen.zeros += usize::from(x == 0.0);
            seen.range = [seen.range[0].min(x), seen.range[1].max(x)];
        }, else ());
        seen
    }

    fn text(&self) -> String {
        let [low, high] = self.range;
        let zeros =
            if self.zeros > 0 && self.count > 1 { format!(", {}", count(self.zeros, "zero")) } else { String::new() };
        if low > high {
            return self.shape.clone();
        }
        format!("{} from {} to {}{zeros}", self.shape, short(low), short(high))
    }
}

/// A number without long rows of zeros.
fn short(x: f64) -> String {
    if x == 0.0 || !x.is_finite() || (1e-4..1e7).contains(&x.abs()) { x.to_string() } else { format!("{x:e}") }
}
