//! The matrix product through the tape against the plain triple loop: all small sizes, all signs of strides, all ways of
//! broadcasting.

mod common;

use common::{Rng, array, code, numbers, shape};
use wengert::array::Array;
use wengert::call;
use wengert::dtype::DType;
use wengert::tape::Tape;

fn matmul(a: &Array, b: &Array) -> Array {
    let tape = Tape::new();
    let (a, b) = (tape.leaf(a.clone()), tape.leaf(b.clone()));
    let y = call::call(&tape, code("matmul"), &[a, b], &[]).unwrap();
    tape.settle(&[y]).unwrap();
    tape.read(y).unwrap()
}

/// Small whole numbers: every sum is exact, in any order.
fn whole(dims: &[usize], dtype: DType, rng: &mut Rng) -> Array {
    let values: Vec<f64> = (0..dims.iter().product()).map(|_| rng.below(9) as f64 - 4.0).collect();
    array(dims, dtype, &values)
}

/// `a · b` with leading dimensions broadcast, by the definition.
fn plain(a: &Array, b: &Array) -> (Vec<usize>, Vec<f64>) {
    let (sa, sb) = (a.shape(), b.shape());
    let (la, lb) = (sa.ndim() - 2, sb.ndim() - 2);
    let (m, k, n) = (sa[la], sa[la + 1], sb[lb + 1]);
    let leading = shape(&sa[..la]).broadcast(&shape(&sb[..lb])).unwrap();
    let all = |x: &Array, rows: usize, columns: usize| {
        let dims: Vec<usize> = leading.iter().copied().chain([rows, columns]).collect();
        numbers(&x.view(x.layout().expand(shape(&dims))))
    };
    let (va, vb) = (all(a, m, k), all(b, k, n));
    let mut out = Vec::new();
    for batch in 0..leading.size() {
        for i in 0..m {
            for j in 0..n {
                let term = |l: usize| va[(batch * m + i) * k + l] * vb[(batch * k + l) * n + j];
                out.push((0..k).map(term).sum());
            }
        }
    }
    (leading.iter().copied().chain([m, n]).collect(), out)
}

fn check(a: &Array, b: &Array, what: &str) {
    let (y, (dims, expected)) = (matmul(a, b), plain(a, b));
    assert_eq!(y.shape(), shape(&dims), "{what}");
    assert_eq!(numbers(&y), expected, "{what}");
}

#[test]
fn all_sizes_up_to_two_tiles_and_one() {
    let mut rng = Rng(1);
    for dtype in [DType::Float32, DType::Float64] {
        for m in 0..=9 {
            for k in [0, 1, 2, 3, 8, 17] {
                for n in 0..=17 {
                    let (a, b) = (whole(&[m, k], dtype, &mut rng), whole(&[k, n], dtype, &mut rng));
                    check(&a, &b, &format!("[{m}, {k}] · [{k}, {n}] {dtype:?}"));
                }
            }
        }
        for [m, k, n] in [[65, 300, 33], [4, 1000, 8], [1, 700, 50], [50, 700, 1], [130, 5, 270]] {
            let (a, b) = (whole(&[m, k], dtype, &mut rng), whole(&[k, n], dtype, &mut rng));
            check(&a, &b, &format!("[{m}, {k}] · [{k}, {n}] {dtype:?}"));
        }
    }
}

#[test]
fn all_signs_and_orders_of_strides() {
    let mut rng = Rng(2);
    for dtype in [DType::Float32, DType::Float64] {
        for [m, k, n] in [[5, 7, 9], [4, 8, 8], [1, 6, 3], [9, 3, 1], [17, 19, 21]] {
            // A matrix of these sizes that lies by rows or by columns, with steps that may be backwards, or repeats.
            let lay = |rows: usize, columns: usize, variant: usize, rng: &mut Rng| {
                let (transposed, step_r, step_c) =
                    (variant & 1 != 0, [1, -1, 2, -3][variant >> 1 & 3], [1, -1, 2, -2][variant >> 3 & 3]);
                let host = [rows * 3, columns * 2];
                let x = whole(&if transposed { [host[1], host[0]] } else { host }, dtype, rng);
                let layout = if transposed { x.layout().permute(&[1, 0]) } else { x.layout() };
                let first = |size: usize, step: isize| if step < 0 { (size - 1) * step.unsigned_abs() } else { 0 };
                let layout = layout.slice(0, first(rows, step_r), rows, step_r);
                x.view(layout.slice(1, first(columns, step_c), columns, step_c))
            };
            for va in 0..32 {
                for vb in 0..32 {
                    let (a, b) = (lay(m, k, va, &mut rng), lay(k, n, vb, &mut rng));
                    check(&a, &b, &format!("{m} {k} {n}, layouts {va} and {vb}, {dtype:?}"));
                }
            }
            let row = whole(&[1, k], dtype, &mut rng);
            let repeated = row.view(row.layout().expand(shape(&[m, k])));
            let b = lay(k, n, 0, &mut rng);
            check(&repeated, &b, "a row repeated");
            let column = whole(&[k, 1], dtype, &mut rng);
            let repeated = column.view(column.layout().expand(shape(&[k, n])));
            let a = lay(m, k, 0, &mut rng);
            check(&a, &repeated, "a column repeated");
        }
    }
}

