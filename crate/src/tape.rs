//! The tape: nodes, their order, and who owns them.
//!
//! A node is an operation with its inputs, or a leaf. It lives while a handle from outside or another node refers to
//! it; its value lives while a handle or a rule that will be differentiated needs it. The tape knows no derivatives.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use smallvec::SmallVec;

use crate::array::Array;
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::few::few;
use crate::known::Program;
use crate::known::calls::KnownCall;
use crate::known::recent::Recent;
use crate::op::{Aval, Keeps, Op};
use crate::var::Var;
use crate::watch::Watch;

/// Place of a node in the tape.
pub type Id = u32;

/// Ids of a node's inputs.
pub type Inputs = SmallVec<[Id; 3]>;

/// A handle is `generation * SLOTS + id`: a whole number that a double holds exactly.
const SLOTS: f64 = 67_108_864.0;

/// The state of one node.
#[derive(Debug)]
pub(crate) struct Node {
    /// Counts the owners of this slot so far: a handle to an earlier one is stale.
    generation: u32,
    /// References from outside.
    pub handles: u32,
    /// References from other nodes.
    pub uses: u32,
    /// Rules that will ask for this node's value.
    pub keeps: u32,
    /// Evaluation order: nodes are computed by rising `(time, seq)`. A tangent has the time of its primal.
    pub time: u64,
    pub seq: u64,
    /// Created during the current call; looked at when it ends.
    young: bool,
    pub aval: Aval,
    /// `None` for a leaf.
    pub op: Option<Op>,
    pub inputs: Inputs,
    pub value: Option<Array>,
    /// A number that a rule or a literal operand wrote down.
    pub constant: bool,
    /// The function that a leaf without a value was made for.
    pub placeholder: Option<&'static str>,
    /// A gradient with respect to this node, or through it, can be asked for by `backward`.
    pub requires_grad: bool,
    /// What this node's rule keeps, once that has been counted.
    pub kept: Option<Keeps>,
    /// An earlier `backward` freed the operation.
    pub spent: bool,
    /// Whether `backward` stores the gradient although this is no leaf.
    pub retain_grad: bool,
    /// Whether `backward` calls hooks on the gradient.
    pub hooked: bool,
    /// The value is about to be replaced: its last reader may overwrite it.
    pub donated: bool,
    /// What users call the tensor.
    pub name: Option<Box<str>>,
    /// The accumulated gradient, and the cotangent that the last `backward` from this node began with.
    pub grad: Option<Id>,
    pub seed: Option<Id>,
    /// Scratch of passes: the pass that saw the node last, its position there, and uses that are left.
    pub epoch: u32,
    pub position: u32,
    pub pending: u32,
}

impl Node {
    /// A place for a node, nobody's so far.
    fn vacant() -> Node {
        Node {
            generation: 0,
            handles: 0,
            uses: 0,
            keeps: 0,
            time: 0,
            seq: 0,
            young: false,
            aval: Aval::new(crate::shape::Shape::SCALAR, DType::Float32),
            op: None,
            inputs: Inputs::new(),
            value: None,
            constant: false,
            placeholder: None,
            requires_grad: false,
            kept: None,
            spent: false,
            retain_grad: false,
            hooked: false,
            donated: false,
            name: None,
            grad: None,
            seed: None,
            epoch: 0,
            position: 0,
            pending: 0,
        }
    }

    /// Empties the place, but for those owners that the caller has seen to; the generation goes on.
    #[inline]
    fn vacate(&mut self) {
        debug_assert!(self.handles == 0 && self.uses == 0 && self.keeps == 0 && self.kept.is_none());
        self.op = None;
        self.value = None;
        self.constant = false;
        self.placeholder = None;
        self.requires_grad = false;
        self.spent = false;
        self.retain_grad = false;
        self.hooked = false;
        self.donated = false;
        self.name = None;
        self.epoch = 0;
    }
}

pub(crate) struct Nodes {
    pub slots: Vec<Node>,
    free: Vec<Id>,
    young: Vec<Id>,
    clock: u64,
    /// The clock when the outermost transformation began.
    pub began: u64,
    epoch: u32,
    handles: usize,
    keeps: Vec<(std::mem::Discriminant<Op>, u32, Keeps)>,
}

