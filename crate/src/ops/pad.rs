//! Margins around and between the elements.

use smallvec::SmallVec;

use crate::array::Array;
use crate::batch::Batched;
use crate::call::{Kind, Operand, Sample, Spec, native, notes, option, param};
use crate::compose::indexing::surrounded;
use crate::error::{Code, Error, Result};
use crate::layout::Layout;
use crate::op::{Arrays, Aval, Primitive};
use crate::ops::slice::{Range, Slice};
use crate::shape::{MAX_DIMS, Shape};
use crate::var::Var;

/// What is added to one dimension, in elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Margin {
    /// Before the first element.
    pub before: usize,
    /// After the last.
    pub after: usize,
    /// Between neighbours.
    pub between: usize,
}

/// x among elements `value`, one margin for each dimension.
#[derive(Clone, Debug)]
pub struct Pad {
    /// The margins.
    pub margins: SmallVec<[Margin; 3]>,
    /// What stands in them.
    pub value: f64,
}

impl PartialEq for Pad {
    /// To the bit: -0 is not 0.
    fn eq(&self, other: &Pad) -> bool {
        self.margins == other.margins && self.value.to_bits() == other.value.to_bits()
    }
}

impl Pad {
    /// What `x` becomes inside the result.
    fn inside(&self, shape: &[usize]) -> SmallVec<[Range; 3]> {
        let range = |(m, &len): (&Margin, &usize)| Range { start: m.before, len, step: m.between as isize + 1 };
        self.margins.iter().zip(shape).map(range).collect()
    }
}

impl Primitive for Pad {
    const SPECS: &'static [Spec] = &[Spec {
        name: "pad",
        doc: native(
            "x with `[before, after]` elements around each axis: of `value`, or of x itself as NumPy's pad has it, mirrored at the outermost element (\"reflect\") or beside it (\"symmetric\"), or the outermost one repeated (\"edge\"). Each size grows by before + after.",
        ),
        notes: notes(
            "x gets g without the margins, and in the other modes the margins added to the elements they repeat",
            "O(n)",
        ),
        inputs: &["x"],
        attrs: &[
            param("margins", Kind::Pairs),
            option("mode", Kind::Choice(&["constant", "reflect", "symmetric", "edge"]), "\"constant\""),
            option("value", Kind::Float, "0"),
        ],
        dtypes: "any",
        build: |c| {
            let (pairs, mode, value) = (c.pairs()?, c.choice(4)?, c.float()?);
            let dtype = c.x[0].dtype();
            if !dtype.holds(value) {
                return c.refuse(Code::Argument, format!("value must be one that {} holds, got {value}", dtype.name()));
            }
            let ndim = c.x[0].shape().ndim();
            if pairs.len() != ndim {
                return c.refuse(
                    Code::Argument,
                    format!("there must be one [before, after] for each of the {ndim} dimensions, got {}", pairs.len()),
                );
            }
            let place: Option<fn(i64, i64) -> i64> = match mode {
                0 => None,
                1 => Some(|i, n| if n == 1 { 0 } else { n - 1 - (i.rem_euclid(2 * n - 2) - (n - 1)).abs() }),
                2 => Some(|i, n| i.rem_euclid(2 * n).min(2 * n - 1 - i.rem_euclid(2 * n))),
                _ => Some(|i, n| i.clamp(0, n - 1)),
            };
            if let Some(place) = place {
                return surrounded(c.x[0], &pairs, "pad", place);
            }
            let margins = pairs.iter().map(|&[before, after]| Margin { before, after, between: 0 }).collect();
            c.tape.perform(Pad { margins, value }, c.x)
        },
        samples: native(&[
            Sample { x: &[Operand::Real(&[2, 3], -1.0, 1.0)], attrs: &[2.0, 1.0, 0.0, 2.0, 1.0, 0.0, 0.5] },
            Sample { x: &[Operand::Real(&[2, 3], -1.0, 1.0)], attrs: &[2.0, 3.0, 1.0, 2.0, 1.0, 1.0, 0.0] },
            Sample { x: &[Operand::Real(&[2, 3], -1.0, 1.0)], attrs: &[2.0, 3.0, 0.0, 0.0, 4.0, 2.0, 0.0] },
            Sample { x: &[Operand::Real(&[2, 3], -1.0, 1.0)], attrs: &[2.0, 1.0, 1.0, 2.0, 0.0, 3.0, 0.0] },
        ]),
    }];

    fn name(&self) -> &'static str {
        "pad"
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        let mut dims: SmallVec<[usize; MAX_DIMS]> = SmallVec::new();
        for (m, &d) in self.margins.iter().zip(x[0].shape.iter()) {
            let inner = d.saturating_sub(1).checked_mul(m.between + 1).and_then(|n| n.checked_add(d.min(1)));
            let total = inner.and_then(|n| n.checked_add(m.before)).and_then(|n| n.checked_add(m.after));
            let too_large = || Error::new(Code::Memory, "pad", "the padded tensor is larger than the address space");
            dims.push(total.ok_or_else(too_large)?);
        }
        Ok(Aval::new(Shape::new("pad", &dims)?, x[0].dtype))
    }

    fn eval(&self, x: &mut Arrays, out: Aval) -> Result<Array> {
        let x = &x[0];
        let ranges = self.inside(&x.shape());
        let part = |layout: Layout, (axis, r): (usize, &Range)| layout.slice(axis, r.start, r.len, r.step);
        let place = ranges.iter().enumerate().fold(Layout::contiguous(out.shape), part);
        let mut y = Array::filled(self.value, out.shape, out.dtype)?;
        y.place(x, &place);
        Ok(y)
    }

    fn batch<'t>(&self, x: &[Batched<'t>], _: usize) -> Option<Var<'t>> {
        let mut margins = self.margins.clone();
        margins.insert(0, Margin::default());
        Some(x[0].var.apply(Pad { margins, value: self.value }))
    }

    fn vjp<'t>(&self, _: usize, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        Some(g.apply(Slice { ranges: self.inside(&x[0].shape()) }))
    }

    fn jvp<'t>(&self, _: &[Var<'t>], _: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        t[0].map(|t| t.apply(Pad { value: 0.0, ..self.clone() }))
    }
}
