//! Applies a function of `kernels::math` to numbers from standard input: `ulp NAME f32|f64 < input > output`.
//!
//! Numbers are raw and little-endian; a function of two arguments reads pairs x, y. This is the half of
//! `scripts/ulp.py` that knows the crate.

use std::io::{Error, Read, Write, stdin, stdout};
use wengert::intrinsics;
use wengert::kernels::lanes::Lanes;
use wengert::kernels::math::Float;

/// The functions by name.
macro_rules! by_name {
    (unary: $($f:ident $F:ident),+; binary: $($g:ident $G:ident),+) => {
        fn unary<T: Float>(name: &str) -> Option<fn(T) -> T> {
            match name {
                $(stringify!($f) => Some(Float::$f),)+
                _ => None,
            }
        }
        fn binary<T: Float>(name: &str) -> Option<fn(T, T) -> T> {
            match name {
                $(stringify!($g) => Some(Float::$g),)+
                _ => None,
            }
        }
    };
}
intrinsics!(by_name);

macro_rules! apply {
    ($t:ident, $lanes:literal, $name:expr, $input:expr) => {{
        let numbers: Vec<$t> =
            $input.chunks_exact(size_of::<$t>()).map(|b| $t::from_le_bytes(b.try_into().unwrap_or_default())).collect();
        let (unary, binary) = (unary($name), binary($name));
        let arity = if binary.is_some() { 2 } else { 1 };
        let mut output = Vec::with_capacity($input.len() / arity);
        for block in numbers.chunks(arity * $lanes) {
            // A short last block is filled up with its first number.
            let at = |i: usize| *block.get(i).unwrap_or(&block[0]);
            let x = Lanes::<$t, $lanes>::from_fn(|i| at(arity * i));
            let y = Lanes::<$t, $lanes>::from_fn(|i| at(arity * i + arity - 1));
            let result = binary.map(|g| g(x, y)).or_else(|| unary.map(|f| f(x)));
            let result = result.ok_or_else(|| Error::other(format!("no function is called {}", $name)))?;
            output.extend(result.0[..block.len() / arity].iter().flat_map(|y| y.to_le_bytes()));
        }
        output
    }};
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, name, dtype] = &arguments[..] else {
        return Err(Error::other("usage: ulp NAME f32|f64 < input > output"));
    };
    let mut input = Vec::new();
    stdin().read_to_end(&mut input)?;
    let output = match dtype.as_str() {
        "f32" => apply!(f32, 4, name.as_str(), input),
        "f64" => apply!(f64, 2, name.as_str(), input),
        other => {
            return Err(Error::other(format!("the type must be f32 or f64, got {other}")));
        }
    };
    stdout().write_all(&output)
}
