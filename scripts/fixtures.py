"""Values and derivatives of every operation in float64, from NumPy, SciPy and JAX: test/fixtures/*.json.

    python3 scripts/fixtures.py

A case is a call of the public API: `op`, its `args` (a tensor is an object with `shape` and `data`, and `dtype` unless it is
float64), and what must come out: `value`; for floats also `vjp`, one cotangent for each float tensor among the arguments
from the cotangent `g` of the value, and `jvp`, the tangent of the value from the tangents `t` of these tensors. Numbers that
JSON lacks are words. `rtol` is there where 1e-12 is not what an algorithm can keep.

JAX computes derivatives, and values too where neither NumPy nor SciPy has the function. Where wengert's conventions are
others than JAX's, the case says so and has the derivative by formula:
- abs: the derivative at 0 is 0 (JAX: 1);
- clip: the derivative by x is 1 on the bounds (JAX shares it with the bound);
- leakyRelu: the derivative at 0 is negativeSlope (JAX: 1);
- norm and std: the derivative at 0 is 0 (JAX: NaN).
Ties of maximum, minimum, max and min share the derivative equally in both. Random permutations are an order by 64 random bits
each; JAX shuffles in rounds.

Needs: pip install numpy scipy jax. Running it again gives the same files.
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special as sp

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_threefry_partitionable", True)

FOLDER = Path(__file__).resolve().parent.parent / "test" / "fixtures"
random = np.random.RandomState(1964)


def numbers(a):
    """Flat list of an array's elements for JSON."""
    a = np.asarray(a)
    if a.dtype.kind in "iub":
        return [int(x) for x in a.ravel()]
    words = lambda x: "NaN" if np.isnan(x) else "Infinity" if x > 0 else "-Infinity"
    whole = lambda x: int(x) if x == int(x) and abs(x) < 1e6 and not (x == 0 and np.signbit(x)) else float(x)
    return [whole(x) if np.isfinite(x) else words(x) for x in a.ravel()]


def tensor(a):
    """An array as JSON."""
    a = np.asarray(a)
    dtype = {"f8": {}, "f4": {"dtype": "float32"}, "i4": {"dtype": "int32"}, "b1": {"dtype": "bool"}}[a.dtype.str[1:]]
    return {**dtype, "shape": list(a.shape), "data": numbers(a)}


def encode(arg):
    """Arguments with arrays in them as JSON."""
    if isinstance(arg, np.ndarray):
        return tensor(arg)
    if isinstance(arg, (list, tuple)):
        return [encode(x) for x in arg]
    return {k: encode(v) for k, v in arg.items()} if isinstance(arg, dict) else arg


def floats(arg):
    """The float64 arrays in arguments, in order."""
    if isinstance(arg, np.ndarray):
        return [arg] if arg.dtype == np.float64 else []
    parts = arg if isinstance(arg, (list, tuple)) else arg.values() if isinstance(arg, dict) else []
    return [x for part in parts for x in floats(part)]


def draw(shape, low=-2.0, high=2.0):
    """Numbers of three digits."""
    return np.array(np.round(random.uniform(low, high, shape), 3))


def integers(*data):
    return np.array(data, np.int32)


def case(op, args, f, value=None, partials=None, note=None, rtol=None, derivatives=True):
    """One case. `f` takes the float64 arrays of `args` in their order; `value` is what it gives where JAX is not asked.
    `partials(*xs)` gives the elementwise partial derivatives where JAX's are not wengert's."""
    xs = floats(args)
    y = np.asarray(f(*xs)) if value is None else np.asarray(value)
    out = {"op": op, "args": encode(args), "value": tensor(y)}
    if note is not None:
        out["note"] = note
    if rtol is not None:
        out["rtol"] = rtol
    if derivatives and xs and y.dtype.kind == "f":
        g, t = draw(y.shape, -1, 1), [draw(x.shape, -1, 1) for x in xs]
        if partials is None:
            vjp = jax.vjp(f, *map(jnp.asarray, xs))[1](jnp.asarray(g, y.dtype))
            jvp = jax.jvp(f, tuple(map(jnp.asarray, xs)), tuple(map(jnp.asarray, t)))[1]
        else:
            ds = partials(*xs)
            vjp = [unbroadcast(g * d, x.shape) for d, x in zip(ds, xs)]
            jvp = sum(d * u for d, u in zip(ds, t)) + np.zeros(y.shape)
        out.update(g=numbers(g), vjp=[numbers(v) for v in vjp], t=[numbers(u) for u in t], jvp=numbers(jvp))
    return out


def unbroadcast(a, shape):
    """The sum over the dimensions in which `shape` was broadcast to that of `a`."""
    a = np.asarray(a)
    a = a.sum(tuple(range(a.ndim - len(shape))))
    return a.sum(tuple(i for i, d in enumerate(shape) if d == 1 and a.shape[i] != 1), keepdims=True)


# ---- elementwise functions: derivative by JAX, value by NumPy or SciPy, sample domain, and special arguments

EDGES = [float("-inf"), -1.0, -0.0, 0.0, 1.0, float("inf"), float("nan")]
TINY = [1e-30, -1e-30, 30.0, -30.0]

UNARY = {
    "neg": (jnp.negative, np.negative, -2, 2),
    "abs": (jnp.abs, np.abs, -2, 2),
    "sign": (jnp.sign, np.sign, -2, 2),
    "square": (jnp.square, np.square, -2, 2),
    "relu": (jax.nn.relu, lambda x: np.where(x <= 0, 0, x), -2, 2),
    "sqrt": (jnp.sqrt, np.sqrt, 0.1, 9),
    "rsqrt": (jax.lax.rsqrt, lambda x: 1 / np.sqrt(x), 0.1, 9),
    "reciprocal": (jnp.reciprocal, lambda x: 1 / x, 0.2, 3),
    "exp": (jnp.exp, np.exp, -20, 20),
    "expm1": (jnp.expm1, np.expm1, -3, 3),
    "log": (jnp.log, np.log, 0.01, 20),
    "log1p": (jnp.log1p, np.log1p, -0.9, 5),
    "log2": (jnp.log2, np.log2, 0.01, 20),
    "exp2": (jnp.exp2, np.exp2, -9, 9),
    "log10": (jnp.log10, np.log10, 0.01, 2000),
    "cbrt": (jnp.cbrt, np.cbrt, -9, 9),
    "sin": (jnp.sin, np.sin, -20, 20),
    "cos": (jnp.cos, np.cos, -20, 20),
    "tan": (jnp.tan, np.tan, -1.4, 1.4),
    "asin": (jnp.arcsin, np.arcsin, -0.99, 0.99),
    "acos": (jnp.arccos, np.arccos, -0.99, 0.99),
    "atan": (jnp.arctan, np.arctan, -9, 9),
    "sinh": (jnp.sinh, np.sinh, -5, 5),
    "cosh": (jnp.cosh, np.cosh, -5, 5),
    "tanh": (jnp.tanh, np.tanh, -4, 4),
    "asinh": (jnp.arcsinh, np.arcsinh, -9, 9),
    "acosh": (jnp.arccosh, np.arccosh, 1.1, 9),
    "atanh": (jnp.arctanh, np.arctanh, -0.99, 0.99),
    "sigmoid": (jax.nn.sigmoid, sp.expit, -9, 9),
    "softplus": (jax.nn.softplus, lambda x: np.logaddexp(x, 0), -9, 9),
    "logSigmoid": (jax.nn.log_sigmoid, lambda x: -np.logaddexp(-x, 0), -9, 9),
    "softsign": (jax.nn.soft_sign, lambda x: np.where(np.isinf(x), np.sign(x), x / (1 + np.abs(x))), -9, 9),
    "relu6": (jax.nn.relu6, lambda x: np.where(x <= 0, 0, np.where(x > 6, 6, x)), -3, 9),
    "selu": (jax.nn.selu, None, -4, 4),
    "mish": (jax.nn.mish, lambda x: x * np.tanh(np.logaddexp(x, 0)), -6, 6),
    "hardSigmoid": (jax.nn.hard_sigmoid, lambda x: np.clip(x / 6 + 0.5, 0, 1), -4, 4),
    "hardSwish": (jax.nn.hard_swish, lambda x: x * np.clip(x + 3, 0, 6) / 6, -4, 4),
    "hardTanh": (jax.nn.hard_tanh, lambda x: np.clip(x, -1, 1), -2, 2),
    "geluTanh": (lambda x: jax.nn.gelu(x, approximate=True), None, -4, 4),
    "silu": (jax.nn.silu, lambda x: x * sp.expit(x), -6, 6),
    "erf": (jax.scipy.special.erf, sp.erf, -3, 3),
    "erfc": (jax.scipy.special.erfc, sp.erfc, -3, 9),
    "lgamma": (jax.scipy.special.gammaln, lambda x: np.where(np.isinf(x), np.inf, sp.gammaln(x)), 0.1, 20),
    "digamma": (jax.scipy.special.digamma, sp.psi, 0.1, 20),
    "erfinv": (jax.scipy.special.erfinv, sp.erfinv, -0.99, 0.99),
    "floor": (jnp.floor, np.floor, -3, 3),
    "ceil": (jnp.ceil, np.ceil, -3, 3),
    "round": (jnp.round, np.round, -3, 3),
    "trunc": (jnp.trunc, np.trunc, -3, 3),
}
INTEGER = {"neg", "abs", "sign", "square", "relu", "relu6"}
# 0 times infinity: what a limit would be is not asked for.
NO_EDGES = {"geluTanh", "silu", "mish", "hardSwish"}
# Options of another operation.
CALLS = {"geluTanh": ("gelu", [{"approximate": "tanh"}])}


