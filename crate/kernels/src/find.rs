//! Kernels by function and dtype. What is named here is compiled here: one kernel for each, however many ask for it.
//!
//! Never inlined: what is inlined elsewhere is compiled there, with all that it names.

use std::marker::PhantomData;

use crate::dtype::DType;
use crate::elementwise::{Class, Func, Function, MAX_ARITY, Predicate, PredicateVisitor, Test, Visitor};
use crate::indexed::{self, Pick};
use crate::map::{self, Kernel, Vector};
use crate::reduce::{self, AddRun, ArgRun, Fold, Max, Min, Reducer, Scan};
use crate::sort::{self, Rank};
use crate::{with_dtype, with_float, with_number};

/// The kernel of a function; none for dtypes that it is not defined on.
#[inline(never)]
pub fn map(func: Func, dtype: DType) -> Option<Kernel> {
    struct Find<T>(PhantomData<T>);
    impl<T: Vector> Visitor for Find<T> {
        type Out = Option<Kernel>;
        fn visit<F: Function>(self, _: F) -> Option<Kernel> {
            (F::CLASS == Class::Number || T::DTYPE.is_float()).then_some(map::map::<F, T>)
        }
    }
    with_number!(dtype, T => func.visit(Find::<T>(PhantomData)), else None)
}

/// The kernel of a function's derivative by an argument; only for floats.
#[inline(never)]
pub fn partial(func: Func, argument: usize, dtype: DType) -> Option<Kernel> {
    struct Find<T>(usize, PhantomData<T>);
    impl<T: Vector> Visitor for Find<T> {
        type Out = Option<Kernel>;
        fn visit<F: Function>(self, _: F) -> Option<Kernel> {
            macro_rules! by_argument {
                ($($I:literal),+) => {
                    match self.0 {
                        $($I => if $I < F::ARITY { Some(map::map_partial::<F, T, $I>) } else { None },)+
                        _ => None,
                    }
                };
            }
            const { assert!(MAX_ARITY == 6, "an arm below for each argument") };
            by_argument!(0, 1, 2, 3, 4, 5)
        }
    }
    with_float!(dtype, T => func.visit(Find::<T>(argument, PhantomData)), else None)
}

/// The kernel of a test.
#[inline(never)]
pub fn test(test: Test, dtype: DType) -> Kernel {
    struct Find<T>(PhantomData<T>);
    impl<T: Vector> PredicateVisitor for Find<T> {
        type Out = Kernel;
        fn visit<P: Predicate>(self, _: P) -> Kernel {
            map::test::<P, T>
        }
    }
    with_dtype!(dtype, T => test.visit(Find::<T>(PhantomData)))
}

/// The kernel of a choice between elements of `size` bytes.
#[inline(never)]
pub fn select(size: usize) -> Kernel {
    match size {
        1 => map::select::<u8>,
        4 => map::select::<u32>,
        _ => map::select::<u64>,
    }
}

/// The kernel of a conversion.
#[inline(never)]
pub fn convert(from: DType, to: DType) -> Kernel {
    with_dtype!(from, A => with_dtype!(to, B => map::convert::<A, B>))
}

/// What numbers along an axis become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Their sum.
    Sum,
    /// The greatest.
    Max,
    /// The smallest.
    Min,
}

/// The kernels of a reduction; none for the sum of truth values.
#[inline(never)]
pub fn fold(reduction: Reduction, dtype: DType) -> Option<Fold> {
    const fn of<R: Reducer<T>, T: Copy>() -> Option<Fold> {
        Some(Fold::of::<R, T>())
    }
    match reduction {
        Reduction::Sum => with_number!(dtype, T => const { of::<reduce::Sum, T>() }, else None),
        Reduction::Max => with_dtype!(dtype, T => const { of::<Max, T>() }),
        Reduction::Min => with_dtype!(dtype, T => const { of::<Min, T>() }),
    }
}

/// The kernel that finds the place of the greatest, or smallest, element.
#[inline(never)]
pub fn arg(max: bool, dtype: DType) -> ArgRun {
    with_dtype!(dtype, T => if max { reduce::arg_run::<Max, T> as ArgRun } else { reduce::arg_run::<Min, T> })
}

/// The kernels of running sums; none for truth values.
#[inline(never)]
pub fn scan(dtype: DType) -> Option<Scan> {
    with_number!(dtype, T => Some(const { Scan::of::<T>() }), else None)
}

/// The kernel that adds a run to another; none for truth values.
#[inline(never)]
pub fn add_run(dtype: DType) -> Option<AddRun> {
    with_number!(dtype, T => Some(reduce::add_run::<T>), else None)
}

/// The kernel that picks elements of `size` bytes by indices.
#[inline(never)]
pub fn gather(size: usize) -> Pick {
    match size {
        1 => indexed::gather::<u8>,
        4 => indexed::gather::<u32>,
        _ => indexed::gather::<u64>,
    }
}

/// The kernel that adds elements where indices say; none for truth values.
#[inline(never)]
pub fn scatter_add(dtype: DType) -> Option<Pick> {
    with_number!(dtype, T => Some(indexed::add::<T>), else None)
}

/// The kernel that finds the place of a number in a sorted line.
#[inline(never)]
pub fn rank(dtype: DType) -> Rank {
    with_dtype!(dtype, T => sort::rank::<T>)
}
