// Tensors as users see them: creation, reading, operations, printing.
import { inspect } from "node:util";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import * as w from "wengert";
import {
  add,
  arange,
  eye,
  full,
  fullLike,
  linspace,
  ones,
  onesLike,
  random,
  sum,
  tensor,
  Tensor,
  where,
  zeros,
  zerosLike,
} from "wengert";
import { values } from "./support.js";

describe("creation", () => {
  it.each([
    [3, [], "float32", 3],
    [true, [], "bool", true],
    [[1, 2, 3], [3], "float32", [1, 2, 3]],
    [[[true, false]], [1, 2], "bool", [[true, false]]],
    [new Float32Array([1, 2]), [2], "float32", [1, 2]],
    [new Float64Array([0.1, 0.2]), [2], "float64", [0.1, 0.2]],
    [new Int32Array([1, -2]), [2], "int32", [1, -2]],
    [new Uint8Array([1, 255]), [2], "float32", [1, 255]],
    [
      [new Float32Array([1, 2]), new Float32Array([3, 4])],
      [2, 2],
      "float32",
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [[], [0], "float32", []],
    [[[], []], [2, 0], "float32", [[], []]],
  ] as const)("tensor(%j) has shape %j and dtype %s", (data, shape, dtype, expected) => {
    const t = tensor(data);
    expect([t.shape, t.dtype, t.ndim, t.size]).toEqual([shape, dtype, shape.length, t.data().length]);
    expect(t.toArray()).toEqual(expected);
  });

  it("takes dtype and shape as options, the dtype also plainly", () => {
    expect(values(tensor([1.9, -1.9, NaN, 1e12], "int32"))).toEqual([1, -1, 0, 2 ** 31 - 1]);
    expect(values(tensor([0, 2, NaN], { dtype: "bool" }))).toEqual([false, true, true]);
    expect(values(tensor([1, 2, 3, 4], { shape: [2, 2], dtype: "float64" }))).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(values(tensor(new Float64Array([0.1]), "float32"))).toEqual([Math.fround(0.1)]);
    expect(values(tensor(ones([4]), { shape: [2, 2], dtype: "int32" }))).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(tensor([1], { requiresGrad: true }).requiresGrad).toBe(true);
    expect(tensor([1]).requiresGrad).toBe(false);
  });

  it("fills", () => {
    expect(values(zeros([2, 1]))).toEqual([[0], [0]]);
    expect(values(ones(3, "int32"))).toEqual([1, 1, 1]);
    expect(values(full([2], 7.5))).toEqual([7.5, 7.5]);
    expect(full([2], true).dtype).toBe("bool");
    expect(values(full([], 3, "float64"))).toBe(3);
    const model = zeros([2], "float64");
    expect([
      zerosLike(model).dtype,
      values(onesLike(model)),
      values(fullLike(model, 2, "int32")),
      values(onesLike([1, 2])),
    ]).toEqual(["float64", [1, 1], [2, 2], [1, 1]]);
    expect(values(zeros([0, 3]))).toEqual([]);
    expect(values(eye(2))).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(values(eye(2, 3, "int32"))).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
    expect(eye(2, { dtype: "float64" }).dtype).toBe("float64");
  });

  it("counts", () => {
    expect(values(arange(3))).toEqual([0, 1, 2]);
    expect(values(arange(1, 2, 0.25, "float64"))).toEqual([1, 1.25, 1.5, 1.75]);
    expect(values(arange(3, 0, -1, { dtype: "int32" }))).toEqual([3, 2, 1]);
    expect(values(arange(3, 0))).toEqual([]);
    expect(values(linspace(0, 1, 5))).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(values(linspace(2, 3, 1))).toEqual([2]);
    expect(linspace(0, 1).size).toBe(50);
    expect(linspace(0, 0.3, 4, "float64").at(3).item()).toBe(0.3);
  });
});

describe("reading", () => {
  const t = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);

  it("copies with data, lends with withData", () => {
    const copy = t.data();
    copy[0] = 99;
    expect(t.at(0).at(0).item()).toBe(1);
    expect([...t.transpose().data()]).toEqual([1, 4, 2, 5, 3, 6]);
    expect([...t.slice([null, [undefined, undefined, -1]]).data()]).toEqual([3, 2, 1, 6, 5, 4]);
    expect(t.withData((v) => v.length)).toBe(6);
    expect(tensor([true, false]).data()).toEqual(new Uint8Array([1, 0]));
    expect(tensor([1], "float64").data()).toBeInstanceOf(Float64Array);
    expect(tensor([1], "int32").data()).toBeInstanceOf(Int32Array);
    expect(zeros([0]).data()).toEqual(new Float32Array());
    expect(zeros([0]).withData((v) => v.length)).toBe(0);
    expect(t.broadcastTo([2, 2, 3]).data().length).toBe(12);
  });

  it("reads one element", () => {
    expect([tensor(2.5).item(), tensor([[true]]).item(), tensor([7], "int32").item(), t.sum().item()]).toEqual([
      2.5,
      true,
      7,
      21,
    ]);
  });

  it("reads right after the memory has grown", () => {
    const small = tensor([1, 2, 3]);
    for (let n = 1; n < 9; n++) {
      const big = ones([n * 1_000_000]);
      expect(big.shape).toEqual([n * 1_000_000]);
      expect(small.add(big.at(0)).toArray()).toEqual([2, 3, 4]);
      big.dispose();
    }
  });

  it("has a shape that nobody can change", () => {
    expect(() => {
      (t.shape as number[])[0] = 5;
    }).toThrow(TypeError);
  });
});

