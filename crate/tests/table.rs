//! The elementwise table: each entry's derivatives against dual numbers and against differences, and its stated kinks.

mod common;

use common::dual::Dual;
use common::{Rng, difference, near};
use wengert::call::specs;
use wengert::elementwise::{Func, Function, MAX_ARITY, Predicate, PredicateVisitor, Test, Visitor};
use wengert::kernels::lanes::Lanes;
use wengert::real::Real;

type One = Lanes<f64, 1>;
type Point = [f64; MAX_ARITY];

/// The value at a point in float64, as the kernels compute it.
struct Value(Point);
impl Visitor for Value {
    type Out = f64;
    fn visit<F: Function>(self, _: F) -> f64 {
        F::value(self.0.map(|x| Lanes([x]))).0[0]
    }
}

/// The partial derivative by an argument at a point.
struct Partial(usize, Point);
impl Visitor for Partial {
    type Out = f64;
    fn visit<F: Function>(self, _: F) -> f64 {
        let x = self.1.map(|x| Lanes([x]));
        F::partial::<One>(self.0, x, F::value(x)).0[0]
    }
}

/// The same in float32.
struct Partial32(usize, Point);
impl Visitor for Partial32 {
    type Out = f64;
    fn visit<F: Function>(self, _: F) -> f64 {
        let x = self.1.map(|x| Lanes([x as f32; 4]));
        f64::from(F::partial::<Lanes<f32, 4>>(self.0, x, F::value(x)).0[3])
    }
}

/// Value and derivative by an argument, with dual numbers.
struct Exact(usize, Point);
impl Visitor for Exact {
    type Out = Dual;
    fn visit<F: Function>(self, _: F) -> Dual {
        F::value(std::array::from_fn(|k| Dual::new(self.1[k], f64::from(u8::from(k == self.0)))))
    }
}

fn points(func: Func, n: usize) -> Vec<Point> {
    let mut rng = Rng(1 + func as u64);
    let domain = func.entry().domain;
    let draw = |rng: &mut Rng| std::array::from_fn(|k| domain.get(k).map_or(0.0, |&(low, high)| rng.real(low, high)));
    (0..n).map(|_| draw(&mut rng)).collect()
}

#[test]
fn partial_derivatives_equal_those_of_dual_numbers() {
    for &func in Func::ALL {
        for x in points(func, 40) {
            for i in 0..func.arity() {
                let at = || format!("{} by argument {i} at {:?}", func.entry().name, &x[..func.arity()]);
                let exact = func.visit(Exact(i, x));
                let (value, partial) = (func.visit(Value(x)), func.visit(Partial(i, x)));
                assert!(near(value, exact.v, 1e-13), "{}: value {value}, the library's {}", at(), exact.v);
                assert!(near(partial, exact.d, 1e-12), "{}: {partial}, dual numbers say {}", at(), exact.d);
                let single = func.visit(Partial32(i, x));
                assert!(near(single, exact.d, 1e-4), "{}: {single} in float32, exactly {}", at(), exact.d);
            }
        }
    }
}

#[test]
fn partial_derivatives_equal_differences() {
    for &func in Func::ALL {
        for x in points(func, 20) {
            for i in 0..func.arity() {
                let along = |h: f64| {
                    let mut x = x;
                    x[i] += h;
                    func.visit(Value(x))
                };
                let (partial, slope) = (func.visit(Partial(i, x)), difference(1e-4, along));
                let at = || format!("{} by argument {i} at {:?}", func.entry().name, &x[..func.arity()]);
                assert!(near(partial, slope, 1e-8), "{}: {partial}, differences say {slope}", at());
            }
        }
    }
}

#[test]
fn entries_are_complete() {
    for &func in Func::ALL {
        let entry = func.entry();
        let n = entry.args.len();
        assert!((1..=MAX_ARITY).contains(&n) && entry.partials.len() == n && entry.domain.len() == n, "{}", entry.name);
        assert!(entry.doc.trim().ends_with('.'), "the doc line of {} ends with a full stop", entry.name);
        assert!(entry.domain.iter().all(|(low, high)| low < high), "{}", entry.name);
    }
    for spec in specs() {
        assert!(spec.doc.ends_with('.'), "the doc line of {} ends with a full stop", spec.name);
        let notes = [spec.notes.derivative, spec.notes.cost];
        assert!(notes.iter().all(|note| !note.is_empty()), "{} says its derivative and its cost", spec.name);
    }
}

