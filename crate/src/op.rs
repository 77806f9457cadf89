//! What an operation is: the trait of primitives and the one list of them.

use smallvec::SmallVec;

use crate::array::Array;
use crate::batch::{self, Batched};
use crate::blocks::{self, Elementwise};
use crate::call::Spec;
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::few::few;
use crate::kernels::reduce::RunFold;
use crate::kernels::split;
use crate::ops::alias::Alias;
use crate::ops::argreduce::ArgReduce;
use crate::ops::cast::Cast;
use crate::ops::cholesky::Cholesky;
use crate::ops::compare::Compare;
use crate::ops::concat::Concat;
use crate::ops::convolve::Convolve;
use crate::ops::cumsum::Cumsum;
use crate::ops::custom::Custom;
use crate::ops::determinant::Determinant;
use crate::ops::eigh::Eigh;
use crate::ops::expand::Expand;
use crate::ops::expm::{Expm, ExpmAlong};
use crate::ops::extremum::Extremum;
use crate::ops::gather::Gather;
use crate::ops::iota::Iota;
use crate::ops::lu::{Lu, Solve};
use crate::ops::map::{Map, MapPartial};
use crate::ops::matmul::MatMul;
use crate::ops::pad::Pad;
use crate::ops::permute::Permute;
use crate::ops::pinv::Pinv;
use crate::ops::qr::Qr;
use crate::ops::random::Random;
use crate::ops::ravel::Ravel;
use crate::ops::reshape::Reshape;
use crate::ops::scatter::ScatterAdd;
use crate::ops::select::Select;
use crate::ops::slice::Slice;
use crate::ops::sort::{Argsort, SearchSorted};
use crate::ops::sum::Sum;
use crate::ops::svd::Svd;
use crate::ops::triangular::TriangularSolve;
use crate::ops::windows::{Fold, Windows};
use crate::shape::Shape;
use crate::tape::bit;
use crate::var::Var;

/// The abstract value of a node: what is known of a tensor before it is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aval {
    /// Its shape.
    pub shape: Shape,
    /// Its dtype.
    pub dtype: DType,
}

impl Aval {
    /// A shape and a dtype.
    pub fn new(shape: Shape, dtype: DType) -> Aval {
        Aval { shape, dtype }
    }
}

// They are moved all the time, and engines move more than this by a call.
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Op>() <= 64 && size_of::<Array>() <= 64);

/// The values of an operation's inputs. Those that nobody else needs may be overwritten by its result.
pub type Arrays = SmallVec<[Array; 3]>;

