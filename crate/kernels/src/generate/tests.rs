//! Programs against the kernels: what the steps say, computed with lanes, has the bits that a kernel gives.

use super::*;
use crate::dtype::{DType, Elem};
use crate::elementwise::Func;
use crate::find;
use crate::lanes::{FloatLane, Lanes};
use crate::map::{MAX_WIDTH, Operand, Vector};

/// Computes the steps for four elements of every operand.
fn run<T: FloatLane + Elem>(program: &Program, operands: &[[T; 4]], result: Code) -> [u64; 4]
where
    Lanes<T, 4>: Real<Mask = crate::lanes::Mask<T, 4>>,
{
    enum Made<T: FloatLane> {
        Vector(Lanes<T, 4>),
        Mask(crate::lanes::Mask<T, 4>),
    }
    let mut made: Vec<Made<T>> = Vec::new();
    for Step { word, x } in &program.steps {
        let v = |k: usize| match &made[x[k] as usize] {
            Made::Vector(v) => *v,
            Made::Mask(_) => panic!("{word:?} of a mask"),
        };
        let m = |k: usize| match &made[x[k] as usize] {
            Made::Mask(m) => *m,
            Made::Vector(_) => panic!("{word:?} of a vector"),
        };
        made.push(match word {
            Word::Load => Made::Vector(Lanes(operands[x[0] as usize])),
            Word::Literal => Made::Vector(Lanes::lit(f64::from_bits(program.literals[x[0] as usize]))),
            Word::Abs => Made::Vector(v(0).abs()),
            Word::Neg => Made::Vector(-v(0)),
            Word::Sqrt => Made::Vector(v(0).sqrt()),
            Word::Floor => Made::Vector(v(0).floor()),
            Word::Ceil => Made::Vector(v(0).ceil()),
            Word::Round => Made::Vector(v(0).round()),
            Word::Add => Made::Vector(v(0) + v(1)),
            Word::Sub => Made::Vector(v(0) - v(1)),
            Word::Mul => Made::Vector(v(0) * v(1)),
            Word::Div => Made::Vector(v(0) / v(1)),
            Word::Less => Made::Mask(v(0).lt(v(1))),
            Word::AtMost => Made::Mask(v(0).le(v(1))),
            Word::Equal => Made::Mask(v(0).eq(v(1))),
            Word::NotEqual => Made::Mask(v(0).ne(v(1))),
            Word::Smaller => Made::Vector(v(0).pmin(v(1))),
            Word::Larger => Made::Vector(v(0).pmax(v(1))),
            Word::And => Made::Mask(m(0) & m(1)),
            Word::Or => Made::Mask(m(0) | m(1)),
            Word::Select => Made::Vector(Lanes::select(m(2), v(0), v(1))),
            Word::Keep => Made::Vector(Lanes::select(m(1), v(0), Lanes::lit(0.0))),
            Word::Clear => Made::Vector(Lanes::select(m(1), Lanes::lit(0.0), v(0))),
        });
    }
    let Made::Vector(y) = &made[result.0 as usize] else { panic!("a mask as a result") };
    // Any NaN will do.
    y.0.map(|y| if y.to_f64().is_nan() { u64::MAX } else { y.to_f64().to_bits() })
}

