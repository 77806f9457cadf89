//! Text and samples that stay out of the wasm.

/// What only native programs read, which are tests and the generation of documentation: nothing of it is in the wasm.
#[derive(Clone, Copy, Debug)]
pub struct Native<T> {
    #[cfg(not(target_arch = "wasm32"))]
    value: T,
    #[cfg(target_arch = "wasm32")]
    value: std::marker::PhantomData<T>,
}

/// `value`, for native programs.
pub const fn native<T: Copy>(value: T) -> Native<T> {
    #[cfg(target_arch = "wasm32")]
    let value = {
        let _ = value;
        std::marker::PhantomData
    };
    Native { value }
}

#[cfg(not(target_arch = "wasm32"))]
impl<T> std::ops::Deref for Native<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}
