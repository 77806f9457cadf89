//! Operations along the last axis that are computed together, a few rows after the other: reductions, what is elementwise
//! before and after them, and what is done with the one value of a row.
//!
//! A softmax reads each row once from memory and writes it once; what is between stays in the caches. The kernels are those
//! that compute the operations one by one, on the same runs, so values have the same bits.

use smallvec::SmallVec;

use super::fused::{Loop, Operation, Source};
use crate::array::Array;
use crate::buffer::Buffer;
use crate::error::Result;
use crate::kernels::map::{FILLS, Fill, MAX_OPERANDS, MAX_WIDTH, Operand, Operands, PAD};
use crate::kernels::split::{self, ELEMENTS, Shared, split};
use crate::layout::Layout;
use crate::op::Aval;
use crate::shape::Shape;
use crate::walk::Walk;

/// Rows shorter than this are better computed operation by operation: a call of a kernel costs what so many elements do.
pub(super) const SHORTEST: usize = 256;
/// Rows longer than this are too long for what is between operations to stay in the second cache.
pub(super) const LONGEST: usize = 1 << 14;
/// Most rows that are computed together: values of rows fill a vector.
const ROWS: usize = MAX_WIDTH;
/// Bytes of those rows in one value: a quarter of a first cache, for operations read one or two values and write one.
const CACHE: usize = 16 << 10;

/// Where a value is while some rows are computed.
#[derive(Clone, Copy, Debug)]
enum Cell {
    /// In an input.
    Input(usize),
    /// A constant, a filled vector in the scratch area.
    Constant(usize),
    /// The rows or the values of rows that an operation has made, in the scratch area.
    Made(usize),
}

/// How much a value has for each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// The elements of the row.
    Row,
    /// One value.
    One,
}

#[derive(Debug)]
struct Instruction {
    run: Loop,
    operands: SmallVec<[Option<Cell>; 4]>,
    /// Bytes from the start of the scratch area; rows that are made in a result are not there.
    out: usize,
    /// The result in whose rows its rows are made: those that it is, or that an elementwise operation makes of them.
    within: Option<usize>,
    size: usize,
    extent: Extent,
    /// The result of the step that this is.
    output: Option<usize>,
}

/// A unit of operations on the rows of one shape.
#[derive(Debug)]
pub(super) struct Rows {
    shape: Shape,
    /// Rows that are computed together.
    rows: usize,
    instructions: Vec<Instruction>,
    inputs: Vec<(Aval, Extent)>,
    outputs: Vec<Aval>,
    /// The places of constants in the scratch area, and of one vector for each input that has one value for each row.
    constants: Vec<usize>,
    ones: Vec<usize>,
    /// Bytes of the scratch area of one thread; all threads have one.
    area: usize,
    pub scratch: Buffer,
}

/// An input as it is read: the layout of the rows' starts, and whether rows follow each other without gaps.
struct Reader {
    start: *const u8,
    size: usize,
    /// Position of each row in elements; empty where row `r` begins at `r` times the length of a row.
    places: Vec<usize>,
}

/// What the instructions work on: some rows of the inputs and results.
struct Pass<'a> {
    readers: &'a [Reader],
    results: &'a [Array],
    first: usize,
    rows: usize,
    /// The thread's scratch area.
    area: *mut u8,
}

impl Pass<'_> {
    fn at(&self, place: usize) -> *mut u8 {
        self.area.wrapping_add(place)
    }
}

