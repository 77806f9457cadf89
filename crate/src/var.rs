//! `Var`: a node of the tape, and the vocabulary in which rules and composed operations are written.
//!
//! Methods record and never run. They take arguments that fit; a refusal inside a rule is kept by the tape and reported
//! at the end of the call.

use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};

use crate::array::Array;
use crate::dtype::DType;
use crate::elementwise::{Func, Test};
use crate::intrinsics;
use crate::op::{Aval, Op};
use crate::ops::alias::Alias;
use crate::ops::cast::Cast;
use crate::ops::compare::Compare;
use crate::ops::expand::Expand;
use crate::ops::map::Map;
use crate::ops::matmul::MatMul;
use crate::ops::permute::Permute;
use crate::ops::reshape::Reshape;
use crate::ops::select::Select;
use crate::ops::sum::Sum;
use crate::real::Real;
use crate::shape::{AxisSet, Shape};
use crate::tape::{Id, Tape};

/// A node of a tape.
#[derive(Clone, Copy)]
pub struct Var<'t> {
    tape: &'t Tape,
    id: Id,
}

impl<'t> Var<'t> {
    #[inline]
    pub(crate) fn new(tape: &'t Tape, id: Id) -> Var<'t> {
        Var { tape, id }
    }

    /// The tape this node is on.
    #[inline]
    pub fn tape(self) -> &'t Tape {
        self.tape
    }

    /// Its place on the tape.
    #[inline]
    pub fn id(self) -> Id {
        self.id
    }

    /// Shape and dtype.
    #[inline]
    pub fn aval(&self) -> Aval {
        self.tape.nodes.borrow().slots[self.id as usize].aval
    }

    /// The shape.
    #[inline]
    pub fn shape(self) -> Shape {
        self.aval().shape
    }

    /// The dtype.
    #[inline]
    pub fn dtype(self) -> DType {
        self.aval().dtype
    }

    /// The value, if it has been computed and kept.
    pub fn value(self) -> Option<Array> {
        self.tape.nodes.borrow().slots[self.id as usize].value.clone()
    }

    /// The operation that makes this node; `None` for a leaf.
    pub fn op(self) -> Option<Op> {
        self.tape.nodes.borrow().slots[self.id as usize].op.clone()
    }

    /// Whether `backward` can ask for a derivative through this node.
    pub fn requires_grad(self) -> bool {
        self.tape.nodes.borrow().slots[self.id as usize].requires_grad
    }

    /// The value of a scalar constant, if this is one.
    pub(crate) fn constant(self) -> Option<f64> {
        let nodes = self.tape.nodes.borrow();
        let node = &nodes.slots[self.id as usize];
        node.constant.then(|| node.value.as_ref().map(Array::item)).flatten()
    }

    /// Whether this is a leaf whose value is zero, however it is repeated. It may be a variable.
    pub(crate) fn is_zero(self) -> bool {
        let source = self.repeated();
        source.op().is_none() && source.value().is_some_and(|value| value.is_zero())
    }

    /// Whether this is the constant zero, however it is repeated: whatever there is to differentiate by, it is zero.
    pub(crate) fn is_constant_zero(self) -> bool {
        self.repeated().constant() == Some(0.0)
    }

