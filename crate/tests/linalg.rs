//! Linear algebra where it is hard: equal and zero eigenvalues and singular values, empty and large matrices, what is not
//! finite, what is singular.

mod common;

use common::{Rng, all_near, array, code, float64, near, numbers};
use wengert::array::Array;
use wengert::call;
use wengert::dtype::DType;
use wengert::error::{Code, Result};
use wengert::tape::Tape;
use wengert::var::Var;

fn run(name: &str, x: &[Array], attrs: &[f64]) -> Result<Array> {
    let tape = Tape::new();
    let x: Vec<Var<'_>> = x.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = call::call(&tape, code(name), &x, attrs)?;
    tape.settle(&[y])?;
    tape.read(y)
}

/// The gradient of the sum of what an operation gives.
fn gradient(name: &str, x: &Array) -> Result<Vec<f64>> {
    let tape = Tape::new();
    tape.begin();
    let x = tape.variable(tape.leaf(x.clone()))?;
    let y = call::call(&tape, code(name), &[x], &[])?;
    let g = tape.pullback(&[y], &[None], &[x], true)?;
    tape.end(&g)?;
    Ok(numbers(&tape.read(g[0])?))
}

/// `a b` of row-major matrices.
fn product(a: &[f64], b: &[f64], [m, k, n]: [usize; 3]) -> Vec<f64> {
    (0..m * n).map(|at| (0..k).map(|l| a[at / n * k + l] * b[l * n + at % n]).sum()).collect()
}

fn transposed(a: &[f64], n: usize) -> Vec<f64> {
    let m = a.len().checked_div(n).unwrap_or(0);
    (0..a.len()).map(|k| a[k % m * n + k / m]).collect()
}

fn identity(n: usize) -> Vec<f64> {
    (0..n * n).map(|k| f64::from(u8::from(k / n == k % n))).collect()
}

/// Symmetric matrices `V diag(w) Vᵀ` with these eigenvalues.
fn symmetric(w: &[f64], rng: &mut Rng) -> Vec<f64> {
    let n = w.len();
    let q = numbers(&run("linalg.qr", &[float64(&[n, n], &rng.reals(n * n, -1.0, 1.0))], &[]).unwrap());
    let v = &q[..n * n];
    let scaled: Vec<f64> = (0..n * n).map(|k| v[k] * w[k % n]).collect();
    product(&scaled, &transposed(v, n), [n, n, n])
}

#[test]
fn eigenvectors_are_orthonormal_and_give_the_matrix_back() {
    let mut rng = Rng(3);
    let mut cases = vec![
        symmetric(&[2.0, 2.0, 2.0, -1.0, -1.0, 0.0, 0.0], &mut rng),
        symmetric(&[1.0, 1e-9, 1e-12, 0.0, -1e6], &mut rng),
        vec![0.0; 9],
        identity(4),
        vec![-3.0],
        Vec::new(),
        vec![0.0, 1.0, 1.0, 0.0],
    ];
    cases.push(symmetric(&rng.reals(60, -1.0, 1.0), &mut rng));
    for a in cases {
        let n = a.len().isqrt();
        let y = numbers(&run("linalg.eigh", &[float64(&[n, n], &a)], &[]).unwrap());
        let (v, w) = y.split_at(n * n);
        assert!(w.is_sorted(), "{w:?}");
        let size = a.iter().fold(1.0f64, |m, x| m.max(x.abs()));
        assert!(all_near(&product(&transposed(v, n), v, [n, n, n]), &identity(n), 1e-13));
        let scaled: Vec<f64> = (0..n * n).map(|k| v[k] * w[k % n] / size).collect();
        let a: Vec<f64> = a.iter().map(|a| a / size).collect();
        assert!(all_near(&product(&scaled, &transposed(v, n), [n, n, n]), &a, 1e-13));
    }
}

