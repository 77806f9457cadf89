//! Random bits as a function of key and position: Threefry-2x32, 20 rounds (Salmon et al., "Parallel random numbers: as easy as
//! 1, 2, 3", 2011).

/// A key.
pub type Key = [i32; 2];

/// The k-th pair of words for a key.
#[inline(always)]
fn words(&[a, b]: &Key, k: usize) -> [u32; 2] {
    threefry([a as u32, b as u32], [((k as u64) >> 32) as u32, k as u32])
}

/// Pair k as one number.
#[inline(always)]
fn long(key: &Key, k: usize) -> u64 {
    let [high, low] = words(key, k);
    u64::from(high) << 32 | u64::from(low)
}

/// Uniform in [0, 1), from 23 bits.
#[inline(never)]
pub fn uniform_f32(key: &Key, out: &mut [f32]) {
    for (k, out) in out.iter_mut().enumerate() {
        let [a, b] = words(key, k);
        *out = f32::from_bits((a ^ b) >> 9 | 1.0f32.to_bits()) - 1.0;
    }
}

/// Uniform in [0, 1), from 52 bits.
#[inline(never)]
pub fn uniform_f64(key: &Key, out: &mut [f64]) {
    for (k, out) in out.iter_mut().enumerate() {
        *out = f64::from_bits(long(key, k) >> 12 | 1.0f64.to_bits()) - 1.0;
    }
}

/// The words, two by two: keys.
#[inline(never)]
pub fn keys(key: &Key, out: &mut [i32]) {
    for (k, out) in out.chunks_exact_mut(2).enumerate() {
        out.copy_from_slice(&words(key, k).map(|word| word as i32));
    }
}

/// 64 bits each: what a random order is sorted by.
#[inline(never)]
pub fn bits(key: &Key, out: &mut [u64]) {
    out.iter_mut().enumerate().for_each(|(k, out)| *out = long(key, k));
}

/// Threefry-2x32-20: the block `counter` encrypted with `key`.
fn threefry(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
    let keys = [key[0], key[1], key[0] ^ key[1] ^ 0x1BD1_1BDA];
    let [mut a, mut b] = [counter[0].wrapping_add(keys[0]), counter[1].wrapping_add(keys[1])];
    for group in 0..5 {
        for r in ROTATIONS[group % 2] {
            a = a.wrapping_add(b);
            b = b.rotate_left(r) ^ a;
        }
        let next = group + 1;
        a = a.wrapping_add(keys[next % 3]);
        b = b.wrapping_add(keys[(next + 1) % 3]).wrapping_add(next as u32);
    }
    [a, b]
}

#[cfg(test)]
mod tests {
    use super::threefry;

    /// Known answers of the Random123 distribution (Salmon et al.), file kat_vectors.
    #[test]
    fn threefry_gives_the_known_answers() {
        assert_eq!(threefry([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(threefry([u32::MAX, u32::MAX], [u32::MAX, u32::MAX]), [0x1cb9_96fc, 0xbb00_2be7]);
        assert_eq!(threefry([0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3]), [0xc492_3a9c, 0x483d_f7a0]);
    }
}
