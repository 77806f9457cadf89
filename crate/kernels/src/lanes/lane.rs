//! What lanes of each type can do: for every operation the WebAssembly instruction, and its meaning in plain Rust.
//!
//! Left to itself LLVM turns loops over `[f32; 4]` into vector code most of the time, but falls back to scalar code
//! where clamps, masks and bit patterns meet (exp: 4 ns instead of 1 ns an element). So in WebAssembly each operation
//! names its instruction, here and nowhere else; on other targets, and for an N that fills no register, the closure
//! beside it runs. Both must give the same bits: the closure is the definition.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::wide;
use std::array::from_fn;
use std::fmt::Debug;

/// A type that lanes can have, with arithmetic that is total: no panic, no undefined result.
///
/// Floats follow IEEE 754. Integers wrap; their quotient is truncated towards zero, and x / 0 = 0.
pub trait Lane: Copy + Debug + 'static {
    /// The integer of the same width: what masks (all ones or all zeros) and bit patterns are made of.
    type Bits: Word;
    /// `c` in this type: to the nearest for floats; truncated and saturated for integers, NaN to 0.
    fn literal(c: f64) -> Self;
    /// a + b.
    fn add<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self; N];
    /// a - b.
    fn sub<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self; N];
    /// a b.
    fn mul<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self; N];
    /// a / b.
    fn div<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self; N];
    /// -a.
    fn neg<const N: usize>(a: [Self; N]) -> [Self; N];
    /// |a|; the smallest integer stays itself.
    fn abs<const N: usize>(a: [Self; N]) -> [Self; N];
    /// b where b < a, else a.
    fn pmin<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self; N];
    /// b where a < b, else a.
    fn pmax<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self; N];
    /// a < b.
    fn lt<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self::Bits; N];
    /// a <= b.
    fn le<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self::Bits; N];
    /// a = b.
    fn eq<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self::Bits; N];
    /// Not a = b.
    fn ne<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self::Bits; N];
    /// `yes` where the mask is all ones, `no` where it is zero.
    fn select<const N: usize>(mask: [Self::Bits; N], yes: [Self; N], no: [Self; N]) -> [Self; N];
}

/// An integer lane read as bits.
pub trait Word: Lane<Bits = Self> {
    /// No bit.
    const ZEROS: Self;
    /// Every bit.
    const ONES: Self;
    /// a & b.
    fn and<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self; N];
    /// a | b.
    fn or<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self; N];
    /// a ^ b.
    fn xor<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self; N];
    /// The bits moved `by` places to the left; zeros follow.
    fn shl<const N: usize>(a: [Self; N], by: u32) -> [Self; N];
    /// The bits moved `by` places to the right; zeros follow, whatever the sign.
    fn shr<const N: usize>(a: [Self; N], by: u32) -> [Self; N];
    /// Whether some bit of some lane is set.
    fn any<const N: usize>(a: [Self; N]) -> bool;
    /// Whether every lane is all ones, where each is that or zero.
    fn all<const N: usize>(a: [Self; N]) -> bool;
}

