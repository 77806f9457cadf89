//! Bytes for tensors: aligned blocks from a pool of size classes, with an account of what is live.
//!
//! Every allocation of tensor memory goes through [`Buffer::new`] and can fail. Blocks that are given back wait in the
//! pool for the next tensor of their class, so a loop that repeats itself asks the system for nothing.
//!
//! A block begins with a header of one cache line, which counts its owners: so a tensor is one allocation.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

use crate::error::{Code, Error, Result};
use crate::reserve;

/// Every block starts at a multiple of this many bytes, a cache line, and goes on to one: kernels may read and write whole
/// vectors at its end.
pub const ALIGN: usize = 64;
/// Blocks are `2^k`, `1.25 2^k`, `1.5 2^k` or `1.75 2^k` times [`ALIGN`], so at most a fifth of a block is unused.
const CLASSES: usize = 4 * (usize::BITS as usize);
/// The pool keeps at least this much before it gives blocks back to the system.
const POOL_FLOOR: usize = 64 << 20;

/// Bytes of tensors in this engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes that tensors own now.
    pub live: usize,
    /// The most that `live` has been since [`reset_peak`].
    pub peak: usize,
    /// Bytes that wait in the pool for their next owner.
    pub pooled: usize,
    /// Bytes that the engine keeps for itself, see [`Buffer::set_aside`].
    pub aside: usize,
}

struct Pool {
    memory: Memory,
    free: Vec<Vec<NonNull<Header>>>,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { memory: Memory { live: 0, peak: 0, pooled: 0, aside: 0 }, free: Vec::new() }) };
}

/// The account of this thread's tensors.
pub fn memory() -> Memory {
    POOL.with_borrow(|pool| pool.memory)
}

/// Starts the measurement of the peak again from what is live now.
pub fn reset_peak() {
    POOL.with_borrow_mut(|pool| pool.memory.peak = pool.memory.live);
}

/// A measurement of the peak that leaves the account as it would be without.
pub struct PeakWatch {
    live: usize,
    peak: usize,
}

/// Begins to measure how many bytes come to be live at once on top of those that are.
pub fn watch_peak() -> PeakWatch {
    let Memory { live, peak, .. } = memory();
    reset_peak();
    PeakWatch { live, peak }
}

impl PeakWatch {
    /// The bytes.
    pub fn peak(&self) -> usize {
        memory().peak.saturating_sub(self.live)
    }
}

impl Drop for PeakWatch {
    fn drop(&mut self) {
        POOL.with_borrow_mut(|pool| pool.memory.peak = pool.memory.peak.max(self.peak));
    }
}

/// What stands before the bytes of a block, in [`ALIGN`] bytes of its own.
#[derive(Debug)]
struct Header {
    owners: Cell<usize>,
    /// Bytes that were asked for.
    bytes: usize,
    /// The class of the block.
    class: usize,
    /// Whether the bytes are counted as the engine's own.
    aside: Cell<bool>,
}

/// A block of initialised bytes, aligned to 64, owned by one or more arrays of this thread: a clone is one more owner.
#[derive(Debug)]
pub struct Buffer(NonNull<Header>);

impl Buffer {
    /// A block of `bytes` bytes. Their contents are unspecified, but always initialised.
    ///
    /// Errors: `memory`, when neither the pool nor the system has such a block; nothing else is disturbed.
    #[inline]
    pub fn new(bytes: usize) -> Result<Buffer> {
        let (class, size) = class_of(bytes);
        POOL.with_borrow_mut(|pool| {
            let block = match pool.free.get_mut(class).and_then(Vec::pop) {
                Some(block) => {
                    pool.memory.pooled -= size;
                    block
                }
                None => pool.allocate(bytes, size)?,
            };
            pool.memory.live += bytes;
            pool.memory.peak = pool.memory.peak.max(pool.memory.live);
            // SAFETY: the block is nobody's and begins with room for a header.
            unsafe { block.write(Header { owners: Cell::new(1), bytes, class, aside: Cell::new(false) }) };
            Ok(Buffer(block))
        })
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: the block lives as long as it has an owner.
        unsafe { self.0.as_ref() }
    }

    /// Address of the first byte.
    #[inline]
    pub fn start(&self) -> *mut u8 {
        self.0.as_ptr().cast::<u8>().wrapping_add(ALIGN)
    }

    /// Length in bytes.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.header().bytes
    }

    /// Whether this is the only owner, so that the bytes may be overwritten.
    #[inline]
    pub fn is_unique(&self) -> bool {
        self.header().owners.get() == 1
    }

    /// Another block with the same bytes. Errors: `memory`.
    pub fn copied(&self) -> Result<Buffer> {
        let copy = Buffer::new(self.bytes())?;
        // SAFETY: both blocks have that many bytes, and nobody has the new one yet.
        unsafe { copy.start().copy_from_nonoverlapping(self.start(), self.bytes()) };
        Ok(copy)
    }

    /// Counts the bytes as kept by the engine for itself: no longer as live, which are those of tensors.
    pub fn set_aside(&self) {
        if !self.header().aside.replace(true) {
            POOL.with_borrow_mut(|pool| {
                pool.memory.live -= self.bytes();
                pool.memory.aside += self.bytes();
            });
        }
    }

    /// Whether they are counted so.
    #[inline]
    pub fn is_aside(&self) -> bool {
        self.header().aside.get()
    }

    /// Gives the block, which has no owner any more, to the pool or to the system.
    #[inline(never)]
    fn give_back(&self) {
        let &Header { bytes, class, .. } = self.header();
        let size = size_of_class(class);
        // A thread that is ending has no pool any more; the block is then the system's.
        let pooled = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            let account = if self.is_aside() { &mut pool.memory.aside } else { &mut pool.memory.live };
            *account -= bytes;
            if pool.memory.pooled + size > pool.memory.peak.max(POOL_FLOOR) {
                return false;
            }
            if pool.free.len() <= class {
                pool.free.resize_with(class + 1, Vec::new);
            }
            if pool.free[class].try_reserve(1).is_err() {
                return false;
            }
            pool.free[class].push(self.0);
            pool.memory.pooled += size;
            true
        });
        if pooled != Ok(true) {
            release(self.0, size);
        }
    }
}

