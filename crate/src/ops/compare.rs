//! Tests of elements: bool results without derivatives.

use std::marker::PhantomData;

use crate::blocks::{Elementwise, NOTHING};
use crate::dtype::DType;
use crate::elementwise::{Predicate, PredicateVisitor, Test};
use crate::error::{Code, Error, Result, count};
use crate::kernels::map::{self, Kernel, MAX_OPERANDS, Vector};
use crate::op::{Aval, Primitive, broadcast, same_dtype};
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

    fn elementwise(&self, dtype: DType) -> Option<Elementwise> {
        /// Finds the kernel of a test for the elements T.
        struct Find<T>(PhantomData<T>);
        impl<T: Vector> PredicateVisitor for Find<T> {
            type Out = Kernel;
            fn visit<P: Predicate>(self, _: P) -> Kernel {
                map::test::<P, T>
            }
        }
        let kernel = with_dtype!(dtype, T => self.test.visit(Find::<T>(PhantomData)));
        let mut places = [NOTHING; MAX_OPERANDS];
        // A test of one operand reads it twice.
        places[1] = self.test.entry().2.len() as u8 - 1;
        places[0] = 0;
        Some(Elementwise { kernel, places: Some(places) })
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, _: Var<'t>) -> Option<Var<'t>> {
        None
    }
}