/// `compute(x, y, epilogue)` writes a value to `y`, a new array. Ranges of its row-major elements that together are all are given to the
/// epilogue, with the number of the thread that has computed them, when they are there; it may write over them. Errors: as
/// [`Primitive::eval`].
pub type InParts = fn(&[Array], &Array, &split::Run<'_>) -> Result<()>;

/// What every primitive says about itself. Rules are written in the vocabulary of [`Var`], hence differentiable.
pub trait Primitive: Clone + PartialEq + Into<Op> {
    /// How users call it; a primitive may serve several calls, or none.
    const SPECS: &'static [Spec] = &[];

    /// The name in errors and pictures.
    fn name(&self) -> &'static str;

    /// Shape and dtype of the result; every refusal of shapes, dtypes and attributes is here.
    fn infer(&self, x: &[Aval]) -> Result<Aval>;

    /// The loop that computes an operation which works on each element by itself, for operands of a dtype (that of the
    /// last). Such operations need no `eval`, and a plan may fuse them with their neighbours.
    fn elementwise(&self, dtype: DType) -> Option<Elementwise> {
        let _ = dtype;
        None
    }

    /// The reduction of each run of neighbours along the last axis, when that is what the operation does, and the axis
    /// stays with size 1.
    fn run_fold(&self, x: Aval) -> Option<RunFold> {
        let _ = x;
        None
    }

    /// The value. After `infer` only memory can fail, and values that index. It may use the inputs up.
    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        if self.is_identity() {
            return Ok(x[0].clone());
        }
        let found = x.last().and_then(|last| self.elementwise(last.dtype));
        let undefined = || Error::new(Code::DType, self.name(), "has no values of this dtype");
        blocks::map(&found.ok_or_else(undefined)?, x, out)
    }

    /// How the value is computed part by part, where it is: so a plan can let the operations that follow be the epilogue, which works
    /// on each part while it is in the cache.
    fn in_parts(&self) -> Option<InParts> {
        None
    }

    /// Whether the value is that of the only input it is computed from, as it is.
    fn is_identity(&self) -> bool {
        false
    }

    /// Whether the value is that of the input, repeated along dimensions as broadcasting does.
    fn repeats(&self) -> bool {
        false
    }

    /// The operation that, on the input of `inner`, gives what this one gives on the result of `inner`, where it is one of
    /// the same kind.
    fn after(&self, inner: &Op) -> Option<Op> {
        let _ = inner;
        None
    }

    /// Whether passes run the program of its value again rather than keep what it computed.
    fn runs_again(&self) -> bool {
        false
    }

    /// About how many arithmetic operations the value takes.
    fn flops(&self, x: &[Aval], out: Aval) -> f64 {
        let _ = x;
        out.shape.size() as f64
    }

    /// Whether the value depends on that of input `i`; `eval` is given only the inputs of which this holds.
    fn reads(&self, i: usize) -> bool {
        let _ = i;
        true
    }

    /// Whether a derivative can flow through input `i` (if it is a float and so is the result).
    fn active(&self, i: usize) -> bool {
        let _ = i;
        true
    }

    /// The pullback: the cotangent of input `i` from the cotangent `g` of the result. May have any shape that
    /// broadcasting made of the input's; the pass undoes that. `None` where the derivative is zero.
    fn vjp<'t>(&self, i: usize, x: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> Option<Var<'t>>;

    /// The pullbacks by the inputs in `wanted` (bits), where one program makes them all; else those of [`Primitive::vjp`].
    fn pullback<'t>(&self, wanted: u32, x: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> SmallVec<[Option<Var<'t>>; 3]> {
        let each = |i: usize| (wanted & bit(i) != 0).then(|| self.vjp(i, x, y, g)).flatten();
        few((0..x.len()).map(each))
    }

    /// The pushforward: the tangent of the result from those of the inputs (`None` is zero). The default is right for
    /// every operation that is linear in each input: the sum over `i` of the operation with the tangent in place `i`.
    fn jvp<'t>(&self, x: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        let terms = t.iter().enumerate().filter_map(|(i, t)| t.map(|t| (i, t)));
        let term = |(i, t): (usize, Var<'t>)| {
            let mut inputs: SmallVec<[Var<'t>; 3]> = x.into();
            inputs[i] = t;
            y.tape().apply(self.clone(), &inputs)
        };
        terms.map(term).reduce(|a, b| a + b)
    }

    /// The operation on many examples: the inputs that are mapped, at least one, have `size` examples along a dimension in
    /// front, and so has the result. The default is right for operations that work on each element by itself.
    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        let _ = size;
        batch::elementwise(self, x)
    }

    /// The same operation with one more input, to which its result is added, if it can do that in one go.
    fn accumulating(&self) -> Option<Op> {
        None
    }

    /// Whether [`Primitive::eval`] can write over an input that has the shape, the dtype and the order of the result, and
    /// then cannot fail.
    fn in_place(&self) -> bool {
        false
    }

    /// What the rules need when the inputs in `active` (bits) are differentiated. `None`: the tape finds out by reading
    /// the rules, once for each primitive: which inputs they read must not depend on attributes, shapes or dtypes.
    fn keeps(&self, active: u32) -> Option<Keeps> {
        let _ = active;
        None
    }

    /// The name of input `i` in [`Primitive::formula`].
    fn parameter(&self, i: usize) -> Option<&'static str> {
        let _ = i;
        None
    }

    /// The derivative by each input as text, for pictures.
    fn formula(&self, i: usize) -> Option<&'static str> {
        let _ = i;
        None
    }
}

/// Which values a node's rule needs: bits of the inputs, and the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keeps {
    /// Bit `i`: the value of input `i`.
    pub inputs: u32,
    /// The value of the node itself.
    pub output: bool,
}

impl Keeps {
    /// What is in this and not in `other`.
    pub fn without(self, other: Keeps) -> Keeps {
        Keeps { inputs: self.inputs & !other.inputs, output: self.output && !other.output }
    }
}

impl std::ops::BitOr for Keeps {
    type Output = Keeps;
    fn bitor(self, other: Keeps) -> Keeps {
        Keeps { inputs: self.inputs | other.inputs, output: self.output || other.output }
    }
}

