"""The polynomials of crate/kernels/src/math: minimax fits by Remez' exchange algorithm, in high precision.

    python3 scripts/minimax.py                  every fit with its error; says which coefficients the source lacks
    python3 scripts/minimax.py erf.small        only fits whose name contains this

A fit makes max |weight(x) (f(x) - sum_k c_k x^k)| on [a, b] as small as can be; the weight turns the error of the
polynomial into the error of the function's result. Coefficients are then rounded to their type. For single precision
they are rounded one after the other, and the others fitted again to what that leaves: rounding c_0 costs the most, and
the rest can mend it.

Method: E. Y. Remez 1934; J.-M. Muller, Elementary Functions, 3rd edition, 2016, chapter 3; for the rounding compare
N. Brisebarre and S. Chevillard, Efficient polynomial L-infinity approximations, ARITH 18, 2007.

Needs: pip install mpmath numpy (gmpy2 makes it quicker).
"""

import functools
import re
import sys
from pathlib import Path

import mpmath as mp
import numpy as np

mp.mp.prec = 160
SOURCE = Path(__file__).resolve().parent.parent / "crate/kernels/src/math"
TINY = mp.mpf(10) ** -30
LN2 = mp.log(2)
ATANH2 = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mp.mpf("1.001")  # s² for m = √2, and a little more
PI2 = mp.pi / 2


def at(f):
    """f with 0 moved a little to the right: for quotients that have a limit there."""
    return lambda x: f(x if abs(x) > TINY else TINY)


def even(f):
    """(f(√z) / √z - 1) / z for an odd f with slope 1."""
    return at(lambda z: (f(mp.sqrt(z)) / mp.sqrt(z) - 1) / z)


def relative(f, power=1):
    """What an error of the coefficient function of z^power in f(√z) = √z (1 + ..) means to f."""
    return at(lambda z: z**power * mp.sqrt(z) / f(mp.sqrt(z)))


def exp_tail(x):
    return (mp.expm1(x) - x) / x**2


def log_tail(f):
    return (mp.log1p(f) - f + f * f / 2) / f**3 if abs(f) > mp.mpf(10) ** -12 else mp.mpf(1) / 3


def artanh_tail(z):
    """(2 artanh s - 2 s - 2 s³/3) / s⁵, z = s²."""
    if z < mp.mpf(10) ** -6:
        return sum(2 * z**k / (2 * k + 5) for k in range(6))
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) / s - 2 - 2 * z / 3) / z**2


@at
def log2_quotient(z):
    """2 artanh(s) / (s ln 2), z = s²."""
    return 2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) / LN2


def cos_tail(z):
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


def erfcx(t):
    """(1 + 2x) exp(x²) erfc(x), t = (x - 5/2) / (x + 5/2)."""
    x = mp.mpf(5) / 2 * (1 + t) / (1 - t)
    return mp.exp(x * x) * mp.erfc(x) * (1 + 2 * x)


@functools.cache
def erfinv(w):
    """erfinv(x) / x where w = -ln(1 - x²)."""
    e = mp.exp(-max(w, TINY))
    x = mp.sqrt(1 - e)
    if w < 1:
        return mp.erfinv(x) / x
    rest = e / (1 + x)
    start = mp.sqrt(-mp.log(rest)) * mp.mpf("0.9") + mp.mpf("0.1")
    return mp.findroot(lambda y: mp.log(mp.erfc(y)) - mp.log(rest), start) / x


MIDDLE = mp.mpf("3.25")


def normal_tail(t):
    """(a + 3.25) e^(a²/2) Φ(-a), t = (a - 3.25) / (a + 3.25)."""
    a = MIDDLE * (1 + t) / (1 - t)
    return (a + MIDDLE) * mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2)) / 2


def erfcx_t(x):
    """t = (x - 5/2) / (x + 5/2)."""
    return (mp.mpf(x) - mp.mpf("2.5")) / (mp.mpf(x) + mp.mpf("2.5"))


def stirling(t):
    """(ln Γ(z) - (z - 1/2) ln z + z - ln(2π) / 2) z, t = 1/z²."""
    if t < mp.mpf(10) ** -6:
        return mp.mpf(1) / 12 - t / 360 + t * t / 1260 - t**3 / 1680
    z = 1 / mp.sqrt(t)
    return (mp.loggamma(z) - (z - mp.mpf("0.5")) * mp.log(z) + z - mp.log(2 * mp.pi) / 2) * z


def digamma_series(t):
    """(ln z - 1 / (2z) - ψ(z)) z², t = 1/z²."""
    if t < mp.mpf(10) ** -6:
        return mp.mpf(1) / 12 - t / 120 + t * t / 252 - t**3 / 240
    z = 1 / mp.sqrt(t)
    return (mp.log(z) - 1 / (2 * z) - mp.digamma(z)) * z * z


