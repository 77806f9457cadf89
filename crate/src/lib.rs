//! The core of `wengert`: automatic differentiation on a tape, with tensor storage and SIMD kernels, for WebAssembly and
//! native hosts.
//!
//! Dependencies point one way: `error, dtype -> shape -> layout -> walk -> buffer -> array`; kernels know runs only;
//! `elementwise` is the table of functions; `op -> ops -> tape -> eval, diff -> session, plan -> wasm`.

#[cfg(all(target_arch = "wasm32", not(target_feature = "simd128")))]
compile_error!("the kernels need SIMD: build with `npm run build`");

pub mod array;
pub mod batch;
mod blocks;
pub mod buffer;
pub mod call;
mod compose;
pub mod diff;
pub mod dtype;
pub mod elementwise;
pub mod error;
mod eval;
mod few;
pub mod graph;
pub mod kernels;
pub mod layout;
pub mod native;
pub mod op;
pub mod ops;
pub mod plan;
pub mod real;
mod reduction;
pub mod session;
pub mod shape;
pub mod tape;
pub mod var;
pub mod walk;
pub mod wasm;
mod watch;
