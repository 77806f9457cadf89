//! Einstein's summation: products of tensors with named axes, as matrix products of pairs.

use crate::call::{Call, Kind, Operand, Sample, Spec, native, notes, param};
use crate::dtype::DType;
use crate::elementwise::Test;
use crate::error::{Code, Result};
use crate::ops::iota::Iota;
use crate::shape::{AxisSet, Shape};
use crate::var::Var;

/// "ij,jk->ik" as it arrives: its length, then its characters.
const MATMUL: &[f64] = &[9.0, 105.0, 106.0, 44.0, 106.0, 107.0, 45.0, 62.0, 105.0, 107.0];
/// "bij,bj->ib".
const BATCH: &[f64] = &[10.0, 98.0, 105.0, 106.0, 44.0, 98.0, 106.0, 45.0, 62.0, 105.0, 98.0];
/// "ii".
const TRACE: &[f64] = &[2.0, 105.0, 105.0];

pub const SPECS: &[Spec] = &[Spec {
    name: "einsum",
    doc: native(
        "Einstein's summation: `einsum(\"ij,jk->ik\", a, b)`. One letter for each axis; letters that are not in the result are summed over. Without `->`, the result has the letters that occur once, in alphabetical order. A letter is one size wherever it stands.",
    ),
    notes: notes(
        "each tensor gets the einsum of g with the others, its letters the result",
        "that of one matrix product after the other, from left to right",
    ),
    inputs: &["..xs"],
    attrs: &[param("equation", Kind::Text)],
    dtypes: "float",
    build: einsum,
    samples: native(&[
        Sample { x: &[Operand::Real(&[2, 3], -1.0, 1.0), Operand::Real(&[3, 4], -1.0, 1.0)], attrs: MATMUL },
        Sample { x: &[Operand::Real(&[2, 3, 4], -1.0, 1.0), Operand::Real(&[2, 4], -1.0, 1.0)], attrs: BATCH },
        Sample { x: &[Operand::Real(&[3, 3], -1.0, 1.0)], attrs: TRACE },
    ]),
}];

/// A tensor whose axes have names.
struct Named<'t> {
    x: Var<'t>,
    axes: Vec<char>,
}

fn einsum<'t>(c: &mut Call<'_, 't>) -> Result<Var<'t>> {
    c.need_float()?;
    let equation: String = c.text()?.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (&equation[..], None),
    };
    let terms: Vec<Vec<char>> = left.split(',').map(|term| term.chars().collect()).collect();
    let letters: Vec<char> = terms.iter().flatten().copied().collect();
    if terms.len() != c.x.len() {
        return c.refuse(Code::Argument, format!("\"{equation}\" names {} tensors, got {}", terms.len(), c.x.len()));
    }
    if let Some(bad) =
        letters.iter().chain(right.unwrap_or("").chars().collect::<Vec<_>>().iter()).find(|c| !c.is_alphabetic())
    {
        return c.refuse(Code::Argument, format!("axes must be letters, got \"{bad}\" in \"{equation}\""));
    }
    let result: Vec<char> = match right {
        Some(right) => right.chars().collect(),
        None => {
            let mut once: Vec<char> =
                letters.iter().copied().filter(|l| letters.iter().filter(|m| *m == l).count() == 1).collect();
            once.sort_unstable();
            once
        }
    };
    for (k, l) in result.iter().enumerate() {
        if !letters.contains(l) || result[..k].contains(l) {
            return c.refuse(
                Code::Argument,
                format!(
                    "each axis of the result must stand once there and in an operand, got \"{l}\" in \"{equation}\""
                ),
            );
        }
    }
    let mut sizes: Vec<(char, usize)> = Vec::new();
    let mut operands = Vec::new();
    for (x, axes) in c.x.iter().zip(terms) {
        if x.shape().ndim() != axes.len() {
            let term: String = axes.iter().collect();
            return c.refuse(
                Code::Shape,
                format!("\"{term}\" must name each dimension, got a tensor of shape {}", x.shape()),
            );
        }
        for (&l, &d) in axes.iter().zip(x.shape().iter()) {
            match sizes.iter().find(|s| s.0 == l) {
                Some(&(_, size)) if size != d => {
                    return c.refuse(Code::Shape, format!("axis \"{l}\" must have one size, got {size} and {d}"));
                }
                Some(_) => (),
                None => sizes.push((l, d)),
            }
        }
        operands.push(diagonal(Named { x: *x, axes })?);
    }
    let mut operands = operands.into_iter();
    let Some(first) = operands.next() else { return c.refuse(Code::Argument, "there must be at least one tensor") };
    let mut rest: Vec<Named<'t>> = operands.collect();
    let mut product = first;
    while !rest.is_empty() {
        let next = rest.remove(0);
        let needed = |l: &char| result.contains(l) || rest.iter().any(|r| r.axes.contains(l));
        product = contract(product, next, needed)?;
    }
    let product = sum_out(product, |l| result.contains(l));
    let order: Vec<usize> = result.iter().filter_map(|l| product.axes.iter().position(|m| m == l)).collect();
    Ok(product.x.permute(&order))
}

