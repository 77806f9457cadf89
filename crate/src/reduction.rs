//! Reductions of arrays: brings the kernels of `kernels::reduce` to any layout and any set of axes.

use std::mem::MaybeUninit;

use smallvec::SmallVec;

use crate::array::Array;
use crate::blocks;
use crate::error::Result;
use crate::kernels::find::{self, Reduction};
use crate::kernels::reduce::{self, RowsFold};
use crate::kernels::split::{ELEMENTS, Shared, split};
use crate::layout::Layout;
use crate::op::Aval;
use crate::shape::{AxisSet, MAX_DIMS};
use crate::walk::Walk;

/// Axes of `layout`, those in the set first, then the others; each group in order.
fn partition(layout: &Layout, axes: AxisSet) -> [SmallVec<[usize; MAX_DIMS]>; 2] {
    let (inside, outside): (SmallVec<_>, SmallVec<_>) = (0..layout.shape.ndim()).partition(|&axis| axes.has(axis));
    [inside, outside]
}

/// So few numbers for each result are better combined for many results at once.
const FEW: usize = 64;
/// Room for the numbers of these results, in elements.
const ROOM: usize = 2048;

/// The reduction of x over `axes`. The numbers along the axes are taken in row-major order. Errors: `memory`.
pub fn reduce(reduction: Reduction, x: &Array, axes: AxisSet, out: Aval) -> Result<Array> {
    // Truth values have no sum, which `infer` has refused.
    let Some(fold) = find::fold(reduction, x.dtype) else { return Ok(x.clone()) };
    let [mut reduced, mut kept] = partition(&x.layout(), axes);
    let [along, beside] = [&reduced, &kept].map(|axes| x.layout().permute(axes));
    let numbers = Walk::new(&[&along]);
    if is_few(&numbers, &beside) {
        return reduce_few(x, along.offset, &numbers, &beside, out, fold.rows);
    }
    let mut dense = x.clone();
    if numbers.single().is_none() {
        // The reduced axes do not lie as one: a copy with the kept ones first and then the reduced ones.
        let order: SmallVec<[usize; MAX_DIMS]> = kept.iter().chain(&reduced).copied().collect();
        dense = x.view(x.layout().permute(&order)).contiguous()?;
        kept = (0..kept.len()).collect();
        reduced = (kept.len()..order.len()).collect();
    }
    let (kept, reduced) = (dense.layout().permute(&kept), dense.layout().permute(&reduced));
    let (count, step) = Walk::new(&[&reduced]).single().unwrap_or((0, 0));
    let to = Layout::contiguous(kept.shape);
    let walk = Walk::new(&[&to, &kept]);
    let (y, n, size) = (Array::new(out.shape, out.dtype)?, out.shape.size(), x.dtype.size());
    // SAFETY: each thread writes its own elements of the result.
    let shared = unsafe { Shared::new((dense.base(), y.address())) };
    if n == 1 {
        let (values, to) = shared.get();
        // SAFETY: positions of `kept` and `reduced` together are positions of x, inside its buffer.
        walk.each(|at| unsafe { (fold.by_all)(values.wrapping_add(at[1] * size), step, count, to) });
        return Ok(y);
    }
    split(n, ELEMENTS.div_ceil(count.max(1)).next_multiple_of(reduce::NEIGHBOURS), &|range, _| {
        let (values, to) = shared.get();
        walk.each_in(range, |at, len| {
            let (from, to) = (values.wrapping_add(at[1] * size), to.wrapping_add(at[0] * size));
            // SAFETY: as above; the range of the result is this thread's.
            unsafe {
                if walk.steps[1] == 1 && walk.len > 1 {
                    return (fold.rows)(from, count, step, to, len);
                }
                for i in 0..len {
                    let from = from.wrapping_offset(walk.steps[1] * (i * size) as isize);
                    (fold.strided)(from, step, count, to.wrapping_add(i * size));
                }
            }
        });
    });
    Ok(y)
}

/// Whether each result has few numbers, and neither they nor the results lie side by side for long.
fn is_few(numbers: &Walk, kept: &Layout) -> bool {
    if !(1..=FEW).contains(&numbers.size()) || kept.shape.size() < reduce::NEIGHBOURS {
        return false;
    }
    let beside = |walk: &Walk, least: usize| walk.steps[0] == 1 && walk.len >= least;
    let lies_well = || beside(numbers, FEW / 2) || beside(&Walk::new(&[kept]), reduce::NEIGHBOURS);
    numbers.single().is_none() || !lies_well()
}