def elementwise():
    cases = []
    shapes = [(7,), (2, 3), (1, 5, 1), (9,), (3, 1, 2)]
    with np.errstate(all="ignore"):
        for k, (op, (f, value, low, high)) in enumerate(UNARY.items()):
            x = draw(shapes[k % len(shapes)], low, high)
            at = lambda x: f(x) if value is None else value(x)
            name, options = CALLS.get(op, (op, []))
            cases.append(case(name, [x, *options], f, at(x)))
            edges = np.array(TINY if op in NO_EDGES else EDGES + TINY)
            cases.append(case(name, [edges, *options], f, at(edges), derivatives=False))
            if op in INTEGER:
                z = integers(-3, 0, 7, 1000)
                cases.append(case(op, [z], f, value(z).astype(np.int32)))
        for op in ["sin", "cos", "tan"]:
            x = np.array([100.0, -1000.0, 12345.625, 1e6, 3.0e9])  # exact in float32
            cases.append(case(op, [x], UNARY[op][0], UNARY[op][1](x), derivatives=False, note="large arguments"))
        cases.append(case("round", [np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])], jnp.round))
        for op in ("abs", "relu", "sign"):
            cases.append(case(op, [np.zeros(2)], lambda x: 0 * x, note="the derivative at 0 is 0; of abs in JAX 1"))
        flat = lambda x: [0 * x]
        for op, x in {"relu6": [0.0, 6.0], "hardTanh": [-1.0, 1.0], "hardSigmoid": [-3.0, 3.0]}.items():
            x = np.array(x)
            cases.append(case(op, [x], None, UNARY[op][1](x), partials=flat, note="the derivative at the kinks is 0"))
        x = np.array([-3.0, 3.0])
        swish = lambda x: [np.array([0.0, 1.0])]
        cases.append(case("hardSwish", [x], None, [0.0, 3.0], partials=swish, note="0 at -3 and 1 at 3; JAX halves"))
        x = np.array([-0.5, -1.25, -2.75, -5.3125, -20.125])  # exact in float32
        cases.append(case("lgamma", [x], None, sp.gammaln(x), partials=lambda x: [sp.psi(x)]))
        cases.append(case("digamma", [x], None, sp.psi(x), partials=lambda x: [sp.polygamma(1, x)]))
        x = np.array([800.0, -800.0])
        cases.append(case("mish", [x], None, [800.0, -0.0], partials=lambda x: [np.array([1.0, 0.0])], note="JAX: NaN"))
        cases.append(case("logSigmoid", [x], jax.nn.log_sigmoid))
        cases += binary() + several() + tests()
    return cases


BINARY = {
    "add": (jnp.add, (-2, 2), (-2, 2)),
    "sub": (jnp.subtract, (-2, 2), (-2, 2)),
    "mul": (jnp.multiply, (-2, 2), (-2, 2)),
    "div": (jnp.divide, (-2, 2), (0.3, 2)),
    "pow": (jnp.power, (0.2, 3), (-3, 3)),
    "atan2": (jnp.arctan2, (-2, 2), (-2, 2)),
    "maximum": (jnp.maximum, (-2, 2), (-2, 2)),
    "minimum": (jnp.minimum, (-2, 2), (-2, 2)),
    "mod": (jnp.mod, (-9, 9), (0.7, 4)),
    "floorDiv": (jnp.floor_divide, (-9, 9), (0.7, 4)),
    "hypot": (jnp.hypot, (-2, 2), (-2, 2)),
    "logaddexp": (jnp.logaddexp, (-9, 9), (-9, 9)),
}
# NumPy's names, where they are others.
NUMPY = {"sub": "subtract", "mul": "multiply", "div": "divide", "pow": "power", "atan2": "arctan2", "floorDiv": "floor_divide"}


def binary():
    cases = []
    pairs = [((2, 1, 3), (4, 1)), ((5,), (5,)), ((), (3,)), ((2, 3), (1, 1))]
    for k, (op, (f, a, b)) in enumerate(BINARY.items()):
        value = getattr(np, NUMPY.get(op, op)) if op in ("pow", "atan2", "mod", "floorDiv", "hypot", "logaddexp") else None
        partials = {"mod": lambda x, y: [1.0, -np.floor_divide(x, y)], "floorDiv": lambda x, y: [0.0, 0.0]}.get(op)
        for first, second in (pairs[k % 4], pairs[(k + 1) % 4]):
            x, y = draw(first, *a), draw(second, *b)
            cases.append(case(op, [x, y], f, None if value is None else value(x, y), partials))
        x = np.repeat(np.array(EDGES + [2.5]), 8)
        y = np.tile(np.array(EDGES + [-2.5]), 8)
        if op == "atan2":  # the sign of a zero decides about a half turn
            x, y = (z[(x != 0) & (y != 0)] for z in (x, y))
        value = getattr(np, NUMPY.get(op, op))
        if op in ("div", "pow", "floorDiv"):  # likewise
            keep = ~((x == 0) & np.signbit(x) | (y == 0) & np.signbit(y))
            x, y = x[keep], y[keep]
        cases.append(case(op, [x, y], f, value(x, y), derivatives=False))
        if op in ("mod", "floorDiv"):
            x, y = integers(-7, 7, -7, 7, 5, 0, -(2**31), -(2**31), 2**31 - 1), integers(2, -2, -2, 2, 0, 0, -1, 3, -5)
            cases.append(case(op, [x, y], f, value(x, y).astype(np.int32)))
        elif op not in ("div", "pow", "atan2", "hypot", "logaddexp"):
            x, y = integers(-7, 3, 2**31 - 1), integers(2, 3, 5)
            cases.append(case(op, [x, y], f, value(x, y).astype(np.int32)))
    origin = [np.zeros(2), np.array([0.0, 2.0])]
    at_origin = lambda x, y: [np.zeros(2), np.array([0.0, 1.0])]
    cases.append(case("hypot", origin, None, [0.0, 2.0], partials=at_origin, note="the derivatives at (0, 0) are 0; JAX: NaN"))
    for n in range(5):
        x = np.array([0.25, 1.0, 1.5, 4.75, 30.0, 1000.0])
        by_x = lambda x: [sp.polygamma(n + 1, x)]
        cases.append(case("polygamma", [n, x], None, sp.polygamma(n, x), partials=by_x))
    x = np.array([-0.25, -1.5, -6.125])
    cases.append(case("polygamma", [1, x], None, sp.polygamma(1, x), partials=lambda x: [sp.polygamma(2, x)]))
    for op in ("maximum", "minimum"):
        same = np.array([1.5, -2.0, 0.0])
        cases.append(case(op, [same, np.array([1.5, 0.5, 0.0])], BINARY[op][0], note="equal arguments get half each"))
    x, y = np.array([0.0, 0.0, 2.0, -2.0, -3.0]), np.array([2.0, 3.0, 0.0, 2.0, 3.0])
    zero_log = lambda x, y: [np.where(y == 0, 0, y * np.power(x, y - 1)), np.where(x == 0, 0, np.power(x, y) * np.log(np.where(x == 0, 1, x)))]
    positive = x >= 0
    cases.append(case("pow", [x[positive], y[positive]], jnp.power, np.power(x, y)[positive], partials=zero_log))
    cases.append(case("pow", [x, 3], lambda x: jnp.power(x, 3.0), np.power(x, 3)))
    return cases