/// A call of a function of its own with this body.
macro_rules! apart {
    ($(<$t:lifetime>)? ($($x:ident: $X:ty),+) -> $Y:ty $body:block) => {{
        #[inline(never)]
        fn apart$(<$t>)?($($x: $X),+) -> $Y $body
        apart($($x),+)
    }};
}

macro_rules! primitives {
    ($($P:ident),+ $(,)?) => {
        /// A primitive with its attributes: what a node of the tape carries. This is the only list of primitives.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "each variant is documented where it is defined")]
        pub enum Op { $($P($P)),+ }

        /// The calls of all primitives.
        pub static SPECS: &[&[Spec]] = &[$($P::SPECS),+];

        $(impl From<$P> for Op {
            fn from(p: $P) -> Op { Op::$P(p) }
        })+

        /// Each method is that of [`Primitive`]. Those that are long call a function of each primitive's own: engines
        /// compile a function when it is first called, and one with all of them inside would be most of the program.
        #[allow(missing_docs, reason = "documented at the trait")]
        impl Op {
            pub fn name(&self) -> &'static str { match self { $(Op::$P(p) => p.name()),+ } }
            pub fn infer(&self, x: &[Aval]) -> Result<Aval> {
                match self { $(Op::$P(p) => apart!((p: &$P, x: &[Aval]) -> Result<Aval> { p.infer(x) })),+ }
            }
            pub fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
                match self { $(Op::$P(p) => apart!((p: &$P, x: &mut Arrays, out: Aval) -> Result<Array> { p.eval(x, out) })),+ }
            }
            pub fn elementwise(&self, dtype: DType) -> Option<Elementwise> {
                match self { $(Op::$P(p) => apart!((p: &$P, dtype: DType) -> Option<Elementwise> { p.elementwise(dtype) })),+ }
            }
            pub fn run_fold(&self, x: Aval) -> Option<RunFold> { match self { $(Op::$P(p) => p.run_fold(x)),+ } }
            pub fn in_parts(&self) -> Option<InParts> { match self { $(Op::$P(p) => p.in_parts()),+ } }
            pub fn is_identity(&self) -> bool { match self { $(Op::$P(p) => p.is_identity()),+ } }
            pub fn repeats(&self) -> bool { match self { $(Op::$P(p) => p.repeats()),+ } }
            pub fn after(&self, inner: &Op) -> Option<Op> { match self { $(Op::$P(p) => p.after(inner)),+ } }
            pub fn runs_again(&self) -> bool { match self { $(Op::$P(p) => p.runs_again()),+ } }
            pub fn flops(&self, x: &[Aval], out: Aval) -> f64 { match self { $(Op::$P(p) => p.flops(x, out)),+ } }
            pub fn reads(&self, i: usize) -> bool { match self { $(Op::$P(p) => p.reads(i)),+ } }
            pub fn in_place(&self) -> bool { match self { $(Op::$P(p) => p.in_place()),+ } }
            pub fn active(&self, i: usize) -> bool { match self { $(Op::$P(p) => p.active(i)),+ } }
            pub fn accumulating(&self) -> Option<Op> { match self { $(Op::$P(p) => p.accumulating()),+ } }
            pub fn keeps(&self, active: u32) -> Option<Keeps> { match self { $(Op::$P(p) => p.keeps(active)),+ } }
            pub fn parameter(&self, i: usize) -> Option<&'static str> { match self { $(Op::$P(p) => p.parameter(i)),+ } }
            pub fn formula(&self, i: usize) -> Option<&'static str> { match self { $(Op::$P(p) => p.formula(i)),+ } }
            pub fn vjp<'t>(&self, i: usize, x: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
                match self {
                    $(Op::$P(p) => apart!(<'t> (p: &$P, i: usize, x: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
                        p.vjp(i, x, y, g)
                    })),+
                }
            }
            pub fn pullback<'t>(
                &self, wanted: u32, x: &[Var<'t>], y: Var<'t>, g: Var<'t>,
            ) -> SmallVec<[Option<Var<'t>>; 3]> {
                match self {
                    $(Op::$P(p) => apart!(<'t> (
                        p: &$P, wanted: u32, x: &[Var<'t>], y: Var<'t>, g: Var<'t>
                    ) -> SmallVec<[Option<Var<'t>>; 3]> { p.pullback(wanted, x, y, g) })),+
                }
            }
            pub fn jvp<'t>(&self, x: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
                match self {
                    $(Op::$P(p) => apart!(<'t> (
                        p: &$P, x: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]
                    ) -> Option<Var<'t>> { p.jvp(x, y, t) })),+
                }
            }
            pub fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
                match self {
                    $(Op::$P(p) => apart!(<'t> (p: &$P, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
                        p.batch(x, size)
                    })),+
                }
            }
        }
    };
}

