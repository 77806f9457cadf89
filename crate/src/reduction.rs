//! Reductions of arrays: brings the kernels of `kernels::reduce` to any layout and any set of axes.

use smallvec::SmallVec;

use crate::array::Array;
use crate::dtype::Elem;
use crate::error::Result;
use crate::kernels::reduce::{self, Reducer};
use crate::kernels::split::{ELEMENTS, Shared, split};
use crate::layout::Layout;
use crate::op::Aval;
use crate::shape::{AxisSet, MAX_DIMS};
use crate::walk::{Offsets, Walk};

/// Axes of `layout`, those in the set first, then the others; each group in order.
fn partition(layout: &Layout, axes: AxisSet) -> [SmallVec<[usize; MAX_DIMS]>; 2] {
    let (inside, outside): (SmallVec<_>, SmallVec<_>) = (0..layout.shape.ndim()).partition(|&axis| axes.has(axis));
    [inside, outside]
}

/// The reduction of x over `axes`. The numbers along the axes are taken in row-major order. Errors: `memory`.
pub fn reduce<R: Reducer<T>, T: Elem>(x: &Array, axes: AxisSet, out: Aval) -> Result<Array> {
    let [mut reduced, mut kept] = partition(&x.layout, axes);
    let mut dense = x.clone();
    if Walk::new(&[&x.layout.permute(&reduced)]).single().is_none() {
        // The reduced axes do not lie as one: a copy with the kept ones first and then the reduced ones.
        let order: SmallVec<[usize; MAX_DIMS]> = kept.iter().chain(&reduced).copied().collect();
        dense = x.view(x.layout.permute(&order)).contiguous()?;
        kept = (0..kept.len()).collect();
        reduced = (kept.len()..order.len()).collect();
    }
    let (kept, reduced) = (dense.layout.permute(&kept), dense.layout.permute(&reduced));
    let (count, step) = Walk::new(&[&reduced]).single().unwrap_or((0, 0));
    let to = Layout::contiguous(kept.shape);
    let walk = Walk::new(&[&to, &kept]);
    Array::build::<T>(out.shape, |out| {
        // SAFETY: each thread writes its own elements of the result.
        let shared = unsafe { Shared::new((dense.buffer::<T>().as_ptr(), out.as_mut_ptr())) };
        if out.len() == 1 {
            // SAFETY: positions of `kept` and `reduced` together are positions of x, inside its buffer.
            let one = |at: usize| unsafe { reduce::fold_by_all::<R, T>(shared.get().0.wrapping_add(at), step, count) };
            return walk.each(|at| out[0] = one(at[1]));
        }
        split(out.len(), ELEMENTS.div_ceil(count.max(1)).next_multiple_of(reduce::NEIGHBOURS), &|range, _| {
            // By reference, so that not every reduction brings a copy of the walk.
            let part: &mut dyn FnMut(&Offsets, usize) = &mut |at, len| {
                let (values, out) = shared.get();
                // SAFETY: as above; the range of the result is this thread's.
                unsafe {
                    let out = std::slice::from_raw_parts_mut(out.wrapping_add(at[0]), len);
                    if walk.steps[1] == 1 && walk.len > 1 {
                        return reduce::fold_rows::<R, T>(out, values.wrapping_add(at[1]), count, step);
                    }
                    for (i, out) in out.iter_mut().enumerate() {
                        let first = at[1].wrapping_add_signed(walk.steps[1] * i as isize);
                        *out = reduce::fold_strided::<R, T>(values.wrapping_add(first), step, count);
                    }
                }
            };
            walk.each_in(range, part);
        });
    })
}
