//! Convolution against its definition, for every way in which windows can lie: strides, dilations, spreads, margins of
//! both signs, groups. All numbers are small and whole, so every sum is exact in any order.

mod common;

use common::{Rng, array, numbers};
use smallvec::SmallVec;
use wengert::array::Array;
use wengert::buffer;
use wengert::diff;
use wengert::dtype::DType;
use wengert::kernels::split::with_threads;
use wengert::kernels::winograd;
use wengert::ops::convolve::{Convolve, Slide, Slides};
use wengert::tape::Tape;
use wengert::var::Var;

fn whole(dims: &[usize], dtype: DType, rng: &mut Rng) -> Array {
    let values: Vec<f64> = (0..dims.iter().product()).map(|_| rng.below(7) as f64 - 3.0).collect();
    array(dims, dtype, &values)
}

/// All indices below some sizes, in row-major order.
fn indices(sizes: &[usize]) -> Vec<Vec<usize>> {
    sizes.iter().fold(vec![vec![]], |all, &size| {
        let longer = |index: Vec<usize>| (0..size).map(move |i| index.iter().copied().chain([i]).collect());
        all.into_iter().flat_map(longer).collect()
    })
}

fn at(index: &[usize], sizes: &[usize]) -> usize {
    index.iter().zip(sizes).fold(0, |at, (i, size)| at * size + i)
}

/// The definition: `y[n, g, o, i..] = Σ w[g, o, c, k..] x̃[n, g, c, i · stride + k · dilation - before ..]`.
fn plain(op: &Convolve, x: &Array, w: &Array) -> Vec<f64> {
    let (sx, sw, vx, vw) = (x.shape(), w.shape(), numbers(x), numbers(w));
    let counts: Vec<usize> = op.slides.iter().map(|s| s.count).collect();
    let taps = indices(&sw[2..]);
    let result = |y: Vec<usize>| {
        let (n, g, o, window) = (y[0], y[1], y[2], &y[3..]);
        let term = |tap: &Vec<usize>| {
            let mut index = vec![n, g, tap[0]];
            for (d, s) in op.slides.iter().enumerate() {
                let place = (window[d] * s.stride + tap[d + 1] * s.dilation) as isize - s.before;
                if place < 0 || place % s.spread as isize != 0 || place / s.spread as isize >= sx[d + 3] as isize {
                    return 0.0;
                }
                index.push(place as usize / s.spread);
            }
            vx[at(&index, &sx)] * vw[at(&[&[g, o], &tap[..]].concat(), &sw)]
        };
        taps.iter().map(term).sum()
    };
    indices(&[&[sx[0], sx[1], sw[1]], &counts[..]].concat()).into_iter().map(result).collect()
}

/// A convolution, its operands, and others of the same shapes.
struct Sample {
    op: Convolve,
    x: Array,
    w: Array,
    g: Array,
}

/// Convolutions whose geometry is drawn. Sizes go beyond two register tiles now and then, and down to nothing.
fn samples(count: usize, seed: u64) -> impl Iterator<Item = Sample> {
    (0..count).map(move |i| {
        let mut rng = Rng(seed + i as u64);
        let dtype = [DType::Float32, DType::Float64][i % 2];
        let d = 1 + rng.below(3);
        let longest = [40, 9, 5][d - 1];
        let sizes: Vec<usize> = (0..d).map(|_| rng.below(longest + 1)).collect();
        let kernel: Vec<usize> = (0..d).map(|_| 1 + rng.below([5, 3, 2][d - 1])).collect();
        let slides: Slides = (0..d)
            .map(|_| Slide {
                stride: 1 + rng.below(3) * rng.below(2),
                dilation: 1 + rng.below(3) * rng.below(2),
                spread: 1 + rng.below(4) * rng.below(2),
                before: rng.below(7) as isize - 3,
                count: 1 + rng.below(longest),
            })
            .collect();
        let [n, groups, out, channels] = [1 + rng.below(3), 1 + rng.below(3), 1 + rng.below(9), 1 + rng.below(3)];
        let counts: Vec<usize> = slides.iter().map(|s| s.count).collect();
        Sample {
            x: whole(&[&[n, groups, channels], &sizes[..]].concat(), dtype, &mut rng),
            w: whole(&[&[groups, out, channels], &kernel[..]].concat(), dtype, &mut rng),
            g: whole(&[&[n, groups, out], &counts[..]].concat(), dtype, &mut rng),
            op: Convolve { slides },
        }
    })
}