describe("operations", () => {
  const a = tensor([
    [1, 2],
    [3, 4],
  ]);

  it("take tensors, numbers, booleans, nested and typed arrays", () => {
    for (const b of [10, tensor(10), [10, 10], [[10], [10]], new Float64Array([10, 10]), new Int32Array([10, 10])]) {
      expect(values(a.add(b))).toEqual([
        [11, 12],
        [13, 14],
      ]);
      expect(values(add(b, a))).toEqual([
        [11, 12],
        [13, 14],
      ]);
    }
    expect(values(a.mul(true))).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(values(add(1, 2))).toBe(3);
    expect(values(w.sin(0))).toBe(0);
    expect(tensor([1], "float64").add([2]).dtype).toBe("float64");
    expect(tensor([1], "int32").mul(2).dtype).toBe("int32");
  });

  it("take options as an object, or the first one plainly", () => {
    expect(values(a.sum())).toBe(10);
    expect(values(a.sum(1))).toEqual([3, 7]);
    expect(values(sum(a, { axis: -1, keepDims: true }))).toEqual([[3], [7]]);
    expect(values(a.sum([0, -1]))).toBe(10);
    expect(values(a.sum(null))).toBe(10);
    expect(values(a.sum({}))).toBe(10);
    expect(values(w.leakyRelu(tensor([-1, 1]), 0.5))).toEqual([-0.5, 1]);
    expect(values(w.leakyRelu(tensor([-1, 1]), { negativeSlope: tensor(0.25) }))).toEqual([-0.25, 1]);
    expect(values(w.leakyRelu(tensor([-2, 1]), [0.5, 1]))).toEqual([-1, 1]);
    expect(values(tensor([-100, 1]).leakyRelu())).toEqual([-1, 1]);
    expect(w.concat([a, a], 1).shape).toEqual([2, 4]);
    expect(w.concat([a, [[5, 6]]], { axis: 0 }).shape).toEqual([3, 2]);
    expect(w.norm(a, { ord: Infinity }).item()).toBe(4);
  });

  it("take plain data in the dtype that the place asks for", () => {
    expect(
      values(
        where(
          [
            [true, false],
            [false, true],
          ],
          a,
          0,
        ),
      ),
    ).toEqual([
      [1, 0],
      [0, 4],
    ]);
    expect(values(where(a.greater(2), 1, 0))).toEqual([
      [0, 0],
      [1, 1],
    ]);
    expect(values(w.gather(a, [[1], [0]], 1))).toEqual([[2], [3]]);
    expect(values(w.oneHot([0, 2], 3))).toEqual([
      [1, 0, 0],
      [0, 0, 1],
    ]);
    expect(values(w.equal(tensor([true, false]), [true, true]))).toEqual([true, false]);
    expect(values(w.linear([[1, 2]], a))).toEqual([[5, 11]]);
    expect(values(w.linear([[1, 2]], a, [1, 1]))).toEqual([[6, 12]]);
    expect(values(w.linear([[1, 2]], a, null))).toEqual([[5, 11]]);
    expect(values(w.einsum("ij,j->i", a, [1, 1]))).toEqual([3, 7]);
  });

  it("are functions and methods alike", () => {
    // What is no operation, or takes no tensor first.
    const notMethods = [
      "Tensor", "TensorError", "arange", "checkpoint", "concat", "customJvp", "compile", "customVjp", "detectAnomaly", "explain", "leakReport", "dispose", "einsum", "eye", "finiteDifference", "full", "fullLike",
      "grad", "gradCheck", "graph", "hessian", "hvp", "init", "jacfwd", "jacobian", "jacrev", "jvp", "keep", "linearize",
      "linalg", "linspace", "manualSeed", "memory", "meshgrid", "noGrad", "ones", "onesLike", "rand", "randn", "random", "resetPeak", "stack",
      "tensor", "tidy", "toDot", "tree", "valueAndGrad", "vjp", "vmap", "zeros", "zerosLike",
    ];
    const free = Object.keys(w).filter((name) => !(name in Tensor.prototype));
    expect(free.filter((name) => !notMethods.includes(name))).toEqual([]);
    expect(notMethods.filter((name) => !free.includes(name) && name !== "grad" && name !== "dispose")).toEqual([]);
    expect(values(a.matmul(a))).toEqual(values(w.matmul(a, a)));
    expect(values(a.reshape([4]))).toEqual(values(w.reshape(a, 4)));
  });

  it("split and unstack", () => {
    const t = arange(10).reshape([2, 5]);
    expect(w.split(t, [2, 3], 1).map(values)).toEqual([
      [
        [0, 1],
        [5, 6],
      ],
      [
        [2, 3, 4],
        [7, 8, 9],
      ],
    ]);
    expect(w.split(t, 2).map(values)).toEqual([[[0, 1, 2, 3, 4]], [[5, 6, 7, 8, 9]]]);
    expect(w.split([1, 2], 2).map(values)).toEqual([[1], [2]]);
    expect(w.unstack(t, -2).map((row) => row.shape)).toEqual([[5], [5]]);
    expect(w.unstack(t, { axis: 1 }).map(values)).toEqual([
      [0, 5],
      [1, 6],
      [2, 7],
      [3, 8],
      [4, 9],
    ]);
    expect(() => w.split(t, 3, 1)).toThrow(
      "split: the parts must be whole and add up to the 5 elements of axis 1, got 3 parts",
    );
    expect(() => w.split(t, [1, 1], 1)).toThrow("got sizes [1, 1]");
    expect(() => w.unstack(t, 2)).toThrow("unstack: axis must be from -2 to 1, got 2");
  });
});

