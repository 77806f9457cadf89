// Small problems with known answers, from the teaching of automatic differentiation. float64, so that the answers can
// be compared to the last digits.
import { describe, expect, it } from "vitest";
import {
  cos,
  einsum,
  finiteDifference,
  grad,
  gradCheck,
  graph,
  jacfwd,
  jacobian,
  jacrev,
  log,
  matmul,
  memory,
  ones,
  pow,
  resetPeak,
  sigmoid,
  sin,
  square,
  stack,
  type Tensor,
  tensor,
  tidy,
  vjp,
} from "wengert";
import { expectClose } from "wengert/testing";
import { refusal, values } from "./support.js";

const f64 = (data: Parameters<typeof tensor>[0], requiresGrad = false): Tensor =>
  tensor(data, { dtype: "float64", requiresGrad });
const exactly = { rtol: 1e-15, atol: 1e-15 };

describe("1. a scalar graph", () => {
  it("differentiates sin(log x): cos(log x) / x", () => {
    for (const x of [0.1, 0.5, 1, 2, 7.25, 100]) {
      expectClose(grad((x: Tensor) => sin(log(x)))(f64(x)), Math.cos(Math.log(x)) / x, { rtol: 1e-13 });
    }
  });

  it("differentiates (x + y) z: z, z, x + y", () => {
    const derivative = grad((x: Tensor, y: Tensor, z: Tensor) => x.add(y).mul(z), { argnums: [0, 1, 2] });
    expect(derivative(f64(1.5), f64(-4), f64(3)).map(values)).toEqual([3, 3, -2.5]);
  });

  it("accumulates the adjoint of the shared node in sin(xy) + cos(xy)", () => {
    const x = f64(2, true).named("x");
    const y = f64(3, true).named("y");
    const r = x.mul(y).named("r").retainGrad();
    const z = sin(r).add(cos(r));
    z.backward(undefined, { retainGraph: true });
    expectClose([r.grad, x.grad, y.grad], [1.2395857848492917, 3.718757354547875, 2.4791715696985834], exactly);
    const { nodes } = graph(z);
    expect(nodes.map((node) => node.op).sort()).toEqual(["add", "cos", "leaf", "leaf", "mul", "sin"]);
    for (const node of nodes) expect(node.gradient).not.toBeNull();
    const adjoint = nodes.find((node) => node.op === "mul")?.gradient;
    expect(adjoint).toBeCloseTo(1.2395857848492917, 14);
  });

  it("differentiates the Gaussian negative log likelihood, step by step", () => {
    const [x, m, s] = [f64(1.7, true), f64(0.4, true), f64(2.5, true)];
    const t0 = x.sub(m);
    const t1 = t0.div(s);
    const t2 = log(s);
    const t3 = square(t1);
    const t4 = t2.add(Math.log(2 * Math.PI) / 2);
    const t5 = t3.div(2);
    const c = t4.add(t5);
    c.backward();
    const v = (1.7 - 0.4) / 2.5;
    expectClose(c, Math.log(2.5) + Math.log(2 * Math.PI) / 2 + (v * v) / 2, { rtol: 1e-14 });
    expectClose([x.grad, m.grad, s.grad], [v / 2.5, -v / 2.5, 1 / 2.5 - (v * v) / 2.5], { rtol: 1e-14 });
  });
});

describe("2. vectors, and the gradient tensor", () => {
  const make = (): { x: Tensor; y: Tensor; z: Tensor } => {
    const x = tensor([1, 3, 6, 2, 0], { requiresGrad: true });
    const y = tensor([2, 7, 5, 1, 1], { requiresGrad: true });
    return { x, y, z: x.square().add(y.square()).named("z") };
  };

  it("has the value x² + y²", () => {
    expect(values(make().z)).toEqual([5, 58, 61, 5, 1]);
  });

  it("takes a gradient tensor of ones", () => {
    const { x, y, z } = make();
    z.backward([1, 1, 1, 1, 1]);
    expect([values(x.grad), values(y.grad)]).toEqual([
      [2, 6, 12, 4, 0],
      [4, 14, 10, 2, 2],
    ]);
  });

  it("weighs the outputs by the gradient tensor", () => {
    const { x, y, z } = make();
    z.backward(tensor([1, 1, 2, 1, 1]));
    expect([values(x.grad), values(y.grad)]).toEqual([
      [2, 6, 24, 4, 0],
      [4, 14, 20, 2, 2],
    ]);
  });

  it("refuses a missing gradient tensor, saying what to write", () => {
    const error = refusal(() => {
      make().z.backward();
    });
    expect(error.code).toBe("gradient");
    expect(error.message).toBe(
      "backward: z has shape [5]; pass a gradient of shape [5], for instance z.backward(ones([5]))",
    );
  });

  it("refuses a gradient tensor of another shape, showing both", () => {
    const error = refusal(() => {
      make().z.backward(ones([4]));
    });
    expect(error.code).toBe("shape");
    expect(error.message).toContain("[5]");
    expect(error.message).toContain("[4]");
  });
});

