//! The element types of tensors, and the macros that run code for one of them. The Rust type of a dtype is said once, in
//! [`with_type!`]; the other macros say which dtypes they are for.

/// The element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DType {
    /// IEEE 754 single precision, the default.
    Float32 = 0,
    /// IEEE 754 double precision.
    Float64 = 1,
    /// Two's complement, 32 bits; arithmetic wraps.
    Int32 = 2,
    /// One byte, 0 or 1.
    Bool = 3,
}

/// An expression with `T` bound to the Rust type of the dtype of this name.
#[doc(hidden)]
#[macro_export]
macro_rules! with_type {
    (Float32, $T:ident => $body:expr) => {{
        type $T = f32;
        $body
    }};
    (Float64, $T:ident => $body:expr) => {{
        type $T = f64;
        $body
    }};
    (Int32, $T:ident => $body:expr) => {{
        type $T = i32;
        $body
    }};
    (Bool, $T:ident => $body:expr) => {{
        type $T = u8;
        $body
    }};
}

/// Runs an expression with `T` bound to the Rust type of a dtype: `with_dtype!(dtype, T => expr)`. The narrower macros
/// take what to do for the dtypes that are left out: `with_float!(dtype, T => expr, else other)`.
#[macro_export]
macro_rules! with_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::dtype::DType::Float32 => $crate::with_type!(Float32, $T => $body),
            $crate::dtype::DType::Float64 => $crate::with_type!(Float64, $T => $body),
            $crate::dtype::DType::Int32 => $crate::with_type!(Int32, $T => $body),
            $crate::dtype::DType::Bool => $crate::with_type!(Bool, $T => $body),
        }
    };
}

/// [`with_dtype!`] for the types that have arithmetic.
#[macro_export]
macro_rules! with_number {
    ($dtype:expr, $T:ident => $body:expr, else $other:expr) => {
        match $dtype {
            $crate::dtype::DType::Float32 => $crate::with_type!(Float32, $T => $body),
            $crate::dtype::DType::Float64 => $crate::with_type!(Float64, $T => $body),
            $crate::dtype::DType::Int32 => $crate::with_type!(Int32, $T => $body),
            $crate::dtype::DType::Bool => $other,
        }
    };
}

/// [`with_dtype!`] for the types that carry derivatives.
#[macro_export]
macro_rules! with_float {
    ($dtype:expr, $T:ident => $body:expr, else $other:expr) => {
        match $dtype {
            $crate::dtype::DType::Float32 => $crate::with_type!(Float32, $T => $body),
            $crate::dtype::DType::Float64 => $crate::with_type!(Float64, $T => $body),
            $crate::dtype::DType::Int32 | $crate::dtype::DType::Bool => $other,
        }
    };
}

impl DType {
    /// All dtypes in the order of their codes.
    pub const ALL: [DType; 4] = [DType::Float32, DType::Float64, DType::Int32, DType::Bool];

    /// The dtype with this code, if there is one.
    pub fn from_code(code: u32) -> Option<DType> {
        DType::ALL.get(code as usize).copied()
    }

    /// The public name.
    pub fn name(self) -> &'static str {
        match self {
            DType::Float32 => "float32",
            DType::Float64 => "float64",
            DType::Int32 => "int32",
            DType::Bool => "bool",
        }
    }

    /// Bytes of one element.
    #[inline]
    pub fn size(self) -> usize {
        with_dtype!(self, T => size_of::<T>())
    }

    /// Whether the type has this number as it is; floats round.
    pub fn holds(self, x: f64) -> bool {
        self.is_float() || with_dtype!(self, T => T::from_f64(x).to_f64() == x)
    }

    /// Whether the type carries derivatives.
    #[inline]
    pub fn is_float(self) -> bool {
        matches!(self, DType::Float32 | DType::Float64)
    }
}

/// A Rust type that is the element of a tensor.
pub trait Elem: Copy + Default + PartialEq + PartialOrd + 'static {
    /// Its dtype.
    const DTYPE: DType;
    /// The nearest value: floats round, int32 truncates and saturates (NaN gives 0), bool is `x != 0`.
    fn from_f64(x: f64) -> Self;
    /// The value; exact for every dtype.
    fn to_f64(self) -> f64;
}

impl Elem for f32 {
    const DTYPE: DType = DType::Float32;
    fn from_f64(x: f64) -> f32 {
        x as f32
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Elem for f64 {
    const DTYPE: DType = DType::Float64;
    fn from_f64(x: f64) -> f64 {
        x
    }
    fn to_f64(self) -> f64 {
        self
    }
}

impl Elem for i32 {
    const DTYPE: DType = DType::Int32;
    fn from_f64(x: f64) -> i32 {
        x as i32
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Elem for u8 {
    const DTYPE: DType = DType::Bool;
    fn from_f64(x: f64) -> u8 {
        u8::from(x != 0.0)
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}
