//! Values, edges and symmetries of every function in both types. The measured bounds over millions of arguments are in
//! `scripts/ulp.py`; here stands a handful for each piece of each function, so that a slip of a coefficient fails the
//! build.

use super::Float;
use crate::lanes::Lanes;
use std::f64::consts::PI;

/// A function of one argument, in single precision (all lanes alike) and in double.
type Unary = (&'static str, fn(f32) -> f32, fn(f64) -> f64);
/// A function of two arguments.
type Binary = (&'static str, fn(f32, f32) -> f32, fn(f64, f64) -> f64);

macro_rules! unary {
    ($($f:ident)+) => {
        [$((stringify!($f), |x| Float::$f(Lanes::<f32, 4>::splat(x)).0[2], |x| Float::$f(Lanes::<f64, 2>::splat(x)).0[1])),+]
    };
}

macro_rules! binary {
    ($($f:ident)+) => {
        [$((
            stringify!($f),
            |x, y| Float::$f(Lanes::<f32, 4>::splat(x), Lanes::splat(y)).0[2],
            |x, y| Float::$f(Lanes::<f64, 2>::splat(x), Lanes::splat(y)).0[1],
        )),+]
    };
}

const UNARY: [Unary; 31] = unary!(exp expm1 ln log1p log2 sin cos tan asin acos atan sinh cosh tanh erf erfinv sqrt floor
    exp2 log10 asinh acosh atanh cbrt erfc lgamma digamma silu gelu gelu_tanh mish);
const BINARY: [Binary; 7] = binary!(pow atan2 hypot exp_minus modulo floor_div polygamma);

fn unary_named(name: &str) -> Unary {
    *UNARY.iter().find(|f| f.0 == name).expect("a function of the table")
}

fn binary_named(name: &str) -> Binary {
    *BINARY.iter().find(|f| f.0 == name).expect("a function of the table")
}

/// A function's name with arguments and results.
type Values = (&'static str, &'static [(f64, f64)]);
/// As [`Values`], for two arguments.
type PairValues = (&'static str, &'static [(f64, f64, f64)]);

/// Arguments that both types have, and the exact result rounded to double: `python3 scripts/ulp.py --fixtures`, from
/// mpmath.
#[rustfmt::skip]
#[allow(clippy::approx_constant, reason = "results, some of which happen to be constants")]
const VALUES: &[Values] = &[
    ("exp", &[(9.999999682655225e-21, 1.0), (0.3465999960899353, 1.414250906320716), (-0.3465999960899353,
        0.7070881097057791), (1.0, 2.718281828459045), (-7.25, 0.000710174388842549), (50.5, 8.548134287298057e+21),
        (88.5, 2.7230878250681117e+38), (-87.5, 9.982350930569248e-39)]),
    ("expm1", &[(9.999999682655225e-21, 9.999999682655225e-21), (9.999999747378752e-05, 0.00010000499764020572), (0.375,
        0.45499141461820136), (-0.30000001192092896, -0.2591817881495235), (0.75, 1.1170000166126746), (-5.5,
        -0.995913228561536), (17.125, 27371146.346616127), (60.0, 1.1420073898156842e+26)]),
    ("ln", &[(1.0000000031710769e-30, -69.07755278665029), (0.125, -2.0794415416798357), (0.699999988079071,
        -0.35667496096863105), (0.9998999834060669, -0.00010002159592616078), (1.000100016593933,
        0.00010001159260704876), (1.5, 0.4054651081081644), (10.0, 2.302585092994046), (3.0000000054977558e+38,
        88.59684582427442)]),
    ("log1p", &[(9.999999682655225e-21, 9.999999682655225e-21), (-0.0010000000474974513, -0.0010005003811285299),
        (0.30000001192092896, 0.26236427363743636), (0.5, 0.4054651081081644), (-0.3125, -0.3746934494414107),
        (-0.9998999834060669, -9.210174446411536), (10.0, 2.3978952727983707), (3.0000000054977558e+38,
        88.59684582427442)]),
    ("log2", &[(1.0000000031710769e-30, -99.65784284204598), (0.699999988079071, -0.5145731973987085),
        (0.9998999834060669, -0.0001443006604244719), (1.000100016593933, 0.00014428622868559656), (1.5,
        0.5849625007211562), (10.0, 3.321928094887362), (1024.0, 10.0), (3.0000000054977558e+38, 127.81823010908478)]),
    ("sin", &[(9.999999682655225e-21, 9.999999682655225e-21), (0.5, 0.479425538604203), (1.5, 0.9974949866040544),
        (3.140625, 0.0009676534387822795), (22.0, -0.008851309290403876), (355.0, -3.014435335948845e-05), (100000.0,
        0.03574879797201651), (-30000000.0, -0.9641302978985832), (9.999999778196308e+21, -0.7340815352961015)]),
    ("cos", &[(9.999999682655225e-21, 1.0), (0.5, 0.8775825618903728), (1.5703125, 0.0004838267760202487), (3.140625,
        -0.9999995318233016), (11.0, 0.004425697988050785), (355.0, -0.999999999545659), (100000.0,
        -0.9993608074382124), (-30000000.0, -0.2654294043130664), (9.999999778196308e+21, 0.679061337095051)]),
    ("tan", &[(9.999999682655225e-21, 9.999999682655225e-21), (0.5, 0.5463024898437905), (0.78125, 0.9917378983632686),
        (1.5703125, 2066.8551897466036), (11.0, -225.95084645419513), (355.0, 3.0144353373184265e-05), (100000.0,
        -0.035771662952898776), (-30000000.0, 3.632341715846294), (9.999999778196308e+21, -1.0810239004865465)]),
    ("asin", &[(9.999999682655225e-21, 9.999999682655225e-21), (0.25, 0.25268025514207865), (0.5, 0.5235987755982989),
        (0.625, 0.6751315329370317), (-0.75, -0.848062078981481), (0.96875, 1.3201406644587659), (0.9998999834060669,
        1.5566528999684577), (1.0, 1.5707963267948966)]),
    ("acos", &[(9.999999682655225e-21, 1.5707963267948966), (0.25, 1.318116071652818), (0.5, 1.0471975511965979),
        (0.625, 0.895664793857865), (-0.75, 2.4188584057763776), (0.96875, 0.2506556623361308), (0.9998999834060669,
        0.014143426826438996), (-1.0, 3.141592653589793)]),
    ("atan", &[(9.999999682655225e-21, 9.999999682655225e-21), (0.25, 0.24497866312686414), (0.5, 0.4636476090008061),
        (1.0, 0.7853981633974483), (-1.5, -0.982793723247329), (2.5, 1.1902899496825317), (100.0, 1.5607966601082315),
        (1.0000000200408773e+20, 1.5707963267948966)]),
    ("sinh", &[(9.999999682655225e-21, 9.999999682655225e-21), (0.25, 0.2526123168081683), (0.96875,
        1.1275459503162708), (-1.25, -1.6019190803008256), (10.0, 11013.232874703393), (50.0, 2.592352764293536e+21),
        (-88.5, -1.3615439125340558e+38)]),
    ("cosh", &[(9.999999682655225e-21, 1.0), (0.25, 1.0314130998795732), (0.96875, 1.5071031384993603), (-1.25,
        1.8884238771610158), (10.0, 11013.232920103323), (50.0, 2.592352764293536e+21), (-88.5,
        1.3615439125340558e+38)]),
    ("tanh", &[(9.999999682655225e-21, 9.999999682655225e-21), (0.25, 0.24491866240370913), (0.625, 0.5545997223493823),
        (0.6875, 0.5963735554792423), (-1.25, -0.8482836399575129), (5.0, 0.9999092042625951), (8.5, 0.999999917201249),
        (8.75, 0.9999999497800182)]),
    ("erf", &[(9.999999682655225e-21, 1.1283791312869893e-20), (0.25, 0.27632639016823696), (0.875, 0.7840750610598597),
        (0.96875, 0.8293191505933152), (-1.0625, -0.8670582694349528), (1.5, 0.9661051464753108), (2.5,
        0.999593047982555), (3.75, 0.9999998862727434)]),
    ("erfinv", &[(9.999999682655225e-21, 8.862268973288096e-21), (0.25, 0.2253120550121781), (0.5, 0.4769362762044699),
        (-0.625, -0.627307347788559), (0.875, 1.0847870400692832), (0.9900000095367432, 1.8213866009002777),
        (0.9998999834060669, 2.7510354379032873), (0.9999998807907104, 3.7439211627767994)]),
    ("exp2", &[(9.999999682655225e-21, 1.0), (0.30000001192092896, 1.2311444235178113), (-0.5, 0.7071067811865476),
        (7.75, 215.2694823049509), (-30.25, 7.831458144390159e-10), (126.5, 1.2030798458400226e+38), (-140.5,
        5.073242350542713e-43)]),
    ("log10", &[(1.0000000031710769e-30, -29.99999999862282), (0.699999988079071, -0.15490196738173417),
        (0.9998999834060669, -4.34388271818884e-05), (1.000100016593933, 4.3434482795597335e-05), (2.0,
        0.3010299956639812), (1000.0, 3.0), (3.0000000054977558e+38, 38.47712125551554)]),
    ("asinh", &[(9.999999682655225e-21, 9.999999682655225e-21), (0.25, 0.24746646154726346), (0.96875,
        0.8591029784553028), (-1.25, -1.0475930126492587), (100.0, 5.298342365610589), (-3.0000000054977558e+38,
        -89.28999300483437)]),
    ("acosh", &[(1.0, 0.0), (1.000100016593933, 0.014143191065507597), (1.25, 0.6931471805599453), (5.0,
        2.2924316695611777), (100.0, 5.298292365610485), (3.0000000054977558e+38, 89.28999300483437)]),
    ("atanh", &[(9.999999682655225e-21, 9.999999682655225e-21), (0.25, 0.25541281188299536), (0.5, 0.5493061443340549),
        (-0.625, -0.7331685343967135), (0.9998999834060669, 4.951635808712029)]),
    ("cbrt", &[(1.0000000031710769e-30, 1.0000000010570256e-10), (0.5, 0.7937005259840998), (1.0, 1.0), (2.0,
        1.2599210498948732), (-3.0, -1.4422495703074083), (10000000000.0, 2154.4346900318837), (3.0000000054977558e+38,
        6694329504911.005)]),
    ("erfc", &[(9.999999682655225e-21, 1.0), (0.25, 0.7236736098317631), (0.4375, 0.536101864250067), (-0.25,
        1.276326390168237), (0.5, 0.4795001221869535), (1.5, 0.033894853524689274), (5.0, 1.537459794428035e-12), (9.0,
        4.13703174651381e-37), (-0.75, 1.7111556336535152), (-3.0, 1.9999779095030015)]),
    ("lgamma", &[(9.999999682655225e-21, 46.051701891615394), (0.30000001192092896, 1.095797953064734), (0.9375,
        0.039390901734582304), (1.0625, -0.03295710029357782), (1.5, -0.12078223763524522), (1.9375,
        -0.02514761940298887), (2.0625, 0.027667521522857022), (3.5, 1.2009736023470743), (8.0, 8.525161361065415),
        (20.0, 39.339884187199495), (1.0000000150474662e+30, 6.807755382926351e+31), (-0.5, 1.2655121234846454), (-5.25,
        -3.7283005108608567)]),
    ("digamma", &[(1.000000013351432e-10, -9999999867.062899), (0.30000001192092896, -3.5025240762240175), (1.0,
        -0.5772156649015329), (1.4375, -0.023613544005297898), (1.46875, 0.006865411470735777), (1.75,
        0.24747245354686118), (3.5, 1.103156640645243), (8.0, 2.01564147795561), (20.0, 2.970523992242149),
        (1.0000000150474662e+30, 69.07755280486883), (-0.25, 2.9141391202135276), (-5.25, 4.892046180473529)]),
    ("silu", &[(9.999999682655225e-21, 4.999999841327613e-21), (0.5, 0.3112296656009273), (-0.5, -0.18877033439907273),
        (1.25, 0.9716248264683639), (-5.0, -0.03346425462142428), (20.0, 19.99999995877693), (-50.0,
        -9.643749239819589e-21), (-88.0, -5.328049667953043e-37), (100.0, 100.0)]),
    ("gelu", &[(9.999999682655225e-21, 4.999999841327613e-21), (0.25, 0.14967658142073093), (-0.25,
        -0.10032341857926907), (0.75, 0.5800294857173488), (-1.0, -0.15865525393145705), (-3.0, -0.0040496940948902835),
        (4.0, 3.9998733150326675), (-9.0, -1.0157295653584566e-18), (-12.5, -4.665705373597142e-35)]),
    ("gelu_tanh", &[(9.999999682655225e-21, 4.999999841327613e-21), (0.25, 0.149675350701685), (-0.25,
        -0.100324649298315), (0.75, 0.5799605551656203), (-1.0, -0.1588080093917233), (-3.0, -0.003637392081773019),
        (4.0, 3.9999297540518075), (-9.0, -1.3364595947348725e-28), (-9.75, -3.232048641398919e-35)]),
    ("mish", &[(9.999999682655225e-21, 5.999999809593135e-21), (0.5, 0.37524521130489513), (-0.5, -0.22074377465173),
        (1.25, 1.1318703042410392), (-5.0, -0.033576237730161704), (20.0, 20.0), (-50.0, -9.643749239819589e-21),
        (-88.0, -5.328049667953043e-37), (100.0, 100.0)]),
];

/// As [`VALUES`], for two arguments.
#[rustfmt::skip]
#[allow(clippy::approx_constant, reason = "results, some of which happen to be constants")]
const PAIRS: &[PairValues] = &[
    ("pow", &[(2.0, 0.5, 1.4142135623730951), (0.5, 100.5, 5.578088954947358e-31), (1.000100016593933, 20000.0,
        7.390769466023213), (3.5, -7.0, 0.00015542600689945758), (10.0, 38.0, 1e+38), (-3.0, 3.0, -27.0), (7.25,
        0.30000001192092896, 1.8117631085444004), (1.0000000031710769e-30, 1.25, 3.162277672703161e-38)]),
    ("atan2", &[(1.0, 2.0, 0.4636476090008061), (2.0, 1.0, 1.1071487177940904), (-1.0, 2.0, -0.4636476090008061), (1.0,
        -2.0, 2.677945044588987), (-9.999999682655225e-21, -1.0, -3.141592653589793), (2.999999894026671e+30,
        9.999999747378752e-06, 1.5707963267948966), (5.0, 5.0, 0.7853981633974483), (-7.0, 0.25, -1.5350972141155725)]),
    ("exp_minus", &[(1.0, 2.0, 0.36787944117144233), (-3.25, 4.0, 0.000710174388842549), (51.0, 0.5,
        8.548134287298057e+21)]),
    ("hypot", &[(3.0, 4.0, 5.0), (1.0, -9.999999747378752e-06, 1.00000000005), (1.0000000150474662e+30,
        2.0000000300949324e+30, 2.236068011146947e+30), (3.0000000095132306e-30, 2.0000000063421537e-30,
        3.60555128689747e-30)]),
    ("modulo", &[(7.5, 2.0, 1.5), (-7.5, 2.0, 0.5), (7.5, -0.699999988079071, -0.1999998688697815),
        (1.0000000200408773e+20, 3.0, 2.0)]),
    ("floor_div", &[(7.5, 2.0, 3.0), (-7.5, 2.0, -4.0), (7.5, -0.699999988079071, -11.0), (100000.0, 3.0, 33333.0)]),
    ("polygamma", &[(1.0, 1.0, 1.6449340668482264), (1.0, 0.25, 17.19732915450711), (2.0, 3.5, -0.1082040516417274),
        (3.0, 20.0, 0.0002693742213396389), (1.0, -0.75, 18.975106932284888), (2.0, -2.25, 123.89694977406016), (20.0,
        3.0, -233141556.11225682)]),
];

/// |got - exact| in units in the last place that `exact` has in a type with that many digits and that smallest number.
fn ulps(got: f64, exact: f64, digits: i32, lowest: i32) -> f64 {
    if got == exact {
        return 0.0;
    }
    let exponent = (exact.abs().log2().floor() as i32 + 1 - digits).max(lowest);
    (got - exact).abs() / 2f64.powi(exponent)
}

fn single(got: f32, exact: f64) -> f64 {
    ulps(f64::from(got), exact, 24, -149)
}

fn double(got: f64, exact: f64) -> f64 {
    ulps(got, exact, 53, -1074)
}

#[test]
fn values_are_within_the_stated_errors() {
    for &(name, rows) in VALUES {
        let (_, f, g) = unary_named(name);
        for &(x, exact) in rows {
            assert!(
                single(f(x as f32), exact) <= 1.0,
                "{name}({x}) in single precision is {}, not {exact}",
                f(x as f32)
            );
            assert!(double(g(x), exact) <= 2.0, "{name}({x}) is {}, not {exact}", g(x));
        }
    }
    for &(name, rows) in PAIRS {
        let (_, f, g) = binary_named(name);
        for &(x, y, exact) in rows {
            let (a, b) = (f(x as f32, y as f32), g(x, y));
            assert!(single(a, exact) <= 1.0, "{name}({x}, {y}) in single precision is {a}, not {exact}");
            assert!(double(b, exact) <= 2.0, "{name}({x}, {y}) is {b}, not {exact}");
        }
    }
}

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// IEEE 754-2019, section 9.2, and Annex F of C, with what is like them: argument and result, in both types. The sign of a zero counts.
#[rustfmt::skip]
const EDGES: &[Values] = &[
    ("exp", &[(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (NAN, NAN), (1e30, INF), (-1e30, 0.0)]),
    ("expm1", &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (NAN, NAN), (1e30, INF), (-1e30, -1.0)]),
    ("ln", &[(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1.0, NAN), (-INF, NAN), (NAN, NAN)]),
    ("log1p", &[(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (INF, INF), (-2.0, NAN), (-INF, NAN), (NAN, NAN)]),
    ("log2", &[(1.0, 0.0), (8.0, 3.0), (0.125, -3.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1.0, NAN), (NAN, NAN)]),
    ("sin", &[(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN)]),
    ("cos", &[(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN), (NAN, NAN)]),
    ("tan", &[(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN)]),
    ("asin", &[(0.0, 0.0), (-0.0, -0.0), (1.5, NAN), (-1.5, NAN), (INF, NAN), (NAN, NAN)]),
    ("acos", &[(1.0, 0.0), (1.5, NAN), (-1.5, NAN), (-INF, NAN), (NAN, NAN)]),
    ("atan", &[(0.0, 0.0), (-0.0, -0.0), (NAN, NAN)]),
    ("sinh", &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN), (1e30, INF), (-1e30, -INF)]),
    ("cosh", &[(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, INF), (NAN, NAN), (1e30, INF)]),
    ("tanh", &[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN), (1e30, 1.0)]),
    ("erf", &[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN), (1e30, 1.0)]),
    ("erfinv", &[(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (1.5, NAN), (-1.5, NAN), (INF, NAN), (NAN, NAN)]),
    ("sqrt", &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-1.0, NAN), (NAN, NAN)]),
    ("exp2", &[(0.0, 1.0), (-0.0, 1.0), (10.0, 1024.0), (-3.0, 0.125), (INF, INF), (-INF, 0.0), (NAN, NAN), (1e+30,
        INF), (-1e+30, 0.0)]),
    ("log10", &[(1.0, 0.0), (1000.0, 3.0), (10000000000.0, 10.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1.0, NAN),
        (-INF, NAN), (NAN, NAN)]),
    ("asinh", &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN)]),
    ("acosh", &[(1.0, 0.0), (0.5, NAN), (-5.0, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)]),
    ("atanh", &[(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (1.5, NAN), (-3.0, NAN), (INF, NAN), (-INF, NAN),
        (NAN, NAN)]),
    ("cbrt", &[(0.0, 0.0), (-0.0, -0.0), (8.0, 2.0), (-27.0, -3.0), (1000000000.0, 1000.0), (0.125, 0.5), (INF, INF),
        (-INF, -INF), (NAN, NAN)]),
    ("erfc", &[(0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, 2.0), (NAN, NAN), (1e+30, 0.0), (-1e+30, 2.0)]),
    ("lgamma", &[(1.0, 0.0), (2.0, 0.0), (0.0, INF), (-0.0, INF), (-1.0, INF), (-1e+30, INF), (INF, INF), (-INF, INF),
        (NAN, NAN)]),
    ("digamma", &[(0.0, -INF), (-0.0, INF), (-1.0, NAN), (-1e+30, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)]),
    ("silu", &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -0.0), (800.0, 800.0), (-800.0, -0.0), (NAN, NAN)]),
    ("gelu", &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -0.0), (800.0, 800.0), (-800.0, -0.0), (NAN, NAN)]),
    ("gelu_tanh", &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -0.0), (800.0, 800.0), (-800.0, -0.0), (NAN, NAN)]),
    ("mish", &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -0.0), (800.0, 800.0), (-800.0, -0.0), (NAN, NAN)]),
];

