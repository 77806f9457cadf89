//! Applies a function of the table to numbers from standard input: `ulp NAME f32|f64 [ARGUMENT] < input > output`.
//!
//! Numbers are raw and little-endian, one row for each call with one number for each argument of the function. The
//! output is the value, or the partial derivative by the argument with this index. Without a name the table is listed:
//! for each function a line with its name and `default,low,high` for each argument, `-` for no default and the interval
//! of its samples. This is the half of `scripts/ulp.py` that knows the crate.

use std::io::{Error, Read, Write, stdin, stdout};
use wengert::elementwise::{Func, Function, MAX_ARITY, Visitor};
use wengert::kernels::lanes::Lanes;

/// The value of a function, or its partial derivative by an argument, at rows of numbers.
struct Rows<'a, T> {
    by: Option<usize>,
    numbers: &'a [T],
}

macro_rules! rows {
    ($t:ident, $lanes:literal) => {
        impl Visitor for Rows<'_, $t> {
            type Out = Vec<u8>;
            fn visit<F: Function>(self, _: F) -> Vec<u8> {
                let mut output = Vec::with_capacity(self.numbers.len() / F::ARITY * size_of::<$t>());
                for block in self.numbers.chunks(F::ARITY * $lanes) {
                    // A short last block is filled up with its first row.
                    let at = |k: usize, i: usize| block.get(F::ARITY * i + k).copied().unwrap_or(block[k]);
                    let x: [Lanes<$t, $lanes>; MAX_ARITY] =
                        std::array::from_fn(|k| Lanes::from_fn(|i| if k < F::ARITY { at(k, i) } else { 0.0 }));
                    let y = F::value(x);
                    let result = self.by.map_or(y, |k| F::partial(k, x, y));
                    output.extend(result.0[..block.len() / F::ARITY].iter().flat_map(|y| y.to_le_bytes()));
                }
                output
            }
        }
        impl Rows<'_, $t> {
            fn of(func: Func, by: Option<usize>, input: &[u8]) -> Vec<u8> {
                let number = |b: &[u8]| b.try_into().map_or(0.0, $t::from_le_bytes);
                let numbers: Vec<$t> = input.chunks_exact(size_of::<$t>()).map(number).collect();
                func.visit(Rows { by, numbers: &numbers })
            }
        }
    };
}
// As many lanes as the kernels take.
rows!(f32, 16);
rows!(f64, 4);

/// The table, a line for each function.
fn list() -> String {
    let line = |func: &Func| {
        let entry = func.entry();
        let arguments = entry.args.iter().zip(*entry.domain).map(|((_, default), (low, high))| {
            format!(" {},{low},{high}", default.map_or("-".into(), |x| x.to_string()))
        });
        format!("{}{}\n", entry.name, arguments.collect::<String>())
    };
    Func::ALL.iter().map(line).collect()
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, dtype, by) = match &arguments[..] {
        [] => return stdout().write_all(list().as_bytes()),
        [name, dtype] => (name, dtype, None),
        [name, dtype, by] => (name, dtype, Some(by.parse().map_err(Error::other)?)),
        _ => return Err(Error::other("usage: ulp [NAME f32|f64 [ARGUMENT]] < input > output")),
    };
    let func = Func::ALL.iter().find(|f| f.entry().name == name);
    let func = *func.ok_or_else(|| Error::other(format!("no function is called {name}")))?;
    let mut input = Vec::new();
    stdin().read_to_end(&mut input)?;
    let output = match dtype.as_str() {
        "f32" => Rows::<f32>::of(func, by, &input),
        "f64" => Rows::<f64>::of(func, by, &input),
        other => return Err(Error::other(format!("the type must be f32 or f64, got {other}"))),
    };
    stdout().write_all(&output)
}
