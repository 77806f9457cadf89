//! Which operations of a unit one generated loop computes.

use crate::dtype::DType;
use crate::kernels::generate::{Code, Expression, Place, Program};
use crate::kernels::map::{Kernel, MAX_OPERANDS};

/// A place that kernels read from and write to. Numbers go through the inputs, the results, zeros, the constants, and the
/// blocks between operations.
pub(super) type Cell = usize;

/// An operation of a unit as it was laid out.
#[derive(Debug)]
pub(super) struct Instruction {
    pub kernel: Kernel,
    pub operands: [Cell; MAX_OPERANDS],
    pub out: Cell,
    pub expression: Option<Expression>,
    pub dtype: DType,
}

/// The module of a loop for as many of the instructions as can be in one, from the first on, and how many they are; none for
/// a single one. The first `fixed` cells are the inputs and results of the unit, the next is zero; `place` says where a
/// cell is.
pub(super) fn module(
    instructions: &[Instruction],
    fixed: usize,
    place: impl Fn(Cell) -> Place,
) -> Option<(Vec<u8>, usize)> {
    let dtype = instructions.first()?.dtype;
    let mut program = Program::default();
    // Cells that the loop reads or writes, and what it has made for those that it writes.
    let (mut operands, mut made): (Vec<Cell>, Vec<(Cell, Code)>) = (Vec::new(), Vec::new());
    let mut count = 0;
    for Instruction { operands: read, out, expression, dtype: own, .. } in instructions {
        let Some(expression) = expression.filter(|_| *own == dtype) else { break };
        let before = operands.len();
        let x = read.map(|cell| match made.iter().find(|&&(known, _)| known == cell) {
            Some(&(_, code)) => code,
            None if cell == fixed => program.literal(0.0),
            None => program.load(number(&mut operands, cell)),
        });
        let Some(code) = program.add(expression, &x) else {
            operands.truncate(before);
            break;
        };
        made.retain(|&(cell, _)| cell != *out);
        made.push((*out, code));
        count += 1;
    }
    if count < 2 {
        return None;
    }
    // Blocks that nobody reads before they are written again are not written here.
    let is_read = |cell: Cell| {
        let next = instructions[count..].iter().find(|next| next.operands.contains(&cell) || next.out == cell);
        next.is_some_and(|next| next.operands.contains(&cell))
    };
    made.retain(|&(cell, _)| cell < fixed || is_read(cell));
    let results: Vec<(Code, usize)> = made.iter().map(|&(cell, code)| (code, number(&mut operands, cell))).collect();
    let places: Vec<Place> = operands.iter().map(|&cell| place(cell)).collect();
    Some((program.module(dtype, &places, &results), count))
}

/// The number of a cell among the operands of a loop.
fn number(operands: &mut Vec<Cell>, cell: Cell) -> usize {
    operands.iter().position(|&known| known == cell).unwrap_or_else(|| {
        operands.push(cell);
        operands.len() - 1
    })
}
