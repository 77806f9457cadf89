// The functional face: transformations over trees, nested in each other.
import { describe, expect, it } from "vitest";
import * as w from "wengert";
import {
  cos,
  grad,
  hessian,
  hvp,
  jacfwd,
  jacobian,
  jacrev,
  jvp,
  keep,
  linearize,
  memory,
  ones,
  resetPeak,
  sin,
  stopGradient,
  take,
  type Tensor,
  tensor,
  valueAndGrad,
  vjp,
} from "wengert";
import { expectClose } from "wengert/testing";
import { refusal, values } from "./support.js";

const f64 = (data: Parameters<typeof tensor>[0]): Tensor => tensor(data, "float64");
interface Params {
  w: Tensor;
  b: Tensor[];
}
const params = (): Params => ({
  w: f64([
    [1, 2],
    [3, 4],
  ]),
  b: [f64([0.5, -0.5])],
});
const model = (p: Params, x: Tensor): Tensor =>
  x
    .matmul(p.w)
    .add(p.b[0] ?? 0)
    .tanh();

describe("grad and valueAndGrad", () => {
  it("take numbers and arrays for tensors, and hand other arguments through", () => {
    expect(grad((x) => x.mul(x))(3).item()).toBe(6);
    expect(values(grad((x) => x.square().sum())([1, 2, 3]))).toEqual([2, 4, 6]);
    expect(values(grad((x) => x.square().sum())(new Float64Array([0.1])))).toEqual([0.2]);
    const f = (x: Tensor, power: number, o: { readonly scale: number }): Tensor => x.pow(power).mul(o.scale).sum();
    expect(values(grad(f)([1, 2], 3, { scale: 2 }))).toEqual([6, 24]);
  });

  it("differentiate by arguments of choice, with the structure of each", () => {
    const loss = (p: Params, x: Tensor): Tensor => model(p, x).sum();
    const x = f64([[1, -1]]);
    const g = grad(loss)(params(), x);
    expect([g.w.shape, g.b[0]?.shape]).toEqual([[2, 2], [2]]);
    const [byParams, byX] = grad(loss, { argnums: [0, 1] })(params(), x);
    expectClose(byParams, g);
    expectClose(byX, grad(loss, { argnums: 1 })(params(), x));
    expect(grad(loss, { argnums: [] as const })(params(), x)).toEqual([]);
    const [y, again] = valueAndGrad(loss, { argnums: 0 })(params(), x);
    expectClose(y, loss(params(), x));
    expectClose(again, g);
  });

  it("hand aux through", () => {
    const f = (x: Tensor): readonly [Tensor, { twice: Tensor; note: string; x: Tensor }] => [
      x.square().sum(),
      { twice: x.mul(2), note: "hello", x },
    ];
    const [g, aux] = grad(f, { hasAux: true })([1, 2]);
    expect([values(g), values(aux.twice), aux.note, values(aux.x)]).toEqual([[2, 4], [2, 4], "hello", [1, 2]]);
    const [[y, { note }], g2] = valueAndGrad(f, { hasAux: true })([1, 2]);
    expect([values(y), note, values(g2)]).toEqual([5, "hello", [2, 4]]);
    expect(() => grad(((x: Tensor) => x.sum()) as never, { hasAux: true })(tensor([1]))).toThrow(
      "grad: with hasAux the function must return [value, aux], got a tensor",
    );
  });

  it("give zeros where nothing depends", () => {
    expect(values(grad((x: Tensor, y: Tensor) => (x.ndim > 0 ? y.sum() : x))([1, 2], tensor([3])))).toEqual([0, 0]);
    expect(values(grad((x: Tensor) => stopGradient(x).mul(x).sum())([3, 4]))).toEqual([3, 4]);
    expect(values(grad((x: Tensor) => x.detach().sum().add(x.sum().mul(0)))([3, 4]))).toEqual([0, 0]);
    expectClose(stopGradient({ a: tensor([1]), b: [2] }), { a: [1], b: [2] });
  });

  it("nest to any order", () => {
    const d =
      (f: (x: Tensor) => Tensor): ((x: Tensor) => Tensor) =>
      (x) =>
        grad(f)(x);
    const x = f64(0.8);
    expectClose(d(d(d(sin)))(x), -Math.cos(0.8), { rtol: 1e-13 });
    expectClose(d(d(d(d((x) => x.exp().mul(x)))))(x), (0.8 + 4) * Math.exp(0.8), { rtol: 1e-12 });
  });

  it("do not confuse perturbations", () => {
    // d/dx (x d/dy (x + y)) = 1 and d/dx (x d/dy (x y)) = 2 x: Siskind and Pearlmutter, 2005.
    expect(grad((x) => x.mul(grad((y) => x.add(y))(1)))(2).item()).toBe(1);
    expect(grad((x) => x.mul(grad((y) => x.mul(y))(1)))(3).item()).toBe(6);
    const forward =
      (f: (x: Tensor) => Tensor) =>
      (x: Tensor): Tensor =>
        jvp(f, [x], [1])[1];
    expect(forward((x) => x.mul(forward((y) => x.add(y))(tensor(1))))(tensor(2)).item()).toBe(1);
    expect(forward((x) => x.mul(grad((y) => x.mul(y))(1)))(tensor(3)).item()).toBe(6);
  });

  it("see through the inner to the outer variable", () => {
    const f = (x: Tensor): Tensor => grad((y: Tensor) => x.square().mul(y).sum())(x).sum();
    expect(values(grad(f)([1, 2, 3]))).toEqual([2, 4, 6]);
  });
});

