//! What the tests share: numbers from a seed, every call of the tables as a case, and an exact reading of the table.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod dual;

use wengert::array::Array;
use wengert::call::{self, Operand, specs};
use wengert::dtype::DType;
use wengert::elementwise::{Func, Test};
use wengert::error::Result;
use wengert::shape::Shape;
use wengert::tape::Tape;
use wengert::var::Var;
use wengert::with_dtype;

/// Splitmix64 (Steele, Lea and Flood, 2014): numbers that a seed determines.
pub struct Rng(pub u64);

impl Rng {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [low, high).
    pub fn real(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.bits() >> 11) as f64 / (1u64 << 53) as f64)
    }

    /// Uniform below n.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n.max(1) as u64) as usize
    }

    /// n numbers, uniform in [low, high).
    pub fn reals(&mut self, n: usize, low: f64, high: f64) -> Vec<f64> {
        (0..n).map(|_| self.real(low, high)).collect()
    }
}

pub fn shape(dims: &[usize]) -> Shape {
    Shape::new("test", dims).unwrap()
}

/// The array of these numbers.
pub fn array(dims: &[usize], dtype: DType, values: &[f64]) -> Array {
    use wengert::dtype::Elem;
    let dims = shape(dims);
    assert_eq!(dims.size(), values.len());
    let fill = |values: &[f64]| {
        with_dtype!(dtype, T => Array::build::<T>(dims, |out| {
            for (out, &x) in out.iter_mut().zip(values) {
                *out = T::from_f64(x);
            }
        }))
    };
    fill(values).unwrap()
}

pub fn float64(dims: &[usize], values: &[f64]) -> Array {
    array(dims, DType::Float64, values)
}

/// A value of random numbers in the shape and dtype of another.
pub fn like(x: &Array, rng: &mut Rng) -> Array {
    let values = rng.reals(x.shape().size(), -1.0, 1.0);
    array(&x.shape(), x.dtype, &values)
}

pub fn numbers(x: &Array) -> Vec<f64> {
    x.to_f64s().unwrap()
}

/// The bits of all elements in row-major order: NaNs and signs of zeros count.
pub fn bits(x: &Array) -> Vec<u64> {
    numbers(x).into_iter().map(f64::to_bits).collect()
}

pub fn dot(a: &[Array], b: &[Array]) -> f64 {
    let products = a.iter().zip(b).flat_map(|(a, b)| {
        let pairs: Vec<f64> = numbers(a).iter().zip(numbers(b)).map(|(a, b)| a * b).collect();
        pairs
    });
    products.sum()
}

/// a + h b, in the dtype of a.
pub fn moved(a: &Array, h: f64, b: &Array) -> Array {
    let values: Vec<f64> = numbers(a).iter().zip(numbers(b)).map(|(a, b)| a + h * b).collect();
    array(&a.shape(), a.dtype, &values)
}

/// |a - b| against 1 or the larger of both.
pub fn near(a: f64, b: f64, tolerance: f64) -> bool {
    // Infinities have no difference.
    a == b || (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0)
}

pub fn all_near(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| near(a, b, tolerance))
}

/// The derivative of `f` at 0 by central differences, extrapolated once (Richardson): the error is of order h⁴.
pub fn difference(h: f64, f: impl Fn(f64) -> f64) -> f64 {
    let slope = |h: f64| (f(h) - f(-h)) / (2.0 * h);
    (4.0 * slope(h / 2.0) - slope(h)) / 3.0
}

/// What a case passes as a tensor.
#[derive(Clone, Debug)]
pub enum Input {
    Real(Vec<usize>, f64, f64),
    Index(Vec<usize>, u32),
    Truth(Vec<usize>),
    Key,
    Dominant(Vec<usize>),
}

impl Input {
    pub fn dims(&self) -> Vec<usize> {
        match self {
            Input::Real(dims, ..) | Input::Index(dims, _) | Input::Truth(dims) | Input::Dominant(dims) => dims.clone(),
            Input::Key => vec![2],
        }
    }

    /// The same kind of numbers in another shape; a key stays as it is.
    pub fn with_dims(&self, dims: Vec<usize>) -> Input {
        match *self {
            Input::Real(_, low, high) => Input::Real(dims, low, high),
            Input::Index(_, n) => Input::Index(dims, n),
            Input::Truth(_) => Input::Truth(dims),
            Input::Key => Input::Key,
            // Time grows with the third power of their sizes.
            Input::Dominant(_) => Input::Dominant(dims.into_iter().map(|d| d.min(30)).collect()),
        }
    }

