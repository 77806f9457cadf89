//! Rows of matrices in double precision: what factorisations are made of. Sums go from the first term to the last.
//!
//! Never inlined, as all that is to be compiled here (see [`crate::find`]).

/// `Σ a b`.
#[inline(never)]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `y += c x`.
#[inline(never)]
pub fn add(y: &mut [f64], c: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += c * x);
}

/// `y -= c x`.
#[inline(never)]
pub fn subtract(y: &mut [f64], c: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y -= c * x);
}

/// The rotation of two rows: `(c p - s q, s p + c q)`.
#[inline(never)]
pub fn rotate((p, q): (&mut [f64], &mut [f64]), c: f64, s: f64) {
    for (p, q) in p.iter_mut().zip(q) {
        (*p, *q) = (c * *p - s * *q, s * *p + c * *q);
    }
}
