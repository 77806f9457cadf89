//! The evaluator: computes what nodes need, each value only from its first to its last use.

use crate::array::Array;
use crate::error::{Code, Error, Result};
use crate::op::{Arrays, Aval, Op};
use crate::tape::{Edges, Id, Node, Nodes, Tape};
use crate::var::Var;

/// Whether the evaluation is the last that reads the nodes it runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Other evaluations may follow.
    Again,
    /// Nothing will be computed from the nodes of the transformation any more: values of its leaves without owners may be
    /// overwritten.
    Last,
}

impl Tape {
    /// Computes the values of `targets`. Nodes that they do not need are not touched; a value on the way is dropped
    /// after its last use unless a handle or a rule needs it.
    ///
    /// Errors: `memory`, and `value` from operations that index. Values that were there before stay as they are.
    pub(crate) fn evaluate(&self, targets: &[Id], reads: Reads) -> Result<()> {
        let order = self.reached(targets, Edges::Read, &|_, node| node.value.is_none());
        if order.is_empty() {
            return Ok(());
        }
        for &id in targets {
            // A target is not used up by the nodes that are computed from it.
            self.nodes.borrow_mut().slots[id as usize].pending += 1;
        }
        let result = order.iter().try_for_each(|&id| self.compute(id, reads));
        if result.is_err() {
            let mut nodes = self.nodes.borrow_mut();
            for &id in &order {
                let node = &mut nodes.slots[id as usize];
                if node.handles == 0 && node.keeps == 0 && node.op.is_some() {
                    node.value = None;
                }
            }
        }
        result
    }

    /// The value of an operation outside transformations when its inputs have values and no derivative will be asked for: what
    /// most calls are. `None` otherwise, and while the tape is watched. Errors: those of the operation, and `memory`.
    #[inline]
    pub(crate) fn compute_now(&self, op: &Op, inputs: &[Var<'_>]) -> Result<Option<Array>> {
        if self.depth() > 0 || self.is_watched() {
            return Ok(None);
        }
        let mut x = Arrays::new();
        {
            let nodes = self.nodes.borrow();
            for (i, input) in inputs.iter().enumerate() {
                let node = &nodes.slots[input.id() as usize];
                if node.requires_grad && !self.is_no_grad() {
                    return Ok(None);
                }
                match &node.value {
                    Some(value) if op.reads(i) => x.push(value.clone()),
                    Some(_) => (),
                    None => return Ok(None),
                }
            }
        }
        let out = self.infer(op, inputs)?;
        op.eval(&mut x, out).map(Some).map_err(|e| named(e, op.name()))
    }

    #[inline]
    fn compute(&self, id: Id, reads: Reads) -> Result<()> {
        let mut x = Arrays::new();
        self.gather(id, reads, &mut x)?;
        let value = {
            let nodes = self.nodes.borrow();
            let node = &nodes.slots[id as usize];
            let Some(op) = &node.op else { return Err(node.placeholder.map_or_else(freed, unknown)) };
            self.run(id, op, &mut x, node.aval)?
        };
        let mut nodes = self.nodes.borrow_mut();
        nodes.slots[id as usize].value = Some(value);
        Ok(())
    }

    #[inline]
    fn run(&self, id: Id, op: &Op, x: &mut Arrays, out: Aval) -> Result<Array> {
        let seen = self.inputs_seen(x);
        let y = op.eval(x, out).map_err(|e| named(e, op.name()))?;
        self.look_at(id, op, &y, seen)?;
        Ok(y)
    }

    /// Adds the values of a node's inputs to `x`; those at their last use are handed over.
    #[inline]
    fn gather(&self, id: Id, reads: Reads, x: &mut Arrays) -> Result<()> {
        let mut nodes = self.nodes.borrow_mut();
        let Nodes { slots, began, .. } = &mut *nodes;
        for k in 0..slots[id as usize].inputs.len() {
            let Node { op, inputs, .. } = &slots[id as usize];
            if op.as_ref().is_some_and(|op| !op.reads(k)) {
                continue;
            }
            let input = inputs[k];
            let node = &mut slots[input as usize];
            node.pending -= 1;
            let wanted = (node.handles > 0 && !node.donated) || node.keeps > 0 || node.pending > 0;
            // A leaf from before the transformation belongs to the tape of another one.
            let own = reads == Reads::Last && node.seq > *began;
            let last = !wanted && (node.op.is_some() || node.donated || own);
            x.push(if last { node.value.take() } else { node.value.clone() }.ok_or_else(freed)?);
        }
        Ok(())
    }
}

/// A failure of an operation; the lack of memory has no name of its own.
pub(crate) fn named(e: Error, op: &'static str) -> Error {
    if e.code() == Code::Memory { e.in_op(op) } else { e }
}

fn unknown(whose: &'static str) -> Error {
    let sentence = match whose {
        "vmap" => "inside vmap a tensor stands for every example at once and has no value to read; \
                   choose between values with where(), or read afterwards"
            .to_string(),
        "compile" => "inside compile a tensor stands for the argument of every call and has no value to read; \
                      choose between values with where(), or give what decides as a plain number or boolean"
            .to_string(),
        _ => format!(
            "the rule of {whose} is recorded before its tangents or cotangents are known: they have no value to read"
        ),
    };
    Error::new(Code::Trace, whose, sentence)
}

fn freed() -> Error {
    let sentence = "the graph of this tensor was freed by an earlier backward; pass { retainGraph: true } to that one";
    Error::new(Code::Gradient, "backward", sentence)
}