impl Rows {
    /// Lays out a unit for rows of `shape`. Errors: `memory`.
    pub fn new(shape: Shape, inputs: &[Aval], program: &[Operation]) -> Result<Rows> {
        let length = shape.last().copied().unwrap_or(1);
        let widest = program.iter().map(|operation| operation.aval.dtype.size()).max().unwrap_or(1);
        let rows = (CACHE / (length * widest).max(1)).clamp(1, ROWS);
        let extent = |aval: &Aval| if aval.shape.last().is_none_or(|&d| d == 1) { Extent::One } else { Extent::Row };
        let mut bytes = 0;
        let mut room = |size: usize| {
            let at = bytes;
            bytes += size.next_multiple_of(PAD);
            at
        };
        let ones = inputs.iter().map(|_| room(PAD)).collect();
        let (mut constants, mut known): (Vec<usize>, Vec<&Array>) = (Vec::new(), Vec::new());
        let mut instructions = Vec::with_capacity(program.len());
        let within = within(program, |aval| extent(aval) == Extent::Row);
        for (Operation { run, sources, aval, output, .. }, within) in program.iter().zip(within) {
            let cells: SmallVec<[Cell; 4]> = sources
                .iter()
                .map(|source| match source {
                    Source::Input(k) => Cell::Input(*k),
                    Source::Value(k) => Cell::Made(*k),
                    Source::Constant(value) => {
                        constants.push(room(PAD));
                        known.push(value);
                        Cell::Constant(constants.len() - 1)
                    }
                })
                .collect();
            let operands = match run {
                Loop::Map(map) => map.arranged(&cells),
                Loop::Fold(_) => cells.iter().copied().map(Some).collect(),
            };
            let (size, extent) = (aval.dtype.size(), extent(aval));
            let out = room(match (extent, within) {
                (Extent::One, _) => PAD,
                (Extent::Row, Some(_)) => 0,
                (Extent::Row, None) => rows.min(rows_in(shape)) * length * size,
            });
            instructions.push(Instruction { run: *run, operands, out, within, size, extent, output: *output });
        }
        let scratch = Buffer::new(bytes * split::threads())?;
        for area in (0..scratch.bytes()).step_by(bytes.max(1)) {
            for (&at, constant) in constants.iter().zip(&known) {
                // SAFETY: one vector of room at `at`; a constant has one value.
                unsafe {
                    Operand::repeated(
                        constant.address(),
                        constant.dtype.size(),
                        scratch.start().wrapping_add(area + at),
                    )
                };
            }
        }
        let mut outputs: Vec<(usize, Aval)> = program.iter().filter_map(|o| o.output.map(|y| (y, o.aval))).collect();
        outputs.sort_unstable_by_key(|&(y, _)| y);
        Ok(Rows {
            shape,
            rows,
            instructions,
            inputs: inputs.iter().map(|aval| (*aval, extent(aval))).collect(),
            outputs: outputs.into_iter().map(|(_, aval)| aval).collect(),
            constants,
            ones,
            area: bytes,
            scratch,
        })
    }

    /// The results for these inputs. Errors: `memory`.
    pub fn run(&self, x: &[Array]) -> Result<SmallVec<[Array; 1]>> {
        let results = self.outputs.iter().map(|aval| Array::new(aval.shape, aval.dtype));
        let results: SmallVec<[Array; 1]> = results.collect::<Result<_>>()?;
        let mut dense: SmallVec<[Array; 4]> = SmallVec::new();
        for (a, (_, extent)) in x.iter().zip(&self.inputs) {
            // Elements of a row must be neighbours.
            let apart = *extent == Extent::Row && a.layout().strides().last().is_some_and(|&step| step != 1);
            dense.push(if apart { a.contiguous()? } else { a.clone() });
        }
        let areas = self.scratch.bytes() / self.area.max(1);
        assert!(
            self.area == 0 || split::threads() <= areas,
            "a plan is for the threads that there were when it was made"
        );
        let readers: SmallVec<[Reader; 4]> = dense.iter().map(|a| self.reader(a)).collect();
        let count = rows_in(self.shape);
        // SAFETY: each thread has a scratch area of its own, and writes its own rows of the results.
        let shared = unsafe { Shared::new((self, readers.as_slice(), results.as_slice())) };
        split(count, ELEMENTS.div_ceil(self.length().max(1)).next_multiple_of(ROWS), &|range, thread| {
            let (unit, readers, results) = shared.get();
            let area = unit.scratch.start().wrapping_add(thread * unit.area);
            for first in range.clone().step_by(unit.rows) {
                unit.pass(&Pass { readers, results, first, rows: unit.rows.min(range.end - first), area });
            }
        });
        Ok(results)
    }