impl Clone for Buffer {
    #[inline]
    fn clone(&self) -> Buffer {
        let owners = &self.header().owners;
        owners.set(owners.get() + 1);
        Buffer(self.0)
    }
}

impl Drop for Buffer {
    #[inline]
    fn drop(&mut self) {
        let owners = &self.header().owners;
        owners.set(owners.get() - 1);
        if owners.get() == 0 {
            self.give_back();
        }
    }
}

impl Pool {
    /// A new block of `size` bytes after its header. Errors: `memory`; the sentence speaks of the `bytes` that were asked for.
    #[cold]
    fn allocate(&mut self, bytes: usize, size: usize) -> Result<NonNull<Header>> {
        let found = allocate(size).or_else(|| {
            // Blocks of other classes may be all that stands in the way.
            self.drain();
            allocate(size)
        });
        found.ok_or_else(|| {
            let sentence = format!("{bytes} bytes could not be allocated; {} are in use", self.memory.live);
            Error::new(Code::Memory, "memory", sentence)
        })
    }

    /// Gives every waiting block back to the system.
    fn drain(&mut self) {
        for (class, blocks) in self.free.iter_mut().enumerate() {
            for block in blocks.drain(..) {
                release(block, size_of_class(class));
            }
        }
        self.memory.pooled = 0;
    }
}

/// Gives what waits in the pool back to the system, where that can be now: for the engine's own lists.
pub(crate) fn drain() {
    let drain = |pool: &RefCell<Pool>| pool.try_borrow_mut().into_iter().for_each(|mut pool| pool.drain());
    POOL.try_with(drain).unwrap_or_default();
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.drain();
    }
}

/// The class of a request and the size of its blocks in bytes.
fn class_of(bytes: usize) -> (usize, usize) {
    let units = bytes.div_ceil(ALIGN).max(1);
    // The two bits below the leading one choose among the four steps of a power of two.
    let exponent = units.ilog2() as usize;
    let class = if exponent < 2 { units - 1 } else { 4 * (exponent - 1) + (units >> (exponent - 2)) - 5 };
    let size = size_of_class(class);
    if size < bytes { (class + 1, size_of_class(class + 1)) } else { (class, size) }
}

/// Bytes of the blocks of a class: 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, .. times [`ALIGN`].
fn size_of_class(class: usize) -> usize {
    let class = class.min(CLASSES);
    let units = if class < 3 { class + 1 } else { ((class - 3) % 4 + 4) << ((class - 3) / 4) };
    units.saturating_mul(ALIGN)
}

/// How a block with `size` bytes after its header lies in memory.
fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.checked_add(ALIGN)?, ALIGN).ok()
}

fn allocate(size: usize) -> Option<NonNull<Header>> {
    const { assert!(size_of::<Header>() <= ALIGN) };
    if !reserve::is_whole() {
        return None;
    }
    // SAFETY: the size is at least ALIGN, never 0. Zeroed, because arrays read their buffers as initialised numbers.
    NonNull::new(unsafe { System.alloc_zeroed(layout(size)?) }).map(NonNull::cast)
}

fn release(block: NonNull<Header>, size: usize) {
    if let Some(layout) = layout(size) {
        // SAFETY: `block` came from `allocate` with this very size, and no one else knows it any more.
        unsafe { System.dealloc(block.as_ptr().cast(), layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_grow_by_quarters_and_hold_what_they_promise() {
        let sizes: Vec<usize> = (0..14).map(|c| size_of_class(c) / ALIGN).collect();
        assert_eq!(sizes, [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24]);
        for bytes in (0..5000).chain([1 << 20, (1 << 20) + 1, 123_456_789]) {
            let (class, size) = class_of(bytes);
            assert!(size >= bytes && size_of_class(class) == size, "{bytes}");
            assert!(class == 0 || size_of_class(class - 1) < bytes, "{bytes} fits a smaller class");
        }
    }

    #[test]
    fn blocks_are_aligned_counted_and_reused() {
        let before = memory();
        let a = Buffer::new(1000).unwrap();
        assert_eq!(a.start() as usize % ALIGN, 0);
        assert_eq!(memory().live, before.live + 1000);
        let place = a.start();
        drop(a);
        assert_eq!(memory().live, before.live);
        assert_eq!(Buffer::new(1010).unwrap().start(), place);
    }

    #[test]
    fn a_block_lives_as_long_as_its_last_owner() {
        let before = memory().live;
        let a = Buffer::new(100).unwrap();
        let b = a.clone();
        assert!(!a.is_unique() && a.start() == b.start());
        drop(a);
        assert!(b.is_unique() && b.bytes() == 100);
        assert_eq!(memory().live, before + 100);
        drop(b);
        assert_eq!(memory().live, before);
    }

    #[test]
    fn an_impossible_request_is_refused_and_disturbs_nothing() {
        let kept = Buffer::new(64).unwrap();
        let before = memory();
        let e = Buffer::new(isize::MAX as usize - 4096).unwrap_err();
        assert_eq!(e.code(), Code::Memory);
        assert_eq!(memory().live, before.live);
        assert_eq!(kept.bytes(), 64);
    }
}
