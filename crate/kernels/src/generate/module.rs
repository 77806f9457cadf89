//! The WebAssembly module of a program; the format is that of <https://webassembly.github.io/spec/core/binary/>.

use super::{Code, Place, Program, Step, Word};
use crate::dtype::DType;
use crate::map::MAX_WIDTH;
#[cfg(target_arch = "wasm32")]
use {crate::map::Operand, std::mem::offset_of};

/// Bytes of a vector.
const BYTES: usize = 16;
/// Instructions on vectors in the body of a loop: more of the same save less than their compilation costs.
const BODY: usize = 128;
/// Vectors that go through a loop side by side, at most.
const MOST_VECTORS: usize = 4;
/// Vectors that are there at once: the registers of most machines less some for constants.
const REGISTERS: usize = 13;

/// Numbers of the types.
const I32: u8 = 0x7f;
const V128: u8 = 0x7b;

/// The function's parameters: the elements that are left, and the operands.
const LEFT: usize = 0;
const GIVEN: usize = 1;

/// Bytes of an operand's address and of its step, in WebAssembly.
const ADDRESS: usize = 4;
#[cfg(target_arch = "wasm32")]
const _: () = assert!(
    offset_of!(Operand, start) == 0 && offset_of!(Operand, step) == ADDRESS && size_of::<Operand>() == 2 * ADDRESS
);

/// Bytes as the format has them.
#[derive(Debug, Default)]
pub(super) struct Bytes(pub Vec<u8>);

impl Bytes {
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A number without a sign (LEB128).
    fn number(&mut self, mut value: usize) -> &mut Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    /// i32.const of these 32 bits.
    pub fn constant(&mut self, bits: usize) -> &mut Self {
        let mut value = bits as u32 as i32;
        self.0.push(0x41);
        loop {
            let byte = value as u8 & 0x7f;
            value >>= 7;
            let ends = value == if byte & 0x40 == 0 { 0 } else { -1 };
            self.0.push(if ends { byte } else { byte | 0x80 });
            if ends {
                return self;
            }
        }
    }

    fn get(&mut self, local: usize) -> &mut Self {
        self.put(&[0x20]).number(local)
    }

    fn set(&mut self, local: usize) -> &mut Self {
        self.put(&[0x21]).number(local)
    }

    fn tee(&mut self, local: usize) -> &mut Self {
        self.put(&[0x22]).number(local)
    }

    /// i32.load from so far behind the address on the stack.
    fn load_i32(&mut self, offset: usize) -> &mut Self {
        self.put(&[0x28, 2]).number(offset)
    }

    fn vector(&mut self, opcode: usize) -> &mut Self {
        self.put(&[0xfd]).number(opcode)
    }

    /// v128.store to so far behind the address on the stack.
    fn store(&mut self, offset: usize) -> &mut Self {
        self.vector(0x0b).put(&[2]).number(offset)
    }

    /// A section, or whatever else begins with its length.
    fn sized(&mut self, body: &[u8]) -> &mut Self {
        self.number(body.len()).put(body)
    }
}

impl Word {
    /// The instruction for float32, and that for float64.
    fn opcodes(self) -> [usize; 2] {
        match self {
            Word::Load => [0x00; 2],
            Word::Literal => [0x0c; 2],
            Word::Abs => [0xe0, 0xec],
            Word::Neg => [0xe1, 0xed],
            Word::Sqrt => [0xe3, 0xef],
            Word::Floor => [0x68, 0x75],
            Word::Ceil => [0x67, 0x74],
            Word::Round => [0x6a, 0x94],
            Word::Add => [0xe4, 0xf0],
            Word::Sub => [0xe5, 0xf1],
            Word::Mul => [0xe6, 0xf2],
            Word::Div => [0xe7, 0xf3],
            Word::Less => [0x43, 0x49],
            Word::AtMost => [0x45, 0x4b],
            Word::Equal => [0x41, 0x47],
            Word::NotEqual => [0x42, 0x48],
            Word::Smaller => [0xea, 0xf6],
            Word::Larger => [0xeb, 0xf7],
            Word::And => [0x4e; 2],
            Word::Or => [0x50; 2],
            Word::Select => [0x52; 2],
            Word::Keep => [0x4e; 2],
            Word::Clear => [0x4f; 2],
        }
    }

    /// How many earlier steps it is made of.
    fn arity(self) -> usize {
        match self {
            Word::Load | Word::Literal => 0,
            Word::Abs | Word::Neg | Word::Sqrt | Word::Floor | Word::Ceil | Word::Round => 1,
            Word::Select => 3,
            _ => 2,
        }
    }
}

