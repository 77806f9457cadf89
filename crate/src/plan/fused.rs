//! Elementwise operations that are computed together, in one pass over memory.
//!
//! The pass goes block by block: every operation is a call of its kernel on a block, and what passes from one to the next
//! stays in a few blocks that fit the first cache. No kernel is made for this; they are those that compute the operations
//! one by one, so values have the same bits.

use smallvec::SmallVec;

use crate::array::Array;
use crate::blocks::{self, Elementwise};
use crate::buffer::Buffer;
use crate::error::Result;
use crate::kernels::map::{Kernel, MAX_OPERANDS, MAX_WIDTH as VECTOR, Operand, Operands, PAD};
use crate::kernels::reduce::RunFold;
use crate::kernels::split::{self, Shared};
use crate::op::Aval;
use crate::shape::Shape;

/// Bytes for the blocks of values between operations: half of a first cache, the rest is for operands and results.
const CACHE: usize = 16 << 10;
/// The longest block in elements, a multiple of the longest vector, so that no kernel has a rest.
const BLOCK: usize = 1024;

/// What an operation reads.
pub(super) enum Source {
    /// An input of the step.
    Input(usize),
    /// A scalar that is known.
    Constant(Array),
    /// The value of an earlier operation of the unit.
    Value(usize),
}

/// How an operation of a unit is computed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loop {
    /// Element by element.
    Map(Elementwise),
    /// Row by row, each to one value.
    Fold(RunFold),
}

/// An operation of a unit.
pub(super) struct Operation {
    pub name: &'static str,
    pub run: Loop,
    pub sources: SmallVec<[Source; 3]>,
    pub aval: Aval,
    /// The result of the step that it computes.
    pub output: Option<usize>,
}

/// A place that kernels read from and write to. Numbers go through the inputs, the results, zeros, the constants, and the
/// blocks between operations.
type Cell = usize;

#[derive(Debug)]
struct Instruction {
    kernel: Kernel,
    /// The cells of the kernel's operands.
    operands: [Cell; MAX_OPERANDS],
    out: Cell,
}

#[derive(Debug)]
struct Output {
    aval: Aval,
    /// The input whose memory it may take over: one that no later operation reads.
    over: Option<usize>,
}

/// A unit of elementwise operations on one shape.
#[derive(Debug)]
pub(super) struct Fused {
    shape: Shape,
    instructions: Vec<Instruction>,
    inputs: Vec<Aval>,
    outputs: Vec<Output>,
    /// The constants and the blocks, which are in `scratch`: those of the first thread.
    own_cells: Vec<Operand>,
    /// Elements in a block.
    block: usize,
    /// Where the input's and the result's ends are, one vector each, for what does not fill a vector.
    ends: usize,
    /// Bytes of the scratch area of one thread; all threads have one.
    area: usize,
    scratch: Buffer,
}

/// The places of the blocks between operations while a unit is laid out.
#[derive(Default)]
struct Blocks {
    /// Bytes of an element of each block.
    sizes: Vec<usize>,
    free: Vec<usize>,
}

impl Blocks {
    fn take(&mut self, size: usize) -> usize {
        if let Some(k) = self.free.iter().position(|&block| self.sizes[block] == size) {
            return self.free.swap_remove(k);
        }
        self.sizes.push(size);
        self.sizes.len() - 1
    }

    fn give_back(&mut self, block: usize) {
        if !self.free.contains(&block) {
            self.free.push(block);
        }
    }
}

/// The scalar that an operation reads, if it is known.
fn constant(source: &Source) -> Option<&Array> {
    match source {
        Source::Constant(value) => Some(value),
        _ => None,
    }
}

/// The last operation that reads each input, and each value of the program; the first where none does.
fn last_reads(inputs: usize, program: &[Operation]) -> (Vec<usize>, Vec<usize>) {
    let (mut input_ends, mut value_ends) = (vec![0; inputs], vec![0; program.len()]);
    for (k, operation) in program.iter().enumerate() {
        for source in &operation.sources {
            match source {
                Source::Input(i) => input_ends[*i] = k,
                Source::Value(v) => value_ends[*v] = k,
                Source::Constant(_) => (),
            }
        }
    }
    (input_ends, value_ends)
}