/// As [`EDGES`], for two arguments; atan2 takes (y, x).
#[rustfmt::skip]
const PAIR_EDGES: &[PairValues] = &[
    ("pow", &[(NAN, 0.0, 1.0), (INF, 0.0, 1.0), (0.0, 0.0, 1.0), (1.0, NAN, 1.0), (1.0, INF, 1.0), (-1.0, INF, 1.0)]),
    ("pow", &[(-1.0, -INF, 1.0), (NAN, 1.0, NAN), (2.0, NAN, NAN), (-1.0, NAN, NAN), (0.0, NAN, NAN), (-8.0, 0.3,
        NAN)]),
    ("pow", &[(-2.0, 3.0, -8.0), (-2.0, 2.0, 4.0), (0.0, 3.0, 0.0), (-0.0, 3.0, -0.0), (-0.0, 2.0, 0.0), (0.0, 0.5,
        0.0)]),
    ("pow", &[(0.0, -1.0, INF), (-0.0, -1.0, -INF), (-0.0, -2.0, INF), (-0.0, 0.5, 0.0), (-0.0, -0.5, INF)]),
    ("pow", &[(INF, 2.0, INF), (INF, -2.0, 0.0), (-INF, 3.0, -INF), (-INF, 2.0, INF), (-INF, 0.5, INF), (-INF, -3.0,
        -0.0)]),
    ("pow", &[(2.0, INF, INF), (2.0, -INF, 0.0), (0.5, INF, 0.0), (-0.5, -INF, INF), (0.0, INF, 0.0), (0.0, -INF,
        INF)]),
    ("pow", &[(1e30, 1e30, INF), (1e-30, 1e30, 0.0), (-2.0, 1e30, INF), (3.0, 1.0, 3.0), (-3.0, -1.0, -1.0 / 3.0)]),
    ("atan2", &[(0.0, 0.0, 0.0), (-0.0, 0.0, -0.0), (0.0, 1.0, 0.0), (-0.0, 1.0, -0.0), (NAN, 1.0, NAN), (1.0, NAN,
        NAN)]),
    ("atan2", &[(1.0, INF, 0.0), (-1.0, INF, -0.0), (0.0, INF, 0.0), (0.0, -0.0, PI), (-0.0, -1.0, -PI), (1.0, 0.0, PI /
        2.0)]),
    ("atan2", &[(INF, 1.0, PI / 2.0), (-INF, -1.0, -PI / 2.0), (INF, INF, PI / 4.0), (INF, -INF, 0.75 * PI), (1.0, -INF,
        PI)]),
    ("hypot", &[(0.0, 0.0, 0.0), (-0.0, -0.0, 0.0), (3.0, 4.0, 5.0), (INF, NAN, INF), (NAN, -INF, INF), (1.0, NAN, NAN),
        (NAN, NAN, NAN)]),
    ("exp_minus", &[(3.0, 3.0, 1.0), (-1e30, 1e30, 0.0), (-INF, 2.0, 0.0), (-INF, -3e38, 0.0), (NAN, 1.0, NAN), (1.0,
        NAN, NAN)]),
    ("modulo", &[(7.0, 3.0, 1.0), (-7.0, 3.0, 2.0), (7.0, -3.0, -2.0), (-7.0, -3.0, -1.0), (6.0, 3.0, 0.0), (-6.0, 3.0,
        0.0), (6.0, -3.0, -0.0), (0.0, -2.0, -0.0), (1.0, 0.0, NAN), (INF, 2.0, NAN), (1.0, INF, 1.0), (-1.0, INF, INF),
        (NAN, 1.0, NAN), (1.0, NAN, NAN)]),
    ("floor_div", &[(7.0, 3.0, 2.0), (-7.0, 3.0, -3.0), (7.0, -3.0, -3.0), (-7.0, -3.0, 2.0), (6.0, 3.0, 2.0), (0.5,
        2.0, 0.0), (0.0, -2.0, -0.0), (1.0, 0.0, INF), (-1.0, 0.0, -INF), (0.0, 0.0, NAN), (INF, 2.0, NAN), (1.0, INF,
        0.0), (-1.0, INF, -1.0), (NAN, 1.0, NAN), (1.0, NAN, NAN)]),
    ("polygamma", &[(0.0, 0.0, -INF), (1.0, 0.0, INF), (1.0, -1.0, INF), (3.0, -2.0, INF), (1.0, INF, 0.0), (0.0, INF,
        INF), (-1.0, 2.0, NAN), (171.0, 2.0, NAN), (NAN, 1.0, NAN), (1.0, NAN, NAN)]),
];

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