describe("3. products with W", () => {
  const W = [
    [1, 2, 3],
    [4, 5, 6],
  ];
  const transposed = [
    [1, 4],
    [2, 5],
    [3, 6],
  ];

  it("y = W x: adjoints Wᵀ δ and δ xᵀ", () => {
    const [y, pullback] = vjp((W: Tensor, x: Tensor) => matmul(W, x), f64(W), f64([[1], [-2], [0.5]]));
    expect(values(y)).toEqual([[-1.5], [-3]]);
    const delta = f64([[2], [-1]]);
    const [dW, dx] = pullback(delta);
    expect(values(dx)).toEqual(values(matmul(f64(transposed), delta)));
    expect(values(dW)).toEqual([
      [2, -4, 1],
      [-1, 2, -0.5],
    ]);
    pullback.dispose();
  });

  it("y = x W: adjoints δ Wᵀ and xᵀ δ", () => {
    const [, pullback] = vjp((x: Tensor, W: Tensor) => matmul(x, W), f64([[2, -1]]), f64(W));
    const delta = f64([[1, 0.5, -3]]);
    const [dx, dW] = pullback(delta);
    expect(values(dx)).toEqual(values(matmul(delta, f64(transposed))));
    expect(values(dW)).toEqual([
      [2, 1, -6],
      [-1, -0.5, 3],
    ]);
    pullback.dispose();
  });

  it("Y = X W: the adjoint of W sums over the batch, with a mean loss it averages", () => {
    const X = f64([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const Delta = f64([
      [1, 0, 2],
      [0, 1, -1],
      [3, 1, 0],
    ]);
    const [, pullback] = vjp((X: Tensor, W: Tensor) => matmul(X, W), X, f64(W));
    const [dX, dW] = pullback(Delta);
    expect(values(dX)).toEqual(values(matmul(Delta, f64(transposed))));
    expect(values(dW)).toEqual(values(matmul(X.transpose(), Delta)));
    pullback.dispose();
    const mean = grad((W: Tensor) => matmul(X, W).mul(Delta).sum(1).mean())(f64(W));
    expectClose(mean, matmul(X.transpose(), Delta).div(3), { rtol: 1e-15 });
  });

  it("differentiates a two-layer perceptron with sigmoids elementwise", () => {
    const mlp = (x: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor): Tensor =>
      sigmoid(matmul(sigmoid(matmul(x, W1).add(b1)), W2).add(b2)).sum();
    const args = [
      f64([
        [0.5, -1],
        [2, 0.1],
      ]),
      f64([
        [0.1, 0.2, -0.3],
        [0.4, -0.5, 0.6],
      ]),
      f64([0, 0.1, -0.1]),
      f64([[1], [-1], [0.5]]),
      f64([0.2]),
    ] as const;
    const gradients = grad(mlp, { argnums: [0, 1, 2, 3, 4] })(...args);
    // By hand: the VJP of a sigmoid is δ s (1 - s).
    const [x, W1, b1, W2, b2] = args;
    const h = sigmoid(matmul(x, W1).add(b1));
    const s = sigmoid(matmul(h, W2).add(b2));
    const delta2 = s.mul(s.neg().add(1));
    const delta1 = matmul(delta2, W2.transpose()).mul(h).mul(h.neg().add(1));
    const expected = [
      matmul(delta1, W1.transpose()),
      matmul(x.transpose(), delta1),
      delta1.sum(0),
      matmul(h.transpose(), delta2),
      delta2.sum(0),
    ];
    expectClose(gradients, expected, { rtol: 1e-13 });
  });

  it("never forms the Jacobian of a sigmoid over 1,000,000 elements", () => {
    const bytes = 4_000_000;
    const x = tensor(new Float32Array(1_000_000));
    const before = memory().bytes;
    resetPeak();
    const g = grad((x: Tensor) => sigmoid(x).sum())(x);
    expect(memory().peak - before).toBeLessThanOrEqual(3 * bytes + 1000);
    expect(g.at(0).item()).toBe(0.25);
  });
});

describe("4. Jacobians", () => {
  it("of (x0 + x1, x0 x1): [[1, 1], [x1, x0]]", () => {
    const f = (x: Tensor): Tensor => stack([x.sum(), x.prod()]);
    for (const transformation of [jacrev, jacfwd, jacobian]) {
      expect(values(transformation(f)(f64([3, 5])))).toEqual([
        [1, 1],
        [5, 3],
      ]);
    }
  });

  it("of (x⁰, x¹, x²) of a scalar x: [0, 1, 2x]", () => {
    const f = (x: Tensor): Tensor => pow(x, f64([0, 1, 2]));
    for (const transformation of [jacrev, jacfwd, jacobian])
      expect(values(transformation(f)(f64(1.5)))).toEqual([0, 1, 3]);
  });

  it("has shape (a, b, c, d, e) for y of (a, b) and x of (c, d, e)", () => {
    const x = f64(Array.from({ length: 24 }, (_, i) => i / 10)).reshape([2, 3, 4]);
    const f = (x: Tensor): Tensor => einsum("cde,cd->ec", sin(x), x.sum(2));
    const [reverse, forward] = [jacrev(f)(x), jacfwd(f)(x)];
    expect(reverse.shape).toEqual([4, 2, 2, 3, 4]);
    expectClose(reverse, forward, { rtol: 1e-12, atol: 1e-12 });
    expectClose(reverse, finiteDifference(f, x), { rtol: 1e-6, atol: 1e-7 });
  });

  it("of a matrix by a matrix: Xᵀ, A X and X B, entry by entry", () => {
    const [X, A, B] = [
      f64([
        [1, 2, 3],
        [4, 5, 6],
      ]),
      f64([
        [1, -1],
        [2, 0.5],
      ]),
      f64([
        [1, 0],
        [2, -1],
        [0.5, 3],
      ]),
    ];
    const a = A.toArray() as number[][];
    const b = B.toArray() as number[][];
    const delta = (i: number, j: number): number => Number(i === j);
    const entries = (
      shape: readonly number[],
      entry: (i: number, j: number, k: number, l: number) => number,
    ): Tensor => {
      const [I = 0, J = 0, K = 0, L = 0] = shape;
      const all = Array.from({ length: I * J * K * L }, (_, n) =>
        entry(Math.floor(n / (J * K * L)), Math.floor(n / (K * L)) % J, Math.floor(n / L) % K, n % L),
      );
      return tensor(all, { dtype: "float64", shape });
    };
    for (const transformation of [jacrev, jacfwd]) {
      expectClose(
        transformation((X: Tensor) => X.transpose())(X),
        entries([3, 2, 2, 3], (i, j, k, l) => delta(i, l) * delta(j, k)),
      );
      expectClose(
        transformation((X: Tensor) => matmul(A, X))(X),
        entries([2, 3, 2, 3], (i, j, k, l) => (a[i]?.[k] ?? NaN) * delta(j, l)),
      );
      expectClose(
        transformation((X: Tensor) => matmul(X, B))(X),
        entries([2, 2, 2, 3], (i, j, k, l) => delta(i, k) * (b[l]?.[j] ?? NaN)),
      );
    }
  });
});

describe("5. checks and use", () => {
  it("shows the orders of finite differences: O(h), O(h), O(h²)", () => {
    const x = 0.7;
    const error = (scheme: "forward" | "backward" | "central", h: number): number =>
      Math.abs(Number(finiteDifference(sin, x, { scheme, h }).item()) - Math.cos(x));
    for (const scheme of ["forward", "backward"] as const)
      expect(error(scheme, 1e-2) / error(scheme, 1e-3)).toBeCloseTo(10, 0);
    expect(error("central", 1e-2) / error("central", 1e-3)).toBeCloseTo(100, 0);
  });

  it("compares central differences with both modes", () => {
    const result = gradCheck((x: Tensor, y: Tensor) => sin(x.mul(y)).add(cos(x.mul(y))), [f64([2, 0.3]), f64([3, -1])]);
    expect(result.ok, result.report).toBe(true);
  });

  it("descends f(x) = x²", () => {
    let x = 5;
    const derivative = grad((x: Tensor) => square(x));
    for (let i = 0; i < 100; i++) x -= 0.1 * Number(tidy(() => derivative(f64(x)).item()));
    expect(x).toBeCloseTo(5 * 0.8 ** 100, 14);
  });

  it("descends Rosenbrock's function", () => {
    const rosenbrock = (p: Tensor): Tensor => {
      const [x, y] = [p.at(0), p.at(1)];
      return square(x.neg().add(1)).add(square(y.sub(square(x))).mul(100));
    };
    expect(values(grad(rosenbrock)(f64([-1.2, 1])))).toEqual([expect.closeTo(-215.6, 10), expect.closeTo(-88, 10)]);
    const p = f64([-1.2, 1]);
    const derivative = grad(rosenbrock);
    for (let i = 0; i < 20_000; i++) tidy(() => void p.assign(p.sub(derivative(p).mul(1e-3))));
    expectClose(p, [1, 1], { atol: 1e-3 });
  });

  it("fits least squares: the gradient of the mean square is 2/n Xᵀ (X w - y)", () => {
    const X = f64([
      [1, 1],
      [1, 2],
      [1, 3],
      [1, 4],
    ]);
    const y = f64([[3], [5], [7], [9]]);
    const loss = (w: Tensor): Tensor => square(matmul(X, w).sub(y)).mean();
    const w = f64([[0.5], [-1]]);
    expectClose(grad(loss)(w), matmul(X.transpose(), matmul(X, w).sub(y)).mul(2 / 4), { rtol: 1e-14 });
    for (let i = 0; i < 3000; i++) tidy(() => void w.assign(w.sub(grad(loss)(w).mul(0.05))));
    expectClose(w, [[1], [2]], { rtol: 1e-6 });
  });

  it("multiplies a tensor along a mode, and unfolds it, with derivatives", () => {
    // Kolda and Bader, 2009: the frontal slices of X are [[1, 4, 7, 10], ...] and [[13, 16, 19, 22], ...].
    const X = f64(
      Array.from({ length: 24 }, (_, n) => 1 + (Math.floor(n / 8) % 3) + 3 * (Math.floor(n / 2) % 4) + 12 * (n % 2)),
    ).reshape([3, 4, 2]);
    const U = f64([
      [1, 3, 5],
      [2, 4, 6],
    ]);
    const product = (X: Tensor, U: Tensor): Tensor => einsum("ijk,ai->ajk", X, U);
    const Y = product(X, U);
    expect(values(Y.slice([null, null, [0, 1]]).reshape([2, 4]))).toEqual([
      [22, 49, 76, 103],
      [28, 64, 100, 136],
    ]);
    expect(values(Y.slice([null, null, [1, 2]]).reshape([2, 4]))).toEqual([
      [130, 157, 184, 211],
      [172, 208, 244, 280],
    ]);
    const unfold = (X: Tensor, mode: number): Tensor => X.moveAxis(mode, 0).reshape([X.shape[mode] ?? 0, -1]);
    expect(unfold(X, 1).shape).toEqual([4, 6]);
    expect(values(unfold(Y, 0))).toEqual(values(matmul(U, unfold(X, 0))));
    const dU = grad((U: Tensor) => product(X, U).mul(Y).sum())(U);
    expectClose(dU, matmul(unfold(Y, 0), unfold(X, 0).transpose()), { rtol: 1e-14 });
    const check = gradCheck((X: Tensor, U: Tensor) => [product(X, U), unfold(X, 2)], [X, U]);
    expect(check.ok, check.report).toBe(true);
  });

  it("takes a minibatch index as one more axis", () => {
    const X = f64([
      [1, 2],
      [3, -1],
      [0.5, 4],
    ]);
    const w = f64([0.3, -0.7]);
    const loss = (w: Tensor, x: Tensor): Tensor => square(matmul(x, w));
    const alone = [0, 1, 2].map((i) => grad(loss)(w, X.at(i)));
    // The Jacobian of the losses is the stack of the examples' gradients.
    expectClose(jacrev((w: Tensor) => loss(w, X))(w), stack(alone), { rtol: 1e-14 });
    expectClose(grad((w: Tensor) => loss(w, X).sum())(w), stack(alone).sum(0), { rtol: 1e-14 });
  });
});
