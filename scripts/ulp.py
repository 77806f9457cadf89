"""Errors of the elementwise functions as users get them, in units in the last place (ulp), against mpmath.

    python3 scripts/ulp.py                      every function of the table, both types: a table in Markdown
    python3 scripts/ulp.py --points 2000000 exp tanh
    python3 scripts/ulp.py --derivatives        the errors of partial derivatives instead of values
    python3 scripts/ulp.py --dense exp          float32 against 80-bit floats (NumPy's longdouble): for millions
    python3 scripts/ulp.py --write [silu]       docs/ops/accuracy.md, and the hardest arguments in test/fixtures/accuracy.json

It builds and calls the example program `crate/examples/ulp.rs`, natively, which knows every entry of
`crate/kernels/src/elementwise.rs`; the same source gives the same bits in WebAssembly. An entry without a reference here is an
error, so a new function is measured or the script says which is missing.

The numbers: every exponent with random mantissas of both signs (so denormal, tiny and huge ones), those where a function
bends, numbers around those where it changes its method or its result leaves the range of the type, neighbours of
multiples of pi/2, and special values. One ulp is the distance between the two numbers of the type that enclose the exact
result; a wrong NaN or infinity is an infinite error.

Needs: pip install mpmath numpy (gmpy2 makes it quicker).
"""

import argparse
import functools
import json
import multiprocessing
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import mpmath as mp
import numpy as np

mp.mp.prec = 160
ROOT = Path(__file__).resolve().parent.parent
INF, NAN = float("inf"), float("nan")
HALF = mp.mpf(1) / 2
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAM = TARGET / "debug/examples/ulp"


def erfinv(x):
    """mpmath's erfinv is slow and fails in the tails: Newton steps on log(erfc) or erf, from a rough start."""
    if abs(x) >= 1:
        return mp.inf * x if abs(x) == 1 else mp.nan
    a = abs(x)
    if a < HALF:
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
        return mp.nan if x < 0 else -mp.inf
    if x > 0:
        return mp.digamma(x)
    d = x - mp.nint(x)
    return mp.digamma(-x) - 1 / x - mp.pi * mp.cospi(d) / mp.sinpi(d)


def polygamma(n, x):
    n = int(mp.nint(n))
    if x <= 0 and x == mp.floor(x) and n > 0:
        return mp.inf
    return digamma(x) if n == 0 else mp.polygamma(n, x)


def exp(x):
    """e to the power x; what is beyond every type is not computed."""
    return mp.exp(x) if abs(x) < 3000 else mp.inf if x > 0 else mp.mpf(0)


def expm1(x):
    return mp.expm1(x) if abs(x) < 3000 else mp.inf if x > 0 else mp.mpf(-1)


def sigmoid(x):
    return 1 / (1 + exp(-x))


def softplus(x):
    return max(x, mp.mpf(0)) + mp.log1p(exp(-abs(x)))


def tanh(x):
    return mp.tanh(x) if abs(x) < 3000 else mp.sign(x)


def gelu(x):
    return x * mp.erfc(-x / mp.sqrt(2)) / 2 if abs(x) < 1000 else max(x, mp.mpf(0))


def gelu_tanh(x):
    u = 2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)
    return x * sigmoid(u) if abs(x) < 1000 else max(x, mp.mpf(0))


def clamp(x, low, high):
    return min(max(x, mp.mpf(low)), mp.mpf(high))


