//! Gradients that were met before. A program that differentiates the same function again and again, as training does, records
//! the same nodes each time; after some times there is a [`Plan`] for them, and neither pass is walked again. So it is with
//! [`calls`] of operations that are made of others.
//!
//! Nothing depends on it: a plan gives what the evaluator gives, to the bit, and is taken only where every operation,
//! shape, dtype and constant is what it was made for. What it keeps in memory is accounted for as the engine's own.

pub(crate) mod calls;
pub(crate) mod recent;

use smallvec::SmallVec;

use crate::array::Array;
use crate::error::{Code, Result};
use crate::few::few;
use crate::op::{Aval, Op};
use crate::plan::Plan;
use crate::session::one_number;
use crate::tape::{Edges, Id, Node, Nodes, Tape};
use crate::var::Var;
use recent::Turn;

pub use recent::WALKED;

/// Programs that are remembered; past these the one that was not met for longest goes.
const MOST: usize = 16;
/// Nodes of a program that is remembered, and bytes of their values: work on more hides what the passes cost, and a plan may hold
/// values for longer than the evaluator does.
pub const LARGEST: usize = 2048;
const BYTES: usize = 8 << 20;
/// Bytes that a plan may keep between runs: what its operations work in, and constants.
const KEPT: usize = 4 << 20;

/// Places of nodes in a program: those that were recorded for it in their order, then those that it takes from before.
type Places = SmallVec<[u32; 8]>;

/// What a transformation has recorded until its gradients are asked for, which is the last thing it does.
pub(crate) struct Program {
    steps: Vec<Step>,
    /// What is known of the nodes from before: shapes and dtypes, and the bits of constants.
    captured: Vec<(Aval, Option<u64>)>,
    /// What is differentiated, by what, and what else is to be computed; and by how many that is.
    ends: Places,
    by: usize,
}

/// A node of a program.
struct Step {
    op: Option<Op>,
    aval: Aval,
    /// The bits of a constant; other leaves are arguments.
    constant: Option<u64>,
    inputs: SmallVec<[u32; 3]>,
}

/// The same on the tape.
#[derive(Default)]
struct Recorded {
    order: Vec<Id>,
    captured: Vec<Id>,
    /// Leaves, then what is captured.
    arguments: Vec<Id>,
    ends: Places,
    by: usize,
}

