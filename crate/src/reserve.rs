//! Memory that is set aside for the engine itself: its lists, programs and sentences, which cannot refuse.
//!
//! Tensors fail when memory is full, with an error. What is small and needed on the way, the sentence of that error too, is
//! then taken from here. Tensors get no new memory until what was taken is there again.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Bytes that are set aside.
const SIZE: usize = 1 << 20;
/// Bytes of the largest request that they are for.
const LARGEST: usize = SIZE / 4;

static RESERVE: AtomicPtr<u8> = AtomicPtr::new(null_mut());

const LAYOUT: Layout = Layout::new::<[u64; SIZE / 8]>();

/// Whether the reserve is whole; it is filled up where that can be.
pub fn is_whole() -> bool {
    if RESERVE.load(Ordering::Relaxed).is_null() {
        // SAFETY: the size is not 0.
        RESERVE.store(unsafe { System.alloc(LAYOUT) }, Ordering::Relaxed);
    }
    !RESERVE.load(Ordering::Relaxed).is_null()
}

/// The allocator of the system, with the reserve behind it. One thread allocates (`kernels/split.rs`).
#[cfg_attr(
    not(any(target_arch = "wasm32", test)),
    allow(dead_code, reason = "native programs have allocators of their own")
)]
struct WithReserve;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: WithReserve = WithReserve;

#[cfg_attr(not(any(target_arch = "wasm32", test)), allow(dead_code, reason = "as above"))]
impl WithReserve {
    /// What `request` gives, once more without the reserve where that is for it.
    #[inline]
    fn ask(size: usize, request: impl Fn() -> *mut u8) -> *mut u8 {
        let found = request();
        if found.is_null() { Self::ask_again(size, &request) } else { found }
    }

    #[cold]
    #[inline(never)]
    fn ask_again(size: usize, request: &dyn Fn() -> *mut u8) -> *mut u8 {
        if size > LARGEST {
            return null_mut();
        }
        let reserve = RESERVE.swap(null_mut(), Ordering::Relaxed);
        if reserve.is_null() {
            return null_mut();
        }
        // SAFETY: it was allocated with this layout, and is nobody's now.
        unsafe { System.dealloc(reserve, LAYOUT) };
        request()
    }
}

// SAFETY: everything is the system's.
unsafe impl GlobalAlloc for WithReserve {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        Self::ask(layout.size(), || unsafe { System.alloc(layout) })
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) };
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        Self::ask(layout.size(), || unsafe { System.alloc_zeroed(layout) })
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        Self::ask(size, || unsafe { System.realloc(block, layout, size) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_is_taken_from_the_reserve_once() {
        assert!(is_whole() && is_whole());
        let refuse = |size| {
            let asked = std::cell::Cell::new(0);
            let request = || {
                asked.set(asked.get() + 1);
                null_mut()
            };
            (WithReserve::ask(size, request), asked.get())
        };
        assert_eq!(refuse(LARGEST + 1), (null_mut(), 1));
        assert_eq!(refuse(LARGEST), (null_mut(), 2));
        assert_eq!(refuse(8), (null_mut(), 1));
        assert!(is_whole());
        assert_eq!(refuse(8), (null_mut(), 2));
        let layout = Layout::new::<u64>();
        // SAFETY: blocks of this layout, freed with it.
        unsafe {
            let block = WithReserve.alloc_zeroed(layout);
            assert_eq!(block.cast::<u64>().read(), 0);
            let block = WithReserve.realloc(block, layout, 16);
            WithReserve.dealloc(block, Layout::from_size_align(16, 8).unwrap());
            WithReserve.dealloc(WithReserve.alloc(layout), layout);
        }
    }
}
