// Finding out: hooks on gradients, the first NaN, tensors that nobody frees, and the derivative in words.
import { describe, expect, it } from "vitest";
import {
  customVjp, detectAnomaly, div, exp, explain, grad, graph, jvp, leakReport, log, memory, mul, ones, softmax, sqrt, tensor, type Tensor,
  tidy, where,
} from "wengert";
import { SGD } from "wengert/optim";
import { anything, expectNothingLeft, refusal, values } from "./support.js";

const parameter = (): Tensor => tensor([1, 2], { requiresGrad: true });

describe("registerHook", () => {
  it("sees the gradient of a leaf and of what was computed, in the order of the pass", () => {
    const x = parameter();
    const seen: unknown[] = [];
    const y = x.mul(3);
    y.registerHook((g) => void seen.push(["y", values(g)]));
    x.registerHook((g) => void seen.push(["x", values(g)]));
    y.mul(y).sum().backward();
    expect(seen).toEqual([["y", [6, 12]], ["x", [18, 36]]]);
    expect(values(x.grad)).toEqual([18, 36]);
  });

  it("replaces it for what comes after, one hook after the other, until it is removed", () => {
    const x = parameter();
    const y = x.mul(1);
    y.registerHook((g) => g.mul(2));
    const second = y.registerHook((g) => g.add(1));
    y.sum().backward(null, { retainGraph: true });
    expect(values(x.grad)).toEqual([3, 3]);
    second.remove();
    second();
    x.zeroGrad();
    y.sum().backward();
    expect(values(x.grad)).toEqual([2, 2]);
  });

  it("throws what a hook throws, with no gradient changed and nothing left", () => {
    const x = parameter();
    expectNothingLeft(() => {
      tidy(() => {
        const y = x.mul(1);
        y.registerHook(() => {
          throw new RangeError("mine");
        });
        expect(() => {
          y.sum().backward();
        }).toThrow(RangeError);
        expect(x.grad).toBeNull();
      });
    });
    expect(values(x.add(1))).toEqual([2, 3]);
  });

  it("refuses what cannot be", () => {
    expect(refusal(() => tensor([1]).registerHook(() => undefined)).message).toContain("must require a gradient");
    expect(refusal(() => parameter().registerHook(anything(3))).message).toContain("must be a function");
    const wrong = (): void => {
      const x = parameter();
      x.registerHook(() => ones([3]));
      x.sum().backward();
    };
    expect(refusal(wrong).message).toContain("a gradient of shape and dtype [2] float32, got [3] float32");
  });
});

describe("detectAnomaly", () => {
  it("names the operation, what it was given and the line", () => {
    const error = refusal(() => detectAnomaly(() => log(tensor([1, -1])).sum()));
    expect(error.code).toBe("value");
    expect(error.op).toBe("log");
    expect(error.message).toContain("it made NaN (1 of 2 elements) from finite numbers: [2] from -1 to 1");
    expect(error.message).toContain("diagnose.test.ts");
  });

  it("names a composed operation, and the forward operation of a derivative", () => {
    const wide = tensor([1e30, 1], "float32");
    expect(refusal(() => detectAnomaly(() => wide.variance())).op).toBe("variance");
    const error = refusal(() => detectAnomaly(() => grad((x: Tensor) => sqrt(x).sum())(tensor([0, 1]))));
    expect(error.op).toBe("sqrt");
    expect(error.message).toContain("its derivative made infinity");
  });

  it("tells values from tangents, and infinite inputs from finite ones", () => {
    const forward = refusal(() => detectAnomaly(() => jvp((x: Tensor) => sqrt(x), [tensor([0, 1])], [ones([2])])));
    expect(forward.message).toContain("sqrt: its derivative made infinity");
    const both = refusal(() => detectAnomaly(() => tensor([Infinity, 1]).sub(tensor([Infinity, 0]))));
    expect(both.message).toContain("made NaN (1 of 2 elements) from infinite numbers");
    expect(refusal(() => detectAnomaly(() => log(tensor([-1e-30])))).message).toMatch(/from -1\S*e-30 to -1/);
  });

  it("knows the trap of where", () => {
    const f = (x: Tensor): Tensor => where(x.greater(0), sqrt(x), 0).sum();
    expect(values(grad(f)(tensor([0, 4])))).toEqual([NaN, 0.25]);
    expect(refusal(() => detectAnomaly(() => grad(f)(tensor([0, 4])))).message).toContain("guard the argument");
  });

  it("goes on after one inside it has ended, and lets a step of an optimizer fail whole", () => {
    const nested = (): Tensor => {
      detectAnomaly(() => exp(tensor([1])));
      return log(tensor([-1]));
    };
    expect(refusal(() => detectAnomaly(nested)).op).toBe("log");
    const p = tensor([1]);
    const optimizer = new SGD([p], { lr: 1e30, momentum: 0.9 });
    optimizer.step([tensor([1e3])]);
    refusal(() => {
      detectAnomaly(() => {
        optimizer.step([tensor([1e30])]);
      });
    });
    expect(p.item()).toBeCloseTo(-1e33, -28);
  });

  it("has no place inside a transformation", () => {
    expect(refusal(() => grad((x: Tensor) => detectAnomaly(() => log(x)).sum())([-1])).code).toBe("trace");
  });

  it("looks at backward too, and returns what is finite, infinities that were given included", () => {
    const x = tensor([0, 1], { requiresGrad: true });
    const y = sqrt(x);
    expect(refusal(() => { detectAnomaly(() => { y.sum().backward(); }); }).op).toBe("sqrt");
    expect(values(detectAnomaly(() => softmax(tensor([0, -Infinity]))))).toEqual([1, 0]);
    expect(refusal(() => detectAnomaly(anything(3))).message).toContain("must be a function");
    expect(values(div(1, tensor([0])))).toEqual([Infinity]); // off again
  });
});

