//! Random numbers: functions of their keys, with the moments they should have.

mod common;

use common::{array, bits, code, numbers};
use wengert::array::Array;
use wengert::call;
use wengert::dtype::DType;
use wengert::error::Result;
use wengert::tape::Tape;

fn draw(name: &str, key: [i32; 2], attrs: &[f64]) -> Result<Array> {
    let tape = Tape::new();
    let key = tape.leaf(array(&[2], DType::Int32, &key.map(f64::from)));
    let y = call::call(&tape, code(name), &[key], attrs)?;
    tape.settle(&[y])?;
    tape.read(y)
}

const N: usize = 100_000;
const KEYS: [[i32; 2]; 3] = [[0, 0], [0, 42], [-7, i32::MAX]];

/// Mean, variance, skewness and kurtosis.
fn moments(x: &[f64]) -> [f64; 4] {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let central = |k: i32| x.iter().map(|x| (x - mean).powi(k)).sum::<f64>() / n;
    let variance = central(2);
    [mean, variance, central(3) / variance.powf(1.5), central(4) / variance.powi(2)]
}

/// Correlation of neighbours.
fn correlation(x: &[f64]) -> f64 {
    let [mean, variance, ..] = moments(x);
    let products: f64 = x.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum();
    products / (x.len() as f64 * variance)
}

fn close(found: &[f64], expected: &[f64], bound: f64, what: &str) {
    let far = found.iter().zip(expected).any(|(a, b)| (a - b).abs() > bound);
    assert!(!far, "{what}: {found:?}, expected {expected:?} to {bound}");
}

#[test]
fn uniform_numbers_fill_their_interval_evenly() {
    for key in KEYS {
        for dtype in [0.0, 1.0] {
            let x = numbers(&draw("random.uniform", key, &[1.0, N as f64, -1.0, 3.0, dtype]).unwrap());
            assert!(x.iter().all(|x| (-1.0..3.0).contains(x)), "{key:?}");
            close(&moments(&x), &[1.0, 16.0 / 12.0, 0.0, 1.8], 0.03, "uniform in [-1, 3)");
            assert!(correlation(&x).abs() < 0.01, "{key:?}");
            let mut counts = [0usize; 16];
            x.iter().for_each(|x| counts[((x + 1.0) * 4.0) as usize] += 1);
            // χ² with 15 degrees of freedom: above 37.7 once in a thousand keys.
            let mean = N as f64 / 16.0;
            let chi: f64 = counts.iter().map(|&c| (c as f64 - mean).powi(2) / mean).sum();
            assert!(chi < 37.7, "{key:?}: {chi}");
        }
    }
}

#[test]
fn normal_numbers_have_the_moments_of_a_normal_distribution() {
    for key in KEYS {
        for dtype in [0.0, 1.0] {
            let x = numbers(&draw("random.normal", key, &[2.0, 100.0, N as f64 / 100.0, dtype]).unwrap());
            assert!(x.iter().all(|x| x.is_finite() && x.abs() < 7.0), "{key:?}");
            close(&moments(&x), &[0.0, 1.0, 0.0, 3.0], 0.06, "random.normal");
            assert!(correlation(&x).abs() < 0.01, "{key:?}");
            let within = x.iter().filter(|x| x.abs() < 1.0).count() as f64 / N as f64;
            close(&[within], &[0.682_689], 0.006, "within one standard deviation");
        }
    }
}

#[test]
fn bernoulli_holds_as_often_as_it_should() {
    for key in KEYS {
        for p in [0.0, 0.1, 0.5, 1.0] {
            let x = draw("random.bernoulli", key, &[1.0, N as f64, p]).unwrap();
            assert_eq!(x.dtype, DType::Bool);
            let share = numbers(&x).iter().sum::<f64>() / N as f64;
            close(&[share], &[p], if p.fract() == 0.0 { 0.0 } else { 0.006 }, "random.bernoulli");
        }
    }
}

