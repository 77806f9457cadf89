//! The product against the definition, at every edge of tiles and blocks, for every kind of stride.

use super::*;
use crate::split::with_threads;

/// What the tests need of an element beside arithmetic.
trait Sample: GemmElem + PartialEq + core::fmt::Debug {
    /// A number from -1 to 1 with few digits, and its exact value.
    fn sample(seed: &mut u32) -> Self;
    fn exact(self) -> f64;
    fn bits(self) -> u64;
    const EPSILON: f64;
}

macro_rules! sample {
    ($t:ident) => {
        impl Sample for $t {
            fn sample(seed: &mut u32) -> Self {
                *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (*seed >> 8) as $t / 8_388_608.0 - 1.0
            }
            fn exact(self) -> f64 {
                self.into()
            }
            fn bits(self) -> u64 {
                self.to_bits().into()
            }
            const EPSILON: f64 = $t::EPSILON as f64;
        }
    };
}
sample!(f32);
sample!(f64);

/// A matrix of the test: its elements, where (0, 0) is, and the strides.
struct Stored<T> {
    data: Vec<T>,
    start: usize,
    row: isize,
    col: isize,
}

impl<T: Sample> Stored<T> {
    /// Room for rows x cols at the given strides, every place (the unused ones as well) filled with samples.
    fn new(rows: usize, cols: usize, row: isize, col: isize, seed: &mut u32) -> Self {
        let reach = |count: usize, stride: isize| (count.max(1) - 1) as isize * stride;
        let (r, c) = (reach(rows, row), reach(cols, col));
        let (low, high) = (r.min(0) + c.min(0), r.max(0) + c.max(0));
        let data = (0..=high - low).map(|_| T::sample(seed)).collect();
        Stored { data, start: low.unsigned_abs(), row, col }
    }
    fn matrix(&self) -> Operand<'static, T> {
        let [row, col] = [self.row, self.col].map(Steps::even);
        Matrix { data: self.data.as_ptr().wrapping_add(self.start), row, col }
    }
    fn matrix_mut(&mut self) -> Target<'static, T> {
        Matrix { data: self.data.as_mut_ptr().wrapping_add(self.start), row: self.row, col: Steps::even(self.col) }
    }
    fn place(&self, i: usize, j: usize) -> usize {
        self.start.wrapping_add_signed(i as isize * self.row + j as isize * self.col)
    }
    fn get(&self, i: usize, j: usize) -> T {
        self.data[self.place(i, j)]
    }
}

/// The sum that the module's documentation promises, bit for bit.
fn promised<T: Sample>(k: usize, a: impl Fn(usize) -> T, b: impl Fn(usize) -> T, old: Option<T>) -> T {
    let mut total = old;
    let depth = block_depth::<T>(k);
    for p0 in (0..k).step_by(depth) {
        let sum = (p0..k.min(p0 + depth)).fold(T::ZERO, |sum, p| sum + a(p) * b(p));
        total = Some(total.map_or(sum, |t| t + sum));
    }
    total.unwrap_or(T::ZERO)
}