def near_root(f, root, width, count):
    """The fit of f(root + u) / u, for |u| <= width."""
    g = at(lambda u: f(root + u) / u)
    return g, -mp.mpf(width), mp.mpf(width), count, lambda u: 1 / g(u), "f64", {}


@at
def even_erf(z):
    """erf(√z) / √z - 1."""
    return mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1


def minus_log_erfc(u):
    """-ln erfc(A0 + u) - 2."""
    return -mp.log(mp.erfc(u + A0)) - 2


def erfinv_tail(middle, end):
    """The fit of erfinv(x) / x in √w - middle for 6 <= w <= end."""
    f = lambda u: erfinv((u + middle) ** 2)
    return f, mp.sqrt(6) - middle, mp.sqrt(mp.mpf(end)) - middle, 10, lambda u: 1 / f(u), "f64", {}


A0 = mp.mpf(float(np.float32(1.061)))
LOG_RANGE = [(mp.sqrt(0.5) - 1) * 1.0005, (mp.sqrt(2) - 1) * 1.0005]
R = LN2 / 2 * mp.mpf("1.001")
EPS = mp.mpf(10) ** -8
FAR = mp.mpf(1) / 64 * mp.mpf("1.001")  # 1/z² for z = 8, and a little more
# name: (f, a, b, number of coefficients, weight, type, fixed coefficients)
FITS = {
    "exp.tail_f32": (at(exp_tail), -R, R, 5, at(lambda x: x**2 / mp.expm1(x)), "f32", {}),
    "exp.exp_f32": (at(exp_tail), -R, R, 5, at(lambda x: x**2 / mp.exp(x)), "f32", {}),
    "exp.expm1_f32": (at(exp_tail), "-0.305", "0.405", 6, at(lambda x: x**2 / mp.expm1(x)), "f32", {0: 0.5}),
    "exp.tail_f64": (at(exp_tail), -R, R, 11, at(lambda x: x**2 / mp.expm1(x)), "f64", {}),
    "exp.exp_to_single": (at(exp_tail), -R, R, 5, at(lambda x: x**2 / mp.exp(x)), "f64", {}),
    "log.tail_f32": (log_tail, *LOG_RANGE, 9, at(lambda f: f**3 / mp.log1p(f)), "f32", {}),
    "log.artanh_f64": (at(lambda z: 2 * even(mp.atanh)(z)), 0, ATANH2, 7, lambda z: z / 2, "f64", {}),
    "log.log2_of_single": (log2_quotient, 0, ATANH2, 6, lambda z: 1 / log2_quotient(z), "f64", {}),
    "pow.ln_sum": (at(artanh_tail), 0, ATANH2, 8, lambda z: z**2 / 2, "f64", {}),
    "exp.exp2_to_single": (lambda x: mp.mpf(2) ** x, "-0.5005", "0.5005", 7, lambda x: mp.mpf(2) ** -x, "f64", {0: 1}),
    "trig.sin_of_half_turns": (even(mp.sin), 0, PI2**2 * 1.0001, 4, relative(mp.sin), "f64", {}),
    "trig.tan_f32 sin": (even(mp.sin), 0, PI2**2 / 4 * 1.0001, 3, relative(mp.sin), "f64", {}),
    "trig.tan_f32 cos": (cos_tail, EPS, PI2**2 / 4 * 1.0001, 3, lambda z: z**2, "f64", {}),
    "trig.sin_f32": (even(mp.sin), 0, PI2**2 / 4 * 1.001, 3, relative(mp.sin), "f32", {}),
    "trig.cos_f32": (cos_tail, EPS, PI2**2 / 4 * 1.001, 3, lambda z: z**2, "f32", {}),
    "trig.sin_parts": (even(mp.sin), 0, PI2**2 / 4 * 1.0001, 6, relative(mp.sin), "f64", {}),
    "trig.cos_parts": (cos_tail, EPS, PI2**2 / 4 * 1.0001, 6, lambda z: z**2, "f64", {}),
    "inverse.asin_to_single": (even(mp.asin), 0, 0.25, 7, lambda z: z, "f64", {}),
    "inverse.asin_tail": (even(mp.asin), 0, 0.25, 13, lambda z: z, "f64", {}),
    "inverse.atan_to_single": (even(mp.atan), 0, 1, 12, relative(mp.atan), "f64", {}),
    "inverse.atan_positive": (even(mp.atan), 0, 0.4375**2, 12, lambda z: z, "f64", {}),
    "hyperbolic.sinh_f32": (even(mp.sinh), 0, 1, 4, relative(mp.sinh), "f64", {}),
    "hyperbolic.sinh_f64": (even(mp.sinh), 0, 1, 8, relative(mp.sinh), "f64", {}),
    "hyperbolic.tanh_f32": (even(mp.tanh), 0, (LN2 / 2 + mp.mpf("0.0005")) ** 2, 3, relative(mp.tanh), "f32", {}),
    "hyperbolic.tanh_f64": (even(mp.tanh), 0, 0.625**2, 12, relative(mp.tanh), "f64", {}),
    "erf.erf_f32 small": (even_erf, 0, 0.9, 7, relative(mp.erf, 0), "f32", {}),
    "erf.erf_f32 large": (minus_log_erfc, 0.92 - A0, 4 - A0, 7, lambda u: mp.erfc(u + A0), "f32", {}),
    "erf.small_f64": (even_erf, 0, 1, 13, relative(mp.erf, 0), "f64", {}),
    "erf.erfc_f64": (erfcx, *map(erfcx_t, (0.5, 28)), 22, lambda t: 1 / erfcx(t), "f64", {}),
    "erf.normal_tail_f64": (erfcx, -1, erfcx_t("28.3"), 24, lambda t: 1 / erfcx(t), "f64", {}),
    "gates.gelu_in_doubles": (normal_tail, -1, (mp.mpf("13.3") - MIDDLE) / (mp.mpf("13.3") + MIDDLE), 10, lambda t: 1 / normal_tail(t), "f64", {}),
    "root.start": (lambda f: mp.cbrt(1 + f), *LOG_RANGE, 6, lambda f: 1 / mp.cbrt(1 + f), "f64", {}),
    "gamma.lgamma far": (stirling, 0, FAR, 7, lambda t: mp.mpf(12), "f64", {}),
    "gamma.lgamma one": near_root(mp.loggamma, 1, "0.1001", 13),
    "gamma.lgamma two": near_root(mp.loggamma, 2, "0.1001", 11),
    "gamma.digamma far": (digamma_series, 0, FAR, 7, lambda t: mp.mpf(12), "f64", {}),
    "gamma.digamma near": near_root(mp.digamma, mp.findroot(mp.digamma, 1.4616321449683623), "0.0601", 11),
    "erf.central": (lambda u: erfinv(u + 3), -3, 3, 12, lambda u: 1 / erfinv(u + 3), "f64", {}),
    "erf.erfinv_f32": erfinv_tail(3, 17),
    "erf.erfinv_f64": erfinv_tail(4, "36.1"),
}  # fmt: skip


