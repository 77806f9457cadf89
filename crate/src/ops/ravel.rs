//! Places along several axes as places along them taken as one.

use smallvec::SmallVec;

use crate::array::Array;
use crate::batch::Batched;
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::op::{Arrays, Aval, Primitive};
use crate::shape::Shape;
use crate::var::Var;

/// `y[i..] = Σ_k x[i.., k] Π_{l > k} sizes[l]`: row-major places, `[.., k] -> [..]`, int32. Negative ones count from the
/// end. NumPy's `ravel_multi_index`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ravel {
    /// The sizes of the axes.
    pub sizes: SmallVec<[usize; 4]>,
    /// The operation that is called, for errors.
    pub op: &'static str,
}

impl Primitive for Ravel {
    fn name(&self) -> &'static str {
        "ravel"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let shape = x[0].shape;
        if self.sizes.iter().product::<usize>() > i32::MAX as usize {
            let sentence = format!("places must fit into int32, got sizes {:?}", &self.sizes[..]);
            return Err(Error::new(Code::Value, self.op, sentence));
        }
        Ok(Aval::new(Shape::of(&shape[..shape.ndim() - 1]), DType::Int32))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let dense = x[0].contiguous()?;
        let rows = dense.values::<i32>().unwrap_or(&[]);
        let k = self.sizes.len();
        for (axis, &size) in self.sizes.iter().enumerate() {
            let end = size as i64;
            let outside = |&&index: &&i32| !(-end..end).contains(&i64::from(index));
            if let Some(index) = rows.iter().skip(axis).step_by(k).find(outside) {
                let sentence =
                    format!("indices must be in [{}, {}] along axis {axis} of size {size}, got {index}", -end, end - 1);
                return Err(Error::new(Code::Value, self.op, sentence));
            }
        }
        Array::build::<i32>(out.shape, |out| {
            for (i, to) in out.iter_mut().enumerate() {
                let row = &rows[i * k..(i + 1) * k];
                *to = row.iter().zip(&self.sizes).fold(0, |place, (&index, &size)| {
                    let size = size as i32;
                    place * size + if index < 0 { index + size } else { index }
                });
            }
        })
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(self.clone()))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, _: Var<'t>) -> Option<Var<'t>> {
        None
    }
}