fn check<T: Sample>(
    [m, k, n]: [usize; 3],
    a: (isize, isize),
    b: (isize, isize),
    c: (isize, isize),
    accumulate: bool,
    seed: &mut u32,
) {
    let a = Stored::<T>::new(m, k, a.0, a.1, seed);
    let b = Stored::<T>::new(k, n, b.0, b.1, seed);
    let mut c = Stored::<T>::new(m, n, c.0, c.1, seed);
    let before = c.data.clone();
    let mut expected = c.data.iter().map(|x| x.bits()).collect::<Vec<_>>();
    for i in 0..m {
        for j in 0..n {
            let old = accumulate.then(|| c.get(i, j));
            let sum = promised(k, |p| a.get(i, p), |p| b.get(p, j), old);
            expected[c.place(i, j)] = sum.bits();
            let products = (0..k).map(|p| a.get(i, p).exact() * b.get(p, j).exact()).chain(old.map(T::exact));
            let (exact, size) = products.fold((0.0, 0.0), |(s, t), x| (s + x, t + x.abs()));
            assert!((sum.exact() - exact).abs() <= T::EPSILON * (k + 2) as f64 * size, "{m} {k} {n} at {i} {j}");
        }
    }
    let mut pack = vec![T::ZERO; pack_len::<T>([m, k, n], true)];
    let name = format!(
        "{m} x {k} x {n}, a ({}, {}), b ({}, {}), c ({}, {}), accumulate {accumulate}",
        a.row, a.col, b.row, b.col, c.row, c.col
    );
    let bits = |c: &Stored<T>| c.data.iter().map(|x| x.bits()).collect::<Vec<_>>();
    // SAFETY: the matrices were made for these sizes.
    unsafe { gemm([m, k, n], a.matrix(), b.matrix(), c.matrix_mut(), accumulate, &mut pack, None) };
    assert_eq!(bits(&c), expected, "{name}");
    // What the epilogue finds, each element once; it writes over what it has seen.
    c.data = before;
    let seen = std::sync::Mutex::new(vec![None; m * n]);
    let to = c.matrix_mut();
    // SAFETY: elements of C that the epilogue was called for.
    let shared = unsafe { Shared::new(to.data) };
    let epilogue = |[rows, columns]: [Range<usize>; 2], thread: usize| {
        assert!(thread < split::threads().max(1));
        let mut seen = seen.lock().unwrap();
        for (i, j) in rows.flat_map(|i| columns.clone().map(move |j| (i, j))) {
            let place = shared.get().wrapping_offset(i as isize * to.row + to.col.at(j));
            // SAFETY: as above.
            let element = unsafe { place.replace(T::ZERO) };
            assert!(seen[i * n + j].replace(element.bits()).is_none(), "{name}: {i} {j} is there twice");
        }
    };
    // SAFETY: the matrices were made for these sizes.
    unsafe { gemm([m, k, n], a.matrix(), b.matrix(), to, accumulate, &mut pack, Some(&epilogue)) };
    for (at, bits) in seen.into_inner().unwrap().into_iter().enumerate() {
        let place = c.place(at / n, at % n);
        assert_eq!((bits, c.data[place]), (Some(expected[place]), T::ZERO), "{name}: {at}, with an epilogue");
    }
}

/// Strides of a rows x cols operand: both orders, gaps, reversed, broadcast.
fn strides(rows: usize, cols: usize) -> Vec<(isize, isize)> {
    let (r, c) = (rows as isize, cols as isize);
    vec![
        (c, 1),
        (1, r),
        (c + 3, 1),
        (1, r + 3),
        (-c, 1),
        (c, -1),
        (-1, -r),
        (2 * c + 1, 2),
        (2, 2 * r),
        (0, 1),
        (1, 0),
        (0, 0),
    ]
}

fn all_sizes<T: Sample>() {
    let seed = &mut 1;
    for m in 0..=9 {
        for n in 0..=17 {
            for k in [0, 1, 2, 3, 4, 5, 7, 8, 9] {
                let c = (n as isize, 1);
                for accumulate in [false, true] {
                    check::<T>([m, k, n], (k as isize, 1), (n as isize, 1), c, accumulate, seed);
                    check::<T>([m, k, n], (1, m as isize), (1, k as isize), (1, m as isize), accumulate, seed);
                }
            }
        }
    }
}

fn all_strides<T: Sample>() {
    let seed = &mut 2;
    for [m, k, n] in [
        [1, 1, 1],
        [1, 9, 1],
        [9, 5, 1],
        [1, 5, 9],
        [5, 6, 7],
        [9, 9, 9],
        [3, 17, 18],
        [8, 8, 16],
        [13, 2, 3],
        [2, 70, 33],
    ] {
        let c = [(n as isize, 1), (1, m as isize), (n as isize + 5, 1), (-(n as isize), -1), (2 * n as isize, 2)];
        for a in strides(m, k) {
            for b in strides(k, n) {
                for c in c {
                    check::<T>([m, k, n], a, b, c, a.0 > b.1, seed);
                }
            }
        }
    }
}

