//! The matrix products of the core, built with relaxed SIMD: they take the place of its own (`run_relaxed`).
//!
//! The module works in the memory of the core (`scripts/build.mjs` links it so): its stack and its few constants lie below the
//! first 128 KiB, where the core has the far end of its own stack.
#![cfg(target_feature = "relaxed-simd")]

/// What products consist of, from the files of the core.
#[path = "../../kernels/src"]
#[allow(dead_code, reason = "the core calls more of it than is needed here")]
mod kernels {
    pub mod copy {
        pub mod square;
    }
    pub mod gemm;
    pub mod split;
}

use core::ffi::c_void;
use kernels::gemm::{GemmElem, Task};
// Where the files of products look for it.
use kernels::copy;

/// A part of a product of float32: `task` is a [`Task`].
///
/// # Safety
/// As [`GemmElem::run`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn float32(task: *const c_void) {
    // SAFETY: the caller's promise; a task of the core has the layout that it has here.
    unsafe { f32::run(&*task.cast::<Task<f32>>()) }
}

/// A part of a product of float64: `task` is a [`Task`].
///
/// # Safety
/// As [`GemmElem::run`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn float64(task: *const c_void) {
    // SAFETY: the caller's promise; a task of the core has the layout that it has here.
    unsafe { f64::run(&*task.cast::<Task<f64>>()) }
}