def several():
    """Functions with options or three arguments."""
    cases = []
    slope = lambda x, a: jnp.where(x > 0, x, a * x)
    x = draw((7,))
    cases.append(case("leakyRelu", [x], lambda x: jax.nn.leaky_relu(x, 0.01)))
    cases.append(case("leakyRelu", [x, {"negativeSlope": np.array(0.2)}], slope))
    cases.append(case("leakyRelu", [np.array([0.0, -0.0])], lambda x: x * 0.01, note="the derivative at 0 is negativeSlope; JAX: 1"))
    cases.append(case("elu", [draw((2, 4))], jax.nn.elu))
    cases.append(case("elu", [x, {"alpha": np.array(0.7)}], lambda x, a: jnp.where(x > 0, x, a * jnp.expm1(jnp.where(x > 0, 0, x)))))
    cases.append(case("elu", [np.zeros(2), {"alpha": 0.7}], lambda x: 0.7 * jnp.expm1(x), note="the derivative at 0 is alpha"))
    celu = lambda x, a: jnp.where(x > 0, x, a * jnp.expm1(jnp.where(x > 0, 0, x) / a))
    cases.append(case("celu", [draw((2, 4))], jax.nn.celu))
    cases.append(case("celu", [draw((5,)), {"alpha": np.array(0.7)}], celu))
    cases.append(case("celu", [np.array([0.0, -800.0, 800.0]), {"alpha": 2.0}], lambda x: jnp.where(x > 0, x, 2 * jnp.expm1(jnp.where(x > 0, 0, x) / 2))))
    cases.append(case("prelu", [draw((3, 4)), draw((4,), 0, 1)], slope))
    cases.append(case("prelu", [np.array([0.0, -0.0]), np.array(0.25)], lambda x, a: x * a, note="the derivative at 0 is slope"))
    bounds = lambda x, low, high: [
        ((low <= x) & (x <= high)) * 1.0, ((x < low) & (low <= high)) * 1.0, ((high < x) | ((x < low) & (high < low))) * 1.0]
    clip = lambda x, low, high: np.minimum(np.maximum(x, low), high)
    inside = [draw((2, 5)), np.array(-0.7), np.array([0.1, 0.5, 0.9, 1.2, 0.3])]
    cases.append(case("clip", inside, jnp.clip))
    for args in ([np.array([-1.0, 0.0, 1.0, 2.0]), np.array(0.0), np.array(1.0)], [np.array([-1.0, 0.5, 3.0]), np.array(1.0), np.array(0.0)]):
        cases.append(case("clip", args, None, clip(*args), partials=bounds, note="1 by x on the bounds; JAX shares"))
    cases.append(case("clip", [integers(-5, 3, 9), -2, 4], None, integers(-2, 3, 4)))
    cases.append(case("lerp", [draw((2, 3)), draw((3,)), draw((2, 1), 0, 1)], lambda a, b, w: a + w * (b - a)))
    c = np.array([True, False, True])
    cases.append(case("where", [c, draw((2, 3)), draw((3,))], lambda a, b: jnp.where(c, a, b)))
    cases.append(case("where", [c, draw((2, 1)), 0], lambda a: jnp.where(c, a, 0.0)))
    cases.append(case("where", [c, integers(1, 2, 3), integers(4, 5, 6)], None, integers(1, 5, 3)))
    return cases