#[test]
fn singular_vectors_are_orthonormal_and_give_the_matrix_back() {
    let mut rng = Rng(4);
    let low: Vec<f64> = product(&rng.reals(10, -1.0, 1.0), &rng.reals(8, -1.0, 1.0), [5, 2, 4]);
    let mut cases = vec![
        (5, 4, low),
        (3, 3, vec![0.0; 9]),
        (4, 4, identity(4)),
        (1, 1, vec![-2.0]),
        (3, 1, vec![0.0, 3.0, 4.0]),
        (1, 3, vec![0.0, 3.0, 4.0]),
        (0, 0, Vec::new()),
        (3, 0, Vec::new()),
        (0, 2, Vec::new()),
        (2, 2, vec![1e-200, 0.0, 0.0, 1e200]),
        (4, 3, vec![1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0]),
    ];
    cases.push((50, 40, rng.reals(2000, -1.0, 1.0)));
    for (m, n, a) in cases {
        let y = numbers(&run("linalg.svd", &[float64(&[m, n], &a)], &[]).unwrap());
        let k = m.min(n);
        let (u, rest) = y.split_at(m * k);
        let (v, s) = rest.split_at(n * k);
        assert!(s.iter().rev().is_sorted() && s.iter().all(|&s| s >= 0.0), "{s:?}");
        assert!(all_near(&product(&transposed(u, k), u, [k, m, k]), &identity(k), 1e-13), "{m} {n} {u:?}");
        assert!(all_near(&product(&transposed(v, k), v, [k, n, k]), &identity(k), 1e-13), "{m} {n} {v:?}");
        let size = a.iter().fold(1.0f64, |m, x| m.max(x.abs()));
        let scaled: Vec<f64> = (0..m * k).map(|at| u[at] * s[at % k] / size).collect();
        let a: Vec<f64> = a.iter().map(|a| a / size).collect();
        assert!(all_near(&product(&scaled, &transposed(v, k), [m, k, n]), &a, 1e-13));
        let y = numbers(&run("linalg.qr", &[float64(&[m, n], &a)], &[]).unwrap());
        let (q, rt) = y.split_at(m * k);
        assert!(all_near(&product(&transposed(q, k), q, [k, m, k]), &identity(k), 1e-13));
        assert!(all_near(&product(q, &transposed(rt, k), [m, k, n]), &a, 1e-13));
    }
}

#[test]
fn equal_values_have_finite_derivatives() {
    for name in ["linalg.eigh", "linalg.svd", "linalg.pinv"] {
        for a in [identity(3), vec![0.0; 9]] {
            let g = gradient(name, &float64(&[3, 3], &a)).unwrap();
            assert!(g.iter().all(|g| g.is_finite()), "{name} {g:?}");
        }
    }
}

#[test]
fn determinants_of_singular_matrices() {
    let mut rng = Rng(5);
    let one = product(&rng.reals(6, -1.0, 1.0), &rng.reals(6, -1.0, 1.0), [3, 2, 3]);
    let zero = product(&rng.reals(3, -1.0, 1.0), &rng.reals(3, -1.0, 1.0), [3, 1, 3]);
    for a in [one, zero, vec![0.0; 9], vec![1.0, 2.0, 0.0, 2.0, 4.0, 0.0, 1.0, 1.0, 0.0]] {
        let at = |i: usize, j: usize| a[i % 3 * 3 + j % 3];
        let expected: Vec<f64> = (0..9)
            .map(|k| (k / 3, k % 3))
            .map(|(i, j)| at(i + 1, j + 1) * at(i + 2, j + 2) - at(i + 1, j + 2) * at(i + 2, j + 1))
            .collect();
        let x = float64(&[3, 3], &a);
        assert!(near(run("linalg.det", std::slice::from_ref(&x), &[]).unwrap().item(), 0.0, 1e-15));
        let g = gradient("linalg.det", &x).unwrap();
        assert!(all_near(&g, &expected, 1e-14), "{g:?} for {expected:?}");
    }
    let zero = float64(&[2, 2], &[1.0, 2.0, 2.0, 4.0]);
    assert_eq!(numbers(&run("linalg.slogdet", &[zero], &[]).unwrap()), [0.0, f64::NEG_INFINITY]);
    assert_eq!(run("linalg.det", &[float64(&[0, 0], &[])], &[]).unwrap().item(), 1.0);
}

