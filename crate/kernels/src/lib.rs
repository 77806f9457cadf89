//! The kernels of `wengert`: loops over runs of numbers, and the table of elementwise functions that most of them are made of.
//!
//! They know slices, repeated values and strides within a run; no shapes, no tape. They are a crate of their own because they
//! change seldom and take most of the time that the core takes to compile. A generic function is compiled in the crate that names
//! its types, so all kernels are named here, once: the rest asks for one by function and dtype (`find`).

#[cfg(all(target_arch = "wasm32", not(target_feature = "simd128")))]
compile_error!("the kernels need SIMD: build with `npm run build`");

pub mod copy;
pub mod dtype;
pub mod elementwise;
pub mod find;
pub mod gemm;
pub mod generate;
pub mod indexed;
pub mod lanes;
pub mod map;
pub mod math;
pub mod native;
pub mod random;
pub mod real;
pub mod reduce;
pub mod sort;
pub mod split;
pub mod vector;
pub mod winograd;
