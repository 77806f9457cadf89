//! Arrays: a shared buffer, a shape and a dtype, and a layout where the elements do not lie in order. Immutable once they are
//! shared; views copy nothing.

use std::rc::Rc;

use crate::buffer::Buffer;
use crate::copy;
use crate::dtype::{DType, Elem};
use crate::error::{Code, Error, Result};
use crate::layout::Layout;
use crate::shape::Shape;
use crate::walk::Walk;
use crate::with_dtype;

/// A tensor's values.
///
/// Most arrays lie row-major from the start of their buffer, and arrays are passed on all the time: what says where the
/// elements lie is beside them, and only where it is needed.
#[derive(Clone, Debug)]
pub struct Array {
    buffer: Buffer,
    /// Where the elements lie; `None`: row-major from the start of the buffer.
    view: Option<Rc<Layout>>,
    shape: Shape,
    /// The type of the elements.
    pub dtype: DType,
}

impl Array {
    /// A contiguous array whose contents are unspecified. Errors: `memory`.
    #[inline]
    pub fn new(shape: Shape, dtype: DType) -> Result<Array> {
        let Some(bytes) = shape.size().checked_mul(dtype.size()) else {
            let sentence = format!("a tensor of shape {shape} {} is larger than the address space", dtype.name());
            return Err(Error::new(Code::Memory, "memory", sentence));
        };
        let buffer = Buffer::new(bytes)?;
        Ok(Array { buffer, view: None, shape, dtype })
    }

    /// A scalar: the dtype's nearest value to `x`. Errors: `memory`.
    pub fn scalar(x: f64, dtype: DType) -> Result<Array> {
        let mut out = Array::new(Shape::SCALAR, dtype)?;
        with_dtype!(dtype, T => out.values_mut::<T>()[0] = T::from_f64(x));
        Ok(out)
    }

    /// An array whose elements are all the dtype's nearest value to `x`. Errors: `memory`.
    pub fn filled(x: f64, shape: Shape, dtype: DType) -> Result<Array> {
        let one = Array::scalar(x, dtype)?;
        one.view(one.layout().expand(shape)).contiguous()
    }

    /// A contiguous array filled by `fill`. Errors: `memory`.
    pub fn build<T: Elem>(shape: Shape, fill: impl FnOnce(&mut [T])) -> Result<Array> {
        let mut out = Array::new(shape, T::DTYPE)?;
        fill(out.values_mut::<T>());
        Ok(out)
    }

    /// The shape.
    #[inline]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of elements.
    #[inline]
    pub fn size(&self) -> usize {
        self.shape.size()
    }

    /// Where the elements lie.
    pub fn layout(&self) -> Layout {
        self.view.as_deref().copied().unwrap_or_else(|| Layout::contiguous(self.shape))
    }

    /// The same bytes seen through another layout. `layout` must stay inside the buffer.
    pub fn view(&self, layout: Layout) -> Array {
        assert!(copy::fits(&layout, self.buffer.bytes() / self.dtype.size()), "a view that leaves its buffer");
        let in_order = layout.offset == 0 && layout.is_contiguous();
        let view = (!in_order).then(|| Rc::new(layout));
        Array { buffer: self.buffer.clone(), view, shape: layout.shape, dtype: self.dtype }
    }