impl Fused {
    /// Lays out a unit. Errors: `memory`.
    pub fn new(shape: Shape, inputs: &[Aval], program: &[Operation]) -> Result<Fused> {
        let results = program.iter().filter(|operation| operation.output.is_some()).count();
        let constants: Vec<&Array> =
            program.iter().flat_map(|operation| &operation.sources).filter_map(constant).collect();
        let fixed = inputs.len() + results;
        let (zeros, first_constant) = (fixed, fixed + 1);
        let first_block = first_constant + constants.len();
        let (input_ends, value_ends) = last_reads(inputs.len(), program);
        let mut next_constant = first_constant..;
        let mut blocks = Blocks::default();
        // The cell of each value.
        let mut cells: Vec<Cell> = Vec::with_capacity(program.len());
        let mut taken_over = vec![false; inputs.len()];
        let mut outputs: Vec<Option<Output>> = (0..results).map(|_| None).collect();
        let mut instructions = Vec::with_capacity(program.len());
        for (k, Operation { run, sources, aval, output, .. }) in program.iter().enumerate() {
            let Loop::Map(elementwise) = run else { continue };
            let read: SmallVec<[Cell; 4]> = sources
                .iter()
                .filter_map(|source| match source {
                    Source::Input(i) => Some(*i),
                    Source::Value(v) => Some(cells[*v]),
                    Source::Constant(_) => next_constant.next(),
                })
                .collect();
            // Blocks of values that are read here for the last time; the result may go into one of the same size.
            for source in sources {
                if let Source::Value(v) = source
                    && value_ends[*v] == k
                    && cells[*v] >= first_block
                {
                    blocks.give_back(cells[*v] - first_block);
                }
            }
            let out = match *output {
                Some(y) => {
                    let fits = |i: &usize| !taken_over[*i] && input_ends[*i] <= k && inputs[*i] == *aval;
                    let over = (0..inputs.len()).find(fits);
                    over.into_iter().for_each(|i| taken_over[i] = true);
                    outputs[y] = Some(Output { aval: *aval, over });
                    inputs.len() + y
                }
                None => first_block + blocks.take(aval.dtype.size()),
            };
            cells.push(out);
            let arranged = elementwise.arranged(&read);
            let operands = std::array::from_fn(|k| arranged.get(k).copied().flatten().unwrap_or(zeros));
            instructions.push(Instruction { kernel: elementwise.kernel, operands, out });
        }
        let per_element: usize = blocks.sizes.iter().sum();
        let most = (CACHE / per_element.max(1)).clamp(VECTOR, BLOCK) / VECTOR * VECTOR;
        let block = most.min(shape.size().next_multiple_of(VECTOR).max(VECTOR));
        // The scratch area: the constants, the ends of inputs and results, the blocks.
        let ends = PAD * constants.len();
        let mut bytes = ends + PAD * fixed;
        let starts: Vec<usize> = blocks
            .sizes
            .iter()
            .map(|&size| {
                let start = bytes;
                bytes += (size * block).next_multiple_of(PAD);
                start
            })
            .collect();
        let scratch = Buffer::new(bytes * split::threads())?;
        let place = |at: usize| scratch.start().wrapping_add(at);
        for area in (0..scratch.bytes()).step_by(bytes.max(1)) {
            for (k, constant) in constants.iter().enumerate() {
                // SAFETY: the area begins with room for each constant.
                unsafe { Operand::repeated(constant.address(), constant.dtype.size(), place(area + PAD * k)) };
            }
        }
        let known = (0..constants.len()).map(|k| Operand::vector(place(PAD * k)));
        let between = starts.iter().zip(&blocks.sizes).map(|(&at, &size)| Operand::slice(place(at), size));
        let own_cells = known.chain(between).collect();
        Ok(Fused {
            shape,
            instructions,
            inputs: inputs.to_vec(),
            outputs: outputs.into_iter().flatten().collect(),
            own_cells,
            block,
            ends,
            area: bytes,
            scratch,
        })
    }

