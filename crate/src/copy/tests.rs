//! Copies against the definition of a layout, for every dtype's size.

use super::*;
use crate::dtype::Elem;
use crate::shape::Shape;

/// Elements that `from_layout` names in `from` are written, in its order, to those that `to_layout` names in `to`.
///
/// The layouts must have the same shape and lie inside their slices.
fn copy<T: Elem>(from: &[T], from_layout: &Layout, to: &mut [T], to_layout: &Layout) {
    let inside = fits(from_layout, from.len()) && fits(to_layout, to.len());
    assert!(inside && from_layout.shape == to_layout.shape, "a copy between layouts that do not fit");
    // SAFETY: every element of both layouts lies inside its slice, and the slices do not overlap.
    unsafe { bits(from.as_ptr().cast(), from_layout, to.as_mut_ptr().cast(), to_layout, size_of::<T>()) };
}

/// The elements that `layout` names in `from`, row-major: `to` has exactly as many.
fn gather<T: Elem>(from: &[T], layout: &Layout, to: &mut [T]) {
    copy(from, layout, to, &Layout::contiguous(layout.shape));
}

/// Writes row-major elements, exactly as many, to the places that `layout` names in `to`.
fn scatter<T: Elem>(from: &[T], to: &mut [T], layout: &Layout) {
    copy(from, &Layout::contiguous(layout.shape), to, layout);
}

/// The positions that a layout names, in row-major order.
fn positions(layout: &Layout) -> Vec<usize> {
    let mut at = vec![layout.offset as isize];
    for (&d, &stride) in layout.shape.iter().zip(layout.strides()) {
        at = at.iter().flat_map(|&p| (0..d as isize).map(move |i| p + i * stride)).collect();
    }
    at.into_iter().map(|p| p as usize).collect()
}

fn check<T: Elem + PartialEq + Default + std::fmt::Debug>(layout: &Layout, len: usize, make: impl Fn(usize) -> T) {
    let from: Vec<T> = (0..len).map(&make).collect();
    let places = positions(layout);
    let expected: Vec<T> = places.iter().map(|&p| from[p]).collect();
    let mut dense = vec![T::default(); places.len()];
    gather(&from, layout, &mut dense);
    assert_eq!(dense, expected, "{layout:?}");
    if layout.strides().iter().zip(layout.shape.iter()).any(|(&s, &d)| s == 0 && d > 1) {
        return;
    }
    let mut back = from.clone();
    for &p in &places {
        back[p] = T::default();
    }
    scatter(&dense, &mut back, layout);
    assert_eq!(back, from, "{layout:?}");
}

#[test]
fn gather_and_scatter_follow_the_layout() {
    let of = |dims: &[usize]| Layout::contiguous(Shape::of(dims));
    let mut layouts = vec![of(&[]), of(&[7]), of(&[0, 3]), of(&[3, 1, 5])];
    for dims in [[4, 4], [5, 9], [1, 6], [16, 33], [40, 17], [3, 70], [64, 64]] {
        let t = of(&dims).permute(&[1, 0]);
        layouts.extend([t, t.slice(0, dims[1] - 1, dims[1], -1), t.slice(1, dims[0] - 1, dims[0], -1)]);
        layouts.push(of(&dims).slice(1, 0, dims[1].div_ceil(2), 2));
        layouts.push(of(&dims).slice(0, 0, dims[0].div_ceil(3), 3).slice(1, dims[1] - 1, dims[1], -1));
    }
    for axes in [[0, 1, 2, 3], [3, 2, 1, 0], [0, 2, 1, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 0, 1, 2], [0, 1, 3, 2]] {
        layouts.push(of(&[4, 5, 6, 7]).permute(&axes));
        layouts.push(of(&[4, 5, 6, 7]).slice(2, 4, 2, -3).permute(&axes));
    }
    layouts.push(of(&[3, 1]).expand(Shape::of(&[2, 3, 8])));
    layouts.push(of(&[8]).expand(Shape::of(&[5, 3, 8])));
    layouts.push(of(&[8, 1]).expand(Shape::of(&[8, 9])).permute(&[1, 0]));
    layouts.push(of(&[]).expand(Shape::of(&[6, 7])));
    for layout in &layouts {
        check::<f32>(layout, 5000, |i| i as f32);
        check::<f64>(layout, 5000, |i| i as f64);
        check::<i32>(layout, 5000, |i| i as i32);
        check::<u8>(layout, 5000, |i| (i % 251) as u8);
    }
}

#[test]
fn bits_are_kept() {
    let nan = f32::from_bits(0x7fa0_1234);
    let from = [nan, -0.0, 1.0, nan];
    let mut to = [0.0; 4];
    gather(&from, &Layout::contiguous(Shape::of(&[2, 2])).permute(&[1, 0]), &mut to);
    assert_eq!(to.map(f32::to_bits), [from[0], from[2], from[1], from[3]].map(f32::to_bits));
}
