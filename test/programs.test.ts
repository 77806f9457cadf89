// Whole programs: every transformation on each of them, against differences and against each other.
import { describe, expect, it } from "vitest";
import {
  add, checkpoint, compile, concat, exp, grad, gradCheck, graph, hvp, jacfwd, jacobian, jacrev, jvp, linear, linearize, log, matmul, memory,
  mul, onesLike, random, resetPeak, sigmoid, softmax, square, sub, sum, tanh, tensor, Tensor, tidy, toDot, transpose, tree, valueAndGrad,
  vjp, vmap,
} from "wengert";
import { expectClose } from "wengert/testing";
import { expectNothingLeft } from "./support.js";

/** Normal numbers of its own for each seed. */
const draw = (seed: number, ...shape: number[]): Tensor =>
  tidy(() => random.normal(random.key(seed), shape, { dtype: "float64" }).mul(0.5));

type Params = Record<string, Tensor>;
interface Program {
  readonly params: Params;
  readonly loss: (p: Params) => Tensor;
  /** It has transformations inside, whose results are constants for `backward`. */
  readonly nested?: true;
}

/** The parameter of this name, which the program has. */
const of = (p: Params, name: string): Tensor => {
  const found = p[name];
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
};

const x = draw(1, 5, 3);
const programs: Record<string, Program> = {
  "an MLP": {
    params: { w1: draw(2, 4, 3), b1: draw(3, 4), w2: draw(4, 2, 4) },
    loss: (p) => square(linear(tanh(linear(x, of(p, "w1"), of(p, "b1"))), of(p, "w2"))).mean(),
  },
  "an RNN over 20 steps": {
    params: { w: draw(5, 3, 3), u: draw(6, 3, 3) },
    loss: (p) => {
      const inputs = draw(7, 20, 3);
      let h = draw(8, 1, 3);
      for (let t = 0; t < 20; t++) h = tanh(linear(h, of(p, "w")).add(linear(inputs.slice([[t, t + 1]]), of(p, "u"))));
      return h.sum();
    },
  },
  "an attention block": {
    params: { q: draw(9, 3, 3), k: draw(10, 3, 3), v: draw(11, 3, 3) },
    loss: (p) => {
      const [q, k, v] = ["q", "k", "v"].map((name) => linear(x, of(p, name)));
      if (q === undefined || k === undefined || v === undefined) throw new Error("three");
      return square(matmul(softmax(matmul(q, transpose(k)).div(Math.sqrt(3))), v)).sum();
    },
  },
  "a Gaussian likelihood": {
    params: { mean: draw(12, 3), scale: draw(13, 3) },
    loss: (p) => {
      const z = sub(x, of(p, "mean")).div(exp(of(p, "scale")));
      return square(z).mul(0.5).add(of(p, "scale")).sum();
    },
  },
  "Rosenbrock's function": {
    params: { p: draw(14, 6) },
    loss: (p) => {
      const all = of(p, "p");
      const [a, b] = [all.slice([[0, 5]]), all.slice([[1, 6]])];
      return sum(add(square(sub(1, a)), mul(square(sub(b, square(a))), 100)));
    },
  },
  "steps of an ODE": {
    params: { rates: draw(15, 2), start: draw(16, 2) },
    loss: (p) => {
      const rhs = (u: Tensor): Tensor => concat([u.slice([[1, 2]]), u.slice([[0, 1]]).sin().neg()]).mul(of(p, "rates"));
      let u = of(p, "start");
      for (let step = 0; step < 4; step++) {
        const k1 = rhs(u);
        const k2 = rhs(u.add(k1.mul(0.05)));
        u = u.add(k2.mul(0.1));
      }
      return square(u).sum();
    },
  },
  "a loss with a gradient penalty": {
    nested: true,
    params: { w: draw(17, 4, 3), v: draw(18, 4) },
    loss: (p) => {
      const critic = (x: Tensor): Tensor => sum(mul(sigmoid(linear(x, of(p, "w"))), of(p, "v")));
      const g = grad(critic)(x);
      return critic(x).add(square(sub(square(g).sum(1).add(1e-3).sqrt(), 1)).sum());
    },
  },
};

