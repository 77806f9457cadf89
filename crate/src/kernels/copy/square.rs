//! Squares of elements, transposed in registers: what transposes and packing are made of.

/// Elements along the side of a square.
pub const SIDE: usize = 4;

/// Elements whose squares can be transposed.
pub trait Square: Copy {
    /// `to[i * to_row + j] = from[j * from_row + i]` for i and j below [`SIDE`].
    ///
    /// # Safety
    /// Both sides are valid there, and do not overlap.
    unsafe fn square(from: *const Self, from_row: isize, to: *mut Self, to_row: isize);
}

/// A square, element by element.
///
/// # Safety
/// As [`Square::square`].
#[inline(always)]
unsafe fn plain<E: Copy>(from: *const E, from_row: isize, to: *mut E, to_row: isize) {
    for i in 0..SIDE as isize {
        for j in 0..SIDE as isize {
            // SAFETY: element (i, j) of the square.
            unsafe { *to.wrapping_offset(i * to_row + j) = *from.wrapping_offset(j * from_row + i) };
        }
    }
}

macro_rules! squares {
    ($($t:ty as $bits:ty => $square:path;)*) => {$(
        impl Square for $t {
            #[inline(always)]
            unsafe fn square(from: *const Self, from_row: isize, to: *mut Self, to_row: isize) {
                // SAFETY: the caller's promise.
                unsafe { $square(from.cast::<$bits>(), from_row, to.cast::<$bits>(), to_row) }
            }
        }
    )*};
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
squares! {
    u8 as u8 => plain;
    u32 as u32 => plain;
    u64 as u64 => plain;
    f32 as u32 => plain;
    f64 as u64 => plain;
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
squares! {
    u8 as u8 => plain;
    u32 as u32 => simd::square_u32;
    u64 as u64 => simd::square_u64;
    f32 as u32 => simd::square_u32;
    f64 as u64 => simd::square_u64;
}

/// Squares in vectors; the plain loop does not become shuffles by itself.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd {
    use std::arch::wasm32::{i32x4_shuffle, i64x2_shuffle, v128, v128_load, v128_store};

    /// Four rows of four.
    ///
    /// # Safety
    /// As [`super::Square::square`].
    #[inline(always)]
    pub unsafe fn square_u32(from: *const u32, from_row: isize, to: *mut u32, to_row: isize) {
        // SAFETY: four neighbours in each row.
        unsafe {
            let [a, b, c, d] = [0, 1, 2, 3].map(|j| v128_load(from.wrapping_offset(j * from_row).cast()));
            let (ab_low, ab_high) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
            let (cd_low, cd_high) = (i32x4_shuffle::<0, 4, 1, 5>(c, d), i32x4_shuffle::<2, 6, 3, 7>(c, d));
            let columns = [
                i64x2_shuffle::<0, 2>(ab_low, cd_low),
                i64x2_shuffle::<1, 3>(ab_low, cd_low),
                i64x2_shuffle::<0, 2>(ab_high, cd_high),
                i64x2_shuffle::<1, 3>(ab_high, cd_high),
            ];
            for (i, column) in columns.into_iter().enumerate() {
                v128_store(to.wrapping_offset(i as isize * to_row).cast(), column);
            }
        }
    }

    /// Four rows of four, as four squares of two.
    ///
    /// # Safety
    /// As [`super::Square::square`].
    #[inline(always)]
    pub unsafe fn square_u64(from: *const u64, from_row: isize, to: *mut u64, to_row: isize) {
        // SAFETY: four neighbours in each row.
        unsafe {
            for (i, j) in [(0, 0), (0, 2), (2, 0), (2, 2)] {
                let row = |q: isize| -> v128 { v128_load(from.wrapping_offset((j + q) * from_row + i).cast()) };
                let (a, b) = (row(0), row(1));
                v128_store(to.wrapping_offset(i * to_row + j).cast(), i64x2_shuffle::<0, 2>(a, b));
                v128_store(to.wrapping_offset((i + 1) * to_row + j).cast(), i64x2_shuffle::<1, 3>(a, b));
            }
        }
    }
}
