//! Parts of matrices: triangles and the diagonal, by masks over the last two dimensions.

use crate::ops::iota::Iota;
use crate::real::Real;
use crate::shape::Shape;
use crate::var::Var;

/// The part of `[.., m, n]` on and below a diagonal (0 the main one, above it where positive); zeros elsewhere.
pub fn lower<'t>(x: Var<'t>, diagonal: i64) -> Var<'t> {
    let [row, column] = places(x, diagonal);
    Var::select(column.le(row), x, x.zero())
}

/// The part of `[.., m, n]` on and above a diagonal (0 the main one, above it where positive); zeros elsewhere.
pub fn upper<'t>(x: Var<'t>, diagonal: i64) -> Var<'t> {
    let [row, column] = places(x, diagonal);
    Var::select(column.ge(row), x, x.zero())
}

/// What is on the main diagonal of `[.., m, n]`, which a row `[.., 1, n]` stretches to; zeros elsewhere. `n` is the size
/// of a square where a row is given.
pub(crate) fn diagonal(x: Var<'_>) -> Var<'_> {
    let shape = x.shape();
    let n = shape[shape.ndim() - 1];
    let [row, column] = sized(x, [n, n], 0);
    Var::select(column.eq(row), x, x.zero())
}

/// The identity `[n, n]` in the dtype of `x`.
pub(crate) fn identity(x: Var<'_>, n: usize) -> Var<'_> {
    let [row, column] = sized(x, [n, n], 0);
    column.eq(row).cast(x.dtype())
}

/// The number of each row `[m, 1]` and of each column `[n]`, counted so that they are equal on the diagonal.
fn places(x: Var<'_>, diagonal: i64) -> [Var<'_>; 2] {
    let shape = x.shape();
    let last = shape.ndim() - 2;
    sized(x, [shape[last], shape[last + 1]], diagonal)
}

fn sized(x: Var<'_>, [m, n]: [usize; 2], diagonal: i64) -> [Var<'_>; 2] {
    let count =
        |len: usize, start: f64| x.tape().apply(Iota { len, start, step: 1.0, dtype: crate::dtype::DType::Int32 }, &[]);
    [count(m, 0.0).reshape(Shape::of(&[m, 1])), count(n, -(diagonal as f64))]
}
