//! Convolution: products of a kernel with the windows that slide over a tensor, in every role that derivatives need.

use smallvec::SmallVec;

use crate::array::Array;
use crate::batch::Batched;
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::kernels::gemm::{self, Matrix, Steps};
use crate::kernels::split::{self, Shared, split};
use crate::kernels::winograd;
use crate::layout::Layout;
use crate::op::{Arrays, Aval, Primitive, need_float, same_dtype};
use crate::ops::pad::{Margin, Pad};
use crate::ops::slice::{Range, Slice};
use crate::shape::{MAX_DIMS, Shape};
use crate::var::Var;
use crate::with_float;

/// How the windows slide along one dimension: window i meets element k of the kernel at
/// `x̃[i · stride + k · dilation - before]`, where x̃ has x[j] at `j · spread` and zeros elsewhere, also outside of x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slide {
    /// Distance between neighbouring windows.
    pub stride: usize,
    /// Distance between neighbouring elements of a window.
    pub dilation: usize,
    /// Distance to which the elements of x are spread.
    pub spread: usize,
    /// Where the first window begins: so many elements before x.
    pub before: isize,
    /// The number of windows.
    pub count: usize,
}

/// One slide for each dimension.
pub type Slides = SmallVec<[Slide; 2]>;

/// `y[n, g, o, i..] = Σ w[g, o, c, k..] x̃[n, g, c, i · stride + k · dilation - before ..]` (see [`Slide`]):
/// `[n, groups, in, s..]`, `[groups, out, in, k..] -> [n, groups, out, counts..]`. float32, float64.
///
/// Its derivatives are convolutions: by x one of the cotangent, in which stride and spread change places; by w one of x, in
/// which stride and dilation do, whose kernel is the cotangent and whose examples are the channels (XLA's ConvGeneralDilated
/// is closed in the same way).
///
/// The windows are never laid out in memory: they are a matrix whose rows and columns are several dimensions of x each,
/// which the matrix product reads as it packs its panels. Sums are in the order of a matrix product's, along (c, k..), but
/// those of float32 with kernels of 3 x 3, and of the derivative by such kernels ([`by_tiles`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Convolve {
    /// The windows.
    pub slides: Slides,
}

/// Columns of an example that are worth a product of their own.
const APART: usize = 128;

/// Dimensions of x and w before those of the windows.
const LEAD: usize = 3;

impl Convolve {
    /// The convolution that takes g, the cotangent of the result, to that of x, whose sizes are `sizes`; `kernel` are those
    /// of w.
    pub fn transposed(&self, sizes: &[usize], kernel: &[usize]) -> Convolve {
        let turned = |((s, &count), &k): ((&Slide, &usize), &usize)| Slide {
            stride: s.spread,
            spread: s.stride,
            // Only around a result without elements can it overflow.
            before: (k as isize - 1).wrapping_mul(s.dilation as isize).wrapping_sub(s.before),
            count,
            ..*s
        };
        Convolve { slides: self.slides.iter().zip(sizes).zip(kernel).map(turned).collect() }
    }
}

/// The kernel w for [`Convolve::transposed`]: out and in exchanged, every dimension of the windows reversed.
pub fn turned<'t>(w: Var<'t>) -> Var<'t> {
    let whole = |(axis, &len): (usize, &usize)| match axis < LEAD {
        true => Range { start: 0, len, step: 1 },
        false => Range { start: len.saturating_sub(1), len, step: -1 },
    };
    let ranges = w.shape().iter().enumerate().map(whole).collect();
    exchanged(w.apply(Slice { ranges }), 1, 2)
}