#[test]
fn refusals_name_the_matrix_of_the_batch() {
    let batch = float64(&[3, 2, 2], &[2.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 4.0, 0.0, 0.0, 4.0]);
    let alone = float64(&[2, 2], &[1.0, 2.0, 2.0, 1.0]);
    let b = float64(&[2], &[1.0, 1.0]);
    let sentence = |name: &str, x: &[Array]| {
        let e = run(name, x, &[]).unwrap_err();
        assert_eq!(e.code(), Code::Value);
        e.to_string()
    };
    assert_eq!(
        sentence("linalg.cholesky", std::slice::from_ref(&batch)),
        "linalg.cholesky: the matrix must be positive definite, got one that is not, number 2 of 3 in the batch"
    );
    assert_eq!(
        sentence("linalg.cholesky", &[alone]),
        "linalg.cholesky: the matrix must be positive definite, got one that is not"
    );
    assert_eq!(
        sentence("linalg.inv", std::slice::from_ref(&batch)),
        "linalg.inv: the matrix must be invertible, got one that is not, number 2 of 3 in the batch"
    );
    assert_eq!(
        sentence("linalg.solve", &[batch, b]),
        "linalg.solve: the matrix must be invertible, got one that is not, number 2 of 3 in the batch"
    );
}

#[test]
fn what_is_not_a_number_stays_so() {
    let x = float64(&[2, 2], &[f64::NAN, 1.0, 1.0, 2.0]);
    for name in ["inv", "det", "cholesky", "qr", "eigh", "svd", "pinv", "expm"] {
        let y = numbers(&run(&format!("linalg.{name}"), std::slice::from_ref(&x), &[]).unwrap());
        assert!(y.iter().any(|y| y.is_nan()), "{name} {y:?}");
    }
}

#[test]
fn exponentials_of_large_and_nilpotent_matrices() {
    let turn = run("linalg.expm", &[float64(&[2, 2], &[0.0, -100.0, 100.0, 0.0])], &[]).unwrap();
    let (c, s) = (100.0f64.cos(), 100.0f64.sin());
    assert!(all_near(&numbers(&turn), &[c, -s, s, c], 1e-12));
    let up = run("linalg.expm", &[float64(&[2, 2], &[0.0, 7.0, 0.0, 0.0])], &[]).unwrap();
    assert!(all_near(&numbers(&up), &[1.0, 7.0, 0.0, 1.0], 1e-15));
    let zero = run("linalg.expm", &[float64(&[2, 2], &[0.0; 4])], &[]).unwrap();
    assert_eq!(numbers(&zero), [1.0, 0.0, 0.0, 1.0]);
}

#[test]
fn float32_is_rounded_once() {
    let a = Rng(9).reals(16, -1.0, 1.0);
    let narrow = array(&[4, 4], DType::Float32, &a);
    let wide = float64(&[4, 4], &numbers(&narrow));
    for name in ["qr", "eigh", "svd", "inv", "expm", "det"] {
        let [narrow, wide] =
            [&narrow, &wide].map(|x| run(&format!("linalg.{name}"), std::slice::from_ref(x), &[]).unwrap());
        assert_eq!(narrow.dtype, DType::Float32);
        assert!(all_near(&numbers(&narrow), &numbers(&wide), 1e-6), "{name}");
    }
    let x = array(&[2, 2], DType::Float32, &[2.0, 1.0, 1.0, 2.0]);
    assert_eq!(numbers(&run("linalg.eigh", std::slice::from_ref(&x), &[]).unwrap())[4..], [1.0, 3.0]);
    assert_eq!(run("linalg.det", &[x], &[]).unwrap().item(), 3.0);
    let zero = run("linalg.matrixPower", &[float64(&[2, 2], &a[..4])], &[0.0]).unwrap();
    assert_eq!(numbers(&zero), [1.0, 0.0, 0.0, 1.0]);
}
