//! Orders of numbers, by keys that compare as the numbers do.

use crate::dtype::Elem;

/// A key for a number: 0 and -0 have the same one, NaN has the greatest.
#[inline(always)]
pub fn key(x: f64) -> u64 {
    if x.is_nan() {
        return u64::MAX;
    }
    // -0 + 0 is 0. Negative numbers come before the others, the greater in magnitude first.
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// Replaces numbers, given by their bits, by their keys; `backwards` by keys in the opposite order.
#[inline(never)]
pub fn keys(numbers: &mut [u64], backwards: bool) {
    let turn = if backwards { u64::MAX } else { 0 };
    numbers.iter_mut().for_each(|x| *x = key(f64::from_bits(*x)) ^ turn);
}

/// So many keys are ordered byte by byte rather than by comparing them.
const MANY: usize = 512;

/// Writes the places of the keys in ascending order; equal ones keep theirs. `room` is as long as `order` and `keys`.
#[inline(never)]
pub fn argsort(keys: &[u64], order: &mut [i32], room: &mut [i32]) {
    (0..).zip(order.iter_mut()).for_each(|(k, place)| *place = k);
    if keys.len() < MANY { merge(keys, order, room) } else { by_bytes(keys, order, room) }
}

/// [`argsort`] by each byte of the keys, from the last to the first, which leaves the order of equal ones as it is.
fn by_bytes(keys: &[u64], order: &mut [i32], room: &mut [i32]) {
    for byte in 0..8 {
        let digit = |key: u64| usize::from((key >> (8 * byte)) as u8);
        let mut next = [0; 256];
        keys.iter().for_each(|&key| next[digit(key)] += 1);
        if next.contains(&keys.len()) {
            continue; // all have the same
        }
        let mut start = 0;
        for next in &mut next {
            (*next, start) = (start, start + *next);
        }
        room.copy_from_slice(order);
        for &place in &*room {
            let next = &mut next[digit(keys[place as usize])];
            order[*next] = place;
            *next += 1;
        }
    }
}

/// [`argsort`] by merging runs, beginning with runs of one.
fn merge(keys: &[u64], order: &mut [i32], room: &mut [i32]) {
    let before = |a: i32, b: i32| keys[a as usize] <= keys[b as usize];
    let mut width = 1;
    while width < keys.len() {
        room.copy_from_slice(order);
        for (to, from) in order.chunks_mut(2 * width).zip(room.chunks(2 * width)) {
            let (left, right) = from.split_at(width.min(from.len()));
            let (mut i, mut j) = (0, 0);
            for to in to {
                let first = i < left.len() && (j == right.len() || before(left[i], right[j]));
                *to = if first { left[i] } else { right[j] };
                if first { i += 1 } else { j += 1 }
            }
        }
        width *= 2;
    }
}

/// How many of the sorted numbers are less than another, or at most it: `rank(sorted, len, number, at_most)`.
///
/// # Safety
/// `sorted` is valid for reads of `len` elements of its type, `number` for one; both are aligned for it.
pub type Rank = unsafe fn(*const u8, usize, *const u8, bool) -> usize;

/// The [`Rank`] of a type.
///
/// # Safety
/// That of [`Rank`], for elements T.
pub unsafe fn rank<T: Elem>(sorted: *const u8, len: usize, number: *const u8, at_most: bool) -> usize {
    // SAFETY: the caller's promise.
    let (sorted, number) = unsafe { (std::slice::from_raw_parts(sorted.cast::<T>(), len), *number.cast::<T>()) };
    let number = key(number.to_f64());
    sorted.partition_point(|x| {
        let x = key(x.to_f64());
        x < number || (at_most && x == number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_compare_as_numbers() {
        let ascending = [f64::NEG_INFINITY, -2.0, -1e-310, 0.0, 5e-324, 1.0, f64::INFINITY, f64::NAN];
        assert!(ascending.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
        assert_eq!(key(-0.0), key(0.0));
        assert_eq!(key(-f64::NAN), key(f64::NAN));
    }

    #[test]
    fn many_are_ordered_as_few_are() {
        let odd = [f64::NAN, -0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, 1e-310];
        let spread = |k: usize| ((k * 7919 % 1009) as f64 - 500.0) * 0.37;
        let close = |k: usize| (k * 31 % 7) as f64; // most bytes of the keys are the same
        let mixed = |k: usize| odd.get(k % 11).copied().unwrap_or(spread(k));
        for number in [&spread as &dyn Fn(usize) -> f64, &close, &mixed] {
            for (len, backwards) in [511, 512, 513, 3000].into_iter().flat_map(|len| [(len, false), (len, true)]) {
                let mut bits: Vec<u64> = (0..len).map(|k| number(k).to_bits()).collect();
                keys(&mut bits, backwards);
                let [mut order, mut room, mut merged] = [(); 3].map(|()| vec![0; len]);
                argsort(&bits, &mut order, &mut room);
                (0..).zip(&mut merged).for_each(|(k, place)| *place = k);
                merge(&bits, &mut merged, &mut room);
                assert_eq!(order, merged, "{len} {backwards}");
            }
        }
    }

    #[test]
    fn equal_ones_keep_their_places_in_both_directions() {
        let x = [1.0, f64::NAN, -0.0, 1.0, 0.0, f64::NAN];
        for (backwards, expected) in [(false, [2, 4, 0, 3, 1, 5]), (true, [1, 5, 0, 3, 2, 4])] {
            let mut bits = x.map(f64::to_bits);
            keys(&mut bits, backwards);
            let (mut order, mut room) = ([0; 6], [0; 6]);
            argsort(&bits, &mut order, &mut room);
            assert_eq!(order, expected);
        }
    }
}
