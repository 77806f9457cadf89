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

/// x with the axes of the set last, in an order in which they lie as one: a view where possible, else a copy.
pub fn axes_last(x: &Array, axes: AxisSet) -> Result<Array> {
    let [inside, mut order] = partition(&x.layout, axes);
    if Walk::new(&[&x.layout.permute(&inside)]).single().is_some() {
        return Ok(x.clone());
    }
    order.extend(inside);
    x.view(x.layout.permute(&order)).contiguous()
}

/// The reduction of x over `axes`. The numbers along the axes are taken in row-major order. Errors: `memory`.
pub fn reduce<R: Reducer<T>, T: Elem>(x: &Array, axes: AxisSet, out: Aval) -> Result<Array> {
    let [reduced, kept] = partition(&x.layout, axes);
    let dense = axes_last(x, axes)?;
    // A copy has its dimensions in the new order: the kept ones, then the reduced ones.
    let (kept, reduced) = if dense.shape() == x.shape() && dense.layout == x.layout {
        (x.layout.permute(&kept), x.layout.permute(&reduced))
    } else {
        let n = kept.len();
        let order: SmallVec<[usize; MAX_DIMS]> = (0..x.shape().ndim()).collect();
        (dense.layout.permute(&order[..n]), dense.layout.permute(&order[n..]))
    };
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