def tests():
    cases = []
    x, y = np.repeat(np.array(EDGES), 7), np.tile(np.array(EDGES), 7)
    for op, f in {
        "equal": np.equal, "notEqual": np.not_equal, "less": np.less, "lessEqual": np.less_equal, "greater": np.greater,
        "greaterEqual": np.greater_equal, "logicalAnd": np.logical_and, "logicalOr": np.logical_or, "logicalXor": np.logical_xor,
    }.items():
        cases.append(case(op, [x, y], f))
        i, j = integers(-2, 0, 3), integers(0, 0, 1)
        cases.append(case(op, [i, j], None, f(i, j)))
        p, q = np.array([[True], [False]]), np.array([True, False])
        cases.append(case(op, [p, q], None, f(p, q)))
    for op, f in {"logicalNot": np.logical_not, "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite}.items():
        cases.append(case(op, [np.array(EDGES)], f))
    return cases


# ---- everything else


def reductions():
    cases = []
    x = draw((2, 3, 4))
    shapes = [({}, None, False), ({"axis": 1}, 1, False), ({"axis": [0, -1], "keepDims": True}, (0, 2), True)]
    for op, f in {
        "sum": jnp.sum, "mean": jnp.mean, "prod": jnp.prod, "max": jnp.max, "min": jnp.min, "variance": jnp.var, "std": jnp.std,
        "logSumExp": lambda x, axis, keepdims: jax.scipy.special.logsumexp(x, axis, keepdims=keepdims),
    }.items():
        for options, axis, keepdims in shapes:
            cases.append(case(op, [x, options], lambda x: f(x, axis=axis, keepdims=keepdims)))
    for op, f in {"all": np.all, "any": np.any}.items():
        truth = np.array([[True, True, False], [True, True, True], [False, False, False]])
        for options, axis, keepdims in shapes[:2]:
            cases.append(case(op, [truth, options], None, np.asarray(f(truth, axis=axis))))
        cases.append(case(op, [np.zeros((0, 2)), 0], None, f(np.zeros((0, 2)), axis=0)))
    for op, f in {"argmax": np.argmax, "argmin": np.argmin}.items():
        ties = np.array([[3.0, 1.0, 3.0, 1.0], [0.0, float("nan"), 2.0, -1.0]])
        cases.append(case(op, [x], f, f(x).astype(np.int32)))
        cases.append(case(op, [ties, {"axis": 1, "keepDims": True}], None, f(ties, axis=1, keepdims=True).astype(np.int32)))
        cases.append(case(op, [x, -2], None, f(x, axis=1).astype(np.int32)))
    ties = np.array([[1.0, 2.0, 2.0, 2.0], [3.0, 3.0, -1.0, 0.0]])
    cases.append(case("max", [ties, 1], lambda x: jnp.max(x, 1), note="equal ones share"))
    cases.append(case("min", [-ties, 1], lambda x: jnp.min(x, 1), note="equal ones share"))
    nan = np.array([[1.0, float("nan")], [float("-inf"), 2.0]])
    for op, f in {"max": np.max, "min": np.min, "sum": np.sum}.items():
        cases.append(case(op, [nan, 1], None, f(nan, axis=1), derivatives=False))
    whole = np.array([[1, -2, 3], [4, 5, -6]], np.int32)
    for op, f in {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min}.items():
        cases.append(case(op, [whole, 0], None, f(whole, axis=0).astype(np.int32)))
    for zeros in (np.array([2.0, 0.0, 3.0]), np.array([0.0, 5.0, 0.0])):
        cases.append(case("prod", [zeros], jnp.prod, note="with zeros"))
    for op in ("sum", "prod", "mean"):
        empty = np.zeros((2, 0))
        cases.append(case(op, [empty, 1], None, {"sum": np.zeros(2), "prod": np.ones(2), "mean": np.full(2, np.nan)}[op], derivatives=False))
    for op, f in {"variance": jnp.var, "std": jnp.std}.items():
        cases.append(case(op, [x, {"axis": 2, "correction": 1}], lambda x: f(x, axis=2, ddof=1)))
    constant = np.full((3,), 2.0)
    nothing = lambda x: 0 * jnp.sum(x)
    cases.append(case("std", [constant], nothing, note="the derivative is 0; JAX: NaN"))
    large = np.array([1000.0, 1001.0, -1e4])
    cases.append(case("logSumExp", [large], jax.scipy.special.logsumexp))
    cases.append(case("logSumExp", [np.full(2, -np.inf)], jax.scipy.special.logsumexp, np.array(-np.inf), derivatives=False))
    for ord in (2, 1, 3, 0.5, 0, "Infinity", "-Infinity"):
        real = float(ord)
        count = lambda x: jnp.sum(0 * x + (x != 0), 1, keepdims=True)
        f = count if real == 0 else lambda x: jnp.linalg.norm(x, ord=real, axis=1, keepdims=True)
        cases.append(case("norm", [draw((2, 4), 0.2, 2), {"ord": {"number": ord}, "axis": 1, "keepDims": True}], f))
    cases.append(case("norm", [x], lambda x: jnp.sqrt(jnp.sum(x * x))))
    cases.append(case("norm", [np.zeros(3)], nothing, note="the derivative is 0; JAX: NaN"))
    for options, axis in (({}, -1), (0, 0)):
        for op, f in {"softmax": jax.nn.softmax, "logSoftmax": jax.nn.log_softmax}.items():
            cases.append(case(op, [draw((3, 4)), options], lambda x: f(x, axis=axis)))
    cases.append(case("softmax", [large], jax.nn.softmax))
    for options, f in (
        ({}, lambda x: jnp.cumsum(x.ravel())),
        (1, lambda x: jnp.cumsum(x, 1)),
        ({"axis": 0, "reverse": True}, lambda x: jnp.flip(jnp.cumsum(jnp.flip(x, 0), 0), 0)),
        ({"axis": -1, "exclusive": True}, lambda x: jnp.cumsum(x, -1) - x),
        ({"axis": 1, "exclusive": True, "reverse": True}, lambda x: jnp.flip(jnp.cumsum(jnp.flip(x, 1), 1), 1) - x),
    ):
        cases.append(case("cumsum", [draw((3, 5)), options], f))
    cases.append(case("cumsum", [whole, 1], None, np.cumsum(whole, 1).astype(np.int32)))
    return cases


def products():
    cases = []
    shapes = [((3, 4), (4, 5)), ((4,), (4, 3)), ((3, 4), (4,)), ((4,), (4,)), ((2, 1, 3, 2), (4, 2, 1)), ((1, 9), (9, 1)), ((2, 0), (0, 3))]
    for a, b in shapes:
        cases.append(case("matmul", [draw(a), draw(b)], jnp.matmul))
    for equation, *operands in (
        ("ij,jk->ik", (2, 3), (3, 4)), ("ij->ji", (2, 3)), ("ii->", (3, 3)), ("ii->i", (3, 3)), ("i,j->ij", (2,), (3,)),
        ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)), ("ijk,ai->ajk", (2, 3, 2), (4, 2)), ("ij,kj,lj->ikl", (2, 3), (2, 3), (1, 3)), ("ba", (2, 3)),
    ):
        cases.append(case("einsum", [equation, *map(draw, operands)], lambda *xs: jnp.einsum(equation, *xs)))
    cases.append(case("linear", [draw((2, 3)), draw((4, 3)), draw((4,))], lambda x, w, b: x @ w.T + b))
    cases.append(case("linear", [draw((2, 2, 3)), draw((1, 3))], lambda x, w: x @ w.T))
    reduce = {"mean": jnp.mean, "sum": jnp.sum, "none": lambda x: x}
    for reduction, f in reduce.items():
        cases.append(case("mseLoss", [draw((2, 3)), draw((2, 3)), {"reduction": reduction}], lambda x, y: f((x - y) ** 2)))
    x = draw((7,), -4, 4)
    cases.append(case("gelu", [x], lambda x: jax.nn.gelu(x, approximate=False), x * sp.ndtr(x)))
    cases.append(case("gelu", [x, {"approximate": "tanh"}], lambda x: jax.nn.gelu(x, approximate=True)))
    cases += cross_entropy()
    return cases


def cross_entropy():
    """PyTorch's definition, written with JAX."""
    cases = []

    def loss(logits, labels, reduction, smoothing=0.0, ignore=-100):
        logp = jax.nn.log_softmax(logits, axis=min(1, logits.ndim - 1))
        axis = min(1, logits.ndim - 1)
        counted = labels != ignore
        picked = -jnp.take_along_axis(logp, jnp.expand_dims(jnp.where(counted, labels, 0), axis), axis).squeeze(axis)
        each = jnp.where(counted, (1 - smoothing) * picked - smoothing * logp.mean(axis), 0.0)
        return {"mean": lambda: each.sum() / counted.sum(), "sum": each.sum, "none": lambda: each}[reduction]()

    labels = integers(2, 0, 1, 1)
    for options in ({}, {"reduction": "sum"}, {"reduction": "none"}, {"labelSmoothing": 0.1}, {"ignoreIndex": 1, "labelSmoothing": 0.2}):
        f = lambda x: loss(x, labels, options.get("reduction", "mean"), options.get("labelSmoothing", 0.0), options.get("ignoreIndex", -100))
        cases.append(case("crossEntropy", [draw((4, 3)), labels, options], f))
    cases.append(case("crossEntropy", [draw((3,)), np.array(1, np.int32)], lambda x: loss(x, jnp.array(1), "mean")))
    images = np.array([[0, 2], [1, 1]], np.int32)
    cases.append(case("crossEntropy", [draw((2, 3, 2)), images], lambda x: loss(x, images, "mean")))
    p = draw((2, 3), 0.1, 0.9)
    for smoothing in (0.0, 0.3):
        f = lambda x, p: jnp.mean(-jnp.sum(((1 - smoothing) * p + smoothing / 3) * jax.nn.log_softmax(x, 1), 1))
        cases.append(case("crossEntropy", [draw((2, 3)), p, {"labelSmoothing": smoothing}], f))
    return cases


