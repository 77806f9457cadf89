//! Every lane operation against the scalar one, for widths that fill registers and widths that do not.

use super::{Lane, Lanes, Mask};

const FLOATS: [f64; 12] =
    [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 1e-40, 3e38, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.499_999_97];

fn all_pairs<T: Lane, const N: usize>(x: &[T], check: impl Fn(Lanes<T, N>, Lanes<T, N>)) {
    for start in 0..x.len() {
        for shift in 0..x.len() {
            let a = Lanes::from_fn(|i| x[(start + i) % x.len()]);
            let b = Lanes::from_fn(|i| x[(start + shift + i) % x.len()]);
            check(a, b);
        }
    }
}

macro_rules! float_test {
    ($name:ident, $t:ident, $($n:literal)+) => {
        #[test]
        fn $name() {
            let x = FLOATS.map(|x| x as $t);
            let bits = |x: $t| if x.is_nan() { $t::NAN.to_bits() } else { x.to_bits() };
            $(all_pairs::<$t, $n>(&x, |a, b| {
                let both = |f: fn($t, $t) -> $t| std::array::from_fn::<_, $n, _>(|i| bits(f(a.0[i], b.0[i])));
                assert_eq!((a + b).0.map(bits), both(|a, b| a + b));
                assert_eq!((a - b).0.map(bits), both(|a, b| a - b));
                assert_eq!((a * b).0.map(bits), both(|a, b| a * b));
                assert_eq!((a / b).0.map(bits), both(|a, b| a / b));
                assert_eq!((-a).0.map(bits), both(|a, _| -a));
                assert_eq!(a.abs().0.map(bits), both(|a, _| a.abs()));
                assert_eq!(a.pmin(b).0.map(bits), both(|a, b| if b < a { b } else { a }));
                assert_eq!(a.pmax(b).0.map(bits), both(|a, b| if a < b { b } else { a }));
                let signed = a.abs().with_sign(b).0;
                assert!((0..$n).all(|i| signed[i].to_bits() == a.0[i].copysign(b.0[i]).to_bits()));
                assert_eq!(a.sqrt().0.map(bits), both(|a, _| a.sqrt()));
                assert_eq!(a.floor().0.map(bits), both(|a, _| a.floor()));
                assert_eq!(a.ceil().0.map(bits), both(|a, _| a.ceil()));
                assert_eq!(a.round().0.map(bits), both(|a, _| a.round_ties_even()));
                compare(a, b);
            });)+
        }
    };
}
float_test!(floats_follow_ieee_754_in_single_precision, f32, 1 3 4 8);
float_test!(floats_follow_ieee_754_in_double_precision, f64, 1 2 3 4);

fn compare<T: Lane + PartialOrd, const N: usize>(a: Lanes<T, N>, b: Lanes<T, N>) {
    let check = |mask: Mask<T, N>, holds: fn(&T, &T) -> bool| {
        let expected: [bool; N] = std::array::from_fn(|i| holds(&a.0[i], &b.0[i]));
        assert_eq!(mask.to_array(), expected);
        assert_eq!((!mask).to_array(), expected.map(|e| !e));
        assert_eq!(mask.any(), expected.contains(&true));
        assert_eq!(mask.all(), !expected.contains(&false));
        assert_eq!(Mask::<T, N>::from_fn(|i| expected[i]).to_array(), expected);
        let chosen = Lanes::select(mask, a, b);
        let same = |x: T, y: T| x == y || (x.partial_cmp(&x).is_none() && y.partial_cmp(&y).is_none());
        assert!((0..N).all(|i| same(chosen.0[i], if expected[i] { a.0[i] } else { b.0[i] })));
    };
    check(a.lt(b), |a, b| a < b);
    check(a.le(b), |a, b| a <= b);
    check(a.gt(b), |a, b| a > b);
    check(a.ge(b), |a, b| a >= b);
    check(a.eq(b), |a, b| a == b);
    check(a.ne(b), |a, b| a != b);
    check(a.lt(b) | a.eq(b), |a, b| a <= b);
    check(a.le(b) & a.ge(b), |a, b| a == b);
    check(a.le(b) ^ a.eq(b), |a, b| a < b);
}

