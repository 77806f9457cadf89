//! Numbers as unevaluated sums of two doubles, for the steps where 53 bits are too few.
//!
//! T. J. Dekker, A floating-point technique for extending the available precision, Numerische Mathematik 18, 1971.
//! Without a fused multiply-add, products are split into halves of 26 bits.

use crate::lanes::{Lanes, Mask};

/// high + low, |low| at most about one unit in the last place of high.
#[derive(Clone, Copy)]
pub struct Sum<const N: usize> {
    /// The leading part.
    pub high: Lanes<f64, N>,
    /// The rest.
    pub low: Lanes<f64, N>,
}

impl<const N: usize> Sum<N> {
    /// a + b, exact where |a| >= |b| or a = 0.
    #[inline(always)]
    pub fn of(a: Lanes<f64, N>, b: Lanes<f64, N>) -> Self {
        let high = a + b;
        Self { high, low: (a - high) + b }
    }

    /// a b, to 2^-105.
    #[inline(always)]
    pub fn product(a: Lanes<f64, N>, b: Lanes<f64, N>) -> Self {
        let ((a1, a2), (b1, b2)) = (halves(a), halves(b));
        let high = a * b;
        let low = ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2;
        Self { high, low }
    }

    /// self b, to 2^-100.
    #[inline(always)]
    pub fn times(self, other: Self) -> Self {
        let p = Self::product(self.high, other.high);
        Self::of(p.high, p.low + (self.high * other.low + self.low * other.high))
    }

    /// self / other, to 2^-100.
    #[inline(always)]
    pub fn over(self, other: Self) -> Self {
        let high = self.high / other.high;
        let back = Self::product(high, other.high);
        let rest = ((self.high - back.high) - back.low) + (self.low - high * other.low);
        Self::of(high, rest / other.high)
    }

    /// self + other, whatever their sizes (Knuth's two-sum).
    #[inline(always)]
    pub fn plus(self, other: Self) -> Self {
        let high = self.high + other.high;
        let back = high - self.high;
        let lost = (self.high - (high - back)) + (other.high - back);
        Self::of(high, lost + (self.low + other.low))
    }

    /// -self.
    #[inline(always)]
    pub fn minus(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }

    /// x.
    #[inline(always)]
    pub fn from(x: Lanes<f64, N>) -> Self {
        Self { high: x, low: Lanes::splat(0.0) }
    }

    /// `yes` where the mask holds, else `no`.
    #[inline(always)]
    pub fn select(mask: Mask<f64, N>, yes: Self, no: Self) -> Self {
        Self { high: Lanes::select(mask, yes.high, no.high), low: Lanes::select(mask, yes.low, no.low) }
    }
}

/// x as a number with 26 bits and the rest.
#[inline(always)]
pub fn halves<const N: usize>(x: Lanes<f64, N>) -> (Lanes<f64, N>, Lanes<f64, N>) {
    let high = Lanes::<f64, N>::from_bits(x.to_bits() & Lanes::splat(-1 << 27));
    (high, x - high)
}
