//! Random numbers from a counter: a function of the key and the position, nothing else.

use std::rc::Rc;

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Kind, Operand, Sample, Spec, native, notes, option, param};
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::op::{Arrays, Aval, Primitive};
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
        // The k-th pair of words for a key.
        let at = |&[a, b]: &[i32; 2], k: usize| threefry([a as u32, b as u32], [((k as u64) >> 32) as u32, k as u32]);
        match (self.draw, out.dtype) {
            (Draw::Uniform, DType::Float64) => Array::build::<f64>(out.shape, |out| {
                for (key, out) in keys.iter().zip(out.chunks_mut(n.max(1))) {
                    for (k, out) in out.iter_mut().enumerate() {
                        let [high, low] = at(key, k);
                        let bits = (u64::from(high) << 32 | u64::from(low)) >> 12;
                        *out = f64::from_bits(bits | 1.0f64.to_bits()) - 1.0;
                    }
                }
            }),
            (Draw::Uniform, _) => Array::build::<f32>(out.shape, |out| {
                for (key, out) in keys.iter().zip(out.chunks_mut(n.max(1))) {
                    for (k, out) in out.iter_mut().enumerate() {
                        let [a, b] = at(key, k);
                        *out = f32::from_bits((a ^ b) >> 9 | 1.0f32.to_bits()) - 1.0;
                    }
                }
            }),
            (Draw::Keys, _) => Array::build::<i32>(out.shape, |out| {
                for (key, out) in keys.iter().zip(out.chunks_mut(n.max(1))) {
                    for (k, out) in out.chunks_exact_mut(2).enumerate() {
                        let [a, b] = at(key, k);
                        out.copy_from_slice(&[a as i32, b as i32]);
                    }
                }
            }),
            (Draw::Permutation, _) => {
                let mut order: Vec<(u64, i32)> = Vec::new();
                order.try_reserve_exact(n).map_err(|_| {
                    let sentence = format!("the order of {n} elements needs more memory than there is");
                    Error::new(Code::Memory, self.name(), sentence)
                })?;
                Array::build::<i32>(out.shape, |out| {
                    for (key, out) in keys.iter().zip(out.chunks_mut(n.max(1))) {
                        // Sorting by 64 random bits; equal bits keep their order.
                        order.clear();
                        order.extend((0..n).map(|k| {
                            let [high, low] = at(key, k);
                            (u64::from(high) << 32 | u64::from(low), k as i32)
                        }));
                        order.sort_unstable();
                        for (out, (_, k)) in out.iter_mut().zip(&order) {
                            *out = *k;
                        }
                    }
                })
            }
        }
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        Some(x[0].var.apply(Random { keys: Rc::new(self.keys.prepended(size)), ..self.clone() }))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, _: Var<'t>) -> Option<Var<'t>> {
        None
    }
}

/// Threefry-2x32-20: the block `counter` encrypted with `key`.
fn threefry(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
    let keys = [key[0], key[1], key[0] ^ key[1] ^ 0x1BD1_1BDA];
    let [mut a, mut b] = [counter[0].wrapping_add(keys[0]), counter[1].wrapping_add(keys[1])];
    for group in 0..5 {
        for r in ROTATIONS[group % 2] {
            a = a.wrapping_add(b);
            b = b.rotate_left(r) ^ a;
        }
        let next = group + 1;
        a = a.wrapping_add(keys[next % 3]);
        b = b.wrapping_add(keys[(next + 1) % 3]).wrapping_add(next as u32);
    }
    [a, b]
}

#[cfg(test)]
mod tests {
    use super::threefry;

    /// Known answers of the Random123 distribution (Salmon et al.), file kat_vectors.
    #[test]
    fn threefry_gives_the_known_answers() {
        assert_eq!(threefry([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(threefry([u32::MAX, u32::MAX], [u32::MAX, u32::MAX]), [0x1cb9_96fc, 0xbb00_2be7]);
        assert_eq!(threefry([0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3]), [0xc492_3a9c, 0x483d_f7a0]);
    }
}