fn evaluate<'t>(tape: &'t Tape, y: Var<'t>) -> Vec<f64> {
    tape.take_failure().unwrap();
    tape.settle(&[y]).unwrap();
    numbers(&tape.read(y).unwrap())
}

fn check(op: &Convolve, x: &Array, w: &Array) {
    let tape = Tape::new();
    let y = tape.apply(op.clone(), &[tape.leaf(x.clone()), tape.leaf(w.clone())]);
    assert_eq!(evaluate(&tape, y), plain(op, x, w), "{op:?} {:?} {:?}", x.layout(), w.layout());
}

#[test]
fn every_geometry_is_its_definition() {
    for s in samples(600, 1) {
        check(&s.op, &s.x, &s.w);
    }
}

/// A kernel of 5 with stride 2, turned around: its phases meet 3 and 2 of its elements, so the blocks of their sums differ.
#[test]
fn phases_differ_in_depth() {
    let mut rng = Rng(3);
    for channels in [171, 257] {
        let x = whole(&[1, 1, channels, 4], DType::Float32, &mut rng);
        let w = whole(&[1, 2, channels, 5], DType::Float32, &mut rng);
        let slide = Slide { stride: 1, dilation: 1, spread: 2, before: 4, count: 11 };
        check(&Convolve { slides: SmallVec::from_slice(&[slide]) }, &x, &w);
    }
}

/// A kernel of one element over long examples: each is a plain product.
#[test]
fn examples_apart() {
    let mut rng = Rng(4);
    for (size, stride, spread, before, rows) in
        [(140, 1, 1, 0, 5), (300, 2, 1, -1, 1), (70, 1, 2, 3, 9), (150, 1, 1, 2, 4)]
    {
        let x = whole(&[3, 2, 5, size], DType::Float32, &mut rng);
        let w = whole(&[2, rows, 5, 1], DType::Float32, &mut rng);
        let slide = Slide { stride, dilation: 1, spread, before, count: 145 };
        check(&Convolve { slides: SmallVec::from_slice(&[slide]) }, &x, &w);
    }
}

#[test]
fn operands_lie_in_any_order() {
    for (i, s) in samples(200, 1000).chain(tiled(8, 5000)).enumerate() {
        let tape = Tape::new();
        // Dimensions in reverse order of memory, and the last one backwards.
        let laid = |x: &Array| {
            let ndim = x.shape().ndim();
            let reversed: Vec<usize> = (0..ndim).rev().collect();
            let stored = x.view(x.layout().permute(&reversed)).contiguous().unwrap();
            let layout = stored.layout().permute(&reversed);
            let last = layout.shape[ndim - 1];
            stored.view(layout.slice(ndim - 1, last.saturating_sub(1), last, -1))
        };
        let (x, w) = (laid(&s.x), laid(&s.w));
        let y = tape.apply(s.op.clone(), &[tape.leaf(x.clone()), tape.leaf(w.clone())]);
        assert_eq!(evaluate(&tape, y), plain(&s.op, &x, &w), "sample {i}: {:?}", s.op);
    }
}

/// Kernels of 3 x 3 over enough channels and windows to be computed by tiles of 4 x 4, in every geometry of those.
fn tiled(count: usize, seed: u64) -> impl Iterator<Item = Sample> {
    (0..count).map(move |i| {
        let mut rng = Rng(seed + i as u64);
        let sizes = [10 + rng.below(9), 10 + rng.below(30)];
        let before = [rng.below(4) as isize - 1, rng.below(4) as isize - 1];
        let slides: Slides = (0..2)
            .map(|d| Slide { stride: 1, dilation: 1, spread: 1, before: before[d], count: sizes[d] - rng.below(3) })
            .collect();
        let [n, groups, out, channels] = [1 + rng.below(3), 1 + rng.below(2), 1 + rng.below(9), 3 + rng.below(8)];
        let counts: Vec<usize> = slides.iter().map(|s| s.count).collect();
        Sample {
            x: whole(&[&[n, groups, channels], &sizes[..]].concat(), DType::Float32, &mut rng),
            w: whole(&[groups, out, channels, 3, 3], DType::Float32, &mut rng),
            g: whole(&[&[n, groups, out], &counts[..]].concat(), DType::Float32, &mut rng),
            op: Convolve { slides },
        }
    })
}

