//! The elementwise loops: a function of the table, its fused derivative, or a test, over runs.

use crate::dtype::Elem;
use crate::elementwise::{Function, MAX_ARITY, Predicate};
use crate::kernels::lanes::{Lane, Lanes, Mask};
use crate::real::Real;

/// An element type with the vector that its kernels use.
pub trait Vector: Elem + Lane {
    /// N values of this type in 128 bits.
    type V: Real + Pack<Elem = Self>;
}

/// A vector that can be loaded from and stored to memory.
pub trait Pack: Real {
    /// The type of a lane.
    type Elem: Copy + Default;
    /// Number of lanes.
    const WIDTH: usize;
    /// # Safety
    /// `from` is valid for reads of [`Pack::WIDTH`] values.
    unsafe fn load(from: *const Self::Elem) -> Self;
    /// # Safety
    /// `to` is valid for writes of [`Pack::WIDTH`] values.
    unsafe fn store(self, to: *mut Self::Elem);
    /// 0 or 1 for each lane of a mask.
    ///
    /// # Safety
    /// `to` is valid for writes of [`Pack::WIDTH`] bytes.
    unsafe fn store_mask(mask: Self::Mask, to: *mut u8);
}

macro_rules! vectors {
    ($($t:ty, $n:literal);+) => {$(
        impl Vector for $t {
            type V = Lanes<$t, $n>;
        }
        impl Pack for Lanes<$t, $n> {
            type Elem = $t;
            const WIDTH: usize = $n;
            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self {
                // SAFETY: the caller's promise.
                unsafe { Lanes::load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $t) {
                // SAFETY: the caller's promise.
                unsafe { Lanes::store(self, to) }
            }
            #[inline(always)]
            unsafe fn store_mask(mask: Mask<$t, $n>, to: *mut u8) {
                // SAFETY: the caller's promise.
                unsafe { Lanes(mask.to_array().map(u8::from)).store(to) }
            }
        }
    )+};
}
vectors!(f32, 4; f64, 2; i32, 4; u8, 16);

/// The widest vector, in lanes.
const MAX_WIDTH: usize = 16;

/// One operand of a run: a slice, or one value repeated.
#[derive(Clone, Copy, Debug)]
pub struct Operand<T> {
    /// The first value.
    pub start: *const T,
    /// Whether the values follow each other; otherwise the first stands for all.
    pub slice: bool,
}

/// Operands as the loop reads them: a repeated value is a short block that the position does not advance in.
struct Cursors<T, const K: usize> {
    start: [*const T; K],
    step: [usize; K],
    blocks: [[T; MAX_WIDTH]; K],
}

impl<T: Vector, const K: usize> Cursors<T, K> {
    /// # Safety
    /// Each operand is valid for reads of `len` values (of one, when it is repeated), and `len > 0`.
    #[inline(always)]
    unsafe fn new(x: &[Operand<T>; K], used: usize) -> Self {
        let mut cursors =
            Cursors { start: [std::ptr::null(); K], step: [0; K], blocks: [[T::default(); MAX_WIDTH]; K] };
        for (k, operand) in x.iter().enumerate().take(used) {
            cursors.start[k] = operand.start;
            cursors.step[k] = usize::from(operand.slice);
            if !operand.slice {
                // SAFETY: at least one value is readable.
                cursors.blocks[k] = [unsafe { *operand.start }; MAX_WIDTH];
            }
        }
        cursors
    }

    /// Points repeated operands at their blocks; to be called once the cursors have their place.
    #[inline(always)]
    fn settle(&mut self, used: usize) {
        for k in 0..used.min(K) {
            if self.step[k] == 0 {
                self.start[k] = self.blocks[k].as_ptr();
            }
        }
    }

    /// The vectors of all operands at position `at`; operands past `used` repeat the first.
    ///
    /// # Safety
    /// `at + WIDTH <= len`.
    #[inline(always)]
    unsafe fn load(&self, used: usize, at: usize) -> [T::V; K] {
        // SAFETY: slices hold `len` values, blocks MAX_WIDTH; the step keeps a block's position at 0.
        let first = unsafe { T::V::load(self.start[0].add(at * self.step[0])) };
        let mut out = [first; K];
        for (k, out) in out.iter_mut().enumerate().take(used).skip(1) {
            // SAFETY: as above.
            *out = unsafe { T::V::load(self.start[k].add(at * self.step[k])) };
        }
        out
    }

    /// The vectors of the last `rest` positions, filled up with copies of the last value.
    ///
    /// # Safety
    /// `at + rest == len`, `0 < rest < WIDTH`.
    #[inline(always)]
    unsafe fn load_rest(&self, used: usize, at: usize, rest: usize) -> [T::V; K] {
        let mut block = [[T::default(); MAX_WIDTH]; K];
        for (k, block) in block.iter_mut().enumerate().take(used) {
            for (lane, slot) in block.iter_mut().enumerate().take(T::V::WIDTH) {
                // SAFETY: positions stay below `at + rest`.
                *slot = unsafe { *self.start[k].add((at + lane.min(rest - 1)) * self.step[k]) };
            }
        }
        // SAFETY: a block holds MAX_WIDTH values; those past `used` are zeros that nobody reads.
        std::array::from_fn(|k| unsafe { T::V::load(block[k].as_ptr()) })
    }
}

/// `out[k] = f(x_0[k], .., x_n[k])` for `k < len`, `n` the arity of `f`.
///
/// # Safety
/// Each of the first `F::ARITY` operands is valid for reads of `len` values (of one, when it is repeated); `out` for
/// writes of `len`. `out` is either apart from a slice or begins where it begins.
#[inline(never)]
pub unsafe fn map<F: Function, T: Vector>(len: usize, x: &[Operand<T>; MAX_ARITY], out: *mut T) {
    // SAFETY: the caller's promises are those of `run`.
    unsafe { run::<T, MAX_ARITY>(len, F::ARITY, x, out, |x| F::value(x)) }
}

/// Number of operands of [`map_partial`]: the arguments, then `y`, `g` and `acc`.
pub const PARTIAL_OPERANDS: usize = MAX_ARITY + 3;

/// `out[k] = acc[k] + g[k] · d_i f(x[k], y[k])`: the pullback and the pushforward of an elementwise function.
///
/// # Safety
/// As for [`map`]; all operands must be readable, those that the derivative does not use may repeat any value.
#[inline(never)]
pub unsafe fn map_partial<F: Function, T: Vector, const I: usize>(
    len: usize,
    x: &[Operand<T>; PARTIAL_OPERANDS],
    out: *mut T,
) {
    let f = |x: [T::V; PARTIAL_OPERANDS]| {
        let [y, g, acc] = [x[MAX_ARITY], x[MAX_ARITY + 1], x[MAX_ARITY + 2]];
        acc + g * F::partial(I, std::array::from_fn(|k| x[k]), y)
    };
    // SAFETY: the caller's promises are those of `run`.
    unsafe { run::<T, PARTIAL_OPERANDS>(len, PARTIAL_OPERANDS, x, out, f) }
}

/// The loop over vectors and the rest.
///
/// # Safety
/// As for [`map`].
#[inline(always)]
unsafe fn run<T: Vector, const K: usize>(
    len: usize,
    used: usize,
    x: &[Operand<T>; K],
    out: *mut T,
    f: impl Fn([T::V; K]) -> T::V,
) {
    if len == 0 {
        return;
    }
    let width = T::V::WIDTH;
    // SAFETY: len > 0; positions below stay within len.
    unsafe {
        let mut cursors = Cursors::new(x, used);
        cursors.settle(used);
        let mut at = 0;
        while at + width <= len {
            f(cursors.load(used, at)).store(out.add(at));
            at += width;
        }
        if at < len {
            let mut block = [T::default(); MAX_WIDTH];
            f(cursors.load_rest(used, at, len - at)).store(block.as_mut_ptr());
            std::ptr::copy_nonoverlapping(block.as_ptr(), out.add(at), len - at);
        }
    }
}

/// `out[k] = 1` where the test holds for `a[k], b[k]`, else 0.
///
/// # Safety
/// As for [`map`], with two operands and bytes for the result.
#[inline(never)]
pub unsafe fn test<P: Predicate, T: Vector>(len: usize, x: &[Operand<T>; 2], out: *mut u8) {
    if len == 0 {
        return;
    }
    let width = T::V::WIDTH;
    // SAFETY: len > 0; positions stay within len.
    unsafe {
        let mut cursors = Cursors::new(x, 2);
        cursors.settle(2);
        let mut at = 0;
        while at + width <= len {
            T::V::store_mask(P::holds(cursors.load(2, at)), out.add(at));
            at += width;
        }
        if at < len {
            let mut block = [0u8; MAX_WIDTH];
            T::V::store_mask(P::holds(cursors.load_rest(2, at, len - at)), block.as_mut_ptr());
            std::ptr::copy_nonoverlapping(block.as_ptr(), out.add(at), len - at);
        }
    }
}

/// `out[k] = a[k]` where `mask[k]` is not 0, else `b[k]`. Works on the bytes of any element type.
///
/// # Safety
/// The operands are valid for reads of `len` values (of one, when repeated), `out` for writes of `len`.
#[inline(never)]
pub unsafe fn select<T: Copy>(len: usize, mask: Operand<u8>, a: Operand<T>, b: Operand<T>, out: *mut T) {
    let (m, p, q) = (usize::from(mask.slice), usize::from(a.slice), usize::from(b.slice));
    for k in 0..len {
        // SAFETY: k < len.
        unsafe {
            let (yes, no) = (*a.start.add(k * p), *b.start.add(k * q));
            *out.add(k) = if *mask.start.add(k * m) != 0 { yes } else { no };
        }
    }
}
