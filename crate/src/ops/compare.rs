//! Tests of elements: bool results without derivatives.

use std::marker::PhantomData;

use crate::array::Array;
use crate::blocks;
use crate::dtype::DType;
use crate::elementwise::{Predicate, PredicateVisitor, Test};
use crate::error::{Code, Error, Result, count};
use crate::kernels::map::{self, Kernel, Vector};
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
        let arity = self.test.entry().2.len();
        if x.len() != arity {
            let sentence = format!("needs {}, got {}", count(arity, "operand"), x.len());
            return Err(Error::new(Code::Argument, self.name(), sentence));
        }
        same_dtype(self.name(), x)?;
        Ok(Aval::new(broadcast(self.name(), x)?, DType::Bool))
    }

    fn eval(&self, mut x: Arrays, out: Aval) -> Result<Array> {
        /// Finds the kernel of a test for the elements T.
        struct Find<T>(PhantomData<T>);
        impl<T: Vector> PredicateVisitor for Find<T> {
            type Out = Kernel;
            fn visit<P: Predicate>(self, _: P) -> Kernel {
                map::test::<P, T>
            }
        }
        let y = Array::new(out.shape, DType::Bool)?;
        let kernel = with_dtype!(x[0].dtype, T => self.test.visit(Find::<T>(PhantomData)));
        if x.len() == 1 {
            // A test of one operand reads it twice.
            let again = x[0].clone();
            x.push(again);
        }
        // SAFETY: `each` gives two operands and a result of `len` elements.
        blocks::each(&y, &x, &|len, x, out| unsafe { kernel(len, x, out) });
        Ok(y)
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, _: Var<'t>) -> Option<Var<'t>> {
        None
    }
}
