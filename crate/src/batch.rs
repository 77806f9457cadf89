//! Batching: from the program for one example to the program for all of them, from tape to tape.
//!
//! An example is a leaf without a value that stands for every slice of a tensor along an axis. What a function records
//! with examples is a program for one of them; [`batch`] walks over it and appends, by [`Primitive::batch`], the program
//! in which each tensor that differs between examples has one more dimension in front. The appended nodes are ordinary
//! ones, so batching nests in itself and in differentiation, in any order.

use smallvec::SmallVec;

use crate::error::{Code, Error, Result};
use crate::op::{Aval, Primitive};
use crate::shape::{MAX_DIMS, Shape, axis};
use crate::tape::{Id, Tape};
use crate::var::Var;

/// An input of an operation in a batched program.
#[derive(Clone, Copy)]
pub struct Batched<'t> {
    /// The tensor; where it is mapped, examples lie along its first dimension.
    pub var: Var<'t>,
    /// Whether it differs between examples.
    pub mapped: bool,
}

impl<'t> Batched<'t> {
    /// The shape of one example.
    pub fn shape(self) -> Shape {
        let shape = self.var.shape();
        if self.mapped { Shape::of(&shape[1..]) } else { shape }
    }

    /// Examples along the first dimension; repeated, without memory, where all of them share the tensor.
    pub fn stacked(self, size: usize) -> Var<'t> {
        if self.mapped { self.var } else { self.var.expand(self.var.shape().prepended(size)) }
    }

    /// With at least `ndim` dimensions for one example: ones in front, as broadcasting aligns them.
    pub fn aligned(self, ndim: usize) -> Var<'t> {
        let own = self.shape();
        if !self.mapped || own.ndim() >= ndim {
            return self.var;
        }
        let mut shape = Shape::of(&[self.var.shape()[0]]);
        (own.ndim()..ndim).for_each(|_| shape.push(1));
        own.iter().for_each(|&d| shape.push(d));
        self.var.reshape(shape)
    }
}

/// What [`Primitive::batch`] is for an operation that works on each element of the result by itself, with broadcasting.
pub fn elementwise<'t>(op: &impl Primitive, x: &[Batched<'t>]) -> Option<Var<'t>> {
    let ndim = x.iter().map(|x| x.shape().ndim()).max().unwrap_or(0);
    let aligned: SmallVec<[Var<'t>; 4]> = x.iter().map(|x| x.aligned(ndim)).collect();
    aligned.first().map(|x| x.tape().apply(op.clone(), &aligned))
}

impl Tape {
    /// One example of `x` along `axis` (counted from the end where negative). Errors: `axis`.
    pub fn example<'t>(&'t self, x: Var<'t>, along: f64) -> Result<Var<'t>> {
        let shape = x.shape();
        let along = axis("vmap", along, shape.ndim())?;
        let dims: SmallVec<[usize; MAX_DIMS]> =
            shape.iter().enumerate().filter(|&(k, _)| k != along).map(|(_, &d)| d).collect();
        Ok(self.placeholder(Aval::new(Shape::of(&dims), x.dtype()), "vmap"))
    }

    /// For each y, which was computed from the examples, the tensor of all its values, with the examples along the axis
    /// in `out` (NaN: there is none, since all values are the same).
    ///
    /// `mapped` are the examples with their tensors and axes. Errors: `shape` where the axes differ in size, `axis`;
    /// `argument` where a y without an axis differs between examples; `shape` where there are too many dimensions.
    pub fn batched<'t>(
        &'t self,
        mapped: &[(Var<'t>, Var<'t>, f64)],
        ys: &[Var<'t>],
        out: &[f64],
    ) -> Result<Vec<Var<'t>>> {
        let mut size = None;
        let mut pairs: Vec<(Id, Var<'t>)> = Vec::with_capacity(mapped.len());
        for &(example, x, along) in mapped {
            let along = axis("vmap", along, x.shape().ndim())?;
            let n = x.shape()[along];
            let first = *size.get_or_insert(n);
            if first != n {
                let sentence = format!("the mapped axes must have one size, got {first} and {n}");
                return Err(Error::new(Code::Shape, "vmap", sentence));
            }
            pairs.push((example.id(), x.move_axis(along, 0)));
        }
        let size = size.unwrap_or(1);
        let found = self.batch(&pairs, ys, size);
        self.take_failure().map_err(|e| e.in_op("vmap"))?;
        let results = found.into_iter().zip(ys.iter().zip(out)).map(|(all, (&y, &along))| {
            let fixed = Batched { var: y, mapped: false };
            match all {
                None if along.is_nan() => Ok(y.view()),
                None if y.shape().ndim() == MAX_DIMS => Err(too_many()),
                None => Ok(fixed.stacked(size).move_axis(0, axis("vmap", along, y.shape().ndim() + 1)?)),
                Some(all) if !along.is_nan() => Ok(all.move_axis(0, axis("vmap", along, all.shape().ndim())?)),
                Some(_) => {
                    let sentence = "a result that depends on a mapped argument needs an axis in outAxes, got null";
                    Err(Error::new(Code::Argument, "vmap", sentence))
                }
            }
        });
        Ok(self.distinct(results.collect::<Result<Vec<_>>>()?))
    }

    /// The batched program: for each y its tensor with examples in front, `None` where all examples share it.
    fn batch<'t>(&'t self, mapped: &[(Id, Var<'t>)], ys: &[Var<'t>], size: usize) -> Vec<Option<Var<'t>>> {
        let ends: SmallVec<[Id; 8]> = ys.iter().map(|y| y.id()).collect();
        let first = {
            let nodes = self.nodes.borrow();
            mapped.iter().map(|&(id, _)| nodes.slots[id as usize].seq).min().unwrap_or(u64::MAX)
        };
        // What was there before the first example is shared by all.
        let order = self.ancestors(&ends, |node| node.seq >= first);
        let position = |id: Id| self.nodes.borrow().position(id);
        let mut all: Vec<Option<Var<'t>>> = Vec::with_capacity(order.len());
        for &id in &order {
            let node = Var::new(self, id);
            let batched = |&input: &Id| match position(input).and_then(|p| all[p]) {
                Some(var) => Batched { var, mapped: true },
                None => Batched { var: Var::new(self, input), mapped: false },
            };
            let inputs = self.nodes.borrow().slots[id as usize].inputs.clone();
            let x: SmallVec<[Batched<'t>; 3]> = inputs.iter().map(batched).collect();
            let example = mapped.iter().find(|(example, _)| *example == id).map(|&(_, x)| x);
            let op = node.op().filter(|_| x.iter().any(|x| x.mapped));
            let of_rule = node.placeholder_of().filter(|_| example.is_none());
            let full = node.shape().ndim() == MAX_DIMS || x.iter().any(|x| x.shape().ndim() == MAX_DIMS);
            if full && (op.is_some() || of_rule.is_some()) {
                self.fail(too_many());
                return vec![None; ys.len()];
            }
            // A rule is recorded on placeholders of one example; on all of them it needs placeholders of all.
            let example = example.or_else(|| {
                of_rule.map(|whose| self.placeholder(Aval::new(node.shape().prepended(size), node.dtype()), whose))
            });
            all.push(example.or_else(|| op.and_then(|op| op.batch(&x, size))));
        }
        ys.iter().map(|y| position(y.id()).and_then(|p| all[p])).collect()
    }
}

fn too_many() -> Error {
    let sentence = format!("inside vmap tensors must have at most {} dimensions, got {MAX_DIMS}", MAX_DIMS - 1);
    Error::new(Code::Shape, "vmap", sentence)
}
