// What users expect of the operations beyond the fixtures: results in lists, options, corners, and refusals.
import { describe, expect, it } from "vitest";
import * as w from "wengert";
import { grad, jvp, random, tensor, type Tensor, vmap } from "wengert";
import { expectClose } from "wengert/testing";
import { anything, expectNothingLeft, refusal, values } from "./support.js";

describe("topk", () => {
  it("gives the largest elements and their indices, the first of equal ones", () => {
    const x = tensor([[3, 1, 3], [0, 5, 4]], "float64");
    const [top, at] = w.topk(x, 2);
    expect([values(top), values(at)]).toEqual([[[3, 3], [5, 4]], [[0, 2], [1, 2]]]);
    expect(values(x.topk(1, { axis: 0, largest: false })[0])).toEqual([[0, 1, 3]]);
    expect(values(grad((x: Tensor) => w.topk(x, 1)[0].sum())(x))).toEqual([[1, 0, 0], [0, 1, 0]]);
    expect(values(vmap((r: Tensor) => w.topk(r, 1)[0])(x))).toEqual([[3], [5]]);
    expect(refusal(() => w.topk(x, 4)).message).toBe("topk: k must be from 0 to 3, the size of axis 1, got 4");
  });
});

describe("meshgrid and unique", () => {
  it("are NumPy's", () => {
    const [x, y] = w.meshgrid([1, 2, 3], [4, 5]);
    expect([values(x), values(y)]).toEqual([[[1, 2, 3], [1, 2, 3]], [[4, 4, 4], [5, 5, 5]]]);
    const [i, j] = w.meshgrid([1, 2, 3], [4, 5], { indexing: "ij" });
    expect([i?.shape, values(j)]).toEqual([[3, 2], [[4, 5], [4, 5], [4, 5]]]);
    expect(values(w.unique([3, 1, NaN, 3, -0, 0, NaN]))).toEqual([-0, 1, 3, NaN]);
    expect(values(tensor(Int32Array.of(10, 9, 10)).unique())).toEqual([9, 10]);
    expect(refusal(() => w.meshgrid([1], anything({ index: "ij" }))).message).toContain("the options are indexing");
  });

  it("leave nothing behind", () => {
    expectNothingLeft(() => {
      w.meshgrid([1, 2], [3]).forEach((t) => { t.dispose(); });
      w.topk([3, 1, 2], 2).forEach((t) => { t.dispose(); });
      w.unique([2, 2, 1]).dispose();
    });
  });
});

describe("plain data", () => {
  it("has numbers and defaults adopt the dtype of the arrays beside them", () => {
    expect(w.add(new Float64Array([1]), 2).dtype).toBe("float64");
    expect(values(w.conv1d([[1, 2, 3]], [[[1, -1]]]))).toEqual([[-1, -1]]);
    expectClose(w.batchNorm([[1, 10], [3, 30]], null, null, { eps: 0 }), [[-1, -1], [1, 1]]);
  });
});

describe("random", () => {
  const key = random.key(7);
  it("draws categories in both ways of calling, in proportion", () => {
    const logits = [Math.log(0.2), Math.log(0.5), Math.log(0.3)];
    const a = random.categorical(key, [20000], { logits });
    expect(values(random.categorical(key, logits, { shape: [20000] }))).toEqual(values(a));
    const counts = [0, 1, 2].map((k) => Number(a.equal(k).to("float32").mean().item()));
    counts.forEach((p, k) => { expect(Math.abs(p - (Math.exp(logits[k] ?? 0)))).toBeLessThan(0.015); });
    expect(random.categorical(key, [[0, 1], [2, 3], [4, 5]]).shape).toEqual([3]);
  });

  it("keeps whole numbers and truncated normals inside their bounds", () => {
    const n = random.randint(key, [5000], { min: -3, max: 4 });
    expect([n.min().item(), n.max().item(), n.dtype]).toEqual([-3, 3, "int32"]);
    const x = random.truncatedNormal(key, [5000], { min: -1, max: 0.5 });
    expect(Number(x.min().item())).toBeGreaterThanOrEqual(-1);
    expect(Number(x.max().item())).toBeLessThanOrEqual(0.5);
    expect(refusal(() => random.randint(key, [2], { min: 3, max: 3 })).message).toContain("with min < max, got 3 and 3");
    const u = random.uniform(key, [1_000_000], { min: 1000, max: 1001 });
    expect([Number(u.min().item()) >= 1000, Number(u.max().item()) < 1001]).toEqual([true, true]);
    for (const [min, max] of [[5, 1], [NaN, 1], [0, Infinity], [-3e38, 3e38]])
      expect(refusal(() => random.uniform(key, [2], { min, max })).message).toContain("min must be less than max, and max - min finite in float32");
  });

  // Means and standard deviations by integrating the density.
  it.each([
    [5.5, 7, 5.6713, 0.16649],
    [6, Infinity, 6.1585, 0.15488],
    [-40, -36, -36.02774, 0.02771],
    [8, 9, 8.1212, 0.11895],
    [2.6, 2.7, 2.6478, 0.02881],
  ])("has truncated normals between %d and %d, in the tail", (min, max, mean, deviation) => {
    for (const dtype of ["float32", "float64"] as const) {
      const x = random.truncatedNormal(key, [20_000], { min, max, dtype });
      expect(Math.abs(Number(x.mean().item()) - mean)).toBeLessThan(0.03 * deviation);
      expect(Math.abs(Number(x.std().item()) / deviation - 1)).toBeLessThan(0.03);
      expect([Number(x.min().item()) >= min, Number(x.max().item()) <= max]).toEqual([true, true]);
      expect(new Set(x.data()).size).toBeGreaterThan(dtype === "float64" ? 19_990 : 3000);
    }
    expect(refusal(() => random.truncatedNormal(key, [2], { min: 38, max: 40 })).message).toContain("must not both be beyond 37 on one side, got 38 and 40");
  });

  it("refuses sizes that no memory has as what they are", () => {
    const refused = (f: () => unknown): string => refusal(f).message;
    const ones = w.ones([1, 1, 4]);
    expect(refused(() => w.conv1d(ones, ones, { stride: 2 ** 32 }))).toContain("stride must be whole numbers of at least 1 and at most 2147483647, got 4294967296");
    expect(refused(() => w.tensordot([[1, 2]], [[1, 2]], 2 ** 32 + 1))).toContain("there are 2 and 2 axes to sum over, got 4294967297");
    expect(refused(() => w.tensor([1, 2]).reshape([2 ** 32 + 2]))).toContain("4294967298");
    expect(refused(() => w.linalg.matrixPower(w.eye(2), 2 ** 53))).toContain("n must be a whole number of at most 9e15 in size, got 9007199254740992");
    expect(w.diagonal([[1, 2], [3, 4]], 2 ** 32).shape).toEqual([0]);
    expect(refused(() => w.topk([1, 2, 3], 1, null as never))).toContain("the options must be an object, got null");
    expect(refused(() => random.categorical(key, [0, 1], null as never))).toContain("random.categorical: ");
    expect(refused(() => w.batchNorm(w.ones([2, 2]), null, null, { variance: [1, 1] }))).toContain("the mean as a tensor, got variance alone");
  });
});