/// Two dimensions of x in each other's place.
fn exchanged(x: Var<'_>, a: usize, b: usize) -> Var<'_> {
    let mut axes: SmallVec<[usize; MAX_DIMS]> = (0..x.shape().ndim()).collect();
    axes.swap(a, b);
    x.permute(&axes)
}

impl Primitive for Convolve {
    fn name(&self) -> &'static str {
        "convolve"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let dtype = same_dtype("convolve", x)?;
        need_float("convolve", dtype)?;
        let (x, w, ndim) = (x[0].shape, x[1].shape, LEAD + self.slides.len());
        if x.ndim() != ndim || w.ndim() != ndim || x[1] != w[0] || x[2] != w[2] {
            let sentence =
                format!("operands must be [n, groups, in, ..] and [groups, out, in, ..] alike, got {x} and {w}");
            return Err(Error::new(Code::Shape, "convolve", sentence).with_shapes([&x[..], &w[..]]));
        }
        let mut dims: SmallVec<[usize; MAX_DIMS]> = SmallVec::from_slice(&[x[0], x[1], w[1]]);
        dims.extend(self.slides.iter().map(|s| s.count));
        Ok(Aval::new(Shape::new("convolve", &dims)?, dtype))
    }

    fn flops(&self, x: &[Aval], out: Aval) -> f64 {
        2.0 * out.shape.size() as f64 * x[1].shape[2..].iter().product::<usize>() as f64
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        convolve(&self.slides, &x[0], &x[1], out)
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        let [x, w] = [x[0], x[1]];
        // Dimension `axis` of each example together with the examples.
        let joined = |v: Var<'t>, axis: usize| {
            let v = v.move_axis(0, axis);
            let mut dims: SmallVec<[usize; MAX_DIMS]> = v.shape().iter().copied().collect();
            let own = dims.remove(axis + 1);
            dims[axis] *= own;
            v.reshape(Shape::of(&dims))
        };
        let parted = |y: Var<'t>, axis: usize| {
            let mut dims: SmallVec<[usize; MAX_DIMS]> = y.shape().iter().copied().collect();
            dims[axis] /= size.max(1);
            dims.insert(axis, size);
            y.reshape(Shape::of(&dims)).move_axis(axis, 0)
        };
        let apply = |x: Var<'t>, w: Var<'t>| x.tape().apply(self.clone(), &[x, w]);
        Some(match (x.mapped, w.mapped) {
            (_, false) => parted(apply(joined(x.var, 0), w.var), 0),
            (false, true) => parted(apply(x.var, joined(w.var, 1)), 2),
            (true, true) => parted(apply(joined(x.var, 1), joined(w.var, 0)), 1),
        })
    }

    fn vjp<'t>(&self, i: usize, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        let (sizes, kernel) = (x[0].shape(), x[1].shape());
        if i == 0 {
            return Some(g.tape().apply(self.transposed(&sizes[LEAD..], &kernel[LEAD..]), &[g, turned(x[1])]));
        }
        let swapped = |(s, &count): (&Slide, &usize)| Slide { stride: s.dilation, dilation: s.stride, count, ..*s };
        let slides = self.slides.iter().zip(&kernel[LEAD..]).map(swapped).collect();
        // [in, groups, n, s..] and [groups, out, n, windows..] give [in, groups, out, k..].
        let g = exchanged(exchanged(g, 0, 1), 1, 2);
        let y = g.tape().apply(Convolve { slides }, &[exchanged(x[0], 0, 2), g]);
        Some(exchanged(exchanged(y, 0, 1), 1, 2))
    }
}

/// Windows and elements of the kernel along one dimension that meet x, and no zero between its elements: windows
/// `window.start, window.start + window.step, ..` and elements likewise; the first meets the first at `x[at]`, and from one
/// to the next it is `window_step` and `element_step` further in x.
#[derive(Clone, Copy)]
struct Phase {
    window: Range,
    element: Range,
    at: isize,
    window_step: usize,
    element_step: usize,
}

impl Phase {
    /// After how many windows, and how many elements of the kernel, the places between the elements of x are the same.
    fn periods(s: &Slide) -> [usize; 2] {
        [s.stride, s.dilation].map(|step| s.spread / gcd(step, s.spread))
    }