describe("the imperative face", () => {
  it("accumulates until zeroGrad, and keeps the identity of grad while it does not change", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    expect(x.grad).toBeNull();
    x.square().sum().backward();
    const first = x.grad;
    expect(x.grad).toBe(first);
    x.square().sum().backward();
    expect(x.grad).not.toBe(first);
    expect([values(first), values(x.grad)]).toEqual([
      [2, 4],
      [4, 8],
    ]);
    const second = x.grad;
    x.zeroGrad();
    expect(x.grad).toBeNull();
    expect(values(second)).toEqual([4, 8]);
    x.mul(3).sum().backward();
    expect(values(x.grad)).toEqual([3, 3]);
  });

  it("gives grad again after a tidy freed the Tensor that showed it", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    x.sum().backward();
    w.tidy(() => {
      expect(values(x.grad)).toEqual([1, 1]);
    });
    expect(values(x.grad)).toEqual([1, 1]);
  });

  it("knows requiresGrad, detach, noGrad, retainGrad", () => {
    const x = tensor([1, 2]);
    expect(x.mul(2).requiresGrad).toBe(false);
    x.requiresGrad = true;
    const y = x.mul(2);
    expect([y.requiresGrad, y.detach().requiresGrad, w.noGrad(() => x.mul(2)).requiresGrad]).toEqual([
      true,
      false,
      false,
    ]);
    y.retainGrad().square().sum().backward();
    expect([values(y.grad), values(x.grad)]).toEqual([
      [4, 8],
      [8, 16],
    ]);
    expect(y.grad).not.toBeNull();
    x.zeroGrad();
    x.mul(x.detach()).sum().backward();
    expect(values(x.grad)).toEqual([1, 2]);
    expect(() =>
      w.noGrad(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(x.mul(1).requiresGrad).toBe(true);
  });

  it("runs backward again with retainGraph, and differentiates gradients with createGraph", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const y = x.square().sum();
    y.backward(null, { retainGraph: true });
    y.backward(2);
    expect(values(x.grad)).toEqual([6, 12]);
    x.zeroGrad();
    x.mul(x).mul(x).sum().backward(undefined, { createGraph: true });
    const g = x.grad;
    expect([values(g), g?.requiresGrad]).toEqual([[3, 12], true]);
    x.zeroGrad();
    g?.sum().backward();
    expect(values(x.grad)).toEqual([6, 12]);
  });

  it("assigns another value to the same Tensor", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const before = x.detach();
    expect(x.assign([5, 6])).toBe(x);
    expect([values(x), values(before), x.requiresGrad]).toEqual([[5, 6], [1, 2], true]);
    x.assign(w.noGrad(() => x.mul(2)));
    expect(values(x)).toEqual([10, 12]);
    expect(() => x.assign([1, 2, 3])).toThrow("assign: ");
    expect(() => x.assign(tensor([1, 2], "int32"))).toThrow("assign: ");
    const y = x.square();
    expect(() => x.assign([0, 0])).toThrow("assign: ");
    y.dispose();
  });

  it("carries a name", () => {
    expect([ones([1]).name, ones([1]).named("x").name]).toEqual([null, "x"]);
  });
});

