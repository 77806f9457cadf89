//! Lists of a few items, which stay on the stack.

use smallvec::{Array, SmallVec};

/// Collects a few items, one by one. (`collect` prepares for many: it costs more than the work on a node's inputs.)
#[inline]
pub(crate) fn few<A: Array>(items: impl IntoIterator<Item = A::Item>) -> SmallVec<A> {
    let mut list = SmallVec::new();
    for item in items {
        list.push(item);
    }
    list
}