#[test]
fn edges_are_those_of_ieee_754() {
    for &(name, rows) in EDGES {
        let (_, f, g) = unary_named(name);
        for &(x, y) in rows {
            assert!(same(f64::from(f(x as f32)), y), "{name}({x}) in single precision is {}, not {y}", f(x as f32));
            assert!(same(g(x), y), "{name}({x}) is {}, not {y}", g(x));
        }
    }
    for &(name, rows) in PAIR_EDGES {
        let (_, f, g) = binary_named(name);
        for &(x, y, z) in rows {
            let single = f(x as f32, y as f32);
            assert!(
                same(f64::from(single), f64::from(z as f32)),
                "{name}({x}, {y}) in single precision is {single}, not {z}"
            );
            assert!(same(g(x, y), z), "{name}({x}, {y}) is {}, not {z}", g(x, y));
        }
    }
}

/// Numbers of all sizes and both signs, with those beside the points where functions change their method.
fn arguments() -> Vec<f64> {
    let seams = [
        0.3, 0.45, 0.5, 0.6, 0.65, 0.707, 0.93, 1.0, 1.061, 1.414, 2.4375, 4.0, 8.664, 18.715, 86.99, 88.7, 104.0,
        400.0, 709.0, 746.0,
    ];
    let sizes = (-320..=308).step_by(7).map(|e| 1.234_567 * 10f64.powi(e));
    let close = seams.iter().flat_map(|s| [-1e-7, 0.0, 1e-7].map(|d| s * (1.0 + d)));
    sizes.chain(close).flat_map(|x| [x, -x]).collect()
}

