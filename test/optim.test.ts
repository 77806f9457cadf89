// Optimizers, step by step against the definitions of PyTorch.
import { describe, expect, it } from "vitest";
import { ones, type Tensor, tensor, tidy, tree } from "wengert";
import { Adam, adam, type AdamOptions, type Functional, SGD, sgd, type SGDOptions } from "wengert/optim";
import { expectClose } from "wengert/testing";
import { refusal, values } from "./support.js";

const start = [0.5, -1.25, 3];
/** The gradients of five steps. */
const gradients = [
  [1, -2, 0.5],
  [0.25, 3, -1],
  [-1, -1, 2],
  [0, 0.1, -0.2],
  [2, 2, 2],
];

/** torch.optim.SGD, in plain numbers. */
function sgdSteps({ lr = 1e-3, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false }: SGDOptions): number[] {
  return start.map((p0, k) => {
    let [p, b] = [p0, NaN];
    gradients.forEach((g0, t) => {
      let g = (g0[k] ?? NaN) + weightDecay * p;
      if (momentum !== 0) {
        b = t === 0 ? g : momentum * b + (1 - dampening) * g;
        g = nesterov ? g + momentum * b : b;
      }
      p -= lr * g;
    });
    return p;
  });
}

/** torch.optim.Adam, in plain numbers. */
function adamSteps({
  lr = 1e-3,
  betas = [0.9, 0.999],
  eps = 1e-8,
  weightDecay = 0,
  amsgrad = false,
}: AdamOptions): number[] {
  const [b1, b2] = betas;
  return start.map((p0, k) => {
    let [p, m, v, most] = [p0, 0, 0, 0];
    gradients.forEach((g0, t) => {
      const g = (g0[k] ?? NaN) + weightDecay * p;
      m = b1 * m + (1 - b1) * g;
      v = b2 * v + (1 - b2) * g * g;
      most = Math.max(most, v);
      const [c1, c2] = [1 - b1 ** (t + 1), 1 - b2 ** (t + 1)];
      p -= ((lr / c1) * m) / (Math.sqrt(amsgrad ? most : v) / Math.sqrt(c2) + eps);
    });
    return p;
  });
}

const sgdCases: SGDOptions[] = [
  {},
  { lr: 0.1 },
  { lr: 0.1, weightDecay: 0.01 },
  { lr: 0.1, momentum: 0.9 },
  { lr: 0.1, momentum: 0.9, dampening: 0.3 },
  { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.1 },
];
const adamCases: AdamOptions[] = [
  {},
  { lr: 0.1 },
  { lr: 0.1, betas: [0.5, 0.9] },
  { lr: 0.1, weightDecay: 0.01 },
  { lr: 0.1, amsgrad: true, betas: [0.9, 0.1] },
  { eps: 0.1, betas: [0, 0] },
];

for (const [name, Optimizer, functional, reference, cases] of [
  ["SGD", SGD, sgd, sgdSteps, sgdCases],
  ["Adam", Adam, adam, adamSteps, adamCases],
] as const) {
  describe(name, () => {
    it.each(cases)("%j steps as PyTorch does, as an object and as functions", (options) => {
      const expected = reference(options);
      for (const [dtype, rtol] of [
        ["float64", 1e-12],
        ["float32", 1e-5],
      ] as const) {
        const p = tensor(start, dtype);
        const optimizer = new Optimizer({ p }, options);
        for (const g of gradients) optimizer.step({ p: tensor(g, dtype) });
        expectClose(p, tensor(expected, dtype), { rtol });

        const functions = functional(options) as Functional<string>;
        let params = { p: tensor(start, dtype) };
        let state = functions.init(params);
        for (const g of gradients) [params, state] = functions.update({ p: tensor(g, dtype) }, state, params);
        expectClose(params.p, tensor(expected, dtype), { rtol });
        expect(state.step.item()).toBe(gradients.length);
      }
    });
  });
}