describe.each(Object.entries(programs))("%s", (_, { params, loss, nested }) => {
  const direction = tree.map((p) => draw(21, ...p.shape), params);

  it("has right derivatives of both modes and of second order", () => {
    const { ok, report } = gradCheck(loss, [params], { order: 2, seed: 1, rtol: 1e-4, atol: 1e-5 });
    expect(report).toContain("agree");
    expect(ok).toBe(true);
  });

  it("has the same products by every transformation", () => {
    tidy(() => {
      const g = grad(loss)(params);
      const along = tree.leaves(tree.map((a, b) => a.mul(b).sum(), g, direction)).reduce((a, b) => a.add(b));
      expectClose(jvp(loss, [params], [direction])[1], along, { rtol: 1e-9, atol: 1e-12 });
      expectClose(linearize(loss, params)[1](direction), along, { rtol: 1e-9, atol: 1e-12 });
      expectClose(vjp(loss, params)[1](1)[0], g, { rtol: 1e-12 });
      expectClose(valueAndGrad(checkpoint(loss))(params)[1], g, { rtol: 1e-10, atol: 1e-13 });
      const [product] = hvp(loss, [params], [direction]);
      const reverse = grad((p: Params) => {
        const terms = tree.leaves(tree.map((a, b) => a.mul(b).sum(), grad(loss)(p), direction));
        return terms.reduce((a, b) => a.add(b));
      })(params);
      expectClose(product, reverse, { rtol: 1e-8, atol: 1e-10 });
    });
  });

  it("has the same bits when it is compiled, with whatever transformations are inside or around", () => {
    tidy(() => {
      const both = tree.map((p) => concat([p, p.mul(1.1)].map((q) => q.reshape([1, ...q.shape]))), params);
      const product = (p: Params, v: Params): Params[] => hvp(loss, [p], [v]);
      const tangent = (p: Params, v: Params): Tensor => jvp(loss, [p], [v])[1];
      const compiled = compile(loss);
      const pairs: [unknown, unknown][] = [
        [compiled(params), loss(params)],
        [compile(valueAndGrad(loss))(params), valueAndGrad(loss)(params)],
        [compile(tangent)(params, direction), tangent(params, direction)],
        [compile(product)(params, direction), product(params, direction)],
        [compile(vmap(grad(loss)))(both), vmap(grad(loss))(both)],
        [grad(compiled)(params), grad(loss)(params)],
        [vmap(grad(compiled))(both), vmap(grad(loss))(both)],
      ];
      const bits = (x: unknown): unknown => JSON.stringify(x, (_, value: unknown) => (value instanceof Tensor ? value.toArray() : value));
      for (const [found, wanted] of pairs) expect(bits(found)).toBe(bits(wanted));
    });
  });

  it("is mapped over parameters, and over its own gradient", () => {
    tidy(() => {
      const both = tree.map((p) => concat([p, p.mul(1.1)].map((q) => q.reshape([1, ...q.shape]))), params);
      const losses = vmap(loss)(both);
      expectClose(losses.slice([[0, 1]]).reshape([]), loss(params), { rtol: 1e-10 });
      const gradients = vmap(grad(loss))(both);
      const second = grad(loss)(tree.map((p) => p.mul(1.1), params));
      expectClose(tree.map((g) => g.slice([[1, 2]]).reshape(g.shape.slice(1)), gradients), second, { rtol: 1e-8, atol: 1e-11 });
    });
  });

  it(nested === true ? "has constants for backward in it" : "is gone through by backward with the same gradients", () => {
    if (nested === true) {
      expect(tidy(() => grad((x: Tensor) => square(x).sum())(tensor([1], { requiresGrad: true })).requiresGrad)).toBe(false);
      return;
    }
    tidy(() => {
      const tracked = tree.map((p) => tensor(p, { requiresGrad: true }), params);
      loss(tracked).backward();
      expectClose(tree.map((p) => p.grad ?? p, tracked), grad(loss)(params), { rtol: 1e-10, atol: 1e-13 });
    });
  });

  it("leaves nothing, also when it throws in the middle of any transformation", () => {
    const failing = (p: Params): Tensor => {
      loss(p);
      throw new RangeError("in the middle");
    };
    const runs: (() => unknown)[] = [
      () => grad(failing)(params),
      () => valueAndGrad(failing)(params),
      () => vjp(failing, params),
      () => jvp(failing, [params], [direction]),
      () => linearize(failing, params),
      () => hvp(failing, [params], [direction]),
      () => jacobian(failing)(params),
      () => jacrev(grad(failing))(params),
      () => jacfwd(failing)(params),
      () => vmap((k: Tensor) => failing(params).mul(k))([1, 2]),
      () => checkpoint(failing)(params),
      () => grad((p: Params) => checkpoint(failing)(p))(params),
      () => tidy(() => failing(params)),
    ];
    for (const run of runs) {
      expectNothingLeft(() => {
        expect(run).toThrow(RangeError);
      });
    }
  });
});