SELU = mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717")
# The exact results, for arguments of the type that are finite.
EXACT = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "neg": lambda x: -x, "abs": abs,
    "sign": mp.sign, "square": lambda x: x * x, "maximum": max, "minimum": min,
    "clip": lambda x, low, high: min(max(x, low), high), "relu": lambda x: max(x, mp.mpf(0)),
    "relu6": lambda x: clamp(x, 0, 6), "mod": lambda x, y: x - y * mp.floor(x / y),
    "floor_div": lambda x, y: mp.floor(x / y), "div": lambda a, b: a / b,
    "pow": lambda x, y: x**y if x > 0 or y == mp.floor(y) else mp.nan, "atan2": mp.atan2, "hypot": mp.hypot,
    "exp_minus": lambda a, b: mp.exp(a - b),
    "logaddexp": lambda a, b: max(a, b) + mp.log1p(exp(-abs(a - b))),
    "sqrt": lambda x: mp.sqrt(x) if x >= 0 else mp.nan,
    "rsqrt": lambda x: 1 / mp.sqrt(x) if x > 0 else mp.nan if x < 0 else mp.inf,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)), "reciprocal": lambda x: 1 / x if x else mp.inf,
    "exp": exp, "expm1": expm1, "exp2": lambda x: mp.mpf(2) ** x if abs(x) < 3000 else mp.inf if x > 0 else mp.mpf(0),
    "log": lambda x: mp.log(x) if x > 0 else mp.nan, "log1p": lambda x: mp.log1p(x) if x > -1 else -mp.inf if x == -1 else mp.nan,
    "log2": lambda x: mp.log(x, 2) if x > 0 else mp.nan, "log10": lambda x: mp.log(x, 10) if x > 0 else mp.nan,
    "sin": mp.sin, "cos": mp.cos, "tan": mp.tan,
    "asin": lambda x: mp.asin(x) if abs(x) <= 1 else mp.nan, "acos": lambda x: mp.acos(x) if abs(x) <= 1 else mp.nan,
    "atan": mp.atan, "sinh": lambda x: mp.sinh(x) if abs(x) < 3000 else mp.inf * x,
    "cosh": lambda x: mp.cosh(x) if abs(x) < 3000 else mp.inf, "tanh": tanh, "asinh": mp.asinh,
    "acosh": lambda x: mp.acosh(x) if x >= 1 else mp.nan,
    "atanh": lambda x: mp.atanh(x) if abs(x) < 1 else mp.inf * x if abs(x) == 1 else mp.nan,
    "sigmoid": sigmoid, "softplus": softplus, "log_sigmoid": lambda x: -softplus(-x),
    "softsign": lambda x: x / (1 + abs(x)), "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "prelu": lambda x, slope: x if x > 0 else slope * x, "elu": lambda x, alpha: x if x > 0 else alpha * expm1(x),
    "selu": lambda x: SELU[0] * (x if x > 0 else SELU[1] * expm1(x)),
    "celu": lambda x, alpha: x if x > 0 else alpha * expm1(x / alpha), "gelu": gelu, "gelu_tanh": gelu_tanh,
    "silu": lambda x: x * sigmoid(x), "mish": lambda x: x * tanh(softplus(x)),
    "hard_sigmoid": lambda x: clamp((x + 3) / 6, 0, 1), "hard_swish": lambda x: x * clamp((x + 3) / 6, 0, 1),
    "hard_tanh": lambda x: clamp(x, -1, 1),
    "erf": mp.erf, "erfc": lambda x: mp.erfc(x) if x < 1000 else mp.mpf(0), "erfinv": erfinv, "lgamma": lgamma,
    "digamma": digamma, "polygamma": polygamma,
    "floor": mp.floor, "ceil": mp.ceil, "round": mp.nint, "trunc": lambda x: mp.sign(x) * mp.floor(abs(x)),
    "lerp": lambda a, b, w: a + w * (b - a), "lerp_square": lambda v, g, w: v + w * (g * g - v),
    "adam_step": lambda p, m, v, lr, eps, c: p - lr * m / (c * mp.sqrt(v) + eps),
}  # fmt: skip
# What an error is counted in where terms cancel: ulp of this number, if it is larger than the result.
SCALE = {
    "lgamma": lambda x: HALF if x < 0 else 0, "digamma": lambda x: HALF if x < 0 else 0,
    "polygamma": lambda n, x: mp.factorial(n) / abs(x - mp.nint(x)) ** (n + 1) if x < 0 and x != mp.nint(x) else 0,
    "logaddexp": lambda a, b: max(abs(max(a, b)), mp.log1p(exp(-abs(a - b)))),
    "lerp": lambda a, b, w: max(abs(a), abs(w * (b - a)), abs(w * b)),
    "lerp_square": lambda v, g, w: max(abs(v), abs(w * g * g)), "adam_step": lambda p, m, v, lr, eps, c: max(
        abs(p), abs(lr * m / (c * mp.sqrt(v) + eps))),
}  # fmt: skip
DENSE = dict(sqrt=np.sqrt, exp=np.exp, expm1=np.expm1, log=np.log, log1p=np.log1p, log2=np.log2, sin=np.sin, cos=np.cos,
    tan=np.tan, asin=np.arcsin, acos=np.arccos, atan=np.arctan, sinh=np.sinh, cosh=np.cosh, tanh=np.tanh,
    pow=np.power, atan2=np.arctan2, exp2=np.exp2, log10=np.log10, asinh=np.arcsinh, acosh=np.arccosh, atanh=np.arctanh,
    cbrt=np.cbrt, hypot=np.hypot, mod=np.mod, floor_div=np.floor_divide)  # fmt: skip
