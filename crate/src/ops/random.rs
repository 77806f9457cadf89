//! Random numbers from a counter: a function of the key and the position, nothing else.

use std::rc::Rc;

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Kind, Operand, Sample, Spec, native, notes, option, param};
use crate::dtype::{DType, Elem};
use crate::error::{Code, Error, Result};
use crate::kernels::random::{self, Key};
use crate::kernels::sort;
use crate::op::{Arrays, Aval, Primitive};
use crate::ops::sort::room;
use crate::shape::Shape;
use crate::var::Var;

/// What the random bits are made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// Uniform in [0, 1): 23 bits for float32, 52 for float64.
    Uniform,
    /// Keys: two words for each position of the leading dimensions.
    Keys,
    /// A permutation of `0..n`, the shape being `[n]`.
    Permutation,
}

/// Random numbers of a shape from a key (int32, two words). The generator is Threefry-2x32 with 20 rounds (Salmon et al.,
/// "Parallel random numbers: as easy as 1, 2, 3", 2011) on the element's position, the words combined as JAX does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random {
    /// What is drawn.
    pub draw: Draw,
    /// Shape of what each key gives.
    pub shape: Shape,
    /// dtype of the result.
    pub dtype: DType,
    /// Shape of the keys: a scalar for one key, `[2]`; the results of many follow each other.
    pub keys: Rc<Shape>,
}

impl Random {
    /// With one key.
    pub fn new(draw: Draw, shape: Shape, dtype: DType) -> Random {
        Random { draw, shape, dtype, keys: Rc::new(Shape::SCALAR) }
    }
}

impl Primitive for Random {
    const SPECS: &'static [Spec] = &[
        Spec {
            name: "random.split",
            doc: native("n independent keys from one: `[2] -> [n, 2]`."),
            notes: notes("none, the result is int32", "O(n)"),
            inputs: &["key:int32"],
            attrs: &[option("n", Kind::Int, "2")],
            dtypes: "any",
            build: |c| {
                let shape = Shape::new("split", &[c.size("n")?, 2])?;
                c.tape.perform(Random::new(Draw::Keys, shape, DType::Int32), c.x)
            },
            samples: native(&[Sample { x: &[Operand::Key], attrs: &[3.0] }]),
        },
        Spec {
            name: "random.permutation",
            doc: native("A random order of 0 to n - 1 for the shape `[n]`; int32."),
            notes: notes("none, the result is int32", "O(n log n)"),
            inputs: &["key:int32"],
            attrs: &[param("shape", Kind::Shape)],
            dtypes: "any",
            build: |c| {
                let shape = c.shape()?;
                if shape.ndim() != 1 {
                    return c.refuse(Code::Shape, format!("the shape must have one dimension, got {shape}"));
                }
                c.tape.perform(Random::new(Draw::Permutation, shape, DType::Int32), c.x)
            },
            samples: native(&[Sample { x: &[Operand::Key], attrs: &[1.0, 10.0] }]),
        },
    ];

    fn name(&self) -> &'static str {
        match self.draw {
            Draw::Uniform => "random.uniform",
            Draw::Keys => "random.split",
            Draw::Permutation => "random.permutation",
        }
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let mut keys = *self.keys;
        keys.push(2);
        if x[0].dtype != DType::Int32 || x[0].shape != keys {
            let sentence = format!(
                "the key must be int32 of shape {keys}, as random.key(seed) makes it, got {} of shape {}",
                x[0].dtype.name(),
                x[0].shape
            );
            return Err(Error::new(Code::Argument, self.name(), sentence).with_shapes([&x[0].shape[..]]));
        }
        let dims: Vec<usize> = self.keys.iter().chain(self.shape.iter()).copied().collect();
        Ok(Aval::new(Shape::new(self.name(), &dims)?, self.dtype))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let keys = x[0].contiguous()?;
        let keys = keys.values::<i32>().unwrap_or(&[]).as_chunks::<2>().0;
        let n = self.shape.size();
        let mut y = Array::new(out.shape, out.dtype)?;
        /// Fills a part of the result for each key.
        fn fill<T: Elem>(y: &mut Array, keys: &[Key], n: usize, draw: &mut dyn FnMut(&Key, &mut [T])) {
            keys.iter().zip(y.values_mut::<T>().chunks_mut(n)).for_each(|(key, part)| draw(key, part));
        }
        let len = n.max(1);
        match (self.draw, out.dtype) {
            (Draw::Uniform, DType::Float64) => fill(&mut y, keys, len, &mut random::uniform_f64),
            (Draw::Uniform, _) => fill(&mut y, keys, len, &mut random::uniform_f32),
            (Draw::Keys, _) => fill(&mut y, keys, len, &mut random::keys),
            (Draw::Permutation, _) => {
                let (mut bits, mut places) = room(n).ok_or_else(|| {
                    let sentence = format!("the order of {n} elements needs more memory than there is");
                    Error::new(Code::Memory, self.name(), sentence)
                })?;
                // Sorting by 64 random bits; equal bits keep their order.
                fill(&mut y, keys, len, &mut |key: &Key, part| {
                    random::bits(key, &mut bits);
                    sort::argsort(&bits, part, &mut places);
                });
            }
        }
        Ok(y)
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(Random { keys: Rc::new(self.keys.prepended(size)), ..self.clone() }))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, _: Var<'t>) -> Option<Var<'t>> {
        None
    }
}
