//! Arrays as 128-bit registers of WebAssembly: an instruction register by register where the lanes fill registers, else
//! the closure lane by lane. The lanes are accessed as whole registers only, so that LLVM keeps them in registers.

use core::arch::wasm32::{
    f32x4_demote_f64x2_zero, f64x2_promote_low_f32x4, i8x16_all_true, i8x16_swizzle, i32x4_all_true, i32x4_le,
    i32x4_max, i32x4_splat, i64x2_add, i64x2_shuffle, v128, v128_and, v128_any_true, v128_or,
};
use std::array::from_fn;
use std::mem::{MaybeUninit, size_of};

#[inline(always)]
pub fn map<A: Copy, C, const N: usize>(a: [A; N], wide: impl Fn(v128) -> v128, lane: impl Fn(A) -> C) -> [C; N] {
    registers(a, a, a, |a, _, _| wide(a)).unwrap_or_else(|| from_fn(|i| lane(a[i])))
}

#[inline(always)]
pub fn zip<A: Copy, C, const N: usize>(
    a: [A; N],
    b: [A; N],
    wide: impl Fn(v128, v128) -> v128,
    lane: impl Fn(A, A) -> C,
) -> [C; N] {
    registers(a, b, b, |a, b, _| wide(a, b)).unwrap_or_else(|| from_fn(|i| lane(a[i], b[i])))
}

#[inline(always)]
pub fn select<M: Copy, A: Copy, const N: usize>(
    mask: [M; N],
    yes: [A; N],
    no: [A; N],
    wide: impl Fn(v128, v128, v128) -> v128,
    lane: impl Fn(M, A, A) -> A,
) -> [A; N] {
    registers(yes, no, mask, wide).unwrap_or_else(|| from_fn(|i| lane(mask[i], yes[i], no[i])))
}

#[inline(always)]
pub fn any<A: Copy, const N: usize>(a: [A; N], lane: impl Fn(A) -> bool) -> bool {
    joined(&a, |a, b| v128_or(a, b)).map_or_else(|| a.iter().any(|&a| lane(a)), |a| v128_any_true(a))
}

#[inline(always)]
pub fn all<A: Copy, const N: usize>(a: [A; N], lane: impl Fn(A) -> bool) -> bool {
    joined(&a, |a, b| v128_and(a, b)).map_or_else(|| a.iter().all(|&a| lane(a)), |a| i8x16_all_true(a))
}

/// As `all` of a comparison, which is made once.
#[inline(always)]
pub fn at_most<const N: usize>(a: [i32; N], limit: i32) -> bool {
    let greatest = joined(&a, |a, b| i32x4_max(a, b));
    greatest.map_or_else(|| a.iter().all(|&a| a <= limit), |a| i32x4_all_true(i32x4_le(a, i32x4_splat(limit))))
}

/// All registers of an array in one, if lanes fill registers.
#[inline(always)]
fn joined<A: Copy, const N: usize>(a: &[A; N], wide: impl Fn(v128, v128) -> v128) -> Option<v128> {
    if !fills::<A, N>() {
        return None;
    }
    let a = a.as_ptr().cast::<v128>();
    // SAFETY: register k lies inside the array.
    let register = |k: usize| unsafe { a.add(k).read_unaligned() };
    Some((1..N * size_of::<A>() / 16).fold(register(0), |all, k| wide(all, register(k))))
}

/// N must be a multiple of 4.
#[inline(always)]
pub fn widen<const N: usize>(a: [f32; N]) -> [f64; N] {
    let mut c = [0.0; N];
    let (from, to) = (a.as_ptr().cast::<v128>(), c.as_mut_ptr().cast::<v128>());
    for k in 0..N / 4 {
        // SAFETY: register k of a and registers 2k, 2k + 1 of c lie inside.
        unsafe {
            let low = from.add(k).read_unaligned();
            let high = i64x2_shuffle::<1, 1>(low, low);
            to.add(2 * k).write_unaligned(f64x2_promote_low_f32x4(low));
            to.add(2 * k + 1).write_unaligned(f64x2_promote_low_f32x4(high));
        }
    }
    c
}

