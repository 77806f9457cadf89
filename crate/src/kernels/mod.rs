//! Kernels: loops over runs of numbers. They know slices, repeated values and strides within a run; no shapes, no tape.

pub mod copy;
pub mod gemm;
pub mod lanes;
pub mod map;
pub mod math;
pub mod reduce;
pub mod split;
pub mod winograd;