    /// Computes some rows of the results.
    fn pass(&self, pass: &Pass<'_>) {
        self.gather_ones(pass);
        for instruction in &self.instructions {
            self.run_instruction(instruction, pass);
            // Values of rows are made as a whole vector, which a result may have no room for.
            if let (Some(y), Extent::One) = (instruction.output, instruction.extent) {
                let to = pass.results[y].address().wrapping_add(pass.first * instruction.size);
                // SAFETY: the result has these rows at this place; the instruction has made as many.
                unsafe { pass.at(instruction.out).copy_to_nonoverlapping(to, pass.rows * instruction.size) };
            }
        }
    }

    /// Elements in a row.
    fn length(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    fn reader(&self, a: &Array) -> Reader {
        let size = a.dtype.size();
        let start = a.address().cast_const().wrapping_sub(a.offset() * size);
        let ndim = self.shape.ndim();
        let broadcast = a.layout().expand(self.shape);
        // The first element of each row.
        let firsts = broadcast.slice(ndim - 1, 0, 1, 1);
        let mut places = Vec::new();
        let whole = a.shape() == self.shape && a.is_contiguous();
        if !whole {
            let walk = Walk::new(&[&Layout::contiguous(firsts.shape), &firsts]);
            walk.each(|at| places.extend((0..walk.len).map(|k| at[1].wrapping_add_signed(walk.steps[1] * k as isize))));
        }
        Reader { start: if whole { a.address() } else { start }, size, places }
    }

    /// Copies what inputs have for each of these rows, one value, to where kernels read it as a vector.
    fn gather_ones(&self, pass: &Pass<'_>) {
        for (k, reader) in pass.readers.iter().enumerate().filter(|(k, _)| self.inputs[*k].1 == Extent::One) {
            for row in 0..pass.rows {
                let to = pass.at(self.ones[k] + row * reader.size);
                // SAFETY: a row's place lies in the input; at most a vector's lanes are written.
                unsafe { to.copy_from_nonoverlapping(reader.row(pass.first + row, self.length()), reader.size) };
            }
        }
    }

    /// Where an instruction writes: rows of a result go to their place at once.
    fn made(&self, instruction: &Instruction, pass: &Pass<'_>) -> *mut u8 {
        match instruction.within {
            Some(y) => pass.results[y].address().wrapping_add(pass.first * self.length() * instruction.size),
            None => pass.at(instruction.out),
        }
    }

    fn run_instruction(&self, instruction: &Instruction, pass: &Pass<'_>) {
        let length = self.length();
        let out = self.made(instruction, pass);
        match instruction.run {
            Loop::Fold(fold) => {
                let zero = Feed { first: Operand::ZERO, next: Next::Same };
                let feed = instruction.operands[0].map_or(zero, |cell| self.feed(cell, pass, Extent::Row));
                for row in 0..pass.rows {
                    let from = feed.of(row, &mut Fill::uninit()).start;
                    // SAFETY: the operand has the elements of the row, the place of the result one element.
                    unsafe { fold(from, length, out.wrapping_add(row * instruction.size)) };
                }
            }
            Loop::Map(map) => {
                let extent = instruction.extent;
                // Values of rows are one vector, whatever the number of rows.
                let (calls, len) = if extent == Extent::One { (1, MAX_WIDTH) } else { (pass.rows, length) };
                let feeds: SmallVec<[(usize, Feed<'_>); 4]> = (0..)
                    .zip(&instruction.operands)
                    .filter_map(|(k, cell)| cell.map(|cell| (k, self.feed(cell, pass, extent))))
                    .collect();
                let (mut operands, mut fills): (Operands, _) = ([Operand::ZERO; MAX_OPERANDS], FILLS);
                for row in 0..calls {
                    for (k, feed) in &feeds {
                        operands[*k] = feed.of(row, &mut fills[*k]);
                    }
                    let to = out.wrapping_add(row * len * instruction.size);
                    // SAFETY: every operand has `len` elements or stands for all, and the result has room for them.
                    unsafe { (map.kernel)(len, &operands, to) };
                }
            }
        }
    }

    /// A value as a kernel reads it that makes rows, or the values of all rows.
    fn feed<'a>(&self, cell: Cell, pass: &'a Pass<'_>, made: Extent) -> Feed<'a> {
        let (start, size, extent) = match cell {
            Cell::Constant(k) => return Feed { first: Operand::vector(pass.at(self.constants[k])), next: Next::Same },
            Cell::Made(k) => {
                let instruction = &self.instructions[k];
                (self.made(instruction, pass).cast_const(), instruction.size, instruction.extent)
            }
            Cell::Input(k) if self.inputs[k].1 == Extent::One => {
                (pass.at(self.ones[k]).cast_const(), pass.readers[k].size, Extent::One)
            }
            Cell::Input(k) => {
                let reader = &pass.readers[k];
                let first = Operand::slice(reader.row(pass.first, self.length()), reader.size);
                let places = reader.places.get(pass.first..).filter(|places| !places.is_empty());
                return Feed { first, next: places.map_or(Next::Apart(self.length() * reader.size), Next::At) };
            }
        };
        let next = match (extent, made) {
            (Extent::Row, _) => Next::Apart(self.length() * size),
            (Extent::One, Extent::One) => Next::Same,
            (Extent::One, Extent::Row) => Next::Value,
        };
        Feed { first: Operand::slice(start, size), next }
    }
}

/// An operand of the rows of a pass.
struct Feed<'a> {
    /// That of the first row; where a value stands for a row, the values of all.
    first: Operand,
    next: Next<'a>,
}

/// Where the operand of another row is.
enum Next<'a> {
    /// There is one for all.
    Same,
    /// So many bytes further for each row.
    Apart(usize),
    /// At these positions in elements.
    At(&'a [usize]),
    /// It is a value for the row.
    Value,
}

impl Feed<'_> {
    /// The operand of a row; one that stands for the row is in `fill`.
    #[inline]
    fn of(&self, row: usize, fill: &mut Fill) -> Operand {
        let Operand { start, step } = self.first;
        match self.next {
            Next::Same => self.first,
            Next::Apart(bytes) => Operand::slice(start.wrapping_add(row * bytes), step),
            Next::At(places) => {
                Operand::slice(start.wrapping_add(places[row].wrapping_sub(places[0]).wrapping_mul(step)), step)
            }
            // SAFETY: the value of a row was gathered or made before; a fill has room.
            Next::Value => unsafe { Operand::repeated(start.wrapping_add(row * step), step, fill.as_mut_ptr().cast()) },
        }
    }
}

impl Reader {
    fn row(&self, row: usize, length: usize) -> *const u8 {
        let place = self.places.get(row).copied().unwrap_or(row * length);
        self.start.wrapping_add(place * self.size)
    }
}

/// For each operation the result whose rows hold what it makes of a row, if it `is_row`: its own, or that of the elementwise
/// operation which is the last to read it and may write over it. So results are in the cache when their last operation writes
/// them.
fn within(program: &[Operation], is_row: impl Fn(&Aval) -> bool) -> Vec<Option<usize>> {
    let mut within: Vec<Option<usize>> = program.iter().map(|o| o.output.filter(|_| is_row(&o.aval))).collect();
    let mut is_read = vec![false; program.len()];
    for (k, operation) in program.iter().enumerate().rev() {
        let mut place = within[k];
        for source in &operation.sources {
            let &Source::Value(v) = source else { continue };
            if !std::mem::replace(&mut is_read[v], true) && within[v].is_none() && program[v].aval == operation.aval {
                within[v] = place.take();
            }
        }
    }
    within
}

/// Number of rows of a shape.
fn rows_in(shape: Shape) -> usize {
    shape.size() / shape.last().copied().unwrap_or(1).max(1)
}