def shapes():
    cases = []
    x = draw((2, 3, 4))
    for op, args, f in (
        ("reshape", [[4, -1]], lambda x: x.reshape(4, 6)),
        ("reshape", [[24]], lambda x: x.reshape(24)),
        ("permute", [[2, 0, 1]], lambda x: x.transpose(2, 0, 1)),
        ("transpose", [], lambda x: x.T),
        ("flatten", [], lambda x: x.ravel()),
        ("expandDims", [-2], lambda x: jnp.expand_dims(x, -2)),
        ("swapAxes", [0, -1], lambda x: jnp.swapaxes(x, 0, -1)),
        ("moveAxis", [0, 2], lambda x: jnp.moveaxis(x, 0, 2)),
        ("flip", [], lambda x: jnp.flip(x)),
        ("flip", [[0, -1]], lambda x: jnp.flip(x, (0, 2))),
        ("at", [-1], lambda x: x[-1]),
        ("broadcastTo", [[2, 2, 3, 4]], lambda x: jnp.broadcast_to(x, (2, 2, 3, 4))),
        ("slice", [[None, [0, 2], [3, 0, -2]]], lambda x: x[:, 0:2, 3:0:-2]),
        ("slice", [[[1, 2]]], lambda x: x[1:2]),
        ("slice", [[None, [-2], [1, 99, 2]]], lambda x: x[:, -2:, 1:99:2]),
        ("pad", [[[1, 0], [0, 2], [1, 1]], {"value": 0.5}], lambda x: jnp.pad(x, ((1, 0), (0, 2), (1, 1)), constant_values=0.5)),
        ("stopGradient", [], jax.lax.stop_gradient),
    ):
        cases.append(case(op, [x, *args], f))
    column = draw((1, 3, 1))
    cases.append(case("squeeze", [column], lambda x: x.squeeze()))
    cases.append(case("squeeze", [column, -1], lambda x: x.squeeze(-1)))
    cases.append(case("broadcastTo", [column, [2, 3, 4]], lambda x: jnp.broadcast_to(x, (2, 3, 4))))
    cases.append(case("broadcastTo", [draw(()), [3]], lambda x: jnp.broadcast_to(x, (3,))))
    cases.append(case("concat", [[draw((2, 1)), draw((2, 3)), draw((2, 0))], -1], lambda *xs: jnp.concatenate(xs, -1)))
    cases.append(case("concat", [[integers(1, 2), integers(3)]], None, integers(1, 2, 3)))
    cases.append(case("stack", [[draw((2, 3)), draw((2, 3))]], lambda *xs: jnp.stack(xs)))
    cases.append(case("stack", [[draw((2,)), draw((2,))], {"axis": -1}], lambda *xs: jnp.stack(xs, -1)))
    number = np.array([-1.75, -0.2, 0.0, 2.9, 3e9, float("nan")])
    cases.append(case("to", [number, "int32"], None, integers(-1, 0, 0, 2, 2**31 - 1, 0)))
    cases.append(case("to", [number, "bool"], None, number != 0))
    cases.append(case("to", [integers(-2, 0, 3), "float64"], None, np.array([-2.0, 0.0, 3.0])))
    cases.append(case("to", [draw((3,)), "float32"], lambda x: x.astype(jnp.float32), rtol=1e-6))
    cases.append(case("oneHot", [integers(2, 0, 5), 3, {"dtype": "float64"}], None, np.array([[0, 0, 1.0], [1, 0, 0], [0, 0, 0]])))
    cases.append(case("oneHot", [integers(1), 2, {"dtype": "int32"}], None, np.array([[0, 1]], np.int32)))
    return cases + indexing()


def indexing():
    cases = []
    i = np.array([[0, 2, -1], [1, 1, 0]], np.int32)
    cases.append(case("gather", [draw((2, 4)), i, 1], lambda x: jnp.take_along_axis(x, i, 1)))
    j = np.array([[0, 1, 1]], np.int32)
    cases.append(case("gather", [draw((2, 4)), j, 0], lambda x: jnp.take_along_axis(x[:, :3], j, 0), note="indices of a smaller shape, as in PyTorch"))

    def scatter_add(x, i, updates, axis):
        places = list(np.indices(i.shape))
        places[axis] = i
        return x.at[tuple(places)].add(updates)

    i = np.array([[0, 2, 0], [1, 1, 1]], np.int32)
    cases.append(case("scatterAdd", [draw((2, 4)), i, draw((2, 3)), 1], lambda x, u: scatter_add(jnp.asarray(x), i, u, 1), note="repeated indices"))
    cases.append(case("scatterAdd", [draw((3, 3)), i[:1], draw((1, 3)), 0], lambda x, u: scatter_add(jnp.asarray(x), i[:1], u, 0)))
    return cases


def randoms():
    """Keys and numbers of JAX; bits of float32 as integers."""
    cases = []
    bits = lambda a: np.asarray(a, np.float32).view(np.int32)
    for seed in (0, 1, 2**32 - 1, 2**40 + 5):
        cases.append(case("random.key", [seed], None, np.asarray(jax.random.key_data(jax.random.key(seed))).view(np.int32)))
    for words in ([0, 0], [0, 42], [1, -1], [-559038737, 305419896]):
        key = jax.random.wrap_key_data(np.array(words, np.int32).view(np.uint32))
        k = integers(*words)
        keys = np.asarray(jax.random.key_data(jax.random.split(key, 5))).view(np.int32)
        cases.append(case("random.split", [k, 5], None, keys))
        for shape in ([], [7], [3, 1, 4]):
            out = case("random.uniform", [k, shape], None, bits(jax.random.uniform(key, shape, jnp.float32)))
            cases.append({**out, "bits": True})
        scaled = jax.random.uniform(key, (5,), jnp.float64, -1.0, 3.0)
        cases.append(case("random.uniform", [k, [5], {"min": -1, "max": 3, "dtype": "float64"}], None, np.asarray(scaled), rtol=1e-15))
        for dtype, rtol in (("float32", 2e-6), ("float64", 1e-12)):
            normal = jax.random.normal(key, (6,), jnp.dtype(dtype))
            cases.append(case("random.normal", [k, [6], {"dtype": dtype}], None, np.asarray(normal), rtol=rtol))
        cases.append(case("random.bernoulli", [k, [9], 0.3], None, np.asarray(jax.random.bernoulli(key, np.float32(0.3), (9,)))))
        order = np.argsort(np.asarray(jax.random.bits(key, (10,), jnp.uint64)), kind="stable").astype(np.int32)
        cases.append(case("random.permutation", [k, [10]], None, order))
        u = np.asarray(jax.random.uniform(key, (4, 3), jnp.float64))
        cases.append(case("random.randint", [k, [4, 3], {"min": -2, "max": 9}], None, (np.floor(u * 11) - 2).astype(np.int32)))
        cut = jax.random.truncated_normal(key, -1.0, 2.0, (7,), jnp.float64)
        cases.append(case("random.truncatedNormal", [k, [7], {"min": -1, "max": 2, "dtype": "float64"}], None, np.asarray(cut)))
        logits = np.array([0.5, -1.0, 2.0])
        index = np.argmax(logits - np.log(-np.log(u)), -1).astype(np.int32)
        cases.append(case("random.categorical", [k, logits, {"shape": [4]}], None, index))
        stays = np.asarray(jax.random.uniform(key, (4, 3), jnp.float32)) >= np.float32(0.3)
        cases.append(case("dropout", [draw((4, 3)), 0.3, k], lambda x: jnp.where(stays, x / 0.7, 0.0)))
    return cases