describe("printing", () => {
  it.each([
    [tensor(3.5), "tensor(3.5, shape [], float32)"],
    [tensor([0.1, -2, 1e-7]), "tensor([0.1, -2, 1e-7], shape [3], float32)"],
    [tensor([1 / 3], "float64"), "tensor([0.333333333333], shape [1], float64)"],
    [
      tensor([
        [1, -20],
        [300, 4],
      ]),
      "tensor([[  1, -20],\n        [300,   4]], shape [2, 2], float32)",
    ],
    [tensor([[true], [false]]), "tensor([[ true],\n        [false]], shape [2, 1], bool)"],
    [tensor([NaN, Infinity, -0]), "tensor([NaN, Infinity, -0], shape [3], float32)"],
    [zeros([2, 0]), "tensor([[],\n        []], shape [2, 0], float32)"],
    [zeros([1, 1, 1]), "tensor([[[0]]], shape [1, 1, 1], float32)"],
    [arange(1000, "int32"), "tensor([0, 1, 2, 3, …, 996, 997, 998, 999], shape [1000], int32)"],
    [tensor([1], { requiresGrad: true }), "tensor([1], shape [1], float32, requiresGrad)"],
  ])("%#", (t, text) => {
    expect(String(t)).toBe(text);
    expect(inspect(t)).toBe(text);
  });

  it("stays short for large tensors", () => {
    const text = String(zeros([100, 100, 100]));
    expect(text.length).toBeLessThan(4000);
    expect(text).toContain("…");
  });
});

describe("random numbers", () => {
  it("follow from key and shape", () => {
    const key = random.key(42);
    expect([key.dtype, key.shape]).toEqual(["int32", [2]]);
    expect(values(random.uniform(key, [5]))).toEqual(values(random.uniform(random.key(42), [5])));
    expect(values(random.uniform(key, [5]))).not.toEqual(values(random.uniform(random.key(43), [5])));
    const keys = random.split(key, 3);
    expect([keys.shape, keys.dtype]).toEqual([[3, 2], "int32"]);
    expect(values(random.uniform(keys.at(0), [2]))).not.toEqual(values(random.uniform(keys.at(1), [2])));
    expect(random.key(2 ** 53 - 1).data()).toEqual(new Int32Array([2 ** 21 - 1, -1]));
    for (const seed of [-1, 0.5, NaN, 2 ** 53])
      expect(() => random.key(seed)).toThrow("random.key: the seed must be an integer");
  });

  it("have the moments of their distributions", () => {
    const key = random.key(7);
    const u = random.uniform(key, [20_000], { min: -1, max: 3, dtype: "float64" });
    expect(Number(u.mean().item())).toBeCloseTo(1, 1);
    expect(Number(u.min().item())).toBeGreaterThanOrEqual(-1);
    expect(Number(u.max().item())).toBeLessThan(3);
    const n = random.normal(key, [20_000], "float64");
    expect(Number(n.mean().item())).toBeCloseTo(0, 1);
    expect(Number(n.std().item())).toBeCloseTo(1, 1);
    const b = random.bernoulli(key, [20_000], 0.3);
    expect(b.dtype).toBe("bool");
    expect(Number(b.to("float32").mean().item())).toBeCloseTo(0.3, 1);
    expect([...random.permutation(key, 100).data()].sort((a, b) => a - b)).toEqual([...arange(100).data()]);
  });

  it("come from one global generator too", () => {
    w.manualSeed(5);
    const first = [values(w.rand([3])), values(w.randn([2], { dtype: "float64" }))];
    w.manualSeed(5);
    expect([values(w.rand([3])), values(w.randn([2], "float64"))]).toEqual(first);
    expect(values(w.rand([3]))).not.toEqual(first[0]);
    expect(w.rand([1], { requiresGrad: true }).requiresGrad).toBe(true);
    // Tensors of a scope do not hold the generator's state.
    w.tidy(() => void w.rand([3]));
    expect(w.rand([3]).shape).toEqual([3]);
    expect(w.grad((x: Tensor) => x.mul(w.rand([3])).sum())(ones([3])).shape).toEqual([3]);
    expect(() => {
      w.manualSeed(-3);
    }).toThrow("manualSeed: ");
  });
});

it("a typed array of another realm says its dtype", () => {
  const of = (source: string): unknown => runInNewContext(source);
  for (const [source, dtype] of [["new Float64Array([1, 2])", "float64"], ["new Int32Array([1, 2])", "int32"], ["[1, 2]", "float32"]] as const) {
    const x = tensor(of(source) as number[]);
    expect([x.dtype, x.toArray()]).toEqual([dtype, [1, 2]]);
  }
});
