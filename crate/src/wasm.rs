//! The boundary: what JavaScript calls. Integers and handles only; one tape for each instance.
//!
//! A handle is a double, 0 means that the call was refused and [`error`] says why. Lists, shapes and attributes pass
//! through a scratch area of doubles that both sides see. No operation adds an export: they are called by code.

use std::cell::{Cell, RefCell};
use std::num::NonZero;
use std::rc::Rc;

use smallvec::SmallVec;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::array::Array;
use crate::buffer;
use crate::call;
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::few::few;
use crate::graph;
use crate::kernels::{gemm, generate, split};
use crate::ops::custom::Rule;
use crate::plan::Plan;
use crate::shape::Shape;
use crate::tape::Tape;
use crate::var::Var;

thread_local! {
    static TAPE: Tape = const { Tape::new() };
    static SCRATCH: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
    static PLANS: RefCell<Vec<Option<Plan>>> = const { RefCell::new(Vec::new()) };
    static TEXT: RefCell<String> = const { RefCell::new(String::new()) };
    static ERROR: Cell<Option<Error>> = const { Cell::new(None) };
}

/// Inputs of a call: few, mostly.
type Vars<'t> = SmallVec<[Var<'t>; 4]>;

/// Runs a call: what it created and nobody owns is freed, a refusal is kept for [`error`].
fn run<T: Default>(f: impl FnOnce(&Tape) -> Result<T>) -> T {
    TAPE.with(|tape| {
        let result = f(tape);
        // A refusal inside a rule belongs to the call in which it happened.
        let result = tape.take_failure().and(result);
        tape.sweep();
        result.unwrap_or_else(|e| {
            if e.code() == Code::Memory {
                tape.forget_known();
            }
            ERROR.set(Some(e));
            T::default()
        })
    })
}

/// [`run`] for calls that append nodes, for which there is room then.
fn append<T: Default>(f: impl FnOnce(&Tape) -> Result<T>) -> T {
    run(|tape| tape.room().and_then(|()| f(tape)))
}

/// The node of a handle, for argument `k` of `op`.
#[inline]
fn node<'t>(tape: &'t Tape, handle: f64, op: &str, k: usize) -> Result<Var<'t>> {
    tape.lookup(handle).ok_or_else(|| {
        let sentence = format!("argument {} was disposed, or belonged to a transformation that has ended", k + 1);
        Error::new(Code::Disposed, op, sentence)
    })
}

#[inline]
fn scratch_values(from: usize, n: usize) -> SmallVec<[f64; 16]> {
    SCRATCH.with_borrow(|s| few(s.get(from..from + n).unwrap_or_default().iter().copied()))
}

#[inline]
fn write_scratch(values: impl IntoIterator<Item = f64>) {
    SCRATCH.with_borrow_mut(|s| {
        for (k, value) in values.into_iter().enumerate() {
            match s.get_mut(k) {
                Some(slot) => *slot = value,
                None => s.push(value),
            }
        }
    });
}

/// Hands over a text, until the next one: its address and its length in bytes of UTF-8 go to the scratch area.
fn tell(text: String) {
    TEXT.set(text);
    write_scratch(TEXT.with_borrow(|text| [text.as_ptr() as usize as f64, text.len() as f64]));
}

/// The text that was handed over last, for native programs.
pub fn told() -> String {
    TEXT.with_borrow(Clone::clone)
}

/// The nodes whose handles stand in the scratch area.
fn nodes<'t>(tape: &'t Tape, op: &str, from: usize, n: usize) -> Result<Vars<'t>> {
    scratch_values(from, n).iter().enumerate().map(|(k, &h)| node(tape, h, op, k)).collect()
}

/// Tensors and numbers as operands.
fn operands<'t>(tape: &'t Tape, code: usize, given: &[[f64; 2]]) -> Result<Vars<'t>> {
    let mut x = Vars::new();
    for &[handle, _] in given {
        match tape.lookup(handle) {
            Some(tensor) => x.push(tensor),
            None => return operands_with_numbers(tape, code, given),
        }
    }
    Ok(x)
}