impl Op {
    /// Whether input `i` of `n` explains the operation. Where a derivative goes to inputs that the value is not read from,
    /// as that of a rule does, it is those.
    pub fn shown(&self, i: usize, n: usize) -> bool {
        let ruled = (0..n).any(|k| self.active(k) && !self.reads(k));
        if ruled { self.active(i) } else { self.reads(i) }
    }
}

primitives!(
    Map,
    MapPartial,
    Compare,
    Select,
    Cast,
    Alias,
    Sum,
    Extremum,
    ArgReduce,
    Cumsum,
    MatMul,
    Reshape,
    Permute,
    Expand,
    Slice,
    Pad,
    Concat,
    Gather,
    ScatterAdd,
    Iota,
    Random,
    Convolve,
    Windows,
    Fold,
    Ravel,
    Argsort,
    SearchSorted,
    Custom,
    TriangularSolve,
    Cholesky,
    Lu,
    Solve,
    Determinant,
    Qr,
    Eigh,
    Svd,
    Pinv,
    Expm,
    ExpmAlong,
);

/// Refuses operands of different dtypes, with the conversion to write.
#[inline(never)]
pub(crate) fn same_dtype(op: &str, x: &[Aval]) -> Result<DType> {
    let dtype = x.first().map_or(DType::Float32, |a| a.dtype);
    match x.iter().find(|a| a.dtype != dtype) {
        None => Ok(dtype),
        Some(other) => {
            // The wider of the two, in the order of what can hold the other.
            let rank =
                |d: DType| [DType::Bool, DType::Int32, DType::Float32, DType::Float64].iter().position(|&x| x == d);
            let to = if rank(other.dtype) > rank(dtype) { other.dtype } else { dtype };
            let sentence = format!(
                "operands must have the same dtype, got {} and {}; convert one with .to(\"{}\")",
                dtype.name(),
                other.dtype.name(),
                to.name()
            );
            Err(Error::new(Code::DType, op, sentence).with_dtypes(x.iter().map(|a| a.dtype.name())))
        }
    }
}

/// Refuses a dtype that is not among those an operation is defined on; `what` names them.
#[inline(never)]
pub(crate) fn need_dtype(op: &str, dtype: DType, ok: bool, what: &str) -> Result<()> {
    if ok {
        return Ok(());
    }
    let sentence = format!("the dtype must be {what}, got {}; convert with .to(\"float32\")", dtype.name());
    Err(Error::new(Code::DType, op, sentence).with_dtypes([dtype.name()]))
}

/// Refuses what has no arithmetic.
pub(crate) fn need_number(op: &str, dtype: DType) -> Result<()> {
    need_dtype(op, dtype, dtype != DType::Bool, "float32, float64 or int32")
}

/// Refuses anything but float32 and float64.
pub(crate) fn need_float(op: &str, dtype: DType) -> Result<()> {
    need_dtype(op, dtype, dtype.is_float(), "float32 or float64")
}

/// The shape that operands broadcast to.
#[inline(never)]
pub(crate) fn broadcast(op: &str, x: &[Aval]) -> Result<Shape> {
    let Some(mut shape) = x.first().map(|a| a.shape) else { return Ok(Shape::SCALAR) };
    if x[1..].iter().all(|a| a.shape == shape) {
        return Ok(shape);
    }
    for a in &x[1..] {
        shape = shape.broadcast(&a.shape).ok_or_else(|| {
            let shapes: Vec<String> = x.iter().map(|a| a.shape.to_string()).collect();
            let sentence = format!(
                "shapes must be equal or 1 in each dimension, aligned at the end, got {}",
                shapes.join(" and ")
            );
            Error::new(Code::Shape, op, sentence).with_shapes(x.iter().map(|a| &a.shape[..]))
        })?;
    }
    Shape::new(op, &shape)
}
