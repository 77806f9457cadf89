//! The elementwise loops: a function of the table, its fused derivative, or a test, over runs.

use std::mem::MaybeUninit;

use crate::dtype::Elem;
use crate::elementwise::{Function, MAX_ARITY, Predicate};
use crate::lanes::{Lane, Lanes, Mask};
use crate::real::Real;

/// An element type with the vector that its kernels use.
pub trait Vector: Elem + Lane {
    /// The values that a kernel takes at once: a few 128-bit registers, which share the constants of a polynomial and
    /// the overhead of the loop.
    type V: Real + Pack<Elem = Self>;
    /// The same for derivatives, which are many: fewer values, for the size of the program.
    type Partial: Real + Pack<Elem = Self>;
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

impl<T: Elem + Lane, const N: usize> Pack for Lanes<T, N>
where
    Lanes<T, N>: Real<Mask = Mask<T, N>>,
{
    type Elem = T;
    const WIDTH: usize = N;
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Lanes::load(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller's promise.
        unsafe { Lanes::store(self, to) }
    }
    #[inline(always)]
    unsafe fn store_mask(mask: Mask<T, N>, to: *mut u8) {
        // SAFETY: the caller's promise.
        unsafe { Lanes(mask.to_array().map(u8::from)).store(to) }
    }
}

macro_rules! vectors {
    ($($t:ty, $width:literal, $partial:literal);+) => {$(
        impl Vector for $t {
            type V = Lanes<$t, $width>;
            type Partial = Lanes<$t, $partial>;
        }
    )+};
}
vectors!(f32, 16, 8; f64, 4, 2; i32, 4, 4; u8, 16, 16);

/// The widest vector, in lanes.
pub const MAX_WIDTH: usize = 16;
/// The widest element, in bytes.
const MAX_SIZE: usize = 8;

/// The most operands of a kernel.
pub const MAX_OPERANDS: usize = MAX_ARITY + 3;

/// One operand of a run. What its elements are, the kernel knows.
#[derive(Clone, Copy, Debug)]
#[repr(C)] // generated loops read it
pub struct Operand {
    /// The first value.
    pub start: *const u8,
    /// Bytes from one value to the next; 0 where a block of [`PAD`] bytes is filled with one value that stands for all.
    pub step: usize,
}

/// Bytes of the longest vector that a kernel takes.
pub const PAD: usize = MAX_WIDTH * MAX_SIZE;

/// Room for one value that stands for all.
pub type Fill = MaybeUninit<[u64; PAD / 8]>;
/// Such room for every operand.
pub const FILLS: [Fill; MAX_OPERANDS] = [const { MaybeUninit::uninit() }; MAX_OPERANDS];

/// 0 in every dtype.
static ZEROS: [u64; PAD / 8] = [0; PAD / 8];

impl Operand {
    /// Zeros.
    pub const ZERO: Operand = Operand::vector((&raw const ZEROS).cast());

    /// A block of [`PAD`] bytes filled with one value that stands for all.
    #[inline]
    pub const fn vector(start: *const u8) -> Operand {
        Operand { start, step: 0 }
    }

    /// A value of `size` bytes for each element of the run, one after the other.
    #[inline]
    pub fn slice(start: *const u8, size: usize) -> Operand {
        Operand { start, step: size }
    }

    /// The value of `size` bytes at `from` for all elements; it fills `block`.
    ///
    /// # Safety
    /// `from` is readable and, as `block`, aligned for such a value; `block` has room for [`PAD`] bytes and stays as long as the operand is used.
    #[inline]
    pub unsafe fn repeated(from: *const u8, size: usize, block: *mut u8) -> Operand {
        /// # Safety
        /// As for the outer function, for values like T.
        unsafe fn splat<T: Copy>(from: *const u8, block: *mut u8) {
            // SAFETY: the caller's promise; a value has at most MAX_SIZE bytes.
            unsafe { block.cast::<[T; MAX_WIDTH]>().write([*from.cast::<T>(); MAX_WIDTH]) }
        }
        // SAFETY: as above.
        unsafe {
            match size {
                1 => splat::<u8>(from, block),
                4 => splat::<u32>(from, block),
                _ => splat::<u64>(from, block),
            }
        }
        Operand::vector(block)
    }

