//! Tests of elements: bool results without derivatives.

use std::marker::PhantomData;

use crate::array::Array;
use crate::blocks;
use crate::dtype::DType;
use crate::elementwise::{Predicate, PredicateVisitor, Test};
use crate::error::Result;
use crate::kernels::map::{self, Vector};
use crate::op::{Arrays, Aval, Primitive, broadcast, same_dtype};
use crate::var::Var;
use crate::with_dtype;

/// `y = 1 where the test holds, else 0`, elementwise with broadcasting; bool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compare {
    /// The test.
    pub test: Test,
}

impl Primitive for Compare {
    fn name(&self) -> &'static str {
        self.test.entry().0
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        same_dtype(self.name(), x)?;
        Ok(Aval::new(broadcast(self.name(), x)?, DType::Bool))
    }

    fn eval(&self, x: Arrays, out: Aval) -> Result<Array> {
        struct Run<'a, T>(&'a Arrays, &'a Array, PhantomData<T>);
        impl<T: Vector> PredicateVisitor for Run<'_, T> {
            type Out = ();
            fn visit<P: Predicate>(self, _: P) {
                // A test of one operand reads it twice.
                let (a, b) = (&self.0[0], self.0.get(1).unwrap_or(&self.0[0]));
                blocks::each::<u8>(self.1, &[a, b], |len, x, out| {
                    // SAFETY: `each` gives two operands and a result of `len` elements.
                    unsafe { map::test::<P, T>(len, &[blocks::operand(x, 0), blocks::operand(x, 1)], out) }
                });
            }
        }
        let y = Array::new(out.shape, DType::Bool)?;
        with_dtype!(x[0].dtype, T => self.test.visit(Run::<T>(&x, &y, PhantomData)));
        Ok(y)
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, _: Var<'t>) -> Option<Var<'t>> {
        None
    }
}
