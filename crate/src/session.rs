//! What a host does with a tape: run an operation, open and close transformations, `backward`.
//!
//! Outside transformations an operation has been computed when [`Tape::settle`] returns. Inside one it is recorded; when
//! the outermost ends, what its results need is computed and everything else is gone.

use smallvec::SmallVec;

use crate::array::Array;
use crate::blocks;
use crate::diff;
use crate::error::{Code, Error, Result};
use crate::eval::Reads;
use crate::op::{Aval, Op, Primitive};
use crate::ops::alias::Alias;
use crate::ops::custom::{Custom, Rule};
use crate::tape::{Id, Node, Tape};
use crate::var::Var;

impl Tape {
    /// Ends an operation outside transformations: computes the results, keeps what `backward` will need, and turns what
    /// no derivative goes through into leaves. Inside a transformation there is nothing to do.
    pub fn settle(&self, results: &[Var<'_>]) -> Result<()> {
        self.take_failure()?;
        if self.depth() > 0 {
            return Ok(());
        }
        // What has been computed by itself is a leaf already.
        if results.iter().all(|y| self.is_settled(y.id())) {
            return Ok(());
        }
        let young = self.young();
        let tracked = |node: &Node| node.requires_grad && node.op.is_some() && node.kept.is_none();
        self.each_young(young, tracked, |id| {
            let active = self.input_bits(id, |input| input.requires_grad);
            self.keep(id, active);
        });
        let targets: SmallVec<[Id; 8]> = results.iter().map(|y| y.id()).collect();
        self.evaluate(&targets, Reads::Again)?;
        let plain = |node: &Node| node.op.is_some() && !node.requires_grad && node.value.is_some();
        self.each_young(young, plain, |id| self.cut(id));
        Ok(())
    }

    /// Whether a node is a leaf with a value.
    #[inline]
    pub(crate) fn is_settled(&self, id: Id) -> bool {
        let node = &self.nodes.borrow().slots[id as usize];
        node.op.is_none() && node.value.is_some()
    }

    /// Computes the value of one node, wherever it is.
    #[inline]
    pub fn read(&self, x: Var<'_>) -> Result<Array> {
        if let Some(value) = x.value() {
            return Ok(value);
        }
        self.evaluate(&[x.id()], Reads::Again)?;
        x.value().ok_or_else(|| {
            Error::new(Code::Gradient, "read", "the graph of this tensor was freed by an earlier backward")
        })
    }

    // ---- transformations

    /// Opens a transformation that is there to make a plan, see [`Tape::compile`]: it differentiates nothing itself.
    pub fn begin_plan(&self) {
        self.begin();
        self.set_planning(self.depth() == 1);
    }

    /// Opens a transformation: from now on operations are recorded.
    pub fn begin(&self) {
        if self.depth() == 0 {
            self.set_planning(false);
            let mut nodes = self.nodes.borrow_mut();
            nodes.began = nodes.clock();
        }
        self.set_depth(self.depth() + 1);
    }

    /// A fresh variable with the value of `x`, to differentiate by. Inside the outermost transformation it is a leaf; in
    /// an inner one it is tied to `x`, so that the outer one sees through it.
    pub fn variable<'t>(&'t self, x: Var<'t>) -> Result<Var<'t>> {
        match x.value() {
            Some(value) if self.depth() == 1 => Ok(self.leaf(value)),
            _ => self.alias(x),
        }
    }

    /// The value of `x` as a node of its own, through which derivatives flow.
    pub fn alias<'t>(&'t self, x: Var<'t>) -> Result<Var<'t>> {
        self.record(Alias { stop: false }, &[x])
    }

    /// Closes a transformation; the handles to what is not a result have been released before. When it was the outermost
    /// one, the results are computed and become plain values.
    pub fn end(&self, results: &[Var<'_>]) -> Result<()> {
        if self.ends_outermost()? {
            let ids: Vec<Id> = results.iter().map(|y| y.id()).collect();
            // What was made for `backward` stays connected, and may be computed again from what is there now.
            let tracked = |y: &Var<'_>| y.requires_grad() && y.op().is_some();
            for y in results.iter().filter(|y| tracked(y)) {
                self.keep(y.id(), self.input_bits(y.id(), |input| input.requires_grad));
            }
            self.evaluate(&ids, if results.iter().any(tracked) { Reads::Again } else { Reads::Last })?;
            results.iter().filter(|y| !tracked(y)).for_each(|y| self.cut(y.id()));
        }
        Ok(())
    }

    /// As [`Tape::end`] where `ys` will be differentiated by `xs` later: they stay nodes with their operations, and what
    /// the rules between them need is kept. `copies` are results for the caller, which hold no graph.
    pub fn end_connected<'t>(&'t self, copies: &[Var<'t>], xs: &[Var<'t>], ys: &[Var<'t>]) -> Result<()> {
        if self.ends_outermost()? {
            diff::each_active(self, ys, xs, |id, active| self.keep(id, active));
            let ids: Vec<Id> = copies.iter().chain(xs).chain(ys).map(|y| y.id()).collect();
            self.evaluate(&ids, Reads::Again)?;
            copies.iter().for_each(|y| self.cut(y.id()));
        }
        Ok(())
    }

    /// Closes a transformation; says whether it was the outermost one.
    fn ends_outermost(&self) -> Result<bool> {
        self.set_depth(self.depth().saturating_sub(1));
        self.take_failure()?;
        Ok(self.depth() == 0)
    }

    /// A result with a derivative of its own, see [`Custom`]: the value `y` of `arguments`, and what the rule needs, all
    /// recorded since `start`; what they close over is a constant. With `eager`, in a transformation that was opened for nothing else, `backward` goes through it.
    ///
    /// Errors: `argument` where the parts of the rule do not fit.
    pub fn custom<'t>(
        &'t self,
        rule: Rule,
        arguments: &[Var<'t>],
        y: Var<'t>,
        rest: &[Var<'t>],
        start: u64,
        eager: bool,
    ) -> Result<Var<'t>> {
        let custom = Custom { rule, arguments: arguments.len() };
        let needed = if rule == Rule::Checkpoint { 0 } else { arguments.len() + 1 };
        if rest.len() != needed || arguments.is_empty() {
            let sentence = format!("the rule needs {needed} parts and an argument, got {}", rest.len());
            return Err(Error::new(Code::Argument, custom.name(), sentence));
        }
        let ends: Vec<Id> = rest.iter().chain([&y]).map(|x| x.id()).collect();
        let mut closed = self.taken_from_before(&ends, start);
        closed.retain(|x| !arguments.contains(x));
        let inputs: Vec<Var<'t>> =
            arguments.iter().copied().chain([y]).chain(rest.iter().copied()).chain(closed).collect();
        let made = self.record(custom, &inputs)?;
        if eager && !self.is_no_grad() {
            self.track(made.id());
        }
        Ok(made)
    }

    /// Lets `backward` go through what the outermost transformation has recorded for `id`, which it does not otherwise.
    fn track(&self, id: Id) {
        let began = self.nodes.borrow().began;
        for id in self.ancestors(&[id], |node| node.seq > began && node.aval.dtype.is_float()) {
            let tracked = self.input_bits(id, |input| input.requires_grad) != 0;
            self.nodes.borrow_mut().slots[id as usize].requires_grad |= tracked;
        }
    }

    /// What the program of `ends` since `start` takes from before, constants left out.
    fn taken_from_before(&self, ends: &[Id], start: u64) -> Vec<Var<'_>> {
        let program = self.ancestors(ends, |node| node.seq > start);
        let nodes = self.nodes.borrow();
        let mut found: Vec<Id> = Vec::new();
        for &input in program.iter().flat_map(|&id| &nodes.slots[id as usize].inputs) {
            let node = &nodes.slots[input as usize];
            if node.seq <= start && !node.constant && !found.contains(&input) {
                found.push(input);
            }
        }
        found.into_iter().map(|id| Var::new(self, id)).collect()
    }

    /// The time of the tape: what is recorded later has a later one.
    pub fn clock(&self) -> u64 {
        self.nodes.borrow().clock()
    }

    /// y as a result whose program since `start` is run again by reverse mode; its arguments are whatever that program
    /// takes from before.
    pub fn checkpoint<'t>(&'t self, y: Var<'t>, start: u64, eager: bool) -> Result<Var<'t>> {
        let arguments = self.taken_from_before(&[y.id()], start);
        if arguments.is_empty() { Ok(y) } else { self.custom(Rule::Checkpoint, &arguments, y, &[], start, eager) }
    }

    /// [`diff::vjp`] with missing cotangents taken as ones; zeros where nothing depends on an x.
    ///
    /// Errors: `shape` or `dtype` when a cotangent is not like its y; `gradient` when a y or an x is no float.
    pub fn pullback<'t>(
        &'t self,
        ys: &[Var<'t>],
        gs: &[Option<Var<'t>>],
        xs: &[Var<'t>],
        last: bool,
    ) -> Result<Vec<Var<'t>>> {
        let mut cotangents = Vec::with_capacity(ys.len());
        for (&y, &g) in ys.iter().zip(gs) {
            cotangents.push(match g {
                Some(g) => like("vjp", "cotangent", g, y)?,
                None => y.full_like(1.0),
            });
        }
        for &x in xs {
            differentiable("vjp", x)?;
        }
        let found = self.with_last_pass(last, || diff::vjp(self, ys, &cotangents, xs))?;
        Ok(self.distinct(found.into_iter().zip(xs).map(|(c, &x)| diff::or_zeros(c, x)).collect()))
    }

    /// [`diff::jvp`]; zeros where a y depends on no x. Errors: as for [`Tape::pullback`], about tangents.
    pub fn pushforward<'t>(
        &'t self,
        ys: &[Var<'t>],
        xs: &[Var<'t>],
        ts: &[Var<'t>],
        last: bool,
    ) -> Result<Vec<Var<'t>>> {
        for (&x, &t) in xs.iter().zip(ts) {
            differentiable("jvp", x)?;
            like("jvp", "tangent", t, x)?;
        }
        let found = self.with_last_pass(last, || diff::jvp(self, ys, xs, ts))?;
        Ok(self.distinct(found.into_iter().zip(ys).map(|(t, &y)| diff::or_zeros(t, y)).collect()))
    }

    /// These nodes, each a node of its own: what is there twice, or what somebody has a handle to, is given as a view of
    /// it. What is done to one derivative (`requiresGrad`, `assign`) must not happen to another, nor to a cotangent.
    pub(crate) fn distinct<'t>(&'t self, found: Vec<Var<'t>>) -> Vec<Var<'t>> {
        let mut own: Vec<Var<'t>> = Vec::with_capacity(found.len());
        for y in found {
            let taken = own.contains(&y) || self.nodes.borrow().slots[y.id() as usize].handles > 0;
            own.push(if taken { y.view() } else { y });
        }
        own
    }

    // ---- the imperative face

    /// Adds the gradients of y to the `grad` of the leaves that require one, and of nodes that retain one.
    ///
    /// `x.grad += ȳ ∂y/∂x` with ȳ = `g`, or 1 for a y of size 1. Without `retain` the graph is freed; with `create` the
    /// gradients are recorded themselves. Errors: `gradient`, `shape`, `dtype`, `memory`; no `grad` has changed then.
    pub fn backward<'t>(&'t self, y: Var<'t>, g: Option<Var<'t>>, retain: bool, create: bool) -> Result<()> {
        let refuse =
            |sentence: String| Err(Error::new(Code::Gradient, "backward", sentence).with_shapes([&y.shape()[..]]));
        if self.depth() > 0 {
            return refuse("it has no place inside a transformation; use grad or vjp there".into());
        }
        if self.is_busy() {
            return refuse("it has no place inside a hook of another backward".into());
        }
        if self.nodes.borrow().slots[y.id() as usize].spent {
            return refuse("the graph was freed by an earlier backward; pass { retainGraph: true } to that one".into());
        }
        if !y.requires_grad() {
            return refuse(
                "nothing that this tensor was computed from requires a gradient; set requiresGrad on the inputs".into(),
            );
        }
        let seed = match g {
            Some(g) => like("backward", "gradient", g, y)?,
            None if y.shape().size() == 1 => y.full_like(1.0),
            None => {
                let (name, shape) = (self.name(y).unwrap_or_else(|| "z".into()), y.shape());
                return refuse(format!(
                    "{name} has shape {shape}; pass a gradient of shape {shape}, for instance {name}.backward(ones({shape}))"
                ));
            }
        };
        let graph = self.ancestors(&[y.id()], |node| node.requires_grad);
        let xs: Vec<Var<'t>> = {
            let nodes = self.nodes.borrow();
            if graph.iter().any(|&id| nodes.slots[id as usize].spent) {
                drop(nodes);
                return refuse(
                    "a part of the graph was freed by an earlier backward; pass { retainGraph: true } to that one"
                        .into(),
                );
            }
            // Without a handle no one can ask for the gradient.
            let wanted = |node: &crate::tape::Node| (node.op.is_none() || node.retain_grad) && node.handles > 0;
            graph.iter().filter(|&&id| wanted(&nodes.slots[id as usize])).map(|&id| Var::new(self, id)).collect()
        };
        let was = self.set_no_grad(!create);
        // A hook may dispose of y.
        self.nodes.borrow_mut().hold(y.id());
        let result = self.accumulate(y, seed, &xs, create);
        self.set_no_grad(was);
        self.nodes.borrow_mut().drop_handle(y.id());
        let gradients = result?;
        let mut nodes = self.nodes.borrow_mut();
        for (x, gradient) in xs.iter().zip(&gradients) {
            nodes.hold(gradient.id());
            if let Some(old) = nodes.slots[x.id() as usize].grad.replace(gradient.id()) {
                nodes.drop_handle(old);
            }
        }
        if retain || create {
            nodes.hold(seed.id());
            if let Some(old) = nodes.slots[y.id() as usize].seed.replace(seed.id()) {
                nodes.drop_handle(old);
            }
            return Ok(());
        }
        if let Some(old) = nodes.slots[y.id() as usize].seed.take() {
            nodes.drop_handle(old);
        }
        drop(nodes);
        for &id in graph.iter().rev() {
            let inner = self.nodes.borrow().slots[id as usize].op.is_some();
            if inner {
                self.spend(id);
            }
        }
        Ok(())
    }

    /// The new values of `grad` of `xs`, computed.
    fn accumulate<'t>(&'t self, y: Var<'t>, seed: Var<'t>, xs: &[Var<'t>], create: bool) -> Result<Vec<Var<'t>>> {
        let found = self.with_last_pass(!create, || diff::vjp(self, &[y], &[seed], xs))?;
        let mut gradients = Vec::with_capacity(xs.len());
        for (c, &x) in found.into_iter().zip(xs) {
            let c = diff::or_zeros(c, x);
            let old = self.nodes.borrow().slots[x.id() as usize].grad;
            gradients.push(old.map_or(c, |old| Var::new(self, old) + c));
        }
        let mut gradients = self.distinct(gradients);
        gradients.push(seed);
        self.settle(&gradients)?;
        gradients.pop();
        Ok(gradients)
    }

    /// The accumulated gradient.
    pub fn grad<'t>(&'t self, x: Var<'t>) -> Option<Var<'t>> {
        self.nodes.borrow().slots[x.id() as usize].grad.map(|id| Var::new(self, id))
    }

    /// Forgets the accumulated gradient.
    pub fn zero_grad(&self, x: Var<'_>) {
        let mut nodes = self.nodes.borrow_mut();
        if let Some(old) = nodes.slots[x.id() as usize].grad.take() {
            nodes.drop_handle(old);
        }
    }

    /// Sets whether `backward` finds a gradient for this leaf. Errors: `gradient` for a result of operations, `dtype`.
    pub fn set_requires_grad(&self, x: Var<'_>, on: bool) -> Result<()> {
        if on {
            differentiable("requiresGrad", x)?;
        }
        if x.op().is_some() {
            if on == x.requires_grad() {
                return Ok(());
            }
            let sentence = "only a tensor that was not computed from others can change it; use detach()";
            return Err(Error::new(Code::Gradient, "requiresGrad", sentence));
        }
        let mut nodes = self.nodes.borrow_mut();
        let node = &mut nodes.slots[x.id() as usize];
        node.requires_grad = on;
        node.spent = false;
        Ok(())
    }

    /// Makes `backward` store the gradient of this node although it was computed from others.
    pub fn retain_grad(&self, x: Var<'_>) -> Result<()> {
        if !x.requires_grad() {
            return Err(Error::new(Code::Gradient, "retainGrad", "the tensor must require a gradient"));
        }
        self.nodes.borrow_mut().slots[x.id() as usize].retain_grad = true;
        Ok(())
    }

    /// Sets whether `backward` calls hooks on the gradient of this node. Errors: `gradient` where it does not require one.
    pub fn set_hooked(&self, x: Var<'_>, on: bool) -> Result<()> {
        if on && !x.requires_grad() {
            return Err(Error::new(Code::Gradient, "registerHook", "the tensor must require a gradient"));
        }
        self.nodes.borrow_mut().slots[x.id() as usize].hooked = on;
        Ok(())
    }

    /// Gives a node a name, for pictures.
    pub fn set_name(&self, x: Var<'_>, name: &str) {
        self.nodes.borrow_mut().slots[x.id() as usize].name = Some(name.into());
    }

    /// The name that users gave a node.
    fn name(&self, x: Var<'_>) -> Option<Box<str>> {
        self.nodes.borrow().slots[x.id() as usize].name.clone()
    }

    /// Gives the leaf x the value of another tensor of its shape and dtype.
    ///
    /// Errors: `shape`, `dtype`; `gradient` when x was computed from others, or an open tape needs the value it has.
    pub fn assign(&self, x: Var<'_>, value: Var<'_>) -> Result<()> {
        like("assign", "value", value, x)?;
        let value = self.read(value)?;
        if self.depth() > 0 {
            let sentence =
                "inside a transformation values are not known yet and tensors cannot change; use the new one";
            return Err(Error::new(Code::Gradient, "assign", sentence));
        }
        self.assignable("assign", x)?;
        self.set_value(x, value);
        Ok(())
    }

    /// Refuses to assign to x when it was computed from others, or when a rule of an open tape keeps the value it has.
    fn assignable(&self, op: &str, x: Var<'_>) -> Result<()> {
        let nodes = self.nodes.borrow();
        let node = &nodes.slots[x.id() as usize];
        let refuse = |sentence| Err(Error::new(Code::Gradient, op, sentence));
        if node.op.is_some() {
            return refuse("only a tensor that was not computed from others can be assigned to");
        }
        if node.keeps > 0 {
            return refuse(
                "the tensor is held by an open tape; call backward, dispose what was computed from it, or use noGrad",
            );
        }
        Ok(())
    }

    /// Gives each leaf in `xs` the value of its partner in `ys`, which an outermost transformation that ends right after
    /// has recorded: what an optimizer does. All of them or, on a refusal, none.
    ///
    /// A y whose operation can write over its x is computed in the memory of x. First everything that takes memory
    /// is computed, then these, which cannot fail. Errors: as for [`Tape::assign`], and `memory`.
    pub fn update<'t>(&'t self, xs: &[Var<'t>], ys: &[Var<'t>]) -> Result<()> {
        self.take_failure()?;
        if self.depth() != 1 {
            let sentence = "parameters cannot change inside a transformation; use the functional form of the optimizer";
            return Err(Error::new(Code::Gradient, "step", sentence));
        }
        for (&x, &y) in xs.iter().zip(ys) {
            like("step", "new value", y, x)?;
            self.assignable("step", x)?;
        }
        let ids = |vars: &[Var<'t>]| -> SmallVec<[Id; 16]> { vars.iter().map(|v| v.id()).collect() };
        let (xs, ys) = (ids(xs), ids(ys));
        let late: Vec<(Id, Id)> =
            xs.iter().zip(&ys).map(|(&x, &y)| (x, y)).filter(|&(x, y)| self.fits_in_place(x, y)).collect();
        let is_late = |id: &Id| late.iter().any(|(_, y)| y == id);
        let mut early: Vec<Id> = ys.iter().copied().filter(|y| !is_late(y)).collect();
        for &(_, y) in &late {
            let inputs = self.nodes.borrow().slots[y as usize].inputs.clone();
            early.extend(inputs.into_iter().filter(|id| !is_late(id)));
        }
        self.evaluate(&early, Reads::Again)?;
        let donate = |on: bool| late.iter().for_each(|&(x, _)| self.nodes.borrow_mut().slots[x as usize].donated = on);
        ys.iter().for_each(|&y| self.nodes.borrow_mut().hold(y));
        donate(true);
        let computed = self.evaluate(&ys, Reads::Again);
        donate(false);
        let mut nodes = self.nodes.borrow_mut();
        for (&x, &y) in xs.iter().zip(&ys) {
            if let Some(value) = nodes.slots[y as usize].value.take() {
                nodes.slots[x as usize].value = Some(value);
            }
            nodes.drop_handle(y);
        }
        computed
    }

    /// Whether y can be written over x.
    fn fits_in_place(&self, x: Id, y: Id) -> bool {
        let nodes = self.nodes.borrow();
        let [from, to] = [x, y].map(|id| &nodes.slots[id as usize]);
        let can = to.op.as_ref().is_some_and(Op::in_place) && to.value.is_none();
        // While values are looked at, an operation can fail after it was given the memory.
        let watched = self.watch.borrow().is_some();
        can && !watched && to.inputs.contains(&x) && from.value.as_ref().is_some_and(|v| blocks::reusable(v, to.aval))
    }
}

/// Refuses a tangent, cotangent or value that has not the shape and dtype of what it belongs to.
fn like<'t>(op: &str, what: &str, t: Var<'t>, x: Var<'t>) -> Result<Var<'t>> {
    let (have, want) = (t.aval(), x.aval());
    if have.shape != want.shape {
        let sentence = format!("the {what} must have the shape of its tensor, {}, got {}", want.shape, have.shape);
        return Err(Error::new(Code::Shape, op, sentence).with_shapes([&want.shape[..], &have.shape[..]]));
    }
    if have.dtype != want.dtype {
        let (want, have) = (want.dtype.name(), have.dtype.name());
        let sentence =
            format!("the {what} must have the dtype of its tensor, {want}, got {have}; convert with .to(\"{want}\")");
        return Err(Error::new(Code::DType, op, sentence).with_dtypes([want, have]));
    }
    Ok(t)
}

/// Refuses what has no gradient. Errors: `shape` for what is no number, `dtype` for what is no float.
pub(crate) fn one_number(y: Var<'_>) -> Result<()> {
    let Aval { shape, dtype } = y.aval();
    if shape.size() != 1 {
        let sentence =
            format!("the function must return one number, got {shape}; use jacobian, or vjp with a cotangent");
        return Err(Error::new(Code::Shape, "grad", sentence).with_shapes([&shape[..]]));
    }
    if !dtype.is_float() {
        let name = dtype.name();
        let sentence = format!("the function must return float32 or float64 to have a derivative, got {name}");
        return Err(Error::new(Code::DType, "grad", sentence).with_dtypes([name]));
    }
    Ok(())
}

/// Refuses what carries no derivatives.
fn differentiable(op: &str, x: Var<'_>) -> Result<()> {
    let dtype = x.dtype();
    if dtype.is_float() {
        return Ok(());
    }
    let sentence =
        format!("only float32 and float64 carry derivatives, got {}; convert with .to(\"float32\")", dtype.name());
    Err(Error::new(Code::DType, op, sentence).with_dtypes([dtype.name()]))
}
