//! How users call operations: names, documentation, arguments and options as data, and what a call builds.
//!
//! An operation is called by its code: first the functions of the table, then its tests, then the entries of [`Spec`] of
//! the structural operations and of the composed ones. Options arrive as numbers and are checked here, so that every host
//! gets the same sentences.

use std::sync::OnceLock;

use crate::compose;
use crate::dtype::DType;
use crate::elementwise::{Func, Test};
use crate::error::{Code, Error, Result, count};
pub use crate::native::{Native, native};
use crate::op;
use crate::ops::compare::Compare;
use crate::ops::map::Map;
use crate::shape::{AxisSet, Shape, axis};
use crate::tape::Tape;
use crate::var::Var;

/// One operation that users can call and that is no entry of the elementwise table.
#[derive(Debug)]
pub struct Spec {
    /// Public name, in camelCase; `random.` before it where it is found in that namespace.
    pub name: &'static str,
    /// Documentation: equation and shapes first.
    pub doc: Native<&'static str>,
    /// What else the documentation says, [`notes`].
    pub notes: Native<Notes>,
    /// Names of the tensors it takes; `name:dtype` when other values are converted to that dtype, `name?` when it may be
    /// left out (only at the end), `name?=1` when the number stands for it where it is left out, `name=0` when besides it
    /// is an option, `..name` for any number of tensors.
    pub inputs: &'static [&'static str],
    /// Attributes in the order in which they arrive.
    pub attrs: &'static [Attr],
    /// The dtypes of its tensors: `"float"`, `"number"` or `"any"`.
    pub dtypes: &'static str,
    /// Records the operation.
    pub build: for<'t> fn(&mut Call<'_, 't>) -> Result<Var<'t>>,
    /// Calls that tests loop over. An operation without a sample does not build.
    pub samples: Native<&'static [Sample]>,
}

/// What the generated documentation says of an operation besides its doc line.
#[derive(Clone, Copy, Debug)]
pub struct Notes {
    /// What each input gets from `g`, the cotangent of the result `y`.
    pub derivative: &'static str,
    /// The time it takes, for `n` elements where no other letters are explained.
    pub cost: &'static str,
}

/// The derivative and the cost of an operation in words.
pub const fn notes(derivative: &'static str, cost: &'static str) -> Native<Notes> {
    native(Notes { derivative, cost })
}

/// An attribute: a parameter of the function when it has no default, an option otherwise.
#[derive(Debug)]
pub struct Attr {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// The default as JSON; `None` for a parameter.
    pub default: Option<Native<&'static str>>,
}

/// A parameter.
pub const fn param(name: &'static str, kind: Kind) -> Attr {
    Attr { name, kind, default: None }
}

/// An option with its default.
pub const fn option(name: &'static str, kind: Kind, default: &'static str) -> Attr {
    Attr { name, kind, default: Some(native(default)) }
}

/// The options of a reduction, read by [`Call::reduction`].
pub const REDUCTION: &[Attr] = &[option("axis", Kind::Axes, "null"), option("keepDims", Kind::Bool, "false")];

/// The types of attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// True or false.
    Bool,
    /// One axis.
    Axis,
    /// Axes, or all of them.
    Axes,
    /// A shape; one size may be -1 in reshape.
    Shape,
    /// A dtype.
    DType,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// Pairs of whole numbers.
    Pairs,
    /// A whole number, or one for each dimension.
    Ints,
    /// How many axes of two tensors are summed over, or two lists of them.
    Contraction,
    /// As `Ints`, or one of the words "same" and "valid".
    Padding,
    /// For each axis start, stop and step, any of which may be left out.
    Slices,
    /// Text.
    Text,
}

/// One call for tests.
#[derive(Debug)]
pub struct Sample {
    /// The tensors.
    pub x: &'static [Operand],
    /// The attributes as they arrive.
    pub attrs: &'static [f64],
}