describe("leakReport", () => {
  it("lists what is left by the line that made it", () => {
    const kept: Tensor[] = [];
    const report = leakReport(() => {
      for (let i = 0; i < 3; i++) kept.push(ones([10]));
      tidy(() => exp(ones([5])).sum());
      mul(2, 3).dispose();
    });
    expect([report.tensors, report.leaks.length]).toEqual([4, 2]);
    expect(report.bytes).toBe(124);
    expect(report.leaks[0]).toMatchObject({ tensors: 3, bytes: 120 });
    expect(report.leaks[0]?.site).toContain("diagnose.test.ts");
    expect(String(report)).toContain("4 tensors with 124 bytes outlive the function:");
    expect(String(leakReport(() => undefined))).toBe("0 tensors with 0 bytes outlive the function");
    kept.forEach((t) => {
      t.dispose();
    });
  });
});

describe("explain", () => {
  it("writes the chain rule with this example's numbers", () => {
    const x = tensor(2, { requiresGrad: true }).named("x");
    const y = tensor(3, { requiresGrad: true }).named("y");
    const z = x.mul(y).sin().add(x).named("z");
    expect(explain(z)).toBe(
      [
        "Forward",
        "  x = 2",
        "  y = 3",
        "  a = x · y = 6",
        "  b = sin(a) = -0.27942",
        "  z = b + x = 1.7206",
        "Backward: the derivative of z",
        "  ∂z/∂z = 1",
        "  ∂z/∂b = ∂z/∂z = 1 · 1 = 1",
        "  ∂z/∂a = ∂z/∂b · cos(a) = 1 · 0.96017 = 0.96017",
        "  ∂z/∂y = ∂z/∂a · x = 0.96017 · 2 = 1.9203",
        "  ∂z/∂x = ∂z/∂a · y + ∂z/∂z = 0.96017 · 3 + 1 · 1 = 3.8805",
      ].join("\n"),
    );
  });

  it("shows a function with a rule as one operation, and names that occur twice", () => {
    const f = customVjp((x: Tensor) => x.sin(), (x: Tensor) => [x.sin(), x] as const, (x, g) => [x.cos().mul(g)]);
    const x = tensor(1, { requiresGrad: true }).named("x");
    const y = tensor(2, { requiresGrad: true }).named("x");
    expect(explain(f(x).mul(y)).split("\n").slice(0, 7)).toEqual([
      "Forward",
      "  x = 1",
      "  x_2 = 2",
      "  a = customVjp(x) = 0.84147",
      "  b = a · x_2 = 1.6829",
      "Backward: the derivative of b",
      "  ∂b/∂b = 1",
    ]);
  });

  it("has shapes where there are no numbers, and leaves nothing", () => {
    const x = tensor([1, 2], { requiresGrad: true }).named("x");
    const text = tidy(() => explain(x.exp().sum()));
    expect(text).toContain("a = exp(x): float32 [2]");
    expect(text).toContain("∂b/∂x = ∂b/∂a · a");
    expectNothingLeft(() => {
      tidy(() => explain(x.exp().sum()));
    });
    expect(graph(x).nodes.length).toBe(1);
    expect(memory().tensors).toBeGreaterThan(0);
  });
});