describe("what may stand inside a transformation", () => {
  it("tidy, dispose and keep", () => {
    const f = (x: Tensor): Tensor => {
      const y = w.tidy(() => x.mul(x).mul(2));
      const z = y.mul(3);
      y.dispose();
      return z.sum();
    };
    expect(values(grad(f)([1, 2]))).toEqual([12, 24]);
    expect(values(jvp(f, [[1, 2]], [[1, 0]])[1])).toBe(12);
  });

  it("new tensors, random numbers, other transformations and optimizers' arithmetic", () => {
    const f = (x: Tensor): Tensor => {
      const c = w.ones([2]).mul(w.random.uniform(w.random.key(1), [2]).mul(0).add(1));
      const g = grad((y: Tensor) => y.mul(c).square().sum())(x);
      return x.sub(g.mul(0.5)).add(c).sum();
    };
    expect(values(grad(f)([1, 2]))).toEqual([0, 0]);
    expect(values(grad((x: Tensor) => finite(x).mul(x).sum())([1, 2]))).toEqual([2, 2]);
  });

  it("tensors that require a gradient, as constants", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    expect(values(grad((v: Tensor) => v.mul(x).sum())([3, 4]))).toEqual([1, 2]);
    expect(x.grad).toBeNull();
  });
});

/** Reads values, and makes a constant of them. */
function finite(x: Tensor): Tensor {
  return tensor(Array.from(x.data(), (v) => (Number.isFinite(v) ? 2 : 0)));
}