def gelu_rest(a):
    """-ln(2 Φ(-a)) - a (a 61/128 + 1/2), which is a p(a) / q(a)."""
    return -mp.log(mp.erfc(a / mp.sqrt(2))) - a * (a * 61 / 128 + HALF)


HALF = mp.mpf(1) / 2
# name: (f, a, b, number of coefficients of p, of q but the first, which is 1), for f(x) = x p(x) / q(x) and a constant weight
QUOTIENTS = {"gates.gelu_f32": (gelu_rest, 0, "8.5", 5, 4)}


def fit_quotient(f, a, b, above, below):
    """The rounded coefficients of p, then of q, and the error with them, in single precision.

    Least squares of f q - x p over the last q (C. K. Sanathanan and J. Koerner, 1963), with weights that grow where the
    error is large (C. L. Lawson, 1961); the coefficients are rounded one after the other, as those of polynomials.
    """
    a, b = float(a), float(b)
    xs = (a + b) / 2 - (b - a) / 2 * np.cos(np.pi * (np.arange(400) + 0.5) / 400)
    fs = np.array([float(f(mp.mpf(x))) for x in xs])
    columns = np.stack([xs ** (k + 1) for k in range(above)] + [-fs * xs ** (k + 1) for k in range(below)], 1)

    def solve(done):
        left = [k for k in range(above + below) if k not in done]
        weight, q, best = np.ones(len(xs)), np.ones(len(xs)), (np.inf, None)
        c = np.array([done.get(k, 0.0) for k in range(above + below)])
        for step in range(60):
            w = np.sqrt(weight) / abs(q)
            matrix = columns[:, left] * w[:, None]
            size = abs(matrix).max(0)
            rest = (fs - columns @ np.where(np.isin(range(len(c)), left), 0, c)) * w
            c[left] = np.linalg.lstsq(matrix / size, rest, rcond=None)[0] / size
            q = 1 + sum(c[above + k] * xs ** (k + 1) for k in range(below))
            error = abs(columns[:, :above] @ c[:above] / q - fs)
            best = min(best, (error.max(), list(c)))
            if step > 5:
                weight = weight * (error / error.max() + 1e-3)
                weight /= weight.max()
        return best

    done = {}
    order = [k for pair in zip(range(above), range(above, above + below)) for k in pair]
    for k in order + list(range(below, above)):
        done[k] = float(np.float32(solve(done)[1][k]))
    c = [done[k] for k in range(above + below)]
    q = 1 + sum(c[above + k] * xs ** (k + 1) for k in range(below))
    return c, abs(columns[:, :above] @ c[:above] / q - fs).max()


