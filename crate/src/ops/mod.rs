//! One structural operation, or a pair of them, a file: shape rule, value, derivatives, and how users call it.

pub mod alias;
pub mod argreduce;
pub mod cast;
pub mod compare;
pub mod concat;
pub mod cumsum;
pub mod custom;
pub mod expand;
pub mod extremum;
pub mod gather;
pub mod iota;
pub mod map;
pub mod matmul;
pub mod pad;
pub mod permute;
pub mod random;
pub mod ravel;
pub mod reshape;
pub mod scatter;
pub mod select;
pub mod slice;
pub mod sort;
pub mod sum;
pub mod windows;