describe("vjp, jvp and linearize", () => {
  it("agree over trees: <J v, u> = <v, J' u>", () => {
    const [p, x] = [
      params(),
      f64([
        [1, 2],
        [-0.5, 0.3],
        [0, 1],
      ]),
    ];
    const dp: Params = {
      w: f64([
        [0.1, -0.2],
        [0.3, 0.5],
      ]),
      b: [f64([1, -1])],
    };
    const dx = f64([
      [1, 0],
      [0.5, -1],
      [2, 2],
    ]);
    const [y, ty] = jvp(model, [p, x], [dp, dx]);
    const [y2, pullback] = vjp(model, p, x);
    expectClose(y, y2);
    const u = f64([
      [1, 2],
      [3, -4],
      [0.5, 0.25],
    ]);
    const [gp, gx] = pullback(u);
    const inner = gp.w
      .mul(dp.w)
      .sum()
      .add((gp.b[0] ?? tensor(0)).mul(dp.b[0] ?? 0).sum())
      .add(gx.mul(dx).sum());
    expectClose(ty.mul(u).sum(), inner, { rtol: 1e-13 });
    const [y3, pushforward] = linearize(model, p, x);
    expectClose(y3, y);
    expectClose(pushforward(dp, dx), ty, { rtol: 1e-13 });
    expectClose(pushforward(dp, dx.mul(0)), jvp(model, [p, x], [dp, dx.mul(0)])[1], { rtol: 1e-13 });
    pullback.dispose();
    pushforward.dispose();
  });

  it("may be called many times, also after the result is gone", () => {
    const [y, pullback] = vjp((x) => ({ s: sin(x), c: [cos(x)] }), f64([0.1, 0.2]));
    y.s.dispose();
    for (let i = 1; i <= 3; i++)
      expectClose(pullback({ s: [i, 0], c: [[0, i]] })[0], [i * Math.cos(0.1), -i * Math.sin(0.2)], { rtol: 1e-13 });
    pullback.dispose();
  });

  it("give the derivative of a result that was read", () => {
    const f = (x: Tensor): Tensor => {
      const [, t] = jvp((u: Tensor) => u, [x], [x]);
      t.item();
      return t;
    };
    const [y, pullback] = vjp(f, tensor(3));
    expect([y.item(), pullback(1)[0].item()]).toEqual([3, 1]);
  });

  it("run forward where only forward mode needs a value", () => {
    const [, push] = linearize((x: Tensor) => w.scatterAdd(x, [[0, 1]], [[1, 1]], 1), tensor([[1, 2]]));
    for (let k = 0; k < 2; k++) expect(values(push([[3, 4]]))).toEqual([[3, 4]]);
  });

  it("can be differentiated themselves", () => {
    // The derivative of a pullback by its cotangent, and by the point.
    const pulled = (x: Tensor, u: Tensor): Tensor => vjp((x: Tensor) => sin(x), x)[1](u)[0].sum();
    const [x, u] = [f64([0.3, 0.4]), f64([2, 3])];
    expectClose(grad(pulled, { argnums: [0, 1] })(x, u), [sin(x).neg().mul(u), cos(x)], { rtol: 1e-13 });
    const [, outside] = vjp((x: Tensor) => sin(x), x);
    expectClose(grad((u: Tensor) => outside(u)[0].sum())(u), cos(x), { rtol: 1e-13 });
    outside.dispose();
    const pushed = (x: Tensor, v: Tensor): Tensor => linearize((x: Tensor) => sin(x), x)[1](v).sum();
    expectClose(grad(pulled)(x, u), grad(pushed)(x, u), { rtol: 1e-13 });
    expectClose(jvp((x) => jvp(sin, [x], [u])[1], [x], [u])[1], sin(x).neg().mul(u).mul(u), { rtol: 1e-13 });
  });
});

describe("Jacobians and Hessians", () => {
  const x = f64([0.5, -1, 2]);

  it("have blocks for trees: outputs outside, inputs inside", () => {
    const f = (p: { a: Tensor; b: Tensor }, c: Tensor): { u: Tensor; v: Tensor[] } => ({
      u: p.a.mul(c),
      v: [p.b.sum().mul(p.a.sum())],
    });
    const p = { a: x, b: f64([[1, 2]]) };
    for (const transformation of [jacrev, jacfwd, jacobian]) {
      const J = transformation(f, { argnums: [0, 1] })(p, f64([1, 2, 3]));
      expect(J.u[0].a.shape).toEqual([3, 3]);
      expect(J.u[0].b.shape).toEqual([3, 1, 2]);
      expect(J.u[1].shape).toEqual([3, 3]);
      expect(J.v[0]?.[1].shape).toEqual([3]);
      expectClose(J.u[0].a, [
        [1, 0, 0],
        [0, 2, 0],
        [0, 0, 3],
      ]);
      expectClose(J.v[0]?.[0].b, [[1.5, 1.5]]);
      const single = transformation(f)(p, f64([1, 2, 3]));
      expectClose(single.u.a, J.u[0].a);
    }
  });

  it("work for numbers, empty tensors and single elements", () => {
    expect(values(jacobian((x) => x.square())(f64(3)))).toBe(6);
    for (const transformation of [jacrev, jacfwd]) {
      expect(transformation((x) => x.mul(2))(f64([])).shape).toEqual([0, 0]);
      expect(transformation((x) => x.sum())(f64([])).shape).toEqual([0]);
      expect(transformation((x) => w.concat([x, x]).slice([[0, 0]]))(x).shape).toEqual([0, 3]);
    }
  });

  it("nest", () => {
    const f = (x: Tensor): Tensor => x.mul(x).mul(x);
    const third = jacrev(jacfwd(f))(x);
    expect(third.shape).toEqual([3, 3, 3]);
    expectClose(third.at(2).at(2).at(2), 12);
    expectClose(jacfwd(jacrev(f))(x), third);
  });

  it("give the Hessian in every mixture", () => {
    const f = (x: Tensor): Tensor => x.at(0).mul(x.at(1)).add(x.at(2).exp()).mul(x.sum());
    const H = hessian(f)(x);
    expectClose(H, H.transpose(), { rtol: 1e-12 });
    for (const other of [jacrev(jacrev(f)), jacrev(jacfwd(f)), jacfwd(jacfwd(f)), jacfwd(grad(f))])
      expectClose(other(x), H, { rtol: 1e-12, atol: 1e-12 });
    const v = f64([1, -2, 0.5]);
    expectClose(hvp(f, [x], [v])[0], H.matmul(v), { rtol: 1e-12 });
    const blocks = hessian((x: Tensor, y: Tensor) => x.mul(y).sum().add(y.square().sum()), { argnums: [0, 1] })(x, v);
    expectClose(blocks, [
      [
        f64([
          [0, 0, 0],
          [0, 0, 0],
          [0, 0, 0],
        ]),
        w.eye(3, "float64"),
      ],
      [w.eye(3, "float64"), w.eye(3, "float64").mul(2)],
    ]);
    const [hp] = hvp((p: Params) => model(p, f64([[1, 2]])).sum(), [params()], [params()]);
    expect([hp.w.shape, hp.b[0]?.shape]).toEqual([[2, 2], [2]]);
  });
});

