//! Gradients of programs that were met before come from a plan: the same bits, and never those of another program.

mod common;

use common::{Rng, array, bits, cases, float64, is_differentiable, numbers};
use wengert::array::Array;
use wengert::buffer;
use wengert::dtype::DType;
use wengert::elementwise::Func;
use wengert::error::Result;
use wengert::known::{LARGEST, WALKED};
use wengert::ops::gather::Gather;
use wengert::ops::sum::Sum;
use wengert::real::Real;
use wengert::shape::AxisSet;
use wengert::tape::Tape;
use wengert::var::Var;

/// A function with one number as result, and what else it returns.
type Function<'a> = &'a dyn for<'t> Fn(&[Var<'t>]) -> Result<(Var<'t>, Vec<Var<'t>>)>;

/// The values of the other results and of the gradients, and whether they came from a plan.
fn gradients(tape: &Tape, x: &[Array], f: Function<'_>) -> Result<(Vec<Array>, bool)> {
    tape.begin();
    let found = (|| {
        let xs: Vec<Var<'_>> = x.iter().map(|x| tape.leaf(x.clone())).collect();
        let (y, mut all) = f(&xs)?;
        let by: Vec<Var<'_>> = xs.iter().copied().filter(|x| x.dtype().is_float()).collect();
        let gradients = tape.gradients(y, &by, &all)?;
        let known = gradients.iter().all(|g| g.value().is_some());
        all.extend(gradients);
        Ok((all, known))
    })();
    let (all, known) = match found {
        Ok(found) => found,
        Err(e) => {
            tape.end(&[]).unwrap();
            tape.sweep();
            return Err(e);
        }
    };
    let ended = tape.end(&all);
    let values = ended.and_then(|()| all.iter().map(|&y| tape.read(y)).collect());
    tape.sweep();
    Ok((values?, known))
}

/// The same on a tape that has met nothing.
fn fresh(x: &[Array], f: Function<'_>) -> Vec<Array> {
    let (values, known) = gradients(&Tape::new(), x, f).unwrap();
    assert!(!known);
    values
}

fn same(a: &[Array], b: &[Array], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (a, b) in a.iter().zip(b) {
        assert_eq!((a.shape(), a.dtype, bits(a)), (b.shape(), b.dtype, bits(b)), "{what}");
    }
}

fn total(x: Var<'_>) -> Var<'_> {
    x.apply(Sum { axes: AxisSet::all(x.shape().ndim()), keep_dims: false })
}

#[test]
fn every_operation_has_the_same_bits_each_time() {
    let mut rng = Rng(3);
    for case in cases() {
        for real in [DType::Float32, DType::Float64] {
            let tape = Tape::new();
            let x = case.inputs(real, &mut rng);
            let Ok(y) = case.value(&x) else { continue };
            if !is_differentiable(&x, &y) {
                continue;
            }
            let f: Function<'_> = &|x| {
                let y = case.call(x[0].tape(), x)?;
                Ok((total(y.map(Func::Sin)), vec![y]))
            };
            for time in 0..WALKED + 2 {
                let x: Vec<Array> = case.inputs(real, &mut rng);
                let (values, known) = gradients(&tape, &x, f).unwrap();
                same(&values, &fresh(&x, f), &format!("{}, time {time}", case.name));
                assert_eq!(known, time >= WALKED, "{}", case.name);
            }
        }
    }
}

#[test]
fn a_program_is_known_by_everything_in_it() {
    let tape = Tape::new();
    let vector = float64(&[3], &[0.5, -1.0, 2.0]);
    let single = array(&[3], DType::Float32, &[0.5, -1.0, 2.0]);
    let pair = float64(&[2], &[0.5, -1.0]);
    let by = |c: f64, x: &Array, what: &str| {
        let f: Function<'_> = &move |x| Ok((total((x[0] * x[0].lit(c)).map(Func::Sin)), vec![]));
        let (values, known) = gradients(&tape, std::slice::from_ref(x), f).unwrap();
        same(&values, &fresh(std::slice::from_ref(x), f), what);
        known
    };
    // Constants, +0 and -0 among them, shapes and dtypes; each of the programs by itself, in any order.
    for time in 0..WALKED + 2 {
        for (c, x, what) in [
            (2.0, &vector, "a vector"),
            (3.0, &vector, "another constant"),
            (0.0, &vector, "zero"),
            (-0.0, &vector, "minus zero"),
            (2.0, &single, "another dtype"),
            (2.0, &pair, "another shape"),
        ] {
            assert_eq!(by(c, x, what), time >= WALKED, "{what}, time {time}");
        }
    }
}