    /// The phases of a dimension with `k` elements in the kernel: together they have each window that meets x once, and
    /// each element of the kernel at most once. Where x is not spread there is one.
    fn all(s: &Slide, k: usize) -> Vec<Phase> {
        let [windows, elements] = Phase::periods(s);
        let range = |start: usize, step: usize, n: usize| Range {
            start,
            len: n.saturating_sub(start).div_ceil(step),
            step: step as isize,
        };
        let phase = |i: usize| {
            let place = |k: usize| (i * s.stride + k * s.dilation) as isize - s.before;
            let first = (0..elements.min(k)).find(|&k| place(k) % s.spread as isize == 0)?;
            Some(Phase {
                window: range(i, windows, s.count),
                element: range(first, elements, k),
                at: place(first) / s.spread as isize,
                window_step: s.stride * windows / s.spread,
                element_step: s.dilation * elements / s.spread,
            })
        };
        (0..windows.min(s.count)).filter_map(phase).collect()
    }

    /// The first and the last place in x that are met.
    fn reach(&self) -> (isize, isize) {
        let far = (self.window.len - 1) * self.window_step + (self.element.len - 1) * self.element_step;
        (self.at, self.at + far as isize)
    }
}

/// The greatest common divisor.
fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Sizes and strides of nested dimensions, the slowest first.
#[derive(Default)]
struct Nest(SmallVec<[(usize, isize); MAX_DIMS]>);

impl Nest {
    /// With one more dimension inside. Those that lie as one become one.
    fn with(mut self, size: usize, stride: isize) -> Nest {
        match self.0.last_mut() {
            _ if size == 1 => {}
            Some(last) if last.1 == stride * size as isize => *last = (last.0 * size, stride),
            _ => self.0.push((size, stride)),
        }
        self
    }

    fn is_even(&self) -> bool {
        self.0.len() <= 1
    }

    fn steps(&self) -> Steps<'_> {
        Steps::nested(&self.0)
    }
}

/// x with zeros around wherever a window looks outside, and what that moves the places in x by.
fn surrounded(x: &Array, phases: &[Vec<Phase>]) -> Result<(Array, SmallVec<[isize; 3]>)> {
    let margin = |(phases, &size): (&Vec<Phase>, &usize)| {
        let reach = phases.iter().map(Phase::reach);
        let (low, high) = reach.fold((0, 0), |(low, high), (a, b)| (low.min(a), high.max(b + 1)));
        Margin { before: low.unsigned_abs(), after: (high - size as isize).max(0).unsigned_abs(), between: 0 }
    };
    let around: SmallVec<[Margin; 3]> = phases.iter().zip(&x.shape()[LEAD..]).map(margin).collect();
    let moved = around.iter().map(|m| m.before as isize).collect();
    if around.iter().all(|m| *m == Margin::default()) {
        return Ok((x.clone(), moved));
    }
    let margins = std::iter::repeat_n(Margin::default(), LEAD).chain(around).collect();
    let pad = Pad { margins, value: 0.0 };
    let out = pad.infer(&[Aval::new(x.shape(), x.dtype)])?;
    Ok((pad.eval(&mut Arrays::from_iter([x.clone()]), out)?, moved))
}

/// The strides of some axes.
fn strides<const N: usize>(layout: &Layout, axes: [usize; N]) -> [isize; N] {
    axes.map(|axis| layout.strides()[axis])
}