    /// Whether the elements lie row-major without gaps.
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.view.as_ref().is_none_or(|layout| layout.is_contiguous())
    }

    /// Position of the first element.
    #[inline]
    pub fn offset(&self) -> usize {
        self.view.as_ref().map_or(0, |layout| layout.offset)
    }

    /// The whole buffer as elements of `T`, the type of this array's dtype; the layout's positions count in it.
    pub fn buffer<T: Elem>(&self) -> &[T] {
        assert!(T::DTYPE == self.dtype, "an array of {} was read as {}", self.dtype.name(), T::DTYPE.name());
        // SAFETY: the buffer is initialised, aligned to 64, and any bytes are a valid T (f32, f64, i32, u8). It is
        // written only by an operation that makes this array's value, before anyone else has it.
        unsafe { std::slice::from_raw_parts(self.buffer.start().cast::<T>(), self.buffer.bytes() / size_of::<T>()) }
    }

    /// Where the positions of the layout count from.
    pub(crate) fn base(&self) -> *const u8 {
        self.buffer.start()
    }

    /// Writes the elements of x to the places that `layout` names in this new array of its dtype.
    pub(crate) fn place(&mut self, x: &Array, layout: &Layout) {
        let own = copy::fits(layout, self.size()) && self.is_unique() && self.is_contiguous() && self.offset() == 0;
        assert!(own && x.shape() == layout.shape && x.dtype == self.dtype, "a copy to where it does not fit");
        // SAFETY: the layout of an array lies inside its buffer, the other one in this one's, which no other array has.
        unsafe { copy::bits(x.base(), &x.layout(), self.buffer.start(), layout, x.dtype.size()) };
    }

    /// The elements in row-major order, when the layout is contiguous.
    pub fn values<T: Elem>(&self) -> Option<&[T]> {
        let n = self.shape().size();
        self.is_contiguous().then(|| if n == 0 { &[] } else { &self.buffer::<T>()[self.offset()..][..n] })
    }

    /// Whether this is the only array on its buffer, so that its bytes may be overwritten.
    #[inline]
    pub fn is_unique(&self) -> bool {
        self.buffer.is_unique()
    }

    /// Whether this is the only array on its buffer and has the size of it, so that a result may stay there.
    #[inline]
    pub fn owns_all(&self) -> bool {
        self.is_unique() && self.buffer.bytes() == self.size() * self.dtype.size()
    }

    /// The elements of a new array, to be filled: contiguous, from the start of a buffer nobody else has.
    pub(crate) fn values_mut<T: Elem>(&mut self) -> &mut [T] {
        assert!(T::DTYPE == self.dtype && self.is_unique() && self.is_contiguous(), "only a new array is written");
        let n = self.shape().size();
        // SAFETY: as in `buffer`; the reference count says that no other array can see the bytes.
        unsafe { std::slice::from_raw_parts_mut(self.buffer.start().cast::<T>().add(self.offset()), n) }
    }

    /// The first element, for scalars and other arrays of size 1.
    pub fn item(&self) -> f64 {
        with_dtype!(self.dtype, T => self.buffer::<T>()[self.offset()].to_f64())
    }

    /// The same elements, row-major without gaps: this array when it already is, else a copy. Errors: `memory`.
    pub fn contiguous(&self) -> Result<Array> {
        if self.is_contiguous() {
            return Ok(self.clone());
        }
        let mut out = Array::new(self.shape(), self.dtype)?;
        out.place(self, &Layout::contiguous(self.shape));
        Ok(out)
    }

    /// Makes this array one of those that the engine keeps for itself, on a buffer of its own. Errors: `memory`.
    pub(crate) fn set_aside(&mut self) -> Result<()> {
        self.buffer = self.buffer.copied()?;
        self.buffer.set_aside();
        Ok(())
    }

    /// Bytes of the buffer.
    pub(crate) fn bytes(&self) -> usize {
        self.buffer.bytes()
    }

    /// This array, on a buffer of its own if the engine keeps the bytes for itself. Errors: `memory`.
    pub(crate) fn owned(mut self) -> Result<Array> {
        if self.buffer.is_aside() {
            self.buffer = self.buffer.copied()?;
        }
        Ok(self)
    }

    /// The elements in row-major order as numbers: for tests, printing and small values. Errors: `memory`.
    pub fn to_f64s(&self) -> Result<Vec<f64>> {
        let dense = self.contiguous()?;
        Ok(with_dtype!(self.dtype, T => dense.values::<T>().unwrap_or(&[]).iter().map(|x| x.to_f64()).collect()))
    }

    /// Whether all elements are zeros.
    pub fn is_zero(&self) -> bool {
        let walk = Walk::new(&[&self.layout()]);
        let mut found = true;
        with_dtype!(self.dtype, T => walk.each(|at| {
            let buffer = self.buffer::<T>();
            let zero = |i: usize| buffer[at[0].wrapping_add_signed(walk.steps[0] * i as isize)] == T::from_f64(0.0);
            found = found && (0..walk.len).all(zero);
        }));
        found
    }

    /// Position of the first element in bytes from the start of memory: what the boundary hands out.
    #[inline]
    pub fn address(&self) -> *mut u8 {
        let start = self.buffer.start();
        start.wrapping_add(self.offset() * self.dtype.size())
    }
}