fn partial(func: Func, i: usize, x: &[f64]) -> f64 {
    func.visit(Partial(i, std::array::from_fn(|k| x.get(k).copied().unwrap_or(0.0))))
}

#[test]
fn kinks_and_ties_are_as_documented() {
    let inf = f64::INFINITY;
    #[rustfmt::skip]
    let stated: &[(Func, usize, &[f64], f64)] = &[
        (Func::Abs, 0, &[0.0], 0.0), (Func::Abs, 0, &[-0.0], 0.0), (Func::Abs, 0, &[-3.0], -1.0),
        (Func::Sign, 0, &[0.0], 0.0),
        (Func::Relu, 0, &[0.0], 0.0), (Func::Relu, 0, &[-0.0], 0.0),
        (Func::LeakyRelu, 0, &[0.0, 0.01], 0.01), (Func::Elu, 0, &[0.0, 1.5], 1.5),
        (Func::Maximum, 0, &[1.0, 1.0], 0.5), (Func::Maximum, 1, &[1.0, 1.0], 0.5),
        (Func::Minimum, 0, &[1.0, 1.0], 0.5), (Func::Minimum, 1, &[1.0, 1.0], 0.5),
        (Func::Clip, 0, &[-1.0, -1.0, 1.0], 1.0), (Func::Clip, 0, &[1.0, -1.0, 1.0], 1.0),
        (Func::Clip, 0, &[1.5, -1.0, 1.0], 0.0), (Func::Clip, 2, &[1.5, -1.0, 1.0], 1.0),
        (Func::Clip, 1, &[-1.5, -1.0, 1.0], 1.0), (Func::Clip, 1, &[-1.5, 2.0, 1.0], 0.0), (Func::Clip, 2, &[-1.5, 2.0, 1.0], 1.0),
        (Func::Pow, 0, &[0.0, 0.0], 0.0), (Func::Pow, 0, &[-2.0, 0.0], 0.0), (Func::Pow, 1, &[0.0, 2.0], 0.0),
        (Func::Pow, 1, &[0.0, 0.0], 0.0), (Func::Pow, 0, &[0.0, 1.0], 1.0), (Func::Pow, 0, &[0.0, 2.0], 0.0),
        (Func::Pow, 0, &[-2.0, 3.0], 12.0),
        (Func::Sigmoid, 0, &[1000.0], 0.0), (Func::Sigmoid, 0, &[-1000.0], 0.0),
        (Func::Softplus, 0, &[1000.0], 1.0), (Func::Softplus, 0, &[-1000.0], 0.0), (Func::Softplus, 0, &[0.0], 0.5),
        (Func::Silu, 0, &[1000.0], 1.0), (Func::Silu, 0, &[-1000.0], 0.0),
        (Func::Gelu, 0, &[1000.0], 1.0), (Func::Gelu, 0, &[-1000.0], 0.0),
        (Func::GeluTanh, 0, &[1000.0], 1.0), (Func::GeluTanh, 0, &[-1000.0], 0.0),
        (Func::Tanh, 0, &[1000.0], 0.0), (Func::Erf, 0, &[1000.0], 0.0),
        (Func::Relu6, 0, &[0.0], 0.0), (Func::Relu6, 0, &[6.0], 0.0), (Func::Relu6, 0, &[3.0], 1.0),
        (Func::HardTanh, 0, &[1.0], 0.0), (Func::HardTanh, 0, &[-1.0], 0.0), (Func::HardTanh, 0, &[0.5], 1.0),
        (Func::HardSigmoid, 0, &[3.0], 0.0), (Func::HardSigmoid, 0, &[-3.0], 0.0), (Func::HardSigmoid, 0, &[0.0], 1.0 / 6.0),
        (Func::HardSwish, 0, &[-3.0], 0.0), (Func::HardSwish, 0, &[3.0], 1.0), (Func::HardSwish, 0, &[-inf], 0.0),
        (Func::Prelu, 0, &[0.0, 0.25], 0.25), (Func::Prelu, 1, &[0.0, 0.25], 0.0), (Func::Prelu, 1, &[-2.0, 0.25], -2.0),
        (Func::Selu, 0, &[0.0], 1.758_099_340_847_376_9), (Func::Selu, 0, &[1000.0], 1.050_700_987_355_480_5),
        (Func::Celu, 0, &[0.0, 2.0], 1.0), (Func::Celu, 1, &[-inf, 2.0], -1.0), (Func::Celu, 1, &[800.0, 2.0], 0.0),
        (Func::LogSigmoid, 0, &[800.0], 0.0), (Func::LogSigmoid, 0, &[-800.0], 1.0), (Func::LogSigmoid, 0, &[0.0], 0.5),
        (Func::Mish, 0, &[800.0], 1.0), (Func::Mish, 0, &[-800.0], 0.0), (Func::Mish, 0, &[inf], 1.0), (Func::Mish, 0, &[-inf], 0.0),
        (Func::Softsign, 0, &[inf], 0.0), (Func::Softsign, 0, &[0.0], 1.0),
        (Func::Logaddexp, 0, &[800.0, -800.0], 1.0), (Func::Logaddexp, 1, &[800.0, -800.0], 0.0),
        (Func::Logaddexp, 0, &[inf, inf], 0.5), (Func::Logaddexp, 1, &[-inf, -inf], 0.5), (Func::Logaddexp, 0, &[inf, 1.0], 1.0),
        (Func::Hypot, 0, &[0.0, 0.0], 0.0), (Func::Hypot, 1, &[0.0, 0.0], 0.0), (Func::Hypot, 0, &[3e300, 4e300], 0.6),
        (Func::Hypot, 0, &[inf, 1.0], 1.0), (Func::Hypot, 1, &[-inf, 1.0], 0.0), (Func::Hypot, 1, &[1.0, -inf], -1.0), (Func::Hypot, 0, &[inf, inf], 0.5f64.sqrt()),
        (Func::Atan2, 0, &[0.0, 0.0], 0.0), (Func::Atan2, 1, &[0.0, 0.0], 0.0), (Func::Atan2, 0, &[0.0, 2.0], 0.5), (Func::Atan2, 1, &[0.0, 2.0], 0.0),
        (Func::Atan2, 0, &[0.0, -2.0], -0.5), (Func::Atan2, 1, &[2.0, 0.0], -0.5), (Func::Atan2, 1, &[-2.0, 0.0], 0.5), (Func::Atan2, 1, &[9.332_636_185_032_189e-302, 0.0], -1.071_508_607_186_267_3e301),
        (Func::Atan2, 0, &[1e-300, 0.0], 0.0), (Func::Atan2, 0, &[0.0, 1.071_508_607_186_267_3e301], 9.332_636_185_032_189e-302), (Func::Atan2, 0, &[inf, 1.0], 0.0), (Func::Atan2, 1, &[inf, inf], 0.0),
        (Func::Silu, 0, &[1e30], 1.0), (Func::Silu, 0, &[inf], 1.0), (Func::Silu, 0, &[-inf], 0.0), (Func::Gelu, 0, &[inf], 1.0), (Func::Gelu, 0, &[-inf], 0.0),
        (Func::GeluTanh, 0, &[1e30], 1.0), (Func::GeluTanh, 0, &[-1e30], 0.0), (Func::GeluTanh, 0, &[inf], 1.0), (Func::GeluTanh, 0, &[-inf], 0.0),
        (Func::Mod, 0, &[6.0, 3.0], 1.0), (Func::Mod, 1, &[-7.0, 3.0], 3.0), (Func::FloorDiv, 0, &[6.0, 3.0], 0.0),
        (Func::Cbrt, 0, &[0.0], inf), (Func::Trunc, 0, &[1.0], 0.0), (Func::Polygamma, 0, &[1.0, 2.0], 0.0),
        (Func::Asinh, 0, &[1e300], 1e-300), (Func::Acosh, 0, &[1.0], inf), (Func::Atanh, 0, &[1.0], inf),
        (Func::Elu, 0, &[1000.0, 1.0], 1.0), (Func::Sqrt, 0, &[0.0], inf), (Func::Log, 0, &[0.0], inf),
    ];
    for &(func, i, x, expected) in stated {
        assert_eq!(partial(func, i, x), expected, "{} by argument {i} at {x:?}", func.entry().name);
    }
}