/// The same where some are numbers, or no tensors any more: a number adopts the dtype of the tensors beside it, float32 when
/// there are none.
#[inline(never)]
fn operands_with_numbers<'t>(tape: &'t Tape, code: usize, given: &[[f64; 2]]) -> Result<Vars<'t>> {
    let op = call::name(code);
    let mut tensors: SmallVec<[Option<Var<'t>>; 4]> = SmallVec::new();
    for (k, &[handle, _]) in given.iter().enumerate() {
        tensors.push(if handle == 0.0 { None } else { Some(node(tape, handle, op, k)?) });
    }
    let beside = || tensors.iter().enumerate().filter(|&(k, _)| call::adopts(code, k)).filter_map(|(_, x)| *x);
    let dtype = beside().map(|x| x.dtype()).find(|&d| d != DType::Bool).or_else(|| beside().next().map(|x| x.dtype()));
    let dtype = dtype.unwrap_or(DType::Float32);
    let literal = |&[_, number]: &[f64; 2]| {
        if dtype.holds(number) {
            return tape.constant(number, dtype);
        }
        let what = if dtype == DType::Int32 { "a whole number of 32 bits" } else { "0, 1 or a truth value" };
        let name = dtype.name();
        let sentence = format!("a number beside {name} must be {what}, got {number}; convert with .to(\"float32\")");
        Err(Error::new(Code::DType, op, sentence).with_dtypes([name]))
    };
    tensors.iter().zip(given).map(|(x, given)| x.map_or_else(|| literal(given), Ok)).collect()
}

fn perform(tape: &Tape, code: u32, given: &[[f64; 2]], attrs: &[f64]) -> Result<f64> {
    let (first, code) = (tape.young(), code as usize);
    let x = operands(tape, code, given)?;
    let y = tape.call(code, &x, attrs)?;
    if tape.is_watched() {
        tape.watched_call(first, call::name(code), y.id());
    }
    tape.settle(&[y])?;
    Ok(tape.handle(y))
}

/// Byte position of a scratch area of at least `len` doubles.
#[wasm_bindgen]
pub fn scratch(len: u32) -> u32 {
    SCRATCH.with_borrow_mut(|s| {
        let len = len as usize;
        if s.len() < len {
            s.resize(len, 0.0);
        }
        s.as_mut_ptr() as usize as u32
    })
}

/// Calls the operation with this code; scratch: for each input `[handle, 0]` or `[0, number]`, then the attributes.
#[wasm_bindgen]
pub fn apply(op: u32, inputs: u32, attrs: u32) -> f64 {
    append(|tape| {
        let inputs = inputs as usize;
        let all = scratch_values(0, 2 * inputs + attrs as usize);
        let (given, attrs) = all.split_at((2 * inputs).min(all.len()));
        perform(tape, op, given.as_chunks().0, attrs)
    })
}

/// Calls an operation without attributes on one tensor.
#[wasm_bindgen]
pub fn apply1(op: u32, a: f64) -> f64 {
    append(|tape| perform(tape, op, &[[a, 0.0]], &[]))
}

/// Calls an operation without attributes on two operands; bit 0 of `literal` says that `a` is a number, bit 1 that `b` is.
#[wasm_bindgen]
pub fn apply2(op: u32, a: f64, b: f64, literal: u32) -> f64 {
    let operand = |x: f64, bit: u32| if literal & bit != 0 { [0.0, x] } else { [x, 0.0] };
    append(|tape| perform(tape, op, &[operand(a, 1), operand(b, 2)], &[]))
}