#[test]
fn tiles_are_the_definition() {
    let mut by_tiles = 0;
    for s in tiled(30, 4000) {
        check(&s.op, &s.x, &s.w);
        let counts = [s.op.slides[0].count, s.op.slides[1].count];
        by_tiles += usize::from(winograd::pays(1, [s.w.shape()[1], s.w.shape()[2]], counts, false));
    }
    assert!((10..30).contains(&by_tiles), "{by_tiles} of 30");
}

fn real(dims: &[usize], rng: &mut Rng) -> Array {
    let values: Vec<f64> = (0..dims.iter().product()).map(|_| rng.below(2001) as f64 / 1000.0 - 1.0).collect();
    array(dims, DType::Float32, &values)
}

/// A plain 3 x 3 convolution without margins.
fn three_by_three(counts: [usize; 2]) -> Convolve {
    let slide = |count| Slide { stride: 1, dilation: 1, spread: 1, before: 0, count };
    Convolve { slides: counts.map(slide).into_iter().collect() }
}

/// Rounding errors of tiles are as small as those of sums, and neither the other examples nor strides change a bit.
#[test]
fn tiles_are_exact_and_the_same_alone() {
    let mut rng = Rng(6);
    let (x, w) = (real(&[3, 1, 20, 15, 34], &mut rng), real(&[1, 5, 20, 3, 3], &mut rng));
    let op = three_by_three([13, 32]);
    assert!(winograd::pays(1, [5, 20], [13, 32], false));
    let apply = |x: Array| {
        let tape = Tape::new();
        let y = tape.apply(op.clone(), &[tape.leaf(x), tape.leaf(w.clone())]);
        evaluate(&tape, y)
    };
    let y = apply(x.clone());
    for (y, exact) in y.iter().zip(plain(&op, &x, &w)) {
        assert!((y - exact).abs() < 4e-6, "{y} {exact}");
    }
    let alone: Vec<f64> = (0..3).flat_map(|i| apply(x.view(x.layout().slice(0, i, 1, 1)))).collect();
    assert_eq!(y, alone);
    // Also beside an example that is not finite.
    let mut values = numbers(&x);
    values[20 * 15 * 34 + 100] = f64::INFINITY;
    let beside = apply(array(&[3, 1, 20, 15, 34], DType::Float32, &values));
    let len = y.len() / 3;
    assert_eq!((&y[..len], &y[2 * len..]), (&beside[..len], &beside[2 * len..]));
    assert!(beside[len..2 * len].iter().any(|y| !y.is_finite()));
    let across = x.view(x.layout().permute(&[0, 1, 2, 4, 3])).contiguous().unwrap();
    assert_eq!(y, apply(across.view(across.layout().permute(&[0, 1, 2, 4, 3]))));
}

/// The derivative by the kernel of a plain 3 x 3 convolution, as a convolution: x is `[in, groups, n, s..]`, the cotangent
/// `[groups, out, n, counts..]`.
fn by_kernel(x: &Array, g: &Array) -> Vec<f64> {
    let tape = Tape::new();
    evaluate(&tape, tape.apply(three_by_three([3, 3]), &[tape.leaf(x.clone()), tape.leaf(g.clone())]))
}

/// Channels around those from which tiles pay, in every number that is no whole register tile, and cotangents of 1 to 9 rows and
/// columns, whose last tiles overlap: against the definition, also with margins and with windows that leave out a part of x.
#[test]
fn derivatives_by_the_kernel_are_the_definition() {
    for i in 0..160 {
        let mut rng = Rng(7000 + i);
        let counts = [1 + i as usize % 9, 1 + i as usize / 9 % 9];
        let [n, groups, out, channels] = [1 + rng.below(9), 1 + rng.below(2), 1 + rng.below(10), 5 + rng.below(14)];
        let before = [rng.below(4) as isize - 1, rng.below(4) as isize - 1];
        let sizes = [counts[0] + 2 + rng.below(3), counts[1] + 2 + rng.below(3)];
        let slides = before.map(|before| Slide { stride: 1, dilation: 1, spread: 1, before, count: 3 });
        let x = whole(&[channels, groups, n, sizes[0], sizes[1]], DType::Float32, &mut rng);
        let g = whole(&[groups, out, n, counts[0], counts[1]], DType::Float32, &mut rng);
        check(&Convolve { slides: slides.into_iter().collect() }, &x, &g);
    }
}

