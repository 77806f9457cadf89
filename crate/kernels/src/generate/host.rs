//! The host that compiles modules, and what it has compiled.

use std::cell::{Cell, RefCell};
use std::num::NonZero;
use std::rc::Rc;

use crate::map::Operand;

/// A loop: `run(len, given)` for a `len` that is a multiple of [`MAX_WIDTH`](crate::map::MAX_WIDTH), above 0.
///
/// # Safety
/// The operands that the program knows by [`Place::Given`] stand in `given`. All operands that are read are valid for reads of
/// `len` elements or repeat one, those that are written for writes; what is written is apart from what is read or begins where it begins.
pub type Loop = unsafe extern "C" fn(usize, *const Operand);

/// Who compiles modules.
///
/// # Safety
/// At a place that [`Host::add`] gives there is the module's function, a [`Loop`], until [`Host::remove`] is called with it.
pub unsafe trait Host {
    /// The place of the module's function in the table of functions; `None` where the host does not compile it.
    fn add(&self, module: &[u8]) -> Option<NonZero<u32>>;
    /// Frees that place: nobody calls the function any more.
    fn remove(&self, place: NonZero<u32>);
}

thread_local! {
    static HOST: RefCell<Option<Rc<dyn Host>>> = const { RefCell::new(None) };
    static LIVE: Cell<usize> = const { Cell::new(0) };
}

/// Functions that are there at once, at most: each costs the host some kilobytes.
const MOST_LIVE: usize = 512;

/// Says who compiles modules. Where nobody does, kernels are called one after the other.
pub fn connect(host: Rc<dyn Host>) {
    HOST.set(Some(host));
}

/// A function that was compiled, as long as this lives.
#[derive(Debug)]
pub struct Generated(NonZero<u32>);

impl Generated {
    /// The function of a module; `None` where there is no host, it does not take the module, or there are many already.
    pub fn new(module: &[u8]) -> Option<Generated> {
        let host = HOST.with_borrow(Clone::clone).filter(|_| LIVE.get() < MOST_LIVE)?;
        let place = host.add(module)?;
        LIVE.set(LIVE.get() + 1);
        Some(Generated(place))
    }

    /// The function.
    pub fn function(&self) -> Loop {
        // SAFETY: in WebAssembly a pointer to a function is its place in the table, and the host vouches for what is there.
        // There are no hosts elsewhere.
        unsafe { std::mem::transmute::<usize, Loop>(self.0.get() as usize) }
    }
}

impl Drop for Generated {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
        if let Some(host) = HOST.with_borrow(Clone::clone) {
            host.remove(self.0);
        }
    }
}