    /// Random numbers of this kind; `real` is the dtype of those that are not whole.
    pub fn draw(&self, real: DType, rng: &mut Rng) -> Array {
        let dims = self.dims();
        let n = dims.iter().product();
        match *self {
            Input::Real(_, low, high) => array(&dims, real, &rng.reals(n, low, high)),
            Input::Index(_, bound) => {
                let values: Vec<f64> = (0..n).map(|_| rng.below(bound as usize) as f64).collect();
                array(&dims, DType::Int32, &values)
            }
            Input::Truth(_) => {
                let values: Vec<f64> = (0..n).map(|_| rng.below(2) as f64).collect();
                array(&dims, DType::Bool, &values)
            }
            Input::Dominant(_) => {
                let mut values = rng.reals(n, -1.0, 1.0);
                if let [.., rows, columns] = dims[..] {
                    for (k, x) in values.iter_mut().enumerate() {
                        let diagonal = k / columns % rows == k % columns;
                        *x += if diagonal { columns as f64 } else { 0.0 };
                    }
                }
                array(&dims, real, &values)
            }
            Input::Key => array(&dims, DType::Int32, &[rng.below(1 << 31) as f64, rng.below(1 << 31) as f64]),
        }
    }
}

/// One call of an operation.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub code: usize,
    pub x: Vec<Input>,
    pub attrs: Vec<f64>,
}

impl Case {
    pub fn inputs(&self, real: DType, rng: &mut Rng) -> Vec<Array> {
        self.x.iter().map(|x| x.draw(real, rng)).collect()
    }

    pub fn call<'t>(&self, tape: &'t Tape, x: &[Var<'t>]) -> Result<Var<'t>> {
        call::call(tape, self.code, x, &self.attrs)
    }

    /// The value, outside of transformations.
    pub fn value(&self, x: &[Array]) -> Result<Array> {
        let tape = Tape::new();
        let x: Vec<Var<'_>> = x.iter().map(|x| tape.leaf(x.clone())).collect();
        let y = self.call(&tape, &x)?;
        tape.settle(&[y])?;
        tape.read(y)
    }
}

/// The code of the operation that users know under this name: a composed one before the function of the table it uses.
pub fn code(name: &str) -> usize {
    let codes = Func::ALL.len() + Test::ALL.len() + specs().len();
    (0..codes).rev().find(|&code| call::name(code) == name).unwrap_or_else(|| panic!("there is no operation {name}"))
}

/// Every function and test of the table, with equal shapes and with broadcasting, and every sample of every other call.
pub fn cases() -> Vec<Case> {
    const SHAPES: [&[usize]; 6] = [&[3], &[2, 1], &[], &[2, 3], &[1, 3], &[1]];
    let mut cases = Vec::new();
    let mut elementwise = |name: &str, code: usize, domain: &[(f64, f64)]| {
        for shapes in [[&[2, 3][..]; 6], SHAPES] {
            let x = domain.iter().zip(shapes).map(|(&(low, high), dims)| Input::Real(dims.to_vec(), low, high));
            cases.push(Case { name: name.to_string(), code, x: x.collect(), attrs: Vec::new() });
        }
    };
    for (code, func) in Func::ALL.iter().enumerate() {
        elementwise(func.entry().name, code, &func.entry().domain);
    }
    for (k, test) in Test::ALL.iter().enumerate() {
        let (name, _, args, _) = test.entry();
        elementwise(name, Func::ALL.len() + k, &[(-2.0, 2.0)].repeat(args.len()));
    }
    for (k, spec) in specs().iter().enumerate() {
        for sample in *spec.samples {
            let input = |x: &Operand| match *x {
                Operand::Real(dims, low, high) => Input::Real(dims.to_vec(), low, high),
                Operand::Index(dims, n) => Input::Index(dims.to_vec(), n),
                Operand::Truth(dims) => Input::Truth(dims.to_vec()),
                Operand::Key => Input::Key,
                Operand::Dominant(dims) => Input::Dominant(dims.to_vec()),
            };
            cases.push(Case {
                name: spec.name.to_string(),
                code: Func::ALL.len() + Test::ALL.len() + k,
                x: sample.x.iter().map(input).collect(),
                attrs: sample.attrs.to_vec(),
            });
        }
    }
    cases
}

/// The positions of those inputs that derivatives are asked for.
pub fn floats(x: &[Array]) -> Vec<usize> {
    (0..x.len()).filter(|&i| x[i].dtype.is_float()).collect()
}

/// Whether a case gives something that depends on a float and carries derivatives.
pub fn is_differentiable(x: &[Array], y: &Array) -> bool {
    y.dtype.is_float() && x.iter().any(|x| x.dtype.is_float())
}