# What IEEE 754 and C's Annex F ask for, and limits for the other functions. The sign of a zero counts.
SELU_LEFT = float(SELU[0] * SELU[1])
SPECIAL = {
    "sqrt": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-1.0, NAN), (NAN, NAN)],
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (NAN, NAN), (1e30, INF), (-1e30, 0.0)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (NAN, NAN), (1e30, INF), (-1e30, -1.0)],
    "log": [(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1.0, NAN), (-INF, NAN), (NAN, NAN)],
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
    "mod": [(7.0, 3.0, 1.0), (-7.0, 3.0, 2.0), (7.0, -3.0, -2.0), (-7.0, -3.0, -1.0), (6.0, 3.0, 0.0),
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
    "neg": [(0.0, -0.0), (-0.0, 0.0), (INF, -INF), (NAN, NAN)],
    "abs": [(0.0, 0.0), (-0.0, 0.0), (-INF, INF), (NAN, NAN)],
    "sign": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN)],
    "square": [(-0.0, 0.0), (-INF, INF), (NAN, NAN)],
    "relu": [(0.0, 0.0), (-0.0, 0.0), (INF, INF), (-INF, 0.0), (NAN, NAN)],
    "relu6": [(-0.0, 0.0), (INF, 6.0), (-INF, 0.0), (NAN, NAN)],
    "rsqrt": [(0.0, INF), (INF, 0.0), (-1.0, NAN), (-INF, NAN), (NAN, NAN)],
    "reciprocal": [(0.0, INF), (-0.0, -INF), (INF, 0.0), (-INF, -0.0), (NAN, NAN)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (800.0, 1.0), (-800.0, 0.0), (NAN, NAN)],
    "softplus": [(INF, INF), (-INF, 0.0), (800.0, 800.0), (-800.0, 0.0), (NAN, NAN)],
    "log_sigmoid": [(INF, 0.0), (-INF, -INF), (800.0, 0.0), (-800.0, -800.0), (NAN, NAN)],
    "softsign": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (1e30, 1.0), (NAN, NAN)],
    "leaky_relu": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN)],
    "elu": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (NAN, NAN)],
    "selu": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -SELU_LEFT), (NAN, NAN)],
    "celu": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (NAN, NAN)],
    "gelu": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -0.0), (800.0, 800.0), (-800.0, -0.0), (NAN, NAN)],
    "gelu_tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -0.0), (800.0, 800.0), (-800.0, -0.0), (NAN, NAN)],
    "silu": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -0.0), (800.0, 800.0), (-800.0, -0.0), (NAN, NAN)],
    "mish": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -0.0), (800.0, 800.0), (-800.0, -0.0), (NAN, NAN)],
    "hard_sigmoid": [(0.0, 0.5), (-3.0, 0.0), (3.0, 1.0), (INF, 1.0), (-INF, 0.0), (NAN, NAN)],
    "hard_swish": [(3.0, 3.0), (INF, INF), (1e30, 1e30), (NAN, NAN)],
    "hard_tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN)],
    "floor": [(-0.0, -0.0), (-0.5, -1.0), (1e30, 1e30), (INF, INF), (-INF, -INF), (NAN, NAN)],
    "ceil": [(-0.0, -0.0), (-0.5, -0.0), (1e30, 1e30), (INF, INF), (-INF, -INF), (NAN, NAN)],
    "round": [(-0.0, -0.0), (-0.5, -0.0), (2.5, 2.0), (1e30, 1e30), (INF, INF), (NAN, NAN)],
    "trunc": [(-0.0, -0.0), (-0.5, -0.0), (1e30, 1e30), (INF, INF), (-INF, -INF), (NAN, NAN)],
    "add": [(INF, -INF, NAN), (NAN, 1.0, NAN), (-0.0, 0.0, 0.0), (-0.0, -0.0, -0.0)],
    "sub": [(INF, INF, NAN), (0.0, 0.0, 0.0), (-0.0, 0.0, -0.0)],
    "mul": [(INF, 0.0, NAN), (-0.0, 2.0, -0.0)],
    "div": [(1.0, 0.0, INF), (1.0, -0.0, -INF), (0.0, 0.0, NAN), (INF, INF, NAN), (1.0, INF, 0.0)],
    "maximum": [(NAN, 1.0, NAN), (1.0, NAN, NAN), (INF, -INF, INF)],
    "minimum": [(NAN, 1.0, NAN), (1.0, NAN, NAN), (INF, -INF, -INF)],
    "logaddexp": [(INF, INF, INF), (-INF, -INF, -INF), (INF, -INF, INF), (-INF, 2.0, 2.0), (1e4, -1e4, 1e4),
        (NAN, 1.0, NAN), (1.0, NAN, NAN), (0.0, -INF, 0.0)],
}  # fmt: skip


