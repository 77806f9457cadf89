//! `Lanes<T, N>`: N numbers that go through a kernel together.
//!
//! A lane vector is a plain array, and generic code works for any N. `[f32; 4]`, `[f64; 2]`, `[i32; 4]` and `[u8; 16]`
//! are one 128-bit register each in WebAssembly (SIMD128). Nothing contracts `a * b + c` into one rounding, so that a
//! result has the same bits natively and in WebAssembly, for every N.

mod lane;
#[cfg(test)]
mod tests;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wide;

pub use lane::{FloatLane, Lane, Word};
use std::mem::MaybeUninit;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Shl, Shr, Sub};

/// N values of type T.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(transparent)]
pub struct Lanes<T, const N: usize>(pub [T; N]);

/// N truth values about lanes of type T: what a comparison gives and [`Lanes::select`] takes.
///
/// A lane that holds is all ones, else zero, in an integer as wide as T; so a comparison is `f32x4.lt` and a choice
/// `v128.bitselect`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Mask<T: Lane, const N: usize>([T::Bits; N]);

impl<T: Copy, const N: usize> Lanes<T, N> {
    /// `x` in every lane.
    #[inline(always)]
    pub fn splat(x: T) -> Self {
        Self([x; N])
    }

    /// `f(i)` in lane i.
    #[inline(always)]
    pub fn from_fn(f: impl FnMut(usize) -> T) -> Self {
        Self(std::array::from_fn(f))
    }