/// A tensor of the shape in the scratch area. Its contents are unspecified until they are written through [`data`].
#[wasm_bindgen]
pub fn create(dtype: u32, ndim: u32) -> f64 {
    append(|tape| {
        let shape = Shape::from_numbers("tensor", &scratch_values(0, ndim as usize))?;
        let Some(dtype) = DType::from_code(dtype) else {
            return Err(Error::new(Code::DType, "tensor", "the dtype must be float32, float64, int32 or bool"));
        };
        let value = Array::new(shape, dtype).map_err(|e| e.in_op("tensor"))?;
        Ok(tape.handle(tape.leaf(value)))
    })
}

/// Byte position of a tensor's values, row-major without gaps; computes them first when that has not been done. 0 when
/// the call was refused.
#[wasm_bindgen]
pub fn data(h: f64) -> u32 {
    run(|tape| {
        let x = node(tape, h, "data", 0)?;
        let value = tape.read(x)?;
        let dense = value.contiguous()?;
        if !value.is_contiguous() {
            tape.set_value(x, dense.clone());
        }
        Ok(dense.address() as usize as u32)
    })
}

/// Writes `[dtype, flags, ndim, dims..]` to the scratch area; flags: 1 requires a gradient, 2 is a leaf. 1, or 0 when refused.
#[wasm_bindgen]
pub fn info(h: f64) -> u32 {
    run(|tape| {
        let x = node(tape, h, "info", 0)?;
        let (aval, leaf) = (x.aval(), x.op().is_none());
        let flags = u32::from(x.requires_grad()) + 2 * u32::from(leaf);
        let head = [f64::from(aval.dtype as u8), f64::from(flags), aval.shape.ndim() as f64];
        write_scratch(head.into_iter().chain(aval.shape.iter().map(|&d| d as f64)));
        Ok(1)
    })
}

/// Gives back the handles in the scratch area; stale ones are ignored.
#[wasm_bindgen]
pub fn release(n: u32) {
    run(|tape| {
        SCRATCH.with_borrow(|s| s.iter().take(n as usize).for_each(|&h| tape.release(h)));
        Ok(())
    });
}

/// Opens a transformation: operations are recorded, not run. 1 when it is there to make a plan.
#[wasm_bindgen]
pub fn begin(planning: u32) {
    TAPE.with(|tape| if planning != 0 { tape.begin_plan() } else { tape.begin() });
}

/// Inside a transformation: a fresh variable with the value of a tensor; with `tied`, one that derivatives flow through.
#[wasm_bindgen]
pub fn variable(h: f64, tied: u32) -> f64 {
    append(|tape| {
        let x = node(tape, h, "variable", 0)?;
        Ok(tape.handle(if tied != 0 { tape.alias(x)? } else { tape.variable(x)? }))
    })
}

/// Appends a backward pass. Scratch: `ys` outputs, as many cotangents (0 for ones), `xs` variables; then the gradients'
/// handles. 1, or 0 when refused.
#[wasm_bindgen]
pub fn vjp(ys: u32, xs: u32) -> u32 {
    append(|tape| {
        let (n, m) = (ys as usize, xs as usize);
        let outputs = nodes(tape, "vjp", 0, n)?;
        let given = scratch_values(n, n);
        let cotangent =
            |(k, &h): (usize, &f64)| if h == 0.0 { Ok(None) } else { node(tape, h, "vjp", n + k).map(Some) };
        let cotangents = given.iter().enumerate().map(cotangent).collect::<Result<SmallVec<[_; 4]>>>()?;
        let variables = nodes(tape, "vjp", 2 * n, m)?;
        let gradients = tape.pullback(&outputs, &cotangents, &variables, tape.is_outermost())?;
        write_scratch(gradients.into_iter().map(|g| tape.handle(g)));
        Ok(1)
    })
}

