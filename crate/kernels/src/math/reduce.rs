//! Reduction of large angles: x = n π/2 + r for any finite x.
//!
//! After M. Payne and R. Hanek, Radian reduction for trigonometric functions, SIGNUM Newsletter 18, 1983: of x · 2/π
//! only the bits around the point matter, and they come from a window of the bits of 2/π whose place follows from the
//! exponent of x. Integer arithmetic, one number at a time; kernels come here only for vectors in which some lane is
//! very large.

/// A word of zeros, then the bits of 2/π after the point, most significant first.
const TWO_OVER_PI: [u64; 20] = [
    0,
    0xa2f9836e4e441529,
    0xfc2757d1f534ddc0,
    0xdb6295993c439041,
    0xfe5163abdebbc561,
    0xb7246e3a424dd2e0,
    0x06492eea09d1921c,
    0xfe1deb1cb129a73e,
    0xe88235f52ebb4484,
    0xe99c7026b45f7e41,
    0x3991d639835339f4,
    0x9c845f8bbdf9283b,
    0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f,
    0x6d367ecf27cb09b7,
    0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea,
    0x6bfb5fb11f8d5d08,
    0x56033046fc7b6bab,
];

/// π/2 · 2^63.
const PI_OVER_2: u128 = 0xc90f_daa2_2168_c235;

/// An angle in quarter turns.
#[derive(Clone, Copy, Debug)]
pub struct QuarterTurns {
    /// n mod 4: from -4 to 4, with the sign of the angle.
    pub n: i32,
    /// The rest in radians, |r| <= π/4.
    pub r: f64,
    /// What r lacks, |c| <= ulp(r).
    pub c: f64,
}

/// x = n π/2 + r + c, modulo 2π, for finite |x| >= 1, to 2^-60 of r; r = NaN when x is not finite.
#[cold]
pub fn quarter_turns(x: f64) -> QuarterTurns {
    if !x.is_finite() {
        return QuarterTurns { n: 0, r: f64::NAN, c: 0.0 };
    }
    // |x| = mantissa · 2^exponent, and the bits of 2/π up to 2^(2 - exponent) only add multiples of 4 to n.
    let bits = x.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32 - 1075;
    let mantissa = (bits & 0x000f_ffff_ffff_ffff) | 0x0010_0000_0000_0000;
    let start = (exponent - 2 + 64).clamp(0, 1033) as usize;
    let window = |i: usize| {
        let pair = u128::from(TWO_OVER_PI[start / 64 + i]) << 64 | u128::from(TWO_OVER_PI[start / 64 + i + 1]);
        (pair << (start % 64) >> 64) as u64
    };
    // mantissa · window modulo 2^192: two bits of n, then the fraction.
    let wide = |w: u64| u128::from(mantissa) * u128::from(w);
    let middle = wide(window(1)) + (wide(window(2)) >> 64);
    let product = (wide(window(0)) << 64).wrapping_add(middle);
    let low = wide(window(2)) as u64;
    let fraction = (product << 2 | u128::from(low >> 62)).cast_signed();
    let n = (product >> 126) as i32 + i32::from(fraction < 0);
    // The 64 leading bits of the fraction times π/2.
    let shift = fraction.unsigned_abs().leading_zeros();
    let leading = fraction.unsigned_abs().checked_shl(shift).unwrap_or(0) >> 64;
    let radians = leading * PI_OVER_2;
    let high = radians as f64;
    let rest = radians.wrapping_sub(high as u128).cast_signed() as f64;
    let unit = f64::from_bits(u64::from(1023 - 127 - shift) << 52);
    let sign = if (fraction < 0) ^ (x < 0.0) { -unit } else { unit };
    QuarterTurns { n: if x < 0.0 { -n } else { n }, r: high * sign, c: rest * sign }
}