# Where most arguments are taken from, and where functions change their method.
MAIN = {
    "exp": (-INF, INF), "expm1": (-40, INF), "sinh": (-INF, INF), "cosh": (-INF, INF), "tanh": (-22, 22),
    "erf": (-6.5, 6.5), "asin": (-1, 1), "acos": (-1, 1), "erfinv": (-1, 1), "log": (0, 4), "log2": (0, 4), "log1p": (-1, 4),
    "sin": (-100, 100), "cos": (-100, 100), "tan": (-100, 100), "exp2": (-1080, 1030), "log10": (0, 4), "acosh": (1, 4),
    "atanh": (-1, 1), "erfc": (-6, 28), "lgamma": (-20, 20), "digamma": (-20, 20), "sigmoid": (-INF, 40),
    "softplus": (-INF, 40), "log_sigmoid": (-40, INF), "silu": (-INF, 40), "mish": (-INF, 40), "gelu": (-40, 9),
    "gelu_tanh": (-23, 9), "elu": (-40, 2), "selu": (-40, 2), "celu": (-40, 2),
}  # fmt: skip
SEAMS = {
    "exp": [71, -87.33, -103.97], "tanh": [0.34657359, 0.69314718, 1.0397208, 0.625, 9.02], "erf": [0.93, 1, 0.5, 4, 6],
    "sinh": [1], "asin": [0.5, 1], "acos": [0.5, -0.5, 1],
    "log": [1, 0.5**0.5, 2**0.5], "log2": [1, 0.5**0.5, 2**0.5], "log1p": [0, 0.41421356, -0.29289322],
    "erfinv": [0.77067, 1, 0.9975], "atan": [0.4375, 0.6875, 1.1875, 2.4375, 1], "expm1": [0.38886, -0.30498],
    "acosh": [1], "atanh": [0.5, 1], "erfc": [0.5, -0.5], "lgamma": [0.9, 1, 1.1, 1.9, 2, 2.1, 7, 8, -1, -2],
    "digamma": [1.4, 1.46163214496836, 1.52, 7, 8, -1, -2], "cbrt": [1, 8, 27, 0.5**0.5, 2**0.5], "log10": [1, 10, 100],
    "sin": [400, -400], "cos": [400, -400], "sigmoid": [-86.9897, 86.9897, -17, -1],
    "silu": [-86.9897, 86.9897, -17, -1], "gelu": [-8, 0.0078125], "hard_sigmoid": [-3, 3], "hard_swish": [-3, 3],
    "hard_tanh": [-1, 1], "relu6": [6],
}  # fmt: skip
# Those whose result leaves the range of the type at the logarithm of its largest number, on the left or the right.
LEAVES = "exp expm1 sinh cosh sigmoid softplus log_sigmoid silu mish".split()