/// Checks every expression of one dtype on numbers and corners; gives how many are not made of instructions.
fn check<T: Vector + FloatLane>() -> usize
where
    Lanes<T, 4>: Real<Mask = crate::lanes::Mask<T, 4>>,
{
    const CORNERS: [f64; 12] =
        [0.0, -0.0, 1.0, -1.0, 0.5, -2.75, 6.5, 1e30, -1e30, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let corner = |k: usize| T::from_f64(CORNERS[k % CORNERS.len()]);
    let mut unknown = 0;
    for &func in Func::ALL {
        let partials = (0..func.arity()).map(|i| Expression::Partial(func, i));
        for expression in [Expression::Value(func)].into_iter().chain(partials) {
            let mut program = Program::default();
            let x = std::array::from_fn(|k| program.load(k));
            let Some(made) = program.add(expression, &x) else {
                unknown += 1;
                assert_eq!(program.steps.len(), MAX_OPERANDS, "{expression:?} left something");
                continue;
            };
            let kernel = match expression {
                Expression::Value(func) => find::map(func, T::DTYPE),
                Expression::Partial(func, i) => find::partial(func, i, T::DTYPE),
            };
            let kernel = kernel.expect("a kernel");
            for round in 0..60 {
                // Operand k goes through the corners at a pace of its own.
                let operands: Vec<[T; MAX_WIDTH]> = (0..MAX_OPERANDS)
                    .map(|k| std::array::from_fn(|lane| corner((round * MAX_WIDTH + lane) * (k + 1) / 3 + k)))
                    .collect();
                let given = std::array::from_fn(|k| Operand::slice(operands[k].as_ptr().cast(), size_of::<T>()));
                let mut out = [T::from_f64(0.0); MAX_WIDTH];
                // SAFETY: all operands and the result have this many elements.
                unsafe { kernel(MAX_WIDTH, &given, out.as_mut_ptr().cast()) };
                for first in (0..MAX_WIDTH).step_by(4) {
                    let four: Vec<[T; 4]> =
                        operands.iter().map(|all| std::array::from_fn(|lane| all[first + lane])).collect();
                    let expected: [u64; 4] = std::array::from_fn(|lane| {
                        let y = out[first + lane].to_f64();
                        if y.is_nan() { u64::MAX } else { y.to_bits() }
                    });
                    assert_eq!(run(&program, &four, made), expected, "{expression:?} of {four:?}");
                }
            }
        }
    }
    unknown
}

#[test]
fn steps_have_the_bits_of_kernels() {
    assert_eq!(check::<f64>(), check::<f32>());
}

#[test]
fn arithmetic_and_choices_are_made_of_instructions() {
    use Func::{Abs, Add, Clip, Div, Maximum, Minimum, Mul, Neg, Reciprocal, Relu, Rsqrt, Sign, Sqrt, Square, Sub};
    for func in [Abs, Add, Clip, Div, Maximum, Minimum, Mul, Neg, Reciprocal, Relu, Rsqrt, Sign, Sqrt, Square, Sub] {
        let partials = (0..func.arity()).map(|i| Expression::Partial(func, i));
        for expression in [Expression::Value(func)].into_iter().chain(partials) {
            let mut program = Program::default();
            let x = std::array::from_fn(|k| program.load(k));
            assert!(program.add(expression, &x).is_some(), "{expression:?}");
        }
    }
}

#[test]
fn constants_have_a_sign() {
    let bytes = |bits: u32| {
        let mut bytes = module::Bytes::default();
        bytes.constant(bits as usize);
        bytes.0
    };
    for (bits, expected) in [
        (0, &[0x00][..]),
        (63, &[0x3f]),
        (64, &[0xc0, 0x00]),
        (-64_i32 as u32, &[0x40]),
        (-65_i32 as u32, &[0xbf, 0x7f]),
        (128, &[0x80, 0x01]),
        (0x7fff_ffff, &[0xff, 0xff, 0xff, 0xff, 0x07]),
        (0x8000_0000, &[0x80, 0x80, 0x80, 0x80, 0x78]),
        (u32::MAX, &[0x7f]),
    ] {
        assert_eq!(bytes(bits), [&[0x41], expected].concat(), "{bits:#x}");
    }
}

#[test]
fn a_step_is_there_once() {
    let mut program = Program::default();
    let (a, b) = (program.load(0), program.load(1));
    let x = std::array::from_fn(|k| if k == 0 { a } else { b });
    let first = program.add(Expression::Value(Func::Mul), &x).map(|code| code.0);
    assert_eq!(program.add(Expression::Value(Func::Mul), &x).map(|code| code.0), first);
    assert_eq!(program.steps.len(), 3);
}

#[test]
fn programs_end_somewhere() {
    let mut program = Program::default();
    let mut last = program.load(0);
    let mut count = 0;
    while let Some(next) = program.add(Expression::Value(Func::Add), &[last; MAX_OPERANDS]) {
        last = next;
        count += 1;
        assert!(count <= MOST);
    }
    assert_eq!(program.steps.len(), MOST);
}

#[test]
fn without_a_host_there_is_no_function() {
    let mut program = Program::default();
    let code = program.load(0);
    assert!(Generated::new(&program.module(DType::Float32, &[Place::Given(0)], &[(code, 0)])).is_none());
}
