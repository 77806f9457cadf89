//! What the machine can do at best, for the limit lines of the bench.
//!
//! Nothing here comes from the library, so that its kernels are not judged by themselves: the arithmetic of a matrix
//! product without its packing, a copy of memory, a call that does nothing.
#![cfg(target_arch = "wasm32")]

use core::arch::wasm32::{f32x4_add, f32x4_mul, f32x4_splat, v128, v128_store};
use std::cell::RefCell;

/// Steps of one tile; its two packed panels (4 and 8 wide, 12 KiB together) stay in the first-level cache.
const DEPTH: usize = 256;

#[repr(align(16))]
struct Panels {
    a: [[f32; 4]; DEPTH],
    b: [[f32; 8]; DEPTH],
    c: [[f32; 8]; 4],
}

thread_local! {
    static PANELS: RefCell<Panels> = const {
        RefCell::new(Panels { a: [[0.5; 4]; DEPTH], b: [[0.25; 8]; DEPTH], c: [[0.0; 8]; 4] })
    };
    static MEMORY: RefCell<(Vec<u8>, Vec<u8>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// Floating-point operations of one tile: 4 x 8 results, 256 steps, a product and a sum each.
#[unsafe(no_mangle)]
pub extern "C" fn tile_flop() -> u32 {
    (2 * 4 * 8 * DEPTH) as u32
}

/// The bare 4 x 8 GEMM micro-kernel, so many tiles one after the other; returns a number that depends on them all.
#[unsafe(no_mangle)]
pub extern "C" fn micro_kernel(tiles: u32) -> f32 {
    PANELS.with_borrow_mut(|panels| {
        for _ in 0..tiles {
            tile(panels);
            // The next tile depends on this one, or the optimiser would compute one and count it often.
            panels.a[0][0] = panels.c[0][0] * 1e-9;
        }
        panels.a[0][0]
    })
}

#[inline(never)]
fn tile(panels: &mut Panels) {
    let mut sums = [[f32x4_splat(0.0); 2]; 4];
    for (a, b) in panels.a.iter().zip(&panels.b) {
        let b = [load([b[0], b[1], b[2], b[3]]), load([b[4], b[5], b[6], b[7]])];
        for (row, &a) in sums.iter_mut().zip(a) {
            let a = f32x4_splat(a);
            row[0] = f32x4_add(row[0], f32x4_mul(a, b[0]));
            row[1] = f32x4_add(row[1], f32x4_mul(a, b[1]));
        }
    }
    for (to, from) in panels.c.iter_mut().zip(&sums) {
        for (to, &from) in to.chunks_exact_mut(4).zip(from) {
            // SAFETY: `to` is four f32, which is the sixteen bytes written; v128_store needs no alignment.
            unsafe { v128_store(to.as_mut_ptr().cast(), from) };
        }
    }
}

fn load([x, y, z, w]: [f32; 4]) -> v128 {
    core::arch::wasm32::f32x4(x, y, z, w)
}

/// Makes `copy` ready for so many bytes; they are written to, so that the pages exist.
#[unsafe(no_mangle)]
pub extern "C" fn prepare_copy(bytes: usize) {
    MEMORY.set((vec![1; bytes], vec![0; bytes]));
}

/// Copies the bytes that were prepared.
#[unsafe(no_mangle)]
pub extern "C" fn copy() {
    MEMORY.with_borrow_mut(|(from, to)| to.copy_from_slice(from));
}

/// A call that does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn call(x: u32) -> u32 {
    x
}