fn value(func: Func, x: &[f64]) -> f64 {
    func.visit(Value(std::array::from_fn(|k| x.get(k).copied().unwrap_or(0.0))))
}

#[test]
fn special_values() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    #[rustfmt::skip]
    let stated: &[(Func, &[f64], f64)] = &[
        (Func::Maximum, &[nan, 1.0], nan), (Func::Maximum, &[1.0, nan], nan),
        (Func::Minimum, &[nan, 1.0], nan), (Func::Minimum, &[1.0, nan], nan),
        (Func::Relu, &[nan], nan), (Func::Clip, &[nan, -1.0, 1.0], nan), (Func::Clip, &[0.0, 2.0, 1.0], 1.0),
        (Func::Clip, &[inf, -1.0, 1.0], 1.0), (Func::Sign, &[nan], nan), (Func::Sign, &[-inf], -1.0),
        (Func::Softplus, &[inf], inf), (Func::Softplus, &[-inf], 0.0), (Func::Softplus, &[1000.0], 1000.0),
        (Func::Sigmoid, &[inf], 1.0), (Func::Sigmoid, &[-inf], 0.0),
        (Func::Exp, &[-inf], 0.0), (Func::Exp, &[1000.0], inf), (Func::Log, &[0.0], -inf), (Func::Log, &[-1.0], nan),
        (Func::Sqrt, &[-1.0], nan), (Func::Pow, &[0.0, 0.0], 1.0), (Func::Pow, &[-8.0, 1.0 / 3.0], nan),
        (Func::Pow, &[-2.0, 3.0], -8.0), (Func::Pow, &[0.0, -1.0], inf), (Func::Div, &[1.0, 0.0], inf),
        (Func::Round, &[0.5], 0.0), (Func::Round, &[1.5], 2.0), (Func::Round, &[-2.5], -2.0),
        (Func::Atan2, &[0.0, -1.0], std::f64::consts::PI), (Func::Erfinv, &[1.0], inf), (Func::Erfinv, &[1.5], nan),
        (Func::Asin, &[1.5], nan), (Func::Tanh, &[inf], 1.0), (Func::Expm1, &[1e-300], 1e-300),
        (Func::Log1p, &[1e-300], 1e-300), (Func::Elu, &[-inf, 1.0], -1.0),
        (Func::Relu6, &[nan], nan), (Func::Relu6, &[7.0], 6.0), (Func::Relu6, &[-inf], 0.0),
        (Func::LogSigmoid, &[800.0], 0.0), (Func::LogSigmoid, &[-800.0], -800.0), (Func::LogSigmoid, &[-inf], -inf),
        (Func::Softsign, &[inf], 1.0), (Func::Softsign, &[-inf], -1.0), (Func::Softsign, &[nan], nan),
        (Func::Mish, &[800.0], 800.0), (Func::Mish, &[-800.0], 0.0), (Func::Mish, &[inf], inf), (Func::Mish, &[-inf], 0.0),
        (Func::Mish, &[nan], nan), (Func::HardSigmoid, &[inf], 1.0), (Func::HardSigmoid, &[-inf], 0.0), (Func::HardSigmoid, &[nan], nan),
        (Func::HardSwish, &[inf], inf), (Func::HardSwish, &[-inf], 0.0), (Func::HardSwish, &[1e308], 1e308), (Func::HardSwish, &[nan], nan),
        (Func::HardTanh, &[-inf], -1.0), (Func::HardTanh, &[nan], nan), (Func::Celu, &[-inf, 2.0], -2.0), (Func::Prelu, &[inf, 0.0], inf),
        (Func::Logaddexp, &[inf, inf], inf), (Func::Logaddexp, &[-inf, -inf], -inf), (Func::Logaddexp, &[inf, -inf], inf),
        (Func::Logaddexp, &[-inf, 2.0], 2.0), (Func::Logaddexp, &[1e308, -1e308], 1e308), (Func::Logaddexp, &[nan, 1.0], nan),
        (Func::Logaddexp, &[1.0, nan], nan), (Func::Hypot, &[3e300, 4e300], 5e300), (Func::Hypot, &[-inf, nan], inf),
        (Func::Mod, &[-7.0, 3.0], 2.0), (Func::Mod, &[7.0, 0.0], nan), (Func::FloorDiv, &[-7.0, 2.0], -4.0), (Func::FloorDiv, &[1.0, 0.0], inf),
        (Func::Trunc, &[-1.7], -1.0), (Func::Trunc, &[1.7], 1.0), (Func::Trunc, &[nan], nan), (Func::Trunc, &[-inf], -inf),
        (Func::Lgamma, &[2.0], 0.0), (Func::Lgamma, &[-3.0], inf), (Func::Digamma, &[0.0], -inf), (Func::Digamma, &[-3.0], nan),
        (Func::Polygamma, &[-1.0, 2.0], nan), (Func::Erfc, &[30.0], 0.0),
    ];
    for &(func, x, expected) in stated {
        let y = value(func, x);
        assert!(y == expected || (y.is_nan() && expected.is_nan()), "{} at {x:?}: {y}", func.entry().name);
    }
}