    /// The N values that begin at `from`.
    ///
    /// # Safety
    /// `from` is aligned for T and valid for reading N initialised values.
    #[inline(always)]
    pub unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller's promise; `[T; N]` is aligned as T is.
        Self(unsafe { from.cast::<[T; N]>().read() })
    }

    /// Writes the N values to where `to` begins.
    ///
    /// # Safety
    /// `to` is aligned for T and valid for writing N values.
    #[inline(always)]
    pub unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller's promise; `[T; N]` is aligned as T is.
        unsafe { to.cast::<[T; N]>().write(self.0) }
    }

    /// `f` of each lane by itself: for conversions and rare paths; it need not become vector code.
    #[inline(always)]
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Lanes<U, N> {
        Lanes(self.0.map(f))
    }

    /// `f` of each pair of lanes by itself; as [`Lanes::map`].
    #[inline(always)]
    pub fn zip<U: Copy, V>(self, other: Lanes<U, N>, mut f: impl FnMut(T, U) -> V) -> Lanes<V, N> {
        Lanes(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl<T: Lane, const N: usize> Lanes<T, N> {
    /// The constant `c` in every lane: rounded to nearest for floats; truncated and saturated for integers, NaN to 0.
    #[inline(always)]
    pub fn lit(c: f64) -> Self {
        Self::splat(T::literal(c))
    }

    /// self < other; false where one is NaN.
    #[inline(always)]
    pub fn lt(self, other: Self) -> Mask<T, N> {
        Mask(T::lt(self.0, other.0))
    }

    /// self <= other; false where one is NaN.
    #[inline(always)]
    pub fn le(self, other: Self) -> Mask<T, N> {
        Mask(T::le(self.0, other.0))
    }

    /// self > other; false where one is NaN.
    #[inline(always)]
    pub fn gt(self, other: Self) -> Mask<T, N> {
        Mask(T::lt(other.0, self.0))
    }

    /// self >= other; false where one is NaN.
    #[inline(always)]
    pub fn ge(self, other: Self) -> Mask<T, N> {
        Mask(T::le(other.0, self.0))
    }

    /// self = other; false where one is NaN, true for 0 and -0.
    #[inline(always)]
    pub fn eq(self, other: Self) -> Mask<T, N> {
        Mask(T::eq(self.0, other.0))
    }

    /// Not self = other; true where one is NaN.
    #[inline(always)]
    pub fn ne(self, other: Self) -> Mask<T, N> {
        Mask(T::ne(self.0, other.0))
    }

    /// `yes` where the mask holds, else `no`.
    #[inline(always)]
    pub fn select(mask: Mask<T, N>, yes: Self, no: Self) -> Self {
        Self(T::select(mask.0, yes.0, no.0))
    }

    /// |self|; the smallest integer, which has no counterpart, stays itself.
    #[inline(always)]
    pub fn abs(self) -> Self {
        Self(T::abs(self.0))
    }

    /// The smaller of both; self where one is NaN or they are equal. One instruction, which IEEE's minimum is not.
    #[inline(always)]
    pub fn pmin(self, other: Self) -> Self {
        Self(T::pmin(self.0, other.0))
    }

    /// The larger of both; self where one is NaN or they are equal.
    #[inline(always)]
    pub fn pmax(self, other: Self) -> Self {
        Self(T::pmax(self.0, other.0))
    }

    /// The values after `f`, which gets them in memory of their own. Where `f` is a call on a path that is seldom taken,
    /// the values themselves stay in registers on all others.
    #[inline(always)]
    pub fn lent<const K: usize>(values: [Self; K], f: impl FnOnce(&mut [Self; K])) -> [Self; K] {
        let mut memory = MaybeUninit::<[Self; K]>::uninit();
        let place = |k: usize, memory: *mut [Self; K]| memory.cast::<[T; N]>().wrapping_add(k);
        // SAFETY: a vector is its array; each has its place, and each place is written before it is read.
        unsafe {
            for (k, value) in values.iter().enumerate() {
                lane::put(value.0, place(k, memory.as_mut_ptr()));
            }
            f(memory.assume_init_mut());
            std::array::from_fn(|k| Self(lane::take(place(k, memory.as_mut_ptr()))))
        }
    }

    /// `f` of `K` lanes at a time: for functions with so many intermediate values that more lanes would not stay in
    /// registers. Two chunks are computed side by side, more [in turn](Lanes::in_turn).
    #[inline(always)]
    pub fn chunks<const K: usize>(self, f: impl Fn(Lanes<T, K>) -> Lanes<T, K>) -> Self {
        self.chunks2(self, |x, _| f(x))
    }

    /// `f` of `K` lanes of both at a time.
    #[inline(always)]
    pub fn chunks2<const K: usize>(self, other: Self, f: impl Fn(Lanes<T, K>, Lanes<T, K>) -> Lanes<T, K>) -> Self {
        if N != 2 * K {
            return self.in_turn2(other, f);
        }
        let mut out = self;
        let (x, y) = (self.0.as_chunks::<K>().0, other.0.as_chunks::<K>().0);
        for (k, chunk) in out.0.as_chunks_mut::<K>().0.iter_mut().enumerate() {
            *chunk = f(Lanes(x[k]), Lanes(y[k])).0;
        }
        out
    }

    /// As [`Lanes::chunks`], one after the other in a loop: for functions so long that even two are in each other's way.
    #[inline(always)]
    pub fn in_turn<const K: usize>(self, f: impl Fn(Lanes<T, K>) -> Lanes<T, K>) -> Self {
        Self::rounds([self], |[x]| f(x))
    }

    /// [`Lanes::in_turn`] of both.
    #[inline(always)]
    pub fn in_turn2<const K: usize>(self, other: Self, f: impl Fn(Lanes<T, K>, Lanes<T, K>) -> Lanes<T, K>) -> Self {
        Self::rounds([self, other], |[x, y]| f(x, y))
    }

    /// The loop of [`Lanes::in_turn`], over any number of operands.
    #[inline(always)]
    fn rounds<const K: usize, const A: usize>(x: [Self; A], f: impl Fn([Lanes<T, K>; A]) -> Lanes<T, K>) -> Self {
        if !N.is_multiple_of(K) {
            return Self(std::array::from_fn(|i| f(x.map(|x| Lanes::splat(x.0[i]))).0[0]));
        }
        // Placed by hand: copies of the whole would be made in other units than chunks are read in, for which processors wait.
        let (mut places, mut out) = (MaybeUninit::<[[T; N]; A]>::uninit(), MaybeUninit::<[T; N]>::uninit());
        let places = places.as_mut_ptr().cast::<[T; N]>();
        // SAFETY: all operands are written before a chunk is read; the N / K chunks of results fill their place.
        unsafe {
            for (k, x) in x.iter().enumerate() {
                lane::put(x.0, places.add(k));
            }
            for k in 0..N / K {
                let chunk = std::array::from_fn(|a| Lanes(lane::take(places.add(a).cast::<[T; K]>().add(k))));
                lane::put(f(chunk).0, out.as_mut_ptr().cast::<[T; K]>().add(k));
            }
            Self(lane::take(out.as_ptr()))
        }
    }
}

macro_rules! binary {
    ($($Trait:ident $method:ident),+) => {$(
        impl<T: Lane, const N: usize> $Trait for Lanes<T, N> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(T::$method(self.0, other.0))
            }
        }
        impl<T: Lane, const N: usize> $Trait<T> for Lanes<T, N> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: T) -> Self {
                Self(T::$method(self.0, [other; N]))
            }
        }
    )+};
}
binary!(Add add, Sub sub, Mul mul, Div div);

impl<T: Lane, const N: usize> Neg for Lanes<T, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(T::neg(self.0))
    }
}