#[test]
fn permutations_are_permutations_and_even() {
    for n in [0usize, 1, 2, 10, 1000] {
        let mut x = numbers(&draw("random.permutation", [3, 4], &[1.0, n as f64]).unwrap());
        x.sort_by(f64::total_cmp);
        assert!(x.iter().enumerate().all(|(k, &x)| x == k as f64) && x.len() == n);
    }
    let mut places = [[0usize; 4]; 4];
    for seed in 0..4000 {
        let x = numbers(&draw("random.permutation", [0, seed], &[1.0, 4.0]).unwrap());
        x.iter().enumerate().for_each(|(k, &x)| places[k][x as usize] += 1);
    }
    assert!(places.iter().flatten().all(|&count| (900..1100).contains(&count)), "{places:?}");
}

#[test]
fn the_key_and_the_position_say_it_all() {
    for (name, attrs, more) in [
        ("random.uniform", vec![1.0, 100.0, 0.0, 1.0, 1.0], vec![1.0, 200.0, 0.0, 1.0, 1.0]),
        ("random.normal", vec![1.0, 100.0, 1.0], vec![1.0, 200.0, 1.0]),
        ("random.normal", vec![1.0, 100.0, 0.0], vec![2.0, 20.0, 10.0, 0.0]),
        ("random.bernoulli", vec![1.0, 100.0, 0.5], vec![2.0, 50.0, 4.0, 0.5]),
    ] {
        let x = bits(&draw(name, [1, 2], &attrs).unwrap());
        assert_eq!(x, bits(&draw(name, [1, 2], &attrs).unwrap()), "{name}: the same key gives the same bits");
        assert_eq!(x, bits(&draw(name, [1, 2], &more).unwrap())[..100], "{name}: a larger shape begins the same");
        assert_ne!(x, bits(&draw(name, [1, 3], &attrs).unwrap()), "{name}: another key gives other bits");
        assert_ne!(x, bits(&draw(name, [2, 2], &attrs).unwrap()), "{name}: another key gives other bits");
    }
}

#[test]
fn split_keys_are_all_different_and_independent() {
    let keys = numbers(&draw("random.split", [0, 1], &[1000.0]).unwrap());
    let mut pairs: Vec<[i32; 2]> = keys.chunks_exact(2).map(|k| [k[0] as i32, k[1] as i32]).collect();
    let streams: Vec<f64> = pairs
        .iter()
        .flat_map(|&key| numbers(&draw("random.uniform", key, &[1.0, 20.0, 0.0, 1.0, 1.0]).unwrap()))
        .collect();
    close(&moments(&streams), &[0.5, 1.0 / 12.0, 0.0, 1.8], 0.02, "the first numbers of many keys");
    pairs.sort_unstable();
    pairs.dedup();
    assert_eq!(pairs.len(), 1000);
}

#[test]
fn bad_requests_are_refused() {
    let refusal = |name: &str, attrs: &[f64]| draw(name, [0, 0], attrs).unwrap_err().to_string();
    assert_eq!(refusal("random.bernoulli", &[1.0, 3.0, 1.5]), "random.bernoulli: p must be in [0, 1], got 1.5");
    assert_eq!(refusal("random.bernoulli", &[1.0, 3.0, f64::NAN]), "random.bernoulli: p must be in [0, 1], got NaN");
    assert_eq!(refusal("random.permutation", &[1.0, -1.0]), "random.permutation: sizes must not be negative, got -1");
    assert_eq!(
        refusal("random.permutation", &[2.0, 2.0, 3.0]),
        "random.permutation: the shape must have one dimension, got [2, 3]"
    );
    assert_eq!(refusal("random.split", &[-1.0]), "random.split: n must not be negative, got -1");
    assert_eq!(refusal("random.split", &[1.5]), "random.split: n must be a whole number, got 1.5");
    assert_eq!(
        refusal("random.normal", &[1.0, 3.0, 2.0]),
        "random.normal: the dtype must be float32 or float64, got int32; convert with .to(\"float32\")"
    );
    let tape = Tape::new();
    let key = tape.leaf(array(&[3], DType::Int32, &[1.0, 2.0, 3.0]));
    let error = call::call(&tape, code("random.uniform"), &[key], &[1.0, 3.0, 0.0, 1.0, 0.0]).err().unwrap();
    assert_eq!(
        error.to_string(),
        "random.uniform: the key must be int32 of shape [2], as random.key(seed) makes it, got int32 of shape [3]"
    );
}
