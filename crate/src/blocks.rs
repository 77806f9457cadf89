//! Feeds kernels: turns layouts that are walked together into operands that are slices or repeated values.
//!
//! An operand whose neighbours are apart is copied in short blocks that stay in cache, so no kernel knows strides.

use std::mem::MaybeUninit;
use std::ops::Range;

use smallvec::SmallVec;

use crate::array::Array;
use crate::buffer::ALIGN;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::generate::Expression;
use crate::kernels::map::{FILLS, Fill, Kernel, MAX_OPERANDS, Operand, Operands};
use crate::kernels::split::{self, ELEMENTS, Shared, split};
use crate::layout::Layout;
use crate::op::Aval;
use crate::shape::Shape;
use crate::walk::Walk;

/// Elements in a block.
const BLOCK: usize = 512;
/// Runs of at most this many elements are copied together into blocks.
const SHORT: usize = 64;

/// An array for the result of an elementwise operation: the buffer of an input that nobody else has, when it has the
/// right size and order, else a new one.
pub fn result(x: &[Array], shape: Shape, dtype: DType) -> Result<Array> {
    match x.iter().find(|a| reusable(a, Aval::new(shape, dtype))) {
        Some(a) => Ok(a.view(Layout::contiguous(shape))),
        None => Array::new(shape, dtype),
    }
}

/// Whether an elementwise result may be written over an array.
#[inline]
pub fn reusable(a: &Array, out: Aval) -> bool {
    // Most arrays are somebody else's too, which is the quickest to see.
    a.owns_all() && a.dtype == out.dtype && a.shape() == out.shape && a.is_contiguous()
}

/// How an operation that works on each element by itself is computed.
#[derive(Clone, Copy, Debug)]
pub struct Elementwise {
    /// The loop over a run.
    pub kernel: Kernel,
    /// For each place of the kernel the input that goes there, [`NOTHING`] for a zero. None: input after input.
    pub places: Option<[u8; MAX_OPERANDS]>,
    /// What it computes, where it is of the table.
    pub expression: Option<Expression>,
}

/// The place of a kernel that no input goes to.
pub const NOTHING: u8 = u8::MAX;

impl Elementwise {
    /// A kernel that expects input after input.
    pub fn new(kernel: Kernel) -> Elementwise {
        Elementwise { kernel, places: None, expression: None }
    }

    /// For each place of the kernel, up to the last that is used, the input that goes there.
    pub fn arranged<C: Copy>(&self, inputs: &[C]) -> SmallVec<[Option<C>; 4]> {
        let Some(places) = self.places else { return inputs.iter().copied().map(Some).collect() };
        let used = places.iter().rposition(|&place| place != NOTHING).map_or(0, |last| last + 1);
        places[..used].iter().map(|&place| inputs.get(usize::from(place)).copied()).collect()
    }

    /// Calls the kernel for `len` elements of these inputs.
    ///
    /// # Safety
    /// That of [`Kernel`].
    #[inline]
    unsafe fn call(&self, len: usize, given: &Operands, out: *mut u8) {
        let Some(places) = &self.places else {
            // SAFETY: the caller's promise.
            return unsafe { (self.kernel)(len, given, out) };
        };
        let operands = places.map(|i| *given.get(usize::from(i)).unwrap_or(&Operand::ZERO));
        // SAFETY: the caller's promise.
        unsafe { (self.kernel)(len, &operands, out) }
    }
}

/// The value of an elementwise operation, whose kernel fits these operands and the result. Errors: `memory`.
pub fn map(operation: &Elementwise, x: &[Array], out: Aval) -> Result<Array> {
    let y = result(x, out.shape, out.dtype)?;
    let size = out.dtype.size();
    // SAFETY: the address of the result, where each thread writes its own elements.
    let to = unsafe { Shared::new(y.address()) };
    each(out.shape, size, x, &|len, given, at, _| {
        // SAFETY: `each` gives operands of `len` elements, and has as many places from `at` on in a result of this shape,
        // whose buffer is its own.
        unsafe { operation.call(len, given, to.get().wrapping_add(at * size)) }
    });
    Ok(y)
}

/// What [`each`] calls: `run(len, operands, at, thread)` for `len` elements of the result from position `at` on.
type Run<'a> = dyn Fn(usize, &Operands, usize, usize) + Sync + 'a;