/// [`Convolve::eval`] in fewer multiplications: float32, windows of neighbours, and kernels of 3 x 3 elements or, as in the
/// derivative by such a kernel, so many results. Says whether it was done.
///
/// Whether it is done depends on sizes: with a kernel of 3 x 3 not on how many examples there are, nor on how they lie, which
/// does not change their results.
fn by_tiles(slides: &Slides, x: &Array, moved: &[isize], w: &Array, y: &mut Array) -> Result<bool> {
    const SIDES: [usize; 2] = [winograd::KERNEL; 2];
    let near = slides.iter().all(|s| [s.stride, s.dilation, s.spread] == [1; 3]);
    let (&[Slide { count: rows, .. }, Slide { count: columns, .. }], true) = (&slides[..], near) else {
        return Ok(false);
    };
    // In the derivative the channels are the examples, the cotangent is the kernel, and the kernel is the result.
    let kernel = [w.shape()[LEAD], w.shape()[LEAD + 1]];
    let derivative = kernel != SIDES;
    let ([example, channel], counts, small) =
        if derivative { ([2, 0], kernel, [rows, columns]) } else { ([0, 2], [rows, columns], kernel) };
    let channels = [w.shape()[1], x.shape()[channel]];
    let examples = x.shape()[example];
    // The results of an example do not depend on how many there are.
    let pays = winograd::pays(if derivative { examples } else { 1 }, channels, counts, derivative);
    if x.dtype != DType::Float32 || small != SIDES || !pays {
        return Ok(false);
    }
    // Elements of a row must be neighbours.
    let lined = |x: &Array| if x.layout().strides()[LEAD + 1] == 1 { Ok(x.clone()) } else { x.contiguous() };
    let (x, w) = (lined(x)?, if derivative { lined(w)? } else { w.clone() });
    let (of_x, of_w, of_y) = (x.layout(), w.layout(), y.layout());
    let (along_y, along_w) = if derivative {
        (strides(&of_w, [2, 1, LEAD]), strides(&of_y, [2, 0, LEAD, LEAD + 1]))
    } else {
        (strides(&of_y, [0, 2, LEAD]), strides(&of_w, [1, 2, LEAD, LEAD + 1]))
    };
    let along_x = strides(&of_x, [example, channel, LEAD]);
    let plan = winograd::Plan { derivative, examples, channels, counts, x: along_x, y: along_y, w: along_w };
    let (common, own) = (plan.common_len(), plan.own_len());
    let mut work = Array::new(Shape::of(&[common + split::threads() * own]), DType::Float32)?;
    let inside = moved.iter().zip(slides).zip(&of_x.strides()[LEAD..]);
    let first = inside.map(|((moved, s), &stride)| (moved - s.before) * stride).sum::<isize>();
    for group in 0..w.shape()[0] as isize {
        let start = |layout: &Layout, axis: usize| layout.offset as isize + group * layout.strides()[axis];
        let from = x.buffer::<f32>().as_ptr().wrapping_offset(start(&of_x, 1) + first);
        let other = w.buffer::<f32>().as_ptr().wrapping_offset(start(&of_w, 0));
        let to = y.values_mut::<f32>().as_mut_ptr().wrapping_offset(start(&of_y, 1));
        let work = work.values_mut::<f32>().as_mut_ptr();
        // SAFETY: the workspace begins with room for what is common.
        unsafe { winograd::prepare(&plan, other, work) };
        // SAFETY: each thread writes what its units are, and has a workspace of its own.
        let shared = unsafe { Shared::new((from, other, to, work)) };
        split(plan.units(), plan.least(split::threads()), &|units, thread| {
            let (from, other, to, work) = shared.get();
            let own = work.wrapping_add(common + thread * own);
            // SAFETY: windows lie in x, since margins were added where they look outside; y has one owner.
            unsafe { winograd::run(&plan, units, [from, other], to, [work, own]) };
        });
    }
    Ok(true)
}

