//! Operations made of operations, written over `Var`: their derivatives of every order follow.

mod einsum;
mod losses;
mod random;
mod shape;
mod statistics;

use crate::call::Spec;

/// The calls of all composed operations.
pub static SPECS: &[&[Spec]] = &[shape::SPECS, statistics::SPECS, losses::SPECS, random::SPECS, einsum::SPECS];