impl Tape {
    /// The gradients of the number y by `xs`, which are to be computed when the transformation ends, and `results` with them;
    /// as [`Tape::pullback`] appends them. Where the program is known, all of these have their values at once.
    ///
    /// Errors: `shape` when y is no number, `dtype` when it is no float, and those of the rules.
    pub fn gradients<'t>(&'t self, y: Var<'t>, xs: &[Var<'t>], results: &[Var<'t>]) -> Result<Vec<Var<'t>>> {
        self.take_failure()?;
        one_number(y)?;
        let append = || self.pullback(&[y], &[None], xs, self.is_outermost());
        let mut recorded = Recorded::default();
        if !self.records(&mut recorded, y, xs, results) {
            return append();
        }
        let arguments = recorded.arguments.iter().map(|&id| Var::new(self, id));
        match self.meet(&recorded) {
            Turn::Walk => return append(),
            Turn::Make => {
                let gradients = append()?;
                let ends: Vec<Var<'t>> = results.iter().chain(&gradients).copied().collect();
                let plan = self.compile(&arguments.collect::<Vec<_>>(), &ends);
                self.known.borrow_mut().set_plan(self.hidden(plan));
                return Ok(gradients);
            }
            Turn::Run => (),
        }
        let values = self.known.borrow_mut().plan().map(|plan| {
            let values = plan.run(self, arguments.map(|x| self.read(x)))?;
            values.map(Array::owned).collect::<Result<Vec<Array>>>()
        });
        let mut values = match values {
            Some(Ok(values)) => values.into_iter(),
            Some(Err(e)) if e.code() == Code::Memory => {
                self.forget_known();
                return append();
            }
            _ => return append(),
        };
        results.iter().zip(&mut values).for_each(|(&y, value)| self.set_value(y, value));
        Ok(values.map(|value| self.leaf(value)).collect())
    }

    /// A plan that is kept without anybody having asked for it. What cannot be computed now is refused when it is computed without one,
    /// like everything else.
    fn hidden(&self, plan: Result<Plan>) -> Option<Plan> {
        let plan = plan.ok()?;
        if plan.captures() {
            // What is from before is an argument; a plan with a handle of it would let nobody free it.
            plan.forget(self);
            return None;
        }
        plan.set_aside(KEPT).ok().flatten()
    }

    /// Gives back the memory of all hidden plans: what is needed for tensors is not kept for them.
    pub fn forget_known(&self) {
        self.known.borrow_mut().clear();
        self.calls.borrow_mut().clear();
    }

    /// What is to be done about a program, which is met now.
    fn meet(&self, recorded: &Recorded) -> Turn {
        let nodes = self.nodes.borrow();
        let mut known = self.known.borrow_mut();
        known.meet(|program| recorded.is(program, &nodes)).unwrap_or_else(|| {
            known.add(recorded.program(&nodes), MOST);
            Turn::Walk
        })
    }

    /// Reads what the outermost transformation has recorded for `y` and `results`; says whether that is all that matters.
    fn records(&self, found: &mut Recorded, y: Var<'_>, xs: &[Var<'_>], results: &[Var<'_>]) -> bool {
        if self.depth() != 1 || self.is_watched() {
            return false;
        }
        let began = self.nodes.borrow().began;
        let targets: SmallVec<[Id; 8]> = few(results.iter().chain([&y]).map(|y| y.id()));
        found.order = self.reached(&targets, Edges::All, &|_, node| node.seq > began);
        if found.order.len() > LARGEST {
            return false;
        }
        let mut nodes = self.nodes.borrow_mut();
        let mut bytes = 0_usize;
        for k in 0..found.order.len() {
            let id = found.order[k];
            let node = &nodes.slots[id as usize];
            bytes = bytes.saturating_add(node.aval.shape.size().saturating_mul(node.aval.dtype.size()));
            // A rule has placeholders, a checkpoint computes things twice on purpose, a hook may do anything.
            if node.hooked || node.placeholder.is_some() || node.op.as_ref().is_some_and(Op::runs_again) {
                return false;
            }
            if node.op.is_none() && !node.constant {
                found.arguments.push(id);
            }
            for i in 0..node.inputs.len() {
                let input = nodes.slots[id as usize].inputs[i];
                found.place(&mut nodes, input);
            }
        }
        for x in [&y].into_iter().chain(xs).chain(results) {
            let place = found.place(&mut nodes, x.id());
            found.ends.push(place);
        }
        found.by = xs.len();
        found.arguments.extend_from_slice(&found.captured);
        // What `backward` will go through is no plain value.
        let tracked = |y: &Var<'_>| {
            let node = &nodes.slots[y.id() as usize];
            node.requires_grad && node.op.is_some()
        };
        bytes <= BYTES && !results.iter().any(tracked)
    }
}

impl Recorded {
    /// The place of a node, which the first search for it gives to what is from before.
    fn place(&mut self, nodes: &mut Nodes, id: Id) -> u32 {
        let epoch = nodes.epoch();
        let node = &mut nodes.slots[id as usize];
        if node.epoch != epoch || node.position == Id::MAX {
            node.epoch = epoch;
            node.position = (self.order.len() + self.captured.len()) as u32;
            self.captured.push(id);
        }
        node.position
    }

    /// Whether this is that program.
    fn is(&self, program: &Program, nodes: &Nodes) -> bool {
        let node = |id: &Id| &nodes.slots[*id as usize];
        let inputs = |node: &Node, step: &Step| {
            node.inputs.len() == step.inputs.len()
                && node.inputs.iter().zip(&step.inputs).all(|(&x, &place)| nodes.slots[x as usize].position == place)
        };
        self.order.len() == program.steps.len()
            && self.captured.len() == program.captured.len()
            && (&self.ends, self.by) == (&program.ends, program.by)
            && self.order.iter().map(node).zip(&program.steps).all(|(node, step)| {
                node.op == step.op && node.aval == step.aval && constant(node) == step.constant && inputs(node, step)
            })
            && self
                .captured
                .iter()
                .map(node)
                .zip(&program.captured)
                .all(|(node, &known)| (node.aval, constant(node)) == known)
    }

    fn program(&self, nodes: &Nodes) -> Program {
        let node = |id: &Id| &nodes.slots[*id as usize];
        let step = |node: &Node| Step {
            op: node.op.clone(),
            aval: node.aval,
            constant: constant(node),
            inputs: few(node.inputs.iter().map(|&x| nodes.slots[x as usize].position)),
        };
        Program {
            steps: self.order.iter().map(node).map(step).collect(),
            captured: self.captured.iter().map(node).map(|node| (node.aval, constant(node))).collect(),
            ends: self.ends.clone(),
            by: self.by,
        }
    }
}

/// The bits of a constant.
fn constant(node: &Node) -> Option<u64> {
    node.value.as_ref().filter(|_| node.constant).map(|value| value.item().to_bits())
}