/// Appends the backward pass that ends a transformation. Scratch: a number, `xs` variables, `results` that are to be computed as
/// well; then the gradients' handles. 1, or 0 when refused.
#[wasm_bindgen]
pub fn gradients(xs: u32, results: u32) -> u32 {
    append(|tape| {
        let all = nodes(tape, "vjp", 0, 1 + xs as usize + results as usize)?;
        let (xs, results) = all[1..].split_at(xs as usize);
        let gradients = tape.gradients(all[0], xs, results)?;
        write_scratch(gradients.into_iter().map(|g| tape.handle(g)));
        Ok(1)
    })
}

/// Appends a forward pass. Scratch: `ys` outputs, `xs` variables, as many tangents; then the outputs' tangents' handles.
/// 1, or 0 when refused.
#[wasm_bindgen]
pub fn jvp(ys: u32, xs: u32) -> u32 {
    append(|tape| {
        let (n, m) = (ys as usize, xs as usize);
        let outputs = nodes(tape, "jvp", 0, n)?;
        let (variables, tangents) = (nodes(tape, "jvp", n, m)?, nodes(tape, "jvp", n + m, m)?);
        let results = tape.pushforward(&outputs, &variables, &tangents, tape.is_outermost())?;
        write_scratch(results.into_iter().map(|t| tape.handle(t)));
        Ok(1)
    })
}

/// Closes a transformation. Scratch: handles of the results, then those that are given back. When it was the outermost
/// one the results are computed. With `copies`, the results are so many of the outputs, then `variables`, then the
/// outputs, which stay differentiable as long as their handles live. 0 when refused: then the results are given back too.
#[wasm_bindgen]
pub fn end(results: u32, temporaries: u32, copies: u32, variables: u32) -> u32 {
    run(|tape| {
        let handles = scratch_values(0, (results + temporaries) as usize);
        let (results, temporaries) = handles.split_at((results as usize).min(handles.len()));
        for &h in temporaries {
            tape.release(h);
        }
        // What was made and given back is gone before anything is computed.
        tape.sweep();
        let found = results.iter().enumerate().map(|(k, &h)| node(tape, h, "end", k)).collect::<Result<Vars<'_>>>();
        let vars = found.as_deref().unwrap_or(&[]);
        let (copies, rest) = vars.split_at((copies as usize).min(vars.len()));
        let (xs, ys) = rest.split_at((variables as usize).min(rest.len()));
        let ended = if copies.is_empty() { tape.end(vars) } else { tape.end_connected(copies, xs, ys) };
        found.and(ended).map(|()| 1).inspect_err(|_| results.iter().for_each(|&h| tape.release(h)))
    })
}

/// Inside a transformation: a tensor without a value that stands for each slice of a tensor along an axis.
#[wasm_bindgen]
pub fn example(h: f64, axis: f64) -> f64 {
    append(|tape| Ok(tape.handle(tape.example(node(tape, h, "vmap", 0)?, axis)?)))
}

/// Appends the program for all examples. Scratch: `n` examples, their tensors, the axes; `m` outputs, their axes (NaN for
/// none); then the handles of all their values. 1, or 0 when refused.
#[wasm_bindgen]
pub fn batch(n: u32, m: u32) -> u32 {
    append(|tape| {
        let (n, m) = (n as usize, m as usize);
        let (examples, tensors) = (nodes(tape, "vmap", 0, n)?, nodes(tape, "vmap", n, n)?);
        let axes = scratch_values(2 * n, n);
        let mapped: Vec<_> = examples.into_iter().zip(tensors).zip(axes).map(|((e, x), axis)| (e, x, axis)).collect();
        let results = tape.batched(&mapped, &nodes(tape, "vmap", 3 * n, m)?, &scratch_values(3 * n + m, m))?;
        write_scratch(results.into_iter().map(|y| tape.handle(y)));
        Ok(1)
    })
}