/// A Wengert list: the program that transformations read and append to.
pub struct Tape {
    pub(crate) nodes: RefCell<Nodes>,
    /// Number of open transformations. Inside one, operations are recorded and not run.
    depth: Cell<u32>,
    /// The outermost transformation makes a plan: it records and differentiates nothing itself.
    planning: Cell<bool>,
    /// No further derivative can be asked for of what is appended now: rules may use fused nodes.
    last_pass: Cell<bool>,
    /// Operations outside transformations are not recorded for `backward`.
    no_grad: Cell<bool>,
    /// The time that new nodes get, when a pass says so.
    time: Cell<Option<u64>>,
    /// The first refusal inside a rule or a composed operation.
    failure: RefCell<Option<Error>>,
    /// Passes under way that call out to the host: what they have made is not swept meanwhile.
    busy: Cell<u32>,
    /// What runs the hooks of a node on its gradient.
    hook: RefCell<Option<Rc<Hook>>>,
    /// Where NaN is looked for, while it is.
    pub(crate) watch: RefCell<Option<Watch>>,
    /// Programs whose gradients have been computed.
    pub(crate) known: RefCell<Recent<Program>>,
    /// Calls of operations that are made of others.
    pub(crate) calls: RefCell<Recent<KnownCall>>,
}

/// Nodes that there is room for before some are appended.
const ROOM: usize = 64;

/// Takes the handle of a node and its gradient to the gradient that goes on from there.
pub type Hook = dyn for<'t> Fn(&'t Tape, f64, Var<'t>) -> Result<Var<'t>>;

impl Default for Tape {
    fn default() -> Tape {
        Tape::new()
    }
}

impl Tape {
    /// An empty tape.
    pub const fn new() -> Tape {
        let nodes = Nodes {
            slots: Vec::new(),
            free: Vec::new(),
            young: Vec::new(),
            clock: 0,
            began: 0,
            epoch: 0,
            handles: 0,
            keeps: Vec::new(),
        };
        Tape {
            nodes: RefCell::new(nodes),
            depth: Cell::new(0),
            planning: Cell::new(false),
            last_pass: Cell::new(false),
            no_grad: Cell::new(false),
            time: Cell::new(None),
            failure: RefCell::new(None),
            busy: Cell::new(0),
            hook: RefCell::new(None),
            watch: RefCell::new(None),
            known: RefCell::new(Recent::new()),
            calls: RefCell::new(Recent::new()),
        }
    }

    // ---- recording