/// A floating-point lane: what IEEE 754 rounds exactly, and its bits.
pub trait FloatLane: Lane {
    /// The square root; NaN below 0.
    fn sqrt<const N: usize>(a: [Self; N]) -> [Self; N];
    /// The largest integer not above a.
    fn floor<const N: usize>(a: [Self; N]) -> [Self; N];
    /// The smallest integer not below a.
    fn ceil<const N: usize>(a: [Self; N]) -> [Self; N];
    /// The nearest integer, ties to the even one.
    fn round<const N: usize>(a: [Self; N]) -> [Self; N];
    /// The bit patterns.
    fn to_bits<const N: usize>(a: [Self; N]) -> [Self::Bits; N];
    /// The numbers with these bit patterns.
    fn from_bits<const N: usize>(a: [Self::Bits; N]) -> [Self; N];
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
macro_rules! by {
    (map($a:expr) $instruction:ident, $lane:expr) => {
        wide::map($a, |a| core::arch::wasm32::$instruction(a), $lane)
    };
    (zip($a:expr, $b:expr) $instruction:ident, $lane:expr) => {
        wide::zip($a, $b, |a, b| core::arch::wasm32::$instruction(a, b), $lane)
    };
    (select($m:expr, $a:expr, $b:expr) $instruction:ident, $lane:expr) => {
        wide::select($m, $a, $b, |a, b, m| core::arch::wasm32::$instruction(a, b, m), $lane)
    };
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
macro_rules! reinterpret {
    ($a:expr, $lane:expr) => {
        wide::map($a, |a| a, $lane)
    };
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
macro_rules! reinterpret {
    ($a:expr, $lane:expr) => {{
        let (a, lane) = ($a, $lane);
        from_fn(|i| lane(a[i]))
    }};
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
macro_rules! by {
    (map($a:expr) $instruction:ident, $lane:expr) => {{
        let (a, lane) = ($a, $lane);
        from_fn(|i| lane(a[i]))
    }};
    (zip($a:expr, $b:expr) $instruction:ident, $lane:expr) => {{
        let (a, b, lane) = ($a, $b, $lane);
        from_fn(|i| lane(a[i], b[i]))
    }};
    (select($m:expr, $a:expr, $b:expr) $instruction:ident, $lane:expr) => {{
        let (m, a, b, lane) = ($m, $a, $b, $lane);
        from_fn(|i| lane(m[i], a[i], b[i]))
    }};
}

macro_rules! unary {
    ($($name:ident $instruction:ident $lane:expr;)+) => {$(
        #[inline(always)]
        fn $name<const N: usize>(a: [Self; N]) -> [Self; N] { by!(map(a) $instruction, $lane) }
    )+};
}

macro_rules! binary {
    ($($name:ident $instruction:ident $lane:expr;)+) => {$(
        #[inline(always)]
        fn $name<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self; N] { by!(zip(a, b) $instruction, $lane) }
    )+};
}

macro_rules! compare {
    ($($name:ident $op:tt $instruction:ident;)+) => {$(
        #[inline(always)]
        fn $name<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self::Bits; N] {
            by!(zip(a, b) $instruction, |a, b| if a $op b { Self::Bits::ONES } else { Self::Bits::ZEROS })
        }
    )+};
}

macro_rules! choose {
    () => {
        #[inline(always)]
        fn select<const N: usize>(mask: [Self::Bits; N], yes: [Self; N], no: [Self; N]) -> [Self; N] {
            by!(select(mask, yes, no) v128_bitselect, |m, a, b| if m != Self::Bits::ZEROS { a } else { b })
        }
    };
}

macro_rules! lane_by_lane {
    ($($name:ident $lane:expr;)+) => {$(
        #[inline(always)]
        fn $name<const N: usize>(a: [Self; N], b: [Self; N]) -> [Self; N] { from_fn(|i| $lane(a[i], b[i])) }
    )+};
}

macro_rules! bitwise {
    ($unsigned:ty, $shl:ident, $shr:ident) => {
        const ZEROS: Self = 0;
        const ONES: Self = !0;
        binary! {
            and v128_and |a, b| a & b;
            or v128_or |a, b| a | b;
            xor v128_xor |a, b| a ^ b;
        }
        #[inline(always)]
        fn shl<const N: usize>(a: [Self; N], by: u32) -> [Self; N] {
            shift!(a, by, $shl, |a: Self| a.wrapping_shl(by))
        }
        #[inline(always)]
        fn shr<const N: usize>(a: [Self; N], by: u32) -> [Self; N] {
            shift!(a, by, $shr, |a: Self| (a as $unsigned).wrapping_shr(by) as Self)
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        #[inline(always)]
        fn any<const N: usize>(a: [Self; N]) -> bool {
            wide::any(a, |a| a != 0)
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        #[inline(always)]
        fn all<const N: usize>(a: [Self; N]) -> bool {
            wide::all(a, |a| a != 0)
        }
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        #[inline(always)]
        fn any<const N: usize>(a: [Self; N]) -> bool {
            a.iter().fold(0, |any, &a| any | a) != 0
        }
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        #[inline(always)]
        fn all<const N: usize>(a: [Self; N]) -> bool {
            a.iter().all(|&a| a != 0)
        }
    };
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
macro_rules! shift {
    ($a:expr, $by:expr, $instruction:ident, $lane:expr) => {
        wide::map($a, |a| core::arch::wasm32::$instruction(a, $by), $lane)
    };
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
macro_rules! shift {
    ($a:expr, $by:expr, $instruction:ident, $lane:expr) => {{
        let (a, lane) = ($a, $lane);
        from_fn(|i| lane(a[i]))
    }};
}

impl Lane for f32 {
    type Bits = i32;
    #[inline(always)]
    fn literal(c: f64) -> Self {
        c as f32
    }
    binary! {
        add f32x4_add |a, b| a + b;
        sub f32x4_sub |a, b| a - b;
        mul f32x4_mul |a, b| a * b;
        div f32x4_div |a, b| a / b;
        pmin f32x4_pmin |a, b| if b < a { b } else { a };
        pmax f32x4_pmax |a, b| if a < b { b } else { a };
    }
    unary! {
        neg f32x4_neg |a: f32| -a;
        abs f32x4_abs |a: f32| a.abs();
    }
    compare! { lt < f32x4_lt; le <= f32x4_le; eq == f32x4_eq; ne != f32x4_ne; }
    choose!();
}

impl Lane for f64 {
    type Bits = i64;
    #[inline(always)]
    fn literal(c: f64) -> Self {
        c
    }
    binary! {
        add f64x2_add |a, b| a + b;
        sub f64x2_sub |a, b| a - b;
        mul f64x2_mul |a, b| a * b;
        div f64x2_div |a, b| a / b;
        pmin f64x2_pmin |a, b| if b < a { b } else { a };
        pmax f64x2_pmax |a, b| if a < b { b } else { a };
    }
    unary! {
        neg f64x2_neg |a: f64| -a;
        abs f64x2_abs |a: f64| a.abs();
    }
    compare! { lt < f64x2_lt; le <= f64x2_le; eq == f64x2_eq; ne != f64x2_ne; }
    choose!();
}

impl Lane for i32 {
    type Bits = i32;
    #[inline(always)]
    fn literal(c: f64) -> Self {
        c as i32
    }
    binary! {
        add i32x4_add |a: i32, b| a.wrapping_add(b);
        sub i32x4_sub |a: i32, b| a.wrapping_sub(b);
        mul i32x4_mul |a: i32, b| a.wrapping_mul(b);
        pmin i32x4_min |a: i32, b| a.min(b);
        pmax i32x4_max |a: i32, b| a.max(b);
    }
    lane_by_lane! { div |a: i32, b| if b == 0 { 0 } else { a.wrapping_div(b) }; }
    unary! {
        neg i32x4_neg |a: i32| a.wrapping_neg();
        abs i32x4_abs |a: i32| a.wrapping_abs();
    }
    compare! { lt < i32x4_lt; le <= i32x4_le; eq == i32x4_eq; ne != i32x4_ne; }
    choose!();
}

impl Lane for i64 {
    type Bits = i64;
    #[inline(always)]
    fn literal(c: f64) -> Self {
        c as i64
    }
    binary! {
        add i64x2_add |a: i64, b| a.wrapping_add(b);
        sub i64x2_sub |a: i64, b| a.wrapping_sub(b);
        mul i64x2_mul |a: i64, b| a.wrapping_mul(b);
    }
    lane_by_lane! { div |a: i64, b| if b == 0 { 0 } else { a.wrapping_div(b) };
    pmin |a: i64, b| a.min(b);
    pmax |a: i64, b| a.max(b); }
    unary! {
        neg i64x2_neg |a: i64| a.wrapping_neg();
        abs i64x2_abs |a: i64| a.wrapping_abs();
    }
    compare! { lt < i64x2_lt; le <= i64x2_le; eq == i64x2_eq; ne != i64x2_ne; }
    choose!();
}

impl Lane for u8 {
    type Bits = u8;
    #[inline(always)]
    fn literal(c: f64) -> Self {
        c as u8
    }
    binary! {
        add u8x16_add |a: u8, b| a.wrapping_add(b);
        sub u8x16_sub |a: u8, b| a.wrapping_sub(b);
        pmin u8x16_min |a: u8, b| a.min(b);
        pmax u8x16_max |a: u8, b| a.max(b);
    }
    lane_by_lane! {
        mul |a: u8, b| a.wrapping_mul(b);
        div |a: u8, b| a.checked_div(b).unwrap_or(0);
    }
    unary! { neg i8x16_neg |a: u8| a.wrapping_neg(); }
    #[inline(always)]
    fn abs<const N: usize>(a: [u8; N]) -> [u8; N] {
        a
    }
    compare! { lt < u8x16_lt; le <= u8x16_le; eq == u8x16_eq; ne != u8x16_ne; }
    choose!();
}

impl Word for i32 {
    bitwise!(u32, i32x4_shl, u32x4_shr);
}

impl Word for i64 {
    bitwise!(u64, i64x2_shl, u64x2_shr);
}

impl Word for u8 {
    bitwise!(u8, u8x16_shl, u8x16_shr);
}

macro_rules! float_lane {
    ($t:ident, $sqrt:ident, $floor:ident, $ceil:ident, $nearest:ident) => {
        impl FloatLane for $t {
            unary! {
                sqrt $sqrt |a: $t| a.sqrt();
                floor $floor |a: $t| a.floor();
                ceil $ceil |a: $t| a.ceil();
                round $nearest |a: $t| a.round_ties_even();
            }
            #[inline(always)]
            fn to_bits<const N: usize>(a: [Self; N]) -> [Self::Bits; N] {
                reinterpret!(a, |a: $t| a.to_bits() as Self::Bits)
            }
            #[inline(always)]
            fn from_bits<const N: usize>(a: [Self::Bits; N]) -> [Self; N] {
                reinterpret!(a, |a: Self::Bits| $t::from_bits(a as _))
            }
        }
    };
}
float_lane!(f32, f32x4_sqrt, f32x4_floor, f32x4_ceil, f32x4_nearest);
float_lane!(f64, f64x2_sqrt, f64x2_floor, f64x2_ceil, f64x2_nearest);

/// Writes `a` where nothing else keeps it.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
pub unsafe fn put<T: Copy, const N: usize>(a: [T; N], to: *mut [T; N]) {
    // SAFETY: the caller's promise.
    unsafe {
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        wide::put(a, to);
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        to.write(a);
    }
}

/// Reads what [`put`] has written.
///
/// # Safety
/// `from` is valid for reads.
#[inline(always)]
pub unsafe fn take<T: Copy, const N: usize>(from: *const [T; N]) -> [T; N] {
    // SAFETY: the caller's promise.
    unsafe {
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        return wide::take(from);
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        from.read()
    }
}

/// Whether no lane is above `limit`.
#[inline(always)]
pub fn at_most<const N: usize>(a: [i32; N], limit: i32) -> bool {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return wide::at_most(a, limit);
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    a.iter().all(|&a| a <= limit)
}

/// f32 to f64.
#[inline(always)]
pub fn widen<const N: usize>(a: [f32; N]) -> [f64; N] {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    if N > 0 && N.is_multiple_of(4) {
        return wide::widen(a);
    }
    from_fn(|i| f64::from(a[i]))
}

/// f64 to the nearest f32.
#[inline(always)]
pub fn narrow<const N: usize>(a: [f64; N]) -> [f32; N] {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    if N > 0 && N.is_multiple_of(4) {
        return wide::narrow(a);
    }
    from_fn(|i| a[i] as f32)
}