macro_rules! integer_test {
    ($name:ident, $t:ident, $numbers:expr, $($n:literal)+) => {
        #[test]
        fn $name() {
            $(all_pairs::<$t, $n>(&$numbers, |a, b| {
                let both = |f: fn($t, $t) -> $t| std::array::from_fn::<_, $n, _>(|i| f(a.0[i], b.0[i]));
                assert_eq!((a + b).0, both($t::wrapping_add));
                assert_eq!((a - b).0, both($t::wrapping_sub));
                assert_eq!((a * b).0, both($t::wrapping_mul));
                assert_eq!((a / b).0, both(|a, b| if b == 0 { 0 } else { a.wrapping_div(b) }));
                assert_eq!((-a).0, both(|a, _| a.wrapping_neg()));
                assert_eq!(a.pmin(b).0, both(std::cmp::min));
                assert_eq!(a.pmax(b).0, both(std::cmp::max));
                assert_eq!((a & b).0, both(|a, b| a & b));
                assert_eq!((a | b).0, both(|a, b| a | b));
                assert_eq!((a ^ b).0, both(|a, b| a ^ b));
                assert_eq!((a << 3).0, both(|a, _| a << 3));
                compare(a, b);
            });)+
        }
    };
}
integer_test!(int32_wraps_and_divides_by_zero_to_zero, i32, [0, 1, -1, 7, -7, 2, i32::MAX, i32::MIN], 1 3 4 8);
integer_test!(int64_wraps_and_divides_by_zero_to_zero, i64, [0, 1, -1, 7, -7, 2, i64::MAX, i64::MIN], 1 2 3 4);
integer_test!(bytes_wrap_and_divide_by_zero_to_zero, u8, [0, 1, 2, 7, 128, 200, 255], 1 5 16);

#[test]
fn shifts_to_the_right_bring_zeros() {
    assert_eq!((Lanes([-1i32, i32::MIN, 5, 0]) >> 4).0, [0x0fff_ffff, 0x0800_0000, 0, 0]);
    assert_eq!((Lanes([-1i64, 64]) >> 60).0, [15, 0]);
}

#[test]
fn widening_is_exact_and_narrowing_rounds() {
    let x = Lanes([0.1f32, -0.0, 1e-45, f32::MAX, f32::INFINITY]);
    assert_eq!(x.widen().0, x.0.map(f64::from));
    assert_eq!(x.widen().narrow(), x);
    let x = Lanes([0.1f64, 1e-320, 1e300, -2.0, 16_777_217.0, 1.0, 2.0, 3.0]);
    assert_eq!(x.narrow().0, [0.1f32, 0.0, f32::INFINITY, -2.0, 16_777_216.0, 1.0, 2.0, 3.0]);
}

#[test]
fn chunks_cover_every_lane_once() {
    let x = Lanes::<f32, 8>::from_fn(|i| i as f32);
    assert_eq!(x.chunks::<4>(|x| x * 2.0), x * 2.0);
    assert_eq!(x.chunks2::<4>(x, |a, b| a * b), x * x);
    assert_eq!(x.in_turn::<4>(|x| x * 2.0), x * 2.0);
    assert_eq!(x.in_turn2::<8>(x, |a, b| a * b), x * x);
    let long = Lanes::<f32, 16>::from_fn(|i| i as f32);
    assert_eq!(long.chunks::<4>(|x| x + 1.0), long + 1.0);
    assert_eq!(long.chunks2::<4>(-long, |a, b| a - b), long + long);
    assert_eq!(long.chunks2::<2>(-long, |a, b| a - b), long + long);
    let odd = Lanes::<f32, 6>::from_fn(|i| i as f32);
    assert_eq!(odd.chunks2::<4>(odd, |a, b| a - b), Lanes::splat(0.0));
}

#[test]
fn literals_are_rounded_or_truncated() {
    assert_eq!(Lanes::<f32, 2>::lit(0.1).0, [0.1; 2]);
    assert_eq!(Lanes::<i32, 2>::lit(-2.9).0, [-2; 2]);
    assert_eq!(Lanes::<i32, 2>::lit(f64::NAN).0, [0; 2]);
    assert_eq!(Lanes::<u8, 2>::lit(300.0).0, [255; 2]);
}

#[test]
fn loads_and_stores_need_the_alignment_of_a_lane_only() {
    let numbers: [f32; 7] = std::array::from_fn(|i| i as f32);
    let mut out = [0.0f32; 7];
    for at in 0..4 {
        // SAFETY: at + 4 <= 7.
        unsafe {
            let x = Lanes::<f32, 4>::load(numbers.as_ptr().add(at));
            x.store(out.as_mut_ptr().add(at));
        }
    }
    assert_eq!(out, numbers);
}