fn blocks<T: Sample>() {
    let seed = &mut 3;
    let d = T::DEPTH;
    for [m, k, n] in [
        [5, d - 1, 9],
        [5, d, 9],
        [5, d + 1, 9],
        [1, 3 * d + 5, 1],
        [1, 19 * d + 3, 1],
        [9, 2 * d + 1, 1],
        [1, 2 * d + 7, 530],
        [1030, 5, 1],
        [BLOCK_M + 3, 3, BLOCK_N + 1],
        [BLOCK_M + 3, 90, BLOCK_N_WIDE + 1],
        [2 * BLOCK_M + 1, 2 * d + 3, 10],
        [3, d + 9, BLOCK_N_WIDE + BLOCK_N + 9],
        // Larger than what stays in a cache: in pieces, where there is an epilogue.
        [2 * BLOCK_M + 3, 9, 2 * BLOCK_N_WIDE + 5],
        [5 * BLOCK_M, 9, BLOCK_N_WIDE],
    ] {
        for (a, b) in [
            ((k as isize, 1), (n as isize, 1)),
            ((1, m as isize), (1, k as isize)),
            ((2 * k as isize, 2), (n as isize, -1)),
        ] {
            for accumulate in [false, true] {
                check::<T>([m, k, n], a, b, (n as isize, 1), accumulate, seed);
            }
        }
    }
}

#[test]
fn every_size_up_to_two_tiles_and_one() {
    all_sizes::<f32>();
    all_sizes::<f64>();
}

#[test]
fn every_kind_of_stride() {
    all_strides::<f32>();
    all_strides::<f64>();
}

#[test]
fn every_edge_of_blocks() {
    blocks::<f32>();
    blocks::<f64>();
}

#[test]
fn any_number_of_threads() {
    let seed = &mut 4;
    for threads in [2, 3, 5] {
        with_threads(threads, || {
            for [m, k, n] in [
                [300, 17, 301],
                [129, 600, 64],
                [5, 300, 1100],
                [1100, 300, 5],
                [2000, 700, 1],
                [1, 700, 2000],
                [1100, 9, 1900],
            ] {
                assert!(divides([m, k, n]));
                for (a, b) in [((k as isize, 1), (n as isize, 1)), ((1, m as isize), (1, k as isize))] {
                    for c in [(n as isize, 1), (1, m as isize)] {
                        check::<f32>([m, k, n], a, b, c, a.0 == 1, seed);
                        check::<f64>([m, k, n], a, b, c, a.0 == 1, seed);
                    }
                }
            }
        });
    }
}

#[test]
fn nothing_is_skipped() {
    let (a, b) = ([0.0_f32, 0.0, 0.0, 0.0], [f32::NAN, f32::INFINITY, 0.0, -0.0]);
    let mut c = [7.0_f32; 4];
    let (row, col) = (Steps::even(2), Steps::even(1));
    let (a, b) = (Matrix { data: a.as_ptr(), row, col }, Matrix { data: b.as_ptr(), row, col });
    let to = Matrix { data: c.as_mut_ptr(), row: 2, col };
    let mut pack = vec![0.0; pack_len::<f32>([2, 2, 2], true)];
    // SAFETY: three 2 x 2 matrices.
    unsafe { gemm([2, 2, 2], a, b, to, false, &mut pack, None) };
    assert!(c.iter().all(|x| x.is_nan()));
}

/// The number of elements along nested dimensions, and the distances of the nearest and the farthest.
fn extent(dims: &[(usize, isize)]) -> (usize, isize, isize) {
    dims.iter().fold((1, 0, 0), |(n, low, high), &(size, stride)| {
        let reach = (size as isize - 1) * stride;
        (n * size, low + reach.min(0), high + reach.max(0))
    })
}