describe("the object form", () => {
  it("goes along each parameter's grad, and leaves those without one alone", () => {
    const params = { a: tensor([1, 2], { requiresGrad: true }), b: tensor([3], { requiresGrad: true }) };
    const optimizer = new SGD(params, { lr: 0.5 });
    params.a.square().sum().backward();
    optimizer.step();
    expect([values(params.a), values(params.b)]).toEqual([[0, 0], [3]]);
    expect(params.a.requiresGrad).toBe(true);
    optimizer.zeroGrad();
    expect(params.a.grad).toBeNull();
    optimizer.step();
    optimizer.step({ a: null, b: tensor([2]) });
    expect([values(params.a), values(params.b)]).toEqual([[0, 0], [2]]);
  });

  it("counts the steps of each parameter", () => {
    const late = tensor([1], "float64");
    const both = new Adam([tensor([1], "float64"), late], { lr: 0.1 });
    for (let i = 0; i < 5; i++) both.step([tensor([1], "float64"), null]);
    both.step([null, tensor([3], "float64")]);
    expectClose(late, [0.9], { rtol: 1e-7 }); // its first step
  });

  it("has a learning rate that may change", () => {
    const p = tensor([1], "float64");
    const optimizer = new SGD(p, { lr: 1 });
    optimizer.step(tensor([1], "float64"));
    optimizer.lr = 0.25;
    optimizer.step(tensor([1], "float64"));
    expect([optimizer.lr, values(p)]).toEqual([0.25, [-0.25]]);
    expect(() => {
      optimizer.lr = -1;
    }).toThrow("SGD: lr must be a number of at least 0, got -1");
  });

  it("keeps its state through the tidy of a step, and begins anew after dispose", () => {
    const p = tensor(start, "float64");
    const optimizer = new Adam(p, { lr: 0.1 });
    for (const g of gradients)
      tidy(() => {
        optimizer.step(tensor(g, "float64"));
      });
    expectClose(p, adamSteps({ lr: 0.1 }), { rtol: 1e-12 });
    optimizer.dispose();
    p.assign(start);
    for (const g of gradients) optimizer.step(tensor(g, "float64"));
    expectClose(p, adamSteps({ lr: 0.1 }), { rtol: 1e-12 });
  });

  it("trains a regression", () => {
    const X = tensor([[0], [1], [2], [3]]);
    const y = tensor([[1], [3], [5], [7]]);
    const params = { w: tensor([[0]], { requiresGrad: true }), b: tensor([0], { requiresGrad: true }) };
    const optimizer = new Adam(params, { lr: 0.05 });
    for (let i = 0; i < 1000; i++) {
      tidy(() => {
        optimizer.zeroGrad();
        X.matmul(params.w).add(params.b).sub(y).square().mean().backward();
        optimizer.step();
      });
    }
    expectClose(params, { w: [[2]], b: [1] }, { rtol: 1e-3, atol: 1e-3 });
  });
});

describe("bad use", () => {
  const p = (): { p: Tensor } => ({ p: ones([2]) });
  const anything = (value: unknown): never => value as never;

  it.each([
    [() => new SGD(p(), { lr: -1 }), "SGD: lr must be a number of at least 0, got -1"],
    [
      () => new SGD(p(), { nesterov: true }),
      "SGD: nesterov needs momentum and no dampening, got momentum 0 and dampening 0",
    ],
    [() => new Adam(p(), { betas: [0.9, 1] }), "Adam: betas must be two numbers from 0 to below 1, got 0.9 and 1"],
    [
      () => new Adam(p(), anything({ beta: 1 })),
      'Adam: the options are lr, betas, eps, weightDecay and amsgrad, got "beta"',
    ],
    [() => adam({ eps: NaN }), "adam: eps must be a number of at least 0, got NaN"],
    [
      () => new Adam(anything({ p: 3 })),
      "Adam: the parameters.p must be a tensor, or arrays and objects of tensors, got 3",
    ],
    [
      () => {
        new Adam(p()).step(anything({}));
      },
      "Adam.step: the gradients must be an object with p, got one with no keys",
    ],
    [
      () => {
        new Adam(p()).step({ p: ones([3]) });
      },
      "Adam.step: a gradient must have its parameter's shape and dtype, [2] float32, got [3] float32",
    ],
    [
      () => {
        new SGD(p()).step({ p: ones([2], "float64") });
      },
      "SGD.step: a gradient must have its parameter's shape and dtype, [2] float32, got [2] float64",
    ],
  ])("%#", (f, message) => {
    expect(refusal(f).message).toBe(message);
  });

  it("changes no parameter when one gradient is bad", () => {
    const params = [ones([2]), ones([2])];
    const optimizer = new SGD(params, { lr: 1 });
    expect(() => {
      optimizer.step([ones([2]), ones([3])]);
    }).toThrow();
    expect(tree.map((t) => t.toArray(), params)).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });
});
