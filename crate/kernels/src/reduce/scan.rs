//! Running sums, so that errors do not grow along the way: a chain of plain additions would be off by as many roundings as
//! it has terms. float32 is added up in doubles; in float64 what each addition loses is added up beside the sum, and joined
//! to it wherever it is read (A. Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, 1974).

/// Columns that are added up together.
const STRIP: usize = 512;
/// Columns in a step.
const STEP: usize = 8;

/// A type with running sums.
pub trait Running: Copy {
    /// What sums are made in.
    type Wide: Copy;
    /// The sum of no terms, which changes no bits of the first one.
    const NONE: Self::Wide;
    /// What is read before the first term.
    const EMPTY: Self;
    /// The same number.
    fn wide(self) -> Self::Wide;
    /// a + b; int32 wraps.
    fn plus(a: Self::Wide, b: Self::Wide) -> Self::Wide;
    /// What `sum = a + b` lost to rounding; no number beside infinities.
    fn lost(a: Self::Wide, b: Self::Wide, sum: Self::Wide) -> Self::Wide;
    /// The sum with what it lost.
    fn value(sum: Self::Wide, lost: Self::Wide) -> Self;
}

impl Running for f32 {
    type Wide = f64;
    const NONE: f64 = -0.0;
    const EMPTY: f32 = 0.0;
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn plus(a: f64, b: f64) -> f64 {
        a + b
    }
    #[inline(always)]
    fn lost(_: f64, _: f64, _: f64) -> f64 {
        0.0
    }
    #[inline(always)]
    fn value(sum: f64, _: f64) -> f32 {
        sum as f32
    }
}

impl Running for f64 {
    type Wide = f64;
    const NONE: f64 = -0.0;
    const EMPTY: f64 = 0.0;
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
    #[inline(always)]
    fn plus(a: f64, b: f64) -> f64 {
        a + b
    }
    #[inline(always)]
    fn lost(a: f64, b: f64, sum: f64) -> f64 {
        // D. E. Knuth's two-sum
        let back = sum - a;
        (a - (sum - back)) + (b - back)
    }
    #[inline(always)]
    fn value(sum: f64, lost: f64) -> f64 {
        // not where it is NaN, and no zero, which would change the sign of one
        if (lost < 0.0) | (lost > 0.0) { sum + lost } else { sum }
    }
}

impl Running for i32 {
    type Wide = i32;
    const NONE: i32 = 0;
    const EMPTY: i32 = 0;
    #[inline(always)]
    fn wide(self) -> i32 {
        self
    }
    #[inline(always)]
    fn plus(a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    #[inline(always)]
    fn lost(_: i32, _: i32, _: i32) -> i32 {
        0
    }
    #[inline(always)]
    fn value(sum: i32, _: i32) -> i32 {
        sum
    }
}

/// N sums so far and what they lost.
#[derive(Clone, Copy)]
struct Totals<T: Running, const N: usize> {
    sum: [T::Wide; N],
    lost: [T::Wide; N],
}

impl<T: Running, const N: usize> Totals<T, N> {
    const NONE: Self = Self { sum: [T::NONE; N], lost: [T::NONE; N] };

    #[inline(always)]
    fn plus(&self, x: [T; N]) -> Self {
        let x = x.map(T::wide);
        let sum = std::array::from_fn(|j| T::plus(self.sum[j], x[j]));
        let lost = std::array::from_fn(|j| T::plus(self.lost[j], T::lost(self.sum[j], x[j], sum[j])));
        Self { sum, lost }
    }

