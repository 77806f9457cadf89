//! Linear algebra over the last two dimensions: factorisations, systems and what is made of them.

use crate::call::{Call, Kind, Operand, Sample, Spec, native, notes, option, param};
use crate::compose::triangle;
use crate::error::{Code, Result};
use crate::op::{broadcast, same_dtype};
use crate::ops::cholesky::Cholesky;
use crate::ops::determinant::Determinant;
use crate::ops::eigh::Eigh;
use crate::ops::expm::Expm;
use crate::ops::lu::{Lu, Solve};
use crate::ops::matrices::{Must, last, leading, resized, rows, sizes, square, stacked};
use crate::ops::pinv::Pinv;
use crate::ops::qr::Qr;
use crate::ops::slice::{Range, Slice};
use crate::ops::svd::Svd;
use crate::ops::triangular::TriangularSolve;
use crate::real::Real;
use crate::shape::Shape;
use crate::var::Var;

const A: Operand = Operand::Dominant(&[3, 3]);
const BATCH: Operand = Operand::Dominant(&[2, 3, 3]);
const TALL: Operand = Operand::Dominant(&[4, 3]);
const WIDE: Operand = Operand::Dominant(&[2, 3, 4]);
const B: Operand = Operand::Real(&[3, 2], -1.0, 1.0);
const VECTOR: Operand = Operand::Real(&[3], -1.0, 1.0);

const ONE: &[Sample] = &[Sample { x: &[A], attrs: &[] }, Sample { x: &[BATCH], attrs: &[] }];
const RECTANGULAR: &[Sample] = &[Sample { x: &[TALL], attrs: &[] }, Sample { x: &[WIDE], attrs: &[] }];