/// Inside a transformation: a tensor like `h` without a value, for the recording of a rule (0 of `customVjp`, 1 of
/// `customJvp`) or of a plan (2).
#[wasm_bindgen]
pub fn placeholder(h: f64, purpose: u32) -> f64 {
    let whose = match purpose {
        0 => "customVjp",
        1 => "customJvp",
        _ => "compile",
    };
    append(|tape| Ok(tape.handle(tape.placeholder(node(tape, h, whose, 0)?.aval(), whose))))
}

/// Inside a transformation: a value with a rule. Scratch: `n` arguments, the value, then `m` parts of the rule: 0 the
/// cotangent's placeholder and a cotangent per argument, 1 a tangent's placeholder per argument and the value's tangent.
/// All of it was recorded since `start`. With `eager`, `backward` goes through it.
#[wasm_bindgen]
pub fn custom(rule: u32, n: u32, m: u32, start: f64, eager: u32) -> f64 {
    let (rule, whose) = if rule == 0 { (Rule::Vjp, "customVjp") } else { (Rule::Jvp, "customJvp") };
    append(|tape| {
        let (n, m) = (n as usize, m as usize);
        let all = nodes(tape, whose, 0, n + 1 + m)?;
        Ok(tape.handle(tape.custom(rule, &all[..n], all[n], &all[n + 1..], start as u64, eager != 0)?))
    })
}

/// The time of the tape, for [`checkpoint`].
#[wasm_bindgen]
pub fn clock() -> f64 {
    TAPE.with(|tape| tape.clock() as f64)
}

/// Inside a transformation: a tensor whose program since `start` is run again by reverse mode.
#[wasm_bindgen]
pub fn checkpoint(h: f64, start: f64, eager: u32) -> f64 {
    append(|tape| Ok(tape.handle(tape.checkpoint(node(tape, h, "checkpoint", 0)?, start as u64, eager != 0)?)))
}

/// Inside a transformation: gives tensors the values of others, in their own memory where that can be. Scratch: `n`
/// tensors, then as many that were recorded for them. 1, or 0 when refused.
#[wasm_bindgen]
pub fn update(n: u32) -> u32 {
    run(|tape| {
        let n = n as usize;
        tape.update(&nodes(tape, "step", 0, n)?, &nodes(tape, "step", n, n)?)?;
        Ok(1)
    })
}

/// Inside a transformation that is there for it: makes a plan of what was recorded. Scratch: `n` placeholders, `m` results.
/// Its number, 0 when refused.
#[wasm_bindgen]
pub fn compile(n: u32, m: u32) -> u32 {
    run(|tape| {
        let (n, m) = (n as usize, m as usize);
        let plan = tape.compile(&nodes(tape, "compile", 0, n)?, &nodes(tape, "compile", n, m)?)?;
        Ok(PLANS.with_borrow_mut(|plans| {
            let number = plans.iter().position(Option::is_none).unwrap_or_else(|| {
                plans.push(None);
                plans.len() - 1
            });
            plans[number] = Some(plan);
            number as u32 + 1
        }))
    })
}

/// Where the plan with a number from 1 is.
fn slot(plan: u32) -> usize {
    (plan as usize).wrapping_sub(1)
}

/// Runs a plan. Scratch: its arguments, with a minus where the plan may use up the tensor; then the results' handles. 1; 0
/// when refused, and what it may use up is gone then too, 2 when the arguments have other shapes or dtypes, 3 when `backward` is to go through one.
#[wasm_bindgen]
pub fn replay(plan: u32, n: u32) -> u32 {
    run(|tape| {
        let handles = scratch_values(0, n as usize);
        let mut arguments = Vars::new();
        for (k, h) in handles.iter().enumerate() {
            arguments.push(node(tape, h.abs(), "compile", k)?);
        }
        if !tape.is_no_grad() && arguments.iter().any(|x| x.requires_grad()) {
            return Ok(3);
        }
        PLANS
            .with_borrow_mut(|plans| {
                let Some(plan) = plans.get_mut(slot(plan)).and_then(Option::as_mut) else {
                    return Err(Error::new(Code::Disposed, "compile", "the compiled function was disposed"));
                };
                if !plan.arguments().iter().copied().eq(arguments.iter().map(Var::aval)) {
                    return Ok(2);
                }
                let given = arguments.iter().zip(&handles).map(|(&x, &h)| {
                    let value = tape.read(x);
                    if h < 0.0 { value.inspect(|_| tape.give_up(h.abs())) } else { value }
                });
                tape.room()?;
                let results = plan.run(tape, given)?;
                write_scratch(results.map(|y| tape.handle(tape.leaf(y))));
                Ok(1)
            })
            // A tensor that was given away is gone, also where its value was never read.
            .inspect_err(|_| handles.iter().filter(|&&h| h < 0.0).for_each(|h| tape.give_up(h.abs())))
    })
}