def remez(xs, fs, ws, powers):
    """Coefficients of the best weighted fit on the grid xs, and its error."""
    n = len(powers)
    basis = [[x**k for k in powers] for x in xs]
    nodes = [round((len(xs) - 1) * i / n) for i in range(n + 1)]
    best = None
    for _ in range(60):
        m, rhs = mp.matrix(n + 1, n + 1), mp.matrix(n + 1, 1)
        for row, i in enumerate(nodes):
            for k in range(n):
                m[row, k] = ws[i] * basis[i][k]
            m[row, n] = (-1) ** row
            rhs[row] = ws[i] * fs[i]
        c = mp.lu_solve(m, rhs)
        error = [w * (f - mp.fdot(g, c[:n])) for w, f, g in zip(ws, fs, basis)]
        worst = max(map(abs, error))
        if best is None or worst < best[1]:
            best = list(c[:n]), worst
        if worst < abs(c[n]) * mp.mpf("1.01"):
            break
        # The next nodes: the largest error of each run of equal sign, as many as are needed, in turn high and low.
        peaks = []
        for i, e in enumerate(error):
            if not peaks or (e > 0) != (error[peaks[-1]] > 0):
                peaks.append(i)
            elif abs(e) > abs(error[peaks[-1]]):
                peaks[-1] = i
        size = lambda k: abs(error[peaks[k]])
        while len(peaks) > n + 1:
            if len(peaks) == n + 2:
                peaks.pop(0 if size(0) < size(-1) else -1)
            else:
                k = min(range(len(peaks) - 1), key=lambda k: max(size(k), size(k + 1)))
                del peaks[k : k + 2]
        if len(peaks) < n + 1:
            break
        nodes = peaks
    return best


def least_squares(xs, fs, ws, powers):
    """Coefficients of the weighted fit in the mean, which has no trouble with what the first coefficients have fixed."""
    n = len(powers)
    rows = [[w * x**k for k in powers] for x, w in zip(xs, ws)]
    m, rhs = mp.matrix(n, n), mp.matrix(n, 1)
    for j in range(n):
        for k in range(n):
            m[j, k] = mp.fsum(r[j] * r[k] for r in rows)
        rhs[j] = mp.fsum(r[j] * w * f for r, w, f in zip(rows, ws, fs))
    return list(mp.lu_solve(m, rhs))


def fit(f, a, b, count, weight, dtype, fixed):
    """The rounded coefficients, lowest power first, and the error with them."""
    a, b = mp.mpf(a), mp.mpf(b)
    total = 30 * count
    xs = [(a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * (i + mp.mpf(1) / 3) / total) for i in range(total)]
    ws = [abs(weight(x)) for x in xs]
    done = {k: mp.mpf(c) for k, c in fixed.items()}
    left = [k for k in range(count) if k not in done]
    rest = [f(x) - sum(c * x**k for k, c in done.items()) for x in xs]
    c, _ = remez(xs, rest, ws, left)
    while left:
        k, value = left.pop(0), float(c.pop(0))
        done[k] = mp.mpf(float(np.float32(value)) if dtype == "f32" else value)
        rest = [y - done[k] * x**k for x, y in zip(xs, rest)]
        if left and dtype == "f32":
            c = least_squares(xs, rest, ws, left)
    return [done[k] for k in range(count)], max(w * abs(y) for w, y in zip(ws, rest))


def main():
    failed = False
    for name, what in {**FITS, **QUOTIENTS}.items():
        if not any(part in name for part in sys.argv[1:] or [""]):
            continue
        c, error = fit_quotient(*what) if name in QUOTIENTS else fit(*what)
        dtype = "f32" if name in QUOTIENTS else what[5]
        text = (SOURCE / f"{name.split('.')[0]}.rs").read_text().replace("_", "")
        kind = np.float32 if dtype == "f32" else np.float64
        numbers = {abs(kind(x)) for x in re.findall(r"\d+\.\d+(?:e-?\d+)?", text)}
        missing = [x for x in c if abs(kind(float(x))) not in numbers]
        print(f"{name}: error 2^{float(mp.log(error, 2)):.1f}")
        for x in c:
            print("   ", kind(float(x)), "" if x not in missing else "(not in the source)")
        failed |= bool(missing)
    sys.exit(failed)


if __name__ == "__main__":
    main()
