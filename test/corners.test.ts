// Corners that a derivative must get around: far arguments, zeros, kinks and ties, in both modes and to second order; sums
// of very many numbers; tensors that are very large or have very many dimensions. Expected numbers are exact mathematics,
// or those of JAX in float64 where a comment says so.
import { describe, expect, it } from "vitest";
import * as w from "wengert";
import { grad, hessian, jacfwd, ones, tensor, type Tensor, vmap } from "wengert";
import { expectNothingLeft, refusal, values } from "./support.js";

const Inf = Infinity;
const float64 = (x: number | readonly unknown[]): Tensor => tensor(x as number[], "float64");

/** Expects the gradient of a number by both modes; -0 is 0. */
function expectGradient(f: (x: Tensor) => Tensor, x: Tensor, expected: unknown): void {
  const plain = (t: Tensor): unknown => values(t.add(0));
  expect(plain(grad(f)(x)), "reverse mode").toEqual(expected);
  expect(plain(jacfwd(f)(x)), "forward mode").toEqual(expected);
}

/** The second derivatives of a function of numbers at each of them, by reverse over reverse and by forward over reverse. */
function second(f: (x: Tensor) => Tensor, x: Tensor): unknown[] {
  const slopes = grad((x: Tensor) => f(x).sum());
  return [grad((x: Tensor) => slopes(x).sum())(x), w.jvp(slopes, [x], [w.onesLike(x)])[1]].map((t) => values(t.add(0)));
}

