//! Every operation gives the same bits however its operands lie: permuted, sliced, reversed, expanded, inside something
//! larger. And it has an answer, or a refusal, for empty tensors, scalars and attributes of any kind.

mod common;

use common::{Case, Input, Rng, array, bits, cases, code, float64, floats, numbers, shape};
use wengert::array::Array;
use wengert::buffer;
use wengert::dtype::DType;
use wengert::layout::Layout;
use wengert::shape::Shape;
use wengert::tape::Tape;
use wengert::var::Var;

/// Ways in which the elements of an array can lie.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// The dimensions in reverse order.
    Permuted,
    /// The last two dimensions exchanged.
    Transposed,
    /// Every second element of something larger, from the middle.
    Sliced,
    /// Every dimension backwards.
    Reversed,
    /// Backwards with steps, permuted.
    Tangled,
    /// Behind other elements of the same buffer.
    Offset,
}

const PLACES: [Place; 6] =
    [Place::Permuted, Place::Transposed, Place::Sliced, Place::Reversed, Place::Tangled, Place::Offset];

/// The same elements as `x`, lying as `place` says.
fn lay(x: &Array, place: Place) -> Array {
    let dims = x.shape();
    let n = dims.ndim();
    let reverse: Vec<usize> = (0..n).rev().collect();
    let swapped: Vec<usize> = (0..n).map(|k| if n > 1 && k >= n - 2 { 2 * n - 3 - k } else { k }).collect();
    let (order, step, before): (Vec<usize>, isize, usize) = match place {
        Place::Permuted => (reverse, 1, 0),
        Place::Transposed => (swapped, 1, 0),
        Place::Sliced => ((0..n).collect(), 2, 1),
        Place::Reversed => ((0..n).collect(), -1, 0),
        Place::Tangled => (reverse, -3, 2),
        Place::Offset => ((0..n).collect(), 1, 3),
    };
    let stride = step.unsigned_abs();
    let host = |&axis: &usize| before + dims[axis].saturating_sub(1) * stride + dims[axis].min(1) + 1;
    let host_dims: Vec<usize> = order.iter().map(host).collect();
    let mut layout = Layout::contiguous(shape(&host_dims));
    for (k, &axis) in order.iter().enumerate() {
        let d = dims[axis];
        let first = if step > 0 { before } else { before + d.saturating_sub(1) * stride };
        layout = layout.slice(k, first, d, step);
    }
    let mut inverse = order.clone();
    for (k, &axis) in order.iter().enumerate() {
        inverse[axis] = k;
    }
    let layout = layout.permute(&inverse);
    // Everything else in the buffer is something that would be noticed.
    let mut values = vec![if x.dtype == DType::Bool { 1.0 } else { 77.0 }; host_dims.iter().product()];
    let mut index = vec![0usize; n];
    for value in numbers(x) {
        let at: isize = index.iter().zip(layout.strides()).map(|(&i, &s)| i as isize * s).sum();
        values[layout.offset.wrapping_add_signed(at)] = value;
        for axis in (0..n).rev() {
            index[axis] += 1;
            if index[axis] < dims[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    let laid = array(&host_dims, x.dtype, &values).view(layout);
    assert_eq!(bits(&laid), bits(x), "{place:?}");
    laid
}

/// Value and fused gradients, as bits; or the sentence of the refusal.
fn results(case: &Case, x: &[Array]) -> Result<Vec<Vec<u64>>, String> {
    let tape = Tape::new();
    tape.begin();
    let mut inputs: Vec<Var<'_>> = x.iter().map(|x| tape.leaf(x.clone())).collect();
    let by = floats(x);
    for &i in &by {
        inputs[i] = tape.variable(inputs[i]).unwrap();
    }
    let run = || -> wengert::error::Result<Vec<Vec<u64>>> {
        // A view may be of any size: it has a derivative here when its elements fit in memory.
        case.value(x)?.to_f64s()?;
        let y = case.call(&tape, &inputs)?;
        let variables: Vec<Var<'_>> = by.iter().map(|&i| inputs[i]).collect();
        let mut all = if y.dtype().is_float() { tape.pullback(&[y], &[None], &variables, true)? } else { Vec::new() };
        all.push(y);
        tape.end(&all)?;
        all.into_iter().map(|y| Ok(bits(&tape.read(y)?))).collect()
    };
    // Bytes in use are no matter of the operands.
    run().map_err(|e| e.to_string().split(" could not be allocated").next().unwrap_or_default().to_string())
}

#[test]
fn every_operation_is_the_same_on_every_layout() {
    for (k, case) in cases().into_iter().enumerate() {
        for dtype in DType::ALL {
            let seed = k as u64;
            let x = case.inputs(dtype, &mut Rng(seed));
            let dense = results(&case, &x);
            for place in PLACES {
                let laid: Vec<Array> = x.iter().map(|x| lay(x, place)).collect();
                let of = || format!("{} {:?} {:?}, {dtype:?}, {place:?}, seed {seed}", case.name, case.x, case.attrs);
                assert_eq!(results(&case, &laid), dense, "{}", of());
                // One operand at a time, the others dense.
                for i in (0..x.len()).filter(|_| x.len() > 1) {
                    let mut mixed = x.clone();
                    mixed[i] = laid[i].clone();
                    assert_eq!(results(&case, &mixed), dense, "operand {i} of {}", of());
                }
            }
        }
    }
}

/// The same with lines longer than the blocks in which kernels take strided operands.
#[test]
fn long_operands_are_the_same_on_every_layout() {
    let mut answered = 0;
    for (k, case) in cases().into_iter().enumerate() {
        for sizes in [[3, 530], [530, 3]] {
            let longer = |d: usize| [0, 1, sizes[0], sizes[1], 9, 5, 6].get(d).copied().unwrap_or(d);
            let longer = |x: &Input| x.with_dims(x.dims().into_iter().map(longer).collect());
            let case = Case { x: case.x.iter().map(longer).collect(), ..case.clone() };
            if case.x.iter().any(|x| x.dims().iter().product::<usize>() > 100_000) {
                continue; // images and volumes of such sides
            }
            let x = case.inputs(DType::Float32, &mut Rng(k as u64));
            let dense = results(&case, &x);
            answered += usize::from(dense.is_ok());
            for place in [Place::Permuted, Place::Sliced, Place::Reversed] {
                let laid: Vec<Array> = x.iter().map(|x| lay(x, place)).collect();
                assert!(results(&case, &laid) == dense, "{} {:?} {:?}, {place:?}", case.name, case.x, case.attrs);
            }
        }
    }
    assert!(answered > 200, "only {answered} cases had an answer");
}

#[test]
fn every_operation_is_the_same_on_expanded_operands() {
    for (k, case) in cases().into_iter().enumerate() {
        for dtype in DType::ALL {
            let mut rng = Rng(k as u64);
            let x = case.inputs(dtype, &mut rng);
            for axis in 0..4 {
                // One element along the axis, repeated with a stride of 0.
                let expand = |x: &Array| {
                    if axis >= x.shape().ndim() {
                        return x.clone();
                    }
                    x.view(x.layout().slice(axis, 0, 1, 1).expand(x.shape()))
                };
                let expanded: Vec<Array> = x.iter().map(expand).collect();
                let copies: Vec<Array> = expanded.iter().map(|x| array(&x.shape(), x.dtype, &numbers(x))).collect();
                let of = || format!("{} {:?} {:?}, {dtype:?}, axis {axis}, seed {k}", case.name, case.x, case.attrs);
                assert_eq!(results(&case, &expanded), results(&case, &copies), "{}", of());
            }
        }
    }
}

/// Tests that no case gets past its checks with shapes, dtypes or attributes it cannot handle: it gives a result or a
/// refusal in its name, on every layout, and leaves no bytes behind.
fn answers_or_refuses(case: &Case, dtype: DType, seed: u64) {
    let before = buffer::memory().live;
    let x = case.inputs(dtype, &mut Rng(seed));
    let dense = results(case, &x);
    let laid: Vec<Array> = x.iter().map(|x| lay(x, Place::Tangled)).collect();
    assert_eq!(results(case, &laid), dense, "{} {:?} {:?}", case.name, case.x, case.attrs);
    if let Err(sentence) = &dense {
        assert!(sentence.contains(": "), "{}: {sentence}", case.name);
    }
    drop((x, laid));
    assert_eq!(buffer::memory().live, before, "{} {:?} {:?}", case.name, case.x, case.attrs);
}

#[test]
fn empty_tensors_are_answered() {
    let mut answered = 0;
    for (k, case) in cases().into_iter().enumerate() {
        let mut sizes: Vec<usize> = case.x.iter().flat_map(Input::dims).collect();
        sizes.sort_unstable();
        sizes.dedup();
        for size in sizes {
            // Every dimension of this size becomes 0, in the operands and in the attributes.
            let empty = |x: &Input| x.with_dims(x.dims().into_iter().map(|d| if d == size { 0 } else { d }).collect());
            let x: Vec<Input> = case.x.iter().map(empty).collect();
            for replace in [false, true] {
                let mut case = Case { x: x.clone(), ..case.clone() };
                if replace {
                    case.attrs.iter_mut().filter(|a| **a == size as f64).for_each(|a| *a = 0.0);
                }
                for dtype in [DType::Float64, DType::Int32] {
                    answers_or_refuses(&case, dtype, k as u64);
                }
                answered += usize::from(case.value(&case.inputs(DType::Float64, &mut Rng(0))).is_ok());
            }
        }
    }
    assert!(answered > 150, "only {answered} empty cases had an answer");
}

#[test]
fn scalars_are_answered() {
    for (k, case) in cases().into_iter().enumerate() {
        let scalar = |x: &Input| x.with_dims(Vec::new());
        answers_or_refuses(&Case { x: case.x.iter().map(scalar).collect(), ..case.clone() }, DType::Float64, k as u64);
        let one = |x: &Input| x.with_dims(vec![1]);
        answers_or_refuses(&Case { x: case.x.iter().map(one).collect(), ..case.clone() }, DType::Float64, k as u64);
    }
}

#[test]
fn any_attribute_is_answered() {
    let strange = [f64::NAN, 0.5, -1.0, -7.0, 0.0, 1.0, 9.0, 1e15, -1e15, 1e300, f64::INFINITY, f64::NEG_INFINITY];
    for (k, case) in cases().into_iter().enumerate() {
        for i in 0..=case.attrs.len() {
            for value in strange {
                let mut case = case.clone();
                match case.attrs.get_mut(i) {
                    Some(attr) => *attr = value,
                    None => case.attrs.truncate(case.attrs.len().saturating_sub(1)),
                }
                answers_or_refuses(&case, DType::Float64, k as u64);
            }
        }
    }
}

#[test]
fn any_number_of_operands_is_answered() {
    for (k, case) in cases().into_iter().enumerate() {
        for count in 0..5 {
            let x: Vec<Input> =
                case.x.iter().cloned().cycle().take(if case.x.is_empty() { 0 } else { count }).collect();
            if x.len() == case.x.len() {
                continue;
            }
            let wrong = Case { x, ..case.clone() };
            answers_or_refuses(&wrong, DType::Float64, k as u64);
            let refused = wrong.value(&wrong.inputs(DType::Float64, &mut Rng(0))).is_err();
            let flexible = ["concat", "stack", "linear"].contains(&&case.name[..]);
            assert!(refused || flexible, "{} took {count} operands", case.name);
        }
    }
}

/// A reduction by its definition.
type Plain = fn(&[f64]) -> f64;

/// Reductions over every set of axes of cubes, in which a copy cannot be told from its original by its shape.
#[test]
fn reductions_over_any_axes_equal_the_plain_loop() {
    let mut rng = Rng(3);
    for dims in [&[2, 2, 2][..], &[3, 3, 3], &[2, 2, 2, 2], &[2, 3, 2], &[4, 1, 4], &[3, 2, 2, 3]] {
        let n = dims.len();
        let values: Vec<f64> = (0..dims.iter().product()).map(|_| rng.below(7) as f64 - 3.0).collect();
        let x = float64(dims, &values);
        for axes in 0u32..1 << n {
            let inside = |axis: usize| axes & (1 << axis) != 0;
            let kept: Vec<usize> = (0..n).map(|k| if inside(k) { 1 } else { dims[k] }).collect();
            let mut groups: Vec<Vec<f64>> = vec![Vec::new(); kept.iter().product()];
            for (place, &value) in values.iter().enumerate() {
                let (mut rest, mut at, mut scale) = (place, 0, 1);
                for axis in (0..n).rev() {
                    let index = rest % dims[axis];
                    rest /= dims[axis];
                    if !inside(axis) {
                        at += index * scale;
                        scale *= dims[axis];
                    }
                }
                groups[at].push(value);
            }
            let list: Vec<f64> = (0..n).filter(|&k| inside(k)).map(|k| k as f64).collect();
            let attrs: Vec<f64> = [list.len() as f64].into_iter().chain(list).chain([1.0]).collect();
            let expect: [(&str, Plain); 5] = [
                ("sum", |g| g.iter().sum()),
                ("max", |g| g.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
                ("min", |g| g.iter().copied().fold(f64::INFINITY, f64::min)),
                ("prod", |g| g.iter().product()),
                ("mean", |g| g.iter().sum::<f64>() / g.len() as f64),
            ];
            for (name, f) in expect {
                let case = Case { name: name.into(), code: code(name), x: Vec::new(), attrs: attrs.clone() };
                let expected: Vec<f64> = groups.iter().map(|g| f(g)).collect();
                for laid in PLACES.map(|place| lay(&x, place)).into_iter().chain([x.clone()]) {
                    let y = case.value(&[laid]).unwrap();
                    assert_eq!(y.shape(), shape(&kept), "{name} of {dims:?} over {axes:b}");
                    assert_eq!(numbers(&y), expected, "{name} of {dims:?} over {axes:b}");
                }
            }
        }
    }
}

#[test]
fn views_copy_nothing() {
    let x = float64(&[4, 6], &Rng(1).reals(24, 0.0, 1.0));
    let before = buffer::memory().live;
    let mut views = Vec::new();
    let inf = f64::INFINITY;
    for (name, attrs) in [
        ("permute", vec![2.0, 1.0, 0.0]),
        ("transpose", vec![]),
        ("broadcastTo", vec![3.0, 5.0, 4.0, 6.0]),
        ("slice", vec![2.0, inf, inf, -2.0, 1.0, 5.0, 3.0]),
        ("flip", vec![-1.0]),
        ("reshape", vec![3.0, 2.0, -1.0, 3.0]),
        ("flatten", vec![]),
        ("expandDims", vec![1.0]),
        ("at", vec![-1.0]),
        ("stopGradient", vec![]),
    ] {
        let case = Case { name: name.into(), code: code(name), x: Vec::new(), attrs };
        views.push(case.value(std::slice::from_ref(&x)).unwrap());
        assert_eq!(buffer::memory().live, before, "{name} copied");
    }
    assert_eq!(views[3].shape(), Shape::new("test", &[2, 2]).unwrap());
}