/// No operands yet. Written one by one: a constant of this size is copied by a call.
#[inline(always)]
fn no_operands() -> Operands {
    std::array::from_fn(|_| Operand::ZERO)
}

/// Calls `run(len, operands, at, thread)` over runs that together make up the row-major elements of a shape, with the inputs
/// (at most [`MAX_OPERANDS`]) broadcast to it. What is written from `at` on may be one of the inputs. Results fill buffers
/// of their own, with elements of at most `size` bytes: where the inputs lie like them, the last run goes on to the end of
/// a kernel's vector, so that there is no rest. Threads divide the elements.
///
/// One function for all kernels: they are passed by reference, so that no operation brings a copy of this loop.
pub fn each(shape: Shape, size: usize, x: &[Array], run: &Run<'_>) {
    ranges(shape, size, x, run, &mut by_threads);
}

/// What chooses ranges of so many elements, and the threads, to call a function for.
pub type Divide<'a> = dyn FnMut(usize, &split::Run<'_>) + 'a;

/// The [`Divide`] of elements that are there: among the threads.
pub fn by_threads(elements: usize, run: &split::Run<'_>) {
    split(elements, ELEMENTS, run);
}

/// [`each`] in the ranges that `divide` chooses.
pub fn ranges(shape: Shape, size: usize, x: &[Array], run: &Run<'_>, divide: &mut Divide<'_>) {
    debug_assert!(x.len() <= MAX_OPERANDS);
    let n = shape.size();
    if n == 0 {
        return;
    }
    let (mut open_ended, mut widest) = (true, size);
    let mut all_plain = true;
    for a in x {
        all_plain = all_plain && plain(a, shape);
        if a.size() == n {
            open_ended = open_ended && (a.address() as usize).is_multiple_of(ALIGN);
            widest = widest.max(a.dtype.size());
        }
    }
    if all_plain {
        let (mut operands, mut fills) = (no_operands(), FILLS);
        for ((operand, fill), a) in operands.iter_mut().zip(&mut fills).zip(x) {
            let slice = a.size() == n && (n > 1 || open_ended);
            *operand = operand_of(a.address(), a.dtype.size(), slice, fill);
        }
        let all = if open_ended { n.next_multiple_of(ALIGN / widest) } else { n };
        // SAFETY: the threads read what the operands point to.
        let operands = unsafe { Shared::new(&operands) };
        return divide(all, &|range, thread| match range.start {
            0 => run(range.len(), operands.get(), 0, thread),
            at => run(range.len(), &operands.get().map(|operand| operand.from(at)), at, thread),
        });
    }
    // SAFETY: the threads read layouts and addresses, and copy elements to blocks of their own.
    let x = unsafe { Shared::new(x) };
    let out = Layout::contiguous(shape);
    let expanded: SmallVec<[Layout; 4]> = x.get().iter().map(|a| a.layout().expand(shape)).collect();
    let layouts: SmallVec<[&Layout; 5]> = std::iter::once(&out).chain(&expanded).collect();
    let walk = Walk::new(&layouts);
    divide(n, &|range, thread| {
        let run = &|len: usize, operands: &Operands, at: usize| run(len, operands, at, thread);
        if walk.len <= SHORT {
            short_runs(shape, x.get(), &walk, range, run)
        } else {
            long_runs(x.get(), &walk, range, run)
        }
    });
}

/// The values of `size` bytes that begin at `start`, or the first for all elements, which then is in `fill`.
#[inline]
fn operand_of(start: *const u8, size: usize, slice: bool, fill: &mut Fill) -> Operand {
    if slice {
        return Operand::slice(start, size);
    }
    // SAFETY: an operand has a first value; a fill has this room.
    unsafe { Operand::repeated(start, size, fill.as_mut_ptr().cast()) }
}

/// Whether an operand needs no walk: all its elements lie as those of the result, or it is one value.
#[inline]
fn plain(a: &Array, out: Shape) -> bool {
    a.size() == 1 || (a.is_contiguous() && a.shape() == out)
}

/// Room for a block of every operand.
type Scratch = [MaybeUninit<[u64; BLOCK]>; MAX_OPERANDS];

/// What is called for the elements of one thread: `run(len, operands, at)`.
type OwnRun<'a> = dyn Fn(usize, &Operands, usize) + 'a;

