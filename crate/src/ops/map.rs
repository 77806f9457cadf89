//! Elementwise functions of the table as primitives: the value, and the derivative fused with its cotangent.

use smallvec::SmallVec;

use crate::blocks::{Elementwise, NOTHING};
use crate::dtype::DType;
use crate::elementwise::{Class, Func, Function, Visitor};
use crate::error::{Code, Error, Result, count};
use crate::few::few;
use crate::kernels::find;
use crate::kernels::generate::Expression;
use crate::kernels::map::{self, MAX_OPERANDS};
use crate::op::{Aval, Keeps, Op, Primitive, broadcast, need_float, need_number, same_dtype};
use crate::real::Uses;
use crate::var::Var;

/// `y = f(x_0, x_1, ..)`, elementwise with broadcasting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    /// The function.
    pub func: Func,
}

impl Map {
    /// The partial derivative by argument `i` as nodes.
    fn partial<'t>(self, i: usize, x: &[Var<'t>], y: Var<'t>) -> Var<'t> {
        struct Record<'a, 't>(usize, &'a [Var<'t>], Var<'t>);
        impl<'t> Visitor for Record<'_, 't> {
            type Out = Var<'t>;
            fn visit<F: Function>(self, _: F) -> Var<'t> {
                let Record(i, x, y) = self;
                F::partial(i, std::array::from_fn(|k| x.get(k).copied().unwrap_or(y)), y)
            }
        }
        self.func.visit(Record(i, x, y))
    }

    /// `t ∂f/∂x_i`: what a cotangent or a tangent becomes. Fused where no one can ask for its derivative.
    fn push<'t>(self, i: usize, x: &[Var<'t>], y: Var<'t>, t: Var<'t>) -> Option<Var<'t>> {
        match self.func.constant_partial(i) {
            Some(0.0) => return None,
            Some(1.0) => return Some(t),
            Some(-1.0) => return Some(-t),
            _ => (),
        }
        let uses = self.func.uses(i);
        if t.tape().is_last_pass() && uses != Uses(0) {
            let read = x.iter().enumerate().filter(|&(k, _)| uses.has(Uses::argument(k))).map(|(_, &x)| x);
            let inputs: SmallVec<[Var<'t>; 4]> = few(read.chain(uses.has(Uses::OUTPUT).then_some(y)).chain([t]));
            return Some(t.tape().apply(MapPartial { func: self.func, argument: i, accumulate: false }, &inputs));
        }
        let d = self.partial(i, x, y);
        match d.constant() {
            Some(0.0) => None,
            Some(1.0) => Some(t),
            Some(-1.0) => Some(-t),
            _ => Some(t * d),
        }
    }
}

impl Primitive for Map {
    fn name(&self) -> &'static str {
        self.func.entry().name
    }

    #[inline]
    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let (op, entry) = (self.name(), self.func.entry());
        if x.len() != entry.args.len() {
            let sentence = format!("needs {}, got {}", count(entry.args.len(), "operand"), x.len());
            return Err(Error::new(Code::Argument, op, sentence));
        }
        let dtype = same_dtype(op, x)?;
        match entry.class {
            Class::Float => need_float(op, dtype)?,
            Class::Number => need_number(op, dtype)?,
        }
        Ok(Aval::new(broadcast(op, x)?, dtype))
    }

    fn elementwise(&self, dtype: DType) -> Option<Elementwise> {
        let expression = Some(Expression::Value(self.func));
        find::map(self.func, dtype).map(|kernel| Elementwise { expression, ..Elementwise::new(kernel) })
    }

    fn vjp<'t>(&self, i: usize, x: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        self.push(i, x, y, g)
    }

    fn jvp<'t>(&self, x: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        let mut sum: Option<Var<'t>> = None;
        for (i, t) in t.iter().enumerate() {
            let term = t.and_then(|t| self.push(i, x, y, t));
            sum = match (sum, term) {
                (Some(a), Some(b)) => Some(a + b),
                (a, b) => a.or(b),
            };
        }
        sum
    }

    fn in_place(&self) -> bool {
        true
    }

    fn keeps(&self, active: u32) -> Option<Keeps> {
        let arity = self.func.arity();
        let touched = (0..arity).filter(|i| active & (1 << i) != 0).fold(0, |bits, i| bits | self.func.uses(i).0);
        Some(Keeps { inputs: u32::from(touched & !Uses::OUTPUT.0), output: Uses(touched).has(Uses::OUTPUT) })
    }

    fn parameter(&self, i: usize) -> Option<&'static str> {
        self.func.entry().args.get(i).map(|&(name, _)| name)
    }

    fn formula(&self, i: usize) -> Option<&'static str> {
        self.func.entry().partials.get(i).copied()
    }
}

/// `acc + t ∂f/∂x_i` in one pass over memory: what the last pass of a differentiation appends. Its inputs are the
/// arguments that the derivative uses, then y if it does, then t, then acc when there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapPartial {
    /// The function.
    pub func: Func,
    /// The argument that is differentiated by.
    pub argument: usize,
    /// Whether the last input is added.
    pub accumulate: bool,
}

impl Primitive for MapPartial {
    fn name(&self) -> &'static str {
        self.func.entry().name
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        Ok(Aval::new(broadcast(self.name(), x)?, same_dtype(self.name(), x)?))
    }

    fn elementwise(&self, dtype: DType) -> Option<Elementwise> {
        let kernel = find::partial(self.func, self.argument, dtype)?;
        // The inputs go where the kernel expects them; what the derivative does not use is 0.
        let uses = self.func.uses(self.argument);
        let expected = |place: usize| match place {
            map::Y => uses.has(Uses::OUTPUT),
            map::G => true,
            map::ACC => self.accumulate,
            argument => uses.has(Uses::argument(argument)),
        };
        let mut places = [NOTHING; MAX_OPERANDS];
        let mut input = 0;
        for (place, slot) in places.iter_mut().enumerate() {
            if expected(place) {
                *slot = input;
                input += 1;
            }
        }
        let expression = Some(Expression::Partial(self.func, self.argument));
        Some(Elementwise { kernel, places: Some(places), expression })
    }

    fn vjp<'t>(&self, _: usize, _: &[Var<'t>], y: Var<'t>, _: Var<'t>) -> Option<Var<'t>> {
        y.tape().fail(not_differentiable(self.name()));
        None
    }

    fn jvp<'t>(&self, _: &[Var<'t>], y: Var<'t>, _: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        y.tape().fail(not_differentiable(self.name()));
        None
    }

    fn accumulating(&self) -> Option<Op> {
        (!self.accumulate).then(|| MapPartial { accumulate: true, ..*self }.into())
    }
}

fn not_differentiable(op: &'static str) -> Error {
    let sentence =
        "this gradient was computed without a graph; ask for it inside a transformation or with { createGraph: true }";
    Error::new(Code::Gradient, op, sentence)
}