/// Rounding errors are as small as those of sums; neither the other channels nor strides nor threads change a bit.
#[test]
fn derivatives_by_the_kernel_are_exact_and_the_same_alone() {
    let mut rng = Rng(8);
    let (x, g) = (real(&[21, 2, 5, 17, 25], &mut rng), real(&[2, 33, 5, 15, 23], &mut rng));
    let y = by_kernel(&x, &g);
    for (y, exact) in y.iter().zip(plain(&three_by_three([3, 3]), &x, &g)) {
        assert!((y - exact).abs() < 3e-5, "{y} {exact}");
    }
    let len = y.len() / 21;
    for (first, some) in [(0, 8), (3, 13), (13, 8)] {
        let alone = by_kernel(&x.view(x.layout().slice(0, first, some, 1)), &g);
        assert!(y[first * len..(first + some) * len] == alone, "channels from {first}");
    }
    let alone = by_kernel(&x, &g.view(g.layout().slice(1, 7, 10, 1)));
    for (k, alone) in alone.chunks(10 * 9).enumerate() {
        assert!(y[(k * 33 + 7) * 9..][..10 * 9] == *alone, "kernels from 7");
    }
    let across = |x: &Array| {
        let turned = |x: &Array| x.view(x.layout().permute(&[0, 1, 2, 4, 3]));
        turned(&turned(x).contiguous().unwrap())
    };
    assert!(y == by_kernel(&across(&x), &across(&g)), "other strides");
    for threads in [2, 3, 7] {
        assert!(y == with_threads(threads, || by_kernel(&x, &g)), "{threads} threads");
    }
    // A channel that is not finite leaves the others alone.
    let mut values = numbers(&x);
    values[(3 * 2 * 5 + 2) * 17 * 25 + 105] = f64::INFINITY;
    let beside = by_kernel(&array(&x.shape(), DType::Float32, &values), &g);
    let own = 3 * len..3 * len + len / 2;
    for (i, (y, beside)) in y.iter().zip(&beside).enumerate() {
        assert!(y == beside || own.contains(&i) && !beside.is_finite(), "{i}: {y} {beside}");
    }
}

/// An infinity, and what overflows on the way, reaches the elements of a kernel that meet it, and no others.
#[test]
fn derivatives_by_the_kernel_keep_infinities_apart() {
    let mut rng = Rng(9);
    let (x, g) =
        (whole(&[8, 1, 2, 12, 11], DType::Float32, &mut rng), whole(&[1, 4, 2, 10, 9], DType::Float32, &mut rng));
    let same = |a: &f64, b: &f64| a == b || a.is_nan() && b.is_nan();
    // A place in x that all elements of a kernel meet, one that few do, and one in the cotangent.
    for (huge, at, of_x) in [f64::INFINITY, f64::NAN, -3e38].into_iter().flat_map(|huge| {
        [(200 + 12 * 11, true), (11 * 12 * 4, true), (10, true), (9 * 10 * 3 + 40, false)]
            .map(|(at, of_x)| (huge, at, of_x))
    }) {
        let with = |x: &Array| {
            let mut values = numbers(x);
            values[at] = huge;
            array(&x.shape(), DType::Float32, &values)
        };
        let (x, g) = if of_x { (with(&x), g.clone()) } else { (x.clone(), with(&g)) };
        let exact = plain(&three_by_three([3, 3]), &x, &g);
        let y = by_kernel(&x, &g);
        for (i, (y, exact)) in y.chunks(9).zip(exact.chunks(9)).enumerate() {
            // What is huge but finite is an element of the tile like others: errors are small beside it.
            let beyond = huge.is_finite() && exact.iter().any(|exact| exact.abs() > 1e30);
            assert!(
                beyond || y.iter().zip(exact).all(|(y, exact)| same(y, exact)),
                "{huge} at {at}, kernel {i}: {y:?}, not {exact:?}"
            );
        }
    }
}

