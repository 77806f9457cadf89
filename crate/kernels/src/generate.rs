//! Loops that are made while the program runs: elementwise functions one after the other, in one pass over memory.
//!
//! The expressions of the table are read once more, as instructions on vectors of 128 bits ([`Code`]). [`Program::module`] writes
//! a WebAssembly module of them, with one function, which the host compiles and puts in the table of functions. For each
//! element that function does what the kernels do, so results have the same bits; what passes from one function to the next
//! stays in registers. Functions that are kernels of their own (exp, sin) are not known here: loops are generated between them.

mod host;
mod module;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};

use crate::elementwise::{Func, Function, Visitor};
use crate::map::{ACC, G, MAX_OPERANDS, Y};
use crate::real::Real;
pub use host::{Generated, Host, Loop, connect};

/// The most instructions of a program: a longer chain waits for itself, where two loops work side by side.
const MOST: usize = 64;

/// What an elementwise kernel computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expression {
    /// A function of the table: the operands are its arguments ([`map`](crate::map::map)).
    Value(Func),
    /// Its derivative by this argument, times a cotangent, added to what there is ([`map_partial`](crate::map::map_partial)).
    Partial(Func, usize),
}

/// An instruction on vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// Operand `x[0]` at the place of the loop.
    Load,
    /// Number `x[0]` of the literals.
    Literal,
    Abs,
    Neg,
    Sqrt,
    Floor,
    Ceil,
    Round,
    Add,
    Sub,
    Mul,
    Div,
    Less,
    AtMost,
    Equal,
    NotEqual,
    /// `x[0]`, or `x[1]` where that is smaller.
    Smaller,
    /// `x[0]`, or `x[1]` where that is larger.
    Larger,
    And,
    Or,
    /// `x[0]` where mask `x[2]` holds, else `x[1]`.
    Select,
    /// `x[0]` where mask `x[1]` holds, else 0.
    Keep,
    /// 0 where mask `x[1]` holds, else `x[0]`.
    Clear,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    word: Word,
    /// What it is made of: numbers of earlier steps.
    x: [u32; 3],
}

/// Instructions on vectors, made by reading expressions.
#[derive(Debug, Default)]
pub struct Program {
    steps: Vec<Step>,
    /// The bits of literals, as float64.
    literals: Vec<u64>,
    /// Whether an expression had something that there is no instruction for.
    unknown: bool,
}

/// A vector or a mask that a program makes: the number of a step.
#[derive(Clone, Copy, Debug)]
pub struct Code(u32);

/// Where a loop finds an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this address, a vector that stands for all elements.
    Vector(usize),
    /// At this address, one element after the other.
    Block(usize),
    /// Where this one of the operands is that the loop is called with.
    Given(usize),
}

impl Program {
    /// The vector of this operand.
    pub fn load(&mut self, operand: usize) -> Code {
        self.step(Word::Load, [operand as u32; 3])
    }

    /// The number in all lanes.
    pub fn literal(&mut self, value: f64) -> Code {
        let bits = value.to_bits();
        let number = self.literals.iter().position(|&literal| literal == bits).unwrap_or_else(|| {
            self.literals.push(bits);
            self.literals.len() - 1
        });
        self.step(Word::Literal, [number as u32; 3])
    }

    /// What the kernel of the expression makes of its operands; `None`, and no step is added, where that cannot be said in
    /// instructions.
    pub fn add(&mut self, expression: Expression, x: &[Code; MAX_OPERANDS]) -> Option<Code> {
        struct Read<'a>(Option<usize>, &'a [Code; MAX_OPERANDS]);
        impl Visitor for Read<'_> {
            type Out = Code;
            fn visit<F: Function>(self, _: F) -> Code {
                let Read(argument, x) = self;
                let arguments = std::array::from_fn(|k| x[k]);
                match argument {
                    None => F::value(arguments),
                    Some(i) => x[ACC] + x[G] * F::partial(i, arguments, x[Y]),
                }
            }
        }
        let before = self.steps.len();
        READ.with_borrow_mut(|read| std::mem::swap(read, self));
        let made = match expression {
            Expression::Value(func) => func.visit(Read(None, x)),
            Expression::Partial(func, argument) => func.visit(Read(Some(argument), x)),
        };
        READ.with_borrow_mut(|read| std::mem::swap(read, self));
        if std::mem::take(&mut self.unknown) || self.steps.len() > MOST {
            self.steps.truncate(before);
            return None;
        }
        Some(made)
    }

    /// The step, which is there once however often it is asked for.
    fn step(&mut self, word: Word, x: [u32; 3]) -> Code {
        let step = Step { word, x };
        let number = self.steps.iter().position(|&known| known == step).unwrap_or_else(|| {
            self.steps.push(step);
            self.steps.len() - 1
        });
        Code(number as u32)
    }
}