impl Program {
    /// The module of a loop that reads these operands, of floats of one dtype, and writes the `results`: what a step makes goes
    /// where an operand is. It imports the memory and exports its one function, both by the name "".
    pub fn module(&self, dtype: DType, operands: &[Place], results: &[(Code, usize)]) -> Vec<u8> {
        let steps = &self.steps;
        let is_double = usize::from(dtype == DType::Float64);
        let lanes = BYTES / dtype.size();
        // What a result needs.
        let mut live = vec![false; steps.len()];
        results.iter().for_each(|(code, _)| live[code.0 as usize] = true);
        for (k, Step { word, x }) in steps.iter().enumerate().rev() {
            if live[k] {
                x[..word.arity()].iter().for_each(|&x| live[x as usize] = true);
            }
        }
        let is_fixed = |s: &Step| {
            s.word == Word::Literal || s.word == Word::Load && matches!(operands[s.x[0] as usize], Place::Vector(_))
        };
        // What is computed for each vector, in this order. A result is stored once it is there and everything is loaded: it may
        // lie where something that is read has lain.
        let order: Vec<usize> = (0..steps.len()).filter(|&k| live[k] && !is_fixed(&steps[k])).collect();
        let all_loaded = order.iter().copied().filter(|&k| steps[k].word == Word::Load).max().unwrap_or(0);
        let stored_after = |code: Code| match code.0 as usize {
            k if is_fixed(&steps[k]) => all_loaded,
            k => k.max(all_loaded),
        };
        let vectors = side_by_side(steps, &order, lanes, |k| {
            results.iter().filter(|result| result.0.0 as usize == k).map(|result| stored_after(result.0)).max()
        });

        // Locals: an address and a step for each operand, then the vectors of each step.
        let address = |operand: usize| 2 + 2 * operand;
        let step = |operand: usize| address(operand) + 1;
        let value = |k: usize, vector: usize| {
            2 + 2 * operands.len() + vectors * k + if is_fixed(&steps[k]) { 0 } else { vector }
        };
        let mut code = Bytes::default();
        code.number(2).number(2 * operands.len()).put(&[I32]).number(vectors * steps.len()).put(&[V128]);
        for (k, &place) in operands.iter().enumerate() {
            match place {
                Place::Vector(at) | Place::Block(at) => code.constant(at).set(address(k)),
                Place::Given(number) => code.get(GIVEN).load_i32(2 * ADDRESS * number).set(address(k)),
            };
            match place {
                Place::Vector(_) => code.constant(0),
                Place::Block(_) => code.constant(dtype.size()),
                Place::Given(number) => code.get(GIVEN).load_i32(2 * ADDRESS * number + ADDRESS),
            };
            // The step of an iteration: i32.shl by the logarithm of its elements.
            code.constant((lanes * vectors).ilog2() as usize).put(&[0x74]).set(step(k));
        }
        let make = |code: &mut Bytes, k: usize, v: usize| {
            let Step { word, x } = steps[k];
            let opcode = word.opcodes()[is_double];
            match word {
                Word::Load => code.get(address(x[0] as usize)).vector(opcode).put(&[2]).number(v * BYTES),
                Word::Literal => {
                    let number = f64::from_bits(self.literals[x[0] as usize]);
                    let [single, double] = [(number as f32).to_bits().into(), number.to_bits()];
                    let bits = if is_double == 1 { double } else { single << 32 | single };
                    code.vector(opcode).put(&bits.to_le_bytes()).put(&bits.to_le_bytes())
                }
                _ => {
                    x[..word.arity()].iter().for_each(|&x| {
                        code.get(value(x as usize, v));
                    });
                    code.vector(opcode)
                }
            };
            code.set(value(k, v));
        };
        for k in (0..steps.len()).filter(|&k| live[k] && is_fixed(&steps[k])) {
            make(&mut code, k, 0);
        }
        code.put(&[0x03, 0x40]); // loop
        let store = |code: &mut Bytes, made: Code, operand: usize| {
            for v in 0..vectors {
                code.get(address(operand)).get(value(made.0 as usize, v)).store(v * BYTES);
            }
        };
        // Each step for all vectors before the next one: none waits for the one before it.
        for &k in &order {
            (0..vectors).for_each(|v| make(&mut code, k, v));
            for &(made, operand) in results.iter().filter(|result| stored_after(result.0) == k) {
                store(&mut code, made, operand);
            }
        }
        // What nothing is computed for.
        for &(made, operand) in results.iter().filter(|result| !order.contains(&stored_after(result.0))) {
            store(&mut code, made, operand);
        }
        for k in (0..operands.len()).filter(|&k| !matches!(operands[k], Place::Vector(_))) {
            code.get(address(k)).get(step(k)).put(&[0x6a]).set(address(k)); // i32.add
        }
        code.get(LEFT).constant(lanes * vectors).put(&[0x6b]).tee(LEFT); // i32.sub
        code.put(&[0x0d, 0, 0x0b, 0x0b]); // br_if, the ends of the loop and of the function

        let mut body = Bytes::default();
        body.number(1).sized(&code.0);
        let mut module = Bytes::default();
        module.put(b"\0asm\x01\0\0\0");
        // One type: two integers go in, nothing comes out.
        module.put(&[1]).sized(&[1, 0x60, 2, I32, I32, 0]);
        // The memory, of any size.
        module.put(&[2]).sized(&[1, 0, 0, 2, 0, 0]);
        module.put(&[3]).sized(&[1, 0]);
        module.put(&[7]).sized(&[1, 0, 0, 0]);
        module.put(&[10]).sized(&body.0);
        module.0
    }
}

/// How many vectors of so many lanes go through the steps of `order` side by side: as many as stay in registers. `stored_after`
/// says when a step that is a result has been written.
fn side_by_side(steps: &[Step], order: &[usize], lanes: usize, stored_after: impl Fn(usize) -> Option<usize>) -> usize {
    // The last step that each is there for.
    let mut ends: Vec<usize> = (0..steps.len()).map(|k| stored_after(k).unwrap_or(0)).collect();
    for &k in order {
        steps[k].x[..steps[k].word.arity()].iter().for_each(|&x| ends[x as usize] = ends[x as usize].max(k));
    }
    let there = |at: usize| order.iter().filter(|&&k| k <= at && ends[k] >= at).count();
    let widest = order.iter().map(|&at| there(at)).max().unwrap_or(0);
    let fits = |n: usize| n.is_power_of_two() && n * order.len() <= BODY && n * widest <= REGISTERS;
    (1..=MOST_VECTORS.min(MAX_WIDTH / lanes)).rev().find(|&n| fits(n)).unwrap_or(1)
}
