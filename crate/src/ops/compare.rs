//! Tests of elements: bool results without derivatives.

use crate::blocks::{Elementwise, NOTHING};
use crate::dtype::DType;
use crate::elementwise::Test;
use crate::error::{Code, Error, Result, count};
use crate::kernels::find;
use crate::kernels::map::MAX_OPERANDS;
use crate::op::{Aval, Primitive, broadcast, same_dtype};
use crate::var::Var;

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
        let mut places = [NOTHING; MAX_OPERANDS];
        // A test of one operand reads it twice.
        places[1] = self.test.entry().2.len() as u8 - 1;
        places[0] = 0;
        Some(Elementwise { kernel: find::test(self.test, dtype), places: Some(places), expression: None })
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, _: Var<'t>) -> Option<Var<'t>> {
        None
    }
}
