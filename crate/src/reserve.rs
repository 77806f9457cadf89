//! Memory that is set aside for the engine itself: its lists, programs and sentences, which cannot refuse.
//!
//! Tensors fail when memory is full, with an error. What is needed on the way, the sentence of that error too, gets the memory
//! that waits for other tensors, and then, where it is not large, what is set aside here. Tensors get no new memory until that is
//! there again.

use crate::buffer;
use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Bytes that are set aside.
const SIZE: usize = 4 << 20;
/// Bytes of the largest request that they are for.
const LARGEST: usize = SIZE / 2;

/// The reserve of the program that is one WebAssembly module. Native programs have allocators of their own, and no reserve.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static RESERVE: Reserve = Reserve::new();

/// Whether the reserve is whole; it is filled up where that can be.
pub fn is_whole() -> bool {
    #[cfg(target_arch = "wasm32")]
    return RESERVE.fill();
    #[cfg(not(target_arch = "wasm32"))]
    return true;
}

/// The allocator of the system, with a block in reserve. One thread allocates (`kernels/split.rs`).
#[cfg_attr(not(any(target_arch = "wasm32", test)), allow(dead_code, reason = "see `RESERVE`"))]
struct Reserve(AtomicPtr<u8>);

#[cfg_attr(not(any(target_arch = "wasm32", test)), allow(dead_code, reason = "see `RESERVE`"))]
impl Reserve {
    const LAYOUT: Layout = Layout::new::<[u64; SIZE / 8]>();

    const fn new() -> Reserve {
        Reserve(AtomicPtr::new(null_mut()))
    }

    /// Allocates what is missing; whether there is nothing missing then.
    fn fill(&self) -> bool {
        if self.0.load(Ordering::Relaxed).is_null() {
            // SAFETY: the size is not 0.
            self.0.store(unsafe { System.alloc(Self::LAYOUT) }, Ordering::Relaxed);
        }
        !self.0.load(Ordering::Relaxed).is_null()
    }

    /// What `request` gives, once more without what waits in the pool, and once more without the reserve where that is for it.
    #[inline]
    fn ask(&self, size: usize, request: impl Fn() -> *mut u8) -> *mut u8 {
        let found = request();
        if found.is_null() { self.ask_again(size, &request) } else { found }
    }

    #[cold]
    #[inline(never)]
    fn ask_again(&self, size: usize, request: &dyn Fn() -> *mut u8) -> *mut u8 {
        buffer::drain();
        let found = request();
        if !found.is_null() || size > LARGEST {
            return found;
        }
        let block = self.0.swap(null_mut(), Ordering::Relaxed);
        if block.is_null() {
            return null_mut();
        }
        // SAFETY: it was allocated with this layout, and is nobody's now.
        unsafe { System.dealloc(block, Self::LAYOUT) };
        request()
    }
}

// SAFETY: everything is the system's.
unsafe impl GlobalAlloc for Reserve {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        self.ask(layout.size(), || unsafe { System.alloc(layout) })
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) };
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        self.ask(layout.size(), || unsafe { System.alloc_zeroed(layout) })
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        self.ask(size, || unsafe { System.realloc(block, layout, size) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_is_taken_from_the_reserve_once() {
        let reserve = Reserve::new();
        let refuse = |size| {
            let asked = std::cell::Cell::new(0);
            let request = || {
                asked.set(asked.get() + 1);
                null_mut()
            };
            (reserve.ask(size, request), asked.get())
        };
        assert_eq!(refuse(8), (null_mut(), 2));
        assert!(reserve.fill() && reserve.fill());
        assert_eq!(refuse(LARGEST + 1), (null_mut(), 2));
        assert_eq!(refuse(LARGEST), (null_mut(), 3));
        assert_eq!(refuse(8), (null_mut(), 2));
        assert!(reserve.fill());
        let layout = Layout::new::<u64>();
        // SAFETY: blocks of this layout, freed with it.
        unsafe {
            let block = reserve.alloc_zeroed(layout);
            assert_eq!(block.cast::<u64>().read(), 0);
            let block = reserve.realloc(block, layout, 16);
            reserve.dealloc(block, Layout::from_size_align(16, 8).unwrap());
            reserve.dealloc(reserve.alloc(layout), layout);
        }
        assert_eq!(refuse(8), (null_mut(), 3));
    }
}
