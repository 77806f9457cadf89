//! Elementwise operations that are computed together, in one pass over memory.
//!
//! The pass goes block by block: every operation is a call of its kernel on a block, and what passes from one to the next
//! stays in a few blocks that fit the first cache. The kernels are those that compute the operations one by one, so values
//! have the same bits. A unit that has been at work for a while gets loops of its own for what stands side by side in it
//! and is made of plain instructions ([`generate`]): then what passes on stays in registers, with the same bits still.

use smallvec::SmallVec;

use super::loops::{Cell, Instruction, module};
use crate::array::Array;
use crate::blocks::{self, Divide, Elementwise};
use crate::buffer::Buffer;
use crate::error::Result;
use crate::kernels::generate::{self, Generated, Place};
use crate::kernels::map::{Kernel, MAX_WIDTH as VECTOR, Operand, Operands, PAD};
use crate::kernels::reduce::RunFold;
use crate::kernels::split::{self, Shared};
use crate::op::{Arrays, Aval, InParts};
use crate::shape::Shape;

/// Bytes for the blocks of values between operations: half of a first cache, the rest is for operands and results.
const CACHE: usize = 16 << 10;
/// The longest block in elements, a multiple of the longest vector, so that no kernel has a rest.
const BLOCK: usize = 1024;

/// Elements that the operations of a unit compute before loops are generated for it, which takes a host about as long
/// as that took.
const PATIENCE: usize = 1 << 20;

/// The longest block where nothing is between operations. Hosts exchange a function for its optimised code between calls.
const LONG_BLOCK: usize = 1 << 16;

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

/// A call that is ready to be made.
#[derive(Clone, Copy, Debug)]
enum Call {
    /// Of a kernel.
    Kernel { kernel: Kernel, operands: Operands, out: *mut u8 },
    /// Of a loop that was generated, which reads the cells.
    Generated(generate::Loop),
}

/// What is called, one after the other.
#[derive(Debug)]
enum Piece {
    /// The kernel of this instruction.
    Kernel(usize),
    /// A loop that was generated for some.
    Generated(Generated),
}

/// Where a cell stands among the calls: the number of the call, and the operand; one more than those for its result.
type Use = (u32, u8);

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
    inputs: Vec<Aval>,
    outputs: Vec<Output>,
    /// The calls of each thread. Between runs they have the addresses of the last one.
    teams: Vec<Team>,
    /// The uses of each input and result.
    uses: Vec<SmallVec<[Use; 3]>>,
    /// Elements in a block.
    block: usize,
    /// The operations, in order.
    instructions: Vec<Instruction>,
    /// Elements that operations have still to compute until loops are generated; 0 when they have been.
    patience: usize,
    /// What computes them.
    pieces: Vec<Piece>,
    /// What the calls of all threads work in.
    pub scratch: Buffer,
}