def linalg():
    """Linear algebra by JAX; eigenvectors and singular vectors with the signs that wengert gives them. Its numbers are its
    own: they do not depend on the cases before."""
    global random
    random, before = np.random.RandomState(2008), random
    cases = []

    def add(op, args, f, part=None, **more):
        out = case(f"linalg.{op}", args, f, rtol=1e-11, **more)
        cases.append(out if part is None else {"op": out.pop("op"), "part": part, **out})

    def square(*shape):
        return draw(shape, -1, 1) + np.eye(shape[-1]) * shape[-1]

    def signs(x, axis):
        """Signs of the largest components along an axis."""
        largest = jnp.take_along_axis(x, jnp.argmax(jnp.abs(x), axis, keepdims=True), axis)
        return jax.lax.stop_gradient(jnp.sign(largest))

    def svd(x):
        u, s, vh = jnp.linalg.svd(x, full_matrices=False)
        sign = signs(u, -2)
        return u * sign, s, vh * jnp.swapaxes(sign, -1, -2)

    def eigh(x):
        w, v = jnp.linalg.eigh((x + jnp.swapaxes(x, -1, -2)) / 2)
        return w, v * signs(v, -2)

    def qr(x):
        m = min(x.shape[-2:])
        q = jnp.linalg.qr(x[..., :m])[0]
        return q, jnp.triu(jnp.swapaxes(q, -1, -2) @ x)

    for lower in (True, False):
        for transpose in (True, False):
            part = jnp.tril if lower else jnp.triu
            turn = (lambda a: jnp.swapaxes(a, -1, -2)) if transpose else (lambda a: a)
            f = lambda a, b: jnp.linalg.solve(turn(part(a)), b)
            options = {"lower": lower, "transpose": transpose}
            add("triangularSolve", [square(3, 3), draw((3, 2)), options], f)
            add("triangularSolve", [square(2, 3, 3), draw((3, 2)), options], f)
    add("triangularSolve", [square(3, 3), draw((3,))], lambda a, b: jnp.linalg.solve(jnp.tril(a), b))
    for shape in ((1, 1), (3, 3), (2, 3, 3)):
        x = square(*shape)
        add("cholesky", [x], lambda x: jnp.linalg.cholesky((x + jnp.swapaxes(x, -1, -2)) / 2))
        add("inv", [x], jnp.linalg.inv)
        add("det", [x], jnp.linalg.det)
        add("slogdet", [x], lambda x: jnp.linalg.slogdet(x)[0], 0, derivatives=False)
        add("slogdet", [x], lambda x: jnp.linalg.slogdet(x)[1], 1)
        for part in (0, 1):
            add("eigh", [x], lambda x: eigh(x)[part], part)
        add("expm", [draw(shape, -1, 1)], jax.scipy.linalg.expm)
        for n in (0, 1, 2, 5, -1, -3) if len(shape) == 3 else (3,):
            add("matrixPower", [x / shape[-1], n], lambda x: jnp.linalg.matrix_power(x, n))
    for x in (np.zeros((2, 2)), np.array([[1.0, 2.0], [2.0, 4.0]])):
        add("det", [x], lambda x: x[0, 0] * x[1, 1] - x[0, 1] * x[1, 0], note="singular")
        for part, value in enumerate((0.0, -np.inf)):
            add("slogdet", [x], None, part, value=value, derivatives=False, note="singular")
    turned = np.array([[0.0, 2.0], [3.0, 0.0]])
    add("slogdet", [turned], None, 0, value=-1.0, derivatives=False)
    add("expm", [8 * draw((3, 3), -1, 1)], jax.scipy.linalg.expm)
    for a, b in (((3, 3), (3, 2)), ((3, 3), (3,)), ((2, 3, 3), (3, 1)), ((3, 3), (2, 3, 2)), ((2, 1, 2, 2), (3, 2, 2)), ((2, 3, 3), (3,))):
        add("solve", [square(*a), draw(b)], lambda a, b: jnp.linalg.solve(a, b))
    add("solve", [np.array([[0.0, 1.0], [1.0, 0.0]]), draw((2,))], jnp.linalg.solve, note="needs pivoting")
    for shape in ((3, 1), (3, 3), (4, 2), (2, 4), (2, 2, 3)):
        x = draw(shape) + 3 * np.eye(*shape[-2:])
        for part in (0, 1):
            add("qr", [x], lambda x: qr(x)[part], part)
        for part in (0, 1, 2):
            add("svd", [x], lambda x: svd(x)[part], part)
        add("pinv", [x], jnp.linalg.pinv)
        for b in (draw((*shape[:-1], 2)), draw(shape[-2:-1])):
            column = (lambda y: y[..., 0]) if b.ndim == 1 else (lambda y: y)
            add("lstsq", [x, b], lambda a, b: column(jnp.linalg.pinv(a) @ (b[:, None] if b.ndim == 1 else b)))
    low = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    add("pinv", [low], None, value=np.linalg.pinv(low), derivatives=False, note="rank 1")
    add("lstsq", [low, draw((3,))], None, value=np.linalg.lstsq(low, np.ones(3), rcond=None)[0], derivatives=False, note="rank 1")
    cases[-1]["args"][1]["data"] = [1, 1, 1]
    random = before
    return cases


def conv(d, stride=1, padding=0, dilation=1, groups=1):
    """PyTorch's convolution of d dimensions, by JAX."""
    each = lambda n: [n] * d if isinstance(n, int) else n
    pads = padding.upper() if isinstance(padding, str) else [(p, p) for p in each(padding)]
    letters = "NC" + "DHW"[3 - d :], "OI" + "DHW"[3 - d :], "NC" + "DHW"[3 - d :]
    def f(x, w, b=None):
        y = jax.lax.conv_general_dilated(x, w, each(stride), pads, rhs_dilation=each(dilation),
            dimension_numbers=letters, feature_group_count=groups)  # fmt: skip
        return y if b is None else y + b.reshape(-1, *[1] * d)
    return f


def conv_transpose(d, size, stride=1, padding=0, dilation=1, groups=1):
    """The derivative of the convolution by its argument, of the given sizes."""
    def f(x, w, b=None):
        forward = lambda z: conv(d, stride, padding, dilation, groups)(z, w)
        zeros = jnp.zeros((x.shape[0], w.shape[1] * groups, *size))
        y = jax.vjp(forward, zeros)[1](x)[0]
        return y if b is None else y + b.reshape(-1, *[1] * d)
    return f


def pool(by, kernel, stride, padding, count_pad=True):
    """PyTorch's pooling over the last axes."""
    def f(x):
        lead = (1,) * (x.ndim - len(kernel))
        pads = [(0, 0)] * len(lead) + [(p, p) for p in padding]
        window = lambda x, start, op: jax.lax.reduce_window(x, start, op, lead + kernel, lead + stride, pads)
        if by == "max":
            return window(x, -jnp.inf, jax.lax.max)
        n = float(np.prod(kernel)) if count_pad else window(jnp.ones_like(x), 0.0, jax.lax.add)
        return window(x, 0.0, jax.lax.add) / n
    return f