pub const SPECS: &[Spec] = &[
    Spec {
        name: "linalg.triangularSolve",
        doc: native(
            "The x with a x = b, or aᵀ x = b, for a triangular a `[.., n, n]`, b and x `[.., n, k]` or a vector `[n]`; leading dimensions broadcast. Only one triangle of a is read. A zero on its diagonal is an error.",
        ),
        notes: notes("b gets h, the solution of aᵀ h = g; a gets -h xᵀ in its triangle", "O(n² k)"),
        inputs: &["a", "b"],
        attrs: &[option("lower", Kind::Bool, "true"), option("transpose", Kind::Bool, "false")],
        dtypes: "float",
        build: |c| {
            let (a, b, vector) = system(c)?;
            let (lower, transpose) = (c.bool()?, c.bool()?);
            let must = Must::invert("linalg.triangularSolve");
            let [a, b] = stretched(c, a, b)?;
            let y = c.tape.record(TriangularSolve { lower, transpose, must }, &[a, b])?;
            Ok(without_column(y, vector))
        },
        samples: native(&[
            Sample { x: &[A, B], attrs: &[1.0, 0.0] },
            Sample { x: &[A, VECTOR], attrs: &[0.0, 0.0] },
            Sample { x: &[BATCH, B], attrs: &[1.0, 1.0] },
            Sample { x: &[A, Operand::Real(&[2, 3, 2], -1.0, 1.0)], attrs: &[0.0, 1.0] },
        ]),
    },
    Spec {
        name: "linalg.cholesky",
        doc: native(
            "The lower triangular L with L Lᵀ = (x + xᵀ) / 2, `[.., n, n] -> [.., n, n]`; the derivative is symmetric in x. A matrix that is not positive definite is an error.",
        ),
        notes: notes(
            "with Φ the lower triangle, its diagonal halved, and P = Φ(Lᵀ g): x gets the symmetric part of L⁻ᵀ P L⁻¹ (Murray, 2016)",
            "O(n³)",
        ),
        inputs: &["x"],
        attrs: &[],
        dtypes: "float",
        build: |c| {
            let x = symmetric(c)?;
            c.tape.perform(Cholesky, &[x])
        },
        samples: native(ONE),
    },
    Spec {
        name: "linalg.solve",
        doc: native(
            "The x with a x = b, by LU with partial pivoting: a `[.., n, n]`, b and x `[.., n, k]` or a vector `[n]`; leading dimensions broadcast. A singular matrix is an error.",
        ),
        notes: notes("b gets h, the solution of aᵀ h = g; a gets -h xᵀ (Giles, 2008)", "O(n³ + n² k)"),
        inputs: &["a", "b"],
        attrs: &[],
        dtypes: "float",
        build: |c| {
            let (a, b, vector) = system(c)?;
            Ok(without_column(solve(c, a, b, false)?, vector))
        },
        samples: native(&[
            Sample { x: &[A, B], attrs: &[] },
            Sample { x: &[BATCH, VECTOR], attrs: &[] },
            Sample { x: &[A, Operand::Real(&[2, 3, 2], -1.0, 1.0)], attrs: &[] },
        ]),
    },
    Spec {
        name: "linalg.inv",
        doc: native("The y with x y = 1, `[.., n, n] -> [.., n, n]`. A singular matrix is an error."),
        notes: notes("x gets -yᵀ g yᵀ", "O(n³)"),
        inputs: &["x"],
        attrs: &[],
        dtypes: "float",
        build: |c| inverse(c, c.x[0]),
        samples: native(ONE),
    },
    Spec {
        name: "linalg.det",
        doc: native(
            "The determinant, `[.., n, n] -> [..]`. Its derivative is the matrix of cofactors, also where x is singular; further derivatives exist where it is not.",
        ),
        notes: notes("x gets g times the matrix of cofactors, y x⁻ᵀ where x has an inverse", "O(n³)"),
        inputs: &["x"],
        attrs: &[],
        dtypes: "float",
        build: |c| c.tape.perform(Determinant::Value, c.x),
        samples: native(ONE),
    },
    Spec {
        name: "linalg.slogdet",
        doc: native(
            "The sign of the determinant and the logarithm of its magnitude, `[.., n, n] -> [.., 2]`; 0 and -Infinity of a singular matrix.",
        ),
        notes: notes("x gets x⁻ᵀ times the g of the logarithm; the sign has none", "O(n³)"),
        inputs: &["x"],
        attrs: &[],
        dtypes: "float",
        build: |c| c.tape.perform(Determinant::Log, c.x),
        samples: native(ONE),
    },
    Spec {
        name: "linalg.qr",
        doc: native(
            "The factors of x = q r, one above the other: q `[.., m, k]` with orthonormal columns and rᵀ `[.., n, k]`, k the smaller of m and n. The derivative exists where the first k columns are independent.",
        ),
        notes: notes(
            "for m ≥ n, with M = r ḡᵣᵀ - ḡ_qᵀ q: x gets (ḡ_q + q copyltu(M)) r⁻ᵀ, where copyltu mirrors the lower triangle (Walter and Lehmann, 2018)",
            "O(m n k)",
        ),
        inputs: &["x"],
        attrs: &[],
        dtypes: "float",
        build: qr,
        samples: native(RECTANGULAR),
    },
    Spec {
        name: "linalg.eigh",
        doc: native(
            "Eigenvectors of (x + xᵀ) / 2 in columns, `[.., n, n]`, and below them the eigenvalues in ascending order, `[.., 1, n]`.",
        ),
        notes: notes(
            "x gets the symmetric part of v (diag(g_w) + F ∘ (vᵀ g_v)) vᵀ, with F_ij = 1 / (w_j - w_i), 0 where they are equal (Giles, 2008)",
            "O(n³) a sweep of Jacobi rotations, about seven of them",
        ),
        inputs: &["x"],
        attrs: &[],
        dtypes: "float",
        build: |c| {
            let x = symmetric(c)?;
            c.tape.perform(Eigh, &[x])
        },
        samples: native(ONE),
    },
    Spec {
        name: "linalg.svd",
        doc: native(
            "The factors of x = u diag(s) vᵀ, one above the other: u `[.., m, k]`, v `[.., n, k]` and s `[.., 1, k]` in descending order, k the smaller of m and n.",
        ),
        notes: notes(
            "x gets u diag(g_s) vᵀ and what u and v add with F_ij = 1 / (s_j² - s_i²), 0 where they are equal (Townsend, 2016)",
            "O(m n k) a sweep of Jacobi rotations",
        ),
        inputs: &["x"],
        attrs: &[],
        dtypes: "float",
        build: svd,
        samples: native(RECTANGULAR),
    },
    Spec {
        name: "linalg.pinv",
        doc: native(
            "The pseudoinverse, `[.., m, n] -> [.., n, m]`, from the singular values above max(m, n) ε times the largest. Its derivative is that along matrices of the same rank (Golub and Pereyra, 1973).",
        ),
        notes: notes("x gets -yᵀ g yᵀ + (1 - x y) gᵀ y yᵀ + yᵀ y gᵀ (1 - y x)", "that of svd"),
        inputs: &["x"],
        attrs: &[],
        dtypes: "float",
        build: |c| pinv(c, c.x[0]),
        samples: native(RECTANGULAR),
    },
    Spec {
        name: "linalg.lstsq",
        doc: native(
            "The x that minimises |a x - b|, of these the shortest: the pseudoinverse of a times b, for a `[.., m, n]`, b `[.., m, k]` or a vector `[m]`, x `[.., n, k]` or `[.., n]`; leading dimensions broadcast.",
        ),
        notes: notes("b gets pinv(a)ᵀ g, a what pinv gives", "that of svd"),
        inputs: &["a", "b"],
        attrs: &[],
        dtypes: "float",
        build: |c| {
            let (a, b, vector) = system(c)?;
            let inverse = pinv(c, a)?;
            Ok(without_column(c.tape.record(crate::ops::matmul::MatMul::default(), &[inverse, b])?, vector))
        },
        samples: native(&[
            Sample { x: &[TALL, Operand::Real(&[4, 2], -1.0, 1.0)], attrs: &[] },
            Sample { x: &[WIDE, VECTOR], attrs: &[] },
        ]),
    },
    Spec {
        name: "linalg.matrixPower",
        doc: native(
            "The product of n factors x, by repeated squaring; of its inverse where n is negative: `[.., m, m] -> [.., m, m]`.",
        ),
        notes: notes("x gets Σ_k (xᵀ)ᵏ g (xᵀ)ⁿ⁻¹⁻ᵏ", "O(m³ log n)"),
        inputs: &["x"],
        attrs: &[param("n", Kind::Int)],
        dtypes: "float",
        build: power,
        samples: native(&[Sample { x: &[BATCH], attrs: &[5.0] }, Sample { x: &[A], attrs: &[-2.0] }]),
    },
    Spec {
        name: "linalg.expm",
        doc: native(
            "The exponential Σ xᵏ / k! of a matrix, `[.., n, n] -> [.., n, n]`, by scaling and squaring (Higham, 2005).",
        ),
        notes: notes(
            "x gets the upper right block of expm([[xᵀ, g], [0, xᵀ]]) (Van Loan, 1978)",
            "O(n³), with log2 of the norm more products",
        ),
        inputs: &["x"],
        attrs: &[],
        dtypes: "float",
        build: |c| c.tape.perform(Expm, c.x),
        samples: native(ONE),
    },
];