#[test]
fn programs_that_differ_in_one_thing_are_not_taken_for_each_other() {
    let tape = Tape::new();
    let x = [float64(&[2, 2], &[0.5, -1.0, 2.0, 0.25]), float64(&[2, 2], &[1.5, 0.75, -0.5, 3.0])];
    fn along(x: Var<'_>, axis: usize) -> Var<'_> {
        let sums = x.apply(Sum { axes: AxisSet::from_iter([axis]), keep_dims: false });
        total(sums.map(Func::Exp))
    }
    let programs: [(&str, Function<'_>); 10] = [
        ("sin", &|x| Ok((total(x[0].map(Func::Sin)), vec![]))),
        ("cos", &|x| Ok((total(x[0].map(Func::Cos)), vec![]))),
        ("x - y", &|x| Ok((total((x[0] - x[1]).square()), vec![]))),
        ("y - x, squared", &|x| Ok((total((x[1] - x[0]).square() * x[0]), vec![]))),
        ("x - y, squared", &|x| Ok((total((x[0] - x[1]).square() * x[0]), vec![]))),
        ("x x", &|x| Ok((total(x[0] * x[0]), vec![]))),
        ("x y", &|x| Ok((total(x[0] * x[1]), vec![]))),
        ("y y", &|x| Ok((total(x[1] * x[1]), vec![]))),
        ("columns", &|x| Ok((along(x[0], 0), vec![]))),
        ("rows", &|x| Ok((along(x[0], 1), vec![]))),
    ];
    for time in 0..WALKED + 3 {
        for (name, f) in programs {
            let (values, known) = gradients(&tape, &x, f).unwrap();
            same(&values, &fresh(&x, f), name);
            assert_eq!(known, time >= WALKED, "{name}");
        }
    }
}

#[test]
fn some_programs_are_walked_each_time() {
    let x = [float64(&[2], &[0.5, -1.0])];
    let again: Function<'_> = &|x| {
        let tape = x[0].tape();
        let start = tape.clock();
        let y = tape.checkpoint(x[0].map(Func::Sin), start, false)?;
        Ok((total(y), vec![]))
    };
    let long: Function<'_> = &|x| {
        let y = (0..LARGEST).fold(x[0], |y, _| -y);
        Ok((total(y), vec![]))
    };
    for f in [again, long] {
        let tape = Tape::new();
        for _ in 0..WALKED + 3 {
            let (values, known) = gradients(&tape, &x, f).unwrap();
            same(&values, &fresh(&x, f), "walked");
            assert!(!known);
        }
    }
    // A tape that is watched sees every operation.
    let tape = Tape::new();
    let f: Function<'_> = &|x| Ok((total(x[0].map(Func::Sin)), vec![]));
    (0..WALKED + 1).for_each(|_| drop(gradients(&tape, &x, f).unwrap()));
    tape.set_watch(true);
    assert!(!gradients(&tape, &x, f).unwrap().1);
    tape.set_watch(false);
    assert!(gradients(&tape, &x, f).unwrap().1);
}

#[test]
fn captured_tensors_are_read_at_their_values_of_the_moment() {
    let tape = Tape::new();
    let x = [float64(&[2], &[1.0, 2.0])];
    for time in 0..WALKED as u32 + 3 {
        let c = tape.leaf(float64(&[2], &[f64::from(time), 3.0]));
        let handle = tape.handle(c);
        tape.sweep();
        let number = tape.handle(c);
        // By its place on the tape, as functions close over tensors.
        tape.begin();
        let v = tape.leaf(x[0].clone());
        let y = total(v * v * c);
        let g = tape.gradients(y, &[v], &[]).unwrap();
        assert_eq!(g[0].value().is_some(), time as usize >= WALKED);
        tape.end(&g).unwrap();
        assert_eq!(numbers(&tape.read(g[0]).unwrap()), [2.0 * f64::from(time), 12.0]);
        tape.release(handle);
        tape.release(number);
        tape.sweep();
    }
}