/// An infinity, and what overflows on the way, reaches the windows that meet it and no others.
#[test]
fn tiles_keep_infinities_apart() {
    let mut rng = Rng(7);
    let w = whole(&[1, 2, 8, 3, 3], DType::Float32, &mut rng);
    for huge in [f64::INFINITY, f64::NAN, -3e38] {
        let mut values = numbers(&whole(&[1, 1, 8, 14, 14], DType::Float32, &mut rng));
        values[14 * 5 + 6] = huge;
        let x = array(&[1, 1, 8, 14, 14], DType::Float32, &values);
        let op = three_by_three([12, 12]);
        let tape = Tape::new();
        let y = tape.apply(op.clone(), &[tape.leaf(x.clone()), tape.leaf(w.clone())]);
        for (i, (y, exact)) in evaluate(&tape, y).into_iter().zip(plain(&op, &x, &w)).enumerate() {
            let meets = (3..=5).contains(&(i / 12 % 12)) && (4..=6).contains(&(i % 12));
            assert!(meets || y == exact, "{huge} at {i}: {y}, not {exact}");
        }
    }
}

/// `<convolution of x and w, g>` is linear in each of three, so its derivatives are itself with others in their places.
#[test]
fn derivatives_are_the_same_sum_with_other_operands() {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for (i, s) in samples(300, 2000).chain(tiled(8, 6000)).enumerate() {
        let mut rng = Rng(i as u64);
        let (u, v) = (whole(&s.x.shape(), s.x.dtype, &mut rng), whole(&s.w.shape(), s.x.dtype, &mut rng));
        let tape = Tape::new();
        tape.begin();
        let [x, w, g, u_, v_] = [&s.x, &s.w, &s.g, &u, &v].map(|x| tape.leaf(x.clone()));
        let y = tape.apply(s.op.clone(), &[x, w]);
        let first = diff::vjp(&tape, &[y], &[g], &[x, w]).unwrap();
        let (by_x, by_w) = (first[0].unwrap(), first[1].unwrap());
        // The derivative of <by_x, u> by w, and of <by_w, v> by x and g.
        let by_xw = diff::vjp(&tape, &[by_x], &[u_], &[w]).unwrap()[0].unwrap();
        let by_wx = diff::vjp(&tape, &[by_w], &[v_], &[x, g]).unwrap();
        let ends = [by_x, by_w, by_xw, by_wx[0].unwrap(), by_wx[1].unwrap()];
        tape.end(&ends).unwrap();
        let [by_x, by_w, by_xw, by_wx, by_wg] = ends.map(|y| numbers(&tape.read(y).unwrap()));
        let (vx, vw, vg, vu, vv) = (numbers(&s.x), numbers(&s.w), numbers(&s.g), numbers(&u), numbers(&v));
        let what = format!("sample {i}: {:?} {:?} {:?}", s.op, s.x.layout(), s.w.layout());
        let value = dot(&plain(&s.op, &s.x, &s.w), &vg);
        assert_eq!([dot(&by_x, &vx), dot(&by_w, &vw)], [value; 2], "{what}");
        let (with_u, with_v) = (plain(&s.op, &u, &s.w), plain(&s.op, &s.x, &v));
        assert_eq!([dot(&by_x, &vu), dot(&by_w, &vv)], [dot(&with_u, &vg), dot(&with_v, &vg)], "{what}");
        assert_eq!(dot(&by_xw, &vw), dot(&with_u, &vg), "{what}");
        assert_eq!(dot(&by_wx, &vx), dot(&with_v, &vg), "{what}");
        assert_eq!(by_wg, with_v, "{what}");
    }
}

/// Windows of 9 elements over 100 x 100 numbers would be 9 times those; what is there is the result, x with its margins,
/// and the panels of a matrix product.
#[test]
fn windows_take_no_memory() {
    let mut rng = Rng(5);
    let (x, w) =
        (whole(&[4, 1, 8, 100, 100], DType::Float32, &mut rng), whole(&[1, 8, 8, 3, 3], DType::Float32, &mut rng));
    let bytes = 4 * x.shape().size();
    let slide = Slide { stride: 1, dilation: 1, spread: 1, before: 1, count: 100 };
    let tape = Tape::new();
    let (x, w) = (tape.leaf(x), tape.leaf(w));
    let watch = buffer::watch_peak();
    let y = tape.apply(Convolve { slides: SmallVec::from_slice(&[slide, slide]) }, &[x, w]);
    tape.settle(&[y]).unwrap();
    assert!(watch.peak() > bytes, "the result alone is {bytes} bytes, the peak was {}", watch.peak());
    assert!(watch.peak() < 3 * bytes, "operands of {bytes} bytes, and {} more at the peak", watch.peak());
}