/// What one thread works with.
#[derive(Debug)]
struct Team {
    calls: Vec<Call>,
    /// All cells. The inputs and results are as the calls have them.
    cells: Vec<Operand>,
    /// Where the inputs' and the results' ends are, one vector each, for what does not fill a vector, and for scalars.
    ends: *mut u8,
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
        let mut instructions: Vec<Instruction> = Vec::with_capacity(program.len());
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
            let Elementwise { kernel, expression, .. } = *elementwise;
            let expression = expression.filter(|_| aval.dtype.is_float());
            instructions.push(Instruction { kernel, operands, out, expression, dtype: aval.dtype });
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
        let team = |thread: usize| {
            let place = |at: usize| scratch.start().wrapping_add(bytes * thread + at);
            for (k, constant) in constants.iter().enumerate() {
                // SAFETY: a thread's area begins with room for each constant.
                unsafe { Operand::repeated(constant.address(), constant.dtype.size(), place(PAD * k)) };
            }
            // Inputs and results begin at their ends, where scalars stay.
            let sizes = inputs.iter().map(|aval| if aval.shape.size() == 1 { 0 } else { aval.dtype.size() });
            let sizes = sizes.chain(outputs.iter().flatten().map(|output| output.aval.dtype.size()));
            let moved = sizes.enumerate().map(|(k, step)| Operand { start: place(ends + PAD * k), step });
            let known = (0..constants.len()).map(|k| Operand::vector(place(PAD * k)));
            let between = starts.iter().zip(&blocks.sizes).map(|(&at, &size)| Operand::slice(place(at), size));
            let cells: Vec<Operand> = moved.chain([Operand::ZERO]).chain(known).chain(between).collect();
            Team { calls: Vec::new(), cells, ends: place(ends) }
        };
        let teams = (0..split::threads()).map(team).collect();
        let pieces = (0..instructions.len()).map(Piece::Kernel).collect();
        let mut unit = Fused {
            shape,
            inputs: inputs.to_vec(),
            outputs: outputs.into_iter().flatten().collect(),
            teams,
            uses: vec![SmallVec::new(); fixed],
            block,
            instructions,
            patience: PATIENCE,
            pieces,
            scratch,
        };
        unit.arrange();
        Ok(unit)
    }

    /// Makes the calls of all threads ready.
    fn arrange(&mut self) {
        let Fused { instructions, teams, uses, pieces, .. } = self;
        for team in teams {
            let call = |piece: &Piece| match piece {
                &Piece::Kernel(k) => {
                    let Instruction { kernel, operands, out, .. } = instructions[k];
                    let operands = operands.map(|cell| team.cells[cell]);
                    Call::Kernel { kernel, operands, out: team.cells[out].start.cast_mut() }
                }
                Piece::Generated(generated) => Call::Generated(generated.function()),
            };
            team.calls = pieces.iter().map(call).collect();
        }
        uses.iter_mut().for_each(SmallVec::clear);
        for (call, piece) in (0..).zip(pieces.iter()) {
            let &Piece::Kernel(k) = piece else { continue };
            let Instruction { operands, out, .. } = &instructions[k];
            for (place, &cell) in (0..).zip(operands.iter().chain([out])) {
                if let Some(uses) = uses.get_mut(cell) {
                    uses.push((call, place));
                }
            }
        }
    }

    /// Replaces kernels that are called one after the other by loops, where that can be. Threads have tables of functions of
    /// their own, which the host does not add to.
    fn generate(&mut self) {
        let [team] = self.teams.as_slice() else { return };
        let fixed = self.uses.len();
        let place = |cell: Cell| match team.cells[cell] {
            // What a run gives may have any step; a scalar stands at its end.
            _ if cell < fixed && !self.is_scalar(cell) => Place::Given(cell),
            Operand { start, step: 0 } => Place::Vector(start as usize),
            Operand { start, .. } => Place::Block(start as usize),
        };
        let (mut pieces, mut k, mut is_refused) = (Vec::new(), 0, false);
        while k < self.instructions.len() {
            let found = if is_refused { None } else { module(&self.instructions[k..], fixed, place) };
            let (piece, count) = match found.map(|(module, count)| (Generated::new(&module), count)) {
                Some((Some(generated), count)) => (Piece::Generated(generated), count),
                refusal => {
                    is_refused |= refusal.is_some();
                    (Piece::Kernel(k), 1)
                }
            };
            pieces.push(piece);
            k += count;
        }
        self.pieces = pieces;
        self.arrange();
        if let [Piece::Generated(_)] = self.pieces[..] {
            self.block = LONG_BLOCK;
        }
    }

    /// The results for these inputs. Those whose buffers nobody else has may be overwritten. Errors: `memory`.
    pub fn run(&mut self, x: &[Array]) -> Result<SmallVec<[Array; 1]>> {
        self.run_ranges(x, &mut blocks::by_threads)
    }

    /// The results for a value that is computed from the first `count` of these inputs, and for the others: the unit is the epilogue.
    /// Errors: `memory`, those of the operation.
    pub fn run_as_epilogue(&mut self, compute: InParts, x: &mut Arrays, count: usize) -> Result<SmallVec<[Array; 1]>> {
        let Aval { shape, dtype } = self.inputs[0];
        let read: Arrays = x.drain(..count).collect();
        x.insert(0, Array::new(shape, dtype)?);
        let (x, mut computed) = (&x[..], Ok(()));
        let results = self.run_ranges(x, &mut |_, run| computed = compute(&read, &x[0], run))?;
        computed.map(|()| results)
    }

    /// The results for these inputs, computed in the ranges that `divide` calls for.
    fn run_ranges(&mut self, x: &[Array], divide: &mut Divide<'_>) -> Result<SmallVec<[Array; 1]>> {
        assert!(split::threads() <= self.teams.len(), "a plan is for the threads that there were when it was made");
        if self.patience > 0 {
            let elements = self.shape.size().max(VECTOR).saturating_mul(self.instructions.len());
            self.patience = self.patience.saturating_sub(elements);
            if self.patience == 0 {
                self.generate();
            }
        }
        let mut results: SmallVec<[Array; 1]> = SmallVec::new();
        for output in &self.outputs {
            let over = output.over.filter(|&i| blocks::reusable(&x[i], output.aval));
            results.push(match over {
                Some(i) => x[i].clone(),
                None => Array::new(output.aval.shape, output.aval.dtype)?,
            });
        }
        // Scalars stand for all elements; the others are walked over.
        let mut walked: SmallVec<[Array; 4]> = SmallVec::new();
        for (k, a) in x.iter().enumerate() {
            if a.size() != 1 {
                walked.push(a.clone());
                continue;
            }
            for team in &self.teams {
                // SAFETY: an end is one vector.
                unsafe { Operand::repeated(a.address(), a.dtype.size(), team.end(k)) };
            }
        }
        let size = results.iter().map(|y| y.dtype.size()).max().unwrap_or(1);
        let teams = self.teams.as_mut_ptr();
        // SAFETY: each thread has calls and a scratch area of its own, and writes its own elements of the results; where they are in the
        // place of what is just computed in parts, those that it has computed.
        let shared = unsafe { Shared::new((&*self, teams, results.as_slice())) };
        let pass = |len: usize, given: &Operands, at: usize, thread: usize| {
            let (unit, teams, results) = shared.get();
            // SAFETY: `thread` is below the number of threads, for each of which there is a team.
            unit.pass(len, given, results, at, unsafe { &mut *teams.add(thread) });
        };
        blocks::ranges(self.shape, size, &walked, &pass, divide);
        Ok(results)
    }

    /// Computes `len` elements of the results from position `at` on.
    #[inline]
    fn pass(&self, len: usize, given: &Operands, results: &[Array], at: usize, team: &mut Team) {
        let n = self.inputs.len();
        for (k, operand) in (0..n).filter(|&k| !self.is_scalar(k)).zip(given) {
            self.put(team, k, *operand);
        }
        for (k, y) in (n..).zip(results) {
            let size = y.dtype.size();
            self.put(team, k, Operand::slice(y.address().wrapping_add(at * size), size));
        }
        let whole = len - len % VECTOR;
        let mut done = 0;
        while done < whole {
            let block = self.block.min(whole - done);
            team.run(block);
            done += block;
            if done < len {
                for k in 0..self.uses.len() {
                    let cell = team.cells[k];
                    self.put(team, k, cell.from(block));
                }
            }
        }
        if whole == len {
            return;
        }
        // What is left fills no vector: it is copied to where it does, and the results back from there.
        for k in 0..self.uses.len() {
            let (cell, end) = (team.cells[k], team.end(k));
            if !cell.is_slice() {
                continue; // one value that stands for all
            }
            if k < n {
                // SAFETY: so many elements of the input are left; an end is one vector.
                unsafe { std::ptr::copy_nonoverlapping(cell.start, end, (len - whole) * cell.step) };
            }
            self.put(team, k, Operand { start: end, ..cell });
        }
        team.run(VECTOR);
        for (k, y) in (n..).zip(results) {
            let size = y.dtype.size();
            let to = y.address().wrapping_add((at + whole) * size);
            // SAFETY: so many elements of the result are left; an end is one vector.
            unsafe { std::ptr::copy_nonoverlapping(team.end(k), to, (len - whole) * size) };
        }
    }

    /// Whether a cell is an input with one value, which stands for all elements.
    #[inline]
    fn is_scalar(&self, cell: Cell) -> bool {
        self.inputs.get(cell).is_some_and(|input| input.shape.size() == 1)
    }

    /// Puts an input or a result where the calls find it.
    #[inline]
    fn put(&self, team: &mut Team, k: Cell, operand: Operand) {
        team.cells[k] = operand;
        for &(call, place) in &self.uses[k] {
            let Call::Kernel { operands, out, .. } = &mut team.calls[call as usize] else { continue };
            match operands.get_mut(usize::from(place)) {
                Some(slot) => *slot = operand,
                None => *out = operand.start.cast_mut(),
            }
        }
    }
}

impl Team {
    /// Where the end of an input or result is put, one vector.
    #[inline]
    fn end(&self, k: usize) -> *mut u8 {
        self.ends.wrapping_add(PAD * k)
    }

    fn run(&self, len: usize) {
        for call in &self.calls {
            // SAFETY: every operand has `len` elements of the type that the kernel expects there, or one that is repeated; a
            // result begins where an operand of its size does, or is apart from all. Addresses that stand in a generated
            // loop are of the scratch area, which stays where it is as long as the unit lives.
            unsafe {
                match call {
                    Call::Kernel { kernel, operands, out } => kernel(len, operands, *out),
                    Call::Generated(function) => function(len, self.cells.as_ptr()),
                }
            }
        }
    }
}