#[test]
fn roles_of_results_belong_to_the_program() {
    let tape = Tape::new();
    let x = [float64(&[], &[0.5]), float64(&[], &[2.0])];
    let product: Function<'_> = &|x| Ok((x[0] * x[1], vec![]));
    let with_value: Function<'_> = &|x| Ok((x[0] * x[1], vec![x[0] * x[1]]));
    let with_argument: Function<'_> = &|x| Ok((x[0] * x[1], vec![x[1], x[0]]));
    let constant: Function<'_> = &|x| Ok((x[0] + x[0].lit(1.0) + x[1] * x[1].lit(0.0), vec![x[0].lit(7.0)]));
    for time in 0..WALKED + 2 {
        for f in [product, with_value, with_argument, constant] {
            let (values, known) = gradients(&tape, &x, f).unwrap();
            same(&values, &fresh(&x, f), "results");
            assert_eq!(known, time >= WALKED);
        }
    }
}

#[test]
fn what_is_kept_is_the_engines_own_and_bounded() {
    let before = buffer::memory();
    let tape = Tape::new();
    let x = [float64(&[3], &[0.5, -1.0, 2.0])];
    for _ in 0..3 {
        for k in 0..40 {
            let f: Function<'_> = &move |x| Ok((total((x[0] * x[0].lit(f64::from(k))).map(Func::Sin)), vec![]));
            (0..WALKED + 1).for_each(|_| drop(gradients(&tape, &x, f).unwrap()));
        }
    }
    let own = x[0].size() * 8;
    assert_eq!(buffer::memory().live, before.live + own, "tensors");
    let aside = buffer::memory().aside - before.aside;
    assert!(aside > 0 && aside < 1 << 20, "{aside} bytes");
    drop(tape);
    assert_eq!(buffer::memory().aside, before.aside);
    assert_eq!(buffer::memory().live, before.live + own);
}

#[test]
fn a_constant_gradient_is_a_tensor_of_its_own() {
    let tape = Tape::new();
    let x = [float64(&[3], &[0.5, -1.0, 2.0])];
    let f: Function<'_> = &|x| Ok((total(x[0]), vec![]));
    let before = buffer::memory().live;
    for _ in 0..WALKED + 2 {
        let (values, _) = gradients(&tape, &x, f).unwrap();
        assert_eq!(numbers(&values[0]), [1.0; 3]);
        assert!(buffer::memory().live > before);
    }
    assert_eq!(buffer::memory().live, before);
}

#[test]
fn a_refusal_is_that_of_the_evaluator_and_nothing_is_lost() {
    let tape = Tape::new();
    let x = [float64(&[3], &[0.5, -1.0, 2.0])];
    let picked = |index: f64| {
        let indices = array(&[1], DType::Int32, &[index]);
        let f: Function<'_> = &move |x| {
            let at = x[0].tape().leaf(indices.clone());
            let one = x[0].tape().record(Gather::along(0), &[x[0], at])?;
            Ok((total(one), vec![]))
        };
        gradients(&tape, &x, f).map(|(values, known)| (numbers(&values[0]), known))
    };
    for time in 0..=WALKED {
        assert_eq!(picked(1.0).unwrap(), (vec![0.0, 1.0, 0.0], time >= WALKED));
    }
    let refusal = picked(7.0).unwrap_err();
    assert_eq!(refusal.to_string(), {
        let again = Tape::new();
        let at = again.leaf(array(&[1], DType::Int32, &[7.0]));
        let x = again.leaf(x[0].clone());
        let y = again.record(Gather::along(0), &[x, at]).unwrap();
        again.read(y).unwrap_err().to_string()
    });
    assert_eq!(picked(2.0).unwrap(), (vec![0.0, 0.0, 1.0], true));
}