/// Tells a plan as JSON, see [`crate::plan::Plan::to_json`]; "" when there is none of this number.
#[wasm_bindgen]
pub fn plan(plan: u32) {
    let json = PLANS.with_borrow(|plans| plans.get(slot(plan)).and_then(Option::as_ref).map(Plan::to_json));
    tell(json.unwrap_or_default());
}

/// Frees a plan.
#[wasm_bindgen]
pub fn forget(plan: u32) {
    let plan = PLANS.with_borrow_mut(|plans| plans.get_mut(slot(plan)).and_then(Option::take));
    TAPE.with(|tape| plan.into_iter().for_each(|plan| plan.forget(tape)));
}

/// Adds gradients of y to the leaves' accumulated ones; `g` 0 for ones; flags: 1 keeps the graph, 2 records the gradients.
#[wasm_bindgen]
pub fn backward(y: f64, g: f64, flags: u32) -> u32 {
    append(|tape| {
        let y = node(tape, y, "backward", 0)?;
        let g = if g == 0.0 { None } else { Some(node(tape, g, "backward", 1)?) };
        tape.backward(y, g, flags & 1 != 0, flags & 2 != 0)?;
        Ok(1)
    })
}

/// A new handle to the accumulated gradient; 0 when there is none (then [`error`] is empty).
#[wasm_bindgen]
pub fn get_grad(h: f64) -> f64 {
    run(|tape| {
        let x = node(tape, h, "grad", 0)?;
        Ok(tape.grad(x).map_or(0.0, |g| tape.handle(g)))
    })
}

/// Sets a property: 0 requires a gradient (0 or 1), 1 forget the gradient, 2 retain the gradient, 3 assign the value of a
/// handle, 4 a name of `value` UTF-16 units in the scratch area, 5 whether `backward` calls the hooks of the node, 6 as 4
/// where there is no name yet.
#[wasm_bindgen]
pub fn set(h: f64, what: u32, value: f64) -> u32 {
    run(|tape| {
        let x = node(tape, h, "set", 0)?;
        match what {
            0 => tape.set_requires_grad(x, value != 0.0)?,
            1 => tape.zero_grad(x),
            2 => tape.retain_grad(x)?,
            5 => tape.set_hooked(x, value != 0.0)?,
            6 if x.has_name() => (),
            4 | 6 => {
                let units: Vec<u16> = scratch_values(0, value as usize).iter().map(|&c| c as u16).collect();
                tape.set_name(x, &String::from_utf16_lossy(&units));
            }
            _ => tape.assign(x, node(tape, value, "assign", 1)?)?,
        }
        Ok(1)
    })
}

#[wasm_bindgen]
extern "C" {
    /// The host's side of hooks, of threads, and of loops that are generated.
    pub type Host;
    /// The handle of the gradient that goes on from a node with this handle; 0 when the hook threw. Takes both handles.
    #[wasm_bindgen(method)]
    fn hook(this: &Host, node: f64, gradient: f64) -> f64;
    /// Calls [`part`] for every number below this, on all threads; returns when all have been done.
    #[wasm_bindgen(method)]
    fn divide(this: &Host, parts: u32);
    /// Compiles the module in these bytes of the memory; the place of its function in the table of functions, 0 where that
    /// cannot be.
    #[wasm_bindgen(method)]
    fn add(this: &Host, functions: &JsValue, address: usize, length: usize) -> u32;
    /// Frees that place.
    #[wasm_bindgen(method)]
    fn remove(this: &Host, functions: &JsValue, place: u32);
}