describe("gradients of a function that is met again and again", () => {
  const many = Array.from({ length: 12 }, (_, i) => i);

  it("have the same bits, beside other results of any kind", () => {
    const w = tensor([0.5, -1.5, 2]);
    const f = (x: Tensor): [Tensor, Record<string, Tensor>] => {
      const y = x.mul(w).sin();
      return [y.sum(), { y, x, w, twice: y }];
    };
    const alone = (x: Tensor): Float32Array => x.mul(w).cos().mul(w).data() as Float32Array;
    for (const i of many) {
      const x = tensor([i, 0.25 * i, -i]);
      const [[value, aux], gradient] = valueAndGrad(f, { hasAux: true })(x);
      expectClose(gradient, alone(x), { rtol: 1e-5, atol: 1e-6 });
      expect(aux["y"]?.data()).toEqual(x.mul(w).sin().data());
      expect(aux["x"]?.data()).toEqual(x.data());
      expect(aux["w"]?.data()).toEqual(w.data());
      expect(value.data()).toEqual(x.mul(w).sin().sum().data());
    }
  });

  it("leave nothing behind, whatever is kept, disposed or read in between", () => {
    const x = tensor([1, 2, 3]);
    const g = grad((x: Tensor) => {
      const y = x.square();
      const kept = keep(y.exp());
      y.sum().item();
      x.neg().dispose();
      return kept.mul(y).sum();
    });
    const first = g(x).data();
    for (const i of many) expect([i, ...g(x).data()]).toEqual([i, ...first]);
    const before = memory();
    many.forEach(() => { grad((x: Tensor) => x.sum())(x).dispose(); });
    const after = memory();
    expect([after.tensors, after.bytes]).toEqual([before.tensors, before.bytes]);
  });

  it("need no more memory for large tensors", () => {
    const x = ones([1e6]);
    const g = grad((x: Tensor) => {
      const still = stopGradient(x);
      const means = many.map((k) => still.mul(k).sin().mean());
      return means.reduce((sum, mean, k) => sum.add(still.mul(k).sin().sub(mean).square().mean()), x.sum());
    });
    const peaks = many.map(() => {
      const { bytes } = memory();
      resetPeak();
      g(x).dispose();
      return memory().peak - bytes;
    });
    expect(peaks).toEqual(many.map(() => peaks[0]));
    x.dispose();
  });

  it("are refused as ever, and go on", () => {
    const x = tensor([1, 2, 3]);
    const picked = (index: number): number[] =>
      [...grad((x: Tensor) => take(x, tensor([index], { dtype: "int32" })).sum())(x).data()];
    many.forEach(() => { expect(picked(1)).toEqual([0, 1, 0]); });
    const refused = (): unknown => refusal(() => picked(5)).message;
    expect(refused()).toBe(refusal(() => take(x, tensor([5], { dtype: "int32" }))).message);
    expect(picked(2)).toEqual([0, 0, 1]);
    const spoilt = (which: "x" | "aux"): string =>
      refusal(() =>
        valueAndGrad((x: Tensor) => {
          const [y, aux] = [x.sin().sum(), x.mul(2)];
          (which === "x" ? x : aux).dispose();
          return [y, aux] as const;
        }, { hasAux: true })(x),
      ).message;
    many.forEach(() => {
      expect(spoilt("x")).toBe("valueAndGrad: an argument of the function was disposed");
      expect(spoilt("aux")).toBe("valueAndGrad: what the function returns was disposed");
    });
  });
});
