//! Operations made of operations, written over `Var`: their derivatives of every order follow.

mod einsum;
mod linalg;
mod losses;
mod random;
mod shape;
mod statistics;
pub mod triangle;

use crate::call::Spec;

/// The calls of all composed operations.
pub static SPECS: &[&[Spec]] =
    &[shape::SPECS, statistics::SPECS, losses::SPECS, random::SPECS, einsum::SPECS, linalg::SPECS];