describe("forward mode", () => {
  it("through 2,000 operations needs the memory of a few", () => {
    const long = tensor(new Float32Array(10_000).fill(0.5));
    const chain = (x: Tensor): Tensor => {
      let y = x;
      for (let k = 0; k < 2000; k++) y = tanh(y);
      return y;
    };
    tidy(() => {
      resetPeak();
      const before = memory().bytes;
      jvp(chain, [long], [onesLike(long)]);
      expect((memory().peak - before) / 40_000).toBeLessThan(8);
    });
  });
});

describe("jacobian", () => {
  it("says which side it chose", () => {
    const wide = jacobian((x: Tensor) => concat([x, x]));
    expect(wide.mode).toBeNull();
    wide([1, 2]);
    expect(wide.mode).toBe("forward");
    const tall = jacobian((x: Tensor) => x.sum());
    tall([1, 2]);
    expect(tall.mode).toBe("reverse");
  });
});

describe("gradCheck", () => {
  it("says when the point is near a kink", () => {
    const { ok, report, worst } = gradCheck((x: Tensor) => x.relu(), [[0]]);
    expect(ok).toBe(false);
    expect(worst.kink).not.toBeNull();
    expect(report).toContain("the point is near a kink");
    expect(gradCheck((x: Tensor) => log(x), [[2]]).worst.kink).toBeNull();
  });
});

describe("pictures", () => {
  it("name variables by their places in the arguments, in the gradient's own graph too", () => {
    let [whole, derivative] = ["", ""];
    grad(({ w1, rest: [b] }: { w1: Tensor; rest: [Tensor] }) => {
      const y = mul(w1, b).sin();
      whole = toDot(graph(y));
      derivative = toDot(graph(grad((w: Tensor) => mul(w, b).sin())(w1)));
      return y;
    })({ w1: tensor(2), rest: [tensor(3)] });
    expect(whole).toContain("<b>w1</b>");
    expect(whole).toContain("<b>rest[0]</b>");
    expect(derivative).toContain("cos");
  });

  it("fold what repeats", () => {
    const w = tensor([[1]], { requiresGrad: true }).named("w");
    let h = tensor([[0.5]]);
    for (let k = 0; k < 40; k++) h = tanh(add(matmul(h, w), 0.25));
    const dot = toDot(graph(h.sum()));
    expect(graph(h).nodes.length).toBeGreaterThan(120);
    expect(dot).toContain("<b>matmul, add, tanh</b>");
    expect(dot).toContain("40 times");
    expect(dot.split("\n").length).toBeLessThan(25);
  });
});