#[test]
fn a_lane_does_not_depend_on_its_neighbours() {
    let x = arguments();
    macro_rules! check {
        ($($f:ident)+) => {$(
            for block in x.windows(4) {
                let singles = Lanes::<f32, 4>::from_fn(|i| block[i] as f32);
                let (four, two) = (Float::$f(singles), Float::$f(Lanes::<f64, 2>([block[0], block[1]])));
                for i in 0..4 {
                    let one = Float::$f(Lanes::<f32, 1>([singles.0[i]])).0[0];
                    let odd = Float::$f(Lanes::<f32, 3>([1e30, singles.0[i], 0.5])).0[1];
                    assert_eq!(one.to_bits() << 1, four.0[i].to_bits() << 1, "{} of {}", stringify!($f), singles.0[i]);
                    assert!(same(f64::from(one), f64::from(odd)), "{} of {}", stringify!($f), singles.0[i]);
                }
                let one = Float::$f(Lanes::<f64, 1>([block[1]])).0[0];
                assert!(same(one, two.0[1]), "{} of {}", stringify!($f), block[1]);
            }
        )+};
    }
    check!(exp expm1 ln log1p log2 sin cos tan asin acos atan sinh cosh tanh erf erfinv sqrt floor ceil round
        exp2 log10 asinh acosh atanh cbrt erfc lgamma digamma logistic silu gelu gelu_tanh mish);
}