    /// What this repeats, if it is nothing else.
    fn repeated(self) -> Var<'t> {
        let nodes = self.tape.nodes.borrow();
        let mut id = self.id;
        while let Some(Op::Expand(_)) = nodes.slots[id as usize].op {
            id = nodes.slots[id as usize].inputs[0];
        }
        Var::new(self.tape, id)
    }

    /// The function for which this is a leaf without a value.
    pub(crate) fn placeholder_of(self) -> Option<&'static str> {
        self.tape.nodes.borrow().slots[self.id as usize].placeholder
    }

    /// Whether users gave it a name.
    pub(crate) fn has_name(self) -> bool {
        self.tape.nodes.borrow().slots[self.id as usize].name.is_some()
    }

    /// One operation on this node.
    pub fn apply(self, op: impl Into<Op>) -> Var<'t> {
        self.tape.apply(op, &[self])
    }

    /// A function of the table on this node.
    #[inline(never)]
    pub fn map(self, func: Func) -> Var<'t> {
        self.apply(Map { func })
    }

    #[inline(never)]
    fn map2(self, func: Func, other: Var<'t>) -> Var<'t> {
        self.tape.apply(Map { func }, &[self, other])
    }

    /// A test of the table on this node and another.
    #[inline(never)]
    pub fn test(self, test: Test, other: Var<'t>) -> Var<'t> {
        self.tape.apply(Compare { test }, &[self, other])
    }

    /// x².
    #[inline(never)]
    pub fn square(self) -> Var<'t> {
        self.map(Func::Square)
    }

    /// The sum over `axes`; they stay as ones with `keep_dims`.
    #[inline(never)]
    pub fn sum(self, axes: AxisSet, keep_dims: bool) -> Var<'t> {
        if axes.is_empty() { self } else { self.apply(Sum { axes, keep_dims }) }
    }

    /// The sum of all elements: a scalar.
    pub fn sum_all(self) -> Var<'t> {
        self.sum(AxisSet::all(self.shape().ndim()), false)
    }

    /// Broadcasts to `shape`.
    #[inline(never)]
    pub fn expand(self, shape: Shape) -> Var<'t> {
        if self.shape() == shape { self } else { self.apply(Expand { shape }) }
    }

    /// The same elements in another shape.
    #[inline(never)]
    pub fn reshape(self, shape: Shape) -> Var<'t> {
        if self.shape() == shape { self } else { self.apply(Reshape { shape }) }
    }

    /// The same value as a node of its own.
    pub fn view(self) -> Var<'t> {
        self.apply(Reshape { shape: self.shape() })
    }

    /// Dimension `k` of the result is dimension `axes[k]`.
    #[inline(never)]
    pub fn permute(self, axes: &[usize]) -> Var<'t> {
        if axes.iter().copied().eq(0..axes.len()) { self } else { self.apply(Permute::new(axes)) }
    }

    /// Dimension `from` becomes dimension `to`, the others keep their order.
    pub fn move_axis(self, from: usize, to: usize) -> Var<'t> {
        let mut axes: Vec<usize> = (0..self.shape().ndim()).filter(|&axis| axis != from).collect();
        axes.insert(to, from);
        self.permute(&axes)
    }

    /// Exchanges the last two dimensions.
    #[inline(never)]
    pub fn transpose_last(self) -> Var<'t> {
        let n = self.shape().ndim();
        let mut axes: Vec<usize> = (0..n).collect();
        axes.swap(n - 2, n - 1);
        self.permute(&axes)
    }

    /// Whether it was made by exchanging the last two dimensions.
    pub(crate) fn is_transpose(self) -> bool {
        matches!(&self.tape.nodes.borrow().slots[self.id as usize].op, Some(Op::Permute(p)) if p.transposes_last())
    }

    /// The matrix product with one matrix, `[.., m, k] · [k, n] -> [.., m, n]`, as one product of all rows.
    pub fn rows_matmul(self, other: Var<'t>) -> Var<'t> {
        let (shape, n) = (self.shape(), other.shape()[1]);
        let k = shape[shape.ndim() - 1];
        let rows = shape[..shape.ndim() - 1].iter().product();
        self.reshape(Shape::of(&[rows, k])).matmul(other).reshape(shape.with_dim(shape.ndim() - 1, n))
    }

    /// The matrix product.
    #[inline(never)]
    pub fn matmul(self, other: Var<'t>) -> Var<'t> {
        self.tape.apply(MatMul::default(), &[self, other])
    }

    /// The same values as another dtype.
    #[inline(never)]
    pub fn cast(self, dtype: DType) -> Var<'t> {
        if self.dtype() == dtype { self } else { self.apply(Cast { dtype }) }
    }

    /// The same value; no derivative flows through.
    pub fn stop_gradient(self) -> Var<'t> {
        self.apply(Alias { stop: true })
    }

    /// `c` in the dtype and shape of this node, without memory for more than one element.
    #[inline(never)]
    pub fn full_like(self, c: f64) -> Var<'t> {
        self.lit(c).expand(self.shape())
    }

    /// The one place where broadcasting is undone: sums over the dimensions in which `shape` was stretched to this one's.
    #[inline(never)]
    pub fn sum_to(self, shape: Shape) -> Var<'t> {
        let own = self.shape();
        if own == shape {
            return self;
        }
        let lead = own.ndim() - shape.ndim();
        let stretched = |&axis: &usize| axis < lead || (shape[axis - lead] == 1 && own[axis] != 1);
        let axes: AxisSet = (0..own.ndim()).filter(stretched).collect();
        self.sum(axes, true).reshape(shape)
    }
}