    #[inline(always)]
    fn value(&self) -> [T; N] {
        std::array::from_fn(|j| T::value(self.sum[j], self.lost[j]))
    }
}

/// `to[i]` becomes the sum of `from[0]` to `from[i]`, or without `from[i]` when `exclusive`; the elements are `to_step` and
/// `from_step` apart.
///
/// # Safety
/// `from` is valid for reads and `to` for writes at `len` places; they may be the same places.
pub unsafe fn scan<T: Running>(
    to: *mut T,
    to_step: isize,
    from: *const T,
    from_step: isize,
    len: usize,
    exclusive: bool,
) {
    let mut total = Totals::<T, 1>::NONE;
    for i in 0..len as isize {
        // SAFETY: place i of both.
        unsafe {
            let next = total.plus([*from.wrapping_offset(i * from_step)]);
            let read = if exclusive { total } else { next };
            *to.wrapping_offset(i * to_step) = if exclusive && i == 0 { T::EMPTY } else { read.value()[0] };
            total = next;
        }
    }
}

/// [`scan`] over `count` rows of `width` neighbours, number by number.
///
/// # Safety
/// `from` is valid for reads and `to` for writes of `width` neighbours at `count` rows; they do not overlap.
pub unsafe fn scan_rows<T: Running>(
    to: *mut T,
    to_step: isize,
    from: *const T,
    from_step: isize,
    [count, width]: [usize; 2],
    exclusive: bool,
) {
    let mut totals = [Totals::<T, STEP>::NONE; STRIP / STEP];
    for first in (0..width).step_by(STRIP) {
        let width = STRIP.min(width - first);
        totals.fill(Totals::NONE);
        for i in 0..count as isize {
            let to = to.wrapping_offset(i * to_step).wrapping_add(first);
            let from = from.wrapping_offset(i * from_step).wrapping_add(first);
            // SAFETY: columns `first` to `first + width` of row i.
            unsafe { add_row(&mut totals, to, from, width, exclusive.then_some(i > 0)) };
        }
    }
}

/// The kernels of running sums of elements of one type; steps count elements.
#[derive(Clone, Copy, Debug)]
pub struct Scan {
    /// [`scan`]: `line(to, to_step, from, from_step, len, exclusive)`.
    pub line: unsafe fn(*mut u8, isize, *const u8, isize, usize, bool),
    /// [`scan_rows`]: `rows(to, to_step, from, from_step, [count, width], exclusive)`.
    pub rows: unsafe fn(*mut u8, isize, *const u8, isize, [usize; 2], bool),
}

impl Scan {
    /// Those for elements T.
    pub const fn of<T: Running>() -> Scan {
        Scan {
            // SAFETY: the caller's promise, which is that of `scan`.
            line: |to, to_step, from, from_step, len, exclusive| unsafe {
                scan::<T>(to.cast(), to_step, from.cast(), from_step, len, exclusive);
            },
            // SAFETY: the caller's promise, which is that of `scan_rows`.
            rows: |to, to_step, from, from_step, size, exclusive| unsafe {
                scan_rows::<T>(to.cast(), to_step, from.cast(), from_step, size, exclusive);
            },
        }
    }
}

/// Adds a row to the totals and writes what they are then, or were before: `before` is whether there was something.
///
/// # Safety
/// `from` is valid for reads and `to` for writes of `width` neighbours.
#[inline(never)]
unsafe fn add_row<T: Running>(
    totals: &mut [Totals<T, STEP>; STRIP / STEP],
    to: *mut T,
    from: *const T,
    width: usize,
    before: Option<bool>,
) {
    for (k, total) in totals.iter_mut().enumerate().take(width.div_ceil(STEP)) {
        let j = k * STEP;
        // SAFETY: columns j to j + 8 <= width, or those of them that are there.
        unsafe {
            let (from, to, rest) = (from.add(j), to.add(j), width - j);
            let mut x = [T::EMPTY; STEP];
            if rest >= STEP {
                x = from.cast::<[T; STEP]>().read_unaligned();
            } else {
                x.iter_mut().enumerate().take(rest).for_each(|(j, x)| *x = *from.add(j));
            }
            let next = total.plus(x);
            let y = match before {
                None => next.value(),
                Some(true) => total.value(),
                Some(false) => [T::EMPTY; STEP],
            };
            *total = next;
            if rest >= STEP {
                to.cast::<[T; STEP]>().write_unaligned(y);
            } else {
                y.iter().enumerate().take(rest).for_each(|(j, &y)| *to.add(j) = y);
            }
        }
    }
}
