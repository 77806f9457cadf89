// Operations that are made of others have a plan once they were called some times. Nobody sees that but by the clock: what is refused,
// differentiated, watched and owned is as before. (That values have the same bits is tested for every operation in fixtures.test.ts.)
import { describe, expect, it } from "vitest";
import * as w from "wengert";
import { detectAnomaly, grad, keep, layerNorm, linear, memory, noGrad, softmax, std, take, tensor, Tensor, tidy, vmap } from "wengert";
import { expectNothingLeft, left, refusal, values } from "./support.js";

/** Calls it until there is a plan, and some more. */
function often(f: () => unknown): void {
  for (let k = 0; k < 12; k++) tidy(() => void f());
}

const x = tensor([[1, 2, 4], [3, -1, 0]]);

describe("calls that are known", () => {
  it("refuse what they refused, at their own line", () => {
    const at = (k: number) => take(x, tensor([k], { dtype: "int32" }), 1);
    const before = refusal(() => at(3));
    often(() => at(2));
    expect(values(at(2))).toEqual([[4], [0]]);
    const after = refusal(() => at(3));
    expect([after.message, after.code, after.op]).toEqual([before.message, before.code, before.op]);
    expect(refusal(() => linear(x, tensor([[1, 2]]))).op).toBe("linear");
  });

  it("are recorded where derivatives go through them", () => {
    often(() => std(x, 1));
    const expected = values(grad((x: Tensor) => std(x, 1).sum())(x));
    const leaf = tidy(() => x.add(0));
    leaf.requiresGrad = true;
    std(leaf, 1).sum().backward();
    expect(values(leaf.grad)).toEqual(expected);
    expect(noGrad(() => std(leaf, 1)).requiresGrad).toBe(false);
    expect(std(leaf, 1).requiresGrad).toBe(true);
    expect(values(vmap((x: Tensor) => std(x))(x))).toEqual(values(std(x, 1)));
  });

  it("are of one shape, dtype, order of memory, and options", () => {
    const inputs = [x, x.transpose(), x.to("float64"), x.flip(1), x.flatten(), x.reshape([3, 2])];
    for (const axis of [0, -1]) {
      for (const input of inputs) {
        const expected = tidy(() => values(softmax(input, axis)));
        often(() => softmax(input, axis));
        expect(values(softmax(input, axis))).toEqual(expected);
      }
    }
    const losses = (delta: number) => tidy(() => w.huberLoss(x, x.mul(2), { delta }).item());
    const first = [0.5, 1, 2].map(losses);
    for (let k = 0; k < 12; k++) expect([0.5, 1, 2].map(losses)).toEqual(first);
    // Numbers beside tensors are part of what is known.
    const blend = (t: number) => tidy(() => values(w.lerp(x, x.mul(3), t)));
    const blends = [0, 0.25, 1].map(blend);
    for (let k = 0; k < 12; k++) expect([0, 0.25, 1].map(blend)).toEqual(blends);
  });

  it("are some: more go round", () => {
    expectNothingLeft(() => {
      for (let round = 0; round < 20; round++) {
        for (let n = 2; n < 50; n++) expect(tidy(() => Number(std(w.arange(n)).item()))).toBeCloseTo(Math.sqrt((n * n - 1) / 12), 4);
      }
    });
  });

  it("give tensors of their own", () => {
    const a = tensor([[1, 2], [3, 4]]);
    often(() => a.flatten());
    const view = a.flatten();
    expect(view).not.toBe(a);
    a.assign(tensor([[5, 6], [7, 8]]));
    expect(values(view)).toEqual([1, 2, 3, 4]);
    view.dispose();
    expect(values(a)).toEqual([[5, 6], [7, 8]]);
    const { bytes, tensors } = memory();
    often(() => layerNorm(a, 1));
    expect(memory()).toMatchObject({ bytes, tensors });
    // What does not depend on its values is nobody else's either.
    const made = Array.from({ length: 12 }, () => left(() => keep(w.linalg.matrixPower(a, 0))).bytes);
    expect(made).toEqual(made.map(() => 16));
  });

  it("are watched", () => {
    const bad = tensor([1, Infinity]);
    often(() => softmax(bad, 0));
    expect(() => detectAnomaly(() => softmax(bad, 0))).toThrow(/softmax/);
    expect(values(softmax(bad, 0))).toEqual([NaN, NaN]);
  });
});