    /// What it is from element `at` on.
    #[inline]
    pub fn from(self, at: usize) -> Operand {
        Operand { start: self.start.wrapping_add(at * self.step), ..self }
    }

    /// Whether it has a value for each element.
    #[inline]
    pub fn is_slice(self) -> bool {
        self.step != 0
    }
}

/// Operands of one call; those that a kernel does not use may be anything.
pub type Operands = [Operand; MAX_OPERANDS];

/// A loop over a run: `kernel(len, operands, out)`.
///
/// # Safety
/// Each operand that the kernel uses is valid for reads of `len` values of its type (of [`PAD`] bytes, when it is repeated),
/// `out` for writes of `len`; all are aligned for it. `out` is either apart from a slice or begins where it begins.
pub type Kernel = unsafe fn(usize, &Operands, *mut u8);

/// `out[k] = f(x_0[k], .., x_n[k])`, `n` the arity of `f`.
///
/// # Safety
/// That of [`Kernel`].
#[inline(never)]
pub unsafe fn map<F: Function, T: Vector>(len: usize, x: &Operands, out: *mut u8) {
    let f = |x: [T::V; MAX_OPERANDS]| F::value(std::array::from_fn(|k| x[k]));
    // SAFETY: the caller's promise.
    unsafe { run::<T::V, T>(len, F::ARITY, x, out, |x, out: *mut T| f(x).store(out), map::<F, T>) }
}

/// Where [`map_partial`] expects y, the cotangent or tangent, and what is added; the arguments stand before.
pub const Y: usize = MAX_ARITY;
/// See [`Y`].
pub const G: usize = MAX_ARITY + 1;
/// See [`Y`].
pub const ACC: usize = MAX_ARITY + 2;

/// `out[k] = acc[k] + g[k] · d_i f(x[k], y[k])`: the pullback and the pushforward of an elementwise function.
///
/// # Safety
/// That of [`Kernel`]; all operands must be readable, those that the derivative does not use may repeat any value.
#[inline(never)]
pub unsafe fn map_partial<F: Function, T: Vector, const I: usize>(len: usize, x: &Operands, out: *mut u8) {
    let f = |x: [T::Partial; MAX_OPERANDS]| x[ACC] + x[G] * F::partial(I, std::array::from_fn(|k| x[k]), x[Y]);
    // SAFETY: the caller's promise.
    unsafe { run::<T::Partial, T>(len, MAX_OPERANDS, x, out, |x, out: *mut T| f(x).store(out), map_partial::<F, T, I>) }
}

/// `out[k] = 1` where the test holds for `a[k], b[k]`, else 0; `out` are bytes.
///
/// # Safety
/// That of [`Kernel`].
#[inline(never)]
pub unsafe fn test<P: Predicate, T: Vector>(len: usize, x: &Operands, out: *mut u8) {
    let f = |x: [T::V; MAX_OPERANDS]| P::holds([x[0], x[1]]);
    // SAFETY: the caller's promise.
    unsafe { run::<T::V, u8>(len, 2, x, out, |x, out: *mut u8| T::V::store_mask(f(x), out), test::<P, T>) }
}

/// The loop over vectors.
///
/// # Safety
/// That of [`Kernel`], for `used` operands; `f` writes one vector of results; `again` is the kernel itself.
#[inline(always)]
unsafe fn run<V: Pack, O: Copy>(
    len: usize,
    used: usize,
    x: &Operands,
    out: *mut u8,
    f: impl Fn([V; MAX_OPERANDS], *mut O),
    again: Kernel,
) {
    let width = V::WIDTH;
    let whole = len - len % width;
    // A copy of its own: the stores of the loop could otherwise change the operands.
    let own = *x;
    // SAFETY: the caller's promise; positions stay within `len`.
    unsafe {
        let mut at = 0;
        while at < whole {
            let load = |k: usize| V::load(own[k].start.wrapping_add(at * own[k].step).cast());
            let first = load(0);
            f(std::array::from_fn(|k| if k == 0 || k >= used { first } else { load(k) }), out.cast::<O>().add(at));
            at += width;
        }
        if whole < len {
            finish::<V, O>(whole, len - whole, &x[..used], out, again);
        }
    }
}

/// Room for one vector of any type.
type Block = MaybeUninit<[u64; MAX_WIDTH * MAX_SIZE / 8]>;

/// Writes `x` to the lanes of a vector from `first` on.
///
/// # Safety
/// `block` has room for one vector.
unsafe fn fill<V: Pack>(block: *mut V::Elem, first: usize, x: V::Elem) {
    for lane in first..V::WIDTH {
        // SAFETY: the caller's promise.
        unsafe { *block.add(lane) = x };
    }
}

/// The `rest` elements after the whole vectors: copied to blocks of one vector, for which the kernel is called again.
///
/// # Safety
/// That of [`Kernel`] for the vector's elements and results O.
#[inline(never)]
unsafe fn finish<V: Pack, O: Copy>(whole: usize, rest: usize, x: &[Operand], out: *mut u8, again: Kernel) {
    let mut ends: [Block; MAX_OPERANDS] = [const { MaybeUninit::uninit() }; MAX_OPERANDS];
    let mut result = Block::uninit();
    let mut operands = [Operand::ZERO; MAX_OPERANDS];
    // SAFETY: `rest` values are there after the whole vectors; an end and the result have room for one vector.
    unsafe {
        for ((operand, end), x) in operands.iter_mut().zip(&mut ends).zip(x) {
            *operand = *x;
            if x.is_slice() {
                let (from, end) = (x.start.cast::<V::Elem>().add(whole), end.as_mut_ptr().cast::<V::Elem>());
                for k in 0..rest {
                    *end.add(k) = *from.add(k);
                }
                // Whole vectors are read: what follows the rest is its first value again.
                fill::<V>(end, rest, *from);
                operand.start = end.cast();
            }
        }
        again(V::WIDTH, &operands, result.as_mut_ptr().cast());
        let (from, to) = (result.as_ptr().cast::<O>(), out.cast::<O>().add(whole));
        for k in 0..rest {
            *to.add(k) = *from.add(k);
        }
    }
}

/// `out[k] = a[k]` where the mask, operand 0, is not 0, else `b[k]`, operands 1 and 2; T is any type of the elements' size.
///
/// # Safety
/// That of [`Kernel`].
#[inline(never)]
pub unsafe fn select<T: Copy>(len: usize, x: &Operands, out: *mut u8) {
    let [mask, a, b] = [x[0].start, x[1].start, x[2].start];
    let [m, p, q] = [x[0], x[1], x[2]].map(|x| usize::from(x.is_slice()));
    let (a, b, out) = (a.cast::<T>(), b.cast::<T>(), out.cast::<T>());
    for k in 0..len {
        // SAFETY: k < len.
        unsafe {
            let (yes, no) = (*a.add(k * p), *b.add(k * q));
            *out.add(k) = if *mask.add(k * m) != 0 { yes } else { no };
        }
    }
}

/// `out[k] = a[k]` as the type B: floats round, int32 truncates and saturates, a truth value is whether it is not 0.
///
/// # Safety
/// That of [`Kernel`] for one operand of type A and results of type B.
#[inline(never)]
pub unsafe fn convert<A: Elem, B: Elem>(len: usize, x: &Operands, out: *mut u8) {
    let (a, step, out) = (x[0].start.cast::<A>(), usize::from(x[0].is_slice()), out.cast::<B>());
    for k in 0..len {
        // SAFETY: k < len.
        unsafe { *out.add(k) = B::from_f64((*a.add(k * step)).to_f64()) };
    }
}
