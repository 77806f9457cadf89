//! Reductions of arrays: brings the kernels of `kernels::reduce` to any layout and any set of axes.

use smallvec::SmallVec;

use crate::array::Array;
use crate::dtype::Elem;
use crate::error::Result;
use crate::kernels::reduce::{self, Reducer};
use crate::layout::Layout;
use crate::op::Aval;
use crate::shape::{AxisSet, MAX_DIMS};
use crate::walk::Walk;

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
    let values = dense.buffer::<T>().as_ptr();
    let to = Layout::contiguous(kept.shape);
    let walk = Walk::new(&[&to, &kept]);
    Array::build::<T>(out.shape, |out| {
        walk.each(|at| {
            let out = &mut out[at[0]..][..walk.len];
            // SAFETY: positions of `kept` and `reduced` together are positions of x, inside its buffer.
            unsafe {
                if walk.steps[1] == 1 && walk.len > 1 {
                    return reduce::fold_rows::<R, T>(out, values.wrapping_add(at[1]), count, step);
                }
                for (i, out) in out.iter_mut().enumerate() {
                    let first = at[1].wrapping_add_signed(walk.steps[1] * i as isize);
                    *out = reduce::fold_strided::<R, T>(values.wrapping_add(first), step, count);
                }
            }
        });
    })
}
