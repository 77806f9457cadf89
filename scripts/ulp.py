"""Errors of the functions of crate/src/kernels/math, in units in the last place (ulp), against mpmath.

    python3 scripts/ulp.py                      every function, both types, 40,000 numbers each: a table in Markdown
    python3 scripts/ulp.py --points 2000000 exp tanh
    python3 scripts/ulp.py --dense exp          float32 against 80-bit floats (NumPy's longdouble): for millions

It builds and calls the example program `crate/examples/ulp.rs`, natively; the same source gives the same bits in
WebAssembly. The numbers: every exponent with random mantissas of both signs, denormal numbers, numbers around those
where a function changes its method, neighbours of multiples of pi/2, and special values. One ulp is the distance
between the two numbers of the type that enclose the exact result; a wrong NaN or infinity is an infinite error.

Needs: pip install mpmath numpy (gmpy2 makes it quicker).
"""

import argparse
import subprocess
import sys
import textwrap
from pathlib import Path

import mpmath as mp
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
UNARY = """sqrt exp expm1 ln log1p log2 sin cos tan asin acos atan sinh cosh tanh erf erfinv
    exp2 log10 asinh acosh atanh cbrt erfc lgamma digamma""".split()
BINARY = "pow atan2 hypot modulo floor_div polygamma".split()
EXACT = {
    "sqrt": lambda x: mp.sqrt(x) if x >= 0 else mp.nan,
    "exp": mp.exp, "expm1": mp.expm1,
    "ln": lambda x: mp.log(x) if x > 0 else mp.nan,
    "log1p": lambda x: mp.log1p(x) if x > -1 else mp.nan,
    "log2": lambda x: mp.log(x, 2) if x > 0 else mp.nan,
    "sin": mp.sin, "cos": mp.cos, "tan": mp.tan,
    "asin": lambda x: mp.asin(x) if abs(x) <= 1 else mp.nan,
    "acos": lambda x: mp.acos(x) if abs(x) <= 1 else mp.nan,
    "atan": mp.atan, "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh, "erf": mp.erf,
    "erfinv": lambda x: erfinv(x) if abs(x) < 1 else mp.inf * x if abs(x) == 1 else mp.nan,
    "exp2": lambda x: mp.mpf(2) ** x, "log10": lambda x: mp.log(x, 10) if x > 0 else mp.nan,
    "asinh": mp.asinh, "acosh": lambda x: mp.acosh(x) if x >= 1 else mp.nan,
    "atanh": lambda x: mp.atanh(x) if abs(x) < 1 else mp.inf * x if abs(x) == 1 else mp.nan,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)), "erfc": lambda x: mp.erfc(x) if x < 1000 else mp.mpf(0),
    "lgamma": lambda x: lgamma(x), "digamma": lambda x: digamma(x),
    "hypot": mp.hypot, "modulo": lambda x, y: x - y * mp.floor(x / y), "floor_div": lambda x, y: mp.floor(x / y),
    "polygamma": lambda n, x: polygamma(int(n), x),
    "atan2": mp.atan2,
    "pow": lambda x, y: x**y if x > 0 or y == mp.floor(y) else mp.nan,
}  # fmt: skip
DENSE = dict(sqrt=np.sqrt, exp=np.exp, expm1=np.expm1, ln=np.log, log1p=np.log1p, log2=np.log2, sin=np.sin, cos=np.cos,
    tan=np.tan, asin=np.arcsin, acos=np.arccos, atan=np.arctan, sinh=np.sinh, cosh=np.cosh, tanh=np.tanh,
    pow=np.power, atan2=np.arctan2, exp2=np.exp2, log10=np.log10, asinh=np.arcsinh, acosh=np.arccosh, atanh=np.arctanh,
    cbrt=np.cbrt, hypot=np.hypot, modulo=np.mod, floor_div=np.floor_divide)  # fmt: skip