describe("no NaN where the derivative is finite:", () => {
  it.each([
    ["softplus", [800, 0], [1, 0]],
    ["sigmoid", [1, 0], [0, 0]],
    ["silu", [800, 0], [1, 0]],
    ["logSigmoid", [0, -800], [0, 1]],
    ["mish", [800, 0], [1, 0]],
    ["gelu", [800, 0], [1, 0]],
    ["tanh", [1, -1], [0, 0]],
  ] as const)("%s at ±800", (name, expected, slopes) => {
    for (const dtype of ["float64", "float32"] as const) {
      const x = tensor([800, -800], dtype);
      expect(values(w[name](x).add(0))).toEqual(expected);
      expectGradient((x) => w[name](x).sum(), x, slopes);
      expect(second((x) => w[name](x), x).flat()).toEqual([0, 0, 0, 0]);
    }
  });

  it("softmax of a row with Infinity is NaN, in both precisions", () => {
    for (const dtype of ["float32", "float64"] as const) {
      const x = w.tensor([0, 1, Infinity, -2], dtype);
      expect(values(w.softmax(x))).toEqual([NaN, NaN, NaN, NaN]);
      expect(w.logSumExp(x).item()).toBe(Infinity);
    }
  });

  it("logSumExp and softmax at 1e4 and with masks of -Infinity", () => {
    const x = float64([1e4, 1e4, -Inf, 0]);
    expect(w.logSumExp(x).item()).toBe(1e4 + Math.LN2);
    expectGradient(w.logSumExp, x, [0.5, 0.5, 0, 0]);
    expect(values(hessian(w.logSumExp)(x).add(0))).toEqual([[0.25, -0.25, 0, 0], [-0.25, 0.25, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]);
    expect(values(w.softmax(x))).toEqual([0.5, 0.5, 0, 0]);
    expectGradient((x) => w.softmax(x).at(0), x, [0.25, -0.25, 0, 0]);
    expect(values(w.logSoftmax(x))).toEqual([-Math.LN2, -Math.LN2, -Inf, -1e4 - Math.LN2]);
    expectGradient((x) => w.logSoftmax(x).at(3), x, [-0.5, -0.5, 0, 1]);
    expect(w.logSumExp(float64([-Inf, -Inf])).item()).toBe(-Inf);
    expect(values(w.logSumExp(float64([[-1e4, -1e4], [-1e4, -Inf]]), 1))).toEqual([-1e4 + Math.LN2, -1e4]);
    expectGradient((x) => w.logSumExp(x.logaddexp(-Inf)), float64([1e4, -1e4]), [1, 0]);
    const masked = w.maskedFill(float64([1, 2, 3]), [false, true, false], -Inf);
    expect(values(w.softmax(masked))).toEqual(values(w.softmax(float64([1, -Inf, 3]))));
  });

  it("norm and sqrt at 0", () => {
    const zero = w.zeros([3], "float64");
    for (const ord of [1, 1.5, 2, 3, Inf]) expectGradient((x) => w.norm(x, { ord }), zero, [0, 0, 0]);
    expectGradient((x) => w.normalize(x).sum(), zero, [1e12, 1e12, 1e12]); // x / eps there
    expectGradient(w.sqrt, float64(0), Inf);
    expectGradient((x) => w.hypot(x, x), float64(0), 0);
    expectGradient((x) => w.norm(x.sub(x)), float64([3, 4]), [0, 0]);
    expectGradient(w.norm, float64([3, 0]), [1, 0]);
    expect(values(hessian(w.norm)(float64([3, 4])))).toEqual([[16 / 125, -12 / 125], [-12 / 125, 9 / 125]].map((r) => r.map((v) => expect.closeTo(v, 15) as number)));
  });

  it("pow at 0: x^0, x^1, x^2, 0^y", () => {
    const by = (p: number) => (x: Tensor) => w.pow(x, p);
    const slopes = [[0, 0, 0], [1, 1, 0], [2, 0, 2], [3, 0, 0]] as const;
    for (const [p, first, then] of slopes) {
      expect(w.pow(float64(0), p).item()).toBe(p === 0 ? 1 : 0);
      expectGradient(by(p), float64(0), first);
      expect(second(by(p), float64(0))).toEqual([then, then]);
    }
    const ofZero = (y: Tensor): Tensor => w.pow(float64(0), y);
    for (const y of [0, 1, 2.5]) {
      expectGradient(ofZero, float64(y), 0);
      expect(second(ofZero, float64(y))).toEqual([0, 0]);
    }
    expectGradient(by(0.5), float64(0), Inf);
    expectGradient(by(0), float64([-2]).at(0), 0);
    expectGradient((x) => w.pow(x, x), float64(1), 1);
  });

  it("prod and cumprod with one and with two zeros", () => {
    expectGradient(w.prod, float64([2, 0, 3, 4]), [0, 24, 0, 0]);
    expectGradient(w.prod, float64([2, 0, 3, 0]), [0, 0, 0, 0]);
    expect(values(hessian(w.prod)(float64([2, 0, 3, 0])))).toEqual([[0, 0, 0, 0], [0, 0, 0, 6], [0, 0, 0, 0], [0, 6, 0, 0]]);
    const rows = (x: Tensor): unknown[] => [values(w.jacrev((x: Tensor) => w.cumprod(x))(x)), values(jacfwd((x: Tensor) => w.cumprod(x))(x))];
    const one = [[1, 0, 0, 0], [0, 2, 0, 0], [0, 6, 0, 0], [0, 24, 0, 0]];
    expect(rows(float64([2, 0, 3, 4]))).toEqual([one, one]);
    const two = [[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]];
    expect(rows(float64([2, 0, 0, 4]))).toEqual([two, two]);
  });

  it("atan2 on the axes, near 0 and far out", () => {
    const f = (p: Tensor): Tensor => w.atan2(p.at(0), p.at(1));
    const half = Math.PI / 2;
    for (const [y, x, angle, byY, byX] of [
      [0, 2, 0, 0.5, 0], [2, 0, half, 0, -0.5], [0, -2, Math.PI, -0.5, 0], [-2, 0, -half, 0, 0.5],
      [0, 0, 0, 0, 0], [2 ** -700, 0, half, 0, -(2 ** 700)], [0, 2 ** 700, 0, 2 ** -700, 0], [0, 2 ** -1000, 0, 2 ** 1000, 0],
    ] as const) {
      expect(f(float64([y, x])).item()).toBe(angle);
      expectGradient(f, float64([y, x]), [byY, byX]);
    }
    expect(values(hessian(f)(float64([0, 2])).add(0))).toEqual([[0, -0.25], [-0.25, 0]]);
    expect(values(hessian(f)(float64([0, 0])).isfinite().all())).toBe(true);
  });

  it("where that guards a division", () => {
    // The argument is guarded: of the side that is not taken nothing comes through.
    const safe = (x: Tensor): Tensor => w.where(x.notEqual(0), w.div(1, w.where(x.notEqual(0), x, 1)), 0).sum();
    expectGradient(safe, float64([0, 2]), [0, -0.25]);
    expect(second((x) => safe(x), float64([0, 2]))).toEqual([[0, 0.25], [0, 0.25]]);
    const root = (x: Tensor): Tensor => w.where(x.greater(0), w.where(x.greater(0), x, 1).sqrt(), 0).sum();
    expectGradient(root, float64([0, 4]), [0, 0.25]);
    // Its result alone is not enough: 0 times an infinite derivative.
    expect(values(grad((x: Tensor) => w.where(x.greater(0), x.sqrt(), 0).sum())(float64([0, 4])))).toEqual([NaN, 0.25]);
  });

  it("std of equal numbers", () => {
    const equal = float64([3, 3, 3, 3]);
    expect(w.std(equal).item()).toBe(0);
    expectGradient(w.std, equal, [0, 0, 0, 0]);
    expectGradient((x) => w.std(x, { axis: 0 }), float64([7]), [0]);
    expectGradient((x) => w.layerNorm(x, ones([4], "float64")).at(0), equal, [0.75, -0.25, -0.25, -0.25].map((v) => expect.closeTo(v / Math.sqrt(1e-5), 8) as number));
  });

  it("abs, huberLoss and other kinks", () => {
    expectGradient((x) => x.abs().sum(), float64([-0, 0, -2]), [0, 0, -1]);
    const huber = (x: Tensor): Tensor => w.huberLoss(x, w.zerosLike(x), { delta: 1, reduction: "sum" });
    expectGradient(huber, float64([-3, -1, 0, 1, 3]), [-1, -1, 0, 1, 1]);
    expectGradient((x) => w.maeLoss(x, w.zerosLike(x), "sum"), float64([0, 2]), [0, 1]);
    expectGradient((x) => w.clip(x, -1, 1).sum(), float64([-2, -1, 0, 1, 2]), [0, 1, 1, 1, 0]);
    expectGradient((x) => x.relu().sum(), float64([-0, 0, 1]), [0, 0, 1]);
    expectGradient((x) => w.hingeLoss(x, w.onesLike(x), "sum"), float64([1, 0]), [0, -1]);
  });
});

describe("ties", () => {
  const tied = float64([1, 3, 3, 2, 3]);
  it("share the gradient equally in maximum and minimum, max and min, norms and pools", () => {
    expectGradient((x) => w.maximum(x, 3).sum(), float64([1, 3, 5]), [0, 0.5, 1]);
    expectGradient((x) => w.minimum(x, 3).sum(), float64([1, 3, 5]), [1, 0.5, 0]);
    expectGradient((x) => w.maximum(x, x), float64(2), 1);
    const third = 1 / 3;
    expectGradient(w.max, tied, [0, third, third, 0, third]);
    expectGradient((x) => w.min(x.neg()), tied, [0, -third, -third, 0, -third]);
    expectGradient((x) => w.norm(x, { ord: Inf }), float64([-2, 2]), [-0.5, 0.5]);
    expectGradient((x) => w.maxPool1d(x, 2).sum(), float64([[[4, 4, 1, 2]]]), [[[0.5, 0.5, 0, 1]]]);
    expectGradient((x) => w.cummax(x).at(1), float64([2, 2]), [0.5, 0.5]);
    expect(second((x) => w.max(x), tied)).toEqual([[0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]);
  });

  it("go to the first in topk, to each its own in sort, to the first in argmax and argmin", () => {
    expectGradient((x) => w.topk(x, 2)[0].sum(), tied, [0, 1, 1, 0, 0]);
    expectGradient((x) => w.topk(x, 1, { largest: false })[0].sum(), float64([2, 1, 1]), [0, 1, 0]);
    expectGradient((x) => w.sort(x).mul(float64([1, 2, 3, 4, 5])).sum(), tied, [1, 3, 4, 2, 5]);
    expect(values(w.argsort(tied))).toEqual([0, 3, 1, 2, 4]);
    expect([w.argmax(tied).item(), w.argmin(float64([2, 1, 1])).item()]).toEqual([1, 1]);
  });
});

describe("sums of 1e7 numbers in float32", () => {
  const n = 1e7;
  /** How far off a number is, in roundings: units of 2^-24 of what it should be. */
  const off = (got: number | boolean, exact: number): number => (Math.abs(Number(got) - exact) / exact) * 2 ** 24;
  it.each([1, 1e-8, 0.1])("of %d", (value) => {
    const x = w.full([n], value);
    const each = Math.fround(value);
    w.tidy(() => {
      // Pairwise: log2(n) + 30 roundings at most, a handful in practice.
      expect(off(x.sum().item(), n * each)).toBeLessThan(8);
      expect(off(x.mean().item(), each)).toBeLessThan(8);
      const rows = x.reshape([2500, 4000]);
      expect(off(rows.sum(0).at(7).item(), 2500 * each)).toBeLessThan(8);
      expect(off(rows.sum(1).at(7).item(), 4000 * each)).toBeLessThan(8);
      expect(off(x.reshape([n / 4, 4]).sum(0).at(3).item(), (n / 4) * each)).toBeLessThan(8);
      expect(off(w.norm(x).item(), Math.sqrt(n) * each)).toBeLessThan(8);
      // The error of the mean squared: far from 0 it costs the variance no more than that.
      expect(w.variance(x).item()).toBeLessThanOrEqual((each * 2 ** -21) ** 2);
      expect(w.variance(x.add(1000)).item()).toBeLessThanOrEqual((1000 * 2 ** -21) ** 2);
      // Running sums carry what they lose, along lines and along columns.
      const last = (t: Tensor): number => Number(t.at(-1).item());
      expect(off(last(x.cumsum()), n * each)).toBeLessThan(1.01);
      expect(off(last(x.cumsum({ reverse: true }).flip()), n * each)).toBeLessThan(1.01);
      expect(off(last(x.reshape([n / 4, 4]).cumsum(0).at(-1)), (n / 4) * each)).toBeLessThan(1.01);
      // Products: blocks of 512, 512 + k / 512 roundings at most.
      expect(off(w.dot(x, ones([n])).item(), n * each)).toBeLessThan(512 + n / 512);
      const k = 2 ** 20;
      const wide = x.slice([[0, 3 * k]]).reshape([3, k]);
      expect(off(w.matmul(wide, ones([k, 3])).at(1).at(1).item(), k * each)).toBeLessThan(512 + k / 512);
    });
    x.dispose();
  });
});

describe("large tensors", () => {
  it("that no memory can hold are refused, and everything goes on", () => {
    const kept = tensor([1, 2, 3]);
    for (const make of [
      () => w.full([2 ** 29], 1), // 2^31 bytes
      () => w.zeros([2 ** 29]).add(1),
      () => w.rand([2 ** 29]),
      () => w.zeros([2 ** 31]),
      () => w.ones([2 ** 16, 2 ** 16]),
      () => w.ones([2 ** 28], "float64").mul(2),
      () => kept.broadcastTo([2 ** 29, 3]).add(1),
      () => w.outer(w.ones([2 ** 15]), w.ones([2 ** 16])),
      () => w.eye(2 ** 15),
    ]) {
      const error = refusal(make);
      expect([error.code, error.message]).toEqual(["memory", expect.stringMatching(/could not be allocated|larger than the address space/)]);
    }
    expect(values(kept.mul(2))).toEqual([2, 4, 6]);
    expect(refusal(() => w.zeros([2 ** 31])).message).toBe("zeros: a tensor of shape [2147483648] is larger than the address space");
    expect(values(kept.broadcastTo([2 ** 27, 3]).at(2 ** 27 - 1))).toEqual([1, 2, 3]);
  });

  // By hand: needs 4 GiB and ten seconds.
  it.runIf(process.env.WENGERT_LARGE === "1")("lie beyond 2^31 bytes", () => {
    const n = 3 * 2 ** 26; // 768 MiB each
    expectNothingLeft(() => {
      w.tidy(() => {
        const [, , , last] = [1, 2, 3, 4].map((value) => w.full([n], value));
        expect(last?.sum().item()).toBe(4 * n);
        const next = last?.add(1);
        expect(next?.withData((v) => [v.byteOffset > 2 ** 31, v[0], v[n - 1]])).toEqual([true, 5, 5]);
        expect(values(next?.slice([[n - 2, n]]) ?? null)).toEqual([5, 5]);
        expect(refusal(() => w.full([n], 1)).code).toBe("memory");
      });
    });
    expect(values(grad((x: Tensor) => x.mul(2).sum())(w.full([4], 1)))).toEqual([2, 2, 2, 2]);
  });
});

describe("nothing, one number, and axes of length 1", () => {
  it("have values and derivatives", () => {
    const none = w.zeros([0, 3], "float64");
    expect([none.sum().item(), none.prod().item(), none.mean().item(), values(none.sum(0)), values(w.logSumExp(none))]).toEqual([0, 1, NaN, [0, 0, 0], -Inf]);
    expect(none.broadcastTo([2, 0, 3]).shape).toEqual([2, 0, 3]);
    expect(values(w.matmul(w.zeros([2, 0]), w.zeros([0, 2])))).toEqual([[0, 0], [0, 0]]);
    expect(w.convTranspose2d(w.zeros([0, 2, 3, 3]), w.zeros([2, 1, 2, 2])).shape).toEqual([0, 1, 4, 4]);
    expect(refusal(() => none.max()).message).toContain("max: there must be at least one element along the reduced axes");
    expect(grad((x: Tensor) => x.sigmoid().sum())(none).shape).toEqual([0, 3]);
    expect(jacfwd((x: Tensor) => x.square())(none).shape).toEqual([0, 3, 0, 3]);
    const one = float64(2);
    expectGradient((x) => x.sum().mul(x.max()).mul(w.norm(x)), one, 12);
    expectGradient((x) => w.softmax(x.reshape([1])).sum(), one, 0);
    expect(values(hessian((x: Tensor) => x.prod())(float64([[3]])))).toEqual([[[[0]]]]);
  });
});

describe("eight dimensions", () => {
  const shape = [2, 1, 2, 1, 2, 1, 2, 2];
  const x = w.arange(32, "float64").reshape(shape);
  const vector = w.arange(32, "float64");
  const axes = [7, 6, 5, 4, 3, 2, 1, 0];
  const eights: Readonly<Record<string, (x: Tensor) => Tensor>> = {
    permute: (x) => x.permute(axes),
    transpose: (x) => x.transpose(),
    swapAxes: (x) => x.swapAxes(0, 7),
    moveAxis: (x) => x.moveAxis(0, -1),
    reshape: (x) => x.reshape([1, 1, 1, 1, 1, 1, 1, 32]),
    broadcastTo: (x) => x.broadcastTo([2, 3, 2, 1, 2, 1, 2, 2]),
    slice: (x) => x.slice([null, null, [1, 2], null, null, null, null, [undefined, undefined, -1]]),
    flip: (x) => x.flip([0, 7]),
    roll: (x) => x.roll([1, 1], [0, 7]),
    pad: (x) => x.pad(shape.map(() => [0, 1] as const)),
    concat: (x) => w.concat([x, x], 7),
    stack: (x) => w.stack([x.at(0), x.at(1)], 7),
    expandDims: (x) => x.at(0).expandDims(7),
    tile: (x) => x.tile([1, 1, 1, 2, 1, 1, 1, 1]),
    repeat: (x) => x.repeat(2, 3),
    take: (x) => x.take(tensor([1, 0], "int32"), 7),
    gather: (x) => x.gather(w.zeros(shape, "int32"), 7),
    where: (x) => w.where(x.greater(7), x, 0),
    add: (x) => x.add(x.transpose().reshape(shape)),
    sum: (x) => x.sum({ axis: [0, 2, 4], keepDims: true }),
    max: (x) => x.max({ axis: [1, 7], keepDims: true }),
    cumsum: (x) => x.cumsum(4),
    cumprod: (x) => x.add(1).cumprod(7),
    sort: (x) => x.sort(2),
    softmax: (x) => x.softmax(0),
    matmul: (x) => x.matmul(x),
    einsum: (x) => w.einsum("abcdefgh->hgfedcba", x),
    tensordot: (x) => w.tensordot(x.reshape([2, 2, 2, 2, 2]), x.reshape([2, 2, 2, 2, 2]), 1),
    triu: (x) => x.triu(),
    std: (x) => x.std({ axis: [0, 7], keepDims: true }),
    norm: (x) => x.norm({ axis: [6, 7], keepDims: true }),
    flatten: (x) => x.flatten().reshape(shape),
    squeeze: (x) => x.squeeze().reshape(shape),
    vmap: (x) => vmap((row: Tensor) => row.mul(2))(x),
    lossOfEight: (x) => w.mseLoss(x, x.mul(2), "none"),
  };
  it.each(Object.keys(eights))("%s", (name) => {
    const f = (x: Tensor): Tensor => eights[name]?.(x) ?? x;
    const y = f(x);
    expect(y.ndim).toBe(8);
    // The derivatives do not depend on how many dimensions the elements lie in.
    const weights = w.arange(y.size, "float64").reshape(y.shape);
    const flat = grad((v: Tensor) => f(v.reshape(shape)).mul(weights).sum())(vector);
    expect(values(grad((x: Tensor) => f(x).mul(weights).sum())(x).reshape([32]))).toEqual(values(flat));
    expect(w.jvp(f, [x], [w.onesLike(x)])[1].shape).toEqual(y.shape);
  });

  it("are the most: nine are refused", () => {
    const says = (f: () => unknown): string => refusal(f).message;
    for (const nine of [
      () => w.zeros([1, 1, 1, 1, 1, 1, 1, 1, 1]),
      () => x.expandDims(0),
      () => x.reshape([2, 1, 2, 1, 2, 1, 2, 2, 1]),
      () => x.broadcastTo([1, ...shape]),
      () => w.stack([x, x]),
      () => w.oneHot(x.to("int32"), 2),
      () => w.tensordot(x, x, 1),
      () => x.tile([1, 1, 1, 1, 1, 1, 1, 1, 2]),
      () => x.take(w.zeros([1, 1], "int32"), 0),
      () => tensor([[[[[[[[[1]]]]]]]]]),
    ]) expect(says(nine)).toMatch(/^\w+: .*at most 8/);
  });
});