#[test]
fn odd_and_even_functions_are_exactly_so() {
    for x in arguments() {
        for name in ["sin", "tan", "asin", "atan", "sinh", "tanh", "erf", "erfinv", "asinh", "atanh", "cbrt"] {
            let (_, f, g) = unary_named(name);
            assert!(same(f64::from(f(-x as f32)), f64::from(-f(x as f32))), "{name}({x}) in single precision");
            assert!(same(g(-x), -g(x)), "{name}({x})");
        }
        for name in ["cos", "cosh"] {
            let (_, f, g) = unary_named(name);
            assert!(same(f64::from(f(-x as f32)), f64::from(f(x as f32))), "{name}({x}) in single precision");
            assert!(same(g(-x), g(x)), "{name}({x})");
        }
    }
}

#[test]
fn tanh_and_erf_do_not_turn_back_at_their_seams() {
    for (name, seams) in
        [("tanh", [0.65f32, 8.664_339, 9.0]), ("erf", [0.93, 3.9, 4.0]), ("exp", [0.346_573_6, 1.0, 88.0])]
    {
        let (_, f, _) = unary_named(name);
        for seam in seams {
            let values = (-2000..2000).map(|d: i32| f(f32::from_bits(seam.to_bits().wrapping_add_signed(d))));
            // One unit of error may show as one unit of descent between neighbours, never more.
            let turns =
                values.clone().zip(values.skip(1)).filter(|(a, b)| f64::from(a - b) > f64::from(a.abs()) * 1.2e-7);
            assert_eq!(turns.count(), 0, "{name} at {seam}");
        }
    }
}