macro_rules! bitwise {
    ($($Trait:ident $method:ident $lane:ident),+) => {$(
        impl<T: Word, const N: usize> $Trait for Lanes<T, N> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(T::$lane(self.0, other.0))
            }
        }
        impl<T: Lane, const N: usize> $Trait for Mask<T, N> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(T::Bits::$lane(self.0, other.0))
            }
        }
    )+};
}
bitwise!(BitAnd bitand and, BitOr bitor or, BitXor bitxor xor);

impl<T: Lane, const N: usize> Not for Mask<T, N> {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        self ^ Self([T::Bits::ONES; N])
    }
}

/// The bits moved to the left by a number of places below the width; zeros follow.
impl<T: Word, const N: usize> Shl<u32> for Lanes<T, N> {
    type Output = Self;
    #[inline(always)]
    fn shl(self, by: u32) -> Self {
        Self(T::shl(self.0, by))
    }
}

/// The bits moved to the right by a number of places below the width; zeros follow, whatever the sign.
impl<T: Word, const N: usize> Shr<u32> for Lanes<T, N> {
    type Output = Self;
    #[inline(always)]
    fn shr(self, by: u32) -> Self {
        Self(T::shr(self.0, by))
    }
}

impl<const N: usize> Lanes<i32, N> {
    /// Whether no lane is above `limit`.
    #[inline(always)]
    pub fn at_most(self, limit: i32) -> bool {
        lane::at_most(self.0, limit)
    }
}

impl<const N: usize> Lanes<f32, N> {
    /// The same numbers in double precision.
    #[inline(always)]
    pub fn widen(self) -> Lanes<f64, N> {
        Lanes(lane::widen(self.0))
    }
}

impl<const N: usize> Lanes<f64, N> {
    /// The nearest numbers in single precision, ties to even.
    #[inline(always)]
    pub fn narrow(self) -> Lanes<f32, N> {
        Lanes(lane::narrow(self.0))
    }
}

/// What IEEE 754 rounds exactly, and bit patterns.
impl<T: FloatLane, const N: usize> Lanes<T, N> {
    /// The square root; NaN below 0, -0 at -0.
    #[inline(always)]
    pub fn sqrt(self) -> Self {
        Self(T::sqrt(self.0))
    }

    /// The largest integer that is not above self.
    #[inline(always)]
    pub fn floor(self) -> Self {
        Self(T::floor(self.0))
    }

    /// The smallest integer that is not below self.
    #[inline(always)]
    pub fn ceil(self) -> Self {
        Self(T::ceil(self.0))
    }

    /// The nearest integer, ties to the even one.
    #[inline(always)]
    pub fn round(self) -> Self {
        Self(T::round(self.0))
    }

    /// The bit patterns as integers of the same width.
    #[inline(always)]
    pub fn to_bits(self) -> Lanes<T::Bits, N> {
        Lanes(T::to_bits(self.0))
    }

    /// The numbers with these bit patterns.
    #[inline(always)]
    pub fn from_bits(bits: Lanes<T::Bits, N>) -> Self {
        Self(T::from_bits(bits.0))
    }

    /// The same lanes as a value of its own. A vector that goes into or comes from a function that is not inlined is
    /// memory; of its detached copy alone that is true, the vector itself can stay in a register.
    #[inline(always)]
    pub fn detach(self) -> Self {
        Self::from_bits(self.to_bits())
    }

    /// self with the sign of `sign`, also for zeros; self itself must have none (a NaN may).
    #[inline(always)]
    pub fn with_sign(self, sign: Self) -> Self {
        let minus = Self::lit(-0.0).to_bits();
        Self::from_bits(self.to_bits() | (sign.to_bits() & minus))
    }
}

impl<T: Lane, const N: usize> Mask<T, N> {
    /// `f(i)` in lane i.
    #[inline(always)]
    pub fn from_fn(mut f: impl FnMut(usize) -> bool) -> Self {
        Self(std::array::from_fn(|i| if f(i) { T::Bits::ONES } else { T::Bits::ZEROS }))
    }

    /// The same truths about lanes of another type of the same width.
    #[inline(always)]
    pub fn cast<U: Lane<Bits = T::Bits>>(self) -> Mask<U, N> {
        Mask(self.0)
    }

    /// Whether each lane holds.
    #[inline(always)]
    pub fn to_array(self) -> [bool; N] {
        self.0.map(|lane| T::Bits::any([lane]))
    }

    /// Whether every lane holds.
    #[inline(always)]
    pub fn all(self) -> bool {
        T::Bits::all(self.0)
    }

    /// Whether some lane holds.
    #[inline(always)]
    pub fn any(self) -> bool {
        T::Bits::any(self.0)
    }
}