@functools.cache
def table():
    """The functions of the crate: name to (default, low, high) of each argument, the default None where there is none."""
    lines = subprocess.run([PROGRAM], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
    number = lambda x: None if x == "-" else float(x)
    return {line.split()[0]: [tuple(map(number, a.split(","))) for a in line.split()[1:]] for line in lines}


def defaults(name):
    """The defaults of those arguments that have one; they come last."""
    return [default for default, _, _ in table()[name] if default is not None]


def is_unary(name):
    """Whether users can call it with one argument."""
    return len(table()[name]) - len(defaults(name)) == 1


def numbers(name, dtype, count, rng):
    """The arguments to try: an array with a column for each argument."""
    kind = np.dtype(dtype)
    info = np.finfo(kind)
    bits = {4: np.uint32, 8: np.uint64}[kind.itemsize]
    width = kind.itemsize * 8
    any_number = lambda n: rng.integers(0, 2**width, n, dtype=bits).view(kind)
    uniform = lambda low, high, n: rng.uniform(low, high, n).astype(kind)
    around = lambda points, n: np.nextafter(rng.choice(np.array(points, kind), n), uniform(-1e9, 1e9, n), dtype=kind)
    limit = float(np.log(info.max))
    edges = np.array([info.smallest_subnormal, info.smallest_normal, info.max, 1], kind)
    if name == "pow":
        n = count // 4
        x = np.abs(any_number(n))
        with np.errstate(all="ignore"):
            y = (uniform(-1, 1, n) * limit * 1.02 / np.abs(np.log(x.astype(np.longdouble)))).astype(kind)
        parts = [np.stack([x, y], 1), np.stack([uniform(0, 3, n), uniform(-30, 30, n)], 1),
            np.stack([uniform(0.99, 1.01, n), uniform(-3000, 3000, n)], 1),
            np.stack([uniform(-9, 9, n), rng.integers(-20, 20, n).astype(kind)], 1)]  # fmt: skip
        pairs = np.concatenate(parts)
        return pairs[np.isfinite(pairs).all(1) & (pairs[:, 0] != 0)]
    if name == "polygamma":
        return np.stack([rng.integers(0, 9, count).astype(kind), uniform(-6, 30, count)], 1)
    if is_unary(name):
        n = count // 4
        low, high = MAIN.get(name, (-10, 10))
        low, high = max(low, -limit - 18), min(high, limit + 1)
        parts = [edges, -edges, any_number(n), uniform(low, high, n), uniform(-2, 2, n)]
        if name in ("sin", "cos", "tan"):
            k = np.floor(2 ** rng.uniform(0, 30, n))
            parts += [around(SEAMS.get(name, [1]), n // 8)]
            parts += [around((k * (np.pi / 2)).astype(kind), n), uniform(-2e6, 2e6, n)]
        else:
            parts += [around(SEAMS.get(name, [1]), n // 8), (1 - 2 ** rng.uniform(-width * 0.8, -1, n)).astype(kind),
                uniform(-0.7, 0.7, n // 2)]  # fmt: skip
        if name in LEAVES:
            parts += [
                around([limit], n // 8),
                uniform(-limit - 40, -limit + 5, n // 4),
                uniform(limit - 5, limit + 18, n // 4),
            ]
        if name in ("lgamma", "digamma"):
            parts[2] = np.abs(parts[2])
        x = np.concatenate(parts)
        x = x[np.isfinite(x) & (x != 0)][:, None]
        return np.concatenate([x, *(np.full_like(x, d) for d in defaults(name))], 1)
    n = count // 2
    draw = lambda f: np.stack([f() for _ in table()[name]], 1)
    near = uniform(-30, 30, n)  # numbers of like sizes
    parts = [draw(lambda: any_number(n + n // 16)), draw(lambda: uniform(-3, 3, n)),
        np.stack([near] + [near * uniform(0.5, 2, n) for _ in table()[name][1:]], 1)]  # fmt: skip
    if name in ("mod", "floor_div", "hypot", "atan2", "div"):
        x = np.abs(any_number(n))
        parts += [np.stack([x, (x / uniform(1, 99, n)).astype(kind)], 1)]
    rows = np.concatenate(parts)
    rows = rows[np.isfinite(rows).all(1) & (rows != 0).all(1)]
    if name in ("mod", "floor_div"):  # quotients that the reference can have as whole numbers
        rows = rows[np.abs(np.log2(np.abs(rows[:, 0])) - np.log2(np.abs(rows[:, 1]))) < 100]
    if name == "exp_minus":  # exact differences, of which results are normal numbers
        rows[:, 0], rows[:, 1] = -np.abs(np.fmod(rows[:, 0], 80)), 0
    if name == "adam_step":
        rows = np.abs(rows)
    if name in ("lerp", "lerp_square", "adam_step"):  # no squares or sums that leave the range on the way
        rows = rows[(np.abs(np.log2(np.abs(rows))) < 30).all(1)]
    return rows


def call(name, dtype, x, by=None):
    """The crate's function of the rows of x, or its derivative by an argument."""
    program = [PROGRAM, name, dtype.replace("float", "f"), *([] if by is None else [str(by)])]
    run = subprocess.run(program, input=np.ascontiguousarray(x).tobytes(), stdout=subprocess.PIPE, check=True)
    return np.frombuffer(run.stdout, dtype)


def error(y, exact, kind, scale=0):
    """|y - exact| in ulp of the type; the exact value, and the number that ulp are counted of if larger, as mpf."""
    info = np.finfo(kind)
    if mp.isnan(exact) or np.isnan(y):
        return 0.0 if mp.isnan(exact) and np.isnan(y) else INF
    digits = info.nmant + 1
    lowest = int(np.round(np.log2(float(info.smallest_normal)))) - info.nmant
    of = max(abs(exact), scale)
    if np.isinf(y):  # right where the exact value rounds to infinity
        end = mp.sign(float(y)) * mp.mpf(2) ** info.maxexp
        half = mp.mpf(2) ** (info.maxexp - digits - 1)
        if abs(exact) >= abs(end) - half:
            return 0.0 if mp.sign(exact) == mp.sign(end) else INF
        return float(abs(end - exact) / (2 * half))
    if mp.isinf(exact):
        return INF
    exponent = max(mp.frexp(of)[1] - digits, lowest) if of else lowest
    exponent = min(exponent, info.maxexp - digits)
    return float(abs(mp.mpf(float(y)) - exact) / mp.mpf(2) ** exponent)


def reference(name, by=None):
    """The exact function of mpf, or its derivative by an argument."""
    f = EXACT[name]
    if by is None:
        return f

    def slope(*x):
        y = mp.diff(f, x, tuple(int(k == by) for k in range(len(x))))
        return y.real if isinstance(y, mp.mpc) else y

    return slope


def measure(name, dtype, count, rng, by=None):
    """The largest error, the argument that has it, how many there were, and the hardest of them with exact results."""
    if by is None:
        x = numbers(name, dtype, count, rng)
    else:  # where the table says that the function is smooth
        x = np.stack([rng.uniform(low, high, count) for _, low, high in table()[name]], 1).astype(dtype)
    y = call(name, dtype, x, by)
    exact, scale = reference(name, by), (SCALE.get(name, lambda *x: 0) if by is None else lambda *x: mp.mpf(1))
    found = []
    for row, value in zip(x, y):
        arguments = [mp.mpf(float(v)) for v in row]
        try:
            truth = mp.mpf(exact(*arguments))
        except (ZeroDivisionError, ValueError, OverflowError, mp.NoConvergence):
            continue
        found.append((error(value, truth, np.dtype(dtype), scale(*arguments)), tuple(row), truth))
    found.sort(key=lambda f: -f[0])
    return found[0][0], found[0][1], len(found), found[:12]


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
    return float(e[i]), x[i], len(x), []


def special(name, dtype):
    """The special values that come out wrong. Every function of one argument must have some."""
    rows = SPECIAL[name] if is_unary(name) else SPECIAL.get(name, [])
    if not rows:
        return []
    with np.errstate(over="ignore", under="ignore"):
        x = np.array([[*r[:-1], *defaults(name)] for r in rows], dtype)
        want = np.array([r[-1] for r in rows], dtype)
    got = call(name, dtype, x)
    same = (np.isnan(got) & np.isnan(want)) | ((got == want) & (np.signbit(got) == np.signbit(want)))
    return [(r, float(g)) for r, g, s in zip(rows, got, same) if not s]


FIXTURES = {
    "exp": [1e-20, 0.3466, -0.3466, 1, -7.25, 50.5, 88.5, -87.5], "expm1": [1e-20, 1e-4, 0.375, -0.3, 0.75, -5.5,
        17.125, 60],
    "log": [1e-30, 0.125, 0.7, 0.9999, 1.0001, 1.5, 10, 3e38], "log1p": [1e-20, -0.001, 0.3, 0.5, -0.3125, -0.9999, 10,
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
    "silu": [1e-20, 0.5, -0.5, 1.25, -5, 20, -50, -88, 100], "gelu": [1e-20, 0.25, -0.25, 0.75, -1, -3, 4, -9, -12.5],
    "gelu_tanh": [1e-20, 0.25, -0.25, 0.75, -1, -3, 4, -9, -9.75], "mish": [1e-20, 0.5, -0.5, 1.25, -5, 20, -50, -88,
        100],
    "hypot": [(3, 4), (1, -1e-5), (1e30, 2e30), (3e-30, 2e-30)], "mod": [(7.5, 2), (-7.5, 2), (7.5, -0.7), (1e20, 3)],
    "floor_div": [(7.5, 2), (-7.5, 2), (7.5, -0.7), (1e5, 3)],
    "polygamma": [(1, 1), (1, 0.25), (2, 3.5), (3, 20), (1, -0.75), (2, -2.25), (20, 3)],
    "pow": [(2, 0.5), (0.5, 100.5), (1.0001, 20000), (3.5, -7), (10, 38), (-3, 3), (7.25, 0.3), (1e-30, 1.25)],
    "atan2": [(1, 2), (2, 1), (-1, 2), (1, -2), (-1e-20, -1), (3e30, 1e-5), (5, 5), (-7, 0.25)],
}  # fmt: skip


def print_fixtures():
    """Arguments that both types have and the exact results rounded to double: the table in math/tests.rs."""
    number = lambda v: repr(float(v)) if np.isfinite(v) else "f64::INFINITY"
    kernels = {"log": "ln", "mod": "modulo"}
    for name, rows in FIXTURES.items():
        items = []
        for row in rows:
            x = [float(np.float32(v)) for v in np.atleast_1d(row)]
            exact = EXACT[name](*map(mp.mpf, x))
            items.append(f"({', '.join(number(v) for v in [*x, float(exact)])})")
        text = f'("{kernels.get(name, name)}", &[{", ".join(items)}]),'
        print(textwrap.fill(text, 120, initial_indent=" " * 4, subsequent_indent=" " * 8))


def text(x, dtype):
    """A number with as many digits as tell it from its neighbours."""
    plain = x == 0 or 1e-4 <= abs(x) < 1e6
    return np.format_float_positional(x, trim="-") if plain else np.format_float_scientific(x, trim="-", exp_digits=1)


def job(task):
    """One function in one type, in a process of its own."""
    name, dtype, options = task
    rng = np.random.default_rng(options.seed)
    if options.dense:
        return dense(name, options.points, rng) if dtype == "float32" and name in DENSE else None
    if not options.derivatives:
        return (*measure(name, dtype, options.points, rng), special(name, dtype))
    return [measure(name, dtype, options.points, rng, by) for by in range(len(table()[name]))]


def camel(name):
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="functions; all when none is named")
    parser.add_argument("--points", type=int, default=40_000)
    parser.add_argument("--derivatives", action="store_true", help="partial derivatives instead of values")
    parser.add_argument("--dense", action="store_true", help="float32 against 80-bit floats")
    parser.add_argument("--fixtures", action="store_true", help="print the table of math/tests.rs")
    parser.add_argument(
        "--write", action="store_true", help="write docs/ops/accuracy.md and test/fixtures/accuracy.json"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.fixtures:
        return print_fixtures()
    subprocess.run(["cargo", "build", "--quiet", "--example", "ulp"], cwd=ROOT, check=True)
    unknown = set(options.names) - set(table())
    if unknown:
        parser.error(f"no function is called {', '.join(sorted(unknown))}; there are {', '.join(table())}")
    missing = [name for name in table() if name not in EXACT]
    missing += [f"{name} (special values)" for name in table() if is_unary(name) and name not in SPECIAL]
    if missing:
        sys.exit(f"there is no reference for {', '.join(missing)}: add it to scripts/ulp.py")
    names = options.names or list(table())
    tasks = [(name, dtype, options) for name in names for dtype in ("float32", "float64")]
    with multiprocessing.Pool() as pool:
        results = pool.imap(job, tasks)
        found = report(zip(tasks, results), options)
    if options.write:
        write(found, options)


def cell(worst, where, dtype):
    """How large the error is, and where."""
    return f"{worst:.3f} | {', '.join(text(v, dtype) for v in where)}"


def report(results, options):
    """Prints a table while it grows; gives what was found."""
    wrong, found, row = [], {}, []
    print("| function | float32 | at | float64 | at |\n| --- | --- | --- | --- | --- |")
    for (name, dtype, _), result in results:
        if result is None:
            row += [" | "]
        elif options.derivatives:
            row += [cell(*max(result, key=lambda r: r[0])[:2], dtype)]
            found[name, dtype] = result
        else:
            row += [cell(*result[:2], dtype)]
            found[name, dtype] = result
            wrong += [(name, dtype, *w) for w in result[4]]
        if len(row) == 2:
            print(f"| {name} | {' | '.join(row)} |", flush=True)
            row = []
    for name, dtype, args, got in wrong:
        print(f"wrong: {name} of {args[:-1]} in {dtype} must be {args[-1]}, got {got}")
    if wrong:
        sys.exit(1)
    return found


# What users cannot call by itself.
INTERNAL = {"lerp_square", "adam_step", "exp_minus"}
PAGE = """# Accuracy

Errors of the elementwise functions in units in the last place (ulp): the distance between the two numbers of the dtype
that enclose the exact result. {points} numbers or more for each function and dtype, against mpmath with 160 bits: every
exponent with random mantissas of both signs, so denormal, tiny and huge numbers; numbers around those where a function
bends, changes its method or leaves the range of its dtype; neighbours of multiples of π/2 for sin, cos and tan; ±0,
±infinity and NaN, where the result must be exactly the stated one. A correctly rounded result has an error of at most 0.5.
The columns say the largest error and where it was found.

The same source gives the same bits natively and in WebAssembly, on every machine. `python3 scripts/ulp.py --write` measures
again and writes this page; the hardest arguments are kept in `test/fixtures/accuracy.json`, which the tests check.

In float32, {within} of {count} functions of one argument are within 1 ulp, the others within {worst}. In float64 the largest
error is {double}; {double_within} of {count} are within 1 ulp.

Where every float32 was tried, a little more was found: gelu 2.54 at -7.88, where it is -1e-14 (1.98 right of -5), silu 1.64,
sigmoid 1.63, tanh 1.16, erf 1.007 at 0.928.

## Functions of one argument

{unary}

lgamma and digamma of negative numbers have zeros, beside which errors are counted in ulp of 1/2.

## Functions of several arguments

{others}

Where terms cancel, errors are counted in ulp of the largest term: of max(a, b) and log(1 + exp(-|a - b|)) for logaddexp,
of a, w b and w (b - a) for lerp, of the nearest pole's term n! / d^(n + 1) for polygamma of negative numbers.

## Derivatives

The largest error of a partial derivative, by any argument, over {few} numbers of moderate size, where the tests of
derivatives take theirs: in ulp of the derivative, or of 1 where it is smaller than 1 (a derivative such as 1 - tanh² is
small far out, and exact there to the last place of 1 only). For information: a derivative is made of several functions of
the table.

{derivatives}
"""


def rows_of(found, numbers_of=lambda result: result[:2]):
    """Rows of a table in Markdown by function, with errors rounded up."""
    rows = {}
    for name in dict.fromkeys(name for name, _ in found):
        cells = []
        for dtype in ("float32", "float64"):
            worst, where = numbers_of(found[name, dtype])
            most = f"{np.ceil(worst * 100 - 1e-6) / 100:.2f}"
            cells.append(f"{most} | {', '.join(text(v, dtype) for v in where)}" if worst else "exact | ")
        rows[name] = f"| {shown(name)} | {' | '.join(cells)} |"
    return rows


def shown(name):
    return "gelu (tanh)" if name == "gelu_tanh" else camel(name)


def table_of(rows, names):
    return "\n".join(
        ["| function | float32 | at | float64 | at |", "| --- | ---: | --- | ---: | --- |", *map(rows.get, names)]
    )


def errors_of(rows, names, column):
    """The errors in a column of rows."""
    cells = [rows[name].split(" | ")[column].strip() for name in names]
    return [0.0 if cell == "exact" else float(cell) for cell in cells]


def order(x, dtype):
    """Numbers of a type as integers, neighbours beside each other."""
    whole = {"float32": np.int32, "float64": np.int64}[dtype]
    i = int(np.array(x, dtype).view(whole))
    return i if i >= 0 else -(i & np.iinfo(whole).max)


def rounded(exact, dtype):
    """The nearest number of a type."""
    if mp.isnan(exact) or mp.isinf(exact):
        return float(exact)
    info = np.finfo(dtype)
    digits = info.nmant + 1
    lowest = int(np.round(np.log2(float(info.smallest_normal)))) - info.nmant
    unit = mp.mpf(2) ** (max(mp.frexp(exact)[1] - digits, lowest) if exact else 0)
    nearest = mp.nint(exact / unit) * unit
    return float(nearest) if abs(nearest) <= mp.mpf(float(info.max)) else float(mp.sign(nearest) * mp.inf)


def plain(x):
    """A number for JSON, which has no infinities and no NaN."""
    x = float(x)
    return "NaN" if x != x else "Infinity" if x == INF else "-Infinity" if x == -INF else x


def fixture(name, found):
    """The hardest arguments of a function and its special values, with results rounded to nearest; how far off they are."""
    case = {"name": camel(name)}
    keep = len(table()[name]) - len(defaults(name))
    for dtype in ("float32", "float64"):
        hardest = found[name, dtype][3]
        x = np.array([row for _, row, _ in hardest], dtype)
        rows = [(row, rounded(exact, dtype), y) for row, (_, _, exact), y in zip(x, hardest, call(name, dtype, x))]
        away = lambda want, got: 0 if want != want else abs(order(got, dtype) - order(want, dtype))
        # Where terms cancel, the error may be many ulp of the result.
        rows = [(row, want, away(want, got)) for row, want, got in rows if name not in SCALE or away(want, got) <= 2]
        points = [[*(plain(v) for v in row[:keep]), plain(want)] for row, want, _ in rows]
        with np.errstate(over="ignore", under="ignore"):
            points += [[plain(v) for v in np.array(row, dtype)] for row in SPECIAL.get(name, [])]
        case[dtype] = {"ulp": max((distance for _, _, distance in rows), default=0), "points": points}
    return case


def write(found, options):
    """The page and the fixture; what was not measured this time stays as it is there."""
    page, points = ROOT / "docs/ops/accuracy.md", ROOT / "test/fixtures/accuracy.json"
    names = [name for name in table() if name not in INTERNAL]
    unary = [name for name in names if is_unary(name)]
    measured = [name for name in names if (name, "float32") in found]
    slopes = {}
    few = max(options.points // 20, 100)
    quick = argparse.Namespace(**{**vars(options), "points": few, "derivatives": True})
    tasks = [(name, dtype, quick) for name in measured for dtype in ("float32", "float64")]
    with multiprocessing.Pool() as pool:
        for (name, dtype, _), result in zip(tasks, pool.imap(job, tasks)):
            slopes[name, dtype] = result
    values = rows_of({key: found[key] for key in slopes})
    slopes = rows_of(slopes, lambda results: max(results, key=lambda r: r[0])[:2])
    cases = {name: json.dumps(fixture(name, found), ensure_ascii=False) for name in measured}
    if len(measured) < len(names):
        old = page.read_text().split("## Derivatives")
        for rows, lines in ((values, old[0].splitlines()), (slopes, old[1].splitlines())):
            for name in set(names) - set(measured):
                rows[name] = next(line for line in lines if line.startswith(f"| {shown(name)} |"))
        for line in points.read_text().splitlines():
            name = next((name for name in names if line.startswith(f'{{"name": "{camel(name)}"')), None)
            cases.setdefault(name, line.rstrip(","))
    single, double = errors_of(values, unary, 1), errors_of(values, unary, 3)
    filled = PAGE.format(
        points=f"{options.points:,}",
        few=f"{few:,}",
        count=len(unary),
        within=sum(e <= 1 for e in single),
        worst=max(single),
        double=max(errors_of(values, names, 3)),
        double_within=sum(e <= 1 for e in double),
        unary=table_of(values, unary),
        others=table_of(values, [name for name in names if name not in unary]),
        derivatives=table_of(slopes, names),
    )
    page.parent.mkdir(exist_ok=True)
    page.write_text(filled)
    points.write_text("[\n" + ",\n".join(cases[name] for name in names) + "\n]\n")


if __name__ == "__main__":
    main()