    /// The results for these inputs. Those whose buffers nobody else has may be overwritten. Errors: `memory`.
    pub fn run(&self, x: &[Array]) -> Result<SmallVec<[Array; 1]>> {
        let results = self.outputs.iter().map(|output| {
            let over = output.over.filter(|&i| blocks::reusable(&x[i], output.aval));
            over.map_or_else(|| Array::new(output.aval.shape, output.aval.dtype), |i| Ok(x[i].clone()))
        });
        let results: SmallVec<[Array; 1]> = results.collect::<Result<_>>()?;
        // Scalars stand for all elements; the others are walked over.
        let walked: SmallVec<[Array; 4]> = x.iter().filter(|a| a.shape().size() != 1).cloned().collect();
        let mut cells: SmallVec<[Cells; 1]> = (0..split::threads()).map(|k| self.cells(x, &results, k)).collect();
        let size = results.iter().map(|y| y.dtype.size()).max().unwrap_or(1);
        let starts: SmallVec<[*mut u8; 4]> = results.iter().map(Array::address).collect();
        // SAFETY: each thread has cells and a scratch area of its own, and writes its own elements of the results.
        let shared = unsafe { Shared::new((self, cells.as_mut_ptr(), starts.as_slice())) };
        blocks::each(self.shape, size, &walked, &|len, given, at, thread| {
            let (unit, cells, starts) = shared.get();
            // SAFETY: `thread` is below the number of threads.
            unit.pass(len, given, starts, at, unsafe { &mut *cells.add(thread) });
        });
        Ok(results)
    }

    /// The cells of a thread with the scalars among the inputs.
    fn cells(&self, x: &[Array], results: &[Array], thread: usize) -> Cells {
        let area = thread * self.area;
        let mut cells = Cells { operands: SmallVec::new(), ends: self.scratch.start().wrapping_add(area + self.ends) };
        for (k, a) in x.iter().enumerate() {
            let end = cells.end(k);
            if a.shape().size() == 1 {
                // SAFETY: an end is one vector.
                unsafe { Operand::repeated(a.address(), a.dtype.size(), end) };
            }
            cells.operands.push(Operand::vector(end));
        }
        cells.operands.extend(results.iter().map(|y| Operand::slice(y.address(), y.dtype.size())));
        cells.operands.push(Operand::ZERO);
        let apart = |cell: &Operand| Operand { start: cell.start.wrapping_add(area), ..*cell };
        cells.operands.extend(self.own_cells.iter().map(apart));
        cells
    }

    /// Computes `len` elements of the results, which begin at `starts`, from position `at` on.
    fn pass(&self, len: usize, given: &Operands, starts: &[*mut u8], at: usize, cells: &mut Cells) {
        let n = self.inputs.len();
        let is_walked = |k: &usize| self.inputs[*k].shape.size() != 1;
        for (k, operand) in (0..n).filter(is_walked).zip(given) {
            cells.operands[k] = *operand;
        }
        let fixed = n + self.outputs.len();
        for (cell, start) in cells.operands[n..fixed].iter_mut().zip(starts) {
            cell.start = start.wrapping_add(at * cell.step);
        }
        let whole = len - len % VECTOR;
        let mut done = 0;
        while done < whole {
            let block = self.block.min(whole - done);
            self.run_block(block, cells);
            for cell in &mut cells.operands[..fixed] {
                cell.start = cell.start.wrapping_add(block * cell.step);
            }
            done += block;
        }
        if whole == len {
            return;
        }
        // What is left fills no vector: it is copied to where it does, and the results back from there.
        for k in 0..fixed {
            let end = cells.end(k);
            let cell = &mut cells.operands[k];
            if !cell.is_slice() {
                continue; // one value that stands for all
            }
            if k < n {
                // SAFETY: so many elements of the input are left; an end is one vector.
                unsafe { std::ptr::copy_nonoverlapping(cell.start, end, (len - whole) * cell.step) };
            }
            cell.start = end;
        }
        self.run_block(VECTOR, cells);
        for (k, start) in (n..fixed).zip(starts) {
            let size = cells.operands[k].step;
            let to = start.wrapping_add((at + whole) * size);
            // SAFETY: so many elements of the result are left; an end is one vector.
            unsafe { std::ptr::copy_nonoverlapping(cells.end(k), to, (len - whole) * size) };
        }
    }

    fn run_block(&self, len: usize, cells: &Cells) {
        for instruction in &self.instructions {
            let operands: Operands = instruction.operands.map(|cell| cells.operands[cell]);
            // SAFETY: every cell has `len` elements of the type that the kernel expects there, or one that is repeated; a
            // result begins where an operand of its size does, or is apart from all.
            unsafe { (instruction.kernel)(len, &operands, cells.operands[instruction.out].start.cast_mut()) };
        }
    }
}

/// What the instructions work on, on one thread.
struct Cells {
    /// Operands by their cells.
    operands: SmallVec<[Operand; 24]>,
    /// Where the ends of inputs and results are.
    ends: *mut u8,
}

impl Cells {
    /// Where the end of an input or result is put, one vector.
    fn end(&self, k: usize) -> *mut u8 {
        self.ends.wrapping_add(PAD * k)
    }
}