/// The functions of this core, where the host adds some. The table is asked for while there is no other core: what is around it
/// knows the last one only.
struct Functions {
    host: Rc<Host>,
    table: JsValue,
}

// SAFETY: the host gives the place where it has put the one function of the module.
unsafe impl generate::Host for Functions {
    fn add(&self, module: &[u8]) -> Option<NonZero<u32>> {
        NonZero::new(self.host.add(&self.table, module.as_ptr() as usize, module.len()))
    }

    fn remove(&self, place: NonZero<u32>) {
        self.host.remove(&self.table, place.get());
    }
}

/// Says who runs hooks, compiles loops, and runs parts of kernels if there are several threads, the calling one included.
#[wasm_bindgen]
pub fn connect(host: Host, threads: u32) {
    let host = Rc::new(host);
    generate::connect(Rc::new(Functions { host: host.clone(), table: wasm_bindgen::function_table() }));
    let workers = host.clone();
    split::connect(threads as usize, Rc::new(move |parts| workers.divide(parts as u32)));
    TAPE.with(|tape| {
        tape.set_hook(Rc::new(move |tape, handle, g| {
            let made = host.hook(handle, tape.handle(g));
            tape.lookup(made).ok_or_else(|| Error::new(Code::Gradient, "backward", "a hook threw"))
        }));
    });
}

/// Does a part of the work of a kernel on the thread with this number; called by threads while the first one waits.
#[wasm_bindgen]
pub fn part(number: u32, thread: u32) {
    split::part(number as usize, thread as usize);
}

/// Lets what the host gave for imports from `relaxed` compute matrix products.
#[wasm_bindgen]
pub fn relax() {
    gemm::relax();
}

/// Begins (1) or ends (0) to look for the first NaN or infinity; the handle of the result at fault, 0 when there is none.
#[wasm_bindgen]
pub fn watch(on: u32) -> f64 {
    TAPE.with(|tape| tape.set_watch(on != 0).map_or(0.0, |id| tape.number(id)))
}

/// Whether two handles are of one node.
#[wasm_bindgen]
pub fn same(a: f64, b: f64) -> u32 {
    TAPE.with(|tape| u32::from(tape.lookup(a).is_some_and(|a| tape.lookup(b) == Some(a))))
}

/// Sets whether operations are recorded for `backward`; gives the former setting.
#[wasm_bindgen]
pub fn record(on: u32) -> u32 {
    TAPE.with(|tape| u32::from(!tape.set_no_grad(on == 0)))
}

/// Writes `[handles, live bytes, peak bytes, pooled bytes]` to the scratch area.
#[wasm_bindgen]
pub fn usage() {
    let memory = buffer::memory();
    let handles = TAPE.with(Tape::handles);
    write_scratch([handles, memory.live, memory.peak, memory.pooled + memory.aside].map(|n| n as f64));
}

/// Starts the measurement of the peak again.
#[wasm_bindgen]
pub fn reset_peak() {
    buffer::reset_peak();
}

/// Tells the nodes and edges that made a tensor, as JSON; "" when refused.
#[wasm_bindgen]
pub fn graph(h: f64) {
    tell(run(|tape| graph::to_json(tape, node(tape, h, "graph", 0)?)));
}

/// Tells the last refusal as JSON `{code, op, message, shapes, dtypes}`, and forgets it; "" when there was none.
#[wasm_bindgen]
pub fn error() {
    tell(ERROR.take().map_or_else(String::new, |e| e.to_json()));
}