/// [`Convolve::eval`]: for each group, and each phase of the windows, a product of `[out, (in, k..)]` with
/// `[(in, k..), (n, windows..)]`.
fn convolve(slides: &Slides, x: &Array, w: &Array, out: Aval) -> Result<Array> {
    let mut y = Array::new(out.shape, out.dtype)?;
    if out.shape.contains(&0) {
        // The other sizes of nothing may be beyond any memory.
        return Ok(y);
    }
    let phases: Vec<Vec<Phase>> = slides.iter().zip(&w.shape()[LEAD..]).map(|(s, &k)| Phase::all(s, k)).collect();
    let met = |(s, phases): (&Slide, &Vec<Phase>)| phases.len() == Phase::periods(s)[0].min(s.count);
    if !slides.iter().zip(&phases).all(met) {
        with_float!(out.dtype, T => y.values_mut::<T>().fill(0.0), else ());
    }
    let (x, moved) = surrounded(x, &phases)?;
    if by_tiles(slides, &x, &moved, w, &mut y)? {
        return Ok(y);
    }
    let [n, groups, rows] = [out.shape[0], out.shape[1], out.shape[2]];
    let channels = w.shape()[2];
    let most = |part: fn(&Phase) -> Range| phases.iter().filter_map(move |all| all.iter().map(|p| part(p).len).max());
    let (terms, columns) = (most(|p| p.element).product::<usize>(), most(|p| p.window).product::<usize>());
    let largest = [rows, channels * terms, n * columns];
    let workspace = with_float!(out.dtype, T => gemm::pack_len::<T>(largest, false), else 0);
    let mut pack = Array::new(Shape::of(&[workspace]), out.dtype)?;
    for index in 0..phases.iter().map(Vec::len).product::<usize>() {
        // One phase of each dimension.
        let mut rest = index;
        let mut phase: SmallVec<[Phase; 3]> = SmallVec::new();
        for all in &phases {
            phase.push(all[rest % all.len()]);
            rest /= all.len();
        }
        let nest = |layout: &Layout, begin: Nest, of: &dyn Fn(&Phase) -> (usize, isize)| {
            phase.iter().zip(&layout.strides()[LEAD..]).fold(begin, |nest, (p, &stride)| {
                let (size, step) = of(p);
                nest.with(size, step * stride)
            })
        };
        let lead = |layout: &Layout, axis: usize| Nest::default().with(layout.shape[axis], layout.strides()[axis]);
        let a_terms = nest(&w.layout(), lead(&w.layout(), 2), &|p| (p.element.len, p.element.step));
        let b_terms = nest(&x.layout(), lead(&x.layout(), 2), &|p| (p.element.len, p.element_step as isize));
        let columns = |begin: [Nest; 2]| {
            let [b, c] = begin;
            let b = nest(&x.layout(), b, &|p| (p.window.len, p.window_step as isize));
            [b, nest(&y.layout(), c, &|p| (p.window.len, p.window.step))]
        };
        let size = |part: fn(&Phase) -> Range| phase.iter().map(|p| part(p).len).product::<usize>();
        let windows = size(|p| p.window);
        // Where examples are matrices that lie by strides, as with a kernel of one element, each is a product of its own.
        let own = columns(Default::default());
        let plain = a_terms.is_even() && b_terms.is_even() && own.iter().all(Nest::is_even);
        let apart = if plain && windows >= APART { n } else { 1 };
        let [b_columns, c_columns] =
            if apart > 1 { own } else { columns([lead(&x.layout(), 0), lead(&y.layout(), 0)]) };
        let dims = [rows, channels * size(|p| p.element), n / apart * windows];
        for (group, example) in (0..groups).flat_map(|group| (0..apart).map(move |example| (group, example))) {
            let start = |layout: &Layout, axis: usize, of: &dyn Fn(usize, &Phase) -> isize| {
                let inside = phase.iter().zip(&layout.strides()[LEAD..]).enumerate();
                let inside = inside.map(|(d, (p, &stride))| of(d, p) * stride).sum::<isize>();
                layout.offset as isize + group as isize * layout.strides()[axis] + inside
            };
            let of_example = |layout: &Layout| example as isize * layout.strides()[0];
            let a = start(&w.layout(), 0, &|_, p| p.element.start as isize);
            let b = start(&x.layout(), 1, &|d, p| p.at + moved[d]) + of_example(&x.layout());
            let c = start(&y.layout(), 1, &|_, p| p.window.start as isize) + of_example(&y.layout());
            with_float!(out.dtype, T => {
                let a = Matrix {
                    data: w.buffer::<T>().as_ptr().wrapping_offset(a),
                    row: Steps::even(w.layout().strides()[1]),
                    col: a_terms.steps(),
                };
                let b = Matrix {
                    data: x.buffer::<T>().as_ptr().wrapping_offset(b),
                    row: b_terms.steps(),
                    col: b_columns.steps(),
                };
                let to: *mut T = y.address().cast();
                let c = Matrix { data: to.wrapping_offset(c), row: y.layout().strides()[2], col: c_columns.steps() };
                // SAFETY: rows and columns are elements of the layouts, since margins were added to x where windows look
                // outside; y's buffer has one owner.
                unsafe { gemm::gemm::<T>(dims, a, b, c, false, pack.values_mut::<T>(), None) };
            }, else ());
        }
    }
    Ok(y)
}
