//! Operations made of operations, written over `Var`: their derivatives of every order follow.

mod conv;
mod einsum;
pub(crate) mod indexing;
mod linalg;
mod losses;
mod networks;
mod products;
mod random;
mod scans;
mod shape;
mod statistics;
pub mod triangle;

use crate::call::Spec;

/// The calls of all composed operations.
pub static SPECS: &[&[Spec]] = &[
    shape::SPECS,
    statistics::SPECS,
    losses::SPECS,
    random::SPECS,
    einsum::SPECS,
    conv::SPECS,
    indexing::SPECS,
    networks::SPECS,
    products::SPECS,
    scans::SPECS,
    linalg::SPECS,
];