    /// Appends a leaf with a value.
    #[inline]
    pub fn leaf(&self, value: Array) -> Var<'_> {
        let aval = Aval::new(value.shape(), value.dtype);
        self.push(aval, None, Inputs::new(), Some(value))
    }

    /// Appends a leaf without a value: what a program is recorded on before that is known, for the function `whose`.
    pub fn placeholder(&self, aval: Aval, whose: &'static str) -> Var<'_> {
        let x = self.push(aval, None, Inputs::new(), None);
        self.nodes.borrow_mut().slots[x.id() as usize].placeholder = Some(whose);
        x
    }

    /// Appends the scalar constant `c`.
    pub fn constant(&self, c: f64, dtype: DType) -> Result<Var<'_>> {
        let constant = self.leaf(Array::scalar(c, dtype)?);
        self.nodes.borrow_mut().slots[constant.id() as usize].constant = true;
        Ok(constant)
    }

    /// Appends an operation on nodes of this tape, without a value. Errors: those of the operation's `infer`.
    pub fn record(&self, op: impl Into<Op>, inputs: &[Var<'_>]) -> Result<Var<'_>> {
        self.record_op(op.into(), inputs)
    }

    // Rules and composed operations are chains of calls of this one and the next: copies of them in each would make up
    // half of the program.
    #[inline(never)]
    fn record_op(&self, op: Op, inputs: &[Var<'_>]) -> Result<Var<'_>> {
        let aval = self.infer(&op, inputs)?;
        self.room()?;
        Ok(self.push(aval, Some(op), few(inputs.iter().map(|x| x.id())), None))
    }

    /// What a call comes to: outside transformations, an operation on values through which `backward` will not go is
    /// computed at once and becomes a leaf with a value; any other is recorded as by [`Tape::record`], whose errors it has,
    /// and those of computing it.
    pub fn perform(&self, op: impl Into<Op>, inputs: &[Var<'_>]) -> Result<Var<'_>> {
        self.perform_op(op.into(), inputs)
    }

    #[inline(never)]
    fn perform_op(&self, op: Op, inputs: &[Var<'_>]) -> Result<Var<'_>> {
        self.room()?;
        match self.compute_now(&op, inputs)? {
            Some(value) => Ok(self.leaf(value)),
            None => self.record_op(op, inputs),
        }
    }

    /// [`Tape::record`] for rules and composed operations, which check their arguments first: a refusal is remembered
    /// and reported by [`Tape::take_failure`].
    pub fn apply<'t>(&'t self, op: impl Into<Op>, inputs: &[Var<'t>]) -> Var<'t> {
        self.apply_op(op.into(), inputs)
    }

    #[inline(never)]
    fn apply_op<'t>(&'t self, op: Op, inputs: &[Var<'t>]) -> Var<'t> {
        match self.record_op(op, inputs) {
            Ok(y) => y,
            Err(e) => {
                self.fail(e);
                inputs.first().copied().unwrap_or_else(|| {
                    self.push(Aval::new(crate::shape::Shape::SCALAR, DType::Float32), None, Inputs::new(), None)
                })
            }
        }
    }

    /// What an operation on these nodes gives. Errors: those of its `infer`.
    #[inline]
    pub(crate) fn infer(&self, op: &Op, x: &[Var<'_>]) -> Result<Aval> {
        let nodes = self.nodes.borrow();
        let aval = |x: &Var<'_>| nodes.slots[x.id() as usize].aval;
        // Most operations have two inputs at most.
        match x {
            [a] => op.infer(&[aval(a)]),
            [a, b] => op.infer(&[aval(a), aval(b)]),
            _ => op.infer(&x.iter().map(aval).collect::<Vec<_>>()),
        }
    }

    /// Remembers the first refusal of a chain of operations.
    pub(crate) fn fail(&self, error: Error) {
        self.failure.borrow_mut().get_or_insert(error);
    }

    /// The first refusal since the last call, if there was one.
    #[inline]
    pub fn take_failure(&self) -> Result<()> {
        self.failure.borrow_mut().take().map_or(Ok(()), Err)
    }

    /// Sees to it that some nodes can be appended without asking for memory, which must not fail there. Errors: `memory`.
    #[inline]
    pub(crate) fn room(&self) -> Result<()> {
        let nodes = self.nodes.borrow();
        let places = nodes.free.len() + (nodes.slots.capacity() - nodes.slots.len());
        let is_there = places >= ROOM && nodes.young.capacity() - nodes.young.len() >= ROOM;
        drop(nodes);
        if is_there { Ok(()) } else { self.make_room() }
    }

    #[cold]
    #[inline(never)]
    fn make_room(&self) -> Result<()> {
        let mut nodes = self.nodes.borrow_mut();
        let reserved = nodes.slots.try_reserve(ROOM).and_then(|()| nodes.young.try_reserve(ROOM));
        // Each place may become free, when nothing may fail.
        let (places, free) = (nodes.slots.capacity(), nodes.free.len());
        let reserved = reserved.and_then(|()| nodes.free.try_reserve(places - free));
        reserved.map_err(|_| {
            let sentence = format!("the tape could not grow past {} nodes", nodes.slots.len());
            Error::new(Code::Memory, "memory", sentence)
        })
    }

    fn push(&self, aval: Aval, op: Option<Op>, inputs: Inputs, value: Option<Array>) -> Var<'_> {
        let mut nodes = self.nodes.borrow_mut();
        let tracked = self.depth.get() == 0 && !self.no_grad.get() && aval.dtype.is_float();
        // Never before an input: a tangent that is itself computed late makes what follows from it late.
        let mut latest = 0;
        let mut requires_grad = false;
        for (i, &input) in inputs.iter().enumerate() {
            let node = &mut nodes.slots[input as usize];
            node.uses += 1;
            latest = latest.max(node.time);
            requires_grad |= tracked && node.requires_grad && op.as_ref().is_some_and(|op| op.active(i));
        }
        nodes.clock += 1;
        let seq = nodes.clock;
        let id = nodes.free.pop().unwrap_or_else(|| {
            nodes.slots.push(Node::vacant());
            (nodes.slots.len() - 1) as Id
        });
        nodes.young.push(id);
        // Written where it stays: a node is some hundred bytes.
        let node = &mut nodes.slots[id as usize];
        node.generation += 1;
        node.time = self.time.get().map_or(seq, |time| time.max(latest));
        node.seq = seq;
        node.young = true;
        node.aval = aval;
        node.op = op;
        node.inputs = inputs;
        node.value = value;
        node.requires_grad = requires_grad;
        drop(nodes);
        self.watched(id);
        Var::new(self, id)
    }

    // ---- modes

    /// Number of open transformations.
    #[inline]
    pub fn depth(&self) -> u32 {
        self.depth.get()
    }

    pub(crate) fn set_depth(&self, depth: u32) {
        self.depth.set(depth);
    }

    pub(crate) fn set_planning(&self, on: bool) {
        self.planning.set(on);
    }

    /// Whether no open transformation can differentiate what a pass appends now.
    pub fn is_outermost(&self) -> bool {
        self.depth.get() <= 1 + u32::from(self.planning.get())
    }

    /// Whether rules may append nodes that have no derivative themselves.
    pub fn is_last_pass(&self) -> bool {
        self.last_pass.get()
    }

    /// Whether operations outside transformations are left out of `backward`'s graph.
    #[inline]
    pub(crate) fn is_no_grad(&self) -> bool {
        self.no_grad.get()
    }

    /// Runs `f` with [`Tape::is_last_pass`] set to `last`.
    pub(crate) fn with_last_pass<T>(&self, last: bool, f: impl FnOnce() -> T) -> T {
        let before = self.last_pass.replace(last);
        let out = f();
        self.last_pass.set(before);
        out
    }

    /// Runs `f`; the nodes it appends are evaluated right after those of the given time.
    pub(crate) fn at_time<T>(&self, time: u64, f: impl FnOnce() -> T) -> T {
        let before = self.time.replace(Some(time));
        let out = f();
        self.time.set(before);
        out
    }

    /// Sets whether operations outside transformations are left out of `backward`'s graph; gives the former setting.
    pub fn set_no_grad(&self, on: bool) -> bool {
        self.no_grad.replace(on)
    }

    // ---- handles

    /// A new handle to a node: a reference from outside.
    #[inline]
    pub fn handle(&self, x: Var<'_>) -> f64 {
        let mut nodes = self.nodes.borrow_mut();
        nodes.handles += 1;
        nodes.hold(x.id());
        nodes.number(x.id())
    }

    /// The number that handles to a node have.
    #[inline]
    pub(crate) fn number(&self, id: Id) -> f64 {
        self.nodes.borrow().number(id)
    }

    /// The node of a handle; `None` when it is stale or was never one.
    #[inline]
    pub fn lookup(&self, handle: f64) -> Option<Var<'_>> {
        // What is no whole number is told by its node's own number.
        let id = (handle as u64 % SLOTS as u64) as Id;
        let nodes = self.nodes.borrow();
        let node = nodes.slots.get(id as usize)?;
        (node.handles > 0 && nodes.number(id) == handle).then(|| Var::new(self, id))
    }

    /// Gives a handle back. A stale one is ignored.
    #[inline]
    pub fn release(&self, handle: f64) {
        if let Some(x) = self.lookup(handle) {
            let mut nodes = self.nodes.borrow_mut();
            nodes.handles -= 1;
            nodes.drop_handle(x.id());
        }
    }

    /// Gives back a handle whose holder lets others have the memory of the value: nothing else here holds on to it.
    #[inline]
    pub fn give_up(&self, handle: f64) {
        if let Some(x) = self.lookup(handle) {
            let mut nodes = self.nodes.borrow_mut();
            let node = &mut nodes.slots[x.id() as usize];
            if node.handles == 1 && node.keeps == 0 && node.uses == 0 {
                node.value = None;
            }
        }
        self.release(handle);
    }

    /// Number of handles that are out.
    pub fn handles(&self) -> usize {
        self.nodes.borrow().handles
    }

    /// Number of nodes that are alive: for tests of ownership.
    pub fn len(&self) -> usize {
        let nodes = self.nodes.borrow();
        nodes.slots.len() - nodes.free.len()
    }

    /// Whether no node is alive.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a pass is under way that has called the host.
    #[inline]
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.get() > 0
    }

    /// Sets what runs hooks.
    pub fn set_hook(&self, hook: Rc<Hook>) {
        self.hook.replace(Some(hook));
    }

    /// The gradient `g` of a node after its hooks; `g` itself where it has none.
    pub(crate) fn hooked<'t>(&'t self, id: Id, g: Var<'t>) -> Var<'t> {
        if !self.nodes.borrow().slots[id as usize].hooked {
            return g;
        }
        let Some(hook) = self.hook.borrow().clone() else { return g };
        let handle = self.number(id);
        self.busy.set(self.busy.get() + 1);
        let found = hook(self, handle, g);
        self.busy.set(self.busy.get() - 1);
        found.unwrap_or_else(|e| {
            self.fail(e);
            g
        })
    }

    /// Frees what was created since the last call and has found no owner: the end of every call from outside.
    pub fn sweep(&self) {
        if self.busy.get() > 0 {
            return;
        }
        let mut nodes = self.nodes.borrow_mut();
        while let Some(id) = nodes.young.pop() {
            nodes.slots[id as usize].young = false;
            nodes.collect(id);
        }
    }

    /// Number of nodes created since the last [`Tape::sweep`].
    #[inline]
    pub(crate) fn young(&self) -> usize {
        self.nodes.borrow().young.len()
    }

    /// Those created since there were `first` of them.
    pub(crate) fn young_since(&self, first: usize) -> Vec<Id> {
        self.nodes.borrow().young.get(first..).unwrap_or(&[]).to_vec()
    }

    /// Runs `f` on the first `n` of them.
    pub(crate) fn each_young(&self, n: usize, f: impl Fn(&Node) -> bool, then: impl Fn(Id)) {
        for k in 0..n {
            let found = {
                let nodes = self.nodes.borrow();
                let id = nodes.young[k];
                f(&nodes.slots[id as usize]).then_some(id)
            };
            found.into_iter().for_each(&then);
        }
    }

    // ---- what rules need

    /// Counts what the rule of node `id` will ask for, so that these values stay.
    pub(crate) fn keep(&self, id: Id, active: u32) {
        let keeps = self.keeps(id, active);
        let mut nodes = self.nodes.borrow_mut();
        // What it keeps for an earlier derivative has been counted.
        let before = nodes.slots[id as usize].kept.unwrap_or_default();
        nodes.slots[id as usize].kept = Some(before | keeps);
        nodes.each_kept(id, keeps.without(before), |node| node.keeps += 1);
    }

    /// What the rule of node `id` needs: as the operation says, or as its rule shows when it is run.
    fn keeps(&self, id: Id, active: u32) -> Keeps {
        let (op, x) = {
            let nodes = self.nodes.borrow();
            let node = &nodes.slots[id as usize];
            let Some(op) = node.op.clone() else { return Keeps::default() };
            (op, node.inputs.iter().map(|&i| Var::new(self, i)).collect::<SmallVec<[Var<'_>; 3]>>())
        };
        if let Some(keeps) = op.keeps(active) {
            return keeps;
        }
        let kind = std::mem::discriminant(&op);
        let known = |k: &&(std::mem::Discriminant<Op>, u32, Keeps)| k.0 == kind && k.1 == active;
        if let Some(known) = self.nodes.borrow().keeps.iter().find(known) {
            return known.2;
        }
        let y = Var::new(self, id);
        let g = self.push(y.aval(), None, Inputs::new(), None);
        let first = self.nodes.borrow().young.len();
        let was = self.depth.replace(self.depth.get() + 1);
        for i in (0..x.len()).filter(|&i| active & bit(i) != 0) {
            op.vjp(i, &x, y, g);
        }
        let tangent =
            |(i, x): (usize, &Var<'_>)| (active & bit(i) != 0).then(|| self.push(x.aval(), None, Inputs::new(), None));
        let tangents: SmallVec<[Option<Var<'_>>; 3]> = x.iter().enumerate().map(tangent).collect();
        op.jvp(&x, y, &tangents);
        self.depth.set(was);
        let mut nodes = self.nodes.borrow_mut();
        let mut keeps = Keeps::default();
        for &node in &nodes.young[first..] {
            for &input in &nodes.slots[node as usize].inputs {
                keeps.output |= input == id;
                for (i, x) in x.iter().enumerate() {
                    keeps.inputs |= if x.id() == input { bit(i) } else { 0 };
                }
            }
        }
        nodes.keeps.push((kind, active, keeps));
        keeps
    }

    /// The bits of the inputs of `id` for which `f` holds.
    pub(crate) fn input_bits(&self, id: Id, f: impl Fn(&Node) -> bool) -> u32 {
        let nodes = self.nodes.borrow();
        let node = &nodes.slots[id as usize];
        let Some(op) = &node.op else { return 0 };
        let bits = node.inputs.iter().enumerate().filter(|&(i, &x)| op.active(i) && f(&nodes.slots[x as usize]));
        bits.fold(0, |bits, (i, _)| bits | bit(i))
    }

    /// Records the program of `targets` again, with the second of each pair in `with` in the place of the first (repeated to
    /// its shape): what depends on the first ones or, with `whole`, everything after them.
    pub(crate) fn replay<'t>(&'t self, targets: &[Var<'t>], whole: bool, with: &[(Var<'t>, Var<'t>)]) -> Vec<Var<'t>> {
        let ends: SmallVec<[Id; 8]> = targets.iter().map(|y| y.id()).collect();
        let ends_at: HashMap<Id, Var<'t>> =
            with.iter().map(|&(from, to)| (from.id(), to.expand(from.shape()))).collect();
        let first = {
            let nodes = self.nodes.borrow();
            with.iter().map(|(from, _)| nodes.slots[from.id() as usize].seq).min().unwrap_or(0)
        };
        let within = |id: Id, node: &Node| !ends_at.contains_key(&id) && (whole || node.seq >= first);
        let order = self.reached(&ends, Edges::All, &within);
        let position = |id: Id| self.nodes.borrow().position(id);
        let mut again: Vec<Option<Var<'t>>> = Vec::with_capacity(order.len());
        let find = |again: &[Option<Var<'t>>], id: Id| {
            ends_at.get(&id).copied().or_else(|| position(id).and_then(|p| again[p]))
        };
        for &id in &order {
            let (op, inputs) = {
                let nodes = self.nodes.borrow();
                let node = &nodes.slots[id as usize];
                (node.op.clone(), node.inputs.clone())
            };
            let op = op.filter(|_| whole || inputs.iter().any(|&id| find(&again, id).is_some()));
            let x: SmallVec<[Var<'t>; 4]> =
                inputs.iter().map(|&id| find(&again, id).unwrap_or_else(|| Var::new(self, id))).collect();
            again.push(op.map(|op| self.apply(op, &x)));
        }
        targets.iter().map(|&y| find(&again, y.id()).unwrap_or(y)).collect()
    }

    /// Whether the value of one of `ys` depends on that of one of `xs`. (A rule is beside a value, not in it.)
    pub(crate) fn depends(&self, ys: &[Var<'_>], xs: &[Var<'_>]) -> bool {
        let ends: SmallVec<[Id; 8]> = ys.iter().map(|y| y.id()).collect();
        let first = xs.iter().map(|x| self.nodes.borrow().slots[x.id() as usize].seq).min().unwrap_or(u64::MAX);
        self.reached(&ends, Edges::Read, &|_, node| node.seq >= first).iter().any(|id| xs.iter().any(|x| x.id() == *id))
    }

    /// Replaces a value by the same one in another layout.
    pub(crate) fn set_value(&self, x: Var<'_>, value: Array) {
        self.nodes.borrow_mut().slots[x.id() as usize].value = Some(value);
    }

    /// Turns a node into a leaf: its operation and its claims on others are gone, its value stays.
    pub(crate) fn cut(&self, id: Id) {
        self.nodes.borrow_mut().cut(id);
    }

    /// [`Tape::cut`] by a `backward`: the value stays only where somebody can still ask for it.
    pub(crate) fn spend(&self, id: Id) {
        let mut nodes = self.nodes.borrow_mut();
        nodes.cut(id);
        let node = &mut nodes.slots[id as usize];
        node.spent = true;
        if node.handles == 0 && node.keeps == 0 {
            node.value = None;
        }
    }

    /// All nodes that `targets` are made from, in evaluation order, as far as `within` lets the search through. Their
    /// [`Node::position`] is the place in the list; [`Node::pending`] counts the uses among them.
    pub(crate) fn ancestors(&self, targets: &[Id], within: impl Fn(&Node) -> bool) -> Vec<Id> {
        self.reached(targets, Edges::All, &|_, node| within(node))
    }

    /// As [`Tape::ancestors`], along some edges only.
    #[inline]
    pub(crate) fn reached(&self, targets: &[Id], edges: Edges, within: &dyn Fn(Id, &Node) -> bool) -> Vec<Id> {
        let mut nodes = self.nodes.borrow_mut();
        nodes.epoch = nodes.epoch.wrapping_add(1);
        let epoch = nodes.epoch;
        let mut found = Vec::new();
        let mut stack: Vec<Id> = Vec::new();
        let mut sorted = true;
        let visit = |nodes: &mut Nodes, stack: &mut Vec<Id>, id: Id, uses: u32| {
            let node = &mut nodes.slots[id as usize];
            if node.epoch != epoch {
                node.epoch = epoch;
                node.pending = 0;
                node.position = Id::MAX;
                if within(id, node) {
                    node.position = 0;
                    stack.push(id);
                }
            }
            node.pending += uses;
        };
        for &id in targets {
            visit(&mut nodes, &mut stack, id, 0);
        }
        while let Some(id) = stack.pop() {
            sorted = false;
            found.push(id);
            for k in 0..nodes.slots[id as usize].inputs.len() {
                let node = &nodes.slots[id as usize];
                let read = node.op.as_ref().is_none_or(|op| match edges {
                    Edges::All => true,
                    Edges::Read => op.reads(k),
                    Edges::Active => op.active(k),
                    Edges::Shown => op.shown(k, nodes.slots[id as usize].inputs.len()),
                });
                let input = node.inputs[k];
                if read {
                    visit(&mut nodes, &mut stack, input, 1);
                }
            }
        }
        if !sorted {
            // What was found last comes first, mostly.
            found.reverse();
            found.sort_unstable_by_key(|&id| {
                let node = &nodes.slots[id as usize];
                (node.time, node.seq)
            });
        }
        for (position, &id) in found.iter().enumerate() {
            nodes.slots[id as usize].position = position as u32;
        }
        found
    }
}

/// Which inputs of a node a search goes on to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edges {
    /// All of them.
    All,
    /// Those that its value depends on.
    Read,
    /// Those that a derivative can flow through.
    Active,
    /// Those that explain it: what its value depends on or, where a rule says the derivative, what that goes to.
    Shown,
}

/// The bit of input `i`; those past the last share one.
pub(crate) fn bit(i: usize) -> u32 {
    1u32.checked_shl(i as u32).unwrap_or(1 << 31)
}

impl Nodes {
    /// Whether the last pass over ancestors met this node, and where.
    #[inline]
    pub fn position(&self, id: Id) -> Option<usize> {
        let node = &self.slots[id as usize];
        (node.epoch == self.epoch && node.position != Id::MAX).then_some(node.position as usize)
    }

    /// The search that marked nodes last.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Marks nodes with their places in a list, as a search does that found them; gives its number.
    pub fn mark(&mut self, order: &[Id]) -> u32 {
        self.epoch = self.epoch.wrapping_add(1);
        for (place, &id) in order.iter().enumerate() {
            let node = &mut self.slots[id as usize];
            node.epoch = self.epoch;
            node.position = place as u32;
        }
        self.epoch
    }

    #[inline]
    fn each_kept(&mut self, id: Id, keeps: Keeps, f: impl Fn(&mut Node)) {
        if keeps.output {
            f(&mut self.slots[id as usize]);
        }
        for i in 0..self.slots[id as usize].inputs.len() {
            if keeps.inputs & bit(i) != 0 {
                let input = self.slots[id as usize].inputs[i];
                f(&mut self.slots[input as usize]);
            }
        }
    }

    pub fn number(&self, id: Id) -> f64 {
        f64::from(self.slots[id as usize].generation) * SLOTS + f64::from(id)
    }

    pub fn clock(&self) -> u64 {
        self.clock
    }

    #[inline]
    pub fn hold(&mut self, id: Id) {
        self.slots[id as usize].handles += 1;
    }

    pub fn drop_handle(&mut self, id: Id) {
        let mut stack: SmallVec<[Id; 4]> = SmallVec::new();
        stack.push(id);
        while let Some(id) = stack.pop() {
            let node = &mut self.slots[id as usize];
            node.handles -= 1;
            if node.handles == 0 {
                // No one can ask for these any more, and a recorded gradient leads back to the node that holds it.
                stack.extend([node.grad.take(), node.seed.take()].into_iter().flatten());
            }
            self.forget_value(id);
            self.collect(id);
        }
    }

    /// Drops a value that can be computed again and that nobody asks for.
    #[inline]
    fn forget_value(&mut self, id: Id) {
        let node = &mut self.slots[id as usize];
        if node.handles == 0 && node.keeps == 0 && node.op.is_some() {
            node.value = None;
        }
    }

    fn cut(&mut self, id: Id) {
        if let Some(keeps) = self.slots[id as usize].kept.take() {
            self.each_kept(id, keeps, |node| node.keeps -= 1);
            for i in 0..self.slots[id as usize].inputs.len() {
                let input = self.slots[id as usize].inputs[i];
                self.forget_value(input);
            }
        }
        let node = &mut self.slots[id as usize];
        node.op = None;
        let inputs = std::mem::take(&mut node.inputs);
        for input in inputs {
            self.slots[input as usize].uses -= 1;
            self.collect(input);
        }
    }

    /// Frees a node without owners, and then whatever that leaves without owners. No recursion: chains are long.
    fn collect(&mut self, id: Id) {
        if !self.is_garbage(id) {
            return;
        }
        let mut stack: SmallVec<[Id; 8]> = SmallVec::new();
        stack.push(id);
        while let Some(id) = stack.pop() {
            if !self.is_garbage(id) {
                continue;
            }
            if let Some(keeps) = self.slots[id as usize].kept.take() {
                self.each_kept(id, keeps, |node| node.keeps -= 1);
            }
            let node = &mut self.slots[id as usize];
            node.vacate();
            let held = [node.grad.take(), node.seed.take()];
            let inputs = std::mem::take(&mut node.inputs);
            // A slot whose generations are used up is never given out again.
            if node.generation < u32::MAX >> 5 {
                node.seq = 0;
                self.free.push(id);
            }
            for input in inputs {
                self.slots[input as usize].uses -= 1;
                self.forget_value(input);
                stack.push(input);
            }
            for held in held.into_iter().flatten() {
                self.slots[held as usize].handles -= 1;
                stack.push(held);
            }
        }
    }

    /// Whether nobody owns the node and its slot is not free yet.
    #[inline]
    fn is_garbage(&self, id: Id) -> bool {
        let node = &self.slots[id as usize];
        node.handles == 0 && node.uses == 0 && !node.young && node.seq != 0
    }
}

#[cfg(test)]
mod tests;