#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Unaligned(v128);

/// N must be a multiple of 4.
#[inline(always)]
pub fn narrow<const N: usize>(a: [f64; N]) -> [f32; N] {
    // Moves the lower half up, zeros follow. Volatile, because LLVM would make one conversion of four lanes out of two
    // of two lanes and a shuffle that it understands, and do that one by scalars.
    static UP: [u8; 16] = [16, 16, 16, 16, 16, 16, 16, 16, 0, 1, 2, 3, 4, 5, 6, 7];
    // SAFETY: the static is 16 bytes; every bit pattern is a v128.
    let up = unsafe { (&raw const UP).cast::<Unaligned>().read_volatile() }.0;
    let mut c = [0.0; N];
    let (from, to) = (a.as_ptr().cast::<v128>(), c.as_mut_ptr().cast::<v128>());
    for k in 0..N / 4 {
        // SAFETY: registers 2k, 2k + 1 of a and register k of c lie inside.
        unsafe {
            let low = f32x4_demote_f64x2_zero(from.add(2 * k).read_unaligned());
            let high = f32x4_demote_f64x2_zero(from.add(2 * k + 1).read_unaligned());
            to.add(k).write_unaligned(i64x2_add(low, i8x16_swizzle(high, up)));
        }
    }
    c
}

/// Writes the registers one by one; volatile, because LLVM would otherwise keep `a` there from the beginning.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
pub unsafe fn put<A: Copy, const N: usize>(a: [A; N], to: *mut [A; N]) {
    // SAFETY: the caller's promise; register k lies inside both arrays.
    unsafe {
        if !fills::<A, N>() {
            return to.write(a);
        }
        for k in 0..N * size_of::<A>() / 16 {
            let register = a.as_ptr().cast::<v128>().add(k).read_unaligned();
            to.cast::<Unaligned>().add(k).write_volatile(Unaligned(register));
        }
    }
}

/// Reads the registers one by one; volatile as [`put`].
///
/// # Safety
/// `from` is valid for reads.
#[inline(always)]
pub unsafe fn take<A: Copy, const N: usize>(from: *const [A; N]) -> [A; N] {
    // SAFETY: the caller's promise; register k lies inside both arrays; every byte is written.
    unsafe {
        if !fills::<A, N>() {
            return from.read();
        }
        let mut a = MaybeUninit::<[A; N]>::uninit();
        for k in 0..N * size_of::<A>() / 16 {
            let register = from.cast::<Unaligned>().add(k).read_volatile().0;
            a.as_mut_ptr().cast::<v128>().add(k).write_unaligned(register);
        }
        a.assume_init()
    }
}

const fn fills<A, const N: usize>() -> bool {
    N > 0 && (N * size_of::<A>()).is_multiple_of(16)
}

#[inline(always)]
fn registers<A, M, C, const N: usize>(
    a: [A; N],
    b: [A; N],
    m: [M; N],
    f: impl Fn(v128, v128, v128) -> v128,
) -> Option<[C; N]> {
    if !fills::<A, N>() || size_of::<M>() != size_of::<A>() || size_of::<C>() != size_of::<A>() {
        return None;
    }
    let mut c = MaybeUninit::<[C; N]>::uninit();
    let (a, b, m) = (a.as_ptr().cast::<v128>(), b.as_ptr().cast::<v128>(), m.as_ptr().cast::<v128>());
    for k in 0..N * size_of::<A>() / 16 {
        // SAFETY: the four arrays have the same size (tested above), a whole number of registers, and register k lies
        // inside.
        unsafe {
            let c = c.as_mut_ptr().cast::<v128>().add(k);
            c.write_unaligned(f(a.add(k).read_unaligned(), b.add(k).read_unaligned(), m.add(k).read_unaligned()));
        }
    }
    // SAFETY: every byte has been written, and C is a number: every bit pattern is one.
    Some(unsafe { c.assume_init() })
}
