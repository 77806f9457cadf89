//! Reductions against sums in the promised order, in wider arithmetic, and against each other for every layout.

use super::*;

/// Numbers from -1 to 1.
fn samples(len: usize) -> Vec<f64> {
    let mut seed = 7_u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(seed >> 8) / 8_388_608.0 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// The order of the module's documentation, written down plainly.
fn promised<R: Reducer<T>, T: Copy>(x: &[T]) -> T {
    if x.is_empty() {
        return R::EMPTY;
    }
    let block = |x: &[T]| {
        let mut lanes = [R::NEUTRAL; 4];
        for leaf in x.chunks(32) {
            for (l, lane) in lanes.iter_mut().enumerate() {
                let mut numbers = leaf.iter().copied().skip(l).step_by(4);
                if let Some(first) = numbers.next() {
                    *lane = R::combine(*lane, numbers.fold(first, R::combine));
                }
            }
        }
        R::combine(R::combine(lanes[0], lanes[2]), R::combine(lanes[1], lanes[3]))
    };
    let mut blocks: Vec<T> = x.chunks(1024).map(block).collect();
    while blocks.len() > 1 {
        let pairs = blocks.chunks(2);
        blocks = pairs.map(|p| p.iter().copied().reduce(R::combine).unwrap()).collect();
    }
    blocks[0]
}

#[test]
fn any_number_of_threads() {
    for len in [1, 1025, 1 << 14, (1 << 14) + 1, 40_000, 100_001, 1_048_576, 1_100_003, 3_000_000] {
        let x: Vec<f32> = samples(len).into_iter().map(|x| x as f32).collect();
        let expected = promised::<Sum, f32>(&x);
        let twice: Vec<f32> = x.iter().flat_map(|&x| [x, 0.5]).collect();
        let check = || {
            // SAFETY: `len` places inside each.
            let sums =
                unsafe { [(&x, 1), (&twice, 2)].map(|(x, step)| fold_by_all::<Sum, f32>(x.as_ptr(), step, len)) };
            assert_eq!(sums, [expected; 2], "{len}");
        };
        check();
        crate::split::with_threads(2, check);
        crate::split::with_threads(3, check);
    }
}

const LENGTHS: [usize; 22] =
    [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 36, 63, 65, 100, 1023, 1024, 1025, 2049, 5000, 12345];

fn every_layout<R: Reducer<T>, T: Copy + PartialEq + std::fmt::Debug>(from: impl Fn(f64) -> T) {
    for len in LENGTHS {
        let x: Vec<T> = samples(len).into_iter().map(&from).collect();
        let expected = promised::<R, T>(&x);
        assert_eq!(fold::<R, T>(&x), expected, "{len}");
        for step in [-3_isize, -1, 2, 5] {
            let mut spread = vec![from(0.5); len * 5 + 1];
            let start = if step < 0 { len * 5 } else { 0 };
            for (i, &x) in x.iter().enumerate() {
                spread[start.wrapping_add_signed(i as isize * step)] = x;
            }
            // SAFETY: `len` places inside `spread`.
            let got = unsafe { fold_strided::<R, T>(spread.as_ptr().add(start), step, len) };
            assert_eq!(got, expected, "{len} at {step}");
        }
    }
    for width in [1, 3, 4, 17, 21, 260, 1030] {
        for len in [0, 1, 2, 3, 4, 5, 8, 9, 31, 33, 64, 100, 1025, 3100] {
            if width * len > 1_000_000 {
                continue;
            }
            let x: Vec<T> = samples(width * len).into_iter().map(&from).collect();
            let mut out = vec![from(0.5); width];
            for (start, step) in [(0, width as isize), (width * len.max(1) - width, -(width as isize))] {
                let start = x.as_ptr().wrapping_add(start);
                // SAFETY: `len` rows of `width` inside x.
                unsafe { fold_rows::<R, T>(&mut out, start, len, step) };
                for (j, &got) in out.iter().enumerate() {
                    let mut column: Vec<T> = (0..len).map(|i| x[i * width + j]).collect();
                    if step < 0 {
                        column.reverse();
                    }
                    assert_eq!(got, promised::<R, T>(&column), "column {j} of {len} x {width}");
                }
            }
        }
    }
}

#[test]
fn results_depend_on_the_numbers_alone() {
    every_layout::<Sum, f32>(|x| x as f32);
    every_layout::<Sum, f64>(|x| x);
    every_layout::<Prod, f32>(|x| x as f32 + 1.5);
    every_layout::<Max, f32>(|x| x as f32);
    every_layout::<Min, f64>(|x| x);
    every_layout::<Sum, i32>(|x| (x * 2e9) as i32);
    every_layout::<Prod, i32>(|x| (x * 100.0) as i32);
    every_layout::<Max, i32>(|x| (x * 100.0) as i32);
    every_layout::<Min, u8>(|x| u8::from(x < 0.99));
    every_layout::<Max, u8>(|x| u8::from(x > 0.99));
}

#[test]
fn long_sums_are_accurate() {
    let ones = vec![1.0_f32; 10_000_000];
    assert_eq!(fold::<Sum, f32>(&ones), 1e7);
    let mut out = [0.0_f32; 4];
    // SAFETY: 2.5 million rows of four.
    unsafe { fold_rows::<Sum, f32>(&mut out, ones.as_ptr(), ones.len() / 4, 4) };
    assert_eq!(out, [2.5e6; 4]);
    let x: Vec<f32> = samples(3_000_000).into_iter().map(|x| x as f32 + 1.0).collect();
    let exact: f64 = x.iter().map(|&x| f64::from(x)).sum();
    assert!((f64::from(fold::<Sum, f32>(&x)) / exact - 1.0).abs() < 3e-7);
}

#[test]
fn nan_is_never_lost() {
    for at in 0..70 {
        let mut x = vec![1.0_f32; 70];
        x[at] = f32::NAN;
        x[(at * 7 + 3) % 70] = if at % 2 == 0 { f32::NAN } else { 9.0 };
        x[at] = f32::NAN;
        assert!(fold::<Max, f32>(&x).is_nan() && fold::<Min, f32>(&x).is_nan());
        let first = x.iter().position(|x| x.is_nan()).unwrap();
        assert_eq!((arg::<Max, f32>(&x), arg::<Min, f32>(&x)), (first, first));
        let mut out = [0.0_f32; 2];
        let mut index = [0; 2];
        // SAFETY: 35 rows of two.
        unsafe {
            fold_rows::<Max, f32>(&mut out, x.as_ptr(), 35, 2);
            arg_rows::<Max, f32>(&mut index, x.as_ptr(), 35, 2);
        }
        assert!(out[at % 2].is_nan());
        assert_eq!(index[first % 2], first as i32 / 2);
    }
}

#[test]
fn zeros_keep_their_sign_and_nothing_is_the_empty_result() {
    assert_eq!(fold::<Sum, f32>(&[-0.0]).to_bits(), (-0.0_f32).to_bits());
    assert_eq!(fold::<Sum, f32>(&[]).to_bits(), 0);
    assert_eq!(fold::<Prod, f64>(&[]), 1.0);
}

#[test]
fn the_first_of_equal_extremes_is_found() {
    let x: Vec<i32> = samples(1000).into_iter().map(|x| (x * 20.0) as i32).collect();
    let max = *x.iter().max().unwrap();
    let min = *x.iter().min().unwrap();
    assert_eq!(arg::<Max, i32>(&x), x.iter().position(|&x| x == max).unwrap());
    assert_eq!(arg::<Min, i32>(&x), x.iter().position(|&x| x == min).unwrap());
    assert_eq!(arg::<Max, f64>(&[]), 0);
    let mut index = vec![7; 300];
    let rows: Vec<f64> = samples(3000).into_iter().map(|x| (x * 3.0).round()).collect();
    // SAFETY: ten rows of 300.
    unsafe { arg_rows::<Min, f64>(&mut index, rows.as_ptr(), 10, 300) };
    for (j, &got) in index.iter().enumerate() {
        let column: Vec<f64> = (0..10).map(|i| rows[i * 300 + j]).collect();
        assert_eq!(got as usize, arg::<Min, f64>(&column));
    }
}

#[test]
fn scans_go_both_ways() {
    let x = [3.0_f64, 1.0, 4.0, 1.0, 5.0];
    let mut y = [0.0; 5];
    // SAFETY: five places each.
    unsafe { scan::<f64>(y.as_mut_ptr(), 1, x.as_ptr(), 1, 5, false) };
    assert_eq!(y, [3.0, 4.0, 8.0, 9.0, 14.0]);
    // SAFETY: as above.
    unsafe { scan::<f64>(y.as_mut_ptr(), 1, x.as_ptr(), 1, 5, true) };
    assert_eq!(y, [0.0, 3.0, 4.0, 8.0, 9.0]);
    // SAFETY: as above, from the ends.
    unsafe { scan::<f64>(y.as_mut_ptr().add(4), -1, x.as_ptr().add(4), -1, 5, false) };
    assert_eq!(y, [14.0, 11.0, 10.0, 6.0, 5.0]);
    for exclusive in [false, true] {
        let (rows, width) = (6, 1037);
        let x = samples(rows * width);
        let (mut y, mut z) = (vec![0.0; rows * width], vec![0.0; rows]);
        let w = width as isize;
        // SAFETY: six rows of 1037, then each of their columns.
        unsafe {
            scan_rows::<f64>(y.as_mut_ptr(), w, x.as_ptr(), w, [rows, width], exclusive);
            for j in 0..width {
                scan::<f64>(z.as_mut_ptr(), 1, x.as_ptr().add(j), w, rows, exclusive);
                assert!((0..rows).all(|i| z[i] == y[i * width + j]));
            }
        }
    }
}

#[test]
fn running_sums_lose_nothing_on_the_way() {
    let n = 1_000_000;
    let (x, mut y) = (vec![0.1_f32; n], vec![0.0; n]);
    // SAFETY: n places each.
    unsafe { scan::<f32>(y.as_mut_ptr(), 1, x.as_ptr(), 1, n, false) };
    for (i, &y) in y.iter().enumerate() {
        let exact = f64::from(0.1_f32) * (i + 1) as f64;
        assert!((f64::from(y) - exact).abs() <= exact * 2f64.powi(-24) * 1.01, "{y} after {} terms", i + 1);
    }
    let (x, mut y) = ([1.0, f64::MAX, f64::MAX, -1.0, f64::NEG_INFINITY, 1.0], [0.0; 6]);
    // SAFETY: six places each.
    unsafe { scan::<f64>(y.as_mut_ptr(), 1, x.as_ptr(), 1, 6, false) };
    assert_eq!(y[..4], [1.0, f64::MAX, f64::INFINITY, f64::INFINITY]);
    assert!(y[4].is_nan() && y[5].is_nan());
}