/// A range of the elements in many short runs: as many as a block holds are copied together, and `run` is called for the
/// block.
fn short_runs(out: Shape, x: &[Array], walk: &Walk, range: Range<usize>, run: &OwnRun<'_>) {
    let mut scratch: Scratch = [const { MaybeUninit::uninit() }; MAX_OPERANDS];
    let (mut operands, mut fills) = (no_operands(), FILLS);
    for first in range.clone().step_by(BLOCK) {
        let n = BLOCK.min(range.end - first);
        let mut filled = 0;
        walk.each_rows(first..first + n, &mut |at, rows, len| {
            for (k, a) in x.iter().enumerate().filter(|(_, a)| !plain(a, out)) {
                let (size, steps) = (a.dtype.size(), [walk.row_step(k + 1), walk.steps[k + 1]]);
                let block = scratch[k].as_mut_ptr().cast::<u8>().wrapping_add(filled * size);
                // SAFETY: the walk stays inside the layouts, which stay inside their buffers; a block has room for BLOCK
                // elements of the widest type.
                unsafe { gather(a.base(), at[k + 1], steps, size, [rows, len], block) };
            }
            filled += rows * len;
        });
        for (k, a) in x.iter().enumerate() {
            let size = a.dtype.size();
            operands[k] = if !plain(a, out) {
                Operand::slice(scratch[k].as_ptr().cast(), size)
            } else {
                operand_of(a.address(), size, a.size() > 1, &mut fills[k]).from(first)
            };
        }
        run(n, &operands, first);
    }
}

/// A range of the elements in long runs: `run` is called for each; where neighbours are apart, for one block of copies
/// after the other.
fn long_runs(x: &[Array], walk: &Walk, range: Range<usize>, run: &OwnRun<'_>) {
    let mut scratch: Scratch = [const { MaybeUninit::uninit() }; MAX_OPERANDS];
    let (mut operands, mut fills) = (no_operands(), FILLS);
    let strided = walk.steps[1..=x.len()].iter().any(|&step| step != 0 && step != 1);
    walk.each_in(range, |at, all| {
        let mut done = 0;
        while done < all {
            let len = if strided { BLOCK.min(all - done) } else { all };
            for (k, a) in x.iter().enumerate() {
                let (size, step) = (a.dtype.size(), walk.steps[k + 1]);
                let first = at[k + 1].wrapping_add_signed(step * done as isize);
                operands[k] = match step {
                    0 | 1 => operand_of(a.base().wrapping_add(first * size), size, step == 1, &mut fills[k]),
                    _ => {
                        let block = scratch[k].as_mut_ptr().cast::<u8>();
                        // SAFETY: as for short runs.
                        unsafe { gather(a.base(), first, [0, step], size, [1, len], block) };
                        Operand::slice(block, size)
                    }
                };
            }
            run(len, &operands, at[0] + done);
            done += len;
        }
    });
}

/// Copies `rows` times `len` elements of `size` bytes to `to`, one after the other: from position `first` on, with the first of
/// `steps` from row to row and the second inside of one.
///
/// # Safety
/// These positions lie in the buffer that begins at `base`, aligned for the element; `to` has room.
pub(crate) unsafe fn gather(
    base: *const u8,
    first: usize,
    steps: [isize; 2],
    size: usize,
    [rows, len]: [usize; 2],
    to: *mut u8,
) {
    /// # Safety
    /// As for the outer function.
    unsafe fn typed<E: Copy>(from: *const E, [row_step, step]: [isize; 2], [rows, len]: [usize; 2], to: *mut E) {
        let (mut from, mut to) = (from, to);
        for _ in 0..rows {
            match step {
                // SAFETY: the caller's promise.
                0 => unsafe {
                    let value = *from;
                    (0..len).for_each(|k| *to.add(k) = value);
                },
                // SAFETY: as above.
                1 => unsafe { (0..len).for_each(|k| *to.add(k) = *from.add(k)) },
                // SAFETY: as above.
                _ => unsafe { (0..len).for_each(|k| *to.add(k) = *from.wrapping_offset(step * k as isize)) },
            }
            (from, to) = (from.wrapping_offset(row_step), to.wrapping_add(len));
        }
    }
    let (from, shape) = (base.wrapping_add(first.wrapping_mul(size)), [rows, len]);
    // SAFETY: the caller's promise.
    unsafe {
        match size {
            1 => typed::<u8>(from, steps, shape, to),
            4 => typed::<u32>(from.cast(), steps, shape, to.cast()),
            _ => typed::<u64>(from.cast(), steps, shape, to.cast()),
        }
    }
}
