//! Squares of elements, transposed in registers: what transposes and packing are made of.

/// Elements along the side of a square.
pub const SIDE: usize = 4;

/// Elements whose squares can be transposed.
pub trait Square: Copy {
    /// An integer of the same size.
    type Bits: Copy
        + core::ops::BitAnd<Output = Self::Bits>
        + core::ops::BitOr<Output = Self::Bits>
        + core::ops::Not<Output = Self::Bits>;

    /// All ones where `set`, else zero.
    fn mask(set: bool) -> Self::Bits;

    /// `to[i * to_row + j] = from[j][i]` for i and j below [`SIDE`].
    ///
    /// # Safety
    /// Both sides are valid there, and do not overlap.
    unsafe fn square(from: [*const Self; SIDE], to: *mut Self, to_row: isize);
}

/// The rows of a square that are `row` elements apart.
#[inline(always)]
pub fn rows<E>(from: *const E, row: isize) -> [*const E; SIDE] {
    std::array::from_fn(|j| from.wrapping_offset(j as isize * row))
}

/// A square, element by element.
///
/// # Safety
/// As [`Square::square`].
#[inline(always)]
unsafe fn plain<E: Copy>(from: [*const E; SIDE], to: *mut E, to_row: isize) {
    for i in 0..SIDE {
        for (j, from) in from.iter().enumerate() {
            // SAFETY: element (i, j) of the square.
            unsafe { *to.wrapping_offset(i as isize * to_row).add(j) = *from.add(i) };
        }
    }
}

macro_rules! squares {
    ($($t:ty as $bits:ty => $square:path;)*) => {$(
        impl Square for $t {
            type Bits = $bits;
            #[inline(always)]
            fn mask(set: bool) -> $bits {
                if set { <$bits>::MAX } else { 0 }
            }
            #[inline(always)]
            unsafe fn square(from: [*const Self; SIDE], to: *mut Self, to_row: isize) {
                // SAFETY: the caller's promise.
                unsafe { $square(from.map(|row| row.cast::<$bits>()), to.cast::<$bits>(), to_row) }
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
    pub unsafe fn square_u32(from: [*const u32; 4], to: *mut u32, to_row: isize) {
        // SAFETY: four neighbours in each row.
        unsafe {
            let [a, b, c, d] = from.map(|row| v128_load(row.cast()));
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
    pub unsafe fn square_u64(from: [*const u64; 4], to: *mut u64, to_row: isize) {
        // SAFETY: four neighbours in each row.
        unsafe {
            for (i, j) in [(0, 0), (0, 2), (2, 0), (2, 2)] {
                let [a, b]: [v128; 2] = [from[j], from[j + 1]].map(|row| v128_load(row.add(i).cast()));
                let to = to.wrapping_offset(i as isize * to_row).add(j);
                v128_store(to.cast(), i64x2_shuffle::<0, 2>(a, b));
                v128_store(to.wrapping_offset(to_row).cast(), i64x2_shuffle::<1, 3>(a, b));
            }
        }
    }
}
