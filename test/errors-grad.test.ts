// Bad use of transformations and of backward is a clear sentence, and nothing is leaked.
import { describe, expect, it } from "vitest";
import * as w from "wengert";
import { grad, ones, type Tensor, tensor, type TensorError, tidy } from "wengert";
import { always, anything, expectNothingLeft, refusal } from "./support.js";

describe("transformations", () => {
  const x = tensor([1, 2, 3]);

  it("wants one number from the function of grad", () => {
    expect(refusal(() => grad(always(ones([2, 3])))(x)).message).toBe(
      "grad: the function must return one number, got [2, 3]; use jacobian, or vjp with a cotangent",
    );
  });

  it.each([
    [undefined, "grad: the function must return a tensor, got undefined"],
    [3, "grad: the function must return a tensor, got 3"],
    [Promise.resolve(), "grad: the function must be synchronous, got a promise"],
    [[tensor(1)], "grad: the function must return a tensor, got an array of 1"],
  ])("refuses a function of grad that returns %s", (result, message) => {
    expect(refusal(() => grad(always(anything(result)))(x)).message).toBe(message);
  });

  it("refuses async functions, whose own failures come to nothing", async () => {
    const f = async (x: Tensor): Promise<Tensor> => {
      await Promise.resolve();
      return x.sum();
    };
    for (const op of ["grad", "jacrev", "hessian"] as const) {
      expect(refusal(() => (w[op] as (f: unknown) => (x: Tensor) => unknown)(f)(x)).message).toBe(
        `${op}: the function must be synchronous, got a promise`,
      );
    }
    expect(refusal(() => w.noGrad(() => f(x))).code).toBe("trace");
    expect(
      refusal(() =>
        grad((x: Tensor) => {
          void tidy(() => f(x));
          return x.sum();
        })(x),
      ).message,
    ).toContain("tidy");
    await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it("refuses other results than trees of tensors", () => {
    expect(refusal(() => w.vjp(() => anything({ a: 1 }), x)).message).toContain(
      "what the function returns.a must be a tensor",
    );
    expect(refusal(() => w.jacobian(always("a"))(x)).op).toBe("jacobian");
    expect(refusal(() => w.jvp(() => tensor([1], "int32"), [x], [x])).code).toBe("dtype");
  });

  it("refuses what is no function", () => {
    for (const op of [
      "grad",
      "valueAndGrad",
      "vjp",
      "jvp",
      "linearize",
      "jacrev",
      "jacfwd",
      "jacobian",
      "hessian",
      "hvp",
      "noGrad",
      "finiteDifference",
      "gradCheck",
    ] as const) {
      expect(refusal(() => (w[op] as (f: unknown) => unknown)(3)).message).toBe(
        `${op}: the first argument must be a function, got 3`,
      );
    }
  });

  it("refuses arguments without a derivative", () => {
    expect(refusal(() => grad((x: Tensor) => x.sum())(tensor([1], "int32"))).message).toBe(
      "grad: argument 1 must be float32 or float64 to have a derivative, got int32",
    );
    expect(refusal(() => grad((p: { n: Tensor }) => p.n.sum())({ n: tensor([true]) })).message).toContain(
      "argument 1.n",
    );
    expect(refusal(() => grad((p: unknown) => p as Tensor)("text")).message).toContain('got "text"');
    expect(refusal(() => grad((x: Tensor) => x.sum(), { argnums: 1 })(x)).message).toContain(
      "argnums must be from 0 to 0",
    );
  });

  it("refuses cotangents and tangents that do not fit", () => {
    const cases = (cotangent: unknown): TensorError =>
      refusal(() => {
        const [, pullback] = w.vjp((x: Tensor) => ({ a: x.sin() }), x);
        pullback(anything(cotangent));
      });
    expect(cases({ a: [1, 2] }).code).toBe("shape");
    expect(cases({ a: ones([3], "float64") }).code).toBe("dtype");
    expect(cases({ b: x }).message).toBe("vjp: the cotangent must be an object with a, got one with b");
    expect(cases(x).message).toBe("vjp: the cotangent must be an object with a, got a tensor");
    expect(cases(undefined).message).toContain("got undefined");
    const f = (x: Tensor, y: Tensor): Tensor => x.mul(y);
    expect(refusal(() => w.jvp(f, [x, x], anything([x]))).message).toBe(
      "jvp: the list of tangents must be an array of 2, got an array of 1",
    );
    expect(refusal(() => w.jvp(f, [x, x], [x, [1, 2]])).code).toBe("shape");
    expect(refusal(() => (w.jvp as (...args: unknown[]) => unknown)(f, x, [x, x])).code).toBe("argument");
    expect(refusal(() => w.hvp((x: Tensor) => x.sum(), [x], [ones([2])])).code).toBe("shape");
  });

  it("frees everything when the function throws in the middle, and passes the error on", () => {
    const boom = new Error("boom");
    const f = (x: Tensor): Tensor => {
      x.sin().add(1).mul(x);
      throw boom;
    };
    for (const run of [
      () => grad(f)(x),
      () => w.valueAndGrad(f)(x),
      () => w.vjp(f, x),
      () => w.jvp(f, [x], [x]),
      () => w.linearize(f, x),
      () => w.jacrev(f)(x),
      () => w.jacfwd(f)(x),
      () => w.hessian(f)(x),
      () => w.hvp(f, [x], [x]),
      () => tidy(() => f(x)),
      () => grad((x: Tensor) => grad(f)(x).sum())(x),
      () => w.noGrad(() => tidy(() => f(x))),
    ]) {
      expectNothingLeft(() => {
        expect(run).toThrow(boom);
      });
    }
  });

  it("says when a pullback is gone", () => {
    const [y, pullback] = w.vjp((x: Tensor) => x.sin(), x);
    pullback.dispose();
    expect(() => pullback([1, 1, 1])).toThrow("vjp: the pullback was disposed");
    expect(y.shape).toEqual([3]);
    const [, lost] = tidy(() => ({ inner: w.vjp((x: Tensor) => x.sin(), x) })).inner;
    lost.dispose();
    let escaped: ((g: number[]) => unknown) | undefined;
    tidy(() => {
      escaped = w.vjp((x: Tensor) => x.sin(), x)[1];
    });
    expect(() => escaped?.([1, 1, 1])).toThrow("vjp: the pullback was freed when tidy returned");
  });

  it("has no place for backward inside", () => {
    expect(
      refusal(() =>
        grad((v: Tensor) => {
          const s = v.sum();
          s.backward();
          return s;
        })(x),
      ).op,
    ).toBe("backward");
  });
});

describe("backward", () => {
  const leaf = (): Tensor => tensor([1, 2], { requiresGrad: true });

  it("refuses a second time without retainGraph", () => {
    const error = refusal(() => {
      const y = leaf().square().sum();
      y.backward();
      y.backward();
    });
    expect(error.code).toBe("gradient");
    expect(error.message).toContain("retainGraph");
  });

  it("refuses a gradient of another shape or dtype", () => {
    expect(
      refusal(() => {
        leaf().square().backward([1, 2, 3]);
      }),
    ).toMatchObject({ code: "shape", op: "backward" });
    expect(
      refusal(() => {
        leaf()
          .square()
          .backward(ones([2], "float64"));
      }),
    ).toMatchObject({ code: "dtype", op: "backward" });
    expect(
      refusal(() => {
        leaf().square().backward(anything("1"));
      }).code,
    ).toBe("argument");
  });

  it("refuses where nothing requires a gradient", () => {
    expect(
      refusal(() => {
        ones([]).backward();
      }),
    ).toMatchObject({ code: "gradient", op: "backward" });
  });

  it("refuses requiresGrad where it has no meaning", () => {
    expect(
      refusal(() => {
        ones([2], "int32").requiresGrad = true;
      }).code,
    ).toBe("dtype");
    expect(
      refusal(() => {
        leaf().add(1).requiresGrad = false;
      }).code,
    ).toBe("gradient");
    expect(
      refusal(() => {
        ones([2]).requiresGrad = anything(1);
      }).code,
    ).toBe("argument");
  });
});