/// What a test passes as a tensor.
#[derive(Clone, Copy, Debug)]
pub enum Operand {
    /// Numbers between two bounds.
    Real(&'static [usize], f64, f64),
    /// Indices below a bound.
    Index(&'static [usize], u32),
    /// Truth values.
    Truth(&'static [usize]),
    /// A random key.
    Key,
    /// Matrices whose diagonal is the larger: numbers between -1 and 1, and the number of columns added along it.
    Dominant(&'static [usize]),
}

/// The number of a list that is left out.
pub const NONE: f64 = -1.0;

/// The largest of sizes that only distances are made of: more than there are addresses for.
const MOST: f64 = 2_147_483_647.0;

/// The padding that keeps the size.
pub const SAME: f64 = -2.0;

/// A call that is being recorded: its tensors and what is left of its attributes.
pub struct Call<'a, 't> {
    /// The tape.
    pub tape: &'t Tape,
    /// Name of the operation.
    pub op: &'static str,
    /// The tensors.
    pub x: &'a [Var<'t>],
    attrs: &'a [f64],
}

impl<'t> Call<'_, 't> {
    /// A refusal of this call.
    pub fn refuse<T>(&self, code: Code, sentence: impl Into<String>) -> Result<T> {
        Err(self.refusal(code, sentence.into()))
    }

    #[cold]
    #[inline(never)]
    fn refusal(&self, code: Code, sentence: String) -> Error {
        let shapes: Vec<Shape> = self.x.iter().map(|x| x.shape()).collect();
        let error = Error::new(code, self.op, sentence).with_dtypes(self.x.iter().map(|x| x.dtype().name()));
        error.with_shapes(shapes.iter().map(|s| &s[..]))
    }

    /// Refuses int32 and bool.
    #[inline(never)]
    pub fn need_float(&self) -> Result<()> {
        self.x.iter().try_for_each(|x| op::need_float(self.op, x.dtype()))
    }

    #[inline(never)]
    fn next(&mut self, what: &str) -> Result<f64> {
        let Some((&first, rest)) = self.attrs.split_first() else {
            return self.refuse(Code::Argument, format!("{what} is missing"));
        };
        self.attrs = rest;
        Ok(first)
    }

    /// The next attribute, a number.
    pub fn float(&mut self) -> Result<f64> {
        self.next("a number")
    }

    /// The next attribute, a whole number.
    #[inline(never)]
    pub fn int(&mut self, what: &str) -> Result<i64> {
        let x = self.next(what)?;
        if x.fract() != 0.0 || x.abs() > 9e15 || x.is_nan() {
            let size = if x.fract() == 0.0 { " of at most 9e15 in size" } else { "" };
            return self.refuse(Code::Argument, format!("{what} must be a whole number{size}, got {x}"));
        }
        Ok(x as i64)
    }

    /// The next attribute, a size: a whole number that is not negative.
    #[inline(never)]
    pub fn size(&mut self, what: &str) -> Result<usize> {
        let n = self.int(what)?;
        if n < 0 {
            return self.refuse(Code::Argument, format!("{what} must not be negative, got {n}"));
        }
        usize::try_from(n)
            .or_else(|_| self.refuse(Code::Memory, format!("{n} elements are more than the address space holds")))
    }

    /// The next attribute, true or false.
    pub fn bool(&mut self) -> Result<bool> {
        Ok(self.next("true or false")? != 0.0)
    }

    /// The next attribute, an axis of `ndim` dimensions.
    #[inline(never)]
    pub fn axis(&mut self, ndim: usize) -> Result<usize> {
        let a = self.next("an axis")?;
        axis(self.op, a, ndim)
    }

    /// The next attribute, a list; `None` when it is left out.
    #[inline(never)]
    fn list(&mut self, width: usize) -> Result<Option<Vec<f64>>> {
        let n = self.int("the length of a list")?;
        let Ok(n) = usize::try_from(n) else { return Ok(None) };
        (0..n.saturating_mul(width)).map(|_| self.next("a number of a list")).collect::<Result<Vec<f64>>>().map(Some)
    }

    /// The next attribute, axes of `ndim` dimensions, each at most once; all of them when left out.
    #[inline(never)]
    pub fn axes(&mut self, ndim: usize) -> Result<AxisSet> {
        let Some(list) = self.list(1)? else { return Ok(AxisSet::all(ndim)) };
        let mut set = AxisSet::default();
        for a in list {
            let a = axis(self.op, a, ndim)?;
            if !set.insert(a) {
                return self.refuse(Code::Axis, format!("each axis may be given once, got {a} twice"));
            }
        }
        Ok(set)
    }

    /// The next two attributes, the axes that a reduction of the first tensor goes over and whether they stay.
    pub fn reduction(&mut self) -> Result<(AxisSet, bool)> {
        Ok((self.axes(self.x[0].shape().ndim())?, self.bool()?))
    }

    /// The next attribute, axes in their order.
    #[inline(never)]
    pub fn axis_list(&mut self, ndim: usize) -> Result<Option<Vec<usize>>> {
        let Some(list) = self.list(1)? else { return Ok(None) };
        list.into_iter().map(|a| axis(self.op, a, ndim)).collect::<Result<Vec<usize>>>().map(Some)
    }

    /// The next attribute, one axis or none.
    pub fn optional_axis(&mut self, ndim: usize) -> Result<Option<usize>> {
        match self.axis_list(ndim)?.as_deref() {
            None => Ok(None),
            Some(&[axis]) => Ok(Some(axis)),
            Some(axes) => self.refuse(Code::Axis, format!("there must be one axis, got {}", axes.len())),
        }
    }

    /// The next attribute, a shape.
    #[inline(never)]
    pub fn shape(&mut self) -> Result<Shape> {
        let dims = self.signed_shape()?;
        self.shape_of(&dims)
    }

    /// A shape of these sizes.
    pub fn shape_of(&self, dims: &[i64]) -> Result<Shape> {
        let size = |&d: &i64| {
            if d < 0 {
                return self.refuse(Code::Shape, format!("sizes must not be negative, got {d}"));
            }
            let beyond = |_| self.refusal(Code::Memory, format!("{d} elements are more than the address space holds"));
            usize::try_from(d).map_err(beyond)
        };
        Shape::new(self.op, &dims.iter().map(size).collect::<Result<Vec<usize>>>()?)
    }

    /// The next attribute, a shape in which -1 may stand.
    pub fn signed_shape(&mut self) -> Result<Vec<i64>> {
        let list = self.list(1)?.unwrap_or_default();
        let whole = |&d: &f64| d.fract() == 0.0 && d.abs() < 9e15;
        if let Some(d) = list.iter().find(|d| !whole(d)) {
            return self.refuse(Code::Shape, format!("a shape must be whole numbers, got {d}"));
        }
        Ok(list.into_iter().map(|d| d as i64).collect())
    }

    /// The next attribute, a dtype.
    pub fn dtype(&mut self) -> Result<DType> {
        let code = self.int("a dtype")?;
        match u32::try_from(code).ok().and_then(DType::from_code) {
            Some(dtype) => Ok(dtype),
            None => {
                self.refuse(Code::DType, format!("the dtype must be float32, float64, int32 or bool, got code {code}"))
            }
        }
    }

    /// The next attribute, one of `n` words.
    pub fn choice(&mut self, n: usize) -> Result<usize> {
        let k = self.size("a choice")?;
        if k < n { Ok(k) } else { self.refuse(Code::Argument, format!("a choice must be below {n}, got {k}")) }
    }

    /// The next attribute, pairs of sizes.
    pub fn pairs(&mut self) -> Result<Vec<[usize; 2]>> {
        let list = self.list(2)?.unwrap_or_default();
        let ok = |&x: &f64| x.fract() == 0.0 && (0.0..9e15).contains(&x);
        if let Some(x) = list.iter().find(|x| !ok(x)) {
            return self
                .refuse(Code::Argument, format!("margins must be whole numbers that are not negative, got {x}"));
        }
        Ok(list.chunks_exact(2).map(|p| [p[0] as usize, p[1] as usize]).collect())
    }

    /// The next attribute, whole numbers of at least `least`: one for each of `n` dimensions, or one for all of them;
    /// `None` when left out.
    #[inline(never)]
    pub fn sizes(&mut self, what: &str, n: usize, least: usize) -> Result<Option<Vec<usize>>> {
        let Some(list) = self.list(1)? else { return Ok(None) };
        if let Some(x) = list.iter().find(|&&x| x.fract() != 0.0 || !(least as f64..=MOST).contains(&x)) {
            let above = if *x > MOST { format!(" and at most {MOST}") } else { String::new() };
            return self
                .refuse(Code::Argument, format!("{what} must be whole numbers of at least {least}{above}, got {x}"));
        }
        match list.len() {
            1 => Ok(Some(vec![list[0] as usize; n])),
            len if len == n => Ok(Some(list.iter().map(|&x| x as usize).collect())),
            len => self.refuse(Code::Argument, format!("{what} must be one number or {n}, got {len}")),
        }
    }

    /// The next attribute, whole numbers.
    pub fn ints(&mut self) -> Result<Vec<i64>> {
        let list = self.list(1)?.unwrap_or_default();
        match list.iter().find(|x| x.fract() != 0.0 || x.abs() > 9e15) {
            Some(x) => self.refuse(Code::Argument, format!("whole numbers are needed, got {x}")),
            None => Ok(list.into_iter().map(|x| x as i64).collect()),
        }
    }

    /// The next attribute, the elements added on both sides of each of `n` dimensions; `None` for as many as keep the
    /// size.
    pub fn padding(&mut self, n: usize) -> Result<Option<Vec<usize>>> {
        if self.attrs.first() == Some(&SAME) {
            self.attrs = &self.attrs[1..];
            return Ok(None);
        }
        Ok(Some(self.sizes("padding", n, 0)?.unwrap_or_else(|| vec![0; n])))
    }

    /// The next attribute, the axes of two tensors of `m` and `n` dimensions that are summed over in pairs: a negative
    /// number -1 - k for the last k of the first and the first k of the second, or their number and then all of them.
    pub fn contraction(&mut self, m: usize, n: usize) -> Result<(Vec<usize>, Vec<usize>)> {
        let count = self.int("the number of axes")?;
        if count < 0 {
            let k = count.unsigned_abs() - 1;
            if k > m.min(n) as u64 {
                return self.refuse(Code::Argument, format!("there are {m} and {n} axes to sum over, got {k}"));
            }
            let k = k as usize;
            return Ok(((m - k..m).collect(), (0..k).collect()));
        }
        let mut list = |ndim: usize| (0..count).map(|_| self.axis(ndim)).collect::<Result<Vec<usize>>>();
        Ok((list(m)?, list(n)?))
    }

    /// The next attribute, a number or nothing.
    pub fn optional_float(&mut self) -> Result<Option<f64>> {
        Ok(Some(self.float()?).filter(|&x| x != f64::INFINITY))
    }

    /// The next attribute, `[start, stop, step]` for each axis.
    pub fn slices(&mut self) -> Result<Vec<[Option<i64>; 3]>> {
        let list = self.list(3)?.unwrap_or_default();
        let mut out = Vec::with_capacity(list.len() / 3);
        for item in list.chunks_exact(3) {
            let mut slice = [None; 3];
            for (slot, &x) in slice.iter_mut().zip(item) {
                if x == f64::INFINITY {
                    continue;
                }
                if x.fract() != 0.0 || x.abs() > 9e15 || x.is_nan() {
                    return self.refuse(Code::Argument, format!("start, stop and step must be whole numbers, got {x}"));
                }
                *slot = Some(x as i64);
            }
            out.push(slice);
        }
        Ok(out)
    }

    /// The next attribute, text.
    pub fn text(&mut self) -> Result<String> {
        let list = self.list(1)?.unwrap_or_default();
        Ok(list.into_iter().map(|c| char::from_u32(c as u32).unwrap_or('\u{fffd}')).collect())
    }
}

/// All entries of structural and composed operations, in the order of their codes.
pub fn specs() -> &'static [&'static Spec] {
    static ALL: OnceLock<Vec<&'static Spec>> = OnceLock::new();
    ALL.get_or_init(|| op::SPECS.iter().chain(compose::SPECS).flat_map(|group| group.iter()).collect())
}

/// Codes below this one are of the tables of elementwise functions and tests.
pub const TABLE: usize = Func::ALL.len() + Test::ALL.len();

/// Records the operation with this code. Errors: those of the operation, in its name.
pub fn call<'t>(tape: &'t Tape, code: usize, x: &[Var<'t>], attrs: &[f64]) -> Result<Var<'t>> {
    if let Some(&func) = Func::ALL.get(code) {
        return tape.perform(Map { func }, x);
    }
    let place = code - Func::ALL.len();
    if let Some(&test) = Test::ALL.get(place) {
        return tape.perform(Compare { test }, x);
    }
    let Some(spec) = specs().get(code - TABLE) else {
        return Err(Error::new(Code::Argument, "call", format!("there is no operation with code {code}")));
    };
    let mut call = Call { tape, op: spec.name, x, attrs };
    let fixed = spec.inputs.iter().filter(|name| !name.starts_with("..")).count();
    let needed = fixed - spec.inputs.iter().filter(|name| name.ends_with('?')).count();
    let many = spec.inputs.len() > fixed;
    if x.len() < needed + usize::from(many) || (x.len() > fixed && !many) {
        let wanted = match fixed {
            _ if many => "one or more tensors".to_string(),
            most if most > needed => format!("{needed} to {}", count(most, "tensor")),
            _ => count(needed, "tensor"),
        };
        return call.refuse(Code::Argument, format!("needs {wanted}, got {}", x.len()));
    }
    let y = (spec.build)(&mut call).map_err(|e| e.in_op(spec.name))?;
    tape.take_failure().map_err(|e| e.in_op(spec.name))?;
    // A result is a node of its own, also where there was nothing to do: what is done to it is not done to the operand.
    Ok(if x.contains(&y) { y.view() } else { y })
}

/// Whether plain numbers for input `k` take their dtype from the tensors beside them, and those from it.
pub fn adopts(code: usize, k: usize) -> bool {
    let spec = code.checked_sub(TABLE).and_then(|code| specs().get(code));
    spec.and_then(|spec| spec.inputs.get(k)).is_none_or(|name| !name.contains(':'))
}

/// Name of the operation with this code, for errors.
pub fn name(code: usize) -> &'static str {
    let tests = Func::ALL.len();
    match code {
        code if code < tests => Func::ALL[code].entry().name,
        code if code < TABLE => Test::ALL[code - tests].entry().0,
        code => specs().get(code - TABLE).map_or("call", |spec| spec.name),
    }
}