def networks():
    cases = []
    x, w, b = draw((2, 4, 5, 6)), draw((6, 2, 3, 2)), draw((6,))
    cases.append(case("conv2d", [x, w, {"bias": b, "groups": 2}], conv(2, groups=2)))
    cases.append(case("conv2d", [x, draw((3, 4, 2, 3)), {"stride": 2, "padding": [1, 0], "dilation": [2, 1]}], conv(2, 2, [1, 0], [2, 1])))
    cases.append(case("conv2d", [x, draw((3, 4, 2, 3)), {"padding": "same"}], conv(2, padding="same")))
    cases.append(case("conv2d", [x, draw((3, 4, 3, 3)), {"padding": "same", "stride": 2}], conv(2, 2, padding="same")))
    cases.append(case("conv2d", [draw((2, 4, 4)), draw((2, 2, 1, 1)), {"padding": "valid"}], lambda x, w: conv(2)(x[None], w)[0]))
    cases.append(case("conv1d", [draw((2, 3, 7)), draw((4, 3, 3)), {"stride": 2, "padding": 2}], conv(1, 2, 2)))
    cases.append(case("conv3d", [draw((1, 2, 3, 3, 4)), draw((2, 2, 2, 2, 2)), {"padding": 1, "bias": draw((2,))}], conv(3, padding=1)))
    x = draw((2, 4, 3, 3))
    cases.append(case("convTranspose2d", [x, draw((4, 3, 3, 2)), {"stride": 2, "padding": 1, "outputPadding": 1, "bias": draw((3,))}], conv_transpose(2, (6, 5), 2, 1)))
    cases.append(case("convTranspose2d", [x, draw((4, 2, 2, 2)), {"groups": 2, "dilation": 2}], conv_transpose(2, (5, 5), dilation=2, groups=2)))
    cases.append(case("convTranspose1d", [draw((2, 2, 4)), draw((2, 3, 3)), {"stride": 3}], conv_transpose(1, (12,), 3)))
    x = draw((2, 3, 5, 6))
    cases.append(case("maxPool2d", [x, 2], pool("max", (2, 2), (2, 2), (0, 0))))
    cases.append(case("maxPool2d", [x, [3, 2], {"stride": [2, 1], "padding": [1, 1]}], pool("max", (3, 2), (2, 1), (1, 1))))
    cases.append(case("maxPool1d", [draw((3, 7)), 3, {"stride": 2}], pool("max", (3,), (2,), (0,))))
    cases.append(case("avgPool2d", [x, 3, {"stride": 2, "padding": 1}], pool("avg", (3, 3), (2, 2), (1, 1))))
    cases.append(case("avgPool2d", [x, 3, {"stride": 2, "padding": 1, "countIncludePad": False}], pool("avg", (3, 3), (2, 2), (1, 1), False)))
    cases.append(case("avgPool1d", [draw((2, 3, 8)), 2], pool("avg", (2,), (2,), (0,))))
    norm = lambda x, axes, eps: (x - x.mean(axes, keepdims=True)) / jnp.sqrt(x.var(axes, keepdims=True) + eps)
    x = draw((2, 4, 3))
    cases.append(case("layerNorm", [x, draw((3,)), draw((3,))], lambda x, w, b: norm(x, -1, 1e-5) * w + b, rtol=1e-11))
    cases.append(case("layerNorm", [x, None, draw((4, 3)), {"axis": [1, 2], "eps": 1e-3}], lambda x, b: norm(x, (1, 2), 1e-3) + b, rtol=1e-11))
    cases.append(case("rmsNorm", [x, draw((3,))], lambda x, w: x / jnp.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * w, rtol=1e-11))
    cases.append(case("groupNorm", [x, 2, draw((4,)), draw((4,))], lambda x, w, b: norm(x.reshape(2, 2, 6), -1, 1e-5).reshape(2, 4, 3) * w[:, None] + b[:, None], rtol=1e-11))
    cases.append(case("batchNorm", [x, draw((4,)), draw((4,))], lambda x, w, b: norm(x, (0, 2), 1e-5) * w[:, None] + b[:, None], rtol=1e-11))
    cases.append(case("batchNorm", [x, None, None, {"mean": draw((4,)), "variance": draw((4,), 0.5, 2)}],
        lambda x, m, v: (x - m[:, None]) / jnp.sqrt(v[:, None] + 1e-5)))  # fmt: skip
    cases.append(case("normalize", [x], lambda x: x / jnp.sqrt((x * x).sum(-1, keepdims=True))))
    cases.append(case("normalize", [x, {"ord": 1, "axis": 1}], lambda x: x / jnp.abs(x).sum(1, keepdims=True)))
    cases.append(case("embedding", [np.array([[0, 2], [2, 1]], np.int32), draw((3, 4))], lambda w: w[jnp.array([[0, 2], [2, 1]])]))
    cases.append(case("glu", [draw((2, 6))], jax.nn.glu))
    cases.append(case("glu", [draw((4, 2)), 0], lambda x: jax.nn.glu(x, 0)))
    q, k, v = draw((2, 3, 4)), draw((2, 5, 4)), draw((2, 5, 3))
    def attend(q, k, v, mask=0.0, scale=0.5, keep=True):
        scores = q @ jnp.swapaxes(k, -1, -2) * scale + mask
        return jax.nn.softmax(jnp.where(keep, scores, -jnp.inf), -1) @ v
    cases.append(case("attention", [q, k, v], attend))
    cases.append(case("attention", [q, k, v, {"mask": draw((3, 5)), "scale": 0.3}], lambda q, k, v, m: attend(q, k, v, m, 0.3)))
    seen = np.array([[1, 1, 0, 0, 1], [0, 1, 0, 1, 1], [1, 0, 0, 0, 0]], bool)
    cases.append(case("attention", [q, k, v, {"mask": seen}], lambda q, k, v: attend(q, k, v, keep=jnp.asarray(seen))))
    cases.append(case("attention", [q, k, v, {"causal": True}], lambda q, k, v: attend(q, k, v, keep=jnp.tril(jnp.ones((3, 5), bool)))))
    x = draw((1, 2, 3, 4))
    cases.append(case("interpolate", [x, {"size": [6, 2]}], lambda x: x[:, :, jnp.array([0, 0, 1, 1, 2, 2])][..., jnp.array([0, 2])]))
    cases.append(case("interpolate", [x, {"size": [6, 8], "mode": "bilinear"}], lambda x: jax.image.resize(x, (1, 2, 6, 8), "bilinear")))
    def corners(x):
        for axis, m in ((2, 5), (3, 3)):
            n = x.shape[axis]
            at = jnp.arange(m) * (n - 1) / (m - 1)
            low = jnp.clip(jnp.floor(at), 0, n - 2).astype(int)
            w = (at - low).reshape([-1 if a == axis else 1 for a in range(4)])
            x = jnp.take(x, low, axis) * (1 - w) + jnp.take(x, low + 1, axis) * w
        return x
    cases.append(case("interpolate", [x, {"size": [5, 3], "mode": "bilinear", "alignCorners": True}], corners))
    cases.append(case("pixelShuffle", [draw((1, 8, 2, 3)), 2],
        lambda x: x.reshape(1, 2, 2, 2, 2, 3).transpose(0, 1, 4, 2, 5, 3).reshape(1, 2, 4, 6)))  # fmt: skip
    return cases + losses()


def losses():
    cases = []
    reduce = {"mean": jnp.mean, "sum": jnp.sum, "none": lambda x: x}
    logp = jax.nn.log_softmax(draw((2, 3)), -1)
    for reduction, f in reduce.items():
        o = {"reduction": reduction}
        x, t = draw((2, 3)), draw((2, 3))
        cases.append(case("maeLoss", [x, t, o], lambda x, y: f(jnp.abs(x - y))))
        huber = lambda d, k: jnp.where(jnp.abs(d) <= k, d * d / 2, k * (jnp.abs(d) - k / 2))
        cases.append(case("huberLoss", [x, t, {"delta": 0.7, **o}], lambda x, y: f(huber(x - y, 0.7))))
        p = draw((2, 3), 0, 1)
        cases.append(case("binaryCrossEntropyWithLogits", [10 * x, p, o], lambda x, p: f(jnp.logaddexp(0, x) - p * x)))
        cases.append(case("klDiv", [np.array(logp), p, o], lambda q, p: f(p * (jnp.log(p) - q))))
        sign = np.sign(t)
        cases.append(case("hingeLoss", [x, sign, o], lambda x, t: f(jnp.maximum(0, 1 - t * x))))
        labels = integers(2, 0)
        cases.append(case("nllLoss", [x, labels, o], lambda x: f(-x[jnp.arange(2), jnp.asarray(labels)])))
    cases.append(case("nllLoss", [draw((2, 3)), integers(2, 0), {"ignoreIndex": 0}], lambda x: -x[0, 2]))
    cosine = lambda a, b, axis: (a * b).sum(axis) / jnp.sqrt((a * a).sum(axis) * (b * b).sum(axis))
    cases.append(case("cosineSimilarity", [draw((2, 3)), draw((2, 3))], lambda a, b: cosine(a, b, -1)))
    cases.append(case("cosineSimilarity", [draw((2, 3)), draw((2, 3)), 0], lambda a, b: cosine(a, b, 0)))
    return cases