#[test]
fn rounding_is_to_even_and_keeps_signs() {
    let x = Lanes([0.5f32, 1.5, -0.5, -2.5]);
    assert_eq!(Float::round(x).0.map(f32::to_bits), [0.0f32, 2.0, -0.0, -2.0].map(f32::to_bits));
    assert_eq!(Float::floor(x).0, [0.0, 1.0, -1.0, -3.0]);
    assert_eq!(Float::ceil(Lanes([-0.5f64])).0.map(f64::to_bits), [(-0.0f64).to_bits()]);
    assert_eq!(Float::round(Lanes([4_503_599_627_370_497.0f64])).0, [4_503_599_627_370_497.0]);
}

#[test]
fn whole_results_are_exact() {
    for n in -1074..=1023 {
        let power = if n < -1022 { f64::from_bits(1 << (n + 1074)) } else { f64::from_bits(((n + 1023) as u64) << 52) };
        assert_eq!(Float::exp2(Lanes([f64::from(n); 2])).0[0], power, "2 to the power {n}");
        assert_eq!(Float::exp2(Lanes([n as f32; 4])).0[0], power as f32, "2 to the power {n} in single precision");
    }
    for n in -307..=308 {
        let power: f64 = format!("1e{n}").parse().expect("a number");
        assert_eq!(Float::log10(Lanes([power; 2])).0[0], f64::from(n), "log10 of 1e{n}");
    }
    for n in 1..=2000 {
        let x = f64::from(n);
        assert_eq!(Float::cbrt(Lanes([x * x * x; 2])).0[0], x, "the cube root of {n} cubed");
    }
    for n in 1..=255u16 {
        let x = f32::from(n);
        assert_eq!(Float::cbrt(Lanes([x * x * x; 4])).0[0], x, "the cube root of {n} cubed in single precision");
    }
}