INF, NAN = float("inf"), float("nan")
# What very large arguments give, on the left and on the right: too large for mpmath to be quick.
FAR = {"exp": (0, INF), "expm1": (-1, INF), "sinh": (-INF, INF), "cosh": (INF, INF), "exp2": (0, INF)}
# Functions with zeros to the left beside which the error is small in absolute terms: ulp are those of 1 or more there.
ABSOLUTE = {"lgamma", "digamma", "polygamma"}
# What IEEE 754 and C's Annex F ask for. The sign of a zero counts.
SPECIAL = {
    "sqrt": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-1.0, NAN), (NAN, NAN)],
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (NAN, NAN), (1e30, INF), (-1e30, 0.0)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (NAN, NAN), (1e30, INF), (-1e30, -1.0)],
    "ln": [(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1.0, NAN), (-INF, NAN), (NAN, NAN)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (INF, INF), (-2.0, NAN), (-INF, NAN), (NAN, NAN)],
    "log2": [(1.0, 0.0), (8.0, 3.0), (0.125, -3.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1.0, NAN), (-INF, NAN),
        (NAN, NAN)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "tan": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "asin": [(0.0, 0.0), (-0.0, -0.0), (1.5, NAN), (-1.5, NAN), (INF, NAN), (NAN, NAN)],
    "acos": [(1.0, 0.0), (1.5, NAN), (-1.5, NAN), (-INF, NAN), (NAN, NAN)],
    "atan": [(0.0, 0.0), (-0.0, -0.0), (NAN, NAN)],
    "sinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN), (1e30, INF), (-1e30, -INF)],
    "cosh": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, INF), (NAN, NAN), (1e30, INF)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN), (1e30, 1.0)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN), (1e30, 1.0)],
    "erfinv": [(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (1.5, NAN), (-1.5, NAN), (INF, NAN), (-INF, NAN),
        (NAN, NAN)],
    "exp2": [(0.0, 1.0), (-0.0, 1.0), (10.0, 1024.0), (-3.0, 0.125), (127.0, 2.0**127), (-149.0, 2.0**-149), (INF, INF),
        (-INF, 0.0), (NAN, NAN), (1e30, INF), (-1e30, 0.0)],
    "log10": [(1.0, 0.0), (1000.0, 3.0), (1e10, 10.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1.0, NAN), (-INF, NAN),
        (NAN, NAN)],
    "asinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN)],
    "acosh": [(1.0, 0.0), (0.5, NAN), (-5.0, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
    "atanh": [(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (1.5, NAN), (-3.0, NAN), (INF, NAN), (-INF, NAN),
        (NAN, NAN)],
    "cbrt": [(0.0, 0.0), (-0.0, -0.0), (8.0, 2.0), (-27.0, -3.0), (1e9, 1e3), (0.125, 0.5), (INF, INF), (-INF, -INF),
        (NAN, NAN)],
    "erfc": [(0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, 2.0), (NAN, NAN), (1e30, 0.0), (-1e30, 2.0)],
    "lgamma": [(1.0, 0.0), (2.0, 0.0), (0.0, INF), (-0.0, INF), (-1.0, INF), (-1e30, INF), (INF, INF), (-INF, INF),
        (NAN, NAN)],
    "digamma": [(0.0, -INF), (-0.0, INF), (-1.0, NAN), (-1e30, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
    "hypot": [(0.0, 0.0, 0.0), (-0.0, -0.0, 0.0), (3.0, 4.0, 5.0), (-3e30, 4e30, 5e30), (3e-30, 4e-30, 5e-30),
        (INF, NAN, INF), (NAN, -INF, INF), (1.0, NAN, NAN), (NAN, NAN, NAN)],
    "modulo": [(7.0, 3.0, 1.0), (-7.0, 3.0, 2.0), (7.0, -3.0, -2.0), (-7.0, -3.0, -1.0), (6.0, 3.0, 0.0),
        (-6.0, 3.0, 0.0), (6.0, -3.0, -0.0), (0.0, -2.0, -0.0), (1.0, 0.0, NAN), (INF, 2.0, NAN), (1.0, INF, 1.0),
        (-1.0, INF, INF), (NAN, 1.0, NAN), (1.0, NAN, NAN)],
    "floor_div": [(7.0, 3.0, 2.0), (-7.0, 3.0, -3.0), (7.0, -3.0, -3.0), (-7.0, -3.0, 2.0), (6.0, 3.0, 2.0),
        (0.5, 2.0, 0.0), (0.0, -2.0, -0.0), (1.0, 0.0, INF), (-1.0, 0.0, -INF), (0.0, 0.0, NAN), (INF, 2.0, NAN),
        (1.0, INF, 0.0), (-1.0, INF, -1.0), (NAN, 1.0, NAN), (1.0, NAN, NAN)],
    "polygamma": [(0.0, 0.0, -INF), (1.0, 0.0, INF), (1.0, -1.0, INF), (3.0, -2.0, INF), (1.0, INF, 0.0),
        (0.0, INF, INF), (-1.0, 2.0, NAN), (171.0, 2.0, NAN), (NAN, 1.0, NAN), (1.0, NAN, NAN)],
    "atan2": [(0.0, 0.0, 0.0), (-0.0, 0.0, -0.0), (0.0, 1.0, 0.0), (-0.0, 1.0, -0.0), (NAN, 1.0, NAN), (1.0, NAN, NAN),
        (1.0, INF, 0.0), (-1.0, INF, -0.0), (0.0, INF, 0.0)],
    "pow": [(NAN, 0.0, 1.0), (INF, 0.0, 1.0), (1.0, NAN, 1.0), (1.0, INF, 1.0), (-1.0, INF, 1.0), (-1.0, -INF, 1.0),
        (NAN, 1.0, NAN), (2.0, NAN, NAN), (-1.0, NAN, NAN), (0.0, NAN, NAN), (-8.0, 1 / 3, NAN), (-2.0, 3.0, -8.0),
        (-2.0, 2.0, 4.0), (0.0, 3.0, 0.0), (-0.0, 3.0, -0.0), (-0.0, 2.0, 0.0), (0.0, -1.0, INF), (-0.0, -1.0, -INF),
        (-0.0, -2.0, INF), (0.0, 0.5, 0.0), (-0.0, 0.5, 0.0), (-0.0, -0.5, INF), (INF, 2.0, INF), (INF, -2.0, 0.0),
        (-INF, 3.0, -INF), (-INF, 2.0, INF), (-INF, 0.5, INF), (-INF, -3.0, -0.0), (-INF, -2.0, 0.0), (-INF, -0.5, 0.0),
        (2.0, INF, INF), (2.0, -INF, 0.0), (0.5, INF, 0.0), (0.5, -INF, INF), (-0.5, INF, 0.0), (-2.0, INF, INF),
        (0.0, INF, 0.0), (0.0, -INF, INF), (1e30, 1e30, INF), (1e-30, 1e30, 0.0), (0.5, 1e30, 0.0), (-2.0, 1e30, INF)],
}  # fmt: skip


# Where most arguments are taken from, and where functions change their method.
MAIN = {
    "exp": (-INF, INF), "expm1": (-40, INF), "sinh": (-INF, INF), "cosh": (-INF, INF), "tanh": (-22, 22),
    "erf": (-6.5, 6.5), "asin": (-1, 1), "acos": (-1, 1), "erfinv": (-1, 1), "ln": (0, 4), "log2": (0, 4), "log1p": (-1, 4),
    "sin": (-100, 100), "cos": (-100, 100), "tan": (-100, 100), "exp2": (-1080, 1030), "log10": (0, 4), "acosh": (1, 4),
    "atanh": (-1, 1), "erfc": (-6, 28), "lgamma": (-20, 20), "digamma": (-20, 20),
}  # fmt: skip
SEAMS = {
    "tanh": [0.625, 0.65, 8.664], "erf": [0.93, 1, 0.5, 4, 6], "sinh": [1], "asin": [0.5, 1], "acos": [0.5, -0.5, 1],
    "ln": [1, 0.5**0.5, 2**0.5], "log2": [1, 0.5**0.5, 2**0.5], "log1p": [0, 0.41421356, -0.29289322],
    "erfinv": [0.77067, 1, 0.9975], "atan": [0.4375, 0.6875, 1.1875, 2.4375, 1], "expm1": [0.38886, -0.30498],
    "acosh": [1], "atanh": [0.5, 1], "erfc": [0.5, -0.5], "lgamma": [0.9, 1, 1.1, 1.9, 2, 2.1, 7, 8, -1, -2],
    "digamma": [1.4, 1.46163214496836, 1.52, 7, 8, -1, -2], "cbrt": [1, 8, 27, 0.5**0.5, 2**0.5], "log10": [1, 10, 100],
}  # fmt: skip


def erfinv(x):
    """mpmath's erfinv is slow and fails in the tails: Newton steps on log(erfc) or erf, from a rough start."""
    a = abs(x)
    if a < mp.mpf("0.5"):
        y = a * mp.sqrt(mp.pi) / 2
        for _ in range(8):
            y -= (mp.erf(y) - a) * mp.exp(y * y) * mp.sqrt(mp.pi) / 2
    else:
        goal = mp.log(1 - a)
        y = mp.sqrt(max(-goal - mp.log(1 - goal) / 2, mp.mpf("0.1")))
        for _ in range(12):
            c = mp.erfc(y)
            step = (mp.log(c) - goal) * c * mp.exp(y * y) * mp.sqrt(mp.pi) / 2
            y += step
            if abs(step) < mp.mpf(2) ** -90 * y:
                break
    return mp.sign(x) * y


def lgamma(x):
    if x <= 0 and x == mp.floor(x):
        return mp.inf
    if x > 0:
        return mp.loggamma(x) if x < mp.mpf(10) ** 306 else mp.inf
    d = x - mp.nint(x)
    return mp.log(mp.pi / abs(x * mp.sinpi(d))) - mp.loggamma(-x)


def digamma(x):
    if x <= 0 and x == mp.floor(x):
        return mp.nan
    return mp.digamma(x) if x > 0 else mp.digamma(-x) - 1 / x - mp.pi * mp.cospi(x - mp.nint(x)) / mp.sinpi(x - mp.nint(x))


def polygamma(n, x):
    return digamma(x) if n == 0 else mp.polygamma(n, x)


def numbers(name, dtype, count, rng):
    """The arguments to try: an array of one column, or of two."""
    kind = np.dtype(dtype)
    bits = {4: np.uint32, 8: np.uint64}[kind.itemsize]
    width = kind.itemsize * 8
    any_number = lambda n: rng.integers(0, 2**width, n, dtype=bits).view(kind)
    uniform = lambda low, high, n: rng.uniform(low, high, n).astype(kind)
    around = lambda points, n: np.nextafter(rng.choice(np.array(points, kind), n), uniform(-1e9, 1e9, n), dtype=kind)
    limit = float(np.log(np.finfo(kind).max))
    if name == "pow":
        n = count // 4
        x = np.abs(any_number(n))
        y = (uniform(-1, 1, n) * limit * 1.02 / np.abs(np.log(x.astype(np.longdouble)))).astype(kind)
        parts = [np.stack([x, y], 1), np.stack([uniform(0, 3, n), uniform(-30, 30, n)], 1),
            np.stack([uniform(0.99, 1.01, n), uniform(-3000, 3000, n)], 1),
            np.stack([uniform(-9, 9, n), rng.integers(-20, 20, n).astype(kind)], 1)]  # fmt: skip
        pairs = np.concatenate(parts)
        return pairs[np.isfinite(pairs).all(1) & (pairs[:, 0] != 0)]
    if name == "atan2":
        n = count // 2
        pairs = np.concatenate([np.stack([any_number(n), any_number(n)], 1), uniform(-3, 3, (n, 2))])
        return pairs[np.isfinite(pairs).all(1) & (pairs != 0).any(1)]
    if name in ("hypot", "modulo", "floor_div"):
        n = count // 2
        x = np.abs(any_number(n))
        pairs = np.concatenate([np.stack([any_number(n), any_number(n)], 1), uniform(-30, 30, (n, 2)),
            np.stack([x, (x / uniform(1, 99, n)).astype(kind)], 1)])  # fmt: skip
        pairs = pairs[np.isfinite(pairs).all(1) & (pairs != 0).all(1)]
        if name != "hypot":  # quotients that the reference can have as whole numbers
            pairs = pairs[np.abs(np.log2(np.abs(pairs[:, 0])) - np.log2(np.abs(pairs[:, 1]))) < 100]
        return pairs
    if name == "polygamma":
        n = count // 40
        return np.stack([rng.integers(0, 9, n).astype(kind), uniform(-6, 30, n)], 1)
    n = count // 4
    low, high = MAIN.get(name, (-10, 10))
    low, high = max(low, -limit - 1), min(high, limit + 1)
    parts = [any_number(n), uniform(low, high, n), uniform(-2, 2, n)]
    if name in ("sin", "cos", "tan"):
        k = np.floor(2 ** rng.uniform(0, 30, n))
        parts += [around((k * (np.pi / 2)).astype(kind), n), uniform(-2e6, 2e6, n)]
    else:
        parts += [
            around(SEAMS.get(name, [1]), n // 8),
            (1 - 2 ** rng.uniform(-width * 0.8, -1, n)).astype(kind),
            uniform(-0.7, 0.7, n // 2),
        ]
    if name in ("exp", "expm1", "sinh", "cosh"):
        parts += [around([limit], n // 8), uniform(-limit - 40, -limit + 5, n // 4)]
    if name in ("lgamma", "digamma"):
        parts = [np.abs(parts[0]), *parts[1:]]
    x = np.concatenate(parts)
    return x[np.isfinite(x) & (x != 0)][:, None]


def call(name, dtype, x):
    """The crate's function of the rows of x."""
    program = [ROOT / "target/release/examples/ulp", name, dtype.replace("float", "f")]
    run = subprocess.run(program, input=np.ascontiguousarray(x).tobytes(), stdout=subprocess.PIPE, check=True)
    return np.frombuffer(run.stdout, dtype)


def error(y, exact, kind):
    """|y - exact| in ulp of the type; the exact value as an mpf."""
    info = np.finfo(kind)
    if mp.isnan(exact):
        return 0.0 if np.isnan(y) else INF
    if np.isnan(y):
        return INF
    digits = info.nmant + 1
    lowest = int(np.round(np.log2(float(info.smallest_normal)))) - info.nmant
    exponent = max(mp.frexp(exact)[1] - digits, lowest) if exact else lowest
    if np.isinf(y):  # right where the exact value rounds to infinity
        y = mp.sign(float(y)) * mp.mpf(2) ** info.maxexp
        if abs(exact) >= abs(y):
            return 0.0 if mp.sign(exact) == mp.sign(y) else INF
        exponent = info.maxexp - digits
        return float(abs(y - exact) / mp.mpf(2) ** exponent)
    return float(abs(mp.mpf(float(y)) - exact) / mp.mpf(2) ** exponent)


def measure(name, dtype, count, rng):
    """The largest error and the argument that has it."""
    x = numbers(name, dtype, count, rng)
    y = call(name, dtype, x)
    worst, where = 0.0, None
    for row, value in zip(x, y):
        arguments = [mp.mpf(float(v)) for v in row]
        if name in FAR and abs(row[0]) > 2000:
            exact = FAR[name][int(row[0] > 0)]
        else:
            exact = EXACT[name](*arguments)
        if mp.isinf(exact):
            e = 0.0 if np.isinf(value) and mp.sign(exact) == np.sign(value) else INF
        else:
            e = error(value, mp.mpf(exact), np.dtype(dtype))
            if name in ABSOLUTE and row[-1] < 0 and abs(exact) < 1:
                e = float(abs(mp.mpf(float(value)) - exact) * mp.mpf(2) ** np.finfo(dtype).nmant)
        if e > worst:
            worst, where = e, row
    return worst, where, len(x)


def dense(name, count, rng):
    """As measure, for float32 with 80-bit references."""
    x = numbers(name, "float32", count, rng)
    y = call(name, "float32", x).astype(np.longdouble)
    with np.errstate(all="ignore"):
        exact = DENSE[name](*x.astype(np.longdouble).T)
        unit = np.exp2(np.maximum(np.floor(np.log2(np.abs(exact))), -126) - 23)
        e = np.abs(y - exact) / np.where(exact == 0, np.longdouble(2) ** -149, unit)
        e[np.isnan(y) & np.isnan(exact)] = 0
        e[
            np.isinf(y)
            & (np.abs(exact) >= np.longdouble(2) ** 128 - np.longdouble(2) ** 103)
            & (np.sign(y) == np.sign(exact))
        ] = 0
        e[np.isnan(e)] = INF
    i = int(np.argmax(e))
    return float(e[i]), x[i], len(x)


def special(name, dtype):
    """The special values that come out wrong."""
    rows = SPECIAL[name]
    with np.errstate(over="ignore", under="ignore"):
        x = np.array([r[:-1] for r in rows], dtype)
        want = np.array([r[-1] for r in rows], dtype)
    got = call(name, dtype, x)
    same = (np.isnan(got) & np.isnan(want)) | ((got == want) & (np.signbit(got) == np.signbit(want)))
    return [(r, float(g)) for r, g, s in zip(rows, got, same) if not s]


FIXTURES = {
    "exp": [1e-20, 0.3466, -0.3466, 1, -7.25, 50.5, 88.5, -87.5], "expm1": [1e-20, 1e-4, 0.375, -0.3, 0.75, -5.5,
        17.125, 60],
    "ln": [1e-30, 0.125, 0.7, 0.9999, 1.0001, 1.5, 10, 3e38], "log1p": [1e-20, -0.001, 0.3, 0.5, -0.3125, -0.9999, 10,
        3e38],
    "log2": [1e-30, 0.7, 0.9999, 1.0001, 1.5, 10, 1024, 3e38], "sin": [1e-20, 0.5, 1.5, 3.140625, 22, 355, 1e5, -3e7,
        1e22],
    "cos": [1e-20, 0.5, 1.5703125, 3.140625, 11, 355, 1e5, -3e7, 1e22], "tan": [1e-20, 0.5, 0.78125, 1.5703125, 11, 355,
        1e5, -3e7, 1e22],
    "asin": [1e-20, 0.25, 0.5, 0.625, -0.75, 0.96875, 0.9999, 1], "acos": [1e-20, 0.25, 0.5, 0.625, -0.75, 0.96875,
        0.9999, -1],
    "atan": [1e-20, 0.25, 0.5, 1, -1.5, 2.5, 100, 1e20], "sinh": [1e-20, 0.25, 0.96875, -1.25, 10, 50, -88.5],
    "cosh": [1e-20, 0.25, 0.96875, -1.25, 10, 50, -88.5], "tanh": [1e-20, 0.25, 0.625, 0.6875, -1.25, 5, 8.5, 8.75],
    "erf": [1e-20, 0.25, 0.875, 0.96875, -1.0625, 1.5, 2.5, 3.75], "erfinv": [1e-20, 0.25, 0.5, -0.625, 0.875, 0.99,
        0.9999, 0.9999999],
    "exp2": [1e-20, 0.3, -0.5, 7.75, -30.25, 126.5, -140.5], "log10": [1e-30, 0.7, 0.9999, 1.0001, 2, 1000, 3e38],
    "asinh": [1e-20, 0.25, 0.96875, -1.25, 100, -3e38], "acosh": [1, 1.0001, 1.25, 5, 100, 3e38],
    "atanh": [1e-20, 0.25, 0.5, -0.625, 0.9999], "cbrt": [1e-30, 0.5, 1, 2, -3, 1e10, 3e38],
    "erfc": [1e-20, 0.25, 0.4375, -0.25, 0.5, 1.5, 5, 9, -0.75, -3],
    "lgamma": [1e-20, 0.3, 0.9375, 1.0625, 1.5, 1.9375, 2.0625, 3.5, 8, 20, 1e30, -0.5, -5.25],
    "digamma": [1e-10, 0.3, 1, 1.4375, 1.46875, 1.75, 3.5, 8, 20, 1e30, -0.25, -5.25],
    "hypot": [(3, 4), (1, -1e-5), (1e30, 2e30), (3e-30, 2e-30)], "modulo": [(7.5, 2), (-7.5, 2), (7.5, -0.7), (1e20, 3)],
    "floor_div": [(7.5, 2), (-7.5, 2), (7.5, -0.7), (1e5, 3)],
    "polygamma": [(1, 1), (1, 0.25), (2, 3.5), (3, 20), (1, -0.75), (2, -2.25), (20, 3)],
    "pow": [(2, 0.5), (0.5, 100.5), (1.0001, 20000), (3.5, -7), (10, 38), (-3, 3), (7.25, 0.3), (1e-30, 1.25)],
    "atan2": [(1, 2), (2, 1), (-1, 2), (1, -2), (-1e-20, -1), (3e30, 1e-5), (5, 5), (-7, 0.25)],
}  # fmt: skip


def print_fixtures():
    """Arguments that both types have and the exact results rounded to double: the table in math/tests.rs."""
    number = lambda v: repr(float(v)) if np.isfinite(v) else "f64::INFINITY"
    for name, rows in FIXTURES.items():
        items = []
        for row in rows:
            x = [float(np.float32(v)) for v in np.atleast_1d(row)]
            exact = EXACT[name](*map(mp.mpf, x))
            items.append(f"({', '.join(number(v) for v in [*x, float(exact)])})")
        print(
            textwrap.fill(f'("{name}", &[{", ".join(items)}]),', 120, initial_indent=" " * 4, subsequent_indent=" " * 8)
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="functions; all when none is named")
    parser.add_argument("--points", type=int, default=40_000)
    parser.add_argument("--dense", action="store_true", help="float32 against 80-bit floats")
    parser.add_argument("--fixtures", action="store_true", help="print the table of math/tests.rs")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    unknown = set(options.names) - {*UNARY, *BINARY}
    if unknown:
        parser.error(f"no function is called {', '.join(sorted(unknown))}; there are {', '.join(UNARY + BINARY)}")
    mp.mp.prec = 160
    if options.fixtures:
        return print_fixtures()
    subprocess.run(["cargo", "build", "--quiet", "--release", "--example", "ulp"], cwd=ROOT, check=True)
    wrong = []
    print("| function | float32 | at | float64 | at |\n| --- | --- | --- | --- | --- |")
    for name in options.names or UNARY + BINARY:
        cells = []
        for dtype in ("float32", "float64"):
            rng = np.random.default_rng(options.seed)
            if not options.dense:
                worst, where, _ = measure(name, dtype, options.points, rng)
            elif dtype == "float32" and name in DENSE:
                worst, where, _ = dense(name, options.points, rng)
            else:
                cells.append(" | ")
                continue
            at = "" if where is None else ", ".join(f"{v:.9g}" if dtype == "float32" else f"{v:.17g}" for v in where)
            cells.append(f"{worst:.3f} | {at}")
            wrong += [(name, dtype, *w) for w in special(name, dtype)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    for name, dtype, row, got in wrong:
        print(f"wrong: {name} of {row[:-1]} in {dtype} must be {row[-1]}, got {got}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