describe("networks", () => {
  const image = w.randn([1, 2, 5, 5], { dtype: "float64" });
  it("has convolutions that are per-example under vmap, and jvp that agrees with grad", () => {
    const weight = w.randn([3, 2, 3, 3], { dtype: "float64" });
    const many = w.randn([4, 2, 5, 5], { dtype: "float64" });
    const f = (x: Tensor): Tensor => w.conv2d(x, weight, { padding: 1 });
    expectClose(vmap(f)(many), f(many));
    const t = w.randn([1, 2, 5, 5], { dtype: "float64" });
    const loss = (x: Tensor): Tensor => f(x).square().sum();
    const [, slope] = jvp(loss, [image], [t]);
    expectClose(slope, grad(loss)(image).mul(t).sum(), { rtol: 1e-10 });
  });

  it("refuses what does not fit", () => {
    const says = (f: () => unknown): string => refusal(f).message;
    expect(says(() => w.conv2d(image, w.ones([3, 4, 3, 3], "float64")))).toBe(
      "conv2d: weight must be [out, 2, ..kernel] for x [1, 2, 5, 5], got [3, 4, 3, 3]");
    expect(says(() => w.conv2d(image, w.ones([3, 2, 7, 7], "float64")))).toBe(
      "conv2d: a kernel that spans 7 elements must fit into the 5 that are there");
    expect(says(() => w.conv2d(image, w.ones([3, 2, 3, 3], "float64"), { stride: 0 }))).toContain("stride must be whole numbers of at least 1, got 0");
    expect(says(() => w.maxPool2d(image, 2, { padding: 2 }))).toContain("padding must be at most half the kernel");
    expect(says(() => w.layerNorm(image, [1, 2]))).toContain("weight must have shape [5], got [2]");
    expect(says(() => w.batchNorm(image, null, null, { mean: [0, 0] }))).toContain("mean and variance must be given together");
    expect(says(() => w.embedding([3], w.ones([3, 2])))).toContain("indices must be in [0, 2]");
    expect(says(() => w.dropout(image, 1.5, random.key(0)))).toContain("p must be one number in [0, 1]");
    expect(says(() => w.gatherND(image, [[0, 2, 0, 0]]))).toContain("indices must be in [-2, 1] along axis 1 of size 2, got 2");
  });

  it("has dropout that keeps the mean, and nothing at 0 and 1", () => {
    const x = w.ones([10000]);
    const key = random.key(3);
    expect(Math.abs(Number(w.dropout(x, 0.4, key).mean().item()) - 1)).toBeLessThan(0.03);
    expect(w.dropout(x, 0, key).sum().item()).toBe(10000);
    expect(values(grad((x: Tensor) => w.dropout(x, 1, key).sum())(w.ones([2])))).toEqual([0, 0]);
  });
});

describe("losses and norms", () => {
  it("stay finite far out", () => {
    const far = tensor([800, -800], "float64");
    expect(values(w.binaryCrossEntropyWithLogits(far, [1, 0], { reduction: "none" }))).toEqual([0, 0]);
    expect(values(grad((x: Tensor) => w.binaryCrossEntropyWithLogits(x, [0, 1], "sum"))(far))).toEqual([1, -1]);
    expect(values(w.logCumSumExp(tensor([0, 1000, -1000], "float64")))).toEqual([0, 1000, 1000]);
    expect(values(grad((x: Tensor) => w.huberLoss(x, [0, 0], { reduction: "sum" }))(tensor([1e200, 0], "float64")))).toEqual([1, 0]);
    expect(values(w.normalize(tensor([0, 0])))).toEqual([0, 0]);
    expect(grad((x: Tensor) => w.normalize(x).sum())(tensor([0, 0], "float64")).isfinite().all().item()).toBe(true);
  });
});