/// Axes that occur twice in one operand become one: its diagonal.
fn diagonal(mut t: Named<'_>) -> Result<Named<'_>> {
    while let Some((i, j)) = (0..t.axes.len()).find_map(|j| (0..j).find(|&i| t.axes[i] == t.axes[j]).map(|i| (i, j))) {
        let shape = t.x.shape();
        let place = |axis: usize| -> Result<Var<'_>> {
            let iota = t.x.tape().record(Iota { len: shape[axis], start: 0.0, step: 1.0, dtype: DType::Int32 }, &[])?;
            let mut dims = vec![1; shape.ndim()];
            dims[axis] = shape[axis];
            Ok(iota.reshape(Shape::of(&dims)))
        };
        let on = place(i)?.test(Test::Equal, place(j)?);
        let x = <Var<'_> as crate::real::Real>::select(on, t.x, t.x.full_like(0.0));
        t.x = x.sum(AxisSet::from_iter([j]), false);
        t.axes.remove(j);
    }
    Ok(t)
}

/// Sums over the axes that are not wanted.
fn sum_out(t: Named<'_>, wanted: impl Fn(&char) -> bool) -> Named<'_> {
    let axes: AxisSet = (0..t.axes.len()).filter(|&k| !wanted(&t.axes[k])).collect();
    let kept = t.axes.iter().copied().filter(|l| wanted(l)).collect();
    Named { x: t.x.sum(axes, false), axes: kept }
}

/// The product of two tensors, summed over the axes that nobody needs later: one batched matrix product.
fn contract<'t>(a: Named<'t>, b: Named<'t>, needed: impl Fn(&char) -> bool) -> Result<Named<'t>> {
    // What only one of them has and nobody needs is summed first.
    let a = sum_out(a, |l| needed(l) || b.axes.contains(l));
    let b = sum_out(b, |l| needed(l) || a.axes.contains(l));
    let shared = |l: &&char| a.axes.contains(l) && b.axes.contains(l);
    let batch: Vec<char> = a.axes.iter().filter(shared).filter(|l| needed(l)).copied().collect();
    let inner: Vec<char> = a.axes.iter().filter(shared).filter(|l| !needed(l)).copied().collect();
    let rows: Vec<char> = a.axes.iter().filter(|l| !b.axes.contains(l)).copied().collect();
    let columns: Vec<char> = b.axes.iter().filter(|l| !a.axes.contains(l)).copied().collect();
    let size = |letters: &[char]| -> usize {
        let of = |l: &char| {
            a.axes.iter().position(|m| m == l).map_or_else(|| b.x.shape()[position(&b.axes, l)], |k| a.x.shape()[k])
        };
        letters.iter().map(of).product()
    };
    let arrange = |t: &Named<'t>, groups: [&[char]; 3]| {
        let order: Vec<usize> = groups.iter().flat_map(|g| g.iter()).map(|l| position(&t.axes, l)).collect();
        t.x.permute(&order).reshape(Shape::of(&groups.map(&size)))
    };
    let left = arrange(&a, [&batch, &rows, &inner]);
    let right = arrange(&b, [&batch, &inner, &columns]);
    let axes: Vec<char> = batch.iter().chain(&rows).chain(&columns).copied().collect();
    let dims: Vec<usize> = axes.iter().map(|l| size(&[*l])).collect();
    Ok(Named { x: left.matmul(right).reshape(Shape::new("einsum", &dims)?), axes })
}

fn position(axes: &[char], letter: &char) -> usize {
    axes.iter().position(|l| l == letter).unwrap_or(0)
}
