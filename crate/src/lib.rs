//! The core of `wengert`: automatic differentiation on a tape, with tensor storage and SIMD kernels, for WebAssembly and
//! native hosts.
//!
//! Dependencies point one way: `error, dtype -> shape -> layout -> walk -> buffer -> array`; kernels know runs only;
//! `elementwise` is the table of functions; `op -> ops -> tape -> eval, diff -> session, plan -> wasm`.

pub mod array;
pub mod batch;
mod blocks;
pub mod buffer;
pub mod call;
mod compose;
mod copy;
pub mod diff;
pub mod error;
mod eval;
mod few;
pub mod graph;
pub mod known;
pub mod layout;
pub mod op;
pub mod ops;
pub mod plan;
mod reduction;
mod reserve;
pub mod session;
pub mod shape;
pub mod tape;
pub mod var;
pub mod walk;
pub mod wasm;
mod watch;

pub use wengert_kernels::{
    self as kernels, dtype, elementwise, intrinsics, native, real, with_dtype, with_float, with_number,
};