/// Values are equal when they are the same node.
impl PartialEq for Var<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

macro_rules! var_operators {
    ($($Trait:ident $method:ident $F:ident),+) => {$(
        impl<'t> $Trait for Var<'t> {
            type Output = Var<'t>;
            fn $method(self, other: Var<'t>) -> Var<'t> { self.map2(Func::$F, other) }
        }
    )+};
}
var_operators!(Add add Add, Sub sub Sub, Mul mul Mul, Div div Div);

impl<'t> Neg for Var<'t> {
    type Output = Var<'t>;
    fn neg(self) -> Var<'t> {
        self.constant().map_or_else(|| self.map(Func::Neg), |c| self.lit(-c))
    }
}

impl<'t> BitAnd for Var<'t> {
    type Output = Var<'t>;
    fn bitand(self, other: Var<'t>) -> Var<'t> {
        self.test(Test::LogicalAnd, other)
    }
}

impl<'t> BitOr for Var<'t> {
    type Output = Var<'t>;
    fn bitor(self, other: Var<'t>) -> Var<'t> {
        self.test(Test::LogicalOr, other)
    }
}

impl<'t> Not for Var<'t> {
    type Output = Var<'t>;
    fn not(self) -> Var<'t> {
        self.apply(Compare { test: Test::LogicalNot })
    }
}

macro_rules! var_intrinsics {
    (unary: $($f:ident $F:ident),+; binary: $($g:ident $G:ident),+) => {
        $(fn $f(self) -> Var<'t> { self.map(Func::$F) })+
        $(fn $g(self, other: Var<'t>) -> Var<'t> { self.map2(Func::$G, other) })+
    };
}

/// Read by `Var`, an expression of the table appends its nodes: the derivative can be differentiated again.
impl<'t> Real for Var<'t> {
    type Mask = Var<'t>;

    #[inline(never)]
    fn lit(self, c: f64) -> Var<'t> {
        match self.tape.constant(c, self.dtype()) {
            Ok(constant) => constant,
            Err(e) => {
                self.tape.fail(e);
                self
            }
        }
    }
    fn lt(self, other: Var<'t>) -> Var<'t> {
        self.test(Test::Less, other)
    }
    fn le(self, other: Var<'t>) -> Var<'t> {
        self.test(Test::LessEqual, other)
    }
    fn eq(self, other: Var<'t>) -> Var<'t> {
        self.test(Test::Equal, other)
    }
    fn gt(self, other: Var<'t>) -> Var<'t> {
        self.test(Test::Greater, other)
    }
    fn ge(self, other: Var<'t>) -> Var<'t> {
        self.test(Test::GreaterEqual, other)
    }
    #[inline(never)]
    fn select(mask: Var<'t>, yes: Var<'t>, no: Var<'t>) -> Var<'t> {
        mask.tape.apply(Select, &[mask, yes, no])
    }
    fn logistic(self) -> Var<'t> {
        self.apply(Map { func: Func::Sigmoid })
    }
    intrinsics!(var_intrinsics);
}