/// `(x + xᵀ) / 2`.
fn symmetric<'t>(c: &Call<'_, 't>) -> Result<Var<'t>> {
    square(c.op, c.x[0].aval())?;
    let x = c.x[0];
    Ok((x + x.transpose_last()) * x.lit(0.5))
}

/// The operands of a system, b with columns, and whether it was a vector.
fn system<'t>(c: &Call<'_, 't>) -> Result<(Var<'t>, Var<'t>, bool)> {
    let [a, b] = [c.x[0], c.x[1]];
    same_dtype(c.op, &[a.aval(), b.aval()])?;
    let [m, _] = sizes(c.op, a.aval())?;
    let shape = b.shape();
    let vector = shape.ndim() == 1;
    if shape.ndim() == 0 || shape[if vector { 0 } else { shape.ndim() - 2 }] != m {
        let sentence = format!("b must have as many rows as a, got {} for {}", shape, a.shape());
        return c.refuse(Code::Shape, sentence);
    }
    Ok((a, if vector { b.reshape(Shape::of(&[m, 1])) } else { b }, vector))
}

/// The result of a system whose right side was a vector.
fn without_column(y: Var<'_>, vector: bool) -> Var<'_> {
    let shape = y.shape();
    if vector { y.reshape(Shape::of(&shape[..shape.ndim() - 1])) } else { y }
}

/// A square a and b with the leading dimensions of both.
fn stretched<'t>(c: &Call<'_, 't>, a: Var<'t>, b: Var<'t>) -> Result<[Var<'t>; 2]> {
    square(c.op, a.aval())?;
    let part = |x: Var<'t>| crate::op::Aval::new(leading(x.shape()), x.dtype());
    let Ok(shape) = broadcast(c.op, &[part(a), part(b)]) else {
        let sentence = format!("leading dimensions must be equal or 1, got {} and {}", a.shape(), b.shape());
        return c.refuse(Code::Shape, sentence);
    };
    Ok([a, b].map(|x| x.expand(with_matrices(shape, last(x.shape())))))
}

