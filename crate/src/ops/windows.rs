//! Windows that slide over the last dimensions, and their sum: what convolutions and pooling are made of.

use smallvec::SmallVec;

use crate::array::Array;
use crate::batch::Batched;
use crate::error::{Code, Error, Result};
use crate::kernels::find;
use crate::layout::Layout;
use crate::op::{Arrays, Aval, Primitive, need_number};
use crate::shape::Shape;
use crate::var::Var;
use crate::walk::Walk;

/// A window along one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Elements that it sees.
    pub size: usize,
    /// Distance between neighbouring windows.
    pub stride: usize,
    /// Distance between neighbouring elements that it sees.
    pub dilation: usize,
}

impl Window {
    /// From the first to the last element that it sees.
    pub fn span(self) -> usize {
        self.dilation.saturating_mul(self.size.saturating_sub(1)).saturating_add(1)
    }

    /// How many fit into `n` elements.
    pub fn count(self, n: usize) -> usize {
        if n < self.span() { 0 } else { (n - self.span()) / self.stride + 1 }
    }
}

/// One window for each dimension.
pub type Each = SmallVec<[Window; 2]>;

/// `y[l, o.., k..] = x[l, o · stride + k · dilation ..]`, with `[n, s..] -> [n, windows.., sizes..]`; a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The windows.
    pub each: Each,
}

/// `y[l, o · stride + k · dilation ..] += x[l, o.., k..]`: the dual of [`Windows`], `[n, windows.., sizes..] -> [n, s..]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// The windows.
    pub each: Each,
    /// The sizes `s..`.
    pub sizes: SmallVec<[usize; 2]>,
}

/// The layout of the windows over `layout`.
fn slide(layout: &Layout, each: &Each) -> Layout {
    let outer = each
        .iter()
        .enumerate()
        .fold(*layout, |outer, (k, w)| outer.slice(k + 1, 0, w.count(layout.shape[k + 1]), w.stride as isize));
    let inner = each.iter().zip(&layout.strides()[1..]);
    inner.fold(outer, |outer, (w, &stride)| outer.with_inner(w.size, stride * w.dilation as isize))
}

impl Primitive for Windows {
    fn name(&self) -> &'static str {
        "windows"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        if let Some((w, n)) = self.each.iter().zip(&x[0].shape[1..]).find(|&(w, &n)| w.count(n) == 0) {
            let sentence = format!("a kernel that spans {} elements must fit into the {n} that are there", w.span());
            return Err(Error::new(Code::Shape, "windows", sentence).with_shapes([&x[0].shape[..]]));
        }
        let mut dims: SmallVec<[usize; 8]> = SmallVec::from_slice(&x[0].shape[..1]);
        dims.extend(self.each.iter().zip(&x[0].shape[1..]).map(|(w, &n)| w.count(n)));
        dims.extend(self.each.iter().map(|w| w.size));
        Ok(Aval::new(Shape::new("windows", &dims)?, x[0].dtype))
    }

    fn eval(&self, x: &mut Arrays, _: Aval) -> Result<Array> {
        Ok(x[0].view(slide(&x[0].layout(), &self.each)))
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        Some(as_rows(self.clone(), x[0].var, size))
    }

    fn vjp<'t>(&self, _: usize, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        Some(g.apply(Fold { each: self.each.clone(), sizes: SmallVec::from_slice(&x[0].shape()[1..]) }))
    }
}

impl Primitive for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        need_number("fold", x[0].dtype)?;
        let windows = self.each.iter().zip(&self.sizes).map(|(w, &n)| w.count(n));
        if !windows.chain(self.each.iter().map(|w| w.size)).eq(x[0].shape[1..].iter().copied()) {
            let sentence = format!("the windows must fit into the result, got {} for {:?}", x[0].shape, self.sizes);
            return Err(Error::new(Code::Shape, "fold", sentence).with_shapes([&x[0].shape[..]]));
        }
        let mut dims: SmallVec<[usize; 8]> = SmallVec::from_slice(&x[0].shape[..1]);
        dims.extend(self.sizes.iter().copied());
        Ok(Aval::new(Shape::new("fold", &dims)?, x[0].dtype))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let places = slide(&Layout::contiguous(out.shape), &self.each);
        let d = self.each.len();
        let y = Array::filled(0.0, out.shape, out.dtype)?;
        let Some(add) = find::add_run(out.dtype) else { return Ok(y) };
        let (from, to, size) = (x[0].base(), y.address(), out.dtype.size());
        // One element of the windows after the other: no place is met twice in a walk.
        let sizes: SmallVec<[usize; 3]> = self.each.iter().map(|w| w.size).collect();
        for k in 0..sizes.iter().product() {
            let element = |layout: &Layout| {
                let mut rest = k;
                (0..d).rev().fold(*layout, |layout, i| {
                    let at = rest % sizes[i];
                    rest /= sizes[i];
                    layout.slice(1 + d + i, at, 1, 1)
                })
            };
            let (place, values) = (element(&places), element(&x[0].layout()));
            let walk = Walk::new(&[&place, &values]);
            walk.each(|at| {
                let (to, from) = (to.wrapping_add(at[0] * size), from.wrapping_add(at[1] * size));
                // SAFETY: the walk stays inside the layouts, which stay inside their buffers; no one else has the result.
                unsafe { add(to, walk.steps[0], from, walk.steps[1], walk.len) };
            });
        }
        Ok(y)
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        Some(as_rows(self.clone(), x[0].var, size))
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        Some(g.apply(Windows { each: self.each.clone() }))
    }
}

/// An operation on rows, on examples of rows: they become more rows for its length.
fn as_rows<'t>(op: impl Primitive, x: Var<'t>, size: usize) -> Var<'t> {
    let shape = x.shape();
    let rows = |lead: &[usize], rest: &[usize]| {
        let mut dims: SmallVec<[usize; 8]> = SmallVec::from_slice(lead);
        dims.extend_from_slice(rest);
        Shape::of(&dims)
    };
    let y = x.reshape(rows(&[size * shape[1]], &shape[2..])).apply(op);
    y.reshape(rows(&[size, shape[1]], &y.shape()[1..]))
}