#[test]
fn remainders_are_those_of_whole_numbers() {
    let numbers = [-2_147_483_648.0, -1000.0, -7.0, -3.0, -1.0, 1.0, 2.0, 3.0, 7.0, 999.0, 2_147_483_647.0f64];
    for x in numbers {
        for y in numbers {
            let (q, r) = ((x as i64).div_euclid(y as i64), (x as i64).rem_euclid(y as i64));
            // Euclid's remainder is never negative; the one here has the sign of y.
            let (q, r) = if r > 0 && y < 0.0 { (q - 1, r + y as i64) } else { (q, r) };
            let (a, b) = (Lanes([x; 2]), Lanes([y; 2]));
            assert_eq!(Float::modulo(a, b).0[0], r as f64, "{x} mod {y}");
            assert_eq!(Float::floor_div(a, b).0[0], q as f64, "floor({x} / {y})");
        }
    }
    // Beyond the digits of the quotient: 2^1000 mod 7 is 2^(1000 mod 3), and below the smallest normal number.
    let large = f64::from_bits((1000 + 1023) << 52);
    assert_eq!(Float::modulo(Lanes([large]), Lanes([7.0])).0, [2.0]);
    assert_eq!(Float::modulo(Lanes([7.0 * 5e-324]), Lanes([3.0 * 5e-324])).0, [5e-324]);
    // Quotients that are rounded up to a whole number: 0.1 is a little more than a tenth.
    let (one, tenth) = (Lanes([1.0f64]), Lanes([0.1]));
    assert_eq!((Float::modulo(one, tenth).0, Float::floor_div(one, tenth).0), ([0.099_999_999_999_999_95], [9.0]));
    // 4169123526230417 as exact numbers have it; both roundings of a quotient come to its neighbour.
    let (x, y) = (Lanes([-19_631_330_877.914_635f64]), Lanes([-4.708_742_917_882_462e-6]));
    assert_eq!(Float::floor_div(x, y).0, [4_169_123_526_230_417.0]);
}

#[test]
fn a_remainder_by_one_quotient_is_that_by_many_digits() {
    let mut seed = 7_u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 11) as f64 / (1_u64 << 53) as f64
    };
    for _ in 0..200_000 {
        // Divisors of all sizes, quotients on both sides of where there are too many digits, many of them nearly whole.
        let y = (1.0 + random()) * 2.0_f64.powi((random() * 2100.0) as i32 - 1060);
        let q = 2.0_f64.powf(random() * 30.0 - 1.0);
        let x = y * if random() < 0.5 { q } else { q.round() };
        if x.is_finite() && y > 0.0 {
            assert_eq!(super::remainder::rests(Lanes([x]), Lanes([y])).0[0], super::remainder::rest(x, y), "{x} {y}");
        }
    }
}