fn with_matrices(mut leading: Shape, [m, n]: [usize; 2]) -> Shape {
    leading.push(m);
    leading.push(n);
    leading
}

/// `a⁻¹ b` in the name of the operation that is called; a is factored once.
fn solve<'t>(c: &Call<'_, 't>, a: Var<'t>, b: Var<'t>, transpose: bool) -> Result<Var<'t>> {
    let [wide, b] = stretched(c, a, b)?;
    let [n, _] = last(a.shape());
    let lu = a.apply(Lu).expand(resized(wide.shape(), [n + 1, n]));
    c.tape.record(Solve { transpose, must: Must::invert(c.op) }, &[wide, b, lu])
}

fn inverse<'t>(c: &Call<'_, 't>, x: Var<'t>) -> Result<Var<'t>> {
    let n = square(c.op, x.aval())?;
    solve(c, x, triangle::identity(x, n), false)
}

fn pinv<'t>(c: &Call<'_, 't>, x: Var<'t>) -> Result<Var<'t>> {
    let [m, n] = sizes(c.op, x.aval())?;
    if m >= n {
        return c.tape.perform(Pinv, &[x]);
    }
    Ok(c.tape.record(Pinv, &[x.transpose_last()])?.transpose_last())
}

fn qr<'t>(c: &mut Call<'_, 't>) -> Result<Var<'t>> {
    let x = c.x[0];
    let [m, n] = sizes(c.op, x.aval())?;
    if m >= n {
        return c.tape.perform(Qr, &[x]);
    }
    // The other columns are multiples of those of q.
    let shape = x.shape();
    let columns =
        |start: usize, len: usize| x.apply(Slice::along(&shape, shape.ndim() - 1, Range { start, len, step: 1 }));
    let y = c.tape.record(Qr, &[columns(0, m)])?;
    let others = columns(m, n - m).transpose_last().matmul(rows(y, 0, m));
    Ok(stacked(&[y, others]))
}

fn svd<'t>(c: &mut Call<'_, 't>) -> Result<Var<'t>> {
    let x = c.x[0];
    let [m, n] = sizes(c.op, x.aval())?;
    if m >= n {
        return c.tape.perform(Svd { right: false }, &[x]);
    }
    let y = c.tape.record(Svd { right: true }, &[x.transpose_last()])?;
    Ok(stacked(&[rows(y, n, m), rows(y, 0, n), rows(y, m + n, 1)]))
}

fn power<'t>(c: &mut Call<'_, 't>) -> Result<Var<'t>> {
    let (x, n) = (c.x[0], c.int("n")?);
    let size = square(c.op, x.aval())?;
    let mut factor = if n < 0 { inverse(c, x)? } else { x };
    let (mut left, mut y) = (n.unsigned_abs(), None);
    while left > 0 {
        if left & 1 == 1 {
            y = Some(y.map_or(factor, |y: Var<'t>| y.matmul(factor)));
        }
        left >>= 1;
        if left > 0 {
            factor = factor.matmul(factor);
        }
    }
    Ok(y.unwrap_or_else(|| triangle::identity(x, size).expand(x.shape())))
}
