// Checking: finite differences, gradCheck, expectClose.
import { describe, expect, it } from "vitest";
import { finiteDifference, gradCheck, ones, sin, stopGradient, type Tensor, tensor } from "wengert";
import { expectClose } from "wengert/testing";
import { expectNothingLeft, refusal, values } from "./support.js";

describe("finiteDifference", () => {
  it("has the shape of the gradient or Jacobian, and the dtype of x", () => {
    expectClose(
      finiteDifference(
        (x) => x.square().sum(),
        [
          [1, 2],
          [3, 4],
        ],
      ),
      tensor(
        [
          [2, 4],
          [6, 8],
        ],
        "float64",
      ),
      { rtol: 1e-8 },
    );
    const J = finiteDifference((x) => x.square(), tensor([1, 2, 3]));
    expect([J.shape, J.dtype]).toEqual([[3, 3], "float32"]);
    expectClose(
      J,
      [
        [2, 0, 0],
        [0, 4, 0],
        [0, 0, 6],
      ],
      { rtol: 1e-3, atol: 1e-3 },
    );
    expect(finiteDifference((x) => x.sum(), tensor([])).shape).toEqual([0]);
    expect(values(finiteDifference(() => 3, 2))).toBe(0);
  });

  it("refuses what it cannot differentiate", () => {
    expect(refusal(() => finiteDifference((x) => x, tensor([1], "int32"))).code).toBe("dtype");
    expect(refusal(() => finiteDifference((x) => x, 1, { scheme: "middle" as never })).message).toBe(
      'finiteDifference: scheme must be "forward", "backward" or "central", got "middle"',
    );
    expect(refusal(() => finiteDifference(() => "x" as never, 1)).message).toContain(
      "what the function returns must be a tensor",
    );
  });
});

describe("gradCheck", () => {
  const f = (p: { w: Tensor; ids: Tensor }, x: Tensor): Tensor[] => [sin(p.w.mul(x)), p.w.gather(p.ids, 0).square()];
  const args = (): [{ w: Tensor; ids: Tensor }, Tensor] => [
    { w: tensor([1, -2, 0.5]), ids: tensor([2, 0], "int32") },
    tensor([0.3, 0.1, 2]),
  ];

  it("finds right derivatives right, to order two", () => {
    const result = gradCheck(f, args(), { order: 2 });
    expect(result.ok, result.report).toBe(true);
    const given = args();
    expectNothingLeft(() => gradCheck(f, given, { seed: 1, order: 2 }));
  });

  it("says where derivatives are wrong", () => {
    const wrong = (x: Tensor, y: Tensor): Tensor => x.mul(stopGradient(y).slice([[1, 2]])).add(y.sum());
    const result = gradCheck(wrong, [tensor([1, 2]), tensor([1, 2, 3])], { seed: 7, modes: ["reverse"] });
    expect(result).toMatchObject({
      ok: false,
      seed: 7,
      worst: { argument: 1, path: "argument 2", index: [1], mode: "reverse" },
    });
    expect(result.worst.error).toBeCloseTo(Math.abs(result.worst.analytic - result.worst.numeric), 12);
    expect(result.report).toContain("derivatives differ, most at argument 2 [1]");
    expect(result.report).toContain("seed 7");
    // x³ in which only the first derivative is right.
    const cube = (x: Tensor): Tensor =>
      x
        .mul(stopGradient(x.square()))
        .mul(3)
        .sub(stopGradient(x.mul(x).mul(x)).mul(2));
    const order = (order: number): unknown => gradCheck(cube, [tensor([1.5])], { order, modes: ["reverse"] });
    expect(order(1)).toMatchObject({ ok: true });
    expect(order(2)).toMatchObject({ ok: false, worst: { mode: "reverse over reverse" } });
  });

  it("repeats itself with the same seed", () => {
    const run = (): unknown => gradCheck(f, args(), { seed: 3, modes: ["forward"] }).worst;
    expect(run()).toEqual(run());
  });

  it("wants floats", () => {
    expect(refusal(() => gradCheck((x: Tensor) => x, [tensor([1], "int32")])).message).toBe(
      "gradCheck: there must be an argument of floats to differentiate by",
    );
  });
});

describe("expectClose", () => {
  it("compares tensors, trees and plain data", () => {
    expectClose(ones([2]), [1, 1.0000001]);
    expectClose({ a: [ones([1])] }, { a: [[1]] });
    expectClose([tensor([NaN, Infinity])], [[NaN, Infinity]]);
    expectClose(3, 3.00001);
  });

  it("names the worst element", () => {
    expect(() => {
      expectClose(
        {
          a: tensor([
            [1, 2],
            [3, 4],
          ]),
        },
        {
          a: [
            [1, 2],
            [3.5, 4.001],
          ],
        },
      );
    }).toThrow(
      "expectClose: actual.a differs in 2 of 4 elements, most at [1, 0]: 3 where 3.5 is expected (difference 0.5)",
    );
    expect(() => {
      expectClose(ones([2]), ones([3]));
    }).toThrow("expectClose: actual must have shape [3], got [2]");
    expect(() => {
      expectClose(ones([1]), [NaN]);
    }).toThrow("differs in 1 of 1");
    expect(() => {
      expectClose(tensor([1, 2], "int32"), [1, 3]);
    }).toThrow("differs");
  });
});