/// [`reduce`] where [`is_few`]: the numbers of some results are copied to where they are rows with a column for each result,
/// which `fold` combines row by row; `numbers` walks over those of the first result, from `start`. One function for all reductions, so that none brings
/// a copy of this loop.
fn reduce_few(x: &Array, start: usize, numbers: &Walk, kept: &Layout, out: Aval, fold: RowsFold) -> Result<Array> {
    let y = Array::new(out.shape, out.dtype)?;
    let mut places: SmallVec<[usize; FEW]> = SmallVec::new();
    numbers.each(|at| {
        let first = at[0].wrapping_sub(start);
        places.extend((0..numbers.len).map(|i| first.wrapping_add_signed(numbers.steps[0] * i as isize)));
    });
    let (size, count, width) = (x.dtype.size(), places.len(), ROOM / places.len());
    let to = Layout::contiguous(kept.shape);
    let walk = Walk::new(&[&to, kept]);
    // SAFETY: each thread writes its own elements of the result.
    let shared = unsafe { Shared::new((x.base(), y.address(), places.as_slice())) };
    split(out.shape.size(), ELEMENTS.div_ceil(count).next_multiple_of(reduce::NEIGHBOURS), &|range, _| {
        let (values, out, places) = shared.get();
        let mut room = MaybeUninit::<[u64; ROOM]>::uninit();
        let rows = room.as_mut_ptr().cast::<u8>();
        let steps = [walk.row_step(1), walk.steps[1]];
        for first in range.clone().step_by(width) {
            let n = width.min(range.end - first);
            let mut filled = 0;
            walk.each_rows(first..first + n, &mut |at, runs, len| {
                for (k, &place) in places.iter().enumerate() {
                    let to = rows.wrapping_add((k * width + filled) * size);
                    // SAFETY: positions of `kept` and `reduced` together are positions of x, inside its buffer; a row has
                    // room for `width` numbers.
                    unsafe { blocks::gather(values, at[1].wrapping_add(place), steps, size, [runs, len], to) };
                }
                filled += runs * len;
            });
            // SAFETY: the range of the result is this thread's; `count` rows of `n` numbers are there.
            unsafe { fold(rows, count, width as isize, out.wrapping_add(first * size), n) };
        }
    });
    Ok(y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::kernels::reduce::{Max, Reducer, Sum};
    use crate::kernels::split::with_threads;
    use crate::shape::Shape;

    /// The numbers along `axes` of every result, folded one after the other by the kernel that defines the order.
    fn defined<R: Reducer<f32>>(x: &Array, axes: AxisSet) -> Vec<u32> {
        let [reduced, kept] = partition(&x.layout(), axes);
        let order: SmallVec<[usize; MAX_DIMS]> = kept.iter().chain(&reduced).copied().collect();
        let dense = x.view(x.layout().permute(&order)).contiguous().unwrap();
        let count: usize = reduced.iter().map(|&axis| x.shape()[axis]).product();
        dense.values::<f32>().unwrap().chunks(count).map(|run| reduce::fold::<R, f32>(run).to_bits()).collect()
    }

    fn check<R: Reducer<f32>>(reduction: Reduction, x: &Array, axes: AxisSet) {
        let out = Aval::new(x.shape().reduced(axes, false), DType::Float32);
        let y = reduce(reduction, x, axes, out).unwrap();
        let bits: Vec<u32> = y.values::<f32>().unwrap().iter().map(|y| y.to_bits()).collect();
        assert_eq!(bits, defined::<R>(x, axes), "{} with strides {:?}", x.shape(), x.layout().strides());
    }

    /// Numbers whose sum depends on the order.
    fn numbers(dims: &[usize]) -> Array {
        let value = |i: usize| ((i * 7919 % 1009) as f32 - 500.0) * 1.1_f32.powi((i % 41) as i32);
        Array::build::<f32>(Shape::of(dims), |to| to.iter_mut().enumerate().for_each(|(i, to)| *to = value(i))).unwrap()
    }

    fn every_order_of_axes_has_the_defined_bits() {
        for dims in [
            &[5000, 4][..],
            &[4, 5000],
            &[3, 7, 33, 2],
            &[2, 3, 5, 7, 2],
            &[40, 65],
            &[700, 3, 2],
            &[64, 64],
            &[6, 1, 50],
        ] {
            let x = numbers(dims);
            let axes: Vec<usize> = (0..dims.len()).collect();
            let backwards: Vec<usize> = axes.iter().rev().copied().collect();
            let last = dims.len() - 1;
            let views = [
                x.layout(),
                x.layout().permute(&backwards),
                x.layout().slice(last, dims[last] - 1, dims[last], -1),
                x.layout().slice(0, 1, dims[0] / 2, 2),
                x.layout().expand(Shape::of(&[&[3], dims].concat())),
                x.layout().permute(&backwards).slice(0, 0, dims[last].div_ceil(3), 3),
            ];
            for layout in views {
                let x = x.view(layout);
                for set in 1..1_usize << layout.shape.ndim() {
                    let axes: AxisSet = (0..layout.shape.ndim()).filter(|axis| set >> axis & 1 == 1).collect();
                    check::<Sum>(Reduction::Sum, &x, axes);
                    check::<Max>(Reduction::Max, &x, axes);
                }
            }
        }
    }

    #[test]
    fn few_numbers_and_many_in_any_layout() {
        every_order_of_axes_has_the_defined_bits();
    }

    #[test]
    fn few_numbers_by_several_threads() {
        with_threads(3, every_order_of_axes_has_the_defined_bits);
    }
}