#[test]
fn tests_hold_where_they_should() {
    /// Whether the test holds for two numbers: in float64, in float32 and as dual numbers.
    struct Holds([f64; 2]);
    impl PredicateVisitor for Holds {
        type Out = [bool; 3];
        fn visit<P: Predicate>(self, _: P) -> [bool; 3] {
            fn read<R: Real>(mask: R::Mask, one: R) -> R {
                R::select(mask, one, one.zero())
            }
            let (wide, narrow) = (self.0.map(|x| Lanes([x; 2])), self.0.map(|x| Lanes([x as f32; 4])));
            let exact = self.0.map(|x| Dual::new(x, 1.0));
            [
                read(P::holds(wide), wide[0].one()).0[1] == 1.0,
                read(P::holds(narrow), narrow[0].one()).0[3] == 1.0,
                P::holds(exact),
            ]
        }
    }
    let numbers = [-1.5, -0.0, 0.0, 1.0, 2.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    for &test in Test::ALL {
        for a in numbers {
            for b in numbers {
                let expected = match test {
                    Test::Equal => a == b,
                    Test::NotEqual => a != b,
                    Test::Less => a < b,
                    Test::LessEqual => a <= b,
                    Test::Greater => a > b,
                    Test::GreaterEqual => a >= b,
                    Test::LogicalAnd => a != 0.0 && b != 0.0,
                    Test::LogicalOr => a != 0.0 || b != 0.0,
                    Test::LogicalXor => (a != 0.0) != (b != 0.0),
                    Test::LogicalNot => a == 0.0,
                    Test::Isnan => a.is_nan(),
                    Test::Isinf => a.is_infinite(),
                    Test::Isfinite => a.is_finite(),
                };
                assert_eq!(test.visit(Holds([a, b])), [expected; 3], "{} of {a}, {b}", test.entry().0);
            }
        }
    }
}

/// Remainders and their quotients of integers, as a kernel takes them.
#[test]
fn remainders_of_integers_are_total() {
    struct Whole([i32; 2]);
    impl Visitor for Whole {
        type Out = i32;
        fn visit<F: Function>(self, _: F) -> i32 {
            F::value(std::array::from_fn::<_, MAX_ARITY, _>(|k| Lanes([self.0[k % 2]; 4]))).0[1]
        }
    }
    for (a, b, quotient, rest) in [
        (7, 3, 2, 1),
        (-7, 3, -3, 2),
        (7, -3, -3, -2),
        (-7, -3, 2, -1),
        (6, -3, -2, 0),
        (5, 0, 0, 0),
        (0, 0, 0, 0),
        (i32::MIN, -1, i32::MIN, 0),
        (i32::MIN, 3, -715_827_883, 1),
        (i32::MAX, -2, -1_073_741_824, -1),
    ] {
        assert_eq!(Func::FloorDiv.visit(Whole([a, b])), quotient, "floor({a} / {b})");
        assert_eq!(Func::Mod.visit(Whole([a, b])), rest, "{a} mod {b}");
    }
}