thread_local! {
    /// The program that an expression is being read into: what the expression works with are numbers of steps, no more.
    static READ: RefCell<Program> = const { RefCell::new(Program { steps: Vec::new(), literals: Vec::new(), unknown: false }) };
}

impl Code {
    #[inline(never)]
    fn made(word: Word, a: Code, b: Code) -> Code {
        READ.with_borrow_mut(|read| read.step(word, [a.0, b.0, 0]))
    }

    /// A function of the table that is one instruction; the others have kernels.
    #[inline(never)]
    fn function(self, func: Func) -> Code {
        let word = match func {
            Func::Abs => Word::Abs,
            Func::Sqrt => Word::Sqrt,
            Func::Floor => Word::Floor,
            Func::Ceil => Word::Ceil,
            Func::Round => Word::Round,
            _ => {
                READ.with_borrow_mut(|read| read.unknown = true);
                return self;
            }
        };
        Code::made(word, self, self)
    }
}

macro_rules! binary {
    ($($Trait:ident $method:ident $word:ident),+) => {$(
        impl $Trait for Code {
            type Output = Code;
            fn $method(self, other: Code) -> Code {
                Code::made(Word::$word, self, other)
            }
        }
    )+};
}
binary!(Add add Add, Sub sub Sub, Mul mul Mul, Div div Div, BitAnd bitand And, BitOr bitor Or);

impl Neg for Code {
    type Output = Code;
    fn neg(self) -> Code {
        Code::made(Word::Neg, self, self)
    }
}

impl Not for Code {
    type Output = Code;
    #[inline(never)]
    fn not(self) -> Code {
        READ.with_borrow_mut(|read| match read.steps[self.0 as usize] {
            Step { word: Word::Equal, x } => read.step(Word::NotEqual, x),
            // Nothing else is negated in the table.
            _ => {
                read.unknown = true;
                self
            }
        })
    }
}

macro_rules! intrinsics_as_code {
    (unary: $($f:ident $F:ident),+; binary: $($g:ident $G:ident),+) => {
        $(fn $f(self) -> Self { self.function(Func::$F) })+
        $(fn $g(self, _: Self) -> Self { self.function(Func::$G) })+
    };
}

impl Real for Code {
    type Mask = Self;

    #[inline(never)]
    fn lit(self, c: f64) -> Self {
        READ.with_borrow_mut(|read| read.literal(c))
    }

    fn lt(self, other: Self) -> Self {
        Code::made(Word::Less, self, other)
    }

    fn le(self, other: Self) -> Self {
        Code::made(Word::AtMost, self, other)
    }

    fn eq(self, other: Self) -> Self {
        Code::made(Word::Equal, self, other)
    }

    #[inline(never)]
    fn select(mask: Self, yes: Self, no: Self) -> Self {
        READ.with_borrow_mut(|read| {
            let (test, [y, n]) = (read.steps[mask.0 as usize], [yes.0, no.0]);
            let is_zero = |step: u32| match read.steps[step as usize] {
                Step { word: Word::Literal, x } => read.literals[x[0] as usize] == 0,
                _ => false,
            };
            // The smaller or the larger of two is one instruction, and so is zero or another.
            match test.x {
                _ if is_zero(n) => read.step(Word::Keep, [y, mask.0, 0]),
                _ if is_zero(y) => read.step(Word::Clear, [n, mask.0, 0]),
                [a, b, _] if test.word == Word::Less && [a, b] == [y, n] => read.step(Word::Smaller, [n, y, 0]),
                [a, b, _] if test.word == Word::Less && [a, b] == [n, y] => read.step(Word::Larger, [n, y, 0]),
                _ => read.step(Word::Select, [y, n, mask.0]),
            }
        })
    }

    crate::intrinsics!(intrinsics_as_code);
}
