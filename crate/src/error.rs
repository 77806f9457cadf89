//! What can go wrong, and the sentence that says so: `op: what must hold, got what`.
//!
//! Every refusal a user can meet is an [`Error`]; nothing a user does panics. The sentence names the operation, what
//! must hold and what it got; where there is another way, it names that too.

use std::fmt;

/// The kind of a failure: the `code` of the `TensorError` that crosses the boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Shapes do not fit each other or the operation.
    Shape,
    /// A dtype is not allowed, or two differ.
    DType,
    /// An axis is out of range, repeated, or no integer.
    Axis,
    /// An argument or option has a value that is not allowed.
    Argument,
    /// A tensor was disposed, or belonged to a transformation that has ended.
    Disposed,
    /// A derivative was asked for that does not exist or whose graph is gone.
    Gradient,
    /// A value found while computing is not allowed (an index out of range).
    Value,
    /// Memory could not be had.
    Memory,
    /// Something that a transformation forbids.
    Trace,
}

impl Code {
    /// The name that TypeScript sees.
    pub fn name(self) -> &'static str {
        match self {
            Code::Shape => "shape",
            Code::DType => "dtype",
            Code::Axis => "axis",
            Code::Argument => "argument",
            Code::Disposed => "disposed",
            Code::Gradient => "gradient",
            Code::Value => "value",
            Code::Memory => "memory",
            Code::Trace => "trace",
        }
    }
}

/// A refusal: its code, the operation that refused, the sentence, and the shapes and dtypes it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Error(Box<Detail>);

#[derive(Clone, Debug, PartialEq)]
struct Detail {
    code: Code,
    op: String,
    sentence: String,
    shapes: Vec<Vec<usize>>,
    dtypes: Vec<&'static str>,
}

/// The result of everything that can be refused.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A refusal by `op`, named as users write it; `sentence` says what must hold and what was got, without the name of the operation.
    pub fn new(code: Code, op: &str, sentence: impl Into<String>) -> Error {
        Error::of(code, op, sentence.into())
    }

    #[cold]
    #[inline(never)]
    fn of(code: Code, op: &str, sentence: String) -> Error {
        Error(Box::new(Detail { code, op: camel(op), sentence, shapes: Vec::new(), dtypes: Vec::new() }))
    }

    /// Adds the shapes of the operands, for programs that read the error.
    #[cold]
    #[inline(never)]
    pub fn with_shapes<'a>(mut self, shapes: impl IntoIterator<Item = &'a [usize]>) -> Error {
        self.0.shapes = shapes.into_iter().map(<[usize]>::to_vec).collect();
        self
    }

    /// Adds the dtypes of the operands, for programs that read the error.
    #[cold]
    #[inline(never)]
    pub fn with_dtypes(mut self, dtypes: impl IntoIterator<Item = &'static str>) -> Error {
        self.0.dtypes = dtypes.into_iter().collect();
        self
    }

    /// The same refusal in the name of another operation: what a composed operation does with the refusals of its parts.
    pub fn in_op(mut self, op: &str) -> Error {
        self.0.op = camel(op);
        self
    }

    /// The kind of failure.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The operation that refused.
    pub fn op(&self) -> &str {
        &self.0.op
    }

    /// The error as a JSON object `{code, op, message, shapes, dtypes}`: the form in which it crosses the boundary.
    pub fn to_json(&self) -> String {
        let shapes: Vec<String> = self.0.shapes.iter().map(|s| format!("{s:?}")).collect();
        let dtypes: Vec<String> = self.0.dtypes.iter().map(|d| format!("\"{d}\"")).collect();
        format!(
            "{{\"code\":\"{}\",\"op\":{},\"message\":{},\"shapes\":[{}],\"dtypes\":[{}]}}",
            self.0.code.name(),
            json_string(&self.0.op),
            json_string(&self.to_string()),
            shapes.join(","),
            dtypes.join(",")
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.op, self.0.sentence)
    }
}

impl std::error::Error for Error {}

/// "1 tensor", "2 tensors".
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// `snake_case` as users write it.
pub fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |mut out, part| {
        let mut letters = part.chars();
        out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(letters.as_str());
        out
    })
}

/// `text` as a JSON string literal.
pub fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentence_and_json_name_the_operation() {
        let e = Error::new(Code::Shape, "matmul", "inner dimensions must agree, got \"x\"")
            .with_shapes([&[2, 3][..], &[4, 5][..]])
            .with_dtypes(["float32"]);
        assert_eq!(e.to_string(), "matmul: inner dimensions must agree, got \"x\"");
        assert_eq!(
            e.to_json(),
            "{\"code\":\"shape\",\"op\":\"matmul\",\"message\":\"matmul: inner dimensions must agree, got \\\"x\\\"\",\
             \"shapes\":[[2, 3],[4, 5]],\"dtypes\":[\"float32\"]}"
        );
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(json_string("a\nb\\"), "\"a\\u000ab\\\\\"");
    }
}