def rearrangements():
    cases = []
    x = draw((3, 4))
    for op, args, f in (
        ("take", [np.array([[0, -1], [2, 2]], np.int32), 1], lambda x: jnp.take(x, jnp.array([[0, -1], [2, 2]]), 1)),
        ("take", [integers(11, 0, -2)], lambda x: jnp.take(x, jnp.array([11, 0, -2]))),
        ("gatherND", [np.array([[0, 1], [2, -1]], np.int32)], lambda x: x[jnp.array([0, 2]), jnp.array([1, -1])]),
        ("gatherND", [np.array([[0], [2]], np.int32)], lambda x: x[jnp.array([0, 2])]),
        ("segmentSum", [integers(1, 0, 1), 3], lambda x: jax.ops.segment_sum(x, jnp.array([1, 0, 1]), 3)),
        ("sort", [], jnp.sort),
        ("sort", [{"axis": 0, "descending": True}], lambda x: -jnp.sort(-x, 0)),
        ("roll", [2], lambda x: jnp.roll(x, 2)),
        ("roll", [-1, 1], lambda x: jnp.roll(x, -1, 1)),
        ("roll", [[1, 2], [0, 1]], lambda x: jnp.roll(x, (1, 2), (0, 1))),
        ("tile", [[2, 1, 3]], lambda x: jnp.tile(x, (2, 1, 3))),
        ("tile", [2], lambda x: jnp.tile(x, 2)),
        ("repeat", [2], lambda x: jnp.repeat(x, 2)),
        ("repeat", [3, 0], lambda x: jnp.repeat(x, 3, 0)),
        ("pad", [[[2, 1], [1, 3]], {"mode": "reflect"}], lambda x: jnp.pad(x, ((2, 1), (1, 3)), "reflect")),
        ("pad", [[[4, 1], [1, 9]], {"mode": "symmetric"}], lambda x: jnp.pad(x, ((4, 1), (1, 9)), "symmetric")),
        ("pad", [[[2, 1], [0, 3]], {"mode": "edge"}], lambda x: jnp.pad(x, ((2, 1), (0, 3)), "edge")),
        ("triu", [], jnp.triu),
        ("triu", [1], lambda x: jnp.triu(x, 1)),
        ("tril", [-1], lambda x: jnp.tril(x, -1)),
        ("diag", [], jnp.diag),
        ("diag", [-1], lambda x: jnp.diag(x, -1)),
        ("trace", [], jnp.trace),
        ("diagonal", [1], lambda x: jnp.diagonal(x, 1)),
        ("unfold", [1], lambda x: x.T),
        ("cumprod", [1], lambda x: jnp.cumprod(x, 1)),
        ("cumprod", [{"axis": 0, "exclusive": True, "reverse": True}], lambda x: jnp.concatenate([jnp.cumprod(x[:0:-1], 0)[::-1], jnp.ones((1, 4))])),
        ("cummax", [1], lambda x: jax.lax.cummax(x, 1)),
        ("logCumSumExp", [0], lambda x: jax.lax.cumlogsumexp(x, 0)),
        ("logCumSumExp", [], lambda x: jax.lax.cumlogsumexp(x.ravel())),
    ):
        cases.append(case(op, [x, *args], f))
    zeros = np.array([2.0, 0.0, 3.0, 0.0, 5.0])
    cases.append(case("cumprod", [zeros], jnp.cumprod, note="zeros"))
    cases.append(case("diag", [draw((3,)), 1], lambda x: jnp.diag(x, 1)))
    cube = draw((2, 3, 4))
    cases.append(case("diagonal", [cube, {"offset": -1, "axis1": 2, "axis2": 1}], lambda x: jnp.diagonal(x, -1, 2, 1)))
    cases.append(case("trace", [cube, {"axis1": -2, "axis2": -1}], lambda x: jnp.trace(x, 0, -2, -1)))
    cases.append(case("unfold", [cube, 1], lambda x: jnp.moveaxis(x, 1, 0).reshape(3, 8)))
    cases.append(case("modeProduct", [cube, draw((5, 3)), 1], lambda x, m: jnp.einsum("ijk,aj->iak", x, m)))
    cases.append(case("dot", [draw((3,)), draw((3,))], jnp.dot))
    cases.append(case("dot", [cube, draw((2, 4, 2))], jnp.dot))
    cases.append(case("outer", [draw((2,)), draw((3,))], jnp.outer))
    cases.append(case("tensordot", [cube, draw((3, 4, 2))], lambda a, b: jnp.tensordot(a, b)))
    cases.append(case("tensordot", [cube, draw((4, 5, 2)), [[0, 2], [2, 0]]], lambda a, b: jnp.tensordot(a, b, ((0, 2), (2, 0)))))
    cases.append(case("tensordot", [draw((2,)), draw((2, 2)), 0], lambda a, b: jnp.tensordot(a, b, 0)))
    at = np.array([[0, 1], [0, 2]], np.int32)
    cases.append(case("indexAdd", [x, at, draw((3, 2, 2)), 1], lambda x, u: jnp.asarray(x).at[:, jnp.asarray(at)].add(u)))
    cases.append(case("scatterND", [at, draw((2,)), [3, 4]], lambda u: jnp.zeros((3, 4)).at[jnp.array([0, 0]), jnp.array([1, 2])].add(u)))
    mask = np.array([[1, 0, 0, 1]] * 3, bool)
    cases.append(case("maskedFill", [x, mask, 0.5], lambda x: jnp.where(jnp.asarray(mask), 0.5, x)))
    special = np.array([2.0, float("nan"), -1.0, 2.0, -float("inf"), 0.0])
    cases.append(case("argsort", [special], None, np.argsort(special, kind="stable").astype(np.int32)))
    cases.append(case("argsort", [integers(3, 1, 3, 1), {"descending": True}], None, integers(0, 2, 1, 3)))
    cases.append(case("searchsorted", [np.array([1.0, 2, 2, 5]), np.array([[0.0, 2], [5, 9]])], None, np.array([[0, 1], [3, 4]], np.int32)))
    cases.append(case("searchsorted", [np.array([1.0, 2, 2, 5]), np.array([2.0, 1]), True], None, integers(3, 1)))
    return cases


def optimizers():
    """Three steps of Adam from PyTorch's definition, what the op adamStep is for."""
    p, m, v = np.array([0.5, -1.0, 2.0]), np.zeros(3), np.zeros(3)
    lr, beta1, beta2, eps = 0.1, 0.9, 0.999, 1e-8
    steps = []
    for step in range(1, 4):
        g = draw((3,))
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        p = p - lr * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + eps)
        steps.append({"gradient": numbers(g), "parameter": numbers(p)})
    return {"lr": lr, "start": [0.5, -1.0, 2.0], "steps": steps}


def write(name, content):
    rows = ",\n".join(json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in content)
    (FOLDER / f"{name}.json").write_text(f"[\n{rows}\n]\n")
    print(f"{name}: {len(content)} cases, {len(rows) / 1000:.0f} kB")


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    write("elementwise", elementwise())
    write("reductions", reductions())
    write("products", products())
    write("shapes", shapes())
    write("random", randoms())
    write("adam", [optimizers()])
    write("linalg", linalg())
    write("networks", networks())
    write("rearrangements", rearrangements())