#[test]
fn leading_dimensions_broadcast() {
    let mut rng = Rng(3);
    #[rustfmt::skip]
    let pairs: [(&[usize], &[usize]); 11] = [
        (&[2, 3, 4], &[4, 5]), (&[3, 4], &[2, 4, 5]), (&[2, 3, 4], &[2, 4, 5]), (&[1, 3, 4], &[6, 4, 5]),
        (&[2, 1, 3, 4], &[5, 4, 2]), (&[2, 1, 3, 4], &[1, 5, 4, 2]), (&[2, 3, 3, 4], &[3, 4, 2]), (&[0, 3, 4], &[4, 5]),
        (&[2, 0, 4], &[4, 5]), (&[2, 3, 0], &[0, 5]), (&[2, 1, 2, 1, 2, 3, 4], &[3, 1, 2, 1, 4, 2]),
    ];
    for (a, b) in pairs {
        let (x, y) = (whole(a, DType::Float64, &mut rng), whole(b, DType::Float64, &mut rng));
        check(&x, &y, &format!("{a:?} · {b:?}"));
        // The same with the leading dimensions of the left operand in reverse order in memory.
        let lead = a.len() - 2;
        let order: Vec<usize> = (0..lead).rev().chain([lead, lead + 1]).collect();
        let turned: Vec<usize> = order.iter().map(|&k| a[k]).collect();
        let z = whole(&turned, DType::Float64, &mut rng);
        let mut inverse = order.clone();
        order.iter().enumerate().for_each(|(k, &axis)| inverse[axis] = k);
        check(&z.view(z.layout().permute(&inverse)), &y, &format!("{a:?} · {b:?}, permuted"));
    }
}

#[test]
fn vectors_are_rows_on_the_left_and_columns_on_the_right() {
    let mut rng = Rng(4);
    let f64s = |dims: &[usize], rng: &mut Rng| whole(dims, DType::Float64, rng);
    let (v, m, b) = (f64s(&[4], &mut rng), f64s(&[4, 3], &mut rng), f64s(&[2, 4, 3], &mut rng));
    let row = v.view(v.layout().reshape(shape(&[1, 4])).unwrap());
    let column = v.view(v.layout().reshape(shape(&[4, 1])).unwrap());
    let w = f64s(&[2, 5, 4], &mut rng);
    for (y, expected, dims) in [
        (matmul(&v, &m), plain(&row, &m).1, &[3][..]),
        (matmul(&v, &b), plain(&row, &b).1, &[2, 3]),
        (matmul(&w, &v), plain(&w, &column).1, &[2, 5]),
        (matmul(&v, &v), plain(&row, &column).1, &[]),
    ] {
        assert_eq!(y.shape(), shape(dims));
        assert_eq!(numbers(&y), expected);
    }
}

#[test]
fn rounding_is_within_the_bound_of_the_plain_sum() {
    let mut rng = Rng(5);
    let (m, k, n) = (33, 500, 29);
    for (dtype, eps) in [(DType::Float32, f64::from(f32::EPSILON)), (DType::Float64, f64::EPSILON)] {
        let a = array(&[m, k], dtype, &rng.reals(m * k, -1.0, 1.0));
        let b = array(&[k, n], dtype, &rng.reals(k * n, -1.0, 1.0));
        let (found, exact) = (numbers(&matmul(&a, &b)), plain(&a, &b).1);
        // |error| <= k eps Σ |a| |b| (Higham, Accuracy and Stability of Numerical Algorithms, 3.5).
        let bound = k as f64 * eps * k as f64;
        assert!(found.iter().zip(&exact).all(|(f, e)| (f - e).abs() <= bound));
        let mean: f64 = found.iter().zip(&exact).map(|(f, e)| (f - e).abs()).sum::<f64>() / found.len() as f64;
        assert!(mean <= 20.0 * eps, "the mean error {mean} is far above that of rounding");
    }
}

#[test]
fn infinities_and_nan_reach_only_their_rows_and_columns() {
    let mut rng = Rng(6);
    for dtype in [DType::Float32, DType::Float64] {
        let mut values = numbers(&whole(&[9, 5], dtype, &mut rng));
        values[3 * 5 + 2] = f64::NAN;
        let (a, b) = (array(&[9, 5], dtype, &values), whole(&[5, 11], dtype, &mut rng));
        for (place, y) in numbers(&matmul(&a, &b)).into_iter().enumerate() {
            assert_eq!(y.is_nan(), place / 11 == 3, "element {place}");
        }
    }
}