/// `sides` are the rows of A, its columns, the rows of B, its columns, and the columns of C.
fn check_nested<T: Sample>(sides: [&[(usize, isize)]; 5], accumulate: bool, seed: &mut u32) {
    let [(m, ..), (k, ..), _, (n, ..), _] = sides.map(extent);
    let [a_row, a_col, b_row, b_col, c_col] = sides.map(Steps::nested);
    let store = |row: &[(usize, isize)], col: &[(usize, isize)], seed: &mut u32| {
        let ((_, r_low, r_high), (_, c_low, c_high)) = (extent(row), extent(col));
        let data: Vec<T> = (0..=r_high + c_high - r_low - c_low).map(|_| T::sample(seed)).collect();
        (data, (-r_low - c_low) as usize)
    };
    let (a, a_start) = store(sides[0], sides[1], seed);
    let (b, b_start) = store(sides[2], sides[3], seed);
    let c_row = extent(sides[4]).2 - extent(sides[4]).1 + 2;
    let (mut c, c_start) = store(&[(m, c_row)], sides[4], seed);
    let place = |start: usize, distance: isize| start.wrapping_add_signed(distance);
    let mut expected = c.clone();
    for i in 0..m {
        for j in 0..n {
            let to = place(c_start, i as isize * c_row + c_col.at(j));
            let a = |p: usize| a[place(a_start, a_row.at(i) + a_col.at(p))];
            let b = |p: usize| b[place(b_start, b_row.at(p) + b_col.at(j))];
            expected[to] = promised(k, a, b, accumulate.then(|| c[to]));
        }
    }
    let mut pack = vec![T::ZERO; pack_len::<T>([m, k, n], false)];
    let a = Matrix { data: a.as_ptr().wrapping_add(a_start), row: a_row, col: a_col };
    let b = Matrix { data: b.as_ptr().wrapping_add(b_start), row: b_row, col: b_col };
    let to = Matrix { data: c.as_mut_ptr().wrapping_add(c_start), row: c_row, col: c_col };
    // SAFETY: the matrices were made for these sizes.
    unsafe { gemm([m, k, n], a, b, to, accumulate, &mut pack, None) };
    let bits = |x: &[T]| x.iter().map(|x| x.bits()).collect::<Vec<_>>();
    assert_eq!(bits(&c), bits(&expected), "{sides:?}, accumulate {accumulate}");
}

fn nested<T: Sample>() {
    let seed = &mut 4;
    // Windows over rows of 5 to 30 elements, at every width of what is left at the end of a row, near and apart,
    // and backwards.
    for m in [1, 2, 4, 7, ROWS_M as isize, ROWS_M as isize + 5] {
        for (width, kernel, step, apart) in
            [(30, 3, 1, 1), (11, 4, 1, 2), (10, 1, 1, 1), (29, 2, 2, 1), (9, 5, 1, 1), (5, 5, 1, 1), (13, 3, 3, 2)]
        {
            let count = (width - (kernel - 1) * apart - 1) / step + 1;
            let (row, plane) = (width, width * width);
            let terms = [(2, plane), (kernel as usize, apart * row), (kernel as usize, apart)];
            let columns = [(3, 2 * plane), (count as usize, step * row), (count as usize, step)];
            let pixels = count * count;
            let dense = [(3, 9 * pixels), (pixels as usize, 1)];
            let spread = [(3, 40 * pixels), (count as usize, 6 * count), (count as usize, 2)];
            let k = 2 * kernel * kernel;
            let backwards = [(2, k), ((k / 2) as usize, -1)];
            for accumulate in [false, true] {
                check_nested::<T>([&[(m as usize, k)], &[(k as usize, 1)], &terms, &columns, &dense], accumulate, seed);
                check_nested::<T>([&[(m as usize, k + 1)], &backwards, &terms, &columns, &spread], accumulate, seed);
                // The same windows as rows of B's terms: those of a gradient by the kernel.
                let g = [(3, m * pixels), (pixels as usize, 1)];
                check_nested::<T>(
                    [&[(m as usize, pixels)], &g, &columns, &terms, &[(k as usize, 1)]],
                    accumulate,
                    seed,
                );
            }
        }
    }
}

#[test]
fn nested_dimensions_are_rows_and_columns() {
    nested::<f32>();
    nested::<f64>();
    with_threads(3, || {
        // Operands that lie by strides, and a C that does not: one row, more rows than are done one by one.
        for m in [1, 2, 5, 40] {
            let c = [(30, 3000), (512, 1)];
            check_nested::<f32>([&[(m, 64)], &[(64, 1)], &[(64, 1)], &[(30 * 512, 64)], &c], false, &mut 5);
            check_nested::<f64>([&[(m, 64)], &[(64, 1)], &[(64, 30 * 1024)], &[(30 * 512, 2)], &c], true, &mut 5);
        }
    });
}
